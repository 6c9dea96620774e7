/*
 * tests/bench/floor: the least that a WebSocket server can do: what the kernel asks for the same
 * bytes. It checks nothing that a server on a network has to check, and is the yardstick.
 *
 *     floor PORT         one thread: /echo/ sends back, /chat/ sends to all who are there
 *
 * One receive buffer, frames unmasked in place, everything that one read led to in one send. A
 * fan-out is collected over a turn and goes to each member in one send.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 512 * 1024,
    EVENTS = 1024,
    BACKLOG = 4096,
    HEADER_MAX = 10,
    MASK_SIZE = 4,
    KEPT = 32 << 20,
};

struct peer {
    int fd;
    bool open, chat, waiting;
    unsigned place;    /* in the room */
    uint8_t *in, *out; /* what is half there, and what the socket did not take */
    size_t in_size, in_room, out_size, out_at;
};

static int epoll;
static uint8_t *buffer, *reply, *batch;
static size_t batch_size, batch_room;
static struct peer **room;
static unsigned room_size, room_space;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void *need(void *memory)
{
    if (memory == NULL)
        die("memory");
    return memory;
}

static void peer_end(struct peer *peer)
{
    if (peer->chat && peer->open) {
        room[peer->place] = room[--room_size];
        room[peer->place]->place = peer->place;
    }
    close(peer->fd);
    free(peer->in);
    free(peer->out);
    free(peer);
}

/* ---- Sending -------------------------------------------------------------------------------- */

static void watch(struct peer *peer, bool writes)
{
    struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0u), .data.ptr = peer};

    epoll_ctl(epoll, EPOLL_CTL_MOD, peer->fd, &event);
    peer->waiting = writes;
}

static void peer_send(struct peer *peer, const uint8_t *data, size_t size)
{
    ssize_t sent = 0;

    if (peer->out_size == 0) {
        sent = send(peer->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return; /* its end is told by the next read */
        if (sent < 0)
            sent = 0;
    }
    if ((size_t)sent == size)
        return;
    peer->out = need(realloc(peer->out, peer->out_size + size - (size_t)sent));
    memcpy(peer->out + peer->out_size, data + sent, size - (size_t)sent);
    peer->out_size += size - (size_t)sent;
    if (!peer->waiting)
        watch(peer, true);
}

static void peer_flush(struct peer *peer)
{
    ssize_t sent = send(peer->fd, peer->out + peer->out_at, peer->out_size - peer->out_at,
                        MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent <= 0)
        return;
    peer->out_at += (size_t)sent;
    if (peer->out_at < peer->out_size)
        return;
    free(peer->out);
    peer->out = NULL;
    peer->out_size = peer->out_at = 0;
    watch(peer, false);
}

/* ---- Frames --------------------------------------------------------------------------------- */

static size_t header_write(uint8_t *out, uint8_t first, uint64_t length)
{
    out[0] = first;
    if (length < 126) {
        out[1] = (uint8_t)length;
        return 2;
    }
    if (length < 65536) {
        out[1] = 126;
        out[2] = (uint8_t)(length >> 8);
        out[3] = (uint8_t)length;
        return 4;
    }
    out[1] = 127;
    for (int i = 0; i < 8; i++)
        out[2 + i] = (uint8_t)(length >> (56 - 8 * i));
    return 10;
}

static void unmask(uint8_t *data, size_t size, const uint8_t mask[MASK_SIZE])
{
    uint32_t half;
    size_t i = 0;

    memcpy(&half, mask, sizeof half);
    uint64_t wide = (uint64_t)half << 32 | half;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;

        memcpy(&word, data + i, 8);
        word ^= wide;
        memcpy(data + i, &word, 8);
    }
    for (; i < size; i++)
        data[i] ^= mask[i % MASK_SIZE];
}

/* Bytes of a frame's header; 0: not whole yet. */
static size_t header_read(const uint8_t *data, size_t size, uint64_t *length)
{
    if (size < 2)
        return 0;
    unsigned code = data[1] & 127, extra = code == 127 ? 8 : code == 126 ? 2 : 0;
    if (size < 2 + extra + MASK_SIZE)
        return 0;
    *length = code;
    if (extra > 0)
        *length = 0;
    for (unsigned i = 0; i < extra; i++)
        *length = *length << 8 | data[2 + i];
    return 2 + extra + MASK_SIZE;
}

static void batch_add(const uint8_t *header, size_t header_size, const uint8_t *data, size_t size)
{
    if (batch_size + header_size + size > batch_room) {
        batch_room = 2 * (batch_size + header_size + size);
        batch = need(realloc(batch, batch_room));
    }
    memcpy(batch + batch_size, header, header_size);
    memcpy(batch + batch_size + header_size, data, size);
    batch_size += header_size + size;
}

/* Takes whole frames, and gives how many bytes they had. Echoes are put together in `reply`, which
 * is never longer than what came. *closing: a close frame was among them. */
