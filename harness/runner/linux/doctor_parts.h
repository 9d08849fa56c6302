/* The parts of the doctor on Linux, one file each. */
#ifndef SBX_RUNNER_LINUX_DOCTOR_PARTS_H
#define SBX_RUNNER_LINUX_DOCTOR_PARTS_H

#include <limits.h>
#include <sys/types.h>

#include "harness/policy/host.h"
#include "harness/runner/doctor.h"
#include "harness/runner/runner.h"

/*
 * A directory of the doctor's own, with what is tried on:
 *   root/          the writable root; root/.git is there, the other protected names are not
 *   root/audit.db  the database, where the target could write it if it were not covered
 *   outside/       beside it: open to everybody by its mode, so that only a wall can refuse
 *   secret/        denied
 */
typedef struct sbx_doctor {
    sbx_doctor_line *line;
    size_t count, room;
    sbx_host host;
    sbx_policy policy;      /* the default one, with the place in it */
    char program[PATH_MAX]; /* this one */
    char place[PATH_MAX / 2];
    char temp_file[64];    /* in /tmp, beside the place; "": none */
    int place_fd, temp_fd; /* locked as long as they are in use; -1: none */
} sbx_doctor;

/* ---- doctor.c -------------------------------------------------------------------------------- */

void sbx_doctor_add(sbx_doctor *self, const char *subject, const char *state, const char *by,
                    const char *fix, const char *detail, ...) SBX_PRINTF(6, 7);

/* ---- doctor_place.c -------------------------------------------------------------------------- */

/* place/name, in one of a few static buffers. */
const char *sbx_doctor_path(const sbx_doctor *self, const char *name);

/*
 * At home if possible: in a directory that is private inside, everything outside is out of reach anyway. Takes away what
 * killed doctors of this user left there. Removing takes a half-made one too.
 */
bool sbx_doctor_make_place(sbx_doctor *self);
void sbx_doctor_remove_place(sbx_doctor *self);

/* ---- doctor_try.c: one attempt outside, one inside ------------------------------------------- */

typedef enum sbx_doctor_answer {
    SBX_DOCTOR_DID,
    SBX_DOCTOR_REFUSED,
    SBX_DOCTOR_BROKEN, /* it could not be tried, or failed in a way that shows nothing */
} sbx_doctor_answer;

typedef struct sbx_doctor_attempt {
    sbx_doctor_answer answer;
    int code;                       /* the probe's errno, 0 where it did it */
    char why[SBX_ERROR_TEXT_BYTES]; /* how it failed, in words */
    bool walls[SBX_WALL_COUNT];     /* inside: those of its plan */
    sbx_result result;              /* inside */
} sbx_doctor_attempt;

typedef struct sbx_doctor_how {
    const char *audit_path; /* NULL: not recorded */
    bool landlock_alone;    /* as on a host without namespaces: is the second wall one by itself? */
} sbx_doctor_how;

/* attempt: a verb and its arguments, NULL-terminated. */
void sbx_doctor_outside(sbx_doctor_attempt *out, const sbx_doctor *self,
                        const char *const *attempt);
void sbx_doctor_inside(sbx_doctor_attempt *out, sbx_doctor *self, const sbx_doctor_how *how,
                       const char *const *attempt);
void sbx_doctor_attempt_done(sbx_doctor_attempt *attempt); /* takes a zeroed one too */

/* A plan for it, as `sbx exec` would make it, degraded where it must be. argv must live as long. */
enum { SBX_DOCTOR_ARGUMENTS_MAX = 8 };
SBX_MUST_USE sbx_status sbx_doctor_plan(sbx_plan *out, const char *argv[SBX_DOCTOR_ARGUMENTS_MAX],
                                        sbx_doctor *self, const sbx_doctor_how *how,
                                        const char *const *attempt, sbx_error *err);

/* Starts the probe outside with fd as its stdout; 0: it could not be started. */
pid_t sbx_doctor_start(const sbx_doctor *self, const char *const *attempt, int stdout_fd);

/* ---- the lines ------------------------------------------------------------------------------- */

void sbx_doctor_try_walls(sbx_doctor *self);   /* doctor_walls.c, with denials and audit */
void sbx_doctor_try_limits(sbx_doctor *self);  /* doctor_limits.c */
void sbx_doctor_try_close(sbx_doctor *self);   /* doctor_close.c: kill on close */
void sbx_doctor_look_around(sbx_doctor *self); /* doctor_host.c: what is good to know */

#endif
