/*
 * `sbx doctor` says what is so: that this host's walls stand where they do, and that one is gone
 * where the kernel was made to refuse it. ctest: serial (a CPU rate is measured)
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/escape.h"
#include "tests/support/refuse.h"
#include "tests/support/test.h"

#define LANDLOCK_CREATE_RULESET 444

static char self[SBX_TEST_PATH_BYTES];

/* test_doctor --without mounts|landlock COMMAND…: becomes the command, without that. */
static int run_without(char **argv)
{
    bool is_done = strcmp(argv[0], "landlock") == 0
                       ? sbx_test_refuse_call(LANDLOCK_CREATE_RULESET, ENOSYS)
                       : sbx_test_refuse_call(SYS_mount_setattr, EPERM);

    if (is_done)
        execv(argv[1], argv + 1);
    return 97;
}

/* ---- what it said ---------------------------------------------------------------------------- */

typedef struct diagnosis {
    sbx_test_outcome outcome;
    json_t *report; /* borrowed lines live in it */
    json_t *lines;
} diagnosis;

static void diagnose(diagnosis *out, const sbx_test_place *place, const char *const *command)
{
    sbx_test_request request = {.as_is = true, .command = command};
    json_error_t error;

    sbx_test_run(&out->outcome, place, &request);
    out->report = json_loads(out->outcome.out, JSON_REJECT_DUPLICATES, &error);
    if (out->report == NULL)
        fail_msg("exit %d, no JSON (%s): %s%s", out->outcome.exit_code, error.text,
                 out->outcome.out, out->outcome.err);
    out->lines = json_object_get(out->report, "lines");
    assert_true(json_is_array(out->lines));
}

static void diagnosis_done(diagnosis *said)
{
    json_decref(said->report);
    sbx_test_outcome_done(&said->outcome);
}

static const char *word_of(json_t *line, const char *key)
{
    const char *word = json_string_value(json_object_get(line, key));

    return word != NULL ? word : "";
}

/* How many lines with that subject there are, and how many of them are in that state. */
static size_t count_lines(const diagnosis *said, const char *subject, const char *state)
{
    size_t count = 0, index;
    json_t *line;

    json_array_foreach(said->lines, index,
                       line) if (strcmp(word_of(line, "subject"), subject) == 0 &&
                                 (state == NULL || strcmp(word_of(line, "state"), state) == 0))
        count++;
    return count;
}

static void expect_all(const diagnosis *said, const char *subject, const char *state)
{
    size_t all = count_lines(said, subject, NULL);

    if (all == 0 || count_lines(said, subject, state) != all)
        fail_msg("%s: %zu of %zu lines are %s in\n%s", subject, count_lines(said, subject, state),
                 all, state, said->outcome.out);
}

/* Of this user, and of no doctor that is at work beside us: that one holds a lock. */
static bool is_left_behind(const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    bool is_left = fd >= 0 && fstat(fd, &info) == 0 && info.st_uid == geteuid() &&
                   flock(fd, LOCK_EX | LOCK_NB) == 0;

    if (fd >= 0)
        close(fd);
    return is_left;
}

static void expect_nothing_left(const sbx_test_place *place)
{
    const char *const patterns[] = {sbx_test_text("%s/.sbx-doctor-*", place->home),
                                    sbx_test_text("%s/state/.sbx-doctor-*", place->base),
                                    "/var/tmp/.sbx-doctor-*", "/tmp/sbx-doctor-*"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        glob_t found;
        int code = glob(patterns[i], GLOB_NOSORT, NULL, &found);

        assert_true(code == 0 || code == GLOB_NOMATCH);
        for (size_t k = 0; code == 0 && k < found.gl_pathc; k++)
            if (is_left_behind(found.gl_pathv[k]))
                fail_msg("left behind: %s", found.gl_pathv[k]);
        if (code == 0)
            globfree(&found);
    }
    assert_int_equal(sbx_test_count_processes(place), 0);
}

static void expect_shape(const diagnosis *said)
{
    size_t index;
    json_t *line;

    json_array_foreach(said->lines, index, line)
    {
        const char *state = word_of(line, "state");

        assert_true(strcmp(state, "enforced") == 0 || strcmp(state, "degraded") == 0 ||
                    strcmp(state, "missing") == 0 || strcmp(state, "unknown") == 0);
        assert_string_not_equal(word_of(line, "subject"), "");
        assert_string_not_equal(word_of(line, "by"), "");
        assert_string_not_equal(word_of(line, "detail"), "");
        if (strcmp(state, "degraded") == 0 || strcmp(state, "missing") == 0)
            assert_string_not_equal(word_of(line, "fix"),
                                    ""); /* what is wrong comes with what would help */
    }
    assert_int_equal(json_is_true(json_object_get(said->report, "default_policy_enforced")),
                     said->outcome.exit_code == 0);
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* Every wall of the default policy stands here, and each limit has a line. */
static void test_this_host(void **state)
{
    static const char *const walls[] = {"launch",  "mounts",   "pids",    "ipc",   "net",
                                        "seccomp", "landlock", "denials", "audit", "kill-on-close"};
    static const char *const limits[] = {"memory", "procs", "cpu",   "cpus",  "wall",
                                         "idle",   "fsize", "files", "output"};
    static const char *const timers[] = {"wall", "idle", "fsize", "files", "output"};
    const sbx_test_place *place = *state;
    diagnosis said;

    diagnose(&said, place, SBX_LIST(sbx_test_binary(), "doctor", "--json"));
    expect_shape(&said);
    for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++)
        expect_all(&said, walls[i], "enforced");
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        assert_int_equal(count_lines(&said, limits[i], NULL), 1);
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
        expect_all(&said, timers[i], "enforced"); /* no controller is needed for these */
    assert_int_equal(count_lines(&said, "memory", "missing"), 0);
    assert_int_equal(count_lines(&said, "mounts", NULL), 5);
    assert_int_equal(count_lines(&said, "uid", NULL) > 0, sbx_test_is_root());
    if (sbx_test_is_root())
        expect_all(&said, "uid", "enforced");
    assert_int_equal(said.outcome.exit_code, 0);
    diagnosis_done(&said);
    expect_nothing_left(place);
}

