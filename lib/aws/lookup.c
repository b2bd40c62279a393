/* lookup.c - see lookup.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/file.h"
#include "../core/text.h"
#include "../log/input.h"
#include "lookup.h"

#define PARALLEL 64
#define UNITS_MAX 8192
#define PAGE_MAX (8u << 20)	/* bytes of a page in the state */
/* Times that one list is begun anew, at the oldest event it came to. */
#define AGAIN_MAX 64

/* --- regions ----------------------------------------------------------- */

static size_t
enabled(const struct ir_rec *reply, char names[IR_LOOKUP_REGIONS][40])
{
	const struct ir_rec *all = ir_rec_at(reply, "regionInfo");
	const char *name;
	size_t i, n = 0;

	for (i = 0; all && i < ir_rec_len(all) && n < IR_LOOKUP_REGIONS;
	    i++) {
		name = ir_rec_get(ir_rec_item(all, i), "regionName");
		if (name && ir_aws_region_ok(name))
			snprintf(names[n++], sizeof names[0], "%s", name);
	}
	return n;
}

size_t
ir_lookup_regions(struct ir_aws *a, char names[IR_LOOKUP_REGIONS][40],
    struct ir_err *err)
{
	struct ir_aws_call c = { .service = "ec2",
		.operation = "DescribeRegions" };
	const char *const *ses = ir_aws_ses_regions(a);
	size_t n = 0;

	if (ir_aws_do(a, &c, err) == 0)
		n = enabled(c.reply, names);
	ir_aws_call_free(&c);
	if (n)
		return n;
	for (; *ses && n < IR_LOOKUP_REGIONS; ses++)
		snprintf(names[n++], sizeof names[0], "%s", *ses);
	return n;
}

/* --- the lists to read ------------------------------------------------- */

/* One list: a region, and a value of the attribute. */
struct unit {
	struct run *run;
	struct ir_lookup_region *region;
	const char *value;	/* NULL: without an attribute */
	char *id;		/* in the state; owned */
	bool done;
	char *token;		/* of the next page; owned */
	int64_t until;		/* of the list as it is asked for now */
	int64_t oldest;		/* event seen; 0: none */
	struct ir_rec *border;	/* ids of those that fit, of that second */
	unsigned again, pages;	/* pages: since it was begun again */
	struct ir_rec *in;	/* the call's input */
	struct ir_aws_paging paging;
	struct ir_aws_call call;
};

struct run {
	struct ir_aws *a;
	const struct ir_lookup *l;
	struct unit *u;
	size_t n, next;
	struct ir_err err;	/* of the state or of put: all ends */
};

struct attribute {
	const char *name;
	const struct ir_list *values;
};

static struct attribute
choose(const struct ir_trail_query *q)
{
	const struct attribute all[] = {
		{ "AccessKeyId", &q->keys }, { "Username", &q->names },
		{ "Username", &q->sessions }, { "Username", &q->users },
		{ "EventName", &q->events },
	};
	size_t i;

	for (i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].values->n)
			return all[i];
	return (struct attribute){ q->flagged ? "EventName" : NULL, NULL };
}

const char *
ir_lookup_attribute(const struct ir_trail_query *q)
{
	return choose(q).name;
}

static int
add_unit(struct run *r, struct ir_lookup_region *region, const char *value,
    struct ir_err *err)
{
	struct unit *u = &r->u[r->n];

	*u = (struct unit){ .run = r, .region = region, .value = value,
		.until = r->l->until, .border = ir_rec_array() };
	if (asprintf(&u->id, "%s %s", region->name, value ? value : "*") < 0) {
		u->id = NULL;
		return ir_fail(err, IR_OSERR, "no memory");
	}
	r->n++;
	return 0;
}

/* All lists; the n-th of the values that are asked for, or NULL. */
static const char *
value_of(const struct attribute *at, size_t n)
{
	if (!at->name)
		return NULL;
	if (at->values)
		return n < at->values->n ? at->values->v[n] : NULL;
	return ir_trail_calls()[n].event;
}

