/*
 * server/scope: who is connecting: what a consumer may ask about its client's request.
 *
 * One block holds all that is kept: the struct, behind it what the pattern captured, and behind
 * that the bytes of the strings, each with a zero byte, that offsets point to. A string that is not
 * among them is read out of the head when first asked for, and then kept in a list. Only what the
 * head has is kept there, so the head bounds the list, whatever a consumer asks for.
 */
#include "server/scope.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <json-c/json.h>

#include "base/mem.h"
#include "server/asgi.h"
#include "wire/uri.h"

#define NOWHERE UINT32_MAX /* the offset of a string that there is not */

struct param {
    uint32_t name, text; /* offsets from the beginning of what was captured */
    uint32_t size;       /* of text, which may hold zero bytes */
    enum pattern_kind kind;
};

/* The bytes of the strings follow. The scope as ASGI has it holds params too, so it is kept here:
 * whoever was given one keeps it, when another pattern counts. */
struct captured {
    struct captured *next;
    struct json_object *asgi; /* NULL: never asked for */
    uint32_t size;            /* with the bytes */
    uint32_t param_count;
    struct param params[];
};

enum place { IN_QUERY, IN_HEADER, IN_COOKIE };

struct answer {
    SLIST_ENTRY(answer) link;
    enum place place;
    const char *value; /* behind name, in the same block */
    char name[];
};

/* Apart, since most connections are nobody's. */
struct identity {
    struct json_object *session, *user; /* references */
};

struct scope {
    SLIST_HEAD(, answer) answers;
    struct identity *identity;  /* NULL: nobody is logged in */
    struct captured *captured;  /* all there are; the first is what counts */
    uint32_t path, peer, local; /* offsets from the beginning of the scope; the head stands... */
    uint32_t head_size;         /* ...before the path */
    uint32_t path_size;
    bool secure;
};

/* The first one follows the scope, and is aligned as that is. */
static struct captured *first_of(struct scope *scope)
{
    return (struct captured *)(scope + 1);
}

static const char *string_at(const struct scope *scope, uint32_t offset)
{
    return offset != NOWHERE ? (const char *)scope + offset : NULL;
}

static const char *text_at(const struct captured *captured, uint32_t offset)
{
    return (const char *)captured + offset;
}

/* ---- What is kept ---- */

/* The head's bytes, from the method on. The fields end before the empty line. */
static struct slice head_of(const struct http_request *request)
{
    const char *end = request->fields.data + request->fields.size + strlen("\r\n");

    return (struct slice){request->method.data, (size_t)(end - request->method.data)};
}

/* Puts it `*end` bytes behind the base, and gives that offset. */
static uint32_t keep(void *base, uint32_t *end, struct slice text)
{
    char *copy = (char *)base + *end;
    uint32_t offset = *end;

    if (text.data == NULL)
        return NOWHERE;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *end += (uint32_t)text.size + 1;
    return offset;
}

static size_t captured_size(const struct pattern *pattern, const struct pattern_capture *captures)
{
    unsigned count = pattern_capture_count(pattern);
    size_t size = sizeof(struct captured) + count * sizeof(struct param);

    for (unsigned i = 0; i < count; i++)
        size += strlen(pattern_capture_name(pattern, i)) + captures[i].text.size + 2;
    return size;
}

static void captured_fill(struct captured *captured, size_t size, const struct pattern *pattern,
                          const struct pattern_capture *captures)
{
    unsigned count = pattern_capture_count(pattern);
    uint32_t end = (uint32_t)(sizeof *captured + count * sizeof(struct param));

    *captured = (struct captured){.size = (uint32_t)size, .param_count = count};
    for (unsigned i = 0; i < count; i++) {
        struct slice text = captures[i].text;

        captured->params[i] = (struct param){
            .name = keep(captured, &end, slice_of(pattern_capture_name(pattern, i))),
            .text = keep(captured, &end, text),
            .size = (uint32_t)text.size,
            .kind = pattern_capture_kind(pattern, i),
        };
    }
}

struct scope *scope_new(const struct http_request *request, struct slice path,
                        const struct pattern *pattern, const struct pattern_capture *captures,
                        const char *peer, const char *local, bool secure)
{
    struct slice head = head_of(request), far = slice_of(peer), near = slice_of(local);
    size_t first = captured_size(pattern, captures);
    size_t size = sizeof(struct scope) + first + head.size + path.size + far.size + near.size + 4;
    uint32_t end = (uint32_t)(sizeof(struct scope) + first);

    if (size > INT_MAX) /* json-c's lengths are ints */
        return NULL;

    struct scope *scope = mem_alloc(size);
    if (scope == NULL)
        return NULL;
    *scope = (struct scope){
        .head_size = (uint32_t)head.size, .path_size = (uint32_t)path.size, .secure = secure};
    scope->captured = first_of(scope);
    captured_fill(scope->captured, first, pattern, captures);
    keep(scope, &end, head);
    scope->path = keep(scope, &end, path);
    scope->peer = keep(scope, &end, far);
    scope->local = keep(scope, &end, near);
    return scope;
}

