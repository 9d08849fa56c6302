/*
 * The parts of the runner on Windows, one file each. The supervisor's one thread waits at one place, the job's
 * completion port; whatever else happens is posted there by threads that do nothing more.
 */
#ifndef SBX_RUNNER_WINDOWS_PARTS_H
#define SBX_RUNNER_WINDOWS_PARTS_H

#include <windows.h>

#include "audit/sources/windows/nt_name.h"
#include "harness/runner/record.h"
#include "harness/runner/windows/signals.h"
#include "harness/runner/windows/terminal.h"
#include "harness/target/windows/steps.h"
#include "limits/job.h"

/* Keys at the port, beside SBX_JOB_PORT_KEY and SBX_PORT_SIGNAL_KEY. */
enum {
    SBX_PORT_ENDED_KEY = 2,  /* the command has ended */
    SBX_PORT_OUTPUT_KEY = 4, /* more came than --output allows */
    SBX_PORT_RUNNER_KEY = 5, /* path B: sbx-runner.exe is gone, or talks nonsense */
    SBX_PORT_KERNEL_KEY = 6, /* path B: Windows has told of a denied access */
};

/* ---- output.c: streams through us: counted and cut (--output), or because they are a console's ------------- */

typedef struct sbx_output sbx_output;

typedef struct sbx_output_stream {
    sbx_output *output; /* NULL: the command's input */
    HANDLE from, to, thread;
} sbx_output_stream;

struct sbx_output {
    bool is_counted;
    HANDLE port;
    SRWLOCK lock;
    uint64_t limit_bytes, seen_bytes; /* under the lock, while threads run */
    bool is_truncated;
    HANDLE child
        [3]; /* what becomes the target's streams; NULL: closed. Where stream is NULL, the caller's own. */
    sbx_output_stream *stream[3];
};

/* caller: our own streams, without those that a terminal has. */
SBX_MUST_USE sbx_status sbx_output_init(sbx_output *out, uint64_t limit_bytes,
                                        const HANDLE caller[3], HANDLE port, sbx_error *err);
SBX_MUST_USE sbx_status sbx_output_started(sbx_output *output, sbx_error *err); /* closes child */
void sbx_output_drain(sbx_output *output); /* the job is dead: until all is handed on */
void sbx_output_done(sbx_output *output);

/* ---- processes.c: who is in the job ------------------------------------------------------------------------ */

typedef struct sbx_members sbx_members;

/* list: where each process becomes a row; job: whose they are. Both borrowed. */
sbx_members *sbx_members_create(sbx_processes *list, HANDLE job);
/* The command itself, about which everything is known. */
void sbx_members_add_first(sbx_members *members, const sbx_launch *launch);
void sbx_members_add(sbx_members *members, uint32_t pid); /* one that is there already stays */
/* A process that says it is one of the job's, before the job says so. False: it is none. */
bool sbx_members_adopt(sbx_members *members, uint32_t pid);
/* From here on the handles of those that end stay open, the last 4096: their numbers are nobody else's. */
bool sbx_members_keep_ended(sbx_members *members);
/* One of the job's, alive or kept. */
bool sbx_members_had(sbx_members *members, uint32_t pid);
/* One that was started from that program. *out_pid: which; 0: more than one was. */
bool sbx_members_had_program(sbx_members *members, const char *exe, uint32_t *out_pid);
/* It said that its calls are traced. */
void sbx_members_note_traced(sbx_members *members, uint32_t pid);
/* Those that have ended and never said so; the system's own, for consoles, do not count. */
uint64_t sbx_members_untraced(const sbx_members *members);
/* Its program; NULL: not known. Valid until the next process is added. */
const char *sbx_members_exe(sbx_members *members, uint32_t pid);
/* Asks the new ones who they are. False: some do not say yet, and want to be asked again in a moment. */
bool sbx_members_look(sbx_members *members);
void sbx_members_end(sbx_members *members, uint32_t pid);
uint64_t
sbx_members_alive(const sbx_members *members); /* without the first and its console's host */
/* All are dead: their ends are read, whatever messages were missed. */
void sbx_members_end_all(sbx_members *members);
void sbx_members_free(sbx_members *members); /* NULL is fine */

