#include "client.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"

/* ---- The line -------------------------------------------------------------------------------- */

static int new_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    must(fd >= 0, "no socket: %s", strerror(errno));
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static struct client connected(int fd, const void *address, socklen_t size)
{
    must(connect(fd, address, size) == 0, "connect: %s", strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return (struct client){.fd = fd};
}

static struct client dial(const void *address, socklen_t size, int receive_buffer)
{
    int fd = new_socket(((const struct sockaddr *)address)->sa_family);

    if (receive_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    return connected(fd, address, size);
}

static struct client dial_v4(int receive_buffer)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return dial(&to, sizeof to, receive_buffer);
}

bool client_is_refused(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused;

    must(fd >= 0, "no socket: %s", strerror(errno));
    refused = connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

struct client client_dial_v6(unsigned port)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    return dial(&to, sizeof to, 0);
}

struct client client_dial_unix(const char *name)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    snprintf(to.sun_path, sizeof to.sun_path, "%s", in_dir(name));
    return dial(&to, sizeof to, 0);
}

struct client client_dial_from(const char *address)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = new_socket(AF_INET);

    must(inet_pton(AF_INET, address, &from.sin_addr) == 1, "no address: %s", address);
    must(bind(fd, (struct sockaddr *)&from, sizeof from) == 0, "bind: %s", strerror(errno));
    return connected(fd, &to, sizeof to);
}

struct client client_dial(void)
{
    return dial_v4(0);
}

struct client client_dial_narrow(void)
{
    return dial_v4(4096);
}

void client_hang_up(struct client *client)
{
    close(client->fd);
    free(client->room);
    free(client->last);
    if (client->unpacker != NULL)
        client->unpacker->free(client->unpacker);
    *client = (struct client){.fd = -1};
}

void client_cut(struct client *client)
{
    struct linger linger = {.l_onoff = 1};

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    client_hang_up(client);
}

void client_shut(struct client *client)
{
    shutdown(client->fd, SHUT_WR);
}

static void wait_for(struct client *client, short events)
{
    struct pollfd wait = {.fd = client->fd, .events = events};

    must(poll(&wait, 1, PATIENCE_MS) == 1, "the server %s nothing",
         events == POLLIN ? "sends" : "takes");
}

void client_send(struct client *client, const void *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(client->fd, (const char *)data + at, size - at, MSG_NOSIGNAL);

        if (sent >= 0)
            at += (size_t)sent;
        else if (errno == EAGAIN)
            wait_for(client, POLLOUT);
        else
            return; /* the server has ended the line: what it said is still to be read */
    }
}

