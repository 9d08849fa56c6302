/*
 * One stretch of memory out of which a process takes its blocks, instead of asking the kernel for each: touched pages stay
 * mapped, and most can be one huge page. For the C library's allocator (musl.c) where that one gives every few
 * pages back to the kernel, to be mapped, cleared and paid for again with the next block.
 *
 * Without locks, as processes that share this memory may end at any instruction.
 */
#ifndef SBX_BASE_LINUX_REGION_H
#define SBX_BASE_LINUX_REGION_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SBX_REGION_BYTES = 8 * 1024 * 1024,
    SBX_REGION_HUGE_BYTES = 2 * 1024 * 1024,
    SBX_REGION_BLOCK_BYTES_MAX = 1024 * 1024,      /* where its beginning is one page */
    SBX_REGION_SMALL_BLOCK_BYTES_MAX = 128 * 1024, /* else: what is mapped at once is for the many small ones */
};

/*
 * is_huge: a huge page is asked for as its beginning, which is cleared at the first use; else the first `touched_bytes` are
 * mapped at once. What lies behind is memory once it is used. Once for a process. Without it, or where the system has
 * no room, there is no region and nothing is taken from it.
 */
void sbx_region_begin(bool is_huge, size_t touched_bytes);

/* Zeros, in whole pages; NULL: no region, or nothing left in it of that size. */
void *sbx_region_take(size_t bytes);

/* Back into the region, all of what was taken. False: it is not of the region. */
bool sbx_region_give(void *block, size_t bytes);
bool sbx_region_has(const void *block);

#endif
