/*
 * job.h - what the files of the client share, and nobody else: the client
 * itself, and a call on its way.
 */
#ifndef IR_AWS_JOB_H
#define IR_AWS_JOB_H

#include "../net/http.h"
#include "answer.h"
#include "client.h"
#include "config.h"
#include "credentials.h"
#include "endpoint.h"
#include "retry.h"
#include "sigv4.h"

struct ir_aws {
	struct ir_http *http;
	struct ir_aws_config *config;
	struct ir_aws_cred cred;
	char region[64];		/* "" when none was given */
	char *endpoint_url;		/* --endpoint-url; owned */
	char *profile;			/* in force; owned */
	char health[256];		/* where Health answers now; or "" */
	int64_t deadline;		/* monotonic ms; 0: none */
	int64_t skew;			/* their clock minus ours, seconds */
	int64_t seen_skew;		/* the same, by the last answer */
	bool seen;			/* there was one with a Date */
	int attempts;
	bool adaptive;			/* asked for, and not to be had */
	int tokens;
	struct ir_rates rates;
	const volatile sig_atomic_t *stop;
	void (*trace)(const struct ir_aws_event *e, void *arg);
	void *trace_arg;
	bool trace_requests;
	int (*ask)(const char *prompt, char *buf, size_t size);
};

struct job {
	struct job *next;		/* in the list of those that wait */
	struct ir_aws_call *call;
	struct ir_endpoint ep;
	int64_t began, not_before;	/* monotonic ms */
	bool done, skew_fixed;
	int price;			/* of the last retry */
	char *token;			/* of the page; NULL: the first */
	int pages;

	/* of the attempt that is under way */
	struct ir_http_req req;
	struct ir_buf url, body, query;
	struct ir_sigv4 sig;
	struct ir_http_header header[10];
	size_t nheaders;
	char target[160];
	int64_t sent_at;
};

/* request.c: url, body, headers and signature; 0, or -1. */
int ir_job_compose(struct ir_aws *a, struct job *j, struct ir_err *err);
void ir_job_clear(struct job *j);

/* pages.c: the page after the one in reply; 1 there is one, 0, or -1. */
int ir_job_turn(struct job *j, const struct ir_rec *reply,
    struct ir_err *err);
/* What the token is called when it is sent. */
const char *ir_job_token_name(const struct job *j);

/* trace.c */
void ir_job_trace_request(struct ir_aws *a, const struct job *j);
void ir_job_trace_call(struct ir_aws *a, const struct job *j);

#endif
