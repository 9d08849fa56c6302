/*
 * The socket on which the kernel tells its audit records to whoever may read them. sbx listens where
 * kernel audit is on already, and never switches it on or off: it is the whole machine's.
 */
#ifndef SBX_AUDIT_SOURCES_LINUX_LANDLOCK_SOCKET_H
#define SBX_AUDIT_SOURCES_LINUX_LANDLOCK_SOCKET_H

#include <stdbool.h>

#include "harness/base/error.h"

/*
 * Listens. What costs least and fails most is looked at first: where it cannot be had that is known after
 * two system calls. Whether audit is on is not asked: the answer takes the kernel 4 to 8 ms.
 * Fails:  REFUSED  "kernel before 6.15 …", "no CAP_AUDIT_READ …", "in a pid namespace …", "… without audit"
 */
SBX_MUST_USE sbx_status sbx_landlock_socket_open(int *out_fd, sbx_error *err);

/*
 * From now on only the five types of landlock_parse.h come through, on a datagram socket of any family, and its
 * buffer is large; both as far as the kernel lets us. Takes 80 us: for when there is something to hear.
 */
void sbx_landlock_socket_tune(int fd);

/* Asks the kernel whether audit is on. false: it does not tell us (CAP_AUDIT_CONTROL). Takes milliseconds. */
bool sbx_landlock_socket_ask(bool *out_is_on);

#endif
