/*
 * client.h - calls to AWS: credentials, endpoint, signature, sending, the
 * answer as a tree.  One client is one libcurl multi handle with keep-alive.
 *
 * Answers of the query and EC2 protocols (XML) and of the JSON protocols
 * become the same thing: a struct ir_rec.  From XML: an element with
 * children is an object, an element whose children are all called member,
 * item or entry is an array, a leaf is a string (numbers and booleans too);
 * the outer ...Response and ...Result wrappers are taken off.  XML cannot
 * tell an empty list from an empty string: it is the string "", for which
 * ir_rec_len() is 0.
 *
 * Secrets.  Secret keys (and session tokens) are on the secure heap; the
 * derived signing key is wiped after each signature.  tests/aws-secrets.bats
 * looks for copies.  What others keep, and for how long:
 *  - a session token and a request's body, while the request is under way,
 *    in libcurl's and OpenSSL's buffers: wiped when it ends (http.c);
 *  - an answer that holds a secret, likewise, and its expat parser;
 *  - the environment that the process was started with is overwritten, but
 *    the parent's is its own;
 *  - the kernel caches the pages of a credentials file; socket buffers to
 *    the metadata service are not ours.
 */
#ifndef IR_AWS_CLIENT_H
#define IR_AWS_CLIENT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/cli.h"
#include "../core/err.h"
#include "../core/record.h"
#include "../core/secret.h"

struct ir_aws;

/*
 * How often a call is tried: AWS_MAX_ATTEMPTS, max_attempts, else 3;
 * AWS_RETRY_MODE, retry_mode: standard, and legacy and adaptive are taken
 * as that (retry.h).
 *
 * ask reads a one-time code from the person (ir_ask_tty); may be NULL.
 * Reads the configuration, finds credentials (those in the environment are
 * taken out of it, so open once); calls STS or runs a program only if the
 * profile says so (credentials.h).
 * 0, or -1: 77 no credentials, 78 bad configuration (file and line), 75 a
 * service that has them did not answer, 76 it was not understood.
 */
int ir_aws_open(struct ir_aws **a, const struct ir_aws_opts *o,
    int (*ask)(const char *prompt, char *buf, size_t size),
    struct ir_err *err);
void ir_aws_close(struct ir_aws *a);

/* The region in force; NULL when none was given anywhere. */
const char *ir_aws_region(const struct ir_aws *a);
/* The access key id that calls are signed with. */
const char *ir_aws_key_id(const struct ir_aws *a);
/*
 * AWS's clock minus ours, in seconds (give or take one), by the last answer
 * that had a date; false when there was none.
 */
bool ir_aws_skew(const struct ir_aws *a, int64_t *seconds);
/* Where it was found, for people: "profile prod: keys"; see credentials.h. */
const char *ir_aws_source(const struct ir_aws *a);
/*
 * Budget for all calls of this client together, in seconds (0: none).  A
 * retry that would end after it is not waited for.
 */
void ir_aws_set_timeout(struct ir_aws *a, long seconds);

/*
 * Once *flag is not 0 nothing new is sent; calls under way have two seconds
 * (none from 2 on) and are then abandoned.  What was not answered fails with
 * 75, or 79 where it must not be repeated.  NULL: never.
 */
void ir_aws_set_stop(struct ir_aws *a, const volatile sig_atomic_t *flag);

/*
 * What happens, for who wants to see it; see trace.h for the ready one.
 * REQUEST: text is the canonical request of an attempt and its body, secrets
 * masked, printable, several lines; only when `requests` asks for it.
 * CALL: an answer, or that none will come.  NOTE: text.  PROGRESS: five times
 * a second while calls are under way; END: they are done.
 */
struct ir_aws_event {
	enum ir_aws_event_kind {
		IR_AWS_EVENT_REQUEST, IR_AWS_EVENT_CALL, IR_AWS_EVENT_NOTE,
		IR_AWS_EVENT_PROGRESS, IR_AWS_EVENT_END
	} kind;
	const char *service, *operation, *region;
	int status, attempts;		/* status 0: no answer */
	int64_t ms;			/* waiting and retries with it */
	const char *request_id;		/* may be empty */
	const char *text;		/* CALL: AWS's error code, or "" */
	size_t done, total;		/* total 0: not known */
	int64_t since;			/* monotonic ms */
};

void ir_aws_set_trace(struct ir_aws *a,
    void (*fn)(const struct ir_aws_event *e, void *arg), void *arg,
    bool requests);

struct ir_aws_param {
	const char *name, *value;
};

/*
 * The pages of a list operation.  The tokens are sent and found under the
 * names that the service has for them unless others are given here
 * ("Marker").  fn takes each page as it comes: 0 go on, > 0 enough, -1 and
 * *err.  At most 1000 pages; a list that says it goes on but not how, or
 * repeats itself, is not understood (76).
 */
struct ir_aws_paging {
	const char *token_in, *token_out;
	int (*fn)(const struct ir_rec *reply, void *arg, struct ir_err *err);
	void *arg;
};

