/* What must not be read: the default secrets, what --deny names, and the audit database itself. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *const secrets[] = {".ssh/id_ed25519",
                                      ".aws/credentials",
                                      ".gnupg/secring.gpg",
                                      ".config/gcloud/credentials.db",
                                      ".docker/config.json",
                                      ".kube/config",
                                      ".netrc",
                                      ".git-credentials"};

static void prepare(const sbx_test_place *place)
{
    sbx_test_remove_tree(place->home);
    sbx_test_remove_tree(place->root);
    sbx_test_remove_tree(place->outside);
    sbx_test_mkdir(place->home);
    sbx_test_mkdir(place->root);
    sbx_test_mkdir(place->outside);
    sbx_test_write(sbx_test_path(place->home, "harmless"), "text");
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        sbx_test_write_deep(sbx_test_path(place->home, secrets[i]), "secret");
}

/* Denied reads are recorded where this host can see them; the run says so itself. */
static void check_read_record(const sbx_test_place *place, const sbx_test_outcome *outcome,
                              const char *target)
{
    const char *sources = sbx_test_word(outcome, "audit_sources");
    json_t *rows;

    if (strstr(sources, "mask") == NULL && strstr(sources, "landlock") == NULL)
        return;
    rows = sbx_test_audit_denials(place, sbx_test_word(outcome, "run_id"));
    if (sbx_test_find_denial(rows, NULL, target) == NULL)
        fail_msg("reading %s was denied, the sources are %s, but there is no row", target, sources);
    json_decref(rows);
}

static void check_denied_read(const sbx_test_place *place, const char *const *options,
                              const char *path, const char *target)
{
    sbx_test_outcome outcome;

    prepare(place);
    assert_int_equal(sbx_test_probe_outside(place, SBX_LIST("read-file", path)), SBX_PROBE_DID);
    sbx_test_exec(&outcome, place, options, SBX_LIST(place->probe, "read-file", path));
    if (outcome.exit_code != SBX_PROBE_DENIED && outcome.exit_code != SBX_PROBE_ABSENT)
        fail_msg("reading %s inside: exit %d: %s%s", path, outcome.exit_code, outcome.out,
                 outcome.err);
    check_read_record(place, &outcome, target);
    sbx_test_outcome_done(&outcome);
}

static void test_default_secrets(void **state)
{
    const sbx_test_place *place = *state;

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        const char *path = sbx_test_path(place->home, secrets[i]);

        check_denied_read(place, SBX_NO_LIST, path, place->home);
    }
    assert_int_equal(
        sbx_test_probe_inside(place, NULL,
                              SBX_LIST("read-file", sbx_test_path(place->home, "harmless"))),
        SBX_PROBE_DID);
}

static void attempt(const sbx_test_place *place, const char *const *options, unsigned flags,
                    const char *const *words)
{
    sbx_test_escape escape = {
        .attempt = words, .options = options, .flags = flags, .prepare = prepare};

    sbx_test_try_escape(place, &escape);
}

static void test_detours_to_a_secret(void **state)
{
    const sbx_test_place *place = *state;
    const char *key = sbx_test_path(place->home, ".ssh/id_ed25519");
    const char *link = sbx_test_path(place->root, "link");
    const char *proc = sbx_test_text("/proc/self/root%s", key);
    const char *up = sbx_test_path(place->root, "../home/.ssh/id_ed25519");
    unsigned flags = SBX_ESCAPE_HIDDEN;

    attempt(place, NULL, flags, SBX_LIST("read-via-symlink", link, key));
    attempt(place, NULL, flags, SBX_LIST("read-file", proc));
    attempt(place, NULL, flags, SBX_LIST("read-file", up));
    attempt(place, NULL, flags, SBX_LIST("map-file", key));
    attempt(place, NULL, flags, SBX_LIST("list-dir", sbx_test_path(place->home, ".ssh")));
    attempt(place, NULL, flags | SBX_ESCAPE_NEEDS_ROOT, SBX_LIST("open-by-handle", key));
}

/* A home, what holds it and what is secret in it are no writable roots: refused before anything
 * runs. */
