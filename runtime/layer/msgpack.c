/*
 * layer/msgpack: events as bytes, the same ones that Python's msgpack makes of them.
 */
#include "layer/msgpack.h"

#include <string.h>

#include "base/utf8.h"

/* The first bytes of the forms. The short ones carry a number in their low bits; of the others,
 * those that differ in size alone follow each other, the smallest first. */
enum {
    FIXMAP = 0x80,
    FIXARRAY = 0x90,
    FIXSTR = 0xa0,
    NIL = 0xc0,
    FALSE = 0xc2,
    TRUE = 0xc3,
    BIN8 = 0xc4,
    FLOAT32 = 0xca,
    FLOAT64 = 0xcb,
    UINT8 = 0xcc,
    INT8 = 0xd0,
    STR8 = 0xd9,
    ARRAY16 = 0xdc,
    MAP16 = 0xde,
    NEGATIVE = 0xe0, /* -32 to -1 */
};

/* ---- Writing ---- */

static struct msgpack_writer *writer_of(struct value_sink *sink)
{
    return (struct msgpack_writer *)sink;
}

/* A first byte and the lowest `size` bytes of a number, big end first. */
static bool add_head(struct text *out, int first, uint64_t number, size_t size)
{
    char *at = text_reserve(out, 1 + size);

    if (at == NULL)
        return false;
    *at++ = (char)first;
    for (size_t i = size; i > 0; i--)
        *at++ = (char)(number >> 8 * (i - 1));
    *at = '\0';
    out->size += 1 + size;
    return true;
}

static bool write_null(struct value_sink *sink)
{
    return add_head(writer_of(sink)->out, NIL, 0, 0);
}

static bool write_boolean(struct value_sink *sink, bool value)
{
    return add_head(writer_of(sink)->out, value ? TRUE : FALSE, 0, 0);
}

static bool write_natural(struct value_sink *sink, uint64_t value)
{
    struct text *out = writer_of(sink)->out;

    if (value < 0x80)
        return add_head(out, (int)value, 0, 0);
    if (value <= UINT8_MAX)
        return add_head(out, UINT8, value, 1);
    if (value <= UINT16_MAX)
        return add_head(out, UINT8 + 1, value, 2);
    if (value <= UINT32_MAX)
        return add_head(out, UINT8 + 2, value, 4);
    return add_head(out, UINT8 + 3, value, 8);
}

static bool write_integer(struct value_sink *sink, int64_t value)
{
    struct text *out = writer_of(sink)->out;

    if (value >= 0)
        return write_natural(sink, (uint64_t)value);
    if (value >= -32)
        return add_head(out, (int)value & 0xff, 0, 0);
    if (value >= INT8_MIN)
        return add_head(out, INT8, (uint64_t)value, 1);
    if (value >= INT16_MIN)
        return add_head(out, INT8 + 1, (uint64_t)value, 2);
    if (value >= INT32_MIN)
        return add_head(out, INT8 + 2, (uint64_t)value, 4);
    return add_head(out, INT8 + 3, (uint64_t)value, 8);
}

static bool write_real(struct value_sink *sink, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return add_head(writer_of(sink)->out, FLOAT64, bits, 8);
}

/* A length of one, two or four bytes behind the forms from `first` on. */
static bool add_length(struct text *out, int first, size_t length)
{
    if (length <= UINT8_MAX)
        return add_head(out, first, length, 1);
    if (length <= UINT16_MAX)
        return add_head(out, first + 1, length, 2);
    return length <= UINT32_MAX && add_head(out, first + 2, length, 4);
}

static bool add_payload(struct text *out, const void *data, size_t size)
{
    text_add(out, data, size);
    return !out->failed;
}

static bool write_string(struct value_sink *sink, const char *data, size_t size)
{
    struct text *out = writer_of(sink)->out;
    bool ok = size < 32 ? add_head(out, FIXSTR | (int)size, 0, 0) : add_length(out, STR8, size);

    return ok && add_payload(out, data, size);
}

