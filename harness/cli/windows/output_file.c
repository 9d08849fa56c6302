/* Writing a file beside its place is not on Windows yet; see output_file.h. stdout can be redirected to one. */
#include "harness/cli/output_file.h"

#include <string.h>

void sbx_output_file_init(sbx_output_file *file)
{
    memset(file, 0, sizeof(*file));
    file->fd = file->directory_fd = -1;
}

void sbx_output_file_done(sbx_output_file *file)
{
    sbx_output_file_init(file);
}

sbx_status sbx_output_file_open(sbx_output_file *file, const char *path, sbx_error *err)
{
    (void)file;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_RESULT,
                          "--out: writing \"%s\" is not on Windows yet — redirect stdout to it",
                          path);
}

sbx_status sbx_output_file_write(sbx_output_file *file, const char *data, size_t bytes,
                                 sbx_error *err)
{
    (void)data;
    (void)bytes;
    return sbx_output_file_open(file, "", err);
}

sbx_status sbx_output_file_commit(sbx_output_file *file, sbx_error *err)
{
    return sbx_output_file_open(file, "", err);
}
