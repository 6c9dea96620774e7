/*
 * Tests of clients that read slowly, or not at all: what waits for them is bounded, pings are
 * answered past it, and what they get is whole, in order and accounted for.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "harness.h"

#define FLOOD "limits ping=off\nws /flood/ flood.so\n"

static struct client open_narrow(const char *path)
{
    struct client client = client_dial_narrow();

    client_shake(&client, path, "");
    must(client_answer(&client).status == 101, "not accepted");
    return client;
}

/* ---- What has come --------------------------------------------------------------------------- */

/* A client's account of what it got. */
struct account {
    unsigned messages, texts, pongs;
    long last;            /* number of the last message */
    unsigned before_pong; /* messages before the first pong */
    unsigned close;       /* code; 0: none has come */
    char text[126];       /* the last one */
    char pong[126];       /* payload of the last one */
};

/* A message begins with its number, or [SENDER,NUMBER]. */
static void take_binary(struct account *account, const struct received *frame, size_t size)
{
    const char *text = (const char *)frame->payload;
    long number = strtol(text[0] == '[' ? strchr(text, ',') + 1 : text, NULL, 10);

    must(frame->size == size, "%zu bytes in place of %zu", frame->size, size);
    must(number > account->last, "message %ld behind %ld", number, account->last);
    account->last = number;
    account->messages++;
}

/* Takes a frame; messages are of `size` bytes. */
static unsigned read_one(struct client *client, size_t size, struct account *account)
{
    struct received frame = client_receive(client);

    must(frame.fin, "a fragment");
    if (frame.opcode == BINARY) {
        take_binary(account, &frame, size);
    } else if (frame.opcode == PONG) {
        if (account->pongs++ == 0)
            account->before_pong = account->messages;
        memcpy(account->pong, frame.payload, frame.size + 1);
    } else if (frame.opcode == TEXT) {
        account->texts++;
        memcpy(account->text, frame.payload, frame.size + 1);
    } else {
        must(frame.opcode == CLOSE, "opcode %u", frame.opcode);
        account->close = frame.payload[0] * 256u + frame.payload[1];
    }
    return frame.opcode;
}

/* Reads until a text or a close frame. */
static void read_on(struct client *client, size_t size, struct account *account)
{
    unsigned opcode;

    do
        opcode = read_one(client, size, account);
    while (opcode != TEXT && opcode != CLOSE);
}

/* Reads all there is, though messages may be skipped. A text that comes back has come behind
 * everything else; one that does not was skipped, so something will come that waited: then another
 * is sent. The pong says that it has been decided. Gives how many texts that took. */
static unsigned read_all(struct client *client, size_t size, struct account *account)
{
    char text[16] = "", sent = 0;
    unsigned texts = 0;

    while (texts == 0 || strcmp(account->text, text) != 0 || strcmp(account->pong, text) != 0) {
        bool decided = texts == 0 || strcmp(account->pong, text) == 0;

        if (decided && sent == 0) {
            snprintf(text, sizeof text, "text %u", ++texts);
            client_text(client, text);
            client_ping(client, text);
            sent = 1;
        }
        if (read_one(client, size, account) == BINARY)
            sent = 0;
    }
    return texts;
}

/* The number behind `name` in the line of the log that has these texts. */
static unsigned long logged(const char *event, const char *with, const char *name)
{
    for (const char *line = log_text(); line != NULL; line = strchr(line + 1, '\n')) {
        size_t size = strcspn(line + 1, "\n") + 1;
        const char *found = memmem(line, size, event, strlen(event));

        if (found != NULL && memmem(line, size, with, strlen(with)) != NULL) {
            found = memmem(line, size, name, strlen(name));
            return found != NULL ? strtoul(found + strlen(name), NULL, 10) : 0;
        }
    }
    return 0;
}

/* ---- Pings ----------------------------------------------------------------------------------- */

