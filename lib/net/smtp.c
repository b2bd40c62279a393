/* smtp.c - see smtp.h */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "../core/text.h"
#include "smtp.h"
#include "smtp_reply.h"

#define MAX_ADDRESSES 8
#define REPLY_MS 30000
#define FINAL_MS 300000		/* RFC 5321, 4.5.3.2.6: ten minutes; half */
#define QUIT_MS 1000

struct ir_smtp {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;		/* NULL until TLS is up */
	bool loopback;		/* the peer is this machine */
	bool broken;		/* nothing more can be said on it */
	int reply_ms, final_ms;
	char host[256], helo[300];
	struct ir_smtp_offers seen;	/* in the reply just read */
	struct ir_smtp_offers offers;	/* in the reply to EHLO */
	struct ir_smtp_facts facts;
	struct ir_buf in;	/* what was read and not yet parsed */
};

const struct ir_smtp_reply *
ir_smtp_last(const struct ir_smtp *s)
{
	return &s->facts.reply;
}

const struct ir_smtp_facts *
ir_smtp_facts(const struct ir_smtp *s)
{
	return &s->facts;
}

/* --- bytes ------------------------------------------------------------- */

/* 0 when ready, -1 when the deadline is over or the poll fails. */
static int
wait_fd(int fd, short events, int64_t deadline)
{
	struct pollfd p = { fd, events, 0 };
	int64_t left;
	int n;

	for (;;) {
		left = deadline - ir_mono_ms();
		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (errno != EINTR)
			return -1;
	}
}

