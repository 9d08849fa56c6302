/* See json_read.h. */
#include "harness/base/json_read.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one reading has left when memory has run out: for the piece that jansson is at, and for one string's growth. */
enum { RESERVE_BYTES = 192 * 1024, KEPT_BYTES_MAX = 256 * 1024, ALIGNMENT = 16 };

typedef struct reading {
    const char *text;
    size_t bytes, at;
    char *reserve;
    size_t reserve_bytes, taken;
    bool has_failed;
} reading;

static _Thread_local reading *current;

/* A thread's reserve for all that it reads: an allocator may give so large a block back to the system each time. */
static _Thread_local char *kept;
static _Thread_local size_t kept_bytes;

static bool find_reserve(reading *self)
{
    size_t needed;

    if (self->bytes >= (SIZE_MAX - RESERVE_BYTES) / 4)
        return false;
    needed = RESERVE_BYTES + 4 * self->bytes; /* a string's buffer doubles, and is copied once */
    if (needed < KEPT_BYTES_MAX)
        needed = KEPT_BYTES_MAX;
    if (kept_bytes < needed) {
        free(kept);
        kept = malloc(needed);
        kept_bytes = kept == NULL ? 0 : needed;
    }
    self->reserve = kept;
    self->reserve_bytes = kept_bytes;
    return kept != NULL;
}

static void keep_reserve(void)
{
    if (kept_bytes <= KEPT_BYTES_MAX)
        return;
    free(kept);
    kept = NULL;
    kept_bytes = 0;
}

static void *take_reserve(reading *self, size_t bytes)
{
    size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    void *taken;

    if (rounded < bytes || rounded > self->reserve_bytes - self->taken)
        return NULL;
    taken = self->reserve + self->taken;
    self->taken += rounded;
    return taken;
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);

    if (memory != NULL || current == NULL)
        return memory;
    current->has_failed = true;
    return take_reserve(current, bytes);
}

static void release(void *memory)
{
    const char *at = memory;

    if (current == NULL || at < current->reserve || at >= current->reserve + current->reserve_bytes)
        free(memory);
}

/* A piece of the text, and an error from the moment on that memory ran out. */
static size_t give(void *buffer, size_t room, void *context)
{
    reading *self = context;
    size_t left = self->bytes - self->at, bytes = left < room ? left : room;

    if (self->has_failed)
        return (size_t)-1;
    memcpy(buffer, self->text + self->at, bytes);
    self->at += bytes;
    return bytes;
}

static void say_no_memory(json_error_t *problem)
{
    if (problem == NULL)
        return;
    memset(problem, 0, sizeof(*problem));
    problem->line = problem->column = -1;
    (void)snprintf(problem->text, sizeof(problem->text), "out of memory");
}

json_t *sbx_json_read(const char *text, size_t bytes, size_t flags, json_error_t *problem)
{
    reading self = {.text = text, .bytes = bytes};
    json_t *root;

    json_set_alloc_funcs(allocate, release);
    if (!find_reserve(&self)) {
        say_no_memory(problem);
        return NULL;
    }
    current = &self;
    root = json_load_callback(give, &self, flags, problem);
    if (self.has_failed) {
        json_decref(root);
        root = NULL;
        say_no_memory(problem);
    }
    current = NULL;
    keep_reserve();
    return root;
}

json_t *sbx_json_read_string(const char *text, size_t flags, json_error_t *problem)
{
    return sbx_json_read(text, strlen(text), flags, problem);
}
