/*
 * Killed, or without power, before each single change of a file: the database opens, verifies, and
 * has every row that was reported as written.
 */
#include "tests/unit/verify_fixture.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "audit/prune.h"
#include "audit/store_parts.h"
#include "tests/support/faulty_vfs.h"
#include "tests/unit/schema_v1.h"

/* What the process that ended had been told, in memory that outlives it. */
typedef struct reported {
    int started, ended;
    int settled; /* ends that a later sync made durable */
    char run_id[8][SBX_RUN_ID_BYTES];
    bool is_sealed, is_pruned, is_copied;
} reported;

typedef void scenario(const fixture *self, reported *told);
typedef void check(const fixture *self, const reported *told);

static const sbx_seal_key no_key;

static void write_runs(const fixture *self, reported *told)
{
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_store_batch batch = {.denials = set};
    fixture_run run;

    for (int i = 0; i < 3; i++) {
        fixture_describe(&run);
        fixture_start(&run, store);
        memcpy(told->run_id[told->started++], run.id, sizeof(run.id));
        fixture_deny(set, "/x");
        sbx_denials_retake(set);
        if (sbx_store_run_append(store, run.row, &batch, NULL) != SBX_OK)
            _exit(1);
        run.end.denied_total = sbx_denials_total(set);
        fixture_end(&run, store, NULL);
        told->ended++;
        store->wal_pages = 1000; /* so that it checkpoints, too */
        sbx_store_tidy(store);
    }
    sbx_store_close(store);
    sbx_denials_free(set);
}

/* As a single run does: its end is there for everybody at once, and durable when that has been waited for. */
static void run_once(const fixture *self, reported *told)
{
    sbx_store *store = fixture_open(self);
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    memcpy(told->run_id[told->started++], run.id, sizeof(run.id));
    run.end.syncs_later = true;
    fixture_end(&run, store, NULL);
    told->ended++;
    if (sbx_store_sync(store, NULL) != SBX_OK)
        _exit(1);
    told->settled = told->ended;
    sbx_store_close(store);
}

/* As a worker writes: the end of a run is there for everybody at once, and durable with the next start. */
static void work(const fixture *self, reported *told)
{
    const sbx_store_options options = {.busy_ns = 60 * SBX_NS_PER_S, .stays_open = true};
    sbx_store *store = fixture_open_with(self, options);
    fixture_run run;

    for (int i = 0; i < 3; i++) {
        fixture_describe(&run);
        fixture_start(&run, store);
        memcpy(told->run_id[told->started++], run.id, sizeof(run.id));
        told->settled = told->ended;
        run.end.syncs_later = true;
        fixture_end(&run, store, NULL);
        told->ended++;
        if (i == 1) {
            if (sbx_store_sync(store, NULL) != SBX_OK)
                _exit(1);
            told->settled = told->ended;
        }
    }
    sbx_store_close(store);
    told->settled = told->ended;
}

static void seal_it(const fixture *self, reported *told)
{
    sbx_store *store = fixture_open(self);
    sbx_seal_key key = {.exists = true, .secret = {7}};
    sbx_seal out;
    bool is_new;

    sbx_ed25519_public(key.public_key, key.secret);
    if (sbx_store_seal(&out, &is_new, store, &key, "command", NULL) != SBX_OK)
        _exit(1);
    told->is_sealed = true;
    sbx_store_close(store);
}

static void prune_it(const fixture *self, reported *told)
{
    const sbx_prune_options options = {
        .keep_ns = SBX_UNLIMITED, .keep_runs = 2, .max_bytes = SBX_UNLIMITED, .key = &no_key};
    sbx_store *store = fixture_open(self);
    sbx_prune_result result;

    if (sbx_store_prune(&result, store, &options, NULL) != SBX_OK)
        _exit(1);
    told->is_pruned = true;
    sbx_store_close(store);
}

