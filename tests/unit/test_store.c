/* Recording runs: what is in the rows and in the ledger. */
#include "tests/unit/store_fixture.h"

#include <fcntl.h>

static void made_for_the_owner_only(void **state)
{
    fixture *self = *state;
    struct stat about;
    char path[400];

    snprintf(self->path, sizeof(self->path), "%s/a/b/audit.db", self->directory);
    sbx_store_close(fixture_open(self));
    assert_int_equal(stat(self->path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    snprintf(path, sizeof(path), "%s-wal", self->path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/a%s", self->directory, i == 0 ? "" : "/b");
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 07777, 0700);
    }
    fixture_expect(self, "PRAGMA journal_mode", "wal");
    fixture_expect(self, "PRAGMA application_id", "1935833137");
    fixture_expect(self, "PRAGMA user_version", "3");
}

static void a_run_from_start_to_end(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    fixture_run run;

    fixture_describe(&run);
    run.start.labels = (const char *const[]){"a=1", "b=x=y", "a=2", "c", NULL};
    run.start.session = "s1";
    fixture_start(&run, store);
    fixture_expect(self, "SELECT status FROM run", "running");
    fixture_expect(self, "SELECT ended_us FROM run", NULL);
    fixture_expect(self, "SELECT limit_memory_bytes FROM run", "1073741824");
    fixture_expect(self, "SELECT limit_wall_ns FROM run", NULL);
    fixture_expect(self, "SELECT labels FROM run", "{\"b\":\"x=y\",\"a\":\"2\",\"c\":\"\"}");

    run.end.status = "signal";
    run.end.signal = 9;
    run.end.exit_code = 137;
    run.end.has_command_exit = false;
    run.end.audit_complete = 1;
    fixture_end(&run, store, NULL);
    sbx_store_close(store);

    fixture_expect(self, "SELECT status || ' ' || exit_code || ' ' || signal FROM run",
                   "signal 137 9");
    fixture_expect(self, "SELECT command_exit_code FROM run", NULL);
    fixture_expect(self, "SELECT user_ns FROM run", NULL);
    fixture_expect(self, "SELECT output_bytes FROM run", NULL);
    fixture_expect(self, "SELECT memory_peak_bytes FROM run", "4096");
    fixture_expect(self, "SELECT audit_complete FROM run", "1");
    fixture_expect(self, "SELECT enforcers FROM run", "{\"memory\":\"cgroup2\"}");
    fixture_expect(self,
                   "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM event ORDER BY seq)",
                   "db.create run.start run.end");
    fixture_expect(self, "SELECT body->>'exit_code' FROM event WHERE kind = 'run.end'", "137");
    fixture_expect(self, "SELECT command || ' ' || policy || ' ' || status FROM v_runs",
                   "make test workspace signal");
    assert_int_equal(fixture_verify(self), 3);
}

static void policy_and_node_are_stored_once(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    fixture_run run;

    for (int i = 0; i < 3; i++) {
        fixture_describe(&run);
        if (i == 2)
            run.start.policy_json = "{\"version\":1,\"network\":\"full\"}";
        fixture_start(&run, store);
        fixture_end(&run, store, NULL);
    }
    sbx_store_close(store);
    fixture_expect(self, "SELECT count(*) FROM policy", "2");
    fixture_expect(self, "SELECT count(*) FROM node", "1");
    fixture_expect(self,
                   "SELECT count(*) FROM run JOIN policy ON policy.id = run.policy JOIN node ON "
                   "node.id = run.node",
                   "3");
    /* sha256sum of {"version":1} */
    fixture_expect(self, "SELECT sha256 FROM policy WHERE id = 1",
                   "2430f1a2ad2982d0067885488a4c89e21ad1d7c83b115ba8f1b20acc88dfaea8");
    fixture_expect(self,
                   "SELECT count(*) FROM event WHERE body->>'policy_sha256' = (SELECT sha256 FROM "
                   "policy WHERE id = 1)",
                   "2");
}

static void a_refusal_is_start_and_end_in_one(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    fixture_run run;
    sbx_error err = {0};

    fixture_describe(&run);
    run.end.status = "refused";
    run.end.reason = "landlock";
    run.end.message = "no Landlock here";
    run.end.exit_code = 125;
    run.end.has_command_exit = false;
    assert_int_equal(sbx_store_run_refused(store, &run.start, &run.end, &err), SBX_OK);
    sbx_store_close(store);
    fixture_expect(self, "SELECT status || '/' || reason || '/' || message FROM run",
                   "refused/landlock/no Landlock here");
    fixture_expect(self,
                   "SELECT count(*) FROM event WHERE kind = 'run.refused' AND body->>'message' = "
                   "'no Landlock here' AND body->>'argv' = '[\"make\",\"test\"]'",
                   "1");
    assert_int_equal(fixture_verify(self), 2);
}

/* Nothing of a secret is anywhere in the file, in no table and in no ledger row. */
static void secrets_do_not_reach_the_file(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    static const char *const argv[] = {
        "curl", "--token=topsecret1", "--password", "topsecret2", "x\xFF", NULL};
    static const char *const env[] = {"API_TOKEN=topsecret3", "HOME=/topsecret4", NULL};
    const sbx_process_record process = {.pid = 5,
                                        .exe = "/bin/curl",
                                        .start_us = 1,
                                        .argv_json = "[\"curl\",\"--token=topsecret5\"]"};
    const sbx_store_batch batch = {.processes = &process, .process_count = 1};
    char command[1024];
    fixture_run run;

    fixture_describe(&run);
    run.start.argv = argv;
    run.start.env = env;
    fixture_start(&run, store);
    fixture_end(&run, store, &batch);
    sbx_store_close(store);
    fixture_expect(
        self, "SELECT argv FROM run",
        "[\"curl\",\"--token=[redacted]\",\"--password\",\"[redacted]\",\"x\xEF\xBF\xBD\"]");
    fixture_expect(self, "SELECT argv_hex->>4 FROM run", "78ff");
    fixture_expect(self, "SELECT env_names FROM run", "[\"API_TOKEN\",\"HOME\"]");
    fixture_expect(self, "SELECT argv FROM process", "[\"curl\",\"--token=[redacted]\"]");
    for (int i = 0; i < 2; i++) {
        static char content[1 << 20];
        int fd;
        ssize_t bytes;

        snprintf(command, sizeof(command), "%s%s", self->path, i == 0 ? "" : "-wal");
        fd = open(command, O_RDONLY);
        bytes = read(fd, content, sizeof(content));
        close(fd);
        assert_true(bytes > 0);
        assert_null(memmem(content, (size_t)bytes, "topsecret", 9));
    }
}

static void denials_are_written_and_counted(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_store_batch batch = {.denials = set};
    sbx_error err = {0};
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    fixture_deny(set, "/etc/passwd");
    fixture_deny(set, "/etc/\xFFx");
    assert_int_equal(sbx_store_run_append(store, run.row, &batch, &err), SBX_OK);
    fixture_expect(self, "SELECT group_concat(typeof(target) || ' ' || hex(target)) FROM denial",
                   "text 2F6574632F706173737764,blob 2F6574632FFF78");
    fixture_deny(set, "/etc/passwd");
    assert_int_equal(sbx_store_run_append(store, run.row, &batch, &err), SBX_OK);
    assert_int_equal(sbx_store_run_append(store, run.row, &batch, &err), SBX_OK); /* nothing new */
    fixture_deny(set, "/etc/shadow");
    fixture_end(&run, store, &batch);
    sbx_store_close(store);
    sbx_denials_free(set);
    fixture_expect(self,
                   "SELECT group_concat(count, ' ') FROM (SELECT count FROM denial ORDER BY idx)",
                   "2 1 1");
    fixture_expect(self, "SELECT count(*) FROM event WHERE kind = 'denial.batch'", "3");
    fixture_expect(self, "SELECT body->'$.denials[0].count' FROM event WHERE seq = 4", "2");
    fixture_expect(self, "SELECT body->>'$.denials[1].target_hex' FROM event WHERE seq = 3",
                   "2f6574632fff78");
    fixture_expect(self, "SELECT sum(count) FROM v_denials", "4");
    assert_int_equal(fixture_verify(self), 6);
}

static void ten_thousand_and_one_denials(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_store_batch batch = {.denials = set};
    char target[64];
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    for (int i = 0; i < 10001; i++) {
        snprintf(target, sizeof(target), "/some/path/%d", i);
        fixture_deny(set, target);
    }
    run.end.denied_total = sbx_denials_total(set);
    run.end.denied_lost = sbx_denials_lost(set);
    fixture_end(&run, store, &batch);
    sbx_store_close(store);
    sbx_denials_free(set);
    fixture_expect(self, "SELECT count(*) FROM denial", "10000");
    fixture_expect(self, "SELECT denied_total || ' ' || denied_lost FROM run", "10001 1");
    fixture_expect(
        self,
        "SELECT sum(json_array_length(body->'denials')) FROM event WHERE kind = 'denial.batch'",
        "10000");
    fixture_expect(self, "SELECT max(length(body)) < 300000 FROM event", "1"); /* in parts */
    assert_true(fixture_verify(self) > 4);
}

static void processes_and_their_ends(void **state)
{
    fixture *self = *state;
    sbx_store *store = fixture_open(self);
    sbx_process_record processes[] = {
        {.pid = 5,
         .parent_pid = 4,
         .exe = "/bin/sh",
         .start_us = 1,
         .row = 0,
         .argv_json = "[\"sh\"]"},
        {.pid = 6,
         .parent_pid = 5,
         .exe = "/bin/\xFF",
         .start_us = 2,
         .row = 1,
         .argv_json = "no list"},
    };
    const sbx_store_batch both = {.processes = processes, .process_count = 2};
    const sbx_store_batch first = {.processes = processes, .process_count = 1};
    sbx_error err = {0};
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    assert_int_equal(sbx_store_run_append(store, run.row, &both, &err), SBX_OK);
    processes[0].end_us = 77;
    processes[0].has_exit = true;
    processes[0].exit_code = -9;
    fixture_end(&run, store, &first);
    sbx_store_close(store);
    fixture_expect(self,
                   "SELECT exit_code || ' ' || end_us || ' ' || argv FROM process WHERE idx = 0",
                   "-9 77 [\"sh\"]");
    fixture_expect(self,
                   "SELECT typeof(exe) || ' ' || (argv IS NULL) || (exit_code IS NULL) FROM "
                   "process WHERE idx = 1",
                   "blob 11");
    fixture_expect(self, "SELECT count(*) FROM event WHERE kind = 'process.batch'", "2");
    assert_int_equal(fixture_verify(self), 5);
}

static void try_lock_does_not_wait(void **state)
{
    fixture *self = *state;
    sbx_store *first = fixture_open(self), *second = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_store_batch batch = {.denials = set};
    uint64_t began_ns;
    sbx_error err = {0};
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, first);
    assert_true(sbx_store_try_lock(first));
    began_ns = sbx_clock_monotonic_ns();
    assert_false(sbx_store_try_lock(second));
    assert_true(sbx_clock_monotonic_ns() - began_ns < SBX_NS_PER_S);
    fixture_deny(set, "/x");
    assert_int_equal(sbx_store_run_append(first, run.row, &batch, &err), SBX_OK);
    assert_true(sbx_store_try_lock(second));
    sbx_store_close(second); /* gives the lock back */
    fixture_end(&run, first, NULL);
    sbx_store_close(first);
    sbx_denials_free(set);
    fixture_expect(self, "SELECT count(*) FROM denial", "1");
}

