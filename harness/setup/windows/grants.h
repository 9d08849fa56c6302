/*
 * What the group of the sandbox users may read of the caller's profile, and back. Everything else on a usual machine
 * (Windows, Program Files, ProgramData) every user may read already.
 *
 * The profile itself, AppData and AppData/Local: to walk through and to be looked at, not to be listed, and nothing goes
 * down from them. A directory right below the profile: to be read, with all that is in it, unless
 *   - it is AppData (of which Local/Programs is, where programs of one user are), or its name begins with a dot and one
 *     of the built-in secrets lies in it or is it: such a directory is left out whole, also for secrets yet to come;
 *   - it is a link, or lies in a cloud.
 * Files right below the profile (the user's registry among them): never.
 *
 * Pure but for a table of system calls (harness/target/windows/os.h): the same on every system.
 *
 * Who may include it: harness/setup, tests.
 */
#ifndef SBX_SETUP_WINDOWS_GRANTS_H
#define SBX_SETUP_WINDOWS_GRANTS_H

#include "harness/setup/windows/state.h"
#include "harness/target/windows/os.h"

/* What a pass needs to know. */
typedef struct sbx_grants_wish {
    const char *profile;         /* C:/Users/name */
    const char *const *children; /* names of the directories right below it, NULL-terminated */
    const char *group;           /* its SID */
} sbx_grants_wish;

/* The list is made durable; called before an entry is set and after one is gone. */
typedef sbx_status (*sbx_grants_save)(const sbx_grants *grants, void *context, sbx_error *err);

/* May that directory right below the profile be read? */
bool sbx_grants_takes(const char *name);

/*
 * Sets what is missing, each read back; what is there already is only noted. A place that is not there, or is a link, is
 * left out. A place that cannot be changed does not keep the others from it: the first such failure is the pass's.
 * Who is ended in here leaves a list that says at least what was set.
 */
SBX_MUST_USE sbx_status sbx_grants_set(sbx_grants *grants, const sbx_grants_wish *wish,
                                       const sbx_target_os *os, sbx_grants_save save, void *context,
                                       sbx_error *err);

/* Takes exactly those of the list away, the last first; what could not be stays in the list. */
SBX_MUST_USE sbx_status sbx_grants_revoke(sbx_grants *grants, const sbx_target_os *os,
                                          sbx_grants_save save, void *context, sbx_error *err);

#endif
