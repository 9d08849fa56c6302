/*
 * Writing a seal down where the owner of the database cannot take it back: the contract with the
 * system. A copy of the database is held against it with sbx_verify_options.anchor_path.
 */
#ifndef SBX_AUDIT_ANCHOR_H
#define SBX_AUDIT_ANCHOR_H

#include "harness/base/error.h"

/*
 * One line to the system's log (syslog on Linux, facility auth), said to have been taken by it: an
 * error where nobody listens. path: its socket, NULL for the usual one.
 */
SBX_MUST_USE sbx_status sbx_anchor_to_log(const char *path, const char *line, sbx_error *err);

/* One line at the end of a file, which is made where it is missing; durable before this returns. */
SBX_MUST_USE sbx_status sbx_anchor_to_file(const char *path, const char *line, sbx_error *err);

#endif
