/* dns_udp.c - questions and answers over UDP; see dns_engine.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dns_engine.h"

#define BATCH 64
#define MAX_PORTS 400		/* of all servers, those of use and the old */
#define CARRIES_MOST 128	/* questions for each port */
#define CARRIES_LEAST 4
#define REST_US 250000		/* for a server where nobody listens */

/* Room for a batch on its way out, and for one on its way in. */
struct udp_room {
	struct mmsghdr out[BATCH], in[BATCH];
	struct iovec out_iov[BATCH], in_iov[BATCH];
	uint8_t question[BATCH][IR_DNS_MAX_QUESTION];
	uint8_t answer[BATCH][IR_DNS_EDNS_BIG];
	struct job *job[BATCH];
};

int
ir_dns_udp_open(struct ir_dns *d, struct ir_err *err)
{
	struct udp_room *r = calloc(1, sizeof *r);
	size_t i;

	if (!r)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < BATCH; i++) {
		r->out_iov[i].iov_base = r->question[i];
		r->out[i].msg_hdr.msg_iov = &r->out_iov[i];
		r->out[i].msg_hdr.msg_iovlen = 1;
		r->in_iov[i].iov_base = r->answer[i];
		r->in_iov[i].iov_len = sizeof r->answer[i];
		r->in[i].msg_hdr.msg_iov = &r->in_iov[i];
		r->in[i].msg_hdr.msg_iovlen = 1;
	}
	d->room = r;
	return 0;
}

/* --- ports -------------------------------------------------------------- */

static void
close_port(struct ir_dns *d, struct port *p)
{
	close(p->fd);
	free(p);
	d->nports--;
}

/*
 * A new port, whose number the kernel draws by lot.  It carries few
 * questions at first, so that a short run has several.  NULL and errno.
 */
static struct port *
new_port(struct ir_dns *d, struct server *s)
{
	struct epoll_event ev = { .events = EPOLLIN };
	uint64_t limit = s->asked / 8;
	struct port *p;
	int e;

	errno = ENOBUFS;
	if (d->nports >= MAX_PORTS)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->kind = WATCH_PORT;
	p->server = s;
	p->limit = limit > CARRIES_MOST ? CARRIES_MOST :
	    limit < CARRIES_LEAST ? CARRIES_LEAST : (unsigned)limit;
	ev.data.ptr = p;
	p->fd = socket(s->addr.ss_family,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&s->addr,
	    s->addr_len) || epoll_ctl(d->epoll, EPOLL_CTL_ADD, p->fd, &ev)) {
		e = errno;
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		errno = e;
		return NULL;
	}
	d->nports++;
	d->stats.ports++;
	return p;
}

/* The port for the next question, NULL: none is to be had now. */
static struct port *
port_of(struct ir_dns *d, struct server *s)
{
	struct port *p = s->port, *fresh;

	if (p && p->used < p->limit)
		return p;
	fresh = new_port(d, s);
	if (!fresh)		/* then the old one must carry more */
		return p && p->busy < 128 ? p : NULL;
	if (p) {
		p->next = s->old;
		s->old = p;
		s->reap = true;
	}
	s->port = fresh;
	return fresh;
}

void
ir_dns_udp_reap(struct ir_dns *d, struct server *s)
{
	struct port **at = &s->old, *p;

	s->reap = false;
	while ((p = *at)) {
		if (p->busy) {
			at = &p->next;
		} else {
			*at = p->next;
			close_port(d, p);
		}
	}
	if (s->port && s->port->busy == 0 && s->nready == 0) {
		close_port(d, s->port);
		s->port = NULL;
	}
}

static void
forget_try(struct job *j, int which)
{
	struct port *p = j->try[which].port;

	if (!p)
		return;
	p->entry[j->try[which].slot].job = NULL;
	j->try[which].port = NULL;
	if (--p->busy == 0)
		p->server->reap = true;
}

void
ir_dns_udp_forget(struct job *j)
{
	forget_try(j, 0);
	forget_try(j, 1);
}

void
ir_dns_udp_close(struct ir_dns *d)
{
	struct server *s;
	struct port *p;
	size_t i;

	for (i = 0; i < d->nservers; i++) {
		s = d->server[i];
		while ((p = s->old)) {
			s->old = p->next;
			close_port(d, p);
		}
		if (s->port)
			close_port(d, s->port);
	}
	free(d->room);
}

/* --- questions ---------------------------------------------------------- */

/* Nobody listens there: what was sent from this port was in vain. */
static void
refused(struct ir_dns *d, struct port *p)
{
	struct job *j;
	size_t i;

	p->server->down_until = d->now + REST_US;
	for (i = 0; i < 256; i++) {
		j = p->entry[i].job;
		if (j && j->try[j->which].port == p && ir_dns_flying(j))
			ir_dns_in_vain(d, j, false);
	}
}

/* No room or no socket: a matter of time.  Anything else is the way there. */
static bool
passes(int e)
{
	return e == EAGAIN || e == ENOBUFS || e == ENOMEM || e == EMFILE ||
	    e == ENFILE;
}

static struct job *
next_job(struct server *s)
{
	return s->again.first ? s->again.first : s->ready.first;
}

/* The server is not to be had from here: other ones may be. */
static void
unreachable(struct ir_dns *d, struct server *s)
{
	size_t again = 0, ready;
	struct job *j;

	s->down_until = d->now + REST_US;
	for (j = s->again.first; j; j = j->next)
		again++;
	ready = s->nready - again;
	/* they may come back to the end of the queue, each once */
	for (; again && s->again.first; again--)
		ir_dns_in_vain(d, s->again.first, false);
	for (; ready && s->ready.first; ready--)
		ir_dns_in_vain(d, s->ready.first, false);
}

