/* Secrets in arguments: what must go, and what must stay. */
#include "tests/support/test.h"

#include "audit/redact.h"

typedef struct pair {
    const char *given, *stored; /* stored NULL: as given */
} pair;

static const pair alone[] = {
    /* options */
    {"--token=abc", "--token=[redacted]"},
    {"--auth-token=abc", "--auth-token=[redacted]"},
    {"--authToken=abc", "--authToken=[redacted]"},
    {"--password=a b&c", "--password=[redacted]"},
    {"--password=", NULL},
    {"-token=abc", "-token=[redacted]"},
    {"--env=API_KEY=abc", "--env=API_KEY=[redacted]"},
    {"-eAPI_KEY=abc", "-eAPI_KEY=[redacted]"},
    {"--private-key=abcdef", "--private-key=[redacted]"},
    {"--private-key=/etc/ssl/key.pem", NULL},
    {"--tokenize=x", NULL},
    {"--max-tokens=5", NULL},
    {"--token-type=jwt", NULL},
    {"--password-file=/run/x", NULL},
    {"--no-password=x", NULL},
    {"--sort-key=name", NULL},
    {"--key=name", NULL},
    /* variables */
    {"DEPLOY_KEY=abc", "DEPLOY_KEY=[redacted]"},
    {"PGPASSWORD=abc", "PGPASSWORD=[redacted]"},
    {"GITHUB_TOKEN=abc", "GITHUB_TOKEN=[redacted]"},
    {"sort_key=name", NULL},
    {"PWD=/home/x", NULL},
    {"KEYBOARD=us", NULL},
    {"CFLAGS=-O2 -g", NULL},
    /* headers */
    {"Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"},
    {"authorization: Basic dTpw", "authorization: Basic [redacted]"},
    {"Authorization: abc", "Authorization: [redacted]"},
    {"--header=Authorization: Bearer abc", "--header=Authorization: Bearer [redacted]"},
    {"X-Api-Key:abc", "X-Api-Key:[redacted]"},
    {"Cookie: a=b; c=d", "Cookie: [redacted]"},
    {"Accept: text/html", NULL},
    {"registry/secret:latest", NULL},
    /* URLs */
    {"https://me:pa@ss@host:8080/x?y=1", "https://me:[redacted]@host:8080/x?y=1"},
    {"postgres://u:p@h/db", "postgres://u:[redacted]@h/db"},
    {"https://host:8080/a:b@c", NULL},
    {"https://me@host/", NULL},
    {"https://h/p?x=1&access_token=abc", "https://h/p?x=1&access_token=[redacted]"},
    {"git@github.com:a/b.git", NULL},
    /* shapes */
    {"ghp_0123456789abcdefghijABCD", "[redacted]"},
    {"x=ghs_0123456789abcdefghijABCD", "x=[redacted]"},
    {"github_pat_11ABCDEFG0_0123456789abcdef", "[redacted]"},
    {"xoxb-12345-67890-abcdef", "[redacted]"},
    {"sk-proj-0123456789_abcdefghij", "[redacted]"},
    {"AKIAIOSFODNN7EXAMPLE", "[redacted]"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123", "[redacted]"},
    {"https://ghp_0123456789abcdefghijABCD@github.com/x", "https://[redacted]@github.com/x"},
    {"ghp_short", NULL},
    {"sk-", NULL},
    {"sk-short", NULL},
    {"risk-0123456789abcdefghijABCD", NULL},
    {"AKIAIOSFODNN7EXAMPLE7", NULL},
    {"eyJhbGciOiJIUzI1NiJ9.no-second-dot-here", NULL},
    {"/usr/share/token/password", NULL},
    {"./secret", NULL},
    {"", NULL},
    /* scripts */
    {"export TOKEN=abc; make test", "export TOKEN=[redacted]; make test"},
    {"curl -H \"Authorization: Bearer abc\" https://h/",
     "curl -H \"Authorization: Bearer [redacted]\" https://h/"},
    {"login --password 'a b' --user me", "login --password '[redacted]' --user me"},
    {"login --password abc --user me", "login --password [redacted] --user me"},
    {"login --password --user me", NULL},
    {"X_KEY=\"a b\" make", "X_KEY=\"[redacted]\" make"},
    {"{\"user\": \"me\", \"password\": \"abc\"}",
     "{\"user\": \"me\", \"password\": \"[redacted]\"}"},
    {"grep -r password src | wc -l", NULL},
    {"echo \"the token is short\"", NULL},
};

static void arguments_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(alone); i++) {
        const char *wanted = alone[i].stored != NULL ? alone[i].stored : alone[i].given;
        sbx_redactor redactor = {0};
        sbx_text out = {0};

        sbx_redact_argument(&out, &redactor, alone[i].given, strlen(alone[i].given));
        if (strcmp(sbx_text_string(&out), wanted) != 0)
            fail_msg("%s\n  became %s\n  wanted %s", alone[i].given, sbx_text_string(&out), wanted);
        sbx_text_done(&out);
    }
}

