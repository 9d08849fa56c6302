/*
 * The ring by which processes of a run tell what was denied (audit/sources/windows/ring.h): honest writers, full rings,
 * and what a hostile program may have written into it at any moment. Names of the kernel in sbx's form.
 */
#include "tests/support/test.h"

#include "audit/sources/windows/nt_name.h"
#include "audit/sources/windows/ring.h"
#include "audit/sources/windows/ring_state.h"
#include "harness/target/windows/trace_code.h"

static sbx_ring *ring;
static sbx_ring_reader reader;

typedef struct seen {
    size_t count;
    sbx_ring_record last;
    uint16_t name[SBX_RING_UNITS];
} seen;

static void see(void *context, const sbx_ring_record *record)
{
    seen *self = context;

    assert_true(record->units <= SBX_RING_UNITS);
    self->count++;
    self->last = *record;
    memcpy(self->name, record->name, record->units * sizeof(uint16_t));
}

static int begin(void **state)
{
    (void)state;
    ring = malloc(sizeof(*ring)); /* of exactly that size: the sanitizer sees a step too far */
    assert_non_null(ring);
    sbx_ring_init(ring);
    reader = (sbx_ring_reader){.ring = ring};
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(ring);
    return 0;
}

static size_t widen(uint16_t *out, const char *text)
{
    size_t units = 0;

    while (text[units] != '\0') {
        out[units] = (uint16_t)(unsigned char)text[units];
        units++;
    }
    return units;
}

static bool put(const char *text, sbx_ring_op op)
{
    uint16_t name[64];
    sbx_ring_record record = {.kind = SBX_RING_DENIED,
                              .op = op,
                              .pid = 41,
                              .value = SBX_RING_STATUS_DENIED,
                              .name = name,
                              .units = widen(name, text)};

    return sbx_ring_put(ring, &record);
}

static void what_is_put_is_read_once(void **state)
{
    seen found = {0};

    (void)state;
    assert_true(sbx_ring_is_usable(ring));
    assert_int_equal(sbx_ring_read(&reader, see, &found), 0);
    assert_true(put("\\??\\C:\\a", SBX_RING_REMOVE));
    assert_int_equal(sbx_ring_read(&reader, see, &found), 1);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.last.pid, 41);
    assert_int_equal(found.last.op, SBX_RING_REMOVE);
    assert_int_equal(found.last.units, 8);
    assert_int_equal(found.name[7], 'a');
    assert_false(found.last.is_cut);
    assert_int_equal(sbx_ring_read(&reader, see, &found), 0);
    assert_true(reader.lost == 0 && reader.refused == 0);
}

static void a_long_name_keeps_its_end(void **state)
{
    static uint16_t name[SBX_RING_UNITS + 100];
    sbx_ring_record record = {.kind = SBX_RING_DENIED,
                              .pid = 1,
                              .value = SBX_RING_STATUS_DENIED,
                              .name = name,
                              .units = SBX_RING_UNITS + 100};
    seen found = {0};

    (void)state;
    for (size_t i = 0; i < record.units; i++)
        name[i] = (uint16_t)i;
    assert_true(sbx_ring_put(ring, &record));
    (void)sbx_ring_read(&reader, see, &found);
    assert_true(found.last.is_cut);
    assert_int_equal(found.last.units, SBX_RING_UNITS);
    assert_int_equal(found.name[0], 100);
    assert_int_equal(found.name[SBX_RING_UNITS - 1], SBX_RING_UNITS + 99);
}

static void a_full_ring_loses_and_says_so(void **state)
{
    seen found = {0};
    unsigned kept = 0;

    (void)state;
    for (int i = 0; i < SBX_RING_SLOTS + 10; i++)
        kept += put("\\x", SBX_RING_WRITE);
    assert_int_equal(kept, SBX_RING_SLOTS);
    assert_int_equal(sbx_ring_read(&reader, see, &found), SBX_RING_SLOTS);
    assert_int_equal(found.count, SBX_RING_SLOTS);
    assert_int_equal(reader.lost, 10);
    assert_true(put("\\x", SBX_RING_WRITE)); /* there is room again */
}

static void who_is_ended_in_the_middle_costs_one_slot(void **state)
{
    seen found = {0};

    (void)state;
    ring->slot[7].state = SLOT_WRITING;
    for (int i = 0; i < SBX_RING_SLOTS - 1; i++)
        assert_true(put("\\x", SBX_RING_WRITE));
    assert_int_equal(sbx_ring_read(&reader, see, &found), SBX_RING_SLOTS - 1);
    assert_int_equal(reader.lost, 0);
    sbx_ring_finish(&reader, see, &found);
    assert_int_equal(reader.lost, 1);
}

