/*
 * Waiting for an audit database to be written to, without asking it again and again. Implemented once
 * for each system.
 *
 *   1. sbx_follow_begin()   before the first look at the database
 *   2. look; sbx_follow_wait(); look …
 *   3. sbx_follow_end()
 *
 * Linux: inotify on the folder that holds the database and its WAL.    Windows: four looks a second
 */
#ifndef SBX_CLI_FOLLOW_H
#define SBX_CLI_FOLLOW_H

#include <stdbool.h>

#include "harness/base/error.h"

typedef struct sbx_follow {
    int change_fd, signal_fd;
    char *names[2];    /* of the files, in their folder */
    unsigned rechecks; /* looks since the last change that was seen */
} sbx_follow;

/* From here on an interrupt does not end the process: sbx_follow_wait() says that it came. */
SBX_MUST_USE sbx_status sbx_follow_begin(sbx_follow *out, const char *database_path,
                                         sbx_error *err);

/*
 * Returns when there may be something new. *out_is_over: the person at the other end has had enough:
 * INT, TERM or HUP came, or nobody reads stdout any more.
 */
SBX_MUST_USE sbx_status sbx_follow_wait(bool *out_is_over, sbx_follow *follow, sbx_error *err);

void sbx_follow_end(sbx_follow *follow); /* takes a zeroed or half-begun one too */

#endif
