/*
 * Which requests to the socket driver (AFD) name an address, and where. Their form is nowhere promised: it is what the
 * system's own sockets library sends on 64-bit Windows since Vista, as others have found out and written down.
 * Plain C without the system, and without a C library.
 *
 * Who may include it: harness/target/windows and tests.
 */
#ifndef SBX_TARGET_WINDOWS_TRACE_SOCKET_H
#define SBX_TARGET_WINDOWS_TRACE_SOCKET_H

#include <stddef.h>
#include <stdint.h>

typedef enum sbx_socket_ask {
    SBX_SOCKET_OTHER, /* nothing that we look at */
    SBX_SOCKET_CONNECT,
    SBX_SOCKET_BIND,
} sbx_socket_ask;

enum { SBX_SOCKET_ADDRESS_BYTES = 28 }; /* the longest that is told: of version 6 */

/* *out_at: where in the request the address begins, as in a struct sockaddr. */
sbx_socket_ask sbx_socket_asked(size_t *out_at, uint32_t code);

/* How many bytes of what follows are the address: 8 (version 4), 28 (version 6), or 0: it is none of these, or cut. */
size_t sbx_socket_address_bytes(const uint8_t *address, size_t bytes);

#endif
