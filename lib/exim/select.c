/* select.c - see select.h */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <arpa/inet.h>
#include <fcntl.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/record.h"
#include "../core/text.h"
#include "../mail/mime.h"
#include "select.h"
#include "subject.h"

#define MATCH_LIMIT 200000	/* steps: a hostile text must not stall us */
#define HEAP_LIMIT 16384	/* KiB of PCRE2's heap for a match */

struct ir_regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *ctx;
};

bool
ir_select_any(const struct ir_select *s)
{
	int i;

	for (i = 0; i < IR_SEL_TEXTS; i++)
		if (s->text[i])
			return true;
	return s->min_rcpts >= 0 || s->max_rcpts >= 0 || s->older >= 0 ||
	    s->newer >= 0 || s->larger >= 0 || s->smaller >= 0 ||
	    s->deferred_since >= 0 || s->deferred || s->frozen ||
	    s->not_frozen || s->bounces || s->not_bounces || s->headers.n ||
	    s->where;
}

struct ir_span
ir_spool_sender(const struct ir_spool_msg *m)
{
	static const struct ir_span bounce = { "<>", 2 };

	return m->sender.n ? m->sender : bounce;
}

void
ir_spool_text(struct ir_rec *r, const char *key, struct ir_span s)
{
	if (s.p)
		ir_rec_strn(r, key, s.p,
		    ir_text_cut(s.p, s.n, IR_SPOOL_TEXT_MAX));
}

void
ir_spool_recorded(struct ir_buf *out, struct ir_span s)
{
	if (s.p)
		ir_text_clean(out, s.p,
		    ir_text_cut(s.p, s.n, IR_SPOOL_TEXT_MAX));
}

/* --- compiling ---------------------------------------------------------- */

static void
regex_free(struct ir_regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->ctx);
	pcre2_match_data_free(r->data);
	pcre2_code_free(r->code);
	free(r);
}

static struct ir_regex *
regex_new(const char *name, const char *text, struct ir_err *err)
{
	struct ir_regex *r = calloc(1, sizeof *r);
	PCRE2_UCHAR why[160];
	PCRE2_SIZE at;
	int e;

	if (!r)
		goto no_memory;
	r->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
	    &e, &at, NULL);
	if (!r->code) {
		pcre2_get_error_message(e, why, sizeof why);
		ir_fail(err, IR_USAGE, "--%s: not a regular expression: %s "
		    "at character %zu", name, (const char *)why, at + 1);
		free(r);
		return NULL;
	}
	(void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	r->data = pcre2_match_data_create(1, NULL);
	r->ctx = pcre2_match_context_create(NULL);
	if (!r->data || !r->ctx)
		goto no_memory;
	pcre2_set_match_limit(r->ctx, MATCH_LIMIT);
	pcre2_set_heap_limit(r->ctx, HEAP_LIMIT);
	return r;
no_memory:
	regex_free(r);
	ir_fail(err, IR_OSERR, "no memory");
	return NULL;
}

/* One more condition: all of them must be met. */
static int
require(struct ir_select *s, struct ir_expr_node node, bool not,
    struct ir_err *err)
{
	int n = ir_expr_add(&s->expr, node, err);

	if (n >= 0 && not)
		n = ir_expr_add(&s->expr, (struct ir_expr_node){
		    .op = IR_X_NOT, .a = n }, err);
	if (n >= 0 && s->root >= 0)
		n = ir_expr_add(&s->expr, (struct ir_expr_node){
		    .op = IR_X_AND, .a = s->root, .b = n }, err);
	if (n < 0)
		return -1;
	s->root = n;
	return 0;
}

static int
require_number(struct ir_select *s, long value, enum ir_field f,
    enum ir_expr_op op, bool not, struct ir_err *err)
{
	struct ir_expr_node node = { .op = op, .field = f, .number = value };

	return value < 0 ? 0 : require(s, node, not, err);
}

static int
require_flag(struct ir_select *s, bool given, enum ir_field f, bool not,
    struct ir_err *err)
{
	struct ir_expr_node node = { .op = IR_X_FLAG, .field = f };

	return given ? require(s, node, not, err) : 0;
}

