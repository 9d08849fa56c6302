/*
 * What must be so after something was killed, and the next start has cleared away: every row has its end, the ledger
 * verifies, and of those supervisors and this place nothing is left: no process, group, mount or file.
 *
 *     sbx_test_aftermath after = {0};
 *     sbx_test_aftermath_note(&after, child.pid);    // whoever may have made groups
 *     kill(child.pid, SIGKILL);
 *     sbx_test_aftermath_check(&after, place);
 */
#ifndef SBX_TESTS_SUPPORT_AFTERMATH_H
#define SBX_TESTS_SUPPORT_AFTERMATH_H

#include "tests/support/sandbox.h"

enum { SBX_TEST_SUPERVISORS_MAX = 4096 };

typedef struct sbx_test_aftermath {
    pid_t supervisor[SBX_TEST_SUPERVISORS_MAX];
    size_t count;
} sbx_test_aftermath;

void sbx_test_aftermath_note(sbx_test_aftermath *after, pid_t supervisor);

/* sbx_test_start(), and noted. */
void sbx_test_aftermath_start(sbx_test_aftermath *after, sbx_test_child *child,
                              const sbx_test_place *place, const sbx_test_request *request);

/* Waits for the last process of the place, makes the next start (in the place's database), and checks all of the above. */
void sbx_test_aftermath_check(const sbx_test_aftermath *after, const sbx_test_place *place);

/* Without the next start, where the database is not to be had. */
void sbx_test_aftermath_check_host(const sbx_test_aftermath *after, const sbx_test_place *place);

/* Rows with that status; NULL: all. */
size_t sbx_test_count_status(const sbx_test_place *place, const char *status);

/* Living children of a process, of all its threads. At most room of them are filled in; how many there are. */
size_t sbx_test_children_of(pid_t *out, size_t room, pid_t parent);

/* A child of it, waited for up to 10 s; fails where there is none. */
pid_t sbx_test_first_child(pid_t parent);

#endif
