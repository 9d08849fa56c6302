/* `sbx exec`'s options: each into its field, and the fields onto a policy. */
#include <unistd.h>

#include "harness/cli/exec_request.h"
#include "harness/cli/option.h"
#include "tests/support/test.h"

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static sbx_status read_words(sbx_exec_request *request, char **words, sbx_error *err)
{
    int count = 0;

    while (words[count] != NULL) {
        count++;
    }
    return sbx_exec_request_read(request, count, words, err);
}

static void read_valid(sbx_exec_request *request, char **words)
{
    sbx_error err = {0};

    if (read_words(request, words, &err) != SBX_OK) {
        fail_msg("%s", err.message);
    }
}

static void expect_invalid(char **words, const char *message)
{
    sbx_exec_request request;
    sbx_error err = {0};

    assert_int_equal(read_words(&request, words, &err), SBX_INVALID);
    if (strstr(err.message, message) == NULL) {
        fail_msg("\"%s\" does not hold \"%s\"", err.message, message);
    }
    sbx_exec_request_done(&request);
}

static void test_limits(void **state)
{
    static const uint64_t values[SBX_LIMIT_COUNT] = {
        [SBX_LIMIT_MEMORY] = UINT64_C(2) << 30,
        [SBX_LIMIT_SWAP] = 0,
        [SBX_LIMIT_CPUS] = 500,
        [SBX_LIMIT_CPU] = UINT64_C(1500000000),
        [SBX_LIMIT_WALL] = UINT64_C(60000000000),
        [SBX_LIMIT_IDLE] = UINT64_C(250000000),
        [SBX_LIMIT_PROCESSES] = 64,
        [SBX_LIMIT_FILE_SIZE] = 512 * 1024,
        [SBX_LIMIT_FILES] = 256,
        [SBX_LIMIT_OUTPUT] = 4096,
    };
    sbx_exec_request request;
    sbx_policy policy;

    (void)state;
    read_valid(&request,
               WORDS("--mem", "2G", "--swap=0", "--cpus", "0.5", "--cpu", "1.5s", "--wall", "60",
                     "--idle", "250ms", "--procs", "64", "--fsize", "512K", "--files", "256",
                     "--output", "4096", "--mem-action", "fail", "--grace", "3s", "cmd"));
    sbx_policy_init(&policy);
    for (unsigned kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        assert_true(request.has_limit[kind]);
        assert_true(request.limits.value[kind] == values[kind]);
    }
    assert_int_equal(sbx_exec_request_apply(&policy, &request, NULL), SBX_OK);
    assert_memory_equal(policy.limits.value, values, sizeof(values));
    assert_true(policy.limits.memory_fails);
    assert_true(policy.limits.grace_ns == UINT64_C(3000000000));
    assert_string_equal(request.argv[0], "cmd");
    sbx_policy_done(&policy);
    sbx_exec_request_done(&request);
}

/* What was not said leaves the policy alone; "unlimited" is something that was said. */
static void test_policy_is_kept(void **state)
{
    sbx_exec_request request;
    sbx_policy policy;

    (void)state;
    read_valid(&request, WORDS("--wall", "unlimited", "--grace", "0", "cmd"));
    sbx_policy_init(&policy);
    policy.limits.value[SBX_LIMIT_WALL] = 1;
    policy.limits.value[SBX_LIMIT_MEMORY] = 2;
    policy.limits.memory_fails = true;
    policy.network = SBX_NETWORK_FULL;
    policy.identity = SBX_IDENTITY_SELF;
    policy.unix_sockets = policy.windows_everyone = true;
    assert_int_equal(sbx_exec_request_apply(&policy, &request, NULL), SBX_OK);
    assert_true(policy.limits.value[SBX_LIMIT_WALL] == SBX_UNLIMITED);
    assert_true(policy.limits.value[SBX_LIMIT_MEMORY] == 2);
    assert_true(policy.limits.grace_ns == 0);
    assert_true(policy.limits.memory_fails);
    assert_int_equal(policy.network, SBX_NETWORK_FULL);
    assert_int_equal(policy.identity, SBX_IDENTITY_SELF);
    assert_true(policy.unix_sockets && policy.windows_everyone);
    sbx_policy_done(&policy);
    sbx_exec_request_done(&request);
}

static void test_lists(void **state)
{
    sbx_exec_request request;
    sbx_policy policy;
    char here[1024], expected[1100];

    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    read_valid(&request, WORDS("--write", "a", "-w/b/../c", "--read=r", "--deny", "/d", "--protect",
                               ".hg", "--protect", "./p", "--env", "X=1=2", "--env", "Y=", "--env",
                               "SECRET", "--unprotect", ".git", "--cwd", "w", "cmd"));
    sbx_policy_init(&policy);
    assert_int_equal(sbx_strings_add(&policy.write, "/first", NULL), SBX_OK);
    assert_int_equal(sbx_strings_add(&policy.protect, ".git", NULL), SBX_OK);
    assert_int_equal(sbx_strings_add(&policy.protect, ".codex", NULL), SBX_OK);
    assert_int_equal(sbx_exec_request_apply(&policy, &request, NULL), SBX_OK);
    assert_int_equal(policy.write.count, 3);
    assert_string_equal(policy.write.item[0], "/first");
    assert_true(snprintf(expected, sizeof(expected), "%s/a", here) > 0);
    assert_string_equal(policy.write.item[1], expected);
    assert_string_equal(policy.write.item[2], "/b/../c"); /* ".." after a symlink is not for us */
    assert_int_equal(policy.read.count, 1);
    assert_string_equal(policy.deny_read.item[0], "/d");
    assert_int_equal(policy.protect.count, 2);
    assert_string_equal(policy.protect.item[0], ".codex");
    assert_string_equal(policy.protect.item[1], ".hg");
    assert_true(snprintf(expected, sizeof(expected), "%s/./p", here) > 0);
    assert_string_equal(policy.deny_write.item[0], expected);
    assert_int_equal(policy.env_set.count, 3);
    assert_string_equal(policy.env_set.item[0], "X=1=2");
    assert_string_equal(policy.env_set.item[1], "Y=");
    assert_string_equal(policy.env_set.item[2], "SECRET");
    assert_true(snprintf(expected, sizeof(expected), "%s/w", here) > 0);
    assert_string_equal(request.cwd, expected);
    sbx_policy_done(&policy);
    sbx_exec_request_done(&request);
}

