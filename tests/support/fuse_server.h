/*
 * What answers the kernel for a fuse_disk.h, in a process and on a thread of its own: one directory, passed through, by
 * <linux/fuse.h> alone.
 *
 * As much as SQLite, and what tidies up after it, ask of a file system: files, directories, renames, writing through a
 * shared mapping. No links, no extended attributes, no files without a name; locks are kept by the kernel. Nothing that was
 * ever looked up is forgotten: at most 256 files and directories in its life.
 */
#ifndef SBX_TESTS_SUPPORT_FUSE_SERVER_H
#define SBX_TESTS_SUPPORT_FUSE_SERVER_H

#include <stdatomic.h>

/* In memory that it shares with whoever gives it orders. All 0: it does its work. */
typedef struct sbx_test_fuse_orders {
    atomic_uint delay_ms; /* before each answer */
    atomic_int error;     /* the answer to everything; 0: the true one */
    atomic_int sync_error; /* the answer to every sync; 0: the true one */
    atomic_bool is_stuck; /* it takes what is asked, and does not answer until this is false */
    atomic_ulong asked;   /* so far; counted by the server */
    /* The call with that number, from 1 on and counted like `asked`: error_then becomes the error, or where that is 0 the
     * server ends. 0: none. */
    atomic_ulong fails_at;
    atomic_int error_then;
} sbx_test_fuse_orders;

/* device: /dev/fuse, mounted; directory: what is passed through. Ends when the mount does. */
_Noreturn void sbx_test_fuse_serve(int device, int directory, sbx_test_fuse_orders *orders);

#endif
