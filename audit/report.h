/*
 * The report: one HTML file with everything in it, which asks the network for nothing and lets nothing
 * in it do so.
 *
 * Every text in it was chosen by programs under audit. They all are in one block of JSON, in which no
 * "<" stands, so that none of them can end the block; the page's script (audit/report/report.js) puts
 * them on the page as text and nothing else. The page's policy allows exactly this one script and this
 * one style sheet, by their hashes.
 */
#ifndef SBX_AUDIT_REPORT_H
#define SBX_AUDIT_REPORT_H

#include "audit/query.h"
#include "harness/base/text.h"

enum {
    SBX_REPORT_RUNS = 50000,   /* newest, where nothing else is asked for */
    SBX_REPORT_POINTS = 60000, /* of the use over time, of the newest runs: some 1.5 MB */
};

typedef struct sbx_report_request {
    sbx_query_filter filter; /* limit: of runs, 0: all */
    const char *scope;       /* what the filter is, in words */
    const char *chain_state; /* "intact", "broken", "not checked" … */
    const char *chain_text;  /* a sentence about it */
} sbx_report_request;

SBX_MUST_USE sbx_status sbx_report_make(sbx_text *out, sbx_store *store,
                                        const sbx_report_request *request, sbx_error *err);

#endif
