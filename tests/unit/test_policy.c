/* harness/policy/policy.h: built-in policies, policy files, their errors. */
#include "tests/support/test.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/policy/policy.h"

/* One policy read from memory: "/base/dir" is its directory. */
static sbx_status parse(sbx_policy *policy, const char *text, sbx_error *err)
{
    sbx_policy_init(policy);
    return sbx_policy_parse(policy, text, strlen(text), "p.json", "/base/dir", err);
}

static bool has(const sbx_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->item[i], text) == 0)
            return true;
    return false;
}

static void words(void **state)
{
    static const char *const networks[] = {"none", "loopback", "full", "advisory"};
    static const char *const identities[] = {"auto", "self", "sandbox"};
    sbx_error err;

    (void)state;
    for (int i = 0; i < 4; i++) {
        sbx_network network = SBX_NETWORK_NONE;

        assert_string_equal(sbx_network_word((sbx_network)i), networks[i]);
        assert_int_equal(sbx_network_parse(&network, networks[i], &err), SBX_OK);
        assert_int_equal(network, i);
    }
    for (int i = 0; i < 3; i++) {
        sbx_identity identity = SBX_IDENTITY_AUTO;

        assert_string_equal(sbx_identity_word((sbx_identity)i), identities[i]);
        assert_int_equal(sbx_identity_parse(&identity, identities[i], &err), SBX_OK);
        assert_int_equal(identity, i);
    }
    assert_int_equal(sbx_network_parse(&(sbx_network){0}, "None", &err), SBX_INVALID);
    assert_non_null(strstr(err.message, "\"None\""));
    assert_int_equal(sbx_identity_parse(&(sbx_identity){0}, "", &err), SBX_INVALID);
    assert_string_equal(sbx_network_word((sbx_network)9), "unknown");
    assert_string_equal(sbx_identity_word((sbx_identity)9), "unknown");
}

static void builtins(void **state)
{
    sbx_policy policy;
    sbx_error err;

    (void)state;
    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_load(&policy, "read-only", &err), SBX_OK);
    assert_string_equal(policy.name, "read-only");
    assert_int_equal(policy.write.count, 0);
    assert_true(policy.deny_secrets);
    assert_true(has(&policy.protect, ".git") && has(&policy.protect, ".codex") &&
                has(&policy.protect, ".agents"));
    assert_true(has(&policy.env_keep, "*") && has(&policy.env_deny, "*TOKEN*"));
    assert_int_equal(policy.network, SBX_NETWORK_NONE);
    assert_int_equal(policy.identity, SBX_IDENTITY_AUTO);
    assert_true(policy.limits.value[SBX_LIMIT_MEMORY] == SBX_UNLIMITED);
    sbx_policy_done(&policy);

    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_load(&policy, "workspace", &err), SBX_OK);
    assert_true(policy.write.count == 1 && has(&policy.write, "."));
    assert_int_equal(policy.protect.count, 3);
    sbx_policy_done(&policy);

    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_load(&policy, "grader", &err), SBX_OK);
    assert_true(policy.write.count == 1 && policy.protect.count == 0);
    assert_false(has(&policy.env_keep, "*"));
    assert_true(has(&policy.env_keep, "PATH"));
    assert_true(policy.limits.value[SBX_LIMIT_MEMORY] == UINT64_C(536870912));
    assert_true(policy.limits.value[SBX_LIMIT_WALL] == 10 * SBX_NS_PER_S);
    assert_true(policy.limits.value[SBX_LIMIT_CPU] == 10 * SBX_NS_PER_S);
    assert_true(policy.limits.value[SBX_LIMIT_PROCESSES] == 64);
    assert_true(policy.limits.value[SBX_LIMIT_FILE_SIZE] == UINT64_C(67108864));
    assert_true(policy.limits.value[SBX_LIMIT_FILES] == 256);
    assert_true(policy.limits.value[SBX_LIMIT_OUTPUT] == UINT64_C(16777216));
    sbx_policy_done(&policy);
    sbx_policy_done(&policy); /* twice is nothing */

    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_load(&policy, "readonly", &err), SBX_INVALID);
    assert_int_equal(err.step, SBX_STEP_POLICY);
    assert_non_null(strstr(err.message, "readonly"));
    assert_non_null(strstr(err.message, "read-only, workspace, grader"));
    sbx_policy_done(&policy);
}

