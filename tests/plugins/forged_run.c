/*
 * forged_run: a handler's record that would run a function of libc.
 *
 * Must be seen: refused, and the symbol is named.
 */
#include <sluice/sluice.h>
#include <stdlib.h>

#pragma GCC diagnostic ignored "-Wcast-function-type"

SLUICE_DECLARE(struct sluice_handler, sluice_handler_forged)
const struct sluice_handler sluice_handler_forged = {
    SLUICE_ABI, false, "forged", (void (*)(sluice_conn *, struct json_object *))abort};

SLUICE_CONSUMER();
