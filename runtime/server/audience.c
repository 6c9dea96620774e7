/*
 * server/audience: the members of a group for whom a broadcast is the same, and its bytes.
 */
#include "server/audience.h"

#include "base/mem.h"
#include "server/compression.h"

/* The showings as they go to those who agreed to one size of window. */
struct dialect {
    struct batch *batch;
    struct passage passages[AUDIENCE_SHOWINGS]; /* without a batch: not written yet */
};

/* ---- Beginning and end ---------------------------------------------------------------------- */

struct audience *audience_new(struct conn *conn)
{
    struct audience *audience = mem_zalloc(sizeof *audience);

    if (audience == NULL)
        return NULL;
    audience->batch = batch_new();
    if (audience->batch == NULL) {
        mem_free(audience);
        return NULL;
    }
    audience->mount = conn->mount;
    audience->routing = routing_ref(conn->routing);
    audience->generation = generation_ref(conn->generation);
    return audience;
}

static struct dialect *dialect_new(void)
{
    struct dialect *dialect = mem_zalloc(sizeof *dialect);

    if (dialect == NULL)
        return NULL;
    dialect->batch = batch_new();
    if (dialect->batch != NULL)
        return dialect;
    mem_free(dialect);
    return NULL;
}

static void dialect_free(struct dialect *dialect)
{
    if (dialect == NULL)
        return;
    batch_unref_all(dialect->batch);
    mem_free(dialect);
}

void audience_free(struct audience *audience)
{
    for (unsigned i = 0; i < sizeof audience->dialects / sizeof *audience->dialects; i++)
        dialect_free(audience->dialects[i]);
    batch_unref_all(audience->batch);
    generation_unref(audience->generation);
    routing_unref(audience->routing);
    mem_free(audience);
}

bool audience_has(const struct audience *audience, const struct conn *conn)
{
    return audience->mount == conn->mount && audience->generation == conn->generation;
}

/* ---- Frames --------------------------------------------------------------------------------- */

/* A batch's frame: of text or binary, and whole. */
struct spoken {
    enum frame_opcode opcode;
    struct slice payload;
};

/* The next frame of a passage, which goes on behind it. */
static bool passage_next(struct passage *rest, struct spoken *spoken)
{
    struct frame frame;
    const char *why;

    if (rest->frames == 0)
        return false;
    const uint8_t *data = (const uint8_t *)rest->batch->bytes.data + rest->offset;
    if (frame_parse(data, rest->size, &frame, &why) != FRAME_DONE)
        return false;
    size_t size = frame.header_size + (size_t)frame.length;
    spoken->opcode = frame.opcode;
    spoken->payload = (struct slice){(const char *)data + frame.header_size, (size_t)frame.length};
    rest->offset += size;
    rest->size -= size;
    rest->frames--;
    return true;
}

/* ---- Dialects ------------------------------------------------------------------------------- */

/* False: nothing of it is compressed, or there is no memory. */
static bool translate(struct worker *worker, unsigned bits, const struct compress_config *config,
                      struct passage plain, struct batch *batch)
{
    bool compressed = false;
    struct spoken spoken;

    while (passage_next(&plain, &spoken)) {
        uint8_t rsv = compression_for_all(worker->compression, bits, config, &spoken.payload);

        compressed = compressed || rsv != 0;
        if (!batch_frame(batch, spoken.opcode, rsv, spoken.payload))
            return false;
    }
    return compressed;
}

/* The plain frames do for everybody, where there is nothing better. */
static void dialect_write(struct dialect *dialect, struct worker *worker, unsigned bits,
                          const struct compress_config *config, const struct passage *plain,
                          struct passage *passage)
{
    batch_go_on(&dialect->batch);
    struct batch *batch = dialect->batch;
    size_t before = batch->bytes.size;

    if (translate(worker, bits, config, *plain, batch)) {
        *passage = (struct passage){batch, before, batch->bytes.size - before, plain->frames};
    } else {
        batch->bytes.size = before;
        *passage = *plain;
    }
}

/* A showing's frames in the dialect for that window. */
static const struct passage *translation(struct audience *audience, unsigned index,
                                         struct worker *worker, unsigned bits)
{
    const struct passage *plain = &audience->showings[index].plain;
    struct dialect **dialect = &audience->dialects[bits - 8];

    if (*dialect == NULL)
        *dialect = dialect_new();
    if (*dialect == NULL)
        return plain;
    struct passage *passage = &(*dialect)->passages[index];
    if (passage->batch == NULL)
        dialect_write(*dialect, worker, bits, &audience->mount->config->compress, plain, passage);
    return passage;
}

/* ---- Sending -------------------------------------------------------------------------------- */

void passage_send(struct conn *conn, struct passage *waiting)
{
    if (waiting->size > 0)
        conn_send_batch(conn, waiting->batch, waiting->offset, waiting->size, waiting->frames);
    *waiting = (struct passage){0};
}

/* False: it does not stand right behind it. */
static bool passage_join(struct passage *passage, const struct passage *next)
{
    if (passage->size == 0)
        *passage = (struct passage){.batch = next->batch, .offset = next->offset};
    else if (passage->batch != next->batch || passage->offset + passage->size != next->offset)
        return false;
    passage->size += next->size;
    passage->frames += next->frames;
    return true;
}

static void passage_add(struct conn *conn, struct passage *waiting, const struct passage *passage)
{
    if (passage_join(waiting, passage))
        return;
    passage_send(conn, waiting);
    passage_join(waiting, passage);
}

/* conn_send compresses. */
static void passage_send_each(struct conn *conn, struct passage rest)
{
    struct spoken spoken;

    while (passage_next(&rest, &spoken))
        conn_send(conn, spoken.opcode, spoken.payload);
}

void passage_send_alone(struct conn *conn, const struct passage *passage)
{
    struct passage waiting = *passage;

    if (conn->reader.deflate != NULL)
        passage_send_each(conn, *passage);
    else
        passage_send(conn, &waiting);
}

bool audience_has_all(struct audience *audience, unsigned count)
{
    struct passage all = {0};

    if (audience->all.size > 0)
        return true;
    for (unsigned i = 0; i < count; i++) {
        const struct showing *showing = &audience->showings[i];
        const struct passage *plain = &showing->plain;

        if (!showing->done)
            return false;
        if (plain->size > 0 && !passage_join(&all, plain))
            return false;
    }
    audience->all = all;
    return all.size > 0;
}

void audience_show(struct audience *audience, unsigned index, struct conn *conn,
                   struct passage *waiting)
{
    const struct passage *plain = &audience->showings[index].plain;

    if (conn->reader.deflate == NULL) {
        passage_add(conn, waiting, plain);
        return;
    }
    const struct deflate_terms *terms = deflate_terms_of(conn->reader.deflate);
    if (terms->server_takeover)
        passage_send_each(conn, *plain);
    else
        passage_add(conn, waiting, translation(audience, index, conn->worker, terms->server_bits));
}