/* What poll has to wait for after SSL said rc; 0: it failed for good. */
static short
tls_wants(SSL *ssl, int rc)
{
	switch (SSL_get_error(ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return POLLIN;
	case SSL_ERROR_WANT_WRITE:
		return POLLOUT;
	case SSL_ERROR_SYSCALL:
		if (errno == 0)
			errno = ECONNRESET;
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		errno = 0;
		return 0;
	default:
		errno = ECONNRESET;
		return 0;
	}
}

/* Bytes read, 0 at the end of the stream, -1 and errno. */
static ssize_t
read_some(struct ir_smtp *s, char *buf, size_t size, int64_t deadline)
{
	ssize_t n;
	short ev;
	int rc;

	for (;;) {
		if (s->ssl) {
			ERR_clear_error();
			errno = 0;
			rc = SSL_read(s->ssl, buf, (int)size);
			if (rc > 0)
				return rc;
			ev = tls_wants(s->ssl, rc);
			if (ev == 0)
				return errno ? -1 : 0;
		} else {
			n = recv(s->fd, buf, size, 0);
			if (n >= 0)
				return n;
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				return -1;
			ev = POLLIN;
		}
		if (wait_fd(s->fd, ev, deadline))
			return -1;
	}
}

/* 0 when all of it was handed to the kernel, else -1 and errno. */
static int
write_all(struct ir_smtp *s, const char *p, size_t n, int64_t deadline)
{
	ssize_t done;
	short ev;
	int rc;

	while (n) {
		if (s->ssl) {
			ERR_clear_error();
			errno = 0;
			rc = SSL_write(s->ssl, p, n > 16384 ? 16384 : (int)n);
			done = rc;
			ev = rc > 0 ? 0 : tls_wants(s->ssl, rc);
			if (rc <= 0 && ev == 0) {
				if (!errno)
					errno = ECONNRESET;
				return -1;
			}
		} else {
			done = send(s->fd, p, n, MSG_NOSIGNAL);
			ev = POLLOUT;
			if (done < 0 && errno == EINTR)
				continue;
			if (done < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
				return -1;
		}
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		} else if (wait_fd(s->fd, ev, deadline)) {
			return -1;
		}
	}
	return 0;
}

/* --- replies ----------------------------------------------------------- */

static void
forget_reply(struct ir_smtp *s, const char *stage)
{
	s->facts.reply.code = 0;
	s->facts.reply.text[0] = '\0';
	s->facts.reply.stage = stage;
	s->facts.trouble = IR_SMTP_FINE;
}

/* Drop n parsed bytes from the front of the input. */
static void
consume(struct ir_smtp *s, size_t n)
{
	memmove(s->in.data, s->in.data + n, s->in.len - n);
	ir_buf_trunc(&s->in, s->in.len - n);
}

/*
 * One whole reply.  0, or -1: 75 the connection was lost or time is up, 76
 * this is not SMTP.  In both cases last.code stays 0.
 */
static int
read_reply(struct ir_smtp *s, int ms, struct ir_err *err)
{
	int64_t deadline = ir_mono_ms() + ms;
	struct ir_smtp_parsed r;
	char buf[4096];
	ssize_t n;
	long took;

	for (;;) {
		took = ir_smtp_reply_parse(ir_buf_cstr(&s->in), s->in.len, &r);
		if (took > 0)
			break;
		if (took < 0) {
			s->broken = true;
			s->facts.trouble = IR_SMTP_GARBLED;
			return ir_fail(err, IR_PROTOCOL,
			    "%s: %s: the reply is not SMTP", s->host,
			    s->facts.reply.stage);
		}
		n = read_some(s, buf, sizeof buf, deadline);
		if (n > 0) {
			ir_buf_add(&s->in, buf, (size_t)n);
			continue;
		}
		s->broken = true;
		s->facts.trouble = n && errno == ETIMEDOUT ? IR_SMTP_SILENT :
		    IR_SMTP_CLOSED;
		if (n == 0)
			return ir_fail(err, IR_TEMPFAIL,
			    "%s: %s: connection closed without a reply",
			    s->host, s->facts.reply.stage);
		return ir_fail_errno(err, IR_TEMPFAIL, errno, "%s: %s",
		    s->host, s->facts.reply.stage);
	}
	consume(s, (size_t)took);
	s->facts.reply.code = r.code;
	memcpy(s->facts.reply.text, r.text, sizeof s->facts.reply.text);
	s->seen = r.offers;
	if (r.code == 421)
		s->broken = true;
	return 0;
}

/* The error that a reply of the wrong class means. */
static int
refused(struct ir_smtp *s, struct ir_err *err)
{
	int code = s->facts.reply.code / 100;

	return ir_fail(err, code == 4 ? IR_TEMPFAIL :
	    code == 5 ? IR_UNAVAILABLE : IR_PROTOCOL, "%s: %s: %d %.300s",
	    s->host, s->facts.reply.stage, s->facts.reply.code,
	    s->facts.reply.text);
}

/*
 * Nothing may be there before we have asked: a server that answers ahead
 * would have its words taken for the reply to the next command.
 */
static int
nothing_pending(struct ir_smtp *s, struct ir_err *err)
{
	char buf[512];
	ssize_t n;

	if (s->in.len == 0) {
		n = read_some(s, buf, sizeof buf, 0);
		if (n > 0) {
			ir_buf_add(&s->in, buf, (size_t)n);
		} else if (n == 0 || errno != ETIMEDOUT) {
			s->broken = true;
			s->facts.trouble = IR_SMTP_CLOSED;
			return ir_fail(err, IR_TEMPFAIL,
			    "%s: %s: connection closed", s->host,
			    s->facts.reply.stage);
		} else {
			return 0;
		}
	}
	if (read_reply(s, 0, err))
		return -1;
	s->broken = true;
	if (s->facts.reply.code >= 400)
		return refused(s, err);
	s->facts.trouble = IR_SMTP_GARBLED;
	return ir_fail(err, IR_PROTOCOL, "%s: %s: a reply before the command",
	    s->host, s->facts.reply.stage);
}

/* Send one line and read its reply. */
static int
command(struct ir_smtp *s, const char *stage, const char *line, size_t n,
    struct ir_err *err)
{
	if (s->broken)
		return ir_fail(err, IR_TEMPFAIL, "%s: %s: no connection",
		    s->host, stage);
	forget_reply(s, stage);
	if (nothing_pending(s, err))
		return -1;
	if (write_all(s, line, n, ir_mono_ms() + s->reply_ms)) {
		s->broken = true;
		s->facts.trouble = IR_SMTP_CLOSED;
		return ir_fail_errno(err, IR_TEMPFAIL, errno, "%s: %s",
		    s->host, stage);
	}
	return read_reply(s, s->reply_ms, err);
}

static int
command_fmt(struct ir_smtp *s, const char *stage, struct ir_err *err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int
command_fmt(struct ir_smtp *s, const char *stage, struct ir_err *err,
    const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof line - 2)
		return ir_fail(err, IR_DATAERR, "%s: too long", stage);
	memcpy(line + n, "\r\n", 2);
	return command(s, stage, line, (size_t)n + 2, err);
}

/* --- connecting -------------------------------------------------------- */

static bool
is_localhost(const char *host)
{
	size_t n = strlen(host);

	return ir_ascii_ieq(host, "localhost") ||
	    (n > 10 && ir_ascii_ieq(host + n - 10, ".localhost"));
}

static bool
is_loopback(const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof in);
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	memcpy(&in6, sa, sizeof in6);
	return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* A connected, non-blocking socket, or -1 and errno. */
static int
connect_one(const struct sockaddr *sa, socklen_t len, int64_t deadline)
{
	socklen_t size = sizeof(int);
	int one = 1, e = 0;
	int fd = socket(sa->sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, sa, len) == 0)
		return fd;
	if (errno != EINPROGRESS)
		e = errno;
	else if (wait_fd(fd, POLLOUT, deadline))
		e = errno;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &size))
		e = errno;
	if (e == 0)
		return fd;
	close(fd);
	errno = e;
	return -1;
}

