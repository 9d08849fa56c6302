/* The files of served commands. Names of tickets are digits, so nothing here needs care with names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/batch/linux/serve_parts.h"

enum { NAME_BYTES = 64 };

sbx_status sbx_serve_files_make(sbx_serve_files *out, sbx_error *err)
{
    const char *directory = getenv("TMPDIR");

    out->fd = -1;
    if (directory == NULL || directory[0] != '/')
        directory = "/tmp";
    if (snprintf(out->path, sizeof(out->path), "%s/sbx-serve-XXXXXX", directory) >=
        (int)sizeof(out->path))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_BATCH, "TMPDIR is too long: %s",
                              directory);
    if (mkdtemp(out->path) == NULL)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno, "make a directory in %s",
                              directory);
    out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->fd < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno, "open %s", out->path);
    return SBX_OK;
}

/* Only sbx has written here. Depth is bounded by what it makes: tasks/TICKET/ATTEMPT/. */
static void empty_directory(int fd, int depth)
{
    DIR *directory = fdopendir(fd);
    struct dirent *each;

    if (directory == NULL) {
        (void)close(fd);
        return;
    }
    while ((each = readdir(directory)) != NULL) {
        int inner;

        if (strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0 ||
            unlinkat(dirfd(directory), each->d_name, 0) == 0 || depth == 0)
            continue;
        inner =
            openat(dirfd(directory), each->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (inner >= 0)
            empty_directory(inner, depth - 1);
        (void)unlinkat(dirfd(directory), each->d_name, AT_REMOVEDIR);
    }
    (void)closedir(directory);
}

void sbx_serve_files_remove(sbx_serve_files *files)
{
    if (files->fd < 0)
        return;
    empty_directory(files->fd, 3);
    (void)rmdir(files->path);
    files->fd = -1;
}

static const char *name_of(char out[NAME_BYTES], const char *before, uint64_t ticket,
                           const char *behind)
{
    (void)snprintf(out, NAME_BYTES, "%s%llu%s", before, (unsigned long long)ticket, behind);
    return out;
}

int sbx_serve_files_input(const sbx_serve_files *files, uint64_t ticket)
{
    char name[NAME_BYTES];

    return openat(files->fd, name_of(name, "input-", ticket, ""),
                  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
}

void sbx_serve_files_input_path(sbx_text *out, const sbx_serve_files *files, uint64_t ticket)
{
    char name[NAME_BYTES];

    sbx_text_add_format(out, "%s/%s", files->path, name_of(name, "input-", ticket, ""));
}

bool sbx_serve_files_open(int out_fd[2], const sbx_serve_files *files, uint64_t ticket)
{
    static const char *const streams[] = {"/1/stdout", "/1/stderr"};
    char name[NAME_BYTES];

    out_fd[0] = out_fd[1] = -1;
    for (int i = 0; i < 2; i++)
        out_fd[i] = openat(files->fd, name_of(name, "tasks/", ticket, streams[i]),
                           O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (out_fd[0] >= 0 && out_fd[1] >= 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (out_fd[i] >= 0)
            (void)close(out_fd[i]);
    return false;
}

void sbx_serve_files_forget(const sbx_serve_files *files, uint64_t ticket)
{
    static const char *const made[] = {"/1/stdout", "/1/stderr", "/1/result.json"};
    char name[NAME_BYTES];

    (void)unlinkat(files->fd, name_of(name, "input-", ticket, ""), 0);
    for (size_t i = 0; i < SBX_COUNT_OF(made); i++)
        (void)unlinkat(files->fd, name_of(name, "tasks/", ticket, made[i]), 0);
    (void)unlinkat(files->fd, name_of(name, "tasks/", ticket, "/1"), AT_REMOVEDIR);
    (void)unlinkat(files->fd, name_of(name, "tasks/", ticket, ""), AT_REMOVEDIR);
}
