/* harness/policy/plan.h: what becomes of paths: roots, denials, secrets, protected names, the database. */
#include "tests/unit/plan_place.h"

#include <pwd.h>

#include "harness/base/path.h"

static void what_cannot_be_a_root(void **state)
{
    static const struct {
        const char *path, *words;
    } cases[] = {
        {"/", "system directory"},
        {"/usr", "system directory"},
        {"/etc", "system directory"},
        {"/proc", "system directory"},
        {"/proc/self", "system directory"},
        {"/sys", "system directory"},
        {"/dev", "system directory"},
        {"/dev/null", "neither a directory nor"},
        {"/dev/shm", "system directory"},
        {"/run", "system directory"},
        {"/usr/lib", "system directory"},
        {"/tmp/../usr", "system directory"},
        {"relative", "not an absolute path"},
        {"./x", "not an absolute path"},
        {"", "not an absolute path"},
        {"/tmp/\xff", "not UTF-8"},
        {"/nonexistent-root", "does not exist"},
        {"/etc/passwd/x", "does not exist"},
        {"~", "is the home directory"},
        {"~/none", "does not exist"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        ask_for("read-only", &user_host);
        add(&policy.write, cases[i].path);
        fails(SBX_INVALID, cases[i].words);
    }
    ask_for("read-only", &user_host);
    add(&policy.write, home);
    fails(SBX_INVALID, "is the home directory");
    ask_for("read-only", &user_host);
    add(&policy.write, base);
    fails(SBX_INVALID, "holds the home directory");
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    ask_for("read-only", &user_host);
    add(&policy.write, at("fifo"));
    fails(SBX_INVALID, "neither a directory nor");
    assert_int_equal(symlink(at("loop"), at("loop")), 0);
    ask_for("read-only", &user_host);
    add(&policy.write, at("loop"));
    fails(SBX_INVALID, "symbolic links");
    ask_for("read-only", &user_host);
    environment[0] = "HOME=relative";
    add(&policy.write, "~/x");
    (void)!sbx_plan_make(&plan, &policy, &request, &error);
    assert_int_equal(error.status,
                     SBX_INVALID); /* the account's home or none, but not "relative/x" */
    assert_null(strstr(error.message, "relative/"));
    done();
}

static void roots_are_resolved(void **state)
{
    (void)state;
    make_directory("real");
    make_directory("real/sub");
    make_file("file");
    make_directory("home/project");
    assert_int_equal(symlink(at("real"), at("link")), 0);
    ask_for("read-only", &user_host);
    add(&policy.write, at("link/sub/../sub"));
    add(&policy.write, at("real/sub")); /* the same */
    add(&policy.write, at("file"));
    add(&policy.write, "~/project");
    request.cwd = at("link");
    make();
    assert_int_equal(count_rules(SBX_RULE_WRITE), 3);
    assert_true(rule(SBX_RULE_WRITE, at("real/sub"))->is_directory);
    assert_false(rule(SBX_RULE_WRITE, at("file"))->is_directory);
    assert_non_null(rule(SBX_RULE_WRITE, at("home/project")));
    assert_string_equal(plan.cwd, at("real"));
    /* A file has no names in it that could be protected. */
    assert_null(rule(SBX_RULE_PROTECT_ABSENT, at("file/.git")));
    assert_non_null(rule(SBX_RULE_PROTECT_ABSENT, at("real/sub/.git")));
    done();
}

static void readable_roots(void **state)
{
    static const struct {
        const char *path, *words;
    } cases[] = {{"/", "system directory"},
                 {"/tmp", "private one"},
                 {"/etc", "system directory"},
                 {"/nonexistent-root", "does not exist"},
                 {"x", "not an absolute path"}};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        ask_for("read-only", &user_host);
        add(&policy.read, cases[i].path);
        fails(SBX_INVALID, cases[i].words);
    }
    make_directory("sdk");
    ask_for("read-only", &user_host);
    add(&policy.read, at("sdk"));
    make();
    assert_string_equal(rule(SBX_RULE_READ, at("sdk"))->source, "read");
    done();
    ask_for("read-only", &user_host);
    add(&policy.read, at("sdk"));
    add(&policy.deny_read, at("sdk"));
    fails(SBX_INVALID, "deny wins");
}

