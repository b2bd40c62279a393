/* dns_tcp.c - answers that are too large for UDP; see dns_engine.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dns_engine.h"

#define PATIENCE_US 5000000	/* for one connection */

void
ir_dns_tcp_end(struct ir_dns *d, struct conn *c)
{
	struct conn **at = &d->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	d->nconns--;
	c->job->conn = NULL;
	close(c->fd);
	free(c->answer);
	free(c);
}

static void
failed(struct ir_dns *d, struct conn *c)
{
	struct job *j = c->job;

	ir_dns_tcp_end(d, c);
	ir_dns_no_tcp(d, j);
}

static int
wire(struct ir_dns *d, struct conn *c, const struct server *s)
{
	struct epoll_event ev = { .events = EPOLLOUT, .data.ptr = c };

	c->fd = socket(s->addr.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -1;
	if ((connect(c->fd, (const struct sockaddr *)&s->addr, s->addr_len) &&
	    errno != EINPROGRESS) ||
	    epoll_ctl(d->epoll, EPOLL_CTL_ADD, c->fd, &ev)) {
		close(c->fd);
		return -1;
	}
	return 0;
}

/* A connection for j, which is in no queue. */
static void
start(struct ir_dns *d, struct job *j)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c) {
		ir_dns_no_tcp(d, j);
		return;
	}
	c->kind = WATCH_CONN;
	c->id = ir_dns_random(d);
	c->len = ir_dns_question(c->head + 2, c->id, j->q->name,
	    (unsigned)j->q->type, j->plain ? 0 : IR_DNS_EDNS);
	c->head[0] = (uint8_t)(c->len >> 8);
	c->head[1] = (uint8_t)c->len;
	c->len += 2;
	c->until = d->now + PATIENCE_US;
	if (wire(d, c, j->at)) {
		free(c);
		ir_dns_no_tcp(d, j);
		return;
	}
	c->job = j;
	j->conn = c;
	c->next = d->conns;
	d->conns = c;
	d->nconns++;
	d->stats.tcp++;
}

void
ir_dns_tcp_start(struct ir_dns *d)
{
	struct job *j;

	while ((j = d->tcp_wait.first) && d->nconns < IR_DNS_MAX_CONNS) {
		ir_dns_dequeue(j);
		start(d, j);
	}
}

/* 1: go on, 0: wait, -1: it failed. */
static int
transfer(struct conn *c)
{
	ssize_t n;

	if (!c->reading)
		n = send(c->fd, c->head + c->at, c->len - c->at,
		    MSG_NOSIGNAL);
	else
		n = recv(c->fd, (c->answer ? c->answer : c->head) + c->at,
		    c->len - c->at, 0);
	if (n > 0) {
		c->at += (size_t)n;
		return 1;
	}
	if (n < 0 && errno == EINTR)
		return 1;
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
}

/* A part is whole: begin with the next one.  0, or -1. */
static int
next_part(struct ir_dns *d, struct conn *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->at = 0;
	if (!c->reading) {
		c->reading = true;
		c->len = 2;
		return epoll_ctl(d->epoll, EPOLL_CTL_MOD, c->fd, &ev);
	}
	c->len = (size_t)c->head[0] << 8 | c->head[1];
	c->answer = malloc(c->len + 1);
	return c->answer && c->len ? 0 : -1;
}

static void
finished(struct ir_dns *d, struct conn *c)
{
	struct job *j = c->job;
	uint8_t *msg = c->answer;
	size_t len = c->len;

	if (!ir_dns_answers(msg, len, c->id, j->q->name,
	    (unsigned)j->q->type)) {
		d->stats.strays++;
		failed(d, c);
		return;
	}
	c->answer = NULL;
	ir_dns_tcp_end(d, c);
	d->stats.answers++;
	ir_dns_answered(d, j, j->at, msg, len, true);
	free(msg);
}

void
ir_dns_tcp_event(struct ir_dns *d, struct conn *c)
{
	int rc;

	while ((rc = transfer(c)) > 0) {
		if (c->at < c->len)
			continue;
		if (c->answer) {
			finished(d, c);
			return;
		}
		if (next_part(d, c)) {
			rc = -1;
			break;
		}
	}
	if (rc < 0)
		failed(d, c);
}

int64_t
ir_dns_tcp_expire(struct ir_dns *d)
{
	struct conn *c, *next;
	int64_t first = INT64_MAX;

	for (c = d->conns; c; c = next) {
		next = c->next;
		if (c->until <= d->now)
			failed(d, c);
		else if (c->until < first)
			first = c->until;
	}
	return first;
}
