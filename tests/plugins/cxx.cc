/*
 * cxx: a consumer in C++20: lambdas, overloads and a library with exceptions behind the C contract.
 *
 * Must be seen: texts come back in reverse order of their bytes; the event cxx.shout is answered in
 * capitals.
 */
#include <sluice/sluice.h>
#include <algorithm>
#include <string>

namespace
{
struct state {
    unsigned messages;
};

void reply(sluice_conn *ws, const std::string &text)
{
    sluice_send_text(ws, text.c_str());
}

void receive(sluice_conn *ws, const sluice_message *message)
{
    std::string text(message->data, message->size);

    static_cast<state *>(sluice_state(ws))->messages++;
    std::reverse(text.begin(), text.end());
    reply(ws, text);
}
} // namespace

SLUICE_HANDLER(cxx_shout, ws, event)
{
    std::string text = "shout";

    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    reply(ws, text);
}

SLUICE_BROADCAST(cxx_all, ws, event)
{
    reply(ws, "all");
}

SLUICE_CONSUMER(
        .connect = [](sluice_conn *ws) { sluice_accept(ws); }, .receive = receive,
        .state_size = sizeof(state));
