/*
 * run: `sluice run`: the process that serves, and what signals do to it; or its supervisor.
 */
#ifndef RUN_H
#define RUN_H

#include "cli.h"

/* What the process ends with: a cli_status, or what the server ended with (see
 * supervise/supervisor.h). */
int run_serve(const struct cli *cli);

#endif
