/*
 * Keeping the WAL short. Whoever opens the database first reads the whole WAL to make its index, so
 * the WAL's length is paid at every start of sbx; a checkpoint is paid once, two syncs and the
 * pages, and it makes the next commit write, and sync, a new WAL header. It does not have to be
 * waited for while a command runs. After the end row it would be for nothing: how far it came is said in the
 * index only, so that the WAL begins anew by a commit of the same process or not at all.
 *
 * Measured (SQLite 3.53.2, ext4 on a virtual disk, fdatasync 0.16 ms, two busy cores): reading the
 * WAL costs 2.6 us a page (1250 pages: 3.6 ms), a checkpoint 0.6 ms, the new header 0.16 ms, and a
 * run writes 9 pages. With a checkpoint every T pages a run pays 1.3 T us at its start and
 * 9/T of the rest: least at T = 35 where the command outlasts the checkpoint, at 77 where it does
 * not; on a slower machine (5 us a page, 1.7 ms, 13 pages) at 92. While somebody has the database open the index is there, and others do not read the WAL: a worker lets
 * it grow to what stays allocated.
 */
#include "audit/store_parts.h"

enum {
    TIDY_PAGES = 48,     /* five runs */
    OVERDUE_PAGES = 96,  /* nobody called sbx_store_tidy() for that long */
    WORKER_PAGES = 1000, /* what WAL_KEPT_BYTES holds */
};

/* Above what the WAL needs, so that its blocks stay: writing over them syncs faster than appending.
 */
#define WAL_KEPT_BYTES "4194304"

static void checkpoint(sbx_store *store)
{
    (void)sqlite3_exec(store->db, "PRAGMA journal_size_limit = " WAL_KEPT_BYTES, NULL, NULL, NULL);
    store->may_wait = false;
    if (sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) ==
        SQLITE_OK)
        store->wal_pages = 0;
    store->may_wait = true;
}

void sbx_store_tidy(sbx_store *store)
{
    int pages = store->stays_open ? WORKER_PAGES : TIDY_PAGES;

    if (!store->is_read_only && !store->in_transaction && store->wal_pages >= pages)
        checkpoint(store);
}

void sbx_store_tidy_overdue(sbx_store *store)
{
    int pages = store->stays_open ? WORKER_PAGES : OVERDUE_PAGES;

    if (!store->in_transaction && store->wal_pages >= pages)
        checkpoint(store);
}