static void test_unprotect_unknown(void **state)
{
    sbx_exec_request request;
    sbx_policy policy;
    sbx_error err = {0};

    (void)state;
    read_valid(&request, WORDS("--unprotect", ".gti", "cmd"));
    sbx_policy_init(&policy);
    assert_int_equal(sbx_strings_add(&policy.protect, ".git", NULL), SBX_OK);
    assert_int_equal(sbx_exec_request_apply(&policy, &request, &err), SBX_INVALID);
    assert_non_null(strstr(err.message, "\".gti\" is not a name that the policy protects"));
    assert_int_equal(policy.protect.count, 1);
    sbx_policy_done(&policy);
    sbx_exec_request_done(&request);
}

static void test_words(void **state)
{
    sbx_exec_request request;

    (void)state;
    read_valid(&request, WORDS("--net", "loopback", "--identity", "self", "--audit", "best-effort",
                               "--denials", "json", "--unix-sockets", "--allow-everyone",
                               "--allow-degraded", "--no-watch", "--dry-run", "--quiet", "--json",
                               "--policy", "x.json", "--session", "s", "--agent", "a", "--result",
                               "r", "--label", "k=v", "--label", "l=", "--", "--mem"));
    assert_true(request.has_network && request.has_identity);
    assert_int_equal(request.network, SBX_NETWORK_LOOPBACK);
    assert_int_equal(request.identity, SBX_IDENTITY_SELF);
    assert_true(request.audit_best_effort);
    assert_int_equal(request.denials, SBX_DENIALS_JSON);
    assert_true(request.unix_sockets && request.allow_everyone);
    assert_true(request.allow_degraded && request.no_watch);
    assert_true(request.dry_run && request.is_quiet && request.wants_json);
    assert_string_equal(request.policy, "x.json");
    assert_string_equal(request.session, "s");
    assert_string_equal(request.agent, "a");
    assert_string_equal(request.result, "r");
    assert_string_equal(request.label_list[0], "k=v");
    assert_string_equal(request.label_list[1], "l=");
    assert_null(request.label_list[2]);
    assert_string_equal(request.argv[0], "--mem");
    sbx_exec_request_done(&request);
    read_valid(&request,
               WORDS("--denials", "off", "--audit", "best-effort", "--audit", "required"));
    assert_int_equal(request.denials, SBX_DENIALS_OFF);
    assert_false(request.audit_best_effort);
    assert_null(request.label_list);
    assert_null(request.argv[0]);
    sbx_exec_request_done(&request);
}

static void test_nothing_said(void **state)
{
    sbx_exec_request request;

    (void)state;
    read_valid(&request, WORDS("cmd", "--quiet"));
    assert_false(request.has_network || request.has_identity || request.has_grace ||
                 request.is_quiet);
    assert_false(request.audit_best_effort || request.allow_degraded || request.unix_sockets ||
                 request.allow_everyone);
    assert_int_equal(request.denials, SBX_DENIALS_AUTO);
    assert_null(request.policy);
    assert_null(request.audit_path);
    assert_string_equal(request.argv[1], "--quiet");
    sbx_exec_request_done(&request);
}

static void test_invalid(void **state)
{
    (void)state;
    expect_invalid(WORDS("--mem", "2Q"), "--mem: \"2Q\"");
    expect_invalid(WORDS("--mem", "0"), "--mem: \"0\" is nothing");
    expect_invalid(WORDS("--idle", "0s"), "--idle: \"0s\" is nothing");
    expect_invalid(WORDS("--procs", "0"), "--procs: \"0\"");
    expect_invalid(WORDS("--grace", "unlimited"), "--grace: \"unlimited\" would never end");
    expect_invalid(WORDS("--write", "x\xff"), "is not valid UTF-8");
    expect_invalid(WORDS("--result", ""), "--result: \"\" is empty");
    expect_invalid(WORDS("--env", "=1"), "has no name");
    expect_invalid(WORDS("--env", ""), "has no name");
    expect_invalid(WORDS("--label", "=v"), "KEY=VALUE");
    expect_invalid(WORDS("--protect", "."), "is not a name");
    expect_invalid(WORDS("--write", "a", "--nope"), "--nope: no such option");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_policy_is_kept),
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_unprotect_unknown),
        cmocka_unit_test(test_words),   cmocka_unit_test(test_nothing_said),
        cmocka_unit_test(test_invalid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
