/* Where the tasks of a manifest are kept: a table, an index of ids, the edges between them, specs on disk. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/file.h"
#include "harness/batch/manifest_parts.h"

struct sbx_manifest_memory {
    sbx_text ids;   /* one after the other, NUL-terminated */
    sbx_text after; /* ids that tasks come after, in the order of tasks; let go when found */
    size_t edge_count;
    uint32_t room;
    uint32_t *slots; /* open addressing: index + 1 of a task, 0 for none */
    uint32_t slot_mask;
    FILE *specs;
    uint64_t spec_bytes;
};

sbx_status sbx_manifest_open(sbx_manifest *manifest, sbx_error *err)
{
    enum { FIRST_SLOTS = 256 };
    struct sbx_manifest_memory *memory = calloc(1, sizeof(*memory));

    manifest->memory = memory;
    if (memory == NULL)
        return sbx_manifest_no_memory(err);
    memory->slots = calloc(FIRST_SLOTS, sizeof(*memory->slots));
    memory->slot_mask = FIRST_SLOTS - 1;
    if (memory->slots == NULL)
        return sbx_manifest_no_memory(err);
    memory->specs = sbx_file_temporary();
    if (memory->specs == NULL)
        return sbx_fail_plain(
            err, SBX_IO, SBX_STEP_BATCH,
            "no temporary file for the tasks can be made — is the directory for these writable?");
    return SBX_OK;
}

void sbx_manifest_done(sbx_manifest *manifest)
{
    struct sbx_manifest_memory *memory = manifest->memory;

    if (memory != NULL) {
        if (memory->specs != NULL)
            (void)fclose(memory->specs);
        sbx_text_done(&memory->ids);
        sbx_text_done(&memory->after);
        free(memory->slots);
        free(memory);
    }
    free(manifest->tasks);
    free(manifest->after);
    free(manifest->dependents);
    free(manifest->group_most);
    memset(manifest, 0, sizeof(*manifest));
}

/* --- ids --- */

const char *sbx_manifest_id(const sbx_manifest *manifest, uint32_t task)
{
    return manifest->memory->ids.data + manifest->tasks[task].id_at;
}

