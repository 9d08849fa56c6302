/* What the files of serving share. Nobody else includes it. */
#ifndef SBX_BATCH_LINUX_SERVE_PARTS_H
#define SBX_BATCH_LINUX_SERVE_PARTS_H

#include "harness/batch/linux/parts.h"
#include "harness/embed/protocol.h"

/* --- serve_files.c: a private directory with what commands read and write, until it has been handed over --- */

typedef struct sbx_serve_files {
    int fd; /* -1: none */
    char path[256];
} sbx_serve_files;

SBX_MUST_USE sbx_status sbx_serve_files_make(sbx_serve_files *out, sbx_error *err);
void sbx_serve_files_remove(sbx_serve_files *files);
/* A new file for a command's input; -1: errno says why. */
int sbx_serve_files_input(const sbx_serve_files *files, uint64_t ticket);
void sbx_serve_files_input_path(sbx_text *out, const sbx_serve_files *files, uint64_t ticket);
/* stdout and stderr of a command that has ended; false, and none: one cannot be opened. */
bool sbx_serve_files_open(int out_fd[2], const sbx_serve_files *files, uint64_t ticket);
/* Everything of one command. */
void sbx_serve_files_forget(const sbx_serve_files *files, uint64_t ticket);

/* --- serve_client.c: the other end of the socket --- */

typedef struct sbx_serve_outgoing {
    struct sbx_serve_outgoing *next;
    sbx_protocol_answer answer;
    bool has_files;
} sbx_serve_outgoing;

typedef struct sbx_serve_client {
    int fd;
    const sbx_serve_files *files;
    /* what comes */
    sbx_protocol_order order;
    size_t order_have;
    sbx_text text;
    int input_fd;
    uint64_t input_left;
    bool input_failed;
    /* what goes */
    sbx_serve_outgoing *first, **end;
    size_t sent;
} sbx_serve_client;

typedef enum sbx_serve_news {
    SBX_SERVE_NOTHING, /* not all of an order is there yet */
    SBX_SERVE_ORDER, /* client->order, text and the file of its input are whole, until the next call */
    SBX_SERVE_GONE, /* or does not keep to the protocol */
} sbx_serve_news;

void sbx_serve_client_init(sbx_serve_client *out, int fd);
void sbx_serve_client_done(sbx_serve_client *client);
/* Never waits. */
sbx_serve_news sbx_serve_client_read(sbx_serve_client *client);
/* Puts an answer behind those that wait. False: no memory. */
bool sbx_serve_client_answer(sbx_serve_client *client, const sbx_protocol_answer *answer,
                             bool has_files);
/* Sends what can be sent without waiting. False: the client is gone. */
bool sbx_serve_client_flush(sbx_serve_client *client);

#endif
