/*
 * sender-check - is mail from this domain, host or address believed?
 *
 * Reads domains, hosts and addresses (operands, or records and bare keys on
 * standard input); asks the DNS, and servers when it is told to; writes a
 * record of type sender-finding for each thing that receivers look at.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "auth/asker.h"
#include "auth/dkim_key.h"
#include "auth/posture.h"
#include "auth/spf_macro.h"
#include "core/cli.h"
#include "core/text.h"
#include "mail/mime.h"
#include "net/http.h"
#include "net/smtp_probe.h"

#define MAX_SUBJECTS 1000
#define MAX_KEYS 16		/* of one subject */
#define DEFAULT_MS 20000	/* and more for each subject */
#define TRACE_BYTES 24000	/* of one record */
#define POLICY_URL "https://mta-sts.{domain}/.well-known/mta-sts.txt"
#define FOREIGN_FROM "relay-test@simulator.amazonses.com"

struct opts {
	struct ir_common common;
	const char *resolver, *helo, *mail_from, *ses, *message, *url;
	struct ir_list ip, selector;
	bool host, online, relay, ports, strict, nagios;
	long port;
};

/* A signature's key: where it is looked for. */
struct key {
	char domain[256], selector[256];
	bool ses;
};

struct subject {
	char name[256];		/* domain or host; "" for an address */
	char sender[320];	/* the mail address that was given, or "" */
	struct ir_ip ip;	/* when there is no name */
	char mail_from[256];	/* of SES, or a Return-Path; may be "" */
	char region[64];	/* sent by SES from there; may be "" */
	char signer[256];	/* d= of a signature; may be "" */
	struct key key[MAX_KEYS];
	size_t nkeys;
};

struct run {
	struct opts *opts;
	struct subject *subject;
	size_t n;
	struct ir_ip ip[64];	/* of --ip */
	struct ir_asker *asker;
	struct ir_posture p;
	struct ir_out *out;
	struct ir_err *err;
	size_t count[5];	/* by verdict */
	struct ir_buf bad;	/* for --nagios */
};

/* --- records ------------------------------------------------------------ */

static void
put_lines(struct ir_rec *rec, const char *key, const struct ir_buf *b)
{
	struct ir_rec *lines = ir_rec_array();
	const char *s = ir_buf_cstr(b);
	size_t n;

	for (; *s; s += n + (s[n] != '\0')) {
		n = strcspn(s, "\n");
		ir_rec_push(lines, ir_rec_string(s, n));
	}
	ir_rec_set(rec, key, lines);
}

static void
put_trace(struct ir_rec *rec, const struct ir_spf_answer *a)
{
	struct ir_rec *steps = ir_rec_array(), *one;
	size_t i, bytes = 0;

	ir_rec_str(rec, "result", ir_spf_word(a->result));
	ir_rec_int(rec, "lookups", a->lookups);
	ir_rec_int(rec, "void_lookups", a->voids);
	if (a->has_exp)
		ir_rec_strn(rec, "explanation", ir_buf_cstr(&a->exp),
		    a->exp.len > 500 ? 500 : a->exp.len);
	for (i = 0; a->step && i < a->nsteps && bytes < TRACE_BYTES; i++) {
		const struct ir_spf_step *s = &a->step[i];

		one = ir_rec_object();
		ir_rec_int(one, "depth", s->depth);
		ir_rec_str(one, "domain", s->domain);
		ir_rec_str(one, "term", s->term);
		if (s->target[0])
			ir_rec_str(one, "asked", s->target);
		ir_rec_str(one, "outcome", s->outcome);
		ir_rec_int(one, "lookups", s->lookups);
		ir_rec_push(steps, one);
		bytes += 120 + strlen(s->domain) + strlen(s->term) +
		    strlen(s->target);
	}
	ir_rec_set(rec, "trace", steps);
}

