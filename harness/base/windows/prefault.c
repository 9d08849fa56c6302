/* See prefault.h. Nothing to do: the system reads a program's pages ahead by itself, and nothing is forked. */
#include "harness/base/prefault.h"

bool sbx_prefault_is_dear(void)
{
    return false;
}

void sbx_prefault_heap(bool as_one)
{
    (void)as_one;
}

void sbx_prefault_work(void)
{
}

void sbx_prefault(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}
