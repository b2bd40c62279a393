/* sweep.c - the same calls in many regions at once; see client.h */
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define IN_FLIGHT 30		/* each region is another host */

struct sweep {
	const struct ir_aws_sweep *s;
	struct ir_aws_call *calls;	/* region by region */
	size_t n, next;
	bool doubt;		/* a region does not know the key */
};

static struct ir_aws_call *
next(void *arg)
{
	struct sweep *w = arg;

	return w->next < w->n ? &w->calls[w->next++] : NULL;
}

static void
hand_over(struct sweep *w, struct ir_aws_call *c)
{
	size_t i = (size_t)(c - w->calls);

	w->s->answer(c, i / w->s->calls, i % w->s->calls, w->s->arg);
	ir_aws_call_free(c);
}

/* Not the key's fault, perhaps: other regions take it. */
static bool
key_unknown(const struct ir_aws_call *c)
{
	return c->err.code &&
	    (strcmp(c->error_code, "UnrecognizedClientException") == 0 ||
	    strcmp(c->error_code, "InvalidClientTokenId") == 0 ||
	    strcmp(c->error_code, "AuthFailure") == 0);
}

static void
done(struct ir_aws_call *c, void *arg)
{
	struct sweep *w = arg;

	if (key_unknown(c))
		w->doubt = true;
	else
		hand_over(w, c);
}

static bool
opted_out(const struct ir_rec *regions, const char *name)
{
	const char *n, *status;
	size_t i;

	for (i = 0; regions && i < ir_rec_len(regions); i++) {
		n = ir_rec_get(ir_rec_item(regions, i), "regionName");
		status = ir_rec_get(ir_rec_item(regions, i), "optInStatus");
		if (n && status && strcmp(n, name) == 0)
			return strcmp(status, "not-opted-in") == 0;
	}
	return false;
}

/*
 * A region that refused the key may be one that the account never opted
 * into.  Only EC2 can tell; when it does not, the refusal stands.
 */
static void
settle_doubt(struct ir_aws *a, struct sweep *w)
{
	static const struct ir_aws_param all[] = { { "AllRegions", "true" } };
	struct ir_aws_call ask = { .service = "ec2",
		.operation = "DescribeRegions", .params = all, .nparams = 1 };
	const struct ir_rec *regions = NULL;
	size_t i;

	if (ir_aws_do(a, &ask, NULL) == 0)
		regions = ir_rec_at(ask.reply, "regionInfo");
	for (i = 0; i < w->n; i++) {
		if (!key_unknown(&w->calls[i]))
			continue;
		if (opted_out(regions, w->calls[i].region)) {
			w->calls[i].disabled = true;
			w->calls[i].err = (struct ir_err)IR_ERR_INIT;
		}
		hand_over(w, &w->calls[i]);
	}
	ir_aws_call_free(&ask);
}

int
ir_aws_sweep(struct ir_aws *a, const struct ir_aws_sweep *s,
    struct ir_err *err)
{
	struct sweep w = { .s = s, .n = s->n * s->calls };
	const struct ir_aws_feed feed = { .next = next, .done = done,
		.arg = &w, .total = w.n, .parallel = IN_FLIGHT * s->calls };
	size_t i;

	w.calls = calloc(w.n + 1, sizeof *w.calls);
	if (!w.calls)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < w.n; i++) {
		s->ask(&w.calls[i], i / s->calls, i % s->calls, s->arg);
		w.calls[i].region = s->regions[i / s->calls];
	}
	ir_aws_run(a, &feed);
	if (w.doubt)
		settle_doubt(a, &w);
	free(w.calls);
	return 0;
}
