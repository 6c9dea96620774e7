/*
 * server/operation: what a callback asks of its connection, applied at once or carried there.
 *
 * Each apply_ function is what one call of the API means, and what it means in a state that does
 * not allow it: nothing is done, and that is counted and told.
 */
#include "server/operation.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "server/dispatch.h"
#include "server/group.h"
#include "server/http.h"
#include "server/later.h"
#include "server/server.h"

static const char *operation_name(enum operation_kind kind)
{
    static const char *const names[] = {
        [OPERATION_ACCEPT] = "accept",       [OPERATION_CLOSE] = "close",
        [OPERATION_DENY] = "deny",           [OPERATION_HEADER] = "response_header",
        [OPERATION_TEXT] = "send",           [OPERATION_BINARY] = "send_bytes",
        [OPERATION_GROUP_ADD] = "group_add", [OPERATION_GROUP_DISCARD] = "group_discard",
        [OPERATION_SEND] = "group_send",     [OPERATION_AFTER] = "after",
        [OPERATION_CANCEL] = "cancel",       [OPERATION_DEFER] = "defer",
    };

    return names[kind];
}

/* A call that the connection's state does not allow: counted, told, and nothing is done. */
static void misused(struct conn *conn, enum operation_kind kind, enum drop drop, const char *why)
{
    const struct call *call = call_current();
    const char *name = operation_name(kind);

    if (mount_drop(conn->mount, drop, slice_of(name)))
        conn_log(conn, LOG_WARN, "call.ignored", LOG_STR("call", name), LOG_STR("why", why),
                 LOG_STR("callback", call != NULL ? call->callback : NULL),
                 LOG_STR("consumer", generation_name(conn->generation)));
}

/* ---- The handshake -------------------------------------------------------------------------- */

static bool is_unanswered(struct conn *conn, const struct operation *operation)
{
    if (conn->state == CONN_CONNECTING)
        return true;
    if (!conn_left(conn))
        misused(conn, operation->kind, DROP_MISUSE, "the handshake is already answered");
    return false;
}

static void apply_deny(struct conn *conn, const struct operation *operation)
{
    unsigned status = (unsigned)operation->number;

    if (status < 200 || status > 599) {
        misused(conn, operation->kind, DROP_MISUSE, "a status is 200 to 599; 403 is sent");
        status = 403;
    }
    http_deny(conn, status, operation->first);
}

static void apply_header(struct conn *conn, const struct operation *operation)
{
    if (!http_add_header(conn, operation->first, operation->second))
        misused(conn, operation->kind, DROP_MISUSE, "HTTP does not allow that name or value");
}

/* ---- Talking -------------------------------------------------------------------------------- */

static void apply_send(struct conn *conn, enum operation_kind kind, struct slice payload)
{
    if (conn->state == CONN_CONNECTING)
        misused(conn, kind, DROP_EARLY, "nothing can be sent before accept");
    else
        conn_send(conn, kind == OPERATION_TEXT ? FRAME_TEXT : FRAME_BINARY, payload);
}

static void apply_close(struct conn *conn, const struct operation *operation)
{
    unsigned code = (unsigned)operation->number;
    struct slice reason = operation->first;

    if (conn->state != CONN_OPEN && conn->state != CONN_CONNECTING)
        return;
    if (conn->state == CONN_OPEN && (operation->number > 4999 || !message_code_allowed(code))) {
        misused(conn, operation->kind, DROP_MISUSE, "that code can't be sent; 1011 is");
        code = 1011;
    }
    if (!utf8_valid(reason.data, reason.size)) {
        misused(conn, operation->kind, DROP_NOT_TEXT, "the reason is not UTF-8");
        reason = (struct slice){0};
    }
    conn_close(conn, code, reason);
}

/* ---- Groups and events ---------------------------------------------------------------------- */

static void apply_group(struct conn *conn, const struct operation *operation)
{
    if (conn_left(conn))
        return;
    bool add = operation->kind == OPERATION_GROUP_ADD;
    switch (add ? group_add(conn, operation->first) : group_discard(conn, operation->first)) {
    case GROUP_DONE:
        break;
    case GROUP_BAD_NAME:
        if (mount_drop(conn->mount, DROP_BAD_NAME, operation->first))
            conn_log(conn, LOG_WARN, "group.refused",
                     LOG_STR("call", operation_name(operation->kind)),
                     LOG_STRN("group", operation->first.data, operation->first.size));
        if (add)
            conn_close(conn, 1008, SLICE("not a group's name"));
        break;
    case GROUP_NO_MEMORY:
        conn_cut(conn, "no memory");
        break;
    }
}

