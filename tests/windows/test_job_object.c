/*
 * limits/windows against a system in a table: one that keeps what it is told, one that forgets, and one whose n-th
 * call fails. What a real Windows does with a job has not been tried.
 */
#include "tests/support/test.h"

#include "harness/base/clock.h"
#include "limits/job.h"
#include "limits/windows/os.h"

enum { MIB = 1 << 20 };

/* The system that is played. */
static struct {
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate;
    JOBOBJECT_BASIC_UI_RESTRICTIONS ui;
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION used;
    int open_count, call_count, fails_at;
    bool forgets;
    DWORD adds_flags;
    bool is_terminated;
    DWORD messages[8];
    ULONG_PTR keys[8];
    size_t message_count, posted_count;
    ULONG_PTR posted_key;
} played;

/* From that call on, because a job that cannot hold everything is tried once more with less. */
static bool fails(void)
{
    if (++played.call_count < played.fails_at || played.fails_at == 0)
        return false;
    SetLastError(ERROR_NOT_ENOUGH_QUOTA);
    return true;
}

static HANDLE make_handle(void)
{
    static char places[16];

    if (fails())
        return NULL;
    return &places[played.open_count++];
}

static void *known(JOBOBJECTINFOCLASS what, size_t *out_bytes)
{
    switch (what) {
    case JobObjectExtendedLimitInformation:
        *out_bytes = sizeof(played.limits);
        return &played.limits;
    case JobObjectCpuRateControlInformation:
        *out_bytes = sizeof(played.rate);
        return &played.rate;
    case JobObjectBasicUIRestrictions:
        *out_bytes = sizeof(played.ui);
        return &played.ui;
    case JobObjectBasicAccountingInformation:
        *out_bytes = sizeof(played.used);
        return &played.used;
    default:
        return NULL;
    }
}

static bool set(HANDLE job, JOBOBJECTINFOCLASS what, const void *data, DWORD bytes)
{
    size_t room = 0;
    void *at = known(what, &room);

    (void)job;
    if (fails())
        return false;
    if (at != NULL && room == bytes && !played.forgets)
        memcpy(at, data, bytes);
    played.limits.BasicLimitInformation.LimitFlags |= played.adds_flags;
    return true;
}

static bool get(HANDLE job, JOBOBJECTINFOCLASS what, void *data, DWORD bytes)
{
    size_t room = 0;
    const void *at = known(what, &room);

    (void)job;
    if (fails() || at == NULL || room != bytes)
        return false;
    memcpy(data, at, bytes);
    return true;
}

static bool terminate(HANDLE job, UINT code)
{
    (void)job;
    (void)code;
    played.is_terminated = true;
    return !fails();
}

/* Each message takes one process away. */
static bool wait_for(HANDLE port, DWORD timeout_ms, DWORD *out_bytes, ULONG_PTR *out_key,
                     LPOVERLAPPED *out_value)
{
    (void)port;
    if (played.message_count == 0) {
        Sleep(timeout_ms == INFINITE ? 0 : timeout_ms);
        return false;
    }
    played.message_count--;
    *out_bytes = played.messages[played.message_count];
    *out_key = played.keys[played.message_count];
    *out_value = NULL;
    if (*out_key == SBX_JOB_PORT_KEY && played.used.ActiveProcesses > 0)
        played.used.ActiveProcesses--;
    return true;
}

static bool post(HANDLE port, DWORD bytes, ULONG_PTR key, LPOVERLAPPED value)
{
    (void)port;
    (void)bytes;
    (void)value;
    played.posted_count++;
    played.posted_key = key;
    return true;
}

static void close_handle(HANDLE handle)
{
    (void)handle;
    played.open_count--;
}

static const sbx_job_os table = {make_handle, make_handle, set,  get,
                                 terminate,   wait_for,    post, close_handle};

static int begin(void **state)
{
    (void)state;
    memset(&played, 0, sizeof(played));
    sbx_job_os_used = &table;
    return 0;
}

static int end(void **state)
{
    (void)state;
    sbx_job_os_used = &sbx_job_os_real;
    return played.open_count; /* a handle that is left fails the test */
}

