/* soak/attack: what the connections of an attack do. */
#include "attack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_DEFLATE
#include <zlib.h>
#endif

/* ---- What is sent ---------------------------------------------------------------------------- */

#define SHAKE(path, fields)                                                                        \
    "GET " path " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" fields "\r\n"

static const char shake_echo[] = SHAKE("/echo/", "");
static const char shake_crowd[] = SHAKE("/crowd/", "");

/* To compress and to inflate, with takeover. */
#define HELD_BY_STREAMS (301 * 1024)

enum { FIN = 0x80, CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, MASK = 0x80 };

/* Bytes that are made once, before anything is sent. */
struct script {
    uint8_t *data;
    size_t size, room;
};

static void add(struct script *script, const void *data, size_t size)
{
    if (script->size + size > script->room) {
        script->room = 2 * (script->size + size);
        script->data = realloc(script->data, script->room);
        if (script->data == NULL)
            abort();
    }
    if (size > 0)
        memcpy(script->data + script->size, data, size);
    script->size += size;
}

/* A frame's header, with a mask of zeros, which leaves the payload as it is. */
static void add_header(struct script *script, unsigned first, uint64_t size)
{
    uint8_t header[14] = {(uint8_t)first};
    unsigned bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;

    header[1] = (uint8_t)(MASK | (bytes == 0 ? size : bytes == 2 ? 126 : 127));
    for (unsigned i = 0; i < bytes; i++)
        header[2 + i] = (uint8_t)(size >> (8 * (bytes - 1 - i)));
    add(script, header, 2 + bytes + 4);
}

static void add_frame(struct script *script, unsigned first, const void *payload, size_t size)
{
    add_header(script, first, size);
    add(script, payload, size);
}

static void add_text(struct script *script, const char *text)
{
    add_frame(script, FIN | TEXT, text, strlen(text));
}

static void say(struct line *line, const struct script *script)
{
    line_say(line, script->data, script->size);
}

static void say_shake(struct line *line, const char *shake)
{
    line_say(line, shake, strlen(shake));
}

static void begin_echo(struct line *line)
{
    say_shake(line, shake_echo);
}

/* The same in every run. */
static unsigned chance(unsigned of)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % of);
}

/* ---- A byte a second ------------------------------------------------------------------------- */

static struct script slow_frame;

static void drip_begin(struct line *line)
{
    if (line->index % 2 == 1)
        begin_echo(line);
}

/* One half never ends its handshake, the other its frame. */
static void drip_tick(struct line *line)
{
    bool frames = line->index % 2 == 1;
    const uint8_t *data = frames ? slow_frame.data : (const uint8_t *)shake_echo;
    size_t size = frames ? slow_frame.size : sizeof shake_echo - 1, at = line->step / 10;

    if (frames && !line->open)
        return;
    if (line->step++ % 10 == 0 && at < size)
        line_say(line, data + at, 1);
}

/* ---- Nothing at all -------------------------------------------------------------------------- */

static void silent_begin(struct line *line)
{
    if (line->index % 2 == 1)
        begin_echo(line);
}

/* ---- Halves ---------------------------------------------------------------------------------- */

enum { HALF_MESSAGE = 64 * 1024, HALF_HEAD = 30 * 1024 };

static struct script half_message, half_head;

static void heads_begin(struct line *line)
{
    say(line, &half_head);
}

static void halves_answered(struct line *line)
{
    say(line, &half_message);
}

/* ---- Who never reads ------------------------------------------------------------------------- */

enum { BIG = 10000 }; /* bytes of what the crowd's "big" sends */

static struct script flood_group;

static void deaf_begin(struct line *line)
{
    say_shake(line, shake_crowd);
}

static void deaf_answered(struct line *line)
{
    line->deaf = line->index > 0;
}

/* The first one floods the others. Of those the server is rid after a while, which they, who do not
 * read, can't see: so they go by themselves, and come again. */
static void deaf_tick(struct line *line)
{
    if (line->index == 0 && line->open)
        say(line, &flood_group);
    else if (line->index > 0 && chance(80) == 0)
        line_reset(line);
}

/* ---- Floods ---------------------------------------------------------------------------------- */

static struct script pings, close_frame, shake_and_close;

static void pings_answered(struct line *line)
{
    line->eager = true;
    line->deaf = line->index % 2 == 1;
}

