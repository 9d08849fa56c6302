/* Writable roots, readable roots, and the names that are protected in the former. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/path.h"
#include "harness/policy/parts.h"

/* --- writable --- */

static sbx_status check_root(const sbx_making *making, const sbx_place_found *found,
                             const char *path, sbx_error *err)
{
    if (found->path == NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the writable root %s does not exist", path);
    if (!found->is_directory && !found->is_regular)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the writable root %s is neither a directory nor a regular file",
                              path);
    if (sbx_place_is_system(found->path))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the writable root %s is a system directory: name one below it",
                              path);
    for (size_t i = 0; i < SBX_COUNT_OF(making->homes); i++)
        if (making->homes[i] != NULL && sbx_path_is_within(making->homes[i], found->path))
            return sbx_fail_plain(
                err, SBX_INVALID, SBX_STEP_PLAN,
                "the writable root %s %s the home directory %s, where a command could "
                "change what you run later: name directories in it",
                path, strcmp(making->homes[i], found->path) == 0 ? "is" : "holds",
                making->homes[i]);
    return SBX_OK;
}

/*
 * Path B: every directory on the way must let a stranger through, or be seen through the caller's eyes
 * (a mapped root). Out of private directories the way is made anew.
 */
static const char *closed_on_the_way(sbx_making *making, const char *path)
{
    struct stat about;

    if (sbx_place_is_private(path))
        return NULL;
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const char *part = sbx_making_copy_bytes(making, path, (size_t)(slash - path));

        if (sbx_rules_covering(making, SBX_RULE_READ, part) != NULL ||
            sbx_rules_covering(making, SBX_RULE_WRITE, part) != NULL)
            return NULL;
        if (stat(part, &about) != 0 || (about.st_mode & S_IXOTH) == 0)
            return part;
    }
    return NULL;
}

static sbx_status check_way(sbx_making *making, const char *path, sbx_error *err)
{
    const char *closed = making->plan->walls[SBX_WALL_UID] ? closed_on_the_way(making, path) : NULL;

    if (closed == NULL)
        return SBX_OK;
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_PLAN,
        "the sandbox's user cannot get to %s: %s lets only its owner through. "
        "--read %s lets the command read all of it; --identity self keeps your user",
        path, closed, closed);
}

static sbx_status add_writable(sbx_making *making, sbx_error *err)
{
    const sbx_strings *roots = &making->policy->write;

    for (size_t i = 0; i < roots->count; i++) {
        sbx_place_found found;
        const char *path;
        sbx_status st;

        if ((st = sbx_place_absolute(&path, making, roots->item[i], err)) != SBX_OK ||
            (st = sbx_place_find(&found, making, path, err)) != SBX_OK ||
            (st = check_root(making, &found, path, err)) != SBX_OK ||
            (st = check_way(making, found.path, err)) != SBX_OK)
            return st;
        sbx_rules_add(making, SBX_RULE_WRITE, found.is_directory, found.path, "write");
    }
    return SBX_OK;
}

/* --- readable --- */

/* Of which the target has its own. */
static bool is_temp(const char *path)
{
    return strcmp(path, "/tmp") == 0 || strcmp(path, "/var/tmp") == 0;
}

static sbx_status add_readable(sbx_making *making, sbx_error *err)
{
    const sbx_strings *roots = &making->policy->read;

    for (size_t i = 0; i < roots->count; i++) {
        sbx_place_found found;
        const char *path;
        sbx_status st;

        if ((st = sbx_place_absolute(&path, making, roots->item[i], err)) != SBX_OK ||
            (st = sbx_place_find(&found, making, path, err)) != SBX_OK)
            return st;
        if (found.path == NULL)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "the readable root %s does not exist", path);
        if (sbx_place_is_system(found.path))
            return sbx_fail_plain(
                err, SBX_INVALID, SBX_STEP_PLAN,
                "the readable root %s is a system directory, which is readable as it "
                "is: name one below it",
                path);
        if (is_temp(found.path))
            return sbx_fail_plain(
                err, SBX_INVALID, SBX_STEP_PLAN,
                "%s cannot be a readable root: the command has a private one there; "
                "name a directory in it",
                path);
        sbx_rules_add(making, SBX_RULE_READ, found.is_directory, found.path, "read");
    }
    return SBX_OK;
}