static int
require_header(struct ir_select *s, const char *arg, struct ir_err *err)
{
	struct ir_expr_node node = { .op = IR_X_MATCHES,
	    .field = IR_F_HEADER };
	const char *eq = strchr(arg, '=');
	char *name;

	if (!eq || eq == arg || !eq[1])
		return ir_fail(err, IR_USAGE, "--header: NAME=REGEX is "
		    "wanted: %s", arg);
	name = s->expr.ntexts < IR_EXPR_NODES ?
	    strndup(arg, (size_t)(eq - arg)) : NULL;
	if (!name)
		return ir_fail(err, IR_OSERR, "no memory");
	s->expr.texts[s->expr.ntexts++] = name;
	node.name = name;
	node.text = eq + 1;
	return require(s, node, false, err);
}

/* The cheap ones first: what follows is only looked at if they are met. */
static int
require_all(struct ir_select *s, struct ir_err *err)
{
	static const enum ir_field order[] = { IR_F_AUTH_USER, IR_F_SENDER,
		IR_F_SENDER_DOMAIN, IR_F_AUTH_SENDER, IR_F_IDENT, IR_F_LOGIN,
		IR_F_HOST, IR_F_HELO, IR_F_PROTOCOL, IR_F_SCRIPT,
		IR_F_RECIPIENT, IR_F_RECIPIENT_DOMAIN, IR_F_SUBJECT,
		IR_F_BODY };
	size_t i;

	if (require_flag(s, s->frozen, IR_F_FROZEN, false, err) ||
	    require_flag(s, s->not_frozen, IR_F_FROZEN, true, err) ||
	    require_flag(s, s->bounces, IR_F_BOUNCE, false, err) ||
	    require_flag(s, s->not_bounces, IR_F_BOUNCE, true, err) ||
	    require_flag(s, s->deferred, IR_F_DEFERRED, false, err) ||
	    require_number(s, s->min_rcpts, IR_F_RECIPIENTS, IR_X_LT, true,
	    err) ||
	    require_number(s, s->max_rcpts, IR_F_RECIPIENTS, IR_X_GT, true,
	    err) ||
	    require_number(s, s->older, IR_F_AGE, IR_X_GT, false, err) ||
	    require_number(s, s->newer, IR_F_AGE, IR_X_GT, true, err))
		return -1;
	for (i = 0; i < sizeof order / sizeof *order; i++) {
		struct ir_expr_node node = { .field = order[i],
		    .text = s->text[order[i]] };

		node.op = s->regex || order[i] == IR_F_SUBJECT ||
		    order[i] == IR_F_BODY ? IR_X_MATCHES : IR_X_IS;
		if (node.text && require(s, node, false, err))
			return -1;
	}
	for (i = 0; i < s->headers.n; i++)
		if (require_header(s, s->headers.v[i], err))
			return -1;
	if (require_number(s, s->larger, IR_F_SIZE, IR_X_GT, false, err) ||
	    require_number(s, s->smaller, IR_F_SIZE, IR_X_LT, false, err) ||
	    require_number(s, s->deferred_since, IR_F_DEFERRED, IR_X_GT,
	    false, err))
		return -1;
	return 0;
}

static int
require_where(struct ir_select *s, struct ir_err *err)
{
	int root, before = s->root;

	if (!s->where)
		return 0;
	if (ir_expr_parse(&s->expr, s->where, strlen(s->where), &root, err))
		return -1;
	if (before >= 0)
		root = ir_expr_add(&s->expr, (struct ir_expr_node){
		    .op = IR_X_AND, .a = before, .b = root }, err);
	s->root = root;
	return root < 0 ? -1 : 0;
}

/* --- addresses ---------------------------------------------------------- */

