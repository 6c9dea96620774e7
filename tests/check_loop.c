/*
 * Tests of loop/loop: the mailbox, turns and their hooks, the thread, and lack of memory.
 */
#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "suite.h"

static struct loop *new_loop(unsigned index)
{
    struct loop *loop = loop_new(index, index == 0 ? "loop-0" : "loop-1");

    ck_assert_ptr_nonnull(loop);
    return loop;
}

static void end_loop(struct loop *loop)
{
    loop_stop(loop);
    loop_join(loop);
    loop_free(loop);
}

/* One turn, on this thread. */
static void turn(struct loop *loop)
{
    loop_stop(loop);
    loop_run(loop);
}

static void wait_for(sem_t *done)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 30;
    ck_assert_int_eq(sem_timedwait(done, &deadline), 0);
}

/* --- messages: each says who sent it and its number, and notes itself when it is run --- */

#define PRODUCERS 4
#define EACH      5000

static unsigned seen[PRODUCERS]; /* of the loop's thread */
static bool out_of_order;

struct numbered {
    struct loop_message message; /* first */
    unsigned producer, number;
};

static void numbered_run(struct loop *loop, struct loop_message *message)
{
    struct numbered *numbered = (struct numbered *)message;

    if (numbered->number != seen[numbered->producer] || loop_current() != loop)
        out_of_order = true;
    seen[numbered->producer]++;
    mem_free(numbered);
}

static void post_numbered(struct loop *loop, unsigned producer, unsigned number)
{
    struct numbered *numbered = mem_zalloc(sizeof *numbered);

    numbered->message.run = numbered_run;
    numbered->producer = producer;
    numbered->number = number;
    loop_post(loop, &numbered->message);
}

struct producer {
    struct loop *loop;
    unsigned number;
    pthread_t thread;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;

    for (unsigned i = 0; i < EACH; i++)
        post_numbered(producer->loop, producer->number, i);
    return NULL;
}

START_TEST(messages_of_a_producer_come_in_order)
{
    long before = mem_live();
    struct loop *loop = new_loop(0);
    struct producer producers[PRODUCERS];

    ck_assert(loop_start(loop, NULL, NULL, NULL));
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){.loop = loop, .number = i};
        pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);
    loop_stop(loop);
    loop_join(loop);
    for (unsigned i = 0; i < PRODUCERS; i++)
        ck_assert_uint_eq(seen[i], EACH);
    ck_assert(!out_of_order);
    loop_free(loop);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

START_TEST(stop_runs_what_was_posted_before)
{
    struct loop *loop = new_loop(0);

    for (unsigned i = 0; i < 100; i++)
        post_numbered(loop, 0, i);
    ck_assert(loop_start(loop, NULL, NULL, NULL));
    for (unsigned i = 100; i < 200; i++)
        post_numbered(loop, 0, i);
    loop_stop(loop);
    loop_join(loop);
    ck_assert_uint_eq(seen[0], 200);
    ck_assert(!out_of_order);
    loop_free(loop);
}
END_TEST

struct signal_message {
    struct loop_message message; /* first */
    sem_t done;
};

static void signal_run(struct loop *loop, struct loop_message *message)
{
    (void)loop;
    sem_post(&((struct signal_message *)message)->done);
}

START_TEST(a_post_wakes_a_loop_that_sleeps)
{
    struct signal_message message = {.message.run = signal_run};
    struct loop *loop = new_loop(0);

    sem_init(&message.done, 0, 0);
    ck_assert(loop_start(loop, NULL, NULL, NULL));
    for (int i = 0; i < 1000; i++) {
        loop_post(loop, &message.message);
        wait_for(&message.done);
        if (i % 100 == 0)
            usleep(2000); /* surely asleep */
    }
    end_loop(loop);
    sem_destroy(&message.done);
}
END_TEST

/* A ball that two loops throw to each other. */
struct ball {
    struct loop_message message; /* first */
    struct loop *loops[2];
    int left;
    sem_t *done;
};

static void ball_run(struct loop *loop, struct loop_message *message)
{
    struct ball *ball = (struct ball *)message;

    if (--ball->left == 0)
        sem_post(ball->done);
    else
        loop_post(ball->loops[1 - loop_index(loop)], message);
}

START_TEST(two_loops_talk)
{
    struct loop *loops[2] = {new_loop(0), new_loop(1)};
    struct ball balls[8];
    sem_t done;

    sem_init(&done, 0, 0);
    for (int i = 0; i < 2; i++)
        ck_assert(loop_start(loops[i], NULL, NULL, NULL));
    for (int i = 0; i < 8; i++) {
        balls[i] = (struct ball){{.run = ball_run}, {loops[0], loops[1]}, 2000, &done};
        loop_post(loops[i % 2], &balls[i].message);
    }
    for (int i = 0; i < 8; i++)
        wait_for(&done);
    for (int i = 0; i < 2; i++) {
        loop_stop(loops[i]);
        loop_join(loops[i]);
    }
    for (int i = 0; i < 2; i++)
        loop_free(loops[i]);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(balls[i].left, 0);
    sem_destroy(&done);
}
END_TEST

