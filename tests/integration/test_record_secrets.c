/*
 * What must be nowhere in the audit database: the bytes of its files are searched, not its rows. Values of the
 * environment, contents of files and streams always; arguments as far as patterns know them, also those that a
 * user added.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/error.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

/* Unlike anything else in there, and too short for no pattern to be blamed. */
#define MARK(name) "QZ" name "9vX"

static char *read_file(const char *path, size_t *out_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    char *data;

    *out_bytes = 0;
    if (fd < 0)
        return NULL;
    assert_int_equal(fstat(fd, &about), 0);
    data = malloc((size_t)about.st_size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, (size_t)about.st_size), about.st_size);
    close(fd);
    *out_bytes = (size_t)about.st_size;
    return data;
}

static void to_hex(char *out, const char *text, const char *digits)
{
    for (; *text != '\0'; text++) {
        *out++ = digits[(unsigned char)*text >> 4];
        *out++ = digits[(unsigned char)*text & 15];
    }
    *out = '\0';
}

/* In any of the database's files, as it is or in hexadecimal. */
static bool is_stored(const sbx_test_place *place, const char *text)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char lower[256], upper[256];
    bool found = false;

    to_hex(lower, text, "0123456789abcdef");
    to_hex(upper, text, "0123456789ABCDEF");
    for (size_t i = 0; i < SBX_COUNT_OF(endings); i++) {
        size_t bytes;
        char *data = read_file(sbx_test_text("%s%s", place->database, endings[i]), &bytes);

        if (data == NULL)
            continue;
        found |= memmem(data, bytes, text, strlen(text)) != NULL ||
                 memmem(data, bytes, lower, strlen(lower)) != NULL ||
                 memmem(data, bytes, upper, strlen(upper)) != NULL;
        free(data);
    }
    return found;
}

static void expect_nowhere(const sbx_test_place *place, const char *const *marks)
{
    for (; *marks != NULL; marks++)
        if (is_stored(place, *marks))
            fail_msg("%s is in the database", *marks);
}

static void remove_database(const sbx_test_place *place)
{
    (void)unlink(place->database);
    (void)unlink(sbx_test_text("%s-wal", place->database));
    (void)unlink(sbx_test_text("%s-shm", place->database));
}

/* A pipe's end with that text in it. */
static int stdin_with(const char *text)
{
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    close(ends[1]);
    return ends[0];
}

static const char *const everything[] = {MARK("caller"), MARK("option"), MARK("policy"),
                                         MARK("stdin"),  MARK("output"), MARK("errors"),
                                         MARK("read"),   MARK("write"),  NULL};

/* Reads and writes them all; a shell's variable in the argument of a builtin is no argument of a program. */
static const char script[] =
    "IFS= read -r line; echo \"$line\" >copy; echo \"$CALLERS $OPTIONS $POLICYS\" >>copy; "
    "while IFS= read -r line; do echo \"$line\" >>copy; done <given; "
    "echo "
    "QZ\"\"write9vX >written; echo QZ\"\"output9vX; echo QZ\"\"errors9vX >&2; "
    "/bin/cat given written copy >/dev/null; echo >../outside/no; /bin/true x; exit 3";

static void run_everything(sbx_test_child *child, const sbx_test_place *place, int input,
                           const char *const *options, const char *more)
{
    sbx_test_start(child, place,
                   &(sbx_test_request){
                       .options = options,
                       .env = SBX_LIST("CALLERS=" MARK("caller")),
                       .stdio = {input, 0, 0},
                       .command = SBX_LIST("/bin/sh", "-c", sbx_test_text("%s%s", more, script)),
                   });
}

static const char *write_policy(const sbx_test_place *place)
{
    const char *path = sbx_test_path(place->base, "policy.json");

    sbx_test_write(path,
                   "{\"version\": 1, \"env\": {\"set\": {\"POLICYS\": \"" MARK("policy") "\"}}}");
    sbx_test_write(sbx_test_path(place->root, "given"), MARK("read") "\n");
    return path;
}

static void values_and_contents(void **state)
{
    const sbx_test_place *place = *state;
    const char *policy = write_policy(place);
    sbx_test_outcome outcome;
    sbx_test_child child;
    int input = stdin_with(MARK("stdin") "\n");

    remove_database(place);
    run_everything(
        &child, place, input,
        SBX_LIST("--policy", policy, "--env", "OPTIONS=" MARK("option"), "--output", "1M"), "");
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    close(input);
    if (outcome.exit_code != 3)
        fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
    /* They were all there. */
    assert_non_null(strstr(outcome.out, MARK("output")));
    assert_non_null(strstr(outcome.err, MARK("errors")));
    assert_true(sbx_test_holds(sbx_test_path(place->root, "copy"),
                               MARK("stdin") "\n" MARK("caller") " " MARK("option") " " MARK(
                                   "policy") "\n" MARK("read") "\n"));
    expect_nowhere(place, everything);
    /* The names are, and so would the values have been found. */
    assert_true(is_stored(place, "CALLERS") && is_stored(place, "POLICYS"));
    assert_true(is_stored(place, "outside/no"));
    sbx_test_outcome_done(&outcome);
}

