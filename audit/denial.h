/*
 * A denied access, whatever saw it; and the set in which a run's denials are collected.
 *
 * De-duplicated per run by (class, op, target, exe, source); count, first and last time are kept. At
 * most SBX_DENIALS_MAX distinct ones per run, the rest is counted as lost, so that a million denials
 * a second cost bounded memory.
 */
#ifndef SBX_AUDIT_DENIAL_H
#define SBX_AUDIT_DENIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

typedef enum sbx_denial_class {
    SBX_DENIAL_FILE,
    SBX_DENIAL_NETWORK,
    SBX_DENIAL_PROCESS, /* signal, ptrace */
    SBX_DENIAL_SYSCALL, /* a call the filter refuses */
} sbx_denial_class;

typedef enum sbx_denial_source {
    SBX_SOURCE_SECCOMP,  /* user notification */
    SBX_SOURCE_LANDLOCK, /* kernel audit records */
    SBX_SOURCE_MASK,     /* the file system that stands for a secret */
    SBX_SOURCE_NTDLL,
    SBX_SOURCE_SECURITY_LOG,
    SBX_SOURCE_WFP,
} sbx_denial_source;

typedef enum sbx_confidence {
    SBX_CONFIDENCE_KERNEL,   /* the kernel said so */
    SBX_CONFIDENCE_BROKER,   /* sbx itself gave the refusal */
    SBX_CONFIDENCE_OBSERVED, /* seen as an attempt; the path is what the program's memory said */
    SBX_CONFIDENCE_INFERRED,
} sbx_confidence;

const char *sbx_denial_class_word(sbx_denial_class value);   /* file network process syscall */
const char *sbx_denial_source_word(sbx_denial_source value); /* seccomp landlock mask ntdll … */
const char *sbx_confidence_word(sbx_confidence value);

typedef struct sbx_denial {
    sbx_denial_class kind;
    const char *op;     /* static word: write create remove rename link chmod … connect bind socket … */
    const char *target; /* path, "tcp 10.0.0.1:443", "unix", a syscall's name; bytes, not always UTF-8 */
    size_t target_bytes;
    int32_t pid;        /* as the host sees it */
    const char *exe;    /* program file of that process, or NULL */
    int32_t error;      /* errno the program got, 0 unknown */
    const char *rule;   /* static or plan-owned: "no writable root", "network none", "secret" … */
    sbx_denial_source source;
    sbx_confidence confidence;
    uint64_t first_us, last_us; /* UTC */
    uint64_t count;
} sbx_denial;

/*
 * What a set can grow to, whatever the target does: 10,000 denials, and 8 MiB for their texts.
 * The usual 10,000 denials (a path of 80 bytes, a program of 30) take 3 MiB.
 */
enum { SBX_DENIALS_MAX = 10000, SBX_DENIALS_TEXT_BYTES_MAX = 8 << 20 };

typedef struct sbx_denials sbx_denials;

sbx_denials *sbx_denials_create(void); /* NULL: no memory */
void sbx_denials_free(sbx_denials *set);
/* Copies target and exe. Over the cap or without memory: counted as lost. */
void sbx_denials_add(sbx_denials *set, const sbx_denial *denial);
size_t sbx_denials_count(const sbx_denials *set);        /* distinct */
/* In order of first sight; NULL behind the last. Valid until the next sbx_denials_add(). */
const sbx_denial *sbx_denials_get(const sbx_denials *set, size_t index);
uint64_t sbx_denials_total(const sbx_denials *set);      /* all occurrences */
uint64_t sbx_denials_lost(const sbx_denials *set);       /* occurrences not kept */

/*
 * What changed since the last call with this set: visits each denial that is new or whose count grew, then
 * forgets that it did. For writing in batches.
 */
typedef void sbx_denial_visit(void *context, size_t index, const sbx_denial *denial, bool is_new);
void sbx_denials_take_changes(sbx_denials *set, sbx_denial_visit *visit, void *context);
/* After what was taken could not be written: everything counts as new again. */
void sbx_denials_retake(sbx_denials *set);

#endif
