/* What the questions share: a statement that is read page by page. Who may include it: query_*.c. */
#ifndef SBX_AUDIT_QUERY_PARTS_H
#define SBX_AUDIT_QUERY_PARTS_H

#include "audit/filter.h"
#include "audit/query.h"

struct sbx_query {
    sbx_store *store;
    sbx_selection selection;
    sbx_column *columns;
    size_t column_count;
    sqlite3_stmt *select; /* two keys, then the columns */
    bool is_list;         /* each page is a transaction of its own, from ?1 and ?2 on */
    bool has_events;      /* the first key is an event's number */
    bool is_at_end;
    uint64_t left;       /* rows that may still be given */
    int64_t key, subkey; /* of the last row that was read */
    sbx_cell *cells;     /* of the page, row after row */
    int64_t *keys;       /* of the page's rows */
    size_t row_count, row_at;
    int64_t given_key; /* of the row that was given last */
    sbx_text text;     /* what the cells point into */
    /* Only for SQL that somebody wrote. */
    bool is_foreign;
    uint64_t stop_ns; /* when it is to be stopped */
    bool was_stopped;
};

/* An empty one; *out is NULL where it fails. */
SBX_MUST_USE sbx_status sbx_query_create(sbx_query **out, sbx_store *store, uint64_t limit,
                                         sbx_error *err);
/* Takes the columns, prepares the statement, binds the selection's values. */
SBX_MUST_USE sbx_status sbx_query_prepare(sbx_query *self, const sbx_column *columns, size_t count,
                                          const sbx_text *sql, sbx_error *err);
/* Gives it to the caller, or takes it away where st is not OK. */
/* Takes the limits for foreign SQL off the connection. */
void sbx_query_forget_foreign(sbx_query *self);
sbx_status sbx_query_hand_over(sbx_query **out, sbx_query *self, sbx_status st);

#endif
