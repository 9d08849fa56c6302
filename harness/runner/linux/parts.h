/* The parts of the runner on Linux, one file each. All are for the supervisor's one thread. */
#ifndef SBX_RUNNER_LINUX_PARTS_H
#define SBX_RUNNER_LINUX_PARTS_H

#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <termios.h>

#include "audit/sources/linux/landlock_log.h"
#include "audit/sources/watch.h"
#include "harness/runner/record.h"
#include "harness/target/target.h"

/* ---- signals.c: INT, TERM, HUP, QUIT stop the job instead of us ---------------------------------- */

/* Installs handlers for those of them that the caller does not ignore, and ignores PIPE. */
SBX_MUST_USE sbx_status sbx_signals_take(sbx_error *err);
void sbx_signals_give_back(bool is_last); /* this process runs nothing more: once asked to stop, it stays deaf */
int sbx_signals_fd(void);               /* readable: one came */
int sbx_signals_next(void);             /* the oldest that came, 0: none */
const bool *sbx_signals_came(void);     /* becomes true with the first one */
uint64_t sbx_signals_mask_before(void); /* the caller's mask, signal n in bit n - 1 */
bool sbx_signals_pipe_ignored(void);    /* the caller ignored SIGPIPE */

/* ---- terminal.c: who is in the foreground ---------------------------------------------------------- */

typedef struct sbx_terminal {
    int fd;                /* a standard stream that is a terminal, or -1 */
    bool takes_foreground; /* the target shall be in the foreground: stdin is ours */
    pid_t group;           /* ours */
    pid_t target_group;    /* as we see it; 0 until known */
    struct termios modes;  /* where it is in the foreground: echo, lines and so on as they were */
    int status_flags;      /* O_NONBLOCK and so on of its description, which others share */
} sbx_terminal;

void sbx_terminal_look(sbx_terminal *out);
/* Ours is in the foreground again. was_killed: and the terminal as the command found it, which could not do so itself. */
void sbx_terminal_take_back(const sbx_terminal *terminal, bool was_killed);
/* The target stopped itself (^Z): we stop with it, and go on with it. */
void sbx_terminal_stop_too(const sbx_terminal *terminal);

/* ---- output.c: stdout and stderr through us, counted and cut (--output) -------------------------- */

typedef struct sbx_output_stream {
    int from, to; /* -1: closed */
    char *data;   /* what was read and could not be written yet */
    size_t start, bytes;
    bool is_careful; /* `to` may block: write no more than a pipe takes at once */
} sbx_output_stream;

typedef struct sbx_output {
    bool is_used;
    uint64_t limit_bytes, seen_bytes;
    bool is_truncated;
    int child_fd[3]; /* what becomes the target's stdout [1] and stderr [2] */
    sbx_output_stream stream[2];
} sbx_output;

/* to: where stdout [1] and stderr [2] go in the end; the caller's. */
SBX_MUST_USE sbx_status sbx_output_init(sbx_output *out, uint64_t limit_bytes, const int to[3],
                                        sbx_error *err);
void sbx_output_started(sbx_output *output);                           /* closes child_fd */
size_t sbx_output_poll(const sbx_output *output, struct pollfd *wait); /* fills at most 4 */
void sbx_output_move(sbx_output *output, const struct pollfd *wait, size_t count);
/* The job is dead: hands on what is still in the pipes, up to the limit. */
void sbx_output_drain(sbx_output *output);
void sbx_output_done(sbx_output *output);

/* ---- input.c: stdin through us, where it is a pipe that the command could open to write ------------ */

typedef struct sbx_input {
    int from;             /* the caller's */
    int to;               /* our end of the command's pipe; -1: not through us, or at its end */
    int sink;             /* where what the command has read goes out of the caller's pipe */
    int child_fd;         /* what becomes the target's stdin; -1: what it is by itself */
    size_t shown;         /* bytes at the front of both pipes that are not known to be read */
    unsigned buffers;     /* that the command's pipe has room for */
    bool was_full;        /* there was more than that */
    uint64_t shown_ns;    /* when that was */
    uint64_t look_at_ns;  /* when to look whether it is read; SBX_UNLIMITED: poll() says so */
} sbx_input;

SBX_MUST_USE sbx_status sbx_input_init(sbx_input *out, int from, const sbx_plan *plan,
                                       sbx_error *err);
void sbx_input_started(sbx_input *input);             /* closes child_fd */
struct pollfd sbx_input_poll(const sbx_input *input); /* fd -1: nothing to wait for */
void sbx_input_move(sbx_input *input, const struct pollfd *wait);
void sbx_input_look(sbx_input *input, uint64_t now_ns); /* from look_at_ns on */
void sbx_input_done(sbx_input *input);                  /* the job is dead */

/* ---- placeholder.c: empty directories that keep protected names from being made ------------------ */

typedef struct sbx_placeholders {
    struct sbx_placeholder *item;
    int *fds; /* of the items */
    size_t count;
} sbx_placeholders;

SBX_MUST_USE sbx_status sbx_placeholders_take(sbx_placeholders *out, const sbx_plan *plan,
                                              sbx_error *err);
void sbx_placeholders_release(sbx_placeholders *held);
/* The paths of a plan's placeholders, NULL-terminated, for the start row: who is killed while they stand
 * leaves them to the next start. NULL: none, or no memory. Freed by the caller; the paths are the plan's. */
