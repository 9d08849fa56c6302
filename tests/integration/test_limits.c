/*
 * Each limit, reached and not quite reached; who holds it is in the result.
 * ctest: serial (rates and memory are measured)
 */
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *enforcer(const sbx_test_outcome *outcome, const char *limit)
{
    json_t *limits = json_object_get(outcome->result, "limits");
    const char *word =
        json_string_value(json_object_get(json_object_get(limits, limit), "enforced_by"));

    if (word == NULL)
        fail_msg("the result does not say who enforced %s", limit);
    return word;
}

static void run_limited(sbx_test_outcome *out, const sbx_test_place *place,
                        const char *const *options, int exit_code, const char *status,
                        const char *reason, const char *const *command)
{
    sbx_test_exec(out, place, options, command);
    sbx_test_expect(out, exit_code, status, reason);
    assert_int_equal(sbx_test_count_probes(place), 0);
}

static void test_memory(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--mem", "64M"), 137, "limit", "memory",
                SBX_LIST(place->probe, "alloc", "400"));
    assert_string_not_equal(enforcer(&outcome, "memory"), "none");
    assert_true(sbx_test_number(&outcome, "memory_peak_bytes") > 32 << 20);
    sbx_test_outcome_done(&outcome);
}

/* The sum counts: no single process goes over. */
static void test_memory_of_children(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--mem", "100M"), 137, "limit", "memory",
                SBX_LIST(place->probe, "alloc-children", "4", "40"));
    sbx_test_outcome_done(&outcome);
}

static void test_memory_just_below(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--mem", "100M"), 0, "ok", "",
                SBX_LIST(place->probe, "alloc", "80"));
    assert_true(sbx_test_number(&outcome, "memory_peak_bytes") >= 80 << 20);
    assert_true(sbx_test_number(&outcome, "memory_peak_bytes") <= 100 << 20);
    sbx_test_outcome_done(&outcome);
}

/* Somebody else's SIGKILL under a memory limit is not the limit's. */
static void test_kill_is_not_memory(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--mem", "100M"), 137, "signal", "",
                SBX_LIST(place->probe, "kill-self", "9"));
    sbx_test_outcome_done(&outcome);
}

static void test_processes(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    int forked = 0;

    sbx_test_exec(&outcome, place, SBX_LIST("--procs", "20"),
                  SBX_LIST(place->probe, "fork-bomb", "100"));
    /* The kernel tells nobody that an rlimit was reached. */
    if (strcmp(enforcer(&outcome, "procs"), "rlimit") == 0)
        sbx_test_expect(&outcome, SBX_PROBE_DENIED, "nonzero", "");
    else
        sbx_test_expect(&outcome, SBX_PROBE_DENIED, "limit", "procs");
    assert_int_equal(sscanf(outcome.out, "forked=%d", &forked), 1);
    assert_in_range(forked, 10, 19);
    if (strncmp(enforcer(&outcome, "procs"), "cgroup", 6) == 0) { /* others look now and then */
        assert_int_equal(forked, 19);
        assert_int_equal(sbx_test_number(&outcome, "processes_peak"), 20);
    }
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--procs", "40"), 0, "ok", "",
                SBX_LIST(place->probe, "fork-bomb", "30"));
    if (strncmp(enforcer(&outcome, "procs"), "cgroup", 6) == 0)
        assert_int_equal(sbx_test_number(&outcome, "processes_peak"), 31);
    sbx_test_outcome_done(&outcome);
}

static void test_fork_bomb(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    sbx_test_exec(
        &outcome, place,
        SBX_LIST("--procs", "32", "--wall", "1500ms", "--grace", "100ms", "--mem", "256M"),
        SBX_LIST(place->probe, "fork-for-ever", sbx_test_host_namespace(), "30"));
    sbx_test_expect(&outcome, 124, "limit", "wall");
    assert_true(outcome.wall_ms < sbx_test_slow_ms(5000));
    assert_int_equal(sbx_test_count_processes(place), 0);
    sbx_test_outcome_done(&outcome);
}

static void test_cpu_time(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--cpu", "300ms"), 124, "limit", "cpu",
                SBX_LIST(place->probe, "spin", "30"));
    assert_true(outcome.wall_ms < sbx_test_slow_ms(8000));
    assert_true(sbx_test_number(&outcome, "user_ns") + sbx_test_number(&outcome, "system_ns") >=
                300000000);
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--cpu", "400ms"), 124, "limit", "cpu",
                SBX_LIST(place->probe, "spin-children", "3", "30"));
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--cpu", "5s"), 0, "ok", "",
                SBX_LIST(place->probe, "spin", "0.3"));
    sbx_test_outcome_done(&outcome);
}

