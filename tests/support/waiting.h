/*
 * A run that begins and waits for the test's word, so that something can be done to its database meanwhile; then it is
 * denied a lot, more than a short WAL holds, and ends with 7.
 */
#ifndef SBX_TESTS_SUPPORT_WAITING_H
#define SBX_TESTS_SUPPORT_WAITING_H

#include "tests/support/aftermath.h"

/* It has begun when this returns, and is noted. Not to be ended otherwise within 30 s. */
void sbx_test_waiting_begin(sbx_test_child *child, const sbx_test_place *place,
                            sbx_test_aftermath *after);

/*
 * The word; it ends by itself, and nothing of it is left on the host. is_told: its record is not whole, and that is said on
 * stderr and in the result. Otherwise neither says so.
 */
void sbx_test_waiting_expect(sbx_test_child *child, const sbx_test_place *place,
                             const sbx_test_aftermath *after, bool is_told);

/* Whether an ending says, in both places, that its record is not whole; fails where only one of them does. */
bool sbx_test_is_told(const sbx_test_outcome *outcome);

#endif
