/*
 * Killing all of a group: by cgroup.kill on v2, by its list of processes elsewhere.
 *
 * A process number read from cgroup.procs can belong to somebody else by the time it is used. So the
 * list is read, a pidfd is opened for each number, and the list is read again: what stands in it now
 * and had a pidfd before is meant by that pidfd, whatever happens to the number afterwards.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/limits.h"
#include "limits/linux/cgroup2.h"
#include "limits/linux/cgroup_files.h"

enum { BATCH = 64, LIST_BYTES = 4096 };

typedef struct victim {
    int pid;
    int pidfd;
} victim;

/* The first BATCH numbers of the list. Returns how many, or a negative errno. */
static int list_processes(int out[BATCH], int dir_fd)
{
    char text[LIST_BYTES];
    const char *at = text;
    int count = 0;
    ssize_t got = sbx_cgroup_read_text(dir_fd, "cgroup.procs", text, sizeof(text));

    if (got < 0)
        return (int)got;
    while (count < BATCH) {
        uint64_t pid;

        if (!sbx_cgroup_parse_number(&pid, at, &at) || *at != '\n')
            break;
        at++;
        if (pid > 0 && pid <= INT32_MAX) /* 0: a process outside of our pid namespace */
            out[count++] = (int)pid;
    }
    return count;
}

uint64_t sbx_cgroup_count_listed(int dir_fd)
{
    char text[LIST_BYTES];
    uint64_t count = 0;
    ssize_t got;
    int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);

    if (fd == -1)
        return SBX_UNLIMITED;
    while ((got = read(fd, text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            count += text[i] == '\n';
    }
    close(fd);
    return got == 0 ? count : SBX_UNLIMITED;
}

static bool is_listed(const int *pids, int count, int pid)
{
    for (int i = 0; i < count; i++) {
        if (pids[i] == pid)
            return true;
    }
    return false;
}

static uint64_t deadline_of(uint64_t timeout_ns)
{
    uint64_t now_ns = sbx_clock_monotonic_ns();

    return timeout_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + timeout_ns;
}

/* For poll(): at most a second, so that a wake-up that gets lost costs no more; 0 when it is over. */
static int left_ms(uint64_t deadline_ns)
{
    uint64_t now_ns = sbx_clock_monotonic_ns();

    if (now_ns >= deadline_ns)
        return 0;
    return deadline_ns - now_ns > SBX_NS_PER_S ? 1000
                                               : (int)((deadline_ns - now_ns) / SBX_NS_PER_MS) + 1;
}

/* Waits until each victim has ended or the time is over, and lets go of them. */
static void wait_for(victim *victims, int count, uint64_t deadline_ns)
{
    for (int i = 0; i < count; i++) {
        struct pollfd ended = {.fd = victims[i].pidfd, .events = POLLIN};

        (void)poll(&ended, 1, left_ms(deadline_ns));
        close(victims[i].pidfd);
    }
}

int sbx_cgroup_kill_listed(int dir_fd, uint64_t timeout_ns)
{
    uint64_t deadline_ns = deadline_of(timeout_ns);

    for (;;) {
        int pids[BATCH];
        victim victims[BATCH];
        int victim_count = 0;
        int count = list_processes(pids, dir_fd);

        if (count <= 0)
            return count;
        if (left_ms(deadline_ns) == 0)
            return -ETIMEDOUT;
        for (int i = 0; i < count; i++) {
            int pidfd = (int)syscall(SYS_pidfd_open, pids[i], 0);

            if (pidfd >= 0)
                victims[victim_count++] = (victim){.pid = pids[i], .pidfd = pidfd};
        }
        count = list_processes(pids, dir_fd);
        for (int i = 0; i < victim_count; i++) {
            if (is_listed(pids, count, victims[i].pid))
                (void)syscall(SYS_pidfd_send_signal, victims[i].pidfd, SIGKILL, NULL, 0);
        }
        wait_for(victims, victim_count, deadline_ns);
    }
}

/* Groups that the job has made inside of its own: their processes are not in its list. */
static bool has_children(int dir_fd)
{
    struct stat info;

    return fstat(dir_fd, &info) == 0 && info.st_nlink > 2;
}

int sbx_cgroup_clear_children(int dir_fd, uint64_t timeout_ns)
{
    int copy_fd =
        has_children(dir_fd) ? openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = copy_fd != -1 ? fdopendir(copy_fd) : NULL;
    struct dirent *entry;
    int code = 0;

    if (dir == NULL) {
        if (copy_fd != -1)
            close(copy_fd);
        return copy_fd != -1 ? -ENOMEM : 0;
    }
    while (code == 0 && (entry = readdir(dir)) != NULL) {
        int child_fd;

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        child_fd = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child_fd == -1)
            continue;
        code = sbx_cgroup_kill_listed(child_fd, timeout_ns);
        close(child_fd);
        if (code == 0)
            code = sbx_cgroup_remove(dir_fd, entry->d_name); /* clears what is further down */
    }
    closedir(dir);
    return code;
}

/* Waits until cgroup.events says that no process is left. */
static int wait_until_empty(int dir_fd, uint64_t deadline_ns)
{
    struct pollfd changed = {.events = POLLPRI};
    char text[256];
    int code;

    changed.fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (changed.fd == -1)
        return -errno;
    for (;;) {
        ssize_t got = pread(changed.fd, text, sizeof(text) - 1, 0);
        int wait_ms = left_ms(deadline_ns);

        code = got < 0 ? -errno : -ETIMEDOUT;
        if (got < 0)
            break;
        text[got] = '\0';
        if (strstr(text, "populated 0") != NULL) {
            code = 0;
            break;
        }
        if (wait_ms == 0)
            break;
        (void)poll(&changed, 1, wait_ms);
    }
    close(changed.fd);
    return code;
}

int sbx_cgroup2_kill_group(int dir_fd, uint64_t timeout_ns)
{
    uint64_t deadline_ns = deadline_of(timeout_ns);
    int code = sbx_cgroup_write_text(dir_fd, "cgroup.kill", "1");

    if (code == -ENOENT) /* before Linux 5.14 */
        return sbx_cgroup_kill_listed(dir_fd, timeout_ns);
    return code != 0 ? code : wait_until_empty(dir_fd, deadline_ns);
}
