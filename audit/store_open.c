/* Opening and closing the audit database, waiting for its lock, and what its errors mean. */
#include <stdlib.h>
#include <string.h>

#include "audit/database_file.h"
#include "audit/migrate.h"
#include "audit/store_parts.h"

/* SQLite would checkpoint here, in the commit that the command waits for; see store_tidy.c. */
static int note_wal_pages(void *context, sqlite3 *db, const char *name, int pages)
{
    sbx_store *store = context;

    (void)db;
    (void)name;
    store->wal_pages = pages;
    return SQLITE_OK;
}

static bool is_cancelled(const sbx_store *store)
{
    return store->cancel != NULL && *(const volatile bool *)store->cancel;
}

/*
 * SQLite's own handler sleeps up to 100 ms at a time, and all who wait wake at the same moments. A
 * commit takes some 0.3 ms: begin short, grow to 8 ms, each wait different.
 */
static int wait_for_lock(void *context, int tries)
{
    enum { LEAST_US = 100, LONGEST_SHIFT = 6 };
    sbx_store *store = context;
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    uint64_t now_ns = sbx_clock_monotonic_ns();
    unsigned pause_us;

    if (!store->may_wait)
        return 0;
    store->was_cancelled = is_cancelled(store);
    if (store->was_cancelled)
        return 0;
    if (tries == 0)
        store->wait_until_ns =
            now_ns + store->busy_ns < now_ns ? UINT64_MAX : now_ns + store->busy_ns;
    if (now_ns >= store->wait_until_ns)
        return 0;
    pause_us = (unsigned)LEAST_US << (tries < LONGEST_SHIFT ? tries : LONGEST_SHIFT);
    store->jitter = store->jitter * 1103515245u + 12345u;
    pause_us += (store->jitter >> 8) % pause_us;
    if (pause_us > (store->wait_until_ns - now_ns) / SBX_NS_PER_US)
        pause_us = (unsigned)((store->wait_until_ns - now_ns) / SBX_NS_PER_US) + 1;
    system->xSleep(system, (int)pause_us);
    return 1;
}

static sbx_status status_of(int rc)
{
    switch (rc & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return SBX_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* a table or column is missing */
    case SQLITE_SCHEMA:
        return SBX_CORRUPT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_MISUSE:
        return SBX_INTERNAL;
    case SQLITE_NOMEM:
        return SBX_NO_MEMORY;
    default:
        return SBX_IO;
    }
}

sbx_status sbx_store_fail(const sbx_store *store, int rc, const char *doing, sbx_error *err)
{
    static const char *const hints[] = {
        [SBX_CORRUPT] = " — move the file away, or name another with --audit-db",
    };
    sbx_status st = status_of(rc);
    const char *hint = (size_t)st < SBX_COUNT_OF(hints) && hints[st] != NULL ? hints[st] : "";
    int system_error = store->db == NULL ? 0 : sqlite3_system_errno(store->db);
    const char *reason = sqlite3_errstr(rc);

    if (st == SBX_BUSY && store->was_cancelled)
        reason = "cancelled while another process held its lock";
    else if (st == SBX_BUSY)
        reason = "another process held its lock for too long";
    else if (store->db != NULL && sqlite3_errcode(store->db) == rc && rc != SQLITE_NOTADB)
        reason = sqlite3_errmsg(store->db);
    if (st == SBX_IO && system_error != 0)
        (void)sbx_fail_plain(err, st, SBX_STEP_AUDIT, "audit database %s: %s: %s (%s)", store->path,
                             doing, reason, sbx_os_text(SBX_OS_ERRNO, system_error));
    else
        (void)sbx_fail_plain(err, st, SBX_STEP_AUDIT, "audit database %s: %s: %s%s", store->path,
                             doing, reason, hint);
    if (err != NULL) {
        err->os_domain = SBX_OS_SQLITE;
        err->os_code = rc;
    }
    return st;
}