static void copy_it(const fixture *self, reported *told)
{
    sbx_store *store = fixture_open_to_read(self);
    char path[320];

    snprintf(path, sizeof(path), "%s.copy", self->path);
    if (sbx_store_copy(store, path, NULL) != SBX_OK)
        _exit(1);
    told->is_copied = true;
    sbx_store_close(store);
}

static void open_it(const fixture *self, reported *told)
{
    (void)told;
    sbx_store_close(fixture_open(self)); /* migrates */
}

/* --- what must be true afterwards --- */

static void expect_whole(const fixture *self)
{
    found is;

    verify(&is, self);
    expect_nothing(&is);
    fixture_expect(self, "PRAGMA integrity_check", "ok");
}

static void expect_reported_runs(const fixture *self, const reported *told)
{
    char sql[200], wanted[20];

    sbx_store_close(fixture_open(self));
    expect_whole(self);
    fixture_expect(self, "SELECT count(*) FROM run WHERE id <= 6", "6"); /* of before */
    for (int i = 0; i < told->started; i++) {
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM run WHERE run_id = '%s'%s",
                 told->run_id[i], i < told->ended ? " AND status = 'ok'" : "");
        snprintf(wanted, sizeof(wanted), "1");
        fixture_expect(self, sql, wanted);
    }
}

static void expect_settled_runs(const fixture *self, const reported *told)
{
    reported durable = *told;

    durable.ended = told->settled;
    expect_reported_runs(self, &durable);
}

static void expect_sealed(const fixture *self, const reported *told)
{
    expect_reported_runs(self, told);
    if (told->is_sealed)
        fixture_expect(self, "SELECT count(*) FROM seal", "1");
}

/* What was begun is finished by the next one. */
static void expect_pruned(const fixture *self, const reported *told)
{
    reported again = {0};

    sbx_store_close(fixture_open(self));
    expect_whole(self);
    fixture_expect(self, "SELECT count(*) FROM run WHERE id > 4", "2");
    if (told->is_pruned)
        fixture_expect(self, "SELECT count(*) FROM run", "2");
    prune_it(self, &again);
    fixture_expect(self, "SELECT count(*) FROM run", "2");
    expect_whole(self);
}

static void expect_copied(const fixture *self, const reported *told)
{
    fixture copy = *self;

    expect_reported_runs(self, told);
    snprintf(copy.path, sizeof(copy.path), "%.250s/audit.db.copy", self->directory);
    assert_true(access(copy.path, F_OK) == 0 || !told->is_copied);
    if (access(copy.path, F_OK) == 0)
        expect_reported_runs(&copy, told);
}

/* The old one or the new one; a backup that has its name is whole. */
static void expect_migrated(const fixture *self, const reported *told)
{
    fixture backup = *self;

    snprintf(backup.path, sizeof(backup.path), "%.250s/audit.db.v1", self->directory);
    if (access(backup.path, F_OK) == 0) {
        fixture_expect(&backup, "PRAGMA user_version", "1");
        expect_whole(&backup);
    }
    expect_reported_runs(self, told);
    fixture_expect(self, "SELECT count(*) FROM event WHERE kind = 'db.migrate'", "1");
    assert_int_equal(access(backup.path, F_OK), 0);
}

/* --- each step --- */

/* Rows with everything, and a WAL that was emptied: copied for each step. */
static void make_base(const fixture *self)
{
    fill(self);
    more_runs(self);
    tamper(self, "PRAGMA wal_checkpoint(TRUNCATE)");
    tamper(self,
           "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, ''); "
           "END; CREATE TRIGGER event_no_delete BEFORE DELETE ON event WHEN NOT EXISTS(SELECT 1 "
           "FROM seal WHERE kind = 'prune' AND OLD.seq BETWEEN from_seq AND to_seq) BEGIN SELECT "
           "RAISE(ABORT, ''); END; PRAGMA wal_checkpoint(TRUNCATE)");
}

