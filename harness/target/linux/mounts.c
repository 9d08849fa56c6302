/*
 * The target's view of the file system, made in the init's own mount namespace:
 *
 *   0. nothing that is mounted here appears on the host, or the other way round
 *   1. clones of the roots that shall be readable or writable are taken from the world as it is
 *   2. the whole world becomes read-only, nosuid, nodev: one call, nothing to forget (--learn: all but read-only)
 *   3. a private tmpfs gives /tmp, /var/tmp, /dev/shm, a small /dev, and what stands for secrets
 *   4. the clones are put over their own paths: only they can be written
 *   5. protected paths are made read-only again, secrets are covered; deny wins by coming last
 *
 * A path is opened without following symlinks when something is put on it: the plan resolved it, and
 * if it has become a symlink since, that is somebody's trick and a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "audit/sources/linux/masks.h"
#include "harness/base/linux/libc.h"
#include "harness/base/path.h"
#include "harness/target/linux/steps.h"

enum { ROOTS_MAX = 256 };

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static sbx_status mount_fail(sbx_error *err, int code, const char *what, const char *path)
{
    return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_MOUNT, code, "%s %s", what, path);
}

/* A detached copy of what is mounted at path, submounts included. -1 with errno. */
static int clone_tree(const char *path)
{
    return open_tree(AT_FDCWD, path,
                     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
}

static int set_attributes(int fd, uint64_t flags, int idmap_fd)
{
    struct mount_attr attr = {.attr_set = flags};

    if (idmap_fd >= 0) {
        attr.attr_set |= MOUNT_ATTR_IDMAP;
        attr.userns_fd = (unsigned)idmap_fd;
    }
    return mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
}

/*
 * To be read, a tree need not be mapped as a whole: what cannot be (a tmpfs before Linux 6.3, a network's) keeps
 * its owners, by whose modes the target sees less, not more.
 */
static int set_reading_attributes(int fd, uint64_t flags, int idmap_fd)
{
    struct mount_attr owners = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)idmap_fd};

    if (set_attributes(fd, flags, -1) != 0)
        return -1;
    if (mount_setattr(fd, "", AT_EMPTY_PATH, &owners, sizeof(owners)) != 0 && errno != EINVAL)
        return -1;
    return 0;
}

