/*
 * A database file that somebody else wrote. An input that begins with "SQLite format 3" is the file; any other is changes
 * to one that sbx made: three bytes of place, one of length, and the new bytes. Asked for everything that reads: lists,
 * sums, denials, verification, the report. It may refuse at any point, with a message; it must not break or run on.
 */
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/index.h"
#include "audit/query.h"
#include "audit/report.h"
#include "audit/verify.h"
#include "harness/base/clock.h"
#include "tests/fuzz/fuzz.h"

static char directory[64], path[96];
static uint8_t *base;
static size_t base_bytes;

static void must(sbx_status status, const sbx_error *err)
{
    if (status != SBX_OK) {
        fprintf(stderr, "%s\n", err->message);
        abort();
    }
}

static void add_run(sbx_store *store, const char *command)
{
    char id[SBX_RUN_ID_BYTES];
    const char *const argv[] = {command, "x", NULL};
    const char *const env[] = {"HOME=/h", NULL};
    const char *const labels[] = {"key=value", NULL};
    sbx_limits limits;
    sbx_error err = {0};
    sbx_denials *denials = sbx_denials_create();
    const sbx_denial denial = {.op = "write",
                               .target = "/etc/x",
                               .target_bytes = 6,
                               .pid = 9,
                               .exe = "/bin/sh",
                               .error = 30,
                               .rule = "no writable root",
                               .first_us = 10,
                               .last_us = 10,
                               .count = 1};
    const sbx_process_record process = {.pid = 9,
                                        .parent_pid = 1,
                                        .start_us = 5,
                                        .exe = "/bin/sh",
                                        .argv_json = "[\"sh\"]",
                                        .row = 1};
    sbx_store_batch batch = {&process, 1, denials};
    sbx_store_start start = {.run_id = id,
                             .argv = argv,
                             .cwd = "/d",
                             .env = env,
                             .policy_name = "workspace",
                             .policy_json = "{}",
                             .network = "none",
                             .identity = "self",
                             .backend = "namespaces",
                             .enforcement = "full",
                             .missing = "",
                             .walls = "",
                             .labels = labels,
                             .limits = &limits,
                             .started_us = 1000000};
    sbx_store_end end = {.status = "ok",
                         .reason = "",
                         .ended_us = 2000000,
                         .limits_hit = "",
                         .audit_sources = "seccomp",
                         .output_bytes = SBX_UNLIMITED};
    int64_t row;

    SBX_FUZZ_MUST(sbx_run_id_make(id, &err) == SBX_OK && denials != NULL);
    sbx_limits_init(&limits);
    sbx_usage_init(&end.usage);
    sbx_denials_add(denials, &denial);
    must(sbx_store_run_start(&row, store, &start, &err), &err);
    must(sbx_store_run_end(store, row, &end, &batch, &err), &err);
    sbx_denials_free(denials);
}

static void read_base(const char *file)
{
    struct stat about;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    SBX_FUZZ_MUST(fd >= 0 && fstat(fd, &about) == 0);
    base_bytes = (size_t)about.st_size;
    base = malloc(base_bytes);
    SBX_FUZZ_MUST(base != NULL && read(fd, base, base_bytes) == about.st_size);
    close(fd);
}

static void clean_up(void)
{
    static const char *const names[] = {"audit.db",       "audit.db-wal", "audit.db-shm", "copy.db",
                                        "audit.db.index", "copy.db-wal",  "copy.db-shm"};
    char file[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(file, sizeof(file), "%s/%s", directory, names[i]);
        (void)unlink(file);
    }
    (void)rmdir(directory);
    free(base);
}

/* Once: a database as sbx writes it, as one file. */
static void make_base(void)
{
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
    sbx_store *store = NULL;
    sbx_error err = {0};
    char copy[96];

    snprintf(directory, sizeof(directory), "/dev/shm/sbx-fuzz-XXXXXX");
    SBX_FUZZ_MUST(mkdtemp(directory) != NULL && atexit(clean_up) == 0);
    snprintf(path, sizeof(path), "%s/audit.db", directory);
    snprintf(copy, sizeof(copy), "%s/copy.db", directory);
    must(sbx_store_open(&store, path, &options, &err), &err);
    add_run(store, "make");
    add_run(store, "cc");
    must(sbx_store_copy(store, copy, &err), &err);
    sbx_store_close(store);
    read_base(copy);
}

