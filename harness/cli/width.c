/* Widths by ranges of code points: nothing wide, nothing combined, or one column. */
#include "harness/cli/width.h"

#include <stdint.h>

#include "harness/base/compiler.h"

typedef struct range {
    uint32_t first, last;
} range;

/* Combining marks, joiners and selectors: drawn over or with the character before. */
static const range no_columns[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},
    {0x0670, 0x0670}, {0x06d6, 0x06dc}, {0x06df, 0x06e4}, {0x0900, 0x0902},   {0x093c, 0x093c},
    {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0e31, 0x0e31}, {0x0e34, 0x0e3a},   {0x0e47, 0x0e4e},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x2060, 0x2064},   {0x20d0, 0x20f0},
    {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
};

/* East Asian wide and full-width characters, and pictures. */
static const range two_columns[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x25fd, 0x25fe},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x26bd, 0x26be},
    {0x26d4, 0x26d4},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274c},   {0x2753, 0x2755},   {0x2795, 0x2797},   {0x2b1b, 0x2b1c},
    {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
    {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f004, 0x1f004},
    {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f251}, {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff},
    {0x20000, 0x3fffd},
};

static int is_in(uint32_t point, const range *ranges, size_t count)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (point > ranges[middle].last) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && point >= ranges[low].first;
}

/* Decodes one code point; a byte that starts none counts as one character. */
static uint32_t next_point(size_t *out_bytes, const char *text, size_t bytes)
{
    unsigned char lead = (unsigned char)text[0];
    size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t point = length == 1 ? lead : lead & (0x7fu >> length);

    if (length > bytes) {
        *out_bytes = bytes;
        return '?';
    }
    for (size_t i = 1; i < length; i++) {
        point = point << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    *out_bytes = length;
    return point;
}

static size_t width_of_point(uint32_t point)
{
    if (point < 0x300) {
        return 1;
    }
    if (is_in(point, no_columns, SBX_COUNT_OF(no_columns))) {
        return 0;
    }
    return is_in(point, two_columns, SBX_COUNT_OF(two_columns)) ? 2 : 1;
}

size_t sbx_width_cut(const char *text, size_t bytes, size_t columns)
{
    size_t at = 0, used = 0;

    while (at < bytes) {
        size_t length = 0;

        used += width_of_point(next_point(&length, text + at, bytes - at));
        if (used > columns) {
            break;
        }
        at += length;
    }
    return at;
}

size_t sbx_width_of(const char *text, size_t bytes)
{
    size_t at = 0, used = 0;

    while (at < bytes) {
        size_t length = 0;

        used += width_of_point(next_point(&length, text + at, bytes - at));
        at += length;
    }
    return used;
}
