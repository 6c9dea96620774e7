/*
 * Tests of plugin/consumer: generations: what is loaded, what is refused and why, and how it ends.
 */
#include <check.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_stub.h"
#include "base/mem.h"
#include "plugin/handler.h"
#include "plugin_fixture.h"
#include "suite.h"

static void run_handler(struct generation *generation, const char *type, sluice_conn *ws)
{
    const struct sluice_handler *handler;

    ck_assert_int_eq(handler_find(generation, slice_of(type), &handler), HANDLER_FOUND);
    handler->run(ws, NULL);
}

/* ---- Loading ------------------------------------------------------------- */

START_TEST(a_consumer_is_loaded_from_a_copy_and_leaves)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("good"));
    const struct sluice_consumer *consumer = generation_consumer(generation);
    char path[4096];
    Dl_info where;

    ck_assert_str_eq(generation_name(generation), "good.so");
    ck_assert_uint_eq(generation_number(generation), 1);
    ck_assert_uint_eq(consumer->abi, SLUICE_ABI);
    ck_assert_uint_eq(consumer->state_version, 1);
    ck_assert(consumer->connect != NULL && consumer->load == NULL && !consumer->blocking);
    ck_assert_uint_eq(generation_count(cache), 1);

    ck_assert_int_lt(snprintf(path, sizeof(path), "%s/good.1.so", copies_path()), sizeof(path));
    ck_assert(is_there(path));
    ck_assert_int_ne(dladdr((void *)(uintptr_t)consumer->connect, &where), 0);
    ck_assert_str_eq(where.dli_fname, path); /* what backtraces and debuggers name */

    generation_unref(generation);
    ck_assert_uint_eq(generation_count(cache), 1);
    ck_assert(is_there(path));
    ck_assert_uint_eq(generation_reap(cache), 1);
    ck_assert_uint_eq(generation_reap(cache), 0);
    ck_assert_uint_eq(generation_count(cache), 0);
    ck_assert_uint_eq(generation_stuck(cache), 0);
    ck_assert(!is_there(path));
    ck_assert_ptr_null(dlopen(path, RTLD_LAZY | RTLD_NOLOAD));
    plugin_cache_close(cache);
    ck_assert_uint_eq(entries_in(in_scratch("cache/sluice")), 0);
}
END_TEST

START_TEST(callbacks_run)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("function_of_api"));
    sluice_message message = {.data = "hi", .size = 2};
    sluice_conn ws = {0};

    generation_consumer(generation)->connect(&ws);
    generation_consumer(generation)->receive(&ws, &message);
    ck_assert_str_eq(ws.said, "accept; send hi; ");
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

/* Every plugin that a server is to serve. */
static const char *const loadable[] = {
    "good",
    "minimal",
    "function_of_api",
    "blocking",
    "cxx",
    "state",
    "lifecycle",
    "send_after_close",
    "send_before_accept",
    "accept_twice",
    "accept_as",
    "job",
    "close_before_accept",
    "deny",
    "never_answers",
    "answers_later",
    "bad_sends",
    "undeclared_handler",
    "bad_group",
    "bad_close",
    "slow_callback",
    "helper_name",
    "system_handler",
    "handlers",
    "load_counts",
    "unload_only",
    "origin",
    "slow_constructor",
    "thread_local",
};

START_TEST(these_load)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin(loadable[_i]));

    ck_assert(generation_load(generation, NULL));
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(the_same_bytes_are_the_same_generation)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("chat.so");
    struct plugin_fault fault;

    copy_file(file, built_plugin("good"));
    struct generation *first = open_good(cache, file);

    copy_file(file, built_plugin("good")); /* newer by its time */
    ck_assert_ptr_eq(generation_open(cache, file, first, &fault), first);
    ck_assert_uint_eq(generation_count(cache), 1);

    copy_file(file, built_plugin("state"));
    struct generation *second = generation_open(cache, file, first, &fault);
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_ne(second, first);
    ck_assert_uint_gt(generation_number(second), generation_number(first));
    ck_assert_uint_eq(generation_count(cache), 2);

    generation_unref(first);
    ck_assert_uint_eq(generation_reap(cache), 0);
    generation_unref(first);
    generation_unref(second);
    ck_assert_uint_eq(generation_reap(cache), 2);
    plugin_cache_close(cache);
}
END_TEST

