/* Patterns that somebody added for secrets in arguments: what they take, which are refused, and their file. */
#include "tests/support/test.h"

#include <unistd.h>

#include "audit/redact.h"
#include "harness/policy/redaction_file.h"

static sbx_error error;

#define LIST(...)                                                                                  \
    ((const char *const[]){__VA_ARGS__}), SBX_COUNT_OF(((const char *const[]){__VA_ARGS__}))

static sbx_redaction *make(const char *const *names, size_t name_count, const char *const *words,
                           size_t word_count, bool without_built_in)
{
    sbx_redaction *made = NULL;

    if (sbx_redaction_create(&made,
                             &(sbx_redaction_patterns){.names = names,
                                                       .name_count = name_count,
                                                       .words = words,
                                                       .word_count = word_count,
                                                       .without_built_in = without_built_in},
                             &error) != SBX_OK)
        fail_msg("%s", error.message);
    return made;
}

static void expect(const sbx_redaction *redaction, const char *given, const char *stored)
{
    sbx_redactor redactor = {.redaction = redaction};
    sbx_text out = {0};

    sbx_redact_argument(&out, &redactor, given, strlen(given));
    if (strcmp(sbx_text_string(&out), stored == NULL ? given : stored) != 0)
        fail_msg("%s\n  became %s\n  wanted %s", given, sbx_text_string(&out),
                 stored == NULL ? given : stored);
    sbx_text_done(&out);
}

static void names(void **state)
{
    sbx_redaction *redaction = make(LIST("deploy_pin", "ACME-*", "*.code?"), NULL, 0, false);
    sbx_text out = {0}, hex = {0};

    (void)state;
    expect(redaction, "--deploy-pin=12", "--deploy-pin=[redacted]");
    expect(redaction, "--Deploy.Pin=12", "--Deploy.Pin=[redacted]");
    expect(redaction, "DEPLOY_PIN=12", "DEPLOY_PIN=[redacted]");
    expect(redaction, "--deploy-pins=12", NULL);
    expect(redaction, "acme_x=1 make", "acme_x=[redacted] make");
    expect(redaction, "{\"acme_x\": \"y\"}", "{\"acme_x\": \"[redacted]\"}");
    expect(redaction, "X-Acme: y", NULL);
    expect(redaction, "acme-key: y z", "acme-key: [redacted]");
    expect(redaction, "door.code7=1", "door.code7=[redacted]");
    expect(redaction, "door.code=1", NULL);
    /* What sbx knows is still known. */
    expect(redaction, "--token=abc", "--token=[redacted]");
    sbx_redact_argv_by(redaction, &out, &hex,
                       (const char *const[]){"x", "--deploy-pin", "1 2", "y", NULL});
    assert_string_equal(sbx_text_string(&out), "[\"x\",\"--deploy-pin\",\"[redacted]\",\"y\"]");
    sbx_text_clear(&out);
    assert_true(sbx_redact_argv_json_by(redaction, &out, "[\"--deploy-pin\",\"1\",\"acme=2\"]"));
    assert_string_equal(sbx_text_string(&out), "[\"--deploy-pin\",\"[redacted]\",\"acme=2\"]");
    sbx_text_done(&out);
    sbx_text_done(&hex);
    sbx_redaction_free(redaction);
}

static void words(void **state)
{
    sbx_redaction *redaction = make(NULL, 0, LIST("acme_*", "PIN-????", "*-x7-*"), false);

    (void)state;
    expect(redaction, "acme_abc", "[redacted]");
    expect(redaction, "Acme_abc", NULL);
    expect(redaction, "my_acme_abc", NULL);
    expect(redaction, "a=acme_abc", "a=[redacted]");
    expect(redaction, "https://h/acme_abc", "https://h/[redacted]");
    expect(redaction, "https://acme_abc@h/x", "https://[redacted]"); /* rather too much */
    expect(redaction, "acme_ab/c+d=", "[redacted]");
    expect(redaction, "PIN-1234", "[redacted]");
    expect(redaction, "PIN-12345", NULL);
    expect(redaction, "id:PIN-1234:x", "id:[redacted]:x");
    expect(redaction, "use acme_abc, or 'PIN-1234'", "use [redacted], or '[redacted]'");
    expect(redaction, "abc-x7-def", "[redacted]");
    expect(redaction, "ghp_0123456789abcdefghijABCD", "[redacted]");
    sbx_redaction_free(redaction);
}

static void without_the_built_in(void **state)
{
    sbx_redaction *redaction = make(LIST("pin"), LIST("acme_*"), true);

    (void)state;
    expect(redaction, "--token=abc", NULL);
    expect(redaction, "ghp_0123456789abcdefghijABCD", NULL);
    expect(redaction, "https://me:pa@host/", NULL);
    expect(redaction, "Authorization: Bearer abc", NULL);
    expect(redaction, "--pin=1", "--pin=[redacted]");
    expect(redaction, "acme_1", "[redacted]");
    sbx_redaction_free(redaction);
    redaction = make(NULL, 0, NULL, 0, false);
    expect(redaction, "--token=abc", "--token=[redacted]");
    sbx_redaction_free(redaction);
}

