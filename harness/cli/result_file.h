/*
 * The file of --result: appears whole or not at all, and never where it was not meant to be.
 *
 * Its directory is opened before the command runs, so that a wrong one is an error while nothing has
 * happened yet, and so that it cannot be exchanged by the command afterwards. It is written when
 * every process of the command is gone.
 */
#ifndef SBX_CLI_RESULT_FILE_H
#define SBX_CLI_RESULT_FILE_H

#include "harness/base/text.h"

typedef struct sbx_result_file {
    int directory_fd; /* -1: not open */
    char *name;       /* in that directory */
    char *path;       /* as given, for messages */
} sbx_result_file;

/* Nothing open. */
void sbx_result_file_init(sbx_result_file *file);

/*
 * Fails: INVALID  "-", an empty name, a directory that is not there or may not be written to, or
 *                 something that is no regular file stands there already (step RESULT)
 */
SBX_MUST_USE sbx_status sbx_result_file_open(sbx_result_file *file, const char *path,
                                             sbx_error *err);

/* What stands there now is the file of that path. */
bool sbx_result_file_is(const sbx_result_file *file, const char *path);

SBX_MUST_USE sbx_status sbx_result_file_write(const sbx_result_file *file, const sbx_text *text,
                                              sbx_error *err);

void sbx_result_file_done(sbx_result_file *file);

#endif