static bool write_bytes(struct value_sink *sink, const void *data, size_t size)
{
    struct text *out = writer_of(sink)->out;

    return add_length(out, BIN8, size) && add_payload(out, data, size);
}

static bool open_container(struct msgpack_writer *writer, int fix, int first, size_t count)
{
    if (writer->depth == VALUE_DEPTH_MAX || count > UINT32_MAX)
        return false;
    writer->depth++;
    if (count < 16)
        return add_head(writer->out, fix | (int)count, 0, 0);
    if (count <= UINT16_MAX)
        return add_head(writer->out, first, count, 2);
    return add_head(writer->out, first + 1, count, 4);
}

static bool write_array_begin(struct value_sink *sink, size_t count)
{
    return open_container(writer_of(sink), FIXARRAY, ARRAY16, count);
}

static bool write_map_begin(struct value_sink *sink, size_t count)
{
    return open_container(writer_of(sink), FIXMAP, MAP16, count);
}

static bool write_end(struct value_sink *sink)
{
    writer_of(sink)->depth--;
    return true;
}

void msgpack_writer_init(struct msgpack_writer *writer, struct text *out)
{
    static const struct value_sink sink = {
        .null = write_null,
        .boolean = write_boolean,
        .integer = write_integer,
        .natural = write_natural,
        .real = write_real,
        .string = write_string,
        .bytes = write_bytes,
        .array_begin = write_array_begin,
        .array_end = write_end,
        .map_begin = write_map_begin,
        .key = write_string,
        .map_end = write_end,
    };

    *writer = (struct msgpack_writer){.sink = sink, .out = out};
}

/* ---- Reading ---- */

/* One item: a value, or the beginning of a container. */
struct item {
    enum item_kind {
        ITEM_NULL,
        ITEM_BOOLEAN,
        ITEM_INTEGER,
        ITEM_NATURAL, /* above INT64_MAX */
        ITEM_REAL,
        ITEM_STRING,
        ITEM_BYTES,
        ITEM_ARRAY,
        ITEM_MAP,
    } kind;
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        struct slice text;
        size_t count;
    };
};

struct reader {
    const uint8_t *at, *end;
};

static struct reader reader_of(const void *data, size_t size)
{
    const uint8_t *begin = size > 0 ? data : (const void *)"";

    return (struct reader){begin, begin + size};
}

static size_t left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* A number of `size` bytes, big end first. */
static bool read_number(struct reader *reader, size_t size, uint64_t *number)
{
    if (left(reader) < size)
        return false;
    *number = 0;
    for (size_t i = 0; i < size; i++)
        *number = *number << 8 | *reader->at++;
    return true;
}

static bool read_natural(struct reader *reader, struct item *item, size_t size)
{
    uint64_t number;

    if (!read_number(reader, size, &number))
        return false;
    if (number > INT64_MAX)
        *item = (struct item){.kind = ITEM_NATURAL, .natural = number};
    else
        *item = (struct item){.kind = ITEM_INTEGER, .integer = (int64_t)number};
    return true;
}

static bool read_integer(struct reader *reader, struct item *item, size_t size)
{
    uint64_t number, sign = UINT64_C(1) << (8 * size - 1);

    if (!read_number(reader, size, &number))
        return false;
    *item = (struct item){.kind = ITEM_INTEGER, .integer = (int64_t)((number ^ sign) - sign)};
    return true;
}

static bool read_float32(struct reader *reader, struct item *item)
{
    uint64_t number;
    uint32_t bits;
    float value;

    if (!read_number(reader, 4, &number))
        return false;
    bits = (uint32_t)number;
    memcpy(&value, &bits, sizeof value);
    *item = (struct item){.kind = ITEM_REAL, .real = (double)value};
    return true;
}