static void apply_event(struct conn *conn, const struct operation *operation)
{
    struct layer_event *event = operation->event;
    bool group = event->target == LAYER_GROUP;

    /* A group without members is nobody's fault; a channel's sender wants to know. */
    if (!layer_send(conn->worker->server->layer, event) && !group)
        misused(conn, operation->kind, DROP_CLOSED, "no such channel");
    layer_event_unref(event);
}

/* ---- Doing ---------------------------------------------------------------------------------- */

static void operation_apply(struct conn *conn, const struct operation *operation)
{
    switch (operation->kind) {
    case OPERATION_ACCEPT:
        if (is_unanswered(conn, operation))
            http_accept(conn, operation->first);
        break;
    case OPERATION_DENY:
        if (is_unanswered(conn, operation))
            apply_deny(conn, operation);
        break;
    case OPERATION_HEADER:
        if (is_unanswered(conn, operation))
            apply_header(conn, operation);
        break;
    case OPERATION_TEXT:
    case OPERATION_BINARY:
        apply_send(conn, operation->kind, operation->first);
        break;
    case OPERATION_CLOSE:
        apply_close(conn, operation);
        break;
    case OPERATION_GROUP_ADD:
    case OPERATION_GROUP_DISCARD:
        apply_group(conn, operation);
        break;
    case OPERATION_SEND:
        apply_event(conn, operation);
        break;
    case OPERATION_AFTER:
        alarm_add(conn, operation->number, operation->ms, operation->event);
        break;
    case OPERATION_CANCEL:
        alarm_remove(conn, operation->number);
        break;
    case OPERATION_DEFER:
        later_defer(conn, operation->job, operation->generation, operation->first);
        generation_unref(operation->generation);
        break;
    }
}

/* ---- Carrying ------------------------------------------------------------------------------- */

/* An operation on its way from the pool to the loop. The connection stays as long as its callback
 * runs, whose end is posted behind this. */
struct carried {
    struct loop_message message; /* first: the mailbox's handle */
    struct conn *conn;
    struct operation operation;
    char bytes[]; /* first and second, each with a zero byte behind it */
};

static void carried_run(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    struct carried *carried = (struct carried *)message;
    operation_apply(carried->conn, &carried->operation);
    conn_ready(carried->conn);
    mem_free(carried);
}

static struct slice carry(char **room, struct slice bytes)
{
    if (bytes.data == NULL)
        return bytes;
    struct slice copy = {*room, bytes.size};
    if (bytes.size > 0)
        memcpy(*room, bytes.data, bytes.size);
    (*room)[bytes.size] = '\0';
    *room += bytes.size + 1;
    return copy;
}

static void operation_lose(struct conn *conn, const struct operation *operation)
{
    if (operation->event != NULL)
        layer_event_unref(operation->event);
    if (operation->generation != NULL)
        generation_unref(operation->generation);
    atomic_store(&conn->starved, true); /* the loop cuts it when the callback returns */
}

static void operation_post(struct conn *conn, const struct operation *operation)
{
    struct carried *carried =
        mem_alloc(sizeof *carried + operation->first.size + operation->second.size + 2);

    if (carried == NULL) {
        operation_lose(conn, operation);
        return;
    }
    char *room = carried->bytes;
    carried->message.run = carried_run;
    carried->conn = conn;
    carried->operation = *operation;
    carried->operation.first = carry(&room, operation->first);
    carried->operation.second = carry(&room, operation->second);
    loop_post(conn->worker->loop, &carried->message);
}

static bool is_at_home(const struct conn *conn)
{
    return !dispatch_blocking(conn) || loop_current() == conn->worker->loop;
}

void operation_do(struct conn *conn, const struct operation *operation)
{
    if (is_at_home(conn))
        operation_apply(conn, operation);
    else
        operation_post(conn, operation);
}

void operation_send(struct conn *conn, bool binary, struct slice payload)
{
    enum operation_kind kind = binary ? OPERATION_BINARY : OPERATION_TEXT;

    if (is_at_home(conn))
        apply_send(conn, kind, payload);
    else
        operation_post(conn, &(struct operation){.kind = kind, .first = payload});
}
