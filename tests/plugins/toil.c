/*
 * toil: holds its loop for as many microseconds as a message says ("1000"), and answers nothing;
 * "all 1000" has each connection do so, as a member of a group, and "over" tells each when that is
 * over; any other message comes back.
 *
 * Must be seen: whoever sends a thousand such messages at once has the loop for one or two of them,
 * then others have their turn; and so between members of a group.
 */
#include <sluice/sluice.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long long microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void toil(long long time)
{
    long long until = microseconds() + time;

    while (microseconds() < until)
        continue;
}

SLUICE_HANDLER(toil_all, ws, event)
{
    (void)ws;
    toil(sluice_int(event, "time", 0));
}

SLUICE_HANDLER(toil_over, ws, event)
{
    (void)event;
    sluice_send_text(ws, "over");
}

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "toilers");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    if (strncmp(message->data, "all ", 4) == 0)
        sluice_group_send("toilers", "{type: 'toil.all', time: %d}", atoi(message->data + 4));
    else if (strcmp(message->data, "over") == 0)
        sluice_group_send("toilers", "{type: 'toil.over'}");
    else if (atoi(message->data) > 0)
        toil(atoi(message->data));
    else
        sluice_send(ws, message);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive);
