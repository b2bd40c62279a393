/* trace.c - see trace.h */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../core/text.h"
#include "job.h"
#include "trace.h"

#define BODY_SHOWN 4096

/* --- masking ----------------------------------------------------------- */

static bool
is_secret_name(const char *s, size_t n)
{
	static const char *const parts[] = { "password", "passphrase",
	    "secret", "security-token", "securitytoken", "sessiontoken",
	    "accesstoken", "identitytoken", "refreshtoken", "tokencode",
	    "authenticationcode", "samlassertion", "privatekey",
	    "authorization", "signature", NULL };
	size_t i, at, k;

	for (i = 0; parts[i]; i++) {
		k = strlen(parts[i]);
		for (at = 0; at + k <= n; at++)
			if (strncasecmp(s + at, parts[i], k) == 0)
				return true;
	}
	return false;
}

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c && strchr("-_.%", c));
}

/* The end of the JSON string that begins at s[i] (a quote). */
static size_t
string_end(const char *s, size_t n, size_t i)
{
	for (i++; i < n && s[i] != '"'; i++)
		if (s[i] == '\\')
			i++;
	return i < n ? i + 1 : n;
}

/* The end of the JSON value that begins at s[i]. */
static size_t
value_end(const char *s, size_t n, size_t i)
{
	size_t depth = 0;

	while (i < n) {
		if (s[i] == '"') {
			i = string_end(s, n, i);
			if (depth == 0)
				return i;
			continue;
		}
		if (s[i] == '{' || s[i] == '[')
			depth++;
		else if (depth == 0 && s[i] && strchr(",}]", s[i]))
			return i;
		else if ((s[i] == '}' || s[i] == ']') && --depth == 0)
			return i + 1;
		i++;
	}
	return n;
}

static size_t
find_any(const char *s, size_t n, size_t i, const char *ends)
{
	while (i < n && !(s[i] && strchr(ends, s[i])))
		i++;
	return i;
}

/*
 * The value that belongs to the name that ends at s[i]: [*from, *to).  false:
 * it is no name.
 */
static bool
find_value(const char *s, size_t n, size_t i, size_t *from, size_t *to)
{
	bool quoted = i < n && s[i] == '"';

	i += quoted;
	while (quoted && i < n && (s[i] == ' ' || s[i] == '\t'))
		i++;
	if (i >= n || (s[i] != ':' && (quoted || s[i] != '=')))
		return false;
	*from = i + 1;
	if (s[i] == '=') {
		*to = find_any(s, n, *from, "&\n");
	} else if (!quoted) {
		*to = find_any(s, n, *from, "\n");
	} else {
		while (*from < n && (s[*from] == ' ' || s[*from] == '\t'))
			++*from;
		*to = value_end(s, n, *from);
	}
	return true;
}

void
ir_aws_mask(struct ir_buf *out, const char *text, size_t n)
{
	size_t i = 0, start, from, to;

	while (i < n) {
		start = i;
		while (i < n && is_name_char(text[i]))
			i++;
		if (i == start) {
			ir_buf_chr(out, text[i++]);
			continue;
		}
		ir_buf_add(out, text + start, i - start);
		if (!is_secret_name(text + start, i - start) ||
		    !find_value(text, n, i, &from, &to))
			continue;
		ir_buf_add(out, text + i, from - i);
		ir_buf_str(out, "***");
		i = to;
	}
}

/* Our own secrets, wherever they stand. */
static void
hide(struct ir_buf *b, const struct ir_secret *s)
{
	char *p = b->data, *end;

	if (!p || !s || s->len < 8)
		return;
	end = p + b->len;
	while ((p = memmem(p, (size_t)(end - p), s->data, s->len))) {
		memset(p, '*', s->len);
		p += s->len;
	}
}

/* --- events ------------------------------------------------------------ */