static void test_home_is_no_writable_root(void **state)
{
    const sbx_test_place *place = *state;
    const char *const roots[] = {place->home, place->base, sbx_test_path(place->home, ".ssh"), "/"};

    prepare(place);
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        sbx_test_request request = {
            .without_roots = true,
            .options = SBX_LIST("--read", place->base, "--write", roots[i]),
            .command = SBX_LIST(place->probe, "create-file", sbx_test_path(place->root, "made"))};
        sbx_test_outcome outcome;

        sbx_test_run(&outcome, place, &request);
        assert_int_equal(outcome.exit_code, 125);
        assert_non_null(strstr(outcome.err, roots[i]));
        assert_false(sbx_test_exists(sbx_test_path(place->root, "made")));
        sbx_test_outcome_done(&outcome);
    }
}

static void test_deny_option(void **state)
{
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->outside, "file");
    const char *const *options = SBX_LIST("--deny", file);

    prepare(place);
    sbx_test_write(file, "private");
    assert_int_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("read-file", file)),
                     SBX_PROBE_DID);
    assert_int_equal(sbx_test_probe_inside(place, options, SBX_LIST("read-file", file)),
                     SBX_PROBE_DENIED);
    assert_int_equal(sbx_test_probe_inside(place, SBX_LIST("--deny", place->outside),
                                           SBX_LIST("list-dir", place->outside)),
                     SBX_PROBE_DENIED);
}

/* Deny wins over --write, and can't be moved out of the way. */
static void test_deny_inside_the_root(void **state)
{
    const sbx_test_place *place = *state;
    const char *file = sbx_test_path(place->root, "file");
    const char *const *options = SBX_LIST("--deny", file);

    prepare(place);
    sbx_test_write(file, "private");
    assert_int_equal(sbx_test_probe_inside(place, options, SBX_LIST("read-file", file)),
                     SBX_PROBE_DENIED);
    assert_int_equal(sbx_test_probe_inside(place, options, SBX_LIST("write-file", file)),
                     SBX_PROBE_DENIED);
    assert_int_equal(sbx_test_probe_inside(place, options, SBX_LIST("unlink", file)),
                     SBX_PROBE_DENIED);
    assert_int_equal(
        sbx_test_probe_inside(place, options,
                              SBX_LIST("rename", file, sbx_test_path(place->root, "away"))),
        SBX_PROBE_DENIED);
    assert_true(sbx_test_holds(file, "private"));
}

static void test_system_secret(void **state)
{
    const sbx_test_place *place = *state;

    attempt(place, NULL, SBX_ESCAPE_NEEDS_ROOT | SBX_ESCAPE_HIDDEN,
            SBX_LIST("read-file", "/etc/shadow"));
    attempt(place, SBX_LIST("--identity", "self"), SBX_ESCAPE_NEEDS_ROOT | SBX_ESCAPE_HIDDEN,
            SBX_LIST("read-file", "/etc/shadow"));
}

static void run_with_database(sbx_test_outcome *out, const sbx_test_place *place,
                              const char *database, const char *verb, const char *path)
{
    sbx_test_request request = {
        .database = database,
        .command =
            SBX_LIST(place->probe, verb, path,
                     strcmp(verb, "rename") == 0 ? sbx_test_path(place->root, "away") : NULL)};

    sbx_test_run(out, place, &request);
}

/* The database lies in the writable root, and is neither read, nor written, nor removed. */
static void test_database_inside_the_root(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const verbs[] = {"read-file", "write-file", "append", "unlink",
                                        "truncate",  "rename",     "chmod"};
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    const char *first = sbx_test_path(place->root, "audit.db");
    char database[SBX_TEST_PATH_BYTES];
    sbx_test_outcome outcome;

    prepare(place);
    snprintf(database, sizeof(database), "%s", first);
    for (size_t i = 0; i < 7; i++)
        for (size_t k = 0; k < 3; k++) {
            const char *path = sbx_test_text("%s%s", database, suffixes[k]);

            run_with_database(&outcome, place, database, verbs[i], path);
            if (outcome.exit_code != SBX_PROBE_DENIED)
                fail_msg("%s %s: exit %d: %s%s", verbs[i], path, outcome.exit_code, outcome.out,
                         outcome.err);
            assert_true(sbx_test_exists(database));
            sbx_test_outcome_done(&outcome);
        }
    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "ls", "--json", "--audit-db", database));
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.out, "write-file"));
    sbx_test_outcome_done(&outcome);
}

