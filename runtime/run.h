/*
 * run: `sluice run`: the process that serves, and what signals do to it.
 */
#ifndef RUN_H
#define RUN_H

#include "cli.h"

enum cli_status run_serve(const struct cli *cli);

#endif
