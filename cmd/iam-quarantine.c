/*
 * iam-quarantine - deny a stolen user or role mail and escape, and watch
 *
 * Reads principals (operands, or records on standard input) and what IAM has
 * of them; writes records of type aws-principal (aws-scp with --scp), the
 * incident's journal, and the state that --undo restores.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/principal.h"
#include "aws/scp.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/file.h"
#include "core/secret.h"
#include "core/text.h"
#include "incident/journal.h"
#include "policy/quarantine.h"

#define MAX_WHO 50
#define PAUSE_MS 300
#define GRACE_MS 5000		/* beyond --watch, for the proof */
/* Looks in a row that must agree, and probes with the key. */
#define LOOKS 3
#define PROBES 5
/* How often the deny is put back before it is said that this is in vain. */
#define MAX_UNDONE 10
#define KEY_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct who {
	struct ir_principal p;
	struct ir_buf now;		/* the policy's text as IAM has it */
	bool there;			/* there is one of that name */
	bool ours;			/* and it is this quarantine */
	int64_t since;			/* sessions before that are dead */
	bool wide;			/* with --all, whatever was asked */
	bool knew;			/* the state says quarantined */
	bool change, begun, changed;
	int undone, looks, probes;
	struct ir_rec *keys;		/* of a user, when it began */
	struct ir_rec *new_keys;
	const char *simulated;		/* "denied", "allowed", NULL */
	bool proven;
	char why[200];
	struct ir_scp scp;
	struct ir_err err;
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws_opts;
	bool all, undo, renew, scp, apply_scp;
	const char *policy, *key, *secret_file;
	long watch;
	struct ir_aws *aws;
	struct ir_journal *journal;
	struct ir_state state;
	struct ir_secret secret;
	bool both_sides;		/* the key was known to IAM before */
	char account[13];
	struct ir_principal caller;
	struct who v[MAX_WHO];
	size_t n;
	struct ir_err *err;
};

static const struct ir_cmd cmd = {
	"iam-quarantine", "deny a stolen user or role mail and escape",
	"[-ny] [--all] [--watch S] [--undo] [--scp] principal ..."
};

static const struct ir_col cols[] = {
	{ "id", "PRINCIPAL" }, { "quarantined", "QUARANTINED" },
	{ "was", "WAS" }, { "changed", "CHANGED" }, { "scope", "SCOPE" },
	{ "proof", "PROOF" }, { "undone", "UNDONE" }, { "ok", "OK" },
	{ "why", "WHY" }, { NULL, NULL }
};

static bool
is_user(const struct who *w)
{
	return w->p.kind == IR_PRINCIPAL_USER;
}

static const char *
word(const struct who *w)
{
	return is_user(w) ? "User" : "Role";
}

/* --- who --------------------------------------------------------------- */

/* "user/ops/ses-smtp": kind and name; the path is IAM's to know. */
static int
set_name(struct run *r, struct who *w, const char *kind, const char *name)
{
	const char *base = strrchr(name, '/');

	base = base ? base + 1 : name;
	if (!*base || strlen(base) >= sizeof w->p.name)
		return ir_fail(r->err, IR_DATAERR, "not a name: %s", name);
	w->p.kind = *kind == 'u' ? IR_PRINCIPAL_USER : IR_PRINCIPAL_ROLE;
	snprintf(w->p.name, sizeof w->p.name, "%s", base);
	memcpy(w->p.account, r->account, sizeof w->p.account);
	return 0;
}

/* Whose key it is. */
static int
set_key_owner(struct run *r, struct who *w, const char *id)
{
	struct ir_aws_param p = { "AccessKeyId", id };
	struct ir_aws_call c = { .service = "iam",
	    .operation = "GetAccessKeyLastUsed", .params = &p, .nparams = 1 };
	const char *user;
	int rc = ir_aws_do(r->aws, &c, r->err);

	user = rc ? NULL : ir_rec_get(c.reply, "UserName");
	if (user)
		rc = set_name(r, w, "user", user);
	else if (rc == 0)
		rc = ir_fail(r->err, IR_UNAVAILABLE, "%s: whose?", id);
	ir_aws_call_free(&c);
	return rc;
}

static int
set_who(struct run *r, struct who *w, const char *id)
{
	size_t n = strlen(id);

	if (strncmp(id, "arn:", 4) == 0) {
		if (ir_principal_parse(id, &w->p, r->err)) {
			r->err->code = IR_DATAERR;
			return -1;
		}
		if (w->p.kind == IR_PRINCIPAL_OTHER)
			return ir_fail(r->err, IR_DATAERR,
			    "%s: neither a user nor a role", id);
		return 0;
	}
	if (strncmp(id, "user/", 5) == 0 || strncmp(id, "role/", 5) == 0)
		return set_name(r, w, id, id + 5);
	if (n >= 16 && strncmp(id, "AKIA", 4) == 0 &&
	    strspn(id, KEY_CHARS) == n)
		return set_key_owner(r, w, id);
	ir_fail(r->err, IR_DATAERR, "not a principal: %s", id);
	ir_hint(r->err, "an ARN, user/NAME, role/NAME or an access key id");
	return -1;
}

