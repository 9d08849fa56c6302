/*
 * What the files of the store share: the open database, and small steps on it. Who may include it:
 * the store_*.c files, lost.c and query.c.
 *
 * A function that returns a sbx_status here has filled err with SQLite's words and the file's name.
 */
#ifndef SBX_AUDIT_STORE_PARTS_H
#define SBX_AUDIT_STORE_PARTS_H

#include <sqlite3.h>

#include "audit/ledger.h"
#include "audit/store.h"
#include "audit/writer.h"
#include "harness/base/clock.h"
#include "harness/base/json.h"
#include "harness/base/path.h"
#include "harness/base/text.h"

enum {
    SBX_SCHEMA_OLDEST = 1, /* that migrate.c begins with */
    SBX_SCHEMA_VERSION = 3,
    SBX_APPLICATION_ID = 0x73627831, /* "sbx1" */
};

/* Bytes of the file's header, as SQLite documents them. */
enum { SBX_HEADER_BYTES = 100, SBX_HEADER_APPLICATION_ID_AT = 68 };

/* sql is compared by its address. */
typedef struct sbx_kept_statement {
    const char *sql;
    sqlite3_stmt *stmt;
} sbx_kept_statement;

enum { SBX_STATEMENTS_KEPT = 12 };

struct sbx_store {
    sqlite3 *db;
    char *path;
    bool is_read_only;
    bool is_copy;
    int version;         /* of the schema */
    bool in_transaction; /* begun by sbx_store_try_lock() for the next write */
    bool may_wait;       /* the busy handler waits */
    bool was_cancelled;  /* … and was told to stop */
    uint64_t busy_ns;
    const struct sbx_redaction *redaction;
    const bool *cancel;
    void (*release)(const char *path);
    uint64_t wait_until_ns; /* of the wait that is going on */
    unsigned jitter;
    int wal_pages; /* at the last commit of this connection */
    bool stays_open;
    bool is_lazy;      /* commits are not synced now */
    bool has_unsynced; /* committed, and not synced: see sbx_store_sync() */
    sbx_kept_statement kept[SBX_STATEMENTS_KEPT];
    bool has_index; /* index.h: it is attached as "ix" */
    sbx_ledger ledger;
    sbx_supervisor supervisor;
    bool has_supervisor;
    sbx_node node;
    bool has_node;
    int64_t run; /* the last one started here … */
    char run_id[SBX_RUN_ID_BYTES];
};

/* Turns SQLite's code into ours; doing: "recording the run's start". */
sbx_status sbx_store_fail(const sbx_store *store, int rc, const char *doing, sbx_error *err);

/* BEGIN IMMEDIATE, or nothing where sbx_store_try_lock() has begun. */
SBX_MUST_USE sbx_status sbx_store_begin(sbx_store *store, const char *doing, sbx_error *err);
SBX_MUST_USE sbx_status sbx_store_commit(sbx_store *store, const char *doing, sbx_error *err);
void sbx_store_rollback(sbx_store *store);

/* This process and this machine, read once. */
const sbx_supervisor *sbx_store_supervisor(sbx_store *store);
const sbx_node *sbx_store_node(sbx_store *store);

/* The bytes of a new database, for sqlite3_free(). replaced: what a damaged one before it is called now, or NULL. */
SBX_MUST_USE sbx_status sbx_store_new_image(unsigned char **out, size_t *out_bytes,
                                            const char *path, const char *replaced, sbx_error *err);

/* The file is another program's SQLite database; also where that cannot be told. */
bool sbx_database_is_foreign(const char *path);

/* Marks the runs lost whose supervisor is gone. */
SBX_MUST_USE sbx_status sbx_store_mark_lost(sbx_store *store, sbx_error *err);

/* Now and then, where there is a key; see seal_due.c. */
void sbx_store_seal_when_due(sbx_store *store, int64_t run);

/* A commit must follow: it is what begins the WAL anew. */
void sbx_store_tidy_overdue(sbx_store *store);

/* SQLite's default file system, with the durable things done as often as needed; see vfs.c. */
const char *sbx_store_vfs(void);

/* Inserts the run's row, status running, and adds what it says to an open object. */
SBX_MUST_USE sbx_status sbx_store_put_start(int64_t *out_run, sbx_json *body, sbx_store *store,
                                            const sbx_store_start *start, sbx_error *err);
/* The event of what a run did outside of its roots while nothing refused it: in the ledger only. */
SBX_MUST_USE sbx_status sbx_store_put_learned(sbx_store *store, int64_t run, const char *run_id,
                                              const sbx_store_end *end, sbx_error *err);
/* Parts of sbx_store_foresee(): the statements of the two that follow. */
void sbx_store_foresee_end(sbx_store *store);
void sbx_store_foresee_batch(sbx_store *store);
/* Fills in the rest of the row. */
SBX_MUST_USE sbx_status sbx_store_put_end(sbx_json *body, sbx_store *store, int64_t run,
                                          const sbx_store_end *end, sbx_error *err);
/* The rows of a batch and their event; *out_is_empty: there was nothing to write. */
SBX_MUST_USE sbx_status sbx_store_put_batch(bool *out_is_empty, sbx_store *store, int64_t run,
                                            const sbx_store_batch *batch, sbx_error *err);

/* Begins an event's body: an open object with kind, us and, if not NULL, run. */
void sbx_store_begin_body(sbx_json *body, sbx_text *out, const char *kind, uint64_t us,
                          const char *run_id);
/* Closes it and appends it to the ledger. */
SBX_MUST_USE sbx_status sbx_store_put_event(sbx_store *store, sbx_json *body, const char *kind,
                                            uint64_t us, int64_t run, sbx_error *err);

/* The run's id; CORRUPT where there is no such row. */
SBX_MUST_USE sbx_status sbx_store_find_run_id(char out[SBX_RUN_ID_BYTES], sbx_store *store,
                                              int64_t run, sbx_error *err);

/* One step of a statement that returns no rows, and its end; the statement may be NULL. */
SBX_MUST_USE sbx_status sbx_store_step(sbx_store *store, sqlite3_stmt *stmt, const char *doing,
                                       sbx_error *err);
SBX_MUST_USE sbx_status sbx_store_prepare(sqlite3_stmt **out, sbx_store *store, const char *sql,
                                          const char *doing, sbx_error *err);

/*
 * The same, and the statement is kept for the next time, as long as the store is open. sql must
 * be a constant; one at a time. sbx_store_let_go() in place of sqlite3_finalize(), NULL does nothing.
 */
SBX_MUST_USE sbx_status sbx_store_prepare_kept(sqlite3_stmt **out, sbx_store *store,
                                               const char *sql, const char *doing, sbx_error *err);
void sbx_store_let_go(sbx_store *store, sqlite3_stmt *stmt);
void sbx_store_forget_kept(sbx_store *store);

/* Binding the next parameter; what goes wrong shows in the step. */
typedef struct sbx_binder {
    sqlite3_stmt *stmt;
    int at; /* the last one bound */
} sbx_binder;

void sbx_bind_text(sbx_binder *binder, const char *text); /* NULL: null; not copied */
/* TEXT where it is UTF-8, else BLOB. */
void sbx_bind_bytes(sbx_binder *binder, const char *data, size_t bytes);
void sbx_bind_int(sbx_binder *binder, int64_t value);
/* SBX_UNLIMITED: null; what SQLite's integers cannot hold becomes their largest. */
void sbx_bind_unsigned(sbx_binder *binder, uint64_t value);
void sbx_bind_null(sbx_binder *binder);

#endif
