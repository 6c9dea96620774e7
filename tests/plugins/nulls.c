/*
 * nulls: calls without what they are about.
 *
 * Must be seen: each message is answered with "alive" alone; each call that can't do without its
 * argument is logged with its name.
 */
#include <sluice/sluice.h>
#include <json-c/json.h>

#pragma GCC diagnostic ignored "-Wformat-security" /* which is right: nobody should */

static const char *volatile nothing; /* NULL, which the compiler is not to know */

static void ask(sluice_conn *ws)
{
    if (sluice_param(ws, nothing) || sluice_param_int(ws, nothing) || sluice_query(ws, nothing) ||
        sluice_header(ws, nothing) || sluice_cookie(ws, nothing) || sluice_option(ws, nothing))
        sluice_send_text(ws, "something came of nothing");
}

static void use_json(sluice_conn *ws)
{
    struct json_object *object = sluice_json("{a: 1}");
    size_t size;
    sluice_send_json(ws, nothing);
    if (sluice_json(nothing) || sluice_str(NULL, "a") || sluice_str(object, nothing) ||
        sluice_int(object, nothing, 0) || sluice_bytes(object, nothing, &size) ||
        sluice_bytes_new(nothing, 3))
        sluice_send_text(ws, "something came of nothing");
    json_object_put(object);
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    const sluice_message hollow = {nothing, 3, message->binary};
    ask(ws);
    use_json(ws);
    sluice_send(ws, (const sluice_message *)nothing);
    sluice_send(ws, &hollow);
    sluice_send_text(ws, nothing);
    sluice_send_bytes(ws, nothing, 3);
    sluice_response_header(ws, nothing, nothing);
    sluice_group_discard(ws, nothing);
    sluice_group_send(nothing, "{type: 'x'}");
    sluice_group_send("x", nothing);
    sluice_group_send_from(ws, nothing, nothing);
    sluice_channel_send(nothing, nothing);
    sluice_after(ws, 0, nothing);
    sluice_defer(ws, NULL, "{}");
    sluice_log(ws, SLUICE_INFO, nothing);
    sluice_send_text(NULL, "to nobody");
    sluice_close(NULL, 1000, nothing);
    sluice_send_text(ws, "alive");
}

SLUICE_CONSUMER(.receive = on_receive);
