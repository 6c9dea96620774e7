/*
 * no_record: a shared object, and no consumer.
 *
 * Must be seen: `it declares no consumer`.
 */
#include <sluice/sluice.h>

void sluice_connect(sluice_conn *ws); /* nothing of ours */

void sluice_connect(sluice_conn *ws)
{
    (void)ws;
}
