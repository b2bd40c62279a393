/* courier.c - see courier.h */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/proc.h"
#include "../core/text.h"
#include "../net/dns.h"
#include "courier.h"

#define MAX_MX 5

bool
ir_courier_is_ses(const char *host)
{
	static const char *const ends[] = { ".amazonaws.com",
	    ".amazonaws.com.cn", ".aws", ".api.aws" };
	char name[256];
	size_t i, n, e;

	snprintf(name, sizeof name, "%s", host);
	n = strlen(name);
	while (n && name[n - 1] == '.')
		name[--n] = '\0';
	if (!ir_ascii_starts(name, "email-smtp"))
		return false;
	for (i = 0; i < sizeof ends / sizeof *ends; i++) {
		e = strlen(ends[i]);
		if (n > e && ir_ascii_ieq(name + n - e, ends[i]))
			return true;
	}
	return false;
}

const char *
ir_courier_word(const struct ir_courier *c)
{
	return c->ses ? "ses" : c->sendmail ? "sendmail" : c->mx ? "mx" :
	    ir_courier_is_ses(c->relay) ? "ses" : "relay";
}

/* "250 Ok 0100019b-..." of email-smtp.REGION.amazonaws.com */
static void
replaced_id(const char *host, struct ir_courier_result *r)
{
	const char *dot = strchr(host, '.');
	char region[64];

	snprintf(region, sizeof region, "%.*s", dot ?
	    (int)strcspn(dot + 1, ".") : 0, dot ? dot + 1 : "");
	if (ir_ascii_starts(r->reply, "250 Ok "))
		ir_courier_ses_id(region, r->reply + 7, r->remote_id,
		    sizeof r->remote_id);
}

static void
said(struct ir_courier_result *r, const struct ir_smtp_reply *reply)
{
	if (reply && reply->code)
		snprintf(r->reply, sizeof r->reply, "%d %.500s", reply->code,
		    reply->text);
}

/* Envelope: all but the message. */
static int
envelope(struct ir_smtp *s, const struct ir_message *m,
    struct ir_courier_result *r, struct ir_err *err)
{
	struct ir_err ignored = IR_ERR_INIT;
	size_t i;

	if (ir_smtp_mail(s, m->from, err) || ir_smtp_rcpt(s, m->to[0], err))
		return -1;
	for (i = 1; i < m->nto; i++) {
		if (ir_smtp_rcpt(s, m->to[i], &ignored) == 0)
			continue;
		/* the copy is not worth the answer, a dead session is */
		if (ir_smtp_last(s)->code < 400) {
			*err = ignored;
			return -1;
		}
		r->refused++;
	}
	return 0;
}

/* One server.  *past: the message may have been sent. */
static int
one_server(const struct ir_courier *c, const struct ir_smtp_opts *o,
    const struct ir_message *m,
    int (*before)(void *, const char *, struct ir_err *), void *arg,
    struct ir_courier_result *r, bool *past, struct ir_err *err)
{
	struct ir_smtp *s = NULL;
	int rc = -1;

	r->refused = 0;
	r->reply[0] = '\0';
	snprintf(r->transport, sizeof r->transport, "smtp %.200s:%d", o->host,
	    o->port);
	if (ir_smtp_open(&s, o, err) ||
	    (c->user && ir_smtp_auth(s, c->user, c->password, err)) ||
	    envelope(s, m, r, err))
		goto out;
	*past = true;
	if (before(arg, r->transport, err)) {
		ir_smtp_close(s);	/* no DATA: nothing was sent */
		return -1;
	}
	rc = ir_smtp_data(s, m->bytes, m->n, err);
out:
	if (s)
		said(r, ir_smtp_last(s));
	else		/* it never came to a session */
		snprintf(r->reply, sizeof r->reply, "%s", err->msg);
	ir_smtp_close(s);
	return rc;
}

static int
by_pref(const void *a, const void *b)
{
	const struct ir_dns_answer *x = a, *y = b;

	return x->pref - y->pref;
}

static int
dns_fail(const struct ir_dns_query *q, struct ir_err *err)
{
	bool temp = q->status == IR_DNS_SERVFAIL ||
	    q->status == IR_DNS_TIMEOUT || q->status == IR_DNS_REFUSED;

	return ir_fail(err, temp ? IR_TEMPFAIL : IR_UNAVAILABLE, "%s: %s",
	    q->name, ir_dns_status_word(q->status));
}

/* The address of a host, asked of the same resolver. */
static int
address_of(const struct ir_courier *c, const char *host, char *addr,
    size_t size, struct ir_err *err)
{
	struct ir_dns_opts o = { .resolver = c->resolver };
	struct ir_dns_query *q = calloc(2, sizeof *q);
	int rc = -1;

	if (!q)
		return ir_fail(err, IR_OSERR, "no memory");
	snprintf(q[0].name, sizeof q[0].name, "%s", host);
	q[0].type = IR_DNS_A;
	snprintf(q[1].name, sizeof q[1].name, "%s", host);
	q[1].type = IR_DNS_AAAA;
	if (ir_dns_run(&o, q, 2, NULL, NULL, err) == 0) {
		if (q[0].n || q[1].n) {
			snprintf(addr, size, "%s",
			    q[q[0].n ? 0 : 1].answer[0].text);
			rc = 0;
		} else {
			dns_fail(q, err);
		}
	}
	ir_dns_query_free(&q[0]);
	ir_dns_query_free(&q[1]);
	free(q);
	return rc;
}

/* The recipient's mail servers, best first; without MX, the domain (RFC
 * 5321 5.1). */
static int
servers(const struct ir_courier *c, const char *to, struct ir_dns_query *q,
    struct ir_err *err)
{
	struct ir_dns_opts o = { .resolver = c->resolver };