/* Also while it runs, and when sbx is killed in the middle of it. */
static void while_it_runs(void **state)
{
    const sbx_test_place *place = *state;
    const char *policy = write_policy(place);
    sbx_test_outcome outcome;
    sbx_test_child child;
    int input = stdin_with(MARK("stdin") "\n");

    remove_database(place);
    run_everything(&child, place, input,
                   SBX_LIST("--policy", policy, "--env", "OPTIONS=" MARK("option")),
                   "trap 'echo done; sleep 30' EXIT; ");
    assert_true(sbx_test_wait_output(&child, "done", 10000));
    sbx_test_pause_ms(600); /* what is written while it runs is written every quarter of a second */
    assert_true(is_stored(place, "outside/no"));
    expect_nowhere(place, everything);
    assert_int_equal(kill(child.pid, SIGKILL), 0);
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    close(input);
    expect_nowhere(place, everything);
    sbx_test_outcome_done(&outcome);
}

static void refused_runs(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    remove_database(place);
    sbx_test_run(&outcome, place,
                 &(sbx_test_request){
                     .options = SBX_LIST("--env", "OPTIONS=" MARK("option"), "--write", "/nowhere"),
                     .env = SBX_LIST("CALLERS=" MARK("caller")),
                     .command = SBX_LIST("/bin/true", "--token=" MARK("token"))});
    assert_int_equal(outcome.exit_code, 125);
    expect_nowhere(place, SBX_LIST(MARK("option"), MARK("caller"), MARK("token")));
    assert_true(is_stored(place, "/bin/true"));
    sbx_test_outcome_done(&outcome);
}

/* --- arguments --- */

static const char *write_patterns(const sbx_test_place *place, const char *name, const char *text)
{
    const char *path = sbx_test_path(place->base, name);

    sbx_test_write(path, text);
    return path;
}

/* Of the command itself, and of a program that it starts. */
static void run_arguments(sbx_test_outcome *out, const sbx_test_place *place,
                          const char *const *options, const char *const *env)
{
    remove_database(place);
    sbx_test_run(
        out, place,
        &(sbx_test_request){.options = options,
                            .env = env,
                            .command = SBX_LIST("/bin/sh", "-c", "/bin/true \"$@\"; exit 0", "sh",
                                                "--token=" MARK("token"), "--pin", MARK("pin"),
                                                "x=acme_" MARK("word"), MARK("plain"))});
    if (out->exit_code != 0 && out->exit_code != 125)
        fail_msg("exit %d: %s", out->exit_code, out->err);
}

static void added_patterns(void **state)
{
    static const char patterns[] =
        "{\"version\": 1, \"names\": [\"pin\"], \"words\": [\"acme_*\"]}";
    const sbx_test_place *place = *state;
    const char *option = write_patterns(place, "patterns.json", patterns);
    const char *config = sbx_test_path(place->home, ".config");
    sbx_test_outcome outcome;

    run_arguments(&outcome, place, SBX_NO_LIST, NULL);
    expect_nowhere(place, SBX_LIST(MARK("token")));
    assert_true(is_stored(place, MARK("pin")) && is_stored(place, MARK("word")));
    sbx_test_outcome_done(&outcome);

    run_arguments(&outcome, place, SBX_LIST("--redact", option), NULL);
    expect_nowhere(place, SBX_LIST(MARK("token"), MARK("pin"), MARK("word")));
    assert_true(is_stored(place, MARK("plain")));
    sbx_test_outcome_done(&outcome);

    /* From the user's configuration, in either place. */
    sbx_test_write_deep(sbx_test_path(config, "sbx/redact.json"), patterns);
    run_arguments(&outcome, place, SBX_NO_LIST, SBX_LIST("XDG_CONFIG_HOME"));
    expect_nowhere(place, SBX_LIST(MARK("token"), MARK("pin"), MARK("word")));
    sbx_test_outcome_done(&outcome);
    run_arguments(&outcome, place, SBX_NO_LIST,
                  SBX_LIST(sbx_test_text("XDG_CONFIG_HOME=%s", config)));
    expect_nowhere(place, SBX_LIST(MARK("token"), MARK("pin"), MARK("word")));
    sbx_test_outcome_done(&outcome);
    run_arguments(&outcome, place, SBX_NO_LIST, SBX_LIST("XDG_CONFIG_HOME=/nowhere"));
    assert_true(is_stored(place, MARK("pin")));
    sbx_test_outcome_done(&outcome);
    sbx_test_remove_tree(config);
}

