/*
 * server/operation: what a callback asks of its connection, applied at once or carried there.
 *
 * On the connection's loop an operation is done then and there. A blocking callback runs on the
 * pool: its operations go through the loop's mailbox as it makes them, and are done in that order.
 * So there is one place for what each call of the API means, whatever thread it was made on.
 */
#ifndef SERVER_OPERATION_H
#define SERVER_OPERATION_H

#include "layer/layer.h"
#include "server/conn.h"

enum operation_kind {
    OPERATION_ACCEPT, /* first: the subprotocol, data NULL for none */
    OPERATION_CLOSE,  /* number: code; first: reason */
    OPERATION_DENY,   /* number: status; first: body */
    OPERATION_HEADER, /* first: name; second: value */
    OPERATION_TEXT,   /* first: the message, valid UTF-8 */
    OPERATION_BINARY,
    OPERATION_GROUP_ADD, /* first: group */
    OPERATION_GROUP_DISCARD,
    OPERATION_SEND,   /* event: to a group or a channel */
    OPERATION_AFTER,  /* number: timer; ms; event */
    OPERATION_CANCEL, /* number: timer */
    OPERATION_DEFER,  /* job; generation; first: its argument, msgpack */
};

struct operation {
    enum operation_kind kind;
    uint64_t number;
    uint32_t ms;
    struct slice first, second;
    struct layer_event *event; /* a reference that is taken over */
    struct json_object *(*job)(struct json_object *arg);
    struct generation *generation; /* a reference that is taken over */
};

/* Does it, or has it done. What it points to is copied where it must wait. */
void operation_do(struct conn *conn, const struct operation *operation);
/* The same for what is asked most often, a message to be sent: text is valid UTF-8. */
void operation_send(struct conn *conn, bool binary, struct slice payload);

#endif