static void pings_more(struct line *line)
{
    say(line, &pings);
}

static void close_begin(struct line *line)
{
    if (line->index % 3 == 2)
        say(line, &shake_and_close);
    else
        begin_echo(line);
}

/* Some wait for the answer, some go at once. */
static void close_answered(struct line *line)
{
    if (line->index % 3 == 2)
        return;
    say(line, &close_frame);
    if (line->index % 3 == 1)
        line_hang_up(line);
}

/* ---- Resets ---------------------------------------------------------------------------------- */

static struct script echoed, joined;

static void resets_begin(struct line *line)
{
    unsigned moment = chance(6);

    if (moment == 1)
        line_say(line, shake_echo, chance(sizeof shake_echo - 1));
    else if (moment > 1)
        say_shake(line, line->index % 2 == 1 ? shake_crowd : shake_echo);
    if (moment < 3)
        line_reset(line);
}

static void resets_answered(struct line *line)
{
    const struct script *script = line->index % 2 == 1 ? &joined : &echoed;
    unsigned moment = chance(4);

    if (moment > 0)
        line_say(line, script->data, moment == 1 ? chance((unsigned)script->size) : script->size);
    if (moment < 3)
        line_reset(line);
}

static void resets_tick(struct line *line)
{
    if (chance(4) == 0)
        line_reset(line);
}

/* ---- Nonsense -------------------------------------------------------------------------------- */

/* Frames, and what is wrong with them. */
#define NONSENSE(bytes)                                                                            \
    {                                                                                              \
        (const uint8_t *)(bytes), sizeof(bytes) - 1                                                \
    }

static const struct {
    const uint8_t *data;
    size_t size;
} nonsense[] = {
    NONSENSE("\x82\xff\x80\0\0\0\0\0\0\0abcd"), /* 2^63 bytes */
    NONSENSE("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"
             "abcd"), /* 2^64 - 1 */
    NONSENSE("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
             "abcd"),                           /* 2^63 - 1 */
    NONSENSE("\x82\xff\0\0\0\0\x40\0\0\0abcd"), /* 1 GiB */
    NONSENSE("\x82\xff\0\0\0\0\0\0\0\x05"
             "abcdhello"), /* 5, as long as can be */
    NONSENSE("\x82\xfe\0\x05"
             "abcdhello"),
    NONSENSE("\x82\x05hello"), /* no mask */
    NONSENSE("\xf2\x85"
             "abcdhello"), /* reserved bits */
    NONSENSE("\x83\x85"
             "abcdhello"), /* no such opcode */
    NONSENSE("\x8f\x85"
             "abcdhello"), /* nor this */
    NONSENSE("\x09\x80"
             "abcd"),                           /* a ping in fragments */
    NONSENSE("\x89\xfe\x01\0abcd"),             /* one of 256 bytes */
    NONSENSE("\x89\xff\x80\0\0\0\0\0\0\0abcd"), /* one of 2^63 */
    NONSENSE("\x80\x85"
             "abcdhello"), /* goes on with nothing */
    NONSENSE("\x01\x81"
             "abcdx\x01\x81"
             "abcdx"), /* begins anew */
    NONSENSE("\x88\x81"
             "abcdx"),                    /* half a code */
    NONSENSE("\x88\x82\0\0\0\0\x03\xed"), /* 1005 */
    NONSENSE("\x81\x82\0\0\0\0\xc0\xaf"), /* no UTF-8 */
};

static void nonsense_answered(struct line *line)
{
    unsigned which = (line->index + line->tries) % (sizeof nonsense / sizeof *nonsense);

    line_say(line, nonsense[which].data, nonsense[which].size);
}

/* ---- Crumbs ---------------------------------------------------------------------------------- */

static struct script crumbs, whole_of_crumbs;

/* One half goes on beyond `limits fragments`, the other ends its messages just before. */
static void crumbs_more(struct line *line)
{
    say(line, line->index % 2 == 1 ? &crumbs : &whole_of_crumbs);
}

static void crumbs_answered(struct line *line)
{
    line->eager = true;
    crumbs_more(line);
}

/* ---- Requests in a row ----------------------------------------------------------------------- */

static struct script requests;

static void requests_more(struct line *line)
{
    say(line, &requests);
}

