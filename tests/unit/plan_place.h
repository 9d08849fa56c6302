/*
 * What the tests of the plan share: hosts with given abilities, and one policy, one request and one
 * plan over real files in a directory of the test's own.
 */
#ifndef SBX_TESTS_UNIT_PLAN_PLACE_H
#define SBX_TESTS_UNIT_PLAN_PLACE_H

#include "tests/support/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/policy/plan.h"

static const sbx_host user_host = {
    .landlock_abi = 7, .has_user_namespaces = true, .has_seccomp_notify = true};
static const sbx_host root_host = {.landlock_abi = 7,
                                   .is_root = true,
                                   .has_every_id = true,
                                   .has_user_namespaces = true,
                                   .has_seccomp_notify = true};
static const sbx_host closed_host = {.landlock_abi = 7,
                                     .user_namespaces_refused_by = "kernel.some_knob=0",
                                     .user_namespaces_fix = "sysctl -w kernel.some_knob=1",
                                     .has_seccomp_notify = true};

/* --- a place of the test's own: BASE/home, BASE/work --- */

static char base[64], home[80], work[80], home_variable[96];

static inline const char *at(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
    return path;
}

static inline void make_directory(const char *name)
{
    assert_int_equal(mkdir(at(name), 0755), 0);
}

static inline void make_file(const char *name)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL, 0644);

    assert_true(fd >= 0);
    close(fd);
}

static inline int set_up(void **state)
{
    char made[] = "/tmp/sbx-test-plan-XXXXXX";

    (void)state;
    if (mkdtemp(made) == NULL)
        return -1;
    snprintf(base, sizeof(base), "%s", made);
    snprintf(home, sizeof(home), "%s/home", base);
    snprintf(work, sizeof(work), "%s/work", base);
    snprintf(home_variable, sizeof(home_variable), "HOME=%s", home);
    return mkdir(home, 0755) != 0 || mkdir(work, 0755) != 0;
}

static inline int remove_one(const char *path, const struct stat *about, int kind,
                             struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline int tear_down(void **state)
{
    (void)state;
    return nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- one plan --- */

static sbx_policy policy;
static sbx_plan plan;
static sbx_error error;
static sbx_plan_request request;
static const char *environment[16];
static const char *const command[] = {"prog", "--flag", NULL};

static inline void ask_for(const char *name, const sbx_host *host)
{
    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_builtin(&policy, name, &error), SBX_OK);
    memset(environment, 0, sizeof(environment));
    environment[0] = home_variable;
    environment[1] = "PATH=/bin";
    request = (sbx_plan_request){.argv = command,
                                 .environment = environment,
                                 .cwd = work,
                                 .host = host,
                                 .watch_denials = true};
    memset(&error, 0, sizeof(error));
}

static inline void add(sbx_strings *list, const char *text)
{
    assert_int_equal(sbx_strings_add(list, text, &error), SBX_OK);
}

static inline void make(void)
{
    if (sbx_plan_make(&plan, &policy, &request, &error) != SBX_OK)
        fail_msg("%s", error.message);
}

static inline void done(void)
{
    sbx_plan_done(&plan);
    sbx_policy_done(&policy);
}

/* Makes a plan that must fail, and ends it. */
static inline void fails(sbx_status status, const char *words)
{
    sbx_status got = sbx_plan_make(&plan, &policy, &request, &error);

    if (got != status || strstr(error.message, words) == NULL)
        fail_msg("%s: \"%s\", not \"%s\"", sbx_status_word(got), got == SBX_OK ? "" : error.message,
                 words);
    assert_int_equal(error.step, SBX_STEP_PLAN);
    assert_null(plan.memory);
    done();
}

static inline const sbx_rule *rule(sbx_rule_kind kind, const char *path)
{
    for (size_t i = 0; i < plan.rule_count; i++)
        if (plan.rules[i].kind == kind && strcmp(plan.rules[i].path, path) == 0)
            return &plan.rules[i];
    return NULL;
}

static inline size_t count_rules(sbx_rule_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < plan.rule_count; i++)
        count += plan.rules[i].kind == kind;
    return count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
