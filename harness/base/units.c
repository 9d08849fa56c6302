/* Reading and writing sizes, durations, counts and rates. */
#include "harness/base/units.h"

#include <stdbool.h>
#include <string.h>

#include "harness/base/clock.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)
#define GIB (MIB * KIB)
#define TIB (GIB * KIB)
#define NS_PER_MINUTE (60 * SBX_NS_PER_S)
#define NS_PER_HOUR (60 * NS_PER_MINUTE)

/* Six digits times the largest unit (1 h in ns, 1 TiB in bytes) stay below 2^63. */
enum { FRACTION_DIGITS_MAX = 6 };

typedef struct unit {
    const char *suffix;
    uint64_t factor;
} unit;

/* What everybody can hold who is told of it: readers of JSON, and the database. */
#define LARGEST UINT64_C(0x7fffffffffffffff)

/* What one kind of quantity looks like. */
typedef struct quantity {
    const char *noun, *forms;
    const unit *units;
    size_t unit_count;
    unsigned fraction_digits_max; /* 0: whole numbers only */
    uint64_t smallest;
} quantity;

static const unit size_units[] = {
    {"", 1},    {"K", KIB},  {"KB", KIB},  {"KiB", KIB}, {"M", MIB},  {"MB", MIB},  {"MiB", MIB},
    {"G", GIB}, {"GB", GIB}, {"GiB", GIB}, {"T", TIB},   {"TB", TIB}, {"TiB", TIB},
};

static const unit duration_units[] = {
    {"", SBX_NS_PER_S},    {"s", SBX_NS_PER_S},  {"ms", SBX_NS_PER_MS},
    {"us", SBX_NS_PER_US}, {"m", NS_PER_MINUTE}, {"h", NS_PER_HOUR},
};

static const unit count_units[] = {{"", 1}};
static const unit cpus_units[] = {{"", 1000}};

static const quantity size_quantity = {
    "a size", "512K, 2G or 1.5GiB", size_units, SBX_COUNT_OF(size_units), FRACTION_DIGITS_MAX, 0};
static const quantity duration_quantity = {"a duration",        "250ms, 60s or 2m",
                                           duration_units,      SBX_COUNT_OF(duration_units),
                                           FRACTION_DIGITS_MAX, 0};
static const quantity count_quantity = {"a count", "64", count_units, SBX_COUNT_OF(count_units),
                                        0,         1};
static const quantity cpus_quantity = {"a number of CPUs",       "0.5 or 2", cpus_units,
                                       SBX_COUNT_OF(cpus_units), 3,          1};

/* The number as read: whole + fraction / scale. */
typedef struct decimal {
    uint64_t whole, fraction, scale;
    bool is_too_large;
    const char *rest;
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool read_decimal(decimal *out, const char *text, unsigned fraction_digits_max)
{
    *out = (decimal){.scale = 1};
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++) {
        uint64_t digit = (uint64_t)(*text - '0');

        if (out->whole > (UINT64_MAX - digit) / 10)
            out->is_too_large = true;
        else
            out->whole = out->whole * 10 + digit;
    }
    if (*text == '.') {
        unsigned digits = 0;

        for (text++; is_digit(*text); text++, digits++) {
            if (digits == fraction_digits_max)
                return false;
            out->fraction = out->fraction * 10 + (uint64_t)(*text - '0');
            out->scale *= 10;
        }
        if (digits == 0)
            return false;
    }
    out->rest = text;
    return true;
}

static sbx_status parse(uint64_t *out, const quantity *kind, const char *option, const char *text,
                        sbx_error *err)
{
    const char *problem = "is not";
    decimal number;
    uint64_t factor = 0, whole, part;

    if (strcmp(text, "unlimited") == 0) {
        *out = UINT64_MAX;
        return SBX_OK;
    }
    if (!read_decimal(&number, text, kind->fraction_digits_max))
        goto refuse;
    for (size_t i = 0; i < kind->unit_count && factor == 0; i++)
        if (strcmp(number.rest, kind->units[i].suffix) == 0)
            factor = kind->units[i].factor;
    if (factor == 0 || (factor == 1 && number.scale > 1)) /* there is no half byte */
        goto refuse;

    problem = "is too large for";
    if (number.is_too_large || number.whole > LARGEST / factor)
        goto refuse;
    whole = number.whole * factor;
    part = number.fraction * factor / number.scale;
    if (whole > LARGEST - part)
        goto refuse;

    problem = "is too small for";
    if (whole + part < kind->smallest || (whole + part == 0 && number.fraction > 0))
        goto refuse;
    *out = whole + part;
    return SBX_OK;

refuse:
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS,
                          "%s: \"%s\" %s %s (expected a form like %s)", option, text, problem,
                          kind->noun, kind->forms);
}

