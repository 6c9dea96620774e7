/*
 * control/tell: what a server tells of itself, as JSON: how it is, and what a reload has done.
 *
 * Where memory runs out the text is marked as failed, and all that comes later is nothing.
 */
#include "control/tell.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "layer/layer.h"
#include "loop/jobs.h"

/* ---- JSON ----------------------------------------------------------------------------------- */

static bool begin(struct json_writer *writer, const char *key)
{
    struct value_sink *sink = &writer->sink;

    return !writer->out->failed && (key == NULL || sink->key(sink, key, strlen(key)));
}

static void map(struct json_writer *writer, const char *key)
{
    if (begin(writer, key))
        writer->sink.map_begin(&writer->sink, 0);
}

static void end_map(struct json_writer *writer)
{
    if (begin(writer, NULL))
        writer->sink.map_end(&writer->sink);
}

static void array(struct json_writer *writer, const char *key)
{
    if (begin(writer, key))
        writer->sink.array_begin(&writer->sink, 0);
}

static void end_array(struct json_writer *writer)
{
    if (begin(writer, NULL))
        writer->sink.array_end(&writer->sink);
}

static void number(struct json_writer *writer, const char *key, uint64_t value)
{
    if (begin(writer, key))
        writer->sink.natural(&writer->sink, value);
}

static void boolean(struct json_writer *writer, const char *key, bool value)
{
    if (begin(writer, key))
        writer->sink.boolean(&writer->sink, value);
}

/* What is no UTF-8 (the name of a file may be anything) is told with question marks. */
static void string(struct json_writer *writer, const char *key, const char *value)
{
    struct text clean = {0};

    text_add_str(&clean, value);
    bool valid = clean.size == 0 || utf8_valid(clean.data, clean.size);
    for (size_t i = 0; i < clean.size && !valid; i++)
        clean.data[i] = clean.data[i] & 0x80 ? '?' : clean.data[i];
    if (clean.failed)
        writer->out->failed = true;
    if (begin(writer, key))
        writer->sink.string(&writer->sink, clean.size > 0 ? clean.data : "", clean.size);
    text_free(&clean);
}

/* ---- Mounts --------------------------------------------------------------------------------- */

static void tell_drops(struct json_writer *writer, const struct mount *mount)
{
    map(writer, "drops");
    for (unsigned drop = 0; drop < DROP_COUNT; drop++) {
        unsigned long count = atomic_load_explicit(&mount->dropped[drop], memory_order_relaxed);

        if (count > 0)
            number(writer, drop_name(drop), count);
    }
    end_map(writer);
}

static void tell_limits(struct json_writer *writer, const struct limit_counts *counts)
{
    map(writer, "limits");
    for (unsigned limit = 0; limit < LIMIT_COUNT; limit++) {
        unsigned long hits = limit_hits(counts, limit);

        if (hits > 0)
            number(writer, limit_name(limit), hits);
    }
    end_map(writer);
}

static void tell_ws(struct json_writer *writer, const struct mount *mount)
{
    string(writer, "consumer", mount->config->file_name);
    number(writer, "generation", generation_number(mount->generation));
    number(writer, "connections", atomic_load(&mount->open));
    number(writer, "opened", atomic_load(&mount->opened));
    number(writer, "refused", atomic_load(&mount->refused));
    number(writer, "slow_callbacks", atomic_load(&mount->slow_callbacks));
    tell_drops(writer, mount);
    tell_limits(writer, &mount->limits);
}

static void tell_mount(struct json_writer *writer, const struct mount *mount, bool current)
{
    const struct mount_config *config = mount->config;

    map(writer, NULL);
    string(writer, "mount", config->route);
    string(writer, "kind", config->kind == MOUNT_WS ? "ws" : "http");
    boolean(writer, "current", current);
    if (config->kind == MOUNT_WS)
        tell_ws(writer, mount);
    else
        string(writer, "files", config->file_name);
    end_map(writer);
}