static int
same_person(const struct ir_principal *a, const struct ir_principal *b)
{
	return a->kind == b->kind && strcmp(a->account, b->account) == 0 &&
	    ir_ascii_ieq(a->name, b->name);
}

static int
add(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct run *r = arg;
	const char *type = ir_rec_get(rec, "type");
	const char *id = ir_rec_get(rec, "id"), *s = ir_rec_get(rec, "arn");
	struct who w = { .p.kind = IR_PRINCIPAL_OTHER,
	    .now = IR_BUF(IR_POLICY_MAX) };
	char user[160];
	size_t i;

	if (type && strcmp(type, "aws-principal") != 0 &&
	    strcmp(type, "aws-scp") != 0 && strcmp(type, "aws-key") != 0 &&
	    strcmp(type, "ses-sender") != 0)
		return ir_fail(err, IR_DATAERR, "not a principal: %s",
		    type);
	if (type && strcmp(type, "aws-key") == 0 && !s &&
	    (s = ir_rec_get(rec, "user")) != NULL) {
		snprintf(user, sizeof user, "user/%s", s);
		s = user;
	}
	if (set_who(r, &w, s ? s : id ? id : ""))
		return -1;
	for (i = 0; i < r->n; i++)
		if (same_person(&r->v[i].p, &w.p))
			return 0;
	if (r->n == MAX_WHO)
		return ir_fail(err, IR_DATAERR,
		    "more than %d principals", MAX_WHO);
	r->v[r->n++] = w;
	return 0;
}

static int
read_selection(struct run *r, char **operands, size_t n)
{
	int rc = ir_in_each(operands, n, add, r, r->err);

	if (rc == 0 && r->n == 0)
		rc = ir_fail(r->err, IR_USAGE, "no principal given");
	if (rc == 0 && r->key && r->n != 1)
		rc = ir_fail(r->err, IR_USAGE,
		    "--key is of one user, not of %zu", r->n);
	return rc;
}

/* Nobody saws off the branch they sit on, nor acts in another account. */
static int
check_selection(struct run *r)
{
	struct who *w;
	size_t i;

	for (i = 0; i < r->n; i++) {
		w = &r->v[i];
		if (same_person(&w->p, &r->caller)) {
			ir_fail(r->err, IR_UNAVAILABLE, "%s is who this "
			    "command acts as: nothing changed", w->p.name);
			ir_hint(r->err, "use another --profile");
			return -1;
		}
		if (r->scp)
			continue;
		if (w->p.kind == IR_PRINCIPAL_ROOT) {
			ir_fail(r->err, IR_DATAERR, "no policy can be "
			    "attached to the root user");
			ir_hint(r->err, "of a member account: --scp");
			return -1;
		}
		if (strcmp(w->p.account, r->account) != 0)
			return ir_fail(r->err, IR_DATAERR, "%s is of account "
			    "%s, the credentials are of %s", w->p.name,
			    w->p.account, r->account);
	}
	return 0;
}

/* --- what IAM has ------------------------------------------------------ */

/* A call on the principal; more parameters follow the name. */
static int
iam(struct run *r, struct who *w, const char *verb, const char *noun,
    const char *name, const char *text, struct ir_aws_call *c,
    struct ir_err *err)
{
	char operation[48], param[16];
	struct ir_aws_param p[] = { { param, w->p.name },
	    { "PolicyName", name }, { "PolicyDocument", text } };
	int rc;

	snprintf(operation, sizeof operation, "%s%s%s", verb, word(w), noun);
	snprintf(param, sizeof param, "%sName", word(w));
	*c = (struct ir_aws_call){ .service = "iam", .operation = operation,
	    .params = p, .nparams = text ? 3 : name ? 2 : 1 };
	rc = ir_aws_do(r->aws, c, err);
	/* what it borrows ends here */
	c->params = NULL;
	c->operation = NULL;
	return rc;
}

/* The ARN with its path; and is there such a principal at all? */
static int
read_arn(struct run *r, struct who *w)
{
	struct ir_aws_call c;
	char path[16];
	const char *arn;
	int rc = iam(r, w, "Get", "", NULL, NULL, &c, &w->err);

	snprintf(path, sizeof path, "%s.Arn", word(w));
	arn = rc ? NULL : ir_rec_get(c.reply, path);
	if (arn && strlen(arn) < sizeof w->p.arn)
		memcpy(w->p.arn, arn, strlen(arn) + 1);
	else if (rc == 0)
		rc = ir_fail(&w->err, IR_PROTOCOL, "Get%s: no ARN", word(w));
	ir_aws_call_free(&c);
	return rc;
}

