/*
 * smtp-probe - do these SMTP credentials work here, and if not, why?
 *
 * Reads mail servers or SES regions, one a line (or operands), and one
 * credential; asks each server with it, several times if told so; writes a
 * record of type smtp-probe for each.  With --data it sends a mail; with
 * --relay-test it asks whether a server is an open relay, without any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/smtp_file.h"
#include "core/cli.h"
#include "core/text.h"
#include "net/smtp_probe.h"
#include "report/region.h"
#include "vault/credential.h"
#include "vault/vault.h"

#define SES_ENDPOINT "email-smtp.{region}.amazonaws.com:587"
#define FOREIGN_FROM "relay-test@simulator.amazonses.com"
#define MAX_ENDPOINTS 64
#define MAX_COUNT 1000
#define MAX_KEPT 100		/* answers that a record holds */
#define STEP_MS 10000
#define YOUNG_S 120		/* a new key may need as long to be known */
#define CERT_DAYS 14		/* --nagios warns */

struct endpoint {
	char host[256], region[64], before[24];
	int port;
	struct ir_secret password;
};

struct probe {
	struct ir_common common;
	struct ir_change change;	/* only confirm is an option here */
	struct ir_aws_opts aws;
	struct ir_vault_opts vault;
	const char *credentials, *name;	/* a file, or a name in the vault */
	const char *tls, *template, *from, *to, *expect, *domain;
	long count, interval, wait;
	bool no_auth, data, nagios, relay;

	struct endpoint ep[MAX_ENDPOINTS];
	size_t n;
	struct ir_credential cred;
	struct ir_buf file;		/* of the lookup form */
	char user[257];
	int64_t created;		/* of the key; 0: not known */
	enum ir_smtp_verdict want;
	int64_t deadline;		/* of --timeout; 0: none */
	struct ir_out *out;
	size_t good, bad, undecided, lost;
	struct ir_buf line;		/* --nagios */
	int state;
};

struct said {
	enum ir_smtp_verdict verdict;
	int code;
	int64_t ms;
};

/* What was seen at one server. */
struct run {
	struct ir_smtp_answer answer;	/* the last */
	struct said said[MAX_KEPT];	/* the last ones, in a ring */
	enum ir_smtp_verdict judged[MAX_COUNT], verdict;
	size_t kept, asked, row;	/* kept: how many judged[] holds */
	struct ir_err err;		/* of the last */
	bool ok, young;
};

static const struct ir_cmd cmd = {
	"smtp-probe", "do these SMTP credentials work here, and if not, why?",
	"[options] [host[:port] | region ...]"
};

static const struct ir_col cols[] = {
	{ "id", "SERVER" }, { "region", "REGION" }, { "user", "USER" },
	{ "verdict", "VERDICT" }, { "kind", "KIND" }, { "stage", "STAGE" },
	{ "code", "CODE" }, { "row", "ROW" }, { "ok", "OK" },
	{ "why", "WHY" }, { "text", "TEXT" }, { NULL, NULL }
};

/* --- servers --------------------------------------------------------- */

static bool
is_region(const char *s)
{
	return *s && ir_region_code(s, strlen(s)) == strlen(s);
}

/* SES's own hosts say which region they are: email-smtp.REGION.... */
static void
region_of(struct endpoint *e)
{
	const char *p = strchr(e->host, '.');
	size_t n = p ? strcspn(p + 1, ".") : 0;

	if (e->region[0] || !p || n >= sizeof e->region ||
	    (strncmp(e->host, "email-smtp.", 11) != 0 &&
	    strncmp(e->host, "email-smtp-fips.", 16) != 0))
		return;
	if (ir_region_code(p + 1, n) == n) {
		memcpy(e->region, p + 1, n);
		e->region[n] = '\0';
	}
}

static int
add_endpoint(struct probe *p, const char *id, const char *region,
    struct endpoint **added, struct ir_err *err)
{
	struct endpoint *e = &p->ep[p->n];
	bool ses = is_region(id);

	if (p->n == MAX_ENDPOINTS)
		return ir_fail(err, IR_DATAERR, "more than %d servers",
		    MAX_ENDPOINTS);
	memset(e, 0, sizeof *e);
	e->port = p->relay ? 25 : 587;
	if (ses)
		region = id;
	if (region && strlen(region) < sizeof e->region)
		snprintf(e->region, sizeof e->region, "%s", region);
	if (ir_smtp_endpoint(ses ? p->template : id, region, e->host,
	    sizeof e->host, &e->port, err))
		return ir_fail(err, IR_DATAERR,
		    "not HOST[:PORT] and not a region: %.100s", id);
	region_of(e);
	if (added)
		*added = e;
	p->n++;
	return 0;
}

