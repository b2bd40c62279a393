/* spool.c - see spool.h */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spool.h"

#define TIME_MAX 253402300799	/* the end of year 9999 */

/* What is left to read. */
struct cur {
	const char *p, *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool
ir_span_eq(struct ir_span a, struct ir_span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
ir_span_ieq(struct ir_span a, const char *s)
{
	return strlen(s) == a.n && (a.n == 0 || strncasecmp(a.p, s, a.n) == 0);
}

struct ir_span
ir_span_domain(struct ir_span addr)
{
	const char *at = addr.n ? memrchr(addr.p, '@', addr.n) : NULL;

	if (!at)
		return (struct ir_span){ NULL, 0 };
	return (struct ir_span){ at + 1,
	    (size_t)(addr.p + addr.n - at) - 1 };
}

/* --- names -------------------------------------------------------------- */

static bool
id_matches(const char *s, size_t n, const unsigned char parts[3])
{
	size_t i, k, at = 0;

	for (i = 0; i < 3; i++) {
		if (i && (at >= n || s[at++] != '-'))
			return false;
		for (k = 0; k < parts[i]; k++)
			if (at >= n || !is_alnum(s[at++]))
				return false;
	}
	return true;
}

size_t
ir_spool_id_len(const char *s, size_t n)
{
	static const unsigned char old[3] = { 6, 6, 2 }, now[3] = { 6, 11, 4 };

	if (n > 18 && s[18] == '-' && id_matches(s, n, now))
		return 23;
	if (id_matches(s, n, old))
		return 16;
	return 0;
}

size_t
ir_spool_h_name(const char *name)
{
	size_t n = strlen(name);

	/* half of a folder's names are those of -D: seen at once */
	if (n < 3 || name[n - 1] != 'H' || name[n - 2] != '-')
		return 0;
	return ir_spool_id_len(name, n) == n - 2 ? n - 2 : 0;
}

int64_t
ir_spool_data_start(size_t id_len)
{
	return (int64_t)id_len + 3;	/* "ID-D\n" */
}

/* --- the pieces of a -H file -------------------------------------------- */

static int
bad(struct ir_err *err, const char *why)
{
	return ir_fail(err, IR_DATAERR, "malformed: %s", why);
}

/* One line without its newline; false when there is no whole line. */
static bool
take_line(struct cur *c, struct ir_span *line)
{
	const char *nl = c->p < c->end ?
	    memchr(c->p, '\n', (size_t)(c->end - c->p)) : NULL;

	if (!nl)
		return false;
	line->p = c->p;
	line->n = (size_t)(nl - c->p);
	c->p = nl + 1;
	return true;
}

/* Digits at *s, at most nine, so that it fits an int as in Exim. */
static bool
take_number(const char **s, const char *end, size_t *v)
{
	const char *p = *s;

	for (*v = 0; p < end && is_digit(*p) && p - *s < 9; p++)
		*v = *v * 10 + (size_t)(*p - '0');
	if (p == *s)
		return false;
	*s = p;
	return true;
}

/* The last word of the line is a number: cut it off. */
static bool
cut_number(struct ir_span *line)
{
	size_t n = line->n;

	while (n && is_digit(line->p[n - 1]))
		n--;
	if (n == line->n)
		return false;
	if (n && line->p[n - 1] == '-')
		n--;
	if (n == 0 || line->p[n - 1] != ' ')
		return false;
	line->n = n - 1;
	return true;
}

static int
parse_top(struct cur *c, const char *id, struct ir_spool_msg *m,
    struct ir_err *err)
{
	struct ir_span line;
	size_t n = strlen(id), i;
	const char *lt, *gt;

	if (!take_line(c, &line) || line.n != n + 2 ||
	    memcmp(line.p, id, n) != 0 || memcmp(line.p + n, "-H", 2) != 0)
		return bad(err, "the first line is not the file's name");
	m->id = (struct ir_span){ line.p, n };
	/* a login may contain blanks: the numbers are read from the right */
	if (!take_line(c, &line) || !cut_number(&line) || !cut_number(&line))
		return bad(err, "no login, uid and gid");
	m->login = line;
	if (!take_line(c, &line) ||
	    !(lt = memchr(line.p, '<', line.n)) ||
	    !(gt = memrchr(line.p, '>', line.n)) || gt < lt)
		return bad(err, "no sender");
	m->sender = (struct ir_span){ lt + 1, (size_t)(gt - lt) - 1 };
	if (!take_line(c, &line))
		return bad(err, "no time of arrival");
	for (i = 0; i < line.n && i < 12 && is_digit(line.p[i]); i++)
		m->received = m->received * 10 + (line.p[i] - '0');
	if (i == 0 || i == line.n || line.p[i] != ' ' ||
	    m->received > TIME_MAX)
		return bad(err, "no time of arrival");
	return 0;
}

/* "[address]:port", "address.port" (old), or an address alone. */
static struct ir_span
without_port(struct ir_span v)
{
	const char *p = v.n ? memchr(v.p, ']', v.n) : NULL;
	const char *colon = v.n ? memchr(v.p, ':', v.n) : NULL;
	size_t i, dots = 0, last = 0;

	if (p && v.p[0] == '[')
		return (struct ir_span){ v.p + 1, (size_t)(p - v.p) - 1 };
	for (i = 0; i < v.n; i++)
		if (v.p[i] == '.') {
			dots++;
			last = i;
		}
	if (dots == 4 || (colon && dots == 1))
		v.n = last;
	return v;
}

#define IS(span, text) ((span).n == sizeof(text) - 1 && \
	memcmp((span).p, text, sizeof(text) - 1) == 0)

/* The line is "name value" or "name". */
static struct ir_span
split_variable(struct ir_span line, struct ir_span *value)
{
	const char *sp = memchr(line.p, ' ', line.n);
	size_t n = sp ? (size_t)(sp - line.p) : line.n;

	*value = (struct ir_span){ line.p + n + (sp != NULL),
	    line.n - n - (sp != NULL) };
	return (struct ir_span){ line.p, n };
}

/*
 * The value of an ACL variable is counted, not ended by a newline: it may
 * hold anything, lines that look like the rest of the envelope included.
 */
static bool
skip_acl_value(struct cur *c, struct ir_span line)
{
	const char *sp = memrchr(line.p, ' ', line.n), *p, *end;
	size_t len;

	if (!sp)
		return false;
	p = sp + 1;
	end = line.p + line.n;
	if (!take_number(&p, end, &len) || p != end ||
	    len > IR_SPOOL_VAR_MAX || (size_t)(c->end - c->p) < len + 1 ||
	    c->p[len] != '\n')
		return false;
	c->p += len + 1;
	return true;
}

static int64_t
leading_number(struct ir_span v)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; i < v.n && i < 12 && is_digit(v.p[i]); i++)
		n = n * 10 + (v.p[i] - '0');
	return n;
}

