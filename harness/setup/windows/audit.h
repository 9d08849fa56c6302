/*
 * What has to be switched on for Windows to tell which accesses the sandbox users were refused (`sbx-setup install
 * --audit-denials`), as a list beside the plan of setup.h. Pure.
 *
 * Each is the whole machine's, and may be the owner's own already: what was there is left there. So the setup notes, before it
 * changes anything, what was missing, and takes away exactly that.
 *   entries       in the global access list of files and of registry keys, for failures of the group SbxUsers: our own
 *   subcategories "File System", "Registry", "Handle Manipulation": failures are told. By them alone nothing of other users is
 *                 told that no entry asks for; where the machine has such entries of its owner's, their failures are told too
 * What others read in the log, and who may read it, is not changed.
 *
 * Who may include it: harness/setup, tests.
 */
#ifndef SBX_SETUP_WINDOWS_AUDIT_H
#define SBX_SETUP_WINDOWS_AUDIT_H

#include "harness/setup/windows/setup.h"

enum { SBX_SETUP_AUDITS = 5 };

/* In the order in which they are put there: nothing is told before the last ones are. */
const sbx_setup_item *sbx_setup_audit_plan(void);

/* Makes durable what the setup remembers of itself, is_ours among it. */
typedef sbx_status sbx_setup_audit_save(void *context, sbx_error *err);

/*
 * Adds to is_ours what is not there as planned, has that saved, and puts it there. On failure what this call had put there
 * is gone again, and is_ours, which the caller saves once more, names what is not.
 * Fails: as sbx_setup_install(), and as save does
 */
SBX_MUST_USE sbx_status sbx_setup_audit_install(bool is_ours[SBX_SETUP_AUDITS],
                                                const sbx_setup_os *os, sbx_setup_audit_save *save,
                                                void *context, sbx_error *err);

/* As sbx_setup_look() and its two printers. */
SBX_MUST_USE sbx_status sbx_setup_audit_look(sbx_setup_found out[SBX_SETUP_AUDITS],
                                             bool *out_is_complete, const sbx_setup_os *os,
                                             sbx_error *err);
void sbx_setup_audit_print(sbx_text *out, const sbx_setup_found *found);
/* found NULL: an empty array. */
void sbx_setup_audit_print_json(sbx_json *json, const char *key, const sbx_setup_found *found);

/* As sbx_setup_uninstall(), of what is ours. */
SBX_MUST_USE sbx_status sbx_setup_audit_uninstall(const bool is_ours[SBX_SETUP_AUDITS],
                                                  const sbx_setup_os *os, sbx_error *err);

#endif
