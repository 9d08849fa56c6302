/* A policy written as a record and as a file, and read again: nothing is lost on the way. With paths of Linux. */
#include "tests/support/test.h"

#include "harness/policy/policy.h"

static sbx_error error;

static void add(sbx_strings *list, const char *text)
{
    assert_int_equal(sbx_strings_add(list, text, &error), SBX_OK);
}

static void take_off(sbx_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i], text) == 0) {
            sbx_strings_remove(list, i);
            return;
        }
    fail_msg("%s is not there", text);
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Lists are sets, but for the variables that are set, of which the last one counts. */
static void sort(sbx_policy *policy)
{
    sbx_strings *const lists[] = {&policy->read,       &policy->write,   &policy->deny_read,
                                  &policy->deny_write, &policy->protect, &policy->env_keep,
                                  &policy->env_deny,   &policy->env_set};

    for (size_t i = 0; i < SBX_COUNT_OF(lists); i++) {
        if (lists[i]->count > 0)
            qsort(lists[i]->item, lists[i]->count, sizeof(char *), compare);
        for (size_t j = lists[i]->count; j-- > 1;)
            if (strcmp(lists[i]->item[j], lists[i]->item[j - 1]) == 0)
                sbx_strings_remove(lists[i], j);
    }
    snprintf(policy->name, sizeof(policy->name), "x");
}

static void expect_same(sbx_policy *left, sbx_policy *right)
{
    sbx_text a = {0}, b = {0};

    sort(left);
    sort(right);
    sbx_policy_to_json(&a, left);
    sbx_policy_to_json(&b, right);
    assert_string_equal(sbx_text_string(&a), sbx_text_string(&b));
    sbx_text_done(&a);
    sbx_text_done(&b);
}

/* Both ways; the policy is done afterwards. Returns how many names have to be taken off by an option. */
static size_t round_trip(sbx_policy *policy, const char *must_hold)
{
    sbx_policy from_record = {0}, from_file = {0};
    sbx_strings unprotect = {0};
    sbx_text record = {0}, file = {0};
    size_t count;

    sbx_policy_to_json(&record, policy);
    sbx_policy_init(&from_record);
    if (sbx_policy_from_record(&from_record, record.data, record.bytes, &error) != SBX_OK)
        fail_msg("%s", error.message);
    assert_int_equal(from_record.deny_secrets, policy->deny_secrets);
    assert_int_equal(sbx_policy_to_file(&file, &unprotect, &from_record, &error), SBX_OK);
    if (must_hold != NULL && strstr(sbx_text_string(&file), must_hold) == NULL)
        fail_msg("no %s in %s", must_hold, sbx_text_string(&file));
    sbx_policy_init(&from_file);
    if (sbx_policy_parse(&from_file, file.data, file.bytes, "x.json", "/somewhere", &error) !=
        SBX_OK)
        fail_msg("%s: %s", error.message, file.data);
    for (size_t i = 0; i < unprotect.count; i++)
        take_off(&from_file.protect, unprotect.item[i]);
    count = unprotect.count;
    expect_same(&from_record, &from_file);
    expect_same(policy, &from_file); /* sorts: last */
    sbx_strings_done(&unprotect);
    sbx_policy_done(&from_record);
    sbx_policy_done(&from_file);
    sbx_policy_done(policy);
    sbx_text_done(&record);
    sbx_text_done(&file);
    return count;
}

static void begin(sbx_policy *policy, const char *name)
{
    sbx_policy_init(policy);
    if (name != NULL)
        assert_int_equal(sbx_policy_builtin(policy, name, &error), SBX_OK);
}

static void built_in(void **state)
{
    static const char *const names[] = {"read-only", "workspace", "grader"};
    sbx_policy policy;
    char wanted[64];

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++) {
        begin(&policy, names[i]);
        /* Nothing but what it is built on. */
        snprintf(wanted, sizeof(wanted), "{\"version\":1,\"extends\":\"%s\"}", names[i]);
        assert_int_equal(round_trip(&policy, wanted), 0);
    }
    begin(&policy, NULL);
    assert_int_equal(round_trip(&policy, "{\"version\":1,\"extends\":null}"), 0);
}

static void with_everything(void **state)
{
    static const char *const names[] = {"read-only", "workspace", "grader", NULL};
    sbx_policy policy;

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++) {
        begin(&policy, names[i]);
        add(&policy.read, "~/x");
        add(&policy.write, "/a \"b\"\n\x01\xC2\x9B\\");
        add(&policy.write, "/a/c");
        add(&policy.write, "/a/c");
        add(&policy.deny_read, "/d");
        add(&policy.deny_write, "/e");
        add(&policy.protect, ".hg");
        add(&policy.env_keep, "Q*");
        add(&policy.env_deny, "Z");
        add(&policy.env_set, "NAME");
        policy.network = SBX_NETWORK_LOOPBACK;
        policy.unix_sockets = i % 2 == 0;
        policy.identity = SBX_IDENTITY_SELF;
        policy.windows_everyone = i % 2 == 1;
        for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++)
            policy.limits.value[kind] = 1234567891 + (unsigned)kind;
        policy.limits.value[SBX_LIMIT_WALL] = 60000000000;
        policy.limits.value[SBX_LIMIT_CPU] = SBX_UNLIMITED; /* the grader has one */
        policy.limits.grace_ns = 250000000;
        policy.limits.memory_fails = true;
        assert_int_equal(round_trip(&policy, "\"grace\":\"250ms\""), 0);
    }
}

/* What was taken off a list no file can say. */
static void unprotected(void **state)
{
    sbx_policy policy;

    (void)state;
    begin(&policy, "read-only");
    take_off(&policy.protect, ".git");
    assert_int_equal(round_trip(&policy, "\"read-only\""), 1);
    begin(&policy, "workspace");
    take_off(&policy.protect, ".git");
    take_off(&policy.protect, ".agents");
    assert_int_equal(round_trip(&policy, "\"workspace\""), 2);
}

/* A value that was given is in no record; the name comes back as the caller's own. */
static void no_values(void **state)
{
    sbx_policy policy, back;
    sbx_text record = {0};

    (void)state;
    begin(&policy, "read-only");
    add(&policy.env_set, "NAME=value");
    sbx_policy_to_json(&record, &policy);
    assert_null(strstr(record.data, "value"));
    sbx_policy_init(&back);
    assert_int_equal(sbx_policy_from_record(&back, record.data, record.bytes, &error), SBX_OK);
    assert_int_equal(back.env_set.count, 1);
    assert_string_equal(back.env_set.item[0], "NAME");
    sbx_policy_done(&policy);
    sbx_policy_done(&back);
    sbx_text_done(&record);
}

static void not_a_record(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "null",
        "{\"name\":\"x\"}",
        "{\"name\":\"x\",\"network\":{\"mode\":\"none\"},\"identity\":\"auto\"}",
        "{\"name\":\"x\",\"network\":{\"mode\":\"what\"},\"identity\":\"auto\"}",
        "{\"name\":\"x\",\"network\":{\"mode\":\"none\"},\"identity\":\"auto\",\"filesystem\":"
        "{\"read\":[1],\"write\":[],\"deny_read\":[],\"deny_write\":[]}}"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(texts); i++) {
        sbx_policy policy;

        sbx_policy_init(&policy);
        assert_int_equal(sbx_policy_from_record(&policy, texts[i], strlen(texts[i]), &error),
                         SBX_CORRUPT);
        sbx_policy_done(&policy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in),     cmocka_unit_test(with_everything),
        cmocka_unit_test(unprotected),  cmocka_unit_test(no_values),
        cmocka_unit_test(not_a_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
