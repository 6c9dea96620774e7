/*
 * main: reads the command line, and runs the command.
 */
#include <string.h>

#include "cli.h"
#include "plugin/probe.h"

int main(int argc, char **argv)
{
    struct cli cli;

    if (argc == 3 && strcmp(argv[1], "probe") == 0) /* a child of ours: see plugin/probe */
        probe_run(argv[2]);

    return cli_parse(&cli, argc, argv) ? cli.command->run(&cli) : CLI_USAGE;
}
