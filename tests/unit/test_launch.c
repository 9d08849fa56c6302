/*
 * The launch on Windows (harness/target/windows) in a played world: each call fails once, in launch and in
 * teardown; each wall is lied about; a run is killed. Nothing may be left, and nothing may run that is not held.
 */
#include "tests/support/test.h"

#include "harness/target/windows/steps.h"
#include "tests/support/played_windows.h"

#define TEMP "C:/home/AppData/Local/sbx/temp/01ARZ3NDEKTSV4RRFFQ69G5FAV"

static const sbx_rule rules[] = {
    {SBX_RULE_WRITE, true, "C:/project", "write"},
    {SBX_RULE_WRITE, false, "C:/single.txt", "write"},
    {SBX_RULE_PROTECT, true, "C:/project/.git", "protect .git"},
    {SBX_RULE_PROTECT_ABSENT, true, "C:/project/.agents", "protect .agents"},
    {SBX_RULE_PIN, true, "C:/project/pinned", "pin"},
    {SBX_RULE_DENY, true, "C:/project/secret", "deny"},
    {SBX_RULE_DENY, true, "C:/home/.ssh", "secret"}, /* needs no entry on path A */
};

static const char *const arguments[] = {"tool", "one argument", NULL};
static const char *const environment[] = {"PATH=C:/bin", NULL};

static sbx_plan plan;
static sbx_launch launch;
static sbx_error error;

static void set_up(void)
{
    played_reset();
    played_add_place("C:/project", true);
    played_add_place("C:/project/.git", true);
    played_add_place("C:/project/pinned", true);
    played_add_place("C:/project/secret", true);
    played_add_place("C:/home/.ssh", true);
    played_add_place("C:/single.txt", false);
    played_add_place("C:/bin/tool.EXE", false);
    plan = (sbx_plan){.run_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                      .argv = arguments,
                      .argc = 2,
                      .env = environment,
                      .path_list = "C:/bin",
                      .cwd = "C:/project",
                      .rules = rules,
                      .rule_count = SBX_COUNT_OF(rules),
                      .network = SBX_NETWORK_ADVISORY,
                      .temp_path = TEMP};
    plan.walls[SBX_WALL_TOKEN] = plan.walls[SBX_WALL_ACES] = plan.walls[SBX_WALL_JOB] = true;
    launch = (sbx_launch){.plan = &plan, .os = &played_windows, .job = played_job()};
    error = (sbx_error){.status = SBX_OK};
}

static sbx_status start(void)
{
    sbx_status st = sbx_launch_prepare(&launch, &error);

    if (st == SBX_OK)
        st = sbx_launch_start(&launch, &error);
    return st;
}

static sbx_status run(void)
{
    sbx_status st = start();

    return st == SBX_OK ? sbx_launch_go(&launch, &error) : st;
}

static void check_nothing_left(const char *when)
{
    char text[2048];

    if (played_left() == 0)
        return;
    played_describe_left(text, sizeof(text));
    fail_msg("%s: left: %s", when, text);
}

/* --- order --- */

static bool is_below_made(const char *line)
{
    const char *path = strchr(line, ' ');

    return path != NULL &&
           (strncmp(path + 1, TEMP, strlen(TEMP)) == 0 || strstr(path, "/.agents") != NULL);
}

/* The directories that are made are born with their entries, and stubs go with the temp directory. */
static bool counts(const char *line)
{
    if (strcmp(line + 1, "process") == 0 || strstr(line, "/stubs") != NULL)
        return false;
    return strncmp(line + 1, "ace", 3) != 0 || !is_below_made(line);
}

static void check_mirrored(const char *when)
{
    size_t set = 0;

    for (size_t i = 0; i < played.log_count && played.log[i][0] == '+'; i++)
        set = i + 1;
    for (size_t undone = set; undone < played.log_count; undone++) {
        const char *line = played.log[undone];

        if (!counts(line))
            continue;
        while (set > 0 && !counts(played.log[set - 1]))
            set--;
        if (set == 0 || line[0] != '-' || strcmp(line + 1, played.log[--set] + 1) != 0)
            fail_msg("%s: \"%s\" is undone out of its turn", when, line);
    }
    while (set > 0 && !counts(played.log[set - 1]))
        set--;
    if (set != 0)
        fail_msg("%s: \"%s\" is not undone", when, played.log[set - 1]);
}