static int open_exact(const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* Puts a detached mount on path and closes it. -1 with errno. */
static int place(int fd, const char *path)
{
    int to = open_exact(path);
    int code = 0;

    if (to < 0 ||
        move_mount(fd, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
        code = errno;
    if (to >= 0)
        close(to);
    close(fd);
    errno = code;
    return code == 0 ? 0 : -1;
}

/* The path may lie in a directory that is private now: then the way to it is made there. */
static sbx_status make_way(const char *path, bool is_directory, sbx_error *err)
{
    char part[4096];
    size_t bytes = strlen(path);
    int fd;

    if (bytes >= sizeof(part))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_MOUNT, "the path is too long: %s", path);
    memcpy(part, path, bytes + 1);
    for (size_t i = 1; i < bytes; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return mount_fail(err, errno, "make the way to", path);
        part[i] = '/';
    }
    if (is_directory) {
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return mount_fail(err, errno, "make the mount point", path);
        return SBX_OK;
    }
    fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return mount_fail(err, errno, "make the mount point", path);
    close(fd);
    return SBX_OK;
}

static bool is_private(const char *path)
{
    return sbx_path_is_within(path, "/tmp") || sbx_path_is_within(path, "/var/tmp") ||
           sbx_path_is_within(path, "/dev");
}

/* 1. -1 in out_fds where the rule needs no clone. */
static sbx_status take_clones(int out_fds[ROOTS_MAX], const sbx_plan *plan, int idmap_fd,
                              sbx_error *err)
{

    for (size_t i = 0; i < plan->rule_count; i++) {
        const sbx_rule *rule = &plan->rules[i];
        bool reads = rule->kind == SBX_RULE_READ;
        bool writes = rule->kind == SBX_RULE_WRITE || (reads && plan->learns);
        uint64_t flags = writes ? QUIET : QUIET | MOUNT_ATTR_RDONLY;

        if (i >= ROOTS_MAX)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_MOUNT, "more than %d path rules",
                                  (int)ROOTS_MAX);
        out_fds[i] = -1;
        if (!writes && !reads)
            continue;
        if (reads && idmap_fd < 0 && !is_private(rule->path))
            continue; /* readable as it is */
        out_fds[i] = clone_tree(rule->path);
        if (out_fds[i] < 0)
            return mount_fail(err, errno, "clone", rule->path);
        if (set_attributes(out_fds[i], flags, idmap_fd) != 0 &&
            (writes || idmap_fd < 0 || errno != EINVAL ||
             set_reading_attributes(out_fds[i], flags, idmap_fd) != 0))
            return mount_fail(err, errno,
                              idmap_fd >= 0
                                  ? "map the owner of (does its file system know id-mapped mounts? "
                                    "--identity self needs none)"
                                  : "set the mount flags of",
                              rule->path);
    }
    return SBX_OK;
}

static const struct {
    const char *path;
    unsigned major, minor;
} device_nodes[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

typedef struct private_world {
    bool makes_devices; /* root of the machine makes nodes; anybody else binds the host's */
    int devices[SBX_COUNT_OF(device_nodes)];
    int console;
    int tmp, var_tmp, dev, shm;
} private_world;

/* Taken before the world becomes nodev. */
static sbx_status take_devices(private_world *world, const sbx_entry *entry, sbx_error *err)
{
    char link[] = "/proc/self/fd/N", path[256];
    ssize_t bytes;

    world->makes_devices = !entry->plan->user_namespace && sbx_ids_may_make_devices();
    for (size_t i = 0; i < SBX_COUNT_OF(device_nodes); i++) {
        world->devices[i] = world->makes_devices ? -1 : clone_tree(device_nodes[i].path);
        if (world->devices[i] < 0 && !world->makes_devices && errno != ENOENT)
            return mount_fail(err, errno, "clone", device_nodes[i].path);
    }
    if (entry->terminal_fd < 0)
        return SBX_OK;
    link[sizeof(link) - 2] = (char)('0' + entry->terminal_fd);
    bytes = readlink(link, path, sizeof(path) - 1);
    if (bytes > 0) {
        path[bytes] = '\0';
        world->console =
            clone_tree(path); /* a nicety: ttyname() finds the terminal as /dev/console */
    }
    return SBX_OK;
}

/*
 * Before the first clone: a clone of a shared mount is its peer, and what is put on it afterwards would
 * appear on the host.
 */
static sbx_status leave_peer_groups(sbx_error *err)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return mount_fail(err, errno, "stop mount propagation from", "/");
    return SBX_OK;
}

/* 2. While learning only the kernel's knobs are closed, by which a command could leave its job. */
static sbx_status close_world(const sbx_plan *plan, sbx_error *err)
{
    struct mount_attr all = {.attr_set = plan->learns ? QUIET : QUIET | MOUNT_ATTR_RDONLY};
    struct mount_attr knobs = {.attr_set = MOUNT_ATTR_RDONLY};

    if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &all, sizeof(all)) != 0)
        return mount_fail(err, errno, "make the file system read-only below", "/");
    if (plan->learns && mount_setattr(AT_FDCWD, "/sys", AT_RECURSIVE, &knobs, sizeof(knobs)) != 0 &&
        errno != ENOENT)
        return mount_fail(err, errno, "make read-only", "/sys");
    return SBX_OK;
}

static int make_file_system(const char *type, const char *const *options, uint64_t flags)
{
    int context = fsopen(type, FSOPEN_CLOEXEC);
    int fd = -1, code;

    if (context < 0)
        return -1;
    for (; *options != NULL; options += 2)
        if (fsconfig(context, FSCONFIG_SET_STRING, options[0], options[1], 0) != 0)
            goto out;
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)flags);
out:
    code = errno;
    close(context);
    errno = code;
    return fd;
}

static void format_number(char out[24], uint64_t value)
{
    char digits[24];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    out[count] = '\0';
}

/* A node, or something to bind one on. */
static sbx_status make_devices(int root, bool makes_devices, sbx_error *err)
{
    for (size_t i = 0; i < SBX_COUNT_OF(device_nodes); i++) {
        mode_t mode = makes_devices ? S_IFCHR | 0666 : S_IFREG | 0644;
        dev_t device = makes_devices ? makedev(device_nodes[i].major, device_nodes[i].minor) : 0;

        if (mknodat(root, device_nodes[i].path + 1, mode, device) != 0)
            return mount_fail(err, errno, "make a private", device_nodes[i].path);
    }
    return SBX_OK;
}

