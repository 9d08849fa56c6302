/*
 * Texts that a command under audit chose, on their way out of the database: the input is parted by NULs into an
 * argument, a path, a program and a label. Every line of every export is JSON, or CSV that is safe on a terminal; the
 * report's block of data is JSON up to its end.
 */
#include <jansson.h>
#include <unistd.h>

#include "audit/export.h"
#include "audit/report.h"
#include "harness/base/clock.h"
#include "harness/cli/csv.h"
#include "harness/cli/table.h"
#include "tests/fuzz/fuzz.h"

enum { RUNS_OF_ONE = 200 }; /* then the database is made anew */

static char directory[64], path[96];
static unsigned runs;

static void remove_database(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char file[128];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(file, sizeof(file), "%s%s", path, endings[i]);
        (void)unlink(file);
    }
}

static void clean_up(void)
{
    remove_database();
    (void)rmdir(directory);
}

static void must(sbx_status status, const sbx_error *err)
{
    if (status != SBX_OK) {
        fprintf(stderr, "%s\n", err->message);
        abort();
    }
}

typedef struct texts {
    const char *argument, *target, *exe, *label;
    size_t target_bytes;
} texts;

/* Also bytes that are not UTF-8, and a label without a value. */
static void add_run(char id[SBX_RUN_ID_BYTES], sbx_store *store, const texts *from)
{
    const char *const argv[] = {"x", from->argument, NULL}, *const env[] = {"HOME=/h", NULL};
    const char *const labels[] = {from->label, NULL};
    sbx_denials *denials = sbx_denials_create(), *learned = sbx_denials_create();
    const sbx_denial denial = {.op = "write",
                               .target = from->target,
                               .target_bytes = from->target_bytes,
                               .exe = from->exe,
                               .rule = "no writable root",
                               .first_us = 10,
                               .last_us = 10,
                               .count = 1};
    const sbx_process_record process = {
        .pid = 9, .parent_pid = 1, .start_us = 5, .exe = from->exe, .argv_json = "[]", .row = 1};
    const sbx_store_batch batch = {&process, 1, denials};
    sbx_limits limits;
    sbx_error err = {0};
    sbx_store_start start = {.run_id = id,
                             .argv = argv,
                             .cwd = from->target,
                             .env = env,
                             .policy_name = "p",
                             .policy_json = "{}",
                             .network = "none",
                             .identity = "self",
                             .backend = "namespaces",
                             .enforcement = "partial",
                             .missing = "writes",
                             .walls = "",
                             .session = from->argument,
                             .agent = from->argument,
                             .labels = labels,
                             .limits = &limits,
                             .started_us = 1000000};
    sbx_store_end end = {.status = "nonzero",
                         .reason = "",
                         .message = from->argument,
                         .ended_us = 2000000,
                         .limits_hit = "",
                         .audit_sources = "seccomp",
                         .output_bytes = SBX_UNLIMITED,
                         .learned = learned};
    int64_t row = 0;

    SBX_FUZZ_MUST(denials != NULL && learned != NULL && sbx_run_id_make(id, &err) == SBX_OK);
    sbx_limits_init(&limits);
    sbx_usage_init(&end.usage);
    sbx_denials_add(denials, &denial);
    sbx_denials_add(learned, &denial);
    must(sbx_store_run_start(&row, store, &start, &err), &err);
    must(sbx_store_run_end(store, row, &end, &batch, &err), &err);
    sbx_denials_free(denials);
    sbx_denials_free(learned);
}

/* Every line is one JSON object. */
static void check_lines(const sbx_text *out)
{
    const char *at = sbx_text_string(out);

    SBX_FUZZ_MUST(!out->failed && out->bytes > 0 && out->data[out->bytes - 1] == '\n');
    while (*at != '\0') {
        size_t bytes = strcspn(at, "\n");
        json_t *value = json_loadb(at, bytes, JSON_ALLOW_NUL, NULL);

        SBX_FUZZ_MUST(json_is_object(value));
        json_decref(value);
        at += bytes + 1;
    }
}

static void check_safe(const sbx_text *out)
{
    SBX_FUZZ_MUST(!out->failed);
    for (size_t at = 0; at < out->bytes;) {
        uint32_t code = 0;
        size_t bytes = sbx_utf8_decode(&code, out->data + at, out->bytes - at);

        SBX_FUZZ_MUST(bytes > 0);
        SBX_FUZZ_MUST(code == '\n' || code == '\r' || !sbx_utf8_is_unsafe(code));
        at += bytes;
    }
}

