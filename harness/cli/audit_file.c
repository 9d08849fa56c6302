/* Shared steps of the commands that keep the database; see audit_file.h. */
#include "harness/cli/audit_file.h"

#include <stdlib.h>
#include <string.h>

#include "audit/anchor.h"
#include "harness/base/clock.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"

enum { BUSY_S = 10 };

sbx_status sbx_audit_file_open(sbx_store **out, const char *db, const sbx_store_options *options,
                               sbx_error *err)
{
    sbx_store_options all = *options;
    char *path = NULL;
    sbx_status status = SBX_OK;

    *out = NULL;
    all.busy_ns = BUSY_S * SBX_NS_PER_S;
    if (db == NULL) {
        status = sbx_store_default_path(&path, err);
    }
    if (status == SBX_OK) {
        status = sbx_store_open(out, db == NULL ? path : db, &all, err);
    }
    free(path);
    return status;
}

sbx_status sbx_audit_file_key(sbx_seal_key *out, sbx_error *err)
{
    char *path = NULL;
    sbx_status status = sbx_seal_key_path(&path, err);

    *out = (sbx_seal_key){0};
    if (status == SBX_OK) {
        status = sbx_seal_key_read(out, path, err);
    }
    free(path);
    return status;
}

sbx_status sbx_audit_file_anchor(const char *where, const sbx_seal *seal, sbx_store *store,
                                 sbx_error *err)
{
    char id[SBX_RUN_ID_BYTES];
    sbx_text line = {0};
    sbx_status status = sbx_store_database_id(id, store, err);

    if (status == SBX_OK) {
        sbx_seal_add_line(&line, seal, id);
        status = sbx_text_check(&line, err);
    }
    if (status == SBX_OK) {
        status = strcmp(where, "syslog") == 0
                     ? sbx_anchor_to_log(NULL, sbx_text_string(&line), err)
                     : sbx_anchor_to_file(where, sbx_text_string(&line), err);
    }
    sbx_text_done(&line);
    return status;
}

sbx_status sbx_audit_file_no_operand(const sbx_token *token, sbx_error *err)
{
    return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "\"%s\" is one operand too many",
                          token->value);
}

bool sbx_audit_file_options(int *out_code, sbx_command_id command, int argc, char **argv,
                            sbx_audit_file_take *take, void *context, sbx_error *err)
{
    sbx_option_reader reader;
    sbx_token token;
    sbx_status status;

    sbx_option_reader_init(&reader, command, argc, argv);
    do {
        status = sbx_option_next(&token, &reader, err);
        if (status == SBX_OK && token.kind == SBX_TOKEN_OPTION &&
            token.option->id == SBX_OPTION_HELP) {
            *out_code = sbx_help_print(command);
            return false;
        }
        if (status == SBX_OK && token.kind != SBX_TOKEN_END) {
            status = take(context, &token, err);
        }
    } while (status == SBX_OK && token.kind != SBX_TOKEN_END);
    if (status == SBX_OK) {
        return true;
    }
    sbx_message_error(sbx_commands[command].name, err);
    *out_code = SBX_EXIT_USAGE;
    return false;
}
