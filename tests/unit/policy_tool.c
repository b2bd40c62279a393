/*
 * policy_tool.c - evaluates what it reads, for tests/policy.bats.
 *
 * Not a unit test of its own: with an empty standard input it does nothing.
 * Each line is {"policies": [...], "boundary": ..., "action": "",
 * "resource": "", "context": {key: [values]}}; the answer is a line with
 * allowed, explicitDeny, implicitDeny, unknown, or refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

#define MAX 16

struct one {
	struct ir_policy *p[MAX], *boundary;
	struct ir_policy_key keys[MAX];
	const char *values[MAX][MAX];
	struct ir_policy_request r;
	size_t n;
};

static struct ir_policy *
parsed(const struct ir_rec *v)
{
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_policy *p;

	ir_rec_json(v, &b);
	if (ir_policy_parse(&p, "p", ir_buf_cstr(&b), b.len, NULL))
		p = NULL;
	ir_buf_free(&b);
	return p;
}

static int
add_key(const char *key, const struct ir_rec *v, void *arg)
{
	struct one *o = arg;
	struct ir_policy_key *k = &o->keys[o->r.nkeys];
	size_t i;

	if (o->r.nkeys == MAX)
		return -1;
	for (i = 0; i < ir_rec_len(v) && i < MAX; i++)
		o->values[o->r.nkeys][i] = ir_rec_cstr(ir_rec_item(v, i));
	*k = (struct ir_policy_key){ key, o->values[o->r.nkeys], i };
	o->r.nkeys++;
	return 0;
}

static const char *
answer(const struct ir_rec *in, struct one *o)
{
	static const char *const words[] = {
		[IR_POLICY_NONE] = "implicitDeny",
		[IR_POLICY_ALLOWED] = "allowed",
		[IR_POLICY_DENIED] = "explicitDeny",
		[IR_POLICY_UNKNOWN] = "unknown",
	};
	const struct ir_rec *all = ir_rec_at(in, "policies");
	struct ir_policy_set set = { .identity = o->p };
	char why[IR_POLICY_WHY];

	for (; set.n < ir_rec_len(all) && set.n < MAX; set.n++) {
		o->p[set.n] = parsed(ir_rec_item(all, set.n));
		if (!o->p[set.n])
			return "refused";
	}
	if (ir_rec_has(in, "boundary")) {
		set.boundary = o->boundary = parsed(ir_rec_at(in, "boundary"));
		if (!o->boundary)
			return "refused";
	}
	o->r.action = ir_rec_get(in, "action");
	o->r.resource = ir_rec_get(in, "resource");
	o->r.keys = o->keys;
	ir_rec_each(ir_rec_at(in, "context"), add_key, o);
	return words[ir_policy_decide(&set, &o->r, why)];
}

int
main(void)
{
	char *line = NULL;
	struct one o;
	struct ir_rec *in;
	size_t cap = 0, i;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		memset(&o, 0, sizeof o);
		in = ir_rec_parse_raw(line, (size_t)n - 1, NULL);
		puts(in ? answer(in, &o) : "refused");
		for (i = 0; i < MAX; i++)
			ir_policy_free(o.p[i]);
		ir_policy_free(o.boundary);
		ir_rec_free(in);
	}
	free(line);
	return 0;
}