/* ---- Another pattern ---- */

const struct captured *scope_captured(const struct scope *scope)
{
    return scope->captured;
}

static bool captured_equal(const struct captured *a, const struct captured *b)
{
    return a->size == b->size && a->param_count == b->param_count &&
           memcmp(a->params, b->params, a->size - sizeof *a) == 0;
}

/* One that there is already is used again, so that patterns that come and go don't add up. */
const struct captured *scope_capture(struct scope *scope, const struct pattern *pattern,
                                     const struct pattern_capture *captures)
{
    size_t size = captured_size(pattern, captures);
    struct captured *made = size <= INT_MAX ? mem_zalloc(size) : NULL;

    if (made == NULL)
        return NULL;
    captured_fill(made, size, pattern, captures);
    struct captured **known = &scope->captured;
    for (; *known != NULL; known = &(*known)->next) {
        if (captured_equal(*known, made)) {
            mem_free(made);
            return *known;
        }
    }
    *known = made;
    return made;
}

void scope_use(struct scope *scope, const struct captured *captured)
{
    struct captured **place = &scope->captured;

    while (*place != captured)
        place = &(*place)->next;
    struct captured *found = *place;
    *place = found->next;
    found->next = scope->captured;
    scope->captured = found;
}

static void captured_free_all(struct scope *scope)
{
    while (scope->captured != NULL) {
        struct captured *captured = scope->captured;

        scope->captured = captured->next;
        json_object_put(captured->asgi);
        if (captured != first_of(scope))
            mem_free(captured);
    }
}

void scope_free(struct scope *scope)
{
    struct answer *answer;

    if (scope == NULL)
        return;
    while ((answer = SLIST_FIRST(&scope->answers)) != NULL) {
        SLIST_REMOVE_HEAD(&scope->answers, link);
        mem_free(answer);
    }
    captured_free_all(scope);
    if (scope->identity != NULL) {
        json_object_put(scope->identity->session);
        json_object_put(scope->identity->user);
        mem_free(scope->identity);
    }
    mem_free(scope);
}

bool scope_identify(struct scope *scope, struct json_object *session, struct json_object *user)
{
    if (session == NULL && user == NULL)
        return true;
    scope->identity = mem_alloc(sizeof *scope->identity);
    if (scope->identity == NULL)
        return false;
    *scope->identity = (struct identity){json_object_get(session), json_object_get(user)};
    return true;
}

struct json_object *scope_session(const struct scope *scope)
{
    return scope->identity != NULL ? scope->identity->session : NULL;
}

struct json_object *scope_user(const struct scope *scope)
{
    return scope->identity != NULL ? scope->identity->user : NULL;
}

bool scope_request(const struct scope *scope, struct http_request *request)
{
    /* It was within the limits that held when it came. */
    const struct http_limits none = {SIZE_MAX, SIZE_MAX, UINT_MAX};
    struct http_scan scan = {0};

    const char *head = string_at(scope, scope->path - scope->head_size - 1);

    return http_parse(head, scope->head_size, &none, &scan, request) == HTTP_DONE;
}

struct slice scope_whole_path(const struct scope *scope)
{
    return (struct slice){string_at(scope, scope->path), scope->path_size};
}

const char *scope_path(const struct scope *scope)
{
    const char *path = string_at(scope, scope->path);

    return strlen(path) == scope->path_size ? path : NULL;
}

const char *scope_peer(const struct scope *scope)
{
    return string_at(scope, scope->peer);
}

static const struct param *find_param(const struct scope *scope, const char *name)
{
    const struct captured *captured = scope->captured;

    for (unsigned i = 0; i < captured->param_count; i++)
        if (strcmp(text_at(captured, captured->params[i].name), name) == 0)
            return &captured->params[i];
    return NULL;
}

const char *scope_param(const struct scope *scope, const char *name)
{
    const struct param *param = find_param(scope, name);

    if (param == NULL)
        return NULL;

    const char *text = text_at(scope->captured, param->text);
    return strlen(text) == param->size ? text : NULL;
}

/* Can't overflow: a number that is no long long does not match <int:name>. */
static long long number_of(const struct scope *scope, const struct param *param)
{
    return strtoll(text_at(scope->captured, param->text), NULL, 10);
}

