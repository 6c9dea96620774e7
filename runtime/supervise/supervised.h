/*
 * supervise/supervised: the server's end of the tether: what it says to its supervisor, and what it
 * has from it.
 *
 * Where there is no supervisor, each of these does nothing. Main thread, but for what says
 * otherwise.
 */
#ifndef SUPERVISE_SUPERVISED_H
#define SUPERVISE_SUPERVISED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervise/tether.h"

struct loop;

/* How a supervisor names the descriptor to its server. */
#define SUPERVISED_VARIABLE "SLUICE_SUPERVISOR"

/* Was this process started by a supervisor, to be its server? */
bool supervised_is(void);
/* Then: reads what it was given, has its sockets at hand for who will listen, and tells it of a
 * crash. `bad` is told of each snapshot that was taken back; `digest` in hexadecimal, or "". Ends
 * the process where the supervisor is gone already. */
void supervised_begin(void (*bad)(const char *path, uint64_t when, const char *digest));
void supervised_end(void);

pid_t supervised_by(void); /* the supervisor's process; 0: there is none. Any thread. */
/* The snapshot to serve in place of what is there; NULL: there is none. Until supervised_end. */
const char *supervised_snapshot(void);
bool supervised_again(void); /* a server of this supervisor has served before */

/* It serves; a stop takes `stop_ms` at most. What it was given and has not used is closed. */
void supervised_serves(uint32_t stop_ms);
/* Anything else. Any thread. False: there is no supervisor, or it does not hear. */
bool supervised_say(enum tether_kind kind, const char *text, uint64_t number, int descriptor);

/* The loop's handlers for signals are there: from now on those are heard that came before, too.
 * `gone` is called on the loop's thread, once, when the supervisor ends. False: no memory. */
bool supervised_watch(struct loop *loop, void (*gone)(void *context), void *context);

#endif
