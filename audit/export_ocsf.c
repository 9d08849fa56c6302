/*
 * Rows as events of the Open Cybersecurity Schema Framework. A run is a process that was launched and
 * terminated (class 1007), and so is each program image; a denial is File System Activity (1001),
 * Network Activity (4001), Process Activity or Kernel Activity (1003) that was denied and blocked.
 */
#include <string.h>

#include "audit/export_parts.h"

enum { OTHER = 99 };

typedef struct ocsf_class {
    int uid, category;
} ocsf_class;

static const ocsf_class file_activity = {1001, 1}, kernel_activity = {1003, 1},
                        process_activity = {1007, 1}, network_activity = {4001, 4};

/* What an event says before its own part. */
typedef struct ocsf_head {
    ocsf_class class;
    int activity, severity, status; /* as the schema numbers them; status 0: left out */
    const char *activity_name;      /* of OTHER */
    const char *part;               /* makes the event's id out of the row's */
    int64_t time_us;
    bool is_denied;
} ocsf_head;

/* "device" and the product, which the metadata of every event begin with. */
static void describe_machine(sbx_text *out, const sbx_export *self)
{
    bool is_windows = sbx_export_is(self, SBX_FIELD_OS, "windows");
    sbx_json json;

    sbx_text_add(out, ",\"device\":");
    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_export_put(&json, "hostname", self, SBX_FIELD_HOSTNAME);
    sbx_json_signed(&json, "type_id", 0);
    sbx_json_open_object(&json, "os");
    sbx_json_string(&json, "name", is_windows ? "Windows" : "Linux");
    sbx_json_signed(&json, "type_id", is_windows ? 100 : 200);
    sbx_export_put(&json, "version", self, SBX_FIELD_OS_VERSION);
    sbx_json_close_object(&json);
    sbx_json_close_object(&json);
    sbx_json_open_object(&json, "metadata"); /* closed by put_machine() */
    sbx_json_string(&json, "version", SBX_OCSF_VERSION);
    sbx_json_open_object(&json, "product");
    sbx_json_string(&json, "name", "sbx");
    sbx_json_string(&json, "vendor_name", "sbx");
    sbx_export_put(&json, "version", self, SBX_FIELD_SBX_VERSION);
    sbx_json_close_object(&json);
    sbx_json_open_array(&json, "profiles");
    sbx_json_string(&json, NULL, "host");
    sbx_json_string(&json, NULL, "security_control");
    sbx_json_close_array(&json);
}

static void put_machine(sbx_json *json, sbx_export *self, const ocsf_head *head)
{
    bool is_new = false;

    sbx_text_add(json->out, sbx_export_machine(&is_new, self, describe_machine));
    sbx_export_put(json, "correlation_uid", self, SBX_FIELD_RUN);
    sbx_export_put_id(json, "uid", self, head->part);
    sbx_json_close_object(json);
}

/* A program and its file, as "file" or in a process. */
static void put_program(sbx_json *json, const sbx_export *self)
{
    const char *exe = sbx_export_text(self, SBX_FIELD_EXE);

    if (exe[0] == '\0')
        return;
    sbx_json_string(json, "name", sbx_export_name(exe));
    sbx_json_open_object(json, "file");
    sbx_json_string(json, "name", sbx_export_name(exe));
    sbx_export_put(json, "path", self, SBX_FIELD_EXE);
    sbx_json_signed(json, "type_id", 1);
    sbx_json_close_object(json);
}

static void put_user(sbx_json *json, const sbx_export *self, sbx_export_field field)
{
    sbx_json_open_object(json, "user");
    sbx_export_put_digits(json, "uid", self, field);
    sbx_json_close_object(json);
}

