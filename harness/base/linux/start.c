/*
 * Where sbx begins, before the C library does and before the program has put in its own addresses: its segments and the
 * stack are mapped by one call for each instead of by some fifty page faults, of which most come before main(). Only
 * where a fault is dear, as the first one tells: where a hypervisor keeps page tables of its own beside the guest's it
 * takes as long as ten of those calls; elsewhere what is mapped and never used costs more than is saved.
 *
 * Only hints, whose failures lose nothing. Nothing in here may need an address that is put in later, the thread's
 * memory (a stack protector's) or the library: hence the bare system call, and -fno-stack-protector for this file.
 */
#if defined(__x86_64__) || defined(__aarch64__)
#include <sys/mman.h>
#include <sys/syscall.h>

#include "harness/base/linux/image.h"

#ifndef MADV_POPULATE_READ /* since Linux 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK_BYTES = 64 * 1024, DEAR_US = 10 };

void sbx_start(void);
__attribute__((visibility("hidden"), used)) void sbx_start_mapped(void);

/* What the kernel hands to a program's first instruction, and the library's takes from there, stays as it is. */
#if defined(__x86_64__)
__asm__(".text\n.globl sbx_start\n.type sbx_start, @function\n"
        "sbx_start:\n"
        "    endbr64\n"
        "    mov %rdx, %rbx\n"
        "    call sbx_start_mapped\n"
        "    mov %rbx, %rdx\n"
        "    jmp _start\n"
        ".size sbx_start, . - sbx_start\n");

/* The processor's own clock; the kernel's has pages to be mapped first. Some two to four thousand a microsecond. */
static uint64_t ticks(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t ticks_per_us(void)
{
    return 3000;
}

static long advise(uintptr_t from, uintptr_t bytes, long how)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_madvise), "D"(from), "S"(bytes), "d"(how)
                     : "rcx", "r11", "memory");
    return result;
}
#else
__asm__(".text\n.globl sbx_start\n.type sbx_start, %function\n"
        "sbx_start:\n"
        "    hint #34\n" /* bti c */
        "    mov x19, x0\n"
        "    bl sbx_start_mapped\n"
        "    mov x0, x19\n"
        "    b _start\n"
        ".size sbx_start, . - sbx_start\n");

static uint64_t ticks(void)
{
    uint64_t now;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(now) : : "memory");
    return now;
}

static uint64_t ticks_per_us(void)
{
    uint64_t per_second;

    __asm__("mrs %0, cntfrq_el0" : "=r"(per_second));
    return per_second / 1000000;
}

static long advise(uintptr_t from, uintptr_t bytes, long how)
{
    register long number __asm__("x8") = SYS_madvise;
    register uintptr_t result __asm__("x0") = from;
    register uintptr_t second __asm__("x1") = bytes;
    register long third __asm__("x2") = how;

    __asm__ volatile("svc #0" : "+r"(result) : "r"(number), "r"(second), "r"(third) : "memory");
    return (long)result;
}
#endif

static void map(uintptr_t from, uintptr_t to, long how)
{
    from &= ~(uintptr_t)(PAGE - 1);
    to = (to + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    (void)advise(from, to - from, how);
}

/* With a page of the stack that nobody has used yet. */
static bool is_dear(uintptr_t here)
{
    uint64_t before = ticks();

    *(volatile char *)(here - 2 * (uintptr_t)PAGE) = 0;
    return ticks() - before > DEAR_US * ticks_per_us();
}

void sbx_start_mapped(void)
{
    sbx_image self = sbx_image_self();
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    sbx_image_faults_are_dear = is_dear(here);
    if (!sbx_image_faults_are_dear)
        return;
    for (int i = 0; i < self.count; i++) {
        const ElfW(Phdr) *segment = &self.segments[i];

        if (segment->p_type == PT_LOAD)
            map(self.shift + segment->p_vaddr, self.shift + segment->p_vaddr + segment->p_memsz,
                (segment->p_flags & PF_W) != 0 ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
    }
    map(here - STACK_BYTES, here, MADV_POPULATE_WRITE);
}

#ifndef __GLIBC__
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

static _Noreturn void refuse(void)
{
    static const char why[] = "sbx: the kernel refused to make the program's own tables read-only "
                              "(mprotect); nothing was started\n";

    (void)!write(2, why, sizeof(why) - 1);
    _Exit(125);
}

/*
 * Read-only from here on: what was put in and is never changed again, tables of functions above all. glibc does this itself,
 * musl for dynamic programs only. Whole pages, as large as this kernel has them.
 */
__attribute__((constructor(101))) static void protect_relocated(void)
{
    sbx_image self = sbx_image_self();
    uintptr_t page = getauxval(AT_PAGESZ);

    for (int i = 0; i < self.count; i++) {
        const ElfW(Phdr) *segment = &self.segments[i];
        uintptr_t from = (self.shift + segment->p_vaddr) & ~(page - 1);
        uintptr_t to = (self.shift + segment->p_vaddr + segment->p_memsz) & ~(page - 1);

        if (segment->p_type == PT_GNU_RELRO && to > from &&
            mprotect((void *)from, to - from, PROT_READ) != 0)
            refuse();
    }
}
#endif
#else
typedef int sbx_start_nothing; /* other processors begin as usual */
#endif