static void the_working_directory(void **state)
{
    char before[4096];

    (void)state;
    make_file("plain");
    ask_for("read-only", &user_host);
    request.cwd = at("none");
    fails(SBX_INVALID, "does not exist");
    ask_for("read-only", &user_host);
    request.cwd = at("plain");
    fails(SBX_INVALID, "is not a directory");
    ask_for("read-only", &user_host);
    request.cwd = "work";
    fails(SBX_INVALID, "not an absolute path");

    assert_non_null(getcwd(before, sizeof(before)));
    make_directory("gone");
    assert_int_equal(chdir(at("gone")), 0);
    ask_for("read-only", &user_host);
    request.cwd = NULL;
    make();
    assert_string_equal(plan.cwd, at("gone"));
    done();
    assert_int_equal(rmdir(at("gone")), 0);
    ask_for("read-only", &user_host);
    request.cwd = NULL;
    fails(SBX_INVALID, "does not exist any more");
    assert_int_equal(chdir(before), 0);

    ask_for("read-only", &user_host);
    request.cwd = "/usr"; /* there for everybody: no rule */
    make();
    assert_int_equal(count_rules(SBX_RULE_READ), 0);
    done();
}

static void denied_paths(void **state)
{
    (void)state;
    make_directory("work/keys");
    make_directory("work/keys/deep");
    make_directory("work/keys-2");
    make_directory("elsewhere");
    assert_int_equal(symlink(at("work/keys-2"), at("elsewhere/link")), 0);
    ask_for("workspace", &user_host);
    add(&policy.deny_read, at("work/none"));
    fails(SBX_INVALID, "does not exist");
    ask_for("workspace", &user_host);
    add(&policy.deny_read, "/");
    fails(SBX_INVALID, "as a whole");

    ask_for("workspace", &user_host);
    add(&policy.deny_read, at("work/keys/deep"));
    add(&policy.deny_read, at("work/keys"));
    add(&policy.deny_read, at("elsewhere/link"));
    add(&policy.deny_read, at("elsewhere"));
    make();
    assert_non_null(rule(SBX_RULE_DENY, at("work/keys")));
    assert_null(
        rule(SBX_RULE_DENY, at("work/keys/deep"))); /* below a mask there is nothing to mask */
    assert_non_null(rule(SBX_RULE_DENY, at("work/keys-2")));
    assert_null(
        rule(SBX_RULE_DENY, at("elsewhere"))); /* in the private /tmp, which does not have it */
    assert_null(rule(SBX_RULE_PIN, at("work/keys")));
    done();

    ask_for("workspace", &user_host);
    add(&policy.deny_read, work);
    request.cwd = "/usr";
    sbx_strings_done(&policy.write);
    add(&policy.write, at("work/keys"));
    fails(SBX_INVALID, "deny wins");
    ask_for("read-only", &user_host);
    add(&policy.read, work);
    add(&policy.deny_read, at("work/keys"));
    request.cwd = at("work/keys/deep");
    fails(SBX_INVALID, "the working directory");
}