static void requests_begin(struct line *line)
{
    line->eager = true;
    line->deaf = line->index % 2 == 1;
    requests_more(line);
}

/* ---- Bombs ----------------------------------------------------------------------------------- */

#ifdef HAVE_DEFLATE
#define OFFER "Sec-WebSocket-Extensions: permessage-deflate\r\n"

enum { BOMB = 64 * 1024 * 1024, BOMB_PART = 500, RSV1 = 0x40 };

static const char shake_packed[] = SHAKE("/packed/", OFFER);
static const char shake_packed_alone[] = SHAKE("/packed/alone/", OFFER);
static struct script bomb, bomb_in_parts, large_as_may_be;

static void bombs_begin(struct line *line)
{
    say_shake(line, line->index % 2 == 1 ? shake_packed : shake_packed_alone);
}

static void bombs_more(struct line *line)
{
    say(line, &large_as_may_be);
}

/* Half of them are cut off at the limit, the other half stay below: of these, half never read what
 * comes back. */
static void bombs_answered(struct line *line)
{
    unsigned kind = line->index / 2 % 4;

    if (kind < 2) {
        say(line, kind == 0 ? &bomb : &bomb_in_parts);
        return;
    }
    line->eager = true;
    line->deaf = kind == 3;
    bombs_more(line);
}

