/* Which file systems Linux shares over a network. */
#ifndef SBX_AUDIT_LINUX_FILE_SYSTEM_H
#define SBX_AUDIT_LINUX_FILE_SYSTEM_H

/* magic as statfs(2) gives it. The name, or NULL where it is local, or FUSE, which can be either.
 */
const char *sbx_network_file_system(unsigned long magic);

#endif
