/* mails.c - see mails.h */
#include <stdlib.h>
#include <string.h>

#include "mails.h"
#include "set.h"

#define MAILS_MAX 20000000	/* messages of one run */
#define RECENT 65536		/* messages whose recipients are waited for */
#define CWDS 64			/* folders of one user */
#define NAME_SIZE 64
#define INDEX (2 * IR_WEB_USERS)

struct recipient {
	int64_t at;
	uint64_t hash;
};

struct user {
	char name[NAME_SIZE];
	int64_t *at;		/* when; owned */
	size_t n, cap;
	struct recipient *rcpt;	/* owned */
	size_t nrcpt, caprcpt;
	char *cwd[CWDS];	/* owned */
	uint64_t cwd_n[CWDS];
};

struct recent {
	char id[28];
	int user;
	int64_t at;
};

struct ir_web_mails {
	struct user user[IR_WEB_USERS];	/* IR_WEB_ANY is the first */
	uint16_t index[INDEX];	/* of users, by the hash of the name; 0: free */
	size_t n, mails;
	bool waiting;		/* of some message who got it is not known */
	struct recent recent[RECENT];
	char cwd[512];		/* of the last line that named one */
	int64_t cwd_at;
	uint64_t *scratch;	/* room for all recipients; owned */
	bool bad;		/* no memory */
};

struct ir_web_mails *
ir_web_mails_new(void)
{
	struct ir_web_mails *m = calloc(1, sizeof *m);

	if (m)
		m->n = 1;
	return m;
}

void
ir_web_mails_free(struct ir_web_mails *m)
{
	size_t i, k;

	for (i = 0; m && i < m->n; i++) {
		free(m->user[i].at);
		free(m->user[i].rcpt);
		for (k = 0; k < CWDS; k++)
			free(m->user[i].cwd[k]);
	}
	if (m)
		free(m->scratch);
	free(m);
}

/* Where a user's number is, or is to be. */
static size_t
place_of(const struct ir_web_mails *m, const char *name)
{
	size_t i = ir_web_hash(name, strlen(name), 5) % INDEX;

	while (m->index[i] && strcmp(m->user[m->index[i]].name, name) != 0)
		i = (i + 1) % INDEX;
	return i;
}

int
ir_web_mails_user(const struct ir_web_mails *m, const char *name)
{
	size_t i = place_of(m, name);

	return m->index[i] ? m->index[i] : IR_WEB_NONE;
}

const char *
ir_web_mails_name(const struct ir_web_mails *m, int user)
{
	if (user < 0)
		return "none";
	return user == IR_WEB_ANY ? "any" : m->user[user].name;
}

/* The user of that name, as a number; -1: no room for another. */
static int
find_user(struct ir_web_mails *m, const char *p, size_t n)
{
	char name[NAME_SIZE];
	size_t i;

	if (n == 0 || n >= sizeof name)
		return -1;
	memcpy(name, p, n);
	name[n] = '\0';
	i = place_of(m, name);
	if (!m->index[i]) {
		if (m->n == IR_WEB_USERS)
			return -1;
		memcpy(m->user[m->n].name, name, n + 1);
		m->index[i] = (uint16_t)m->n++;
	}
	return m->index[i];
}

/* --- one message -------------------------------------------------------- */

static void
add_time(struct ir_web_mails *m, struct user *u, int64_t t)
{
	int64_t *v;

	if (u->n == u->cap) {
		v = realloc(u->at, (u->cap * 2 + 64) * sizeof *v);
		if (!v) {
			m->bad = true;
			return;
		}
		u->at = v;
		u->cap = u->cap * 2 + 64;
	}
	u->at[u->n++] = t;
}

static void
add_recipient(struct ir_web_mails *m, struct user *u, const char *p,
    size_t n, int64_t t)
{
	struct recipient *v;

	if (u->nrcpt == u->caprcpt) {
		v = realloc(u->rcpt, (u->caprcpt * 2 + 64) * sizeof *v);
		if (!v) {
			m->bad = true;
			return;
		}
		u->rcpt = v;
		u->caprcpt = u->caprcpt * 2 + 64;
	}
	u->rcpt[u->nrcpt++] = (struct recipient){ t, ir_web_hash(p, n, 0) };
}

