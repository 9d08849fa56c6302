/* See flow.h. */
#include "harness/runner/windows/flow.h"

#include <string.h>

/* Credit is given in pieces of at least a quarter of the window, so that a sender never waits for the last byte. */
enum { LEAST_CREDIT = SBX_PROTOCOL_WINDOW / 4 };

void sbx_flow_sender_init(sbx_flow_sender *sender)
{
    *sender = (sbx_flow_sender){.credit_bytes = SBX_PROTOCOL_WINDOW};
}

uint32_t sbx_flow_take(sbx_flow_sender *sender, uint32_t bytes)
{
    if (bytes > SBX_PROTOCOL_DATA_MAX)
        bytes = SBX_PROTOCOL_DATA_MAX;
    if (bytes > sender->credit_bytes)
        bytes = sender->credit_bytes;
    sender->credit_bytes -= bytes;
    return bytes;
}

void sbx_flow_return(sbx_flow_sender *sender, uint32_t bytes)
{
    sender->credit_bytes += bytes;
}

bool sbx_flow_earn(sbx_flow_sender *sender, uint32_t bytes)
{
    if (bytes > SBX_PROTOCOL_WINDOW - sender->credit_bytes)
        return false;
    sender->credit_bytes += bytes;
    return true;
}

void sbx_flow_receiver_init(sbx_flow_receiver *receiver)
{
    receiver->at = receiver->count = receiver->owed_bytes = 0;
}

bool sbx_flow_put(sbx_flow_receiver *receiver, const uint8_t *data, size_t bytes)
{
    uint32_t end = (receiver->at + receiver->count) % SBX_PROTOCOL_WINDOW;
    size_t first = SBX_PROTOCOL_WINDOW - end;

    if (bytes > SBX_PROTOCOL_WINDOW - receiver->count - receiver->owed_bytes)
        return false;
    if (first > bytes)
        first = bytes;
    memcpy(receiver->data + end, data, first);
    memcpy(receiver->data, data + first, bytes - first);
    receiver->count += (uint32_t)bytes;
    return true;
}

uint32_t sbx_flow_peek(const sbx_flow_receiver *receiver, const uint8_t **out)
{
    uint32_t whole = SBX_PROTOCOL_WINDOW - receiver->at;

    *out = receiver->data + receiver->at;
    return receiver->count < whole ? receiver->count : whole;
}

uint32_t sbx_flow_drop(sbx_flow_receiver *receiver, uint32_t bytes)
{
    uint32_t credit = 0;

    receiver->at = (receiver->at + bytes) % SBX_PROTOCOL_WINDOW;
    receiver->count -= bytes;
    receiver->owed_bytes += bytes;
    if (receiver->owed_bytes >= LEAST_CREDIT) {
        credit = receiver->owed_bytes;
        receiver->owed_bytes = 0;
    }
    return credit;
}
