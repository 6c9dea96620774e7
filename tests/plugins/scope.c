/*
 * scope: says who is connecting, in the handshake's answer, in the log and in messages.
 *
 * Must be seen: the header X-Room of the answer is the parameter "room"; a message "KIND NAME" is
 * answered with what it asks for, JSON's null where there is no such thing.
 */
#include <sluice/sluice.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static void on_connect(sluice_conn *ws)
{
    const char *room = sluice_param(ws, "room");

    sluice_response_header(ws, "X-Room", room != NULL ? room : "none");
    sluice_log(ws, SLUICE_INFO, "somebody for room %s", room);
    sluice_accept(ws);
}

static const char *answer(const sluice_conn *ws, const char *kind, const char *name)
{
    static const struct {
        const char *kind;
        const char *(*get)(const sluice_conn *ws, const char *name);
    } kinds[] = {{"param", sluice_param},
                 {"query", sluice_query},
                 {"header", sluice_header},
                 {"cookie", sluice_cookie},
                 {"option", sluice_option}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].get(ws, name);
    return strcmp(kind, "path") == 0   ? sluice_path(ws)
           : strcmp(kind, "peer") == 0 ? sluice_peer(ws)
                                       : NULL;
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    bool nobody = sluice_session(ws) == NULL && sluice_user(ws) == NULL;
    char kind[32] = "", name[32] = "";

    sscanf(message->data, "%31s %31s", kind, name);
    if (strcmp(kind, "int") == 0)
        sluice_send_json(ws, "%lld", sluice_param_int(ws, name));
    else if (strcmp(kind, "scope") == 0)
        sluice_send_json(ws, "%p", (void *)json_object_get(sluice_scope(ws)));
    else if (strcmp(kind, "nobody") == 0)
        sluice_send_json(ws, "%hhd", nobody);
    else
        sluice_send_json(ws, "%s", answer(ws, kind, name));
}

SLUICE_CONSUMER(.connect = on_connect, .receive = on_receive);
