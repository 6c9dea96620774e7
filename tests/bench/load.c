/*
 * tests/bench/load: the client of the benchmark: opens connections, sends masked frames, checks
 * every answer, and says how long they took.
 *
 *     load WORK --port N [--path /ws/echo/] [--connections N] [--size BYTES] [--in-flight N]
 *               [--seconds S | --messages N] [--rate N]
 *
 *     echo     each connection keeps --in-flight messages under way, and gets each back as it was
 *     fanout   the first connection sends, keeping --in-flight messages (or --rate a second) under
 *              way; each one has to reach every connection, in order
 *     connect  --connections at once connect, shake hands, close, and begin again
 *     idle     connections are opened, and held
 *
 * It prints "ready" when all are open, waits for a line, works, prints one line of JSON, waits for
 * another line and goes: so whoever runs it can read the server's clocks at the right moments.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

enum {
    BUFFER_SIZE = 1 << 20,
    EVENTS = 512,
    STAMP = 8,           /* digits of a message's number */
    CARRY = 1024,        /* bytes of a fan-out message that are kept to be looked at */
    FLIGHT_MAX = 256,    /* messages under way on one connection */
    OPENING_MOST = 512,  /* handshakes at once */
    PER_ADDRESS = 20000, /* connections from one address: there are 28,000 ports */
    CLOSE_FRAME_SIZE = 8,
    REQUEST_SIZE = 200,
};

enum phase { PHASE_CLOSED, PHASE_CONNECTING, PHASE_SHAKING, PHASE_OPEN, PHASE_CLOSING };

struct peer {
    int fd;
    enum phase phase;
    unsigned index;
    uint32_t mask;
    char head[1024]; /* of the handshake's answer */
    size_t head_size;
    /* what comes */
    uint8_t header[10];
    unsigned header_size;
    uint64_t length, at; /* of the payload, and how much of it has come */
    bool in_frame;
    uint64_t received; /* messages */
    char *carry;
    /* what goes */
    uint64_t sent; /* messages */
    uint8_t *out;
    size_t out_size, out_at;
    bool waiting; /* for room */
    uint64_t times[FLIGHT_MAX];
    uint64_t began;
};

enum work { ECHO, FANOUT, CONNECT, IDLE };

static struct {
    enum work work;
    int port;
    const char *path;
    unsigned connections, in_flight;
    size_t size;
    double seconds, rate;
    uint64_t messages; /* 0: as many as --seconds lets through */
    int epoll;
    struct peer *peers;
    unsigned open;
    bool working, over;
    bool told;      /* a line came */
    uint8_t *text;  /* a message: digits of its number, then letters */
    uint8_t *frame; /* header, mask, room for the masked text */
    size_t frame_header;
    uint64_t done;                /* messages, deliveries or handshakes */
    unsigned pending[FLIGHT_MAX]; /* fanout: members that message number n % FLIGHT_MAX still has to
                                     reach */
    uint64_t begun[FLIGHT_MAX], delivered, next_send;
    struct histogram latency;
} load = {.path = "/", .connections = 100, .in_flight = 1, .size = 64, .seconds = 3};

static uint8_t *buffer;

