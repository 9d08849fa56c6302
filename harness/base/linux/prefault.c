/* See prefault.h. MADV_POPULATE_* is there since Linux 5.14; before, it is refused and nothing is lost. */
#include "harness/base/prefault.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "harness/base/linux/image.h"
#include "harness/base/linux/region.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK_BYTES = 64 * 1024, HEAP_BYTES = 376 * 1024 };

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

bool sbx_image_faults_are_dear;

bool sbx_prefault_is_dear(void)
{
    return sbx_image_faults_are_dear;
}

#ifdef __GLIBC__
/* The block goes back to the top of the heap at once, mapped, is given out from there, and stays when it is given back. */
void sbx_prefault_heap(bool as_one)
{
    void *heap;

    (void)as_one; /* one page for all is for the program that musl is in */
    (void)mallopt(M_TRIM_THRESHOLD, 4 * HEAP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, 4 * HEAP_BYTES);
    heap = malloc(HEAP_BYTES);
    if (heap != NULL)
        sbx_prefault(heap, HEAP_BYTES);
    free(heap);
}
#else
void sbx_prefault_heap(bool as_one)
{
    sbx_region_begin(as_one, HEAP_BYTES);
}
#endif

/* Of the program's file: what can be written. */
static void populate_variables(void)
{
    sbx_image self = sbx_image_self();

    for (int i = 0; i < self.count; i++) {
        const ElfW(Phdr) *segment = &self.segments[i];

        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_W) != 0)
            populate(self.shift + segment->p_vaddr,
                     self.shift + segment->p_vaddr + segment->p_memsz);
    }
}

void sbx_prefault_work(void)
{
    char here;

    populate_variables();
    populate((uintptr_t)&here - STACK_BYTES, (uintptr_t)&here);
    sbx_prefault_heap(false);
}
