/* The sentences; see explain.h. */
#include "harness/cli/explain.h"

#include <string.h>

#include "harness/base/units.h"
#include "harness/cli/caller.h"
#include "harness/cli/table.h"

const sbx_explain_limit sbx_explain_limits[SBX_LIMIT_COUNT] = {
    [SBX_LIMIT_MEMORY] = {"memory", "limit_memory_bytes", "memory_peak_bytes", SBX_CELL_BYTES},
    [SBX_LIMIT_SWAP] = {"swap", "limit_swap_bytes", NULL, SBX_CELL_BYTES},
    [SBX_LIMIT_CPUS] = {"cpus", "limit_cpus_milli", NULL, SBX_CELL_INTEGER},
    [SBX_LIMIT_CPU] = {"cpu", "limit_cpu_ns", "cpu_ns", SBX_CELL_DURATION},
    [SBX_LIMIT_WALL] = {"wall", "limit_wall_ns", "wall_ns", SBX_CELL_DURATION},
    [SBX_LIMIT_IDLE] = {"idle", "limit_idle_ns", NULL, SBX_CELL_DURATION},
    [SBX_LIMIT_PROCESSES] = {"procs", "limit_procs", "processes_peak", SBX_CELL_INTEGER},
    [SBX_LIMIT_FILE_SIZE] = {"fsize", "limit_fsize_bytes", NULL, SBX_CELL_BYTES},
    [SBX_LIMIT_FILES] = {"files", "limit_files", NULL, SBX_CELL_INTEGER},
    [SBX_LIMIT_OUTPUT] = {"output", "limit_output_bytes", "output_bytes", SBX_CELL_BYTES},
};

static void say(sbx_explanation *self, sbx_explain_part part, sbx_text *sentence)
{
    if (sentence->failed ||
        sbx_strings_add(&self->sentences[part], sbx_text_string(sentence), NULL) != SBX_OK) {
        self->failed = true;
    }
    sbx_text_clear(sentence);
}

static void say_plain(sbx_explanation *self, sbx_explain_part part, const char *text)
{
    if (sbx_strings_add(&self->sentences[part], text, NULL) != SBX_OK) {
        self->failed = true;
    }
}

static void add_escaped(sbx_text *out, const char *text)
{
    sbx_text_add_escaped(out, text, strlen(text));
}

static void add_value(sbx_text *out, sbx_cell_kind kind, const char *word, int64_t value)
{
    const sbx_column column = {word, word, kind};

    if (strcmp(word, "cpus") == 0) {
        sbx_text_add_format(out, "%lld.%03lld CPUs", (long long)value / 1000,
                            (long long)value % 1000);
        return;
    }
    sbx_table_format_cell(out, &column, &(sbx_cell){.integer = value});
}

/* Whether a word is in a list with commas. */
static bool has_word(const char *list, const char *word)
{
    size_t bytes = strlen(word);

    while (*list != '\0') {
        size_t part = strcspn(list, ",");

        if (part == bytes && memcmp(list, word, bytes) == 0) {
            return true;
        }
        list += part + (list[part] == ',');
    }
    return false;
}

bool sbx_explain_was_reached(const sbx_run_record *run, const char *word)
{
    return has_word(sbx_run_record_text(run, "limits_hit"), word) ||
           (strcmp(sbx_run_record_text(run, "status"), "limit") == 0 &&
            strcmp(sbx_run_record_text(run, "reason"), word) == 0);
}

/* {"memory":"cgroup2",…}: written by sbx, without blanks. */
void sbx_explain_enforcer(sbx_text *out, const sbx_run_record *run, const char *word)
{
    sbx_text key = {0};
    const char *found;

    sbx_text_add_format(&key, "\"%s\":\"", word);
    found = strstr(sbx_run_record_text(run, "enforcers"), sbx_text_string(&key));
    if (found != NULL) {
        found += key.bytes;
        sbx_text_add_bytes(out, found, strcspn(found, "\""));
    }
    sbx_text_done(&key);
}

