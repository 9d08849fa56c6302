/*
 * Rows as documents of the Elastic Common Schema. A run and a program image are one document each of
 * the category process, a denial one of the category file, network or process whose outcome is
 * failure. What has no name there stands under "sbx".
 */
#include <string.h>

#include "audit/export_parts.h"

/* Where a row belongs: only pairs of category and type that the schema expects. */
typedef struct ecs_kind {
    const char *category, *type, *second_type; /* second_type NULL: none */
    const char *action, *outcome, *dataset;
} ecs_kind;

static void put_event(sbx_json *json, const sbx_export *self, const ecs_kind *kind)
{
    sbx_json_open_object(json, "event");
    sbx_json_string(json, "kind", "event");
    sbx_json_open_array(json, "category");
    sbx_json_string(json, NULL, kind->category);
    sbx_json_close_array(json);
    sbx_json_open_array(json, "type");
    sbx_json_string(json, NULL, kind->type);
    if (kind->second_type != NULL)
        sbx_json_string(json, NULL, kind->second_type);
    sbx_json_close_array(json);
    sbx_json_string(json, "action", kind->action);
    sbx_json_string(json, "outcome", kind->outcome);
    sbx_json_string(json, "module", "sbx");
    sbx_json_string(json, "dataset", kind->dataset);
    sbx_export_put_id(json, "id", self, "");
}

static void put_span(sbx_json *json, int64_t start_us, const sbx_cell *end)
{
    sbx_export_put_time(json, "start", start_us);
    if (end->is_null)
        return;
    sbx_export_put_time(json, "end", end->integer);
}

static void describe_machine(sbx_text *out, const sbx_export *self)
{
    bool is_windows = sbx_export_is(self, SBX_FIELD_OS, "windows");
    sbx_json json;

    sbx_text_add(out, ",\"ecs\":");
    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "version", SBX_ECS_VERSION);
    sbx_json_close_object(&json);
    sbx_json_open_object(&json, "host");
    sbx_export_put(&json, "hostname", self, SBX_FIELD_HOSTNAME);
    sbx_export_put(&json, "name", self, SBX_FIELD_HOSTNAME);
    sbx_json_open_object(&json, "os");
    sbx_json_string(&json, "type", is_windows ? "windows" : "linux");
    sbx_export_put(&json, "kernel", self, SBX_FIELD_OS_VERSION);
    sbx_json_close_object(&json);
    sbx_json_close_object(&json);
    sbx_json_open_object(&json, "observer");
    sbx_json_string(&json, "product", "sbx");
    sbx_export_put(&json, "version", self, SBX_FIELD_SBX_VERSION);
    sbx_json_close_object(&json);
}

static void put_user(sbx_json *json, const sbx_export *self)
{
    sbx_json_open_object(json, "user");
    sbx_export_put_digits(json, "id", self, SBX_FIELD_CALLER_UID);
    sbx_json_open_object(json, "effective");
    sbx_export_put_digits(json, "id", self, SBX_FIELD_TARGET_UID);
    sbx_json_close_object(json);
    sbx_json_close_object(json);
}

static void begin(sbx_json *json, sbx_text *out, sbx_export *self, int64_t time_us)
{
    bool is_new = false;

    sbx_json_init(json, out);
    sbx_json_open_object(json, NULL);
    sbx_export_put_time(json, "@timestamp", time_us);
    sbx_text_add(out, sbx_export_machine(&is_new, self, describe_machine));
    put_user(json, self);
    sbx_export_put(json, "labels", self, SBX_FIELD_LABELS);
}