static int
address(const char *s, size_t n, unsigned char out[16])
{
	char text[64];

	if (n == 0 || n >= sizeof text)
		return 0;
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

/* A net that is none would silently match nothing. */
static int
check_hosts(const struct ir_select *s, struct ir_err *err)
{
	const struct ir_expr_node *n;
	unsigned char a[16];
	const char *slash;
	int64_t bits;
	size_t i;
	int len;

	for (i = 0; i < s->expr.n; i++) {
		n = &s->expr.v[i];
		if (n->op != IR_X_IS || n->field != IR_F_HOST)
			continue;
		slash = strchr(n->text, '/');
		len = address(n->text, slash ? (size_t)(slash - n->text) :
		    strlen(n->text), a);
		bits = slash ? ir_expr_seconds(slash + 1) : 0;
		if (len == 0 || bits < 0 || bits > len * 8)
			return ir_fail(err, IR_USAGE, "--host: not an IP "
			    "address or net: %s", n->text);
	}
	return 0;
}

/* --- begin and end ------------------------------------------------------ */

int
ir_select_begin(struct ir_select *s, struct ir_err *err)
{
	const struct ir_expr_node *n;
	char name[64];
	size_t i;

	s->scratch = (struct ir_buf)IR_BUF(IR_SUBJECT_MAX);
	if (require_all(s, err) || require_where(s, err) ||
	    check_hosts(s, err))
		return -1;
	s->re = calloc(s->expr.n + 1, sizeof *s->re);
	if (!s->re)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < s->expr.n; i++) {
		n = &s->expr.v[i];
		if (n->op != IR_X_MATCHES)
			continue;
		snprintf(name, sizeof name, "%s", ir_field_name(n->field));
		if (strchr(name, '_'))
			*strchr(name, '_') = '-';
		s->re[i] = regex_new(name, n->text, err);
		if (!s->re[i])
			return -1;
	}
	return 0;
}

void
ir_select_end(struct ir_select *s)
{
	size_t i;

	for (i = 0; s->re && i < s->expr.n; i++)
		regex_free(s->re[i]);
	free(s->re);
	s->re = NULL;
	s->root = -1;
	ir_expr_free(&s->expr);
	ir_buf_free(&s->scratch);
	ir_file_buf_free(&s->file);
}

/* --- texts -------------------------------------------------------------- */

/* One pattern or text against one value. */
static bool
text_is(struct ir_select *s, int node, struct ir_span v)
{
	const struct ir_expr_node *n = &s->expr.v[node];
	struct ir_regex *r = s->re[node];
	int rc;

	if (n->op == IR_X_IS)
		return v.p && ir_span_ieq(v, n->text);
	rc = pcre2_match(r->code, (PCRE2_SPTR)(v.p ? v.p : ""), v.n, 0, 0,
	    r->data, r->ctx);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		s->gave_up++;
	return rc >= 0;
}

/* "mailer.php" and "33:mailer.php" both name the script 33:mailer.php. */
static bool
one_script(struct ir_select *s, int node, struct ir_span v)
{
	const char *colon;

	if (text_is(s, node, v))
		return true;
	colon = v.n && s->expr.v[node].op == IR_X_IS ?
	    memchr(v.p, ':', v.n) : NULL;
	return colon && text_is(s, node, (struct ir_span){ colon + 1,
	    (size_t)(v.p + v.n - colon) - 1 });
}

static bool
script_is(struct ir_select *s, int node, const struct ir_spool_msg *m)
{
	struct ir_span left = m->headers, name, value;

	/* nearly always there is none, or one */
	if (!m->script.p || one_script(s, node, ir_spool_script(m)))
		return m->script.p != NULL;
	while (ir_spool_next_header(&left, &name, &value))
		if (ir_spool_script_header(name) && one_script(s, node,
		    ir_spool_script_of(value)))
			return true;
	return false;
}

static bool
header_is(struct ir_select *s, int node, const struct ir_spool_msg *m)
{
	struct ir_span left = m->headers, name, value;

	while (ir_spool_next_header(&left, &name, &value))
		if (ir_span_ieq(name, s->expr.v[node].name) &&
		    text_is(s, node, value))
			return true;
	return false;
}

static bool
subject_is(struct ir_select *s, int node, const struct ir_spool_msg *m)
{
	ir_buf_trunc(&s->scratch, 0);
	ir_spool_subject(m, &s->scratch);
	return text_is(s, node, (struct ir_span){ ir_buf_cstr(&s->scratch),
	    s->scratch.len });
}

static bool
recipient_is(struct ir_select *s, int node, const struct ir_spool_msg *m,
    bool domain)
{
	struct ir_span left = m->rcpts, addr;

	while (ir_spool_next_rcpt(&left, &addr))
		if (text_is(s, node, domain ? ir_span_domain(addr) : addr))
			return true;
	return false;
}