static void die(const char *what)
{
    fprintf(stderr, "load: %s%s%s\n", what, errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    exit(1);
}

static void wrong(const char *what)
{
    errno = 0;
    die(what);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- Frames --------------------------------------------------------------------------------- */

static void put_number(uint8_t *out, uint64_t number)
{
    for (int i = STAMP - 1; i >= 0; i--, number /= 10)
        out[i] = (uint8_t)('0' + number % 10);
}

/* A text message. Of fan-outs it is JSON, which a chat server may take apart. */
static void make_text(void)
{
    static const char begin[] = "{\"message\":\"#", end[] = "#\"}";
    size_t offset = load.work == FANOUT ? sizeof begin - 1 : 0;
    size_t least = load.work == FANOUT ? sizeof begin + STAMP + sizeof end : STAMP;

    if (load.size < least)
        load.size = least;
    load.text = malloc(load.size);
    load.frame = malloc(load.size + 14);
    if (load.text == NULL || load.frame == NULL)
        die("no memory");
    for (size_t i = 0; i < load.size; i++)
        load.text[i] = (uint8_t)('a' + i % 26);
    if (load.work == FANOUT) {
        memcpy(load.text, begin, offset);
        memcpy(load.text + offset + STAMP, "#", 1);
        memcpy(load.text + load.size - 2, "\"}", 2);
    }
}

static size_t stamp_offset(void)
{
    return load.work == FANOUT ? strlen("{\"message\":\"#") : 0;
}

static size_t write_header(uint8_t *out, uint64_t length)
{
    out[0] = 0x81;
    if (length < 126) {
        out[1] = (uint8_t)(0x80 | length);
        return 2;
    }
    if (length < 65536) {
        out[1] = 0x80 | 126;
        out[2] = (uint8_t)(length >> 8);
        out[3] = (uint8_t)length;
        return 4;
    }
    out[1] = 0x80 | 127;
    for (int i = 0; i < 8; i++)
        out[2 + i] = (uint8_t)(length >> (56 - 8 * i));
    return 10;
}

/* The frame of message `number`, masked with the peer's mask; at load.frame. */
static size_t make_frame(const struct peer *peer, uint64_t number)
{
    size_t header = write_header(load.frame, load.size), i = 0;
    uint8_t *out = load.frame + header + 4;
    uint64_t wide = (uint64_t)peer->mask << 32 | peer->mask;

    put_number(load.text + stamp_offset(), number % 100000000);
    memcpy(load.frame + header, &peer->mask, 4);
    for (; i + 8 <= load.size; i += 8) {
        uint64_t word;

        memcpy(&word, load.text + i, 8);
        word ^= wide;
        memcpy(out + i, &word, 8);
    }
    for (; i < load.size; i++)
        out[i] = load.text[i] ^ load.frame[header + i % 4];
    return header + 4 + load.size;
}

/* ---- Sending -------------------------------------------------------------------------------- */

static void watch(struct peer *peer, bool writes)
{
    struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0u), .data.ptr = peer};

    if (epoll_ctl(load.epoll, EPOLL_CTL_MOD, peer->fd, &event) != 0)
        die("epoll_ctl");
    peer->waiting = writes;
}

static void keep(struct peer *peer, const uint8_t *data, size_t size)
{
    if (peer->out_at == peer->out_size)
        peer->out_at = peer->out_size = 0;
    peer->out = realloc(peer->out, peer->out_size + size);
    if (peer->out == NULL)
        die("no memory");
    memcpy(peer->out + peer->out_size, data, size);
    peer->out_size += size;
}

static void flush(struct peer *peer)
{
    while (peer->out_at < peer->out_size) {
        ssize_t sent = send(peer->fd, peer->out + peer->out_at, peer->out_size - peer->out_at,
                            MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!peer->waiting)
                watch(peer, true);
            return;
        }
        if (sent < 0)
            die("send");
        peer->out_at += (size_t)sent;
    }
    if (peer->waiting)
        watch(peer, false);
}

/* All that were asked for are sent. */
static bool is_enough(const struct peer *peer)
{
    unsigned senders = load.work == FANOUT ? 1 : load.connections;

    return load.over || (load.messages > 0 && peer->sent * senders >= load.messages);
}

static void send_message(struct peer *peer)
{
    uint64_t now = now_ns();
    size_t size = make_frame(peer, peer->sent);

    if (load.work == FANOUT) {
        load.pending[peer->sent % FLIGHT_MAX] = load.connections;
        load.begun[peer->sent % FLIGHT_MAX] = now;
    } else {
        peer->times[peer->sent % FLIGHT_MAX] = now;
    }
    peer->sent++;
    keep(peer, load.frame, size);
}

/* ---- What comes ----------------------------------------------------------------------------- */

static void done_one(uint64_t began)
{
    if (!load.working)
        return;
    load.done++;
    histogram_add(&load.latency, now_ns() - began);
}

static void echo_done(struct peer *peer)
{
    done_one(peer->times[peer->received % FLIGHT_MAX]);
    peer->received++;
    if (!is_enough(peer))
        send_message(peer);
}

/* Whoever sends, the number stands between two signs; the text around it is the server's. */
static void fanout_done(struct peer *peer)
{
    char *sign = memchr(peer->carry, '#', (size_t)peer->length);
    uint64_t number = peer->received++;
    uint8_t expected[STAMP];

    put_number(expected, number % 100000000);
    if (sign == NULL || memcmp(sign + 1, expected, STAMP) != 0)
        wrong("a message that is not the next one");
    if (load.working)
        load.done++;
    if (--load.pending[number % FLIGHT_MAX] > 0)
        return;
    if (load.working)
        histogram_add(&load.latency, now_ns() - load.begun[number % FLIGHT_MAX]);
    load.delivered++;
    if (!is_enough(&load.peers[0]) && load.rate == 0)
        send_message(&load.peers[0]); /* which leaves when the turn ends */
}

