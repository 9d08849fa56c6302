/*
 * Layer 4: what happens between the fork and the command's first instruction. Everything here runs
 * after fork, as a prefix of the untrusted program's life: no allocation, no locks, no stdio.
 *
 * Two processes (Linux):
 *   init     the job's first process, pid 1 of its pid namespace. Makes the target's view of the world,
 *            makes the target, then gives up its rights, reaps, and answers the supervisor.
 *   target   child of init by vfork. Gives up everything step by step, waits for "go", and becomes the
 *            command.
 * Both talk to the supervisor over one SOCK_SEQPACKET socket, one sbx_wire per message.
 *
 * Windows makes a process from outside, suspended, with all its walls: nothing of sbx runs in it. See
 * harness/target/windows/steps.h.
 */
#ifndef SBX_TARGET_TARGET_H
#define SBX_TARGET_TARGET_H

#include "harness/policy/plan.h"
#include "limits/job.h"

/* What the supervisor hands to the first process besides the plan. Descriptors are -1 where absent. */
typedef struct sbx_entry {
    const sbx_plan *plan;
    const sbx_job *job;
    int control_fd;   /* the init's end of the socket */
    int idmap_fd;     /* what IDMAP would bring, where it is there already */
    int stdio_fd[3];  /* become the standard streams */
    const int *locks;  /* descriptors of the supervisor's that hold something as long as anybody has them */
    size_t lock_count;
    bool shares_memory; /* with the supervisor: the target alone enters the job */
    bool has_network;   /* born into the network namespace that the plan wants */
    bool has_no_bounding; /* born with an empty bounding set of capabilities */
    bool
        takes_foreground; /* stdin is our terminal and we are its foreground: the target shall be */
    bool has_terminal;    /* some standard stream is a terminal: the session is kept */
    int terminal_fd;      /* which one (0, 1 or 2), or -1 */
    bool ignores_sigpipe; /* as the caller had it */
    uint64_t signal_mask; /* as the caller had it, signal n in bit n - 1 */
} sbx_entry;

/*
 * Of the calling thread, and of all that it makes without a user namespace of its own. Without CAP_SETPCAP the
 * bounding set stays; with no_new_privs and no capability that is harmless, as nothing can be raised from it. With the
 * capability a failure is a failure.
 */
SBX_MUST_USE sbx_status sbx_ids_drop_bounding(sbx_error *err);

/*
 * Everything from the fork on; never returns. A failure is sent as SBX_WIRE_FAILED and ends the
 * process with 125.
 */
SBX_NORETURN void sbx_target_init(const sbx_entry *entry);

/* What crosses the socket. One message, one send. */
typedef enum sbx_wire_kind {
    SBX_WIRE_READY, /* target -> supervisor: confined and waiting; carries its pid as credentials, and
                         the seccomp listener as a descriptor where denials are watched */
    SBX_WIRE_IDMAP,  /* supervisor -> init: a user namespace whose mapping turns the caller into the
                         target, as a descriptor */
    SBX_WIRE_GO,     /* supervisor -> target: the start row is durable */
    SBX_WIRE_FAILED, /* init or target -> supervisor: error says which step */
    SBX_WIRE_STOPPED, /* init -> supervisor: the target was stopped by signal `value` (job control) */
    SBX_WIRE_TERM,    /* supervisor -> init: SIGTERM to every process of the job */
    SBX_WIRE_EXITED, /* init -> supervisor: the command has ended and all it left behind is dead */
} sbx_wire_kind;

typedef struct sbx_wire_exit {
    int wait_status;       /* as from waitpid */
    uint64_t leaked_count; /* processes that outlived the command */
    uint64_t user_ns, system_ns;
    uint64_t io_read_bytes, io_write_bytes; /* SBX_UNLIMITED: unknown */
    uint64_t memory_peak_bytes;             /* of the largest process */
    uint64_t temp_bytes;                    /* used in the private temp file system at the end */
} sbx_wire_exit;

typedef struct sbx_wire {
    sbx_wire_kind kind;
    int value;
    union {
        sbx_error error;
        sbx_wire_exit exit;
    } u;
} sbx_wire;

/* Of that many bytes as they came: a whole message, of a kind that there is, and what it holds can be used. */
bool sbx_wire_is_valid(const sbx_wire *message, size_t bytes);

#endif
