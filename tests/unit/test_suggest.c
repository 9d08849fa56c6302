/* harness/policy/suggest.h: which denials become roots, which are left out, and what is never widened. */
#include "tests/unit/plan_place.h"

#include "harness/policy/suggest.h"

static sbx_suggestion suggestion;
static sbx_text record;

/* Of a policy that ask_for() has made and the test has changed. */
static void begin(void)
{
    sbx_text_clear(&record);
    sbx_policy_to_json(&record, &policy);
    if (sbx_suggest_begin(&suggestion, record.data, record.bytes, &request, &error) != SBX_OK)
        fail_msg("%s", error.message);
}

static void want(const char *op, const char *target, const char *rule)
{
    const sbx_wish wish = {.kind = strchr(target, '/') == target ? "file" : "network",
                           .op = op,
                           .target = target,
                           .target_bytes = strlen(target),
                           .rule = rule,
                           .count = 1};

    sbx_suggest_add(&suggestion, &wish);
}

static void finish(void)
{
    if (sbx_suggest_finish(&suggestion, &error) != SBX_OK)
        fail_msg("%s", error.message);
}

static void end(void)
{
    sbx_suggest_done(&suggestion);
    sbx_policy_done(&policy);
    sbx_text_done(&record);
}

static bool is_added(const char *path)
{
    for (size_t i = 0; i < suggestion.write.count; i++)
        if (strcmp(suggestion.write.item[i], path) == 0)
            return true;
    return false;
}

static const sbx_left_out *left_out(const char *target)
{
    for (size_t i = 0; i < suggestion.left_out_count; i++)
        if (strcmp(sbx_text_string(&suggestion.left_out[i].target), target) == 0)
            return &suggestion.left_out[i];
    fail_msg("%s is not left out", target);
    return NULL;
}

static void expect_left_out(const char *target, const char *why)
{
    const char *got = sbx_text_string(&left_out(target)->why);

    if (strstr(got, why) == NULL)
        fail_msg("%s: %s", target, got);
}

static bool is_cautioned(const char *words)
{
    for (size_t i = 0; i < suggestion.cautions.count; i++)
        if (strstr(suggestion.cautions.item[i], words) != NULL)
            return true;
    return false;
}

static void the_smallest_place(void **state)
{
    (void)state;
    make_directory("a");
    make_directory("a/b");
    make_file("a/file");
    ask_for("read-only", &user_host);
    begin();
    want("write", at("a/file"), "no writable root"); /* there: the file alone */
    want("chmod", at("a/file"), "no writable root");
    want("create", at("a/b/new"), "no writable root"); /* a name: its directory */
    finish();
    assert_int_equal(suggestion.write.count, 2);
    assert_true(is_added(at("a/file")) && is_added(at("a/b")));
    assert_int_equal(suggestion.left_out_count, 0);
    assert_int_equal(suggestion.policy.network, SBX_NETWORK_NONE);
    end();

    ask_for("read-only", &user_host);
    begin();
    want("create", at("a/new"), "no writable root");
    want("write", at("a/file"), "no writable root"); /* lies in it */
    want("create", at("a/b/new"), "no writable root");
    finish();
    assert_int_equal(suggestion.write.count, 1);
    assert_true(is_added(at("a")));
    end();
}

static void files_become_their_directory(void **state)
{
    (void)state;
    make_directory("a");
    for (int i = 0; i < 3; i++) {
        char name[16];

        snprintf(name, sizeof(name), "a/%d", i);
        make_file(name);
    }
    for (int count = 2; count <= 3; count++) {
        ask_for("read-only", &user_host);
        begin();
        for (int i = 0; i < count; i++) {
            char name[16];

            snprintf(name, sizeof(name), "a/%d", i);
            want("write", at(name), "no writable root");
        }
        finish();
        assert_int_equal(suggestion.write.count, count == 2 ? 2 : 1);
        assert_int_equal(is_added(at("a")), count == 3);
        assert_int_equal(is_cautioned("the directory as a whole becomes writable"), count == 3);
        end();
    }
}

