/* Files of the C library, where the systems' own differ: names that are UTF-8, sizes beyond 2 GiB, no text mode. */
#ifndef SBX_BASE_FILE_H
#define SBX_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/base/error.h"

/* For reading; NULL and an error. */
FILE *sbx_file_open(const char *path, sbx_step step, sbx_error *err);

/* Standard input, byte for byte. Not to be closed. */
FILE *sbx_file_stdin(void);

/* For writing and reading, the caller's alone, without a name or gone with its end. NULL: none can be made. */
FILE *sbx_file_temporary(void);

/* False: it cannot be read from there. */
bool sbx_file_seek(FILE *file, uint64_t at);

#endif
