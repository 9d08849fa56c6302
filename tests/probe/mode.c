/* Verbs that make a program which runs as its owner: each makes the file DIRECTORY/name with mode 0755 and the set-id bit
 * BIT (decimal), by another call, and says DID only where the bit is there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/probe/probe.h"

enum { NR_FCHMODAT2 = 452 };

static char path[4096];

/* An open descriptor or -1; 0 when the file has the bit now. */
static int check_bit(char **arguments, int failed)
{
    struct stat about;

    if (failed)
        return errno;
    if (stat(path, &about) != 0)
        return errno;
    return (about.st_mode & (mode_t)sbx_probe_number(arguments[1])) != 0 ? 0 : EPERM;
}

static mode_t mode_of(char **arguments)
{
    (void)snprintf(path, sizeof(path), "%s/set-id", arguments[0]);
    (void)unlink(path);
    umask(0);
    return (mode_t)(0755 | sbx_probe_number(arguments[1]));
}

static int make_plain(void)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
}

static int by_chmod(char **arguments)
{
    mode_t mode = mode_of(arguments);

    if (make_plain() < 0)
        return errno;
    return check_bit(arguments, chmod(path, mode) != 0);
}

static int by_fchmod(char **arguments)
{
    mode_t mode = mode_of(arguments);
    int fd = make_plain();

    return fd < 0 ? errno : check_bit(arguments, fchmod(fd, mode) != 0);
}

static int by_fchmodat(char **arguments)
{
    mode_t mode = mode_of(arguments);

    if (make_plain() < 0)
        return errno;
    return check_bit(arguments, syscall(SYS_fchmodat, AT_FDCWD, path, mode) != 0);
}

static int by_fchmodat2(char **arguments)
{
    mode_t mode = mode_of(arguments);

    if (make_plain() < 0)
        return errno;
    return check_bit(arguments, syscall(NR_FCHMODAT2, AT_FDCWD, path, mode, 0) != 0);
}

static int by_open(char **arguments)
{
    mode_t mode = mode_of(arguments);

    return check_bit(arguments, syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CREAT, mode) < 0);
}

static int by_creat(char **arguments)
{
    mode_t mode = mode_of(arguments);

    return check_bit(arguments, creat(path, mode) < 0);
}

static int by_mknod(char **arguments)
{
    mode_t mode = mode_of(arguments);

    return check_bit(arguments, mknod(path, S_IFREG | mode, 0) != 0);
}

static int by_openat2(char **arguments)
{
    struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = mode_of(arguments)};

    return check_bit(arguments,
                     syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how)) < 0);
}

static int by_unnamed(char **arguments)
{
    mode_t mode = mode_of(arguments);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, arguments[0], O_WRONLY | O_TMPFILE, mode);
    char link[64];

    if (fd < 0)
        return errno;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return check_bit(arguments, linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0);
}

#define VERB(name, run) {name, "DIRECTORY BIT", sbx_probe_denied_usual, run}

const sbx_probe_verb sbx_probe_mode_verbs[] = {
    VERB("set-id-chmod", by_chmod),
    VERB("set-id-fchmod", by_fchmod),
    VERB("set-id-fchmodat", by_fchmodat),
    VERB("set-id-fchmodat2", by_fchmodat2),
    VERB("set-id-open", by_open),
    VERB("set-id-creat", by_creat),
    VERB("set-id-mknod", by_mknod),
    VERB("set-id-openat2", by_openat2),
    VERB("set-id-tmpfile", by_unnamed),
    {.name = NULL},
};
