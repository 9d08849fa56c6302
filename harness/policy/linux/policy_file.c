/* A policy file's bytes, and the directory that its relative paths mean. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/policy/parts.h"

static sbx_status read_all(sbx_text *out, int fd, const char *path, sbx_error *err)
{
    char room[8192];

    for (;;) {
        ssize_t got = read(fd, room, sizeof(room));

        if (got == 0)
            return sbx_text_check(out, err);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_POLICY, errno, "read %s",
                                  path);
        sbx_text_add_bytes(out, room, (size_t)got);
        if (out->bytes > SBX_POLICY_FILE_BYTES_MAX)
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY, "%s: is larger than 1 MiB",
                                  path);
    }
}

/* The real directory: the file may be reached by a symlink, and "./x" lies beside what the link names. */
static sbx_status find_directory(sbx_text *out, const char *path, sbx_error *err)
{
    char *real = realpath(path, NULL);
    sbx_status st;

    if (real == NULL)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_POLICY, errno, "find the directory of %s",
                              path);
    sbx_text_add_bytes(out, real, (size_t)(strrchr(real, '/') - real));
    if (out->bytes == 0)
        sbx_text_add(out, "/");
    st = sbx_text_check(out, err);
    free(real);
    return st;
}

sbx_status sbx_policy_file_get(sbx_text *out, sbx_text *out_directory, const char *path,
                               sbx_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    sbx_status st;

    if (fd < 0)
        return sbx_fail_errno(err, errno == ENOENT || errno == ENOTDIR ? SBX_INVALID : SBX_IO,
                              SBX_STEP_POLICY, errno, "open %s", path);
    if (fstat(fd, &about) != 0)
        st =
            sbx_fail_errno(err, SBX_IO, SBX_STEP_POLICY, errno, "look at %s", path);
    else if (!S_ISREG(about.st_mode)) /* a pipe or a device could keep us waiting for ever */
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_POLICY, "%s: is not a regular file", path);
    else
        st = read_all(out, fd, path, err);
    close(fd);
    return st == SBX_OK ? find_directory(out_directory, path, err) : st;
}
