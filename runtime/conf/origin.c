/*
 * conf/origin: may a page from this origin connect?
 *
 * Origins and entries are read by the same function, as Python's urlsplit reads them, since that is
 * what Channels compares; what it would raise at, or take for another thing, is refused.
 */
#include "conf/origin.h"

#include <string.h>

#include "base/mem.h"

#define PORT_NONE (-1) /* none is given, and the scheme has no default */
#define PORT_MAX  65535

/* Slices of the text that was read. */
struct parts {
    struct slice scheme; /* data NULL: none */
    struct slice user;   /* data NULL: none */
    struct slice host;   /* without brackets */
    struct slice rest;   /* path and query */
    int port;
    bool port_given;
};

struct entry {
    struct entry *next;
    struct slice scheme; /* size 0: any, and any port */
    struct slice host;
    bool below; /* of hosts that end in ".host" too */
    int port;
    char text[]; /* what the slices are of: the entry as it was written */
};

/* Owned by whoever made it; immutable once it is in a config. */
struct origins {
    struct entry *entries;
    bool any, same, deny_missing;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int standard_port(struct slice scheme)
{
    if (slice_equal_nocase(scheme, SLICE("http")) || slice_equal_nocase(scheme, SLICE("ws")))
        return 80;
    if (slice_equal_nocase(scheme, SLICE("https")) || slice_equal_nocase(scheme, SLICE("wss")))
        return 443;
    return PORT_NONE;
}

static bool is_scheme(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_letter(text.data[i]) &&
            (i == 0 || (!is_digit(text.data[i]) && memchr("+-.", text.data[i], 3) == NULL)))
            return false;
    return text.size > 0;
}

/* The bytes up to one of `stops`, taken off the text. */
static struct slice cut(struct slice *text, const char *stops)
{
    struct slice head = {text->data, 0};

    while (head.size < text->size && memchr(stops, text->data[head.size], strlen(stops)) == NULL)
        head.size++;
    text->data += head.size;
    text->size -= head.size;
    return head;
}

/* Everything that is not ASCII passes: hosts are only compared. */
static bool is_host(struct slice host, bool brackets)
{
    const char *others = brackets ? ":." : "-._";

    for (size_t i = 0; i < host.size; i++)
        if (!is_letter(host.data[i]) && !is_digit(host.data[i]) && (host.data[i] & 0x80) == 0 &&
            memchr(others, host.data[i], strlen(others)) == NULL)
            return false;
    return host.size > 0;
}

static bool read_port(struct slice text, int *port)
{
    *port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]) || *port > PORT_MAX)
            return false;
        *port = 10 * *port + (text.data[i] - '0');
    }
    return text.size > 0 && *port <= PORT_MAX;
}

/* host, host:port, [v6] or [v6]:port. */
static bool read_host(struct slice text, struct parts *parts)
{
    bool brackets = slice_take_byte(&text, '[');

    if (brackets) {
        parts->host = cut(&text, "]");
        if (!slice_take_byte(&text, ']'))
            return false;
    } else {
        parts->host = cut(&text, ":");
    }
    if (!is_host(parts->host, brackets))
        return false;
    parts->port_given = text.size > 0;
    if (text.size == 0)
        return true;
    return slice_take_byte(&text, ':') && read_port(text, &parts->port);
}

/* [scheme:]//[user@]host[:port][/path] */
static bool read_origin(struct slice text, struct parts *parts)
{
    struct slice before = cut(&text, ":/?#"), authority;
    const char *at;

    *parts = (struct parts){.port = PORT_NONE};
    if (text.size > 0 && text.data[0] == ':' && is_scheme(before)) {
        parts->scheme = before;
        text.data++;
        text.size--;
    } else if (before.size > 0) {
        return false;
    }
    if (text.size < 2 || memcmp(text.data, "//", 2) != 0)
        return false;
    text.data += 2;
    text.size -= 2;
    authority = cut(&text, "/?#");
    parts->rest = text;
    at = authority.size > 0 ? memrchr(authority.data, '@', authority.size) : NULL;
    if (at != NULL) {
        parts->user = (struct slice){authority.data, (size_t)(at - authority.data)};
        authority.size -= parts->user.size + 1;
        authority.data = at + 1;
    }
    if (!read_host(authority, parts))
        return false;
    if (!parts->port_given)
        parts->port = standard_port(parts->scheme);
    return true;
}

struct origins *origins_new(void)
{
    return mem_zalloc(sizeof(struct origins));
}

void origins_free(struct origins *origins)
{
    if (origins == NULL)
        return;
    while (origins->entries != NULL) {
        struct entry *entry = origins->entries;

        origins->entries = entry->next;
        mem_free(entry);
    }
    mem_free(origins);
}

void origins_deny_missing(struct origins *origins)
{
    origins->deny_missing = true;
}

/* A slice of `text` as the same slice of its copy. */
static struct slice moved(struct slice part, struct slice text, char *copy)
{
    if (part.size == 0)
        return (struct slice){copy, 0};
    return (struct slice){copy + (part.data - text.data), part.size};
}

