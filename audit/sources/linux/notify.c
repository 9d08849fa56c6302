/*
 * The watch by seccomp user notification: whoever calls one of the watched system calls stops, we read
 * what it wants, let it go on (or refuse what is refused whatever it wants), and only then look
 * whether a wall will say no.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/sources/linux/address.h"
#include "audit/sources/linux/arguments.h"
#include "audit/sources/linux/memory.h"
#include "audit/sources/linux/place.h"
#include "audit/sources/linux/syscalls.h"
#include "audit/sources/linux/wake.h"
#include "harness/base/clock.h"
#include "harness/base/text.h"

struct sbx_watch {
    int listener;
    sbx_watch_options options;
    sbx_judge judge;
    sbx_wake wake;
    bool files_reached;
    uint64_t lost;
};

typedef struct watched_call {
    int call;
    const char *op;
    sbx_watch_kind kind;
    int dirfd, path, flags, dirfd2, path2;
} watched_call;

static const watched_call watched_calls[] = {
#define X(call, op, kind, dirfd, path, flags, dirfd2, path2)                                       \
    {(int)(call), op, kind, dirfd, path, flags, dirfd2, path2},
    SBX_WATCHED_CALLS(X)
#undef X
};

sbx_status sbx_watch_create(sbx_watch **out_watch, int64_t native, int64_t first_pid,
                            const sbx_watch_options *options, sbx_error *err)
{
    sbx_watch *watch = calloc(1, sizeof(*watch));
    char path[64];

    if (watch == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_WATCH, "no memory for the watch");
    watch->listener = (int)native;
    watch->options = *options;
    (void)snprintf(path, sizeof(path), "/proc/%lld/root", (long long)first_pid);
    watch->judge = (sbx_judge){.view_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
                               .has_mounts = options->has_mounts,
                               .learns = options->learned != NULL,
                               .places = options->places,
                               .place_count = options->place_count};
    if (watch->judge.view_fd < 0) {
        sbx_status st = sbx_fail_errno(err, SBX_IO, SBX_STEP_WATCH, errno,
                                       "open the job's view of the file system");
        free(watch);
        return st;
    }
    sbx_wake_init(&watch->wake, watch->listener);
    *out_watch = watch;
    return SBX_OK;
}

int sbx_watch_fd(const sbx_watch *watch)
{
    return watch->listener;
}

void sbx_watch_free(sbx_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->listener >= 0)
        close(watch->listener);
    close(watch->judge.view_fd);
    free(watch);
}

bool sbx_watch_files_reached(const sbx_watch *watch)
{
    return watch->files_reached;
}

uint64_t sbx_watch_lost(const sbx_watch *watch)
{
    return watch->lost;
}

/*
 * error 0: let it go on. false: the caller died meanwhile, and its pid may be somebody else's by now; then what was
 * read from it is not to be believed.
 */
static bool answer(sbx_watch *watch, const struct seccomp_notif *call, int error)
{
    enum { TRIES = 8 };
    struct seccomp_notif_resp reply = {.id = call->id};

    if (error == 0)
        reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        reply.error = -error;
    /* A signal may interrupt us before the answer is given, and without one the caller waits for ever. */
    for (int i = 0; i < TRIES; i++) {
        if (ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_SEND, &reply) == 0)
            return true;
        if (errno == ENOENT)
            break;
    }
    return false;
}

static void record_in(sbx_denials *set, pid_t task, sbx_denial *denial)
{
    char exe[4096];
    pid_t group = task, parent = 0;

    (void)sbx_memory_read_ids(task, &group, &parent);
    denial->pid = (int32_t)group;
    denial->exe = sbx_memory_read_link(task, "exe", exe, sizeof(exe)) ? exe : NULL;
    denial->source = SBX_SOURCE_SECCOMP;
    denial->first_us = denial->last_us = sbx_clock_utc_us();
    denial->count = 1;
    sbx_denials_add(set, denial);
}

static void record(const sbx_watch *watch, pid_t task, sbx_denial *denial)
{
    record_in(watch->options.denials, task, denial);
}

