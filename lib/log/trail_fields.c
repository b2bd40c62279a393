/*
 * trail_fields.c - the few fields of an event that decide whether it is meant
 * and how it counts, without reading all of it; see cloudtrail.h
 */
#include <string.h>

#include "../core/text.h"
#include "cloudtrail.h"

/* Where a value goes; or the object that it is gone into. */
struct place {
	const char *name;
	size_t offset;			/* in struct ir_trail_fields */
	const struct place *inside;	/* NULL: a string */
};

#define AT(m) offsetof(struct ir_trail_fields, m), NULL

static const struct place issuer[] = {
	{ "type", AT(issuer_type) }, { "userName", AT(issuer_user) },
	{ NULL, 0, NULL }
};
static const struct place context[] = {
	{ "sessionIssuer", 0, issuer }, { NULL, 0, NULL }
};
static const struct place identity[] = {
	{ "type", AT(type) }, { "arn", AT(arn) }, { "userName", AT(name) },
	{ "accessKeyId", AT(key) }, { "principalId", AT(principal) },
	{ "sessionContext", 0, context }, { NULL, 0, NULL }
};
static const struct place top[] = {
	{ "eventTime", AT(time) }, { "eventName", AT(event) },
	{ "eventSource", AT(source) }, { "awsRegion", AT(region) },
	{ "sourceIPAddress", AT(ip) }, { "errorCode", AT(error) },
	{ "userIdentity", 0, identity }, { NULL, 0, NULL }
};

static const char **
member(struct ir_trail_fields *f, size_t offset)
{
	return (const char **)(void *)((char *)f + offset);
}

/* --- quick ------------------------------------------------------------- */

struct quick {
	const char *p, *end;
	struct ir_trail_fields *f;
	size_t used;		/* of f->store */
};

static void
blanks(struct quick *q)
{
	while (q->p < q->end && (*q->p == ' ' || *q->p == '\n' ||
	    *q->p == '\r' || *q->p == '\t'))
		q->p++;
}

/* Past this character, with blanks around it. */
static bool
take(struct quick *q, char c)
{
	blanks(q);
	if (q->p == q->end || *q->p != c)
		return false;
	q->p++;
	blanks(q);
	return true;
}

/* A string without escapes; p is at its opening quote. */
static bool
plain_string(struct quick *q, const char **s, size_t *n)
{
	*s = q->p + 1;
	q->p = ir_trail_string_stop(*s, q->end);
	if (q->p == q->end || *q->p != '"')
		return false;
	*n = (size_t)(q->p - *s);
	q->p++;
	return true;
}

static bool
any_string(struct quick *q)
{
	q->p++;
	for (;;) {
		q->p = ir_trail_string_stop(q->p, q->end);
		if (q->p == q->end)
			return false;
		if (*q->p++ == '"')
			return true;
		if (q->p++ == q->end)
			return false;
	}
}

/* Any value: its brackets are counted, for text that was cut out by them. */
static bool
skip(struct quick *q)
{
	unsigned depth = 0;

	while (q->p < q->end) {
		switch (*q->p) {
		case '"':
			if (!any_string(q))
				return false;
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return true;	/* of the object around it */
			depth--;
			break;
		case ',':
			if (depth == 0)
				return true;
			break;
		default:
			break;
		}
		q->p++;
	}
	return false;
}

/* Only what needs no cleaning is taken. */
static bool
store(struct quick *q, size_t offset, const char *s, size_t n)
{
	char *to = q->f->store + q->used;
	size_t i;

	if (n >= sizeof q->f->store - q->used)
		return false;
	for (i = 0; i < n; i++) {
		if (s[i] < ' ' || s[i] == 0x7f)	/* bytes over 127, too */
			return false;
		to[i] = s[i];
	}
	to[n] = '\0';
	q->used += n + 1;
	*member(q->f, offset) = to;
	return true;
}

