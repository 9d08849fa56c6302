/*
 * What libsbx and its helper (`sbx --serve`) say to each other over a stream socket. Both ends may be of different
 * versions: the first order and its answer hold VERSION, and where they differ nothing is done.
 *
 *   library  OPEN {options as JSON}           helper  answer to ticket 0: ready, or why not
 *            RUN ticket {a task as JSON} input        answer, with the descriptors of stdout and stderr
 *            CANCEL ticket
 *
 * The helper reads at any time; answers that nobody takes wait in it. It ends when the socket or the caller does.
 */
#ifndef SBX_EMBED_PROTOCOL_H
#define SBX_EMBED_PROTOCOL_H

#include <stdint.h>

enum {
    SBX_PROTOCOL_VERSION = 1,
    SBX_PROTOCOL_MAGIC = 0x73627878,
    SBX_PROTOCOL_TEXT_MAX = 1024 * 1024,
    SBX_PROTOCOL_INPUT_MAX = 1024 * 1024 * 1024,
    /* Where the helper finds them. */
    SBX_PROTOCOL_SOCKET_FD = 3,
    SBX_PROTOCOL_CALLER_FD = 4, /* a pidfd: readable when the caller is gone */
};

#define SBX_PROTOCOL_OPTION "--serve"

typedef enum sbx_protocol_kind {
    SBX_PROTOCOL_OPEN = 1,
    SBX_PROTOCOL_RUN,
    SBX_PROTOCOL_CANCEL,
} sbx_protocol_kind;

typedef struct sbx_protocol_order {
    uint32_t magic, version, kind;
    uint32_t text_bytes; /* JSON, behind this */
    uint64_t ticket;
    uint64_t input_bytes; /* behind the text */
} sbx_protocol_order;

/* Texts end in a NUL. */
typedef struct sbx_protocol_answer {
    uint32_t magic, version;
    uint64_t ticket;
    int32_t exit_code, signal;
    uint64_t started_us, wall_ns, cpu_ns, memory_peak_bytes, denied;
    uint32_t descriptors; /* 0, or 2 come with it */
    uint32_t is_refusal;  /* of OPEN */
    char status[16], reason[32], run_id[32];
    char message[512];
} sbx_protocol_answer;

#endif
