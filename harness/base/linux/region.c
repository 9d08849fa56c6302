/* See region.h. */
#include "harness/base/linux/region.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/base/compiler.h"
#include "harness/base/prefault.h"

enum { PAGE = 4096, PAGES = SBX_REGION_BYTES / PAGE };

/* start: set once, before there is a second thread. Blocks that came back: their first page and how many they have. */
static struct {
    char *start;
    size_t most_bytes;
    atomic_uint used_pages;
    atomic_uint given[64];
} region;

static unsigned pages_of(size_t bytes)
{
    return (unsigned)((bytes + PAGE - 1) / PAGE);
}

void sbx_region_begin(bool is_huge, size_t touched_bytes)
{
    const size_t room = SBX_REGION_BYTES + SBX_REGION_HUGE_BYTES;
    char *all, *start;

    if (region.start != NULL)
        return;
    all = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return;
    start = all + SBX_REGION_HUGE_BYTES - (uintptr_t)all % SBX_REGION_HUGE_BYTES;
    (void)munmap(all, (size_t)(start - all));
    if (start + SBX_REGION_BYTES < all + room)
        (void)munmap(start + SBX_REGION_BYTES, (size_t)(all + room - start) - SBX_REGION_BYTES);
    if (is_huge)
        (void)madvise(start, SBX_REGION_HUGE_BYTES, MADV_HUGEPAGE);
    else
        sbx_prefault(start, touched_bytes);
    region.most_bytes = is_huge ? SBX_REGION_BLOCK_BYTES_MAX : SBX_REGION_SMALL_BLOCK_BYTES_MAX;
    region.start = start;
}

static void *take_given(unsigned pages)
{
    for (size_t i = 0; i < SBX_COUNT_OF(region.given); i++) {
        unsigned block = atomic_load(&region.given[i]);

        if (block % PAGES == pages && atomic_compare_exchange_strong(&region.given[i], &block, 0U))
            return region.start + (size_t)(block / PAGES) * PAGE;
    }
    return NULL;
}

static void *take_new(unsigned pages)
{
    unsigned used = atomic_load(&region.used_pages);

    do {
        if (pages > PAGES - used)
            return NULL;
    } while (!atomic_compare_exchange_weak(&region.used_pages, &used, used + pages));
    return region.start + (size_t)used * PAGE;
}

void *sbx_region_take(size_t bytes)
{
    unsigned pages = pages_of(bytes);
    void *block;

    if (region.start == NULL || bytes == 0 || bytes > region.most_bytes)
        return NULL;
    block = take_given(pages);
    return block != NULL ? block : take_new(pages);
}

bool sbx_region_has(const void *block)
{
    uintptr_t at = (uintptr_t)block, start = (uintptr_t)region.start;

    return start != 0 && at >= start && at - start < SBX_REGION_BYTES;
}

/* Where there is no place to remember it, it is lost to this process: a few pages that nobody uses any more. */
bool sbx_region_give(void *block, size_t bytes)
{
    unsigned pages = pages_of(bytes), written;

    if (!sbx_region_has(block))
        return false;
    memset(block, 0, (size_t)pages * PAGE);
    written = (unsigned)(((char *)block - region.start) / PAGE) * PAGES + pages;
    for (size_t i = 0; i < SBX_COUNT_OF(region.given); i++) {
        unsigned nothing = 0;

        if (atomic_compare_exchange_strong(&region.given[i], &nothing, written))
            break;
    }
    return true;
}
