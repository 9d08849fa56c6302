/* Socket addresses and numbers of calls, as they are written down. */
#ifndef SBX_AUDIT_SOURCES_LINUX_ADDRESS_H
#define SBX_AUDIT_SOURCES_LINUX_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "audit/sources/watch.h"

typedef struct sbx_address {
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } u;
    size_t bytes; /* 0: could not be read */
    int type;     /* SOCK_STREAM …, 0: unknown */
} sbx_address;

/* What a task passes to connect, bind or sendto, before it is let go on. */
void sbx_address_read(sbx_address *out, pid_t task, int socket, uint64_t at, uint64_t bytes);

/* Will the network walls refuse it? */
bool sbx_address_is_denied(const sbx_address *address, sbx_watch_network network, bool is_bind);

/* libc asking the kernel for a route (UDP, port 0): no conversation. */
bool sbx_address_is_route_lookup(const sbx_address *address);

/*
 * What a refused connect gets: ENETUNREACH for an address, EACCES for a path socket, EINVAL where nothing could be
 * read. Whether the file of a path socket exists makes no difference: we may look where the program may not.
 */
int sbx_address_refusal(const sbx_address *address);

/* The path of a path socket; false: it is none. */
bool sbx_address_path(char out[112], const sbx_address *address);

/* "tcp 192.0.2.1:80", "udp [2001:db8::1]:53", "unix /run/x". */
void sbx_address_format(char *out, size_t room, const sbx_address *address);

/* "unix", "packet", "family 40". */
void sbx_address_format_family(char *out, size_t room, int family);

/* "mount", "bpf", "call 321". */
void sbx_address_format_call(char *out, size_t room, int number);

#endif