static void
add_recipients(struct ir_web_mails *m, int user, const char *p,
    const char *end, int64_t t)
{
	while (p < end) {
		const char *sp = memchr(p, ' ', (size_t)(end - p));

		if (!sp)
			sp = end;
		if (sp > p && memchr(p, '@', (size_t)(sp - p))) {
			add_recipient(m, &m->user[user], p, (size_t)(sp - p),
			    t);
			add_recipient(m, &m->user[IR_WEB_ANY], p,
			    (size_t)(sp - p), t);
		}
		p = sp + 1;
	}
}

static void
add_cwd(struct user *u, const char *cwd)
{
	size_t i;

	for (i = 0; i < CWDS && u->cwd[i] && strcmp(u->cwd[i], cwd); i++)
		continue;
	if (i == CWDS || (!u->cwd[i] && !(u->cwd[i] = strdup(cwd))))
		return;
	u->cwd_n[i]++;
}

/* What was waited for as RECENT others is dropped. */
static struct recent *
recent_of(struct ir_web_mails *m, const char *id)
{
	return &m->recent[ir_web_hash(id, strlen(id), 1) % RECENT];
}

/* "sender U=user P=local S=1234 [T="..."] [for a@b c@d]" */
static void
arrival(struct ir_web_mails *m, const char *p, const char *end, int64_t t,
    const char *id)
{
	const char *size, *u, *q = p, *fields;
	int user;

	/* "a b"@example.com: blanks in quotes end nothing */
	if (*q == '"')
		for (q++; q < end && *q != '"'; q++)
			q += *q == '\\' && end - q > 1;
	fields = q < end ? memchr(q, ' ', (size_t)(end - q)) : NULL;
	size = fields ? memmem(fields, (size_t)(end - fields), " S=", 3) :
	    NULL;
	if (!size || *p == '<' ||
	    memmem(fields, (size_t)(size - fields), " H=", 3) ||
	    !memmem(fields, (size_t)(size - fields), " P=local", 8))
		return;
	u = memmem(fields, (size_t)(size - fields), " U=", 3);
	if (!u || m->mails == MAILS_MAX)
		return;
	q = memchr(u + 3, ' ', (size_t)(end - u) - 3);
	user = find_user(m, u + 3, (size_t)((q ? q : end) - u) - 3);
	/* no web server's scripts run as root */
	if (user < 0 || strcmp(m->user[user].name, "root") == 0)
		return;
	m->mails++;
	add_time(m, &m->user[user], t);
	add_time(m, &m->user[IR_WEB_ANY], t);
	if (m->cwd[0] && t >= m->cwd_at && t - m->cwd_at <= 2) {
		add_cwd(&m->user[user], m->cwd);
		add_cwd(&m->user[IR_WEB_ANY], m->cwd);
	}
	m->cwd[0] = '\0';
	/* a subject may say " for ", too: the last one counts */
	for (q = NULL, u = size; (u = memmem(u, (size_t)(end - u), " for ",
	    5)); u += 5)
		q = u + 5;
	if (q && !memchr(q, '"', (size_t)(end - q))) {
		add_recipients(m, user, q, end, t);
	} else {
		memcpy(recent_of(m, id)->id, id, 28);
		recent_of(m, id)->user = user;
		m->waiting = true;
		recent_of(m, id)->at = t;
	}
}

/* "FOLDER 4 args: /usr/sbin/sendmail -t -i": not Exim's own doing. */
static void
folder(struct ir_web_mails *m, const char *p, const char *end, int64_t t)
{
	const char *args = memmem(p, (size_t)(end - p), " args: ", 7), *q;
	size_t n;

	if (!args)
		return;
	for (q = args; q > p && q[-1] >= '0' && q[-1] <= '9'; q--)
		continue;
	n = (size_t)(q - p);
	if (n < 2 || q == args || q[-1] != ' ' || n - 1 >= sizeof m->cwd ||
	    memmem(args, (size_t)(end - args), " -Mc ", 5) ||
	    memmem(args, (size_t)(end - args), " -q", 3) ||
	    memmem(args, (size_t)(end - args), " -bd", 4))
		return;
	memcpy(m->cwd, p, n - 1);
	m->cwd[n - 1] = '\0';
	m->cwd_at = t;
}

