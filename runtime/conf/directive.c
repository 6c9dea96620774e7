/*
 * conf/directive: the table of directives: the one source of what routing.conf may say.
 */
#include "conf/directive.h"

#include "conf/config.h"
#include "conf/parser.h"

/* Where a value is kept: its place in a struct; nowhere: whoever applies the line sees to it. */
#define AT(type, member) offsetof(type, member), sizeof(((type *)0)->member)
#define NOWHERE          0, 0

/* What a change needs. */
enum { RESTART = false, RELOAD = true };

/* Columns: name, kind, what a change needs, default, least, most, the word for 0, where the value
 * is kept, what it means. */
/* clang-format off */
static const struct setting listen_settings[] = {
    {"mode", SETTING_MODE, RELOAD, "0660", "0", "0777", NULL, AT(struct listen_config, mode),
     "who may connect to a unix: socket"},
    {.name = NULL},
};

static const struct setting loops_value =
    {"loops", SETTING_COUNT, RESTART, "auto", "1", "1024", "auto", AT(struct config, loops), NULL};

static const struct setting layer_value =
    {"layer", SETTING_WORD, RESTART, "local", "local", NULL, NULL, NOWHERE, NULL};

static const struct setting pool_settings[] = {
    {"threads", SETTING_COUNT, RESTART, "4", "1", "1024", NULL, AT(struct config, pool_threads),
     "threads for blocking consumers and jobs"},
    {"queue", SETTING_COUNT, RESTART, "1000", "1", "1m", NULL, AT(struct config, pool_queue),
     "callbacks and jobs that wait for a thread; full: a job is dropped, a blocking consumer's"
     " connection is not read"},
    {.name = NULL},
};

static const struct setting server_settings[] = {
    {"connections", SETTING_COUNT, RESTART, "auto", "1", "10m", "auto",
     AT(struct config, server.connections),
     "open connections; auto: what the limit of open files leaves after a reserve"},
    {"per-address", SETTING_COUNT, RELOAD, "off", "1", "10m", "off",
     AT(struct config, server.per_address),
     "open connections from one IPv4 address, or one /64 of IPv6 (else 429)"},
    {"headers", SETTING_SIZE, RELOAD, "32k", "256", "1m", NULL, AT(struct config, server.headers),
     "a request's head, all of it (else 431)"},
    {"header-count", SETTING_COUNT, RELOAD, "100", "1", "1000", NULL,
     AT(struct config, server.header_count),
     "fields in a request's head (else 431)"},
    {"request-line", SETTING_SIZE, RELOAD, "8k", "64", "64k", NULL,
     AT(struct config, server.request_line),
     "a request's first line (else 414)"},
    {"handshake", SETTING_TIME, RELOAD, "10s", "10ms", "10m", NULL,
     AT(struct config, server.handshake),
     "the whole request head must be there by then (else 408)"},
    {"body", SETTING_SIZE, RELOAD, "1m", "0", "1g", NULL, AT(struct config, server.body),
     "a request's body, which is read and not used (else 413)"},
    {"keep-alive", SETTING_TIME, RELOAD, "30s", "10ms", "1h", NULL,
     AT(struct config, server.keep_alive),
     "how long an HTTP connection waits for its next request, or takes to read an answer"},
    {"stop", SETTING_TIME, RESTART, "5s", "10ms", "10m", NULL, AT(struct config, server.stop),
     "the server is gone within this time after SIGTERM, whatever peers do"},
    {"pace", SETTING_TIME, RELOAD, "1s", "10ms", "10m", "off", AT(struct config, server.pace),
     "a stop spreads the closing of connections over this time, half of stop at most"},
    {"restarts", SETTING_WORD, RELOAD, "off", "off", "on", NULL,
     AT(struct config, server.restarts),
     "on: whoever stops the server starts it again, so a stop closes with 1012, not 1001"},
    {"unfinished", SETTING_SIZE, RELOAD, "256m", "1m", "64g", NULL,
     AT(struct config, server.unfinished),
     "memory of half messages and requests, all connections together (else 1013, or 503)"},
    {.name = NULL},
};

