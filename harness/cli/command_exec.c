/*
 * `sbx exec`: options, policy, plan, run, result, messages, exit code, in that order. stdin and
 * stdout belong to the command; whatever is said here goes to stderr.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/prefault.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/damaged.h"
#include "harness/cli/exec_refusal.h"
#include "harness/cli/exec_report.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/result_file.h"
#include "harness/cli/secret_patterns.h"

enum { AUDIT_BUSY_S = 10 };

static const char default_policy[] = "read-only";

typedef struct execution {
    sbx_exec_request request;
    sbx_policy policy;
    sbx_plan plan;
    sbx_result result;
    sbx_result_file result_file;
    char *audit_path; /* NULL: no record */
    sbx_redaction *redaction;
    sbx_error err;
} execution;

/* The option's path is absolute already; the environment's need not be. */
static sbx_status find_audit_path(execution *self)
{
    char *found = NULL;
    sbx_text path = {0};
    sbx_status status = SBX_OK;

    if (self->request.audit_path != NULL) {
        sbx_text_add(&path, self->request.audit_path);
    } else {
        status = sbx_store_default_path(&found, &self->err);
        if (status == SBX_OK) {
            status = sbx_caller_absolute(&path, found, &self->err);
        }
    }
    if (status == SBX_OK) {
        status = sbx_text_check(&path, &self->err);
    }
    if (status == SBX_OK) {
        self->audit_path = path.data; /* malloc'ed: ours from here on */
        path = (sbx_text){0};
    } else if (self->request.audit_best_effort) {
        sbx_message_error("this run is not recorded", &self->err);
        status = SBX_OK;
    }
    free(found);
    sbx_text_done(&path);
    return status;
}

static sbx_status open_result_file(execution *self)
{
    if (self->request.result == NULL) {
        return SBX_OK;
    }
    return sbx_result_file_open(&self->result_file, self->request.result, &self->err);
}

/* Renaming the result over the database would lose everything that was ever recorded. */
static sbx_status keep_database(execution *self)
{
    if (self->audit_path == NULL || !sbx_result_file_is(&self->result_file, self->audit_path)) {
        return SBX_OK;
    }
    sbx_result_file_done(&self->result_file);
    return sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_RESULT,
                          "--result: \"%s\" is the audit database", self->request.result);
}

static const char *policy_name(const execution *self)
{
    return self->request.policy == NULL ? default_policy : self->request.policy;
}

