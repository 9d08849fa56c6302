/* The arguments of a program that another process is about to become, from that one's memory. */
#ifndef SBX_AUDIT_SOURCES_LINUX_ARGUMENTS_H
#define SBX_AUDIT_SOURCES_LINUX_ARGUMENTS_H

#include <stdint.h>
#include <sys/types.h>

#include "harness/base/text.h"

enum {
    SBX_ARGUMENTS_MOST = 64,         /* of them */
    SBX_ARGUMENTS_BYTES_MOST = 4096, /* of all together */
    SBX_ARGUMENT_BYTES_MOST = 1023,  /* of one; of a longer one the next are kept */
    SBX_ARGUMENT_BYTES_CUT = 256
};

/*
 * Adds a JSON array, ["argv0", "argv1", …], with "…" as its last string where there are more than are kept. address: of the
 * pointers, as execve() has it. What cannot be read is an empty string, or no string at all.
 */
void sbx_arguments_read(sbx_text *out, pid_t task, uint64_t address);

#endif
