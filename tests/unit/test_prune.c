/* Old runs go, the rest verifies, writers go on, and the file gets smaller. */
#include "tests/unit/verify_fixture.h"

#include <sys/wait.h>

#include "audit/prune.h"

static const sbx_prune_options nothing = {
    .keep_ns = SBX_UNLIMITED, .keep_runs = SBX_UNLIMITED, .max_bytes = SBX_UNLIMITED};

static sbx_prune_result prune(const fixture *self, sbx_prune_options options,
                              const sbx_seal_key *key)
{
    static const sbx_seal_key none;
    sbx_store *store = fixture_open(self);
    sbx_prune_result result;
    sbx_error err = {0};

    options.key = key == NULL ? &none : key;
    if (sbx_store_prune(&result, store, &options, &err) != SBX_OK)
        fail_msg("%s", err.message);
    sbx_store_close(store);
    return result;
}

static sbx_prune_options keep_runs(uint64_t count)
{
    sbx_prune_options options = nothing;

    options.keep_runs = count;
    return options;
}

/* Runs with denials of their own, that ended some days ago. */
static void put_runs(const fixture *self, int count, uint64_t days_ago, int denials)
{
    sbx_store *store = fixture_open(self);
    char target[64];

    for (int i = 0; i < count; i++) {
        sbx_denials *set = sbx_denials_create();
        const sbx_store_batch batch = {.denials = set};
        fixture_run run;

        fixture_describe(&run);
        run.start.started_us -= days_ago * 86400 * UINT64_C(1000000);
        run.end.ended_us = run.start.started_us + 1;
        for (int at = 0; at < denials; at++) {
            snprintf(target, sizeof(target), "/some/path/that/takes/room/%d", at);
            fixture_deny(set, target);
        }
        run.end.denied_total = (uint64_t)denials;
        fixture_start(&run, store);
        fixture_end(&run, store, &batch);
        sbx_denials_free(set);
    }
    sbx_store_close(store);
}

static void expect_sealed(const fixture *self, const sbx_seal_key *key)
{
    sbx_verify_options options = {.key_count = 1};
    found is;

    memcpy(options.keys[0], key->public_key, 32);
    verify_with(&is, self, options);
    expect_nothing(&is);
}

static void the_newest_stay_and_all_verifies(void **state)
{
    const fixture *self = *state;
    sbx_seal_key key = {.exists = true, .secret = {7}};
    sbx_prune_result result;

    sbx_ed25519_public(key.public_key, key.secret);
    put_runs(self, 10, 0, 2);
    result = prune(self, keep_runs(4), &key);
    assert_int_equal(result.runs, 6);
    assert_int_equal(result.denials, 12);
    assert_int_equal(result.events, 18);
    expect_sealed(self, &key);
    fixture_expect(self, "SELECT group_concat(id ORDER BY id) FROM run", "7,8,9,10");
    fixture_expect(self, "SELECT count(*) FROM denial", "8");
    fixture_expect(self, "SELECT from_seq || ' ' || to_seq FROM seal WHERE kind = 'prune'", "2 19");
    fixture_expect(self, "SELECT to_seq FROM seal WHERE id = 1", "31"); /* before it removed */

    put_runs(self, 3, 0, 0); /* another one makes the stretch longer */
    result = prune(self, keep_runs(2), &key);
    assert_int_equal(result.runs, 5);
    expect_sealed(self, &key);
    fixture_expect(self, "SELECT count(*) FROM seal WHERE kind = 'prune'", "1");
    result = prune(self, keep_runs(2), &key); /* nothing to do, nothing written */
    assert_int_equal(result.runs, 0);
    expect_sealed(self, &key);
    put_runs(self, 1, 0, 0);
    result = prune(self, keep_runs(0), &key); /* all */
    expect_sealed(self, &key);
    fixture_expect(self, "SELECT count(*) FROM run", "0");
    fixture_expect(self, "SELECT (SELECT count(*) FROM policy) + (SELECT count(*) FROM node)", "0");
    fixture_expect(self, "PRAGMA integrity_check", "ok");
    put_runs(self, 2, 0, 1); /* and it goes on */
    fixture_expect(self, "SELECT kind FROM event WHERE seq = 1", "db.create");
}

