/*
 * toil: holds its loop for as many microseconds as a message says ("1000"), and answers nothing;
 * any other message comes back.
 *
 * Must be seen: whoever sends a thousand such messages at once has the loop for one or two of them,
 * then others have their turn.
 */
#include <sluice/sluice.h>
#include <stdlib.h>
#include <time.h>

static long long microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    long long until = microseconds() + atoi(message->data);

    if (atoi(message->data) == 0) {
        sluice_send(ws, message);
        return;
    }
    while (microseconds() < until)
        continue;
}

SLUICE_CONSUMER(.receive = on_receive);
