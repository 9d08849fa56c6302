/*
 * Memory that is about to be used, mapped by one call instead of one page fault for each page: a launch
 * takes a hundred and fifty of them, and on a virtual machine a fault costs more than most system calls.
 * Only a hint; a system that does not know it goes on as before.
 */
#ifndef SBX_BASE_PREFAULT_H
#define SBX_BASE_PREFAULT_H

/* The program's code and constants. */
void sbx_prefault_code(void);

/* Variables, stack and heap, for work of the size of one run's rows. After a fork, not before: what is mapped
 * then would be copied for both. */
void sbx_prefault_work(void);

#endif