/* After "/proc/self/" (or thread-self): which of its magic links, as "cwd" or "fd/7"; 0: none. */
static size_t magic_link_bytes(const char *rest)
{
    static const char *const links[] = {"root", "cwd", "exe"};

    for (size_t i = 0; i < SBX_COUNT_OF(links); i++) {
        size_t bytes = strlen(links[i]);

        if (strncmp(rest, links[i], bytes) == 0 && (rest[bytes] == '/' || rest[bytes] == '\0'))
            return bytes;
    }
    if (strncmp(rest, "fd/", 3) == 0)
        return 3 + strcspn(rest + 3, "/");
    return 0;
}

/* "self" would be us from here, so a way over the caller's own magic links is gone in its place. */
static bool follow_magic_link(char out[4096], pid_t task, const char *said)
{
    static const char *const selves[] = {"/proc/self/", "/proc/thread-self/"};

    for (size_t i = 0; i < SBX_COUNT_OF(selves); i++) {
        size_t skip = strlen(selves[i]), bytes;
        char link[64], base[4096];

        if (strncmp(said, selves[i], skip) != 0)
            continue;
        bytes = magic_link_bytes(said + skip);
        if (bytes == 0 || bytes >= sizeof(link))
            return false;
        memcpy(link, said + skip, bytes);
        link[bytes] = '\0';
        if (!sbx_memory_read_link(task, link, base, sizeof(base)))
            return false;
        return snprintf(out, 4096, "%s%s",
                        strcmp(base, "/") == 0 && said[skip + bytes] != '\0' ? "" : base,
                        said + skip + bytes) < 4096;
    }
    return false;
}

/* A path argument, made absolute as the program would have it. */
static bool read_path(char out[4096], pid_t task, int dirfd, uint64_t address)
{
    char said[4096], base[4096], link[32];

    if (!sbx_memory_read_string(task, address, said, sizeof(said)))
        return false;
    if (*said == '/') {
        if (!follow_magic_link(out, task, said))
            memcpy(out, said, strlen(said) + 1);
        return true;
    }
    if (dirfd == AT_FDCWD)
        (void)snprintf(link, sizeof(link), "cwd");
    else
        (void)snprintf(link, sizeof(link), "fd/%d", dirfd);
    if (!sbx_memory_read_link(task, link, base, sizeof(base)))
        return false;
    if (*said == '\0') /* AT_EMPTY_PATH: the descriptor itself */
        return snprintf(out, 4096, "%s", base) < 4096;
    return snprintf(out, 4096, "%s/%s", strcmp(base, "/") == 0 ? "" : base, said) < 4096;
}

static void record_ruling(const sbx_watch *watch, pid_t task, const watched_call *about,
                          const sbx_ruling *ruling)
{
    sbx_denial denial = {.kind = SBX_DENIAL_FILE,
                         .op = about->op,
                         .target = ruling->path,
                         .confidence = SBX_CONFIDENCE_OBSERVED};

    if (!ruling->is_denied) /* then nothing else of it need be there */
        return;
    if (ruling->would_create)
        denial.op = "create";
    denial.target_bytes = strlen(ruling->path);
    denial.rule = ruling->rule;
    denial.error = ruling->is_let ? 0 : ruling->error;
    record_in(ruling->is_let ? watch->options.learned : watch->options.denials, task, &denial);
}

static void judge_crossing(sbx_watch *watch, pid_t task, const watched_call *about,
                           const char *from, const char *to)
{
    sbx_denial denial = {.kind = SBX_DENIAL_FILE,
                         .op = about->op,
                         .target = from,
                         .target_bytes = strlen(from),
                         .rule = "crosses a root's border",
                         .error = EXDEV,
                         .confidence = SBX_CONFIDENCE_OBSERVED};

    if (sbx_judge_crosses_mounts(&watch->judge, from, to))
        record(watch, task, &denial);
}

static uint64_t read_open_flags(const struct seccomp_notif *call, const watched_call *about)
{
    if (about->flags < 0)
        return O_CREAT | O_WRONLY | O_TRUNC; /* creat */
    return call->data.args[about->flags] & 0xffffffffU;
}

typedef struct both_paths {
    sbx_ruling first, second;
} both_paths;