static void without_the_built_in(void **state)
{
    const sbx_test_place *place = *state;
    const char *option = write_patterns(
        place, "patterns.json",
        "{\"version\": 1, \"names\": [\"pin\"], \"without_built_in_patterns\": true}");
    sbx_test_outcome outcome;

    run_arguments(&outcome, place, SBX_LIST("--redact", option), NULL);
    assert_true(is_stored(place, MARK("token")));
    expect_nowhere(place, SBX_LIST(MARK("pin")));
    sbx_test_outcome_done(&outcome);
}

/* Nothing is started, and nothing of it recorded, as nobody knows what would have to be left out. */
static void bad_patterns(void **state)
{
    static const char *const files[] = {
        "{\"version\": 1, \"words\": [\"*\"]}", "{\"version\": 1, \"names\": [\"a b\"]}",
        "{\"version\": 1, \"patterns\": []}", "{", "{\"version\": 1, \"built_in\": false}"};
    const sbx_test_place *place = *state;
    const char *made = sbx_test_path(place->root, "made");
    sbx_test_outcome outcome;

    remove_database(place);
    for (size_t i = 0; i < SBX_COUNT_OF(files); i++) {
        const char *option = write_patterns(place, "patterns.json", files[i]);

        sbx_test_exec(&outcome, place, SBX_LIST("--redact", option),
                      SBX_LIST("/bin/sh", "-c", "echo >made", MARK("plain")));
        sbx_test_expect(&outcome, 125, "refused", "options");
        if (strstr(outcome.err, "patterns.json") == NULL)
            fail_msg("%s", outcome.err);
        assert_false(sbx_test_exists(made));
        assert_false(is_stored(place, MARK("plain")));
        sbx_test_outcome_done(&outcome);
    }
    sbx_test_exec(&outcome, place, SBX_LIST("--redact", "/nowhere/x"), SBX_LIST("/bin/true"));
    assert_int_equal(outcome.exit_code, 125);
    sbx_test_outcome_done(&outcome);
}

/* A batch's workers record with them, too; and what a task is given on stdin is nowhere. */
static void in_a_batch(void **state)
{
    const sbx_test_place *place = *state;
    const char *manifest = sbx_test_path(place->root, "manifest.jsonl");
    const char *option = write_patterns(
        place, "patterns.json", "{\"version\": 1, \"names\": [\"pin\"], \"words\": [\"acme_*\"]}");
    sbx_test_outcome outcome;

    remove_database(place);
    sbx_test_write(manifest,
                   "{\"sbx_batch\":1,\"name\":\"test\"}\n"
                   "{\"id\":\"a\",\"argv\":[\"/bin/cat\",\"--pin=" MARK("pin") "\",\"acme_" MARK(
                       "word") "\"],\"stdin\":\"given\",\"env\":{\"A\":\"" MARK("option") "\"}}\n");
    sbx_test_write(sbx_test_path(place->root, "given"), MARK("stdin"));
    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", "--redact", option, manifest));
    if (outcome.exit_code != 0 && outcome.exit_code != 100)
        fail_msg("exit %d: %s", outcome.exit_code, outcome.err);
    assert_true(is_stored(place, "/bin/cat"));
    expect_nowhere(place, SBX_LIST(MARK("pin"), MARK("word"), MARK("stdin"), MARK("option")));
    sbx_test_outcome_done(&outcome);
}

/* A command that may write around them does not get to them. */
static void patterns_are_not_the_commands(void **state)
{
    const sbx_test_place *place = *state;
    const char *config = sbx_test_path(place->home, ".config");
    const char *file = sbx_test_path(config, "sbx/redact.json");
    sbx_test_outcome outcome;

    sbx_test_write_deep(file, "{\"version\": 1}");
    for (int i = 0; i < 2; i++) {
        sbx_test_run(&outcome, place,
                     &(sbx_test_request){
                         .options = SBX_LIST("--write", config),
                         .env = SBX_LIST("XDG_CONFIG_HOME"),
                         .command = SBX_LIST("/bin/sh", "-c",
                                             "cd \"$1\"; echo >other || exit 9; mkdir -p sbx; "
                                             "if echo stolen >sbx/redact.json; then exit 8; fi; "
                                             "if mv sbx moved; then exit 7; fi; exit 0",
                                             "sh", config)});
        if (outcome.exit_code != 0)
            fail_msg("%d: exit %d: %s", i, outcome.exit_code, outcome.err);
        sbx_test_outcome_done(&outcome);
        if (i == 0)
            assert_true(sbx_test_holds(file, "{\"version\": 1}"));
        sbx_test_remove_tree(sbx_test_path(config, "sbx")); /* the second time it is not there */
    }
    assert_false(sbx_test_exists(file));
    sbx_test_remove_tree(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sbx_test_ping),
        sbx_unit_test(values_and_contents),
        sbx_unit_test(while_it_runs),
        sbx_unit_test(refused_runs),
        sbx_unit_test(added_patterns),
        sbx_unit_test(without_the_built_in),
        sbx_unit_test(bad_patterns),
        sbx_unit_test(in_a_batch),
        sbx_unit_test(patterns_are_not_the_commands),
    };

    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
