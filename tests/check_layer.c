/*
 * Tests of layer: names, events, and the local layer between loops.
 */
#include <check.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "layer/layer.h"
#include "layer/local.h"
#include "suite.h"

/* --- names --- */

static struct json_object *read_vectors(const char *name)
{
    const char *dir = getenv("srcdir");
    char path[1024];

    snprintf(path, sizeof path, "%s/tests/vectors/%s", dir != NULL ? dir : ".", name);

    struct json_object *root = json_object_from_file(path);

    ck_assert_msg(root != NULL, "cannot read %s", path);
    return root;
}

static bool is_set(struct json_object *row, const char *key)
{
    struct json_object *value;

    ck_assert_msg(json_object_object_get_ex(row, key, &value), "no %s", key);
    return json_object_get_boolean(value);
}

START_TEST(names_are_taken_as_the_vectors_say)
{
    struct json_object *root = read_vectors("names.json");
    struct json_object *rows = json_object_object_get(root, "cases");
    size_t count = json_object_array_length(rows);

    ck_assert_uint_gt(count, 30);
    for (size_t i = 0; i < count; i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        struct json_object *text = json_object_object_get(row, "name");
        struct slice name = {json_object_get_string(text),
                             (size_t)json_object_get_string_len(text)};

        ck_assert_msg(layer_channel_valid(name) == is_set(row, "strict_channel"), "channel %s",
                      json_object_to_json_string(row));
        ck_assert_msg(layer_group_valid(name) == is_set(row, "strict_group"), "group %s",
                      json_object_to_json_string(row));
    }
    json_object_put(root);
}
END_TEST

START_TEST(names_have_at_most_99_bytes)
{
    char name[100];

    memset(name, 'a', sizeof name);
    ck_assert(layer_group_valid((struct slice){name, 99}));
    ck_assert(layer_channel_valid((struct slice){name, 99}));
    ck_assert(!layer_group_valid((struct slice){name, 100}));
    ck_assert(!layer_channel_valid((struct slice){name, 100}));
}
END_TEST

/* --- events --- */

START_TEST(events_are_copies_and_are_counted)
{
    long before = mem_live();
    char name[] = "room", body[] = "body";
    struct layer_event *event = layer_event_new(LAYER_GROUP, slice_of(name), body, 4);

    memset(name, 'x', 4);
    memset(body, 'x', 4);
    ck_assert_int_eq(event->target, LAYER_GROUP);
    ck_assert_str_eq(event->name, "room");
    ck_assert_uint_eq(event->name_size, 4);
    ck_assert_str_eq(event->except, "");
    ck_assert(!event->runtime);
    ck_assert_uint_eq(event->size, 4);
    ck_assert_mem_eq(event->body, "body", 4);

    ck_assert_ptr_eq(layer_event_ref(event), event);
    layer_event_unref(event);
    ck_assert_int_eq(mem_live(), before + 1);
    layer_event_unref(event);
    layer_event_unref(NULL);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(events_that_cannot_be_made)
{
    char name[LAYER_NAME_MAX + 1];

    memset(name, 'a', sizeof name);
    ck_assert_ptr_null(layer_event_new(LAYER_GROUP, (struct slice){name, sizeof name}, "", 0));
    ck_assert_ptr_null(layer_event_new(LAYER_GROUP, slice_of("a"), "", SIZE_MAX));
    mem_fail_at(1);
    ck_assert_ptr_null(layer_event_new(LAYER_GROUP, slice_of("a"), "", 0));
    mem_fail_at(0);

    struct layer_event *event =
        layer_event_new(LAYER_GROUP, (struct slice){name, LAYER_NAME_MAX}, NULL, 0);

    ck_assert_uint_eq(strlen(event->name), LAYER_NAME_MAX);
    layer_event_unref(event);
}
END_TEST

/* --- a layer among loops, and what each has heard --- */

#define LOOPS   70 /* more than fit in one word of the set */
#define SENDERS 4

struct heard {
    unsigned count;
    unsigned last[SENDERS]; /* number of the sender's event that came last */
    bool out_of_order;
    char name[LAYER_NAME_MAX + 1]; /* of the last event */
};

static struct loop *loops[LOOPS];
static struct heard heard[LOOPS]; /* each of its loop's thread */
static struct layer *layer;
static long live_before;

/* The body of a test's event. */
struct tale {
    unsigned sender, number; /* numbers from 1 */
};

static void hear(struct loop *loop, struct layer_event *event, void *context)
{
    struct heard *mine = &heard[loop_index(loop)];
    struct tale tale = {0};

    ck_assert_ptr_eq(context, &heard);
    ck_assert_ptr_eq(loop_current(), loop);
    mine->count++;
    memcpy(mine->name, event->name, sizeof mine->name);
    if (event->size != sizeof tale)
        return;
    memcpy(&tale, event->body, sizeof tale);
    if (tale.number != mine->last[tale.sender] + 1)
        mine->out_of_order = true;
    mine->last[tale.sender] = tale.number;
}

static void set_up(void)
{
    live_before = mem_live();
    for (unsigned i = 0; i < LOOPS; i++) {
        loops[i] = loop_new(i, "loop");
        ck_assert_ptr_nonnull(loops[i]);
    }
    layer = layer_local_new(loops, LOOPS, hear, &heard);
    ck_assert_ptr_nonnull(layer);
}

static void tear_down(void)
{
    for (unsigned i = 0; i < LOOPS; i++)
        loop_free(loops[i]);
    layer_free(layer);
    ck_assert_int_eq(mem_live(), live_before);
}

static void start(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ck_assert(loop_start(loops[i], NULL, NULL, NULL));
}

/* Ends when all that was sent is heard. */
static void stop(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        loop_stop(loops[i]);
    for (unsigned i = 0; i < count; i++)
        loop_join(loops[i]);
}

/* One turn of each loop, on this thread. */
static void turn_all(void)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        loop_stop(loops[i]);
        loop_run(loops[i]);
    }
}