static void a_launch(void **state)
{
    const char *const *leases;

    (void)state;
    set_up();
    assert_int_equal(sbx_launch_prepare(&launch, &error), SBX_OK);
    assert_int_equal(played.log_count, 0); /* nothing stands before it is written down */
    leases = sbx_launch_leases(&launch);
    assert_non_null(leases);
    for (size_t i = 0; leases[i] != NULL; i++)
        assert_non_null(strstr(leases[i], launch.run_sid));
    assert_int_equal(sbx_launch_start(&launch, &error), SBX_OK);
    assert_false(played.has_run);
    assert_string_equal(played.log[played.log_count - 1], "+process");
    assert_int_equal(played_ace_count("C:/project"), 2);
    assert_int_equal(played_ace_count("C:/project/.git"), 1);
    assert_true(played_has_place("C:/project/.agents"));
    assert_true(played_has_place(TEMP "/stubs/ssh.cmd"));
    assert_string_equal(sbx_text_string(&launch.program), "C:/bin/tool.EXE");
    assert_string_equal(sbx_text_string(&launch.line), "\"tool\" \"one argument\"");
    assert_int_equal(sbx_launch_go(&launch, &error), SBX_OK);
    assert_true(played.has_run);
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
    check_nothing_left("a launch");
    check_mirrored("a launch");
}

static void a_launch_with_a_terminal(void **state)
{
    static char pseudo;

    (void)state;
    set_up();
    launch.terminal = &pseudo;
    assert_int_equal(run(), SBX_OK);
    assert_ptr_equal(played.terminal, &pseudo);
    assert_false(played.has_stdio);
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
    check_nothing_left("a launch with a terminal"); /* and it is not the launch's to close */
    set_up();
    assert_int_equal(run(), SBX_OK);
    assert_null(played.terminal);
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
}

/* The switch of the policy reaches the token, and a host that forgets it is found out as with any other SID. */
static void a_launch_with_everyone(void **state)
{
    (void)state;
    set_up();
    assert_int_equal(start(), SBX_OK);
    assert_int_equal(launch.token_plan.restricting_count, 2);
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
    set_up();
    plan.allows_everyone = true;
    assert_int_equal(start(), SBX_OK);
    assert_int_equal(launch.token_plan.restricting_count, 3);
    assert_string_equal(launch.token_plan.restricting[2], SBX_SID_EVERYONE);
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
    check_nothing_left("a launch with Everyone");
}

/* --- faults --- */

static void check_error(void)
{
    bool is_known = error.step == SBX_STEP_EXEC || error.step == SBX_STEP_IDENTITY ||
                    error.step == SBX_STEP_MOUNT || error.step == SBX_STEP_SPAWN;

    if (!is_known || error.os_domain != SBX_OS_WIN32 || error.os_code != PLAYED_FAILURE ||
        error.message[0] == '\0')
        fail_msg("%s: step %s, code %d: \"%s\"", played.failed_in, sbx_step_word(error.step),
                 error.os_code, error.message);
}

static void every_call_of_a_launch_fails_once(void **state)
{
    unsigned n = 1, refused = 0;

    (void)state;
    for (;; n++) {
        sbx_status st;

        set_up();
        played.fails_at = n;
        st = run();
        if (played.call_count < n)
            break; /* there is no such call any more */
        if (st == SBX_OK) {
            assert_string_equal(played.failed_in, "make_desktop"); /* the one that may */
        } else {
            refused++;
            check_error();
            assert_false(played.has_run);
        }
        if (sbx_launch_end(&launch, &error) != SBX_OK)
            fail_msg("after %s: %s", played.failed_in, error.message);
        check_nothing_left(played.failed_in);
        check_mirrored(played.failed_in);
    }
    played.fails_at = 0;
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
    assert_true(refused >= 30);
}

static void release_all(const char *const *lines)
{
    for (size_t i = 0; lines[i] != NULL; i++)
        if (sbx_entries_release(lines[i], &played_windows, &error) != SBX_OK)
            fail_msg("%s: %s", lines[i], error.message);
}

static char kept[64][512];
static const char *kept_list[65];

