/* batch_library SBX DATABASE JOBS N PROGRAM [ARG…]: the same by libsbx, with the limits of bench/batch.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/include/sbx/sbx.h"

static void count(void *context, const sbx_result *result)
{
    unsigned long *ok = context;

    *ok += strcmp(result->status, "ok") == 0;
}

int main(int argc, char **argv)
{
    sbx_options options = {.size = sizeof(options)};
    sbx_command command = {.size = sizeof(command),
                           .memory_bytes = UINT64_C(1) << 30,
                           .processes = 64,
                           .wall_ms = 60000};
    unsigned long total, ok = 0;
    sbx_runner *runner = NULL;
    sbx_error error = {0};
    int code;

    if (argc < 6)
        return 2;
    options.program = argv[1];
    options.audit_db = argv[2];
    options.jobs = (unsigned)strtoul(argv[3], NULL, 10);
    total = strtoul(argv[4], NULL, 10);
    command.argv = (const char *const *)argv + 5;
    code = sbx_open(&runner, &options, &error);
    for (unsigned long i = 0; i < total && code == SBX_OK; i++)
        code = sbx_submit(runner, &command, NULL, &error);
    if (code == SBX_OK)
        code = sbx_finish(runner, count, &ok, &error);
    sbx_close(runner);
    if (code != SBX_OK || ok != total)
        fprintf(stderr, "batch_library: %lu of %lu were ok: %s\n", ok, total, error.message);
    return code != SBX_OK || ok != total;
}
