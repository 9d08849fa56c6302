/* See landlock_log.h. */
#include "audit/sources/linux/landlock_log.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "audit/sources/linux/landlock_parse.h"
#include "audit/sources/linux/landlock_socket.h"
#include "harness/base/clock.h"

enum {
    HELD_MAX = 64,    /* denials whose event is not complete yet */
    FOREIGN_MAX = 64, /* domains that are known not to be ours */
    SERVE_MAX = 256,  /* datagrams at one go: the loop has others to serve */
    DATAGRAM_BYTES = 16384,
    LISTENER_WAIT_MS = 500,
};

/* An event's records follow each other within microseconds; without a SYSCALL record none ends it. */
#define HELD_NS (100 * SBX_NS_PER_MS)

typedef struct held_denial {
    uint64_t time_us, serial; /* the event */
    uint64_t held_since_ns;
    uint64_t domain;
    sbx_denial_class what;
    const char *op, *rule;
    char *target;
    size_t target_bytes;
} held_denial;

struct sbx_landlock_log {
    int fd;
    sbx_landlock_receive *receive;
    int32_t pid;
    sbx_denials *denials;
    sbx_landlock_is_ours *is_ours;
    void *context;
    bool is_on;
    bool has_gap;   /* the kernel had records for which our buffer had no room */
    bool has_maker; /* the domain was learnt from the record of its maker */
    bool has_end;
    uint64_t domain; /* 0: not known yet */
    uint64_t seen_count, denials_count;
    held_denial held[HELD_MAX]; /* in order of arrival */
    size_t held_count;
    uint64_t foreign[FOREIGN_MAX]; /* a ring */
    size_t foreign_next;
    sbx_landlock_record record;
    _Alignas(struct nlmsghdr) char datagram[DATAGRAM_BYTES];
};

/* From the kernel only; a socket that is no netlink socket has no sender. */
static ssize_t receive_from_kernel(int fd, void *out, size_t room)
{
    struct sockaddr_nl from = {0};
    socklen_t bytes = sizeof(from);
    ssize_t got = recvfrom(fd, out, room, MSG_DONTWAIT, (struct sockaddr *)&from, &bytes);

    if (got > 0 && bytes == sizeof(from) && from.nl_family == AF_NETLINK && from.nl_pid != 0) {
        errno = EINTR; /* nothing for us: go on */
        return -1;
    }
    return got;
}

sbx_status sbx_landlock_log_create(sbx_landlock_log **out_log, int fd,
                                   sbx_landlock_receive *receive, sbx_error *err)
{
    sbx_landlock_log *log = calloc(1, sizeof(*log));

    if (log == NULL) {
        close(fd);
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_WATCH,
                              "no memory for the kernel's records");
    }
    log->fd = fd;
    log->receive = receive != NULL ? receive : receive_from_kernel;
    *out_log = log;
    return SBX_OK;
}

sbx_status sbx_landlock_log_open(sbx_landlock_log **out_log, sbx_error *err)
{
    int fd;
    sbx_status st = sbx_landlock_socket_open(&fd, err);

    return st == SBX_OK ? sbx_landlock_log_create(out_log, fd, NULL, err) : st;
}

void sbx_landlock_log_free(sbx_landlock_log *log)
{
    if (log == NULL)
        return;
    for (size_t i = 0; i < log->held_count; i++)
        free(log->held[i].target);
    if (log->fd >= 0)
        close(log->fd);
    free(log);
}

sbx_status sbx_landlock_log_probe(sbx_error *err)
{
    sbx_landlock_log *log = NULL, *second = NULL;
    sbx_status st = sbx_landlock_log_open(&log, err);
    struct pollfd wait = {.events = POLLIN};
    bool is_on;

    if (log == NULL)
        return st;
    if (sbx_landlock_socket_ask(&is_on) && !is_on) {
        st = sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_WATCH,
            "kernel audit is off; sbx leaves it so, since it is the whole machine's");
        goto out;
    }
    /* On, or we may not ask: that a second one listens is recorded, and the first is there to hear it. */
    st = sbx_landlock_log_open(&second, err);
    if (st != SBX_OK)
        goto out;
    wait.fd = sbx_landlock_log_fd(log);
    if (poll(&wait, 1, LISTENER_WAIT_MS) > 0)
        sbx_landlock_log_serve(log);
    if (!sbx_landlock_log_is_on(log))
        st = sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_WATCH,
            "no record comes: kernel audit is off, or the network namespace is not the host's");
out:
    sbx_landlock_log_free(second);
    sbx_landlock_log_free(log);
    return st;
}

