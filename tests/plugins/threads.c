/*
 * threads: threads of its own, which send: one from load to unload, and one for each message, that
 * ends again.
 *
 * Must be seen: each message is answered, among events from the thread that stays, with {"own":
 * "thread"}; what the threads may not do is logged, and not each time; nothing of theirs is left.
 */
#include <sluice/sluice.h>

#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static pthread_t stays;
static atomic_bool stop;

static void *run_stays(void *nothing)
{
    while (!stop) {
        sluice_group_send("threads", "{type: 'threads.event', text: '%s thread'}", "other");
        usleep(1000);
    }
    return nothing;
}

static void *run_once(void *ws)
{
    json_object_put(sluice_json("{a: [%d, '%s']}", 1, "b"));
    sluice_send_text((sluice_conn *)ws, "not from here");
    sluice_group_send("threads", "{type: 'threads.event', text: '%s'}", "thread");
    return NULL;
}

static void on_connect(sluice_conn *ws)
{
    sluice_group_add(ws, "threads");
    sluice_accept(ws);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    pthread_t once;

    (void)message;
    if (pthread_create(&once, NULL, run_once, ws) == 0)
        pthread_join(once, NULL);
}

SLUICE_HANDLER(threads_event, ws, event)
{
    sluice_send_json(ws, "{own: %s}", sluice_str(event, "text"));
}

static bool on_load(struct json_object *saved)
{
    (void)saved;
    return pthread_create(&stays, NULL, run_stays, NULL) == 0;
}

static void on_unload(void)
{
    stop = true;
    pthread_join(stays, NULL);
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive, .load = on_load, .unload = on_unload);
