/* What lines of commands are for. */
#include <stddef.h>

#include "harness/batch/manifest_parts.h"

const char *sbx_manifest_shell(void)
{
    return "/bin/sh";
}
