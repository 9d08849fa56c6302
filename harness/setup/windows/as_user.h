/*
 * Work of an elevated program in places of the caller's, done with what the caller may do without being elevated:
 * whoever can put a link there gains nothing by it that was not theirs before. Of one thread; not nested.
 *
 * Who may include it: harness/setup/windows, tests.
 */
#ifndef SBX_SETUP_WINDOWS_AS_USER_H
#define SBX_SETUP_WINDOWS_AS_USER_H

#include <stdbool.h>

#include "harness/base/error.h"

/* From here to the end this thread has the caller's user, no administrator's rights and no privileges. */
SBX_MUST_USE sbx_status sbx_as_user_begin(sbx_error *err);
/* A thread that could not be given back its rights keeps the lesser ones, and fails later. */
void sbx_as_user_end(void);

/* Is this process an administrator's with all their rights? */
bool sbx_as_user_is_elevated(void);

#endif