/* Who acted: of a run sbx's caller, of a denial the process that tried, of a program its parent. */
static void put_actor(sbx_json *json, const sbx_export *self)
{
    sbx_json_open_object(json, "actor");
    if (self->what == SBX_EXPORT_RUNS) {
        sbx_json_string(json, "app_name", "sbx");
        put_user(json, self, SBX_FIELD_CALLER_UID);
    } else {
        sbx_json_open_object(json, "process");
        sbx_export_put(json, "pid", self,
                       self->what == SBX_EXPORT_DENIALS ? SBX_FIELD_PID : SBX_FIELD_PARENT_PID);
        if (self->what == SBX_EXPORT_DENIALS)
            put_program(json, self);
        sbx_json_close_object(json);
        put_user(json, self, SBX_FIELD_TARGET_UID);
    }
    sbx_json_close_object(json);
}

static void put_control(sbx_json *json, const sbx_export *self, bool is_denied)
{
    sbx_json_signed(json, "action_id", is_denied ? 2 : 1);
    sbx_json_string(json, "action", is_denied ? "Denied" : "Allowed");
    sbx_json_signed(json, "disposition_id", is_denied ? 2 : 1);
    sbx_json_string(json, "disposition", is_denied ? "Blocked" : "Allowed");
    sbx_json_open_object(json, "policy");
    sbx_export_put(json, "name", self, SBX_FIELD_POLICY);
    sbx_export_put(json, "uid", self, SBX_FIELD_POLICY_SHA256);
    sbx_json_close_object(json);
}

static void begin(sbx_json *json, sbx_text *out, sbx_export *self, const ocsf_head *head)
{
    sbx_json_init(json, out);
    sbx_json_open_object(json, NULL);
    sbx_json_signed(json, "category_uid", head->class.category);
    sbx_json_signed(json, "class_uid", head->class.uid);
    sbx_json_signed(json, "activity_id", head->activity);
    if (head->activity == OTHER)
        sbx_json_string(json, "activity_name", head->activity_name);
    sbx_json_signed(json, "type_uid", (int64_t)head->class.uid * 100 + head->activity);
    sbx_json_signed(json, "time", head->time_us / 1000);
    sbx_json_signed(json, "severity_id", head->severity);
    if (head->status != 0)
        sbx_json_signed(json, "status_id", head->status);
    put_machine(json, self, head);
    put_actor(json, self);
    put_control(json, self, head->is_denied);
}

/* What OCSF has no name for, and the end of the event. */
static void end(sbx_json *json, const sbx_export *self)
{
    static const struct {
        const char *key;
        sbx_export_field field;
    } extra[] = {
        {"session", SBX_FIELD_SESSION},
        {"agent", SBX_FIELD_AGENT},
        {"labels", SBX_FIELD_LABELS},
        {"rule", SBX_FIELD_RULE},
        {"source", SBX_FIELD_SOURCE},
        {"confidence", SBX_FIELD_CONFIDENCE},
        {"target_hex", SBX_FIELD_TARGET_HEX},
        {"status", SBX_FIELD_STATUS},
        {"reason", SBX_FIELD_REASON},
        {"signal", SBX_FIELD_SIGNAL},
        {"cpu_ns", SBX_FIELD_CPU_NS},
        {"memory_peak_bytes", SBX_FIELD_MEMORY_PEAK_BYTES},
        {"denied_total", SBX_FIELD_DENIED_TOTAL},
        {"network", SBX_FIELD_NETWORK},
        {"enforcement", SBX_FIELD_ENFORCEMENT},
        {"walls", SBX_FIELD_WALLS},
        {"limits_hit", SBX_FIELD_LIMITS_HIT},
    };

    sbx_json_open_object(json, "unmapped");
    for (size_t i = 0; i < SBX_COUNT_OF(extra); i++)
        sbx_export_put(json, extra[i].key, self, extra[i].field);
    sbx_json_close_object(json);
    sbx_json_close_object(json);
    sbx_text_add_bytes(json->out, "\n", 1);
}

