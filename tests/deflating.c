#include "deflating.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "harness.h"

struct side {
    z_stream stream;
    int bits;
    bool takeover;
};

struct deflating {
    struct unpacker unpacker; /* first */
    struct side ours, theirs;
};

/* ---- What was agreed --------------------------------------------------------------------------
 */

static void read_parameter(struct deflating *deflating, const char *parameter)
{
    int bits;

    if (strcmp(parameter, "server_no_context_takeover") == 0)
        deflating->theirs.takeover = false;
    else if (strcmp(parameter, "client_no_context_takeover") == 0)
        deflating->ours.takeover = false;
    else if (sscanf(parameter, "server_max_window_bits=%d", &bits) == 1)
        deflating->theirs.bits = bits;
    else if (sscanf(parameter, "client_max_window_bits=%d", &bits) == 1)
        deflating->ours.bits = bits;
    else
        ck_abort_msg("the answer has a parameter \"%s\"", parameter);
}

static void read_agreed(struct deflating *deflating, const char *answer)
{
    char *words = strdup(answer), *rest = words, *word = strtok_r(words, "; ", &rest);

    must(word != NULL && strcmp(word, "permessage-deflate") == 0, "agreed on \"%s\"", answer);
    while ((word = strtok_r(NULL, "; ", &rest)) != NULL)
        read_parameter(deflating, word);
    free(words);
}

/* ---- Messages ---------------------------------------------------------------------------------
 */

/* Runs a stream until it has given all that it has. */
static uint8_t *run(z_stream *stream, int (*step)(z_stream *stream, int flush), size_t *size)
{
    size_t room = 4096;
    uint8_t *out = NULL;

    *size = 0;
    for (;;) {
        out = realloc(out, room + 1);
        must(out != NULL, "no memory");
        stream->next_out = out + *size;
        stream->avail_out = (uInt)(room - *size);

        int result = step(stream, Z_SYNC_FLUSH);

        must(result == Z_OK || result == Z_BUF_ERROR || result == Z_STREAM_END, "zlib says %d: %s",
             result, stream->msg != NULL ? stream->msg : "");
        *size = room - stream->avail_out;
        if (stream->avail_out > 0)
            break;
        room *= 2;
    }
    must(stream->avail_in == 0, "%u bytes are left over", stream->avail_in);
    out[*size] = '\0';
    return out;
}

static uint8_t *pack(struct deflating *deflating, const void *data, size_t size, size_t *packed)
{
    z_stream *stream = &deflating->ours.stream;

    if (size == 0) { /* an empty block, of which zlib would make none */
        *packed = 1;
        return calloc(1, 1);
    }
    stream->next_in = (void *)data;
    stream->avail_in = (uInt)size;

    uint8_t *out = run(stream, deflate, packed);

    must(*packed >= 4 && memcmp(out + *packed - 4, "\0\0\xff\xff", 4) == 0, "no end of a block");
    *packed -= 4;
    if (!deflating->ours.takeover)
        deflateReset(stream);
    return out;
}

static uint8_t *unpack(struct unpacker *unpacker, const uint8_t *data, size_t size,
                       size_t *unpacked)
{
    struct side *theirs = &((struct deflating *)unpacker)->theirs;
    uint8_t *whole = malloc(size + 4);

    must(whole != NULL, "no memory");
    memcpy(whole, data, size);
    memcpy(whole + size, "\0\0\xff\xff", 4);
    theirs->stream.next_in = whole;
    theirs->stream.avail_in = (uInt)size + 4;

    uint8_t *out = run(&theirs->stream, inflate, unpacked);

    free(whole);
    if (!theirs->takeover)
        inflateReset(&theirs->stream);
    return out;
}

/* ---- The client -------------------------------------------------------------------------------
 */

static void deflating_free(struct unpacker *unpacker)
{
    struct deflating *deflating = (struct deflating *)unpacker;

    deflateEnd(&deflating->ours.stream);
    inflateEnd(&deflating->theirs.stream);
    free(deflating);
}

/* zlib makes no raw stream with a window of 8 bits, but reads one. */
static struct deflating *deflating_new(const char *answer)
{
    struct deflating *deflating = calloc(1, sizeof *deflating);

    must(deflating != NULL, "no memory");
    deflating->unpacker = (struct unpacker){unpack, deflating_free};
    deflating->ours.bits = deflating->theirs.bits = 15;
    deflating->ours.takeover = deflating->theirs.takeover = true;
    read_agreed(deflating, answer);
    must(deflateInit2(&deflating->ours.stream, 9, Z_DEFLATED,
                      deflating->ours.bits < 9 ? -9 : -deflating->ours.bits, 8,
                      Z_DEFAULT_STRATEGY) == Z_OK,
         "no compressor");
    must(inflateInit2(&deflating->theirs.stream, -deflating->theirs.bits) == Z_OK,
         "no decompressor");
    return deflating;
}

static char agreed[256];

const char *client_agreed(void)
{
    return agreed;
}

void client_shake_deflating(struct client *client, const char *path, const char *offer)
{
    char fields[256];

    snprintf(fields, sizeof fields, "Sec-WebSocket-Extensions: %s\r\n", offer);
    client_shake(client, path, fields);

    struct answer answer = client_answer(client);

    must(answer.status == 101, "%s: %u", path, answer.status);
    snprintf(agreed, sizeof agreed, "%s", answer_field(&answer, "Sec-WebSocket-Extensions"));
    if (agreed[0] != '\0')
        client->unpacker = &deflating_new(agreed)->unpacker;
}

struct client client_open_deflating(const char *path, const char *offer)
{
    struct client client = client_dial();

    client_shake_deflating(&client, path, offer);
    return client;
}

void client_packed(struct client *client, unsigned first, const void *payload, size_t size)
{
    size_t packed;
    uint8_t *bytes = pack((struct deflating *)client->unpacker, payload, size, &packed);

    client_frame(client, 0x40 | first, bytes, packed);
    free(bytes);
}
