/* See file.h. */
#include "harness/base/file.h"

#include <errno.h>
#include <sys/types.h>

FILE *sbx_file_open(const char *path, sbx_step step, sbx_error *err)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        (void)sbx_fail_errno(err, SBX_INVALID, step, errno, "open %s", path);
    return file;
}

FILE *sbx_file_stdin(void)
{
    return stdin;
}

FILE *sbx_file_temporary(void)
{
    return tmpfile();
}

bool sbx_file_seek(FILE *file, uint64_t at)
{
    return fseeko(file, (off_t)at, SEEK_SET) == 0;
}