/* The policy of our name: its stored text into w->now. */
static int
read_policy(struct run *r, struct who *w, struct ir_err *err)
{
	struct ir_aws_call c;
	const char *text;
	int rc = iam(r, w, "Get", "Policy", r->policy, NULL, &c, err);

	ir_buf_trunc(&w->now, 0);
	w->there = w->ours = false;
	if (rc && strcmp(c.error_code, "NoSuchEntity") == 0) {
		*err = (struct ir_err)IR_ERR_INIT;
		rc = 0;
	} else if (rc == 0) {
		text = ir_rec_get(c.reply, "PolicyDocument");
		rc = ir_policy_text(text ? text : "", text ? strlen(text) : 0,
		    &w->now, err);
		w->there = rc == 0;
		/* the wider one does, too: never loosen it in passing */
		w->ours = w->there && ir_quarantine_is(ir_buf_cstr(&w->now),
		    w->now.len, true, &w->since);
		w->wide = w->wide || w->ours;
		if (w->there && !w->ours && !w->wide && !r->all)
			w->ours = ir_quarantine_is(ir_buf_cstr(&w->now),
			    w->now.len, false, &w->since);
	}
	ir_aws_call_free(&c);
	return rc;
}

/* A user's keys: an array of id, status, created. */
static struct ir_rec *
read_keys(struct run *r, struct who *w)
{
	struct ir_aws_param p = { "UserName", w->p.name };
	struct ir_aws_call c = { .service = "iam",
	    .operation = "ListAccessKeys", .params = &p, .nparams = 1 };
	struct ir_rec *all = NULL, *k;
	const struct ir_rec *list, *m;
	size_t i;

	if (ir_aws_do(r->aws, &c, NULL) == 0) {
		all = ir_rec_array();
		list = ir_rec_at(c.reply, "AccessKeyMetadata");
		for (i = 0; list && i < ir_rec_len(list); i++) {
			m = ir_rec_item(list, i);
			k = ir_rec_object();
			ir_rec_str(k, "id", ir_rec_get(m, "AccessKeyId"));
			ir_rec_str(k, "status", ir_rec_get(m, "Status"));
			ir_rec_str(k, "created", ir_rec_get(m, "CreateDate"));
			ir_rec_push(all, k);
		}
	}
	ir_aws_call_free(&c);
	return all;
}

/*
 * Ask IAM something harmless with the stolen key.  1: refused by an explicit
 * deny; 0: known to IAM and not so refused; -1: the key is dead, or nothing
 * can be said.
 */
static int
probe(struct run *r, struct ir_err *err)
{
	struct ir_aws_call c = { .service = "iam", .operation = "GetUser",
	    .key_id = r->key, .key_secret = &r->secret, .fresh = true };
	int rc = ir_aws_do(r->aws, &c, err) ? -1 : 0;

	if (rc < 0 && strncmp(c.error_code, "AccessDenied", 12) == 0)
		rc = strstr(c.err.msg, "explicit deny") ? 1 : 0;
	ir_aws_call_free(&c);
	return rc;
}

static int
check_key(struct run *r, const struct who *w)
{
	struct ir_err err = IR_ERR_INIT;
	int rc;

	if (!r->key || w->err.code)
		return 0;
	rc = probe(r, &err);
	if (rc < 0 && err.code == IR_TEMPFAIL) {
		*r->err = err;
		return -1;
	}
	/* a dead key proves nothing, and is no reason not to go on */
	r->both_sides = rc >= 0;
	if (rc < 0)
		ir_warn(&r->common, "%s proves nothing: %s", r->key, err.msg);
	return 0;
}

/* --- plan -------------------------------------------------------------- */

/* Users and roles may share a name: the entry says which it is. */
static void
state_key(const struct who *w, char out[160])
{
	snprintf(out, 160, "%s/%s", is_user(w) ? "user" : "role", w->p.name);
}

struct lookup {
	const char *key;
	const struct ir_rec *found;
};

static int
match_key(const char *key, const struct ir_rec *val, void *arg)
{
	struct lookup *l = arg;

	if (strcmp(key, l->key) == 0)
		l->found = val;
	return l->found != NULL;
}

/* Names have dots in them: ir_rec_at() would take them for paths. */
static const struct ir_rec *
entry_of(const struct run *r, const struct who *w)
{
	const struct ir_rec *all = ir_rec_at(r->state.rec, "principals");
	char key[160];
	struct lookup l = { key, NULL };

	state_key(w, key);
	if (all)
		(void)ir_rec_each(all, match_key, &l);
	return l.found;
}

/* What was there before, percent-encoded; NULL: no such policy. */
static const char *
before_of(const struct run *r, const struct who *w)
{
	return ir_rec_get(entry_of(r, w), "before");
}

