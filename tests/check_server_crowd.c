/*
 * Tests of groups at scale, without sockets: very many groups, very many members, and tables that
 * never rest. What a look-up costs is told by how full the tables' buckets are, and what a fan-out
 * costs by how many it serves in a turn: no test here asks a clock.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "layer/local.h"
#include "plugin/generation.h"
#include "server/compression.h"
#include "server/fanout.h"
#include "server/group.h"
#include "server/server.h"
#include "suite.h"

/* The sanitizers make of each block several, and of each step many. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SCALE = 10 };
#else
enum { SCALE = 1 };
#endif

enum {
    MANY = 100000 / SCALE,
    SLICE_MOST = 1024, /* deliveries in a turn, as server/fanout has it */
    BUCKET_MOST = 40,  /* in one: at ten on the average a table doubles */
};

static struct server server;
static struct worker worker;
static struct mount_config mount_config;
static struct mount mount;
static struct routing routing;
static struct generation generation;
static struct conn *conns;
static unsigned conn_count;

static void set_up(void)
{
    log_threshold = LOG_ERROR + 1;
    worker = (struct worker){.server = &server, .loop = loop_new(0, "loop-0")};
    worker.fanout = fanout_new();
    worker.compression = compression_new();
    ck_assert(worker.loop != NULL && worker.fanout != NULL && worker.compression != NULL);
    loop_set_data(worker.loop, &worker);
    loop_stop(worker.loop); /* from now on loop_run is one turn */
    server.loops = &worker.loop;
    server.layer = layer_local_new(server.loops, 1, fanout_deliver, &server);
    ck_assert_ptr_nonnull(server.layer);
    mount_config = (struct mount_config){.route = "/"};
    mount = (struct mount){.config = &mount_config, .routing = &routing, .generation = &generation};
    routing.references = generation.references = 1;
}

/* They are closing: so what is delivered to them is dropped, and counted. */
static void open_conns(unsigned count)
{
    conns = calloc(count, sizeof *conns);
    ck_assert_ptr_nonnull(conns);
    conn_count = count;
    for (unsigned i = 0; i < count; i++)
        conns[i] = (struct conn){.worker = &worker,
                                 .fd = -1,
                                 .state = CONN_CLOSING,
                                 .mount = &mount,
                                 .routing = &routing,
                                 .generation = &generation};
}

static struct layer_counts counts(void)
{
    struct layer_counts counts = {0};

    layer_count(server.layer, &counts);
    return counts;
}

/* Whoever has gone leaves nothing behind: no group, no name, no memory. */
static void tear_down(void)
{
    for (unsigned i = 0; i < conn_count; i++)
        group_leave_all(&conns[i]);
    ck_assert_ptr_null(worker.groups);
    ck_assert_ptr_null(worker.memberships);
    ck_assert_uint_eq(counts().groups, 0);
    loop_free(worker.loop);
    layer_free(server.layer);
    fanout_free(worker.fanout);
    compression_free(worker.compression);
    free(conns);
    ck_assert_int_eq(mem_live(), 0);
}

static struct slice name_of(unsigned group)
{
    static char name[32];

    return (struct slice){name, (size_t)snprintf(name, sizeof name, "group-%u", group)};
}

static void join(unsigned conn, unsigned group)
{
    ck_assert_int_eq(group_add(&conns[conn], name_of(group)), GROUP_DONE);
}

static void leave(unsigned conn, unsigned group)
{
    ck_assert_int_eq(group_discard(&conns[conn], name_of(group)), GROUP_DONE);
}

/* A look-up compares no more than what is in one bucket. */
static void expect_short_buckets(const UT_hash_table *table)
{
    ck_assert_ptr_nonnull(table);
    for (unsigned i = 0; i < table->num_buckets; i++)
        ck_assert_uint_le(table->buckets[i].count, BUCKET_MOST);
}

/* One event to a group. */
static void send_to(unsigned group)
{
    static const uint8_t body[] = {0x81, 0xa4, 't', 'y', 'p', 'e', 0xa1, 'x'};
    struct layer_event *event = layer_event_new(LAYER_GROUP, name_of(group), body, sizeof body);

    ck_assert_ptr_nonnull(event);
    ck_assert(layer_send(server.layer, event));
    layer_event_unref(event);
}

/* How many were delivered to since this was asked last. */
static unsigned long delivered(void)
{
    return atomic_exchange(&mount.dropped[DROP_CLOSED], 0);
}

/* ---- Many groups ---------------------------------------------------------------------------- */

/* A hundred thousand groups, ten members in each; each connection is in a hundred. Whatever other
 * groups there are, an event is ten deliveries. */
