/* Who writes the audit database: this process, such that it can be told from a later one with its
 * pid, and this machine. */
#ifndef SBX_AUDIT_WRITER_H
#define SBX_AUDIT_WRITER_H

#include <stdbool.h>
#include <stdint.h>

/* A pid says nothing alone: it is used again, by the same system, the next boot or another
 * namespace. */
typedef struct sbx_supervisor {
    int64_t pid;
    uint64_t start_ticks;   /* since boot; 0: not known */
    uint64_t pid_namespace; /* 0: not known, or there are none */
    char boot_id[40];       /* "": not known */
} sbx_supervisor;

void sbx_supervisor_self(sbx_supervisor *out);

/*
 * True where the other one certainly does not run any more: another boot, or the same pid namespace
 * and no such process. What lives in another pid namespace is not judged.
 */
bool sbx_supervisor_is_gone(const sbx_supervisor *other, const sbx_supervisor *self);

typedef struct sbx_node {
    char hostname[72];
    char os[72];         /* Linux */
    char os_version[72]; /* of the kernel */
    char machine_id[72]; /* "": has none */
} sbx_node;

void sbx_node_self(sbx_node *out);

#endif
