/*
 * Asking the database: read-only, streaming, one row at a time. The commands in harness/cli print it.
 *
 * Rows are read some hundred at a time, each time in a short transaction of its own: who stops reading,
 * in a pager, does not keep the WAL from being cut. Rows that are written meanwhile may appear or not.
 * Texts were chosen by untrusted programs and are bytes: not always UTF-8, never safe to print as
 * they are.
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
} sbx_cell_kind;

typedef struct sbx_column {
    const char *name; /* the JSON key */
    const char *head; /* the table's heading; NULL: only in JSON */
    sbx_cell_kind kind;
} sbx_column;

typedef struct sbx_cell {
    bool is_null;
    int64_t integer;
    const char *text; /* valid until the next row */
    size_t text_bytes;
} sbx_cell;

typedef struct sbx_query sbx_query;

typedef struct sbx_query_filter {
    uint64_t since_us;      /* runs started, denials last seen, processes started; 0: from the beginning */
    uint64_t limit;         /* 0: all */
    bool denied_only;
    const char *run;        /* full id, unique prefix, or "latest"; NULL: all runs */
    const char *status;     /* of the run; NULL: any */
} sbx_query_filter;

/* Newest first; denials and processes of one run (filter->run) oldest first, as they happened. */
SBX_MUST_USE sbx_status sbx_query_runs(sbx_query **out, sbx_store *store, const sbx_query_filter *filter,
                                       sbx_error *err);
SBX_MUST_USE sbx_status sbx_query_denials(sbx_query **out, sbx_store *store,
                                          const sbx_query_filter *filter, sbx_error *err);
SBX_MUST_USE sbx_status sbx_query_processes(sbx_query **out, sbx_store *store,
                                            const sbx_query_filter *filter, sbx_error *err);
const sbx_column *sbx_query_columns(const sbx_query *query, size_t *out_count);
/* *out_cells NULL: no more rows. */
SBX_MUST_USE sbx_status sbx_query_next(sbx_query *query, const sbx_cell **out_cells, sbx_error *err);
void sbx_query_free(sbx_query *query);

/* Resolves a run argument to its full id. NOT_FOUND, or INVALID where a prefix is not unique. */
SBX_MUST_USE sbx_status sbx_query_find_run(char out_id[27], sbx_store *store, const char *argument,
                                           sbx_error *err);

#endif
