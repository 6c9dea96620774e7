/*
 * ticker: a connection that outlives its code. Change the two lines below while its page is open.
 *
 * Each second a connection is told which code it runs in, and how often it has been told. It is one
 * timer that does it, set anew each time it goes off. When this file has been built again and the
 * server reloads, the connections that are open move into the new code: the timer finds the new
 * handler, and the count goes on, for its struct moves as it is.
 *
 * The page calls the code by its version, so give yours another one.
 */
#include <sluice/sluice.h>

#define VERSION "1"
#define SAYS    "Hello from the code that runs now."

#define EVERY_MS 1000

/* Moves from one version to the next as it is, as long as it stays the same. docs/live-code.md says
 * what to do where it can't. */
struct ticker {
    unsigned ticks;
};

static void tell(sluice_conn *ws)
{
    struct ticker *ticker = sluice_state(ws);

    ticker->ticks++;
    sluice_send_json(ws, "{version: %s, says: %s, ticks: %u}", VERSION, SAYS, ticker->ticks);
    sluice_after(ws, EVERY_MS, "{type: 'tick'}");
}

static void ticker_connect(sluice_conn *ws)
{
    sluice_accept(ws);
    tell(ws);
}

/* The event holds a name, not an address: so it is always the newest code that it finds. */
SLUICE_HANDLER(tick, ws, event)
{
    tell(ws);
}

SLUICE_CONSUMER(.connect = ticker_connect, .state_size = sizeof(struct ticker));
