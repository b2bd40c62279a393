/*
 * chat-notify - tell a chat what flows through a pipe
 *
 * Copies standard input to standard output, byte for byte, and posts what
 * the records in it say to one or more chats.  A chat that fails never stops
 * the pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/file.h"
#include "core/secret.h"
#include "core/text.h"
#include "incident/journal.h"
#include "net/chat.h"
#include "net/http.h"
#include "vault/vault.h"

#define MAX_TARGETS 16
#define MAX_EACH 20		/* messages of one run; then one for the rest */
#define DEFAULT_MS 15000
#define RETRIES 3
#define RETRY_MAX_MS 60000	/* a longer wait is not waited for */
#define PAGERDUTY "https://events.pagerduty.com/v2/enqueue"
#define CHATWORK "https://api.chatwork.com/v2"
#define TYPETALK "https://typetalk.com/api/v1"
#define VAULT "vault:"		/* in place of a file: a name in the vault */

struct opts {
	struct ir_common common;
	struct ir_list to;
	const char *room, *chatwork_url, *incident, *pagerduty_url, *action;
	const char *typetalk_url;
	struct ir_vault_opts vault;
	bool each, soft, dry_run;
};

struct target {
	enum ir_chat_kind kind;
	const char *file;		/* or VAULT and a name */
	bool later;			/* the vault is still to be asked */
	char room[32];
	struct ir_secret secret;	/* the URL, or a token */
	char url[512];			/* of who wants a token; no secret */
	size_t ok, failed;
	int status;			/* of the last answer */
};

struct run {
	struct opts *opts;
	struct target target[MAX_TARGETS];
	size_t ntargets;
	struct ir_http *http;
	struct ir_chat *msg;
	char head[65];
	struct ir_buf line;
	bool too_long;
	size_t lines, records, messages;
	int write_errno;		/* of standard output; 0: fine */
	struct ir_tally tally;
};

/* --- targets ------------------------------------------------------------ */

/* A failure that the pipe survives: said now, counted for the end. */
static void
failed(struct run *r, const struct ir_err *err)
{
	ir_warn(&r->opts->common, "%s", err->msg);
	if (err->hint[0])
		ir_warn(&r->opts->common, "hint: %s", err->hint);
	ir_tally_add(&r->tally, err->code);
}

/*
 * https, or http on this machine; nothing that is not part of a URL.  No
 * login: what looks like this machine would be one ("http://localhost:@x/").
 */
static bool
url_ok(const char *s)
{
	static const char *const near[] = { "http://127.0.0.1:",
		"http://127.0.0.1/", "http://localhost:", "http://localhost/",
		"http://[::1]:", "https://" };
	const char *p;
	size_t i;

	for (p = s; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
			return false;
	for (i = 0; i < sizeof near / sizeof *near; i++)
		if (strncmp(s, near[i], strlen(near[i])) == 0)
			break;
	if (i == sizeof near / sizeof *near || !s[strlen(near[i])])
		return false;
	p = strstr(s, "://") + 3;
	return p[strcspn(p, "/?#@")] != '@';
}

/* The file holds a token or key, and the URL is no secret. */
static bool
has_token(const struct target *t)
{
	return t->kind == IR_CHAT_CHATWORK || t->kind == IR_CHAT_PAGERDUTY ||
	    t->kind == IR_CHAT_TYPETALK;
}

static bool
has_room(enum ir_chat_kind kind)
{
	return kind == IR_CHAT_CHATWORK || kind == IR_CHAT_TYPETALK;
}

/* What was read: is it what the kind needs? */
static int
check_secret(const struct target *t, struct ir_err *err)
{
	const char *s = t->secret.data, *p;

	if (!has_token(t)) {
		if (url_ok(s))
			return 0;
		ir_fail(err, IR_CONFIG, "%s: does not hold an https URL",
		    t->file);
		ir_hint(err, "one line, the webhook's URL");
		return -1;
	}
	for (p = s; *p > ' ' && *p < 127; p++)
		continue;
	if (*p || p == s || strpbrk(s, "\"\\") || strstr(s, "://"))
		return ir_fail(err, IR_CONFIG,
		    "%s: does not hold a token on one line", t->file);
	return 0;
}

/* The field password of the entry. */
static int
read_vault(struct target *t, struct ir_vault *v, struct ir_err *err)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	const struct ir_secret *s;
	int rc = ir_vault_get(v, t->file + strlen(VAULT), 0, &c, err);

	s = rc ? NULL : ir_credential_get(&c, "password");
	if (rc == 0 && (!s || !s->data))
		rc = ir_fail(err, IR_CONFIG, "%s: has no password", t->file);
	else if (rc == 0)
		rc = ir_secret_set(&t->secret, s->data, strlen(s->data), err);
	if (rc && err->code == IR_NO)
		err->code = IR_NOINPUT;	/* 1 is an answer, of others */
	ir_credential_free(&c);
	return rc;
}

