/* What this host offers, by one cheap question each. */
#include "harness/policy/host.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/linux/self.h"

/* A short file's first bytes; "" where it cannot be read. */
static void read_file(char *out, size_t room, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, out, room - 1);

    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = '\0';
}

static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    uint32_t wanted =
        UINT32_C(1) << CAP_SYS_ADMIN | UINT32_C(1) << CAP_SETUID | UINT32_C(1) << CAP_SETGID;

    if (geteuid() != 0 || syscall(SYS_capget, &header, data) != 0)
        return false;
    return (data[0].effective & wanted) == wanted;
}

/* "0 0 4294967295", as the machine's own user namespace has it. */
static bool maps_every_id(void)
{
    char text[128];
    unsigned long inside, outside, count;
    char *at;

    if (sbx_self_namespace("user") == SBX_FIRST_USER_NAMESPACE)
        return true;
    read_file(text, sizeof(text), "/proc/self/uid_map");
    inside = strtoul(text, &at, 10);
    outside = strtoul(at, &at, 10);
    count = strtoul(at, &at, 10);
    return inside == 0 && outside == 0 && count == UINT32_MAX;
}

/* AppArmor's knob concerns programs without a profile: with one (a package may bring it) it is the
 * profile that decides. */
static bool apparmor_refuses(void)
{
    char text[128];

    read_file(text, sizeof(text), "/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    if (text[0] != '1')
        return false;
    read_file(text, sizeof(text), "/proc/self/attr/current");
    return text[0] == '\0' || strncmp(text, "unconfined", 10) == 0;
}

static void look_at_user_namespaces(sbx_host *out)
{
    char text[32];

    out->has_user_namespaces = false;
    read_file(text, sizeof(text), "/proc/sys/user/max_user_namespaces");
    if (text[0] == '\0') {
        out->user_namespaces_refused_by = "the kernel, which was built without them";
        out->user_namespaces_fix = "take another kernel";
        return;
    }
    if (strtoul(text, NULL, 10) == 0) {
        out->user_namespaces_refused_by = "user.max_user_namespaces=0";
        out->user_namespaces_fix = "sysctl -w user.max_user_namespaces=15000";
        return;
    }
    read_file(text, sizeof(text), "/proc/sys/kernel/unprivileged_userns_clone");
    if (text[0] == '0') {
        out->user_namespaces_refused_by = "kernel.unprivileged_userns_clone=0";
        out->user_namespaces_fix = "sysctl -w kernel.unprivileged_userns_clone=1";
        return;
    }
    if (apparmor_refuses()) {
        out->user_namespaces_refused_by = "kernel.apparmor_restrict_unprivileged_userns=1";
        out->user_namespaces_fix = "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
        return;
    }
    out->has_user_namespaces = true;
}

/* The variable alone could have been inherited by something that is not confined; a filter alone
 * could be a container's. */
static bool is_inside_sbx(void)
{
    char text[8192];
    const char *mode;

    if (getenv("SBX_RUN_ID") == NULL)
        return false;
    read_file(text, sizeof(text), "/proc/self/status");
    mode = strstr(text, "\nSeccomp:\t");
    return mode != NULL && mode[10] == '2';
}

void sbx_host_look(sbx_host *out)
{
    struct seccomp_notif_sizes sizes;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    *out = (sbx_host){.landlock_abi = abi > 0 ? (int)abi : 0};
    out->is_root = has_capabilities();
    out->has_every_id = out->is_root && maps_every_id();
    if (out->is_root)
        out->has_user_namespaces = true;
    else
        look_at_user_namespaces(out);
    out->inside_sbx = is_inside_sbx();
    out->has_seccomp_notify = syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0;
}