/*
 * A record of an earlier probe brings along what was seen then: a refusal
 * means more when the same was accepted before.
 */
static int
add_record(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct probe *p = arg;
	const char *id = ir_rec_get(rec, "id");
	const char *region = ir_rec_get(rec, "region");
	const char *user = ir_rec_get(rec, "user");
	const char *verdict = ir_rec_get(rec, "verdict");
	struct endpoint *e;

	if (!id)
		return ir_fail(err, IR_DATAERR, "no \"id\"");
	if (p->relay && is_region(id))
		return ir_fail(err, IR_DATAERR,
		    "--relay-test wants a host, not a region: %s", id);
	if (region && !is_region(region))
		return ir_fail(err, IR_DATAERR, "not a region: %.60s", region);
	if (add_endpoint(p, id, region ? region : p->aws.region, &e, err))
		return -1;
	if (user && verdict && strcmp(user, p->user) == 0 &&
	    strlen(verdict) < sizeof e->before)
		snprintf(e->before, sizeof e->before, "%s", verdict);
	return 0;
}

static int
read_endpoints(struct probe *p, char **operands, size_t n, struct ir_err *err)
{
	int rc;

	if (n == 0 && p->aws.region && !p->relay)
		return add_endpoint(p, p->aws.region, NULL, NULL, err);
	rc = ir_in_each(operands, n, add_record, p, err);
	if (rc == 0 && p->n == 0)
		return ir_fail(err, IR_USAGE, "no servers");
	return rc;
}

/* --- the credential --------------------------------------------------- */

/* A block, or the file that a mail server looks them up in. */
static int
read_credentials(struct probe *p, struct ir_err *err)
{
	bool in = strcmp(p->credentials, "-") == 0;
	const char *v;
	size_t n;

	if (in ? ir_buf_read_fd(&p->file, STDIN_FILENO, "credential", err) :
	    ir_smtp_file_read(p->credentials, &p->file, err))
		return -1;
	if (ir_smtp_file_find(ir_buf_cstr(&p->file), p->file.len, "user", &v,
	    &n)) {
		if (n >= sizeof p->user)
			return ir_fail(err, IR_DATAERR, "user: too long");
		memcpy(p->user, v, n);
		return 0;
	}
	if (ir_credential_parse(&p->cred, ir_buf_cstr(&p->file), p->file.len,
	    NULL, err)) {
		ir_fail_prefix(err, "%s", in ? "standard input" :
		    p->credentials);
		return -1;
	}
	return 0;
}

static int
read_vault(struct probe *p, struct ir_err *err)
{
	const struct ir_vault_item *item;
	struct ir_vault *v;
	int rc;

	p->vault.aws = &p->aws;
	p->vault.common = &p->common;
	p->vault.ask = ir_ask_tty;
	p->vault.look = true;
	if (ir_vault_open(&v, &p->vault, false, err))
		return -1;
	rc = ir_vault_get(v, p->name, 0, &p->cred, err);
	item = ir_vault_item(v, p->name, 0);
	if (item)
		p->created = item->created;
	ir_vault_close(v);
	if (rc && err->code == IR_NO)
		err->code = IR_NOINPUT;
	return rc;
}

/* What a block says of the key itself. */
static int
look_at_credential(struct probe *p, struct ir_err *err)
{
	const struct ir_secret *user = ir_credential_get(&p->cred, "username");
	const struct ir_secret *made = ir_credential_get(&p->cred, "created");

	if (p->user[0])
		return 0;
	if (!user || !user->len || user->len >= sizeof p->user)
		return ir_fail(err, IR_DATAERR,
		    "credential: no usable username");
	memcpy(p->user, user->data, user->len);
	if (made && made->data && ir_time_parse(made->data, &p->created))
		return ir_fail(err, IR_DATAERR,
		    "credential: created: not a time of RFC 3339");
	return 0;
}

static int
read_passwords(struct probe *p, struct ir_err *err)
{
	struct endpoint *e;
	int rc;

	for (e = p->ep; e < p->ep + p->n; e++) {
		if (p->cred.n == 0)
			rc = ir_smtp_file_password(&p->file, e->region,
			    &e->password, err);
		else
			rc = ir_credential_password(&p->cred, e->region[0] ?
			    e->region : NULL, &e->password, err);
		if (rc) {
			ir_fail_prefix(err, "%s", e->host);
			if (!e->region[0])
				ir_hint(err, "--region says whose password");
			return -1;
		}
	}
	return 0;
}