/* Give j an id on the port; false: it has no name that can be asked for. */
static bool
prepare(struct ir_dns *d, struct port *p, struct job *j, size_t k)
{
	struct udp_room *r = d->room;
	int which = !j->which;
	uint16_t id;
	size_t n;

	do
		id = ir_dns_random(d);
	while (p->entry[id & 255].job);
	n = ir_dns_question(r->question[k], id, j->q->name,
	    (unsigned)j->q->type, j->plain ? 0 : j->big ? IR_DNS_EDNS_BIG :
	    IR_DNS_EDNS);
	if (n == 0)
		return false;
	r->out_iov[k].iov_len = n;
	r->job[k] = j;
	forget_try(j, which);
	p->entry[id & 255].job = j;
	p->entry[id & 255].id = id;
	p->entry[id & 255].which = (uint8_t)which;
	p->busy++;
	p->used++;
	j->try[which].port = p;
	j->try[which].sent = d->now;
	j->try[which].slot = (uint8_t)id;
	j->which = (uint8_t)which;
	return true;
}

/* A question has gone out. */
static void
sent(struct ir_dns *d, struct server *s, struct job *j)
{
	unsigned n = ir_dns_try_number(j);

	ir_dns_dequeue(j);
	j->sent = d->now;
	if (!j->began)
		j->began = d->now;
	else
		d->stats.repeats++;
	ir_dns_enqueue(&s->flying[n < IR_DNS_TRIES ? n : IR_DNS_TRIES - 1],
	    j);
	s->asked++;
	d->stats.sent++;
}

/* Send n questions that are prepared; true when more can go out. */
static bool
send_batch(struct ir_dns *d, struct server *s, struct port *p, size_t n)
{
	struct udp_room *r = d->room;
	size_t gone = 0, i;
	int rc, refusals = 0, e = 0;

	while (gone < n) {
		rc = sendmmsg(p->fd, r->out + gone, (unsigned)(n - gone), 0);
		if (rc > 0) {
			for (i = 0; i < (size_t)rc; i++)
				sent(d, s, r->job[gone + i]);
			gone += (size_t)rc;
		} else if (errno == ECONNREFUSED && refusals++ < 3) {
			continue;	/* of an earlier one; told once */
		} else if (errno != EINTR) {
			e = errno;
			break;
		}
	}
	for (i = gone; i < n; i++)
		forget_try(r->job[i], r->job[i]->which);
	if (refusals)
		refused(d, p);
	else if (e && !passes(e))
		unreachable(d, s);
	return gone == n && !refusals;
}

/* Prepare as many as the port takes, room at most. */
static size_t
prepare_batch(struct ir_dns *d, struct server *s, struct port *p, size_t room)
{
	struct job *j, *next, *bad = NULL;
	size_t n = 0;

	for (j = next_job(s); j && n < BATCH && n < room; j = next) {
		if ((n && p->used >= p->limit) || p->busy >= 128)
			break;
		next = j->next ? j->next : j->in == &s->again ?
		    s->ready.first : NULL;
		if (prepare(d, p, j, n)) {
			n++;
			continue;
		}
		bad = j;
		break;
	}
	if (bad && n == 0) {
		bad->q->status = IR_DNS_BAD;
		ir_dns_give_up(d, bad);
	}
	return n;
}

void
ir_dns_udp_send(struct ir_dns *d, struct server *s)
{
	struct port *p;
	struct job *j;
	size_t n, room;

	ir_dns_clock(d);
	s->stuck = false;
	while ((j = next_job(s)) && d->now >= s->down_until) {
		room = ir_dns_window_room(&s->window, &s->rto, s->nflying,
		    d->now);
		if (room == 0) {
			ir_dns_window_full(&s->window);
			s->stuck = s->nflying < s->window.open;
			return;
		}
		p = port_of(d, s);
		if (!p && !passes(errno)) {
			unreachable(d, s);
			return;
		}
		n = p ? prepare_batch(d, s, p, room) : 0;
		if (n == 0 && next_job(s) != j)
			continue;	/* a bad name is gone */
		if (n == 0 || !send_batch(d, s, p, n)) {
			s->stuck = true;
			return;
		}
		ir_dns_window_sent(&s->window, n);
	}
}

/* --- answers ------------------------------------------------------------ */

static void
take_answer(struct ir_dns *d, struct port *p, const uint8_t *msg, size_t n)
{
	struct server *s = p->server;
	unsigned id = n >= IR_DNS_HEAD ? (unsigned)msg[0] << 8 | msg[1] : 0;
	struct job *j = n >= IR_DNS_HEAD ? p->entry[id & 255].job : NULL;
	int which = p->entry[id & 255].which;

	if (!j || p->entry[id & 255].id != id || !ir_dns_answers(msg, n,
	    (uint16_t)id, j->q->name, (unsigned)j->q->type)) {
		d->stats.strays++;
		return;
	}
	s->silent = 0;
	ir_dns_rto_sample(&s->rto, d->now - j->try[which].sent);
	ir_dns_window_answered(&s->window);
	d->stats.answers++;
	ir_dns_answered(d, j, s, msg, n, false);
}

void
ir_dns_udp_read(struct ir_dns *d, struct port *p)
{
	struct udp_room *r = d->room;
	int n, i, rounds;

	p->busy++;		/* it stays while we look at it */
	for (rounds = 0; rounds < 16; rounds++) {
		n = recvmmsg(p->fd, r->in, BATCH, MSG_DONTWAIT, NULL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ECONNREFUSED) {
			refused(d, p);
			continue;
		}
		ir_dns_clock(d);
		for (i = 0; i < n; i++)
			take_answer(d, p, r->answer[i], r->in[i].msg_len);
		if (n < BATCH)
			break;
	}
	if (--p->busy == 0)
		p->server->reap = true;
}
