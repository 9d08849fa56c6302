/*
 * Memory that is about to be used, mapped by one call instead of one page fault for each page: a launch
 * took a hundred and fifty of them, and on a virtual machine a fault costs more than most system calls.
 * Only a hint; a system that does not know it goes on as before. The program's own file is mapped before main()
 * (linux/start.c).
 */
#ifndef SBX_BASE_PREFAULT_H
#define SBX_BASE_PREFAULT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the first use of a page take long though it is mapped? Measured with one. It does where a hypervisor keeps page tables of
 * its own beside the guest's: some 10 us each, and a few nanoseconds elsewhere.
 */
bool sbx_prefault_is_dear(void);

/*
 * The heap, for work of the size of one run. is_dear: by a single huge page, of two megabytes: for a process that will do
 * nothing else, as it has to be cleared, too. Where the system gives none, or the C library is not musl, it is as many
 * small ones as otherwise.
 */
void sbx_prefault_heap(bool is_dear);

/* Variables and stack too: after a fork, not before, as what is mapped then would be copied for both. */
void sbx_prefault_work(void);

/* What begins at `memory`, to be written. */
void sbx_prefault(void *memory, size_t bytes);

#endif
