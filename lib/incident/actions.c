/* actions.c - what was done, and what is left to do: see casefile.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "casefile.h"
#include "markup.h"

#define BEGUN 64		/* actions that are under way at once */
#define NAMED 6			/* names that are listed, of many */

struct action {
	struct ir_rec *row;	/* owned until it is in the list */
	bool thin;		/* its records are still to come */
};

struct actions {
	struct action v[IR_CASE_ROWS];
	size_t n;
	struct { const struct ir_rec *line; } begun[BEGUN];
	size_t nbegun;
};

static const char *
get(const struct ir_rec *r, const char *path)
{
	const char *s = ir_rec_get(r, path);

	return s ? s : "";
}

static bool
is(const struct ir_rec *r, const char *path, const char *want)
{
	return strcmp(get(r, path), want) == 0;
}

/* How each is undone; a "%s" takes what it was done to. */
static const struct { const char *command, *undo; bool stops; } undos[] = {
	{ "exim-hold", "exim-hold --release", true },
	{ "exim-block", "exim-block --undo %s", true },
	{ "mailbox-lock", "mailbox-lock --undo %s", true },
	{ "exim-queue-purge", "exim-quarantine restore %s", false },
	{ "exim-creds", "exim-creds --undo", false },
	{ "iam-key-disable", "iam-key-disable --undo %s", false },
	{ "iam-quarantine", "iam-quarantine --undo %s", true },
	{ "ec2-contain", "ec2-contain --undo %s", true },
	{ "ses-pause", "ses-pause --resume", true },
	{ "ses-rotate", "ses-rotate --rollback", false },
};

#define UNDOS (sizeof undos / sizeof *undos)

static size_t
undo_of(const char *command)
{
	size_t i;

	for (i = 0; i < UNDOS; i++)
		if (strcmp(undos[i].command, command) == 0)
			break;
	return i;
}

/* --- words ------------------------------------------------------------- */

static void
add_name(struct ir_buf *b, const char *s, size_t i, size_t n)
{
	if (i < NAMED)
		ir_buf_fmt(b, "%s%s", i ? ", " : "", s);
	else if (i == NAMED)
		ir_buf_fmt(b, " and %zu more", n - NAMED);
}

static void
names(struct ir_buf *b, const struct ir_rec *list)
{
	const char *s;
	size_t i, n = ir_rec_len(list);

	for (i = 0; ir_rec_kind(list) == IR_REC_ARRAY && i < n; i++) {
		s = ir_rec_cstr(ir_rec_item(list, i));
		add_name(b, s ? s : "?", i, n);
	}
}

struct regions {
	struct ir_buf *b;
	size_t i, n, on, off;
};

static int
a_region(const char *key, const struct ir_rec *val, void *arg)
{
	struct regions *r = arg;

	if (r->b)
		add_name(r->b, key, r->i++, r->n);
	if (ir_rec_get_bool(val, "sending", false))
		r->on++;
	else
		r->off++;
	return 0;
}

/* "sending on in 24", of the regions of ses-pause. */
static void
sending(struct ir_buf *out, const struct ir_rec *data)
{
	const struct ir_rec *list = ir_rec_at(data, "regions");
	struct regions r = { NULL, 0, ir_rec_len(list), 0, 0 };

	if (ir_rec_kind(list) != IR_REC_OBJECT)
		return;
	ir_rec_each(list, a_region, &r);
	if (r.on)
		ir_buf_fmt(out, "sending on in %zu", r.on);
	if (r.off)
		ir_buf_fmt(out, "%ssending off in %zu", r.on ? ", " : "",
		    r.off);
}

/* As they were given, like a command line. */
static void
arguments(struct ir_buf *b, const struct ir_rec *list)
{
	const char *s;
	size_t i;

	for (i = 0; i < ir_rec_len(list); i++) {
		s = ir_rec_cstr(ir_rec_item(list, i));
		if (s && strcmp(s, "--") != 0)
			ir_buf_fmt(b, "%s%s", b->len ? " " : "", s);
	}
}

/* What they name: the queue, or what follows "--"; else NULL. */
static const char *
object_of(const struct ir_rec *list)
{
	size_t i, n = ir_rec_len(list);
	const char *s;

	for (i = 0; i + 1 < n; i++) {
		s = ir_rec_cstr(ir_rec_item(list, i));
		if (s && (strcmp(s, "--queue-name") == 0 ||
		    (strcmp(s, "--") == 0 && i + 2 == n)))
			return ir_rec_cstr(ir_rec_item(list, i + 1));
	}
	return NULL;
}

