/*
 * supervise/child: the supervisor's child: this program, executed anew, with its end of the tether.
 */
#ifndef SUPERVISE_CHILD_H
#define SUPERVISE_CHILD_H

#include <sys/types.h>

/* Starts the program with the words of a command line, in a process group of its own, every signal
 * at its default. `*end` is ours of the tether. 0, or an errno; then the two stay as they are. */
int child_start(char *const *words, pid_t *server, int *end);

#endif