/* Of one file, loaded twice: each has variables of its own. */
START_TEST(generations_share_nothing)
{
    struct plugin_cache *cache = open_cache();
    struct generation *one = open_good(cache, built_plugin("good"));
    struct generation *two = open_good(cache, built_plugin("good"));

    ck_assert_ptr_ne(one, two);
    ck_assert(generation_consumer(one)->connect != generation_consumer(two)->connect);
    ck_assert_uint_eq(copies_left(), 2);
    generation_unref(one);
    generation_unref(two);
    ck_assert_uint_eq(generation_reap(cache), 2);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(the_file_may_be_overwritten_cut_or_removed)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("chat.so");
    sluice_conn ws = {0}, other = {0};

    copy_file(file, built_plugin("cxx"));
    struct generation *old = open_good(cache, file);

    copy_file(file, built_plugin("handlers")); /* in place, as cp and linkers do */
    run_handler(old, "cxx.shout", &ws);
    struct generation *new = open_good(cache, file);
    run_handler(new, "chat.message", &other);
    ck_assert_int_eq(truncate(file, 100), 0);
    run_handler(old, "cxx.all", &ws);
    ck_assert_int_eq(unlink(file), 0);
    run_handler(old, "cxx.shout", &ws);
    run_handler(new, "a..b", &other);
    ck_assert_str_eq(ws.said, "text SHOUT; text all; text SHOUT; ");
    ck_assert_str_eq(other.said, "text chat_message; text a__b; ");

    generation_unref(old);
    generation_unref(new);
    ck_assert_uint_eq(generation_reap(cache), 2);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(names_that_the_loader_would_expand_are_made_plain)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("$ORIGIN a:b\n.so");

    copy_file(file, built_plugin("good"));
    struct generation *generation = open_good(cache, file);
    ck_assert_str_eq(generation_name(generation), "$ORIGIN a:b\n.so");
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_long_name_is_cut)
{
    struct plugin_cache *cache = open_cache();
    char name[256];

    memset(name, 'n', 250);
    strcpy(name + 250, ".so");
    copy_file(in_scratch(name), built_plugin("good"));
    end_generation(cache, open_good(cache, in_scratch(name)));
    plugin_cache_close(cache);
}
END_TEST

/* ---- Records ------------------------------------------------------------- */

START_TEST(an_older_record_is_padded_with_zeros)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("older_record"));
    struct sluice_consumer expected = {
        .abi = SLUICE_ABI, .size = 24, .connect = sluice_accept, .receive = sluice_send};

    ck_assert_mem_eq(generation_consumer(generation), &expected, sizeof(expected));
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_longer_record_that_asks_for_nothing_more_is_taken)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("longer_record"));

    ck_assert(generation_consumer(generation)->connect == sluice_accept);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

#define REBUILD   "rebuild it against the installed sluice/sluice.h"
#define NO_RECORD "its sluice_consumer is not a consumer's record"
#define ONLY_ONE  "SLUICE_CONSUMER(...) declares it; nothing else may have that name"
#define FORGED    "its sluice_handler_forged is not a handler's record: "
#define DECLARE   "declare it with SLUICE_HANDLER(forged, ws, event) { ... }"

static const struct {
    const char *plugin, *message, *hint;
} refused[] = {
    {"wrong_abi", "built for sluice ABI 2.0, this is 1.0", REBUILD},
    {"newer_minor", "built for sluice ABI 1.1, this is 1.0", REBUILD},
    {"unknown_field", "its record has 112 bytes, in ABI 1.0 it has 104", REBUILD},
    {"borrowed_record", "it declares no consumer", "declare it with SLUICE_CONSUMER(...), once"},
    {"no_record", "it declares no consumer", "declare it with SLUICE_CONSUMER(...), once"},
    {"not_a_record", NO_RECORD, ONLY_ONE},
    {"handler_as_consumer", NO_RECORD, ONLY_ONE},
    {"function_as_consumer", NO_RECORD, ONLY_ONE},
    {"changes_record", NO_RECORD, ONLY_ONE},
    {"missing_symbol", "undefined symbol: sluice_frobnicate",
     "is it misspelt, or built for a newer sluice/sluice.h?"},
    {"missing_library", "undefined symbol: frobnicate",
     "link it with the library that defines frobnicate"},
    {"blocking_broadcast", "it is blocking, and declares SLUICE_BROADCAST(chat_message)",
     "make it a SLUICE_HANDLER, or leave .blocking out"},
    {"forged_name", FORGED "it bears another name", DECLARE},
    {"forged_abi", "built for sluice ABI 7.0, this is 1.0", REBUILD},
    {"forged_null", FORGED "it has no function of its own", DECLARE},
    {"forged_run", FORGED "it has no function of its own", DECLARE},
    {"forged_function", FORGED "it is something else", DECLARE},
};