static const struct place *
place_of(const struct place *in, const char *s, size_t n)
{
	for (; in->name; in++)
		if (in->name[0] == s[0] && strlen(in->name) == n &&
		    memcmp(in->name, s, n) == 0)
			return in;
	return NULL;
}

/* Of a member that comes twice, all of the first is gone. */
static void
forget(struct quick *q, const struct place *in)
{
	for (; in->name; in++) {
		if (in->inside)
			forget(q, in->inside);
		else
			*member(q->f, in->offset) = NULL;
	}
}

/* LookupEvents' way to give an event: as a string. */
static bool
wraps(const char *s, size_t n)
{
	return n == 15 && memcmp(s, "CloudTrailEvent", n) == 0;
}

static bool object(struct quick *q, const struct place *in);

static bool
value(struct quick *q, const struct place *to)
{
	const char *s;
	size_t n;

	if (q->p == q->end)
		return false;
	if (to && to->inside) {
		forget(q, to->inside);
		return *q->p == '{' ? object(q, to->inside) : skip(q);
	}
	if (!to)
		return skip(q);
	*member(q->f, to->offset) = NULL;
	if (*q->p != '"')
		return skip(q);
	return plain_string(q, &s, &n) && store(q, to->offset, s, n);
}

/* p is at its '{'; it ends after its '}'.  As deep as the places go. */
static bool
object(struct quick *q, const struct place *in)
{
	const char *s;
	size_t n;

	q->p++;
	if (take(q, '}'))
		return true;
	do {
		blanks(q);
		if (q->p == q->end || *q->p != '"' ||
		    !plain_string(q, &s, &n) || !take(q, ':') ||
		    wraps(s, n) ||
		    !value(q, n ? place_of(in, s, n) : NULL))
			return false;
	} while (take(q, ','));
	return take(q, '}');
}

bool
ir_trail_fields_quick(const char *text, size_t n, struct ir_trail_fields *f)
{
	struct quick q = { text, text + n, f, 0 };

	memset(f, 0, offsetof(struct ir_trail_fields, store));
	return n && *text == '{' && object(&q, top) && q.p == q.end &&
	    f->time && f->event && ir_time_parse(f->time, &f->when) == 0;
}

/* --- from the tree ----------------------------------------------------- */

static void
copy_all(const struct ir_rec *obj, const struct place *in,
    struct ir_trail_fields *f)
{
	if (!obj || ir_rec_kind(obj) != IR_REC_OBJECT)
		return;
	for (; in->name; in++) {
		if (in->inside)
			copy_all(ir_rec_at(obj, in->name), in->inside, f);
		else
			*member(f, in->offset) = ir_rec_get(obj, in->name);
	}
}

void
ir_trail_fields_of(const struct ir_rec *ev, struct ir_trail_fields *f)
{
	memset(f, 0, offsetof(struct ir_trail_fields, store));
	copy_all(ev, top, f);
	if (f->time)
		(void)ir_time_parse(f->time, &f->when);
}

/* --- what they mean ---------------------------------------------------- */

/* The name of a role session: what follows the last '/' of the ARN. */
const char *
ir_trail_session(const struct ir_trail_fields *f)
{
	const char *p;

	if (!f->type || (strcmp(f->type, "AssumedRole") != 0 &&
	    strcmp(f->type, "FederatedUser") != 0))
		return NULL;
	p = f->arn ? strrchr(f->arn, '/') : NULL;
	if (!p)
		p = f->principal ? strchr(f->principal, ':') : NULL;
	return p ? p + 1 : NULL;
}

const char *
ir_trail_role(const struct ir_trail_fields *f)
{
	return f->issuer_type && strcmp(f->issuer_type, "Role") == 0 ?
	    f->issuer_user : NULL;
}

const char *
ir_trail_user(const struct ir_trail_fields *f)
{
	return f->type && strcmp(f->type, "Root") == 0 ? "root" : f->name;
}
