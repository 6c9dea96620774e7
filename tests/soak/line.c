/* soak/line: many connections at once, on one epoll. */
#include "line.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attack.h"
#include "target.h"

enum {
    DIALS_MOST = 64, /* in a turn */
    EVENTS_MOST = 256,
    ADDRESSES = 16,      /* 127.0.0.2 and so on: one has ports for 28,000 connections */
    NARROW_BYTES = 2048, /* of a receive buffer that is soon full */
};

static const struct attack *attack;
static struct line *lines;
static struct line **to_dial; /* a stack */
static unsigned line_count, to_dial_count;
static int epoll = -1;
static struct line_counts counts;

/* ---- Ends ------------------------------------------------------------------------------------ */

static void line_close(struct line *line)
{
    if (line->fd < 0)
        return;
    close(line->fd);
    line->fd = -1;
    to_dial[to_dial_count++] = line;
}

void line_hang_up(struct line *line)
{
    line_close(line);
}

void line_reset(struct line *line)
{
    struct linger linger = {.l_onoff = 1};

    if (line->fd >= 0)
        setsockopt(line->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    line_close(line);
}

/* The server has ended it. It is reset rather than closed: ports that rest for a minute after each
 * end would run out. */
static void line_ended(struct line *line)
{
    counts.ended++;
    line_reset(line);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* Waits for what the line can do next. */
static void line_watch(struct line *line)
{
    bool writes = !line->dialled || line->out_left > 0 || line->eager;
    uint32_t wanted = (line->deaf ? 0 : EPOLLIN) | (writes ? EPOLLOUT : 0);
    struct epoll_event event = {.events = wanted, .data.ptr = line};

    if (line->fd < 0 || wanted == line->watched)
        return;
    line->watched = wanted;
    epoll_ctl(epoll, EPOLL_CTL_MOD, line->fd, &event);
}

/* ---- Dialling -------------------------------------------------------------------------------- */

static bool dial(int fd)
{
    socklen_t size;
    const struct sockaddr *server = target_address(&size);

    return connect(fd, server, size) == 0 || errno == EINPROGRESS;
}

static int socket_from(unsigned index)
{
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr =
                                  htonl(INADDR_LOOPBACK + 1 + index % (unsigned)ADDRESSES)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, narrow = NARROW_BYTES;

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (attack->narrow)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &narrow, sizeof narrow);
    if (bind(fd, (struct sockaddr *)&own, sizeof own) == 0 && dial(fd))
        return fd;
    close(fd);
    return -1;
}

static bool line_dial(struct line *line)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = line};
    int fd = socket_from(line->index);

    if (fd < 0)
        return false;
    *line = (struct line){.fd = fd, .index = line->index, .tries = line->tries + 1};
    line->watched = event.events;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    counts.dialled++;
    return true;
}

static void dial_some(void)
{
    for (unsigned i = 0; i < DIALS_MOST && to_dial_count > 0; i++) {
        if (!line_dial(to_dial[to_dial_count - 1]))
            return; /* a lack that passes */
        to_dial_count--;
    }
}

/* ---- Sending and receiving ------------------------------------------------------------------- */

static void line_send(struct line *line)
{
    if (line->out_left == 0)
        return;
    ssize_t sent = send(line->fd, line->out, line->out_left, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        line_ended(line);
        return;
    }
    if (sent > 0) {
        line->out += sent;
        line->out_left -= (size_t)sent;
        counts.sent += (uint64_t)sent;
    }
}

void line_say(struct line *line, const void *data, size_t size)
{
    line->out = data;
    line->out_left = size;
    line_send(line);
    line_watch(line);
}

/* Has the answer to the handshake come whole? What comes behind it is nobody's business. */
static bool is_answered(struct line *line, const char *data, size_t size)
{
    static const char empty[] = "\r\n\r\n";

    for (size_t i = 0; i < size; i++) {
        line->matched = data[i] == empty[line->matched] ? line->matched + 1 : data[i] == '\r';
        if (line->matched == 4)
            return true;
    }
    return false;
}

static void line_receive(struct line *line)
{
    static char sink[256 * 1024];
    ssize_t got = recv(line->fd, sink, sizeof sink, 0);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        line_ended(line);
        return;
    }
    counts.received += (uint64_t)got;
    if (line->matched == 4 || !is_answered(line, sink, (size_t)got))
        return;
    line->open = (size_t)got > 12 && memcmp(sink, "HTTP/1.1 101", 12) == 0;
    counts.opened += line->open;
    if (line->open && attack->answered != NULL)
        attack->answered(line);
}

static void line_writable(struct line *line)
{
    if (!line->dialled) {
        line->dialled = true;
        attack->begin(line);
    } else if (line->out_left > 0) {
        line_send(line);
    } else if (line->eager) {
        attack->more(line);
    }
}

static void line_event(struct line *line, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) { /* EPOLLHUP: both sides are done */
        line_ended(line);
        return;
    }
    if (events & EPOLLIN)
        line_receive(line);
    if (line->fd >= 0 && (events & EPOLLOUT))
        line_writable(line);
    line_watch(line);
}

/* ---- All of them ----------------------------------------------------------------------------- */

bool lines_begin(const struct attack *wanted, unsigned count)
{
    attack = wanted;
    line_count = count;
    to_dial_count = 0;
    counts = (struct line_counts){0};
    lines = calloc(count + 1, sizeof *lines);
    to_dial = calloc(count + 1, sizeof(struct line *));
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (lines == NULL || to_dial == NULL || epoll < 0)
        return false;
    for (unsigned i = count; i > 0; i--) {
        lines[i - 1] = (struct line){.fd = -1, .index = i - 1};
        to_dial[to_dial_count++] = &lines[i - 1];
    }
    return true;
}

/* Ten times a second for each line; a slice of them each time, so that they don't all speak at
 * once. */
static void tick_some(unsigned slice)
{
    for (unsigned i = slice; i < line_count; i += 10)
        if (lines[i].fd >= 0 && lines[i].dialled)
            attack->tick(&lines[i]);
}

void lines_run(uint64_t until_us)
{
    struct epoll_event events[EVENTS_MOST];
    uint64_t next_tick = now_us();

    for (unsigned slice = 0; now_us() < until_us;) {
        dial_some();
        int count = epoll_wait(epoll, events, EVENTS_MOST, to_dial_count > 0 ? 0 : 5);

        for (int i = 0; i < count; i++)
            line_event(events[i].data.ptr, events[i].events);
        if (attack->tick == NULL || now_us() < next_tick)
            continue;
        tick_some(slice);
        slice = (slice + 1) % 10;
        next_tick += 10000;
    }
}

struct line_counts lines_end(void)
{
    for (unsigned i = 0; i < line_count; i++)
        line_reset(&lines[i]);
    if (epoll >= 0)
        close(epoll);
    epoll = -1;
    free(lines);
    free(to_dial);
    lines = NULL;
    to_dial = NULL;
    line_count = 0;
    return counts;
}