/* What ECS has no name for, and the end of the document. */
static void end(sbx_json *json, const sbx_export *self)
{
    static const struct {
        const char *key;
        sbx_export_field field;
    } extra[] = {
        {"run", SBX_FIELD_RUN},
        {"session", SBX_FIELD_SESSION},
        {"agent", SBX_FIELD_AGENT},
        {"policy", SBX_FIELD_POLICY},
        {"policy_sha256", SBX_FIELD_POLICY_SHA256},
        {"status", SBX_FIELD_STATUS},
        {"reason", SBX_FIELD_REASON},
        {"signal", SBX_FIELD_SIGNAL},
        {"cpu_ns", SBX_FIELD_CPU_NS},
        {"memory_peak_bytes", SBX_FIELD_MEMORY_PEAK_BYTES},
        {"limit_memory_bytes", SBX_FIELD_LIMIT_MEMORY_BYTES},
        {"limit_wall_ns", SBX_FIELD_LIMIT_WALL_NS},
        {"denied_total", SBX_FIELD_DENIED_TOTAL},
        {"network", SBX_FIELD_NETWORK},
        {"enforcement", SBX_FIELD_ENFORCEMENT},
        {"walls", SBX_FIELD_WALLS},
        {"class", SBX_FIELD_CLASS},
        {"target", SBX_FIELD_TARGET},
        {"target_hex", SBX_FIELD_TARGET_HEX},
        {"source", SBX_FIELD_SOURCE},
        {"confidence", SBX_FIELD_CONFIDENCE},
        {"errno", SBX_FIELD_ERRNO},
        {"count", SBX_FIELD_COUNT},
    };

    sbx_json_open_object(json, "sbx");
    for (size_t i = 0; i < SBX_COUNT_OF(extra); i++)
        sbx_export_put(json, extra[i].key, self, extra[i].field);
    sbx_json_close_object(json);
    sbx_json_close_object(json);
    sbx_text_add_bytes(json->out, "\n", 1);
}

static void put_program(sbx_json *json, const sbx_export *self)
{
    const char *exe = sbx_export_text(self, SBX_FIELD_EXE);

    if (exe[0] == '\0')
        return;
    sbx_export_put(json, "executable", self, SBX_FIELD_EXE);
    sbx_json_string(json, "name", sbx_export_name(exe));
}

static void put_run(sbx_text *out, sbx_export *self)
{
    bool is_over = !sbx_export_cell(self, SBX_FIELD_ENDED_US)->is_null;
    ecs_kind kind = {.category = "process",
                     .type = "start",
                     .second_type = is_over ? "end" : NULL,
                     .action = "run",
                     .outcome = !is_over                                      ? "unknown"
                                : sbx_export_is(self, SBX_FIELD_STATUS, "ok") ? "success"
                                                                              : "failure",
                     .dataset = "sbx.run"};
    int64_t started_us = sbx_export_cell(self, SBX_FIELD_STARTED_US)->integer;
    sbx_json json;

    begin(&json, out, self, started_us);
    put_event(&json, self, &kind);
    put_span(&json, started_us, sbx_export_cell(self, SBX_FIELD_ENDED_US));
    sbx_export_put(&json, "duration", self, SBX_FIELD_WALL_NS);
    sbx_json_close_object(&json);
    sbx_json_open_object(&json, "process");
    sbx_export_put(&json, "entity_id", self, SBX_FIELD_RUN);
    sbx_export_put(&json, "command_line", self, SBX_FIELD_COMMAND);
    sbx_export_put(&json, "args", self, SBX_FIELD_ARGV);
    sbx_export_put(&json, "working_directory", self, SBX_FIELD_CWD);
    sbx_export_put_time(&json, "start", started_us);
    sbx_export_put(&json, "exit_code", self, SBX_FIELD_EXIT_CODE);
    sbx_json_close_object(&json);
    if (!sbx_export_cell(self, SBX_FIELD_MESSAGE)->is_null) {
        sbx_json_open_object(&json, "error");
        sbx_export_put(&json, "message", self, SBX_FIELD_MESSAGE);
        sbx_json_close_object(&json);
    }
    end(&json, self);
}

