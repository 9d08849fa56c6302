/* The columns; their names are the JSON keys and a contract. See query_tables.h. */
#include "audit/query_tables.h"

#define HEX_OF_BLOB(name) "CASE typeof(" name ") WHEN 'blob' THEN lower(hex(" name ")) END"

/* What a run was denied: of one that has not ended, or was lost, what its denials say. */
#define DENIED                                                                                     \
    "coalesce(run.denied_total, (SELECT sum(count) FROM denial WHERE denial.run = run.id), 0)"

static const sbx_query_column run_columns[] = {
    {{"run_id", "RUN", SBX_CELL_TEXT}, "run.run_id"},
    {{"started_us", "STARTED", SBX_CELL_TIME}, "run.started_us"},
    {{"status", "STATUS", SBX_CELL_TEXT}, "run.status"},
    {{"reason", "REASON", SBX_CELL_TEXT}, "run.reason"},
    {{"exit_code", "EXIT", SBX_CELL_INTEGER}, "run.exit_code"},
    {{"wall_ns", "WALL", SBX_CELL_DURATION}, "run.wall_ns"},
    {{"cpu_ns", "CPU", SBX_CELL_DURATION}, "run.user_ns + run.system_ns"},
    {{"memory_peak_bytes", "MEMORY", SBX_CELL_BYTES}, "run.memory_peak_bytes"},
    {{"denied_total", "DENIED", SBX_CELL_INTEGER}, DENIED},
    {{"command", "COMMAND", SBX_CELL_TEXT}, "sbx_command(run.argv)"},
    {{"argv", NULL, SBX_CELL_JSON}, "run.argv"},
    {{"argv_hex", NULL, SBX_CELL_JSON}, "run.argv_hex"},
    {{"cwd", NULL, SBX_CELL_TEXT}, "run.cwd"},
    {{"cwd_hex", NULL, SBX_CELL_TEXT}, HEX_OF_BLOB("run.cwd")},
    {{"env_names", NULL, SBX_CELL_JSON}, "run.env_names"},
    {{"message", NULL, SBX_CELL_TEXT}, "run.message"},
    {{"command_exit_code", NULL, SBX_CELL_INTEGER}, "run.command_exit_code"},
    {{"signal", NULL, SBX_CELL_INTEGER}, "run.signal"},
    {{"ended_us", NULL, SBX_CELL_TIME}, "run.ended_us"},
    {{"user_ns", NULL, SBX_CELL_DURATION}, "run.user_ns"},
    {{"system_ns", NULL, SBX_CELL_DURATION}, "run.system_ns"},
    {{"processes_peak", NULL, SBX_CELL_INTEGER}, "run.processes_peak"},
    {{"io_read_bytes", NULL, SBX_CELL_BYTES}, "run.io_read_bytes"},
    {{"io_write_bytes", NULL, SBX_CELL_BYTES}, "run.io_write_bytes"},
    {{"output_bytes", NULL, SBX_CELL_BYTES}, "run.output_bytes"},
    {{"output_truncated", NULL, SBX_CELL_BOOL}, "run.output_truncated"},
    {{"leaked_procs", NULL, SBX_CELL_INTEGER}, "run.leaked_procs"},
    {{"denied_lost", NULL, SBX_CELL_INTEGER}, "run.denied_lost"},
    {{"processes_lost", NULL, SBX_CELL_INTEGER}, "run.processes_lost"},
    {{"audit_sources", NULL, SBX_CELL_TEXT}, "run.audit_sources"},
    {{"audit_complete", NULL, SBX_CELL_BOOL}, "run.audit_complete"},
    {{"limits_hit", NULL, SBX_CELL_TEXT}, "run.limits_hit"},
    {{"limit_memory_bytes", NULL, SBX_CELL_BYTES}, "run.limit_memory_bytes"},
    {{"limit_swap_bytes", NULL, SBX_CELL_BYTES}, "run.limit_swap_bytes"},
    {{"limit_cpus_milli", NULL, SBX_CELL_INTEGER}, "run.limit_cpus_milli"},
    {{"limit_cpu_ns", NULL, SBX_CELL_DURATION}, "run.limit_cpu_ns"},
    {{"limit_wall_ns", NULL, SBX_CELL_DURATION}, "run.limit_wall_ns"},
    {{"limit_idle_ns", NULL, SBX_CELL_DURATION}, "run.limit_idle_ns"},
    {{"limit_procs", NULL, SBX_CELL_INTEGER}, "run.limit_procs"},
    {{"limit_fsize_bytes", NULL, SBX_CELL_BYTES}, "run.limit_fsize_bytes"},
    {{"limit_files", NULL, SBX_CELL_INTEGER}, "run.limit_files"},
    {{"limit_output_bytes", NULL, SBX_CELL_BYTES}, "run.limit_output_bytes"},
    {{"grace_ns", NULL, SBX_CELL_DURATION}, "run.grace_ns"},
    {{"enforcers", NULL, SBX_CELL_JSON}, "run.enforcers"},
    {{"policy", NULL, SBX_CELL_TEXT}, "policy.name"},
    {{"policy_sha256", NULL, SBX_CELL_TEXT}, "policy.sha256"},
    {{"network", NULL, SBX_CELL_TEXT}, "run.network"},
    {{"identity", NULL, SBX_CELL_TEXT}, "run.identity"},
    {{"backend", NULL, SBX_CELL_TEXT}, "run.backend"},
    {{"enforcement", NULL, SBX_CELL_TEXT}, "run.enforcement"},
    {{"missing", NULL, SBX_CELL_TEXT}, "run.missing"},
    {{"walls", NULL, SBX_CELL_TEXT}, "run.walls"},
    {{"session", NULL, SBX_CELL_TEXT}, "run.session"},
    {{"agent", NULL, SBX_CELL_TEXT}, "run.agent"},
    {{"labels", NULL, SBX_CELL_JSON}, "run.labels"},
    {{"batch", NULL, SBX_CELL_TEXT}, "run.batch"},
    {{"task", NULL, SBX_CELL_TEXT}, "run.task"},
    {{"attempt", NULL, SBX_CELL_INTEGER}, "run.attempt"},
    {{"caller_uid", NULL, SBX_CELL_INTEGER}, "run.caller_uid"},
    {{"target_uid", NULL, SBX_CELL_INTEGER}, "run.target_uid"},
    {{"hostname", NULL, SBX_CELL_TEXT}, "node.hostname"},
    {{"os", NULL, SBX_CELL_TEXT}, "node.os"},
    {{"os_version", NULL, SBX_CELL_TEXT}, "node.os_version"},
    {{"sbx_version", NULL, SBX_CELL_TEXT}, "node.sbx_version"},
    {{"samples", NULL, SBX_CELL_JSON}, "run.samples"},
};

