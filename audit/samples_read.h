/*
 * The points of a run as they are stored, back from their text. Whoever may write the file may have
 * written anything there: what is not of that form is not read.
 */
#ifndef SBX_AUDIT_SAMPLES_READ_H
#define SBX_AUDIT_SAMPLES_READ_H

#include "limits/samples.h"

/* False: it is none of ours, and *out is empty. Times are whole milliseconds, and do not go back. */
bool sbx_samples_read(sbx_samples *out, const char *text, size_t bytes);

#endif
