/* See keys.h. */
#include "harness/runner/windows/keys.h"

enum { HIGH_FIRST = 0xD800, LOW_FIRST = 0xDC00, LOW_LAST = 0xDFFF, REPLACEMENT = 0xFFFD };

/* Quick edit is the console's own use of the mouse and stays; a mouse's events have no bytes here. */
uint32_t sbx_console_raw_input(uint32_t found)
{
    found &=
        ~(uint32_t)(SBX_CONSOLE_PROCESSED_INPUT | SBX_CONSOLE_LINE_INPUT | SBX_CONSOLE_ECHO_INPUT);
    return found | SBX_CONSOLE_WINDOW_INPUT | SBX_CONSOLE_TERMINAL_INPUT;
}

uint32_t sbx_console_raw_output(uint32_t found)
{
    return found | SBX_CONSOLE_PROCESSED_OUTPUT | SBX_CONSOLE_WRAP_OUTPUT |
           SBX_CONSOLE_TERMINAL_OUTPUT | SBX_CONSOLE_NO_AUTO_RETURN;
}

static bool is_high(uint16_t unit)
{
    return unit >= HIGH_FIRST && unit < LOW_FIRST;
}

static bool is_low(uint16_t unit)
{
    return unit >= LOW_FIRST && unit <= LOW_LAST;
}

static void add_unit(sbx_text *out, sbx_keys *keys, uint16_t unit)
{
    uint16_t units[] = {keys->high, unit};

    if (keys->high != 0 && is_low(unit)) {
        sbx_text_add_utf16(out, units, 2);
        keys->high = 0;
        return;
    }
    if (keys->high != 0) {
        units[0] = REPLACEMENT;
        sbx_text_add_utf16(out, units, 1);
        keys->high = 0;
    }
    if (is_high(unit)) {
        keys->high = unit;
        return;
    }
    if (is_low(unit))
        units[1] = REPLACEMENT;
    sbx_text_add_utf16(out, units + 1, 1);
}

/* The one character whose unit is also that of keys without any. */
static bool is_nul(const sbx_key *key)
{
    return key->is_down && (key->state & (SBX_KEY_LEFT_CTRL | SBX_KEY_RIGHT_CTRL)) != 0 &&
           (key->code == SBX_KEY_SPACE || key->code == SBX_KEY_2);
}

void sbx_keys_add(sbx_text *out, sbx_keys *keys, const sbx_key *key)
{
    bool has_unit = key->unit != 0 && (key->is_down || key->code == SBX_KEY_ALT);

    if (!has_unit && !is_nul(key))
        return;
    for (uint16_t i = 0; i < key->repeats; i++) {
        if (has_unit)
            add_unit(out, keys, key->unit);
        else
            sbx_text_add_bytes(out, "", 1);
    }
}

/* How long a character is, by its first byte; 0: no first byte. */
static size_t length_of(uint8_t first)
{
    return first < 0x80   ? 1
           : first < 0xC2 ? 0
           : first < 0xE0 ? 2
           : first < 0xF0 ? 3
           : first < 0xF5 ? 4
                          : 0;
}

size_t sbx_keys_whole(const uint8_t *data, size_t bytes)
{
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        uint8_t at = data[bytes - back];

        if ((at & 0xC0) == 0x80)
            continue; /* not the first byte of one */
        return length_of(at) > back ? bytes - back : bytes;
    }
    return bytes;
}