static const sbx_query_column denial_columns[] = {
    {{"run_id", "RUN", SBX_CELL_TEXT}, "run.run_id"},
    {{"first_us", "FIRST", SBX_CELL_TIME}, "denial.first_us"},
    {{"count", "COUNT", SBX_CELL_INTEGER}, "denial.count"},
    {{"class", "CLASS", SBX_CELL_TEXT}, "denial.class"},
    {{"op", "OP", SBX_CELL_TEXT}, "denial.op"},
    {{"target", "TARGET", SBX_CELL_TEXT}, "denial.target"},
    {{"exe", "PROGRAM", SBX_CELL_TEXT}, "denial.exe"},
    {{"rule", "RULE", SBX_CELL_TEXT}, "denial.rule"},
    {{"source", "SOURCE", SBX_CELL_TEXT}, "denial.source"},
    {{"target_hex", NULL, SBX_CELL_TEXT}, HEX_OF_BLOB("denial.target")},
    {{"exe_hex", NULL, SBX_CELL_TEXT}, HEX_OF_BLOB("denial.exe")},
    {{"pid", NULL, SBX_CELL_INTEGER}, "denial.pid"},
    {{"errno", NULL, SBX_CELL_INTEGER}, "denial.errno"},
    {{"confidence", NULL, SBX_CELL_TEXT}, "denial.confidence"},
    {{"last_us", NULL, SBX_CELL_TIME}, "denial.last_us"},
    {{"idx", NULL, SBX_CELL_INTEGER}, "denial.idx"},
};

static const sbx_query_column process_columns[] = {
    {{"run_id", NULL, SBX_CELL_TEXT}, "run.run_id"},
    {{"start_us", "STARTED", SBX_CELL_TIME}, "process.start_us"},
    {{"pid", "PID", SBX_CELL_INTEGER}, "process.pid"},
    {{"parent_pid", "PARENT", SBX_CELL_INTEGER}, "process.parent_pid"},
    {{"exit_code", "EXIT", SBX_CELL_INTEGER}, "process.exit_code"},
    {{"exe", "PROGRAM", SBX_CELL_TEXT}, "process.exe"},
    {{"command", "COMMAND", SBX_CELL_TEXT}, "sbx_command(process.argv)"},
    {{"argv", NULL, SBX_CELL_JSON}, "process.argv"},
    {{"exe_hex", NULL, SBX_CELL_TEXT}, HEX_OF_BLOB("process.exe")},
    {{"end_us", NULL, SBX_CELL_TIME}, "process.end_us"},
    {{"idx", NULL, SBX_CELL_INTEGER}, "process.idx"},
};

const sbx_query_table sbx_query_table_runs = {
    .columns = run_columns,
    .column_count = SBX_COUNT_OF(run_columns),
    .name = "run",
    .joins = "JOIN policy ON policy.id = run.policy JOIN node ON node.id = run.node",
    .key = "run.id",
    .subkey = "0",
};

const sbx_query_table sbx_query_table_denials = {
    .columns = denial_columns,
    .column_count = SBX_COUNT_OF(denial_columns),
    .name = "denial",
    .joins = "JOIN run ON run.id = denial.run",
    .key = "denial.run",
    .subkey = "denial.idx",
};

const sbx_query_table sbx_query_table_processes = {
    .columns = process_columns,
    .column_count = SBX_COUNT_OF(process_columns),
    .name = "process",
    .joins = "JOIN run ON run.id = process.run",
    .key = "process.run",
    .subkey = "process.idx",
};

_Static_assert(SBX_COUNT_OF(run_columns) <= SBX_QUERY_COLUMNS_MAX, "the widest table");
