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
 */
#ifndef IR_AWS_CLIENT_H
#define IR_AWS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/cli.h"
#include "../core/err.h"
#include "../core/record.h"
#include "../core/secret.h"

struct ir_aws;

/*
 * ask reads a one-time code from the person (ir_ask_tty); may be NULL.
 * Reads the configuration, finds credentials (those in the environment are
 * taken out of it, so open once), makes no call to AWS.
 * 0, or -1: 77 no credentials, 78 bad configuration (file and line), 75 the
 * metadata service did not answer.
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
/* Budget for all calls of this client together, in seconds (0: none). */
void ir_aws_set_timeout(struct ir_aws *a, long seconds);

enum ir_aws_body { IR_AWS_NONE, IR_AWS_JSON };

struct ir_aws_param {
	const char *name, *value;
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
	/*
	 * Doing it twice is not the same as doing it once (CreateAccessKey,
	 * SendEmail): it is never repeated after its bytes may have arrived.
	 * If the answer is lost the call fails with 79.
	 */
	bool not_repeatable;
	bool fresh;			/* on a new connection */
	/*
	 * The leaf of this name goes here, on the secure heap, and is "***"
	 * in the tree ("SecretAccessKey").  XML services only; an answer
	 * without it is not understood.
	 */
	const char *secret_name;
	struct ir_secret *secret;
	/* Sign with these instead of the client's credentials; may be NULL. */
	const char *key_id;
	const struct ir_secret *key_secret;

	/* Results, filled in by ir_aws_do. The caller frees with _call_free */
	struct ir_rec *reply;		/* NULL unless it worked */
	int http_status;		/* 0: no answer */
	char error_code[96];		/* AWS's: "AccessDenied"; or "" */
	char request_id[80];
	int attempts;			/* one for a wrong clock aside */
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
 * Make many in parallel: at most `parallel` at once (0: 16, most: 64).  Each
 * call has its own err.  Returns the number that failed.
 */
size_t ir_aws_do_many(struct ir_aws *a, struct ir_aws_call *calls, size_t n,
    size_t parallel);

void ir_aws_call_free(struct ir_aws_call *call);

/*
 * All pages of a list operation: calls it again with the token of the page
 * before (token_in/token_out are AWS's names, such as "Marker"), and gives
 * each page's reply to fn.  Stops at 1000 pages (76).
 */
int ir_aws_pages(struct ir_aws *a, struct ir_aws_call *call,
    const char *token_in, const char *token_out,
    int (*fn)(const struct ir_rec *reply, void *arg, struct ir_err *err),
    void *arg, struct ir_err *err);

/* Regions where SES exists in this client's partition; NULL-terminated. */
const char *const *ir_aws_ses_regions(const struct ir_aws *a);
/* Is this a region AWS has (by form, not by list)? */
bool ir_aws_region_ok(const char *region);

#endif
