/*
 * vfork() into a group of cgroup v2. The C library has no such call, and none can be written in C: the child returns
 * on the parent's stack, over the return address that the parent needs when it goes on.
 */
#ifndef SBX_TARGET_LINUX_VFORK_INTO_H
#define SBX_TARGET_LINUX_VFORK_INTO_H

#include <stddef.h>

struct clone_args;

#if defined(__x86_64__) || defined(__aarch64__)
enum { SBX_HAS_VFORK_INTO = 1 };
#else
enum { SBX_HAS_VFORK_INTO = 0 }; /* the call says ENOSYS */
#endif

/* What to ask for: a child in the group of that directory. */
void sbx_vfork_into_describe(struct clone_args *out, int group_fd);

/*
 * clone3(2) with a request that shares memory and has no stack of its own.
 * Returns: 0 in the child, which must not return from who called; its pid in the parent, when it has called execve
 *          or ended; or a negative error number
 */
long sbx_vfork_into(const struct clone_args *request, size_t bytes)
    __attribute__((returns_twice, visibility("hidden")));

#endif
