/*
 * dns_engine.c - the DNS engine against a server on loopback that forges,
 * forgets and refuses, as the first label of a name says
 */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/text.h"
#include "net/dns.h"

#define LONG_TEXT 60000

/* --- the server, in a child --------------------------------------------- */

/* Two servers, somebody who interferes, and TCP for the first server. */
struct sockets {
	int udp[2], forger, tcp;
	uint16_t port[2], dead;
};

struct question {
	const struct sockets *s;
	int fd, who;		/* who: 0 or 1, 2: TCP */
	struct sockaddr_in from;
	uint8_t msg[66000];
	size_t n, end;		/* of all; of the question section */
	unsigned edns;		/* 0: none */
	char label[64];
};

static void
reply_from(struct question *q, int fd, const uint8_t *msg, size_t n)
{
	uint8_t len[2] = { (uint8_t)(n >> 8), (uint8_t)n };

	if (q->who < 2) {
		sendto(fd, msg, n, 0, (struct sockaddr *)&q->from,
		    sizeof q->from);
	} else if (write(q->fd, len, 2) == 2) {
		while (n) {
			ssize_t w = write(q->fd, msg, n);

			if (w <= 0)
				return;
			msg += w;
			n -= (size_t)w;
		}
	}
}

/* The question as an answer: rcode, and one record unless len is 0. */
static size_t
make(struct question *q, uint8_t *out, int rcode, const void *data,
    size_t len)
{
	static const uint8_t rr[] = { 0xc0, 0x0c, 0, 0, 0, 1, 0, 0, 0, 60 };
	uint8_t *p = out + q->end;

	memcpy(out, q->msg, q->end);
	out[2] = 0x84;
	out[3] = (uint8_t)rcode;
	memset(out + 6, 0, 6);
	if (len == 0)
		return q->end;
	out[7] = 1;
	memcpy(p, rr, sizeof rr);
	memcpy(p + 2, q->msg + q->end - 4, 2);
	p[10] = (uint8_t)(len >> 8);
	p[11] = (uint8_t)len;
	memcpy(p + 12, data, len);
	return q->end + 12 + len;
}

static void
address(struct question *q, int last)
{
	uint8_t a[4] = { 127, 0, 0, (uint8_t)last }, out[600];

	reply_from(q, q->fd, out, make(q, out, 0, a, 4));
}

static void
rcode(struct question *q, int code)
{
	uint8_t out[600];

	reply_from(q, q->fd, out, make(q, out, code, NULL, 0));
}

static void
text(struct question *q, size_t n)
{
	static uint8_t data[66000], out[66000];
	size_t used = 0, part;

	while (n) {
		part = n > 255 ? 255 : n;
		data[used++] = (uint8_t)part;
		memset(data + used, 'x', part);
		used += part;
		n -= part;
	}
	reply_from(q, q->fd, out, make(q, out, 0, data, used));
}

/* Lies first, the truth after them. */
static void
forge(struct question *q)
{
	static const uint8_t lie[4] = { 127, 6, 6, 6 };
	uint8_t out[600];
	size_t n = make(q, out, 0, lie, 4), i;
	int fd = q->fd;

	if (strcmp(q->label, "id") == 0)
		for (i = 0; i < 200; i++) {
			out[1]++;
			if (out[1] != q->msg[1])
				reply_from(q, fd, out, n);
		}
	else if (strcmp(q->label, "name") == 0)
		out[13] = 'x';
	else if (strcmp(q->label, "type") == 0)
		out[q->end - 3] = out[q->end + 3] = 16;
	else if (strcmp(q->label, "query") == 0)
		out[2] = 0;
	else if (strcmp(q->label, "short") == 0)
		n = 11;
	else if (strcmp(q->label, "address") == 0)
		fd = q->s->forger;
	if (strcmp(q->label, "bare") == 0) {	/* NXDOMAIN of nothing */
		out[3] = 3;
		memset(out + 4, 0, 8);
		n = 12;
	}
	if (strcmp(q->label, "id"))
		reply_from(q, fd, out, n);
	address(q, 2);
}

