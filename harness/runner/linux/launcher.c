/*
 * Starting a job's first process without copying ourselves. A thread makes it, as a vfork would: that process runs
 * in our memory, and the thread stands still until it is at its end, while the supervisor goes on. A fork costs an
 * eighth of a whole short run more: page tables, a copy of every page that either side writes, the same again when it dies.
 *
 * The shared memory is why init stays outside of the job's groups (the kernel, out of memory in there, would kill
 * everybody who shares it) and why nobody but init and target, until its execve, ever runs in it. The thread's errno
 * and stack are theirs meanwhile. It waits by itself instead of by CLONE_VFORK, in which the kernel lets no thread
 * be stopped: a shell would never hear that sbx was (^Z).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"

/*
 * The lower part of the thread's stack is the processes': they are on that thread's stack for all who ask (as sanitizers
 * do), and there is one block, which is a piece of the heap's huge page where there is one. The usual eight MiB would be too many
 * where address space is limited.
 */
enum { PAGE_BYTES = 4096 };
#if defined(__SANITIZE_THREAD__) /* which keeps most of a mebibyte there for itself */
enum { STACK_BYTES = 256 * 1024, THREAD_STACK_BYTES = 2 * 1024 * 1024 };
#else
enum { STACK_BYTES = 256 * 1024, THREAD_STACK_BYTES = 128 * 1024 };
#endif

struct sbx_launcher {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char *stack;
    sbx_entry *entry;            /* NULL: nothing to launch */
    void (*work)(void *context); /* NULL: nothing to do beside its end */
    void *context;
    int our_fd;    /* the supervisor's end, which the new process must not keep */
    pid_t pid;     /* written by the kernel before that process runs */
    int is_wanted; /* a futex: that process has spoken its last, or somebody waits for its end */
    bool must_end;
    bool serves_many;        /* what each job needs is made once */
    bool has_no_bounding;    /* this thread, and what it makes */
    int host_net, empty_net; /* -1: not needed so far */
};

static int run_init(void *context)
{
    sbx_launcher *self = context;

    close(self->our_fd);
    sbx_target_init(self->entry);
}

