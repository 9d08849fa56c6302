/* See trace_code.h. */
#include "harness/target/windows/trace_code.h"

bool sbx_stub_is_known(const uint8_t stub[SBX_STUB_BYTES])
{
    static const uint8_t start[] = {0x4C, 0x8B, 0xD1, 0xB8};
    static const uint8_t rest[] = {0x00, 0x00, 0xF6, 0x04, 0x25, 0x08, 0x03, 0xFE,
                                   0x7F, 0x01, 0x75, 0x03, 0x0F, 0x05, 0xC3};

    for (size_t i = 0; i < sizeof(start); i++)
        if (stub[i] != start[i])
            return false;
    for (size_t i = 0; i < sizeof(rest); i++)
        if (stub[sizeof(start) + 2 + i] != rest[i])
            return false;
    return true;
}

static void write_64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

void sbx_jump_write(uint8_t out[SBX_JUMP_BYTES], uint64_t to)
{
    out[0] = 0xFF;
    out[1] = 0x25;
    for (int i = 2; i < 6; i++)
        out[i] = 0;
    write_64(out + 6, to);
}

void sbx_bridge_write(uint8_t out[SBX_BRIDGE_BYTES], const uint8_t stub[SBX_STUB_BYTES],
                      uint64_t stub_address)
{
    for (int i = 0; i < SBX_STUB_TAKEN_BYTES; i++)
        out[i] = stub[i];
    sbx_jump_write(out + SBX_STUB_TAKEN_BYTES, stub_address + SBX_STUB_TAKEN_BYTES);
}

bool sbx_stub_jump(uint8_t out[SBX_STUB_TAKEN_BYTES], uint64_t stub_address, uint64_t to)
{
    uint64_t from = stub_address + 5, distance = to - from;

    if (distance > INT32_MAX && distance < UINT64_MAX - INT32_MAX)
        return false;
    out[0] = 0xE9;
    for (int i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)(distance >> 8 * i);
    for (int i = 5; i < SBX_STUB_TAKEN_BYTES; i++)
        out[i] = 0x90;
    return true;
}

static uint32_t read_16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

bool sbx_image_is_traceable(const uint8_t *head, size_t bytes)
{
    enum { MACHINE = 4, OPTIONAL = 24, SUBSYSTEM = 68, WINDOWED = 2, CONSOLE = 3 };
    uint32_t at, subsystem;

    if (bytes < 64 || head[0] != 'M' || head[1] != 'Z')
        return false;
    at = read_16(head + 60) | read_16(head + 62) << 16;
    if (at > bytes || bytes - at < OPTIONAL + SUBSYSTEM + 2)
        return false;
    head += at;
    if (head[0] != 'P' || head[1] != 'E' || head[2] != 0 || head[3] != 0)
        return false;
    subsystem = read_16(head + OPTIONAL + SUBSYSTEM);
    return read_16(head + MACHINE) == 0x8664 && read_16(head + OPTIONAL) == 0x20B &&
           (subsystem == WINDOWED || subsystem == CONSOLE);
}
