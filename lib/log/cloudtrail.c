/* cloudtrail.c - see cloudtrail.h */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "../core/text.h"
#include "cloudtrail.h"

#define REQUEST_MAX 8192	/* bytes of requestParameters in a record */
#define WORDS_MAX 256		/* bytes of a user agent */

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* --- cutting ----------------------------------------------------------- */

const char *
ir_trail_string_stop(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), bs = _mm_set1_epi8('\\');
	__m128i v;
	int m;

	for (; end - p >= 16; p += 16) {
		v = _mm_loadu_si128((const __m128i *)(const void *)p);
		m = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote),
		    _mm_cmpeq_epi8(v, bs)));
		if (m)
			return p + __builtin_ctz((unsigned)m);
	}
#endif
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool
is_bracket(char c)
{
	return c == '{' || c == '}' || c == '[' || c == ']';
}

static int
damaged(const char *why, struct ir_err *err)
{
	return ir_fail(err, IR_DATAERR, "not CloudTrail's JSON: %s", why);
}

static void
begin_event(struct ir_trail_scan *s)
{
	s->open = true;
	s->escapes = false;
	if (!s->part.max)
		s->part.max = IR_TRAIL_EVENT_MAX;
	ir_buf_trunc(&s->part, 0);
}

static void
drop_event(struct ir_trail_scan *s)
{
	s->open = false;
	ir_buf_free(&s->part);
}

/* An event ends; what is in this piece of it is at p. */
static int
end_event(struct ir_trail_scan *s, const char *p, size_t n,
    struct ir_err *err)
{
	int rc;

	if (s->part.len || s->part.bad) {
		ir_buf_add(&s->part, p, n);
		p = s->part.data;
		n = s->part.len;
	}
	if (s->part.bad || n > IR_TRAIL_EVENT_MAX) {
		s->too_long++;
		drop_event(s);
		return 0;
	}
	s->events++;
	s->open = false;
	rc = s->fn(p, n, s->escapes, s->arg, err);
	ir_buf_trunc(&s->part, 0);
	return rc;
}

/* Does the list of events begin here? */
static bool
list_begins(const struct ir_trail_scan *s, char c)
{
	return c == '[' && s->mode == IR_TRAIL_OBJECT && s->depth == 1 &&
	    ((s->nkey == 7 && memcmp(s->key, "Records", 7) == 0) ||
	    (s->nkey == 6 && memcmp(s->key, "Events", 6) == 0));
}

/* *from is where an event that is open begins in this piece. */
static int
opens(struct ir_trail_scan *s, const char *p, const char **from,
    struct ir_err *err)
{
	if (s->mode == IR_TRAIL_BETWEEN) {
		s->mode = *p == '[' ? IR_TRAIL_LIST : IR_TRAIL_OBJECT;
		s->base = 1;
		s->nkey = 0;
		if (s->mode == IR_TRAIL_OBJECT) {
			begin_event(s);
			*from = p;
		}
	} else if (list_begins(s, *p)) {
		s->mode = IR_TRAIL_LIST;
		s->base = 2;
		drop_event(s);
	} else if (s->mode == IR_TRAIL_LIST && s->depth == s->base &&
	    *p == '{') {
		begin_event(s);
		*from = p;
	}
	if (++s->depth > IR_TRAIL_DEPTH)
		return damaged("too deep", err);
	return 0;
}

static int
closes(struct ir_trail_scan *s, const char *p, const char *from,
    struct ir_err *err)
{
	int rc = 0;

	if (s->depth == 0)
		return damaged("closed more often than opened", err);
	s->depth--;
	if (s->open && s->depth == (s->mode == IR_TRAIL_LIST ? s->base : 0))
		rc = end_event(s, from, (size_t)(p + 1 - from), err);
	else if (s->mode == IR_TRAIL_LIST && s->depth < s->base)
		s->mode = IR_TRAIL_REST;
	if (s->depth == 0)
		s->mode = IR_TRAIL_BETWEEN;
	return rc;
}

/* The inside of a string, up to its end or that of the piece. */
static const char *
in_string(struct ir_trail_scan *s, const char *p, const char *end)
{
	const char *q;
	size_t n;

	if (s->escape) {	/* this byte is escaped */
		s->escapes = s->escapes || *p == 'u';
		s->escape = false;
		p++;
	}
	q = ir_trail_string_stop(p, end);
	if (s->name) {
		for (n = 0; p + n < q && s->nkey < sizeof s->key; n++)
			s->key[s->nkey++] = p[n];
	}
	if (q == end)
		return q;
	if (*q == '"') {
		s->string = false;
		s->name = false;
	} else {
		s->escape = true;
		s->nkey = sizeof s->key;	/* none that we know */
	}
	return q + 1;
}

