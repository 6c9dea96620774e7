/*
 * wire/extension: the extensions that a client offers, and what is agreed on (RFC 6455, section 9;
 * RFC 7692, sections 5 and 7.1).
 *
 * The list is read in one place, whoever asks: each extension that is read becomes a struct offer,
 * which also says whether it is one that can be had. That a list can't be read is a fault of the
 * client's; that an offer can't be had is none.
 */
#include "wire/extension.h"

#include "wire/deflate.h"

#define BITS_LEAST 8
#define BITS_MOST  15
#define VALUE_MAX  2 /* bytes of the longest value that means something */

/* One extension of the list, as permessage-deflate. */
struct offer {
    bool ours; /* it is permessage-deflate, and can be had */
    bool server_no_takeover, client_no_takeover;
    bool has_server_bits, has_client_bits; /* the parameters are there */
    uint8_t server_bits, client_bits;      /* 15 where nothing else is said */
};

/* Of a parameter: without its quotes and backslashes. */
struct value {
    bool given;
    char text[VALUE_MAX];
    size_t size; /* VALUE_MAX + 1: it is longer */
};

/* A mark, and blanks around it. */
static bool take_mark(struct slice *text, char mark)
{
    struct slice trimmed = slice_trim(*text);

    if (!slice_take_byte(&trimmed, mark))
        return false;
    *text = slice_trim(trimmed);
    return true;
}

static void add_to_value(struct value *value, struct slice token)
{
    for (size_t i = 0; i < token.size && value->size <= VALUE_MAX; i++) {
        if (value->size < VALUE_MAX)
            value->text[value->size] = token.data[i];
        value->size++;
    }
}

/* A token, quoted or not (RFC 6455, section 9.1: what is quoted has to be a token too). */
static bool take_value(struct slice *text, struct value *value)
{
    value->given = true;
    if (!slice_take_byte(text, '"')) {
        struct slice token = http_take_token(text);

        add_to_value(value, token);
        return token.size > 0;
    }
    do {
        slice_take_byte(text, '\\');

        struct slice byte = {text->data, text->size > 0};
        if (!http_is_token(byte))
            return false;
        add_to_value(value, byte);
        slice_take_byte(text, byte.data[0]);
    } while (!slice_take_byte(text, '"'));
    return true;
}

static bool read_flag(const struct value *value, bool *flag)
{
    if (*flag || value->given)
        return false;
    *flag = true;
    return true;
}

/* A decimal number without leading zeros. */
static bool read_bits(const struct value *value, bool *given, uint8_t *bits)
{
    unsigned number = 0;

    if (*given || value->size == 0 || value->size > VALUE_MAX || value->text[0] == '0')
        return false;
    for (size_t i = 0; i < value->size; i++) {
        if (value->text[i] < '0' || value->text[i] > '9')
            return false;
        number = number * 10 + (unsigned)(value->text[i] - '0');
    }
    *given = true;
    *bits = (uint8_t)number;
    return number >= BITS_LEAST && number <= BITS_MOST;
}

/* False: with this parameter the offer can't be had (RFC 7692, section 7.1). */
static bool read_parameter(struct offer *offer, struct slice name, const struct value *value)
{
    if (slice_equal(name, SLICE("server_no_context_takeover")))
        return read_flag(value, &offer->server_no_takeover);
    if (slice_equal(name, SLICE("client_no_context_takeover")))
        return read_flag(value, &offer->client_no_takeover);
    if (slice_equal(name, SLICE("server_max_window_bits")))
        return read_bits(value, &offer->has_server_bits, &offer->server_bits);
    if (slice_equal(name, SLICE("client_max_window_bits"))) {
        if (!value->given)
            return read_flag(value, &offer->has_client_bits);
        return read_bits(value, &offer->has_client_bits, &offer->client_bits);
    }
    return false;
}

/* False: that is no list of extensions. */
static bool take_extension(struct slice *text, struct offer *offer)
{
    struct slice name = http_take_token(text);

    *offer = (struct offer){.server_bits = BITS_MOST, .client_bits = BITS_MOST};
    offer->ours = slice_equal(name, SLICE("permessage-deflate"));
    if (name.size == 0)
        return false;
    while (take_mark(text, ';')) {
        struct value value = {0};

        name = http_take_token(text);
        if (name.size == 0)
            return false;
        if (take_mark(text, '=') && !take_value(text, &value))
            return false;
        offer->ours = offer->ours && read_parameter(offer, name, &value);
    }
    *text = slice_trim(*text);
    return text->size == 0 || text->data[0] == ',';
}

/* RFC 6455, section 9.1: whatever it is that a client offers, a list that can't be read fails. */
const char *extension_fault(struct slice value)
{
    struct offer offer;

    while (value.size > 0)
        if (!take_mark(&value, ',') && !take_extension(&value, &offer))
            return "a Sec-WebSocket-Extensions that is no list of extensions";
    return NULL;
}

/* The first offer of one field that can be had. */
static bool find_offer(struct slice value, struct offer *offer)
{
    while (value.size > 0) {
        if (take_mark(&value, ','))
            continue;
        if (!take_extension(&value, offer))
            return false;
        if (offer->ours)
            return true;
    }
    return false;
}

static uint8_t smaller(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

/* A client that names no client_max_window_bits might not be able to use less than 15, and may not
 * be told to. Each of the others the server may choose for itself. */
static void settle(const struct offer *offer, const struct deflate_wish *wish,
                   struct deflate_terms *terms)
{
    terms->server_takeover = wish->takeover && !offer->server_no_takeover;
    terms->client_takeover = wish->takeover && !offer->client_no_takeover;
    terms->server_bits = smaller(offer->server_bits, wish->bits);
    terms->client_bits = BITS_MOST;
    if (offer->has_client_bits)
        terms->client_bits = smaller(offer->client_bits, wish->bits);
}

static void write_answer(const struct offer *offer, const struct deflate_terms *terms,
                         struct text *answer)
{
    text_add_str(answer, "permessage-deflate");
    if (!terms->server_takeover)
        text_add_str(answer, "; server_no_context_takeover");
    if (!terms->client_takeover)
        text_add_str(answer, "; client_no_context_takeover");
    if (offer->has_server_bits)
        text_addf(answer, "; server_max_window_bits=%u", terms->server_bits);
    if (terms->client_bits < BITS_MOST)
        text_addf(answer, "; client_max_window_bits=%u", terms->client_bits);
}

bool extension_agree(const struct http_request *request, const struct deflate_wish *wish,
                     struct deflate_terms *terms, struct text *answer)
{
    struct slice rest = request->fields;
    struct http_field field;
    struct offer offer;

    if (!deflate_available())
        return false;
    while (http_next_field(&rest, &field)) {
        if (!slice_equal_nocase(field.name, SLICE("Sec-WebSocket-Extensions")) ||
            !find_offer(field.value, &offer))
            continue;
        settle(&offer, wish, terms);
        write_answer(&offer, terms, answer);
        return true;
    }
    return false;
}
