/* smtp_probe.c - see smtp_probe.h */
#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>

#include "../core/text.h"
#include "smtp_probe.h"

#define OTHER_PORT_MS 3000

enum ir_smtp_tls
ir_smtp_tls_of(int port)
{
	return port == 465 || port == 2465 ? IR_SMTP_TLS_WRAP :
	    IR_SMTP_TLS_MUST;
}

/* A mail of our own making: who finds it knows what it was. */
static void
compose(const struct ir_smtp_probe *p, struct ir_smtp_answer *a,
    struct ir_buf *b)
{
	const char *domain = strrchr(p->from, '@');
	char hex[25] = "";
	unsigned char id[12] = { 0 };
	size_t i;

	(void)RAND_bytes(id, sizeof id);
	for (i = 0; i < sizeof id; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned)id[i]);
	snprintf(a->message_id, sizeof a->message_id, "<%s%s>", hex,
	    domain && strlen(domain) < 90 ? domain : "@localhost");
	ir_buf_fmt(b, "From: <%s>\nTo: <%s>\nSubject: quell: proof of sending\n"
	    "Message-ID: %s\nAuto-Submitted: auto-generated\n"
	    "MIME-Version: 1.0\nContent-Type: text/plain\n\n"
	    "Sent to prove that these credentials may send.\n", p->from,
	    p->to, a->message_id);
}

static int
converse(const struct ir_smtp_probe *p, struct ir_smtp *s,
    struct ir_smtp_answer *a, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(4096);
	int rc;

	if (p->user && ir_smtp_auth(s, p->user, p->password, err))
		return -1;
	if (!p->from)
		return 0;
	compose(p, a, &b);
	rc = ir_buf_check(&b, "message", err);
	if (rc == 0 && (rc = ir_smtp_mail(s, p->from, err)) == 0 &&
	    (rc = ir_smtp_rcpt(s, p->to, err)) == 0)
		rc = ir_smtp_data(s, ir_buf_cstr(&b), b.len, err);
	ir_buf_free(&b);
	return rc;
}

/* The first other port of SES's on which the host takes connections. */
static int
other_port(const struct ir_smtp_opts *o)
{
	static const int ports[] = { 587, 2587, 465, 2465 };
	struct ir_smtp_opts other = *o;
	size_t i;

	for (i = 0; i < sizeof ports / sizeof ports[0]; i++) {
		other.port = ports[i];
		if (other.timeout_ms == 0 || other.timeout_ms > OTHER_PORT_MS)
			other.timeout_ms = OTHER_PORT_MS;
		if (ir_smtp_reach(&other, NULL) == 0)
			return ports[i];
	}
	return 0;
}

int
ir_smtp_probe(const struct ir_smtp_probe *p, struct ir_smtp_answer *a,
    struct ir_err *err)
{
	struct ir_smtp_opts o = p->server;
	int64_t start = ir_mono_ms();
	struct ir_smtp *s;
	int rc;

	memset(a, 0, sizeof *a);
	a->facts.reply.stage = "connect";
	o.facts = &a->facts;
	rc = ir_smtp_open(&s, &o, err);
	if (rc == 0) {
		rc = converse(p, s, a, err);
		a->facts = *ir_smtp_facts(s);
		ir_smtp_close(s);
	}
	a->ms = ir_mono_ms() - start;
	ir_smtp_judge(&a->facts.reply, a->facts.trouble, &a->judged);
	if (p->server.port == 25 &&
	    (a->facts.trouble == IR_SMTP_NO_ANSWER ||
	    a->facts.trouble == IR_SMTP_NO_LISTENER ||
	    a->facts.trouble == IR_SMTP_NO_WAY) &&
	    (a->open_port = other_port(&p->server)) != 0)
		a->judged.verdict = IR_SV_BLOCKED;
	return rc;
}

/* --- relay ------------------------------------------------------------- */

/* local-to-foreign and so on: from, to and, of a source route, via. */
enum { FOREIGN, LOCAL, EMPTY, PERCENT, QUOTED, ROUTE, OWN };

static const struct {
	const char *name;
	int from, to;
	bool relays;		/* 250 to it is relaying, beyond doubt */
} relay_table[IR_RELAY_TESTS] = {
	{ "foreign-to-foreign", FOREIGN, FOREIGN, true },
	{ "local-to-foreign", LOCAL, FOREIGN, true },
	{ "empty-to-foreign", EMPTY, FOREIGN, true },
	{ "percent-hack", FOREIGN, PERCENT, false },
	{ "quoted-local-part", FOREIGN, QUOTED, false },
	{ "source-route", FOREIGN, ROUTE, true },
	{ "own-domain", FOREIGN, OWN, false },
};
#define OWN_DOMAIN (IR_RELAY_TESTS - 1)

static void
write_address(int kind, const char *foreign, const char *domain, char *out,
    size_t size)
{
	const char *at = strrchr(foreign, '@');
	int local = (int)(at - foreign);

	switch (kind) {
	case LOCAL:
	case OWN:
		snprintf(out, size, "postmaster@%s", domain);
		break;
	case EMPTY:
		out[0] = '\0';
		break;
	case PERCENT:
		snprintf(out, size, "%.*s%%%s@%s", local, foreign, at + 1,
		    domain);
		break;
	case QUOTED:
		snprintf(out, size, "\"%s\"@%s", foreign, domain);
		break;
	default:
		snprintf(out, size, "%s", foreign);
	}
}

