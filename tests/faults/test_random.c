/*
 * kill -9 of sbx at random moments under load: several runs at once, each with real commands below it, each with its
 * supervisor killed somewhere between its first instruction and its last. Then: a command ran only where there is a row,
 * after the next start every row has its end, the ledger verifies, and nothing is left.
 *
 *     SBX_FAULT_KILLS=1000    as many kills; usually 60
 *     SBX_FAULT_SEED=7        the same moments again (as far as the machine repeats itself)
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/abuse.h"
#include "tests/support/aftermath.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

enum { USUAL_KILLS = 60, AT_ONCE = 4, ROUND = 20 };

static uint64_t random_state;

/* xorshift: the seed says it all. */
static uint64_t random_below(uint64_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

typedef struct victim {
    sbx_test_child child;
    uint64_t dies_ms;
    const char *marker; /* the command's first deed */
} victim;

static void start_one(victim *out, const sbx_test_place *place, unsigned number,
                      uint64_t longest_ms)
{
    const char *marker = sbx_test_text("%s/ran-%u", place->root, number);
    const char *script = sbx_test_text(
        "echo x > %s; i=0; while [ $i -lt 20 ]; do ls / > /dev/null; echo x > %s/%u-$i; "
        "echo no > %s/no 2> /dev/null; i=$((i+1)); done; sleep 1 & sleep 1",
        marker, place->root, number, place->outside);
    sbx_test_request request = {.options =
                                    SBX_LIST("--mem", "128M", "--procs", "20", "--wall", "20s"),
                                .command = SBX_LIST("/bin/sh", "-c", script)};

    sbx_test_start(&out->child, place, &request);
    out->marker = marker;
    out->dies_ms = sbx_test_now_ms() + random_below(longest_ms);
}

/* Its own row, not just one more. */
static void check_has_row(const json_t *rows, const char *marker)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *script = json_string_value(json_array_get(json_object_get(row, "argv"), 2));

        if (script != NULL && strstr(script, sbx_test_text("> %s;", marker)) != NULL)
            return;
    }
    fail_msg("%s is there, and no row of the run that made it", marker);
}

static void kill_at_its_time(victim *one, sbx_test_aftermath *after)
{
    sbx_test_outcome outcome;

    while (sbx_test_now_ms() < one->dies_ms)
        sbx_test_pause_ms(1);
    sbx_test_aftermath_note(after, one->child.pid);
    (void)kill(one->child.pid, SIGKILL);
    sbx_test_finish(&outcome, &one->child, SBX_TEST_TIMEOUT_MS);
    sbx_test_outcome_done(&outcome);
}

static size_t kill_round(const sbx_test_place *place, sbx_test_aftermath *after, unsigned number,
                         uint64_t longest_ms)
{
    victim victims[AT_ONCE];
    json_t *rows;
    size_t ran = 0;

    for (unsigned i = 0; i < AT_ONCE; i++)
        start_one(&victims[i], place, number + i, longest_ms);
    for (unsigned i = 0; i < AT_ONCE; i++)
        kill_at_its_time(&victims[i], after);
    rows = sbx_test_audit_runs(place);
    for (unsigned i = 0; i < AT_ONCE; i++)
        if (sbx_test_exists(victims[i].marker)) {
            check_has_row(rows, victims[i].marker);
            ran++;
        }
    json_decref(rows);
    return ran;
}

/* How long an undisturbed run takes here and now: moments are spread over all of it. */
static uint64_t measure(const sbx_test_place *place)
{
    uint64_t began = sbx_test_now_ms(), took;
    sbx_test_outcome outcome;

    sbx_test_exec(&outcome, place, SBX_LIST("--mem", "128M", "--procs", "20"),
                  SBX_LIST("/bin/true"));
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
    took = sbx_test_now_ms() - began;
    return took < 20 ? 20 : took;
}

static void empty_root(const sbx_test_place *place)
{
    sbx_test_remove_tree(place->root);
    sbx_test_mkdir(place->root);
}

static void test_random_moments(void **state)
{
    static sbx_test_aftermath after;
    const sbx_test_place *place = *state;
    unsigned kills = sbx_test_setting("SBX_FAULT_KILLS", USUAL_KILLS), number = 0;
    unsigned seed = sbx_test_setting("SBX_FAULT_SEED", (unsigned)time(NULL));
    size_t ran = 0, lost;

    random_state = 0x9e3779b97f4a7c15ULL ^ seed;
    print_message("seed %u\n", seed);
    for (unsigned round = 0; number < kills; round++) {
        uint64_t longest_ms = measure(place);

        /* Half of them look at the start, half at the whole of a run. */
        for (unsigned i = 0; i < ROUND && number < kills; i += AT_ONCE, number += AT_ONCE)
            ran += kill_round(place, &after, number,
                              (i / AT_ONCE + round) % 2 == 0 ? 3 * longest_ms : longest_ms + 1500);
        sbx_test_aftermath_check(&after, place);
        after.count = 0;
        empty_root(place);
    }
    lost = sbx_test_count_status(place, "lost");
    print_message("%zu rows were left without an end, %zu commands had begun\n", lost, ran);
    sbx_test_tally("faults/random, killed under load at a random moment", number);
    assert_true(lost >= kills / 4); /* the moments are not all before the row */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_random_moments),
    };

    return cmocka_run_group_tests_name("faults: random", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