static void secrets_of_the_home(void **state)
{
    (void)state;
    make_directory("home/.ssh");
    make_file("home/.netrc");
    make_directory("home/.config");
    make_directory("home/.config/gcloud");
    make_directory("vault");
    assert_int_equal(symlink(at("vault"), at("home/.aws")), 0);
    assert_int_equal(symlink(at("nowhere"), at("home/.kube")), 0);

    ask_for("read-only", &root_host); /* the home is brought back from the private /tmp, mapped */
    make();
    assert_true(rule(SBX_RULE_DENY, at("home/.ssh"))->is_directory);
    assert_string_equal(rule(SBX_RULE_DENY, at("home/.ssh"))->source, "secret");
    assert_false(rule(SBX_RULE_DENY, at("home/.netrc"))->is_directory);
    assert_non_null(rule(SBX_RULE_DENY, at("home/.config/gcloud")));
    assert_null(rule(SBX_RULE_DENY, at("home/.gnupg"))); /* absent: nothing to do */
    assert_null(rule(SBX_RULE_DENY, at("home/.kube")));
    assert_null(rule(SBX_RULE_DENY, at("vault"))); /* out of sight */
    assert_non_null(rule(SBX_RULE_DENY, "/etc/shadow"));
    done();

    ask_for("read-only", &user_host); /* a home in the private /tmp is out of sight as a whole */
    make();
    assert_null(rule(SBX_RULE_DENY, at("home/.ssh")));
    done();

    ask_for("read-only", &user_host);
    add(&policy.write,
        at("vault")); /* now what the link names is in sight, and a root: a conflict */
    fails(SBX_INVALID, "deny wins");

    ask_for("read-only", &root_host);
    policy.deny_secrets = false;
    make();
    assert_int_equal(count_rules(SBX_RULE_DENY), 0);
    done();
}

static void protected_names(void **state)
{
    static const char *const not_names[] = {"a/b", "", ".", ".."};

    (void)state;
    make_directory("work/.git");
    make_file("work/.codex");
    ask_for("workspace", &user_host);
    make();
    assert_true(rule(SBX_RULE_PROTECT, at("work/.git"))->is_directory);
    assert_string_equal(rule(SBX_RULE_PROTECT, at("work/.git"))->source, "protect .git");
    assert_false(rule(SBX_RULE_PROTECT, at("work/.codex"))->is_directory);
    assert_non_null(rule(SBX_RULE_PROTECT_ABSENT, at("work/.agents")));
    done();

    /* What another run keeps there, or a killed one left: absent all the same. */
    assert_int_equal(mkdir(at("work/.agents"), 0755), 0);
    assert_int_equal(chmod(at("work/.agents"), SBX_PLACEHOLDER_MODE), 0);
    ask_for("workspace", &user_host);
    make();
    assert_non_null(rule(SBX_RULE_PROTECT_ABSENT, at("work/.agents")));
    assert_null(rule(SBX_RULE_PROTECT, at("work/.agents")));
    done();

    assert_int_equal(rmdir(at("work/.agents")), 0);
    make_directory("outside");
    assert_int_equal(symlink(at("outside"), at("work/.agents")), 0);
    ask_for("workspace", &user_host);
    fails(SBX_INVALID, "--unprotect .agents");
    for (size_t i = 0; i < SBX_COUNT_OF(not_names); i++) {
        ask_for("grader", &user_host);
        add(&policy.protect, not_names[i]);
        fails(SBX_INVALID, "not a single name");
    }
    ask_for("grader", &user_host);
    make();
    assert_int_equal(count_rules(SBX_RULE_PROTECT) + count_rules(SBX_RULE_PROTECT_ABSENT), 0);
    done();
    unlink(at("work/.agents"));

    /* A root in what another root protects: said, not silently read-only. */
    ask_for("workspace", &user_host);
    add(&policy.write, at("work/.git"));
    fails(SBX_INVALID, "--unprotect");
}

