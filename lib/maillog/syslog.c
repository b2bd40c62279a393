/* syslog.c - what other programs write, mostly by syslog; see line.h */
#include <stdio.h>
#include <string.h>

#include "line.h"

static const char *
find(const char *p, const char *end, const char *what)
{
	return p < end ? memmem(p, (size_t)(end - p), what, strlen(what)) :
	    NULL;
}

static bool
has(struct ir_span s, const char *what)
{
	return find(s.p, s.end, what) != NULL;
}

static bool
begins(struct ir_span s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s.end - s.p) >= n && memcmp(s.p, what, n) == 0;
}

/* What stands between `before` and one of `stop`; false: it is not there. */
static bool
between(struct ir_span s, const char *before, const char *stop,
    struct ir_span *out)
{
	const char *p = find(s.p, s.end, before);

	if (!p)
		return false;
	out->p = p + strlen(before);
	for (out->end = out->p; out->end < s.end &&
	    !strchr(stop, *out->end); out->end++)
		continue;
	return true;
}

static void
set_name(struct ir_mlog_line *l, enum ir_mlog_who who, struct ir_span v)
{
	if (v.p == v.end)
		return;
	l->who = who;
	l->name = v.p;
	l->nname = (size_t)(v.end - v.p);
}

static bool
set_ip(struct ir_mlog_line *l, struct ir_span v)
{
	return ir_mlog_addr(v.p, (size_t)(v.end - v.p), &l->ip);
}

static unsigned
count(struct ir_span v)
{
	unsigned n = 0;

	for (; v.p < v.end && *v.p >= '0' && *v.p <= '9' && n < 100000; v.p++)
		n = n * 10 + (unsigned)(*v.p - '0');
	return n;
}

/* --- Dovecot ------------------------------------------------------------ */

/* "pam(USER,IP[,<session>]): unknown user": the worker's word */
static void
dovecot_worker(struct ir_span s, struct ir_mlog_line *l)
{
	static const char *const db[] = { "pam(", "sql(", "ldap(",
		"passwd-file(", "static(", "lua(", "shadow(", "passwd(" };
	struct ir_span in = { NULL, NULL }, v;
	const char *comma;
	size_t i;

	for (i = 0; i < sizeof db / sizeof *db && !in.p; i++)
		if (!between(s, db[i], ")", &in))
			in.p = NULL;
	if (!in.p || !(has(s, "unknown user") || has(s, "assword mismatch") ||
	    has(s, "invalid credentials") || has(s, "Authentication failure")))
		return;
	comma = memchr(in.p, ',', (size_t)(in.end - in.p));
	if (!comma)
		return;
	v = (struct ir_span){ comma + 1, in.end };
	comma = memchr(v.p, ',', (size_t)(v.end - v.p));
	if (comma)
		v.end = comma;
	if (!set_ip(l, v))
		return;
	v = (struct ir_span){ in.p, v.p - 1 };
	set_name(l, IR_MLOG_ACCOUNT, v);
	l->kind = IR_MLOG_FAIL;
	l->n = 1;
}

static void
dovecot(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span v;

	if (has(s, "auth-worker")) {
		dovecot_worker(s, l);
		return;
	}
	if (!has(s, "-login: "))
		return;
	if (!between(s, " rip=", ", ", &v) || !set_ip(l, v))
		return;
	if (between(s, "(auth failed, ", " ", &v)) {
		l->kind = IR_MLOG_FAIL;
		l->n = count(v);
	} else if (has(s, " Login: user=<")) {
		l->kind = IR_MLOG_LOGIN;
	} else {
		return;
	}
	if (between(s, " user=<", ">", &v))
		set_name(l, IR_MLOG_ACCOUNT, v);
}

/* --- Courier ------------------------------------------------------------ */

static void
courier(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span v;

	if (between(s, " ip=[", "]", &v))
		(void)set_ip(l, v);
	if (has(s, "LOGIN FAILED, ")) {
		l->kind = IR_MLOG_FAIL;
		l->n = 1;
	} else if (has(s, "LOGIN, user=")) {
		l->kind = IR_MLOG_LOGIN;
	} else {
		return;
	}
	if (between(s, " user=", ",", &v))
		set_name(l, IR_MLOG_ACCOUNT, v);
}

/* --- qmail, Plesk ------------------------------------------------------- */