static void put_run_process(sbx_json *json, const sbx_export *self)
{
    sbx_json_open_object(json, "process");
    sbx_export_put(json, "uid", self, SBX_FIELD_RUN);
    sbx_export_put(json, "cmd_line", self, SBX_FIELD_COMMAND);
    sbx_export_put(json, "working_directory", self, SBX_FIELD_CWD);
    put_user(json, self, SBX_FIELD_TARGET_UID);
    sbx_json_close_object(json);
}

static void put_run(sbx_text *out, sbx_export *self)
{
    bool is_refused = sbx_export_is(self, SBX_FIELD_STATUS, "refused");
    bool is_ok = sbx_export_is(self, SBX_FIELD_STATUS, "ok");
    ocsf_head head = {.class = process_activity,
                      .activity = 1,
                      .severity = is_refused ? 2 : 1,
                      .status = is_refused ? 2 : 1,
                      .part = "launch",
                      .time_us = sbx_export_cell(self, SBX_FIELD_STARTED_US)->integer,
                      .is_denied = is_refused};
    const sbx_cell *ended = sbx_export_cell(self, SBX_FIELD_ENDED_US);
    const sbx_cell *wall = sbx_export_cell(self, SBX_FIELD_WALL_NS);
    sbx_json json;

    begin(&json, out, self, &head);
    put_run_process(&json, self);
    if (is_refused)
        sbx_export_put(&json, "status_detail", self, SBX_FIELD_MESSAGE);
    end(&json, self);
    if (ended->is_null || is_refused)
        return; /* it runs, or never did */
    head.activity = 2;
    head.part = "terminate";
    head.severity = is_ok ? 1 : 2;
    head.status = is_ok ? 1 : 2;
    head.time_us = ended->integer;
    begin(&json, out, self, &head);
    put_run_process(&json, self);
    sbx_export_put(&json, "exit_code", self, SBX_FIELD_EXIT_CODE);
    sbx_export_put(&json, "status_code", self, SBX_FIELD_STATUS);
    sbx_export_put(&json, "status_detail", self, SBX_FIELD_MESSAGE);
    if (!wall->is_null)
        sbx_json_signed(&json, "duration", wall->integer / 1000000);
    end(&json, self);
}

static void put_image(sbx_text *out, sbx_export *self)
{
    ocsf_head head = {.class = process_activity,
                      .activity = 1,
                      .severity = 1,
                      .status = 1,
                      .part = "launch",
                      .time_us = sbx_export_cell(self, SBX_FIELD_START_US)->integer};
    const sbx_cell *ended = sbx_export_cell(self, SBX_FIELD_END_US);
    sbx_json json;

    for (int activity = 1; activity <= (ended->is_null ? 1 : 2); activity++) {
        if (activity == 2) {
            head.activity = 2;
            head.part = "terminate";
            head.time_us = ended->integer;
        }
        begin(&json, out, self, &head);
        sbx_json_open_object(&json, "process");
        sbx_export_put(&json, "pid", self, SBX_FIELD_PID);
        sbx_export_put(&json, "cmd_line", self, SBX_FIELD_COMMAND);
        put_program(&json, self);
        sbx_json_open_object(&json, "parent_process");
        sbx_export_put(&json, "pid", self, SBX_FIELD_PARENT_PID);
        sbx_json_close_object(&json);
        sbx_json_close_object(&json);
        if (activity == 2)
            sbx_export_put(&json, "exit_code", self, SBX_FIELD_EXIT_CODE);
        end(&json, self);
    }
}

