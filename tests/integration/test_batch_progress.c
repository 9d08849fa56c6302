/* What `sbx batch run` shows meanwhile: on a terminal, a narrow one, one that changes its size, and elsewhere. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/compiler.h"
#include "tests/support/escape.h"
#include "tests/support/terminal.h"
#include "tests/support/test.h"

enum { SOON_MS = 15000 };

/* The first two end at once, others wait until a file is there, so that what the screen must show stays there. Their ids
 * are of no other test: the longest of those that are known would go first. */
static const char *write_manifest(const sbx_test_place *place, const char *name, unsigned waiting)
{
    const char *path = sbx_test_path(place->root, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file,
            "{\"sbx_batch\":1,\"defaults\":{\"policy\":{\"version\":1,\"extends\":\"grader\","
            "\"filesystem\":{\"read\":[\"%s\"]}}}}\n"
            "{\"id\":\"good-%s\",\"argv\":[\"/bin/true\"],\"weight\":3}\n"
            "{\"id\":\"bad\\u009b-%s\",\"argv\":[\"/bin/false\"],\"weight\":2}\n",
            place->base, name, name);
    for (unsigned i = 0; i < waiting; i++)
        fprintf(file,
                "{\"id\":\"%s-%u\",\"argv\":[\"/bin/sh\",\"-c\",\"until test -e go-%s; do sleep "
                "0.05; done\"]}\n",
                name, i, name);
    fclose(file);
    return path;
}

static void start(sbx_test_child *child, sbx_test_terminal *terminal, const sbx_test_place *place,
                  const char *manifest, const char *variable, const char *mode)
{
    const char *database = sbx_test_text("SBX_AUDIT_DB=%s", place->database);
    const sbx_test_request request = {.as_is = true,
                                      .env = SBX_LIST(database, "COLUMNS", "TERM=xterm", variable),
                                      .command = SBX_LIST(sbx_test_binary(), "batch", "run", "-j",
                                                          "1", "--progress", mode, manifest)};

    sbx_test_terminal_start(child, terminal, place, &request);
}

static void finish(const sbx_test_place *place, sbx_test_child *child, const char *name)
{
    sbx_test_outcome outcome;

    sbx_test_write(sbx_test_path(place->root, sbx_test_text("go-%s", name)), "");
    sbx_test_finish(&outcome, child, SBX_TEST_TIMEOUT_MS);
    assert_int_equal(outcome.exit_code, 100);
    sbx_test_outcome_done(&outcome);
}

static void test_bar(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_terminal terminal;
    sbx_test_child child;

    sbx_test_terminal_open(&terminal);
    start(&child, &terminal, place, write_manifest(place, "bar", 1), "NO_COLOR", "auto");
    sbx_test_terminal_expect(&terminal, "2/3 fail bad\\u{009B}", SOON_MS);
    sbx_test_terminal_expect(&terminal, "] 2/3  \033[31m1 failed\033[0m  66%  ", SOON_MS);
    assert_null(strstr(terminal.screen, "pass good")); /* the bar counts it */
    finish(place, &child, "bar");
    sbx_test_terminal_expect(&terminal, "\r\033[Jbatch ", SOON_MS); /* it is gone at the end */
    sbx_test_terminal_close(&terminal);
}

static void test_no_colour(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_terminal terminal;
    sbx_test_child child;

    sbx_test_terminal_open(&terminal);
    start(&child, &terminal, place, write_manifest(place, "plain", 1), "NO_COLOR=1", "auto");
    sbx_test_terminal_expect(&terminal, "] 2/3  1 failed  66%  ", SOON_MS);
    finish(place, &child, "plain");
    assert_null(strstr(terminal.screen, "\033[3"));
    sbx_test_terminal_close(&terminal);
}

static void test_resized(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_terminal terminal;
    sbx_test_child child;

    sbx_test_terminal_open(&terminal);
    start(&child, &terminal, place, write_manifest(place, "resized", 1), "NO_COLOR=1", "auto");
    sbx_test_terminal_expect(&terminal, "] 2/3  1 failed  66%", SOON_MS);
    sbx_test_terminal_resize(&terminal, 24, 20);
    /* What took 80 columns now takes four rows, of which three are above. */
    sbx_test_terminal_expect(&terminal, "\033[3A\r\033[J2/3  1 failed  66%", SOON_MS);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_resize(&terminal, 24, 120);
    sbx_test_terminal_expect(&terminal, "........] 2/3  1 failed  66%", SOON_MS);
    finish(place, &child, "resized");
    sbx_test_terminal_close(&terminal);
}

/* Stopped, it says so and what is still running. */
static void test_interrupted(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_terminal terminal;
    sbx_test_outcome outcome;
    sbx_test_child child;

    sbx_test_terminal_open(&terminal);
    start(&child, &terminal, place, write_manifest(place, "stopped", 2), "NO_COLOR=1", "bar");
    sbx_test_terminal_expect(&terminal, "] 2/4  1 failed", SOON_MS);
    sbx_test_terminal_type(&terminal, "\003");
    sbx_test_terminal_expect(&terminal, "interrupted, 1 running", SOON_MS);
    sbx_test_write(sbx_test_path(place->root, "go-stopped"), "");
    sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
    assert_int_equal(outcome.exit_code, 130);
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_expect(&terminal, "1 not run", SOON_MS);
    sbx_test_terminal_close(&terminal);
}

static void test_dumb_terminal(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_terminal terminal;
    sbx_test_child child;

    sbx_test_terminal_open(&terminal);
    start(&child, &terminal, place, write_manifest(place, "dumb", 1), "TERM=dumb", "auto");
    sbx_test_terminal_expect(&terminal, "pass good", SOON_MS);
    finish(place, &child, "dumb");
    assert_null(strchr(terminal.screen, '\033'));
    sbx_test_terminal_close(&terminal);
}

static void test_elsewhere(void **state)
{
    const sbx_test_place *place = *state;
    const char *manifest = write_manifest(place, "pipe", 0);
    sbx_test_outcome outcome;

    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", "-j", "1", manifest));
    assert_non_null(strstr(outcome.err, "1/2 pass good"));
    assert_non_null(strstr(outcome.err, "2/2 fail bad\\u{009B}"));
    assert_null(strpbrk(outcome.err, "\r\033"));
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", "--progress", "none", manifest));
    assert_null(strstr(outcome.err, "1/2"));
    assert_non_null(strstr(outcome.err, "1 passed, 1 failed"));
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", "--progress", "bar", manifest));
    assert_non_null(strstr(outcome.err, "/2  "));
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", "--progress", "loud", manifest));
    assert_int_equal(outcome.exit_code, 2);
    assert_non_null(strstr(outcome.err, "auto"));
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("batch", "run", "-q", "--progress", "bar", manifest));
    assert_null(strstr(outcome.err, "/2  "));
    assert_null(strstr(outcome.err, "passed"));
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),    sbx_unit_test(test_bar),
        sbx_unit_test(test_no_colour),   sbx_unit_test(test_resized),
        sbx_unit_test(test_interrupted), sbx_unit_test(test_dumb_terminal),
        sbx_unit_test(test_elsewhere),
    };
    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