/* "KIND:FILE" or "chatwork/ROOM:FILE": what can be known without the file. */
static void
add_target(struct run *r, const char *spec)
{
	struct target *t = &r->target[r->ntargets];
	const char *colon = strchr(spec, ':'), *room = r->opts->room;
	char url[sizeof t->url];
	size_t n, i;
	int kind;

	if (!colon || !colon[1])
		ir_die_usage("--to: not KIND:FILE");
	if (ir_ascii_starts(colon, "://"))
		ir_die_usage("--to: takes a file that holds the URL, not "
		    "the URL");
	n = strcspn(spec, "/:");
	kind = ir_chat_kind(spec, n);
	if (kind < 0)
		ir_die_usage("--to: not slack, teams, chatwork, gchat, "
		    "discord, pagerduty, lineworks, mattermost, typetalk or "
		    "json: %.*s", (int)n, spec);
	if (r->ntargets == MAX_TARGETS)
		ir_die_usage("--to: more than %d", MAX_TARGETS);
	t->kind = (enum ir_chat_kind)kind;
	t->file = colon + 1;
	t->later = ir_ascii_starts(t->file, VAULT);
	if (spec[n] == '/' && !has_room(t->kind))
		ir_die_usage("--to: only chatwork and typetalk have rooms");
	if (t->later && !ir_vault_name_ok(t->file + strlen(VAULT)))
		ir_die_usage("--to: no name in a vault: %s", t->file);
	if (spec[n] == '/')
		snprintf(t->room, sizeof t->room, "%.*s",
		    (int)(colon - spec - (ptrdiff_t)n - 1), spec + n + 1);
	else if (room)
		snprintf(t->room, sizeof t->room, "%.31s", room);
	for (i = 0; t->room[i]; i++)
		if (t->room[i] < '0' || t->room[i] > '9')
			ir_die_usage("--room: not a number: %s", t->room);
	if (has_room(t->kind) && !t->room[0])
		ir_die_usage("%s needs --room", ir_chat_kind_word(t->kind));
	if (kind == IR_CHAT_TYPETALK)
		snprintf(url, sizeof url, "%.400s/topics/%s",
		    r->opts->typetalk_url ? r->opts->typetalk_url : TYPETALK,
		    t->room);
	else
		snprintf(url, sizeof url, "%.400s/rooms/%s/messages",
		    r->opts->chatwork_url ? r->opts->chatwork_url : CHATWORK,
		    t->room);
	if (kind == IR_CHAT_PAGERDUTY && !r->opts->incident)
		ir_die_usage("pagerduty needs --incident");
	if (kind == IR_CHAT_PAGERDUTY)
		snprintf(url, sizeof url, "%.500s", r->opts->pagerduty_url ?
		    r->opts->pagerduty_url : PAGERDUTY);
	memcpy(t->url, url, sizeof t->url);
	r->ntargets++;
}