static void
put(const struct ir_finding *f, void *arg)
{
	struct run *r = arg;
	enum ir_verdict v = f->verdict;
	struct ir_rec *rec;

	r->count[v]++;
	if (v != IR_V_PASS && v != IR_V_NONE)
		ir_buf_fmt(&r->bad, "%s%s: %s %s (%.100s)",
		    r->bad.len ? ", " : "", f->subject, f->check,
		    ir_verdict_word(v), ir_buf_cstr(&f->why));
	if (!r->out)
		return;
	rec = ir_rec_new("sender-finding", f->subject);
	ir_rec_str(rec, "check", f->check);
	ir_rec_str(rec, "verdict", ir_verdict_word(v));
	if (v == IR_V_UNKNOWN)
		ir_rec_str(rec, "reason", f->reason);
	ir_rec_str(rec, "why", ir_buf_cstr(&f->why));
	if (f->name[0])
		ir_rec_str(rec, "name", f->name);
	put_lines(rec, "seen", &f->seen);
	put_lines(rec, "publish", &f->publish);
	ir_rec_str(rec, "source", f->source);
	if (f->spf)
		put_trace(rec, f->spf);
	ir_out_put(r->out, rec);
}

/* --- who is asked about ------------------------------------------------- */

/* A name that can be asked about, in lower case, without the last dot. */
static bool
name_ok(const char *s, char out[256])
{
	size_t i;

	if (!ir_spf_name(s, strlen(s), out))
		return false;
	for (i = 0; out[i]; i++) {
		unsigned char c = (unsigned char)out[i];

		if (!isascii(c) || (!isalnum(c) && !strchr("-_.", c)))
			return false;
		out[i] = (char)tolower(c);
	}
	return true;
}

static int
add_key(struct subject *s, const char *domain, const char *selector, bool ses,
    struct ir_err *err)
{
	struct key *k = &s->key[s->nkeys];

	if (s->nkeys == MAX_KEYS)
		return ir_fail(err, IR_DATAERR, "more than %d keys",
		    MAX_KEYS);
	snprintf(k->domain, sizeof k->domain, "%s", domain);
	if (!name_ok(selector, k->selector))
		return ir_fail(err, IR_DATAERR, "not a selector: %.80s",
		    selector);
	k->ses = ses;
	s->nkeys++;
	return 0;
}

/* A new subject; NULL and 65, or 0 and the old one. */
static struct subject *
add_subject(struct run *r, const char *text)
{
	const char *at = strrchr(text, '@');
	struct subject *s;

	if (r->n == MAX_SUBJECTS) {
		ir_fail(r->err, IR_DATAERR, "more than %d of them",
		    MAX_SUBJECTS);
		return NULL;
	}
	s = &r->subject[r->n];
	memset(s, 0, sizeof *s);
	if (ir_ip_parse(text, false, &s->ip) &&
	    !(name_ok(at ? at + 1 : text, s->name) &&
	    strchr(s->name, '.'))) {
		ir_fail(r->err, IR_DATAERR, "neither a domain nor an "
		    "address: %.80s", text);
		for (at = text; *at && isascii((unsigned char)*at); at++)
			continue;
		if (*at)
			ir_hint(r->err, "write it in ASCII (xn--...)");
		return NULL;
	}
	if (at)
		snprintf(s->sender, sizeof s->sender, "%.*s@%s",
		    at - text > 64 ? 64 : (int)(at - text), text, s->name);
	r->n++;
	return s;
}

