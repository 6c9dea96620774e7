/*
 * reload: from routing.conf to something that serves, and from a changed one to the next.
 *
 * Everything that can fail comes before the one step that changes what is served.
 */
#include "reload.h"

#include <limits.h>
#include <unistd.h>

#include "server/server.h"

/* This program, to be executed anew. By its name, since under valgrind "self" is another program;
 * by what runs, where the name is gone or is another file's by now. */
static const char *own_program(void)
{
    static const char self[] = "/proc/self/exe";
    static char name[PATH_MAX];
    ssize_t size = readlink(self, name, sizeof name - 1);

    if (size <= 0)
        return self;
    name[size] = '\0';
    return access(name, X_OK) == 0 ? name : self; /* "... (deleted)", of one that was replaced */
}

struct plugin_cache *reload_cache(const struct config *config, struct diag *diag)
{
    struct plugin_fault fault = {.message = ""};
    struct plugin_cache *cache = plugin_cache_open(config->cache, &fault);

    if (cache == NULL)
        diag_add(diag, DIAG_ERROR, &config->source, config->cache_place,
                 fault.hint[0] ? fault.hint : NULL, "%s", fault.message);
    else
        plugin_cache_probe_by(cache, own_program());
    return cache;
}

bool reload_run(struct server *server, const char *file, struct diag *diag)
{
    struct config *config = config_read(file, diag);

    if (config == NULL)
        return false;
    if (diag->errors == 0)
        config_compare(server->config, config, diag);
    struct routing *next = routing_new(config, server->cache, server->routing, diag);
    config_unref(config); /* the routing holds its own */
    if (next == NULL)
        return false;
    bool done = routing_load(next, diag);
    if (done && !server_set_routing(server, next)) {
        diag_add(diag, DIAG_ERROR, &next->config->source, (struct place){0}, NULL, "no memory");
        done = false;
    }
    routing_unref(next); /* the server holds its own */
    return done;
}

void reload_reap(struct plugin_cache *cache)
{
    /* A routing that goes may let go of the last reference to its generations. */
    while (routing_reap() > 0 || generation_reap(cache) > 0)
        continue;
}

static void add_count(struct text *out, unsigned count, const char *what)
{
    if (count > 0)
        text_addf(out, "%s%u %s%s", out->size > 0 ? ", " : "", count, what, count == 1 ? "" : "s");
}

void reload_summary(const struct diag *diag, struct text *out)
{
    add_count(out, diag->errors, "error");
    add_count(out, diag->warnings, "warning");
    if (out->size == 0)
        text_add_str(out, "no issues");
}