/* The same rows in tables as version 1 had them. */
static void make_old_base(const fixture *self)
{
    static const char *const tables[] = {"meta",    "node",   "policy", "run",
                                         "process", "denial", "event"};
    fixture old = *self;
    sqlite3 *db = NULL;
    char *columns, *sql;

    has_no_samples = true;
    make_base(self);
    has_no_samples = false;
    snprintf(old.path, sizeof(old.path), "%.250s/old.db", self->directory);
    assert_int_equal(sqlite3_open(old.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, schema_v1, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < SBX_COUNT_OF(tables); i++) {
        sql = sqlite3_mprintf("SELECT group_concat(name) FROM pragma_table_info(%Q)", tables[i]);
        columns = fixture_read(&old, sql);
        sqlite3_free(sql);
        sql = sqlite3_mprintf(
            "ATTACH %Q AS new; INSERT INTO main.%s(%s) SELECT %s FROM new.%s; DETACH new",
            self->path, tables[i], columns, columns, tables[i]);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_free(sql);
        free(columns);
    }
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(rename(old.path, self->path), 0);
}

static int run_until(const fixture *self, scenario *run, unsigned step, reported *told)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        faulty_vfs_arm(step);
        run(self, told);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void at_each_step(const fixture *base, scenario *run, check *is_right, faulty_loss loss)
{
    enum { MOST_STEPS = 2000 };
    reported *told =
        mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned step = 0;
    int code = FAULTY_EXIT;

    assert_ptr_not_equal(told, MAP_FAILED);
    while (code == FAULTY_EXIT && step++ < MOST_STEPS) {
        fixture each = *base;

        memset(told, 0, sizeof(*told));
        snprintf(each.directory, sizeof(each.directory), "%.200s/step", base->directory);
        snprintf(each.path, sizeof(each.path), "%.250s/audit.db", each.directory);
        assert_int_equal(mkdir(each.directory, 0700), 0);
        copy_file(base->path, each.path);
        code = run_until(&each, run, step, told);
        faulty_vfs_lose(each.directory, loss);
        is_right(&each, told);
        fixture_remove(each.directory);
    }
    assert_int_equal(code, 0); /* came to its end, beyond the last step */
    assert_true(step > 5);
    sbx_test_tally("unit/crash, killed or without power at a step of the database", step);
    munmap(told, sizeof(*told));
}

static void at_each_step_and_loss(const fixture *base, scenario *run, check *is_right)
{
    at_each_step(base, run, is_right, FAULTY_KILL);
    at_each_step(base, run, is_right, FAULTY_POWER);
    at_each_step(base, run, is_right, FAULTY_TORN);
}

static void writing(void **state)
{
    make_base(*state);
    at_each_step_and_loss(*state, write_runs, expect_reported_runs);
}

static void syncing_later(void **state)
{
    scenario *const all[] = {run_once, work};

    make_base(*state);
    for (size_t i = 0; i < SBX_COUNT_OF(all); i++) {
        at_each_step(*state, all[i], expect_reported_runs, FAULTY_KILL);
        at_each_step(*state, all[i], expect_settled_runs, FAULTY_POWER);
        at_each_step(*state, all[i], expect_settled_runs, FAULTY_TORN);
    }
}

static void sealing(void **state)
{
    make_base(*state);
    at_each_step_and_loss(*state, seal_it, expect_sealed);
}

static void pruning(void **state)
{
    make_base(*state);
    at_each_step_and_loss(*state, prune_it, expect_pruned);
}

static void copying(void **state)
{
    make_base(*state);
    at_each_step_and_loss(*state, copy_it, expect_copied);
}

static void migrating(void **state)
{
    make_old_base(*state);
    at_each_step_and_loss(*state, open_it, expect_migrated);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(writing), WITH_FIXTURE(syncing_later), WITH_FIXTURE(sealing),
        WITH_FIXTURE(pruning), WITH_FIXTURE(copying),       WITH_FIXTURE(migrating),
    };

    faulty_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