/* What is in the tmpfs before anything of it is shown. */
static sbx_status fill_tmpfs(int root, bool makes_devices, sbx_error *err)
{
    static const struct {
        const char *path;
        mode_t mode;
    } directories[] = {{"tmp", 01777},    {"var-tmp", 01777}, {"shm", 01777},    {"dev", 0755},
                       {"dev/pts", 0755}, {"dev/shm", 01777}, {"dev/denied", 0}, {"masks", 0755}};
    static const char *const links[][2] = {{"pts/ptmx", "dev/ptmx"},
                                           {"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"}};

    for (size_t i = 0; i < SBX_COUNT_OF(directories); i++)
        if (mkdirat(root, directories[i].path, directories[i].mode) != 0)
            return mount_fail(err, errno, "make in the private file system", directories[i].path);
    for (size_t i = 0; i < SBX_COUNT_OF(links); i++)
        if (symlinkat(links[i][0], root, links[i][1]) != 0)
            return mount_fail(err, errno, "make in the private file system", links[i][1]);
    if (mknodat(root, "dev/console", S_IFREG | 0644, 0) != 0)
        return mount_fail(err, errno, "make in the private file system", "dev/console");
    return make_devices(root, makes_devices, err);
}

/* A read-only clone of something in the tmpfs, which is mounted at /tmp for as long as it is filled. */
static int clone_private(const char *path, uint64_t flags)
{
    int fd = clone_tree(path);

    if (fd >= 0 && set_attributes(fd, flags, -1) != 0) {
        int code = errno;

        close(fd);
        errno = code;
        return -1;
    }
    return fd;
}

/* 3. Leaves /tmp showing the tmpfs's root: finish_private() covers it when the masks have been taken. */
static sbx_status make_private(private_world *world, const sbx_plan *plan, sbx_error *err)
{
    char size[24];
    const char *with_size[] = {"mode", "0755", "size", size, NULL};
    const char *without_size[] = {"mode", "0755", NULL};
    sbx_status st;
    int fd;

    format_number(size, plan->temp_bytes);
    fd = make_file_system("tmpfs", plan->temp_bytes == SBX_UNLIMITED ? without_size : with_size,
                          MOUNT_ATTR_NOSUID); /* nodev is for each part of it, but /dev */
    if (fd < 0)
        return mount_fail(err, errno, "make a", "tmpfs");
    st = fill_tmpfs(fd, world->makes_devices, err);
    if (st != SBX_OK) {
        close(fd);
        return st;
    }
    if (place(fd, "/tmp") != 0)
        return mount_fail(err, errno, "mount the private file system on", "/tmp");
    world->tmp = clone_private("/tmp/tmp", QUIET);
    world->var_tmp = clone_private("/tmp/var-tmp", QUIET);
    world->shm = clone_private("/tmp/shm", QUIET);
    world->dev =
        clone_private("/tmp/dev", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);
    if (world->tmp < 0 || world->var_tmp < 0 || world->shm < 0 || world->dev < 0)
        return mount_fail(err, errno, "clone the private", "file system");
    return SBX_OK;
}

