/*
 * supervise/history: what a supervisor's servers have served, as snapshots.
 */
#include "supervise/history.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "plugin/snapshot.h"

static void state_free(struct state *state)
{
    snapshot_remove(state->path);
    close(state->lock);
    mem_free(state->path);
}

/* Takes `many` out, from `first` on; they are freed, or somebody else's by now. */
static void cut_out(struct history *history, unsigned first, unsigned many)
{
    history->count -= many;
    memmove(&history->states[first], &history->states[first + many],
            (history->count - first) * sizeof *history->states);
}

static struct state *newest(struct history *history)
{
    return history->count > 0 ? &history->states[history->count - 1] : NULL;
}

static bool on_probation(const struct state *state)
{
    return state->candidate || clock_now() < state->until;
}

void history_try(struct history *history, char *path, int lock, uint32_t probation)
{
    history_settle(history);
    history_drop(history);               /* there should be none */
    if (history->count == HISTORY_MAX) { /* one in the middle: to go back far is what matters */
        state_free(&history->states[1]);
        cut_out(history, 1, 1);
    }
    history->states[history->count++] =
        (struct state){.path = path, .lock = lock, .candidate = true, .probation = probation};
}

void history_drop(struct history *history)
{
    struct state *state = newest(history);

    if (state == NULL || !state->candidate)
        return;
    state_free(state);
    history->count--;
}

void history_serve(struct history *history)
{
    struct state *state = newest(history);

    if (state == NULL || !on_probation(state))
        return;
    state->candidate = false;
    state->until = clock_now() + state->probation;
    history_settle(history);
}

void history_settle(struct history *history)
{
    for (unsigned i = history->count; i-- > 1;) {
        if (on_probation(&history->states[i]))
            continue;
        for (unsigned older = 0; older < i; older++)
            state_free(&history->states[older]);
        cut_out(history, 0, i);
        return;
    }
}

uint64_t history_next(const struct history *history)
{
    uint64_t next = 0;

    /* Of the oldest, nothing is told by its end. */
    for (unsigned i = 1; i < history->count; i++) {
        const struct state *state = &history->states[i];

        if (!state->candidate && (next == 0 || state->until < next))
            next = state->until;
    }
    return next;
}

static struct bad *add_bad(struct history *history, const struct state *state)
{
    if (history->bad_count == HISTORY_BAD) {
        history->bad_count--;
        state_free(&history->bad[0].state);
        memmove(&history->bad[0], &history->bad[1], history->bad_count * sizeof *history->bad);
    }
    struct bad *bad = &history->bad[history->bad_count++];
    *bad = (struct bad){.state = *state, .when = clock_wall()};
    return bad;
}

const struct bad *history_crash(struct history *history, const unsigned char *digest)
{
    history_settle(history);

    struct state *state = newest(history);

    if (history->count < 2 || !on_probation(state))
        return NULL;
    struct bad *bad = add_bad(history, state);
    history->count--;
    bad->blamed = digest != NULL;
    if (digest != NULL)
        memcpy(bad->digest, digest, DIGEST_SIZE);
    return bad;
}

const char *history_newest(const struct history *history)
{
    return history->count > 0 ? history->states[history->count - 1].path : NULL;
}

void history_free(struct history *history)
{
    for (unsigned i = 0; i < history->count; i++)
        state_free(&history->states[i]);
    for (unsigned i = 0; i < history->bad_count; i++)
        state_free(&history->bad[i].state);
    *history = (struct history){.count = 0};
}
