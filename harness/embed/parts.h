/* What the files of harness/embed share. Nobody else includes it. */
#ifndef SBX_EMBED_PARTS_H
#define SBX_EMBED_PARTS_H

#include <stdbool.h>

#include "harness/embed/protocol.h"
#include "harness/include/sbx/sbx.h"

/* Fills *error (NULL is fine) and returns code. os_code 0: the system said nothing. */
int sbx_embed_fail(sbx_error *error, int code, int os_code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- request.c: what is asked for, as JSON. For free(); NULL: no memory. --- */

char *sbx_embed_options_text(const sbx_options *options);
char *sbx_embed_command_text(const sbx_command *command, const char *usual_policy);

/* --- linux/start.c --- */

/* Starts the program with socket_fd and a descriptor of this process. */
int sbx_embed_start(const char *program, int socket_fd, sbx_error *error);

/* --- linux/message.c --- */

/* False: the helper is gone. */
bool sbx_embed_send(int fd, const void *data, size_t bytes);
/* The rest of an answer of which *have bytes are there; descriptors go to fd[]. 1: it is whole; 0: more must come; -1: the
 * helper is gone, or does not keep to the protocol. */
int sbx_embed_receive(int socket_fd, sbx_protocol_answer *answer, size_t *have, int fd[2]);

#endif