static int
make_units(struct run *r, struct ir_err *err)
{
	const struct attribute at = choose(r->l->query);
	size_t values = 0, i, k;

	while (value_of(&at, values))
		values++;
	r->u = calloc(r->l->n * (values ? values : 1), sizeof *r->u);
	if (!r->u || r->l->n * values > UNITS_MAX)
		return ir_fail(err, IR_OSERR, "no memory");
	/* by value, so that the first calls go to different regions */
	for (k = 0; k < (values ? values : 1); k++)
		for (i = 0; i < r->l->n; i++)
			if (add_unit(r, &r->l->regions[i],
			    value_of(&at, k), err))
				return -1;
	return 0;
}

static void
free_units(struct run *r)
{
	struct unit *u;

	for (u = r->u; u && u < r->u + r->n; u++) {
		free(u->id);
		free(u->token);
		ir_rec_free(u->border);
		ir_rec_free(u->in);
	}
	free(r->u);
}

/* --- the state --------------------------------------------------------- */

struct ir_lookup_state {
	int fd;
	char *path;		/* owned */
	bool older;		/* there is something in it */
	int64_t head;		/* bytes of the first line */
};

static int
write_line(struct ir_lookup_state *s, struct ir_rec *r, struct ir_buf *page,
    struct ir_err *err)
{
	int rc;

	ir_rec_json(r, page);
	ir_buf_chr(page, '\n');
	ir_rec_free(r);
	rc = ir_buf_check(page, s->path, err);
	if (rc == 0 && ir_write_all(s->fd, page->data, page->len))
		rc = ir_fail_errno(err, IR_IOERR, errno, "%s", s->path);
	return rc;
}

static int
write_head(struct ir_lookup_state *s, const char *hash, int64_t since,
    int64_t until, struct ir_err *err)
{
	struct ir_buf line = IR_BUF(4096);
	struct ir_rec *r = ir_rec_new("trail-state", NULL);
	int rc;

	ir_rec_str(r, "search", hash);
	ir_rec_int(r, "since", since);
	ir_rec_int(r, "until", until);
	ir_rec_time(r, "time", ir_now());
	rc = write_line(s, r, &line, err);
	s->head = (int64_t)line.len;
	ir_buf_free(&line);
	return rc;
}

/* The first line of an older run; one that was cut off counts for none. */
static int
read_head(struct ir_lookup_state *s, const char *hash, int64_t *since,
    int64_t *until, struct ir_err *err)
{
	char line[4096];
	ssize_t n = pread(s->fd, line, sizeof line, 0);
	const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL, *of;
	struct ir_rec *r;
	int rc = 0;

	if (n < 0)
		return ir_fail_errno(err, IR_IOERR, errno, "%s", s->path);
	if (!end && n < (ssize_t)sizeof line && (n == 0 || line[0] == '{'))
		return ftruncate(s->fd, 0) ? ir_fail_errno(err, IR_IOERR,
		    errno, "%s", s->path) : 0;
	r = end ? ir_rec_parse(line, (size_t)(end - line), NULL) : NULL;
	of = ir_rec_get(r, "search");
	if (!of) {
		rc = ir_fail(err, IR_DATAERR, "%s: is not the state of a "
		    "search", s->path);
	} else if (strcmp(of, hash) != 0) {
		rc = ir_fail(err, IR_CONFIG, "%s: is of another search",
		    s->path);
		ir_hint(err, "one file for each search; the same options go "
		    "on with it");
	} else {
		s->older = true;
		s->head = end - line + 1;
		*since = ir_rec_get_int(r, "since", *since);
		*until = ir_rec_get_int(r, "until", *until);
	}
	ir_rec_free(r);
	return rc;
}

int
ir_lookup_state_open(struct ir_lookup_state **out, const char *path,
    const char *what, int64_t *since, int64_t *until, struct ir_err *err)
{
	struct ir_lookup_state *s;
	char hash[65];

	*out = NULL;
	if (!path)
		return 0;
	s = calloc(1, sizeof *s);
	if (!s || !(s->path = strdup(path))) {
		free(s);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	*out = s;
	s->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOFOLLOW, 0600);
	if (s->fd < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_CANTCREAT),
		    errno, "%s", path);
	if (flock(s->fd, LOCK_EX | LOCK_NB))
		return ir_fail(err, IR_TEMPFAIL, "%s: another run is at work",
		    path);
	ir_sha256_hex(what, strlen(what), hash);
	if (read_head(s, hash, since, until, err))
		return -1;
	return s->older ? 0 : write_head(s, hash, *since, *until, err);
}