static int
take_credential(struct probe *p, struct ir_err *err)
{
	if (p->relay || p->no_auth)
		return 0;
	if (p->name ? read_vault(p, err) : read_credentials(p, err))
		return -1;
	return look_at_credential(p, err);
}

/* --- one server ------------------------------------------------------- */

static int
left_ms(const struct probe *p, int64_t most)
{
	int64_t left = p->deadline ? p->deadline - ir_mono_ms() : most;

	return left < 1 ? 1 : left < most ? (int)left : (int)most;
}

static struct ir_smtp_opts
server_of(const struct probe *p, const struct endpoint *e)
{
	struct ir_smtp_opts o = { .host = e->host, .port = e->port,
		.tls = ir_smtp_tls_of(e->port) };

	if (p->tls)
		o.tls = strcmp(p->tls, "implicit") == 0 ? IR_SMTP_TLS_WRAP :
		    IR_SMTP_TLS_MUST;
	o.timeout_ms = left_ms(p, STEP_MS);
	return o;
}

static void
keep_answer(struct run *r, size_t limit)
{
	const struct ir_smtp_answer *a = &r->answer;

	if (r->kept == limit) {
		memmove(r->judged, r->judged + 1,
		    (limit - 1) * sizeof *r->judged);
		r->kept--;
	}
	r->judged[r->kept++] = a->judged.verdict;
	r->said[r->asked++ % MAX_KEPT] = (struct said){ a->judged.verdict,
		a->facts.reply.code, a->ms };
}

/* Ours: the server was not asked, or not about the credential. */
static bool
is_ours(int code)
{
	return code == IR_CONFIG || code == IR_USAGE || code == IR_DATAERR ||
	    code == IR_OSERR || code == IR_SOFTWARE;
}

static void
pause_for(const struct probe *p, int64_t until)
{
	int64_t ms = until - ir_mono_ms();
	struct timespec ts;

	if (p->deadline && p->deadline - ir_mono_ms() < ms)
		ms = p->deadline - ir_mono_ms();
	if (ms <= 0)
		return;
	ts.tv_sec = ms / 1000;
	ts.tv_nsec = ms % 1000 * 1000000;
	nanosleep(&ts, NULL);
}

static bool
time_is_up(const struct probe *p)
{
	return p->deadline && ir_mono_ms() >= p->deadline;
}

/*
 * One answer more.  1 when our own time limit cut it short, which says
 * nothing of the server; -1: it could not be asked.
 */
static int
ask_once(struct probe *p, const struct endpoint *e, struct run *r,
    struct ir_err *err)
{
	struct ir_smtp_probe q = { .server = server_of(p, e),
		.from = p->data ? p->from : NULL, .to = p->to };
	struct ir_smtp_answer a;
	struct ir_err one = IR_ERR_INIT;

	if (!p->no_auth) {
		q.user = p->user;
		q.password = &e->password;
	}
	if (ir_smtp_probe(&q, &a, &one) && is_ours(one.code)) {
		*err = one;
		return -1;
	}
	if (r->asked && time_is_up(p) &&
	    a.judged.verdict == IR_SV_UNREACHABLE)
		return 1;
	r->answer = a;
	r->err = one;
	keep_answer(r, (size_t)p->count);
	r->row = a.judged.verdict == p->want ? r->row + 1 : 0;
	return 0;
}

/* Ask count times, or until --wait is over or the row is long enough. */
static int
ask(struct probe *p, const struct endpoint *e, struct run *r,
    struct ir_err *err)
{
	size_t count = (size_t)p->count;
	int64_t start = ir_mono_ms(), end = start + p->wait * 1000;
	int rc;

	while ((rc = ask_once(p, e, r, err)) == 0) {
		ir_progress(&p->common, e->host, r->row, count, start);
		if (r->row >= count || (!p->wait && r->asked >= count) ||
		    r->answer.judged.verdict == IR_SV_UNKNOWN ||
		    (p->wait && ir_mono_ms() >= end) || time_is_up(p) ||
		    ir_stopped())
			break;
		pause_for(p, ir_mono_ms() + p->interval * 1000);
	}
	if (rc < 0)
		return -1;
	r->verdict = ir_smtp_verdict_sum(r->judged, r->kept);
	/* of mixed answers no single one is what is expected */
	r->ok = r->row >= count || (r->verdict == p->want &&
	    p->want == IR_SV_NOT_PROPAGATED);
	return 0;
}

