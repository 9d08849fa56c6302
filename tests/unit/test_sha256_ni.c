/* harness/base/linux/sha256_ni.h, through sbx_sha256(), against libsodium. */
#include "tests/support/test.h"

#include <sodium/crypto_hash_sha256.h>

#include "harness/base/compiler.h"
#include "harness/base/linux/sha256_ni.h"
#include "harness/base/sha256.h"

/* Another implementation (and the same one, where sbx_sha256_ni_is_there() says no), over every length around the blocks and every place of a seam. */
static void it_is_what_libsodium_computes(void **state)
{
    enum { MOST = 300 };
    static uint8_t data[MOST];
    uint8_t ours[SBX_SHA256_BYTES], theirs[SBX_SHA256_BYTES];
    uint32_t random = 7;

    (void)state;
    for (size_t i = 0; i < MOST; i++) {
        random = random * 1103515245 + 12345;
        data[i] = (uint8_t)(random >> 16);
    }
    for (size_t bytes = 0; bytes <= MOST; bytes++) {
        crypto_hash_sha256(theirs, data, bytes);
        for (size_t seam = 0; seam <= bytes; seam += 1 + bytes / 40) {
            const sbx_bytes parts[] = {{data, seam}, {data + seam, bytes - seam}};

            sbx_sha256(ours, parts, SBX_COUNT_OF(parts));
            assert_memory_equal(ours, theirs, sizeof(ours));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_libsodium_computes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
