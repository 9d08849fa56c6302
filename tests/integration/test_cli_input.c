/* What people and scripts give to sbx: wrong words, odd bytes, closed files; and what it says back. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/test.h"

static void expect_says(const sbx_test_outcome *outcome, int exit_code, const char *text)
{
    if (outcome->exit_code != exit_code || strstr(outcome->err, text) == NULL) {
        fail_msg("exit %d and not %d, or stderr without \"%s\": %s", outcome->exit_code, exit_code,
                 text, outcome->err);
    }
}

typedef struct wrong_line {
    const char *const *arguments;
    int exit_code;
    const char *message;
} wrong_line;

static void test_wrong_lines(void **state)
{
    const sbx_test_place *place = *state;
    const wrong_line lines[] = {
        {SBX_LIST("exec", "--wirte", ".", "true"), 125, "hint: did you mean --write?"},
        {SBX_LIST("exec", "--mem", "2Q", "true"), 125, "--mem: \"2Q\""},
        {SBX_LIST("exec", "--mem", "", "true"), 125, "--mem: \"\""},
        {SBX_LIST("exec", "--mem", "0", "true"), 125, "a limit must be more than 0"},
        {SBX_LIST("exec", "--mem", "99999999999999999999G", "true"), 125, "--mem"},
        {SBX_LIST("exec", "--wall", "1x", "true"), 125, "--wall: \"1x\""},
        {SBX_LIST("exec", "--wall", "0", "true"), 125, "a limit must be more than 0"},
        {SBX_LIST("exec", "--procs", "-1", "true"), 125, "--procs: \"-1\""},
        {SBX_LIST("exec", "--cpus", "fast", "true"), 125, "--cpus: \"fast\""},
        {SBX_LIST("exec", "--grace", "unlimited", "true"), 125, "--grace"},
        {SBX_LIST("exec", "--net", "some", "true"), 125, "none|loopback|full|advisory"},
        {SBX_LIST("exec", "--mem-action", "x", "true"), 125, "kill|fail"},
        {SBX_LIST("exec", "--audit", "x", "true"), 125, "required|best-effort"},
        {SBX_LIST("exec", "--write", "", "true"), 125, "--write: \"\" is empty"},
        {SBX_LIST("exec", "--write", "a\xff", "true"), 125, "not valid UTF-8"},
        {SBX_LIST("exec", "--deny", "\xc0\xaf", "true"), 125, "not valid UTF-8"},
        {SBX_LIST("exec", "--protect", "..", "true"), 125, "is not a name"},
        {SBX_LIST("exec", "--env", "=x", "true"), 125, "has no name"},
        {SBX_LIST("exec", "--label", "x", "true"), 125, "KEY=VALUE"},
        {SBX_LIST("exec", "--session", "", "true"), 125, "--session: \"\" is empty"},
        {SBX_LIST("exec", "--unprotect", "nothing", "true"), 125, "is not a name that the policy"},
        {SBX_LIST("exec", "--mem"), 125, "an argument is missing"},
        {SBX_LIST("exec"), 125, "no command is given"},
        {SBX_LIST("exec", "--"), 125, "no command is given"},
        {SBX_LIST("exec", "--result", "-", "true"), 125, "stdout belongs to the command"},
        {SBX_LIST("exec", "--result", "/dev/null", "true"), 125, "not a regular file"},
        {SBX_LIST("exec", "--result", "none/x", "true"), 125, "directory cannot be opened"},
        {SBX_NO_LIST, 2, "usage: sbx"},
        {SBX_LIST("exce", "true"), 2, "did you mean `sbx exec`?"},
        {SBX_LIST("make"), 2, "to run a command there is `sbx exec`"},
        {SBX_LIST("--vesion"), 2, "did you mean --version?"},
        {SBX_LIST("audit"), 2, "usage: sbx audit"},
        {SBX_LIST("audit", "lss"), 2, "did you mean `sbx audit ls`?"},
        {SBX_LIST("audit", "ls", "x"), 2, "one operand too many"},
        {SBX_LIST("audit", "ls", "--since", "x"), 2, "--since: \"x\""},
        {SBX_LIST("audit", "ls", "--status", "x"), 2, "is none of ok|"},
        {SBX_LIST("audit", "ls", "--limit", "0"), 2, "--limit: \"0\""},
        {SBX_LIST("audit", "show"), 2, "no run is given"},
        {SBX_LIST("audit", "show", "a", "b"), 2, "one operand too many"},
        {SBX_LIST("doctor", "x"), 2, "one operand too many"},
        {SBX_LIST("completion", "tcsh"), 2, "bash, zsh, fish"},
        {SBX_LIST("help", "make"), 2, "is no command"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        sbx_test_outcome outcome;

        sbx_test_sbx(&outcome, place, lines[i].arguments);
        expect_says(&outcome, lines[i].exit_code, lines[i].message);
        assert_int_equal(outcome.out_bytes, 0);
        sbx_test_outcome_done(&outcome);
    }
    /* None of them got as far as to make a row, or the database. */
    assert_false(sbx_test_exists(place->database));
}

