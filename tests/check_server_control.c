/*
 * Tests of server/outbox: pings and pongs are not held up by what waits, wherever in it the socket
 * stopped, and do not pile up.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "line.h"
#include "suite.h"

static bool control(enum frame_opcode opcode, uint32_t number, size_t size)
{
    bool skipped;
    ck_assert(outbox_control(&outbox, &pool, opcode, payload_of(number, size), &skipped));
    return skipped;
}

/* How many other frames left before the first control frame. */
static unsigned frames_before_control(size_t at)
{
    struct frame frame;
    const char *why;
    for (unsigned before = 0;; before++) {
        ck_assert_int_eq(frame_parse(line.data + at, line.size - at, &frame, &why), FRAME_DONE);
        if (frame_is_control(&frame))
            return before;
        at += frame.header_size + frame.length;
    }
}

/* ---- Overtaking ----------------------------------------------------------------------------- */

enum { FRAME = 4 + 200, FRAMES = 4 };

static void add_frames(void)
{
    for (uint32_t i = 1; i <= FRAMES; i++)
        ck_assert(add(i, FRAME - 4));
}

static void add_batch(void)
{
    struct batch *batch = batch_new();
    size_t taken;
    bool memory;
    for (uint32_t i = 1; i <= FRAMES; i++)
        ck_assert(batch_frame(batch, FRAME_BINARY, 0, payload_of(i, FRAME - 4)));
    size_t size = batch->bytes.size;
    outbox_write_batch(&outbox, &pool, -1, batch, 0, size, &taken, &memory);
    ck_assert(memory);
    if (taken < size)
        ck_assert(outbox_batch(&outbox, &pool, batch, taken, size - taken));
    batch_unref(batch);
}

static void wait_in_batch(void)
{
    struct batch *batch = batch_new();
    for (uint32_t i = 1; i <= FRAMES; i++)
        ck_assert(batch_frame(batch, FRAME_BINARY, 0, payload_of(i, FRAME - 4)));
    ck_assert(outbox_batch(&outbox, &pool, batch, 0, batch->bytes.size));
    batch_unref(batch);
}

/* However the frames wait, and wherever the socket stopped. */
static void try_overtaking(void (*fill)(void))
{
    for (size_t room = 0; room < FRAMES * FRAME; room++) {
        line_clear(room);
        fill();
        ck_assert_int_eq(outbox_write(&outbox, &pool, -1), OUTBOX_WAITING);
        ck_assert(outbox_passes(&outbox) || room > (FRAMES - 1) * FRAME);
        size_t waits = outbox.size;
        ck_assert_uint_eq(waits, FRAMES * FRAME - room);
        control(FRAME_PONG, 1, 50);
        ck_assert_uint_eq(outbox.size, waits + 52);
        ck_assert_uint_eq(outbox_data(&outbox), waits);
        ck_assert(add(FRAMES + 1, 20));
        control(FRAME_PING, 2, 4);
        ck_assert_uint_eq(outbox_data(&outbox), waits + 22);
        write_all();
        ck_assert_uint_eq(line_frames(0), FRAMES + 1);
        ck_assert_uint_eq(line.controls, 2);
        ck_assert_uint_eq(frames_before_control(0), (room + FRAME - 1) / FRAME);
    }
    finish();
}

START_TEST(overtakes_frames_of_a_block)
{
    try_overtaking(add_frames);
}
END_TEST

START_TEST(overtakes_frames_of_a_batch)
{
    try_overtaking(wait_in_batch);
}
END_TEST

START_TEST(overtakes_what_a_socket_did_not_take_of_a_batch)
{
    try_overtaking(add_batch);
}
END_TEST

START_TEST(leaves_behind_a_large_frame_that_has_begun)
{
    for (size_t room = 1; room < 10 + 100000; room += room < 20 ? 1 : 9973) {
        bool memory;
        line_clear(room);
        outbox_write_frame(&outbox, &pool, -1, FRAME_BINARY, 0, payload_of(1, 100000), &memory);
        ck_assert(memory);
        ck_assert_uint_eq(outbox.size, 10 + 100000 - room); /* no more than that is kept */
        ck_assert(add(2, 20));
        control(FRAME_PONG, 1, 20);
        write_all();
        ck_assert_uint_eq(line_frames(0), 2);
        ck_assert_uint_eq(frames_before_control(0), 1);
    }
    finish();
}
END_TEST

