/*
 * server/group: who on this loop is in which group, and which channel name is whose.
 *
 * The layer is told of a group when its first member on this loop joins, and when the last one
 * leaves; all in between is this loop's own business.
 */
#include "server/group.h"

#include <string.h>

#include "base/mem.h"
#include "server/server.h"

/* ---- Groups --------------------------------------------------------------------------------- */

struct group *group_find(struct worker *worker, struct slice name)
{
    struct group *group;

    HASH_FIND(hh, worker->groups, name.data, name.size, group);
    return group;
}

static struct slice group_name(const struct group *group)
{
    return (struct slice){group->name, group->name_size};
}

static struct group *group_new(struct worker *worker, struct slice name)
{
    struct group *group = mem_zalloc(sizeof *group + name.size + 1);

    if (group == NULL)
        return NULL;
    TAILQ_INIT(&group->members);
    group->name_size = name.size;
    memcpy(group->name, name.data, name.size);
    HASH_ADD_KEYPTR(hh, worker->groups, group->name, group->name_size, group);
    if (group->hh.tbl != NULL && layer_group_join(worker->server->layer, worker->loop, name))
        return group;
    if (group->hh.tbl != NULL)
        HASH_DEL(worker->groups, group);
    mem_free(group);
    return NULL;
}

static void group_free_if_empty(struct worker *worker, struct group *group)
{
    if (group->member_count > 0 || group->walked)
        return;
    layer_group_leave(worker->server->layer, worker->loop, group_name(group));
    HASH_DEL(worker->groups, group);
    mem_free(group);
}

/* ---- Memberships ---------------------------------------------------------------------------- */

static struct membership *membership_find(struct conn *conn, struct group *group)
{
    struct membership_ends ends = {group, conn};
    struct membership *membership;

    HASH_FIND(hh, conn->worker->memberships, &ends, sizeof ends, membership);
    return membership;
}

static bool membership_new(struct conn *conn, struct group *group)
{
    struct worker *worker = conn->worker;
    struct membership *membership = mem_zalloc(sizeof *membership);

    if (membership == NULL)
        return false;
    membership->ends = (struct membership_ends){group, conn};
    HASH_ADD(hh, worker->memberships, ends, sizeof membership->ends, membership);
    if (membership->hh.tbl == NULL) {
        mem_free(membership);
        return false;
    }
    membership->moment = ++worker->moment;
    TAILQ_INSERT_TAIL(&group->members, membership, in_group);
    LIST_INSERT_HEAD(&conn->memberships, membership, in_conn);
    group->member_count++;
    return true;
}

static void membership_free(struct membership *membership)
{
    struct group *group = membership->ends.group;
    struct worker *worker = membership->ends.conn->worker;

    if (group->next == membership)
        group->next = TAILQ_NEXT(membership, in_group);
    TAILQ_REMOVE(&group->members, membership, in_group);
    LIST_REMOVE(membership, in_conn);
    HASH_DEL(worker->memberships, membership);
    mem_free(membership);
    group->member_count--;
    group_free_if_empty(worker, group);
}

enum group_result group_add(struct conn *conn, struct slice name)
{
    if (!layer_group_valid(name))
        return GROUP_BAD_NAME;
    struct worker *worker = conn->worker;
    struct group *group = group_find(worker, name);
    if (group == NULL)
        group = group_new(worker, name);
    if (group == NULL)
        return GROUP_NO_MEMORY;
    if (membership_find(conn, group) != NULL || membership_new(conn, group))
        return GROUP_DONE;
    group_free_if_empty(worker, group);
    return GROUP_NO_MEMORY;
}

enum group_result group_discard(struct conn *conn, struct slice name)
{
    if (!layer_group_valid(name))
        return GROUP_BAD_NAME;
    struct group *group = group_find(conn->worker, name);
    struct membership *membership = group != NULL ? membership_find(conn, group) : NULL;
    if (membership != NULL)
        membership_free(membership);
    return GROUP_DONE;
}

void group_leave_all(struct conn *conn)
{
    struct membership *membership;

    while ((membership = LIST_FIRST(&conn->memberships)) != NULL)
        membership_free(membership);
    if (conn->channel == NULL || conn->channel->hh.tbl == NULL)
        return;
    layer_channel_shut(conn->worker->server->layer, conn->channel->name);
    HASH_DEL(conn->worker->channels, conn->channel);
}

/* ---- Walking -------------------------------------------------------------------------------- */

void group_walk_begin(struct group *group)
{
    group->walked = true;
    group->next = TAILQ_FIRST(&group->members);
}

struct membership *group_walk_next(struct group *group)
{
    struct membership *membership = group->next;

    if (membership != NULL)
        group->next = TAILQ_NEXT(membership, in_group);
    return membership;
}

void group_walk_end(struct worker *worker, struct group *group)
{
    group->walked = false;
    group->next = NULL;
    group_free_if_empty(worker, group);
}

/* ---- Channels ------------------------------------------------------------------------------- */

static struct channel *channel_new(struct conn *conn)
{
    struct worker *worker = conn->worker;
    struct channel *channel = mem_zalloc(sizeof *channel);

    if (channel == NULL)
        return NULL;
    channel->conn = conn;
    if (!layer_new_channel(worker->server->layer, channel->name))
        goto fail;
    if (conn_left(conn)) /* a name for its last callbacks; nothing sent to it arrives */
        return channel;
    HASH_ADD_STR(worker->channels, name, channel);
    if (channel->hh.tbl == NULL)
        goto fail;
    if (layer_channel_open(worker->server->layer, worker->loop, channel->name))
        return channel;
    HASH_DEL(worker->channels, channel);
fail:
    mem_free(channel);
    return NULL;
}

const char *channel_name(struct conn *conn)
{
    if (conn->channel == NULL)
        conn->channel = channel_new(conn);
    return conn->channel != NULL ? conn->channel->name : NULL;
}

struct conn *channel_find(struct worker *worker, struct slice name)
{
    struct channel *channel;

    HASH_FIND(hh, worker->channels, name.data, name.size, channel);
    return channel != NULL ? channel->conn : NULL;
}
