/*
 * endless: callbacks that do not end: "spin" one, "job" a job, on the gate that nobody opens.
 *
 * Must be seen: the server is gone within `server stop` all the same, with status 0.
 */
#include <sluice/sluice.h>
#include <string.h>
#include "gate.h"
#include "trace.h"

static struct json_object *job(struct json_object *arg)
{
    trace("endless job");
    gate_wait();
    return arg;
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (strcmp(message->data, "job") == 0) {
        sluice_defer(ws, job, "{type: 'never.comes'}");
        return;
    }
    trace("endless");
    gate_wait();
}

SLUICE_CONSUMER(.receive = on_receive);
