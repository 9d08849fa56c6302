/* At a terminal: it stays one, with job control, resize and the keys that send signals. */
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/terminal.h"
#include "tests/support/test.h"

static void finish(sbx_test_outcome *out, sbx_test_child *child)
{
    sbx_test_finish(out, child, SBX_TEST_TIMEOUT_MS);
}

static void test_all_three_are_terminals(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .options = SBX_NO_LIST,
        .command = SBX_LIST("/bin/sh", "-c",
                            "for i in 0 1 2; do test -t $i && echo terminal $i; done; "
                            "echo end > /dev/tty")};
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "terminal 0", 10000);
    sbx_test_terminal_expect(&terminal, "terminal 1", 5000);
    sbx_test_terminal_expect(&terminal, "terminal 2", 5000);
    sbx_test_terminal_expect(&terminal, "end", 5000);
    finish(&outcome, &child);
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

/* The command has the keyboard while it runs. */
static void test_foreground_and_size(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "terminal")};
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_resize(&terminal, 33, 99);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "rows=33 columns=99", 10000);
    sbx_test_terminal_expect(&terminal, "terminal: DID", 5000);
    finish(&outcome, &child);
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

static void test_resize_while_it_runs(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST(place->probe, "wait-resize")};
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "ready", 10000);
    sbx_test_terminal_resize(&terminal, 50, 132);
    sbx_test_terminal_expect(&terminal, "rows=50 columns=132", 5000);
    finish(&outcome, &child);
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

static void test_interrupt_key(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST("/bin/sh", "-c", "echo ready; exec sleep 60")};
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "ready", 10000);
    sbx_test_pause_ms(100);
    sbx_test_terminal_type(&terminal, "\x03");
    finish(&outcome, &child);
    assert_int_equal(outcome.exit_code, 128 + SIGINT);
    assert_string_equal(sbx_test_word(&outcome, "status"), "signal");
    assert_true(outcome.wall_ms < sbx_test_slow_ms(5000));
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

/* A command that takes the key for itself goes on: sbx does not stop it. */
static void test_interrupt_key_is_the_commands(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {
        .options = SBX_NO_LIST,
        .command = SBX_LIST("/bin/sh", "-c",
                            "trap 'echo caught' INT; echo ready; "
                            "i=0; while [ $i -lt 10 ]; do sleep 0.1; i=$((i+1)); done; exit 5")};
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "ready", 10000);
    sbx_test_pause_ms(100);
    sbx_test_terminal_type(&terminal, "\x03");
    sbx_test_terminal_expect(&terminal, "caught", 5000);
    finish(&outcome, &child);
    sbx_test_expect(&outcome, 5, "nonzero", "");
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

/* An interactive shell inside, with its own job control: stop a job, list it, bring it back. */
static void test_shell_inside(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_NO_LIST,
                                .command = SBX_LIST("/bin/sh", "-i"),
                                .env = SBX_LIST("PS1=prompt> ", "ENV")};
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "prompt> ", 10000);
    if (strstr(terminal.screen, "job control turned off") != NULL)
        fail_msg("the shell has no job control: %s", terminal.screen);
    sbx_test_terminal_type(&terminal, "sleep 61\n");
    sbx_test_pause_ms(300);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_type(&terminal, "\x1a");
    sbx_test_terminal_expect(&terminal, "prompt> ", 5000);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_type(&terminal, "jobs\n");
    sbx_test_terminal_expect(&terminal, "sleep 61", 5000);
    sbx_test_terminal_type(&terminal, "fg\n");
    sbx_test_pause_ms(300);
    sbx_test_terminal_type(&terminal, "\x03");
    sbx_test_pause_ms(200);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_type(&terminal, "echo still $((40+2)); exit 6\n");
    sbx_test_terminal_expect(&terminal, "still 42", 5000);
    finish(&outcome, &child);
    sbx_test_expect(&outcome, 6, "nonzero", "");
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

/* sbx is itself a job of a shell outside: Ctrl-Z stops it all, fg goes on, and the shell has its
 * keyboard back at the end. */
static void test_shell_outside(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.as_is = true,
                                .command = SBX_LIST("/bin/sh", "-i"),
                                .env = SBX_LIST("PS1=prompt> ", "ENV")};
    const char *line = sbx_test_text("%s exec --audit-db %s --read %s -- %s ignore-term 4\n",
                                     sbx_test_binary(), place->database, place->base, place->probe);
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;
    int shell_group;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "prompt> ", 10000);
    shell_group = sbx_test_terminal_foreground(&terminal);
    sbx_test_terminal_type(&terminal, line);
    sbx_test_terminal_expect(&terminal, "ready", 10000);
    assert_int_not_equal(sbx_test_terminal_foreground(&terminal), shell_group);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_type(&terminal, "\x1a");
    sbx_test_terminal_expect(&terminal, "prompt> ", 5000);
    assert_int_equal(sbx_test_terminal_foreground(&terminal), shell_group);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_type(&terminal, "fg; echo code $?\n");
    sbx_test_terminal_expect(&terminal, "ignore-term: DID", 10000);
    sbx_test_terminal_expect(&terminal, "code 0", 5000);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_type(&terminal, "echo back $((20+3))\n");
    sbx_test_terminal_expect(&terminal, "back 23", 5000);
    assert_int_equal(sbx_test_terminal_foreground(&terminal), shell_group);
    sbx_test_terminal_type(&terminal, "exit 0\n");
    finish(&outcome, &child);
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

