/* The index: every question has the same answer with it and without, whatever happened meanwhile. */
#include "tests/unit/store_fixture.h"

#include "audit/index.h"
#include "audit/query.h"
#include "harness/base/text.h"

enum { RUNS = 60 };

static const char *const paths[] = {"/etc/hosts", "/srv/rare/needle", "/tmp/\xFF", "/a/b", "=1+1"};
static const char *const exes[] = {"/bin/sh", "/usr/bin/cc"};

/* A run that differs from its neighbours in everything that can be asked for. */
static void record(sbx_store *store, int number, bool ends)
{
    static const char *const statuses[] = {"ok", "nonzero", "limit"};
    const char *const labels[] = {number % 2 == 0 ? "suite=a" : "suite=b", NULL};
    sbx_denials *set = sbx_denials_create();
    const sbx_process_record process = {
        .pid = number, .exe = exes[number % 7 == 0], .start_us = 5, .argv_json = "[\"x\"]"};
    const sbx_store_batch batch = {.denials = set, .processes = &process, .process_count = 1};
    fixture_run run;

    fixture_describe(&run);
    run.start.labels = labels;
    run.start.caller_uid = 1000 + (uint32_t)number % 3;
    run.start.session = number % 5 == 0 ? "s5" : NULL;
    run.start.agent = number % 4 == 0 ? "codex" : NULL;
    run.end.status = statuses[number % 3];
    run.end.reason = number % 3 == 2 ? "memory" : "";
    run.end.wall_ns = (uint64_t)number * 7919 % 101;
    run.end.usage.user_ns = run.end.usage.system_ns = (uint64_t)number * 31 % 17;
    run.end.usage.memory_peak_bytes = ((uint64_t)number * 104729 % 997) << 20;
    for (int i = 0; i < number % 4; i++)
        fixture_deny(set, paths[(number + i) % 5]);
    run.end.denied_total = sbx_denials_total(set);
    fixture_start(&run, store);
    if (ends)
        fixture_end(&run, store, &batch);
    else
        assert_int_equal(sbx_store_run_append(store, run.row, &batch, NULL), SBX_OK);
    sbx_denials_free(set);
}

static void record_some(const fixture *self, int from, int to)
{
    sbx_store *store = fixture_open(self);

    for (int i = from; i < to; i++)
        record(store, i, i % 11 != 3);
    sbx_store_close(store);
}

static bool attach(const fixture *self, sbx_store *store)
{
    const sbx_index_options options = {.directory = self->directory, .from_runs = 1};
    sbx_error why = {0};
    bool has = sbx_index_attach(store, &options, &why);

    if (!has)
        fail_msg("no index: %s", why.message);
    return has;
}

/* All cells of all rows. */
static void write_rows(sbx_text *out, sbx_query *query)
{
    const sbx_cell *cells = NULL;
    sbx_error err = {0};
    size_t count;

    (void)sbx_query_columns(query, &count);
    for (;;) {
        if (sbx_query_next(query, &cells, &err) != SBX_OK)
            fail_msg("%s", err.message);
        if (cells == NULL)
            break;
        for (size_t i = 0; i < count; i++)
            if (cells[i].is_null)
                sbx_text_add(out, "-|");
            else if (cells[i].text != NULL)
                sbx_text_add_format(out, "%s|", cells[i].text);
            else
                sbx_text_add_format(out, "%lld|", (long long)cells[i].integer);
        sbx_text_add(out, "\n");
    }
    sbx_query_free(query);
}

enum { QUESTIONS = 2 + 4 + 1 + 4 };

static void ask(sbx_text *out, sbx_store *store, const sbx_query_filter *filter, int question)
{
    sbx_query *query = NULL;
    sbx_error err = {0};
    sbx_status st;

    if (question == 0)
        st = sbx_query_runs(&query, store, filter, &err);
    else if (question == 1)
        st = sbx_query_denials(&query, store, filter, &err);
    else if (question < 6)
        st = sbx_query_top(&query, store, filter, (sbx_measure)(question - 2), &err);
    else if (question == 6)
        st = sbx_query_stats(&query, store, filter, &err);
    else
        st = sbx_query_denial_sums(&query, store, filter, (sbx_denial_group)(question - 7), &err);
    if (st != SBX_OK)
        fail_msg("question %d: %s", question, err.message);
    write_rows(out, query);
}

static const sbx_query_filter filters[] = {
    {0},
    {.limit = 7},
    {.label_count = 1, .labels = {"suite=a"}},
    {.label_count = 1, .labels = {"suite"}},
    {.label_count = 2, .labels = {"suite=a", "suite=b"}},
    {.status = "limit"},
    {.status = "ok", .session = "s5"},
    {.status = "running"},
    {.reason = "memory", .agent = "codex"},
    {.has_user = true, .user = 1001},
    {.path = "/srv/rare/*"},
    {.path = "/etc/hosts"},
    {.path = "*"},
    {.path = "/tmp/*", .exe = "*/sh"},
    {.exe = "/usr/bin/cc", .label_count = 1, .labels = {"suite=b"}},
    {.mem_over_percent = 50},
    {.denied_only = true, .limit = 5},
    {.batch = "none"},
    {.since_us = 1, .path = "/a/*"},
    {.until_us = 1},
};

