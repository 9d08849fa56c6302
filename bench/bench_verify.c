/*
 * What verifying costs, against hashing the same bytes, in turns: with libsodium's SHA-256, and with
 * sbx's own, which is that one or, where the processor has instructions for it, a faster one.
 *
 *     bench_verify [RUNS] [ROUNDS] [DATABASE]     100000 runs, 5 rounds, a new database below /tmp
 *
 * DATABASE is made where it is missing, and left there.
 *
 * Three runs of four are plain, the fourth has twelve denials: three denials and 2.5 events a run.
 * A round reads the whole ledger into memory and hashes it there (only the hashing is timed), then
 * verifies the whole database. Exits with 1 where the verification found something.
 */
#include <sodium/crypto_hash_sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "audit/store_parts.h"
#include "audit/verify.h"

enum { RUNS_AT_ONCE = 2000, CHUNK_BYTES = 64 << 20 };

static void give_up(const char *what, const sbx_error *err)
{
    fprintf(stderr, "bench_verify: %s: %s\n", what, err == NULL ? "failed" : err->message);
    exit(1);
}

static void put_run(sbx_store *store, unsigned number)
{
    static const char *const argv[] = {"make", "-C", "/home/user/project", "test", NULL};
    static const char *const env[] = {
        "HOME=", "LANG=", "LOGNAME=", "PATH=", "PWD=", "SHELL=", "TERM=", "USER=", NULL};
    char run_id[SBX_RUN_ID_BYTES];
    uint64_t now_us = sbx_clock_utc_us();
    sbx_limits limits;
    sbx_store_start start = {.run_id = run_id,
                             .argv = argv,
                             .cwd = "/home/user/project",
                             .env = env,
                             .policy_name = "workspace",
                             .policy_json = "{\"version\":1}",
                             .network = "none",
                             .identity = "sandbox",
                             .backend = "namespaces",
                             .enforcement = "full",
                             .missing = "",
                             .walls = "mounts,landlock,seccomp",
                             .limits = &limits,
                             .started_us = now_us};
    sbx_store_end end = {.status = "ok",
                         .reason = "",
                         .has_command_exit = true,
                         .ended_us = now_us + 9,
                         .wall_ns = 9000,
                         .output_bytes = SBX_UNLIMITED,
                         .audit_sources = "seccomp",
                         .audit_complete = -1,
                         .limits_hit = ""};
    sbx_denials *set = number % 4 == 0 ? sbx_denials_create() : NULL;
    const sbx_store_batch batch = {.denials = set};
    sbx_text text = {0};
    sbx_json body;
    int64_t run = 0;
    bool is_empty;
    char target[64];
    sbx_error err = {0};
    sbx_status st = sbx_run_id_make(run_id, &err);

    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = UINT64_C(2) << 30;
    sbx_usage_init(&end.usage);
    for (int i = 0; set != NULL && i < 12; i++) {
        snprintf(target, sizeof(target), "/home/user/.cache/tool/%u/%d", number % 1000, i);
        sbx_denials_add(set, &(sbx_denial){.op = "write",
                                           .target = target,
                                           .target_bytes = strlen(target),
                                           .pid = 9,
                                           .exe = "/usr/bin/make",
                                           .error = 13,
                                           .rule = "no writable root",
                                           .count = 1,
                                           .first_us = now_us,
                                           .last_us = now_us});
    }
    sbx_store_begin_body(&body, &text, "run.start", now_us, run_id);
    if (st == SBX_OK)
        st = sbx_store_put_start(&run, &body, store, &start, &err);
    if (st == SBX_OK)
        st = sbx_store_put_event(store, &body, "run.start", now_us, run, &err);
    if (st == SBX_OK)
        st = sbx_store_put_batch(&is_empty, store, run, &batch, &err);
    sbx_text_clear(&text);
    sbx_store_begin_body(&body, &text, "run.end", end.ended_us, run_id);
    if (st == SBX_OK)
        st = sbx_store_put_end(&body, store, run, &end, &err);
    if (st == SBX_OK)
        st = sbx_store_put_event(store, &body, "run.end", end.ended_us, run, &err);
    if (st != SBX_OK)
        give_up("recording", &err);
    sbx_text_done(&text);
    sbx_denials_free(set);
}