/* Neither a home, nor what holds it, nor / become a root, whatever was wanted there. */
static void never_a_home(void **state)
{
    static const char *const names[] = {"home/a", "home/b", "home/c"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++)
        make_file(names[i]);
    ask_for("read-only", &user_host);
    begin();
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++)
        want("write", at(names[i]), "no writable root");
    want("create", at("home/new"), "no writable root");
    want("create", at("new"), "no writable root");
    want("create", "/new", "no writable root");
    finish();
    assert_int_equal(suggestion.write.count, 3); /* the files, by themselves */
    assert_true(is_cautioned("named one by one"));
    expect_left_out(at("home/new"), "home directory");
    expect_left_out(at("new"), "home directory");
    expect_left_out("/new", "system directory");
    end();
}

static void what_is_obeyed_later(void **state)
{
    (void)state;
    make_file("home/.profile");
    make_directory("home/.local");
    make_directory("home/.local/bin");
    make_directory("home/.cache");
    ask_for("read-only", &user_host);
    begin();
    want("write", at("home/.profile"), "no writable root");
    want("create", at("home/.local/bin/ls"), "no writable root");
    want("create", at("home/.cache/x"), "no writable root");
    want("write", "/etc/hosts", "no writable root");
    want("create", "/usr/local/bin/ls", "no writable root");
    finish();
    expect_left_out(at("home/.profile"), "obeyed later");
    expect_left_out(at("home/.local/bin/ls"), "obeyed later");
    expect_left_out("/etc/hosts", "system directory");
    expect_left_out("/usr/local/bin/ls", "system directory");
    assert_int_equal(suggestion.write.count, 1);
    assert_true(is_added(at("home/.cache")));
    end();
}

static void secrets_and_protected_names(void **state)
{
    static const char *const policies[] = {"read-only", NULL};

    (void)state;
    make_directory("home/.ssh");
    make_directory("home/.config");
    make_directory("home/.config/gh");
    make_directory("a");
    make_directory("a/deep");
    make_directory("a/deep/.git");
    make_file("a/deep/.git/config");
    for (size_t i = 0; i < SBX_COUNT_OF(policies); i++) {
        ask_for("read-only", &user_host);
        if (policies[i] == NULL) { /* a policy that denies nothing: it is left out all the same */
            sbx_policy_done(&policy);
            sbx_policy_init(&policy);
        }
        begin();
        want("read", at("home/.ssh/id"), "secret");
        want("create", at("home/.ssh/key"), "no writable root");
        want("create", at("home/.config/gh/x"), "no writable root");
        want("create", at("home/.config/x"), "no writable root");
        want("write", at("a/deep/.git/config"), "no writable root");
        want("create", at("a/new"), "no writable root");
        want("create", at("work/.git"), "protect .git");
        want("write", at("audit.db"), "audit");
        want("write", at("b"), "deny");
        want("link", at("c"), "crosses a root's border");
        want("write", at("d"), "something new");
        finish();
        expect_left_out(at("home/.ssh/id"), "a secret");
        expect_left_out(at("home/.ssh/key"), "a secret");
        expect_left_out(at("home/.config/gh/x"), "a secret");
        expect_left_out(at("a/deep/.git/config"), "protected name");
        expect_left_out(at("work/.git"), "protected name");
        expect_left_out(at("audit.db"), "audit database");
        expect_left_out(at("b"), "by name");
        expect_left_out(at("c"), "one root that holds both");
        expect_left_out(at("d"), "no policy");
        assert_true(is_added(at("a")) && is_added(at("home/.config")));
        assert_int_equal(suggestion.write.count, 2);
        /* They lie in roots that were added, and are taken out of them. */
        assert_int_equal(suggestion.deny_write.count, 2);
        for (size_t j = 0; j < 2; j++)
            assert_true(strcmp(suggestion.deny_write.item[j], at("a/deep/.git")) == 0 ||
                        strcmp(suggestion.deny_write.item[j], at("home/.config/gh")) == 0);
        end();
    }
}

/* Where that is not possible, the root goes. */
static void a_root_that_cannot_be_kept_clean(void **state)
{
    (void)state;
    make_directory("a");
    make_directory("a/.git");
    ask_for("read-only", &user_host);
    begin();
    want("create", at("a/new"), "no writable root");
    want("create", at("a/gone/.git/config"),
         "no writable root"); /* its directory is not there now */
    finish();
    assert_int_equal(suggestion.write.count, 0);
    assert_int_equal(suggestion.deny_write.count, 0);
    expect_left_out(at("a"), "must exist");
    end();
}

