/*
 * Tests of plugin/handler: an event's type reaches the handler that was declared for it, and
 * nothing else.
 */
#include <check.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_stub.h"
#include "base/log.h"
#include "base/mem.h"
#include "plugin/handler.h"
#include "plugin_fixture.h"
#include "suite.h"

static enum handler_result find(struct generation *generation, struct slice type)
{
    const struct sluice_handler *handler = NULL;
    enum handler_result result = handler_find(generation, type, &handler);

    ck_assert((result == HANDLER_FOUND) == (handler != NULL));
    return result;
}

/* What the handler for this type says when it runs. */
static const char *answer(struct generation *generation, const char *type)
{
    static sluice_conn ws;
    const struct sluice_handler *handler;

    ck_assert_int_eq(handler_find(generation, slice_of(type), &handler), HANDLER_FOUND);
    ws.said[0] = '\0';
    handler->run(&ws, NULL);
    return ws.said;
}

START_TEST(a_dot_reads_as_an_underscore)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("handlers"));

    ck_assert_str_eq(answer(generation, "chat.message"), "text chat_message; ");
    ck_assert_str_eq(answer(generation, "chat_message"), "text chat_message; ");
    ck_assert_str_eq(answer(generation, "a."), "text a_; ");
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

/* The type of a case, or NULL where it has none that is text. */
static const char *type_of(struct json_object *one)
{
    struct json_object *message, *pairs, *value;

    json_object_object_get_ex(one, "message", &message);
    pairs = json_object_array_get_idx(message, 1);
    if (json_object_array_length(pairs) == 0)
        return NULL;
    value = json_object_array_get_idx(json_object_array_get_idx(pairs, 0), 1);
    if (strcmp(json_object_get_string(json_object_array_get_idx(value, 0)), "str") != 0)
        return NULL;
    return json_object_get_string(json_object_array_get_idx(value, 1));
}

static void check_case(struct generation *generation, struct json_object *one)
{
    const char *type = type_of(one), *handler;
    struct json_object *value;
    char expected[256];

    if (type == NULL)
        return;
    if (!json_object_object_get_ex(one, "handler", &value)) {
        ck_assert_int_eq(find(generation, slice_of(type)), HANDLER_BAD_TYPE);
        return;
    }
    handler = json_object_get_string(value);
    if (strspn(handler, "abcdefghijklmnopqrstuvwxyz_") != strlen(handler) || handler[0] == '\0') {
        ck_assert_int_eq(find(generation, slice_of(type)), HANDLER_BAD_TYPE); /* no C name */
        return;
    }
    snprintf(expected, sizeof(expected), "text %s; ", handler);
    ck_assert_str_eq(answer(generation, type), expected);
}

START_TEST(types_reach_the_handlers_that_channels_names)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("handlers"));
    const char *directory = getenv("srcdir");
    char path[4096];
    struct json_object *cases;

    snprintf(path, sizeof(path), "%s/tests/vectors/handler_names.json",
             directory != NULL ? directory : ".");
    struct json_object *file = json_object_from_file(path);
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert(json_object_object_get_ex(file, "cases", &cases));
    ck_assert_uint_gt(json_object_array_length(cases), 20);
    for (size_t i = 0; i < json_object_array_length(cases); i++)
        check_case(generation, json_object_array_get_idx(cases, i));
    json_object_put(file);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

/* Functions of libc, of the program, of the consumer; its record; parts of what is declared. */
static const char *const undeclared[] = {
    "system",
    "abort",
    "exit",
    "dlopen",
    "main",
    "run",
    "websocket.disconnect",
    "websocket_disconnect",
    "connect",
    "receive",
    "disconnect",
    "on_receive",
    "sluice.consumer",
    "sluice_consumer",
    "sluice.send",
    "sluice_handler_ping",
    "sluice.run.ping",
    "handler_ping",
    "pin",
    "pingp",
    "ping_",
    "ping.",
    "Ping",
    "PING",
    "0",
};

