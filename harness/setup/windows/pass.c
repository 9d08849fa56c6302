/* See pass.h. */
#include "harness/setup/windows/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "harness/base/clock.h"
#include "harness/base/windows/wide.h"
#include "harness/setup/windows/as_user.h"
#include "harness/setup/windows/files.h"
#include "harness/setup/windows/grants.h"
#include "harness/setup/windows/os.h"
#include "harness/setup/windows/state_file.h"

enum {
    CHILDREN_MAX = 512,
    MOMENT_MS = 2000, /* who asks whether the lock is held has it for a moment */
};

/* --- what lies in the profile --- */

typedef struct names {
    char *item[CHILDREN_MAX + 1]; /* NULL-terminated */
    size_t count;
} names;

static void names_done(names *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    *list = (names){.count = 0};
}

static sbx_status add_name(names *list, const wchar_t *name, sbx_error *err)
{
    sbx_text text = {0};

    if (list->count == CHILDREN_MAX)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "more than %d directories lie in the profile", CHILDREN_MAX);
    sbx_text_add_wide(&text, name, wcslen(name));
    if (text.failed || text.data == NULL) {
        sbx_text_done(&text);
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_IDENTITY, "no memory for a name");
    }
    list->item[list->count++] = text.data;
    return SBX_OK;
}

static sbx_status list_directories(names *out, const char *profile, sbx_error *err)
{
    sbx_text pattern = {0};
    WIN32_FIND_DATAW found;
    wchar_t *wide = NULL;
    HANDLE list = INVALID_HANDLE_VALUE;
    sbx_status st = SBX_OK;

    sbx_text_add_format(&pattern, "%s/*", profile);
    if (!pattern.failed)
        wide = sbx_wide_path(sbx_text_string(&pattern));
    if (wide != NULL)
        list = FindFirstFileW(wide, &found);
    if (list == INVALID_HANDLE_VALUE)
        st = sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, GetLastError(), "listing %s", profile);
    while (st == SBX_OK) {
        if ((found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0 &&
            (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0)
            st = add_name(out, found.cFileName, err);
        if (!FindNextFileW(list, &found))
            break;
    }
    if (list != INVALID_HANDLE_VALUE)
        FindClose(list);
    free(wide);
    sbx_text_done(&pattern);
    return st;
}

/* --- the pass --- */

/* The list lies where only an administrator writes: for that moment the rights are taken back. */
static sbx_status keep(const sbx_grants *grants, void *context, sbx_error *err)
{
    sbx_grants now = *grants;
    sbx_status st;

    (void)context;
    sbx_as_user_end();
    now.changed_us = sbx_clock_utc_us();
    st = sbx_grants_keep(&now, err);
    return st == SBX_OK ? sbx_as_user_begin(err) : st;
}

static sbx_status set(sbx_grants *grants, const char *profile, sbx_error *err)
{
    char group[SBX_SID_TEXT_BYTES];
    names children = {.count = 0};
    sbx_grants_wish wish = {.profile = profile, .group = group};
    uint32_t code = sbx_setup_sid(group, SBX_SETUP_GROUP);
    sbx_status st;

    if (code != 0)
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, code, "looking for the group %s",
                              SBX_SETUP_GROUP);
    if ((st = sbx_as_user_begin(err)) != SBX_OK)
        return st;
    st = list_directories(&children, profile, err);
    wish.children = (const char *const *)children.item;
    if (st == SBX_OK)
        st = sbx_grants_set(grants, &wish, &sbx_target_os_real, keep, NULL, err);
    sbx_as_user_end();
    names_done(&children);
    return st;
}

static sbx_status set_and_try(sbx_grants *grants, sbx_error *err)
{
    sbx_text profile = {0};
    sbx_status st = sbx_setup_folder_find(&profile, SBX_SETUP_FOLDER_PROFILE, err);

    if (st == SBX_OK)
        st = set(grants, sbx_text_string(&profile), err);
    if (st == SBX_OK)
        st = sbx_setup_try_reading(SBX_SETUP_OFFLINE, err);
    if (st == SBX_OK)
        st = sbx_setup_try_reading(SBX_SETUP_ONLINE, err);
    sbx_text_done(&profile);
    return st;
}

static sbx_status note(sbx_grants *grants, sbx_grants_phase phase, const char *why, sbx_error *err)
{
    grants->phase = phase;
    grants->changed_us = sbx_clock_utc_us();
    (void)snprintf(grants->why, sizeof(grants->why), "%s", why);
    return sbx_grants_keep(grants, err);
}

sbx_status sbx_setup_pass_run(sbx_error *err)
{
    sbx_state_lock lock = NULL;
    sbx_grants grants = {.count = 0};
    sbx_error own = {0}, kept;
    sbx_status st = sbx_state_lock_take(&lock, SBX_STATE_LOCK_GRANTS, MOMENT_MS, &own), noted;

    if (st != SBX_OK) {
        if (err != NULL)
            *err = own;
        return st;
    }
    st = sbx_grants_load(&grants, &own);
    if (st == SBX_OK)
        st = note(&grants, SBX_GRANTS_IN_PROGRESS, "", &own);
    if (st == SBX_OK) {
        st = set_and_try(&grants, &own);
        noted = note(&grants, st == SBX_OK ? SBX_GRANTS_DONE : SBX_GRANTS_FAILED,
                     st == SBX_OK ? "" : own.message, &kept);
        if (st == SBX_OK && noted != SBX_OK) {
            st = noted;
            own = kept;
        }
    }
    sbx_grants_done(&grants);
    sbx_state_lock_give(&lock);
    if (st != SBX_OK && err != NULL)
        *err = own;
    return st;
}

sbx_status sbx_setup_pass_undo(sbx_error *err)
{
    sbx_grants grants = {.count = 0};
    sbx_status st = sbx_grants_load(&grants, err);

    if (st == SBX_OK && grants.count > 0) {
        st = sbx_as_user_begin(err);
        if (st == SBX_OK)
            st = sbx_grants_revoke(&grants, &sbx_target_os_real, keep, NULL, err);
        sbx_as_user_end();
    }
    sbx_grants_done(&grants);
    return st;
}

/* --- by a process of its own --- */

static wchar_t *own_path(void)
{
    enum { UNITS = 32768 };
    wchar_t *path = malloc(UNITS * sizeof(*path));
    DWORD units = path == NULL ? 0 : GetModuleFileNameW(NULL, path, UNITS);

    if (units > 0 && units < UNITS)
        return path;
    free(path);
    return NULL;
}

sbx_status sbx_setup_pass_start(sbx_error *err)
{
    STARTUPINFOW start = {.cb = sizeof(start)};
    PROCESS_INFORMATION made = {0};
    wchar_t line[] = L"sbx-setup grants", folder[MAX_PATH];
    wchar_t *path = own_path();
    UINT units = GetSystemDirectoryW(folder, MAX_PATH);
    DWORD code = 0;

    if (path == NULL || units == 0 || units >= MAX_PATH)
        code = ERROR_FILENAME_EXCED_RANGE;
    else if (!CreateProcessW(path, line, NULL, NULL, FALSE, DETACHED_PROCESS, NULL, folder, &start,
                             &made))
        code = GetLastError();
    free(path);
    if (made.hProcess != NULL) {
        CloseHandle(made.hThread);
        CloseHandle(made.hProcess);
    }
    if (code == 0)
        return SBX_OK;
    return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, code,
                          "starting the pass over the profile (sbx-setup grants does it by hand)");
}
