/*
 * loop/jobs: the thread pool, for what may block.
 *
 * One lock, held for a few pointer writes; never while a job runs or anybody is told anything.
 */
#include "loop/jobs.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "loop/thread.h"

struct queue {
    struct job *first;
    struct job **last; /* the place where the next one goes */
    unsigned count;
};

/* Owned by the server. What changes is behind the lock. */
struct jobs {
    unsigned room; /* jobs that may wait */
    void (*end)(void);
    void (*wake)(void *context);
    void *context; /* of wake */

    pthread_mutex_t lock;
    pthread_cond_t work;        /* a job waits, or the pool is stopping */
    pthread_cond_t ended;       /* the last thread is about to end */
    struct queue holding, free; /* jobs that `hold`, and the others: one queue, by their order */
    uint64_t order;
    bool held;
    unsigned running; /* of those that hold */
    void (*quiet)(void *context);
    void *quiet_context;
    unsigned living; /* threads that have not ended */
    bool refused;    /* since there was room last */
    bool stopping;

    unsigned thread_count;
    pthread_t threads[];
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_add(struct queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

static struct job *queue_take(struct queue *queue)
{
    struct job *job = queue->first;

    queue->first = job->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    return job;
}

/* With the lock held: the queue whose first job is the next to run; NULL: none may. A pool that
 * stops runs all. */
static struct queue *next_queue(struct jobs *jobs)
{
    struct job *holding = jobs->held && !jobs->stopping ? NULL : jobs->holding.first;
    struct job *free = jobs->free.first;

    if (holding == NULL)
        return free != NULL ? &jobs->free : NULL;
    return free != NULL && free->order < holding->order ? &jobs->free : &jobs->holding;
}

/* With the lock held: waits for a job and takes it. NULL: there will be none. */
static struct job *take(struct jobs *jobs)
{
    struct queue *queue;

    while ((queue = next_queue(jobs)) == NULL && !jobs->stopping)
        pthread_cond_wait(&jobs->work, &jobs->lock);
    return queue != NULL ? queue_take(queue) : NULL;
}

/* With the lock held, which is given back meanwhile. */
static void tell_quiet(struct jobs *jobs)
{
    void (*quiet)(void *context) = jobs->quiet;
    void *context = jobs->quiet_context;

    if (quiet == NULL || jobs->running > 0)
        return;
    jobs->quiet = NULL; /* once */
    pthread_mutex_unlock(&jobs->lock);
    quiet(context);
    pthread_mutex_lock(&jobs->lock);
}

/* With the lock held, which is given back meanwhile. */
static void run_unlocked(struct jobs *jobs, struct job *job)
{
    bool tell = jobs->refused && jobs->wake != NULL, holds = job->holds;

    jobs->refused = false;
    jobs->running += holds;
    pthread_mutex_unlock(&jobs->lock);
    if (tell)
        jobs->wake(jobs->context);
    job->run(job);
    mem_trim_own();
    pthread_mutex_lock(&jobs->lock);
    jobs->running -= holds;
    tell_quiet(jobs);
}

static void *thread_main(void *argument)
{
    struct jobs *jobs = argument;
    struct job *job;

    pthread_mutex_lock(&jobs->lock);
    while ((job = take(jobs)) != NULL)
        run_unlocked(jobs, job);
    pthread_mutex_unlock(&jobs->lock);

    if (jobs->end != NULL)
        jobs->end();

    pthread_mutex_lock(&jobs->lock);
    if (--jobs->living == 0)
        pthread_cond_broadcast(&jobs->ended);
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

static void start_threads(struct jobs *jobs, unsigned threads)
{
    while (jobs->thread_count < threads) {
        char name[32];

        snprintf(name, sizeof name, "pool-%u", jobs->thread_count);
        pthread_mutex_lock(&jobs->lock);
        jobs->living++;
        pthread_mutex_unlock(&jobs->lock);
        if (!thread_start(&jobs->threads[jobs->thread_count], name, thread_main, jobs))
            break;
        jobs->thread_count++;
    }
    if (jobs->thread_count == threads)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->living--;
    pthread_mutex_unlock(&jobs->lock);
    log_write(LOG_WARN, "pool.threads_missing", LOG_INT("wanted", threads),
              LOG_INT("started", jobs->thread_count));
}

/* On the clock that nobody sets, so that patience is as long as it was meant. */
static void init_ended(pthread_cond_t *ended)
{
    pthread_condattr_t how;

    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    pthread_cond_init(ended, &how);
    pthread_condattr_destroy(&how);
}

static void destroy(struct jobs *jobs)
{
    pthread_cond_destroy(&jobs->ended);
    pthread_cond_destroy(&jobs->work);
    pthread_mutex_destroy(&jobs->lock);
    mem_free(jobs);
}

struct jobs *jobs_new(unsigned threads, unsigned queue, void (*end)(void))
{
    struct jobs *jobs = mem_zalloc(sizeof *jobs + threads * sizeof jobs->threads[0]);

    if (jobs == NULL)
        return NULL;
    jobs->room = queue;
    jobs->end = end;
    queue_init(&jobs->holding);
    queue_init(&jobs->free);
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->work, NULL);
    init_ended(&jobs->ended);
    start_threads(jobs, threads);
    if (jobs->thread_count > 0)
        return jobs;
    destroy(jobs);
    return NULL;
}

/* With the lock held. Those that are held back take no room from the others. */
static bool has_room(struct jobs *jobs, const struct job *job)
{
    bool apart = jobs->held && !job->holds;
    unsigned waiting = jobs->free.count + (apart ? 0 : jobs->holding.count);

    if (jobs->stopping)
        return false;
    if (waiting < jobs->room)
        return true;
    jobs->refused = true;
    return false;
}

bool jobs_submit(struct jobs *jobs, struct job *job)
{
    pthread_mutex_lock(&jobs->lock);

    bool taken = has_room(jobs, job);

    if (taken) {
        job->order = ++jobs->order;
        queue_add(job->holds ? &jobs->holding : &jobs->free, job);
        pthread_cond_signal(&jobs->work);
    }
    pthread_mutex_unlock(&jobs->lock);
    return taken;
}

void jobs_on_room(struct jobs *jobs, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->wake = wake;
    jobs->context = context;
    pthread_mutex_unlock(&jobs->lock);
}

unsigned jobs_waiting(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);

    unsigned waiting = jobs->holding.count + jobs->free.count;

    pthread_mutex_unlock(&jobs->lock);
    return waiting;
}

/* ---- Holding -------------------------------------------------------------------------------- */

void jobs_hold(struct jobs *jobs, void (*quiet)(void *context), void *context)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->held = true;
    jobs->quiet = quiet;
    jobs->quiet_context = context;
    tell_quiet(jobs);
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_let_go(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    jobs->held = false;
    jobs->quiet = NULL;
    pthread_cond_broadcast(&jobs->work);
    pthread_mutex_unlock(&jobs->lock);
}

bool jobs_quiet(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);