sbx_status sbx_store_begin(sbx_store *store, const char *doing, sbx_error *err)
{
    int rc;

    if (store->in_transaction)
        return SBX_OK;
    rc = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return sbx_store_fail(store, rc, doing, err);
    store->in_transaction = true;
    return SBX_OK;
}

bool sbx_store_try_lock(sbx_store *store)
{
    sbx_status st;

    store->may_wait = false;
    st = sbx_store_begin(store, "", NULL);
    store->may_wait = true;
    return st == SBX_OK;
}

/* Its name is another file's now, or nobody's: removed, replaced, set aside, or its file system taken away. */
static bool has_moved_since(const sbx_store *store)
{
    int has_moved = 0;

    return store != NULL && store->db != NULL && !store->is_copy &&
           sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) ==
               SQLITE_OK &&
           has_moved != 0;
}

/* A commit to a file that nobody can find would be none. */
sbx_status sbx_store_commit(sbx_store *store, const char *doing, sbx_error *err)
{
    sbx_status st;
    int rc;

    if (has_moved_since(store)) {
        sbx_store_rollback(store);
        return sbx_fail_plain(
            err, SBX_IO, SBX_STEP_AUDIT,
            "audit database %s: %s: the file that was opened is not there any more (removed, "
            "replaced or unmounted)",
            store->path, doing);
    }
    rc = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        store->in_transaction = false;
        return SBX_OK;
    }
    st = sbx_store_fail(store, rc, doing, err);
    sbx_store_rollback(store);
    return st;
}

void sbx_store_rollback(sbx_store *store)
{
    if (!sqlite3_get_autocommit(store->db))
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->in_transaction = false;
}

const sbx_supervisor *sbx_store_supervisor(sbx_store *store)
{
    if (!store->has_supervisor)
        sbx_supervisor_self(&store->supervisor);
    store->has_supervisor = true;
    return &store->supervisor;
}

const sbx_node *sbx_store_node(sbx_store *store)
{
    if (!store->has_node)
        sbx_node_self(&store->node);
    store->has_node = true;
    return &store->node;
}

static const char magic[16] = "SQLite format 3";

/* Read past SQLite, which would take another program's database, and its WAL, into its hands. */
static int read_header(unsigned char header[SBX_HEADER_BYTES], sqlite3_file *file)
{
    int rc = file->pMethods->xRead(file, header, SBX_HEADER_BYTES, 0);

    return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc; /* zeros behind its end */
}

static bool has_our_mark(const unsigned char header[SBX_HEADER_BYTES])
{
    static const unsigned char application_id[] = {
        SBX_APPLICATION_ID >> 24, SBX_APPLICATION_ID >> 16 & 0xFF, SBX_APPLICATION_ID >> 8 & 0xFF,
        SBX_APPLICATION_ID & 0xFF};

    return memcmp(header, magic, sizeof(magic)) == 0 &&
           memcmp(header + SBX_HEADER_APPLICATION_ID_AT, application_id, sizeof(application_id)) ==
               0;
}

static sbx_status check_is_ours(const sbx_store *store, sbx_error *err)
{
    unsigned char header[SBX_HEADER_BYTES] = {0};
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

    if (rc == SQLITE_OK)
        rc = read_header(header, file);
    if (rc != SQLITE_OK)
        return sbx_store_fail(store, rc, "reading its header", err);
    if (has_our_mark(header))
        return SBX_OK;
    return sbx_fail_plain(
        err, SBX_CORRUPT, SBX_STEP_AUDIT,
        "audit database %s: is no audit database of sbx; it is left as it is — move the "
        "file away, or name another with --audit-db",
        store->path);
}

bool sbx_database_is_foreign(const char *path)
{
    unsigned char header[SBX_HEADER_BYTES] = {0};
    sqlite3_file *file = NULL;
    sqlite3 *db = NULL;
    bool is_foreign = true;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, sbx_store_vfs()) == SQLITE_OK &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK &&
        read_header(header, file) == SQLITE_OK)
        is_foreign = memcmp(header, magic, sizeof(magic)) == 0 && !has_our_mark(header);
    sqlite3_close(db);
    return is_foreign;
}