static void
set_variable(struct ir_span name, struct ir_span v, struct ir_spool_msg *m)
{
	switch (name.n ? name.p[0] : 0) {
	case 'a':
		if (IS(name, "auth_id"))
			m->auth_user = v;
		else if (IS(name, "auth_sender"))
			m->auth_sender = v;
		break;
	case 'd':
		if (IS(name, "deliver_firsttime"))
			m->untried = true;
		break;
	case 'f':
		if (IS(name, "frozen")) {
			m->frozen = true;
			m->frozen_at = leading_number(v);
		}
		break;
	case 'h':
		if (IS(name, "host_address"))
			m->host = without_port(v);
		else if (IS(name, "host_auth"))
			m->authenticator = v;
		else if (IS(name, "helo_name"))
			m->helo = v;
		break;
	case 'i':
		if (IS(name, "ident"))
			m->ident = v;
		break;
	case 'l':
		if (IS(name, "local"))
			m->local = true;
		break;
	case 'r':
		if (IS(name, "received_protocol"))
			m->protocol = v;
		break;
	default:
		break;		/* unknown ones are passed over, as Exim does */
	}
}

/*
 * The next line of "-name value", "--name value" (tainted) or
 * "--(quoter)name value", taken apart; the value of an ACL variable is passed
 * over.  1, 0 at the end, or -1.
 */
static int
next_variable(struct cur *c, struct ir_span *name, struct ir_span *value)
{
	struct ir_span line;
	const char *shut;

	if (c->p >= c->end || *c->p != '-')
		return 0;
	if (!take_line(c, &line))
		return -1;
	line.p++;
	line.n--;
	if (line.n && line.p[0] == '-') {
		line.p++;
		line.n--;
		shut = line.n && line.p[0] == '(' ?
		    memchr(line.p, ')', line.n) : NULL;
		if (shut) {
			line.n -= (size_t)(shut + 1 - line.p);
			line.p = shut + 1;
		}
	}
	*name = split_variable(line, value);
	if ((IS(*name, "acl") || IS(*name, "aclc") || IS(*name, "aclm")) &&
	    !skip_acl_value(c, *value))
		return -1;
	return 1;
}