/* ---- denied.c: what is told of a denied access whoever saw it --------------------------------------------------- */

void sbx_denied_drives(sbx_nt_drives *out);
/*
 * The innermost rule of the plan that a path is under which could not be changed, or that it is under none. NULL: in a
 * writable root, where no rule of ours says no; or not a path.
 */
const char *sbx_denied_rule(const sbx_plan *plan, const char *path);
/* The rule by which it could not be read; NULL: none of ours. */
const char *sbx_denied_read_rule(const sbx_plan *plan, const char *path);

/* ---- kernel.h: what Windows itself tells of them ------------------------------------------------------------------ */

typedef struct sbx_kernel sbx_kernel;

/* ---- trace.c: what was denied -------------------------------------------------------------------------------- */

typedef struct sbx_trace sbx_trace;

/* All borrowed. NULL: there is no sbx-trace.dll beside this program, or no memory; nothing is traced then. */
sbx_trace *sbx_trace_create(const sbx_plan *plan, sbx_members *members, sbx_denials *denials);
/* The command, before its first instruction. A failure is one untraced process. */
void sbx_trace_begin(sbx_trace *trace, const sbx_launch *launch);
/* Takes what is in the ring; never waits for the target. */
void sbx_trace_look(sbx_trace *trace);
/* Looks where it is time; when to come again. */
uint64_t sbx_trace_on_time(sbx_trace *trace, uint64_t now_ns);
/*
 * All of the job's processes are dead: the last look, and their ends. False: something is known to be missing (a
 * process that was not traced, a call that could not be wrapped, a record that was lost or made no sense).
 */
bool sbx_trace_finish(sbx_trace *trace);
void sbx_trace_free(sbx_trace *trace); /* NULL is fine */

/* ---- describe.c: what holds what ---------------------------------------------------------------------------- */

void sbx_describe_walls(sbx_result *result, const sbx_plan *plan);
/* A wall that the plan counts on and that turned out not to hold, where the run goes on without it. */
void sbx_describe_lack(sbx_result *result, sbx_wall wall);
void sbx_describe_enforcers(sbx_result *result, const sbx_plan *plan, const sbx_job *job);

/* ---- follow.c: from "go" to the end --------------------------------------------------------------------------- */

typedef struct sbx_follow {
    const sbx_plan *plan;
    sbx_job *job;
    const sbx_launch *launch;
    sbx_output *output;
    sbx_record *record;
    sbx_members *members;
    sbx_trace *trace;   /* NULL: nothing is traced */
    sbx_kernel *kernel; /* NULL: Windows tells nothing */
    sbx_events *events;
    uint64_t go_ns;
    bool has_terminal;
    bool has_ended; /* the command, by itself or because it was stopped */
} sbx_follow;

/* The port hears of the command's end. *out_wait: for UnregisterWaitEx(). */
SBX_MUST_USE sbx_status sbx_follow_watch(HANDLE *out_wait, const sbx_launch *launch, HANDLE port,
                                         sbx_error *err);
/* Returns when the command has ended or was stopped; what it left may be alive. */
void sbx_follow_to_end(sbx_follow *follow);

/* ---- break.c: asking the command to end ------------------------------------------------------------------------ */

/*
 * ^Break in the console of the command, for its whole group; where that is a terminal, for all that have it, as there is
 * no group then. Another process does it, because one has to leave one's own console for that: this program, with
 * "--probe break PID" or "--probe break-all PID". False: nobody could be asked.
 */
bool sbx_break_send(uint32_t pid, bool has_terminal);
/* What that process does; its exit code, 0: done. */
int sbx_break_here(uint32_t pid, bool has_terminal);

#endif
