/*
 * api_stub: the functions of sluice/sluice.h for tests that load consumers without a server: each
 * writes down that it was called.
 *
 * All of them stand here, so that whatever a consumer calls is found when it is loaded.
 */
#include "api_stub.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(const sluice_conn *ws, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const sluice_conn *ws, const char *format, ...)
{
    sluice_conn *conn = (sluice_conn *)ws; /* nothing that a test has declared const */
    size_t size = conn != NULL ? strlen(conn->said) : 0;
    va_list args;

    if (conn == NULL)
        return;
    va_start(args, format);
    vsnprintf(conn->said + size, sizeof(conn->said) - size, format, args);
    va_end(args);
}

#define SCOPE(name)                                                                                \
    const char *sluice_##name(const sluice_conn *ws)                                               \
    {                                                                                              \
        say(ws, #name "; ");                                                                       \
        return NULL;                                                                               \
    }
#define SCOPE_OF(name)                                                                             \
    const char *sluice_##name(const sluice_conn *ws, const char *key)                              \
    {                                                                                              \
        say(ws, #name " %s; ", key);                                                               \
        return NULL;                                                                               \
    }
#define SCOPE_JSON(name)                                                                           \
    struct json_object *sluice_##name(const sluice_conn *ws)                                       \
    {                                                                                              \
        say(ws, #name "; ");                                                                       \
        return NULL;                                                                               \
    }

SCOPE(path)
SCOPE(peer)
SCOPE(close_reason)
SCOPE(channel)
SCOPE_OF(param)
SCOPE_OF(query)
SCOPE_OF(header)
SCOPE_OF(cookie)
SCOPE_OF(option)
SCOPE_JSON(session)
SCOPE_JSON(user)
SCOPE_JSON(scope)

long long sluice_param_int(const sluice_conn *ws, const char *name)
{
    say(ws, "param_int %s; ", name);
    return 0;
}

void sluice_accept(sluice_conn *ws)
{
    say(ws, "accept; ");
}

void sluice_accept_as(sluice_conn *ws, const char *subprotocol)
{
    say(ws, "accept_as %s; ", subprotocol);
}

void sluice_close(sluice_conn *ws, int code, const char *reason)
{
    say(ws, "close %d %s; ", code, reason != NULL ? reason : "");
}

void sluice_deny(sluice_conn *ws, int status, const char *body)
{
    say(ws, "deny %d %s; ", status, body);
}

void sluice_response_header(sluice_conn *ws, const char *name, const char *value)
{
    say(ws, "header %s: %s; ", name, value);
}

void sluice_send(sluice_conn *ws, const sluice_message *message)
{
    say(ws, "send %s; ", message->data);
}

void sluice_send_text(sluice_conn *ws, const char *text)
{
    say(ws, "text %s; ", text);
}

void sluice_send_bytes(sluice_conn *ws, const void *data, size_t size)
{
    (void)data;
    say(ws, "bytes %zu; ", size);
}

void sluice_send_json(sluice_conn *ws, const char *json, ...)
{
    say(ws, "json %s; ", json);
}

size_t sluice_backlog(const sluice_conn *ws)
{
    say(ws, "backlog; ");
    return 0;
}

void *sluice_state(const sluice_conn *ws)
{
    return ws->state;
}

struct json_object *sluice_json(const char *json, ...)
{
    (void)json;
    return json_object_new_object(); /* so that json-c is there for consumers, as in a server */
}

const char *sluice_str(struct json_object *object, const char *key)
{
    (void)object, (void)key;
    return NULL;
}

long long sluice_int(struct json_object *object, const char *key, long long otherwise)
{
    (void)object, (void)key;
    return otherwise;
}

struct json_object *sluice_bytes_new(const void *data, size_t size)
{
    (void)data, (void)size;
    return NULL;
}

const void *sluice_bytes(struct json_object *object, const char *key, size_t *size)
{
    (void)object, (void)key;
    *size = 0;
    return NULL;
}

void sluice_group_add(sluice_conn *ws, const char *group)
{
    say(ws, "group_add %s; ", group);
}

void sluice_group_discard(sluice_conn *ws, const char *group)
{
    say(ws, "group_discard %s; ", group);
}

void sluice_group_send(const char *group, const char *json, ...)
{
    (void)group, (void)json;
}

void sluice_group_send_from(sluice_conn *ws, const char *group, const char *json, ...)
{
    say(ws, "group_send_from %s %s; ", group, json);
}

bool sluice_channel_send(const char *channel, const char *json, ...)
{
    (void)channel, (void)json;
    return true;
}

sluice_timer sluice_after(sluice_conn *ws, unsigned ms, const char *json, ...)
{
    say(ws, "after %u %s; ", ms, json);
    return 1;
}

void sluice_cancel(sluice_conn *ws, sluice_timer timer)
{
    say(ws, "cancel %llu; ", (unsigned long long)timer);
}

void sluice_defer(sluice_conn *ws, sluice_job *job, const char *json, ...)
{
    (void)job;
    say(ws, "defer %s; ", json);
}

void sluice_log(const sluice_conn *ws, enum sluice_level level, const char *format, ...)
{
    say(ws, "log %d %s; ", (int)level, format);
}
