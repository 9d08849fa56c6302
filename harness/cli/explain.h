/*
 * A run in plain words: how it ended and why, which limits it had, what it was denied, which walls were up, and
 * what the record cannot know. Says nothing that is not recorded; what is only likely is called so.
 *
 * The sentences are safe on a terminal. The facts behind them are in the JSON as well, as they are.
 */
#ifndef SBX_CLI_EXPLAIN_H
#define SBX_CLI_EXPLAIN_H

#include "harness/base/json.h"
#include "harness/cli/run_record.h"
#include "harness/policy/policy.h"

typedef enum sbx_explain_part {
    SBX_EXPLAIN_END,
    SBX_EXPLAIN_LIMITS,
    SBX_EXPLAIN_DENIED,
    SBX_EXPLAIN_WALLS,
    SBX_EXPLAIN_UNKNOWN,
    SBX_EXPLAIN_PARTS
} sbx_explain_part;

enum { SBX_EXPLAIN_MOST = 3 };

/* A denial that matters. */
typedef struct sbx_explain_denial {
    sbx_text op, target, exe, rule; /* as they are */
    uint64_t count;
    int64_t last_us;
} sbx_explain_denial;

typedef struct sbx_explanation {
    sbx_run_record run;
    sbx_strings sentences[SBX_EXPLAIN_PARTS];
    uint64_t denial_rows, process_count, signalled_count;
    sbx_explain_denial last, most[SBX_EXPLAIN_MOST]; /* most: the most frequent first; count 0: none */
    sbx_text signalled; /* the programs that died of a signal last, escaped, with commas */
    bool failed;        /* no memory */
} sbx_explanation;

SBX_MUST_USE sbx_status sbx_explain(sbx_explanation *out, sbx_store *store, const char *run,
                                    sbx_error *err);
void sbx_explanation_done(sbx_explanation *explanation);

/* For people, wrapped to so many columns. */
void sbx_explanation_to_text(sbx_text *out, const sbx_explanation *explanation, size_t columns);
void sbx_explanation_to_json(sbx_text *out, const sbx_explanation *explanation);

/* "memory", "wall" …: the limits that a run had, for both forms. */
typedef struct sbx_explain_limit {
    const char *word, *column, *used_column; /* used_column NULL: the record has no such number */
    sbx_cell_kind kind;
} sbx_explain_limit;

extern const sbx_explain_limit sbx_explain_limits[SBX_LIMIT_COUNT];
/* Whether that limit was reached, and who held it ("" for nobody). */
bool sbx_explain_was_reached(const sbx_run_record *run, const char *word);
void sbx_explain_enforcer(sbx_text *out, const sbx_run_record *run, const char *word);

#endif