static void test_dev_null_survives(void **state)
{
    struct stat about;

    (void)state;
    assert_int_equal(stat("/dev/null", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (value == NULL) {
        fail_msg("%s: %s", error.text, text);
    }
    return value;
}

static void test_version_and_help(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const keys[] = {"program",    "version",  "sqlite",    "jansson",
                                       "libseccomp", "compiler", "libsodium", "build_type"};
    sbx_test_outcome outcome;
    json_t *value = NULL;

    sbx_test_sbx(&outcome, place, SBX_LIST("--version", "--json"));
    assert_int_equal(outcome.exit_code, 0);
    value = parse(outcome.out);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const char *word = json_string_value(json_object_get(value, keys[i]));

        if (word == NULL || word[0] == '\0' || strcmp(word, "unknown") == 0) {
            fail_msg("--version --json does not know %s", keys[i]);
        }
    }
    assert_true(json_is_boolean(json_object_get(value, "static")));
    json_decref(value);
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("exec", "--help", "--mem", "1G"));
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.out, "usage: sbx exec"));
    assert_int_equal(outcome.err_bytes, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("help", "audit", "ls"));
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.out, "usage: sbx audit ls"));
    sbx_test_outcome_done(&outcome);
}

static void test_dry_run(void **state)
{
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made");
    sbx_test_outcome outcome;
    json_t *value = NULL;

    sbx_test_exec(&outcome, place, SBX_LIST("--dry-run", "--mem", "1G"), SBX_LIST("touch", made));
    assert_int_equal(outcome.exit_code, 0);
    value = parse(outcome.out);
    assert_true(json_is_object(value));
    json_decref(value);
    assert_false(sbx_test_exists(made));
    assert_null(outcome.result);
    assert_false(sbx_test_exists(place->database));
    sbx_test_outcome_done(&outcome);
}

/* Refused while it was planned: said, recorded, and in the result. */
static void test_refused_is_recorded(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *row = NULL;

    sbx_test_exec(&outcome, place,
                  SBX_LIST("--write", "/nonexistent/root", "--agent", "someone", "--label", "k=v"),
                  SBX_LIST("true"));
    sbx_test_expect(&outcome, 125, "refused", NULL);
    assert_non_null(strstr(outcome.err, "/nonexistent/root"));
    row = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(row);
    assert_string_equal(json_string_value(json_object_get(row, "status")), "refused");
    assert_string_equal(json_string_value(json_object_get(row, "agent")), "someone");
    assert_int_equal(json_integer_value(json_object_get(row, "exit_code")), 125);
    json_decref(row);
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--policy", "no-such-policy"), SBX_LIST("true"));
    sbx_test_expect(&outcome, 125, "refused", NULL);
    row = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(row);
    json_decref(row);
    sbx_test_outcome_done(&outcome);
}

/* Nowhere to record: no run, but a result that says so. With best effort it runs. */
static void test_no_database(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .command = SBX_LIST("true"),
        .env = SBX_LIST("HOME", "XDG_STATE_HOME", "SBX_AUDIT_DB"),
        .without_database = true,
    };
    sbx_test_outcome outcome;

    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 125, "refused", "audit");
    sbx_test_outcome_done(&outcome);
    request.options = SBX_LIST("--audit", "best-effort");
    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 0, "ok", "");
    assert_non_null(strstr(outcome.err, "sbx: this run is not recorded: "));
    sbx_test_outcome_done(&outcome);
}

static void test_result_is_not_the_database(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("true"));
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--result", place->database), SBX_LIST("true"));
    expect_says(&outcome, 125, "is the audit database");
    sbx_test_outcome_done(&outcome);
}