START_TEST(pong_overtakes_what_waits)
{
    enum { COUNT = 4000, SIZE = 4000 };
    struct account account = {.last = -1};
    struct client client;

    serve("limits backlog=32m\n" FLOOD);
    client = open_narrow("/flood/");
    client_text(&client, "4000 4000");
    client_ping(&client, "now");
    client_text(&client, "end");
    trace_wait("back", 1); /* the ping was taken, and nothing was read */
    read_on(&client, SIZE, &account);
    ck_assert_str_eq(account.text, "end");
    ck_assert_uint_eq(account.messages, COUNT);
    ck_assert_uint_eq(account.pongs, 1);
    ck_assert_str_eq(account.pong, "now");
    ck_assert_uint_lt(account.before_pong, COUNT / 2); /* what the kernel held by then */
    client_leave(&client);
}
END_TEST

/* In fragments of a turn: what does not wait is not overtaken. */
START_TEST(pong_keeps_its_place_where_nothing_waits)
{
    uint8_t bytes[256];
    struct client client;
    size_t size = frame_bytes(bytes, 0x80 | TEXT, "one", 3);

    size += frame_bytes(bytes + size, 0x80 | PING, "two", 3);
    size += frame_bytes(bytes + size, 0x80 | TEXT, "three", 5);
    size += frame_bytes(bytes + size, 0x80 | PING, "four", 4);
    serve(FLOOD);
    client = client_open("/flood/");
    for (int i = 0; i < 100; i++) {
        client_send(&client, bytes, size);
        client_expect_text(&client, "one");
        client_expect(&client, PONG, "two", 3);
        client_expect_text(&client, "three");
        client_expect(&client, PONG, "four", 4);
    }
    client_leave(&client);
}
END_TEST

/* The answers to a flood of pings that nobody reads: 64 wait, the last of them for the last ping,
 * and those that are missing are counted. */
START_TEST(pongs_that_are_not_read_do_not_pile_up)
{
    enum { PINGS = 50000 };
    struct account account = {.last = -1};
    struct client client;
    char payload[126];

    serve("limits backlog=32m\n" FLOOD);
    client = open_narrow("/flood/");
    client_text(&client, "4000 4000");
    for (unsigned i = 1; i <= PINGS; i++) {
        snprintf(payload, sizeof payload, "%0125u", i);
        client_ping(&client, payload);
    }
    client_text(&client, "end");
    trace_wait("back", 1); /* all pings were taken, and nothing was read */
    log_wait(" pong.skipped ", "mount=/flood/");
    read_on(&client, 4000, &account);
    ck_assert_uint_eq(account.messages, 4000);
    ck_assert_str_eq(account.pong, payload);
    ck_assert_uint_ge(account.pongs, 64);
    ck_assert_uint_lt(account.pongs, PINGS / 2);
    client_leave(&client);
    server_stop();
    ck_assert_uint_eq(logged(" mount.dropped ", "why=pongs", "count="), PINGS - account.pongs);
    ck_assert_uint_eq(log_count(" pong.skipped "), 1);
}
END_TEST

/* The server's own pings too: else a client that takes its time would be taken for dead. */
START_TEST(ping_overtakes_what_waits)
{
    enum { COUNT = 4000, SIZE = 4000 };
    struct client slow, idle;
    struct received frame;
    unsigned before = 0;

    serve_with("loops 1\n", "limits backlog=32m ping=50ms pong=20s\nws /flood/ flood.so\n");
    idle = client_open("/flood/");
    slow = open_narrow("/flood/");
    client_text(&slow, "4000 4000");
    for (int i = 0; i < 3; i++) { /* whoever is silent for as long has been pinged by now */
        client_expect(&idle, PING, "", 0);
        client_frame(&idle, 0x80 | PONG, "", 0);
    }
    while ((frame = client_receive(&slow)).opcode == BINARY)
        before++;
    ck_assert_uint_eq(frame.opcode, PING);
    ck_assert_uint_lt(before, COUNT / 2);
    client_hang_up(&slow);
    client_hang_up(&idle);
}
END_TEST

/* ---- Closing --------------------------------------------------------------------------------- */

START_TEST(close_waits_for_what_was_sent_before)
{
    struct account account = {.last = -1};
    struct client client;

    serve("limits backlog=32m\n" FLOOD);
    client = open_narrow("/flood/");
    client_text(&client, "2000 4000");
    client_close(&client, 1000, "");
    read_on(&client, 4000, &account);
    ck_assert_uint_eq(account.messages, 2000);
    ck_assert_uint_eq(account.close, 1000);
    client_expect_end(&client);
    client_hang_up(&client);
}
END_TEST

