/*
 * A run that misbehaves, and what must be true after it whatever it did: nothing of it is alive, nothing of it is left on
 * the host, its row is complete, the machine answered all the time, and sbx stayed small.
 */
#ifndef SBX_TESTS_SUPPORT_ABUSE_H
#define SBX_TESTS_SUPPORT_ABUSE_H

#include "tests/support/sandbox.h"

/* Largest resident set of the supervisor. Not held where sanitizers are built in. */
enum { SBX_TEST_SUPERVISOR_KIB_MAX = 32 * 1024, SBX_TEST_ANSWER_MS_MAX = 5000 };

/* Runs it, watches machine and supervisor meanwhile, and checks all of the above. */
void sbx_test_abuse(sbx_test_outcome *out, const sbx_test_place *place,
                    const sbx_test_request *request);

/* The second half of it, for a run that was started and ended by hand. run_id NULL: there is no row to look at. */
void sbx_test_check_gone(const sbx_test_place *place, pid_t supervisor, const char *run_id);

/* Control groups made by the supervisor with that pid; 0: by any. */
size_t sbx_test_count_groups(pid_t supervisor);
/* None is there, or none any more: a scope that sbx was in is systemd's to take away, and that happens after its end. */
void sbx_test_expect_no_group(pid_t supervisor);

/* Something of the place is mounted, as this process sees it. */
bool sbx_test_has_mounts(const sbx_test_place *place);

/* A number from the environment, for those who have more time. */
unsigned sbx_test_setting(const char *variable, unsigned usual);

#endif