/* "/var/qmail/mailnames/DOMAIN/USER logged in": USER@DOMAIN */
static void
plesk_path(struct ir_span v, struct ir_mlog_line *l)
{
	const char *slash = memchr(v.p, '/', (size_t)(v.end - v.p));
	int n;

	if (!slash || slash + 1 == v.end)
		return;
	n = snprintf(l->store, sizeof l->store, "%.*s@%.*s",
	    (int)(v.end - slash - 1 > 90 ? 90 : v.end - slash - 1), slash + 1,
	    (int)(slash - v.p > 90 ? 90 : slash - v.p), v.p);
	l->who = IR_MLOG_ACCOUNT;
	l->name = l->store;
	l->nname = (size_t)n;
}

static void
plesk_auth(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span v;

	if (has(s, " logged in from ") &&
	    between(s, "/var/qmail/mailnames/", " ", &v)) {
		plesk_path(v, l);
		/* one session: the only word there is of what it sent */
		l->kind = IR_MLOG_ARRIVE;
		l->sender = v.p;
		l->nsender = 0;
	} else if (between(s, "FAILED: ", " ", &v) && has(s, "password")) {
		set_name(l, IR_MLOG_ACCOUNT, v);
		l->kind = IR_MLOG_FAIL;
		l->n = 1;
	} else if (between(s, "attempt for user '", "'", &v)) {
		set_name(l, IR_MLOG_ACCOUNT, v);
		l->kind = IR_MLOG_FAIL;
		l->n = 1;
	}
	if (l->kind != IR_MLOG_NONE && between(s, "[", "]", &v) &&
	    !set_ip(l, v) && between((struct ir_span){ v.end, s.end }, "[",
	    "]", &v))
		(void)set_ip(l, v);
}

static void
qmail_id(struct ir_span v, struct ir_mlog_line *l)
{
	char text[24];
	int n = snprintf(text, sizeof text, "qmail:%u", count(v));

	l->id = ir_mlog_id_hash(text, (size_t)n);
}

static void
qmail(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span v;

	if (between(s, "info msg ", ":", &v)) {
		qmail_id(v, l);
		l->kind = IR_MLOG_ARRIVE;
		if (between(s, " from <", ">", &v)) {
			l->sender = v.p;
			l->nsender = (size_t)(v.end - v.p);
		}
		if (between(s, " uid ", " ", &v)) {
			l->nname = (size_t)snprintf(l->store, sizeof l->store,
			    "uid:%u", count(v));
			l->name = l->store;
			if (l->nsender)
				l->who = IR_MLOG_USER;
		}
	} else if (has(s, "starting delivery ") && has(s, " to remote ") &&
	    between(s, ": msg ", " ", &v)) {
		qmail_id(v, l);
		l->kind = IR_MLOG_SENT;
	} else if (between(s, "end msg ", " ", &v)) {
		qmail_id(v, l);
		l->kind = IR_MLOG_DONE;
	}
}

/* --- Postfix ------------------------------------------------------------ */

