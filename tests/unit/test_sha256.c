/* harness/base/sha256.h against the published vectors of FIPS 180-4. */
#include "tests/support/test.h"

#include "harness/base/compiler.h"
#include "harness/base/sha256.h"

static void check(const sbx_bytes *parts, size_t count, const char *expected)
{
    uint8_t hash[SBX_SHA256_BYTES];
    char hex[65];

    sbx_sha256(hash, parts, count);
    sbx_sha256_hex(hex, hash);
    assert_string_equal(hex, expected);
}

static void published_vectors(void **state)
{
    static char million[1000000];
    const sbx_bytes abc = {"abc", 3}, empty = {NULL, 0}, a_million = {million, sizeof(million)};
    const sbx_bytes two_blocks = {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56};

    (void)state;
    memset(million, 'a', sizeof(million));
    check(&empty, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(NULL, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(&abc, 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check(&two_blocks, 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check(&a_million, 1, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void parts_are_joined_in_order(void **state)
{
    const sbx_bytes parts[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    const sbx_bytes swapped[] = {{"bc", 2}, {"a", 1}};
    const sbx_bytes joined = {"bca", 3};
    uint8_t first[SBX_SHA256_BYTES], second[SBX_SHA256_BYTES];

    (void)state;
    check(parts, SBX_COUNT_OF(parts),
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sbx_sha256(first, swapped, SBX_COUNT_OF(swapped));
    sbx_sha256(second, &joined, 1);
    assert_memory_equal(first, second, sizeof(first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(parts_are_joined_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
