/*
 * Tests of server/scope and server/asgi: what a consumer is told about its client.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/mem.h"
#include "base/value.h"
#include "server/asgi.h"
#include "server/scope.h"
#include "wire/uri.h"
#include "suite.h"

static struct scope *scope;
static long live_before;

/* A scope of the head, for the pattern. The head and all else it was made of are gone then. */
static struct scope *scope_of(const char *head, size_t size, const char *route, const char *peer,
                              const char *local)
{
    const struct http_limits limits = {100000, 100000, 100};
    struct http_scan scan = {0};
    struct http_request request;
    struct pattern_fault fault;
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = pattern_compile(slice_of(route), &fault);
    struct text path = {0};
    char *copy = mem_strndup(head, size);

    ck_assert_msg(pattern != NULL, "%s", route);
    ck_assert_int_eq(http_parse(copy, size, &limits, &scan, &request), HTTP_DONE);
    ck_assert(uri_decode_path(request.path, &path));
    struct slice decoded = {path.data, path.size};
    ck_assert(pattern_match(pattern, decoded, NULL, captures));
    struct scope *made = scope_new(&request, decoded, pattern, captures, peer, local, false);
    memset(copy, '#', size);
    mem_free(copy);
    text_free(&path);
    pattern_free(pattern);
    return made;
}

#define HEAD(target, lines) "GET " target " HTTP/1.1\r\nHost: chat.example\r\n" lines "\r\n"

static void make(const char *head, const char *route)
{
    scope_free(scope);
    scope = scope_of(head, strlen(head), route, "203.0.113.9:51234", "127.0.0.1:8000");
    ck_assert_ptr_nonnull(scope);
}

static void setup(void)
{
    live_before = mem_live();
}

static void teardown(void)
{
    scope_free(scope);
    scope = NULL;
    ck_assert_int_eq(mem_live(), live_before);
}

START_TEST(path_and_peer)
{
    make(HEAD("/ws/gr%C3%BC%C3%9F/?room=x", ""), "/ws/<str:name>/");
    ck_assert_str_eq(scope_path(scope), "/ws/gr\xc3\xbc\xc3\x9f/");
    ck_assert_str_eq(scope_peer(scope), "203.0.113.9:51234");
    ck_assert_str_eq(scope_param(scope, "name"), "gr\xc3\xbc\xc3\x9f");
}
END_TEST

START_TEST(params)
{
    make(HEAD("/ws/lobby/0042/a-b_c/x/y/z", ""), "/ws/<str:room>/<int:id>/<slug:seat>/<path:rest>");
    ck_assert_str_eq(scope_param(scope, "room"), "lobby");
    ck_assert_str_eq(scope_param(scope, "id"), "0042");
    ck_assert_str_eq(scope_param(scope, "seat"), "a-b_c");
    ck_assert_str_eq(scope_param(scope, "rest"), "x/y/z");
    ck_assert_ptr_null(scope_param(scope, "roo"));
    ck_assert_ptr_null(scope_param(scope, ""));
    ck_assert_int_eq(scope_param_int(scope, "id"), 42);
    ck_assert_int_eq(scope_param_int(scope, "room"), 0);
    ck_assert_int_eq(scope_param_int(scope, "none"), 0);
    make(HEAD("/9223372036854775807/12", ""), "/<int:most>/<str:text>");
    ck_assert_int_eq(scope_param_int(scope, "most"), 9223372036854775807ll);
    ck_assert_int_eq(scope_param_int(scope, "text"), 0); /* digits, but no <int:> */
}
END_TEST

START_TEST(zero_bytes_are_nothing)
{
    make(HEAD("/ws/a%00b/c/?q=x%00y&r=z", "Cookie: c=\"a\\000b\"\r\n"), "/ws/<str:one>/<str:two>/");
    ck_assert_ptr_null(scope_path(scope));
    ck_assert_ptr_null(scope_param(scope, "one"));
    ck_assert_str_eq(scope_param(scope, "two"), "c");
    ck_assert_ptr_null(scope_query(scope, "q"));
    ck_assert_str_eq(scope_query(scope, "r"), "z");
    ck_assert_ptr_null(scope_cookie(scope, "c"));
}
END_TEST

