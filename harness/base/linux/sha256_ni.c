/* The compression function of SHA-256 with the SHA extensions of x86; see sha256_ni.h. */
#include "harness/base/linux/sha256_ni.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#ifdef __GLIBC__
#include <sys/platform/x86.h>
#endif

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* glibc asked at its start; CPUID itself ends up in the hypervisor, which is dear. */
bool sbx_sha256_ni_is_there(void)
{
#ifdef __GLIBC__
    return CPU_FEATURE_PRESENT(SHA) && CPU_FEATURE_PRESENT(SSSE3) && CPU_FEATURE_PRESENT(SSE4_1);
#else
    unsigned a, b, c, d;

    if (__get_cpuid_max(0, NULL) < 7)
        return false;
    __cpuid_count(7, 0, a, b, c, d);
    return (b & bit_SHA) != 0; /* whoever has them has the older ones that are used beside them */
#endif
}

/* The instructions hold the eight words as ABEF and CDGH. */
__attribute__((target("sha,sse4.1"))) void sbx_sha256_ni_blocks(uint32_t state[8],
                                                                const uint8_t *data, size_t blocks)
{
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)state), 0xB1);
    __m128i efgh =
        _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(abcd, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);

    for (; blocks > 0; blocks--, data += 64) {
        __m128i abef_before = abef, cdgh_before = cdgh, word[4];

        /* Four rounds at a time; word[i % 4] are the four words of the schedule that they use. */
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
            __m128i now = word[i % 4];

            if (i < 4) {
                now = _mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i));
                now = _mm_shuffle_epi8(now, big_endian);
            } else {
                now = _mm_sha256msg1_epu32(now, word[(i + 1) % 4]);
                now = _mm_add_epi32(now, _mm_alignr_epi8(word[(i + 3) % 4], word[(i + 2) % 4], 4));
                now = _mm_sha256msg2_epu32(now, word[(i + 3) % 4]);
            }
            word[i % 4] = now;
            now = _mm_add_epi32(
                now, _mm_loadu_si128((const __m128i *)(const void *)(round_constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, now);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(now, 0x0E));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    abcd = _mm_shuffle_epi32(abef, 0x1B);
    efgh = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(abcd, efgh, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(efgh, abcd, 8));
}

#else

bool sbx_sha256_ni_is_there(void)
{
    return false;
}

void sbx_sha256_ni_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    (void)state;
    (void)data;
    (void)blocks;
}

#endif
