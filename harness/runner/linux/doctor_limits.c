/* The doctor on limits: each is reached by a probe that gets on without it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/runner/linux/doctor_parts.h"

enum { RATE_PERCENT = 50, RATE_TOLERANCE_PERCENT = 5, RATE_TRIES = 3 };

/*
 * One limit, what goes past it, and the errno with which the probe sees it reached (0: it is
 * stopped).
 */
typedef struct limited {
    sbx_limit_kind kind;
    uint64_t value;
    int code;
    const char *what;
    const char *attempt[4];
    const char *inside[4]; /* where it is another one than outside */
} limited;

/* What makes limits the kernel's, in this caller's case. */
static const char *delegation_fix(const sbx_doctor *self)
{
    if (self->host.is_root)
        return "mount the cgroup controllers where this process may make groups (a container: "
               "--cgroupns=private "
               "with a writable /sys/fs/cgroup)";
    if (getenv("XDG_RUNTIME_DIR") != NULL || getenv("DBUS_SESSION_BUS_ADDRESS") != NULL)
        return "no cgroup controllers for this user, so limits are polled: run `systemd-run --user "
               "--scope -p "
               "Delegate=yes sbx exec …`, or install sbx-scope beside sbx";
    return "no cgroup controllers for this user, so limits are polled: run as root, or let root "
           "delegate a cgroup (a "
           "group below /sys/fs/cgroup that this user owns and sbx is started in)";
}

static bool was_held(const limited *one, const sbx_doctor_attempt *inside)
{
    const sbx_events *events = &inside->result.events;

    if (one->code != 0 && inside->code == one->code)
        return true;
    return inside->answer != SBX_DOCTOR_DID &&
           (events->killed_for[one->kind] || events->reached[one->kind] ||
            (inside->result.verdict.outcome == SBX_OUTCOME_LIMIT &&
             strcmp(inside->result.verdict.reason, sbx_limit_word(one->kind)) == 0));
}

static void add_limit(sbx_doctor *self, sbx_limit_kind kind, bool is_held, sbx_enforcer enforcer,
                      const char *what, const char *how)
{
    const char *state = !is_held || enforcer == SBX_ENFORCER_NONE ? "missing"
                        : enforcer == SBX_ENFORCER_POLLED         ? "degraded"
                                                                  : "enforced";
    bool is_fine = strcmp(state, "enforced") == 0;

    sbx_doctor_add(self, sbx_limit_word(kind), state, sbx_enforcer_word(enforcer),
                   is_fine ? NULL : delegation_fix(self), "%s: done outside, inside %s", what,
                   is_held ? how : "it was done too");
}

static void run_limited(sbx_doctor_attempt *out, sbx_doctor *self, sbx_limit_kind kind,
                        uint64_t value, const char *const *attempt)
{
    uint64_t before = self->policy.limits.value[kind];

    self->policy.limits.value[kind] = value;
    sbx_doctor_inside(out, self, NULL, attempt);
    self->policy.limits.value[kind] = before;
}

static void try_limit(sbx_doctor *self, const limited *one)
{
    sbx_doctor_attempt outside, inside;
    char how[96];

    sbx_doctor_outside(&outside, self, one->attempt);
    if (outside.answer != SBX_DOCTOR_DID) {
        sbx_doctor_add(self, sbx_limit_word(one->kind), "unknown", "none", NULL,
                       "%s: outside it failed too (%s), so nothing is shown", one->what,
                       outside.why);
        return;
    }
    run_limited(&inside, self, one->kind, one->value,
                one->inside[0] != NULL ? one->inside : one->attempt);
    if (inside.answer == SBX_DOCTOR_BROKEN && !was_held(one, &inside)) {
        sbx_doctor_add(self, sbx_limit_word(one->kind), "missing", "none", delegation_fix(self),
                       "%s", inside.why);
    } else {
        if (inside.result.verdict.outcome == SBX_OUTCOME_LIMIT)
            (void)snprintf(how, sizeof(how), "stopped for the limit \"%s\"",
                           inside.result.verdict.reason);
        else
            (void)snprintf(how, sizeof(how), "%.64s", inside.why);
        add_limit(self, one->kind, was_held(one, &inside), inside.result.enforcers[one->kind],
                  one->what, how);
    }
    sbx_doctor_attempt_done(&inside);
}

