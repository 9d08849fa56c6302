/* The doctor on walls, denials and the audit: forbidden things, tried outside and inside. */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/query.h"
#include "harness/runner/linux/doctor_parts.h"

/* One forbidden thing. */
typedef struct forbidden {
    sbx_wall wall;         /* the line's subject, and what it is worse without */
    const char *what;      /* "write outside the writable roots" */
    const char *by;        /* with that wall */
    const char *otherwise; /* what is left to hold it without */
    const char *attempt[4];
} forbidden;

static const char landlock_fix[] =
    "a kernel of 5.13 or later with CONFIG_SECURITY_LANDLOCK=y and landlock in its lsm= list (see "
    "/sys/kernel/security/lsm)";

static const char *fix_for(const sbx_doctor *self, sbx_wall wall)
{
    if (self->host.inside_sbx)
        return "run it outside of sbx";
    if (wall == SBX_WALL_LANDLOCK)
        return landlock_fix;
    if (wall == SBX_WALL_SECCOMP)
        return "a kernel with CONFIG_SECCOMP_FILTER=y; in a container, a seccomp profile that "
               "allows seccomp(2)";
    if (wall == SBX_WALL_UID)
        return "a file system that knows id-mapped mounts (ext4, xfs, btrfs; tmpfs since 6.3), or "
               "--identity self";
    if (self->host.user_namespaces_fix != NULL)
        return self->host.user_namespaces_fix;
    return self->host.is_root
               ? "run it where CAP_SYS_ADMIN may be used (a container: --privileged)"
               : "let this user make user namespaces (in a container: its seccomp profile)";
}

/* Compares both answers and says what they mean. */
static void judge(sbx_doctor *self, const forbidden *thing, const sbx_doctor_attempt *outside,
                  const sbx_doctor_attempt *inside)
{
    const char *subject = sbx_wall_word(thing->wall), *fix = fix_for(self, thing->wall);

    if (outside->answer != SBX_DOCTOR_DID)
        sbx_doctor_add(self, subject, "unknown", "none", NULL,
                       "%s: outside it failed too (%s), so nothing is shown", thing->what,
                       outside->why);
    else if (inside->answer == SBX_DOCTOR_BROKEN)
        sbx_doctor_add(self, subject, "unknown", "none", fix, "%s: could not be tried inside: %s",
                       thing->what, inside->why);
    else if (inside->answer == SBX_DOCTOR_DID)
        sbx_doctor_add(self, subject, "missing", "none", fix, "%s: worked inside as it did outside",
                       thing->what);
    else if (inside->walls[thing->wall])
        sbx_doctor_add(self, subject, "enforced", thing->by, NULL, "%s: done outside, inside %s",
                       thing->what, inside->why);
    else
        sbx_doctor_add(self, subject, "degraded", thing->otherwise, fix,
                       "%s: done outside, inside %s, but without the wall that is meant for it",
                       thing->what, inside->why);
}

static void try_forbidden(sbx_doctor *self, const forbidden *thing)
{
    sbx_doctor_attempt outside, inside;

    sbx_doctor_outside(&outside, self, thing->attempt);
    sbx_doctor_inside(&inside, self, NULL, thing->attempt);
    judge(self, thing, &outside, &inside);
    sbx_doctor_attempt_done(&inside);
}

/* ---- files, and what is recorded of it ------------------------------------------------------- */

static const sbx_denial *find_denial(const sbx_doctor_attempt *attempt, const char *path)
{
    const sbx_denials *all = attempt->result.denials;

    for (size_t i = 0; all != NULL && i < sbx_denials_count(all); i++) {
        const sbx_denial *one = sbx_denials_get(all, i);

        if (one->kind == SBX_DENIAL_FILE && one->target_bytes == strlen(path) &&
            memcmp(one->target, path, one->target_bytes) == 0)
            return one;
    }
    return NULL;
}

