/*
 * testing/client: the far end of one connection of a test: it says what a browser would say, and
 * keeps what it hears.
 */
#include "testing/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "wire/deflate.h"
#include "wire/http.h"
#include "wire/inflate.h"

enum { READ_SIZE = 64 * 1024 };

static const uint8_t mask[] = {0x73, 0x6c, 0x75, 0x69}; /* always the same: a test is repeatable */

void test_fail(const char *function, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", function);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

static void must_have(const struct text *text)
{
    if (text->failed)
        test_fail("sluice_test", "no memory");
}

/* ---- The handshake -------------------------------------------------------------------------- */

/* The value that a test gives this header itself; data NULL: it leaves it to us. */
static struct slice given(const struct sluice_test_request *request, const char *name)
{
    size_t size = strlen(name);

    for (const char *const *header = request->headers; header != NULL && *header != NULL; header++)
        if (slice_equal_nocase((struct slice){*header, strnlen(*header, size)}, slice_of(name)) &&
            (*header)[size] == ':')
            return slice_trim(slice_of(*header + size + 1));
    return (struct slice){0};
}

static void add_header(struct text *out, const struct sluice_test_request *request,
                       const char *name, const char *value)
{
    if (value != NULL && given(request, name).data == NULL)
        text_addf(out, "%s: %s\r\n", name, value);
}

/* The page is one of the host that is asked, so that `origins same` lets it in. */
static void add_origin(struct text *out, const struct sluice_test_request *request)
{
    struct slice host = given(request, "Host");

    if (host.data == NULL)
        host = SLICE("localhost");
    if (given(request, "Origin").data == NULL)
        text_addf(out, "Origin: http://%.*s\r\n", (int)host.size, host.data);
}

/* What can't stand in a request line is encoded, as browsers do. */
static void add_target(struct text *out, const char *path)
{
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;

        if (byte > ' ' && byte <= '~')
            text_add_byte(out, *path);
        else
            text_addf(out, "%%%02X", byte);
    }
}

/* "Name:" with nothing behind it only keeps us from sending that header. */
static void add_given(struct text *out, const char *const *headers)
{
    for (; headers != NULL && *headers != NULL; headers++) {
        const char *colon = strchr(*headers, ':');

        if (colon == NULL || slice_trim(slice_of(colon + 1)).size > 0)
            text_addf(out, "%s\r\n", *headers);
    }
}

static void add_handshake(struct text *out, const char *path,
                          const struct sluice_test_request *request)
{
    const char *offer = deflate_available() ? "permessage-deflate; client_max_window_bits" : NULL;

    text_add_str(out, "GET ");
    add_target(out, path);
    text_add_str(out, " HTTP/1.1\r\n");
    add_header(out, request, "Host", "localhost");
    add_header(out, request, "User-Agent", "sluice-testing");
    add_header(out, request, "Connection", "Upgrade");
    add_header(out, request, "Upgrade", "websocket");
    add_origin(out, request);
    add_header(out, request, "Sec-WebSocket-Version", "13");
    add_header(out, request, "Sec-WebSocket-Key", "c2x1aWNlLXRlc3RpbmchIQ==");
    add_header(out, request, "Sec-WebSocket-Extensions", offer);
    add_header(out, request, "Sec-WebSocket-Protocol", request->subprotocols);
    add_given(out, request->headers);
    text_add_str(out, "\r\n");
}

bool test_client_begin(struct sluice_client *client, int fd, const char *path,
                       const struct sluice_test_request *request)
{
    client->fd = fd;
    STAILQ_INIT(&client->messages);
    add_handshake(&client->out, path, request);
    return !client->out.failed;
}

static void hang_up(struct sluice_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    text_free(&client->in);
    text_free(&client->out);
    client->written = 0;
}

void test_client_end(struct sluice_client *client)
{
    struct test_message *message;

    hang_up(client);
    while ((message = STAILQ_FIRST(&client->messages)) != NULL) {
        STAILQ_REMOVE_HEAD(&client->messages, link);
        mem_free(message);
    }
    mem_free(client->taken);
    mem_free(client->subprotocol);
    deflate_free(client->deflate);
    if (client->shared != NULL)
        deflate_shared_free(client->shared);
}

/* ---- Saying --------------------------------------------------------------------------------- */