START_TEST(queries)
{
    make(HEAD("/ws/?a=1&b=two+words&c=%2Fx%26y&a=2&d&e=&%66=6", ""), "/ws/");
    ck_assert_str_eq(scope_query(scope, "a"), "2");
    ck_assert_str_eq(scope_query(scope, "b"), "two words");
    ck_assert_str_eq(scope_query(scope, "c"), "/x&y");
    ck_assert_str_eq(scope_query(scope, "d"), "");
    ck_assert_str_eq(scope_query(scope, "e"), "");
    ck_assert_str_eq(scope_query(scope, "f"), "6");
    ck_assert_ptr_null(scope_query(scope, "A"));
    ck_assert_ptr_null(scope_query(scope, "g"));
    make(HEAD("/ws/", ""), "/ws/");
    ck_assert_ptr_null(scope_query(scope, "a"));
    make(HEAD("/ws/?", ""), "/ws/");
    ck_assert_ptr_null(scope_query(scope, "a"));
}
END_TEST

START_TEST(headers)
{
    make(HEAD("/ws/", "User-Agent:  some browser \r\nX-One: 1\r\nEmpty:\r\nx-ONE: 2\r\n"
                      "X-One:\r\nX-One: 3\r\nX_Two: under\r\n"),
         "/ws/");
    ck_assert_str_eq(scope_header(scope, "user-agent"), "some browser");
    ck_assert_str_eq(scope_header(scope, "USER-AGENT"), "some browser");
    ck_assert_str_eq(scope_header(scope, "X-One"), "1, 2, , 3");
    ck_assert_str_eq(scope_header(scope, "Empty"), "");
    ck_assert_str_eq(scope_header(scope, "host"), "chat.example");
    ck_assert_ptr_null(scope_header(scope, "X-Two"));
    ck_assert_ptr_null(scope_header(scope, "Absent"));
    ck_assert_ptr_null(scope_header(scope, ""));
}
END_TEST

START_TEST(cookies)
{
    make(HEAD("/ws/", "Cookie: sessionid=abc; theme=\"dark\\\"er\"; a=1; a=2\r\n"
                      "Cookie: late=1\r\n"),
         "/ws/");
    ck_assert_str_eq(scope_cookie(scope, "sessionid"), "abc");
    ck_assert_str_eq(scope_cookie(scope, "theme"), "dark\"er");
    ck_assert_str_eq(scope_cookie(scope, "a"), "2");
    ck_assert_ptr_null(scope_cookie(scope, "SESSIONID"));
    ck_assert_ptr_null(scope_cookie(scope, "late")); /* the first field alone counts */
    make(HEAD("/ws/", ""), "/ws/");
    ck_assert_ptr_null(scope_cookie(scope, "sessionid"));
}
END_TEST

/* The same words can be asked for in three places. */
START_TEST(places_are_kept_apart)
{
    make(HEAD("/ws/query/?token=query", "Token: header\r\nCookie: token=cookie\r\n"),
         "/ws/<str:token>/");
    for (int round = 0; round < 2; round++) {
        ck_assert_str_eq(scope_query(scope, "token"), "query");
        ck_assert_str_eq(scope_header(scope, "token"), "header");
        ck_assert_str_eq(scope_cookie(scope, "token"), "cookie");
        ck_assert_ptr_null(scope_query(scope, "Token"));
        ck_assert_str_eq(scope_header(scope, "Token"), "header");
    }
}
END_TEST

START_TEST(strings_stay_and_are_made_once)
{
    make(HEAD("/ws/?a=1", "X-One: 1\r\nCookie: c=3\r\n"), "/ws/");
    const char *query = scope_query(scope, "a"), *header = scope_header(scope, "x-one");
    const char *cookie = scope_cookie(scope, "c");
    long live = mem_live();

    for (int i = 0; i < 1000; i++) {
        char name[20];

        snprintf(name, sizeof name, "none%d", i);
        ck_assert_ptr_null(scope_query(scope, name));
        ck_assert_ptr_null(scope_header(scope, name));
        ck_assert_ptr_null(scope_cookie(scope, name));
        ck_assert_ptr_eq(scope_query(scope, "a"), query);
        ck_assert_ptr_eq(scope_header(scope, i % 2 ? "X-ONE" : "x-one"), header);
        ck_assert_ptr_eq(scope_cookie(scope, "c"), cookie);
    }
    ck_assert_int_eq(mem_live(), live);
    ck_assert_str_eq(query, "1");
    ck_assert_str_eq(header, "1");
    ck_assert_str_eq(cookie, "3");
}
END_TEST

