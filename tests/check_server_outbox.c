/*
 * Tests of server/outbox: whatever a socket takes, and whenever, what leaves is frames, whole and
 * in order; what is dropped, or finds no memory, leaves no trace.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "line.h"
#include "suite.h"

/* ---- Appending and writing ------------------------------------------------------------------ */

START_TEST(a_turns_frames_leave_at_once)
{
    line_clear(SIZE_MAX);
    for (uint32_t i = 1; i <= 1000; i++)
        ck_assert(add(i, 20));
    ck_assert_uint_eq(outbox.size, 1000 * 22);
    write_all();
    ck_assert_uint_eq(line_frames(0), 1000);
    ck_assert_uint_eq(line.calls, 1);
    finish();
}
END_TEST

START_TEST(blocks_are_used_again)
{
    line_clear(SIZE_MAX);
    ck_assert(add(1, 100));
    write_all();
    ck_assert_uint_eq(pool.count, 1);
    long live = mem_live();
    for (uint32_t i = 2; i < 100; i++) {
        ck_assert(add(i, 3000));
        write_all();
    }
    ck_assert_int_eq(mem_live(), live);
    ck_assert_uint_eq(pool.count, 1);
    ck_assert(add(100, 100000)); /* no block: its memory goes back */
    write_all();
    ck_assert_uint_eq(pool.count, 1);
    finish();
}
END_TEST

/* What was not needed from one trim to the next is given back. */
START_TEST(pool_shrinks_to_what_is_used)
{
    line_clear(SIZE_MAX);
    for (uint32_t i = 1; i <= 10; i++)
        ck_assert(add(i, 3000));
    write_all();
    ck_assert_uint_eq(pool.count, 10);
    chunk_pool_trim(&pool); /* before it, there was a time when none was free */
    ck_assert_uint_eq(pool.count, 10);
    for (uint32_t i = 11; i <= 13; i++)
        ck_assert(add(i, 3000));
    write_all();
    chunk_pool_trim(&pool);
    ck_assert_uint_eq(pool.count, 3);
    chunk_pool_trim(&pool);
    ck_assert_uint_eq(pool.count, 0);
    finish();
}
END_TEST

/* More blocks than are worth keeping come back. */
START_TEST(pool_is_bounded)
{
    line_clear(SIZE_MAX);
    for (uint32_t i = 1; i <= 2000; i++)
        ck_assert(add(i, 3000));
    write_all();
    ck_assert_uint_eq(pool.count, 1024);
    ck_assert_uint_eq(line_frames(0), 2000);
    finish();
}
END_TEST

START_TEST(writing_stops_at_every_byte)
{
    enum { SIZE = 2 * 22 + 4 + 3000 + 10 + 70000 };
    for (size_t room = 0; room <= SIZE; room += room < 3200 || room > 73000 ? 1 : 61) {
        line_clear(room);
        ck_assert(add(1, 20));
        ck_assert(add(2, 3000));
        ck_assert(add(3, 70000));
        ck_assert(add(4, 20));
        ck_assert_int_eq(outbox_write(&outbox, &pool, -1),
                         room < SIZE ? OUTBOX_WAITING : OUTBOX_EMPTY);
        ck_assert_uint_eq(outbox.size, SIZE - room);
        ck_assert_uint_eq(line.size, room);
        write_all();
        ck_assert_uint_eq(line_frames(0), 4);
    }
    finish();
}
END_TEST

/* To a peer that reads as quickly as we write, not all leaves in one turn. */
START_TEST(writing_is_bounded)
{
    line_clear(SIZE_MAX);
    for (uint32_t i = 1; i <= 1000; i++)
        ck_assert(add(i, 3000));
    size_t all = outbox.size;
    ck_assert_int_eq(outbox_write(&outbox, &pool, -1), OUTBOX_WAITING);
    ck_assert_uint_ge(line.size, OUTBOX_TURN_MOST);
    ck_assert_uint_lt(line.size, 2 * OUTBOX_TURN_MOST);
    ck_assert_uint_eq(outbox.size, all - line.size);
    write_all();
    ck_assert_uint_eq(line_frames(0), 1000);
    finish();
}
END_TEST

