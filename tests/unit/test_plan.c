/* harness/policy/plan.h: who the target is, behind which walls, with what command and environment. */
#include "tests/unit/plan_place.h"

#include <jansson.h>
#include <pwd.h>

static void words(void **state)
{
    static const char *const rules[] = {"read",           "write", "protect",
                                        "protect_absent", "pin",   "deny"};
    static const char *const walls[] = {"mounts",  "pids", "ipc",   "net",  "landlock",
                                        "seccomp", "uid",  "token", "aces", "job"};

    (void)state;
    for (int i = 0; i < SBX_RULE_COUNT; i++)
        assert_string_equal(sbx_rule_word((sbx_rule_kind)i), rules[i]);
    for (int i = 0; i < SBX_WALL_COUNT; i++)
        assert_string_equal(sbx_wall_word((sbx_wall)i), walls[i]);
    assert_string_equal(sbx_rule_word(SBX_RULE_COUNT), "unknown");
    assert_string_equal(sbx_wall_word(SBX_WALL_COUNT), "unknown");
}

static void an_ordinary_user(void **state)
{
    (void)state;
    ask_for("read-only", &user_host);
    make();
    assert_int_equal(strlen(plan.run_id), 26);
    assert_string_equal(plan.policy_name, "read-only");
    assert_int_equal(plan.argc, 2);
    assert_string_equal(plan.argv[0], "prog");
    assert_string_equal(plan.argv[1], "--flag");
    assert_null(plan.argv[2]);
    assert_ptr_not_equal(plan.argv[0], command[0]); /* its own copy */
    assert_string_equal(plan.cwd, work);
    assert_string_equal(plan.path_list, "/bin");
    assert_int_equal(plan.identity, SBX_IDENTITY_SELF);
    assert_int_equal(plan.caller_uid, geteuid());
    assert_int_equal(plan.target_uid, geteuid());
    assert_true(plan.user_namespace && plan.uses_namespaces && plan.watch_denials);
    for (int wall = 0; wall < SBX_WALL_COUNT; wall++)
        assert_int_equal(plan.walls[wall], wall < SBX_WALL_UID); /* what follows is Windows' */
    assert_int_equal(plan.missing.bytes, 0);
    assert_true(plan.temp_bytes == SBX_UNLIMITED);
    assert_null(plan.audit_path);
    /* The working directory lies in what the target has its own of, and is brought back. */
    assert_non_null(rule(SBX_RULE_READ, work));
    assert_int_equal(count_rules(SBX_RULE_WRITE), 0);
    done();
    sbx_plan_done(&plan); /* twice is nothing */
}

static void root_becomes_another_user(void **state)
{
    const struct passwd *account = getpwuid(geteuid());

    (void)state;
    ask_for("workspace", &root_host);
    make();
    assert_int_equal(plan.identity, SBX_IDENTITY_SANDBOX);
    assert_int_equal(plan.target_uid, SBX_UID_OFFLINE);
    assert_int_equal(plan.target_gid, SBX_UID_OFFLINE);
    assert_true(plan.walls[SBX_WALL_UID] && plan.walls[SBX_WALL_NET] && !plan.user_namespace);
    assert_non_null(rule(SBX_RULE_READ, home));
    assert_string_equal(rule(SBX_RULE_READ, home)->source, "home");
    assert_non_null(rule(SBX_RULE_WRITE, work));
    assert_null(rule(SBX_RULE_READ, work)); /* writable is readable */
    /* Another HOME does not move the account's secrets: that home is looked at as well. */
    if (account != NULL && strcmp(account->pw_dir, "/root") == 0 && access("/root", F_OK) == 0)
        assert_non_null(rule(SBX_RULE_READ, "/root"));
    done();

    ask_for("workspace", &root_host);
    policy.network = SBX_NETWORK_FULL;
    make();
    assert_int_equal(plan.target_uid, SBX_UID_ONLINE);
    assert_false(plan.walls[SBX_WALL_NET]);
    done();

    ask_for("workspace", &root_host);
    policy.identity = SBX_IDENTITY_SELF;
    make();
    assert_int_equal(plan.identity, SBX_IDENTITY_SELF);
    assert_int_equal(plan.target_uid, geteuid());
    assert_false(plan.walls[SBX_WALL_UID]);
    assert_null(rule(SBX_RULE_READ, home));
    done();
}

