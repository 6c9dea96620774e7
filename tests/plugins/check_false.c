/*
 * check_false: its check says no. It is also what the plugins are made of whose check does worse.
 *
 * Must be seen: it is refused with what it has logged before the refusal; nothing of it is loaded.
 */
#include <sluice/sluice.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "trace.h"

#ifndef CHECK
#define CHECK return false
#endif

static bool on_check(void)
{
    sluice_log(NULL, SLUICE_WARN, "check is called");
    printf("check was called\n");
    fflush(stdout);
    CHECK;
    return true;
}

static bool on_load(struct json_object *saved)
{
    (void)saved;
    trace("load");
    return true;
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)message;
    sluice_send_text(ws, "checked");
}

SLUICE_CONSUMER(.receive = on_receive, .check = on_check, .load = on_load);
