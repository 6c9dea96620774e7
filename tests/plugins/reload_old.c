/*
 * reload_old: the first of two versions of one consumer; reload_new is the second.
 *
 * Must be seen: a connection that came to this version is answered by it until it closes, with
 * "old"; then unload is called, once (the trace "old load", "old unload").
 */
#include <sluice/sluice.h>
#include "trace.h"

#ifndef VERSION
#define VERSION "old"
#endif

static bool on_load(struct json_object *saved)
{
    (void)saved;
    trace(VERSION " load");
    return true;
}

static void on_unload(void)
{
    trace(VERSION " unload");
}

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "reload");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (message->binary)
        sluice_group_send("reload", "{type: 'reload.say'}");
    else
        sluice_send_text(ws, VERSION);
}

SLUICE_BROADCAST(reload_say, ws, event)
{
    sluice_send_text(ws, "all of " VERSION);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .load = on_load, .unload = on_unload);