/* Nothing of a websocket goes before the handshake's answer. */
START_TEST(leaves_behind_what_is_no_frame)
{
    static const struct slice head = SLICE("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    for (size_t room = 0; room < head.size + 24; room++) {
        line_clear(room);
        ck_assert(outbox_bytes(&outbox, &pool, head));
        ck_assert(!outbox_passes(&outbox));
        ck_assert(add(1, 22));
        outbox_write(&outbox, &pool, -1);
        control(FRAME_PONG, 1, 20);
        write_all();
        ck_assert_mem_eq(line.data, head.data, head.size);
        ck_assert_uint_eq(line_frames(head.size), 1);
        ck_assert_uint_eq(frames_before_control(head.size), room > head.size);
    }
    finish();
}
END_TEST

START_TEST(control_frames_keep_their_order)
{
    line_clear(100);
    add_frames();
    outbox_write(&outbox, &pool, -1);
    for (uint32_t i = 1; i <= 60; i++) {
        control(FRAME_PONG, i, 4 + i);
        line.room = i;
        outbox_write(&outbox, &pool, -1);
    }
    write_all();
    ck_assert_uint_eq(line_frames(0), FRAMES);
    ck_assert_uint_eq(line.controls, 60);
    finish();
}
END_TEST

/* The backlog's limit is about what the consumer sends. */
START_TEST(dropping_takes_control_frames_too)
{
    for (size_t room = 0; room < FRAMES * FRAME; room++) {
        line_clear(room);
        add_frames();
        outbox_write(&outbox, &pool, -1);
        control(FRAME_PONG, 1, 50);
        line.room = room % 100; /* perhaps the pong has begun as well */
        outbox_write(&outbox, &pool, -1);
        outbox_drop_unstarted(&outbox, &pool);
        ck_assert(add(9, 20));
        size_t out = line.size, waits = outbox.size;
        write_all();
        ck_assert_uint_eq(line.size, out + waits);
        ck_assert_uint_le(waits, FRAME + 52 + 22);
        ck_assert_uint_ge(line_frames(0), 1);
    }
    finish();
}
END_TEST

/* ---- How many ------------------------------------------------------------------------------- */

static void expect_pongs(uint32_t first, uint32_t last_but_one, uint32_t last)
{
    size_t at = 0;
    for (uint32_t expected = first; at < line.size; expected++) {
        struct frame frame;
        const char *why;
        uint32_t number;
        frame_parse(line.data + at, line.size - at, &frame, &why);
        if (frame.opcode == FRAME_PONG) {
            memcpy(&number, line.data + at + frame.header_size, sizeof number);
            ck_assert_uint_eq(number, expected > last_but_one ? last : expected);
        }
        at += frame.header_size + frame.length;
    }
}

START_TEST(latest_pong_counts)
{
    static const size_t sizes[] = {4, 60, 125};
    for (unsigned i = 0; i < 3; i++) {
        line_clear(0);
        add_frames();
        outbox_write(&outbox, &pool, -1);
        for (uint32_t number = 1; number <= 1000; number++)
            ck_assert_int_eq(control(FRAME_PONG, number, sizes[i]), number > OUTBOX_PONGS_MAX);
        ck_assert_int_lt(mem_live(), 6); /* blocks */
        ck_assert_uint_eq(outbox.size - outbox_data(&outbox), 64 * (sizes[i] + 2));
        write_all();
        ck_assert_uint_eq(line_frames(0), FRAMES);
        ck_assert_uint_eq(line.controls, OUTBOX_PONGS_MAX);
        expect_pongs(1, 63, 1000);
    }
    finish();
}
END_TEST

/* Without data too: a peer that only pings. */
START_TEST(pongs_alone_are_bounded)
{
    line_clear(0);
    for (uint32_t number = 1; number <= 100000; number++) {
        ck_assert_int_eq(outbox_passes(&outbox), number > OUTBOX_PONGS_MAX);
        control(FRAME_PONG, number, 125);
    }
    ck_assert_int_lt(mem_live(), 6);
    write_all();
    ck_assert_uint_eq(line_frames(0), 0);
    ck_assert_uint_eq(line.controls, OUTBOX_PONGS_MAX);
    finish();
}
END_TEST

/* Those that have left make room for others. */
START_TEST(pongs_that_left_do_not_count)
{
    line_clear(SIZE_MAX);
    for (uint32_t number = 1; number <= 1000; number++) {
        ck_assert(!control(FRAME_PONG, number, 10));
        if (number % OUTBOX_PONGS_MAX == 0)
            write_all();
    }
    write_all();
    line_frames(0);
    ck_assert_uint_eq(line.controls, 1000);
    finish();
}
END_TEST

