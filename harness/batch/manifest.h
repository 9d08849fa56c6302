/*
 * The manifest: the tasks of a batch, read and checked as a whole before anything is started.
 *
 * JSON Lines. The first line may be a header; every other line is a task (spec.h). Blank lines are left out.
 *
 *     {"sbx_batch": 1, "name": "hw3", "defaults": {"policy": "grader"}, "groups": {"db": 2}}
 *     {"id": "alice/t1", "argv": ["./run.sh", "t1"], "cwd": "subs/alice", "expect": {"stdout": "42\n"}}
 *     {"id": "bob/t1", "argv": ["./run.sh", "t1"], "cwd": "subs/bob", "after": ["alice/t1"], "group": "db"}
 *
 * What counts, the last one first: the task, the command line, the header's defaults. With is_lines, every line that
 * is neither blank nor begins with # is a command for `/bin/sh -c`, and its id is the number of the line. Windows
 * has no shell to which a line could be handed as it stands: there it is refused.
 *
 * Memory: some 150 bytes and the id for each task. The resolved specs are in an unlinked temporary file, from
 * which each is read when its turn comes: what happens to the manifest meanwhile changes nothing.
 */
#ifndef SBX_BATCH_MANIFEST_H
#define SBX_BATCH_MANIFEST_H

#include <stdio.h>

#include "harness/batch/spec.h"

enum { SBX_MANIFEST_TASKS_MAX = 10 * 1000 * 1000 };

#define SBX_MANIFEST_NONE UINT32_MAX

typedef struct sbx_manifest_task {
    uint64_t spec_at; /* in the temporary file */
    uint32_t spec_bytes;
    uint32_t line;
    size_t id_at;                           /* in ids */
    uint64_t memory_bytes;                  /* its limit; SBX_UNLIMITED: none */
    uint32_t cpus_milli;                    /* its limit; 0: none */
    uint32_t group;                         /* SBX_MANIFEST_NONE: of none */
    uint32_t after_at, after_count;         /* in after */
    uint32_t dependent_at, dependent_count; /* in dependents */
    uint16_t weight, retries;
    uint8_t hash[32];
} sbx_manifest_task;

typedef struct sbx_manifest {
    char name[64];
    sbx_manifest_task *tasks;
    uint32_t count;
    uint32_t *after;      /* indexes of tasks */
    uint32_t *dependents; /* the same edges the other way round */
    uint32_t *group_most; /* tasks of each group that may run at once */
    uint32_t group_count;
    struct sbx_manifest_memory *memory;
} sbx_manifest;

typedef struct sbx_manifest_options {
    const char *where; /* the file's name, for messages */
    const char *
        base_dir; /* absolute: what relative paths are relative to, and the usual working directory */
    const char *overrides; /* JSON in the form of "defaults", of the command line; NULL: none */
    bool is_lines;
} sbx_manifest_options;

/*
 * Reads to the end of file.
 * Fails: INVALID  anything malformed, unknown keys, an id twice, an "after" that is no id, a circle of them, no task
 *                 at all; the message names line and key
 */
SBX_MUST_USE sbx_status sbx_manifest_read(sbx_manifest *out, FILE *file,
                                          const sbx_manifest_options *options, sbx_error *err);
void sbx_manifest_done(sbx_manifest *manifest); /* takes a zeroed one too */

const char *sbx_manifest_id(const sbx_manifest *manifest, uint32_t task);
/* SBX_MANIFEST_NONE: there is no task of that id. */
uint32_t sbx_manifest_find(const sbx_manifest *manifest, const char *id);

/* The task's resolved spec; out is replaced. */
SBX_MUST_USE sbx_status sbx_manifest_spec(sbx_text *out, const sbx_manifest *manifest,
                                          uint32_t task, sbx_error *err);

#endif
