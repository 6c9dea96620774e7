/*
 * reload/trial: what is about to be served is tried: the supervisor gets a snapshot of it, and goes
 * back to the one before if the server crashes within `reload probation`.
 *
 * What was taken back so is refused from then on, for as long as the supervisor lives: the bytes of
 * the consumer that crashed; where it is not known which did, all that was new together; where only
 * routing.conf had changed, its text. Without a supervisor all of this does nothing.
 */
#ifndef RELOAD_TRIAL_H
#define RELOAD_TRIAL_H

#include "server/mount.h"

/* Of the supervisor's: what was taken back, when (clock_wall), and the digest of the bytes that
 * crashed, in hexadecimal, or "". */
void trial_remember(const char *snapshot, uint64_t when, const char *digest);
void trial_forget(void); /* at the end */

/* `next` is about to be served, in place of `now`, or of nothing (NULL). False, with an error in
 * diag: it was taken back before. The thread that loads. */
bool trial_begin(struct plugin_cache *cache, const struct routing *next, const struct routing *now,
                 struct diag *diag);
/* It is; or it won't be. After a trial_begin that gave true; else nothing happens. Main thread. */
void trial_serve(void);
void trial_drop(void);

#endif