static bool send_body(enum layer_target target, const char *name, const void *body, size_t size)
{
    struct layer_event *event = layer_event_new(target, slice_of(name), body, size);

    ck_assert_ptr_nonnull(event);

    bool taken = layer_send(layer, event);

    layer_event_unref(event);
    return taken;
}

static bool send(enum layer_target target, const char *name)
{
    return send_body(target, name, "", 0);
}

static void join(unsigned loop, const char *group)
{
    ck_assert(layer_group_join(layer, loops[loop], slice_of(group)));
}

static void leave(unsigned loop, const char *group)
{
    layer_group_leave(layer, loops[loop], slice_of(group));
}

static unsigned heard_in_all(void)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < LOOPS; i++)
        sum += heard[i].count;
    return sum;
}

static struct layer_counts counts(void)
{
    struct layer_counts result;

    layer_count(layer, &result);
    return result;
}

/* --- fresh names --- */

START_TEST(fresh_channels_are_of_this_process_and_differ)
{
    char one[LAYER_CHANNEL_SIZE], two[LAYER_CHANNEL_SIZE];
    struct layer *other = layer_local_new(loops, 1, hear, &heard);

    ck_assert(layer_new_channel(layer, one));
    ck_assert(layer_new_channel(layer, two));
    ck_assert_uint_eq(strlen(one), LAYER_CHANNEL_SIZE - 1);
    ck_assert_uint_eq(strlen(two), LAYER_CHANNEL_SIZE - 1);
    ck_assert(layer_channel_valid(slice_of(one)));
    ck_assert_uint_eq(strspn(one + 9, "0123456789abcdef"), 32);
    ck_assert_uint_eq(strspn(one + 42, "0123456789abcdef"), 32);
    ck_assert_int_eq(one[41], '!');
    ck_assert_int_eq(strncmp(one, "specific.", 9), 0);

    ck_assert_uint_eq(strlen(layer->prefix), 42);
    ck_assert_int_eq(strncmp(one, layer->prefix, 42), 0);
    ck_assert_int_eq(strncmp(two, layer->prefix, 42), 0);
    ck_assert_str_ne(one, two);
    ck_assert_str_ne(layer->prefix, other->prefix);
    layer_free(other);
}
END_TEST

