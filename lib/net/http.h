/*
 * http.h - HTTP requests over one libcurl multi handle; http.c is the only
 * file that includes curl.
 *
 * Redirects are never followed.  https, or http to loopback and link-local
 * addresses only (and hosts named localhost).  TLS 1.2 or newer; the CA
 * folder, not the bundle (parsing the bundle costs 30 ms), unless a file is
 * given.
 */
#ifndef IR_HTTP_H
#define IR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"

struct ir_http;

struct ir_http_opts {
	const char *ca_file;	/* NULL: AWS_CA_BUNDLE, else the system's */
	long connect_ms;	/* 0: 5000 */
	long total_ms;		/* each request; 0: 60000 */
	size_t parallel;	/* most requests at once; 0: 16 */
	bool no_proxy;		/* ignore proxy variables (IMDS) */
};

struct ir_http_header {
	const char *name, *value;
};

struct ir_http_req {
	const char *method, *url;	/* url exactly as it is to be sent */
	const struct ir_http_header *headers;
	size_t nheaders;
	const void *body;
	size_t body_len;
	size_t max;			/* most bytes of answer; 0: 8 MiB */
	bool secret;			/* wipe the answer's buffer */
	/*
	 * On a new connection.  For what must not be done twice: libcurl
	 * itself repeats a request when a kept connection turns out dead.
	 */
	bool fresh;
	long timeout_ms;		/* this request; 0: total_ms */
	void *arg;			/* the caller's */

	/* results */
	int status;			/* 0: no answer; see err */
	struct ir_buf reply;		/* the caller frees */
	int64_t date;			/* Date header; 0: none, or stale */
	char request_id[80];		/* x-amzn-requestid and kin */
	int64_t retry_after_ms;		/* x-amz-retry-after or Retry-After */
	char query_error[128];		/* x-amzn-query-error */
	char error_type[128];		/* x-amzn-errortype */
	bool sent;			/* the request may have arrived */
	struct ir_err err;		/* transport failure: 75, 76, 77 */
};

/* Cheap: libcurl is set up by the first request. */
int ir_http_open(struct ir_http **h, const struct ir_http_opts *o,
    struct ir_err *err);
void ir_http_close(struct ir_http *h);

/*
 * Make n requests, at most `parallel` at once (0: as many as opened for), and
 * wait for all of them.  err of each: 75 no
 * connection, lost or too slow; 76 the answer broke off (status is set) or is
 * longer than max; 77 certificate not accepted; 78 http to another host, or
 * the CA file cannot be read.
 */
void ir_http_run(struct ir_http *h, struct ir_http_req *reqs, size_t n,
    size_t parallel);

/*
 * The same for requests that come one by one: next gives the next to start,
 * when a connection is free for it, or NULL: then it is asked again after
 * *wait_ms (-1: not before one is done), and when nothing is under way and
 * the wait is -1, that was all.  done takes each as it ends.  tick (may be
 * NULL) is called at least five times a second; when it says true, what is
 * under way is abandoned (75) and next is asked for no more.
 */
struct ir_http_feed {
	struct ir_http_req *(*next)(void *arg, int64_t *wait_ms);
	void (*done)(struct ir_http_req *r, void *arg);
	bool (*tick)(void *arg);
	void *arg;
};

void ir_http_feed(struct ir_http *h, const struct ir_http_feed *f,
    size_t parallel);

#endif