/* A refusal of `path` that must also have been seen. */
static void try_recorded(sbx_doctor *self, const forbidden *thing, const char *what,
                         const char *fix)
{
    const char *path = thing->attempt[1];
    sbx_doctor_attempt outside, inside;
    const sbx_denial *seen;

    sbx_doctor_outside(&outside, self, thing->attempt);
    sbx_doctor_inside(&inside, self, NULL, thing->attempt);
    judge(self, thing, &outside, &inside);
    seen = find_denial(&inside, path);
    if (seen != NULL)
        sbx_doctor_add(self, "denials", "enforced", sbx_denial_source_word(seen->source), NULL,
                       "%s: the attempt above is in the record (%s, %s)", what, seen->op,
                       sbx_confidence_word(seen->confidence));
    else
        sbx_doctor_add(self, "denials", inside.answer == SBX_DOCTOR_REFUSED ? "missing" : "unknown",
                       "none", fix, "%s: the attempt above is not in the record", what);
    sbx_doctor_attempt_done(&inside);
}

/* A protected name that the place does not have. */
static const char *absent_protected(const sbx_doctor *self)
{
    for (size_t i = 0; i < self->policy.protect.count; i++) {
        const char *name = self->policy.protect.item[i];
        char below[PATH_MAX / 4];
        struct stat about;

        if (strchr(name, '/') != NULL || strlen(name) >= sizeof(below) - 8)
            continue;
        (void)snprintf(below, sizeof(below), "root/%s", name);
        if (lstat(sbx_doctor_path(self, below), &about) != 0)
            return sbx_doctor_path(self, below);
    }
    return NULL;
}

static void try_absent_protected(sbx_doctor *self)
{
    const char *path = absent_protected(self);
    const forbidden thing = {SBX_WALL_MOUNTS,
                             "make a protected name that is not there",
                             "mounts",
                             "none",
                             {"make-below", path, NULL}};
    sbx_doctor_attempt outside, inside;

    if (path == NULL)
        return;
    sbx_doctor_inside(&inside, self, NULL, thing.attempt); /* first: outside, it makes it */
    sbx_doctor_outside(&outside, self, thing.attempt);
    judge(self, &thing, &outside, &inside);
    sbx_doctor_attempt_done(&inside);
}

static void try_files(sbx_doctor *self)
{
    const forbidden write = {SBX_WALL_MOUNTS,
                             "write outside the writable roots",
                             "mounts",
                             "landlock",
                             {"write", sbx_doctor_path(self, "outside/file"), NULL}};
    const forbidden protected = {SBX_WALL_MOUNTS,
                                 "write a protected name (.git) in a writable root",
                                 "mounts",
                                 "none",
                                 {"write", sbx_doctor_path(self, "root/.git/config"), NULL}};
    const forbidden secret = {SBX_WALL_MOUNTS,
                              "read a secret",
                              "mounts",
                              "landlock",
                              {"read", sbx_doctor_path(self, "secret/key"), NULL}};
    const forbidden private = {SBX_WALL_MOUNTS,
                               "read another's file in /tmp",
                               "mounts",
                               "none",
                               {"read", self->temp_file, NULL}};

    try_recorded(self, &write, "refused writes are recorded",
                 self->host.has_seccomp_notify
                     ? "run it outside of other sandboxes that listen with seccomp"
                     : "a kernel of 5.9 or later with seccomp user notification");
    try_forbidden(self, &protected);
    try_absent_protected(self);
    try_recorded(self, &secret, "refused reads of secrets are recorded",
                 fix_for(self, SBX_WALL_MOUNTS));
    if (self->temp_file[0] != '\0')
        try_forbidden(self, &private);
}

/* ---- processes and memory of others ---------------------------------------------------------- */

static void try_processes(sbx_doctor *self)
{
    static const char *const stay[] = {"stay", NULL};
    char pid_text[16], shm_text[16];
    const forbidden signal = {SBX_WALL_PIDS,
                              "signal a process outside",
                              "pid namespace",
                              "landlock",
                              {"signal", pid_text, NULL}};
    const forbidden memory = {SBX_WALL_IPC,
                              "attach shared memory of a process outside",
                              "ipc namespace",
                              "none",
                              {"attach-memory", shm_text, NULL}};
    pid_t pid = sbx_doctor_start(self, stay, STDOUT_FILENO);
    int shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);
    void *attached = shm >= 0 ? shmat(shm, NULL, SHM_RDONLY) : NULL;

    if (shm >= 0) /* goes with us, however we go; by its number it can be attached until then */
        (void)shmctl(shm, IPC_RMID, NULL);
    (void)snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
    (void)snprintf(shm_text, sizeof(shm_text), "%d", shm);
    if (pid > 0)
        try_forbidden(self, &signal);
    try_forbidden(self, &memory);
    if (pid > 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (shm >= 0)
        (void)shmdt(attached);
}

