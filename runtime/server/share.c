/*
 * server/share: how much of a turn of its loop somebody has had, and whether it was enough.
 */
#include "server/share.h"

#include "base/clock.h"

bool share_look(struct share *share, const struct share_most *most)
{
    if (share->work >= most->work)
        return true;
    uint64_t now = clock_fine();
    if (share->began == 0)
        share->began = now;
    else if (now - share->began >= most->micros)
        return true;
    share->look = share->work + share->wait;
    share->wait = 2 * share->wait < most->every ? 2 * share->wait : most->every;
    return false;
}