/* A link changes nothing where its source lies: takes_first is false. second NULL: there is none. */
static void judge_both(both_paths *out, const sbx_watch *watch, const sbx_attempt *first,
                       bool takes_first, const char *second, bool replaces)
{
    sbx_attempt other = *first;

    if (takes_first)
        sbx_judge_attempt(&out->first, &watch->judge, first);
    if (second == NULL)
        return;
    other.path = second;
    other.is_new_name = true;
    other.replaces = replaces;
    sbx_judge_attempt(&out->second, &watch->judge, &other);
}

static void handle_file(sbx_watch *watch, const struct seccomp_notif *call,
                        const watched_call *about)
{
    const __u64 *args = call->data.args;
    pid_t task = (pid_t)call->pid;
    char first[4096], second[4096];
    int dirfd = about->dirfd >= 0 ? (int)args[about->dirfd] : AT_FDCWD;
    int dirfd2 = about->dirfd2 >= 0 ? (int)args[about->dirfd2] : AT_FDCWD;
    bool is_link = strcmp(about->op, "link") == 0, is_rename = strcmp(about->op, "rename") == 0;
    sbx_attempt attempt = {.kind = about->kind, .path = first};
    bool has_first, has_second;
    both_paths paths;

    if (about->kind == SBX_WATCH_OPEN) {
        attempt.flags = read_open_flags(call, about);
        attempt.no_follow = (attempt.flags & O_NOFOLLOW) != 0;
    }
    has_first = read_path(first, task, dirfd, args[about->path]);
    has_second = about->path2 >= 0 && read_path(second, task, dirfd2, args[about->path2]);
    attempt.is_new_name = strcmp(about->op, "create") == 0;
    paths.first.is_denied = paths.second.is_denied = false;
    if (watch->options.learned != NULL) /* afterwards it is done, and a new name is none */
        judge_both(&paths, watch, &attempt, has_first && !is_link, has_second ? second : NULL,
                   is_rename);
    if (!answer(watch, call, 0) || !has_first)
        return; /* gone, or EFAULT for the program too */
    if (watch->options.learned == NULL)
        judge_both(&paths, watch, &attempt, !is_link, has_second ? second : NULL, is_rename);
    record_ruling(watch, task, about, &paths.first);
    record_ruling(watch, task, about, &paths.second);
    if (has_second && (is_link || is_rename))
        judge_crossing(watch, task, about, first, second);
}

static void record_address(sbx_watch *watch, const struct seccomp_notif *call,
                           const sbx_address *address, const char *op, int error,
                           sbx_confidence confidence)
{
    char text[160];
    sbx_denial denial = {.kind = SBX_DENIAL_NETWORK,
                         .op = op,
                         .target = text,
                         .rule = watch->options.network == SBX_WATCH_NETWORK_NONE
                                     ? "network none"
                                     : "network loopback",
                         .error = error,
                         .confidence = confidence};

    sbx_address_format(text, sizeof(text), address);
    denial.target_bytes = strlen(text);
    record(watch, (pid_t)call->pid, &denial);
}

/*
 * Network none: every connect is refused here, whatever its address is or becomes, so that no path socket
 * of the host can be reached. A socket file that does not exist is not written down (libc asks for nscd all
 * the time), and neither is no address at all.
 */
static void refuse_connect(sbx_watch *watch, const struct seccomp_notif *call,
                           const sbx_address *address)
{
    char path[112];
    int error = sbx_address_refusal(address);

    if (!answer(watch, call, error) || error == EINVAL || sbx_address_is_route_lookup(address))
        return;
    if (sbx_address_path(path, address) && path[0] == '/' && !sbx_judge_exists(&watch->judge, path))
        return;
    record_address(watch, call, address, "connect", error, SBX_CONFIDENCE_BROKER);
}

static void handle_address(sbx_watch *watch, const struct seccomp_notif *call)
{
    const __u64 *args = call->data.args;
    bool is_send = call->data.nr == SYS_sendto, is_bind = call->data.nr == SYS_bind;
    bool is_denied;
    sbx_address address;

    sbx_address_read(&address, (pid_t)call->pid, (int)args[0], args[is_send ? 4 : 1],
                     args[is_send ? 5 : 2]);
    if (!is_send && !is_bind && !watch->options.may_connect) {
        refuse_connect(watch, call, &address);
        return;
    }
    /* The network namespace is the wall, so nothing can be changed behind us. But before Linux 6.7 nobody refuses a
     * port in an empty one, and what is written down as denied has to be: hence here. */
    is_denied = sbx_address_is_denied(&address, watch->options.network, is_bind);
    if (answer(watch, call, is_bind && is_denied ? EACCES : 0) && is_denied)
        record_address(watch, call, &address,
                       is_bind   ? "bind"
                       : is_send ? "send"
                                 : "connect",
                       is_bind ? EACCES : ENETUNREACH,
                       is_bind ? SBX_CONFIDENCE_BROKER : SBX_CONFIDENCE_OBSERVED);
}

