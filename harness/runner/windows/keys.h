/*
 * Between the caller's console and the bytes of a pseudo console: which modes make the one a source and a sink of the
 * other's virtual terminal sequences, what a key's event is in bytes, and where a piece of text may be cut. Pure.
 */
#ifndef SBX_RUNNER_WINDOWS_KEYS_H
#define SBX_RUNNER_WINDOWS_KEYS_H

#include "harness/base/text.h"

/* Windows' own numbers: of a console's modes, of a key's state, of keys. */
enum {
    SBX_CONSOLE_PROCESSED_INPUT = 0x1, /* ^C is a signal, and no character */
    SBX_CONSOLE_LINE_INPUT = 0x2,
    SBX_CONSOLE_ECHO_INPUT = 0x4,
    SBX_CONSOLE_WINDOW_INPUT = 0x8, /* its size changed: an event */
    SBX_CONSOLE_MOUSE_INPUT = 0x10,
    SBX_CONSOLE_QUICK_EDIT = 0x40,
    SBX_CONSOLE_EXTENDED_FLAGS = 0x80,
    SBX_CONSOLE_TERMINAL_INPUT = 0x200, /* keys come as the characters of their sequences */

    SBX_CONSOLE_PROCESSED_OUTPUT = 0x1,
    SBX_CONSOLE_WRAP_OUTPUT = 0x2,
    SBX_CONSOLE_TERMINAL_OUTPUT = 0x4,
    SBX_CONSOLE_NO_AUTO_RETURN = 0x8, /* a line feed goes down, and not to the left */

    SBX_KEY_RIGHT_CTRL = 0x4,
    SBX_KEY_LEFT_CTRL = 0x8,
    SBX_KEY_ALT = 0x12,
    SBX_KEY_SPACE = 0x20,
    SBX_KEY_2 = 0x32,
};

/* What a console's modes become while it is the command's terminal; all else stays as it was found. */
uint32_t sbx_console_raw_input(uint32_t found);
uint32_t sbx_console_raw_output(uint32_t found);

typedef struct sbx_key {
    bool is_down;
    uint16_t repeats; /* at least 1 */
    uint16_t code;    /* which key */
    uint16_t unit;    /* of UTF-16; 0: it has no character */
    uint32_t state;
} sbx_key;

/* What is kept from one key to the next; all zero at the start. */
typedef struct sbx_keys {
    uint16_t high; /* the first half of a pair, of which the second one has not come yet; 0: none */
} sbx_keys;

/*
 * Adds the key's bytes, UTF-8, where it has any. A key that is let go has none, but for Alt, by which a character comes that was
 * typed as a number. Half a pair that stays alone becomes U+FFFD.
 */
void sbx_keys_add(sbx_text *out, sbx_keys *keys, const sbx_key *key);

/* How many of these bytes can be shown by now: all but the start of a character whose rest has not come. */
size_t sbx_keys_whole(const uint8_t *data, size_t bytes);

#endif
