/* delivery.c - see delivery.h */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "delivery.h"

/* A part of the line. */
struct span {
	const char *p, *end;
};

static bool
digits(const char *p, int n)
{
	while (n-- > 0)
		if (p[n] < '0' || p[n] > '9')
			return false;
	return true;
}

static int
number(const char *p, int n)
{
	int v = 0;

	while (n-- > 0)
		v = v * 10 + (*p++ - '0');
	return v;
}

static const char *
find(struct span s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s.end - s.p) < n ? NULL :
	    memmem(s.p, (size_t)(s.end - s.p), what, n);
}

static bool
starts(struct span s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s.end - s.p) >= n && memcmp(s.p, what, n) == 0;
}

/* Lower case, what is no name made '?'. */
static void
copy_name(char *to, size_t size, const char *p, size_t n)
{
	size_t i;

	if (n >= size)
		n = size - 1;
	for (i = 0; i < n; i++)
		to[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) :
		    p[i] <= ' ' || p[i] > '~' ? '?' : p[i];
	to[n] = '\0';
}

/* --- times -------------------------------------------------------------- */

static int64_t
of_wall(int64_t t, const struct ir_delivery_clock *c)
{
	return c->utc ? t : ir_time_local(t);
}

/* "2026-11-21 18:00:00[.123][ +0100] ", and moves on. */
static bool
exim_time(struct span *s, const struct ir_delivery_clock *c, int64_t *t)
{
	const char *p = s->p;
	int64_t zone = 0;
	bool zoned = false;

	if (s->end - p < 20 || !digits(p, 4) || p[4] != '-' ||
	    !digits(p + 5, 2) || p[7] != '-' || !digits(p + 8, 2) ||
	    p[10] != ' ' || !digits(p + 11, 2) || p[13] != ':' ||
	    !digits(p + 14, 2) || p[16] != ':' || !digits(p + 17, 2))
		return false;
	*t = ir_time_civil(number(p, 4), number(p + 5, 2), number(p + 8, 2),
	    number(p + 11, 2), number(p + 14, 2), number(p + 17, 2));
	p += 19;
	if (*p == '.')
		for (p++; p < s->end && *p >= '0' && *p <= '9'; p++)
			continue;
	if (s->end - p > 6 && p[0] == ' ' && (p[1] == '+' || p[1] == '-') &&
	    digits(p + 2, 4)) {
		zone = number(p + 2, 2) * 3600 + number(p + 4, 2) * 60;
		zone = p[1] == '-' ? -zone : zone;
		zoned = true;
		p += 6;
	}
	*t = zoned ? *t - zone : of_wall(*t, c);
	if (p < s->end && *p == ' ')
		p++;
	s->p = p;
	return true;
}

/* "Nov 21 18:00:00 ", of the last year that is not in the future. */
static bool
syslog_time(struct span *s, const struct ir_delivery_clock *c, int64_t *t)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *p = s->p;
	time_t now = (time_t)c->now;
	struct tm tm;
	int mon, day;

	if (s->end - p < 16 || p[3] != ' ')
		return false;
	for (mon = 0; mon < 12 && memcmp(months + mon * 3, p, 3); mon++)
		continue;
	p += 4;
	if (*p == ' ')
		p++;
	day = digits(p, 2) ? 2 : digits(p, 1) ? 1 : 0;
	if (mon == 12 || !day || p[day] != ' ' || s->end - p < day + 10 ||
	    !digits(p + day + 1, 2) || p[day + 3] != ':' ||
	    !digits(p + day + 4, 2) || p[day + 6] != ':' ||
	    !digits(p + day + 7, 2) || p[day + 9] != ' ' ||
	    !gmtime_r(&now, &tm))
		return false;
	for (*t = c->now + 2 * 86400; *t > c->now + 86400; tm.tm_year--)
		*t = of_wall(ir_time_civil(tm.tm_year + 1900, mon + 1,
		    number(p, day), number(p + day + 1, 2),
		    number(p + day + 4, 2), number(p + day + 7, 2)), c);
	s->p = p + day + 10;
	return true;
}

/* "2026-11-21T18:00:00.123456+01:00 " */
static bool
iso_time(struct span *s, int64_t *t)
{
	const char *sp = memchr(s->p, ' ', s->end - s->p > 40 ? 40 :
	    (size_t)(s->end - s->p));
	char text[44];

	if (!sp || sp - s->p < 20 || s->p[10] != 'T')
		return false;
	memcpy(text, s->p, (size_t)(sp - s->p));
	text[sp - s->p] = '\0';
	if (ir_time_parse(text, t))
		return false;
	s->p = sp + 1;
	return true;
}

/* --- replies ------------------------------------------------------------ */

