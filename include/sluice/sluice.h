/*
 * sluice/sluice.h - write a WebSocket consumer as a shared object.
 *
 * A consumer is one .so file.  It declares itself with SLUICE_CONSUMER and may
 * declare handlers with SLUICE_HANDLER; nothing else in it can be reached from
 * the network.  routing.conf mounts it on a path:
 *
 *     ws /ws/chat/<str:room>/ chat.so
 *
 * Build it with    cc -shared -fPIC $(pkg-config --cflags sluice) -o chat.so chat.c
 * Start reading at consumers/echo.c, then consumers/chat.c.  C11, or C++20 with
 * the fields of SLUICE_CONSUMER in the order of their declaration.
 *
 * Four rules hold for everything below.
 *
 *   Threads   All callbacks of one connection run on one thread, one at a time.
 *             Two connections may run at once on two threads, so a variable
 *             shared between them needs a lock.  Functions that take a
 *             connection are called from its own callbacks only; the others
 *             (group_send, channel_send, json, log) from any thread.
 *   Failure   Sending never fails in a way the caller must check.  On a closed
 *             connection it does nothing.  A connection that cannot keep up, or
 *             for which memory runs out, is closed, and disconnect is called.
 *   Strings   Every string the runtime hands out belongs to the runtime and
 *             stays valid until disconnect returns, over any number of reloads;
 *             or until the callback returns, for a message, for an event, and
 *             for what sluice_option gives: options are the mount's, and a
 *             reload may give it others.  Strings passed in are copied.
 *   Blocking  A callback must not block: it holds up every connection of its
 *             thread.  Slow work goes to sluice_defer.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)      /* both sides build with -fvisibility=hidden */

/* What the compiler is told; nothing to call here. */
#ifdef __cplusplus
#define SLUICE_DECLARE(type, name) extern "C" { extern SLUICE_EXPORT const type name; }
#else
#define SLUICE_DECLARE(type, name) extern SLUICE_EXPORT const type name;
#endif
#define SLUICE_FIELDS_LEFT_OUT            /* as they may be; g++ -Wextra warns of it */ \
    _Pragma("GCC diagnostic push")                                            \
    _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#define SLUICE_EXPORT            __attribute__((visibility("default")))
#define SLUICE_UNUSED            __attribute__((unused))
#define SLUICE_PRINTF_ARGS(f, a) __attribute__((format(printf, f, a)))
#define SLUICE_JSON_ARGS(f, a)   SLUICE_PRINTF_ARGS(f, a)

struct json_object;                       /* json-c's; include <json-c/json.h> to look inside */

typedef struct sluice_conn sluice_conn;   /* one client connection; opaque */
typedef uint64_t           sluice_timer;  /* names a pending sluice_after; 0 names none */

typedef struct sluice_message {           /* one whole WebSocket message */
    const char *data;                     /* a zero byte follows the last one */
    size_t      size;
    bool        binary;                   /* else text, and valid UTF-8 */
} sluice_message;

#define SLUICE_GROUP_MAX 100              /* longest group name, with its zero byte */


/* ---- Declaring a consumer ------------------------------------------------ */

/*
 * Leave out what you do not need: a missing connect accepts every client, a
 * missing receive ignores what clients send.  New fields are added at the end
 * only; the runtime reads `size` bytes and takes the rest as zero.
 */
struct sluice_consumer {
    uint32_t abi;                         /* these two are filled in by SLUICE_CONSUMER */
    uint32_t size;

    /* A client asks to connect.  Answer with sluice_accept or sluice_close,
     * here or later; the handshake waits, up to `limits answer`. */
    void (*connect)(sluice_conn *ws);

    /* The client sent a message.  With receive_json set, text messages are
     * parsed and go there (text that is not JSON closes with 1007; JSON's null is
     * NULL, which sluice_str and its like take) and receive gets the binary
     * ones; without it, receive gets all. */
    void (*receive)(sluice_conn *ws, const sluice_message *message);
    void (*receive_json)(sluice_conn *ws, struct json_object *content);

    /* The connection is gone: the last call for it, and exactly one for each,
     * refused ones too.  Groups and timers are already cleaned up.  The peer's
     * reason is sluice_close_reason. */
    void (*disconnect)(sluice_conn *ws, int code);

    /* The callbacks and handlers of this consumer may block (a database call, a
     * slow computation): they run on the thread pool instead of the event loop,
     * still one at a time for each connection, and every function below works
     * the same.  Channels' sync consumer. */
    bool blocking;

