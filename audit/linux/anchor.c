/*
 * Anchors in syslog and in files. Not by syslog(3), which says nothing when the line got nowhere.
 */
#include "audit/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syslog.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/base/text.h"

#define USUAL_SOCKET "/dev/log"

/* Datagrams nearly everywhere; a stream, with a NUL at the end, where the listener wants one. */
static int send_line(const struct sockaddr_un *to, const sbx_text *text, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), reason;
    size_t bytes = text->bytes + (type == SOCK_STREAM);
    ssize_t sent = -1;

    if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
        sent = send(fd, text->data, bytes, MSG_NOSIGNAL);
    reason = errno;
    if (fd >= 0)
        close(fd);
    errno = sent >= 0 && (size_t)sent < bytes ? EMSGSIZE : reason;
    return sent == (ssize_t)bytes ? 0 : -1;
}

sbx_status sbx_anchor_to_log(const char *path, const char *line, sbx_error *err)
{
    const char *name = path == NULL ? USUAL_SOCKET : path;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    sbx_text text = {0};
    sbx_status st;

    sbx_text_add_format(&text, "<%d>sbx[%ld]: %s", LOG_AUTH | LOG_NOTICE, (long)getpid(), line);
    st = sbx_text_check(&text, err);
    if (st == SBX_OK && strlen(name) >= sizeof(to.sun_path)) {
        st = sbx_fail_errno(err, SBX_INVALID, SBX_STEP_AUDIT, ENAMETOOLONG, "%s", name);
    } else if (st == SBX_OK) {
        memcpy(to.sun_path, name, strlen(name) + 1);
        if (send_line(&to, &text, SOCK_DGRAM) != 0 &&
            (errno != EPROTOTYPE || send_line(&to, &text, SOCK_STREAM) != 0))
            st = sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno,
                                "writing the anchor to the system's log, %s", name);
    }
    sbx_text_done(&text);
    return st;
}

sbx_status sbx_anchor_to_file(const char *path, const char *line, sbx_error *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    sbx_text text = {0};
    sbx_status st;

    sbx_text_add_format(&text, "%s\n", line);
    st = sbx_text_check(&text, err);
    if (st == SBX_OK && (fd < 0 || write(fd, text.data, text.bytes) != (ssize_t)text.bytes ||
                         (fsync(fd) != 0 && errno != EINVAL)))
        st = sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "writing the anchor to %s", path);
    if (fd >= 0)
        close(fd);
    sbx_text_done(&text);
    return st;
}
