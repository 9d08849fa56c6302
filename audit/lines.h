/* Text files that anchors are read from and written to: a log, whatever else is in it. */
#ifndef SBX_AUDIT_LINES_H
#define SBX_AUDIT_LINES_H

#include "harness/base/error.h"

typedef struct sbx_lines sbx_lines;

/* Lines of any length, cut at 8 KiB; what follows a NUL byte in a line is not seen. */
SBX_MUST_USE sbx_status sbx_lines_open(sbx_lines **out, const char *path, sbx_error *err);
/* *out_line NULL: no more. Valid until the next call. */
SBX_MUST_USE sbx_status sbx_lines_next(const char **out_line, sbx_lines *lines, sbx_error *err);
void sbx_lines_close(sbx_lines *lines); /* NULL is fine */

#endif