START_TEST(cut_line_is_told)
{
    line_clear(10);
    line.error = EPIPE;
    ck_assert(add(1, 20));
    ck_assert_int_eq(outbox_write(&outbox, &pool, -1), OUTBOX_WAITING);
    ck_assert_int_eq(outbox_write(&outbox, &pool, -1), OUTBOX_BROKEN);
    bool memory = false;
    ck_assert_int_eq(
        outbox_write_frame(&outbox, &pool, -1, FRAME_BINARY, 0, payload_of(2, 20000), &memory),
        OUTBOX_BROKEN);
    finish();
}
END_TEST

/* ---- Large frames, from where they are ------------------------------------------------------ */

START_TEST(large_frame_is_written_from_where_it_is)
{
    bool memory = false;
    line_clear(SIZE_MAX);
    ck_assert_int_eq(
        outbox_write_frame(&outbox, &pool, -1, FRAME_BINARY, 0, payload_of(1, 200000), &memory),
        OUTBOX_EMPTY);
    ck_assert(memory);
    ck_assert_uint_eq(line.calls, 1);
    ck_assert_int_eq(mem_live(), 0);
    ck_assert_uint_eq(line_frames(0), 1);
}
END_TEST

START_TEST(large_frame_keeps_its_place)
{
    for (size_t room = 0; room <= 60000; room += room < 40 ? 1 : 997) {
        bool memory = false;
        line_clear(room);
        ck_assert(add(1, 20));
        enum outbox_result result =
            outbox_write_frame(&outbox, &pool, -1, FRAME_BINARY, 0, payload_of(2, 50000), &memory);
        ck_assert(memory);
        ck_assert_int_eq(result, room < 22 + 4 + 50000 ? OUTBOX_WAITING : OUTBOX_EMPTY);
        ck_assert(add(3, 20));
        write_all();
        ck_assert_uint_eq(line_frames(0), 3);
    }
    finish();
}
END_TEST

START_TEST(large_frame_without_memory_is_told)
{
    bool memory = true;
    line_clear(1000);
    mem_fail_at(1);
    ck_assert_int_eq(
        outbox_write_frame(&outbox, &pool, -1, FRAME_BINARY, 0, payload_of(1, 50000), &memory),
        OUTBOX_WAITING);
    ck_assert(!memory);
    finish();
}
END_TEST

/* ---- Batches -------------------------------------------------------------------------------- */

static size_t batch_add(struct batch *batch, uint32_t number, size_t size)
{
    size_t before = batch->bytes.size;
    ck_assert(batch_frame(batch, FRAME_BINARY, 0, payload_of(number, size)));
    return batch->bytes.size - before;
}

/* Writes whole frames of a batch, and appends what is left of them. */
static enum outbox_result send_batch(struct batch *batch, size_t at, size_t size)
{
    bool memory = false;
    size_t taken = SIZE_MAX;
    enum outbox_result result =
        outbox_write_batch(&outbox, &pool, -1, batch, at, size, &taken, &memory);
    ck_assert(memory);
    ck_assert_uint_le(taken, size);
    if (taken < size)
        ck_assert(outbox_batch(&outbox, &pool, batch, at + taken, size - taken));
    return result;
}

/* What refers to a batch survives that it grows, and so moves, and that others let go of it. */
START_TEST(batch_grows_while_it_waits)
{
    struct batch *batch = batch_new();
    size_t at = 0;
    line_clear(100);
    for (uint32_t i = 1; i <= 200; i++) {
        size_t size = batch_add(batch, i, 4 + i * 7);
        ck_assert_int_eq(send_batch(batch, at, size),
                         line.room > 0 ? OUTBOX_EMPTY : OUTBOX_WAITING);
        at += size;
    }
    batch_unref(batch);
    ck_assert_uint_eq(outbox.size + line.size, at);
    write_all();
    ck_assert_uint_eq(line_frames(0), 200);
    finish();
}
END_TEST

START_TEST(members_share_a_batch)
{
    struct outbox others[50] = {0};
    struct batch *batch = batch_new();
    size_t size = batch_add(batch, 1, 10000);
    long live = mem_live();
    line_clear(0);
    for (int i = 0; i < 50; i++)
        ck_assert(outbox_batch(&others[i], &pool, batch, 0, size));
    ck_assert_int_eq(mem_live(), live + 50);
    ck_assert_uint_eq(batch->references, 51);
    batch_unref(batch);
    for (int i = 0; i < 50; i++) {
        line_clear(SIZE_MAX);
        ck_assert_int_eq(outbox_write(&others[i], &pool, -1), OUTBOX_EMPTY);
        ck_assert_uint_eq(line_frames(0), 1);
    }
    finish();
}
END_TEST

