/* The system's clocks and its random generator. */
#include "harness/base/clock.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

uint64_t sbx_clock_monotonic_ns(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SBX_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t sbx_clock_utc_us(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000) + (uint64_t)now.tv_nsec / 1000;
}

bool sbx_clock_utc(struct tm *out, time_t seconds)
{
    return gmtime_r(&seconds, out) != NULL;
}

time_t sbx_clock_from_utc(struct tm *date)
{
    return timegm(date);
}

bool sbx_clock_local(struct tm *out, time_t seconds)
{
    return localtime_r(&seconds, out) != NULL;
}

sbx_status sbx_random_bytes(void *out, size_t bytes, sbx_error *err)
{
    unsigned char *at = out;

    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);

        if (got < 0) {
            if (errno == EINTR)
                continue;
            return sbx_fail_errno(err, SBX_IO, SBX_STEP_NONE, errno, "reading random bytes");
        }
        at += got;
        bytes -= (size_t)got;
    }
    return SBX_OK;
}
