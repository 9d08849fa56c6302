/* See net_name.h. */
#include "audit/sources/windows/net_name.h"

#include <stdio.h>
#include <string.h>

enum { V6_GROUPS = 8 };

static unsigned group_of(const uint8_t address[16], int group)
{
    return (unsigned)address[2 * group] << 8 | address[2 * group + 1];
}

/* The first longest row of zero groups, if it is longer than one. */
static int find_zeros(int *out_length, const uint8_t address[16])
{
    int best = V6_GROUPS, at = 0;

    *out_length = 1;
    while (at < V6_GROUPS) {
        int length = 0;

        while (at + length < V6_GROUPS && group_of(address, at + length) == 0)
            length++;
        if (length > *out_length) {
            best = at;
            *out_length = length;
        }
        at += length + 1;
    }
    return best;
}

/* As RFC 5952 has it. */
static void add_v6(sbx_text *out, const uint8_t address[16])
{
    int length, zeros = find_zeros(&length, address);

    for (int i = 0; i < V6_GROUPS;) {
        char group[8];

        if (i == zeros) {
            sbx_text_add(out, "::");
            i += length;
            continue;
        }
        (void)snprintf(group, sizeof(group), "%s%x", i == 0 || i == zeros + length ? "" : ":",
                       group_of(address, i));
        sbx_text_add(out, group);
        i++;
    }
}

void sbx_net_address_add(sbx_text *out, bool is_v6, const uint8_t address[16])
{
    if (is_v6) {
        sbx_text_add(out, "[");
        add_v6(out, address);
        sbx_text_add(out, "]");
    } else {
        sbx_text_add_format(out, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
    }
}

bool sbx_net_socket_add(sbx_text *out, const uint16_t *units, size_t count)
{
    enum { V4 = 2, V4_UNITS = 4, V6 = 23, V6_UNITS = 14, V4_AT = 4, V6_AT = 8 };
    uint8_t bytes[2 * V6_UNITS], address[16] = {0};
    bool is_v6 = count == V6_UNITS && units[0] == V6;

    if (!is_v6 && (count != V4_UNITS || units[0] != V4))
        return false;
    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (uint8_t)units[i];
        bytes[2 * i + 1] = (uint8_t)(units[i] >> 8);
    }
    memcpy(address, bytes + (is_v6 ? V6_AT : V4_AT), is_v6 ? 16 : 4);
    sbx_text_add(out, "ip ");
    sbx_net_address_add(out, is_v6, address);
    sbx_text_add_format(out, ":%u", (unsigned)bytes[2] << 8 | bytes[3]);
    return true;
}