/* Each address in turn, in the resolver's order; they share the time. */
static int
connect_any(struct ir_smtp *s, const struct addrinfo *list, struct ir_err *err)
{
	const struct addrinfo *a;
	int64_t share;
	int n = 0, e = 0;

	for (a = list; a && n < MAX_ADDRESSES; a = a->ai_next)
		n++;
	share = s->reply_ms / (n ? n : 1);
	if (share < 1000)
		share = s->reply_ms < 1000 ? s->reply_ms : 1000;
	for (a = list; a && n-- > 0; a = a->ai_next) {
		s->fd = connect_one(a->ai_addr, a->ai_addrlen,
		    ir_mono_ms() + share);
		if (s->fd >= 0) {
			s->loopback = is_loopback(a->ai_addr);
			return 0;
		}
		e = errno;
	}
	s->facts.trouble = e == ECONNREFUSED ? IR_SMTP_NO_LISTENER :
	    e == ETIMEDOUT ? IR_SMTP_NO_ANSWER : IR_SMTP_NO_WAY;
	return ir_fail_errno(err, IR_TEMPFAIL, e, "%s: connect", s->host);
}

static int
connect_to(struct ir_smtp *s, const struct ir_smtp_opts *o,
    struct ir_err *err)
{
	struct addrinfo hints = { 0 }, *list = NULL;
	const char *const local[] = { "127.0.0.1", "::1" };
	const char *node = o->address ? o->address : o->host;
	bool here = !o->address && is_localhost(o->host);
	char port[8];
	size_t i;
	int rc = -1;

	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_NUMERICSERV;
	if (here || o->address)
		hints.ai_flags |= AI_NUMERICHOST;
	snprintf(port, sizeof port, "%d", o->port);
	for (i = 0; rc && i < (here ? 2 : 1); i++) {
		rc = getaddrinfo(here ? local[i] : node, port, &hints, &list);
		if (rc) {
			ir_fail(err, rc == EAI_AGAIN ? IR_TEMPFAIL :
			    IR_UNAVAILABLE, "%s: %s", s->host,
			    gai_strerror(rc));
			s->facts.trouble = IR_SMTP_NO_HOST;
			rc = -1;
			continue;
		}
		rc = connect_any(s, list, err);
		freeaddrinfo(list);
	}
	if (rc == 0)
		s->facts.trouble = IR_SMTP_FINE;
	if (rc == 0 && err)
		err->code = 0;		/* the first of two had failed */
	return rc;
}

/* --- TLS --------------------------------------------------------------- */

static bool
is_address(const char *host)
{
	unsigned char raw[16];

	return inet_pton(AF_INET, host, raw) == 1 ||
	    inet_pton(AF_INET6, host, raw) == 1;
}

/*
 * The end of the server's certificate, also of one that is refused: the
 * chain is judged as always.
 */
static int
look_at_peer(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	struct ir_smtp *s = ssl ? SSL_get_app_data(ssl) : NULL;
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	struct tm tm;

	if (s && leaf && ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1)
		s->facts.not_after = ir_time_civil(tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
		    tm.tm_sec);
	return ok;
}

static int
tls_context(struct ir_smtp *s, const struct ir_smtp_opts *o,
    struct ir_err *err)
{
	const char *ca = o->ca_file ? o->ca_file : getenv("AWS_CA_BUNDLE");
	bool check = o->tls != IR_SMTP_TLS_MAY;

