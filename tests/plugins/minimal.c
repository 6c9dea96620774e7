/*
 * minimal: declares nothing.
 *
 * Must be seen: every client is accepted, and what it sends is ignored.
 */
#include <sluice/sluice.h>

SLUICE_CONSUMER();
