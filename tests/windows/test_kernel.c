/*
 * What Windows itself tells of denials, without a setup: where it cannot be heard that is said, nothing is called that is not
 * there, and a run goes on. The numbers of processes that have ended stay theirs. What is told on a machine that was set up:
 * test_setup_whole.c.
 */
#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/runner/windows/kernel.h"
#include "harness/setup/windows/as_user.h"
#include "tests/support/windows/program.h"

enum { WAIT_MS = 30000 };

static const char user[] = "S-1-5-21-1-2-3-1005"; /* of nobody */

static void the_log_is_heard_or_refused(void **state)
{
    sbx_event_log *log = NULL;
    sbx_error err = {0};
    sbx_status st = sbx_event_log_open(&log, user, NULL, &err);

    (void)state;
    if (st == SBX_OK) {
        assert_false(program_is_wine()); /* which would have to be looked at, then */
        assert_int_equal(sbx_event_log_lost(log), 0);
    } else {
        assert_int_equal(st, SBX_REFUSED);
        assert_null(log);
        assert_true(strstr(err.message, "security log") != NULL);
        if (!program_is_wine() && !sbx_as_user_is_elevated())
            assert_non_null(strstr(err.message, "Event Log Readers"));
    }
    sbx_event_log_close(log);
}

static void the_platform_is_heard_or_refused(void **state)
{
    sbx_net_events *net = NULL;
    sbx_error err = {0};
    sbx_status st = sbx_net_events_open(&net, user, NULL, &err);

    (void)state;
    if (program_is_wine()) {
        assert_int_equal(st, SBX_REFUSED);
        assert_null(net);
        assert_non_null(strstr(err.message, "this Windows has no Fwpm"));
    } else {
        assert_true(st == SBX_OK || st == SBX_REFUSED);
    }
    if (st == SBX_OK)
        assert_int_equal(sbx_net_events_lost(net), 0);
    sbx_net_events_close(net);
}

/* Neither is heard: there is nothing to hold, and nothing to say. */
static void a_run_goes_on_without(void **state)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    sbx_processes *list = sbx_processes_create();
    sbx_members *members = sbx_members_create(list, job);
    sbx_denials *denials = sbx_denials_create();
    sbx_plan plan = {.network = SBX_NETWORK_NONE};
    sbx_kernel *kernel = sbx_kernel_open(&plan, members, denials, user, NULL);
    sbx_text sources = {0};

    (void)state;
    if (program_is_wine())
        assert_null(kernel);
    if (kernel != NULL) { /* of a user that nobody is nothing is told */
        ULONGLONG before = GetTickCount64();

        assert_true(sbx_kernel_finish(kernel));
        assert_true(GetTickCount64() - before < 5000);
        sbx_kernel_add_sources(&sources, kernel);
        assert_null(strstr(sbx_text_string(&sources), "security_log"));
    }
    assert_int_equal(sbx_denials_count(denials), 0);
    sbx_text_done(&sources);
    sbx_kernel_free(kernel);
    sbx_members_free(members);
    sbx_denials_free(denials);
    sbx_processes_free(list);
    CloseHandle(job);
}

static void the_doctor_says_both(void **state)
{
    const char *argv[] = {program_sbx(), "doctor", "--json", NULL};
    program_run done = {0};

    (void)state;
    program_do(&done, argv, NULL, 0);
    assert_non_null(strstr(done.out, "\"subject\":\"object-audit\""));
    assert_non_null(strstr(done.out, "\"subject\":\"net-events\""));
    if (program_is_wine()) {
        assert_non_null(strstr(done.out, "\"subject\":\"object-audit\",\"state\":\"missing\""));
        assert_non_null(strstr(done.out, "\"subject\":\"net-events\",\"state\":\"missing\""));
        assert_non_null(strstr(done.out, "sbx-setup install --audit-denials"));
    }
    program_done(&done);
}

/* --- whose a number is --- */

static uint32_t start_and_end(HANDLE job, sbx_members *members)
{
    const char *argv[] = {program_self(), "--probe", "wait", NULL};
    HANDLE child = program_start(argv);
    uint32_t pid = GetProcessId(child);

    assert_true(AssignProcessToJobObject(job, child));
    sbx_members_add(members, pid);
    (void)sbx_members_look(members);
    assert_true(TerminateProcess(child, 0));
    assert_int_equal(WaitForSingleObject(child, WAIT_MS), WAIT_OBJECT_0);
    CloseHandle(child);
    sbx_members_end(members, pid);
    return pid;
}

static void the_number_of_one_that_ended_stays_its_own(void **state)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    sbx_processes *list = sbx_processes_create();
    sbx_members *members = sbx_members_create(list, job);
    uint32_t pid = start_and_end(job, members), by_program = 0;
    const char *exe = sbx_processes_exe(list, (int32_t)pid);

    (void)state;
    assert_false(sbx_members_had(members, pid)); /* nobody holds it */
    assert_true(sbx_members_keep_ended(members));
    assert_true(sbx_members_keep_ended(members));
    pid = start_and_end(job, members);
    assert_true(sbx_members_had(members, pid));
    assert_false(sbx_members_had(members, GetCurrentProcessId())); /* alive, and not of the job */
    sbx_members_end_all(members);
    assert_true(sbx_members_had(members, pid));
    assert_non_null(exe);
    assert_true(sbx_members_had_program(members, exe, &by_program));
    assert_int_equal(by_program, 0); /* two were */
    assert_false(sbx_members_had_program(members, "C:/nothing.exe", &by_program));
    sbx_members_free(members);
    sbx_processes_free(list);
    CloseHandle(job);
}

static int probe(int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "wait") == 0)
        Sleep(WAIT_MS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_is_heard_or_refused),
        cmocka_unit_test(the_platform_is_heard_or_refused),
        cmocka_unit_test(a_run_goes_on_without),
        cmocka_unit_test(the_doctor_says_both),
        cmocka_unit_test(the_number_of_one_that_ended_stays_its_own),
    };
    int code = 0;

    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