/*
 * One call.  service is "iam", "sts", "ses" (v1), "sesv2", "monitoring"
 * (CloudWatch), "ec2".  operation is AWS's name of it.
 * query and ec2 services: params are the form fields, as AWS numbers them
 * ("Filter.1.Name").  JSON services: json is the input.  sesv2 (REST-JSON):
 * method, path (percent-encoded as it is sent) and params (query string)
 * are given, json is the body or NULL.
 */
struct ir_aws_call {
	const char *service, *operation;
	const char *region;		/* NULL: the client's */
	const char *method, *path;	/* sesv2 only */
	const struct ir_aws_param *params;
	size_t nparams;
	const struct ir_rec *json;	/* borrowed */
	/* Instead of json, as text: an input that holds a secret; borrowed */
	const struct ir_buf *body;
	/*
	 * Doing it twice is not the same as doing it once (CreateAccessKey,
	 * SendEmail): it is never repeated after its bytes may have arrived.
	 * If the answer is lost the call fails with 79.
	 */
	bool not_repeatable;
	bool fresh;			/* on a new connection */
	bool raw;			/* of JSON the strings as they are:
					   see ir_rec_parse_raw */
	/*
	 * The leaf of this name goes here, on the secure heap, and is not
	 * in the tree ("SecretAccessKey"; of JSON the first string of that
	 * name, with no escape but for quotes, backslash, slash and white
	 * space).  An answer without it is not understood.
	 */
	const char *secret_name;
	struct ir_secret *secret;
	/* Sign with these instead of the client's credentials; may be NULL. */
	const char *key_id;
	const struct ir_secret *key_secret;

	/* All pages of a list: fn takes each, reply stays NULL. */
	const struct ir_aws_paging *pages;

	/* Results, filled in by ir_aws_do. The caller frees with _call_free */
	struct ir_rec *reply;		/* NULL unless it worked */
	int http_status;		/* 0: no answer */
	char error_code[96];		/* AWS's: "AccessDenied"; or "" */
	char request_id[80];
	int attempts;			/* of the last page; one for a wrong
					   clock aside */
	bool disabled;			/* see ir_aws_sweep */
	struct ir_err err;		/* code 0: it worked */
};

/*
 * Make one call, with retries.  0, or -1 and call->err is set (also copied
 * to *err if that is not NULL):
 * 69 refused for good (with AWS's code and text), 75 throttled, 5xx or
 * timeout after the retries, 76 reply not understood, 77 denied, bad
 * credentials or certificate, 78 no region, 79 outcome unknown (only with
 * not_repeatable: the answer was lost, broken or a 5xx).
 */
int ir_aws_do(struct ir_aws *a, struct ir_aws_call *call, struct ir_err *err);

/*
 * Make many in parallel: at most `parallel` at once (0: 8, most: 64).  Each
 * call has its own err.  Returns the number that failed.
 */
size_t ir_aws_do_many(struct ir_aws *a, struct ir_aws_call *calls, size_t n,
    size_t parallel);

/*
 * Any number of calls, in no more memory than those under way take.  next
 * gives the next call, or NULL: that was all; it must live until done gets
 * it back, with its results, in the order of the answers.  done frees it.
 */
struct ir_aws_feed {
	struct ir_aws_call *(*next)(void *arg);
	void (*done)(struct ir_aws_call *call, void *arg);
	void *arg;
	size_t total;			/* for the progress line; 0: unknown */
	size_t parallel;		/* as for ir_aws_do_many */
};

void ir_aws_run(struct ir_aws *a, const struct ir_aws_feed *feed);

void ir_aws_call_free(struct ir_aws_call *call);

/*
 * All pages of one list operation, one after the other: fn takes each as it
 * comes.  The names of the token may be NULL: those of the service.
 */
int ir_aws_pages(struct ir_aws *a, struct ir_aws_call *call,
    const char *token_in, const char *token_out,
    int (*fn)(const struct ir_rec *reply, void *arg, struct ir_err *err),
    void *arg, struct ir_err *err);

/*
 * Ask in many regions at once: `calls` calls in each (at most 8).  ask fills
 * in call number k for a region, but for .region; answer takes it when it
 * is answered (and never frees it).  A region that the account has not
 * opted in to has `disabled` set in its calls instead of an error, when EC2
 * can tell.  Takes about as long as the slowest region.
 */
struct ir_aws_sweep {
	const char *const *regions;	/* n of them */
	size_t n, calls;
	void (*ask)(struct ir_aws_call *call, size_t region, size_t k,
	    void *arg);
	void (*answer)(const struct ir_aws_call *call, size_t region, size_t k,
	    void *arg);
	void *arg;
};

/* 0, or -1 and 71: then nothing was asked. */
int ir_aws_sweep(struct ir_aws *a, const struct ir_aws_sweep *s,
    struct ir_err *err);

/* Regions where SES exists in this client's partition; NULL-terminated. */
const char *const *ir_aws_ses_regions(const struct ir_aws *a);
/* Is this a region AWS has (by form, not by list)? */
bool ir_aws_region_ok(const char *region);

#endif