/* One test on a connection; -1 when the connection is of no more use. */
static int
ask(struct ir_smtp *s, size_t i, const char *domain,
    struct ir_smtp_relay_test *t)
{
	struct ir_err quiet = IR_ERR_INIT;
	int code;

	if (ir_smtp_mail(s, t->from, &quiet) == 0) {
		if (relay_table[i].to == ROUTE)
			(void)ir_smtp_rcpt_via(s, domain, t->to, &quiet);
		else
			(void)ir_smtp_rcpt(s, t->to, &quiet);
	}
	t->reply = *ir_smtp_last(s);
	code = t->reply.code;
	t->answer = code / 100 == 2 ? IR_RELAY_ACCEPTED :
	    code / 100 == 5 ? IR_RELAY_REFUSED : IR_RELAY_LATER;
	return code == 0 || code == 421 || ir_smtp_rset(s, &quiet) ? -1 : 0;
}

/* Servers hang up after a few refusals: each test may have a new try. */
static int
ask_all(const struct ir_smtp_opts *o, struct ir_smtp *s, const char *domain,
    struct ir_smtp_relay_test *test)
{
	struct ir_err quiet = IR_ERR_INIT;
	bool fresh = true;
	size_t i = 0;

	while (i < IR_RELAY_TESTS) {
		if (!s && ir_smtp_open(&s, o, &quiet))
			break;
		if (ask(s, i, domain, &test[i]) == 0) {
			fresh = false;
			i++;
			continue;
		}
		/* hung up on a connection of its own: that is the answer */
		if (fresh || test[i].answer != IR_RELAY_LATER)
			i++;
		ir_smtp_close(s);
		s = NULL;
		fresh = true;
	}
	ir_smtp_close(s);
	return i == IR_RELAY_TESTS ? 0 : -1;
}

int
ir_smtp_relay(const struct ir_smtp_relay *r,
    struct ir_smtp_relay_test test[IR_RELAY_TESTS], char domain[256],
    struct ir_smtp_facts *facts, struct ir_err *err)
{
	struct ir_smtp_opts o = r->server;
	struct ir_smtp *s;
	size_t i;

	memset(test, 0, IR_RELAY_TESTS * sizeof *test);
	o.tls = IR_SMTP_TLS_MAY;
	o.facts = facts;
	if (!ir_smtp_address_ok(r->from) || !ir_smtp_address_ok(r->to) ||
	    strchr(r->from, '"') || strchr(r->to, '"'))
		return ir_fail(err, IR_USAGE, "not a plain mail address: %s",
		    ir_smtp_address_ok(r->from) ? r->to : r->from);
	if (ir_smtp_open(&s, &o, err))
		return -1;
	*facts = *ir_smtp_facts(s);
	snprintf(domain, 256, "%s", r->domain ? r->domain :
	    *facts->name ? facts->name : o.host);
	for (i = 0; i < IR_RELAY_TESTS; i++) {
		test[i].name = relay_table[i].name;
		test[i].answer = IR_RELAY_LATER;
		test[i].reply.stage = "connect";
		write_address(relay_table[i].from, r->from, domain,
		    test[i].from, sizeof test[i].from);
		write_address(relay_table[i].to, r->to, domain, test[i].to,
		    sizeof test[i].to);
	}
	(void)ask_all(&o, s, domain, test);
	return 0;
}

enum ir_smtp_relay_verdict
ir_smtp_relay_judge(const struct ir_smtp_relay_test test[IR_RELAY_TESTS],
    bool known, const char **why)
{
	bool hack = false, later = false;
	size_t i;

	for (i = 0; i < IR_RELAY_TESTS; i++) {
		if (test[i].answer == IR_RELAY_ACCEPTED &&
		    relay_table[i].relays) {
			*why = "mail for elsewhere is taken from anybody";
			return IR_RELAY_OPEN;
		}
		if (i == OWN_DOMAIN)
			continue;
		hack = hack || test[i].answer == IR_RELAY_ACCEPTED;
		later = later || test[i].answer == IR_RELAY_LATER;
	}
	if (hack) {
		*why = "an address with a second domain in its local part is "
		    "taken: relayed, or a mailbox that is not there; ask "
		    "exim -bt there";
		return IR_RELAY_UNDECIDED;
	}
	if (later) {
		*why = "not every question was answered for good";
		return IR_RELAY_UNDECIDED;
	}
	if (test[OWN_DOMAIN].answer == IR_RELAY_ACCEPTED) {
		*why = "takes mail for its own domain and for no other";
	} else if (known) {
		*why = "mail for its own domain is refused as well: it may "
		    "refuse just this client";
		return IR_RELAY_UNDECIDED;
	} else {
		*why = "takes mail for no other domain";
	}
	return IR_RELAY_CLOSED;
}
