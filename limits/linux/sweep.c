/*
 * Clearing up after supervisors that were killed: groups below (v1) or beside (v2) the caller's own
 * whose name says that their owner is gone. A group holds nothing but its job, and a job dies with its
 * owner, so what is still in one is killed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/linux/cgroup1.h"
#include "limits/linux/cgroup2.h"
#include "limits/linux/job_name.h"

/* What is left of a dead job has been sent SIGKILL long ago, mostly; nobody should wait for it. */
#define KILL_TIMEOUT_NS (200 * SBX_NS_PER_MS)

/* True where the group belonged to this user and is gone now. */
static bool remove_group(int parent_fd, const char *name, bool is_unified)
{
    struct stat info;
    int code;
    int dir_fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir_fd == -1)
        return false;
    if (fstat(dir_fd, &info) != 0 || info.st_uid != geteuid()) {
        close(dir_fd);
        return false;
    }
    code = is_unified ? sbx_cgroup2_kill_group(dir_fd, KILL_TIMEOUT_NS)
                      : sbx_cgroup_kill_listed(dir_fd, KILL_TIMEOUT_NS);
    close(dir_fd);
    return code == 0 && sbx_cgroup_remove(parent_fd, name) == 0;
}

/* In all hierarchies, backwards as in sbx_job_free(). True where it is gone from the one given. */
static bool remove_from_all(const sbx_cgroup_place *place, int dir_fd, const char *name)
{
    for (int role = SBX_CGROUP1_ROLE_COUNT - 1; role >= 0; role--) {
        int own_fd =
            sbx_cgroup_place_open(place, sbx_cgroup1_controller((sbx_cgroup1_role)role), NULL);

        if (own_fd < 0)
            continue;
        (void)remove_group(own_fd, name, false);
        close(own_fd);
    }
    return faccessat(dir_fd, name, F_OK, 0) != 0;
}

/* As getdents64(2) hands it out. */
typedef struct directory_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short record_bytes;
    unsigned char type;
    char name[];
} directory_entry;

/* One look through one directory. */
typedef struct sweep_round {
    const sbx_cgroup_place *place;
    const char *own; /* the name of a group that stands; NULL: none */
    int dir_fd;
    bool is_unified;
    sbx_job_owner self; /* pid 0: not asked for yet */
    unsigned removed_count;
} sweep_round;

static void sweep_name(sweep_round *sweep, const char *name)
{
    sbx_job_owner owner;

    if (!sbx_job_owner_parse(&owner, name))
        return;
    if (sweep->self.pid == 0 && !sbx_job_owner_self(&sweep->self))
        return;
    if (!sbx_job_owner_is_gone(&owner, sweep->self.pid_namespace))
        return;
    if (sweep->is_unified ? remove_group(sweep->dir_fd, name, true)
                          : remove_from_all(sweep->place, sweep->dir_fd, name))
        sweep->removed_count++;
}

/* Groups besides the caller's own? A directory of groups has a link from each, and says so without being read. */
static bool may_have_others(const sweep_round *sweep)
{
    enum { LINKS_ALONE = 2 };
    struct stat info;

    if (fstat(sweep->dir_fd, &info) != 0 || info.st_nlink < LINKS_ALONE)
        return true;
    if (info.st_nlink == LINKS_ALONE + 1 && sweep->own != NULL)
        return faccessat(sweep->dir_fd, sweep->own, F_OK, 0) != 0;
    return info.st_nlink > LINKS_ALONE;
}

/*
 * Looks through one directory, which is closed at the end. By the system call: readdir() would ask
 * for a buffer of 32 KiB at every start of sbx, to find nothing as a rule.
 */
static unsigned sweep_directory(sweep_round sweep, int dir_fd)
{
    _Alignas(directory_entry) char entries[4096];
    long got;

    sweep.dir_fd = dir_fd;
    if (!may_have_others(&sweep)) {
        close(dir_fd);
        return 0;
    }
    while ((got = syscall(SYS_getdents64, dir_fd, entries, sizeof(entries))) > 0) {
        for (long at = 0; at < got;) {
            const directory_entry *entry = (const directory_entry *)(const void *)(entries + at);

            if (entry->type == DT_DIR)
                sweep_name(&sweep, entry->name);
            at += entry->record_bytes;
        }
    }
    close(dir_fd);
    return sweep.removed_count;
}

/*
 * Every hierarchy, because the caller can be at different places in them: a job of another session may have its memory
 * group elsewhere and its others right here; and of a job's groups the kernel may have held one a moment longer than
 * sbx could wait, when the others were gone. The rest goes by name.
 */
static unsigned sweep_v1(const sweep_round *sweep)
{
    unsigned removed_count = 0;

    for (int role = 0; role < SBX_CGROUP1_ROLE_COUNT; role++) {
        int own_fd = sbx_cgroup_place_open(sweep->place,
                                           sbx_cgroup1_controller((sbx_cgroup1_role)role), NULL);

        if (own_fd < 0)
            continue;
        if (faccessat(own_fd, ".", W_OK, AT_EACCESS) == 0)
            removed_count += sweep_directory(*sweep, own_fd);
        else
            close(own_fd);
    }
    return removed_count;
}

/* In the caller's own group, where it was given to it, and beside it. */
static unsigned sweep_v2(sweep_round *sweep)
{
    const char *own_path = sweep->place->lines[SBX_CGROUP_UNIFIED].path;
    int fds[2] = {sbx_cgroup_place_open(sweep->place, SBX_CGROUP_UNIFIED, NULL), -1};
    unsigned removed_count = 0;

    if (fds[0] < 0)
        return 0;
    if (strcmp(own_path, "/") != 0)
        fds[1] = openat(fds[0], "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < SBX_COUNT_OF(fds); i++) {
        if (fds[i] >= 0 && faccessat(fds[i], ".", W_OK, AT_EACCESS) == 0)
            removed_count += sweep_directory(*sweep, fds[i]);
        else if (fds[i] >= 0)
            close(fds[i]);
    }
    return removed_count;
}

unsigned sbx_job_sweep(const sbx_job *own)
{
    const sbx_job_part *group = own == NULL ? NULL : sbx_job_group(own);
    sbx_cgroup_place place;
    sweep_round sweep = {.place = &place, .own = group == NULL ? NULL : group->group_name};

    if ((own != NULL && group == NULL) || sbx_cgroup_place_read(&place) != 0)
        return 0;
    if (place.lines[SBX_CGROUP_MEMORY].hierarchy != -1 ||
        place.lines[SBX_CGROUP_PIDS].hierarchy != -1)
        return sweep_v1(&sweep);
    sweep.is_unified = true;
    return sweep_v2(&sweep);
}
