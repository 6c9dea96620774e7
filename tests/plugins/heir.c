/*
 * heir: counts messages for all its connections, and hands the count on. "count" is answered with
 * the version and the count, anything else counts.
 *
 * Must be seen: the next version goes on where this one was (the traces "one save", "two load 3");
 * the first one has nothing to go on from ("one load null"); a version whose load gives false is
 * not unloaded, and the old one goes on.
 */
#include <sluice/sluice.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "gate.h"
#include "trace.h"

#ifndef VERSION
#define VERSION "one"
#endif
#ifndef LOADS
#define LOADS true
#endif
#ifndef WAITS_IN
#define WAITS_IN ""
#endif

static atomic_int count;

static void wait_in(const char *callback)
{
    if (strcmp(WAITS_IN, callback) != 0)
        return;
    trace(VERSION " waits");
    gate_wait();
}

static bool on_load(struct json_object *saved)
{
    char line[64] = VERSION " load null";

    wait_in("load");
    if (saved != NULL)
        snprintf(line, sizeof line, VERSION " load %lld", sluice_int(saved, "count", -1));
    trace(line);
    count = (int)sluice_int(saved, "count", 0);
    return LOADS;
}

static struct json_object *on_save(void)
{
    wait_in("save");
    trace(VERSION " save");
    return sluice_json("{count: %d}", count);
}

static void on_unload(void)
{
    wait_in("unload");
    trace(VERSION " unload");
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    char answer[64];

    if (strcmp(message->data, "count") != 0) {
        count++;
        return;
    }
    snprintf(answer, sizeof answer, VERSION " %d", count);
    sluice_send_text(ws, answer);
}

SLUICE_CONSUMER(.receive = on_receive, .load = on_load, .save = on_save, .unload = on_unload);