static void expect_list(const char *const *argv, const char *wanted, const char *wanted_hex)
{
    sbx_text out = {0}, hex = {0};

    sbx_redact_argv(&out, &hex, argv);
    assert_string_equal(sbx_text_string(&out), wanted);
    assert_string_equal(sbx_text_string(&hex), wanted_hex);
    sbx_text_done(&out);
    sbx_text_done(&hex);
}

static void secret_in_the_next_argument(void **state)
{
    (void)state;
    expect_list((const char *const[]){"login", "--password", "a b", "--user", "me", NULL},
                "[\"login\",\"--password\",\"[redacted]\",\"--user\",\"me\"]", "");
    expect_list((const char *const[]){"login", "--password", "--user", "me", NULL},
                "[\"login\",\"--password\",\"--user\",\"me\"]", "");
    expect_list((const char *const[]){"login", "--private-key", "/k.pem", NULL},
                "[\"login\",\"--private-key\",\"/k.pem\"]", "");
    expect_list((const char *const[]){"login", "--secret-key", "abc", NULL},
                "[\"login\",\"--secret-key\",\"[redacted]\"]", "");
    expect_list((const char *const[]){"grep", "password", "file", NULL},
                "[\"grep\",\"password\",\"file\"]", "");
    expect_list((const char *const[]){NULL}, "[]", "");
}

static void bytes_that_are_not_utf8(void **state)
{
    (void)state;
    expect_list((const char *const[]){"a", "b\xFF", NULL}, "[\"a\",\"b\xEF\xBF\xBD\"]",
                "[\"61\",\"62ff\"]");
    /* What was taken out is not in the hexadecimal either. */
    expect_list((const char *const[]){"--token=s", "\xFF", NULL},
                "[\"--token=[redacted]\",\"\xEF\xBF\xBD\"]",
                "[\"2d2d746f6b656e3d5b72656461637465645d\",\"ff\"]");
}

static void lists_in_json(void **state)
{
    static const char *const broken[] = {
        "",   "[",   "[\"a\"",    "[\"a]",         "[\"a\",]", "[\"a\" \"b\"]",
        "{}", "[1]", "[\"\\x\"]", "[\"\\u00g0\"]", "[\"a\"] "};
    sbx_text out = {0};

    (void)state;
    assert_true(
        sbx_redact_argv_json(&out, "[\"x\",\"--token\",\"abc\",\"\\u001b\\n\\\"\xC3\xA4\"]"));
    assert_string_equal(sbx_text_string(&out),
                        "[\"x\",\"--token\",\"[redacted]\",\"\\u001b\\n\\\"\xC3\xA4\"]");
    sbx_text_clear(&out);
    assert_true(sbx_redact_argv_json(&out, "[]"));
    assert_string_equal(sbx_text_string(&out), "[]");
    for (size_t i = 0; i < SBX_COUNT_OF(broken); i++) {
        sbx_text_clear(&out);
        if (sbx_redact_argv_json(&out, broken[i]))
            fail_msg("taken for a list: %s", broken[i]);
    }
    sbx_text_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_alone),
        cmocka_unit_test(secret_in_the_next_argument),
        cmocka_unit_test(bytes_that_are_not_utf8),
        cmocka_unit_test(lists_in_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
