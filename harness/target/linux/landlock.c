/*
 * Landlock: the second wall for writes and TCP where there are mounts, the only one where user
 * namespaces are refused. Also the wall for signals, ptrace and abstract sockets.
 *
 * Rights are allow-lists on hierarchies, so "everything but the secrets" has to be said as everything
 * beside them: only without mounts is reading handled at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/path.h"
#include "harness/target/linux/kernel.h"
#include "harness/target/linux/steps.h"

#define WRITE_FILE_RIGHTS (SBX_LL_FS_WRITE_FILE | SBX_LL_FS_TRUNCATE)
#define WRITE_RIGHTS                                                                               \
    (WRITE_FILE_RIGHTS | SBX_LL_FS_REMOVE_DIR | SBX_LL_FS_REMOVE_FILE | SBX_LL_FS_MAKE_CHAR |      \
     SBX_LL_FS_MAKE_DIR | SBX_LL_FS_MAKE_REG | SBX_LL_FS_MAKE_SOCK | SBX_LL_FS_MAKE_FIFO |         \
     SBX_LL_FS_MAKE_BLOCK | SBX_LL_FS_MAKE_SYM | SBX_LL_FS_REFER)
#define DEVICE_RIGHTS (WRITE_FILE_RIGHTS | SBX_LL_FS_IOCTL_DEV)
#define READ_RIGHTS (SBX_LL_FS_READ_FILE | SBX_LL_FS_EXECUTE)

typedef struct ruleset {
    int fd;
    uint64_t handled_fs;
} ruleset;

static uint64_t known_rights(int abi)
{
    if (abi >= 5)
        return WRITE_RIGHTS | SBX_LL_FS_IOCTL_DEV;
    if (abi >= 3)
        return WRITE_RIGHTS;
    return WRITE_RIGHTS & ~SBX_LL_FS_TRUNCATE & (abi >= 2 ? ~UINT64_C(0) : ~SBX_LL_FS_REFER);
}

static sbx_status landlock_fail(sbx_error *err, int code, const char *what, const char *path)
{
    return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_LANDLOCK, code, "%s %s", what, path);
}

static sbx_status allow_fd(const ruleset *rules, int fd, uint64_t rights, const char *path,
                           sbx_error *err)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights & rules->handled_fs,
                                              .parent_fd = fd};

    if (rule.allowed_access != 0 &&
        syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0 &&
        errno != EBADFD) /* a file without a place (memfd): Landlock lets it be */
        return landlock_fail(err, errno, "allow", path);
    return SBX_OK;
}

/* A path that does not exist needs no rule. */
static sbx_status allow(const ruleset *rules, const char *path, uint64_t rights, sbx_error *err)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    sbx_status st;

    if (fd < 0)
        return errno == ENOENT || errno == EACCES ? SBX_OK
                                                  : landlock_fail(err, errno, "open", path);
    st = allow_fd(rules, fd, rights, path, err);
    close(fd);
    return st;
}

/*
 * The standard streams may be opened again by name (/dev/stdout), where they are files or devices, for
 * writing only where the caller gave them for writing: their mount is the host's, and says nothing.
 */
static sbx_status allow_streams(const ruleset *rules, sbx_error *err)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat about;
        int mode = fcntl(fd, F_GETFL);
        sbx_status st = SBX_OK;

        if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY)
            continue;
        if (fstat(fd, &about) == 0 && (S_ISREG(about.st_mode) || S_ISCHR(about.st_mode)))
            st = allow_fd(rules, fd, DEVICE_RIGHTS, "a standard stream", err);
        if (st != SBX_OK)
            return st;
    }
    return SBX_OK;
}

/* A private /dev is read-only and holds devices for everybody, unless the policy brings more of the host's back. */
static bool has_only_common_devices(const sbx_plan *plan)
{
    for (size_t i = 0; i < plan->rule_count; i++)
        if (sbx_path_is_within(plan->rules[i].path, "/dev"))
            return false;
    return plan->walls[SBX_WALL_MOUNTS];
}

static sbx_status allow_devices(const ruleset *rules, const sbx_plan *plan, sbx_error *err)
{
    static const char *const devices[] = {"/dev/null", "/dev/zero",    "/dev/full", "/dev/random",
                                          "/dev/tty",  "/dev/urandom", "/dev/pts",  "/dev/console"};
    sbx_status st = SBX_OK;

    if (has_only_common_devices(plan))
        return allow(rules, "/dev", DEVICE_RIGHTS, err);
    for (size_t i = 0; st == SBX_OK && i < SBX_COUNT_OF(devices); i++) {
        if (!plan->walls[SBX_WALL_MOUNTS] && strcmp(devices[i], "/dev/pts") == 0)
            continue; /* those are other people's terminals */
        st = allow(rules, devices[i], DEVICE_RIGHTS, err);
    }
    return st;
}

