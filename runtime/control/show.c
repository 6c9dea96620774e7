/*
 * control/show: what a server has told of itself (see control/tell), for people.
 *
 * The server may be older or newer than this program: what it does not tell is 0 here, and what is
 * not known here is left out.
 */
#include "control/show.h"

#include <json-c/json.h>
#include <string.h>

#include "base/clock.h"

enum { LABEL_WIDTH = 13 };

void show_text(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        putc((byte < ' ' && byte != '\n') || byte == 0x7f ? '?' : byte, to);
    }
}

/* ---- Values --------------------------------------------------------------------------------- */

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return value;
}

static unsigned long long number(struct json_object *object, const char *key)
{
    return json_object_get_uint64(get(object, key));
}

static const char *string(struct json_object *object, const char *key)
{
    const char *text = json_object_get_string(get(object, key));

    return text != NULL ? text : "";
}

static size_t length(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static const char *plural(unsigned long long count)
{
    return count == 1 ? "" : "s";
}

/* "3d 4h": the two largest units. */
static void add_time(struct text *out, uint64_t ms)
{
    static const struct {
        unsigned seconds;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    uint64_t seconds = ms / 1000;
    unsigned i = 0;

    while (i < 3 && seconds < units[i].seconds)
        i++;
    text_addf(out, "%llu%c", (unsigned long long)(seconds / units[i].seconds), units[i].name);
    seconds %= units[i].seconds;
    if (i < 3 && seconds / units[i + 1].seconds > 0)
        text_addf(out, " %llu%c", (unsigned long long)(seconds / units[i + 1].seconds),
                  units[i + 1].name);
}

static void add_size(struct text *out, unsigned long long bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    unsigned i = 0;

    for (; size >= 1024 && i < 4; i++)
        size /= 1024;
    text_addf(out, i == 0 ? "%.0f %s" : "%.1f %s", size, units[i]);
}

static void label(struct text *out, const char *name)
{
    text_addf(out, "%-*s", LABEL_WIDTH, name);
}

/* ---- The process ---------------------------------------------------------------------------- */

static void show_process(struct json_object *status, struct text *out)
{
    struct json_object *addresses = get(status, "addresses");
    uint64_t now = clock_wall(), loaded = number(status, "loaded_ms");

    text_addf(out, "sluice %s, process %llu", string(status, "version"), number(status, "pid"));
    if (get(status, "supervisor") != NULL)
        text_addf(out, " under %llu", number(status, "supervisor"));
    text_add_str(out, ", up ");
    add_time(out, number(status, "uptime_ms"));
    text_addf(out, "%s%s\n",
              json_object_get_boolean(get(status, "restarted")) ? " since a crash" : "",
              json_object_get_boolean(get(status, "stopping")) ? ", stopping" : "");
    text_addf(out, "%s, loaded ", string(status, "file"));
    add_time(out, now > loaded ? now - loaded : 0);
    text_add_str(out, " ago\n");
    for (size_t i = 0; i < length(addresses); i++) {
        const char *address = json_object_get_string(json_object_array_get_idx(addresses, i));

        text_addf(out, "%s\n", address != NULL ? address : "");
    }
}

static void show_traffic(struct json_object *traffic, struct text *out)
{
    struct json_object *total = get(traffic, "total"), *second = get(traffic, "per_second");

    label(out, "messages");
    text_addf(out, "%llu/s in, %llu/s out; %llu in, %llu out\n", number(second, "messages_in"),
              number(second, "messages_out"), number(total, "messages_in"),
              number(total, "messages_out"));
    label(out, "bytes");
    add_size(out, number(second, "bytes_in"));
    text_add_str(out, "/s in, ");
    add_size(out, number(second, "bytes_out"));
    text_add_str(out, "/s out; ");
    add_size(out, number(total, "bytes_in"));
    text_add_str(out, " in, ");
    add_size(out, number(total, "bytes_out"));
    text_add_str(out, " out\n");
}

/* How evenly they share the connections, and which are held up. */
static void show_loops(struct json_object *loops, struct text *out)
{
    unsigned long long least = ~0ull, most = 0;
    struct text silent = {0};

    for (size_t i = 0; i < length(loops); i++) {
        struct json_object *loop = json_object_array_get_idx(loops, i);
        unsigned long long count = number(loop, "connections");

        if (!json_object_get_boolean(get(loop, "answered"))) {
            text_addf(&silent, "; loop %llu does not answer", number(loop, "loop"));
            continue;
        }
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    label(out, "loops");
    text_addf(out, "%zu", length(loops));
    if (least == most)
        text_addf(out, ", of %llu connection%s each", most, plural(most));
    else if (least < most)
        text_addf(out, ", of %llu to %llu connections", least, most);
    text_addf(out, "%s\n", silent.size > 0 ? silent.data : "");
    text_free(&silent);
}

static void show_counts(struct json_object *status, struct text *out)
{
    struct json_object *connections = get(status, "connections"), *layer = get(status, "layer");
    struct json_object *generations = get(status, "generations"), *pool = get(status, "pool");

    label(out, "connections");
    text_addf(out, "%llu open of %llu, %llu accepted\n", number(connections, "open"),
              number(connections, "limit"), number(connections, "accepted"));
    show_traffic(get(status, "traffic"), out);
    show_loops(get(status, "loops"), out);
    label(out, "groups");
    text_addf(out, "%llu, %llu membership%s, %llu channel%s, %llu event%s dropped (layer %s)\n",
              number(layer, "groups"), number(layer, "memberships"),
              plural(number(layer, "memberships")), number(layer, "channels"),
              plural(number(layer, "channels")), number(layer, "dropped"),
              plural(number(layer, "dropped")), string(layer, "kind"));
    label(out, "pool");
    text_addf(out, "%llu thread%s, %llu waiting of %llu\n", number(pool, "threads"),
              plural(number(pool, "threads")), number(pool, "waiting"), number(pool, "queue"));
    label(out, "generations");
    text_addf(out, "%llu loaded, %llu that can't be unmapped\n", number(generations, "loaded"),
              number(generations, "stuck"));
}

static void show_memory(struct json_object *memory, struct text *out)
{
    label(out, "memory");
    add_size(out, number(memory, "resident_bytes"));
    text_add_str(out, " resident, ");
    add_size(out, number(memory, "allocated_bytes"));
    text_add_str(out, " allocated, ");
    add_size(out, number(memory, "unfinished_bytes"));
    text_add_str(out, " of half messages\n");
}

/* ---- Mounts --------------------------------------------------------------------------------- */

/* Characters, as far as bytes tell. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void add_padded(struct text *out, const char *text, size_t width)
{
    size_t has = width_of(text);

    text_addf(out, "%s%*s", text, (int)(has < width ? width - has : 0), "");
}

static void show_mount(struct json_object *mount, size_t route_width, size_t consumer_width,
                       struct text *out)
{
    add_padded(out, string(mount, "mount"), route_width + 2);
    add_padded(out, string(mount, "consumer"), consumer_width + 2);
    text_addf(out, "%10llu  %11llu  %8llu  %8llu%s\n", number(mount, "generation"),
              number(mount, "connections"), number(mount, "opened"), number(mount, "refused"),
              json_object_get_boolean(get(mount, "current")) ? "" : "  before a reload");
}

static bool is_ws(struct json_object *mount)
{
    return strcmp(string(mount, "kind"), "ws") == 0;
}

static void show_mounts(struct json_object *mounts, struct text *out)
{
    size_t route_width = strlen("mount"), consumer_width = strlen("consumer");
    bool any = false;

    for (size_t i = 0; i < length(mounts); i++) {
        struct json_object *mount = json_object_array_get_idx(mounts, i);
        size_t route = width_of(string(mount, "mount"));
        size_t consumer = width_of(string(mount, "consumer"));

        any = any || is_ws(mount);
        route_width = is_ws(mount) && route > route_width ? route : route_width;
        consumer_width = is_ws(mount) && consumer > consumer_width ? consumer : consumer_width;
    }
    if (!any)
        return;
    text_add_byte(out, '\n');
    add_padded(out, "mount", route_width + 2);
    add_padded(out, "consumer", consumer_width + 2);
    text_add_str(out, "generation  connections    opened   refused\n");
    for (size_t i = 0; i < length(mounts); i++) {
        struct json_object *mount = json_object_array_get_idx(mounts, i);

        if (is_ws(mount))
            show_mount(mount, route_width, consumer_width, out);
    }
}

/* ---- What went wrong ------------------------------------------------------------------------ */

/* "dropped  /ws/echo/: not text 3, backlog 12" where there is any. */
static void show_reasons(const char *what, const char *where, struct json_object *reasons,
                         struct text *out)
{
    const char *before = "";

    if (!json_object_is_type(reasons, json_type_object) || json_object_object_length(reasons) == 0)
        return;
    text_add_byte(out, '\n');
    label(out, what);
    text_addf(out, "%s: ", where);
    json_object_object_foreach (reasons, name, count) {
        text_addf(out, "%s%s %llu", before, name,
                  (unsigned long long)json_object_get_uint64(count));
        before = ", ";
    }
}

static void show_troubles(struct json_object *status, struct text *out)
{
    struct json_object *mounts = get(status, "mounts");
    struct text troubles = {0};

    show_reasons("limits", "the server", get(get(status, "connections"), "limits"), &troubles);
    for (size_t i = 0; i < length(mounts); i++) {
        struct json_object *mount = json_object_array_get_idx(mounts, i);
        const char *where = string(mount, "mount");

        show_reasons("limits", where, get(mount, "limits"), &troubles);
        show_reasons("dropped", where, get(mount, "drops"), &troubles);
        if (number(mount, "slow_callbacks") > 0)
            text_addf(&troubles, "\n%-*s%s: %llu callbacks held their loop", LABEL_WIDTH, "slow",
                      where, number(mount, "slow_callbacks"));
    }
    if (troubles.size > 0)
        text_addf(out, "%s\n", troubles.data);
    if (troubles.failed)
        out->failed = true;
    text_free(&troubles);
}

/* ---- The whole ------------------------------------------------------------------------------ */

void show_status(struct json_object *status, struct text *out)
{
    show_process(status, out);
    text_add_byte(out, '\n');
    show_counts(status, out);
    show_memory(get(status, "memory"), out);
    show_mounts(get(status, "mounts"), out);
    show_troubles(status, out);
}
