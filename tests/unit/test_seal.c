/* Seals and anchors: what they vouch for, and what is found when they are changed or taken away. */
#include "tests/unit/verify_fixture.h"

static sbx_seal_key a_key(uint8_t first)
{
    sbx_seal_key key = {.exists = true, .secret = {first, 1, 2, 3}};

    sbx_ed25519_public(key.public_key, key.secret);
    return key;
}

static sbx_verify_options with_keys(const sbx_seal_key *first, const sbx_seal_key *second)
{
    sbx_verify_options options = {.key_count = second == NULL ? 1 : 2};

    memcpy(options.keys[0], first->public_key, 32);
    if (second != NULL)
        memcpy(options.keys[1], second->public_key, 32);
    return options;
}

/* Caller frees. */
static char *seal(const fixture *self, const sbx_seal_key *key)
{
    sbx_store *store = fixture_open(self);
    char id[SBX_RUN_ID_BYTES];
    bool is_new = false;
    sbx_text line = {0};
    sbx_seal out;
    sbx_error err = {0};

    if (sbx_store_seal(&out, &is_new, store, key, "command", &err) != SBX_OK)
        fail_msg("%s", err.message);
    assert_int_equal(sbx_store_database_id(id, store, NULL), SBX_OK);
    sbx_seal_add_line(&line, &out, id);
    sbx_store_close(store);
    return line.data;
}

/* Behind the 256th run, where there is a key; and not before. */
static void it_seals_by_itself(void **state)
{
    const fixture *self = *state;
    sbx_seal_key key;
    sbx_verify_options options;
    char *path = NULL, *before = getenv("XDG_STATE_HOME");
    found is;

    before = before == NULL ? NULL : strdup(before);
    assert_int_equal(setenv("XDG_STATE_HOME", self->directory, 1), 0);
    for (int i = 0; i < 256; i++)
        more_runs(self);
    fixture_expect(self, "SELECT count(*) FROM seal", "0"); /* there is no key */
    assert_int_equal(sbx_seal_key_path(&path, NULL), SBX_OK);
    assert_int_equal(sbx_seal_key_make(&key, path, false, NULL), SBX_OK);
    for (int i = 0; i < 255; i++)
        more_runs(self);
    fixture_expect(self, "SELECT count(*) FROM seal", "0");
    more_runs(self);
    fixture_expect(self, "SELECT reason || ' ' || to_seq FROM seal", "run 1025");
    options = with_keys(&key, NULL);
    verify_with(&is, self, options);
    expect_nothing(&is);
    if (before == NULL)
        unsetenv("XDG_STATE_HOME");
    else
        setenv("XDG_STATE_HOME", before, 1);
    free(before);
    free(path);
}

static void keys_are_the_owner_s_and_kept(void **state)
{
    const fixture *self = *state;
    sbx_seal_key first, second, read;
    char path[300], kept[400], digits[65];
    struct stat about;
    sbx_error err;

    snprintf(path, sizeof(path), "%s/new/seal.key", self->directory);
    assert_int_equal(sbx_seal_key_read(&read, path, &err), SBX_OK);
    assert_false(read.exists);
    assert_int_equal(sbx_seal_key_make(&first, path, false, &err), SBX_OK);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(sbx_seal_key_make(&second, path, false, &err), SBX_INVALID);
    assert_int_equal(sbx_seal_key_read(&read, path, &err), SBX_OK);
    assert_memory_equal(read.public_key, first.public_key, 32);
    assert_int_equal(sbx_seal_key_make(&second, path, true, &err), SBX_OK);
    assert_memory_not_equal(second.public_key, first.public_key, 32);
    sbx_sha256_hex(digits, first.public_key);
    snprintf(kept, sizeof(kept), "%s.%.16s", path, digits);
    assert_int_equal(sbx_seal_key_read(&read, kept, &err), SBX_OK);
    assert_memory_equal(read.public_key, first.public_key, 32);
    snprintf(kept, sizeof(kept), "%s/new/seal.pub", self->directory);
    assert_int_equal(sbx_seal_key_take_public(read.public_key, kept, &err), SBX_OK);
    assert_memory_equal(read.public_key, second.public_key, 32);
    assert_int_equal(chmod(path, 0640), 0); /* others have had it */
    assert_int_equal(sbx_seal_key_read(&read, path, &err), SBX_REFUSED);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(sbx_seal_key_read(&read, path, &err), SBX_CORRUPT);
    assert_int_equal(sbx_seal_key_take_public(read.public_key, path, &err), SBX_INVALID);
}