START_TEST(nobody_and_nowhere)
{
    const char *head = HEAD("/ws/", "");

    scope = scope_of(head, strlen(head), "/ws/", NULL, NULL);
    ck_assert_ptr_null(scope_peer(scope));
    struct json_object *asgi = scope_asgi(scope);
    struct json_object *value = asgi;
    ck_assert(json_object_object_get_ex(asgi, "client", &value));
    ck_assert_ptr_null(value);
    ck_assert(json_object_object_get_ex(asgi, "server", &value));
    ck_assert_ptr_null(value);
}
END_TEST

START_TEST(the_request_can_be_read_again)
{
    struct http_request request;

    make("\r\n" HEAD("/ws/?x=1", "Upgrade: websocket\r\nConnection: Upgrade\r\n"), "/ws/");
    ck_assert(scope_request(scope, &request));
    ck_assert(slice_equal(request.method, SLICE("GET")));
    ck_assert(slice_equal(request.path, SLICE("/ws/")));
    ck_assert(slice_equal(request.query, SLICE("x=1")));
    ck_assert(slice_equal(request.host, SLICE("chat.example")));
    ck_assert(request.upgrade);
    make("GET http://other.example/ws/ HTTP/1.1\r\nHost: other.example\r\n\r\n", "/ws/");
    ck_assert(scope_request(scope, &request));
    ck_assert(slice_equal(request.host, SLICE("other.example")));
    make("GET /ws/ HTTP/1.0\r\n\r\n", "/ws/"); /* not one field */
    ck_assert(scope_request(scope, &request));
    ck_assert_uint_eq(request.minor, 0);
    ck_assert_uint_eq(request.fields.size, 0);
    ck_assert_ptr_null(scope_header(scope, "host"));
}
END_TEST

/* A browser's handshake, about as long as goals have it. */
START_TEST(a_connection_costs_little)
{
    const char *head = HEAD("/ws/chat/lobby/", "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                               "Sec-WebSocket-Version: 13\r\n"
                                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                               "Origin: http://chat.example\r\n");
    long before = mem_live();

    ck_assert_uint_ge(strlen(head), 190);
    ck_assert_uint_le(strlen(head), 210);
    make(head, "/ws/chat/<str:room>/");
    ck_assert_int_eq(mem_live() - before, 1);
    ck_assert_uint_lt(malloc_usable_size(scope), 350);
}
END_TEST

static struct pattern *pattern_of(const char *route)
{
    struct pattern_fault fault;
    struct pattern *pattern = pattern_compile(slice_of(route), &fault);

    ck_assert_ptr_nonnull(pattern);
    return pattern;
}

/* What another pattern captures of the path, where the nth allocation fails. */
static const struct captured *capture_without(const char *route, unsigned long nth)
{
    struct pattern_capture captures[PATTERN_CAPTURES_MAX];
    struct pattern *pattern = pattern_of(route);
    const struct captured *captured;

    ck_assert(pattern_match(pattern, scope_whole_path(scope), NULL, captures));
    mem_fail_at(nth);
    captured = scope_capture(scope, pattern, captures);
    mem_fail_at(0);
    pattern_free(pattern);
    return captured;
}

static const struct captured *capture(const char *route)
{
    return capture_without(route, 0);
}

