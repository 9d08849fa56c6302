/* See wake.h. */
#include "audit/sources/linux/wake.h"

#include <stdint.h>
#include <sys/ioctl.h>

#define SET_FLAGS_IOCTL 0x40082104UL /* SECCOMP_IOCTL_NOTIF_SET_FLAGS */
#define SYNC_WAKE_UP UINT64_C(1)

static void set_beside(sbx_wake *wake, bool is_beside)
{
    if (wake->is_beside != is_beside)
        (void)ioctl(wake->listener, SET_FLAGS_IOCTL, is_beside ? SYNC_WAKE_UP : UINT64_C(0));
    wake->is_beside = is_beside;
}

void sbx_wake_init(sbx_wake *out, int listener)
{
    *out = (sbx_wake){.listener = listener};
    set_beside(out, true);
}

void sbx_wake_choose(sbx_wake *wake, pid_t task, pid_t behind)
{
    if (behind != 0 && behind != task)
        wake->left = SBX_WAKE_SIDE_BY_SIDE;
    else if (wake->left > 0)
        wake->left--;
    set_beside(wake, wake->left == 0);
}
