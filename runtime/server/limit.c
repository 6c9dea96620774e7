/*
 * server/limit: the limits that peers run into, counted.
 */
#include "server/limit.h"

#include "base/clock.h"
#include "base/log.h"

enum { TELL_AGAIN_MS = 60 * 1000 };

const char *limit_name(enum limit limit)
{
    static const char *const names[LIMIT_COUNT] = {
        [LIMIT_CONNECTIONS] = "server connections",
        [LIMIT_PER_ADDRESS] = "server per-address",
        [LIMIT_DESCRIPTORS] = "open files",
        [LIMIT_REQUEST_LINE] = "server request-line",
        [LIMIT_HEADERS] = "server headers",
        [LIMIT_BODY] = "server body",
        [LIMIT_HANDSHAKE] = "server handshake",
        [LIMIT_DOWNLOAD] = "server keep-alive",
        [LIMIT_HELD] = "server unfinished",
        [LIMIT_ANSWER] = "limits answer",
        [LIMIT_MESSAGE] = "limits message",
        [LIMIT_FRAGMENTS] = "limits fragments",
        [LIMIT_UNFINISHED] = "limits unfinished",
        [LIMIT_RATE] = "limits rate",
        [LIMIT_BYTES] = "limits bytes",
        [LIMIT_BACKLOG] = "limits backlog",
        [LIMIT_IDLE] = "limits idle",
        [LIMIT_PONG] = "limits pong",
        [LIMIT_CLOSING] = "limits closing",
    };

    return names[limit];
}

bool limit_hit(struct limit_counts *counts, enum limit limit)
{
    uint64_t now = clock_now();
    uint64_t told = atomic_load_explicit(&counts->told[limit], memory_order_relaxed);

    atomic_fetch_add_explicit(&counts->hit[limit], 1, memory_order_relaxed);
    if (told != 0 && now - told < TELL_AGAIN_MS)
        return false;
    /* Of several threads that come to this at once, one says it. */
    return atomic_compare_exchange_strong(&counts->told[limit], &told, now);
}

unsigned long limit_hits(const struct limit_counts *counts, enum limit limit)
{
    return atomic_load_explicit(&counts->hit[limit], memory_order_relaxed);
}

void limit_tell(const struct limit_counts *counts, const char *mount)
{
    for (unsigned limit = 0; limit < LIMIT_COUNT; limit++) {
        unsigned long count = limit_hits(counts, limit);

        if (count > 0)
            log_write(LOG_INFO, "limit.hit", LOG_STR("mount", mount),
                      LOG_STR("limit", limit_name(limit)), LOG_INT("count", count));
    }
}
