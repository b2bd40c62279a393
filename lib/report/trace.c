/* trace.c - see trace.h */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "arf.h"
#include "core/buf.h"
#include "core/record.h"
#include "core/text.h"
#include "exim/spool.h"
#include "log/input.h"
#include "trace.h"

/* What is looked for, and what was found. */
struct trace {
	const char *ids[IR_TRACE_IDS];		/* borrowed from the report */
	const char *message_ids[IR_TRACE_IDS];	/* without <> */
	size_t message_id_len[IR_TRACE_IDS];
	size_t nids, nmessage_ids;
	char id[IR_SPOOL_ID_MAX];	/* the one that was found */
	struct ir_rec *local, *lines;
	char cwd[IR_TRACE_LINE];	/* the last such line */
	size_t cwd_len;
	uint64_t bytes;
};

static void
want(struct trace *t, const char *id)
{
	size_t i;

	for (i = 0; id && i < t->nids; i++)
		if (strcmp(t->ids[i], id) == 0)
			return;
	if (id && t->nids < IR_TRACE_IDS)
		t->ids[t->nids++] = id;
}

static void
wanted(struct trace *t, const struct ir_rec *report)
{
	const struct ir_rec *list = ir_rec_at(report, "complaint.exim_ids");
	const char *s;
	size_t i;

	want(t, ir_rec_get(report, "complaint.lead.id"));
	for (i = 0; t->nids == 0 && i < ir_rec_len(list); i++)
		if (ir_rec_get_bool(ir_rec_item(list, i), "ok", true))
			want(t, ir_rec_get(ir_rec_item(list, i), "id"));
	list = ir_rec_at(report, "complaint.message_ids");
	for (i = 0; i < ir_rec_len(list) && t->nmessage_ids < IR_TRACE_IDS;
	    i++) {
		s = ir_rec_cstr(ir_rec_item(list, i));
		if (!s || strlen(s) < 3 || *s != '<')
			continue;
		t->message_ids[t->nmessage_ids] = s + 1;
		t->message_id_len[t->nmessage_ids++] = strlen(s) - 2;
	}
}

/* After "2026-11-21 16:23:17", its zone and "[pid]", or NULL. */
static const char *
after_stamp(const char *s, size_t n)
{
	const char *end = s + n, *p;

	if (n < 21 || s[4] != '-' || s[7] != '-' || s[10] != ' ' ||
	    s[13] != ':' || s[16] != ':')
		return NULL;
	p = memchr(s + 19, ' ', n - 19);	/* milliseconds, perhaps */
	if (!p)
		return NULL;
	p++;
	if (end - p > 6 && (*p == '+' || *p == '-') && p[5] == ' ')
		p += 6;
	if (p < end && *p == '[') {
		p = memchr(p, ']', (size_t)(end - p));
		if (!p || end - p < 2)
			return NULL;
		p += 2;
	}
	return p;
}

/* The value of " NAME=" in a line: up to the next space. */
static bool
item(const char *s, size_t n, const char *name, const char **v, size_t *len)
{
	const char *end = s + n, *p = memmem(s, n, name, strlen(name));

	if (!p)
		return false;
	p += strlen(name);
	*v = p;
	while (p < end && *p != ' ')
		p++;
	*len = (size_t)(p - *v);
	return *len > 0;
}

static void
put(struct ir_rec *o, const char *key, const char *s, size_t n,
    const char *name)
{
	const char *v;
	size_t len;

	if (item(s, n, name, &v, &len))
		ir_claim_put(o, key, v, len);
}

/* "cwd=/home/x/public_html 3 args: /usr/sbin/sendmail -t -i" */
static void
script(struct trace *t)
{
	const char *s = t->cwd, *v, *args;
	size_t n;

	if (t->cwd_len == 0 || !item(s, t->cwd_len, "cwd=", &v, &n))
		return;
	ir_claim_put(t->local, "cwd", v, n);
	args = memmem(s, t->cwd_len, " args: ", 7);
	if (args)
		ir_claim_put(t->local, "args", args + 7,
		    t->cwd_len - (size_t)(args + 7 - s));
}

/* "ID <= sender H=... U=... P=... A=...": the line of its arrival. */
static void
arrival(struct trace *t, const char *s, const char *rest,
    size_t rest_len)
{
	const char *v, *colon, *end;
	size_t len;

	len = 0;
	while (len < rest_len && rest[len] != ' ')
		len++;
	ir_claim_put(t->local, "sender", rest, len);
	ir_claim_time(t->local, "received", s, 19);
	put(t->local, "protocol", rest, rest_len, " P=");
	put(t->local, "message_id", rest, rest_len, " id=");
	if (item(rest, rest_len, " A=", &v, &len)) {
		colon = memchr(v, ':', len);
		ir_rec_str(t->local, "how", "auth");
		ir_claim_put(t->local, "authenticator", v, colon ?
		    (size_t)(colon - v) : len);
		if (colon)
			ir_claim_put(t->local, "account", colon + 1,
			    len - (size_t)(colon + 1 - v));
	} else if (item(rest, rest_len, " P=", &v, &len) && len >= 5 &&
	    memcmp(v, "local", 5) == 0) {
		ir_rec_str(t->local, "how", "local");
		put(t->local, "account", rest, rest_len, " U=");
		script(t);
	} else {
		ir_rec_str(t->local, "how", "relay");
	}
	v = memmem(rest, rest_len, " H=", 3);
	if (v)
		v = memchr(v, '[', rest_len - (size_t)(v - rest));
	end = v ? memchr(v, ']', rest_len - (size_t)(v - rest)) : NULL;
	if (end)
		ir_claim_put(t->local, "host", v + 1, (size_t)(end - v - 1));
}