static void
what(struct ir_buf *out, const struct ir_rec *data)
{
	static const char *const keys[] = { "id", "name", "queue", "to" };
	const struct ir_rec *list = ir_rec_at(data, "regions");
	struct regions r = { out, 0, ir_rec_len(list), 0, 0 };
	size_t i;

	if (*get(data, "phase"))
		ir_buf_fmt(out, "%s: ", get(data, "phase"));
	if (*get(data, "what") && *get(data, "phase"))
		ir_buf_fmt(out, "%s, ", get(data, "what"));
	if (ir_rec_kind(list) == IR_REC_OBJECT) {
		ir_rec_each(list, a_region, &r);
		return;
	}
	for (i = 0; i < sizeof keys / sizeof *keys; i++)
		if (*get(data, keys[i])) {
			ir_buf_str(out, get(data, keys[i]));
			return;
		}
	names(out, ir_rec_at(data, "accounts"));
	arguments(out, ir_rec_at(data, "args"));
}

static void
bool_word(struct ir_buf *out, const struct ir_rec *d, const char *key,
    bool is_it)
{
	if (strcmp(key, "held") == 0 || strcmp(key, "release") == 0)
		ir_buf_str(out, is_it ? "mail held" : "mail flows");
	else if (strcmp(key, "sending") == 0)
		ir_buf_str(out, is_it ? "sending on" : "sending off");
	else
		ir_buf_str(out, is_it ? key : "not blocked");
	(void)d;
}

/* What is so now, by the fields that commands have for it. */
static const char *
after(struct ir_buf *out, const struct ir_rec *d)
{
	static const char *const flags[] = { "held", "blocked", "sending" };
	static const char *const words[] = { "status", "state", "action",
		"what", "reply" };
	size_t i;

	sending(out, d);
	if (out->len)
		return "";
	for (i = 0; i < sizeof flags / sizeof *flags; i++)
		if (ir_rec_kind(ir_rec_at(d, flags[i])) == IR_REC_BOOL) {
			bool_word(out, d, flags[i], ir_rec_get_bool(d,
			    flags[i], false));
			return flags[i];
		}
	if (ir_rec_kind(ir_rec_at(d, "release")) == IR_REC_BOOL) {
		bool_word(out, d, "held", !ir_rec_get_bool(d, "release",
		    false));
		return "held";
	}
	if (ir_rec_at(d, "moved")) {
		ir_buf_fmt(out, "%lld quarantined",
		    (long long)ir_rec_get_int(d, "moved", 0));
		return "";
	}
	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (*get(d, words[i])) {
			ir_buf_str(out, get(d, words[i]));
			return "";
		}
	return "";
}

static void
before(struct ir_buf *out, const struct ir_rec *begin,
    const struct ir_rec *d, const char *flag)
{
	if (begin)
		sending(out, begin);
	if (out->len)
		return;
	if (*get(d, "was"))
		ir_buf_str(out, get(d, "was"));
	else if (ir_rec_kind(ir_rec_at(d, "was")) == IR_REC_BOOL && *flag)
		bool_word(out, d, flag, ir_rec_get_bool(d, "was", false));
}

static bool
is_undo(const struct ir_rec *d)
{
	static const char *const words[] = { "--release", "--undo", "--resume",
		"--rollback" };
	static const char *const flags[] = { "release", "undo", "resume" };
	const struct ir_rec *args = ir_rec_at(d, "args");
	const char *s;
	size_t i, k;

	for (i = 0; i < sizeof flags / sizeof *flags; i++)
		if (ir_rec_get_bool(d, flags[i], false))
			return true;
	for (i = 0; i < ir_rec_len(args); i++)
		for (k = 0; k < sizeof words / sizeof *words; k++)
			if ((s = ir_rec_cstr(ir_rec_item(args, i))) &&
			    strcmp(s, words[k]) == 0)
				return true;
	return false;
}

/* --- rows -------------------------------------------------------------- */

static struct ir_rec *
new_row(struct actions *a, const char *command, const char *time, bool thin)
{
	struct ir_rec *row;

	if (a->n == IR_CASE_ROWS)
		return NULL;
	row = ir_rec_object();
	ir_rec_str(row, "command", command);
	ir_rec_str(row, "time", time);
	ir_rec_str(row, "state", "done");
	a->v[a->n++] = (struct action){ row, thin };
	return row;
}