/* Some bytes of a payload. Echoes are compared as they come, whatever their size. */
static void take_payload(struct peer *peer, const uint8_t *data, size_t size)
{
    if (load.work == FANOUT) {
        if (peer->length > CARRY)
            wrong("a message longer than was sent");
        memcpy(peer->carry + peer->at, data, size);
    } else {
        if (peer->at < STAMP)
            put_number(load.text, peer->received % 100000000);
        if (memcmp(data, load.text + peer->at, size) != 0)
            wrong("an answer that is not what was sent");
    }
    peer->at += size;
}

static bool take_header(struct peer *peer, const uint8_t **data, size_t *size)
{
    for (; *size > 0; (*data)++, (*size)--) {
        peer->header[peer->header_size++] = **data;
        unsigned code = peer->header_size < 2 ? 0 : peer->header[1];
        unsigned need = code == 127 ? 10 : code == 126 ? 4 : 2;

        if (peer->header_size < need)
            continue;
        (*data)++;
        (*size)--;
        peer->length = code;
        if (code >= 126) {
            peer->length = 0;
            for (unsigned i = 2; i < need; i++)
                peer->length = peer->length << 8 | peer->header[i];
        }
        peer->header_size = 0;
        peer->at = 0;
        return true;
    }
    return false;
}

static void take_frame(struct peer *peer)
{
    unsigned opcode = peer->header[0] & 15;

    peer->in_frame = false;
    if (opcode == 8) {
        peer->phase = PHASE_CLOSING;
        return;
    }
    if (opcode == 9 || opcode == 10) /* a server that pings is not answered: runs are short */
        return;
    if (load.work == FANOUT)
        fanout_done(peer);
    else
        echo_done(peer);
}

static void take_frames(struct peer *peer, const uint8_t *data, size_t size)
{
    while (size > 0 || (peer->in_frame && peer->at == peer->length)) {
        if (!peer->in_frame) {
            if (!take_header(peer, &data, &size))
                return;
            peer->in_frame = true;
            unsigned opcode = peer->header[0] & 15;
            if ((peer->header[0] & 0xf0) != 0x80 || (opcode != 1 && opcode < 8))
                wrong("a frame that is not a whole text message");
            if (opcode == 1 && load.work == ECHO && peer->length != load.size)
                wrong("an answer of another size");
        }
        size_t part = peer->length - peer->at < size ? (size_t)(peer->length - peer->at) : size;
        if ((peer->header[0] & 15) == 1)
            take_payload(peer, data, part);
        else
            peer->at += part;
        data += part;
        size -= part;
        if (peer->at == peer->length)
            take_frame(peer);
    }
}

/* ---- Connecting ----------------------------------------------------------------------------- */

static void peer_connect(struct peer *peer)
{
    static unsigned turn;
    int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};

    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd < 0)
        die("socket");
    setsockopt(peer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ / PER_ADDRESS % 64);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)load.port);
    if (bind(peer->fd, (struct sockaddr *)&from, sizeof from) != 0)
        die("bind");
    if (connect(peer->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        die("connect");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = peer};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, peer->fd, &event) != 0)
        die("epoll_ctl");
    peer->waiting = true;
    peer->phase = PHASE_CONNECTING;
    peer->head_size = 0;
    peer->header_size = 0;
    peer->in_frame = false;
    peer->mask = (uint32_t)(0x9e3779b9u * (peer->index + 1));
    peer->began = now_ns();
}

/* The handshake's request, of the same size for every path: what a server keeps of it is measured.
 */
static int write_request(char *request, size_t room)
{
    static const char form[] =
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nUser-Agent: %s\r\n\r\n";
    static const char agent[] = "load, which measures servers and nothing but servers";
    int longer = snprintf(request, room, form, load.path, load.port, agent) - REQUEST_SIZE;
    int letters = (int)strlen(agent) - (longer > 0 ? longer : 0);
    char name[sizeof agent];

    snprintf(name, sizeof name, "%.*s", letters > 1 ? letters : 1, agent);
    return snprintf(request, room, form, load.path, load.port, name);
}