/* Google Chat: what is of one incident goes into one thread. */
static int
into_thread(struct run *r, struct target *t, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SECRET_MAX);
	int rc;

	if (t->kind != IR_CHAT_GCHAT || !r->opts->incident)
		return 0;
	ir_buf_fmt(&b, "%s%cmessageReplyOption="
	    "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD", t->secret.data,
	    strchr(t->secret.data, '?') ? '&' : '?');
	rc = ir_buf_check(&b, t->file, err) || ir_secret_set(&t->secret,
	    ir_buf_cstr(&b), b.len, err) ? -1 : 0;
	ir_buf_free(&b);
	return rc;
}

/* One target with its secret; false: it is out, and counted. */
static bool
open_target(struct run *r, struct target *t, struct ir_vault *v)
{
	struct ir_err err = IR_ERR_INIT;

	if ((v ? read_vault(t, v, &err) : ir_secret_read_file(&t->secret,
	    t->file, &err)) || check_secret(t, &err) ||
	    into_thread(r, t, &err)) {
		ir_secret_free(&t->secret);
		ir_fail_prefix(&err, "%s", ir_chat_kind_word(t->kind));
		failed(r, &err);
		return false;
	}
	t->later = false;
	if (strstr(t->secret.data, "webhook.office.com"))
		ir_warn(&r->opts->common, "%s: a connector of Office 365: "
		    "these are retired, make a workflow in Teams", t->file);
	if (t->kind == IR_CHAT_TYPETALK && !r->opts->typetalk_url)
		ir_warn(&r->opts->common, "%s: Typetalk: the service ended in "
		    "December 2025", t->file);
	return true;
}

/* Read the secrets in files, or (v) those in the vault. */
static void
open_targets(struct run *r, struct ir_vault *v)
{
	size_t i, n = 0;
	struct target t;

	for (i = 0; i < r->ntargets; i++) {
		t = r->target[i];
		if (t.later == (v != NULL) && !open_target(r, &t, v))
			continue;
		r->target[n++] = t;
	}
	for (i = n; i < r->ntargets; i++)
		memset(&r->target[i], 0, sizeof r->target[i]);
	r->ntargets = n;
}

/* Those that wait for the vault are out, each counted. */
static void
no_vault(struct run *r, const struct ir_err *why)
{
	size_t i, n = 0;

	for (i = 0; i < r->ntargets; i++)
		if (r->target[i].later)
			failed(r, why);
		else
			r->target[n++] = r->target[i];
	for (i = n; i < r->ntargets; i++)
		memset(&r->target[i], 0, sizeof r->target[i]);
	r->ntargets = n;
}

/*
 * The vault's key may be far away (KMS): it is asked when there is something
 * to say, and, but for --each, after the pipe has gone on.
 */
static void
open_vault(struct run *r)
{
	static const struct ir_aws_opts aws;
	struct ir_vault *v = NULL;
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	for (i = 0; i < r->ntargets && !r->target[i].later; i++)
		continue;
	if (i == r->ntargets)
		return;
	r->opts->vault.aws = &aws;
	r->opts->vault.common = &r->opts->common;
	r->opts->vault.look = true;
	if (ir_vault_open(&v, &r->opts->vault, false, &err)) {
		ir_fail_prefix(&err, "vault");
		no_vault(r, &err);
	} else {
		open_targets(r, v);
	}
	ir_vault_close(v);
}

/* --- posting ------------------------------------------------------------ */

/*
 * The service's own word for what is wrong ("channel_is_archived"), if it is
 * a short one and no part of the secret.
 */
static const char *
reply_word(const struct target *t, const struct ir_http_req *q)
{
	const char *s = ir_buf_cstr(&q->reply);
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_ ");

	return n && n == q->reply.len && n < 64 && !strstr(t->secret.data, s) ?
	    s : "";
}