	memset(q, 0, sizeof *q);
	snprintf(q->name, sizeof q->name, "%s", strrchr(to, '@') + 1);
	q->type = IR_DNS_MX;
	if (ir_dns_run(&o, q, 1, NULL, NULL, err))
		return -1;
	if (q->status == IR_DNS_NODATA) {
		ir_dns_query_free(q);
		q->answer = calloc(1, sizeof *q->answer);
		if (!q->answer)
			return ir_fail(err, IR_OSERR, "no memory");
		q->n = 1;
		q->answer[0].text = q->name;
		return 0;
	}
	if (q->status != IR_DNS_OK || q->n == 0)
		return dns_fail(q, err);
	qsort(q->answer, q->n, sizeof *q->answer, by_pref);
	if (!q->answer[0].text[0] || strcmp(q->answer[0].text, ".") == 0)
		return ir_fail(err, IR_UNAVAILABLE,
		    "%s takes no mail (null MX)", q->name);
	return 0;
}

/* "550 no", not a host whose name begins with a 5. */
static bool
refused(const char *reply)
{
	return reply[0] == '5' && strspn(reply, "0123456789") == 3 &&
	    reply[3] == ' ';
}

static int
by_mx(const struct ir_courier *c, const struct ir_message *m,
    int (*before)(void *, const char *, struct ir_err *), void *arg,
    struct ir_courier_result *r, struct ir_err *err)
{
	struct ir_smtp_opts o = { .port = c->mx_port ? c->mx_port : 25,
	    .tls = IR_SMTP_TLS_MAY, .ca_file = c->ca_file,
	    .timeout_ms = c->timeout_ms };
	struct ir_dns_query *q = calloc(1, sizeof *q);
	char addr[256];
	bool past = false;
	size_t i;
	int rc = -1;

	if (!q)
		return ir_fail(err, IR_OSERR, "no memory");
	if (servers(c, m->to[0], q, err))
		goto out;
	for (i = 0; i < q->n && i < MAX_MX; i++) {
		o.host = q->answer[i].text;
		o.address = addr;
		rc = address_of(c, o.host, addr, sizeof addr, err);
		if (rc == 0)
			rc = one_server(c, &o, m, before, arg, r, &past,
			    err);
		/* refused for good is an answer; anything else: the next */
		if (rc == 0 || past || refused(r->reply))
			break;
	}
out:
	ir_dns_query_free(q);
	free(q);
	return rc;
}

/* Local mail programs want the host's line ends. */
static void
without_cr(const struct ir_message *m, struct ir_buf *out)
{
	const char *p = m->bytes, *end = p + m->n, *cr;

	for (; (cr = memchr(p, '\r', (size_t)(end - p))); p = cr + 1)
		ir_buf_add(out, p, (size_t)(cr - p));
	ir_buf_add(out, p, (size_t)(end - p));
}

static int
by_sendmail(const struct ir_courier *c, const struct ir_message *m,
    int (*before)(void *, const char *, struct ir_err *), void *arg,
    struct ir_courier_result *r, struct ir_err *err)
{
	const char *argv[IR_COURIER_RCPTS + 6] = { c->sendmail, "-i", "-f",
	    m->from, "--" };
	struct ir_buf in = IR_BUF(m->n);
	struct ir_proc p = { .argv = argv, .timeout_ms = c->timeout_ms };
	struct ir_proc_result res = IR_PROC_RESULT(65536);
	struct ir_err mine = IR_ERR_INIT;
	char path[PATH_MAX];
	size_t i;
	int rc;

	for (i = 0; i < m->nto; i++)
		argv[5 + i] = m->to[i];
	snprintf(r->transport, sizeof r->transport, "sendmail %.200s",
	    c->sendmail);
	if (ir_proc_find(c->sendmail, path, sizeof path, err) ||
	    before(arg, r->transport, err))
		return -1;
	without_cr(m, &in);
	p.in = ir_buf_cstr(&in);
	p.in_len = in.len;
	rc = ir_proc_run(&p, &res, &mine);
	snprintf(r->reply, sizeof r->reply, "exit %d %.400s", res.status,
	    ir_buf_cstr(&res.err));
	ir_text_printable(r->reply);
	if (rc && mine.code == IR_OSERR)
		ir_fail(err, IR_TEMPFAIL, "%s", mine.msg);
	else if (rc || res.status >= 128)	/* it may have taken it */
		rc = ir_fail(err, IR_UNKNOWN, "%s: %s", c->sendmail,
		    rc ? mine.msg : "was killed");
	else if (res.status)
		rc = ir_fail(err, res.status == 75 ? IR_TEMPFAIL :
		    IR_UNAVAILABLE, "%s: exit %d", c->sendmail, res.status);
	ir_buf_free(&res.out);
	ir_buf_free(&res.err);
	ir_buf_free(&in);
	return rc;
}

int
ir_courier_send(const struct ir_courier *c, const struct ir_message *m,
    int (*before)(void *, const char *, struct ir_err *), void *arg,
    struct ir_courier_result *r, struct ir_err *err)
{
	struct ir_smtp_opts o = { .host = c->relay, .port = c->port,
	    .tls = c->tls, .ca_file = c->ca_file,
	    .timeout_ms = c->timeout_ms };
	bool past = false;
	int rc;

	memset(r, 0, sizeof *r);
	if (c->ses)
		return ir_courier_by_ses(c, m, before, arg, r, err);
	if (c->sendmail)
		return by_sendmail(c, m, before, arg, r, err);
	if (c->mx)
		return by_mx(c, m, before, arg, r, err);
	rc = one_server(c, &o, m, before, arg, r, &past, err);
	if (rc == 0 && ir_courier_is_ses(c->relay))
		replaced_id(c->relay, r);
	return rc;
}
