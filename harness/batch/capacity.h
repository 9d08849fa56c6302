/* What this host has for a batch. */
#ifndef SBX_BATCH_CAPACITY_H
#define SBX_BATCH_CAPACITY_H

#include <stdint.h>

/* CPUs that this process may run on, at least 1. */
unsigned sbx_capacity_cpus(void);

/*
 * Memory that tasks may use together: what is available now, and not more than the groups that this process is in
 * leave it. Never 0; where nothing can be found out, SBX_UNLIMITED.
 */
uint64_t sbx_capacity_memory(void);

/* Linux: the same, from given files (tests). cgroup_root stands in for /sys/fs/cgroup. */
uint64_t sbx_capacity_memory_of(const char *meminfo, const char *self_cgroup,
                                const char *cgroup_root);

#endif
