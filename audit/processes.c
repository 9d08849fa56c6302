/* The list of program images; see processes.h. */
#include "audit/processes.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"

struct sbx_processes {
    sbx_process_record *item;
    size_t count, room;
    size_t text_bytes;
    size_t first_new; /* items from here on were never taken */
    sbx_process_record *taken;
    size_t *changed; /* older items that ended since */
    size_t changed_count, changed_room;
    uint64_t lost;
};

sbx_processes *sbx_processes_create(void)
{
    return calloc(1, sizeof(sbx_processes));
}

void sbx_processes_free(sbx_processes *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->item[i].exe);
        free((char *)(uintptr_t)list->item[i].argv_json);
    }
    free(list->item);
    free(list->taken);
    free(list->changed);
    free(list);
}

static bool make_room(sbx_processes *list)
{
    size_t room = list->room == 0 ? 16 : list->room * 2;
    sbx_process_record *item;

    if (list->count >= SBX_PROCESSES_MAX)
        return false;
    if (list->count < list->room)
        return true;
    item = realloc(list->item, room * sizeof(*item));
    if (item == NULL)
        return false;
    list->item = item;
    list->room = room;
    return true;
}

static size_t text_bytes(const sbx_process_record *record)
{
    return (record->exe == NULL ? 0 : strlen(record->exe) + 1) +
           (record->argv_json == NULL ? 0 : strlen(record->argv_json) + 1);
}

/* False: no memory; then out has nothing. */
static bool copy_texts(sbx_process_record *out, const sbx_process_record *record)
{
    char *exe = record->exe == NULL ? NULL : strdup(record->exe);
    char *argv = record->argv_json == NULL ? NULL : strdup(record->argv_json);

    *out = *record;
    out->exe = exe;
    out->argv_json = argv;
    if ((record->exe == NULL || exe != NULL) && (record->argv_json == NULL || argv != NULL))
        return true;
    free(exe);
    free(argv);
    return false;
}

void sbx_processes_add(sbx_processes *list, const sbx_process_record *record)
{
    size_t bytes = text_bytes(record);

    if (bytes > (size_t)SBX_PROCESSES_TEXT_BYTES_MAX - list->text_bytes || !make_room(list) ||
        !copy_texts(&list->item[list->count], record)) {
        list->lost++;
        return;
    }
    list->item[list->count].row = list->count;
    list->text_bytes += bytes;
    list->count++;
}

bool sbx_processes_knows(const sbx_processes *list, int32_t pid)
{
    for (size_t i = list->count; i > 0; i--)
        if (list->item[i - 1].pid == pid)
            return list->item[i - 1].end_us == 0;
    return false;
}

const char *sbx_processes_exe(const sbx_processes *list, int32_t pid)
{
    for (size_t i = list->count; i > 0; i--)
        if (list->item[i - 1].pid == pid)
            return list->item[i - 1].exe;
    return NULL;
}

bool sbx_processes_has_program(const sbx_processes *list, const char *exe, int32_t *out_pid)
{
    bool is_found = false;

    *out_pid = 0;
    for (size_t i = 0; i < list->count; i++) {
        const sbx_process_record *item = &list->item[i];

        if (item->exe == NULL || !sbx_path_is_same(item->exe, exe))
            continue;
        if (is_found && item->pid != *out_pid) {
            *out_pid = 0;
            return true;
        }
        *out_pid = item->pid;
        is_found = true;
    }
    return is_found;
}

static void note_change(sbx_processes *list, size_t index)
{
    if (index >= list->first_new)
        return;
    if (list->changed_count == list->changed_room) {
        size_t room = list->changed_room == 0 ? 16 : list->changed_room * 2;
        size_t *changed = realloc(list->changed, room * sizeof(*changed));

        if (changed == NULL)
            return; /* the end of one process is not told; the record itself stays */
        list->changed = changed;
        list->changed_room = room;
    }
    list->changed[list->changed_count++] = index;
}

void sbx_processes_end(sbx_processes *list, int32_t pid, uint64_t end_us, bool has_exit,
                       int32_t exit_code)
{
    for (size_t i = list->count; i > 0; i--) {
        sbx_process_record *item = &list->item[i - 1];

        if (item->pid != pid)
            continue;
        if (item->end_us == 0) {
            item->end_us = end_us;
            item->has_exit = has_exit;
            item->exit_code = exit_code;
            note_change(list, i - 1);
        }
        return;
    }
}

uint64_t sbx_processes_count(const sbx_processes *list)
{
    return list->count + list->lost;
}

uint64_t sbx_processes_lost(const sbx_processes *list)
{
    return list->lost;
}

const sbx_process_record *sbx_processes_take_changes(sbx_processes *list, size_t *out_count)
{
    size_t fresh = list->count - list->first_new;
    size_t count = fresh + list->changed_count;

    *out_count = 0;
    free(list->taken);
    list->taken = NULL;
    if (count == 0)
        return NULL;
    list->taken = malloc(count * sizeof(*list->taken));
    if (list->taken == NULL)
        return NULL; /* nothing is forgotten: the next call tries again */
    for (size_t i = 0; i < list->changed_count; i++)
        list->taken[i] = list->item[list->changed[i]];
    memcpy(list->taken + list->changed_count, list->item + list->first_new,
           fresh * sizeof(*list->taken));
    list->changed_count = 0;
    list->first_new = list->count;
    *out_count = count;
    return list->taken;
}