/* A key that was made a moment ago is refused where it is not known yet. */
static bool
is_young(const struct probe *p, const struct run *r)
{
	return p->want != IR_SV_BAD_CREDENTIALS && p->created &&
	    r->verdict == IR_SV_BAD_CREDENTIALS &&
	    ir_now() - p->created < YOUNG_S;
}

/* --- words ------------------------------------------------------------- */

static const char *
tls_words(const char *kind)
{
	static const struct { const char *kind, *words; } all[] = {
		{ "expired", "the server's certificate has expired" },
		{ "not-yet-valid", "the server's certificate is not valid "
		    "yet, or this clock is wrong" },
		{ "name", "the server's certificate is for another name" },
		{ "ca", "the server's certificate is not from a trusted CA" },
		{ "version", "the server has no version of TLS that is safe" },
		{ "none-offered", "the server offers no STARTTLS" },
		{ "refused", "the server refuses STARTTLS" },
	};
	size_t i;

	for (i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i].kind, kind) == 0)
			return all[i].words;
	return "the TLS handshake failed";
}

static const char *
throttle_words(const char *kind)
{
	if (strcmp(kind, "daily-quota") == 0)
		return "the day's quota is used up";
	if (strcmp(kind, "rate") == 0)
		return "more mails a second than the account may send";
	if (strcmp(kind, "connections") == 0)
		return "too many connections at once";
	if (strcmp(kind, "authentication") == 0)
		return "the server cannot check credentials now";
	return "the server wants less";
}

static void
why_refused(const struct probe *p, const struct endpoint *e,
    const struct run *r, struct ir_rec *rec)
{
	if (!r->ok && p->want == IR_SV_BAD_CREDENTIALS)
		ir_rec_fmt(rec, "why", "refused, but only %zu of %ld in a row",
		    r->row, p->count);
	else if (!r->ok)
		ir_rec_str(rec, "why", "user or password is wrong, inactive, "
		    "or not for this region");
	else if (strcmp(e->before, "ok") != 0)
		ir_rec_str(rec, "why", "refused; that it was accepted before "
		    "is not known here, and a wrong password is refused too");
}

/* What was judged at the end of the mail; the last answer may be another. */
static void
why_no_mail(enum ir_smtp_verdict v, const struct ir_smtp_judged *j,
    struct ir_rec *rec)
{
	if (v == IR_SV_NO_PERMISSION)
		ir_rec_fmt(rec, "why", "%s may not %s on %s", j->principal[0] ?
		    j->principal : "the key's owner", j->action[0] ?
		    j->action : "send", j->resource[0] ? j->resource :
		    "this identity");
	else if (v == IR_SV_NOT_VERIFIED)
		ir_rec_fmt(rec, "why", "not verified in this region: %s",
		    j->resource[0] ? j->resource : "the address");
	else if (v == IR_SV_PAUSED)
		ir_rec_fmt(rec, "why", "sending is off for the %s",
		    strcmp(j->kind, "configuration-set") == 0 ?
		    "configuration set" : "account here");
	else
		ir_rec_str(rec, "why", "the answer to the message was lost: "
		    "look for its Message-ID before sending it again");
}

static void
why_mixed(const struct probe *p, const struct run *r, struct ir_rec *rec)
{
	if (r->young)
		ir_rec_fmt(rec, "why", "refused, but the key is only %lld "
		    "seconds old", (long long)(ir_now() - p->created));
	else
		ir_rec_str(rec, "why", "some answers accept, some refuse: a "
		    "change is spreading");
}

static void
why(const struct probe *p, const struct endpoint *e, const struct run *r,
    struct ir_rec *rec)
{
	const struct ir_smtp_judged *j = &r->answer.judged;

	switch (r->verdict) {
	case IR_SV_OK:
		if (!r->ok && p->want == IR_SV_OK)
			ir_rec_fmt(rec, "why", "only %zu of %ld in a row",
			    r->row, p->count);
		break;
	case IR_SV_BAD_CREDENTIALS:
		why_refused(p, e, r, rec);
		break;
	case IR_SV_NOT_PROPAGATED:
		why_mixed(p, r, rec);
		break;
	case IR_SV_THROTTLED:
		ir_rec_str(rec, "why", throttle_words(j->kind));
		break;
	case IR_SV_TLS:
		ir_rec_str(rec, "why", tls_words(j->kind));
		break;
	case IR_SV_BLOCKED:
		ir_rec_fmt(rec, "why", "port %d is closed from here and port "
		    "%d is open: EC2 and many networks block 25", e->port,
		    r->answer.open_port);
		break;
	case IR_SV_NOT_SUBSCRIBED:
		ir_rec_str(rec, "why", "the AWS account has no SES");
		break;
	case IR_SV_NO_PERMISSION:
	case IR_SV_NOT_VERIFIED:
	case IR_SV_PAUSED:
	case IR_SV_UNKNOWN:
		why_no_mail(r->verdict, j, rec);
		break;
	default:
		ir_rec_str(rec, "why", r->err.msg);
	}
}

