/* Texts that are written once and known by their number afterwards. Who may include it: report*.c. */
#ifndef SBX_AUDIT_REPORT_STRINGS_H
#define SBX_AUDIT_REPORT_STRINGS_H

#include "harness/base/text.h"

typedef struct sbx_report_string {
    uint64_t hash;
    size_t start, bytes; /* in raw */
} sbx_report_string;

/* All zero is a valid empty one. */
typedef struct sbx_report_strings {
    sbx_text raw;
    sbx_report_string *entries;
    size_t count, room;
    uint32_t *slots; /* number of the entry + 1; 0: free */
    size_t slot_count;
    bool failed; /* no memory */
} sbx_report_strings;

/* The number of that text, which is added where it is new; *out_is_new may be NULL. */
uint32_t sbx_report_string_number(bool *out_is_new, sbx_report_strings *strings, const void *data,
                                  size_t bytes);
/* All of them as a JSON array. */
void sbx_report_strings_write(sbx_text *out, const sbx_report_strings *strings);
void sbx_report_strings_done(sbx_report_strings *strings);

#endif
