/* Private files on Linux; see private_file.h. */
#include "audit/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/database_file.h"

static sbx_status check(int fd, const char *path, sbx_error *err)
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "looking at %s", path);
    if (!S_ISREG(about.st_mode))
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT, "%s: is no plain file", path);
    if (about.st_uid != geteuid())
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                              "%s: belongs to user %u and not to the caller, %u", path,
                              (unsigned)about.st_uid, (unsigned)geteuid());
    if ((about.st_mode & 077) != 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_AUDIT,
                              "%s: others may read or write it — take it from them with chmod 600 "
                              "and think whether they have read it",
                              path);
    return SBX_OK;
}

sbx_status sbx_private_file_read(char *out, size_t room, bool *out_exists, const char *path,
                                 bool is_private, sbx_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (is_private ? O_NOFOLLOW : 0));
    sbx_status st = SBX_OK;
    ssize_t bytes;
    size_t at = 0;

    out[0] = '\0';
    *out_exists = fd >= 0;
    if (fd < 0 && errno == ENOENT)
        return SBX_OK;
    if (fd < 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "opening %s", path);
    if (is_private)
        st = check(fd, path, err);
    while (st == SBX_OK && at < room - 1 && (bytes = read(fd, out + at, room - 1 - at)) != 0) {
        if (bytes > 0)
            at += (size_t)bytes;
        else if (errno != EINTR)
            st = sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "reading %s", path);
    }
    out[at] = '\0';
    close(fd);
    return st;
}

sbx_status sbx_private_file_rename(const char *from, const char *to, sbx_error *err)
{
    return sbx_database_file_publish(from, to, err);
}
