/*
 * The audit database: one SQLite file that many sbx processes write at once.
 *
 * Life of one run in it:
 *   1. sbx_store_open()        creates or checks the file; marks runs `lost` whose supervisor is gone
 *   2. sbx_store_run_start()   one transaction, durable before it returns: no row, no run
 *   3. sbx_store_run_append()  denials and processes in batches, while it runs
 *   4. sbx_store_run_end()     one transaction: the rest, and everything in the result
 *   5. sbx_store_close()
 *
 * WAL and BEGIN IMMEDIATE always; synchronous=FULL but for the end of a run whose caller has it synced later
 * (sbx_store_sync()). The WAL and its index stay when the last connection
 * closes (persistent WAL), and checkpoints happen while a command runs (sbx_store_tidy()), because
 * they need not be waited for. One SQLite library, compiled in, 3.51.3 or later.
 *
 * Errors: BUSY     somebody held the lock for longer than busy_ns
 *         CORRUPT  not a database, or not ours: never overwritten; the message says what to do, and
 *                  set_aside.h puts a new one in its place
 *         REFUSED  a newer schema than this sbx knows, or a network file system
 *         IO       the rest (read-only, disk full …) with SQLite's own words
 */
#ifndef SBX_AUDIT_STORE_H
#define SBX_AUDIT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/denial.h"
#include "harness/base/error.h"
#include "harness/base/text.h"
#include "limits/samples.h"

typedef struct sbx_store sbx_store;

typedef struct sbx_store_options {
    bool read_only;      /* for queries: never creates, never writes */
    /*
     * With read_only, for a file that may be a copy: nothing is made beside it, also where it lies without
     * a WAL in a folder that cannot be written; an older version is taken as it is.
     */
    bool is_copy;
    bool stays_open;     /* for many runs: the WAL may grow longer, because nobody reads it anew */
    uint64_t busy_ns;    /* how long to wait for other writers; 10 s is usual */
    /* What a lost run had put on the host is given back before the run is marked lost; NULL: is left. */
    void (*release)(const char *path);
    const struct sbx_redaction *redaction; /* redaction.h; kept, not copied */
    const bool *cancel;  /* looked at while waiting (set by a signal handler); NULL: never cancelled */
} sbx_store_options;

/* $SBX_AUDIT_DB, else $XDG_STATE_HOME/sbx/audit.db, else ~/.local/state/sbx/audit.db. Caller frees. */
SBX_MUST_USE sbx_status sbx_store_default_path(char **out_path, sbx_error *err);

/* The folder of that file when $SBX_AUDIT_DB is not set; without a slash at the end. */
SBX_MUST_USE sbx_status sbx_store_state_folder(sbx_text *out, sbx_error *err);

SBX_MUST_USE sbx_status sbx_store_open(sbx_store **out_store, const char *path,
                                       const sbx_store_options *options, sbx_error *err);
void sbx_store_close(sbx_store *store); /* NULL is fine */

/*
 * Makes durable what was committed to be synced later: the end of the last run, which everybody sees and no kill
 * undoes, but a loss of power would. The next start does it too, and so does closing, which cannot say that it failed.
 * Any thread, as long as no other one uses the store.
 */
sbx_status sbx_store_sync(sbx_store *store, sbx_error *err);

/* One limit as asked and as held. */
typedef struct sbx_store_limit {
    sbx_limit_kind kind;
    uint64_t value;
    sbx_enforcer enforcer;
} sbx_store_limit;

typedef struct sbx_store_start {
    const char *run_id;
    const char *const *argv; /* NULL-terminated; arguments that look like secrets are redacted on the way in */
    const char *cwd;
    const char *const *env;  /* NULL-terminated NAME=VALUE; only the names are stored */
    const char *policy_name;
    const char *policy_json; /* stored once per distinct SHA-256 */
    const char *network, *identity; /* words */
    const char *backend;     /* "namespaces" | "landlock" | "restricted_token" | "sandbox_user" */
    const char *enforcement; /* "full" | "partial" */
    const char *missing;     /* comma-separated words, "" */
    const char *walls;       /* comma-separated words */
    const char *session, *agent; /* NULL or words given by the caller */
    const char *const *labels;   /* NULL-terminated key=value, or NULL */
    const char *batch, *task;    /* NULL: of no batch */
    unsigned attempt;            /* of that task, from 1 */
    const char *const *leases;   /* NULL-terminated paths that exist only for this run, or NULL */
    uint32_t caller_uid, target_uid;
    const sbx_limits *limits;
    uint64_t started_us;
} sbx_store_start;

