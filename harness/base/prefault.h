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
 * Are page faults dear here, as the first one of this process told (linux/start.c)? They are where a hypervisor keeps page
 * tables of its own beside the guest's: some 17 us each, and 10 for the first use of a page that is mapped already;
 * elsewhere one to three.
 */
bool sbx_prefault_is_dear(void);

/*
 * The heap, for work of the size of one run. as_one: by a single huge page, of two megabytes, which takes as long to clear
 * as a hundred small ones to be mapped: for a process that will do nothing else, and where the use of each is dear.
 * Where the system gives none, or the C library is not musl, it is as many small ones as otherwise.
 */
void sbx_prefault_heap(bool as_one);

/* Variables and stack too: after a fork, not before, as what is mapped then would be copied for both. */
void sbx_prefault_work(void);

/* What begins at `memory`, to be written. */
void sbx_prefault(void *memory, size_t bytes);

#endif