/* The same address however it is spelled, or one of the net. */
static bool
host_is(struct ir_select *s, int node, struct ir_span host)
{
	const char *want = s->expr.v[node].text, *slash;
	unsigned char a[16], b[16];
	int len, bits, i;

	if (s->expr.v[node].op == IR_X_MATCHES || text_is(s, node, host))
		return text_is(s, node, host);
	slash = strchr(want, '/');
	len = address(want, slash ? (size_t)(slash - want) : strlen(want), b);
	if (len == 0 || !host.p || address(host.p, host.n, a) != len)
		return false;
	bits = slash ? (int)ir_expr_seconds(slash + 1) : len * 8;
	if (bits < 0 || bits > len * 8)
		return false;
	for (i = 0; i < len && bits > 0; i++, bits -= 8)
		if ((a[i] ^ b[i]) & (bits >= 8 ? 0xff :
		    0xff << (8 - bits) & 0xff))
			return false;
	return true;
}

/* --- files -------------------------------------------------------------- */

static int64_t
size_of(const struct ir_select_msg *t)
{
	return t->at ? ir_queue_size(t->at->dirfd, t->at->id, t->m) : -1;
}

/* The headers that say how a body is written, and the body: as a mail. */
static bool
as_mail(const struct ir_spool_msg *m, struct ir_span body, struct ir_buf *mail)
{
	struct ir_span left = m->headers, name, value;

	while (ir_spool_next_header(&left, &name, &value)) {
		if (!ir_span_ieq(name, "Content-Type") &&
		    !ir_span_ieq(name, "Content-Transfer-Encoding"))
			continue;
		ir_buf_add(mail, name.p, name.n);
		ir_buf_str(mail, ": ");
		ir_buf_add(mail, value.p, value.n);
		ir_buf_chr(mail, '\n');
	}
	if (mail->len == 0)
		return false;
	ir_buf_chr(mail, '\n');
	ir_buf_add(mail, body.p, body.n);
	return !mail->bad;
}

/* The texts in it that are base64 or quoted-printable, as people read them. */
static bool
decoded_is(struct ir_select *s, int node, const struct ir_spool_msg *m,
    struct ir_span body)
{
	struct ir_buf mail = IR_BUF(IR_SEL_BODY_MAX * 2);
	struct ir_buf text = IR_BUF(IR_SEL_BODY_MAX * 4);
	struct ir_mime mime;
	bool yes = false;
	size_t i;

	if (as_mail(m, body, &mail) &&
	    ir_mime_parse(&mime, ir_buf_cstr(&mail), mail.len) == 0) {
		for (i = 0; !yes && i < mime.n; i++) {
			if (mime.parts[i].kind != IR_MIME_LEAF ||
			    mime.parts[i].encoding == IR_MIME_8BIT ||
			    !ir_ascii_starts(mime.parts[i].type, "text/"))
				continue;
			ir_buf_trunc(&text, 0);
			ir_mime_text(&mime, i, &text);
			yes = text_is(s, node, (struct ir_span){
			    ir_buf_cstr(&text), text.len });
		}
		ir_mime_free(&mime);
	}
	ir_buf_free(&text);
	ir_buf_free(&mail);
	return yes;
}

