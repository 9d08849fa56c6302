/*
 * Rows in the words of OCSF, ECS and OTLP. What each of these schemas requires was read from its
 * published files and is written down here as tables: OCSF 1.8.0 (event classes 1001, 1003, 1007, 4001,
 * their objects, and the profiles host and security_control), ECS 8.17.0 (the two required fields, and
 * which types it expects for a category), OTLP's JSON encoding.
 */
#include "tests/unit/store_fixture.h"

#include <jansson.h>

#include "audit/export.h"
#include "audit/query.h"

#define HOSTILE "/etc/</script><script>alert(1)</script>\"\n\x1b[31m"

__extension__ typedef unsigned __int128 bits_128;

typedef struct exported {
    json_t *lines; /* array of what each line is */
    sbx_text text;
} exported;

static void add_denial(sbx_denials *set, sbx_denial_class kind, const char *op, const char *target)
{
    const sbx_denial denial = {.kind = kind,
                               .op = op,
                               .target = target,
                               .target_bytes = strlen(target),
                               .pid = 77,
                               .exe = "/usr/bin/tool",
                               .error = 13,
                               .rule = "a rule",
                               .source = SBX_SOURCE_SECCOMP,
                               .confidence = SBX_CONFIDENCE_OBSERVED,
                               .first_us = 1700000000123456,
                               .last_us = 1700000001000000,
                               .count = 5};

    sbx_denials_add(set, &denial);
}

/* One run that failed, one that is refused, one that runs; denials of every class, two programs. */
static void fill(const fixture *self)
{
    static const char *const labels[] = {"suite=unit", "a\"b=c</script>", NULL};
    static const char *const argv[] = {"/opt/x/tool", "=1+1", HOSTILE, NULL};
    const sbx_process_record processes[] = {
        {.pid = 10,
         .parent_pid = 9,
         .start_us = 1700000000000001,
         .end_us = 1700000000500000,
         .exe = "/opt/x/tool",
         .argv_json = "[\"tool\"]",
         .has_exit = true,
         .exit_code = 3,
         .row = 0},
        {.pid = 11,
         .parent_pid = 10,
         .start_us = 1700000000000002,
         .exe = "/bin/sh",
         .argv_json = "[\"sh\",\"-c\"]",
         .row = 1},
    };
    sbx_denials *set = sbx_denials_create();
    sbx_store_batch batch = {.processes = processes, .process_count = 2, .denials = set};
    sbx_store *store = fixture_open(self);
    fixture_run run;
    sbx_error err = {0};

    add_denial(set, SBX_DENIAL_FILE, "write", HOSTILE);
    add_denial(set, SBX_DENIAL_FILE, "remove", "/etc/\xff\xfe");
    add_denial(set, SBX_DENIAL_NETWORK, "connect", "tcp [2001:db8::1]:443");
    add_denial(set, SBX_DENIAL_NETWORK, "bind", "udp 0.0.0.0:53");
    add_denial(set, SBX_DENIAL_NETWORK, "connect", "unix /run/docker.sock");
    add_denial(set, SBX_DENIAL_PROCESS, "signal", "1234");
    add_denial(set, SBX_DENIAL_SYSCALL, "call", "mount");
    fixture_describe(&run);
    run.start.argv = argv;
    run.start.labels = labels;
    run.start.session = "s\xff";
    run.end.status = "limit";
    run.end.reason = "memory";
    run.end.message = "the memory limit was reached";
    fixture_start(&run, store);
    fixture_end(&run, store, &batch);
    fixture_describe(&run);
    run.end.status = "refused";
    assert_int_equal(sbx_store_run_refused(store, &run.start, &run.end, &err), SBX_OK);
    fixture_describe(&run);
    fixture_start(&run, store);
    sbx_store_close(store);
    sbx_denials_free(set);
}

