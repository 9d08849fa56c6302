/* See trace_socket.h. */
#include "harness/target/windows/trace_socket.h"

sbx_socket_ask sbx_socket_asked(size_t *out_at, uint32_t code)
{
    enum {
        BIND = 0x12003,    /* how it is shared (4 bytes), the address */
        CONNECT = 0x12007, /* a flag, two handles (24 bytes in all), the address */
    };

    switch (code) {
    case BIND:
        *out_at = 4;
        return SBX_SOCKET_BIND;
    case CONNECT:
        *out_at = 24;
        return SBX_SOCKET_CONNECT;
    default:
        *out_at = 0;
        return SBX_SOCKET_OTHER;
    }
}

size_t sbx_socket_address_bytes(const uint8_t *address, size_t bytes)
{
    enum { V4 = 2, V4_BYTES = 8, V6 = 23, V6_BYTES = SBX_SOCKET_ADDRESS_BYTES };
    unsigned family = bytes < 2 ? 0 : address[0] | (unsigned)address[1] << 8;

    if (family == V4 && bytes >= V4_BYTES)
        return V4_BYTES;
    return family == V6 && bytes >= V6_BYTES ? V6_BYTES : 0;
}
