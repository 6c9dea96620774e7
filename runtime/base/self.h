/*
 * base/self: this process: the program that it runs, and what the system lets it have.
 */
#ifndef BASE_SELF_H
#define BASE_SELF_H

/* Its path; of one that was removed or replaced meanwhile, a name by which the kernel still finds
 * it. Lasts until the next call; one thread at a time. */
const char *self_program(void);

/* From now on it may have as many descriptors as the system lets it. */
void self_raise_file_limit(void);

#endif
