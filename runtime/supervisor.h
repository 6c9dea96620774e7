/*
 * supervisor: `sluice run`: a small process that has the server for its child, and starts it again
 * when it dies.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "cli.h"

/* Until the server has ended by itself, or can't be started. Gives what the process is to end with,
 * which is the server's own status, or 128 and the number of the signal that it died of. */
int supervisor_run(const struct cli *cli);

#endif
