/*
 * Lists of addresses as the firewall's rules have them, compared by what they mean: the firewall gives a list back in
 * words and an order of its own. Pure.
 *
 * An address (127.0.0.1, ::1), a range (10.0.0.0-10.0.0.9), a net by its length or its mask (10.0.0.0/8,
 * 10.0.0.0/255.0.0.0), separated by commas; "*" is every address of both versions. Words of the firewall's
 * ("LocalSubnet") are not known, and equal to nothing.
 *
 * Who may include it: harness/setup, tests.
 */
#ifndef SBX_SETUP_WINDOWS_ADDRESSES_H
#define SBX_SETUP_WINDOWS_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>

/* Do both name the same addresses? False also where one of them is not such a list. NULL is "*". */
bool sbx_addresses_are_same(const char *one, const char *other);

#endif
