/*
 * Tests of server/address: connections are counted by address, from any thread, and forgotten.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "server/address.h"
#include "suite.h"

union peer {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static struct address_table *table;

static void set_up(void)
{
    table = address_table_new();
    ck_assert_ptr_nonnull(table);
}

static void tear_down(void)
{
    address_table_free(table);
}

static union peer peer_of(const char *text)
{
    union peer peer = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(4711)}};

    if (inet_pton(AF_INET6, text, &peer.v6.sin6_addr) == 1)
        return peer;
    peer = (union peer){.v4 = {.sin_family = AF_INET, .sin_port = htons(4711)}};
    ck_assert_int_eq(inet_pton(AF_INET, text, &peer.v4.sin_addr), 1);
    return peer;
}

static enum address_answer admit(const char *text, unsigned most, struct address_entry **entry)
{
    union peer peer = peer_of(text);

    return address_admit(table, &peer.any, most, entry);
}

START_TEST(as_many_as_may_be)
{
    struct address_entry *entries[3], *refused;

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(admit("192.0.2.1", 3, &entries[i]), ADDRESS_ADMITTED);
    ck_assert_int_eq(admit("192.0.2.1", 3, &refused), ADDRESS_FULL);
    address_leave(table, entries[1]);
    ck_assert_int_eq(admit("192.0.2.1", 3, &entries[1]), ADDRESS_ADMITTED);
    ck_assert_int_eq(admit("192.0.2.1", 3, &refused), ADDRESS_FULL);
    for (int i = 0; i < 3; i++)
        address_leave(table, entries[i]);
    ck_assert_uint_eq(address_count(table), 0);
}
END_TEST

/* Who was let in while there was no limit counts when one is set. */
START_TEST(limit_that_changes)
{
    struct address_entry *entries[5], *refused;

    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(admit("192.0.2.1", 0, &entries[i]), ADDRESS_ADMITTED);
    ck_assert_int_eq(admit("192.0.2.1", 2, &refused), ADDRESS_FULL);
    for (int i = 0; i < 4; i++)
        address_leave(table, entries[i]);
    ck_assert_int_eq(admit("192.0.2.1", 2, &entries[0]), ADDRESS_ADMITTED);
    ck_assert_int_eq(admit("192.0.2.1", 2, &refused), ADDRESS_FULL);
    address_leave(table, entries[0]);
    address_leave(table, entries[4]);
    address_leave(table, NULL);
}
END_TEST

static const struct {
    const char *one, *other;
    bool same;
} pairs[] = {
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.1", "::ffff:192.0.2.1", true},
    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
    {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
    {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
    {"::1", "::2", true},
    {"0.0.0.0", "::", false}, /* the same bytes, of another kind */
    {"0.0.0.1", "::1", false},
};

START_TEST(whose_connections_are_one)
{
    struct address_entry *first, *second;

    ck_assert_int_eq(admit(pairs[_i].one, 1, &first), ADDRESS_ADMITTED);
    ck_assert_int_eq(admit(pairs[_i].other, 1, &second),
                     pairs[_i].same ? ADDRESS_FULL : ADDRESS_ADMITTED);
    if (!pairs[_i].same)
        address_leave(table, second);
    address_leave(table, first);
}
END_TEST

START_TEST(memory_that_is_refused)
{
    struct address_entry *entry;

    for (unsigned long nth = 1; nth <= 3; nth++) { /* an entry, and the table's own two */
        mem_fail_at(nth);
        ck_assert_int_eq(admit("192.0.2.1", 1, &entry), ADDRESS_NO_MEMORY);
        mem_fail_at(0);
        ck_assert_uint_eq(address_count(table), 0);
    }
    ck_assert_int_eq(admit("192.0.2.1", 1, &entry), ADDRESS_ADMITTED);
    address_leave(table, entry);
}
END_TEST

enum { ROUNDS = 20000, THREADS = 4, MOST = 2 };

static void *come_and_go(void *admitted)
{
    union peer peer = peer_of("192.0.2.1");

    while (*(unsigned *)admitted < ROUNDS) { /* those within leave again, so its turn comes */
        struct address_entry *entry;

        if (address_admit(table, &peer.any, MOST, &entry) != ADDRESS_ADMITTED)
            continue;
        ++*(unsigned *)admitted;
        address_leave(table, entry);
    }
    return NULL;
}

START_TEST(threads_at_once)
{
    pthread_t threads[THREADS];
    unsigned admitted[THREADS] = {0};

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, &admitted[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_uint_eq(admitted[i], ROUNDS);
    }
    ck_assert_uint_eq(address_count(table), 0);
}
END_TEST

START_TEST(written_with_their_port)
{
    char text[ADDRESS_TEXT_SIZE];
    union peer v4 = peer_of("192.0.2.1"), v6 = peer_of("2001:db8::1");

    address_text(&v4.any, text);
    ck_assert_str_eq(text, "192.0.2.1:4711");
    address_text(&v6.any, text);
    ck_assert_str_eq(text, "[2001:db8::1]:4711");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connections by address");
    TCase *tcase = tcase_create("address");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, as_many_as_may_be);
    tcase_add_test(tcase, limit_that_changes);
    tcase_add_loop_test(tcase, whose_connections_are_one, 0, sizeof pairs / sizeof *pairs);
    tcase_add_test(tcase, memory_that_is_refused);
    tcase_add_test(tcase, threads_at_once);
    tcase_add_test(tcase, written_with_their_port);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
