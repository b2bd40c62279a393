/* items.c - see items.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "items.h"
#include "select.h"

enum { SAID_SENDER = 1, SAID_USER = 2, SAID_TIME = 4, SAID_COUNT = 8 };

struct ir_item *
ir_items_add(struct ir_items *l, const char *id, struct ir_err *err)
{
	struct ir_item *v = l->v;
	size_t cap;

	if (l->n == l->cap) {
		cap = l->cap ? l->cap * 2 : 1024;
		v = l->n < IR_ITEMS_MAX ? reallocarray(v, cap, sizeof *v) :
		    NULL;
		if (!v) {
			ir_fail(err, IR_OSERR, "no memory for so many");
			return NULL;
		}
		l->v = v;
		l->cap = cap;
	}
	v = &v[l->n++];
	memset(v, 0, sizeof *v);
	snprintf(v->id, sizeof v->id, "%s", id);
	return v;
}

void
ir_items_free(struct ir_items *l)
{
	free(l->v);
	l->v = NULL;
	l->n = l->cap = 0;
}

/* FNV-1a; a NUL between the pieces. */
static uint64_t
add_text(uint64_t h, const char *s)
{
	do
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	while (*s++);
	return h;
}

static uint64_t
add_number(uint64_t h, int64_t n)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", (long long)n);
	return add_text(h, text);
}

static uint32_t
fold(uint64_t h)
{
	return (uint32_t)(h ^ h >> 32);
}

int
ir_items_add_record(struct ir_items *l, const struct ir_rec *rec,
    const char *where, struct ir_err *err)
{
	const char *id = ir_rec_get(rec, "id"), *s;
	uint64_t h = 14695981039346656037u;
	struct ir_item *it;
	int64_t t;

	if (!id || !*id || ir_spool_id_len(id, strlen(id)) != strlen(id))
		return ir_fail(err, IR_DATAERR, "%s: not a message id", where);
	if (!ir_rec_get_bool(rec, "ok", true))
		return 1;	/* malformed, or it failed: nothing to trust */
	it = ir_items_add(l, id, err);
	if (!it)
		return -1;
	if ((s = ir_rec_get(rec, "sender"))) {
		it->said |= SAID_SENDER;
		h = add_text(h, s);
	}
	if ((s = ir_rec_get(rec, "auth_user"))) {
		it->said |= SAID_USER;
		h = add_text(h, s);
	}
	if ((s = ir_rec_get(rec, "received")) && ir_time_parse(s, &t) == 0) {
		it->said |= SAID_TIME;
		h = add_number(h, t);
	}
	if ((t = ir_rec_get_int(rec, "recipient_count", -1)) >= 0) {
		it->said |= SAID_COUNT;
		h = add_number(h, t);
	}
	it->check = it->said ? fold(h) : 0;
	return 0;
}

static uint64_t
add_span(uint64_t h, struct ir_span s)
{
	struct ir_buf b = IR_BUF(IR_SPOOL_TEXT_MAX * 3 + 1);

	ir_spool_recorded(&b, s);
	h = add_text(h, ir_buf_cstr(&b));
	ir_buf_free(&b);
	return h;
}

bool
ir_item_is(const struct ir_item *it, const struct ir_spool_msg *m)
{
	uint64_t h = 14695981039346656037u;

	if (!it->said)
		return true;
	if (it->said & SAID_SENDER)
		h = add_span(h, ir_spool_sender(m));
	if (it->said & SAID_USER)
		h = add_span(h, m->auth_user);
	if (it->said & SAID_TIME)
		h = add_number(h, m->received);
	if (it->said & SAID_COUNT)
		h = add_number(h, (int64_t)m->rcpt_count);
	return fold(h) == it->check;
}

bool
ir_item_find(struct ir_item *it, struct ir_spool *s, struct ir_queue_item *at)
{
	struct ir_queue *q = it->queue ?
	    ir_spool_queue(s, it->queue - 1u) : NULL;

	if (!(q && ir_queue_find(q, it->id, at)) &&
	    !ir_spool_find(s, it->id, at))
		return false;
	it->queue = (uint16_t)(ir_queue_index(at->queue) + 1);
	it->sub = at->sub;
	return true;
}
