/*
 * A filter as SQL: conditions on the columns of `run` (and `denial`, `process`), values to bind, and
 * with an index the few runs that need be looked at. Who may include it: query_*.c and what exports.
 *
 *   1. sbx_selection_make()   reads the filter
 *   2. the statement is made of selection.where, and of selection.candidates where there are some
 *   3. sbx_selection_bind()   before the first step
 *   4. sbx_selection_done()   after the statement is finalized
 */
#ifndef SBX_AUDIT_FILTER_H
#define SBX_AUDIT_FILTER_H

#include "audit/query.h"
#include "audit/store_parts.h"

typedef enum sbx_filter_rows {
    SBX_ROWS_RUNS,
    SBX_ROWS_DENIALS,   /* since, until, path and exe are the denial's */
    SBX_ROWS_PROCESSES, /* since, until and exe are the process's */
} sbx_filter_rows;

typedef struct sbx_selection_value {
    const char *text; /* NULL: the number */
    int64_t number;
} sbx_selection_value;

enum { SBX_SELECTION_FIRST = 10, SBX_SELECTION_VALUES = 40 };

typedef struct sbx_selection {
    sbx_store *store;
    const sbx_query_filter *filter;
    sbx_text where; /* " AND …", with ?10 and up; "" selects all */
    sbx_selection_value values[SBX_SELECTION_VALUES];
    int value_count;
    bool is_narrow;      /* something beside limit and run is asked for */
    bool has_candidates; /* temp.cand_N(run INTEGER PRIMARY KEY) holds all runs that may fit … */
    char candidates[32]; /* … and this is its name */
    int64_t first, last; /* run numbers that may fit */
    char run_id[SBX_RUN_ID_BYTES]; /* of filter->run */
} sbx_selection;

/* The filter and its texts must stay until the end. Fails as sbx_query_find_run(). */
SBX_MUST_USE sbx_status sbx_selection_make(sbx_selection *out, sbx_store *store,
                                           const sbx_query_filter *filter, sbx_filter_rows rows,
                                           sbx_error *err);
void sbx_selection_bind(const sbx_selection *selection, sqlite3_stmt *stmt);
void sbx_selection_done(sbx_selection *selection);

/*
 * Fills temp.open_runs(run INTEGER PRIMARY KEY) with the runs that the index does not know to have
 * ended. Only where there is an index.
 */
SBX_MUST_USE sbx_status sbx_filter_find_open_runs(sbx_store *store, sbx_error *err);

#endif
