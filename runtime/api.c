/*
 * api: the functions of sluice.h. Each looks up which call it is made from, says it as an operation
 * or asks the scope, and knows no more.
 */
#include "api.h"

#include <sluice/sluice.h>

#include <json-c/json.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/template.h"
#include "base/utf8.h"
#include "layer/msgpack.h"
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/event.h"
#include "server/group.h"
#include "server/operation.h"
#include "server/scope.h"
#include "server/server.h"

static _Atomic(struct server *) serving;

/* Callbacks and jobs end before the server does. A thread that a consumer has started knows nothing
 * of that, so it holds the lock as long as it is in the layer. */
static struct {
    pthread_rwlock_t lock;
    struct server *server;
} outside = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static void serve_outside(struct server *server)
{
    pthread_rwlock_wrlock(&outside.lock);
    outside.server = server;
    pthread_rwlock_unlock(&outside.lock);
}

void api_serve(struct server *server)
{
    atomic_store(&serving, server);
    serve_outside(server);
}

void api_shut(void)
{
    serve_outside(NULL);
}

/* ---- Where a call comes from ---------------------------------------------------------------- */

static struct mount *current_mount(void)
{
    const struct call *call = call_current();

    return call != NULL ? call->mount : NULL;
}

static struct conn *refuse(const char *name, const char *why)
{
    const struct call *call = call_current();
    struct mount *mount = current_mount();

    if (mount_drop(mount, DROP_MISUSE, slice_of(name)))
        log_write(LOG_ERROR, "call.refused", LOG_STR("call", name), LOG_STR("why", why),
                  LOG_STR("mount", mount != NULL ? mount->config->route : NULL),
                  LOG_STR("callback", call != NULL ? call->callback : NULL));
    return NULL;
}

/* The connection, if this is one of its own callbacks; else NULL, and `ws` was not looked at: it
 * may be long gone. */
static struct conn *conn_of(const sluice_conn *ws, const char *name)
{
    const struct call *call = call_current();

    if (call != NULL && ws != NULL && (const void *)call->conn == (const void *)ws)
        return call->conn;
    return refuse(name, "this is no callback of that connection");
}

/* The same, for what a broadcast handler may not do. */
static struct conn *conn_own(const sluice_conn *ws, const char *name)
{
    struct conn *conn = conn_of(ws, name);

    if (conn != NULL && call_current()->batch != NULL)
        return refuse(name, "a broadcast handler may only send and read options");
    return conn;
}

/* May this call change anything, or be heard by anybody? Not while upgrade may still say no. */
static bool may_act(const char *name)
{
    const struct call *call = call_current();

    if (call == NULL || !call->upgrading)
        return true;
    refuse(name, "upgrade may read, and change its state alone");
    return false;
}

/* The connection, for a call that sends to it. */
static struct conn *conn_sending(const sluice_conn *ws, const char *name)
{
    struct conn *conn = conn_of(ws, name);

    return conn != NULL && may_act(name) ? conn : NULL;
}

/* The same, for one that asks for anything else. */
static struct conn *conn_acting(const sluice_conn *ws, const char *name)
{
    struct conn *conn = conn_own(ws, name);

    return conn != NULL && may_act(name) ? conn : NULL;
}

static const char no_argument[] = "an argument is NULL";

/* The same, for a call that can't do without this argument. */
static struct conn *conn_given(const sluice_conn *ws, const char *name, const void *argument)
{
    struct conn *conn = conn_own(ws, name);

    return conn != NULL && argument == NULL ? refuse(name, no_argument) : conn;
}

/* ---- Who is connecting ---------------------------------------------------------------------- */

const char *sluice_path(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_path");

    return conn != NULL ? scope_path(conn->scope) : NULL;
}

const char *sluice_param(const sluice_conn *ws, const char *name)
{
    const struct conn *conn = conn_given(ws, "sluice_param", name);

    return conn != NULL ? scope_param(conn->scope, name) : NULL;
}

long long sluice_param_int(const sluice_conn *ws, const char *name)
{
    const struct conn *conn = conn_given(ws, "sluice_param_int", name);

    return conn != NULL ? scope_param_int(conn->scope, name) : 0;
}

