/*
 * The directory of results, by its path. Two locks, both files that nobody else can open meanwhile: the journal, which
 * says that a batch is at work; and one that the workers inherit, so that after a coordinator was killed the next one
 * waits for the last of its workers to be gone. Locks on a part of a file would not do: whoever can read a file can
 * take one, a task too.
 */
#include "harness/batch/directory.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/batch/windows/parts.h"

enum { WORKERS_GONE_MS = 30000, LOOK_AGAIN_MS = 20, NAME_BYTES = 64 };

struct sbx_directory {
    char *path; /* NULL: none */
    HANDLE journal;
    uint64_t unsynced_since_ns; /* 0: everything is durable */
};

static sbx_status no_memory(sbx_error *err)
{
    return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a batch");
}

/* "DIR/NAME", for free(). */
static char *path_in(const char *directory, const char *name)
{
    sbx_text path = {0};

    sbx_text_add_format(&path, "%s/%s", directory, name);
    if (path.failed)
        sbx_text_done(&path);
    return path.data;
}

static sbx_status check_content(const sbx_directory *self, const sbx_batch_options *options,
                                sbx_error *err)
{
    bool goes_on = options->resume || options->rerun != NULL;
    LARGE_INTEGER size;

    if (!GetFileSizeEx(self->journal, &size))
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "look at results.jsonl in %s",
                              self->path);
    if (size.QuadPart > 0 && !goes_on)
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_BATCH,
            "--out: %s holds results already — --resume goes on with them, --rerun "
            "runs some again, another directory begins anew",
            self->path);
    if (size.QuadPart == 0 && options->rerun != NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_BATCH,
                              "--rerun: there are no results in %s", self->path);
    return SBX_OK;
}

static sbx_status open_journal(sbx_directory *self, sbx_error *err)
{
    char *path = path_in(self->path, "results.jsonl");
    DWORD code;

    if (path == NULL)
        return no_memory(err);
    self->journal = sbx_batch_file_open(path, GENERIC_READ | GENERIC_WRITE, 0, OPEN_ALWAYS,
                                        FILE_ATTRIBUTE_NORMAL);
    code = GetLastError();
    free(path);
    if (self->journal != INVALID_HANDLE_VALUE)
        return SBX_OK;
    if (code == ERROR_SHARING_VIOLATION)
        return sbx_fail_plain(err, SBX_BUSY, SBX_STEP_BATCH,
                              "--out: another batch is at work in %s, or somebody has its "
                              "results.jsonl open",
                              self->path);
    return sbx_fail_batch(err, SBX_IO, code, "--out: open results.jsonl in %s", self->path);
}

sbx_status sbx_directory_open(sbx_directory **out, const sbx_batch_options *options, sbx_error *err)
{
    sbx_directory *self = calloc(1, sizeof(*self));
    DWORD code;
    sbx_status st;

    *out = self;
    if (self == NULL)
        return no_memory(err);
    self->journal = INVALID_HANDLE_VALUE;
    if (options->out_dir == NULL)
        return SBX_OK;
    self->path = strdup(options->out_dir);
    if (self->path == NULL)
        return no_memory(err);
    code = sbx_batch_directory_make(self->path);
    if (code != 0)
        return sbx_fail_batch(err, SBX_IO, code, "--out: make %s", self->path);
    st = open_journal(self, err);
    return st == SBX_OK ? check_content(self, options, err) : st;
}

