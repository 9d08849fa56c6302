/*
 * The program: finds the command and hands over. Nothing is done here that `exec` does not need, no
 * locale and no stdio either: what starts here is waited for by whoever runs thousands of commands.
 */
#include <string.h>

#include "harness/batch/serve.h"
#include "harness/batch/work.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/message.h"
#include "harness/runner/doctor.h"

static int (*const runners[SBX_COMMAND_COUNT])(int argc, char **argv) = {
    [SBX_COMMAND_MAIN] = sbx_command_main,
    [SBX_COMMAND_EXEC] = sbx_command_exec,
    [SBX_COMMAND_BATCH] = sbx_command_batch,
    [SBX_COMMAND_BATCH_RUN] = sbx_command_batch_run,
    [SBX_COMMAND_AUDIT] = sbx_command_audit,
    [SBX_COMMAND_AUDIT_LS] = sbx_command_audit_ls,
    [SBX_COMMAND_AUDIT_SHOW] = sbx_command_audit_show,
    [SBX_COMMAND_AUDIT_DENIALS] = sbx_command_audit_denials,
    [SBX_COMMAND_AUDIT_TOP] = sbx_command_audit_top,
    [SBX_COMMAND_AUDIT_STATS] = sbx_command_audit_stats,
    [SBX_COMMAND_AUDIT_TAIL] = sbx_command_audit_tail,
    [SBX_COMMAND_AUDIT_DIFF] = sbx_command_audit_diff,
    [SBX_COMMAND_AUDIT_SQL] = sbx_command_audit_sql,
    [SBX_COMMAND_AUDIT_KEYGEN] = sbx_command_audit_keygen,
    [SBX_COMMAND_AUDIT_SEAL] = sbx_command_audit_seal,
    [SBX_COMMAND_AUDIT_VERIFY] = sbx_command_audit_verify,
    [SBX_COMMAND_AUDIT_PRUNE] = sbx_command_audit_prune,
    [SBX_COMMAND_AUDIT_BACKUP] = sbx_command_audit_backup,
    [SBX_COMMAND_EXPLAIN] = sbx_command_explain,
    [SBX_COMMAND_AUDIT_EXPORT] = sbx_command_audit_export,
    [SBX_COMMAND_AUDIT_REPORT] = sbx_command_audit_report,
    [SBX_COMMAND_POLICY] = sbx_command_policy,
    [SBX_COMMAND_POLICY_FROM_RUN] = sbx_command_policy_from_run,
    [SBX_COMMAND_DOCTOR] = sbx_command_doctor,
    [SBX_COMMAND_COMPLETION] = sbx_command_completion,
    [SBX_COMMAND_HELP] = sbx_command_help,
};

int main(int argc, char **argv)
{
    sbx_command_id command = SBX_COMMAND_MAIN;
    int words = 0;

    sbx_error err;

    if (!sbx_caller_fill_stdio()) {
        return SBX_EXIT_SBX;
    }
    if (sbx_caller_arguments(&argc, &argv, &err) != SBX_OK) {
        sbx_message_error(NULL, &err);
        return SBX_EXIT_SBX;
    }
    if (argc < 1) {
        return SBX_EXIT_USAGE; /* a caller that gave not even a name */
    }
    if (argc > 1 && strcmp(argv[1], "--probe") == 0) {
        sbx_doctor_probe(argc - 2, argv + 2); /* `sbx doctor` runs itself, inside and outside */
    }
    if (argc == 2 && strcmp(argv[1], "--serve") == 0) {
        return sbx_batch_serve(); /* libsbx starts that */
    }
    if (argc == 2 && strcmp(argv[1], "--worker") == 0) {
        return sbx_batch_work_alone(); /* and a batch on Windows that */
    }
    if (argc > 1 && argv[1][0] != '-') {
        command = sbx_command_by_words(&words, argv + 1);
        if (command == SBX_COMMAND_COUNT) {
            return sbx_command_unknown(SBX_COMMAND_MAIN, argv[1]);
        }
    }
    return runners[command](argc - 1 - words, argv + 1 + words);
}
