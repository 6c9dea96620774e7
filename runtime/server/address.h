/*
 * server/address: how many open connections each address has, of all loops together.
 *
 * An address is an IPv4 address, or the first half of an IPv6 one: whoever has one of those has
 * 2^64. An IPv4 address written as IPv6 is the IPv4 address. The table is looked at when a
 * connection comes and when it has gone, and not between, so one lock serves all loops.
 *
 * Connections are counted also while no limit is set, so that a limit set by a reload holds at
 * once.
 */
#ifndef SERVER_ADDRESS_H
#define SERVER_ADDRESS_H

#include <sys/socket.h>

struct address_table;
struct address_entry;

enum address_answer { ADDRESS_ADMITTED, ADDRESS_FULL, ADDRESS_NO_MEMORY };

/* Owned by the server. NULL without memory. */
struct address_table *address_table_new(void);
void address_table_free(struct address_table *table); /* all connections gone */

/* Any thread. One connection more of this peer (AF_INET or AF_INET6), if it has fewer than `most`;
 * 0: any number. `entry` is then to be given back with address_leave. */
enum address_answer address_admit(struct address_table *table, const struct sockaddr *peer,
                                  unsigned most, struct address_entry **entry);
void address_leave(struct address_table *table, struct address_entry *entry); /* NULL: nothing */

/* How many addresses have connections. */
unsigned address_count(struct address_table *table);

#define ADDRESS_TEXT_SIZE 64 /* of "[2001:db8::1]:51234", with its zero byte */

/* As people write it, with its port. */
void address_text(const struct sockaddr *peer, char text[ADDRESS_TEXT_SIZE]);

#endif
