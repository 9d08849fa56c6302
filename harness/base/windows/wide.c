/* See wide.h. Written out, because MultiByteToWideChar() either loses half pairs or refuses them. */
#include "harness/base/windows/wide.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Three bytes that stand for half a pair; 0: they do not. */
static uint32_t decode_half(const unsigned char *at, size_t bytes)
{
    if (bytes < 3 || at[0] != 0xED || at[1] < 0xA0 || at[1] > 0xBF || (at[2] & 0xC0) != 0x80)
        return 0;
    return UINT32_C(0xD000) | (uint32_t)(at[1] & 0x3F) << 6 | (uint32_t)(at[2] & 0x3F);
}

static wchar_t *convert(const char *text, size_t room_ahead)
{
    size_t left = strlen(text), units = room_ahead;
    wchar_t *wide = malloc((room_ahead + left + 1) * sizeof(*wide));

    while (wide != NULL && left > 0) {
        uint32_t code;
        size_t bytes = sbx_utf8_decode(&code, text, left);

        if (bytes == 0) {
            code = decode_half((const unsigned char *)text, left);
            bytes = 3;
        }
        if (code == 0) {
            free(wide);
            return NULL;
        }
        if (code >= 0x10000) {
            wide[units++] = (wchar_t)(0xD800 + ((code - 0x10000) >> 10));
            code = 0xDC00 + ((code - 0x10000) & 0x3FF);
        }
        wide[units++] = (wchar_t)code;
        text += bytes;
        left -= bytes;
    }
    if (wide != NULL)
        wide[units] = L'\0';
    return wide;
}

wchar_t *sbx_wide(const char *text)
{
    return convert(text, 0);
}

wchar_t *sbx_wide_path(const char *path)
{
    bool has_drive = ((path[0] >= 'A' && path[0] <= 'Z') || (path[0] >= 'a' && path[0] <= 'z')) &&
                     path[1] == ':' && (path[2] == '/' || path[2] == '\\');
    wchar_t *wide = convert(path, has_drive ? 4 : 0);

    if (wide == NULL)
        return NULL;
    if (has_drive)
        memcpy(wide, L"\\\\?\\", 4 * sizeof(*wide));
    for (wchar_t *at = wide; *at != L'\0'; at++)
        if (*at == L'/')
            *at = L'\\';
    return wide;
}

void sbx_text_add_wide(sbx_text *text, const wchar_t *wide, size_t units)
{
    sbx_text_add_utf16(text, wide, units);
}

void sbx_text_add_wide_path(sbx_text *text, const wchar_t *wide, size_t units)
{
    size_t start = text->bytes;

    if (units >= 4 && wmemcmp(wide, L"\\\\?\\", 4) == 0) {
        bool is_unc = units >= 8 && wmemcmp(wide + 4, L"UNC\\", 4) == 0;

        wide += is_unc ? 7 : 4;
        units -= is_unc ? 7 : 4;
        if (is_unc)
            sbx_text_add(text, "/");
    }
    sbx_text_add_wide(text, wide, units);
    if (text->failed)
        return;
    for (size_t i = start; i < text->bytes; i++)
        if (text->data[i] == '\\')
            text->data[i] = '/';
    if (text->bytes - start >= 2 && text->data[start + 1] == ':' && text->data[start] >= 'a' &&
        text->data[start] <= 'z')
        text->data[start] = (char)(text->data[start] - 'a' + 'A');
}

static size_t count_entries(const wchar_t *block)
{
    size_t count = 0;

    for (; *block != L'\0'; block += wcslen(block) + 1)
        count++;
    return count;
}

const char *const *sbx_windows_environment(void)
{
    static const char *const *kept;
    wchar_t *block = kept == NULL ? GetEnvironmentStringsW() : NULL;
    const char **list = block == NULL ? NULL : malloc((count_entries(block) + 1) * sizeof(*list));
    size_t count = 0;

    if (kept != NULL || list == NULL)
        goto out;
    for (const wchar_t *at = block; *at != L'\0'; at += wcslen(at) + 1) {
        sbx_text entry = {0};

        if (*at == L'=')
            continue;
        sbx_text_add_wide(&entry, at, wcslen(at));
        if (entry.failed)
            goto out;
        list[count++] = entry.data; /* kept as long as the process */
    }
    list[count] = NULL;
    kept = list;
    list = NULL;
out:
    if (block != NULL)
        FreeEnvironmentStringsW(block);
    free(list);
    return kept;
}

const char *sbx_windows_variable(const char *name)
{
    size_t bytes = strlen(name);

    for (const char *const *each = sbx_windows_environment(); each != NULL && *each != NULL; each++)
        if (_strnicmp(*each, name, bytes) == 0 && (*each)[bytes] == '=')
            return (*each)[bytes + 1] != '\0' ? *each + bytes + 1 : NULL;
    return NULL;
}