static void
put(struct ir_rec *row, const char *key, struct ir_buf *b)
{
	if (b->len)
		ir_rec_str(row, key, ir_buf_cstr(b));
	ir_buf_free(b);
}

/* What data says of it; begin may be NULL. */
static void
fill(struct ir_rec *row, const struct ir_rec *begin, const struct ir_rec *d)
{
	struct ir_buf w = IR_BUF(IR_REC_MAX), x = IR_BUF(IR_REC_MAX);
	struct ir_buf y = IR_BUF(IR_REC_MAX);
	const char *flag;

	what(&w, begin && ir_rec_len(begin) ? begin : d);
	flag = after(&y, d);
	before(&x, begin, d, flag);
	if (!*get(row, "object"))
		ir_rec_str(row, "object", *get(d, "id") ? get(d, "id") :
		    *get(d, "queue") ? get(d, "queue") : begin ?
		    object_of(ir_rec_at(begin, "args")) : NULL);
	put(row, "what", &w);
	put(row, "before", &x);
	put(row, "after", &y);
}

/* It takes back what this command did before. */
static void
take_back(struct actions *a, const struct ir_rec *row)
{
	size_t i;

	ir_rec_bool(a->v[a->n - 1].row, "is_undo", true);
	for (i = 0; i + 1 < a->n; i++)
		if (is(a->v[i].row, "command", get(row, "command")) &&
		    !ir_rec_get_bool(a->v[i].row, "is_undo", false))
			ir_rec_str(a->v[i].row, "undone", get(row, "time"));
}

static void
ended(struct actions *a, const char *command, const struct ir_rec *begin,
    const struct ir_rec *line)
{
	const struct ir_rec *b = begin ? ir_rec_at(begin, "data") : NULL;
	const struct ir_rec *d = ir_rec_at(line, "data");
	int64_t code = ir_rec_get_int(d, "exit", 0);
	bool thin = ir_rec_has(d, "exit");
	struct ir_rec *row = new_row(a, command, get(line, "time"), thin);

	if (!row)
		return;
	fill(row, b, d);
	if (code || (*get(d, "why") && !ir_rec_get_bool(d, "ok", true))) {
		ir_rec_str(row, "state", "failed");
		if (code)
			ir_rec_fmt(row, "after", "exit %lld", (long long)code);
	} else if (is_undo(b) || is_undo(d)) {
		take_back(a, row);
	}
}

/* Its record, as a playbook logs it after the end. */
static void
recorded(struct actions *a, const struct ir_rec *line)
{
	const struct ir_rec *d = ir_rec_at(line, "data");
	const char *command = get(d, "from");
	struct ir_rec *row = NULL;
	size_t i;

	if (!ir_rec_get_bool(d, "changed", false) ||
	    undo_of(command) == UNDOS)
		return;
	for (i = a->n; i-- > 0 && !row; )
		if (a->v[i].thin && is(a->v[i].row, "command", command)) {
			row = a->v[i].row;
			a->v[i].thin = false;
		}
	if (!row)
		row = new_row(a, command, get(line, "time"), false);
	if (row)
		fill(row, NULL, d);
}

static void
begin(struct actions *a, const struct ir_rec *line)
{
	if (a->nbegun < BEGUN)
		a->begun[a->nbegun++].line = line;
}

/* The last that began with this event's command, taken out of the list. */
static const struct ir_rec *
begun(struct actions *a, const char *event, size_t len)
{
	const struct ir_rec *line;
	size_t i;

	for (i = a->nbegun; i-- > 0; ) {
		line = a->begun[i].line;
		if (strncmp(get(line, "event"), event, len) == 0 &&
		    strcmp(get(line, "event") + len, ".begin") == 0) {
			memmove(&a->begun[i], &a->begun[i + 1],
			    (a->nbegun - i - 1) * sizeof a->begun[0]);
			a->nbegun--;
			return line;
		}
	}
	return NULL;
}

/* What a step of an acknowledgement means to people; NULL: nothing yet. */
static const char *
ack_what(const char *step)
{
	static const struct { const char *step, *what; } words[] = {
		{ "sent", "the notice is answered" },
		{ "relayed", "the answer is with a relay" },
		{ "delivered", "the answer has arrived" },
		{ "posted", "the answer is in the provider's portal" },
		{ "bounced", "the answer came back" },
	};
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(step, words[i].step) == 0)
			return words[i].what;
	return NULL;
}

