/*
 * Trying whether the network is closed, with real sockets and the real sbx-runner.exe, where it is not closed: as the caller
 * itself, to whom nobody closes it. All of the tries go through, and a run that counts on the wall is refused and names it.
 * That it holds for a sandbox user is in test_setup_whole.c.
 */
#include "tests/support/test.h"

#include <winsock2.h>

#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/runner/runner.h"
#include "harness/runner/windows/inside.h"
#include "harness/runner/windows/pipe.h"
#include "harness/runner/windows/remote.h"
#include "tests/support/windows/program.h"

static char database[600], honest[700], lying[700];

/* --- the sockets --- */

static unsigned count_doors(const sbx_net_doors *doors)
{
    unsigned count = 0;

    for (unsigned i = 0; i < SBX_NET_DOORS; i++) {
        DWORD flags = HANDLE_FLAG_INHERIT;

        assert_int_equal(doors->door[i] != NULL, doors->port[i] != 0);
        if (doors->door[i] == NULL)
            continue;
        count++;
        assert_true(GetHandleInformation(doors->door[i], &flags));
        assert_int_equal(flags & HANDLE_FLAG_INHERIT, 0);
    }
    assert_true(doors->port[0] != 0 && doors->port[1] != 0);
    return count;
}

/* What there is a door for is gone through, and is heard of. */
static void an_open_network(void **state)
{
    sbx_net_doors doors;
    uint32_t answer[SBX_NET_TRIES];
    unsigned arrivals = 77, count;
    sbx_error error;

    (void)state;
    assert_int_equal(sbx_net_doors_open(&doors), 0);
    count = count_doors(&doors);
    assert_int_equal(sbx_net_doors_count(&arrivals, &doors), 0);
    assert_int_equal(arrivals, 0);
    sbx_net_try_all(answer, doors.port);
    for (unsigned i = 0; i < SBX_NET_TRIES / 2; i++)
        assert_int_equal(answer[i], SBX_NET_WENT);
    for (unsigned i = SBX_NET_TRIES / 2; doors.has_ipv6 && i < SBX_NET_TRIES; i++)
        if (answer[i] != SBX_NET_WENT && answer[i] != SBX_NET_NO_DOOR)
            fail_msg("try %u: %u", i, answer[i]);
    assert_int_equal(sbx_net_doors_count(&arrivals, &doors), 0);
    assert_int_equal(arrivals, count);
    assert_int_equal(sbx_net_judge(answer, &doors, arrivals, "you", &error), SBX_REFUSED);
    assert_int_equal(error.step, SBX_STEP_NET);
    sbx_net_doors_close(&doors);
    assert_true(doors.door[0] == NULL && doors.port[0] == 0 && !doors.is_started);
}

/* Somebody who does not listen is no filter: another number, and soon. */
static void doors_that_are_closed(void **state)
{
    sbx_net_doors doors;
    uint16_t port[SBX_NET_DOORS];
    uint32_t answer[SBX_NET_TRIES];
    ULONGLONG began = GetTickCount64();

    (void)state;
    assert_int_equal(sbx_net_doors_open(&doors), 0);
    memcpy(port, doors.port, sizeof(port));
    sbx_net_doors_close(&doors);
    sbx_net_try_all(answer, port);
    if (answer[SBX_NET_CONNECT4] != WSAECONNREFUSED && answer[SBX_NET_CONNECT4] != WSAETIMEDOUT)
        fail_msg("connecting: %u", answer[SBX_NET_CONNECT4]);
    assert_true(GetTickCount64() - began < 3 * SBX_NET_TRY_MS);
    sbx_net_doors_close(&doors); /* once more is nothing */
}

/* --- a runner that says it was refused, and was not: this program once more, beside a copy of itself --- */

