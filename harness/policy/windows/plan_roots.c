/* Writable roots, readable roots, and the names that are protected in the former. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/base/windows/wide.h"
#include "harness/policy/parts.h"
#include "harness/policy/windows/stand_in.h"

/* --- writable --- */

static sbx_status check_volume(const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE handle = INVALID_HANDLE_VALUE;
    DWORD flags = 0, code = ERROR_INVALID_NAME;
    sbx_status st = SBX_OK;

    if (wide != NULL) {
        handle = CreateFileW(wide, FILE_READ_ATTRIBUTES,
                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                             OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
        code = GetLastError();
    }
    if (handle == INVALID_HANDLE_VALUE ||
        !GetVolumeInformationByHandleW(handle, NULL, 0, NULL, NULL, &flags, NULL, 0))
        st = sbx_fail_win32(err, SBX_IO, SBX_STEP_PLAN,
                            handle == INVALID_HANDLE_VALUE ? code : GetLastError(),
                            "ask for the file system of %s", path);
    else if ((flags & FILE_PERSISTENT_ACLS) == 0)
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_PLAN,
                            "the writable root %s lies on a file system that keeps no access "
                            "lists (FAT, exFAT, a virtual drive), so nothing could be held there: "
                            "take a place on NTFS or ReFS",
                            path);
    if (handle != INVALID_HANDLE_VALUE)
        CloseHandle(handle);
    free(wide);
    return st;
}

static sbx_status check_root(const sbx_making *making, const sbx_place_found *found,
                             const char *path, sbx_error *err)
{
    if (found->path == NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the writable root %s does not exist", path);
    if (sbx_place_is_system(found->path))
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_PLAN,
            "the writable root %s is a drive or a system directory, or holds one: "
            "name a directory of your own",
            path);
    for (size_t i = 0; i < SBX_COUNT_OF(making->homes); i++)
        if (making->homes[i] != NULL && sbx_path_is_within(making->homes[i], found->path))
            return sbx_fail_plain(
                err, SBX_INVALID, SBX_STEP_PLAN,
                "the writable root %s %s the home directory %s, where a command could "
                "change what you run later: name directories in it",
                path, sbx_path_is_same(making->homes[i], found->path) ? "is" : "holds",
                making->homes[i]);
    return check_volume(found->path, err);
}

static sbx_status find(sbx_place_found *out, sbx_making *making, const char **out_path,
                       const char *asked, sbx_error *err)
{
    sbx_status st = sbx_place_absolute(out_path, making, asked, err);

    return st == SBX_OK ? sbx_place_find(out, making, *out_path, err) : st;
}

static sbx_status add_writable(sbx_making *making, sbx_error *err)
{
    const sbx_strings *roots = &making->policy->write;

    for (size_t i = 0; i < roots->count; i++) {
        sbx_place_found found;
        const char *path;
        sbx_status st;

        if ((st = find(&found, making, &path, roots->item[i], err)) != SBX_OK ||
            (st = check_root(making, &found, path, err)) != SBX_OK)
            return st;
        sbx_rules_add(making, SBX_RULE_WRITE, found.is_directory, found.path, "write");
    }
    return SBX_OK;
}

/* Path A reads what the caller reads; a readable root only has to be there. */
static sbx_status check_readable(sbx_making *making, sbx_error *err)
{
    const sbx_strings *roots = &making->policy->read;

    for (size_t i = 0; i < roots->count; i++) {
        sbx_place_found found;
        const char *path;
        sbx_status st = find(&found, making, &path, roots->item[i], err);

        if (st != SBX_OK)
            return st;
        if (found.path == NULL)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "the readable root %s does not exist", path);
    }
    return SBX_OK;
}

sbx_status sbx_plan_add_roots(sbx_making *making, sbx_error *err)
{
    sbx_status st = check_readable(making, err);

    return st == SBX_OK ? add_writable(making, err) : st;
}

/* --- protected --- */

