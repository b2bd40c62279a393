/* dnsbl_state.c - see dnsbl_state.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "../core/text.h"
#include "dnsbl_state.h"

#define HEAD "quell-dnsbl-state 1"
#define MAX_FILE (1u << 20)
#define MAX_LINES 4096
#define DAY_MS ((int64_t)24 * 3600 * 1000)

struct test {
	char zone[256], resolver[128];
	char kind;
	int64_t when;		/* milliseconds */
	struct ir_dnsbl_belief b;
};

struct use {
	char zone[256];
	int64_t day, used;	/* UTC day, questions on it */
	int64_t next_us;	/* GCRA: when the last one was due */
};

struct ir_dnsbl_state {
	int fd;			/* -1: none */
	char path[4096];
	bool dirty;
	int64_t now;
	struct test *test;
	size_t ntests, ctests;
	struct use *use;
	size_t nuses, cuses;
};

/* --- lines -------------------------------------------------------------- */

static void *
one_more(void **p, size_t *n, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 32;
	void *q;

	if (*n == *cap) {
		q = *n < MAX_LINES ? realloc(*p, more * size) : NULL;
		if (!q)
			return NULL;
		*p = q;
		*cap = more;
	}
	q = (char *)*p + *n * size;
	memset(q, 0, size);
	++*n;
	return q;
}

static struct test *
add_test(struct ir_dnsbl_state *s)
{
	void *p = s->test;
	struct test *t = one_more(&p, &s->ntests, &s->ctests, sizeof *t);

	s->test = p;
	return t;
}

static struct use *
add_use(struct ir_dnsbl_state *s)
{
	void *p = s->use;
	struct use *u = one_more(&p, &s->nuses, &s->cuses, sizeof *u);

	s->use = p;
	return u;
}

static void
put(char *out, size_t size, const char *s)
{
	snprintf(out, size, "%s", s);
	ir_text_printable(out);		/* no tab, no newline */
}

static bool
number(const char *s, int64_t *out)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	*out = v;
	return end != s && !*end && !errno && v >= 0;
}

/* "t ZONE KIND RESOLVER WHEN BELIEVED WHY DETAIL SERVER ASK" */
static void
read_test(struct ir_dnsbl_state *s, char *const *w)
{
	struct test *t;
	int64_t when;

	if (!number(w[4], &when) || when > s->now ||
	    when < s->now - IR_DNSBL_BELIEF_MS || !(t = add_test(s)))
		return;
	put(t->zone, sizeof t->zone, w[1]);
	t->kind = w[2][0];
	put(t->resolver, sizeof t->resolver, w[3]);
	t->when = when;
	t->b.believed = strcmp(w[5], "yes") == 0;
	put(t->b.why, sizeof t->b.why, w[6]);
	put(t->b.detail, sizeof t->b.detail, w[7]);
	put(t->b.server, sizeof t->b.server, w[8]);
	put(t->b.ask, sizeof t->b.ask, w[9]);
}

/* "u ZONE DAY USED NEXT" */
static void
read_use(struct ir_dnsbl_state *s, char *const *w)
{
	struct use *u;
	int64_t day, used, next;

	if (!number(w[2], &day) || !number(w[3], &used) ||
	    !number(w[4], &next))
		return;
	/* a clock that was set back must not shut a list off for long */
	if (next > (s->now + DAY_MS) * 1000 || !(u = add_use(s)))
		return;
	put(u->zone, sizeof u->zone, w[1]);
	u->day = day;
	u->used = used;
	u->next_us = next;
}

static void
read_lines(struct ir_dnsbl_state *s, char *text)
{
	char *w[11], *line, *nl, *tab;
	size_t n;

	s->ntests = s->nuses = 0;
	if (strncmp(text, HEAD "\n", sizeof HEAD) != 0)
		return;
	for (line = text; line; line = nl) {
		nl = strchr(line, '\n');
		if (nl)
			*nl++ = '\0';
		for (n = 0; n < 11 && line; n++) {
			w[n] = line;
			tab = strchr(line, '\t');
			if (tab)
				*tab++ = '\0';
			line = tab;
		}
		if (n == 10 && strcmp(w[0], "t") == 0)
			read_test(s, w);
		else if (n == 5 && strcmp(w[0], "u") == 0)
			read_use(s, w);
	}
}

static void
print_lines(const struct ir_dnsbl_state *s, struct ir_buf *b)
{
	int64_t today = s->now / DAY_MS;
	size_t i;

	ir_buf_str(b, HEAD "\n");
	for (i = 0; i < s->ntests; i++) {
		const struct test *t = &s->test[i];

		ir_buf_fmt(b, "t\t%s\t%c\t%s\t%lld\t%s\t%s\t%s\t%s\t%s\n",
		    t->zone, t->kind, t->resolver, (long long)t->when,
		    t->b.believed ? "yes" : "no", t->b.why, t->b.detail,
		    t->b.server, t->b.ask);
	}
	for (i = 0; i < s->nuses; i++) {
		const struct use *u = &s->use[i];

		if (u->day >= today || u->next_us > s->now * 1000)
			ir_buf_fmt(b, "u\t%s\t%lld\t%lld\t%lld\n", u->zone,
			    (long long)u->day, (long long)u->used,
			    (long long)u->next_us);
	}
}

/* --- the file ----------------------------------------------------------- */

int
ir_dnsbl_state_open(struct ir_dnsbl_state **out, const char *dir,
    struct ir_err *err)
{
	struct ir_dnsbl_state *s = calloc(1, sizeof *s);
	struct stat st;
	int rc = 0;

