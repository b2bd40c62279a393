/*
 * dns_server - [-d MS] [-l PERMILLE] [-b BYTES]: a DNS server on loopback
 * that costs next to nothing, for the benches
 *
 * Prints its port, and answers until it is killed.  Every zone is there and
 * lists what begins with 2.0.0.127 or with a number that ends in 0.  An
 * answer comes MS later; where a label of the name is "rttN", N ms later;
 * never where one is "dead".  PERMILLE of the answers are lost.  BYTES is the
 * receive buffer (131072 is what a small list server has).
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define WHEEL 1024		/* ms that an answer may be late at most */

struct late {
	struct late *next;
	struct sockaddr_in to;
	uint16_t n;
	uint8_t msg[600];
};

struct server {
	int fd, delay;
	unsigned permille;
	struct late *wheel[WHEEL], *spare;
	size_t waiting;
	int64_t done;		/* ms that have been sent */
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_iov[BATCH], out_iov[BATCH];
	struct sockaddr_in from[BATCH];
	uint8_t msg[BATCH][600];
	unsigned nout;
};

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
flush(struct server *s)
{
	unsigned gone = 0;

	while (gone < s->nout) {
		int n = sendmmsg(s->fd, s->out + gone, s->nout - gone, 0);

		gone += n > 0 ? (unsigned)n : 1;
	}
	s->nout = 0;
}

static void
put(struct server *s, struct sockaddr_in *to, uint8_t *msg, size_t n)
{
	struct msghdr *h = &s->out[s->nout].msg_hdr;

	h->msg_name = to;
	h->msg_namelen = sizeof *to;
	s->out_iov[s->nout].iov_base = msg;
	s->out_iov[s->nout].iov_len = n;
	h->msg_iov = &s->out_iov[s->nout];
	h->msg_iovlen = 1;
	s->nout++;
}

/*
 * Make the question of n bytes its answer; its new length, 0: none.  *delay
 * is what its name says.
 */
static size_t
answer(uint8_t *m, size_t n, int *delay)
{
	static const uint8_t a[] = { 0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0,
		4, 127, 0, 0, 2 };
	static const uint8_t point[] = "\1" "2\1" "0\1" "0\3" "127";
	size_t at = 12, len = n > 12 ? m[12] : 0;
	bool listed, numeric = len > 0;

	if (n < 17 || n > 400)
		return 0;
	for (size_t i = 1; i <= len && 12 + i < n; i++)
		numeric &= m[12 + i] >= '0' && m[12 + i] <= '9';
	listed = (numeric && m[12 + len] == '0') || (n > 12 + 11 &&
	    memcmp(m + 12, point, sizeof point - 1) == 0);
	for (; at < n && m[at]; at += m[at] + 1u) {
		if (m[at] == 4 && at + 4 < n && !memcmp(m + at + 1, "dead", 4))
			return 0;
		if (m[at] > 3 && at + m[at] < n &&
		    memcmp(m + at + 1, "rtt", 3) == 0)
			*delay = (int)strtol((char *)m + at + 4, NULL, 10);
	}
	at += 5;
	if (at > n)
		return 0;
	listed &= m[at - 3] == 1;	/* A, not TXT */
	m[2] = (uint8_t)(0x84 | (m[2] & 1));
	m[3] = listed ? 0 : 3;
	memset(m + 6, 0, 6);
	m[7] = listed;
	if (listed)
		memcpy(m + at, a, sizeof a);
	return at + (listed ? sizeof a : 0);
}

static void
send_late(struct server *s)
{
	int64_t now = now_ms();

	for (; s->done < now; s->done++) {
		struct late *l = s->wheel[(s->done + 1) % WHEEL], *next;

		s->wheel[(s->done + 1) % WHEEL] = NULL;
		for (; l; l = next) {
			next = l->next;
			put(s, &l->to, l->msg, l->n);
			if (s->nout == BATCH)
				flush(s);
			/* its bytes stay until they are flushed */
			l->next = s->spare;
			s->spare = l;
			s->waiting--;
		}
		flush(s);
	}
}

static void
keep(struct server *s, size_t i, size_t n, int delay)
{
	struct late *l = s->spare;
	int64_t when = now_ms() + delay;

	if (l)
		s->spare = l->next;
	else
		l = malloc(sizeof *l);
	if (!l)
		abort();
	l->to = s->from[i];
	l->n = (uint16_t)n;
	memcpy(l->msg, s->msg[i], n);
	l->next = s->wheel[when % WHEEL];
	s->wheel[when % WHEEL] = l;
	s->waiting++;
}

static void
take(struct server *s, int got)
{
	for (int i = 0; i < got; i++) {
		int delay = s->delay;
		size_t n = answer(s->msg[i], s->in[i].msg_len, &delay);

		s->in[i].msg_hdr.msg_namelen = sizeof s->from[i];
		if (n == 0 || (s->permille &&
		    (unsigned)rand() % 1000 < s->permille))
			continue;
		if (delay > 0 && delay < WHEEL)
			keep(s, (size_t)i, n, delay);
		else
			put(s, &s->from[i], s->msg[i], n);
	}
	flush(s);
}

static void
serve(struct server *s)
{
	struct pollfd p = { s->fd, POLLIN, 0 };
	int i, n;

	for (i = 0; i < BATCH; i++) {
		s->in_iov[i].iov_base = s->msg[i];
		s->in_iov[i].iov_len = 500;
		s->in[i].msg_hdr.msg_iov = &s->in_iov[i];
		s->in[i].msg_hdr.msg_iovlen = 1;
		s->in[i].msg_hdr.msg_name = &s->from[i];
		s->in[i].msg_hdr.msg_namelen = sizeof s->from[i];
	}
	s->done = now_ms();
	for (;;) {
		poll(&p, 1, s->waiting ? 1 : 1000);
		send_late(s);
		do {
			n = recvmmsg(s->fd, s->in, BATCH, MSG_DONTWAIT, NULL);
			take(s, n);
		} while (n == BATCH && !s->waiting);
	}
}

int
main(int argc, char **argv)
{
	static struct server s;
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof a;
	int c, bytes = 0;

	while ((c = getopt(argc, argv, "d:l:b:")) != -1) {
		int v = optarg ? atoi(optarg) : 0;

		if (c == 'd')
			s.delay = v;
		else if (c == 'l')
			s.permille = (unsigned)v;
		else if (c == 'b')
			bytes = v;
		else
			return 64;
	}
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (s.fd < 0 || bind(s.fd, (struct sockaddr *)&a, sizeof a) ||
	    getsockname(s.fd, (struct sockaddr *)&a, &len) ||
	    (bytes && setsockopt(s.fd, SOL_SOCKET, SO_RCVBUF, &bytes,
	    sizeof bytes)))
		return 71;
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	serve(&s);
	return 0;
}