/* FNV-1a. Ids come from who wrote the manifest, not from a task. */
static uint32_t hash_id(const char *id)
{
    uint32_t hash = 2166136261u;

    for (; *id != '\0'; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return hash;
}

static uint32_t *find_slot(const sbx_manifest *manifest, const char *id)
{
    const struct sbx_manifest_memory *memory = manifest->memory;
    uint32_t at = hash_id(id) & memory->slot_mask;

    while (memory->slots[at] != 0 &&
           strcmp(sbx_manifest_id(manifest, memory->slots[at] - 1), id) != 0)
        at = (at + 1) & memory->slot_mask;
    return &memory->slots[at];
}

uint32_t sbx_manifest_find(const sbx_manifest *manifest, const char *id)
{
    uint32_t found = *find_slot(manifest, id);

    return found == 0 ? SBX_MANIFEST_NONE : found - 1;
}

/* Never more than half full. */
static sbx_status grow_slots(sbx_manifest *manifest, sbx_error *err)
{
    struct sbx_manifest_memory *memory = manifest->memory;
    uint32_t *old = memory->slots;
    size_t count = ((size_t)memory->slot_mask + 1) * 2;

    if ((size_t)manifest->count * 2 < memory->slot_mask)
        return SBX_OK;
    memory->slots = calloc(count, sizeof(*memory->slots));
    if (memory->slots == NULL) {
        memory->slots = old;
        return sbx_manifest_no_memory(err);
    }
    memory->slot_mask = (uint32_t)(count - 1);
    free(old);
    for (uint32_t i = 0; i < manifest->count; i++)
        *find_slot(manifest, sbx_manifest_id(manifest, i)) = i + 1;
    return SBX_OK;
}

/* --- tasks --- */

static sbx_status grow_tasks(sbx_manifest *manifest, sbx_error *err)
{
    struct sbx_manifest_memory *memory = manifest->memory;
    uint32_t room = memory->room == 0 ? 256 : memory->room * 2;
    sbx_manifest_task *grown;

    if (manifest->count < memory->room)
        return SBX_OK;
    grown = realloc(manifest->tasks, room * sizeof(*grown));
    if (grown == NULL)
        return sbx_manifest_no_memory(err);
    manifest->tasks = grown;
    memory->room = room;
    return SBX_OK;
}

static sbx_status put_spec(sbx_manifest_task *task, struct sbx_manifest_memory *memory,
                           const sbx_text *spec, sbx_error *err)
{
    if (fwrite(spec->data, 1, spec->bytes, memory->specs) != spec->bytes)
        return sbx_fail_plain(
            err, SBX_IO, SBX_STEP_BATCH,
            "the temporary file for the tasks cannot be written — is the disk full?");
    task->spec_at = memory->spec_bytes;
    task->spec_bytes = (uint32_t)spec->bytes;
    memory->spec_bytes += spec->bytes;
    return SBX_OK;
}

sbx_status sbx_manifest_put(sbx_manifest *manifest, const sbx_manifest_task *task, const char *id,
                            const sbx_text *spec, const json_t *after, sbx_error *err)
{
    struct sbx_manifest_memory *memory = manifest->memory;
    sbx_manifest_task *put;
    sbx_status st = grow_tasks(manifest, err);

    if (st == SBX_OK)
        st = grow_slots(manifest, err);
    if (st != SBX_OK)
        return st;
    put = &manifest->tasks[manifest->count];
    *put = *task;
    put->id_at = memory->ids.bytes;
    put->after_at = (uint32_t)memory->edge_count;
    put->after_count = (uint32_t)json_array_size(after);
    put->dependent_at = put->dependent_count = 0;
    memory->edge_count += put->after_count;
    if (memory->edge_count >= UINT32_MAX)
        return sbx_manifest_no_memory(err);
    for (size_t i = 0; i < put->after_count; i++) {
        const char *each = json_string_value(json_array_get(after, i));

        sbx_text_add_bytes(&memory->after, each, strlen(each) + 1);
    }
    sbx_text_add_bytes(&memory->ids, id, strlen(id) + 1);
    if (memory->ids.failed || memory->after.failed)
        return sbx_manifest_no_memory(err);
    st = put_spec(put, memory, spec, err);
    if (st == SBX_OK) {
        *find_slot(manifest, id) = manifest->count + 1;
        manifest->count++;
    }
    return st;
}

sbx_status sbx_manifest_spec(sbx_text *out, const sbx_manifest *manifest, uint32_t task,
                             sbx_error *err)
{
    struct sbx_manifest_memory *memory = manifest->memory;
    const sbx_manifest_task *found = &manifest->tasks[task];
    char room[4096];
    size_t left = found->spec_bytes;

    sbx_text_clear(out);
    if (!sbx_file_seek(memory->specs, found->spec_at))
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_BATCH,
                              "the file with the tasks cannot be read");
    while (left > 0) {
        size_t some = fread(room, 1, left < sizeof(room) ? left : sizeof(room), memory->specs);

        if (some == 0)
            return sbx_fail_plain(err, SBX_IO, SBX_STEP_BATCH,
                                  "the file with the tasks cannot be read");
        sbx_text_add_bytes(out, room, some);
        left -= some;
    }
    return sbx_text_check(out, err);
}

/* --- edges --- */

static sbx_status find_edges(sbx_manifest *manifest, const char *where, sbx_error *err)
{
    const char *name = sbx_text_string(&manifest->memory->after);

    for (uint32_t i = 0; i < manifest->count; i++) {
        const sbx_manifest_task *task = &manifest->tasks[i];
        const sbx_batch_where place = {where, task->line, ""};

        for (uint32_t edge = 0; edge < task->after_count; edge++, name += strlen(name) + 1) {
            uint32_t other = sbx_manifest_find(manifest, name);

            if (other == SBX_MANIFEST_NONE)
                return sbx_batch_complain(&place, "after", "there is no task of that id: ", name,
                                          err);
            manifest->after[task->after_at + edge] = other;
            manifest->tasks[other].dependent_count++;
        }
    }
    return SBX_OK;
}

