/* A directory that runs have put in the place of an absent protected name, told from everybody else's. */
#ifndef SBX_POLICY_WINDOWS_STAND_IN_H
#define SBX_POLICY_WINDOWS_STAND_IN_H

#include <stdbool.h>

/* By the entry that it is known by (ace_plan.h). False also where its list cannot be read. */
bool sbx_place_stands_in(const char *path);

#endif