static void what_is_sealed_is_vouched_for(void **state)
{
    const fixture *self = *state;
    sbx_seal_key key = a_key(1), other = a_key(2);
    found is;

    fill(self);
    free(seal(self, &key));
    verify_with(&is, self, with_keys(&key, NULL));
    expect_nothing(&is);
    assert_int_equal(is.result.sealed_seq, 12);
    more_runs(self);
    verify_with(&is, self, with_keys(&key, NULL)); /* the tail */
    assert_int_equal(is.result.wrong_count, 0);
    expect(&is, SBX_FINDING_UNSEALED, 13);
    verify(&is, self); /* nobody asked for a seal */
    expect_nothing(&is);
    free(seal(self, &key));
    free(seal(self, &key)); /* again: nothing new */
    verify_with(&is, self, with_keys(&key, NULL));
    expect_nothing(&is);
    assert_int_equal(is.result.seals, 2);
    verify_with(&is, self, with_keys(&other, NULL));
    expect(&is, SBX_FINDING_SEAL_FOREIGN, 0);
    assert_int_equal(is.result.wrong_count, 2);
}

static void an_earlier_key_ends_with_a_later_one(void **state)
{
    const fixture *self = *state;
    sbx_seal_key first = a_key(1), second = a_key(2);
    found is;

    fill(self);
    free(seal(self, &first));
    free(seal(self, &second)); /* the same events, again */
    more_runs(self);
    free(seal(self, &second));
    verify_with(&is, self, with_keys(&first, &second));
    expect_nothing(&is);
    more_runs(self);
    free(seal(self, &first)); /* whoever has the old one */
    verify_with(&is, self, with_keys(&first, &second));
    expect(&is, SBX_FINDING_SEAL_FOREIGN, 0);
}

