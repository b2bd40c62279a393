/* ingress.c - see ingress.h */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/cli.h"
#include "ingress.h"

#define REGIONS 64
#define VERIFY_TRIES 8

struct page {
	struct ir_rec *points;		/* owned */
};

static int
take(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *list = ir_rec_at(reply, "IngressPoints");
	struct page *p = arg;
	size_t i;

	(void)err;
	for (i = 0; i < ir_rec_len(list); i++)
		ir_rec_push(p->points, ir_rec_copy(ir_rec_item(list, i)));
	return 0;
}

/* Where its password is kept, if not in Mail Manager itself. */
static struct ir_rec *
look(struct ir_aws *a, const char *region, const char *id)
{
	struct ir_rec *in = ir_rec_object(), *reply;
	struct ir_aws_call c = { .service = "mailmanager",
		.operation = "GetIngressPoint", .region = region,
		.json = in };

	ir_rec_str(in, "IngressPointId", id);
	(void)ir_aws_do(a, &c, NULL);
	reply = c.reply;
	c.reply = NULL;
	ir_aws_call_free(&c);
	ir_rec_free(in);
	return reply;
}

static void
give(struct ir_aws *a, const char *region, const struct ir_rec *points,
    void (*fn)(const struct ir_ingress *p, void *arg), void *arg)
{
	const struct ir_rec *one;
	struct ir_ingress p;
	struct ir_rec *more;
	size_t i;

	for (i = 0; i < ir_rec_len(points); i++) {
		one = ir_rec_item(points, i);
		p = (struct ir_ingress){ .region = region,
			.id = ir_rec_get(one, "IngressPointId"),
			.name = ir_rec_get(one, "IngressPointName"),
			.status = ir_rec_get(one, "Status"),
			.type = ir_rec_get(one, "Type"),
			.record = ir_rec_get(one, "ARecord") };
		if (!p.id || !p.type || !p.status)
			continue;
		more = strcmp(p.type, "AUTH") == 0 ?
		    look(a, region, p.id) : NULL;
		p.secret = ir_rec_get(more,
		    "IngressPointAuthConfiguration.SecretArn");
		fn(&p, arg);
		ir_rec_free(more);
	}
}

int
ir_ingress_each(struct ir_aws *a, const char *const *regions, size_t n,
    void (*fn)(const struct ir_ingress *p, void *arg),
    void (*failed)(const char *region, const struct ir_err *why, void *arg),
    void *arg, struct ir_err *err)
{
	struct ir_aws_call c[REGIONS] = { 0 };
	struct ir_aws_paging paging[REGIONS] = { 0 };
	struct page page[REGIONS];
	struct ir_rec *in = ir_rec_object();
	size_t i;

	if (!in)
		return ir_fail(err, IR_OSERR, "no memory");
	if (n > REGIONS)
		n = REGIONS;
	for (i = 0; i < n; i++) {
		page[i].points = ir_rec_array();
		paging[i] = (struct ir_aws_paging){ .fn = take,
			.arg = &page[i] };
		c[i] = (struct ir_aws_call){ .service = "mailmanager",
			.operation = "ListIngressPoints", .json = in,
			.region = regions[i], .pages = &paging[i] };
	}
	(void)ir_aws_do_many(a, c, n, 0);
	for (i = 0; i < n; i++) {
		if (c[i].err.code)
			failed(regions[i], &c[i].err, arg);
		give(a, regions[i], page[i].points, fn, arg);
		ir_rec_free(page[i].points);
		ir_aws_call_free(&c[i]);
	}
	ir_rec_free(in);
	return 0;
}

static bool
shows(struct ir_aws *a, const char *region, const char *id, const char *want)
{
	struct ir_rec *r = look(a, region, id);
	const char *status = ir_rec_get(r, "Status");
	bool so = status && strcmp(status, want) == 0;

	ir_rec_free(r);
	return so;
}

int
ir_ingress_set(struct ir_aws *a, const char *region, const char *id,
    bool open, struct ir_err *err)
{
	struct timespec pause = { 0, 100 * 1000 * 1000 };
	const char *want = open ? "ACTIVE" : "CLOSED";
	struct ir_rec *in = ir_rec_object();
	struct ir_aws_call c = { .service = "mailmanager",
		.operation = "UpdateIngressPoint", .region = region,
		.json = in };
	int rc, tries;

	ir_rec_str(in, "IngressPointId", id);
	ir_rec_str(in, "StatusToUpdate", want);
	rc = ir_aws_do(a, &c, err);
	ir_aws_call_free(&c);
	ir_rec_free(in);
	for (tries = 0; rc == 0 && tries < VERIFY_TRIES && !ir_stopped();
	    tries++) {
		if (shows(a, region, id, want))
			return 0;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 800000000)
			pause.tv_nsec *= 2;
	}
	return rc ? rc : ir_fail(err, IR_TEMPFAIL,
	    "%s: asked for, but GetIngressPoint does not show it", id);
}
