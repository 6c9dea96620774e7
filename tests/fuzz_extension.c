/*
 * tests/fuzz_extension: whatever a client offers, the answer is to an offer that it made, goes no
 * further than that and than what the mount wants, and is what the terms say.
 *
 * The first byte is the wish; the rest is the value of the field, cut into fields at each newline.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/extension.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME "permessage-deflate"

static void must(bool fact)
{
    if (!fact)
        abort();
}

/* What an answer says, read in a way of its own. */
struct answer {
    bool server_no_takeover, client_no_takeover;
    unsigned server_bits, client_bits; /* 0: not said */
};

static struct answer read_answer(const char *text)
{
    struct answer answer = {0};

    must(strncmp(text, NAME, strlen(NAME)) == 0);
    for (text += strlen(NAME); *text != '\0';) {
        const char *end = strchr(text + 1, ';');
        size_t size = end != NULL ? (size_t)(end - text) : strlen(text);
        char *number;

        must(strncmp(text, "; ", 2) == 0);
        if (size == 28 && strncmp(text + 2, "server_no_context_takeover", 26) == 0) {
            answer.server_no_takeover = true;
        } else if (size == 28 && strncmp(text + 2, "client_no_context_takeover", 26) == 0) {
            answer.client_no_takeover = true;
        } else if (strncmp(text + 2, "server_max_window_bits=", 23) == 0) {
            answer.server_bits = (unsigned)strtoul(text + 25, &number, 10);
            must(number == text + size);
        } else {
            must(strncmp(text + 2, "client_max_window_bits=", 23) == 0);
            answer.client_bits = (unsigned)strtoul(text + 25, &number, 10);
            must(number == text + size);
        }
        text += size;
    }
    return answer;
}

static void check(const char *text, const struct deflate_wish *wish,
                  const struct deflate_terms *terms, struct slice offers)
{
    struct answer answer = read_answer(text);

    must(extension_fault(slice_of(text)) == NULL);
    must(memmem(offers.data, offers.size, NAME, strlen(NAME)) != NULL);
    must(terms->server_bits >= 8 && terms->server_bits <= wish->bits);
    must(terms->client_bits >= 8 && terms->client_bits <= 15);
    must(terms->server_takeover == !answer.server_no_takeover);
    must(terms->client_takeover == !answer.client_no_takeover);
    must(wish->takeover || (answer.server_no_takeover && answer.client_no_takeover));
    must(answer.server_bits == 0 || answer.server_bits == terms->server_bits);
    must(answer.client_bits == (terms->client_bits < 15 ? terms->client_bits : 0));
    if (answer.server_bits != 0)
        must(memmem(offers.data, offers.size, "server_max_window_bits", 22) != NULL);
    if (answer.client_bits != 0)
        must(memmem(offers.data, offers.size, "client_max_window_bits", 22) != NULL);
    if (answer.client_bits != 0)
        must(answer.client_bits <= wish->bits);
    if (wish->takeover && answer.server_no_takeover)
        must(memmem(offers.data, offers.size, "server_no_context_takeover", 26) != NULL);
    if (wish->takeover && answer.client_no_takeover)
        must(memmem(offers.data, offers.size, "client_no_context_takeover", 26) != NULL);
}

/* The fields of a request, as http_parse would have left them. */
static struct text make_fields(struct slice offers)
{
    struct text fields = {0};

    text_add_str(&fields, "Host: a\r\nSec-WebSocket-Extensions: ");
    for (size_t i = 0; i < offers.size; i++) {
        if (offers.data[i] == '\n')
            text_add_str(&fields, "\r\nSec-WebSocket-Extensions: ");
        else if (offers.data[i] != '\r' && offers.data[i] != '\0')
            text_add_byte(&fields, offers.data[i]);
    }
    text_add_str(&fields, "\r\n");
    return fields;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long before = mem_live();
    struct deflate_terms terms = {0};
    struct text answer = {0};

    if (size == 0)
        return 0;
    const struct deflate_wish wish = {.bits = (uint8_t)(9 + data[0] % 7),
                                      .takeover = (data[0] & 0x80) != 0};
    struct slice offers = {(const char *)data + 1, size - 1};
    struct text fields = make_fields(offers);
    const struct http_request request = {.fields = {fields.data, fields.size}};

    if (extension_agree(&request, &wish, &terms, &answer))
        check(answer.data, &wish, &terms, (struct slice){fields.data, fields.size});
    else
        must(answer.size == 0);
    text_free(&answer);
    text_free(&fields);
    must(mem_live() == before);
    return 0;
}
