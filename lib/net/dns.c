/* dns.c - see dns.h */
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* newer c-ares prefers functions that the older one does not have yet */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "../core/text.h"
#include "dns.h"
#include "dns_msg.h"

#define CLASS_IN 1
#define MAX_FDS 16		/* of one server: UDP, TCP, being replaced */
#define MAX_ALL 1024		/* servers of all lists together */
#define FIRST_TRY_MS 1000	/* at most; c-ares doubles it for each try */
#define LEAST_TRY_MS 50
#define TRIES 3

/* --- servers ------------------------------------------------------------ */

struct server {
	ares_channel channel;
	struct pollfd fd[MAX_FDS];
	size_t nfd;
	char name[64];
};

/* Whom to ask, in this order. */
struct list {
	struct server *server[IR_DNS_MAX_SERVERS];
	size_t n;
};

struct job {
	struct ir_dns *dns;
	struct ir_dns_query *q;
	struct list list;
	size_t server;		/* which one is asked now */
	bool again;		/* asked once more after FORMERR */
	bool own;		/* q came from next() */
	int64_t began;
	struct job *next;
};

struct ir_dns {
	struct server *server[MAX_ALL];
	size_t nservers;
	struct list usual;
	int64_t deadline;	/* monotonic milliseconds */
	int budget;		/* milliseconds that all servers share */
	size_t window, flying;
	struct job *first, **last;	/* waiting for their turn */
	bool (*next)(struct ir_dns_query *q, void *arg);
	void (*done)(struct ir_dns_query *q, void *arg);
	void *arg;
};

/* c-ares says which sockets it wants watched. */
static void
socket_state(void *arg, ares_socket_t fd, int rd, int wr)
{
	struct server *s = arg;
	size_t i;

	for (i = 0; i < s->nfd && s->fd[i].fd != fd; i++)
		continue;
	if (!rd && !wr) {
		if (i < s->nfd)
			s->fd[i] = s->fd[--s->nfd];
		return;
	}
	if (i == MAX_FDS)
		return;		/* it will time out */
	if (i == s->nfd)
		s->nfd++;
	s->fd[i].fd = fd;
	s->fd[i].events = (short)((rd ? POLLIN : 0) | (wr ? POLLOUT : 0));
}

/* "HOST", "HOST:PORT", "[V6]", "[V6]:PORT" or "V6" into host and port. */
static int
split_host(const char *s, size_t n, char *host, size_t size, char *port,
    size_t port_size)
{
	const char *colon, *end = s + n;
	size_t hn;

	if (n && *s == '[') {
		colon = memchr(s, ']', n);
		if (!colon || (colon + 1 < end && colon[1] != ':'))
			return -1;
		s++;
		hn = (size_t)(colon - s);
		colon = colon + 1 < end ? colon + 1 : NULL;
	} else {
		colon = memchr(s, ':', n);
		if (colon && memchr(colon + 1, ':',
		    (size_t)(end - colon - 1)))
			colon = NULL;	/* bare IPv6 */
		hn = colon ? (size_t)(colon - s) : n;
	}
	if (hn == 0 || hn >= size)
		return -1;
	memcpy(host, s, hn);
	host[hn] = '\0';
	if (!colon) {
		snprintf(port, port_size, "53");
		return 0;
	}
	n = (size_t)(end - colon - 1);
	if (n == 0 || n >= port_size || strspn(colon + 1, "0123456789") < n)
		return -1;
	memcpy(port, colon + 1, n);
	port[n] = '\0';
	return atoi(port) >= 1 && atoi(port) <= 65535 ? 0 : -1;
}

static bool
is_localhost(const char *name)
{
	size_t n = strlen(name);

	return ir_ascii_ieq(name, "localhost") ||
	    (n > 10 && ir_ascii_ieq(name + n - 10, ".localhost"));
}

static int
open_channel(struct ir_dns *d, const char *name, size_t sharers,
    struct server **out, struct ir_err *err)
{
	struct server *s;
	struct ares_options o = { 0 };
	int rc, share;
	size_t i;

