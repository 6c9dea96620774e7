/*
 * helper_name: has functions that are called like functions of the runtime.
 *
 * Must be seen: it calls its own (the answers are "own log_fields", "own conn_close"), and the
 * runtime goes on calling the runtime's.
 */
#include <sluice/sluice.h>

const char *log_fields(int level, const char *event, const void *fields);
const char *conn_close(void);
int frobnicate(void);
void *mem_alloc(size_t size);
void mem_free(void *memory);

const char *log_fields(int level, const char *event, const void *fields)
{
    (void)level, (void)event, (void)fields;
    return "own log_fields";
}

const char *conn_close(void)
{
    return "own conn_close";
}

/* What missing_library lacks: it must not find it here. */
int frobnicate(void)
{
    return 1;
}

/* If the runtime's bound to these, nothing could be allocated any more. */
void *mem_alloc(size_t size)
{
    (void)size;
    return NULL;
}

void mem_free(void *memory)
{
    (void)memory;
}

static void answer(sluice_conn *ws)
{
    sluice_send_text(ws, log_fields(0, "", NULL));
    sluice_send_text(ws, conn_close());
    sluice_send_text(ws, mem_alloc(1) == NULL ? "own mem_alloc" : "the runtime's mem_alloc");
}

static void on_receive(sluice_conn *ws, const sluice_message *message)
{
    (void)message;
    answer(ws);
}

SLUICE_HANDLER(helper, ws, event)
{
    answer(ws);
}

SLUICE_CONSUMER(.receive = on_receive);
