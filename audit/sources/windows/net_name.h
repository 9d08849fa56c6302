/*
 * Addresses of the network as the audit writes them.
 *
 * Who may include it: audit/sources/windows, harness/runner/windows and tests.
 */
#ifndef SBX_AUDIT_SOURCES_WINDOWS_NET_NAME_H
#define SBX_AUDIT_SOURCES_WINDOWS_NET_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/text.h"

/* "192.0.2.1" (the first four bytes), "[2001:db8::1]", as RFC 5952 has it. */
void sbx_net_address_add(sbx_text *out, bool is_v6, const uint8_t address[16]);

/*
 * A struct sockaddr of version 4 or 6 as Windows has it in memory, in units of two bytes: "ip 192.0.2.1:80" (which protocol
 * it is for does not stand there). False, and nothing is added, where it is anything else.
 */
bool sbx_net_socket_add(sbx_text *out, const uint16_t *units, size_t count);

#endif