static bool hear(HANDLE pipe, sbx_protocol_reader *reader, sbx_frame *out)
{
    uint8_t data[256];
    bool has = false;

    while (!has) {
        size_t wanted = sbx_protocol_wanted(reader), bytes = 0, used = 0;

        if (sbx_pipe_read(pipe, data, wanted < sizeof(data) ? wanted : sizeof(data), &bytes,
                          10000) != 0 ||
            sbx_protocol_read(reader, data, bytes, &used, out, &has, NULL) != SBX_OK)
            return false;
    }
    return true;
}

static void say(HANDLE pipe, sbx_text *frame)
{
    (void)sbx_pipe_write(pipe, frame->data, frame->bytes, 5000);
    sbx_text_done(frame);
}

static void greet(HANDLE pipe, const wchar_t *name, const sbx_inside *inside)
{
    sbx_frame_hello hello = {.version = SBX_PROTOCOL_VERSION};
    sbx_text frame = {0};

    for (size_t i = 0; i < SBX_PROTOCOL_NONCE_BYTES; i++) {
        unsigned byte = 0;

        (void)swscanf(name + wcslen(L"\\\\.\\pipe\\sbx-") + 2 * i, L"%2x", &byte);
        hello.nonce[i] = (uint8_t)byte;
    }
    hello.user = inside->own.user;
    hello.logon = inside->own.logon;
    sbx_protocol_add_hello(&frame, &hello);
    say(pipe, &frame);
}

