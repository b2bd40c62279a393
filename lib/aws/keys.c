/* keys.c - see keys.h */
#include <stdio.h>
#include <string.h>

#include "keys.h"

#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool
ir_key_id_ok(const char *id)
{
	size_t n = strlen(id);

	return n >= 16 && n < IR_KEY_ID && strspn(id, ID_CHARS) == n &&
	    strncmp(id, "AKIA", 4) == 0;
}

static void
copy(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src ? src : "");
}

/* --- lists ------------------------------------------------------------- */

int
ir_keys_read(const struct ir_rec *reply, struct ir_keys *keys,
    struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "AccessKeyMetadata"), *m;
	const char *id, *status;
	struct ir_key *k;
	size_t i;

	for (i = 0; i < ir_rec_len(all); i++) {
		m = ir_rec_item(all, i);
		id = ir_rec_get(m, "AccessKeyId");
		status = ir_rec_get(m, "Status");
		if (!id || !status || strlen(id) >= IR_KEY_ID ||
		    keys->n == IR_KEYS_MAX)
			return ir_fail(err, IR_PROTOCOL,
			    "ListAccessKeys: not understood");
		k = &keys->key[keys->n++];
		copy(k->id, sizeof k->id, id);
		copy(k->status, sizeof k->status, status);
		copy(k->user, sizeof k->user, ir_rec_get(m, "UserName"));
		copy(k->created, sizeof k->created,
		    ir_rec_get(m, "CreateDate"));
	}
	return 0;
}

static int
take_keys(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	return ir_keys_read(reply, arg, err);
}

int
ir_keys_list(struct ir_aws *a, const char *user, struct ir_keys *keys,
    struct ir_err *err)
{
	const struct ir_aws_param p = { "UserName", user };
	struct ir_aws_call c = { .service = "iam",
		.operation = "ListAccessKeys", .params = &p, .nparams = 1 };
	int rc;

	keys->n = 0;
	rc = ir_aws_pages(a, &c, NULL, NULL, take_keys, keys, err);
	ir_aws_call_free(&c);
	return rc;
}

struct ir_key *
ir_keys_find(struct ir_keys *keys, const char *id)
{
	size_t i;

	for (i = 0; i < keys->n; i++)
		if (strcmp(keys->key[i].id, id) == 0)
			return &keys->key[i];
	return NULL;
}

static int
take_users(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *list = ir_rec_at(reply, "Users");
	struct ir_rec *names = arg;
	const char *name;
	size_t i;

	for (i = 0; i < ir_rec_len(list); i++) {
		name = ir_rec_get(ir_rec_item(list, i), "UserName");
		if (ir_rec_len(names) == IR_KEY_USERS_MAX)
			return ir_fail(err, IR_PROTOCOL,
			    "more than %d users", IR_KEY_USERS_MAX);
		if (name)
			ir_rec_push_str(names, name);
	}
	return 0;
}

struct ir_rec *
ir_key_users(struct ir_aws *a, struct ir_err *err)
{
	struct ir_aws_call c = { .service = "iam", .operation = "ListUsers" };
	struct ir_rec *names = ir_rec_array();
	int rc = ir_aws_pages(a, &c, NULL, NULL, take_users, names, err);

	ir_aws_call_free(&c);
	if (rc == 0)
		return names;
	ir_rec_free(names);
	return NULL;
}

/* --- one key ----------------------------------------------------------- */

int
ir_key_last_used(struct ir_aws *a, const char *id, struct ir_key_use *u,
    struct ir_err *err)
{
	const struct ir_aws_param p = { "AccessKeyId", id };
	struct ir_aws_call c = { .service = "iam",
		.operation = "GetAccessKeyLastUsed", .params = &p,
		.nparams = 1 };
	int rc = ir_aws_do(a, &c, err);

	memset(u, 0, sizeof *u);
	if (rc == 0) {
		copy(u->user, sizeof u->user, ir_rec_get(c.reply, "UserName"));
		copy(u->when, sizeof u->when, ir_rec_get(c.reply,
		    "AccessKeyLastUsed.LastUsedDate"));
	}
	/* a key that was never used has "N/A" in the other two */
	if (*u->when) {
		copy(u->region, sizeof u->region, ir_rec_get(c.reply,
		    "AccessKeyLastUsed.Region"));
		copy(u->service, sizeof u->service, ir_rec_get(c.reply,
		    "AccessKeyLastUsed.ServiceName"));
	}
	ir_aws_call_free(&c);
	return rc;
}

int
ir_key_set(struct ir_aws *a, const char *user, const char *id,
    const char *status, struct ir_err *err)
{
	const struct ir_aws_param p[] = { { "UserName", user },
		{ "AccessKeyId", id }, { "Status", status } };
	struct ir_aws_call c = { .service = "iam",
		.operation = "UpdateAccessKey", .params = p, .nparams = 3 };
	int rc = ir_aws_do(a, &c, err);
	struct ir_keys now;
	struct ir_key *k;

	ir_aws_call_free(&c);
	if (rc == 0 || err->code != IR_TEMPFAIL)
		return rc;
	/* the answers may be lost and the work done */
	if (ir_keys_list(a, user, &now, NULL) == 0 &&
	    (k = ir_keys_find(&now, id)) && strcmp(k->status, status) == 0) {
		*err = (struct ir_err)IR_ERR_INIT;
		rc = 0;
	}
	return rc;
}

int
ir_key_create(struct ir_aws *a, const char *user, char id[IR_KEY_ID],
    struct ir_secret *secret, bool *full, struct ir_err *err)
{
	const struct ir_aws_param p = { "UserName", user };
	struct ir_aws_call c = { .service = "iam",
		.operation = "CreateAccessKey", .params = &p, .nparams = 1,
		.not_repeatable = true, .secret_name = "SecretAccessKey",
		.secret = secret };
	const char *s;
	int rc = ir_aws_do(a, &c, err);

	*full = rc && strcmp(c.error_code, "LimitExceeded") == 0;
	if (rc == 0) {
		s = ir_rec_get(c.reply, "AccessKey.AccessKeyId");
		if (s && strlen(s) < IR_KEY_ID && secret->data)
			copy(id, IR_KEY_ID, s);
		else
			rc = ir_fail(err, IR_UNKNOWN,
			    "CreateAccessKey: not understood");
	}
	ir_aws_call_free(&c);
	return rc;
}

int
ir_key_delete(struct ir_aws *a, const char *user, const char *id,
    struct ir_err *err)
{
	const struct ir_aws_param p[] = { { "UserName", user },
		{ "AccessKeyId", id } };
	struct ir_aws_call c = { .service = "iam",
		.operation = "DeleteAccessKey", .params = p, .nparams = 2 };
	int rc = ir_aws_do(a, &c, err);

	if (rc && strcmp(c.error_code, "NoSuchEntity") == 0) {
		*err = (struct ir_err)IR_ERR_INIT;
		rc = 0;
	}
	ir_aws_call_free(&c);
	return rc;
}