static void what_is_refused_on_a_host(void **state)
{
    sbx_host host = root_host;

    (void)state;
    ask_for("read-only", &user_host);
    policy.identity = SBX_IDENTITY_SANDBOX;
    fails(SBX_REFUSED, "identity sandbox needs root");

    host.has_every_id = false; /* a rootless container's root has nobody to become */
    ask_for("read-only", &host);
    policy.identity = SBX_IDENTITY_SANDBOX;
    fails(SBX_REFUSED, "identity sandbox needs root");
    ask_for("read-only", &host);
    make();
    assert_int_equal(plan.identity, SBX_IDENTITY_SELF);
    assert_false(plan.user_namespace);
    done();

    ask_for("read-only", &user_host);
    policy.network = SBX_NETWORK_ADVISORY;
    request.allow_degraded = true;
    fails(SBX_REFUSED, "--net none");

    host = user_host;
    host.inside_sbx = true;
    ask_for("read-only", &host);
    request.allow_degraded = true;
    fails(SBX_REFUSED, "running inside sbx");

    host = user_host;
    host.has_seccomp_notify = false;
    ask_for("read-only", &host);
    make();
    assert_false(plan.watch_denials);
    done();
}

static void without_user_namespaces(void **state)
{
    sbx_host host = closed_host;

    (void)state;
    make_directory("work/.git");
    ask_for("workspace", &closed_host);
    fails(SBX_REFUSED, "kernel.some_knob=0");
    assert_non_null(strstr(error.message, "sysctl -w kernel.some_knob=1"));
    assert_non_null(strstr(error.message, "--allow-degraded"));

    ask_for("workspace", &closed_host);
    request.allow_degraded = true;
    add(&policy.deny_read, work);
    fails(SBX_INVALID, "denied");

    make_directory("work/private");
    ask_for("workspace", &closed_host);
    request.allow_degraded = true;
    add(&policy.deny_read, at("work/private"));
    make();
    assert_string_equal(sbx_text_string(&plan.missing), "mounts,pids,ipc,net,temp,protect,deny");
    assert_true(plan.walls[SBX_WALL_LANDLOCK] && plan.walls[SBX_WALL_SECCOMP]);
    assert_false(plan.walls[SBX_WALL_MOUNTS] || plan.walls[SBX_WALL_NET] || plan.user_namespace);
    assert_non_null(rule(SBX_RULE_DENY, at("work/private"))); /* reading is still refused */
    assert_int_equal(count_rules(SBX_RULE_PROTECT) + count_rules(SBX_RULE_PROTECT_ABSENT), 0);
    assert_int_equal(count_rules(SBX_RULE_PIN), 0);
    assert_null(sbx_plan_variable(&plan, "TMPDIR"));
    done();

    host.landlock_abi = 0;
    ask_for("read-only", &host);
    request.allow_degraded = true;
    policy.network = SBX_NETWORK_FULL;
    make();
    assert_string_equal(sbx_text_string(&plan.missing), "mounts,pids,ipc,landlock,temp");
    done();

    /* Degraded never means more than was asked for. */
    ask_for("read-only", &closed_host);
    request.allow_degraded = true;
    policy.network = SBX_NETWORK_LOOPBACK;
    fails(SBX_REFUSED, "loopback");
}

