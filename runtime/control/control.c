/*
 * control/control: the Unix socket at which a running server is asked how it is, and told to
 * reload.
 *
 * It shares a loop with nothing but signals and timers, yet must never hold it: nothing here waits.
 * Callers are few at a time, each has little room and little time; those beyond that wait in the
 * kernel's queue.
 */
#include "control/control.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/door.h"
#include "control/path.h"
#include "loop/loop.h"

enum {
    CALLERS_MAX = 8,   /* at once */
    ASK_MS = 2000,     /* for the whole question */
    ANSWER_MS = 10000, /* for the whole answer to be taken */
    LOOK_MS = 5000,    /* between two looks at the names of the doors */
    REST_MS = 500,     /* until callers are let in again, when there was no descriptor for one */
};

/* Where callers come in. */
struct door {
    struct control *control;
    struct control_door socket;
    struct event event;
};

/* Owned by the control; main thread. */
struct caller {
    LIST_ENTRY(caller) link;
    struct control *control;
    int fd;
    struct event event;
    struct timer deadline;
    enum {
        CALLER_ASKS,
        CALLER_WAITS,   /* for a census... */
        CALLER_COUNTED, /* ...which is under way */
        CALLER_RELOADS, /* its wish is the reloader's */
        CALLER_ANSWERED,
    } state;
    struct reload_wish wish;
    char request[CONTROL_REQUEST_MAX];
    size_t size;
    struct text answer;
    size_t sent;
};

/* Owned by run; main thread. */
struct control {
    struct tell_process process;
    struct reloader *reloader;
    struct loop *loop;
    struct timers *timers;
    unsigned door_count;
    struct door doors[CONTROL_NAMES];
    bool listening; /* the doors' events are waited for */
    struct timer rest, look;
    LIST_HEAD(, caller) callers;
    unsigned caller_count;
    struct census *census;
};

/* ---- Callers -------------------------------------------------------------------------------- */

static void listen_on(struct control *control, bool on)
{
    if (control->listening == on)
        return;
    control->listening = on;
    for (unsigned i = 0; i < control->door_count; i++) {
        if (on)
            event_add(&control->doors[i].event, NULL);
        else
            event_del(&control->doors[i].event);
    }
}

static void caller_free(struct caller *caller)
{
    struct control *control = caller->control;

    LIST_REMOVE(caller, link);
    control->caller_count--;
    timer_unset(control->timers, &caller->deadline);
    event_del(&caller->event);
    close(caller->fd);
    text_free(&caller->answer);
    mem_free(caller);
    if (control->rest.place == 0)
        listen_on(control, true);
}

static void caller_late(struct loop *loop, struct timer *timer)
{
    (void)loop;
    caller_free((struct caller *)((char *)timer - offsetof(struct caller, deadline)));
}

/* From now on its event is of this kind; its time begins anew. False: it is gone. */
static bool caller_expect(struct caller *caller, short what, event_callback_fn run, unsigned ms)
{
    struct control *control = caller->control;

    event_del(&caller->event);
    if (event_assign(&caller->event, loop_base(control->loop), caller->fd, what | EV_PERSIST, run,
                     caller) == 0 &&
        event_add(&caller->event, NULL) == 0 &&
        timer_set(control->timers, &caller->deadline, loop_now(control->loop) + ms))
        return true;
    caller_free(caller);
    return false;
}

/* ---- Answers -------------------------------------------------------------------------------- */

static void caller_write(evutil_socket_t fd, short what, void *context)
{
    struct caller *caller = context;
    ssize_t sent = send(fd, caller->answer.data + caller->sent, caller->answer.size - caller->sent,
                        MSG_NOSIGNAL | MSG_DONTWAIT);

    (void)what;
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    caller->sent += sent > 0 ? (size_t)sent : 0;
    if (sent < 0 || caller->sent == caller->answer.size)
        caller_free(caller);
}

/* Its answer is there; without memory for one, the line just ends. */
static void caller_answer(struct caller *caller)
{
    caller->state = CALLER_ANSWERED;
    text_add_byte(&caller->answer, '\n');
    if (caller->answer.failed)
        caller_free(caller);
    else
        caller_expect(caller, EV_WRITE, caller_write, ANSWER_MS);
}

static void caller_refuse(struct caller *caller, const char *why)
{
    tell_error(why, &caller->answer);
    caller_answer(caller);
}