static sbx_status allow_writes(const ruleset *rules, const sbx_plan *plan, sbx_error *err)
{
    static const char *const temporary[] = {"/tmp", "/var/tmp", "/dev/shm"};
    sbx_status st = SBX_OK;

    if (plan->learns)
        st = allow(rules, "/", WRITE_RIGHTS, err); /* what stays denied is covered or read-only */
    for (size_t i = 0; st == SBX_OK && i < plan->rule_count; i++)
        if (plan->rules[i].kind == SBX_RULE_WRITE)
            st = allow(rules, plan->rules[i].path,
                       plan->rules[i].is_directory ? WRITE_RIGHTS : WRITE_FILE_RIGHTS, err);
    for (size_t i = 0; st == SBX_OK && plan->walls[SBX_WALL_MOUNTS] && i < SBX_COUNT_OF(temporary);
         i++)
        st = allow(rules, temporary[i], WRITE_RIGHTS, err);
    if (st == SBX_OK)
        st = allow_devices(rules, plan, err);
    return st == SBX_OK ? allow_streams(rules, err) : st;
}

/* Is some denied path this one (1), below it (2), or neither (0)? */
static int denied_at(const sbx_plan *plan, const char *path)
{
    int found = 0;

    for (size_t i = 0; i < plan->rule_count; i++) {
        if (plan->rules[i].kind != SBX_RULE_DENY)
            continue;
        if (strcmp(plan->rules[i].path, path) == 0)
            return 1;
        if (sbx_path_is_within(plan->rules[i].path, path))
            found = 2;
    }
    return found;
}

struct kernel_entry {
    uint64_t inode, offset;
    unsigned short bytes;
    unsigned char type;
    char name[];
};

static sbx_status allow_reads_beside(const ruleset *rules, const sbx_plan *plan,
                                     const char *directory, int depth, sbx_error *err);

static sbx_status allow_reads_of(const ruleset *rules, const sbx_plan *plan, const char *directory,
                                 const char *name, int depth, sbx_error *err)
{
    char path[4096];
    size_t dir_bytes = strlen(directory), name_bytes = strlen(name);
    int denied;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return SBX_OK;
    if (dir_bytes + name_bytes + 2 > sizeof(path))
        return SBX_OK; /* not allowed is the safe side */
    memcpy(path, directory, dir_bytes);
    if (dir_bytes > 1)
        path[dir_bytes++] = '/';
    memcpy(path + dir_bytes, name, name_bytes + 1);
    denied = denied_at(plan, path);
    if (denied == 1)
        return SBX_OK;
    if (denied == 2)
        return allow_reads_beside(rules, plan, path, depth + 1, err);
    return allow(rules, path, READ_RIGHTS, err);
}

/* Reading is allowed for everything beside what is denied, level by level. */
static sbx_status allow_reads_beside(const ruleset *rules, const sbx_plan *plan,
                                     const char *directory, int depth, sbx_error *err)
{
    _Alignas(8) char room[2048];
    sbx_status st = SBX_OK;
    long bytes = 0;
    int fd;

    if (depth > 16)
        return landlock_fail(err, ELOOP, "list", directory);
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? SBX_OK : landlock_fail(err, errno, "list", directory);
    while (st == SBX_OK && (bytes = syscall(SYS_getdents64, fd, room, sizeof(room))) > 0)
        for (long at = 0; st == SBX_OK && at < bytes;) {
            struct kernel_entry *entry = (struct kernel_entry *)(void *)(room + at);

            at += entry->bytes;
            st = allow_reads_of(rules, plan, directory, entry->name, depth, err);
        }
    if (st == SBX_OK && bytes < 0)
        st = landlock_fail(err, errno, "list", directory);
    close(fd);
    return st;
}

sbx_status sbx_landlock_restrict(const sbx_entry *entry, sbx_error *err)
{
    const sbx_plan *plan = entry->plan;
    int abi = plan->landlock_abi;
    bool handles_reads = !plan->walls[SBX_WALL_MOUNTS] && denied_at(plan, "/") != 0;
    struct sbx_ll_ruleset what = {.handled_access_fs = known_rights(abi)};
    size_t bytes = abi >= 6 ? sizeof(what) : abi >= 4 ? 16 : 8;
    ruleset rules;
    sbx_status st;

    if (!plan->walls[SBX_WALL_LANDLOCK])
        return SBX_OK;
    if (handles_reads)
        what.handled_access_fs |= READ_RIGHTS;
    if (abi >= 4 && plan->network == SBX_NETWORK_NONE)
        what.handled_access_net = SBX_LL_NET_BIND_TCP | SBX_LL_NET_CONNECT_TCP;
    if (abi >= 6)
        what.scoped = SBX_LL_SCOPE_ABSTRACT_UNIX | SBX_LL_SCOPE_SIGNAL;
    rules.handled_fs = what.handled_access_fs;
    rules.fd = (int)syscall(SYS_landlock_create_ruleset, &what, bytes, 0);
    if (rules.fd < 0)
        return landlock_fail(err, errno, "make a", "ruleset");
    st = allow_writes(&rules, plan, err);
    if (st == SBX_OK && handles_reads)
        st = allow_reads_beside(&rules, plan, "/", 0, err);
    /* Without the flag nothing is logged after execve (ABI 7). */
    if (st == SBX_OK && syscall(SYS_landlock_restrict_self, rules.fd,
                                abi >= 7 ? SBX_LL_RESTRICT_LOG_NEW_EXEC_ON : 0U) != 0)
        st = landlock_fail(err, errno, "enter the", "domain");
    close(rules.fd);
    return st;
}
