/* Asking: filters, run ids, order, pages, and bytes that are not text. */
#include "tests/unit/store_fixture.h"

#include "audit/query.h"
#include "harness/base/text.h"

typedef sbx_status ask(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                       sbx_error *err);

static size_t find_column(const sbx_query *query, const char *name)
{
    size_t count;
    const sbx_column *columns = sbx_query_columns(query, &count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0)
            return i;
    fail_msg("no column %s", name);
    return 0;
}

/* One column of all rows, with blanks between; the caller frees. */
static char *column_of(const fixture *self, ask *question, const sbx_query_filter *filter,
                       const char *name)
{
    sbx_store *store = fixture_open_to_read(self);
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    sbx_text out = {0};
    sbx_error err = {0};
    size_t at;

    if (question(&query, store, filter, &err) != SBX_OK)
        fail_msg("%s", err.message);
    at = find_column(query, name);
    for (;;) {
        assert_int_equal(sbx_query_next(query, &cells, &err), SBX_OK);
        if (cells == NULL)
            break;
        if (out.bytes > 0)
            sbx_text_add(&out, " ");
        if (cells[at].is_null)
            sbx_text_add(&out, "-");
        else if (cells[at].text != NULL)
            sbx_text_add_bytes(&out, cells[at].text, cells[at].text_bytes);
        else
            sbx_text_add_format(&out, "%lld", (long long)cells[at].integer);
    }
    assert_int_equal(sbx_query_next(query, &cells, &err), SBX_OK); /* the end stays the end */
    assert_null(cells);
    sbx_query_free(query);
    sbx_store_close(store);
    sbx_text_add(&out, "");
    return out.data != NULL ? out.data : strdup("");
}

static void expect(const fixture *self, ask *question, sbx_query_filter filter, const char *name,
                   const char *wanted)
{
    char *got = column_of(self, question, &filter, name);

    assert_string_equal(got, wanted);
    free(got);
}

/* Ids as they would be at these seconds. */
static void record(const fixture *self, const char *id, uint64_t started_s, const char *status,
                   int denials, bool ends)
{
    sbx_store *store = fixture_open(self);
    sbx_denials *set = sbx_denials_create();
    const sbx_process_record process = {.pid = 5,
                                        .exe = "/bin/sh",
                                        .start_us = started_s * 1000000,
                                        .argv_json = "[\"sh\",\"-c\",\"a b\"]"};
    const sbx_store_batch batch = {.denials = set, .processes = &process, .process_count = 1};
    fixture_run run;

    fixture_describe(&run);
    memcpy(run.id, id, sizeof(run.id));
    run.start.started_us = started_s * 1000000;
    run.end.status = status;
    run.end.denied_total = (uint64_t)denials;
    for (int i = 0; i < denials; i++) {
        char target[] = {'/', (char)('a' + i), '\xFF', '\0'};
        const sbx_denial denial = {.op = "write",
                                   .target = target,
                                   .target_bytes = i == 1 ? 3 : 2,
                                   .pid = i,
                                   .rule = "none",
                                   .count = 1,
                                   .first_us = started_s * 1000000,
                                   .last_us = started_s * 1000000 + (uint64_t)i};

        sbx_denials_add(set, &denial);
    }
    fixture_start(&run, store);
    if (ends)
        fixture_end(&run, store, &batch);
    else
        assert_int_equal(sbx_store_run_append(store, run.row, &batch, NULL), SBX_OK);
    sbx_store_close(store);
    sbx_denials_free(set);
}

/* Seconds 1, 2, 3 … of the year 2026; an hour and more lies between the first two and the rest. */
enum { S = 1767225600 };
static const char id_a[] = "01KDVDNA00AAAAAAAAAAAAAAAA", id_b[] = "01KDVDNBYGBBBBBBBBBBBBBBBB";
static const char id_c[] = "01KDW0QN80CCCCCCCCCCCCCCCC", id_d[] = "01KDW0QN80CDDDDDDDDDDDDDDD";

static void record_four(const fixture *self)
{
    record(self, id_a, S, "ok", 0, true);
    record(self, id_b, S + 2, "limit", 2, true);
    record(self, id_c, S + 20000, "ok", 1, true);
    record(self, id_d, S + 20001, "nonzero", 0, true);
}