static void handle_exec(sbx_watch *watch, const struct seccomp_notif *call)
{
    const __u64 *args = call->data.args;
    pid_t task = (pid_t)call->pid, group = task, parent = 0;
    bool is_at = call->data.nr == SYS_execveat, is_there;
    char path[4096];
    bool has_path = read_path(path, task, is_at ? (int)args[0] : AT_FDCWD, args[is_at ? 1 : 0]);
    sbx_text argv = {0};
    sbx_process_record process = {.start_us = sbx_clock_utc_us()};

    /* A shell tries every directory of PATH: what does not exist there is no program. Looked at on both sides of the
     * answer, because it may come and go; of one that comes in between the arguments are not known. */
    is_there = has_path && sbx_judge_exists(&watch->judge, path);
    if (is_there)
        sbx_arguments_read(&argv, task, args[is_at ? 2 : 1]);
    if (!answer(watch, call, 0) || !has_path ||
        (!is_there && !sbx_judge_exists(&watch->judge, path))) {
        sbx_text_done(&argv);
        return;
    }
    (void)sbx_memory_read_ids(task, &group, &parent);
    process.pid = (int32_t)group;
    process.parent_pid = (int32_t)parent;
    process.exe = path;
    process.argv_json = argv.failed || !is_there ? NULL : sbx_text_string(&argv);
    sbx_processes_add(watch->options.processes, &process);
    sbx_text_done(&argv);
}

/* Whether it has that many. The directory's size tells since Linux 6.2, and is 0 before. */
static bool has_descriptors(pid_t pid, uint64_t count)
{
    char path[48];
    struct stat about;
    uint64_t seen = 0;
    DIR *directory;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    if (stat(path, &about) != 0)
        return false;
    if (about.st_size > 0)
        return (uint64_t)about.st_size >= count;
    directory = opendir(path);
    for (const struct dirent *entry; directory != NULL && seen < count;) {
        entry = readdir(directory);
        if (entry == NULL)
            break;
        seen += entry->d_name[0] != '.';
    }
    if (directory != NULL)
        (void)closedir(directory);
    return seen >= count;
}

/*
 * A process ends by itself: its exit code. The kernel tells nobody of EMFILE; a process that leaves with
 * every descriptor that --files gave it in use ran out of them.
 */
static void handle_exit(sbx_watch *watch, const struct seccomp_notif *call)
{
    pid_t group = (pid_t)call->pid, parent;

    if (watch->options.files_count != SBX_UNLIMITED &&
        has_descriptors((pid_t)call->pid, watch->options.files_count))
        watch->files_reached = true;
    if (!sbx_processes_knows(watch->options.processes, (int32_t)group))
        (void)sbx_memory_read_ids((pid_t)call->pid, &group,
                                  &parent); /* a thread, or a fork without exec */
    if (answer(watch, call, 0))
        sbx_processes_end(watch->options.processes, (int32_t)group, sbx_clock_utc_us(), true,
                          (int32_t)(call->data.args[0] & 0xff));
}

/* Refused whatever it wants: the answer is ours, so the record is certain. */
static void handle_refused(sbx_watch *watch, const struct seccomp_notif *call)
{
    char text[64];
    bool is_socket = call->data.nr == SYS_socket || call->data.nr == SYS_socketpair;
    int error = is_socket ? EACCES : EPERM;
    sbx_denial denial = {.kind = is_socket ? SBX_DENIAL_NETWORK : SBX_DENIAL_SYSCALL,
                         .op = is_socket ? "socket" : "call",
                         .target = text,
                         .rule = is_socket ? "socket family" : "system call filter",
                         .error = error,
                         .confidence = SBX_CONFIDENCE_BROKER};

    if (!answer(watch, call, error))
        return;
    if (is_socket)
        sbx_address_format_family(text, sizeof(text), (int)call->data.args[0]);
    else
        sbx_address_format_call(text, sizeof(text), call->data.nr);
    denial.target_bytes = strlen(text);
    record(watch, (pid_t)call->pid, &denial);
}

