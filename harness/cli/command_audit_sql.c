/* `sbx audit sql`: one statement that somebody wrote. */
#include "harness/base/clock.h"
#include "harness/cli/audit_parts.h"
#include "harness/cli/message.h"

enum { USUAL_ROWS = 1000, USUAL_TIME_S = 10 };

/* One row more than asked for says that there are more. */
static sbx_status ask(sbx_audit *self)
{
    uint64_t limit = self->filter.limit;
    sbx_query *query = NULL;
    bool was_cut = false;
    sbx_status status =
        sbx_query_sql(&query, self->store, self->operands[0], limit, self->timeout_ns, &self->err);

    if (status == SBX_OK) {
        status = sbx_audit_print(self, query, NULL);
    }
    if (status == SBX_OK) {
        status = sbx_query_has_more(&was_cut, query, &self->err);
    }
    if (status == SBX_OK) {
        status = sbx_audit_flush(self, 1);
    }
    if (status == SBX_OK && was_cut) {
        sbx_message("there are more rows; --limit unlimited prints all");
    }
    sbx_query_free(query);
    return status;
}

int sbx_command_audit_sql(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_AUDIT_SQL,
                      .operands_least = 1,
                      .operands_most = 1,
                      .operand_is = "statement",
                      .timeout_ns = USUAL_TIME_S * SBX_NS_PER_S,
                      .filter = {.limit = USUAL_ROWS}};

    sbx_query_sql_begin();
    return sbx_audit_command(&self, argc, argv, ask);
}
