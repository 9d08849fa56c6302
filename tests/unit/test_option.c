/* The option table, the reader that walks by it, and what is made from it: help, dump, completions. */
#include <jansson.h>

#include "harness/cli/completion.h"
#include "harness/cli/help.h"
#include "harness/cli/option.h"
#include "harness/cli/width.h"
#include "tests/support/test.h"

enum { MOST_WORDS = 8 };

static void start(sbx_option_reader *reader, sbx_command_id command, char *const *words)
{
    int count = 0;

    while (words[count] != NULL) {
        count++;
    }
    sbx_option_reader_init(reader, command, count, (char **)words);
}

#define WORDS(...) ((char *const[]){__VA_ARGS__, NULL})

static void expect_option(sbx_option_reader *reader, const sbx_option *option, const char *value)
{
    sbx_token token;
    sbx_error err = {0};

    if (sbx_option_next(&token, reader, &err) != SBX_OK) {
        fail_msg("--%s: %s", option->name, err.message);
    }
    assert_int_equal(token.kind, SBX_TOKEN_OPTION);
    assert_ptr_equal(token.option, option);
    if (value == NULL) {
        assert_null(token.value);
    } else {
        assert_non_null(token.value);
        assert_string_equal(token.value, value);
    }
}

static void expect_named(sbx_option_reader *reader, const char *name, const char *value)
{
    const sbx_option *option = sbx_option_find(reader->command, name, strlen(name));

    assert_non_null(option);
    expect_option(reader, option, value);
}

static void expect_end(sbx_option_reader *reader, int next)
{
    sbx_token token;

    assert_int_equal(sbx_option_next(&token, reader, NULL), SBX_OK);
    assert_int_equal(token.kind, SBX_TOKEN_END);
    assert_int_equal(reader->next, next);
}

static void expect_failure(sbx_command_id command, char *const *words, const char *message)
{
    sbx_option_reader reader;
    sbx_token token;
    sbx_error err = {0};
    sbx_status status = SBX_OK;

    start(&reader, command, words);
    do {
        status = sbx_option_next(&token, &reader, &err);
    } while (status == SBX_OK && token.kind != SBX_TOKEN_END);
    assert_int_equal(status, SBX_INVALID);
    assert_int_equal(err.step, SBX_STEP_OPTIONS);
    if (strstr(err.message, message) == NULL) {
        fail_msg("\"%s\" does not hold \"%s\"", err.message, message);
    }
}

static void spell(char *out, size_t room, const char *before, const char *name, const char *value)
{
    assert_true(snprintf(out, room, "%s%s%s%s", before, name, value[0] == '\0' ? "" : "=", value) <
                (int)room);
}

/* Every option of every command, in every spelling that it has. */
static void test_every_option(void **state)
{
    (void)state;
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        for (size_t i = 0; i < sbx_options_count; i++) {
            const sbx_option *option = &sbx_options[i];
            char plain[64], joined[64], letter[3] = {'-', option->letter, '\0'}, glued[64];
            const char *value = option->argument == NULL ? NULL : "v=1";
            sbx_option_reader reader;

            if (!sbx_option_belongs(option, (sbx_command_id)command)) {
                continue;
            }
            spell(plain, sizeof(plain), "--", option->name, "");
            spell(joined, sizeof(joined), "--", option->name, "v=1");
            start(&reader, (sbx_command_id)command, WORDS(plain, (char *)value));
            expect_option(&reader, option, value);
            expect_end(&reader, value == NULL ? 1 : 2);
            if (value != NULL) {
                start(&reader, (sbx_command_id)command, WORDS(joined));
                expect_option(&reader, option, value);
                expect_end(&reader, 1);
            }
            if (option->letter == 0) {
                continue;
            }
            start(&reader, (sbx_command_id)command, WORDS(letter, (char *)value));
            expect_option(&reader, option, value);
            expect_end(&reader, value == NULL ? 1 : 2);
            if (value != NULL) {
                assert_true(snprintf(glued, sizeof(glued), "%sv=1", letter) > 0);
                start(&reader, (sbx_command_id)command, WORDS(glued));
                expect_option(&reader, option, value);
                expect_end(&reader, 1);
            }
        }
    }
}

/* Two rows for one name or letter of a command would make one of them unreachable. */
static void test_table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < sbx_options_count; i++) {
        const sbx_option *option = &sbx_options[i];

        assert_true(option->commands != 0);
        assert_int_equal(option->help[strlen(option->help) - 1], '.');
        assert_true(!option->is_repeatable || option->argument != NULL);
        for (size_t j = 0; j < i; j++) {
            if ((option->commands & sbx_options[j].commands) != 0) {
                assert_string_not_equal(option->name, sbx_options[j].name);
                assert_true(option->letter == 0 || option->letter != sbx_options[j].letter);
            }
        }
    }
    assert_null(sbx_option_find(SBX_COMMAND_EXEC, "since", 5));
    assert_non_null(sbx_option_find(SBX_COMMAND_AUDIT_LS, "since", 5));
}

