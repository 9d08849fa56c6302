/*
 * Something else in the place of sbx-runner.exe: this very program, copied beside a copy of sbx.exe. Whatever it says, the
 * run is an error with a row, the command has not run or is ended, and nothing of it is left.
 */
#include "tests/support/test.h"

#include <wchar.h>

#include "harness/base/windows/wide.h"
#include "harness/runner/windows/inside.h"
#include "harness/runner/windows/pipe.h"
#include "tests/support/windows/program.h"

static char database[600], marker[600], sbx[700];

/* --- the false runner --- */

typedef struct impostor {
    HANDLE pipe;
    wchar_t name[128];
    const char *mode;
    sbx_inside inside;
    sbx_protocol_reader reader;
} impostor;

static void say(impostor *self, sbx_text *frame)
{
    (void)sbx_pipe_write(self->pipe, frame->data, frame->bytes, 5000);
    sbx_text_done(frame);
}

static bool is_mode(const impostor *self, const char *mode)
{
    return strcmp(self->mode, mode) == 0;
}

static void greet(impostor *self)
{
    sbx_frame_hello hello = {.version = SBX_PROTOCOL_VERSION + is_mode(self, "version")};
    sbx_text frame = {0};

    for (size_t i = 0; i < SBX_PROTOCOL_NONCE_BYTES; i++) {
        unsigned byte = 0;

        (void)swscanf(self->name + wcslen(L"\\\\.\\pipe\\sbx-") + 2 * i, L"%2x", &byte);
        hello.nonce[i] = (uint8_t)byte;
    }
    hello.nonce[0] ^= is_mode(self, "nonce");
    hello.user = is_mode(self, "user") ? "S-1-5-21-1-1-1-1" : self->inside.own.user;
    hello.logon = self->inside.own.logon;
    sbx_protocol_add_hello(&frame, &hello);
    say(self, &frame);
}

static bool await_frame(impostor *self, sbx_frame *out)
{
    static uint8_t data[4096];
    bool has = false;

    while (!has) {
        size_t wanted = sbx_protocol_wanted(&self->reader), bytes = 0, used = 0;

        if (sbx_pipe_read(self->pipe, data, wanted < sizeof(data) ? wanted : sizeof(data), &bytes,
                          10000) != 0 ||
            sbx_protocol_read(&self->reader, data, bytes, &used, out, &has, NULL) != SBX_OK)
            return false;
    }
    return true;
}

/* Asked whether the network is closed it says that it is, or something else than an answer. */
static void answer_try(impostor *self)
{
    sbx_frame_tried tried;
    sbx_text frame = {0};

    for (unsigned i = 0; i < SBX_NET_TRIES; i++)
        tried.answer[i] = SBX_NET_DENIED;
    if (is_mode(self, "untried"))
        sbx_protocol_add_started(&frame, &(sbx_frame_started){GetCurrentProcessId(), 4, 8});
    else
        sbx_protocol_add_tried(&frame, &tried);
    if (is_mode(self, "tried-twice"))
        sbx_protocol_add_tried(&frame, &tried);
    say(self, &frame);
}

static bool await_start(impostor *self, sbx_frame *out)
{
    if (!await_frame(self, out))
        return false;
    if (out->kind != SBX_FRAME_TRY)
        return true;
    answer_try(self);
    return await_frame(self, out);
}

/* The command's process is a real one; what is said about it, or after it, is not. */
static void start(impostor *self, const sbx_frame_start *asked)
{
    static const sbx_handle nothing[3];
    sbx_frame_started started;
    sbx_text frame = {0};

    if (sbx_inside_make(&self->inside, asked, (HANDLE)(uintptr_t)asked->job, nothing, NULL) !=
        SBX_OK)
        ExitProcess(1);
    started = (sbx_frame_started){self->inside.child.pid, (uintptr_t)self->inside.child.process,
                                  (uintptr_t)self->inside.child.thread};
    if (is_mode(self, "itself")) { /* hands itself over, which is in no job of the command's */
        HANDLE copy = NULL;

        (void)DuplicateHandle(GetCurrentProcess(), GetCurrentProcess(), GetCurrentProcess(), &copy,
                              0, FALSE, DUPLICATE_SAME_ACCESS);
        started.pid = GetCurrentProcessId();
        started.process = (uintptr_t)copy;
    }
    started.pid += is_mode(self, "pid");
    started.process = is_mode(self, "handle") ? 0x7ffffffc : started.process;
    sbx_protocol_add_started(&frame, &started);
    say(self, &frame);
    Sleep(500); /* the command goes */
    if (is_mode(self, "input"))
        sbx_protocol_add_data(&frame, 0, "x", 1); /* that stream is not ours to fill */
    if (is_mode(self, "credit"))
        sbx_protocol_add_credit(&frame, 0, SBX_PROTOCOL_WINDOW); /* more than was used */
    if (is_mode(self, "twice"))
        sbx_protocol_add_started(&frame, &started);
    if (!frame.failed && frame.bytes > 0)
        say(self, &frame);
}

