/*
 * conf/listen: the addresses to serve on, and where the control socket is.
 *
 * Addresses are numbers: a name would have to be looked up at start, and might mean another machine
 * tomorrow. What can't be bound for its spelling is refused here, with its place.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "conf/parser.h"

#define UNIX_PREFIX   SLICE("unix:")
#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define HINT_MAX      200

/* Host and port of an address: what stands before and behind the last colon. */
struct parts {
    struct slice host, port;
    bool brackets; /* they stood around the host */
};

static struct parts split(struct slice address)
{
    size_t colon = address.size;

    while (colon > 0 && address.data[colon - 1] != ':' && address.data[colon - 1] != ']')
        colon--;
    if (colon == 0 || address.data[colon - 1] == ']')
        return (struct parts){.host = address};

    struct parts parts = {
        {address.data, colon - 1}, {address.data + colon, address.size - colon}, .brackets = false};
    if (parts.host.size >= 2 && parts.host.data[0] == '[' &&
        parts.host.data[parts.host.size - 1] == ']') {
        parts.host.data++;
        parts.host.size -= 2;
        parts.brackets = true;
    }
    return parts;
}

static bool read_port(struct slice text, uint16_t *port)
{
    unsigned number = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || number > UINT16_MAX)
            return false;
        number = 10 * number + (unsigned)(text.data[i] - '0');
    }
    *port = (uint16_t)number;
    return text.size > 0 && number <= UINT16_MAX;
}

static bool is_address(int family, const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(family, host, bytes) == 1;
}

static void report_host(struct parser *parser, struct place place, const char *host)
{
    const char *hint = "write an IP address; 127.0.0.1 is this machine, * every address";

    if (strcmp(host, "localhost") == 0)
        hint = "did you mean 127.0.0.1?";
    else if (is_address(AF_INET6, host))
        hint = "an IPv6 address stands in brackets, as in [::1]:8000";
    else if (is_address(AF_INET, host))
        hint = "an IPv4 address stands without brackets";
    else if (*host == '\0')
        hint = "every address is written *, as in *:8000";
    parser_error(parser, place, hint, "\"%s\" is no IP address", host);
}

static void report_no_port(struct parser *parser, const struct word *word, struct parts parts)
{
    char hint[HINT_MAX] = "write ADDRESS:PORT, as in 127.0.0.1:8000";
    uint16_t port;

    if (read_port(parts.host, &port))
        snprintf(hint, sizeof hint, "did you mean \"127.0.0.1:%u\", or \"*:%u\" for every address?",
                 port, port);
    parser_error(parser, word->place, hint, "\"%.*s\" has no port", (int)word->text.size,
                 word->text.data);
}

static void read_tcp(struct parser *parser, const struct word *word, struct listen_config *listen)
{
    struct parts parts = split(word->text);
    const char *host = parser_copy(parser, parts.host);

    if (host == NULL)
        return;
    listen->host = host;
    if (parts.port.data == NULL)
        report_no_port(parser, word, parts);
    else if (strcmp(host, "*") != 0 && !is_address(parts.brackets ? AF_INET6 : AF_INET, host))
        report_host(parser, word_part(word, 0, (size_t)(parts.port.data - word->text.data) - 1),
                    host);
    else if (!read_port(parts.port, &listen->port))
        parser_error(parser,
                     word_part(word, (size_t)(parts.port.data - word->text.data), parts.port.size),
                     NULL, "a port must be 0 to 65535, but is \"%.*s\"", (int)parts.port.size,
                     parts.port.data);
}

/* A Unix socket's path. NULL, and it is reported. */
static const char *read_path(struct parser *parser, struct place place, const char *path)
{
    const char *joined = parser_join(parser, parser->directory, path);

    if (joined == NULL || strlen(joined) <= UNIX_PATH_MAX)
        return joined;
    parser_error(parser, place, "choose one nearer to the root",
                 "a socket's path has at most %zu bytes, but this one has %zu", UNIX_PATH_MAX,
                 strlen(joined));
    return NULL;
}

static void read_unix(struct parser *parser, const struct word *word, struct listen_config *listen)
{
    const char *path = listen->address + UNIX_PREFIX.size;

    if (*path == '\0')
        parser_error(parser, word->place, NULL, "a path must follow \"unix:\"");
    else
        listen->unix_path = read_path(parser, word->place, path);
}

/* A port of 0 is another one each time. */
static bool is_same(const struct listen_config *a, const struct listen_config *b)
{
    unsigned char x[sizeof(struct in6_addr)] = {0}, y[sizeof(struct in6_addr)] = {0};
    int family;

    if (a->unix_path != NULL || b->unix_path != NULL)
        return a->unix_path != NULL && b->unix_path != NULL &&
               strcmp(a->unix_path, b->unix_path) == 0;
    if (a->port != b->port || a->port == 0)
        return false;
    if (strcmp(a->host, b->host) == 0)
        return true;
    family = strchr(a->host, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(family, a->host, x) == 1 && inet_pton(family, b->host, y) == 1 &&
           memcmp(x, y, sizeof x) == 0;
}

static void check_first(struct parser *parser, const struct listen_config *listen)
{
    char hint[HINT_MAX];

    for (unsigned i = 0; i < parser->config->listen_count; i++) {
        const struct listen_config *other = &parser->config->listens[i];

        if (!is_same(other, listen))
            continue;
        snprintf(hint, sizeof hint, "the first is on line %u", parser_line(parser, other->place));
        parser_error(parser, listen->place, hint, "\"%s\" is listened to twice", listen->address);
        return;
    }
}

static void add(struct parser *parser, const struct listen_config *listen)
{
    struct config *config = parser->config;
    struct listen_config *listens =
        parser_grow(parser, config->listens, config->listen_count, sizeof *listens);

    if (listens == NULL)
        return;
    config->listens = listens;
    listens[config->listen_count++] = *listen;
}

void listen_apply(struct parser *parser, const struct line *line)
{
    const struct word *word = &line->words[0];
    struct listen_config listen = {.place = word->place,
                                   .address = parser_copy(parser, word->text)};
    unsigned errors = parser->diag->errors;
    bool local = word->text.size >= UNIX_PREFIX.size &&
                 memcmp(word->text.data, UNIX_PREFIX.data, UNIX_PREFIX.size) == 0;

    if (listen.address == NULL)
        return;
    settings_standard(line->directive->settings, &listen);
    line_store(line, &listen);
    if (local)
        read_unix(parser, word, &listen);
    else
        read_tcp(parser, word, &listen);
    if (!local && line_given(line, "mode") != NULL)
        parser_error(parser, line_given(line, "mode")->place, NULL,
                     "\"mode\" is for unix: sockets");
    if (parser->diag->errors > errors)
        return;
    check_first(parser, &listen);
    add(parser, &listen);
}

void listen_apply_control(struct parser *parser, const struct line *line)
{
    const struct word *word = &line->words[0];
    struct config *config = parser->config;
    const char *path = parser_copy(parser, word->text);

    config->control_place = word->place;
    config->control_off = !word->quoted && slice_equal(word->text, SLICE("off"));
    if (path == NULL || config->control_off)
        return;
    if (*path == '\0')
        parser_error(parser, word->place, NULL, "a socket's path can't be empty");
    else
        config->control = read_path(parser, word->place, path);
}

void listen_standard(struct parser *parser)
{
    const struct directive *directive = directive_find(SLICE("listen"));
    struct word word = {.text = slice_of(directive->standard)};
    struct listen_config listen = {.address = directive->standard};

    settings_standard(directive->settings, &listen);
    read_tcp(parser, &word, &listen);
    add(parser, &listen);
}
