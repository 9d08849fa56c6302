/*
 * A sandbox user: an account that nobody knows the password of but the caller's DPAPI. What it really is on this machine
 * is asked of a logon with that password, by which the runner will be started too.
 */
#include "harness/setup/windows/netapi.h"

#include <sddl.h>
#include <stdlib.h>
#include <string.h>

#include "harness/setup/windows/secret.h"

/* The password stays what setup made it, and does not grow old. */
#define FLAGS (UF_SCRIPT | UF_NORMAL_ACCOUNT | UF_DONT_EXPIRE_PASSWD | UF_PASSWD_CANT_CHANGE)
#define FLAGS_THAT_MATTER                                                                          \
    (FLAGS | UF_ACCOUNTDISABLE | UF_LOCKOUT | UF_PASSWD_NOTREQD | UF_PASSWORD_EXPIRED)

typedef struct account {
    bool exists, is_ours, has_flags;
} account;

static uint32_t look(account *out, const char *name, const sbx_netapi *net)
{
    wchar_t *wide = sbx_wide(name);
    const USER_INFO_1 *found;
    BYTE *room = NULL;
    uint32_t code = ERROR_NOT_ENOUGH_MEMORY;

    *out = (account){.exists = false};
    if (wide != NULL)
        code = net->user_get(NULL, wide, 1, &room);
    free(wide);
    if (code != 0)
        return code == NERR_UserNotFound ? 0 : code;
    if (room == NULL)
        return 0; /* says yes and nothing more */
    found = (const USER_INFO_1 *)(void *)room;
    out->exists = true;
    out->is_ours =
        found->usri1_comment != NULL && wcscmp(found->usri1_comment, SBX_SETUP_COMMENT) == 0;
    out->has_flags = (found->usri1_flags & FLAGS_THAT_MATTER) == FLAGS;
    net->buffer_free(room);
    return 0;
}

/* --- what it may do --- */

static bool is_member(HANDLE token, WELL_KNOWN_SID_TYPE which)
{
    union {
        SID sid;
        BYTE room[SECURITY_MAX_SID_SIZE];
    } group;
    DWORD bytes = sizeof(group);
    BOOL is_one = FALSE;

    return CreateWellKnownSid(which, NULL, &group.sid, &bytes) &&
           CheckTokenMembership(token, &group.sid, &is_one) && is_one;
}

static bool is_user(HANDLE token, const char *sid)
{
    _Alignas(TOKEN_USER) char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    wchar_t *wide = sbx_wide(sid);
    PSID wanted = NULL;
    DWORD bytes = 0;
    bool is_it = wide != NULL && ConvertStringSidToSidW(wide, &wanted) &&
                 GetTokenInformation(token, TokenUser, room, sizeof(room), &bytes) &&
                 EqualSid(((TOKEN_USER *)(void *)room)->User.Sid, wanted);

    if (wanted != NULL)
        LocalFree(wanted);
    free(wide);
    return is_it;
}

static const char *check_logon(HANDLE logon, const char *sid)
{
    HANDLE token = NULL;
    const char *amiss = NULL;

    if (!DuplicateToken(logon, SecurityIdentification, &token))
        return "its logon gives no token that could be looked at";
    if (!is_user(token, sid))
        amiss = "its logon is somebody else's";
    else if (!is_member(token, WinBuiltinUsersSid))
        amiss = "it is not among this machine's users, and could read nothing";
    else if (is_member(token, WinBuiltinAdministratorsSid))
        amiss = "it is an administrator";
    else if (is_member(token, WinBuiltinPowerUsersSid) ||
             is_member(token, WinBuiltinBackupOperatorsSid))
        amiss = "it is in a group that may do more than a user";
    CloseHandle(token);
    return amiss;
}

HANDLE sbx_setup_logon(const char **out_why, const char *user)
{
    char password[SBX_SECRET_BYTES] = "";
    wchar_t *name = sbx_wide(user), *wide = NULL;
    HANDLE logon = NULL;
    sbx_error err;

    *out_why = "no memory";
    if (sbx_secret_load(password, user, &err) != SBX_OK)
        *out_why = "its password is not kept for this account";
    else if ((wide = sbx_wide(password)) != NULL && name != NULL &&
             !LogonUserW(name, L".", wide, LOGON32_LOGON_INTERACTIVE, LOGON32_PROVIDER_DEFAULT,
                         &logon)) {
        *out_why = "it cannot log on with the password that is kept";
        logon = NULL;
    }
    if (wide != NULL)
        sbx_secret_wipe(wide, wcslen(wide) * sizeof(*wide));
    sbx_secret_wipe(password, sizeof(password));
    free(wide);
    free(name);
    return logon;
}

/* NULL: it is as it should be; otherwise what is amiss. */
static const char *try_logon(const char *name)
{
    char sid[SBX_SID_TEXT_BYTES];
    const char *amiss = NULL;
    HANDLE logon;

    if (sbx_setup_sid(sid, name) != 0)
        return "it has no SID";
    logon = sbx_setup_logon(&amiss, name);
    if (logon == NULL)
        return amiss;
    amiss = check_logon(logon, sid);
    CloseHandle(logon);
    return amiss;
}

static uint32_t user_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    const char *amiss = NULL;
    account about;
    sbx_netapi net;
    uint32_t code = sbx_netapi_find(&net);

    *out = SBX_SETUP_ABSENT;
    if (code == 0)
        code = look(&about, item->name, &net);
    if (code != 0 || !about.exists)
        return code;
    if (!about.is_ours)
        amiss = "not made by sbx-setup";
    else if (!about.has_flags)
        amiss = "disabled, locked, or its password may expire";
    else
        amiss = try_logon(item->name);
    *out = amiss == NULL ? SBX_SETUP_THERE : SBX_SETUP_OTHER;
    sbx_setup_say(amiss == NULL ? "" : amiss);
    return 0;
}

