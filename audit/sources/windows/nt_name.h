/*
 * Names as Windows' kernel is asked for them, in sbx's form. Plain C without the system: the names come from programs
 * that nobody trusts, and are tested on every system.
 */
#ifndef SBX_AUDIT_SOURCES_WINDOWS_NT_NAME_H
#define SBX_AUDIT_SOURCES_WINDOWS_NT_NAME_H

#include <stdint.h>

#include "harness/base/text.h"

/* What the drives stand for, by their letters: "\Device\HarddiskVolume3"; "" where there is no such drive. */
typedef struct sbx_nt_drives {
    char device[26][64];
} sbx_nt_drives;

/*
 * Adds the path: "C:/docs/file" of \??\C:\docs\file, of \Device\HarddiskVolume3\docs\file, and of C:\docs\file, which is how
 * the security log has it; "//server/share/file" of \??\UNC\server\share\file. Any other name stays as it is (\Device\…, \REGISTRY\…, a part of a longer one).
 */
void sbx_nt_name_add(sbx_text *out, const uint16_t *name, size_t units,
                     const sbx_nt_drives *drives);

#endif