static void
judge(struct run *r, struct target *t, const struct ir_http_req *q)
{
	struct ir_err err = IR_ERR_INIT;
	const char *word = reply_word(t, q), *why;

	t->status = q->status;
	if (q->status >= 200 && q->status < 300) {
		t->ok++;
		ir_tally_add(&r->tally, 0);
		return;
	}
	t->failed++;
	if (q->status) {
		ir_fail(&err, q->status == 429 || q->status >= 500 ?
		    IR_TEMPFAIL : IR_UNAVAILABLE, "%s: %s: answered %d%s%s",
		    ir_chat_kind_word(t->kind), t->file, q->status,
		    *word ? ": " : "", word);
	} else {
		/* only what follows the address: no part of a URL is shown */
		why = strrchr(q->err.msg, ':');
		ir_fail(&err, q->err.code, "%s: %s: no answer%s",
		    ir_chat_kind_word(t->kind), t->file, why ? why : "");
	}
	failed(r, &err);
}

/* Milliseconds until it is worth another try; -1: it is not. */
static int64_t
retry_in(const struct ir_http_req *q, int tries)
{
	int64_t ms = q->retry_after_ms;

	if (tries >= RETRIES || (!q->status && (q->sent ||
	    q->err.code != IR_TEMPFAIL)))
		return -1;
	if (q->status && q->status != 429 && q->status < 500)
		return -1;
	if (!ms && q->status == 429)
		ms = ir_chat_retry_after(ir_buf_cstr(&q->reply),
		    q->reply.len);
	if (!ms)
		ms = (int64_t)500 << tries;
	return ms <= RETRY_MAX_MS ? ms : -1;
}

/* Post to all targets, again to those that ask for it. */
static void
post(struct run *r, struct ir_http_req *q, int64_t deadline)
{
	struct ir_http_req now[MAX_TARGETS];
	size_t which[MAX_TARGETS], n = r->ntargets, again, i;
	int64_t wait, ms;
	int tries;

	for (i = 0; i < n; i++)
		which[i] = i;
	for (tries = 0; n; tries++) {
		for (i = 0; i < n; i++) {
			now[i] = q[which[i]];
			now[i].reply = (struct ir_buf)IR_BUF(65536);
			ms = deadline - ir_mono_ms();
			now[i].timeout_ms = ms > 1 ? (long)ms : 1;
		}
		ir_http_run(r->http, now, n, n);
		for (i = 0, again = 0, wait = 0; i < n; i++) {
			ms = retry_in(&now[i], tries);
			if (ms < 0 || ir_mono_ms() + ms >= deadline) {
				judge(r, &r->target[which[i]], &now[i]);
			} else {
				which[again++] = which[i];
				wait = ms > wait ? ms : wait;
			}
			ir_buf_free(&now[i].reply);
		}
		n = again;
		if (n)
			poll(NULL, 0, (int)wait);
	}
}

static void
preview(const struct target *t, const struct ir_buf *body)
{
	struct ir_buf b = IR_BUF(IR_CHAT_MAX * 4);
	const char *url = has_token(t) ? t->url : t->secret.data;
	const char *host = strstr(url, "://") + 3;

	ir_text_term(&b, body->data, body->len);
	fprintf(stderr, "%s: %s: would post to %.*s/...: %s\n", ir_prog(),
	    t->file, (int)(host - url) + (int)strcspn(host, "/?#@"), url,
	    ir_buf_cstr(&b));
	ir_buf_free(&b);
}

/* Now that nobody is shown the body any more. */
static void
put_key(struct ir_buf *body, const struct target *t)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CHAT_MAX + IR_SECRET_MAX);
	size_t at = strlen(IR_CHAT_ROUTING) - 1;

	if (body->len < at)
		return;
	ir_buf_add(&b, body->data, at);
	ir_buf_str(&b, t->secret.data);
	ir_buf_add(&b, body->data + at, body->len - at);
	ir_buf_free(body);
	*body = b;
}

