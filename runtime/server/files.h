/*
 * server/files: static files: what a GET or HEAD of a path below a directory is answered.
 *
 * The kernel keeps a path within the directory (openat2 with RESOLVE_BENEATH), so that neither
 * ".." nor a link leads out, and there is no moment between a check and an open. Nothing is read
 * here: the answer holds an open file, to be sent by whoever asked.
 */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "server/files_parts.h"
#include "wire/http.h"

/* A directory, or a single file, of one http mount. Immutable; any thread. */
struct files;

/* `path` is a directory (opened now) or a single file (looked at now, opened for each request).
 * `max_age` is in seconds; 0 has clients ask each time. `csp` is a Content-Security-Policy or
 * NULL. NULL: it can't be opened, or is something else; errno says why. */
struct files *files_open(const char *path, bool directory, uint32_t max_age, const char *csp);
void files_close(struct files *files); /* NULL is fine */

struct files_answer {
    unsigned status;   /* 200, 206, 301, 304; 403, 404, 405, 412, 416, 500, 503 */
    int fd;            /* of a GET with 200 or 206: the file, the caller's to close; else -1 */
    struct range part; /* of it; of a 206 with several parts: nothing */
    struct files_parts *parts; /* several of them, the caller's to free; else NULL */
    uint64_t size;             /* of a 200 or 206: the body's */
    struct text fields;        /* field lines of the answer; the caller's to free */
    const char *why;           /* of 403 and above: a literal for the log; else NULL */
};

/* Answers a request. `rest` is what lies below the mount, decoded, as pattern_match leaves it over.
 * False without memory; there is then nothing to close or free. */
bool files_answer(const struct files *files, const struct http_request *request, struct slice rest,
                  struct files_answer *answer);

/* The Content-Type of a file of that name. */
const char *files_type(struct slice name);

/* Tests: do without openat2, as on a kernel before 5.6. */
void files_walk_only(bool walk_only);

#endif
