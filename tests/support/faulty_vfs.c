/* The file system that fails; see faulty_vfs.h. FILE.durable is what was synced of FILE. */
#include "tests/support/faulty_vfs.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 512 };

typedef struct faulty_file {
    sqlite3_file base;
    char path[512]; /* "": not followed */
    sqlite3_file *real;
} faulty_file;

static sqlite3_vfs *real_vfs, faulty;
static unsigned left; /* 0: nothing fails */

static void step(void)
{
    if (left > 0 && --left == 0)
        _exit(FAULTY_EXIT);
}

static char *read_all(const char *path, size_t *out_bytes)
{
    FILE *file = fopen(path, "rb");
    char *data;
    long bytes;

    *out_bytes = 0;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0 ||
        fseek(file, 0, SEEK_SET) != 0 || (data = malloc((size_t)bytes + 1)) == NULL)
        abort();
    *out_bytes = fread(data, 1, (size_t)bytes, file);
    fclose(file);
    return data;
}

static void write_all(const char *path, const char *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
        abort();
}

static void keep(const char *path)
{
    char durable[600];
    size_t bytes;
    char *data = read_all(path, &bytes);

    snprintf(durable, sizeof(durable), "%s.durable", path);
    if (data != NULL)
        write_all(durable, data, bytes);
    free(data);
}

#define REAL(file) (((faulty_file *)(file))->real)

static int close_file(sqlite3_file *file)
{
    return REAL(file)->pMethods->xClose(REAL(file));
}

static int read_file(sqlite3_file *file, void *data, int bytes, sqlite3_int64 at)
{
    return REAL(file)->pMethods->xRead(REAL(file), data, bytes, at);
}

static int write_file(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 at)
{
    step();
    return REAL(file)->pMethods->xWrite(REAL(file), data, bytes, at);
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 bytes)
{
    step();
    return REAL(file)->pMethods->xTruncate(REAL(file), bytes);
}

static int sync_file(sqlite3_file *file, int flags)
{
    const char *path = ((faulty_file *)file)->path;
    int rc;

    step();
    rc = REAL(file)->pMethods->xSync(REAL(file), flags);
    if (rc == SQLITE_OK && left > 0 && path[0] != '\0')
        keep(path);
    return rc;
}

static int size_file(sqlite3_file *file, sqlite3_int64 *out)
{
    return REAL(file)->pMethods->xFileSize(REAL(file), out);
}

static int lock_file(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xLock(REAL(file), level);
}

static int unlock_file(sqlite3_file *file, int level)
{
    return REAL(file)->pMethods->xUnlock(REAL(file), level);
}

static int is_reserved(sqlite3_file *file, int *out)
{
    return REAL(file)->pMethods->xCheckReservedLock(REAL(file), out);
}

static int control_file(sqlite3_file *file, int op, void *argument)
{
    return REAL(file)->pMethods->xFileControl(REAL(file), op, argument);
}

static int sector_size(sqlite3_file *file)
{
    return REAL(file)->pMethods->xSectorSize(REAL(file));
}

static int device(sqlite3_file *file)
{
    return REAL(file)->pMethods->xDeviceCharacteristics(REAL(file));
}

static int shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out)
{
    return REAL(file)->pMethods->xShmMap(REAL(file), page, bytes, extend, out);
}

static int shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return REAL(file)->pMethods->xShmLock(REAL(file), offset, count, flags);
}

static void shm_barrier(sqlite3_file *file)
{
    REAL(file)->pMethods->xShmBarrier(REAL(file));
}

static int shm_unmap(sqlite3_file *file, int removes)
{
    return REAL(file)->pMethods->xShmUnmap(REAL(file), removes);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = is_reserved,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* What is there before anybody writes counts as durable. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    faulty_file *self = (faulty_file *)file;
    char durable[600];
    int rc;

    (void)vfs;
    self->real = (sqlite3_file *)(self + 1);
    self->path[0] = '\0';
    if (name != NULL && left > 0 && (flags & SQLITE_OPEN_READONLY) == 0) {
        snprintf(self->path, sizeof(self->path), "%s", name);
        snprintf(durable, sizeof(durable), "%s.durable", name);
        if (access(durable, F_OK) != 0)
            keep(name);
    }
    rc = real_vfs->xOpen(real_vfs, name, self->real, flags, out);
    file->pMethods = rc == SQLITE_OK ? &methods : NULL;
    return rc;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    step();
    return real_vfs->xDelete(real_vfs, name, syncs);
}

void faulty_vfs_arm(unsigned n)
{
    left = n;
}

void faulty_vfs_install(void)
{
    (void)sqlite3_initialize();
    real_vfs = sqlite3_vfs_find(NULL);
    faulty = *real_vfs;
    faulty.zName = "faulty";
    faulty.pNext = NULL;
    faulty.szOsFile = (int)sizeof(faulty_file) + real_vfs->szOsFile;
    faulty.xOpen = open_file;
    faulty.xDelete = delete_file;
    (void)sqlite3_vfs_register(&faulty, 1);
}

/* What was written over, or behind, what was synced: of the rest every other block. */
static void tear(const char *path, const char *kept, size_t kept_bytes)
{
    size_t bytes;
    char *data = read_all(path, &bytes);

    for (size_t at = 0; data != NULL && at < bytes && at < kept_bytes; at += 2 * (size_t)BLOCK)
        memcpy(data + at, kept + at,
               kept_bytes - at < BLOCK ? kept_bytes - at
               : bytes - at < BLOCK    ? bytes - at
                                       : BLOCK);
    for (size_t at = kept_bytes; data != NULL && at < bytes; at += 2 * (size_t)BLOCK)
        memset(data + at, 0, bytes - at < BLOCK ? bytes - at : BLOCK);
    if (data != NULL)
        write_all(path, data, bytes);
    free(data);
}

static void lose_file(const char *path, faulty_loss loss)
{
    char durable[700];
    size_t bytes;
    char *data;

    snprintf(durable, sizeof(durable), "%s.durable", path);
    data = read_all(durable, &bytes);
    if (loss == FAULTY_TORN && data != NULL)
        tear(path, data, bytes);
    else if (loss == FAULTY_POWER && data != NULL)
        write_all(path, data, bytes);
    free(data);
    (void)unlink(durable);
}

/* A WAL that was made and never synced has no .durable: its name was never on the disk. The index in
 * memory goes with the machine. */
void faulty_vfs_lose(const char *folder, faulty_loss loss)
{
    DIR *opened = opendir(folder);
    struct dirent *each;
    char path[600], durable[700];

    while (opened != NULL && (each = readdir(opened)) != NULL) {
        size_t bytes = strlen(each->d_name);

        if (each->d_name[0] == '.' ||
            (bytes > 8 && strcmp(each->d_name + bytes - 8, ".durable") == 0))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, each->d_name);
        snprintf(durable, sizeof(durable), "%s.durable", path);
        if (loss != FAULTY_KILL && bytes > 4 && strcmp(each->d_name + bytes - 4, "-shm") == 0)
            (void)unlink(path);
        else if (loss != FAULTY_KILL && bytes > 4 &&
                 strcmp(each->d_name + bytes - 4, "-wal") == 0 && access(durable, F_OK) != 0)
            (void)unlink(path);
        else
            lose_file(path, loss);
    }
    if (opened != NULL)
        closedir(opened);
}
