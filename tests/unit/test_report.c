/* The report's file: what is embedded in it and how. What a browser makes of it is in tests/browser. */
#include "tests/unit/store_fixture.h"

#include <jansson.h>

#include "audit/report.h"
#include "report_css.h"
#include "report_html.h"
#include "report_js.h"

#define HOSTILE "/etc/</script><!--<script>\xff\xf0\x9f\x98\x80"

/* Their ids fall while they rise: what was made in one moment has no order in its id. */
static void make_runs(const fixture *self)
{
    static const char *const ids[] = {"01ARZ3NDEKTSV4RRFFQ69G5FAC", "01ARZ3NDEKTSV4RRFFQ69G5FAB",
                                      "01ARZ3NDEKTSV4RRFFQ69G5FAA"};
    static const char *const argv[] = {"sh", "-c", HOSTILE, NULL};
    sbx_store *store = fixture_open(self);

    for (int i = 0; i < 3; i++) {
        sbx_denials *set = sbx_denials_create();
        sbx_store_batch batch = {.denials = set};
        fixture_run run;

        fixture_describe(&run);
        memcpy(run.id, ids[i], sizeof(run.id));
        run.start.argv = argv;
        run.start.started_us += (uint64_t)i * 1000000;
        if (i != 1) {
            fixture_deny(set, HOSTILE);
            fixture_deny(set, HOSTILE);
            fixture_deny(set, i == 0 ? "/only/in/first" : "/only/in/last");
        }
        run.end.denied_total = sbx_denials_total(set);
        fixture_start(&run, store);
        fixture_end(&run, store, &batch);
        sbx_denials_free(set);
    }
    sbx_store_close(store);
}

static void make_report(sbx_text *out, const fixture *self, uint64_t limit)
{
    const sbx_report_request request = {.filter.limit = limit,
                                        .scope = "--since <1h>",
                                        .chain_state = "not checked",
                                        .chain_text = "</script>"};
    sbx_store *store = fixture_open_to_read(self);
    sbx_error err = {0};

    if (sbx_report_make(out, store, &request, &err) != SBX_OK)
        fail_msg("%s", err.message);
    sbx_store_close(store);
}

/* The block of data, parsed; the caller gives it back. */
static json_t *read_data(const sbx_text *page)
{
    static const char open[] = "<script type=\"application/json\" id=\"data\">";
    const char *start = strstr(sbx_text_string(page), open), *end;
    json_t *data;

    assert_non_null(start);
    start += strlen(open);
    end = strstr(start, "</script>");
    assert_non_null(end);
    for (const char *at = start; at < end; at++)
        assert_true(*at >= 0x20 && *at < 0x7F && *at != '<');
    data = json_loadb(start, (size_t)(end - start), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(data);
    return data;
}

static json_int_t number(const json_t *data, const char *key)
{
    return json_integer_value(json_object_get(data, key));
}

static const char *string_at(const json_t *data, const char *list, size_t index)
{
    return json_string_value(json_array_get(json_object_get(data, list), index));
}

static void test_data(void **state)
{
    sbx_text page = {0};
    json_t *data;
    const json_t *entries, *denials, *per_run;

    make_runs(*state);
    make_report(&page, *state, 0);
    data = read_data(&page);
    assert_int_equal(number(data, "run_count"), 3);
    assert_int_equal(number(data, "denial_count"), 4);
    assert_int_equal(number(data, "entry_count"), 3); /* the one they share is one */
    per_run = json_object_get(json_object_get(data, "runs"), "denials");
    assert_int_equal(json_integer_value(json_array_get(per_run, 0)), 2); /* newest first */
    assert_int_equal(json_integer_value(json_array_get(per_run, 1)), 0);
    assert_int_equal(json_integer_value(json_array_get(per_run, 2)), 2);
    entries = json_object_get(json_object_get(data, "entries"), "target");
    denials = json_object_get(json_object_get(data, "denials"), "entry");
    assert_int_equal(json_array_size(entries), 3);
    assert_int_equal(json_array_size(denials), 4);
    /* Whose denial it is: through both lists to the text. */
    for (size_t i = 0; i < 4; i++) {
        size_t entry = (size_t)json_integer_value(json_array_get(denials, i));
        const char *target =
            string_at(data, "strings", (size_t)json_integer_value(json_array_get(entries, entry)));

        if (strncmp(target, "/only", 5) == 0)
            assert_string_equal(target, i < 2 ? "/only/in/last" : "/only/in/first");
        else
            assert_string_equal(target, "/etc/</script><!--<script>\xEF\xBF\xBD\xf0\x9f\x98\x80");
    }
    /* A column that is the same for all is one value. */
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(data, "runs"), "limit_memory_bytes")),
        1 << 30);
    assert_true(json_is_false(json_object_get(data, "more_runs")));
    json_decref(data);
    sbx_text_done(&page);
}