static void peer_shake(struct peer *peer)
{
    char request[1024];
    int error = 0;
    socklen_t length = sizeof error;

    getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        errno = error;
        die("connect");
    }
    int size = write_request(request, sizeof request);
    peer->phase = PHASE_SHAKING;
    keep(peer, (uint8_t *)request, (size_t)size);
    flush(peer);
    if (peer->out_at == peer->out_size && peer->waiting)
        watch(peer, false);
}

static void peer_reopen(struct peer *peer)
{
    close(peer->fd);
    peer->out_at = peer->out_size = 0;
    done_one(peer->began);
    if (!load.over)
        peer_connect(peer);
    else
        peer->phase = PHASE_CLOSED;
}

static void peer_opened(struct peer *peer)
{
    peer->phase = PHASE_OPEN;
    load.open++;
    if (load.work == CONNECT) {
        static const uint8_t frame[CLOSE_FRAME_SIZE] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8};

        keep(peer, frame, sizeof frame);
        flush(peer);
    }
}

/* Gives how many bytes of `data` are of the answer's head. */
static size_t take_head(struct peer *peer, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (peer->head_size == sizeof peer->head)
            wrong("an answer without end");
        peer->head[peer->head_size++] = (char)data[i];
        if (peer->head_size < 4 || memcmp(peer->head + peer->head_size - 4, "\r\n\r\n", 4) != 0)
            continue;
        static const char answer[] = "HTTP/1.1 101", accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        if (memcmp(peer->head, answer, sizeof answer - 1) != 0 ||
            memmem(peer->head, peer->head_size, accept, sizeof accept - 1) == NULL) {
            fprintf(stderr, "%.*s", (int)peer->head_size, peer->head);
            wrong("an answer that is no handshake");
        }
        peer_opened(peer);
        return i + 1;
    }
    return size;
}

static void peer_read(struct peer *peer)
{
    ssize_t count = recv(peer->fd, buffer, BUFFER_SIZE, MSG_DONTWAIT);
    size_t at = 0;

    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (count <= 0) {
        if (load.work == CONNECT && peer->phase >= PHASE_OPEN) {
            peer_reopen(peer);
            return;
        }
        die("the server closed a connection");
    }
    if (peer->phase == PHASE_SHAKING)
        at = take_head(peer, buffer, (size_t)count);
    if (peer->phase == PHASE_OPEN && at < (size_t)count)
        take_frames(peer, buffer + at, (size_t)count - at);
    if (peer->phase == PHASE_OPEN && !peer->waiting)
        flush(peer); /* what this turn's answers led to, in one call */
}

/* Whoever runs this has read the server's clocks. Its end is ours. */
static bool read_line(void)
{
    char line[64];

    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        exit(0);
    return true;
}

static void turn(int timeout)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(load.epoll, events, EVENTS, timeout);

    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;

        if (peer == NULL)
            load.told = read_line();
        else if (peer->phase == PHASE_CONNECTING)
            peer_shake(peer);
        else if ((events[i].events & EPOLLOUT) != 0 && peer->waiting)
            flush(peer);
        if (peer != NULL && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 &&
            peer->phase >= PHASE_SHAKING)
            peer_read(peer);
    }
    if (load.work == FANOUT && !load.peers[0].waiting)
        flush(&load.peers[0]);
}

/* ---- The run -------------------------------------------------------------------------------- */

static void open_all(void)
{
    unsigned begun = 0;
    uint64_t deadline = now_ns() + 60000000000u;

    while (load.open < load.connections) {
        while (begun < load.connections && begun - load.open < OPENING_MOST)
            peer_connect(&load.peers[begun++]);
        turn(100);
        if (now_ns() > deadline)
            wrong("connections did not open in a minute");
    }
}

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

static void begin(void)
{
    for (unsigned i = 0; i < load.connections; i++) {
        struct peer *peer = &load.peers[i];

        if (load.work == CONNECT)
            peer_connect(peer);
        if (load.work == ECHO || (load.work == FANOUT && i == 0 && load.rate == 0)) {
            for (unsigned k = 0; k < load.in_flight; k++)
                send_message(peer);
            flush(peer);
        }
    }
    load.next_send = now_ns();
}

/* One turn of work, for a moment that ends at `until`. */
static void work(void)
{
    uint64_t now = now_ns();

    if (load.work == FANOUT && load.rate > 0 && now >= load.next_send && !load.over) {
        send_message(&load.peers[0]);
        flush(&load.peers[0]);
        load.next_send += (uint64_t)(1e9 / load.rate);
    }
    turn(load.rate > 0 ? 1 : 10);
}