	s->ctx = SSL_CTX_new(TLS_client_method());
	if (!s->ctx)
		return ir_fail(err, IR_OSERR, "no memory for TLS");
	SSL_CTX_set_options(s->ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(s->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	    SSL_MODE_RELEASE_BUFFERS);
	if (!check)
		return 0;
	SSL_CTX_set_min_proto_version(s->ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, look_at_peer);
	if (ca && *ca ? SSL_CTX_load_verify_locations(s->ctx, ca, NULL) != 1 :
	    SSL_CTX_set_default_verify_paths(s->ctx) != 1)
		return ir_fail(err, IR_CONFIG,
		    "%s: cannot read the CA certificates",
		    ca && *ca ? ca : "system");
	return 0;
}

static int
tls_names(struct ir_smtp *s, bool check, struct ir_err *err)
{
	int ok = 1;

	if (is_address(s->host)) {
		if (check)
			ok = X509_VERIFY_PARAM_set1_ip_asc(
			    SSL_get0_param(s->ssl), s->host);
	} else {
		ok = (int)SSL_set_tlsext_host_name(s->ssl, s->host);
		SSL_set_hostflags(s->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		if (ok == 1 && check)
			ok = SSL_set1_host(s->ssl, s->host);
	}
	return ok == 1 ? 0 : ir_fail(err, IR_OSERR, "no memory for TLS");
}

/* What is wrong with the certificate, or with the handshake. */
static enum ir_smtp_trouble
tls_trouble(long verdict, unsigned long e)
{
	switch (verdict) {
	case X509_V_OK:
		break;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return IR_SMTP_TLS_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return IR_SMTP_TLS_EARLY;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return IR_SMTP_TLS_NAME;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return IR_SMTP_TLS_CA;
	default:
		return IR_SMTP_TLS_FAILED;
	}
	switch (ERR_GET_REASON(e)) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_WRONG_SSL_VERSION:
		return IR_SMTP_TLS_VERSION;
	default:
		return IR_SMTP_TLS_FAILED;
	}
}

static int
tls_failed(struct ir_smtp *s, struct ir_err *err)
{
	unsigned long e = ERR_peek_error();
	long verdict = SSL_get_verify_mode(s->ssl) == SSL_VERIFY_NONE ?
	    X509_V_OK : SSL_get_verify_result(s->ssl);

	s->facts.trouble = tls_trouble(verdict, e);
	if (verdict != X509_V_OK)
		return ir_fail(err, IR_NOPERM,
		    "%s: certificate not accepted: %s", s->host,
		    X509_verify_cert_error_string(verdict));
	if (e)
		return ir_fail(err, IR_TEMPFAIL, "%s: TLS: %s", s->host,
		    ERR_reason_error_string(e) ? ERR_reason_error_string(e) :
		    "handshake failed");
	return ir_fail(err, IR_TEMPFAIL, "%s: TLS: %s", s->host,
	    errno ? strerror(errno) : "connection closed");
}

static void
tls_facts(struct ir_smtp *s)
{
	snprintf(s->facts.tls_version, sizeof s->facts.tls_version, "%s",
	    SSL_get_version(s->ssl));
	snprintf(s->facts.tls_cipher, sizeof s->facts.tls_cipher, "%s",
	    SSL_get_cipher_name(s->ssl));
	s->facts.tls_verified =
	    SSL_get_verify_mode(s->ssl) != SSL_VERIFY_NONE;
}

static int
tls_start(struct ir_smtp *s, const struct ir_smtp_opts *o, struct ir_err *err)
{
	int64_t deadline = ir_mono_ms() + s->reply_ms;
	short ev;
	int rc;

	forget_reply(s, "starttls");
	if (tls_context(s, o, err))
		return -1;
	s->ssl = SSL_new(s->ctx);
	if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1 ||
	    SSL_set_app_data(s->ssl, s) != 1)
		return ir_fail(err, IR_OSERR, "no memory for TLS");
	if (tls_names(s, o->tls != IR_SMTP_TLS_MAY, err))
		return -1;
	for (;;) {
		ERR_clear_error();
		errno = 0;
		rc = SSL_connect(s->ssl);
		if (rc == 1) {
			tls_facts(s);
			return 0;
		}
		ev = tls_wants(s->ssl, rc);
		if (ev == 0 || wait_fd(s->fd, ev, deadline)) {
			s->broken = true;
			return tls_failed(s, err);
		}
	}
}

