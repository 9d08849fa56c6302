/*
 * libseccomp asks for each bit of a flag by itself, and for the upper half of each argument, which is masked away: half
 * of its filter. The kernel compiles all of it at each launch.
 */
#ifndef SBX_SECCOMP_GEN_SHRINK_H
#define SBX_SECCOMP_GEN_SHRINK_H

#include <linux/filter.h>
#include <stddef.h>

enum { CODE_MAX = 1024 };

/* The same answers from fewer instructions, in place; returns how many there are. At most CODE_MAX. Ends the build where answers differ. */
size_t shrink(struct sock_filter *code, size_t count);

#endif