/* A busy machine can keep the share down outside too; then a comparison shows nothing. */
static int best_share_outside(const sbx_doctor *self)
{
    static const char *const attempt[] = {"rate", "40", NULL};
    int best = 0;

    for (int i = 0; i < RATE_TRIES && best <= RATE_PERCENT + RATE_TOLERANCE_PERCENT; i++) {
        sbx_doctor_attempt outside;

        sbx_doctor_outside(&outside, self, attempt);
        best = outside.code > best ? outside.code : best;
    }
    return best;
}

/*
 * A machine that stands still for a while (a virtual one whose host is busy) spoils a single measurement; a rate
 * that nobody holds is over it every time.
 */
static void measure_inside(sbx_doctor_attempt *out, sbx_doctor *self)
{
    static const char *const attempt[] = {"rate", "360", NULL};

    for (int i = 1;; i++) {
        run_limited(out, self, SBX_LIMIT_CPUS, RATE_PERCENT * 10, attempt);
        if (i == RATE_TRIES || !out->result.events.has_exit ||
            out->code <= RATE_PERCENT + RATE_TOLERANCE_PERCENT)
            return;
        sbx_doctor_attempt_done(out);
    }
}

static void try_rate(sbx_doctor *self)
{
    int outside = best_share_outside(self);
    sbx_doctor_attempt inside;
    sbx_enforcer enforcer;
    char how[96];

    measure_inside(&inside, self);
    enforcer = inside.result.enforcers[SBX_LIMIT_CPUS];
    (void)snprintf(how, sizeof(how), "%d %% of one CPU", inside.code);
    if (!inside.result.events.has_exit)
        sbx_doctor_add(self, sbx_limit_word(SBX_LIMIT_CPUS), "missing", "none",
                       delegation_fix(self), "%s", inside.why);
    else if (enforcer == SBX_ENFORCER_NONE)
        sbx_doctor_add(self, sbx_limit_word(SBX_LIMIT_CPUS), "missing", "none",
                       delegation_fix(self),
                       "half a CPU: nothing on this host can hold a rate; %s was used", how);
    else if (outside <= RATE_PERCENT + RATE_TOLERANCE_PERCENT)
        sbx_doctor_add(self, sbx_limit_word(SBX_LIMIT_CPUS), "unknown", sbx_enforcer_word(enforcer),
                       "try again when less is running",
                       "half a CPU: the machine is too busy to tell (%d %% outside)", outside);
    else
        add_limit(self, SBX_LIMIT_CPUS, inside.code <= RATE_PERCENT + RATE_TOLERANCE_PERCENT,
                  enforcer, "use more than half a CPU", how);
    sbx_doctor_attempt_done(&inside);
}

void sbx_doctor_try_limits(sbx_doctor *self)
{
    const char *file = sbx_doctor_path(self, "root/large");
    const limited all[] = {
        /*
         * inside it holds the memory for a while, for a host where it is only looked at now and
         * then
         */
        {SBX_LIMIT_MEMORY,
         UINT64_C(32) << 20,
         0,
         "use 96 MiB with a limit of 32",
         {"alloc", "96", "0"},
         {"alloc", "96", "250"}},
        {SBX_LIMIT_PROCESSES,
         8,
         EAGAIN,
         "have 16 processes with a limit of 8",
         {"fork", "16"},
         {NULL}},
        {SBX_LIMIT_CPU,
         50 * SBX_NS_PER_MS,
         0,
         "use 150 ms of CPU time with a limit of 50",
         {"spin", "150"},
         {NULL}},
        {SBX_LIMIT_WALL,
         50 * SBX_NS_PER_MS,
         0,
         "take 120 ms with a limit of 50",
         {"sleep", "120"},
         {NULL}},
        {SBX_LIMIT_IDLE,
         50 * SBX_NS_PER_MS,
         0,
         "idle for 150 ms with a limit of 50",
         {"sleep", "150"},
         {NULL}},
        {SBX_LIMIT_FILE_SIZE,
         65536,
         EFBIG,
         "write 128 KiB to a file with a limit of 64",
         {"fill", file, "131072"},
         {NULL}},
        {SBX_LIMIT_FILES,
         64,
         EMFILE,
         "have 128 files open with a limit of 64",
         {"open", "128"},
         {NULL}},
        /* more than a pipe takes, so that it can't be done before it is noticed */
        {SBX_LIMIT_OUTPUT,
         4096,
         EPIPE,
         "print 256 KiB with a limit of 4",
         {"print", "262144"},
         {NULL}},
    };

    for (size_t i = 0; i < SBX_COUNT_OF(all); i++)
        try_limit(self, &all[i]);
    try_rate(self);
}
