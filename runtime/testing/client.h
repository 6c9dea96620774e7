/*
 * testing/client: the far end of one connection of a test: it says what a browser would say, and
 * keeps what it hears.
 *
 * It sees the server through a line and nothing else, as any client does. It answers pings and
 * closing handshakes by itself, inflates what is compressed, and hangs up when the server has.
 */
#ifndef TESTING_CLIENT_H
#define TESTING_CLIENT_H

#include <sluice/testing.h>

#include <sys/queue.h>

#include "base/text.h"
#include "wire/frame.h"

struct deflate;
struct deflate_shared;

/* A message that came. */
struct test_message {
    STAILQ_ENTRY(test_message) link;
    sluice_message message;
    char data[]; /* a zero byte behind it */
};

/* Owned by its test, whose thread alone touches it. */
struct sluice_client {
    LIST_ENTRY(sluice_client) link;
    struct sluice_test *test;
    int fd; /* -1: the line is gone */

    /* What it says. */
    struct text out; /* bytes not written yet... */
    size_t written;  /* ...from here on */
    bool closing;    /* its close frame is among them, or out */

    /* What it has heard. */
    struct text in; /* bytes not read yet */
    int status;     /* 0: no answer yet */
    char *subprotocol;
    int code;                /* of the server's close frame; 1006 where there was none; 0: open */
    struct deflate *deflate; /* NULL: nothing is compressed */
    struct deflate_shared *shared;
    STAILQ_HEAD(, test_message) messages;
    struct test_message *taken; /* the last that the test has had */
};

/* The far end of the line `fd`, which it takes over, and whose handshake it begins. The client is
 * all zero. False: no memory. */
bool test_client_begin(struct sluice_client *client, int fd, const char *path,
                       const struct sluice_test_request *request);
void test_client_end(struct sluice_client *client);

/* What there is to wait for on its line: POLLIN, POLLOUT. */
short test_client_waits(const struct sluice_client *client);
/* Writes and reads what can be written and read now. True: something went either way. */
bool test_client_pump(struct sluice_client *client);

/* Queues a message, or a close frame. Nothing on a line that is not open any more. */
void test_client_send(struct sluice_client *client, enum frame_opcode opcode, const void *data,
                      size_t size);
void test_client_close(struct sluice_client *client, unsigned code);
void test_client_cut(struct sluice_client *client);

/* The next message, which stays until the next call; NULL: there is none. */
const sluice_message *test_client_next(struct sluice_client *client);

/* Tells the author of a test what is wrong with it, and ends the process: a test that goes on after
 * that proves nothing. */
void test_fail(const char *function, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

#endif
