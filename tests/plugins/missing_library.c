/*
 * missing_library: calls a function of a library that it was not linked with.
 *
 * Must be seen: `undefined symbol: frobnicate`, and that a library is missing.
 */
#include <sluice/sluice.h>

int frobnicate(void);

static void on_connect(sluice_conn *ws)
{
    if (frobnicate())
        sluice_accept(ws);
}

SLUICE_CONSUMER(.connect = on_connect);
