/* What the system's numbers are called in its own manual. Text that lives forever; usable after fork. */
#ifndef SBX_BASE_LINUX_NAMES_H
#define SBX_BASE_LINUX_NAMES_H

/* "EPERM"; of one that has no business here, its description. */
const char *sbx_errno_name(int code);
/* "KILL"; NULL: no such signal, or a real-time one. */
const char *sbx_signal_name(int number);

#endif