/* Two busy processes together; what they get of one CPU, by the kernel's count. Negative: refused, as it should be. */
static double measure_rate(const sbx_test_place *place)
{
    sbx_test_outcome outcome;
    double used;

    sbx_test_exec(&outcome, place, SBX_LIST("--cpus", "0.5"),
                  SBX_LIST(place->probe, "spin-children", "2", "2"));
    if (!sbx_test_is_root() && outcome.exit_code == 125) {
        /* Without a group of its own nobody can hold a rate: said before anything runs. */
        sbx_test_expect(&outcome, 125, "refused", "job");
        assert_non_null(strstr(outcome.err, "cpus"));
        sbx_test_outcome_done(&outcome);
        return -1;
    }
    sbx_test_expect(&outcome, 0, "ok", "");
    used = (double)(sbx_test_number(&outcome, "user_ns") + sbx_test_number(&outcome, "system_ns")) /
           (double)sbx_test_number(&outcome, "wall_ns");
    print_message("held by %s: rate %.3f\n", enforcer(&outcome, "cpus"), used);
    sbx_test_outcome_done(&outcome);
    return used;
}

/*
 * Where a machine's ticks are late, and an emulated one's are, a process runs on past its share now and then. A rate
 * that nobody holds is over it every time.
 */
static void test_cpu_rate(void **state)
{
    enum { TRIES = 3 };
    double used = 1;

    for (int i = 0; i < TRIES && used >= 0.56; i++)
        used = measure_rate(*state);
    if (used < 0)
        return;
    assert_true(used < 0.56);
    assert_true(used > 0.20);
}

static void test_wall(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--wall", "500ms"), 124, "limit", "wall",
                SBX_LIST(place->probe, "sleep", "30"));
    assert_in_range(outcome.wall_ms, 500, sbx_test_slow_ms(3000));
    assert_string_equal(enforcer(&outcome, "wall"), "timer");
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--wall", sbx_test_slow_time(20)), 0, "ok", "",
                SBX_LIST(place->probe, "sleep", "0.2"));
    sbx_test_outcome_done(&outcome);
}

/* A stopped command cannot act on TERM; its time is up all the same. */
static void test_wall_of_a_stopped_command(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--wall", "500ms", "--grace", "200ms"), 124, "limit",
                "wall", SBX_LIST("/bin/sh", "-c", "kill -STOP $$"));
    assert_true(outcome.wall_ms < sbx_test_slow_ms(5000));
    sbx_test_outcome_done(&outcome);
}

static void test_idle(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--idle", "500ms"), 124, "limit", "idle",
                SBX_LIST(place->probe, "sleep", "30"));
    assert_in_range(outcome.wall_ms, 500, sbx_test_slow_ms(4000));
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--idle", "700ms"), 0, "ok", "",
                SBX_LIST(place->probe, "spin", "1.5"));
    sbx_test_outcome_done(&outcome);
}

static void test_file_size(void **state)
{
    const sbx_test_place *place = *state;
    const char *path = sbx_test_path(place->root, "big");
    sbx_test_outcome outcome;
    struct stat info;

    run_limited(&outcome, place, SBX_LIST("--fsize", "1M"), 137, "limit", "fsize",
                SBX_LIST(place->probe, "write-big", path, "4000000"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 1 << 20);
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--fsize", "4M"), 0, "ok", "",
                SBX_LIST(place->probe, "write-big", path, "4000000"));
    sbx_test_outcome_done(&outcome);
}

static void test_open_files(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    int opened = 0;

    sbx_test_exec(&outcome, place, SBX_LIST("--files", "32"),
                  SBX_LIST(place->probe, "open-files", "100"));
    assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED);
    assert_int_equal(sscanf(outcome.out, "opened=%d", &opened), 1);
    assert_in_range(opened, 20, 32);
    assert_string_equal(enforcer(&outcome, "files"), "rlimit");
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--files", "200"), 0, "ok", "",
                SBX_LIST(place->probe, "open-files", "100"));
    sbx_test_outcome_done(&outcome);
}