/* What the record of ses-status, or another one, knows beside the name. */
static int
take_record(struct run *r, const struct ir_rec *rec)
{
	const char *type = ir_rec_get(rec, "type"), *v;
	const char *text = ir_rec_get(rec, "ip");
	const struct ir_rec *tokens = ir_rec_at(rec, "dkim_tokens");
	struct subject *s;
	size_t i;

	if (!text)
		text = ir_rec_get(rec, "domain");
	if (!text)
		text = ir_rec_get(rec, "id");
	if (!text)
		return ir_fail(r->err, IR_DATAERR,
		    "no \"ip\", \"domain\" or \"id\"");
	if (!(s = add_subject(r, text)))
		return -1;
	if (!type || strcmp(type, "ses-identity"))
		return 0;
	if ((v = ir_rec_get(rec, "region")) && strlen(v) < sizeof s->region)
		snprintf(s->region, sizeof s->region, "%s", v);
	if ((v = ir_rec_get(rec, "mail_from")) && *v &&
	    !name_ok(v, s->mail_from))
		return ir_fail(r->err, IR_DATAERR, "mail_from: not a "
		    "domain: %.80s", v);
	if ((v = ir_rec_get(rec, "dkim_selector")) &&
	    add_key(s, s->name, v, false, r->err))
		return -1;
	for (i = 0; tokens && i < ir_rec_len(tokens); i++) {
		v = ir_rec_cstr(ir_rec_item(tokens, i));
		if (v && add_key(s, s->name, v, true, r->err))
			return -1;
	}
	return 0;
}

static bool
same_subject(const struct subject *a, const struct subject *b)
{
	return strcmp(a->name, b->name) == 0 && (a->name[0] ||
	    memcmp(&a->ip, &b->ip, sizeof a->ip) == 0) &&
	    strcmp(a->region, b->region) == 0;
}

static bool
has_key(const struct subject *s, const struct key *k)
{
	size_t i;

	for (i = 0; i < s->nkeys; i++)
		if (strcmp(s->key[i].domain, k->domain) == 0 &&
		    strcmp(s->key[i].selector, k->selector) == 0)
			return true;
	return false;
}

/*
 * The first one with the same name (and region) is enough, when it has what
 * the last one knows: SES lists an address before its domain, and only the
 * domain has the keys.
 */
static void
drop_double(struct run *r)
{
	struct subject *last = &r->subject[r->n - 1], *s = r->subject;
	size_t i;

	while (s < last && !same_subject(s, last))
		s++;
	if (s == last)
		return;
	for (i = 0; i < last->nkeys && s->nkeys < MAX_KEYS; i++)
		if (!has_key(s, &last->key[i]))
			s->key[s->nkeys++] = last->key[i];
	if (!s->mail_from[0])
		memcpy(s->mail_from, last->mail_from, sizeof s->mail_from);
	r->n--;
}

/* The domain of the first header of that name; false: there is none. */
static bool
domain_of(const struct ir_mime *m, const char *header, char out[256])
{
	struct ir_buf text = IR_BUF(IR_MIME_VALUE);
	const char *at = NULL;
	bool ok;

	if (ir_mime_get(m, 0, header, &text) &&
	    (at = strrchr(ir_buf_cstr(&text), '@')))
		ir_buf_trunc(&text, (size_t)(at - text.data) +
		    strcspn(at, "> \t,;"));
	ok = at && name_ok(at + 1, out);
	ir_buf_free(&text);
	return ok;
}

/* Where the keys of its signatures are; of the signers, its own domain. */
static void
take_signatures(struct subject *s, const struct ir_mime *m)
{
	const struct ir_mime_header *h;
	char domain[256], selector[256];
	size_t i;

	for (i = 0; (h = ir_mime_header(m, 0, "DKIM-Signature", i)) &&
	    s->nkeys < MAX_KEYS; i++) {
		if (!ir_dkim_signature(h->value, h->value_len, domain,
		    selector) || add_key(s, domain, selector, false, NULL))
			continue;
		if (!s->signer[0] || strcasecmp(domain, s->name) == 0)
			snprintf(s->signer, sizeof s->signer, "%s", domain);
	}
}

