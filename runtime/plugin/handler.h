/*
 * plugin/handler: from an event's type to the handler a consumer declared.
 *
 * "chat.message" is the symbol sluice_handler_chat_message of this generation's own object. dlsym
 * is asked for each declared handler when the object is loaded, and for nothing else ever: what it
 * finds must be a handler's record, in this object, that bears the name itself. An event's type is
 * only looked up among those. So an event can run declared handlers and no other function, wrong
 * names cost nothing, and no event waits for dlsym's lock, which another thread's dlopen holds
 * while it runs constructors.
 */
#ifndef PLUGIN_HANDLER_H
#define PLUGIN_HANDLER_H

#include "base/text.h"
#include "plugin/consumer.h"

#define HANDLER_NAME_MAX 128 /* bytes of a type; a longer one has no handler */

enum handler_result {
    HANDLER_FOUND,
    HANDLER_NONE,     /* nothing of that name is declared */
    HANDLER_BAD_TYPE, /* empty, too long, begins with '_', or not letters, digits, '_' and '.' */
};

/* Any thread. `*handler` is valid for as long as the generation is. */
enum handler_result handler_find(struct generation *generation, struct slice type,
                                 const struct sluice_handler **handler);

/* Does the type begin with "sluice." or "layer.", which are the runtime's own? "layer_x" does: it
 * would reach the same handler as "layer.x". */
bool handler_type_reserved(struct slice type);

#endif