/* ---- the network and sockets ----------------------------------------------------------------- */

/* Listens; -1 where it can't. */
static int listen_at(int family, const void *address, socklen_t bytes)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (bind(fd, address, bytes) != 0 || listen(fd, 16) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int listen_unix(const char *name, bool is_abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t bytes = strlen(name);

    if (bytes >= sizeof(address.sun_path))
        return -1; /* a deep home; the attempt outside will say so */
    memcpy(address.sun_path, name, bytes);
    if (is_abstract)
        address.sun_path[0] = '\0';
    else
        bytes++;
    return listen_at(AF_UNIX, &address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes));
}

static void try_network(sbx_doctor *self)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(loopback);
    int fd = listen_at(AF_INET, &loopback, sizeof(loopback));
    char port[8];
    const forbidden tcp = {SBX_WALL_NET,
                           "connect to a TCP port of the host",
                           "net namespace",
                           "landlock, seccomp",
                           {"connect", "127.0.0.1", port, NULL}};

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&loopback, &bytes) != 0)
        loopback.sin_port = 0;
    (void)snprintf(port, sizeof(port), "%u", ntohs(loopback.sin_port));
    try_forbidden(self, &tcp);
    if (fd >= 0)
        close(fd);
}

static void try_sockets(sbx_doctor *self)
{
    const char *path = sbx_doctor_path(self, "outside/socket");
    char name[48];
    const forbidden abstract = {SBX_WALL_NET,
                                "connect to an abstract socket of the host",
                                "net namespace",
                                "landlock, seccomp",
                                {"connect-unix", name, NULL}};
    const forbidden file = {SBX_WALL_SECCOMP,
                            "connect to a socket file of the host (docker, D-Bus, ssh-agent)",
                            "seccomp",
                            "none",
                            {"connect-unix", path, NULL}};
    int abstract_fd, file_fd;

    (void)snprintf(name, sizeof(name), "@sbx-doctor-%d", (int)getpid());
    abstract_fd = listen_unix(name, true);
    file_fd = listen_unix(path, false);
    (void)chmod(path, 0666);
    try_forbidden(self, &abstract);
    try_forbidden(self, &file);
    if (abstract_fd >= 0)
        close(abstract_fd);
    if (file_fd >= 0)
        close(file_fd);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

/*
 * Where the host itself refuses new user namespaces, another call that the filter closes is tried.
 */
static void try_filter(sbx_doctor *self)
{
    const forbidden nested = {
        SBX_WALL_SECCOMP, "make a user namespace", "seccomp", "none", {"unshare-user", NULL}};
    const forbidden keyring = {
        SBX_WALL_SECCOMP, "use the kernel's keyrings", "seccomp", "none", {"keyring", NULL}};

    try_forbidden(self, self->host.has_user_namespaces ? &nested : &keyring);
}

/* Behind the mounts Landlock is never asked: without them it has to hold by itself. */
static void try_landlock(sbx_doctor *self)
{
    static const sbx_doctor_how alone = {.landlock_alone = true};
    const forbidden write = {SBX_WALL_LANDLOCK,
                             "write outside the writable roots, without any namespace",
                             "landlock",
                             "none",
                             {"write", sbx_doctor_path(self, "outside/file"), NULL}};
    sbx_doctor_attempt outside, inside;

    if (self->host.landlock_abi <= 0) {
        sbx_doctor_add(self, sbx_wall_word(SBX_WALL_LANDLOCK), "missing", "none", landlock_fix,
                       "this kernel has no Landlock");
        return;
    }
    sbx_doctor_outside(&outside, self, write.attempt);
    sbx_doctor_inside(&inside, self, &alone, write.attempt);
    judge(self, &write, &outside, &inside);
    sbx_doctor_attempt_done(&inside);
}

/* Root only: the target is nobody, and what it makes is the caller's all the same. */
static void try_identity(sbx_doctor *self)
{
    char uid[16];
    const forbidden be = {SBX_WALL_UID, "be the caller", "uid", "none", {"be", uid, NULL}};
    const char *const make[] = {"write", sbx_doctor_path(self, "root/owned"), NULL};
    sbx_doctor_attempt attempt;
    struct stat about;

    if (!self->host.is_root)
        return;
    (void)snprintf(uid, sizeof(uid), "%u", getuid());
    try_forbidden(self, &be);
    sbx_doctor_inside(&attempt, self, NULL, make);
    if (attempt.answer == SBX_DOCTOR_DID && stat(make[1], &about) == 0)
        sbx_doctor_add(self, sbx_wall_word(SBX_WALL_UID),
                       about.st_uid == getuid() ? "enforced" : "missing", "id-mapped mounts",
                       about.st_uid == getuid() ? NULL : fix_for(self, SBX_WALL_UID),
                       "what is made inside belongs to uid %u outside, the caller is %u",
                       about.st_uid, getuid());
    else
        sbx_doctor_add(self, sbx_wall_word(SBX_WALL_UID), "unknown", "none",
                       fix_for(self, SBX_WALL_UID), "no file could be made inside: %s",
                       attempt.why);
    sbx_doctor_attempt_done(&attempt);
}

/* ---- the record ------------------------------------------------------------------------------ */

/* The run's row, read through a connection of its own. */
static bool has_row(const char *database, const char *run_id, sbx_error *err)
{
    const sbx_store_options options = {.read_only = true, .busy_ns = 1000000000};
    const sbx_query_filter filter = {.run = run_id};
    const sbx_cell *cells = NULL;
    sbx_store *store = NULL;
    sbx_query *query = NULL;
    sbx_status st = sbx_store_open(&store, database, &options, err);

    if (st == SBX_OK)
        st = sbx_query_runs(&query, store, &filter, err);
    if (st == SBX_OK)
        st = sbx_query_next(query, &cells, err);
    if (st == SBX_OK && cells == NULL)
        (void)sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_AUDIT, "there is no row of the run");
    sbx_query_free(query);
    sbx_store_close(store);
    return st == SBX_OK && cells != NULL;
}