void
ir_lookup_state_close(struct ir_lookup_state *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
	free(s);
}

static struct ir_rec *
mark_of(const struct unit *u)
{
	struct ir_rec *r = ir_rec_object();

	ir_rec_str(r, "list", u->id);
	if (u->token)
		ir_rec_str(r, "token", u->token);
	ir_rec_int(r, "oldest", u->oldest);
	ir_rec_int(r, "until", u->until);
	ir_rec_int(r, "calls", (int64_t)u->region->calls);
	ir_rec_int(r, "events", (int64_t)u->region->events);
	ir_rec_int(r, "unread", (int64_t)u->region->unread);
	ir_rec_bool(r, "done", u->done);
	return r;
}

/* Remember an event that fits, if it is at the list's end. */
static void
at_border(struct unit *u, const struct ir_rec *event)
{
	const char *when = ir_rec_get(event, "time");
	int64_t t = 0;

	if (!when || ir_time_parse(when, &t))
		return;
	if (!u->oldest || t < u->oldest) {
		u->oldest = t;
		ir_rec_free(u->border);
		u->border = ir_rec_array();
	}
	if (t == u->oldest && ir_rec_get(event, "id"))
		ir_rec_push_str(u->border, ir_rec_get(event, "id"));
}

static int
put(struct unit *u, struct ir_rec *event, struct ir_err *err)
{
	u->region->fit++;
	at_border(u, event);
	return u->run->l->put(event, u->run->l->arg, err);
}

static struct unit *
unit_of(struct run *r, const char *id)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->u[i].id, id) == 0)
			return &r->u[i];
	return NULL;
}

static void
set_token(struct unit *u, const char *token)
{
	free(u->token);
	u->token = token && *token ? strdup(token) : NULL;
}

/* A page that was read before: its events, then its mark. */
static int
take_page(struct run *r, struct ir_rec *events, const struct ir_rec *mark,
    struct ir_err *err)
{
	struct unit *u = unit_of(r, ir_rec_get(mark, "list"));
	size_t i;

	if (!u)
		return ir_fail(err, IR_DATAERR, "a list that is not of this "
		    "search");
	for (i = 0; i < ir_rec_len(events); i++)
		if (put(u, ir_rec_copy(ir_rec_item(events, i)), err))
			return -1;
	set_token(u, ir_rec_get(mark, "token"));
	u->oldest = ir_rec_get_int(mark, "oldest", u->oldest);
	u->until = ir_rec_get_int(mark, "until", u->until);
	u->done = ir_rec_get_bool(mark, "done", false);
	u->region->calls = (size_t)ir_rec_get_int(mark, "calls", 0);
	u->region->events = (size_t)ir_rec_get_int(mark, "events", 0);
	u->region->unread = (size_t)ir_rec_get_int(mark, "unread", 0);
	return 0;
}

/* One line of an older run.  *events are those that wait for their mark. */
static int
take_line(struct run *r, const char *p, size_t n, struct ir_rec **events,
    struct ir_err *err)
{
	struct ir_rec *line = ir_rec_parse(p, n, err);
	int rc = 0;

	if (!line)
		return -1;
	if (ir_rec_get(line, "list")) {
		rc = take_page(r, *events, line, err);
		ir_rec_free(*events);
		*events = ir_rec_array();
	} else {
		ir_rec_push(*events, line);
		return 0;
	}
	ir_rec_free(line);
	return rc;
}

/* The bytes of whole pages in p; what comes after was cut off. */
static size_t
whole_pages(const char *p, size_t n)
{
	static const char mark[] = "{\"list\":";
	size_t whole = 0, at = 0;
	const char *end;

	while ((end = memchr(p + at, '\n', n - at))) {
		if (n - at > sizeof mark &&
		    memcmp(p + at, mark, sizeof mark - 1) == 0)
			whole = (size_t)(end + 1 - p);
		at = (size_t)(end + 1 - p);
	}
	return whole;
}

