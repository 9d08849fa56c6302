/*
 * The streams between sbx.exe and sbx-runner.exe: nothing is lost or in another order, and there is never more of one on its
 * way than its window, also where the other side cheats.
 */
#include "tests/support/test.h"

#include "harness/runner/windows/flow.h"

static uint32_t roll(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

typedef struct line {
    sbx_flow_sender sender;
    sbx_flow_receiver receiver;
    uint8_t wire[2 * SBX_PROTOCOL_WINDOW]; /* bytes on their way */
    size_t wire_bytes;
    uint32_t credit_bytes; /* credit on its way */
    uint64_t sent, handed_on, most;
} line;

static uint8_t byte_at(uint64_t number)
{
    return (uint8_t)(number * 131 + (number >> 8));
}

static void produce(line *self, uint32_t wanted)
{
    uint32_t bytes = sbx_flow_take(&self->sender, wanted);

    assert_true(bytes <= SBX_PROTOCOL_DATA_MAX && bytes <= wanted);
    for (uint32_t i = 0; i < bytes; i++)
        self->wire[self->wire_bytes++] = byte_at(self->sent++);
}

static void deliver(line *self, size_t bytes)
{
    if (bytes > self->wire_bytes)
        bytes = self->wire_bytes;
    assert_true(sbx_flow_put(&self->receiver, self->wire, bytes));
    memmove(self->wire, self->wire + bytes, self->wire_bytes - bytes);
    self->wire_bytes -= bytes;
}

static void consume(line *self, uint32_t bytes)
{
    const uint8_t *data;
    uint32_t there = sbx_flow_peek(&self->receiver, &data);

    if (bytes > there)
        bytes = there;
    for (uint32_t i = 0; i < bytes; i++)
        if (data[i] != byte_at(self->handed_on++))
            fail_msg("byte %llu is another one", (unsigned long long)self->handed_on);
    self->credit_bytes += sbx_flow_drop(&self->receiver, bytes);
}

static void check_window(line *self)
{
    uint64_t held = self->wire_bytes + self->receiver.count;

    assert_int_equal(self->sender.credit_bytes + held + self->receiver.owed_bytes +
                         self->credit_bytes,
                     SBX_PROTOCOL_WINDOW);
    if (held > self->most)
        self->most = held;
}

static void flow_at_random(void **state)
{
    line *self = malloc(sizeof(*self));

    (void)state;
    assert_non_null(self);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t dice = seed;

        *self = (line){.sent = 0};
        sbx_flow_sender_init(&self->sender);
        sbx_flow_receiver_init(&self->receiver);
        for (int i = 0; i < 3000; i++) {
            uint32_t kind = roll(&dice) % 4, bytes = roll(&dice) % (seed % 3 == 0 ? 40 : 50000) + 1;

            if (kind == 0)
                produce(self, bytes);
            else if (kind == 1)
                deliver(self, bytes);
            else if (kind == 2)
                consume(self, bytes);
            else if (self->credit_bytes > 0) {
                assert_true(sbx_flow_earn(&self->sender, self->credit_bytes));
                self->credit_bytes = 0;
            }
            check_window(self);
        }
        /* To the end: nobody waits for anybody for ever, and all of it comes. */
        while (self->wire_bytes > 0 || self->receiver.count > 0) {
            deliver(self, self->wire_bytes);
            consume(self, UINT32_MAX);
        }
        assert_int_equal(self->handed_on, self->sent);
        assert_true(self->sender.credit_bytes + self->credit_bytes >= SBX_PROTOCOL_WINDOW / 2);
        assert_true(seed % 3 == 0 || self->sent > 4 * (uint64_t)SBX_PROTOCOL_WINDOW);
        assert_true(self->most <= SBX_PROTOCOL_WINDOW);
    }
    free(self);
}

static void flow_that_is_cheated(void **state)
{
    sbx_flow_receiver *receiver = malloc(sizeof(*receiver));
    uint8_t *data = calloc(1, SBX_PROTOCOL_WINDOW + 1);
    sbx_flow_sender sender;

    (void)state;
    assert_true(receiver != NULL && data != NULL);
    sbx_flow_sender_init(&sender);
    assert_false(sbx_flow_earn(&sender, 1)); /* credit that was never spent */
    assert_int_equal(sbx_flow_take(&sender, 10), 10);
    assert_false(sbx_flow_earn(&sender, 11));
    assert_false(sbx_flow_earn(&sender, UINT32_MAX));
    assert_true(sbx_flow_earn(&sender, 10));
    sbx_flow_receiver_init(receiver);
    assert_false(sbx_flow_put(receiver, data, SBX_PROTOCOL_WINDOW + 1));
    assert_true(sbx_flow_put(receiver, data, SBX_PROTOCOL_WINDOW));
    assert_false(sbx_flow_put(receiver, data, 1));
    assert_int_equal(sbx_flow_drop(receiver, 5), 0);
    assert_false(
        sbx_flow_put(receiver, data, 1)); /* there is room, but no credit was given for it */
    free(receiver);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_at_random),
        cmocka_unit_test(flow_that_is_cheated),
    };

    return cmocka_run_group_tests_name("runner flow", tests, NULL, NULL);
}
