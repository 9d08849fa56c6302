/* See prefault.h. MADV_POPULATE_* is there since Linux 5.14; before, it is refused and nothing is lost. */
#include "harness/base/prefault.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK_BYTES = 64 * 1024, HEAP_BYTES = 224 * 1024 };

/* The linker's own marks. */
extern char __data_start, _end;

static void populate(uintptr_t from, uintptr_t to)
{
    from &= ~(uintptr_t)(PAGE - 1);
    to = (to + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    if (to > from)
        (void)madvise((void *)from, to - from, MADV_POPULATE_WRITE);
}

void sbx_prefault(void *memory, size_t bytes)
{
    populate((uintptr_t)memory, (uintptr_t)memory + bytes);
}

void sbx_prefault_heap(void)
{
    void *heap;

    /* The block goes back to the top of the heap at once, mapped, and is given out from there. */
    (void)mallopt(M_TRIM_THRESHOLD, 4 * HEAP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, 4 * HEAP_BYTES);
    heap = malloc(HEAP_BYTES);
    if (heap != NULL)
        sbx_prefault(heap, HEAP_BYTES);
    free(heap);
}

void sbx_prefault_work(void)
{
    char here;

    populate((uintptr_t)&__data_start, (uintptr_t)&_end);
    populate((uintptr_t)&here - STACK_BYTES, (uintptr_t)&here);
    sbx_prefault_heap();
}