static void protected_paths_and_pins(void **state)
{
    (void)state;
    make_directory("work/a");
    make_directory("work/a/b");
    make_directory("work/a/b/c");
    make_directory("work/d");
    make_file("work/d/f");
    make_directory("free");
    assert_int_equal(symlink("f", at("work/d/link")), 0);

    ask_for("workspace", &user_host);
    sbx_strings_done(&policy.protect);
    add(&policy.deny_write, at("work/a/b/c"));
    add(&policy.deny_write, at("work/d/f"));
    add(&policy.deny_write, at("work/d/new"));
    add(&policy.deny_write, at("free"));
    make();
    assert_non_null(rule(SBX_RULE_PROTECT, at("work/a/b/c")));
    assert_non_null(rule(SBX_RULE_PROTECT, at("work/d/f")));
    assert_non_null(rule(SBX_RULE_PROTECT_ABSENT, at("work/d/new")));
    assert_null(rule(SBX_RULE_PROTECT, at("free"))); /* read-only already */
    assert_int_equal(count_rules(SBX_RULE_PIN), 3);
    assert_non_null(rule(SBX_RULE_PIN, at("work/a")));
    assert_non_null(rule(SBX_RULE_PIN, at("work/a/b")));
    assert_non_null(rule(SBX_RULE_PIN, at("work/d")));
    for (size_t i = 1; i < plan.rule_count; i++) { /* in the order in which they are applied */
        const sbx_rule *before = &plan.rules[i - 1], *after = &plan.rules[i];

        assert_true(before->kind < after->kind ||
                    (before->kind == after->kind && strcmp(before->path, after->path) < 0));
    }
    done();

    ask_for("workspace",
            &user_host); /* what is in a protected directory needs neither rule nor pin */
    sbx_strings_done(&policy.protect);
    add(&policy.deny_write, at("work/a"));
    add(&policy.deny_write, at("work/a/b/c"));
    make();
    assert_int_equal(count_rules(SBX_RULE_PROTECT), 1);
    assert_int_equal(count_rules(SBX_RULE_PIN), 0);
    done();

    ask_for("workspace", &user_host); /* a root on the way is a mount point of its own */
    sbx_strings_done(&policy.protect);
    add(&policy.write, at("work/a"));
    add(&policy.deny_read, at("work/a/b"));
    make();
    assert_int_equal(count_rules(SBX_RULE_PIN), 0);
    done();

    ask_for("workspace", &user_host);
    add(&policy.deny_write, at("work/d/link"));
    fails(SBX_INVALID, "symbolic link");
    ask_for("workspace", &user_host);
    add(&policy.deny_write, at("work/none/x"));
    fails(SBX_INVALID, "must exist");
    ask_for("read-only", &user_host);
    add(&policy.write, at("work/a/b"));
    add(&policy.deny_write, at("work/a"));
    fails(SBX_INVALID, "shall not be");
}

static void the_audit_database(void **state)
{
    (void)state;
    ask_for("read-only", &user_host); /* in the private /tmp: out of reach as it is */
    request.audit_path = at("elsewhere.db");
    make();
    assert_string_equal(plan.audit_path, at("elsewhere.db"));
    for (size_t i = 0; i < plan.rule_count; i++)
        assert_false(sbx_path_is_within(plan.rules[i].path, base) &&
                     plan.rules[i].kind == SBX_RULE_DENY);
    assert_false(plan.audit_before_mounts);
    done();

    make_directory("work/db");
    ask_for("workspace", &user_host);
    request.audit_path = at("work/db/../db/a.db");
    make();
    assert_string_equal(plan.audit_path, at("work/db/a.db"));
    assert_string_equal(rule(SBX_RULE_DENY, at("work/db/a.db"))->source, "audit");
    assert_non_null(rule(SBX_RULE_DENY, at("work/db/a.db-wal")));
    assert_non_null(rule(SBX_RULE_DENY, at("work/db/a.db-shm")));
    assert_non_null(rule(SBX_RULE_PIN, at("work/db")));
    assert_true(plan.audit_before_mounts);
    done();

    make_file("work/db/a.db");
    make_file("work/db/a.db-wal");
    ask_for("workspace", &user_host);
    request.audit_path = at("work/db/a.db");
    make();
    assert_true(plan.audit_before_mounts); /* one is missing still */
    done();
    make_file("work/db/a.db-shm");
    ask_for("workspace", &user_host);
    request.audit_path = at("work/db/a.db");
    make();
    assert_false(plan.audit_before_mounts);
    done();

    ask_for("workspace", &user_host);
    request.audit_path = "a.db";
    fails(SBX_INVALID, "not an absolute path");
}

