/*
 * server/batch: frames that several connections get, one behind the other, whole and unmasked.
 */
#include "server/batch.h"

#include <string.h>

#include "base/mem.h"

struct batch *batch_new(void)
{
    struct batch *batch = mem_zalloc(sizeof *batch);

    if (batch != NULL)
        batch->references = 1;
    return batch;
}

struct batch *batch_ref(struct batch *batch)
{
    batch->references++;
    return batch;
}

void batch_unref(struct batch *batch)
{
    if (batch == NULL || --batch->references > 0)
        return;
    text_free(&batch->bytes);
    mem_free(batch);
}

void batch_go_on(struct batch **batch)
{
    struct batch *next;

    if (!(*batch)->held || (next = batch_new()) == NULL)
        return;
    next->next = *batch;
    *batch = next;
}

void batch_unref_all(struct batch *batch)
{
    while (batch != NULL) {
        struct batch *before = batch->next;

        batch_unref(batch);
        batch = before;
    }
}

bool batch_frame(struct batch *batch, enum frame_opcode opcode, uint8_t rsv, struct slice payload)
{
    uint8_t *out = (uint8_t *)text_reserve(&batch->bytes, FRAME_HEADER_MAX + payload.size);

    if (out == NULL) { /* for the next frame, which may be shorter, there may be memory */
        batch->bytes.failed = false;
        return false;
    }
    size_t header = frame_write(out, opcode, rsv, payload.size);
    if (payload.size > 0)
        memcpy(out + header, payload.data, payload.size);
    batch->bytes.size += header + payload.size;
    return true;
}

size_t batch_frame_size(const struct batch *batch, size_t offset)
{
    return frame_size_at((const uint8_t *)batch->bytes.data + offset, batch->bytes.size - offset);
}