static int
parse_variables(struct cur *c, struct ir_spool_msg *m, struct ir_err *err)
{
	struct ir_span name, value;
	int rc;

	m->variables.p = c->p;
	while ((rc = next_variable(c, &name, &value)) > 0)
		set_variable(name, value, m);
	m->variables.n = (size_t)(c->p - m->variables.p);
	if (rc < 0)
		return bad(err, c->p >= c->end ||
		    !memchr(c->p, '\n', (size_t)(c->end - c->p)) ?
		    "cut short" : "length of an ACL variable");
	return 0;
}

/* Names that Exim 4.80 to 4.99 write there; a trailing blank: with a value. */
struct ir_span
ir_spool_unknown(const struct ir_spool_msg *m)
{
	static const char known[] = " acl aclc aclm N active_hostname "
	    "allow_unqualified_recipient allow_unqualified_sender auth_id "
	    "auth_sender body_linecount body_zerocount bmi_verdicts "
	    "debug_selector debuglog_name deliver_firsttime dsn_envid dsn_ret "
	    "frozen helo_name host_address host_auth host_auth_pubname "
	    "host_lookup_deferred host_lookup_failed host_name ident "
	    "interface_address local local_error localerror local_scan "
	    "manual_thaw max_received_linelength proxy_host proxy_port "
	    "proxy_session proxy_local_address proxy_local_port "
	    "proxy_external_address proxy_external_port received_protocol "
	    "received_time_complete received_time_usec sender_set_untrusted "
	    "smtputf8 spam_bar spam_score spam_score_int "
	    "spool_file_wireformat tls_certificate_verified tls_cipher "
	    "tls_ocsp tls_ourcert tls_peercert tls_peerdn tls_resumption "
	    "tls_sni tls_ver utf8_downcvt utf8_optdowncvt ";
	struct cur c = { m->variables.p, m->variables.p + m->variables.n };
	struct ir_span name, value;
	char word[48];

	while (next_variable(&c, &name, &value) > 0) {
		if (name.n + 3 > sizeof word || name.n == 0)
			return name;
		word[0] = ' ';
		memcpy(word + 1, name.p, name.n);
		memcpy(word + 1 + name.n, " ", 2);
		if (!strstr(known, word))
			return name;
	}
	return (struct ir_span){ NULL, 0 };
}

/*
 * The tree of addresses that need no delivery: "XX", or a node a line in
 * pre-order, each beginning with two flags that say which branches follow.
 */
static int
parse_tree(struct cur *c, struct ir_spool_msg *m, struct ir_err *err)
{
	struct ir_span line;
	size_t expected = 1;

	if (c->end - c->p >= 3 && memcmp(c->p, "XX\n", 3) == 0) {
		c->p += 3;
		return 0;
	}
	m->done.p = c->p;
	while (expected) {
		if (!take_line(c, &line))
			return bad(err, "cut short");
		if (line.n < 4 || (line.p[0] != 'Y' && line.p[0] != 'N') ||
		    (line.p[1] != 'Y' && line.p[1] != 'N') ||
		    line.p[2] != ' ')
			return bad(err, "tree of non-recipients");
		expected += (size_t)(line.p[0] == 'Y') +
		    (size_t)(line.p[1] == 'Y');
		expected--;
		m->done_count++;
	}
	m->done.n = (size_t)(c->p - m->done.p);
	return 0;
}

static int
parse_recipients(struct cur *c, struct ir_spool_msg *m, struct ir_err *err)
{
	struct ir_span line;
	const char *p;
	size_t i;

	if (!take_line(c, &line))
		return bad(err, "cut short");
	p = line.p;
	if (!take_number(&p, line.p + line.n, &m->rcpt_count) ||
	    p != line.p + line.n)
		return bad(err, "count of recipients");
	if (m->rcpt_count > IR_SPOOL_RCPT_MAX)
		return bad(err, "more than 16384 recipients");
	m->rcpts.p = c->p;
	for (i = 0; i < m->rcpt_count; i++)
		if (!take_line(c, &line) || line.n == 0)
			return bad(err, "fewer recipients than their count");
	m->rcpts.n = (size_t)(c->p - m->rcpts.p);
	if (!take_line(c, &line))
		return bad(err, "cut short");
	if (line.n)
		return bad(err, "more recipients than their count");
	return 0;
}

