/*
 * The files in ProgramData/sbx, and who works on them: a folder that only administrators write to. setup.json and
 * grants.json are readable to all (state.h); setup.lock and grants.lock are for nobody else.
 *
 * Who may include it: harness/setup/windows, tests. Only for an elevated process, but for reading.
 */
#ifndef SBX_SETUP_WINDOWS_STATE_FILE_H
#define SBX_SETUP_WINDOWS_STATE_FILE_H

#include "harness/setup/windows/state.h"

/* Who holds it is alone in that work; the system gives it back when the process ends, however it ends. */
typedef void *sbx_state_lock; /* NULL: not held */

#define SBX_STATE_LOCK_SETUP "setup"
#define SBX_STATE_LOCK_GRANTS "grants"

/*
 * Makes the folder where it is missing, and looks at who may write there.
 * Fails: BUSY     somebody else held it for that long
 *        REFUSED  the folder is not for administrators alone
 */
SBX_MUST_USE sbx_status sbx_state_lock_take(sbx_state_lock *out, const char *name, unsigned wait_ms,
                                            sbx_error *err);
void sbx_state_lock_give(sbx_state_lock *lock); /* not held is fine */
bool sbx_state_lock_is_held(const char *name);  /* by anybody */

/* *out_exists false: there is none, and *out is empty. */
SBX_MUST_USE sbx_status sbx_state_load(sbx_state *out, bool *out_exists, sbx_error *err);
SBX_MUST_USE sbx_status sbx_state_save(const sbx_state *state, sbx_error *err);
SBX_MUST_USE sbx_status sbx_grants_load(sbx_grants *out, sbx_error *err); /* none: empty */
SBX_MUST_USE sbx_status sbx_grants_keep(const sbx_grants *grants, sbx_error *err);

/* Both files; the folder goes once no lock is held (sbx_state_remove_folder()). */
SBX_MUST_USE sbx_status sbx_state_remove(sbx_error *err);
SBX_MUST_USE sbx_status sbx_state_remove_folder(sbx_error *err);

#endif