/* Who has it open keeps everybody else out; it goes with the last of them. */
sbx_status sbx_directory_lock_workers(HANDLE *out, const char *path, sbx_error *err)
{
    char *name = path == NULL ? NULL : path_in(path, SBX_BATCH_LOCK_NAME);
    uint64_t until_ns = sbx_clock_monotonic_ns() + WORKERS_GONE_MS * SBX_NS_PER_MS;
    HANDLE lock = INVALID_HANDLE_VALUE;
    DWORD code = 0;

    *out = NULL;
    if (path == NULL)
        return SBX_OK;
    if (name == NULL)
        return no_memory(err);
    while (lock == INVALID_HANDLE_VALUE) {
        lock = sbx_batch_file_open(name, GENERIC_READ | DELETE, 0, OPEN_ALWAYS,
                                   FILE_ATTRIBUTE_HIDDEN | FILE_FLAG_DELETE_ON_CLOSE);
        code = GetLastError();
        /* Held by workers that are dying, because their coordinator is dead; or just about to be deleted. */
        if (lock == INVALID_HANDLE_VALUE &&
            ((code != ERROR_SHARING_VIOLATION && code != ERROR_ACCESS_DENIED) ||
             sbx_clock_monotonic_ns() >= until_ns))
            break;
        if (lock == INVALID_HANDLE_VALUE)
            Sleep(LOOK_AGAIN_MS);
    }
    free(name);
    if (lock == INVALID_HANDLE_VALUE)
        return sbx_fail_batch(err, code == ERROR_SHARING_VIOLATION ? SBX_BUSY : SBX_IO, code,
                              "--out: lock %s for its workers", path);
    *out = lock;
    return SBX_OK;
}

void sbx_directory_close(sbx_directory *directory)
{
    if (directory == NULL)
        return;
    if (directory->journal != INVALID_HANDLE_VALUE)
        CloseHandle(directory->journal);
    free(directory->path);
    free(directory);
}

bool sbx_directory_is_kept(const sbx_directory *directory)
{
    return directory->path != NULL;
}

int sbx_directory_fd(const sbx_directory *directory)
{
    (void)directory;
    return -1;
}

/* --- the journal --- */

sbx_status sbx_directory_append(sbx_directory *directory, const sbx_text *line, sbx_error *err)
{
    const char *at = sbx_text_string(line);
    size_t left = line->bytes;

    if (directory->path == NULL)
        return SBX_OK;
    if (!SetFilePointerEx(directory->journal, (LARGE_INTEGER){.QuadPart = 0}, NULL, FILE_END))
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "write results.jsonl");
    while (left > 0) {
        DWORD done = 0;

        if (!WriteFile(directory->journal, at, (DWORD)left, &done, NULL))
            return sbx_fail_batch(err, SBX_IO, GetLastError(), "write results.jsonl");
        at += done;
        left -= done;
    }
    if (directory->unsynced_since_ns == 0)
        directory->unsynced_since_ns = sbx_clock_monotonic_ns();
    return SBX_OK;
}

static sbx_status flush(const sbx_directory *self, sbx_error *err)
{
    return FlushFileBuffers(self->journal)
               ? SBX_OK
               : sbx_fail_batch(err, SBX_IO, GetLastError(), "sync results.jsonl");
}

sbx_status sbx_directory_sync(sbx_directory *directory, sbx_error *err)
{
    if (directory->path == NULL || directory->unsynced_since_ns == 0)
        return SBX_OK;
    directory->unsynced_since_ns = 0;
    return flush(directory, err);
}

uint64_t sbx_directory_unsynced_since_ns(const sbx_directory *directory)
{
    return directory->unsynced_since_ns;
}

static FILE *stream_of(HANDLE handle, const char *mode)
{
    int fd = _open_osfhandle((intptr_t)handle, _O_BINARY);
    FILE *file = fd < 0 ? NULL : _fdopen(fd, mode);

    if (file == NULL && fd >= 0)
        (void)_close(fd);
    else if (file == NULL)
        CloseHandle(handle);
    return file;
}

/* A second handle of the same opening, with which it shares the place in the file. */
FILE *sbx_directory_journal(const sbx_directory *directory)
{
    HANDLE copy = NULL;

    if (directory->path == NULL ||
        !SetFilePointerEx(directory->journal, (LARGE_INTEGER){.QuadPart = 0}, NULL, FILE_BEGIN) ||
        !DuplicateHandle(GetCurrentProcess(), directory->journal, GetCurrentProcess(), &copy, 0,
                         FALSE, DUPLICATE_SAME_ACCESS))
        return NULL;
    return stream_of(copy, "rb");
}

sbx_status sbx_directory_cut(sbx_directory *directory, uint64_t bytes, sbx_error *err)
{
    LARGE_INTEGER size;

    if (!GetFileSizeEx(directory->journal, &size))
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "look at results.jsonl");
    if ((uint64_t)size.QuadPart <= bytes)
        return SBX_OK;
    size.QuadPart = (LONGLONG)bytes;
    if (!SetFilePointerEx(directory->journal, size, NULL, FILE_BEGIN) ||
        !SetEndOfFile(directory->journal))
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "cut the torn end off results.jsonl");
    return flush(directory, err);
}

