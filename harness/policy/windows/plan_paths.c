/* From a path as the policy has it to the one file that it names. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/base/windows/wide.h"
#include "harness/policy/parts.h"

sbx_status sbx_place_absolute(const char **out, sbx_making *making, const char *path,
                              sbx_error *err)
{
    if (!sbx_utf8_is_valid(path, strlen(path)))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "%s: the path is not UTF-8", path);
    if (sbx_path_root_bytes(path) > 0) {
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
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "\"%s\" is not an absolute path on a local drive", path);
    }
    return SBX_OK;
}

/* What the handle is called now, links and short names gone. */
static sbx_status name_of(const char **out, sbx_making *making, HANDLE handle, const char *path,
                          sbx_error *err)
{
    DWORD units = GetFinalPathNameByHandleW(handle, NULL, 0, FILE_NAME_NORMALIZED);
    wchar_t *wide = units == 0 ? NULL : malloc((units + 1) * sizeof(*wide));
    sbx_text text = {0};
    sbx_status st = SBX_OK;

    if (wide == NULL || (units = GetFinalPathNameByHandleW(handle, wide, units + 1, 0)) == 0)
        st = sbx_fail_win32(err, SBX_IO, SBX_STEP_PLAN, GetLastError(), "resolve %s", path);
    else
        sbx_text_add_wide_path(&text, wide, units);
    free(wide);
    while (text.bytes > 3 && text.data[text.bytes - 1] == '/')
        text.data[--text.bytes] = '\0';
    if (st == SBX_OK && sbx_path_root_bytes(sbx_text_string(&text)) == 0)
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                            "%s: lies on another machine (%s), where no entry for a run's SID "
                            "would hold: take a place on a local drive",
                            path, sbx_text_string(&text));
    else if (st == SBX_OK && !sbx_utf8_is_valid(text.data, text.bytes))
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "%s: the path is not UTF-8", path);
    else if (st == SBX_OK)
        *out = sbx_making_copy_bytes(making, text.data, text.bytes);
    sbx_text_done(&text);
    return st;
}

sbx_status sbx_place_find(sbx_place_found *out, sbx_making *making, const char *path,
                          sbx_error *err)
{
    wchar_t *wide = sbx_wide_path(path);
    BY_HANDLE_FILE_INFORMATION about;
    HANDLE handle = INVALID_HANDLE_VALUE;
    DWORD code;
    sbx_status st;

    *out = (sbx_place_found){0};
    if (wide != NULL)
        handle = CreateFileW(wide, FILE_READ_ATTRIBUTES,
                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                             OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    code = wide == NULL ? ERROR_INVALID_NAME : GetLastError();
    free(wide);
    if (handle == INVALID_HANDLE_VALUE) {
        if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND)
            return SBX_OK;
        return sbx_fail_win32(err, SBX_INVALID, SBX_STEP_PLAN, code, "%s", path);
    }
    if (!GetFileInformationByHandle(handle, &about))
        st = sbx_fail_win32(err, SBX_IO, SBX_STEP_PLAN, GetLastError(), "look at %s", path);
    else
        st = name_of(&out->path, making, handle, path, err);
    CloseHandle(handle);
    if (st != SBX_OK)
        return st;
    out->is_directory = (about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    out->is_regular = !out->is_directory;
    return SBX_OK;
}

/* Nothing is hidden from the command here: its temp directory is one that nobody else knows of. */
bool sbx_place_is_private(const char *path)
{
    (void)path;
    return false;
}

bool sbx_place_is_visible(const sbx_making *making, const char *path)
{
    (void)making;
    (void)path;
    return true;
}

/* Where the named variable's folder is the path or holds it, or is held by it. */
static bool touches_variable(const char *name, const char *path)
{
    const char *value = sbx_windows_variable(name);
    sbx_text folder = {0};
    bool touches = false;

    if (value == NULL)
        return false;
    for (; *value != '\0'; value++)
        sbx_text_add_bytes(&folder, *value == '\\' ? "/" : value, 1);
    if (!folder.failed && sbx_path_root_bytes(folder.data) > 0)
        touches = sbx_path_is_within(path, folder.data) || sbx_path_is_within(folder.data, path);
    sbx_text_done(&folder);
    return touches;
}

bool sbx_place_is_system(const char *path)
{
    static const char *const variables[] = {"SystemRoot", "ProgramFiles", "ProgramFiles(x86)",
                                            "ProgramW6432", "ProgramData"};

    if (strlen(path) == sbx_path_root_bytes(path))
        return true;
    for (size_t i = 0; i < SBX_COUNT_OF(variables); i++)
        if (touches_variable(variables[i], path))
            return true;
    return false;
}

sbx_status sbx_plan_find_cwd(sbx_making *making, sbx_error *err)
{
    const char *path = making->request->cwd;
    wchar_t here[MAX_PATH * 4];
    DWORD units = GetCurrentDirectoryW(SBX_COUNT_OF(here), here);
    sbx_text text = {0};
    sbx_place_found found;
    sbx_status st = SBX_OK;

    if (path == NULL && (units == 0 || units >= SBX_COUNT_OF(here)))
        return sbx_fail_win32(err, SBX_INVALID, SBX_STEP_PLAN, GetLastError(),
                              "find the working directory");
    if (path == NULL) {
        sbx_text_add_wide_path(&text, here, units);
        path = sbx_making_copy(making, sbx_text_string(&text));
        sbx_text_done(&text);
    }
    if (sbx_path_root_bytes(path) == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN,
                              "the working directory %s is not on a local drive", path);
    st = sbx_place_find(&found, making, path, err);
    if (st != SBX_OK) {
        sbx_error_context(err, "the working directory");
        return st;
    }
    if (found.path == NULL || !found.is_directory)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "the working directory %s %s", path,
                              found.path == NULL ? "does not exist" : "is not a directory");
    making->plan->cwd = found.path;
    return SBX_OK;
}
