/*
 * The launch on Windows, step by step: which walls a target gets before its first instruction. Everything goes
 * through a table of system calls (os.h), each wall is read back after it is set, and what is not as it was
 * set is a refusal. Pure but for that table: the same on every system.
 *
 * Life of a launch:
 *   1. sbx_launch_prepare()   finds the program, makes the run's SID and the token, guards this process
 *   2. sbx_launch_leases()    what is about to be put on the host, for the start row
 *   3.                        the caller makes that row durable
 *   4. sbx_launch_start()     entries, temp directory, desktop, and the process, suspended and in the job
 *   5. sbx_launch_go()        its first instruction
 *   6. sbx_launch_end()       at the end, or after any failure: what was set is undone, the last thing first
 *
 * Who may include it: harness/runner/windows, harness/setup (for leases) and tests.
 */
#ifndef SBX_TARGET_WINDOWS_STEPS_H
#define SBX_TARGET_WINDOWS_STEPS_H

#include "harness/base/text.h"
#include "harness/policy/plan.h"
#include "harness/policy/windows/ace_plan.h"
#include "harness/target/windows/os.h"

/* ---- command.c: the program and its command line --------------------------------------------------------- */

/*
 * argv[0] with a slash or a drive: as it stands, below the working directory where it is relative. Otherwise along
 * PATH, and only there: neither the working directory nor sbx's own. Without an extension those of PATHEXT are
 * tried. out_program: absolute, never a batch file (its interpreter is, and out_line says so).
 * Fails: NOT_FOUND NOT_EXECUTABLE, or INVALID where the arguments cannot be handed over; see quote.h
 */
SBX_MUST_USE sbx_status sbx_command_find(sbx_text *out_program, sbx_text *out_line,
                                         const sbx_plan *plan, const sbx_target_os *os,
                                         sbx_error *err);

/* ---- token.c: who the target is ------------------------------------------------------------------------------ */

/* "S-1-5-21-…" with 128 random bits: nobody else's, and nobody's again. */
SBX_MUST_USE sbx_status sbx_token_make_sid(char out[SBX_OS_SID_BYTES], sbx_error *err);

/*
 * Of a run's target. Where who is not the caller (path B), the caller's sbx.exe is let look at what the target makes.
 * group: the sandbox users', "": path A. *out points into the arguments.
 */
void sbx_token_sids_of(sbx_token_sids *out, const char *run_sid, const sbx_os_token *who,
                       const char *caller, const char *group);

/*
 * A token by plan from this process's one. must_hold: what was asked for is read back, and anything else is REFUSED
 * (step IDENTITY). Without it the host is known not to hold it.
 */
SBX_MUST_USE sbx_status sbx_token_make(sbx_handle *out, const sbx_token_plan *plan, bool must_hold,
                                       const sbx_target_os *os, sbx_error *err);

/* Is the token one of that plan? */
SBX_MUST_USE sbx_status sbx_token_check(sbx_handle token, const sbx_token_plan *plan,
                                        const sbx_target_os *os, sbx_error *err);

/*
 * No command of the same user ends, reads or opens this process (sbx_guard_aces()); and its token, of which a copy
 * would be a way around every other wall. The token last: to make a process with another one, ours may have to be
 * opened.
 */
SBX_MUST_USE sbx_status sbx_token_guard_process(const char *user, bool must_hold,
                                                const sbx_target_os *os, sbx_error *err);
SBX_MUST_USE sbx_status sbx_token_guard_own(sbx_handle own_token, const char *user, bool must_hold,
                                            const sbx_target_os *os, sbx_error *err);

/* A process of ours, closed by exactly these entries; NULL is this one. */
SBX_MUST_USE sbx_status sbx_token_guard(sbx_handle object, const sbx_ace *aces, size_t count,
                                        bool must_hold, const sbx_target_os *os, sbx_error *err);
/* The same entries, in any order and no others. */
bool sbx_token_list_is(const sbx_os_list *found, const sbx_ace *asked, size_t count);

/* ---- make.c: the process ------------------------------------------------------------------------------------- */

/*
 * Made by the wish, suspended, and asked of the system again: is it in its job, has it that token? name: what the user
 * called it. On failure *out may be a process all the same, for the caller to end.
 * Fails: NOT_FOUND NOT_EXECUTABLE  the program cannot be run (step EXEC)
 *        REFUSED                   it is not in its job, or its token is another one
 */
SBX_MUST_USE sbx_status sbx_process_make(sbx_os_process *out, const sbx_os_wish *wish,
                                         const char *name, const sbx_token_plan *plan,
                                         bool must_hold, const sbx_target_os *os, sbx_error *err);
SBX_MUST_USE sbx_status sbx_process_check(sbx_handle process, sbx_handle job,
                                          const sbx_token_plan *plan, bool must_hold,
                                          const sbx_target_os *os, sbx_error *err);

/* ---- entries.c: what stands on the host for the run ---------------------------------------------------------- */

typedef struct sbx_entry_place {
    sbx_ace_step step;
    sbx_handle handle; /* NULL: not open */
    sbx_os_place about;
    bool makes;    /* the first step of a directory that is made */
    bool was_made; /* and by this run: not there before, and not another run's */
    bool is_set;
} sbx_entry_place;

typedef struct sbx_entries {
    sbx_entry_place *item;
    size_t count;
    char **lease; /* NULL-terminated */
    const char *temp_path, *user, *run;
    bool must_hold;
} sbx_entries;