/*
 * One run shows both: its row is there, and it could not read the database although that lies in
 * its root.
 */
static void try_audit(sbx_doctor *self)
{
    const char *database = sbx_doctor_path(self, "root/audit.db");
    const sbx_doctor_how recorded = {.audit_path = database};
    const char *const read[] = {"read", database, NULL};
    sbx_doctor_attempt outside, inside;
    sbx_error err = {.message = ""};

    sbx_doctor_inside(&inside, self, &recorded, read);
    if (inside.answer != SBX_DOCTOR_BROKEN && has_row(database, inside.result.run_id, &err))
        sbx_doctor_add(self, "audit", "enforced", "sqlite", NULL,
                       "a run in a fresh database: its row was committed before it began, and is "
                       "there afterwards");
    else
        sbx_doctor_add(
            self, "audit", "missing", "none",
            "a local file system that can be written, with room; --audit-db chooses another place",
            "a run could not be recorded: %s",
            inside.answer == SBX_DOCTOR_BROKEN ? inside.why : err.message);
    sbx_doctor_outside(&outside, self, read);
    if (outside.answer == SBX_DOCTOR_DID && inside.answer != SBX_DOCTOR_BROKEN)
        sbx_doctor_add(self, "audit", inside.answer == SBX_DOCTOR_REFUSED ? "enforced" : "missing",
                       inside.walls[SBX_WALL_MOUNTS] ? "mounts" : "landlock",
                       inside.answer == SBX_DOCTOR_REFUSED ? NULL : fix_for(self, SBX_WALL_MOUNTS),
                       "read the database from inside, in a writable root: %s",
                       inside.answer == SBX_DOCTOR_REFUSED ? inside.why : "it worked");
    sbx_doctor_attempt_done(&inside);
}

void sbx_doctor_try_walls(sbx_doctor *self)
{
    try_files(self);
    try_processes(self);
    try_network(self);
    try_sockets(self);
    try_filter(self);
    try_landlock(self);
    try_identity(self);
    try_audit(self);
}
