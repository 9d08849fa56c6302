/*
 * A copy of a database that is in use, in one piece: complete under its name or not there. It is
 * read in one transaction, which holds up no writer; in smaller ones SQLite would begin again with
 * every commit of another process.
 */
#include <string.h>

#include "audit/database_file.h"
#include "audit/store_parts.h"

static const char doing[] = "copying it";

/* Its own connection: the backup of one that has begun to write is refused. */
static int open_source(sqlite3 **out, const sbx_store *store)
{
    int rc = sqlite3_open_v2(store->path, out, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                             sbx_store_vfs());

    if (rc == SQLITE_OK) {
        (void)sqlite3_db_config(*out, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        (void)sqlite3_busy_timeout(*out, (int)(store->busy_ns / SBX_NS_PER_MS));
    }
    return rc;
}

static int copy_pages(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int rc = backup == NULL ? sqlite3_errcode(to) : sqlite3_backup_step(backup, -1);

    if (backup != NULL) {
        int finished = sqlite3_backup_finish(backup);

        rc = finished == SQLITE_OK && rc != SQLITE_DONE ? rc : finished;
    }
    return rc;
}

/* Into a file that is empty. Without a journal: a copy that is not complete is thrown away. */
static sbx_status copy_to(const sbx_store *store, const char *path, sbx_error *err)
{
    sqlite3 *from = NULL, *to = NULL;
    int rc = open_source(&from, store);
    sbx_status st = SBX_OK;

    if (rc == SQLITE_OK)
        rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             sbx_store_vfs());
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(to, "PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL", NULL, NULL,
                          NULL);
    if (rc == SQLITE_OK)
        rc = copy_pages(from, to);
    if (rc != SQLITE_OK)
        st = sbx_store_fail(&(sbx_store){.db = to, .path = store->path}, rc, doing, err);
    (void)sqlite3_db_config(to, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(to);
    sqlite3_close(from);
    return st;
}

sbx_status sbx_store_copy(const sbx_store *store, const char *path, sbx_error *err)
{
    sbx_supervisor self;
    sbx_text partial = {0};
    sbx_status st;

    sbx_supervisor_self(&self);
    sbx_text_add_format(&partial, "%s.partial-%lld", path, (long long)self.pid);
    st = sbx_text_check(&partial, err);
    if (st == SBX_OK)
        st = sbx_database_file_reserve(sbx_text_string(&partial), err);
    if (st != SBX_OK)
        goto out;
    st = copy_to(store, sbx_text_string(&partial), err);
    if (st == SBX_OK)
        st = sbx_database_file_publish(sbx_text_string(&partial), path, err);
    if (st != SBX_OK)
        sbx_database_file_discard(sbx_text_string(&partial));
out:
    sbx_text_done(&partial);
    return st;
}