/* From, signatures and Return-Path of a message. */
static int
take_message(struct run *r)
{
	struct ir_buf raw = IR_BUF(IR_MIME_BYTES);
	const char *file = r->opts->message;
	struct ir_mime m = { .n = 0 };
	struct subject *s;
	char from[256];
	int rc = ir_buf_read_file(&raw, file, r->err);

	if (rc == 0 && ir_mime_parse(&m, ir_buf_cstr(&raw), raw.len))
		rc = ir_fail(r->err, IR_OSERR, "no memory");
	if (rc == 0 && !domain_of(&m, "From", from))
		rc = ir_fail(r->err, IR_DATAERR, "%s: no From with a domain",
		    strcmp(file, "-") ? file : "standard input");
	if (rc == 0 && !(s = add_subject(r, from)))
		rc = -1;
	if (rc == 0) {
		take_signatures(s, &m);
		(void)domain_of(&m, "Return-Path", s->mail_from);
	}
	ir_mime_free(&m);
	ir_buf_free(&raw);
	return rc;
}

static int
read_subjects(struct run *r, char **operands, size_t n)
{
	struct ir_in *in;
	struct ir_rec *rec;
	int rc = -1;

	r->subject = calloc(MAX_SUBJECTS, sizeof *r->subject);
	if (!r->subject)
		return ir_fail(r->err, IR_OSERR, "no memory");
	if (r->opts->message && take_message(r))
		return -1;
	if (r->opts->message && n == 0)
		return 0;
	in = ir_in_open(operands, n, r->err);
	while (in && (rc = ir_in_next(in, &rec, r->err)) > 0) {
		rc = take_record(r, rec);
		ir_rec_free(rec);
		if (rc) {
			ir_fail_prefix(r->err, "%s", ir_in_where(in));
			break;
		}
		drop_double(r);
	}
	ir_in_close(in);
	if (rc == 0 && r->n == 0)
		rc = ir_fail(r->err, IR_USAGE, "no domains or addresses");
	return rc;
}

/* What the options say holds for each of them. */
static int
apply_options(struct run *r)
{
	const struct opts *o = r->opts;
	size_t i, k;

	for (i = 0; i < o->ip.n; i++)
		if (ir_ip_parse(o->ip.v[i], false, &r->ip[i]))
			return ir_fail(r->err, IR_USAGE,
			    "--ip: not an IP address: %s", o->ip.v[i]);
	for (i = 0; i < r->n; i++) {
		struct subject *s = &r->subject[i];

		if (!s->name[0])
			continue;
		if (o->ses)
			snprintf(s->region, sizeof s->region, "%.60s", o->ses);
		if (o->mail_from && !name_ok(o->mail_from, s->mail_from))
			return ir_fail(r->err, IR_USAGE,
			    "--mail-from: not a domain: %s", o->mail_from);
		for (k = 0; k < o->selector.n; k++)
			if (add_key(s, s->name, o->selector.v[k], false,
			    r->err)) {
				r->err->code = IR_USAGE;
				return -1;
			}
	}
	return 0;
}

/* --- what servers say --------------------------------------------------- */

/* An error of the network that says nothing about the other side. */
static void
unknown(struct ir_finding *f, const char *reason, const struct ir_err *e)
{
	f->verdict = IR_V_UNKNOWN;
	f->reason = reason;
	ir_buf_str(&f->why, e->msg);
}