void sbx_landlock_log_follow(sbx_landlock_log *log, int32_t pid, sbx_denials *denials,
                             sbx_landlock_is_ours *is_ours, void *context)
{
    log->pid = pid;
    log->denials = denials;
    log->is_ours = is_ours;
    log->context = context;
}

int sbx_landlock_log_fd(const sbx_landlock_log *log)
{
    return log->fd;
}

bool sbx_landlock_log_is_on(const sbx_landlock_log *log)
{
    return log->is_on;
}

uint64_t sbx_landlock_log_count(const sbx_landlock_log *log)
{
    return log->seen_count;
}

/* The kernel's count is the proof, whatever was lost of others' records. */
int sbx_landlock_log_complete(const sbx_landlock_log *log)
{
    if (log->has_end)
        return log->seen_count == log->denials_count;
    return log->has_gap ? 0 : -1;
}

static bool is_foreign(const sbx_landlock_log *log, uint64_t domain)
{
    for (size_t i = 0; i < FOREIGN_MAX; i++)
        if (log->foreign[i] == domain)
            return true;
    return false;
}

static void add(sbx_landlock_log *log, const held_denial *held, const sbx_landlock_record *call)
{
    bool moves = strcmp(held->op, "create") == 0 || strcmp(held->op, "remove") == 0 ||
                 strcmp(held->op, "rename") == 0;
    sbx_denial denial = {.kind = held->what,
                         .op = held->op,
                         .rule = held->rule,
                         .target = held->target != NULL ? held->target : "",
                         .target_bytes = held->target_bytes,
                         .source = SBX_SOURCE_LANDLOCK,
                         .confidence = SBX_CONFIDENCE_KERNEL,
                         .first_us = held->time_us,
                         .last_us = held->time_us,
                         .count = 1};

    if (call != NULL) {
        denial.pid = call->pid;
        denial.exe = call->text_bytes > 0 ? call->text : NULL;
        denial.error = call->error;
        if (moves && (call->is_rename || call->is_link))
            denial.op = call->is_link ? "link" : "rename";
    }
    sbx_denials_add(log->denials, &denial);
}

/* Takes one out. call NULL: who it was is not known. */
static void release(sbx_landlock_log *log, size_t index, const sbx_landlock_record *call)
{
    held_denial *held = &log->held[index];

    if (held->domain == log->domain)
        add(log, held, call);
    free(held->target);
    log->held_count--;
    memmove(held, held + 1, (log->held_count - index) * sizeof(*held));
}

static void add_foreign(sbx_landlock_log *log, uint64_t domain)
{
    if (!is_foreign(log, domain)) {
        log->foreign[log->foreign_next] = domain;
        log->foreign_next = (log->foreign_next + 1) % FOREIGN_MAX;
    }
    for (size_t i = log->held_count; i-- > 0;)
        if (log->held[i].domain == domain)
            release(log, i, NULL);
}

/* From now on it is this one; what is held of others is not ours. */
static void learn(sbx_landlock_log *log, uint64_t domain, bool by_maker)
{
    log->domain = domain;
    log->has_maker = by_maker;
    log->seen_count = 0;
    for (size_t i = log->held_count; i-- > 0;)
        if (log->held[i].domain != domain)
            release(log, i, NULL);
        else
            log->seen_count++;
}

/* Identifiers grow: of two domains that the target made, the smaller is the one that we made it enter. */
static bool may_be_ours(const sbx_landlock_log *log, uint64_t domain)
{
    return !log->has_maker || domain < log->domain;
}

static void on_denied(sbx_landlock_log *log, const sbx_landlock_record *record)
{
    held_denial *held;

    if (record->domain == log->domain)
        log->seen_count++;
    else if (!may_be_ours(log, record->domain) || is_foreign(log, record->domain))
        return;
    if (log->held_count == HELD_MAX)
        release(log, 0, NULL);
    held = &log->held[log->held_count++];
    *held = (held_denial){.time_us = record->time_us,
                          .serial = record->serial,
                          .held_since_ns = sbx_clock_monotonic_ns(),
                          .domain = record->domain,
                          .what = record->what,
                          .op = record->op,
                          .rule = record->rule};
    held->target = malloc(record->text_bytes + 1);
    if (held->target != NULL) {
        memcpy(held->target, record->text, record->text_bytes + 1);
        held->target_bytes = record->text_bytes;
    }
}