static void test_malformed(void **state)
{
    (void)state;
    expect_failure(SBX_COMMAND_EXEC, WORDS("--mem"), "--mem: an argument is missing (SIZE)");
    expect_failure(SBX_COMMAND_EXEC, WORDS("-m"), "--mem: an argument is missing (SIZE)");
    expect_failure(SBX_COMMAND_EXEC, WORDS("-qm"), "--mem: an argument is missing (SIZE)");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--quiet=yes"), "--quiet: takes no argument");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--quiet="), "--quiet: takes no argument");
    expect_failure(SBX_COMMAND_EXEC, WORDS("-Z"), "-Z: no such option");
    expect_failure(SBX_COMMAND_EXEC, WORDS("-qZ"), "-Z: no such option");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--=x"), "--: no such option");
    expect_failure(SBX_COMMAND_DOCTOR, WORDS("--zzz", "x"), "doctor --help` lists them");
    expect_failure(SBX_COMMAND_AUDIT_LS, WORDS("operand", "--zzz"), "audit ls --help` lists them");
}

/* An abbreviation is not accepted: it is only told what it may have meant. */
static void test_suggestions(void **state)
{
    (void)state;
    expect_failure(SBX_COMMAND_EXEC, WORDS("--wirte", "."), "did you mean --write?");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--memory=2G"), "did you mean --mem?");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--unix"), "did you mean --unix-sockets?");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--me", "2G"), "did you mean --mem?");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--Write", "."), "did you mean --write?");
    expect_failure(SBX_COMMAND_EXEC, WORDS("--since", "1h"), "it belongs to `sbx audit ls`");
    expect_failure(SBX_COMMAND_AUDIT_LS, WORDS("--write", "."), "it belongs to `sbx exec`");
    expect_failure(SBX_COMMAND_MAIN, WORDS("--dump-option"), "lists them");
}

static void test_distance(void **state)
{
    (void)state;
    assert_int_equal(sbx_word_distance("mem", "mem"), 0);
    assert_int_equal(sbx_word_distance("", "mem"), 3);
    assert_int_equal(sbx_word_distance("wirte", "write"), 1);
    assert_int_equal(sbx_word_distance("kitten", "sitting"), 3);
    assert_int_equal(sbx_word_distance("file", "files"), 1);
    assert_true(sbx_word_distance("an-option-that-is-longer-than-any-other", "mem") > 8);
    assert_true(sbx_word_is_near("procs-max", "procs"));
    assert_false(sbx_word_is_near("net", "env"));
    assert_false(sbx_word_is_near("x", "mem"));
}

static void test_repeated(void **state)
{
    sbx_option_reader reader;

    (void)state;
    start(&reader, SBX_COMMAND_EXEC,
          WORDS("--write", "a", "-wb", "--write=c", "--mem", "1", "--mem=2"));
    expect_named(&reader, "write", "a");
    expect_named(&reader, "write", "b");
    expect_named(&reader, "write", "c");
    expect_named(&reader, "mem", "1");
    expect_named(&reader, "mem", "2");
    expect_end(&reader, 7);
}

/* exec: what comes after the first operand is the command's, whatever it looks like. */
static void test_end_of_options(void **state)
{
    sbx_option_reader reader;

    (void)state;
    start(&reader, SBX_COMMAND_EXEC, WORDS("-q", "make", "--mem", "1"));
    expect_named(&reader, "quiet", NULL);
    expect_end(&reader, 1);
    expect_end(&reader, 1);
    start(&reader, SBX_COMMAND_EXEC, WORDS("-q", "--", "--mem", "1"));
    expect_named(&reader, "quiet", NULL);
    expect_end(&reader, 2);
    start(&reader, SBX_COMMAND_EXEC, WORDS("--", "--", "x"));
    expect_end(&reader, 1);
    start(&reader, SBX_COMMAND_EXEC, WORDS("-", "--mem"));
    expect_end(&reader, 0);
    start(&reader, SBX_COMMAND_EXEC, WORDS("--mem", "--", "x"));
    expect_named(&reader, "mem", "--");
    expect_end(&reader, 2);
    start(&reader, SBX_COMMAND_EXEC, WORDS("", "--mem"));
    expect_end(&reader, 0);
    start(&reader, SBX_COMMAND_EXEC, WORDS("--mem="));
    expect_named(&reader, "mem", "");
    expect_end(&reader, 1);
}

static void expect_operand(sbx_option_reader *reader, const char *value)
{
    sbx_token token;

    assert_int_equal(sbx_option_next(&token, reader, NULL), SBX_OK);
    assert_int_equal(token.kind, SBX_TOKEN_OPERAND);
    assert_string_equal(token.value, value);
}

