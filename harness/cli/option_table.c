/*
 * Every option of every command. The order is the order of --help; groups are kept together.
 * Help texts are plain text that is wrapped when printed.
 */
#include "harness/cli/option.h"

#include "audit/export.h"

#define ON(command) (1u << SBX_COMMAND_##command)
#define ON_WRITERS (ON(AUDIT_EXPORT) | ON(AUDIT_REPORT))
#define ON_SHOWN                                                                                   \
    (ON(AUDIT_LS) | ON(AUDIT_DENIALS) | ON(AUDIT_TOP) | ON(AUDIT_STATS) | ON(AUDIT_TAIL))
#define ON_FILTERED (ON_SHOWN | ON_WRITERS)
#define ON_LISTS (ON_SHOWN | ON(AUDIT_SQL))
#define ON_AUDIT (ON_LISTS | ON_WRITERS | ON(AUDIT_SHOW) | ON(AUDIT_DIFF) | ON(EXPLAIN))
#define ON_SEALS (ON(AUDIT_SEAL) | ON(AUDIT_VERIFY))
#define ON_FILES (ON_SEALS | ON(AUDIT_PRUNE) | ON(AUDIT_BACKUP))
#define ON_KEEPING (ON(AUDIT_KEYGEN) | ON_FILES)
#define ON_POLICY (ON(POLICY) | ON(POLICY_FROM_RUN))
#define ON_RUNS (ON(EXEC) | ON(BATCH_RUN))
#define ON_ALL                                                                                     \
    (ON(MAIN) | ON_RUNS | ON(BATCH) | ON(AUDIT) | ON_AUDIT | ON_KEEPING | ON_POLICY | ON(DOCTOR) | \
     ON(COMPLETION) | ON(HELP))

#define LIMITS "Limits (for all processes of the command together, unless said otherwise):"
#define POLICY "What the command may do:"
#define RUN "How it runs:"
#define RECORD "Record and result:"
#define OUTPUT "Output:"
#define FILTER "Which rows:"
#define GENERAL "General:"

#define FLAG NULL

