/* One run's row, by the names of its columns. */
#ifndef SBX_CLI_RUN_RECORD_H
#define SBX_CLI_RUN_RECORD_H

#include "audit/query.h"

typedef struct sbx_run_record {
    char id[27];
    sbx_query *query; /* holds what the cells point to */
    const sbx_column *columns;
    size_t column_count;
    const sbx_cell *cells;
} sbx_run_record;

/* run: as sbx_query_find_run() takes it, and fails. */
SBX_MUST_USE sbx_status sbx_run_record_read(sbx_run_record *out, sbx_store *store, const char *run,
                                            sbx_error *err);
void sbx_run_record_done(sbx_run_record *record); /* takes a zeroed one too */

/* A null cell where there is no such column. */
const sbx_cell *sbx_run_record_get(const sbx_run_record *record, const char *name);
/* "" for null; of JSON the text. */
const char *sbx_run_record_text(const sbx_run_record *record, const char *name);
/* It ran with --learn. */
bool sbx_run_record_learned(const sbx_run_record *record);
int64_t sbx_run_record_number(const sbx_run_record *record, const char *name, int64_t otherwise);

#endif
