/* What the program has from its caller, on Linux. */
#include "harness/cli/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/linux/names.h"

bool sbx_caller_fill_stdio(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        /* Those below fd are open by now, so open() gives exactly this one. */
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY) != fd) {
            return false;
        }
    }
    return true;
}

sbx_status sbx_caller_arguments(int *argc, char ***argv, sbx_error *err)
{
    (void)argc;
    (void)argv;
    (void)err;
    return SBX_OK;
}

static unsigned columns_from_environment(void)
{
    const char *text = getenv("COLUMNS");
    unsigned value = 0;

    for (; text != NULL && *text >= '0' && *text <= '9' && value < 10000; text++) {
        value = value * 10 + (unsigned)(*text - '0');
    }
    return text == NULL || *text != '\0' ? 0 : value;
}

sbx_screen sbx_caller_screen(int fd)
{
    sbx_screen screen = {0};
    struct winsize size = {0};
    const char *no_colour = getenv("NO_COLOR");
    const char *kind = getenv("TERM");

    if (!isatty(fd)) {
        return screen;
    }
    screen.is_terminal = true;
    screen.columns = columns_from_environment();
    if (screen.columns == 0 && ioctl(fd, TIOCGWINSZ, &size) == 0) {
        screen.columns = size.ws_col;
    }
    screen.can_redraw = kind == NULL || strcmp(kind, "dumb") != 0;
    screen.wants_colour = (no_colour == NULL || no_colour[0] == '\0') && screen.can_redraw;
    return screen;
}

static sbx_status write_all(int fd, const char *data, size_t bytes, sbx_error *err)
{
    while (bytes > 0) {
        ssize_t done = write(fd, data, bytes);

        if (done > 0) {
            data += done;
            bytes -= (size_t)done;
        } else if (done < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};

            (void)poll(&wait, 1, -1);
        } else if (done < 0 && errno != EINTR) {
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_NONE, errno, "cannot write to %s",
                                  fd == 1 ? "stdout" : "stderr");
        }
    }
    return SBX_OK;
}

sbx_status sbx_caller_write(int fd, const char *data, size_t bytes, sbx_error *err)
{
    struct sigaction ignore, before;
    sbx_status status;

    if (fd != 2) {
        return write_all(fd, data, bytes, err);
    }
    memset(&ignore, 0, sizeof(ignore));
    ignore.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &ignore, &before);
    status = write_all(fd, data, bytes, err);
    (void)sigaction(SIGPIPE, &before, NULL);
    return status;
}

sbx_status sbx_caller_absolute(sbx_text *out, const char *path, sbx_error *err)
{
    char *directory = NULL;

    if (path[0] != '/') {
        directory = getcwd(NULL, 0);
        if (directory == NULL || directory[0] != '/') {
            int code = directory == NULL ? errno : ENOENT;

            free(directory);
            return sbx_fail_errno(err, SBX_INVALID, SBX_STEP_OPTIONS, code,
                                  "%s: relative, and the working directory cannot be told", path);
        }
        sbx_text_add(out, directory);
        if (strcmp(path, ".") == 0) {
            path = "";
        } else if (directory[1] != '\0') {
            sbx_text_add(out, "/");
        }
        free(directory);
    }
    sbx_text_add(out, path);
    return sbx_text_check(out, err);
}

const char *const *sbx_caller_environment(void)
{
    return (const char *const *)environ;
}

const char *sbx_caller_signal_name(int number)
{
    static char name[24];
    const char *word = sbx_signal_name(number);

    if (word == NULL) {
        return "unknown";
    }
    (void)snprintf(name, sizeof(name), "SIG%s", word);
    return name;
}

/* Without the name service: that would load libraries into a static program. */
bool sbx_caller_find_user(unsigned *out, const char *name)
{
    char *end = NULL;
    unsigned long number;
    struct passwd *each;
    FILE *file;
    bool found = false;

    if (name[0] >= '0' && name[0] <= '9') {
        errno = 0;
        number = strtoul(name, &end, 10);
        *out = (unsigned)number;
        return errno == 0 && *end == '\0' && number < UINT32_MAX;
    }
    file = fopen("/etc/passwd", "re");
    while (file != NULL && !found && (each = fgetpwent(file)) != NULL) {
        if (strcmp(each->pw_name, name) == 0) {
            *out = (unsigned)each->pw_uid;
            found = true;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

unsigned sbx_caller_user(void)
{
    return (unsigned)getuid();
}
