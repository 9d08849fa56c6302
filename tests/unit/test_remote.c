/*
 * Starting sbx-runner.exe and having it make the command's process, on a played Windows: what must be true at each
 * moment, each system call failing once on either side, each lie told once.
 */
#include "tests/support/test.h"

#include "harness/runner/windows/remote.h"
#include "tests/support/played_remote.h"
#include "tests/support/played_terminal.h"

#define TEMP "C:/home/AppData/Local/sbx/temp/01ARZ3NDEKTSV4RRFFQ69G5FAV"

static const sbx_rule rules[] = {{SBX_RULE_WRITE, true, "C:/project", "write"}};
static const char *const arguments[] = {"tool", "one argument", NULL};
static const char *const environment[] = {"PATH=C:/bin", "EMPTY=", NULL};

static sbx_plan plan;
static sbx_launch launch;
static sbx_launch_maker maker;
static sbx_remote remote;
static sbx_error error;

static void set_up(const char *account)
{
    played_remote_reset();
    played_add_place("C:/project", true);
    played_add_place("C:/bin/tool.EXE", false);
    plan = (sbx_plan){.run_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                      .argv = arguments,
                      .argc = 2,
                      .env = environment,
                      .path_list = "C:/bin",
                      .cwd = "C:/project",
                      .rules = rules,
                      .rule_count = SBX_COUNT_OF(rules),
                      .temp_path = TEMP};
    plan.walls[SBX_WALL_TOKEN] = plan.walls[SBX_WALL_ACES] = plan.walls[SBX_WALL_JOB] = true;
    remote = (sbx_remote){.os = &played_remote,
                          .target_os = &played_windows,
                          .account = account,
                          .group = "SbxUsers",
                          .load_password = played_load_password,
                          .must_hold = true,
                          .job_must_hold = true,
                          .tries_net = true,
                          .net_must_hold = true};
    maker = sbx_remote_maker(&remote);
    launch =
        (sbx_launch){.plan = &plan, .os = &played_windows, .job = played_job(), .maker = &maker};
    error = (sbx_error){.status = SBX_OK};
}

/* As run.c does it where sbx.exe has a terminal: two pipes of its own, and the size. */
static void ask_for_terminal(void)
{
    static char typed, shown;

    played_terminal_reset();
    launch.stdio[0] = &typed;
    launch.stdio[1] = &shown;
    launch.terminal_size = (sbx_os_size){100, 40};
}

static sbx_status start(void)
{
    sbx_status st = sbx_launch_prepare(&launch, &error);

    return st == SBX_OK ? sbx_launch_start(&launch, &error) : st;
}

static sbx_status run(void)
{
    sbx_status st = start();

    return st == SBX_OK ? sbx_launch_go(&launch, &error) : st;
}

static sbx_status take_down(void)
{
    played_end_job(); /* as run.c does it */
    sbx_remote_close(&remote);
    return sbx_launch_end(&launch, &error);
}

static void check_nothing_left(const char *when)
{
    char text[2048];

    if (played_left() == 0)
        return;
    played_describe_left(text, sizeof(text));
    fail_msg("%s: left: %s", when, text);
}

static void check_doors_closed(const char *when)
{
    if (played_runner.open_doors > 0)
        fail_msg("%s: %zu doors are open", when, played_runner.open_doors);
}

static bool restricts(const char *sid)
{
    sbx_os_token found = {0};
    sbx_handle token = NULL;
    bool is_there = false;

    assert_int_equal(played_windows.open_process_token(&token, launch.child.process), 0);
    assert_int_equal(played_windows.read_token(&found, token), 0);
    played_windows.close(token);
    for (size_t i = 0; i < found.restricting_count; i++)
        is_there |= strcmp(found.restricting[i], sid) == 0;
    return is_there;
}

static void a_run(void **state)
{
    (void)state;
    set_up("SbxOffline");
    assert_int_equal(sbx_launch_prepare(&launch, &error), SBX_OK);
    assert_int_equal(played.log_count, 0); /* nothing stands before it is written down */
    assert_true(played_runner.had_password && played_runner.is_wiped);
    assert_false(played.ran_open);
    assert_true(played_runner.was_tried && played_runner.had_doors_open && remote.net_holds);
    check_doors_closed("before the command"); /* it finds none that it could go to */
    assert_string_equal(launch.who.user, PLAYED_SANDBOX_USER);
    assert_string_equal(launch.group, PLAYED_GROUP);
    assert_int_equal(sbx_launch_start(&launch, &error), SBX_OK);
    assert_false(played.has_run);
    assert_int_equal(played_runner.job_rights, 5); /* put a process in, and ask */
    assert_true(played_runner.lists_group && !played_runner.lists_user);
    assert_int_equal(launch.child.pid, 42);
    assert_true(restricts(launch.run_sid));
    assert_true(restricts(PLAYED_SANDBOX_USER));
    assert_true(restricts(PLAYED_SANDBOX_LOGON));
    assert_false(restricts(PLAYED_CALLER));
    assert_int_equal(played_ace_count("C:/project"), 4); /* the run's SID's and the group's */
    assert_int_equal(sbx_launch_go(&launch, &error), SBX_OK);
    assert_true(played.has_run);
    assert_int_equal(take_down(), SBX_OK);
    check_nothing_left("a run");
}

