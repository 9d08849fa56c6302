/* The order of tasks: a heap of what is ready, counters of what is free. */
#include "harness/batch/schedule.h"

#include <stdlib.h>
#include <string.h>

/* How many that fit are looked for behind one that does not, and how many may start before it does. */
enum { LOOK_PAST = 64, STARTS_PAST = 64 };

typedef struct entry {
    uint64_t cost; /* the longest first */
    uint32_t waits_for;
    uint32_t next; /* in its group's list */
    uint8_t state; /* sbx_task_state */
    bool is_known;
} entry;

struct sbx_schedule {
    const sbx_manifest *manifest;
    sbx_schedule_room room;
    entry *entries;
    uint32_t *heap; /* ready tasks, the one to start first on top */
    uint32_t heap_count;
    uint32_t *group_running;             /* of each group */
    uint32_t *group_parked, *group_last; /* its tasks that wait for it: first and last of a list */
    uint32_t *skipped;                   /* not told of yet, a stack */
    uint32_t skipped_count;
    uint32_t running, jobs_used;
    uint64_t memory_used, cpus_used;
    uint32_t passed_over,
        starts_past; /* the task that did not fit first, and how many went past it */
    uint64_t left_ns;
    uint32_t left, left_known;
};

/* --- the heap --- */

static bool is_before(const sbx_schedule *self, uint32_t a, uint32_t b)
{
    if (self->entries[a].cost != self->entries[b].cost)
        return self->entries[a].cost > self->entries[b].cost;
    return a < b;
}

