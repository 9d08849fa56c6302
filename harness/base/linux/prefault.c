/* See prefault.h. MADV_POPULATE_* is there since Linux 5.14; before, it is refused and nothing is lost. */
#include "harness/base/prefault.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "harness/base/clock.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
    PAGE = 4096,
    STACK_BYTES = 64 * 1024,
    HEAP_BYTES = 224 * 1024,
    HUGE_BYTES = 2 * 1024 * 1024,
    DEAR_NS = 4000
};

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

/* Blocks of that size are the heap's, and it keeps as much when they are given back. */
static void keep_in_heap(int bytes)
{
    (void)mallopt(M_TRIM_THRESHOLD, bytes);
    (void)mallopt(M_MMAP_THRESHOLD, bytes);
}

/* The block goes back to the top of the heap at once, mapped, and is given out from there. */
static void populate_heap(void)
{
    void *heap = malloc(HEAP_BYTES);

    if (heap != NULL)
        sbx_prefault(heap, HEAP_BYTES);
    free(heap);
}

bool sbx_prefault_is_dear(void)
{
    static _Alignas(PAGE) volatile char page[PAGE]; /* mapped by start.c, and nobody else's */
    uint64_t before;

    (void)sbx_clock_monotonic_ns(); /* has pages of its own */
    before = sbx_clock_monotonic_ns();
    page[0]++;
    return sbx_clock_monotonic_ns() - before > DEAR_NS;
}

/*
 * Has the heap go on where a huge page can begin, and asks for one there. What lies before it is given to nobody: that is
 * addresses, and one page. The huge one must not have been touched when it is asked for.
 */
static void begin_huge_page(void)
{
    enum { CHUNK_HEAD = 2 * sizeof(size_t) };
    static void *before; /* so that nobody takes it for lost */
    char *block = malloc(2 * HUGE_BYTES + PAGE), *huge;

    if (block == NULL)
        return;
    huge = block + CHUNK_HEAD + HUGE_BYTES - 1;
    huge -= (uintptr_t)huge % HUGE_BYTES;
    (void)madvise(huge, HUGE_BYTES, MADV_HUGEPAGE);
    before = realloc(block, (size_t)(huge - block) - CHUNK_HEAD); /* it only becomes smaller */
    (void)before;
}

void sbx_prefault_heap(bool is_dear)
{
    keep_in_heap(4 * (is_dear ? HUGE_BYTES : HEAP_BYTES));
    if (is_dear)
        begin_huge_page();
    populate_heap();
}

void sbx_prefault_work(void)
{
    char here;

    populate((uintptr_t)&__data_start, (uintptr_t)&_end);
    populate((uintptr_t)&here - STACK_BYTES, (uintptr_t)&here);
    sbx_prefault_heap(false);
}