static void run_for(double seconds)
{
    uint64_t until = now_ns() + (uint64_t)(seconds * 1e9);

    while (now_ns() < until)
        work();
}

/* The work goes on meanwhile: a pause would be in somebody's latency. */
static void await_line(void)
{
    for (load.told = false; !load.told;)
        work();
}

/* What is under way is still to be answered: nothing may be lost. */
static void drain(bool over)
{
    uint64_t deadline = now_ns() + 60000000000u;

    load.over = over;
    for (;;) {
        uint64_t left = load.work == FANOUT ? load.peers[0].sent - load.delivered : 0;

        for (unsigned i = 0; load.work == ECHO && i < load.connections; i++)
            left += load.peers[i].sent - load.peers[i].received;
        for (unsigned i = 0; load.work == CONNECT && i < load.connections; i++)
            left += load.peers[i].phase != PHASE_CLOSED;
        if (left == 0)
            return;
        if (now_ns() > deadline)
            wrong("answers are missing");
        turn(10);
    }
}

static void report(double seconds)
{
    printf("{\"done\": %llu, \"seconds\": %.4f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f}\n",
           (unsigned long long)load.done, seconds, histogram_at(&load.latency, 0.5) / 1e3,
           histogram_at(&load.latency, 0.99) / 1e3, histogram_at(&load.latency, 0.999) / 1e3);
    fflush(stdout);
}

static void run(void)
{
    if (load.work != CONNECT)
        open_all();
    if (load.work != IDLE)
        begin();
    if (load.work != IDLE && load.messages == 0)
        run_for(load.rate > 0 ? 0.2 : 0.5); /* until caches and windows are warm */
    say("ready");
    await_line();
    uint64_t from = now_ns();
    load.working = true;
    if (load.work != IDLE)
        run_for(load.seconds);
    load.working = false;
    report((double)(now_ns() - from) / 1e9);
    drain(load.messages == 0);
    say("through");
    await_line();
}

static const char *next(char ***argv)
{
    if ((*argv)[1] == NULL)
        wrong("an option without its value");
    return *++*argv;
}

static void parse(char **argv)
{
    static const char *const works[] = {"echo", "fanout", "connect", "idle"};
    bool known = false;

    for (unsigned i = 0; argv[1] != NULL && i < 4; i++) {
        if (strcmp(argv[1], works[i]) == 0) {
            load.work = (enum work)i;
            known = true;
        }
    }
    if (!known)
        wrong("usage: load echo|fanout|connect|idle --port N ...");
    for (argv += 2; *argv != NULL; argv++) {
        if (strcmp(*argv, "--port") == 0)
            load.port = atoi(next(&argv));
        else if (strcmp(*argv, "--path") == 0)
            load.path = next(&argv);
        else if (strcmp(*argv, "--connections") == 0)
            load.connections = (unsigned)atoi(next(&argv));
        else if (strcmp(*argv, "--size") == 0)
            load.size = (size_t)atol(next(&argv));
        else if (strcmp(*argv, "--in-flight") == 0)
            load.in_flight = (unsigned)atoi(next(&argv));
        else if (strcmp(*argv, "--seconds") == 0)
            load.seconds = atof(next(&argv));
        else if (strcmp(*argv, "--messages") == 0)
            load.messages = (uint64_t)atoll(next(&argv));
        else if (strcmp(*argv, "--rate") == 0)
            load.rate = atof(next(&argv));
        else
            wrong("an option that is unknown");
    }
    if (load.in_flight > FLIGHT_MAX)
        wrong("too many in flight");
}

int main(int argc, char **argv)
{
    struct rlimit files;

    (void)argc;
    errno = 0;
    parse(argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    make_text();
    buffer = malloc(BUFFER_SIZE);
    load.peers = calloc(load.connections, sizeof *load.peers);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (buffer == NULL || load.peers == NULL || load.epoll < 0)
        die("no memory");
    struct epoll_event lines = {.events = EPOLLIN};
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &lines) != 0)
        die("the standard input has to be a pipe");
    for (unsigned i = 0; i < load.connections; i++) {
        load.peers[i].index = i;
        if (load.work == FANOUT && (load.peers[i].carry = malloc(CARRY)) == NULL)
            die("no memory");
    }
    run();
    return 0;
}