static void
fetch_policy(struct run *r, const char *domain)
{
	static const char key[] = "{domain}";
	const char *t = r->opts->url ? r->opts->url : POLICY_URL;
	const char *hole = strstr(t, key);
	struct ir_http_opts ho = { .total_ms = 20000 };
	struct ir_http_req q = { .method = "GET",
		.max = IR_STS_POLICY_MAX, .reply = IR_BUF(IR_STS_POLICY_MAX) };
	struct ir_finding f;
	struct ir_http *h;
	char url[900];

	if (hole)
		snprintf(url, sizeof url, "%.*s%s%.300s", (int)(hole - t), t,
		    domain, hole + sizeof key - 1);
	else
		snprintf(url, sizeof url, "%.800s", t);
	q.url = url;
	if (ir_http_open(&h, &ho, r->err))
		return;
	ir_http_run(h, &q, 1, 1);
	if (q.err.code == 0 && q.status == 200) {
		ir_posture_sts_policy(&r->p, domain, url,
		    ir_buf_cstr(&q.reply), q.reply.len);
	} else {
		ir_finding_begin(&f, domain, "mta-sts-policy",
		    "RFC 8461, 3.3");
		snprintf(f.name, sizeof f.name, "%.300s", url);
		if (q.err.code && q.err.code != IR_NOPERM &&
		    !(q.err.code == IR_PROTOCOL && q.status)) {
			unknown(&f, "no-answer", &q.err);
		} else {
			f.verdict = IR_V_FAIL;
			if (q.err.code)
				ir_buf_str(&f.why, q.err.msg);
			else
				ir_buf_fmt(&f.why, "the answer is HTTP %d",
				    q.status);
		}
		ir_finding_end(&r->p, &f);
	}
	ir_buf_free(&q.reply);
	ir_http_close(h);
}

/* mx: mail comes to it, so that port 25 has to be open. */
static void
check_port(struct run *r, const char *subject, const char *host, bool mx)
{
	struct ir_smtp_opts so = { .host = host, .port = (int)r->opts->port,
		.timeout_ms = 10000 };
	struct ir_err e = IR_ERR_INIT;
	struct ir_finding f;
	int rc = ir_smtp_reach(&so, &e);

	ir_finding_begin(&f, subject, "port-25", "RFC 5321");
	snprintf(f.name, sizeof f.name, "%.250s:%ld", host, r->opts->port);
	if (rc == 0) {
		f.verdict = mx ? IR_V_PASS : IR_V_WARN;
		ir_buf_str(&f.why, mx ? "takes connections" :
		    "takes connections: a host that only sends needs none");
	} else if (mx) {
		unknown(&f, "no-answer", &e);
		ir_buf_str(&f.why, "; many networks let nobody out to port "
		    "25");
	} else {
		ir_buf_fmt(&f.why, "closed, seen from here: %s", e.msg);
	}
	ir_finding_end(&r->p, &f);
}

/* local: a domain that the host takes mail for; NULL: not known. */
static void
check_relay(struct run *r, const char *subject, const char *host,
    const char *local)
{
	struct ir_smtp_relay q = { .domain = local, .from = FOREIGN_FROM,
		.to = IR_SMTP_SIMULATOR, .server = { .host = host,
		.port = (int)r->opts->port, .timeout_ms = 10000 } };
	struct ir_smtp_relay_test test[IR_RELAY_TESTS];
	enum ir_smtp_relay_verdict v = IR_RELAY_UNDECIDED;
	struct ir_smtp_facts facts = { .trouble = IR_SMTP_FINE };
	struct ir_err e = IR_ERR_INIT;
	struct ir_finding f;
	char domain[256] = "";
	const char *why = e.msg;
	size_t i;
	int rc = ir_smtp_relay(&q, test, domain, &facts, &e);

	ir_finding_begin(&f, subject, "open-relay", "RFC 5321, 7.9");
	snprintf(f.name, sizeof f.name, "%.250s:%ld", host, r->opts->port);
	if (rc == 0)
		v = ir_smtp_relay_judge(test, local != NULL, &why);
	for (i = 0; rc == 0 && i < IR_RELAY_TESTS; i++)
		ir_buf_fmt(&f.seen, "%s%s: %d", i ? "\n" : "", test[i].name,
		    test[i].reply.code);
	f.verdict = v == IR_RELAY_OPEN ? IR_V_FAIL :
	    v == IR_RELAY_CLOSED ? IR_V_PASS : IR_V_UNKNOWN;
	f.reason = rc ? "no-answer" : "undecided";
	ir_buf_str(&f.why, why);
	ir_finding_end(&r->p, &f);
}

