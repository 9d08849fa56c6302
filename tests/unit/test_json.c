/* harness/base/json.h: structure, escaping; read back by jansson, which is somebody else's reader. */
#include "tests/support/test.h"

#include <jansson.h>

#include "harness/base/json.h"

static void writes_every_kind(void **state)
{
    sbx_text text = {0};
    sbx_json json;

    (void)state;
    sbx_json_init(&json, &text);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "s", "x");
    sbx_json_string(&json, "n", NULL);
    sbx_json_unsigned(&json, "u", UINT64_MAX);
    sbx_json_signed(&json, "i", INT64_MIN);
    sbx_json_bool(&json, "t", true);
    sbx_json_bool(&json, "f", false);
    sbx_json_null(&json, "z");
    sbx_json_hex(&json, "h", "\x00\xAB\xff", 3);
    sbx_json_raw(&json, "r", "[1]");
    sbx_json_open_array(&json, "a");
    sbx_json_open_object(&json, NULL);
    sbx_json_close_object(&json);
    sbx_json_open_array(&json, NULL);
    sbx_json_close_array(&json);
    sbx_json_unsigned(&json, NULL, 1);
    sbx_json_close_array(&json);
    sbx_json_open_object(&json, "o");
    sbx_json_bool(&json, "in", true);
    sbx_json_close_object(&json);
    sbx_json_string(&json, "last", "");
    sbx_json_close_object(&json);
    assert_string_equal(
        text.data, "{\"s\":\"x\",\"n\":null,\"u\":18446744073709551615,"
                   "\"i\":-9223372036854775808,\"t\":true,\"f\":false,\"z\":null,"
                   "\"h\":\"00abff\",\"r\":[1],\"a\":[{},[],1],\"o\":{\"in\":true},\"last\":\"\"}");
    sbx_text_done(&text);
}

static void escapes_strings(void **state)
{
    static const struct {
        const char *data;
        size_t bytes;
        const char *expected;
    } cases[] = {
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\n\t\r\x01", 4, "\"\\n\\t\\u000d\\u0001\""},
        {"\x7f", 1, "\"\\u007f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xC3\xA9", 2, "\"\xC3\xA9\""},
        {"\xE2\x80\xAE", 3, "\"\\u202e\""},
        {"\xC2\x9B", 2, "\"\\u009b\""},
        {"x\xFFy", 3, "\"x\xEF\xBF\xBDy\""},
        {"\xE2\x82", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"", 0, "\"\""},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_text text = {0};
        sbx_json json;

        sbx_json_init(&json, &text);
        sbx_json_bytes(&json, NULL, cases[i].data, cases[i].bytes);
        assert_string_equal(text.data, cases[i].expected);
        sbx_text_done(&text);
    }
}

/* Every pair of bytes as key and value gives JSON that another reader accepts and reads back. */
static void any_bytes_give_valid_json(void **state)
{
    (void)state;
    for (int first = 0; first < 256; first++)
        for (int second = 1; second < 256; second += 3) {
            char data[3] = {(char)first, (char)second, '\0'};
            sbx_text text = {0};
            sbx_json json;
            json_t *root;
            const json_t *value;

            sbx_json_init(&json, &text);
            sbx_json_open_object(&json, NULL);
            sbx_json_bytes(&json, "value", data, 2);
            if (first != 0)
                sbx_json_bool(&json, data, true);
            sbx_json_close_object(&json);
            root = json_loadb(text.data, text.bytes, JSON_ALLOW_NUL, NULL);
            assert_non_null(root);
            value = json_object_get(root, "value");
            if (sbx_utf8_is_valid(data, 2)) {
                assert_int_equal(json_string_length(value), 2);
                assert_memory_equal(json_string_value(value), data, 2);
            }
            json_decref(root);
            sbx_text_done(&text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_kind),
        cmocka_unit_test(escapes_strings),
        cmocka_unit_test(any_bytes_give_valid_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
