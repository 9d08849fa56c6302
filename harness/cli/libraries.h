/* What the program was built with. */
#ifndef SBX_CLI_LIBRARIES_H
#define SBX_CLI_LIBRARIES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sbx_library {
    const char *name; /* also the JSON key */
    const char *(*version)(void);
} sbx_library;

extern const sbx_library sbx_libraries[];
extern const size_t sbx_libraries_count;

const char *sbx_compiler_version(void);

/* True where no dynamic loader took part in starting this process. */
bool sbx_program_is_static(void);

#endif