/* Does an arrival's "id=" name one of the Message-IDs? */
static bool
by_message_id(const struct trace *t, const char *s, size_t n)
{
	const char *v;
	size_t i, len;

	if (t->nmessage_ids == 0 || !item(s, n, " id=", &v, &len))
		return false;
	for (i = 0; i < t->nmessage_ids; i++)
		if (t->message_id_len[i] == len &&
		    memcmp(t->message_ids[i], v, len) == 0)
			return true;
	return false;
}

static bool
is_wanted(const struct trace *t, const char *id, size_t n)
{
	size_t i;

	if (t->id[0])
		return strlen(t->id) == n && memcmp(t->id, id, n) == 0;
	for (i = 0; i < t->nids; i++)
		if (strlen(t->ids[i]) == n && memcmp(t->ids[i], id, n) == 0)
			return true;
	return false;
}

static void
line(struct trace *t, const char *s, size_t n)
{
	const char *p = after_stamp(s, n), *end = s + n, *rest;
	size_t len;
	bool in;

	if (!p)
		return;
	if (end - p > 4 && memcmp(p, "cwd=", 4) == 0) {
		t->cwd_len = (size_t)(end - p) < sizeof t->cwd ?
		    (size_t)(end - p) : sizeof t->cwd;
		memcpy(t->cwd, p, t->cwd_len);
		return;
	}
	len = ir_spool_id_len(p, (size_t)(end - p));
	if (len == 0 || (size_t)(end - p) < len + 4)
		return;
	rest = p + len;
	in = memcmp(rest, " <= ", 4) == 0;
	if (!is_wanted(t, p, len) && !(in && !t->id[0] &&
	    by_message_id(t, rest, (size_t)(end - rest))))
		return;
	memcpy(t->id, p, len);
	t->id[len] = '\0';
	if (ir_rec_len(t->lines) < IR_TRACE_LINES)
		ir_rec_push(t->lines, ir_rec_string(s, ir_text_cut(s, n,
		    IR_TRACE_LINE)));
	if (in && !ir_rec_has(t->local, "how"))
		arrival(t, s, rest + 4, (size_t)(end - rest - 4));
}

static int
read_log(struct trace *t, const char *path, struct ir_err *err)
{
	struct ir_log_input *in;
	const char *s;
	size_t n;
	int rc;

	if (ir_log_open(&in, path, err))
		return -1;
	t->cwd_len = 0;
	while ((rc = ir_log_line(in, &s, &n, NULL, err)) == 1 &&
	    t->bytes < IR_TRACE_BYTES) {
		t->bytes += n + 1;
		line(t, s, n);
	}
	ir_log_close(in);
	return rc < 0 ? -1 : 0;
}

static void
span(struct ir_rec *o, const char *key, struct ir_span v)
{
	if (v.n)
		ir_claim_put(o, key, v.p, v.n);
}

/* The message's -H file, when it is still in the queue. */
static bool
read_spool(struct trace *t, const char *spool, const char *id)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_buf b = IR_BUF(4U << 20);
	struct ir_spool_msg m;
	char path[4200];
	bool ok = false;
	int split;

	for (split = 0; split < 2 && !ok; split++) {
		if (split)
			snprintf(path, sizeof path, "%s/input/%c/%s-H", spool,
			    id[5], id);
		else
			snprintf(path, sizeof path, "%s/input/%s-H", spool,
			    id);
		ir_buf_trunc(&b, 0);
		ok = ir_buf_read_file(&b, path, &err) == 0 &&
		    ir_spool_parse(ir_buf_cstr(&b), b.len, id, &m, &err) == 0;
	}
	if (ok) {
		memcpy(t->id, id, strlen(id) + 1);
		ir_rec_str(t->local, "how", m.authenticator.n ? "auth" :
		    m.local ? "local" : "relay");
		span(t->local, "account", m.authenticator.n ? m.auth_user :
		    m.local ? m.login : (struct ir_span){ NULL, 0 });
		span(t->local, "authenticator", m.authenticator);
		span(t->local, "sender", m.sender);
		span(t->local, "host", m.host);
		span(t->local, "protocol", m.protocol);
		span(t->local, "php_script", m.script);
		if (!ir_rec_has(t->local, "received"))
			ir_rec_time(t->local, "received", m.received);
	}
	ir_buf_free(&b);
	return ok;
}

int
ir_trace(struct ir_rec *report, const struct ir_trace_opts *o,
    struct ir_err *err)
{
	struct trace t = { 0 };
	bool spooled = false;
	int rc = 0;
	size_t i;

	wanted(&t, report);
	t.local = ir_rec_object();
	t.lines = ir_rec_array();
	for (i = 0; (t.nids || t.nmessage_ids) && i < o->nlogs && rc == 0; i++)
		rc = read_log(&t, o->logs[i], err);
	for (i = 0; o->spool && rc == 0 && i < t.nids && !spooled; i++)
		if (!t.id[0] || strcmp(t.id, t.ids[i]) == 0)
			spooled = read_spool(&t, o->spool, t.ids[i]);
	if (t.id[0] && rc == 0) {
		ir_rec_str(t.local, "id", t.id);
		ir_rec_str(t.local, "from", ir_rec_len(t.lines) ? "mainlog" :
		    "spool");
		ir_rec_set(t.local, "log", t.lines);
		ir_rec_set(report, "local", t.local);
		return 0;
	}
	ir_rec_free(t.local);
	ir_rec_free(t.lines);
	ir_rec_null(report, "local");
	ir_rec_str(report, "local_why", t.nids || t.nmessage_ids ?
	    "the message is not in the logs or the spool given" :
	    "the complaint names no message");
	return rc;
}
