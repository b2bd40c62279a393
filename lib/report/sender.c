/* sender.c - see sender.h */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/text.h"
#include "mail/mime.h"
#include "sender.h"

#define FIELD_MAX 8192		/* bytes of one field that are read */

/*
 * Without comments and quoted strings: both may hold what a stranger wrote
 * (a local part with "; dmarc=pass" in it).
 */
static size_t
bare(char *out, size_t size, const char *s, size_t n)
{
	size_t i, len = 0;
	int depth = 0;
	bool quoted = false;

	for (i = 0; i < n && len + 1 < size; i++) {
		char c = s[i];

		if (c == '\\' && (depth || quoted)) {
			i++;
			continue;
		}
		if (!depth && c == '"') {
			quoted = !quoted;
			continue;
		}
		if (!quoted && c == '(')
			depth++;
		else if (!quoted && c == ')' && depth)
			depth--;
		else if (!depth && !quoted)
			out[len++] = c == '\n' || c == '\r' || c == '\t' ||
			    c == '\0' ? ' ' : c;
	}
	out[len] = '\0';
	return len;
}

static bool
addr_char(char c)
{
	return (unsigned char)c > 32 && (unsigned char)c < 127 &&
	    !strchr("<>,;:\"()[]\\", c);
}

bool
ir_sender_address(const char *s, size_t n, char *addr, size_t size)
{
	char buf[FIELD_MAX], *p, *end, *at;
	size_t i, len;

	addr[0] = '\0';
	if (n >= sizeof buf)
		return false;
	bare(buf, sizeof buf, s, n);
	p = strchr(buf, '<');
	if (p) {
		end = strchr(++p, '>');
		if (!end || strchr(end, '<') || strchr(end, '@'))
			return false;
	} else {
		p = buf;
		end = p + strlen(p);
	}
	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	len = (size_t)(end - p);
	at = memchr(p, '@', len);
	if (!at || at == p || at + 1 == end || len >= size)
		return false;
	for (i = 0; i < len; i++)
		if (!addr_char(p[i]) || (p[i] == '@' && p + i != at))
			return false;
	for (i = 0; i < len; i++)
		addr[i] = p + i > at && p[i] >= 'A' && p[i] <= 'Z' ?
		    (char)(p[i] + 32) : p[i];
	addr[len] = '\0';
	return true;
}

/* Is domain (len bytes) the given one or below it? */
static bool
at_or_below(const char *domain, size_t len, const char *root)
{
	size_t n = strlen(root);

	return len >= n && strncasecmp(domain + len - n, root, n) == 0 &&
	    (len == n || domain[len - n - 1] == '.');
}

static bool
aws_domain(const char *domain, size_t len)
{
	static const char *const roots[] = { "amazon.com", "aws.com", "aws" };
	size_t i;

	/* below these two are the hosts of AWS's customers */
	if (at_or_below(domain, len, "amazonaws.com"))
		return len == strlen("amazonaws.com");
	if (at_or_below(domain, len, "on.aws"))
		return false;
	for (i = 0; i < sizeof roots / sizeof roots[0]; i++)
		if (at_or_below(domain, len, roots[i]))
			return true;
	return false;
}

bool
ir_sender_aws(const char *addr)
{
	const char *at = strrchr(addr, '@');

	return at && aws_domain(at + 1, strlen(at + 1));
}

bool
ir_sender_below(const char *addr, const char *root)
{
	const char *at = strrchr(addr, '@');

	return at && at_or_below(at + 1, strlen(at + 1), root);
}