struct old_mounts {
    struct json_writer *writer;
    const struct routing *now;
};

/* A mount of an older routing, as long as somebody is in it. */
static void tell_old(void *context, const struct routing *routing)
{
    struct old_mounts *old = context;

    for (unsigned i = 0; routing != old->now && i < routing->mount_count; i++) {
        const struct mount *mount = &routing->mounts[i];

        if (atomic_load(&mount->open) > 0)
            tell_mount(old->writer, mount, false);
    }
}

static void tell_mounts(struct json_writer *writer, const struct server *server)
{
    struct old_mounts old = {writer, server->routing};

    array(writer, "mounts");
    for (unsigned i = 0; i < server->routing->mount_count; i++)
        tell_mount(writer, &server->routing->mounts[i], true);
    routing_each(tell_old, &old);
    end_array(writer);
}

/* ---- The other parts ------------------------------------------------------------------------ */

static void tell_traffic(struct json_writer *writer, const struct traffic *traffic)
{
    number(writer, "messages_in", traffic->messages_in);
    number(writer, "messages_out", traffic->messages_out);
    number(writer, "bytes_in", traffic->bytes_in);
    number(writer, "bytes_out", traffic->bytes_out);
}

static void tell_loop(struct json_writer *writer, unsigned index, const struct census_row *row)
{
    map(writer, NULL);
    number(writer, "loop", index);
    boolean(writer, "answered", row->answered);
    if (row->answered) {
        number(writer, "connections", row->connections);
        number(writer, "groups", row->groups);
        number(writer, "memberships", row->memberships);
        number(writer, "channels", row->channels);
        number(writer, "waiting_bytes", row->waiting);
        map(writer, "total");
        tell_traffic(writer, &row->total);
        end_map(writer);
        map(writer, "per_second");
        tell_traffic(writer, &row->traffic);
        end_map(writer);
    }
    end_map(writer);
}

