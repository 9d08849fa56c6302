/* The files of one attempt at a task: what it reads, writes, and should have written. */
#include "harness/batch/attempt_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/batch/names.h"

static sbx_status fail(sbx_error *err, const char *what, const char *path)
{
    return sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno, "%s %s", what, path);
}

/* Makes a directory in another and opens it; parent_fd stays the caller's. */
static int enter_directory(int parent_fd, const char *name)
{
    if (mkdirat(parent_fd, name, 0777) != 0 && errno != EEXIST)
        return -1;
    return openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* tasks/NAME/ATTEMPT */
static sbx_status open_directory(sbx_attempt_files *files, int out_fd, const char *id,
                                 unsigned attempt, sbx_error *err)
{
    char number[16];
    sbx_text name = {0};
    int tasks_fd = -1, task_fd = -1;
    sbx_status st;

    (void)snprintf(number, sizeof(number), "%u", attempt);
    sbx_batch_file_name(&name, id);
    st = sbx_text_check(&name, err);
    if (st != SBX_OK)
        return st;
    tasks_fd = enter_directory(out_fd, "tasks");
    if (tasks_fd >= 0)
        task_fd = enter_directory(tasks_fd, name.data);
    if (task_fd >= 0)
        files->directory_fd = enter_directory(task_fd, number);
    if (files->directory_fd < 0)
        st = fail(err, "make the directory of results of", id);
    if (task_fd >= 0)
        (void)close(task_fd);
    if (tasks_fd >= 0)
        (void)close(tasks_fd);
    sbx_text_done(&name);
    return st;
}

/* A file without a name, gone with its descriptor. */
static int open_unnamed(void)
{
    const char *directory = getenv("TMPDIR");
    char path[4096];
    int fd;

    if (directory == NULL || directory[0] != '/')
        directory = "/tmp";
    fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    if (snprintf(path, sizeof(path), "%s/sbx-output-XXXXXX", directory) >= (int)sizeof(path))
        return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

static sbx_status open_output(sbx_attempt_files *files, int stream, sbx_error *err)
{
    const char *name = stream == 1 ? "stdout" : "stderr";

    files->stdio_fd[stream] =
        files->directory_fd < 0 ? open_unnamed()
                                : openat(files->directory_fd, name,
                                         O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    return files->stdio_fd[stream] < 0 ? fail(err, "make a file for", name) : SBX_OK;
}

/* A named pipe would wait for a writer, and a device is none of a task's business. */
static int open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat found;

    if (fd >= 0 && (fstat(fd, &found) != 0 || !S_ISREG(found.st_mode))) {
        (void)close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

void sbx_attempt_init(sbx_attempt_files *files)
{
    *files = (sbx_attempt_files){.directory_fd = -1, .stdio_fd = {-1, -1, -1}};
}

bool sbx_attempt_is_kept(const sbx_attempt_files *files)
{
    return files->directory_fd >= 0;
}

sbx_status sbx_attempt_open(sbx_attempt_files *out, const sbx_batch_setup *setup, const char *id,
                            unsigned attempt, const char *stdin_path, sbx_error *err)
{
    sbx_status st = SBX_OK;

    sbx_attempt_init(out);
    if (setup->out_fd >= 0)
        st = open_directory(out, setup->out_fd, id, attempt, err);
    if (st != SBX_OK)
        return st;
    out->stdio_fd[0] = stdin_path == NULL || strcmp(stdin_path, "/dev/null") == 0
                           ? open("/dev/null", O_RDONLY | O_CLOEXEC)
                           : open_regular(stdin_path);
    if (out->stdio_fd[0] < 0)
        return fail(err, "open for stdin", stdin_path == NULL ? "/dev/null" : stdin_path);
    st = open_output(out, 1, err);
    return st == SBX_OK ? open_output(out, 2, err) : st;
}

/* The whole of a file: pages that the kernel has anyway, and gives up when it must. */
static bool map(sbx_bytes *out, int fd)
{
    struct stat found;
    void *data;

    *out = (sbx_bytes){NULL, 0};
    if (fstat(fd, &found) != 0)
        return false;
    if (found.st_size == 0)
        return true;
    data = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return false;
    *out = (sbx_bytes){data, (size_t)found.st_size};
    return true;
}

sbx_status sbx_attempt_map(sbx_attempt_files *files, const json_t *expect, sbx_error *err)
{
    for (int stream = 1; stream <= 2; stream++) {
        const json_t *wanted = json_object_get(expect, stream == 1 ? "stdout" : "stderr");
        const char *path = json_string_value(json_object_get(wanted, "equals_file"));
        int fd = path == NULL ? -1 : open_regular(path);

        if (!map(&files->output[stream], files->stdio_fd[stream]))
            return fail(err, "read what was written to", stream == 1 ? "stdout" : "stderr");
        if (path != NULL && (fd < 0 || !map(&files->wanted[stream], fd)))
            files->wanted[stream] = (sbx_bytes){NULL, 1}; /* could not be read */
        if (fd >= 0)
            (void)close(fd);
    }
    return SBX_OK;
}

sbx_status sbx_attempt_write_result(const sbx_attempt_files *files, const sbx_text *json,
                                    sbx_error *err)
{
    const char *at = sbx_text_string(json);
    size_t left = json->bytes;
    int fd;

    if (files->directory_fd < 0)
        return SBX_OK;
    fd = openat(files->directory_fd, "result.json",
                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return fail(err, "make", "result.json");
    while (left > 0) {
        ssize_t done = write(fd, at, left);

        if (done < 0 && errno != EINTR) {
            (void)fail(err, "write", "result.json");
            (void)close(fd);
            return SBX_IO;
        }
        at += done < 0 ? 0 : done;
        left -= done < 0 ? 0 : (size_t)done;
    }
    (void)close(fd);
    return SBX_OK;
}

void sbx_attempt_close(sbx_attempt_files *files)
{
    for (int stream = 0; stream <= 2; stream++) {
        if (files->stdio_fd[stream] >= 0)
            (void)close(files->stdio_fd[stream]);
        if (files->output[stream].data != NULL)
            (void)munmap((void *)(uintptr_t)files->output[stream].data,
                         files->output[stream].bytes);
        if (files->wanted[stream].data != NULL)
            (void)munmap((void *)(uintptr_t)files->wanted[stream].data,
                         files->wanted[stream].bytes);
    }
    if (files->directory_fd >= 0)
        (void)close(files->directory_fd);
    sbx_attempt_init(files);
}

sbx_status sbx_attempt_hide_results(sbx_policy *policy, const sbx_batch_setup *setup,
                                    sbx_error *err)
{
    return setup->out_path == NULL ? SBX_OK
                                   : sbx_strings_add(&policy->deny_read, setup->out_path, err);
}
