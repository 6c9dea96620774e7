/*
 * control/door: the name of a control socket in the file system: taken, given back, and taken over
 * from the dead.
 */
#ifndef CONTROL_DOOR_H
#define CONTROL_DOOR_H

#include "control/path.h"

/* Owned by control. */
struct control_door {
    int fd; /* listens, and never blocks */
    char path[CONTROL_PATH_SIZE];
    dev_t device; /* of the name, to know it again */
    ino_t inode;
};

/* False with errno: EADDRINUSE where another server answers there, EEXIST where the name is of
 * something that is no socket. */
bool control_door_open(struct control_door *door, const char *path);
/* Has somebody removed the name? Then nobody finds the way in any more. */
bool control_door_is_lost(const struct control_door *door);
/* The name goes too, unless another server has taken it meanwhile. */
void control_door_close(struct control_door *door);

/* Removes, beside the path, what servers have left that were killed and never started again. One
 * that was made just now may not be listened at yet, and stays. */
void control_door_sweep(const char *path);

#endif