static int pretend(void)
{
    static impostor self = {.inside = {.os = &sbx_target_os_real}};
    sbx_frame frame;

    self.mode = sbx_windows_variable("SBX_TEST_FALSE");
    if (self.mode == NULL || is_mode(&self, "ends") ||
        swscanf(GetCommandLineW(), L"sbx-runner %127ls", self.name) != 1)
        return 3;
    self.pipe = CreateFileW(self.name,
                            FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES |
                                FILE_WRITE_ATTRIBUTES | SYNCHRONIZE,
                            0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
    if (self.pipe == INVALID_HANDLE_VALUE || sbx_inside_look(&self.inside, NULL) != SBX_OK)
        return 4;
    if (is_mode(&self, "nonsense"))
        (void)sbx_pipe_write(self.pipe, "GET / HTTP/1.0\r\n\r\n", 18, 5000);
    if (is_mode(&self, "hangs-up"))
        return 0;
    sbx_protocol_reader_init(&self.reader, SBX_SIDE_SBX);
    greet(&self);
    if (await_start(&self, &frame))
        start(&self, &frame.start);
    Sleep(60000); /* it has to be ended */
    return 0;
}

/* --- running sbx.exe with it --- */

static void copy_file(const char *from, const char *to)
{
    wchar_t *wide_from = sbx_wide_path(from), *wide_to = sbx_wide_path(to);

    assert_true(CopyFileW(wide_from, wide_to, FALSE));
    free(wide_from);
    free(wide_to);
}

static int begin(void **state)
{
    const char *place = program_place("false");
    char runner[700];

    (void)state;
    (void)snprintf(database, sizeof(database), "%s/audit.db", place);
    (void)snprintf(marker, sizeof(marker), "%s/marker", place);
    (void)snprintf(sbx, sizeof(sbx), "%s/sbx.exe", place);
    (void)snprintf(runner, sizeof(runner), "%s/sbx-runner.exe", place);
    copy_file(program_sbx(), sbx);
    copy_file(program_self(), runner);
    for (char *at = sbx; *at != '\0'; at++)
        if (*at == '/')
            *at = '\\';
    return 0;
}

/* Its only work is to be seen: it makes the file, and stays. */
static int probe(int argc, char **argv)
{
    wchar_t *wide = sbx_wide_path(argc > 0 ? argv[0] : "");

    CloseHandle(CreateFileW(wide, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
    Sleep(60000);
    return 0;
}

static bool take_marker(void)
{
    wchar_t *wide = sbx_wide_path(marker);
    bool was_there = DeleteFileW(wide) != 0;

    free(wide);
    return was_there;
}

static void check_mode(const char *mode, bool may_run)
{
    const char *argv[] = {
        sbx,      "exec", "--allow-degraded", "--identity", "sandbox", "--quiet", "--audit-db",
        database, "--",   program_self(),     "--probe",    marker,    NULL};
    char found[64];
    program_run done = {0};
    ULONGLONG began = GetTickCount64();

    assert_true(SetEnvironmentVariableA("SBX_TEST_FALSE", mode));
    program_do(&done, argv, NULL, 0);
    if (done.code != 125 || done.err_bytes == 0)
        fail_msg("%s: code %lu, \"%s\"", mode, done.code, done.err);
    if (GetTickCount64() - began > 30000)
        fail_msg("%s: was waited for", mode);
    if (take_marker() && !may_run)
        fail_msg("%s: the command ran", mode);
    (void)program_ask(database, "SELECT status FROM run ORDER BY id DESC LIMIT 1", found,
                      sizeof(found));
    if (strcmp(found, "error") != 0 && strcmp(found, "refused") != 0)
        fail_msg("%s: status %s", mode, found);
    program_done(&done);
}

static void before_the_command(void **state)
{
    static const char *const modes[] = {"ends",   "nonsense", "hangs-up",   "nonce",
                                        "user",   "version",  "itself",     "pid",
                                        "handle", "untried",  "tried-twice"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(modes); i++)
        check_mode(modes[i], false);
}

static void beside_the_command(void **state)
{
    static const char *const modes[] = {"input", "credit", "twice"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(modes); i++)
        check_mode(modes[i], true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_the_command),
        cmocka_unit_test(beside_the_command),
    };
    int code = 0;

    if (wcsncmp(GetCommandLineW(), L"sbx-runner ", 11) == 0)
        return pretend();
    if (program_is_probe(&code, probe))
        return code;
    return cmocka_run_group_tests(tests, begin, NULL);
}
