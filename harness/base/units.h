/*
 * Sizes, durations, counts and rates as people write them, with overflow checked.
 *
 *   size      512, 512K, 2G, 1.5GiB, 10MB: K M G T (and KiB, KB …) are powers of 1024; a bare number is bytes
 *   duration  250ms, 60s, 2m, 1h, 1.5s, 10us; a bare number is seconds
 *   count     decimal integer, at least 1
 *   cpus      0.5, 2: thousandths of one CPU, at least 0.001
 * "unlimited" is accepted everywhere and gives UINT64_MAX; a number is at most 2^63 - 1 in the smallest unit, which
 * is what readers of JSON and the database can hold. Nothing else: no sign, no space, no hex, no exponent. A message names the option, the value and the form expected:
 *     --mem: "2Q" is not a size (expected a form like 512K, 2G or 1.5GiB)
 */
#ifndef SBX_BASE_UNITS_H
#define SBX_BASE_UNITS_H

#include <stdint.h>

#include "harness/base/text.h"

SBX_MUST_USE sbx_status sbx_parse_size(uint64_t *out_bytes, const char *option, const char *text,
                                       sbx_error *err);
SBX_MUST_USE sbx_status sbx_parse_duration(uint64_t *out_ns, const char *option, const char *text,
                                           sbx_error *err);
SBX_MUST_USE sbx_status sbx_parse_count(uint64_t *out_count, const char *option, const char *text,
                                        sbx_error *err);
SBX_MUST_USE sbx_status sbx_parse_cpus(uint64_t *out_milli, const char *option, const char *text,
                                       sbx_error *err);

/* "1.5 GiB", "812 KiB"; "350 ms", "2.1 s", "3 m 20 s": for people. */
void sbx_format_size(sbx_text *out, uint64_t bytes);
void sbx_format_duration(sbx_text *out, uint64_t ns);

#endif
