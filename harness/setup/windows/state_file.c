/* See state_file.h. */
#include "harness/setup/windows/state_file.h"

#include <stdlib.h>
#include <windows.h>

#include "harness/base/clock.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/setup/windows/files.h"

/* The system and administrators; everybody may read what was set up. */
#define FOLDER_LIST "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FRFX;;;BU)"
#define FILE_LIST "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;BU)"
#define LOCK_LIST "D:P(A;;FA;;;SY)(A;;FA;;;BA)"

static sbx_status find(sbx_text *out, const char *name, const char *ending, sbx_error *err)
{
    sbx_status st = sbx_setup_folder_find(out, SBX_SETUP_FOLDER_MACHINE, err);

    sbx_text_add_format(out, "%s%s%s", name[0] == '\0' ? "" : "/", name, ending);
    return st == SBX_OK ? sbx_text_check(out, err) : st;
}

/* --- locks --- */

/* Goes with its last handle. Nobody else may open it, so nobody else can hold up a setup. */
static DWORD open_lock(HANDLE *out, const wchar_t *path, DWORD disposition,
                       SECURITY_ATTRIBUTES *security)
{
    HANDLE file = CreateFileW(path, GENERIC_WRITE | DELETE, 0, security, disposition,
                              FILE_FLAG_DELETE_ON_CLOSE | FILE_FLAG_OPEN_REPARSE_POINT, NULL);

    if (file == INVALID_HANDLE_VALUE)
        return GetLastError();
    *out = file;
    return 0;
}

static bool is_held(DWORD code)
{
    return code == ERROR_SHARING_VIOLATION || code == ERROR_DELETE_PENDING ||
           code == ERROR_ACCESS_DENIED; /* a lock that is on its way out says that, too */
}

static sbx_status wait_for(sbx_state_lock *out, const char *path, unsigned wait_ms,
                           SECURITY_ATTRIBUTES *security, sbx_error *err)
{
    const uint64_t until_ns = sbx_clock_monotonic_ns() + wait_ms * SBX_NS_PER_MS;
    wchar_t *wide = sbx_wide_path(path);
    DWORD code = ERROR_INVALID_NAME;

    while (wide != NULL) {
        code = open_lock(out, wide, OPEN_ALWAYS, security);
        if (!is_held(code) || sbx_clock_monotonic_ns() >= until_ns)
            break;
        Sleep(50);
    }
    free(wide);
    if (code == 0)
        return SBX_OK;
    if (is_held(code))
        return sbx_fail_win32(err, SBX_BUSY, SBX_STEP_IDENTITY, code,
                              "another sbx-setup is at work (%s)", path);
    return sbx_fail_win32(err, SBX_IO, SBX_STEP_IDENTITY, code, "opening %s", path);
}

sbx_status sbx_state_lock_take(sbx_state_lock *out, const char *name, unsigned wait_ms,
                               sbx_error *err)
{
    sbx_text folder = {0}, path = {0};
    sbx_security security = {0};
    sbx_status st;

    *out = NULL;
    if ((st = find(&folder, "", "", err)) == SBX_OK &&
        (st = find(&path, name, ".lock", err)) == SBX_OK &&
        (st = sbx_setup_folder_make(sbx_text_string(&folder), FOLDER_LIST, err)) == SBX_OK &&
        (st = sbx_setup_folder_check(sbx_text_string(&folder), err)) == SBX_OK &&
        (st = sbx_security_of_text(&security, LOCK_LIST, SBX_STEP_IDENTITY, err)) == SBX_OK)
        st = wait_for(out, sbx_text_string(&path), wait_ms, &security.attributes, err);
    sbx_security_done(&security);
    sbx_text_done(&folder);
    sbx_text_done(&path);
    return st;
}

void sbx_state_lock_give(sbx_state_lock *lock)
{
    if (*lock != NULL)
        CloseHandle(*lock);
    *lock = NULL;
}

bool sbx_state_lock_is_held(const char *name)
{
    sbx_text path = {0};
    wchar_t *wide = NULL;
    HANDLE file = NULL;
    DWORD code = 0;

    if (find(&path, name, ".lock", NULL) == SBX_OK)
        wide = sbx_wide_path(sbx_text_string(&path));
    if (wide != NULL)
        code = open_lock(&file, wide, OPEN_EXISTING, NULL);
    if (file != NULL)
        CloseHandle(file);
    free(wide);
    sbx_text_done(&path);
    return is_held(code);
}

/* --- files --- */

static sbx_status load(char **out, const char *name, sbx_error *err)
{
    sbx_text path = {0};
    sbx_status st = find(&path, name, ".json", err);

    *out = NULL;
    if (st == SBX_OK)
        st = sbx_setup_file_read(out, sbx_text_string(&path), err);
    sbx_text_done(&path);
    return st;
}

static sbx_status save(const sbx_text *text, const char *name, sbx_error *err)
{
    sbx_text path = {0};
    sbx_status st = sbx_text_check(text, err);

    if (st == SBX_OK)
        st = find(&path, name, ".json", err);
    if (st == SBX_OK)
        st = sbx_setup_file_write(sbx_text_string(&path), sbx_text_string(text), FILE_LIST, err);
    sbx_text_done(&path);
    return st;
}

sbx_status sbx_state_load(sbx_state *out, bool *out_exists, sbx_error *err)
{
    char *text = NULL;
    sbx_status st = load(&text, "setup", err);

    *out = (sbx_state){.made_us = 0};
    *out_exists = text != NULL;
    if (text != NULL)
        st = sbx_state_parse(out, text, err);
    free(text);
    return st;
}

sbx_status sbx_state_save(const sbx_state *state, sbx_error *err)
{
    sbx_text text = {0};
    sbx_status st;

    sbx_state_print(&text, state);
    st = save(&text, "setup", err);
    sbx_text_done(&text);
    return st;
}

sbx_status sbx_grants_load(sbx_grants *out, sbx_error *err)
{
    char *text = NULL;
    sbx_status st = load(&text, "grants", err);

    *out = (sbx_grants){.count = 0};
    if (text != NULL)
        st = sbx_grants_parse(out, text, err);
    free(text);
    return st;
}

sbx_status sbx_grants_keep(const sbx_grants *grants, sbx_error *err)
{
    sbx_text text = {0};
    sbx_status st;

    sbx_grants_print(&text, grants);
    st = save(&text, "grants", err);
    sbx_text_done(&text);
    return st;
}

sbx_status sbx_state_remove(sbx_error *err)
{
    static const char *const names[] = {"grants", "setup"};
    sbx_status st = SBX_OK;

    for (size_t i = 0; st == SBX_OK && i < SBX_COUNT_OF(names); i++) {
        sbx_text path = {0};

        st = find(&path, names[i], ".json", err);
        if (st == SBX_OK)
            st = sbx_setup_file_remove(sbx_text_string(&path), err);
        sbx_text_done(&path);
    }
    return st;
}

sbx_status sbx_state_remove_folder(sbx_error *err)
{
    sbx_text folder = {0};
    sbx_status st = find(&folder, "", "", err);

    if (st == SBX_OK)
        st = sbx_setup_folder_remove(sbx_text_string(&folder), err);
    sbx_text_done(&folder);
    return st;
}
