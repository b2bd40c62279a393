/* retry.c - see retry.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "retry.h"

#define CAP_MS 20000
#define BASE_BROKEN_MS 50
#define BASE_SLOW_MS 1000
#define ASK_MORE_MS 5000
#define PRICE_BROKEN 14
#define PRICE_SLOW 5
/* Two clocks and a network lie between our second and theirs. */
#define SECOND_MS 1050

int64_t
ir_retry_delay(int attempt, bool throttled, int64_t ask_ms, uint32_t dice)
{
	int64_t t = throttled ? BASE_SLOW_MS : BASE_BROKEN_MS;

	while (--attempt > 0 && t < CAP_MS)
		t *= 2;
	if (t > CAP_MS)
		t = CAP_MS;
	t = (int64_t)((double)t * ((double)dice / (double)UINT32_MAX));
	if (ask_ms > t + ASK_MORE_MS)
		return t + ASK_MORE_MS;
	return ask_ms > t ? ask_ms : t;
}

int
ir_retry_pay(int *tokens, bool throttled)
{
	int price = throttled ? PRICE_SLOW : PRICE_BROKEN;

	if (*tokens < price)
		return 0;
	*tokens -= price;
	return price;
}

void
ir_retry_refund(int *tokens, int price)
{
	*tokens += price ? price : 1;
	if (*tokens > IR_RETRY_TOKENS)
		*tokens = IR_RETRY_TOKENS;
}

/*
 * Sources: CloudTrail API Reference, LookupEvents; SES API v2 Reference and
 * SES API Reference, "no more than once per second" at the operations that
 * are not for sending.
 */
static const struct limit {
	const char *service;
	const char *only;	/* NULL: each operation for itself */
	const char *free;	/* begins the names without a limit; NULL */
	int per_second;
} limits[] = {
	{ "cloudtrail", "LookupEvents", NULL, 2 },
	{ "sesv2", NULL, "Send", 1 },
	{ "ses", NULL, "Send", 1 },
};

static const struct limit *
find_limit(const char *service, const char *operation)
{
	const struct limit *l;
	size_t i;

	for (i = 0; i < sizeof limits / sizeof *limits; i++) {
		l = &limits[i];
		if (strcmp(l->service, service) == 0 &&
		    (!l->only || strcmp(l->only, operation) == 0) &&
		    (!l->free || strncmp(l->free, operation,
		    strlen(l->free)) != 0))
			return l;
	}
	return NULL;
}

/* The slot of this name, or one that no longer matters, or another. */
static struct ir_rate *
find_slot(struct ir_rates *r, const char *what, int64_t now)
{
	struct ir_rate *old = NULL, *v;
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (strcmp(r->v[i].what, what) == 0)
			return &r->v[i];
		if (r->v[i].next <= now)
			old = &r->v[i];
	}
	if (!old && r->n == r->cap) {
		v = realloc(r->v, (r->cap + 32) * sizeof *v);
		if (!v)
			return NULL;
		r->v = v;
		r->cap += 32;
	}
	if (!old)
		old = &r->v[r->n++];
	snprintf(old->what, sizeof old->what, "%s", what);
	old->next = 0;
	return old;
}

int64_t
ir_rate_place(struct ir_rates *r, const char *service, const char *operation,
    const char *region, int64_t now)
{
	const struct limit *l = find_limit(service, operation);
	struct ir_rate *slot;
	char what[160];
	int64_t when;

	if (!l)
		return now;
	snprintf(what, sizeof what, "%s %s %s", service, operation, region);
	slot = find_slot(r, what, now);
	if (!slot)	/* no memory: AWS will say when it is too much */
		return now;
	when = slot->next > now ? slot->next : now;
	slot->next = when + SECOND_MS / l->per_second;
	return when;
}

void
ir_rates_free(struct ir_rates *r)
{
	free(r->v);
	*r = (struct ir_rates){ NULL, 0, 0 };
}