/*
 * Give again what was found before, page by page.  The file is read through
 * a buffer that grows to a page's size and no further.
 */
static int
replay(struct run *r, struct ir_err *err)
{
	struct ir_lookup_state *s = r->l->state;
	struct ir_rec *events = ir_rec_array();
	struct ir_buf b = IR_BUF(2 * PAGE_MAX);
	int64_t at = s->head;
	size_t whole, line;
	const char *end;
	ssize_t n = 1;
	int rc = 0;

	while (rc == 0 && n > 0) {
		char piece[65536];

		n = pread(s->fd, piece, sizeof piece, at + (int64_t)b.len);
		if (n < 0)
			rc = ir_fail_errno(err, IR_IOERR, errno, "read");
		else
			ir_buf_add(&b, piece, (size_t)n);
		if (rc || b.bad)
			break;
		whole = whole_pages(ir_buf_cstr(&b), b.len);
		for (line = 0; rc == 0 && line < whole;
		    line = (size_t)(end + 1 - b.data)) {
			end = memchr(b.data + line, '\n', whole - line);
			rc = take_line(r, b.data + line,
			    (size_t)(end - b.data) - line, &events, err);
		}
		if (whole) {
			memmove(b.data, b.data + whole, b.len - whole);
			ir_buf_trunc(&b, b.len - whole);
			at += (int64_t)whole;
		}
	}
	if (rc == 0 && b.bad)
		rc = ir_fail(err, IR_DATAERR, "a page too large");
	if (rc == 0 && ftruncate(s->fd, at))
		rc = ir_fail_errno(err, IR_IOERR, errno, "cut off");
	if (rc)
		ir_fail_prefix(err, "%s", s->path);
	ir_rec_free(events);
	ir_buf_free(&b);
	return rc;
}

/* --- asking ------------------------------------------------------------ */

static void
fill_input(struct unit *u)
{
	struct ir_rec *all, *one;

	ir_rec_free(u->in);
	u->in = ir_rec_object();
	if (u->value) {
		all = ir_rec_array();
		one = ir_rec_object();
		ir_rec_str(one, "AttributeKey",
		    ir_lookup_attribute(u->run->l->query));
		ir_rec_str(one, "AttributeValue", u->value);
		ir_rec_push(all, one);
		ir_rec_set(u->in, "LookupAttributes", all);
	}
	ir_rec_int(u->in, "StartTime", u->run->l->since);
	ir_rec_int(u->in, "EndTime", u->until);
	ir_rec_int(u->in, "MaxResults", 50);
	if (u->token)
		ir_rec_str(u->in, "NextToken", u->token);
}

static bool
seen_before(const struct unit *u, const struct ir_rec *ev)
{
	const char *id = ir_rec_get(ev, "eventID"), *old;
	size_t i;

	for (i = 0; id && i < ir_rec_len(u->border); i++) {
		old = ir_rec_cstr(ir_rec_item(u->border, i));
		if (old && strcmp(id, old) == 0)
			return true;
	}
	return false;
}

/* One event of a page: NULL when it is not meant. */
static struct ir_rec *
choose_event(struct unit *u, const struct ir_rec *item)
{
	const char *text = ir_rec_get(item, "CloudTrailEvent");
	struct ir_rec *ev, *out = NULL;
	struct ir_trail_query q = *u->run->l->query;
	struct ir_trail_fields f;

	u->region->events++;
	ev = text ? ir_trail_parse(text, strlen(text), NULL) : NULL;
	if (!ev) {
		u->region->unread++;
		return NULL;
	}
	q.since = u->run->l->since;
	q.until = u->run->l->until;
	ir_trail_fields_of(ev, &f);
	if (ir_trail_match(&q, &f) && !seen_before(u, ev))
		out = ir_trail_record(ev);
	ir_rec_free(ev);
	return out;
}

/* The oldest event of a page, as AWS has it. */
static void
note_oldest(struct unit *u, const struct ir_rec *item)
{
	int64_t t = (int64_t)ir_rec_get_num(item, "EventTime", 0);

	if (t > 0 && (!u->oldest || t < u->oldest)) {
		u->oldest = t;
		ir_rec_free(u->border);
		u->border = ir_rec_array();
	}
}