/* id, commands, name, letter, repeatable, argument, group, help */
const sbx_option sbx_options[] = {
    {SBX_OPTION_MEM, ON_RUNS, "mem", 'm', false, "SIZE", LIMITS,
     "Memory, swap included. Reaching it kills the command (exit 137, reason \"memory\")."},
    {SBX_OPTION_SWAP, ON_RUNS, "swap", 0, false, "SIZE", LIMITS,
     "Swap that may be used on top of --mem; 0 for none."},
    {SBX_OPTION_MEM_ACTION, ON_RUNS, "mem-action", 0, false, "kill|fail", LIMITS,
     "At the memory limit: kill the command (the default), or let the allocation fail and the "
     "command decide."},
    {SBX_OPTION_CPUS, ON_RUNS, "cpus", 0, false, "N", LIMITS,
     "Rate: at most N CPUs' worth of time, such as 2 or 0.5."},
    {SBX_OPTION_CPU, ON_RUNS, "cpu", 0, false, "TIME", LIMITS,
     "CPU time used up in all (exit 124, reason \"cpu\")."},
    {SBX_OPTION_WALL, ON_RUNS, "wall", 't', false, "TIME", LIMITS,
     "Time since the command's start (exit 124, reason \"wall\")."},
    {SBX_OPTION_IDLE, ON_RUNS, "idle", 0, false, "TIME", LIMITS,
     "Time during which the command used next to no CPU (exit 124, reason \"idle\")."},
    {SBX_OPTION_PROCS, ON_RUNS, "procs", 0, false, "N", LIMITS,
     "Processes and threads alive at once; starting one more fails."},
    {SBX_OPTION_FSIZE, ON_RUNS, "fsize", 0, false, "SIZE", LIMITS,
     "Largest file that a process may write (exit 137, reason \"fsize\"). Not on Windows."},
    {SBX_OPTION_FILES, ON_RUNS, "files", 0, false, "N", LIMITS,
     "Open files of each process; opening one more fails. Not on Windows."},
    {SBX_OPTION_OUTPUT, ON_RUNS, "output", 0, false, "SIZE", LIMITS,
     "Bytes on stdout and stderr together (exit 137, reason \"output\"). Only with this option do "
     "they pass through sbx."},
    {SBX_OPTION_GRACE, ON_RUNS, "grace", 0, false, "TIME", LIMITS,
     "Between TERM (Windows: ^Break) and KILL when a time limit or a signal to sbx stops the "
     "command (default 2s)."},

    {SBX_OPTION_POLICY, ON_RUNS, "policy", 'p', false, "NAME|FILE", POLICY,
     "Start from a built-in policy (read-only, workspace, grader) or a file, see sbx-policy(5). "
     "Default: read-only. The options here override it."},
    {SBX_OPTION_WRITE, ON(EXEC), "write", 'w', true, "DIR", POLICY,
     "A directory below which the command may write."},
    {SBX_OPTION_READ, ON(EXEC), "read", 'r', true, "PATH", POLICY,
     "A path that the command must be able to read, also where its identity could not."},
    {SBX_OPTION_DENY, ON(EXEC), "deny", 0, true, "PATH", POLICY,
     "A path that is neither read nor written. Wins over everything else."},
    {SBX_OPTION_PROTECT, ON(EXEC), "protect", 0, true, "NAME|PATH", POLICY,
     "Not writable although inside a writable directory: a name at the top of each (like .git, "
     "made or not), or one path."},
    {SBX_OPTION_UNPROTECT, ON(EXEC), "unprotect", 0, true, "NAME", POLICY,
     "Takes a name off the policy's list of protected names."},
    {SBX_OPTION_NET, ON(EXEC), "net", 'n', false, "none|loopback|full|advisory", POLICY,
     "Network: none (the default), loopback (a private one of its own; not on Windows), full (the "
     "host's), or advisory (Windows without setup: programs are asked, nothing is enforced)."},
    {SBX_OPTION_UNIX_SOCKETS, ON(EXEC), "unix-sockets", 0, false, FLAG, POLICY,
     "Let the command open Unix sockets. This opens every socket file that it can reach: the "
     "ssh-agent, D-Bus, X11, and docker's, which is as good as root."},
    {SBX_OPTION_ALLOW_EVERYONE, ON(EXEC), "allow-everyone", 0, false, FLAG, POLICY,
     "Windows: let the command write wherever Everyone may, NUL among it. Without this no NUL can "
     "be "
     "opened for writing; with it every place that is open to Everyone is open to the command, and "
     "the row says so. Elsewhere it changes nothing."},
    {SBX_OPTION_IDENTITY, ON(EXEC), "identity", 0, false, "auto|self|sandbox", POLICY,
     "Run as the caller without any rights (self), as a user that is nobody's (sandbox), or as "
     "sandbox where that is possible (auto, the default): for root, on Windows after sbx-setup."},
    {SBX_OPTION_ENV, ON(EXEC), "env", 'e', true, "NAME[=VALUE]", POLICY,
     "Set a variable, or pass the caller's on although the policy would drop it."},

    {SBX_OPTION_CWD, ON(EXEC), "cwd", 'C', false, "DIR", RUN,
     "Working directory of the command. Relative paths in other options are not affected."},
    {SBX_OPTION_ALLOW_DEGRADED, ON_RUNS, "allow-degraded", 0, false, FLAG, RUN,
     "Run also where this host cannot enforce everything, and record what is missing. Without it, "
     "sbx refuses."},
    {SBX_OPTION_NO_WATCH, ON_RUNS, "no-watch", 0, false, FLAG, RUN,
     "Do not watch for denied accesses. They are denied all the same, but not recorded."},
    {SBX_OPTION_LEARN, ON(EXEC), "learn", 0, false, FLAG, RUN,
     "Record what the command changes outside of its writable directories instead of denying it, "
     "for `policy from-run`. Takes the wall for writes down, and therefore needs "
     "--allow-unconfined. Secrets, protected names and the audit database stay denied."},
    {SBX_OPTION_ALLOW_UNCONFINED, ON(EXEC), "allow-unconfined", 0, false, FLAG, RUN,
     "With --learn: yes, this command may write wherever you may."},
    {SBX_OPTION_DRY_RUN, ON(EXEC), "dry-run", 0, false, FLAG, RUN,
     "Print on stdout, as JSON, what would be enforced, and run nothing."},

    {SBX_OPTION_JOBS, ON(BATCH_RUN), "jobs", 'j', false, "N", RUN,
     "Tasks that run at once, at most (default: as many as there are CPUs). Fewer where their "
     "limits of memory or CPUs add up to more than the host has."},
    {SBX_OPTION_HOST_MEM, ON(BATCH_RUN), "host-mem", 0, false, "SIZE", RUN,
     "Memory that the limits of all running tasks may add up to (default: what is available)."},
    {SBX_OPTION_LINES, ON(BATCH_RUN), "lines", 0, false, FLAG, RUN,
     "MANIFEST holds commands for /bin/sh -c, one on each line; # begins a comment. Not on "
     "Windows, which has no such shell."},
    {SBX_OPTION_RETRIES, ON(BATCH_RUN), "retries", 0, false, "N", RUN,
     "Run a task that fails up to N times more; one that passes then is flaky."},
    {SBX_OPTION_HALT, ON(BATCH_RUN), "halt", 0, false, "WHEN", RUN,
     "soon,fail=N or now,fail=N, N a number or a share like 10%: when so many tasks have failed, "
     "start no more, or stop what runs, too."},
    {SBX_OPTION_TIMEOUT_BATCH, ON(BATCH_RUN), "timeout-batch", 0, false, "TIME", RUN,
     "Stop the whole batch after that time."},
    {SBX_OPTION_DRY_RUN, ON(BATCH_RUN), "dry-run", 0, false, FLAG, RUN,
     "Check the manifest, and run nothing."},
    {SBX_OPTION_OUT, ON(BATCH_RUN), "out", 'o', false, "DIR", RECORD,
     "Keep the results there: results.jsonl, what each task wrote, and at the end junit.xml, "
     "joblog, "
     "results.tap, report.html and summary.json."},
    {SBX_OPTION_RESUME, ON(BATCH_RUN), "resume", 0, false, FLAG, RECORD,
     "Go on with the batch in --out: tasks that have passed or failed are not run again."},
    {SBX_OPTION_RERUN, ON(BATCH_RUN), "rerun", 0, false, "WHICH", RECORD,
     "failed, flaky or a batch's id: run again, as a new batch in --out, only tasks that did not "
     "pass, were flaky, or that "
     "batch ran."},

    {SBX_OPTION_AUDIT, ON_RUNS, "audit", 0, false, "required|best-effort", RECORD,
     "Without a record, no run (required, the default); or warn and run (best-effort)."},
    {SBX_OPTION_AUDIT_DB, ON_RUNS | ON_AUDIT | ON_FILES | ON(POLICY_FROM_RUN), "audit-db", 0, false,
     "FILE", RECORD,
     "The audit database. Default: $SBX_AUDIT_DB, else $XDG_STATE_HOME/sbx/audit.db, else "
     "~/.local/state/sbx/audit.db; on Windows in %LOCALAPPDATA%/sbx."},
    {SBX_OPTION_REDACT, ON_RUNS, "redact", 0, false, "FILE", RECORD,
     "More patterns for secrets in arguments, which are then not recorded. Default: "
     "$XDG_CONFIG_HOME/sbx/redact.json, else ~/.config/sbx/redact.json, where there is one; on "
     "Windows beside the audit database."},
    {SBX_OPTION_DB, ON_AUDIT | ON_FILES | ON(POLICY_FROM_RUN), "db", 0, false, "FILE", RECORD,
     "The same as --audit-db."},
    {SBX_OPTION_KEY, ON(AUDIT_VERIFY), "key", 'k', true, "KEY|FILE", RECORD,
     "Whose seals count: a public key, or a file like seal.pub. Several in the order in which they "
     "were in use. Default: your own key, for your own database."},
    {SBX_OPTION_ANCHOR, ON(AUDIT_VERIFY), "anchor", 0, false, "FILE", RECORD,
     "Seals that were written down elsewhere, among whatever other lines: a log."},
    {SBX_OPTION_ANCHOR, ON(AUDIT_SEAL), "anchor", 0, false, "syslog|FILE", RECORD,
     "Write the seal down there, too: in the system's log, or at the end of a file."},
    {SBX_OPTION_REPLACE, ON(AUDIT_KEYGEN), "replace", 0, false, FLAG, RECORD,
     "Where there is a key already, keep it under another name and make a new one."},
    {SBX_OPTION_PUBLIC, ON(AUDIT_KEYGEN), "public", 0, false, FLAG, RECORD,
     "Print the public half of the key that is there, and make none."},
    {SBX_OPTION_KEEP_DAYS, ON(AUDIT_PRUNE), "keep-days", 0, false, "N", RECORD,
     "Keep the runs that ended in the last N days."},
    {SBX_OPTION_KEEP_RUNS, ON(AUDIT_PRUNE), "keep-runs", 0, false, "N", RECORD,
     "Keep the newest N runs."},
    {SBX_OPTION_MAX_SIZE, ON(AUDIT_PRUNE), "max-size", 0, false, "SIZE", RECORD,
     "Then remove the oldest until no more than that is in use, whatever else was said."},
    {SBX_OPTION_DRY_RUN, ON(AUDIT_PRUNE), "dry-run", 0, false, FLAG, RECORD,
     "Only say what would be removed."},
    {SBX_OPTION_SESSION, ON_RUNS, "session", 0, false, "ID", RECORD,
     "Recorded with the run: which session it belongs to."},
    {SBX_OPTION_AGENT, ON_RUNS, "agent", 0, false, "NAME", RECORD,
     "Recorded with the run: who asked for it."},
    {SBX_OPTION_LABEL, ON_RUNS, "label", 'l', true, "KEY=VALUE", RECORD,
     "Recorded with the run: anything else."},
    {SBX_OPTION_RESULT, ON(EXEC), "result", 0, false, "FILE", RECORD,
     "Write how the run ended to FILE as JSON. It says what the exit code cannot."},

    {SBX_OPTION_SINCE, ON_FILTERED & ~ON(AUDIT_TAIL), "since", 's', false, "TIME", FILTER,
     "Not before that: 90s, 15m, 2h ago, or a date like 2026-01-31 or \"2026-01-31 14:30\". Of "
     "runs "
     "their start counts, of denials the last time."},
    {SBX_OPTION_UNTIL, ON_FILTERED & ~ON(AUDIT_TAIL), "until", 'u', false, "TIME", FILTER,
     "Not after that."},
    {SBX_OPTION_LIMIT, ON(AUDIT_LS) | ON(AUDIT_DENIALS), "limit", 'n', false, "N", FILTER,
     "At most that many rows, newest first (default 50); \"unlimited\" for all."},
    {SBX_OPTION_LIMIT, ON(AUDIT_VERIFY), "limit", 'n', false, "N", FILTER,
     "Print at most that many findings (default 100); all are counted."},
    {SBX_OPTION_LIMIT, ON(AUDIT_EXPORT), "limit", 'n', false, "N", FILTER,
     "At most that many rows, newest first (default: all)."},
    {SBX_OPTION_LIMIT, ON(AUDIT_REPORT), "limit", 'n', false, "N", FILTER,
     "At most that many runs, newest first (default 50000); \"unlimited\" for all."},
    {SBX_OPTION_LIMIT, ON(AUDIT_TOP) | ON(AUDIT_STATS), "limit", 'n', false, "N", FILTER,
     "At most that many rows (default 20)."},
    {SBX_OPTION_LIMIT, ON(AUDIT_TAIL), "limit", 'n', false, "N", FILTER,
     "Begin that many events ago (default 10); \"unlimited\" for the first one."},
    {SBX_OPTION_LIMIT, ON(AUDIT_SQL), "limit", 'n', false, "N", FILTER,
     "At most that many rows (default 1000); \"unlimited\" for all."},
    {SBX_OPTION_STATUS, ON_FILTERED, "status", 0, false,
     "ok|nonzero|signal|limit|refused|error|lost|running", FILTER, "Only runs with that status."},
    {SBX_OPTION_REASON, ON_FILTERED, "reason", 0, false, "WORD", FILTER,
     "Only runs that ended for that reason, such as memory, wall or cancelled."},
    {SBX_OPTION_DENIED, ON_FILTERED & ~ON(AUDIT_DENIALS), "denied", 'd', false, FLAG, FILTER,
     "Only runs that were denied something (tail: only what was denied)."},
    {SBX_OPTION_USER, ON_FILTERED, "user", 0, false, "USER", FILTER,
     "Only runs of that caller, a name or a number."},
    {SBX_OPTION_LABEL, ON_FILTERED, "label", 'l', true, "KEY[=VALUE]", FILTER,
     "Only runs with that label; given more than once, with all of them."},
    {SBX_OPTION_SESSION, ON_FILTERED, "session", 0, false, "ID", FILTER,
     "Only runs of that session."},
    {SBX_OPTION_AGENT, ON_FILTERED, "agent", 0, false, "NAME", FILTER, "Only runs of that agent."},
    {SBX_OPTION_BATCH, ON_FILTERED, "batch", 0, false, "ID", FILTER, "Only runs of that batch."},
    {SBX_OPTION_EXE, ON_FILTERED, "exe", 0, false, "GLOB", FILTER,
     "Only runs that started such a program (denials: only what that program was denied). In a "
     "GLOB, * stands for any text, slashes too, ? for one character, [abc] for one of these."},
    {SBX_OPTION_PATH, ON_FILTERED, "path", 0, false, "GLOB", FILTER,
     "Only runs that were denied such a path or address (denials: only these)."},
    {SBX_OPTION_MEM_OVER, ON_FILTERED, "mem-over", 0, false, "PERCENT", FILTER,
     "Only runs that used at least that share of their memory limit, such as 80%."},

    {SBX_OPTION_DENIALS, ON(EXEC), "denials", 0, false, "summary|json|off", OUTPUT,
     "What was denied, on stderr at the end: a few lines, all of it as JSON, or nothing. Default: "
     "the summary, and only when the command failed."},
    {SBX_OPTION_PROGRESS, ON(BATCH_RUN), "progress", 0, false, "auto|bar|lines|none", OUTPUT,
     "On stderr: a bar with a line for each task that did not pass, or a line for each task. "
     "Default: the bar on a terminal, else lines."},
    {SBX_OPTION_QUIET, ON_RUNS, "quiet", 'q', false, FLAG, OUTPUT,
     "Say nothing on stderr unless sbx itself fails."},
    {SBX_OPTION_JSON, ON(EXEC), "json", 0, false, FLAG, OUTPUT,
     "At the end, instead of messages, the result as one line of JSON on stderr."},
    {SBX_OPTION_JSON, (ON_AUDIT & ~ON_WRITERS) | ON(AUDIT_VERIFY) | ON(AUDIT_PRUNE) | ON(DOCTOR),
     "json", 0, false, FLAG, OUTPUT, "Print JSON."},
    {SBX_OPTION_JSONL, ON_LISTS | ON(AUDIT_SHOW), "jsonl", 0, false, FLAG, OUTPUT,
     "Print JSON, one object on each line."},
    {SBX_OPTION_EXPORT_FORMAT, ON(AUDIT_EXPORT), "format", 'f', false,
     "jsonl|csv|ocsf|ecs|otlp-json", OUTPUT,
     "JSON lines (the default) or CSV with the columns of the tables, or records of "
     "OCSF " SBX_OCSF_VERSION ", of the Elastic Common Schema " SBX_ECS_VERSION
     ", or of OpenTelemetry (spans, "
     "and log records for denials)."},
    {SBX_OPTION_WHAT, ON(AUDIT_EXPORT), "what", 0, false, "runs|denials|processes", OUTPUT,
     "Which rows to write (default: runs)."},
    {SBX_OPTION_OUT, ON(AUDIT_REPORT), "out", 'o', false, "FILE", OUTPUT,
     "The file to write (\"-\" for stdout); it appears when it is whole, and only its owner can "
     "read "
     "it."},
    {SBX_OPTION_OUT, ON(AUDIT_EXPORT), "out", 'o', false, "FILE", OUTPUT,
     "Write FILE instead of stdout; it appears when it is whole, and only its owner can read it."},
    {SBX_OPTION_FORMAT, ON_LISTS | ON(AUDIT_DIFF) | ON(AUDIT_SHOW), "format", 0, false,
     "table|json|jsonl|csv", OUTPUT,
     "How to print: a table for people (the default), or the same rows for programs."},
    {SBX_OPTION_POLICY_FORMAT, ON(POLICY_FROM_RUN), "format", 'f', false, "policy|options|json",
     OUTPUT,
     "A policy file (the default), the options to add to the run's own, or JSON with both and with "
     "everything that was left out."},
    {SBX_OPTION_BY, ON(AUDIT_TOP), "by", 'b', false, "mem|cpu|wall|denials", OUTPUT,
     "What the runs are sorted by (default mem)."},
    {SBX_OPTION_BY, ON(AUDIT_DENIALS), "by", 'b', false, "path|exe|rule|run", OUTPUT,
     "Sum up what has that in common, the most frequent first (then --limit is 20)."},
    {SBX_OPTION_FOLLOW, ON(AUDIT_TAIL), "follow", 'f', false, FLAG, OUTPUT,
     "Wait for more, and print it, until interrupted."},
    {SBX_OPTION_TIMEOUT, ON(AUDIT_SQL), "timeout", 't', false, "TIME", OUTPUT,
     "Stop the statement after that (default 10s)."},
    {SBX_OPTION_JSON, ON(MAIN), "json", 0, false, FLAG, GENERAL, "With --version: print JSON."},
    {SBX_OPTION_JSON, ON(BATCH_RUN), "json", 0, false, FLAG, OUTPUT,
     "At the end, the summary as JSON on stdout."},
    {SBX_OPTION_VERSION, ON(MAIN), "version", 'V', false, FLAG, GENERAL,
     "Print the version, and those of what is built in."},
    {SBX_OPTION_DUMP_OPTIONS, ON(MAIN), "dump-options", 0, false, FLAG, NULL,
     "Print this table as JSON."},
    {SBX_OPTION_HELP, ON_ALL, "help", 'h', false, FLAG, GENERAL, "Print this help."},
};

const size_t sbx_options_count = SBX_COUNT_OF(sbx_options);