/* out_run is the row number that the later calls take. */
SBX_MUST_USE sbx_status sbx_store_run_start(int64_t *out_run, sbx_store *store,
                                            const sbx_store_start *start, sbx_error *err);

/* One program image that was started: one execve. */
typedef struct sbx_process_record {
    int32_t pid, parent_pid; /* as the host sees them */
    uint64_t start_us, end_us; /* end 0: not seen */
    const char *exe;         /* what was asked of execve, made absolute where that was possible */
    const char *argv_json;   /* JSON array, cut at 4 KiB of text with "…" as the last element */
    bool has_exit;
    int32_t exit_code;       /* the command's own, or -signal */
    uint64_t row;            /* chosen by the caller, unique in the run: lets a later call update it */
} sbx_process_record;

typedef struct sbx_store_batch {
    const sbx_process_record *processes;
    size_t process_count;
    sbx_denials *denials; /* its changes are taken; NULL: none */
} sbx_store_batch;

/*
 * Begins the transaction of the next sbx_store_run_append() if nobody holds the write lock, without
 * waiting: false means not now. While a command runs, nobody waits for the database.
 */
bool sbx_store_try_lock(sbx_store *store);

SBX_MUST_USE sbx_status sbx_store_run_append(sbx_store *store, int64_t run,
                                             const sbx_store_batch *batch, sbx_error *err);

typedef struct sbx_store_end {
    const char *status; /* ok nonzero signal limit refused error */
    const char *reason; /* "" or wall cpu memory …; for error and refused the step's word */
    const char *message; /* error text, or NULL */
    int exit_code;      /* what sbx exits with */
    bool has_command_exit;
    int command_exit_code; /* the command's own, where it exited */
    int signal;         /* that ended the command, 0 none */
    uint64_t ended_us, wall_ns;
    sbx_usage usage;
    const sbx_samples *samples; /* NULL: none */
    sbx_enforcer enforcers[SBX_LIMIT_COUNT];
    uint64_t output_bytes; /* SBX_UNLIMITED: not counted */
    bool output_truncated;
    uint64_t leaked_processes;
    uint64_t denied_total, denied_lost;
    uint64_t processes_lost; /* execs not kept */
    const char *audit_sources; /* "seccomp,landlock" */
    int audit_complete;      /* 1 proven, 0 known to have gaps, -1 not provable here */
    const char *limits_hit;  /* comma-separated words, "" */
    const sbx_denials *learned; /* what nothing refused; an event of its own. NULL: none */
    bool syncs_later; /* durable not before sbx_store_sync() */
} sbx_store_end;

SBX_MUST_USE sbx_status sbx_store_run_end(sbx_store *store, int64_t run, const sbx_store_end *end,
                                          const sbx_store_batch *batch, sbx_error *err);

/* A command that was refused or failed before a start row could exist: start and end in one. */
SBX_MUST_USE sbx_status sbx_store_run_refused(sbx_store *store, const sbx_store_start *start,
                                              const sbx_store_end *end, sbx_error *err);

/*
 * What the database holds now, as one file of that name, which must not exist. Nobody who writes waits for
 * it. Killed, it leaves at most PATH.partial-PID.
 */
SBX_MUST_USE sbx_status sbx_store_copy(const sbx_store *store, const char *path, sbx_error *err);

/* Has SQLite compile now what the end of a run will need. Errors are not important: it is tried again there. */
void sbx_store_foresee(sbx_store *store);

/*
 * Checkpoints if the WAL has grown past what an open should have to read. Of use between a start row and its end row
 * only. Errors are not important.
 */
void sbx_store_tidy(sbx_store *store);

/* "3.53.2" of the library compiled in. */
const char *sbx_store_sqlite_version(void);

#endif