/*
 * Between our open of the file and our first look into it somebody may have set it aside (set_aside.h), and the WAL
 * that we have opened by its name is another file's. From that look on we hold a share of SQLite's lock, which keeps
 * the file where it is.
 */
static sbx_status check_place(const sbx_store *store, sbx_error *err)
{
    return has_moved_since(store)
               ? sbx_fail_plain(err, SBX_BUSY, SBX_STEP_AUDIT,
                                "audit database %s: another file was put in its place", store->path)
               : SBX_OK;
}

/* The WAL is read here for the first time, and its index made where nobody has the database open.
 */
static sbx_status check_version(sbx_store *store, sbx_error *err)
{
    sqlite3_stmt *pragma = NULL;
    int version = 0;
    sbx_status st;
    int rc = sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &pragma, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(pragma);
    if (rc == SQLITE_ROW)
        version = sqlite3_column_int(pragma, 0);
    if (rc != SQLITE_ROW) {
        st = sbx_store_fail(store, rc, "opening it", err);
        sqlite3_finalize(pragma);
        return st;
    }
    sqlite3_finalize(pragma);
    store->version = version;
    st = check_place(store, err);
    if (st != SBX_OK)
        return st;
    if (version == SBX_SCHEMA_VERSION ||
        (store->is_copy && version >= SBX_SCHEMA_OLDEST && version < SBX_SCHEMA_VERSION))
        return SBX_OK;
    if (version < SBX_SCHEMA_VERSION && !store->is_read_only)
        return sbx_store_migrate(store, err); /* the version is set there */
    if (version < SBX_SCHEMA_OLDEST)
        return sbx_store_fail(store, SQLITE_CORRUPT, "its version is none that sbx ever wrote",
                              err);
    if (version < SBX_SCHEMA_VERSION)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                              "audit database %s: its format is version %d, and this sbx reads %d; "
                              "the next command that sbx runs brings it up to date",
                              store->path, version, (int)SBX_SCHEMA_VERSION);
    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_AUDIT,
        "audit database %s: its format is version %d, and this sbx knows %d; use a newer "
        "sbx, or name another file with --audit-db",
        store->path, version, (int)SBX_SCHEMA_VERSION);
}

/*
 * SQLite makes the WAL and its index where they are missing, also for one that only reads. A file
 * without a WAL is complete by itself; one that is in use has one.
 */
static int open_file(sbx_store *store)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    int flags = store->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    sbx_text name = {0};
    bool has_wal = true;
    int rc;

    sbx_text_add_format(&name, "%s-wal", store->path);
    if (store->is_copy && !name.failed &&
        sbx_database_file_check(&has_wal, name.data, NULL) == SBX_OK && !has_wal) {
        flags |= SQLITE_OPEN_URI;
        sbx_text_clear(&name);
        sbx_text_add(&name, "file:");
        for (const char *at = store->path; *at != '\0'; at++)
            sbx_text_add_format(&name, strchr(plain, *at) != NULL ? "%c" : "%%%02x",
                                (unsigned char)*at);
        sbx_text_add(&name, "?immutable=1");
    }
    rc = name.failed ? SQLITE_NOMEM
                     : sqlite3_open_v2(has_wal ? store->path : name.data, &store->db,
                                       flags | SQLITE_OPEN_NOMUTEX, sbx_store_vfs());
    sbx_text_done(&name);
    return rc;
}