static void export_all(exported *out, const fixture *self, sbx_export_form form,
                       sbx_export_what what)
{
    static sbx_status (*const open[])(sbx_query **, sbx_store *, const sbx_query_filter *,
                                      sbx_error *) = {sbx_query_runs, sbx_query_denials,
                                                      sbx_query_processes};
    sbx_store *store = fixture_open_to_read(self);
    sbx_query_filter filter = {0};
    sbx_query *query = NULL;
    sbx_export *export = NULL;
    const sbx_column *columns;
    const sbx_cell *cells = NULL;
    size_t count = 0;
    sbx_error err = {0};

    memset(out, 0, sizeof(*out));
    out->lines = json_array();
    assert_int_equal(open[what](&query, store, &filter, &err), SBX_OK);
    columns = sbx_query_columns(query, &count);
    assert_int_equal(sbx_export_create(&export, store, form, what, columns, count, &err), SBX_OK);
    while (sbx_query_next(query, &cells, &err) == SBX_OK && cells != NULL)
        assert_int_equal(sbx_export_row(&out->text, export, cells, &err), SBX_OK);
    sbx_export_end(&out->text, export);
    for (char *line = out->text.data; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        json_error_t where;
        json_t *value;

        assert_non_null(end);
        for (const char *at = line; at < end; at++)
            assert_true((unsigned char)*at >= 0x20); /* nothing that a terminal acts on */
        value = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, &where);
        if (value == NULL)
            fail_msg("no JSON: %s at %d: %.300s", where.text, where.column, line);
        json_array_append_new(out->lines, value);
        line = end + 1;
    }
    sbx_export_free(export);
    sbx_query_free(query);
    sbx_store_close(store);
}

static void exported_done(exported *out)
{
    json_decref(out->lines);
    sbx_text_done(&out->text);
}

/* "a.b.c" in an object, NULL where it is not there. */
static const json_t *at_path(const json_t *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        char key[64];
        size_t length = strcspn(path, ".");

        assert_true(length < sizeof(key));
        memcpy(key, path, length);
        key[length] = '\0';
        value = json_object_get(value, key);
        path += length + (path[length] == '.');
    }
    return value;
}

static const char *word_at(const json_t *value, const char *path)
{
    const char *word = json_string_value(at_path(value, path));

    return word != NULL ? word : "";
}

static long long number_at(const json_t *value, const char *path)
{
    const json_t *number = at_path(value, path);

    if (!json_is_integer(number))
        fail_msg("%s is no integer", path);
    return json_integer_value(number);
}

static void require_all(const json_t *value, const char *const *paths)
{
    for (; *paths != NULL; paths++)
        if (at_path(value, *paths) == NULL)
            fail_msg("%s is missing in %s", *paths, json_dumps(value, JSON_COMPACT));
}