/* Post the message that has been gathered, and begin a new one. */
static void
flush_message(struct run *r)
{
	struct ir_http_req q[MAX_TARGETS];
	struct ir_http_header h[MAX_TARGETS][2];
	struct ir_buf body[MAX_TARGETS];
	struct ir_err err = IR_ERR_INIT;
	long limit = r->opts->common.timeout;
	size_t i;

	if (!r->msg->records)
		return;
	open_vault(r);
	memset(q, 0, sizeof q);
	for (i = 0; i < r->ntargets; i++) {
		struct target *t = &r->target[i];

		body[i] = (struct ir_buf)IR_BUF_SECRET(IR_CHAT_MAX +
		    IR_SECRET_MAX);
		if (ir_chat_render(r->msg, t->kind, &body[i], &err))
			failed(r, &err);
		else if (r->opts->dry_run)
			preview(t, &body[i]);
		h[i][0] = (struct ir_http_header){ "Content-Type",
			ir_chat_content_type(t->kind) };
		h[i][1] = (struct ir_http_header){ t->kind ==
			IR_CHAT_TYPETALK ? "X-Typetalk-Token" :
			"X-ChatWorkToken", t->secret.data };
		q[i].method = "POST";
		q[i].url = has_token(t) ? t->url : t->secret.data;
		if (t->kind == IR_CHAT_PAGERDUTY && !r->opts->dry_run)
			put_key(&body[i], t);
		q[i].headers = h[i];
		q[i].nheaders = has_room(t->kind) ? 2 : 1;
		q[i].body = ir_buf_cstr(&body[i]);
		q[i].body_len = body[i].len;
		q[i].max = 65536;
	}
	if (!r->opts->dry_run)
		post(r, q, ir_mono_ms() + (limit ? limit * 1000 :
		    DEFAULT_MS));
	for (i = 0; i < r->ntargets; i++)
		ir_buf_free(&body[i]);
	r->messages++;
	memset(r->msg, 0, offsetof(struct ir_chat, footer));
}

/* --- the pipe ----------------------------------------------------------- */

static void
one_line(struct run *r, const char *s, size_t n)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *rec;

	r->lines++;
	while (n && strchr(" \t\r", s[n - 1]) && s[n - 1])
		n--;
	while (n && (*s == ' ' || *s == '\t'))
		s++, n--;
	if (n == 0 && !r->too_long)
		return;
	if (r->too_long) {
		rec = NULL;
		ir_fail(&err, IR_DATAERR, "longer than %d bytes", IR_REC_MAX);
	} else if (*s == '{') {
		rec = ir_rec_parse(s, n, &err);
	} else {
		rec = ir_rec_object();
		ir_rec_strn(rec, "id", s, n);
	}
	if (!rec) {
		ir_fail_prefix(&err, "standard input:%zu", r->lines);
		failed(r, &err);
		return;
	}
	r->records++;
	ir_chat_add(r->msg, rec, ir_now());
	ir_rec_free(rec);
	if (r->opts->each && r->messages < MAX_EACH)
		flush_message(r);
}

/* Cut what came into lines. */
static void
feed(struct run *r, const char *p, size_t n)
{
	const char *nl;
	size_t len;

	while (n) {
		nl = memchr(p, '\n', n);
		len = nl ? (size_t)(nl - p) : n;
		ir_buf_add(&r->line, p, len);
		r->too_long = r->too_long || r->line.bad;
		if (nl) {
			one_line(r, ir_buf_cstr(&r->line), r->line.len);
			ir_buf_free(&r->line);
			r->too_long = false;
			len++;
		}
		p += len;
		n -= len;
	}
}

/*
 * Whoever reads our output gets its end now, not when the chats have
 * answered.  The descriptor stays taken, or a socket could get it.
 */
static void
end_output(struct run *r)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if ((fd < 0 || dup2(fd, STDOUT_FILENO) < 0) && !r->write_errno)
		r->write_errno = errno;
	if (fd >= 0)
		close(fd);
}

