/*
 * A file that a command writes at length: under another name beside its place, and renamed when it is
 * whole, so that nobody ever reads half of one, and what was there stays until then.
 *
 * It is for its owner only (mode 0600; Windows: a list for the caller, the system and administrators), like the database that it is made from.
 */
#ifndef SBX_CLI_OUTPUT_FILE_H
#define SBX_CLI_OUTPUT_FILE_H

#include "harness/base/text.h"

typedef struct sbx_output_file {
    int fd, directory_fd; /* -1: not open */
    char *name;           /* in that directory */
    char *path;           /* as given, for messages */
    char temporary[48];   /* "": there is none to take away */
} sbx_output_file;

/* Nothing open. */
void sbx_output_file_init(sbx_output_file *file);

/*
 * Fails: INVALID  no name, a directory that is not there or may not be written to, or something that is
 *                 no regular file stands there already
 */
SBX_MUST_USE sbx_status sbx_output_file_open(sbx_output_file *file, const char *path,
                                             sbx_error *err);
SBX_MUST_USE sbx_status sbx_output_file_write(sbx_output_file *file, const char *data, size_t bytes,
                                              sbx_error *err);
/* All of it was written: puts it in its place. */
SBX_MUST_USE sbx_status sbx_output_file_commit(sbx_output_file *file, sbx_error *err);
/* Without a commit before, nothing is left. */
void sbx_output_file_done(sbx_output_file *file);

#endif
