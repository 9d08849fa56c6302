/* Requests to Windows' socket driver, as sbx-trace.dll sees them, and the addresses in them as rows say them. */
#include "tests/support/test.h"

#include "audit/sources/windows/net_name.h"
#include "harness/target/windows/trace_socket.h"

/* As connect() to 192.0.2.1:8080 sends it, and bind() to [2001:db8::1]:53. */
static const uint8_t connect_request[] = {0,   0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5,    6,
                                          7,   8, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x1F, 0x90,
                                          192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t bind_request[] = {1, 0, 0, 0, 23, 0, 0, 53, 9, 9, 9, 9, 0x20, 0x01, 0x0d, 0xb8,
                                       0, 0, 0, 0, 0,  0, 0, 0,  0, 0, 0, 1, 7,    0,    0,    0};

/* From the request to the row, by the library's and the reader's own steps. */
static void expect(const char *wanted, sbx_socket_ask asked, uint32_t code, const uint8_t *request,
                   size_t bytes)
{
    uint16_t unit[SBX_SOCKET_ADDRESS_BYTES / 2] = {0};
    sbx_text text = {0};
    size_t at, have, told;

    assert_int_equal(sbx_socket_asked(&at, code), asked);
    assert_true(bytes > at);
    have = bytes - at < sizeof(unit) ? bytes - at : sizeof(unit);
    memcpy(unit, request + at, have);
    told = sbx_socket_address_bytes((const uint8_t *)unit, have);
    assert_int_equal(sbx_net_socket_add(&text, unit, told / 2), wanted != NULL);
    assert_string_equal(sbx_text_string(&text), wanted == NULL ? "" : wanted);
    sbx_text_done(&text);
}

static void test_requests(void **state)
{
    (void)state;
    expect("ip 192.0.2.1:8080", SBX_SOCKET_CONNECT, 0x12007, connect_request,
           sizeof(connect_request));
    expect("ip [2001:db8::1]:53", SBX_SOCKET_BIND, 0x12003, bind_request, sizeof(bind_request));
    for (size_t cut = 25; cut < 32; cut++) /* a form that is not the one we know */
        expect(NULL, SBX_SOCKET_CONNECT, 0x12007, connect_request, cut);
    for (size_t cut = 5; cut < 32; cut++)
        expect(NULL, SBX_SOCKET_BIND, 0x12003, bind_request, cut);
}

static void test_others(void **state)
{
    size_t at = 1;

    (void)state;
    for (uint32_t code = 0x12000; code < 0x12200; code++) {
        sbx_socket_ask asked = sbx_socket_asked(&at, code);

        assert_true((asked == SBX_SOCKET_OTHER) == (code != 0x12003 && code != 0x12007));
        assert_true((at == 0) == (asked == SBX_SOCKET_OTHER));
    }
    assert_int_equal(sbx_socket_asked(&at, 0x9003), SBX_SOCKET_OTHER);
}

/* The ring is any process's to write: what stands for an address there may be anything. */
static void test_hostile_addresses(void **state)
{
    static const struct {
        const uint16_t unit[14];
        size_t count;
    } wrong[] = {
        {{2, 0x5000, 1, 2}, 3},
        {{2, 0x5000, 1, 2}, 5},
        {{23, 0x5000, 1, 2}, 4},
        {{23}, 13},
        {{2}, 14},
        {{1, 0x5000, 1, 2}, 4},
        {{17}, 14},
        {{0x0200}, 4},
        {{2, 0x5000, 1, 2}, 0},
        {{0x1717}, 14},
    };
    sbx_text text = {0};

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(wrong); i++) {
        assert_false(sbx_net_socket_add(&text, wrong[i].unit, wrong[i].count));
        assert_int_equal(text.bytes, 0);
    }
    sbx_text_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_hostile_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