const char *sluice_query(const sluice_conn *ws, const char *name)
{
    const struct conn *conn = conn_given(ws, "sluice_query", name);

    return conn != NULL ? scope_query(conn->scope, name) : NULL;
}

const char *sluice_header(const sluice_conn *ws, const char *name)
{
    const struct conn *conn = conn_given(ws, "sluice_header", name);

    return conn != NULL ? scope_header(conn->scope, name) : NULL;
}

const char *sluice_cookie(const sluice_conn *ws, const char *name)
{
    const struct conn *conn = conn_given(ws, "sluice_cookie", name);

    return conn != NULL ? scope_cookie(conn->scope, name) : NULL;
}

const char *sluice_peer(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_peer");

    return conn != NULL ? scope_peer(conn->scope) : NULL;
}

const char *sluice_option(const sluice_conn *ws, const char *name)
{
    const struct conn *conn = conn_of(ws, "sluice_option");

    if (conn != NULL && name == NULL)
        conn = refuse("sluice_option", no_argument);
    if (conn == NULL)
        return NULL;
    const struct mount_config *config = conn->mount->config;
    for (unsigned i = 0; i < config->option_count; i++) {
        if (strcmp(config->options[i].name, name) == 0)
            return config->options[i].value;
    }
    return NULL;
}

struct json_object *sluice_session(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_session");

    return conn != NULL ? scope_session(conn->scope) : NULL;
}

struct json_object *sluice_user(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_user");

    return conn != NULL ? scope_user(conn->scope) : NULL;
}

struct json_object *sluice_scope(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_scope");

    return conn != NULL ? scope_asgi(conn->scope) : NULL;
}

const char *sluice_close_reason(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_close_reason");

    return conn != NULL && call_current()->ending ? conn->reason : NULL;
}

/* ---- The handshake and the end -------------------------------------------------------------- */

static struct slice optional(const char *text)
{
    return text != NULL ? slice_of(text) : (struct slice){0};
}

void sluice_accept(sluice_conn *ws)
{
    sluice_accept_as(ws, NULL);
}

void sluice_accept_as(sluice_conn *ws, const char *subprotocol)
{
    struct conn *conn = conn_acting(ws, "sluice_accept");

    if (conn != NULL)
        operation_do(conn,
                     &(struct operation){.kind = OPERATION_ACCEPT, .first = optional(subprotocol)});
}

void sluice_close(sluice_conn *ws, int code, const char *reason)
{
    struct conn *conn = conn_acting(ws, "sluice_close");

    if (conn != NULL)
        operation_do(conn, &(struct operation){.kind = OPERATION_CLOSE,
                                               .number = code < 0 ? 0 : (uint64_t)code,
                                               .first = optional(reason)});
}

void sluice_deny(sluice_conn *ws, int status, const char *body)
{
    struct conn *conn = conn_acting(ws, "sluice_deny");

    if (conn != NULL)
        operation_do(conn, &(struct operation){.kind = OPERATION_DENY,
                                               .number = status < 0 ? 0 : (uint64_t)status,
                                               .first = optional(body)});
}

void sluice_response_header(sluice_conn *ws, const char *name, const char *value)
{
    struct conn *conn = conn_acting(ws, "sluice_response_header");

    if (conn != NULL && (name == NULL || value == NULL))
        conn = refuse("sluice_response_header", no_argument);
    if (conn != NULL)
        operation_do(conn, &(struct operation){.kind = OPERATION_HEADER,
                                               .first = slice_of(name),
                                               .second = slice_of(value)});
}

/* ---- Sending -------------------------------------------------------------------------------- */

static void send_payload(struct conn *conn, bool binary, struct slice payload)
{
    struct call *call = call_current();

    if (call->batch == NULL)
        operation_send(conn, binary, payload);
    else if (batch_frame(call->batch, binary ? FRAME_BINARY : FRAME_TEXT, 0, payload))
        call->batch_frames++;
    else
        event_refuse(call->mount, DROP_NO_MEMORY, (struct slice){0}, "no memory for a broadcast");
}

