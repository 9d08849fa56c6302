/*
 * A database that is damaged gives way to a new one, and stays under another name. Nothing is ever overwritten, and
 * nothing is removed: audit.db, audit.db-wal and audit.db-shm become audit.db.corrupt-TIME and the like, and the new
 * database's first event names them.
 *
 * Safe only where nobody uses the file: SQLite's lock on it is taken first, which every sbx that has it open holds a
 * share of. Whoever was about to open it finds out that the file has moved (sbx_store_open()) before it writes. Of
 * many that find the damage at once one has the folder's lock; the others find a sound database when they get it.
 *
 * Not set aside: a database of another program or a newer sbx, one that is locked or cannot be read (IO), one without
 * sbx's mark outside of the state folder: it may be something else that somebody named by mistake.
 *
 * Context: no command of the caller's runs that may see the database's folder: the new names are hidden only from
 * commands that are planned afterwards.
 */
#ifndef SBX_AUDIT_SET_ASIDE_H
#define SBX_AUDIT_SET_ASIDE_H

#include "audit/store.h"

/* That error of a call on a store is worth a try. */
bool sbx_store_is_damage(const sbx_error *why);

/*
 * *out_name: what the damaged one is called now; NULL: it is sound, or somebody else has just done it. Caller frees.
 * Fails: CORRUPT  it is damaged and cannot be set aside, with the reason
 *        else     as sbx_store_open()
 */
SBX_MUST_USE sbx_status sbx_store_set_aside(char **out_name, const char *path, uint64_t busy_ns,
                                            sbx_error *err);

#endif