START_TEST(another_pattern_captures_anew)
{
    const struct captured *first, *second;
    const char *room;
    struct json_object *asgi;
    long live;

    make(HEAD("/ws/7/lobby/", ""), "/ws/<int:id>/<str:room>/");
    room = scope_param(scope, "room");
    asgi = scope_asgi(scope);
    first = scope_captured(scope);
    second = capture("/ws/<str:number>/<str:name>/");
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_eq(scope_param(scope, "room"), room); /* not yet */
    ck_assert_ptr_null(scope_param(scope, "name"));

    scope_use(scope, second);
    ck_assert_ptr_eq(scope_captured(scope), second);
    ck_assert_ptr_null(scope_param(scope, "room"));
    ck_assert_str_eq(scope_param(scope, "name"), "lobby");
    ck_assert_int_eq(scope_param_int(scope, "id"), 0);
    ck_assert_ptr_ne(scope_asgi(scope), asgi);
    ck_assert_str_eq(room, "lobby"); /* what was handed out is still there */
    ck_assert_ptr_nonnull(strstr(json_object_to_json_string(asgi), "room"));
    ck_assert_ptr_nonnull(strstr(json_object_to_json_string(scope_asgi(scope)), "number"));

    live = mem_live();
    for (int i = 0; i < 10; i++) { /* patterns that come again cost nothing more */
        scope_use(scope, capture("/ws/<int:id>/<str:room>/"));
        ck_assert_ptr_eq(scope_captured(scope), first);
        ck_assert_ptr_eq(scope_asgi(scope), asgi);
        scope_use(scope, capture("/ws/<str:number>/<str:name>/"));
        ck_assert_ptr_eq(scope_captured(scope), second);
    }
    ck_assert_int_eq(mem_live(), live);
    scope_use(scope, first);
    ck_assert_ptr_eq(scope_param(scope, "room"), room);
    ck_assert_int_eq(scope_param_int(scope, "id"), 7);
    ck_assert_ptr_null(capture_without("/ws/<str:a>/<str:b>/", 1));
}
END_TEST

START_TEST(without_memory_there_is_nothing)
{
    struct http_request request;
    struct pattern_fault fault;
    const char *head = HEAD("/ws/?a=1", "");
    struct pattern *pattern = pattern_compile(SLICE("/ws/"), &fault);
    const struct http_limits limits = {1000, 1000, 100};
    struct http_scan scan = {0};

    ck_assert_int_eq(http_parse(head, strlen(head), &limits, &scan, &request), HTTP_DONE);
    mem_fail_at(1);
    ck_assert_ptr_null(scope_new(&request, SLICE("/ws/"), pattern, NULL, NULL, NULL, false));
    mem_fail_at(0);
    pattern_free(pattern);

    make(head, "/ws/");
    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth);
        ck_assert_ptr_null(scope_query(scope, "a"));
        mem_fail_at(0);
    }
    ck_assert_str_eq(scope_query(scope, "a"), "1");
}
END_TEST

/* ---- ASGI ---- */

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value;

    ck_assert_msg(json_object_object_get_ex(object, key, &value), "no %s", key);
    return value;
}

static void assert_string(struct json_object *value, const char *expected)
{
    ck_assert(json_object_is_type(value, json_type_string));
    ck_assert(!value_is_bytes(value));
    ck_assert_str_eq(json_object_get_string(value), expected);
}

static void assert_json(struct json_object *value, const char *expected)
{
    ck_assert_str_eq(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), expected);
}

START_TEST(asgi_has_all_keys)
{
    make(HEAD("/ws/%C3%BC/7/?q=%20", "Sec-WebSocket-Protocol: chat.v2, chat.v1\r\n"
                                     "Sec-WebSocket-Protocol: ,x\r\n"),
         "/ws/<str:room>/<int:n>/");
    struct json_object *asgi = scope_asgi(scope);

    assert_string(member(asgi, "type"), "websocket");
    assert_json(member(asgi, "asgi"), "{\"version\":\"3.0\",\"spec_version\":\"2.5\"}");
    assert_string(member(asgi, "http_version"), "1.1");
    assert_string(member(asgi, "scheme"), "ws");
    assert_string(member(asgi, "path"), "/ws/\xc3\xbc/7/");
    assert_string(member(asgi, "raw_path"), "/ws/%C3%BC/7/");
    assert_string(member(asgi, "query_string"), "q=%20");
    assert_string(member(asgi, "root_path"), "");
    assert_string(member(asgi, "path_remaining"), "");
    assert_json(member(asgi, "client"), "[\"203.0.113.9\",51234]");
    assert_json(member(asgi, "server"), "[\"127.0.0.1\",8000]");
    assert_json(member(asgi, "subprotocols"), "[\"chat.v2\",\"chat.v1\",\"x\"]");
    assert_json(member(asgi, "extensions"), "{\"websocket.http.response\":{}}");
    assert_json(member(member(asgi, "url_route"), "args"), "[]");
    assert_json(member(member(member(asgi, "url_route"), "kwargs"), "n"), "7");
    assert_string(member(member(member(asgi, "url_route"), "kwargs"), "room"), "\xc3\xbc");
    assert_json(member(asgi, "cookies"), "{}");
    ck_assert_ptr_null(member(asgi, "session"));
    ck_assert_ptr_null(member(asgi, "user"));
    ck_assert_int_eq(json_object_object_length(asgi), 18);
}
END_TEST

