/*
 * stdin, where it is a pipe that the command could open once more by /proc/self/fd/0, to write: then what it writes
 * is read by whoever reads the pipe next, and that may be the shell that started sbx (producer | sh).
 *
 * The command gets a pipe of its own in its place. What lies in the caller's is shown in it by tee(), and taken from
 * there only when the command has taken it from here: what it leaves unread is left for the caller. (Somebody else
 * who reads the caller's pipe in just that moment may get the same bytes.)
 *
 * tee() begins at the front, so that nothing more can be shown before all that was shown is read. poll() tells so
 * where that filled the pipe's one buffer. Where much comes at once the pipe has room for more of them, and poll()
 * tells that the first is read; then we look again after a quarter of the time that it has taken until now.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/runner/linux/parts.h"

enum { BUFFERS_MAX = 16, SHOWN_MAX = 1024 * 1024 };

#define LOOK_FIRST_NS (100 * SBX_NS_PER_US)
#define LOOK_LAST_NS (100 * SBX_NS_PER_MS)

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool set_buffers(sbx_input *input, unsigned count)
{
    if (input->buffers != count && fcntl(input->to, F_SETPIPE_SZ, (int)count * getpagesize()) < 0)
        return false;
    input->buffers = count;
    return true;
}

/* Read-only for us, and the command's to write to by its mode; its owner can change the mode. */
static bool could_be_written(int fd, const sbx_plan *plan)
{
    struct stat about;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || fstat(fd, &about) != 0)
        return false;
    return S_ISFIFO(about.st_mode) &&
           (about.st_uid == plan->target_uid || (about.st_mode & (S_IWGRP | S_IWOTH)) != 0);
}

sbx_status sbx_input_init(sbx_input *out, int from, const sbx_plan *plan, sbx_error *err)
{
    int fds[2];

    *out =
        (sbx_input){.from = -1, .to = -1, .sink = -1, .child_fd = -1, .look_at_ns = SBX_UNLIMITED};
    if (!could_be_written(from, plan))
        return SBX_OK;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_STDIO, errno, "make a pipe for the input");
    out->child_fd = fds[0];
    out->to = fds[1];
    out->from = from;
    out->sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (out->sink < 0 || !set_buffers(out, 1)) {
        int code = errno;

        sbx_input_done(out);
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_STDIO, code, "prepare a pipe for the input");
    }
    return SBX_OK;
}

void sbx_input_started(sbx_input *input)
{
    close_fd(&input->child_fd);
}

struct pollfd sbx_input_poll(const sbx_input *input)
{
    if (input->to < 0)
        return (struct pollfd){.fd = -1};
    if (input->shown > 0)
        return (struct pollfd){.fd = input->to,
                               .events = input->look_at_ns == SBX_UNLIMITED ? POLLOUT : 0};
    return (struct pollfd){.fd = input->from, .events = POLLIN};
}

/* How much of what it was shown the command has not read. */
static size_t left_of(const sbx_input *input)
{
    int left = 0;

    if (ioctl(input->to, FIONREAD, &left) != 0 || left < 0)
        return 0;
    return (size_t)left < input->shown ? (size_t)left : input->shown;
}

/* What the command has read is gone from the caller's pipe too. */
static void settle(sbx_input *input)
{
    size_t read_bytes = input->shown - left_of(input);

    input->shown -= read_bytes;
    while (read_bytes > 0) {
        ssize_t gone = splice(input->from, NULL, input->sink, NULL, read_bytes, SPLICE_F_NONBLOCK);

        if (gone < 0 && errno == EINTR)
            continue;
        if (gone <= 0) /* somebody else has read it */
            return;
        read_bytes -= (size_t)gone;
    }
}

static void end(sbx_input *input)
{
    settle(input);
    input->look_at_ns = SBX_UNLIMITED;
    close_fd(&input->to); /* the command reads the end */
}

static void show(sbx_input *input)
{
    ssize_t shown = tee(input->from, input->to, SHOWN_MAX, SPLICE_F_NONBLOCK);

    if (shown > 0) {
        input->shown = (size_t)shown;
        input->shown_ns = sbx_clock_monotonic_ns();
        input->was_full = input->shown >= (size_t)input->buffers * (size_t)getpagesize();
        if (!input->was_full)
            (void)set_buffers(input, 1); /* where there is but one */
    } else if (shown == 0 || (errno != EAGAIN && errno != EINTR)) {
        end(input); /* nobody writes, or nobody reads, any more */
    }
}

/* There is room: the command has read some of it, or has made its pipe larger. */
static void on_room(sbx_input *input)
{
    uint64_t now_ns = sbx_clock_monotonic_ns(), pause_ns = (now_ns - input->shown_ns) / 4;

    settle(input);
    input->look_at_ns = SBX_UNLIMITED;
    if (input->shown == 0) {
        if (input->was_full && input->buffers < BUFFERS_MAX)
            (void)set_buffers(input, input->buffers * 2);
        show(input);
        return;
    }
    if (pause_ns < LOOK_FIRST_NS)
        pause_ns = LOOK_FIRST_NS;
    input->look_at_ns = now_ns + (pause_ns < LOOK_LAST_NS ? pause_ns : LOOK_LAST_NS);
}

void sbx_input_look(sbx_input *input, uint64_t now_ns)
{
    if (now_ns >= input->look_at_ns)
        on_room(input);
}

void sbx_input_move(sbx_input *input, const struct pollfd *wait)
{
    if (wait->revents == 0 || input->to < 0)
        return;
    if (input->shown == 0)
        show(input);
    else if (wait->revents & POLLERR)
        end(input); /* every reader is gone */
    else
        on_room(input);
}

void sbx_input_done(sbx_input *input)
{
    close_fd(&input->child_fd);
    if (input->to >= 0)
        end(input);
    close_fd(&input->sink);
}