    /* Each connection gets this many zeroed bytes: see sluice_state. */
    size_t   state_size;
    uint32_t state_version;               /* raise it when the struct's meaning changes */

    /* Hot reload and the object's own start and end; see the end of this file. */
    bool (*check)(void);
    bool (*load)(struct json_object *saved);
    struct json_object *(*save)(void);
    void (*unload)(void);
    bool (*upgrade)(sluice_conn *ws, const void *old_state, size_t old_size,
                    uint32_t old_version);
};

/* SLUICE_CONSUMER(.connect = chat_connect, .receive = chat_receive);
 * Once per shared object. */
#define SLUICE_CONSUMER(...)                                                  \
    SLUICE_DECLARE(struct sluice_consumer, sluice_consumer)                   \
    SLUICE_FIELDS_LEFT_OUT                                                    \
    const struct sluice_consumer sluice_consumer = {                          \
        .abi = SLUICE_ABI, .size = sizeof(struct sluice_consumer),            \
        __VA_ARGS__ };                                                        \
    _Pragma("GCC diagnostic pop")                                             \
    struct sluice_consumer                /* takes the semicolon that follows */

/*
 * SLUICE_HANDLER(chat_message, ws, event) { ... }
 *
 * Declares the handler of events whose type is "chat.message" (a dot in a type
 * reads as an underscore).  Events come from sluice_group_send,
 * sluice_channel_send, sluice_after and sluice_defer, perhaps from another
 * process.  The runtime looks up the symbol sluice_handler_<name> in this
 * object alone and checks the record it finds, so an event can run declared
 * handlers and no other function.  An event nobody handles is logged, counted
 * and dropped.  Types that begin with "sluice." or "layer.", the dot written as
 * an underscore too, come from the runtime alone.  The event is shared with
 * other connections of this thread: read it, do not change it; copy what is to
 * outlive the callback.
 */
#define SLUICE_HANDLER(handler, ws, event)                                    \
    SLUICE_HANDLER_RECORD(handler, false)                                     \
    static void sluice_run_##handler(sluice_conn *ws SLUICE_UNUSED,           \
                                     struct json_object *event SLUICE_UNUSED)

/*
 * SLUICE_BROADCAST(chat_message, ws, event) { ... }
 *
 * A handler whose output depends on the event and the mount alone, the same for
 * every member of a group.  It runs once for an event on each loop, mount and
 * generation, with any one of the members as ws; what it sends is encoded once
 * (and compressed once) and goes to all of them, in order with all else that
 * they are sent.  It may send and read sluice_option; other calls on ws are
 * refused and logged.  A blocking consumer can't have one: refused at load.
 */
#define SLUICE_BROADCAST(handler, ws, event)                                  \
    SLUICE_HANDLER_RECORD(handler, true)                                      \
    static void sluice_run_##handler(sluice_conn *ws SLUICE_UNUSED,           \
                                     struct json_object *event SLUICE_UNUSED)

