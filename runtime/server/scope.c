/*
 * server/scope: who is connecting: what a consumer may ask about its client's request.
 *
 * One block holds all that is kept: the struct, its params, and behind them the bytes: strings,
 * each with a zero byte, that offsets point to. A string that is not among them is read out of the
 * head when first asked for, and then kept in a list. Only what the head has is kept there, so the
 * head bounds the list, whatever a consumer asks for.
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
    uint32_t name, text; /* offsets */
    uint32_t size;       /* of text, which may hold zero bytes */
    enum pattern_kind kind;
};

enum place { IN_QUERY, IN_HEADER, IN_COOKIE };

struct answer {
    SLIST_ENTRY(answer) link;
    enum place place;
    const char *value; /* behind name, in the same block */
    char name[];
};

struct scope {
    SLIST_HEAD(, answer) answers;
    struct json_object *asgi; /* NULL: never asked for */
    uint32_t head_size, path_size;
    uint32_t path, peer, local; /* offsets; the head has 0 */
    uint32_t param_count;
    bool secure;
    struct param params[];
};

static char *bytes_of(const struct scope *scope)
{
    return (char *)&scope->params[scope->param_count];
}

static const char *string_at(const struct scope *scope, uint32_t offset)
{
    return offset != NOWHERE ? bytes_of(scope) + offset : NULL;
}

/* ---- What is kept ---- */

/* The head's bytes, from the method on. The fields end before the empty line. */
static struct slice head_of(const struct http_request *request)
{
    const char *end = request->fields.data + request->fields.size + strlen("\r\n");

    return (struct slice){request->method.data, (size_t)(end - request->method.data)};
}

static uint32_t keep(struct scope *scope, uint32_t *end, struct slice text)
{
    uint32_t offset = *end;

    if (text.data == NULL)
        return NOWHERE;
    memcpy(bytes_of(scope) + offset, text.data, text.size);
    bytes_of(scope)[offset + text.size] = '\0';
    *end += (uint32_t)text.size + 1;
    return offset;
}

static void keep_param(struct scope *scope, uint32_t *end, struct param *param,
                       const struct pattern *pattern, unsigned index, struct slice text)
{
    param->name = keep(scope, end, slice_of(pattern_capture_name(pattern, index)));
    param->text = keep(scope, end, text);
    param->size = (uint32_t)text.size;
    param->kind = pattern_capture_kind(pattern, index);
}

struct scope *scope_new(const struct http_request *request, struct slice path,
                        const struct pattern *pattern, const struct pattern_capture *captures,
                        const char *peer, const char *local, bool secure)
{
    struct slice head = head_of(request), far = slice_of(peer), near = slice_of(local);
    unsigned count = pattern_capture_count(pattern);
    size_t size = head.size + path.size + far.size + near.size + 4;
    uint32_t end = 0;

    for (unsigned i = 0; i < count; i++)
        size += strlen(pattern_capture_name(pattern, i)) + captures[i].text.size + 2;
    if (size > INT_MAX) /* json-c's lengths are ints */
        return NULL;

    struct scope *scope = mem_alloc(sizeof *scope + count * sizeof(struct param) + size);
    if (scope == NULL)
        return NULL;
    *scope = (struct scope){.head_size = (uint32_t)head.size,
                            .path_size = (uint32_t)path.size,
                            .param_count = count,
                            .secure = secure};
    keep(scope, &end, head);
    scope->path = keep(scope, &end, path);
    scope->peer = keep(scope, &end, far);
    scope->local = keep(scope, &end, near);
    for (unsigned i = 0; i < count; i++)
        keep_param(scope, &end, &scope->params[i], pattern, i, captures[i].text);
    return scope;
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
    json_object_put(scope->asgi);
    mem_free(scope);
}

bool scope_request(const struct scope *scope, struct http_request *request)
{
    /* It was within the limits that held when it came. */
    const struct http_limits none = {SIZE_MAX, SIZE_MAX, UINT_MAX};
    struct http_scan scan = {0};

    return http_parse(bytes_of(scope), scope->head_size, &none, &scan, request) == HTTP_DONE;
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
    for (unsigned i = 0; i < scope->param_count; i++)
        if (strcmp(string_at(scope, scope->params[i].name), name) == 0)
            return &scope->params[i];
    return NULL;
}

const char *scope_param(const struct scope *scope, const char *name)
{
    const struct param *param = find_param(scope, name);

    if (param == NULL)
        return NULL;

    const char *text = string_at(scope, param->text);
    return strlen(text) == param->size ? text : NULL;
}

/* Can't overflow: a number that is no long long does not match <int:name>. */
static long long number_of(const struct scope *scope, const struct param *param)
{
    return strtoll(string_at(scope, param->text), NULL, 10);
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
    return json_object_new_string_len(string_at(scope, param->text), (int)param->size);
}

static struct json_object *kwargs_new(const struct scope *scope)
{
    struct json_object *kwargs = json_object_new_object();
    bool ok = kwargs != NULL;

    for (unsigned i = 0; ok && i < scope->param_count; i++) {
        const struct param *param = &scope->params[i];

        ok = asgi_put(kwargs, string_at(scope, param->name), param_new(scope, param));
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
        .path = {string_at(scope, scope->path), scope->path_size},
        .peer = string_at(scope, scope->peer),
        .local = string_at(scope, scope->local),
        .secure = scope->secure,
    };

    if (scope->asgi != NULL || !scope_request(scope, &request))
        return scope->asgi;
    source.kwargs = kwargs_new(scope);
    if (source.kwargs != NULL)
        scope->asgi = asgi_scope_new(&source);
    json_object_put(source.kwargs);
    return scope->asgi;
}