/* --- checks ------------------------------------------------------------- */

static void
check_address(struct run *r, const struct ir_ip *ip, const char *helo)
{
	char name[256], text[64];

	ir_posture_rdns(&r->p, ip, name);
	if (helo || name[0])
		ir_posture_helo(&r->p, ip, helo ? helo : name);
	ir_ip_text(ip, text, sizeof text);
	if (r->opts->ports)
		check_port(r, text, text, false);
	if (r->opts->relay)
		check_relay(r, text, text, NULL);
}

static void
check_mx_hosts(struct run *r, const char *domain)
{
	const struct ir_rrset *s = r->p.res->ask(r->p.res, domain, IR_DNS_MX);
	size_t i;

	for (i = 0; s && s->status == IR_DNS_OK && i < s->n; i++) {
		if (!s->rr[i].len)
			continue;
		if (r->opts->ports)
			check_port(r, domain, s->rr[i].data, true);
		if (r->opts->relay)
			check_relay(r, domain, s->rr[i].data, domain);
	}
}

static void
check_dkim(struct run *r, const struct subject *s)
{
	size_t i;

	for (i = 0; i < s->nkeys; i++)
		ir_posture_dkim(&r->p, s->key[i].domain, s->key[i].selector,
		    s->key[i].ses);
	if (s->nkeys == 0)
		ir_posture_dkim_any(&r->p, s->name);
}

/* How mail leaves: through SES, or as a message shows. */
static void
check_ways(struct run *r, const struct subject *s)
{
	const char *from = s->mail_from[0] ? s->mail_from : NULL;
	const char *signer = s->signer[0] ? s->signer :
	    s->nkeys || s->region[0] ? s->name : NULL;

	if (s->region[0] && from)
		ir_posture_mail_from(&r->p, from, s->region);
	else if (s->region[0])
		ir_posture_mail_from_none(&r->p, s->name, s->region);
	if (s->region[0] || (signer && from))
		ir_posture_alignment(&r->p, s->name, signer, from);
}

static void
check_domain(struct run *r, const struct subject *s)
{
	const struct opts *o = r->opts;
	size_t i;

	ir_posture_mx(&r->p, s->name);
	ir_posture_spf(&r->p, s->name);
	for (i = 0; i < o->ip.n; i++)
		ir_posture_spf_ip(&r->p, s->name, s->sender[0] ? s->sender :
		    NULL, &r->ip[i], o->helo);
	check_dkim(r, s);
	ir_posture_dmarc(&r->p, s->name);
	check_ways(r, s);
	if (ir_posture_sts(&r->p, s->name) && o->online)
		fetch_policy(r, s->name);
	ir_posture_tlsrpt(&r->p, s->name);
	ir_posture_dane(&r->p, s->name);
	if (o->ports || o->relay)
		check_mx_hosts(r, s->name);
}

/* A host: its addresses, each with this name as its HELO. */
static void
check_host(struct run *r, const struct subject *s)
{
	static const enum ir_dns_type types[] = { IR_DNS_A, IR_DNS_AAAA };
	const struct ir_rrset *set;
	struct ir_finding f;
	struct ir_ip ip;
	size_t i, k, n = 0;
	bool failed = false;

	for (i = 0; i < 2; i++) {
		set = r->p.res->ask(r->p.res, s->name, types[i]);
		failed |= ir_rrset_failed(set);
		for (k = 0; set && set->status == IR_DNS_OK && k < set->n;
		    k++)
			if (ir_ip_parse(set->rr[k].data, false, &ip) == 0) {
				check_address(r, &ip, r->opts->helo ?
				    r->opts->helo : s->name);
				n++;
			}
	}
	if (n && !failed)
		return;
	ir_finding_begin(&f, s->name, "address", "RFC 5321, 2.3.5");
	snprintf(f.name, sizeof f.name, "%s", s->name);
	f.verdict = failed ? IR_V_UNKNOWN : IR_V_FAIL;
	f.reason = "no-answer";
	ir_buf_str(&f.why, failed ? "its addresses could not all be asked "
	    "for" : "the host has no address");
	ir_finding_end(&r->p, &f);
}