/* --- groups --- */

START_TEST(an_event_comes_once_to_each_loop_with_members)
{
    static const unsigned members[] = {0, 1, 63, 64, 69};

    for (unsigned i = 0; i < 5; i++)
        join(members[i], "room");
    join(1, "room"); /* once more changes nothing */
    join(2, "other");
    ck_assert(send(LAYER_GROUP, "room"));
    ck_assert_uint_eq(heard_in_all(), 0); /* not before their turn */
    turn_all();
    ck_assert_uint_eq(heard_in_all(), 5);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(heard[members[i]].count, 1);
        ck_assert_str_eq(heard[members[i]].name, "room");
        leave(members[i], "room");
    }
    leave(2, "other");
}
END_TEST

START_TEST(a_loop_that_left_hears_no_more)
{
    join(0, "room");
    join(1, "room");
    leave(0, "room");
    leave(0, "room"); /* no member: nothing */
    leave(0, "unknown");
    ck_assert(send(LAYER_GROUP, "room"));
    turn_all();
    ck_assert_uint_eq(heard[0].count, 0);
    ck_assert_uint_eq(heard[1].count, 1);
    leave(1, "room");
    ck_assert(send(LAYER_GROUP, "room")); /* nobody is there, and that is no error */
    turn_all();
    ck_assert_uint_eq(heard_in_all(), 1);
    ck_assert_uint_eq(counts().dropped, 0);
}
END_TEST

struct sender {
    unsigned number;
    pthread_t thread;
};

#define EACH 1000

static void *send_many(void *argument)
{
    struct sender *sender = argument;

    for (unsigned i = 1; i <= EACH; i++) {
        struct tale tale = {sender->number, i};

        ck_assert(send_body(LAYER_GROUP, "room", &tale, sizeof tale));
    }
    return NULL;
}

START_TEST(events_of_a_sender_come_in_order)
{
    struct sender senders[SENDERS];

    for (unsigned i = 0; i < 3; i++)
        join(i, "room");
    start(3);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i].number = i;
        pthread_create(&senders[i].thread, NULL, send_many, &senders[i]);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    stop(3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(heard[i].count, SENDERS * EACH);
        ck_assert(!heard[i].out_of_order);
    }
}
END_TEST

/* --- channels --- */

START_TEST(a_channel_leads_to_the_loop_it_is_open_on)
{
    char channel[LAYER_CHANNEL_SIZE];

    ck_assert(layer_new_channel(layer, channel));
    ck_assert(!send(LAYER_CHANNEL, channel)); /* not open yet */
    ck_assert(layer_channel_open(layer, loops[1], channel));
    ck_assert(send(LAYER_CHANNEL, channel));
    turn_all();
    ck_assert_uint_eq(heard[1].count, 1);
    ck_assert_str_eq(heard[1].name, channel);

    ck_assert(layer_channel_open(layer, loops[65], channel)); /* it moves */
    ck_assert(send(LAYER_CHANNEL, channel));
    turn_all();
    ck_assert_uint_eq(heard[1].count, 1);
    ck_assert_uint_eq(heard[65].count, 1);

    layer_channel_shut(layer, channel);
    layer_channel_shut(layer, channel);
    ck_assert(!send(LAYER_CHANNEL, channel));
    turn_all();
    ck_assert_uint_eq(heard_in_all(), 2);
}
END_TEST

START_TEST(channels_that_nobody_reads_take_nothing)
{
    ck_assert(!send(LAYER_CHANNEL, "thumbnails"));
    ck_assert(!send(LAYER_CHANNEL, "specific.0123456789abcdef0123456789abcdef!00"));
    ck_assert(!send(LAYER_CHANNEL, ""));
    turn_all();
    ck_assert_uint_eq(heard_in_all(), 0);
}
END_TEST