START_TEST(nothing_but_declared_handlers_is_found)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("system_handler"));

    for (size_t i = 0; i < sizeof(undeclared) / sizeof(*undeclared); i++)
        ck_assert_msg(find(generation, slice_of(undeclared[i])) == HANDLER_NONE, "%s",
                      undeclared[i]);
    ck_assert_str_eq(answer(generation, "ping"), "text pong; ");
    ck_assert_str_eq(trace_left(), "");
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

static const struct slice bad_types[] = {
    {"", 0},         {"_ping", 5},         {".ping", 5}, {"__class__", 9}, {".", 1},
    {"ping ", 5},    {" ping", 5},         {"pi-ng", 5}, {"ping\0", 5},    {"ping\0ping", 9},
    {"pi\nng", 5},   {"p\xc3\xadng", 5},   {"ping;", 5}, {"ping@v", 6},    {"p/ng", 4},
    {"ping\x7f", 5}, {"$ORIGIN.ping", 12}, {"\xff", 1},  {"%s%n", 4},      {"ping\xe2\x80\x8b", 7},
};

START_TEST(types_that_no_handler_can_have)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("system_handler"));

    for (size_t i = 0; i < sizeof(bad_types) / sizeof(*bad_types); i++)
        ck_assert_msg(find(generation, bad_types[i]) == HANDLER_BAD_TYPE, "%.*s",
                      (int)bad_types[i].size, bad_types[i].data);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(long_types)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("system_handler"));
    size_t size = 1 << 20;
    char *type = mem_alloc(size);

    memset(type, 'a', size);
    ck_assert_int_eq(find(generation, (struct slice){type, HANDLER_NAME_MAX}), HANDLER_NONE);
    ck_assert_int_eq(find(generation, (struct slice){type, HANDLER_NAME_MAX + 1}),
                     HANDLER_BAD_TYPE);
    ck_assert_int_eq(find(generation, (struct slice){type, size}), HANDLER_BAD_TYPE);
    mem_free(type);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(types_of_the_runtime_are_reserved)
{
    static const char *const reserved[] = {"sluice.x", "layer.x", "sluice_x",
                                           "layer_x",  "sluice.", "layer_"};
    static const char *const open[] = {"sluice", "layer", "layers.x", "sluicex", "", "my.layer.x"};

    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        ck_assert_msg(handler_type_reserved(slice_of(reserved[i])), "%s", reserved[i]);
    for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
        ck_assert_msg(!handler_type_reserved(slice_of(open[i])), "%s", open[i]);
}
END_TEST

START_TEST(records_say_what_was_declared)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("good"));
    const struct sluice_handler *all, *one;

    ck_assert_int_eq(handler_find(generation, SLICE("good.all"), &all), HANDLER_FOUND);
    ck_assert_int_eq(handler_find(generation, SLICE("good.one"), &one), HANDLER_FOUND);
    ck_assert(all->broadcast && !one->broadcast);
    ck_assert_str_eq(all->name, "good_all");
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_consumer_without_handlers)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("minimal"));

    ck_assert_int_eq(find(generation, SLICE("chat.message")), HANDLER_NONE);
    ck_assert_int_eq(find(generation, SLICE("_chat")), HANDLER_BAD_TYPE);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(handlers_in_cxx_and_of_the_older_symbol_table)
{
    struct plugin_cache *cache = open_cache();
    struct generation *cxx = open_good(cache, built_plugin("cxx"));
    struct generation *sysv = open_good(cache, built_plugin("origin"));

    ck_assert_str_eq(answer(cxx, "cxx.shout"), "text SHOUT; ");
    ck_assert_str_eq(answer(cxx, "cxx.all"), "text all; ");
    ck_assert_str_eq(answer(sysv, "origin.ping"), "text pong; ");
    generation_unref(cxx);
    generation_unref(sysv);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(handlers_of_a_library_are_not_the_consumers)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("borrower"));

    ck_assert_uint_eq(generation_consumer(generation)->state_size, 42);
    ck_assert_str_eq(answer(generation, "borrower.ping"), "text pong; ");
    ck_assert_int_eq(find(generation, SLICE("lent")), HANDLER_NONE);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

