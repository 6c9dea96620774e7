/*
 * server/traffic: what goes through a loop, in all and by the second.
 */
#include "server/traffic.h"

enum { SECOND_MS = 1000 };

static uint64_t rate(uint64_t total, uint64_t before, uint64_t ms)
{
    return ((total - before) * SECOND_MS + ms / 2) / ms;
}

void traffic_measure(struct traffic_meter *meter, uint64_t now)
{
    const struct traffic *total = &meter->total, *before = &meter->before;
    uint64_t ms = now - meter->since;

    if (meter->since != 0 && ms < SECOND_MS)
        return;
    if (meter->since != 0)
        meter->second = (struct traffic){
            .messages_in = rate(total->messages_in, before->messages_in, ms),
            .messages_out = rate(total->messages_out, before->messages_out, ms),
            .bytes_in = rate(total->bytes_in, before->bytes_in, ms),
            .bytes_out = rate(total->bytes_out, before->bytes_out, ms),
        };
    meter->before = *total;
    meter->since = now;
}

void traffic_add(struct traffic *sum, const struct traffic *more)
{
    sum->messages_in += more->messages_in;
    sum->messages_out += more->messages_out;
    sum->bytes_in += more->bytes_in;
    sum->bytes_out += more->bytes_out;
}