static const struct setting limits_settings[] = {
    {"answer", SETTING_TIME, RELOAD, "10s", "10ms", "10m", NULL, AT(struct limits_config, answer),
     "the consumer's answer to a handshake, accept or refusal (else 503)"},
    {"message", SETTING_SIZE, RELOAD, "1m", "1", "1g", NULL, AT(struct limits_config, message),
     "one message from a client (else 1009)"},
    {"fragments", SETTING_COUNT, RELOAD, "1024", "1", "1m", NULL,
     AT(struct limits_config, fragments),
     "frames that a message comes in (else 1008)"},
    {"unfinished", SETTING_TIME, RELOAD, "30s", "10ms", "1h", "off",
     AT(struct limits_config, unfinished),
     "a message once begun must be whole by then (else 1008)"},
    {"backlog", SETTING_SIZE, RELOAD, "1m", "1k", "1g", NULL, AT(struct limits_config, backlog),
     "bytes that wait for a slow client; a message is always taken when nothing waits"},
    {"policy", SETTING_WORD, RELOAD, "close", "close", "drop", NULL,
     AT(struct limits_config, drop),
     "beyond the backlog; close: the connection ends (1013); drop: new messages are skipped"},
    {"events", SETTING_COUNT, RELOAD, "1000", "1", "1m", NULL, AT(struct limits_config, events),
     "events that wait for a connection whose blocking consumer is busy; the oldest goes"},
    {"rate", SETTING_RATE, RELOAD, "off", "1", "1m", "off", AT(struct limits_config, rate),
     "messages from a client, this many at once and as many again in that time (else 1008)"},
    {"bytes", SETTING_BYTES, RELOAD, "off", "1k", "1g", "off", AT(struct limits_config, bytes),
     "bytes from a client, by the same rule (else 1008)"},
    {"ping", SETTING_TIME, RELOAD, "20s", "10ms", "1d", "off", AT(struct limits_config, ping),
     "a client that was silent for so long is sent a ping"},
    {"pong", SETTING_TIME, RELOAD, "20s", "10ms", "1d", "off", AT(struct limits_config, pong),
     "how long a ping may go unanswered (else 1011); off: for ever"},
    {"idle", SETTING_TIME, RELOAD, "off", "10ms", "30d", "off", AT(struct limits_config, idle),
     "a connection without a message either way is closed by then (1000)"},
    {"callback", SETTING_TIME, RELOAD, "100ms", "1ms", "1h", "off",
     AT(struct limits_config, callback),
     "a callback that holds its loop for longer is logged and counted"},
    {"closing", SETTING_TIME, RELOAD, "5s", "10ms", "10m", NULL, AT(struct limits_config, closing),
     "how long a peer may take to answer a close frame"},
    {.name = NULL},
};

static const struct setting compress_value =
    {"compress", SETTING_WORD, RELOAD, "off", "off", "on", NULL, AT(struct compress_config, on),
     NULL};

static const struct setting compress_settings[] = {
    {"level", SETTING_COUNT, RELOAD, "1", "1", "9", NULL, AT(struct compress_config, level),
     "1 is fastest, 9 is smallest"},
    {"window", SETTING_COUNT, RELOAD, "15", "9", "15", NULL, AT(struct compress_config, window),
     "how far back repetitions are found: 9 is 512 bytes, 15 is 32k; and what it costs in memory"},
    {"takeover", SETTING_WORD, RELOAD, "off", "off", "on", NULL,
     AT(struct compress_config, takeover),
     "on: the window lasts from message to message, where the client agrees, and each connection"
     " has memory of its own for it"},
    {"min", SETTING_SIZE, RELOAD, "256", "0", "1g", NULL, AT(struct compress_config, min),
     "a message shorter than this is sent as it is"},
    {.name = NULL},
};

static const struct setting reload_settings[] = {
    {"move", SETTING_WORD, RELOAD, "on", "on", "off", NULL, AT(struct reload_config, stay),
     "off: live connections stay with the code they met"},
    {"drain", SETTING_TIME, RELOAD, "30s", "10ms", "1d", "off", AT(struct reload_config, drain),
     "a connection whose mount is gone, or whose code is too old, is closed by then (1012)"},
    {"keep", SETTING_COUNT, RELOAD, "4", "1", "64", NULL, AT(struct reload_config, keep),
     "generations of a consumer that live connections may run in; those of older ones drain"},
    {"pause", SETTING_TIME, RELOAD, "1s", "10ms", "1m", NULL, AT(struct reload_config, pause),
     "how long a reload waits for running callbacks before it is refused"},
    {"probe", SETTING_TIME, RELOAD, "5s", "100ms", "10m", NULL, AT(struct reload_config, probe),
     "how long a consumer's constructors may take, and its check, where they are tried first"},
    {"probation", SETTING_TIME, RELOAD, "10s", "100ms", "1h", "off",
     AT(struct reload_config, probation),
     "new code that crashes within this time is taken back"},
    {.name = NULL},
};