/* Outside of strings, one byte that matters. */
static int
outside(struct ir_trail_scan *s, const char *p, const char **from,
    struct ir_err *err)
{
	switch (*p) {
	case '"':
		if (s->mode == IR_TRAIL_BETWEEN)
			return damaged("no object", err);
		s->string = true;
		s->name = s->mode == IR_TRAIL_OBJECT && s->depth == 1;
		if (s->name)
			s->nkey = 0;
		return 0;
	case '{':
	case '[':
		return opens(s, p, from, err);
	default:
		return closes(s, p, *from, err);
	}
}

int
ir_trail_feed(struct ir_trail_scan *s, const char *p, size_t n,
    struct ir_err *err)
{
	const char *end = p + n, *from = p;

	while (p < end) {
		if (s->string) {
			p = in_string(s, p, end);
			continue;
		}
		if (s->mode == IR_TRAIL_BETWEEN) {
			while (p < end && is_space(*p))
				p++;
			if (p < end && *p != '{' && *p != '[')
				return damaged("no object", err);
		} else {
			while (p < end && *p != '"' && !is_bracket(*p))
				p++;
		}
		if (p == end)
			break;
		if (outside(s, p, &from, err))
			return -1;
		p++;
	}
	if (s->open)
		ir_buf_add(&s->part, from, (size_t)(end - from));
	return 0;
}

int
ir_trail_end(struct ir_trail_scan *s, struct ir_err *err)
{
	if (s->depth || s->string)
		return damaged("it ends in the middle", err);
	return 0;
}

void
ir_trail_scan_free(struct ir_trail_scan *s)
{
	ir_buf_free(&s->part);
}

/* --- choosing ---------------------------------------------------------- */

static bool
has_value(const struct ir_list *v, const char *s)
{
	size_t i;

	for (i = 0; s && i < v->n; i++)
		if (strcmp(v->v[i], s) == 0)
			return true;
	return false;
}

/* Is found in the text as it is, unless that has a \u. */
static bool
plain(const char *s)
{
	return strcmp(s, "root") != 0 && s[strspn(s, UPPER LOWER DIGITS
	    ".:_@+=,- ")] == '\0';
}

static bool
occurs(const struct ir_list *v, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (!plain(v->v[i]) ||
		    memmem(text, n, v->v[i], strlen(v->v[i])))
			return true;
	return v->n == 0;
}

/* Networks are not to be found as text. */
static bool
occurs_ip(const struct ir_list *v, const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (strchr(v->v[i], '/') || strchr(v->v[i], ':'))
			return true;
	return occurs(v, text, n);
}

/* Is the event's name wanted? */
static bool
wants_event(const struct ir_trail_query *q, const char *event,
    const char *source)
{
	if (q->events.n && !has_value(&q->events, event))
		return false;
	return !q->flagged || ir_trail_call_find(event, source);
}

/*
 * Every "eventName" in it is looked at, for one may be within the request;
 * without any, it is spelled in a way that only the parser knows.
 */
static bool
occurs_event(const struct ir_trail_query *q, const char *text, size_t n)
{
	static const char name[] = "\"eventName\"";
	const char *p = text, *end = text + n, *stop;
	char event[128];
	bool any = false;

	if (!q->events.n && !q->flagged)
		return true;
	while ((p = memmem(p, (size_t)(end - p), name, sizeof name - 1))) {
		any = true;
		p += sizeof name - 1;
		while (p < end && (is_space(*p) || *p == ':'))
			p++;
		if (p == end || *p != '"')
			return true;
		stop = ir_trail_string_stop(++p, end);
		if (stop == end || *stop == '\\' ||
		    (size_t)(stop - p) >= sizeof event)
			return true;
		memcpy(event, p, (size_t)(stop - p));
		event[stop - p] = '\0';
		if (wants_event(q, event, NULL))
			return true;
		p = stop;
	}
	return !any;
}

bool
ir_trail_maybe(const struct ir_trail_query *q, const char *text, size_t n,
    bool escapes)
{
	return escapes || (occurs(&q->keys, text, n) &&
	    occurs_ip(&q->ips, text, n) && occurs(&q->users, text, n) &&
	    occurs(&q->sessions, text, n) && occurs(&q->names, text, n) &&
	    occurs(&q->roles, text, n) && occurs_event(q, text, n));
}

/* Bytes of an address, 4 or 16; 0: it is none. */
static size_t
address(const char *s, unsigned char out[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, s, out) == 1)
		return 4;
	if (inet_pton(AF_INET6, s, out) != 1)
		return 0;
	if (memcmp(out, mapped, sizeof mapped) != 0)
		return 16;
	memmove(out, out + 12, 4);
	return 4;
}

