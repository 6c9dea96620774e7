/*
 * base/table: the hash of all tables: SipHash-1-3, with a key of this process's own.
 */
#include "base/table.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"

static uint64_t own_key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void draw_key(void)
{
    /* Without randomness the time has to do: a server that serves is worth more than this. */
    if (!random_bytes(own_key, sizeof own_key)) {
        own_key[0] = clock_wall();
        own_key[1] = clock_now();
    }
}

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

uint64_t table_hash_keyed(const uint64_t key[2], const void *data, size_t size)
{
    /* "somepseudorandomlygeneratedbytes", as the paper has it. */
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    const unsigned char *at = data;
    uint64_t word, last = (uint64_t)size << 56;
    size_t left = size;

    for (; left >= sizeof word; at += sizeof word, left -= sizeof word) {
        memcpy(&word, at, sizeof word);
        sip_word(v, le64toh(word));
    }
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)at[i] << (8 * i);
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t table_hash(const void *data, size_t size)
{
    pthread_once(&key_once, draw_key);
    return table_hash_keyed(own_key, data, size);
}
