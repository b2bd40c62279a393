/* userkeys.c - see userkeys.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "userkeys.h"

enum what { KEYS, MFA, LOGIN, USE };

/* One call about one user, or about one of its keys. */
struct asked {
	struct ir_aws_call call;	/* first */
	struct ir_aws_param param;
	struct ir_userkeys *user;
	struct ir_userkey *key;
	enum what what;
};

struct feed {
	struct asked *asked;
	size_t n, next;
};

static struct ir_aws_call *
next(void *arg)
{
	struct feed *f = arg;

	return f->next < f->n ? &f->asked[f->next++].call : NULL;
}

static void
take_keys(struct ir_userkeys *u, const struct ir_rec *reply)
{
	const struct ir_rec *all = ir_rec_at(reply, "AccessKeyMetadata"), *v;
	const char *id, *status, *created;
	struct ir_userkey *k;
	size_t i, n;

	u->listed = true;
	n = all && ir_rec_kind(all) == IR_REC_ARRAY ? ir_rec_len(all) : 0;
	for (i = 0; i < n; i++) {
		v = ir_rec_item(all, i);
		id = ir_rec_get(v, "AccessKeyId");
		status = ir_rec_get(v, "Status");
		created = ir_rec_get(v, "CreateDate");
		if (!id || !status || strlen(id) > 128 ||
		    u->n == IR_USERKEYS) {
			ir_fail(&u->err, IR_PROTOCOL,
			    "ListAccessKeys: not understood");
			u->listed = false;
			return;
		}
		k = &u->key[u->n++];
		memset(k, 0, sizeof *k);
		snprintf(k->id, sizeof k->id, "%s", id);
		snprintf(k->status, sizeof k->status, "%s", status);
		if (!created || ir_time_parse(created, &k->created))
			k->created = 0;
	}
}

/* "N/A" where there is none. */
static void
copy(char *out, size_t size, const struct ir_rec *reply, const char *path)
{
	const char *s = ir_rec_get(reply, path);

	snprintf(out, size, "%s", s && strcmp(s, "N/A") != 0 ? s : "");
}

static void
take_use(struct ir_userkey *k, const struct ir_rec *reply)
{
	const char *when = ir_rec_get(reply, "AccessKeyLastUsed.LastUsedDate");

	k->use_known = true;
	if (!when || ir_time_parse(when, &k->used))
		k->used = 0;
	copy(k->service, sizeof k->service, reply,
	    "AccessKeyLastUsed.ServiceName");
	copy(k->region, sizeof k->region, reply, "AccessKeyLastUsed.Region");
}

static void
take(struct asked *q)
{
	struct ir_userkeys *u = q->user;
	const struct ir_aws_call *c = &q->call;
	const struct ir_rec *list;

	if (q->what == LOGIN && strcmp(c->error_code, "NoSuchEntity") == 0) {
		u->password_known = true;
	} else if (c->err.code) {
		if (!u->err.code)
			u->err = c->err;
	} else if (q->what == KEYS) {
		take_keys(u, c->reply);
	} else if (q->what == USE) {
		take_use(q->key, c->reply);
	} else if (q->what == MFA) {
		list = ir_rec_at(c->reply, "MFADevices");
		u->mfa_known = true;
		u->mfa = list && ir_rec_kind(list) == IR_REC_ARRAY &&
		    ir_rec_len(list);
	} else {
		u->password_known = u->password = true;
	}
}

static void
done(struct ir_aws_call *c, void *arg)
{
	struct asked *q = (struct asked *)(void *)c;

	(void)arg;
	take(q);
	ir_aws_call_free(c);
}

static void
add(struct feed *f, struct ir_userkeys *u, enum what what,
    struct ir_userkey *key)
{
	static const char *const operation[] = { "ListAccessKeys",
		"ListMFADevices", "GetLoginProfile", "GetAccessKeyLastUsed" };
	struct asked *q = &f->asked[f->n++];

	q->user = u;
	q->key = key;
	q->what = what;
	q->param = (struct ir_aws_param){ key ? "AccessKeyId" : "UserName",
		key ? key->id : u->user };
	q->call = (struct ir_aws_call){ .service = "iam",
		.operation = operation[what], .params = &q->param,
		.nparams = 1 };
}

static void
run(struct ir_aws *a, struct feed *f, size_t *calls)
{
	const struct ir_aws_feed feed = { .next = next, .done = done,
		.arg = f, .total = f->n, .parallel = 16 };

	if (f->n)
		ir_aws_run(a, &feed);
	*calls += f->n;
	f->n = f->next = 0;
}

int
ir_userkeys_read(struct ir_aws *a, struct ir_userkeys *u, size_t n,
    size_t *calls, struct ir_err *err)
{
	struct feed f = { .n = 0 };
	size_t i, k;

	f.asked = calloc(n * IR_USERKEYS + 1, sizeof *f.asked);
	if (!f.asked)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < n; i++) {
		if (u[i].want_keys && !u[i].listed)
			add(&f, &u[i], KEYS, NULL);
		if (u[i].want_login && !u[i].mfa_known)
			add(&f, &u[i], MFA, NULL);
		if (u[i].want_login && !u[i].password_known)
			add(&f, &u[i], LOGIN, NULL);
	}
	run(a, &f, calls);
	for (i = 0; i < n; i++)
		for (k = 0; u[i].want_use && k < u[i].n; k++)
			if (!u[i].key[k].use_known)
				add(&f, &u[i], USE, &u[i].key[k]);
	run(a, &f, calls);
	free(f.asked);
	return 0;
}

void
ir_userkey_fields(const struct ir_userkey *k, struct ir_rec *rec)
{
	ir_rec_str(rec, "status", k->status);
	if (k->created)
		ir_rec_time(rec, "created", k->created);
	if (!k->use_known)
		return;
	if (!k->used) {
		ir_rec_null(rec, "last_used");
		return;
	}
	ir_rec_time(rec, "last_used", k->used);
	if (*k->region)
		ir_rec_str(rec, "last_used_region", k->region);
	if (*k->service)
		ir_rec_str(rec, "last_used_service", k->service);
}

/* 0 to 9, and what is more is 9. */
static int
summary_of(const struct ir_rec *reply, const char *name)
{
	const struct ir_rec *all = ir_rec_at(reply, "SummaryMap"), *v;
	const char *key, *value;
	size_t i;

	if (!all || ir_rec_kind(all) != IR_REC_ARRAY)
		return -1;
	for (i = 0; i < ir_rec_len(all); i++) {
		v = ir_rec_item(all, i);
		key = ir_rec_get(v, "key");
		value = ir_rec_get(v, "value");
		if (key && value && strcmp(key, name) == 0 && *value &&
		    !value[strspn(value, "0123456789")])
			return value[1] ? 9 : value[0] - '0';
	}
	return -1;
}

void
ir_root_read(const struct ir_rec *summary, int *keys, int *mfa)
{
	*keys = summary ? summary_of(summary, "AccountAccessKeysPresent") : -1;
	*mfa = summary ? summary_of(summary, "AccountMFAEnabled") : -1;
}