/* "Name: value" taken apart; false when it is none. */
static bool
split_header(struct ir_span h, struct ir_span *name, struct ir_span *value)
{
	const char *colon = h.n ? memchr(h.p, ':', h.n) : NULL;
	struct ir_span v;

	if (!colon)
		return false;
	*name = (struct ir_span){ h.p, (size_t)(colon - h.p) };
	while (name->n && (name->p[name->n - 1] == ' ' ||
	    name->p[name->n - 1] == '\t'))
		name->n--;
	v = (struct ir_span){ colon + 1, h.n - (size_t)(colon - h.p) - 1 };
	while (v.n && memchr(" \t\n", *v.p, 3)) {
		v.p++;
		v.n--;
	}
	while (v.n && memchr(" \t\n\r", v.p[v.n - 1], 4))
		v.n--;
	*value = v;
	return true;
}

bool
ir_spool_script_header(struct ir_span name)
{
	return name.n > 6 && strncasecmp(name.p, "X-PHP-", 6) == 0;
}

static void
note_header(struct ir_span h, struct ir_spool_msg *m)
{
	struct ir_span name, v;
	char first = h.n ? (char)(h.p[0] | 0x20) : '\0';

	if ((first != 's' || m->subject.p) && (first != 'x' || m->script.p))
		return;
	if (!split_header(h, &name, &v))
		return;
	if (first == 's' && ir_span_ieq(name, "Subject"))
		m->subject = v;
	else if (first == 'x' && ir_spool_script_header(name))
		m->script = v;
}

/*
 * The next header with its flag; '*' marks those that were replaced.  1, 0
 * at the end, or -1 and why.
 */
static int
next_header(struct cur *c, struct ir_span *h, char *flag, const char **why)
{
	if (c->p >= c->end)
		return 0;
	*why = "length of a header";
	if (!take_number(&c->p, c->end, &h->n) || c->end - c->p < 2)
		return -1;
	*flag = *c->p++;
	if (*c->p++ != ' ')
		return -1;
	*why = "cut short";
	if ((size_t)(c->end - c->p) < h->n)
		return -1;
	h->p = c->p;
	c->p += h->n;
	return 1;
}

static int
parse_headers(struct cur *c, struct ir_spool_msg *m, struct ir_err *err)
{
	const char *why = "";
	struct ir_span h;
	char flag;
	int rc;

	m->headers = (struct ir_span){ c->p, (size_t)(c->end - c->p) };
	while ((rc = next_header(c, &h, &flag, &why)) > 0) {
		if (flag == '*')
			continue;
		m->header_size += h.n;
		if (flag == ' ')
			note_header(h, m);
	}
	return rc < 0 ? bad(err, why) : 0;
}

bool
ir_spool_next_header(struct ir_span *left, struct ir_span *name,
    struct ir_span *value)
{
	struct cur c = { left->p, left->p + left->n };
	const char *why;
	struct ir_span h;
	char flag;

	while (next_header(&c, &h, &flag, &why) > 0) {
		*left = (struct ir_span){ c.p, (size_t)(c.end - c.p) };
		if (flag != '*' && split_header(h, name, value))
			return true;
	}
	left->n = 0;
	return false;
}

int
ir_spool_parse(const char *bytes, size_t n, const char *id,
    struct ir_spool_msg *m, struct ir_err *err)
{
	struct cur c = { bytes, bytes + n };

	memset(m, 0, sizeof *m);
	if (n == 0)
		return bad(err, "empty");
	if (n > IR_SPOOL_H_MAX)
		return bad(err, "too large");
	if (memchr(bytes, '\0', n))
		return bad(err, "a NUL byte");
	if (parse_top(&c, id, m, err) || parse_variables(&c, m, err) ||
	    parse_tree(&c, m, err) || parse_recipients(&c, m, err) ||
	    parse_headers(&c, m, err))
		return -1;
	return 0;
}

/* --- addresses ---------------------------------------------------------- */

/*
 * Cut "<data> <len>,<number>" off the right end of what goes before `at`;
 * the data is len bytes.  Returns the new end, or NULL.
 */
static const char *
cut_data(const char *start, const char *at)
{
	const char *p = at, *q;
	size_t len;

	while (p > start && (is_digit(p[-1]) || p[-1] == ',' || p[-1] == '-'))
		p--;
	q = p;
	if (p == start || p[-1] != ' ' || !take_number(&q, at, &len))
		return NULL;
	p--;
	if ((size_t)(p - start) < len + 1)
		return NULL;
	p -= len;
	return p[-1] == ' ' ? p - 1 : NULL;
}