static void what_goes_on_and_what_is_young_stays(void **state)
{
    const fixture *self = *state;
    sbx_prune_options options = nothing;
    sbx_store *store;
    fixture_run run;
    found is;

    put_runs(self, 3, 9, 1);
    store = fixture_open(self);
    fixture_describe(&run);
    fixture_start(&run, store); /* goes on, between the old ones */
    put_runs(self, 3, 9, 1);
    put_runs(self, 2, 1, 1);
    options.keep_ns = 5 * 86400 * SBX_NS_PER_S;
    options.is_dry = true;
    assert_int_equal(prune(self, options, NULL).runs, 6);
    fixture_expect(self, "SELECT count(*) FROM run", "9");
    options.is_dry = false;
    assert_int_equal(prune(self, options, NULL).runs, 6);
    fixture_expect(self, "SELECT group_concat(id ORDER BY id) FROM run", "4,8,9");
    fixture_expect(self, "SELECT count(*) FROM seal WHERE kind = 'prune'", "2");
    verify(&is, self);
    expect_nothing(&is);
    assert_int_equal(is.result.unsigned_seals, 4);
    fixture_end(&run, store, NULL);
    sbx_store_close(store);
    options.keep_ns = 0;
    assert_int_equal(prune(self, options, NULL).runs, 3);
    verify(&is, self);
    expect_nothing(&is);
    fixture_expect(self, "SELECT count(*) FROM seal WHERE kind = 'prune'", "1");
}

static void space_is_given_back(void **state)
{
    const fixture *self = *state;
    sbx_prune_options options = nothing;
    sbx_prune_result result;
    struct stat before, after;
    found is;

    put_runs(self, 20, 0, 400);
    tamper(self, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(stat(self->path, &before), 0);
    options.max_bytes = (uint64_t)before.st_size / 4;
    result = prune(self, options, NULL);
    assert_false(result.is_too_large);
    assert_false(result.is_wal_left);
    assert_int_equal(result.free_bytes, 0);
    assert_int_equal(stat(self->path, &after), 0);
    assert_true((uint64_t)after.st_size <= options.max_bytes);
    assert_true(result.runs > 10 && result.runs < 20);
    verify(&is, self);
    expect_nothing(&is);
    options.max_bytes = 1; /* cannot be: tells so, and ends */
    assert_true(prune(self, options, NULL).is_too_large);
}

/* The ledger lets go only of what a prune stands for. */
static void events_go_by_prunes_only(void **state)
{
    const fixture *self = *state;
    sqlite3 *db = NULL;

    put_runs(self, 2, 0, 0);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM event WHERE seq = 2", NULL, NULL, NULL),
                     SQLITE_CONSTRAINT);
    sqlite3_close(db);
}

static void a_forged_prune_is_found(void **state)
{
    const fixture *self = *state;
    sbx_seal_key key = {.exists = true, .secret = {7}};
    sbx_verify_options options = {.key_count = 1};
    found is;

    sbx_ed25519_public(key.public_key, key.secret);
    memcpy(options.keys[0], key.public_key, 32);
    put_runs(self, 3, 0, 0);
    assert_int_equal(prune(self, keep_runs(2), &key).runs, 1);
    expect_sealed(self, &key);
    tamper(
        self,
        "INSERT INTO seal(kind, us, reason, from_seq, to_seq, prev_hash, hash) SELECT 'prune', 1, "
        "'prune', 4, 5, (SELECT prev_hash FROM event WHERE seq = 4), hash FROM event WHERE "
        "seq = 5; DELETE FROM event WHERE seq IN(4, 5); DELETE FROM run WHERE id = 2");
    verify_with(&is, self, options);
    expect(&is, SBX_FINDING_UNSIGNED, 0);
    tamper(self, "UPDATE seal SET to_seq = 3, from_seq = 2 WHERE id = (SELECT max(id) FROM seal)");
    verify_with(&is, self, options);
    expect(&is, SBX_FINDING_REMOVED, 4);
}

