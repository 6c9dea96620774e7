/* soak/beside: an ordinary client beside the attackers. */
#include "beside.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "target.h"

enum {
    PAUSE_US = 10000, /* between two rounds */
    SAMPLES_MOST = 1 << 17,
    PATIENCE_S = 60, /* for an answer; whether it was quick is another question */
};

struct samples {
    uint32_t us[SAMPLES_MOST];
    unsigned count;
};

static struct {
    pthread_t thread;
    int echo, group;
    atomic_bool over;
    pthread_mutex_t lock; /* of what follows */
    struct samples echoes, groups;
    const char *wrong; /* NULL: nothing */
} beside = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- A line ---------------------------------------------------------------------------------- */

static bool receive_all(int fd, void *data, size_t size)
{
    return recv(fd, data, size, MSG_WAITALL) == (ssize_t)size;
}

static bool send_all(int fd, const void *data, size_t size)
{
    return send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool be_patient(int fd)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0;
}

static bool shake(int fd, const char *path)
{
    char request[256], last[4] = "";

    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             path);
    if (!send_all(fd, request, strlen(request)))
        return false;
    while (memcmp(last, "\r\n\r\n", 4) != 0) {
        memmove(last, last + 1, 3);
        if (!receive_all(fd, last + 3, 1))
            return false;
    }
    return true;
}

static int open_line(const char *path)
{
    socklen_t size;
    const struct sockaddr *server = target_address(&size);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && be_patient(fd) && connect(fd, server, size) == 0 && shake(fd, path))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

/* This thread's wait for a core so far. */
static uint64_t waited_us(void)
{
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    unsigned long long waited = 0;

    if (file != NULL && fscanf(file, "%*u %llu", &waited) != 1)
        waited = 0;
    if (file != NULL)
        fclose(file);
    return waited / 1000;
}

/* A clock that stands still while it waits. */
static uint64_t own_us(void)
{
    return now_us() - waited_us();
}

static void note(struct samples *samples, uint64_t since)
{
    uint64_t now = own_us(), us = now > since ? now - since : 0;

    pthread_mutex_lock(&beside.lock);
    if (samples->count < SAMPLES_MOST)
        samples->us[samples->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    pthread_mutex_unlock(&beside.lock);
}

/* Sends the text, which is answered by itself. Pings that come before are answered too. */
static bool ask(int fd, const char *text)
{
    size_t size = strlen(text);
    uint8_t frame[6 + 125] = {0x81, (uint8_t)(0x80 | size)}, header[2], payload[125];
    uint8_t pong[6] = {0x8a, 0x80};

    memcpy(frame + 6, text, size);
    if (!send_all(fd, frame, 6 + size))
        return false;
    for (;;) {
        if (!receive_all(fd, header, 2) || header[1] > sizeof payload ||
            (header[1] > 0 && !receive_all(fd, payload, header[1])))
            return false;
        if (header[0] != 0x89)
            break;
        if (!send_all(fd, pong, sizeof pong))
            return false;
    }
    return header[0] == 0x81 && header[1] == size && memcmp(payload, text, size) == 0;
}

static const char *go_round(unsigned long number)
{
    char text[64];

    snprintf(text, sizeof text, "{\"message\":\"%lu\"}", number);
    uint64_t since = own_us();
    if (!ask(beside.echo, text))
        return "the echo of the ordinary client did not come back as it was";
    note(&beside.echoes, since);
    since = own_us();
    if (!ask(beside.group, text))
        return "the group of the ordinary client did not get what was sent";
    note(&beside.groups, since);
    return NULL;
}

static void *run(void *context)
{
    (void)context;
    const char *wrong = NULL;

    for (unsigned long number = 0; wrong == NULL && !atomic_load(&beside.over); number++) {
        usleep(PAUSE_US);
        wrong = go_round(number);
    }
    pthread_mutex_lock(&beside.lock);
    beside.wrong = wrong;
    pthread_mutex_unlock(&beside.lock);
    return NULL;
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

bool beside_begin(void)
{
    beside.echo = open_line("/echo/");
    beside.group = open_line("/chat/beside/");
    return beside.echo >= 0 && beside.group >= 0 &&
           pthread_create(&beside.thread, NULL, run, NULL) == 0;
}

void beside_end(void)
{
    atomic_store(&beside.over, true);
    pthread_join(beside.thread, NULL);
    close(beside.echo);
    close(beside.group);
}

/* ---- Times ----------------------------------------------------------------------------------- */

static int less_first(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

    return one < other ? -1 : one > other;
}

static struct times times_of(struct samples *samples)
{
    unsigned count = samples->count;

    samples->count = 0;
    if (count == 0)
        return (struct times){0};
    qsort(samples->us, count, sizeof *samples->us, less_first);
    return (struct times){.count = count,
                          .p50 = samples->us[count / 2] / 1000.0,
                          .p99 = samples->us[count - 1 - count / 100] / 1000.0,
                          .most = samples->us[count - 1] / 1000.0};
}

struct beside beside_take(void)
{
    pthread_mutex_lock(&beside.lock);
    struct beside taken = {.echo = times_of(&beside.echoes),
                           .group = times_of(&beside.groups),
                           .well = beside.wrong == NULL,
                           .what = beside.wrong};
    pthread_mutex_unlock(&beside.lock);
    return taken;
}
