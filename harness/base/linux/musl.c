/*
 * What the linker puts in the place of calls inside musl (--wrap, cmake/musl.cmake). A later musl may make others, and then
 * does as it does everywhere: nothing here has to happen.
 *
 *   memory  the allocator takes its pages from the region, while there is one
 *   open()  says close-on-exec to the kernel once, and not a second time by fcntl() for kernels before 2.6.23
 */
#include <features.h>

#ifndef __GLIBC__
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include "harness/base/linux/region.h"

void *__real___mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t bytes);
void *__real___mremap(void *at, size_t before, size_t bytes, int flags, void *to);
void *__wrap___mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t bytes);
void *__wrap___mremap(void *at, size_t before, size_t bytes, int flags, void *to);
int __wrap_open(const char *path, int flags, ...);

void *__wrap___mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset)
{
    void *block = NULL;

    if (at == NULL && access == (PROT_READ | PROT_WRITE) &&
        flags == (MAP_PRIVATE | MAP_ANONYMOUS) && fd == -1)
        block = sbx_region_take(bytes);
    return block != NULL ? block : __real___mmap(at, bytes, access, flags, fd, offset);
}

int __wrap_munmap(void *at, size_t bytes)
{
    return sbx_region_give(at, bytes) ? 0 : __real_munmap(at, bytes);
}

/* The allocator copies then. */
void *__wrap___mremap(void *at, size_t before, size_t bytes, int flags, void *to)
{
    if (!sbx_region_has(at))
        return __real___mremap(at, before, bytes, flags, to);
    errno = ENOMEM;
    return MAP_FAILED;
}

int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) {
        va_list more;

        va_start(more, flags);
        mode = va_arg(more, mode_t);
        va_end(more);
    }
    return openat(AT_FDCWD, path, flags, mode);
}
#else
typedef int sbx_musl_nothing; /* glibc keeps what it has by itself */
#endif
