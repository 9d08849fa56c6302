/*
 * The directory of results. Two locks: one on the journal, which the coordinator alone holds and which says that a
 * batch is at work; one on the directory, which it shares with its workers, so that after a coordinator was
 * killed the next one waits for the last of its workers to be gone.
 */
#include "harness/batch/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"

struct sbx_directory {
    int fd;                     /* the lock on it is shared with the workers; -1: none */
    int journal_fd;             /* the lock on it is the coordinator's */
    uint64_t unsynced_since_ns; /* 0: everything is durable */
};

static sbx_status fail(sbx_error *err, const char *what, const char *path)
{
    return sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno, "%s %s", what, path);
}

static sbx_status check_content(int journal_fd, const sbx_batch_options *options, sbx_error *err)
{
    bool goes_on = options->resume || options->rerun != NULL;
    struct stat found;

    if (fstat(journal_fd, &found) != 0)
        return fail(err, "look at results.jsonl in", options->out_dir);
    if (found.st_size > 0 && !goes_on)
        return sbx_fail_plain(
            err, SBX_INVALID, SBX_STEP_BATCH,
            "--out: %s holds results already — --resume goes on with them, --rerun "
            "runs some again, another directory begins anew",
            options->out_dir);
    if (found.st_size == 0 && options->rerun != NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_BATCH,
                              "--rerun: there are no results in %s", options->out_dir);
    return SBX_OK;
}

static sbx_status lock(const sbx_directory *directory, const char *path, sbx_error *err)
{
    if (flock(directory->journal_fd, LOCK_EX | LOCK_NB) != 0)
        return sbx_fail_plain(err, SBX_BUSY, SBX_STEP_BATCH,
                              "--out: another batch is at work in %s", path);
    /* Held by nobody, or by workers that are dying: their coordinator is dead. */
    while (flock(directory->fd, LOCK_EX) != 0)
        if (errno != EINTR)
            return fail(err, "lock", path);
    return SBX_OK;
}

static sbx_status open_at(sbx_directory *out, const char *path, const sbx_batch_options *options,
                          sbx_error *err)
{
    sbx_status st;

    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fail(err, "--out: make", path);
    out->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->fd < 0)
        return fail(err, "--out: open", path);
    out->journal_fd = openat(out->fd, "results.jsonl",
                             O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (out->journal_fd < 0)
        return fail(err, "--out: open results.jsonl in", path);
    st = lock(out, path, err);
    if (st == SBX_OK)
        st = check_content(out->journal_fd, options, err);
    if (st == SBX_OK && fsync(out->fd) != 0) /* its name is durable, too */
        st = fail(err, "--out: sync", path);
    return st;
}

sbx_status sbx_directory_open(sbx_directory **out, const sbx_batch_options *options, sbx_error *err)
{
    sbx_directory *self = malloc(sizeof(*self));

    *out = self;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for a batch");
    *self = (sbx_directory){.fd = -1, .journal_fd = -1};
    return options->out_dir == NULL ? SBX_OK : open_at(self, options->out_dir, options, err);
}

void sbx_directory_close(sbx_directory *directory)
{
    if (directory == NULL)
        return;
    if (directory->journal_fd >= 0)
        (void)close(directory->journal_fd);
    if (directory->fd >= 0)
        (void)close(directory->fd);
    free(directory);
}

bool sbx_directory_is_kept(const sbx_directory *directory)
{
    return directory->fd >= 0;
}

int sbx_directory_fd(const sbx_directory *directory)
{
    return directory->fd;
}

sbx_status sbx_directory_append(sbx_directory *directory, const sbx_text *line, sbx_error *err)
{
    const char *at = sbx_text_string(line);
    size_t left = line->bytes;

    if (directory->journal_fd < 0)
        return SBX_OK;
    while (left > 0) {
        ssize_t done = write(directory->journal_fd, at, left);

        if (done < 0 && errno != EINTR)
            return fail(err, "write", "results.jsonl");
        at += done < 0 ? 0 : done;
        left -= done < 0 ? 0 : (size_t)done;
    }
    if (directory->unsynced_since_ns == 0)
        directory->unsynced_since_ns = sbx_clock_monotonic_ns();
    return SBX_OK;
}

sbx_status sbx_directory_sync(sbx_directory *directory, sbx_error *err)
{
    if (directory->journal_fd < 0 || directory->unsynced_since_ns == 0)
        return SBX_OK;
    directory->unsynced_since_ns = 0;
    return fdatasync(directory->journal_fd) == 0 ? SBX_OK : fail(err, "sync", "results.jsonl");
}

uint64_t sbx_directory_unsynced_since_ns(const sbx_directory *directory)
{
    return directory->unsynced_since_ns;
}

FILE *sbx_directory_journal(const sbx_directory *directory)
{
    int fd = directory->fd < 0
                 ? -1
                 : openat(directory->fd, "results.jsonl", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

    if (file == NULL && fd >= 0)
        (void)close(fd);
    return file;
}

sbx_status sbx_directory_cut(sbx_directory *directory, uint64_t bytes, sbx_error *err)
{
    struct stat found;

    if (fstat(directory->journal_fd, &found) != 0)
        return fail(err, "look at", "results.jsonl");
    if ((uint64_t)found.st_size <= bytes)
        return SBX_OK;
    if (ftruncate(directory->journal_fd, (off_t)bytes) != 0)
        return fail(err, "cut the torn end off", "results.jsonl");
    return fdatasync(directory->journal_fd) == 0 ? SBX_OK : fail(err, "sync", "results.jsonl");
}

static void new_name(char *out, size_t room, const char *name)
{
    (void)snprintf(out, room, ".%s.new", name);
}

FILE *sbx_directory_begin(const sbx_directory *directory, const char *name, bool is_private,
                          sbx_error *err)
{
    mode_t before = is_private ? umask(077) : 0;
    char unfinished[64];
    FILE *file;
    int fd;

    new_name(unfinished, sizeof(unfinished), name);
    fd = openat(directory->fd, unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                0666);
    if (is_private)
        (void)umask(before);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        (void)fail(err, "make", name);
        if (fd >= 0)
            (void)close(fd);
    }
    return file;
}

sbx_status sbx_directory_finish(const sbx_directory *directory, const char *name, FILE *file,
                                sbx_error *err)
{
    char unfinished[64];
    bool is_whole = !ferror(file) && fflush(file) == 0 && fsync(fileno(file)) == 0;

    new_name(unfinished, sizeof(unfinished), name);
    is_whole = fclose(file) == 0 && is_whole;
    if (!is_whole || renameat(directory->fd, unfinished, directory->fd, name) != 0) {
        (void)fail(err, "write", name);
        (void)unlinkat(directory->fd, unfinished, 0);
        return SBX_IO;
    }
    return SBX_OK;
}

void sbx_directory_remove(const sbx_directory *directory, const char *name)
{
    (void)unlinkat(directory->fd, name, 0);
}

size_t sbx_directory_read_end(char *out, size_t room, const sbx_directory *directory,
                              const char *path)
{
    int fd = openat(directory->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat found;
    ssize_t got = -1;

    if (fd < 0)
        return 0;
    if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
        off_t from = found.st_size - (off_t)room;

        got = pread(fd, out, room, from < 0 ? 0 : from);
    }
    (void)close(fd);
    return got < 0 ? 0 : (size_t)got;
}