/* --- turns --- */

static int turns; /* counted by a hook */

static bool count_turn(struct loop *loop, void *context)
{
    (void)loop;
    (void)context;
    turns++;
    return false;
}

/* Posts itself until nothing is left, then stops its loop. */
struct repeating {
    struct loop_message message; /* first */
    int left;
    int ran_in[4]; /* turns */
};

static void repeating_run(struct loop *loop, struct loop_message *message)
{
    struct repeating *repeating = (struct repeating *)message;

    repeating->ran_in[--repeating->left] = turns;
    if (repeating->left == 0)
        loop_stop(loop);
    else
        loop_post(loop, message);
}

START_TEST(what_a_message_posts_waits_for_the_next_turn)
{
    struct repeating repeating = {.message.run = repeating_run, .left = 4};
    struct loop_hook hook = {.run = count_turn};
    struct loop *loop = new_loop(0);

    loop_add_hook(loop, &hook);
    loop_post(loop, &repeating.message);
    loop_run(loop); /* would hang here if posting to oneself did not prevent the wait */
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(repeating.ran_in[3 - i], i);
    loop_free(loop);
}
END_TEST

static bool post_from_hook(struct loop *loop, void *context)
{
    struct repeating *repeating = context;

    if (turns == 1)
        loop_post(loop, &repeating->message);
    return false;
}

START_TEST(what_a_hook_posts_is_run_without_waiting)
{
    struct repeating repeating = {.message.run = repeating_run, .left = 1};
    struct loop_hook count = {.run = count_turn};
    struct loop_hook post = {.run = post_from_hook, .context = &repeating};
    struct loop *loop = new_loop(0);

    loop_add_hook(loop, &count);
    loop_add_hook(loop, &post);
    loop_again(loop); /* the first turn, too, has nothing to wait for */
    loop_run(loop);
    ck_assert_int_eq(repeating.ran_in[0], 1);
    loop_free(loop);
}
END_TEST

/* On another thread. */
static void *post_numbers(void *argument)
{
    for (unsigned i = 0; i < 100; i++)
        post_numbered(argument, 0, i);
    return NULL;
}

START_TEST(a_loop_is_turned_by_hand)
{
    struct repeating repeating = {.message.run = repeating_run, .left = 4};
    struct loop *loop = new_loop(0);
    pthread_t thread;

    ck_assert(!loop_turn(loop, 0));
    ck_assert(!loop_turn(loop, 1)); /* it waits, and comes back */
    loop_post(loop, &repeating.message);
    for (int i = 0; i < 3; i++)
        ck_assert(loop_turn(loop, 60000)); /* no wait: it has posted itself again */
    ck_assert_int_eq(repeating.left, 1);
    ck_assert(!loop_turn(loop, 60000)); /* it has stopped the loop */
    ck_assert_int_eq(pthread_create(&thread, NULL, post_numbers, loop), 0);
    while (seen[0] < 100)
        loop_turn(loop, 60000); /* the other thread ends the wait */
    pthread_join(thread, NULL);
    ck_assert(!out_of_order);
    ck_assert_ptr_null(loop_current());
    loop_free(loop);
}
END_TEST

static int hook_order[2], hook_calls;

static bool first_hook(struct loop *loop, void *context)
{
    int *more = context;

    (void)loop;
    hook_order[0] = ++hook_calls;
    return *more > 0 && --*more > 0;
}

static bool second_hook(struct loop *loop, void *context)
{
    hook_order[1] = ++hook_calls;
    if (*(int *)context == 0)
        loop_stop(loop);
    return false;
}

START_TEST(hooks_run_in_order_and_may_ask_for_another_turn)
{
    int more = 3;
    struct loop_hook first = {.run = first_hook, .context = &more};
    struct loop_hook second = {.run = second_hook, .context = &more};
    struct loop *loop = new_loop(0);

    loop_add_hook(loop, &first);
    loop_add_hook(loop, &second);
    loop_again(loop);
    loop_run(loop);
    ck_assert_int_eq(more, 0);
    ck_assert_int_eq(hook_calls, 2 * 4); /* the last turn is the one after loop_stop */
    ck_assert_int_eq(hook_order[0], 7);
    ck_assert_int_eq(hook_order[1], 8);
    loop_free(loop);
}
END_TEST

static atomic_int idle_turns;

static bool count_idle(struct loop *loop, void *context)
{
    (void)context;
    return atomic_fetch_add(&idle_turns, 1) == 0 && loop_index(loop) == 0; /* one more, once */
}