static void the_usual_secrets_are_in_the_list(void **state)
{
    static const char *const wanted[] = {"~/.ssh",           "~/.aws",     "~/.netrc",
                                         "~/.config/gcloud", "~/.mozilla", "/etc/shadow"};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(wanted); i++) {
        const char *const *secret = sbx_policy_secrets();

        while (*secret != NULL && strcmp(*secret, wanted[i]) != 0)
            secret++;
        assert_non_null(*secret);
    }
}

static const char full_file[] =
    "{\"$schema\": \"x\", \"version\": 1, \"name\": \"team-1\", \"extends\": \"workspace\",\n"
    " \"filesystem\": {\"read\": [\"/opt/sdk\"], \"write\": [\".\", \"./out/../build\", "
    "\"/var/b/\"],\n"
    "   \"deny_read\": [\"~/notes\", \"/srv/keys\"], \"deny_write\": [\"./ci\"]},\n"
    " \"protect\": [\".hg\"],\n"
    " \"network\": {\"mode\": \"loopback\", \"unix_sockets\": true},\n"
    " \"env\": {\"keep\": [\"X_*\"], \"deny\": [\"Y\"], \"set\": {\"A\": \"1=2\", \"B\": null, "
    "\"C\": \"\"}},\n"
    " \"limits\": {\"memory\": \"2G\", \"swap\": 0, \"cpus\": 0.5, \"cpu\": 30, \"wall\": "
    "\"90s\",\n"
    "   \"idle\": \"1m\", \"procs\": 128, \"fsize\": 1048576, \"files\": \"512\", \"output\": "
    "\"unlimited\",\n"
    "   \"grace\": \"250ms\", \"memory_action\": \"fail\"},\n"
    " \"identity\": \"self\", \"windows\": {\"everyone\": true}}";

static void every_key_is_read(void **state)
{
    sbx_policy policy;
    sbx_error err = {0};
    const uint64_t *limit = policy.limits.value;

    (void)state;
    if (parse(&policy, full_file, &err) != SBX_OK)
        fail_msg("%s", err.message);
    assert_string_equal(policy.name, "team-1");
    assert_true(policy.read.count == 1 && has(&policy.read, "/opt/sdk"));
    assert_int_equal(policy.write.count, 4);
    assert_string_equal(policy.write.item[0], "."); /* of workspace: the command's directory */
    assert_string_equal(policy.write.item[1], "/base/dir");
    assert_string_equal(policy.write.item[2], "/base/dir/build");
    assert_string_equal(policy.write.item[3], "/var/b");
    assert_true(has(&policy.deny_read, "~/notes") && has(&policy.deny_read, "/srv/keys"));
    assert_true(policy.deny_secrets);
    assert_true(policy.deny_write.count == 1 && has(&policy.deny_write, "/base/dir/ci"));
    assert_true(policy.protect.count == 4 && has(&policy.protect, ".hg") &&
                has(&policy.protect, ".git"));
    assert_int_equal(policy.network, SBX_NETWORK_LOOPBACK);
    assert_true(policy.unix_sockets);
    assert_true(has(&policy.env_keep, "*") && has(&policy.env_keep, "X_*") &&
                has(&policy.env_deny, "Y"));
    assert_int_equal(policy.env_set.count, 3);
    assert_true(has(&policy.env_set, "A=1=2") && has(&policy.env_set, "B") &&
                has(&policy.env_set, "C="));
    assert_int_equal(policy.identity, SBX_IDENTITY_SELF);
    assert_true(policy.windows_everyone);
    assert_true(limit[SBX_LIMIT_MEMORY] == UINT64_C(2147483648) && limit[SBX_LIMIT_SWAP] == 0);
    assert_true(limit[SBX_LIMIT_CPUS] == 500 && limit[SBX_LIMIT_CPU] == 30 * SBX_NS_PER_S);
    assert_true(limit[SBX_LIMIT_WALL] == 90 * SBX_NS_PER_S &&
                limit[SBX_LIMIT_IDLE] == 60 * SBX_NS_PER_S);
    assert_true(limit[SBX_LIMIT_PROCESSES] == 128 && limit[SBX_LIMIT_FILES] == 512);
    assert_true(limit[SBX_LIMIT_FILE_SIZE] == 1048576 && limit[SBX_LIMIT_OUTPUT] == SBX_UNLIMITED);
    assert_true(policy.limits.grace_ns == 250 * SBX_NS_PER_MS && policy.limits.memory_fails);
    sbx_policy_done(&policy);
}

