/*
 * api: the functions of sluice.h, for the one server of this process.
 */
#ifndef API_H
#define API_H

struct server;

/* Whose layer carries what consumers send. Set by main before the first load(), and to NULL after
 * the last callback. That main calls it also keeps the linker from dropping the object in which all
 * public functions are. */
void api_serve(struct server *server);
/* From now on what is sent outside of any call, by threads that consumers have started, goes
 * nowhere. When this returns none of them is in the layer any more, so that it may be freed. */
void api_shut(void);

#endif
