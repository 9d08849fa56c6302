/* What may not be read: the policy's paths, the built-in secrets, the audit database. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/path.h"
#include "harness/policy/parts.h"

static void deny(sbx_making *making, const sbx_place_found *found, const char *source)
{
    if (sbx_place_is_visible(making, found->path))
        sbx_rules_add(making, SBX_RULE_DENY, found->is_directory, found->path, source);
}

/* What is denied by name must be there: a slip of the pen shall not leave a secret open. */
static sbx_status deny_paths(sbx_making *making, sbx_error *err)
{
    const sbx_strings *paths = &making->policy->deny_read;

    for (size_t i = 0; i < paths->count; i++) {
        sbx_place_found found;
        const char *path;
        sbx_status st;

        if ((st = sbx_place_absolute(&path, making, paths->item[i], err)) != SBX_OK ||
            (st = sbx_place_find(&found, making, path, err)) != SBX_OK)
            return st;
        if (found.path == NULL || strcmp(found.path, "/") == 0)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  found.path == NULL ? "the path to deny %s does not exist"
                                                     : "%s cannot be denied as a whole",
                                  path);
        deny(making, &found, "deny");
    }
    return SBX_OK;
}

/* --- secrets --- */

/* Where secrets are looked for: a directory without symlinks on the way to it, and held open. */
typedef struct search {
    sbx_making *making;
    const char *directory;
    int fd;
    bool by_mode; /* the target may be kept off by the files' own modes */
} search;

/*
 * Each wall in front of a file costs the start some microseconds; where the file's own mode keeps the
 * target off, none is needed. /etc/shadow has one always, because it is what is tried first: so the
 * attempt is on record.
 */
static bool needs_wall(const search *in, const char *name, const char *path,
                       const struct stat *about)
{
    if (!in->by_mode || S_ISLNK(about->st_mode) || strcmp(name, "shadow") == 0)
        return true;
    if (in->making->plan->walls[SBX_WALL_UID]) /* in a mapped root the target is the caller */
        return (about->st_mode & S_IROTH) != 0 ||
               sbx_rules_covering(in->making, SBX_RULE_READ, path) != NULL ||
               sbx_rules_covering(in->making, SBX_RULE_WRITE, path) != NULL;
    return about->st_uid == in->making->plan->caller_uid ||
           faccessat(in->fd, name, R_OK, AT_EACCESS) == 0;
}