static void what_a_file_stands_on(void **state)
{
    sbx_policy policy;
    sbx_error err = {0};

    (void)state;
    assert_int_equal(parse(&policy, "{\"version\":1}", &err), SBX_OK);
    assert_string_equal(policy.name, "p");
    assert_true(policy.deny_secrets && has(&policy.env_keep, "*")); /* read-only underneath */
    assert_false(policy.windows_everyone);
    sbx_policy_done(&policy);

    assert_int_equal(parse(&policy, "{\"version\":1,\"extends\":null}", &err), SBX_OK);
    assert_false(policy.deny_secrets);
    assert_int_equal(policy.env_keep.count + policy.protect.count + policy.write.count, 0);
    sbx_policy_done(&policy);

    assert_int_equal(
        parse(&policy,
              "{\"version\":1,\"extends\":\"grader\",\"limits\":{\"wall\":\"unlimited\","
              "\"memory\":1024}}",
              &err),
        SBX_OK);
    assert_true(policy.limits.value[SBX_LIMIT_WALL] == SBX_UNLIMITED);
    assert_true(policy.limits.value[SBX_LIMIT_MEMORY] == 1024);
    assert_true(policy.limits.value[SBX_LIMIT_PROCESSES] == 64);
    sbx_policy_done(&policy);

    assert_int_equal(parse(&policy, "{\"version\":1,\"network\":\"full\"}", &err), SBX_OK);
    assert_int_equal(policy.network, SBX_NETWORK_FULL);
    sbx_policy_done(&policy);
}