/* --- how it ended --- */

static void add_duration(sbx_text *out, const sbx_run_record *run)
{
    int64_t wall_ns = sbx_run_record_number(run, "wall_ns", -1);

    if (wall_ns >= 0) {
        sbx_text_add(out, ", after ");
        sbx_format_duration(out, (uint64_t)wall_ns);
    }
}

static void say_limit_end(sbx_explanation *self, sbx_text *line)
{
    const char *reason = sbx_run_record_text(&self->run, "reason");
    int64_t own = sbx_run_record_number(&self->run, "command_exit_code", -1);

    sbx_text_add(line, own < 0 ? "The command was stopped at its " : "The command reached its ");
    add_escaped(line, reason);
    sbx_text_add(line, " limit");
    if (own >= 0) {
        sbx_text_add_format(line, " and ended by itself with exit code %lld", (long long)own);
    }
    add_duration(line, &self->run);
    sbx_text_add(line, ".");
    say(self, SBX_EXPLAIN_END, line);
}

static void say_signal_end(sbx_explanation *self, sbx_text *line)
{
    int number = (int)sbx_run_record_number(&self->run, "signal", 0);

    if (strcmp(sbx_run_record_text(&self->run, "reason"), "cancelled") == 0) {
        sbx_text_add_format(line, "sbx was told to stop by signal %d (%s), and stopped the command",
                            number, sbx_caller_signal_name(number));
    } else {
        sbx_text_add_format(line,
                            "The command was killed by signal %d (%s); no limit of sbx explains it",
                            number, sbx_caller_signal_name(number));
    }
    add_duration(line, &self->run);
    sbx_text_add(line, ".");
    say(self, SBX_EXPLAIN_END, line);
}

static void say_own_failure(sbx_explanation *self, sbx_text *line, bool is_refused)
{
    sbx_text_add(line, is_refused ? "sbx refused to start the command, at the step \""
                                  : "sbx failed, at the step \"");
    add_escaped(line, sbx_run_record_text(&self->run, "reason"));
    sbx_text_add(line, "\": ");
    add_escaped(line, sbx_run_record_text(&self->run, "message"));
    say(self, SBX_EXPLAIN_END, line);
}

static void say_exit(sbx_explanation *self, sbx_text *line)
{
    int64_t code = sbx_run_record_number(&self->run, "exit_code", 0);

    sbx_text_add_format(line, "The command ended by itself with exit code %lld", (long long)code);
    add_duration(line, &self->run);
    sbx_text_add(line, code == 0 ? "." : "; what that code means is the command's own matter.");
    say(self, SBX_EXPLAIN_END, line);
}

static void explain_end(sbx_explanation *self)
{
    const char *status = sbx_run_record_text(&self->run, "status");
    int64_t leaked = sbx_run_record_number(&self->run, "leaked_procs", 0);
    sbx_text line = {0};

    if (strcmp(status, "limit") == 0) {
        say_limit_end(self, &line);
    } else if (strcmp(status, "signal") == 0) {
        say_signal_end(self, &line);
    } else if (strcmp(status, "refused") == 0 || strcmp(status, "error") == 0) {
        say_own_failure(self, &line, strcmp(status, "refused") == 0);
    } else if (strcmp(status, "lost") == 0) {
        say_plain(self, SBX_EXPLAIN_END,
                  "The sbx that watched the command was killed, or the machine went down. The job "
                  "dies with it; how the command would have ended is not known.");
    } else if (strcmp(status, "running") == 0) {
        say_plain(self, SBX_EXPLAIN_END, "The command has not ended yet.");
    } else {
        say_exit(self, &line);
    }
    if (leaked > 0) {
        sbx_text_add_format(&line, "%lld processes that it left behind were killed.",
                            (long long)leaked);
        say(self, SBX_EXPLAIN_END, &line);
    }
    sbx_text_done(&line);
}

