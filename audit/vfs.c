/*
 * Starting SQLite, once in a process, for a process that uses it for some milliseconds.
 *
 * Its file system is the system's, but for one thing: SQLite opens the WAL with "create" always and
 * therefore syncs its folder at the first commit of every connection, 0.1 ms and more. Here it is
 * opened as the file that it nearly always is already, and only created, and the folder synced,
 * where it is not. And files of databases can be read ahead (read_ahead.h).
 */
#include "audit/read_ahead.h"
#include "audit/store_parts.h"

/*
 * Where a file may not be written, or is not there, SQLite takes it to be read. Between its two looks somebody else may have
 * made the WAL, and then it is there, and ours only to read for no reason.
 */
static int open_system(const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);

    if ((flags & SQLITE_OPEN_WAL) != 0 && (flags & SQLITE_OPEN_CREATE) != 0) {
        int given = 0;

        if (system->xOpen(system, name, file, flags & ~SQLITE_OPEN_CREATE, &given) == SQLITE_OK) {
            if ((given & SQLITE_OPEN_READONLY) == 0) {
                if (out_flags != NULL)
                    *out_flags = given;
                return SQLITE_OK;
            }
            (void)file->pMethods->xClose(file);
        }
    }
    return system->xOpen(system, name, file, flags, out_flags);
}

static int system_file_bytes(void)
{
    return (sqlite3_vfs_find(NULL)->szOsFile + 15) / 16 * 16;
}

/* Of the database itself the reads can be watched; the WAL is mapped or small. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    int rc = open_system(name, file, flags, out_flags);

    (void)vfs;
    if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0)
        sbx_read_ahead_wrap(file, (char *)file + system_file_bytes());
    return rc;
}

/*
 * No memory ahead of use: SQLite would touch every page of 48 KiB for small things and of 84 KiB
 * for 20 database pages, and each first touch of a page is a fault. Refused where SQLite runs
 * already, which does no harm.
 */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

const char *sbx_store_vfs(void)
{
    static const char name[] = "sbx";
    static sqlite3_vfs ours;
    sqlite3_mutex *mutex;

    configure();
    if (sqlite3_initialize() != SQLITE_OK)
        return NULL; /* the open says why */
    mutex = sqlite3_mutex_alloc(SQLITE_MUTEX_STATIC_APP1);
    sqlite3_mutex_enter(mutex);
    if (ours.zName == NULL) {
        ours = *sqlite3_vfs_find(NULL);
        ours.xOpen = open_file;
        ours.szOsFile = system_file_bytes() + sbx_read_ahead_bytes();
        ours.zName = name;
        ours.pNext = NULL;
        (void)sqlite3_vfs_register(&ours, 0);
    }
    sqlite3_mutex_leave(mutex);
    return name;
}