/* The events that fit, written before they are given on. */
static int
keep_page(struct unit *u, const struct ir_rec *events, struct ir_err *err)
{
	struct ir_lookup_state *s = u->run->l->state;
	struct ir_buf page = IR_BUF(PAGE_MAX);
	size_t i;
	int rc;

	if (!s)
		return 0;
	for (i = 0; i < ir_rec_len(events); i++) {
		ir_rec_json(ir_rec_item(events, i), &page);
		ir_buf_chr(&page, '\n');
	}
	rc = write_line(s, mark_of(u), &page, err);
	ir_buf_free(&page);
	return rc;
}

static int
take_reply(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct unit *u = arg;
	struct ir_rec *events = ir_rec_array(), *ev;
	const struct ir_rec *all = ir_rec_at(reply, "Events");
	size_t i;
	int rc;

	if (u->run->err.code) {
		/* nothing may follow what was written in part */
		*err = u->run->err;
		ir_rec_free(events);
		return -1;
	}
	u->region->calls++;
	u->pages++;
	for (i = 0; all && i < ir_rec_len(all); i++) {
		ev = choose_event(u, ir_rec_item(all, i));
		note_oldest(u, ir_rec_item(all, i));
		if (ev)
			ir_rec_push(events, ev);
	}
	set_token(u, ir_rec_get(reply, "NextToken"));
	u->done = !u->token;
	rc = keep_page(u, events, err);
	for (i = 0; rc == 0 && i < ir_rec_len(events); i++)
		rc = put(u, ir_rec_copy(ir_rec_item(events, i)), err);
	ir_rec_free(events);
	if (rc)
		u->run->err = *err;
	return rc;
}

static struct ir_aws_call *
next_call(void *arg)
{
	struct run *r = arg;
	struct unit *u;

	while (r->next < r->n && !r->err.code) {
		u = &r->u[r->next++];
		if (u->done || u->region->err.code)
			continue;
		fill_input(u);
		u->paging = (struct ir_aws_paging){ .fn = take_reply,
			.arg = u };
		u->call = (struct ir_aws_call){ .service = "cloudtrail",
			.operation = "LookupEvents",
			.region = u->region->name, .json = u->in,
			.pages = &u->paging };
		return &u->call;
	}
	return NULL;
}

/*
 * A token that is no longer known, or a list longer than one may be: begin
 * a list that ends where this one stopped.
 */
static bool
begin_again(struct unit *u)
{
	if (u->call.err.code != IR_PROTOCOL &&
	    strcmp(u->call.error_code, "InvalidNextTokenException") != 0)
		return false;
	/* the first token may be an older run's; else it has to come on */
	if (!u->token || (u->again && !u->pages) || u->again++ == AGAIN_MAX)
		return false;
	set_token(u, NULL);
	u->pages = 0;
	if (u->oldest && u->oldest < u->until)
		u->until = u->oldest;
	return true;
}

static void
call_done(struct ir_aws_call *c, void *arg)
{
	struct run *r = arg;
	struct unit *u = r->u;

	while (&u->call != c)
		u++;
	if (c->err.code && !u->done && !begin_again(u) &&
	    !u->region->err.code)
		u->region->err = c->err;
	ir_aws_call_free(c);
}

static bool
left(const struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (!r->u[i].done && !r->u[i].region->err.code)
			return !r->err.code;
	return false;
}

int
ir_lookup_run(struct ir_aws *a, const struct ir_lookup *l,
    struct ir_err *err)
{
	struct run r = { .a = a, .l = l };
	struct ir_aws_feed feed = { .next = next_call, .done = call_done,
		.arg = &r, .parallel = PARALLEL };
	int rc = make_units(&r, err);

	if (rc == 0 && l->state && l->state->older)
		rc = replay(&r, err);
	feed.total = r.n;
	while (rc == 0 && left(&r)) {
		r.next = 0;
		ir_aws_run(a, &feed);
	}
	if (rc == 0 && r.err.code) {
		*err = r.err;
		rc = -1;
	}
	free_units(&r);
	return rc;
}
