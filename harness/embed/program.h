/* Finding the program that the library starts. */
#ifndef SBX_EMBED_PROGRAM_H
#define SBX_EMBED_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/* False: there is none. */
bool sbx_embed_find_program(char *out, size_t room);

#endif
