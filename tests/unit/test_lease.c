/* harness/policy/windows/lease.h: entries as lines, and lines that are none. */
#include "tests/support/test.h"

#include "harness/policy/windows/lease.h"

static const char line[] = "ace 0123456789abcdef 000102030405060708090a0b0c0d0e0f d 000d0156 0b m "
                           "S-1-5-21-1-2-3-4 C:/a b/\xc3\xa4 \n.git";

static void there_and_back(void **state)
{
    sbx_lease lease = {.volume = UINT64_C(0x0123456789abcdef),
                       .kind = SBX_ACE_DENY,
                       .mask = 0xd0156,
                       .flags = 0xb,
                       .is_made = true,
                       .sid = "S-1-5-21-1-2-3-4",
                       .path = "C:/a b/\xc3\xa4 \n.git"};
    sbx_lease read;
    sbx_text text = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(lease.file_id); i++)
        lease.file_id[i] = (uint8_t)i;
    sbx_lease_print(&text, &lease);
    assert_string_equal(sbx_text_string(&text), line);
    assert_true(sbx_lease_parse(&read, sbx_text_string(&text)));
    assert_true(read.volume == lease.volume && read.kind == lease.kind);
    assert_true(read.mask == lease.mask && read.flags == lease.flags && read.is_made);
    assert_memory_equal(read.file_id, lease.file_id, sizeof(lease.file_id));
    assert_string_equal(read.sid, lease.sid);
    assert_string_equal(read.path, lease.path);
    sbx_text_done(&text);
}

/* Whatever is cut off or changed in the fixed part is no lease any more. */
static void nothing_else(void **state)
{
    size_t fixed = (size_t)(strstr(line, " C:/") - line);
    sbx_lease read;
    char other[sizeof(line)];

    (void)state;
    for (size_t bytes = 0; bytes <= fixed + 1; bytes++) {
        memcpy(other, line, bytes);
        other[bytes] = '\0';
        assert_false(sbx_lease_parse(&read, other));
    }
    for (size_t i = 0; i < fixed - strlen("S-1-5-21-1-2-3-4") + 4; i++) {
        memcpy(other, line, sizeof(line));
        other[i] = '!';
        assert_false(sbx_lease_parse(&read, other));
    }
    assert_false(sbx_lease_parse(&read, "/project/.git"));
    assert_false(sbx_lease_parse(&read, ""));
}

static void a_sid_that_is_too_long(void **state)
{
    char other[512];
    sbx_lease read;

    (void)state;
    memcpy(other, line, sizeof(line));
    (void)snprintf(strstr(other, "S-1-"), 400, "S-1-%0300d /x", 7);
    assert_false(sbx_lease_parse(&read, other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(nothing_else),
        cmocka_unit_test(a_sid_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