    bool quiet = jobs->held && jobs->running == 0;

    pthread_mutex_unlock(&jobs->lock);
    return quiet;
}

/* ---- The end -------------------------------------------------------------------------------- */

static struct timespec in_future(unsigned ms)
{
    struct timespec moment;

    clock_gettime(CLOCK_MONOTONIC, &moment);
    moment.tv_sec += ms / 1000;
    moment.tv_nsec += ms % 1000 * 1000000L;
    if (moment.tv_nsec >= 1000000000L) {
        moment.tv_sec++;
        moment.tv_nsec -= 1000000000L;
    }
    return moment;
}

/* With the lock held. True: all threads are about to end, and take the lock no more. */
static bool wait_ended(struct jobs *jobs, unsigned patience)
{
    struct timespec deadline = in_future(patience);

    while (jobs->living > 0) {
        if (patience == 0)
            pthread_cond_wait(&jobs->ended, &jobs->lock);
        else if (pthread_cond_timedwait(&jobs->ended, &jobs->lock, &deadline) != 0)
            break;
    }
    return jobs->living == 0;
}

bool jobs_free(struct jobs *jobs, unsigned patience)
{
    if (jobs == NULL)
        return true;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->work);

    bool ended = wait_ended(jobs, patience);

    pthread_mutex_unlock(&jobs->lock);
    if (!ended)
        return false;
    for (unsigned i = 0; i < jobs->thread_count; i++)
        pthread_join(jobs->threads[i], NULL);
    destroy(jobs);
    return true;
}