/* What was closed is closed for the command, and none of sbx's own files took its place. */
static void test_closed_stdio(void **state)
{
    const sbx_test_place *place = *state;

    for (int closed = 1; closed < 8; closed++) {
        const char *script = sbx_test_text(
            "%s %s %s", closed & 1 ? "[ ! -e /proc/$$/fd/0 ] &&" : "[ -e /proc/$$/fd/0 ] &&",
            closed & 2 ? "[ ! -e /proc/$$/fd/1 ] &&" : "[ -e /proc/$$/fd/1 ] &&",
            closed & 4 ? "[ ! -e /proc/$$/fd/2 ]" : "[ -e /proc/$$/fd/2 ]");
        const sbx_test_request request = {
            .command = SBX_LIST("/bin/sh", "-c", script),
            .stdio = {closed & 1 ? -1 : 0, closed & 2 ? -1 : 0, closed & 4 ? -1 : 0},
        };
        sbx_test_outcome outcome;

        sbx_test_run(&outcome, place, &request);
        print_message("closed: %d\n", closed);
        sbx_test_expect(&outcome, 0, "ok", "");
        sbx_test_outcome_done(&outcome);
    }
}

/* Nobody reads stderr any more: what sbx would say there must not change how it ends. */
static void test_broken_stderr(void **state)
{
    const sbx_test_place *place = *state;
    int ends[2];
    sbx_test_outcome outcome;
    sbx_test_request request = {.options = SBX_LIST("--json"),
                                .command = SBX_LIST("/bin/sh", "-c", "exit 7")};

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[0]);
    request.stdio[2] = ends[1];
    sbx_test_run(&outcome, place, &request);
    sbx_test_expect(&outcome, 7, "nonzero", "");
    sbx_test_outcome_done(&outcome);
    (void)close(ends[1]);
}

static void test_full_output(void **state)
{
    const sbx_test_place *place = *state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    sbx_test_outcome outcome;
    const char *const line[] = {sbx_test_binary(), "--version", NULL};
    sbx_test_request request = {.command = line, .as_is = true};

    assert_true(full >= 0);
    request.stdio[1] = full;
    sbx_test_run(&outcome, place, &request);
    expect_says(&outcome, 1, "cannot write to stdout: No space left on device");
    sbx_test_outcome_done(&outcome);
    (void)close(full);
}

static size_t count_lines(const char *text, const char *start)
{
    size_t count = 0;

    for (const char *at = text; at != NULL && *at != '\0';
         at = strchr(at, '\n') == NULL ? NULL : strchr(at, '\n') + 1) {
        count += strncmp(at, start, strlen(start)) == 0;
    }
    return count;
}

static const char script_denied[] =
    "for i in 1 2 3 4 5 6 7 8 9; do (: >\"$0/no$i\"); done 2>/dev/null; exit 1";

static void test_denial_summary(void **state)
{
    const sbx_test_place *place = *state;
    const char *const command[] = {"/bin/sh", "-c", script_denied, place->outside, NULL};
    sbx_test_outcome outcome;
    json_t *value = NULL;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, command);
    assert_int_equal(outcome.exit_code, 1);
    assert_int_equal(count_lines(outcome.err, "sbx: denied "), 4);
    assert_int_equal(count_lines(outcome.err, "sbx: "), 5);
    assert_non_null(strstr(outcome.err, "more denied, see `sbx audit denials "));
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--quiet"), command);
    assert_int_equal(outcome.err_bytes, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--denials", "off"), command);
    assert_int_equal(outcome.err_bytes, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--denials", "json"), command);
    value = parse(outcome.err);
    assert_int_equal(json_array_size(value), 9);
    json_decref(value);
    sbx_test_outcome_done(&outcome);
}

/* A success says nothing of what was denied on the way, unless asked. */
static void test_denials_of_a_success(void **state)
{
    const sbx_test_place *place = *state;
    const char *const command[] = {"/bin/sh", "-c", "(: >\"$0/no\") 2>/dev/null; exit 0",
                                   place->outside, NULL};
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, command);
    assert_int_equal(outcome.exit_code, 0);
    assert_int_equal(outcome.err_bytes, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--denials", "summary"), command);
    assert_int_equal(count_lines(outcome.err, "sbx: denied "), 1);
    sbx_test_outcome_done(&outcome);
}

static void expect_clean(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if ((*at < ' ' && *at != '\n') || *at == 0x7f) {
            fail_msg("a control character (%d) came through: %s", *at, text);
        }
    }
}