/* "192.0.2.0/24": 0 or -1 */
static int
network(const char *s, unsigned char net[16], size_t *len, unsigned *bits)
{
	char text[64], *end;
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	unsigned long b;

	if (n >= sizeof text)
		return -1;
	memcpy(text, s, n);
	text[n] = '\0';
	*len = address(text, net);
	if (*len == 0)
		return -1;
	*bits = (unsigned)*len * 8;
	if (!slash)
		return 0;
	b = strtoul(slash + 1, &end, 10);
	if (end == slash + 1 || *end || slash[1] < '0' || slash[1] > '9' ||
	    b > *bits)
		return -1;
	*bits = (unsigned)b;
	return 0;
}

static bool
in_network(const char *net_text, const char *ip)
{
	unsigned char net[16], a[16];
	size_t len;
	unsigned bits, whole, rest;

	if (network(net_text, net, &len, &bits) || address(ip, a) != len)
		return false;
	whole = bits / 8;
	rest = bits % 8;
	return memcmp(net, a, whole) == 0 && (rest == 0 ||
	    ((net[whole] ^ a[whole]) >> (8 - rest)) == 0);
}

static bool
wants_ip(const struct ir_list *v, const char *ip)
{
	size_t i;

	for (i = 0; ip && i < v->n; i++)
		if (strcmp(v->v[i], ip) == 0 || in_network(v->v[i], ip))
			return true;
	return false;
}

/* AWS's services call each other: "ses.amazonaws.com", "AWS Internal". */
static bool
is_host(const char *s)
{
	return !strpbrk(s, "/:") && s[strspn(s, DIGITS ".")];
}

static int
check_values(const struct ir_list *v, const char *what,
    const char *letters, struct ir_err *err)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (strlen(v->v[i]) > 255 ||
		    v->v[i][strspn(v->v[i], letters)])
			return ir_fail(err, IR_USAGE, "not %s: %s", what,
			    v->v[i]);
	return 0;
}

int
ir_trail_check(const struct ir_trail_query *q, struct ir_err *err)
{
	unsigned char net[16];
	size_t i, len;
	unsigned bits;

	for (i = 0; i < q->ips.n; i++)
		if (network(q->ips.v[i], net, &len, &bits) &&
		    !is_host(q->ips.v[i]))
			return ir_fail(err, IR_USAGE, "not an address: %s",
			    q->ips.v[i]);
	if (check_values(&q->keys, "an access key id", UPPER DIGITS, err) ||
	    check_values(&q->events, "the name of an event",
	    UPPER LOWER DIGITS "_", err))
		return -1;
	if (q->since && q->until && q->since >= q->until)
		return ir_fail(err, IR_USAGE,
		    "the window ends before it begins");
	return 0;
}

/* --- reading ----------------------------------------------------------- */

struct ir_rec *
ir_trail_parse(const char *text, size_t n, struct ir_err *err)
{
	struct ir_rec *ev = ir_rec_parse(text, n, err), *inner;
	const char *s = ir_rec_get(ev, "CloudTrailEvent");
	int64_t t;

	if (ev && s) {
		inner = ir_rec_parse(s, strlen(s), err);
		ir_rec_free(ev);
		ev = inner;
	}
	if (!ev)
		return NULL;
	s = ir_rec_get(ev, "eventTime");
	if (s && ir_time_parse(s, &t) == 0 && ir_rec_get(ev, "eventName"))
		return ev;
	ir_rec_free(ev);
	ir_fail(err, IR_NO, "no event of CloudTrail");
	return NULL;
}

bool
ir_trail_match(const struct ir_trail_query *q,
    const struct ir_trail_fields *f)
{
	const char *user = ir_trail_user(f), *session = ir_trail_session(f);

	return (!q->since || f->when >= q->since) &&
	    (!q->until || f->when < q->until) &&
	    (!q->keys.n || has_value(&q->keys, f->key)) &&
	    (!q->users.n || has_value(&q->users, user)) &&
	    (!q->sessions.n || has_value(&q->sessions, session)) &&
	    (!q->names.n || has_value(&q->names, session ? session : user)) &&
	    (!q->roles.n || has_value(&q->roles, ir_trail_role(f))) &&
	    (!q->ips.n || wants_ip(&q->ips, f->ip)) &&
	    wants_event(q, f->event, f->source);
}

/* --- the record -------------------------------------------------------- */

static void
copy(struct ir_rec *out, const char *name, const char *value, size_t max)
{
	size_t n;

	if (!value || !*value)
		return;
	n = strlen(value);
	ir_rec_strn(out, name, value, ir_text_cut(value, n, max));
}