/* "550 ", "550-", and "5.7.1 " after it; where the text begins. */
static const char *
codes(const char *p, const char *end, int *code, char enhanced[16])
{
	const char *q;
	int dots = 0;

	*code = 0;
	enhanced[0] = '\0';
	if (end - p < 3 || !digits(p, 3) || *p < '2' || *p > '5' ||
	    (end - p > 3 && p[3] != ' ' && p[3] != '-' && p[3] != '\\'))
		return p;
	*code = number(p, 3);
	p += end - p > 3 && p[3] != '\\' ? 4 : 3;
	while (p < end && (*p == ' ' || *p == '#'))
		p++;
	for (q = p; q < end && q - p < 15 &&
	    (*q == '.' || (*q >= '0' && *q <= '9')); q++)
		dots += *q == '.';
	if (dots == 2 && q - p >= 5 && (q == end || *q == ' ' || *q == ':' ||
	    *q == '\\') && q[-1] != '.' && p[1] == '.') {
		memcpy(enhanced, p, (size_t)(q - p));
		enhanced[q - p] = '\0';
		p = q;
		while (p < end && (*p == ' ' || *p == ':'))
			p++;
	}
	return p;
}

void
ir_delivery_reply(const char *p, size_t n, struct ir_delivery *d)
{
	struct ir_buf raw = IR_BUF(2 * IR_DELIVERY_TEXT);
	struct ir_buf clean = IR_BUF(8 * IR_DELIVERY_TEXT);
	const char *end = p + n, *q;
	char enhanced[16];
	size_t len;
	int code;

	if (n > IR_DELIVERY_TEXT)
		end = p + IR_DELIVERY_TEXT;
	p = codes(p, end, &d->code, d->enhanced);
	while (p < end) {
		/* the next line of the reply, however it is joined */
		q = *p == '\n' ? p + 1 : *p == ' ' ? p + 1 :
		    end - p > 1 && p[0] == '\\' && p[1] == 'n' ? p + 2 : NULL;
		if (q && d->code) {
			const char *text = codes(q, end, &code, enhanced);

			if (code == d->code && (*p != ' ' ||
			    strcmp(enhanced, d->enhanced) == 0)) {
				ir_buf_chr(&raw, ' ');
				p = text;
				continue;
			}
		}
		if (q && *p != ' ') {
			ir_buf_chr(&raw, ' ');
			p = q;
			continue;
		}
		ir_buf_chr(&raw, *p++);
	}
	ir_text_clean(&clean, ir_buf_cstr(&raw), raw.len);
	len = ir_text_cut(ir_buf_cstr(&clean), clean.len,
	    IR_DELIVERY_TEXT - 1);
	memcpy(d->text, ir_buf_cstr(&clean), len);
	while (len && d->text[len - 1] == ' ')
		len--;
	d->text[len] = '\0';
	ir_buf_free(&raw);
	ir_buf_free(&clean);
}

/* --- Exim --------------------------------------------------------------- */

static bool
id_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

/* "1xUnbX-0004Fv-1l " or "1xUnbX-00000004Fv1-0abc ", and moves on. */
static bool
exim_id(struct span *s, char id[28])
{
	static const int parts[2][3] = { { 6, 6, 2 }, { 6, 11, 4 } };
	const char *p;
	int form, part, i;

	for (form = 0; form < 2; form++) {
		p = s->p;
		for (part = 0; part < 3; part++) {
			for (i = 0; i < parts[form][part] && p < s->end &&
			    id_char(*p); i++)
				p++;
			if (i < parts[form][part] || p == s->end ||
			    *p != (part < 2 ? '-' : ' '))
				break;
			p++;
		}
		if (part < 3)
			continue;
		memcpy(id, s->p, (size_t)(p - 1 - s->p));
		id[p - 1 - s->p] = '\0';
		s->p = p;
		return true;
	}
	return false;
}

/* The domain of the first of the words that is an address. */
static void
take_rcpt(struct span s, struct ir_delivery *d)
{
	const char *p, *at, *sp;
	int words;

	for (words = 0; words < 3 && s.p < s.end; words++) {
		sp = memchr(s.p, ' ', (size_t)(s.end - s.p));
		if (!sp)
			sp = s.end;
		if (sp - s.p > 2 && s.p[1] == '=')
			return;		/* R=, T=: no more addresses */
		for (at = NULL, p = s.p; p < sp; p++)
			if (*p == '@')
				at = p;
		if (at) {
			for (p = at + 1; p < sp && !strchr(">,:;\"", *p); p++)
				continue;
			copy_name(d->domain, sizeof d->domain, at + 1,
			    (size_t)(p - at - 1));
			return;
		}
		s.p = sp < s.end ? sp + 1 : sp;
	}
}