static size_t compare(sbx_store *plain, sbx_store *indexed)
{
    size_t rows = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(filters); i++)
        for (int question = 0; question < QUESTIONS; question++) {
            sbx_text left = {0}, right = {0};

            ask(&left, plain, &filters[i], question);
            ask(&right, indexed, &filters[i], question);
            if (strcmp(sbx_text_string(&left), sbx_text_string(&right)) != 0)
                fail_msg("filter %zu question %d\nwithout\n%s\nwith\n%s", i, question,
                         sbx_text_string(&left), sbx_text_string(&right));
            rows += left.bytes > 0;
            sbx_text_done(&left);
            sbx_text_done(&right);
        }
    return rows;
}

static void the_same_answers(void **state)
{
    const fixture *self = *state;
    sbx_store *plain, *indexed;

    record_some(self, 0, RUNS);
    plain = fixture_open_to_read(self);
    indexed = fixture_open_to_read(self);
    attach(self, indexed);
    assert_true(compare(plain, indexed) >
                150); /* most questions have rows: this is no empty test */

    record_some(self, RUNS, RUNS + 20); /* what the attached index does not know yet */
    (void)compare(plain, indexed);
    sbx_store_close(indexed);
    indexed = fixture_open_to_read(self); /* … and what it has caught up with */
    attach(self, indexed);
    (void)compare(plain, indexed);
    sbx_store_close(indexed);
    sbx_store_close(plain);
}

static char *index_path(const fixture *self)
{
    char *id = fixture_read(self, "SELECT value FROM meta WHERE key = 'database_id'");
    char *path = malloc(600);

    assert_non_null(path);
    snprintf(path, 600, "%s/index-%s.db", self->directory, id);
    free(id);
    return path;
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* A run that is lost is looked at itself, until it has an end. */
static void a_lost_run_that_ends(void **state)
{
    const fixture *self = *state;
    sbx_store *writer = fixture_open(self), *plain, *indexed;
    fixture_run run;

    record_some(self, 0, 10);
    fixture_describe(&run);
    fixture_start(&run, writer);
    execute(self->path, "UPDATE run SET status = 'lost' WHERE id = (SELECT max(id) FROM run)");
    for (int i = 0; i < 2; i++) {
        plain = fixture_open_to_read(self);
        indexed = fixture_open_to_read(self);
        attach(self, indexed);
        (void)compare(plain, indexed);
        sbx_store_close(indexed);
        sbx_store_close(plain);
        if (i == 0)
            fixture_end(&run, writer, NULL);
    }
    sbx_store_close(writer);
}

static void made_anew_when_it_is_none(void **state)
{
    static const char *const damages[] = {
        "DROP TABLE name",
        "UPDATE state SET hash = x'00'",
        "UPDATE state SET database_id = 'another'",
        "UPDATE state SET first_seq = 5",
        "PRAGMA user_version = 77",
    };
    const fixture *self = *state;
    char *path;

    record_some(self, 0, 20);
    path = index_path(self);
    for (size_t i = 0; i <= SBX_COUNT_OF(damages); i++) {
        sbx_store *plain = fixture_open_to_read(self), *indexed = fixture_open_to_read(self);
        struct stat about;

        attach(self, indexed);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
        (void)compare(plain, indexed);
        sbx_store_close(indexed);
        sbx_store_close(plain);
        if (i < SBX_COUNT_OF(damages))
            execute(path, damages[i]);
    }
    free(path);
}

/* What the index says wrongly cannot put a run into an answer that does not belong there. */
static void its_word_is_checked(void **state)
{
    const fixture *self = *state;
    const sbx_query_filter filter = {.label_count = 1, .labels = {"suite=a"}};
    sbx_store *plain, *indexed;
    sbx_text left = {0}, right = {0};
    char *path;

    record_some(self, 0, 20);
    indexed = fixture_open_to_read(self);
    attach(self, indexed);
    sbx_store_close(indexed);
    path = index_path(self);
    execute(path, "INSERT OR IGNORE INTO posting SELECT name.id, run FROM name, indexed");
    plain = fixture_open_to_read(self);
    indexed = fixture_open_to_read(self);
    attach(self, indexed);
    ask(&left, plain, &filter, 0);
    ask(&right, indexed, &filter, 0);
    assert_string_equal(sbx_text_string(&left), sbx_text_string(&right));
    sbx_store_close(indexed);
    sbx_store_close(plain);
    sbx_text_done(&left);
    sbx_text_done(&right);
    free(path);
}

static void a_small_database_has_none(void **state)
{
    const fixture *self = *state;
    const sbx_index_options options = {.directory = self->directory, .from_runs = 21};
    sbx_store *store;

    record_some(self, 0, 20);
    store = fixture_open_to_read(self);
    assert_false(sbx_index_attach(store, &options, NULL));
    sbx_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_answers, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_lost_run_that_ends, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(made_anew_when_it_is_none, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(its_word_is_checked, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_small_database_has_none, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