static void make(const char *path, unsigned runs)
{
    const sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
    sbx_store *store = NULL;
    sbx_error err = {0};

    if (sbx_store_open(&store, path, &options, &err) != SBX_OK)
        give_up("opening", &err);
    for (unsigned i = 0; i < runs; i++) {
        if (i % RUNS_AT_ONCE == 0 && sbx_store_begin(store, "making", &err) != SBX_OK)
            give_up("beginning", &err);
        put_run(store, i);
        if (i % RUNS_AT_ONCE == RUNS_AT_ONCE - 1 || i == runs - 1) {
            if (sbx_store_commit(store, "making", &err) != SBX_OK)
                give_up("committing", &err);
            sbx_store_tidy(store);
        }
    }
    sbx_store_close(store);
}

typedef struct item {
    uint64_t seq;
    size_t at, bytes;
} item;

typedef struct took {
    uint64_t wall_ns, cpu_ns;
} took;

/* Of all threads, in the program and in the kernel. */
static took now(void)
{
    struct timespec cpu;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (took){sbx_clock_monotonic_ns(),
                  (uint64_t)cpu.tv_sec * SBX_NS_PER_S + (uint64_t)cpu.tv_nsec};
}

static void add_since(took *out, took begun)
{
    took end = now();

    out->wall_ns += end.wall_ns - begun.wall_ns;
    out->cpu_ns += end.cpu_ns - begun.cpu_ns;
}

/* sbx_ledger_hash() by libsodium. */
static void hash_by_libsodium(uint8_t hash[32], uint64_t seq, const char *body, size_t bytes)
{
    crypto_hash_sha256_state state;
    uint8_t head[44] = "sbx1";

    for (int i = 0; i < 8; i++)
        head[4 + i] = (uint8_t)(seq >> (56 - 8 * i));
    memcpy(head + 12, hash, 32);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, head, sizeof(head));
    crypto_hash_sha256_update(&state, (const unsigned char *)body, bytes);
    crypto_hash_sha256_final(&state, hash);
}

/* What was read, hashed: the time of that alone. */
static void hash_chunk(took *library, took *ours, const item *items, size_t count,
                       const char *bytes, uint8_t hash[32])
{
    uint8_t other[32];
    took begun = now();

    memcpy(other, hash, sizeof(other));
    for (size_t i = 0; i < count; i++)
        hash_by_libsodium(other, items[i].seq, bytes + items[i].at, items[i].bytes);
    add_since(library, begun);
    begun = now();
    for (size_t i = 0; i < count; i++)
        sbx_ledger_hash(hash, items[i].seq, hash, bytes + items[i].at, items[i].bytes);
    add_since(ours, begun);
    if (memcmp(hash, other, sizeof(other)) != 0)
        give_up("hashing", &(sbx_error){.message = "the two do not agree"});
}

static void hash_all(took *library, took *ours, const char *path, uint64_t *out_bytes)
{
    enum { MOST = 1 << 18 };
    static item items[MOST];
    char *chunk = malloc(CHUNK_BYTES);
    sqlite3 *db = NULL;
    sqlite3_stmt *select = NULL;
    size_t count = 0, used = 0;
    uint8_t hash[32] = {0};

    *out_bytes = 0;
    if (chunk == NULL || sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT seq, body FROM event ORDER BY seq", -1, &select, NULL) !=
            SQLITE_OK)
        give_up("reading", NULL);
    while (sqlite3_step(select) == SQLITE_ROW) {
        size_t bytes = (size_t)sqlite3_column_bytes(select, 1);

        if (count == MOST || used + bytes > CHUNK_BYTES) {
            hash_chunk(library, ours, items, count, chunk, hash);
            count = used = 0;
        }
        items[count++] = (item){(uint64_t)sqlite3_column_int64(select, 0), used, bytes};
        memcpy(chunk + used, sqlite3_column_blob(select, 1), bytes);
        used += bytes;
        *out_bytes += bytes;
    }
    hash_chunk(library, ours, items, count, chunk, hash);
    sqlite3_finalize(select);
    sqlite3_close(db);
    free(chunk);
}