START_TEST(a_loop_with_nothing_to_do_sleeps)
{
    struct signal_message message = {.message.run = signal_run};
    struct loop_hook hook = {.run = count_idle};
    struct loop *loop = new_loop(0);

    sem_init(&message.done, 0, 0);
    loop_add_hook(loop, &hook);
    ck_assert(loop_start(loop, NULL, NULL, NULL));
    loop_post(loop, &message.message);
    wait_for(&message.done);
    usleep(50000);
    ck_assert_int_le(idle_turns, 4);
    end_loop(loop);
    sem_destroy(&message.done);
}
END_TEST

static void stop_when_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    loop_stop(context);
}

static void for_ever_run(struct loop *loop, struct loop_message *message)
{
    if (!loop_over(loop))
        loop_post(loop, message);
}

START_TEST(messages_that_go_on_for_ever_do_not_starve_sockets)
{
    struct loop_message for_ever = {.run = for_ever_run};
    struct loop *loop = new_loop(0);
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);

    struct event *event = event_new(loop_base(loop), ends[0], EV_READ, stop_when_readable, loop);

    ck_assert_int_eq(event_add(event, NULL), 0);
    loop_post(loop, &for_ever);
    turn(loop);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    loop_run(loop);
    event_free(event);
    loop_free(loop);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static uint64_t times[2];

static void note_time_run(struct loop *loop, struct loop_message *message)
{
    (void)message;
    times[0] = loop_now(loop);
    clock_advance(50);
    times[1] = loop_now(loop);
}

START_TEST(now_is_one_moment_in_a_turn)
{
    struct loop_message message = {.run = note_time_run};
    struct loop *loop = new_loop(0);

    clock_freeze(1000);
    loop_post(loop, &message);
    turn(loop);
    ck_assert_uint_eq(times[0], 1000);
    ck_assert_uint_eq(times[1], 1000);
    loop_post(loop, &message);
    turn(loop);
    ck_assert_uint_eq(times[0], 1050);
    loop_free(loop);
}
END_TEST

/* --- the thread --- */

struct life {
    char name[16];
    sigset_t blocked;
    struct loop *at_begin, *at_end;
    unsigned seen_at_begin, seen_at_end;
};

static void life_begins(struct loop *loop, void *context)
{
    struct life *life = context;

    (void)loop;
    life->at_begin = loop_current();
    life->seen_at_begin = seen[0];
    pthread_getname_np(pthread_self(), life->name, sizeof life->name);
    pthread_sigmask(SIG_SETMASK, NULL, &life->blocked);
}

static void life_ends(struct loop *loop, void *context)
{
    struct life *life = context;

    (void)loop;
    life->at_end = loop_current();
    life->seen_at_end = seen[0];
}

START_TEST(begin_and_end_are_called_on_the_thread)
{
    struct life life = {.name = ""};
    struct loop *loop = new_loop(1);
    int data;

    loop_set_data(loop, &data);
    post_numbered(loop, 0, 0);
    ck_assert(loop_start(loop, life_begins, life_ends, &life));
    loop_stop(loop);
    loop_join(loop);
    ck_assert_ptr_eq(life.at_begin, loop);
    ck_assert_ptr_eq(life.at_end, loop);
    ck_assert_uint_eq(life.seen_at_begin, 0);
    ck_assert_uint_eq(life.seen_at_end, 1);
    ck_assert_ptr_null(loop_current());
    ck_assert_uint_eq(loop_index(loop), 1);
    ck_assert_ptr_eq(loop_data(loop), &data);
    loop_free(loop);
}
END_TEST

START_TEST(signals_pass_a_loop_by_but_for_its_own_faults)
{
    struct life life = {.name = ""};
    struct loop *loop = new_loop(0);
    sigset_t here;

    ck_assert(loop_start(loop, life_begins, NULL, &life));
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    end_loop(loop);
    ck_assert_int_eq(sigismember(&life.blocked, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&life.blocked, SIGHUP), 1);
    ck_assert_int_eq(sigismember(&life.blocked, SIGPIPE), 1);
    ck_assert_int_eq(sigismember(&life.blocked, SIGSEGV), 0);
    ck_assert_int_eq(sigismember(&life.blocked, SIGABRT), 0);
    ck_assert_int_eq(sigismember(&here, SIGTERM), 0);
}
END_TEST

START_TEST(the_thread_bears_the_name)
{
    struct life life = {.name = ""};
    struct loop *loop = loop_new(0, "a-name-that-is-too-long");

    ck_assert_ptr_nonnull(loop);
    ck_assert(loop_start(loop, NULL, life_begins, &life)); /* asked at its end */
    end_loop(loop);
    ck_assert_str_eq(life.name, "a-name-that-is-");
}
END_TEST

static bool over_in_message;

static void note_over_run(struct loop *loop, struct loop_message *message)
{
    over_in_message = loop_over(loop);
    mem_free(message);
}