/* A run in the background leaves the keyboard where it is. */
static void test_background_run(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.as_is = true,
                                .command = SBX_LIST("/bin/sh", "-i"),
                                .env = SBX_LIST("PS1=prompt> ", "ENV")};
    const char *line =
        sbx_test_text("%s exec --audit-db %s -- /bin/sh -c 'sleep 0.3; echo do''ne' & wait\n",
                      sbx_test_binary(), place->database);
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;
    int shell_group;

    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "prompt> ", 10000);
    shell_group = sbx_test_terminal_foreground(&terminal);
    sbx_test_terminal_type(&terminal, line);
    sbx_test_terminal_expect(&terminal, "done", 10000);
    assert_int_equal(sbx_test_terminal_foreground(&terminal), shell_group);
    sbx_test_terminal_clear(&terminal);
    sbx_test_terminal_type(&terminal, "echo back $((20+3))\n");
    sbx_test_terminal_expect(&terminal, "back 23", 5000);
    assert_int_equal(sbx_test_terminal_foreground(&terminal), shell_group);
    sbx_test_terminal_type(&terminal, "exit 0\n");
    finish(&outcome, &child);
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

/* The terminal's foreground is as before, also when the command was killed. */
static void test_terminal_is_given_back(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.as_is = true, .command = SBX_LIST("/bin/sh", "-c", "")};
    const char *script = sbx_test_text(
        "%s exec --audit-db %s --wall 300ms --grace 100ms -- /bin/sh -c 'exec sleep 60'; "
        "echo code $?; read line; echo got $line",
        sbx_test_binary(), place->database);
    sbx_test_terminal terminal;
    sbx_test_child child;
    sbx_test_outcome outcome;

    request.command = SBX_LIST("/bin/sh", "-c", script);
    sbx_test_terminal_open(&terminal);
    sbx_test_terminal_start(&child, &terminal, place, &request);
    sbx_test_terminal_expect(&terminal, "code 124", 10000);
    /* Reading from a terminal whose foreground is somebody else's would stop us. */
    sbx_test_terminal_type(&terminal, "a-line\n");
    sbx_test_terminal_expect(&terminal, "got a-line", 5000);
    finish(&outcome, &child);
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    sbx_test_terminal_close(&terminal);
}

/* A command that is killed cannot undo what it did to the terminal; one that ends by itself has meant it. */
static void test_modes_are_given_back(void **state)
{
    const sbx_test_place *place = *state;
    static const struct {
        const char *command, *expected;
    } cases[] = {{"stty raw -echo; exec sleep 60", "modes: same"}, {"stty -echo", "modes: other"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *script = sbx_test_text(
            "before=$(stty -g); %s exec --audit-db %s --wall %llums --grace 100ms -- /bin/sh -c "
            "'%s'; "
            "[ \"$before\" = \"$(stty -g)\" ] && echo modes: same || echo modes: other",
            sbx_test_binary(), place->database, (unsigned long long)sbx_test_slow_ms(600),
            cases[i].command);
        sbx_test_request request = {.as_is = true, .command = SBX_LIST("/bin/sh", "-c", script)};
        sbx_test_terminal terminal;
        sbx_test_child child;
        sbx_test_outcome outcome;

        sbx_test_terminal_open(&terminal);
        sbx_test_terminal_start(&child, &terminal, place, &request);
        sbx_test_terminal_expect(&terminal, cases[i].expected, 10000);
        finish(&outcome, &child);
        sbx_test_outcome_done(&outcome);
        sbx_test_terminal_close(&terminal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_all_three_are_terminals),
        sbx_unit_test(test_foreground_and_size),
        sbx_unit_test(test_resize_while_it_runs),
        sbx_unit_test(test_interrupt_key),
        sbx_unit_test(test_interrupt_key_is_the_commands),
        sbx_unit_test(test_shell_inside),
        sbx_unit_test(test_shell_outside),
        sbx_unit_test(test_background_run),
        sbx_unit_test(test_terminal_is_given_back),
        sbx_unit_test(test_modes_are_given_back),
    };

    return cmocka_run_group_tests_name("tty", tests, sbx_test_place_setup, sbx_test_place_teardown);
}
