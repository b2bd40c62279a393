/*
 * iam-keys - every access key of an account: age, last use, status.
 *
 * Reads the credential report for the many, and IAM itself for the keys that
 * the filters select, for those that the report is too old for, and for the
 * root user.  Writes records of type aws-key and aws-root.  Changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/client.h"
#include "aws/credreport.h"
#include "aws/principal.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "aws/userkeys.h"
#include "core/cli.h"
#include "core/names.h"
#include "core/text.h"

#define DAY 86400
#define USERS_MAX 50000
#define NAGIOS_AGE (90 * DAY)
/* The report is made from what IAM knew a little earlier. */
#define OVERLAP 900

struct opts {
	struct ir_common common;
	struct ir_aws_opts aws;
	struct ir_list users;
	long older, unused, wait;
	bool two, root, fresh, nagios, active;
};

struct run {
	struct opts *o;
	struct ir_err *err;
	struct ir_aws *aws;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_principal me;
	int64_t now;
	struct ir_credreport report;	/* time 0: there is none */
	char **user, **arn;		/* all of them */
	size_t n;
	struct ir_names late;		/* given a key since the report */
	struct ir_userkeys *keys;	/* of those who are asked about */
	const struct ir_credreport_row **row;	/* theirs; NULL */
	size_t nkeys;
	size_t calls, found, seen;
	int root_keys, root_mfa;	/* -1: not known */
	struct ir_buf names;		/* for --nagios */
};

/* --- what there is ----------------------------------------------------- */

static int
who_asks(struct run *r)
{
	r->calls++;
	return ir_principal_me(r->aws, &r->me, r->err);
}

static int
take_users(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "Users"), *v;
	struct run *r = arg;
	const char *name, *id;
	size_t i;

	r->calls++;
	for (i = 0; all && ir_rec_kind(all) == IR_REC_ARRAY &&
	    i < ir_rec_len(all); i++) {
		v = ir_rec_item(all, i);
		name = ir_rec_get(v, "UserName");
		id = ir_rec_get(v, "Arn");
		if (!name || !id || r->n == USERS_MAX)
			return ir_fail(err, IR_PROTOCOL,
			    "ListUsers: not understood, or too many");
		r->user[r->n] = strdup(name);
		r->arn[r->n] = strdup(id);
		if (!r->user[r->n] || !r->arn[r->n++])
			return ir_fail(err, IR_OSERR, "no memory");
	}
	return 0;
}

static int
read_users(struct run *r)
{
	static const struct ir_aws_param most[] = { { "MaxItems", "1000" } };
	struct ir_aws_call c = { .service = "iam", .operation = "ListUsers",
		.params = most, .nparams = 1 };

	r->user = calloc(USERS_MAX + 1, sizeof *r->user);
	r->arn = calloc(USERS_MAX + 1, sizeof *r->arn);
	if (!r->user || !r->arn)
		return ir_fail(r->err, IR_OSERR, "no memory");
	return ir_aws_pages(r->aws, &c, NULL, NULL, take_users, r, r->err);
}

/* Without the report, or with --fresh, every user is asked about. */
static int
read_report(struct run *r)
{
	struct ir_err err = IR_ERR_INIT;

	if (r->o->fresh)
		return 0;
	if (ir_credreport_get(r->aws, r->o->wait, &r->report, &r->calls,
	    &err)) {
		r->report.time = 0;
		ir_note(&r->o->common, "%s: asking for each user instead",
		    err.msg);
	}
	return 0;
}

static void
read_root(struct run *r)
{
	struct ir_aws_call c = { .service = "iam",
		.operation = "GetAccountSummary" };
	struct ir_err err = IR_ERR_INIT;

	r->calls++;
	if (ir_aws_do(r->aws, &c, &err))
		ir_warn(&r->o->common, "root user: %s", err.msg);
	ir_root_read(c.reply, &r->root_keys, &r->root_mfa);
	ir_aws_call_free(&c);
}

/* --- who has been given a key since the report ------------------------- */

static int
add_late(struct run *r, const char *name, struct ir_err *err)
{
	return name && ir_names_add(&r->late, name) ?
	    ir_fail(err, IR_OSERR, "no memory") : 0;
}

static int
take_events(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "Events"), *v, *what;
	struct run *r = arg;
	const char *type;
	size_t i, k;

	r->calls++;
	for (i = 0; all && ir_rec_kind(all) == IR_REC_ARRAY &&
	    i < ir_rec_len(all); i++) {
		v = ir_rec_item(all, i);
		/* a user may have made it for itself */
		if (add_late(r, ir_rec_get(v, "Username"), err))
			return -1;
		what = ir_rec_at(v, "Resources");
		for (k = 0; what && ir_rec_kind(what) == IR_REC_ARRAY &&
		    k < ir_rec_len(what); k++) {
			type = ir_rec_get(ir_rec_item(what, k),
			    "ResourceType");
			if (type && strcmp(type, "AWS::IAM::User") == 0 &&
			    add_late(r, ir_rec_get(ir_rec_item(what, k),
			    "ResourceName"), err))
				return -1;
		}
	}
	return 0;
}