/* The others take options before and after their operands. */
static void test_operands(void **state)
{
    sbx_option_reader reader;

    (void)state;
    start(&reader, SBX_COMMAND_AUDIT_SHOW, WORDS("run", "--json", "-", "--", "--json"));
    expect_operand(&reader, "run");
    expect_named(&reader, "json", NULL);
    expect_operand(&reader, "-");
    expect_operand(&reader, "--json");
    expect_end(&reader, 5);
}

static void test_clusters(void **state)
{
    sbx_option_reader reader;

    (void)state;
    start(&reader, SBX_COMMAND_EXEC, WORDS("-qhm2G", "-qw", "dir", "x"));
    expect_named(&reader, "quiet", NULL);
    expect_named(&reader, "help", NULL);
    expect_named(&reader, "mem", "2G");
    expect_named(&reader, "quiet", NULL);
    expect_named(&reader, "write", "dir");
    expect_end(&reader, 3);
}

static void test_choices(void **state)
{
    const sbx_option *net = sbx_option_find(SBX_COMMAND_EXEC, "net", 3);
    const sbx_option *policy = sbx_option_find(SBX_COMMAND_EXEC, "policy", 6);
    const char *word = NULL;
    size_t bytes = 0;
    unsigned index = 9;
    sbx_error err = {0};

    (void)state;
    assert_int_equal(sbx_option_choose(&index, net, "full", &err), SBX_OK);
    assert_int_equal(index, 2);
    assert_int_equal(sbx_option_choose(&index, net, "ful", &err), SBX_INVALID);
    assert_string_equal(err.message, "--net: \"ful\" is none of none|loopback|full|advisory");
    assert_int_equal(sbx_option_choose(&index, net, "", &err), SBX_INVALID);
    assert_int_equal(sbx_option_choose(&index, net, "none|loopback", &err), SBX_INVALID);
    assert_true(sbx_option_choice(&word, &bytes, net, 3));
    assert_int_equal(bytes, 8);
    assert_memory_equal(word, "advisory", bytes);
    assert_false(sbx_option_choice(&word, &bytes, net, 4));
    assert_false(sbx_option_choice(&word, &bytes, policy, 0));
}

static void test_commands(void **state)
{
    int words = 0;

    (void)state;
    assert_int_equal(sbx_command_by_words(&words, WORDS("exec", "audit")), SBX_COMMAND_EXEC);
    assert_int_equal(words, 1);
    assert_int_equal(sbx_command_by_words(&words, WORDS("audit", "ls", "x")), SBX_COMMAND_AUDIT_LS);
    assert_int_equal(words, 2);
    assert_int_equal(sbx_command_by_words(&words, WORDS("audit")), SBX_COMMAND_AUDIT);
    assert_int_equal(words, 1);
    assert_int_equal(sbx_command_by_words(&words, WORDS("audit", "lss")), SBX_COMMAND_AUDIT);
    assert_int_equal(words, 1);
    assert_int_equal(sbx_command_by_words(&words, WORDS("exe")), SBX_COMMAND_COUNT);
    assert_string_equal(sbx_command_nearest(SBX_COMMAND_MAIN, "exce"), "exec");
    assert_string_equal(sbx_command_nearest(SBX_COMMAND_AUDIT, "denails"), "denials");
    assert_null(sbx_command_nearest(SBX_COMMAND_MAIN, "denials"));
    assert_null(sbx_command_nearest(SBX_COMMAND_MAIN, "make"));
}

static bool dump_names(const json_t *rows, const sbx_option *option, unsigned command)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        const char *argument = json_string_value(json_object_get(row, "argument"));

        if (strcmp(json_string_value(json_object_get(row, "command")),
                   sbx_commands[command].name) == 0 &&
            strcmp(json_string_value(json_object_get(row, "long")), option->name) == 0) {
            assert_true((argument == NULL) == (option->argument == NULL));
            assert_string_equal(json_string_value(json_object_get(row, "help")), option->help);
            return true;
        }
    }
    return false;
}

static void test_dump(void **state)
{
    sbx_text text = {0};
    json_error_t error;
    json_t *rows = NULL;
    size_t expected = 0;

    (void)state;
    sbx_option_dump(&text);
    assert_int_equal(sbx_text_check(&text, NULL), SBX_OK);
    rows = json_loadb(text.data, text.bytes, JSON_REJECT_DUPLICATES, &error);
    if (rows == NULL) {
        fail_msg("%s", error.text);
    }
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        for (size_t i = 0; i < sbx_options_count; i++) {
            if (sbx_option_belongs(&sbx_options[i], (sbx_command_id)command) &&
                sbx_options[i].group != NULL) {
                expected++;
                assert_true(dump_names(rows, &sbx_options[i], command));
            }
        }
    }
    assert_int_equal(json_array_size(rows), expected);
    assert_null(strstr(text.data, "dump-options"));
    json_decref(rows);
    sbx_text_done(&text);
}

