/* What the exporters share: the fields of a row by name, whatever query it is of. Who may include it:
 * the export*.c files. */
#ifndef SBX_AUDIT_EXPORT_PARTS_H
#define SBX_AUDIT_EXPORT_PARTS_H

#include "audit/export.h"
#include "audit/store_parts.h"

/*
 * X(field, column's name): what is looked for among a query's columns. The first part is also known of
 * the run that a denial or a process belongs to.
 */
#define SBX_EXPORT_RUN_FIELDS(X)                                                                   \
    X(HOSTNAME, "hostname")                                                                        \
    X(OS, "os")                                                                                    \
    X(OS_VERSION, "os_version")                                                                    \
    X(SBX_VERSION, "sbx_version")                                                                  \
    X(CALLER_UID, "caller_uid")                                                                    \
    X(TARGET_UID, "target_uid")                                                                    \
    X(SESSION, "session")                                                                          \
    X(AGENT, "agent")                                                                              \
    X(LABELS, "labels")                                                                            \
    X(POLICY, "policy")                                                                            \
    X(POLICY_SHA256, "policy_sha256")
#define SBX_EXPORT_ROW_FIELDS(X)                                                                   \
    X(RUN, "run_id")                                                                               \
    X(IDX, "idx")                                                                                  \
    X(STARTED_US, "started_us")                                                                    \
    X(ENDED_US, "ended_us")                                                                        \
    X(STATUS, "status")                                                                            \
    X(REASON, "reason")                                                                            \
    X(MESSAGE, "message")                                                                          \
    X(EXIT_CODE, "exit_code")                                                                      \
    X(SIGNAL, "signal")                                                                            \
    X(WALL_NS, "wall_ns")                                                                          \
    X(CPU_NS, "cpu_ns")                                                                            \
    X(MEMORY_PEAK_BYTES, "memory_peak_bytes")                                                      \
    X(LIMIT_MEMORY_BYTES, "limit_memory_bytes")                                                    \
    X(LIMIT_WALL_NS, "limit_wall_ns")                                                              \
    X(DENIED_TOTAL, "denied_total")                                                                \
    X(COMMAND, "command")                                                                          \
    X(ARGV, "argv")                                                                                \
    X(CWD, "cwd")                                                                                  \
    X(NETWORK, "network")                                                                          \
    X(ENFORCEMENT, "enforcement")                                                                  \
    X(WALLS, "walls")                                                                              \
    X(LIMITS_HIT, "limits_hit")                                                                    \
    X(FIRST_US, "first_us")                                                                        \
    X(LAST_US, "last_us")                                                                          \
    X(COUNT, "count")                                                                              \
    X(CLASS, "class")                                                                              \
    X(OP, "op")                                                                                    \
    X(TARGET, "target")                                                                            \
    X(TARGET_HEX, "target_hex")                                                                    \
    X(EXE, "exe")                                                                                  \
    X(RULE, "rule")                                                                                \
    X(SOURCE, "source")                                                                            \
    X(CONFIDENCE, "confidence")                                                                    \
    X(PID, "pid")                                                                                  \
    X(ERRNO, "errno")                                                                              \
    X(PARENT_PID, "parent_pid")                                                                    \
    X(START_US, "start_us")                                                                        \
    X(END_US, "end_us")

typedef enum sbx_export_field {
#define SBX_EXPORT_ENUM(field, name) SBX_FIELD_##field,
    SBX_EXPORT_RUN_FIELDS(SBX_EXPORT_ENUM) SBX_EXPORT_ROW_FIELDS(SBX_EXPORT_ENUM)
#undef SBX_EXPORT_ENUM
        SBX_FIELDS
} sbx_export_field;

#define SBX_EXPORT_COUNT_ONE(field, name) +1
enum { SBX_EXPORT_RUN_FIELD_COUNT = 0 SBX_EXPORT_RUN_FIELDS(SBX_EXPORT_COUNT_ONE) };

struct sbx_export {
    sbx_store *store;
    sbx_export_form form;
    sbx_export_what what;
    int index[SBX_FIELDS];    /* of the column, -1: this query has none */
    const sbx_cell *cells;    /* the row that is being written */
    sqlite3_stmt *select_run; /* NULL: the rows are runs and say everything themselves */
    bool is_reading;          /* in a transaction: one for each run would cost more than the rest */
    char run_id[SBX_RUN_ID_BYTES]; /* whose fields `run` holds */
    sbx_cell run[SBX_EXPORT_RUN_FIELD_COUNT];
    sbx_text run_text;
    sbx_text machine;    /* what the record says of it, and … */
    sbx_text machine_of; /* … the fields that this was made from */
    size_t line_records; /* OTLP: in the open line, 0: none is open */
};

/* Never NULL; a field that is not there is a null cell. */
const sbx_cell *sbx_export_cell(const sbx_export *self, sbx_export_field field);
/* The word in a text cell, "" where there is none; ends with a NUL. */
const char *sbx_export_text(const sbx_export *self, sbx_export_field field);
bool sbx_export_is(const sbx_export *self, sbx_export_field field, const char *word);

/* A key with the field as string, number or JSON; nothing where it is null or empty. */
void sbx_export_put(sbx_json *json, const char *key, const sbx_export *self,
                    sbx_export_field field);
/* The same number as a string. */
void sbx_export_put_digits(sbx_json *json, const char *key, const sbx_export *self,
                           sbx_export_field field);
/*
 * The record's words about the machine. They seldom change from row to row: made by describe only then,
 * and *out_is_new says so.
 */
const char *sbx_export_machine(bool *out_is_new, sbx_export *self,
                               void (*describe)(sbx_text *out, const sbx_export *self));

/* "2026-01-31T10:20:30.123456Z". */
void sbx_export_put_time(sbx_json *json, const char *key, int64_t utc_us);
/* What the row is known by everywhere and for ever: the run's id, of its parts with their number. */
void sbx_export_put_id(sbx_json *json, const char *key, const sbx_export *self, const char *part);

/* "tcp 10.0.0.1:443" in its parts; false: it is no address with a port. */
typedef struct sbx_export_address {
    char protocol[8], host[64];
    uint32_t port;
} sbx_export_address;
bool sbx_export_split_address(sbx_export_address *out, const char *target);

/* The part after the last slash, or the whole where nothing follows it. */
const char *sbx_export_name(const char *path);

void sbx_export_ocsf(sbx_text *out, sbx_export *self);
void sbx_export_ecs(sbx_text *out, sbx_export *self);
void sbx_export_otlp(sbx_text *out, sbx_export *self);

#endif
