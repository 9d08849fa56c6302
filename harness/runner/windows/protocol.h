/*
 * What sbx.exe and sbx-runner.exe say to each other, over one named pipe. Pure: the same on every system. Both ends
 * come from one release, and still neither trusts the other: what is not exactly a frame, comes out of its turn or
 * asks for more than was agreed is the end of the conversation.
 *
 * A frame is a head of eight bytes and a body; numbers have their lowest byte first:
 *
 *   4  bytes of the body      1  kind      1  stream (0, 1, 2; 0 where the kind has none)      2  zero
 *
 *   kind      says it   body
 *   HELLO     runner    version, nonce, the runner's user and logon
 *   TRY       sbx       where its doors are (net_wall.h): at which ports
 *   TRIED     runner    what the system answered to each try
 *   START     sbx       the process that is to be made
 *   STARTED   runner    its number, and the runner's handles of it
 *   FAILED    runner    an sbx_error, instead of STARTED; the last frame
 *   DATA      producer  at least one byte of a stream, at most what the other side has given credit for
 *   CREDIT    consumer  how many bytes more it has room for
 *   EOF       both      the producer: that was all; the consumer: no more is wanted
 *   SIZE      sbx       columns and rows of the command's terminal, from now on
 *
 * The order: HELLO, where the network shall be closed TRY and TRIED, START, STARTED or FAILED, and then the last four, of
 * the streams that START says are open, and of a terminal that it says is to be made: then stream 0 is what is typed, 1 what is
 * shown, and the end of 0 that of the terminal. sbx produces stream 0, the runner 1 and 2. No frame ends a run: sbx.exe does that
 * by the job, and closes the pipe.
 *
 * What is not in here, because sbx.exe has it from the system and need not believe the runner: that a process was born
 * or ended, that a limit was reached, exit codes. The job, its port and the process are sbx.exe's own handles.
 *
 * A text is four bytes of length, its bytes, and a NUL that the length counts; no other NUL, and UTF-8.
 */
#ifndef SBX_RUNNER_WINDOWS_PROTOCOL_H
#define SBX_RUNNER_WINDOWS_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/text.h"
#include "harness/runner/windows/net_wall.h"

enum {
    SBX_PROTOCOL_VERSION = 2,
    SBX_PROTOCOL_NONCE_BYTES = 16,
    SBX_PROTOCOL_HEAD_BYTES = 8,
    SBX_PROTOCOL_DATA_MAX = 32768,
    SBX_PROTOCOL_WINDOW = 131072, /* what a stream may have on its way; its credit at the start */
    SBX_PROTOCOL_START_MAX = 1 << 20,
    SBX_PROTOCOL_STREAMS = 3,
    SBX_PROTOCOL_CELLS_MAX = 32767, /* of a terminal, in either direction */
};

typedef enum sbx_frame_kind {
    SBX_FRAME_HELLO = 1,
    SBX_FRAME_START,
    SBX_FRAME_STARTED,
    SBX_FRAME_FAILED,
    SBX_FRAME_DATA,
    SBX_FRAME_CREDIT,
    SBX_FRAME_EOF,
    SBX_FRAME_TRY,
    SBX_FRAME_TRIED,
    SBX_FRAME_SIZE,
} sbx_frame_kind;

typedef struct sbx_frame_hello {
    uint32_t version;
    uint8_t nonce[SBX_PROTOCOL_NONCE_BYTES]; /* the one that the runner was started with */
    const char *user;                        /* "S-1-…" */
    const char *logon;                       /* "": it has none */
} sbx_frame_hello;

typedef struct sbx_frame_try {
    uint16_t port[SBX_NET_DOORS]; /* 0: no such door; those of IPv4 are always there */
} sbx_frame_try;

typedef struct sbx_frame_tried {
    uint32_t answer[SBX_NET_TRIES]; /* any number: sbx_net_judge() knows them */
} sbx_frame_tried;

/* Of a terminal; both at least 1. */
typedef struct sbx_frame_size {
    uint16_t columns, rows;
} sbx_frame_size;