/* What dies with the process: its memory and its handles. */
static void die(void)
{
    played.fails_at = 0;
    sbx_entries_done(&launch.entries, &played_windows);
    sbx_text_done(&launch.program);
    sbx_text_done(&launch.line);
}

static const char *const *keep_leases(void)
{
    const char *const *leases = sbx_launch_leases(&launch);
    size_t i = 0;

    for (; leases[i] != NULL; i++) {
        (void)snprintf(kept[i], sizeof(kept[i]), "%s", leases[i]);
        kept_list[i] = kept[i];
    }
    kept_list[i] = NULL;
    return kept_list;
}

/* One thing cannot be taken away: it is told, everything else goes, and the lease still knows it. */
static void every_call_of_a_teardown_fails_once(void **state)
{
    unsigned n = 1;

    (void)state;
    for (;; n++) {
        const char *const *leases;
        unsigned before;

        set_up();
        assert_int_equal(run(), SBX_OK);
        leases = keep_leases();
        before = played.call_count;
        played.fails_at = before + n;
        if (sbx_launch_end(&launch, &error) == SBX_OK) {
            assert_true(played.call_count < before + n);
            break;
        }
        check_error();
        assert_true(played_left() <= 6); /* one place, with what is in it */
        played.fails_at = 0;
        release_all(leases);
        check_nothing_left(played.failed_in);
    }
    assert_true(n > 10);
}

/* A process that was made and never let go is ended, also where that fails to be said. */
static void a_process_that_never_went(void **state)
{
    (void)state;
    set_up();
    assert_int_equal(start(), SBX_OK);
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
    assert_false(played.has_run);
    check_nothing_left("never went");
    set_up();
    assert_int_equal(start(), SBX_OK);
    played.fails_at = played.call_count + 1;
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_IO);
    assert_int_equal(error.step, SBX_STEP_SPAWN);
    assert_int_equal(played_left(), 1); /* that process, which the job ends when it is closed */
}

/* --- lies --- */

static void check_refused(const char *what, sbx_step step)
{
    if (run() != SBX_REFUSED || error.step != step)
        fail_msg("%s: %s at step %s: %s", what, sbx_status_word(error.status),
                 sbx_step_word(error.step), error.message);
    assert_false(played.has_run);
    (void)!sbx_launch_end(&launch, NULL);
}