/* "QID: ", moved over; 0 when it has none */
static bool
queue_id(struct ir_span *s, struct ir_mlog_line *l)
{
	const char *p = s->p;

	while (p < s->end && ((*p >= '0' && *p <= '9') ||
	    (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z')))
		p++;
	if (p - s->p < 5 || p - s->p > 22 || s->end - p < 2 || *p != ':' ||
	    p[1] != ' ')
		return false;
	l->id = ir_mlog_id_hash(s->p, (size_t)(p - s->p));
	s->p = p + 2;
	return true;
}

static void
postfix_client(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span v;

	/* the name before the bracket is the client's choice; a bracket is
	 * not in it */
	if (between(s, "[", "]", &v))
		(void)set_ip(l, v);
	l->kind = IR_MLOG_ARRIVE;
	l->nsender = 0;
	if (between(s, ", sasl_username=", ",", &v)) {
		set_name(l, IR_MLOG_ACCOUNT, v);
	} else if (l->ip.family && ir_mlog_addr_inside(&l->ip)) {
		set_name(l, IR_MLOG_PEER, v);	/* still the bracket */
	}
}

static void
postfix_status(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span v;

	if (!between(s, ", status=", " ", &v))
		return;
	if (begins(v, "sent"))
		l->kind = IR_MLOG_SENT;
	else if (begins(v, "bounced") || begins(v, "expired"))
		l->kind = IR_MLOG_BOUNCE;
	else if (begins(v, "deferred"))
		l->kind = IR_MLOG_DEFER;
}

static void
postfix(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span v;
	const char *p;

	if (begins(s, "warning: ")) {
		p = find(s.p, s.end, "]: SASL ");
		if (!p || !has(s, " authentication failed"))
			return;
		for (v.end = p; p > s.p && p[-1] != '['; p--)
			continue;
		v.p = p;
		(void)set_ip(l, v);
		if (between(s, ", sasl_username=", ",", &v))
			set_name(l, IR_MLOG_ACCOUNT, v);
		l->kind = IR_MLOG_FAIL;
		l->n = 1;
		return;
	}
	if (!queue_id(&s, l))
		return;
	if (begins(s, "client=")) {
		postfix_client(s, l);
	} else if (begins(s, "uid=")) {
		l->kind = IR_MLOG_ARRIVE;
		l->nname = (size_t)snprintf(l->store, sizeof l->store,
		    "uid:%u", count((struct ir_span){ s.p + 4, s.end }));
		l->name = l->store;
		l->who = IR_MLOG_USER;
	} else if (begins(s, "removed")) {
		l->kind = IR_MLOG_DONE;
	} else if (begins(s, "to=<")) {
		postfix_status(s, l);
	} else {
		l->id = 0;
	}
}

/* --- all ---------------------------------------------------------------- */

/* "host prog[pid]: ", "prog[pid]: ", "prog: "; what follows is in *s */
static bool
program(struct ir_span *s, struct ir_span *prog)
{
	const char *colon = NULL, *q, *p = s->p;
	int words;

	for (words = 0; words < 3 && p < s->end; words++) {
		q = memchr(p, ' ', (size_t)(s->end - p));
		if (!q)
			return false;
		if (q > p && q[-1] == ':') {
			colon = q - 1;
			break;
		}
		p = q + 1;
	}
	if (!colon)
		return false;
	*prog = (struct ir_span){ p, colon };
	q = memchr(p, '[', (size_t)(colon - p));
	if (q)
		prog->end = q;
	s->p = colon + 2;
	return true;
}

void
ir_mlog_syslog(struct ir_span s, struct ir_mlog_line *l)
{
	struct ir_span prog, whole = s;
	const char *p;

	if (!program(&s, &prog))
		return;
	if (begins(prog, "exim")) {
		/* its own time may follow the one of syslog */
		p = s.p;
		if (s.end - p > 20 && p[4] == '-' && p[7] == '-' &&
		    p[13] == ':' && p[16] == ':') {
			p = memchr(p + 11, ' ', (size_t)(s.end - p - 11));
			if (p && s.end - p > 6 && (p[1] == '+' || p[1] == '-'))
				p = memchr(p + 1, ' ', (size_t)(s.end - p - 1));
			if (!p)
				return;
			s.p = p + 1;
		}
		(void)ir_mlog_exim(s, l);
	} else if (begins(prog, "postfix")) {
		postfix(s, l);
	} else if (begins(prog, "dovecot")) {
		dovecot(s, l);
	} else if (find(prog.p, prog.end, "-login") ||
	    begins(prog, "auth-worker")) {
		dovecot(whole, l);	/* Dovecot's own file has no host */
	} else if (begins(prog, "imapd") || begins(prog, "pop3d") ||
	    begins(prog, "courier") || begins(prog, "authdaemond")) {
		courier(s, l);
	} else if (begins(prog, "smtp_auth") ||
	    begins(prog, "plesk_saslauthd")) {
		plesk_auth(s, l);
	} else if (begins(prog, "qmail")) {
		qmail(s, l);
	}
}

/* --- what is secret ----------------------------------------------------- */

static void
mask(char *p, char *end, const char *stop)
{
	for (; p < end && !strchr(stop, *p); p++)
		*p = '*';
}

static void
mask_after(char *line, size_t n, const char *what, const char *stop)
{
	char *p = line, *end = line + n;
	size_t len = strlen(what);

	while (p < end && (p = memmem(p, (size_t)(end - p), what, len))) {
		p += len;
		mask(p, end, stop);
	}
}

void
ir_mlog_redact(char *line, size_t n)
{
	static const char sasl[] = " authentication failed: ";
	char *p;

	mask_after(line, n, "given password: ", "");
	mask_after(line, n, "cmd: AUTH LOGIN ", "");
	mask_after(line, n, "cmd: AUTH PLAIN ", "");
	mask_after(line, n, "AUTH PLAIN ", " ");
	mask_after(line, n, "password=", " ,;)");
	mask_after(line, n, "passwd=", " ,;)");
	mask_after(line, n, "pass=", " ,;)");
	/* what was typed as a password, in base64, may follow */
	p = memmem(line, n, sasl, sizeof sasl - 1);
	if (p) {
		p += sizeof sasl - 1;
		if (!memmem(p, (size_t)(line + n - p), "authentication", 14))
			mask(p, line + n, ",");
	}
}
