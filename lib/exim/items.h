/*
 * items.h - the messages that a command is to work on, in little memory:
 * 32 bytes for each, a million of them are 32 MB.
 */
#ifndef IR_EXIM_ITEMS_H
#define IR_EXIM_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"
#include "queue.h"

#define IR_ITEMS_MAX 20000000

struct ir_item {
	char id[IR_SPOOL_ID_MAX];
	uint32_t check;		/* of what its record said; 0: nothing */
	uint16_t queue;		/* 1 + ir_queue_index(); 0: not looked for */
	char sub;
	unsigned char said;	/* which fields that were */
};

struct ir_items {
	struct ir_item *v;	/* owned */
	size_t n, cap;
};

/* NULL: 71. */
struct ir_item *ir_items_add(struct ir_items *l, const char *id,
    struct ir_err *err);
void ir_items_free(struct ir_items *l);

/*
 * Add what a record names.  Where it has sender, auth_user, received or
 * recipient_count, the message must still have the same: see
 * ir_item_is().  0, 1 it is passed over ("ok":false), or -1:
 * 65 not a message id.
 */
int ir_items_add_record(struct ir_items *l, const struct ir_rec *rec,
    const char *where, struct ir_err *err);

/* Is that the message that the record described? */
bool ir_item_is(const struct ir_item *it, const struct ir_spool_msg *m);

/* Find its folder among the queues that are chosen. */
bool ir_item_find(struct ir_item *it, struct ir_spool *s,
    struct ir_queue_item *at);

#endif