/* The program under audit chose these bytes; no terminal gets to see them as they are. */
static void test_hostile_names(void **state)
{
    const sbx_test_place *place = *state;
    const char *const command[] = {"/bin/sh", "-c", ": >\"$0\"",
                                   sbx_test_path(place->outside, "\033]0;x\007\r\033[2J"), NULL};
    const char *run_id = NULL;
    sbx_test_outcome outcome, listed;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, command);
    assert_true(outcome.exit_code != 0);
    assert_int_equal(count_lines(outcome.err, "sbx: denied "), 1);
    expect_clean(strstr(outcome.err, "sbx: denied "));
    run_id = sbx_test_word(&outcome, "run_id");
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "denials", run_id));
    assert_int_equal(listed.exit_code, 0);
    assert_non_null(strstr(listed.out, "\\x1b]0;x\\x07\\x0d\\x1b[2J"));
    expect_clean(listed.out);
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "ls"));
    assert_non_null(strstr(listed.out, run_id));
    expect_clean(listed.out);
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "show", run_id));
    assert_int_equal(listed.exit_code, 0);
    expect_clean(listed.out);
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "denials", run_id, "--json"));
    expect_clean(listed.out);
    json_decref(parse(listed.out));
    sbx_test_outcome_done(&listed);
    sbx_test_outcome_done(&outcome);
}

static void test_audit_forms(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome, listed;
    const char *run_id = NULL;
    json_t *value = NULL;

    sbx_test_exec(&outcome, place, SBX_LIST("--mem", "512M"), SBX_LIST("true"));
    sbx_test_expect(&outcome, 0, "ok", "");
    run_id = sbx_test_word(&outcome, "run_id");
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "ls", "--json", "--limit", "1"));
    value = parse(listed.out);
    assert_int_equal(json_array_size(value), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(value, 0), "run_id")),
                        run_id);
    json_decref(value);
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "ls", "--jsonl", "--limit", "1"));
    json_decref(parse(listed.out));
    assert_int_equal(count_lines(listed.out, "{"), 1);
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "show", "latest", "--json"));
    value = parse(listed.out);
    assert_string_equal(json_string_value(json_object_get(value, "run_id")), run_id);
    assert_true(json_is_array(json_object_get(value, "denials")));
    assert_int_equal(json_array_size(json_object_get(value, "processes")), 1);
    json_decref(value);
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "show", "ZZZZ"));
    expect_says(&listed, 1, "audit show: ");
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "ls", "--status", "lost"));
    expect_says(&listed, 0, "no such run is recorded");
    assert_int_equal(listed.out_bytes, 0);
    sbx_test_outcome_done(&listed);
    sbx_test_sbx(&listed, place, SBX_LIST("audit", "ls", "--db", "/nonexistent/audit.db"));
    expect_says(&listed, 1, "/nonexistent/audit.db");
    sbx_test_outcome_done(&listed);
    sbx_test_outcome_done(&outcome);
}

/* Megabytes of arguments go through. */
static void test_megabytes(void **state)
{
    enum { ARGUMENTS = 20, BYTES = 100 * 1024 };
    const sbx_test_place *place = *state;
    const char *command[ARGUMENTS + 5] = {"/bin/sh", "-c", "[ $# = 20 ] && [ ${#1} = 102400 ]",
                                          "sh"};
    char *long_text = malloc(BYTES + 1);
    sbx_test_outcome outcome;

    assert_non_null(long_text);
    memset(long_text, 'x', BYTES);
    long_text[BYTES] = '\0';
    for (size_t i = 0; i < ARGUMENTS; i++) {
        command[4 + i] = long_text;
    }
    sbx_test_exec(&outcome, place, SBX_NO_LIST, command);
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
    free(long_text);
}

static void test_limits_are_said(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_LIST("--wall", "100ms", "--grace", "10ms"),
                  SBX_LIST("sleep", "9"));
    sbx_test_expect(&outcome, 124, "limit", "wall");
    assert_string_equal(outcome.err,
                        "sbx: wall limit reached (--wall 100 ms); the command was stopped\n");
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_LIST("--json", "--wall", "100ms", "--grace", "10ms"),
                  SBX_LIST("sleep", "9"));
    json_decref(parse(outcome.err));
    assert_int_equal(count_lines(outcome.err, "{"), 1);
    sbx_test_outcome_done(&outcome);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST("/bin/sh", "-c", "kill -SEGV $$"));
    assert_string_equal(outcome.err, "sbx: the command was killed by signal 11 (SIGSEGV)\n");
    sbx_test_outcome_done(&outcome);
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, sbx_test_place_setup, sbx_test_place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wrong_lines),         TEST(test_dev_null_survives),
        TEST(test_version_and_help),    TEST(test_dry_run),
        TEST(test_refused_is_recorded), TEST(test_result_is_not_the_database),
        TEST(test_no_database),         TEST(test_closed_stdio),
        TEST(test_broken_stderr),       TEST(test_full_output),
        TEST(test_denial_summary),      TEST(test_denials_of_a_success),
        TEST(test_hostile_names),       TEST(test_audit_forms),
        TEST(test_megabytes),           TEST(test_limits_are_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