/* --- greeting ---------------------------------------------------------- */

/* A name for EHLO: this host's, or its address when it has no full name. */
static void
own_name(struct ir_smtp *s)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char name[256] = "", addr[INET6_ADDRSTRLEN] = "127.0.0.1";
	size_t i;

	(void)gethostname(name, sizeof name - 1);
	for (i = 0; name[i]; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-.", name[i]))
			break;
	if (i && !name[i] && strchr(name, '.')) {
		snprintf(s->helo, sizeof s->helo, "%s", name);
		return;
	}
	if (getsockname(s->fd, (struct sockaddr *)&ss, &len) == 0)
		(void)getnameinfo((struct sockaddr *)&ss, len, addr,
		    sizeof addr, NULL, 0, NI_NUMERICHOST);
	snprintf(s->helo, sizeof s->helo, "[%s%s]",
	    strchr(addr, ':') ? "IPv6:" : "", addr);
}

static int
hello(struct ir_smtp *s, struct ir_err *err)
{
	if (command_fmt(s, "helo", err, "EHLO %s", s->helo))
		return -1;
	if (s->facts.reply.code / 100 == 5 && !s->ssl && !s->broken) {
		if (command_fmt(s, "helo", err, "HELO %s", s->helo))
			return -1;
		memset(&s->seen, 0, sizeof s->seen);
	}
	s->offers = s->seen;
	return s->facts.reply.code == 250 ? 0 : refused(s, err);
}

static int
starttls(struct ir_smtp *s, const struct ir_smtp_opts *o, struct ir_err *err)
{
	if (!s->offers.starttls) {
		if (o->tls == IR_SMTP_TLS_MAY)
			return 0;
		forget_reply(s, "starttls");
		s->facts.trouble = IR_SMTP_TLS_ABSENT;
		return ir_fail(err, IR_UNAVAILABLE,
		    "%s: STARTTLS is not offered", s->host);
	}
	if (command_fmt(s, "starttls", err, "STARTTLS"))
		return -1;
	if (s->facts.reply.code != 220)
		return refused(s, err);
	/*
	 * What came in the clear behind the 220 would be read as if it had
	 * come over TLS: somebody sits on the line.
	 */
	if (s->in.len) {
		s->facts.trouble = IR_SMTP_GARBLED;
		return ir_fail(err, IR_PROTOCOL,
		    "%s: starttls: plain text behind the reply", s->host);
	}
	return tls_start(s, o, err) || hello(s, err) ? -1 : 0;
}

