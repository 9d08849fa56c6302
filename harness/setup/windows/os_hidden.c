/* Accounts that the screen for signing in does not show. */
#include "harness/setup/windows/os_parts.h"

#include <stdlib.h>

#define ABOVE L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Winlogon"
#define LIST ABOVE L"\\SpecialAccounts\\UserList"

static bool is_gone(uint32_t code)
{
    return code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND;
}

static uint32_t hidden_find(sbx_setup_found *out, const sbx_setup_item *item)
{
    wchar_t *name = sbx_wide(item->name);
    DWORD value = 1, bytes = sizeof(value), type = 0;
    uint32_t code = ERROR_NOT_ENOUGH_MEMORY;

    *out = SBX_SETUP_ABSENT;
    if (name != NULL)
        code = (uint32_t)RegGetValueW(HKEY_LOCAL_MACHINE, LIST, name,
                                      RRF_RT_ANY | RRF_SUBKEY_WOW6464KEY, &type, &value, &bytes);
    free(name);
    if (is_gone(code))
        return 0;
    if (code != 0 && code != ERROR_MORE_DATA)
        return code;
    *out = code == 0 && type == REG_DWORD && value == 0 ? SBX_SETUP_THERE : SBX_SETUP_OTHER;
    return 0;
}

static uint32_t hidden_put(const sbx_setup_item *item)
{
    wchar_t *name = sbx_wide(item->name);
    const DWORD value = 0;
    HKEY key = NULL;
    uint32_t code = ERROR_NOT_ENOUGH_MEMORY;

    if (name != NULL)
        code = (uint32_t)RegCreateKeyExW(HKEY_LOCAL_MACHINE, LIST, 0, NULL, 0,
                                         KEY_SET_VALUE | KEY_WOW64_64KEY, NULL, &key, NULL);
    if (code == 0)
        code =
            (uint32_t)RegSetValueExW(key, name, 0, REG_DWORD, (const BYTE *)&value, sizeof(value));
    if (key != NULL)
        RegCloseKey(key);
    free(name);
    return code;
}

/* Windows has neither key of its own. */
static void remove_if_empty(const wchar_t *path)
{
    DWORD keys = 1, values = 1;
    HKEY key = NULL;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key) != 0)
        return;
    (void)RegQueryInfoKeyW(key, NULL, NULL, NULL, &keys, NULL, NULL, &values, NULL, NULL, NULL,
                           NULL);
    RegCloseKey(key);
    if (keys == 0 && values == 0)
        (void)RegDeleteKeyExW(HKEY_LOCAL_MACHINE, path, KEY_WOW64_64KEY, 0);
}

static uint32_t hidden_take(const sbx_setup_item *item)
{
    wchar_t *name = sbx_wide(item->name);
    HKEY key = NULL;
    uint32_t code = ERROR_NOT_ENOUGH_MEMORY;

    if (name != NULL)
        code = (uint32_t)RegOpenKeyExW(HKEY_LOCAL_MACHINE, LIST, 0, KEY_SET_VALUE | KEY_WOW64_64KEY,
                                       &key);
    if (code == 0)
        code = (uint32_t)RegDeleteValueW(key, name);
    if (key != NULL)
        RegCloseKey(key);
    free(name);
    if (code != 0 && !is_gone(code))
        return code;
    remove_if_empty(LIST);
    remove_if_empty(ABOVE L"\\SpecialAccounts");
    return 0;
}

const sbx_setup_part sbx_setup_part_hidden = {hidden_find, hidden_put, hidden_take};
