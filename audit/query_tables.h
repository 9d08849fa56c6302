/* What can be asked for: the columns of each question and the SQL behind them. */
#ifndef SBX_AUDIT_QUERY_TABLES_H
#define SBX_AUDIT_QUERY_TABLES_H

#include "audit/query.h"

typedef struct sbx_query_column {
    sbx_column column;
    const char *sql; /* an expression over `from` */
} sbx_query_column;

typedef struct sbx_query_table {
    const sbx_query_column *columns;
    size_t column_count;
    const char *from;
    const char *key, *subkey; /* what rows are ordered by */
    const char *since;        /* compared with the filter's */
} sbx_query_table;

extern const sbx_query_table sbx_query_table_runs, sbx_query_table_denials,
    sbx_query_table_processes;

#endif
