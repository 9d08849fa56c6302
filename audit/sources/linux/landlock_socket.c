/* See landlock_socket.h. */
#include "audit/sources/linux/landlock_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/sources/linux/landlock_parse.h"
#include "harness/base/linux/self.h"

enum {
    RULESET_VERSION = 1, /* LANDLOCK_CREATE_RULESET_VERSION */
    ABI_WITH_RECORDS = 7,
    BUFFER_BYTES = 4 << 20, /* taken by the kernel as records come, not before */
    ASK_TIMEOUT_MS = 500,
};

static bool has_capability(unsigned number)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[number / 32].effective >> (number % 32) & 1) != 0;
}

static sbx_status check_host(sbx_error *err)
{
    if (syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION) < ABI_WITH_RECORDS)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_WATCH,
                              "kernel before 6.15, or without Landlock: it records no denials");
    if (!has_capability(CAP_AUDIT_READ))
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_WATCH,
            "no CAP_AUDIT_READ: only root, or a program with it, hears the kernel's records");
    /* Records name processes by their first namespace's number: somebody else's, here. */
    if (sbx_self_look().pid_namespace != SBX_FIRST_PID_NAMESPACE)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_WATCH,
                              "in a pid namespace of its own: the kernel's records are the host's");
    /* Without it a socket of that family would make the kernel look for a module. */
    if (access("/proc/self/loginuid", F_OK) != 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_WATCH, "kernel built without audit");
    return SBX_OK;
}

#define LET_THROUGH(type, to_accept)                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), (to_accept), 0)

void sbx_landlock_socket_tune(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
        LET_THROUGH(SBX_AUDIT_SYSCALL, 5),
        LET_THROUGH(SBX_AUDIT_END_OF_EVENT, 4),
        LET_THROUGH(SBX_AUDIT_LISTENER, 3),
        LET_THROUGH(SBX_AUDIT_LANDLOCK_ACCESS, 2),
        LET_THROUGH(SBX_AUDIT_LANDLOCK_DOMAIN, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = SBX_COUNT_OF(code), .filter = code};
    int room = BUFFER_BYTES;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

sbx_status sbx_landlock_socket_open(int *out_fd, sbx_error *err)
{
    struct sockaddr_nl group = {.nl_family = AF_NETLINK,
                                .nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1)};
    sbx_status st = check_host(err);
    int fd, code;

    if (st != SBX_OK)
        return st;
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
    if (fd < 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_WATCH, errno,
                              "open a socket for the kernel's records");
    if (bind(fd, (const struct sockaddr *)&group, sizeof(group)) == 0) {
        *out_fd = fd;
        return SBX_OK;
    }
    code = errno;
    close(fd);
    if (code == EPERM)
        return sbx_fail_plain(
            err, SBX_REFUSED, SBX_STEP_WATCH,
            "no CAP_AUDIT_READ outside a user namespace: the kernel's records are the host's");
    return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_WATCH, code, "hear the kernel's records");
}

bool sbx_landlock_socket_ask(bool *out_is_on)
{
    struct nlmsghdr question = {
        .nlmsg_len = sizeof(question), .nlmsg_type = AUDIT_GET, .nlmsg_flags = NLM_F_REQUEST};
    struct {
        struct nlmsghdr header;
        struct audit_status status;
        char later[256]; /* a later kernel's status is longer */
    } answer;
    struct pollfd wait = {.events = POLLIN};
    ssize_t got = -1;

    wait.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
    if (wait.fd < 0)
        return false;
    if (send(wait.fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question) &&
        poll(&wait, 1, ASK_TIMEOUT_MS) == 1)
        got = recv(wait.fd, &answer, sizeof(answer), MSG_DONTWAIT);
    close(wait.fd);
    if (got < (ssize_t)(sizeof(answer.header) + offsetof(struct audit_status, failure)) ||
        answer.header.nlmsg_type != AUDIT_GET)
        return false; /* NLMSG_ERROR: we may not ask */
    *out_is_on = answer.status.enabled != 0;
    return true;
}
