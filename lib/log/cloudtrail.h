/*
 * cloudtrail.h - events of AWS CloudTrail: cut out of files, chosen, and made
 * into records.  Pure.
 *
 * Sources: CloudTrail User Guide, "CloudTrail log file examples" and
 * "CloudTrail record contents"; CloudTrail API Reference, LookupEvents.
 */
#ifndef IR_CLOUDTRAIL_H
#define IR_CLOUDTRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/cli.h"
#include "../core/err.h"
#include "../core/record.h"

/* An event is at most 256 KiB, or 1 MiB where that was chosen. */
#define IR_TRAIL_EVENT_MAX (2u << 20)
#define IR_TRAIL_DEPTH 64

/*
 * Cuts the events out of JSON text that comes in pieces of any size:
 * {"Records":[...]} as it is delivered to S3, {"Events":[...]} as LookupEvents
 * answers, [...], and objects one after the other (JSON Lines).  fn takes
 * each as text, from '{' to '}', that lives until it returns: 0 or -1 and
 * *err.  escapes: there is a \u in it, so a name in it may be spelled
 * otherwise.  Longer ones than IR_TRAIL_EVENT_MAX are counted and passed over.
 */
struct ir_trail_scan {
	int (*fn)(const char *text, size_t n, bool escapes, void *arg,
	    struct ir_err *err);
	void *arg;
	uint64_t events, too_long;

	/* how far it has come; begin with zeros */
	enum { IR_TRAIL_BETWEEN, IR_TRAIL_OBJECT, IR_TRAIL_LIST,
	    IR_TRAIL_REST } mode;
	unsigned depth, base;
	bool string, escape, open, escapes, name;
	char key[12];		/* the last string of an object's first level */
	size_t nkey;
	struct ir_buf part;
};

/* 0, or -1: 65 no such JSON; or what fn said. */
int ir_trail_feed(struct ir_trail_scan *s, const char *p, size_t n,
    struct ir_err *err);
/* That was all; -1 and 65 when it ends in the middle. */
int ir_trail_end(struct ir_trail_scan *s, struct ir_err *err);
void ir_trail_scan_free(struct ir_trail_scan *s);

/* The first '"' or '\\' in [p, end), else end. */
const char *ir_trail_string_stop(const char *p, const char *end);

/* What is looked for: all kinds that are given must fit, one value of each. */
struct ir_trail_query {
	struct ir_list keys;	/* access key ids */
	struct ir_list users;	/* of IAM; "root" */
	struct ir_list sessions; /* names of role sessions */
	struct ir_list names;	/* either: LookupEvents' Username */
	struct ir_list roles;	/* names of roles assumed */
	struct ir_list ips;	/* addresses, ADDRESS/BITS, or hosts */
	struct ir_list events;	/* "CreateAccessKey" */
	bool flagged;			/* only calls that matter */
	int64_t since, until;		/* unix time; 0: no bound */
};

/* 0, or -1 and 64: not an access key id, an address, ... */
int ir_trail_check(const struct ir_trail_query *q, struct ir_err *err);

/*
 * Could the event be meant?  Quick; false is certain.  text is as
 * ir_trail_feed gives it.
 */
bool ir_trail_maybe(const struct ir_trail_query *q, const char *text,
    size_t n, bool escapes);

/*
 * Read one event; one of LookupEvents is unwrapped.  NULL, and 65 when it is
 * no JSON, 1 when it is no event (a digest: no eventTime or eventName).  The
 * caller frees it.
 */
struct ir_rec *ir_trail_parse(const char *text, size_t n,
    struct ir_err *err);

/*
 * What decides whether an event is meant and how it counts.  Each NULL when
 * the event has none, borrowed from it or from store.
 */
struct ir_trail_fields {
	const char *time, *event, *source, *region, *ip, *error;
	/* of userIdentity, and of the issuer of its session */
	const char *type, *arn, *name, *key, *principal;
	const char *issuer_type, *issuer_user;
	int64_t when;
	char store[4096];
};

/*
 * Without reading all of it: text is as ir_trail_feed gives it.  false: this
 * one is for ir_trail_parse; true: what that would find.
 */
bool ir_trail_fields_quick(const char *text, size_t n,
    struct ir_trail_fields *f);
void ir_trail_fields_of(const struct ir_rec *ev, struct ir_trail_fields *f);

const char *ir_trail_user(const struct ir_trail_fields *f);
const char *ir_trail_role(const struct ir_trail_fields *f);
const char *ir_trail_session(const struct ir_trail_fields *f);

bool ir_trail_match(const struct ir_trail_query *q,
    const struct ir_trail_fields *f);

/*
 * The record of type trail-event; fields: trail-search(1).  What is secret by
 * its name in requestParameters is "***".
 */
struct ir_rec *ir_trail_record(const struct ir_rec *ev);

/*
 * The calls that matter when an account is abused for mail.  NULL: it is
 * none of them.  source: "iam.amazonaws.com", or NULL: any.
 */
struct ir_trail_call {
	const char *event, *source;
	const char *flag;	/* what it is for: "persistence", ... */
	const char *why;
};

const struct ir_trail_call *ir_trail_call_find(const char *event,
    const char *source);
/* All of them, for who asks for each by name; .event NULL ends it. */
const struct ir_trail_call *ir_trail_calls(void);

#endif
