/*
 * What this host can enforce and with what, proved by trying: each wall is tried once outside,
 * where the forbidden thing must succeed, and once inside, where it must fail.
 */
#ifndef SBX_RUNNER_DOCTOR_H
#define SBX_RUNNER_DOCTOR_H

#include <stddef.h>

typedef struct sbx_doctor_line {
    const char *subject; /* a wall's or a limit's word, "denials", "audit", … */
    const char *state;   /* "enforced" "degraded" "missing" "unknown" */
    const char *by;      /* what enforces it: "landlock", "cgroup1", … */
    char detail[256];    /* what was tried and what came of it */
    char fix[256];       /* what would help; "" where nothing is wrong */
} sbx_doctor_line;

/*
 * Fills out and returns how many lines there are; never more than room. Several lines may share a
 * subject: one for each thing that wall is there for. Takes about a second and leaves nothing
 * behind; INT, TERM and HUP wait until it is done.
 *
 * Runs /proc/self/exe with "--probe" as its first argument, inside and outside: a program that
 * calls this must hand such a call to sbx_doctor_probe(). Context: a process without threads, as
 * for sbx_run().
 */
size_t sbx_doctor_run(sbx_doctor_line *out, size_t room);

/*
 * One attempt: argv is what follows "--probe", a verb and its arguments. Does not return: the exit
 * code is 0 where it could be done and the errno where not, 255 where it was asked for nonsense.
 */
_Noreturn void sbx_doctor_probe(int argc, char **argv);

#endif