static void turn_edges(sbx_manifest *manifest)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < manifest->count; i++) {
        manifest->tasks[i].dependent_at = at;
        at += manifest->tasks[i].dependent_count;
        manifest->tasks[i].dependent_count = 0;
    }
    for (uint32_t i = 0; i < manifest->count; i++)
        for (uint32_t edge = 0; edge < manifest->tasks[i].after_count; edge++) {
            uint32_t other_index = manifest->after[manifest->tasks[i].after_at + edge];
            sbx_manifest_task *other = &manifest->tasks[other_index];

            manifest->dependents[other->dependent_at + other->dependent_count++] = i;
        }
}

/* Every task that is left waits for another one that is left: following them leads round. */
static sbx_status name_circle(const sbx_manifest *manifest, const uint32_t *waiting,
                              const char *where, sbx_error *err)
{
    uint32_t at = 0;

    while (waiting[at] == 0)
        at++;
    for (uint32_t step = 0; step < manifest->count; step++) {
        const sbx_manifest_task *task = &manifest->tasks[at];

        for (uint32_t edge = 0; edge < task->after_count; edge++)
            if (waiting[manifest->after[task->after_at + edge]] != 0) {
                at = manifest->after[task->after_at + edge];
                break;
            }
    }
    {
        const sbx_batch_where place = {where, manifest->tasks[at].line, ""};

        return sbx_batch_complain(&place, "after", "goes round in a circle, with task ",
                                  sbx_manifest_id(manifest, at), err);
    }
}

static sbx_status refuse_circles(const sbx_manifest *manifest, const char *where, sbx_error *err)
{
    uint32_t *waiting = calloc(manifest->count, sizeof(*waiting));
    uint32_t *ready = calloc(manifest->count, sizeof(*ready));
    uint32_t count = 0, next = 0;
    sbx_status st = SBX_OK;

    if (waiting == NULL || ready == NULL) {
        st = sbx_manifest_no_memory(err);
        goto out;
    }
    for (uint32_t i = 0; i < manifest->count; i++) {
        waiting[i] = manifest->tasks[i].after_count;
        if (waiting[i] == 0)
            ready[count++] = i;
    }
    while (next < count) {
        const sbx_manifest_task *task = &manifest->tasks[ready[next++]];

        for (uint32_t edge = 0; edge < task->dependent_count; edge++) {
            uint32_t other = manifest->dependents[task->dependent_at + edge];

            if (--waiting[other] == 0)
                ready[count++] = other;
        }
    }
    if (count < manifest->count)
        st = name_circle(manifest, waiting, where, err);

out:
    free(waiting);
    free(ready);
    return st;
}

sbx_status sbx_manifest_join(sbx_manifest *manifest, const char *where, sbx_error *err)
{
    struct sbx_manifest_memory *memory = manifest->memory;
    sbx_status st;

    manifest->after = calloc(memory->edge_count + 1, sizeof(*manifest->after));
    manifest->dependents = calloc(memory->edge_count + 1, sizeof(*manifest->dependents));
    if (manifest->after == NULL || manifest->dependents == NULL)
        return sbx_manifest_no_memory(err);
    if (fflush(memory->specs) != 0)
        return sbx_fail_plain(
            err, SBX_IO, SBX_STEP_BATCH,
            "the temporary file for the tasks cannot be written — is the disk full?");
    st = find_edges(manifest, where, err);
    sbx_text_done(&memory->after);
    if (st != SBX_OK)
        return st;
    turn_edges(manifest);
    return memory->edge_count == 0 ? SBX_OK : refuse_circles(manifest, where, err);
}
