/*
 * client: the other end of the wire, made of a socket and nothing of the runtime's, so that it can
 * say what no client should say, byte by byte.
 *
 * Whatever is awaited fails the test at its deadline.
 */
#ifndef TESTS_CLIENT_H
#define TESTS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How compressed frames are read, where compression was agreed on: see deflating.h. */
struct unpacker {
    /* Gives bytes that are free'd by the caller; a zero byte follows them. */
    uint8_t *(*unpack)(struct unpacker *unpacker, const uint8_t *data, size_t size,
                       size_t *unpacked);
    void (*free)(struct unpacker *unpacker);
};

struct client {
    int fd;
    uint8_t *room; /* bytes received, of which those at `data` are not taken yet */
    size_t room_size;
    uint8_t *data;
    size_t size;
    uint8_t *last;             /* what the last answer or frame is made of */
    struct unpacker *unpacker; /* NULL: compression was not agreed on */
};

/* An answer of HTTP; its strings last until the next one. */
struct answer {
    unsigned status;
    const char *head; /* all of it, from the status line to the empty line */
    const char *body; /* a zero byte behind it */
    size_t size;      /* of the body */
};

/* A frame; its payload, decompressed where it was compressed, lasts until the next one. */
struct received {
    unsigned opcode;
    bool fin;
    bool packed;            /* it was compressed... */
    size_t on_line;         /* ...and its payload was of so many bytes */
    const uint8_t *payload; /* a zero byte behind it */
    size_t size;
};

enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* ---- The line -------------------------------------------------------------------------------- */

struct client client_dial(void);
bool client_is_refused(void); /* by the kernel: nobody listens */
/* With a receive buffer as small as it can be, so that what is not read is soon noticed. */
struct client client_dial_narrow(void);
/* At a socket in the test's directory; and at the server's port of IPv6. */
struct client client_dial_unix(const char *name);
struct client client_dial_v6(unsigned port);
/* From an address of its own: "127.0.0.2". */
struct client client_dial_from(const char *address);
void client_hang_up(struct client *client); /* an orderly end */
void client_cut(struct client *client);     /* a reset */
void client_send(struct client *client, const void *data, size_t size);
void client_say(struct client *client, const char *text);
/* No more will be sent; what is received is still read. */
void client_shut(struct client *client);
/* The server ends the line, orderly or not, and sends nothing before. */
void client_expect_end(struct client *client);
/* The same, but what it sends before that is thrown away. */
void client_drain(struct client *client);
/* Waits for `size` bytes; gives how many there are, fewer only at the end of the line. */
size_t client_fill(struct client *client, size_t size);
/* What has come by now: how many bytes there are that nobody has taken. */
size_t client_pending(struct client *client);

/* ---- HTTP ------------------------------------------------------------------------------------ */

struct answer client_answer(struct client *client);
struct answer client_answer_to_head(struct client *client); /* without a body */
/* Of the answer's head; "" where there is none; until the next call. */
const char *answer_field(const struct answer *answer, const char *name);
/* Dials and sends the request; the line then stays or ends, as `kept` says. */
struct answer client_ask(struct client *client, const char *request, bool kept);
/* Dials, sends the request, hangs up. The status of the answer. */
unsigned ask(const char *request);
/* GET path, and nothing more. */
unsigned ask_for(const char *path);

/* ---- WebSocket ------------------------------------------------------------------------------- */

/* Sends a handshake as browsers do; `fields`: more lines, each with its end; or "". */
void client_shake(struct client *client, const char *path, const char *fields);
/* All of it: dials, and is accepted. */
struct client client_open(const char *path);
struct client client_open_with(const char *path, const char *fields);
/* The status that a handshake is answered with, by a client of its own. */
unsigned ask_to_open(const char *path, const char *fields);

/* A frame: first byte as given (0x80 is fin), masked, its length in the shortest form. */
void client_frame(struct client *client, unsigned first, const void *payload, size_t size);
void client_text(struct client *client, const char *text);
void client_binary(struct client *client, const void *data, size_t size);
void client_ping(struct client *client, const char *payload);
void client_close(struct client *client, unsigned code, const char *reason);
/* The frame's bytes, for who sends them in another way. Gives their number. */
size_t frame_bytes(uint8_t *out, unsigned first, const void *payload, size_t size);

struct received client_receive(struct client *client);
void client_expect(struct client *client, unsigned opcode, const void *payload, size_t size);
void client_expect_text(struct client *client, const char *text);
/* A close frame with this code (1005: none), then the end of the line. `client_expect_code` answers
 * it, as a peer should; `client_expect_fault` does not, as after a broken rule. */
void client_expect_code(struct client *client, unsigned code);
void client_expect_fault(struct client *client, unsigned code);
/* Nothing comes: what is next is the answer to a ping. */
void client_expect_nothing(struct client *client);
/* Closes with 1000, is answered, and the line ends. */
void client_leave(struct client *client);

#endif