/* mem_alloc and log_fields of this program are the runtime's; the consumer has its own. */
START_TEST(a_consumer_calls_its_own_functions)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("helper_name"));

    ck_assert_str_eq(answer(generation, "helper"),
                     "text own log_fields; text own conn_close; text own mem_alloc; ");
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_handler_that_no_type_can_spell_is_logged)
{
    struct plugin_cache *cache = open_cache();
    char line[512] = "";
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    log_set_output(ends[1]);
    struct generation *generation = open_good(cache, built_plugin("unreachable_handler"));
    ck_assert_int_gt(read(ends[0], line, sizeof(line) - 1), 0);
    log_set_output(STDERR_FILENO);
    ck_assert_ptr_nonnull(strstr(line, " warn handler.unreachable consumer=unreachable_handler.so "
                                       "handler=_private reason="));
    ck_assert_int_eq(find(generation, SLICE("_private")), HANDLER_BAD_TYPE);
    ck_assert_str_eq(trace_left(), "");
    close(ends[0]);
    close(ends[1]);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

static void *open_slowly(void *cache)
{
    return open_good(cache, built_plugin("slow_constructor"));
}

/* The loader holds its lock while a constructor runs, and dlsym would wait for it. */
START_TEST(no_lookup_waits_while_another_object_is_loaded)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("handlers"));
    int ends[2];
    char number[16];
    pthread_t thread;
    void *slow;

    ck_assert_int_eq(pipe(ends), 0);
    snprintf(number, sizeof(number), "%d", ends[0]);
    setenv("PLUGIN_WAIT", number, 1);
    pthread_create(&thread, NULL, open_slowly, cache);
    while (copies_left() < 2)
        usleep(1000);
    usleep(20 * 1000);
    ck_assert_str_eq(answer(generation, "chat.message"), "text chat_message; ");
    ck_assert_int_eq(find(generation, SLICE("system")), HANDLER_NONE);
    ck_assert_int_eq(write(ends[1], "", 1), 1);
    pthread_join(thread, &slow);
    close(ends[0]);
    close(ends[1]);
    generation_unref(slow);
    generation_unref(generation);
    plugin_cache_close(cache);
}
END_TEST

static void *look_up(void *argument)
{
    struct generation *generation = argument;
    const struct sluice_handler *handler;

    for (unsigned i = 0; i < 2000; i++) {
        enum handler_result result =
            handler_find(generation, i % 2 == 0 ? SLICE("a..b") : SLICE("abort"), &handler);

        if (result != (i % 2 == 0 ? HANDLER_FOUND : HANDLER_NONE))
            return argument;
    }
    return NULL;
}

START_TEST(lookups_from_many_threads)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("handlers"));
    pthread_t threads[4];
    void *wrong;

    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, look_up, generation);
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin: handlers");
    TCase *tcase = tcase_create("handlers");

    tcase_add_checked_fixture(tcase, fixture_set_up, fixture_tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_dot_reads_as_an_underscore);
    tcase_add_test(tcase, types_reach_the_handlers_that_channels_names);
    tcase_add_test(tcase, nothing_but_declared_handlers_is_found);
    tcase_add_test(tcase, types_that_no_handler_can_have);
    tcase_add_test(tcase, long_types);
    tcase_add_test(tcase, types_of_the_runtime_are_reserved);
    tcase_add_test(tcase, records_say_what_was_declared);
    tcase_add_test(tcase, a_consumer_without_handlers);
    tcase_add_test(tcase, handlers_in_cxx_and_of_the_older_symbol_table);
    tcase_add_test(tcase, handlers_of_a_library_are_not_the_consumers);
    tcase_add_test(tcase, a_consumer_calls_its_own_functions);
    tcase_add_test(tcase, a_handler_that_no_type_can_spell_is_logged);
    tcase_add_test(tcase, no_lookup_waits_while_another_object_is_loaded);
    tcase_add_test(tcase, lookups_from_many_threads);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
