/*
 * Somewhere to mount: a mount namespace of this program's own (and, as a user, a user namespace), with an empty file system
 * over a directory that every system has. What is made there is on no disk of the host's, nobody else sees it, and it goes
 * with the last process of this program, however that ends.
 */
#ifndef SBX_TESTS_SUPPORT_GROUND_H
#define SBX_TESTS_SUPPORT_GROUND_H

#define SBX_TEST_GROUND "/mnt"

/* Before cmocka begins. Leaves the program as skipped where nothing may be mounted. */
void sbx_test_ground_enter(void);

#endif
