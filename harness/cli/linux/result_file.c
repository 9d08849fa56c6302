/* The file of --result, on Linux: a new file in a held directory, renamed into place. */
#include "harness/cli/result_file.h"

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

void sbx_result_file_init(sbx_result_file *file)
{
    memset(file, 0, sizeof(*file));
    file->directory_fd = -1;
}

void sbx_result_file_done(sbx_result_file *file)
{
    if (file->directory_fd >= 0) {
        (void)close(file->directory_fd);
    }
    free(file->name);
    free(file->path);
    sbx_result_file_init(file);
}

static sbx_status fail(sbx_error *err, int code, const char *path, const char *why)
{
    if (code == 0) {
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_RESULT, "--result: \"%s\" %s", path, why);
    }
    return sbx_fail_errno(err, SBX_INVALID, SBX_STEP_RESULT, code, "--result: \"%s\": %s", path,
                          why);
}

/* What is there already must be a file that may be replaced: renaming over /dev/null would. */
static sbx_status check_target(const sbx_result_file *file, sbx_error *err)
{
    struct stat found;

    if (fstatat(file->directory_fd, file->name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT ? SBX_OK : fail(err, errno, file->path, "cannot be looked at");
    }
    return S_ISREG(found.st_mode) ? SBX_OK
                                  : fail(err, 0, file->path, "is there and is not a regular file");
}

sbx_status sbx_result_file_open(sbx_result_file *file, const char *path, sbx_error *err)
{
    const char *name = sbx_path_name(path);
    sbx_text directory = {0};
    sbx_status status = SBX_OK;

    if (strcmp(path, "-") == 0) {
        return fail(err, 0, path,
                    "is not a file — stdout belongs to the command; for the result on "
                    "stderr use --json");
    }
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return fail(err, 0, path, "is not the name of a file");
    }
    sbx_text_add_bytes(&directory, path, (size_t)(name - path));
    sbx_text_add(&directory, name == path ? "." : "");
    status = sbx_text_check(&directory, err);
    if (status != SBX_OK) {
        goto out;
    }
    file->name = strdup(name);
    file->path = strdup(path);
    if (file->name == NULL || file->path == NULL) {
        status = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_RESULT, "--result: no memory");
        goto out;
    }
    file->directory_fd = open(sbx_text_string(&directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (file->directory_fd < 0) {
        status = fail(err, errno, path, "its directory cannot be opened");
        goto out;
    }
    status = check_target(file, err);
    if (status == SBX_OK && faccessat(file->directory_fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        status = fail(err, errno, path, "its directory cannot be written to");
    }

out:
    sbx_text_done(&directory);
    if (status != SBX_OK) {
        sbx_result_file_done(file);
    }
    return status;
}

bool sbx_result_file_is(const sbx_result_file *file, const char *path)
{
    struct stat here, there;

    return file->directory_fd >= 0 &&
           fstatat(file->directory_fd, file->name, &here, AT_SYMLINK_NOFOLLOW) == 0 &&
           stat(path, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static sbx_status write_all(int fd, const sbx_text *text, const char *path, sbx_error *err)
{
    const char *at = sbx_text_string(text);
    size_t left = text->bytes;

    while (left > 0) {
        ssize_t done = write(fd, at, left);

        if (done >= 0) {
            at += done;
            left -= (size_t)done;
        } else if (errno != EINTR) {
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_RESULT, errno, "--result: cannot write %s",
                                  path);
        }
    }
    return SBX_OK;
}

/*
 * Without a name until it is whole, where the file system can: a killed sbx leaves nothing behind. Only where there is an
 * old result does the new one need a second name for a moment, because nothing but a rename replaces a file at once.
 */
static int open_new(const sbx_result_file *file, const char *name, bool *out_has_name)
{
    int fd = openat(file->directory_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);

    *out_has_name = fd < 0;
    return fd >= 0 ? fd
                   : openat(file->directory_fd, name,
                            O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
}

static int put_in_place(const sbx_result_file *file, int fd, const char *name, bool *has_name)
{
    char self[48];

    if (!*has_name) {
        (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, self, file->directory_fd, file->name, AT_SYMLINK_FOLLOW) == 0) {
            return 0;
        }
        if (errno != EEXIST ||
            linkat(AT_FDCWD, self, file->directory_fd, name, AT_SYMLINK_FOLLOW) != 0) {
            return -1;
        }
        *has_name = true;
    }
    return renameat(file->directory_fd, name, file->directory_fd, file->name);
}

sbx_status sbx_result_file_write(const sbx_result_file *file, const sbx_text *text, sbx_error *err)
{
    uint64_t random = 0;
    char name[48];
    bool has_name = false;
    int fd = -1, copy;
    sbx_status status = sbx_random_bytes(&random, sizeof(random), err);

    if (status != SBX_OK) {
        return status;
    }
    (void)snprintf(name, sizeof(name), ".sbx-result-%016llx", (unsigned long long)random);
    fd = open_new(file, name, &has_name);
    if (fd < 0) {
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_RESULT, errno,
                              "--result: cannot make a file beside %s", file->path);
    }
    status = write_all(fd, text, file->path, err);
    /* Some file systems say only at a close that it could not be written; ours is still needed. */
    if (status == SBX_OK && ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0 || close(copy) != 0)) {
        status = sbx_fail_errno(err, SBX_IO, SBX_STEP_RESULT, errno, "--result: cannot write %s",
                                file->path);
    }
    if (status == SBX_OK && put_in_place(file, fd, name, &has_name) != 0) {
        status = sbx_fail_errno(err, SBX_IO, SBX_STEP_RESULT, errno, "--result: cannot replace %s",
                                file->path);
    }
    (void)close(fd);
    if (status != SBX_OK && has_name) {
        (void)unlinkat(file->directory_fd, name, 0);
    }
    return status;
}