/* Ask at once for what will be needed of each, one after the other. */
static void
fetch_known(struct run *r)
{
	char name[300];
	size_t i, k;

	for (i = 0; i < r->n; i++) {
		const struct subject *s = &r->subject[i];
		static const char *const under[] = { "_dmarc", "_mta-sts",
			"_smtp._tls" };

		if (!s->name[0]) {
			if (ir_dnsbl_name(&s->ip, s->ip.v6 ? "ip6.arpa" :
			    "in-addr.arpa", name) == 0)
				ir_asker_want(r->asker, name, IR_DNS_PTR);
			continue;
		}
		ir_asker_want(r->asker, s->name, IR_DNS_A);
		ir_asker_want(r->asker, s->name, IR_DNS_AAAA);
		if (r->opts->host)
			continue;
		ir_asker_want(r->asker, s->name, IR_DNS_MX);
		ir_asker_want(r->asker, s->name, IR_DNS_TXT);
		for (k = 0; k < 3; k++) {
			snprintf(name, sizeof name, "%s.%s", under[k],
			    s->name);
			ir_asker_want(r->asker, name, IR_DNS_TXT);
		}
		for (k = 0; k < s->nkeys; k++) {
			snprintf(name, sizeof name, "%.140s._domainkey.%.140s",
			    s->key[k].selector, s->key[k].domain);
			ir_asker_want(r->asker, name, IR_DNS_TXT);
		}
	}
	ir_asker_fetch(r->asker);
}

static int
check_all(struct run *r)
{
	const struct opts *o = r->opts;
	int ms = o->common.timeout ? (int)o->common.timeout * 1000 :
	    DEFAULT_MS + (int)r->n * 2000;
	size_t i;

	if (ir_asker_open(&r->asker, o->resolver, ms, r->err))
		return -1;
	r->p = (struct ir_posture){ ir_asker_resolver(r->asker), put, r,
		ir_now() };
	fetch_known(r);
	for (i = 0; i < o->ip.n; i++)
		check_address(r, &r->ip[i], o->helo);
	for (i = 0; i < r->n && !ir_stopped(); i++) {
		const struct subject *s = &r->subject[i];

		if (!s->name[0])
			check_address(r, &s->ip, o->helo);
		else if (o->host)
			check_host(r, s);
		else
			check_domain(r, s);
	}
	if (i < r->n)
		return ir_fail(r->err, IR_TEMPFAIL, "stopped: %zu of %zu were "
		    "looked at", i, r->n);
	return 0;
}

/* Nagios: one line, and 0 fine, 1 warning, 2 critical, 3 unknown. */
static int
nagios(const struct run *r)
{
	static const char *const word[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };
	const size_t *c = r->count;
	int state = r->err->code ? 3 : c[IR_V_FAIL] ? 2 : c[IR_V_UNKNOWN] ?
	    3 : c[IR_V_WARN] ? 1 : 0;

	printf("SENDER %s - %.900s | fail=%zu warn=%zu unknown=%zu "
	    "pass=%zu\n", word[state], r->err->code ? r->err->msg :
	    r->bad.len ? ir_buf_cstr(&r->bad) : "nothing to mend",
	    c[IR_V_FAIL], c[IR_V_WARN], c[IR_V_UNKNOWN], c[IR_V_PASS]);
	return state;
}

static int
finish(struct run *r)
{
	const size_t *c = r->count;
	int code, state = 0;

	if (r->opts->nagios)
		state = nagios(r);
	code = ir_end(r->err, r->out, NULL);
	if (r->opts->nagios)
		return code == IR_IOERR ? code : state;
	return code ? code : c[IR_V_FAIL] ||
	    (r->opts->strict && c[IR_V_WARN]) ? IR_NO :
	    c[IR_V_UNKNOWN] ? IR_TEMPFAIL : 0;
}