static bool
name_ok(const char *p)
{
	for (; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_:[]", *p))
			return false;
	return true;
}

/* "220 mail.example.net ESMTP": its name, if it looks like one. */
static void
greeted_by(struct ir_smtp *s)
{
	const char *text = s->facts.reply.text;
	size_t n = strcspn(text, " ");

	memset(s->facts.name, 0, sizeof s->facts.name);
	if (!n || n >= sizeof s->facts.name)
		return;
	memcpy(s->facts.name, text, n);
	if (!name_ok(s->facts.name) || !strchr(s->facts.name, '.'))
		s->facts.name[0] = '\0';
}

static int
greet(struct ir_smtp *s, const struct ir_smtp_opts *o, struct ir_err *err)
{
	if (o->tls == IR_SMTP_TLS_WRAP && tls_start(s, o, err))
		return -1;
	forget_reply(s, "connect");
	if (read_reply(s, s->reply_ms, err))
		return -1;
	if (s->facts.reply.code != 220)
		return refused(s, err);
	greeted_by(s);
	if (!s->helo[0])
		own_name(s);
	if (hello(s, err))
		return -1;
	if (o->tls == IR_SMTP_TLS_MAY || o->tls == IR_SMTP_TLS_MUST)
		return starttls(s, o, err);
	return 0;
}

static void
destroy(struct ir_smtp *s)
{
	if (s->ssl)
		SSL_free(s->ssl);
	if (s->ctx)
		SSL_CTX_free(s->ctx);
	if (s->fd >= 0)
		close(s->fd);
	ir_buf_free(&s->in);
	free(s);
}

/* A client that is not connected, or NULL. */
static struct ir_smtp *
make(const struct ir_smtp_opts *o, struct ir_err *err)
{
	struct ir_smtp *s;

	if (!o->host || !*o->host || strlen(o->host) > 253 ||
	    !name_ok(o->host) || o->port < 1 || o->port > 65535 ||
	    (o->helo && (!*o->helo || strlen(o->helo) > 253 ||
	    !name_ok(o->helo)))) {
		ir_fail(err, IR_USAGE, "not a host, port or helo name");
		return NULL;
	}
	s = calloc(1, sizeof *s);
	if (!s) {
		ir_fail(err, IR_OSERR, "no memory");
		return NULL;
	}
	s->fd = -1;
	s->in.max = IR_SMTP_REPLY_MAX + 8192;
	s->reply_ms = o->timeout_ms > 0 ? o->timeout_ms : REPLY_MS;
	s->final_ms = o->timeout_ms > 0 ? o->timeout_ms : FINAL_MS;
	snprintf(s->host, sizeof s->host, "%s", o->host);
	snprintf(s->helo, sizeof s->helo, "%s", o->helo ? o->helo : "");
	forget_reply(s, "connect");
	return s;
}

int
ir_smtp_open(struct ir_smtp **out, const struct ir_smtp_opts *o,
    struct ir_err *err)
{
	struct ir_smtp *s = make(o, err);

	*out = NULL;
	if (s && connect_to(s, o, err) == 0 && greet(s, o, err) == 0) {
		*out = s;
		return 0;
	}
	if (s && o->facts)
		*o->facts = s->facts;
	if (s)
		destroy(s);
	return -1;
}

int
ir_smtp_reach(const struct ir_smtp_opts *o, struct ir_err *err)
{
	struct ir_smtp *s = make(o, err);
	int rc;

	if (!s)
		return -1;
	rc = connect_to(s, o, err);
	destroy(s);
	return rc;
}

/* --- AUTH -------------------------------------------------------------- */

/* Append base64 of bytes, by a buffer that is wiped. */
static void
add_base64(struct ir_buf *b, const char *bytes, size_t n)
{
	size_t size = (n + 2) / 3 * 4 + 1;
	char *tmp = OPENSSL_malloc(size);

	if (!tmp) {
		b->bad = true;
		return;
	}
	ir_buf_add(b, tmp, (size_t)EVP_EncodeBlock((unsigned char *)tmp,
	    (const unsigned char *)bytes, (int)n));
	OPENSSL_clear_free(tmp, size);
}

/* A server may repeat what it was sent; it must not get into a log. */
static void
hide_echo(struct ir_smtp *s, const char *secret, size_t n)
{
	size_t probe = n < 8 ? n : 8;
	char *text = s->facts.reply.text;

	if (probe && memmem(text, strlen(text), secret, probe))
		snprintf(text, sizeof s->facts.reply.text,
		    "(not shown: it repeats the credential)");
}

/* One line of AUTH that holds a secret in base64 behind prefix. */
static int
secret_line(struct ir_smtp *s, const char *prefix, const char *bytes,
    size_t n, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(4 * IR_SECRET_MAX);
	size_t skip = strlen(prefix);
	int rc;

	ir_buf_str(&b, prefix);
	add_base64(&b, bytes, n);
	ir_buf_str(&b, "\r\n");
	rc = ir_buf_check(&b, "auth", err);
	if (rc == 0)
		rc = command(s, "auth", b.data, b.len, err);
	if (b.len > skip + 2)
		hide_echo(s, b.data + skip, b.len - skip - 2);
	ir_buf_free(&b);
	return rc;
}

static int
auth_plain(struct ir_smtp *s, const char *user, const struct ir_secret *pw,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SECRET_MAX + 512);
	int rc;

	ir_buf_chr(&b, 0);
	ir_buf_str(&b, user);
	ir_buf_chr(&b, 0);
	ir_buf_add(&b, pw->data, pw->len);
	rc = ir_buf_check(&b, "auth", err);
	if (rc == 0)
		rc = secret_line(s, "AUTH PLAIN ", b.data, b.len, err);
	ir_buf_free(&b);
	return rc;
}

static int
auth_login(struct ir_smtp *s, const char *user, const struct ir_secret *pw,
    struct ir_err *err)
{
	if (command_fmt(s, "auth", err, "AUTH LOGIN"))
		return -1;
	if (s->facts.reply.code == 334 &&
	    secret_line(s, "", user, strlen(user), err))
		return -1;
	if (s->facts.reply.code == 334)
		return secret_line(s, "", pw->data, pw->len, err);
	return 0;
}