static sbx_status open_rows(sbx_query **out, sbx_store *store, sbx_export_what what, const char *id,
                            sbx_error *err)
{
    const sbx_query_filter filter = {.run = id};

    return what == SBX_EXPORT_RUNS      ? sbx_query_runs(out, store, &filter, err)
           : what == SBX_EXPORT_DENIALS ? sbx_query_denials(out, store, &filter, err)
                                        : sbx_query_processes(out, store, &filter, err);
}

static void export_rows(sbx_store *store, sbx_export_form form, sbx_export_what what,
                        const char *id)
{
    sbx_query *query = NULL;
    sbx_export *export = NULL;
    const sbx_cell *cells = NULL;
    const sbx_column *columns;
    size_t count = 0;
    sbx_text out = {0}, csv = {0};
    sbx_error err = {0};

    must(open_rows(&query, store, what, id, &err), &err);
    columns = sbx_query_columns(query, &count);
    must(sbx_export_create(&export, store, form, what, columns, count, &err), &err);
    for (;;) {
        must(sbx_query_next(query, &cells, &err), &err);
        if (cells == NULL)
            break;
        must(sbx_export_row(&out, export, cells, &err), &err);
        sbx_csv_row(&csv, columns, count, cells);
    }
    sbx_export_end(&out, export);
    check_lines(&out);
    check_safe(&csv);
    sbx_export_free(export);
    sbx_query_free(query);
    sbx_text_done(&out);
    sbx_text_done(&csv);
}

/* The block ends where the page ends it. */
static void check_report(sbx_store *store, const char *id)
{
    static const char begin[] = "id=\"data\">";
    const sbx_report_request request = {
        .filter = {.run = id}, .scope = "all", .chain_state = "x", .chain_text = "x"};
    sbx_text page = {0};
    sbx_error err = {0};
    const char *data, *end;
    json_t *value;

    must(sbx_report_make(&page, store, &request, &err), &err);
    data = strstr(sbx_text_string(&page), begin);
    end = data == NULL ? NULL : strchr(data + sizeof(begin) - 1, '<');
    SBX_FUZZ_MUST(end != NULL && strncmp(end, "</script>", 9) == 0);
    data += sizeof(begin) - 1;
    value = json_loadb(data, (size_t)(end - data), JSON_ALLOW_NUL, NULL);
    SBX_FUZZ_MUST(json_is_object(value));
    json_decref(value);
    sbx_text_done(&page);
}

static void check_learned(sbx_store *store, const char *id)
{
    sbx_query *query = NULL;
    const sbx_cell *cells = NULL;
    sbx_error err = {0};

    must(sbx_query_learned(&query, store, id, &err), &err);
    must(sbx_query_next(query, &cells, &err), &err);
    SBX_FUZZ_MUST(cells != NULL);
    sbx_query_free(query);
}

static const char *next_text(char **at, const char *end)
{
    const char *text = *at;

    *at += strlen(text);
    *at += *at < end;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
    char *room = sbx_fuzz_text(data, size), *at = room, id[SBX_RUN_ID_BYTES];
    texts from = {.argument = next_text(&at, room + size)};
    sbx_store *store = NULL;
    sbx_error err = {0};

    from.target = next_text(&at, room + size);
    from.target_bytes = strlen(from.target);
    from.exe = next_text(&at, room + size);
    from.label = next_text(&at, room + size);
    if (directory[0] == '\0') {
        snprintf(directory, sizeof(directory), "/dev/shm/sbx-fuzz-XXXXXX");
        SBX_FUZZ_MUST(mkdtemp(directory) != NULL && atexit(clean_up) == 0);
        snprintf(path, sizeof(path), "%s/audit.db", directory);
    }
    if (runs++ % RUNS_OF_ONE == 0)
        remove_database();
    must(sbx_store_open(&store, path, &options, &err), &err);
    add_run(id, store, &from);
    for (int form = SBX_EXPORT_OCSF; form <= SBX_EXPORT_OTLP; form++)
        for (int what = SBX_EXPORT_RUNS; what <= SBX_EXPORT_PROCESSES; what++)
            export_rows(store, (sbx_export_form)form, (sbx_export_what)what, id);
    check_report(store, id);
    check_learned(store, id);
    sbx_store_close(store);
    free(room);
    return 0;
}