sbx_status sbx_parse_size(uint64_t *out_bytes, const char *option, const char *text, sbx_error *err)
{
    return parse(out_bytes, &size_quantity, option, text, err);
}

sbx_status sbx_parse_duration(uint64_t *out_ns, const char *option, const char *text,
                              sbx_error *err)
{
    return parse(out_ns, &duration_quantity, option, text, err);
}

sbx_status sbx_parse_count(uint64_t *out_count, const char *option, const char *text,
                           sbx_error *err)
{
    return parse(out_count, &count_quantity, option, text, err);
}

sbx_status sbx_parse_cpus(uint64_t *out_milli, const char *option, const char *text, sbx_error *err)
{
    return parse(out_milli, &cpus_quantity, option, text, err);
}

/* "1.5 GiB": one decimal below ten, none from there on; cut, never rounded up. */
static void add_scaled(sbx_text *out, uint64_t value, uint64_t factor, const char *word)
{
    uint64_t whole = value / factor;
    uint64_t tenths = (value % factor) / (factor / 10 > 0 ? factor / 10 : 1);

    if (tenths > 9)
        tenths = 9; /* factor / 10 is cut for powers of 1024 */
    if (whole < 10 && tenths > 0)
        sbx_text_add_format(out, "%llu.%llu %s", (unsigned long long)whole,
                            (unsigned long long)tenths, word);
    else
        sbx_text_add_format(out, "%llu %s", (unsigned long long)whole, word);
}

void sbx_format_size(sbx_text *out, uint64_t bytes)
{
    if (bytes == UINT64_MAX)
        sbx_text_add(out, "unlimited");
    else if (bytes >= TIB)
        add_scaled(out, bytes, TIB, "TiB");
    else if (bytes >= GIB)
        add_scaled(out, bytes, GIB, "GiB");
    else if (bytes >= MIB)
        add_scaled(out, bytes, MIB, "MiB");
    else if (bytes >= KIB)
        add_scaled(out, bytes, KIB, "KiB");
    else
        sbx_text_add_format(out, "%llu B", (unsigned long long)bytes);
}

/* "3 m 20 s", and "3 m" where nothing is left over. */
static void add_pair(sbx_text *out, uint64_t ns, uint64_t factor, const char *word, uint64_t lesser,
                     const char *lesser_word)
{
    uint64_t rest = ns % factor / lesser;

    sbx_text_add_format(out, "%llu %s", (unsigned long long)(ns / factor), word);
    if (rest > 0)
        sbx_text_add_format(out, " %llu %s", (unsigned long long)rest, lesser_word);
}

void sbx_format_duration(sbx_text *out, uint64_t ns)
{
    if (ns == UINT64_MAX)
        sbx_text_add(out, "unlimited");
    else if (ns >= NS_PER_HOUR)
        add_pair(out, ns, NS_PER_HOUR, "h", NS_PER_MINUTE, "m");
    else if (ns >= NS_PER_MINUTE)
        add_pair(out, ns, NS_PER_MINUTE, "m", SBX_NS_PER_S, "s");
    else if (ns >= SBX_NS_PER_S)
        add_scaled(out, ns, SBX_NS_PER_S, "s");
    else if (ns >= SBX_NS_PER_MS)
        add_scaled(out, ns, SBX_NS_PER_MS, "ms");
    else if (ns >= SBX_NS_PER_US)
        add_scaled(out, ns, SBX_NS_PER_US, "us");
    else
        sbx_text_add_format(out, "%llu ns", (unsigned long long)ns);
}
