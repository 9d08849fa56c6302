/*
 * A large audit database for the benchmarks: rows as `sbx exec` writes them, by the functions that it
 * writes them with, but some thousand runs to a transaction and without a sync. The ledger, the
 * foreign keys and the redaction are the real ones.
 *
 *     audit_generate FILE [--runs N] [--denials N] [--seed N] [--days N]
 *
 * The same arguments give the same rows, but for the machine's name and this process's pid. FILE must
 * not exist. What is in it: runs spread over some days up to now; some 20,000 paths, few of them
 * often; labels suite and commit, and needle=1 on twenty runs; /srv/rare/needle-* denied in some twenty;
 * names that try to harm a terminal, a page or a spreadsheet; the last three runs have no end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/store_parts.h"

enum {
    RUNS_AT_ONCE = 4000,
    PATHS = 20000,
    NEEDLE_RUNS = 20,
    RARE_RUNS = 30,
    UNFINISHED_RUNS = 3,
};

typedef struct generator {
    uint64_t random;
    int64_t runs, denials, days;
    int64_t at;      /* index of the run that is made */
    uint64_t now_us; /* of the last run's start */
    sbx_store *store;
} generator;

static void give_up(const char *what)
{
    fprintf(stderr, "audit_generate: %s\n", what);
    exit(1);
}

/* splitmix64 */
static uint64_t draw(generator *self, uint64_t below)
{
    uint64_t z = self->random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (z ^ (z >> 31)) % below;
}

/* Small numbers often: about one over the number. */
static uint64_t draw_small(generator *self, uint64_t below)
{
    return draw(self, draw(self, draw(self, below) + 1) + 1);
}

static void make_run_id(char out[SBX_RUN_ID_BYTES], generator *self, uint64_t us)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t ms = us / 1000;

    for (int i = 9; i >= 0; i--, ms >>= 5)
        out[i] = digits[ms & 31];
    for (int i = 10; i < SBX_RUN_ID_BYTES - 1; i++)
        out[i] = digits[draw(self, 32)];
    out[SBX_RUN_ID_BYTES - 1] = '\0';
}

/* Every so many runs, as often as wanted over all. */
static bool is_one_of(const generator *self, int64_t wanted)
{
    int64_t every = self->runs / wanted;

    return every == 0 || self->at % every == every / 2;
}

static void make_target(char *out, size_t room, generator *self, int index)
{
    static const char *const directories[] = {"/etc",
                                              "/usr/lib/python3/dist-packages",
                                              "/home/user/.config",
                                              "/var/cache",
                                              "/home/user/project/.git/hooks",
                                              "/opt/tool/share",
                                              "/root",
                                              "/usr/local/bin"};
    static const char *const hostile[] = {"/tmp/\x1b]0;owned\x07\x1b[2J",
                                          "/tmp/\xe2\x80\xaegpj.exe",
                                          "/tmp/not\xff\xfeutf8",
                                          "/tmp/<script>alert(1)</script>",
                                          "=HYPERLINK(\"http://127.0.0.1/\",\"x\")",
                                          "/tmp/line\nnew\r\"quoted\",comma"};
    uint64_t path;

    if (index == 0 && is_one_of(self, RARE_RUNS)) {
        snprintf(out, room, "/srv/rare/needle-%lld", (long long)self->at);
        return;
    }
    if (draw(self, 500) == 0) {
        snprintf(out, room, "%s", hostile[draw(self, SBX_COUNT_OF(hostile))]);
        return;
    }
    path = draw_small(self, PATHS);
    snprintf(out, room, "%s/part-%llu/file-%llu.conf",
             directories[path % SBX_COUNT_OF(directories)], (unsigned long long)(path / 40),
             (unsigned long long)path);
}

