/*
 * server/event: is this an event that may be sent?
 */
#include "server/event.h"

#include <stdio.h>

#include "base/log.h"
#include "layer/msgpack.h"
#include "plugin/handler.h"

void event_refuse(struct mount *mount, enum drop drop, struct slice what, const char *why)
{
    if (!mount_drop(mount, drop, what))
        return;
    log_write(LOG_WARN, "event.refused",
              LOG_STR("mount", mount != NULL ? mount->config->route : NULL), LOG_STR("why", why),
              LOG_STRN("what", what.data, what.size));
}

static const char *fault_of(struct slice body, enum drop *drop, struct slice *what)
{
    struct msgpack_event event;

    *drop = DROP_BAD_EVENT;
    if (!msgpack_look(body.data, body.size, &event))
        return "an event is a JSON object";
    if (event.addressed)
        return "an event may not have the key " MSGPACK_ADDRESS;
    *drop = DROP_BAD_TYPE;
    *what = event.type;
    if (event.type.data == NULL)
        return "an event needs a \"type\" that is text";
    if (handler_type_reserved(event.type))
        return "types that begin with sluice. or layer. are the runtime's";
    return NULL;
}

struct layer_event *event_compose(enum layer_target target, struct slice name, struct slice body,
                                  const char *except, struct mount *mount)
{
    enum drop drop;
    struct slice what = {0};
    const char *why = fault_of(body, &drop, &what);

    if (why != NULL) {
        event_refuse(mount, drop, what, why);
        return NULL;
    }
    struct layer_event *event = layer_event_new(target, name, body.data, body.size);
    if (event == NULL)
        event_refuse(mount, DROP_NO_MEMORY, what, "no memory");
    else if (except != NULL)
        snprintf(event->except, sizeof event->except, "%s", except);
    return event;
}
