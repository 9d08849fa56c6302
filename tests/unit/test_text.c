/* harness/base/text.h: growth, failure, UTF-8, escaping. */
#include "tests/support/test.h"

#include "harness/base/text.h"

static void grows_and_stays_terminated(void **state)
{
    sbx_text text = {0};
    sbx_error err;

    (void)state;
    assert_string_equal(sbx_text_string(&text), "");
    for (int i = 0; i < 10000; i++) {
        sbx_text_add(&text, "ab");
        sbx_text_add_bytes(&text, "cX", 1);
        assert_int_equal(text.data[text.bytes], '\0');
    }
    assert_int_equal(text.bytes, 30000);
    assert_int_equal(strlen(text.data), 30000);
    assert_memory_equal(text.data + 29997, "abc", 3);
    assert_int_equal(sbx_text_check(&text, &err), SBX_OK);

    sbx_text_clear(&text);
    assert_string_equal(sbx_text_string(&text), "");
    sbx_text_add_bytes(&text, "", 0);
    assert_int_equal(text.bytes, 0);
    sbx_text_done(&text);
    sbx_text_done(&text);
    assert_null(text.data);
}

static void fills_its_room_exactly(void **state)
{
    (void)state;
    for (size_t bytes = 250; bytes < 260; bytes++) {
        sbx_text text = {0};
        char filler[300];

        memset(filler, 'f', sizeof(filler));
        sbx_text_add_bytes(&text, filler, bytes);
        assert_int_equal(strlen(text.data), bytes);
        sbx_text_add_bytes(&text, "g", 1);
        assert_int_equal(strlen(text.data), bytes + 1);
        sbx_text_done(&text);
    }
}

static void formats_short_and_long(void **state)
{
    sbx_text text = {0};
    char filler[5000];

    (void)state;
    sbx_text_add_format(&text, "%d-%s|", 5, "x");
    assert_string_equal(text.data, "5-x|");
    for (size_t bytes = 254; bytes < 258; bytes++) { /* around the inner buffer's size */
        memset(filler, 'l', bytes);
        filler[bytes] = '\0';
        sbx_text_clear(&text);
        sbx_text_add_format(&text, "%s", filler);
        assert_string_equal(text.data, filler);
    }
    memset(filler, 'l', sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    sbx_text_add_format(&text, "<%s>", filler);
    assert_int_equal(text.bytes, 257 + sizeof(filler) - 1 + 2);
    assert_int_equal(text.data[text.bytes - 1], '>');
    sbx_text_done(&text);
}

static void failure_sticks_until_the_check(void **state)
{
    sbx_text text = {0};
    sbx_error err = {0};

    (void)state;
    sbx_text_add(&text, "kept");
    sbx_text_add_bytes(&text, "x", SIZE_MAX / 2); /* more than can be asked for; nothing is read */
    assert_true(text.failed);
    sbx_text_add(&text, "more");
    assert_string_equal(text.data, "kept");
    assert_int_equal(sbx_text_check(&text, &err), SBX_NO_MEMORY);
    assert_int_equal(err.status, SBX_NO_MEMORY);
    sbx_text_done(&text);
}

static void knows_utf8(void **state)
{
    static const struct {
        const char *data;
        size_t bytes;
        bool is_valid;
    } cases[] = {
        {"", 0, true},
        {"plain", 5, true},
        {"\xC3\xA9", 2, true},
        {"\xE2\x82\xAC", 3, true},
        {"\xF0\x9F\x98\x80", 4, true},
        {"\xF4\x8F\xBF\xBF", 4, true}, /* U+10FFFF */
        {"\xED\x9F\xBF", 3, true},     /* U+D7FF */
        {"\xEE\x80\x80", 3, true},     /* U+E000 */
        {"a\0b", 3, false},            /* NUL */
        {"\x80", 1, false},            /* continuation alone */
        {"\xC3", 1, false},            /* cut */
        {"\xE2\x82", 2, false},
        {"\xF0\x9F\x98", 3, false},
        {"\xC0\xAF", 2, false}, /* overlong "/" */
        {"\xC1\xBF", 2, false},
        {"\xE0\x80\xAF", 3, false},
        {"\xF0\x80\x80\xAF", 4, false},
        {"\xED\xA0\x80", 3, false}, /* surrogates */
        {"\xED\xBF\xBF", 3, false},
        {"\xF4\x90\x80\x80", 4, false}, /* past U+10FFFF */
        {"\xF5\x80\x80\x80", 4, false},
        {"\xFF", 1, false},
        {"\xE2\x28\xA1", 3, false},
        {"ok\xFE", 3, false},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++)
        if (sbx_utf8_is_valid(cases[i].data, cases[i].bytes) != cases[i].is_valid)
            fail_msg("case %zu", i);
}

static void decodes_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0x80; code <= 0x10FFFF; code += code < 0x3000 ? 1 : 37) {
        char data[4];
        size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        uint32_t seen = 0;
        bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;

        for (size_t i = length - 1; i > 0; i--)
            data[i] = (char)(0x80 | ((code >> 6 * (length - 1 - i)) & 0x3F));
        data[0] = (char)((0xF00 >> length) | (code >> 6 * (length - 1)));
        assert_int_equal(sbx_utf8_decode(&seen, data, length), is_surrogate ? 0 : length);
        if (!is_surrogate)
            assert_int_equal(seen, code);
        assert_int_equal(sbx_utf8_decode(&seen, data, length - 1), 0);
    }
}

