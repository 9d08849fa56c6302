/* See ground.h. */
#include "tests/support/ground.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "tests/support/place.h"
#include "tests/support/test.h"

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        sbx_test_skip_file("no user namespace may be mapped here");
    close(fd);
}

void sbx_test_ground_enter(void)
{
    unsigned uid = geteuid(), gid = getegid();

    if (unshare(CLONE_NEWNS | (uid != 0 ? CLONE_NEWUSER : 0)) != 0)
        sbx_test_skip_file("a mount namespace may not be made here");
    if (uid != 0) {
        write_text("/proc/self/setgroups", "deny");
        write_text("/proc/self/uid_map", sbx_test_text("%u %u 1", uid, uid));
        write_text("/proc/self/gid_map", sbx_test_text("%u %u 1", gid, gid));
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("ground", SBX_TEST_GROUND, "tmpfs", 0, "size=64k,mode=0755") != 0)
        sbx_test_skip_file("nothing may be mounted here");
}
