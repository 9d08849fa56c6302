/*
 * Rows as OpenTelemetry data in its JSON encoding: ids in hexadecimal, 64-bit numbers as strings, enums
 * as numbers. One line is one TracesData (runs, processes) or LogsData (denials) with up to some
 * hundred records of one machine, as the file exporter writes them.
 *
 * A run id is 128 bits, and so is a trace id: they are the same bytes. The span of the run is the lower
 * half of it; that of a program image is made from the run's and its number.
 */
#include <string.h>

#include "audit/export_parts.h"

enum { LINE_RECORDS = 256, TRACE_BYTES = 16, SPAN_BYTES = 8, SEVERITY_WARN = 13 };
enum { SPAN_KIND_INTERNAL = 1, STATUS_OK = 1, STATUS_ERROR = 2 };

/* The 128 bits of a ULID; false: it is none. */
static bool read_run_id(uint8_t out[TRACE_BYTES], const char *text)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    memset(out, 0, TRACE_BYTES);
    if (strlen(text) != SBX_RUN_ID_BYTES - 1)
        return false;
    for (; *text != '\0'; text++) {
        const char *digit = strchr(digits, *text);
        unsigned carry = 0;

        if (digit == NULL)
            return false;
        carry = (unsigned)(digit - digits);
        for (int i = TRACE_BYTES - 1; i >= 0; i--) { /* out = out * 32 + digit */
            carry |= (unsigned)out[i] << 5;
            out[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    return true;
}

/* Never all zero, which would mean that there is no span. */
static void make_span_id(uint8_t out[SPAN_BYTES], const uint8_t trace[TRACE_BYTES], uint64_t number)
{
    uint64_t mixed = number * UINT64_C(0x9E3779B97F4A7C15); /* odd: no two numbers give the same */

    for (int i = 0; i < SPAN_BYTES; i++)
        out[i] = trace[SPAN_BYTES + i] ^ (uint8_t)(mixed >> (56 - 8 * i));
    for (int i = 0; i < SPAN_BYTES; i++)
        if (out[i] != 0)
            return;
    out[SPAN_BYTES - 1] = 1;
}

static void put_nanos(sbx_json *json, const char *key, int64_t us)
{
    sbx_json bare;

    sbx_json_raw(json, key, "\"");
    sbx_json_init(&bare, json->out);
    sbx_json_signed(&bare, NULL, us);
    sbx_text_add(json->out, us == 0 ? "\"" : "000\"");
}

static void open_attribute(sbx_json *json, const char *key)
{
    sbx_json_open_object(json, NULL);
    sbx_json_string(json, "key", key);
    sbx_json_open_object(json, "value");
}

static void close_attribute(sbx_json *json)
{
    sbx_json_close_object(json);
    sbx_json_close_object(json);
}

static void put_word(sbx_json *json, const char *key, const char *word)
{
    open_attribute(json, key);
    sbx_json_string(json, "stringValue", word);
    close_attribute(json);
}

static void put_field(sbx_json *json, const char *key, const sbx_export *self,
                      sbx_export_field field)
{
    const sbx_cell *cell = sbx_export_cell(self, field);

    if (cell->is_null || (cell->text != NULL && cell->text_bytes == 0))
        return;
    open_attribute(json, key);
    if (cell->text != NULL)
        sbx_json_bytes(json, "stringValue", cell->text, cell->text_bytes);
    else
        sbx_export_put_digits(json, "intValue", self, field);
    close_attribute(json);
}

typedef struct otlp_attribute {
    const char *key;
    sbx_export_field field;
} otlp_attribute;

static void put_fields(sbx_json *json, const sbx_export *self, const otlp_attribute *all,
                       size_t count)
{
    sbx_json_open_array(json, "attributes");
    for (size_t i = 0; i < count; i++)
        put_field(json, all[i].key, self, all[i].field);
    sbx_json_close_array(json);
}

/* The machine and the program, as everything on a line has them. */
static void describe_resource(sbx_text *out, const sbx_export *self)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_open_array(&json, "attributes");
    put_word(&json, "service.name", "sbx");
    put_field(&json, "service.version", self, SBX_FIELD_SBX_VERSION);
    put_field(&json, "host.name", self, SBX_FIELD_HOSTNAME);
    put_word(&json, "os.type", sbx_export_is(self, SBX_FIELD_OS, "windows") ? "windows" : "linux");
    put_field(&json, "os.version", self, SBX_FIELD_OS_VERSION);
    sbx_json_close_array(&json);
    sbx_json_close_object(&json);
}

static void close_line(sbx_text *out, sbx_export *self)
{
    if (self->line_records > 0)
        sbx_text_add(out, "]}]}]}\n");
    self->line_records = 0;
}

void sbx_export_end(sbx_text *out, sbx_export *self)
{
    close_line(out, self);
}

/* Where the next record goes: into the open line, or a new one. */
static void open_record(sbx_text *out, sbx_export *self)
{
    bool are_spans = self->what != SBX_EXPORT_DENIALS, is_new = false;
    const char *resource = sbx_export_machine(&is_new, self, describe_resource);

    if (self->line_records == LINE_RECORDS || is_new)
        close_line(out, self);
    if (self->line_records++ > 0) {
        sbx_text_add(out, ",");
        return;
    }
    sbx_text_add(out, are_spans ? "{\"resourceSpans\":[{\"resource\":"
                                : "{\"resourceLogs\":[{\"resource\":");
    sbx_text_add(out, resource);
    sbx_text_add(out, are_spans ? ",\"scopeSpans\":[{\"scope\":{\"name\":\"sbx.audit\"},\"spans\":["
                                : ",\"scopeLogs\":[{\"scope\":{\"name\":\"sbx.audit\"},"
                                  "\"logRecords\":[");
}

static void put_ids(sbx_json *json, const uint8_t trace[TRACE_BYTES],
                    const uint8_t span[SPAN_BYTES])
{
    sbx_json_hex(json, "traceId", trace, TRACE_BYTES);
    sbx_json_hex(json, "spanId", span, SPAN_BYTES);
}

static void put_status(sbx_json *json, bool is_ok, const char *message)
{
    sbx_json_open_object(json, "status");
    sbx_json_signed(json, "code", is_ok ? STATUS_OK : STATUS_ERROR);
    if (!is_ok && message[0] != '\0')
        sbx_json_string(json, "message", message);
    sbx_json_close_object(json);
}

/* The name of a span is short and no path: the first word's last part. */
static void put_span_name(sbx_json *json, const char *command)
{
    size_t word = strcspn(command, " ");
    size_t start = word;

    while (start > 0 && command[start - 1] != '/')
        start--;
    sbx_json_bytes(json, "name", command + start, word - start);
}

static void put_run(sbx_json *json, const sbx_export *self, const uint8_t trace[TRACE_BYTES])
{
    static const otlp_attribute attributes[] = {
        {"sbx.run.id", SBX_FIELD_RUN},
        {"sbx.status", SBX_FIELD_STATUS},
        {"sbx.reason", SBX_FIELD_REASON},
        {"process.command_line", SBX_FIELD_COMMAND},
        {"process.working_directory", SBX_FIELD_CWD},
        {"process.exit.code", SBX_FIELD_EXIT_CODE},
        {"sbx.signal", SBX_FIELD_SIGNAL},
        {"sbx.cpu_ns", SBX_FIELD_CPU_NS},
        {"sbx.memory_peak_bytes", SBX_FIELD_MEMORY_PEAK_BYTES},
        {"sbx.limit_memory_bytes", SBX_FIELD_LIMIT_MEMORY_BYTES},
        {"sbx.limit_wall_ns", SBX_FIELD_LIMIT_WALL_NS},
        {"sbx.denied_total", SBX_FIELD_DENIED_TOTAL},
        {"sbx.policy", SBX_FIELD_POLICY},
        {"sbx.network", SBX_FIELD_NETWORK},
        {"sbx.enforcement", SBX_FIELD_ENFORCEMENT},
        {"sbx.session", SBX_FIELD_SESSION},
        {"sbx.agent", SBX_FIELD_AGENT},
        {"sbx.labels", SBX_FIELD_LABELS},
        {"sbx.caller_uid", SBX_FIELD_CALLER_UID},
        {"sbx.target_uid", SBX_FIELD_TARGET_UID},
    };
    int64_t started_us = sbx_export_cell(self, SBX_FIELD_STARTED_US)->integer;
    const sbx_cell *ended = sbx_export_cell(self, SBX_FIELD_ENDED_US);
    uint8_t span[SPAN_BYTES];

    make_span_id(span, trace, 0);
    put_ids(json, trace, span);
    put_span_name(json, sbx_export_text(self, SBX_FIELD_COMMAND));
    sbx_json_signed(json, "kind", SPAN_KIND_INTERNAL);
    put_nanos(json, "startTimeUnixNano", started_us);
    put_nanos(json, "endTimeUnixNano", ended->is_null ? started_us : ended->integer);
    put_fields(json, self, attributes, SBX_COUNT_OF(attributes));
    if (!ended->is_null)
        put_status(json, sbx_export_is(self, SBX_FIELD_STATUS, "ok"),
                   sbx_export_text(self, SBX_FIELD_MESSAGE));
}

static void put_image(sbx_json *json, const sbx_export *self, const uint8_t trace[TRACE_BYTES])
{
    static const otlp_attribute attributes[] = {
        {"sbx.run.id", SBX_FIELD_RUN},
        {"process.pid", SBX_FIELD_PID},
        {"process.parent_pid", SBX_FIELD_PARENT_PID},
        {"process.executable.path", SBX_FIELD_EXE},
        {"process.command_line", SBX_FIELD_COMMAND},
        {"process.exit.code", SBX_FIELD_EXIT_CODE},
    };
    int64_t start_us = sbx_export_cell(self, SBX_FIELD_START_US)->integer;
    const sbx_cell *end = sbx_export_cell(self, SBX_FIELD_END_US);
    uint8_t span[SPAN_BYTES], parent[SPAN_BYTES];

    make_span_id(parent, trace, 0);
    make_span_id(span, trace, (uint64_t)sbx_export_cell(self, SBX_FIELD_IDX)->integer + 1);
    put_ids(json, trace, span);
    sbx_json_hex(json, "parentSpanId", parent, SPAN_BYTES);
    put_span_name(json, sbx_export_text(self, SBX_FIELD_EXE));
    sbx_json_signed(json, "kind", SPAN_KIND_INTERNAL);
    put_nanos(json, "startTimeUnixNano", start_us);
    put_nanos(json, "endTimeUnixNano", end->is_null ? start_us : end->integer);
    put_fields(json, self, attributes, SBX_COUNT_OF(attributes));
}

static void put_denial(sbx_json *json, const sbx_export *self, const uint8_t trace[TRACE_BYTES])
{
    static const otlp_attribute attributes[] = {
        {"sbx.run.id", SBX_FIELD_RUN},
        {"sbx.denial.class", SBX_FIELD_CLASS},
        {"sbx.denial.op", SBX_FIELD_OP},
        {"sbx.denial.target", SBX_FIELD_TARGET},
        {"sbx.denial.target_hex", SBX_FIELD_TARGET_HEX},
        {"sbx.denial.rule", SBX_FIELD_RULE},
        {"sbx.denial.source", SBX_FIELD_SOURCE},
        {"sbx.denial.confidence", SBX_FIELD_CONFIDENCE},
        {"sbx.denial.errno", SBX_FIELD_ERRNO},
        {"sbx.denial.count", SBX_FIELD_COUNT},
        {"process.pid", SBX_FIELD_PID},
        {"process.executable.path", SBX_FIELD_EXE},
        {"sbx.session", SBX_FIELD_SESSION},
        {"sbx.agent", SBX_FIELD_AGENT},
        {"sbx.labels", SBX_FIELD_LABELS},
    };
    const sbx_cell *target = sbx_export_cell(self, SBX_FIELD_TARGET);
    sbx_text body = {0};
    uint8_t span[SPAN_BYTES];

    make_span_id(span, trace, 0);
    put_nanos(json, "timeUnixNano", sbx_export_cell(self, SBX_FIELD_FIRST_US)->integer);
    put_nanos(json, "observedTimeUnixNano", sbx_export_cell(self, SBX_FIELD_LAST_US)->integer);
    sbx_json_signed(json, "severityNumber", SEVERITY_WARN);
    sbx_json_string(json, "severityText", "WARN");
    sbx_text_add(&body, "denied ");
    sbx_text_add(&body, sbx_export_text(self, SBX_FIELD_OP));
    sbx_text_add(&body, " ");
    if (!target->is_null && target->text != NULL)
        sbx_text_add_bytes(&body, target->text, target->text_bytes);
    sbx_json_open_object(json, "body");
    sbx_json_bytes(json, "stringValue", sbx_text_string(&body), body.bytes);
    sbx_json_close_object(json);
    put_fields(json, self, attributes, SBX_COUNT_OF(attributes));
    put_ids(json, trace, span);
    json->out->failed = json->out->failed || body.failed;
    sbx_text_done(&body);
}

void sbx_export_otlp(sbx_text *out, sbx_export *self)
{
    uint8_t trace[TRACE_BYTES];
    sbx_json json;

    (void)read_run_id(trace, sbx_export_text(self, SBX_FIELD_RUN)); /* no id: a trace of zeros */
    open_record(out, self);
    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    if (self->what == SBX_EXPORT_RUNS)
        put_run(&json, self, trace);
    else if (self->what == SBX_EXPORT_PROCESSES)
        put_image(&json, self, trace);
    else
        put_denial(&json, self, trace);
    sbx_json_close_object(&json);
}