const char **sbx_placeholders_list(const sbx_plan *plan);
/* Takes away one that a lost run has left, if nobody holds it. */
void sbx_placeholder_clear(const char *path);

/* ---- spawn.c: the job's first process --------------------------------------------------------------- */

typedef struct sbx_child {
    pid_t pid;      /* init, as we see it */
    pid_t mapper;   /* killed, and buried at the end; 0: none */
    int pidfd;      /* -1: none */
    int control_fd; /* our end; -1: none */
} sbx_child;

SBX_MUST_USE sbx_status sbx_spawn(sbx_child *out, const sbx_entry *entry, sbx_error *err);
/* Path B: makes a user namespace that maps the caller to the target, for id-mapped mounts, and hands it to
 * init, which waits for it. Nothing where the plan maps no owners. */
SBX_MUST_USE sbx_status sbx_spawn_idmap(sbx_child *child, const sbx_plan *plan, sbx_error *err);

/* What READY brings: descriptors (-1: none), and, as the kernel's word, the target's pid. */
typedef struct sbx_ready {
    int listener, masks_fd;
    pid_t target_pid;
} sbx_ready;

/* The job's first word, READY or FAILED; waits for it. False: it died without one. */
bool sbx_spawn_hear(const sbx_child *child, sbx_wire *out, sbx_ready *ready);

/* What of a plan's namespaces a process must be born into; what a clone's error means. */
uint64_t sbx_spawn_namespaces(const sbx_plan *plan);
sbx_status sbx_spawn_explain(const sbx_plan *plan, int code, sbx_error *err);
/* The mapping alone, as a descriptor, for a worker that keeps it. *out_mapper as in sbx_child. */
SBX_MUST_USE sbx_status sbx_spawn_make_idmap(int *out_fd, pid_t *out_mapper, const sbx_plan *plan,
                                             sbx_error *err);

/* ---- launcher.c: first processes that share our memory ---------------------------------------------- */

typedef struct sbx_launcher sbx_launcher;

SBX_MUST_USE sbx_status sbx_launcher_create(sbx_launcher **out, bool serves_many, sbx_error *err);
/* As sbx_spawn(), but *entry must stay until sbx_launcher_wait(), and who it is is known when it has spoken: */
SBX_MUST_USE sbx_status sbx_spawn_shared(sbx_child *out, sbx_entry *entry, sbx_launcher *launcher,
                                         sbx_error *err);
void sbx_spawn_meet(sbx_child *child, const sbx_launcher *launcher);
/* Has the process made. It, or in its place the launcher, speaks on entry->control_fd, which is the launcher's from
 * here on, as is *entry until sbx_launcher_wait(). */
void sbx_launcher_start(sbx_launcher *launcher, sbx_entry *entry, int our_fd);
pid_t sbx_launcher_pid(const sbx_launcher *launcher); /* 0: not made yet. Known once it has spoken. */
/* That process has spoken its last, or was never made: has the thread do something (NULL: nothing) beside its end. */
void sbx_launcher_call(sbx_launcher *launcher, void (*work)(void *context), void *context);
void sbx_launcher_wait(sbx_launcher *launcher); /* until that process is gone, and what was called is done */
void sbx_launcher_free(sbx_launcher *launcher);       /* NULL is fine */

/* ---- describe.c: what holds what ---------------------------------------------------------------------- */

void sbx_describe_walls(sbx_result *result, const sbx_plan *plan);
void sbx_describe_enforcers(sbx_result *result, const sbx_plan *plan, const sbx_job *job);
/* Fills places, which has room for SBX_PLACES_MORE more than there are rules; returns how many there are. */
enum { SBX_PLACES_MORE = 3 };
size_t sbx_describe_places(sbx_place *places, const sbx_plan *plan);
/*
 * May the target share our memory until its execve? Else it is forked for. It is in its group by then: if the kernel ran
 * out of memory in there, it would kill us too. With room for what an execve takes, and for twice what we have, it cannot.
 */
bool sbx_can_share(const sbx_plan *plan);

/* ---- run.c ------------------------------------------------------------------------------------------------- */

/* What a run finds made already. All NULL or -1: nothing. */
typedef struct sbx_run_base {
    sbx_store *store;
    sbx_launcher *launcher;
    int idmap_fd;
    const int *stdio_fd;
} sbx_run_base;

void sbx_run_on(sbx_result *result, const sbx_plan *plan, const sbx_run_options *options,
                const sbx_run_base *base);

/* ---- follow.c: from "go" to the end ---------------------------------------------------------------------- */

typedef struct sbx_follow {
    const sbx_plan *plan;
    sbx_job *job;
    sbx_child *child;
    sbx_watch *watch;           /* NULL: not watched */
    sbx_landlock_log *landlock; /* NULL: the kernel's records cannot be read here */
    sbx_input *input;
    sbx_output *output;
    sbx_terminal *terminal;
    sbx_record *record;
    sbx_events *events;
    uint64_t go_ns;
    sbx_samples *samples; /* what it used over time, to be freed; NULL: none was taken */
    bool has_swept;     /* what lost runs left behind has been looked for already */
    bool has_ended;     /* EXITED came */
    sbx_wire_exit exit; /* valid with has_ended */
} sbx_follow;

/* Returns when the command has ended or was stopped; init may still be dying. */
void sbx_follow_to_end(sbx_follow *follow);

#endif