/* The loops one by one, and what they come to. */
static void tell_loops(struct json_writer *writer, const struct server *server,
                       const struct census *census)
{
    struct traffic total = {0}, second = {0};
    unsigned memberships = 0;

    array(writer, "loops");
    for (unsigned i = 0; i < server->worker_count; i++) {
        const struct census_row *row = census_row(census, i);

        tell_loop(writer, i, row);
        traffic_add(&total, &row->total);
        traffic_add(&second, &row->traffic);
        memberships += row->memberships;
    }
    end_array(writer);
    map(writer, "traffic");
    map(writer, "total");
    tell_traffic(writer, &total);
    end_map(writer);
    map(writer, "per_second");
    tell_traffic(writer, &second);
    end_map(writer);
    end_map(writer);
    struct layer_counts counts;
    layer_count(server->layer, &counts);
    map(writer, "layer");
    string(writer, "kind", "local");
    number(writer, "groups", counts.groups);
    number(writer, "memberships", memberships);
    number(writer, "channels", counts.channels);
    number(writer, "dropped", counts.dropped + atomic_load(&server->undelivered));
    end_map(writer);
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm == NULL)
        return 0;
    if (fscanf(statm, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    fclose(statm);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void tell_process(struct json_writer *writer, const struct tell_process *process)
{
    string(writer, "version", PACKAGE_VERSION);
    number(writer, "pid", (uint64_t)getpid());
    if (process->supervisor != 0)
        number(writer, "supervisor", (uint64_t)process->supervisor);
    boolean(writer, "restarted", process->restarted);
    string(writer, "file", process->file);
    number(writer, "started_ms", process->started);
    number(writer, "uptime_ms", clock_now() - process->began);
    number(writer, "loaded_ms", process->server->routing->made);
    boolean(writer, "stopping", process->server->stopping);
    array(writer, "addresses");
    for (unsigned i = 0; i < server_address_count(process->server); i++)
        string(writer, NULL, server_address(process->server, i));
    end_array(writer);
}

static void tell_connections(struct json_writer *writer, const struct server *server)
{
    map(writer, "connections");
    number(writer, "open", atomic_load(&server->open));
    number(writer, "limit", server->connection_limit);
    number(writer, "accepted", atomic_load(&server->accepted));
    number(writer, "addresses", address_count(server->addresses));
    tell_limits(writer, &server->limits);
    end_map(writer);
}

static void tell_rest(struct json_writer *writer, const struct server *server)
{
    map(writer, "generations");
    number(writer, "loaded", generation_count(server->cache));
    number(writer, "stuck", generation_stuck(server->cache));
    end_map(writer);
    map(writer, "pool");
    number(writer, "threads", server->config->pool_threads);
    number(writer, "queue", server->config->pool_queue);
    number(writer, "waiting", jobs_waiting(server->jobs));
    end_map(writer);
    map(writer, "memory");
    number(writer, "resident_bytes", resident_bytes());
    number(writer, "allocated_bytes", (uint64_t)mem_bytes());
    number(writer, "unfinished_bytes", atomic_load(&server->held));
    end_map(writer);
}

/* ---- The whole ------------------------------------------------------------------------------ */

void tell_status(const struct tell_process *process, const struct census *census, struct text *out)
{
    struct json_writer writer;

    json_writer_init(&writer, out);
    map(&writer, NULL);
    tell_process(&writer, process);
    tell_connections(&writer, process->server);
    tell_mounts(&writer, process->server);
    tell_loops(&writer, process->server, census);
    tell_rest(&writer, process->server);
    end_map(&writer);
}

static const char *const changes[] = {
    [RELOAD_SAME] = "same",
    [RELOAD_CHANGED] = "changed",
    [RELOAD_ADDED] = "added",
    [RELOAD_REMOVED] = "removed",
};

static void tell_row(struct json_writer *writer, const struct reload_row *row)
{
    map(writer, NULL);
    string(writer, "mount", row->mount);
    string(writer, "consumer", row->consumer);
    string(writer, "change", changes[row->change]);
    number(writer, "from", row->from);
    number(writer, "to", row->to);
    number(writer, "moved", row->moved);
    number(writer, "upgraded", row->upgraded);
    number(writer, "stayed", row->stayed);
    number(writer, "draining", row->draining);
    end_map(writer);
}

static void tell_message(void *context, enum diag_level level, const char *text)
{
    struct json_writer *writer = context;

    map(writer, NULL);
    string(writer, "level", level == DIAG_ERROR ? "error" : "warning");
    string(writer, "text", text);
    end_map(writer);
}

void tell_report(const struct tell_process *process, const struct reload_report *report,
                 struct text *out)
{
    struct json_writer writer;
    struct text words = {0};

    json_writer_init(&writer, out);
    map(&writer, NULL);
    boolean(&writer, "done", report->done);
    string(&writer, "file", process->file);
    number(&writer, "errors", report->diag->errors);
    number(&writer, "warnings", report->diag->warnings);
    array(&writer, "messages");
    diag_each(report->diag, tell_message, &writer);
    end_array(&writer);
    array(&writer, "mounts");
    for (unsigned i = 0; i < report->row_count; i++)
        tell_row(&writer, &report->rows[i]);
    end_array(&writer);
    number(&writer, "ms", report->ms);
    number(&writer, "load_ms", report->load_ms);
    number(&writer, "pause_ms", report->pause_ms);
    number(&writer, "move_ms", report->move_ms);
    reload_describe(report, &words);
    string(&writer, "text", words.failed || words.size == 0 ? "sluice: no memory\n" : words.data);
    text_free(&words);
    end_map(&writer);
}

void tell_error(const char *why, struct text *out)
{
    struct json_writer writer;

    json_writer_init(&writer, out);
    map(&writer, NULL);
    string(&writer, "error", why);
    end_map(&writer);
}
