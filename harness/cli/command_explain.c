/* `sbx explain`: one run in plain words. */
#include "harness/cli/audit_parts.h"
#include "harness/cli/explain.h"

enum { USUAL_COLUMNS = 80, MOST_COLUMNS = 100, LEAST_COLUMNS = 40 };

static size_t columns_of(const sbx_screen *screen)
{
    size_t columns = screen->columns == 0 ? USUAL_COLUMNS : screen->columns;

    columns = columns > MOST_COLUMNS ? MOST_COLUMNS : columns;
    return columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns;
}

static sbx_status explain(sbx_audit *self)
{
    sbx_explanation explanation;
    sbx_status status =
        sbx_explain(&explanation, self->store,
                    self->operand_count > 0 ? self->operands[0] : "latest", &self->err);

    if (status != SBX_OK) {
        return status;
    }
    if (self->form == SBX_FORM_JSON) {
        sbx_explanation_to_json(&self->text, &explanation);
    } else {
        sbx_explanation_to_text(&self->text, &explanation, columns_of(&self->screen));
    }
    sbx_explanation_done(&explanation);
    return SBX_OK;
}

int sbx_command_explain(int argc, char **argv)
{
    sbx_audit self = {.command = SBX_COMMAND_EXPLAIN, .operands_most = 1};

    return sbx_audit_command(&self, argc, argv, explain);
}
