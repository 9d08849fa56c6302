/*
 * Looking at processes through /proc: one process, and the tree below one.
 *
 * The tree is complete where every orphan is handed to its root: the root is the init of a pid
 * namespace, or a child subreaper. Processes may vanish at any moment; one that does is left out.
 */
#ifndef SBX_LIMITS_LINUX_PROCFS_H
#define SBX_LIMITS_LINUX_PROCFS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sbx_process {
    int pid;
    char state; /* 'Z' and 'X' are dead */
    uint64_t thread_count;
    uint64_t cpu_ns; /* its own and that of the children it has waited for */
    uint64_t rss_bytes;
    uint64_t start_ticks; /* since boot: with the pid, an identity */
} sbx_process;

/* False where there is no such process (any more), or it cannot be read. */
bool sbx_process_read(sbx_process *out, int pid);

/* Takes the text of a stat file apart (proc_pid_stat(5)). The name in it may hold anything. */
bool sbx_process_parse(sbx_process *out, const char *text);

bool sbx_process_is_dead(const sbx_process *process);

/* Swapped out, by status; 0 where unknown. */
uint64_t sbx_process_swap_bytes(int pid);

/* Its share of what it has mapped, swap included (smaps_rollup). False where we may not look. */
bool sbx_process_pss_bytes(uint64_t *out, int pid);

/*
 * Bytes that a process and the children it has waited for made the block layer move. The file is
 * opened while it lives (a zombie's belongs to root), and can be read until it is waited for.
 */
int sbx_process_open_io(int pid); /* -1: we may not look */
bool sbx_process_read_io(uint64_t *out_read_bytes, uint64_t *out_write_bytes, int io_fd);

/* Called once per process of the tree, the root first. False ends the walk. */
typedef bool sbx_process_visit(const sbx_process *process, void *context);

/* False where there is no memory for it. A vanished root is an empty tree. */
bool sbx_process_walk(int root_pid, sbx_process_visit *visit, void *context);

/* This kernel lists children (CONFIG_PROC_CHILDREN), and /proc is there. */
bool sbx_process_can_walk(void);

#endif
