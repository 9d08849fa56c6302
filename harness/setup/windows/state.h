/*
 * What a setup remembers of itself, as text (JSON): whose it is, whom it made, and which entries it gave the group.
 * Pure; state_file.h keeps the text.
 *
 * setup.json   {"version": 1, "sbx": "0.1.0", "owner": SID, "made_us": µs since 1970, "is_complete": bool,
 *               "group": SID, "offline": SID, "online": SID, "audits": bool, "audits_ours": [NAMES]}
 * grants.json  {"version": 1, "phase": WORD, "why": text, "changed_us": …, "entries": [leases]}
 *
 * The names are those of audit.h; without these two keys no audit was asked for. A lease is a line of harness/policy/windows/lease.h. An unknown version is refused, never guessed at.
 *
 * Who may include it: harness/setup, tests.
 */
#ifndef SBX_SETUP_WINDOWS_STATE_H
#define SBX_SETUP_WINDOWS_STATE_H

#include <stdbool.h>

#include "harness/base/json.h"
#include "harness/setup/windows/audit.h"

enum { SBX_STATE_VERSION = 1, SBX_STATE_SID_BYTES = 192 };

typedef struct sbx_state {
    char owner[SBX_STATE_SID_BYTES]; /* who set up, and who alone can run sbx by it */
    uint64_t made_us;
    bool is_complete; /* false: a setup began, and was ended or failed */
    char group[SBX_STATE_SID_BYTES], offline[SBX_STATE_SID_BYTES], online[SBX_STATE_SID_BYTES];
    bool audits;                          /* denials are to be told (--audit-denials) */
    bool audit_is_ours[SBX_SETUP_AUDITS]; /* of these: a setup has put it there, or was about to */
} sbx_state;

void sbx_state_print(sbx_text *out, const sbx_state *state);

/*
 * Fails: REFUSED  written by a newer sbx
 *        CORRUPT  not such a text
 */
SBX_MUST_USE sbx_status sbx_state_parse(sbx_state *out, const char *text, sbx_error *err);

typedef enum sbx_grants_phase {
    SBX_GRANTS_NONE,
    SBX_GRANTS_IN_PROGRESS, /* or the pass was ended in its middle: then nobody holds its lock */
    SBX_GRANTS_DONE,
    SBX_GRANTS_FAILED,
} sbx_grants_phase;

/* Zeroed is none. */
typedef struct sbx_grants {
    sbx_grants_phase phase;
    char why[SBX_ERROR_TEXT_BYTES]; /* of a failed pass: its first failure */
    uint64_t changed_us;
    char **lease; /* each entry that was set, or was about to be */
    size_t count;
} sbx_grants;

const char *sbx_grants_phase_word(sbx_grants_phase phase);

void sbx_grants_print(sbx_text *out, const sbx_grants *grants);
/* As sbx_state_parse(). */
SBX_MUST_USE sbx_status sbx_grants_parse(sbx_grants *out, const char *text, sbx_error *err);

/* Adds a copy of the line, unless it is there. */
SBX_MUST_USE sbx_status sbx_grants_add(sbx_grants *grants, const char *lease, sbx_error *err);
void sbx_grants_drop(sbx_grants *grants, size_t index);
void sbx_grants_done(sbx_grants *grants);

#endif
