/*
 * The directory of results and the journal in it. One coordinator at a time: the next one is told that another is at
 * work, or, where that one was killed, waits until the last of its workers is gone.
 *
 * Context: the coordinator.
 */
#ifndef SBX_BATCH_DIRECTORY_H
#define SBX_BATCH_DIRECTORY_H

#include <stdio.h>

#include "harness/base/text.h"
#include "harness/batch/batch.h"

typedef struct sbx_directory sbx_directory;

/*
 * Makes it where it is not there. Without options->out_dir it is one of which nothing is kept.
 * Fails: BUSY INVALID, see sbx_batch_create()
 * Windows: nobody can open the journal meanwhile, not even to read it: who may could lock a part of it.
 */
SBX_MUST_USE sbx_status sbx_directory_open(sbx_directory **out, const sbx_batch_options *options,
                                           sbx_error *err);
void sbx_directory_close(sbx_directory *directory); /* NULL is fine */

bool sbx_directory_is_kept(const sbx_directory *directory);
/* What workers are given. Linux: a descriptor that they inherit; else -1. */
int sbx_directory_fd(const sbx_directory *directory);

/* --- the journal --- */

/* Writes a line that is complete; it is durable after the next sbx_directory_sync(). */
SBX_MUST_USE sbx_status sbx_directory_append(sbx_directory *directory, const sbx_text *line,
                                             sbx_error *err);
SBX_MUST_USE sbx_status sbx_directory_sync(sbx_directory *directory, sbx_error *err);
/* Since when there is a line that is not durable (sbx_clock_monotonic_ns()); 0: there is none. */
uint64_t sbx_directory_unsynced_since_ns(const sbx_directory *directory);
/* The journal for reading, from its beginning, or NULL. For fclose(). Nothing is appended meanwhile. */
FILE *sbx_directory_journal(const sbx_directory *directory);
/* Cuts a torn end off. */
SBX_MUST_USE sbx_status sbx_directory_cut(sbx_directory *directory, uint64_t bytes, sbx_error *err);

/* --- other files --- */

/*
 * Puts a whole file in the place of one of that name, durably: NULL and an error, or a file to be written and for
 * sbx_directory_finish(). is_private: only its owner can read it.
 */
FILE *sbx_directory_begin(const sbx_directory *directory, const char *name, bool is_private,
                          sbx_error *err);
SBX_MUST_USE sbx_status sbx_directory_finish(const sbx_directory *directory, const char *name,
                                             FILE *file, sbx_error *err);
/* The same for a text. */
SBX_MUST_USE sbx_status sbx_directory_put(const sbx_directory *directory, const char *name,
                                          bool is_private, const sbx_text *text, sbx_error *err);
void sbx_directory_remove(const sbx_directory *directory, const char *name);

/* The end of a regular file below it, by a path with slashes: how many bytes; 0 where there is none. */
size_t sbx_directory_read_end(char *out, size_t room, const sbx_directory *directory,
                              const char *path);

#endif
