/*
 * Bringing an older audit database to the schema of this sbx, when it is opened to write.
 *
 * One transaction, and a backup beside the file first, both under the write lock: of many sbx that
 * come at once one does it, the others wait and find it done. Killed at any point, the database is
 * the old one or the new one, and a backup is complete or not there under its name.
 *
 * What a step must say is only what cannot be seen by comparing: columns added, data moved. Tables,
 * indexes, triggers and views that schema.sql has and the old database has not, or has differently
 * (triggers and views), are made from schema.sql afterwards; a test compares the result with a new
 * database, column by column.
 */
#ifndef SBX_AUDIT_MIGRATE_H
#define SBX_AUDIT_MIGRATE_H

#include "audit/store_parts.h"

/*
 * Fails: CORRUPT  the file's version is none that sbx ever wrote, or its tables are not that version's
 *        BUSY, IO the database is as it was
 * Context: a connection open to write, outside of a transaction.
 */
SBX_MUST_USE sbx_status sbx_store_migrate(sbx_store *store, sbx_error *err);

#endif