/* ---- Status --------------------------------------------------------------------------------- */

/* Who asks while one is counted waits for the next: it may have just done what it asks about. */
static void begin_census(struct control *control)
{
    struct caller *caller;
    bool any = false;

    if (census_under_way(control->census))
        return;
    LIST_FOREACH (caller, &control->callers, link) {
        if (caller->state != CALLER_WAITS)
            continue;
        caller->state = CALLER_COUNTED;
        any = true;
    }
    if (any)
        census_take(control->census);
}

static void census_told(void *context)
{
    struct control *control = context;
    struct caller *caller, *next;

    for (caller = LIST_FIRST(&control->callers); caller != NULL; caller = next) {
        next = LIST_NEXT(caller, link);
        if (caller->state != CALLER_COUNTED)
            continue;
        tell_status(&control->process, control->census, &caller->answer);
        caller_answer(caller);
    }
    begin_census(control);
}

/* ---- Reloading ------------------------------------------------------------------------------ */

static void reload_told(struct reload_wish *wish, const struct reload_report *report)
{
    struct caller *caller = (struct caller *)((char *)wish - offsetof(struct caller, wish));

    tell_report(&caller->control->process, report, &caller->answer);
    caller_answer(caller);
}

/* It may have gone when it is told: then there is nobody to take the answer, and that is all. */
static void begin_reload(struct caller *caller)
{
    caller->state = CALLER_RELOADS;
    caller->wish.told = reload_told;
    reloader_ask(caller->control->reloader, &caller->wish);
}

/* ---- Questions ------------------------------------------------------------------------------ */

/* NULL: it is no question. The caller's, as long as `request` is. */
static const char *command_of(struct json_object *request)
{
    struct json_object *command;

    if (!json_object_is_type(request, json_type_object) ||
        !json_object_object_get_ex(request, "command", &command) ||
        !json_object_is_type(command, json_type_string))
        return NULL;
    return json_object_get_string(command);
}

static void caller_asked(struct caller *caller, size_t size)
{
    struct json_object *request = NULL;
    bool parsed = json_parse(caller->request, size, &request);
    const char *command = parsed ? command_of(request) : NULL;

    event_del(&caller->event);
    timer_unset(caller->control->timers, &caller->deadline);
    caller->state = CALLER_WAITS;
    if (command == NULL)
        caller_refuse(caller, "a question is {\"command\": \"status\"} or the like, on one line");
    else if (strcmp(command, "status") == 0)
        begin_census(caller->control);
    else if (strcmp(command, "reload") == 0 && caller->control->process.server->stopping)
        caller_refuse(caller, "it is about to stop");
    else if (strcmp(command, "reload") == 0)
        begin_reload(caller);
    else
        caller_refuse(caller, "there is no such command");
    json_object_put(request);
}

static void caller_read(evutil_socket_t fd, short what, void *context)
{
    struct caller *caller = context;
    ssize_t got = recv(fd, caller->request + caller->size, sizeof caller->request - caller->size,
                       MSG_DONTWAIT);

    (void)what;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        caller_free(caller);
        return;
    }
    caller->size += (size_t)got;
    const char *end = memchr(caller->request, '\n', caller->size);
    if (end != NULL)
        caller_asked(caller, (size_t)(end - caller->request));
    else if (caller->size == sizeof caller->request)
        caller_refuse(caller, "the question is too long");
}

/* ---- Coming in ------------------------------------------------------------------------------ */

/* The socket's mode keeps others out; that may have been changed, or the directory's owner be odd.
 */
static bool may_ask(int fd)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    log_write(LOG_WARN, "control.refused", LOG_INT("uid", peer.uid), LOG_INT("pid", peer.pid));
    return false;
}

static void caller_new(struct control *control, int fd)
{
    struct caller *caller = may_ask(fd) ? mem_zalloc(sizeof *caller) : NULL;

    if (caller == NULL) {
        close(fd);
        return;
    }
    caller->control = control;
    caller->fd = fd;
    caller->deadline.run = caller_late;
    LIST_INSERT_HEAD(&control->callers, caller, link);
    control->caller_count++;
    event_assign(&caller->event, loop_base(control->loop), fd, EV_READ, caller_read, caller);
    caller_expect(caller, EV_READ, caller_read, ASK_MS);
}

