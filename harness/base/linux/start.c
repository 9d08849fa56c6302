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
#include <time.h>

#include "harness/base/linux/image.h"

#ifndef MADV_POPULATE_READ /* since Linux 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, STACK_BYTES = 64 * 1024, DEAR_NS = 11000 };

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

static long call(long number, uintptr_t first, uintptr_t second, long third)
{
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
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

static long call(long number, uintptr_t first, uintptr_t second, long third)
{
    register long x8 __asm__("x8") = number;
    register uintptr_t x0 __asm__("x0") = first;
    register uintptr_t x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return (long)x0;
}
#endif

static void map(uintptr_t from, uintptr_t to, long how)
{
    from &= ~(uintptr_t)(PAGE - 1);
    to = (to + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    (void)call(SYS_madvise, from, to - from, how);
}

/* Monotonic. By the system call: what the library asks has pages of its own, and a processor's counter may be forbidden. */
static int64_t now_ns(void)
{
    struct timespec now = {0};

    (void)call(SYS_clock_gettime, CLOCK_MONOTONIC, (uintptr_t)&now, 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* With a page of the stack that nobody has used yet. */
static bool is_dear(uintptr_t here)
{
    int64_t before = now_ns();

    *(volatile char *)(here - 2 * (uintptr_t)PAGE) = 0;
    return now_ns() - before > DEAR_NS;
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