static void put_image(sbx_text *out, sbx_export *self)
{
    const sbx_cell *ended = sbx_export_cell(self, SBX_FIELD_END_US);
    ecs_kind kind = {.category = "process",
                     .type = "start",
                     .second_type = ended->is_null ? NULL : "end",
                     .action = "exec",
                     .outcome = "success",
                     .dataset = "sbx.process"};
    int64_t start_us = sbx_export_cell(self, SBX_FIELD_START_US)->integer;
    sbx_json json;

    begin(&json, out, self, start_us);
    put_event(&json, self, &kind);
    put_span(&json, start_us, ended);
    sbx_json_close_object(&json);
    sbx_json_open_object(&json, "process");
    sbx_export_put(&json, "pid", self, SBX_FIELD_PID);
    put_program(&json, self);
    sbx_export_put(&json, "command_line", self, SBX_FIELD_COMMAND);
    sbx_export_put(&json, "args", self, SBX_FIELD_ARGV);
    sbx_export_put_time(&json, "start", start_us);
    if (!ended->is_null)
        sbx_export_put_time(&json, "end", ended->integer);
    sbx_export_put(&json, "exit_code", self, SBX_FIELD_EXIT_CODE);
    sbx_json_open_object(&json, "parent");
    sbx_export_put(&json, "pid", self, SBX_FIELD_PARENT_PID);
    sbx_json_close_object(&json);
    sbx_json_close_object(&json);
    end(&json, self);
}

/* A file that may not be touched is of a type that says what was tried; the outcome is failure. */
static void choose_kind(ecs_kind *out, const sbx_export *self)
{
    static const struct {
        const char *op, *type;
    } file_types[] = {
        {"create", "creation"}, {"link", "creation"}, {"remove", "deletion"}, {"read", "access"}};

    out->action = sbx_export_text(self, SBX_FIELD_OP);
    if (sbx_export_is(self, SBX_FIELD_CLASS, "file")) {
        out->category = "file";
        out->type = "change";
        for (size_t i = 0; i < SBX_COUNT_OF(file_types); i++)
            if (strcmp(out->action, file_types[i].op) == 0)
                out->type = file_types[i].type;
    } else if (sbx_export_is(self, SBX_FIELD_CLASS, "network")) {
        out->category = "network";
        out->type = "connection";
        out->second_type = "denied";
    } else {
        out->category = "process";
        out->type = "info";
    }
}

static void put_target(sbx_json *json, const sbx_export *self, const ecs_kind *kind)
{
    const char *target = sbx_export_text(self, SBX_FIELD_TARGET);
    sbx_export_address address;
    bool is_bind = strcmp(kind->action, "bind") == 0;

    if (strcmp(kind->category, "file") == 0) {
        sbx_json_open_object(json, "file");
        sbx_export_put(json, "path", self, SBX_FIELD_TARGET);
        sbx_json_string(json, "name", sbx_export_name(target));
        sbx_json_close_object(json);
    } else if (strcmp(kind->category, "network") == 0) {
        bool has_port = sbx_export_split_address(&address, target);

        sbx_json_open_object(json, is_bind ? "source" : "destination");
        sbx_json_string(json, "address", has_port ? address.host : target);
        if (has_port)
            sbx_json_unsigned(json, "port", address.port);
        sbx_json_close_object(json);
        sbx_json_open_object(json, "network");
        if (has_port)
            sbx_json_string(json, "transport", address.protocol);
        sbx_json_string(json, "direction", is_bind ? "ingress" : "egress");
        sbx_json_close_object(json);
    }
}

static void put_denial(sbx_text *out, sbx_export *self)
{
    ecs_kind kind = {.outcome = "failure", .dataset = "sbx.denial"};
    int64_t first_us = sbx_export_cell(self, SBX_FIELD_FIRST_US)->integer;
    sbx_json json;

    choose_kind(&kind, self);
    begin(&json, out, self, first_us);
    put_event(&json, self, &kind);
    put_span(&json, first_us, sbx_export_cell(self, SBX_FIELD_LAST_US));
    sbx_json_close_object(&json);
    sbx_json_open_object(&json, "process");
    sbx_export_put(&json, "pid", self, SBX_FIELD_PID);
    put_program(&json, self);
    sbx_json_close_object(&json);
    put_target(&json, self, &kind);
    sbx_json_open_object(&json, "rule");
    sbx_export_put(&json, "name", self, SBX_FIELD_RULE);
    sbx_export_put(&json, "ruleset", self, SBX_FIELD_POLICY);
    sbx_json_close_object(&json);
    end(&json, self);
}

void sbx_export_ecs(sbx_text *out, sbx_export *self)
{
    if (self->what == SBX_EXPORT_RUNS)
        put_run(out, self);
    else if (self->what == SBX_EXPORT_PROCESSES)
        put_image(out, self);
    else
        put_denial(out, self);
}