static void on_allocated(sbx_landlock_log *log, const sbx_landlock_record *record)
{
    if (record->domain == log->domain) {
        log->has_maker = record->pid == log->pid;
        return;
    }
    if (record->pid == log->pid && may_be_ours(log, record->domain))
        learn(log, record->domain, true);
    else
        add_foreign(log, record->domain);
}

static void on_deallocated(sbx_landlock_log *log, const sbx_landlock_record *record)
{
    if (log->domain == 0 || record->domain != log->domain)
        return;
    while (log->held_count > 0)
        release(log, 0, NULL);
    log->has_end = true;
    log->denials_count = record->denials_count;
}

/*
 * The event is told: its denials go where they belong. A domain whose maker did not come with it denied
 * before, hence is not ours, unless something was lost.
 */
static void on_event_end(sbx_landlock_log *log, const sbx_landlock_record *record)
{
    const sbx_landlock_record *call = record->kind == SBX_LANDLOCK_CALL ? record : NULL;
    bool may_learn = log->has_gap && call != NULL && log->is_ours != NULL && log->domain == 0;

    for (size_t i = 0; i < log->held_count;) {
        const held_denial *held = &log->held[i];

        if (held->serial != record->serial || held->time_us != record->time_us) {
            i++;
        } else if (held->domain == log->domain) {
            release(log, i, call);
        } else if (may_learn && log->is_ours(log->context, call->pid)) {
            learn(log, held->domain, false);
            may_learn = false;
            i = 0;
        } else {
            add_foreign(log, held->domain);
            i = 0;
        }
    }
}

/* Something came: the kernel does audit, and from now on it is worth to choose what we hear. */
static void note_sound(sbx_landlock_log *log)
{
    if (!log->is_on)
        sbx_landlock_socket_tune(log->fd);
    log->is_on = true;
}

static void handle(sbx_landlock_log *log, size_t bytes)
{
    const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)log->datagram;
    sbx_landlock_record *record = &log->record;

    if (bytes < sizeof(*header))
        return;
    /* One record a datagram; nlmsg_len has been written with and without the header's own length. */
    if (log->denials == NULL ||
        !sbx_landlock_parse(record, header->nlmsg_type, log->datagram + sizeof(*header),
                            bytes - sizeof(*header)))
        return;
    switch (record->kind) {
    case SBX_LANDLOCK_DENIED:
        on_denied(log, record);
        break;
    case SBX_LANDLOCK_ALLOCATED:
        on_allocated(log, record);
        break;
    case SBX_LANDLOCK_DEALLOCATED:
        on_deallocated(log, record);
        break;
    case SBX_LANDLOCK_CALL:
    case SBX_LANDLOCK_EVENT_END:
        on_event_end(log, record);
        break;
    }
}

static void release_older_than(sbx_landlock_log *log, uint64_t age_ns)
{
    uint64_t now_ns = sbx_clock_monotonic_ns();

    while (log->held_count > 0 && now_ns - log->held[0].held_since_ns >= age_ns)
        release(log, 0, NULL);
}

/* true: nothing is waiting any more. */
static bool read_some(sbx_landlock_log *log)
{
    for (int i = 0; i < SERVE_MAX && log->fd >= 0; i++) {
        ssize_t got = log->receive(log->fd, log->datagram, sizeof(log->datagram));

        if (got > 0) {
            note_sound(log);
            handle(log, (size_t)got);
        } else if (got < 0 && errno == ENOBUFS) {
            note_sound(log);
            log->has_gap = true;
        } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return true;
        } else if (got == 0 || errno != EINTR) {
            close(log->fd);
            log->fd = -1;
        }
    }
    return log->fd < 0;
}

void sbx_landlock_log_serve(sbx_landlock_log *log)
{
    (void)read_some(log);
    release_older_than(log, HELD_NS);
}

void sbx_landlock_log_finish(sbx_landlock_log *log, uint64_t wait_ns)
{
    uint64_t start_ns = sbx_clock_monotonic_ns(), past_ns = 0;
    bool is_empty = read_some(log);

    while (past_ns < wait_ns &&
           (!is_empty || (log->domain != 0 && !log->has_end && log->fd >= 0))) {
        struct pollfd wait = {.fd = log->fd, .events = POLLIN};
        struct timespec pause = {.tv_sec = (time_t)((wait_ns - past_ns) / SBX_NS_PER_S),
                                 .tv_nsec = (long)((wait_ns - past_ns) % SBX_NS_PER_S)};

        (void)ppoll(&wait, 1, &pause, NULL);
        is_empty = read_some(log);
        past_ns = sbx_clock_monotonic_ns() - start_ns;
    }
    release_older_than(log, 0);
}
