/*
 * A storm of signals that mean nothing, at everybody who takes part: thousands of them, while a run starts, works and ends.
 * Each stop and continue breaks off whatever call is waited in. The run is the same as without: its exit, its output to
 * the byte, its processes and its denials to the last one. And a storm of signals that do mean something is one ending.
 */
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { PROGRAMS = 60, DENIALS = 200, LINES = 500, STARTS = 12, LONGEST_MS = 60000, TERMS = 3000 };

static sbx_test_aftermath after;

static const int harmless[] = {SIGWINCH, SIGSTOP, SIGCONT, SIGCHLD, SIGURG, SIGSTOP, SIGCONT};

static bool has_ended(const sbx_test_child *child)
{
    struct pollfd done = {.fd = child->pid_fd, .events = POLLIN};

    return poll(&done, 1, 0) == 1;
}

static void send_all(pid_t pid)
{
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
        (void)kill(pid, harmless[i]);
}

/*
 * Until it has ended, with a breath for it now and then. The supervisor, its children (the first process) and theirs are
 * looked up anew all the time; their pids are not used again meanwhile but by chance, and then a signal here does nothing.
 */
static unsigned storm(const sbx_test_child *child)
{
    uint64_t end = sbx_test_now_ms() + LONGEST_MS;
    unsigned count = 0;

    while (!has_ended(child) && sbx_test_now_ms() < end) {
        pid_t below[16], deeper[16];
        size_t children = sbx_test_children_of(below, 16, child->pid);

        send_all(child->pid);
        count++;
        for (size_t i = 0; i < children && i < 16; i++) {
            size_t more = sbx_test_children_of(deeper, 16, below[i]);

            send_all(below[i]);
            count++;
            for (size_t k = 0; k < more && k < 16; k++, count++)
                send_all(deeper[k]);
        }
        if (count % 16 == 0)
            sbx_test_pause_ms(1);
    }
    return count * (unsigned)(sizeof(harmless) / sizeof(harmless[0]));
}

static void test_at_work(void **state)
{
    const sbx_test_place *place = *state;
    const char *script = sbx_test_text(
        "i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done; %s fork-exec %d /bin/true > "
        "/dev/null; %s deny-many %s %d > /dev/null; exit 5",
        LINES, place->probe, PROGRAMS, place->probe, place->outside, DENIALS);
    sbx_test_request request = {.options = SBX_LIST("--output", "1M", "--wall", "50s"),
                                .command = SBX_LIST("/bin/sh", "-c", script)};
    sbx_test_outcome calm, stormy;
    sbx_test_child child;
    json_t *processes;
    unsigned sent;

    sbx_test_run(&calm, place, &request);
    sbx_test_expect(&calm, 5, "nonzero", "");
    sbx_test_aftermath_start(&after, &child, place, &request);
    sent = storm(&child);
    sbx_test_finish(&stormy, &child, LONGEST_MS);
    sbx_test_expect(&stormy, 5, "nonzero", "");
    sbx_test_tally("faults/signals, a signal that means nothing", sent);
    assert_true(sent > 1000);
    assert_string_equal(stormy.out, calm.out);
    assert_int_equal(sbx_test_number(&stormy, "output_bytes"), calm.out_bytes);
    assert_int_equal(sbx_test_sum_denials(place, sbx_test_word(&stormy, "run_id")),
                     sbx_test_sum_denials(place, sbx_test_word(&calm, "run_id")));
    processes = sbx_test_audit_processes(place, sbx_test_word(&stormy, "run_id"));
    assert_int_equal(json_array_size(processes), PROGRAMS + 3);
    json_decref(processes);
    sbx_test_outcome_done(&calm);
    sbx_test_outcome_done(&stormy);
    sbx_test_aftermath_check(&after, place);
}

static void test_at_the_start(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_LIST("--mem", "64M"),
                                .command = SBX_LIST(place->probe, "exit", "3")};

    for (unsigned i = 0; i < STARTS; i++) {
        sbx_test_outcome outcome;
        sbx_test_child child;

        sbx_test_aftermath_start(&after, &child, place, &request);
        (void)storm(&child);
        sbx_test_finish(&outcome, &child, LONGEST_MS);
        sbx_test_expect(&outcome, 3, "nonzero", "");
        sbx_test_outcome_done(&outcome);
    }
    sbx_test_aftermath_check(&after, place);
}

/* The first one is obeyed; the rest are more than the pipe for them holds. */
static void test_asked_to_end(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    const int second = SIGTERM; /* its search for leaks stops everybody, which SIGCONT undoes */
#else
    const int second = SIGCONT;
#endif
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_LIST("--grace", "300ms"),
                                .command = SBX_LIST(place->probe, "ignore-term", "60")};
    sbx_test_outcome outcome;
    sbx_test_child child;

    sbx_test_aftermath_start(&after, &child, place, &request);
    assert_true(sbx_test_wait_probes(place, 1, 10000));
    for (unsigned i = 0; i < TERMS && !has_ended(&child); i++)
        (void)kill(child.pid, i % 2 == 0 ? SIGTERM : second);
    sbx_test_finish(&outcome, &child, LONGEST_MS);
    sbx_test_expect(&outcome, 143, "signal", "cancelled");
    sbx_test_outcome_done(&outcome);
    sbx_test_aftermath_check(&after, place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_at_work),
        sbx_unit_test(test_at_the_start),
        sbx_unit_test(test_asked_to_end),
    };

    return cmocka_run_group_tests_name("faults: signals", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