	for (i = 0; i < d->nservers; i++)
		if (strcmp(d->server[i]->name, name) == 0) {
			*out = d->server[i];
			return 0;
		}
	if (d->nservers == MAX_ALL)
		return ir_fail(err, IR_CONFIG, "more than %d name servers",
		    MAX_ALL);
	s = calloc(1, sizeof *s);
	if (!s)
		return ir_fail(err, IR_OSERR, "no memory");
	snprintf(s->name, sizeof s->name, "%s", name);
	o.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH |
	    ARES_FLAG_NOALIASES | ARES_FLAG_STAYOPEN | ARES_FLAG_EDNS;
	/* 1 + 2 + 4 of these fit into this server's share of the time */
	share = d->budget / (int)sharers / 7;
	o.timeout = share > FIRST_TRY_MS ? FIRST_TRY_MS :
	    share < LEAST_TRY_MS ? LEAST_TRY_MS : share;
	o.tries = TRIES;
	o.ednspsz = 1232;
	o.sock_state_cb = socket_state;
	o.sock_state_cb_data = s;
	rc = ares_init_options(&s->channel, &o, ARES_OPT_FLAGS |
	    ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
	    ARES_OPT_SOCK_STATE_CB);
	if (rc != ARES_SUCCESS) {
		free(s);
		return ir_fail(err, IR_OSERR, "dns: %s", ares_strerror(rc));
	}
	*out = d->server[d->nservers++] = s;
	rc = ares_set_servers_ports_csv(s->channel, s->name);
	if (rc != ARES_SUCCESS)
		return ir_fail(err, IR_CONFIG, "resolver %s: %s", s->name,
		    ares_strerror(rc));
	return 0;
}

/* One server of a list of count; names are looked up only for the usual one. */
static int
add_server(struct ir_dns *d, struct list *l, const char *s, size_t n,
    size_t count, bool names, struct ir_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = names ? 0 : AI_NUMERICHOST }, *ai = NULL;
	char host[256], port[8], address[INET6_ADDRSTRLEN + 16], name[64];
	int rc;

	if (split_host(s, n, host, sizeof host, port, sizeof port))
		return ir_fail(err, IR_CONFIG,
		    "resolver %.*s: not HOST[:PORT]", (int)n, s);
	if (l->n == IR_DNS_MAX_SERVERS)
		return ir_fail(err, IR_CONFIG, "resolver: more than %d",
		    IR_DNS_MAX_SERVERS);
	if (is_localhost(host))
		snprintf(host, sizeof host, "127.0.0.1");
	if (getaddrinfo(host, port, &hints, &ai))
		return ir_fail(err, IR_CONFIG, names ?
		    "resolver %s: not an address, and no such host" :
		    "resolver %s: not an address", host);
	rc = getnameinfo(ai->ai_addr, ai->ai_addrlen, address, sizeof address,
	    NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(ai);
	if (rc)
		return ir_fail(err, IR_CONFIG, "resolver %s: %s", host,
		    gai_strerror(rc));
	snprintf(name, sizeof name, strchr(address, ':') ? "[%s]:%s" :
	    "%s:%s", address, port);
	if (open_channel(d, name, count, &l->server[l->n], err))
		return -1;
	l->n++;
	return 0;
}

static int
count_list(const char *s)
{
	int n = 1;

	for (; *s; s++)
		n += *s == ',';
	return n;
}

static int
add_list(struct ir_dns *d, struct list *l, const char *s, bool names,
    struct ir_err *err)
{
	size_t n, count = (size_t)count_list(s);

	for (;; s += n + 1) {
		n = strcspn(s, ",");
		if (add_server(d, l, s, n, count, names, err))
			return -1;
		if (!s[n])
			return 0;
	}
}

/* resolv.conf(5): at most three nameserver lines count. */
static int
add_system(struct ir_dns *d, struct ir_err *err)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[512], list[512] = "";
	size_t n, used = 0;
	int found = 0;

	while (f && found < 3 && fgets(line, sizeof line, f)) {
		char *p = line + strspn(line, " \t");

		if (strncmp(p, "nameserver", 10) || !strchr(" \t", p[10]))
			continue;
		p += 10;
		p += strspn(p, " \t");
		n = strcspn(p, " \t\r\n#;");
		if (n == 0 || n > 100)
			continue;
		used += (size_t)snprintf(list + used, sizeof list - used,
		    "%s%.*s", found ? "," : "", (int)n, p);
		found++;
	}
	if (f)
		fclose(f);
	return add_list(d, &d->usual, found ? list : "127.0.0.1", true, err);
}

/* --- asking ------------------------------------------------------------- */