/* --- records ------------------------------------------------------------ */

static struct ir_rec *
tls_record(const struct endpoint *e, const struct ir_smtp_facts *f)
{
	struct ir_rec *t = ir_rec_object();

	ir_rec_str(t, "version", f->tls_version);
	ir_rec_str(t, "cipher", f->tls_cipher);
	ir_rec_str(t, "name", e->host);
	ir_rec_bool(t, "verified", f->tls_verified);
	if (f->not_after)
		ir_rec_time(t, "not_after", f->not_after);
	return t;
}

static struct ir_rec *
base_record(const struct endpoint *e, const struct ir_smtp_facts *f)
{
	struct ir_rec *rec = ir_rec_new("smtp-probe", NULL);

	ir_rec_fmt(rec, "id", strchr(e->host, ':') ? "[%s]:%d" : "%s:%d",
	    e->host, e->port);
	if (e->region[0])
		ir_rec_str(rec, "region", e->region);
	if (f->tls_version[0] || f->not_after)
		ir_rec_set(rec, "tls", tls_record(e, f));
	return rec;
}

static struct ir_rec *
answers(const struct run *r)
{
	size_t i = r->asked > MAX_KEPT ? r->asked - MAX_KEPT : 0;
	struct ir_rec *all = ir_rec_array(), *one;

	for (; i < r->asked; i++) {
		const struct said *s = &r->said[i % MAX_KEPT];

		one = ir_rec_object();
		ir_rec_str(one, "verdict", ir_smtp_verdict_name(s->verdict));
		ir_rec_int(one, "code", s->code);
		ir_rec_int(one, "ms", s->ms);
		ir_rec_push(all, one);
	}
	return all;
}

static void
put_record(struct probe *p, const struct endpoint *e, const struct run *r)
{
	const struct ir_smtp_answer *a = &r->answer;
	struct ir_rec *rec = base_record(e, &a->facts);

	if (p->user[0])
		ir_rec_str(rec, "user", p->user);
	ir_rec_str(rec, "verdict", ir_smtp_verdict_name(r->verdict));
	if (a->judged.kind[0] && r->verdict == a->judged.verdict)
		ir_rec_str(rec, "kind", a->judged.kind);
	ir_rec_str(rec, "stage", a->facts.reply.stage);
	ir_rec_int(rec, "code", a->facts.reply.code);
	ir_rec_str(rec, "text", a->facts.reply.text);
	if (a->judged.principal[0])
		ir_rec_str(rec, "principal", a->judged.principal);
	if (a->judged.action[0])
		ir_rec_str(rec, "action", a->judged.action);
	if (a->judged.resource[0])
		ir_rec_str(rec, "resource", a->judged.resource);
	if (a->open_port)
		ir_rec_int(rec, "open_port", a->open_port);
	if (a->message_id[0])
		ir_rec_str(rec, "message_id", a->message_id);
	ir_rec_int(rec, "ms", a->ms);
	if (e->before[0])
		ir_rec_str(rec, "before", e->before);
	ir_rec_str(rec, "expect", ir_smtp_verdict_name(p->want));
	ir_rec_int(rec, "asked", (int64_t)r->asked);
	ir_rec_int(rec, "row", (int64_t)r->row);
	ir_rec_set(rec, "answers", answers(r));
	ir_rec_bool(rec, "ok", r->ok);
	why(p, e, r, rec);
	ir_out_put(p->out, rec);
}

/* --- nagios ------------------------------------------------------------- */

static void
worsen(struct probe *p, int state)
{
	/* critical outweighs unknown, unknown warning */
	static const int weight[] = { 0, 1, 3, 2 };

	if (weight[state] > weight[p->state])
		p->state = state;
}

