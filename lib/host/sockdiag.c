/* sockdiag.c - see sockdiag.h */
#include "host/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_SECONDS 10		/* for the kernel's answer */

static void
address(char out[46], int family, const void *bytes)
{
	static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff };
	const unsigned char *b = bytes;

	if (family == AF_INET6 && memcmp(b, mapped, sizeof mapped) == 0) {
		family = AF_INET;
		b += sizeof mapped;
	}
	if (!inet_ntop(family, b, out, 46))
		out[0] = '\0';
}

static int
keep(struct ir_socks *out, const struct ir_sock *s, struct ir_err *err)
{
	struct ir_sock *v;
	size_t cap;

	if (out->n == IR_SOCKS_MAX) {
		out->full = true;
		return 0;
	}
	if (out->n == out->cap) {
		cap = out->cap ? out->cap * 2 : 64;
		v = realloc(out->v, cap * sizeof *v);
		if (!v)
			return ir_fail(err, IR_OSERR, "no memory");
		out->v = v;
		out->cap = cap;
	}
	out->v[out->n++] = *s;
	return 0;
}

static int
take_socket(const unsigned char *p, size_t n, ir_sock_want *want, void *arg,
    struct ir_socks *out, struct ir_err *err)
{
	struct inet_diag_msg m;
	struct ir_sock s;

	if (n < sizeof m)
		return ir_fail(err, IR_PROTOCOL, "sock_diag: a message of "
		    "%zu bytes", n);
	memcpy(&m, p, sizeof m);
	if (m.idiag_family != AF_INET && m.idiag_family != AF_INET6)
		return ir_fail(err, IR_PROTOCOL, "sock_diag: family %d",
		    m.idiag_family);
	address(s.local, m.idiag_family, m.id.idiag_src);
	address(s.remote, m.idiag_family, m.id.idiag_dst);
	s.lport = ntohs(m.id.idiag_sport);
	s.rport = ntohs(m.id.idiag_dport);
	s.state = m.idiag_state;
	s.uid = m.idiag_uid;
	s.inode = m.idiag_inode;
	return want(&s, arg) ? keep(out, &s, err) : 0;
}

/* NLMSG_ERROR, and NLMSG_DONE of a dump that failed: a negative errno. */
static int
take_status(const unsigned char *p, size_t n, struct ir_err *err)
{
	int e = 0;

	if (n >= sizeof e)
		memcpy(&e, p, sizeof e);
	if (e < 0 && e > -4096)
		return ir_fail_errno(err, IR_OSERR, -e, "sock_diag");
	return 1;
}

int
ir_sockdiag_parse(const void *bytes, size_t n, ir_sock_want *want, void *arg,
    struct ir_socks *out, struct ir_err *err)
{
	const unsigned char *p = bytes;
	struct nlmsghdr h;
	size_t step;
	int rc;

	while (n >= sizeof h) {
		memcpy(&h, p, sizeof h);
		if (h.nlmsg_len < sizeof h || h.nlmsg_len > n)
			break;
		rc = 0;
		if (h.nlmsg_type == NLMSG_ERROR || h.nlmsg_type == NLMSG_DONE)
			rc = take_status(p + sizeof h,
			    h.nlmsg_len - sizeof h, err);
		else if (h.nlmsg_type == SOCK_DIAG_BY_FAMILY)
			rc = take_socket(p + sizeof h,
			    h.nlmsg_len - sizeof h, want, arg, out, err);
		if (rc)
			return rc;
		step = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (step > n)
			step = n;
		p += step;
		n -= step;
	}
	return n ? ir_fail(err, IR_PROTOCOL, "sock_diag: a message is cut") :
	    0;
}

static int
ask(int fd, uint8_t family, struct ir_err *err)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} q;

	memset(&q, 0, sizeof q);
	q.h.nlmsg_len = sizeof q;
	q.h.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	q.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	q.r.sdiag_family = family;
	q.r.sdiag_protocol = IPPROTO_TCP;
	q.r.idiag_states = 0xfffu & ~(1u << TCP_TIME_WAIT);
	if (send(fd, &q, sizeof q, 0) != (ssize_t)sizeof q)
		return ir_fail_errno(err, IR_OSERR, errno, "sock_diag");
	return 0;
}

static int
dump(int fd, uint8_t family, ir_sock_want *want, void *arg,
    struct ir_socks *out, struct ir_err *err)
{
	static _Alignas(8) unsigned char buf[65536];
	ssize_t got;
	int rc = ask(fd, family, err);

	while (rc == 0) {
		got = recv(fd, buf, sizeof buf, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return ir_fail_errno(err, IR_OSERR, got ? errno : EIO,
			    "sock_diag");
		rc = ir_sockdiag_parse(buf, (size_t)got, want, arg, out, err);
	}
	/* a kernel without IPv6 */
	if (rc < 0 && family == AF_INET6 && err && err->code == IR_OSERR &&
	    strstr(err->msg, strerror(ENOENT))) {
		*err = (struct ir_err)IR_ERR_INIT;
		return 0;
	}
	return rc < 0 ? -1 : 0;
}

int
ir_sockdiag_list(ir_sock_want *want, void *arg, struct ir_socks *out,
    struct ir_err *err)
{
	const struct timeval limit = { WAIT_SECONDS, 0 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);
	int rc;

	if (fd < 0)
		return ir_fail_errno(err, IR_OSERR, errno, "sock_diag");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	rc = dump(fd, AF_INET, want, arg, out, err);
	if (rc == 0)
		rc = dump(fd, AF_INET6, want, arg, out, err);
	close(fd);
	return rc;
}

const char *
ir_sock_state(uint8_t state)
{
	static const char *const word[] = { "unknown", "established",
		"syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2",
		"time-wait", "close", "close-wait", "last-ack", "listen",
		"closing" };

	return word[state < sizeof word / sizeof *word ? state : 0];
}
