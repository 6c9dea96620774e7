/*
 * server/compression: messages are compressed on their way out, and no message twice that need not
 * be.
 */
#include "server/compression.h"

#include "base/mem.h"

enum {
    REMEMBERED_MOST = 64,         /* messages */
    REMEMBERED_MAX = 1024 * 1024, /* bytes, plain and compressed together */
};

/* A message that was compressed, and what became of it. */
struct remembered {
    unsigned bits, level;
    size_t offset;            /* of its plain bytes; the compressed ones follow */
    size_t plain, compressed; /* sizes; compressed 0: DEFLATE_LARGER */
};

struct compression {
    struct deflate_shared *streams;
    uint64_t compressed; /* messages */
    bool repeats;        /* are expected, so messages are remembered: */
    bool used;           /* since the last trim */
    unsigned count;
    unsigned next; /* behind that which came again: members get the same in the same order */
    struct remembered remembered[REMEMBERED_MOST];
    struct text bytes; /* of all that is remembered */
};

/* ---- The loop's own ------------------------------------------------------------------------- */

struct compression *compression_new(void)
{
    struct compression *compression = mem_zalloc(sizeof *compression);

    if (compression == NULL)
        return NULL;
    compression->streams = deflate_shared_new();
    if (compression->streams != NULL)
        return compression;
    mem_free(compression);
    return NULL;
}

void compression_free(struct compression *compression)
{
    if (compression == NULL)
        return;
    text_free(&compression->bytes);
    deflate_shared_free(compression->streams);
    mem_free(compression);
}

void compression_trim(struct compression *compression)
{
    if (!compression->used && compression->count == 0)
        text_free(&compression->bytes);
    compression->used = false;
    deflate_shared_trim(compression->streams);
}

uint64_t compression_count(const struct compression *compression)
{
    return compression->compressed;
}

/* ---- What comes again ----------------------------------------------------------------------- */

void compression_expect_repeats(struct compression *compression, bool expected)
{
    compression->repeats = expected;
    compression->count = compression->next = 0;
    text_clear(&compression->bytes);
}

static bool is_same(const struct compression *compression, const struct remembered *remembered,
                    unsigned bits, unsigned level, struct slice payload)
{
    const char *plain = compression->bytes.data + remembered->offset;

    return remembered->bits == bits && remembered->level == level &&
           slice_equal((struct slice){plain, remembered->plain}, payload);
}

static const struct remembered *recall(struct compression *compression, unsigned bits,
                                       unsigned level, struct slice payload)
{
    for (unsigned i = 0; i < compression->count; i++) {
        unsigned at = (compression->next + i) % compression->count;

        if (is_same(compression, &compression->remembered[at], bits, level, payload)) {
            compression->next = at + 1;
            return &compression->remembered[at];
        }
    }
    return NULL;
}

static void remember(struct compression *compression, unsigned bits, unsigned level,
                     struct slice payload, struct slice out)
{
    struct text *bytes = &compression->bytes;
    size_t before = bytes->size;

    if (compression->count == REMEMBERED_MOST || before + payload.size + out.size > REMEMBERED_MAX)
        return;
    compression->used = true;
    text_add(bytes, payload.data, payload.size);
    text_add(bytes, out.data, out.size);
    if (bytes->failed) {
        bytes->size = before;
        bytes->failed = false;
        return;
    }
    compression->remembered[compression->count++] =
        (struct remembered){bits, level, before, payload.size, out.size};
}

static enum deflate_result compress_once(struct compression *compression, unsigned bits,
                                         unsigned level, struct slice payload, struct slice *out)
{
    const struct remembered *known =
        compression->repeats ? recall(compression, bits, level, payload) : NULL;

    if (known != NULL) {
        const char *plain = compression->bytes.data + known->offset;

        *out = (struct slice){plain + known->plain, known->compressed};
        return known->compressed > 0 ? DEFLATE_DONE : DEFLATE_LARGER;
    }
    compression->compressed++;
    enum deflate_result result = deflate_once(compression->streams, bits, level, payload, out);
    if (compression->repeats && result != DEFLATE_FAILED)
        remember(compression, bits, level, payload,
                 result == DEFLATE_DONE ? *out : (struct slice){0});
    return result;
}

/* ---- Messages ------------------------------------------------------------------------------- */

bool compression_begin(struct conn *conn, const struct deflate_terms *terms)
{
    conn->reader.deflate =
        deflate_new(conn->worker->compression->streams, terms, conn->mount->config->compress.level);
    return conn->reader.deflate != NULL;
}

uint8_t compression_for_all(struct compression *compression, unsigned bits,
                            const struct compress_config *config, struct slice *payload)
{
    struct slice out;

    if (payload->size < config->min ||
        compress_once(compression, bits, config->level, *payload, &out) != DEFLATE_DONE)
        return 0;
    *payload = out;
    return FRAME_RSV1;
}

uint8_t compression_message(struct conn *conn, struct slice *payload)
{
    struct compression *compression = conn->worker->compression;
    const struct compress_config *config = &conn->mount->config->compress;
    const struct deflate_terms *terms = deflate_terms_of(conn->reader.deflate);
    struct slice out;

    if (!terms->server_takeover)
        return compression_for_all(compression, terms->server_bits, config, payload);
    if (payload->size < config->min)
        return 0;
    compression->compressed++;
    if (deflate_message(conn->reader.deflate, *payload, &out) != DEFLATE_DONE)
        return 0;
    *payload = out;
    return FRAME_RSV1;
}
