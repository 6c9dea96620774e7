/*
 * wire/message: a client's frames become messages (RFC 6455, sections 5.4 to 5.6 and 7.1.5).
 *
 * A message that came whole, in one frame, is unmasked where it was received and handed out from
 * there: no copy, no allocation. Anything else moves to a buffer of the reader's own, which grows
 * with the bytes that are really there and is freed when the message is done. So an idle
 * connection holds nothing. UTF-8 and close codes are checked here, text as it arrives: a wrong
 * byte fails at once, not at the message's end.
 *
 * Compressed messages (RSV1, RFC 7692) are inflated as they arrive, and judged by what they inflate
 * to. One that came whole is inflated to where all connections of the loop have theirs.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "wire/frame.h"

struct message_limits {
    uint64_t message;   /* bytes of a whole message; beyond: 1009 */
    unsigned fragments; /* frames of a message; beyond: 1008 */
};

enum message_result {
    MESSAGE_MORE, /* nothing whole in what there is */
    MESSAGE_TEXT, /* valid UTF-8 */
    MESSAGE_BINARY,
    MESSAGE_PING,
    MESSAGE_PONG,
    MESSAGE_CLOSE, /* code and payload (the reason, UTF-8); the reader takes nothing after it */
    MESSAGE_FAULT, /* fail the connection with `code`; `why` is a literal for the log */
};

struct message {
    /* A zero byte follows the last. Valid until the next call on the reader, or, where it may have
     * been compressed, on any that has the same deflate_shared. */
    const uint8_t *data;
    size_t size;
    unsigned frames; /* that it came in, pings and such between not counted */
    uint16_t code;   /* of MESSAGE_CLOSE (1005: none came) and MESSAGE_FAULT (1002, 1007, ...) */
    const char *why;
};

struct deflate;
struct message_partial;

/* What a connection keeps between two reads. Owned by its connection; all zero at first. */
struct message_reader {
    struct message_partial *partial; /* NULL while no frame or message is half there */
    struct deflate *deflate;         /* owned; NULL: no compression was agreed on */
    bool closed;                     /* a close frame or a fault came: nothing more is read */
};

/*
 * Takes the next message out of *data, advancing *data and *size. Called until it says
 * MESSAGE_MORE (all bytes then are consumed or kept by the reader), or the caller has had enough:
 * the bytes left over are then the caller's to keep, and to give again. What is consumed is
 * written over: unmasked, moved a little towards the front, and closed by its zero byte.
 *
 * Faults: 1002 and 1007 as RFC 6455 says, 1008 and 1009 for the limits, 1011 where memory ran out.
 * Compressed data that are broken, or end within a block, are 1007.
 */
enum message_result message_next(struct message_reader *reader, const struct message_limits *limits,
                                 uint8_t **data, size_t *size, struct message *message);

/* Where the next bytes of a large frame may be received directly, to be told with message_received
 * before the next message_next (which may then be called with no other bytes). NULL: receive
 * elsewhere and call message_next; *size is then left as it was. */
uint8_t *message_room(struct message_reader *reader, size_t *size);
void message_received(struct message_reader *reader, size_t size);

bool message_unfinished(const struct message_reader *reader); /* something is half there */
/* Bytes of memory that are held for what is half there; deflate_held has the rest. */
size_t message_held(const struct message_reader *reader);
void message_reader_free(struct message_reader *reader); /* its deflate too */

/* May this code stand in a close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999. */
bool message_code_allowed(unsigned code);

#endif
