/*
 * Tests of tether and held: messages with texts and descriptors, and sockets under their names.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"
#include "supervise/held.h"
#include "supervise/tether.h"

static int ends[2];

static void setup(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void teardown(void)
{
    close(ends[0]);
    close(ends[1]);
}

static struct tether_message received;

static int receive(void)
{
    int descriptor;

    ck_assert_int_eq(tether_receive(ends[1], &received, &descriptor, true), TETHER_GOT);
    return descriptor;
}

START_TEST(a_message_comes_as_it_was)
{
    struct tether_message message = {.kind = TETHER_CRASHES, .number = 7};

    ck_assert(tether_add_text(&message, "chat.so"));
    ck_assert(tether_add_text(&message, ""));
    ck_assert(tether_add_text(&message, "receive"));
    ck_assert(tether_send(ends[0], &message, -1, false));
    ck_assert_int_eq(receive(), -1);
    ck_assert_int_eq(received.kind, TETHER_CRASHES);
    ck_assert_uint_eq(received.number, 7);
    ck_assert_str_eq(tether_text(&received, 0), "chat.so");
    ck_assert_str_eq(tether_text(&received, 1), "");
    ck_assert_str_eq(tether_text(&received, 2), "receive");
    ck_assert_str_eq(tether_text(&received, 3), "");
}
END_TEST

START_TEST(a_descriptor_comes_along)
{
    struct stat here, there;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), got;

    ck_assert(tether_say(ends[0], TETHER_HOLD, "a name", 0, fd));
    got = receive();
    ck_assert_int_ge(got, 0);
    ck_assert_int_ne(got, fd);
    ck_assert_int_ne(fcntl(got, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert(fstat(fd, &here) == 0 && fstat(got, &there) == 0);
    ck_assert_uint_eq(here.st_rdev, there.st_rdev);
    close(fd);
    close(got);
}
END_TEST

START_TEST(texts_that_do_not_fit)
{
    struct tether_message message = {.kind = TETHER_TRIES};
    char text[TETHER_TEXT_SIZE + 1];

    memset(text, 'x', TETHER_TEXT_SIZE);
    text[TETHER_TEXT_SIZE] = '\0';
    ck_assert(!tether_add_text(&message, text));
    ck_assert_uint_eq(message.size, 0);
    ck_assert(tether_add_text(&message, text + 1));
    ck_assert(!tether_add_text(&message, ""));
    ck_assert(tether_send(ends[0], &message, -1, true));
    receive();
    ck_assert_str_eq(tether_text(&received, 0), text + 1);
}
END_TEST

START_TEST(what_is_no_message_is_passed_by)
{
    const size_t head = offsetof(struct tether_message, text);
    struct tether_message message = {.kind = TETHER_LEAVES, .size = 3, .text = "xxx"};

    ck_assert_int_eq(send(ends[0], "?", 1, 0), 1);             /* too short */
    ck_assert_int_gt(send(ends[0], &message, head + 2, 0), 0); /* not as long as it says */
    ck_assert_int_gt(send(ends[0], &message, head + 3, 0), 0); /* its text has no end */
    ck_assert(tether_say(ends[0], TETHER_TRIED, NULL, 0, -1));
    receive();
    ck_assert_int_eq(received.kind, TETHER_TRIED);
}
END_TEST

START_TEST(the_end_is_told)
{
    int descriptor;

    ck_assert_int_eq(tether_receive(ends[1], &received, &descriptor, false), TETHER_NOTHING);
    shutdown(ends[0], SHUT_RDWR);
    ck_assert_int_eq(tether_receive(ends[1], &received, &descriptor, true), TETHER_GONE);
    ck_assert(!tether_say(ends[1], TETHER_SERVES, NULL, 0, -1));
}
END_TEST

START_TEST(a_full_line_does_not_wait_unless_it_may)
{
    struct tether_message message = {.kind = TETHER_FORGET};
    unsigned sent = 0;

    while (tether_send(ends[0], &message, -1, false))
        ck_assert_uint_lt(++sent, 100000);
    ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

/* ---- Sockets --------------------------------------------------------------------------------- */

START_TEST(one_socket_of_a_name)
{
    struct held held = {.count = 0};
    int first = dup(ends[0]), second = dup(ends[0]), other = dup(ends[0]);

    held_add(&held, "a", first);
    held_add(&held, "b", other);
    held_add(&held, "a", second);
    ck_assert_uint_eq(held.count, 2);
    ck_assert_int_eq(fcntl(first, F_GETFD), -1); /* closed */
    held_remove(&held, "a");
    held_remove(&held, "nobody");
    ck_assert_uint_eq(held.count, 1);
    ck_assert_str_eq(held.sockets[0].name, "b");
    ck_assert_int_eq(fcntl(second, F_GETFD), -1);
    held_free(&held, false);
    ck_assert_int_eq(fcntl(other, F_GETFD), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tether");
    TCase *tcase = tcase_create("tether");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_message_comes_as_it_was);
    tcase_add_test(tcase, a_descriptor_comes_along);
    tcase_add_test(tcase, texts_that_do_not_fit);
    tcase_add_test(tcase, what_is_no_message_is_passed_by);
    tcase_add_test(tcase, the_end_is_told);
    tcase_add_test(tcase, a_full_line_does_not_wait_unless_it_may);
    tcase_add_test(tcase, one_socket_of_a_name);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