static void newest_first_and_filtered(void **state)
{
    const fixture *self = *state;

    record_four(self);
    expect(self, sbx_query_runs, (sbx_query_filter){0}, "status", "nonzero ok limit ok");
    expect(self, sbx_query_runs, (sbx_query_filter){.limit = 2}, "status", "nonzero ok");
    expect(self, sbx_query_runs, (sbx_query_filter){.status = "ok"}, "started_us",
           "1767245600000000 1767225600000000");
    expect(self, sbx_query_runs, (sbx_query_filter){.denied_only = true}, "denied_total", "1 2");
    expect(self, sbx_query_runs, (sbx_query_filter){.denied_only = true, .status = "limit"},
           "status", "limit");
    expect(self, sbx_query_runs, (sbx_query_filter){.status = "lost"}, "run_id", "");
    expect(self, sbx_query_runs, (sbx_query_filter){.run = id_b}, "run_id", id_b);
    expect(self, sbx_query_runs, (sbx_query_filter){.run = "latest"}, "run_id", id_d);
    expect(self, sbx_query_runs, (sbx_query_filter){.run = "01kdvdna"}, "run_id", id_a);
    expect(self, sbx_query_runs, (sbx_query_filter){.run = "latest", .status = "ok"}, "run_id", "");
}

static void since(void **state)
{
    const fixture *self = *state;

    record_four(self);
    expect(self, sbx_query_runs, (sbx_query_filter){.since_us = (uint64_t)S * 1000000}, "status",
           "nonzero ok limit ok");
    expect(self, sbx_query_runs, (sbx_query_filter){.since_us = (uint64_t)S * 1000000 + 1},
           "status", "nonzero ok limit");
    expect(self, sbx_query_runs, (sbx_query_filter){.since_us = (uint64_t)(S + 20001) * 1000000},
           "status", "nonzero");
    expect(self, sbx_query_runs, (sbx_query_filter){.since_us = (uint64_t)(S + 90000) * 1000000},
           "status", "");
    expect(self, sbx_query_denials, (sbx_query_filter){.since_us = (uint64_t)(S + 2) * 1000000 + 1},
           "pid", "0 1");
    expect(self, sbx_query_processes,
           (sbx_query_filter){.since_us = (uint64_t)(S + 20000) * 1000000}, "run_id",
           "01KDW0QN80CDDDDDDDDDDDDDDD 01KDW0QN80CCCCCCCCCCCCCCCC");
}

static void denials_and_processes(void **state)
{
    const fixture *self = *state;

    record_four(self);
    expect(self, sbx_query_denials, (sbx_query_filter){0}, "pid", "0 1 0"); /* newest first */
    expect(self, sbx_query_denials, (sbx_query_filter){.limit = 2}, "pid", "0 1");
    expect(self, sbx_query_denials, (sbx_query_filter){.run = id_b}, "pid",
           "0 1"); /* as they happened */
    expect(self, sbx_query_denials, (sbx_query_filter){.run = id_b}, "target", "/a /b\xFF");
    expect(self, sbx_query_denials, (sbx_query_filter){.run = id_b}, "target_hex", "- 2f62ff");
    expect(self, sbx_query_denials, (sbx_query_filter){.status = "ok"}, "run_id", id_c);
    expect(self, sbx_query_denials, (sbx_query_filter){.run = id_a}, "pid", "");
    expect(self, sbx_query_processes, (sbx_query_filter){.run = id_b}, "argv",
           "[\"sh\",\"-c\",\"a b\"]");
    expect(self, sbx_query_processes, (sbx_query_filter){.run = id_b}, "command", "sh -c a b");
}

static void cells_of_a_run(void **state)
{
    const fixture *self = *state;
    const sbx_query_filter filter = {.run = id_b};

    record_four(self);
    expect(self, sbx_query_runs, filter, "command", "make test");
    expect(self, sbx_query_runs, filter, "argv", "[\"make\",\"test\"]");
    expect(self, sbx_query_runs, filter, "argv_hex", "-");
    expect(self, sbx_query_runs, filter, "policy", "workspace");
    expect(self, sbx_query_runs, filter, "limit_memory_bytes", "1073741824");
    expect(self, sbx_query_runs, filter, "limit_wall_ns", "-");
    expect(self, sbx_query_runs, filter, "audit_complete", "-");
    expect(self, sbx_query_runs, filter, "wall_ns", "5000000");
    expect(self, sbx_query_runs, filter, "enforcers", "{\"memory\":\"cgroup2\"}");
}