static void the_state_directory(void **state)
{
    char variable[300];

    (void)state;
    ask_for("read-only", &root_host); /* of the home, which root's target can see */
    request.audit_path = at("home/.local/state/sbx/audit.db");
    make();
    assert_string_equal(plan.audit_path, at("home/.local/state/sbx/audit.db"));
    assert_true(rule(SBX_RULE_DENY, at("home/.local/state/sbx"))->is_directory);
    assert_true(plan.audit_before_mounts); /* nothing is there that could be covered */
    done();

    make_directory("work/state");
    make_directory("work/state/sbx");
    snprintf(variable, sizeof(variable), "XDG_STATE_HOME=%s", at("work/state"));
    ask_for("workspace", &user_host); /* other databases in it are nobody's business either */
    environment[2] = variable;
    make();
    assert_non_null(rule(SBX_RULE_DENY, at("work/state/sbx")));
    assert_false(plan.audit_before_mounts);
    done();
    ask_for("workspace", &user_host);
    environment[2] = variable;
    request.audit_path = at("work/state/sbx/audit.db");
    make();
    assert_string_equal(plan.audit_path, at("work/state/sbx/audit.db"));
    assert_null(rule(SBX_RULE_DENY, at("work/state/sbx/audit.db")));
    assert_false(plan.audit_before_mounts);
    done();

    /* A link in it is followed: what counts is where the database really is. */
    make_directory("work/real");
    make_file("work/real/audit.db");
    assert_int_equal(symlink(at("work/real/audit.db"), at("work/state/sbx/audit.db")), 0);
    ask_for("workspace", &user_host);
    environment[2] = variable;
    request.audit_path = at("work/state/sbx/audit.db");
    make();
    assert_string_equal(plan.audit_path, at("work/real/audit.db"));
    assert_non_null(rule(SBX_RULE_DENY, at("work/real/audit.db")));
    done();
}

static void too_many_rules(void **state)
{
    (void)state;
    ask_for("read-only", &user_host);
    for (int i = 0; i < 300; i++) {
        char name[32];

        snprintf(name, sizeof(name), "work/%d", i);
        make_directory(name);
        add(&policy.write, at(name));
    }
    fails(SBX_INVALID, "path rules are more than");
}

/* Path B, outside of private directories: the way to a root must be open to strangers. */
static void a_closed_way(void **state)
{
    char here[4096], closed[4200], root[4300];
    const struct passwd *account = getpwuid(getuid());

    (void)state;
    assert_non_null(getcwd(here, sizeof(here)));
    if (account != NULL && sbx_path_is_within(here, account->pw_dir))
        skip(); /* the caller's home is seen through the caller's eyes: no way in it is closed */
    snprintf(closed, sizeof(closed), "%s/sbx-test-closed-XXXXXX", here);
    if (sbx_path_is_within(here, "/tmp") || sbx_path_is_within(here, "/var/tmp") ||
        mkdtemp(closed) == NULL)
        skip();
    snprintf(root, sizeof(root), "%s/root", closed);
    assert_int_equal(mkdir(root, 0755), 0);
    ask_for("grader", &root_host);
    sbx_strings_done(&policy.write);
    add(&policy.write, root);
    assert_int_equal(sbx_plan_make(&plan, &policy, &request, &error), SBX_REFUSED);
    assert_non_null(strstr(error.message, "--identity self"));
    done();
    ask_for("grader", &root_host);
    sbx_strings_done(&policy.write);
    add(&policy.write, root);
    add(&policy.read, closed); /* the fix that the message names */
    make();
    assert_non_null(rule(SBX_RULE_WRITE, root));
    done();
    rmdir(root);
    rmdir(closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_cannot_be_a_root), TEST(roots_are_resolved),
        TEST(readable_roots),        TEST(the_working_directory),
        TEST(denied_paths),          TEST(secrets_of_the_home),
        TEST(protected_names),       TEST(protected_paths_and_pins),
        TEST(the_audit_database),    TEST(the_state_directory),
        TEST(too_many_rules),        TEST(a_closed_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
