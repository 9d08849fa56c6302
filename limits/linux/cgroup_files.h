/*
 * The files of a control group: one value in, one value out, and a word for what the kernel said.
 * Values are decimal or "max" (SBX_UNLIMITED). Functions return 0 or a negative errno, because "this
 * kernel has no such file" is an answer to most callers and not an error.
 */
#ifndef SBX_LIMITS_LINUX_CGROUP_FILES_H
#define SBX_LIMITS_LINUX_CGROUP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The calls that change the host, so that a test can stand in a directory of its own for the kernel,
 * and fail the n-th. own_groups is the file that says in which groups the caller is.
 */
typedef struct sbx_cgroup_calls {
    int (*make_directory)(int dir_fd, const char *name, mode_t mode); /* mkdirat */
    int (*remove_directory)(int dir_fd, const char *name);            /* unlinkat, AT_REMOVEDIR */
    ssize_t (*write)(int fd, const void *data, size_t bytes);
    const char *own_groups;
    bool (*is_delegated)(int dir_fd); /* systemd's mark: it keeps its hands off what is below */
} sbx_cgroup_calls;

extern sbx_cgroup_calls sbx_cgroup_os;

/* "sbx-" and a job name. */
enum { SBX_CGROUP_NAME_BYTES = 4 + 64 };

/*
 * The whole of a file as text, cut to bytes - 1. Returns its length or a negative errno. For files
 * that the kernel writes as one record: all of a cgroup's, and those of one process that are used here.
 */
ssize_t sbx_cgroup_read_text(int dir_fd, const char *file, char *out, size_t bytes);
int sbx_cgroup_read_number(uint64_t *out, int dir_fd, const char *file);
/* The number behind "key " in a flat keyed file. -ENOENT where the key is not there. */
int sbx_cgroup_read_key(uint64_t *out, int dir_fd, const char *file, const char *key);
/* The same in a text that was read already. */
int sbx_cgroup_find_key(uint64_t *out, const char *text, const char *key);

int sbx_cgroup_write_text(int dir_fd, const char *file, const char *text);
/*
 * Writes and reads back. The kernel may round down to a page (granule_bytes); anything else that is
 * not what was written is -ERANGE.
 */
int sbx_cgroup_set_number(int dir_fd, const char *file, uint64_t value, uint64_t granule);

/* Decimal digits up to anything else; "max" is SBX_UNLIMITED; false where there is no digit. */
bool sbx_cgroup_parse_number(uint64_t *out, const char *text, const char **out_end);

/* word stands in the comma separated list. */
bool sbx_cgroup_list_has(const char *list, const char *word, size_t word_bytes);

/* How many processes dir_fd/cgroup.procs lists; SBX_UNLIMITED where it cannot be read. */
uint64_t sbx_cgroup_count_listed(int dir_fd);

/*
 * Sends SIGKILL to every process listed in dir_fd/cgroup.procs and waits until the list is empty.
 * -ETIMEDOUT after timeout_ns. A number that was taken over by another process meanwhile is not hit.
 */
int sbx_cgroup_kill_listed(int dir_fd, uint64_t timeout_ns);

/*
 * Kills what is in groups below this one and removes them. Costs one fstat() where there are none.
 */
int sbx_cgroup_clear_children(int dir_fd, uint64_t timeout_ns);

/*
 * Removes an emptied group, and what there may be below it; waits a little for the kernel to let go.
 */
int sbx_cgroup_remove(int parent_fd, const char *name);

#endif
