/*
 * older_record: a record that ends before the fields that were added later; what stands behind it
 * in memory is no part of it.
 *
 * Must be seen: it loads, and the fields that it does not have are zero.
 */
#include <sluice/sluice.h>

struct older_consumer {
    uint32_t abi;
    uint32_t size;
    void (*connect)(sluice_conn *ws);
    void (*receive)(sluice_conn *ws, const sluice_message *message);
};

/* The macros of the header declare today's struct under this name. */
extern SLUICE_EXPORT const struct {
    struct older_consumer record;
    unsigned char behind[128];
} older __asm__("sluice_consumer");

const __typeof__(older) older = {
    .record = {SLUICE_ABI, sizeof(struct older_consumer), sluice_accept, sluice_send},
    .behind = {[0 ... 127] = 0x5a},
};