/* A host without sandbox users: the caller's own SID must not restrict, or it would open everything that is theirs. */
static void a_run_as_oneself(void **state)
{
    (void)state;
    set_up(NULL);
    assert_int_equal(start(), SBX_OK);
    assert_false(played_runner.had_password);
    assert_string_equal(launch.who.user, PLAYED_CALLER);
    assert_string_equal(launch.group, "");
    assert_true(restricts(launch.run_sid));
    assert_false(restricts(PLAYED_CALLER));
    assert_int_equal(played_ace_count("C:/project"), 2);
    assert_int_equal(sbx_launch_go(&launch, &error), SBX_OK);
    assert_int_equal(take_down(), SBX_OK);
    check_nothing_left("as oneself");
}

static void check_error(void)
{
    bool is_known = error.step == SBX_STEP_EXEC || error.step == SBX_STEP_IDENTITY ||
                    error.step == SBX_STEP_MOUNT || error.step == SBX_STEP_SPAWN ||
                    error.step == SBX_STEP_JOB || error.step == SBX_STEP_NET ||
                    error.step == SBX_STEP_STDIO;

    if (!is_known || error.os_domain != SBX_OS_WIN32 || error.os_code != PLAYED_FAILURE ||
        error.message[0] == '\0')
        fail_msg("%s: step %s, code %d: \"%s\"", played.failed_in, sbx_step_word(error.step),
                 error.os_code, error.message);
}

static void check_each_call(bool has_terminal, unsigned least)
{
    unsigned n = 1, refused = 0;

    for (;; n++) {
        sbx_status st;

        set_up("SbxOffline");
        if (has_terminal)
            ask_for_terminal();
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
            assert_true(!played_runner.had_password || played_runner.is_wiped);
        }
        check_doors_closed(played.failed_in);
        if (take_down() != SBX_OK)
            fail_msg("after %s: %s", played.failed_in, error.message);
        check_nothing_left(played.failed_in);
    }
    played.fails_at = 0;
    assert_int_equal(take_down(), SBX_OK);
    assert_true(refused >= least);
}

static void every_call_fails_once(void **state)
{
    (void)state;
    check_each_call(false, 50);
    check_each_call(true, 55);
}

/* The runner makes it, without privileges by then, and its host is closed to the other commands of that user. */
static void a_run_with_a_terminal(void **state)
{
    const sbx_os_list *list = &played_caller.host_list;

    (void)state;
    set_up("SbxOffline");
    ask_for_terminal();
    assert_int_equal(start(), SBX_OK);
    assert_string_equal(played_caller.order, "terminal");
    assert_int_equal(played_caller.made_size.columns, 100);
    assert_int_equal(played_caller.made_size.rows, 40);
    assert_false(played_caller.host_has_privileges);
    assert_int_equal(list->count, 2);
    for (size_t i = 0; i < list->count; i++)
        assert_true(strcmp(list->ace[i].sid, SBX_SID_SYSTEM) == 0 ||
                    list->ace[i].mask == SBX_RIGHT_READ_CONTROL);
    assert_non_null(played.terminal);
    assert_false(played.has_stdio); /* the pipes' ends are the terminal's, and not the command's */
    assert_int_equal(sbx_launch_go(&launch, &error), SBX_OK);
    assert_int_equal(take_down(), SBX_OK);
    assert_string_equal(played_caller.order, "terminal -terminal");
    check_nothing_left("a run with a terminal");
    set_up("SbxOffline");
    assert_int_equal(run(), SBX_OK);
    assert_null(played.terminal);
    assert_int_equal(take_down(), SBX_OK);
}

static void check_refused(const char *what, sbx_status status, sbx_step step)
{
    if (run() != status || error.step != step)
        fail_msg("%s: %s at step %s: %s", what, sbx_status_word(error.status),
                 sbx_step_word(error.step), error.message);
    assert_false(played.has_run);
    check_doors_closed(what);
    (void)!take_down();
    check_nothing_left(what);
}