static void test_output(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_t *truncated;

    run_limited(&outcome, place, SBX_LIST("--output", "1M"), 137, "limit", "output",
                SBX_LIST(place->probe, "print", "40000000"));
    assert_int_equal(outcome.out_bytes, 1 << 20);
    truncated = json_object_get(json_object_get(outcome.result, "usage"), "output_truncated");
    assert_true(json_is_true(truncated));
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--output", "1M"), 0, "ok", "",
                SBX_LIST(place->probe, "print", "1048576"));
    assert_int_equal(outcome.out_bytes, 1 << 20);
    truncated = json_object_get(json_object_get(outcome.result, "usage"), "output_truncated");
    assert_true(json_is_false(truncated));
    assert_int_equal(sbx_test_number(&outcome, "output_bytes"), 1 << 20);
    sbx_test_outcome_done(&outcome);
}

/* stdout and stderr share the cap. */
static void test_output_counts_both(void **state)
{
    const sbx_test_place *place = *state;
    const char *script = sbx_test_text("'%s' print 700000; '%s' print 700000 >&2; exit 0",
                                       place->probe, place->probe);
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--output", "1M"), 137, "limit", "output",
                SBX_LIST("/bin/sh", "-c", script));
    assert_true(outcome.out_bytes >= 700000);
    assert_true(outcome.out_bytes + outcome.err_bytes <= (1 << 20) + 1000);
    sbx_test_outcome_done(&outcome);
}

static void test_grace(void **state)
{
    const sbx_test_place *place = *state;
    const char *cleaned = sbx_test_path(place->root, "cleaned");
    sbx_test_outcome outcome;

    run_limited(&outcome, place, SBX_LIST("--wall", "300ms", "--grace", "700ms"), 124, "limit",
                "wall", SBX_LIST(place->probe, "ignore-term", "30"));
    assert_in_range(outcome.wall_ms, 1000, sbx_test_slow_ms(4000));
    sbx_test_outcome_done(&outcome);
    run_limited(&outcome, place, SBX_LIST("--wall", "300ms", "--grace", "5s"), 124, "limit", "wall",
                SBX_LIST(place->probe, "clean-up", cleaned));
    assert_true(outcome.wall_ms < sbx_test_slow_ms(3000));
    assert_true(sbx_test_exists(cleaned));
    sbx_test_outcome_done(&outcome);
}

static void stop_with(sbx_test_outcome *out, const sbx_test_place *place, int number,
                      const char *const *options, const char *const *command)
{
    sbx_test_request request = {.options = options, .command = command};
    sbx_test_child child;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    assert_int_equal(kill(child.pid, number), 0);
    sbx_test_finish(out, &child, SBX_TEST_TIMEOUT_MS);
    sbx_test_expect(out, 128 + number, "signal", "cancelled");
    assert_int_equal(sbx_test_count_processes(place), 0);
}

static void test_signals_to_sbx(void **state)
{
    const sbx_test_place *place = *state;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    const char *cleaned = sbx_test_path(place->root, "cleaned");

    for (size_t i = 0; i < 3; i++) {
        sbx_test_outcome outcome;

        (void)unlink(cleaned);
        stop_with(&outcome, place, numbers[i], SBX_NO_LIST,
                  SBX_LIST(place->probe, "clean-up", cleaned));
        assert_true(sbx_test_exists(cleaned));
        assert_true(outcome.wall_ms < sbx_test_slow_ms(5000));
        sbx_test_outcome_done(&outcome);
        stop_with(&outcome, place, numbers[i], SBX_LIST("--grace", "300ms"),
                  SBX_LIST(place->probe, "ignore-term", "30"));
        assert_true(outcome.wall_ms < sbx_test_slow_ms(5000));
        sbx_test_outcome_done(&outcome);
    }
}

/* Somebody who presses Ctrl-C twice does not want to wait for the grace. */
static void test_second_signal(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.options = SBX_LIST("--grace", "60s"),
                                .command = SBX_LIST(place->probe, "ignore-term", "100")};
    sbx_test_child child;
    sbx_test_outcome outcome;

    sbx_test_start(&child, place, &request);
    assert_true(sbx_test_wait_output(&child, "ready", 10000));
    assert_int_equal(kill(child.pid, SIGINT), 0);
    sbx_test_pause_ms(300);
    assert_int_equal(kill(child.pid, SIGINT), 0);
    sbx_test_finish(&outcome, &child, 5000);
    assert_int_equal(outcome.exit_code, 130);
    assert_int_equal(sbx_test_count_processes(place), 0);
    sbx_test_outcome_done(&outcome);
}

/* The column of a run's points: at ms, cpu ms, memory bytes, processes. */
static double point(const json_t *points, size_t index, size_t column)
{
    const json_t *value = json_array_get(json_array_get(points, index), column);

    if (!json_is_number(value))
        fail_msg("point %zu has no number %zu", index, column);
    return json_number_value(value);
}

