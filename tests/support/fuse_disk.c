/* See fuse_disk.h. */
#include "tests/support/fuse_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/ground.h"
#include "tests/support/place.h"
#include "tests/support/test.h"

static const char path[] = SBX_TEST_GROUND "/fuse", below[] = SBX_TEST_GROUND "/below";

/* The device is mounted before anybody answers: the kernel's first question waits in it. */
static int mount_device(void)
{
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    const char *options =
        sbx_test_text("fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions", device,
                      (unsigned)geteuid(), (unsigned)getegid());

    if (device >= 0 && mount("sbx-test", path, "fuse", MS_NOSUID | MS_NODEV, options) != 0) {
        int error = errno;

        close(device);
        errno = error;
        return -1;
    }
    return device;
}

_Noreturn static void serve(int device, sbx_test_fuse_orders *orders, pid_t parent)
{
    int directory = open(below, O_PATH | O_DIRECTORY | O_CLOEXEC);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || directory < 0)
        _exit(1);
    sbx_test_fuse_serve(device, directory, orders);
}

bool sbx_test_disk_insert(sbx_test_disk *disk)
{
    pid_t self = getpid();
    int device;

    *disk = (sbx_test_disk){.path = path, .below = below};
    assert_true((mkdir(path, 0755) == 0 || errno == EEXIST) &&
                (mkdir(below, 0755) == 0 || errno == EEXIST));
    device = mount_device();
    if (device < 0)
        return false;
    assert_int_equal(mount("below", below, "tmpfs", 0, "size=16m,mode=0755"), 0);
    disk->orders = mmap(NULL, sizeof(*disk->orders), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(disk->orders != MAP_FAILED);
    disk->server = fork();
    if (disk->server == 0)
        serve(device, disk->orders, self);
    close(device); /* the server's is the only one: with it the disk goes */
    assert_true(disk->server > 0);
    return true;
}

void sbx_test_disk_pull(sbx_test_disk *disk)
{
    if (disk->server <= 0)
        return;
    (void)kill(disk->server, SIGKILL);
    while (waitpid(disk->server, NULL, 0) < 0 && errno == EINTR)
        continue;
    disk->server = 0;
}

void sbx_test_disk_eject(sbx_test_disk *disk)
{
    if (disk->orders == NULL)
        return;
    sbx_test_disk_pull(disk);
    while (umount2(path, MNT_DETACH) == 0 || umount2(below, MNT_DETACH) == 0)
        continue;
    (void)munmap(disk->orders, sizeof(*disk->orders));
    *disk = (sbx_test_disk){0};
}
