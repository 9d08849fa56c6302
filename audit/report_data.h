/* What the report shows, as the JSON that report.js reads. Who may include it: report*.c. */
#ifndef SBX_AUDIT_REPORT_DATA_H
#define SBX_AUDIT_REPORT_DATA_H

#include "audit/report.h"

/* Denials read at most; the page says so where there were more. */
enum { SBX_REPORT_DENIALS = 1000000, SBX_REPORT_SAMPLES = 1000000 };

/*
 * The whole block. Columns of numbers, not rows of objects: what is the same is written once, and a
 * browser reads fifty thousand runs of it in a moment. Texts are numbers of entries in "strings".
 */
SBX_MUST_USE sbx_status sbx_report_data(sbx_text *out, sbx_store *store,
                                        const sbx_report_request *request, sbx_error *err);

#endif