/* Each row: one slot as a hostile program may leave it. None may be believed, and none may stop the next one. */
static void hostile_slots(void **state)
{
    static const sbx_ring_slot slots[] = {
        {SLOT_READY, SBX_RING_DENIED, 0, SBX_RING_WRITE, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, 0x80000000, 0, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, UINT32_MAX, 0, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, 1, SBX_RING_OP_COUNT, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, 1, UINT32_MAX, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, 1, 0, 0, 0, 1, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, 1, 0, SBX_RING_STATUS_DENIED, 0, 0, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, 1, 0, SBX_RING_STATUS_DENIED, 0, SBX_RING_UNITS + 1, {'a'}},
        {SLOT_READY, SBX_RING_DENIED, 1, 0, SBX_RING_STATUS_DENIED, 0, UINT32_MAX, {'a'}},
        {SLOT_READY, SBX_RING_HELLO, 1, 0, 0, 0, UINT32_MAX, {'a'}},
        {SLOT_READY, 0, 1, 0, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {SLOT_READY, 3, 1, 0, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {3, SBX_RING_DENIED, 1, 0, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
        {UINT32_MAX, SBX_RING_DENIED, 1, 0, SBX_RING_STATUS_DENIED, 0, 1, {'a'}},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(slots); i++) {
        seen found = {0};

        ring->slot[0] = slots[i];
        ring->next = 1;
        assert_true(put("\\x", SBX_RING_WRITE));
        reader.refused = 0;
        assert_int_equal(sbx_ring_read(&reader, see, &found), 2);
        assert_int_equal(found.count, 1);
        assert_int_equal(reader.refused, 1);
        assert_int_equal(ring->slot[0].state, SLOT_FREE);
    }
}

/* Every byte of it, head and all, is anything. */
static void hostile_rings(void **state)
{
    uint64_t random = 88172645463325252u;

    (void)state;
    for (int round = 0; round < 60; round++) {
        unsigned char *byte = (unsigned char *)ring;
        seen found = {0};

        if (round == 0)
            memset(ring, 0xFF, sizeof(*ring));
        for (size_t i = 0; round > 0 && i < sizeof(*ring); i += 8) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            memcpy(byte + i, &random, 8);
        }
        for (int i = 0; round > 10 && i < SBX_RING_SLOTS; i++) /* plausible but for some of them */
            ring->slot[i].state = SLOT_READY;
        reader.refused = reader.lost = 0;
        assert_true(sbx_ring_read(&reader, see, &found) <= SBX_RING_SLOTS);
        assert_true(found.count + reader.refused <= SBX_RING_SLOTS);
        assert_true(reader.lost <= SBX_RING_LOST_MAX);
        sbx_ring_finish(&reader, see, &found);
        (void)put("\\x", SBX_RING_WRITE); /* nor does a wild head lead a writer astray */
    }
    assert_false(sbx_ring_is_usable(ring));
}

static void expect_name(const char *name, const char *path)
{
    static const sbx_nt_drives drives = {
        .device = {[2] = "\\Device\\HarddiskVolume3", [3] = "\\Device\\HarddiskVolume31"}};
    uint16_t wide[128];
    sbx_text out = {0};

    sbx_nt_name_add(&out, wide, widen(wide, name), &drives);
    assert_string_equal(sbx_text_string(&out), path);
    sbx_text_done(&out);
}

static void names(void **state)
{
    (void)state;
    expect_name("\\??\\C:\\docs\\file.txt", "C:/docs/file.txt");
    expect_name("\\??\\c:\\docs", "C:/docs");
    expect_name("\\DosDevices\\C:\\docs", "C:/docs");
    expect_name("\\??\\UNC\\server\\share\\x", "//server/share/x");
    expect_name("\\Device\\HarddiskVolume3\\docs\\x", "C:/docs/x");
    expect_name("\\device\\harddiskvolume31\\docs", "D:/docs");
    expect_name("\\Device\\HarddiskVolume32\\docs", "\\Device\\HarddiskVolume32\\docs");
    expect_name("\\Device\\NamedPipe\\x", "\\Device\\NamedPipe\\x");
    expect_name("\\REGISTRY\\USER\\S-1-5-21\\Software", "\\REGISTRY\\USER\\S-1-5-21\\Software");
    expect_name("c:\\docs\\x", "C:/docs/x"); /* as the security log has it */
    expect_name("C:\\", "C:/");
    expect_name("C:", "C:");
    expect_name("C:relative", "C:relative");
    expect_name("\\??\\C:relative", "\\??\\C:relative");
    expect_name("\\??\\", "\\??\\");
    expect_name("\\??\\C:", "C:");
    expect_name("", "");
}

static void half_pairs_are_kept(void **state)
{
    static const uint16_t name[] = {'x', 0xD83D, 0xDE00, 0xDE00, 0xD83D};
    sbx_text out = {0};

    (void)state;
    sbx_text_add_utf16(&out, name, SBX_COUNT_OF(name));
    assert_string_equal(out.data, "x\xF0\x9F\x98\x80\xED\xB8\x80\xED\xA0\xBD");
    assert_false(sbx_utf8_is_valid(out.data, out.bytes));
    sbx_text_done(&out);
}

/* --- trace_code.h --- */

static const uint8_t windows_stub[SBX_STUB_BYTES] = {0x4C, 0x8B, 0xD1, 0xB8, 0x55, 0x00, 0x00,
                                                     0x00, 0xF6, 0x04, 0x25, 0x08, 0x03, 0xFE,
                                                     0x7F, 0x01, 0x75, 0x03, 0x0F, 0x05, 0xC3};

static void only_a_known_stub_is_replaced(void **state)
{
    uint8_t stub[SBX_STUB_BYTES];

    (void)state;
    assert_true(sbx_stub_is_known(windows_stub));
    for (size_t i = 0; i < sizeof(stub); i++) { /* any other byte but in the call's number */
        memcpy(stub, windows_stub, sizeof(stub));
        stub[i] ^= 0x40;
        assert_int_equal(sbx_stub_is_known(stub), i == 4 || i == 5);
    }
    memset(stub, 0xE9, 5); /* somebody else's jump */
    assert_false(sbx_stub_is_known(stub));
}

static void jumps_lead_where_they_should(void **state)
{
    uint8_t jump[SBX_STUB_TAKEN_BYTES], bridge[SBX_BRIDGE_BYTES];
    uint64_t stub = UINT64_C(0x7FF812340000), to;
    int32_t distance;

    (void)state;
    assert_true(sbx_stub_jump(jump, stub, stub + 0x1000));
    memcpy(&distance, jump + 1, 4);
    assert_int_equal(jump[0], 0xE9);
    assert_int_equal(distance, 0x1000 - 5);
    assert_true(sbx_stub_jump(jump, stub, stub - 0x7FFF0000));
    memcpy(&distance, jump + 1, 4);
    assert_true(stub + 5 + (uint64_t)(int64_t)distance == stub - 0x7FFF0000);
    assert_false(sbx_stub_jump(jump, stub, stub + 0x80000100));
    assert_false(sbx_stub_jump(jump, stub, stub - 0x80000100));
    assert_false(sbx_stub_jump(jump, stub, 0));
    sbx_bridge_write(bridge, windows_stub, stub);
    assert_memory_equal(bridge, windows_stub, SBX_STUB_TAKEN_BYTES);
    memcpy(&to, bridge + SBX_STUB_TAKEN_BYTES + 6, 8);
    assert_true(to == stub + SBX_STUB_TAKEN_BYTES);
}

static void make_image(uint8_t head[SBX_IMAGE_HEAD_BYTES], unsigned machine, unsigned magic,
                       unsigned subsystem)
{
    memset(head, 0, SBX_IMAGE_HEAD_BYTES);
    memcpy(head, "MZ", 2);
    head[60] = 0x80;
    memcpy(head + 0x80, "PE", 2);
    head[0x84] = (uint8_t)machine;
    head[0x85] = (uint8_t)(machine >> 8);
    head[0x98] = (uint8_t)magic;
    head[0x99] = (uint8_t)(magic >> 8);
    head[0x98 + 68] = (uint8_t)subsystem;
}

static void only_64_bit_programs_are_traced(void **state)
{
    uint8_t head[SBX_IMAGE_HEAD_BYTES];

    (void)state;
    make_image(head, 0x8664, 0x20B, 3);
    assert_true(sbx_image_is_traceable(head, sizeof(head)));
    assert_false(sbx_image_is_traceable(head, 0x98 + 68)); /* not all of it */
    assert_false(sbx_image_is_traceable(head, 10));
    memset(head + 60, 0xFF, 4); /* its head is nowhere */
    assert_false(sbx_image_is_traceable(head, sizeof(head)));
    make_image(head, 0x8664, 0x20B, 2);
    assert_true(sbx_image_is_traceable(head, sizeof(head)));
    make_image(head, 0x14C, 0x10B, 3); /* 32 bits */
    assert_false(sbx_image_is_traceable(head, sizeof(head)));
    make_image(head, 0xAA64, 0x20B, 3); /* another processor */
    assert_false(sbx_image_is_traceable(head, sizeof(head)));
    make_image(head, 0x8664, 0x20B, 1); /* native: without kernel32.dll */
    assert_false(sbx_image_is_traceable(head, sizeof(head)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_is_read_once, begin, end),
        cmocka_unit_test_setup_teardown(a_long_name_keeps_its_end, begin, end),
        cmocka_unit_test_setup_teardown(a_full_ring_loses_and_says_so, begin, end),
        cmocka_unit_test_setup_teardown(who_is_ended_in_the_middle_costs_one_slot, begin, end),
        cmocka_unit_test_setup_teardown(hostile_slots, begin, end),
        cmocka_unit_test_setup_teardown(hostile_rings, begin, end),
        cmocka_unit_test(names),
        cmocka_unit_test(half_pairs_are_kept),
        cmocka_unit_test(only_a_known_stub_is_replaced),
        cmocka_unit_test(jumps_lead_where_they_should),
        cmocka_unit_test(only_64_bit_programs_are_traced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
