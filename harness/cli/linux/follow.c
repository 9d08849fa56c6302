/* Waiting for changes with inotify; see follow.h. */
#include "harness/cli/follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "harness/base/text.h"

/*
 * A commit is seen as a write to the WAL, but becomes readable only after the sync that follows, of
 * which nobody is told. So after a change the next looks come by themselves, each after twice the time
 * of the one before: 1 ms to about 1 s. Without a change there are none. The last write of a process is
 * followed by its closing the file, and that is told.
 */
enum { RECHECKS = 10 };

static sbx_status split_path(char **out_folder, sbx_follow *follow, const char *path,
                             sbx_error *err)
{
    char *real = realpath(path, NULL);
    char *slash = real == NULL ? NULL : strrchr(real, '/');
    sbx_text wal = {0};

    if (slash == NULL) {
        free(real);
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "cannot find %s", path);
    }
    sbx_text_add_format(&wal, "%s-wal", slash + 1);
    follow->names[0] = strdup(slash + 1);
    follow->names[1] = wal.data;
    slash[slash == real ? 1 : 0] = '\0';
    *out_folder = real;
    return wal.failed || follow->names[0] == NULL
               ? sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory")
               : SBX_OK;
}

static sbx_status take_signals(sbx_follow *follow, sbx_error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0) {
        follow->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    return follow->signal_fd >= 0
               ? SBX_OK
               : sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "cannot wait for signals");
}

sbx_status sbx_follow_begin(sbx_follow *out, const char *database_path, sbx_error *err)
{
    static const unsigned changes =
        IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM;
    char *folder = NULL;
    sbx_status status;

    *out = (sbx_follow){.change_fd = -1, .signal_fd = -1};
    status = split_path(&folder, out, database_path, err);
    if (status == SBX_OK) {
        out->change_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (out->change_fd < 0 || inotify_add_watch(out->change_fd, folder, changes) < 0) {
            status = sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "cannot watch %s", folder);
        }
    }
    if (status == SBX_OK) {
        status = take_signals(out, err);
    }
    free(folder);
    if (status != SBX_OK) {
        sbx_follow_end(out);
    }
    return status;
}

/* Reads what has come; whether any of it is about our files. */
static bool read_changes(const sbx_follow *follow)
{
    _Alignas(struct inotify_event) char buffer[4096];
    bool is_ours = false;
    ssize_t bytes;

    while ((bytes = read(follow->change_fd, buffer, sizeof(buffer))) > 0) {
        for (char *at = buffer; at < buffer + bytes;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            is_ours = is_ours || (event->mask & IN_Q_OVERFLOW) != 0 ||
                      (event->len > 0 && (strcmp(event->name, follow->names[0]) == 0 ||
                                          strcmp(event->name, follow->names[1]) == 0));
            at += sizeof(*event) + event->len;
        }
    }
    return is_ours;
}

sbx_status sbx_follow_wait(bool *out_is_over, sbx_follow *follow, sbx_error *err)
{
    struct pollfd waits[] = {{.fd = follow->change_fd, .events = POLLIN},
                             {.fd = follow->signal_fd, .events = POLLIN},
                             {.fd = 1, .events = 0}}; /* POLLERR: the reader of a pipe is gone */

    *out_is_over = false;
    for (;;) {
        int timeout_ms =
            follow->rechecks > 0 && follow->rechecks <= RECHECKS ? 1 << (follow->rechecks - 1) : -1;
        int ready = poll(waits, 3, timeout_ms);

        if (ready < 0 && errno != EINTR) {
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "cannot wait for changes");
        }
        if (ready == 0) {
            follow->rechecks++;
            return SBX_OK;
        }
        if (ready > 0 &&
            (waits[1].revents != 0 || (waits[2].revents & (POLLERR | POLLNVAL)) != 0)) {
            *out_is_over = true;
            return SBX_OK;
        }
        if (ready > 0 && waits[0].revents != 0 && read_changes(follow)) {
            follow->rechecks = 1;
            return SBX_OK;
        }
    }
}

void sbx_follow_end(sbx_follow *follow)
{
    if (follow->change_fd > 0) {
        close(follow->change_fd);
    }
    if (follow->signal_fd > 0) {
        close(follow->signal_fd);
    }
    free(follow->names[0]);
    free(follow->names[1]);
    *follow = (sbx_follow){.change_fd = -1, .signal_fd = -1};
}
