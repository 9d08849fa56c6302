/* How many columns UTF-8 text takes on a terminal, without a locale. */
#ifndef SBX_CLI_WIDTH_H
#define SBX_CLI_WIDTH_H

#include <stddef.h>

/* Text without control characters (sbx_text_add_escaped makes such). */
size_t sbx_width_of(const char *text, size_t bytes);

/* How many bytes of the text take at most that many columns; marks stay with the letter before. */
size_t sbx_width_cut(const char *text, size_t bytes, size_t columns);

#endif