static void lies(void **state)
{
    (void)state;
#define LIE(whose, field, status, step)                                                            \
    set_up("SbxOffline");                                                                          \
    whose.field = true;                                                                            \
    check_refused(#field, status, step)

    LIE(played_runner, forgets_pipe_list, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played_runner, forgets_own_job, SBX_REFUSED, SBX_STEP_JOB);
    LIE(played_runner, leaves_own_job, SBX_REFUSED, SBX_STEP_JOB);
    LIE(played_runner, other_client, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played_runner, other_user, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played_runner, other_nonce, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played_runner, other_version, SBX_REFUSED, SBX_STEP_SPAWN);
    LIE(played_runner, other_child, SBX_REFUSED, SBX_STEP_SPAWN);
    LIE(played_runner, other_process, SBX_REFUSED, SBX_STEP_SPAWN);
    LIE(played_runner, talks_nonsense, SBX_CORRUPT, SBX_STEP_SPAWN);
    LIE(played_runner, says_nothing, SBX_IO, SBX_STEP_SPAWN);
    LIE(played_runner, tries_nothing, SBX_CORRUPT, SBX_STEP_SPAWN);
    LIE(played, forgets_guard, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played, forgets_restricting, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played, keeps_privileges, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played, forgets_default_list, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played, gives_other_token, SBX_REFUSED, SBX_STEP_IDENTITY);
    LIE(played, leaves_job, SBX_REFUSED, SBX_STEP_SPAWN);
#undef LIE
}

/* --- the network --- */

enum { REFUSED_BY_NOBODY = 10061, TIMED_OUT = 10060, NO_ROUTE = 10051, IN_USE = 10048 };

static void check_not_closed(const char *what, const char *says)
{
    if (run() != SBX_REFUSED || error.step != SBX_STEP_NET ||
        strncmp(error.message, "net: ", 5) != 0 || strstr(error.message, says) == NULL ||
        strstr(error.message, "SbxOffline") == NULL)
        fail_msg("%s: %s at step %s: %s", what, sbx_status_word(error.status),
                 sbx_step_word(error.step), error.message);
    assert_false(played.has_run);
    assert_int_equal(played.log_count, 0); /* nothing of the run stood anywhere */
    check_doors_closed(what);
    (void)!take_down();
    check_nothing_left(what);
}

/* Only a filter's answer to every single try is one, and only if nobody came. */
static void a_network_that_is_not_closed(void **state)
{
    static const uint32_t answers[] = {
        SBX_NET_WENT,      TIMED_OUT, REFUSED_BY_NOBODY, NO_ROUTE,           IN_USE,
        SBX_NET_NO_FAMILY, 5,         SBX_NET_NO_DOOR,   SBX_NET_DENIED + 1, SBX_NET_DENIED - 1};

    (void)state;
    for (unsigned attempt = 0; attempt < SBX_NET_TRIES; attempt++)
        for (size_t i = 0; i < SBX_COUNT_OF(answers); i++) {
            char what[64];

            set_up("SbxOffline");
            played_runner.net_answer[attempt] = answers[i];
            (void)snprintf(what, sizeof(what), "try %u, answer %u", attempt, answers[i]);
            check_not_closed(what, attempt < SBX_NET_TRIES / 2 ? "IPv4" : "IPv6");
        }
    set_up("SbxOffline");
    played_runner.arrivals = 1; /* and says that it was refused */
    check_not_closed("somebody came", "somebody came");
}

/* What the machine does not have need not be closed; and what it is said not to have, it must not have. */
static void a_machine_without_ipv6(void **state)
{
    (void)state;
    set_up("SbxOffline");
    played_runner.has_no_ipv6 = true;
    assert_int_equal(run(), SBX_OK);
    assert_true(remote.net_holds);
    assert_int_equal(take_down(), SBX_OK);
    set_up("SbxOffline");
    played_runner.has_no_ipv6_loopback = true;
    assert_int_equal(run(), SBX_OK);
    assert_int_equal(take_down(), SBX_OK);
    set_up("SbxOffline");
    played_runner.has_no_ipv6_loopback = true; /* but its addresses can be had */
    played_runner.net_answer[SBX_NET_BIND_UDP6] = SBX_NET_WENT;
    check_not_closed("an address of IPv6", "IPv6");
    set_up("SbxOffline");
    played_runner.has_no_ipv6 = true;
    played_runner.net_answer[SBX_NET_CONNECT4] = SBX_NET_WENT;
    check_not_closed("IPv4 without IPv6", "IPv4");
}

/* --allow-degraded: the run goes, and knows that it is not closed. Without --net none nobody tries. */
static void a_network_that_need_not_be_closed(void **state)
{
    (void)state;
    set_up("SbxOffline");
    remote.net_must_hold = false;
    played_runner.net_answer[SBX_NET_CONNECT4] = SBX_NET_WENT;
    assert_int_equal(run(), SBX_OK);
    assert_true(played.has_run && played_runner.was_tried && !remote.net_holds);
    assert_non_null(strstr(remote.net_error.message, "connecting to the loopback"));
    assert_int_equal(take_down(), SBX_OK);
    set_up("SbxOffline");
    remote.net_must_hold = false;
    assert_int_equal(run(), SBX_OK);
    assert_true(remote.net_holds);
    assert_int_equal(take_down(), SBX_OK);
    set_up("SbxOnline");
    remote.tries_net = remote.net_must_hold = false;
    played_runner.net_answer[SBX_NET_CONNECT4] = SBX_NET_WENT;
    assert_int_equal(run(), SBX_OK);
    assert_true(played.has_run && !played_runner.was_tried && !remote.net_holds);
    assert_int_equal(take_down(), SBX_OK);
    set_up("SbxOnline");
    remote.tries_net = remote.net_must_hold = false;
    played_runner.says_tried_unasked = true;
    check_refused("nobody asked", SBX_CORRUPT, SBX_STEP_SPAWN);
    check_nothing_left("a network that need not be closed");
}

/* What the runner does not find it says in the words of a command that is not there: exit 127. */
static void no_such_program(void **state)
{
    (void)state;
    set_up("SbxOffline");
    assert_int_equal(sbx_launch_prepare(&launch, &error), SBX_OK);
    sbx_text_clear(&launch.program);
    sbx_text_add(&launch.program, "C:/bin/gone.exe");
    assert_int_equal(sbx_launch_start(&launch, &error), SBX_NOT_FOUND);
    assert_int_equal(error.step, SBX_STEP_EXEC);
    assert_non_null(strstr(error.message, "C:/bin/gone.exe"));
    (void)!take_down();
    check_nothing_left("no such program");
}

static sbx_status load_other(char *out, size_t room, const char *account, sbx_error *err)
{
    (void)account;
    (void)err;
    (void)snprintf(out, room, "wrong");
    return SBX_OK;
}

static void a_wrong_password(void **state)
{
    (void)state;
    set_up("SbxOffline");
    remote.load_password = load_other;
    assert_int_equal(sbx_launch_prepare(&launch, &error), SBX_IO);
    assert_int_equal(error.os_code, SBX_OS_LOGON_FAILED);
    assert_non_null(strstr(error.message, "SbxOffline"));
    assert_null(strstr(error.message, "wrong"));
    assert_true(played_runner.is_wiped);
    (void)!take_down();
    check_nothing_left("a wrong password");
}

/* The switch of the policy reaches the token that the runner makes. */
static void a_run_with_everyone(void **state)
{
    (void)state;
    set_up(NULL);
    assert_int_equal(run(), SBX_OK);
    assert_false(restricts(SBX_SID_EVERYONE));
    assert_int_equal(take_down(), SBX_OK);
    set_up(NULL);
    plan.allows_everyone = remote.allows_everyone = true;
    assert_int_equal(run(), SBX_OK);
    assert_true(restricts(SBX_SID_EVERYONE));
    assert_int_equal(take_down(), SBX_OK);
    check_nothing_left("a run with Everyone");
}

/* A host that is known to hold nothing: nothing is believed, but the command is never out of its job. */
static void a_degraded_host(void **state)
{
    (void)state;
    set_up(NULL);
    plan.walls[SBX_WALL_TOKEN] = plan.walls[SBX_WALL_ACES] = plan.walls[SBX_WALL_JOB] = false;
    remote.must_hold = remote.job_must_hold = false;
    played.forgets_restricting = played.forgets_guard = played.keeps_privileges = true;
    played_runner.forgets_pipe_list = played_runner.forgets_own_job = true;
    assert_int_equal(run(), SBX_OK);
    assert_true(played.has_run);
    assert_int_equal(take_down(), SBX_OK);
    check_nothing_left("degraded");
    set_up(NULL);
    plan.walls[SBX_WALL_JOB] = remote.job_must_hold = false;
    played_runner.leaves_own_job = true;
    check_refused("out of its job", SBX_REFUSED, SBX_STEP_JOB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run),
        cmocka_unit_test(a_run_as_oneself),
        cmocka_unit_test(every_call_fails_once),
        cmocka_unit_test(a_run_with_a_terminal),
        cmocka_unit_test(lies),
        cmocka_unit_test(a_network_that_is_not_closed),
        cmocka_unit_test(a_machine_without_ipv6),
        cmocka_unit_test(a_network_that_need_not_be_closed),
        cmocka_unit_test(no_such_program),
        cmocka_unit_test(a_wrong_password),
        cmocka_unit_test(a_run_with_everyone),
        cmocka_unit_test(a_degraded_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
