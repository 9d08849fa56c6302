/*
 * How far a batch is, on stderr: a bar at the bottom of a terminal, drawn at most ten times a second, with a line above
 * it for each task that did not pass; or a line for each task.
 */
#ifndef SBX_CLI_PROGRESS_H
#define SBX_CLI_PROGRESS_H

#include "harness/batch/batch.h"

typedef enum sbx_progress_mode {                    /* in the order of --progress */
                                 SBX_PROGRESS_AUTO, /* a bar where there is a terminal that it can be drawn on */
                                 SBX_PROGRESS_BAR,
                                 SBX_PROGRESS_LINES,
                                 SBX_PROGRESS_NONE,
} sbx_progress_mode;

/* What the bar says. */
typedef struct sbx_progress_picture {
    uint32_t done, total, failed, flaky, running;
    uint64_t per_1000_s; /* tasks in a thousand seconds */
    uint64_t left_ns;    /* SBX_UNLIMITED: not known */
    uint64_t memory_bytes;
    const char *stopped; /* "" or why no more are started */
    bool wants_colour;
} sbx_progress_picture;

/*
 * One line without its end, of at most columns - 1 columns: what a narrow terminal has no room for is left out, the
 * least important first.
 */
void sbx_progress_format(sbx_text *out, const sbx_progress_picture *picture, unsigned columns);

typedef struct sbx_progress {
    sbx_progress_mode mode; /* never AUTO once it has begun */
    bool is_drawn;
    uint64_t drawn_ns; /* when it was last */
    unsigned drawn_columns;
    sbx_text line;
} sbx_progress;

/* Decides what AUTO is. */
void sbx_progress_begin(sbx_progress *progress, sbx_progress_mode mode);
void sbx_progress_tick(sbx_progress *progress, const sbx_batch *batch);
void sbx_progress_ended(sbx_progress *progress, const sbx_batch_notice *notice);
void sbx_progress_end(sbx_progress *progress); /* the bar is gone; takes a zeroed one too */

#endif
