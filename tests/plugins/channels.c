/*
 * channels: events to one connection, to a group, and to all of a group but one.
 *
 * Must be seen: "name" is answered with the connection's channel, the same each time; "to CHANNEL
 * TEXT" is answered with true or false, and TEXT comes to that connection; "join GROUP" and "leave
 * GROUP" are answered with "done"; "all GROUP TEXT" comes to each member, "others GROUP TEXT" to
 * each but the sender; "bytes" goes through an event and comes back as it was. Whoever goes says
 * its channel's name to the group "left", also where it had never asked for that name.
 */
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    char verb[16] = "", name[128] = "", text[128] = "";

    if (message->binary) {
        sluice_channel_send(sluice_channel(ws), "{type: 'channels.bytes', bytes: %p}",
                            (void *)sluice_bytes_new(message->data, message->size));
        return;
    }
    sscanf(message->data, "%15s %127s %127[^\n]", verb, name, text);
    if (strcmp(verb, "name") == 0) {
        sluice_send_text(ws, sluice_channel(ws));
    } else if (strcmp(verb, "to") == 0) {
        const bool sent = sluice_channel_send(name, "{type: 'channels.text', text: %s}", text);

        sluice_send_json(ws, "%hhd", sent);
    } else if (strcmp(verb, "join") == 0) {
        sluice_group_add(ws, name);
        sluice_send_text(ws, "done");
    } else if (strcmp(verb, "leave") == 0) {
        sluice_group_discard(ws, name);
        sluice_send_text(ws, "done");
    } else if (strcmp(verb, "all") == 0) {
        sluice_group_send(name, "{type: 'channels.text', text: %s}", text);
    } else if (strcmp(verb, "others") == 0) {
        sluice_group_send_from(ws, name, "{type: 'channels.text', text: %s}", text);
    }
}

SLUICE_HANDLER(channels_text, ws, event)
{
    sluice_send_text(ws, sluice_str(event, "text"));
}

SLUICE_HANDLER(channels_bytes, ws, event)
{
    size_t size = 0;
    const void *bytes = sluice_bytes(event, "bytes", &size);

    sluice_send_bytes(ws, bytes, size);
}

static void on_disconnect(sluice_conn *ws, int code)
{
    (void)code;
    sluice_group_send_from(ws, "left", "{type: 'channels.text', text: %s}", sluice_channel(ws));
}

SLUICE_CONSUMER(.receive = on_receive, .disconnect = on_disconnect);