static size_t take_frames(struct peer *peer, uint8_t *data, size_t size, size_t *replied,
                          bool *closing)
{
    size_t at = 0, header;
    uint64_t length;

    *replied = 0;
    while ((header = header_read(data + at, size - at, &length)) > 0 &&
           length <= size - at - header) {
        uint8_t *payload = data + at + header, out[HEADER_MAX];
        size_t out_size = header_write(out, data[at], length);

        unmask(payload, (size_t)length, payload - MASK_SIZE);
        *closing = (data[at] & 15) == 8;
        if (peer->chat && !*closing) {
            batch_add(out, out_size, payload, (size_t)length);
        } else {
            memcpy(reply + *replied, out, out_size);
            memcpy(reply + *replied + out_size, payload, (size_t)length);
            *replied += out_size + (size_t)length;
        }
        at += header + (size_t)length;
    }
    return at;
}

/* ---- Connections ---------------------------------------------------------------------------- */

static size_t shake(struct peer *peer, const char *data, size_t size)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", name[] = "-Key: ";
    const char *end = memmem(data, size, "\r\n\r\n", 4), *key = memmem(data, size, name, 6);
    char text[24 + sizeof magic], accept[32], answer[256];
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (end == NULL || key == NULL)
        return 0;
    memcpy(text, key + 6, 24);
    memcpy(text + 24, magic, sizeof magic - 1);
    EVP_Digest(text, 24 + sizeof magic - 1, digest, NULL, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, digest, 20);
    int length = snprintf(answer, sizeof answer,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
    peer->open = true;
    peer->chat = memmem(data, size, "chat", 4) != NULL;
    if (peer->chat) {
        if (room_size == room_space) {
            room_space = room_space * 2 + 16;
            room = need(realloc(room, room_space * sizeof *room));
        }
        peer->place = room_size;
        room[room_size++] = peer;
    }
    peer_send(peer, (uint8_t *)answer, (size_t)length);
    return (size_t)(end + 4 - data);
}

static void keep(struct peer *peer, const uint8_t *data, size_t size)
{
    if (peer->in_size + size > peer->in_room) {
        peer->in_room = 2 * (peer->in_size + size);
        peer->in = need(realloc(peer->in, peer->in_room));
    }
    memmove(peer->in + peer->in_size, data, size);
    peer->in_size += size;
}

static bool peer_take(struct peer *peer, uint8_t *data, size_t size, size_t *taken)
{
    size_t replied = 0;
    bool closing = false;

    *taken = peer->open ? 0 : shake(peer, (char *)data, size);
    if (!peer->open)
        return true;
    if (size > BUFFER_SIZE)
        reply = need(realloc(reply, size + HEADER_MAX));
    *taken += take_frames(peer, data + *taken, size - *taken, &replied, &closing);
    if (replied > 0)
        peer_send(peer, reply, replied);
    return !closing;
}

static void peer_read(struct peer *peer)
{
    ssize_t count = recv(peer->fd, buffer, BUFFER_SIZE, MSG_DONTWAIT);
    size_t taken;

    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        peer_end(peer);
        return;
    }
    uint8_t *data = buffer;
    size_t size = (size_t)count;
    if (peer->in_size > 0) {
        keep(peer, buffer, size);
        data = peer->in;
        size = peer->in_size;
    }
    if (!peer_take(peer, data, size, &taken)) {
        peer_end(peer);
        return;
    }
    if (data == peer->in) {
        memmove(peer->in, peer->in + taken, size - taken);
        peer->in_size = size - taken;
        if (peer->in_size == 0) {
            free(peer->in);
            peer->in = NULL;
            peer->in_room = 0;
        }
    } else if (taken < size) {
        keep(peer, data + taken, size - taken);
    }
}

static void accept_some(int listener)
{
    int fd, on = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct peer *peer = need(calloc(1, sizeof *peer));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        peer->fd = fd;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listen_at(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0)
        die("listen");
    return fd;
}

static void turn(int listener)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, -1);

    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;

        if (peer == NULL) {
            accept_some(listener);
            continue;
        }
        if ((events[i].events & EPOLLOUT) != 0)
            peer_flush(peer);
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            peer_read(peer);
    }
    for (unsigned i = 0; batch_size > 0 && i < room_size; i++)
        peer_send(room[i], batch, batch_size);
    batch_size = 0;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    struct epoll_event event = {.events = EPOLLIN};

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    mallopt(M_MMAP_THRESHOLD, KEPT); /* giving pages back, to take them again, is no floor */
    mallopt(M_TRIM_THRESHOLD, KEPT);
    buffer = need(malloc(BUFFER_SIZE));
    reply = need(malloc(BUFFER_SIZE + HEADER_MAX));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_at(argc > 1 ? atoi(argv[1]) : 8000);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;)
        turn(listener);
}