static void
plan_undo(struct run *r, struct who *w)
{
	const char *before = before_of(r, w);
	struct ir_buf b = IR_BUF(IR_POLICY_MAX);

	if (!w->knew) {
		if (w->there && w->ours) {
			ir_fail(&w->err, IR_UNAVAILABLE, "%s: quarantined, "
			    "but nothing was saved for it in %s", w->p.name,
			    r->state.path);
			ir_hint(&w->err, "is it in another --incident?");
		} else {
			snprintf(w->why, sizeof w->why,
			    "nothing was saved for it: left alone");
		}
		return;
	}
	if (!before)
		w->change = w->there;
	else if (ir_policy_text(before, strlen(before), &b, &w->err) == 0)
		w->change = !w->there || b.len != w->now.len ||
		    memcmp(b.data, w->now.data, b.len) != 0;
	if (w->change && w->there && !w->ours)
		ir_warn(&r->common, "%s: %s is not what was put there: its "
		    "text is in the journal", w->p.name, r->policy);
	ir_buf_free(&b);
}

static void
plan_one(struct run *r, struct who *w)
{
	const struct ir_rec *e = entry_of(r, w);
	const char *name = ir_rec_get(e, "policy");

	w->knew = e && ir_rec_get_bool(e, "quarantined", false);
	if (w->knew && name && strcmp(name, r->policy) != 0)
		ir_fail(&w->err, IR_CONFIG, "it is quarantined by the policy "
		    "%s: --policy-name", name);
	else if (r->undo)
		plan_undo(r, w);
	else
		w->change = !w->ours || r->renew;
	if (w->change && !r->undo && is_user(w))
		w->keys = read_keys(r, w);
}

static int
look(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		struct who *w = &r->v[i];

		if (read_arn(r, w) == 0 && read_policy(r, w, &w->err) == 0)
			plan_one(r, w);
	}
	return check_key(r, &r->v[0]);
}

static int
confirm(struct run *r)
{
	const struct who *w = NULL;
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		if (r->v[i].change && !r->v[i].err.code) {
			w = &r->v[i];
			n++;
		}
	if (n == 0 || r->change.dry_run)
		return 0;
	if (n > 1)
		return ir_confirm(&r->change, 1, r->err,
		    r->undo ? "restore %zu principals?" :
		    "quarantine %zu principals?", n);
	if (r->undo)
		return ir_confirm(&r->change, 1, r->err, "give %s back what "
		    "it was before the quarantine?", w->p.arn);
	return ir_confirm(&r->change, 1, r->err, "deny %s %s?", w->p.arn,
	    r->all ? "everything" : "mail, and every way to other "
	    "credentials, rights and machines");
}

/* --- saving ------------------------------------------------------------ */

/* An earlier "before" of one that is quarantined stays what is restored. */
static int
save(struct run *r, struct who *w, bool quarantined)
{
	struct ir_rec *all = ir_rec_copy(ir_rec_at(r->state.rec,
	    "principals")), *e;
	struct ir_aws_call c = { .service = NULL };
	const char *before = before_of(r, w);
	char key[160];

	if (!all)
		all = ir_rec_object();
	state_key(w, key);
	e = ir_rec_object();
	ir_rec_str(e, "arn", w->p.arn);
	ir_rec_str(e, "policy", r->policy);
	ir_rec_bool(e, "quarantined", quarantined);
	ir_rec_time(e, "time", ir_now());
	if (w->knew && before) {
		ir_rec_str(e, "before", before);
	} else if (!w->knew && w->there) {
		/* as IAM words it: the one form without a lossy step */
		if (iam(r, w, "Get", "Policy", r->policy, NULL, &c, r->err)) {
			ir_aws_call_free(&c);
			ir_rec_free(e);
			ir_rec_free(all);
			return -1;
		}
		ir_rec_str(e, "before", ir_rec_get(c.reply,
		    "PolicyDocument"));
		ir_aws_call_free(&c);
	}
	ir_rec_set(all, key, e);
	ir_rec_str(r->state.rec, "account", r->account);
	ir_rec_set(r->state.rec, "principals", all);
	return ir_state_save(&r->state, r->err);
}

static int
journal(struct run *r, struct who *w, const char *event)
{
	struct ir_rec *data = ir_rec_object();

	ir_rec_str(data, "id", w->p.arn);
	ir_rec_str(data, "policy", r->policy);
	ir_rec_bool(data, "undo", r->undo);
	if (w->there)
		ir_rec_text(data, "found", ir_buf_cstr(&w->now));
	if (w->undone)
		ir_rec_int(data, "undone", w->undone);
	if (w->err.code)
		ir_rec_str(data, "why", w->err.msg);
	return ir_journal_add(r->journal, event, data, r->err);
}

/* --- acting ------------------------------------------------------------ */

static int
put(struct run *r, struct who *w, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_QUARANTINE_MAX);
	struct ir_aws_call c;
	int rc;

	w->wide = w->wide || r->all;
	ir_quarantine_document(&b, w->wide, ir_now());
	rc = iam(r, w, "Put", "Policy", r->policy, ir_buf_cstr(&b), &c, err);
	if (rc && strcmp(c.error_code, "LimitExceeded") == 0)
		ir_hint(err, "its other inline policies leave no room: "
		    "--all is the short form");
	else if (rc && strcmp(c.error_code, "UnmodifiableEntity") == 0)
		ir_hint(err, "AWS owns this role: only an organization's "
		    "policy binds it, see --scp");
	ir_aws_call_free(&c);
	ir_buf_free(&b);
	return rc;
}

