/*
 * A disk that a test can make slow, let fail, stop, or pull out while it is in use: FUSE over a directory in memory. What
 * was written to it can be read in that directory afterwards.
 *
 *     sbx_test_ground_enter();                 // ground.h, in main()
 *     sbx_test_disk_insert(&disk);
 *     atomic_store(&disk.orders->delay_ms, 20);
 *     ... disk.path ...
 *     sbx_test_disk_pull(&disk);               // what waits for it gets ECONNABORTED, later calls ENOTCONN
 *     ... disk.below ...
 *     sbx_test_disk_eject(&disk);
 *
 * A process that waits for a disk cannot be killed. Whatever waits for children of its own after a failure pulls it first;
 * where the whole test dies, its server does too, and with it the disk.
 */
#ifndef SBX_TESTS_SUPPORT_FUSE_DISK_H
#define SBX_TESTS_SUPPORT_FUSE_DISK_H

#include <stdbool.h>
#include <sys/types.h>

#include "tests/support/fuse_server.h"

typedef struct sbx_test_disk {
    const char *path, *below;
    pid_t server; /* 0: pulled, or never there */
    sbx_test_fuse_orders *orders;
} sbx_test_disk;

/* False: this host has no FUSE, or not for this user; errno says why. Otherwise fails the test where it can't. */
bool sbx_test_disk_insert(sbx_test_disk *disk);

/* The server ends, and what is asked of the disk is answered by the kernel, with an error. Twice is once. */
void sbx_test_disk_pull(sbx_test_disk *disk);

/* And nothing is left of it. All 0, or ejected before: does nothing. */
void sbx_test_disk_eject(sbx_test_disk *disk);

#endif
