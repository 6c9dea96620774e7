/*
 * Tests of groups with many members: every event to every member, in order; members who leave and
 * members who don't read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "harness.h"

#define CROWD "limits ping=off\nws /crowd/ crowd.so\n"

static void send_events(struct client *sender, const char *kind, unsigned from, unsigned count)
{
    char text[64];

    snprintf(text, sizeof text, "send %s %u %u", kind, from, count);
    client_text(sender, text);
}

/* The next event, which is of one of `senders` and the next of that one. */
static void expect_next(struct client *member, unsigned senders, unsigned *next)
{
    struct received frame = client_receive(member);
    unsigned from, n;

    must(sscanf((const char *)frame.payload, "[%u,%u]", &from, &n) == 2, "%s",
         (const char *)frame.payload);
    must(from < senders, "a sender of number %u", from);
    must(n == next[from], "event %u of %u in place of %u", n, from, next[from]);
    next[from]++;
}

static void expect_events(struct client *member, unsigned senders, unsigned count)
{
    unsigned next[16] = {0};

    for (unsigned i = 0; i < senders * count; i++)
        expect_next(member, senders, next);
}

/* A thousand members on two loops, a thousand events from four of them. */
static void try_crowd(const char *kind)
{
    enum { MEMBERS = 1000, SENDERS = 4, EACH = 250 };
    static struct client members[MEMBERS];

    serve(CROWD);
    for (int i = 0; i < MEMBERS; i++)
        members[i] = client_open("/crowd/");
    for (unsigned i = 0; i < SENDERS; i++)
        send_events(&members[i], kind, i, EACH);
    for (int i = 0; i < MEMBERS; i++) {
        expect_events(&members[i], SENDERS, EACH);
        client_expect_nothing(&members[i]);
    }
    for (int i = 0; i < MEMBERS; i++)
        client_hang_up(&members[i]);
    server_stop();
    ck_assert_uint_eq(log_count(" mount.dropped "), 0);
    ck_assert_uint_eq(log_count(" conn.close "), MEMBERS);
}

START_TEST(broadcast_to_a_crowd)
{
    try_crowd("say");
}
END_TEST

START_TEST(event_for_each_of_a_crowd)
{
    try_crowd("tell");
}
END_TEST

START_TEST(frames_of_its_own_and_batches_keep_their_order)
{
    struct client members[10];

    serve(CROWD);
    for (int i = 0; i < 10; i++)
        members[i] = client_open("/crowd/");
    send_events(&members[0], "mixed", 0, 1000);
    send_events(&members[1], "mixed", 1, 1000);
    for (int i = 0; i < 10; i++)
        expect_events(&members[i], 2, 1000);
    for (int i = 0; i < 10; i++)
        client_leave(&members[i]);
}
END_TEST

/* What a member is not to get leaves a gap in what is sent to all at once. */
START_TEST(events_that_leave_the_sender_out)
{
    struct client sender, other;
    unsigned next[1] = {0};

    serve_with("loops 1\n", CROWD);
    other = client_open("/crowd/");
    sender = client_open("/crowd/");
    send_events(&sender, "some", 0, 100);
    expect_events(&other, 1, 100);
    for (; next[0] < 100; next[0]++)
        expect_next(&sender, 1, next);
    client_expect_nothing(&sender);
    client_leave(&sender);
    client_leave(&other);
}
END_TEST

START_TEST(member_that_is_not_accepted_yet)
{
    struct client early, member;
    unsigned next[1] = {3};

    serve_with("loops 1\n", CROWD);
    early = client_dial();
    client_shake(&early, "/crowd/?accept=3", "");
    member = client_open("/crowd/");
    send_events(&member, "say", 0, 2);
    expect_events(&member, 1, 2);
    send_events(&member, "go", 0, 5);
    expect_events(&member, 1, 5);
    ck_assert_uint_eq(client_answer(&early).status, 101);
    expect_next(&early, 1, next);
    expect_next(&early, 1, next);
    client_expect_nothing(&early);
    client_leave(&early);
    client_leave(&member);
    server_stop();
    log_wait(" mount.dropped ", "why=\"before accept\"", "count=5");
}
END_TEST

