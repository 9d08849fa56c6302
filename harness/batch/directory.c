/* What the directory of results is the same in on every system. See directory.h. */
#include "harness/batch/directory.h"

sbx_status sbx_directory_put(const sbx_directory *directory, const char *name, bool is_private,
                             const sbx_text *text, sbx_error *err)
{
    FILE *file = sbx_directory_begin(directory, name, is_private, err);

    if (file == NULL)
        return SBX_IO;
    (void)fwrite(sbx_text_string(text), 1, text->bytes, file);
    return sbx_directory_finish(directory, name, file, err);
}
