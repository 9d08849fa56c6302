/* A denial as people's programs get it: in the result of a run, and at its end with --denials json. */
#ifndef SBX_AUDIT_DENIAL_JSON_H
#define SBX_AUDIT_DENIAL_JSON_H

#include "audit/denial.h"
#include "harness/base/json.h"

/* An object, as the next element of an open array. docs/exit-codes.md has the keys. */
void sbx_denial_to_json(sbx_json *json, const sbx_denial *denial);

#endif
