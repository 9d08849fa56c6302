/* See addresses.h. */
#include "harness/setup/windows/addresses.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/compiler.h"

enum { RANGES_MAX = 64, BYTES = 16, TEXT_BYTES = 64 };

/* Both ends belong to it. IPv4 has its 4 bytes first and zeros behind them. */
typedef struct range {
    unsigned version;
    uint8_t first[BYTES], last[BYTES];
} range;

typedef struct ranges {
    range item[RANGES_MAX];
    size_t count;
} ranges;

/* --- reading one --- */

static size_t bytes_of(unsigned version)
{
    return version == 4 ? 4 : BYTES;
}

/* At most that large, decimal, moves *at behind it. */
static bool read_number(unsigned *out, const char **at, unsigned largest)
{
    unsigned value = 0, digits = 0;

    for (; **at >= '0' && **at <= '9' && digits < 4; ++*at, digits++)
        value = value * 10 + (unsigned)(**at - '0');
    *out = value;
    return digits > 0 && value <= largest;
}

static bool read_v4(uint8_t out[BYTES], const char *text)
{
    memset(out, 0, BYTES);
    for (int i = 0; i < 4; i++) {
        unsigned value;

        if (!read_number(&value, &text, 255) || *text != (i < 3 ? '.' : '\0'))
            return false;
        out[i] = (uint8_t)value;
        text += i < 3;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Groups up to "::" or the end; their number. */
static size_t read_groups(uint8_t out[BYTES], const char **at)
{
    size_t count = 0;

    while (count < 8 && hex_digit(**at) >= 0) {
        unsigned value = 0;

        for (int digits = 0; digits < 4 && hex_digit(**at) >= 0; digits++, ++*at)
            value = value << 4 | (unsigned)hex_digit(**at);
        out[2 * count] = (uint8_t)(value >> 8);
        out[2 * count + 1] = (uint8_t)value;
        count++;
        if (**at == ':' && hex_digit((*at)[1]) >= 0)
            ++*at;
        else
            break;
    }
    return count;
}

static bool read_v6(uint8_t out[BYTES], const char *text)
{
    uint8_t tail[BYTES] = {0};
    size_t head_count, tail_count;

    memset(out, 0, BYTES);
    head_count = read_groups(out, &text);
    if (*text == '\0')
        return head_count == 8;
    if (strncmp(text, "::", 2) != 0)
        return false;
    text += 2;
    tail_count = read_groups(tail, &text);
    if (*text != '\0' || head_count + tail_count > 7)
        return false;
    memcpy(out + BYTES - 2 * tail_count, tail, 2 * tail_count);
    return true;
}

/* The version, 0: none. */
static unsigned read_address(uint8_t out[BYTES], const char *text)
{
    if (read_v4(out, text))
        return 4;
    return read_v6(out, text) ? 6 : 0;
}

/* Of a mask: ones, then zeros. */
static bool length_of_mask(unsigned *out, const uint8_t mask[BYTES])
{
    unsigned length = 0;

    while (length < 32 && (mask[length / 8] >> (7 - length % 8) & 1) != 0)
        length++;
    for (unsigned i = length; i < 32; i++)
        if ((mask[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    *out = length;
    return true;
}

static bool read_length(unsigned *out, const char *text, unsigned version)
{
    uint8_t mask[BYTES];

    if (version == 4 && read_v4(mask, text))
        return length_of_mask(out, mask);
    return read_number(out, &text, 8 * (unsigned)bytes_of(version)) && *text == '\0';
}

static void widen(range *net, unsigned length)
{
    for (unsigned i = length; i < 8 * bytes_of(net->version); i++) {
        uint8_t bit = (uint8_t)(1u << (7 - i % 8));

        net->first[i / 8] = (uint8_t)(net->first[i / 8] & ~bit);
        net->last[i / 8] = (uint8_t)(net->last[i / 8] | bit);
    }
}

static bool read_range(range *out, char *text)
{
    char *dash = strchr(text, '-'), *slash = strchr(text, '/');
    unsigned length;

    if (dash != NULL)
        *dash = '\0';
    if (slash != NULL)
        *slash = '\0';
    out->version = read_address(out->first, text);
    memcpy(out->last, out->first, BYTES);
    if (out->version == 0 || (dash != NULL && slash != NULL))
        return false;
    if (dash != NULL)
        return read_address(out->last, dash + 1) == out->version &&
               memcmp(out->first, out->last, BYTES) <= 0;
    if (slash == NULL)
        return true;
    if (!read_length(&length, slash + 1, out->version))
        return false;
    widen(out, length);
    return true;
}

/* --- and all, in one form: sorted, none touching the next --- */

static int compare(const void *left, const void *right)
{
    const range *one = left, *other = right;

    if (one->version != other->version)
        return one->version < other->version ? -1 : 1;
    return memcmp(one->first, other->first, BYTES);
}

/* next begins within what last ends, or right behind it. */
static bool touches(const range *last, const range *next)
{
    uint8_t after[BYTES];
    size_t i = bytes_of(last->version);

    if (last->version != next->version)
        return false;
    memcpy(after, last->last, BYTES);
    while (i > 0 && ++after[i - 1] == 0)
        i--;
    return i == 0 || memcmp(next->first, after, BYTES) <= 0; /* 0: there is nothing behind it */
}

static void join(ranges *all)
{
    size_t kept = 0;

    qsort(all->item, all->count, sizeof(all->item[0]), compare);
    for (size_t i = 0; i < all->count; i++) {
        range *last = kept == 0 ? NULL : &all->item[kept - 1];

        if (last == NULL || !touches(last, &all->item[i]))
            all->item[kept++] = all->item[i];
        else if (memcmp(all->item[i].last, last->last, BYTES) > 0)
            memcpy(last->last, all->item[i].last, BYTES);
    }
    all->count = kept;
}

static bool add_one(ranges *all, const char *text, size_t bytes)
{
    char word[2 * TEXT_BYTES];

    while (bytes > 0 && *text == ' ') {
        text++;
        bytes--;
    }
    if (bytes == 0 || bytes >= sizeof(word) || all->count == RANGES_MAX)
        return false;
    memcpy(word, text, bytes);
    word[bytes] = '\0';
    return read_range(&all->item[all->count++], word);
}

static bool read_all(ranges *out, const char *list)
{
    *out = (ranges){.count = 0};
    if (list == NULL || strcmp(list, "*") == 0)
        list = "0.0.0.0/0,::/0";
    for (;;) {
        size_t bytes = strcspn(list, ",");

        if (!add_one(out, list, bytes))
            return false;
        if (list[bytes] == '\0')
            break;
        list += bytes + 1;
    }
    join(out);
    return true;
}

bool sbx_addresses_are_same(const char *one, const char *other)
{
    ranges left, right;

    if (!read_all(&left, one) || !read_all(&right, other) || left.count != right.count)
        return false;
    for (size_t i = 0; i < left.count; i++)
        if (left.item[i].version != right.item[i].version ||
            memcmp(left.item[i].first, right.item[i].first, BYTES) != 0 ||
            memcmp(left.item[i].last, right.item[i].last, BYTES) != 0)
            return false;
    return true;
}
