/*
 * A file system for SQLite that ends the process before its n-th change of a file: a kill -9 that
 * comes at each step, one after the other. What was synced so far is kept beside, so that the loss of
 * power can be played, too: nothing, or only every other block, of the rest got to the disk.
 */
#ifndef SBX_TESTS_SUPPORT_FAULTY_VFS_H
#define SBX_TESTS_SUPPORT_FAULTY_VFS_H

#include <stdbool.h>

enum { FAULTY_EXIT = 77 };

typedef enum faulty_loss {
    FAULTY_KILL,  /* the system goes on: what was written is there */
    FAULTY_POWER, /* only what was synced is there */
    FAULTY_TORN,  /* of the rest every other block */
} faulty_loss;

/* For this process and its children, before it first uses SQLite; nothing fails yet. */
void faulty_vfs_install(void);

/* The n-th change from here on (from 1) is the end of this process. */
void faulty_vfs_arm(unsigned n);

/* In another process, when it has ended: what a disk would hold of each file in folder. */
void faulty_vfs_lose(const char *folder, faulty_loss loss);

#endif
