/*
 * Tests of include/sluice/sluice.h: the structs that consumers have been compiled with. What is
 * told here stands in .so files everywhere: a test that fails means a new ABI version, not a new
 * number in the test.
 */
#include <check.h>
#include <stddef.h>
#include <sluice/sluice.h>

#include "suite.h"

#define FIELD(type, name, at, bytes)                                                               \
    {                                                                                              \
#type "." #name, offsetof(struct type, name), (at), sizeof(((struct type *)0)->name),      \
            (bytes)                                                                                \
    }

struct field {
    const char *name;
    size_t offset, golden_offset;
    size_t size, golden_size;
};

/* On a machine with 64-bit pointers, which is where packages are built. */
static const struct field fields[] = {
    FIELD(sluice_consumer, abi, 0, 4),
    FIELD(sluice_consumer, size, 4, 4),
    FIELD(sluice_consumer, connect, 8, 8),
    FIELD(sluice_consumer, receive, 16, 8),
    FIELD(sluice_consumer, receive_json, 24, 8),
    FIELD(sluice_consumer, disconnect, 32, 8),
    FIELD(sluice_consumer, blocking, 40, 1),
    FIELD(sluice_consumer, state_size, 48, 8),
    FIELD(sluice_consumer, state_version, 56, 4),
    FIELD(sluice_consumer, check, 64, 8),
    FIELD(sluice_consumer, load, 72, 8),
    FIELD(sluice_consumer, save, 80, 8),
    FIELD(sluice_consumer, unload, 88, 8),
    FIELD(sluice_consumer, upgrade, 96, 8),
    FIELD(sluice_handler, abi, 0, 4),
    FIELD(sluice_handler, broadcast, 4, 1),
    FIELD(sluice_handler, name, 8, 8),
    FIELD(sluice_handler, run, 16, 8),
    FIELD(sluice_message, data, 0, 8),
    FIELD(sluice_message, size, 8, 8),
    FIELD(sluice_message, binary, 16, 1),
};

START_TEST(field_is_where_it_was)
{
    const struct field *field = &fields[_i];

    if (sizeof(void *) != 8)
        return;
    ck_assert_msg(field->offset == field->golden_offset, "%s moved from %zu to %zu", field->name,
                  field->golden_offset, field->offset);
    ck_assert_msg(field->size == field->golden_size, "%s had %zu bytes, has %zu", field->name,
                  field->golden_size, field->size);
}
END_TEST

START_TEST(structs_have_their_sizes)
{
    if (sizeof(void *) != 8)
        return;
    ck_assert_uint_eq(sizeof(struct sluice_consumer), 104);
    ck_assert_uint_eq(sizeof(struct sluice_handler), 24);
    ck_assert_uint_eq(sizeof(struct sluice_message), 24);
}
END_TEST

START_TEST(numbers_are_what_they_were)
{
    ck_assert_uint_eq(SLUICE_ABI, 0x00010000);
    ck_assert_uint_eq(sizeof(SLUICE_ABI), 4);
    ck_assert_uint_eq(SLUICE_ABI_MAJOR, 1);
    ck_assert_uint_eq(SLUICE_ABI_MINOR, 0);
    ck_assert_uint_eq(sizeof(sluice_timer), 8);
    ck_assert_uint_eq(SLUICE_GROUP_MAX, 100);
    ck_assert_int_eq(SLUICE_DEBUG, 0);
    ck_assert_int_eq(SLUICE_INFO, 1);
    ck_assert_int_eq(SLUICE_WARN, 2);
    ck_assert_int_eq(SLUICE_ERROR, 3);
}
END_TEST

/* What a consumer's source makes of the macros. */
static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)ws, (void)message;
}

SLUICE_CONSUMER(.receive = on_receive, .state_size = 7);

SLUICE_HANDLER(layout_handler, ws, event)
{
}

SLUICE_BROADCAST(layout_broadcast, ws, event)
{
}

START_TEST(macros_fill_in_records)
{
    ck_assert_uint_eq(sluice_consumer.abi, SLUICE_ABI);
    ck_assert_uint_eq(sluice_consumer.size, sizeof(struct sluice_consumer));
    ck_assert(sluice_consumer.receive == on_receive);
    ck_assert_uint_eq(sluice_consumer.state_size, 7);
    ck_assert(sluice_consumer.connect == NULL && !sluice_consumer.blocking);

    ck_assert_uint_eq(sluice_handler_layout_handler.abi, SLUICE_ABI);
    ck_assert_str_eq(sluice_handler_layout_handler.name, "layout_handler");
    ck_assert(!sluice_handler_layout_handler.broadcast);
    ck_assert(sluice_handler_layout_handler.run == sluice_run_layout_handler);
    ck_assert(sluice_handler_layout_broadcast.broadcast);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layout");
    TCase *tcase = tcase_create("layout");

    tcase_add_loop_test(tcase, field_is_where_it_was, 0, sizeof(fields) / sizeof(*fields));
    tcase_add_test(tcase, structs_have_their_sizes);
    tcase_add_test(tcase, numbers_are_what_they_were);
    tcase_add_test(tcase, macros_fill_in_records);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