static void
finish(struct job *j)
{
	struct ir_dns *d = j->dns;
	struct ir_dns_query *q = j->q;

	bool own = j->own;

	q->rtt_ms = (int)(ir_mono_ms() - j->began);
	free(j);
	if (d->done)
		d->done(q, d->arg);
	if (own) {
		ir_dns_query_free(q);
		free(q);
	}
}

static void send_job(struct job *j);

static void
answered(void *arg, int status, int timeouts, unsigned char *msg, int len)
{
	struct job *j = arg;
	struct ir_dns *d = j->dns;

	(void)timeouts;
	d->flying--;
	/*
	 * FORMERR: a server without EDNS.  c-ares leaves it off from the
	 * first one on, but repeats only that question.
	 */
	if (msg && len >= 12 && (msg[3] & 0x0f) == 1 && !j->again &&
	    ir_mono_ms() < d->deadline) {
		j->again = true;
		send_job(j);
		return;
	}
	if (msg && len > 0)
		ir_dns_parse(msg, (size_t)len, j->q);
	else
		j->q->status = status == ARES_EBADNAME ||
		    status == ARES_EBADRESP ? IR_DNS_BAD : IR_DNS_TIMEOUT;
	if ((j->q->status == IR_DNS_TIMEOUT ||
	    j->q->status == IR_DNS_REFUSED ||
	    j->q->status == IR_DNS_SERVFAIL) &&
	    status != ARES_ECANCELLED && status != ARES_EDESTRUCTION &&
	    j->server + 1 < j->list.n && ir_mono_ms() < d->deadline) {
		j->server++;
		send_job(j);
		return;
	}
	finish(j);
}

static void
send_job(struct job *j)
{
	struct server *s = j->list.server[j->server];

	snprintf(j->q->server, sizeof j->q->server, "%s", s->name);
	j->dns->flying++;
	ares_query(s->channel, j->q->name, CLASS_IN, (int)j->q->type,
	    answered, j);
}

/* RFC 6761: localhost is answered here. */
static void
answer_localhost(struct ir_dns_query *q)
{
	const char *address = q->type == IR_DNS_A ? "127.0.0.1" :
	    q->type == IR_DNS_AAAA ? "::1" : NULL;

	q->status = address ? IR_DNS_OK : IR_DNS_NODATA;
	q->rcode = 0;
	if (!address)
		return;
	q->answer = calloc(1, sizeof *q->answer);
	if (!q->answer) {
		q->status = IR_DNS_BAD;
		return;
	}
	q->n = 1;
	q->answer->text = address;
	q->answer->len = strlen(address);
}

static struct job *
new_job(struct ir_dns *d, struct ir_dns_query *q, struct ir_err *err)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j) {
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	j->dns = d;
	j->q = q;
	j->list = d->usual;
	if (q->ask) {
		j->list.n = 0;
		if (add_list(d, &j->list, q->ask, false, err)) {
			free(j);
			return NULL;
		}
	}
	q->status = IR_DNS_TIMEOUT;
	q->rcode = -1;
	q->answer = NULL;
	q->alias = NULL;
	q->n = 0;
	q->ttl = 0;
	q->rtt_ms = 0;
	q->ad = q->tcp = false;
	q->server[0] = '\0';
	return j;
}

/* The next job of those that wait, or of the source: 1, 0: none, -1. */
static int
take(struct ir_dns *d, struct job **out, struct ir_err *err)
{
	struct ir_dns_query *q;
	struct job *j = d->first;

	*out = j;
	if (j) {
		d->first = j->next;
		if (!d->first)
			d->last = &d->first;
		return 1;
	}
	if (!d->next)
		return 0;
	q = calloc(1, sizeof *q);
	if (!q)
		return ir_fail(err, IR_OSERR, "no memory");
	if (!d->next(q, d->arg)) {
		free(q);
		return 0;
	}
	*out = j = new_job(d, q, err);
	if (!j) {
		free(q);
		return -1;
	}
	j->own = true;
	return 1;
}

/* Let as many of the waiting fly as the window has room for. */
static int
pump(struct ir_dns *d, struct ir_err *err)
{
	struct job *j;
	int rc;

	while (d->flying < d->window && (rc = take(d, &j, err))) {
		if (rc < 0)
			return -1;
		j->began = ir_mono_ms();
		if (is_localhost(j->q->name)) {
			answer_localhost(j->q);
			finish(j);
		} else if (j->began >= d->deadline) {
			j->q->status = IR_DNS_TIMEOUT;
			finish(j);
		} else {
			send_job(j);
		}
	}
	return 0;
}

