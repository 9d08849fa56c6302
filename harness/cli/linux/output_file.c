/* Writing a file beside its place, on Linux. */
#include "harness/cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/path.h"

void sbx_output_file_init(sbx_output_file *file)
{
    memset(file, 0, sizeof(*file));
    file->fd = file->directory_fd = -1;
}

void sbx_output_file_done(sbx_output_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
    if (file->temporary[0] != '\0') {
        (void)unlinkat(file->directory_fd, file->temporary, 0);
    }
    if (file->directory_fd >= 0) {
        (void)close(file->directory_fd);
    }
    free(file->name);
    free(file->path);
    sbx_output_file_init(file);
}

static sbx_status fail(const sbx_output_file *file, sbx_status status, int code, const char *why,
                       sbx_error *err)
{
    if (code == 0) {
        return sbx_fail_plain(err, status, SBX_STEP_RESULT, "--out: \"%s\" %s", file->path, why);
    }
    return sbx_fail_errno(err, status, SBX_STEP_RESULT, code, "--out: \"%s\" %s", file->path, why);
}

/* Renaming over /dev/null would replace it. */
static sbx_status check_place(const sbx_output_file *file, sbx_error *err)
{
    struct stat found;

    if (fstatat(file->directory_fd, file->name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? SBX_OK
                               : fail(file, SBX_INVALID, errno, "cannot be looked at", err);
    }
    if (!S_ISREG(found.st_mode)) {
        return fail(file, SBX_INVALID, 0,
                    "is there and is not a regular file — without --out it goes to stdout", err);
    }
    return SBX_OK;
}

static sbx_status open_directory(sbx_output_file *file, const char *name, sbx_error *err)
{
    sbx_text directory = {0};
    sbx_status status;

    sbx_text_add_bytes(&directory, file->path, (size_t)(name - file->path));
    sbx_text_add(&directory, name == file->path ? "." : "");
    status = sbx_text_check(&directory, err);
    if (status == SBX_OK) {
        file->directory_fd = open(sbx_text_string(&directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (file->directory_fd < 0) {
            status = fail(file, SBX_INVALID, errno, "has no directory that can be opened", err);
        }
    }
    sbx_text_done(&directory);
    return status;
}

static sbx_status make_temporary(sbx_output_file *file, sbx_error *err)
{
    uint64_t random = 0;
    sbx_status status = sbx_random_bytes(&random, sizeof(random), err);

    if (status != SBX_OK) {
        return status;
    }
    (void)snprintf(file->temporary, sizeof(file->temporary), ".sbx-out-%016llx",
                   (unsigned long long)random);
    file->fd = openat(file->directory_fd, file->temporary,
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        file->temporary[0] = '\0';
        return fail(file, SBX_INVALID, errno, "cannot be written: no file can be made beside it",
                    err);
    }
    return SBX_OK;
}

sbx_status sbx_output_file_open(sbx_output_file *file, const char *path, sbx_error *err)
{
    const char *name = NULL;
    sbx_status status = SBX_OK;

    file->path = strdup(path);
    if (file->path == NULL) {
        status = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_RESULT, "--out: no memory");
        goto out;
    }
    name = sbx_path_name(file->path);
    file->name = strdup(name);
    if (file->name == NULL) {
        status = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_RESULT, "--out: no memory");
        goto out;
    }
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        status = fail(file, SBX_INVALID, 0, "is not the name of a file", err);
        goto out;
    }
    status = open_directory(file, name, err);
    if (status == SBX_OK) {
        status = check_place(file, err);
    }
    if (status == SBX_OK) {
        status = make_temporary(file, err);
    }

out:
    if (status != SBX_OK) {
        sbx_output_file_done(file);
    }
    return status;
}

sbx_status sbx_output_file_write(sbx_output_file *file, const char *data, size_t bytes,
                                 sbx_error *err)
{
    while (bytes > 0) {
        ssize_t done = write(file->fd, data, bytes);

        if (done >= 0) {
            data += done;
            bytes -= (size_t)done;
        } else if (errno != EINTR) {
            return fail(file, SBX_IO, errno, "cannot be written", err);
        }
    }
    return SBX_OK;
}

sbx_status sbx_output_file_commit(sbx_output_file *file, sbx_error *err)
{
    int fd = file->fd;

    file->fd = -1;
    if (close(fd) != 0) {
        return fail(file, SBX_IO, errno, "cannot be written", err);
    }
    if (renameat(file->directory_fd, file->temporary, file->directory_fd, file->name) != 0) {
        return fail(file, SBX_IO, errno, "cannot be replaced", err);
    }
    file->temporary[0] = '\0';
    return SBX_OK;
}
