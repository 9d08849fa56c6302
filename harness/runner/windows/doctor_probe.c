/* What this program does when it starts itself. Walls are not tried in a process of their own here. */
#include "harness/runner/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "harness/runner/windows/parts.h"

_Noreturn void sbx_doctor_probe(int argc, char **argv)
{
    bool is_all = argc == 2 && strcmp(argv[0], "break-all") == 0;

    if (is_all || (argc == 2 && strcmp(argv[0], "break") == 0))
        ExitProcess((UINT)sbx_break_here((uint32_t)strtoul(argv[1], NULL, 10), is_all));
    ExitProcess(255);
}
