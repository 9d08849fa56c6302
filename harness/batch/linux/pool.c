/* The worker processes as the coordinator has them: forked early, a socket each, replaced when they die. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/batch/linux/parts.h"

enum { LEAVE_MS = 2000 };

static void close_range_of(unsigned first, unsigned last)
{
    if (first <= last)
        (void)syscall(SYS_close_range, first, last, 0);
}

/* Everything but the standard streams and these two. */
static void close_others(int keep, int also)
{
    int low = keep < also ? keep : also, high = keep < also ? also : keep;

    if (low < 3)
        low = 2;
    else
        close_range_of(3, (unsigned)low - 1);
    close_range_of((unsigned)low + 1, (unsigned)high - 1);
    close_range_of((unsigned)high + 1, ~0u);
}

static sbx_status start(sbx_pool_worker *worker, const sbx_batch_setup *setup, sbx_error *err)
{
    pid_t coordinator = getpid();
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno, "make a socket for a worker");
    worker->pid = fork();
    if (worker->pid < 0) {
        int code = errno;

        worker->pid = 0;
        (void)close(pair[0]);
        (void)close(pair[1]);
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, code, "start a worker");
    }
    if (worker->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != coordinator)
            _exit(1);
        close_others(pair[1], setup->out_fd);
        sbx_batch_work(pair[1], setup);
    }
    (void)close(pair[1]);
    worker->fd = pair[0];
    worker->task = SBX_MANIFEST_NONE;
    sbx_text_clear(&worker->received);
    return SBX_OK;
}

sbx_status sbx_pool_create(sbx_pool *out, uint32_t count, const sbx_batch_setup *setup,
                           sbx_error *err)
{
    sbx_status st = SBX_OK;

    *out = (sbx_pool){.setup = setup};
    out->workers = calloc(count, sizeof(*out->workers));
    if (out->workers == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for the workers");
    for (; st == SBX_OK && out->count < count; out->count++) {
        st = start(&out->workers[out->count], setup, err);
        if (st != SBX_OK)
            break;
    }
    if (st != SBX_OK)
        sbx_pool_done(out);
    return st;
}

/* An idle one leaves by itself when its socket ends, and makes its last row durable before. */
static bool leaves_by_itself(const sbx_pool_worker *worker)
{
    int pidfd =
        worker->task == SBX_MANIFEST_NONE ? (int)syscall(SYS_pidfd_open, worker->pid, 0) : -1;
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    bool has_left;

    if (pidfd < 0)
        return false;
    has_left = poll(&wait, 1, LEAVE_MS) == 1;
    (void)close(pidfd);
    return has_left;
}

/* Its run dies with it: the job's first process is told by the kernel. */
static void end_worker(sbx_pool_worker *worker)
{
    if (worker->fd >= 0)
        (void)close(worker->fd);
    worker->fd = -1;
    if (worker->pid <= 0)
        return;
    if (!leaves_by_itself(worker))
        (void)kill(worker->pid, SIGKILL);
    while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    worker->pid = 0;
}

void sbx_pool_done(sbx_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        end_worker(&pool->workers[i]);
        sbx_text_done(&pool->workers[i].received);
    }
    free(pool->workers);
    *pool = (sbx_pool){0};
}

sbx_status sbx_pool_replace(sbx_pool *pool, uint32_t index, sbx_error *err)
{
    end_worker(&pool->workers[index]);
    return start(&pool->workers[index], pool->setup, err);
}

sbx_pool_worker *sbx_pool_idle(sbx_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->workers[i].task == SBX_MANIFEST_NONE && pool->workers[i].fd >= 0)
            return &pool->workers[i];
    return NULL;
}

static bool send_all(int fd, const void *data, size_t bytes)
{
    const char *at = data;

    while (bytes > 0) {
        ssize_t done = send(fd, at, bytes, MSG_NOSIGNAL);

        if (done < 0 && errno != EINTR)
            return false;
        at += done < 0 ? 0 : done;
        bytes -= done < 0 ? 0 : (size_t)done;
    }
    return true;
}

bool sbx_pool_send(sbx_pool_worker *worker, const sbx_batch_order *order, const sbx_text *spec)
{
    return send_all(worker->fd, order, sizeof(*order)) &&
           send_all(worker->fd, spec->data, spec->bytes);
}

sbx_pool_news sbx_pool_receive(sbx_batch_report *out, const char **out_text,
                               sbx_pool_worker *worker)
{
    size_t wanted = sizeof(*out);
    char room[16 * 1024];
    ssize_t got;

    do
        got = recv(worker->fd, room, sizeof(room), MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return SBX_POOL_NOTHING;
    if (got <= 0 || worker->task == SBX_MANIFEST_NONE) /* nobody asked */
        return SBX_POOL_DEAD;
    sbx_text_add_bytes(&worker->received, room, (size_t)got);
    if (worker->received.failed)
        return SBX_POOL_DEAD;
    if (worker->received.bytes < wanted)
        return SBX_POOL_NOTHING;
    memcpy(out, worker->received.data, sizeof(*out));
    if (!sbx_batch_report_is_valid(out))
        return SBX_POOL_DEAD;
    wanted += out->text_bytes;
    if (worker->received.bytes < wanted)
        return SBX_POOL_NOTHING;
    if (worker->received.bytes > wanted)
        return SBX_POOL_DEAD;
    *out_text = worker->received.data + sizeof(*out);
    worker->received.bytes = 0; /* the text stays where it is until more comes */
    return SBX_POOL_REPORT;
}

void sbx_pool_signal(const sbx_pool *pool, int number)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->workers[i].pid > 0 && pool->workers[i].task != SBX_MANIFEST_NONE)
            (void)kill(pool->workers[i].pid, number);
}
