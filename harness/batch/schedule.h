/*
 * Which task runs next. Pure: no clock, no process; told what ended, it says what may start.
 *
 * A task is ready when everything it comes after has passed. Of the ready ones the longest goes first (by what it
 * took before, where that is known; else the larger weight, else the order of the manifest). It starts when there
 * is room: for its weight among the jobs, its CPUs and its memory on the host, itself in its group. A task that
 * does not fit lets smaller ones past for a while, but not for ever. One that would not even fit into an
 * empty host runs alone.
 *
 * A task without a memory limit may use anything: it counts as an equal share of the host.
 */
#ifndef SBX_BATCH_SCHEDULE_H
#define SBX_BATCH_SCHEDULE_H

#include "harness/batch/manifest.h"

typedef struct sbx_schedule sbx_schedule;

typedef struct sbx_schedule_room {
    uint32_t jobs;
    uint64_t memory_bytes; /* of the host, for all tasks together */
    uint64_t cpus_milli;   /* of the host, for the CPU limits of all tasks together */
} sbx_schedule_room;

typedef enum sbx_task_state {
    SBX_TASK_WAITING, /* for a task that it comes after */
    SBX_TASK_READY,
    SBX_TASK_RUNNING,
    SBX_TASK_PASSED,
    SBX_TASK_FAILED,
    SBX_TASK_SKIPPED,  /* something it comes after did not pass */
    SBX_TASK_LEFT_OUT, /* not asked for: what comes after it does not wait */
} sbx_task_state;

/* manifest must live as long. Every task is WAITING until sbx_schedule_begin(). */
SBX_MUST_USE sbx_status sbx_schedule_create(sbx_schedule **out, const sbx_manifest *manifest,
                                            const sbx_schedule_room *room, sbx_error *err);
void sbx_schedule_free(sbx_schedule *schedule); /* NULL is fine */

/* Before begin: PASSED, FAILED (in an earlier batch), or LEFT_OUT. */
void sbx_schedule_settle(sbx_schedule *schedule, uint32_t task, sbx_task_state state);
/* Before begin: how long it takes, as far as is known. */
void sbx_schedule_expect(sbx_schedule *schedule, uint32_t task, uint64_t ns);
void sbx_schedule_begin(sbx_schedule *schedule);

/* A task that may start now; it counts as running. False: none may, until one ends. */
bool sbx_schedule_next(sbx_schedule *schedule, uint32_t *out_task);

/* A running task ended: PASSED, FAILED, or READY to be run again. */
void sbx_schedule_end(sbx_schedule *schedule, uint32_t task, sbx_task_state state);

/* Tasks that became SKIPPED and were not told of yet. False: none. */
bool sbx_schedule_skipped(sbx_schedule *schedule, uint32_t *out_task);

sbx_task_state sbx_schedule_state(const sbx_schedule *schedule, uint32_t task);
uint32_t sbx_schedule_running(const sbx_schedule *schedule);
/* Expected time of what is neither running nor ended; *out_known of them are known. */
uint64_t sbx_schedule_left_ns(const sbx_schedule *schedule, uint32_t *out_left,
                              uint32_t *out_known);

#endif