/* A slow member of a busy group is not to cost many times what it is sent. */
START_TEST(small_parts_of_batches_cost_what_they_are)
{
    line_clear(0);
    for (uint32_t i = 1; i <= 10000; i++) {
        struct batch *batch = batch_new();
        ck_assert(outbox_batch(&outbox, &pool, batch, 0, batch_add(batch, i, 10)));
        batch_unref(batch);
    }
    ck_assert_int_lt(mem_live(), 40); /* 120000 bytes, in blocks of 4096 */
    write_all();
    ck_assert_uint_eq(line_frames(0), 10000);
    finish();
}
END_TEST

/* What is a small part of a batch does not keep all of it. */
START_TEST(small_part_does_not_keep_a_large_batch)
{
    enum { PART = 2000, OTHERS = 100000 };
    struct batch *batch = batch_new();
    size_t size = batch_add(batch, 1, PART);
    line_clear(0);
    batch_add(batch, 2, OTHERS);
    ck_assert(outbox_batch(&outbox, &pool, batch, 0, size));
    ck_assert_uint_eq(batch->references, 1);
    ck_assert(!batch->held);
    ck_assert(outbox_batch(&outbox, &pool, batch, size, batch->bytes.size - size));
    ck_assert_uint_eq(batch->references, 2);
    ck_assert(batch->held);
    batch_unref(batch);
    write_all();
    ck_assert_uint_eq(line_frames(0), 2);
    finish();
}
END_TEST

/* Once a batch is referred to, what is written next is in another one. */
START_TEST(held_batch_does_not_grow)
{
    struct batch *batch = batch_new(), *first = batch;
    size_t size = batch_add(batch, 1, 1000);
    line_clear(0);
    batch_go_on(&batch);
    ck_assert_ptr_eq(batch, first);
    ck_assert(outbox_batch(&outbox, &pool, batch, 0, size));
    mem_fail_at(1);
    batch_go_on(&batch);
    mem_fail_at(0);
    ck_assert_ptr_eq(batch, first); /* better that than to lose a message */
    batch_go_on(&batch);
    ck_assert_ptr_ne(batch, first);
    size = batch_add(batch, 2, 1000);
    ck_assert(outbox_batch(&outbox, &pool, batch, 0, size));
    batch_go_on(&batch);
    batch_unref_all(batch);
    write_all();
    ck_assert_uint_eq(line_frames(0), 2);
    finish();
}
END_TEST

/* What had no room in it is missing, and nothing else. */
START_TEST(batch_goes_on_behind_a_frame_that_found_no_memory)
{
    struct batch *batch = batch_new();

    ck_assert(batch_frame(batch, FRAME_BINARY, 0, payload_of(1, 100)));
    mem_fail_at(1);
    ck_assert(!batch_frame(batch, FRAME_BINARY, 0, payload_of(2, 100000)));
    ck_assert(batch_frame(batch, FRAME_BINARY, 0, payload_of(3, 100)));
    ck_assert_uint_eq(batch->bytes.size, 2 * (2 + 100));
    line_clear(SIZE_MAX);
    ck_assert(outbox_batch(&outbox, &pool, batch, 0, batch->bytes.size));
    write_all();
    ck_assert_uint_eq(line_frames(0), 2);
    batch_unref(batch);
    finish();
}
END_TEST

/* Of a batch that the socket took nearly all of, the rest is little. */
START_TEST(last_bytes_do_not_keep_a_batch)
{
    struct batch *batch = batch_new();
    for (uint32_t i = 1; i <= 10; i++)
        batch_add(batch, i, 10000);
    line_clear(batch->bytes.size - 100);
    ck_assert_int_eq(send_batch(batch, 0, batch->bytes.size), OUTBOX_WAITING);
    ck_assert_uint_eq(batch->references, 1);
    ck_assert_uint_eq(outbox.size, 100);
    batch_unref(batch);
    write_all();
    ck_assert_uint_eq(line_frames(0), 10);
    finish();
}
END_TEST

/* Small frames between parts of batches do not take a block each. */
START_TEST(mixed_output_costs_about_what_it_is)
{
    line_clear(0);
    for (uint32_t i = 1; i <= 1000; i += 2) {
        struct batch *batch = batch_new();
        ck_assert(add(i, 10));
        ck_assert(outbox_batch(&outbox, &pool, batch, 0, batch_add(batch, i + 1, 300)));
        batch_unref(batch);
    }
    ck_assert_int_lt(mem_live(), 200); /* 158000 bytes; a block for each pair would be 500 */
    write_all();
    ck_assert_uint_eq(line_frames(0), 1000);
    finish();
}
END_TEST