static sbx_limits all_limits(void)
{
    sbx_limits limits;

    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = 64 * MIB;
    limits.value[SBX_LIMIT_PROCESSES] = 5;
    limits.value[SBX_LIMIT_CPU] = 3 * SBX_NS_PER_S;
    limits.value[SBX_LIMIT_CPUS] = 1; /* a thousandth: no host has no more than that */
    return limits;
}

static sbx_status make(sbx_job **out, bool allow_degraded, sbx_error *err)
{
    sbx_limits limits = all_limits();
    sbx_job_options options = {.name = "x", .allow_degraded = allow_degraded};

    memset(err, 0, sizeof(*err));
    *out = NULL;
    return sbx_job_create(out, &limits, &options, err);
}

static void a_system_that_keeps_its_word(void **state)
{
    static const sbx_limit_kind held[] = {SBX_LIMIT_MEMORY, SBX_LIMIT_PROCESSES, SBX_LIMIT_CPU,
                                          SBX_LIMIT_CPUS};
    const DWORD flags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE |
                        JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION | JOB_OBJECT_LIMIT_JOB_MEMORY |
                        JOB_OBJECT_LIMIT_PROCESS_MEMORY | JOB_OBJECT_LIMIT_ACTIVE_PROCESS |
                        JOB_OBJECT_LIMIT_JOB_TIME;
    sbx_job *job;
    sbx_error err;

    (void)state;
    assert_int_equal(make(&job, false, &err), SBX_OK);
    for (size_t i = 0; i < SBX_COUNT_OF(held); i++)
        assert_int_equal(sbx_job_enforcer(job, held[i]), SBX_ENFORCER_JOB_OBJECT);
    assert_int_equal(played.limits.BasicLimitInformation.LimitFlags, flags);
    assert_int_equal(played.limits.BasicLimitInformation.ActiveProcessLimit, 5);
    assert_int_equal(played.limits.JobMemoryLimit, 64 * MIB);
    assert_int_equal(played.limits.BasicLimitInformation.PerJobUserTimeLimit.QuadPart, 30000000);
    assert_int_equal(played.rate.ControlFlags, 0x1 | 0x4);
    assert_int_equal(played.rate.CpuRate >= 1 && played.rate.CpuRate <= 10, 1);
    assert_int_equal(played.ui.UIRestrictionsClass, 0xFF);
    sbx_job_free(job);
}

static void a_system_that_forgets_is_refused(void **state)
{
    sbx_job *job;
    sbx_error err;

    (void)state;
    played.forgets = true;
    assert_int_equal(make(&job, false, &err), SBX_REFUSED);
    assert_int_equal(err.step, SBX_STEP_JOB);
    assert_non_null(strstr(err.message, "read back"));
    assert_null(job);
}

/* With leave, it runs, and nobody is said to hold anything. */
static void a_system_that_forgets_holds_nothing(void **state)
{
    sbx_job *job;
    sbx_error err;

    (void)state;
    played.forgets = true;
    assert_int_equal(make(&job, true, &err), SBX_OK);
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
        assert_int_equal(sbx_job_enforcer(job, (sbx_limit_kind)kind), SBX_ENFORCER_NONE);
    sbx_job_free(job);
}

static void a_way_out_of_the_job_is_refused(void **state)
{
    sbx_job *job;
    sbx_error err;

    (void)state;
    played.adds_flags = JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    assert_int_equal(make(&job, false, &err), SBX_REFUSED);
    assert_non_null(strstr(err.message, "kill-on-close"));
}

/* Each call of the set-up, one after the other: an error with its step, and nothing left open. */
static void every_call_may_fail(void **state)
{
    sbx_job *job;
    sbx_error err;
    int calls;

    (void)state;
    assert_int_equal(make(&job, false, &err), SBX_OK);
    calls = played.call_count;
    sbx_job_free(job);
    assert_true(calls >= 9);
    for (int n = 1; n <= calls; n++) {
        memset(&played, 0, sizeof(played));
        played.fails_at = n;
        if (make(&job, false, &err) == SBX_OK)
            fail_msg("call %d failed, and nobody noticed", n);
        assert_int_equal(err.step, SBX_STEP_JOB);
        assert_true(strlen(err.message) > 20);
        assert_int_equal(played.open_count, 0);
    }
}