static void
nagios_add(struct probe *p, const struct endpoint *e, const struct run *r)
{
	const struct ir_smtp_facts *f = &r->answer.facts;
	int64_t days = (f->not_after - ir_now()) / 86400;

	ir_buf_fmt(&p->line, "%s%s:%d %s", p->line.len ? ", " : "", e->host,
	    e->port, ir_smtp_verdict_name(r->verdict));
	if (r->ok && f->not_after && days < CERT_DAYS) {
		ir_buf_fmt(&p->line, " (certificate ends in %lld days)",
		    (long long)days);
		worsen(p, 1);
	}
	if (r->ok)
		return;
	if (r->verdict == IR_SV_UNKNOWN)
		worsen(p, 3);
	else if (r->verdict != p->want &&
	    (ir_smtp_verdict_decided(r->verdict) ||
	    r->verdict == IR_SV_UNREACHABLE))
		worsen(p, 2);
	else
		worsen(p, 1);
}

static int
nagios_end(const struct probe *p, const struct ir_err *err,
    const struct run *r)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };
	int state = err->code ? 3 : p->state;

	printf("SMTP %s - %.900s | matched=%zu;;;0;%zu", word[state],
	    err->code ? err->msg : ir_buf_cstr(&p->line), p->good, p->n);
	if (!p->relay && r->asked)
		printf(" time=%lld.%03llds", (long long)r->answer.ms / 1000,
		    (long long)r->answer.ms % 1000);
	if (r->answer.facts.not_after)
		printf(" cert_days=%lld",
		    (long long)(r->answer.facts.not_after - ir_now()) / 86400);
	printf("\n");
	return state;
}

/* --- the run ------------------------------------------------------------ */

static int
probe_one(struct probe *p, const struct endpoint *e, struct run *r,
    struct ir_err *err)
{
	int rc;

	memset(r, 0, sizeof *r);
	rc = ask(p, e, r, err);
	r->young = rc == 0 && is_young(p, r);
	if (r->young)
		r->verdict = IR_SV_NOT_PROPAGATED;
	if (rc == 0) {
		if (r->ok)
			p->good++;
		else if (r->verdict == IR_SV_UNKNOWN)
			p->lost++;
		else if (r->verdict != p->want &&
		    ir_smtp_verdict_decided(r->verdict))
			p->bad++;
		else
			p->undecided++;
		nagios_add(p, e, r);
		if (p->out)
			put_record(p, e, r);
	}
	return rc;
}

static struct ir_rec *
test_record(const struct ir_smtp_relay_test *t)
{
	static const char *const words[] = { [IR_RELAY_REFUSED] = "refused",
		[IR_RELAY_ACCEPTED] = "accepted", [IR_RELAY_LATER] = "later" };
	struct ir_rec *one = ir_rec_object();

	ir_rec_str(one, "test", t->name);
	ir_rec_str(one, "from", t->from);
	ir_rec_str(one, "to", t->to);
	ir_rec_str(one, "answer", words[t->answer]);
	ir_rec_str(one, "stage", t->reply.stage);
	ir_rec_int(one, "code", t->reply.code);
	ir_rec_str(one, "text", t->reply.text);
	return one;
}

static void
put_relay(struct probe *p, const struct endpoint *e,
    const struct ir_smtp_facts *f, const struct ir_smtp_relay_test *test,
    const char *domain, const char *word, const char *because)
{
	struct ir_rec *rec = base_record(e, f), *tests;
	size_t i;

	ir_rec_str(rec, "verdict", word);
	ir_rec_str(rec, "domain", domain);
	if (test) {
		tests = ir_rec_array();
		for (i = 0; i < IR_RELAY_TESTS; i++)
			ir_rec_push(tests, test_record(&test[i]));
		ir_rec_set(rec, "tests", tests);
	}
	ir_rec_bool(rec, "ok", strcmp(word, "closed") == 0);
	ir_rec_str(rec, "why", because);
	ir_out_put(p->out, rec);
}

static int
relay_one(struct probe *p, const struct endpoint *e, struct ir_err *err)
{
	static const char *const words[] = { [IR_RELAY_CLOSED] = "closed",
		[IR_RELAY_OPEN] = "open-relay",
		[IR_RELAY_UNDECIDED] = "undecided" };
	struct ir_smtp_relay q = { .server = server_of(p, e),
		.domain = p->domain, .from = p->from ? p->from : FOREIGN_FROM,
		.to = p->to };
	struct ir_smtp_relay_test test[IR_RELAY_TESTS];
	enum ir_smtp_relay_verdict v = IR_RELAY_UNDECIDED;
	struct ir_smtp_facts f = { .trouble = IR_SMTP_FINE };
	struct ir_err one = IR_ERR_INIT;
	char domain[256] = "";
	const char *because = one.msg;
	int rc = ir_smtp_relay(&q, test, domain, &f, &one);

	if (rc && is_ours(one.code)) {
		*err = one;
		return -1;
	}
	if (rc == 0)
		v = ir_smtp_relay_judge(test, p->domain != NULL, &because);
	if (v == IR_RELAY_CLOSED)
		p->good++;
	else if (v == IR_RELAY_OPEN)
		p->bad++;
	else
		p->undecided++;
	worsen(p, v == IR_RELAY_OPEN ? 2 : v == IR_RELAY_CLOSED ? 0 : 1);
	ir_buf_fmt(&p->line, "%s%s:%d %s", p->line.len ? ", " : "", e->host,
	    e->port, words[v]);
	if (p->out)
		put_relay(p, e, &f, rc ? NULL : test, domain, words[v],
		    because);
	return 0;
}