/*
 * Opens every place of the plan and writes their leases; nothing is changed yet. must_hold false: the host keeps no
 * entries, and only the temp directory is made.
 * Fails: REFUSED  a place is another one than the plan looked at (step MOUNT)
 */
SBX_MUST_USE sbx_status sbx_entries_list(sbx_entries *out, const sbx_plan *plan,
                                         const sbx_ace_sids *sids, const char *user, bool must_hold,
                                         const sbx_target_os *os, sbx_error *err);

/* Sets them in the plan's order, each read back. What was set stays set on failure, for sbx_entries_undo(). */
SBX_MUST_USE sbx_status sbx_entries_set(sbx_entries *entries, const sbx_target_os *os,
                                        sbx_error *err);

/* Takes away what was set, the last first; goes on past a failure and tells the first one. */
SBX_MUST_USE sbx_status sbx_entries_undo(sbx_entries *entries, const sbx_target_os *os,
                                         sbx_error *err);

void sbx_entries_done(sbx_entries *entries, const sbx_target_os *os);

/* Takes away what a lease says, where it is still there: for a run whose supervisor was killed. */
SBX_MUST_USE sbx_status sbx_entries_release(const char *lease, const sbx_target_os *os,
                                            sbx_error *err);

/* One entry, and read back that it is gone. path: for messages. */
SBX_MUST_USE sbx_status sbx_entry_remove(sbx_handle place, const sbx_ace *ace, const char *path,
                                         const sbx_target_os *os, sbx_error *err);

/* ---- share.c: what several runs have at one place ------------------------------------------------------------ */

/*
 * A directory in the place of an absent protected name: made with all those entries, or, where another run has made it,
 * joined by own, of which the first is this run's.
 * Fails: REFUSED  somebody else has made one there
 */
SBX_MUST_USE sbx_status sbx_share_make(bool *out_is_made, const char *path, const sbx_ace *own,
                                       size_t own_count, const sbx_ace *all, size_t all_count,
                                       const sbx_target_os *os, sbx_error *err);

/*
 * Takes the entry away from it, and with the last run's entry the directory. ace: this run's, or the group's beside it.
 * run: this run's SID, "": not known. is_made: this run has made it.
 */
SBX_MUST_USE sbx_status sbx_share_leave(const char *path, const sbx_ace *ace, const char *run,
                                        bool is_made, const sbx_target_os *os, sbx_error *err);

/* An entry at any other place: a run's own, or the group's, of which there is one for all runs. */
sbx_os_code sbx_share_add(sbx_handle place, const sbx_ace *ace, const sbx_target_os *os);
SBX_MUST_USE sbx_status sbx_share_remove(sbx_handle place, const sbx_ace *ace, const char *run,
                                         const char *path, const sbx_target_os *os, sbx_error *err);

/* ---- enter.c: the steps in their order ------------------------------------------------------------------------- */

/*
 * Path B: somebody else makes the process, as another user. What is asked of it afterwards (its job, its token) the
 * launch asks by itself.
 */
typedef struct sbx_launch_maker {
    void *context;
    /*
     * Ready to make one. caller: our own user. *out_who: the user and the logon that the process will have; out_group:
     * of path B's users, "": none.
     */
    sbx_status (*open)(void *context, const char *caller, sbx_os_token *out_who,
                       char out_group[SBX_OS_SID_BYTES], sbx_error *err);
    /* As make_process() of the table, with a token of its own that run_sid restricts, for caller to look at. */
    sbx_status (*make)(void *context, sbx_os_process *out, const sbx_os_wish *wish,
                       const char *run_sid, const char *caller, sbx_error *err);
} sbx_launch_maker;

typedef struct sbx_launch {
    /* Filled by the caller; they outlive the launch. */
    const sbx_plan *plan;
    const sbx_launch_maker *maker; /* NULL: path A, this process makes it */
    const sbx_target_os *os;
    sbx_handle job;
    sbx_handle stdio[3];       /* NULL: closed, or the terminal's. None of them a console. */
    sbx_handle terminal;       /* of sbx_os_wish; made between prepare and start. NULL: none */
    sbx_os_size terminal_size; /* of sbx_os_wish */

    sbx_text program, line;
    char run_sid[SBX_OS_SID_BYTES];
    sbx_os_token own;             /* who the caller is */
    sbx_os_token who;             /* who the target is: on path A the caller */
    char group[SBX_OS_SID_BYTES]; /* "": path A */
    sbx_handle own_token, token;
    sbx_token_plan token_plan;
    sbx_entries entries;
    sbx_handle desktop; /* NULL: the caller's */
    char desktop_name[128];
    sbx_os_process child;
    bool has_go;
} sbx_launch;

SBX_MUST_USE sbx_status sbx_launch_prepare(sbx_launch *launch, sbx_error *err);
const char *const *sbx_launch_leases(const sbx_launch *launch); /* the launch's; NULL: none */
SBX_MUST_USE sbx_status sbx_launch_start(sbx_launch *launch, sbx_error *err);
SBX_MUST_USE sbx_status sbx_launch_go(sbx_launch *launch, sbx_error *err);
/*
 * The job's processes are ended before, by the caller; a process that never went is ended here. Fails where something
 * could not be taken away: everything else is, all the same.
 */
SBX_MUST_USE sbx_status sbx_launch_end(sbx_launch *launch, sbx_error *err);

/* A step's failure in the system's words. Context: these files. */
#define sbx_fail_os(err, status, step, code, ...)                                                  \
    sbx_fail((err), (status), (step), SBX_OS_WIN32, (int)(code), __VA_ARGS__)

#endif
