/*
 * thread_local: a variable of each thread that has a destructor holds the object while a thread
 * lives that has used it.
 *
 * Must be seen: counted as stuck, and no more once the thread has ended.
 */
#include <sluice/sluice.h>

namespace
{
struct noted {
    int count = 0;
    ~noted();
};

/* Not in the class: it must not be seen to do nothing. */
noted::~noted()
{
    *const_cast<volatile int *>(&count) = 0;
}

thread_local noted calls;
} // namespace

SLUICE_HANDLER(use, ws, event)
{
    calls.count++;
    sluice_send_text(ws, "used");
}

SLUICE_CONSUMER();