/* What it was done to: the first of these that the request names. */
static const char *
target_of(const struct ir_rec *ev)
{
	static const char *const names[] = { "userName", "roleName",
	    "groupName", "emailIdentity", "identity", "emailAddress", "domain",
	    "configurationSetName", "ingressPointName", "ingressPointId",
	    "policyArn", "roleArn", "functionName", "trailName", "name",
	    "groupId", "serviceCode", "instanceType", NULL };
	const struct ir_rec *in = ir_rec_at(ev, "requestParameters");
	const char *s = NULL;
	size_t i;

	for (i = 0; in && ir_rec_kind(in) == IR_REC_OBJECT && names[i] && !s;
	    i++)
		s = ir_rec_get(in, names[i]);
	return s;
}

static bool
is_secret_name(const char *name)
{
	static const char *const parts[] = { "password", "passphrase",
	    "secret", "token", "privatekey", "authenticationcode", NULL };
	size_t i;

	for (i = 0; parts[i]; i++)
		if (strcasestr(name, parts[i]))
			return true;
	return false;
}

static struct ir_rec *masked(const struct ir_rec *v);

static int
mask_member(const char *key, const struct ir_rec *v, void *arg)
{
	if (is_secret_name(key) && v && ir_rec_kind(v) != IR_REC_NULL)
		ir_rec_str(arg, key, "***");
	else if (v)
		ir_rec_set(arg, key, masked(v));
	return 0;
}

/* A copy in which what is secret by its name is "***". */
static struct ir_rec *
masked(const struct ir_rec *v)
{
	struct ir_rec *out;
	size_t i;

	if (ir_rec_kind(v) == IR_REC_OBJECT) {
		out = ir_rec_object();
		(void)ir_rec_each(v, mask_member, out);
		return out;
	}
	if (ir_rec_kind(v) != IR_REC_ARRAY)
		return ir_rec_copy(v);
	out = ir_rec_array();
	for (i = 0; i < ir_rec_len(v); i++)
		if (ir_rec_item(v, i))
			ir_rec_push(out, masked(ir_rec_item(v, i)));
	return out;
}

/* The request as it was sent; a long one is left out. */
static void
add_request(struct ir_rec *out, const struct ir_rec *ev)
{
	const struct ir_rec *in = ir_rec_at(ev, "requestParameters");
	struct ir_buf text = IR_BUF(REQUEST_MAX);

	if (!in || ir_rec_kind(in) != IR_REC_OBJECT)
		return;
	ir_rec_json(in, &text);
	if (text.bad)
		ir_rec_bool(out, "request_cut", true);
	else
		ir_rec_set(out, "request", masked(in));
	ir_buf_free(&text);
}

static void
add_who(struct ir_rec *out, const struct ir_rec *ev,
    const struct ir_trail_fields *f)
{
	const char *mfa = ir_rec_get(ev,
	    "userIdentity.sessionContext.attributes.mfaAuthenticated");

	copy(out, "key", f->key, 128);
	copy(out, "user", ir_trail_user(f), 128);
	copy(out, "role", ir_trail_role(f), 128);
	copy(out, "session", ir_trail_session(f), 128);
	copy(out, "principal", f->arn, 512);
	copy(out, "identity", f->type, 64);
	copy(out, "by_service", ir_rec_get(ev, "userIdentity.invokedBy"), 128);
	if (mfa)
		ir_rec_bool(out, "mfa", strcmp(mfa, "true") == 0);
}

static void
add_flag(struct ir_rec *out, const struct ir_trail_fields *f)
{
	const struct ir_trail_call *c = ir_trail_call_find(f->event,
	    f->source);

	if (!c)
		return;
	ir_rec_str(out, "flag", c->flag);
	if (f->error && *f->error)
		ir_rec_fmt(out, "why", "%s; it failed: %.128s", c->why,
		    f->error);
	else
		ir_rec_str(out, "why", c->why);
}

struct ir_rec *
ir_trail_record(const struct ir_rec *ev)
{
	const char *id = ir_rec_get(ev, "eventID");
	struct ir_rec *out = ir_rec_new("trail-event", NULL);
	struct ir_trail_fields f;

	ir_trail_fields_of(ev, &f);
	copy(out, "id", id && *id ? id : "unknown", 128);
	ir_rec_time(out, "time", f.when);
	copy(out, "event", f.event, 128);
	copy(out, "source", f.source, 128);
	copy(out, "account", ir_rec_get(ev, "recipientAccountId"), 32);
	copy(out, "region", f.region, 32);
	copy(out, "ip", f.ip, 255);
	add_who(out, ev, &f);
	copy(out, "error", f.error, 128);
	copy(out, "error_text", ir_rec_get(ev, "errorMessage"), 512);
	copy(out, "target", target_of(ev), 512);
	copy(out, "made_key", ir_rec_get(ev,
	    "responseElements.accessKey.accessKeyId"), 128);
	copy(out, "agent", ir_rec_get(ev, "userAgent"), WORDS_MAX);
	copy(out, "category", ir_rec_get(ev, "eventCategory"), 32);
	add_flag(out, &f);
	add_request(out, ev);
	return out;
}