void
ir_web_mails_line(struct ir_web_mails *m, const char *line, size_t n,
    const struct ir_delivery_clock *clock)
{
	const char *p = line, *end = line + n, *q;
	struct recent *r;
	char id[28];
	int64_t t;

	/* nine of ten lines are of none of these, and times are dear */
	if (!memmem(line, n, " P=local", 8) && !memmem(line, n, "cwd=", 4) &&
	    !m->waiting)
		return;
	if (!ir_delivery_front(&p, end, clock, &t, id))
		return;
	if (!id[0]) {
		if (end - p > 4 && memcmp(p, "cwd=", 4) == 0)
			folder(m, p + 4, end, t);
		return;
	}
	if (end - p < 4 || p[2] != ' ')
		return;
	if (memcmp(p, "<=", 2) == 0) {
		arrival(m, p + 3, end, t, id);
		return;
	}
	r = recent_of(m, id);
	if ((memcmp(p, "=>", 2) && memcmp(p, "->", 2) &&
	    memcmp(p, "**", 2)) || strcmp(r->id, id) != 0)
		return;
	q = memchr(p + 3, ' ', (size_t)(end - p) - 3);
	add_recipients(m, r->user, p + 3, q ? q : end, r->at);
}

/* --- all of them -------------------------------------------------------- */

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int
by_at(const void *a, const void *b)
{
	const struct recipient *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

int
ir_web_mails_ready(struct ir_web_mails *m, struct ir_err *err)
{
	struct user *u;

	if (m->bad)
		return ir_fail(err, IR_OSERR, "no memory");
	for (u = m->user; u < m->user + m->n; u++) {
		if (u->n)
			qsort(u->at, u->n, sizeof *u->at, by_time);
		if (u->nrcpt)
			qsort(u->rcpt, u->nrcpt, sizeof *u->rcpt, by_at);
	}
	/* everybody's are those of IR_WEB_ANY, too */
	m->scratch = calloc(m->user[IR_WEB_ANY].nrcpt + 1,
	    sizeof *m->scratch);
	return m->scratch ? 0 : ir_fail(err, IR_OSERR, "no memory");
}

/* How many are before t. */
static size_t
before(const struct user *u, int64_t t)
{
	size_t lo = 0, hi = u->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (u->at[mid] < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t
ir_web_mails_count(const struct ir_web_mails *m, int user, int64_t from,
    int64_t to)
{
	const struct user *u = user < 0 ? NULL : &m->user[user];

	return !u ? 0 : before(u, to + 1) - before(u, from);
}

int
ir_web_mails_most(const struct ir_web_mails *m, int64_t from, int64_t to)
{
	size_t all = ir_web_mails_count(m, IR_WEB_ANY, from, to), i;

	for (i = 1; all >= 10 && i < m->n; i++)
		if (ir_web_mails_count(m, (int)i, from, to) * 10 >= all * 8)
			return (int)i;
	return IR_WEB_ANY;
}

/* The recipients from ... to, into to[n] and on; n afterwards. */
static size_t
recipients(const struct user *u, int64_t from, int64_t until, uint64_t *to,
    size_t n)
{
	size_t lo = 0, hi = u->nrcpt, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (u->rcpt[mid].at < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < u->nrcpt && n < u->nrcpt && u->rcpt[lo].at <= until; lo++)
		to[n++] = u->rcpt[lo].hash;
	return n;
}

void
ir_web_mails_about(const struct ir_web_mails *m, int user,
    const struct ir_web_set *hours, int64_t after,
    struct ir_web_mails_sum *sum)
{
	const struct user *u = &m->user[user < 0 ? 0 : user];
	const struct ir_web_entry *e;
	size_t i, n = 0;

	*sum = (struct ir_web_mails_sum){ .mails = 0 };
	if (user < 0)
		return;
	for (e = hours->v; e && e < hours->v + hours->cap; e++) {
		if (!e->count)
			continue;
		sum->mails += ir_web_mails_count(m, user, e->first,
		    e->last + after);
		n = recipients(u, e->first, e->last + after, m->scratch, n);
	}
	if (n)
		qsort(m->scratch, n, sizeof *m->scratch, by_value);
	sum->recipients = n;
	for (i = 0; i < n; i++)
		sum->distinct += i == 0 || m->scratch[i] != m->scratch[i - 1];
	for (i = 0; i < CWDS && u->cwd[i]; i++)
		if (u->cwd_n[i] > sum->cwd_mails) {
			sum->cwd_mails = u->cwd_n[i];
			sum->cwd = u->cwd[i];
		}
}