static int
wait_ms(struct ir_dns *d)
{
	int64_t left = d->deadline - ir_mono_ms(), ms;
	struct timeval most = { 60, 0 }, tv, *t;
	size_t i;

	for (i = 0; i < d->nservers; i++) {
		t = ares_timeout(d->server[i]->channel, &most, &tv);
		ms = t->tv_sec * 1000 + (t->tv_usec + 999) / 1000;
		if (ms < left)
			left = ms;
	}
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Wait for something to happen, and let c-ares deal with it. */
static int
step(struct ir_dns *d, struct ir_err *err)
{
	struct pollfd *fd;
	struct server **owner;
	size_t n = 0, i, k;

	for (i = 0; i < d->nservers; i++)
		n += d->server[i]->nfd;
	fd = calloc(n + 1, sizeof *fd);
	owner = calloc(n + 1, sizeof *owner);
	if (!fd || !owner) {
		free(fd);
		free(owner);
		return ir_fail(err, IR_OSERR, "no memory");
	}
	n = 0;
	for (i = 0; i < d->nservers; i++)
		for (k = 0; k < d->server[i]->nfd; k++) {
			owner[n] = d->server[i];
			fd[n++] = d->server[i]->fd[k];
		}
	if (poll(fd, (nfds_t)n, wait_ms(d)) < 0)
		n = 0;
	for (i = 0; i < n; i++) {
		bool rd = fd[i].revents & (POLLIN | POLLERR | POLLHUP);
		bool wr = fd[i].revents & POLLOUT;

		if (rd || wr)
			ares_process_fd(owner[i]->channel,
			    rd ? fd[i].fd : ARES_SOCKET_BAD,
			    wr ? fd[i].fd : ARES_SOCKET_BAD);
	}
	free(fd);
	free(owner);
	for (i = 0; i < d->nservers; i++)	/* time-outs */
		ares_process_fd(d->server[i]->channel, ARES_SOCKET_BAD,
		    ARES_SOCKET_BAD);
	return 0;
}

int
ir_dns_open(struct ir_dns **out, const struct ir_dns_opts *o,
    void (*done)(struct ir_dns_query *q, void *arg), void *arg,
    struct ir_err *err)
{
	struct ir_dns *d;
	int rc;

	*out = NULL;
	rc = ares_library_init(ARES_LIB_INIT_ALL);
	if (rc != ARES_SUCCESS)
		return ir_fail(err, IR_OSERR, "dns: %s", ares_strerror(rc));
	d = calloc(1, sizeof *d);
	if (!d) {
		ares_library_cleanup();
		return ir_fail(err, IR_OSERR, "no memory");
	}
	d->last = &d->first;
	d->budget = o->deadline_ms > 0 ? o->deadline_ms : 10000;
	d->deadline = ir_mono_ms() + d->budget;
	d->window = o->in_flight ? o->in_flight : 64;
	d->next = o->next;
	d->done = done;
	d->arg = arg;
	rc = o->resolver ? add_list(d, &d->usual, o->resolver, true, err) :
	    add_system(d, err);
	if (rc) {
		ir_dns_close(d);
		return -1;
	}
	*out = d;
	return 0;
}

int
ir_dns_ask(struct ir_dns *d, struct ir_dns_query *q, struct ir_err *err)
{
	struct job *j = new_job(d, q, err);

	if (!j)
		return -1;
	*d->last = j;
	d->last = &j->next;
	return 0;
}

int
ir_dns_wait(struct ir_dns *d, struct ir_err *err)
{
	size_t i;

	for (;;) {
		if (pump(d, err))
			return -1;
		if (!d->first && !d->flying)
			return 0;
		if (ir_mono_ms() >= d->deadline) {
			for (i = 0; i < d->nservers; i++)
				ares_cancel(d->server[i]->channel);
		} else if (step(d, err)) {
			return -1;
		}
	}
}

void
ir_dns_close(struct ir_dns *d)
{
	struct job *j;
	size_t i;

	if (!d)
		return;
	d->done = NULL;
	d->next = NULL;
	for (i = 0; i < d->nservers; i++) {
		ares_destroy(d->server[i]->channel);
		free(d->server[i]);
	}
	while ((j = d->first)) {
		d->first = j->next;
		if (j->own)
			free(j->q);
		free(j);
	}
	free(d);
	ares_library_cleanup();
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