bool
ir_sender_reads_mail(const char *addr)
{
	static const char *const names[] = { "trustandsafety@", "ec2-abuse@",
	    "abuse@", "email-abuse@" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (ir_ascii_starts(addr, names[i]))
			return ir_sender_aws(addr);
	return false;
}

/* --- Authentication-Results --------------------------------------------- */

struct verdict {
	bool seen, dmarc_pass, dmarc_fail, aligned;
	bool any_fail;
	const char *by;		/* what made it aligned */
	const char *root;	/* of the domains that count; NULL: AWS's */
};

/* The value of "name=" among the words of a result. */
static bool
prop(const char *s, const char *name, const char **v, size_t *n)
{
	const char *p = s;
	size_t len = strlen(name);

	while ((p = strcasestr(p, name)) != NULL) {
		if (p > s && p[-1] != ' ') {
			p += len;
			continue;
		}
		p += len;
		*v = p;
		*n = strcspn(p, " ;");
		return true;
	}
	return false;
}

/* "user@domain" or "domain" or "@domain": is that the sender's? */
static bool
of_sender(const struct verdict *verdict, const char *s, const char *name)
{
	const char *v, *at;
	size_t n;

	if (!prop(s, name, &v, &n))
		return false;
	at = memchr(v, '@', n);
	if (at) {
		n -= (size_t)(at + 1 - v);
		v = at + 1;
	}
	return verdict->root ? at_or_below(v, n, verdict->root) :
	    aws_domain(v, n);
}

static bool
method(const char *s, const char *name, char *result, size_t size)
{
	size_t n = strlen(name);

	while (*s == ' ')
		s++;
	if (strncasecmp(s, name, n) != 0)
		return false;
	s += n;
	if (*s == '/')			/* a version */
		s += strcspn(s, " =");
	while (*s == ' ')
		s++;
	if (*s++ != '=')
		return false;
	while (*s == ' ')
		s++;
	n = strcspn(s, " ;");
	snprintf(result, size, "%.*s", (int)(n < size ? n : size - 1), s);
	return true;
}

static void
one_result(struct verdict *v, const char *s)
{
	char r[16];

	if (method(s, "dmarc", r, sizeof r)) {
		if (ir_ascii_ieq(r, "pass") && of_sender(v, s, "header.from="))
			v->dmarc_pass = true;
		else if (ir_ascii_ieq(r, "fail"))
			v->dmarc_fail = true;
	} else if (method(s, "dkim", r, sizeof r)) {
		if (ir_ascii_ieq(r, "pass") &&
		    (of_sender(v, s, "header.d=") ||
		    of_sender(v, s, "header.i="))) {
			v->aligned = true;
			v->by = "dkim";
		}
		v->any_fail = v->any_fail || ir_ascii_ieq(r, "fail");
	} else if (method(s, "spf", r, sizeof r)) {
		if (ir_ascii_ieq(r, "pass") &&
		    of_sender(v, s, "smtp.mailfrom=")) {
			if (!v->aligned)
				v->by = "spf";
			v->aligned = true;
		}
		v->any_fail = v->any_fail || ir_ascii_ieq(r, "fail");
	}
}

/* One field; its authserv-id is compared with id, or put there when empty. */
static bool
one_field(struct verdict *v, const struct ir_mime_header *h, char *id,
    size_t size)
{
	char buf[FIELD_MAX], *p, *next;
	size_t n, skip;

	bare(buf, sizeof buf, h->value, h->value_len < sizeof buf ?
	    h->value_len : sizeof buf - 1);
	skip = strspn(buf, " ");
	n = strcspn(buf + skip, " ;");
	p = strchr(buf + skip + n, ';');
	buf[skip + n] = '\0';
	if (!id[0])
		snprintf(id, size, "%s", buf + skip);
	if (n == 0 || !ir_ascii_ieq(id, buf + skip))
		return false;
	v->seen = true;
	for (; p; p = next) {
		next = strchr(++p, ';');
		if (next)
			*next = '\0';
		one_result(v, p);
	}
	return true;
}

static void
collect(struct verdict *v, const struct ir_mime *m, char *id, size_t size)
{
	const struct ir_mime_part *top = &m->parts[0];
	size_t i;

	for (i = 0; i < top->headers; i++) {
		const struct ir_mime_header *h = &m->headers[top->header + i];

		/* once ours was seen, what a hop before us wrote is not ours */
		if (v->seen && h->name_len == 8 &&
		    strncasecmp(h->name, "Received", 8) == 0)
			return;
		if (h->name_len == 22 && strncasecmp(h->name,
		    "Authentication-Results", 22) == 0)
			one_field(v, h, id, size);
	}
}

/*
 * Without --authserv-id the topmost field is only believed when it stands
 * above the topmost Received, or that says that a host of that name wrote it:
 * else a stranger may have brought the field along through a server that
 * writes none.
 */
static bool
written_here(const struct ir_mime *m, const char *id)
{
	const struct ir_mime_header *h = ir_mime_header(m, 0, "Received", 0),
	    *ar = ir_mime_header(m, 0, "Authentication-Results", 0);
	char buf[FIELD_MAX], *p = buf;
	size_t n;

	if (!h || (ar && ar < h))
		return true;
	bare(buf, sizeof buf, h->value, h->value_len < sizeof buf ?
	    h->value_len : sizeof buf - 1);
	while ((p = strcasestr(p, "by ")) && p > buf && p[-1] != ' ')
		p += 3;
	if (!p)
		return false;
	p += 3 + strspn(p + 3, " ");
	n = strcspn(p, " ;");
	p[n] = '\0';
	return at_or_below(p, n, id) || at_or_below(id, strlen(id), p);
}

const char *
ir_sender_authentic(const struct ir_mime *m, const char *addr,
    const char *root, const char *authserv_id, char *why, size_t size)
{
	struct verdict v = { false, false, false, false, false, NULL, root };
	const char *whose = root ? root : "AWS";
	char id[256] = "";

	if (!addr[0] || !(root ? ir_sender_below(addr, root) :
	    ir_sender_aws(addr))) {
		snprintf(why, size, "the sender %s is not an address of %s",
		    addr[0] ? addr : "(none)", whose);
		return "fail";
	}
	if (ir_mime_header_count(m, 0, "From") > 1) {
		snprintf(why, size, "it has more than one From field");
		return "fail";
	}
	if (authserv_id)
		snprintf(id, sizeof id, "%s", authserv_id);
	collect(&v, m, id, sizeof id);
	if (!v.seen) {
		snprintf(why, size, "no Authentication-Results%s%s",
		    authserv_id ? " by " : "", authserv_id ? id : "");
		return "unverified";
	}
	if (!authserv_id && !written_here(m, id)) {
		snprintf(why, size, "Authentication-Results by %.100s, which "
		    "is not our server by the topmost Received: see "
		    "--authserv-id", id);
		return v.dmarc_fail ? "fail" : "unverified";
	}
	if (v.dmarc_fail) {
		snprintf(why, size, "dmarc=fail by %s", id);
		return "fail";
	}
	if (v.dmarc_pass) {
		snprintf(why, size, "dmarc=pass by %s", id);
		return "pass";
	}
	if (v.aligned) {
		snprintf(why, size, "%s=pass for a domain of %s by %s", v.by,
		    whose, id);
		return "pass";
	}
	snprintf(why, size, "%s passed for a domain of %s by %s", v.any_fail ?
	    "spf or dkim failed, none" : "nothing", whose, id);
	return v.any_fail ? "fail" : "unverified";
}