static sbx_status protect(sbx_making *making, const char *path, const char *source, sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    DWORD attributes = wide == NULL ? INVALID_FILE_ATTRIBUTES : GetFileAttributesW(wide);
    DWORD code = wide == NULL ? ERROR_INVALID_NAME : GetLastError();

    free(wide);
    if (attributes == INVALID_FILE_ATTRIBUTES && code != ERROR_FILE_NOT_FOUND)
        return sbx_fail_win32(err, SBX_INVALID, SBX_STEP_PLAN, code, "protect %s", path);
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        sbx_rules_add(making, SBX_RULE_PROTECT_ABSENT, true, path, source);
        return SBX_OK;
    }
    /* What a link points to can be closed, but not that the link is replaced by something. */
    if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0)
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_PLAN,
            "%s cannot be protected (%s), because it is a link or a junction, which a "
            "command could replace: --unprotect %s, or write to other directories",
            path, source, sbx_path_name(path));
    /* What another run has put there goes with the last run that needs it: this one has to have its part in it. */
    if ((attributes & FILE_ATTRIBUTE_DIRECTORY) != 0 && sbx_place_stands_in(path)) {
        sbx_rules_add(making, SBX_RULE_PROTECT_ABSENT, true, path, source);
        return SBX_OK;
    }
    sbx_rules_add(making, SBX_RULE_PROTECT, (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0, path,
                  source);
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

static sbx_status protect_name(sbx_making *making, const char *name, sbx_error *err)
{
    size_t count =
        making->rule_count < SBX_PLAN_RULES_MAX ? making->rule_count : SBX_PLAN_RULES_MAX;
    const char *source = source_of(making, name);

    if (name[0] == '\0' || strpbrk(name, "/\\:") != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "\"%s\" is not a single name that could be protected", name);
    for (size_t i = 0; i < count; i++) {
        const sbx_rule root = making->rules[i];
        sbx_status st;

        if (root.kind != SBX_RULE_WRITE || !root.is_directory)
            continue;
        st = protect(making, sbx_making_join(making, root.path, name), source, err);
        if (st != SBX_OK)
            return st;
    }
    return SBX_OK;
}

/* A path that shall be read-only: of interest only in a root, as everything else is read-only already. */
static sbx_status protect_path(sbx_making *making, const char *path, sbx_error *err)
{
    const char *name = sbx_path_name(path);
    size_t root_bytes = sbx_path_root_bytes(path);
    size_t above = (size_t)(name - path);
    sbx_place_found parent;
    sbx_status st;

    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "%s: a path to protect must end in a name", path);
    st = sbx_place_find(
        &parent, making,
        sbx_making_copy_bytes(making, path, above > root_bytes ? above - 1 : root_bytes), err);
    if (st != SBX_OK)
        return st;
    if (!parent.is_directory)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "%s: the directory of a path to protect must exist", path);
    path = sbx_making_join(making, parent.path, name);
    if (sbx_rules_covering(making, SBX_RULE_WRITE, path) != NULL)
        return protect(making, path, "deny_write", err);
    for (size_t i = 0; i < making->rule_count && i < SBX_PLAN_RULES_MAX; i++)
        if (making->rules[i].kind == SBX_RULE_WRITE &&
            sbx_path_is_within(making->rules[i].path, path))
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                                  "%s shall be writable, but it lies in %s, which shall not be",
                                  making->rules[i].path, path);
    return SBX_OK;
}

sbx_status sbx_plan_add_protected(sbx_making *making, sbx_error *err)
{
    const sbx_strings *names = &making->policy->protect, *paths = &making->policy->deny_write;
    sbx_status st = SBX_OK;

    for (size_t i = 0; st == SBX_OK && i < names->count; i++)
        st = protect_name(making, names->item[i], err);
    for (size_t i = 0; st == SBX_OK && i < paths->count; i++) {
        const char *path;

        st = sbx_place_absolute(&path, making, paths->item[i], err);
        if (st == SBX_OK)
            st = protect_path(making, path, err);
    }
    return st;
}
