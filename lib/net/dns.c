/* dns.c - see dns.h; the life of a question */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "dns_engine.h"

#define DEADLINE_MS 10000
#define SILENT 4		/* tries in vain: not asked first any more */
#define STUCK_US 1000		/* not to be sent just now: look again */

/* A question of next()'s, with its job. */
struct drawn {
	struct job job;
	struct ir_dns_query q;
};

/* --- small things ------------------------------------------------------- */

void
ir_dns_clock(struct ir_dns *d)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	d->now = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

uint16_t
ir_dns_random(struct ir_dns *d)
{
	ssize_t n;

	if (d->random_left < 2) {
		do
			n = getrandom(d->random, sizeof d->random, 0);
		while (n < 0 && errno == EINTR);
		d->random_left = n < 0 ? 0 : (size_t)n;
		if (d->random_left < 2)
			abort();	/* no random numbers: no safe ids */
	}
	d->random_left -= 2;
	return (uint16_t)(d->random[d->random_left] << 8 |
	    d->random[d->random_left + 1]);
}

void
ir_dns_enqueue(struct queue *in, struct job *j)
{
	j->in = in;
	j->next = NULL;
	j->prev = in->last;
	if (in->last)
		in->last->next = j;
	else
		in->first = j;
	in->last = j;
	if (in->count)
		++*in->count;
}

void
ir_dns_dequeue(struct job *j)
{
	struct queue *in = j->in;

	if (!in)
		return;
	if (j->prev)
		j->prev->next = j->next;
	else
		in->first = j->next;
	if (j->next)
		j->next->prev = j->prev;
	else
		in->last = j->prev;
	if (in->count)
		--*in->count;
	j->in = NULL;
}

/* --- whose turn it is --------------------------------------------------- */

/*
 * A question goes to the first server twice, to the second twice, and so on,
 * then around again, five times to each at most.  Its turn says how far it
 * has come.
 */
static struct server *
server_of(const struct job *j)
{
	return j->list->server[j->turn / 2 % j->list->n];
}

unsigned
ir_dns_try_number(const struct job *j)
{
	return j->turn / (2 * (unsigned)j->list->n) * 2 + j->turn % 2;
}

/* The next try that makes sense: true, or false when there is none. */
static bool
advance(struct job *j)
{
	size_t n = j->list->n;

	do
		j->turn++;
	while (j->turn < 6 * n && (j->said >> j->turn / 2 % n & 1 ||
	    ir_dns_try_number(j) >= IR_DNS_TRIES));
	return j->turn < 6 * n;
}

/* A server of the list that answers, as far as is known. */
static size_t
first_server(const struct ir_dns *d, const struct list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->server[i]->silent < SILENT &&
		    l->server[i]->down_until <= d->now)
			return i;
	return 0;
}

static void
queue_for(struct ir_dns *d, struct job *j, bool again)
{
	d->hurry |= again;
	j->at = server_of(j);
	ir_dns_enqueue(again ? &j->at->again : &j->at->ready, j);
}

/* --- the end of a question ---------------------------------------------- */

static void
free_job(struct job *j)
{
	if (j->own_list)
		free(j->list);
	free(j);	/* with q, when that was drawn */
}

/* q has its results. */
static void
finish(struct ir_dns *d, struct job *j)
{
	struct ir_dns_query *q = j->q;

	ir_dns_dequeue(j);
	ir_dns_udp_forget(j);
	if (j->conn)
		ir_dns_tcp_end(d, j->conn);
	if (j->began)
		q->rtt_ms = (int)((d->now - j->began + 500) / 1000);
	d->left--;
	d->dry = false;
	d->hurry = true;	/* it may be the last, or lead to others */
	if (d->done)
		d->done(q, d->arg);
	if (j->own_query)
		ir_dns_query_free(q);
	free_job(j);
}

/* Nobody answered; or those that did refused. */
void
ir_dns_give_up(struct ir_dns *d, struct job *j)
{
	struct server *s = j->spoke ? j->list->server[j->spoke - 1] : j->at;

	if (s)
		memcpy(j->q->server, s->name, sizeof s->name);
	finish(d, j);
}