/* ---- Dropping ------------------------------------------------------------------------------- */

/* Wherever in the second of four frames the socket stopped, that one ends, and is the last. */
START_TEST(dropping_ends_with_a_whole_frame)
{
    enum { FRAME = 4 + 200 };
    for (size_t room = 0; room <= 4 * FRAME; room++) {
        line_clear(room);
        for (uint32_t i = 1; i <= 4; i++)
            ck_assert(add(i, 200));
        outbox_write(&outbox, &pool, -1);
        size_t begun = (room + FRAME - 1) / FRAME;
        ck_assert_uint_eq(outbox_drop_unstarted(&outbox, &pool), (4 - begun) * FRAME);
        ck_assert_uint_eq(outbox.size, begun * FRAME - room);
        ck_assert(add(9, 100)); /* the close frame goes out behind it */
        write_all();
        ck_assert_uint_eq(line_frames(0), begun + 1);
    }
    finish();
}
END_TEST

START_TEST(dropping_within_a_batch)
{
    enum { FRAME = 4 + 400 };
    for (size_t room = 0; room <= 4 * FRAME; room++) {
        struct batch *batch = batch_new();
        line_clear(room);
        for (uint32_t i = 1; i <= 4; i++)
            ck_assert_uint_eq(batch_add(batch, i, 400), FRAME);
        send_batch(batch, 0, 4 * FRAME);
        batch_unref(batch);
        outbox_drop_unstarted(&outbox, &pool);
        ck_assert(add(9, 100));
        write_all();
        ck_assert_uint_eq(line_frames(0), (room + FRAME - 1) / FRAME + 1);
    }
    finish();
}
END_TEST

/* The handshake's answer is no frame: without it the frames behind it would mean nothing. */
START_TEST(dropping_leaves_what_is_no_frame)
{
    static const struct slice head = SLICE("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    for (size_t room = 0; room <= head.size + 60; room++) {
        line_clear(room);
        ck_assert(outbox_bytes(&outbox, &pool, head));
        ck_assert(add(1, 50));
        ck_assert(add(2, 50));
        outbox_write(&outbox, &pool, -1);
        outbox_drop_unstarted(&outbox, &pool);
        ck_assert(add(9, 50));
        write_all();
        ck_assert_mem_eq(line.data, head.data, head.size);
        size_t begun = room <= head.size ? 0 : room <= head.size + 52 ? 1 : 2;
        ck_assert_uint_eq(line_frames(head.size), begun + 1);
    }
    finish();
}
END_TEST

/* ---- All of it, at random ------------------------------------------------------------------- */

/* What was appended is what waits, what left and what was dropped. */
struct ledger {
    uint32_t next; /* frame */
    size_t added, dropped;
    unsigned frames;
    bool drops;
    struct batch *batch;
};

static size_t random_size(void)
{
    static const size_t most[] = {20, 200, 5000, 60000};
    return 4 + (size_t)rand() % most[rand() % 4];
}

static size_t size_on_line(size_t payload)
{
    uint8_t header[FRAME_HEADER_MAX];
    return payload + frame_write(header, FRAME_BINARY, 0, payload);
}

static void do_frame(struct ledger *ledger, bool direct)
{
    size_t size = random_size(), left = line.size + outbox.size;
    struct slice payload = payload_of(++ledger->next, size);
    bool memory = true;
    if (direct)
        outbox_write_frame(&outbox, &pool, -1, FRAME_BINARY, 0, payload, &memory);
    else
        memory = outbox_frame(&outbox, &pool, FRAME_BINARY, 0, payload);
    ck_assert(memory);
    ck_assert_uint_eq(line.size + outbox.size, left + size_on_line(size));
    ledger->added += size_on_line(size);
    ledger->frames++;
}

/* One to three frames, in one part; now and then of a new batch. */
static void do_batch(struct ledger *ledger)
{
    if (rand() % 8 == 0) {
        batch_unref(ledger->batch);
        ledger->batch = batch_new();
    }
    size_t at = ledger->batch->bytes.size, size = 0;
    for (int i = rand() % 3; i >= 0; i--, ledger->frames++)
        size += batch_add(ledger->batch, ++ledger->next, random_size());
    if (rand() % 2)
        send_batch(ledger->batch, at, size);
    else
        ck_assert(outbox_batch(&outbox, &pool, ledger->batch, at, size));
    ledger->added += size;
}

