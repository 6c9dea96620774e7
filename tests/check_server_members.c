/*
 * Tests of server/group: walks over members who come and go meanwhile, which no client can steer,
 * and what is left when all have gone, or when memory was short.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "layer/local.h"
#include "server/group.h"
#include "server/server.h"
#include "suite.h"

enum { CONNS = 8, FUSE_MOST = 40 /* more allocations than joining makes */ };

static struct server server;
static struct worker worker;
static struct conn conns[CONNS];

static void ignore(struct loop *loop, struct layer_event *event, void *context)
{
    (void)loop, (void)event, (void)context;
}

static void set_up(void)
{
    worker = (struct worker){.server = &server, .loop = loop_new(0, "loop-0")};
    server.loops = &worker.loop;
    server.layer = layer_local_new(server.loops, 1, ignore, NULL);
    ck_assert_ptr_nonnull(server.layer);
    memset(conns, 0, sizeof conns);
    for (unsigned i = 0; i < CONNS; i++)
        conns[i] = (struct conn){.worker = &worker, .state = CONN_OPEN};
}

static void leave_all(void)
{
    for (unsigned i = 0; i < CONNS; i++) {
        group_leave_all(&conns[i]);
        mem_free(conns[i].channel);
        conns[i].channel = NULL;
    }
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
    leave_all();
    ck_assert_ptr_null(worker.groups);
    ck_assert_ptr_null(worker.memberships);
    ck_assert_ptr_null(worker.channels);
    ck_assert_uint_eq(counts().groups, 0);
    ck_assert_uint_eq(counts().channels, 0);
    loop_free(worker.loop);
    layer_free(server.layer);
    ck_assert_int_eq(mem_live(), 0);
}

static void join(unsigned conn, const char *name)
{
    ck_assert_int_eq(group_add(&conns[conn], slice_of(name)), GROUP_DONE);
}

static void leave(unsigned conn, const char *name)
{
    ck_assert_int_eq(group_discard(&conns[conn], slice_of(name)), GROUP_DONE);
}

static unsigned index_of(const struct membership *membership)
{
    return (unsigned)(membership->ends.conn - conns);
}

/* The next of the walk is this one; CONNS: there is none. */
static void expect_next(struct group *group, unsigned conn)
{
    struct membership *membership = group_walk_next(group);
    ck_assert_uint_eq(membership ? index_of(membership) : CONNS, conn);
}

static struct group *begin_walk(unsigned members)
{
    for (unsigned i = 0; i < members; i++)
        join(i, "red");
    struct group *group = group_find(&worker, SLICE("red"));
    group_walk_begin(group);
    return group;
}

/* ---- Joining and leaving -------------------------------------------------------------------- */

START_TEST(joining_twice_is_once)
{
    join(0, "red");
    join(0, "red");
    join(0, "blue");
    ck_assert_uint_eq(group_find(&worker, SLICE("red"))->member_count, 1);
    ck_assert_uint_eq(counts().groups, 2);
    leave(0, "red");
    leave(0, "red");
    leave(0, "never-seen");
    ck_assert_ptr_null(group_find(&worker, SLICE("red")));
    ck_assert_uint_eq(counts().groups, 1);
}
END_TEST

START_TEST(names_that_are_none)
{
    char longest[101];
    memset(longest, 'a', 100);
    longest[100] = '\0';
    ck_assert_int_eq(group_add(&conns[0], slice_of(longest)), GROUP_BAD_NAME);
    ck_assert_int_eq(group_add(&conns[0], slice_of("")), GROUP_BAD_NAME);
    ck_assert_int_eq(group_add(&conns[0], slice_of("two words")), GROUP_BAD_NAME);
    ck_assert_int_eq(group_discard(&conns[0], slice_of("two words")), GROUP_BAD_NAME);
    longest[99] = '\0';
    join(0, longest);
}
END_TEST

START_TEST(many_groups_of_many)
{
    char name[16];
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "group-%u", i / 4);
        join(i % 4, name);
    }
    ck_assert_uint_eq(counts().groups, 2500);
    for (unsigned i = 0; i < 2500; i += 2) {
        snprintf(name, sizeof name, "group-%u", i);
        for (unsigned conn = 0; conn < 4; conn++)
            leave(conn, name);
    }
    ck_assert_uint_eq(counts().groups, 1250);
}
END_TEST

/* ---- Walking -------------------------------------------------------------------------------- */

START_TEST(walk_visits_all_in_order)
{
    struct group *group = begin_walk(4);
    for (unsigned i = 0; i < 4; i++)
        expect_next(group, i);
    expect_next(group, CONNS);
    expect_next(group, CONNS);
    group_walk_end(&worker, group);
    ck_assert_ptr_nonnull(group_find(&worker, SLICE("red")));
}
END_TEST

START_TEST(visited_member_leaves)
{
    struct group *group = begin_walk(3);
    expect_next(group, 0);
    leave(0, "red");
    expect_next(group, 1);
    expect_next(group, 2);
    leave(2, "red");
    expect_next(group, CONNS);
    group_walk_end(&worker, group);
}
END_TEST

