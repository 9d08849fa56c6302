/*
 * Asking the database: read-only, one row at a time. The commands in harness/cli print it.
 *
 * The rows of a list are read some hundred at a time, each time in a short transaction of its own: who
 * stops reading, in a pager, does not keep the WAL from being cut. Rows that are written meanwhile may
 * appear or not. The other questions have few rows and hold one transaction until the last of them.
 * Texts were chosen by untrusted programs and are bytes: not always UTF-8, never safe to print as
 * they are.
 *
 * A database of many runs is quick to ask where sbx_index_attach() came first; the answers are the same
 * without.
 */
#ifndef SBX_AUDIT_QUERY_H
#define SBX_AUDIT_QUERY_H

#include "audit/store.h"

typedef enum sbx_cell_kind {
    SBX_CELL_TEXT,
    SBX_CELL_INTEGER,
    SBX_CELL_BYTES,    /* a size */
    SBX_CELL_DURATION, /* ns */
    SBX_CELL_TIME,     /* us UTC */
    SBX_CELL_BOOL,
    SBX_CELL_JSON, /* text that is JSON already */
    SBX_CELL_ANY,  /* of SQL that somebody wrote: text, integer or real, each cell for itself */
} sbx_cell_kind;

typedef struct sbx_column {
    const char *name; /* the JSON key */
    const char *head; /* the table's heading; NULL: only in JSON and CSV */
    sbx_cell_kind kind;
} sbx_column;

typedef struct sbx_cell {
    bool is_null;
    bool is_real; /* only ANY */
    int64_t integer;
    double real;
    const char *text; /* valid until the next row; NULL: a number */
    size_t text_bytes;
} sbx_cell;

typedef struct sbx_query sbx_query;

enum { SBX_FILTER_LABELS_MAX = 16 };

/* All that is said must hold. NULL and 0: not said. GLOB is SQLite's: * (also over slashes), ?, [abc]. */
typedef struct sbx_query_filter {
    uint64_t since_us, until_us; /* when runs started, denials were last seen, processes started */
    uint64_t limit;              /* 0: all */
    bool denied_only;
    const char *run;    /* full id, unique prefix, or "latest"; NULL: all runs */
    const char *status; /* of the run, as are the next ones */
    const char *reason;
    bool has_user;
    uint32_t user;                             /* who called */
    const char *labels[SBX_FILTER_LABELS_MAX]; /* key=value, or key alone: whatever its value */
    size_t label_count;
    const char *session, *agent, *batch;
    uint64_t mem_over_percent; /* memory used, of the memory limit */
    const char *
        path; /* GLOB: a denied target. Of a list of denials: that row's own; else any of the run's */
    const char
        *exe; /* GLOB: the program that was denied; of runs and processes: one that was started */
} sbx_query_filter;

/* Newest first; denials and processes of one run (filter->run) oldest first, as they happened. */
SBX_MUST_USE sbx_status sbx_query_runs(sbx_query **out, sbx_store *store,
                                       const sbx_query_filter *filter, sbx_error *err);
SBX_MUST_USE sbx_status sbx_query_denials(sbx_query **out, sbx_store *store,
                                          const sbx_query_filter *filter, sbx_error *err);
SBX_MUST_USE sbx_status sbx_query_processes(sbx_query **out, sbx_store *store,
                                            const sbx_query_filter *filter, sbx_error *err);

typedef enum sbx_measure { SBX_BY_MEMORY, SBX_BY_CPU, SBX_BY_WALL, SBX_BY_DENIALS } sbx_measure;

/* Runs, with the columns of sbx_query_runs(), the greatest first. filter->limit is 20 where it is 0. */
SBX_MUST_USE sbx_status sbx_query_top(sbx_query **out, sbx_store *store,
                                      const sbx_query_filter *filter, sbx_measure by,
                                      sbx_error *err);

/* How runs ended: one row for each status and reason, the most frequent first. */
SBX_MUST_USE sbx_status sbx_query_stats(sbx_query **out, sbx_store *store,
                                        const sbx_query_filter *filter, sbx_error *err);

typedef enum sbx_denial_group {
    SBX_GROUP_PATH,
    SBX_GROUP_EXE,
    SBX_GROUP_RULE,
    SBX_GROUP_RUN,
} sbx_denial_group;

/* Denials summed up, the most frequent first. */
SBX_MUST_USE sbx_status sbx_query_denial_sums(sbx_query **out, sbx_store *store,
                                              const sbx_query_filter *filter, sbx_denial_group by,
                                              sbx_error *err);

/* What only one of two runs was denied; counts are null on the other side. Full ids. */
SBX_MUST_USE sbx_status sbx_query_denials_apart(sbx_query **out, sbx_store *store, const char *left,
                                                const char *right, sbx_error *err);

/*
 * What was written to the ledger about runs and denials, oldest first: a row for a start, an end, and
 * each denial, from the one behind event number `after` on. Of the filter all but limit, since and until.
 */
SBX_MUST_USE sbx_status sbx_query_events(sbx_query **out, sbx_store *store,
                                         const sbx_query_filter *filter, int64_t after,
                                         sbx_error *err);
/* The last event that a read row belongs to: where the next sbx_query_events() goes on. */
int64_t sbx_query_last_event(const sbx_query *query);
/* The number of the event that `count` rows or fewer follow, to begin with. */
SBX_MUST_USE sbx_status sbx_query_event_before_last(int64_t *out, sbx_store *store, uint64_t count,
                                                    sbx_error *err);

/*
 * One SELECT that somebody wrote. It cannot change anything, attach anything or set anything, is stopped
 * after time_ns, and uses at most 64 MiB.
 * Fails: INVALID  not one statement, not SQL, or not only reading; the message has SQLite's words
 *        REFUSED  it took too long
 */
void sbx_query_sql_begin(void); /* must be called before the process opens its first database */
SBX_MUST_USE sbx_status sbx_query_sql(sbx_query **out, sbx_store *store, const char *sql,
                                      uint64_t limit, uint64_t time_ns, sbx_error *err);
/* Whether there is a row behind the last one that the limit let through. */
SBX_MUST_USE sbx_status sbx_query_has_more(bool *out, sbx_query *query, sbx_error *err);

const sbx_column *sbx_query_columns(const sbx_query *query, size_t *out_count);
/* *out_cells NULL: no more rows. */
SBX_MUST_USE sbx_status sbx_query_next(sbx_query *query, const sbx_cell **out_cells,
                                       sbx_error *err);
void sbx_query_free(sbx_query *query);

/* Resolves a run argument to its full id. NOT_FOUND, or INVALID where a prefix is not unique. */
SBX_MUST_USE sbx_status sbx_query_find_run(char out_id[27], sbx_store *store, const char *argument,
                                           sbx_error *err);

/*
 * What a run of that full id changed outside of its roots while nothing refused it (--learn), in the order of first
 * sight; no rows for another one. Looks through the ledger from its end: ask only where the run says that it learned.
 */
SBX_MUST_USE sbx_status sbx_query_learned(sbx_query **out, sbx_store *store, const char *run_id,
                                          sbx_error *err);

/* The policy that a run of that full id had, as it is recorded (sbx_policy_to_json()). */
SBX_MUST_USE sbx_status sbx_query_policy(sbx_text *out, sbx_store *store, const char *run_id,
                                         sbx_error *err);

#endif
