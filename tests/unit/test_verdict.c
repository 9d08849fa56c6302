/* harness/runner/verdict.h: every rule, and which one wins over which. */
#include "tests/support/test.h"

#include "harness/runner/verdict.h"

enum { TERM = 15, KILL = 9, SEGV = 11, INT = 2, XCPU = 24, XFSZ = 25 };

#define EXITS(code) .has_exit = true, .exit_code = (code)
#define DIES_OF(number) .has_signal = true, .signal = (number)
#define FAILS(s, at) .has_error = true, .error = {.status = SBX_##s, .step = SBX_STEP_##at}
#define KILLED_FOR(...) .killed_for = {__VA_ARGS__}
#define REACHED(...) .reached = {__VA_ARGS__}
#define IS(kind) [SBX_LIMIT_##kind] = true

static const struct {
    const char *what;
    sbx_events events;
    sbx_outcome outcome;
    const char *reason;
    int exit_code, signal;
} cases[] = {
    /* 8 and 7: nothing but an end */
    {"success", {EXITS(0)}, SBX_OUTCOME_OK, "", 0, 0},
    {"its own code", {EXITS(3)}, SBX_OUTCOME_NONZERO, "", 3, 0},
    {"a code that looks like ours", {EXITS(125)}, SBX_OUTCOME_NONZERO, "", 125, 0},
    {"a code that looks like a limit", {EXITS(137)}, SBX_OUTCOME_NONZERO, "", 137, 0},
    {"signal", {DIES_OF(SEGV)}, SBX_OUTCOME_SIGNAL, "", 139, SEGV},
    {"kill -9 is no limit", {DIES_OF(KILL)}, SBX_OUTCOME_SIGNAL, "", 137, KILL},
    {"no end seen", {.has_exit = false}, SBX_OUTCOME_ERROR, "watch", 125, 0},

    /* 1: sbx failed */
    {"error", {FAILS(IO, JOB)}, SBX_OUTCOME_ERROR, "job", 125, 0},
    {"no memory", {FAILS(NO_MEMORY, PLAN)}, SBX_OUTCOME_ERROR, "plan", 125, 0},
    {"busy database", {FAILS(BUSY, AUDIT)}, SBX_OUTCOME_ERROR, "audit", 125, 0},
    {"refused", {FAILS(REFUSED, NAMESPACE)}, SBX_OUTCOME_REFUSED, "namespace", 125, 0},
    {"invalid input", {FAILS(INVALID, OPTIONS)}, SBX_OUTCOME_REFUSED, "options", 125, 0},
    {"not found", {FAILS(NOT_FOUND, EXEC)}, SBX_OUTCOME_ERROR, "not_found", 127, 0},
    {"not executable", {FAILS(NOT_EXECUTABLE, EXEC)}, SBX_OUTCOME_ERROR, "not_executable", 126, 0},
    {"not found, seen", {.not_found = true, EXITS(127)}, SBX_OUTCOME_ERROR, "not_found", 127, 0},
    {"not executable, seen", {.not_executable = true}, SBX_OUTCOME_ERROR, "not_executable", 126, 0},
    {"an error wins over a limit",
     {FAILS(IO, WATCH), KILLED_FOR(IS(WALL))},
     SBX_OUTCOME_ERROR,
     "watch",
     125,
     0},
    {"an error wins over a cancel",
     {FAILS(IO, WATCH), .cancelled_by = INT},
     SBX_OUTCOME_ERROR,
     "watch",
     125,
     0},
    {"an error wins over success",
     {FAILS(IO, RESULT), EXITS(0)},
     SBX_OUTCOME_ERROR,
     "result",
     125,
     0},

    /* 2: stopped for a limit */
    {"wall", {KILLED_FOR(IS(WALL)), DIES_OF(KILL)}, SBX_OUTCOME_LIMIT, "wall", 124, KILL},
    {"idle", {KILLED_FOR(IS(IDLE)), DIES_OF(TERM)}, SBX_OUTCOME_LIMIT, "idle", 124, TERM},
    {"cpu", {KILLED_FOR(IS(CPU)), DIES_OF(KILL)}, SBX_OUTCOME_LIMIT, "cpu", 124, KILL},
    {"memory", {KILLED_FOR(IS(MEMORY)), DIES_OF(KILL)}, SBX_OUTCOME_LIMIT, "memory", 137, KILL},
    {"procs", {KILLED_FOR(IS(PROCESSES))}, SBX_OUTCOME_LIMIT, "procs", 137, 0},
    {"output", {KILLED_FOR(IS(OUTPUT)), EXITS(0)}, SBX_OUTCOME_LIMIT, "output", 137, 0},
    {"a limit that it survived with 0",
     {KILLED_FOR(IS(WALL)), EXITS(0)},
     SBX_OUTCOME_LIMIT,
     "wall",
     124,
     0},
    {"of two the first", {KILLED_FOR(IS(OUTPUT), IS(WALL))}, SBX_OUTCOME_LIMIT, "wall", 124, 0},
    {"of three the first",
     {KILLED_FOR(IS(OUTPUT), IS(WALL), IS(MEMORY))},
     SBX_OUTCOME_LIMIT,
     "memory",
     137,
     0},
    {"stopped wins over OOM",
     {KILLED_FOR(IS(WALL)), REACHED(IS(MEMORY)), DIES_OF(KILL)},
     SBX_OUTCOME_LIMIT,
     "wall",
     124,
     KILL},
    {"a limit wins over a cancel",
     {KILLED_FOR(IS(WALL)), .cancelled_by = TERM, DIES_OF(TERM)},
     SBX_OUTCOME_LIMIT,
     "wall",
     124,
     TERM},

    /* 3: the kernel's OOM event */
    {"OOM and killed",
     {REACHED(IS(MEMORY)), DIES_OF(KILL)},
     SBX_OUTCOME_LIMIT,
     "memory",
     137,
     KILL},
    {"OOM and failed", {REACHED(IS(MEMORY)), EXITS(1)}, SBX_OUTCOME_LIMIT, "memory", 137, 0},
    {"OOM in a child, success", {REACHED(IS(MEMORY)), EXITS(0)}, SBX_OUTCOME_OK, "", 0, 0},
    {"OOM wins over a cancel",
     {REACHED(IS(MEMORY)), .cancelled_by = INT, DIES_OF(KILL)},
     SBX_OUTCOME_LIMIT,
     "memory",
     137,
     KILL},
    {"OOM wins over procs",
     {REACHED(IS(MEMORY), IS(PROCESSES)), EXITS(2)},
     SBX_OUTCOME_LIMIT,
     "memory",
     137,
     0},

    /* 4: cancelled */
    {"cancelled", {.cancelled_by = INT, DIES_OF(TERM)}, SBX_OUTCOME_SIGNAL, "cancelled", 130, INT},
    {"cancelled, and it said 0",
     {.cancelled_by = TERM, EXITS(0)},
     SBX_OUTCOME_SIGNAL,
     "cancelled",
     143,
     TERM},
    {"a cancel wins over SIGXFSZ",
     {.cancelled_by = TERM, DIES_OF(XFSZ)},
     SBX_OUTCOME_SIGNAL,
     "cancelled",
     143,
     TERM},
    {"a cancel wins over procs",
     {.cancelled_by = TERM, REACHED(IS(PROCESSES)), EXITS(1)},
     SBX_OUTCOME_SIGNAL,
     "cancelled",
     143,
     TERM},

    /* 5: the signals of limits */
    {"SIGXFSZ", {DIES_OF(XFSZ)}, SBX_OUTCOME_LIMIT, "fsize", 137, XFSZ},
    {"SIGXCPU with a limit",
     {DIES_OF(XCPU), REACHED(IS(CPU))},
     SBX_OUTCOME_LIMIT,
     "cpu",
     124,
     XCPU},
    {"SIGXCPU without", {DIES_OF(XCPU)}, SBX_OUTCOME_SIGNAL, "", 152, XCPU},
    {"SIGXFSZ wins over procs",
     {DIES_OF(XFSZ), REACHED(IS(PROCESSES))},
     SBX_OUTCOME_LIMIT,
     "fsize",
     137,
     XFSZ},

    /* 6: failed, and a limit had been reached */
    {"procs", {EXITS(254), REACHED(IS(PROCESSES))}, SBX_OUTCOME_LIMIT, "procs", 254, 0},
    {"files", {EXITS(1), REACHED(IS(FILES))}, SBX_OUTCOME_LIMIT, "files", 1, 0},
    {"fsize", {EXITS(1), REACHED(IS(FILE_SIZE))}, SBX_OUTCOME_LIMIT, "fsize", 1, 0},
    {"procs and a signal",
     {DIES_OF(SEGV), REACHED(IS(PROCESSES))},
     SBX_OUTCOME_LIMIT,
     "procs",
     139,
     SEGV},
    {"procs before files",
     {EXITS(1), REACHED(IS(FILES), IS(PROCESSES))},
     SBX_OUTCOME_LIMIT,
     "procs",
     1,
     0},
    {"reached, and it succeeded",
     {EXITS(0), REACHED(IS(PROCESSES), IS(FILES))},
     SBX_OUTCOME_OK,
     "",
     0,
     0},
    {"a rate that was reached ends nothing",
     {EXITS(1), REACHED(IS(CPUS))},
     SBX_OUTCOME_NONZERO,
     "",
     1,
     0},
};

