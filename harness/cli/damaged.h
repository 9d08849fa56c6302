/* What `exec` and `batch run` do about a database that cannot be read any more: it is set aside, and they go on. */
#ifndef SBX_CLI_DAMAGED_H
#define SBX_CLI_DAMAGED_H

#include <stdbool.h>

#include "harness/base/error.h"

/*
 * true: why was damage, and there is a sound database now, which is worth another try. Says on stderr what the
 * damaged one is called, or why it stays. Context: nothing of the caller's runs.
 */
bool sbx_damaged_set_aside(const char *path, const sbx_error *why);

/* The same before anything is begun: looks whether the database, if there is one, can be opened. */
void sbx_damaged_look(const char *path);

#endif
