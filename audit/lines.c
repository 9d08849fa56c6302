/* Reading a log line by line; see lines.h. */
#include "audit/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 8192 };

struct sbx_lines {
    FILE *file;
    char line[LINE_BYTES];
};

sbx_status sbx_lines_open(sbx_lines **out, const char *path, sbx_error *err)
{
    sbx_lines *self = calloc(1, sizeof(*self));

    *out = NULL;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "out of memory");
    self->file = fopen(path, "rb");
    if (self->file == NULL) {
        free(self);
        return sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "opening %s", path);
    }
    *out = self;
    return SBX_OK;
}

sbx_status sbx_lines_next(const char **out_line, sbx_lines *lines, sbx_error *err)
{
    size_t bytes;
    int each;

    *out_line = NULL;
    if (fgets(lines->line, sizeof(lines->line), lines->file) == NULL)
        return ferror(lines->file)
                   ? sbx_fail_errno(err, SBX_IO, SBX_STEP_AUDIT, errno, "reading the anchors")
                   : SBX_OK;
    bytes = strlen(lines->line);
    if (bytes > 0 && lines->line[bytes - 1] == '\n')
        lines->line[bytes - 1] = '\0';
    else
        while (bytes == sizeof(lines->line) - 1 && (each = getc(lines->file)) != EOF &&
               each != '\n')
            ; /* the rest of a long line */
    *out_line = lines->line;
    return SBX_OK;
}

void sbx_lines_close(sbx_lines *lines)
{
    if (lines == NULL)
        return;
    (void)fclose(lines->file);
    free(lines);
}