/* Path B sees the caller's home as the caller does; the rest of the system as a stranger. */
static void add_homes(sbx_making *making)
{
    for (size_t i = 0; making->plan->walls[SBX_WALL_UID] && i < SBX_COUNT_OF(making->homes); i++)
        if (making->homes[i] != NULL && !sbx_place_is_system(making->homes[i]) &&
            !is_temp(making->homes[i]))
            sbx_rules_add(making, SBX_RULE_READ, true, making->homes[i], "home");
}

/* The command must find its working directory, also where it lies in what is private now. */
static void add_cwd(sbx_making *making)
{
    const char *cwd = making->plan->cwd;
    bool is_hidden = sbx_place_is_private(cwd);
    bool is_closed = making->plan->walls[SBX_WALL_UID] &&
                     ((making->cwd_mode & (S_IROTH | S_IXOTH)) != (S_IROTH | S_IXOTH) ||
                      closed_on_the_way(making, cwd) != NULL);

    if (!making->plan->walls[SBX_WALL_MOUNTS] || sbx_place_is_system(cwd) || is_temp(cwd))
        return;
    if (is_hidden || is_closed)
        sbx_rules_add(making, SBX_RULE_READ, true, cwd, "cwd"); /* needless below a root: pruned */
}

/* A command that is named by its path is found there, also where only it lies in what is private. */
static void add_command(sbx_making *making)
{
    const char *name = making->plan->argv[0];
    sbx_place_found found;

    if (making->plan->walls[SBX_WALL_MOUNTS] && name[0] == '/' && sbx_place_is_private(name) &&
        sbx_place_find(&found, making, name, NULL) == SBX_OK && found.path != NULL &&
        found.is_regular && !sbx_place_is_visible(making, found.path) &&
        sbx_place_is_private(found.path))
        sbx_rules_add(making, SBX_RULE_READ, false, found.path, "command");
}

sbx_status sbx_plan_add_roots(sbx_making *making, sbx_error *err)
{
    sbx_status st = add_readable(making, err);

    if (st != SBX_OK)
        return st;
    add_homes(making);
    st = add_writable(making, err); /* after what opens the way to them */
    if (st != SBX_OK)
        return st;
    add_cwd(making);
    add_command(making);
    return SBX_OK;
}

/* --- protected --- */

/* Where nobody can make the name anyway, nothing has to stand in its place. */
static bool could_be_made(const char *directory, uid_t caller)
{
    struct stat about;

    if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0)
        return true;
    return errno != EROFS && (stat(directory, &about) != 0 || about.st_uid == caller);
}

static sbx_status protect(sbx_making *making, const char *directory, const char *path,
                          const char *source, sbx_error *err)
{
    struct stat about;

    if (lstat(path, &about) != 0) {
        if (errno != ENOENT)
            return sbx_fail_errno(err, SBX_INVALID, SBX_STEP_PLAN, errno, "protect %s", path);
        if (could_be_made(directory, making->plan->caller_uid))
            sbx_rules_add(making, SBX_RULE_PROTECT_ABSENT, true, path, source);
        return SBX_OK;
    }
    /* What a link points to can be made read-only, but not that the link is replaced by something. */
    if (S_ISLNK(about.st_mode))
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_PLAN,
            "%s cannot be protected (%s), because it is a symbolic link, which a "
            "command could replace: --unprotect %s, or write to other directories",
            path, source, sbx_path_name(path));
    if (S_ISDIR(about.st_mode) && (about.st_mode & 07777) == SBX_PLACEHOLDER_MODE)
        sbx_rules_add(making, SBX_RULE_PROTECT_ABSENT, true, path,
                      source); /* another run's, or left over */
    else
        sbx_rules_add(making, SBX_RULE_PROTECT, S_ISDIR(about.st_mode), path, source);
    return SBX_OK;
}

/* "protect .git" */
static const char *source_of(sbx_making *making, const char *name)
{
    static const char verb[] = "protect ";
    size_t bytes = strlen(name);
    char *words = sbx_making_get(making, sizeof(verb) + bytes);

    if (words == NULL)
        return "protect";
    memcpy(words, verb, sizeof(verb) - 1);
    memcpy(words + sizeof(verb) - 1, name, bytes + 1);
    return words;
}

