/* dns.c - see dns.h */
#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* newer c-ares prefers functions that the older one does not have yet */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "dns.h"

#define CLASS_IN 1
#define MAX_FDS 16		/* of one server: UDP, TCP, being replaced */
#define MAX_RECORDS 256		/* looked at in one answer */
#define MAX_JUMPS 64		/* compression pointers in one name */
#define FIRST_TRY_MS 1000	/* at most; c-ares doubles it for each try */
#define LEAST_TRY_MS 50
#define TRIES 3

/* --- the answer --------------------------------------------------------- */

struct msg {
	const uint8_t *p;
	size_t len, at;
};

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/*
 * Read the name at m->at and go past it.  out (256 bytes) may be NULL; what
 * is not printable in it becomes '?', and so does a dot within a label.
 */
static int
read_name(struct msg *m, char *out)
{
	size_t at = m->at, used = 0, i, n;
	int jumps = 0;
	bool jumped = false;

	for (;;) {
		if (at >= m->len)
			return -1;
		n = m->p[at++];
		if (n == 0)
			break;
		if ((n & 0xc0) == 0xc0) {
			if (at >= m->len || ++jumps > MAX_JUMPS)
				return -1;
			if (!jumped)
				m->at = at + 1;
			jumped = true;
			at = (n & 0x3f) << 8 | m->p[at];
			continue;
		}
		if (n > 63 || n > m->len - at || used + n + 1 > 254)
			return -1;
		for (i = 0; i < n && out; i++) {
			char c = (char)m->p[at + i];

			out[used + i] = c > ' ' && c < 127 && c != '.' ? c :
			    '?';
		}
		if (out)
			out[used + n] = '.';
		used += n + 1;
		at += n;
	}
	if (out)
		out[used ? used - 1 : 0] = '\0';
	if (!jumped)
		m->at = at;
	return 0;
}

/* The strings of a TXT record, joined. */
static void
read_txt(const uint8_t *p, size_t len, struct ir_dns_answer *a)
{
	struct ir_buf b = IR_BUF(256 * 3 + 1);
	size_t at = 0, n, used = 0;
	char raw[256];

	while (at < len && used < sizeof raw) {
		n = p[at++];
		if (n > len - at)
			n = len - at;
		if (n > sizeof raw - used)
			n = sizeof raw - used;
		memcpy(raw + used, p + at, n);
		used += n;
		at += n;
	}
	ir_text_clean(&b, raw, used);
	n = ir_text_cut(ir_buf_cstr(&b), b.len, sizeof a->text - 1);
	memcpy(a->text, ir_buf_cstr(&b), n);
	a->text[n] = '\0';
	ir_buf_free(&b);
}

/* Data of len bytes at m->at, which must fit: 0, or -1. */
static int
read_data(const struct msg *m, size_t len, enum ir_dns_type type,
    struct ir_dns_answer *a)
{
	struct msg sub = *m;
	const uint8_t *p = m->p + m->at;

	a->pref = 0;
	switch (type) {
	case IR_DNS_A:
		return len == 4 && inet_ntop(AF_INET, p, a->text,
		    sizeof a->text) ? 0 : -1;
	case IR_DNS_AAAA:
		return len == 16 && inet_ntop(AF_INET6, p, a->text,
		    sizeof a->text) ? 0 : -1;
	case IR_DNS_MX:
		if (len < 3)
			return -1;
		a->pref = (int)get16(p);
		sub.at += 2;
		return read_name(&sub, a->text);
	case IR_DNS_TXT:
		read_txt(p, len, a);
		return 0;
	default:
		return -1;
	}
}

/* One resource record: 0, or -1 when it is broken. */
static int
read_record(struct msg *m, struct ir_dns_query *q)
{
	const uint8_t *h;
	size_t len;

	if (read_name(m, NULL) || m->len - m->at < 10)
		return -1;
	h = m->p + m->at;
	len = get16(h + 8);
	m->at += 10;
	if (len > m->len - m->at)
		return -1;
	if (get16(h) == (unsigned)q->type && get16(h + 2) == CLASS_IN &&
	    q->n < IR_DNS_MAX_ANSWERS) {
		uint32_t ttl = get32(h + 4);

		if (read_data(m, len, q->type, &q->answer[q->n]))
			return -1;
		if (ttl > INT32_MAX)	/* RFC 2181, 8 */
			ttl = 0;
		if (q->n == 0 || ttl < q->ttl)
			q->ttl = ttl;
		q->n++;
	}
	m->at += len;
	return 0;
}