static int
probe_all(struct probe *p, struct run *r, struct ir_err *err)
{
	size_t i;

	for (i = 0; i < p->n && !ir_stopped(); i++)
		if (p->relay ? relay_one(p, &p->ep[i], err) :
		    probe_one(p, &p->ep[i], r, err))
			return -1;
	if (i < p->n)
		return ir_fail(err, IR_TEMPFAIL, "stopped: %zu of %zu servers "
		    "were asked", i, p->n);
	return 0;
}

/* A mail to anybody but SES's simulator is a person's to decide. */
static int
confirm(const struct probe *p, struct ir_err *err)
{
	if (!p->data || strcmp(p->to, IR_SMTP_SIMULATOR) == 0)
		return 0;
	return ir_confirm_name(&p->change, p->to, "recipient", err,
	    "send %zu mail(s) from %s to %s?", (size_t)p->count * p->n,
	    p->from, p->to);
}

static void
check_usage(struct probe *p, int n)
{
	if (p->relay && (p->credentials || p->name || p->no_auth || p->data ||
	    p->expect || p->count || p->wait || p->tls))
		ir_die_usage("--relay-test takes no credentials, --no-auth, "
		    "--data, --expect, --count, --wait and --tls");
	if (!p->relay && !p->no_auth && !p->credentials && !p->name)
		ir_die_usage("no credentials: --credentials=FILE, "
		    "--credential=NAME of the vault, or --no-auth to ask "
		    "without");
	if (p->credentials && p->name)
		ir_die_usage("--credentials or --credential, not both");
	if ((p->vault.path || p->vault.key) && !p->name)
		ir_die_usage("--vault and --vault-key go with --credential");
	if (p->no_auth && (p->credentials || p->name || p->data))
		ir_die_usage("--no-auth goes with neither credentials nor "
		    "--data");
	if (p->data && !p->from)
		ir_die_usage("--data needs --from=ADDRESS");
	if (!p->data && !p->relay && (p->from || p->to))
		ir_die_usage("--from and --to go with --data or --relay-test");
	if (p->domain && !p->relay)
		ir_die_usage("--domain goes with --relay-test");
	if (p->relay && p->aws.region)
		ir_die_usage("--relay-test wants hosts, not a region");
	if (p->tls && strcmp(p->tls, "implicit") != 0 &&
	    strcmp(p->tls, "starttls") != 0)
		ir_die_usage("--tls: neither implicit nor starttls: %s",
		    p->tls);
	if (p->credentials && strcmp(p->credentials, "-") == 0 && n == 0 &&
	    !p->aws.region)
		ir_die_usage("the credential is on standard input: name the "
		    "servers, or --region");
	if (n == 0 && (p->relay || !p->aws.region) && isatty(STDIN_FILENO))
		ir_die_usage("no servers, and standard input is a terminal");
}

static void
check_values(struct probe *p)
{
	if (!p->to)
		p->to = IR_SMTP_SIMULATOR;
	if ((p->from && !ir_smtp_address_ok(p->from)) ||
	    !ir_smtp_address_ok(p->to))
		ir_die_usage("not a mail address: %s", p->from &&
		    !ir_smtp_address_ok(p->from) ? p->from : p->to);
	if (p->aws.region && !is_region(p->aws.region))
		ir_die_usage("--region: not a region: %s", p->aws.region);
	p->want = !p->expect || strcmp(p->expect, "accepted") == 0 ? IR_SV_OK :
	    strcmp(p->expect, "refused") == 0 ? IR_SV_BAD_CREDENTIALS :
	    ir_smtp_verdict_find(p->expect);
	if (p->want == IR_SV_COUNT)
		ir_die_usage("--expect: neither accepted, refused nor a "
		    "verdict: %s", p->expect);
	if (p->count == 0)
		p->count = p->want == IR_SV_BAD_CREDENTIALS ? 5 : 1;
	if (p->count > MAX_COUNT)
		ir_die_usage("--count: more than %d", MAX_COUNT);
	if (p->wait && p->data && strcmp(p->to, IR_SMTP_SIMULATOR) != 0)
		ir_die_usage("--wait sends again and again: only to %s",
		    IR_SMTP_SIMULATOR);
	if (p->wait > 86400 || p->interval > 86400 ||
	    p->common.timeout > 86400)
		ir_die_usage("--wait, --interval, --timeout: at most a day");
	if (!p->template)
		p->template = getenv("QUELL_SES_SMTP");
	if (!p->template || !*p->template)
		p->template = SES_ENDPOINT;
	if (p->common.timeout)
		p->deadline = ir_mono_ms() + p->common.timeout * 1000;
}