static void send_text(struct conn *conn, const char *name, struct slice text)
{
    struct slice received = call_current()->received;
    bool known = text.data == received.data && text.size == received.size;

    if (known || utf8_valid(text.data, text.size))
        send_payload(conn, false, text);
    else if (mount_drop(conn->mount, DROP_NOT_TEXT, slice_of(name)))
        log_write(LOG_ERROR, "call.refused", LOG_STR("call", name),
                  LOG_STR("why", "the text is not UTF-8"),
                  LOG_STR("mount", conn->mount->config->route),
                  LOG_STR("callback", call_current()->callback));
}

void sluice_send(sluice_conn *ws, const sluice_message *message)
{
    struct conn *conn = conn_sending(ws, "sluice_send");

    if (conn == NULL)
        return;
    if (message == NULL || (message->data == NULL && message->size > 0))
        refuse("sluice_send", no_argument);
    else if (message->binary)
        send_payload(conn, true, (struct slice){message->data, message->size});
    else
        send_text(conn, "sluice_send", (struct slice){message->data, message->size});
}

void sluice_send_text(sluice_conn *ws, const char *text)
{
    struct conn *conn = conn_sending(ws, "sluice_send_text");

    if (conn != NULL && text == NULL)
        refuse("sluice_send_text", no_argument);
    else if (conn != NULL)
        send_text(conn, "sluice_send_text", slice_of(text));
}

void sluice_send_bytes(sluice_conn *ws, const void *data, size_t size)
{
    struct conn *conn = conn_sending(ws, "sluice_send_bytes");

    if (conn != NULL && data == NULL && size > 0)
        refuse("sluice_send_bytes", no_argument);
    else if (conn != NULL)
        send_payload(conn, true, (struct slice){data, size});
}

size_t sluice_backlog(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_backlog");

    return conn != NULL ? atomic_load_explicit(&conn->backlog, memory_order_relaxed) : 0;
}

