/*
 * What sbx-setup.exe does, verb by verb: install, status, repair, uninstall, and grants, the slow part that install
 * starts and does not wait for. Each adds what it has to say to out, as text or as one JSON object, also where it fails.
 *
 * Order of an install: who calls (caller.h); alone (state_file.h); that a setup began is durable; the plan (setup.h); where it was
 * asked for, which audits are missing is durable, and they are put there (audit.h); that it is complete; the pass over the profile is
 * started. A failure leaves what was there before.
 * Order of an uninstall: alone, also without a pass; nobody runs as a sandbox user; the passwords go first, so that
 * nobody starts as one any more; the entries of the profile; the audits that are ours; the plan, the last first; what was
 * remembered.
 *
 * Who may include it: harness/setup/windows, tests.
 */
#ifndef SBX_SETUP_WINDOWS_VERBS_H
#define SBX_SETUP_WINDOWS_VERBS_H

#include "harness/base/text.h"

typedef enum sbx_setup_verb {
    SBX_SETUP_INSTALL, /* over an earlier one of the same user: what is missing */
    SBX_SETUP_STATUS,
    SBX_SETUP_REPAIR, /* as install, where there was one; and what killed runs left on the host */
    SBX_SETUP_UNINSTALL,
    SBX_SETUP_GRANTS, /* the pass over the profile, waited for */
    SBX_SETUP_VERB_COUNT,
} sbx_setup_verb;

const char *sbx_setup_verb_word(sbx_setup_verb verb);

typedef struct sbx_setup_options {
    bool wants_json;
    bool
        audits; /* of an install: Windows is to tell denials. It stays so until the uninstall, also in a repair */
} sbx_setup_options;

/*
 * *out_is_complete: everything is as planned (of status; of the others: it was done). status fails only where
 * something could not be looked at, and then out says the rest.
 */
SBX_MUST_USE sbx_status sbx_setup_run(sbx_text *out, bool *out_is_complete, sbx_setup_verb verb,
                                      const sbx_setup_options *options, sbx_error *err);

#endif