/* The activity that an attempt would have been, by the words of denial.h. */
static void choose_activity(ocsf_head *head, const sbx_export *self)
{
    static const struct {
        const char *class, *op;
        int activity;
    } known[] = {
        {"file", "create", 1},   {"file", "read", 2},       {"file", "write", 3},
        {"file", "remove", 4},   {"file", "rename", 5},     {"file", "utime", 6},
        {"file", "setxattr", 6}, {"file", "chmod", 7},      {"file", "chown", 7},
        {"file", "link", 1},     {"network", "connect", 1}, {"network", "send", 6},
        {"network", "bind", 7},  {"network", "listen", 7},  {"process", "ptrace", 3},
    };
    const char *class = sbx_export_text(self, SBX_FIELD_CLASS);

    head->activity_name = sbx_export_text(self, SBX_FIELD_OP);
    head->activity = OTHER;
    head->class = strcmp(class, "file") == 0      ? file_activity
                  : strcmp(class, "network") == 0 ? network_activity
                  : strcmp(class, "process") == 0 ? process_activity
                                                  : kernel_activity;
    if (strcmp(class, "syscall") == 0)
        head->activity = 4; /* Invoke */
    for (size_t i = 0; i < SBX_COUNT_OF(known); i++)
        if (strcmp(class, known[i].class) == 0 && strcmp(head->activity_name, known[i].op) == 0)
            head->activity = known[i].activity;
}

static void put_endpoint(sbx_json *json, const sbx_export *self)
{
    bool is_bind = sbx_export_is(self, SBX_FIELD_OP, "bind");
    sbx_export_address address;

    if (!sbx_export_split_address(&address, sbx_export_text(self, SBX_FIELD_TARGET))) {
        sbx_json_open_object(json, "dst_endpoint"); /* "unix /run/x": no address, but a name */
        sbx_export_put(json, "name", self, SBX_FIELD_TARGET);
        sbx_json_close_object(json);
        return;
    }
    sbx_json_open_object(json, is_bind ? "src_endpoint" : "dst_endpoint");
    sbx_json_string(json, "ip", address.host);
    sbx_json_unsigned(json, "port", address.port);
    sbx_json_close_object(json);
    sbx_json_open_object(json, "connection_info");
    sbx_json_string(json, "protocol_name", address.protocol);
    sbx_json_signed(json, "direction_id", is_bind ? 1 : 2);
    sbx_json_close_object(json);
}

static void put_object(sbx_json *json, const sbx_export *self, ocsf_class class)
{
    const char *target = sbx_export_text(self, SBX_FIELD_TARGET);

    if (class.uid == network_activity.uid) {
        put_endpoint(json, self);
    } else if (class.uid == file_activity.uid) {
        sbx_json_open_object(json, "file");
        sbx_json_string(json, "name", sbx_export_name(target));
        sbx_export_put(json, "path", self, SBX_FIELD_TARGET);
        sbx_json_signed(json, "type_id", 0);
        sbx_json_close_object(json);
    } else if (class.uid == process_activity.uid) {
        sbx_json_open_object(json, "process");
        sbx_json_string(json, "uid", target);
        sbx_json_close_object(json);
    } else {
        sbx_json_open_object(json, "kernel");
        sbx_json_string(json, "name", target);
        sbx_json_signed(json, "type_id", 2);
        sbx_json_close_object(json);
    }
}

static void put_denial(sbx_text *out, sbx_export *self)
{
    int64_t first_us = sbx_export_cell(self, SBX_FIELD_FIRST_US)->integer;
    ocsf_head head = {
        .severity = 2, .status = 2, .part = "denial", .time_us = first_us, .is_denied = true};
    const sbx_cell *last = sbx_export_cell(self, SBX_FIELD_LAST_US);
    sbx_json json;

    choose_activity(&head, self);
    begin(&json, out, self, &head);
    put_object(&json, self, head.class);
    sbx_export_put_digits(&json, "status_code", self, SBX_FIELD_ERRNO);
    sbx_export_put(&json, "count", self, SBX_FIELD_COUNT);
    sbx_json_signed(&json, "start_time", first_us / 1000);
    sbx_json_signed(&json, "end_time", last->integer / 1000);
    end(&json, self);
}

void sbx_export_ocsf(sbx_text *out, sbx_export *self)
{
    if (self->what == SBX_EXPORT_RUNS)
        put_run(out, self);
    else if (self->what == SBX_EXPORT_PROCESSES)
        put_image(out, self);
    else
        put_denial(out, self);
}