static enum ir_dns_status
read_message(struct msg *m, struct ir_dns_query *q)
{
	unsigned rcode, questions, answers;

	if (m->len < 12 || !(m->p[2] & 0x80))
		return IR_DNS_BAD;
	rcode = m->p[3] & 0x0f;
	if (rcode == 2)
		return IR_DNS_SERVFAIL;
	if (rcode == 3)
		return IR_DNS_NXDOMAIN;
	if (rcode == 5)
		return IR_DNS_REFUSED;
	questions = get16(m->p + 4);
	answers = get16(m->p + 6);
	if (rcode != 0 || questions > 1 || answers > MAX_RECORDS)
		return IR_DNS_BAD;
	m->at = 12;
	if (questions) {
		if (read_name(m, NULL) || m->len - m->at < 4)
			return IR_DNS_BAD;
		m->at += 4;
	}
	while (answers--)
		if (read_record(m, q))
			return IR_DNS_BAD;
	return q->n ? IR_DNS_OK : IR_DNS_NODATA;
}

void
ir_dns_parse(const uint8_t *msg, size_t len, struct ir_dns_query *q)
{
	struct msg m = { msg, len, 0 };

	q->n = 0;
	q->ttl = 0;
	q->status = read_message(&m, q);
	if (q->status != IR_DNS_OK)
		q->n = 0;
}

/* --- servers ------------------------------------------------------------ */

struct server {
	ares_channel channel;
	struct pollfd fd[MAX_FDS];
	size_t nfd;
	char name[64];
};

struct job {
	struct ir_dns *dns;
	struct ir_dns_query *q;
	size_t server;		/* which one is asked now */
	bool again;		/* asked once more after FORMERR */
	int64_t began;
	struct job *next;
};

struct ir_dns {
	struct server server[IR_DNS_MAX_SERVERS];
	size_t nservers;
	int64_t deadline;	/* monotonic milliseconds */
	int budget;		/* milliseconds that all servers share */
	size_t window, flying;
	struct job *first, **last;	/* waiting for their turn */
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
open_channel(struct ir_dns *d, const char *host, const char *port,
    struct ir_err *err)
{
	struct server *s = &d->server[d->nservers];
	struct ares_options o = { 0 };
	bool v6 = strchr(host, ':');
	int rc, share;

