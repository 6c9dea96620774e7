/*
 * unknown_field: a record with a field that this version does not have, and that asks for
 * something.
 *
 * Must be seen: refused, for it would not be done.
 */
#include <sluice/sluice.h>

extern SLUICE_EXPORT const struct {
    struct sluice_consumer known;
    size_t added;
} longer __asm__("sluice_consumer");

const __typeof__(longer) longer = {
    .known = {.abi = SLUICE_ABI, .size = sizeof(longer), .connect = sluice_accept},
    .added = 1,
};
