/*
 * This process, by what tells it from a later one with its pid. The kernel is asked once; after a fork the new process asks
 * anew. Any thread.
 */
#ifndef SBX_BASE_LINUX_SELF_H
#define SBX_BASE_LINUX_SELF_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sbx_self {
    int pid;                /* as /proc has it, which may be of another pid namespace; 0: it does not show us */
    uint64_t start_ticks;   /* since boot; 0: not known */
    uint64_t pid_namespace; /* its inode's number; 0: not known */
} sbx_self;

sbx_self sbx_self_look(void);

/* The number of our namespace of that kind ("pid", "user", …); 0: not known. The machine's own have the same numbers everywhere: */
#define SBX_FIRST_CGROUP_NAMESPACE 0xEFFFFFFBU
#define SBX_FIRST_PID_NAMESPACE 0xEFFFFFFCU
#define SBX_FIRST_USER_NAMESPACE 0xEFFFFFFDU
uint64_t sbx_self_namespace(const char *kind);

/*
 * Of the text of a stat file, proc_pid_stat(5): when that process began, 0 where it does not say so. *out_is_dead: it only
 * waits to be buried, which an orphan may do for ever where pid 1 of a container buries nobody.
 */
uint64_t sbx_self_parse_start(bool *out_is_dead, const char *stat_text);

#endif