static void test_limit_is_said(void **state)
{
    sbx_text page = {0};
    json_t *data;

    make_runs(*state);
    make_report(&page, *state, 2);
    data = read_data(&page);
    assert_int_equal(number(data, "run_count"), 2);
    assert_int_equal(number(data, "denial_count"), 2); /* those of the third are not in it */
    assert_true(json_is_true(json_object_get(data, "more_runs")));
    json_decref(data);
    sbx_text_done(&page);
}

static void test_empty(void **state)
{
    sbx_store *store = fixture_open(*state);
    sbx_text page = {0};
    json_t *data;

    sbx_store_close(store);
    make_report(&page, *state, 0);
    data = read_data(&page);
    assert_int_equal(number(data, "run_count"), 0);
    json_decref(data);
    sbx_text_done(&page);
}

/* Nothing of the page's own ends its script early, or asks for anything from outside. */
/* What is no list of points is no part of the page, whatever else it is. */
static void test_samples(void **state)
{
    static const char *const wrong[] = {
        "[[100,1,2]]",
        "[[100,1,2,3,4]]",
        "[[100,1,2,\"<script>\"]]",
        "[[200,1,2,3],[100,1,2,3]]",
        "[[null,1,2,3]]",
        "[]",
        "{\"a\":[1,2,3,4]}",
        "[[1e3,1,2,3]]",
        "[[-1,1,2,3]]",
        "</script>",
        "[[1,2,3,4]",
        "[[99999999999999999999,1,2,3]]",
    };
    const fixture *self = *state;
    sbx_text page = {0};
    json_t *data, *samples;
    char sql[300];

    make_runs(self);
    for (size_t i = 0; i <= SBX_COUNT_OF(wrong); i++) {
        const char *text =
            i < SBX_COUNT_OF(wrong) ? wrong[i] : "[[100,50,4096,2],[200,null,8192,1]]";
        sqlite3 *db = NULL;

        snprintf(sql, sizeof(sql), "UPDATE run SET samples = '%s' WHERE id = 2", text);
        assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        sbx_text_clear(&page);
        make_report(&page, self, 0);
        data = read_data(&page);
        samples = json_object_get(data, "samples");
        if (i < SBX_COUNT_OF(wrong)) {
            if (json_array_size(json_object_get(samples, "run")) != 0)
                fail_msg("%s is in the page", text);
        } else {
            json_t *points = json_array_get(json_object_get(samples, "points"), 0);

            assert_int_equal(json_integer_value(json_array_get(json_object_get(samples, "run"), 0)),
                             1);
            assert_int_equal(json_array_size(points), 2);
            assert_int_equal(json_integer_value(json_array_get(json_array_get(points, 1), 2)),
                             8192);
            assert_true(json_is_null(json_array_get(json_array_get(points, 1), 1)));
        }
        json_decref(data);
    }
    sbx_text_done(&page);
}

static void test_own_parts(void **state)
{
    static const char *const never[] = {"innerHTML",      "outerHTML", "insertAdjacentHTML",
                                        "document.write", "eval(",     "new Function",
                                        "http:",          "https:",    "import("};
    sbx_text page = {0};
    const char *at = NULL;
    size_t count = 0;

    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        const char *found = strstr(sbx_report_js, never[i]);

        if (found != NULL && strncmp(found, "http://www.w3.org/2000/svg", 26) != 0)
            fail_msg("report.js has %s", never[i]);
    }
    assert_null(strstr(sbx_report_js, "</script"));
    assert_null(strstr(sbx_report_js, "<!--"));
    assert_null(strstr(sbx_report_css, "</style"));
    assert_null(strstr(sbx_report_css, "url("));
    assert_null(strstr(sbx_report_css, "@import"));
    assert_null(strstr(sbx_report_html, "unsafe"));
    assert_non_null(strstr(sbx_report_html, "default-src 'none'"));
    make_runs(*state);
    make_report(&page, *state, 0);
    for (at = sbx_text_string(&page); (at = strstr(at, "<script")) != NULL; at++)
        count++;
    assert_int_equal(count, 2); /* the data and the script */
    assert_null(strstr(sbx_text_string(&page), "@DATA@"));
    assert_null(strstr(sbx_text_string(&page), "_HASH@"));
    sbx_text_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_data, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_limit_is_said, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_empty, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_samples, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_own_parts, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
