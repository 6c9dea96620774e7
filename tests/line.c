#include "line.h"

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

struct line line;
struct outbox outbox;
struct chunk_pool pool;

/* ---- The socket ----------------------------------------------------------------------------- */

static ssize_t line_take(const struct iovec *iov, size_t count, int flags)
{
    size_t taken = 0;
    ck_assert_int_eq(flags, MSG_NOSIGNAL | MSG_DONTWAIT);
    line.calls++;
    for (size_t i = 0; i < count; i++) {
        size_t part = iov[i].iov_len < line.room ? iov[i].iov_len : line.room;
        ck_assert_uint_le(line.size + part, LINE_MOST);
        if (part > 0)
            memcpy(line.data + line.size, iov[i].iov_base, part);
        line.size += part;
        line.room -= part;
        taken += part;
    }
    if (taken > 0 || line.room > 0)
        return (ssize_t)taken;
    errno = line.error ? line.error : EAGAIN;
    return -1;
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    struct iovec iov = {(void *)(uintptr_t)data, size};
    (void)fd;
    return line_take(&iov, 1, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    (void)fd;
    return line_take(message->msg_iov, message->msg_iovlen, flags);
}

void line_clear(size_t room)
{
    line.size = 0;
    line.room = room;
    line.error = 0;
    line.calls = 0;
}

/* ---- Frames that know which they are -------------------------------------------------------- */

struct slice payload_of(uint32_t number, size_t size)
{
    static uint8_t bytes[300000];
    ck_assert_uint_le(size, sizeof bytes);
    ck_assert_uint_ge(size, sizeof number);
    memcpy(bytes, &number, sizeof number);
    for (size_t i = sizeof number; i < size; i++)
        bytes[i] = (uint8_t)(number * 31 + i);
    return (struct slice){(const char *)bytes, size};
}

unsigned line_frames(size_t at)
{
    unsigned counts[2] = {0};
    uint32_t last[2] = {0};
    while (at < line.size) {
        struct frame frame;
        const char *why;
        uint32_t number;
        ck_assert_int_eq(frame_parse(line.data + at, line.size - at, &frame, &why), FRAME_DONE);
        bool control = frame_is_control(&frame);
        at += frame.header_size;
        ck_assert_uint_le(frame.length, line.size - at);
        memcpy(&number, line.data + at, sizeof number);
        ck_assert_uint_gt(number, last[control]);
        ck_assert_mem_eq(line.data + at, payload_of(number, frame.length).data, frame.length);
        last[control] = number;
        at += frame.length;
        counts[control]++;
    }
    line.controls = counts[true];
    return counts[false];
}

bool add(uint32_t number, size_t size)
{
    return outbox_frame(&outbox, &pool, FRAME_BINARY, 0, payload_of(number, size));
}

void write_all(void)
{
    enum outbox_result result;

    line.room = SIZE_MAX;
    do {
        size_t before = line.size;

        result = outbox_write(&outbox, &pool, -1);
        ck_assert(result == OUTBOX_EMPTY || line.size > before);
    } while (result != OUTBOX_EMPTY);
    ck_assert_ptr_null(outbox.first);
    ck_assert_ptr_null(outbox.last);
    ck_assert_uint_eq(outbox.size, 0);
    ck_assert_uint_eq(outbox.written, 0);
}

void finish(void)
{
    outbox_free(&outbox, &pool);
    chunk_pool_free(&pool);
    ck_assert_int_eq(mem_live(), 0);
}
