/* See prefault.h. MADV_POPULATE_* is there since Linux 5.14; before, it is refused and nothing is lost. */
#include "harness/base/prefault.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK_BYTES = 64 * 1024, HEAP_BYTES = 224 * 1024 };

/* The linker's own marks. */
extern char __executable_start, __data_start, _end;

static void populate(uintptr_t from, uintptr_t to, int how)
{
    from &= ~(uintptr_t)(PAGE - 1);
    to = (to + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    if (to > from)
        (void)madvise((void *)from, to - from, how);
}

void sbx_prefault_code(void)
{
    populate((uintptr_t)&__executable_start, (uintptr_t)&__data_start, MADV_POPULATE_READ);
}

void sbx_prefault_work(void)
{
    char here;
    void *heap;

    populate((uintptr_t)&__data_start, (uintptr_t)&_end, MADV_POPULATE_WRITE);
    populate((uintptr_t)&here - STACK_BYTES, (uintptr_t)&here, MADV_POPULATE_WRITE);
    /* The block goes back to the top of the heap at once, mapped, and is given out from there. */
    (void)mallopt(M_TRIM_THRESHOLD, 4 * HEAP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, 4 * HEAP_BYTES);
    heap = malloc(HEAP_BYTES);
    if (heap != NULL)
        populate((uintptr_t)heap, (uintptr_t)heap + HEAP_BYTES, MADV_POPULATE_WRITE);
    free(heap);
}