static void add_denial(sbx_denials *set, generator *self, int index, uint64_t us)
{
    static const char *const programs[] = {"/usr/bin/python3.11", "/usr/bin/make",
                                           "/usr/bin/git",        "/bin/sh",
                                           "/usr/bin/node",       "/usr/bin/cc"};
    static const char *const ops[] = {"write", "create", "remove", "rename", "chmod"};
    static const char *const rules[] = {"no writable root", "protected name", "read-only root"};
    char target[300];
    sbx_denial denial = {.kind = SBX_DENIAL_FILE,
                         .target = target,
                         .pid = (int32_t)(1000 + draw(self, 30000)),
                         .exe = programs[draw_small(self, SBX_COUNT_OF(programs))],
                         .error = 30,
                         .confidence = SBX_CONFIDENCE_OBSERVED,
                         .first_us = us,
                         .last_us = us + draw(self, 100000),
                         .count = 1 + draw_small(self, 50)};

    if (draw(self, 12) == 0) {
        denial.kind = SBX_DENIAL_NETWORK;
        denial.op = "connect";
        denial.rule = "network none";
        denial.error = 101;
        snprintf(target, sizeof(target), "tcp 203.0.113.%u:%u", (unsigned)draw(self, 250),
                 draw(self, 3) == 0 ? 80u : 443u);
    } else {
        denial.op = ops[draw_small(self, SBX_COUNT_OF(ops))];
        denial.rule = rules[draw_small(self, SBX_COUNT_OF(rules))];
        make_target(target, sizeof(target), self, index);
    }
    denial.target_bytes = strlen(target);
    sbx_denials_add(set, &denial);
}

/* The numbers left are spread over the runs left; a run has none, few or many. */
static int draw_denials(generator *self, int64_t left)
{
    int64_t mean = left / (self->runs - self->at);
    int64_t count;

    if (self->at == self->runs - 1)
        return (int)(left < SBX_DENIALS_MAX ? left : SBX_DENIALS_MAX);
    count = draw(self, 2) == 0 ? 0 : (int64_t)draw(self, (uint64_t)mean * 4 + 2);
    return (int)(count < left ? count : left);
}

/* What a run's description points into. */
typedef struct made_run {
    char run_id[SBX_RUN_ID_BYTES];
    char words[4][64];
    const char *argv[5], *labels[4], *env[4];
    sbx_limits limits;
    sbx_samples samples;
    sbx_store_start start;
    sbx_store_end end;
    sbx_process_record processes[4];
    sbx_store_batch batch;
} made_run;

static void describe_labels(made_run *run, generator *self)
{
    int count = 0;

    if (draw(self, 2) == 0) {
        snprintf(run->words[2], sizeof(run->words[2]), "suite=%s",
                 draw(self, 2) == 0 ? "unit" : "integration");
        snprintf(run->words[3], sizeof(run->words[3]), "commit=%07llx",
                 (unsigned long long)(self->at / 500) * 2654435761u % 0xFFFFFFF);
        run->labels[count++] = run->words[2];
        run->labels[count++] = run->words[3];
    }
    if (is_one_of(self, NEEDLE_RUNS))
        run->labels[count++] = "needle=1";
    run->labels[count] = NULL;
}

static void describe_start(made_run *run, generator *self, uint64_t us)
{
    static const char *const tools[] = {"make", "pytest", "npm", "cargo", "./grade"};
    static const char *const policies[] = {"workspace", "grader", "read-only"};
    static const char *const policy_json[] = {
        "{\"version\":1,\"filesystem\":{\"write\":[\"/home/user/project\"]}}",
        "{\"version\":1,\"filesystem\":{\"write\":[\"/grade\"]},\"network\":\"none\"}",
        "{\"version\":1}"};
    size_t policy = draw(self, SBX_COUNT_OF(policies));

    make_run_id(run->run_id, self, us);
    snprintf(run->words[0], sizeof(run->words[0]), "case-%llu",
             (unsigned long long)draw(self, 5000));
    snprintf(run->words[1], sizeof(run->words[1]), "session-%llu",
             (unsigned long long)(self->at / 200));
    run->argv[0] = tools[draw_small(self, SBX_COUNT_OF(tools))];
    run->argv[1] = "--verbose";
    run->argv[2] = run->words[0];
    run->env[0] = "HOME=/home/user";
    run->env[1] = "PATH=/usr/bin";
    run->env[2] = "LANG=C.UTF-8";
    describe_labels(run, self);
    sbx_limits_init(&run->limits);
    run->limits.value[SBX_LIMIT_MEMORY] = UINT64_C(256) << (20 + draw(self, 4));
    run->limits.value[SBX_LIMIT_WALL] = 60 * SBX_NS_PER_S;
    run->start = (sbx_store_start){
        .run_id = run->run_id,
        .argv = run->argv,
        .cwd = "/home/user/project",
        .env = run->env,
        .policy_name = policies[policy],
        .policy_json = policy_json[policy],
        .network = "none",
        .identity = "sandbox",
        .backend = "namespaces",
        .enforcement = "full",
        .missing = "",
        .walls = "mounts,pids,ipc,net,landlock,seccomp",
        .session = draw(self, 2) == 0 ? run->words[1] : NULL,
        .agent = draw(self, 4) == 0 ? "codex" : NULL,
        .labels = run->labels,
        .caller_uid = 1000 + (uint32_t)draw(self, 3),
        .target_uid = 64000,
        .limits = &run->limits,
        .started_us = us,
    };
}

