/*
 * forged_function: a function under a handler's name.
 *
 * Must be seen: refused, and the symbol is named.
 */
#include <sluice/sluice.h>

void sluice_handler_forged(sluice_conn *ws);

SLUICE_EXPORT void sluice_handler_forged(sluice_conn *ws)
{
    (void)ws;
}

SLUICE_CONSUMER();