/* --- limits --- */

static void say_limit(sbx_explanation *self, const sbx_explain_limit *limit)
{
    int64_t asked = sbx_run_record_number(&self->run, limit->column, -1);
    int64_t used =
        limit->used_column == NULL ? -1 : sbx_run_record_number(&self->run, limit->used_column, -1);
    bool is_reached = sbx_explain_was_reached(&self->run, limit->word);
    sbx_text line = {0}, enforcer = {0};

    if (asked < 0) {
        return;
    }
    sbx_explain_enforcer(&enforcer, &self->run, limit->word);
    sbx_text_add_format(&line, "%s: ", limit->word);
    add_value(&line, limit->kind, limit->word, asked);
    sbx_text_add(&line, " asked for");
    if (used >= 0) {
        sbx_text_add(&line, ", ");
        add_value(&line, limit->kind, limit->word, used);
        sbx_text_add(&line, " used");
    }
    sbx_text_add(&line, is_reached ? ", REACHED" : ", not reached");
    if (enforcer.bytes > 0) {
        sbx_text_add(&line, "; held by ");
        add_escaped(&line, sbx_text_string(&enforcer));
    }
    sbx_text_add(&line, ".");
    say(self, SBX_EXPLAIN_LIMITS, &line);
    sbx_text_done(&line);
    sbx_text_done(&enforcer);
}

static void explain_limits(sbx_explanation *self)
{
    sbx_text line = {0};

    for (int i = 0; i < SBX_LIMIT_COUNT; i++) {
        say_limit(self, &sbx_explain_limits[i]);
    }
    if (self->sentences[SBX_EXPLAIN_LIMITS].count == 0) {
        say_plain(self, SBX_EXPLAIN_LIMITS, "None was asked for.");
    }
    if (self->signalled.bytes > 0) {
        sbx_text_add_format(&line, "Of the programs that were started, these died of a signal: %s.",
                            sbx_text_string(&self->signalled));
        say(self, SBX_EXPLAIN_LIMITS, &line);
    }
    if (sbx_run_record_text(&self->run, "limits_hit")[0] != '\0') {
        say_plain(self, SBX_EXPLAIN_LIMITS,
                  "Limits are the whole job's, and which of its processes used up what is not "
                  "recorded.");
    }
    sbx_text_done(&line);
}

/* --- denials --- */

static void add_denial(sbx_text *out, const sbx_explain_denial *denial)
{
    sbx_text_add_escaped(out, sbx_text_string(&denial->op), denial->op.bytes);
    sbx_text_add(out, " ");
    sbx_text_add_escaped(out, sbx_text_string(&denial->target), denial->target.bytes);
    if (denial->exe.bytes > 0) {
        sbx_text_add(out, " by ");
        sbx_text_add_escaped(out, sbx_text_string(&denial->exe), denial->exe.bytes);
    }
    if (denial->rule.bytes > 0) {
        sbx_text_add(out, " (");
        sbx_text_add_escaped(out, sbx_text_string(&denial->rule), denial->rule.bytes);
        sbx_text_add(out, ")");
    }
}

static void say_last(sbx_explanation *self, sbx_text *line)
{
    int64_t before_us =
        sbx_run_record_number(&self->run, "ended_us", self->last.last_us) - self->last.last_us;

    sbx_text_add(line, "The last one");
    if (before_us >= 0) {
        sbx_text_add(line, ", ");
        sbx_format_duration(line, (uint64_t)before_us * 1000);
        sbx_text_add(line, " before the end");
    }
    sbx_text_add(line, ": ");
    add_denial(line, &self->last);
    sbx_text_add(line, ".");
    say(self, SBX_EXPLAIN_DENIED, line);
}

