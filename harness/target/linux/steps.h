/* The parts of the target's preparation, one file each, called in the order that enter.c shows. */
#ifndef SBX_TARGET_LINUX_STEPS_H
#define SBX_TARGET_LINUX_STEPS_H

#include "harness/target/target.h"

/* wire.c */
void sbx_wire_send(int socket, const sbx_wire *message);
SBX_NORETURN void sbx_wire_fail(int socket, const sbx_error *error);
/* READY, with the listener and the masks as descriptors where there are any; closes them. value of
 * the message: bit 0 a listener comes, bit 1 the masks come, in that order. */
SBX_MUST_USE sbx_status sbx_wire_send_ready(int socket, int listener_fd, int masks_fd,
                                            sbx_error *err);
/* Waits for IDMAP and takes its descriptor. */
SBX_MUST_USE sbx_status sbx_wire_receive_idmap(int *out_fd, int socket, sbx_error *err);
/* Waits for GO; anything else, the supervisor's end included, is a failure. */
SBX_MUST_USE sbx_status sbx_wire_wait_go(int socket, sbx_error *err);

/* namespaces.c: those that a process can make for itself */
SBX_MUST_USE sbx_status sbx_namespaces_make(const sbx_entry *entry, sbx_error *err);

/* ids.c */
SBX_MUST_USE sbx_status sbx_ids_map_self(const sbx_plan *plan, sbx_error *err);
SBX_MUST_USE sbx_status sbx_ids_become_target(const sbx_plan *plan, sbx_error *err);
SBX_MUST_USE sbx_status sbx_ids_drop_capabilities(sbx_error *err);
bool sbx_ids_may_make_devices(void); /* CAP_MKNOD, where the kernel honours it */
SBX_MUST_USE sbx_status sbx_ids_keep_only_kill(sbx_error *err);

/* mounts.c: *out_masks_fd is the directory of what stands for secrets, or -1 */
SBX_MUST_USE sbx_status sbx_mounts_make(int *out_masks_fd, const sbx_entry *entry, sbx_error *err);

/* masks.c: what stands for the secret of the rule with that index. -1 with errno */
int sbx_masks_make(int masks_fd, size_t index, const char *secret, bool is_directory);

/* landlock.c */
SBX_MUST_USE sbx_status sbx_landlock_restrict(const sbx_entry *entry, sbx_error *err);

/* seccomp.c: *out_listener is -1 where denials are not watched */
SBX_MUST_USE sbx_status sbx_seccomp_load(int *out_listener, const sbx_entry *entry, sbx_error *err);

/* stdio.c */
SBX_MUST_USE sbx_status sbx_stdio_take(const sbx_entry *entry, sbx_error *err);
/* Everything above stderr is closed by execve from here on. */
SBX_MUST_USE sbx_status sbx_stdio_close_on_exec(sbx_error *err);

/* rlimits.c: the limits that each process holds for itself */
SBX_MUST_USE sbx_status sbx_rlimits_apply(const sbx_entry *entry, sbx_error *err);

/* command.c: find and execute; returns only on failure */
SBX_MUST_USE sbx_status sbx_command_find(char out_path[4096], const sbx_plan *plan, sbx_error *err);
SBX_MUST_USE sbx_status sbx_command_execute(const char *path, const sbx_entry *entry,
                                            sbx_error *err);

/* reap.c: the rest of init's life */
SBX_NORETURN void sbx_init_reap(const sbx_entry *entry, int target_pid);

#endif