static void expect_lines_fit(const char *text, size_t columns)
{
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");

        if (sbx_width_of(text, bytes) > columns) {
            fail_msg("wider than %zu: %.*s", columns, (int)bytes, text);
        }
        text += bytes + 1;
    }
}

/* Each option stands in the help as a word of its own, with its argument. */
static void expect_help_names(const char *help, const sbx_option *option)
{
    char head[128];
    const char *at = NULL;

    assert_true(snprintf(head, sizeof(head), "--%s%s%s", option->name,
                         option->argument == NULL ? "" : " ",
                         option->argument == NULL ? "" : option->argument) < (int)sizeof(head));
    for (at = strstr(help, head); at != NULL; at = strstr(at + 1, head)) {
        if (at[strlen(head)] == ' ' || at[strlen(head)] == '\n') {
            return;
        }
    }
    fail_msg("not in the help: %s", head);
}

static void test_help(void **state)
{
    (void)state;
    for (unsigned command = 0; command < SBX_COMMAND_COUNT; command++) {
        static const unsigned widths[] = {0, 70, 80, 99, 300};

        for (size_t w = 0; w < SBX_COUNT_OF(widths); w++) {
            sbx_text text = {0};

            sbx_help_format(&text, (sbx_command_id)command, widths[w]);
            assert_int_equal(sbx_text_check(&text, NULL), SBX_OK);
            expect_lines_fit(text.data, widths[w] == 0 ? 80 : widths[w] > 100 ? 100 : widths[w]);
            assert_non_null(strstr(text.data, sbx_commands[command].name));
            for (size_t i = 0; i < sbx_options_count; i++) {
                if (sbx_option_belongs(&sbx_options[i], (sbx_command_id)command) &&
                    sbx_options[i].group != NULL) {
                    expect_help_names(text.data, &sbx_options[i]);
                }
            }
            assert_null(strstr(text.data, "dump-options"));
            sbx_text_done(&text);
        }
    }
}

static void test_help_golden(void **state)
{
    sbx_text text = {0};

    (void)state;
    sbx_help_format(&text, SBX_COMMAND_AUDIT_SHOW, 60);
    assert_string_equal(sbx_text_string(&text),
                        "usage: sbx audit show [OPTION…] RUN\n"
                        "Show everything about one run\n"
                        "\n"
                        "RUN is a run's id, the unique beginning of one, or \"latest\".\n"
                        "\n"
                        "Record and result:\n"
                        "      --audit-db FILE     The audit database. Default:\n"
                        "                          $SBX_AUDIT_DB, else\n"
                        "                          $XDG_STATE_HOME/sbx/audit.db, else\n"
                        "                          ~/.local/state/sbx/audit.db; on\n"
                        "                          Windows in %LOCALAPPDATA%/sbx.\n"
                        "      --db FILE           The same as --audit-db.\n"
                        "\n"
                        "Output:\n"
                        "      --json              Print JSON.\n"
                        "      --jsonl             Print JSON, one object on each\n"
                        "                          line.\n"
                        "      --format table|json|jsonl|csv\n"
                        "                          How to print: a table for people\n"
                        "                          (the default), or the same rows\n"
                        "                          for programs.\n"
                        "\n"
                        "General:\n"
                        "  -h, --help              Print this help.\n");
    sbx_text_done(&text);
}

static void test_completions(void **state)
{
    void (*const writers[])(sbx_text *) = {sbx_completion_bash, sbx_completion_zsh,
                                           sbx_completion_fish};

    (void)state;
    for (size_t w = 0; w < SBX_COUNT_OF(writers); w++) {
        sbx_text text = {0};

        writers[w](&text);
        assert_int_equal(sbx_text_check(&text, NULL), SBX_OK);
        assert_null(strstr(text.data, "SBX_"));
        for (size_t i = 0; i < sbx_options_count; i++) {
            bool is_named = strstr(text.data, sbx_options[i].name) != NULL;

            assert_true(is_named == (sbx_options[i].group != NULL));
        }
        sbx_text_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option),   cmocka_unit_test(test_table_is_consistent),
        cmocka_unit_test(test_malformed),      cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_distance),       cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_end_of_options), cmocka_unit_test(test_operands),
        cmocka_unit_test(test_clusters),       cmocka_unit_test(test_choices),
        cmocka_unit_test(test_commands),       cmocka_unit_test(test_dump),
        cmocka_unit_test(test_help),           cmocka_unit_test(test_help_golden),
        cmocka_unit_test(test_completions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