static void
upper_case(struct question *q)
{
	size_t i;

	for (i = 12; i < q->end - 4; i++)
		if (q->msg[i] >= 'a' && q->msg[i] <= 'z')
			q->msg[i] = (uint8_t)(q->msg[i] - 32);
	address(q, 3);
}

/* TXT: the port and the id that the question had. */
static void
tell(struct question *q)
{
	uint8_t data[64], out[600];
	int n = snprintf((char *)data + 1, sizeof data - 1, "%u %u",
	    ntohs(q->from.sin_port), (unsigned)q->msg[0] << 8 | q->msg[1]);

	data[0] = (uint8_t)n;
	reply_from(q, q->fd, out, make(q, out, 0, data, (size_t)n + 1));
}

static void
cut_off(struct question *q, unsigned enough)
{
	uint8_t out[600];
	size_t n;

	if (q->who == 2) {
		text(q, LONG_TEXT);
	} else if (q->edns >= enough) {
		text(q, 2000);
	} else {
		n = make(q, out, 0, NULL, 0);
		out[2] |= 2;
		reply_from(q, q->fd, out, n);
	}
}

/* Not before it has been asked for the third time. */
static void
third_time(struct question *q)
{
	static unsigned seen;

	if (++seen >= 3)
		address(q, 2);
}

static void
act(struct question *q)
{
	const char *l = q->label;

	if (strcmp(l, "ok") == 0)
		address(q, q->who == 1 ? 4 : 2);
	else if (strcmp(l, "silent") == 0)
		return;
	else if (strcmp(l, "case") == 0)
		upper_case(q);
	else if (strcmp(l, "third") == 0)
		third_time(q);
	else if (strcmp(l, "half") == 0)	/* only the second knows */
		q->who == 1 ? address(q, 4) : rcode(q, 5);
	else if (strcmp(l, "mute") == 0)	/* the first says nothing */
		q->who == 1 ? address(q, 4) : (void)0;
	else if (strcmp(l, "no") == 0)
		rcode(q, q->who == 1 ? 2 : 5);
	else if (strcmp(l, "tell") == 0)
		tell(q);
	else if (strcmp(l, "long") == 0)
		cut_off(q, 65535);
	else if (strcmp(l, "large") == 0)
		cut_off(q, 4096);
	else if (strcmp(l, "plain") == 0)
		q->edns ? rcode(q, 1) : address(q, 2);
	else if (strcmp(l, "broken") == 0)
		rcode(q, 4);
	else if (l[0] == 'm' && l[1] >= '0' && l[1] <= '9')
		rcode(q, 3);
	else
		forge(q);
}

/* A question is in q->msg. */
static void
understand(struct question *q)
{
	size_t at = 12;

	if (q->n < 17 || q->msg[12] > 63)
		return;
	memcpy(q->label, q->msg + 13, q->msg[12]);
	q->label[q->msg[12]] = '\0';
	while (at < q->n && q->msg[at])
		at += q->msg[at] + 1u;
	q->end = at + 5;
	q->edns = q->n >= q->end + 5 && q->msg[11] ?
	    (unsigned)q->msg[q->end + 3] << 8 | q->msg[q->end + 4] : 0;
	if (q->end <= q->n)
		act(q);
}

static void
serve_tcp(struct question *q, int fd)
{
	q->fd = accept(fd, NULL, NULL);
	q->who = 2;
	if (recv(q->fd, q->msg, 2, MSG_WAITALL) == 2) {
		q->n = (size_t)q->msg[0] << 8 | q->msg[1];
		if (recv(q->fd, q->msg, q->n, MSG_WAITALL) == (ssize_t)q->n)
			understand(q);
	}
	close(q->fd);
}

static void
serve(const struct sockets *s)
{
	static struct question q;
	struct pollfd p[3] = { { s->udp[0], POLLIN, 0 },
		{ s->udp[1], POLLIN, 0 }, { s->tcp, POLLIN, 0 } };
	socklen_t len;
	ssize_t n;
	int i;

	q.s = s;
	for (;;) {
		poll(p, 3, -1);
		for (i = 0; i < 2; i++) {
			len = sizeof q.from;
			n = recvfrom(s->udp[i], q.msg, sizeof q.msg,
			    MSG_DONTWAIT, (struct sockaddr *)&q.from, &len);
			q.fd = s->udp[i];
			q.who = i;
			q.n = n < 0 ? 0 : (size_t)n;
			understand(&q);
		}
		if (p[2].revents)
			serve_tcp(&q, s->tcp);
	}
}