START_TEST(free_runs_what_was_left)
{
    long before = mem_live();
    struct loop *loop = new_loop(0);
    struct loop_message *message = mem_zalloc(sizeof *message);

    message->run = note_over_run;
    loop_post(loop, message);
    post_numbered(loop, 0, 0);
    ck_assert(!loop_over(loop));
    loop_free(loop);
    ck_assert(over_in_message);
    ck_assert_uint_eq(seen[0], 1);
    ck_assert_int_eq(mem_live(), before);
    loop_free(NULL);
}
END_TEST

START_TEST(a_loop_that_never_ran_is_stopped_and_freed)
{
    struct loop *loop = new_loop(0);

    end_loop(loop);
    ck_assert_ptr_null(loop_current());
}
END_TEST

/* --- lack of memory, of descriptors, and libevent's manners --- */

START_TEST(posting_allocates_nothing)
{
    struct loop_message message = {.run = note_time_run};
    struct loop *loop = new_loop(0);

    mem_fail_at(1);
    loop_post(loop, &message);
    ck_assert_ptr_null(mem_alloc(1)); /* the first since, so it failed */
    loop_free(loop);
}
END_TEST

START_TEST(a_loop_without_memory_is_none)
{
    long before = mem_live();
    struct loop *loop = NULL;
    unsigned long nth = 0;

    log_threshold = LOG_ERROR + 1;
    while (loop == NULL && nth < 100) {
        mem_fail_at(++nth);
        loop = loop_new(0, "loop-0");
        mem_fail_at(0);
        if (loop == NULL)
            ck_assert_int_eq(mem_live(), before);
    }
    ck_assert_uint_gt(nth, 5); /* libevent's were among them */
    ck_assert_uint_lt(nth, 100);
    loop_free(loop);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

static void allow_descriptors(int count)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)count;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(a_loop_without_descriptors_is_none)
{
    struct loop *loop = NULL;
    int next = dup(0); /* the lowest that is free */
    int count;

    close(next);
    for (count = 0; loop == NULL && count < 10; count++) {
        allow_descriptors(next + count);
        loop = loop_new(0, "loop-0");
    }
    ck_assert_ptr_nonnull(loop);
    ck_assert_int_gt(count, 1);
    loop_free(loop);
    ck_assert_int_eq(dup(0), next); /* all were given back */
}
END_TEST

START_TEST(what_libevent_has_to_say_is_logged)
{
    char line[512] = "";
    struct loop *loop = new_loop(0);
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    log_set_output(ends[1]);

    /* A descriptor that is not open: epoll refuses it. */
    struct event *event = event_new(loop_base(loop), 999, EV_READ, stop_when_readable, loop);

    ck_assert_int_ne(event_add(event, NULL), 0);
    ck_assert_int_gt(read(ends[0], line, sizeof line - 1), 0);
    ck_assert_msg(strstr(line, " warn libevent text=") != NULL, "%s", line);
    event_free(event);
    loop_free(loop);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = add_case(suite, "mailbox");

    loop_setup_libevent();
    tcase_add_test(tcase, messages_of_a_producer_come_in_order);
    tcase_add_test(tcase, stop_runs_what_was_posted_before);
    tcase_add_test(tcase, a_post_wakes_a_loop_that_sleeps);
    tcase_add_test(tcase, two_loops_talk);

    tcase = add_case(suite, "turns");
    tcase_add_test(tcase, what_a_message_posts_waits_for_the_next_turn);
    tcase_add_test(tcase, what_a_hook_posts_is_run_without_waiting);
    tcase_add_test(tcase, a_loop_is_turned_by_hand);
    tcase_add_test(tcase, hooks_run_in_order_and_may_ask_for_another_turn);
    tcase_add_test(tcase, a_loop_with_nothing_to_do_sleeps);
    tcase_add_test(tcase, messages_that_go_on_for_ever_do_not_starve_sockets);
    tcase_add_test(tcase, now_is_one_moment_in_a_turn);

    tcase = add_case(suite, "thread");
    tcase_add_test(tcase, begin_and_end_are_called_on_the_thread);
    tcase_add_test(tcase, signals_pass_a_loop_by_but_for_its_own_faults);
    tcase_add_test(tcase, the_thread_bears_the_name);
    tcase_add_test(tcase, free_runs_what_was_left);
    tcase_add_test(tcase, a_loop_that_never_ran_is_stopped_and_freed);

    tcase = add_case(suite, "scarcity");
    tcase_add_test(tcase, posting_allocates_nothing);
    tcase_add_test(tcase, a_loop_without_memory_is_none);
    tcase_add_test(tcase, a_loop_without_descriptors_is_none);
    tcase_add_test(tcase, what_libevent_has_to_say_is_logged);
    return suite_run(suite);
}
