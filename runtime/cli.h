/*
 * cli: the words after `sluice`, as a struct; and the commands that do not serve.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>

#include "base/log.h"
#include "conf/diag.h"
#include "server/mount.h"

/* What a command ends with (interface: "The program"). */
enum cli_status { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli {
    char **words; /* the command line itself */
    const struct cli_command *command;
    const char *file;     /* -c; "routing.conf" */
    const char *argument; /* PATH of routes, COMMAND of help; NULL: none */
    const char *wants;    /* what should follow an option that is wrong; NULL: there is none such */
    enum log_format log_format;
    bool supervise; /* not --no-supervise */
    bool defaults;  /* routes --defaults */
    bool json;      /* reload and status --json */
    bool watch;     /* run --watch */
};

struct cli_command {
    const char *name;
    const char *usage;                 /* what stands behind the name */
    const char *help;                  /* one sentence */
    const char *takes;                 /* its options, one letter each; see cli.c */
    int (*run)(const struct cli *cli); /* a cli_status; of run, what the server ended with */
};

/* Reads the command line. False: it is wrong, and that was said on stderr. */
bool cli_parse(struct cli *cli, int argc, char **argv);

int cli_check(const struct cli *cli);
int cli_routes(const struct cli *cli);
int cli_help(const struct cli *cli);
int cli_version(const struct cli *cli);

/* The table of mounts, a line each. */
void cli_mounts(const struct routing *routing, struct text *out);
/* "4 mounts, 2 consumers". */
void cli_counts(const struct routing *routing, struct text *out);
/* Messages and the summary line: `then` is what follows on that line. They are for people; where
 * the log is JSON, they are lines of it. */
void cli_print_diag(const struct cli *cli, const struct diag *diag, const char *then);

#endif