	snprintf(s->name, sizeof s->name, v6 ? "[%s]:%s" : "%s:%s", host,
	    port);
	o.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH |
	    ARES_FLAG_NOALIASES | ARES_FLAG_STAYOPEN | ARES_FLAG_EDNS;
	/* 1 + 2 + 4 of these fit into this server's share of the time */
	share = d->budget / 7;
	o.timeout = share > FIRST_TRY_MS ? FIRST_TRY_MS :
	    share < LEAST_TRY_MS ? LEAST_TRY_MS : share;
	o.tries = TRIES;
	o.ednspsz = 1232;
	o.sock_state_cb = socket_state;
	o.sock_state_cb_data = s;
	rc = ares_init_options(&s->channel, &o, ARES_OPT_FLAGS |
	    ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
	    ARES_OPT_SOCK_STATE_CB);
	if (rc != ARES_SUCCESS)
		return ir_fail(err, IR_OSERR, "dns: %s", ares_strerror(rc));
	d->nservers++;
	rc = ares_set_servers_ports_csv(s->channel, s->name);
	if (rc != ARES_SUCCESS)
		return ir_fail(err, IR_CONFIG, "resolver %s: %s", s->name,
		    ares_strerror(rc));
	return 0;
}

/* One server of the list. */
static int
add_server(struct ir_dns *d, const char *s, size_t n, struct ir_err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *ai = NULL;
	char host[256], port[8], address[INET6_ADDRSTRLEN + 16];
	int rc;

	if (split_host(s, n, host, sizeof host, port, sizeof port))
		return ir_fail(err, IR_CONFIG,
		    "resolver %.*s: not HOST[:PORT]", (int)n, s);
	if (d->nservers == IR_DNS_MAX_SERVERS)
		return ir_fail(err, IR_CONFIG, "resolver: more than %d",
		    IR_DNS_MAX_SERVERS);
	if (is_localhost(host))
		return open_channel(d, "127.0.0.1", port, err);
	if (getaddrinfo(host, port, &hints, &ai))
		return ir_fail(err, IR_CONFIG,
		    "resolver %s: not an address, and no such host", host);
	rc = getnameinfo(ai->ai_addr, ai->ai_addrlen, address, sizeof address,
	    NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(ai);
	if (rc)
		return ir_fail(err, IR_CONFIG, "resolver %s: %s", host,
		    gai_strerror(rc));
	return open_channel(d, address, port, err);
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
add_list(struct ir_dns *d, const char *s, struct ir_err *err)
{
	size_t n;

	d->budget /= count_list(s);
	for (;; s += n + 1) {
		n = strcspn(s, ",");
		if (add_server(d, s, n, err))
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
	return add_list(d, found ? list : "127.0.0.1", err);
}

/* --- asking ------------------------------------------------------------- */

static void
finish(struct job *j)
{
	struct ir_dns *d = j->dns;
	struct ir_dns_query *q = j->q;

	q->rtt_ms = (int)(ir_mono_ms() - j->began);
	free(j);
	if (d->done)
		d->done(q, d->arg);
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
	    j->server + 1 < d->nservers && ir_mono_ms() < d->deadline) {
		j->server++;
		send_job(j);
		return;
	}
	finish(j);
}

static void
send_job(struct job *j)
{
	struct server *s = &j->dns->server[j->server];

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
	q->n = address ? 1 : 0;
	if (address)
		snprintf(q->answer[0].text, sizeof q->answer[0].text, "%s",
		    address);
}

/* Let as many of the waiting fly as the window has room for. */
static void
pump(struct ir_dns *d)
{
	struct job *j;

	while ((j = d->first) && d->flying < d->window) {
		d->first = j->next;
		if (!d->first)
			d->last = &d->first;
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
}

static int
wait_ms(struct ir_dns *d)
{
	int64_t left = d->deadline - ir_mono_ms(), ms;
	struct timeval most = { 60, 0 }, tv, *t;
	size_t i;

	for (i = 0; i < d->nservers; i++) {
		t = ares_timeout(d->server[i].channel, &most, &tv);
		ms = t->tv_sec * 1000 + (t->tv_usec + 999) / 1000;
		if (ms < left)
			left = ms;
	}
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Wait for something to happen, and let c-ares deal with it. */
static void
step(struct ir_dns *d)
{
	struct pollfd fd[IR_DNS_MAX_SERVERS * MAX_FDS];
	size_t owner[IR_DNS_MAX_SERVERS * MAX_FDS], n = 0, i, k;

	for (i = 0; i < d->nservers; i++)
		for (k = 0; k < d->server[i].nfd; k++) {
			owner[n] = i;
			fd[n] = d->server[i].fd[k];
			fd[n++].revents = 0;
		}
	if (poll(fd, (nfds_t)n, wait_ms(d)) < 0)
		n = 0;
	for (i = 0; i < n; i++) {
		bool rd = fd[i].revents & (POLLIN | POLLERR | POLLHUP);
		bool wr = fd[i].revents & POLLOUT;

		if (rd || wr)
			ares_process_fd(d->server[owner[i]].channel,
			    rd ? fd[i].fd : ARES_SOCKET_BAD,
			    wr ? fd[i].fd : ARES_SOCKET_BAD);
	}
	for (i = 0; i < d->nservers; i++)	/* time-outs */
		ares_process_fd(d->server[i].channel, ARES_SOCKET_BAD,
		    ARES_SOCKET_BAD);
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
	d->done = done;
	d->arg = arg;
	rc = o->resolver ? add_list(d, o->resolver, err) : add_system(d, err);
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
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return ir_fail(err, IR_OSERR, "no memory");
	q->status = IR_DNS_TIMEOUT;
	q->n = 0;
	q->ttl = 0;
	q->rtt_ms = 0;
	q->server[0] = '\0';
	j->dns = d;
	j->q = q;
	*d->last = j;
	d->last = &j->next;
	return 0;
}

int
ir_dns_wait(struct ir_dns *d, struct ir_err *err)
{
	size_t i;

	(void)err;
	for (;;) {
		pump(d);
		if (!d->first && !d->flying)
			return 0;
		if (ir_mono_ms() >= d->deadline)
			for (i = 0; i < d->nservers; i++)
				ares_cancel(d->server[i].channel);
		else
			step(d);
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
	for (i = 0; i < d->nservers; i++)
		ares_destroy(d->server[i].channel);
	while ((j = d->first)) {
		d->first = j->next;
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

const char *
ir_dns_status_word(enum ir_dns_status s)
{
	switch (s) {
	case IR_DNS_OK:
		return "ok";
	case IR_DNS_NODATA:
		return "nodata";
	case IR_DNS_NXDOMAIN:
		return "nxdomain";
	case IR_DNS_REFUSED:
		return "refused";
	case IR_DNS_SERVFAIL:
		return "servfail";
	case IR_DNS_TIMEOUT:
		return "timeout";
	case IR_DNS_BAD:
	default:
		return "bad-reply";
	}
}
