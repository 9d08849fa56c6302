/* cmd.exe reads quotes as no other program writes them: what a line says would not be what is run. */
#include <stddef.h>

#include "harness/batch/manifest_parts.h"

const char *sbx_manifest_shell(void)
{
    return NULL;
}