static bool read_float64(struct reader *reader, struct item *item)
{
    uint64_t bits;

    *item = (struct item){.kind = ITEM_REAL};
    if (!read_number(reader, 8, &bits))
        return false;
    memcpy(&item->real, &bits, sizeof item->real);
    return true;
}

static bool read_payload(struct reader *reader, struct item *item, enum item_kind kind,
                         uint64_t size)
{
    if (size > left(reader))
        return false;
    *item = (struct item){.kind = kind, .text = {(const char *)reader->at, (size_t)size}};
    reader->at += size;
    return kind == ITEM_BYTES || utf8_valid(item->text.data, item->text.size);
}

/* Each element takes a byte at least, each key and its value two: so no count is passed on that
 * the bytes can't bear out. */
static bool read_container(struct reader *reader, struct item *item, enum item_kind kind,
                           uint64_t count)
{
    *item = (struct item){.kind = kind, .count = (size_t)count};
    return count <= left(reader) / (kind == ITEM_MAP ? 2 : 1);
}

typedef bool read_sized(struct reader *reader, struct item *item, enum item_kind kind,
                        uint64_t size);

/* As `read` does, the size or count being the next `width` bytes. */
static bool read_length(struct reader *reader, struct item *item, enum item_kind kind, size_t width,
                        read_sized *read)
{
    uint64_t length;

    return read_number(reader, width, &length) && read(reader, item, kind, length);
}

static bool read_short(struct reader *reader, struct item *item, uint8_t first)
{
    if (first < FIXMAP) {
        *item = (struct item){.kind = ITEM_INTEGER, .integer = first};
        return true;
    }
    if (first < FIXARRAY)
        return read_container(reader, item, ITEM_MAP, first & 0x0f);
    if (first < FIXSTR)
        return read_container(reader, item, ITEM_ARRAY, first & 0x0f);
    return read_payload(reader, item, ITEM_STRING, first & 0x1f);
}

static bool read_item(struct reader *reader, struct item *item)
{
    uint8_t first;

    if (left(reader) == 0)
        return false;
    first = *reader->at++;
    if (first < NIL)
        return read_short(reader, item, first);
    if (first >= NEGATIVE) {
        *item = (struct item){.kind = ITEM_INTEGER, .integer = (int8_t)first};
        return true;
    }
    switch (first) {
    case NIL:
        *item = (struct item){.kind = ITEM_NULL};
        return true;
    case FALSE:
    case TRUE:
        *item = (struct item){.kind = ITEM_BOOLEAN, .boolean = first == TRUE};
        return true;
    case BIN8:
    case BIN8 + 1:
    case BIN8 + 2:
        return read_length(reader, item, ITEM_BYTES, 1u << (first - BIN8), read_payload);
    case FLOAT32:
        return read_float32(reader, item);
    case FLOAT64:
        return read_float64(reader, item);
    case UINT8:
    case UINT8 + 1:
    case UINT8 + 2:
    case UINT8 + 3:
        return read_natural(reader, item, 1u << (first - UINT8));
    case INT8:
    case INT8 + 1:
    case INT8 + 2:
    case INT8 + 3:
        return read_integer(reader, item, 1u << (first - INT8));
    case STR8:
    case STR8 + 1:
    case STR8 + 2:
        return read_length(reader, item, ITEM_STRING, 1u << (first - STR8), read_payload);
    case ARRAY16:
    case ARRAY16 + 1:
        return read_length(reader, item, ITEM_ARRAY, 2u << (first - ARRAY16), read_container);
    case MAP16:
    case MAP16 + 1:
        return read_length(reader, item, ITEM_MAP, 2u << (first - MAP16), read_container);
    default: /* extension types, timestamps, and 0xc1, which is nothing */
        return false;
    }
}

static bool read_key(struct reader *reader, struct item *item)
{
    return read_item(reader, item) && item->kind == ITEM_STRING &&
           memchr(item->text.data, '\0', item->text.size) == NULL;
}

