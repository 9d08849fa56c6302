/* Blocks of a database file; see read_ahead.h. */
#include "audit/read_ahead.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit/database_file.h"

enum {
    BLOCK_BYTES = 64 << 10,
    BLOCKS = 8,
    USED_LEAST = 4,       /* pages of a block, for it to have been worth it … */
    DIRECT_READS = 64,    /* … and how many pages are read by themselves where it was not */
    CONTROL = 0x73620001, /* SQLite's own codes are small */
};

typedef struct block {
    sqlite3_int64 offset; /* -1: nothing is in it */
    uint64_t last_use;
    unsigned used;
} block;

struct sbx_read_ahead {
    const sqlite3_io_methods *system;
    sqlite3_io_methods ours;
    char *data; /* of the blocks, one behind the other; NULL: it is off */
    block blocks[BLOCKS];
    uint64_t clock;
    unsigned direct;
};

/* Behind the pointer that SQLite knows of; the offset is the system's size of a file. */
static int offset_of_ours;

static sbx_read_ahead *ours_of(sqlite3_file *file)
{
    return (sbx_read_ahead *)(void *)((char *)file + offset_of_ours);
}

static block *find(sbx_read_ahead *self, sqlite3_int64 offset)
{
    for (int i = 0; i < BLOCKS; i++)
        if (self->blocks[i].offset == offset)
            return &self->blocks[i];
    return NULL;
}

/* The block that was not used for the longest time, read anew; NULL: read the page by itself. */
static block *fill(sbx_read_ahead *self, sqlite3_file *file, sqlite3_int64 offset)
{
    block *oldest = &self->blocks[0];

    if (self->direct > 0) {
        self->direct--;
        return NULL;
    }
    for (int i = 1; i < BLOCKS; i++)
        if (self->blocks[i].last_use < oldest->last_use)
            oldest = &self->blocks[i];
    if (oldest->offset >= 0 && oldest->used < USED_LEAST)
        self->direct = DIRECT_READS;
    *oldest = (block){.offset = -1};
    if (self->system->xRead(file, self->data + (oldest - self->blocks) * BLOCK_BYTES, BLOCK_BYTES,
                            offset) != SQLITE_OK) /* also the end of the file */
        return NULL;
    oldest->offset = offset;
    return oldest;
}

static int read_file(sqlite3_file *file, void *to, int bytes, sqlite3_int64 offset)
{
    sbx_read_ahead *self = ours_of(file);
    sqlite3_int64 begin = offset - offset % BLOCK_BYTES;
    block *is;

    if (self->data == NULL || offset < 0 || bytes > BLOCK_BYTES - offset % BLOCK_BYTES)
        return self->system->xRead(file, to, bytes, offset);
    is = find(self, begin);
    if (is == NULL)
        is = fill(self, file, begin);
    if (is == NULL)
        return self->system->xRead(file, to, bytes, offset);
    is->used++;
    is->last_use = ++self->clock;
    memcpy(to, self->data + (is - self->blocks) * BLOCK_BYTES + offset % BLOCK_BYTES,
           (size_t)bytes);
    return SQLITE_OK;
}

/* SQLite writes into the WAL's index as into any memory: what its disk does not give it cannot refuse there. */
static int map_index(sqlite3_file *file, int region, int bytes, int extends, void volatile **out)
{
    int rc = ours_of(file)->system->xShmMap(file, region, bytes, extends, out);

    if (rc != SQLITE_OK || *out == NULL ||
        sbx_database_file_hold((void *)(uintptr_t)*out, (size_t)bytes))
        return rc;
    *out = NULL;
    return SQLITE_IOERR_SHMMAP;
}

static void forget(sbx_read_ahead *self)
{
    free(self->data);
    self->data = NULL;
}

static int control_file(sqlite3_file *file, int code, void *argument)
{
    sbx_read_ahead *self = ours_of(file);

    if (code != CONTROL)
        return self->system->xFileControl(file, code, argument);
    forget(self);
    if (*(const bool *)argument)
        self->data = malloc((size_t)BLOCKS * BLOCK_BYTES);
    for (int i = 0; i < BLOCKS; i++)
        self->blocks[i] = (block){.offset = -1};
    self->direct = 0;
    return SQLITE_OK;
}

static int close_file(sqlite3_file *file)
{
    sbx_read_ahead *self = ours_of(file);

    forget(self);
    return self->system->xClose(file);
}

int sbx_read_ahead_bytes(void)
{
    return (int)sizeof(sbx_read_ahead);
}

void sbx_read_ahead_wrap(sqlite3_file *file, void *at)
{
    sbx_read_ahead *self = at;

    offset_of_ours = (int)((char *)at - (char *)file);
    *self = (sbx_read_ahead){.system = file->pMethods, .ours = *file->pMethods};
    self->ours.xRead = read_file;
    self->ours.xFileControl = control_file;
    self->ours.xShmMap = map_index;
    self->ours.xClose = close_file;
    file->pMethods = &self->ours;
}

static void turn(sqlite3 *db, bool is_on)
{
    (void)sqlite3_file_control(db, "main", CONTROL, &is_on);
}

void sbx_read_ahead_begin(sqlite3 *db)
{
    turn(db, true);
}

void sbx_read_ahead_end(sqlite3 *db)
{
    turn(db, false);
}