void *sluice_state(const sluice_conn *ws)
{
    const struct conn *conn = conn_own(ws, "sluice_state");

    return conn != NULL ? conn->state_bytes : NULL;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* No memory for what a callback asks: its connection is closed, rather than go on without. */
static void starve(void)
{
    const struct call *call = call_current();

    if (call == NULL || call->conn == NULL)
        return;
    if (call->on_pool)
        atomic_store(&call->conn->starved, true);
    else
        conn_cut(call->conn, "no memory");
}

static bool told(enum template_result result, const char *name, const char *text, const char *why,
                 size_t at)
{
    static const char *const reasons[] = {
        [TEMPLATE_REFUSED] = "bytes can't stand in JSON, nor can values be 64 deep",
        [TEMPLATE_NO_MEMORY] = "no memory",
    };
    struct mount *mount = current_mount();

    if (result == TEMPLATE_DONE)
        return true;
    if (result == TEMPLATE_NO_MEMORY)
        starve();
    if (!mount_drop(mount, DROP_NOT_TEXT, slice_of(text)))
        return false;
    log_write(LOG_ERROR, "template.refused", LOG_STR("call", name), LOG_STR("template", text),
              LOG_STR("why", result == TEMPLATE_BROKEN ? why : reasons[result]), LOG_INT("at", at),
              LOG_STR("mount", mount != NULL ? mount->config->route : NULL));
    return false;
}

/* What the sink has written of a template into this thread's buffer. Data NULL: it is none. */
static struct slice template_written(const char *name, const char *text, va_list args,
                                     struct value_sink *sink, struct text *out)
{
    const char *why = NULL;
    size_t at = 0;
    enum template_result result = template_tell(text, args, sink, &why, &at);

    if (out->failed)
        result = TEMPLATE_NO_MEMORY;
    return told(result, name, text, why, at) ? (struct slice){out->data, out->size}
                                             : (struct slice){0};
}

static struct slice template_text(const char *name, const char *text, va_list args)
{
    struct text *out = call_scratch();
    struct json_writer writer;

    json_writer_init(&writer, out);
    return template_written(name, text, args, &writer.sink, out);
}

static struct slice template_msgpack(const char *name, const char *text, va_list args)
{
    struct text *out = call_scratch();
    struct msgpack_writer writer;

    msgpack_writer_init(&writer, out);
    return template_written(name, text, args, &writer.sink, out);
}

void sluice_send_json(sluice_conn *ws, const char *json, ...)
{
    va_list args;

    va_start(args, json);
    struct slice text = template_text("sluice_send_json", json, args);
    va_end(args);
    struct conn *conn = conn_sending(ws, "sluice_send_json");
    if (conn != NULL && text.data != NULL)
        send_payload(conn, false, text);
}

struct json_object *sluice_json(const char *json, ...)
{
    struct value_builder builder;
    const char *why = NULL;
    size_t at = 0;
    va_list args;

    call_keeps();
    value_builder_init(&builder);
    va_start(args, json);
    enum template_result result = template_tell(json, args, &builder.sink, &why, &at);
    va_end(args);
    return value_builder_take(&builder, told(result, "sluice_json", json, why, at));
}

static struct json_object *member(struct json_object *object, const char *key, enum json_type type)
{
    struct json_object *value;

    if (key != NULL && json_object_is_type(object, json_type_object) &&
        json_object_object_get_ex(object, key, &value) && json_object_is_type(value, type))
        return value;
    return NULL;
}

const char *sluice_str(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key, json_type_string);

    if (value == NULL || value_is_bytes(value))
        return NULL;

    /* Cut at the zero byte it would be other words than were sent. */
    const char *text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

long long sluice_int(struct json_object *object, const char *key, long long otherwise)
{
    struct json_object *value = member(object, key, json_type_int);

    return value != NULL ? json_object_get_int64(value) : otherwise;
}

struct json_object *sluice_bytes_new(const void *data, size_t size)
{
    if (data != NULL || size == 0)
        return value_bytes_new(data, size);
    refuse("sluice_bytes_new", no_argument);
    return NULL;
}

const void *sluice_bytes(struct json_object *object, const char *key, size_t *size)
{
    struct json_object *value = member(object, key, json_type_string);
    size_t ignored;

    return value != NULL ? value_bytes(value, size != NULL ? size : &ignored) : NULL;
}

/* ---- Groups and events ---------------------------------------------------------------------- */

static void group_change(sluice_conn *ws, const char *name, enum operation_kind kind,
                         const char *group)
{
    struct conn *conn = conn_acting(ws, name);

    if (conn != NULL)
        operation_do(
            conn, &(struct operation){.kind = kind, .first = slice_of(group != NULL ? group : "")});
}

void sluice_group_add(sluice_conn *ws, const char *group)
{
    group_change(ws, "sluice_group_add", OPERATION_GROUP_ADD, group);
}

void sluice_group_discard(sluice_conn *ws, const char *group)
{
    group_change(ws, "sluice_group_discard", OPERATION_GROUP_DISCARD, group);
}

/* False: it reached nobody. */
static bool send_now(struct layer_event *event)
{
    struct server *server = atomic_load_explicit(&serving, memory_order_acquire);

    if (call_current() != NULL)
        return server != NULL && layer_send(server->layer, event);
    pthread_rwlock_rdlock(&outside.lock);
    bool sent = outside.server != NULL && layer_send(outside.server->layer, event);
    pthread_rwlock_unlock(&outside.lock);
    return sent;
}

/* The event on its way. From a callback on the pool it goes by way of the connection's loop, behind
 * what the callback has asked for before: a group that it has just joined, say. */
static void send_event(struct layer_event *event)
{
    const struct call *call = call_current();

    if (call != NULL && call->conn != NULL && call->on_pool) {
        operation_do(call->conn, &(struct operation){.kind = OPERATION_SEND, .event = event});
        return;
    }
    send_now(event);
    layer_event_unref(event);
}

static void send_to_group(const char *name, const char *group, const char *except, const char *json,
                          va_list args)
{
    struct slice body = template_msgpack(name, json, args);
    struct slice target = slice_of(group != NULL ? group : "");

    if (body.data == NULL || !may_act(name))
        return;
    if (!layer_group_valid(target)) {
        event_refuse(current_mount(), DROP_BAD_NAME, target, "not a group's name");
        return;
    }
    struct layer_event *event = event_compose(LAYER_GROUP, target, body, except, current_mount());
    if (event != NULL)
        send_event(event);
}

void sluice_group_send(const char *group, const char *json, ...)
{
    va_list args;

    va_start(args, json);
    send_to_group("sluice_group_send", group, NULL, json, args);
    va_end(args);
}

void sluice_group_send_from(sluice_conn *ws, const char *group, const char *json, ...)
{
    const char *channel = sluice_channel(ws);
    va_list args;

    va_start(args, json);
    if (channel != NULL)
        send_to_group("sluice_group_send_from", group, channel, json, args);
    else
        template_msgpack("sluice_group_send_from", json, args); /* its %p are taken over */
    va_end(args);
}

const char *sluice_channel(const sluice_conn *ws)
{
    struct conn *conn = conn_own(ws, "sluice_channel");

    if (conn == NULL)
        return NULL;
    if (conn->channel != NULL || call_current()->on_pool)
        return conn->channel != NULL ? conn->channel->name : NULL;
    return channel_name(conn);
}

bool sluice_channel_send(const char *channel, const char *json, ...)
{
    struct slice target = slice_of(channel != NULL ? channel : "");
    va_list args;

    va_start(args, json);
    struct slice body = template_msgpack("sluice_channel_send", json, args);
    va_end(args);
    if (body.data == NULL || !may_act("sluice_channel_send") || !layer_channel_valid(target))
        return false;
    struct layer_event *event = event_compose(LAYER_CHANNEL, target, body, NULL, current_mount());
    bool sent = event != NULL && send_now(event);
    if (event != NULL)
        layer_event_unref(event);
    return sent;
}

sluice_timer sluice_after(sluice_conn *ws, unsigned ms, const char *json, ...)
{
    va_list args;

    va_start(args, json);
    struct slice body = template_msgpack("sluice_after", json, args);
    va_end(args);
    struct conn *conn = conn_acting(ws, "sluice_after");
    if (conn == NULL || body.data == NULL)
        return 0;
    struct layer_event *event =
        event_compose(LAYER_CHANNEL, SLICE("timer"), body, NULL, conn->mount);
    if (event == NULL)
        return 0;
    sluice_timer timer = ++conn->next_alarm;
    operation_do(conn, &(struct operation){
                           .kind = OPERATION_AFTER, .number = timer, .ms = ms, .event = event});
    return timer;
}

void sluice_cancel(sluice_conn *ws, sluice_timer timer)
{
    struct conn *conn = conn_acting(ws, "sluice_cancel");

    if (conn != NULL && timer != 0)
        operation_do(conn, &(struct operation){.kind = OPERATION_CANCEL, .number = timer});
}

void sluice_defer(sluice_conn *ws, sluice_job *job, const char *json, ...)
{
    va_list args;

    va_start(args, json);
    struct slice argument = template_msgpack("sluice_defer", json, args);
    va_end(args);
    struct conn *conn = conn_given(ws, "sluice_defer", (const void *)(uintptr_t)job);
    if (conn != NULL && argument.data != NULL && may_act("sluice_defer"))
        operation_do(conn, &(struct operation){.kind = OPERATION_DEFER,
                                               .job = job,
                                               .first = argument,
                                               .generation = generation_ref(conn->generation)});
}

/* ---- Log ------------------------------------------------------------------------------------ */

void sluice_log(const sluice_conn *ws, enum sluice_level level, const char *format, ...)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    const struct call *call = call_current();
    const struct conn *conn =
        ws != NULL && call != NULL && (const void *)call->conn == (const void *)ws ? call->conn
                                                                                   : NULL;
    const struct mount *mount = current_mount();
    char peer[CONN_PEER_SIZE], text[1024];
    va_list args;

    if (format == NULL) {
        refuse("sluice_log", no_argument);
        return;
    }
    if ((unsigned)level > SLUICE_ERROR)
        level = SLUICE_ERROR;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_write(levels[level], "consumer",
              LOG_STR("mount", mount != NULL ? mount->config->route : NULL),
              LOG_STR("peer", conn != NULL ? conn_peer(conn, peer) : NULL), LOG_STR("text", text));
}
