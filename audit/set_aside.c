/* See set_aside.h. */
#include "audit/set_aside.h"

#include <stdlib.h>
#include <string.h>

#include "audit/database_file.h"
#include "audit/store_parts.h"

enum { NAMES_TRIED = 100 };

static const char doing[] = "setting it aside";

bool sbx_store_is_damage(const sbx_error *why)
{
    return why->status == SBX_CORRUPT && why->step == SBX_STEP_AUDIT;
}

/* --- its name --- */

/* Absolute, and without symlinks: as SQLite names it and what is beside it. */
static sbx_status resolve(sbx_text *out, const char *path, sbx_error *err)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    char *room = system == NULL ? NULL : sbx_text_reserve(out, (size_t)system->mxPathname + 2);
    int rc = SQLITE_NOMEM;

    if (room != NULL)
        rc = system->xFullPathname(system, path, system->mxPathname + 1, room);
    if ((rc & 0xFF) != SQLITE_OK) /* it may also be SQLITE_OK_SYMLINK */
        return sbx_store_fail(&(sbx_store){.path = (char *)(uintptr_t)path}, rc, doing, err);
    out->bytes = strlen(room);
    return SBX_OK;
}

/* In the folder that nobody but sbx has files in. */
static bool is_in_state_folder(const char *path)
{
    sbx_text folder = {0}, real = {0};
    bool is = sbx_store_state_folder(&folder, NULL) == SBX_OK &&
              resolve(&real, sbx_text_string(&folder), NULL) == SBX_OK &&
              strncmp(path, sbx_text_string(&real), real.bytes) == 0 && path[real.bytes] == '/' &&
              strchr(path + real.bytes + 1, '/') == NULL;

    sbx_text_done(&folder);
    sbx_text_done(&real);
    return is;
}

/* --- is it damaged? --- */

static bool is_malformed_code(int rc)
{
    return (rc & 0xFF) == SQLITE_CORRUPT || (rc & 0xFF) == SQLITE_NOTADB;
}

/* Row by row, without the indexes: what an open did not come across. */
static sbx_status check_rows(bool *out_is_damaged, sbx_store *store, sbx_error *err)
{
    sqlite3_stmt *check = NULL;
    const char *answer = NULL;
    int rc = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &check, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(check);
    if (rc == SQLITE_ROW)
        answer = (const char *)sqlite3_column_text(check, 0);
    *out_is_damaged = is_malformed_code(rc) || (answer != NULL && strcmp(answer, "ok") != 0);
    sqlite3_finalize(check);
    if (answer != NULL || *out_is_damaged)
        return SBX_OK;
    return sbx_store_fail(store, rc == SQLITE_ROW ? SQLITE_NOMEM : rc, "checking it", err);
}

/* *out_is_damaged false: it is sound. An error that is none of damage is handed on. */
static sbx_status look(bool *out_is_damaged, const char *path, uint64_t busy_ns, sbx_error *err)
{
    /* Of whatever version, and without a word about lost runs, whose leases are to be given back first. */
    const sbx_store_options options = {.busy_ns = busy_ns, .read_only = true, .is_copy = true};
    sbx_store *store = NULL;
    sbx_error own = {0};
    sbx_status st = sbx_store_open(&store, path, &options, &own);

    *out_is_damaged = false;
    if (st == SBX_OK) {
        st = check_rows(out_is_damaged, store, err);
        sbx_store_close(store);
        return st;
    }
    *out_is_damaged = own.os_domain == SBX_OS_SQLITE
                          ? is_malformed_code(own.os_code)
                          : st == SBX_CORRUPT && is_in_state_folder(path) &&
                                !sbx_database_is_foreign(path); /* not even its mark is left */
    if (*out_is_damaged)
        return SBX_OK;
    if (err != NULL)
        *err = own;
    return st;
}

/* --- nobody else has it open --- */

typedef struct hold {
    sqlite3_file *file;
    sqlite3_filename name;
} hold;

static void let_go(hold *self)
{
    if (self->file != NULL && self->file->pMethods != NULL)
        (void)self->file->pMethods->xClose(self->file);
    free(self->file);
    sqlite3_free_filename(self->name);
    *self = (hold){0};
}

static int lock_alone(hold *self, sqlite3_vfs *system, uint64_t busy_ns)
{
    uint64_t began_ns = sbx_clock_monotonic_ns();
    int rc = system->xOpen(system, self->name, self->file,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_MAIN_DB, NULL);

    while (rc == SQLITE_OK) {
        rc = self->file->pMethods->xLock(self->file, SQLITE_LOCK_SHARED);
        if (rc == SQLITE_OK)
            rc = self->file->pMethods->xLock(self->file, SQLITE_LOCK_EXCLUSIVE);
        if (rc == SQLITE_OK)
            return rc;
        (void)self->file->pMethods->xUnlock(self->file, SQLITE_LOCK_NONE);
        if ((rc & 0xFF) != SQLITE_BUSY || sbx_clock_monotonic_ns() - began_ns >= busy_ns)
            return rc;
        system->xSleep(system, 2000);
        rc = SQLITE_OK;
    }
    return rc;
}