static void do_something(struct ledger *ledger)
{
    int choice = rand() % 16;
    if (choice < 5) {
        do_frame(ledger, choice < 2);
    } else if (choice < 9) {
        do_batch(ledger);
    } else if (choice < 15 || !ledger->drops) {
        line.room = (size_t)rand() % 4 == 0 ? (size_t)rand() % 100000 : (size_t)rand() % 500;
        outbox_write(&outbox, &pool, -1);
    } else {
        ledger->dropped += outbox_drop_unstarted(&outbox, &pool);
    }
    ck_assert_uint_eq(line.size + outbox.size + ledger->dropped, ledger->added);
}

START_TEST(whatever_happens_frames_leave_whole)
{
    struct ledger ledger = {.batch = batch_new(), .drops = _i % 2};
    srand((unsigned)_i);
    line_clear(0);
    while (line.size + outbox.size < LINE_MOST / 4)
        do_something(&ledger);
    batch_unref(ledger.batch);
    write_all();
    unsigned arrived = line_frames(0);
    if (ledger.drops)
        ck_assert_uint_le(arrived, ledger.frames);
    else
        ck_assert_uint_eq(arrived, ledger.frames);
    finish();
}
END_TEST

/* ---- Failing allocations -------------------------------------------------------------------- */

START_TEST(what_found_no_memory_was_not_appended)
{
    struct batch *batch = batch_new();
    size_t size = batch_add(batch, 1, 1000);
    line_clear(0);
    for (size_t payload = 4; payload < 20000; payload = payload * 3) {
        mem_fail_at(1);
        ck_assert(!add(1, payload));
        mem_fail_at(1);
        ck_assert(!outbox_bytes(&outbox, &pool, payload_of(1, payload)));
    }
    mem_fail_at(1);
    ck_assert(!outbox_batch(&outbox, &pool, batch, 0, size));
    mem_fail_at(1);
    ck_assert(!batch_frame(batch, FRAME_BINARY, 0, payload_of(2, 100000)));
    mem_fail_at(0);
    ck_assert_uint_eq(batch->references, 1);
    ck_assert_uint_eq(batch->bytes.size, size);
    ck_assert_uint_eq(outbox.size, 0);
    ck_assert_ptr_null(outbox.first);
    ck_assert(add(1, 100));
    write_all();
    ck_assert_uint_eq(line_frames(0), 1);
    batch_unref(batch);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/outbox");
    TCase *tcase = tcase_create("outbox");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_turns_frames_leave_at_once);
    tcase_add_test(tcase, blocks_are_used_again);
    tcase_add_test(tcase, pool_shrinks_to_what_is_used);
    tcase_add_test(tcase, pool_is_bounded);
    tcase_add_test(tcase, writing_stops_at_every_byte);
    tcase_add_test(tcase, writing_is_bounded);
    tcase_add_test(tcase, cut_line_is_told);
    tcase_add_test(tcase, large_frame_is_written_from_where_it_is);
    tcase_add_test(tcase, large_frame_keeps_its_place);
    tcase_add_test(tcase, large_frame_without_memory_is_told);
    tcase_add_test(tcase, batch_grows_while_it_waits);
    tcase_add_test(tcase, members_share_a_batch);
    tcase_add_test(tcase, small_parts_of_batches_cost_what_they_are);
    tcase_add_test(tcase, small_part_does_not_keep_a_large_batch);
    tcase_add_test(tcase, held_batch_does_not_grow);
    tcase_add_test(tcase, batch_goes_on_behind_a_frame_that_found_no_memory);
    tcase_add_test(tcase, last_bytes_do_not_keep_a_batch);
    tcase_add_test(tcase, mixed_output_costs_about_what_it_is);
    tcase_add_test(tcase, dropping_ends_with_a_whole_frame);
    tcase_add_test(tcase, dropping_within_a_batch);
    tcase_add_test(tcase, dropping_leaves_what_is_no_frame);
    tcase_add_loop_test(tcase, whatever_happens_frames_leave_whole, 0, 20);
    tcase_add_test(tcase, what_found_no_memory_was_not_appended);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