START_TEST(these_are_refused)
{
    struct plugin_cache *cache = open_cache();

    check_refused(cache, built_plugin(refused[_i].plugin), refused[_i].message, refused[_i].hint);
    ck_assert_str_eq(trace_left(), "");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(consumers_cannot_see_each_other)
{
    struct plugin_cache *cache = open_cache();
    struct generation *has_it = open_good(cache, built_plugin("helper_name"));
    struct plugin_fault fault;

    ck_assert_ptr_null(generation_open(cache, built_plugin("missing_library"), NULL, &fault));
    ck_assert_str_eq(fault.message, "undefined symbol: frobnicate");
    end_generation(cache, has_it);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_refusal_leaves_what_serves_as_it_was)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("chat.so");
    struct plugin_fault fault;
    sluice_conn ws = {0};

    copy_file(file, built_plugin("cxx"));
    struct generation *generation = open_good(cache, file);
    copy_file(file, built_plugin("missing_symbol"));
    ck_assert_ptr_null(generation_open(cache, file, generation, &fault));
    ck_assert_uint_eq(generation_count(cache), 1);
    ck_assert_uint_eq(copies_left(), 1);
    run_handler(generation, "cxx.all", &ws);
    ck_assert_str_eq(ws.said, "text all; ");
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

/* The name of the C library in a built object, put out of joint. */
static void misname_libc(const char *to, const char *from)
{
    struct text bytes = read_file(from);
    char *name = memmem(bytes.data, bytes.size, "\0libc.so.6", 11);

    ck_assert_ptr_nonnull(name);
    memcpy(name + 1, "libz", 4);
    memcpy(name + 5, ".so.0", 5);
    write_file(to, (struct slice){bytes.data, bytes.size});
    text_free(&bytes);
}

START_TEST(a_library_that_is_not_there_is_named)
{
    struct plugin_cache *cache = open_cache();

    misname_libc(in_scratch("state.so"), built_plugin("state"));
    check_refused(cache, in_scratch("state.so"),
                  "it needs libz.so.0: cannot open shared object file: No such file or directory",
                  "install it, or link with -Wl,-rpath,/its/directory");
    misname_libc(in_scratch("origin.so"), built_plugin("origin"));
    check_refused(cache, in_scratch("origin.so"),
                  "it needs libz.so.0: cannot open shared object file: No such file or directory",
                  "it is loaded from a private copy elsewhere, so $ORIGIN does not find its "
                  "libraries: link with -Wl,-rpath,/an/absolute/path");
    plugin_cache_close(cache);
}
END_TEST

/* ---- load and unload ----------------------------------------------------- */

START_TEST(load_and_unload_once_each)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("load_counts"));

    ck_assert_str_eq(trace_left(), "constructor; ");
    ck_assert(generation_load(generation, NULL));
    ck_assert(generation_load(generation, NULL));
    ck_assert_str_eq(trace_left(), "constructor; load NULL; ");
    generation_ref(generation);
    generation_unref(generation);
    generation_unref(generation);
    ck_assert_str_eq(trace_left(), "constructor; load NULL; ");
    generation_reap(cache);
    ck_assert_str_eq(trace_left(), "constructor; load NULL; unload; destructor; ");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(no_unload_where_there_was_no_load)
{
    struct plugin_cache *cache = open_cache();

    end_generation(cache, open_good(cache, built_plugin("load_counts")));
    ck_assert_str_eq(trace_left(), "constructor; destructor; ");
    end_generation(cache, open_good(cache, built_plugin("unload_only")));
    ck_assert_str_eq(trace_left(), "constructor; destructor; ");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(no_unload_where_load_said_no)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("load_false"));

    ck_assert(!generation_load(generation, NULL));
    ck_assert(!generation_load(generation, NULL));
    end_generation(cache, generation);
    ck_assert_str_eq(trace_left(), "load; destructor; ");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(unload_without_load)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("unload_only"));

    ck_assert(generation_load(generation, NULL));
    end_generation(cache, generation);
    ck_assert_str_eq(trace_left(), "unload; ");
    plugin_cache_close(cache);
}
END_TEST

/* ---- Leaving ------------------------------------------------------------- */