static void every_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_verdict got = sbx_verdict_of(&cases[i].events);

        if (got.outcome != cases[i].outcome || strcmp(got.reason, cases[i].reason) != 0 ||
            got.exit_code != cases[i].exit_code || got.signal != cases[i].signal)
            fail_msg("%s: %s \"%s\" %d signal %d", cases[i].what, sbx_outcome_word(got.outcome),
                     got.reason, got.exit_code, got.signal);
    }
}

/* Every limit alone: its word, and the exit code of its class. */
static void every_limit(void **state)
{
    (void)state;
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        sbx_events events = {DIES_OF(KILL)};
        sbx_verdict got;
        bool is_time = kind == SBX_LIMIT_CPU || kind == SBX_LIMIT_WALL || kind == SBX_LIMIT_IDLE;

        events.killed_for[kind] = true;
        got = sbx_verdict_of(&events);
        assert_int_equal(got.outcome, SBX_OUTCOME_LIMIT);
        assert_string_equal(got.reason, sbx_limit_word((sbx_limit_kind)kind));
        assert_int_equal(got.exit_code, is_time ? 124 : 137);
    }
}

static void words_are_stable(void **state)
{
    static const char *const words[] = {"ok",      "nonzero", "signal", "limit",
                                        "refused", "error",   "lost"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(words); i++)
        assert_string_equal(sbx_outcome_word((sbx_outcome)i), words[i]);
    assert_string_equal(sbx_outcome_word((sbx_outcome)SBX_COUNT_OF(words)), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule),
        cmocka_unit_test(every_limit),
        cmocka_unit_test(words_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