START_TEST(asgi_is_made_once)
{
    make(HEAD("/ws/", ""), "/ws/");
    ck_assert_ptr_nonnull(scope_asgi(scope));
    ck_assert_ptr_eq(scope_asgi(scope), scope_asgi(scope));
    assert_string(member(scope_asgi(scope), "query_string"), "");
    assert_json(member(scope_asgi(scope), "subprotocols"), "[]");
}
END_TEST

START_TEST(asgi_headers)
{
    make(HEAD("/ws/", "X-One: 1\r\nX_One: forged\r\nx-one: \xff\r\nEmpty:\r\n"), "/ws/");
    static const char *const expected[][2] = {
        {"host", "chat.example"}, {"x-one", "1"}, {"x-one", "\xc3\xbf"}, {"empty", ""}};
    struct json_object *pairs = member(scope_asgi(scope), "headers");

    ck_assert_uint_eq(json_object_array_length(pairs), 4);
    for (size_t i = 0; i < 4; i++) {
        struct json_object *pair = json_object_array_get_idx(pairs, i);

        ck_assert_uint_eq(json_object_array_length(pair), 2);
        assert_string(json_object_array_get_idx(pair, 0), expected[i][0]);
        assert_string(json_object_array_get_idx(pair, 1), expected[i][1]);
    }
}
END_TEST

START_TEST(asgi_cookies_are_latin1)
{
    make(HEAD("/ws/", "Cookie: a=1; b=\"x\\\"y\"; a=2; caf\xe9=\xfc; lone; e=\"\\000\"\r\n"),
         "/ws/");
    struct json_object *cookies_map = member(scope_asgi(scope), "cookies");

    assert_string(member(cookies_map, "a"), "2");
    assert_string(member(cookies_map, "b"), "x\"y");
    assert_string(member(cookies_map, "caf\xc3\xa9"), "\xc3\xbc");
    assert_string(member(cookies_map, ""), "lone");
    ck_assert_int_eq(json_object_get_string_len(member(cookies_map, "e")), 1);
    ck_assert_int_eq(json_object_object_length(cookies_map), 5);
}
END_TEST

static const struct {
    const char *peer, *local, *client, *server;
} addresses[] = {
    {"[2001:db8::1]:51234", "[::1]:8000", "[\"2001:db8::1\",51234]", "[\"::1\",8000]"},
    {"unix", "/run/sluice.sock", "null", "[\"\\/run\\/sluice.sock\",null]"},
    {"unix", "run/a:1", "null", "[\"run\\/a:1\",null]"},
    {"unix", "", "null", "null"},
};

START_TEST(asgi_addresses)
{
    const char *head = HEAD("/ws/", "");

    scope = scope_of(head, strlen(head), "/ws/", addresses[_i].peer, addresses[_i].local);
    ck_assert_str_eq(scope_peer(scope), addresses[_i].peer);
    assert_json(member(scope_asgi(scope), "client"), addresses[_i].client);
    assert_json(member(scope_asgi(scope), "server"), addresses[_i].server);
}
END_TEST