static int
bound(int type, uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(*port) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, type, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		close(fd);
		return -1;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

static struct sockets sockets;
static pid_t child;
static char both[64], first[32], second[32], dead[32];

static int
start(void **state)
{
	struct sockets *s = &sockets;
	struct sockaddr_in peer = { .sin_family = AF_INET,
		.sin_port = htons(9) };
	uint16_t other = 0;
	int i, fd;

	(void)state;
	s->tcp = -1;
	for (i = 0; i < 50 && s->tcp < 0; i++) {
		s->port[0] = 0;
		s->udp[0] = bound(SOCK_DGRAM, &s->port[0]);
		s->tcp = bound(SOCK_STREAM, &s->port[0]);
	}
	s->udp[1] = bound(SOCK_DGRAM, &s->port[1]);
	s->forger = bound(SOCK_DGRAM, &other);
	/* nobody else gets this port, and nobody is heard there */
	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = bound(SOCK_DGRAM, &s->dead);
	if (s->tcp < 0 || listen(s->tcp, 5) || fd < 0 ||
	    connect(fd, (struct sockaddr *)&peer, sizeof peer))
		return -1;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(s);
	}
	close(s->udp[0]);
	close(s->udp[1]);
	close(s->forger);
	close(s->tcp);
	snprintf(first, sizeof first, "127.0.0.1:%u", s->port[0]);
	snprintf(second, sizeof second, "127.0.0.1:%u", s->port[1]);
	snprintf(both, sizeof both, "%s,%s", first, second);
	snprintf(dead, sizeof dead, "127.0.0.1:%u", s->dead);
	return child > 0 ? 0 : -1;
}

static int
stop(void **state)
{
	(void)state;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}

/* --- the tests ---------------------------------------------------------- */

#define LONG_MS 60000		/* never reached: nothing waits for it */

static struct ir_dns_query
ask(const char *resolver, const char *name, enum ir_dns_type type,
    int deadline_ms)
{
	struct ir_dns_opts o = { .resolver = resolver,
		.deadline_ms = deadline_ms };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_query q;

	ir_dns_query_set(&q, name, type);
	if (ir_dns_run(&o, &q, 1, NULL, NULL, &err))
		fail_msg("%s", err.msg);
	return q;
}

static void
is_address(const char *resolver, const char *name, const char *address_)
{
	struct ir_dns_query q = ask(resolver, name, IR_DNS_A, LONG_MS);

	assert_int_equal(q.status, IR_DNS_OK);
	assert_int_equal(q.n, 1);
	assert_string_equal(q.answer[0].text, address_);
	ir_dns_query_free(&q);
}

static void
lies_are_not_believed(void **state)
{
	static const char *const lie[] = { "id.test", "name.test",
		"type.test", "query.test", "short.test", "address.test",
		"bare.test" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof lie / sizeof *lie; i++)
		is_address(first, lie[i], "127.0.0.2");
	/* names are the same in any case: that is an answer */
	is_address(first, "case.test", "127.0.0.3");
}

static void
lies_are_counted(void **state)
{
	struct ir_dns_opts o = { .resolver = first, .deadline_ms = LONG_MS };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_stats st;
	struct ir_dns_query q;
	struct ir_dns *d;

	(void)state;
	ir_dns_query_set(&q, "name.test", IR_DNS_A);
	assert_int_equal(ir_dns_open(&d, &o, NULL, NULL, &err), 0);
	assert_int_equal(ir_dns_ask(d, &q, &err), 0);
	assert_int_equal(ir_dns_wait(d, &err), 0);
	ir_dns_stats(d, &st);
	assert_true(st.strays >= 1);
	assert_int_equal(st.answers, 1);
	ir_dns_query_free(&q);
	ir_dns_close(d);
}

static void
it_is_asked_again(void **state)
{
	(void)state;
	is_address(first, "third.test", "127.0.0.2");
}

