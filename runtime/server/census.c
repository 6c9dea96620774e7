/*
 * server/census: what each loop has, counted by the loop itself.
 *
 * A part travels: the main thread's while it is at home, the loop's while it is away. One that
 * comes back late is at home again, and no more.
 */
#include "server/census.h"

#include "base/mem.h"
#include "loop/loop.h"
#include "server/fanout.h"
#include "server/group.h"
#include "server/server.h"

enum { PATIENCE_MS = 1000 }; /* how long loops are waited for */

struct part {
    struct loop_message message; /* first */
    struct census *census;
    bool away;             /* the main thread's */
    struct census_row row; /* whose the part is */
};

/* Owned by who made it; then, where parts are away, by the last of them. */
struct census {
    struct server *server;
    struct loop *home;
    struct timers *timers;
    struct timer deadline;
    void (*told)(void *context);
    void *context;
    bool under_way;
    bool orphaned;
    unsigned count;
    struct part parts[];
};

static unsigned count_away(const struct census *census)
{
    unsigned away = 0;

    for (unsigned i = 0; i < census->count; i++)
        away += census->parts[i].away;
    return away;
}

static void finish(struct census *census)
{
    census->under_way = false;
    timer_unset(census->timers, &census->deadline);
    census->told(census->context);
}

/* ---- Away ----------------------------------------------------------------------------------- */

static void part_home(struct loop *loop, struct loop_message *message)
{
    struct part *part = (struct part *)message;
    struct census *census = part->census;

    (void)loop;
    part->away = false;
    if (census->orphaned) {
        if (count_away(census) == 0)
            mem_free(census);
        return;
    }
    if (census->under_way && count_away(census) == 0)
        finish(census);
}

static void part_count(struct loop *loop, struct loop_message *message)
{
    struct part *part = (struct part *)message;
    const struct worker *worker = loop_data(loop);

    part->row = (struct census_row){
        .answered = true,
        .connections = worker->conn_count,
        .groups = HASH_COUNT(worker->groups),
        .memberships = HASH_COUNT(worker->memberships),
        .channels = HASH_COUNT(worker->channels),
        .waiting = fanout_waiting(worker->fanout),
        .total = worker->traffic.total,
        .traffic = worker->traffic.second,
    };
    part->message.run = part_home;
    loop_post(part->census->home, &part->message);
}

/* ---- At home -------------------------------------------------------------------------------- */

static void deadline_run(struct loop *loop, struct timer *timer)
{
    (void)loop;
    finish((struct census *)((char *)timer - offsetof(struct census, deadline)));
}

struct census *census_new(struct server *server, struct loop *home, struct timers *timers,
                          void (*told)(void *context), void *context)
{
    unsigned count = server->worker_count;
    struct census *census = mem_zalloc(sizeof *census + count * sizeof census->parts[0]);

    if (census == NULL)
        return NULL;
    census->server = server;
    census->home = home;
    census->timers = timers;
    census->deadline.run = deadline_run;
    census->told = told;
    census->context = context;
    census->count = count;
    for (unsigned i = 0; i < count; i++)
        census->parts[i].census = census;
    return census;
}

void census_free(struct census *census)
{
    if (census == NULL)
        return;
    timer_unset(census->timers, &census->deadline);
    census->orphaned = true;
    if (count_away(census) == 0)
        mem_free(census);
}

void census_take(struct census *census)
{
    census->under_way = true;
    for (unsigned i = 0; i < census->count; i++) {
        struct part *part = &census->parts[i];

        if (part->away) /* since the last census: its loop still stands still */
            continue;
        part->away = true;
        part->row = (struct census_row){.answered = false};
        part->message.run = part_count;
        loop_post(census->server->workers[i]->loop, &part->message);
    }
    /* Without memory for the timer nothing would end the wait for a loop that stands still. */
    if (!timer_set(census->timers, &census->deadline, loop_now(census->home) + PATIENCE_MS))
        finish(census);
}

bool census_under_way(const struct census *census)
{
    return census->under_way;
}

const struct census_row *census_row(const struct census *census, unsigned loop)
{
    static const struct census_row none = {.answered = false};

    return census->parts[loop].away ? &none : &census->parts[loop].row;
}
