/* Clocks: monotonic for durations, wall for the record, and run ids. */
#ifndef SBX_BASE_CLOCK_H
#define SBX_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "harness/base/error.h"

#define SBX_NS_PER_S UINT64_C(1000000000)
#define SBX_NS_PER_MS UINT64_C(1000000)
#define SBX_NS_PER_US UINT64_C(1000)

uint64_t sbx_clock_monotonic_ns(void); /* context: after fork too */
uint64_t sbx_clock_utc_us(void);       /* microseconds since 1970 */

/* Seconds since 1970 as the caller's own time of day. */
bool sbx_clock_local(struct tm *out, time_t seconds);
/* As the time of day of UTC, and back. */
bool sbx_clock_utc(struct tm *out, time_t seconds);
time_t sbx_clock_from_utc(struct tm *date);

enum { SBX_RUN_ID_BYTES = 27 };
/* A ULID: 48 bits of UTC milliseconds, 80 random bits, Crockford base 32, upper case. */
SBX_MUST_USE sbx_status sbx_run_id_make(char out[SBX_RUN_ID_BYTES], sbx_error *err);

/* From the system's generator. */
SBX_MUST_USE sbx_status sbx_random_bytes(void *out, size_t bytes, sbx_error *err);

#endif