/* What a run used over time is a curve of what it did: four steps of 20 MiB, each 0.5 s long. Where looking takes long
 * it is done less often, and a step may pass unseen. How many were seen. */
static int samples_show_steps(const sbx_test_place *place, const char *const *options)
{
    enum { STEPS = 4 };
    const double step_bytes = 20.0 * (1 << 20);
    sbx_test_outcome outcome;
    bool has_step[STEPS + 1] = {false};
    const json_t *points;
    json_t *run;
    size_t count;

    run_limited(&outcome, place, options, 0, "ok", "",
                SBX_LIST(place->probe, "alloc-steps", "4", "20", "500"));
    run = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(run);
    points = json_object_get(run, "samples");
    assert_true(json_equal(points, json_object_get(outcome.result, "samples")));
    count = json_array_size(points);
    assert_in_range(count, 1, 120);
    assert_true(count <= (size_t)sbx_test_number(&outcome, "wall_ns") / 100000000);
    for (size_t i = 0; i < count; i++) {
        double steps = (point(points, i, 2) + step_bytes / 4) / step_bytes;

        if (i > 0) {
            assert_true(point(points, i, 0) > point(points, i - 1, 0));
            assert_true(point(points, i, 1) >= point(points, i - 1, 1));
            if (!has_step[STEPS] && i + 1 < count) /* else the process may be on its way out */
                assert_true(point(points, i, 2) + step_bytes / 4 > point(points, i - 1, 2));
        }
        assert_true(point(points, i, 0) >= 100);
        assert_true(point(points, i, 3) >= 0 && point(points, i, 3) <= 3);
        if (steps < STEPS + 1 && steps - (double)(int)steps < 0.5)
            has_step[(int)steps] = true;
    }
    json_decref(run);
    sbx_test_outcome_done(&outcome);
    return has_step[1] + has_step[2] + has_step[3] + has_step[4];
}

/* A busy machine gets another try; what draws no steps does not get them by trying. Where sanitizers are built in, looking
 * at every process takes so long that it is hardly done. */
static void test_samples(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    enum { LEAST = 1 };
#else
    enum { LEAST = 3 };
#endif
    const char *const *const options[] = {SBX_LIST("--mem", "200M"), NULL};

    for (size_t i = 0; i < 2; i++) {
        int seen = 0;

        for (int tries = 0; tries < 3 && seen < LEAST; tries++)
            seen = samples_show_steps(*state, options[i]);
        assert_in_range(seen, LEAST, 4);
    }
}

/* A run that is over within a tenth of a second is not looked at. Where the machine is slow such a run
 * does not come at once. */
static void test_no_samples(void **state)
{
    enum { TRIES = 50 };
    const sbx_test_place *place = *state;
    bool was_short = false;

    for (int i = 0; i < TRIES && !was_short; i++) {
        sbx_test_outcome outcome;
        json_t *run;

        run_limited(&outcome, place, NULL, 0, "ok", "", SBX_LIST("/bin/sleep", "0.02"));
        was_short = sbx_test_number(&outcome, "wall_ns") < 100000000;
        run = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
        assert_non_null(run);
        if (was_short) {
            assert_true(json_is_null(json_object_get(run, "samples")));
            assert_int_equal(json_array_size(json_object_get(outcome.result, "samples")), 0);
        }
        json_decref(run);
        sbx_test_outcome_done(&outcome);
    }
    assert_true(was_short || sbx_test_slow_ms(1) > 1); /* an emulated machine has no such run */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_memory),
        sbx_unit_test(test_memory_of_children),
        sbx_unit_test(test_memory_just_below),
        sbx_unit_test(test_kill_is_not_memory),
        sbx_unit_test(test_processes),
        sbx_unit_test(test_fork_bomb),
        sbx_unit_test(test_cpu_time),
        sbx_unit_test(test_cpu_rate),
        sbx_unit_test(test_wall),
        sbx_unit_test(test_wall_of_a_stopped_command),
        sbx_unit_test(test_idle),
        sbx_unit_test(test_file_size),
        sbx_unit_test(test_open_files),
        sbx_unit_test(test_output),
        sbx_unit_test(test_output_counts_both),
        sbx_unit_test(test_grace),
        sbx_unit_test(test_samples),
        sbx_unit_test(test_no_samples),
        sbx_unit_test(test_signals_to_sbx),
        sbx_unit_test(test_second_signal),
    };

    return cmocka_run_group_tests_name("limits", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