START_TEST(what_cannot_be_unmapped_is_counted)
{
    struct plugin_cache *cache = open_cache();

    for (unsigned i = 1; i <= 3; i++) {
        end_generation(cache, open_good(cache, built_plugin("nodelete")));
        ck_assert_uint_eq(generation_count(cache), 0);
        ck_assert_uint_eq(generation_stuck(cache), i);
        ck_assert_uint_eq(copies_left(), i); /* for debuggers */
    }
    plugin_cache_close(cache);
    ck_assert_uint_eq(entries_in(in_scratch("cache/sluice")), 0);
}
END_TEST

START_TEST(a_unique_symbol_keeps_the_first_to_define_it)
{
    struct plugin_cache *cache = open_cache();

    for (unsigned i = 0; i < 3; i++) {
        end_generation(cache, open_good(cache, built_plugin("unique")));
        ck_assert_uint_eq(generation_stuck(cache), 1);
    }
    plugin_cache_close(cache);
}
END_TEST

START_TEST(what_is_refused_may_stay_too)
{
    struct plugin_cache *cache = open_cache();
    struct plugin_fault fault;

    ck_assert_ptr_null(generation_open(cache, built_plugin("nodelete_forged"), NULL, &fault));
    ck_assert_str_eq(fault.message, FORGED "it has no function of its own");
    ck_assert_uint_eq(generation_count(cache), 0);
    ck_assert_uint_eq(generation_stuck(cache), 1);
    plugin_cache_close(cache);
}
END_TEST

struct user {
    struct generation *generation;
    pthread_barrier_t *barrier;
};

/* Uses a thread_local of the object, and lives on until told. */
static void *use_and_wait(void *argument)
{
    struct user *user = argument;
    sluice_conn ws = {0};

    run_handler(user->generation, "use", &ws);
    ck_assert_str_eq(ws.said, "text used; ");
    pthread_barrier_wait(user->barrier);
    pthread_barrier_wait(user->barrier);
    return NULL;
}

START_TEST(what_a_thread_holds_leaves_after_it)
{
    struct plugin_cache *cache = open_cache();
    pthread_barrier_t barrier;
    struct user user = {open_good(cache, built_plugin("thread_local")), &barrier};
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, use_and_wait, &user);
    pthread_barrier_wait(&barrier);
    end_generation(cache, user.generation);
    ck_assert_uint_eq(generation_stuck(cache), 1);
    ck_assert_uint_eq(generation_reap(cache), 0);
    ck_assert_uint_eq(generation_stuck(cache), 1);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(generation_reap(cache), 0);
    ck_assert_uint_eq(generation_stuck(cache), 0);
    ck_assert_uint_eq(copies_left(), 0);
    pthread_barrier_destroy(&barrier);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(kept_mapped_for_sanitizers)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("load_counts"));
    Dl_info where;

    ck_assert(generation_load(generation, NULL));
    void *code = (void *)(uintptr_t)generation_consumer(generation)->load;
    generation_keep_mapped(true);
    end_generation(cache, generation);
    ck_assert_str_eq(trace_left(), "constructor; load NULL; unload; ");
    ck_assert_int_ne(dladdr(code, &where), 0);
    ck_assert(is_there(where.dli_fname));
    ck_assert_uint_eq(generation_count(cache), 0);
    ck_assert_uint_eq(generation_stuck(cache), 0);
    plugin_cache_close(cache);
}
END_TEST

static unsigned mapped_from(const char *directory)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096 + 128];
    unsigned count = 0;

    while (fgets(line, sizeof(line), maps) != NULL)
        if (strstr(line, directory) != NULL)
            count++;
    fclose(maps);
    return count;
}

START_TEST(many_generations_leave_nothing)
{
    struct plugin_cache *cache = open_cache();
    struct generation *serving = open_good(cache, built_plugin("handlers"));
    unsigned one = mapped_from(in_scratch("cache"));

    ck_assert_uint_gt(one, 0);
    for (unsigned i = 0; i < 50; i++) {
        struct generation *next = open_good(cache, built_plugin(i % 2 == 0 ? "good" : "handlers"));

        ck_assert(generation_load(next, NULL));
        end_generation(cache, serving);
        serving = next;
    }
    ck_assert_uint_eq(mapped_from(in_scratch("cache")), one);
    ck_assert_uint_eq(generation_stuck(cache), 0);
    ck_assert_uint_eq(copies_left(), 1);
    end_generation(cache, serving);
    ck_assert_uint_eq(mapped_from(in_scratch("cache")), 0);
    plugin_cache_close(cache);
}
END_TEST