static void
other_servers(void **state)
{
	struct ir_dns_query q;
	char list[128];

	(void)state;
	/* refused, silent, nobody there: the next one */
	is_address(both, "half.test", "127.0.0.4");
	is_address(both, "mute.test", "127.0.0.4");
	snprintf(list, sizeof list, "%s,%s", dead, second);
	q = ask(list, "ok.test", IR_DNS_A, LONG_MS);
	assert_int_equal(q.status, IR_DNS_OK);
	assert_string_equal(q.server, second);
	ir_dns_query_free(&q);
	/* the system does not let us: no broadcasts */
	snprintf(list, sizeof list, "255.255.255.255,%s", second);
	is_address(list, "ok.test", "127.0.0.4");
	q = ask("255.255.255.255", "ok.test", IR_DNS_A, LONG_MS);
	assert_int_equal(q.status, IR_DNS_TIMEOUT);
	/* the first one answers: the second is not asked */
	q = ask(both, "ok.test", IR_DNS_A, LONG_MS);
	assert_string_equal(q.answer[0].text, "127.0.0.2");
	assert_string_equal(q.server, first);
	ir_dns_query_free(&q);
	/* both refuse: what the last one said */
	q = ask(both, "no.test", IR_DNS_A, LONG_MS);
	assert_int_equal(q.status, IR_DNS_SERVFAIL);
	assert_string_equal(q.server, second);
	q = ask(first, "half.test", IR_DNS_A, LONG_MS);
	assert_int_equal(q.status, IR_DNS_REFUSED);
	assert_int_equal(q.rcode, 5);
}

static void
nobody_there(void **state)
{
	struct ir_dns_query q = ask(dead, "ok.test", IR_DNS_A, LONG_MS);

	(void)state;
	/* long before the deadline */
	assert_int_equal(q.status, IR_DNS_TIMEOUT);
	assert_int_equal(q.rcode, -1);
	assert_string_equal(q.server, dead);
}

/* done: when nobody answered, ask the next one. */
static void
ask_on(struct ir_dns_query *q, void *arg)
{
	struct ir_dns **d = arg;
	struct ir_err err = IR_ERR_INIT;

	if (q->status == IR_DNS_TIMEOUT)
		assert_int_equal(ir_dns_ask(*d, q + 1, &err), 0);
}

static void
silence_ends_before_the_deadline(void **state)
{
	struct ir_dns_opts o = { .resolver = first, .deadline_ms = LONG_MS };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_query q[3];
	struct ir_dns_stats st;
	struct ir_dns *d;
	int64_t began = ir_mono_ms();

	(void)state;
	ir_dns_query_set(&q[0], "ok.test", IR_DNS_A);
	ir_dns_query_set(&q[1], "silent.test", IR_DNS_A);
	ir_dns_query_set(&q[2], "ok.test", IR_DNS_A);
	assert_int_equal(ir_dns_open(&d, &o, ask_on, &d, &err), 0);
	assert_int_equal(ir_dns_ask(d, &q[0], &err), 0);
	assert_int_equal(ir_dns_wait(d, &err), 0);
	/* its five tries take six seconds; then nothing else happens */
	assert_int_equal(ir_dns_ask(d, &q[1], &err), 0);
	assert_int_equal(ir_dns_wait(d, &err), 0);
	ir_dns_stats(d, &st);
	ir_dns_close(d);
	assert_int_equal(q[1].status, IR_DNS_TIMEOUT);
	assert_int_equal(st.repeats, 4);
	assert_int_equal(q[2].status, IR_DNS_OK);
	assert_true(ir_mono_ms() - began < LONG_MS / 2);
	ir_dns_query_free(&q[0]);
	ir_dns_query_free(&q[2]);
}

