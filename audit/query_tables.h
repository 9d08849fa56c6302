/* What can be asked for: the columns of each question and the SQL behind them. */
#ifndef SBX_AUDIT_QUERY_TABLES_H
#define SBX_AUDIT_QUERY_TABLES_H

#include "audit/query.h"

typedef struct sbx_query_column {
    sbx_column column;
    const char *sql; /* an expression over `from` */
} sbx_query_column;

enum { SBX_QUERY_COLUMNS_MAX = 80 };

typedef struct sbx_query_table {
    const sbx_query_column *columns;
    size_t column_count;
    const char *name;         /* the table, and … */
    const char *joins;        /* … what its columns need beside it */
    const char *key, *subkey; /* what rows are ordered by */
} sbx_query_table;

extern const sbx_query_table sbx_query_table_runs, sbx_query_table_denials,
    sbx_query_table_processes;

#endif