/* Zeros, compressed as a message is; 64 KiB of them, or 128, and so on. */
static void pack(struct script *script, size_t size)
{
    static uint8_t zeros[64 * 1024], out[64 * 1024];
    z_stream stream = {0};

    if (deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    for (size_t done = sizeof zeros; done <= size; done += sizeof zeros) {
        stream.next_in = zeros;
        stream.avail_in = sizeof zeros;
        do {
            stream.next_out = out;
            stream.avail_out = sizeof out;
            deflate(&stream, done == size ? Z_SYNC_FLUSH : Z_NO_FLUSH);
            add(script, out, sizeof out - stream.avail_out);
        } while (stream.avail_out == 0);
    }
    script->size -= 4; /* the empty block, which goes without saying */
    deflateEnd(&stream);
}

static void prepare_bombs(void)
{
    struct script packed = {0};

    pack(&packed, BOMB);
    add_frame(&bomb, FIN | RSV1 | BINARY, packed.data, packed.size);
    for (size_t at = 0; at < packed.size; at += BOMB_PART) {
        size_t left = packed.size - at, part = left < BOMB_PART ? left : BOMB_PART;

        add_frame(&bomb_in_parts,
                  (at == 0 ? RSV1 | BINARY : CONTINUATION) | (part == left ? FIN : 0),
                  packed.data + at, part);
    }
    packed.size = 0;
    pack(&packed, LIMIT_MESSAGE);
    add_frame(&large_as_may_be, FIN | RSV1 | BINARY, packed.data, packed.size);
    free(packed.data);
}
#endif

/* ---- All of them ----------------------------------------------------------------------------- */

const struct attack attacks[] = {
    {.name = "a byte a second",
     .many = 10000,
     .few = 300,
     .held = 2 * 256, /* a buffer grows by doubling */
     .begin = drip_begin,
     .tick = drip_tick},
    {.name = "silence", .many = 10000, .few = 300, .begin = silent_begin},
    {.name = "half heads",
     .many = 1000,
     .few = 50,
     .held = 2 * LIMIT_HEADERS,
     .begin = heads_begin},
    {.name = "half messages",
     .many = 1000,
     .few = 50,
     .held = 2 * HALF_MESSAGE,
     .begin = begin_echo,
     .answered = halves_answered},
    {.name = "deaf in a flooded group",
     .many = 200,
     .few = 20,
     .held = LIMIT_BACKLOG + BIG,
     .narrow = true,
     .begin = deaf_begin,
     .answered = deaf_answered,
     .tick = deaf_tick},
    {.name = "pings",
     .many = 100,
     .few = 10,
     .held = HELD_FOR_TURN + 64 * 127, /* 64 pongs are kept for who does not read */
     .begin = begin_echo,
     .answered = pings_answered,
     .more = pings_more},
    {.name = "closes", .many = 100, .few = 10, .begin = close_begin, .answered = close_answered},
    {.name = "resets",
     .many = 200,
     .few = 20,
     .held = LIMIT_BACKLOG,
     .begin = resets_begin,
     .answered = resets_answered,
     .tick = resets_tick},
    {.name = "nonsense",
     .many = 100,
     .few = 10,
     .held = 4096,
     .begin = begin_echo,
     .answered = nonsense_answered},
    {.name = "crumbs",
     .many = 100,
     .few = 10,
     .held = HELD_FOR_TURN + 2 * LIMIT_FRAGMENTS + LIMIT_BACKLOG,
     .begin = begin_echo,
     .answered = crumbs_answered,
     .more = crumbs_more},
    {.name = "requests in a row",
     .many = 100,
     .few = 10,
     .held = HELD_FOR_TURN + LIMIT_HEADERS,
     .begin = requests_begin,
     .more = requests_more},
#ifdef HAVE_DEFLATE
    {.name = "bombs",
     .many = 64,
     .few = 8,
     .held = HELD_FOR_TURN + 2 * LIMIT_MESSAGE + LIMIT_BACKLOG + HELD_BY_STREAMS,
     .begin = bombs_begin,
     .answered = bombs_answered,
     .more = bombs_more},
#endif
    {.name = NULL},
};

static void prepare_halves(void)
{
    static const uint8_t zeros[HALF_MESSAGE];
    static const char head[] = "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ";

    add_frame(&slow_frame, FIN | TEXT, zeros, 125);
    add_header(&half_message, FIN | BINARY, 2 * HALF_MESSAGE);
    add(&half_message, zeros, HALF_MESSAGE);
    add(&half_head, head, sizeof head - 1);
    while (half_head.size < HALF_HEAD)
        add(&half_head, "x", 1);
}

static void prepare_floods(void)
{
    static const char request[] = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
    static const uint8_t payload[125];

    add_text(&flood_group, "send big 0 50");
    add_text(&joined, "send say 0 20");
    for (unsigned i = 0; i < 40; i++)
        add_text(&echoed, "whatever comes back");
    for (unsigned i = 0; i < 64; i++)
        add_frame(&pings, FIN | PING, payload, i % 4 == 0 ? sizeof payload : i % 4);
    add_frame(&close_frame, FIN | CLOSE, "\x03\xe8", 2);
    add(&shake_and_close, shake_echo, sizeof shake_echo - 1);
    add(&shake_and_close, close_frame.data, close_frame.size);
    for (unsigned i = 0; i < 100; i++)
        add(&requests, request, sizeof request - 1);
}

static void prepare_crumbs(void)
{
    add_frame(&crumbs, TEXT, "x", 1);
    add_frame(&whole_of_crumbs, TEXT, "x", 1);
    for (unsigned i = 0; i < LIMIT_FRAGMENTS - 2; i++) {
        add_frame(&crumbs, CONTINUATION, "x", i % 2);
        add_frame(&whole_of_crumbs, CONTINUATION, "x", i % 2);
        if (i % 16 == 0)
            add_frame(&whole_of_crumbs, FIN | PING, "", 0);
    }
    for (unsigned i = 0; i < 16; i++)
        add_frame(&crumbs, CONTINUATION, "x", 1);
    add_frame(&whole_of_crumbs, FIN | CONTINUATION, "x", 1);
}

void attacks_prepare(void)
{
    prepare_halves();
    prepare_floods();
    prepare_crumbs();
#ifdef HAVE_DEFLATE
    prepare_bombs();
#endif
}

const char *attacks_conf(void)
{
    static char conf[1024];

    snprintf(conf, sizeof conf,
             "loops 2\n"
             "server headers=%d\n"
             "limits message=%d backlog=%d fragments=%d\n"
             "ws /echo/ consumers/echo.so\n"
             "ws /chat/<str:room>/ consumers/chat.so\n"
             "ws /crowd/ tests/plugins/crowd.so\n"
             "http /page file=routing.conf\n"
#ifdef HAVE_DEFLATE
             "ws /packed/ consumers/echo.so {\n    compress takeover=on\n}\n"
             "ws /packed/alone/ consumers/echo.so {\n    compress on\n}\n"
#endif
             ,
             LIMIT_HEADERS, LIMIT_MESSAGE, LIMIT_BACKLOG, LIMIT_FRAGMENTS);
    return conf;
}