static void a_system_that_lies(void **state)
{
    (void)state;
#define LIE(field, step)                                                                           \
    set_up();                                                                                      \
    played.field = true;                                                                           \
    check_refused(#field, step);                                                                   \
    check_nothing_left(#field)

    LIE(forgets_restricting, SBX_STEP_IDENTITY);
    LIE(keeps_privileges, SBX_STEP_IDENTITY);
    LIE(forgets_default_list, SBX_STEP_IDENTITY);
    LIE(forgets_guard, SBX_STEP_IDENTITY);
    LIE(forgets_aces, SBX_STEP_MOUNT);
    LIE(leaves_job, SBX_STEP_SPAWN);
    LIE(gives_other_token, SBX_STEP_IDENTITY);
#undef LIE
}

static void an_entry_that_does_not_go(void **state)
{
    (void)state;
    set_up();
    assert_int_equal(run(), SBX_OK);
    played.keeps_removed_aces = true;
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_IO);
    assert_non_null(strstr(error.message, "still on"));
}

/* A host that is known to hold nothing: only what needs no wall is done, and nothing is believed. */
static void a_degraded_host(void **state)
{
    (void)state;
    set_up();
    plan.walls[SBX_WALL_TOKEN] = plan.walls[SBX_WALL_ACES] = plan.walls[SBX_WALL_JOB] = false;
    played.forgets_restricting = played.forgets_aces = played.keeps_privileges = true;
    played.has_no_desktop = true;
    assert_int_equal(run(), SBX_OK);
    assert_true(played.has_run);
    assert_true(played_has_place(TEMP));
    assert_false(played_has_place("C:/project/.agents"));
    assert_int_equal(sbx_launch_end(&launch, &error), SBX_OK);
    check_nothing_left("degraded");
    set_up(); /* but never outside of the job */
    plan.walls[SBX_WALL_JOB] = false;
    played.leaves_job = true;
    check_refused("out of the job", SBX_STEP_SPAWN);
    set_up();
    launch.job = NULL;
    check_refused("no job", SBX_STEP_JOB);
}

static void a_place_that_was_replaced(void **state)
{
    (void)state;
    set_up();
    played_replace_by_link("C:/project");
    check_refused("a link", SBX_STEP_MOUNT);
    assert_int_equal(played.log_count, 0);
    set_up();
    played_add_place("C:/project/.agents", true); /* made by somebody since the plan looked */
    check_refused("made meanwhile", SBX_STEP_MOUNT);
    assert_true(played_has_place("C:/project/.agents"));
    assert_int_equal(played_ace_count("C:/project/.agents"), 0);
}

/* --- killed --- */

static void check_no_entries(void)
{
    static const char *const all[] = {
        "C:/project",        "C:/project/.git", "C:/project/.agents", "C:/project/pinned",
        "C:/project/secret", "C:/single.txt",   "C:/elsewhere"};

    for (size_t i = 0; i < SBX_COUNT_OF(all); i++)
        if (played_ace_count(all[i]) != 0)
            fail_msg("%s has entries left", all[i]);
}

static void leases_of_a_killed_run(void **state)
{
    const char *const *leases;

    (void)state;
    set_up();
    assert_int_equal(start(), SBX_OK);
    leases = keep_leases();
    die();
    played_put("C:/project/.agents"); /* somebody uses it: then it stays, without our entry */
    played_move_place("C:/project/.git", "C:/elsewhere");
    release_all(leases);
    check_no_entries();
    assert_false(played_has_place(TEMP));
    assert_true(played_has_place("C:/project/.agents"));
    release_all(leases); /* twice does no harm */
    check_no_entries();
}

/* Killed at any moment between the row and the command. */
static void killed_at_any_moment(void **state)
{
    unsigned total, before;

    (void)state;
    set_up();
    assert_int_equal(start(), SBX_OK);
    total = played.call_count;
    die();
    set_up();
    assert_int_equal(sbx_launch_prepare(&launch, &error), SBX_OK);
    before = played.call_count;
    die();
    for (unsigned n = before + 1; n <= total; n++) {
        const char *const *leases;

        set_up();
        assert_int_equal(sbx_launch_prepare(&launch, &error), SBX_OK);
        leases = keep_leases();
        played.fails_at = n;
        (void)!sbx_launch_start(&launch, &error);
        die(); /* killed there: nobody undoes */
        release_all(leases);
        check_no_entries();
        assert_false(played_has_place(TEMP));
        assert_false(played_has_place("C:/project/.agents"));
    }
}

static void somebody_elses_directory_stays(void **state)
{
    static const char lease[] =
        "ace 0000000000000000 00000000000000000000000000000000 d 000d0156 03 m S-1-5-21-1-2-3-4 ";
    char line[512];

    (void)state;
    set_up();
    played_add_place("C:/project/.agents", true);
    (void)snprintf(line, sizeof(line), "%sC:/project/.agents", lease);
    assert_int_equal(sbx_entries_release(line, &played_windows, &error), SBX_OK);
    assert_true(played_has_place("C:/project/.agents"));
    (void)snprintf(line, sizeof(line), "%sC:/project/.git", lease); /* not a temp place: no tree */
    assert_int_equal(sbx_entries_release(line, &played_windows, &error), SBX_OK);
    assert_true(played_has_place("C:/project/.git"));
    assert_int_equal(sbx_entries_release("C:/project/.git", &played_windows, &error), SBX_CORRUPT);
    assert_true(played_has_place("C:/project/.git"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_launch),
        cmocka_unit_test(a_launch_with_everyone),
        cmocka_unit_test(a_launch_with_a_terminal),
        cmocka_unit_test(every_call_of_a_launch_fails_once),
        cmocka_unit_test(every_call_of_a_teardown_fails_once),
        cmocka_unit_test(a_process_that_never_went),
        cmocka_unit_test(a_system_that_lies),
        cmocka_unit_test(an_entry_that_does_not_go),
        cmocka_unit_test(a_degraded_host),
        cmocka_unit_test(a_place_that_was_replaced),
        cmocka_unit_test(leases_of_a_killed_run),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(somebody_elses_directory_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
