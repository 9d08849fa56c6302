/* The runs that go on while the ledger is read: a map from their row numbers; see verify_parts.h. */
#include <stdlib.h>

#include "audit/verify_parts.h"

enum { ROOM_AT_FIRST = 64 };

static size_t place_of(int64_t run, size_t room)
{
    return (size_t)((uint64_t)run * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (room - 1);
}

sbx_open_run *sbx_open_runs_find(const sbx_open_runs *map, int64_t run)
{
    if (map->room == 0 || run == 0)
        return NULL;
    for (size_t at = place_of(run, map->room); map->item[at].run != 0;
         at = (at + 1) & (map->room - 1))
        if (map->item[at].run == run)
            return &map->item[at];
    return NULL;
}

static sbx_open_run *take_place(sbx_open_runs *map, int64_t run)
{
    size_t at = place_of(run, map->room);

    while (map->item[at].run != 0)
        at = (at + 1) & (map->room - 1);
    return &map->item[at];
}

static bool grow(sbx_open_runs *map)
{
    sbx_open_runs larger = {.room = map->room == 0 ? ROOM_AT_FIRST : map->room * 2};

    larger.item = calloc(larger.room, sizeof(*larger.item));
    if (larger.item == NULL)
        return false;
    for (size_t i = 0; i < map->room; i++)
        if (map->item[i].run != 0)
            *take_place(&larger, map->item[i].run) = map->item[i];
    larger.count = map->count;
    larger.kept_bytes = map->kept_bytes;
    free(map->item);
    *map = larger;
    return true;
}

sbx_open_run *sbx_open_runs_add(sbx_open_runs *map, int64_t run)
{
    sbx_open_run *out;

    if (2 * (map->count + 1) > map->room && !grow(map))
        return NULL;
    out = take_place(map, run);
    *out = (sbx_open_run){.run = run};
    map->count++;
    return out;
}

static void free_run(sbx_open_runs *map, sbx_open_run *run)
{
    map->kept_bytes -= run->kept.bytes;
    sbx_text_done(&run->kept);
    free(run->denials.item);
    free(run->processes.item);
    *run = (sbx_open_run){0};
}

/* What stands behind it and could stand before moves up, so that no search ends too early. */
void sbx_open_runs_remove(sbx_open_runs *map, sbx_open_run *run)
{
    size_t hole = (size_t)(run - map->item), mask = map->room - 1;

    free_run(map, run);
    map->count--;
    for (size_t at = (hole + 1) & mask; map->item[at].run != 0; at = (at + 1) & mask) {
        size_t home = place_of(map->item[at].run, map->room);

        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        map->item[hole] = map->item[at];
        map->item[at] = (sbx_open_run){0};
        hole = at;
    }
}

void sbx_open_runs_done(sbx_open_runs *map)
{
    for (size_t i = 0; i < map->room; i++)
        free_run(map, &map->item[i]);
    free(map->item);
    *map = (sbx_open_runs){0};
}
