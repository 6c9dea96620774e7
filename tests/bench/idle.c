/*
 * tests/bench/idle: a consumer with a little state of its own, which is what a connection costs
 * that waits: the bench opens 10,000 of them.
 */
#include <sluice/sluice.h>

struct idle {
    char name[56];
    long seen;
};

static void idle_connect(sluice_conn *ws)
{
    struct idle *idle = sluice_state(ws);

    idle->seen = 1;
    sluice_accept(ws);
}

SLUICE_CONSUMER(.connect = idle_connect, .state_size = sizeof(struct idle));