/* ---- Threads ------------------------------------------------------------- */

static void count_call(void *context)
{
    atomic_fetch_add((atomic_uint *)context, 1);
}

START_TEST(the_reaper_is_woken_once_for_a_full_list)
{
    struct plugin_cache *cache = open_cache();
    atomic_uint calls = 0;

    struct generation *one = open_good(cache, built_plugin("good"));
    struct generation *two = open_good(cache, built_plugin("state"));
    generation_on_idle(cache, count_call, &calls);
    generation_ref(one);
    generation_unref(one);
    ck_assert_uint_eq(calls, 0);
    generation_unref(one);
    ck_assert_uint_eq(calls, 1);
    generation_unref(two);
    ck_assert_uint_eq(calls, 1);
    ck_assert_uint_eq(generation_reap(cache), 2);
    generation_unref(open_good(cache, built_plugin("good")));
    ck_assert_uint_eq(calls, 2);
    plugin_cache_close(cache); /* reaps */
}
END_TEST

static void *ref_and_unref(void *argument)
{
    struct generation *generation = argument;
    sluice_conn ws = {0};

    for (unsigned i = 0; i < 1000; i++) {
        generation_ref(generation);
        if (i % 100 == 0)
            run_handler(generation, i % 200 == 0 ? "cxx.all" : "cxx_shout", &ws);
        generation_unref(generation);
    }
    generation_unref(generation);
    return NULL;
}

START_TEST(references_from_many_threads)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = open_good(cache, built_plugin("cxx"));
    atomic_uint calls = 0;
    pthread_t threads[4];

    generation_on_idle(cache, count_call, &calls);
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, ref_and_unref, generation_ref(generation));
    generation_unref(generation);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(calls, 1);
    ck_assert_uint_eq(generation_reap(cache), 1);
    plugin_cache_close(cache);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, fixture_set_up, fixture_tear_down);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_loading(Suite *suite)
{
    TCase *tcase = add_case(suite, "loading");

    tcase_add_test(tcase, a_consumer_is_loaded_from_a_copy_and_leaves);
    tcase_add_test(tcase, callbacks_run);
    tcase_add_loop_test(tcase, these_load, 0, sizeof(loadable) / sizeof(*loadable));
    tcase_add_test(tcase, the_same_bytes_are_the_same_generation);
    tcase_add_test(tcase, generations_share_nothing);
    tcase_add_test(tcase, the_file_may_be_overwritten_cut_or_removed);
    tcase_add_test(tcase, names_that_the_loader_would_expand_are_made_plain);
    tcase_add_test(tcase, a_long_name_is_cut);

    tcase = add_case(suite, "records");
    tcase_add_test(tcase, an_older_record_is_padded_with_zeros);
    tcase_add_test(tcase, a_longer_record_that_asks_for_nothing_more_is_taken);
    tcase_add_loop_test(tcase, these_are_refused, 0, sizeof(refused) / sizeof(*refused));
    tcase_add_test(tcase, consumers_cannot_see_each_other);
    tcase_add_test(tcase, a_refusal_leaves_what_serves_as_it_was);
    tcase_add_test(tcase, a_library_that_is_not_there_is_named);
}

static void add_life(Suite *suite)
{
    TCase *tcase = add_case(suite, "load and unload");

    tcase_add_test(tcase, load_and_unload_once_each);
    tcase_add_test(tcase, no_unload_where_there_was_no_load);
    tcase_add_test(tcase, no_unload_where_load_said_no);
    tcase_add_test(tcase, unload_without_load);

    tcase = add_case(suite, "leaving");
    tcase_add_test(tcase, what_cannot_be_unmapped_is_counted);
    tcase_add_test(tcase, a_unique_symbol_keeps_the_first_to_define_it);
    tcase_add_test(tcase, what_is_refused_may_stay_too);
    tcase_add_test(tcase, what_a_thread_holds_leaves_after_it);
    tcase_add_test(tcase, kept_mapped_for_sanitizers);
    tcase_add_test(tcase, many_generations_leave_nothing);

    tcase = add_case(suite, "threads");
    tcase_add_test(tcase, the_reaper_is_woken_once_for_a_full_list);
    tcase_add_test(tcase, references_from_many_threads);
}

int main(void)
{
    Suite *suite = suite_create("plugin");

    add_loading(suite);
    add_life(suite);
    return suite_run(suite);
}