/* A run that has not ended has no count of its own yet: its denials say. */
static void a_running_run_s_denials(void **state)
{
    const fixture *self = *state;

    record(self, id_a, S, "ok", 2, false);
    expect(self, sbx_query_runs, (sbx_query_filter){.denied_only = true}, "status", "running");
    expect(self, sbx_query_runs, (sbx_query_filter){0}, "denied_total", "2");
    expect(self, sbx_query_runs, (sbx_query_filter){0}, "ended_us", "-");
}

static void finding_a_run(void **state)
{
    static const struct {
        const char *argument;
        sbx_status status;
        const char *id;
    } cases[] = {
        {"latest", SBX_OK, id_d},        {id_a, SBX_OK, id_a},
        {"01KDVDNB", SBX_OK, id_b},      {"01kdvdnb", SBX_OK, id_b},
        {"01KDW0QN80CC", SBX_OK, id_c},  {"01KDW0QN80C", SBX_INVALID, NULL},
        {"0", SBX_INVALID, NULL},        {"1", SBX_NOT_FOUND, NULL},
        {"", SBX_NOT_FOUND, NULL},       {"01KDVDNA00AAAAAAAAAAAAAAAAA", SBX_NOT_FOUND, NULL},
        {"%", SBX_NOT_FOUND, NULL},      {"01KDVDNB\xFF", SBX_NOT_FOUND, NULL},
        {"Latest", SBX_NOT_FOUND, NULL}, {"ZZZZZZZZZZZZZZZZZZZZZZZZZZ", SBX_NOT_FOUND, NULL},
    };
    const fixture *self = *state;
    sbx_store *store = fixture_open(self);
    char id[27];
    sbx_error err = {0};

    assert_int_equal(sbx_query_find_run(id, store, "latest", &err), SBX_NOT_FOUND);
    sbx_store_close(store);
    record_four(self);
    store = fixture_open_to_read(self);
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_query *query = NULL;
        const sbx_query_filter filter = {.run = cases[i].argument};

        if (sbx_query_find_run(id, store, cases[i].argument, &err) != cases[i].status)
            fail_msg("\"%s\": %s", cases[i].argument, err.message);
        if (cases[i].id != NULL)
            assert_string_equal(id, cases[i].id);
        assert_int_equal(sbx_query_denials(&query, store, &filter, &err), cases[i].status);
        sbx_query_free(query);
    }
    sbx_store_close(store);
}

/* Many pages: by rows, and by bytes where rows are long. */
static void page_after_page(void **state)
{
    enum { RUNS = 320, SHORT = 270, LONG = 40000 };
    const fixture *self = *state;
    sbx_store *store = fixture_open(self), *reader;
    const sbx_query_filter filter = {0};
    static char long_text[LONG + 1];
    const char *const argv[] = {"echo", long_text, NULL};
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    sbx_error err = {0};
    size_t at;
    int seen = 0;

    memset(long_text, 'x', LONG);
    for (int i = 0; i < RUNS; i++) {
        fixture_run run;

        fixture_describe(&run);
        if (i >= SHORT)
            run.start.argv = argv;
        run.start.caller_uid = (uint32_t)i;
        assert_int_equal(sbx_store_run_refused(store, &run.start, &run.end, &err), SBX_OK);
    }
    sbx_store_close(store);
    reader = fixture_open_to_read(self);
    assert_int_equal(sbx_query_runs(&query, reader, &filter, &err), SBX_OK);
    at = find_column(query, "caller_uid");
    while (sbx_query_next(query, &cells, &err) == SBX_OK && cells != NULL) {
        assert_int_equal(cells[at].integer, RUNS - 1 - seen);
        assert_int_equal(cells[find_column(query, "command")].text_bytes,
                         seen < RUNS - SHORT ? 5 + LONG : 9);
        seen++;
    }
    assert_int_equal(seen, RUNS);
    sbx_query_free(query);
    sbx_query_free(NULL);
    sbx_store_close(reader);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(newest_first_and_filtered), WITH_FIXTURE(since),
        WITH_FIXTURE(denials_and_processes),     WITH_FIXTURE(cells_of_a_run),
        WITH_FIXTURE(a_running_run_s_denials),   WITH_FIXTURE(finding_a_run),
        WITH_FIXTURE(page_after_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