	*out = s;
	if (!s)
		return ir_fail(err, IR_OSERR, "no memory");
	s->fd = -1;
	if (!dir)
		return 0;
	snprintf(s->path, sizeof s->path, "%.4000s/dnsbl.state", dir);
	s->fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (s->fd < 0)
		rc = ir_fail_errno(err, IR_CANTCREAT, errno, "%s", s->path);
	else if (fstat(s->fd, &st) || !S_ISREG(st.st_mode))
		rc = ir_fail(err, IR_CANTCREAT, "%s: not a file", s->path);
	if (rc) {
		ir_dnsbl_state_close(s);
		*out = NULL;
	}
	return rc;
}

void
ir_dnsbl_state_close(struct ir_dnsbl_state *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->test);
	free(s->use);
	free(s);
}

int
ir_dnsbl_state_lock(struct ir_dnsbl_state *s, int64_t now,
    struct ir_err *err)
{
	char *text;
	ssize_t n;

	s->now = now;
	s->dirty = false;
	if (s->fd < 0)
		return 0;
	while (flock(s->fd, LOCK_EX))
		if (errno != EINTR)
			return ir_fail_errno(err, IR_CANTCREAT, errno,
			    "%s: lock", s->path);
	text = malloc(MAX_FILE + 1);
	n = text ? pread(s->fd, text, MAX_FILE, 0) : -1;
	if (n < 0) {
		free(text);
		return ir_fail(err, IR_CANTCREAT, "%s: cannot be read",
		    s->path);
	}
	text[n] = '\0';
	read_lines(s, text);
	free(text);
	return 0;
}

int
ir_dnsbl_state_unlock(struct ir_dnsbl_state *s, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(MAX_FILE);
	int rc = 0;

	if (s->fd < 0)
		return 0;
	if (s->dirty) {
		print_lines(s, &b);
		/* in place: a lock on it is a lock on every later one */
		if (b.bad || pwrite(s->fd, b.data, b.len, 0) !=
		    (ssize_t)b.len || ftruncate(s->fd, (off_t)b.len))
			rc = ir_fail_errno(err, IR_IOERR, errno, "%s",
			    s->path);
	}
	ir_buf_free(&b);
	flock(s->fd, LOCK_UN);
	return rc;
}

/* --- tests -------------------------------------------------------------- */

static struct test *
find_test(const struct ir_dnsbl_state *s, const char *zone, char kind,
    const char *resolver)
{
	size_t i;

	for (i = 0; i < s->ntests; i++)
		if (s->test[i].kind == kind &&
		    strcmp(s->test[i].zone, zone) == 0 &&
		    strcmp(s->test[i].resolver, resolver) == 0)
			return &s->test[i];
	return NULL;
}

bool
ir_dnsbl_state_belief(const struct ir_dnsbl_state *s, const char *zone,
    char kind, const char *resolver, struct ir_dnsbl_belief *b)
{
	const struct test *t = find_test(s, zone, kind, resolver);

	if (!t || t->when < s->now - IR_DNSBL_BELIEF_MS)
		return false;
	*b = t->b;
	return true;
}

void
ir_dnsbl_state_believe(struct ir_dnsbl_state *s, const char *zone, char kind,
    const char *resolver, const struct ir_dnsbl_belief *b)
{
	struct test *t;

	if (strlen(resolver) >= sizeof t->resolver)
		return;
	t = find_test(s, zone, kind, resolver);
	if (!t && !(t = add_test(s)))
		return;
	put(t->zone, sizeof t->zone, zone);
	put(t->resolver, sizeof t->resolver, resolver);
	t->kind = kind;
	t->when = s->now;
	t->b.believed = b->believed;
	put(t->b.why, sizeof t->b.why, b->why);
	put(t->b.detail, sizeof t->b.detail, b->detail);
	put(t->b.server, sizeof t->b.server, b->server);
	put(t->b.ask, sizeof t->b.ask, b->ask);
	s->dirty = true;
}

/* --- limits ------------------------------------------------------------- */

static struct use *
find_use(struct ir_dnsbl_state *s, const char *zone)
{
	size_t i;

	for (i = 0; i < s->nuses; i++)
		if (strcmp(s->use[i].zone, zone) == 0)
			return &s->use[i];
	return NULL;
}

long
ir_dnsbl_state_take(struct ir_dnsbl_state *s, const char *zone,
    long per_second, long per_day, long want, int64_t *wait)
{
	int64_t today = s->now / DAY_MS, now_us = s->now * 1000, each, room;
	struct use *u = find_use(s, zone);

	*wait = 0;
	if (!u && !(u = add_use(s))) {
		*wait = -1;	/* no memory: rather too few */
		return 0;
	}
	put(u->zone, sizeof u->zone, zone);
	if (u->day != today) {
		u->day = today;
		u->used = 0;
	}
	if (per_day && want > per_day - u->used)
		want = u->used < per_day ? (long)(per_day - u->used) : 0;
	if (want <= 0) {
		*wait = -1;
		return 0;
	}
	if (per_second) {
		each = 1000000 / per_second ? 1000000 / per_second : 1;
		if (u->next_us < now_us)
			u->next_us = now_us;
		room = (now_us + each * per_second - u->next_us) / each;
		if (room < want)
			want = room < 0 ? 0 : (long)room;
		if (want == 0)
			*wait = (u->next_us + each - each * per_second -
			    now_us) / 1000 + 1;
		u->next_us += each * want;
	}
	u->used += want;
	s->dirty = true;
	return want;
}

void
ir_dnsbl_state_give(struct ir_dnsbl_state *s, const char *zone, long n)
{
	struct use *u = find_use(s, zone);

	if (!u || u->day != s->now / DAY_MS)
		return;
	u->used = u->used > n ? u->used - n : 0;
	s->dirty = true;
}
