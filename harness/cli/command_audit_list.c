/* `sbx audit ls`, `denials`, `top`, `stats`: rows of one kind. */
#include "harness/cli/audit_filter.h"
#include "harness/cli/audit_parts.h"

enum { USUAL_ROWS = 50, USUAL_SUMS = 20 };

/* Newest first, most questions meet enough rows soon; these may have to look for a rare one. */
static bool may_look_far(const sbx_query_filter *filter)
{
    return filter->run == NULL &&
           (filter->status != NULL || filter->reason != NULL || filter->has_user ||
            filter->label_count > 0 || filter->session != NULL || filter->agent != NULL ||
            filter->batch != NULL || filter->mem_over_percent > 0 || filter->path != NULL ||
            filter->exe != NULL || filter->denied_only);
}

static sbx_status list_runs(sbx_audit *self)
{
    sbx_query *query = NULL;
    sbx_status status;

    if (may_look_far(&self->filter)) {
        sbx_audit_use_index(self->store);
    }
    status = sbx_query_runs(&query, self->store, &self->filter, &self->err);
    if (status == SBX_OK) {
        status = sbx_audit_print(self, query, "no such run is recorded");
    }
    sbx_query_free(query);
    return status;
}

static sbx_status list_denials(sbx_audit *self)
{
    sbx_query *query = NULL;
    sbx_status status;

    self->filter.run = self->operand_count > 0 ? self->operands[0] : NULL;
    if (self->has_by && !self->has_limit) {
        self->filter.limit = USUAL_SUMS;
    }
    if (self->filter.run == NULL && (self->has_by || may_look_far(&self->filter))) {
        sbx_audit_use_index(self->store);
    }
    if (self->has_by) {
        status = sbx_query_denial_sums(&query, self->store, &self->filter,
                                       (sbx_denial_group)self->by, &self->err);
    } else {
        status = sbx_query_denials(&query, self->store, &self->filter, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_audit_print(self, query, "no denial is recorded");
    }
    sbx_query_free(query);
    return status;
}

static sbx_status list_top(sbx_audit *self)
{
    sbx_query *query = NULL;
    sbx_status status;

    sbx_audit_use_index(self->store);
    status = sbx_query_top(&query, self->store, &self->filter, (sbx_measure)self->by, &self->err);
    if (status == SBX_OK) {
        status = sbx_audit_print(self, query, "no such run is recorded");
    }
    sbx_query_free(query);
    return status;
}

static sbx_status list_stats(sbx_audit *self)
{
    sbx_query *query = NULL;
    sbx_status status;

    sbx_audit_use_index(self->store);
    status = sbx_query_stats(&query, self->store, &self->filter, &self->err);
    if (status == SBX_OK) {
        status = sbx_audit_print(self, query, "no such run is recorded");
    }
    sbx_query_free(query);
    return status;
}

int sbx_command_audit_ls(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_AUDIT_LS, .filter = {.limit = USUAL_ROWS}};

    return sbx_audit_command(&self, argc, argv, list_runs);
}

int sbx_command_audit_denials(int argc, char **argv)
{
    sbx_audit self = {
        .command = SBX_COMMAND_AUDIT_DENIALS, .operands_most = 1, .filter = {.limit = USUAL_ROWS}};

    return sbx_audit_command(&self, argc, argv, list_denials);
}

int sbx_command_audit_top(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_AUDIT_TOP, .filter = {.limit = USUAL_SUMS}};

    return sbx_audit_command(&self, argc, argv, list_top);
}

int sbx_command_audit_stats(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_AUDIT_STATS, .filter = {.limit = USUAL_SUMS}};

    return sbx_audit_command(&self, argc, argv, list_stats);
}