static void require_one(const json_t *value, const char *what, const char *const *paths)
{
    for (const char *const *path = paths; *path != NULL; path++)
        if (at_path(value, *path) != NULL)
            return;
    fail_msg("%s: none of the fields of which one must be there: %s", what,
             json_dumps(value, JSON_COMPACT));
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What every event class of OCSF 1.8.0 requires, and each of ours. */
static void check_ocsf(const json_t *event)
{
    long long class = number_at(event, "class_uid");

    require_all(event, LIST("activity_id", "category_uid", "class_uid", "metadata.product",
                            "metadata.version", "severity_id", "time", "type_uid"));
    assert_string_equal(word_at(event, "metadata.version"), "1.8.0");
    assert_int_equal(number_at(event, "type_uid"), class * 100 + number_at(event, "activity_id"));
    assert_int_equal(number_at(event, "category_uid"), class / 1000);
    require_one(event, "product", LIST("metadata.product.name", "metadata.product.uid"));
    require_all(event, LIST("device.type_id", "device.os.name", "device.os.type_id"));
    require_one(event, "device", LIST("device.ip", "device.uid", "device.name", "device.hostname"));
    require_all(event, LIST("actor", "action_id", "disposition_id")); /* system; security_control */
    require_one(event, "actor", LIST("actor.process", "actor.user", "actor.app_name"));
    if (at_path(event, "actor.process") != NULL)
        require_one(event, "process", LIST("actor.process.pid", "actor.process.uid"));
    if (number_at(event, "activity_id") == 99)
        require_all(event, LIST("activity_name"));
    switch (class) {
    case 1001:
        require_all(event, LIST("file.name", "file.type_id"));
        break;
    case 1003:
        require_all(event, LIST("kernel.name", "kernel.type_id"));
        break;
    case 1007:
        require_all(event, LIST("process"));
        require_one(event, "process", LIST("process.pid", "process.uid", "process.cpid"));
        break;
    case 4001:
        require_one(event, "network", LIST("dst_endpoint", "src_endpoint"));
        if (at_path(event, "connection_info") != NULL)
            require_all(event, LIST("connection_info.direction_id"));
        break;
    default:
        fail_msg("class %lld is none that this maps to", class);
    }
}

static size_t count_events(const json_t *events, long long type_uid)
{
    size_t i, count = 0;
    json_t *event;

    json_array_foreach(events, i, event) count += number_at(event, "type_uid") == type_uid;
    return count;
}

static const json_t *find_event(const json_t *events, const char *path, const char *word)
{
    size_t i;
    json_t *event;

    json_array_foreach(events, i, event) if (strcmp(word_at(event, path), word) == 0) return event;
    fail_msg("no record has %s = %s", path, word);
    return NULL;
}

static void test_ocsf_runs(void **state)
{
    exported out;
    const json_t *event;
    size_t i;
    json_t *each;

    fill(*state);
    export_all(&out, *state, SBX_EXPORT_OCSF, SBX_EXPORT_RUNS);
    json_array_foreach(out.lines, i, each) check_ocsf(each);
    assert_int_equal(count_events(out.lines, 100701), 3); /* launches, one of them refused */
    assert_int_equal(count_events(out.lines, 100702), 1); /* the others did not run, or still do */
    event = find_event(out.lines, "status_code", "limit");
    assert_string_equal(word_at(event, "status_detail"), "the memory limit was reached");
    assert_int_equal(number_at(event, "status_id"), 2);
    assert_string_equal(word_at(event, "unmapped.labels.suite"), "unit");
    event = find_event(out.lines, "unmapped.status", "refused");
    assert_int_equal(number_at(event, "action_id"), 2);
    assert_int_equal(number_at(event, "disposition_id"), 2);
    exported_done(&out);
}

static void test_ocsf_denials(void **state)
{
    exported out;
    const json_t *event;
    size_t i;
    json_t *each;

    fill(*state);
    export_all(&out, *state, SBX_EXPORT_OCSF, SBX_EXPORT_DENIALS);
    assert_int_equal(json_array_size(out.lines), 7);
    json_array_foreach(out.lines, i, each)
    {
        check_ocsf(each);
        assert_string_equal(word_at(each, "action"), "Denied");
        assert_string_equal(word_at(each, "disposition"), "Blocked");
        assert_int_equal(number_at(each, "action_id"), 2);
        assert_int_equal(number_at(each, "disposition_id"), 2);
        assert_int_equal(number_at(each, "count"), 5);
        assert_int_equal(number_at(each, "time"), 1700000000123);
    }
    assert_int_equal(count_events(out.lines, 100103), 1); /* update */
    assert_int_equal(count_events(out.lines, 100104), 1); /* delete */
    assert_int_equal(count_events(out.lines, 400101), 2); /* open, one to a socket file */
    assert_int_equal(count_events(out.lines, 400107), 1); /* listen */
    assert_int_equal(count_events(out.lines, 100799), 1); /* a signal: other */
    assert_int_equal(count_events(out.lines, 100304), 1); /* invoke */
    event = find_event(out.lines, "file.path", HOSTILE);  /* came through as it was */
    assert_string_equal(word_at(event, "file.name"), "script>\"\n\x1b[31m");
    event = find_event(out.lines, "dst_endpoint.ip", "2001:db8::1");
    assert_int_equal(number_at(event, "dst_endpoint.port"), 443);
    assert_string_equal(word_at(event, "connection_info.protocol_name"), "tcp");
    event = find_event(out.lines, "src_endpoint.ip", "0.0.0.0");
    assert_int_equal(number_at(event, "connection_info.direction_id"), 1);
    (void)find_event(out.lines, "dst_endpoint.name", "unix /run/docker.sock");
    (void)find_event(out.lines, "unmapped.target_hex", "2f6574632ffffe");
    exported_done(&out);
}

static void test_ocsf_programs(void **state)
{
    exported out;
    const json_t *event;
    size_t i;
    json_t *each;

    fill(*state);
    export_all(&out, *state, SBX_EXPORT_OCSF, SBX_EXPORT_PROCESSES);
    json_array_foreach(out.lines, i, each) check_ocsf(each);
    assert_int_equal(count_events(out.lines, 100701), 2);
    assert_int_equal(count_events(out.lines, 100702), 1);
    event = json_array_get(out.lines, 0);
    assert_string_equal(word_at(event, "process.file.path"), "/bin/sh");
    assert_int_equal(number_at(event, "process.parent_process.pid"), 10);
    exported_done(&out);
}

/* The types that ECS 8.17.0 expects for a category. */
static void check_ecs(const json_t *document)
{
    static const struct {
        const char *category, *types;
    } expected[] = {{"file", " access change creation deletion info "},
                    {"network", " access allowed connection denied end info protocol start "},
                    {"process", " access change end info start "}};
    const char *category =
        json_string_value(json_array_get(at_path(document, "event.category"), 0));
    const char *outcome = word_at(document, "event.outcome");
    bool is_known = false;
    size_t i;
    json_t *type;

    require_all(document, LIST("@timestamp", "ecs.version")); /* required: true in its schemas */
    assert_string_equal(word_at(document, "ecs.version"), "8.17.0");
    assert_string_equal(word_at(document, "event.kind"), "event");
    assert_true(strcmp(outcome, "success") == 0 || strcmp(outcome, "failure") == 0 ||
                strcmp(outcome, "unknown") == 0);
    assert_int_equal(strlen(word_at(document, "@timestamp")), 27);
    for (size_t k = 0; k < sizeof(expected) / sizeof(expected[0]); k++)
        if (category != NULL && strcmp(category, expected[k].category) == 0) {
            is_known = true;
            json_array_foreach(at_path(document, "event.type"), i, type)
            {
                char padded[32];

                snprintf(padded, sizeof(padded), " %s ", json_string_value(type));
                assert_non_null(strstr(expected[k].types, padded));
            }
            assert_true(json_array_size(at_path(document, "event.type")) > 0);
        }
    assert_true(is_known);
}

static void test_ecs(void **state)
{
    exported out;
    const json_t *document;
    size_t i;
    json_t *each;

    fill(*state);
    for (int what = SBX_EXPORT_RUNS; what <= SBX_EXPORT_PROCESSES; what++) {
        export_all(&out, *state, SBX_EXPORT_ECS, (sbx_export_what)what);
        assert_true(json_array_size(out.lines) > 0);
        json_array_foreach(out.lines, i, each) check_ecs(each);
        if (what == SBX_EXPORT_RUNS) {
            document = find_event(out.lines, "sbx.status", "limit");
            assert_string_equal(word_at(document, "event.outcome"), "failure");
            assert_string_equal(
                json_string_value(json_array_get(at_path(document, "process.args"), 2)), HOSTILE);
            assert_string_equal(word_at(document, "labels.suite"), "unit");
            document = find_event(out.lines, "sbx.status", "running");
            assert_string_equal(word_at(document, "event.outcome"), "unknown");
        } else if (what == SBX_EXPORT_DENIALS) {
            document = find_event(out.lines, "file.path", HOSTILE);
            assert_string_equal(word_at(document, "@timestamp"), "2023-11-14T22:13:20.123456Z");
            assert_string_equal(word_at(document, "rule.name"), "a rule");
            document = find_event(out.lines, "destination.address", "2001:db8::1");
            assert_string_equal(word_at(document, "network.transport"), "tcp");
        }
        exported_done(&out);
    }
}

/* Hexadecimal, of that many digits, and not all zero. */
static void check_id(const json_t *record, const char *key, size_t digits)
{
    const char *id = word_at(record, key);

    assert_int_equal(strlen(id), digits);
    assert_int_equal(strspn(id, "0123456789abcdef"), digits);
    assert_true(strspn(id, "0") < digits);
}

/* 64-bit numbers are decimal strings there. */
static void check_nanos(const json_t *record, const char *key)
{
    const char *text = word_at(record, key);

    assert_true(strlen(text) > 9);
    assert_int_equal(strspn(text, "0123456789"), strlen(text));
}

static void check_attributes(const json_t *list)
{
    size_t i;
    json_t *each;

    assert_true(json_array_size(list) > 0);
    json_array_foreach(list, i, each)
    {
        const json_t *value = json_object_get(each, "value");

        assert_true(word_at(each, "key")[0] != '\0');
        assert_int_equal(json_object_size(value), 1);
        if (json_object_get(value, "intValue") != NULL)
            assert_true(json_is_string(json_object_get(value, "intValue")));
        else
            assert_true(json_is_string(json_object_get(value, "stringValue")));
    }
}

static void check_resource(const json_t *line, const char *top)
{
    const json_t *first = json_array_get(json_object_get(line, top), 0);
    const json_t *name = json_array_get(at_path(first, "resource.attributes"), 0);

    assert_int_equal(json_object_size(line), 1);
    assert_string_equal(word_at(name, "key"), "service.name");
    assert_string_equal(word_at(name, "value.stringValue"), "sbx");
}

static const json_t *records_of(const json_t *line, const char *top, const char *scope,
                                const char *records)
{
    const json_t *first = json_array_get(json_object_get(line, top), 0);

    return json_object_get(json_array_get(json_object_get(first, scope), 0), records);
}

static void test_otlp_spans(void **state)
{
    exported runs, programs;
    const json_t *spans, *span;
    char *run_id, parent[20], trace[40];
    size_t i;
    json_t *each;
    bits_128 bits = 0;

    fill(*state);
    export_all(&runs, *state, SBX_EXPORT_OTLP, SBX_EXPORT_RUNS);
    assert_int_equal(json_array_size(runs.lines), 1); /* one machine, one line */
    check_resource(json_array_get(runs.lines, 0), "resourceSpans");
    spans = records_of(json_array_get(runs.lines, 0), "resourceSpans", "scopeSpans", "spans");
    assert_int_equal(json_array_size(spans), 3);
    json_array_foreach(spans, i, each)
    {
        check_id(each, "traceId", 32);
        check_id(each, "spanId", 16);
        check_nanos(each, "startTimeUnixNano");
        check_nanos(each, "endTimeUnixNano");
        check_attributes(json_object_get(each, "attributes"));
        assert_int_equal(number_at(each, "kind"), 1);
    }
    span = json_array_get(spans, 2); /* the oldest */
    assert_string_equal(word_at(span, "name"), "tool");
    assert_int_equal(number_at(span, "status.code"), 2);
    /* The trace id is the run id's 128 bits, computed here a second time. */
    run_id = fixture_read(*state, "SELECT run_id FROM run WHERE id = 1");
    for (const char *at = run_id; *at != '\0'; at++)
        bits = bits << 5 | (unsigned)(strchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", *at) -
                                      "0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    snprintf(trace, sizeof(trace), "%016llx%016llx", (unsigned long long)(bits >> 64),
             (unsigned long long)bits);
    assert_string_equal(word_at(span, "traceId"), trace);
    snprintf(parent, sizeof(parent), "%s", word_at(span, "spanId"));
    export_all(&programs, *state, SBX_EXPORT_OTLP, SBX_EXPORT_PROCESSES);
    spans = records_of(json_array_get(programs.lines, 0), "resourceSpans", "scopeSpans", "spans");
    assert_int_equal(json_array_size(spans), 2);
    json_array_foreach(spans, i, each)
    {
        assert_string_equal(word_at(each, "traceId"), trace);
        assert_string_equal(word_at(each, "parentSpanId"), parent);
        check_id(each, "spanId", 16);
        assert_string_not_equal(word_at(each, "spanId"), parent);
    }
    assert_string_not_equal(word_at(json_array_get(spans, 0), "spanId"),
                            word_at(json_array_get(spans, 1), "spanId"));
    free(run_id);
    exported_done(&runs);
    exported_done(&programs);
}

static void test_otlp_logs(void **state)
{
    exported out;
    const json_t *records;
    size_t i;
    json_t *each;

    fill(*state);
    export_all(&out, *state, SBX_EXPORT_OTLP, SBX_EXPORT_DENIALS);
    check_resource(json_array_get(out.lines, 0), "resourceLogs");
    records = records_of(json_array_get(out.lines, 0), "resourceLogs", "scopeLogs", "logRecords");
    assert_int_equal(json_array_size(records), 7);
    json_array_foreach(records, i, each)
    {
        check_id(each, "traceId", 32);
        check_id(each, "spanId", 16);
        check_nanos(each, "observedTimeUnixNano");
        assert_string_equal(word_at(each, "timeUnixNano"), "1700000000123456000");
        assert_int_equal(number_at(each, "severityNumber"), 13);
        check_attributes(json_object_get(each, "attributes"));
    }
    (void)find_event(records, "body.stringValue", "denied write " HOSTILE);
    exported_done(&out);
}

/* A line holds a bounded number of records, however many there are, and none is lost between lines. */
static void test_otlp_lines_are_bounded(void **state)
{
    sbx_store *store = fixture_open(*state);
    sbx_denials *set = sbx_denials_create();
    sbx_store_batch batch = {.denials = set};
    fixture_run run;
    exported out;
    size_t i, total = 0;
    json_t *line;

    for (int n = 0; n < 600; n++) {
        char target[32];

        snprintf(target, sizeof(target), "/etc/%d", n);
        fixture_deny(set, target);
    }
    fixture_describe(&run);
    fixture_start(&run, store);
    fixture_end(&run, store, &batch);
    sbx_store_close(store);
    sbx_denials_free(set);
    export_all(&out, *state, SBX_EXPORT_OTLP, SBX_EXPORT_DENIALS);
    json_array_foreach(out.lines, i, line)
    {
        size_t count = json_array_size(records_of(line, "resourceLogs", "scopeLogs", "logRecords"));

        assert_in_range(count, 1, 256);
        total += count;
    }
    assert_int_equal(json_array_size(out.lines), 3);
    assert_int_equal(total, 600);
    exported_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ocsf_runs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ocsf_denials, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ocsf_programs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ecs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_otlp_spans, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_otlp_logs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_otlp_lines_are_bounded, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