/* --- other files --- */

/* "DIR/.NAME.new", for free(). */
static char *unfinished_path(const sbx_directory *self, const char *name)
{
    char unfinished[NAME_BYTES];

    (void)snprintf(unfinished, sizeof(unfinished), ".%s.new", name);
    return path_in(self->path, unfinished);
}

FILE *sbx_directory_begin(const sbx_directory *directory, const char *name, bool is_private,
                          sbx_error *err)
{
    char *path = unfinished_path(directory, name);
    wchar_t *wide = path == NULL ? NULL : sbx_wide_path(path);
    sbx_security owner_only = {0};
    HANDLE made = INVALID_HANDLE_VALUE;
    FILE *file = NULL;
    DWORD code = ERROR_NOT_ENOUGH_MEMORY;

    if (wide != NULL)
        (void)DeleteFileW(wide); /* of one that was killed; and its list is not the new one's */
    if (wide != NULL &&
        (!is_private || sbx_security_owner_only(&owner_only, SBX_STEP_BATCH, NULL) == SBX_OK)) {
        made = CreateFileW(wide, GENERIC_WRITE, 0, is_private ? &owner_only.attributes : NULL,
                           CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        code = GetLastError();
    }
    if (made != INVALID_HANDLE_VALUE)
        file = stream_of(made, "wb");
    if (file == NULL)
        (void)sbx_fail_batch(err, SBX_IO, code, "make %s", name);
    sbx_security_done(&owner_only);
    free(wide);
    free(path);
    return file;
}

sbx_status sbx_directory_finish(const sbx_directory *directory, const char *name, FILE *file,
                                sbx_error *err)
{
    char *from = unfinished_path(directory, name), *to = path_in(directory->path, name);
    wchar_t *wide_from = from == NULL ? NULL : sbx_wide_path(from);
    wchar_t *wide_to = to == NULL ? NULL : sbx_wide_path(to);
    bool is_whole = !ferror(file) && fflush(file) == 0 && _commit(_fileno(file)) == 0;
    sbx_status st = SBX_OK;

    is_whole = fclose(file) == 0 && is_whole;
    if (!is_whole)
        st = sbx_fail_plain(err, SBX_IO, SBX_STEP_BATCH, "write %s: is the disk full?", name);
    else if (wide_from == NULL || wide_to == NULL)
        st = no_memory(err);
    else if (!MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        st = sbx_fail_batch(err, SBX_IO, GetLastError(), "put %s in its place", name);
    if (st != SBX_OK && wide_from != NULL)
        (void)DeleteFileW(wide_from);
    free(wide_from);
    free(wide_to);
    free(from);
    free(to);
    return st;
}

void sbx_directory_remove(const sbx_directory *directory, const char *name)
{
    char *path = path_in(directory->path, name);
    wchar_t *wide = path == NULL ? NULL : sbx_wide_path(path);

    if (wide != NULL)
        (void)DeleteFileW(wide);
    free(wide);
    free(path);
}

size_t sbx_directory_read_end(char *out, size_t room, const sbx_directory *directory,
                              const char *path)
{
    char *whole = path_in(directory->path, path);
    HANDLE file = INVALID_HANDLE_VALUE;
    LARGE_INTEGER size;
    DWORD got = 0;

    if (whole != NULL)
        file = sbx_batch_file_open(whole, GENERIC_READ,
                                   FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                   OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL);
    free(whole);
    if (file == INVALID_HANDLE_VALUE)
        return 0;
    if (GetFileSizeEx(file, &size)) {
        size.QuadPart = size.QuadPart > (LONGLONG)room ? size.QuadPart - (LONGLONG)room : 0;
        if (!SetFilePointerEx(file, size, NULL, FILE_BEGIN) ||
            !ReadFile(file, out, (DWORD)room, &got, NULL))
            got = 0;
    }
    CloseHandle(file);
    return got;
}
