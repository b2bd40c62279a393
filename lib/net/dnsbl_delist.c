/* dnsbl_delist.c - see dnsbl_delist.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnsbl_delist.h"

int
ir_dnsbl_todo_add(struct ir_dnsbl_todos *t, const struct ir_dnsbl_zone *z,
    const char *id, const struct ir_dnsbl_result *v, const char *reason,
    struct ir_err *err)
{
	struct ir_dnsbl_todo *d;
	size_t i, used = 0, cap = t->cap ? t->cap * 2 : 16;

	if (t->n == IR_DNSBL_MAX_TODO)
		return ir_fail(err, IR_DATAERR, "more than %d listings",
		    IR_DNSBL_MAX_TODO);
	if (t->n == t->cap) {
		d = realloc(t->v, cap * sizeof *d);
		if (!d)
			return ir_fail(err, IR_OSERR, "no memory");
		t->v = d;
		t->cap = cap;
	}
	d = &t->v[t->n++];
	memset(d, 0, sizeof *d);
	d->zone = z;
	d->severity = v->severity;
	snprintf(d->id, sizeof d->id, "%s", id);
	snprintf(d->reason, sizeof d->reason, "%s", reason);
	for (i = 0; i < v->nhits && used < sizeof d->meanings; i++)
		used += (size_t)snprintf(d->meanings + used,
		    sizeof d->meanings - used, "%s%s", i ? ", " : "",
		    v->hit[i]->meaning);
	return 0;
}

static int
by_effect(const void *pa, const void *pb)
{
	const struct ir_dnsbl_todo *a = pa, *b = pb;
	int c;

	if (a->zone->tier != b->zone->tier)
		return a->zone->tier - b->zone->tier;
	if (a->severity != b->severity)
		return (int)a->severity - (int)b->severity;
	c = strcmp(a->zone->shown, b->zone->shown);
	return c ? c : strcmp(a->id, b->id);
}

void
ir_dnsbl_todo_sort(struct ir_dnsbl_todos *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof *t->v, by_effect);
}

void
ir_dnsbl_todo_free(struct ir_dnsbl_todos *t)
{
	free(t->v);
	memset(t, 0, sizeof *t);
}

/* What holds for every list that says nothing of its own. */
static const char *
steps_of(const struct ir_dnsbl_todo *d)
{
	if (d->zone->steps[0])
		return d->zone->steps;
	if (d->zone->delist[0])
		return "Stop what got it listed, then ask for removal at the "
		    "address given.";
	return "Stop what got it listed; the list names no way to ask for "
	    "removal, entries expire.";
}

void
ir_dnsbl_todo_text(const struct ir_dnsbl_todo *d, size_t order,
    struct ir_buf *out)
{
	ir_buf_fmt(out, "%zu. %s is in %s: %s (severity %s, tier %d)\n",
	    order, d->id, d->zone->shown, d->meanings,
	    ir_dnsbl_severity_word(d->severity), d->zone->tier);
	if (d->reason[0])
		ir_buf_fmt(out, "   It says: %s\n", d->reason);
	ir_buf_fmt(out, "   %s\n", steps_of(d));
	if (d->zone->delist[0])
		ir_buf_fmt(out, "   %s\n", d->zone->delist);
}

struct ir_rec *
ir_dnsbl_todo_record(const struct ir_dnsbl_todo *d, size_t order)
{
	struct ir_rec *rec = ir_rec_new("delist", d->id);
	struct ir_buf text = IR_BUF(8192);

	ir_dnsbl_todo_text(d, order, &text);
	ir_rec_int(rec, "order", (int64_t)order);
	ir_rec_str(rec, "zone", d->zone->shown);
	ir_rec_int(rec, "tier", d->zone->tier);
	ir_rec_str(rec, "severity", ir_dnsbl_severity_word(d->severity));
	ir_rec_str(rec, "meanings", d->meanings);
	ir_rec_str(rec, "reason", d->reason[0] ? d->reason : NULL);
	ir_rec_str(rec, "steps", steps_of(d));
	ir_rec_str(rec, "delist", d->zone->delist[0] ? d->zone->delist :
	    NULL);
	ir_rec_text(rec, "text", ir_buf_cstr(&text));
	ir_buf_free(&text);
	return rec;
}