START_TEST(identity_is_told)
{
    struct json_object *session = json_object_new_string("s"), *user = json_object_new_object();

    make(HEAD("/ws/", ""), "/ws/");
    ck_assert_ptr_null(scope_session(scope));
    ck_assert_ptr_null(scope_user(scope));
    ck_assert(scope_identify(scope, NULL, NULL));
    ck_assert_ptr_null(scope_user(scope));
    ck_assert(scope_identify(scope, session, user));
    ck_assert_ptr_eq(scope_session(scope), session);
    ck_assert_ptr_eq(scope_user(scope), user);
    ck_assert_ptr_eq(member(scope_asgi(scope), "session"), session);
    ck_assert_ptr_eq(member(scope_asgi(scope), "user"), user);
    json_object_put(session);
    json_object_put(user);
    assert_json(member(scope_asgi(scope), "user"), "{}");
}
END_TEST

START_TEST(asgi_over_tls)
{
    struct http_request request;
    struct asgi_source source = {.request = &request, .path = SLICE("/"), .secure = true};

    make(HEAD("/", ""), "/");
    ck_assert(scope_request(scope, &request));
    source.kwargs = json_object_new_object();
    struct json_object *asgi = asgi_scope_new(&source);
    assert_string(member(asgi, "scheme"), "wss");
    json_object_put(asgi);
    json_object_put(source.kwargs);
}
END_TEST

START_TEST(asgi_keeps_zero_bytes)
{
    make(HEAD("/ws/a%00b/", ""), "/ws/<str:room>/");
    struct json_object *asgi = scope_asgi(scope);

    ck_assert_int_eq(json_object_get_string_len(member(asgi, "path")), 8);
    ck_assert_mem_eq(json_object_get_string(member(asgi, "path")), "/ws/a\0b/", 9);
    struct json_object *room = member(member(member(asgi, "url_route"), "kwargs"), "room");
    ck_assert_int_eq(json_object_get_string_len(room), 3);
}
END_TEST

START_TEST(asgi_without_memory_is_nothing)
{
    struct json_object *asgi = NULL;

    make(HEAD("/ws/", "X-One: 1\r\nCookie: a=b\r\n"), "/ws/");
    for (unsigned long nth = 1; asgi == NULL; nth++) {
        ck_assert_uint_lt(nth, 20);
        mem_fail_at(nth);
        asgi = scope_asgi(scope);
        mem_fail_at(0);
        ck_assert(asgi == NULL || nth > 5); /* four names or values, and more */
    }
    assert_string(member(member(asgi, "cookies"), "a"), "b");
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_scope(Suite *suite)
{
    TCase *tcase = add_case(suite, "scope");

    tcase_add_test(tcase, path_and_peer);
    tcase_add_test(tcase, params);
    tcase_add_test(tcase, zero_bytes_are_nothing);
    tcase_add_test(tcase, queries);
    tcase_add_test(tcase, headers);
    tcase_add_test(tcase, cookies);
    tcase_add_test(tcase, places_are_kept_apart);
    tcase_add_test(tcase, strings_stay_and_are_made_once);
    tcase_add_test(tcase, nobody_and_nowhere);
    tcase_add_test(tcase, the_request_can_be_read_again);
    tcase_add_test(tcase, a_connection_costs_little);
    tcase_add_test(tcase, another_pattern_captures_anew);
    tcase_add_test(tcase, without_memory_there_is_nothing);
}

static void add_asgi(Suite *suite)
{
    TCase *tcase = add_case(suite, "asgi");

    tcase_add_test(tcase, asgi_has_all_keys);
    tcase_add_test(tcase, asgi_is_made_once);
    tcase_add_test(tcase, asgi_headers);
    tcase_add_test(tcase, asgi_cookies_are_latin1);
    tcase_add_loop_test(tcase, asgi_addresses, 0, sizeof addresses / sizeof *addresses);
    tcase_add_test(tcase, identity_is_told);
    tcase_add_test(tcase, asgi_over_tls);
    tcase_add_test(tcase, asgi_keeps_zero_bytes);
    tcase_add_test(tcase, asgi_without_memory_is_nothing);
}

int main(void)
{
    Suite *suite = suite_create("server_scope");

    add_scope(suite);
    add_asgi(suite);
    return suite_run(suite);
}
