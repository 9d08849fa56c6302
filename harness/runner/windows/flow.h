/*
 * One stream's flow between sbx.exe and sbx-runner.exe (protocol.h): who reads slowly holds the writer back, and
 * neither side keeps more than SBX_PROTOCOL_WINDOW bytes of it. Pure; the caller holds a lock where there are threads.
 *
 * At any moment: the sender's credit + what is on its way + what the receiver holds + what it has handed on and not
 * yet given credit for = the window.
 */
#ifndef SBX_RUNNER_WINDOWS_FLOW_H
#define SBX_RUNNER_WINDOWS_FLOW_H

#include "harness/runner/windows/protocol.h"

typedef struct sbx_flow_sender {
    uint32_t credit_bytes;
} sbx_flow_sender;

void sbx_flow_sender_init(sbx_flow_sender *sender);
/* How many of that many may be sent now: at most one frame's. They count as sent. */
uint32_t sbx_flow_take(sbx_flow_sender *sender, uint32_t bytes);
/* Those that were taken, and then not sent after all. */
void sbx_flow_return(sbx_flow_sender *sender, uint32_t bytes);
/* False: more credit than there is a window for, which no honest receiver gives. */
bool sbx_flow_earn(sbx_flow_sender *sender, uint32_t bytes);

typedef struct sbx_flow_receiver {
    uint8_t data[SBX_PROTOCOL_WINDOW];
    uint32_t at, count;  /* a ring */
    uint32_t owed_bytes; /* handed on, no credit given yet */
} sbx_flow_receiver;

void sbx_flow_receiver_init(sbx_flow_receiver *receiver);
/* False: more than there was credit for; nothing is kept of it. */
bool sbx_flow_put(sbx_flow_receiver *receiver, const uint8_t *data, size_t bytes);
/* What is next to be handed on, in one piece; 0: nothing is there. */
uint32_t sbx_flow_peek(const sbx_flow_receiver *receiver, const uint8_t **out);
/*
 * The first that many were handed on. Returns the credit to give for it now: 0 as long as it is little, because a
 * frame for each small write would cost more than it says.
 */
uint32_t sbx_flow_drop(sbx_flow_receiver *receiver, uint32_t bytes);

#endif