static void explain_denials(sbx_explanation *self)
{
    int64_t total = sbx_run_record_number(&self->run, "denied_total", 0);
    bool has_failed = sbx_run_record_number(&self->run, "exit_code", 0) != 0;
    sbx_text line = {0};

    if (self->denial_rows == 0) {
        say_plain(self, SBX_EXPLAIN_DENIED, "Nothing that is recorded.");
        return;
    }
    sbx_text_add_format(&line, "Denied accesses: %lld, different ones: %llu.", (long long)total,
                        (unsigned long long)self->denial_rows);
    say(self, SBX_EXPLAIN_DENIED, &line);
    say_last(self, &line);
    for (int i = 0; i < SBX_EXPLAIN_MOST && self->most[i].count > 1; i++) {
        sbx_text_add_format(&line, "%llu times: ", (unsigned long long)self->most[i].count);
        add_denial(&line, &self->most[i]);
        sbx_text_add(&line, ".");
        say(self, SBX_EXPLAIN_DENIED, &line);
    }
    say_plain(self, SBX_EXPLAIN_DENIED,
              has_failed ? "A denial shortly before a failure is a likely reason for it, not a "
                           "proven one: programs also try what they can do without."
                         : "The command succeeded all the same.");
    sbx_text_done(&line);
}

/* --- walls --- */

static const struct {
    const char *word, *what;
} walls[] = {
    {"mounts", "no writing outside its roots, to protected names or devices; secrets covered; a "
               "temp directory of its own"},
    {"pids", "no signals to, and no sight of, other processes; all of its own die with it"},
    {"ipc", "no shared memory or message queues of the host"},
    {"net", "no address of the host's network; no abstract sockets"},
    {"landlock", "writes, TCP, signals and tracing refused a second time, by the kernel's rules"},
    {"seccomp",
     "no mounts, namespaces, keys, bpf or io_uring; no socket files of the host, unless the "
     "policy opens them"},
    {"uid", "a user of its own, who owns none of the caller's files and processes"},
};

static const char *what_of_wall(const char *word, size_t bytes)
{
    for (size_t i = 0; i < SBX_COUNT_OF(walls); i++) {
        if (strlen(walls[i].word) == bytes && memcmp(walls[i].word, word, bytes) == 0) {
            return walls[i].what;
        }
    }
    return "";
}

static void explain_walls(sbx_explanation *self)
{
    const char *list = sbx_run_record_text(&self->run, "walls");
    const char *missing = sbx_run_record_text(&self->run, "missing");
    sbx_text line = {0};

    sbx_text_add(&line, "Policy ");
    add_escaped(&line, sbx_run_record_text(&self->run, "policy"));
    sbx_text_add(&line, ", network ");
    add_escaped(&line, sbx_run_record_text(&self->run, "network"));
    sbx_text_add(&line, ", identity ");
    add_escaped(&line, sbx_run_record_text(&self->run, "identity"));
    sbx_text_add(&line, ", confined by ");
    add_escaped(&line, sbx_run_record_text(&self->run, "backend"));
    sbx_text_add(&line, ", enforcement ");
    add_escaped(&line, sbx_run_record_text(&self->run, "enforcement"));
    sbx_text_add(&line, ".");
    say(self, SBX_EXPLAIN_WALLS, &line);
    while (*list != '\0') {
        size_t bytes = strcspn(list, ",");
        const char *what = what_of_wall(list, bytes);

        sbx_text_add_escaped(&line, list, bytes);
        sbx_text_add(&line, what[0] == '\0' ? "" : ": ");
        sbx_text_add(&line, what);
        sbx_text_add(&line, ".");
        say(self, SBX_EXPLAIN_WALLS, &line);
        list += bytes + (list[bytes] == ',');
    }
    if (missing[0] != '\0') {
        sbx_text_add(&line, "NOT enforced, though asked for: ");
        add_escaped(&line, missing);
        sbx_text_add(&line, " (sbx-policy(5) says what is lost with each).");
        say(self, SBX_EXPLAIN_WALLS, &line);
    }
    if (sbx_run_record_learned(&self->run)) {
        sbx_text_add(&line,
                     "It was learning (--learn): mounts and landlock kept it from secrets and "
                     "protected names, and not from writing anywhere else.");
        say(self, SBX_EXPLAIN_WALLS, &line);
    }
    sbx_text_done(&line);
}