static int
restore(struct run *r, struct who *w, struct ir_err *err)
{
	const char *before = before_of(r, w);
	struct ir_buf b = IR_BUF(IR_POLICY_MAX);
	struct ir_aws_call c = { .service = NULL };
	int rc;

	if (!before) {
		rc = iam(r, w, "Delete", "Policy", r->policy, NULL, &c, err);
		if (rc && strcmp(c.error_code, "NoSuchEntity") == 0) {
			*err = (struct ir_err)IR_ERR_INIT;
			rc = 0;
		}
	} else {
		rc = ir_policy_text(before, strlen(before), &b, err);
		if (rc == 0)
			rc = iam(r, w, "Put", "Policy", r->policy,
			    ir_buf_cstr(&b), &c, err);
	}
	ir_aws_call_free(&c);
	ir_buf_free(&b);
	return rc;
}

/* 0 also when AWS refused: that is in w->err.  -1: stop. */
static int
change_one(struct run *r, struct who *w)
{
	if (!r->undo && !w->knew && save(r, w, true))
		return -1;
	if (journal(r, w, "iam-quarantine.begin"))
		return -1;
	w->begun = true;
	w->changed = (r->undo ? restore(r, w, &w->err) :
	    put(r, w, &w->err)) == 0;
	return 0;
}

/* Is the text there what was meant, and does it deny what it must? */
static bool
holds(struct run *r, struct who *w, struct ir_err *err)
{
	struct ir_rec *gaps;
	bool well;

	if (read_policy(r, w, err) || !w->ours)
		return false;
	gaps = ir_quarantine_gaps(ir_buf_cstr(&w->now), w->now.len, err);
	well = gaps && ir_rec_len(gaps) == 0;
	ir_rec_free(gaps);
	return well;
}

/*
 * One look.  The deny is gone, or another one: somebody undid it; put it
 * back at once, and begin to count anew.
 */
static void
look_once(struct run *r, struct who *w)
{
	struct ir_err err = IR_ERR_INIT;

	if (holds(r, w, &err)) {
		w->looks++;
	} else if (err.code == 0) {
		w->undone++;
		w->looks = w->probes = 0;
		ir_warn(&r->common, "%s: somebody undid the quarantine: put "
		    "back (%d)", w->p.name, w->undone);
		if (put(r, w, &err))
			w->err = err;
	} else if (err.code != IR_TEMPFAIL) {
		w->err = err;
	}
	if (r->both_sides && !w->err.code)
		w->probes = probe(r, &err) == 1 ? w->probes + 1 : 0;
}

static bool
proven(const struct run *r, const struct who *w)
{
	return w->looks >= LOOKS && (!r->both_sides || w->probes >= PROBES);
}

static void
judge(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		struct who *w = &r->v[i];

		w->proven = w->err.code == 0 && proven(r, w);
		if (w->undone > MAX_UNDONE) {
			w->proven = false;
			ir_fail(&w->err, IR_UNAVAILABLE, "NOT CONTAINED: "
			    "the quarantine was undone %d times", w->undone);
		} else if (!w->err.code && !w->proven) {
			ir_fail(&w->err, IR_TEMPFAIL, "NOT CONTAINED yet: "
			    "the deny is not seen in force");
		}
	}
}

/*
 * Look again and again.  IAM is eventually consistent: for some seconds the
 * principal may still act, and take its own deny away.  Each time it does,
 * the time begins again.
 */
static void
watch(struct run *r)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	int64_t end = ir_mono_ms() + r->watch * 1000;
	bool all, any;
	size_t i;
	int before;

	for (;;) {
		for (i = 0, all = true, any = false; i < r->n; i++) {
			struct who *w = &r->v[i];

			if (w->err.code || w->undone > MAX_UNDONE)
				continue;
			before = w->undone;
			look_once(r, w);
			if (w->undone > before)
				end = ir_mono_ms() + r->watch * 1000;
			all = all && proven(r, w);
			any = any || !w->err.code;
		}
		if (!any || ir_mono_ms() >= end + (all ? 0 : GRACE_MS) ||
		    ir_stopped())
			break;
		nanosleep(&pause, NULL);
	}
	judge(r);
}

