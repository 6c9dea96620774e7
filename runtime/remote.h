/*
 * remote: the commands that ask a running server: `sluice status` and `sluice reload`.
 */
#ifndef REMOTE_H
#define REMOTE_H

#include "cli.h"

int remote_status(const struct cli *cli);
int remote_reload(const struct cli *cli);

#endif