static void
use(struct actions *a, const struct ir_rec *line)
{
	const char *event = get(line, "event");
	const char *dot = strrchr(event, '.');
	size_t len, before = a->n;
	struct ir_rec *row;
	char command[64];

	if (!dot || strncmp(event, "chat-notify.", 12) == 0)
		return;
	len = (size_t)(dot - event);
	snprintf(command, sizeof command, "%.*s", (int)(len < 63 ? len : 63),
	    event);
	if (strcmp(dot, ".begin") == 0) {
		begin(a, line);
	} else if (strcmp(dot, ".end") == 0) {
		ended(a, command, begun(a, event, len), line);
	} else if (strncmp(event, "ack.", 4) == 0 && ack_what(dot + 1)) {
		row = new_row(a, "abuse-ack", get(line, "time"), false);
		if (row) {
			ir_rec_str(row, "what", ack_what(dot + 1));
			ir_rec_str(row, "after", *get(line, "data.how") ?
			    get(line, "data.how") : get(line, "data.reply"));
		}
	} else if (strcmp(dot, ".proof") == 0) {
		row = new_row(a, command, get(line, "time"), false);
		if (row) {
			ir_rec_fmt(row, "what", "proof: %s",
			    get(line, "data.id"));
			ir_rec_str(row, "after", get(line, "data.what"));
			ir_rec_bool(row, "is_undo", true);
		}
	} else if (*get(line, "data.type")) {
		recorded(a, line);
	}
	/* where it stands, for who wants to see the proof */
	if (a->n > before)
		ir_rec_str(a->v[a->n - 1].row, "ref", get(line, "id"));
}

/* Whether it is in force, and the way back. */
static void
finish(struct ir_rec *row)
{
	size_t i = undo_of(get(row, "command"));
	const char *object = get(row, "object");
	bool named = i < UNDOS && strstr(undos[i].undo, "%s");
	char text[400];

	if (i == UNDOS || ir_rec_get_bool(row, "is_undo", false) ||
	    is(row, "state", "failed"))
		return;
	if (*get(row, "undone")) {
		ir_rec_str(row, "state", "undone");
		return;
	}
	if (named && !*object)
		return;
	if (named)
		snprintf(text, sizeof text, "%.*s%.200s",
		    (int)(strlen(undos[i].undo) - 2), undos[i].undo, object);
	else
		snprintf(text, sizeof text, "%s", undos[i].undo);
	ir_rec_str(row, "undo", text);
	if (undos[i].stops)
		ir_rec_str(row, "state", "in force");
}

void
ir_case_actions(struct ir_case *c)
{
	struct actions *a = calloc(1, sizeof *a);
	const struct ir_rec *line;
	struct ir_rec *row;
	char command[64];
	size_t i;

	if (!a)
		return;
	for (i = 0; i < c->timeline.n; i++)
		use(a, c->timeline.v[i].line);
	for (i = 0; i < a->nbegun; i++) {
		line = a->begun[i].line;
		snprintf(command, sizeof command, "%.*s",
		    (int)strcspn(get(line, "event"), "."),
		    get(line, "event"));
		row = new_row(a, command, get(line, "time"), false);
		if (!row)
			break;
		fill(row, NULL, ir_rec_at(line, "data"));
		ir_rec_str(row, "after", "");
		ir_rec_str(row, "state", "unknown");
	}
	for (i = 0; i < a->n; i++) {
		finish(a->v[i].row);
		ir_rec_push(c->actions, a->v[i].row);
	}
	free(a);
}

/* --- open points ------------------------------------------------------- */