/* What stands in the message, and the file's line. */
static const struct {
    const char *text, *words;
} refused[] = {
    {"", "p.json:1: "},
    {"[]", "p.json: must be an object"},
    {"{}", "version: is missing"},
    {"{\"version\":2}", "p.json:1: version: must be 1"},
    {"{\"version\":\"1\"}", "version: must be 1"},
    {"{\"version\":1.0}", "version: must be 1"},
    {"{\"version\":1} x", "p.json:1: "},
    {"{\"version\":1,\n\"version\":1}", "p.json:2: duplicate"},
    {"{\"version\":1,\n\n\"colour\":1}", "p.json:3: colour: unknown key"},
    {"{\"version\":1,\"limits\":{\n\"memroy\":1}}",
     "p.json:2: limits.memroy: unknown key; did you mean memory"},
    {"{\"version\":1,\"filesystem\":{\"wirte\":[]}}",
     "filesystem.wirte: unknown key; did you mean write"},
    {"{\"version\":1,\"env\":{\"sets\":{}}}", "env.sets: unknown key; did you mean set"},
    {"{\"version\":1,\"network\":{\"mod\":\"none\"}}",
     "network.mod: unknown key; did you mean mode"},
    {"{\"version\":1,\"filesystem\":[]}", "filesystem: must be an object"},
    {"{\"version\":1,\"filesystem\":{\"write\":\".\"}}", "filesystem.write: must be a list"},
    {"{\"version\":1,\"filesystem\":{\"write\":[\"/a\",3]}}",
     "filesystem.write[1]: must be a string"},
    {"{\"version\":1,\n\"filesystem\":{\n\"write\":[\"a/b\"]}}",
     "p.json:3: filesystem.write[0]: must be an absolute"},
    {"{\"version\":1,\"filesystem\":{\"write\":[\"../x\"]}}", "must be an absolute path"},
    {"{\"version\":1,\"filesystem\":{\"write\":[\"~bob/x\"]}}", "must be an absolute path"},
    {"{\"version\":1,\"filesystem\":{\"write\":[\"\"]}}", "must be an absolute path"},
    {"{\"version\":1,\"filesystem\":{\"write\":[\"/a\\u0000b\"]}}", "p.json:1: "},
    {"{\"version\":1,\"filesystem\":{\"write\":[\"/a\xff\"]}}", "p.json:1: "},
    {"{\"version\":1,\"protect\":[\"a/b\"]}", "protect[0]: must be a single file name"},
    {"{\"version\":1,\"protect\":[\"..\"]}", "protect[0]: must be a single file name"},
    {"{\"version\":1,\"protect\":[\"\"]}", "protect[0]: must be a single file name"},
    {"{\"version\":1,\"network\":\"on\"}", "network: must be \"none\""},
    {"{\"version\":1,\"network\":true}", "network: must be an object"},
    {"{\"version\":1,\"network\":{\"unix_sockets\":1}}",
     "network.unix_sockets: must be true or false"},
    {"{\"version\":1,\"windows\":{\"everyone\":1}}", "windows.everyone: must be true or false"},
    {"{\"version\":1,\"windows\":{\"everybody\":true}}", "windows.everybody: unknown key"},
    {"{\"version\":1,\"windows\":true}", "windows: must be an object"},
    {"{\"version\":1,\"env\":{\"keep\":[\"A=B\"]}}", "env.keep[0]: must be a variable's name"},
    {"{\"version\":1,\"env\":{\"set\":[\"A=B\"]}}", "env.set: must be an object"},
    {"{\"version\":1,\"env\":{\"set\":{\"A\":1}}}", "env.set: must be a string, or null"},
    {"{\"version\":1,\"env\":{\"set\":{\"A=\":\"\"}}}", "env.set: not a variable's name"},
    {"{\"version\":1,\"env\":{\"set\":{\"\":\"\"}}}", "env.set: not a variable's name"},
    {"{\"version\":1,\n\"limits\":{\"memory\":\"2Q\"}}",
     "p.json:2: limits.memory: \"2Q\" is not a size"},
    {"{\"version\":1,\"limits\":{\"memory\":-1}}", "limits.memory: \"-1\" is not a size"},
    {"{\"version\":1,\"limits\":{\"memory\":1.5}}", "limits.memory: must be a whole number"},
    {"{\"version\":1,\"limits\":{\"memory\":true}}", "limits.memory: must be a whole number"},
    {"{\"version\":1,\"limits\":{\"wall\":99999999999}}",
     "limits.wall: \"99999999999\" is too large"},
    {"{\"version\":1,\"limits\":{\"procs\":0}}", "limits.procs: \"0\" is too small"},
    {"{\"version\":1,\"limits\":{\"cpus\":0.0001}}", "limits.cpus: "},
    {"{\"version\":1,\"limits\":{\"cpus\":1e300}}", "limits.cpus: is out of range"},
    {"{\"version\":1,\"limits\":{\"cpus\":-0.5}}", "limits.cpus: is out of range"},
    {"{\"version\":1,\"limits\":{\"cpus\":null}}", "limits.cpus: must be a number"},
    {"{\"version\":1,\"limits\":{\"grace\":\"soon\"}}", "limits.grace: \"soon\" is not a duration"},
    {"{\"version\":1,\"limits\":{\"memory_action\":\"stop\"}}",
     "limits.memory_action: must be \"kill\""},
    {"{\"version\":1,\"identity\":\"root\"}", "identity: must be \"auto\""},
    {"{\"version\":1,\"name\":\"a b\"}", "name: must be 1 to 63"},
    {"{\"version\":1,\"name\":\"\"}", "name: must be 1 to 63"},
    {"{\"version\":1,\"name\":7}", "name: must be 1 to 63"},
    {"{\"version\":1,\"$schema\":7}", "$schema: must be a string"},
    {"{\"version\":1,\"extends\":7}", "extends: must be a policy's name"},
    {"{\"version\":1,\"extends\":\"lax\"}", "extends: no built-in policy"},
    {"{\"version\":1,\"extends\":\"/nonexistent/x.json\"}", "/nonexistent/x.json"},
    {"{\"version\":1,\"l\\u0069mits\":{\"memroy\":1},\"x\":1}", "limits.memroy: unknown key"},
};

static void what_is_refused_and_how(void **state)
{
    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(refused); i++) {
        sbx_policy policy;
        sbx_error err = {0};

        if (parse(&policy, refused[i].text, &err) != SBX_INVALID)
            fail_msg("taken: %s", refused[i].text);
        assert_int_equal(err.step, SBX_STEP_POLICY);
        if (strstr(err.message, refused[i].words) == NULL)
            fail_msg("%s\n  says: %s\n  not:  %s", refused[i].text, err.message, refused[i].words);
        sbx_policy_done(&policy);
    }
}

static void hostile_sizes(void **state)
{
    size_t bytes = 1024 * 1024 + 1;
    char *text = malloc(bytes);
    sbx_policy policy;
    sbx_error err = {0};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', bytes);
    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_parse(&policy, text, bytes, "big", "/", &err), SBX_INVALID);
    assert_non_null(strstr(err.message, "larger than 1 MiB"));
    memset(text, '[', bytes);
    assert_int_equal(sbx_policy_parse(&policy, text, bytes - 1, "deep", "/", &err), SBX_INVALID);
    free(text);
    sbx_policy_done(&policy);
}

/* --- files --- */

static char directory[] = "/tmp/sbx-test-policy-XXXXXX";

