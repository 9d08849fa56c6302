/*
 * Entries of access lists and the rights in them, as data: what the Windows backend sets on the host for a run,
 * made by pure functions, so that a test can hold every entry against the documented access check without a
 * Windows at hand. Nothing carries them out yet.
 *
 * Who may include it: harness/policy, harness/runner, harness/setup, harness/target, tests. Context: anywhere, any system.
 */
#ifndef SBX_POLICY_WINDOWS_ACES_H
#define SBX_POLICY_WINDOWS_ACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

/* The rights by Windows' numbers; windows/ace_check.c compares them with the system's header. */
#define SBX_RIGHT_READ_DATA UINT32_C(0x1)   /* of a directory: list it */
#define SBX_RIGHT_WRITE_DATA UINT32_C(0x2)  /* of a directory: add a file */
#define SBX_RIGHT_APPEND_DATA UINT32_C(0x4) /* of a directory: add a directory */
#define SBX_RIGHT_READ_EA UINT32_C(0x8)
#define SBX_RIGHT_WRITE_EA UINT32_C(0x10)
#define SBX_RIGHT_EXECUTE UINT32_C(0x20)      /* of a directory: walk through it */
#define SBX_RIGHT_DELETE_CHILD UINT32_C(0x40) /* delete what is in it, whatever that itself says */
#define SBX_RIGHT_READ_ATTRIBUTES UINT32_C(0x80)
#define SBX_RIGHT_WRITE_ATTRIBUTES UINT32_C(0x100)
#define SBX_RIGHT_DELETE UINT32_C(0x10000)
#define SBX_RIGHT_READ_CONTROL UINT32_C(0x20000)
#define SBX_RIGHT_WRITE_DAC UINT32_C(0x40000)
#define SBX_RIGHT_WRITE_OWNER UINT32_C(0x80000)
#define SBX_RIGHT_SYNCHRONIZE UINT32_C(0x100000)
#define SBX_GENERIC_ALL UINT32_C(0x10000000)
#define SBX_GENERIC_EXECUTE UINT32_C(0x20000000)
#define SBX_GENERIC_WRITE UINT32_C(0x40000000)
#define SBX_GENERIC_READ UINT32_C(0x80000000)

#define SBX_FILE_READ                                                                              \
    (SBX_RIGHT_READ_CONTROL | SBX_RIGHT_READ_DATA | SBX_RIGHT_READ_ATTRIBUTES |                    \
     SBX_RIGHT_READ_EA | SBX_RIGHT_SYNCHRONIZE)
#define SBX_FILE_WRITE                                                                             \
    (SBX_RIGHT_READ_CONTROL | SBX_RIGHT_WRITE_DATA | SBX_RIGHT_WRITE_ATTRIBUTES |                  \
     SBX_RIGHT_WRITE_EA | SBX_RIGHT_APPEND_DATA | SBX_RIGHT_SYNCHRONIZE)
#define SBX_FILE_EXECUTE                                                                           \
    (SBX_RIGHT_READ_CONTROL | SBX_RIGHT_READ_ATTRIBUTES | SBX_RIGHT_EXECUTE | SBX_RIGHT_SYNCHRONIZE)
#define SBX_FILE_ALL UINT32_C(0x1F01FF)

#define SBX_PROCESS_TERMINATE UINT32_C(0x1)
#define SBX_PROCESS_QUERY_LIMITED UINT32_C(0x1000)
#define SBX_PROCESS_ALL UINT32_C(0x1FFFFF)

/* How an entry goes down the tree; Windows' numbers. */
enum {
    SBX_ACE_OBJECT_INHERIT = 0x1,    /* to files */
    SBX_ACE_CONTAINER_INHERIT = 0x2, /* to directories */
    SBX_ACE_NO_PROPAGATE = 0x4,
    SBX_ACE_INHERIT_ONLY = 0x8, /* says nothing about the object that has it */
    SBX_ACE_INHERITED = 0x10,
};

typedef enum sbx_ace_kind {
    SBX_ACE_ALLOW = 0,
    SBX_ACE_DENY = 1,
} sbx_ace_kind;

typedef struct sbx_ace {
    sbx_ace_kind kind;
    uint32_t mask;
    unsigned flags;
    const char *sid; /* "S-1-…" */
} sbx_ace;

#define SBX_SID_EVERYONE "S-1-1-0"
#define SBX_SID_OWNER_RIGHTS "S-1-3-4"
#define SBX_SID_SYSTEM "S-1-5-18"
#define SBX_SID_ADMINISTRATORS "S-1-5-32-544"

#endif