void
ir_dns_in_vain(struct ir_dns *d, struct job *j, bool lost)
{
	struct server *s = j->at;

	ir_dns_dequeue(j);
	if (lost) {
		ir_dns_window_lost(&s->window);
		if (!s->rto.known)
			s->silent++;
	} else if (j->list->n > 1) {
		j->turn |= 1;	/* not there for a second time */
	}
	if (advance(j))
		queue_for(d, j, true);
	else
		ir_dns_give_up(d, j);
}

void
ir_dns_no_tcp(struct ir_dns *d, struct job *j)
{
	if (j->big) {
		ir_dns_in_vain(d, j, false);
		return;
	}
	j->big = true;
	queue_for(d, j, true);
}

/* A server that will not or cannot answer: is there another one? */
static bool
ask_another(struct ir_dns *d, struct job *j, const struct server *s)
{
	size_t i;

	for (i = 0; i < j->list->n && j->list->server[i] != s; i++)
		continue;
	j->said |= (uint8_t)(1u << i);
	j->spoke = (uint8_t)(i + 1);
	if (j->at != s)
		return true;	/* one is being asked */
	ir_dns_dequeue(j);
	if (!advance(j))
		return false;
	queue_for(d, j, true);
	return true;
}

void
ir_dns_answered(struct ir_dns *d, struct job *j, struct server *s,
    const uint8_t *msg, size_t len, bool tcp)
{
	struct ir_dns_query *q = j->q;

	if (!tcp && IR_DNS_CUT_OFF(msg)) {
		if (j->big) {
			ir_dns_in_vain(d, j, false);
			return;
		}
		ir_dns_dequeue(j);
		ir_dns_udp_forget(j);
		j->at = s;
		ir_dns_enqueue(&d->tcp_wait, j);
		return;
	}
	if (IR_DNS_RCODE(msg) == 1 && !j->plain && !tcp) {
		j->plain = true;	/* FORMERR: it may not know EDNS */
		ir_dns_dequeue(j);
		queue_for(d, j, true);
		return;
	}
	ir_dns_query_free(q);
	ir_dns_parse(msg, len, q);
	q->tcp = tcp;
	memcpy(q->server, s->name, sizeof s->name);
	if ((q->status == IR_DNS_REFUSED || q->status == IR_DNS_SERVFAIL) &&
	    j->list->n > 1 && ask_another(d, j, s))
		return;
	finish(d, j);
}

/* --- the beginning ------------------------------------------------------ */

/* RFC 6761: localhost is answered here. */
static void
answer_localhost(struct ir_dns_query *q)
{
	const char *address = q->type == IR_DNS_A ? "127.0.0.1" :
	    q->type == IR_DNS_AAAA ? "::1" : NULL;

	q->status = IR_DNS_NODATA;
	q->rcode = 0;
	if (!address)
		return;
	q->answer = calloc(1, sizeof *q->answer);
	if (!q->answer) {
		q->status = IR_DNS_BAD;
		return;
	}
	q->status = IR_DNS_OK;
	q->n = 1;
	q->answer->text = address;
	q->answer->len = strlen(address);
}

static void
clear_results(struct ir_dns_query *q)
{
	q->status = IR_DNS_TIMEOUT;
	q->rcode = -1;
	q->ad = q->tcp = false;
	q->answer = NULL;
	q->alias = NULL;
	q->n = 0;
	q->ttl = 0;
	q->rtt_ms = 0;
	q->server[0] = '\0';
}

/* Put the job of a question where it belongs.  0, or -1 and it is freed. */
static int
begin(struct ir_dns *d, struct job *j, struct ir_err *err)
{
	struct ir_dns_query *q = j->q;

	clear_results(q);
	j->list = &d->usual;
	if (q->ask) {
		j->list = calloc(1, sizeof *j->list);
		if (!j->list) {
			free(j);
			return ir_fail(err, IR_OSERR, "no memory");
		}
		j->own_list = true;
		if (ir_dns_add_list(d, j->list, q->ask, false, err)) {
			free_job(j);
			return -1;
		}
	}
	d->left++;
	if (ir_dns_is_localhost(q->name)) {
		answer_localhost(q);
		ir_dns_enqueue(&d->at_once, j);
		return 0;
	}
	j->turn = (uint8_t)(2 * first_server(d, j->list));
	queue_for(d, j, false);
	return 0;
}