START_TEST(a_group_and_a_channel_may_share_a_name)
{
    join(0, "same");
    ck_assert(layer_channel_open(layer, loops[1], "same"));
    ck_assert_uint_eq(counts().groups, 1);
    ck_assert_uint_eq(counts().channels, 1);
    ck_assert(send(LAYER_GROUP, "same"));
    turn_all();
    ck_assert_uint_eq(heard[0].count, 1);
    ck_assert_uint_eq(heard[1].count, 0);
    ck_assert(send(LAYER_CHANNEL, "same"));
    layer_channel_shut(layer, "same");
    turn_all(); /* what was sent before still comes */
    ck_assert_uint_eq(heard[0].count, 1);
    ck_assert_uint_eq(heard[1].count, 1);
    ck_assert_uint_eq(counts().groups, 1);
    ck_assert_uint_eq(counts().channels, 0);
}
END_TEST

/* --- bounds --- */

#define BIG (1u << 20)

static char big[BIG]; /* a body of 1 MiB */

START_TEST(a_loop_with_too_much_waiting_gets_no_more)
{
    unsigned taken = 0;

    ck_assert(layer_channel_open(layer, loops[0], "channel"));
    while (taken < 1000 && send_body(LAYER_CHANNEL, "channel", big, BIG))
        taken++;
    ck_assert_uint_eq(taken, LAYER_LOCAL_WAITING_MAX / BIG - 1); /* heads are counted */
    ck_assert_uint_eq(counts().dropped, 1);

    join(0, "room");
    ck_assert(!send_body(LAYER_GROUP, "room", big, BIG)); /* nobody else is in it */
    join(1, "room");
    ck_assert(send_body(LAYER_GROUP, "room", big, BIG));
    ck_assert_uint_eq(counts().dropped, 3);
    turn_all();
    ck_assert_uint_eq(heard[0].count, taken);
    ck_assert_uint_eq(heard[1].count, 1);

    ck_assert(send_body(LAYER_CHANNEL, "channel", big, BIG)); /* there is room again */
}
END_TEST

START_TEST(where_nothing_waits_an_event_of_any_size_is_taken)
{
    size_t size = LAYER_LOCAL_WAITING_MAX + 1;
    char *body = mem_zalloc(size);

    ck_assert(layer_channel_open(layer, loops[0], "channel"));
    ck_assert(send_body(LAYER_CHANNEL, "channel", body, size));
    ck_assert(!send_body(LAYER_CHANNEL, "channel", "", 0));
    mem_free(body);
    turn_all();
    ck_assert_uint_eq(heard[0].count, 1);
}
END_TEST

/* --- memory --- */

START_TEST(without_memory_nothing_is_joined_and_nothing_leaks)
{
    unsigned long nth = 0;
    long before = mem_live();
    bool joined = false;

    while (!joined) {
        mem_fail_at(++nth);
        joined = layer_group_join(layer, loops[0], slice_of("room"));
        mem_fail_at(0);
        if (!joined) {
            ck_assert_int_eq(mem_live(), before);
            ck_assert_uint_eq(counts().groups, 0);
        }
    }
    ck_assert_uint_gt(nth, 2); /* the name, its table */
    ck_assert(send(LAYER_GROUP, "room"));

    struct layer_event *event = layer_event_new(LAYER_GROUP, slice_of("room"), "", 0);

    mem_fail_at(1);
    ck_assert(!layer_send(layer, event));
    mem_fail_at(0);
    ck_assert_uint_eq(counts().dropped, 1);
    layer_event_unref(event);
    turn_all();
    ck_assert_uint_eq(heard[0].count, 1);
    leave(0, "room");
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

/* Allocations fail here and there, those with which tables begin and grow among them. */
START_TEST(with_little_memory_what_could_join_is_heard)
{
    long before = mem_live();
    char name[32];
    bool joined[2000];
    unsigned count = 0;

    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "room.%u", i);
        mem_fail_at(1 + i % 5);
        joined[i] = layer_group_join(layer, loops[i % LOOPS], slice_of(name));
        mem_fail_at(0);
        count += joined[i];
    }
    ck_assert_uint_gt(count, 1000);
    ck_assert_uint_lt(count, 1900);
    ck_assert_uint_eq(counts().groups, count);
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "room.%u", i);
        ck_assert(send(LAYER_GROUP, name));
        leave(i % LOOPS, name);
    }
    turn_all();
    ck_assert_uint_eq(heard_in_all(), count);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(no_layer_without_memory)
{
    long before = mem_live();

    for (unsigned long nth = 1; nth <= 2; nth++) {
        mem_fail_at(nth);
        ck_assert_ptr_null(layer_local_new(loops, LOOPS, hear, &heard));
        mem_fail_at(0);
        ck_assert_int_eq(mem_live(), before);
    }
    layer_free(NULL);
}
END_TEST