static int lie(void)
{
    static sbx_inside inside = {.os = &sbx_target_os_real};
    static sbx_protocol_reader reader;
    sbx_text frame = {0};
    sbx_frame_tried tried;
    sbx_frame heard;
    wchar_t name[128];
    HANDLE pipe;

    if (swscanf(GetCommandLineW(), L"sbx-runner %127ls", name) != 1)
        return 3;
    pipe = CreateFileW(name,
                       FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES |
                           FILE_WRITE_ATTRIBUTES | SYNCHRONIZE,
                       0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (pipe == INVALID_HANDLE_VALUE || sbx_inside_look(&inside, NULL) != SBX_OK)
        return 4;
    greet(pipe, name, &inside);
    sbx_protocol_reader_init(&reader, SBX_SIDE_SBX);
    if (!hear(pipe, &reader, &heard) || heard.kind != SBX_FRAME_TRY)
        return 5;
    sbx_net_try_all(tried.answer, heard.try.port);
    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        tried.answer[i] = SBX_NET_DENIED;
    sbx_protocol_add_tried(&frame, &tried);
    say(pipe, &frame);
    Sleep(60000); /* it has to be ended */
    return 0;
}

/* --- a run that counts on the wall --- */

/* What a run begins with that counts on the wall. Wine's jobs do not hold, without which no whole run gets that far. */
static int open_here(void)
{
    sbx_remote remote = {.os = &sbx_remote_os_real,
                         .target_os = &sbx_target_os_real,
                         .tries_net = true,
                         .net_must_hold = true};
    char caller[SBX_SID_TEXT_BYTES], group[SBX_OS_SID_BYTES];
    sbx_error error = {.status = SBX_OK};
    sbx_status st = sbx_security_user(caller, &error);

    if (st == SBX_OK)
        st = sbx_remote_open(&remote, caller, group, &error);
    sbx_remote_close(&remote);
    printf("%s %s %s", sbx_status_word(st), sbx_step_word(error.step), error.message);
    return 0;
}

/* By a plan that says that the network is closed, as it is on a machine that was set up; all else is degraded. */
static int run_here(const char *path)
{
    const char *const argv[] = {program_self(), "--probe", "nothing", NULL};
    const char *const environment[] = {"PATH=C:/windows/system32", "LOCALAPPDATA=C:/users/public",
                                       "SYSTEMROOT=C:/windows", NULL};
    const sbx_host host = {.restricts_tokens = false};
    const sbx_plan_request request = {
        .argv = argv, .environment = environment, .allow_degraded = true, .host = &host};
    const sbx_run_options options = {
        .audit_path = path, .audit_required = true, .audit_busy_ns = 10 * UINT64_C(1000000000)};
    sbx_error error = {.status = SBX_OK};
    sbx_policy policy;
    sbx_result result;
    sbx_plan plan;

    sbx_policy_init(&policy);
    policy.identity = SBX_IDENTITY_SANDBOX;
    if (sbx_plan_make(&plan, &policy, &request, &error) != SBX_OK) {
        printf("no plan: %s", error.message);
        return 1;
    }
    plan.walls[SBX_WALL_NET] = true;
    sbx_text_clear(&plan.missing);
    sbx_run(&result, &plan, &options);
    printf("%s %s [%s] [%s] %d %s", sbx_outcome_word(result.verdict.outcome), result.verdict.reason,
           sbx_text_string(&result.missing), sbx_text_string(&result.walls), result.is_partial,
           result.events.has_error ? result.events.error.message : "");
    return 0;
}

static int probe(int argc, char **argv)
{
    if (strcmp(argv[0], "open") == 0)
        return open_here();
    return argc == 2 ? run_here(argv[1]) : 0;
}

static void copy_file(const char *from, const char *to)
{
    wchar_t *wide_from = sbx_wide_path(from), *wide_to = sbx_wide_path(to);

    assert_true(CopyFileW(wide_from, wide_to, FALSE));
    free(wide_from);
    free(wide_to);
}

/* This program with a runner beside it, which is where a run looks for one. */
static void make_place(char out_program[700], const char *name, const char *runner)
{
    const char *place = program_place(name);
    char to[700];

    (void)snprintf(to, sizeof(to), "%s/sbx-runner.exe", place);
    copy_file(runner, to);
    (void)snprintf(out_program, 700, "%s/test.exe", place);
    copy_file(program_self(), out_program);
    for (char *at = out_program; *at != '\0'; at++)
        if (*at == '/')
            *at = '\\';
}

static int begin(void **state)
{
    char runner[1024];

    (void)state;
    (void)snprintf(database, sizeof(database), "%s/audit.db", program_place("net"));
    (void)snprintf(runner, sizeof(runner), "%s", program_sbx());
    (void)snprintf(strrchr(runner, '\\') + 1, 32, "sbx-runner.exe");
    make_place(honest, "honest", runner);
    make_place(lying, "lying", program_self());
    return 0;
}

static void check_run(const char *program, const char *verb, const char *begins)
{
    const char *argv[] = {program, "--probe", verb, database, NULL};
    program_run done = {0};

    if (!program_is_wine())
        skip(); /* a caller's own token is refused there for other reasons before */
    program_do(&done, argv, NULL, 0);
    if (done.code != 0 || strncmp(done.out, begins, strlen(begins)) != 0)
        fail_msg("%s: code %lu: %s %s", verb, done.code, done.out, done.err);
    program_done(&done);
}

static void a_run_is_refused(void **state)
{
    (void)state;
    check_run(honest, "open", "refused net net: the network is not closed to you: ");
}

/* In its result and in its row. */
static void a_degraded_run_says_so(void **state)
{
    (void)state;
    check_run(honest, "degraded", "ok  [net] [] 1 ");
    program_check_row(database, "status || ' ' || enforcement || ' ' || missing", "ok partial net");
}

/* By real sockets: its answers are a filter's, and it came. */
static void a_runner_that_lies(void **state)
{
    (void)state;
    check_run(
        lying, "open",
        "refused net net: that the network is closed to you was not proven: it is said to have "
        "been refused, and somebody came");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_network),    cmocka_unit_test(doors_that_are_closed),
        cmocka_unit_test(a_run_is_refused),   cmocka_unit_test(a_degraded_run_says_so),
        cmocka_unit_test(a_runner_that_lies),
    };
    int code = 0;

    if (wcsncmp(GetCommandLineW(), L"sbx-runner ", 11) == 0)
        return lie();
    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