int
ir_dns_ask(struct ir_dns *d, struct ir_dns_query *q, struct ir_err *err)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return ir_fail(err, IR_OSERR, "no memory");
	j->q = q;
	return begin(d, j, err);
}

/* One question of next(): 1, 0: it has none, -1. */
static int
draw(struct ir_dns *d, struct ir_err *err)
{
	struct drawn *n = calloc(1, sizeof *n);

	if (!n)
		return ir_fail(err, IR_OSERR, "no memory");
	if (!d->next(&n->q, d->arg)) {
		free(n);
		d->dry = true;
		return 0;
	}
	n->job.q = &n->q;
	n->job.own_query = true;
	return begin(d, &n->job, err) ? -1 : 1;
}

/* As many as there is room for. */
static int
draw_all(struct ir_dns *d, struct ir_err *err)
{
	struct server *s;
	int rc;

	while (d->next && !d->dry) {
		s = d->usual.server[first_server(d, &d->usual)];
		if (s->nready + s->nflying >= s->window.open ||
		    d->left >= 2 * IR_DNS_WINDOW_MOST) {
			ir_dns_window_full(&s->window);
			return 0;
		}
		rc = draw(d, err);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

/* --- the run ------------------------------------------------------------ */

/* Tries that were waited for long enough; when the next one will have been. */
static int64_t
expire(struct ir_dns *d, struct server *s)
{
	int64_t first = INT64_MAX, wait;
	struct job *j;
	unsigned i;

	for (i = 0; i < IR_DNS_TRIES; i++) {
		wait = ir_dns_rto_wait(&s->rto, s->first_wait, i);
		while ((j = s->flying[i].first) && j->sent + wait <= d->now)
			ir_dns_in_vain(d, j, true);
		if (j && j->sent + wait < first)
			first = j->sent + wait;
	}
	return first;
}

/* When something has to be done though nothing comes in. */
static int64_t
next_event(struct ir_dns *d)
{
	int64_t first = d->deadline, t;
	struct server *s;
	size_t i;

	t = ir_dns_tcp_expire(d);
	if (t < first)
		first = t;
	for (i = 0; i < d->nservers; i++) {
		s = d->server[i];
		if (s->nflying == 0 && s->nready == 0)
			continue;
		t = expire(d, s);
		if (t < first)
			first = t;
		t = s->down_until > d->now ? s->down_until :
		    d->now + STUCK_US;
		if ((s->stuck || s->down_until > d->now) && s->nready &&
		    t < first)
			first = t;
	}
	return d->hurry ? d->now : first;
}

static int
wait_for_events(struct ir_dns *d, const int64_t *until_ms, struct ir_err *err)
{
	struct epoll_event ev[64];
	int64_t until = next_event(d), ms;	/* may change *until_ms */
	int n, i;

	if (until_ms && *until_ms < until / 1000)
		until = *until_ms * 1000;
	ms = (until - d->now + 999) / 1000;
	n = epoll_wait(d->epoll, ev, 64, ms < 0 ? 0 : ms > 60000 ? 60000 :
	    (int)ms);
	if (n < 0 && errno != EINTR)
		return ir_fail_errno(err, IR_OSERR, errno, "dns");
	ir_dns_clock(d);
	for (i = 0; i < n; i++) {
		enum watch *kind = ev[i].data.ptr;

		if (*kind == WATCH_PORT)
			ir_dns_udp_read(d, ev[i].data.ptr);
		else
			ir_dns_tcp_event(d, ev[i].data.ptr);
	}
	return 0;
}

static void
finish_queue(struct ir_dns *d, struct queue *in)
{
	while (in->first)
		ir_dns_give_up(d, in->first);
}

/* Time is up, for everything that is left and what next() still has. */
static int
end_all(struct ir_dns *d, struct ir_err *err)
{
	struct server *s;
	size_t i, k;

	do {
		finish_queue(d, &d->at_once);
		finish_queue(d, &d->tcp_wait);
		while (d->conns)
			ir_dns_give_up(d, d->conns->job);
		for (i = 0; i < d->nservers; i++) {
			s = d->server[i];
			finish_queue(d, &s->ready);
			finish_queue(d, &s->again);
			for (k = 0; k < IR_DNS_TRIES; k++)
				finish_queue(d, &s->flying[k]);
			ir_dns_udp_reap(d, s);
		}
		if (d->next && !d->dry && draw(d, err) < 0)
			return -1;
	} while (d->left || (d->next && !d->dry));
	return 0;
}

int
ir_dns_wait_until(struct ir_dns *d, const int64_t *until_ms,
    struct ir_err *err)
{
	struct server *s;
	size_t i;

	d->dry = false;
	for (;;) {
		ir_dns_clock(d);
		if (d->now >= d->deadline)
			return end_all(d, err);
		if (draw_all(d, err))
			return -1;
		finish_queue(d, &d->at_once);
		ir_dns_tcp_start(d);
		d->hurry = false;
		for (i = 0; i < d->nservers; i++) {
			s = d->server[i];
			ir_dns_window_tick(&s->window, &s->rto, d->now);
			if (s->nready)
				ir_dns_udp_send(d, s);
			if (s->reap)
				ir_dns_udp_reap(d, s);
		}
		if (d->left == 0 && (!d->next || d->dry))
			return 0;
		if (until_ms && *until_ms <= d->now / 1000)
			return 1;
		if (wait_for_events(d, until_ms, err))
			return -1;
	}
}

int
ir_dns_wait(struct ir_dns *d, struct ir_err *err)
{
	return ir_dns_wait_until(d, NULL, err);
}

static int
start(struct ir_dns *d, const char *resolver, struct ir_err *err)
{
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (d->epoll < 0)
		return ir_fail_errno(err, IR_OSERR, errno, "dns: epoll");
	if (ir_dns_udp_open(d, err))
		return -1;
	return resolver ?
	    ir_dns_add_list(d, &d->usual, resolver, true, err) :
	    ir_dns_add_system(d, &d->usual, err);
}

int
ir_dns_open(struct ir_dns **out, const struct ir_dns_opts *o,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err)
{
	struct ir_dns *d = calloc(1, sizeof *d);

	*out = NULL;
	if (!d)
		return ir_fail(err, IR_OSERR, "no memory");
	d->budget_ms = o->deadline_ms > 0 ? o->deadline_ms : DEADLINE_MS;
	d->in_flight = o->in_flight;
	d->begin = o->begin;
	d->next = o->next;
	d->done = done;
	d->arg = arg;
	ir_dns_clock(d);
	d->deadline = d->now + (int64_t)d->budget_ms * 1000;
	if (start(d, o->resolver, err)) {
		ir_dns_close(d);
		return -1;
	}
	*out = d;
	return 0;
}

/* Free jobs whose questions may be gone already. */
static void
drop_queue(struct queue *in)
{
	struct job *j;

	while ((j = in->first)) {
		ir_dns_dequeue(j);
		if (j->own_query)
			ir_dns_query_free(j->q);
		free_job(j);
	}
}

void
ir_dns_close(struct ir_dns *d)
{
	struct job *j;
	size_t i, k;

	if (!d)
		return;
	while (d->conns) {
		j = d->conns->job;
		ir_dns_tcp_end(d, d->conns);
		ir_dns_enqueue(&d->tcp_wait, j);
	}
	drop_queue(&d->tcp_wait);
	drop_queue(&d->at_once);
	for (i = 0; i < d->nservers; i++) {
		drop_queue(&d->server[i]->ready);
		drop_queue(&d->server[i]->again);
		for (k = 0; k < IR_DNS_TRIES; k++)
			drop_queue(&d->server[i]->flying[k]);
	}
	ir_dns_udp_close(d);
	for (i = 0; i < d->nservers; i++)
		free(d->server[i]);
	if (d->epoll >= 0)
		close(d->epoll);
	free(d);
}

void
ir_dns_stats(const struct ir_dns *d, struct ir_dns_stats *out)
{
	*out = d->stats;
}

int
ir_dns_run(const struct ir_dns_opts *o, struct ir_dns_query *q, size_t n,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err)
{
	struct ir_dns *d;
	size_t i;
	int rc = 0;

	if (ir_dns_open(&d, o, done, arg, err))
		return -1;
	for (i = 0; i < n && rc == 0; i++)
		rc = ir_dns_ask(d, &q[i], err);
	if (rc == 0)
		rc = ir_dns_wait(d, err);
	ir_dns_close(d);
	return rc;
}
