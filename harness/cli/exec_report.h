/* What `sbx exec` says on stderr when the command has ended. */
#ifndef SBX_CLI_EXEC_REPORT_H
#define SBX_CLI_EXEC_REPORT_H

#include "harness/cli/exec_request.h"
#include "harness/runner/runner.h"

/* The lines; empty on an ordinary success. */
void sbx_exec_report(sbx_text *out, const sbx_result *result, const sbx_plan *plan,
                     const sbx_exec_request *request);

#endif