/*
 * One call or two instead of one for each user.  CloudTrail is some minutes
 * late and not always allowed: who needs to be sure has --fresh.
 */
static void
read_trail(struct run *r)
{
	struct ir_rec *in, *list, *one;
	struct ir_aws_call c = { .service = "cloudtrail",
		.operation = "LookupEvents",
		.region = strcmp(r->me.partition, "aws-us-gov") == 0 ?
		"us-gov-west-1" : "us-east-1" };
	struct ir_err err = IR_ERR_INIT;

	if (!r->report.time || strcmp(r->me.partition, "aws-cn") == 0)
		return;
	in = ir_rec_object();
	list = ir_rec_array();
	one = ir_rec_object();
	ir_rec_str(one, "AttributeKey", "EventName");
	ir_rec_str(one, "AttributeValue", "CreateAccessKey");
	ir_rec_push(list, one);
	ir_rec_set(in, "LookupAttributes", list);
	ir_rec_int(in, "StartTime", r->report.time - OVERLAP);
	c.json = in;
	if (ir_aws_pages(r->aws, &c, NULL, NULL, take_events, r, &err))
		ir_warn(&r->o->common, "%s: keys made since the credential "
		    "report are not known (--fresh)", err.msg);
	ir_rec_free(in);
}

/* --- choosing ---------------------------------------------------------- */

static bool
filtered(const struct opts *o)
{
	return o->older || o->unused || o->two || o->users.n || o->active;
}

static bool
old_enough(const struct run *r, int64_t created)
{
	return !r->o->older || (created && r->now - created >= r->o->older);
}

/* A key that was never used is as unused as it is old. */
static bool
unused_enough(const struct run *r, int64_t created, int64_t used)
{
	int64_t since = used ? used : created;

	return !r->o->unused || (since && r->now - since >= r->o->unused);
}

/* Could one of its keys be selected, by what the report says? */
static bool
row_fits(const struct run *r, const struct ir_credreport_row *row)
{
	const struct ir_credreport_key *k;
	size_t i;

	if (r->o->two && !(row->key[0].active && row->key[1].active))
		return false;
	for (i = 0; i < IR_CREDREPORT_KEYS; i++) {
		k = &row->key[i];
		if (k->there && (k->active || !r->o->active) &&
		    old_enough(r, k->created) &&
		    unused_enough(r, k->created, k->used))
			return true;
	}
	return false;
}

static bool
named(const struct opts *o, const char *name)
{
	size_t i;

	for (i = 0; i < o->users.n; i++)
		if (strcmp(o->users.v[i], name) == 0)
			return true;
	return o->users.n == 0;
}

static int
choose(struct run *r)
{
	const struct ir_credreport_row *row;
	struct ir_userkeys *u;
	size_t i;

	r->keys = calloc(r->n + 1, sizeof *r->keys);
	r->row = calloc(r->n + 1, sizeof *r->row);
	if (!r->keys || !r->row)
		return ir_fail(r->err, IR_OSERR, "no memory");
	for (i = 0; i < r->n; i++) {
		row = r->report.time ? ir_credreport_find(&r->report,
		    r->arn[i]) : NULL;
		if (!named(r->o, r->user[i]) || (row && !row_fits(r, row) &&
		    !ir_names_have(&r->late, r->user[i])))
			continue;
		u = &r->keys[r->nkeys];
		u->user = r->user[i];
		u->want_keys = true;
		r->row[r->nkeys++] = row;
	}
	for (i = 0; i < r->o->users.n && r->nkeys < r->o->users.n; i++) {
		size_t k;

		for (k = 0; k < r->n; k++)
			if (strcmp(r->user[k], r->o->users.v[i]) == 0)
				break;
		if (k == r->n)
			return ir_fail(r->err, IR_UNAVAILABLE,
			    "%s: no such user", r->o->users.v[i]);
	}
	return 0;
}

/* --- keys -------------------------------------------------------------- */

/*
 * The report does not say which key is which, but when each was made.  Two
 * made in the same second cannot be told apart.
 */
static const struct ir_credreport_key *
slot_of(const struct ir_credreport_row *row, const struct ir_userkey *k)
{
	const struct ir_credreport_key *found = NULL;
	size_t i;

	for (i = 0; row && i < IR_CREDREPORT_KEYS; i++)
		if (row->key[i].there && row->key[i].created == k->created) {
			if (found)
				return NULL;
			found = &row->key[i];
		}
	return found;
}

