/*
 * What somebody types after `sbx audit …`: the input is words, parted by NULs, of which the first byte of all says
 * for which command. Filters are either refused with a message or answered; `sql` reads, and changes nothing, in
 * the time that it is given.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/cli/audit_filter.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = 24, TIME_MS = 200 };

static char directory[64], path[96];

static void clean_up(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char file[128];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        snprintf(file, sizeof(file), "%s%s", path, endings[i]);
        (void)unlink(file);
    }
    (void)rmdir(directory);
}

static void must(sbx_status status, const sbx_error *err)
{
    if (status != SBX_OK) {
        fprintf(stderr, "%s\n", err->message);
        abort();
    }
}

static void add_run(sbx_store *store)
{
    static const char *const argv[] = {"make", "x", NULL}, *const env[] = {"HOME=/h", NULL},
                             *const labels[] = {"key=value", NULL};
    char id[SBX_RUN_ID_BYTES];
    sbx_denials *denials = sbx_denials_create();
    const sbx_denial denial = {.op = "write",
                               .target = "/etc/x",
                               .target_bytes = 6,
                               .exe = "/bin/sh",
                               .rule = "no writable root",
                               .first_us = 10,
                               .last_us = 10,
                               .count = 1};
    const sbx_store_batch batch = {.denials = denials};
    sbx_limits limits;
    sbx_error err = {0};
    sbx_store_start start = {.run_id = id,
                             .argv = argv,
                             .cwd = "/d",
                             .env = env,
                             .policy_name = "p",
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
    int64_t row = 0;

    SBX_FUZZ_MUST(denials != NULL && sbx_run_id_make(id, &err) == SBX_OK);
    sbx_limits_init(&limits);
    sbx_usage_init(&end.usage);
    sbx_denials_add(denials, &denial);
    must(sbx_store_run_start(&row, store, &start, &err), &err);
    must(sbx_store_run_end(store, row, &end, &batch, &err), &err);
    sbx_denials_free(denials);
}

/* Once: a database with three runs. */
static void make_database(void)
{
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
    sbx_store *store = NULL;
    sbx_error err = {0};

    snprintf(directory, sizeof(directory), "/dev/shm/sbx-fuzz-XXXXXX");
    SBX_FUZZ_MUST(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/audit.db", directory);
    SBX_FUZZ_MUST(atexit(clean_up) == 0);
    sbx_query_sql_begin();
    must(sbx_store_open(&store, path, &options, &err), &err);
    for (int i = 0; i < 3; i++)
        add_run(store);
    sbx_store_close(store);
}

static void read_rows(sbx_status status, sbx_query *query, sbx_error *err)
{
    const sbx_cell *cells = NULL;
    size_t rows = 0;

    while (status == SBX_OK && rows++ < 1000) {
        status = sbx_query_next(query, &cells, err);
        if (cells == NULL)
            break;
    }
    SBX_FUZZ_MUST(status == SBX_OK || err->message[0] != '\0');
    sbx_query_free(query);
}

#define ASK(call)                                                                                  \
    do {                                                                                           \
        sbx_query *query = NULL;                                                                   \
        sbx_error err = {0};                                                                       \
        sbx_status status = call;                                                                  \
        SBX_FUZZ_MUST(status == SBX_OK || query == NULL);                                          \
        read_rows(status, query, &err);                                                            \
    } while (0)

static void ask_lists(sbx_store *store, const sbx_query_filter *filter)
{
    ASK(sbx_query_runs(&query, store, filter, &err));
    ASK(sbx_query_denials(&query, store, filter, &err));
    ASK(sbx_query_processes(&query, store, filter, &err));
    ASK(sbx_query_top(&query, store, filter, SBX_BY_DENIALS, &err));
    ASK(sbx_query_stats(&query, store, filter, &err));
    ASK(sbx_query_denial_sums(&query, store, filter, SBX_GROUP_PATH, &err));
    ASK(sbx_query_events(&query, store, filter, 0, &err));
}

static int64_t count_events(sbx_store *store)
{
    int64_t last = 0;
    sbx_error err = {0};

    must(sbx_query_event_before_last(&last, store, 0, &err), &err);
    return last;
}

static void ask_sql(sbx_store *store, const char *sql)
{
    int64_t before = count_events(store);
    uint64_t began = sbx_clock_monotonic_ns();

    ASK(sbx_query_sql(&query, store, sql, 100, TIME_MS * SBX_NS_PER_MS, &err));
    SBX_FUZZ_MUST(sbx_clock_monotonic_ns() - began < UINT64_C(20) * SBX_NS_PER_S);
    SBX_FUZZ_MUST(count_events(store) == before);
}

/* Reads the words as options of that command, and asks. */
static void ask(sbx_store *store, sbx_command_id command, int argc, char **argv)
{
    sbx_query_filter filter = {.limit = 20};
    sbx_option_reader reader;
    sbx_token token;
    sbx_error err = {0};
    sbx_status status;

    sbx_option_reader_init(&reader, command, argc, argv);
    do {
        bool is_taken = false;

        status = sbx_option_next(&token, &reader, &err);
        if (status == SBX_OK && token.kind == SBX_TOKEN_OPTION)
            status = sbx_audit_filter_take(&is_taken, &filter, &token, &err);
        else if (status == SBX_OK && token.kind == SBX_TOKEN_OPERAND)
            filter.run = token.value;
    } while (status == SBX_OK && token.kind != SBX_TOKEN_END);
    SBX_FUZZ_MUST(status == SBX_OK || err.message[0] != '\0');
    if (status == SBX_OK)
        ask_lists(store, &filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const sbx_command_id commands[] = {SBX_COMMAND_AUDIT_LS,     SBX_COMMAND_AUDIT_DENIALS,
                                              SBX_COMMAND_AUDIT_TOP,    SBX_COMMAND_AUDIT_STATS,
                                              SBX_COMMAND_AUDIT_TAIL,   SBX_COMMAND_AUDIT_EXPORT,
                                              SBX_COMMAND_AUDIT_REPORT, SBX_COMMAND_AUDIT_SQL};
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S, .read_only = true};
    size_t count = sizeof(commands) / sizeof(commands[0]);
    size_t which = (size_t)sbx_fuzz_take(&data, &size, 1) % count;
    char *text = sbx_fuzz_text(data, size), *argv[WORDS_MAX + 1];
    sbx_store *store = NULL;
    sbx_error err = {0};
    int argc = 0;

    if (path[0] == '\0')
        make_database();
    for (size_t at = 0; at < size && argc < WORDS_MAX; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    argv[argc] = NULL;
    must(sbx_store_open(&store, path, &options, &err), &err);
    if (commands[which] == SBX_COMMAND_AUDIT_SQL)
        ask_sql(store, text);
    else
        ask(store, commands[which], argc, argv);
    sbx_store_close(store);
    free(text);
    return 0;
}