/*
 * A recipient's line is an address, which may contain blanks and '#', and
 * perhaps more: it is read from the right, and an address ends in a domain.
 *
 *	addr d,d,d			Exim 3
 *	addr d				early Exim 4
 *	addr errors_to len,pno#1	and
 *	addr orcpt len,flags errors_to len,pno#3	since
 */
static struct ir_span
rcpt_address(struct ir_span line)
{
	const char *start = line.p, *end = line.p + line.n, *p = end, *q;
	size_t bits = 0;

	while (p > start && is_digit(p[-1]))
		p--;
	if (p == start)
		return line;
	if (p[-1] == ',') {
		while (p > start && (is_digit(p[-1]) || p[-1] == ','))
			p--;
		if (p > start && p[-1] == ' ')
			end = p - 1;
	} else if (p[-1] == ' ') {
		if (p < end)
			end = p - 1;
	} else if (p[-1] == '#') {
		q = p;
		(void)take_number(&q, end, &bits);
		p--;
		if (bits & 1 && p)
			p = cut_data(start, p);
		if (bits & 2 && p)
			p = cut_data(start, p);
		if (p && bits & 3)
			end = p;
	}
	return (struct ir_span){ start, (size_t)(end - start) };
}

static bool
next_line(struct ir_span *left, struct ir_span *line)
{
	struct cur c;

	if (left->n == 0)
		return false;
	c = (struct cur){ left->p, left->p + left->n };
	if (!take_line(&c, line))
		return false;
	left->n -= (size_t)(c.p - left->p);
	left->p = c.p;
	return true;
}

bool
ir_spool_next_rcpt(struct ir_span *left, struct ir_span *addr)
{
	struct ir_span line;

	if (!next_line(left, &line))
		return false;
	*addr = rcpt_address(line);
	return true;
}

bool
ir_spool_next_done(struct ir_span *left, struct ir_span *addr)
{
	struct ir_span line;

	if (!next_line(left, &line) || line.n < 4)
		return false;
	*addr = (struct ir_span){ line.p + 3, line.n - 3 };
	return true;
}

bool
ir_spool_next_journal(struct ir_span *left, struct ir_span *addr)
{
	if (left->n == 0)
		return false;
	if (next_line(left, addr))
		return true;
	*addr = *left;	/* Exim reads a last line without newline, too */
	left->n = 0;
	return true;
}

static int
compare(const void *a, const void *b)
{
	const struct ir_span *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int d = n ? memcmp(x->p, y->p, n) : 0;

	return d ? d : x->n < y->n ? -1 : x->n > y->n;
}

int
ir_spool_delivered(const struct ir_spool_msg *m, struct ir_span j,
    size_t *count, struct ir_err *err)
{
	struct ir_span left, addr, *set;
	size_t n = 0, max = m->done_count;

	*count = 0;
	for (left = j; ir_spool_next_journal(&left, &addr); )
		max++;
	if (max == 0)
		return 0;
	set = calloc(max, sizeof *set);
	if (!set)
		return ir_fail(err, IR_OSERR, "no memory");
	for (left = m->done; n < max && ir_spool_next_done(&left, &addr); )
		set[n++] = addr;
	for (left = j; n < max && ir_spool_next_journal(&left, &addr); )
		set[n++] = addr;
	qsort(set, n, sizeof *set, compare);
	for (left = m->rcpts; ir_spool_next_rcpt(&left, &addr); )
		*count += bsearch(&addr, set, n, sizeof *set, compare) != NULL;
	free(set);
	return 0;
}

/* --- the script --------------------------------------------------------- */

struct ir_span
ir_spool_script(const struct ir_spool_msg *m)
{
	return ir_spool_script_of(m->script);
}

struct ir_span
ir_spool_script_of(struct ir_span s)
{
	const char *p;

	if (s.n == 0)
		return s;
	p = memmem(s.p, s.n, "(", 1);
	while (p) {
		const char *q = p + 1, *end = s.p + s.n;
		size_t line;

		if (take_number(&q, end, &line) && end - q >= 4 &&
		    memcmp(q, ") : ", 4) == 0) {
			s.n = (size_t)(p - s.p);
			break;
		}
		p = memchr(p + 1, '(', (size_t)(end - p) - 1);
	}
	p = s.n ? memmem(s.p, s.n, " for ", 5) : NULL;
	if (p)
		s.n = (size_t)(p - s.p);
	while (s.n && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}