/* --- what the record cannot know --- */

static void say_lost(sbx_explanation *self, const char *column, const char *what)
{
    int64_t lost = sbx_run_record_number(&self->run, column, 0);
    sbx_text line = {0};

    if (lost > 0) {
        sbx_text_add_format(&line, "%lld %s", (long long)lost, what);
        say(self, SBX_EXPLAIN_UNKNOWN, &line);
    }
    sbx_text_done(&line);
}

static void explain_unknown(sbx_explanation *self)
{
    const sbx_cell *complete = sbx_run_record_get(&self->run, "audit_complete");
    const char *sources = sbx_run_record_text(&self->run, "audit_sources");
    const char *status = sbx_run_record_text(&self->run, "status");
    bool has_ended = strcmp(status, "running") != 0 && strcmp(status, "lost") != 0;

    if (!has_ended) {
        say_plain(self, SBX_EXPLAIN_UNKNOWN,
                  "There is no end on record: what it used, and what it did last, is missing.");
    } else if (sources[0] == '\0') {
        say_plain(self, SBX_EXPLAIN_UNKNOWN,
                  "Nobody watched for denied accesses: they were denied, and not recorded.");
    } else if (complete->is_null) {
        say_plain(self, SBX_EXPLAIN_UNKNOWN,
                  "Whether every denied access was seen cannot be told on this host.");
    } else if (complete->integer == 0) {
        say_plain(self, SBX_EXPLAIN_UNKNOWN, "Some denied accesses were missed.");
    }
    say_lost(self, "denied_lost",
             "denied accesses are counted and not listed: there were too many.");
    say_lost(self, "processes_lost", "program starts are not listed: there were too many.");
    say_plain(
        self, SBX_EXPLAIN_UNKNOWN,
        "What was read, and what was allowed, is not recorded. A path that was \"observed\" is "
        "what the program's memory said; the program could change it.");
}

/* --- reading --- */

static void copy_text(sbx_text *out, const sbx_cell *cell)
{
    sbx_text_clear(out);
    if (!cell->is_null && cell->text != NULL) {
        sbx_text_add_bytes(out, cell->text, cell->text_bytes);
    }
}

static size_t find_column(const sbx_column *columns, size_t count, const char *name)
{
    size_t at = 0;

    while (at + 1 < count && strcmp(columns[at].name, name) != 0) {
        at++;
    }
    return at;
}

static void copy_denial(sbx_explain_denial *out, const sbx_column *columns, size_t count,
                        const sbx_cell *cells)
{
    copy_text(&out->op, &cells[find_column(columns, count, "op")]);
    copy_text(&out->target, &cells[find_column(columns, count, "target")]);
    copy_text(&out->exe, &cells[find_column(columns, count, "exe")]);
    copy_text(&out->rule, &cells[find_column(columns, count, "rule")]);
    out->count = (uint64_t)cells[find_column(columns, count, "count")].integer;
    out->last_us = cells[find_column(columns, count, "last_us")].integer;
}

static void take_denial(sbx_explanation *self, const sbx_column *columns, size_t count,
                        const sbx_cell *cells)
{
    uint64_t times = (uint64_t)cells[find_column(columns, count, "count")].integer;
    int64_t last_us = cells[find_column(columns, count, "last_us")].integer;
    int at = SBX_EXPLAIN_MOST;

    self->denial_rows++;
    if (self->denial_rows == 1 || last_us >= self->last.last_us) {
        copy_denial(&self->last, columns, count, cells);
    }
    while (at > 0 && times > self->most[at - 1].count) {
        at--;
    }
    if (at < SBX_EXPLAIN_MOST) {
        sbx_explain_denial room = self->most[SBX_EXPLAIN_MOST - 1]; /* its memory is used again */

        memmove(&self->most[at + 1], &self->most[at],
                (size_t)(SBX_EXPLAIN_MOST - 1 - at) * sizeof(room));
        self->most[at] = room;
        copy_denial(&self->most[at], columns, count, cells);
    }
}

