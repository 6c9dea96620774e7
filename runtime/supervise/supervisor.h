/*
 * supervise/supervisor: `sluice run`: a small process that has the server for its child, and starts
 * it again when it dies.
 */
#ifndef SUPERVISE_SUPERVISOR_H
#define SUPERVISE_SUPERVISOR_H

/* Until the server has ended by itself, or can't be started: this program, with these words. Gives
 * what the process is to end with, which is the server's own status, or 128 and the number of the
 * signal that it died of. */
int supervisor_run(char *const *words);

#endif