static bool add_entry(struct origins *origins, struct slice text, const struct parts *parts)
{
    struct entry *entry = mem_alloc(sizeof *entry + text.size + 1);

    if (entry == NULL)
        return false;
    memcpy(entry->text, text.data, text.size);
    entry->text[text.size] = '\0';
    entry->scheme = moved(parts->scheme, text, entry->text);
    entry->host = moved(parts->host, text, entry->text);
    entry->port = parts->port;
    entry->below = entry->host.data[0] == '.';
    if (entry->below) {
        entry->host.data++;
        entry->host.size--;
    }
    entry->next = origins->entries;
    origins->entries = entry;
    return true;
}

/* What is wrong with an entry that could be read; NULL: nothing. */
static const char *fault_of(const struct parts *parts)
{
    for (size_t i = 0; i < parts->host.size; i++)
        if ((parts->host.data[i] & 0x80) != 0)
            return "browsers send such a name in its ASCII form: write that, xn--...";
    if (parts->user.data != NULL || parts->rest.size > 0)
        return "an origin has no user and no path: https://chat.example.org";
    if (parts->port_given && parts->scheme.size == 0)
        return "a port needs a scheme before it: https://example.org:8000";
    if (parts->host.size == 1 && parts->host.data[0] == '.')
        return "a host's name must follow the \".\"";
    return NULL;
}

bool origins_add(struct origins *origins, struct slice entry, const char **why)
{
    struct parts parts = {.port = PORT_NONE};
    bool url = memmem(entry.data, entry.size, "//", 2) != NULL;

    *why = NULL;
    if (slice_equal(entry, SLICE("*")))
        return origins->any = true;
    if (slice_equal(entry, SLICE("same")))
        return origins->same = true;
    if (slice_equal_nocase(entry, SLICE("null")))
        *why = "any page can make its Origin \"null\", so it can't be allowed alone; * allows all";
    else if (memchr(entry.data, '*', entry.size) != NULL)
        *why = "a host with all below it is written .example.org, or https://.example.org";
    else if (url && (entry.data[0] == '/'))
        *why = "write the host alone, or a scheme before it: https://example.org";
    else if (!(url ? read_origin(entry, &parts) : read_host(entry, &parts)))
        *why = "write same, *, example.org, .example.org or https://example.org:8000";
    else
        *why = fault_of(&parts);
    return *why == NULL && add_entry(origins, entry, &parts);
}

static bool host_matches(const struct entry *entry, struct slice host)
{
    size_t size = entry->host.size;

    if (slice_equal_nocase(host, entry->host))
        return true;
    return entry->below && host.size > size && host.data[host.size - size - 1] == '.' &&
           slice_equal_nocase((struct slice){host.data + host.size - size, size}, entry->host);
}

static bool entry_matches(const struct entry *entry, const struct parts *origin)
{
    if (!host_matches(entry, origin->host))
        return false;
    return entry->scheme.size == 0 ||
           (slice_equal_nocase(entry->scheme, origin->scheme) && entry->port == origin->port);
}

/* Browsers open no plain ws: from a page that came by https:. So where such a page meets a server
 * without TLS, a proxy in front has undone it, and its port is the one that the page means. */
static bool is_same(const struct parts *origin, struct slice host, bool secure)
{
    bool https = slice_equal_nocase(origin->scheme, SLICE("https"));
    struct parts asked = {.port = PORT_NONE};

    if (!https && (secure || !slice_equal_nocase(origin->scheme, SLICE("http"))))
        return false;
    if (host.size == 0 || !read_host(host, &asked))
        return false;
    if (!asked.port_given)
        asked.port = https ? 443 : 80;
    return slice_equal_nocase(origin->host, asked.host) && origin->port == asked.port;
}

static const struct origins same_alone = {.same = true};

bool origins_allow(const struct origins *origins, struct slice origin, struct slice host,
                   bool secure)
{
    struct parts parts;

    if (origins == NULL)
        origins = &same_alone;
    if (origins->any)
        return true;
    if (origin.data == NULL)
        return !origins->deny_missing;
    if (!read_origin(slice_trim(origin), &parts))
        return false;
    for (const struct entry *entry = origins->entries; entry != NULL; entry = entry->next)
        if (entry_matches(entry, &parts))
            return true;
    return origins->same && is_same(&parts, host, secure);
}

/* The last one that was added is the first of the list. */
static void write_entries(const struct entry *entry, struct text *out)
{
    if (entry == NULL)
        return;
    write_entries(entry->next, out);
    text_addf(out, " %s", entry->text);
}

static bool can_be_entry(struct slice text)
{
    struct origins *trial = origins_new();
    const char *why;
    bool can = trial != NULL && origins_add(trial, text, &why);

    origins_free(trial);
    return can;
}

void origins_mend(const struct origins *origins, struct slice origin, struct text *out)
{
    struct slice text = slice_trim(origin);

    if (origins == NULL)
        origins = &same_alone;
    text_add_str(out, "origins");
    if (origin.data != NULL && !can_be_entry(text)) {
        text_add_str(out, " *");
        return;
    }
    if (origins->same)
        text_add_str(out, " same");
    write_entries(origins->entries, out);
    if (origin.data == NULL)
        return;
    text_addf(out, " %.*s", (int)text.size, text.data);
    if (origins->deny_missing)
        text_add_str(out, " missing=deny");
}