/* People get the same lines, and the last one says it in a sentence. */
static void test_table(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_request request = {.as_is = true, .command = SBX_LIST(sbx_test_binary(), "doctor")};
    sbx_test_outcome outcome;

    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.out, "landlock"));
    assert_non_null(strstr(outcome.out, "fully enforced"));
    sbx_test_outcome_done(&outcome);
}

/*
 * The knobs promise namespaces, and they can't be used: Landlock and seccomp are left, and no more
 * is said.
 */
static void test_without_mounts(void **state)
{
    const sbx_test_place *place = *state;
    diagnosis said;

    diagnose(&said, place,
             SBX_LIST(self, "--without", "mounts", sbx_test_binary(), "doctor", "--json"));
    expect_shape(&said);
    assert_int_not_equal(said.outcome.exit_code, 0);
    assert_int_equal(count_lines(&said, "launch", "missing"), 1);
    assert_int_equal(count_lines(&said, "launch", "enforced"), 1);
    assert_int_equal(count_lines(&said, "mounts", "enforced"), 0);
    assert_true(count_lines(&said, "mounts", "degraded") > 0);
    assert_int_equal(count_lines(&said, "pids", "enforced"), 0);
    assert_int_equal(count_lines(&said, "net", "enforced"), 0);
    expect_all(&said, "landlock", "enforced");
    diagnosis_done(&said);
    expect_nothing_left(place);
}

static void test_without_landlock(void **state)
{
    const sbx_test_place *place = *state;
    diagnosis said;

    diagnose(&said, place,
             SBX_LIST(self, "--without", "landlock", sbx_test_binary(), "doctor", "--json"));
    expect_shape(&said);
    assert_int_not_equal(said.outcome.exit_code, 0);
    expect_all(&said, "landlock", "missing");
    expect_all(&said, "mounts", "enforced"); /* the other walls stand without it */
    diagnosis_done(&said);
    expect_nothing_left(place);
}

/* Inside of sbx nothing can be shown, and it says so. */
static void test_inside_sbx(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_outcome outcome;
    json_error_t error;
    json_t *report;

    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST(sbx_test_binary(), "doctor", "--json"));
    assert_int_not_equal(outcome.exit_code, 0);
    report = json_loads(outcome.out, 0, &error);
    if (report == NULL)
        fail_msg("exit %d, no JSON (%s): %s%s", outcome.exit_code, error.text, outcome.out,
                 outcome.err);
    assert_true(json_is_false(json_object_get(report, "default_policy_enforced")));
    json_decref(report);
    sbx_test_outcome_done(&outcome);
    expect_nothing_left(place);
}

/*
 * Killed at any moment, it leaves what the next one takes away, and no process: what was started outside to be tried ends
 * by itself.
 */
static void test_killed(void **state)
{
    enum { KILLS = 8, STEP_MS = 60, STAYS_MS = 9000 };
    const sbx_test_place *place = *state;
    const char *mine =
        sbx_test_path(place->base, "bin/sbx"); /* its processes can be told from others' */
    sbx_test_request request = {.as_is = true, .command = SBX_LIST(mine, "doctor")};
    sbx_test_outcome outcome;

    sbx_test_copy_program(mine, sbx_test_binary());
    for (unsigned i = 1; i <= KILLS; i++) {
        sbx_test_child child;

        sbx_test_start(&child, place, &request);
        sbx_test_pause_ms(i * STEP_MS);
        (void)kill(child.pid, SIGKILL);
        sbx_test_finish(&outcome, &child, SBX_TEST_TIMEOUT_MS);
        sbx_test_outcome_done(&outcome);
        sbx_test_expect_no_process(place, STAYS_MS);
    }
    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
    expect_nothing_left(place);
}

/* The probe answers with the errno, and with 255 where it is asked for nonsense. */
static void test_probe(void **state)
{
    const sbx_test_place *place = *state;
    const struct {
        const char *const *command;
        int exit_code;
    } cases[] = {
        {SBX_LIST(sbx_test_binary(), "--probe", "read", "/"), 0},
        {SBX_LIST(sbx_test_binary(), "--probe", "read", "/nowhere/at/all"), ENOENT},
        {SBX_LIST(sbx_test_binary(), "--probe", "read"), 255},
        {SBX_LIST(sbx_test_binary(), "--probe", "dance"), 255},
        {SBX_LIST(sbx_test_binary(), "--probe"), 255},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sbx_test_request request = {.as_is = true, .command = cases[i].command};
        sbx_test_outcome outcome;

        sbx_test_run(&outcome, place, &request);
        assert_int_equal(outcome.exit_code, cases[i].exit_code);
        sbx_test_outcome_done(&outcome);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(test_this_host),      sbx_unit_test(test_table),
        sbx_unit_test(test_without_mounts), sbx_unit_test(test_without_landlock),
        sbx_unit_test(test_inside_sbx),     sbx_unit_test(test_killed),
        sbx_unit_test(test_probe),
    };
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (argc > 3 && strcmp(argv[1], "--without") == 0)
        return run_without(argv + 2);
    if (bytes <= 0)
        return 1;
    return cmocka_run_group_tests(tests, sbx_test_place_setup, sbx_test_place_teardown);
}