/* A client that still reads what came before the close is alive, and may ask. */
START_TEST(pings_are_answered_while_the_close_waits)
{
    struct account account = {.last = -1};
    struct client client;

    serve("limits backlog=32m\n" FLOOD);
    client = open_narrow("/flood/");
    client_text(&client, "4000 4000");
    client_text(&client, "close");
    trace_wait("closing", 1); /* all is sent, and nothing was read */
    client_ping(&client, "late");
    read_on(&client, 4000, &account);
    ck_assert_uint_eq(account.messages, 4000);
    ck_assert_uint_eq(account.close, 4000);
    ck_assert_uint_eq(account.pongs, 1);
    ck_assert_uint_lt(account.before_pong, 2000);
    client_ping(&client, "too late"); /* a close frame is the last */
    client_close(&client, 4000, "");
    client_expect_end(&client);
    client_hang_up(&client);
}
END_TEST

/* ---- What is dropped ------------------------------------------------------------------------- */

static void expect_dropped(unsigned long sent, unsigned long got)
{
    server_stop();
    ck_assert_uint_gt(sent, got);
    ck_assert_uint_eq(logged(" mount.dropped ", "why=backlog", "count="), sent - got);
    ck_assert_uint_eq(log_count(" message.skipped "), 1);
    ck_assert_uint_eq(log_count(" conn.slow "), 0);
}

static void try_dropping(const char *limits, const char *request, unsigned count, size_t size)
{
    struct account account = {.last = -1};
    struct client client;
    char conf[256];

    snprintf(conf, sizeof conf, "%s" FLOOD, limits);
    serve(conf);
    client = open_narrow("/flood/");
    client_text(&client, request);
    log_wait(" message.skipped ", "mount=/flood/");
    unsigned texts = read_all(&client, size, &account);
    ck_assert_uint_gt(account.messages, 0);
    client_text(&client, "1 10"); /* there is room again */
    account.last = -1;
    ck_assert_uint_eq(read_one(&client, 10, &account), BINARY);
    client_leave(&client);
    expect_dropped(count + texts + 1, account.messages + account.texts);
    ck_assert_uint_eq(logged(" conn.close ", "mount=/flood/", "messages_out="),
                      account.messages + account.texts);
}

START_TEST(newest_messages_are_skipped)
{
    try_dropping("limits backlog=64k policy=drop\n", "20000 1000", 20000, 1000);
}
END_TEST

START_TEST(newest_large_messages_are_skipped)
{
    try_dropping("limits backlog=100k policy=drop\n", "500 90000", 500, 90000);
}
END_TEST

/* Also where the limit is less than what is collected in a turn. */
START_TEST(tight_limit_holds)
{
    try_dropping("limits backlog=1k policy=drop\n", "100000 100", 100000, 100);
}
END_TEST

/* Where nothing waits, a message is taken whatever its size. */
START_TEST(large_message_is_taken_where_nothing_waits)
{
    struct account account = {.last = -1};
    struct client client;

    serve("limits backlog=1k policy=drop\n" FLOOD);
    client = open_narrow("/flood/");
    client_text(&client, "1 8000000");
    client_text(&client, "skipped: that one waits");
    client_ping(&client, "");
    trace_wait("back", 1); /* that was decided, and nothing was read */
    struct received frame = client_receive(&client);
    take_binary(&account, &frame, 8000000);
    client_expect(&client, PONG, "", 0);
    client_text(&client, "taken");
    client_expect_text(&client, "taken");
    client_leave(&client);
    expect_dropped(1, 0);
}
END_TEST

/* Numbered from `first` on. */
static void send_events(struct client *sender, unsigned first, unsigned count)
{
    char text[64];

    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof text, "number %u", first + i);
        client_text(sender, text);
    }
}