static took verify(const char *path, sbx_verify_result *result)
{
    const sbx_store_options how = {.read_only = true, .is_copy = true, .busy_ns = SBX_NS_PER_S};
    const sbx_verify_options options = {0};
    took begun = now(), all = {0};
    sbx_store *store = NULL;
    sbx_error err = {0};

    if (sbx_store_open(&store, path, &how, &err) != SBX_OK ||
        sbx_verify(result, store, &options, &err) != SBX_OK)
        give_up("verifying", &err);
    sbx_store_close(store);
    if (result->wrong_count != 0)
        give_up("verifying", &(sbx_error){.message = "something does not hold"});
    add_since(&all, begun);
    return all;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static uint64_t median(uint64_t *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    enum { MOST_ROUNDS = 101 };
    unsigned runs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
    char directory[] = "/tmp/sbx-bench-XXXXXX", path[64], name[80];
    uint64_t by_library[2][MOST_ROUNDS], by_us[2][MOST_ROUNDS], verifying[2][MOST_ROUNDS];
    uint64_t bytes = 0;
    struct rusage usage;
    sbx_verify_result result = {0};
    double events;

    if (rounds == 0 || rounds > MOST_ROUNDS || (argc <= 3 && mkdtemp(directory) == NULL))
        give_up("RUNS ROUNDS DATABASE", NULL);
    snprintf(path, sizeof(path), "%s/audit.db", directory);
    if (argc <= 3 || access(argv[3], F_OK) != 0)
        make(argc > 3 ? argv[3] : path, runs);
    for (size_t i = 0; i < rounds; i++) {
        took library = {0}, ours = {0}, whole;

        hash_all(&library, &ours, argc > 3 ? argv[3] : path, &bytes);
        whole = verify(argc > 3 ? argv[3] : path, &result);
        by_library[0][i] = library.wall_ns;
        by_library[1][i] = library.cpu_ns;
        by_us[0][i] = ours.wall_ns;
        by_us[1][i] = ours.cpu_ns;
        verifying[0][i] = whole.wall_ns;
        verifying[1][i] = whole.cpu_ns;
    }
    events = (double)result.events;
    getrusage(RUSAGE_SELF, &usage);
    printf("%.0f events, %.0f bytes each, %llu runs, %llu denials\n", events,
           (double)bytes / events, (unsigned long long)result.runs,
           (unsigned long long)result.denials);
    for (int i = 0; i < 2; i++) {
        double library = (double)median(by_library[i], rounds);
        double ours = (double)median(by_us[i], rounds);
        double whole = (double)median(verifying[i], rounds);

        printf("%s  events/s: verifying %.0f, hashing %.0f by libsodium, %.0f by sbx; "
               "verifying takes %.2f times libsodium's, %.2f times sbx's hashing\n",
               i == 0 ? "wall" : "CPU ", events * 1e9 / whole, events * 1e9 / library,
               events * 1e9 / ours, whole / library, whole / ours);
    }
    printf("memory      %10ld KiB at most, 80 MiB of it for the hashing\n", usage.ru_maxrss);
    for (int i = 0; argc <= 3 && i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, i == 0 ? "" : i == 1 ? "-wal" : "-shm");
        unlink(name);
    }
    return argc <= 3 ? rmdir(directory) != 0 : 0;
}