int
ir_smtp_auth(struct ir_smtp *s, const char *user,
    const struct ir_secret *password, struct ir_err *err)
{
	bool plain = s->offers.auth_plain;

	forget_reply(s, "auth");
	if (!s->ssl && !s->loopback)
		return ir_fail(err, IR_CONFIG,
		    "%s: auth: no password without TLS", s->host);
	/* whoever sits on the line can show a certificate of his own */
	if (!s->loopback && SSL_get_verify_mode(s->ssl) == SSL_VERIFY_NONE)
		return ir_fail(err, IR_CONFIG, "%s: auth: no password to a "
		    "server whose certificate is not checked", s->host);
	if (!password->data || !password->len ||
	    memchr(password->data, 0, password->len) || strlen(user) > 256)
		return ir_fail(err, IR_DATAERR,
		    "%s: auth: empty or unusable password", s->host);
	if (!plain && !s->offers.auth_login)
		return ir_fail(err, IR_UNAVAILABLE,
		    "%s: auth: neither PLAIN nor LOGIN is offered", s->host);
	if (plain ? auth_plain(s, user, password, err) :
	    auth_login(s, user, password, err))
		return -1;
	hide_echo(s, password->data, password->len);
	if (s->facts.reply.code == 235)
		return 0;
	refused(s, err);
	if (s->facts.reply.code == 535 && err)
		err->code = IR_NOPERM;
	return -1;
}

/* --- mail -------------------------------------------------------------- */

static bool
domain_ok(const char *p)
{
	if (!*p || *p == '.')
		return false;
	return name_ok(p);
}

bool
ir_smtp_address_ok(const char *addr)
{
	bool quoted = false;
	const char *p;

	if (!*addr || strlen(addr) > 254)
		return false;
	for (p = addr; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < ' ' || c > '~' || c == '<' || c == '>' ||
		    (c == ' ' && !quoted))
			return false;
		if (c == '\\' && quoted && p[1] >= ' ' && p[1] <= '~' &&
		    p[1] != '<' && p[1] != '>')
			p++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == '@' && !quoted)
			return p > addr && domain_ok(p + 1);
	}
	return false;
}

static int
envelope(struct ir_smtp *s, const char *stage, const char *verb,
    const char *addr, struct ir_err *err)
{
	forget_reply(s, stage);
	if (*addr ? !ir_smtp_address_ok(addr) : strcmp(stage, "rcpt") == 0)
		return ir_fail(err, IR_DATAERR, "%s: not a mail address: %s",
		    stage, addr);
	if (command_fmt(s, stage, err, "%s:<%s>", verb, addr))
		return -1;
	return s->facts.reply.code / 100 == 2 ? 0 : refused(s, err);
}

int
ir_smtp_mail(struct ir_smtp *s, const char *from, struct ir_err *err)
{
	return envelope(s, "mail", "MAIL FROM", from, err);
}

int
ir_smtp_rcpt(struct ir_smtp *s, const char *to, struct ir_err *err)
{
	return envelope(s, "rcpt", "RCPT TO", to, err);
}

int
ir_smtp_rcpt_via(struct ir_smtp *s, const char *via, const char *to,
    struct ir_err *err)
{
	forget_reply(s, "rcpt");
	if (!domain_ok(via) || !ir_smtp_address_ok(to))
		return ir_fail(err, IR_DATAERR, "rcpt: not a route: @%s:%s",
		    via, to);
	if (command_fmt(s, "rcpt", err, "RCPT TO:<@%s:%s>", via, to))
		return -1;
	return s->facts.reply.code / 100 == 2 ? 0 : refused(s, err);
}

int
ir_smtp_rset(struct ir_smtp *s, struct ir_err *err)
{
	if (command_fmt(s, "rset", err, "RSET"))
		return -1;
	return s->facts.reply.code / 100 == 2 ? 0 : refused(s, err);
}

/*
 * The body could not be sent, so it was not taken: the final dot is not
 * out.  The server may have said why before it hung up.
 */
static int
body_lost(struct ir_smtp *s, int e, struct ir_err *err)
{
	struct ir_err quiet = IR_ERR_INIT;

	if (read_reply(s, QUIT_MS, &quiet) == 0 && s->facts.reply.code >= 400) {
		s->broken = true;
		return refused(s, err);
	}
	forget_reply(s, "message");
	s->broken = true;
	s->facts.trouble = IR_SMTP_CLOSED;
	return ir_fail_errno(err, IR_TEMPFAIL, e, "%s: message", s->host);
}

