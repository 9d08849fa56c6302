/* From a run's rows to a suggestion; see from_run.h. */
#include "harness/cli/from_run.h"

#include <string.h>

#include "harness/cli/caller.h"

static const sbx_cell *find_cell(const sbx_column *columns, size_t count, const sbx_cell *cells,
                                 const char *name)
{
    static const sbx_cell null = {.is_null = true};

    for (size_t i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0) {
            return &cells[i];
        }
    }
    return &null;
}

static const char *text_of(const sbx_cell *cell)
{
    return cell->is_null || cell->text == NULL ? "" : cell->text;
}

/* Rows of denials; or of what was learned, which has no class and no rule of its own. */
static sbx_status add_rows(sbx_suggestion *out, sbx_query *query, bool is_learned, sbx_error *err)
{
    size_t count = 0;
    const sbx_column *columns = sbx_query_columns(query, &count);
    const sbx_cell *cells = NULL;
    sbx_status status;

    while ((status = sbx_query_next(query, &cells, err)) == SBX_OK && cells != NULL) {
        const sbx_cell *target = find_cell(columns, count, cells, "target");
        const sbx_wish wish = {
            .kind = is_learned ? "file" : text_of(find_cell(columns, count, cells, "class")),
            .op = text_of(find_cell(columns, count, cells, "op")),
            .target = text_of(target),
            .target_bytes = target->is_null ? 0 : target->text_bytes,
            .rule =
                is_learned ? "no writable root" : text_of(find_cell(columns, count, cells, "rule")),
            .count = (uint64_t)find_cell(columns, count, cells, "count")->integer,
        };

        sbx_suggest_add(out, &wish);
    }
    return status;
}

/* What the record cannot know, the policy cannot give. */
static sbx_status add_gaps(sbx_suggestion *out, const sbx_run_record *run, sbx_error *err)
{
    sbx_text text = {0};
    int64_t lost = sbx_run_record_number(run, "denied_lost", 0);
    sbx_status status = SBX_OK;

    if (lost > 0) {
        sbx_text_add_format(&text,
                            "%lld denied accesses are not in the record: there were too "
                            "many, and what they would take is not known",
                            (long long)lost);
    } else if (strcmp(sbx_run_record_text(run, "status"), "running") == 0) {
        sbx_text_add(&text, "the run has not ended: more may be denied");
    } else if (sbx_run_record_number(run, "audit_complete", 1) == 0) {
        sbx_text_add(&text, "not every denied access of the run was seen");
    } else if (sbx_run_record_text(run, "audit_sources")[0] == '\0') {
        sbx_text_add(&text, "nobody watched the run: what it was denied is not known");
    }
    if (text.bytes > 0) {
        status = sbx_strings_add(&out->cautions, sbx_text_string(&text), err);
    }
    sbx_text_done(&text);
    return status;
}

static sbx_status begin(sbx_suggestion *out, const sbx_run_record *run, const sbx_text *record,
                        const char *db_path, sbx_error *err)
{
    static const char *const command[] = {"true", NULL};
    sbx_plan_request request = {.argv = command,
                                .environment = sbx_caller_environment(),
                                .cwd = sbx_run_record_text(run, "cwd"),
                                .audit_path = db_path,
                                .allow_degraded = true,
                                .watch_denials = true};
    sbx_status status =
        sbx_suggest_begin(out, sbx_text_string(record), record->bytes, &request, err);

    if (status != SBX_INVALID) {
        return status;
    }
    request.cwd = "/"; /* its working directory may be gone, and not matter */
    return sbx_suggest_begin(out, sbx_text_string(record), record->bytes, &request, NULL) == SBX_OK
               ? SBX_OK
               : status;
}

sbx_status sbx_from_run(sbx_suggestion *out, const sbx_run_record *run, sbx_store *store,
                        const char *db_path, sbx_error *err)
{
    const sbx_query_filter filter = {.run = run->id};
    sbx_text record = {0};
    sbx_query *query = NULL;
    sbx_status status = sbx_query_policy(&record, store, run->id, err);

    memset(out, 0, sizeof(*out));
    if (status == SBX_OK) {
        status = begin(out, run, &record, db_path, err);
    }
    sbx_text_done(&record);
    if (status != SBX_OK) {
        return status;
    }
    status = add_gaps(out, run, err);
    if (status == SBX_OK) {
        status = sbx_query_denials(&query, store, &filter, err);
    }
    if (status == SBX_OK) {
        status = add_rows(out, query, false, err);
    }
    sbx_query_free(query);
    if (status == SBX_OK && sbx_run_record_learned(run)) {
        status = sbx_query_learned(&query, store, run->id, err);
        if (status == SBX_OK) {
            status = add_rows(out, query, true, err);
            sbx_query_free(query);
        }
    }
    if (status == SBX_OK) {
        status = sbx_suggest_finish(out, err);
    }
    if (status != SBX_OK) {
        sbx_suggest_done(out);
    }
    return status;
}