static void escapes_what_steers_a_terminal(void **state)
{
    static const struct {
        const char *data;
        size_t bytes;
        const char *expected;
    } cases[] = {
        {"", 0, ""},
        {"plain text", 10, "plain text"},
        {"caf\xC3\xA9 \xF0\x9F\x98\x80", 10, "caf\xC3\xA9 \xF0\x9F\x98\x80"},
        {"\x1b[31m", 5, "\\x1b[31m"},
        {"a\nb\tc\rd", 7, "a\\x0ab\\x09c\\x0dd"},
        {"\x7f", 1, "\\x7f"},
        {"a\0b", 3, "a\\x00b"},
        {"\xC2\x9B", 2, "\\u{009B}"}, /* C1: CSI */
        {"\xE2\x80\xAE"
         "x",
         4, "\\u{202E}x"}, /* right-to-left override */
        {"\xE2\x81\xA6", 3, "\\u{2066}"},
        {"\xE2\x80\xA8", 3, "\\u{2028}"}, /* line separator */
        {"\xFF\xC3", 2, "\\xff\\xc3"},
        {"C:\\x1b", 6, "C:\\\\x1b"}, /* cannot be taken for an escape of ours */
        {"\xED\xA0\x80", 3, "\\xed\\xa0\\x80"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_text text = {0};

        sbx_text_add_escaped(&text, cases[i].data, cases[i].bytes);
        assert_string_equal(sbx_text_string(&text), cases[i].expected);
        sbx_text_done(&text);
    }
}

static void escaped_bytes_are_always_safe(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            char data[2] = {(char)first, (char)second};
            sbx_text text = {0};

            sbx_text_add_escaped(&text, data, sizeof(data));
            assert_true(sbx_utf8_is_valid(text.data, text.bytes));
            for (size_t i = 0; i < text.bytes; i++)
                assert_true((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7F);
            sbx_text_done(&text);
        }
}

/* Each byte at each place of a word of eight, before it and behind it. */
static void plain_bytes_end_where_another_one_stands(void **state)
{
    char data[20];

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        bool is_plain = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';

        for (size_t at = 0; at < sizeof(data); at++)
            for (int around = 0; around < 4; around++) {
                memset(data, " !~]"[around], sizeof(data));
                data[at] = (char)byte;
                assert_int_equal(sbx_text_plain_bytes(data, sizeof(data)),
                                 is_plain ? sizeof(data) : at);
            }
    }
    assert_int_equal(sbx_text_plain_bytes("", 0), 0);
}

static void numbers_are_written_as_printf_does(void **state)
{
    sbx_text text = {0};
    char wanted[32];

    (void)state;
    for (uint64_t value = 1; value != 0; value = value > UINT64_MAX / 7 ? 0 : value * 7) {
        for (int less = 0; less < 2; less++) {
            sbx_text_clear(&text);
            sbx_text_add_unsigned(&text, value - (uint64_t)less);
            snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)(value - (uint64_t)less));
            assert_string_equal(sbx_text_string(&text), wanted);
            sbx_text_clear(&text);
            sbx_text_add_signed(&text, -(int64_t)(value / 2));
            snprintf(wanted, sizeof(wanted), "%lld", -(long long)(value / 2));
            assert_string_equal(sbx_text_string(&text), wanted);
        }
    }
    sbx_text_clear(&text);
    sbx_text_add_signed(&text, INT64_MIN);
    sbx_text_add_unsigned(&text, UINT64_MAX);
    assert_string_equal(sbx_text_string(&text), "-922337203685477580818446744073709551615");
    sbx_text_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(fills_its_room_exactly),
        cmocka_unit_test(formats_short_and_long),
        cmocka_unit_test(failure_sticks_until_the_check),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(decodes_every_code_point),
        cmocka_unit_test(escapes_what_steers_a_terminal),
        cmocka_unit_test(escaped_bytes_are_always_safe),
        cmocka_unit_test(plain_bytes_end_where_another_one_stands),
        cmocka_unit_test(numbers_are_written_as_printf_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
