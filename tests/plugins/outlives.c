/*
 * outlives: answers while its peer leaves, and goes on with the message.
 *
 * Must be seen: the trace "received" when the callback runs, which then waits at the gate; then,
 * though the line is cut meanwhile, "whole": the message was what it was to the end.
 */
#include <sluice/sluice.h>

#include "trace.h"
#include "gate.h"

static bool is_whole(const sluice_message *message)
{
    for (size_t i = 0; i < message->size; i++)
        if (message->data[i] != 'x')
            return false;
    return message->data[message->size] == '\0';
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    trace("received");
    gate_wait();
    sluice_send(ws, message);
    sluice_send(ws, message);
    trace(is_whole(message) ? "whole" : "broken");
}

SLUICE_CONSUMER(.receive = on_receive);