/* "host.example [192.0.2.1]": what is in the last bracket is the address. */
static void
take_host(struct span s, struct ir_delivery *d)
{
	const char *open, *close, *p;

	for (p = s.p; p < s.end && *p != ' ' && *p != '['; p++)
		continue;
	copy_name(d->host, sizeof d->host, s.p, (size_t)(p - s.p));
	open = memchr(p, '[', (size_t)(s.end - p));
	close = open ? memchr(open, ']', (size_t)(s.end - open)) : NULL;
	if (close && open - p <= 1)
		copy_name(d->ip, sizeof d->ip, open + 1,
		    (size_t)(close - open - 1));
}

/* Where the reply begins: after ": ", three digits, blank or hyphen. */
static const char *
find_reply(struct span s)
{
	const char *p;

	for (p = s.p; p + 5 < s.end; p++)
		if (p[0] == ':' && p[1] == ' ' && digits(p + 2, 3) &&
		    (p[2] == '4' || p[2] == '5') &&
		    (p[5] == ' ' || p[5] == '-'))
			return p + 2;
	return NULL;
}

/* It could not even be talked to. */
static const char *
find_broken(struct span s)
{
	static const char *const said[] = { "Connection timed out",
		"Connection refused", "Connection reset by peer",
		"Network is unreachable", "No route to host",
		"Remote host closed connection",
		"lost connection with", "conversation with" };
	const char *p;
	size_t i;

	for (i = 0; i < sizeof said / sizeof *said; i++)
		if ((p = find(s, said[i])))
			return p;
	return NULL;
}

static int
exim_failure(struct span s, struct ir_delivery *d)
{
	const char *h, *smtp, *p;
	struct span after;

	h = starts(s, "H=") ? s.p + 2 : find(s, " H=");
	smtp = find(s, "SMTP error from remote ");
	if (h && (!smtp || h < smtp))
		take_host((struct span){ h + (*h == ' ' ? 3 : 0), s.end }, d);
	if (smtp) {
		after = (struct span){ smtp, s.end };
		/* as old versions have it: "...: host mx [192.0.2.1]: 550 " */
		p = find(after, ": host ");
		if (p && !d->host[0])
			take_host((struct span){ p + 7, s.end }, d);
		p = find_reply(after);
		if (!p)
			p = find(after, ": ") ? find(after, ": ") + 2 : smtp;
		ir_delivery_reply(p, (size_t)(s.end - p), d);
		return 1;
	}
	p = d->host[0] ? find_broken(s) : NULL;
	if (!p)
		return d->kind == IR_HOST_REFUSED ? 0 : 2;
	ir_delivery_reply(p, (size_t)(s.end - p), d);
	return 1;
}

static int
parse_exim(struct span s, struct ir_delivery *d)
{
	const char *h;

	/* " [pid]", if it is logged */
	if (s.p < s.end && *s.p == '[') {
		h = memchr(s.p, ']', (size_t)(s.end - s.p));
		if (!h || h - s.p > 12 || h + 1 >= s.end)
			return 0;
		s.p = h + 2;
	}
	if (s.p >= s.end || !exim_id(&s, d->id))
		return 0;
	if (starts(s, "H=")) {
		d->kind = IR_HOST_REFUSED;
		return exim_failure(s, d);
	}
	if (s.end - s.p < 4 || s.p[2] != ' ')
		return 0;
	if (starts(s, "** "))
		d->kind = IR_REFUSED;
	else if (starts(s, "== "))
		d->kind = IR_DEFERRED;
	else if (starts(s, "=> ") || starts(s, "-> ") || starts(s, ">> "))
		d->kind = IR_DELIVERED;
	else
		return 0;
	s.p += 3;
	take_rcpt(s, d);
	if (d->kind != IR_DELIVERED)
		return exim_failure(s, d);
	h = find(s, " H=");
	if (!h)
		return 0;	/* into a mailbox of this host */
	take_host((struct span){ h + 3, s.end }, d);
	return 1;
}

/* --- Postfix ------------------------------------------------------------ */

static bool
take_field(struct span s, const char *name, struct span *v)
{
	const char *p = find(s, name);

	if (!p)
		return false;
	v->p = p + strlen(name);
	for (v->end = v->p; v->end < s.end && *v->end != ',' &&
	    *v->end != ' '; v->end++)
		continue;
	return true;
}

