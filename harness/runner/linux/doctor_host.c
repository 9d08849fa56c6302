/* The doctor on what is good to know and no wall of the default policy stands on. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/sources/linux/landlock_log.h"
#include "harness/base/linux/names.h"
#include "harness/runner/linux/doctor_parts.h"
#include "limits/job.h"

/*
 * Tried and not read off a knob: Debian, Ubuntu, containers and the count limit say no in
 * different places.
 */
static int make_user_namespace(void)
{
    int status = 0;
    long pid = syscall(SYS_clone, (unsigned long)CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0UL);

    if (pid == 0)
        _exit(0);
    if (pid < 0)
        return errno;
    while (waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return 0;
}

static void look_at_user_namespaces(sbx_doctor *self)
{
    const char *knob = self->host.user_namespaces_refused_by, *fix = self->host.user_namespaces_fix;
    int code = make_user_namespace();

    if (fix == NULL)
        fix = "in a container: let it make user namespaces (its seccomp profile)";
    if (code == 0)
        sbx_doctor_add(self, "user-namespaces", "enforced", "kernel", NULL, "one can be made%s",
                       self->host.is_root ? ", though root needs none" : "");
    else
        sbx_doctor_add(self, "user-namespaces", "missing", "none", fix, "none can be made (%s)%s%s",
                       sbx_errno_name(code), knob != NULL ? ": refused by " : "",
                       knob != NULL ? knob : "");
}

/* AUDIT_GET; -1: not told, with errno. */
static int kernel_audit_enabled(int fd)
{
    struct {
        struct nlmsghdr header;
        union {
            struct audit_status status;
            struct nlmsgerr error;
            char room[1024];
        } u;
    } message = {.header = {.nlmsg_len = NLMSG_LENGTH(0),
                            .nlmsg_type = AUDIT_GET,
                            .nlmsg_flags = NLM_F_REQUEST}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (sendto(fd, &message, message.header.nlmsg_len, 0, (struct sockaddr *)&kernel,
               sizeof(kernel)) < 0)
        return -1;
    errno = ETIMEDOUT;
    while (poll(&wait, 1, 200) == 1 && recv(fd, &message, sizeof(message), 0) > 0) {
        if (message.header.nlmsg_type == AUDIT_GET)
            return (int)message.u.status.enabled;
        if (message.header.nlmsg_type == NLMSG_ERROR && message.u.error.error != 0) {
            errno = -message.u.error.error;
            return -1;
        }
    }
    return -1;
}

/* Machine-wide, hence never switched by us. */
static void look_at_kernel_audit(sbx_doctor *self)
{
    static const char subject[] = "kernel-audit";
    sbx_error err = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    int enabled = fd < 0 ? -1 : kernel_audit_enabled(fd);
    int code = errno;

    if (self->host.landlock_abi < 7)
        sbx_doctor_add(self, subject, "missing", "none", "a kernel of 6.15 or later",
                       "this kernel's Landlock (ABI %d) keeps no record of what it denies",
                       self->host.landlock_abi);
    else if (enabled < 0)
        sbx_doctor_add(self, subject, "missing", "none", "only root may read the kernel's audit",
                       "Landlock's own records of denials: not readable here (%s)",
                       sbx_errno_name(code));
    else if (enabled == 0)
        sbx_doctor_add(
            self, subject, "missing", "none",
            "auditctl -e 1: machine-wide, so the owner's to decide",
            "Landlock's own records of denials: kernel audit is off; denials are seen by seccomp");
    else if (sbx_landlock_log_probe(&err) != SBX_OK)
        sbx_doctor_add(self, subject, "missing", "none", "only root may read the kernel's audit",
                       "Landlock's own records of denials: kernel audit is on, but not readable "
                       "(%s)",
                       err.message);
    else
        sbx_doctor_add(self, subject, "enforced", "landlock", NULL,
                       "Landlock's own records of denials: kernel audit is on and readable");
    if (fd >= 0)
        close(fd);
}

/* Last of all: where it works, this process is in a scope of its own from then on. */
static void look_at_scope(sbx_doctor *self)
{
    char name[SBX_JOB_NAME_BYTES];
    sbx_job_options options = {.name = name, .choice = SBX_JOB_SCOPE};
    sbx_limits limits;
    sbx_job *job = NULL;
    sbx_error err;

    sbx_limits_init(&limits);
    limits.value[SBX_LIMIT_MEMORY] = UINT64_C(64) << 20;
    if (sbx_job_name(name, &err) == SBX_OK &&
        sbx_job_create(&job, &limits, &options, &err) == SBX_OK)
        sbx_doctor_add(self, "scope", "enforced",
                       sbx_enforcer_word(sbx_job_enforcer(job, SBX_LIMIT_MEMORY)), NULL,
                       "the systemd user manager gives a delegated cgroup");
    else
        sbx_doctor_add(
            self, "scope", "missing", "none",
            "only matters where no cgroup is at hand: systemd with a user manager, and sbx-scope",
            "%s", err.message);
    sbx_job_free(job);
}

void sbx_doctor_look_around(sbx_doctor *self)
{
    look_at_user_namespaces(self);
    look_at_kernel_audit(self);
    look_at_scope(self);
}