/* --- there --- */

/* One that does not read back as ours could never be taken away again: it goes at once. */
static uint32_t add(wchar_t *name, wchar_t *password, const sbx_setup_item *item,
                    const sbx_netapi *net)
{
    USER_INFO_1 wanted = {.usri1_name = name,
                          .usri1_password = password,
                          .usri1_priv = USER_PRIV_USER,
                          .usri1_comment = (wchar_t *)(uintptr_t)SBX_SETUP_COMMENT,
                          .usri1_flags = FLAGS};
    account made;
    uint32_t code = net->user_add(NULL, 1, (BYTE *)&wanted, NULL);

    if (code != 0)
        return code;
    code = look(&made, item->name, net);
    if (code == 0 && !made.is_ours) {
        sbx_setup_say("its comment did not read back");
        code = ERROR_NOT_SUPPORTED;
    }
    if (code != 0)
        (void)net->user_del(NULL, name);
    return code;
}

static uint32_t change(const wchar_t *name, wchar_t *password, const sbx_netapi *net)
{
    USER_INFO_1003 new_password = {.usri1003_password = password};
    USER_INFO_1008 flags = {.usri1008_flags = FLAGS};
    uint32_t code = net->user_set(NULL, name, 1003, (BYTE *)&new_password, NULL);

    return code != 0 ? code : net->user_set(NULL, name, 1008, (BYTE *)&flags, NULL);
}

/* Kept first: an account whose password nobody has could only be repaired. */
static uint32_t user_put(const sbx_setup_item *item)
{
    char password[SBX_SECRET_BYTES] = "";
    wchar_t *name = sbx_wide(item->name), *wide = NULL;
    account about = {.exists = false};
    sbx_netapi net;
    sbx_error err;
    uint32_t code = name == NULL ? ERROR_NOT_ENOUGH_MEMORY : sbx_netapi_find(&net);

    if (code == 0)
        code = look(&about, item->name, &net);
    if (code == 0 && about.exists && !about.is_ours)
        code = SBX_SETUP_NOT_OURS;
    if (code == 0 && (sbx_secret_make(password, &err) != SBX_OK ||
                      sbx_secret_save(item->name, password, &err) != SBX_OK))
        code = sbx_setup_say_error(&err);
    if (code == 0 && (wide = sbx_wide(password)) == NULL)
        code = ERROR_NOT_ENOUGH_MEMORY;
    if (code == 0) {
        code = about.exists ? change(name, wide, &net) : add(name, wide, item, &net);
        if (code != 0 && !about.exists)
            (void)!sbx_secret_remove(item->name,
                                     NULL); /* the first failure is the one that is told */
    }
    if (wide != NULL)
        sbx_secret_wipe(wide, wcslen(wide) * sizeof(*wide));
    sbx_secret_wipe(password, sizeof(password));
    free(wide);
    free(name);
    return code;
}

/* --- and back --- */

static bool has_profile(const wchar_t *sid)
{
    HKEY list = NULL, found = NULL;
    bool has_one = true; /* where it cannot be looked up */
    LSTATUS code = RegOpenKeyExW(HKEY_LOCAL_MACHINE,
                                 L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList", 0,
                                 KEY_ENUMERATE_SUB_KEYS | KEY_WOW64_64KEY, &list);

    if (code == 0)
        has_one = RegOpenKeyExW(list, sid, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &found) !=
                  ERROR_FILE_NOT_FOUND;
    if (found != NULL)
        RegCloseKey(found);
    if (list != NULL)
        RegCloseKey(list);
    return has_one;
}

/* What its logons left under Users; there may be none. */
static uint32_t remove_profile(const char *sid)
{
    static const char *const names[] = {"DeleteProfileW"};
    struct {
        BOOL(WINAPI *remove)(LPCWSTR, LPCWSTR, LPCWSTR);
    } userenv;
    wchar_t *wide = sbx_wide(sid);
    uint32_t code = wide == NULL ? ERROR_NOT_ENOUGH_MEMORY
                                 : sbx_setup_functions(&userenv, sizeof(userenv), "userenv.dll",
                                                       names, SBX_COUNT_OF(names));

    if (code == 0 && has_profile(wide) && !userenv.remove(wide, NULL, NULL))
        code = GetLastError();
    free(wide);
    if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND)
        return 0;
    if (code != 0)
        sbx_setup_say("its profile directory");
    return code;
}

static uint32_t user_take(const sbx_setup_item *item)
{
    char sid[SBX_SID_TEXT_BYTES];
    wchar_t *name = sbx_wide(item->name);
    account about = {.exists = false};
    sbx_netapi net;
    sbx_error err;
    uint32_t code = name == NULL ? ERROR_NOT_ENOUGH_MEMORY : sbx_netapi_find(&net);

    if (code == 0)
        code = look(&about, item->name, &net);
    if (code == 0 && about.exists && !about.is_ours)
        code = SBX_SETUP_NOT_OURS;
    if (code == 0 && sbx_setup_sid(sid, item->name) == 0)
        code = remove_profile(sid);
    if (code == 0 && about.exists)
        code = net.user_del(NULL, name);
    if (code == 0 && sbx_secret_remove(item->name, &err) != SBX_OK)
        code = sbx_setup_say_error(&err);
    free(name);
    return code;
}

const sbx_setup_part sbx_setup_part_user = {user_find, user_put, user_take};
