/* harness/base/error.h: words, the formatter, cutting, context. */
#include "tests/support/test.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/error.h"

static void words_are_stable(void **state)
{
    (void)state;
    assert_string_equal(sbx_status_word(SBX_OK), "ok");
    assert_string_equal(sbx_status_word(SBX_REFUSED), "refused");
    assert_string_equal(sbx_status_word(SBX_NOT_EXECUTABLE), "not_executable");
    assert_string_equal(sbx_status_word(SBX_INTERNAL), "internal");
    assert_string_equal(sbx_status_word((sbx_status)1000), "unknown");
    assert_string_equal(sbx_step_word(SBX_STEP_NONE), "none");
    assert_string_equal(sbx_step_word(SBX_STEP_LANDLOCK), "landlock");
    assert_string_equal(sbx_step_word(SBX_STEP_DOCTOR), "doctor");
    assert_string_equal(sbx_step_word((sbx_step)1000), "unknown");
}

static void formats_what_it_knows(void **state)
{
    sbx_error err;

    (void)state;
    memset(&err, 'x', sizeof(err));
    assert_int_equal(sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_PLAN,
                                    "a %s b %d c %u d %zu e %llu f 100%%", "text", -17, 4000000000u,
                                    (size_t)12, ~0ull),
                     SBX_INVALID);
    assert_string_equal(err.message,
                        "a text b -17 c 4000000000 d 12 e 18446744073709551615 f 100%");
    assert_int_equal(err.status, SBX_INVALID);
    assert_int_equal(err.step, SBX_STEP_PLAN);
    assert_int_equal(err.os_domain, SBX_OS_NONE);
    assert_int_equal(err.os_code, 0);

    sbx_fail_plain(&err, SBX_IO, SBX_STEP_JOB, "%d %d", 0, -2147483647 - 1);
    assert_string_equal(err.message, "0 -2147483648");
    sbx_fail_plain(&err, SBX_IO, SBX_STEP_JOB, "plain");
    assert_string_equal(err.message, "plain");
}

static void appends_the_system_text(void **state)
{
    sbx_error err;

    (void)state;
    assert_int_equal(sbx_fail_errno(&err, SBX_IO, SBX_STEP_MOUNT, ENOENT, "open %s", "/x"), SBX_IO);
    assert_string_equal(err.message, "open /x: No such file or directory");
    assert_int_equal(err.os_domain, SBX_OS_ERRNO);
    assert_int_equal(err.os_code, ENOENT);

    sbx_fail_errno(&err, SBX_IO, SBX_STEP_MOUNT, 99999, "open");
    assert_string_equal(err.message, "open: unknown error");
    /* SQLite's words are in the message already. */
    sbx_fail(&err, SBX_BUSY, SBX_STEP_AUDIT, SBX_OS_SQLITE, 5, "locked");
    assert_string_equal(err.message, "locked");
    assert_int_equal(err.os_code, 5);
}

static void takes_no_error(void **state)
{
    (void)state;
    assert_int_equal(sbx_fail_errno(NULL, SBX_BUSY, SBX_STEP_JOB, EAGAIN, "x %s", "y"), SBX_BUSY);
    sbx_error_context(NULL, "x");
}

static void a_long_name_does_not_push_out_the_reason(void **state)
{
    static const char reason[] = ": Permission denied";
    char path[4096];
    sbx_error err;

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    sbx_fail_errno(&err, SBX_IO, SBX_STEP_MOUNT, EACCES, "open %s for reading", path);
    assert_int_equal(strlen(err.message), SBX_ERROR_TEXT_BYTES - 1);
    assert_string_equal(err.message + SBX_ERROR_TEXT_BYTES - sizeof(reason), reason);
    assert_memory_equal(err.message, "open ppp", 8);
}

static void is_never_cut_inside_a_character(void **state)
{
    char text[1024];
    sbx_error err;

    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        size_t at = 0;

        while (at < shift)
            text[at++] = 'a';
        while (at + 3 < sizeof(text)) { /* the euro sign, three bytes */
            memcpy(text + at, "\xE2\x82\xAC", 3);
            at += 3;
        }
        text[at] = '\0';
        sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_NONE, "%s", text);
        assert_int_equal((strlen(err.message) - shift) % 3, 0);
        assert_true(strlen(err.message) >= SBX_ERROR_TEXT_BYTES - 4);
    }
}

static void context_goes_in_front(void **state)
{
    char text[600];
    sbx_error err;

    (void)state;
    sbx_fail_errno(&err, SBX_IO, SBX_STEP_JOB, ENOSPC, "write %s", "f");
    sbx_error_context(&err, "making job %d", 3);
    assert_string_equal(err.message, "making job 3: write f: No space left on device");
    assert_int_equal(err.status, SBX_IO);
    assert_int_equal(err.os_code, ENOSPC);

    memset(text, 'c', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    sbx_error_context(&err, "%s", text);
    assert_int_equal(strlen(err.message), SBX_ERROR_TEXT_BYTES - 1);
}

static void crosses_a_pipe_in_one_write_from_a_child(void **state)
{
    int ends[2], status;
    sbx_error err;
    pid_t child;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sbx_error own;

        sbx_fail_errno(&own, SBX_REFUSED, SBX_STEP_SECCOMP, EPERM, "load filter %u", 7u);
        _exit(write(ends[1], &own, sizeof(own)) == (ssize_t)sizeof(own) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], &err, sizeof(err)), (int)sizeof(err));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_equal(err.message, "load filter 7: Operation not permitted");
    assert_int_equal(err.step, SBX_STEP_SECCOMP);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_stable),
        cmocka_unit_test(formats_what_it_knows),
        cmocka_unit_test(appends_the_system_text),
        cmocka_unit_test(takes_no_error),
        cmocka_unit_test(a_long_name_does_not_push_out_the_reason),
        cmocka_unit_test(is_never_cut_inside_a_character),
        cmocka_unit_test(context_goes_in_front),
        cmocka_unit_test(crosses_a_pipe_in_one_write_from_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
