/*
 * Tests of loop/jobs: the queue and its bound, room told of, threads and their ends.
 */
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/jobs.h"
#include "suite.h"

static void wait_for(sem_t *sem)
{
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 30;
    ck_assert_int_eq(sem_timedwait(sem, &deadline), 0);
}

static struct jobs *new_jobs(unsigned threads, unsigned queue)
{
    struct jobs *jobs = jobs_new(threads, queue, NULL);

    ck_assert_ptr_nonnull(jobs);
    return jobs;
}

/* --- jobs that count --- */

static atomic_int counted;

static void count_run(struct job *job)
{
    (void)job;
    atomic_fetch_add(&counted, 1);
}

static void add_counting(struct jobs *jobs, struct job *job)
{
    *job = (struct job){.run = count_run};
    ck_assert(jobs_submit(jobs, job));
}

/* --- a job that holds its thread until told --- */

struct gate {
    struct job job; /* first */
    sem_t entered, open;
};

static void gate_run(struct job *job)
{
    struct gate *gate = (struct gate *)job;

    sem_post(&gate->entered);
    wait_for(&gate->open);
}

/* Comes back when the job runs, so that the queue is empty and the thread held. */
static void gate_shut(struct gate *gate, struct jobs *jobs)
{
    gate->job = (struct job){.run = gate_run};
    sem_init(&gate->entered, 0, 0);
    sem_init(&gate->open, 0, 0);
    ck_assert(jobs_submit(jobs, &gate->job));
    wait_for(&gate->entered);
}

/* --- tests --- */