/* "host mx.example[192.0.2.1] said: 550 ... (in reply to RCPT TO command)" */
static int
postfix_reply(struct span s, struct ir_delivery *d)
{
	static const char *const says[] = { " said: ",
		" refused to talk to me: " };
	const char *p = NULL, *end;
	struct span v = s;
	size_t i;

	if (starts(v, "host "))
		take_host((struct span){ v.p + 5, v.end }, d);
	else if (starts(v, "connect to "))
		take_host((struct span){ v.p + 11, v.end }, d);
	for (i = 0; i < 2 && !p; i++)
		if ((p = find(v, says[i])))
			p += strlen(says[i]);
	if (!p) {
		p = d->host[0] ? find_broken(v) : NULL;
		if (!p)
			return d->kind == IR_HOST_REFUSED ? 0 : 2;
	}
	v.p = p;
	end = find(v, " (in reply to ");
	ir_delivery_reply(p, (size_t)((end ? end : s.end) - p), d);
	return 1;
}

/* After the program's name: "QID: to=<...>, relay=..., status=... (...)" */
static int
parse_postfix(struct span s, struct ir_delivery *d)
{
	const char *p = memchr(s.p, ':', (size_t)(s.end - s.p));
	struct span v;

	if (!p || p == s.p || p - s.p >= (long)sizeof d->id || p + 1 >= s.end)
		return 0;
	copy_name(d->id, sizeof d->id, s.p, (size_t)(p - s.p));
	s.p = p + 2;
	if (s.p >= s.end)
		return 0;
	if (starts(s, "host ")) {
		d->kind = IR_HOST_REFUSED;
		return postfix_reply(s, d);
	}
	if (!starts(s, "to=<"))
		return 0;
	p = memchr(s.p, '>', (size_t)(s.end - s.p));
	if (!p)
		return 0;
	take_rcpt((struct span){ s.p + 4, p }, d);
	s.p = p;
	if (take_field(s, " relay=", &v))
		take_host(v, d);
	if (!take_field(s, " status=", &v))
		return 0;
	if (starts(v, "sent"))
		d->kind = IR_DELIVERED;
	else if (starts(v, "bounced") || starts(v, "expired"))
		d->kind = IR_REFUSED;
	else if (starts(v, "deferred"))
		d->kind = IR_DEFERRED;
	else
		return 0;
	if (strcmp(d->host, "local") == 0 || strcmp(d->host, "virtual") == 0)
		return 0;
	if (d->kind == IR_DELIVERED)
		return d->ip[0] ? 1 : 0;
	if (s.end > v.end + 1 && v.end[1] == '(' && s.end[-1] == ')')
		s.end--;
	return postfix_reply((struct span){ v.end + 2 > s.end ? s.end :
	    v.end + 2, s.end }, d);
}

/* --- either ------------------------------------------------------------- */

int
ir_delivery_parse(const char *line, size_t n,
    const struct ir_delivery_clock *c, struct ir_delivery *d)
{
	struct span s = { line, line + n }, v;
	const char *p, *end;
	int64_t t;

	d->kind = IR_DELIVERED;
	d->time = 0;
	d->code = 0;
	d->id[0] = d->domain[0] = d->host[0] = d->ip[0] = '\0';
	d->enhanced[0] = d->text[0] = '\0';
	if (exim_time(&s, c, &d->time) && (s.p == s.end || *s.p == '[' ||
	    exim_id(&(struct span){ s.p, s.end }, d->id)))
		return parse_exim(s, d);
	if (!d->time && !syslog_time(&s, c, &d->time) &&
	    !iso_time(&s, &d->time))
		return 0;
	/* HOST PROGRAM[PID]: */
	v = s;
	p = find(v, ": ");
	if (!p)
		return 0;
	v.end = p;
	end = find(v, " exim") ? find(v, " exim") : NULL;
	s.p = p + 2;
	if (end) {
		if (exim_time(&s, c, &t))
			d->time = t;
		return parse_exim(s, d);
	}
	if (find(v, "postfix") && (find(v, "/smtp[") || find(v, "/lmtp[") ||
	    find(v, "/error[") || find(v, "/relay[")))
		return parse_postfix(s, d);
	return 0;
}

bool
ir_delivery_front(const char **p, const char *end,
    const struct ir_delivery_clock *c, int64_t *t, char id[28])
{
	struct span s = { *p, end }, v;
	const char *q;

	id[0] = '\0';
	if (!exim_time(&s, c, t)) {
		if (!syslog_time(&s, c, t) && !iso_time(&s, t))
			return false;
		/* HOST exim[PID]: */
		v = s;
		q = find(v, ": ");
		v.end = q ? q : s.p;
		if (!q || !find(v, " exim"))
			return false;
		s.p = q + 2;
		(void)exim_time(&s, c, t);
	}
	if (s.p < end && *s.p == '[') {	/* log_selector = +pid */
		q = memchr(s.p, ' ', (size_t)(end - s.p));
		s.p = q ? q + 1 : end;
	}
	(void)exim_id(&s, id);
	*p = s.p;
	return true;
}
