/*
 * One entry on the host as a line of text, for the run's start row: what a killed run has left can be found again
 * by the next start, whatever the file is called by then. Pure.
 *
 *   ace <volume serial, 16 hex> <file id, 32 hex> <a|d> <mask, 8 hex> <flags, 2 hex> <k|m> <SID> <path>
 *
 * k: the place is kept, m: it was made for the run and goes with it. The path comes last, because it may hold
 * anything.
 */
#ifndef SBX_POLICY_WINDOWS_LEASE_H
#define SBX_POLICY_WINDOWS_LEASE_H

#include "harness/base/text.h"
#include "harness/policy/windows/aces.h"

typedef struct sbx_lease {
    uint64_t volume;
    uint8_t file_id[16];
    sbx_ace_kind kind;
    uint32_t mask;
    unsigned flags;
    bool is_made;
    char sid[192];
    const char *path; /* parsed: points into the line */
} sbx_lease;

void sbx_lease_print(sbx_text *out, const sbx_lease *lease);

/* False where the line is not exactly of the form above. */
bool sbx_lease_parse(sbx_lease *out, const char *line);

#endif