/* A plain name that is no link is where it seems to be, which saves asking. */
static void deny_secret(const search *in, const char *name)
{
    sbx_making *making = in->making;
    sbx_place_found found = {0};
    const char *path;
    struct stat about;

    if (fstatat(in->fd, name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    path = sbx_making_join(making, in->directory, name);
    if (!needs_wall(in, name, path, &about))
        return;
    if (!S_ISLNK(about.st_mode) && strchr(name, '/') == NULL) {
        found.path = path;
        found.is_directory = S_ISDIR(about.st_mode);
    } else if (sbx_place_find(&found, making, path, NULL) != SBX_OK || found.path == NULL) {
        return; /* a link to nowhere */
    }
    deny(making, &found, "secret");
}

/* "ssh/ssh_host_*_key" */
static void deny_by_glob(const search *in, const char *name)
{
    const char *glob = sbx_path_name(name);
    const char *below = sbx_making_copy_bytes(in->making, name, (size_t)(glob - name - 1));
    int fd = in->making->failed ? -1 : openat(in->fd, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (list == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(list)) != NULL)
        if (sbx_glob_matches(glob, entry->d_name))
            deny_secret(in, sbx_making_join(in->making, below, entry->d_name));
    closedir(list);
}

/* The secrets whose names begin with prefix, which stands for directory. */
static void deny_secrets(sbx_making *making, const char *prefix, const char *directory,
                         bool by_mode)
{
    size_t bytes = strlen(prefix);
    search in = {making, directory, -1, by_mode};

    in.fd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in.fd < 0) { /* a symlink: a home is resolved already, /etc need not be */
        sbx_place_found found;

        if (sbx_place_find(&found, making, directory, NULL) != SBX_OK || !found.is_directory)
            return;
        in.directory = found.path;
        in.fd = open(found.path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (in.fd < 0)
            return;
    }
    for (const char *const *secret = sbx_policy_secrets(); *secret != NULL; secret++) {
        if (strncmp(*secret, prefix, bytes) != 0)
            continue;
        if (strchr(*secret, '*') != NULL)
            deny_by_glob(&in, *secret + bytes);
        else
            deny_secret(&in, *secret + bytes);
    }
    close(in.fd);
}

sbx_status sbx_plan_add_denials(sbx_making *making, sbx_error *err)
{
    sbx_status st = deny_paths(making, err);

    if (st != SBX_OK || !making->policy->deny_secrets)
        return st;
    for (size_t i = 0; i < SBX_COUNT_OF(making->homes); i++)
        if (making->homes[i] != NULL)
            deny_secrets(making, "~/", making->homes[i], false);
    deny_secrets(making, "/etc/", "/etc", true);
    return SBX_OK;
}

/* --- the audit database --- */

/* The real path of something that may not exist yet: as far as it goes, and the rest as written. */
static sbx_status resolve_future(const char **out, sbx_making *making, const char *path,
                                 sbx_error *err)
{
    sbx_text clean = {0};
    const char *rest = "";
    sbx_place_found found = {0};
    sbx_status st = sbx_path_clean(&clean, NULL, path, err);
    char *at = clean.data;

    if (st == SBX_OK)
        st = sbx_place_find(&found, making, path, err);
    while (st == SBX_OK && found.path == NULL) {
        char *slash = strrchr(at, '/');

        rest = rest[0] == '\0' ? sbx_making_copy(making, slash + 1)
                               : sbx_making_join(making, sbx_making_copy(making, slash + 1), rest);
        *slash = '\0';
        st = sbx_place_find(&found, making, slash == at ? "/" : at, err);
    }
    if (st == SBX_OK)
        *out = rest[0] == '\0' ? found.path : sbx_making_join(making, found.path, rest);
    sbx_text_done(&clean);
    return st;
}

/* Where databases are when nobody says otherwise: $XDG_STATE_HOME/sbx, ~/.local/state/sbx. Or NULL. */
static const char *state_directory(sbx_making *making)
{
    const char *state = sbx_plan_caller_path(making, "XDG_STATE_HOME");

    if (state == NULL && making->homes[0] == NULL)
        return NULL;
    if (state == NULL)
        state = sbx_making_join(making, making->homes[0], ".local/state");
    return sbx_making_join(making, state, "sbx");
}

/* The database's real path. In the state directory, which is resolved already, it costs one question. */
static sbx_status find_database(sbx_making *making, const char *asked_state, const char *state,
                                sbx_error *err)
{
    const char *path, *name;
    struct stat about;
    sbx_status st = sbx_place_absolute(&path, making, making->request->audit_path, err);

    if (st != SBX_OK)
        return st;
    name = sbx_path_name(path);
    if (asked_state != NULL && name[0] != '\0' && strcmp(name, "..") != 0 &&
        strcmp(name, ".") != 0 && strlen(asked_state) == (size_t)(name - path - 1) &&
        strncmp(asked_state, path, strlen(asked_state)) == 0 &&
        (lstat(path, &about) != 0 ? errno == ENOENT : !S_ISLNK(about.st_mode))) {
        making->plan->audit_path = sbx_making_join(making, state, name);
        return SBX_OK;
    }
    return resolve_future(&making->plan->audit_path, making, path, err);
}

/* What sbx leaves beside a database: the backup of an older format, a copy that was not finished. */
static void deny_backups(sbx_making *making, const char *directory, const char *name)
{
    DIR *opened = opendir(directory[0] == '\0' ? "/" : directory);
    size_t bytes = strlen(name);
    struct dirent *entry;

    while (opened != NULL && !making->failed && (entry = readdir(opened)) != NULL) {
        const char *path;

        if (strncmp(entry->d_name, name, bytes) != 0 || entry->d_name[bytes] != '.')
            continue;
        path = sbx_making_join(making, directory, entry->d_name);
        if (!making->failed && sbx_place_is_visible(making, path))
            sbx_rules_add(making, SBX_RULE_DENY, false, path, "audit");
    }
    if (opened != NULL)
        closedir(opened);
}

/* The file and what SQLite keeps beside it. */
static void deny_files(sbx_making *making)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    const char *path = making->plan->audit_path;
    const char *name = sbx_path_name(path);
    const char *directory = sbx_making_copy_bytes(making, path, (size_t)(name - path - 1));

    for (size_t i = 0; i < SBX_COUNT_OF(endings) && !making->failed; i++) {
        sbx_text whole = {0};
        struct stat about;

        sbx_text_add(&whole, name);
        sbx_text_add(&whole, endings[i]);
        path = sbx_making_join(making, directory, sbx_text_string(&whole));
        making->failed |= whole.failed;
        sbx_text_done(&whole);
        if (!sbx_place_is_visible(making, path))
            continue;
        sbx_rules_add(making, SBX_RULE_DENY, false, path, "audit");
        if (lstat(path, &about) != 0)
            making->plan->audit_before_mounts = true;
    }
    if (!making->failed)
        deny_backups(making, directory, name);
}

sbx_status sbx_plan_add_audit(sbx_making *making, sbx_error *err)
{
    sbx_plan *plan = making->plan;
    const char *asked = state_directory(making), *state = NULL;
    struct stat about;
    sbx_status st = asked != NULL ? resolve_future(&state, making, asked, err) : SBX_OK;
    bool is_inside, exists;

    if (st == SBX_OK && making->request->audit_path != NULL)
        st = find_database(making, asked, state, err);
    if (st != SBX_OK)
        return st;
    is_inside =
        state != NULL && plan->audit_path != NULL && sbx_path_is_within(plan->audit_path, state);
    exists = state != NULL && lstat(state, &about) == 0 && S_ISDIR(about.st_mode);
    if (state != NULL && (exists || is_inside) && sbx_place_is_visible(making, state)) {
        sbx_rules_add(making, SBX_RULE_DENY, true, state, "audit");
        if (is_inside && !exists)
            plan->audit_before_mounts = true;
    }
    if (plan->audit_path != NULL && !is_inside)
        deny_files(making);
    return SBX_OK;
}