static void what_the_command_gets_of_the_environment(void **state)
{
    static const char *const kept[] = {"EDITOR", "LC_ALL", "KEYBOARD", "EMPTY", "PATH"};
    static const char *const dropped[] = {"MY_TOKEN",      "AWS_REGION", "API_KEY",    "DISPLAY",
                                          "SSH_AUTH_SOCK", "GITHUB_SHA", "DB_PASSWORD"};
    size_t count = 0;

    (void)state;
    ask_for("read-only", &user_host);
    for (size_t i = 2; i < 7; i++)
        environment[i] = ((const char *const[]){"EDITOR=vi", "LC_ALL=C", "KEYBOARD=x",
                                                "EMPTY=", "noequals"})[i - 2];
    environment[7] = "MY_TOKEN=t";
    environment[8] = "AWS_REGION=r";
    environment[9] = "API_KEY=k";
    environment[10] = "DISPLAY=:0";
    environment[11] = "SSH_AUTH_SOCK=/s";
    environment[12] = "GITHUB_SHA=1";
    environment[13] = "DB_PASSWORD=p";
    environment[14] = "TMPDIR=/somewhere";
    add(&policy.env_set, "NEW=1=2");
    add(&policy.env_set, "EDITOR=emacs");
    add(&policy.env_set, "API_KEY"); /* the caller's, said by name */
    add(&policy.env_set, "ABSENT");  /* which the caller does not have */
    add(&policy.env_set, "NEW=last");
    make();
    for (size_t i = 0; i < SBX_COUNT_OF(kept); i++)
        assert_non_null(sbx_plan_variable(&plan, kept[i]));
    for (size_t i = 0; i < SBX_COUNT_OF(dropped); i++)
        if (strcmp(dropped[i], "API_KEY") != 0 && sbx_plan_variable(&plan, dropped[i]) != NULL)
            fail_msg("%s was passed on", dropped[i]);
    assert_string_equal(sbx_plan_variable(&plan, "EDITOR"), "emacs");
    assert_string_equal(sbx_plan_variable(&plan, "NEW"), "last");
    assert_string_equal(sbx_plan_variable(&plan, "API_KEY"), "k");
    assert_null(sbx_plan_variable(&plan, "ABSENT"));
    assert_string_equal(sbx_plan_variable(&plan, "EMPTY"), "");
    assert_string_equal(sbx_plan_variable(&plan, "TMPDIR"), "/tmp");
    assert_string_equal(sbx_plan_variable(&plan, "SBX_RUN_ID"), plan.run_id);
    while (plan.env[count] != NULL)
        assert_non_null(strchr(plan.env[count++], '='));
    assert_int_equal(count, 10);
    done();

    ask_for("grader", &user_host);
    environment[2] = "EDITOR=vi";
    environment[3] = "LC_ALL=C";
    add(&policy.env_set, "TMPDIR=/tmp/mine"); /* said by name */
    add(&policy.env_set, "SBX_RUN_ID=forged");
    make();
    assert_null(sbx_plan_variable(&plan, "EDITOR"));
    assert_string_equal(sbx_plan_variable(&plan, "LC_ALL"), "C");
    assert_string_equal(sbx_plan_variable(&plan, "TMPDIR"), "/tmp/mine");
    assert_string_equal(sbx_plan_variable(&plan, "SBX_RUN_ID"), plan.run_id);
    done();

    ask_for("read-only", &user_host);
    request.environment = NULL;
    make();
    assert_string_equal(plan.path_list, "/usr/local/bin:/usr/bin:/bin");
    done();
}

static void commands(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const empty[] = {"", NULL};
    const size_t count = 20000;
    const char **many = calloc(count + 1, sizeof(*many));

    (void)state;
    ask_for("read-only", &user_host);
    request.argv = none;
    fails(SBX_INVALID, "no command");
    ask_for("read-only", &user_host);
    request.argv = empty;
    fails(SBX_INVALID, "no command");
    assert_non_null(many);
    for (size_t i = 0; i < count; i++)
        many[i] = "an argument that is long enough to need many blocks of memory";
    ask_for("read-only", &user_host);
    request.argv = many;
    make();
    assert_int_equal(plan.argc, count);
    assert_string_equal(plan.argv[count - 1], many[0]);
    assert_null(plan.argv[count]);
    done();
    free(many);
}