long long scope_param_int(const struct scope *scope, const char *name)
{
    const struct param *param = find_param(scope, name);

    return param != NULL && param->kind == PATTERN_INT ? number_of(scope, param) : 0;
}

/* ---- What is read when asked for ---- */

static bool find_query(const struct http_request *request, struct slice name, struct text *out)
{
    return uri_query_value(request->query, name, out);
}

static bool find_header(const struct http_request *request, struct slice name, struct text *out)
{
    struct slice rest = request->fields;
    struct http_field field;
    bool found = false;

    while (http_next_field(&rest, &field)) {
        if (!slice_equal_nocase(field.name, name))
            continue;
        if (found)
            text_add_str(out, ", ");
        text_add(out, field.value.data, field.value.size);
        found = true;
    }
    return found;
}

static bool find_cookie(const struct http_request *request, struct slice name, struct text *out)
{
    struct slice cookies = asgi_cookies(request);

    return cookies.data != NULL && uri_cookie_value(cookies, name, out);
}

/* Header names are the same in any case. */
static bool is_answer(const struct answer *answer, enum place place, struct slice name)
{
    struct slice kept = slice_of(answer->name);

    if (answer->place != place)
        return false;
    return place == IN_HEADER ? slice_equal_nocase(kept, name) : slice_equal(kept, name);
}

static const char *remember(struct scope *scope, enum place place, struct slice name,
                            struct slice value)
{
    struct answer *answer = mem_alloc(sizeof *answer + name.size + value.size + 2);

    if (answer == NULL)
        return NULL;
    char *copy = answer->name + name.size + 1;
    memcpy(answer->name, name.data, name.size + 1); /* with its zero byte */
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    copy[value.size] = '\0';
    answer->place = place;
    answer->value = copy;
    SLIST_INSERT_HEAD(&scope->answers, answer, link);
    return answer->value;
}

static bool find(const struct scope *scope, enum place place, struct slice name, struct text *out)
{
    struct http_request request;

    if (!scope_request(scope, &request))
        return false;
    switch (place) {
    case IN_QUERY:
        return find_query(&request, name, out);
    case IN_HEADER:
        return find_header(&request, name, out);
    case IN_COOKIE:
        return find_cookie(&request, name, out);
    }
    return false;
}

static const char *ask(struct scope *scope, enum place place, const char *string)
{
    struct slice name = slice_of(string);
    struct text out = {0};
    struct answer *answer;
    const char *value = NULL;

    SLIST_FOREACH(answer, &scope->answers, link)
    if (is_answer(answer, place, name))
        return answer->value;
    if (find(scope, place, name, &out) && !out.failed &&
        (out.size == 0 || memchr(out.data, '\0', out.size) == NULL))
        value = remember(scope, place, name, (struct slice){out.data, out.size});
    text_free(&out);
    return value;
}

const char *scope_query(struct scope *scope, const char *name)
{
    return ask(scope, IN_QUERY, name);
}

const char *scope_header(struct scope *scope, const char *name)
{
    return ask(scope, IN_HEADER, name);
}

const char *scope_cookie(struct scope *scope, const char *name)
{
    return ask(scope, IN_COOKIE, name);
}

/* ---- The whole, as ASGI has it ---- */

static struct json_object *param_new(const struct scope *scope, const struct param *param)
{
    if (param->kind == PATTERN_INT)
        return json_object_new_int64(number_of(scope, param));
    return json_object_new_string_len(text_at(scope->captured, param->text), (int)param->size);
}

static struct json_object *kwargs_new(const struct scope *scope)
{
    struct json_object *kwargs = json_object_new_object();
    const struct captured *captured = scope->captured;
    bool ok = kwargs != NULL;

    for (unsigned i = 0; ok && i < captured->param_count; i++) {
        const struct param *param = &captured->params[i];

        ok = asgi_put(kwargs, text_at(captured, param->name), param_new(scope, param));
    }
    if (ok)
        return kwargs;
    json_object_put(kwargs);
    return NULL;
}

struct json_object *scope_asgi(struct scope *scope)
{
    struct http_request request;
    struct asgi_source source = {
        .request = &request,
        .path = scope_whole_path(scope),
        .peer = string_at(scope, scope->peer),
        .local = string_at(scope, scope->local),
        .secure = scope->secure,
        .session = scope_session(scope),
        .user = scope_user(scope),
    };

    struct json_object **asgi = &scope->captured->asgi;

    if (*asgi != NULL || !scope_request(scope, &request))
        return *asgi;
    source.kwargs = kwargs_new(scope);
    if (source.kwargs != NULL)
        *asgi = asgi_scope_new(&source);
    json_object_put(source.kwargs);
    return *asgi;
}
