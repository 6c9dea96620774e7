/*
 * chat: whoever is in a room hears what anybody in it types.
 *
 * routing.conf mounts this file twice:
 *
 *     ws /ws/chat/             chat.so     everybody in one room
 *     ws /ws/chat/<str:room>/  chat.so     a room for each name
 *
 * The way of a line, from one browser to all of them:
 *
 *     browser  {"message": "hi"}                          -> chat_receive_json
 *     group    {"type": "chat_message", "message": "hi"}  -> the handler chat_message
 *     browser  {"message": "PREFIX:hi"}
 *
 * The middle step is what makes it a chat. A group is a name that connections join; an event sent
 * to that name reaches them all, on whichever thread or in whichever process they are. This file
 * holds no list of clients and no lock.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>

#define EVERYBODY "ops_coffee"

/* Each connection gets one of these, zeroed, from the runtime: see .state_size at the end. */
struct chat {
    char group[SLUICE_GROUP_MAX];
};

/*
 * The group of a room: "chat.red" for red. A group's name takes letters, digits, dots, hyphens and
 * underscores only, so any other room, such as 运维, goes by the hexadecimal digits of its bytes:
 * "chat-hex.e8bf90e7bbb4". No room of the first kind begins like that, so the two never meet.
 * False: the name is too long.
 */
static bool name_group(char group[SLUICE_GROUP_MAX], const char *room)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(room);
    int end;

    if (room[strspn(room, plain)] == '\0')
        return snprintf(group, SLUICE_GROUP_MAX, "chat.%s", room) < SLUICE_GROUP_MAX;

    end = snprintf(group, SLUICE_GROUP_MAX, "chat-hex.");
    if ((size_t)end + 2 * length >= SLUICE_GROUP_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        end += snprintf(group + end, 3, "%02x", (unsigned char)room[i]);
    return true;
}

/* A client asks to connect. It joins its room first and is let in then, so that it misses nothing
 * of what is said from the moment on in which its browser says that it is connected. */
static void chat_connect(sluice_conn *ws)
{
    struct chat *chat = sluice_state(ws);
    const char *room = sluice_param(ws, "room"); /* NULL: the mount without <str:room> */

    if (sluice_path(ws) == NULL) { /* it holds a zero byte, and so may the room's name */
        sluice_deny(ws, 400, "there is no such room\n");
        return;
    }
    if (room == NULL) {
        snprintf(chat->group, sizeof chat->group, "%s", EVERYBODY);
    } else if (!name_group(chat->group, room)) {
        sluice_deny(ws, 400, "this room's name is too long\n");
        return;
    }
    sluice_group_add(ws, chat->group);
    sluice_accept(ws);
}

/* A client typed something. The runtime has parsed it; that it is JSON is all we know about it.
 * sluice_str takes anything and gives NULL unless it finds a string. */
static void chat_receive_json(sluice_conn *ws, struct json_object *content)
{
    struct chat *chat = sluice_state(ws);
    const char *message = sluice_str(content, "message");

    if (message == NULL) {
        sluice_close(ws, 1003, "expected {\"message\": \"text\"}");
        return;
    }
    sluice_group_send(chat->group, "{type: 'chat_message', message: %s}", message);
}

/* What comes here is binary: with .receive_json set, text never does. */
static void chat_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)message;
    sluice_close(ws, 1003, "this chat takes text");
}

/*
 * An event of type "chat_message" has reached the group. Every member is sent the same, so this is
 * a SLUICE_BROADCAST: it runs once for all of them, not once for each. `set prefix` of the mount
 * says what stands before a line. Anything that shares the channel layer can send such an event,
 * so its members are looked at as carefully as a client's.
 */
SLUICE_BROADCAST(chat_message, ws, event)
{
    const char *prefix = sluice_option(ws, "prefix");
    const char *message = sluice_str(event, "message");

    if (message != NULL)
        sluice_send_json(ws, "{message: '%s%s'}", prefix ? prefix : "", message);
}

/* No .disconnect: the runtime takes a connection that is gone out of its groups. */
SLUICE_CONSUMER(.connect = chat_connect, .receive = chat_receive, .receive_json = chat_receive_json,
                .state_size = sizeof(struct chat));
