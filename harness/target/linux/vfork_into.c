/* The return address is kept in a register, which each of the two has for itself; see vfork_into.h. */
#include "harness/target/linux/vfork_into.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

_Static_assert(SYS_clone3 == 435, "the number below");

void sbx_vfork_into_describe(struct clone_args *out, int group_fd)
{
    *out = (struct clone_args){.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
                               .exit_signal = SIGCHLD,
                               .cgroup = (unsigned)group_fd};
}

#if defined(__x86_64__)
__asm__(
    ".pushsection .text\n"
    ".globl sbx_vfork_into\n"
    ".hidden sbx_vfork_into\n"
    ".type sbx_vfork_into, @function\n"
    "sbx_vfork_into:\n"
    "    pop %rdx\n" /* a system call changes rax, rcx and r11 only */
    "    xor %ecx, %ecx\n"
    "    rdsspq %rcx\n" /* where there is a shadow stack, its entry goes as well: the child's calls write over it */
    "    test %rcx, %rcx\n"
    "    jz 1f\n"
    "    mov $1, %ecx\n"
    "    incsspq %rcx\n"
    "1:  mov $435, %eax\n"
    "    syscall\n"
    "    notrack jmp *%rdx\n"
    ".size sbx_vfork_into, . - sbx_vfork_into\n"
    ".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text\n"
        ".globl sbx_vfork_into\n"
        ".hidden sbx_vfork_into\n"
        ".type sbx_vfork_into, %function\n"
        "sbx_vfork_into:\n"
        "    mov x8, #435\n" /* the return address is in x30, which a system call leaves alone */
        "    svc #0\n"
        "    ret\n"
        ".size sbx_vfork_into, . - sbx_vfork_into\n"
        ".popsection\n");
#else
long sbx_vfork_into(const struct clone_args *request, size_t bytes)
{
    (void)request;
    (void)bytes;
    return -ENOSYS;
}
#endif
