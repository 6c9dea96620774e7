/*
 * job: hands each message to the thread pool, and its answer comes back as an event.
 *
 * Must be seen: the text comes back as {"done": TEXT}, 50 ms later; a connection that has gone by
 * then gets nothing, and harms nothing. Mounted, reloaded and unloaded while a job runs: the job
 * ends in the code that it began in.
 */
#include <sluice/sluice.h>
#include <json-c/json.h>
#include <unistd.h>

static struct json_object *work(struct json_object *arg)
{
    struct json_object *event;

    usleep(50 * 1000);
    event = sluice_json("{type: 'job.done', text: %s}", sluice_str(arg, "text"));
    json_object_put(arg);
    return event;
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_defer(ws, work, "{text: %s}", message->data);
}

SLUICE_HANDLER(job_done, ws, event)
{
    sluice_send_json(ws, "{done: %s}", sluice_str(event, "text"));
}

SLUICE_CONSUMER(.receive = on_receive);