/* Not masked, it would be a server's. */
static void add_frame(struct sluice_client *client, enum frame_opcode opcode, const void *data,
                      size_t size)
{
    struct text *out = &client->out;
    uint8_t header[FRAME_HEADER_MAX];
    size_t header_size = frame_write(header, opcode, 0, size);

    header[1] |= 0x80;
    text_add(out, header, header_size);
    text_add(out, mask, sizeof mask);
    char *room = text_reserve(out, size);
    if (room != NULL && size > 0) {
        frame_mask_to((uint8_t *)room, data, size, mask, 0);
        out->size += size;
        room[size] = '\0';
    }
    must_have(out);
}

/* Is there a server that would take it? One that has not answered yet keeps it for then. */
static bool is_open(const struct sluice_client *client)
{
    return client->fd >= 0 && !client->closing && (client->status == 0 || client->status == 101);
}

void test_client_send(struct sluice_client *client, enum frame_opcode opcode, const void *data,
                      size_t size)
{
    if (is_open(client))
        add_frame(client, opcode, data, size);
}

void test_client_cut(struct sluice_client *client)
{
    if (client->fd < 0)
        return;
    hang_up(client);
    if (client->code == 0 && (client->status == 0 || client->status == 101))
        client->code = 1006;
}

/* 1005 is no code that could be sent: it says that there is none. */
void test_client_close(struct sluice_client *client, unsigned code)
{
    uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    if (!is_open(client))
        return;
    if (client->status == 0) { /* there is nothing yet that could be closed in order */
        test_client_cut(client);
        return;
    }
    add_frame(client, FRAME_CLOSE, payload, code == 1005 ? 0 : sizeof payload);
    client->closing = true;
}

static bool write_out(struct sluice_client *client)
{
    struct text *out = &client->out;
    size_t before = client->written;

    while (client->fd >= 0 && client->written < out->size) {
        ssize_t sent = send(client->fd, out->data + client->written, out->size - client->written,
                            MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            client->written = out->size; /* nobody is there: what was sent to us is still read */
        else if (sent < 0)
            break;
        else
            client->written += (size_t)sent;
    }
    bool moved = client->written > before;
    if (client->written == out->size) {
        text_free(out);
        client->written = 0;
    }
    return moved;
}

/* ---- Hearing -------------------------------------------------------------------------------- */

static void keep_message(struct sluice_client *client, bool binary, struct slice payload)
{
    struct test_message *message = mem_alloc(sizeof *message + payload.size + 1);

    if (message == NULL)
        test_fail("sluice_test", "no memory for a message of %zu bytes", payload.size);
    if (payload.size > 0)
        memcpy(message->data, payload.data, payload.size);
    message->data[payload.size] = '\0';
    message->message = (sluice_message){message->data, payload.size, binary};
    STAILQ_INSERT_TAIL(&client->messages, message, link);
}

/* Whatever window the server has, this one reaches as far back. */
static bool begin_inflating(struct sluice_client *client)
{
    const struct deflate_terms terms = {15, 15, true, true};

    client->shared = deflate_shared_new();
    if (client->shared != NULL)
        client->deflate = deflate_new(client->shared, &terms, 1);
    return client->deflate != NULL;
}

static void keep_compressed(struct sluice_client *client, bool binary, struct slice payload)
{
    struct text plain = {0};
    enum inflate_result result = INFLATE_FULL;

    while (result == INFLATE_FULL) {
        size_t written = 0;
        char *room = text_reserve(&plain, READ_SIZE);

        if (room == NULL)
            break;
        result = inflate_some(client->deflate, &payload, (uint8_t *)room, READ_SIZE, &written);
        plain.size += written;
    }
    must_have(&plain);
    if (result != INFLATE_MORE || inflate_finish(client->deflate) != INFLATE_MORE)
        test_fail("sluice_test", "the server sent a compressed message that does not inflate");
    keep_message(client, binary, (struct slice){plain.data, plain.size});
    text_free(&plain);
}

static void hear_close(struct sluice_client *client, struct slice payload)
{
    const uint8_t *bytes = (const uint8_t *)payload.data;

    client->code = payload.size >= 2 ? bytes[0] << 8 | bytes[1] : 1005;
    if (!client->closing)
        add_frame(client, FRAME_CLOSE, bytes, payload.size >= 2 ? 2 : 0);
    client->closing = true;
}

static void hear_frame(struct sluice_client *client, const struct frame *frame,
                       struct slice payload)
{
    bool binary = frame->opcode == FRAME_BINARY;

    if (frame->opcode == FRAME_PING)
        test_client_send(client, FRAME_PONG, payload.data, payload.size);
    else if (frame->opcode == FRAME_CLOSE)
        hear_close(client, payload);
    else if (frame->rsv != 0 && client->deflate != NULL)
        keep_compressed(client, binary, payload);
    else if (frame->opcode == FRAME_TEXT || binary)
        keep_message(client, binary, payload);
}

/* Gives the bytes that were taken: 0 where no frame is whole. */
static size_t read_frame(struct sluice_client *client, struct slice bytes)
{
    struct frame frame;
    const char *why = "";

    switch (frame_parse((const uint8_t *)bytes.data, bytes.size, &frame, &why)) {
    case FRAME_MORE:
        return 0;
    case FRAME_FAULT:
        test_fail("sluice_test", "the server sent %s", why);
    case FRAME_DONE:
        break;
    }
    if (frame.length > bytes.size - frame.header_size)
        return 0;
    hear_frame(client, &frame,
               (struct slice){bytes.data + frame.header_size, (size_t)frame.length});
    return frame.header_size + (size_t)frame.length;
}

static void hear_answer(struct sluice_client *client, struct slice fields)
{
    struct http_field field;

    while (http_next_field(&fields, &field)) {
        if (slice_equal_nocase(field.name, SLICE("Sec-WebSocket-Protocol")))
            client->subprotocol = mem_strndup(field.value.data, field.value.size);
        else if (slice_equal_nocase(field.name, SLICE("Sec-WebSocket-Extensions")) &&
                 !begin_inflating(client))
            test_fail("sluice_test", "no memory");
    }
}

/* The same for the head of the answer. One that is no more than "go on" is passed over. */
static size_t read_answer(struct sluice_client *client, struct slice bytes)
{
    const char *end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);
    const char *line = memmem(bytes.data, bytes.size, "\r\n", 2);

    if (end == NULL)
        return 0;
    int status = atoi(bytes.data + strlen("HTTP/1.1 "));
    if (status >= 200 || status == 101)
        client->status = status;
    if (status == 101)
        hear_answer(client, (struct slice){line + 2, (size_t)(end - line)});
    return (size_t)(end + 4 - bytes.data);
}