START_TEST(each_job_runs_once)
{
    static struct job many[1000];
    long before = mem_live();
    struct jobs *jobs = new_jobs(4, 1000);

    for (int i = 0; i < 1000; i++)
        add_counting(jobs, &many[i]);
    ck_assert(jobs_free(jobs, 0));
    ck_assert_int_eq(counted, 1000);
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

struct ordered {
    struct job job; /* first */
    int number;
};

static int order[100], order_count; /* of the one thread */

static void order_run(struct job *job)
{
    order[order_count++] = ((struct ordered *)job)->number;
}

START_TEST(one_thread_runs_them_in_order)
{
    static struct ordered many[100];
    struct jobs *jobs = new_jobs(1, 100);

    for (int i = 0; i < 100; i++) {
        many[i] = (struct ordered){{.run = order_run}, i};
        ck_assert(jobs_submit(jobs, &many[i].job));
    }
    ck_assert(jobs_free(jobs, 0));
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(order[i], i);
}
END_TEST

START_TEST(jobs_run_side_by_side)
{
    struct gate gates[3];
    struct jobs *jobs = new_jobs(3, 1);

    for (int i = 0; i < 3; i++)
        gate_shut(&gates[i], jobs); /* would hang with fewer threads than three */
    for (int i = 0; i < 3; i++)
        sem_post(&gates[i].open);
    ck_assert(jobs_free(jobs, 0));
}
END_TEST

static sem_t room;
static atomic_int room_told;

static void tell_room(void *context)
{
    ck_assert_ptr_eq(context, &room_told);
    atomic_fetch_add(&room_told, 1);
    sem_post(&room);
}

START_TEST(a_full_queue_refuses_and_tells_of_room_once)
{
    struct gate gate;
    struct job job[3];
    struct jobs *jobs = new_jobs(1, 2);

    sem_init(&room, 0, 0);
    jobs_on_room(jobs, tell_room, &room_told);
    gate_shut(&gate, jobs);
    add_counting(jobs, &job[0]);
    add_counting(jobs, &job[1]);
    ck_assert_uint_eq(jobs_waiting(jobs), 2);

    job[2] = (struct job){.run = count_run};
    for (int i = 0; i < 3; i++)
        ck_assert(!jobs_submit(jobs, &job[2]));
    ck_assert_uint_eq(jobs_waiting(jobs), 2);
    ck_assert_int_eq(room_told, 0);

    sem_post(&gate.open);
    wait_for(&room);
    ck_assert(jobs_submit(jobs, &job[2]));
    ck_assert(jobs_free(jobs, 0));
    ck_assert_int_eq(room_told, 1);
    ck_assert_int_eq(counted, 3);
}
END_TEST

START_TEST(who_was_not_refused_is_told_nothing)
{
    struct gate gate;
    struct job job[2];
    struct jobs *jobs = new_jobs(1, 2);

    jobs_on_room(jobs, tell_room, &room_told);
    gate_shut(&gate, jobs);
    add_counting(jobs, &job[0]);
    add_counting(jobs, &job[1]);
    sem_post(&gate.open);
    ck_assert(jobs_free(jobs, 0));
    ck_assert_int_eq(room_told, 0);
}
END_TEST

struct late {
    struct job job; /* first */
    struct jobs *jobs;
    struct told {
        struct job job; /* first */
        sem_t done;
    } other;
    sem_t entered;
    bool taken;
};

static void told_run(struct job *job)
{
    sem_post(&((struct told *)job)->done);
}

/* Waits until the pool is stopping, which shows in what it answers. */
static void late_run(struct job *job)
{
    struct late *late = (struct late *)job;

    sem_post(&late->entered);
    do {
        late->other.job = (struct job){.run = told_run};
        late->taken = jobs_submit(late->jobs, &late->other.job);
        if (late->taken)
            wait_for(&late->other.done);
    } while (late->taken);
}

START_TEST(a_pool_that_stops_runs_what_waits_and_takes_no_more)
{
    struct job job[50];
    struct late late = {.job.run = late_run};
    struct jobs *jobs = new_jobs(2, 50);

    late.jobs = jobs;
    sem_init(&late.entered, 0, 0);
    sem_init(&late.other.done, 0, 0);
    ck_assert(jobs_submit(jobs, &late.job));
    wait_for(&late.entered);
    for (int i = 0; i < 40; i++)
        add_counting(jobs, &job[i]);
    ck_assert(jobs_free(jobs, 0));
    ck_assert(!late.taken);
    ck_assert_int_ge(counted, 40);
}
END_TEST

/* --- a pool that is held --- */

static sem_t quiet;

static void tell_quiet(void *context)
{
    ck_assert_ptr_eq(context, &quiet);
    sem_post(&quiet);
}

static void hold(struct jobs *jobs)
{
    sem_init(&quiet, 0, 0);
    jobs_hold(jobs, tell_quiet, &quiet);
}

START_TEST(what_holds_does_not_start_while_the_pool_is_held)
{
    struct job holds = {.run = count_run, .holds = true};
    struct gate gate;
    struct jobs *jobs = new_jobs(1, 4);

    hold(jobs);
    wait_for(&quiet); /* at once: none runs */
    ck_assert(jobs_quiet(jobs));
    ck_assert(jobs_submit(jobs, &holds));
    gate_shut(&gate, jobs); /* one that does not overtakes it */
    ck_assert_int_eq(counted, 0);
    ck_assert_uint_eq(jobs_waiting(jobs), 1);
    sem_post(&gate.open);
    jobs_let_go(jobs);
    ck_assert(!jobs_quiet(jobs));
    ck_assert(jobs_free(jobs, 0));
    ck_assert_int_eq(counted, 1);
}
END_TEST

START_TEST(quiet_is_told_when_the_last_one_has_ended)
{
    struct gate holds, free;
    struct jobs *jobs = new_jobs(2, 4);
    int told;

    holds.job = (struct job){.run = gate_run, .holds = true};
    sem_init(&holds.entered, 0, 0);
    sem_init(&holds.open, 0, 0);
    ck_assert(jobs_submit(jobs, &holds.job));
    wait_for(&holds.entered);
    gate_shut(&free, jobs); /* for which nobody waits */
    hold(jobs);
    ck_assert(!jobs_quiet(jobs));
    sem_getvalue(&quiet, &told);
    ck_assert_int_eq(told, 0);
    sem_post(&holds.open);
    wait_for(&quiet);
    ck_assert(jobs_quiet(jobs));
    sem_post(&free.open);
    jobs_let_go(jobs);
    ck_assert(jobs_free(jobs, 0));
    sem_getvalue(&quiet, &told);
    ck_assert_int_eq(told, 0); /* once */
}
END_TEST

START_TEST(what_is_held_takes_no_room_from_the_others)
{
    struct job holds[3] = {{.run = count_run, .holds = true}}, free = {.run = count_run};
    struct gate gate;
    struct jobs *jobs = new_jobs(1, 2);

    holds[1] = holds[2] = holds[0];
    hold(jobs);
    gate_shut(&gate, jobs);
    ck_assert(jobs_submit(jobs, &holds[0]));
    ck_assert(jobs_submit(jobs, &holds[1]));
    ck_assert(!jobs_submit(jobs, &holds[2]));
    ck_assert(jobs_submit(jobs, &free));
    sem_post(&gate.open);
    jobs_let_go(jobs);
    ck_assert(jobs_free(jobs, 0));
    ck_assert_int_eq(counted, 3);
}
END_TEST

START_TEST(held_pool_that_stops_runs_all)
{
    struct job holds = {.run = count_run, .holds = true};
    struct jobs *jobs = new_jobs(1, 4);

    hold(jobs);
    ck_assert(jobs_submit(jobs, &holds));
    ck_assert(jobs_free(jobs, 0));
    ck_assert_int_eq(counted, 1);
}
END_TEST

/* Those that hold and those that do not are one queue. */
START_TEST(order_of_two_kinds)
{
    static struct ordered many[100];
    struct jobs *jobs = new_jobs(1, 100);

    for (int i = 0; i < 100; i++) {
        many[i] = (struct ordered){{.run = order_run, .holds = i % 3 == 0}, i};
        ck_assert(jobs_submit(jobs, &many[i].job));
    }
    ck_assert(jobs_free(jobs, 0));
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(order[i], i);
}
END_TEST

START_TEST(patience_ends_and_can_begin_again)
{
    struct gate gate;
    long before = mem_live();
    struct jobs *jobs = new_jobs(2, 4);

    gate_shut(&gate, jobs);
    ck_assert(!jobs_free(jobs, 20));
    sem_post(&gate.open);
    ck_assert(jobs_free(jobs, 30000));
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

static atomic_int ends;
static _Thread_local bool worked;

static void mark_end(void)
{
    atomic_fetch_add(&ends, worked ? 1 : 100);
}

static void work_run(struct job *job)
{
    worked = true;
    gate_run(job);
}

START_TEST(each_thread_calls_end_last)
{
    struct gate gates[3];
    struct jobs *jobs = jobs_new(3, 4, mark_end);

    for (int i = 0; i < 3; i++) { /* one on each thread */
        gates[i].job = (struct job){.run = work_run};
        sem_init(&gates[i].entered, 0, 0);
        sem_init(&gates[i].open, 0, 0);
        ck_assert(jobs_submit(jobs, &gates[i].job));
        wait_for(&gates[i].entered);
    }
    ck_assert_int_eq(ends, 0);
    for (int i = 0; i < 3; i++)
        sem_post(&gates[i].open);
    ck_assert(jobs_free(jobs, 0));
    ck_assert_int_eq(ends, 3);
}
END_TEST

/* A stack of this size the system will not give. */
static void no_more_threads(void)
{
    pthread_attr_t huge;

    ck_assert_int_eq(pthread_attr_init(&huge), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&huge, (size_t)1 << 47), 0);
    ck_assert_int_eq(pthread_setattr_default_np(&huge), 0);
    pthread_attr_destroy(&huge);
}

START_TEST(no_pool_without_memory_or_threads)
{
    long before = mem_live();

    mem_fail_at(1);
    ck_assert_ptr_null(jobs_new(1, 1, NULL));
    mem_fail_at(0);
    log_threshold = LOG_ERROR;
    ck_assert_ptr_null(jobs_new(0, 1, NULL));
    no_more_threads();
    ck_assert_ptr_null(jobs_new(2, 1, NULL));
    ck_assert_int_eq(mem_live(), before);
    ck_assert(jobs_free(NULL, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop jobs");
    TCase *tcase = tcase_create("jobs");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, each_job_runs_once);
    tcase_add_test(tcase, one_thread_runs_them_in_order);
    tcase_add_test(tcase, jobs_run_side_by_side);
    tcase_add_test(tcase, a_full_queue_refuses_and_tells_of_room_once);
    tcase_add_test(tcase, who_was_not_refused_is_told_nothing);
    tcase_add_test(tcase, a_pool_that_stops_runs_what_waits_and_takes_no_more);
    tcase_add_test(tcase, what_holds_does_not_start_while_the_pool_is_held);
    tcase_add_test(tcase, quiet_is_told_when_the_last_one_has_ended);
    tcase_add_test(tcase, what_is_held_takes_no_room_from_the_others);
    tcase_add_test(tcase, held_pool_that_stops_runs_all);
    tcase_add_test(tcase, order_of_two_kinds);
    tcase_add_test(tcase, patience_ends_and_can_begin_again);
    tcase_add_test(tcase, each_thread_calls_end_last);
    tcase_add_test(tcase, no_pool_without_memory_or_threads);
    return suite_run(suite);
}