#define SLUICE_HANDLER_RECORD(handler, once)                                  \
    static void sluice_run_##handler(sluice_conn *, struct json_object *);    \
    SLUICE_DECLARE(struct sluice_handler, sluice_handler_##handler)           \
    const struct sluice_handler sluice_handler_##handler = {                  \
        .abi = SLUICE_ABI, .broadcast = once, .name = #handler,               \
        .run = sluice_run_##handler };

struct sluice_handler {
    uint32_t    abi;
    bool        broadcast;
    const char *name;
    void      (*run)(sluice_conn *ws, struct json_object *event);
};


/* ---- Who is connecting --------------------------------------------------- */

/* Each returns NULL where there is no such thing, or where it holds a zero byte.
 * A header that came several times is joined by ", ", of a repeated query the
 * last one counts. */
const char *sluice_path(const sluice_conn *ws);                     /* decoded, no query */
const char *sluice_param(const sluice_conn *ws, const char *name);  /* room of <str:room> */
long long   sluice_param_int(const sluice_conn *ws, const char *name);  /* of <int:id>; else 0 */
const char *sluice_query(const sluice_conn *ws, const char *name);  /* ?name=value, decoded */
const char *sluice_header(const sluice_conn *ws, const char *name); /* name in any case */
const char *sluice_cookie(const sluice_conn *ws, const char *name);
const char *sluice_peer(const sluice_conn *ws);                     /* "203.0.113.9:51234" */
const char *sluice_option(const sluice_conn *ws, const char *name); /* `set name value` of the mount */

/* The verified session and the user it belongs to (`session` and `auth` in
 * routing.conf), or NULL: nobody is logged in.  Borrowed. */
struct json_object *sluice_session(const sluice_conn *ws);
struct json_object *sluice_user(const sluice_conn *ws);       /* {"id": ..., ...} */

/* All of the above as one ASGI scope: type, path, query_string, headers,
 * cookies, client, server, subprotocols, url_route, session, user.  Borrowed. */
struct json_object *sluice_scope(const sluice_conn *ws);


/* ---- Talking to the client ----------------------------------------------- */

/* Complete the handshake.  accept_as also picks a subprotocol; one the client
 * did not offer closes the connection. */
void sluice_accept(sluice_conn *ws);
void sluice_accept_as(sluice_conn *ws, const char *subprotocol);

/* Before accept: refuse, as HTTP 403.  After: close with this code (1000 is the
 * normal one) and reason (NULL for none), once all sent messages are out. */
void sluice_close(sluice_conn *ws, int code, const char *reason);

/* Before accept: refuse with a status and body of your own. */
void sluice_deny(sluice_conn *ws, int status, const char *body);

/* Before accept or deny: a header of the response, such as Set-Cookie.  A name
 * or value that HTTP does not allow is refused and logged. */
void sluice_response_header(sluice_conn *ws, const char *name, const char *value);

/* In disconnect: the peer's reason, or NULL. */
const char *sluice_close_reason(const sluice_conn *ws);

/* Queue one message.  send passes a message on as it is.  Text that is not UTF-8,
 * and bytes inside JSON, are logged and not sent. */
void sluice_send(sluice_conn *ws, const sluice_message *message);
void sluice_send_text(sluice_conn *ws, const char *text);
void sluice_send_bytes(sluice_conn *ws, const void *data, size_t size);
void sluice_send_json(sluice_conn *ws, const char *json, ...) SLUICE_JSON_ARGS(2, 3);

/* Bytes queued but not yet written; over `limits backlog` the connection is
 * closed, so look here before pouring a lot into a slow client. */
size_t sluice_backlog(const sluice_conn *ws);

/* state_size bytes, zero at connect, freed after disconnect. */
void *sluice_state(const sluice_conn *ws);


/* ---- JSON ---------------------------------------------------------------- */

/*
 * A `json` argument is a template: JSON that may have bare keys and single
 * quotes, with a printf conversion wherever a value stands.  The compiler
 * checks the arguments; the runtime does the escaping.
 *
 *     "{type: 'chat.message', message: %s, at: %lld}"
 *
 *     %s    const char *           a string, escaped; NULL gives null; what is
 *                                  not UTF-8 becomes U+FFFD
 *     %d %u %ld %lld %zu ...       a number
 *     %g    double                 a number; NaN and infinities give null
 *     %hhd  bool (a variable)      true or false
 *     %p    struct json_object *   that value; takes over your reference, also
 *                                  when nothing is sent; cast it to (void *)
 *
 * Inside quotes %s and numbers are put in as text: "{message: '%s%s'}"; %% is a
 * percent sign.  No conversion stands as a key, and there are no others.  A
 * template that is no JSON is logged with its text, and nothing is sent.
 */
struct json_object *sluice_json(const char *json, ...) SLUICE_JSON_ARGS(1, 2);

/* A member of an object; NULL, or `otherwise`, if missing or of another type.  A
 * string that holds a zero byte is no C string: NULL too. */
const char *sluice_str(struct json_object *object, const char *key);
long long   sluice_int(struct json_object *object, const char *key, long long otherwise);

/* Bytes that are not text: JSON has none, events do (msgpack bin, Python bytes).
 * A value to pass as %p; and a member's bytes, or NULL. */
struct json_object *sluice_bytes_new(const void *data, size_t size);
const void *sluice_bytes(struct json_object *object, const char *key, size_t *size);


/* ---- Groups and events --------------------------------------------------- */

/*
 * An event is a JSON object with a "type".  It reaches the connections it is
 * addressed to at most once, in order from one sender, in any process that
 * shares the channel layer.  Group names are 1 to 99 letters, digits, dots,
 * hyphens and underscores; joining another name closes the connection with 1008.
 */
void sluice_group_add(sluice_conn *ws, const char *group);
void sluice_group_discard(sluice_conn *ws, const char *group);  /* disconnect discards all */
void sluice_group_send(const char *group, const char *json, ...) SLUICE_JSON_ARGS(2, 3);

/* As group_send, but ws itself does not get it. */
void sluice_group_send_from(sluice_conn *ws, const char *group, const char *json, ...)
    SLUICE_JSON_ARGS(3, 4);

/* Every connection has a channel name, good in every process, to answer to. */
const char *sluice_channel(const sluice_conn *ws);
bool sluice_channel_send(const char *channel, const char *json, ...) SLUICE_JSON_ARGS(2, 3);
                                          /* false: full, or no such name; nothing was sent */

/* An event to ws itself, `ms` from now.  The timer dies with the connection. */
sluice_timer sluice_after(sluice_conn *ws, unsigned ms, const char *json, ...)
    SLUICE_JSON_ARGS(3, 4);
void sluice_cancel(sluice_conn *ws, sluice_timer timer);

/*
 * Run `job` on the thread pool with the template's value.  What it returns is an
 * event, delivered to ws if ws is still there; NULL delivers nothing.  A job
 * sees no connection, so it cannot touch one from the wrong thread.  It owns
 * `arg`, a copy of its own, and gives away what it returns.  Its generation stays
 * loaded until it returns.
 */
typedef struct json_object *sluice_job(struct json_object *arg);
void sluice_defer(sluice_conn *ws, sluice_job *job, const char *json, ...)
    SLUICE_JSON_ARGS(3, 4);


/* ---- Log ----------------------------------------------------------------- */

enum sluice_level { SLUICE_DEBUG, SLUICE_INFO, SLUICE_WARN, SLUICE_ERROR };

/* One line, prefixed with the mount and, unless ws is NULL, the peer.  Of the text
 * 512 bytes are printed. */
void sluice_log(const sluice_conn *ws, enum sluice_level level, const char *format, ...)
    SLUICE_PRINTF_ARGS(3, 4);


/* ---- Hot reload ---------------------------------------------------------- */

/*
 * When told to (SIGHUP, `sluice reload`, a file saved under `run --watch`) the
 * runtime reads routing.conf and loads each changed .so as a new generation,
 * beside the old one.  Nothing of the new one runs for a client before 1 and 2
 * have succeeded for all that has changed; else nothing changes:
 *
 *   1. check(), in a process of its own with a deadline: false, a crash or a
 *      hang keeps the old generation, as does any failure to load.
 *   2. All loops and pool threads pause between two callbacks.
 *      saved = old save();  new load(saved); false refuses the reload.  load is
 *      also called at start, with NULL.  save must leave the old generation
 *      able to go on: where anything fails, it does, and a new generation that
 *      was loaded is unloaded again.
 *   3. New connections go to the new generation.
 *   4. Each live connection whose path still leads to this consumer moves over
 *      between two of its callbacks, on its own thread, or the pool's where the
 *      consumer is blocking:
 *        same state_size and state_version   its state moves as it is;
 *        otherwise, with upgrade             the new state (zeroed) is
 *                                            sluice_state(ws), filled from
 *                                            old_state; it may read the scope,
 *                                            not send; false: as below;
 *        otherwise                           it stays with the old code until
 *                                            it closes, or `reload drain` and
 *                                            `keep` close it, with 1012.
 *      Groups, timers and pending events hold handler names, not addresses:
 *      they move along, and find the new handlers.  A job in flight keeps its
 *      own generation until it returns.
 *   5. When nothing runs in the old generation any more, its unload is called
 *      and it leaves memory.
 *
 * check, load, save and unload are called by one thread at a time and see no
 * connection.  Running jobs are not waited for: save may run beside one.
 *
 * State that moves must not point into the old object (no string literals, no
 * function addresses, no statics), nor to what sluice_option gave.  Where the
 * server crashes within `reload probation`, it is started again with the code
 * that served before.
 */

/* The major number changes when an old .so can no longer run, the minor one when
 * something is added.  The runtime loads its own major, up to its own minor. */
#define SLUICE_ABI_MAJOR 1
#define SLUICE_ABI_MINOR 0
#define SLUICE_ABI       (SLUICE_ABI_MAJOR * UINT32_C(0x10000) + SLUICE_ABI_MINOR)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