static const struct setting watch_settings[] = {
    {"build", SETTING_NAME, RELOAD, WATCH_BUILD, NULL, NULL, NULL, NOWHERE,
     "the command, for /bin/sh in the first of the directories"},
    {.name = NULL},
};

static const struct setting origins_settings[] = {
    {"missing", SETTING_WORD, RELOAD, "allow", "allow", "deny", NULL, NOWHERE,
     "requests without an Origin, which browsers always send"},
    {.name = NULL},
};

static const struct setting http_settings[] = {
    {"dir", SETTING_NAME, RELOAD, NULL, NULL, NULL, NULL, NOWHERE,
     "serves the files below this directory; the pattern is a prefix"},
    {"file", SETTING_NAME, RELOAD, NULL, NULL, NULL, NULL, NOWHERE,
     "serves this file; the pattern is the whole path"},
    {"max-age", SETTING_SECONDS, RELOAD, "off", "1s", "365d", "off",
     AT(struct mount_config, max_age),
     "how long a browser may keep an answer without asking again"},
    {"csp", SETTING_FIELD, RELOAD, NULL, NULL, NULL, NULL, AT(struct mount_config, csp),
     "the Content-Security-Policy of answers; @FILE is what the file holds"},
    {.name = NULL},
};

const struct directive directives[] = {
    {.name = "listen", .where = IN_FILE, .live = true, .least = 1, .most = 1, .words = "an address",
     .usage = "listen IP:PORT, listen [IPV6]:PORT, listen *:PORT or listen unix:PATH",
     .standard = "127.0.0.1:8000", .noun = "listen setting", .settings = listen_settings,
     .apply = listen_apply,
     .takes = "IP:PORT, [IPV6]:PORT, *:PORT or unix:PATH",
     .help = "an address to serve on; each has a line of its own"},
    {.name = "loops", .where = IN_FILE, .once = IN_FILE, .least = 1, .most = 1,
     .words = "a number, or auto", .usage = "loops auto, or loops 4",
     .standard = "auto", .value = &loops_value, .apply = parser_apply_loops,
     .help = "event loops, each a thread; auto: one a core"},
    {.name = "pool", .where = IN_FILE, .once = IN_FILE, .usage = "pool threads=4 queue=1000",
     .noun = "pool setting", .settings = pool_settings, .wants_setting = true,
     .whole = true, .apply = parser_apply_config,
     .help = "the thread pool"},
    {.name = "consumers", .where = IN_FILE, .once = IN_FILE, .live = true, .least = 1, .most = 1,
     .words = "a directory", .usage = "consumers DIR", .standard = "routing.conf's own",
     .apply = parser_apply_consumers,
     .takes = "a path",
     .help = "the directory where consumers are looked for"},
    {.name = "cache", .where = IN_FILE, .once = IN_FILE, .least = 1, .most = 1,
     .words = "a directory", .usage = "cache DIR", .standard = "the system's, else the user's",
     .apply = parser_apply_cache,
     .takes = "a path",
     .help = "the directory for private copies of loaded consumers; it must allow execution"},
    {.name = "watch", .where = IN_FILE, .live = true, .least = 1, .most = UINT32_MAX,
     .words = "at least one directory", .usage = "watch DIR ... [build=\"" WATCH_BUILD "\"]",
     .standard = "where a Makefile is",
     .noun = "watch setting", .settings = watch_settings, .apply = parser_apply_watch,
     .takes = "directories, several",
     .help = "of sources: with run --watch, a change there builds first"},
    {.name = "control", .where = IN_FILE, .once = IN_FILE, .least = 1, .most = 1,
     .words = "a path, or off", .usage = "control PATH, or control off",
     .standard = "a place of the user's", .apply = listen_apply_control,
     .takes = "a path, or off",
     .help = "the socket behind `sluice status` and `sluice reload`"},
    {.name = "layer", .where = IN_FILE, .once = IN_FILE, .least = 1, .most = 1,
     .words = "a kind", .usage = "layer local", .standard = "local", .value = &layer_value,
     .whole = true, .apply = parser_apply_config,
     .help = "where events travel; local: within this process"},
    {.name = "server", .where = IN_FILE, .once = IN_FILE, .usage = "server SETTING=VALUE ...",
     .noun = "server setting", .settings = server_settings, .wants_setting = true,
     .whole = true, .apply = parser_apply_server,
     .help = "what applies before a mount is known, or to the whole"},
    {.name = "limits", .where = IN_FILE | IN_MOUNT, .once = IN_MOUNT, .live = true,
     .usage = "limits SETTING=VALUE ...", .noun = "limit", .settings = limits_settings,
     .wants_setting = true, .apply = mount_apply_limits,
     .help = "what applies to a connection of a mount; in the file, to the mounts below"},
    {.name = "compress", .where = IN_FILE | IN_MOUNT, .once = IN_MOUNT, .live = true, .most = 1,
     .words = "on, off or a setting",
     .usage = "compress on, compress off or compress SETTING=VALUE ...",
     .standard = "off", .value = &compress_value,
     .noun = "compress setting", .settings = compress_settings, .wants_setting = true,
     .apply = mount_apply_compress,
     .help = "messages are compressed for clients that offer it (permessage-deflate)"},
    {.name = "reload", .where = IN_FILE | IN_MOUNT, .once = IN_MOUNT, .live = true,
     .usage = "reload SETTING=VALUE ...", .noun = "reload setting", .settings = reload_settings,
     .wants_setting = true, .apply = mount_apply_reload,
     .help = "what becomes of live connections when code or mounts change"},
    {.name = "origins", .where = IN_FILE | IN_MOUNT, .once = IN_MOUNT, .live = true,
     .least = 1, .most = UINT32_MAX, .words = "at least one origin",
     .usage = "origins same https://chat.example.org .example.com [missing=deny], or origins *",
     .standard = "same", .noun = "origins setting", .settings = origins_settings,
     .apply = mount_apply_origins,
     .takes = "same, *, HOST, .HOST or SCHEME://HOST[:PORT], several",
     .help = "whose pages may connect; same: those of the host that was asked"},
    {.name = "set", .where = IN_FILE | IN_MOUNT, .live = true, .text = true, .least = 2, .most = 2,
     .words = "a name and a value", .usage = "set NAME VALUE, or set NAME \"SEVERAL WORDS\"",
     .apply = mount_apply_set,
     .takes = "NAME VALUE",
     .help = "an option that the consumer reads with sluice_option; @FILE is what the file holds"},
    {.name = "subprotocols", .where = IN_MOUNT, .once = IN_MOUNT, .live = true,
     .least = 1, .most = UINT32_MAX, .words = "at least one name",
     .usage = "subprotocols NAME NAME ...", .apply = mount_apply_subprotocols,
     .takes = "names",
     .help = "what the mount speaks, the one it likes best first"},
    {.name = "ws", .where = IN_FILE, .live = true, .block = true, .pattern = true,
     .least = 2, .most = 2,
     .words = "a pattern and a consumer", .usage = "ws PATTERN FILE.so [{]",
     .apply = mount_apply_ws,
     .takes = "PATTERN FILE.so",
     .help = "a consumer on a path"},
    {.name = "http", .where = IN_FILE, .live = true, .pattern = true,
     .least = 1, .most = 1, .words = "a pattern",
     .usage = "http PATTERN dir=DIR, or http PATTERN file=FILE",
     .noun = "http setting", .settings = http_settings, .apply = mount_apply_http,
     .takes = "PATTERN",
     .help = "files on a path"},
    {.name = NULL},
};
/* clang-format on */

const struct directive *directive_find(struct slice name)
{
    for (const struct directive *d = directives; d->name != NULL; d++)
        if (slice_equal(name, slice_of(d->name)))
            return d;
    return NULL;
}

const struct setting *directive_setting(const struct directive *directive, struct slice name)
{
    for (const struct setting *s = directive->settings; s != NULL && s->name != NULL; s++)
        if (slice_equal(name, slice_of(s->name)))
            return s;
    return NULL;
}

void directive_names(unsigned where, const char *names[DIRECTIVES_MAX + 1])
{
    for (const struct directive *d = directives; d->name != NULL; d++)
        if ((d->where & where) != 0)
            *names++ = d->name;
    *names = NULL;
}

void directive_setting_names(const struct directive *directive,
                             const char *names[DIRECTIVE_SETTINGS_MAX + 1])
{
    for (const struct setting *s = directive->settings; s != NULL && s->name != NULL; s++)
        *names++ = s->name;
    *names = NULL;
}