static void
check_usage(const struct opts *o, int n)
{
	if (o->host && (o->selector.n || o->ses || o->mail_from ||
	    o->message || o->online))
		ir_die_usage("--host is for hosts: no --selector, --ses, "
		    "--mail-from, --message, --online-policy");
	if (o->url && !o->online)
		ir_die_usage("--policy-url goes with --online-policy");
	if (o->port < 1 || o->port > 65535)
		ir_die_usage("--port: 1 to 65535");
	if (n == 0 && !o->message && isatty(STDIN_FILENO))
		ir_die_usage("no domains, and standard input is a terminal");
	if (o->common.timeout > 86400)
		ir_die_usage("--timeout: at most a day");
}

static const struct ir_cmd command = {
	"sender-check", "is mail from this domain, host or address believed?",
	"[options] [domain|host|ip ...]"
};

static const struct ir_col cols[] = {
	{ "id", "SENDER" }, { "check", "CHECK" }, { "verdict", "VERDICT" },
	{ "why", "WHY" }, { "publish.0", "PUBLISH" }, { NULL, NULL }
};

int
main(int argc, char **argv)
{
	static struct opts o = { .port = 25 };
	const struct ir_opt opts[] = {
		{ 0, "ip", "IP", IR_LIST, &o.ip,
		    "address that sends; may be given many times" },
		{ 0, "helo", "NAME", IR_STR, &o.helo,
		    "what the host says in HELO; default: its reverse name" },
		{ 0, "host", NULL, IR_BOOL, &o.host,
		    "the names are hosts, not domains" },
		{ 0, "selector", "NAME", IR_LIST, &o.selector,
		    "of a DKIM key; may be given many times" },
		{ 0, "message", "FILE", IR_STR, &o.message,
		    "take domain and keys from a mail; - is standard input" },
		{ 0, "ses", "REGION", IR_STR, &o.ses,
		    "the domains send through SES there" },
		{ 0, "mail-from", "DOMAIN", IR_STR, &o.mail_from,
		    "envelope domain: a custom MAIL FROM of SES" },
		{ 0, "online-policy", NULL, IR_BOOL, &o.online,
		    "fetch the MTA-STS policy by HTTPS, too" },
		{ 0, "policy-url", "URL", IR_STR, &o.url,
		    "from there; {domain} is replaced" },
		{ 0, "ports", NULL, IR_BOOL, &o.ports,
		    "is port 25 open?" },
		{ 0, "relay-test", NULL, IR_BOOL, &o.relay,
		    "is the host an open relay? Sends nothing" },
		{ 0, "port", "PORT", IR_INT, &o.port,
		    "instead of 25, for these two" },
		{ 0, "resolver", "HOST[:PORT]", IR_STR, &o.resolver,
		    "name server, several by commas; "
		    "default: the system's" },
		{ 0, "strict", NULL, IR_BOOL, &o.strict,
		    "a warning is a no" },
		{ 0, "nagios", NULL, IR_BOOL, &o.nagios,
		    "one line, and exit 0, 1, 2 or 3 as a plugin" },
		IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .opts = &o, .err = &err, .bad = IR_BUF(1 << 20) };
	int n, code;

	ir_begin(&command);
	n = ir_parse(argc, argv, opts, &o.common);
	check_usage(&o, n);
	if (!o.nagios)
		r.out = ir_open_output(&o.common, cols);
	ir_catch_stop();
	if (read_subjects(&r, argv + 1, (size_t)n) == 0 &&
	    apply_options(&r) == 0)
		(void)check_all(&r);
	code = finish(&r);
	ir_asker_close(r.asker);
	free(r.subject);
	ir_buf_free(&r.bad);
	return code;
}