static sbx_status open_connection(sbx_store *store, sbx_error *err)
{
    int keep_wal = 1;
    int rc = open_file(store);

    if (rc != SQLITE_OK)
        return sbx_store_fail(store, rc, "opening it", err);
    sqlite3_extended_result_codes(store->db, 1);
    if (!store->is_read_only && sqlite3_db_readonly(store->db, "main") == 1)
        return sbx_store_fail(store, SQLITE_READONLY, "opening it", err);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_file_control(store->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep_wal);
    (void)sqlite3_busy_handler(store->db, wait_for_lock, store);
    (void)sqlite3_wal_hook(store->db, note_wal_pages,
                           store); /* in place of the automatic checkpoint */
    return SBX_OK;
}

/* synchronous is FULL by the build of SQLite already; an audit log does not rest on a build flag.
 */
static sbx_status make_durable(sbx_store *store, sbx_error *err)
{
    int rc = sqlite3_exec(store->db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);

    return rc == SQLITE_OK ? SBX_OK : sbx_store_fail(store, rc, "opening it", err);
}

static sbx_status create_file(const char *path, sbx_error *err)
{
    unsigned char *image = NULL;
    size_t bytes = 0;
    bool is_new; /* somebody else's does as well */
    sbx_status st = sbx_store_new_image(&image, &bytes, path, NULL, err);

    if (st == SBX_OK)
        st = sbx_database_file_create(&is_new, path, image, bytes, err);
    sqlite3_free(image);
    return st;
}

/* The file is there afterwards, or it is an error. */
static sbx_status find_file(const sbx_store *store, sbx_error *err)
{
    bool exists = false;
    sbx_status st = sbx_database_file_check(&exists, store->path, err);

    if (st != SBX_OK || exists)
        return st;
    if (store->is_read_only)
        return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_AUDIT,
                              "audit database %s: there is none; nothing was recorded here yet",
                              store->path);
    return create_file(store->path, err);
}

/* *out_has_moved: another file has its name since, and is worth another try. */
static sbx_status open_once(sbx_store **out_store, bool *out_has_moved, const char *path,
                            const sbx_store_options *options, sbx_error *err)
{
    sbx_store *store = calloc(1, sizeof(*store));
    sbx_status st = SBX_OK;

    if (store != NULL)
        store->path = strdup(path);
    if (store == NULL || store->path == NULL) {
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "audit database %s: out of memory",
                            path);
        goto out;
    }
    store->is_read_only = options->read_only;
    store->is_copy = options->read_only && options->is_copy;
    store->stays_open = options->stays_open;
    store->busy_ns = options->busy_ns;
    store->cancel = options->cancel;
    store->release = options->release;
    store->redaction = options->redaction;
    store->may_wait = true;
    store->jitter = (unsigned)sbx_clock_monotonic_ns();

    st = find_file(store, err);
    if (st != SBX_OK)
        goto out;
    st = open_connection(store, err);
    if (st != SBX_OK)
        goto out;
    st = check_is_ours(store, err);
    if (st != SBX_OK)
        goto out;
    if (!store->is_read_only)
        st = make_durable(store, err);
    if (st == SBX_OK)
        st = check_version(store, err);
    if (st == SBX_OK && !store->is_read_only)
        st = sbx_store_mark_lost(store, err);
    if (st != SBX_OK)
        goto out;
    *out_store = store;
    store = NULL;
out:
    *out_has_moved = st != SBX_OK && has_moved_since(store);
    sbx_store_close(store);
    return st;
}

sbx_status sbx_store_open(sbx_store **out_store, const char *path, const sbx_store_options *options,
                          sbx_error *err)
{
    enum { TRIES = 8 };
    bool has_moved = true;
    sbx_status st = SBX_OK;

    *out_store = NULL;
    for (int i = 0; i < TRIES && has_moved; i++)
        st = open_once(out_store, &has_moved, path, options, err);
    return st;
}

void sbx_store_close(sbx_store *store)
{
    if (store == NULL)
        return;
    if (store->in_transaction)
        sbx_store_rollback(store);
    (void)sbx_store_sync(store, NULL);
    sbx_store_forget_kept(store);
    sbx_ledger_done(&store->ledger);
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

const char *sbx_store_sqlite_version(void)
{
    return sqlite3_libversion();
}
