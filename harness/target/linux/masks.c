/*
 * What stands for a secret: a symbolic link that leads into a directory nobody may enter. Following it
 * fails with EACCES, and the kernel notes the time of it on the link, which is how a refused read gets
 * into the audit without a trap on every open. A secret directory is an unlistable directory of such
 * links, one for each name that the real one has.
 *
 * Each link begins with both times at SBX_MASK_TIME; the supervisor looks at the end which moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/sources/linux/masks.h"
#include "harness/target/linux/steps.h"

enum { NAMES_MAX = 64 };

static int make_link(int directory, const char *name)
{
    const struct timespec times[2] = {{.tv_sec = SBX_MASK_TIME}, {.tv_sec = SBX_MASK_TIME}};

    if (symlinkat(SBX_MASK_TARGET, directory, name) != 0)
        return -1;
    return utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW);
}

struct kernel_entry {
    uint64_t inode, offset;
    unsigned short bytes;
    unsigned char type;
    char name[];
};

/* Names past the limit do not exist for the target; they are no less covered. */
static int copy_names(int from, int to)
{
    _Alignas(8) char room[2048];
    int left = NAMES_MAX;
    long bytes;

    while (left > 0 && (bytes = syscall(SYS_getdents64, from, room, sizeof(room))) > 0)
        for (long at = 0; left > 0 && at < bytes;) {
            struct kernel_entry *entry = (struct kernel_entry *)(void *)(room + at);

            at += entry->bytes;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
                continue;
            if (make_link(to, entry->name) != 0)
                return -1;
            left--;
        }
    return 0;
}

static int make_directory(int masks, const char *name, const char *secret)
{
    int to = -1, from, code = 0;

    if (mkdirat(masks, name, 0700) != 0)
        return -1;
    from = open(secret, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    to = openat(masks, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to < 0 || (from >= 0 && copy_names(from, to) != 0) || fchmod(to, 0111) != 0)
        code = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    errno = code;
    return code == 0 ? 0 : -1;
}

int sbx_masks_make(int masks, size_t index, const char *secret, bool is_directory)
{
    char name[SBX_MASK_NAME_BYTES];

    sbx_mask_name(name, index);
    return is_directory ? make_directory(masks, name, secret) : make_link(masks, name);
}