/* A pong that has begun to leave is not taken back. */
START_TEST(pong_that_has_begun_stays)
{
    for (size_t room = 1; room < 64 * 12; room++) {
        line_clear(0);
        for (uint32_t number = 1; number <= 64; number++)
            control(FRAME_PONG, number, 10);
        line.room = room;
        outbox_write(&outbox, &pool, -1);
        size_t begun = (room + 11) / 12;
        for (uint32_t number = 65; number <= 64 + begun; number++)
            ck_assert(!control(FRAME_PONG, number, 10));
        ck_assert(control(FRAME_PONG, 200, 10));
        write_all();
        line_frames(0);
        ck_assert_uint_eq(line.controls, 64 + begun);
    }
    finish();
}
END_TEST

START_TEST(one_ping_waits)
{
    line_clear(0);
    add_frames();
    control(FRAME_PING, 1, 4);
    control(FRAME_PING, 2, 4);
    control(FRAME_PONG, 3, 4);
    control(FRAME_PING, 4, 4);
    write_all();
    line_frames(0);
    ck_assert_uint_eq(line.controls, 2);
    control(FRAME_PING, 5, 4); /* it is out, so the next one is another */
    write_all();
    line_frames(0);
    ck_assert_uint_eq(line.controls, 3);
    finish();
}
END_TEST

/* ---- All of it, at random ------------------------------------------------------------------- */

START_TEST(whatever_happens_frames_leave_whole)
{
    uint32_t next = 0, next_control = 0;
    unsigned skipped = 0;
    srand((unsigned)_i);
    line_clear(0);
    while (line.size + outbox.size < LINE_MOST / 8) {
        int choice = rand() % 8;
        if (choice < 3) {
            ck_assert(add(++next, 4 + (size_t)rand() % (rand() % 8 ? 300 : 9000)));
        } else if (choice < 6) {
            for (int i = rand() % 40; i >= 0; i--)
                skipped += control(FRAME_PONG, ++next_control, 4 + (size_t)rand() % 121);
        } else {
            line.room = (size_t)rand() % 6000;
            outbox_write(&outbox, &pool, -1);
        }
    }
    write_all();
    ck_assert_uint_eq(line_frames(0), next);
    ck_assert_uint_eq(line.controls, next_control - skipped);
    finish();
}
END_TEST

/* ---- Failing allocations -------------------------------------------------------------------- */

START_TEST(without_memory_nothing_is_queued)
{
    for (unsigned long nth = 1; nth <= 3; nth++) {
        bool skipped, done;
        line_clear(100);
        add_frames();
        outbox_write(&outbox, &pool, -1);
        chunk_pool_free(&pool);
        size_t waits = outbox.size;
        mem_fail_at(nth);
        done = outbox_control(&outbox, &pool, FRAME_PONG, payload_of(1, 20), &skipped);
        mem_fail_at(0);
        ck_assert_int_eq(done, nth == 3); /* one block for the pong, one for what is behind it */
        ck_assert_uint_eq(outbox.size, waits + (done ? 22 : 0));
        write_all();
        ck_assert_uint_eq(line_frames(0), FRAMES);
        ck_assert_uint_eq(line.controls, done);
        chunk_pool_free(&pool);
    }
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server/outbox, control frames");
    TCase *tcase = tcase_create("control");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, overtakes_frames_of_a_block);
    tcase_add_test(tcase, overtakes_frames_of_a_batch);
    tcase_add_test(tcase, overtakes_what_a_socket_did_not_take_of_a_batch);
    tcase_add_test(tcase, leaves_behind_a_large_frame_that_has_begun);
    tcase_add_test(tcase, leaves_behind_what_is_no_frame);
    tcase_add_test(tcase, control_frames_keep_their_order);
    tcase_add_test(tcase, dropping_takes_control_frames_too);
    tcase_add_test(tcase, latest_pong_counts);
    tcase_add_test(tcase, pongs_alone_are_bounded);
    tcase_add_test(tcase, pongs_that_left_do_not_count);
    tcase_add_test(tcase, pong_that_has_begun_stays);
    tcase_add_test(tcase, one_ping_waits);
    tcase_add_loop_test(tcase, whatever_happens_frames_leave_whole, 0, 20);
    tcase_add_test(tcase, without_memory_nothing_is_queued);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
