/*
 * jobs: each message is a job that waits at the gate.
 *
 * Must be seen: its text comes back when the gate has opened; with the pool full, it is logged and
 * dropped; what returns something that is no event, or nothing, is answered with nothing ("number",
 * "nothing"); "accept" in the query: the handshake is answered from a job.
 */
#include <sluice/sluice.h>
#include <json-c/json.h>
#include <string.h>

#include "gate.h"
#include "trace.h"

static struct json_object *work(struct json_object *arg)
{
    const char *text = sluice_str(arg, "text");
    struct json_object *event = NULL;

    trace("working");
    gate_wait();
    if (strcmp(text, "number") == 0)
        event = sluice_json("7");
    else if (strcmp(text, "nothing") != 0)
        event = sluice_json("{type: 'jobs.done', text: %s}", text);
    json_object_put(arg);
    return event;
}

static void on_connect(sluice_conn *ws)
{
    if (sluice_query(ws, "accept") != NULL)
        sluice_defer(ws, work, "{text: 'accepted'}");
    else
        sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_defer(ws, work, "{text: %s}", message->data);
}

SLUICE_HANDLER(jobs_done, ws, event)
{
    const char *text = sluice_str(event, "text");

    if (strcmp(text, "accepted") == 0)
        sluice_accept(ws);
    sluice_send_text(ws, text);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive);
