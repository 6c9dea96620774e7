/*
 * server/address: how many open connections each address has, of all loops together.
 */
#include "server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/table.h"

/* Whom connections are counted for. Without gaps: all its bytes are the table's key. */
struct address_key {
    uint32_t family;
    uint8_t prefix[8];
};

struct address_entry {
    UT_hash_handle hh;
    struct address_key key;
    unsigned connections; /* never 0 in the table */
};

struct address_table {
    pthread_mutex_t lock;
    struct address_entry *entries;
};

struct address_table *address_table_new(void)
{
    struct address_table *table = mem_zalloc(sizeof *table);

    if (table != NULL)
        pthread_mutex_init(&table->lock, NULL);
    return table;
}

void address_table_free(struct address_table *table)
{
    struct address_entry *entry, *next;

    if (table == NULL)
        return;
    HASH_ITER (hh, table->entries, entry, next) {
        HASH_DEL(table->entries, entry);
        mem_free(entry);
    }
    pthread_mutex_destroy(&table->lock);
    mem_free(table);
}

static struct address_key key_of(const struct sockaddr *peer)
{
    struct address_key key = {.family = AF_INET};

    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;

        memcpy(key.prefix, &v4->sin_addr, sizeof v4->sin_addr);
        return key;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)peer)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        memcpy(key.prefix, v6->s6_addr + 12, sizeof(struct in_addr));
        return key;
    }
    key.family = AF_INET6;
    memcpy(key.prefix, v6->s6_addr, sizeof key.prefix);
    return key;
}

/* The table is locked. NULL: no memory. */
static struct address_entry *entry_of(struct address_table *table, const struct address_key *key)
{
    struct address_entry *entry;

    HASH_FIND(hh, table->entries, key, sizeof *key, entry);
    if (entry != NULL)
        return entry;
    entry = mem_zalloc(sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->key = *key;
    HASH_ADD(hh, table->entries, key, sizeof entry->key, entry);
    if (entry->hh.tbl != NULL)
        return entry;
    mem_free(entry);
    return NULL;
}

enum address_answer address_admit(struct address_table *table, const struct sockaddr *peer,
                                  unsigned most, struct address_entry **entry)
{
    const struct address_key key = key_of(peer);
    enum address_answer answer = ADDRESS_ADMITTED;

    pthread_mutex_lock(&table->lock);
    *entry = entry_of(table, &key);
    if (*entry == NULL)
        answer = ADDRESS_NO_MEMORY;
    else if (most > 0 && (*entry)->connections >= most)
        answer = ADDRESS_FULL; /* so there are some, and the entry is not for nothing */
    else
        (*entry)->connections++;
    pthread_mutex_unlock(&table->lock);
    return answer;
}

void address_leave(struct address_table *table, struct address_entry *entry)
{
    if (entry == NULL)
        return;
    pthread_mutex_lock(&table->lock);
    if (--entry->connections == 0) {
        HASH_DEL(table->entries, entry);
        mem_free(entry);
    }
    pthread_mutex_unlock(&table->lock);
}

unsigned address_count(struct address_table *table)
{
    pthread_mutex_lock(&table->lock);
    unsigned count = HASH_COUNT(table->entries);
    pthread_mutex_unlock(&table->lock);
    return count;
}

void address_text(const struct sockaddr *peer, char text[ADDRESS_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (peer->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)peer;

        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(v4->sin_port));
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)peer;

        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) { /* it came to "*" */
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], host, sizeof host);
            snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(v6->sin6_port));
            return;
        }
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host, ntohs(v6->sin6_port));
    }
}