/* IAM's own word; not everybody may ask it, and it does not see all. */
static void
simulate(struct run *r, struct who *w)
{
	enum { N = 8 };
	char names[N][40];
	struct ir_aws_param p[N + 1] = { { "PolicySourceArn", w->p.arn } };
	struct ir_aws_call c = { .service = "iam",
	    .operation = "SimulatePrincipalPolicy", .params = p };
	const char *const ask[] = { "ses:SendEmail", "ses:SendRawEmail",
	    "iam:CreateAccessKey", "iam:PutUserPolicy",
	    "iam:DeleteUserPolicy", "iam:CreateUser", "sts:AssumeRole",
	    "ec2:RunInstances" };
	const struct ir_rec *list;
	const char *s;
	size_t i;

	for (i = 0; i < N; i++) {
		snprintf(names[i], sizeof names[i], "ActionNames.member.%zu",
		    i + 1);
		p[i + 1] = (struct ir_aws_param){ names[i], ask[i] };
	}
	c.nparams = N + 1;
	if (ir_aws_do(r->aws, &c, NULL) == 0) {
		w->simulated = "denied";
		list = ir_rec_at(c.reply, "EvaluationResults");
		for (i = 0; i < ir_rec_len(list); i++) {
			s = ir_rec_get(ir_rec_item(list, i), "EvalDecision");
			if (!s || strcmp(s, "explicitDeny") != 0)
				w->simulated = "not denied";
		}
		if (ir_rec_len(list) < N)
			w->simulated = NULL;
	}
	ir_aws_call_free(&c);
}

static bool
among(const struct ir_rec *list, const char *id)
{
	const char *s;
	size_t i;

	for (i = 0; list && i < ir_rec_len(list); i++) {
		s = ir_rec_get(ir_rec_item(list, i), "id");
		if (s && id && strcmp(s, id) == 0)
			return true;
	}
	return false;
}

/* Keys that were made while the deny was on its way. */
static void
compare_keys(struct run *r, struct who *w)
{
	struct ir_rec *now = w->keys ? read_keys(r, w) : NULL;
	const char *id;
	size_t i;

	for (i = 0; now && i < ir_rec_len(now); i++) {
		id = ir_rec_get(ir_rec_item(now, i), "id");
		if (among(w->keys, id))
			continue;
		if (!w->new_keys)
			w->new_keys = ir_rec_array();
		ir_rec_push_str(w->new_keys, id);
		ir_warn(&r->common, "%s: a new key was made meanwhile: %s",
		    w->p.name, id);
	}
	if (now) {
		ir_rec_free(w->keys);
		w->keys = now;
	}
}

/* What was put back is looked at until it is seen so. */
static void
verify_undo(struct run *r, struct who *w)
{
	const struct timespec pause = { 0, PAUSE_MS * 1000000L };
	int64_t end = ir_mono_ms() + 10000;

	while (!w->err.code) {
		w->change = false;
		if (read_policy(r, w, &w->err) == 0)
			plan_undo(r, w);
		if (w->err.code || !w->change)
			break;
		if (ir_mono_ms() > end || ir_stopped()) {
			ir_fail(&w->err, IR_TEMPFAIL,
			    "restored, but IAM does not show it yet");
			break;
		}
		nanosleep(&pause, NULL);
	}
	w->change = true;
}

/* An error that stops it is in r->err; what was done is reported anyway. */
static void
act(struct run *r)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < r->n && rc == 0; i++)
		if (r->v[i].change && !r->v[i].err.code)
			rc = change_one(r, &r->v[i]);
	if (rc == 0 && !r->undo)
		watch(r);
	for (i = 0; i < r->n && rc == 0; i++) {
		struct who *w = &r->v[i];

		if (!r->undo && !w->err.code) {
			simulate(r, w);
			compare_keys(r, w);
		}
		if (r->undo && w->changed)
			verify_undo(r, w);
		if (r->undo && w->knew && !w->err.code)
			rc = save(r, w, false);
		if (rc == 0 && (w->begun || w->undone))
			rc = journal(r, w, "iam-quarantine.end");
	}
}

/* --- an organization's policy ------------------------------------------ */

/* Its name says whom it binds, to a person and to the next run. */
static void
name_scp(struct who *w)
{
	char hash[65];

	ir_sha256_hex(w->p.arn, strlen(w->p.arn), hash);
	snprintf(w->scp.name, sizeof w->scp.name, "quell-quarantine-%.64s-%.8s",
	    w->p.name, hash);
	snprintf(w->scp.target, sizeof w->scp.target, "%.12s", w->p.account);
}

/* A session does not say the path of its role, nor a name its ARN. */
static int
find_arn(struct run *r, struct who *w)
{
	if (*w->p.arn && !*w->p.session)
		return 0;
	if (strcmp(w->p.account, r->account) == 0)
		return read_arn(r, w);
	ir_fail(&w->err, IR_DATAERR, "a session of role %s of another "
	    "account: its ARN is not known", w->p.name);
	ir_hint(&w->err, "give the role's own ARN, with its path");
	return -1;
}

static void
look_scp(struct run *r)
{
	struct ir_buf b = IR_BUF(IR_QUARANTINE_MAX);
	size_t i;

	for (i = 0; i < r->n; i++) {
		struct who *w = &r->v[i];

		if (find_arn(r, w))
			continue;
		name_scp(w);
		ir_buf_trunc(&b, 0);
		ir_quarantine_scp(&b, r->all, w->p.arn);
		if (!r->apply_scp ||
		    ir_scp_allowed(r->aws, r->account, w->scp.target,
		    &w->err) ||
		    ir_scp_find(r->aws, &w->scp, ir_buf_cstr(&b), &w->err))
			continue;
		w->there = w->scp.attached;
		w->change = r->undo ? *w->scp.id != '\0' :
		    !w->scp.attached || !w->scp.same;
	}
	ir_buf_free(&b);
}