/* The reply to the final dot; without one nobody knows. */
static int
final_reply(struct ir_smtp *s, struct ir_err *err)
{
	if (read_reply(s, s->final_ms, err) == 0) {
		if (s->facts.reply.code / 100 == 2)
			return 0;
		if (s->facts.reply.code >= 400)
			return refused(s, err);
		ir_fail(err, IR_UNKNOWN, "%s: message: %d %.300s", s->host,
		    s->facts.reply.code, s->facts.reply.text);
	}
	s->broken = true;
	s->facts.trouble = IR_SMTP_LOST;
	if (err) {
		err->code = IR_UNKNOWN;
		ir_hint(err, "the message may have been taken: look for its "
		    "Message-ID before sending it again");
	}
	return -1;
}

int
ir_smtp_data(struct ir_smtp *s, const char *msg, size_t n, struct ir_err *err)
{
	struct ir_buf body = IR_BUF(2 * n + 16);
	size_t at, chunk;
	int rc = -1;

	ir_smtp_stuff(msg, n, &body);
	if (ir_buf_check(&body, "message", err))
		goto out;
	if (command_fmt(s, "data", err, "DATA"))
		goto out;
	if (s->facts.reply.code != 354) {
		refused(s, err);
		goto out;
	}
	forget_reply(s, "message");
	for (at = 0; at < body.len; at += chunk) {
		chunk = body.len - at < 16384 ? body.len - at : 16384;
		if (write_all(s, body.data + at, chunk,
		    ir_mono_ms() + s->reply_ms)) {
			body_lost(s, errno, err);
			goto out;
		}
	}
	/* an answer that is already there cannot be to the dot */
	if (nothing_pending(s, err))
		goto out;
	if (write_all(s, ".\r\n", 3, ir_mono_ms() + s->reply_ms)) {
		body_lost(s, errno, err);
		goto out;
	}
	rc = final_reply(s, err);
out:
	ir_buf_free(&body);
	return rc;
}

void
ir_smtp_close(struct ir_smtp *s)
{
	struct ir_err quiet = IR_ERR_INIT;

	if (!s)
		return;
	if (!s->broken && write_all(s, "QUIT\r\n", 6,
	    ir_mono_ms() + QUIT_MS) == 0)
		(void)read_reply(s, QUIT_MS, &quiet);
	if (s->ssl && !s->broken)
		(void)SSL_shutdown(s->ssl);
	destroy(s);
}

/* --- endpoint ---------------------------------------------------------- */

static int
read_port(const char *p, int *port)
{
	char *end;
	long n = strtol(p, &end, 10);

	if (!isdigit((unsigned char)*p) || *end || n < 1 || n > 65535)
		return -1;
	*port = (int)n;
	return 0;
}

/* Put region in the place of each {region}. */
static int
fill_region(const char *template, const char *region, struct ir_buf *out)
{
	const char *p;

	for (p = template; *p; p++) {
		if (strncmp(p, "{region}", 8) != 0) {
			ir_buf_chr(out, *p);
		} else if (!region) {
			return -1;
		} else {
			ir_buf_str(out, region);
			p += 7;
		}
	}
	return out->bad ? -1 : 0;
}

int
ir_smtp_endpoint(const char *template, const char *region, char *host,
    size_t size, int *port, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(512);
	char *p, *end, *colon;
	int got = *port, rc = -1;

	if (fill_region(template, region, &b) || !b.len)
		goto out;
	p = b.data;
	if (*p == '[') {
		end = strchr(++p, ']');
		if (!end || (end[1] && (end[1] != ':' ||
		    read_port(end + 2, &got))))
			goto out;
		*end = '\0';
	} else {
		colon = strchr(p, ':');
		if (colon && !strchr(colon + 1, ':')) {
			if (read_port(colon + 1, &got))
				goto out;
			*colon = '\0';
		}
	}
	if (!*p || !name_ok(p) || strpbrk(p, "[]") || strlen(p) >= size)
		goto out;
	memcpy(host, p, strlen(p) + 1);
	*port = got;
	rc = 0;
out:
	ir_buf_free(&b);
	return rc ? ir_fail(err, IR_USAGE, "not HOST[:PORT]: %s", template) : 0;
}
