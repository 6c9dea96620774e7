/*
 * wire/handshake: is this request a WebSocket handshake (RFC 6455, section 4.2.1), and what is its
 * answer.
 *
 * A client that breaks a rule for its handshake is told so at once: what it would do later, with
 * frames, nobody can know.
 */
#include "wire/handshake.h"

#include <string.h>
#include <openssl/evp.h>

#include "wire/extension.h"

#define KEY_SIZE   24 /* 16 bytes in base64 */
#define OFFERS_MAX 64 /* subprotocols; finding one that is there twice takes their square */

/* RFC 6455, section 1.3. */
static const char accept_suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/* The next field of that name. */
static bool find_field(struct slice *rest, struct slice name, struct slice *value)
{
    struct http_field field;

    while (http_next_field(rest, &field)) {
        if (slice_equal_nocase(field.name, name)) {
            *value = field.value;
            return true;
        }
    }
    return false;
}

static bool is_base64(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i], letter = (char)(c | 0x20);

        if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/')
            return false;
    }
    return true;
}

/* 22 digits and two signs of padding. The last digit has four bits to spare, which should be zero:
 * they aren't in the example of RFC 6455, section 4.1, and the key is never decoded. */
static bool is_key(struct slice text)
{
    return text.size == KEY_SIZE && memcmp(text.data + KEY_SIZE - 2, "==", 2) == 0 &&
           is_base64((struct slice){text.data, KEY_SIZE - 2});
}

/* The subprotocols offered, in order, through all fields. */
struct offers {
    struct slice fields; /* not yet looked at */
    struct slice value;  /* what is left of the present one */
};

static bool next_offer(struct offers *offers, struct slice *offer)
{
    while (!http_next_element(&offers->value, offer))
        if (!find_field(&offers->fields, SLICE("Sec-WebSocket-Protocol"), &offers->value))
            return false;
    return true;
}

bool handshake_offers(const struct http_request *request, struct slice subprotocol)
{
    struct offers offers = {.fields = request->fields};
    struct slice offer;

    while (next_offer(&offers, &offer))
        if (slice_equal(offer, subprotocol))
            return true;
    return false;
}

/* Section 4.1, item 10: tokens, and none of them twice. */
static const char *offers_fault(const struct http_request *request)
{
    struct slice seen[OFFERS_MAX], offer;
    struct offers offers = {.fields = request->fields};

    for (unsigned count = 0; next_offer(&offers, &offer); seen[count++] = offer) {
        if (count == OFFERS_MAX)
            return "more than 64 subprotocols offered";
        if (!http_is_token(offer))
            return "a subprotocol that is no token";
        for (unsigned i = 0; i < count; i++)
            if (slice_equal(seen[i], offer))
                return "a subprotocol offered twice";
    }
    return NULL;
}

/* The fields of the handshake itself. Those that may come only once are counted. */
struct findings {
    unsigned keys, versions, protocols;
    struct slice key, version;
    const char *extensions_fault;
};

static void read_field(struct slice name, struct slice value, struct findings *found)
{
    if (slice_equal_nocase(name, SLICE("Key"))) {
        found->key = value;
        found->keys++;
    } else if (slice_equal_nocase(name, SLICE("Version"))) {
        found->version = value;
        found->versions++;
    } else if (slice_equal_nocase(name, SLICE("Protocol"))) {
        found->protocols++;
    } else if (slice_equal_nocase(name, SLICE("Extensions")) && found->extensions_fault == NULL) {
        found->extensions_fault = extension_fault(value);
    }
}

static void read_fields(const struct http_request *request, struct findings *found)
{
    const struct slice prefix = SLICE("Sec-WebSocket-");
    struct slice rest = request->fields;
    struct http_field field;

    while (http_next_field(&rest, &field)) {
        if (field.name.size <= prefix.size)
            continue;

        struct slice begin = {field.name.data, prefix.size};
        if (slice_equal_nocase(begin, prefix))
            read_field((struct slice){begin.data + prefix.size, field.name.size - prefix.size},
                       field.value, found);
    }
}

static unsigned refuse(unsigned status, const char *fault, const char **why)
{
    *why = fault;
    return status;
}

/* A version that is missing gets the same answer as a wrong one: the answer says which is spoken,
 * which is what such a client has to learn. */
unsigned handshake_check(const struct http_request *request, const char **why)
{
    struct findings found = {0};
    const char *fault = NULL;

    if (!slice_equal(request->method, SLICE("GET")))
        return refuse(405, "a handshake whose method is not GET", why);
    if (request->minor == 0)
        return refuse(400, "a handshake in HTTP/1.0", why);
    if (request->body > 0 || request->chunked)
        return refuse(400, "a handshake with a body", why);
    read_fields(request, &found);
    if (found.versions > 1)
        return refuse(400, "a second Sec-WebSocket-Version field", why);
    if (!slice_equal(found.version, SLICE("13")))
        return refuse(426, "a Sec-WebSocket-Version other than 13", why);
    if (found.keys > 1)
        return refuse(400, "a second Sec-WebSocket-Key field", why);
    if (!is_key(found.key))
        return refuse(400, "a Sec-WebSocket-Key that is not 16 bytes in base64", why);
    if (found.extensions_fault != NULL)
        return refuse(400, found.extensions_fault, why);
    if (found.protocols > 0)
        fault = offers_fault(request);
    return fault != NULL ? refuse(400, fault, why) : 0;
}

bool handshake_accept(const struct http_request *request, char accept[HANDSHAKE_ACCEPT_SIZE])
{
    char text[KEY_SIZE + sizeof accept_suffix - 1];
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size;
    struct slice rest = request->fields, key;

    if (!find_field(&rest, SLICE("Sec-WebSocket-Key"), &key) || key.size != KEY_SIZE)
        return false;
    memcpy(text, key.data, KEY_SIZE);
    memcpy(text + KEY_SIZE, accept_suffix, sizeof accept_suffix - 1);
    if (EVP_Digest(text, sizeof text, digest, &size, EVP_sha1(), NULL) != 1)
        return false;
    return EVP_EncodeBlock((uint8_t *)accept, digest, (int)size) == HANDSHAKE_ACCEPT_SIZE - 1;
}
