/* What the files of harness/batch/windows share. Nobody else includes it. */
#ifndef SBX_BATCH_WINDOWS_PARTS_H
#define SBX_BATCH_WINDOWS_PARTS_H

#include <windows.h>

#include "harness/batch/pool.h"

/* In the directory of results, as long as a batch or one of its workers lives. */
#define SBX_BATCH_LOCK_NAME ".workers"

/* --- letter.c: what a worker is told at its start, which on Linux it has by being forked --- */

enum {
    SBX_LETTER_MAGIC = 0x73627833,
    SBX_LETTER_TEXT_MAX = 1024 * 1024,
};

/* And as many bytes of text. Both ends are the same program; it is checked all the same. */
typedef struct sbx_letter {
    uint32_t magic;
    uint32_t text_bytes;
    uint32_t flags;
    uint32_t label_count, name_count, word_count; /* the latter: patterns of the redaction */
} sbx_letter;

SBX_MUST_USE sbx_status sbx_letter_write(sbx_letter *out, sbx_text *out_text,
                                         const sbx_batch_setup *setup, sbx_error *err);

/* A setup from a letter; its texts are in text, which is kept as long. Kept to the end of the process. */
SBX_MUST_USE sbx_status sbx_letter_read(sbx_batch_setup *out, const sbx_letter *letter,
                                        const sbx_text *text, sbx_error *err);

/* --- worker_process.c: making the process of a worker --- */

/* A job in which everything dies with its last handle, and that nobody leaves. must_hold: it reads back so. */
SBX_MUST_USE sbx_status sbx_worker_job_make(HANDLE *out, bool must_hold, sbx_error *err);

typedef struct sbx_worker_process {
    HANDLE process;
    HANDLE orders;  /* to be written */
    HANDLE reports; /* to be read; ends with the process */
} sbx_worker_process;

/* In the job from its birth, closed to commands, with three handles and no more: orders, reports and lock (NULL:
 * none). */
SBX_MUST_USE sbx_status sbx_worker_process_start(sbx_worker_process *out, HANDLE job, HANDLE lock,
                                                 sbx_error *err);

/* --- directory.c --- */

/* The lock of a directory of results, to be shared with workers. NULL: there is no directory. */
SBX_MUST_USE sbx_status sbx_directory_lock_workers(HANDLE *out, const char *path, sbx_error *err);

/* --- files.c: by paths with slashes; no link is followed at their end --- */

/* INVALID_HANDLE_VALUE: GetLastError() says why; what is no regular file is ERROR_INVALID_NAME. */
HANDLE sbx_batch_file_open(const char *path, DWORD access, DWORD share, DWORD how, DWORD flags);
/* A directory that is there is fine. 0, or the system's error. */
DWORD sbx_batch_directory_make(const char *path);

/* A failure of the batch in the system's words. */
#define sbx_fail_batch(err, status, code, ...)                                                     \
    sbx_fail((err), (status), SBX_STEP_BATCH, SBX_OS_WIN32, (int)(code), __VA_ARGS__)

#endif