/* The bits are in registers, which nobody else can change meanwhile. */
static bool asks_for_set_id(const struct seccomp_notif *call)
{
    const __u64 *args = call->data.args;

#define X(number, mode, flags)                                                                     \
    if (call->data.nr == (number) && (args[mode] & SBX_SET_ID_BITS) != 0 &&                        \
        ((flags) < 0 ||                                                                            \
         (args[(flags) < 0 ? 0 : (flags)] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) != 0))         \
        return true;
    SBX_MODE_CALLS(X)
#undef X
    return false;
}

static const watched_call *find_watched(int number)
{
    for (size_t i = 0; i < SBX_COUNT_OF(watched_calls); i++)
        if (watched_calls[i].call == number)
            return &watched_calls[i];
    return NULL;
}

static void refuse_set_id(sbx_watch *watch, const struct seccomp_notif *call)
{
    const watched_call *about = find_watched(call->data.nr); /* NULL: fchmod */
    const __u64 *args = call->data.args;
    pid_t task = (pid_t)call->pid;
    char path[4096], link[32];
    bool has_path;
    sbx_denial denial = {.kind = SBX_DENIAL_FILE,
                         .op = about == NULL ? "chmod" : about->op,
                         .target = path,
                         .rule = "no set-user-ID or set-group-ID files",
                         .error = EPERM,
                         .confidence = SBX_CONFIDENCE_BROKER};

    if (about == NULL) {
        (void)snprintf(link, sizeof(link), "fd/%d", (int)args[0]);
        has_path = sbx_memory_read_link(task, link, path, sizeof(path));
    } else {
        has_path = read_path(path, task, about->dirfd >= 0 ? (int)args[about->dirfd] : AT_FDCWD,
                             args[about->path]);
    }
    if (!answer(watch, call, EPERM))
        return;
    if (!has_path)
        (void)snprintf(path, sizeof(path), "?");
    denial.target_bytes = strlen(path);
    record(watch, task, &denial);
}

static void handle(sbx_watch *watch, const struct seccomp_notif *call)
{
    int number = call->data.nr;
    const watched_call *about = find_watched(number);

    if (asks_for_set_id(call)) {
        refuse_set_id(watch, call);
        return;
    }
    if (number == SYS_execve || number == SYS_execveat) {
        handle_exec(watch, call);
        return;
    }
    if (number == SYS_connect || number == SYS_bind || number == SYS_sendto) {
        handle_address(watch, call);
        return;
    }
    if (number == SYS_exit_group) {
        handle_exit(watch, call);
        return;
    }
    if (about != NULL)
        handle_file(watch, call, about);
    else
        handle_refused(watch, call);
}

/* Returns the task, 0: none. behind: the one before, right after which this one was waiting; 0: it was not. */
static pid_t serve_one(sbx_watch *watch, pid_t behind)
{
    union {
        struct seccomp_notif call;
        char room[256]; /* a later kernel may write more than our header knows */
    } got;

    memset(&got, 0, sizeof(got)); /* the kernel insists */
    if (ioctl(watch->listener, SECCOMP_IOCTL_NOTIF_RECV, &got.call) != 0) {
        watch->lost += errno != EINTR && errno != ENOENT;
        return 0;
    }
    sbx_wake_choose(&watch->wake, (pid_t)got.call.pid, behind);
    handle(watch, &got.call);
    return (pid_t)got.call.pid;
}

void sbx_watch_serve(sbx_watch *watch)
{
    enum { AT_ONE_GO = 16 }; /* the loop has others to serve */
    struct pollfd more = {.fd = watch->listener, .events = POLLIN};
    pid_t last = 0;
    int left = AT_ONE_GO;

    do
        last = serve_one(watch, last);
    while (--left > 0 && poll(&more, 1, 0) > 0 && (more.revents & POLLIN) != 0);
}
