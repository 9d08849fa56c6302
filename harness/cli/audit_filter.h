/* The options that say which rows a command is about, and opening the database that they are in. */
#ifndef SBX_CLI_AUDIT_FILTER_H
#define SBX_CLI_AUDIT_FILTER_H

#include "audit/query.h"
#include "harness/cli/option.h"

/*
 * *out_taken: the option is one of these and is in the filter now. The texts are argv's.
 * Fails: INVALID  the value is not of its form; the message names option, value and form
 */
SBX_MUST_USE sbx_status sbx_audit_filter_take(bool *out_taken, sbx_query_filter *filter,
                                              const sbx_token *token, sbx_error *err);

/*
 * A point in time: "2h" is so long ago; "2026-01-31", "2026-01-31 14:30" and "2026-01-31T14:30:05" are local,
 * with a Z at the end UTC. now_us is what "ago" is counted from.
 */
SBX_MUST_USE sbx_status sbx_audit_time_parse(uint64_t *out_us, const char *option, const char *text,
                                             uint64_t now_us, sbx_error *err);

/* Opens the database to be read; path NULL: the default one. */
SBX_MUST_USE sbx_status sbx_audit_open(sbx_store **out, const char *path, sbx_error *err);

/*
 * For questions over many runs: the index, made or brought up to date, with a word on stderr where that
 * takes long. Without it the answers are the same, and slower.
 */
void sbx_audit_use_index(sbx_store *store);

#endif
