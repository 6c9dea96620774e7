/*
 * main: reads the command line, and runs the command.
 */
#include "cli.h"

int main(int argc, char **argv)
{
    struct cli cli;

    return cli_parse(&cli, argc, argv) ? cli.command->run(&cli) : CLI_USAGE;
}