static int
confirm_scp(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->v[i].change && !r->v[i].err.code &&
		    ir_confirm_name(&r->change, r->v[i].p.account,
		    "account id", r->err, r->undo ?
		    "this takes the organization's policy against %s away" :
		    "this binds %s by a policy of the organization",
		    r->v[i].p.arn))
			return -1;
	return 0;
}

static void
act_scp(struct run *r)
{
	struct ir_buf b = IR_BUF(IR_QUARANTINE_MAX);
	char text[256];
	size_t i;
	int rc = 0;

	for (i = 0; i < r->n && rc == 0; i++) {
		struct who *w = &r->v[i];

		if (!w->change || w->err.code)
			continue;
		rc = journal(r, w, "iam-quarantine.begin");
		if (rc)
			break;
		ir_buf_trunc(&b, 0);
		ir_quarantine_scp(&b, r->all, w->p.arn);
		snprintf(text, sizeof text, "quell: quarantine of %.200s",
		    w->p.arn);
		w->changed = (r->undo ?
		    ir_scp_remove(r->aws, &w->scp, &w->err) :
		    ir_scp_attach(r->aws, &w->scp, ir_buf_cstr(&b), text,
		    &w->err)) == 0;
		rc = journal(r, w, "iam-quarantine.end");
	}
	ir_buf_free(&b);
}

/* --- saying ------------------------------------------------------------ */

static struct ir_rec *
scp_record(const struct run *r, const struct who *w)
{
	struct ir_rec *rec = ir_rec_new("aws-scp", w->scp.name);
	struct ir_buf b = IR_BUF(IR_QUARANTINE_MAX);
	bool dry = r->change.dry_run;

	ir_quarantine_scp(&b, r->all, w->p.arn);
	ir_rec_str(rec, "arn", w->p.arn);
	ir_rec_str(rec, "account", w->scp.target);
	ir_rec_str(rec, "scope", r->all ? "all" : "mail");
	ir_rec_str(rec, "document", ir_buf_cstr(&b));
	if (r->apply_scp && !w->err.code) {
		ir_rec_bool(rec, "was", w->there);
		ir_rec_bool(rec, "attached", dry && w->change ? !r->undo :
		    w->scp.attached);
		if (*w->scp.id)
			ir_rec_str(rec, "policy_id", w->scp.id);
	}
	ir_buf_free(&b);
	return rec;
}

static struct ir_rec *
record(const struct run *r, const struct who *w)
{
	struct ir_rec *rec = ir_rec_new("aws-principal", *w->p.arn ?
	    w->p.arn : w->p.name);
	bool dry = r->change.dry_run, seen = !w->err.code || w->begun;

	ir_rec_str(rec, "kind", is_user(w) ? "user" : "role");
	ir_rec_str(rec, "name", w->p.name);
	ir_rec_str(rec, "account", w->p.account);
	ir_rec_str(rec, "policy", r->policy);
	if (seen) {
		ir_rec_bool(rec, "was", r->undo ? w->knew : w->knew ||
		    (w->ours && !w->change));
		ir_rec_bool(rec, "quarantined", r->undo ?
		    !w->change && w->ours : dry ? true : w->proven);
	}
	if (!r->undo)
		ir_rec_str(rec, "scope", r->all || w->wide ? "all" : "mail");
	if (w->proven)
		ir_rec_str(rec, "proof", r->both_sides ? "probe" : "policy");
	if (w->simulated)
		ir_rec_str(rec, "simulated", w->simulated);
	if (w->ours && w->since)
		ir_rec_time(rec, "sessions_before", w->since);
	if (w->undone)
		ir_rec_int(rec, "undone", w->undone);
	if (w->keys)
		ir_rec_set(rec, "keys", ir_rec_copy(w->keys));
	if (w->new_keys)
		ir_rec_set(rec, "new_keys", ir_rec_copy(w->new_keys));
	if (!dry && !w->err.code)
		ir_rec_str(rec, "state", r->state.path);
	return rec;
}

static void
report(struct run *r, struct ir_out *out, struct ir_tally *tally)
{
	struct ir_rec *rec;
	bool dry = r->change.dry_run;
	size_t i;

	for (i = 0; i < r->n; i++) {
		struct who *w = &r->v[i];

		rec = r->scp ? scp_record(r, w) : record(r, w);
		ir_rec_bool(rec, "ok", w->err.code == 0);
		ir_rec_bool(rec, "changed", dry ? w->change && !w->err.code :
		    w->changed || w->undone > 0);
		ir_rec_bool(rec, "dry_run", dry);
		if (w->err.code) {
			ir_rec_str(rec, "why", w->err.msg);
			ir_warn(&r->common, "%s: %s", w->p.name, w->err.msg);
			if (*w->err.hint)
				ir_warn(&r->common, "hint: %s", w->err.hint);
		} else if (*w->why) {
			ir_rec_str(rec, "why", w->why);
		}
		if (w->undone > MAX_UNDONE)
			ir_warn(&r->common, "hint: deactivate its keys "
			    "(iam-key-disable), bind it with --scp");
		ir_tally_add(tally, w->err.code);
		ir_out_put(out, rec);
	}
}