static int
copy(struct run *r, struct ir_err *err)
{
	char chunk[65536];
	ssize_t got;

	for (;;) {
		got = read(STDIN_FILENO, chunk, sizeof chunk);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ir_fail_errno(err, IR_IOERR, errno,
			    "standard input");
		if (got == 0)
			break;
		/* on first, whatever the chats do */
		if (!r->write_errno && ir_write_all(STDOUT_FILENO, chunk,
		    (size_t)got))
			r->write_errno = errno;
		feed(r, chunk, (size_t)got);
	}
	end_output(r);
	if (r->line.len || r->too_long)
		one_line(r, ir_buf_cstr(&r->line), r->line.len);
	flush_message(r);
	if (r->write_errno)
		return ir_fail_errno(err, IR_IOERR, r->write_errno,
		    "standard output");
	return 0;
}

/* --- around it ---------------------------------------------------------- */

/* Who says so: with the journal's head, so that a copy leaves this host. */
static void
footer(struct run *r)
{
	const char *dir = r->opts->incident, *name;
	struct ir_err err = IR_ERR_INIT;
	struct ir_buf raw = IR_BUF(8192), b = IR_BUF(65536);
	char host[256] = "";
	size_t n;

	if (gethostname(host, sizeof host - 1))
		host[0] = '\0';
	ir_buf_fmt(&raw, "quell on %.64s", host[0] ? host : "unknown host");
	if (dir) {
		name = strrchr(dir, '/');
		ir_buf_fmt(&raw, ", incident %.60s", name && name[1] ?
		    name + 1 : dir);
		snprintf(r->msg->incident, sizeof r->msg->incident, "%.120s",
		    name && name[1] ? name + 1 : dir);
		if (ir_journal_head(dir, r->head, &err)) {
			r->head[0] = '\0';
			failed(r, &err);
		} else {
			ir_buf_fmt(&raw, ", journal %s", r->head);
		}
	}
	ir_chat_defang(&b, ir_buf_cstr(&raw), raw.len);
	n = ir_text_cut(ir_buf_cstr(&b), b.len, sizeof r->msg->footer - 1);
	memcpy(r->msg->footer, ir_buf_cstr(&b), n);
	ir_buf_free(&raw);
	ir_buf_free(&b);
}

static void
journal_end(struct run *r, struct ir_journal *j)
{
	struct ir_rec *data = ir_rec_object(), *list = ir_rec_array(), *t;
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	for (i = 0; i < r->ntargets; i++) {
		t = ir_rec_object();
		ir_rec_str(t, "kind", ir_chat_kind_word(r->target[i].kind));
		ir_rec_str(t, "file", r->target[i].file);
		ir_rec_int(t, "posted", (int64_t)r->target[i].ok);
		ir_rec_int(t, "failed", (int64_t)r->target[i].failed);
		ir_rec_int(t, "status", r->target[i].status);
		ir_rec_push(list, t);
	}
	ir_rec_int(data, "records", (int64_t)r->records);
	ir_rec_int(data, "messages", (int64_t)r->messages);
	ir_rec_str(data, "head", r->head);
	ir_rec_set(data, "targets", list);
	if (ir_journal_add(j, "chat-notify.end", data, &err))
		failed(r, &err);
}

/* Everything that may fail without stopping the pipe. */
static struct ir_journal *
prepare(struct run *r)
{
	struct ir_http_opts h = { .connect_ms = 5000 };
	struct ir_journal *j = NULL;
	struct ir_err err = IR_ERR_INIT;

	open_targets(r, NULL);
	footer(r);
	if (r->opts->dry_run)
		return NULL;
	if (ir_http_open(&r->http, &h, &err)) {
		failed(r, &err);
		r->ntargets = 0;
	}
	if (r->head[0] && ir_journal_open(&j, r->opts->incident, ir_prog(),
	    &err))
		failed(r, &err);
	return j;
}