static void take_process(sbx_explanation *self, const sbx_column *columns, size_t count,
                         const sbx_cell *cells)
{
    const sbx_cell *code = &cells[find_column(columns, count, "exit_code")];
    const sbx_cell *exe = &cells[find_column(columns, count, "exe")];

    self->process_count++;
    if (code->is_null || code->integer >= 0) {
        return;
    }
    self->signalled_count++;
    if (self->signalled_count > SBX_EXPLAIN_MOST) {
        return;
    }
    sbx_text_add(&self->signalled, self->signalled.bytes > 0 ? ", " : "");
    sbx_text_add_escaped(&self->signalled, exe->is_null || exe->text == NULL ? "?" : exe->text,
                         exe->is_null || exe->text == NULL ? 1 : exe->text_bytes);
    sbx_text_add_format(&self->signalled, " (pid %lld, %s)",
                        (long long)cells[find_column(columns, count, "pid")].integer,
                        sbx_caller_signal_name((int)-code->integer));
}

typedef sbx_status open_query(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                              sbx_error *err);
typedef void take_row(sbx_explanation *self, const sbx_column *columns, size_t count,
                      const sbx_cell *cells);

static sbx_status read_rows(sbx_explanation *self, sbx_store *store, open_query *open,
                            take_row *take, sbx_error *err)
{
    const sbx_query_filter filter = {.run = self->run.id};
    const sbx_column *columns = NULL;
    const sbx_cell *cells = NULL;
    sbx_query *query = NULL;
    size_t count = 0;
    sbx_status status = open(&query, store, &filter, err);

    if (status == SBX_OK) {
        columns = sbx_query_columns(query, &count);
    }
    do {
        if (status == SBX_OK) {
            status = sbx_query_next(query, &cells, err);
        }
        if (status == SBX_OK && cells != NULL) {
            take(self, columns, count, cells);
        }
    } while (status == SBX_OK && cells != NULL);
    sbx_query_free(query);
    return status;
}

sbx_status sbx_explain(sbx_explanation *out, sbx_store *store, const char *run, sbx_error *err)
{
    sbx_status status;

    memset(out, 0, sizeof(*out));
    status = sbx_run_record_read(&out->run, store, run, err);
    if (status == SBX_OK) {
        status = read_rows(out, store, sbx_query_denials, take_denial, err);
    }
    if (status == SBX_OK) {
        status = read_rows(out, store, sbx_query_processes, take_process, err);
    }
    if (status != SBX_OK) {
        sbx_explanation_done(out);
        return status;
    }
    explain_end(out);
    explain_limits(out);
    explain_denials(out);
    explain_walls(out);
    explain_unknown(out);
    return out->failed ? sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_NONE, "out of memory")
                       : SBX_OK;
}

static void denial_done(sbx_explain_denial *denial)
{
    sbx_text_done(&denial->op);
    sbx_text_done(&denial->target);
    sbx_text_done(&denial->exe);
    sbx_text_done(&denial->rule);
}

void sbx_explanation_done(sbx_explanation *explanation)
{
    sbx_run_record_done(&explanation->run);
    for (int i = 0; i < SBX_EXPLAIN_PARTS; i++) {
        sbx_strings_done(&explanation->sentences[i]);
    }
    denial_done(&explanation->last);
    for (int i = 0; i < SBX_EXPLAIN_MOST; i++) {
        denial_done(&explanation->most[i]);
    }
    sbx_text_done(&explanation->signalled);
}