/* --- opening ----------------------------------------------------------- */

static void
check_usage(struct run *r, int operands)
{
	if (r->apply_scp)
		r->scp = true;
	if (!r->key != !r->secret_file)
		ir_die_usage("--key and --key-secret-file: both or none");
	if (r->undo && (r->renew || r->key))
		ir_die_usage("--undo: without --renew and --key");
	if (r->scp && (r->renew || r->key))
		ir_die_usage("--scp: without --renew and --key");
	if (r->scp && r->undo && !r->apply_scp)
		ir_die_usage("--undo of an organization's policy: with "
		    "--apply-scp");
	if (r->watch > 86400)
		ir_die_usage("--watch: more than a day");
	if (!operands && isatty(STDIN_FILENO))
		ir_die_usage("no principal, and standard input is a terminal");
}

static int
open_all(struct run *r)
{
	char arn[512];
	const char *of;

	if (r->secret_file &&
	    ir_secret_read_file(&r->secret, r->secret_file, r->err))
		return -1;
	if (ir_aws_open(&r->aws, &r->aws_opts, ir_ask_tty, r->err))
		return -1;
	ir_aws_follow(r->aws, &r->common);
	if (ir_aws_account(r->aws, r->account, arn, r->err) ||
	    ir_principal_parse(arn, &r->caller, r->err) ||
	    (!r->change.dry_run && ir_journal_open(&r->journal,
	    r->change.incident, cmd.name, r->err)))
		return -1;
	if (r->scp)
		return 0;
	if (ir_state_open(&r->state, r->change.incident, cmd.name, r->account,
	    !r->change.dry_run, r->err))
		return -1;
	of = ir_rec_get(r->state.rec, "account");
	if (of && strcmp(of, r->account) != 0) {
		ir_fail(r->err, IR_CONFIG, "%s: is of account %s, the "
		    "credentials are of %s", r->state.path, of, r->account);
		ir_hint(r->err, "one incident directory for each account");
		return -1;
	}
	return 0;
}

static void
close_all(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		ir_buf_free(&r->v[i].now);
		ir_rec_free(r->v[i].keys);
		ir_rec_free(r->v[i].new_keys);
	}
	ir_state_close(&r->state);
	ir_journal_close(r->journal);
	ir_aws_close(r->aws);
	ir_secret_free(&r->secret);
}

/* The whole run after the selection; what failed is in r->err. */
static void
do_all(struct run *r)
{
	if (!r->scp) {
		if (look(r) == 0 && confirm(r) == 0 && !r->change.dry_run)
			act(r);
		return;
	}
	look_scp(r);
	if (r->apply_scp && !r->change.dry_run && confirm_scp(r) == 0)
		act_scp(r);
}

int
main(int argc, char **argv)
{
	static struct run r = { .state = { .lock = -1 }, .watch = 20,
	    .policy = "QuellQuarantine" };
	const struct ir_opt opts[] = {
		{ 0, "all", NULL, IR_BOOL, &r.all, "deny everything" },
		{ 0, "undo", NULL, IR_BOOL, &r.undo,
		    "restore what was there before" },
		{ 0, "renew", NULL, IR_BOOL, &r.renew,
		    "once more: sessions made until now end, too" },
		{ 0, "watch", "SECONDS", IR_SECONDS, &r.watch,
		    "how long to look whether it holds; default: 20" },
		{ 0, "policy-name", "NAME", IR_STR, &r.policy,
		    "of the inline policy; default: QuellQuarantine" },
		{ 0, "key", "ID", IR_STR, &r.key,
		    "stolen key of the user: prove the deny with it" },
		{ 0, "key-secret-file", "FILE", IR_STR, &r.secret_file,
		    "its secret" },
		{ 0, "scp", NULL, IR_BOOL, &r.scp,
		    "print the organization's policy instead" },
		{ 0, "apply-scp", NULL, IR_BOOL, &r.apply_scp,
		    "attach that policy; needs --confirm" },
		IR_OPTS_CHANGE(&r.change), IR_OPTS_AWS(&r.aws_opts),
		IR_OPTS_COMMON(&r.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	struct ir_out *out = NULL;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, n);
	r.err = &err;
	if (open_all(&r) || read_selection(&r, argv + 1, (size_t)n) ||
	    check_selection(&r))
		goto out;
	do_all(&r);
	if (err.code == IR_USAGE || err.code == IR_NO)
		goto out;
	out = ir_open_output(&r.common, cols);
	report(&r, out, &tally);
out:
	close_all(&r);
	return ir_end(&err, out, &tally);
}
