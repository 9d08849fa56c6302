/* `sbx policy from-run`: what a run was denied, as the policy that would have allowed it. */
#include <stdlib.h>
#include <string.h>

#include "harness/cli/audit_file.h"
#include "harness/cli/caller.h"
#include "harness/cli/from_run.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"

typedef enum form { FORM_POLICY, FORM_OPTIONS, FORM_JSON } form; /* in the order of the words */

typedef struct deriving {
    const char *db, *run;
    form form;
    sbx_text path, text;
    sbx_run_record record;
    sbx_suggestion suggestion;
    sbx_error err;
} deriving;

static sbx_status take(void *context, const sbx_token *token, sbx_error *err)
{
    deriving *self = context;
    unsigned index = 0;
    sbx_status status;

    if (token->kind == SBX_TOKEN_OPERAND) {
        if (self->run != NULL) {
            return sbx_audit_file_no_operand(token, err);
        }
        self->run = token->value;
        return SBX_OK;
    }
    if (token->option->id != SBX_OPTION_POLICY_FORMAT) {
        self->db = token->value; /* --db and --audit-db */
        return SBX_OK;
    }
    status = sbx_option_choose(&index, token->option, token->value, err);
    self->form = (form)index;
    return status;
}

static sbx_status find_path(deriving *self)
{
    char *found = NULL;
    sbx_status status = SBX_OK;

    if (self->db == NULL) {
        status = sbx_store_default_path(&found, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_caller_absolute(&self->path, self->db == NULL ? found : self->db, &self->err);
    }
    free(found);
    return status == SBX_OK ? sbx_text_check(&self->path, &self->err) : status;
}

static sbx_status derive(deriving *self)
{
    const sbx_store_options options = {.read_only = true};
    sbx_store *store = NULL;
    sbx_status status = find_path(self);

    if (status == SBX_OK) {
        status = sbx_audit_file_open(&store, sbx_text_string(&self->path), &options, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_run_record_read(&self->record, store, self->run, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_from_run(&self->suggestion, &self->record, store, sbx_text_string(&self->path),
                              &self->err);
    }
    if (status == SBX_OK && self->form == FORM_POLICY) {
        status = sbx_from_run_to_file(&self->text, &self->suggestion, &self->err);
    } else if (status == SBX_OK && self->form == FORM_JSON) {
        status = sbx_from_run_to_json(&self->text, &self->suggestion, self->record.id, &self->err);
    } else if (status == SBX_OK) {
        sbx_from_run_to_options(&self->text, &self->suggestion);
        status = sbx_text_check(&self->text, &self->err);
    }
    if (status == SBX_OK && self->form != FORM_JSON) {
        sbx_from_run_say(&self->suggestion);
    }
    sbx_run_record_done(&self->record);
    sbx_store_close(store);
    return status;
}

int sbx_command_policy_from_run(int argc, char **argv)
{
    const char *name = sbx_commands[SBX_COMMAND_POLICY_FROM_RUN].name;
    deriving self = {0};
    int code = SBX_EXIT_DONE;

    if (!sbx_audit_file_options(&code, SBX_COMMAND_POLICY_FROM_RUN, argc, argv, take, &self,
                                &self.err)) {
        return code;
    }
    if (self.run == NULL) {
        (void)sbx_fail_plain(&self.err, SBX_INVALID, SBX_STEP_OPTIONS,
                             "no run is given — a run's id, its beginning, or \"latest\"");
        sbx_message_error(name, &self.err);
        return SBX_EXIT_USAGE;
    }
    if (derive(&self) == SBX_OK) {
        code = self.text.bytes > 0 ? sbx_message_print(&self.text) : SBX_EXIT_DONE;
    } else {
        sbx_message_error(name, &self.err);
        code = SBX_EXIT_FAILED;
    }
    sbx_suggest_done(&self.suggestion);
    sbx_text_done(&self.path);
    sbx_text_done(&self.text);
    return code;
}

/* The family itself only helps. */
int sbx_command_policy(int argc, char **argv)
{
    sbx_text text = {0};

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        return sbx_help_print(SBX_COMMAND_POLICY);
    }
    if (argc > 0) {
        return sbx_command_unknown(SBX_COMMAND_POLICY, argv[0]);
    }
    sbx_help_format(&text, SBX_COMMAND_POLICY, sbx_caller_screen(2).columns);
    sbx_message_write(&text);
    sbx_text_done(&text);
    return SBX_EXIT_USAGE;
}