static void a_tampered_seal_is_found(void **state)
{
    static const struct {
        const char *sql;
        sbx_finding_kind kind;
    } all[] = {
        {"UPDATE seal SET us = us + 1 WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"UPDATE seal SET reason = 'run' WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"UPDATE seal SET to_seq = to_seq - 1 WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"UPDATE seal SET hash = zeroblob(32) WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"UPDATE seal SET signature = zeroblob(64) WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"UPDATE seal SET signature = zeroblob(63) WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"UPDATE seal SET signature = NULL WHERE id = 2", SBX_FINDING_UNSIGNED},
        {"UPDATE seal SET public_key = zeroblob(32) WHERE id = 2", SBX_FINDING_SEAL_FOREIGN},
        {"UPDATE seal SET kind = 'prune' WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"UPDATE seal SET kind = 'other' WHERE id = 2", SBX_FINDING_SEAL_WRONG},
        {"DELETE FROM seal WHERE id = 1", SBX_FINDING_SEAL_MISSING},
        {"DELETE FROM seal WHERE id = 2", SBX_FINDING_SEAL_MISSING},
        {"DELETE FROM seal WHERE id = 3", SBX_FINDING_UNSEALED},
        {"DELETE FROM seal", SBX_FINDING_UNSEALED},
        {"UPDATE meta SET value = '01ARZ3NDEKTSV4RRFFQ69G5FAV' WHERE key = 'database_id'",
         SBX_FINDING_SEAL_WRONG},
    };
    const fixture *self = *state;
    fixture copy = *self;
    sbx_seal_key key = a_key(1);
    found is;

    fill(self);
    for (int i = 0; i < 3; i++) {
        more_runs(self);
        free(seal(self, &key));
    }
    tamper(self, "PRAGMA wal_checkpoint(TRUNCATE)");
    verify_with(&is, self, with_keys(&key, NULL));
    expect_nothing(&is);
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    for (size_t i = 0; i < SBX_COUNT_OF(all); i++) {
        copy_file(self->path, copy.path);
        tamper(&copy, "%s", all[i].sql);
        verify_with(&is, &copy, with_keys(&key, NULL));
        if (is.count == 0)
            fail_msg("%s: not found", all[i].sql);
        expect(&is, all[i].kind, 0);
    }
}

/* All rows of the last run gone, everywhere: only who wrote down that they were there can tell. */
static void a_cut_tail_is_found_by_who_knew_of_it(void **state)
{
    static const char cut[] = "DELETE FROM event WHERE seq > 12; DELETE FROM run WHERE id > 5";
    const fixture *self = *state;
    fixture copy = *self;
    sbx_seal_key key = a_key(1);
    sbx_verify_options options = with_keys(&key, NULL);
    char path[300], *first, *second;
    found is;
    FILE *file;

    fill(self);
    first = seal(self, &key);
    more_runs(self);
    second = seal(self, &key);
    tamper(self, "PRAGMA wal_checkpoint(TRUNCATE)");
    snprintf(copy.path, sizeof(copy.path), "%s/copy.db", self->directory);
    copy_file(self->path, copy.path);
    tamper(&copy, "%s", cut); /* the seal is left: it knew of it */
    verify_with(&is, &copy, options);
    expect(&is, SBX_FINDING_TRUNCATED, 14);

    tamper(&copy, "DELETE FROM seal WHERE to_seq > 12"); /* the seal, too: nobody knows */
    verify_with(&is, &copy, options);
    expect_nothing(&is);

    snprintf(path, sizeof(path), "%s/log", self->directory); /* but an anchor */
    file = fopen(path, "w");
    fprintf(file,
            "Jan 1 host other: line\nJan 1 host sbx[1]: %s\nsbx-seal 1 database=\nJan 1 host "
            "sbx[2]: %s",
            first, second);
    fclose(file);
    options.anchor_path = path;
    verify_with(&is, &copy, options);
    assert_int_equal(is.result.anchors, 2);
    expect(&is, SBX_FINDING_TRUNCATED, 14);
    verify_with(&is, self, options); /* the whole one is as its anchors say */
    expect_nothing(&is);
    free(first);
    free(second);
}

static void a_ledger_made_anew_contradicts_its_anchor(void **state)
{
    const fixture *self = *state;
    sbx_seal_key key = a_key(1), other = a_key(2);
    sbx_verify_options options = with_keys(&key, NULL);
    char path[300], *line, *digit;
    found is;
    FILE *file;

    fill(self);
    line = seal(self, &key);
    more_runs(self);
    snprintf(path, sizeof(path), "%s/log", self->directory);
    file = fopen(path, "w");
    digit = strstr(line, " hash=") + 6;
    *digit = *digit == '0' ? '1' : '0'; /* as if event 12 had been another one */
    fprintf(file, "%s\n", line);
    fclose(file);
    options.anchor_path = path;
    verify_with(&is, self, options);
    expect(&is, SBX_FINDING_ANCHOR_WRONG, 12);
    free(line);

    line = seal(self, &other);
    file = fopen(path, "w");
    fprintf(file, "%s\n", line); /* not ours */
    fclose(file);
    verify_with(&is, self, options);
    expect(&is, SBX_FINDING_ANCHOR_WRONG, 14);
    free(line);
    file = fopen(path, "w");
    fprintf(file, "nothing\n");
    fclose(file);
    verify_with(&is, self, options);
    expect(&is, SBX_FINDING_UNSEALED, 0);
}

static void sealing_a_ledger_that_was_cut_is_refused(void **state)
{
    const fixture *self = *state;
    sbx_seal_key key = a_key(1);
    sbx_store *store;
    bool is_new;
    sbx_seal out;
    sbx_error err;

    fill(self);
    free(seal(self, &key));
    tamper(self, "DELETE FROM event WHERE seq > 10");
    store = fixture_open(self);
    assert_int_equal(sbx_store_seal(&out, &is_new, store, &key, "command", &err), SBX_CORRUPT);
    assert_non_null(strstr(err.message, "ends before its last seal"));
    sbx_store_close(store);
}

/* --- copies --- */

static void a_copy_is_only_read(void **state)
{
    const fixture *self = *state;
    fixture copy = *self;
    char path[320];
    found is;

    fill(self);
    snprintf(copy.path, sizeof(copy.path), "%s/copies", self->directory);
    assert_int_equal(mkdir(copy.path, 0700), 0);
    snprintf(copy.path, sizeof(copy.path), "%s/copies/a?b#c%%20d.db", self->directory);
    copy_file(self->path, copy.path);
    assert_int_equal(chmod(copy.path, 0400), 0);
    snprintf(path, sizeof(path), "%s/copies", self->directory);
    assert_int_equal(chmod(path, 0500), 0);
    verify(&is, &copy);
    expect_nothing(&is);
    assert_int_equal(is.result.events, 12);
    assert_int_equal(chmod(path, 0700), 0);
    snprintf(path, sizeof(path), "%s-wal", copy.path);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s-shm", copy.path);
    assert_int_equal(access(path, F_OK), -1);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(it_seals_by_itself),
        WITH_FIXTURE(keys_are_the_owner_s_and_kept),
        WITH_FIXTURE(what_is_sealed_is_vouched_for),
        WITH_FIXTURE(an_earlier_key_ends_with_a_later_one),
        WITH_FIXTURE(a_tampered_seal_is_found),
        WITH_FIXTURE(a_cut_tail_is_found_by_who_knew_of_it),
        WITH_FIXTURE(a_ledger_made_anew_contradicts_its_anchor),
        WITH_FIXTURE(sealing_a_ledger_that_was_cut_is_refused),
        WITH_FIXTURE(a_copy_is_only_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
