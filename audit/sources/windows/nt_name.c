/* See nt_name.h. */
#include "audit/sources/windows/nt_name.h"

#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Does text begin with that, in any case of ASCII letters? */
static bool begins(const char *text, size_t bytes, const char *with)
{
    size_t length = strlen(with);

    if (bytes < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (upper(text[i]) != upper(with[i]))
            return false;
    return true;
}

static void add_slashed(sbx_text *out, const char *text, size_t bytes)
{
    size_t from = out->bytes;

    sbx_text_add_bytes(out, text, bytes);
    for (size_t i = from; !out->failed && i < out->bytes; i++)
        if (out->data[i] == '\\')
            out->data[i] = '/';
}

static bool add_drive(sbx_text *out, const char *text, size_t bytes)
{
    char drive[2];

    if (bytes < 2 || !is_letter(text[0]) || text[1] != ':' || (bytes > 2 && text[2] != '\\'))
        return false;
    drive[0] = upper(text[0]);
    drive[1] = ':';
    sbx_text_add_bytes(out, drive, 2);
    add_slashed(out, text + 2, bytes - 2);
    return true;
}

static bool add_device(sbx_text *out, const char *text, size_t bytes, const sbx_nt_drives *drives)
{
    for (int i = 0; i < 26; i++) {
        const char *device = drives->device[i];
        size_t length = strlen(device);
        char drive[2];

        if (length == 0 || !begins(text, bytes, device) || (bytes > length && text[length] != '\\'))
            continue;
        drive[0] = (char)('A' + i);
        drive[1] = ':';
        sbx_text_add_bytes(out, drive, 2);
        add_slashed(out, text + length, bytes - length);
        return true;
    }
    return false;
}

void sbx_nt_name_add(sbx_text *out, const uint16_t *name, size_t units, const sbx_nt_drives *drives)
{
    static const char *const links[] = {"\\??\\", "\\DosDevices\\", "\\GLOBAL??\\", "\\\\?\\"};
    sbx_text plain = {0};
    const char *text;
    size_t bytes;

    sbx_text_add_utf16(&plain, name, units);
    text = sbx_text_string(&plain);
    bytes = plain.bytes;
    for (size_t i = 0; i < SBX_COUNT_OF(links); i++) {
        size_t length = strlen(links[i]);

        if (!begins(text, bytes, links[i]))
            continue;
        if (begins(text + length, bytes - length, "UNC\\")) {
            sbx_text_add(out, "//");
            add_slashed(out, text + length + 4, bytes - length - 4);
            goto out;
        }
        if (add_drive(out, text + length, bytes - length))
            goto out;
    }
    if (!(bytes > 2 && add_drive(out, text, bytes)) && !add_device(out, text, bytes, drives))
        sbx_text_add_bytes(out, text, bytes);
out:
    if (plain.failed)
        out->failed = true;
    sbx_text_done(&plain);
}