static void
the_question_says_whom(void **state)
{
	struct ir_dns_opts o = { .resolver = dead, .deadline_ms = LONG_MS };
	struct ir_dns_query q[2];
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns *d;

	(void)state;
	ir_dns_query_set(&q[0], "ok.test", IR_DNS_A);
	ir_dns_query_set(&q[1], "half.test", IR_DNS_A);
	q[0].ask = second;
	q[1].ask = both;
	assert_int_equal(ir_dns_run(&o, q, 2, NULL, NULL, &err), 0);
	assert_string_equal(q[0].answer[0].text, "127.0.0.4");
	assert_string_equal(q[1].server, second);
	ir_dns_query_free(&q[0]);
	ir_dns_query_free(&q[1]);
	/* addresses only */
	assert_int_equal(ir_dns_open(&d, &o, NULL, NULL, &err), 0);
	q[0].ask = "ns.example.org";
	assert_int_equal(ir_dns_ask(d, &q[0], &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	ir_dns_close(d);
}

static void
too_large_for_udp(void **state)
{
	struct ir_dns_query q = ask(first, "long.test", IR_DNS_TXT, LONG_MS);

	(void)state;
	assert_int_equal(q.status, IR_DNS_OK);
	assert_true(q.tcp);
	assert_int_equal(q.answer[0].len, LONG_TEXT);
	ir_dns_query_free(&q);
	/* the second has no TCP, but sends a large packet */
	q = ask(second, "large.test", IR_DNS_TXT, LONG_MS);
	assert_int_equal(q.status, IR_DNS_OK);
	assert_false(q.tcp);
	assert_int_equal(q.answer[0].len, 2000);
	ir_dns_query_free(&q);
	/* neither */
	q = ask(second, "long.test", IR_DNS_TXT, LONG_MS);
	assert_int_equal(q.status, IR_DNS_TIMEOUT);
}

static void
answers_of_other_kinds(void **state)
{
	struct ir_dns_query q;

	(void)state;
	is_address(first, "plain.test", "127.0.0.2");	/* without EDNS */
	is_address(dead, "localhost", "127.0.0.1");
	is_address(dead, "a.Localhost", "127.0.0.1");
	q = ask(first, "broken.test", IR_DNS_A, LONG_MS);
	assert_int_equal(q.status, IR_DNS_BAD);
	assert_int_equal(q.rcode, 4);
	q = ask(first, "a..b", IR_DNS_A, LONG_MS);
	assert_int_equal(q.status, IR_DNS_BAD);
	q = ask(first, "m1.test", IR_DNS_A, LONG_MS);
	assert_int_equal(q.status, IR_DNS_NXDOMAIN);
	assert_true(q.rtt_ms >= 0);
}

static void
the_deadline_ends_all(void **state)
{
	struct ir_dns_opts o = { .resolver = both, .deadline_ms = 300 };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_query q[200];
	int64_t began = ir_mono_ms();
	size_t i;

	(void)state;
	for (i = 0; i < 200; i++)
		ir_dns_query_set(&q[i], "silent.test", IR_DNS_A);
	assert_int_equal(ir_dns_run(&o, q, 200, NULL, NULL, &err), 0);
	assert_true(ir_mono_ms() - began >= 300);
	for (i = 0; i < 200; i++)
		assert_int_equal(q[i].status, IR_DNS_TIMEOUT);
}

/* Ports and ids that nobody can foresee. */
static void
ports_and_ids(void **state)
{
	struct ir_dns_opts o = { .resolver = first, .deadline_ms = LONG_MS };
	struct ir_err err = IR_ERR_INIT;
	struct ir_dns_query q[64];
	unsigned port[64], id[64], ports = 0, ids = 0, in_row = 0;
	size_t i, k;

	(void)state;
	for (i = 0; i < 64; i++)
		ir_dns_query_set(&q[i], "tell.test", IR_DNS_TXT);
	assert_int_equal(ir_dns_run(&o, q, 64, NULL, NULL, &err), 0);
	for (i = 0; i < 64; i++) {
		assert_int_equal(sscanf(q[i].answer[0].text, "%u %u",
		    &port[i], &id[i]), 2);
		ir_dns_query_free(&q[i]);
		for (k = 0; k < i && port[k] != port[i]; k++)
			continue;
		ports += k == i;
		for (k = 0; k < i && id[k] != id[i]; k++)
			continue;
		ids += k == i;
		in_row += i && id[i] == id[i - 1] + 1;
	}
	assert_true(ports >= 8);
	assert_true(ids >= 60);
	assert_true(in_row < 3);
}

struct source {
	size_t wanted, given, done, most_out, absent;
	bool one_by_one;
};

static bool
next(struct ir_dns_query *q, void *arg)
{
	struct source *s = arg;

	if (s->given == s->wanted || (s->one_by_one && s->given > s->done))
		return false;
	snprintf(q->name, sizeof q->name, "m%zu.test", s->given++);
	q->type = IR_DNS_A;
	if (s->given - s->done > s->most_out)
		s->most_out = s->given - s->done;
	return true;
}

static void
count(struct ir_dns_query *q, void *arg)
{
	struct source *s = arg;

	s->done++;
	s->absent += q->status == IR_DNS_NXDOMAIN;
}

static void
a_source_of_questions(void **state)
{
	struct ir_dns_opts o = { .resolver = first, .deadline_ms = LONG_MS,
		.next = next };
	struct ir_err err = IR_ERR_INIT;
	struct source s = { .wanted = 5000 };

	(void)state;
	assert_int_equal(ir_dns_run(&o, NULL, 0, count, &s, &err), 0);
	assert_int_equal(s.done, 5000);
	assert_int_equal(s.absent, 5000);
	s = (struct source){ .wanted = 500 };
	o.in_flight = 10;
	assert_int_equal(ir_dns_run(&o, NULL, 0, count, &s, &err), 0);
	assert_int_equal(s.absent, 500);
	assert_in_range(s.most_out, 2, 11);
	/* it has more each time that a question has ended */
	s = (struct source){ .wanted = 20, .one_by_one = true };
	assert_int_equal(ir_dns_run(&o, NULL, 0, count, &s, &err), 0);
	assert_int_equal(s.absent, 20);
	assert_int_equal(s.most_out, 1);
	/* each is named, though time is up */
	s = (struct source){ .wanted = 300 };
	o.resolver = dead;
	o.deadline_ms = 200;
	assert_int_equal(ir_dns_run(&o, NULL, 0, count, &s, &err), 0);
	assert_int_equal(s.done, 300);
	assert_int_equal(s.absent, 0);
}

struct chain {
	struct ir_dns *dns;
	struct ir_dns_query q[3];
	size_t done;
};

static void
ask_next(struct ir_dns_query *q, void *arg)
{
	struct chain *c = arg;
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(q->status, IR_DNS_OK);
	if (++c->done < 3)
		assert_int_equal(ir_dns_ask(c->dns, &c->q[c->done], &err), 0);
}

static void
questions_from_answers(void **state)
{
	struct ir_dns_opts o = { .resolver = first, .deadline_ms = LONG_MS };
	struct ir_err err = IR_ERR_INIT;
	struct chain c = { .done = 0 };
	size_t i;

	(void)state;
	ir_dns_query_set(&c.q[0], "ok.test", IR_DNS_A);
	ir_dns_query_set(&c.q[1], "localhost", IR_DNS_AAAA);
	ir_dns_query_set(&c.q[2], "case.test", IR_DNS_A);
	assert_int_equal(ir_dns_open(&c.dns, &o, ask_next, &c, &err), 0);
	assert_int_equal(ir_dns_ask(c.dns, &c.q[0], &err), 0);
	assert_int_equal(ir_dns_wait(c.dns, &err), 0);
	assert_int_equal(c.done, 3);
	for (i = 0; i < 3; i++)
		ir_dns_query_free(&c.q[i]);
	/* closed with questions that were never answered */
	ir_dns_query_set(&c.q[0], "silent.test", IR_DNS_A);
	assert_int_equal(ir_dns_ask(c.dns, &c.q[0], &err), 0);
	ir_dns_close(c.dns);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_are_not_believed),
		cmocka_unit_test(lies_are_counted),
		cmocka_unit_test(it_is_asked_again),
		cmocka_unit_test(other_servers),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(silence_ends_before_the_deadline),
		cmocka_unit_test(the_question_says_whom),
		cmocka_unit_test(too_large_for_udp),
		cmocka_unit_test(answers_of_other_kinds),
		cmocka_unit_test(the_deadline_ends_all),
		cmocka_unit_test(ports_and_ids),
		cmocka_unit_test(a_source_of_questions),
		cmocka_unit_test(questions_from_answers),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