static void what_the_port_says(void **state)
{
    sbx_job_report report;
    sbx_usage usage;
    sbx_job *job;
    sbx_error err;

    (void)state;
    assert_int_equal(make(&job, false, &err), SBX_OK);
    sbx_job_check(job, 1, &report);
    assert_false(report.memory_reached || report.processes_reached || report.cpu_reached);
    for (int i = 0; i < 3; i++)
        sbx_job_take_message(job, JOB_OBJECT_MSG_NEW_PROCESS);
    sbx_job_take_message(job, JOB_OBJECT_MSG_ABNORMAL_EXIT_PROCESS);
    sbx_job_take_message(job, JOB_OBJECT_MSG_NEW_PROCESS);
    sbx_job_take_message(job, JOB_OBJECT_MSG_ACTIVE_PROCESS_LIMIT);
    sbx_job_check(job, 2, &report);
    assert_true(report.processes_reached && !report.memory_reached);
    sbx_job_take_message(job, JOB_OBJECT_MSG_JOB_MEMORY_LIMIT);
    sbx_job_check(job, 3, &report);
    assert_true(report.processes_reached && report.memory_reached && !report.cpu_reached);
    sbx_usage_init(&usage);
    sbx_job_read_usage(job, &usage);
    assert_int_equal(usage.processes_peak_count, 3);
    assert_true(usage.user_ns == SBX_UNLIMITED); /* this system does not say */
    sbx_job_free(job);
}

/* Kernel time counts too, which the job's own limit would not see. */
static void cpu_time_of_both_kinds(void **state)
{
    sbx_job_report report;
    sbx_job *job;
    sbx_error err;

    (void)state;
    assert_int_equal(make(&job, false, &err), SBX_OK);
    played.used.TotalUserTime.QuadPart = 10000000;
    played.used.TotalKernelTime.QuadPart = 19999999;
    sbx_job_check(job, 1000, &report);
    assert_false(report.cpu_reached);
    assert_true(sbx_job_next_check_ns(job) > 1000);
    assert_true(sbx_job_next_check_ns(job) < SBX_UNLIMITED);
    played.used.TotalKernelTime.QuadPart = 20000000;
    sbx_job_check(job, 2000, &report);
    assert_true(report.cpu_reached);
    assert_true(sbx_job_next_check_ns(job) == SBX_UNLIMITED);
    sbx_job_free(job);
}

static void killing_waits_for_the_last(void **state)
{
    sbx_job *job;
    sbx_error err;

    (void)state;
    assert_int_equal(make(&job, false, &err), SBX_OK);
    played.used.ActiveProcesses = 2;
    played.messages[0] = JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO;
    played.keys[0] = SBX_JOB_PORT_KEY;
    played.keys[1] = 7; /* not the job's: put back */
    played.messages[2] = JOB_OBJECT_MSG_EXIT_PROCESS;
    played.keys[2] = SBX_JOB_PORT_KEY;
    played.message_count = 3;
    assert_int_equal(sbx_job_kill(job, SBX_NS_PER_S, &err), SBX_OK);
    assert_true(played.is_terminated);
    assert_int_equal(played.used.ActiveProcesses, 0);
    assert_int_equal(played.posted_count, 1);
    assert_int_equal(played.posted_key, 7);
    played.used.ActiveProcesses = 1; /* one that does not die */
    assert_int_equal(sbx_job_kill(job, 20 * SBX_NS_PER_MS, &err), SBX_BUSY);
    sbx_job_free(job);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_system_that_keeps_its_word),
        TEST(a_system_that_forgets_is_refused),
        TEST(a_system_that_forgets_holds_nothing),
        TEST(a_way_out_of_the_job_is_refused),
        TEST(every_call_may_fail),
        TEST(what_the_port_says),
        TEST(cpu_time_of_both_kinds),
        TEST(killing_waits_for_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