static void limits_and_the_private_temp(void **state)
{
    (void)state;
    ask_for("grader", &user_host);
    policy.limits.grace_ns = 7;
    make();
    assert_true(plan.limits.value[SBX_LIMIT_PROCESSES] == 64 && plan.limits.grace_ns == 7);
    assert_true(plan.temp_bytes == plan.limits.value[SBX_LIMIT_MEMORY]);
    done();
    ask_for("grader", &user_host);
    policy.limits.value[SBX_LIMIT_MEMORY] = 0;
    make();
    assert_true(plan.temp_bytes == 65536); /* 0 would mean "as much as you like" */
    done();
}

static void as_json(void **state)
{
    sbx_text text = {0};
    json_t *root;

    (void)state;
    ask_for("workspace", &user_host);
    add(&policy.env_set, "VARIABLE=hidden-value");
    make_directory("work/.git");
    make();
    assert_int_equal(sbx_plan_to_json(&text, &plan, &error), SBX_OK);
    assert_null(strstr(text.data, "hidden-value"));
    root = json_loads(text.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "run_id")), plan.run_id);
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "command"), 1)),
                        "--flag");
    assert_string_equal(json_string_value(json_object_get(root, "enforcement")), "full");
    assert_int_equal(json_array_size(json_object_get(root, "rules")), plan.rule_count);
    assert_int_equal(json_array_size(json_object_get(root, "walls")), 6);
    assert_true(json_is_null(json_object_get(root, "audit_db")));
    assert_true(json_is_object(json_object_get(root, "policy_resolved")));
    json_decref(root);
    sbx_text_done(&text);

    root = json_loads(plan.policy_json.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_string_equal(json_string_value(json_object_get(root, "name")), "workspace");
    assert_null(strstr(plan.policy_json.data, "hidden-value"));
    json_decref(root);
    done();
}

/* The same policy gives the same text, whatever the run: it is stored once. */
static void the_policy_text_is_canonical(void **state)
{
    char *first;

    (void)state;
    ask_for("workspace", &user_host);
    make();
    first = strdup(plan.policy_json.data);
    assert_non_null(first);
    done();
    ask_for("workspace", &root_host);
    environment[2] = "X=1";
    request.cwd = "/usr";
    sbx_strings_done(&policy.write);
    make();
    assert_string_not_equal(plan.policy_json.data, first);
    done();
    ask_for("workspace", &root_host);
    environment[2] = "X=1";
    make();
    assert_string_equal(plan.policy_json.data, first);
    done();
    free(first);
}

static void the_real_host(void **state)
{
    sbx_host host;

    (void)state;
    sbx_host_look(&host);
    assert_int_equal(host.is_root && geteuid() != 0, 0);
    assert_true(!host.has_every_id || host.is_root);
    assert_true(host.has_user_namespaces || host.user_namespaces_refused_by != NULL);
    assert_true(host.landlock_abi >= 0 && host.landlock_abi < 1000);
    if (access("/sys/kernel/security/lsm", R_OK) == 0) {
        char text[256] = "";
        FILE *file = fopen("/sys/kernel/security/lsm", "r");

        if (file != NULL && fgets(text, sizeof(text), file) != NULL)
            assert_int_equal(host.landlock_abi > 0, strstr(text, "landlock") != NULL);
        if (file != NULL)
            fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(words),
        TEST(an_ordinary_user),
        TEST(root_becomes_another_user),
        TEST(what_is_refused_on_a_host),
        TEST(without_user_namespaces),
        TEST(what_the_command_gets_of_the_environment),
        TEST(commands),
        TEST(limits_and_the_private_temp),
        TEST(as_json),
        TEST(the_policy_text_is_canonical),
        TEST(the_real_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