/* Those of a group's batch too are judged one by one. */
START_TEST(member_misses_the_newest_of_its_group)
{
    enum { MEMBERS = 3, EVENTS = 10, SIZE = 10000 };
    struct account account = {.last = -1};
    struct client members[MEMBERS], slow;
    unsigned sent = 0;

    serve_with("loops 1\n", "limits backlog=300k policy=drop ping=off\nws /crowd/ crowd.so\n");
    slow = open_narrow("/crowd/");
    for (int i = 0; i < MEMBERS; i++)
        members[i] = client_open("/crowd/");
    while (log_count(" message.skipped ") == 0) {
        send_events(&members[0], sent, EVENTS);
        for (int i = 0; i < MEMBERS; i++)
            for (int j = 0; j < EVENTS; j++)
                must(client_receive(&members[i]).size == SIZE, "not an event");
        sent += EVENTS;
    }
    unsigned texts = read_all(&slow, SIZE, &account);
    send_events(&members[0], sent++, 1); /* it still is a member, and has room again */
    ck_assert_uint_eq(read_one(&slow, SIZE, &account), BINARY);
    ck_assert_int_eq(account.last, sent - 1);
    client_leave(&slow);
    for (int i = 0; i < MEMBERS; i++) {
        must(client_receive(&members[i]).size == SIZE, "not an event");
        client_leave(&members[i]);
    }
    expect_dropped(sent + texts, account.messages + account.texts);
}
END_TEST

/* ---- Hostile readers ------------------------------------------------------------------------- */

/* All of it arrives, pongs at frames' ends. */
START_TEST(one_byte_at_a_time)
{
    enum { COUNT = 400, SIZE = 1000, PINGS = 40, ALL = COUNT * (SIZE + 4) + PINGS * 6 + 5 };
    struct account account = {.last = -1};
    struct client client;
    uint8_t *bytes = malloc(ALL);
    unsigned pings = 0;

    serve("limits backlog=1m\n" FLOOD);
    client = open_narrow("/flood/");
    client_text(&client, "400 1000");
    for (size_t at = 0; at < ALL; at++) {
        struct pollfd wait = {.fd = client.fd, .events = POLLIN};

        if (at % 1000 == 0 && pings < PINGS) {
            client_ping(&client, "ping");
            if (++pings == PINGS)
                client_text(&client, "end");
        }
        must(poll(&wait, 1, PATIENCE_MS) == 1, "nothing at %zu", at);
        must(recv(client.fd, bytes + at, 1, 0) == 1, "the end at %zu", at);
    }
    free(client.room);
    client.room = client.data = bytes;
    client.size = client.room_size = ALL;
    read_on(&client, SIZE, &account);
    ck_assert_uint_eq(account.messages, COUNT);
    ck_assert_uint_eq(account.pongs, PINGS);
    ck_assert_uint_eq(client.size, 0);
    client_leave(&client);
}
END_TEST

START_TEST(reset_while_much_waits)
{
    struct client clients[20], ordinary;

    serve("limits backlog=32m\n" FLOOD);
    ordinary = client_open("/flood/");
    for (int i = 0; i < 20; i++) {
        clients[i] = open_narrow("/flood/");
        client_text(&clients[i], "1000 4000");
        client_ping(&clients[i], "never read");
        if (i % 2 == 0)
            client_fill(&clients[i], 100000);
        client_cut(&clients[i]);
    }
    trace_wait("disconnect 1006", 20);
    client_text(&ordinary, "still here");
    client_expect_text(&ordinary, "still here");
    client_leave(&ordinary);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, slow readers");
    TCase *tcase = harness_case(suite, "pings");

    tcase_add_test(tcase, pong_overtakes_what_waits);
    tcase_add_test(tcase, pong_keeps_its_place_where_nothing_waits);
    tcase_add_test(tcase, pongs_that_are_not_read_do_not_pile_up);
    tcase_add_test(tcase, ping_overtakes_what_waits);
    tcase = harness_case(suite, "closing");
    tcase_add_test(tcase, close_waits_for_what_was_sent_before);
    tcase_add_test(tcase, pings_are_answered_while_the_close_waits);
    tcase = harness_case(suite, "dropping");
    tcase_add_test(tcase, newest_messages_are_skipped);
    tcase_add_test(tcase, newest_large_messages_are_skipped);
    tcase_add_test(tcase, tight_limit_holds);
    tcase_add_test(tcase, large_message_is_taken_where_nothing_waits);
    tcase_add_test(tcase, member_misses_the_newest_of_its_group);
    tcase = harness_case(suite, "hostile");
    tcase_add_test(tcase, one_byte_at_a_time);
    tcase_add_test(tcase, reset_while_much_waits);
    return harness_run(suite);
}