void client_say(struct client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

/* Room for a piece behind what is not taken yet, which moves to the front. */
static uint8_t *piece_room(struct client *client, size_t piece)
{
    if (client->size > 0 && client->data != client->room)
        memmove(client->room, client->data, client->size);
    if (client->room_size < client->size + piece) {
        client->room_size = 2 * client->size + piece;
        client->room = realloc(client->room, client->room_size);
        must(client->room != NULL, "no memory");
    }
    client->data = client->room;
    return client->room + client->size;
}

/* One more piece; false at the end of the line. */
static bool fill(struct client *client)
{
    const size_t piece = 65536;
    uint8_t *into = piece_room(client, piece);

    for (;;) {
        ssize_t got = recv(client->fd, into, piece, 0);

        if (got > 0) {
            client->size += (size_t)got;
            return true;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return false;
        wait_for(client, POLLIN);
    }
}

size_t client_fill(struct client *client, size_t size)
{
    while (client->size < size && fill(client))
        continue;
    return client->size;
}

size_t client_pending(struct client *client)
{
    uint8_t some[1024];
    ssize_t more = recv(client->fd, some, sizeof some, MSG_PEEK | MSG_DONTWAIT);

    return client->size + (more > 0 ? (size_t)more : 0);
}

/* The first `size` bytes are taken: they become `last`, with a zero byte behind. */
static void take(struct client *client, size_t size)
{
    free(client->last);
    client->last = malloc(size + 1);
    must(client->last != NULL, "no memory");
    memcpy(client->last, client->data, size);
    client->last[size] = '\0';
    client->data += size;
    client->size -= size;
}

void client_expect_end(struct client *client)
{
    must(client_fill(client, 1) == 0, "bytes in place of the end: %02x %.*s", client->data[0],
         (int)client->size, client->data);
}

void client_drain(struct client *client)
{
    while (fill(client))
        client->size = 0;
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

static size_t find_head(struct client *client)
{
    for (;;) {
        uint8_t *end = client->size > 0 ? memmem(client->data, client->size, "\r\n\r\n", 4) : NULL;

        if (end != NULL)
            return (size_t)(end - client->data) + 4;
        must(fill(client), "the line ended in an answer's head: \"%.*s\"", (int)client->size,
             client->size > 0 ? (char *)client->data : "");
    }
}

const char *answer_field(const struct answer *answer, const char *name)
{
    static char value[1024];
    size_t size = strlen(name);

    value[0] = '\0';
    for (const char *line = answer->head; (line = strchr(line, '\n')) != NULL;) {
        line++;
        if (strncasecmp(line, name, size) != 0 || line[size] != ':')
            continue;
        line += size + 1 + strspn(line + size + 1, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\r"), line);
        break;
    }
    return value;
}

static struct answer answer_of(struct client *client, bool has_body)
{
    size_t head = find_head(client);
    struct answer answer = {0};
    char *text = malloc(head + 1);

    must(text != NULL, "no memory");
    memcpy(text, client->data, head);
    text[head] = '\0';
    answer.head = text;
    must(sscanf(text, "HTTP/1.1 %3u ", &answer.status) == 1, "no status line: %s", text);
    if (has_body && answer.status >= 200 && answer.status != 304)
        answer.size = strtoul(answer_field(&answer, "Content-Length"), NULL, 10);
    free(text);
    must(client_fill(client, head + answer.size) >= head + answer.size,
         "the line ended in an answer's body");
    take(client, head + answer.size);
    answer.head = (char *)client->last;
    answer.body = (char *)client->last + head;
    return answer;
}

struct answer client_answer(struct client *client)
{
    return answer_of(client, true);
}

struct answer client_answer_to_head(struct client *client)
{
    return answer_of(client, false);
}

struct answer client_ask(struct client *client, const char *request, bool kept)
{
    *client = client_dial();
    client_say(client, request);

    struct answer answer = client_answer(client);
    const char *connection = answer_field(&answer, "Connection");

    if (answer.status == 426)
        ck_assert_str_eq(connection, kept ? "keep-alive, Upgrade" : "close, Upgrade");
    else
        ck_assert_str_eq(connection, kept ? "keep-alive" : "close");
    if (!kept)
        client_expect_end(client);
    return answer;
}

unsigned ask(const char *request)
{
    struct client client = client_dial();

    client_say(&client, request);

    unsigned status = client_answer(&client).status;

    client_hang_up(&client);
    return status;
}

unsigned ask_for(const char *path)
{
    char request[4096];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: example.org\r\n\r\n", path);
    return ask(request);
}

/* ---- The handshake --------------------------------------------------------------------------- */

/* The key and its answer are RFC 6455's own. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

void client_shake(struct client *client, const char *path, const char *fields)
{
    char *request;

    ck_assert_int_ge(asprintf(&request,
                              "GET %s HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n"
                              "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n"
                              "Sec-WebSocket-Version: 13\r\n%s\r\n",
                              path, fields),
                     0);
    client_say(client, request);
    free(request);
}

struct client client_open_with(const char *path, const char *fields)
{
    struct client client = client_dial();

    client_shake(&client, path, fields);

    struct answer answer = client_answer(&client);

    must(answer.status == 101, "%s: %u", path, answer.status);
    ck_assert_str_eq(answer_field(&answer, "Sec-WebSocket-Accept"), ACCEPT);
    return client;
}

struct client client_open(const char *path)
{
    return client_open_with(path, "");
}

unsigned ask_to_open(const char *path, const char *fields)
{
    struct client client = client_dial();

    client_shake(&client, path, fields);

    unsigned status = client_answer(&client).status;

    client_hang_up(&client);
    return status;
}

/* ---- Frames ---------------------------------------------------------------------------------- */

size_t frame_bytes(uint8_t *out, unsigned first, const void *payload, size_t size)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t at = 0;
    unsigned length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;

    out[at++] = (uint8_t)first;
    out[at++] = (uint8_t)(0x80 | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
    for (unsigned i = length_bytes; i > 0; i--)
        out[at++] = (uint8_t)(size >> (8 * (i - 1)));
    memcpy(out + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++)
        out[at + i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    return at + size;
}

void client_frame(struct client *client, unsigned first, const void *payload, size_t size)
{
    uint8_t *bytes = malloc(size + 14);

    must(bytes != NULL, "no memory");
    client_send(client, bytes, frame_bytes(bytes, first, payload, size));
    free(bytes);
}

void client_text(struct client *client, const char *text)
{
    client_frame(client, 0x80 | TEXT, text, strlen(text));
}

void client_binary(struct client *client, const void *data, size_t size)
{
    client_frame(client, 0x80 | BINARY, data, size);
}

void client_ping(struct client *client, const char *payload)
{
    client_frame(client, 0x80 | PING, payload, strlen(payload));
}

void client_close(struct client *client, unsigned code, const char *reason)
{
    uint8_t payload[125] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t size = strlen(reason);

    ck_assert_uint_le(size, sizeof payload - 2);
    memcpy(payload + 2, reason, size);
    client_frame(client, 0x80 | CLOSE, payload, code == 1005 ? 0 : size + 2);
}

/* Our server sends what is compressed in one frame. */
static void unpack(struct client *client, struct received *frame)
{
    must(frame->fin && frame->opcode != CONTINUATION, "a compressed fragment");

    struct unpacker *unpacker = client->unpacker;
    uint8_t *payload = unpacker->unpack(unpacker, frame->payload, frame->size, &frame->size);

    free(client->last);
    client->last = payload;
    frame->payload = payload;
}

struct received client_receive(struct client *client)
{
    must(client_fill(client, 2) >= 2, "the line ended in place of a frame");

    unsigned small = client->data[1];
    size_t size = small, head = small < 126 ? 2 : small == 126 ? 4 : 10;

    must((small & 0x80) == 0, "the server masks");
    bool packed = (client->data[0] & 0x40) != 0;
    must((client->data[0] & 0x30) == 0, "reserved bits");
    must(!packed || (client->unpacker != NULL && (client->data[0] & 0xf) < CLOSE),
         "what was not agreed to be compressed says that it is");
    must(client_fill(client, head) >= head, "the line ended in a frame");
    if (small >= 126) {
        size = 0;
        for (size_t i = 2; i < head; i++)
            size = size << 8 | client->data[i];
    }
    must(client_fill(client, head + size) >= head + size, "the line ended in a frame");
    take(client, head + size);

    struct received frame = {.opcode = client->last[0] & 0xf,
                             .fin = client->last[0] >= 0x80,
                             .packed = packed,
                             .on_line = size,
                             .payload = client->last + head,
                             .size = size};

    if (packed)
        unpack(client, &frame);
    return frame;
}

void client_expect(struct client *client, unsigned opcode, const void *payload, size_t size)
{
    struct received frame = client_receive(client);

    must(frame.fin, "a fragment");
    must(frame.opcode == opcode, "opcode %u in place of %u: %.*s", frame.opcode, opcode,
         (int)frame.size, (const char *)frame.payload + (frame.opcode == CLOSE ? 2 : 0));
    must(frame.size == size && memcmp(frame.payload, payload, size) == 0,
         "\"%.200s\" in place of \"%.200s\"", (const char *)frame.payload, (const char *)payload);
}

void client_expect_text(struct client *client, const char *text)
{
    client_expect(client, TEXT, text, strlen(text));
}

static void expect_close_frame(struct client *client, unsigned code)
{
    struct received frame = client_receive(client);
    unsigned got = frame.size >= 2 ? frame.payload[0] * 256u + frame.payload[1] : 1005;

    must(frame.opcode == CLOSE, "opcode %u in place of a close with %u: \"%.100s\"", frame.opcode,
         code, (const char *)frame.payload);
    must(got == code, "closed with %u in place of %u: %.*s", got, code,
         frame.size > 2 ? (int)frame.size - 2 : 0, (const char *)frame.payload + 2);
}

void client_expect_code(struct client *client, unsigned code)
{
    expect_close_frame(client, code);
    client_close(client, code, "");
    client_expect_end(client);
    client_hang_up(client);
}

void client_expect_fault(struct client *client, unsigned code)
{
    expect_close_frame(client, code);
    client_expect_end(client);
    client_hang_up(client);
}

void client_expect_nothing(struct client *client)
{
    static unsigned number;
    char payload[32];

    snprintf(payload, sizeof payload, "nothing before %u", ++number);
    client_ping(client, payload);
    client_expect(client, PONG, payload, strlen(payload));
}

void client_leave(struct client *client)
{
    client_close(client, 1000, "");
    expect_close_frame(client, 1000);
    client_expect_end(client);
    client_hang_up(client);
}
