/*
 * Events that Windows tells of refused accesses, whose names programs chose. The input: which of the two kinds; of the
 * security log a kind, two bytes of length and as many bytes for each field; of a drop the bytes over its structure.
 */
#include "audit/sources/windows/kernel_event.h"
#include "tests/fuzz/fuzz.h"

#define USER "S-1-5-21-1-2-3-1005"

static const uint8_t user_sid[] = {1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0,    0,    1, 0,
                                   0, 0, 2, 0, 0, 0, 3, 0, 0,  0, 0xed, 0x03, 0, 0};
static const sbx_nt_drives drives = {.device = {[2] = "\\Device\\HarddiskVolume3"}};

static void check(const sbx_kernel_denial *found, sbx_event_verdict verdict, size_t units)
{
    if (verdict != SBX_EVENT_OURS)
        return;
    SBX_FUZZ_MUST(found->op != NULL && found->target.bytes > 0 && !found->target.failed);
    SBX_FUZZ_MUST(found->pid <= INT32_MAX);
    SBX_FUZZ_MUST(found->time_us <= INT64_MAX / 10);
    SBX_FUZZ_MUST(found->target.bytes <= 3 * units + 64 && found->program.bytes <= 3 * units + 64);
    SBX_FUZZ_MUST(found->kind == SBX_DENIAL_FILE || found->kind == SBX_DENIAL_NETWORK ||
                  found->kind == SBX_DENIAL_PROCESS);
}

/* Each text in memory of exactly its size. */
static void take_value(sbx_event_value *out, uint16_t **out_memory, const uint8_t **data,
                       size_t *size)
{
    unsigned kind = (unsigned)sbx_fuzz_take(data, size, 1) % 5;
    size_t bytes = (size_t)sbx_fuzz_take(data, size, 2);

    if (bytes > *size)
        bytes = *size;
    *out_memory = malloc(bytes + 1);
    SBX_FUZZ_MUST(*out_memory != NULL);
    if (bytes > 0)
        memcpy(*out_memory, *data, bytes);
    *out = (sbx_event_value){.kind = (sbx_event_value_kind)(kind % 4),
                             .text = *out_memory,
                             .units = bytes / 2,
                             .sid = (const uint8_t *)*out_memory,
                             .sid_bytes = bytes};
    for (size_t i = 0; i < bytes && i < 8; i++)
        out->number = out->number << 8 | (*data)[i];
    if (kind == 4) { /* our own user, which no fuzzer guesses */
        out->kind = SBX_VALUE_SID;
        out->sid = user_sid;
        out->sid_bytes = sizeof(user_sid);
    }
    *data += bytes;
    *size -= bytes;
}

static void try_security(const uint8_t *data, size_t size)
{
    sbx_event_value values[SBX_SECURITY_FIELD_COUNT];
    uint16_t *memory[SBX_SECURITY_FIELD_COUNT];
    size_t units = size;
    sbx_kernel_denial found;

    for (int i = 0; i < SBX_SECURITY_FIELD_COUNT; i++)
        take_value(&values[i], &memory[i], &data, &size);
    check(&found, sbx_security_event_read(&found, values, USER, &drives), units);
    sbx_kernel_denial_done(&found);
    for (int i = 0; i < SBX_SECURITY_FIELD_COUNT; i++)
        free(memory[i]);
}

static void try_drop(const uint8_t *data, size_t size)
{
    sbx_net_drop drop = {.time = UINT64_C(130873544261974747)};
    sbx_kernel_denial found;

    drop.flags = (uint32_t)sbx_fuzz_take(&data, &size, 2);
    drop.layer = (sbx_net_layer)sbx_fuzz_take(&data, &size, 1);
    drop.is_v6 = sbx_fuzz_take(&data, &size, 1) & 1;
    drop.protocol = (uint8_t)sbx_fuzz_take(&data, &size, 1);
    drop.remote_port = (uint16_t)sbx_fuzz_take(&data, &size, 2);
    drop.program_units = (size_t)sbx_fuzz_take(&data, &size, 2);
    drop.user_bytes = sizeof(user_sid);
    memcpy(drop.user, user_sid, sizeof(user_sid));
    for (size_t i = 0; i < sizeof(drop.remote); i++)
        drop.remote[i] = drop.local[i] = (uint8_t)sbx_fuzz_take(&data, &size, 1);
    for (size_t i = 0; size > 0 && i < SBX_NET_PROGRAM_UNITS; i++)
        drop.program[i] = (uint16_t)sbx_fuzz_take(&data, &size, 2);
    check(&found, sbx_net_drop_read(&found, &drop, USER, &drives), SBX_NET_PROGRAM_UNITS);
    sbx_kernel_denial_done(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char sid[SBX_EVENT_SID_TEXT_BYTES];
    unsigned kind = (unsigned)sbx_fuzz_take(&data, &size, 1);

    if (sbx_event_sid_print(sid, data, size))
        SBX_FUZZ_MUST(strlen(sid) < sizeof(sid) && strncmp(sid, "S-1-", 4) == 0);
    if (kind & 1)
        try_drop(data, size);
    else
        try_security(data, size);
    return 0;
}
