/*
 * testing/testing: the functions of testing.h. Each says which call is under way, does its part,
 * and lets everything that it set off happen.
 */
#pragma GCC visibility push(default) /* all else is hidden, and stays in the library */
#include <sluice/testing.h>
#pragma GCC visibility pop

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <json-c/json.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "layer/layer.h"
#include "layer/msgpack.h"
#include "server/event.h"
#include "server/server.h"
#include "testing/runtime.h"

static void must_be_given(const char *function, const void *argument, const char *name)
{
    if (argument == NULL)
        test_fail(function, "the %s is NULL", name);
}

static struct sluice_test *enter(const struct sluice_client *client, const char *function)
{
    must_be_given(function, client, "client");
    test_enter(client->test, function);
    return client->test;
}

/* ---- The runtime ---------------------------------------------------------------------------- */

sluice_test *sluice_test_open(const char *routing)
{
    if (routing != NULL)
        return test_open(routing);
    fputs("sluice_test_open: the routing is NULL\n", stderr);
    return NULL;
}

void sluice_test_close(sluice_test *test)
{
    if (test == NULL)
        return;
    test_enter(test, "sluice_test_close");
    test_close(test);
}

void sluice_test_advance(sluice_test *test, unsigned ms)
{
    test_enter(test, "sluice_test_advance");
    test_advance(test, ms);
}

bool sluice_test_reload(sluice_test *test)
{
    test_enter(test, "sluice_test_reload");
    return test_reload(test);
}

/* ---- Connecting ----------------------------------------------------------------------------- */

static struct json_object *parse(const char *function, const char *name, const char *json)
{
    struct json_object *value = NULL;

    if (json != NULL && !json_parse(json, strlen(json), &value))
        test_fail(function, "the %s is not JSON: %s", name, json);
    return value;
}

/* A pair of sockets is a line that leads nowhere else. */
static struct sluice_client *connect_as(struct sluice_test *test, const char *path,
                                        const struct sluice_test_request *request)
{
    struct sluice_client *client = mem_zalloc(sizeof *client);
    int ends[2];

    if (client == NULL)
        test_fail(test->function, "no memory");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        test_fail(test->function, "no line for one client more: %s", strerror(errno));
    client->test = test;
    if (!test_client_begin(client, ends[0], path, request))
        test_fail(test->function, "no memory");
    LIST_INSERT_HEAD(&test->clients, client, link);
    test_arrive(test, ends[1]);
    return client;
}

sluice_client *sluice_test_connect_as(sluice_test *test, const char *path,
                                      const struct sluice_test_request *request)
{
    static const char function[] = "sluice_test_connect_as";
    static const struct sluice_test_request plain;

    test_enter(test, function);
    must_be_given(function, path, "path");
    if (request == NULL)
        request = &plain;
    test->session = parse(function, "session", request->session);
    test->user = parse(function, "user", request->user);
    struct sluice_client *client = connect_as(test, path, request);
    json_object_put(test->session);
    json_object_put(test->user);
    test->session = test->user = NULL;
    return client;
}

sluice_client *sluice_test_connect(sluice_test *test, const char *path)
{
    static const struct sluice_test_request plain;

    test_enter(test, "sluice_test_connect");
    must_be_given("sluice_test_connect", path, "path");
    return connect_as(test, path, &plain);
}

int sluice_test_status(const sluice_client *client)
{
    enter(client, "sluice_test_status");
    return client->status;
}

const char *sluice_test_subprotocol(const sluice_client *client)
{
    enter(client, "sluice_test_subprotocol");
    return client->subprotocol;
}

/* ---- Saying --------------------------------------------------------------------------------- */

void sluice_test_send(sluice_client *client, const char *text)
{
    struct sluice_test *test = enter(client, "sluice_test_send");

    must_be_given("sluice_test_send", text, "text");
    test_client_send(client, FRAME_TEXT, text, strlen(text));
    test_settle(test);
}

void sluice_test_send_bytes(sluice_client *client, const void *data, size_t size)
{
    struct sluice_test *test = enter(client, "sluice_test_send_bytes");

    if (size > 0)
        must_be_given("sluice_test_send_bytes", data, "data");
    test_client_send(client, FRAME_BINARY, data, size);
    test_settle(test);
}

void sluice_test_leave(sluice_client *client, int code)
{
    struct sluice_test *test = enter(client, "sluice_test_leave");

    if (code < 0 || code > UINT16_MAX)
        test_fail("sluice_test_leave", "%d is no close code", code);
    if (code == 1006)
        test_client_cut(client);
    else
        test_client_close(client, (unsigned)code);
    test_settle(test);
}

/* ---- Hearing -------------------------------------------------------------------------------- */

/* What a thread of the consumer's own has sent since is heard as well. */
const sluice_message *sluice_test_next_message(sluice_client *client)
{
    test_settle(enter(client, "sluice_test_next_message"));
    return test_client_next(client);
}

const char *sluice_test_next(sluice_client *client)
{
    test_settle(enter(client, "sluice_test_next"));

    const sluice_message *message = test_client_next(client);
    if (message != NULL && message->binary)
        test_fail("sluice_test_next",
                  "the next message is %zu bytes of binary: sluice_test_next_message gives it",
                  message->size);
    return message != NULL ? message->data : NULL;
}

int sluice_test_code(const sluice_client *client)
{
    enter(client, "sluice_test_code");
    return client->code;
}

/* ---- Events from elsewhere ------------------------------------------------------------------ */

static void refused(const char *group, const char *why)
{
    log_write(LOG_ERROR, "event.refused", LOG_STR("group", group), LOG_STR("why", why));
}

static void send_event(struct sluice_test *test, const char *group, struct slice body)
{
    struct layer_event *event =
        event_compose(LAYER_GROUP, slice_of(group), body, NULL, NULL); /* tells what is wrong */

    if (event == NULL)
        return;
    layer_send(test->server->layer, event);
    layer_event_unref(event);
    test_settle(test);
}

void sluice_test_group_send(sluice_test *test, const char *group, const char *json)
{
    static const char function[] = "sluice_test_group_send";
    struct json_object *value = NULL;
    struct text body = {0};

    test_enter(test, function);
    must_be_given(function, group, "group");
    must_be_given(function, json, "json");
    if (!layer_group_valid(slice_of(group)))
        refused(group, "not a group's name");
    else if (!json_parse(json, strlen(json), &value) || !msgpack_encode(value, &body))
        refused(group, "not JSON");
    else
        send_event(test, group, (struct slice){body.data, body.size});
    json_object_put(value);
    text_free(&body);
}
