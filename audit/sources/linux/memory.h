/* Reading another process's memory and links, as far as it lets itself be read. */
#ifndef SBX_AUDIT_SOURCES_LINUX_MEMORY_H
#define SBX_AUDIT_SOURCES_LINUX_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Up to bytes (seven pages at least) from address; how many could be read. */
size_t sbx_memory_read(pid_t pid, uint64_t address, void *out, size_t bytes);

/* A NUL-terminated string of less than room bytes. false: unreadable, or longer. */
bool sbx_memory_read_string(pid_t pid, uint64_t address, char *out, size_t room);

/* readlink of /proc/<pid>/<name>. false: gone. */
bool sbx_memory_read_link(pid_t pid, const char *name, char *out, size_t room);

/* The parent and the thread group of a task, as we see them. false: gone, and neither is changed. */
bool sbx_memory_read_ids(pid_t task, pid_t *out_group, pid_t *out_parent);

#endif