static void odd_targets(void **state)
{
    const sbx_wish bytes = {"file", "write", "/a\xFF", 3, "no writable root", 1};
    const sbx_wish nul = {"file", "write", "/a\0b", 4, "no writable root", 1};

    (void)state;
    ask_for("read-only", &user_host);
    begin();
    sbx_suggest_add(&suggestion, &bytes);
    sbx_suggest_add(&suggestion, &bytes);
    sbx_suggest_add(&suggestion, &nul);
    want("create", at("gone/deep/x"), "no writable root");
    finish();
    assert_int_equal(suggestion.left_out_count, 3);
    assert_int_equal(suggestion.left_out[0].count, 2);
    assert_int_equal(suggestion.left_out[1].target.bytes, 4);
    expect_left_out(at("gone/deep/x"), "exists");
    assert_int_equal(suggestion.write.count, 0);
    end();
}

static void network(void **state)
{
    static const struct {
        sbx_network before;
        const char *op, *target, *rule;
        sbx_network after;
    } cases[] = {
        {SBX_NETWORK_NONE, "connect", "tcp 192.0.2.1:80", "network none", SBX_NETWORK_FULL},
        {SBX_NETWORK_NONE, "connect", "tcp 127.0.0.1:80", "network none", SBX_NETWORK_LOOPBACK},
        {SBX_NETWORK_NONE, "bind", "tcp [::]:80", "network none", SBX_NETWORK_LOOPBACK},
        {SBX_NETWORK_NONE, "connect", "udp [::1]:53", "network none", SBX_NETWORK_LOOPBACK},
        {SBX_NETWORK_LOOPBACK, "connect", "tcp 192.0.2.1:80", "network loopback", SBX_NETWORK_FULL},
        {SBX_NETWORK_NONE, "connect", "unix /run/docker.sock", "network none", SBX_NETWORK_NONE},
        {SBX_NETWORK_NONE, "socket", "unix", "socket family", SBX_NETWORK_NONE},
        {SBX_NETWORK_NONE, "socket", "packet", "socket family", SBX_NETWORK_NONE},
        {SBX_NETWORK_NONE, "connect", "tcp 1.2.3.4:5", "scope", SBX_NETWORK_NONE},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        bool is_given = cases[i].after != cases[i].before;

        ask_for("read-only", &user_host);
        policy.network = cases[i].before;
        begin();
        want(cases[i].op, cases[i].target, cases[i].rule);
        finish();
        if (suggestion.policy.network != cases[i].after)
            fail_msg("case %zu: %s", i, sbx_network_word(suggestion.policy.network));
        assert_int_equal(suggestion.left_out_count, is_given ? 0 : 1);
        assert_int_equal(suggestion.cautions.count, is_given ? 1 : 0);
        assert_false(suggestion.policy.unix_sockets);
        end();
    }
    ask_for("read-only", &user_host);
    begin();
    want("connect", "tcp 127.0.0.1:80", "network none");
    want("connect", "tcp 192.0.2.1:80", "network none");
    want("connect", "tcp 127.0.0.1:80", "network none");
    finish();
    assert_int_equal(suggestion.policy.network, SBX_NETWORK_FULL);
    assert_false(is_cautioned("loopback"));
    end();
}

/* However many there are, the policy is one that a run takes. */
static void very_many(void **state)
{
    char name[48];

    (void)state;
    make_directory("a");
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "a/%d", i);
        make_directory(name);
    }
    ask_for("read-only", &user_host);
    begin();
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "a/%d/x", i);
        want("create", at(name), "no writable root");
    }
    finish();
    assert_int_equal(suggestion.write.count, 1);
    assert_true(is_added(at("a")));
    assert_true(is_cautioned("200 places in"));
    end();
}

static void no_record(void **state)
{
    (void)state;
    ask_for("read-only", &user_host);
    assert_int_equal(sbx_suggest_begin(&suggestion, "{}", 2, &request, &error), SBX_CORRUPT);
    sbx_suggest_done(&suggestion);
    sbx_policy_done(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_smallest_place),
        TEST(files_become_their_directory),
        TEST(never_a_home),
        TEST(what_is_obeyed_later),
        TEST(secrets_and_protected_names),
        TEST(a_root_that_cannot_be_kept_clean),
        TEST(odd_targets),
        TEST(network),
        TEST(very_many),
        TEST(no_record),
    };

    (void)fails;
    (void)rule;
    (void)count_rules;
    (void)make;
    (void)done;
    (void)root_host;
    (void)closed_host;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
