/*
 * The commands of the program: their words, and the function behind each. One table (command.c)
 * feeds dispatch, the overview, each --help, completions and --dump-options; one command_*.c holds
 * each family of them.
 */
#ifndef SBX_CLI_COMMAND_H
#define SBX_CLI_COMMAND_H

#include <stddef.h>

/* What the binary is called; a distributor may choose another name (Docker ships an unrelated sbx). */
#ifndef SBX_PROGRAM_NAME
#define SBX_PROGRAM_NAME "sbx"
#endif

#ifndef SBX_VERSION
#define SBX_VERSION "0.1.0"
#endif

typedef enum sbx_command_id {
    SBX_COMMAND_MAIN, /* before any command word: sbx --version */
    SBX_COMMAND_EXEC,
    SBX_COMMAND_BATCH, /* a family, too */
    SBX_COMMAND_BATCH_RUN,
    SBX_COMMAND_AUDIT, /* a family: only its members do something */
    SBX_COMMAND_AUDIT_LS,
    SBX_COMMAND_AUDIT_SHOW,
    SBX_COMMAND_AUDIT_DENIALS,
    SBX_COMMAND_AUDIT_TOP,
    SBX_COMMAND_AUDIT_STATS,
    SBX_COMMAND_AUDIT_TAIL,
    SBX_COMMAND_AUDIT_DIFF,
    SBX_COMMAND_AUDIT_SQL,
    SBX_COMMAND_AUDIT_KEYGEN,
    SBX_COMMAND_AUDIT_SEAL,
    SBX_COMMAND_AUDIT_VERIFY,
    SBX_COMMAND_AUDIT_PRUNE,
    SBX_COMMAND_AUDIT_BACKUP,
    SBX_COMMAND_EXPLAIN,
    SBX_COMMAND_AUDIT_EXPORT,
    SBX_COMMAND_AUDIT_REPORT,
    SBX_COMMAND_POLICY, /* a family, too */
    SBX_COMMAND_POLICY_FROM_RUN,
    SBX_COMMAND_DOCTOR,
    SBX_COMMAND_COMPLETION,
    SBX_COMMAND_HELP,
    SBX_COMMAND_COUNT
} sbx_command_id;

typedef struct sbx_command {
    const char *name;     /* "audit ls"; "" for the program itself */
    const char *operands; /* "[--] COMMAND [ARG…]"; "" for none */
    const char *summary;  /* one line, no full stop */
    const char *text;     /* what --help says before the options; may have paragraphs */
} sbx_command;

extern const sbx_command sbx_commands[SBX_COMMAND_COUNT];

/*
 * The command that the words name, and how many of them belong to its name: "audit", "ls" are two.
 * SBX_COMMAND_COUNT: none of that name. argv is NULL-terminated and does not hold the program.
 */
sbx_command_id sbx_command_by_words(int *out_words, char *const *argv);

/*
 * The known command that word was probably meant to be, or NULL. family is what went before
 * (SBX_COMMAND_AUDIT for "sbx audit lss"), SBX_COMMAND_MAIN for the first word.
 */
const char *sbx_command_nearest(sbx_command_id family, const char *word);

/* Says that there is no such command, and which one may have been meant. Returns the exit code. */
int sbx_command_unknown(sbx_command_id family, const char *word);

/* What the program exits with outside `exec` (docs/exit-codes.md). */
enum {
    SBX_EXIT_DONE = 0,
    SBX_EXIT_FAILED = 1,
    SBX_EXIT_USAGE = 2,
    SBX_EXIT_TAMPERED = 3, /* audit verify: something does not hold */
    SBX_EXIT_UNSEALED = 4, /* audit verify: it holds, and not all of it is sealed */
    SBX_EXIT_SBX = 125, /* exec: sbx failed or refused */
};

/* argv without the program and the command's own words, NULL-terminated. Return the exit code. */
int sbx_command_main(int argc, char **argv);
int sbx_command_exec(int argc, char **argv);
int sbx_command_batch(int argc, char **argv);
int sbx_command_batch_run(int argc, char **argv);
int sbx_command_audit(int argc, char **argv);
int sbx_command_audit_ls(int argc, char **argv);
int sbx_command_audit_show(int argc, char **argv);
int sbx_command_audit_denials(int argc, char **argv);
int sbx_command_audit_top(int argc, char **argv);
int sbx_command_audit_stats(int argc, char **argv);
int sbx_command_audit_tail(int argc, char **argv);
int sbx_command_audit_diff(int argc, char **argv);
int sbx_command_audit_sql(int argc, char **argv);
int sbx_command_audit_keygen(int argc, char **argv);
int sbx_command_audit_seal(int argc, char **argv);
int sbx_command_audit_verify(int argc, char **argv);
int sbx_command_audit_prune(int argc, char **argv);
int sbx_command_audit_backup(int argc, char **argv);
int sbx_command_explain(int argc, char **argv);
int sbx_command_audit_export(int argc, char **argv);
int sbx_command_audit_report(int argc, char **argv);
int sbx_command_policy(int argc, char **argv);
int sbx_command_policy_from_run(int argc, char **argv);
int sbx_command_doctor(int argc, char **argv);
int sbx_command_completion(int argc, char **argv);
int sbx_command_help(int argc, char **argv);

#endif