void
ir_aws_set_trace(struct ir_aws *a,
    void (*fn)(const struct ir_aws_event *e, void *arg), void *arg,
    bool requests)
{
	const struct ir_aws_event note = { .kind = IR_AWS_EVENT_NOTE,
		.text = "retry_mode adaptive is taken as standard" };

	a->trace = fn;
	a->trace_arg = arg;
	a->trace_requests = requests;
	if (fn && a->adaptive)
		fn(&note, arg);
}

static struct ir_aws_event
event_of(const struct job *j, enum ir_aws_event_kind kind)
{
	const struct ir_aws_call *c = j->call;

	return (struct ir_aws_event){ .kind = kind, .service = c->service,
		.operation = c->operation, .region = j->ep.region,
		.status = c->http_status, .attempts = c->attempts,
		.ms = ir_mono_ms() - j->began, .request_id = c->request_id,
		.text = c->error_code };
}

void
ir_job_trace_call(struct ir_aws *a, const struct job *j)
{
	struct ir_aws_event e = event_of(j, IR_AWS_EVENT_CALL);

	if (a->trace)
		a->trace(&e, a->trace_arg);
}

void
ir_job_trace_request(struct ir_aws *a, const struct job *j)
{
	struct ir_aws_event e = event_of(j, IR_AWS_EVENT_REQUEST);
	struct ir_buf b = IR_BUF_SECRET(4u << 20);
	size_t head;

	if (!a->trace || !a->trace_requests)
		return;
	ir_aws_mask(&b, ir_buf_cstr(&j->sig.canonical), j->sig.canonical.len);
	head = b.len;
	if (j->body.len) {
		ir_buf_chr(&b, '\n');
		/* masked whole: the end of a value that is cut is not seen */
		ir_aws_mask(&b, j->body.data, j->body.len);
	}
	hide(&b, &a->cred.secret);
	hide(&b, &a->cred.token);
	hide(&b, j->call->key_secret);
	if (b.len > head + BODY_SHOWN)
		ir_buf_trunc(&b, head + BODY_SHOWN);
	e.text = ir_buf_cstr(&b);
	if (!b.bad)
		a->trace(&e, a->trace_arg);
	ir_buf_free(&b);
}

/* --- the ready one ----------------------------------------------------- */

static void
show_lines(const struct ir_common *c, const char *s)
{
	size_t n;

	for (; *s; s += n + (s[n] == '\n')) {
		n = strcspn(s, "\n");
		ir_note(c, "| %.*s", (int)(n < 900 ? n : 900), s);
	}
}

static void
show(const struct ir_aws_event *e, void *arg)
{
	const struct ir_common *c = arg;

	switch (e->kind) {
	case IR_AWS_EVENT_REQUEST:
		ir_note(c, "> %s %s %s, attempt %d", e->service, e->operation,
		    e->region, e->attempts);
		show_lines(c, e->text);
		break;
	case IR_AWS_EVENT_CALL:
		ir_note(c, "%s %s %s: %d%s%s, %d attempt%s, %lld ms, id %s",
		    e->service, e->operation, e->region, e->status,
		    *e->text ? " " : "", e->text, e->attempts,
		    e->attempts == 1 ? "" : "s", (long long)e->ms,
		    *e->request_id ? e->request_id : "-");
		break;
	case IR_AWS_EVENT_NOTE:
		ir_note(c, "%s", e->text);
		break;
	case IR_AWS_EVENT_PROGRESS:
		ir_progress(c, "calls to AWS", e->done, e->total, e->since);
		break;
	case IR_AWS_EVENT_END:
	default:
		ir_progress_end();
		break;
	}
}

void
ir_aws_follow(struct ir_aws *a, const struct ir_common *c)
{
	ir_aws_set_timeout(a, c->timeout);
	ir_aws_set_stop(a, ir_catch_stop());
	/* the printer only reads it */
	ir_aws_set_trace(a, show, (void *)(uintptr_t)c, c->verbose > 1);
}
