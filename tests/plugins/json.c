/*
 * json: text is parsed for it, binary is not.
 *
 * Must be seen: {"name": NAME} is answered with {"name": NAME, "age": AGE or -1}; what is no
 * object, or has no such member, with the name null; text that is no JSON closes with 1007 and
 * calls nothing; binary is answered with the number of its bytes.
 */
#include <sluice/sluice.h>

static void on_receive_json(sluice_conn *ws, struct json_object *content)
{
    sluice_send_json(ws, "{name: %s, age: %lld}", sluice_str(content, "name"),
                     sluice_int(content, "age", -1));
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    sluice_send_json(ws, "{binary: %hhd, size: %zu}", message->binary, message->size);
}

SLUICE_CONSUMER(.receive = on_receive, .receive_json = on_receive_json);