static void write_runs(const fixture *self, int count)
{
    for (int i = 0; i < count; i++)
        put_runs(self, 1, 0, 1);
}

/* Eight write all the time; nothing is lost and nobody is told that it is busy. */
static void writers_go_on(void **state)
{
    const fixture *self = *state;
    pid_t pids[8];
    int status;
    found is;

    put_runs(self, 200, 9, 5);
    for (size_t i = 0; i < SBX_COUNT_OF(pids); i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            write_runs(self, 25);
            _exit(0);
        }
    }
    for (int i = 0; i < 3; i++) {
        sbx_prune_options options = nothing;

        options.keep_ns = 5 * 86400 * SBX_NS_PER_S;
        (void)prune(self, options, NULL);
    }
    for (size_t i = 0; i < SBX_COUNT_OF(pids); i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    fixture_expect(self, "SELECT count(*) FROM run", "200");
    fixture_expect(self, "SELECT count(*) FROM run WHERE id <= 200", "0");
    verify(&is, self);
    expect_nothing(&is);
}

/* 32 write, two prune and seal: nothing of what is young is lost, nobody is told that it is busy. */
static void thirty_two_write_at_once(void **state)
{
    const fixture *self = *state;
    pid_t pids[34];
    int status;
    found is;

    put_runs(self, 50, 9, 5);
    for (size_t i = 0; i < SBX_COUNT_OF(pids); i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            sbx_prune_options options = nothing;

            options.keep_ns = 5 * 86400 * SBX_NS_PER_S;
            if (i < 32)
                write_runs(self, 10);
            else
                (void)prune(self, options, NULL);
            _exit(0);
        }
    }
    for (size_t i = 0; i < SBX_COUNT_OF(pids); i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    fixture_expect(self, "SELECT count(*) FROM run WHERE status = 'ok' AND id > 50", "320");
    fixture_expect(self, "SELECT count(*) FROM run WHERE id <= 50", "0");
    verify(&is, self);
    expect_nothing(&is);
}

static off_t wal_bytes(const fixture *self)
{
    char path[320];
    struct stat about;

    snprintf(path, sizeof(path), "%s-wal", self->path);
    assert_int_equal(stat(path, &about), 0);
    return about.st_size;
}

/* While a reader holds a state the WAL grows; when it lets go, it is begun anew by who writes next. */
static void the_wal_is_bounded_but_for_a_reader(void **state)
{
    enum { KEPT_BYTES = 4 << 20 };
    const fixture *self = *state;
    sqlite3 *reader = NULL;
    off_t held;

    put_runs(self, 1, 0, 0);
    for (int i = 0; i < 40; i++)
        put_runs(self, 5, 0, 40);
    assert_true(wal_bytes(self) <= KEPT_BYTES);
    assert_int_equal(sqlite3_open(self->path, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM run LIMIT 1", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int i = 0; i < 60; i++)
        put_runs(self, 5, 0, 200);
    held = wal_bytes(self);
    assert_true(held > KEPT_BYTES);
    assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(reader);
    for (int i = 0; i < 3; i++)
        put_runs(self, 60, 0, 10);
    assert_true(wal_bytes(self) <= KEPT_BYTES);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(the_newest_stay_and_all_verifies),
        WITH_FIXTURE(what_goes_on_and_what_is_young_stays),
        WITH_FIXTURE(space_is_given_back),
        WITH_FIXTURE(events_go_by_prunes_only),
        WITH_FIXTURE(a_forged_prune_is_found),
        WITH_FIXTURE(writers_go_on),
        WITH_FIXTURE(thirty_two_write_at_once),
        WITH_FIXTURE(the_wal_is_bounded_but_for_a_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
