/*
 * The files of one attempt at a task: what it reads, writes, and should have written.
 *
 * Descriptors are the C library's, on Windows too, in binary mode. Context: a worker.
 */
#ifndef SBX_BATCH_ATTEMPT_FILES_H
#define SBX_BATCH_ATTEMPT_FILES_H

#include <jansson.h>

#include "harness/base/sha256.h"
#include "harness/batch/pool.h"

typedef struct sbx_attempt_files {
    int directory_fd; /* Linux: of tasks/NAME/ATTEMPT, or -1 */
    char *directory;  /* Windows: the same as a path, or NULL */
    int stdio_fd[3];
    sbx_bytes output[3], wanted[3];
} sbx_attempt_files;

/* Nothing is open. */
void sbx_attempt_init(sbx_attempt_files *files);

/* stdin_path NULL: nothing to read. Without a directory of results, output goes to files that have no name. */
SBX_MUST_USE sbx_status sbx_attempt_open(sbx_attempt_files *out, const sbx_batch_setup *setup,
                                         const char *id, unsigned attempt, const char *stdin_path,
                                         sbx_error *err);
/* After the run: maps what was written, and what was expected. */
SBX_MUST_USE sbx_status sbx_attempt_map(sbx_attempt_files *files, const json_t *expect,
                                        sbx_error *err);
bool sbx_attempt_is_kept(const sbx_attempt_files *files); /* there is a directory of results */
SBX_MUST_USE sbx_status sbx_attempt_write_result(const sbx_attempt_files *files,
                                                 const sbx_text *json, sbx_error *err);
void sbx_attempt_close(sbx_attempt_files *files);

/*
 * Keeps a task from the results of others. Linux: it neither reads nor writes them. Windows, path A: it does not
 * write them; it reads what its user reads.
 */
SBX_MUST_USE sbx_status sbx_attempt_hide_results(sbx_policy *policy, const sbx_batch_setup *setup,
                                                 sbx_error *err);

#endif
