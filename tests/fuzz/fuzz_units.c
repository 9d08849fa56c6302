/* Sizes, durations, counts and rates: whatever is accepted is within its form and means what it says. */
#include "harness/base/units.h"
#include "limits/limits.h"
#include "tests/fuzz/fuzz.h"

typedef sbx_status parse(uint64_t *out, const char *option, const char *text, sbx_error *err);

static bool is_plain(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789.KMGTiBsmhunlted")] == '\0';
}

/* Refused with a message that names the option and the value, or accepted and of the form. */
static bool try_form(uint64_t *out, parse *form, const char *text)
{
    sbx_error err = {0};
    sbx_status status = form(out, "--mem", text, &err);

    if (status != SBX_OK) {
        SBX_FUZZ_MUST(status == SBX_INVALID);
        SBX_FUZZ_MUST(strstr(err.message, "--mem") != NULL);
        return false;
    }
    SBX_FUZZ_MUST(is_plain(text));
    return true;
}

/* A bare number is bytes: what was understood, written out, is understood as the same. */
static void check_again(parse *form, uint64_t value)
{
    char text[32];
    uint64_t again = 0;
    sbx_error err = {0};

    if (value == SBX_UNLIMITED)
        return;
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    SBX_FUZZ_MUST(form(&again, "--mem", text, &err) == SBX_OK && again == value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sbx_fuzz_text(data, size);
    sbx_text shown = {0};
    uint64_t value = 0;

    if (try_form(&value, sbx_parse_size, text))
        check_again(sbx_parse_size, value);
    sbx_format_size(&shown, value);
    if (try_form(&value, sbx_parse_count, text)) {
        SBX_FUZZ_MUST(value >= 1);
        check_again(sbx_parse_count, value);
    }
    if (try_form(&value, sbx_parse_cpus, text))
        SBX_FUZZ_MUST(value >= 1);
    (void)try_form(&value, sbx_parse_duration, text);
    sbx_format_duration(&shown, value);
    SBX_FUZZ_MUST(!shown.failed && sbx_utf8_is_valid(shown.data, shown.bytes));
    sbx_text_done(&shown);
    free(text);
    return 0;
}
