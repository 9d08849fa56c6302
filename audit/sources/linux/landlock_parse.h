/*
 * One kernel audit record about Landlock, from its text. Pure: text in, struct out.
 *
 *     audit(1729738800.268:30): domain=1a6fdc66f blockers=fs.write_file path="/etc/passwd" dev="vda2" ino=3
 *     audit(1729738800.268:30): domain=1a6fdc66f status=allocated mode=enforcing pid=286 uid=0 exe="…" comm="…"
 *     audit(1729738800.268:30): arch=c000003e syscall=257 success=no exit=-13 … ppid=2 pid=289 … exe="…" …
 *     audit(1729738800.324:31): domain=1a6fdc66f status=deallocated denials=1
 *
 * What a program chose (path, exe, ocomm) is quoted where it is plain, and upper-case hexadecimal
 * without quotes where it has a quote, a space, a control byte or a byte above 0x7e; so no name can pass for
 * another field. Of a field that comes twice the first counts.
 */
#ifndef SBX_AUDIT_SOURCES_LINUX_LANDLOCK_PARSE_H
#define SBX_AUDIT_SOURCES_LINUX_LANDLOCK_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audit/denial.h"

/* Types of audit records (uapi/linux/audit.h; the two of Landlock since 6.15). */
enum {
    SBX_AUDIT_SYSCALL = 1300,
    SBX_AUDIT_END_OF_EVENT = 1320,
    SBX_AUDIT_LISTENER = 1335, /* somebody began or ceased to listen */
    SBX_AUDIT_LANDLOCK_ACCESS = 1423,
    SBX_AUDIT_LANDLOCK_DOMAIN = 1424,
};

typedef enum sbx_landlock_kind {
    SBX_LANDLOCK_DENIED,      /* domain, what, op, rule, text: the target */
    SBX_LANDLOCK_ALLOCATED,   /* domain, pid: who made it */
    SBX_LANDLOCK_DEALLOCATED, /* domain, denials_count */
    SBX_LANDLOCK_CALL,        /* pid, error, is_rename, is_link, text: the program file */
    SBX_LANDLOCK_EVENT_END,
} sbx_landlock_kind;

/* "unix ", and PATH_MAX: the longest that the kernel says. */
enum { SBX_LANDLOCK_TEXT_BYTES = 4096 + 8 };

typedef struct sbx_landlock_record {
    sbx_landlock_kind kind;
    uint64_t time_us; /* UTC; with serial, the event that the record is part of */
    uint64_t serial;
    uint64_t domain;
    uint64_t denials_count;
    int32_t pid;   /* as the first pid namespace sees it */
    int32_t error; /* errno that the call failed with, 0: it did not, or unknown */
    bool is_rename, is_link;
    sbx_denial_class what;
    const char *op, *rule; /* static */
    size_t text_bytes;     /* 0: the record does not say */
    char text
        [SBX_LANDLOCK_TEXT_BYTES]; /* followed by a NUL; an abstract socket's name may hold NULs too */
} sbx_landlock_record;

/* false: not a record of these kinds, or not as the kernel writes it. *out is then not to be read. */
bool sbx_landlock_parse(sbx_landlock_record *out, int type, const char *text, size_t bytes);

#endif