static sbx_status make_plan(execution *self)
{
    const char *name = policy_name(self);
    const sbx_plan_request asked = {
        .argv = (const char *const *)self->request.argv,
        .environment = sbx_caller_environment(),
        .cwd = self->request.cwd,
        .audit_path = self->audit_path,
        .allow_degraded = self->request.allow_degraded,
        .watch_denials = !self->request.no_watch,
        .learns = self->request.learns,
    };
    sbx_status status = sbx_policy_load(&self->policy, name, &self->err);

    if (status == SBX_OK) {
        status = sbx_exec_request_apply(&self->policy, &self->request, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_plan_make(&self->plan, &self->policy, &asked, &self->err);
    }
    return status;
}

static int print_plan(execution *self)
{
    sbx_text text = {0};
    int code = SBX_EXIT_SBX;

    if (sbx_plan_to_json(&text, &self->plan, &self->err) != SBX_OK) {
        sbx_message_error(NULL, &self->err);
    } else {
        sbx_text_add(&text, "\n");
        code = sbx_message_print(&text) == SBX_EXIT_DONE ? SBX_EXIT_DONE : SBX_EXIT_SBX;
    }
    sbx_text_done(&text);
    return code;
}

/* The result goes to its file, then to people; only a file that could not be written changes the code:
 * whoever asked for it would believe an old one. */
static int hand_over(execution *self)
{
    int code = self->result.verdict.exit_code;
    sbx_text text = {0};

    if (self->result_file.directory_fd >= 0) {
        sbx_status status = sbx_result_to_json(&text, &self->result, &self->plan, &self->err);

        if (status == SBX_OK) {
            sbx_text_add(&text, "\n");
            status = sbx_result_file_write(&self->result_file, &text, &self->err);
        }
        if (status != SBX_OK) {
            sbx_message_error(NULL, &self->err);
            code = SBX_EXIT_SBX;
        }
        sbx_text_clear(&text);
    }
    sbx_exec_report(&text, &self->result, &self->plan, &self->request);
    if (text.bytes > 0 || text.failed) {
        sbx_message_write(&text);
    }
    if (text.failed && self->result.events.has_error) { /* no memory: that much takes none */
        sbx_message_error(NULL, &self->result.events.error);
    }
    sbx_text_done(&text);
    return code;
}

static sbx_status record_refusal(execution *self)
{
    sbx_status status = sbx_exec_refusal_record(&self->result, &self->plan, &self->request,
                                                self->redaction, &self->err);

    if (status != SBX_OK && sbx_damaged_set_aside(self->audit_path, &self->err)) {
        status = sbx_exec_refusal_record(&self->result, &self->plan, &self->request,
                                         self->redaction, &self->err);
    }
    return status;
}

/* No plan, no run: said, recorded (but for mistyped options), and handed over like any other end. */
static int refuse(execution *self)
{
    const sbx_error why = self->err;

    sbx_plan_done(&self->plan);
    memset(&self->plan, 0, sizeof(self->plan));
    sbx_exec_refusal_describe(&self->result, &self->plan, &self->policy, policy_name(self),
                              self->audit_path, &why);
    if (self->audit_path != NULL && why.step != SBX_STEP_OPTIONS && !self->request.dry_run &&
        record_refusal(self) != SBX_OK) {
        self->result.audit_failed = true;
        self->result.audit_error = self->err;
        sbx_message_error("the refusal is not recorded", &self->err);
    }
    return hand_over(self);
}

/*
 * A damaged database is found when the run is recorded, before the command begins: then it is set aside, and
 * everything is planned anew, so that the command sees neither the new one nor the old one under its new name.
 */
static bool begins_anew(execution *self)
{
    const sbx_events *events = &self->result.events;

    if (!events->has_error) { /* it ran, without a record or to its end: for the next one */
        if (self->result.audit_failed) {
            (void)sbx_damaged_set_aside(self->audit_path, &self->result.audit_error);
        }
        return false;
    }
    if (!sbx_damaged_set_aside(self->audit_path, &events->error)) {
        return false;
    }
    sbx_result_done(&self->result);
    sbx_plan_done(&self->plan);
    sbx_policy_done(&self->policy);
    sbx_policy_init(&self->policy);
    memset(&self->result, 0, sizeof(self->result));
    return true;
}

static int run_plan(execution *self)
{
    const sbx_run_options options = {
        .audit_path = self->audit_path,
        .audit_required = !self->request.audit_best_effort,
        .session = self->request.session,
        .agent = self->request.agent,
        .labels = self->request.label_list,
        .audit_busy_ns = AUDIT_BUSY_S * SBX_NS_PER_S,
        .redaction = self->redaction,
        .ends_process = SBX_LEAVES_MEMORY,
    };

    sbx_run(&self->result, &self->plan, &options);
    if (begins_anew(self)) {
        if (make_plan(self) != SBX_OK) {
            return refuse(self);
        }
        sbx_run(&self->result, &self->plan, &options);
    }
    return hand_over(self);
}

static int execute(execution *self, int argc, char **argv)
{
    if (sbx_exec_request_read(&self->request, argc, argv, &self->err) != SBX_OK) {
        sbx_message_error("exec", &self->err);
        return SBX_EXIT_SBX;
    }
    if (self->request.wants_help) {
        return sbx_help_print(SBX_COMMAND_EXEC);
    }
    if (self->request.argv[0] == NULL) {
        (void)sbx_fail_plain(&self->err, SBX_INVALID, SBX_STEP_OPTIONS,
                             "no command is given — " SBX_PROGRAM_NAME
                             " exec [OPTION…] [--] COMMAND "
                             "[ARG…]");
        sbx_message_error("exec", &self->err);
        return SBX_EXIT_SBX;
    }
    if (open_result_file(self) != SBX_OK) {
        sbx_message_error("exec", &self->err);
        return SBX_EXIT_SBX;
    }
    /* First, because nothing may be recorded without them: a mistake in them is not, as one in the options. */
    if (sbx_secret_patterns_load(&self->redaction, self->request.redact, &self->err) != SBX_OK ||
        find_audit_path(self) != SBX_OK || keep_database(self) != SBX_OK ||
        make_plan(self) != SBX_OK) {
        return refuse(self);
    }
    return self->request.dry_run ? print_plan(self) : run_plan(self);
}

int sbx_command_exec(int argc, char **argv)
{
    execution self = {0};
    int code;

    sbx_prefault_heap(sbx_prefault_is_dear());
    sbx_policy_init(&self.policy);
    sbx_result_file_init(&self.result_file);
    code = execute(&self, argc, argv);
    sbx_result_file_done(&self.result_file);
    if (SBX_LEAVES_MEMORY)
        return code;
    sbx_result_done(&self.result);
    sbx_plan_done(&self.plan);
    sbx_policy_done(&self.policy);
    sbx_exec_request_done(&self.request);
    sbx_redaction_free(self.redaction);
    free(self.audit_path);
    return code;
}
