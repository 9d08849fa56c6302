/*
 * What the commands that read the database share: their options, the open database, and printing
 * rows in the form that was asked for.
 *
 *     int sbx_command_audit_x(int argc, char **argv)
 *     {
 *         sbx_audit self = {.command = SBX_COMMAND_AUDIT_X, .filter = {.limit = 50}};
 *
 *         return sbx_audit_command(&self, argc, argv, answer);
 *     }
 */
#ifndef SBX_CLI_AUDIT_PARTS_H
#define SBX_CLI_AUDIT_PARTS_H

#include "audit/query.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"

typedef enum sbx_form {
    SBX_FORM_TABLE,
    SBX_FORM_JSON,
    SBX_FORM_JSONL,
    SBX_FORM_CSV,
} sbx_form;

enum { SBX_AUDIT_OPERANDS = 2 };

typedef struct sbx_audit {
    sbx_command_id command;
    size_t operands_least, operands_most; /* how many there may be */
    const char *operand_is;               /* "a run": what is missing where there are too few */
    uint64_t timeout_ns;
    /* What the command line says. */
    sbx_form form;
    const char *db; /* NULL: the default one */
    sbx_query_filter filter;
    const char *operands[SBX_AUDIT_OPERANDS];
    size_t operand_count;
    bool has_by, has_limit, follows, wants_help;
    unsigned by; /* index of the word in the option's form */
    /* While it is answered. */
    sbx_store *store;
    sbx_screen screen;
    sbx_text text; /* not printed yet */
    sbx_error err;
} sbx_audit;

/* Reads the options, opens the database, answers, prints what is left. Returns the exit code. */
int sbx_audit_command(sbx_audit *self, int argc, char **argv,
                      sbx_status (*answer)(sbx_audit *self));

/* All rows, in the form asked for; none: said on stderr where there is no row (only a table says it). */
SBX_MUST_USE sbx_status sbx_audit_print(sbx_audit *self, sbx_query *query, const char *none);

/* The rows as a table, some thousand at a time; the title, if any, only before rows. */
SBX_MUST_USE sbx_status sbx_audit_print_table(size_t *out_rows, sbx_audit *self, sbx_query *query,
                                              const char *title);
/* The rows as objects: elements of a JSON array, or one on each line. */
SBX_MUST_USE sbx_status sbx_audit_print_json(sbx_audit *self, sbx_query *query, bool is_lines);

/* The rows as CSV with a head. */
SBX_MUST_USE sbx_status sbx_audit_print_csv(sbx_audit *self, sbx_query *query);

/* Prints what was added to the text, where it is that much. */
SBX_MUST_USE sbx_status sbx_audit_flush(sbx_audit *self, size_t at_bytes);

#endif
