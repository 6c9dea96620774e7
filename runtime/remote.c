/*
 * remote: the commands that ask a running server: `sluice status` and `sluice reload`.
 *
 * The server is found by its routing.conf. Whoever answers must be somebody who may: root,
 * ourselves, or the user whose directory the socket is in. And what it says is printed without any
 * byte that a terminal would obey.
 */
#include "remote.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "control/path.h"
#include "control/show.h"

enum {
    CONNECT_MS = 5000,      /* until its queue of callers must have had room */
    STATUS_MS = 10000,      /* until it must have said how it is */
    ANSWER_MOST = 64 << 20, /* bytes */
};

#define FOR_EVER UINT64_MAX

/* ---- Reaching it ---------------------------------------------------------------------------- */

/* What came of the places where a server might have been. */
struct search {
    int fd;            /* -1: none was found... */
    const char *where; /* ...but here something was... */
    int error;         /* ...that could not be asked, for this reason; 0: nobody to be trusted */
    uid_t user;        /* who that is */
};

static bool is_trusted(int fd, const struct control_path *path, uid_t *user)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    *user = peer.uid;
    return peer.uid == 0 || peer.uid == geteuid() || peer.uid == path->owner;
}

/* Waits where the server has many callers. -1 with errno. */
static int connect_to(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    uint64_t deadline = clock_now() + CONNECT_MS;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    memcpy(name.sun_path, path, strlen(path));
    while (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        int error = errno;

        if ((error == EAGAIN || error == EINTR) && clock_now() < deadline) {
            poll(NULL, 0, 10);
            continue;
        }
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Nobody is there: nothing has that name, or its server has died. */
static bool is_nobody(int error)
{
    return error == ENOENT || error == ECONNREFUSED || error == ENOTDIR;
}

static struct search find_server(const struct control_path *paths, unsigned count)
{
    struct search search = {.fd = -1};

    for (unsigned i = 0; i < count; i++) {
        uid_t user = (uid_t)-1;
        int fd = connect_to(paths[i].path), error = errno;

        if (fd >= 0 && is_trusted(fd, &paths[i], &user)) {
            search.fd = fd;
            break;
        }
        if (fd >= 0)
            close(fd);
        if (search.where == NULL && (fd >= 0 || !is_nobody(error)))
            search = (struct search){-1, paths[i].path, fd >= 0 ? 0 : error, user};
    }
    return search;
}

static void report_nobody(const struct cli *cli, const struct config *config,
                          const struct search *search)
{
    char path[PATH_MAX];
    const char *file = realpath(cli->file, path) != NULL ? path : cli->file;

    if (search->where != NULL && search->error == EACCES)
        fprintf(stderr, "sluice: no server runs for %s that user %lu may ask (%s: %s)\n", file,
                (unsigned long)geteuid(), search->where, strerror(search->error));
    else if (search->where != NULL && search->error != 0)
        fprintf(stderr, "sluice: cannot ask the server for %s at %s: %s\n", file, search->where,
                strerror(search->error));
    else if (search->where != NULL)
        fprintf(stderr, "sluice: %s is a socket of user %lu, who is not trusted to serve %s\n",
                search->where, (unsigned long)search->user, file);
    else if (config != NULL && config->control_off)
        fprintf(stderr, "sluice: no server for %s can be asked: it says \"control off\"\n", file);
    else
        fprintf(stderr, "sluice: no server runs for %s%s\n", file,
                access(cli->file, F_OK) != 0 ? ", and there is no such file" : "");
}

/* -1, and it is said. */
static int reach(const struct cli *cli)
{
    struct control_path paths[CONTROL_PATHS_MAX];
    struct diag diag = {0}; /* its mistakes are not the matter: where the socket is can be read */
    struct config *config = config_read(cli->file, &diag);
    struct search search = find_server(paths, control_path_likely(cli->file, config, paths));

    if (search.fd < 0)
        report_nobody(cli, config, &search);
    diag_free(&diag);
    config_unref(config);
    return search.fd;
}

/* ---- Asking --------------------------------------------------------------------------------- */

/* False: it has not come by then. */
static bool wait_for(int fd, short events, uint64_t deadline)
{
    struct pollfd wait = {.fd = fd, .events = events};

    for (;;) {
        uint64_t now = clock_now();
        int ms = deadline == FOR_EVER ? -1 : deadline > now ? (int)(deadline - now) : 0;
        int ready = poll(&wait, 1, ms);

        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

static bool say(int fd, const char *command)
{
    char request[64];
    int size = snprintf(request, sizeof request, "{\"command\": \"%s\"}\n", command);

    return send(fd, request, (size_t)size, MSG_NOSIGNAL) == size;
}

/* All that it says until it hangs up. NULL, or why not. */
static const char *hear(int fd, uint64_t deadline, struct text *answer)
{
    for (;;) {
        if (!wait_for(fd, POLLIN, deadline))
            return "it does not answer";
        char *room = text_reserve(answer, 65536);
        if (room == NULL || answer->size > ANSWER_MOST)
            return "no memory for its answer";
        ssize_t got = recv(fd, room, 65536, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return answer->size > 0 && answer->data[answer->size - 1] == '\n' ? NULL
                                                                              : "it has ended";
        answer->size += (size_t)got;
        answer->data[answer->size] = '\0';
    }
}

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(object, key, &value);
    return value;
}

/* Its answer, to be put; `text` is the same as it came. NULL, and it is said. */
static struct json_object *ask(const struct cli *cli, const char *command, uint64_t patience,
                               struct text *text)
{
    struct json_object *answer = NULL;
    int fd = reach(cli);

    if (fd < 0)
        return NULL;
    uint64_t deadline = patience == FOR_EVER ? FOR_EVER : clock_now() + patience;
    const char *why = say(fd, command) ? hear(fd, deadline, text) : "it has ended";
    close(fd);
    if (why == NULL && (!json_parse(text->data, text->size, &answer) ||
                        !json_object_is_type(answer, json_type_object)))
        why = "its answer makes no sense";
    if (why == NULL && member(answer, "error") != NULL)
        why = json_object_get_string(member(answer, "error"));
    if (why == NULL)
        return answer;
    fputs("sluice: the server was asked, but ", stderr);
    show_text(stderr, why);
    fputs("\n", stderr);
    json_object_put(answer);
    return NULL;
}

/* ---- The commands --------------------------------------------------------------------------- */

int remote_status(const struct cli *cli)
{
    struct text text = {0}, out = {0};
    struct json_object *answer = ask(cli, "status", STATUS_MS, &text);
    enum cli_status status = answer != NULL ? CLI_DONE : CLI_FAILED;

    if (answer != NULL && cli->json) {
        fwrite(text.data, 1, text.size, stdout);
    } else if (answer != NULL) {
        show_status(answer, &out);
        show_text(stdout, out.failed ? "sluice: no memory\n" : out.data);
    }
    json_object_put(answer);
    text_free(&text);
    text_free(&out);
    return status;
}

/* A message begins with the file as the server knows it; whoever reads it here knows it by the name
 * that was given here. */
static void print_message(const struct cli *cli, const char *message, const char *servers_name)
{
    size_t size = servers_name != NULL ? strlen(servers_name) : 0;

    if (size > 0 && strncmp(message, servers_name, size) == 0 && message[size] == ':') {
        fputs(cli->file, stderr);
        message += size;
    }
    show_text(stderr, message);
}

static void print_messages(const struct cli *cli, struct json_object *answer)
{
    struct json_object *messages = member(answer, "messages");
    const char *file = json_object_get_string(member(answer, "file"));
    size_t count =
        json_object_is_type(messages, json_type_array) ? json_object_array_length(messages) : 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *text = member(json_object_array_get_idx(messages, i), "text");

        if (text != NULL)
            print_message(cli, json_object_get_string(text), file);
    }
}

int remote_reload(const struct cli *cli)
{
    struct text text = {0};
    struct json_object *answer = ask(cli, "reload", FOR_EVER, &text);
    bool done = answer != NULL && json_object_get_boolean(member(answer, "done"));
    const char *words = answer != NULL ? json_object_get_string(member(answer, "text")) : NULL;

    if (answer != NULL && cli->json) {
        fwrite(text.data, 1, text.size, stdout);
    } else if (answer != NULL) {
        print_messages(cli, answer);
        show_text(done ? stdout : stderr, words != NULL ? words : "");
    }
    json_object_put(answer);
    text_free(&text);
    return done ? CLI_DONE : CLI_FAILED;
}