static void tidying_keeps_the_wal_short(void **state)
{
    fixture *self = *state;
    char wal[320];
    struct stat about;

    snprintf(wal, sizeof(wal), "%s-wal", self->path);
    for (int i = 0; i < 120; i++) {
        sbx_store *store = fixture_open(self);
        fixture_run run;

        fixture_describe(&run);
        fixture_start(&run, store);
        if (i < 60)
            sbx_store_tidy(store);
        fixture_end(&run, store, NULL);
        sbx_store_close(store);
        assert_int_equal(stat(wal, &about), 0);
        /* Forgetting it costs no more than that: the end row begins the WAL anew. */
        assert_true(about.st_size < (i < 60 ? 100 : 130) * 4200);
    }
    fixture_expect(self, "SELECT count(*) FROM run WHERE status = 'ok'", "120");
    assert_int_equal(fixture_verify(self), 241);
}

static void default_path(void **state)
{
    static const struct {
        const char *named, *state_home, *home, *wanted;
    } cases[] = {
        {"/x/y.db", "/s", "/h", "/x/y.db"},
        {"", "/s", "/h", "/s/sbx/audit.db"},
        {NULL, "relative", "/h", "/h/.local/state/sbx/audit.db"},
        {NULL, NULL, "/h", "/h/.local/state/sbx/audit.db"},
        {NULL, NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        const char *const names[] = {"SBX_AUDIT_DB", "XDG_STATE_HOME", "HOME"};
        const char *const values[] = {cases[i].named, cases[i].state_home, cases[i].home};
        char *path = NULL;
        sbx_error err = {0};

        for (size_t each = 0; each < SBX_COUNT_OF(names); each++)
            if (values[each] == NULL)
                unsetenv(names[each]);
            else
                setenv(names[each], values[each], 1);
        assert_int_equal(sbx_store_default_path(&path, &err),
                         cases[i].wanted == NULL ? SBX_INVALID : SBX_OK);
        if (cases[i].wanted != NULL)
            assert_string_equal(path, cases[i].wanted);
        else
            assert_non_null(strstr(err.message, "--audit-db"));
        free(path);
    }
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(made_for_the_owner_only),
        WITH_FIXTURE(a_run_from_start_to_end),
        WITH_FIXTURE(policy_and_node_are_stored_once),
        WITH_FIXTURE(a_refusal_is_start_and_end_in_one),
        WITH_FIXTURE(secrets_do_not_reach_the_file),
        WITH_FIXTURE(denials_are_written_and_counted),
        WITH_FIXTURE(ten_thousand_and_one_denials),
        WITH_FIXTURE(processes_and_their_ends),
        WITH_FIXTURE(try_lock_does_not_wait),
        WITH_FIXTURE(tidying_keeps_the_wal_short),
        cmocka_unit_test(default_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