/* The walk's place is on the one who goes, and on all who follow. */
START_TEST(next_members_leave)
{
    struct group *group = begin_walk(5);
    expect_next(group, 0);
    leave(1, "red");
    leave(2, "red");
    group_leave_all(&conns[3]);
    expect_next(group, 4);
    expect_next(group, CONNS);
    group_walk_end(&worker, group);
}
END_TEST

START_TEST(all_leave_in_the_middle)
{
    struct group *group = begin_walk(4);
    expect_next(group, 0);
    leave_all();
    expect_next(group, CONNS); /* it is still there, as long as it is walked */
    group_walk_end(&worker, group);
    ck_assert_ptr_null(group_find(&worker, SLICE("red")));
}
END_TEST

/* Who joins meanwhile is known by the moment, also who was a member before. */
START_TEST(members_come_in_the_middle)
{
    struct group *group = begin_walk(2);
    uint64_t begun = worker.moment;
    expect_next(group, 0);
    leave(0, "red");
    join(0, "red");
    join(5, "red");
    struct membership *old = group_walk_next(group);
    ck_assert_uint_eq(index_of(old), 1);
    ck_assert_uint_le(old->moment, begun);
    for (unsigned i = 0; i < 2; i++) {
        struct membership *late = group_walk_next(group);
        ck_assert_uint_eq(index_of(late), i == 0 ? 0 : 5);
        ck_assert_uint_gt(late->moment, begun);
    }
    expect_next(group, CONNS);
    group_walk_end(&worker, group);
}
END_TEST

START_TEST(group_that_emptied_fills_again)
{
    struct group *group = begin_walk(2);
    expect_next(group, 0);
    leave(1, "red");
    leave(0, "red");
    join(3, "red");
    ck_assert_ptr_eq(group_find(&worker, SLICE("red")), group);
    group_walk_end(&worker, group);
    ck_assert_ptr_eq(group_find(&worker, SLICE("red")), group);
    ck_assert_uint_eq(group->member_count, 1);
}
END_TEST

/* ---- Channels ------------------------------------------------------------------------------- */

START_TEST(channels_are_found_until_they_go)
{
    const char *name = channel_name(&conns[0]), *other = channel_name(&conns[1]);
    ck_assert_ptr_nonnull(name);
    ck_assert_str_ne(name, other);
    ck_assert_ptr_eq(channel_name(&conns[0]), name);
    ck_assert_ptr_eq(channel_find(&worker, slice_of(name)), &conns[0]);
    ck_assert_ptr_eq(channel_find(&worker, slice_of(other)), &conns[1]);
    group_leave_all(&conns[0]);
    ck_assert_ptr_null(channel_find(&worker, slice_of(name)));
    ck_assert_str_eq(channel_name(&conns[0]), name); /* for its disconnect */
    mem_free(conns[0].channel);
    conns[0].channel = NULL;
}
END_TEST

/* ---- Failing allocations -------------------------------------------------------------------- */

START_TEST(joining_without_memory_leaves_nothing)
{
    unsigned failed = 0;
    for (unsigned nth = 1; nth <= FUSE_MOST; nth++) {
        mem_fail_at(nth);
        enum group_result result = group_add(&conns[0], SLICE("red"));
        mem_fail_at(0);
        failed += result == GROUP_NO_MEMORY;
        ck_assert_int_eq(group_find(&worker, SLICE("red")) != NULL, result == GROUP_DONE);
        ck_assert_uint_eq(counts().groups, result == GROUP_DONE ? 1 : 0);
        leave(0, "red");
        ck_assert_uint_eq(counts().groups, 0);
    }
    ck_assert_uint_gt(failed, 2);
    ck_assert_uint_lt(failed, FUSE_MOST);
}
END_TEST

START_TEST(channel_without_memory_may_come_later)
{
    unsigned nth = 0;
    const char *name = NULL;
    while (!name && ++nth < FUSE_MOST) {
        mem_fail_at(nth);
        name = channel_name(&conns[0]);
        mem_fail_at(0);
        ck_assert_uint_eq(counts().channels, name ? 1 : 0);
    }
    ck_assert_uint_gt(nth, 2);
    ck_assert_ptr_eq(channel_find(&worker, slice_of(name)), &conns[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/group");
    TCase *tcase = tcase_create("members");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, joining_twice_is_once);
    tcase_add_test(tcase, names_that_are_none);
    tcase_add_test(tcase, many_groups_of_many);
    tcase_add_test(tcase, walk_visits_all_in_order);
    tcase_add_test(tcase, visited_member_leaves);
    tcase_add_test(tcase, next_members_leave);
    tcase_add_test(tcase, all_leave_in_the_middle);
    tcase_add_test(tcase, members_come_in_the_middle);
    tcase_add_test(tcase, group_that_emptied_fills_again);
    tcase_add_test(tcase, channels_are_found_until_they_go);
    tcase_add_test(tcase, joining_without_memory_leaves_nothing);
    tcase_add_test(tcase, channel_without_memory_may_come_later);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
