/*
 * Reading a database from one end to the other: SQLite asks the system for each page by itself, and
 * tables that grew side by side lie in turns in the file. Here the file is read in blocks of 16 pages,
 * and a few of them are kept (512 KiB), for as long as one read transaction lasts: within it the pages
 * that SQLite reads from the file do not change. Where blocks turn out to be read for the sake of a
 * page or two, single pages are read again.
 *
 * As all calls for such a file pass here: memory that is mapped from it and cannot be had is an error.
 */
#ifndef SBX_AUDIT_READ_AHEAD_H
#define SBX_AUDIT_READ_AHEAD_H

#include <sqlite3.h>

/* A file of our file system (vfs.c) lies in memory as the system's does, with this behind it. */
typedef struct sbx_read_ahead sbx_read_ahead;

int sbx_read_ahead_bytes(void);
/* After the system has opened it. at: the place behind the system's part. */
void sbx_read_ahead_wrap(sqlite3_file *file, void *at);

/*
 * Behind the first read of a transaction that only reads, and before its end. Best effort: without
 * memory nothing changes but the speed.
 */
void sbx_read_ahead_begin(sqlite3 *db);
void sbx_read_ahead_end(sqlite3 *db);

#endif