static void door_ring(evutil_socket_t fd, short what, void *context)
{
    struct door *door = context;
    struct control *control = door->control;
    int caller = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    (void)what;
    if (caller >= 0) {
        caller_new(control, caller);
        if (control->caller_count >= CALLERS_MAX)
            listen_on(control, false);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        if (timer_set(control->timers, &control->rest, loop_now(control->loop) + REST_MS))
            listen_on(control, false);
    }
}

static void rest_over(struct loop *loop, struct timer *timer)
{
    struct control *control = (struct control *)((char *)timer - offsetof(struct control, rest));

    (void)loop;
    if (control->caller_count < CALLERS_MAX)
        listen_on(control, true);
}

/* ---- The whole ------------------------------------------------------------------------------ */

static bool open_door(struct control *control, const char *path)
{
    struct door *door = &control->doors[control->door_count];

    door->control = control;
    if (!control_door_open(&door->socket, path))
        return false;
    control->door_count++;
    return event_assign(&door->event, loop_base(control->loop), door->socket.fd,
                        EV_READ | EV_PERSIST, door_ring, door) == 0;
}

static void say_where(const struct door *door)
{
    log_write(LOG_INFO, "control.listening", LOG_STR("path", door->socket.path));
}

static void open_again(struct door *door)
{
    struct control *control = door->control;
    struct control_door again;

    if (!control_door_open(&again, door->socket.path))
        return;
    if (control->listening)
        event_del(&door->event);
    close(door->socket.fd);
    door->socket = again;
    event_assign(&door->event, loop_base(control->loop), again.fd, EV_READ | EV_PERSIST, door_ring,
                 door);
    if (control->listening)
        event_add(&door->event, NULL);
    say_where(door);
}

/* Who cleans up /tmp takes names away that were not used for long. */
static void look_run(struct loop *loop, struct timer *timer)
{
    struct control *control = (struct control *)((char *)timer - offsetof(struct control, look));

    for (unsigned i = 0; i < control->door_count; i++) {
        if (control_door_is_lost(&control->doors[i].socket))
            open_again(&control->doors[i]);
    }
    timer_set(control->timers, timer, loop_now(loop) + LOOK_MS);
}

static void open_doors(struct control *control, const struct config *config)
{
    struct control_path paths[CONTROL_NAMES];
    struct text why = {0};
    unsigned count = control_path_own(control->process.file, config, paths, &why);

    if (count > 0 && config->control == NULL)
        control_door_sweep(paths[0].path);
    for (unsigned i = 0; i < count; i++) {
        if (open_door(control, paths[i].path))
            continue;
        if (errno == EADDRINUSE)
            log_write(LOG_WARN, "control.busy", LOG_STR("path", paths[i].path));
        else
            log_write(LOG_WARN, "control.failed", LOG_STR("path", paths[i].path),
                      LOG_STR("why", strerror(errno)));
    }
    if (count == 0)
        log_write(LOG_WARN, "control.failed", LOG_STR("why", why.size > 0 ? why.data : "no path"));
    text_free(&why);
}

struct control *control_open(const struct tell_process *process, struct reloader *reloader,
                             const struct config *config, struct loop *loop, struct timers *timers)
{
    struct control *control = config->control_off ? NULL : mem_zalloc(sizeof *control);

    if (control == NULL)
        return NULL;
    control->process = *process;
    control->reloader = reloader;
    control->loop = loop;
    control->timers = timers;
    control->rest.run = rest_over;
    LIST_INIT(&control->callers);
    control->census = census_new(process->server, loop, timers, census_told, control);
    if (control->census != NULL)
        open_doors(control, config);
    control->look.run = look_run;
    if (control->door_count > 0) {
        timer_set(timers, &control->look, loop_now(loop) + LOOK_MS);
        listen_on(control, true);
        say_where(&control->doors[0]);
        return control;
    }
    control_close(control);
    return NULL;
}

void control_close(struct control *control)
{
    if (control == NULL)
        return;
    timer_unset(control->timers, &control->rest);
    timer_unset(control->timers, &control->look);
    while (!LIST_EMPTY(&control->callers))
        caller_free(LIST_FIRST(&control->callers));
    listen_on(control, false);
    for (unsigned i = 0; i < control->door_count; i++)
        control_door_close(&control->doors[i].socket);
    census_free(control->census);
    mem_free(control);
}
