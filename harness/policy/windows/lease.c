/* See lease.h. */
#include "harness/policy/windows/lease.h"

#include <string.h>

static void add_hex(sbx_text *out, uint64_t value, int digits)
{
    static const char hex[] = "0123456789abcdef";

    while (digits-- > 0)
        sbx_text_add_bytes(out, &hex[value >> (4 * digits) & 15], 1);
}

void sbx_lease_print(sbx_text *out, const sbx_lease *lease)
{
    sbx_text_add(out, "ace ");
    add_hex(out, lease->volume, 16);
    sbx_text_add(out, " ");
    for (size_t i = 0; i < sizeof(lease->file_id); i++)
        add_hex(out, lease->file_id[i], 2);
    sbx_text_add(out, lease->kind == SBX_ACE_ALLOW ? " a " : " d ");
    add_hex(out, lease->mask, 8);
    sbx_text_add(out, " ");
    add_hex(out, lease->flags, 2);
    sbx_text_add_format(out, " %s %s %s", lease->is_made ? "m" : "k", lease->sid, lease->path);
}

/* Exactly that many lower-case digits and a space; moves *at behind them. */
static bool take_hex(uint64_t *out, const char **at, int digits, bool has_space)
{
    uint64_t value = 0;

    for (int i = 0; i < digits; i++) {
        char c = **at;

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
        ++*at;
    }
    *out = value;
    if (!has_space)
        return true;
    return *(*at)++ == ' ';
}

static bool take_letter(bool *out_is_second, const char **at, char first, char second)
{
    char c = **at;

    if ((c != first && c != second) || (*at)[1] != ' ')
        return false;
    *out_is_second = c == second;
    *at += 2;
    return true;
}

bool sbx_lease_parse(sbx_lease *out, const char *line)
{
    uint64_t value = 0;
    bool is_deny = false;
    size_t bytes;

    *out = (sbx_lease){0};
    if (strncmp(line, "ace ", 4) != 0)
        return false;
    line += 4;
    if (!take_hex(&out->volume, &line, 16, true))
        return false;
    for (size_t i = 0; i < sizeof(out->file_id); i++) {
        if (!take_hex(&value, &line, 2, i + 1 == sizeof(out->file_id)))
            return false;
        out->file_id[i] = (uint8_t)value;
    }
    if (!take_letter(&is_deny, &line, 'a', 'd') || !take_hex(&value, &line, 8, true))
        return false;
    out->kind = is_deny ? SBX_ACE_DENY : SBX_ACE_ALLOW;
    out->mask = (uint32_t)value;
    if (!take_hex(&value, &line, 2, true) || !take_letter(&out->is_made, &line, 'k', 'm'))
        return false;
    out->flags = (unsigned)value;
    bytes = strcspn(line, " ");
    if (strncmp(line, "S-1-", 4) != 0 || bytes >= sizeof(out->sid) || line[bytes] != ' ' ||
        line[bytes + 1] == '\0')
        return false;
    memcpy(out->sid, line, bytes);
    out->path = line + bytes + 1;
    return true;
}
