/* From a path as the policy has it to the one file that it names. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/path.h"
#include "harness/policy/parts.h"

sbx_status sbx_place_absolute(const char **out, sbx_making *making, const char *path,
                              sbx_error *err)
{
    if (!sbx_utf8_is_valid(path, strlen(path)))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "%s: the path is not UTF-8", path);
    if (path[0] == '/') {
        *out = path;
    } else if (strcmp(path, ".") == 0) {
        *out = making->plan->cwd;
    } else if (path[0] == '~' && (path[1] == '\0' || path[1] == '/')) {
        if (making->homes[0] == NULL)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "%s: the caller has no home directory", path);
        *out = path[1] == '\0' ? making->homes[0]
                               : sbx_making_join(making, making->homes[0], path + 2);
    } else {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "\"%s\" is not an absolute path",
                              path);
    }
    return SBX_OK;
}

/* What the descriptor is called now, symlinks gone. */
static sbx_status name_of(const char **out, sbx_making *making, int fd, const char *path,
                          sbx_error *err)
{
    char link[32], name[4096];
    ssize_t bytes;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    bytes = readlink(link, name, sizeof(name));
    if (bytes < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_PLAN, errno, "resolve %s by /proc", path);
    if (bytes == 0 || (size_t)bytes == sizeof(name) || name[0] != '/')
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "%s: the path cannot be resolved",
                              path);
    if (!sbx_utf8_is_valid(name, (size_t)bytes))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "%s: the path is not UTF-8", path);
    *out = sbx_making_copy_bytes(making, name, (size_t)bytes);
    return SBX_OK;
}

/* Absolute, and nothing in it that the kernel would have to walk back or skip. */
static bool is_clean(const char *path)
{
    if (path[0] != '/')
        return false;
    for (const char *at = path; *at == '/';) {
        size_t length = strcspn(++at, "/");

        if ((length == 0 && path[1] != '\0') || (length == 1 && at[0] == '.') ||
            (length == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += length;
    }
    return true;
}

/* Opens what path names. *out_is_real: without a symlink on the way, so that path is its name. */
static int open_place(bool *out_is_real, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
    int fd;

    *out_is_real = is_clean(path);
    if (*out_is_real) {
        fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
        if (fd >= 0 || errno == ENOENT || errno == ENOTDIR)
            return fd;
        *out_is_real = false; /* a symlink, or a kernel or container without the call */
    }
    return open(path, O_PATH | O_CLOEXEC);
}

sbx_status sbx_place_find(sbx_place_found *out, sbx_making *making, const char *path,
                          sbx_error *err)
{
    struct stat about;
    bool is_real;
    sbx_status st = SBX_OK;
    int fd = open_place(&is_real, path);

    *out = (sbx_place_found){0};
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return SBX_OK;
    if (fd < 0)
        return sbx_fail_errno(err, SBX_INVALID, SBX_STEP_PLAN, errno, "%s", path);
    if (fstat(fd, &about) != 0)
        st = sbx_fail_errno(err, SBX_IO, SBX_STEP_PLAN, errno, "look at %s", path);
    else if (is_real)
        out->path = sbx_making_copy(making, path);
    else
        st = name_of(&out->path, making, fd, path, err);
    close(fd);
    if (st != SBX_OK)
        return st;
    out->is_directory = S_ISDIR(about.st_mode);
    out->is_regular = S_ISREG(about.st_mode);
    out->mode = about.st_mode & 07777;
    return SBX_OK;
}

static const char *const private_directories[] = {"/tmp", "/var/tmp", "/dev"};

bool sbx_place_is_private(const char *path)
{
    for (size_t i = 0; i < SBX_COUNT_OF(private_directories); i++)
        if (sbx_path_is_within(path, private_directories[i]))
            return true;
    return false;
}

bool sbx_place_is_visible(const sbx_making *making, const char *path)
{
    if (!making->plan->walls[SBX_WALL_MOUNTS] || !sbx_place_is_private(path) ||
        sbx_rules_covering(making, SBX_RULE_WRITE, path) != NULL ||
        sbx_rules_covering(making, SBX_RULE_READ, path) != NULL)
        return true;
    for (size_t i = 0; i < making->rule_count && i < SBX_PLAN_RULES_MAX; i++)
        if ((making->rules[i].kind == SBX_RULE_WRITE || making->rules[i].kind == SBX_RULE_READ) &&
            sbx_path_is_within(making->rules[i].path, path))
            return true; /* a part of it is brought back */
    return false;
}

bool sbx_place_is_system(const char *path)
{
    static const char *const directories[] = {
        "/",        "/bin",     "/boot",      "/etc",      "/lib",    "/lib32",
        "/lib64",   "/libx32",  "/run",       "/sbin",     "/usr",    "/dev",
        "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/sbin", "/dev/shm"};

    for (size_t i = 0; i < SBX_COUNT_OF(directories); i++)
        if (strcmp(path, directories[i]) == 0)
            return true;
    return sbx_path_is_within(path, "/proc") || sbx_path_is_within(path, "/sys") ||
           (sbx_path_is_within(path, "/dev") && !sbx_path_is_within(path, "/dev/shm"));
}

sbx_status sbx_plan_find_cwd(sbx_making *making, sbx_error *err)
{
    const char *path = making->request->cwd;
    char here[4096];
    sbx_place_found found;
    sbx_status st;

    if (path != NULL && path[0] != '/')
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "\"%s\" is not an absolute path",
                              path);
    if (path == NULL) {
        path = getcwd(here, sizeof(here));
        if (path == NULL && errno == ENOENT)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "the working directory does not exist any more");
        if (path == NULL)
            return sbx_fail_errno(err, SBX_INVALID, SBX_STEP_PLAN, errno,
                                  "find the working directory");
    }
    if (!sbx_utf8_is_valid(path, strlen(path)))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the working directory %s: the path is not UTF-8", path);
    st = sbx_place_find(&found, making, path, err);
    if (st != SBX_OK) {
        sbx_error_context(err, "the working directory");
        return st;
    }
    if (found.path == NULL || !found.is_directory)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "the working directory %s %s", path,
                              found.path == NULL ? "does not exist" : "is not a directory");
    making->plan->cwd = found.path;
    making->cwd_mode = found.mode;
    return SBX_OK;
}