/* An option is the mount's: what is sent once for all is for all of one mount. */
START_TEST(broadcast_is_of_each_mount)
{
    struct client red, blue;

    serve("ws /red/ crowd.so {\n set name red\n}\nws /blue/ crowd.so {\n set name blue\n}\n");
    red = client_open("/red/");
    blue = client_open("/blue/");
    send_events(&red, "name", 0, 3);
    for (int i = 0; i < 3; i++) {
        client_expect_text(&red, "red");
        client_expect_text(&blue, "blue");
    }
    client_leave(&red);
    client_leave(&blue);
}
END_TEST

START_TEST(members_leave_in_the_middle)
{
    enum { MEMBERS = 60, EVENTS = 150, WHEN = 70 };
    struct client members[MEMBERS], *sender = &members[0];

    serve(CROWD);
    for (int i = 0; i < MEMBERS; i++)
        members[i] = client_open(i % 3 == 1   ? "/crowd/?close=70"
                                 : i % 3 == 2 ? "/crowd/?discard=70"
                                              : "/crowd/");
    send_events(sender, "go", 0, EVENTS);
    for (int i = 0; i < MEMBERS; i++) {
        expect_events(&members[i], 1, i % 3 == 0 ? EVENTS : WHEN + 1);
        if (i % 3 == 1)
            client_expect_code(&members[i], 4000);
    }
    send_events(sender, "go", 0, 1);
    for (int i = 0; i < MEMBERS; i += 3) {
        expect_events(&members[i], 1, 1);
        client_leave(&members[i]);
    }
    for (int i = 2; i < MEMBERS; i += 3)
        client_hang_up(&members[i]);
}
END_TEST

START_TEST(members_are_cut_in_the_middle)
{
    enum { MEMBERS = 60, EVENTS = 1000 };
    struct client members[MEMBERS];

    serve(CROWD);
    for (int i = 0; i < MEMBERS; i++)
        members[i] = client_open("/crowd/");
    send_events(&members[0], "mixed", 0, EVENTS);
    for (int i = 1; i < MEMBERS; i += 2) {
        client_fill(&members[i], 1);
        client_cut(&members[i]);
    }
    for (int i = 0; i < MEMBERS; i += 2) {
        expect_events(&members[i], 1, EVENTS);
        client_leave(&members[i]);
    }
}
END_TEST

START_TEST(member_who_does_not_read_disturbs_nobody)
{
    enum { MEMBERS = 4, EVENTS = 10 };
    struct client members[MEMBERS], slow;

    serve_with("loops 1\n", "limits backlog=300k\n" CROWD);
    slow = client_dial_narrow();
    client_shake(&slow, "/crowd/", "");
    ck_assert_uint_eq(client_answer(&slow).status, 101);
    for (int i = 0; i < MEMBERS; i++)
        members[i] = client_open("/crowd/");
    for (int round = 0; round < 1000 && log_count(" conn.slow ") == 0; round++) {
        send_events(&members[0], "big", 0, EVENTS);
        for (int i = 0; i < MEMBERS; i++)
            for (int j = 0; j < EVENTS; j++)
                ck_assert_uint_eq(client_receive(&members[i]).size, 10000);
    }
    log_wait(" conn.slow ", "mount=/crowd/");
    for (;;) {
        struct received frame = client_receive(&slow);

        if (frame.opcode == CLOSE) {
            ck_assert_uint_eq(frame.payload[0] * 256u + frame.payload[1], 1013);
            break;
        }
        ck_assert_uint_eq(frame.size, 10000);
    }
    client_hang_up(&slow);
    for (int i = 0; i < MEMBERS; i++)
        client_leave(&members[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, groups");
    TCase *tcase = harness_case(suite, "groups");

    tcase_add_test(tcase, broadcast_to_a_crowd);
    tcase_add_test(tcase, event_for_each_of_a_crowd);
    tcase_add_test(tcase, frames_of_its_own_and_batches_keep_their_order);
    tcase_add_test(tcase, events_that_leave_the_sender_out);
    tcase_add_test(tcase, member_that_is_not_accepted_yet);
    tcase_add_test(tcase, broadcast_is_of_each_mount);
    tcase_add_test(tcase, members_leave_in_the_middle);
    tcase_add_test(tcase, members_are_cut_in_the_middle);
    tcase_add_test(tcase, member_who_does_not_read_disturbs_nobody);
    return harness_run(suite);
}
