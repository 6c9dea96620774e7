/*
 * longer_record: a record with a field that this version does not have, left at zero.
 *
 * Must be seen: it loads.
 */
#include <sluice/sluice.h>

extern SLUICE_EXPORT const struct {
    struct sluice_consumer known;
    void (*added)(void);
} longer __asm__("sluice_consumer");

const __typeof__(longer) longer = {
    .known = {.abi = SLUICE_ABI, .size = sizeof(longer), .connect = sluice_accept},
};
