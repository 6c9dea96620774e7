/*
 * conf/config: routing.conf as a struct: what `sluice run` serves.
 *
 * Nothing here opens a socket or a shared object. A config is immutable once parsed and counts its
 * references, so that loops and connections can go on with the one they met. Its strings, and the
 * text that places point into, live as long as it does.
 */
#ifndef CONF_CONFIG_H
#define CONF_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rate.h"
#include "conf/diag.h"
#include "conf/origin.h"
#include "conf/pattern.h"

/* listen HOST:PORT | [V6]:PORT | unix:PATH [mode=0660] */
struct listen_config {
    struct place place;
    const char *address;   /* as written: "0.0.0.0:8000", "[::1]:8000", "unix:run/sluice.sock" */
    const char *host;      /* an IP address without brackets; "*" is every one; NULL: Unix socket */
    uint16_t port;         /* 0: any that is free (tests) */
    const char *unix_path; /* absolute or relative to the working directory; NULL for TCP */
    mode_t mode;
};

/* The `server` directive: what holds before a mount is known. Times are milliseconds. */
struct server_config {
    unsigned connections; /* open ones; 0: auto */
    size_t headers, request_line;
    unsigned header_count;
    uint32_t handshake, keep_alive, stop; /* none is ever 0 */
    unsigned per_address; /* connections of one IP address (IPv6: of one /64); 0: any number */
    uint64_t body;        /* bytes of a request's body, which is read and not used; beyond: 413 */
    uint64_t unfinished;  /* bytes that messages half there may hold, all together (1013) */
    uint32_t pace;        /* over what time closing all connections is spread at a stop */
    bool restarts;        /* whoever stops the server starts it again: 1012, not 1001 */
};

/* The `limits` directive. Times are milliseconds, 0 is off. */
struct limits_config {
    uint32_t answer, unfinished, ping, pong, idle, callback, closing;
    uint64_t message, backlog;
    unsigned fragments, events;
    struct rate rate, bytes; /* messages, and bytes of any kind, of one connection (1008) */
    bool drop;               /* policy=drop: beyond backlog, messages are skipped; else 1013 */
};

/* The `compress` directive. */
struct compress_config {
    bool on;
    bool takeover;         /* keep windows from message to message, where the client agrees */
    uint8_t level, window; /* zlib's; bits, 9 to 15 */
    size_t min;            /* bytes of a message from which it is compressed */
};

/* The `reload` directive. Times are milliseconds. */
struct reload_config {
    bool stay;          /* move=off: live connections stay with the code they met */
    uint32_t drain;     /* until those that can't go on are closed (1012); 0: they never are */
    unsigned keep;      /* generations of a consumer at most; connections of older ones drain */
    uint32_t probe;     /* of the file alone: how long constructors may take, and check... */
    uint32_t pause;     /* ...how long running callbacks may take to end... */
    uint32_t probation; /* ...and how long new code that crashes is taken back; 0: never */
};

#define WATCH_BUILD "make -s" /* where nothing is said */

/* A `watch` line: directories of sources, and the command that makes consumers of them. */
struct watch_config {
    const char *const *dirs; /* ends with NULL */
    const char *build;       /* for /bin/sh, in the first directory */
};

struct option_config {
    const char *name, *value;
};

enum mount_kind { MOUNT_WS, MOUNT_DIR, MOUNT_FILE };

/* One ws or http line. */
struct mount_config {
    enum mount_kind kind;
    struct place place; /* of the pattern */
    const char *route;  /* the pattern as written */
    struct pattern *pattern;
    struct place file_place; /* of the consumer's, directory's or file's name */
    const char *file_name;   /* as written: "chat.so", "public" */
    const char *file;        /* the path to open */
    struct limits_config limits;
    struct compress_config compress;
    struct reload_config reload;
    struct origins *origins;         /* NULL: same */
    const char *const *subprotocols; /* ends with NULL; in the order of the server's preference */
    unsigned option_count;
    struct option_config *options; /* names differ */
    uint32_t max_age;              /* seconds, for http; 0: none */
    const char *csp;               /* Content-Security-Policy of http answers; NULL: none */
};

struct config {
    struct source source;
    unsigned listen_count;
    struct listen_config *listens;
    unsigned loops; /* 0: auto */
    struct place loops_place;
    unsigned pool_threads, pool_queue;
    const char *cache; /* where private copies go; NULL: the usual places */
    struct place cache_place;
    const char *control;        /* path of the control socket; NULL: the usual places... */
    bool control_off;           /* ...or there is none */
    struct place control_place; /* size 0: routing.conf doesn't say */
    struct server_config server;
    struct reload_config reload; /* as it stands at the end of the file */
    unsigned mount_count;
    struct mount_config *mounts; /* in the order of the file */
    unsigned watch_count;
    struct watch_config *watches;
    unsigned text_count;
    const char **texts; /* paths of the @files that were named, whether they could be read or not */
    /* the rest is conf's own */
    struct place *places; /* of each directive's line, in the table's order; size 0: none */
    struct config_memory *memory;
    unsigned references; /* atomic */
};

/* Reads a file. NULL with errors in diag (which keeps what it needs of the text). Warnings may
 * come with a config too. Opens this file and the @files it names, and nothing else. */
struct config *config_load(const char *path, struct diag *diag);
/* The same, but where there are errors in diag it gives what could be read beside them, so that
 * mistakes in the consumers and files it names are found in the same run. Such a config is never
 * served; a mount of it may lack its pattern or its file. NULL where nothing could be read. */
struct config *config_read(const char *path, struct diag *diag);
/* The same, with the text of another file in place of its own: an earlier one's. */
struct config *config_read_from(const char *from, const char *path, struct diag *diag);
/* The same of text: `name` stands in messages, paths are relative to `directory`. */
struct config *config_read_text(const char *name, const char *directory, struct slice text,
                                struct diag *diag);
/* Text, as config_load has it. */
struct config *config_parse(const char *name, const char *directory, struct slice text,
                            struct diag *diag);
struct config *config_ref(struct config *config); /* any thread */
void config_unref(struct config *config);

/* The first mount that takes the path (decoded): ws ones if `upgrade`, else http ones. NULL: none.
 * `rest`: what lies below a directory, without slashes in front. Any thread. */
const struct mount_config *config_route(const struct config *config, bool upgrade,
                                        struct slice path, struct slice *rest,
                                        struct pattern_capture captures[PATTERN_CAPTURES_MAX]);

/* What a running server can't take over: warnings for each directive of `next` that differs from
 * `now` and needs a restart, as the directive table says. */
void config_compare(const struct config *now, const struct config *next, struct diag *diag);

/* Every setting of the directive table with its default and whether a reload changes it, as text.
 */
void config_describe(struct text *out);

#endif
