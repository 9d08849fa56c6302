/* What a run used over time, for people: a line of bars for each of memory, CPU and processes. */
#ifndef SBX_CLI_USAGE_CURVE_H
#define SBX_CLI_USAGE_CURVE_H

#include "harness/base/text.h"

enum { SBX_CURVE_COLUMNS = 60 };

/*
 * Appends "memory over time   ▁▂▅█  most 91.6 MiB" and the like; nothing where the text is not what is
 * stored of a run. name_columns: how wide the names are.
 */
void sbx_usage_curve_add(sbx_text *out, const char *samples, size_t bytes, size_t name_columns);

#endif