static int
prepare(struct probe *p, char **operands, size_t n, struct ir_err *err)
{
	if (take_credential(p, err) || read_endpoints(p, operands, n, err))
		return -1;
	if (!p->relay && !p->no_auth && read_passwords(p, err))
		return -1;
	return confirm(p, err);
}

/* The exit code: any lost answer, any no, any undecided one, in this order. */
static int
finish(struct probe *p, const struct run *r, struct ir_err *err)
{
	int code, state = 0;

	ir_progress_end();
	if (p->nagios)
		state = nagios_end(p, err, r);
	code = ir_end(err, p->out, NULL);
	if (p->nagios)
		return code == IR_IOERR ? code : state;
	return code ? code : p->lost ? IR_UNKNOWN : p->bad ? IR_NO :
	    p->undecided ? IR_TEMPFAIL : 0;
}

static void
free_probe(struct probe *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		ir_secret_free(&p->ep[i].password);
	ir_credential_free(&p->cred);
	ir_buf_free(&p->file);
	ir_buf_free(&p->line);
	ir_secret_burn();
}

int
main(int argc, char **argv)
{
	static struct probe p = { .interval = 1,
		.file = IR_BUF_SECRET(IR_CREDENTIAL_MAX),
		.line = IR_BUF(65536) };
	static struct run r;
	const struct ir_opt opts[] = {
		{ 0, "credentials", "FILE", IR_STR, &p.credentials,
		    "credential block or lookup file; - is standard input" },
		IR_OPTS_VAULT(&p.vault),
		{ 0, "credential", "NAME", IR_STR, &p.name,
		    "credentials of that name in the vault" },
		{ 0, "no-auth", NULL, IR_BOOL, &p.no_auth,
		    "connect and start TLS only" },
		{ 0, "smtp-endpoint", "HOST:PORT", IR_STR, &p.template,
		    "SES's SMTP host with {region}" },
		{ 0, "tls", "MODE", IR_STR, &p.tls,
		    "starttls or implicit; default: by the port" },
		{ 0, "data", NULL, IR_BOOL, &p.data,
		    "send a mail, too: only that proves the right to" },
		{ 0, "from", "ADDRESS", IR_STR, &p.from, "sender of it" },
		{ 0, "to", "ADDRESS", IR_STR, &p.to,
		    "recipient; default: SES's mailbox simulator" },
		{ 0, "confirm", "ADDRESS", IR_STR, &p.change.confirm,
		    "needed with another recipient: repeat it" },
		{ 0, "expect", "VERDICT", IR_STR, &p.expect,
		    "accepted, refused or a verdict; default: accepted" },
		{ 0, "count", "N", IR_INT, &p.count,
		    "ask that often; default: 1, to prove a refusal 5" },
		{ 0, "interval", "SECONDS", IR_SECONDS, &p.interval,
		    "between the questions; default: 1" },
		{ 0, "wait", "SECONDS", IR_SECONDS, &p.wait,
		    "until it is so --count times in a row" },
		{ 0, "relay-test", NULL, IR_BOOL, &p.relay,
		    "is the host an open relay? Sends nothing" },
		{ 0, "domain", "NAME", IR_STR, &p.domain,
		    "a domain that the host takes mail for" },
		{ 0, "nagios", NULL, IR_BOOL, &p.nagios,
		    "one line, and exit 0, 1, 2 or 3 as a plugin" },
		IR_OPTS_AWS(&p.aws), IR_OPTS_COMMON(&p.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	int n, code;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &p.common);
	check_usage(&p, n);
	check_values(&p);
	if (!p.nagios)
		p.out = ir_open_output(&p.common, cols);
	ir_catch_stop();
	if (prepare(&p, argv + 1, (size_t)n, &err) == 0)
		(void)probe_all(&p, &r, &err);
	code = finish(&p, &r, &err);
	free_probe(&p);
	return code;
}