static void
point(struct ir_case *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "2026-11-22 00:24:51 UTC" */
static const char *
when(char out[64], const char *time)
{
	struct ir_buf b = IR_BUF(4096);

	ir_mark_time(&b, time);
	snprintf(out, 64, "%.40s UTC", ir_buf_cstr(&b));
	ir_buf_free(&b);
	return out;
}

static void
point(struct ir_case *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ir_rec_push_str(c->open, text);
}

static void
open_answer(struct ir_case *c)
{
	const struct ir_rec *r = c->incident;
	int64_t left = ir_rec_get_int(r, "seconds_left", 0);
	char t[64];

	if (ir_rec_get_bool(r, "answered", false))
		return;
	if (is(r, "ack", "unknown") || is(r, "ack", "sending"))
		point(c, "Whether the answer to the notice arrived is not "
		    "known: settle it (abuse-ack --settle).");
	else if (is(r, "ack", "relayed") || is(r, "ack", "handed-over"))
		point(c, "The answer was %s; the clock runs, due %s (abuse-ack "
		    "--delivered).", get(r, "why"), when(t, get(r, "due")));
	else if (is(r, "ack", "bounced"))
		point(c, "The answer came back: the notice is not answered.");
	else if (left > 0)
		point(c, "The notice is not answered: due %s, %lld h %lld min "
		    "from the time of this report.", when(t, get(r, "due")),
		    (long long)left / 3600, (long long)left / 60 % 60);
	else
		point(c, "The notice is not answered: it was due %s.",
		    when(t, get(r, "due")));
}

static void
open_phases(struct ir_case *c)
{
	static const char *const phases[] = { "contained", "eradicated",
		"recovered", "closed" };
	struct ir_buf b = IR_BUF(256);
	size_t i;

	for (i = 0; i < 4; i++)
		if (!ir_rec_get(c->incident, phases[i]) &&
		    !ir_rec_get(c->incident, "closed"))
			ir_buf_fmt(&b, "%s%s", b.len ? ", " : "", phases[i]);
	if (b.len)
		point(c, "Nobody has written down that it is: %s (incident "
		    "log DIR --event incident.closed, for one).",
		    ir_buf_cstr(&b));
	ir_buf_free(&b);
}

static void
open_actions(struct ir_case *c)
{
	const struct ir_rec *row;
	char t[64];
	size_t i;

	for (i = 0; i < ir_rec_len(c->actions); i++) {
		row = ir_rec_item(c->actions, i);
		if (is(row, "state", "in force"))
			point(c, "Still in force: %s %s, since %s. Undo: %s",
			    get(row, "command"), get(row, "what"),
			    when(t, get(row, "time")), get(row, "undo"));
		else if (is(row, "state", "unknown"))
			point(c, "%s began at %s and never said how it ended: "
			    "look, and write it down.", get(row, "command"),
			    when(t, get(row, "time")));
		else if (is(row, "state", "failed"))
			point(c, "%s failed at %s: %s", get(row, "command"),
			    when(t, get(row, "time")), get(row, "after"));
	}
}

static void
open_listings(struct ir_case *c)
{
	const struct ir_rec *row;
	char t[64];
	size_t i;

	for (i = 0; i < ir_rec_len(c->listings); i++) {
		row = ir_rec_item(c->listings, i);
		if (is(row, "last", "listed"))
			point(c, "%s is listed by %s, as of %s.",
			    get(row, "ip"), get(row, "zone"),
			    when(t, get(row, "time")));
	}
}

static void
open_reports(struct ir_case *c)
{
	const struct ir_rec *r;
	size_t i;

	for (i = 0; i < ir_rec_len(c->reports); i++) {
		r = ir_rec_item(c->reports, i);
		if (is(r, "authentic", "fail"))
			point(c, "A report is forged, or looks like it (%s): "
			    "%s", get(r, "id"), get(r, "auth_why"));
		if (ir_rec_len(ir_rec_at(r, "conflicts")))
			point(c, "The notice %s contradicts itself: %s",
			    get(r, "id"), get(r, "conflicts.0.field"));
	}
}

static bool
was_closed(const struct ir_case *c, size_t from, const char *text)
{
	const struct ir_rec *line;
	size_t i;

	for (i = from + 1; i < c->timeline.n; i++) {
		line = c->timeline.v[i].line;
		if (is(line, "event", "point.closed") &&
		    is(line, "data.text", text))
			return true;
	}
	return false;
}

static void
open_written(struct ir_case *c)
{
	const struct ir_rec *line;
	const char *text;
	size_t i;

	for (i = 0; i < c->timeline.n; i++) {
		line = c->timeline.v[i].line;
		text = get(line, "data.text");
		if (is(line, "event", "point.open") && *text &&
		    !was_closed(c, i, text))
			point(c, "%s (%s)", text, get(line, "user"));
	}
}

void
ir_case_open_points(struct ir_case *c)
{
	if (c->check.bad_line)
		point(c, "The journal or the evidence does not verify: line "
		    "%zu: %s", c->check.bad_line, c->check.why);
	if (is(c->incident, "state", "merged"))
		return;
	open_answer(c);
	open_written(c);
	open_actions(c);
	open_listings(c);
	open_reports(c);
	open_phases(c);
	if (c->unread)
		point(c, "%zu files of the evidence could not be read whole.",
		    c->unread);
}
