/*
 * tests/bench/mailbox: what it costs to hand messages from thread to thread, with the runtime's own
 * loops: the figures that tests/bench/mailbox.py takes to more cores than there are.
 *
 *     mailbox PRODUCERS LOOPS MESSAGES [PAUSE]
 *
 * Each producer posts MESSAGES to every loop in turn, as a group's event goes to every loop that
 * has members, and looks at the clock for PAUSE nanoseconds between two of its events. It prints
 * one line of JSON: CPU of a push, CPU of a loop for each message, and messages taken at a time.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "histogram.h"
#include "loop/loop.h"

enum { LOOPS_MAX = 64, PRODUCERS_MAX = 64 };

struct note {
    struct loop_message message; /* first */
    uint64_t posted;
};

/* Of a loop's thread, until that has been joined. */
struct receiver {
    struct loop *loop;
    struct loop_hook hook;
    uint64_t expected, taken, taken_before; /* messages; the last: when the turn began */
    uint64_t drains;                        /* turns that took any */
    uint64_t cpu;
    struct histogram latency;
};

/* Of its thread, until that has been joined. */
struct producer {
    pthread_t thread;
    struct note *notes;
    uint64_t cpu;
};

static struct receiver receivers[LOOPS_MAX];
static struct producer producers[PRODUCERS_MAX];
static unsigned producer_count, loop_count;
static uint64_t events, pause_ns;
static atomic_uint at_start;

static void die(const char *what)
{
    fprintf(stderr, "mailbox: %s\n", what);
    exit(1);
}

static uint64_t clock_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- The loops ------------------------------------------------------------------------------ */

static void note_run(struct loop *loop, struct loop_message *message)
{
    struct receiver *receiver = loop_data(loop);
    uint64_t posted = ((struct note *)message)->posted;

    if (posted != 0)
        histogram_add(&receiver->latency, clock_of(CLOCK_MONOTONIC) - posted);
    if (++receiver->taken == receiver->expected)
        loop_stop(loop);
}

static bool turn_ends(struct loop *loop, void *context)
{
    struct receiver *receiver = context;

    (void)loop;
    receiver->drains += receiver->taken != receiver->taken_before;
    receiver->taken_before = receiver->taken;
    return false;
}

static void loop_begins(struct loop *loop, void *context)
{
    (void)loop;
    (void)context;
    atomic_fetch_add(&at_start, 1);
}

static void loop_ends(struct loop *loop, void *context)
{
    (void)loop;
    ((struct receiver *)context)->cpu = clock_of(CLOCK_THREAD_CPUTIME_ID);
}

static void receiver_start(struct receiver *receiver, unsigned index)
{
    receiver->loop = loop_new(index, "receiver");
    if (receiver->loop == NULL)
        die("no loop");
    receiver->expected = producer_count * events;
    receiver->hook.run = turn_ends;
    receiver->hook.context = receiver;
    loop_set_data(receiver->loop, receiver);
    loop_add_hook(receiver->loop, &receiver->hook);
    if (!loop_start(receiver->loop, loop_begins, loop_ends, receiver))
        die("no thread");
}

/* ---- The producers -------------------------------------------------------------------------- */

static void rest(void)
{
    uint64_t until = clock_of(CLOCK_MONOTONIC) + pause_ns;

    while (clock_of(CLOCK_MONOTONIC) < until)
        continue;
}

/* Every 64th message is timed, so that the clock is not what is measured. */
static void *produce(void *argument)
{
    struct producer *producer = argument;
    struct note *note = producer->notes;
    uint64_t resting = 0;

    atomic_fetch_add(&at_start, 1);
    while (atomic_load(&at_start) < producer_count + loop_count)
        continue;
    uint64_t from = clock_of(CLOCK_THREAD_CPUTIME_ID);
    for (uint64_t event = 0; event < events; event++) {
        uint64_t posted = event % 64 == 0 ? clock_of(CLOCK_MONOTONIC) : 0;

        for (unsigned i = 0; i < loop_count; i++, note++) {
            note->message.run = note_run;
            note->posted = posted;
            loop_post(receivers[i].loop, &note->message);
        }
        if (pause_ns > 0) {
            uint64_t before = clock_of(CLOCK_THREAD_CPUTIME_ID);

            rest();
            resting += clock_of(CLOCK_THREAD_CPUTIME_ID) - before;
        }
    }
    producer->cpu = clock_of(CLOCK_THREAD_CPUTIME_ID) - from - resting;
    return NULL;
}

/* The messages are there before, and touched: what malloc and the kernel cost is not in it. */
static void producer_start(struct producer *producer)
{
    size_t size = events * loop_count * sizeof *producer->notes;

    producer->notes = malloc(size);
    if (producer->notes == NULL)
        die("no memory");
    memset(producer->notes, 0, size);
    if (pthread_create(&producer->thread, NULL, produce, producer) != 0)
        die("no thread");
}

/* ---- What came of it ------------------------------------------------------------------------ */

static void report(uint64_t began)
{
    double pushes = (double)(producer_count * loop_count * events);
    uint64_t posting = 0, taking = 0, drains = 0;
    static struct histogram latency;

    for (unsigned i = 0; i < producer_count; i++)
        posting += producers[i].cpu;
    for (unsigned i = 0; i < loop_count; i++) {
        taking += receivers[i].cpu;
        drains += receivers[i].drains;
        for (unsigned k = 0; k < HISTOGRAM_BUCKETS; k++)
            latency.counts[k] += receivers[i].latency.counts[k];
        latency.total += receivers[i].latency.total;
    }
    printf("{\"producers\": %u, \"loops\": %u, \"push_ns\": %.1f, \"take_ns\": %.1f, "
           "\"at_a_time\": %.2f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"a_second\": %.0f}\n",
           producer_count, loop_count, (double)posting / pushes, (double)taking / pushes,
           pushes / (double)drains, histogram_at(&latency, 0.5) / 1e3,
           histogram_at(&latency, 0.99) / 1e3,
           pushes * 1e9 / (double)(clock_of(CLOCK_MONOTONIC) - began));
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("usage: mailbox PRODUCERS LOOPS MESSAGES [PAUSE]");
    producer_count = (unsigned)atoi(argv[1]);
    loop_count = (unsigned)atoi(argv[2]);
    events = (uint64_t)atoll(argv[3]);
    pause_ns = argc > 4 ? (uint64_t)atoll(argv[4]) : 0;
    if (producer_count - 1 >= PRODUCERS_MAX || loop_count - 1 >= LOOPS_MAX || events == 0)
        die("1 to 64 producers, 1 to 64 loops, 1 message or more");

    loop_setup_libevent();
    for (unsigned i = 0; i < loop_count; i++)
        receiver_start(&receivers[i], i);
    for (unsigned i = 0; i < producer_count; i++)
        producer_start(&producers[i]);
    uint64_t began = clock_of(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < producer_count; i++)
        pthread_join(producers[i].thread, NULL);
    for (unsigned i = 0; i < loop_count; i++)
        loop_join(receivers[i].loop);
    report(began);
    for (unsigned i = 0; i < loop_count; i++)
        loop_free(receivers[i].loop);
    for (unsigned i = 0; i < producer_count; i++)
        free(producers[i].notes);
    return 0;
}
