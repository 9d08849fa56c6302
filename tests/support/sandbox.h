/*
 * Running sbx (or any program) and collecting everything it left: exit, output, time, result JSON,
 * and the rows of the audit database.
 *
 *     sbx_test_outcome outcome;
 *     sbx_test_exec(&outcome, &place, SBX_LIST("--mem", "64M"), SBX_LIST(place.probe, "alloc",
 * "99"));
 *     assert_int_equal(outcome.exit_code, 137);
 *     assert_string_equal(sbx_test_word(&outcome, "reason"), "memory");
 *     sbx_test_outcome_done(&outcome);
 *
 * Nothing here can hang: a program that is not done in time is killed and the test fails.
 */
#ifndef SBX_TESTS_SUPPORT_SANDBOX_H
#define SBX_TESTS_SUPPORT_SANDBOX_H

#include <jansson.h>
#include <sys/types.h>

#include "tests/support/place.h"

#define SBX_LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SBX_NO_LIST ((const char *const[]){NULL})

enum { SBX_TEST_TIMEOUT_MS = 20000 };

/* What to start. */
typedef struct sbx_test_request {
    const char *const *options; /* of `sbx exec`, before "--" */
    const char *const *command;
    const char *const *env; /* NAME=VALUE over ours; a NAME alone takes it away; NULL: nothing */
    const char *cwd;        /* NULL: place->root */
    const char *database;   /* NULL: place->database */
    int stdio[3];           /* descriptors to use; 0: /dev/null for stdin, captured for the others;
                                   -1: closed */
    int extra_fd;           /* is passed on under its own number; 0: none */
    bool without_roots;     /* no --read base and --write root */
    bool without_database;  /* no --audit-db: let sbx find its own */
    bool as_is;             /* command is the whole command line: no sbx, no options */
    bool new_session;       /* its own session, and stdin becomes its controlling terminal */
} sbx_test_request;

/* While it runs. */
typedef struct sbx_test_child {
    pid_t pid;
    int pid_fd;
    int capture[3]; /* [1], [2]: what stdout and stderr went to */
    uint64_t started_ms;
    char result_path[SBX_TEST_PATH_BYTES];
} sbx_test_child;

/* After it. */
typedef struct sbx_test_outcome {
    int exit_code; /* -1: a signal */
    int signal;    /* 0: none */
    uint64_t wall_ms;
    char *out, *err; /* 0-terminated; never NULL */
    size_t out_bytes, err_bytes;
    json_t *result; /* NULL: sbx wrote none */
} sbx_test_outcome;

void sbx_test_start(sbx_test_child *child, const sbx_test_place *place,
                    const sbx_test_request *request);
void sbx_test_finish(sbx_test_outcome *out, sbx_test_child *child, unsigned timeout_ms);
void sbx_test_outcome_done(sbx_test_outcome *outcome);

/* Ends what was started and not finished, and what outlived it; the teardown of every test
 * (sbx_unit_test). *state is the sbx_test_place. */
int sbx_test_stop_children(void **state);
#define sbx_unit_test(function) cmocka_unit_test_teardown(function, sbx_test_stop_children)

/* Start and finish. */
void sbx_test_run(sbx_test_outcome *out, const sbx_test_place *place,
                  const sbx_test_request *request);
void sbx_test_exec(sbx_test_outcome *out, const sbx_test_place *place, const char *const *options,
                   const char *const *command);

/* `sbx ARGUMENTS…` as they are; the database is in its environment (SBX_AUDIT_DB). */
void sbx_test_sbx(sbx_test_outcome *out, const sbx_test_place *place, const char *const *arguments);

/* The probe by itself, outside. */
int sbx_test_probe_outside(const sbx_test_place *place, const char *const *arguments);

/* What the child has written to stdout so far holds text, at most timeout_ms from now. */
bool sbx_test_wait_output(const sbx_test_child *child, const char *text, unsigned timeout_ms);

/* Fields of the result JSON (numbers: also of its "usage"); the test fails where they are
 * missing. */
const char *sbx_test_word(const sbx_test_outcome *outcome, const char *key);
json_int_t sbx_test_number(const sbx_test_outcome *outcome, const char *key);

/* Fails, with the whole of what was seen, unless the run ended like that. reason NULL: any. */
void sbx_test_expect(const sbx_test_outcome *outcome, int exit_code, const char *status,
                     const char *reason);

/*
 * Rows of the audit database: `what` is "ls", "denials" or "processes" of a run. A JSON array; the
 * caller gives it back with json_decref().
 */
json_t *sbx_test_audit_runs(const sbx_test_place *place);
json_t *sbx_test_audit_denials(const sbx_test_place *place, const char *run_id);
json_t *sbx_test_audit_processes(const sbx_test_place *place, const char *run_id);

/* How often that run was denied something: the sum over its rows. */
json_int_t sbx_test_sum_denials(const sbx_test_place *place, const char *run_id);

/* `sbx audit verify` finds nothing wrong, or the test fails with what it said. */
void sbx_test_verify(const sbx_test_place *place);

/* One run's row by id, or NULL. The caller gives it back. */
json_t *sbx_test_audit_run(const sbx_test_place *place, const char *run_id);

/* A denial of that run whose op is one of `ops` (words split by '|'; NULL: any) and whose target
 * holds
 * `target` (NULL: any). Borrowed from rows, or NULL. */
json_t *sbx_test_find_denial(const json_t *rows, const char *ops, const char *target);

#endif