static bool
body_is(struct ir_select *s, int node, const struct ir_select_msg *t)
{
	char name[IR_SPOOL_ID_MAX + 2];
	int fd = t->data_fd;
	struct ir_span body;
	ssize_t n = 0;

	if (!t->at)
		return false;
	if (!s->file.data && !(s->file.data = malloc(IR_SEL_BODY_MAX)))
		return false;
	snprintf(name, sizeof name, "%s-D", t->at->id);
	if (fd < 0)
		fd = openat(t->at->dirfd, name, O_RDONLY | O_NOFOLLOW |
		    O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return false;
	n = pread(fd, s->file.data, IR_SEL_BODY_MAX,
	    (off_t)ir_spool_data_start(strlen(t->at->id)));
	if (fd != t->data_fd)
		close(fd);
	body = (struct ir_span){ s->file.data, n > 0 ? (size_t)n : 0 };
	return n >= 0 && (text_is(s, node, body) ||
	    decoded_is(s, node, t->m, body));
}

/* "2026-11-21 16:06:33[.123][ +0100] ..." in the host's time. */
static int64_t
log_time(const char *line)
{
	struct tm tm = { .tm_isdst = -1 };

	if (sscanf(line, "%4d-%2d-%2d %2d:%2d:%2d", &tm.tm_year, &tm.tm_mon,
	    &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)mktime(&tm);
}

/*
 * When was it first put off?  The message log says so; without one the -H
 * file, which is written anew behind the first try, is no older than that.
 */
static int64_t
deferred_at(const struct ir_select_msg *t)
{
	char text[8192], name[IR_SPOOL_ID_MAX + 2], *line, *next;
	int dir, fd;
	struct stat st;
	ssize_t n = 0;

	dir = ir_queue_dir(t->at->queue, IR_MSGLOG, t->at->sub, false);
	fd = dir < 0 ? -1 : openat(dir, t->at->id, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0) {
		n = read(fd, text, sizeof text - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	for (line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (strstr(line, " defer (") && log_time(line) > 0)
			return log_time(line);
	}
	snprintf(name, sizeof name, "%s-H", t->at->id);
	return fstatat(t->at->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) ? -1 :
	    (int64_t)st.st_mtime;
}

static bool
number_is(const struct ir_expr_node *n, int64_t value)
{
	return n->op == IR_X_LT ? value < n->number :
	    n->op == IR_X_GT ? value > n->number : value == n->number;
}

static bool
deferred_is(const struct ir_expr_node *n, const struct ir_select_msg *t)
{
	int64_t at;

	if (t->m->untried)
		return false;
	if (n->op == IR_X_FLAG)
		return true;
	at = t->at ? deferred_at(t) : -1;
	return at >= 0 && number_is(n, t->now - at);
}

static bool
partly_delivered(const struct ir_select_msg *t)
{
	char name[IR_SPOOL_ID_MAX + 2];
	struct stat st;

	if (t->m->done_count || !t->at)
		return t->m->done_count > 0;
	snprintf(name, sizeof name, "%s-J", t->at->id);
	return fstatat(t->at->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- one message -------------------------------------------------------- */

static bool
field_is(struct ir_select *s, int node, const struct ir_select_msg *t)
{
	const struct ir_expr_node *n = &s->expr.v[node];
	const struct ir_spool_msg *m = t->m;

	switch (n->field) {
	case IR_F_SENDER:
		return text_is(s, node, ir_spool_sender(m));
	case IR_F_SENDER_DOMAIN:
		return text_is(s, node, ir_span_domain(m->sender));
	case IR_F_AUTH_USER:
		return text_is(s, node, m->auth_user);
	case IR_F_AUTH_SENDER:
		return text_is(s, node, m->auth_sender);
	case IR_F_IDENT:
		return text_is(s, node, m->ident);
	case IR_F_LOGIN:
		return text_is(s, node, m->login);
	case IR_F_HOST:
		return host_is(s, node, m->host);
	case IR_F_HELO:
		return text_is(s, node, m->helo);
	case IR_F_PROTOCOL:
		return text_is(s, node, m->protocol);
	case IR_F_SCRIPT:
		return script_is(s, node, m);
	case IR_F_RECIPIENT:
		return recipient_is(s, node, m, false);
	case IR_F_RECIPIENT_DOMAIN:
		return recipient_is(s, node, m, true);
	case IR_F_SUBJECT:
		return subject_is(s, node, m);
	case IR_F_BODY:
		return body_is(s, node, t);
	case IR_F_HEADER:
		return header_is(s, node, m);
	case IR_F_RECIPIENTS:
		return number_is(n, (int64_t)m->rcpt_count);
	case IR_F_AGE:
		return number_is(n, t->now - m->received);
	case IR_F_SIZE:
		return t->at && number_is(n, size_of(t));
	case IR_F_DEFERRED:
		return deferred_is(n, t);
	case IR_F_FROZEN:
		return m->frozen;
	case IR_F_BOUNCE:
		return m->sender.n == 0;
	case IR_F_LOCAL:
		return m->local;
	case IR_F_AUTHENTICATED:
		return m->authenticator.p != NULL;
	case IR_F_PARTLY:
		return partly_delivered(t);
	case IR_F_N:
	default:
		return false;
	}
}

static bool
node_is(struct ir_select *s, int node, const struct ir_select_msg *t)
{
	const struct ir_expr_node *n;
	bool b;

	/* a row of "and" or "or" is a list that leans to the left */
	for (;;) {
		n = &s->expr.v[node];
		if (n->op == IR_X_NOT)
			return !node_is(s, n->a, t);
		if (n->op != IR_X_AND && n->op != IR_X_OR)
			return field_is(s, node, t);
		b = node_is(s, n->a, t);
		if (b != (n->op == IR_X_AND))
			return b;
		node = n->b;
	}
}

bool
ir_select_match(struct ir_select *s, const struct ir_select_msg *t)
{
	return s->root < 0 || node_is(s, s->root, t);
}