/* Bad usage ends the run before anything is read. */
static void
check_usage(struct run *r)
{
	const struct opts *o = r->opts;
	size_t i;

	for (i = 0; i < o->to.n; i++)
		add_target(r, o->to.v[i]);
	if (r->ntargets == 0)
		ir_die_usage("--to says where to");
	if (o->chatwork_url && !url_ok(o->chatwork_url))
		ir_die_usage("--chatwork-url: not an https URL");
	if (o->typetalk_url && !url_ok(o->typetalk_url))
		ir_die_usage("--typetalk-url: not an https URL");
	if (o->pagerduty_url && !url_ok(o->pagerduty_url))
		ir_die_usage("--pagerduty-url: not an https URL");
	if (o->action && strcmp(o->action, "trigger") != 0 &&
	    strcmp(o->action, "acknowledge") != 0 &&
	    strcmp(o->action, "resolve") != 0)
		ir_die_usage("--action: not trigger, acknowledge or resolve: "
		    "%s", o->action);
	if (o->common.timeout > 3600)
		ir_die_usage("--timeout: more than an hour");
	if (isatty(STDIN_FILENO))
		ir_die_usage("standard input is a terminal");
	r->msg = calloc(1, sizeof *r->msg);
	if (!r->msg)
		abort();
	r->msg->action = o->action;
}

static void
free_run(struct run *r)
{
	size_t i;

	ir_http_close(r->http);
	for (i = 0; i < MAX_TARGETS; i++)
		ir_secret_free(&r->target[i].secret);
	ir_buf_free(&r->line);
	free(r->msg);
}

static const struct ir_cmd command = {
	"chat-notify", "tell a chat what flows through a pipe",
	"--to=KIND:FILE ... [options]"
};

int
main(int argc, char **argv)
{
	static struct opts o;
	const struct ir_opt opts[] = {
		{ 0, "to", "KIND:FILE", IR_LIST, &o.to, "slack, teams, "
		    "chatwork, gchat, discord, pagerduty, lineworks, "
		    "mattermost, typetalk or json, and the file with its URL "
		    "or token, or vault:NAME; many times" },
		{ 0, "room", "ID", IR_STR, &o.room,
		    "room of chatwork, topic of typetalk" },
		{ 0, "chatwork-url", "URL", IR_STR, &o.chatwork_url,
		    "API of chatwork; default: " CHATWORK },
		{ 0, "typetalk-url", "URL", IR_STR, &o.typetalk_url,
		    "its API; default: " TYPETALK },
		IR_OPTS_VAULT(&o.vault),
		{ 0, "action", "WORD", IR_STR, &o.action,
		    "pagerduty: trigger (default), acknowledge or resolve" },
		{ 0, "pagerduty-url", "URL", IR_STR, &o.pagerduty_url,
		    "its API; default: " PAGERDUTY },
		{ 0, "each", NULL, IR_BOOL, &o.each,
		    "a message for each record, not one for all" },
		{ 0, "soft", NULL, IR_BOOL, &o.soft,
		    "exit 0 even if no chat was reached" },
		{ 'n', "dry-run", NULL, IR_BOOL, &o.dry_run,
		    "show on stderr what would be posted" },
		{ 0, "incident", "DIR", IR_STR, &o.incident,
		    "journal to this incident directory" },
		IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .opts = &o, .line = IR_BUF(IR_REC_MAX),
		.tally = IR_TALLY_INIT };
	struct ir_journal *j;

	ir_begin(&command);
	if (ir_parse(argc, argv, opts, &o.common))
		ir_die_usage("takes no operands; records come on stdin");
	check_usage(&r);
	j = prepare(&r);
	copy(&r, &err);
	journal_end(&r, j);
	ir_journal_close(j);
	free_run(&r);
	return ir_end(&err, NULL, o.soft ? NULL : &r.tally);
}