START_TEST(very_many_groups_of_ten)
{
    enum { TEN = 10, CONNS = 10000 / SCALE };

    open_conns(CONNS);
    for (unsigned i = 0; i < MANY * TEN; i++)
        join((i + i / CONNS) % CONNS, i / TEN);
    ck_assert_uint_eq(counts().groups, MANY);
    ck_assert_uint_eq(HASH_COUNT(worker.groups), MANY);
    ck_assert_uint_eq(HASH_COUNT(worker.memberships), MANY * TEN);
    expect_short_buckets(worker.groups->hh.tbl);
    expect_short_buckets(worker.memberships->hh.tbl);
    for (unsigned group = 0; group < MANY; group += MANY / 100) {
        send_to(group);
        loop_run(worker.loop);
        while (fanout_turn(&worker)) /* on a busy machine the clock ends a turn, too */
            continue;
        ck_assert_uint_eq(delivered(), TEN);
    }
}
END_TEST

START_TEST(connections_in_a_thousand_groups)
{
    enum { CONNS = 100, EACH = 1000 };
    long before = mem_live();

    open_conns(CONNS);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < CONNS * EACH; i++)
            join(i % CONNS, i / CONNS);
        ck_assert_uint_eq(counts().groups, EACH);
        for (unsigned i = 0; i < CONNS / 2; i++)
            group_leave_all(&conns[i]);
        ck_assert_uint_eq(group_find(&worker, name_of(EACH / 2))->member_count, CONNS / 2);
        for (unsigned i = CONNS / 2; i < CONNS; i++)
            group_leave_all(&conns[i]);
        ck_assert_int_eq(mem_live(), before);
    }
}
END_TEST

/* Each group is new and gone again, while many others stay. */
START_TEST(tables_that_never_rest)
{
    enum { CONNS = 100, STAY = 1000, ROUNDS = 1000000 / SCALE };
    long bytes = 0;

    open_conns(CONNS);
    for (unsigned i = 0; i < STAY; i++)
        join(i % CONNS, i);
    for (unsigned i = 0; i < ROUNDS; i++) {
        join(i % CONNS, STAY + i);
        if (i >= CONNS)
            leave(i % CONNS, STAY + i - CONNS);
        if (i == ROUNDS / 10)
            bytes = mem_bytes();
    }
    ck_assert_int_le(mem_bytes(), bytes + bytes / 4); /* by chance a table may have doubled */
    ck_assert_uint_eq(counts().groups, STAY + CONNS);
    expect_short_buckets(worker.groups->hh.tbl);
    expect_short_buckets(worker.memberships->hh.tbl);
}
END_TEST

/* ---- One group ------------------------------------------------------------------------------ */

static void fill_group(void)
{
    open_conns(MANY);
    for (unsigned i = 0; i < MANY; i++)
        join(i, 0);
}

/* Everybody else has the loop to themselves between two slices. */
START_TEST(very_many_members_are_served_in_slices)
{
    unsigned long all = 0, turns = 0, slice;

    fill_group();
    expect_short_buckets(worker.memberships->hh.tbl);
    send_to(0);
    loop_run(worker.loop);
    for (bool more = true; more; turns++) {
        more = fanout_turn(&worker);
        slice = delivered();
        ck_assert_uint_le(slice, SLICE_MOST);
        all += slice;
    }
    ck_assert_uint_eq(all, MANY);
    ck_assert_uint_ge(turns, MANY / SLICE_MOST);
}
END_TEST

/* Who was there when the event came, and still is when its turn comes, gets it once: members leave
 * before their turn, leave and come again, before their turn and after it. */
START_TEST(members_come_and_go_between_slices)
{
    unsigned long all = 0, gone = 0;

    fill_group();
    send_to(0);
    loop_run(worker.loop);
    for (bool more = true; more;) {
        more = fanout_turn(&worker);
        all += delivered();
        unsigned next = (unsigned)(all + gone); /* the walk's place is on it */
        if (!more || next + 2 >= MANY)
            continue;
        leave(next, 0);
        leave(next + 1, 0);
        leave(next + 2, 0);
        join(next + 2, 0);
        gone += 3;
        leave(next - 1, 0);
        join(next - 1, 0);
    }
    ck_assert_uint_gt(gone, 0);
    ck_assert_uint_eq(all + gone, MANY);
}
END_TEST

START_TEST(members_leave_from_everywhere)
{
    enum { STEP = 7919 }; /* a prime: so all are come by */

    fill_group();
    for (unsigned i = 0; i < MANY; i++) {
        ck_assert_uint_eq(group_find(&worker, name_of(0))->member_count, MANY - i);
        leave((unsigned)((uint64_t)i * STEP % MANY), 0);
    }
    ck_assert_ptr_null(group_find(&worker, name_of(0)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups at scale");
    TCase *tcase = tcase_create("crowd");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, very_many_groups_of_ten);
    tcase_add_test(tcase, connections_in_a_thousand_groups);
    tcase_add_test(tcase, tables_that_never_rest);
    tcase_add_test(tcase, very_many_members_are_served_in_slices);
    tcase_add_test(tcase, members_come_and_go_between_slices);
    tcase_add_test(tcase, members_leave_from_everywhere);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
