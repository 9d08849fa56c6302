/*
 * Rows of the database in the words of other systems: OCSF, ECS, OTLP. docs/audit-export.md has the
 * mapping in full; every record keeps what has no place of its own there under "unmapped" or "sbx".
 *
 * Life:
 *   1. sbx_export_create()  for one kind of rows and the query that gives them
 *   2. sbx_export_row()     appends what one row becomes, each record a line of its own
 *      sbx_export_rest() before a wait: until then one read transaction is held over the rows' runs
 *   3. sbx_export_end()     closes a line that is still open (OTLP gathers some hundred records in one)
 *   4. sbx_export_free()
 *
 * Memory does not grow with the rows. Texts are untrusted bytes and come out as valid JSON.
 */
#ifndef SBX_AUDIT_EXPORT_H
#define SBX_AUDIT_EXPORT_H

#include "audit/query.h"
#include "harness/base/text.h"

typedef enum sbx_export_form {
    SBX_EXPORT_OCSF,
    SBX_EXPORT_ECS,
    SBX_EXPORT_OTLP, /* runs and processes are spans, denials log records */
} sbx_export_form;

typedef enum sbx_export_what {
    SBX_EXPORT_RUNS,
    SBX_EXPORT_DENIALS,
    SBX_EXPORT_PROCESSES,
} sbx_export_what;

#define SBX_OCSF_VERSION "1.8.0"
#define SBX_ECS_VERSION "8.17.0"

typedef struct sbx_export sbx_export;

/* columns are those of the query whose rows will come; they are the caller's and must stay. */
SBX_MUST_USE sbx_status sbx_export_create(sbx_export **out, sbx_store *store, sbx_export_form form,
                                          sbx_export_what what, const sbx_column *columns,
                                          size_t column_count, sbx_error *err);
SBX_MUST_USE sbx_status sbx_export_row(sbx_text *out, sbx_export *self, const sbx_cell *cells,
                                       sbx_error *err);
void sbx_export_rest(sbx_export *self);
void sbx_export_end(sbx_text *out, sbx_export *self);
void sbx_export_free(sbx_export *self); /* NULL is fine */

#endif
