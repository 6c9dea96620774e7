/*
 * control/control: the Unix socket at which a running server is asked how it is, and told to
 * reload.
 *
 * One connection, one question: a line of JSON, at most CONTROL_REQUEST_MAX bytes with its newline.
 *
 *     {"command": "status"}
 *     {"command": "reload"}
 *
 * The answer is a line of JSON, as docs/status.md describes it, and the end of the connection. What
 * could not be done at all is answered with {"error": "why"}; a reload that was refused has its own
 * answer, with "done": false.
 *
 * Who may ask is the server's user, and root: the socket's mode says so, and each caller's identity
 * is asked of the kernel besides.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "control/tell.h"
#include "loop/timer.h"

#define CONTROL_REQUEST_MAX 512

struct control;

/* Begins to answer, on the main thread's loop, where `config` says. NULL: there is no socket, which
 * has been logged unless routing.conf wants it so; the server serves without. */
struct control *control_open(const struct tell_process *process, struct reloader *reloader,
                             const struct config *config, struct loop *loop, struct timers *timers);
/* Takes the socket away; after reloader_stop, so that nobody waits for a reload. NULL: nothing. */
void control_close(struct control *control);

#endif
