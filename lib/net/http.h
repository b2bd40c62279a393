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
	size_t parallel;	/* connections to one host; 0: 16 */
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
	void *arg;			/* the caller's */

	/* results */
	int status;			/* 0: no answer; see err */
	struct ir_buf reply;		/* the caller frees */
	int64_t date;			/* Date header; 0: none */
	char request_id[80];		/* x-amzn-requestid and kin */
	char retry_after[32];		/* x-amz-retry-after or Retry-After */
	char query_error[128];		/* x-amzn-query-error */
	char error_type[128];		/* x-amzn-errortype */
	bool sent;			/* the request may have arrived */
	struct ir_err err;		/* transport failure: 75, 76, 77 */
};

int ir_http_open(struct ir_http **h, const struct ir_http_opts *o,
    struct ir_err *err);
void ir_http_close(struct ir_http *h);

/* Make n requests in parallel and wait for all of them. */
void ir_http_run(struct ir_http *h, struct ir_http_req *reqs, size_t n);

#endif
