/*
 * Where musl's allocator takes its pages from: the region, while there is one. The linker puts these in the place of
 * the calls inside the library (--wrap, cmake/musl.cmake); where a later musl makes others, it asks the kernel itself.
 */
#include <features.h>

#ifndef __GLIBC__
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "harness/base/linux/region.h"

void *__real___mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t bytes);
void *__real___mremap(void *at, size_t before, size_t bytes, int flags, void *to);
void *__wrap___mmap(void *at, size_t bytes, int access, int flags, int fd, off_t offset);
int __wrap_munmap(void *at, size_t bytes);
void *__wrap___mremap(void *at, size_t before, size_t bytes, int flags, void *to);

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
#else
typedef int sbx_musl_memory_nothing; /* glibc keeps what it has by itself */
#endif
