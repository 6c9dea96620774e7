/*
 * server/group: who on this loop is in which group, and which channel name is whose.
 *
 * Both sides of a membership hold it in a list, so joining and leaving cost the same however many
 * there are. A walk over a group's members may be interrupted for turns of the loop, with members
 * coming and going: it holds a place that leaving moves on, and a newcomer is known by the moment
 * of its joining.
 */
#ifndef SERVER_GROUP_H
#define SERVER_GROUP_H

#include "base/table.h"
#include "layer/layer.h"
#include "server/conn.h"

/* Of a worker; its thread only. Owned by the worker's table; goes with its last member. */
struct group {
    UT_hash_handle hh;
    TAILQ_HEAD(, membership) members; /* in the order of joining */
    unsigned member_count;
    struct membership *next; /* the walk's place: the member to be visited next */
    bool walked;             /* a walk is under way */
    size_t name_size;
    char name[];
};

/* Found by its two ends in the worker's table. */
struct membership {
    UT_hash_handle hh;
    struct membership_ends {
        struct group *group;
        struct conn *conn;
    } ends; /* the key */
    TAILQ_ENTRY(membership) in_group;
    LIST_ENTRY(membership) in_conn;
    uint64_t moment; /* of joining: an event that came before it is not for this one */
};

struct channel {
    UT_hash_handle hh;
    struct conn *conn;
    char name[LAYER_CHANNEL_SIZE];
};

enum group_result { GROUP_DONE, GROUP_BAD_NAME, GROUP_NO_MEMORY };

enum group_result group_add(struct conn *conn, struct slice name); /* twice: once */
enum group_result group_discard(struct conn *conn, struct slice name);
void group_leave_all(struct conn *conn); /* the channel's name goes too */

struct group *group_find(struct worker *worker, struct slice name);
/* A walk: begin, next until NULL, end. One at a time for each group. A membership may go as soon as
 * its consumer was called. */
void group_walk_begin(struct group *group);
struct membership *group_walk_next(struct group *group);
void group_walk_end(struct worker *worker, struct group *group);

/* The connection's channel name, made when first asked for; NULL without memory. */
const char *channel_name(struct conn *conn);
struct conn *channel_find(struct worker *worker, struct slice name);

#endif