static const char *put(const char *name, const char *text)
{
    static char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"base.json",     "top.json",  "circle.json",
                                        "big.json",      "link.json", "pipe.json",
                                        "sub/deep.json", "sub",       "a.json"};
    char path[256];

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        remove(path);
    }
    return rmdir(directory);
}

static void files_extend_files(void **state)
{
    char path[256], expected[256];
    sbx_policy policy;
    sbx_error err = {0};

    (void)state;
    put("base.json", "{\"version\":1,\"extends\":\"grader\",\"filesystem\":{\"write\":[\"./b\"]},"
                     "\"limits\":{\"procs\":7,\"files\":9}}");
    snprintf(path, sizeof(path), "%s/sub", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    put("sub/deep.json", "{\"version\":1,\"extends\":\"../base.json\",\"limits\":{\"procs\":8},"
                         "\"filesystem\":{\"write\":[\".\"]}}");
    snprintf(path, sizeof(path), "%s/sub/deep.json", directory);
    sbx_policy_init(&policy);
    if (sbx_policy_load(&policy, path, &err) != SBX_OK)
        fail_msg("%s", err.message);
    assert_string_equal(policy.name, "deep");
    assert_true(policy.limits.value[SBX_LIMIT_PROCESSES] == 8);
    assert_true(policy.limits.value[SBX_LIMIT_FILES] == 9);
    assert_true(policy.limits.value[SBX_LIMIT_MEMORY] == UINT64_C(536870912));
    snprintf(expected, sizeof(expected), "%s/b", directory);
    assert_true(has(&policy.write, expected)); /* of the file that says so */
    snprintf(expected, sizeof(expected), "%s/sub", directory);
    assert_true(has(&policy.write, expected));
    sbx_policy_done(&policy);
}

static void a_circle_ends(void **state)
{
    sbx_policy policy;
    sbx_error err = {0};
    const char *path = put("circle.json", "{\"version\":1,\"extends\":\"./circle.json\"}");

    (void)state;
    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_load(&policy, path, &err), SBX_INVALID);
    assert_non_null(strstr(err.message, "too deep"));
    sbx_policy_done(&policy);
}

static void a_link_means_its_file(void **state)
{
    char link[256], target[256], expected[256];
    sbx_policy policy;
    sbx_error err = {0};

    (void)state;
    snprintf(target, sizeof(target), "%s",
             put("top.json", "{\"version\":1,\"filesystem\":{\"write\":[\".\"]}}"));
    snprintf(link, sizeof(link), "%s/link.json", directory);
    assert_int_equal(symlink(target, link), 0);
    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_load(&policy, link, &err), SBX_OK);
    snprintf(expected, sizeof(expected), "%s", directory);
    assert_true(has(&policy.write, expected));
    sbx_policy_done(&policy);
}

static void no_waiting_for_pipes_nor_directories(void **state)
{
    char path[256];
    sbx_policy policy;
    sbx_error err = {0};

    (void)state;
    sbx_policy_init(&policy);
    snprintf(path, sizeof(path), "%s/pipe.json", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(sbx_policy_load(&policy, path, &err), SBX_INVALID);
    assert_non_null(strstr(err.message, "not a regular file"));
    assert_int_equal(sbx_policy_load(&policy, directory, &err), SBX_INVALID);
    snprintf(path, sizeof(path), "%s/none.json", directory);
    assert_int_equal(sbx_policy_load(&policy, path, &err), SBX_INVALID);
    assert_non_null(strstr(err.message, "No such file"));
    sbx_policy_done(&policy);
}

static void a_long_file_name_is_cut_to_a_name(void **state)
{
    char where[200];
    sbx_policy policy;
    sbx_error err = {0};

    (void)state;
    memset(where, 'n', sizeof(where) - 1);
    where[sizeof(where) - 1] = '\0';
    sbx_policy_init(&policy);
    assert_int_equal(sbx_policy_parse(&policy, "{\"version\":1}", 13, where, "/", &err), SBX_OK);
    assert_int_equal(strlen(policy.name), 63);
    sbx_policy_done(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(builtins),
        cmocka_unit_test(the_usual_secrets_are_in_the_list),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_a_file_stands_on),
        cmocka_unit_test(what_is_refused_and_how),
        cmocka_unit_test(hostile_sizes),
        cmocka_unit_test(files_extend_files),
        cmocka_unit_test(a_circle_ends),
        cmocka_unit_test(a_link_means_its_file),
        cmocka_unit_test(no_waiting_for_pipes_nor_directories),
        cmocka_unit_test(a_long_file_name_is_cut_to_a_name),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