static void write_file(const uint8_t *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    SBX_FUZZ_MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void write_changed(const uint8_t *data, size_t size)
{
    uint8_t *changed = malloc(base_bytes);

    SBX_FUZZ_MUST(changed != NULL);
    memcpy(changed, base, base_bytes);
    while (size > 4) {
        size_t at = (size_t)sbx_fuzz_take(&data, &size, 3) % base_bytes;
        size_t bytes = (size_t)sbx_fuzz_take(&data, &size, 1);

        if (bytes > size)
            bytes = size;
        if (bytes > base_bytes - at)
            bytes = base_bytes - at;
        memcpy(changed + at, data, bytes);
        data += bytes;
        size -= bytes;
    }
    write_file(changed, base_bytes);
    free(changed);
}

static void read_rows(sbx_status status, sbx_query *query, sbx_error *err)
{
    const sbx_cell *cells = NULL;
    size_t rows = 0, columns = 0;

    while (status == SBX_OK && rows++ < 1000) {
        status = sbx_query_next(query, &cells, err);
        if (cells == NULL)
            break;
        (void)sbx_query_columns(query, &columns);
    }
    SBX_FUZZ_MUST(status == SBX_OK || err->message[0] != '\0');
    sbx_query_free(query);
}

static void see_finding(void *context, const sbx_finding *finding)
{
    (void)context;
    SBX_FUZZ_MUST(finding->table != NULL && finding->run_id != NULL && finding->message != NULL);
}

/* What stands in the page's block of data is JSON up to where the block ends: nothing in it ended it. */
static void check_page(const sbx_text *page)
{
    static const char begin[] = "id=\"data\">";
    const char *data = strstr(sbx_text_string(page), begin);
    const char *end = data != NULL ? strchr(data + sizeof(begin) - 1, '<') : NULL;
    json_t *value;

    SBX_FUZZ_MUST(end != NULL && strncmp(end, "</script>", 9) == 0);
    data += sizeof(begin) - 1;
    value = json_loadb(data, (size_t)(end - data), JSON_ALLOW_NUL, NULL);
    SBX_FUZZ_MUST(json_is_object(value));
    json_decref(value);
}

static void ask_everything(sbx_store *store)
{
    const sbx_query_filter filter = {.limit = 100},
                           some = {
                               .limit = 10, .path = "*", .label_count = 1, .labels = {"key=value"}};
    const sbx_report_request request = {
        .filter = filter, .scope = "all", .chain_state = "x", .chain_text = "x"};
    const sbx_verify_options options = {.report = see_finding};
    sbx_verify_result result;
    sbx_query *query = NULL;
    sbx_text out = {0};
    sbx_error err = {0};
    sbx_status status;

#define ASK(call)                                                                                  \
    query = NULL;                                                                                  \
    status = call;                                                                                 \
    read_rows(status, query, &err);
    ASK(sbx_query_runs(&query, store, &filter, &err))
    ASK(sbx_query_runs(&query, store, &some, &err))
    ASK(sbx_query_denials(&query, store, &filter, &err))
    ASK(sbx_query_processes(&query, store, &filter, &err))
    ASK(sbx_query_stats(&query, store, &filter, &err))
    ASK(sbx_query_events(&query, store, &filter, 0, &err))
#undef ASK
    (void)!sbx_verify(&result, store, &options, &err);
    if (sbx_report_make(&out, store, &request, &err) == SBX_OK)
        check_page(&out);
    sbx_text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S, .read_only = true, .is_copy = true};
    sbx_store *store = NULL;
    sbx_error err = {0};

    if (base == NULL)
        make_base();
    if (size >= 15 && memcmp(data, "SQLite format 3", 15) == 0)
        write_file(data, size);
    else
        write_changed(data, size);
    if (sbx_store_open(&store, path, &options, &err) == SBX_OK)
        ask_everything(store);
    else
        SBX_FUZZ_MUST(err.message[0] != '\0');
    sbx_store_close(store);
    return 0;
}