/* The report's word for the last use, unless the key would be selected. */
static void
use_report(struct run *r)
{
	const struct ir_credreport_key *slot;
	struct ir_userkeys *u;
	size_t i, k;

	for (i = 0; i < r->nkeys; i++) {
		u = &r->keys[i];
		u->want_use = true;
		for (k = 0; k < u->n; k++) {
			slot = slot_of(r->row[i], &u->key[k]);
			if (!slot || (r->o->unused && unused_enough(r,
			    slot->created, slot->used)))
				continue;
			u->key[k].use_known = true;
			u->key[k].used = slot->used;
			memcpy(u->key[k].service, slot->service,
			    sizeof slot->service);
			memcpy(u->key[k].region, slot->region,
			    sizeof slot->region);
		}
	}
}

static int
read_keys(struct run *r)
{
	size_t i;

	if (ir_userkeys_read(r->aws, r->keys, r->nkeys, &r->calls, r->err))
		return -1;
	use_report(r);
	if (ir_userkeys_read(r->aws, r->keys, r->nkeys, &r->calls, r->err))
		return -1;
	for (i = 0; i < r->nkeys; i++) {
		ir_tally_add(&r->tally, r->keys[i].err.code);
		if (r->keys[i].err.code)
			ir_warn(&r->o->common, "%s: %s", r->keys[i].user,
			    r->keys[i].err.msg);
	}
	return 0;
}

static bool
is_active(const struct ir_userkey *k)
{
	return strcmp(k->status, "Active") == 0;
}

static size_t
active_of(const struct ir_userkeys *u)
{
	size_t i, n = 0;

	for (i = 0; i < u->n; i++)
		n += is_active(&u->key[i]);
	return n;
}

static bool
selected(const struct run *r, const struct ir_userkeys *u,
    const struct ir_userkey *k)
{
	return (!r->o->active || is_active(k)) && old_enough(r, k->created) &&
	    (!r->o->unused || (k->use_known &&
	    unused_enough(r, k->created, k->used))) &&
	    (!r->o->two || active_of(u) > 1);
}

static void
say_key(struct run *r, size_t i, const struct ir_userkey *k)
{
	const struct ir_userkeys *u = &r->keys[i];
	struct ir_rec *rec = ir_rec_new("aws-key", k->id);
	int64_t since = k->used ? k->used : k->created;

	ir_rec_str(rec, "user", u->user);
	ir_userkey_fields(k, rec);
	if (k->created)
		ir_rec_int(rec, "age_days", (r->now - k->created) / DAY);
	if (k->use_known && since)
		ir_rec_int(rec, "unused_days", r->now > since ?
		    (r->now - since) / DAY : 0);
	ir_rec_int(rec, "active_keys", (int64_t)active_of(u));
	if (r->report.time) {
		ir_rec_bool(rec, "in_report", slot_of(r->row[i], k) != NULL);
		ir_rec_time(rec, "report_time", r->report.time);
	}
	ir_out_put(r->out, rec);
}

static void
say_root(const struct run *r)
{
	const struct ir_credreport_row *row = NULL;
	char arn[64];
	struct ir_rec *rec;
	size_t i;

	snprintf(arn, sizeof arn, "arn:%.20s:iam::%.12s:root",
	    r->me.partition, r->me.account);
	if (r->report.time)
		row = ir_credreport_find(&r->report, arn);
	rec = ir_rec_new("aws-root", arn);
	if (r->root_keys >= 0)
		ir_rec_int(rec, "active_keys", r->root_keys);
	else
		ir_rec_null(rec, "active_keys");
	if (r->root_mfa >= 0)
		ir_rec_bool(rec, "mfa", r->root_mfa > 0);
	else
		ir_rec_null(rec, "mfa");
	for (i = 0; row && i < IR_CREDREPORT_KEYS; i++)
		if (row->key[i].used) {
			ir_rec_time(rec, "last_used", row->key[i].used);
			ir_rec_str(rec, "last_used_service",
			    row->key[i].service);
		}
	if (r->root_keys > 0)
		ir_rec_str(rec, "why", "the root user should have no keys: "
		    "nothing in IAM limits it");
	ir_out_put(r->out, rec);
}

static void
report(struct run *r)
{
	const struct ir_userkey *k;
	size_t i, n;

	if (r->out && (r->o->root || !filtered(r->o)))
		say_root(r);
	else if (r->out && r->root_keys > 0)
		ir_warn(&r->o->common, "the root user has keys (--root)");
	for (i = 0; i < r->nkeys; i++)
		for (n = 0; n < r->keys[i].n; n++) {
			k = &r->keys[i].key[n];
			r->seen++;
			if (!selected(r, &r->keys[i], k))
				continue;
			if (r->found++ < 20)
				ir_buf_fmt(&r->names, "%s%s (%s)",
				    r->found > 1 ? ", " : "", k->id,
				    r->keys[i].user);
			if (r->out)
				say_key(r, i, k);
		}
	ir_note(&r->o->common, "%zu calls: %zu users, %zu asked about, %zu "
	    "keys selected", r->calls, r->n, r->nkeys, r->found);
}

