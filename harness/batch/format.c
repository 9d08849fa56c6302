/* What the formats share: text that is safe wherever it stands. */
#include "harness/batch/format.h"

#include <string.h>

/* U+FFFE and U+FFFF are no characters of XML. */
static bool is_plain(uint32_t code, bool is_block)
{
    if (is_block && (code == '\n' || code == '\t'))
        return true;
    return !sbx_utf8_is_unsafe(code) && code != 0xFFFE && code != 0xFFFF;
}

void sbx_format_visible(sbx_text *out, const char *data, size_t bytes, bool is_block)
{
    size_t plain = 0;

    for (size_t at = 0; at < bytes;) {
        uint32_t code = 0;
        size_t length = sbx_utf8_decode(&code, data + at, bytes - at);

        if (length > 0 && is_plain(code, is_block)) {
            at += length;
            plain += length;
            continue;
        }
        sbx_text_add_bytes(out, data + at - plain, plain);
        plain = 0;
        if (length <= 1)
            sbx_text_add_format(out, "\\x%02x", (unsigned)(unsigned char)data[at]);
        else
            sbx_text_add_format(out, "\\u{%04X}", (unsigned)code);
        at += length > 0 ? length : 1;
    }
    sbx_text_add_bytes(out, data + bytes - plain, plain);
}

/* As '…' where that is possible, and $'…' where the word holds what would not stay in one line. */
void sbx_format_quote(sbx_text *out, const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-./=:,+@%^";
    bool needs_escapes = false;

    if (word[0] != '\0' && strspn(word, safe) == strlen(word)) {
        sbx_text_add(out, word);
        return;
    }
    for (const char *at = word; *at != '\0'; at++)
        needs_escapes |= (unsigned char)*at < 0x20 || *at == 0x7F;
    sbx_text_add(out, needs_escapes ? "$'" : "'");
    for (const char *at = word; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            sbx_text_add_format(out, "\\%03o", (unsigned)(unsigned char)*at);
        else if (needs_escapes && (*at == '\'' || *at == '\\'))
            sbx_text_add_format(out, "\\%c", *at);
        else if (*at == '\'')
            sbx_text_add(out, "'\\''");
        else
            sbx_text_add_bytes(out, at, 1);
    }
    sbx_text_add(out, "'");
}

void sbx_format_not_run(sbx_text *out, const sbx_format_totals *totals)
{
    sbx_text_add(out, "not run");
    if (totals->stopped[0] != '\0')
        sbx_text_add_format(out, ": %s", totals->stopped);
}