static void describe_end(made_run *run, generator *self, uint64_t us)
{
    static const struct {
        const char *status, *reason;
        int exit_code;
    } endings[] = {{"ok", "", 0},          {"nonzero", "", 1},
                   {"nonzero", "", 2},     {"limit", "memory", 137},
                   {"limit", "wall", 124}, {"signal", "", 139}};
    size_t ending = draw_small(self, SBX_COUNT_OF(endings));

    run->end = (sbx_store_end){
        .status = endings[ending].status,
        .reason = endings[ending].reason,
        .exit_code = endings[ending].exit_code,
        .has_command_exit = endings[ending].exit_code < 100,
        .command_exit_code = endings[ending].exit_code,
        .signal = endings[ending].exit_code == 139 ? 11 : 0,
        .ended_us = us,
        .wall_ns = (us - run->start.started_us) * 1000,
        .output_bytes = SBX_UNLIMITED,
        .audit_sources = "seccomp",
        .audit_complete = -1,
        .limits_hit = endings[ending].exit_code == 137 ? "memory" : "",
    };
    sbx_usage_init(&run->end.usage);
    run->end.usage.user_ns = run->end.wall_ns / 100 * (1 + draw(self, 90));
    run->end.usage.system_ns = run->end.wall_ns / 1000 * (1 + draw(self, 90));
    run->end.usage.memory_peak_bytes =
        run->limits.value[SBX_LIMIT_MEMORY] / 1000 * (10 + draw(self, 990));
    run->end.usage.processes_peak_count = 1 + draw_small(self, 40);
    run->end.enforcers[SBX_LIMIT_MEMORY] = SBX_ENFORCER_CGROUP2;
    run->end.enforcers[SBX_LIMIT_WALL] = SBX_ENFORCER_POLLED;
}

/* One run of two hundred is long enough to be looked at: memory that grows in steps, busy every other time. */
static void describe_samples(made_run *run, const generator *self)
{
    enum { SAMPLED = 200, SHORTEST = 5 };
    uint64_t peak_bytes = run->end.usage.memory_peak_bytes, cpu_ns = 0;
    uint64_t count = SHORTEST + (uint64_t)self->at / SAMPLED % (SBX_SAMPLES_MAX - SHORTEST);

    if (self->at % SAMPLED != SAMPLED / 2)
        return;
    sbx_samples_init(&run->samples);
    for (uint64_t i = 1; i <= count; i++) {
        cpu_ns += i / 4 % 2 * SBX_SAMPLES_FIRST_NS;
        sbx_samples_add(&run->samples,
                        &(sbx_sample){.at_ns = i * SBX_SAMPLES_FIRST_NS,
                                      .cpu_ns = cpu_ns,
                                      .memory_bytes = peak_bytes / 8 * (1 + i * 7 / count),
                                      .processes_count = 1 + i / 10});
    }
    run->end.samples = &run->samples;
}

static void describe_batch(made_run *run, generator *self, int denials, uint64_t us)
{
    static const char *const programs[] = {"/usr/bin/make", "/bin/sh", "/usr/bin/python3.11",
                                           "/usr/bin/cc"};
    size_t count = 1 + draw_small(self, SBX_COUNT_OF(run->processes));

    for (size_t i = 0; i < count; i++)
        run->processes[i] = (sbx_process_record){.pid = (int32_t)(2000 + i),
                                                 .parent_pid = (int32_t)(1999 + i),
                                                 .start_us = us + i,
                                                 .end_us = us + 1000 + i,
                                                 .exe = programs[i],
                                                 .argv_json = "[\"make\",\"--verbose\"]",
                                                 .has_exit = true,
                                                 .row = i};
    run->batch = (sbx_store_batch){.processes = run->processes, .process_count = count};
    if (denials == 0)
        return;
    run->batch.denials = sbx_denials_create();
    if (run->batch.denials == NULL)
        give_up("no memory");
    for (int i = 0; i < denials; i++)
        add_denial(run->batch.denials, self, i, us + (uint64_t)i * 100);
    run->end.denied_total = sbx_denials_total(run->batch.denials);
}

