/* See json_read.h. */
#include "harness/base/json_read.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one reading has left when memory has run out: for the piece that jansson is at, and for one string's growth. */
enum { RESERVE_BYTES = 192 * 1024, ALIGNMENT = 16 };

typedef struct reading {
    const char *text;
    size_t bytes, at;
    char *reserve;
    size_t reserve_bytes, taken;
    bool has_failed;
} reading;

static _Thread_local reading *current;

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
    if (bytes < (SIZE_MAX - RESERVE_BYTES) / 4) {
        self.reserve_bytes =
            RESERVE_BYTES + 4 * bytes; /* a string's buffer doubles, and is copied once */
        self.reserve = malloc(self.reserve_bytes);
    }
    if (self.reserve == NULL) {
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
    free(self.reserve);
    return root;
}

json_t *sbx_json_read_string(const char *text, size_t flags, json_error_t *problem)
{
    return sbx_json_read(text, strlen(text), flags, problem);
}
