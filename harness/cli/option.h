/*
 * The option table and the reader that walks a command line by it.
 *
 * One row of sbx_options says everything about one option of one or more commands: parsing, --help,
 * completions, --dump-options and the test that holds the manual to it are all made from the row.
 *
 * The reader is the program's own and not getopt_long(): that one accepts abbreviations (an option
 * added later would change what `--m` means in somebody's script), prints, and keeps its place in
 * global variables.
 */
#ifndef SBX_CLI_OPTION_H
#define SBX_CLI_OPTION_H

#include <stdbool.h>

#include "harness/base/error.h"
#include "harness/base/text.h"
#include "harness/cli/command.h"

typedef enum sbx_option_id {
    /* The limits come first and in the order of sbx_limit_kind. */
    SBX_OPTION_MEM,
    SBX_OPTION_SWAP,
    SBX_OPTION_CPUS,
    SBX_OPTION_CPU,
    SBX_OPTION_WALL,
    SBX_OPTION_IDLE,
    SBX_OPTION_PROCS,
    SBX_OPTION_FSIZE,
    SBX_OPTION_FILES,
    SBX_OPTION_OUTPUT,
    SBX_OPTION_MEM_ACTION,
    SBX_OPTION_GRACE,
    SBX_OPTION_POLICY,
    SBX_OPTION_WRITE,
    SBX_OPTION_READ,
    SBX_OPTION_DENY,
    SBX_OPTION_PROTECT,
    SBX_OPTION_UNPROTECT,
    SBX_OPTION_NET,
    SBX_OPTION_UNIX_SOCKETS,
    SBX_OPTION_ALLOW_EVERYONE,
    SBX_OPTION_IDENTITY,
    SBX_OPTION_ENV,
    SBX_OPTION_CWD,
    SBX_OPTION_ALLOW_DEGRADED,
    SBX_OPTION_LEARN,
    SBX_OPTION_ALLOW_UNCONFINED,
    SBX_OPTION_DRY_RUN,
    SBX_OPTION_AUDIT,
    SBX_OPTION_AUDIT_DB,
    SBX_OPTION_NO_WATCH,
    SBX_OPTION_REDACT,
    SBX_OPTION_SESSION,
    SBX_OPTION_AGENT,
    SBX_OPTION_LABEL,
    SBX_OPTION_RESULT,
    SBX_OPTION_DENIALS,
    SBX_OPTION_QUIET,
    SBX_OPTION_JSON,
    SBX_OPTION_JSONL,
    SBX_OPTION_LIMIT,
    SBX_OPTION_SINCE,
    SBX_OPTION_DENIED,
    SBX_OPTION_STATUS,
    SBX_OPTION_UNTIL,
    SBX_OPTION_REASON,
    SBX_OPTION_USER,
    SBX_OPTION_BATCH,
    SBX_OPTION_EXE,
    SBX_OPTION_PATH,
    SBX_OPTION_MEM_OVER,
    SBX_OPTION_BY,
    SBX_OPTION_FOLLOW,
    SBX_OPTION_TIMEOUT,
    SBX_OPTION_FORMAT,
    SBX_OPTION_DB,
    SBX_OPTION_KEY,
    SBX_OPTION_ANCHOR,
    SBX_OPTION_REPLACE,
    SBX_OPTION_PUBLIC,
    SBX_OPTION_KEEP_DAYS,
    SBX_OPTION_KEEP_RUNS,
    SBX_OPTION_MAX_SIZE,
    SBX_OPTION_EXPORT_FORMAT,
    SBX_OPTION_WHAT,
    SBX_OPTION_OUT,
    SBX_OPTION_JOBS,
    SBX_OPTION_HOST_MEM,
    SBX_OPTION_LINES,
    SBX_OPTION_RETRIES,
    SBX_OPTION_HALT,
    SBX_OPTION_TIMEOUT_BATCH,
    SBX_OPTION_RESUME,
    SBX_OPTION_RERUN,
    SBX_OPTION_PROGRESS,
    SBX_OPTION_POLICY_FORMAT,
    SBX_OPTION_VERSION,
    SBX_OPTION_DUMP_OPTIONS,
    SBX_OPTION_HELP,
} sbx_option_id;

typedef struct sbx_option {
    sbx_option_id id;
    unsigned commands;    /* bits: 1u << sbx_command_id */
    const char *name;     /* without the dashes */
    char letter;          /* 0: none */
    bool is_repeatable;   /* every one counts; otherwise the last one does */
    const char *argument; /* NULL: takes none. "FILE", or all the words it may be: "kill|fail" */
    const char *group;    /* heading in --help, with its colon; NULL: hidden */
    const char *help;
} sbx_option;

extern const sbx_option sbx_options[];
extern const size_t sbx_options_count;

static inline bool sbx_option_belongs(const sbx_option *option, sbx_command_id command)
{
    return (option->commands & (1u << command)) != 0;
}

/* The option of that command with exactly that name, or NULL. */
const sbx_option *sbx_option_find(sbx_command_id command, const char *name, size_t bytes);

typedef enum sbx_token_kind {
    SBX_TOKEN_END,
    SBX_TOKEN_OPTION,
    SBX_TOKEN_OPERAND,
} sbx_token_kind;

typedef struct sbx_token {
    sbx_token_kind kind;
    const sbx_option *option; /* OPTION */
    const char *value;        /* OPTION: its argument or NULL; OPERAND: the operand */
} sbx_token;

typedef struct sbx_option_reader {
    sbx_command_id command;
    bool stops_at_operand; /* the first operand ends the options, like "--" does */
    int argc;
    char **argv;
    int next;            /* index of the next argument; after the end: of the first operand */
    bool is_ended;       /* "--" was seen */
    const char *cluster; /* the rest of "-qx", or NULL */
} sbx_option_reader;

void sbx_option_reader_init(sbx_option_reader *reader, sbx_command_id command, int argc,
                            char **argv);

/*
 * The next option or operand. With stops_at_operand no operand is ever given: the end is, and
 * reader->next says where the operands start.
 * Fails: INVALID  unknown option (with the nearest known one), argument missing or not wanted
 */
SBX_MUST_USE sbx_status sbx_option_next(sbx_token *out, sbx_option_reader *reader, sbx_error *err);

/* value is one of the words of an argument form like "kill|fail": its index, or an error that lists
 * them. */
SBX_MUST_USE sbx_status sbx_option_choose(unsigned *out_index, const sbx_option *option,
                                          const char *value, sbx_error *err);

/* The index-th word of a form like "kill|fail" and its length; false after the last one, and where
 * the argument is no such list. */
bool sbx_option_choice(const char **out_word, size_t *out_bytes, const sbx_option *option,
                       size_t index);

/* How many single edits turn one word into the other (a swap of neighbours is one). */
unsigned sbx_word_distance(const char *left, const char *right);
/* Near enough to be what was meant. */
bool sbx_word_is_near(const char *word, const char *known);

/* All that is not hidden, as a JSON array: command, long, short, argument, repeatable, group, help. */
void sbx_option_dump(sbx_text *out);

#endif