/* While learning the working directory can be written like a root. */
static bool needs_cwd_protection(const sbx_making *making)
{
    const char *cwd = making->plan->cwd;

    return making->plan->learns && !sbx_place_is_system(cwd) && !is_temp(cwd) &&
           sbx_rules_covering(making, SBX_RULE_WRITE, cwd) == NULL;
}

static sbx_status protect_names(sbx_making *making, sbx_error *err)
{
    const sbx_strings *names = &making->policy->protect;
    size_t count =
        making->rule_count < SBX_PLAN_RULES_MAX ? making->rule_count : SBX_PLAN_RULES_MAX;

    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->item[i];
        const char *source = NULL;

        if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 ||
            strcmp(name, "..") == 0)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "\"%s\" is not a single name that could be protected", name);
        for (size_t j = 0; j < count; j++) {
            const sbx_rule root = making->rules[j];
            sbx_status st;

            if (root.kind != SBX_RULE_WRITE || !root.is_directory)
                continue;
            if (source == NULL)
                source = source_of(making, name);
            st = protect(making, root.path, sbx_making_join(making, root.path, name), source, err);
            if (st != SBX_OK)
                return st;
        }
        if (needs_cwd_protection(making)) {
            const char *cwd = making->plan->cwd;
            sbx_status st = protect(making, cwd, sbx_making_join(making, cwd, name),
                                    source != NULL ? source : source_of(making, name), err);

            if (st != SBX_OK)
                return st;
        }
    }
    return SBX_OK;
}

/* A path that shall be read-only: of interest only in a root, as everything else is read-only already. */
static sbx_status protect_path(sbx_making *making, const char *path, sbx_error *err)
{
    const char *name = sbx_path_name(path);
    sbx_place_found parent, found;
    sbx_status st;

    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        st = sbx_place_find(&found, making, path, err);
        if (st != SBX_OK || found.path == NULL || strcmp(found.path, "/") == 0)
            return st != SBX_OK
                       ? st
                       : sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                        "%s: a path to protect must exist, and not be /", path);
        path = found.path;
        name = sbx_path_name(path);
    }
    st = sbx_place_find(
        &parent, making,
        name == path + 1 ? "/" : sbx_making_copy_bytes(making, path, (size_t)(name - path - 1)),
        err);
    if (st != SBX_OK)
        return st;
    if (!parent.is_directory)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "%s: the directory of a path to protect must exist", path);
    path = sbx_making_join(making, parent.path, name);
    if (making->plan->learns || sbx_rules_covering(making, SBX_RULE_WRITE, path) != NULL)
        return protect(making, parent.path, path, "deny_write", err);
    for (size_t i = 0; i < making->rule_count && i < SBX_PLAN_RULES_MAX; i++)
        if (making->rules[i].kind == SBX_RULE_WRITE &&
            sbx_path_is_within(making->rules[i].path, path))
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "%s shall be writable, but it lies in %s, which shall not be",
                                  making->rules[i].path, path);
    return SBX_OK;
}

/* What tells sbx which arguments are secrets, and that none is: where it lies in a root, it is none of the command's
 * to write. */
static sbx_status protect_patterns(sbx_making *making, sbx_error *err)
{
    const char *config = sbx_plan_caller_path(making, "XDG_CONFIG_HOME");
    sbx_place_found parent;
    sbx_status st;

    if (config == NULL && making->homes[0] == NULL)
        return SBX_OK;
    if (config == NULL)
        config = sbx_making_join(making, making->homes[0], ".config");
    if (!making->plan->learns &&
        sbx_rules_covering(making, SBX_RULE_WRITE, sbx_making_join(making, config, "sbx")) == NULL)
        return SBX_OK;
    st = sbx_place_find(&parent, making, config, err);
    if (st != SBX_OK || parent.path == NULL)
        return st;
    return protect(making, parent.path, sbx_making_join(making, parent.path, "sbx"), "patterns",
                   err);
}

sbx_status sbx_plan_add_protected(sbx_making *making, sbx_error *err)
{
    const sbx_strings *paths = &making->policy->deny_write;
    sbx_status st = protect_names(making, err);

    if (st == SBX_OK)
        st = protect_patterns(making, err);

    for (size_t i = 0; st == SBX_OK && i < paths->count; i++) {
        const char *path;

        st = sbx_place_absolute(&path, making, paths->item[i], err);
        if (st == SBX_OK)
            st = protect_path(making, path, err);
    }
    return st;
}