static void push(sbx_schedule *self, uint32_t task)
{
    uint32_t at = self->heap_count++;

    while (at > 0 && is_before(self, task, self->heap[(at - 1) / 2])) {
        self->heap[at] = self->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->heap[at] = task;
}

static uint32_t pop(sbx_schedule *self)
{
    uint32_t top = self->heap[0], last = self->heap[--self->heap_count], at = 0;

    for (;;) {
        uint32_t child = at * 2 + 1;

        if (child >= self->heap_count)
            break;
        if (child + 1 < self->heap_count &&
            is_before(self, self->heap[child + 1], self->heap[child]))
            child++;
        if (!is_before(self, self->heap[child], last))
            break;
        self->heap[at] = self->heap[child];
        at = child;
    }
    self->heap[at] = last;
    return top;
}

/* --- making one --- */

sbx_status sbx_schedule_create(sbx_schedule **out, const sbx_manifest *manifest,
                               const sbx_schedule_room *room, sbx_error *err)
{
    sbx_schedule *self = calloc(1, sizeof(*self));
    size_t count = manifest->count, groups = manifest->group_count + 1;

    *out = self;
    if (self != NULL) {
        self->manifest = manifest;
        self->room = *room;
        self->passed_over = SBX_MANIFEST_NONE;
        self->entries = calloc(count, sizeof(*self->entries));
        self->heap = calloc(count, sizeof(*self->heap));
        self->skipped = calloc(count, sizeof(*self->skipped));
        self->group_running = calloc(groups, sizeof(*self->group_running));
        self->group_parked = calloc(groups, sizeof(*self->group_parked));
        self->group_last = calloc(groups, sizeof(*self->group_last));
    }
    if (self == NULL || self->entries == NULL || self->heap == NULL || self->skipped == NULL ||
        self->group_running == NULL || self->group_parked == NULL || self->group_last == NULL) {
        sbx_schedule_free(self);
        *out = NULL;
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for the schedule");
    }
    for (size_t i = 0; i < groups; i++)
        self->group_parked[i] = SBX_MANIFEST_NONE;
    for (uint32_t i = 0; i < count; i++) {
        self->entries[i].waits_for = manifest->tasks[i].after_count;
        self->entries[i].cost =
            manifest->tasks[i].weight; /* ns: less than any time that was measured */
    }
    return SBX_OK;
}

void sbx_schedule_free(sbx_schedule *schedule)
{
    if (schedule == NULL)
        return;
    free(schedule->entries);
    free(schedule->heap);
    free(schedule->skipped);
    free(schedule->group_running);
    free(schedule->group_parked);
    free(schedule->group_last);
    free(schedule);
}

void sbx_schedule_settle(sbx_schedule *schedule, uint32_t task, sbx_task_state state)
{
    schedule->entries[task].state = (uint8_t)state;
}

void sbx_schedule_expect(sbx_schedule *schedule, uint32_t task, uint64_t ns)
{
    schedule->entries[task].cost = ns;
    schedule->entries[task].is_known = true;
}

/* --- what waits for what --- */

static void leave(sbx_schedule *self, uint32_t task)
{
    self->left--;
    if (self->entries[task].is_known) {
        self->left_known--;
        self->left_ns -= self->entries[task].cost;
    }
}

/* Skips every task that comes after this one, and what comes after those. The list of what is to be told
 * of serves as the stack: what is behind `at` has not been looked through. */
static void skip_dependents(sbx_schedule *self, uint32_t task)
{
    uint32_t at = self->skipped_count;

    for (;;) {
        const sbx_manifest_task *from = &self->manifest->tasks[task];

        for (uint32_t edge = 0; edge < from->dependent_count; edge++) {
            uint32_t other = self->manifest->dependents[from->dependent_at + edge];

            if (self->entries[other].state != SBX_TASK_WAITING)
                continue;
            self->entries[other].state = SBX_TASK_SKIPPED;
            leave(self, other);
            self->skipped[self->skipped_count++] = other;
        }
        if (at == self->skipped_count)
            return;
        task = self->skipped[at++];
    }
}

static void release_dependents(sbx_schedule *self, uint32_t task)
{
    const sbx_manifest_task *from = &self->manifest->tasks[task];

    for (uint32_t edge = 0; edge < from->dependent_count; edge++) {
        uint32_t other = self->manifest->dependents[from->dependent_at + edge];
        entry *each = &self->entries[other];

        if (--each->waits_for == 0 && each->state == SBX_TASK_WAITING) {
            each->state = SBX_TASK_READY;
            push(self, other);
        }
    }
}

void sbx_schedule_begin(sbx_schedule *schedule)
{
    uint32_t count = schedule->manifest->count;

    for (uint32_t i = 0; i < count; i++) {
        entry *each = &schedule->entries[i];

        if (each->state != SBX_TASK_WAITING)
            continue;
        schedule->left++;
        schedule->left_known += each->is_known;
        schedule->left_ns += each->is_known ? each->cost : 0;
        if (schedule->manifest->tasks[i].after_count == 0) {
            each->state = SBX_TASK_READY;
            push(schedule, i);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t state = schedule->entries[i].state;

        if (state == SBX_TASK_PASSED || state == SBX_TASK_LEFT_OUT)
            release_dependents(schedule, i);
        else if (state == SBX_TASK_FAILED)
            skip_dependents(schedule, i);
    }
}

/* --- room --- */

static uint32_t jobs_of(const sbx_schedule *self, uint32_t task)
{
    uint32_t weight = self->manifest->tasks[task].weight;

    return weight < self->room.jobs ? weight : self->room.jobs;
}

static uint64_t memory_of(const sbx_schedule *self, uint32_t task)
{
    uint64_t limit = self->manifest->tasks[task].memory_bytes;

    if (limit == SBX_UNLIMITED)
        return self->room.memory_bytes / self->room.jobs * jobs_of(self, task);
    return limit < self->room.memory_bytes ? limit : self->room.memory_bytes;
}

static uint64_t cpus_of(const sbx_schedule *self, uint32_t task)
{
    uint64_t limit = self->manifest->tasks[task].cpus_milli;

    return limit < self->room.cpus_milli ? limit : self->room.cpus_milli;
}

static bool fits(const sbx_schedule *self, uint32_t task)
{
    return self->jobs_used + jobs_of(self, task) <= self->room.jobs &&
           memory_of(self, task) <= self->room.memory_bytes - self->memory_used &&
           cpus_of(self, task) <= self->room.cpus_milli - self->cpus_used;
}

static void take(sbx_schedule *self, uint32_t task)
{
    uint32_t group = self->manifest->tasks[task].group;

    self->jobs_used += jobs_of(self, task);
    self->memory_used += memory_of(self, task);
    self->cpus_used += cpus_of(self, task);
    self->running++;
    if (group != SBX_MANIFEST_NONE)
        self->group_running[group]++;
    self->entries[task].state = SBX_TASK_RUNNING;
    leave(self, task);
}

/* A full group's tasks wait beside the heap, so that nobody looks at them again and again. */
static bool park(sbx_schedule *self, uint32_t task)
{
    uint32_t group = self->manifest->tasks[task].group;

    if (group == SBX_MANIFEST_NONE ||
        self->group_running[group] < self->manifest->group_most[group])
        return false;
    self->entries[task].next = SBX_MANIFEST_NONE;
    if (self->group_parked[group] == SBX_MANIFEST_NONE)
        self->group_parked[group] = task;
    else
        self->entries[self->group_last[group]].next = task;
    self->group_last[group] = task;
    return true;
}

/* They were parked as they came off the heap: the first is the one to go next. */
static void unpark(sbx_schedule *self, uint32_t group)
{
    uint32_t task = group == SBX_MANIFEST_NONE ? SBX_MANIFEST_NONE : self->group_parked[group];

    if (task == SBX_MANIFEST_NONE)
        return;
    self->group_parked[group] = self->entries[task].next;
    push(self, task);
}

/* Whether another may go past the one that did not fit. */
static bool may_pass(sbx_schedule *self, uint32_t first)
{
    if (self->passed_over != first) {
        self->passed_over = first;
        self->starts_past = 0;
    }
    return self->starts_past < STARTS_PAST;
}

bool sbx_schedule_next(sbx_schedule *schedule, uint32_t *out_task)
{
    uint32_t aside[LOOK_PAST], count = 0;
    bool is_found = false;

    while (!is_found && schedule->heap_count > 0 && count < LOOK_PAST &&
           schedule->jobs_used < schedule->room.jobs) {
        uint32_t task = pop(schedule);

        if (park(schedule, task))
            continue;
        is_found = fits(schedule, task) && (count == 0 || may_pass(schedule, aside[0]));
        if (is_found)
            *out_task = task;
        else
            aside[count++] = task;
        if (!is_found && !may_pass(schedule, aside[0]))
            break;
    }
    for (uint32_t i = 0; i < count; i++)
        push(schedule, aside[i]);
    if (is_found) {
        schedule->starts_past += count > 0;
        take(schedule, *out_task);
    }
    return is_found;
}

void sbx_schedule_end(sbx_schedule *schedule, uint32_t task, sbx_task_state state)
{
    uint32_t group = schedule->manifest->tasks[task].group;
    entry *each = &schedule->entries[task];

    schedule->jobs_used -= jobs_of(schedule, task);
    schedule->memory_used -= memory_of(schedule, task);
    schedule->cpus_used -= cpus_of(schedule, task);
    schedule->running--;
    each->state = (uint8_t)state;
    if (group != SBX_MANIFEST_NONE)
        schedule->group_running[group]--;
    if (state == SBX_TASK_READY) {
        schedule->left++;
        schedule->left_known += each->is_known;
        schedule->left_ns += each->is_known ? each->cost : 0;
        push(schedule, task);
    }
    unpark(schedule, group);
    if (state == SBX_TASK_PASSED)
        release_dependents(schedule, task);
    else if (state == SBX_TASK_FAILED)
        skip_dependents(schedule, task);
}

bool sbx_schedule_skipped(sbx_schedule *schedule, uint32_t *out_task)
{
    if (schedule->skipped_count == 0)
        return false;
    *out_task = schedule->skipped[--schedule->skipped_count];
    return true;
}

sbx_task_state sbx_schedule_state(const sbx_schedule *schedule, uint32_t task)
{
    return (sbx_task_state)schedule->entries[task].state;
}

uint32_t sbx_schedule_running(const sbx_schedule *schedule)
{
    return schedule->running;
}

uint64_t sbx_schedule_left_ns(const sbx_schedule *schedule, uint32_t *out_left, uint32_t *out_known)
{
    *out_left = schedule->left;
    *out_known = schedule->left_known;
    return schedule->left_ns;
}
