/* What the files of the index share with the questions: its tables, attached as "ix". */
#ifndef SBX_AUDIT_INDEX_PARTS_H
#define SBX_AUDIT_INDEX_PARTS_H

#include <sqlite3.h>

#include "audit/index.h"

/* What a name is. The numbers are stored: add at the end, and raise the version. */
typedef enum sbx_index_kind {
    SBX_INDEX_PATH = 1,   /* denial.target */
    SBX_INDEX_DENIED_EXE, /* denial.exe, '' for null */
    SBX_INDEX_RULE,
    SBX_INDEX_EXE,    /* process.exe */
    SBX_INDEX_STATUS, /* but "ok" */
    SBX_INDEX_REASON,
    SBX_INDEX_USER,
    SBX_INDEX_SESSION,
    SBX_INDEX_AGENT,
    SBX_INDEX_BATCH,
    SBX_INDEX_LABEL, /* key=value */
} sbx_index_kind;

typedef enum sbx_index_measure {
    SBX_INDEX_MEMORY = 1,
    SBX_INDEX_CPU,
    SBX_INDEX_WALL,
    SBX_INDEX_DENIED,
    SBX_INDEX_MEMORY_SHARE, /* thousandths of the limit */
} sbx_index_measure;

/* The bytes of a new, empty index, for sqlite3_free(). SQLite's code. */
int sbx_index_new_image(unsigned char **out, size_t *out_bytes);

/* Opens the file and the database, as "log", and does one step of the work. */
SBX_MUST_USE int sbx_index_open(sqlite3 **out, const char *index_path, const char *log_path);
/* *out_is_current: nothing is left to do. Where it fails, the connection is to be closed. Runs done and to be done are for the progress. SQLITE_SCHEMA: this
 * is no index of that database, or it was pruned: make it anew. */
SBX_MUST_USE int sbx_index_step(bool *out_is_current, uint64_t *out_done, uint64_t *out_all,
                                sqlite3 *db);

#endif
