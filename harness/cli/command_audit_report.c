/* `sbx audit report`: the runs of a while as one HTML file. */
#include <string.h>

#include "audit/report.h"
#include "audit/verify.h"
#include "harness/cli/audit_filter.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"
#include "harness/cli/output_file.h"

typedef struct reporting {
    sbx_report_request request;
    sbx_text scope; /* the options as they were given */
    const char *db;
    const char *out; /* "-": stdout */
    bool wants_help;
    sbx_store *store;
    sbx_text page;
    sbx_text finding, chain; /* what verifying found */
    sbx_output_file file;
    sbx_error err;
} reporting;

static void add_to_scope(reporting *self, const sbx_token *token)
{
    sbx_text_add(&self->scope, self->scope.bytes > 0 ? " --" : "--");
    sbx_text_add(&self->scope, token->option->name);
    if (token->value != NULL) {
        sbx_text_add(&self->scope, " ");
        sbx_text_add(&self->scope, token->value);
    }
}

static sbx_status take_option(reporting *self, const sbx_token *token)
{
    bool is_taken = false;
    sbx_status status = sbx_audit_filter_take(&is_taken, &self->request.filter, token, &self->err);

    if (is_taken) {
        add_to_scope(self, token);
        return status;
    }
    switch (token->option->id) {
    case SBX_OPTION_OUT:
        self->out = token->value;
        return SBX_OK;
    case SBX_OPTION_HELP:
        self->wants_help = true;
        return SBX_OK;
    default:
        self->db = token->value;
        return SBX_OK; /* --db and --audit-db */
    }
}

static sbx_status take_operand(reporting *self, const char *operand)
{
    if (self->request.filter.run != NULL) {
        return sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_OPTIONS,
                              "\"%s\" is one operand too many", operand);
    }
    self->request.filter.run = operand;
    sbx_text_add(&self->scope, self->scope.bytes > 0 ? " " : "");
    sbx_text_add(&self->scope, operand);
    return SBX_OK;
}

static sbx_status read_command_line(reporting *self, int argc, char **argv)
{
    sbx_option_reader reader;
    sbx_token token;
    sbx_status status;

    sbx_option_reader_init(&reader, SBX_COMMAND_AUDIT_REPORT, argc, argv);
    do {
        status = sbx_option_next(&token, &reader, &self->err);
        if (status == SBX_OK && token.kind == SBX_TOKEN_OPTION) {
            status = take_option(self, &token);
        } else if (status == SBX_OK && token.kind == SBX_TOKEN_OPERAND) {
            status = take_operand(self, token.value);
        }
    } while (status == SBX_OK && token.kind != SBX_TOKEN_END);
    if (status == SBX_OK && self->out == NULL && !self->wants_help) {
        status = sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_OPTIONS,
                                "no file is given — add --out report.html, or --out - for stdout");
    }
    return status;
}

/* The first thing that does not hold; the others are counted by verify itself. */
static void note_finding(void *context, const sbx_finding *finding)
{
    reporting *self = context;

    if (self->finding.bytes == 0) {
        sbx_text_add_format(&self->finding, "%s %s: %s", finding->table,
                            sbx_finding_word(finding->kind), finding->message);
    }
}

/* What cannot be verified is said, and no reason to have no report. */
static void describe_chain(reporting *self)
{
    const sbx_verify_options options = {.report = note_finding, .context = self};
    sbx_verify_result found = {0};
    sbx_error why = {0};

    if (sbx_verify(&found, self->store, &options, &why) != SBX_OK) {
        self->request.chain_state = "not checked";
        sbx_text_add_format(&self->chain, "The ledger could not be verified: %s", why.message);
    } else if (found.wrong_count > 0) {
        self->request.chain_state = "broken";
        sbx_text_add_format(&self->chain, "%llu things do not hold, the first: %s",
                            (unsigned long long)found.wrong_count, sbx_text_string(&self->finding));
    } else {
        self->request.chain_state = "intact";
        sbx_text_add_format(&self->chain,
                            "%llu events are as they were written, and every row agrees with them. "
                            "Good seals: %llu. What that proves: docs/audit-evidence.md.",
                            (unsigned long long)found.events, (unsigned long long)found.good_seals);
    }
    self->request.chain_text = sbx_text_string(&self->chain);
}

static sbx_status report(reporting *self)
{
    bool is_file = strcmp(self->out, "-") != 0;
    sbx_status status = sbx_audit_open(&self->store, self->db, &self->err);

    if (status == SBX_OK && is_file) {
        status = sbx_output_file_open(&self->file, self->out, &self->err);
    }
    if (status == SBX_OK) {
        describe_chain(self);
        self->request.scope = sbx_text_string(&self->scope);
        status = sbx_report_make(&self->page, self->store, &self->request, &self->err);
    }
    if (status == SBX_OK && !is_file) {
        return sbx_caller_write(1, sbx_text_string(&self->page), self->page.bytes, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_output_file_write(&self->file, sbx_text_string(&self->page), self->page.bytes,
                                       &self->err);
    }
    return status == SBX_OK ? sbx_output_file_commit(&self->file, &self->err) : status;
}

int sbx_command_audit_report(int argc, char **argv)
{
    reporting self = {.request.filter.limit = SBX_REPORT_RUNS};
    int code = SBX_EXIT_DONE;

    sbx_output_file_init(&self.file);
    if (read_command_line(&self, argc, argv) != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_REPORT].name, &self.err);
        code = SBX_EXIT_USAGE;
    } else if (self.wants_help) {
        code = sbx_help_print(SBX_COMMAND_AUDIT_REPORT);
    } else if (report(&self) != SBX_OK) {
        sbx_message_error(sbx_commands[SBX_COMMAND_AUDIT_REPORT].name, &self.err);
        code = SBX_EXIT_FAILED;
    }
    sbx_output_file_done(&self.file);
    sbx_store_close(self.store);
    sbx_text_done(&self.page);
    sbx_text_done(&self.finding);
    sbx_text_done(&self.chain);
    sbx_text_done(&self.scope);
    return code;
}