/* What sbx_store_run_start(), _append() and _end() do between their transactions. */
static sbx_status put_run(generator *self, made_run *run, bool has_end, sbx_error *err)
{
    sbx_text text = {0};
    sbx_json body;
    int64_t row = 0;
    bool is_empty;
    sbx_status st;

    sbx_store_begin_body(&body, &text, "run.start", run->start.started_us, run->run_id);
    st = sbx_store_put_start(&row, &body, self->store, &run->start, err);
    if (st == SBX_OK)
        st = sbx_store_put_event(self->store, &body, "run.start", run->start.started_us, row, err);
    if (st == SBX_OK) {
        self->store->run = row;
        memcpy(self->store->run_id, run->run_id, SBX_RUN_ID_BYTES);
        st = sbx_store_put_batch(&is_empty, self->store, row, &run->batch, err);
    }
    sbx_text_clear(&text);
    if (st == SBX_OK && has_end) {
        sbx_store_begin_body(&body, &text, "run.end", run->end.ended_us, run->run_id);
        st = sbx_store_put_end(&body, self->store, row, &run->end, err);
        if (st == SBX_OK)
            st = sbx_store_put_event(self->store, &body, "run.end", run->end.ended_us, row, err);
    }
    sbx_text_done(&text);
    return st;
}

static void generate(generator *self)
{
    uint64_t end_us = sbx_clock_utc_us();
    uint64_t step_us = (uint64_t)self->days * 86400 * 1000000 / (uint64_t)self->runs;
    int64_t left = self->denials;
    sbx_error err;

    self->now_us = end_us - step_us * (uint64_t)self->runs;
    for (self->at = 0; self->at < self->runs; self->at++) {
        made_run run = {0};
        uint64_t took_us = 1000 + draw_small(self, 60000000);
        int denials = draw_denials(self, left);

        left -= denials;
        describe_start(&run, self, self->now_us);
        describe_end(&run, self, self->now_us + took_us);
        describe_samples(&run, self);
        describe_batch(&run, self, denials, self->now_us);
        if (sbx_store_begin(self->store, "generating", &err) != SBX_OK ||
            put_run(self, &run, self->at < self->runs - UNFINISHED_RUNS, &err) != SBX_OK)
            give_up(err.message);
        sbx_denials_free(run.batch.denials);
        self->now_us += step_us;
        if ((self->at % RUNS_AT_ONCE == RUNS_AT_ONCE - 1 || self->at == self->runs - 1) &&
            sbx_store_commit(self->store, "generating", &err) != SBX_OK)
            give_up(err.message);
        if (self->at % RUNS_AT_ONCE == RUNS_AT_ONCE - 1)
            sbx_store_tidy(self->store);
    }
}

static void read_arguments(generator *self, int argc, char **argv)
{
    for (int i = 2; i < argc; i += 2) {
        int64_t value = i + 1 < argc ? strtoll(argv[i + 1], NULL, 10) : 0;

        if (value < 1)
            give_up("usage: audit_generate FILE [--runs N] [--denials N] [--seed N] [--days N]");
        if (strcmp(argv[i], "--runs") == 0)
            self->runs = value;
        else if (strcmp(argv[i], "--denials") == 0)
            self->denials = value;
        else if (strcmp(argv[i], "--seed") == 0)
            self->random = (uint64_t)value;
        else if (strcmp(argv[i], "--days") == 0)
            self->days = value;
        else
            give_up("usage: audit_generate FILE [--runs N] [--denials N] [--seed N] [--days N]");
    }
}

int main(int argc, char **argv)
{
    const sbx_store_options options = {.busy_ns = 10 * SBX_NS_PER_S};
    generator self = {.random = 1, .runs = 1000000, .denials = 3000000, .days = 90};
    sbx_error err;

    if (argc < 2 || argv[1][0] == '-')
        give_up("usage: audit_generate FILE [--runs N] [--denials N] [--seed N] [--days N]");
    read_arguments(&self, argc, argv);
    if (access(argv[1], F_OK) == 0)
        give_up("the file exists already");
    if (sbx_store_open(&self.store, argv[1], &options, &err) != SBX_OK)
        give_up(err.message);
    /* It is thrown away where this is killed. */
    (void)sqlite3_exec(self.store->db, "PRAGMA synchronous = OFF; PRAGMA cache_size = -65536", NULL,
                       NULL, NULL);
    generate(&self);
    (void)sqlite3_wal_checkpoint_v2(self.store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sbx_store_close(self.store);
    return 0;
}