/* SQLite's own locks, without SQLite: it would have to read the file to take them. */
static sbx_status take_hold(hold *out, const char *path, uint64_t busy_ns, sbx_error *err)
{
    sqlite3_vfs *system = sqlite3_vfs_find(NULL);
    int rc = SQLITE_NOMEM;

    out->file = calloc(1, (size_t)system->szOsFile);
    out->name = sqlite3_create_filename(path, "", "", 0, NULL);
    if (out->file != NULL && out->name != NULL)
        rc = lock_alone(out, system, busy_ns);
    if (rc == SQLITE_OK)
        return SBX_OK;
    if ((rc & 0xFF) == SQLITE_BUSY)
        return sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_AUDIT,
                              "audit database %s: is damaged, and is not set aside while other "
                              "processes have it open — end them, or name another with --audit-db",
                              path);
    return sbx_store_fail(&(sbx_store){.path = (char *)(uintptr_t)path}, rc, doing, err);
}

/* --- the names --- */

static void make_name(sbx_text *out, const char *path, unsigned number)
{
    struct tm now = {0};

    (void)sbx_clock_utc(&now, (time_t)(sbx_clock_utc_us() / 1000000));
    sbx_text_clear(out);
    sbx_text_add_format(out, "%s.corrupt-%04d%02d%02dT%02d%02d%02dZ", path, now.tm_year + 1900,
                        now.tm_mon + 1, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec);
    if (number > 0)
        sbx_text_add_format(out, "-%u", number);
}

/* What SQLite keeps beside it goes first: without it the file is damaged as before, and a new database beside an
 * old WAL would be, too. */
static sbx_status move_beside(const char *path, const char *name, sbx_error *err)
{
    static const char *const endings[] = {"-wal", "-shm"};
    sbx_status st = SBX_OK;

    for (size_t i = 0; i < SBX_COUNT_OF(endings) && st == SBX_OK; i++) {
        sbx_text from = {0}, to = {0};

        sbx_text_add_format(&from, "%s%s", path, endings[i]);
        sbx_text_add_format(&to, "%s%s", name, endings[i]);
        st = sbx_text_check(&from, err);
        if (st == SBX_OK)
            st = sbx_text_check(&to, err);
        if (st == SBX_OK)
            st = sbx_database_file_move(from.data, to.data, err);
        sbx_text_done(&from);
        sbx_text_done(&to);
    }
    return st;
}

/* The new one is made under the name that the damaged one gets, and then they change names: at no moment is there
 * none, which somebody else would make. */
static sbx_status replace(sbx_text *name, const char *path, sbx_error *err)
{
    unsigned char *image = NULL;
    size_t bytes = 0;
    bool is_new = false;
    sbx_status st = SBX_OK;

    for (unsigned number = 0; st == SBX_OK && !is_new && number < NAMES_TRIED; number++) {
        make_name(name, path, number);
        sqlite3_free(image);
        image = NULL;
        st = sbx_text_check(name, err);
        if (st == SBX_OK)
            st = sbx_store_new_image(&image, &bytes, path, name->data, err);
        if (st == SBX_OK)
            st = sbx_database_file_create(&is_new, name->data, image, bytes, err);
    }
    if (st == SBX_OK && !is_new)
        st = sbx_fail_plain(err, SBX_IO, SBX_STEP_AUDIT,
                            "audit database %s: every name to set it aside under is taken", path);
    if (st == SBX_OK)
        st = move_beside(path, name->data, err);
    if (st == SBX_OK)
        st = sbx_database_file_exchange(path, name->data, err);
    if (st != SBX_OK && is_new)
        sbx_database_file_discard(name->data); /* the new one: nothing was ever in it */
    /* Then there is a moment without any: who makes one in it does not know of this one. */
    if (st == SBX_REFUSED) {
        st = sbx_database_file_move(path, name->data, err);
        if (st == SBX_OK)
            st = sbx_database_file_create(&is_new, path, image, bytes, err);
    }
    sqlite3_free(image);
    return st;
}

static sbx_status set_aside(char **out_name, const char *path, uint64_t busy_ns, sbx_error *err)
{
    bool is_damaged = false;
    hold alone = {0};
    sbx_text name = {0};
    sbx_status st = look(&is_damaged, path, busy_ns, err);

    if (st == SBX_OK && is_damaged) {
        st = take_hold(&alone, path, busy_ns, err);
        if (st == SBX_OK)
            st = replace(&name, path, err);
        if (st == SBX_OK) {
            *out_name = name.data; /* malloc'ed: the caller frees it */
            name = (sbx_text){0};
        }
    }
    let_go(&alone);
    sbx_text_done(&name);
    return st;
}

sbx_status sbx_store_set_aside(char **out_name, const char *path, uint64_t busy_ns, sbx_error *err)
{
    sbx_text real = {0};
    int64_t lock = -1;
    sbx_status st;

    *out_name = NULL;
    (void)sbx_store_vfs(); /* starts SQLite where it does not run yet */
    st = resolve(&real, path, err);
    if (st == SBX_OK)
        st = sbx_database_file_lock(&lock, sbx_text_string(&real), busy_ns, err);
    if (st == SBX_OK) {
        st = set_aside(out_name, sbx_text_string(&real), busy_ns, err);
        sbx_database_file_unlock(lock);
    }
    sbx_text_done(&real);
    return st;
}
