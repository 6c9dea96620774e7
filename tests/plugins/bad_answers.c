/*
 * bad_answers: refuses with a status that is none; or, with "?close" in its address, accepts and
 * closes with a reason that is not text.
 *
 * Must be seen: 403; or 4000 without a reason; both are logged.
 */
#include <sluice/sluice.h>

static void on_connect(sluice_conn *ws)
{
    if (sluice_query(ws, "close") == NULL) {
        sluice_deny(ws, 99, "never");
        return;
    }
    sluice_accept(ws);
    sluice_close(ws, 4000, "no text: \xff");
}

SLUICE_CONSUMER(.connect = on_connect);