static bool tell(struct reader *reader, struct value_sink *sink, unsigned depth);

static bool tell_array(struct reader *reader, size_t count, struct value_sink *sink, unsigned depth)
{
    if (depth == VALUE_DEPTH_MAX || !sink->array_begin(sink, count))
        return false;
    for (; count > 0; count--)
        if (!tell(reader, sink, depth + 1))
            return false;
    return sink->array_end(sink);
}

static bool tell_map(struct reader *reader, size_t count, struct value_sink *sink, unsigned depth)
{
    struct item key;

    if (depth == VALUE_DEPTH_MAX || !sink->map_begin(sink, count))
        return false;
    for (; count > 0; count--)
        if (!read_key(reader, &key) || !sink->key(sink, key.text.data, key.text.size) ||
            !tell(reader, sink, depth + 1))
            return false;
    return sink->map_end(sink);
}

static bool tell(struct reader *reader, struct value_sink *sink, unsigned depth)
{
    struct item item;

    if (!read_item(reader, &item))
        return false;
    switch (item.kind) {
    case ITEM_NULL:
        return sink->null(sink);
    case ITEM_BOOLEAN:
        return sink->boolean(sink, item.boolean);
    case ITEM_INTEGER:
        return sink->integer(sink, item.integer);
    case ITEM_NATURAL:
        return sink->natural(sink, item.natural);
    case ITEM_REAL:
        return sink->real(sink, item.real);
    case ITEM_STRING:
        return sink->string(sink, item.text.data, item.text.size);
    case ITEM_BYTES:
        return sink->bytes(sink, item.text.data, item.text.size);
    case ITEM_ARRAY:
        return tell_array(reader, item.count, sink, depth);
    case ITEM_MAP:
        return tell_map(reader, item.count, sink, depth);
    }
    return false;
}

bool msgpack_tell(const void *data, size_t size, struct value_sink *sink)
{
    struct reader reader = reader_of(data, size);

    return tell(&reader, sink, 0) && left(&reader) == 0;
}

bool msgpack_decode(const void *data, size_t size, struct json_object **value)
{
    struct value_builder builder;
    bool ok;

    value_builder_init(&builder);
    ok = msgpack_tell(data, size, &builder.sink);
    *value = value_builder_take(&builder, ok);
    return ok;
}

bool msgpack_encode(struct json_object *value, struct text *out)
{
    struct msgpack_writer writer;

    msgpack_writer_init(&writer, out);
    return value_tell(value, &writer.sink);
}

/* ---- Looking ---- */

/* Goes over what belongs to an item that was read. */
static bool skip(struct reader *reader, const struct item *item, unsigned depth)
{
    struct item inner;

    if (item->kind != ITEM_ARRAY && item->kind != ITEM_MAP)
        return true;
    if (depth == VALUE_DEPTH_MAX)
        return false;
    for (size_t count = item->count; count > 0; count--) {
        if (item->kind == ITEM_MAP && !read_key(reader, &inner))
            return false;
        if (!read_item(reader, &inner) || !skip(reader, &inner, depth + 1))
            return false;
    }
    return true;
}

bool msgpack_look(const void *data, size_t size, struct msgpack_event *event)
{
    struct reader reader = reader_of(data, size);
    struct item map, key, value;

    *event = (struct msgpack_event){0};
    if (!read_item(&reader, &map) || map.kind != ITEM_MAP)
        return false;
    for (; map.count > 0; map.count--) {
        if (!read_key(&reader, &key) || !read_item(&reader, &value) || !skip(&reader, &value, 1))
            return false;
        if (slice_equal(key.text, SLICE("type"))) /* the last one counts, as in a tree */
            event->type = value.kind == ITEM_STRING ? value.text : (struct slice){0};
        if (slice_equal(key.text, SLICE(MSGPACK_ADDRESS)))
            event->addressed = true;
    }
    return left(&reader) == 0;
}
