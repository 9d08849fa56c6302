/* The system's clocks and its random generator. */
#include "harness/base/clock.h"

#include <windows.h>

#include <bcrypt.h>

uint64_t sbx_clock_monotonic_ns(void)
{
    static uint64_t per_second;
    LARGE_INTEGER now;
    uint64_t ticks;

    if (per_second == 0) {
        LARGE_INTEGER frequency;

        QueryPerformanceFrequency(&frequency); /* cannot fail since XP */
        per_second = (uint64_t)frequency.QuadPart;
    }
    QueryPerformanceCounter(&now);
    ticks = (uint64_t)now.QuadPart;
    return ticks / per_second * SBX_NS_PER_S + ticks % per_second * SBX_NS_PER_S / per_second;
}

uint64_t sbx_clock_utc_us(void)
{
    static const uint64_t since_1601 =
        UINT64_C(11644473600000000); /* until 1970, in microseconds */
    FILETIME now;

    GetSystemTimePreciseAsFileTime(&now);
    return ((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) / 10 - since_1601;
}

bool sbx_clock_utc(struct tm *out, time_t seconds)
{
    return gmtime_s(out, &seconds) == 0;
}

time_t sbx_clock_from_utc(struct tm *date)
{
    return _mkgmtime(date);
}

bool sbx_clock_local(struct tm *out, time_t seconds)
{
    return localtime_s(out, &seconds) == 0;
}

sbx_status sbx_random_bytes(void *out, size_t bytes, sbx_error *err)
{
    NTSTATUS status = bytes > ULONG_MAX ? (NTSTATUS)0xC000000D
                                        : BCryptGenRandom(NULL, out, (ULONG)bytes,
                                                          BCRYPT_USE_SYSTEM_PREFERRED_RNG);

    if (status != 0)
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_NONE, "reading random bytes: NTSTATUS %u",
                              (unsigned)status);
    return SBX_OK;
}
