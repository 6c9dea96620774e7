/*
 * supervise/tether: what the supervisor and its server say to each other.
 */
#include "supervise/tether.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

bool tether_add_text(struct tether_message *message, const char *text)
{
    size_t size = strlen(text) + 1;

    if (size > sizeof message->text - message->size)
        return false;
    memcpy(message->text + message->size, text, size);
    message->size += (uint32_t)size;
    return true;
}

const char *tether_text(const struct tether_message *message, unsigned nth)
{
    size_t at = 0;

    for (; nth > 0 && at < message->size; nth--)
        at += strlen(message->text + at) + 1;
    return at < message->size ? message->text + at : "";
}

bool tether_send(int end, const struct tether_message *message, int descriptor, bool wait)
{
    struct iovec bytes = {(void *)message, offsetof(struct tether_message, text) + message->size};
    union control control = {.room = {0}};
    struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
    ssize_t sent;

    if (descriptor >= 0) {
        header.msg_control = control.room;
        header.msg_controllen = sizeof control.room;
        control.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    }
    do
        sent = sendmsg(end, &header, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

bool tether_say(int end, enum tether_kind kind, const char *text, uint64_t number, int descriptor)
{
    struct tether_message message;

    message.kind = kind;
    message.size = 0;
    message.number = number;
    return (text == NULL || tether_add_text(&message, text)) &&
           tether_send(end, &message, descriptor, true);
}

static int descriptor_of(struct msghdr *header)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    int descriptor = -1;

    if (control != NULL && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
        control->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&descriptor, CMSG_DATA(control), sizeof descriptor);
    return descriptor;
}

/* Both ends are this program: what is not as it should be came from something else that got hold of
 * the descriptor, in a consumer's child say. */
static bool is_whole(const struct tether_message *message, size_t size)
{
    size_t head = offsetof(struct tether_message, text);

    return size >= head && message->size == size - head &&
           (message->size == 0 || message->text[message->size - 1] == '\0');
}

enum tether_result tether_receive(int end, struct tether_message *message, int *descriptor,
                                  bool wait)
{
    for (;;) {
        struct iovec bytes = {message, sizeof *message};
        union control control;
        struct msghdr header = {.msg_iov = &bytes,
                                .msg_iovlen = 1,
                                .msg_control = control.room,
                                .msg_controllen = sizeof control.room};
        ssize_t got = recvmsg(end, &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return TETHER_NOTHING;
        if (got <= 0)
            return TETHER_GONE;
        *descriptor = descriptor_of(&header);
        if (is_whole(message, (size_t)got))
            return TETHER_GOT;
        if (*descriptor >= 0)
            close(*descriptor);
    }
}