typedef struct sbx_frame_start {
    uint32_t version;
    uint64_t job;   /* a handle of the runner's, given to it by sbx.exe */
    bool must_hold;       /* the token must read back as it is set */
    bool allows_everyone; /* of sbx_token_sids */
    bool is_open[SBX_PROTOCOL_STREAMS];
    sbx_frame_size terminal; /* to be made, with streams 0 and 1; both 0: none */
    const char *run_sid, *overseer, *group; /* of sbx_token_sids */
    const char *program, *line, *cwd;       /* of sbx_os_wish */
    const char *desktop;                    /* "": the runner's own */
    const char *env; /* NAME=VALUE, each with its NUL, one behind the other */
    size_t env_bytes;
} sbx_frame_start;

typedef struct sbx_frame_started {
    uint32_t pid;
    uint64_t process, thread; /* handles of the runner's */
} sbx_frame_started;

typedef struct sbx_frame {
    sbx_frame_kind kind;
    unsigned stream;       /* of DATA, CREDIT, EOF */
    const uint8_t *data;   /* of DATA */
    size_t data_bytes;     /* of DATA */
    uint32_t credit_bytes; /* of CREDIT */
    sbx_frame_hello hello; /* and so on: that of the kind is filled */
    sbx_frame_try try;
    sbx_frame_tried tried;
    sbx_frame_start start;
    sbx_frame_started started;
    sbx_error failed;
    sbx_frame_size size;
} sbx_frame;

/* --- saying: the frame is added to *out. What does not fit into one leaves out->failed. --- */

void sbx_protocol_add_hello(sbx_text *out, const sbx_frame_hello *hello);
void sbx_protocol_add_try(sbx_text *out, const sbx_frame_try *where);
void sbx_protocol_add_tried(sbx_text *out, const sbx_frame_tried *tried);
void sbx_protocol_add_start(sbx_text *out, const sbx_frame_start *start);
void sbx_protocol_add_started(sbx_text *out, const sbx_frame_started *started);
void sbx_protocol_add_failed(sbx_text *out, const sbx_error *error);
void sbx_protocol_add_data(sbx_text *out, unsigned stream, const void *data, size_t bytes);
void sbx_protocol_add_credit(sbx_text *out, unsigned stream, uint32_t bytes);
void sbx_protocol_add_eof(sbx_text *out, unsigned stream);
void sbx_protocol_add_size(sbx_text *out, uint16_t columns, uint16_t rows);

/* --- hearing --- */

typedef enum sbx_protocol_side { SBX_SIDE_SBX, SBX_SIDE_RUNNER } sbx_protocol_side;

typedef struct sbx_protocol_reader {
    sbx_protocol_side from; /* whose frames these are */
    int turn;               /* which frames may come now */
    uint8_t head[SBX_PROTOCOL_HEAD_BYTES];
    size_t head_bytes, body_bytes; /* of the frame at hand: heard, announced */
    sbx_text body;
    bool has_ended[SBX_PROTOCOL_STREAMS];
    bool is_asked; /* TRIED comes next */
    bool has_terminal; /* of sbx.exe's: START asked for one */
    bool is_broken;
} sbx_protocol_reader;

void sbx_protocol_reader_init(sbx_protocol_reader *reader, sbx_protocol_side from);
/* sbx.exe's, which has said TRY: now TRIED has to come, once. Nobody who was not asked says it. */
void sbx_protocol_reader_ask(sbx_protocol_reader *reader);
/* sbx.exe's, which has said it in START: of the other streams the runner may say nothing. */
void sbx_protocol_reader_open(sbx_protocol_reader *reader,
                              const bool is_open[SBX_PROTOCOL_STREAMS]);
void sbx_protocol_reader_done(sbx_protocol_reader *reader);

/* How many bytes it takes at least until the next frame is whole: who reads no more than that reads nothing behind it. */
size_t sbx_protocol_wanted(const sbx_protocol_reader *reader);

/*
 * Takes bytes until a frame is whole or they are used up: *out_used says how many were, *out_has whether *out is one.
 * What *out points to is valid until the next call. Memory is taken as bytes come, never for what is announced.
 * Fails: CORRUPT    not a frame, or not one of that side, or out of turn; then every later call fails too
 *        NO_MEMORY
 */
SBX_MUST_USE sbx_status sbx_protocol_read(sbx_protocol_reader *reader, const uint8_t *data,
                                          size_t bytes, size_t *out_used, sbx_frame *out,
                                          bool *out_has, sbx_error *err);

#endif