/* A megabyte of what makes a careless matcher slow. */
static void hostile_arguments(void **state)
{
    enum { BYTES = 1 << 20 };
    sbx_redaction *redaction =
        make(LIST("*a*a*a*a*b"), LIST("*a*a*a*a*a*a*a*b", "acme*a*a*a*b"), false);
    static const char *const fillings[] = {"a", "a:", "a=", "acme", "a:a/", "a "};
    char *text = malloc(BYTES + 1);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < SBX_COUNT_OF(fillings); i++) {
        sbx_redactor redactor = {.redaction = redaction};
        sbx_text out = {0};
        size_t bytes = strlen(fillings[i]);

        for (size_t at = 0; at < BYTES; at++)
            text[at] = fillings[i][at % bytes];
        text[BYTES] = '\0';
        sbx_redact_argument(&out, &redactor, text, BYTES);
        assert_false(out.failed);
        sbx_text_done(&out);
    }
    free(text);
    sbx_redaction_free(redaction);
}

static void bad_patterns(void **state)
{
    static const struct {
        const char *name, *word, *words;
    } cases[] = {
        {"", NULL, "every value"},
        {"*", NULL, "every value"},
        {"?_*", NULL, "every value"},
        {"a b", NULL, "never match"},
        {"a=b", NULL, "never match"},
        {"\xC3\xA4", NULL, "never match"},
        {"a[bc]", NULL, "never match"},
        {"a1234567890123456789012345678901234567890123456789012345678901234", NULL, "longer"},
        {NULL, "", "too much"},
        {NULL, "*", "too much"},
        {NULL, "a*b?", "too much"},
        {NULL, "acme x", "never match"},
        {NULL, "acme=*", "never match"},
        {NULL, "acme\"", "never match"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        const sbx_redaction_patterns patterns = {.names = &cases[i].name,
                                                 .name_count = cases[i].name != NULL,
                                                 .words = &cases[i].word,
                                                 .word_count = cases[i].word != NULL};
        sbx_redaction *made = NULL;

        memset(&error, 0, sizeof(error));
        if (sbx_redaction_create(&made, &patterns, &error) != SBX_INVALID ||
            strstr(error.message, cases[i].words) == NULL)
            fail_msg("case %zu: %s", i, error.message);
        assert_null(made);
    }
}

static void too_many(void **state)
{
    const char *patterns[SBX_REDACTION_PATTERNS_MAX + 1];
    sbx_redaction *made = NULL;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(patterns); i++)
        patterns[i] = "name";
    sbx_redaction_free(make(patterns, SBX_REDACTION_PATTERNS_MAX, NULL, 0, false));
    assert_int_equal(
        sbx_redaction_create(
            &made,
            &(sbx_redaction_patterns){.names = patterns, .name_count = SBX_COUNT_OF(patterns)},
            &error),
        SBX_INVALID);
}

/* --- the file --- */

static char path[] = "/tmp/sbx-test-redact-XXXXXX";

static int set_up(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void the_file(void **state)
{
    sbx_redaction_file file = {0};
    bool exists = false;

    (void)state;
    write_file("{\"version\": 1, \"names\": [\"a\", \"b\"], \"words\": [\"acme_*\"],\n"
               "\"without_built_in_patterns\": true}");
    assert_int_equal(sbx_redaction_file_read(&file, &exists, path, &error), SBX_OK);
    assert_true(exists && file.without_built_in);
    assert_int_equal(file.names.count, 2);
    assert_string_equal(file.words.item[0], "acme_*");
    sbx_redaction_file_done(&file);
    write_file("{\"version\": 1}");
    assert_int_equal(sbx_redaction_file_read(&file, NULL, path, &error), SBX_OK);
    assert_false(file.without_built_in);
    sbx_redaction_file_done(&file);
    /* One that nobody named need not be there. */
    assert_int_equal(sbx_redaction_file_read(&file, &exists, "/tmp/nowhere/x", &error), SBX_OK);
    assert_false(exists);
    assert_int_equal(sbx_redaction_file_read(&file, NULL, "/tmp/nowhere/x", &error), SBX_INVALID);
    assert_int_equal(sbx_redaction_file_read(&file, &exists, "/tmp", &error), SBX_INVALID);
    assert_int_equal(error.step, SBX_STEP_OPTIONS);
}

static void bad_files(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", ":1:"},
        {"[]", "must be an object"},
        {"{}", "version: is missing"},
        {"{\"version\":2}", "must be 1"},
        {"{\"version\":1,\n\"names\":\"a\"}", ":2: names: must be a list"},
        {"{\"version\":1,\"words\":[1]}", "words: must be a list"},
        {"{\"version\":1,\"builtin\":false}", "builtin: unknown key"},
        {"{\"version\":1,\"without_built_in_patterns\":1}", "true or false"},
        {"{\"version\":1,\"version\":1}", "duplicate"},
        {"{\"version\":1,\"names\":[\"\xFF\"]}", ":1:"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_redaction_file file = {0};

        write_file(cases[i].text);
        memset(&error, 0, sizeof(error));
        if (sbx_redaction_file_read(&file, NULL, path, &error) != SBX_INVALID ||
            strstr(error.message, cases[i].words) == NULL || strstr(error.message, path) == NULL ||
            error.step != SBX_STEP_OPTIONS)
            fail_msg("case %zu: %s", i, error.message);
        assert_int_equal(file.names.count + file.words.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(words),
        cmocka_unit_test(without_the_built_in),
        cmocka_unit_test(hostile_arguments),
        cmocka_unit_test(bad_patterns),
        cmocka_unit_test(too_many),
        cmocka_unit_test(the_file),
        cmocka_unit_test(bad_files),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