/* Where sbx finds it by itself: below HOME, and here in a writable root. */
static void test_default_database(void **state)
{
    const sbx_test_place *place = *state;
    const char *local = sbx_test_path(place->home, ".local");
    const char *database = sbx_test_path(place->home, ".local/state/sbx/audit.db");
    sbx_test_request request = {.without_database = true, .options = SBX_LIST("--write", local)};
    sbx_test_outcome outcome;

    prepare(place);
    sbx_test_mkdir(local);
    request.command = SBX_LIST(place->probe, "write-file", database);
    sbx_test_run(&outcome, place, &request);
    assert_true(sbx_test_exists(database));
    assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED);
    sbx_test_outcome_done(&outcome);
    request.command = SBX_LIST(place->probe, "rename", sbx_test_path(local, "state"),
                               sbx_test_path(local, "away"));
    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED);
    assert_true(sbx_test_exists(database));
    sbx_test_outcome_done(&outcome);
    request.command = SBX_LIST(place->probe, "create-file", sbx_test_path(local, "fine"));
    sbx_test_run(&outcome, place, &request);
    assert_int_equal(outcome.exit_code, SBX_PROBE_DID);
    sbx_test_outcome_done(&outcome);
}

/* The key of the seals lies where databases are by default, also when another one is in use. */
static void test_seal_key(void **state)
{
    const sbx_test_place *place = *state;
    static const char *const verbs[] = {"read-file", "write-file", "unlink",
                                        "truncate",  "rename",     "chmod"};
    const char *local = sbx_test_path(place->home, ".local");
    const char *key = sbx_test_path(place->home, ".local/state/sbx/seal.key");
    const char *away = sbx_test_path(place->root, "away");
    sbx_test_outcome outcome;
    struct stat about;

    prepare(place);
    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "keygen"));
    assert_int_equal(outcome.exit_code, 0);
    assert_non_null(strstr(outcome.out, "ed25519 "));
    sbx_test_outcome_done(&outcome);
    assert_int_equal(stat(key, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(sbx_test_probe_outside(place, SBX_LIST("read-file", key)), SBX_PROBE_DID);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        sbx_test_exec(
            &outcome, place, SBX_LIST("--write", local, "--read", place->home),
            SBX_LIST(place->probe, verbs[i], key, strcmp(verbs[i], "rename") == 0 ? away : NULL));
        if (outcome.exit_code != SBX_PROBE_DENIED && outcome.exit_code != SBX_PROBE_ABSENT)
            fail_msg("%s %s: exit %d: %s%s", verbs[i], key, outcome.exit_code, outcome.out,
                     outcome.err);
        sbx_test_outcome_done(&outcome);
    }
    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "keygen")); /* is never replaced unasked */
    assert_int_equal(outcome.exit_code, 1);
    sbx_test_outcome_done(&outcome);
    sbx_test_sbx(&outcome, place, SBX_LIST("audit", "keygen", "--public"));
    assert_int_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
}

/* What lies beside a database that is not in the usual place: an older format's backup holds the same. */
static void test_backup_beside_the_database(void **state)
{
    const sbx_test_place *place = *state;
    char database[SBX_TEST_PATH_BYTES], backup[SBX_TEST_PATH_BYTES];
    sbx_test_outcome outcome;

    prepare(place);
    snprintf(database, sizeof(database), "%s", sbx_test_path(place->root, "audit.db"));
    snprintf(backup, sizeof(backup), "%s", sbx_test_path(place->root, "audit.db.v1"));
    sbx_test_write(backup, "rows of before");
    assert_int_equal(sbx_test_probe_outside(place, SBX_LIST("read-file", backup)), SBX_PROBE_DID);
    run_with_database(&outcome, place, database, "read-file", backup);
    assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED);
    sbx_test_outcome_done(&outcome);
    run_with_database(&outcome, place, database, "unlink", backup);
    assert_int_equal(outcome.exit_code, SBX_PROBE_DENIED);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),
        sbx_unit_test(test_default_secrets),
        sbx_unit_test(test_detours_to_a_secret),
        sbx_unit_test(test_home_is_no_writable_root),
        sbx_unit_test(test_deny_option),
        sbx_unit_test(test_deny_inside_the_root),
        sbx_unit_test(test_system_secret),
        sbx_unit_test(test_database_inside_the_root),
        sbx_unit_test(test_default_database),
        sbx_unit_test(test_seal_key),
        sbx_unit_test(test_backup_beside_the_database),
    };

    return cmocka_run_group_tests_name("escape: secret", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
