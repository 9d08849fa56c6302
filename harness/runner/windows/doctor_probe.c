/* Nothing is tried in a process of its own here. */
#include "harness/runner/doctor.h"

#include <stdlib.h>

_Noreturn void sbx_doctor_probe(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    _exit(255);
}
