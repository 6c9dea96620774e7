/*
 * foreign: calls that are made for a connection from where they may not be: from another one's
 * callback, from a job, from a broadcast handler; and after it has gone.
 *
 * Must be seen: "keep" is answered with "kept"; "use", of another connection or after that one has
 * gone, "job" and "broadcast" are answered with "alive" alone; each call that is refused is logged
 * with its name, and the kept connection gets nothing.
 */
#include <sluice/sluice.h>
#include <json-c/json.h>
#include <string.h>

static _Atomic(sluice_conn *) kept;

static void use(void)
{
    sluice_send_text(kept, "not yours");
    sluice_send_json(kept, "{not: 'yours'}");
    sluice_send_bytes(kept, "not", 3);
    sluice_close(kept, 4000, "not yours");
    sluice_accept(kept);
    sluice_group_add(kept, "foreign");
    sluice_after(kept, 0, "{type: 'foreign.alive'}");
    sluice_group_send_from(kept, "foreign", "{type: 'foreign.alive'}");
    if (sluice_path(kept) != NULL || sluice_state(kept) != NULL || sluice_scope(kept) != NULL ||
        sluice_channel(kept) != NULL || sluice_backlog(kept) != 0)
        sluice_group_send("foreign.fault", "{type: 'foreign.fault'}");
}

static struct json_object *job(struct json_object *arg)
{
    json_object_put(arg);
    use();
    return sluice_json("{type: 'foreign.alive'}");
}

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "foreign.fault");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (strcmp(message->data, "keep") == 0) {
        kept = ws;
        sluice_send_text(ws, "kept");
    } else if (strcmp(message->data, "use") == 0) {
        use();
        sluice_send_text(ws, "alive");
    } else if (strcmp(message->data, "job") == 0) {
        sluice_defer(ws, job, "{}");
    } else {
        sluice_channel_send(sluice_channel(ws), "{type: 'foreign.broadcast'}");
    }
}

SLUICE_HANDLER(foreign_alive, ws, event)
{
    sluice_send_text(ws, "alive");
}

SLUICE_HANDLER(foreign_fault, ws, event)
{
    sluice_send_text(ws, "it was given what is not its own");
}

/* What the others of its audience would not have, it must not have either. */
SLUICE_BROADCAST(foreign_broadcast, ws, event)
{
    if (sluice_path(ws) != NULL || sluice_state(ws) != NULL || sluice_channel(ws) != NULL)
        sluice_send_text(ws, "it was given what is not its own");
    sluice_group_add(ws, "foreign");
    sluice_close(ws, 4000, NULL);
    sluice_send_text(ws, "alive");
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .state_size = 1);
