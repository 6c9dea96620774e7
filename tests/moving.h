/*
 * tests/moving: a consumer in one version after the other, and a connection that has counted in it.
 */
#ifndef TESTS_MOVING_H
#define TESTS_MOVING_H

#include "client.h"
#include "harness.h"

#define CONF "ws /move/<str:room>/ move.so\n"

static inline void serve_version(const char *name)
{
    put_plugin_as(name, "move");
    serve(CONF);
}

static inline void reload_version(const char *name)
{
    put_plugin_as(name, "move");
    server_reload();
}

static inline void expect(struct client *client, const char *question, const char *answer)
{
    client_text(client, question);
    client_expect_text(client, answer);
}

/* One that has counted to two. */
static inline struct client open_counting(void)
{
    struct client client = client_open("/move/attic/");

    expect(&client, "count", "1");
    expect(&client, "count", "2");
    return client;
}

#endif
