/* The database as a file: where it may lie, and how it comes into being. The contract with the
 * system. */
#ifndef SBX_AUDIT_DATABASE_FILE_H
#define SBX_AUDIT_DATABASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/error.h"

/*
 * Fails: REFUSED  path lies on a network file system: a WAL database needs memory that all its
 * users share, and locks that hold IO       it cannot be asked
 */
SBX_MUST_USE sbx_status sbx_database_file_check(bool *out_exists, const char *path, sbx_error *err);

/*
 * Makes the file, complete with these bytes or not at all, readable by its owner only, and durable
 * before this returns; its folders too, where they are missing. OK also where there is one already,
 * which stays as it is: *out_is_new tells.
 */
SBX_MUST_USE sbx_status sbx_database_file_create(bool *out_is_new, const char *path,
                                                 const void *data, size_t bytes, sbx_error *err);

/*
 * The three of a file that is written under another name first: an empty one for the owner only,
 * which must not exist; giving it its name, durable, which must not exist either; throwing it away.
 */
SBX_MUST_USE sbx_status sbx_database_file_reserve(const char *path, sbx_error *err);
SBX_MUST_USE sbx_status sbx_database_file_publish(const char *temporary, const char *path,
                                                  sbx_error *err);
void sbx_database_file_discard(const char *path);

/*
 * For putting another file in its place. One process at a time has the lock, which is the folder's and has nothing
 * to do with SQLite's.
 * Fails: BUSY  somebody has it for longer than that
 */
SBX_MUST_USE sbx_status sbx_database_file_lock(int64_t *out_lock, const char *path,
                                               uint64_t timeout_ns, sbx_error *err);
void sbx_database_file_unlock(int64_t lock);
/* Gives a file another name in its folder, which must not be there yet. OK also where there is no such file. */
SBX_MUST_USE sbx_status sbx_database_file_move(const char *from, const char *to, sbx_error *err);
/*
 * Two files change their names, in one step.
 * Fails: REFUSED  this file system, or this system, cannot
 */
SBX_MUST_USE sbx_status sbx_database_file_exchange(const char *one, const char *other,
                                                   sbx_error *err);

/*
 * All of that memory, mapped from a file, is here. False: its disk does not give it, and to touch it would end the process.
 * Best effort: true also where the system cannot tell (Linux before 5.14, Windows), and what is here may go again.
 */
bool sbx_database_file_hold(void *memory, size_t bytes);

/* Removes the file and what SQLite keeps beside it: for what can be made again. */
void sbx_database_file_remove(const char *path);

#endif
