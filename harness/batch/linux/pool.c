/* The worker processes as the coordinator has them: forked early, a socket each, replaced when they die. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
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

sbx_status sbx_pool_create(sbx_pool **out, uint32_t count, const sbx_batch_setup *setup,
                           sbx_error *err)
{
    sbx_pool *self = calloc(1, sizeof(*self));
    sbx_status st = SBX_OK;

    *out = NULL;
    if (self != NULL) {
        *self = (sbx_pool){.setup = setup, .signal_fd = -1};
        self->workers = calloc(count, sizeof(*self->workers));
        self->wait = calloc((size_t)count + 1, sizeof(*self->wait));
    }
    if (self == NULL || self->workers == NULL || self->wait == NULL)
        st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_BATCH, "no memory for the workers");
    for (; st == SBX_OK && self->count < count; self->count++) {
        st = start(&self->workers[self->count], setup, err);
        if (st != SBX_OK)
            break;
    }
    if (st != SBX_OK)
        sbx_pool_free(self);
    else
        *out = self;
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

void sbx_pool_free(sbx_pool *pool)
{
    if (pool == NULL)
        return;
    for (uint32_t i = 0; i < pool->count; i++) {
        end_worker(&pool->workers[i]);
        sbx_text_done(&pool->workers[i].received);
    }
    free(pool->workers);
    free(pool->wait);
    free(pool);
}

sbx_status sbx_pool_replace(sbx_pool *pool, uint32_t worker, sbx_error *err)
{
    end_worker(&pool->workers[worker]);
    return start(&pool->workers[worker], pool->setup, err);
}

bool sbx_pool_idle(const sbx_pool *pool, uint32_t *out_worker)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->workers[i].task == SBX_MANIFEST_NONE && pool->workers[i].fd >= 0) {
            *out_worker = i;
            return true;
        }
    return false;
}

/* --- messages --- */

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

sbx_status sbx_pool_send(sbx_pool *pool, uint32_t worker, uint32_t task,
                         const sbx_batch_order *order, const sbx_text *spec, sbx_error *err)
{
    sbx_pool_worker *self = &pool->workers[worker];

    (void)err;
    self->task = task;
    if (send_all(self->fd, order, sizeof(*order)))
        (void)send_all(self->fd, spec->data, spec->bytes);
    return SBX_OK; /* a dead one shows when it is read from */
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

/* --- waiting --- */

static void take_news(sbx_pool_event *out, sbx_pool_worker *worker)
{
    out->news = sbx_pool_receive(&out->report, &out->text, worker);
    out->task = worker->task;
    if (out->news != SBX_POOL_NOTHING)
        worker->task = SBX_MANIFEST_NONE;
}

static int next_signal(const sbx_pool *pool)
{
    struct signalfd_siginfo info;

    return read(pool->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo
                                                                               : 0;
}

sbx_status sbx_pool_wait(sbx_pool_event *out, sbx_pool *pool, int timeout_ms, sbx_error *err)
{
    uint32_t count = pool->count;

    out->news = SBX_POOL_NOTHING;
    for (uint32_t i = 0; i < count; i++)
        pool->wait[i] = (struct pollfd){
            .fd = pool->workers[i].task == SBX_MANIFEST_NONE ? -1 : pool->workers[i].fd,
            .events = POLLIN};
    pool->wait[count] = (struct pollfd){.fd = pool->signal_fd, .events = POLLIN};
    if (poll(pool->wait, count + 1, timeout_ms) < 0)
        return errno == EINTR
                   ? SBX_OK
                   : sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno, "wait for workers");
    if (pool->wait[count].revents != 0) {
        out->signal = next_signal(pool);
        out->news = out->signal == 0 ? SBX_POOL_NOTHING : SBX_POOL_SIGNAL;
        return SBX_OK;
    }
    for (uint32_t i = 0; out->news == SBX_POOL_NOTHING && i < count; i++)
        if (pool->wait[i].fd >= 0 && pool->wait[i].revents != 0) {
            out->worker = i;
            take_news(out, &pool->workers[i]);
        }
    return SBX_OK;
}

static void signal_busy(const sbx_pool *pool, int number)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->workers[i].pid > 0 && pool->workers[i].task != SBX_MANIFEST_NONE)
            (void)kill(pool->workers[i].pid, number);
}

void sbx_pool_stop(const sbx_pool *pool)
{
    signal_busy(pool, SIGTERM);
}

/* The run dies with its worker: the job's first process is told by the kernel. */
void sbx_pool_kill(const sbx_pool *pool)
{
    signal_busy(pool, SIGKILL);
}

/* What our caller ignores (nohup) stays ignored. */
sbx_status sbx_pool_take_signals(sbx_pool *pool, sbx_error *err)
{
    static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    sigset_t taken;

    sigemptyset(&taken);
    for (size_t i = 0; i < SBX_COUNT_OF(stopping); i++)
        if (sigaction(stopping[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&taken, stopping[i]);
    (void)sigprocmask(SIG_BLOCK, &taken, &pool->signals_before);
    pool->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    return pool->signal_fd >= 0 ? SBX_OK
                                : sbx_fail_errno(err, SBX_IO, SBX_STEP_BATCH, errno,
                                                 "make a descriptor for signals");
}

int sbx_pool_give_signals_back(sbx_pool *pool)
{
    int number = pool->signal_fd < 0 ? 0 : next_signal(pool);

    if (pool->signal_fd >= 0)
        (void)close(pool->signal_fd);
    pool->signal_fd = -1;
    (void)sigprocmask(SIG_SETMASK, &pool->signals_before, NULL);
    return number;
}