/* An empty network can be everybody's who comes after us: nothing in it outlives its processes. */
static sbx_status enter_network(sbx_launcher *self, sbx_error *err)
{
    const sbx_plan *plan = self->entry->plan;
    bool wants_empty = plan->walls[SBX_WALL_NET] && plan->network == SBX_NETWORK_NONE &&
                       plan->uses_namespaces && !plan->user_namespace;
    int to;

    if (wants_empty && self->empty_net < 0) {
        if (self->host_net < 0) /* once: after a failure below we may not be there any more */
            self->host_net = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (self->host_net < 0 || unshare(CLONE_NEWNET) != 0 ||
            (self->empty_net = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
            return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_NAMESPACE, errno,
                                  "make an empty network for the jobs of this worker");
    }
    to = wants_empty ? self->empty_net : self->host_net;
    if (to >= 0 && setns(to, CLONE_NEWNET) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_NAMESPACE, errno,
                              "enter the network for the job");
    self->entry->has_network = wants_empty;
    return SBX_OK;
}

/* Dead, and left to be buried. */
static void wait_for(pid_t pid)
{
    while (syscall(SYS_waitid, P_PID, pid, NULL, WEXITED | WNOWAIT, NULL) != 0 && errno == EINTR) {
    }
}

/*
 * While the process runs on this thread. Bare system calls: the library's own would write what is the child's meanwhile.
 * Not for the process's end, which takes long: whoever wakes here has the disk written beside that.
 */
static void rest(sbx_launcher *self)
{
    while (__atomic_load_n(&self->is_wanted, __ATOMIC_ACQUIRE) == 0)
        (void)syscall(SYS_futex, &self->is_wanted, FUTEX_WAIT_PRIVATE, 0, NULL);
}

static void wake(sbx_launcher *self)
{
    __atomic_store_n(&self->is_wanted, 1, __ATOMIC_RELEASE);
    (void)syscall(SYS_futex, &self->is_wanted, FUTEX_WAKE_PRIVATE, 1);
}

/* The process's pid; 0: it was never made, and why has been told. */
static pid_t launch(sbx_launcher *self)
{
    sbx_entry *entry = self->entry;
    sbx_wire message = {.kind = SBX_WIRE_FAILED};
    int flags = CLONE_VM | CLONE_PARENT_SETTID | SIGCHLD | (int)sbx_spawn_namespaces(entry->plan);
    pid_t pid;

    SBX_FORGET_STACK(self->stack, STACK_BYTES);
    entry->has_no_bounding = self->has_no_bounding && !entry->plan->user_namespace;
    if (!self->serves_many || enter_network(self, &message.u.error) == SBX_OK) {
        pid = clone(run_init, self->stack + STACK_BYTES, flags, self, &self->pid);
        if (pid >= 0)
            return pid;
        (void)sbx_spawn_explain(entry->plan, errno, &message.u.error);
    }
    (void)send(entry->control_fd, &message, sizeof(message), MSG_NOSIGNAL);
    return 0;
}

static void *serve(void *context)
{
    sbx_launcher *self = context;

    if (self->serves_many)
        self->has_no_bounding = sbx_ids_drop_bounding(NULL) == SBX_OK;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        pid_t pid = 0;

        while (self->entry == NULL && self->work == NULL && !self->must_end)
            pthread_cond_wait(&self->changed, &self->lock);
        if (self->must_end)
            break;
        pthread_mutex_unlock(&self->lock);
        if (self->entry != NULL) {
            pid = launch(self);
            /* Init has its own: the supervisor hears when that is gone. Bare, as in rest(). */
            (void)syscall(SYS_close, self->entry->control_fd);
            rest(self);
        }
        if (self->work != NULL)
            self->work(self->context);
        if (pid > 0)
            wait_for(pid);
        pthread_mutex_lock(&self->lock);
        /* Gone before anybody waits for that. */
        self->must_end |= !self->serves_many && self->work != NULL;
        self->entry = NULL;
        self->work = NULL;
        pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* Signals are for the supervisor's thread; what this one makes begins with all of them blocked. */
static int start_thread(sbx_launcher *self)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);

    if (code != 0)
        return code;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_attr_setstack(&attributes, self->stack, STACK_BYTES + THREAD_STACK_BYTES);
    if (code == 0)
        code = pthread_create(&self->thread, &attributes, serve, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return code;
}

sbx_status sbx_launcher_create(sbx_launcher **out, bool serves_many, sbx_error *err)
{
    sbx_launcher *self = calloc(1, sizeof(*self));
    int code = ENOMEM;

    *out = NULL;
    if (self != NULL) {
        self->serves_many = serves_many;
        self->host_net = self->empty_net = -1;
        pthread_mutex_init(&self->lock, NULL);
        pthread_cond_init(&self->changed, NULL);
        self->stack = aligned_alloc(PAGE_BYTES, STACK_BYTES + THREAD_STACK_BYTES);
        if (self->stack != NULL)
            code = start_thread(self);
    }
    if (code != 0) {
        if (self != NULL)
            free(self->stack);
        free(self);
        return sbx_fail_errno(err, SBX_NO_MEMORY, SBX_STEP_SPAWN, code,
                              "start the thread that launches");
    }
    *out = self;
    return SBX_OK;
}

void sbx_launcher_start(sbx_launcher *self, sbx_entry *entry, int our_fd)
{
    pthread_mutex_lock(&self->lock);
    self->pid = 0;
    self->is_wanted = 0;
    self->our_fd = our_fd;
    self->entry = entry;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    /* A new thread mostly waits behind its maker on the same processor, for up to a tick: it goes first, and is short. */
    if (!self->serves_many)
        (void)sched_yield();
}

pid_t sbx_launcher_pid(const sbx_launcher *self)
{
    return __atomic_load_n(&self->pid, __ATOMIC_ACQUIRE);
}

void sbx_launcher_call(sbx_launcher *self, void (*work)(void *context), void *context)
{
    pthread_mutex_lock(&self->lock);
    self->work = work;
    self->context = context;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    wake(self);
}

void sbx_launcher_wait(sbx_launcher *self)
{
    wake(self);
    pthread_mutex_lock(&self->lock);
    while (self->entry != NULL || self->work != NULL)
        pthread_cond_wait(&self->changed, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

void sbx_launcher_free(sbx_launcher *self)
{
    if (self == NULL)
        return;
    sbx_launcher_wait(self);
    pthread_mutex_lock(&self->lock);
    self->must_end = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    if (self->host_net >= 0)
        close(self->host_net);
    if (self->empty_net >= 0)
        close(self->empty_net);
    free(self->stack);
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    free(self);
}