static sbx_status place_devices(private_world *world, sbx_error *err)
{
    static const char *const pts_options[] = {"mode", "0620", "ptmxmode", "0666", NULL};
    int fd;

    if (place(world->dev, "/dev") != 0)
        return mount_fail(err, errno, "mount the private", "/dev");
    for (size_t i = 0; i < SBX_COUNT_OF(device_nodes); i++)
        if (world->devices[i] >= 0 && place(world->devices[i], device_nodes[i].path) != 0)
            return mount_fail(err, errno, "mount", device_nodes[i].path);
    if (world->console >= 0)
        (void)place(world->console, "/dev/console");
    if (place(world->shm, "/dev/shm") != 0)
        return mount_fail(err, errno, "mount the private", "/dev/shm");
    fd = make_file_system("devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (fd < 0 || place(fd, "/dev/pts") != 0)
        return mount_fail(err, errno, "mount a private", "/dev/pts");
    return SBX_OK;
}

/* Read-only, so that no knob in it can be turned whoever the target is. */
static sbx_status mount_proc(sbx_error *err)
{
    static const char *const no_options[] = {NULL};
    int fd = make_file_system("proc", no_options, QUIET | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY);

    if (fd < 0 || place(fd, "/proc") != 0)
        return mount_fail(err, errno, "mount a private", "/proc");
    return SBX_OK;
}

/* 4. */
static sbx_status place_roots(const sbx_plan *plan, const int fds[ROOTS_MAX], sbx_error *err)
{
    for (size_t i = 0; i < plan->rule_count; i++) {
        const sbx_rule *rule = &plan->rules[i];
        sbx_status st;

        if (fds[i] < 0)
            continue;
        if (is_private(rule->path)) {
            st = make_way(rule->path, rule->is_directory, err);
            if (st != SBX_OK)
                return st;
        }
        if (place(fds[i], rule->path) != 0)
            return mount_fail(err, errno, "mount the root", rule->path);
    }
    return SBX_OK;
}

/* A path on itself: read-only where it is protected, as it is where it is only pinned. */
static sbx_status bind_self(const sbx_rule *rule, uint64_t flags, sbx_error *err)
{
    int fd = clone_private(rule->path, flags);

    if (fd < 0 || place(fd, rule->path) != 0)
        return mount_fail(err, errno, "protect", rule->path);
    return SBX_OK;
}

/* Writable for the kernel's sake, which notes on it who came; Landlock and modes keep the target off. */
static sbx_status mask(const sbx_rule *rule, size_t index, int masks, sbx_error *err)
{
    char name[SBX_MASK_NAME_BYTES];
    struct stat about;
    int fd;

    if (lstat(rule->path, &about) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return SBX_OK; /* hidden already with what it lies in, or gone meanwhile */
    if (sbx_masks_make(masks, index, rule->path, rule->is_directory) != 0)
        return mount_fail(err, errno, "make a mask for", rule->path);
    sbx_mask_name(name, index);
    fd = open_tree(masks, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    if (fd < 0 || set_attributes(fd, QUIET | MOUNT_ATTR_NOEXEC, -1) != 0)
        return mount_fail(err, errno, "clone the mask for", rule->path);
    if (place(fd, rule->path) != 0)
        return mount_fail(err, errno, "cover", rule->path);
    return SBX_OK;
}

/* 5. The plan sorted the rules: protections before masks. */
static sbx_status apply_denials(const sbx_plan *plan, int masks, sbx_error *err)
{
    for (size_t i = 0; i < plan->rule_count; i++) {
        const sbx_rule *rule = &plan->rules[i];
        sbx_status st = SBX_OK;

        if (rule->kind == SBX_RULE_PROTECT || rule->kind == SBX_RULE_PROTECT_ABSENT)
            st = bind_self(rule, QUIET | MOUNT_ATTR_RDONLY, err);
        else if (rule->kind == SBX_RULE_PIN)
            st = bind_self(rule, QUIET, err);
        else if (rule->kind == SBX_RULE_DENY)
            st = mask(rule, i, masks, err);
        if (st != SBX_OK)
            return st;
    }
    return SBX_OK;
}

static sbx_status make_view(int *out_masks_fd, const sbx_entry *entry, int idmap_fd, sbx_error *err)
{
    const sbx_plan *plan = entry->plan;
    int fds[ROOTS_MAX];
    private_world world = {.console = -1, .tmp = -1, .var_tmp = -1, .dev = -1, .shm = -1};
    sbx_status st;

    if ((st = leave_peer_groups(err)) != SBX_OK ||
        (st = take_clones(fds, plan, idmap_fd, err)) != SBX_OK ||
        (st = take_devices(&world, entry, err)) != SBX_OK ||
        (st = close_world(plan, err)) != SBX_OK || (st = make_private(&world, plan, err)) != SBX_OK)
        return st;
    *out_masks_fd = open("/tmp/masks", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out_masks_fd < 0)
        return mount_fail(err, errno, "open the masks in", "/tmp");
    if (place(world.tmp, "/tmp") != 0)
        return mount_fail(err, errno, "mount the private", "/tmp");
    if (place(world.var_tmp, "/var/tmp") != 0 && errno != ENOENT && errno != ELOOP)
        return mount_fail(err, errno, "mount the private", "/var/tmp");
    if ((st = place_devices(&world, err)) != SBX_OK || (st = mount_proc(err)) != SBX_OK ||
        (st = place_roots(plan, fds, err)) != SBX_OK ||
        (st = apply_denials(plan, *out_masks_fd, err)) != SBX_OK)
        return st;
    return SBX_OK;
}

sbx_status sbx_mounts_make(int *out_masks_fd, const sbx_entry *entry, sbx_error *err)
{
    mode_t mask_before = umask(0);
    int idmap_fd = entry->idmap_fd;
    sbx_status st = SBX_OK;

    *out_masks_fd = -1;
    if (sbx_plan_maps_owners(entry->plan) && idmap_fd < 0)
        st = sbx_wire_receive_idmap(&idmap_fd, entry->control_fd, err);
    if (st == SBX_OK && entry->plan->uses_namespaces)
        st = make_view(out_masks_fd, entry, idmap_fd, err);
    if (idmap_fd >= 0)
        close(idmap_fd);
    umask(mask_before);
    /* Anew by name: the directory we stand in belongs to the world outside. */
    if (st == SBX_OK && chdir(entry->plan->cwd) != 0)
        st = sbx_fail_errno(err, SBX_INVALID, SBX_STEP_STDIO, errno,
                            "change to the working directory %s", entry->plan->cwd);
    return st;
}