/* Nagios: one line, and 0 fine, 1 warning, 2 critical, 3 unknown. */
static int
nagios(struct run *r)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };
	int state = r->err->code ? 3 : r->root_keys > 0 ? 2 : r->found ? 1 :
	    r->tally.failed || r->root_keys < 0 ? 3 : 0;

	printf("KEYS %s - ", word[state]);
	if (r->err->code)
		printf("%s", r->err->msg);
	else if (r->root_keys > 0)
		printf("the root user has keys%s", r->found ? "; " : "");
	if (r->found)
		printf("%zu selected: %s%s", r->found,
		    ir_buf_cstr(&r->names), r->found > 20 ? ", ..." : "");
	else if (!r->err->code && r->root_keys <= 0)
		printf("%zu users, none of their keys selected", r->n);
	if (r->tally.failed)
		printf(", %zu not read", r->tally.failed);
	printf(" | selected=%zu users=%zu root=%d\n", r->found, r->n,
	    r->root_keys > 0 ? r->root_keys : 0);
	return state;
}

static void
free_run(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		free(r->user[i]);
		free(r->arn[i]);
	}
	free(r->user);
	free(r->arn);
	ir_names_free(&r->late);
	free(r->keys);
	free(r->row);
	ir_buf_free(&r->names);
	ir_credreport_free(&r->report);
	ir_aws_close(r->aws);
}

static int
run(struct run *r)
{
	if (who_asks(r))
		return -1;
	read_root(r);
	if (r->o->root && !filtered(r->o)) {
		r->o->fresh = true;
		return 0;
	}
	if (read_users(r) || read_report(r))
		return -1;
	read_trail(r);
	return choose(r) || read_keys(r);
}

static const struct ir_cmd command = {
	"iam-keys", "access keys of an account: age, last use, status",
	"[options]"
};

static const struct ir_col cols[] = {
	{ "id", "KEY" }, { "user", "USER" }, { "status", "STATUS" },
	{ "created", "CREATED" }, { "age_days", "DAYS" },
	{ "last_used", "LAST USED" }, { "last_used_service", "FOR" },
	{ "last_used_region", "IN" }, { "active_keys", "ACTIVE" },
	{ "why", "WHY" }, { NULL, NULL }
};

int
main(int argc, char **argv)
{
	static struct opts o = { .wait = 10 };
	const struct ir_opt opts[] = {
		{ 0, "older-than", "TIME", IR_SECONDS, &o.older,
		    "made so long ago or longer: 90d" },
		{ 0, "unused", "TIME", IR_SECONDS, &o.unused,
		    "not used for so long: 90d" },
		{ 0, "two-active", NULL, IR_BOOL, &o.two,
		    "of users who have two active keys" },
		{ 0, "active", NULL, IR_BOOL, &o.active, "active keys only" },
		{ 0, "user", "NAME", IR_LIST, &o.users,
		    "of this user only; several" },
		{ 0, "root", NULL, IR_BOOL, &o.root,
		    "the root user as well; alone: only that" },
		{ 0, "fresh", NULL, IR_BOOL, &o.fresh,
		    "ask about every user: no credential report" },
		{ 0, "report-wait", "SECONDS", IR_SECONDS, &o.wait,
		    "wait for the credential report; default: 10" },
		{ 0, "nagios", NULL, IR_BOOL, &o.nagios,
		    "one line, and exit 0, 1, 2 or 3 as a plugin" },
		IR_OPTS_AWS(&o.aws), IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .o = &o, .err = &err, .tally = IR_TALLY_INIT,
		.now = ir_now(), .names = IR_BUF(8192), .root_keys = -1 };
	int code, state = 0;

	ir_begin(&command);
	if (ir_parse(argc, argv, opts, &o.common))
		ir_die_usage("no operands: --user names a user");
	if (o.nagios && !filtered(&o))
		o.older = NAGIOS_AGE;
	if (!o.nagios)
		r.out = ir_open_output(&o.common, cols);
	if (ir_aws_open(&r.aws, &o.aws, ir_ask_tty, &err))
		goto out;
	ir_aws_follow(r.aws, &o.common);
	if (run(&r) == 0)
		report(&r);
out:
	if (o.nagios)
		state = nagios(&r);
	code = ir_end(&err, r.out, &r.tally);
	free_run(&r);
	return o.nagios && code != IR_IOERR ? state : code;
}