/* Behind a refusal comes its body, and behind a close frame nothing that counts. */
static void read_all(struct sluice_client *client)
{
    struct text *in = &client->in;
    struct slice rest = {in->data, in->size};
    size_t taken = 1;

    while (taken > 0 && rest.size > 0) {
        if (client->status == 0)
            taken = read_answer(client, rest);
        else if (client->status == 101 && client->code == 0)
            taken = read_frame(client, rest);
        else
            taken = rest.size;
        rest.data += taken;
        rest.size -= taken;
    }
    if (rest.size == 0) {
        text_free(in);
    } else if (rest.size < in->size) {
        memmove(in->data, rest.data, rest.size);
        in->size = rest.size;
    }
}

static bool read_in(struct sluice_client *client)
{
    char bytes[READ_SIZE];
    bool moved = false;
    ssize_t got;

    if (client->fd < 0)
        return false;
    while ((got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        text_add(&client->in, bytes, (size_t)got);
        moved = true;
    }
    bool over = got == 0 || (errno != EAGAIN && errno != EINTR);
    must_have(&client->in);
    if (moved)
        read_all(client);
    if (over)
        test_client_cut(client); /* the server has hung up: so do we */
    return moved || over;
}

short test_client_waits(const struct sluice_client *client)
{
    return client->written < client->out.size ? POLLIN | POLLOUT : POLLIN;
}

bool test_client_pump(struct sluice_client *client)
{
    bool wrote = write_out(client);

    return read_in(client) || wrote;
}

const sluice_message *test_client_next(struct sluice_client *client)
{
    mem_free(client->taken);
    client->taken = STAILQ_FIRST(&client->messages);
    if (client->taken == NULL)
        return NULL;
    STAILQ_REMOVE_HEAD(&client->messages, link);
    return &client->taken->message;
}
