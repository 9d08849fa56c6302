/* Who the target is: user namespace mapping, uid and gid, capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"

static sbx_status write_file(const char *path, const char *text, sbx_error *err)
{
    size_t bytes = strlen(text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int code;

    if (fd < 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_NAMESPACE, errno, "open %s", path);
    code = write(fd, text, bytes) == (ssize_t)bytes ? 0 : errno;
    close(fd);
    if (code != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_NAMESPACE, code, "write %s", path);
    return SBX_OK;
}

/* "ID ID 1": the caller stays who it is, and nobody else exists inside. */
static void format_map(char out[40], unsigned id)
{
    char digits[12];
    size_t count = 0, at = 0;

    do {
        digits[count++] = (char)('0' + id % 10);
        id /= 10;
    } while (id != 0);
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = count; i > 0; i--)
            out[at++] = digits[i - 1];
        out[at++] = ' ';
    }
    out[at++] = '1';
    out[at] = '\0';
}

sbx_status sbx_ids_map_self(const sbx_plan *plan, sbx_error *err)
{
    char map[40];
    sbx_status st;

    if (!plan->user_namespace)
        return SBX_OK; /* root makes none: it needs its rights to mount what is another's */
    st = write_file("/proc/self/setgroups", "deny", err);
    if (st != SBX_OK)
        return st;
    format_map(map, plan->caller_uid);
    st = write_file("/proc/self/uid_map", map, err);
    if (st != SBX_OK)
        return st;
    format_map(map, plan->caller_gid);
    return write_file("/proc/self/gid_map", map, err);
}

sbx_status sbx_ids_become_target(const sbx_plan *plan, sbx_error *err)
{
    uid_t ruid, euid, suid;

    if (!plan->walls[SBX_WALL_UID])
        return SBX_OK;
    /* Raw calls: glibc's wrappers signal the other threads of whose memory this is, and wait for them. */
    if (syscall(SYS_setgroups, 0, NULL) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno,
                              "drop the supplementary groups");
    if (syscall(SYS_setresgid, plan->target_gid, plan->target_gid, plan->target_gid) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "become gid %u",
                              plan->target_gid);
    if (syscall(SYS_setresuid, plan->target_uid, plan->target_uid, plan->target_uid) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "become uid %u",
                              plan->target_uid);
    if (getresuid(&ruid, &euid, &suid) != 0 || ruid != plan->target_uid || euid != ruid ||
        suid != ruid)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY, "the uid did not change to %u",
                              plan->target_uid);
    return SBX_OK;
}

static int set_capabilities(uint64_t wanted)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};

    data[0].effective = data[0].permitted = (uint32_t)wanted;
    data[1].effective = data[1].permitted = (uint32_t)(wanted >> 32);
    return (int)syscall(SYS_capset, &header, data);
}

sbx_status sbx_ids_drop_bounding(sbx_error *err)
{
    for (int cap = 0; cap <= 63; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL || errno == EPERM)
            break; /* past the kernel's last one, or not ours to drop */
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "drop capability %d",
                              cap);
    }
    return SBX_OK;
}

sbx_status sbx_ids_drop_capabilities(sbx_error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    /* uid 0 without power: execve shall give it nothing back (only where we may say so). */
    (void)prctl(PR_SET_SECUREBITS,
                SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
                0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (set_capabilities(0) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_IDENTITY, errno, "drop the capabilities");
    if (syscall(SYS_capget, &header, data) != 0 ||
        (data[0].permitted | data[1].permitted | data[0].inheritable | data[1].inheritable) != 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "capabilities are left after dropping them");
    return SBX_OK;
}

bool sbx_ids_may_make_devices(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1U << CAP_MKNOD)) != 0;
}

sbx_status sbx_ids_keep_only_kill(sbx_error *err)
{
    if (set_capabilities(UINT64_C(1) << CAP_KILL) != 0 && set_capabilities(0) != 0)
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_IDENTITY, errno,
                              "drop the init's capabilities");
    return SBX_OK;
}