START_TEST(churn_leaves_nothing_behind)
{
    long before = mem_live();
    char name[32];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "room.%u", i);
            join(i % LOOPS, name);
            ck_assert(layer_channel_open(layer, loops[i % LOOPS], name));
        }
        ck_assert_uint_eq(counts().groups, 5000);
        ck_assert_uint_eq(counts().channels, 5000);
        for (unsigned i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "room.%u", i);
            leave(i % LOOPS, name);
            layer_channel_shut(layer, name);
        }
        ck_assert_int_eq(mem_live(), before);
    }
    ck_assert_uint_eq(counts().groups + counts().channels, 0);
}
END_TEST

/* Joins, sends and leaves, as a loop with visitors does. */
static void *churn(void *argument)
{
    struct sender *sender = argument;
    char name[16];

    for (unsigned i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "room%u", i % 7);
        ck_assert(layer_group_join(layer, loops[sender->number % 2], slice_of(name)));
        ck_assert(send(LAYER_GROUP, name));
        layer_group_leave(layer, loops[sender->number % 2], slice_of(name));
    }
    return NULL;
}

START_TEST(churn_of_several_threads)
{
    struct sender senders[SENDERS];

    start(2);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i].number = i;
        pthread_create(&senders[i].thread, NULL, churn, &senders[i]);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    stop(2);
    ck_assert_uint_eq(counts().groups, 0);
    ck_assert_uint_gt(heard_in_all(), 0);
}
END_TEST

START_TEST(what_waits_at_the_end_is_freed_and_not_heard)
{
    join(0, "room");
    join(1, "room");
    ck_assert(send(LAYER_GROUP, "room"));
    for (unsigned i = 0; i < 2; i++) {
        loop_free(loops[i]);
        loops[i] = NULL;
    }
    ck_assert_uint_eq(heard_in_all(), 0); /* and tear_down sees that nothing leaked */
}
END_TEST

static void add_local(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, fresh_channels_are_of_this_process_and_differ);
    tcase_add_test(tcase, an_event_comes_once_to_each_loop_with_members);
    tcase_add_test(tcase, a_loop_that_left_hears_no_more);
    tcase_add_test(tcase, events_of_a_sender_come_in_order);
    tcase_add_test(tcase, a_channel_leads_to_the_loop_it_is_open_on);
    tcase_add_test(tcase, channels_that_nobody_reads_take_nothing);
    tcase_add_test(tcase, a_group_and_a_channel_may_share_a_name);
    tcase_add_test(tcase, a_loop_with_too_much_waiting_gets_no_more);
    tcase_add_test(tcase, where_nothing_waits_an_event_of_any_size_is_taken);
    tcase_add_test(tcase, without_memory_nothing_is_joined_and_nothing_leaks);
    tcase_add_test(tcase, with_little_memory_what_could_join_is_heard);
    tcase_add_test(tcase, no_layer_without_memory);
    tcase_add_test(tcase, churn_leaves_nothing_behind);
    tcase_add_test(tcase, churn_of_several_threads);
    tcase_add_test(tcase, what_waits_at_the_end_is_freed_and_not_heard);
}

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("layer");
    TCase *tcase = add_case(suite, "names and events");

    loop_setup_libevent();
    tcase_add_test(tcase, names_are_taken_as_the_vectors_say);
    tcase_add_test(tcase, names_have_at_most_99_bytes);
    tcase_add_test(tcase, events_are_copies_and_are_counted);
    tcase_add_test(tcase, events_that_cannot_be_made);
    add_local(add_case(suite, "local"));
    return suite_run(suite);
}
