/*
 * report.h - the record of type "report": what abuse-parse(1) understood of
 * a mail (notice.h) or a Health event (health.h).
 */
#ifndef IR_REPORT_H
#define IR_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"
#include "facts.h"

struct ir_profiles;
struct ir_rec;

struct ir_report_opts {
	int64_t now;			/* first sight of the report */
	const char *authserv_id;	/* our mail server; NULL: the topmost */
	const char *const *hosts;	/* names of our own mail hosts */
	size_t nhosts;
	const struct ir_profiles *profiles;	/* NULL: AWS only */
};

/*
 * n bytes of a mail, or of JSON (it begins with '{' or '['), to its record,
 * which the caller frees.  NULL and 65: empty, or no abuse notice.
 */
struct ir_rec *ir_report_parse(const char *raw, size_t n,
    const struct ir_report_opts *o, struct ir_err *err);

/*
 * The same for input that may hold several: a batch of events, JSON Lines.
 * fn gets each record, which it then owns.  Their number, or -1 and 65 when
 * there is none.
 */
int ir_report_each(const char *raw, size_t n, const struct ir_report_opts *o,
    void (*fn)(struct ir_rec *rec, void *arg), void *arg,
    struct ir_err *err);

/* --- between the parsers of this room ------------------------------------ */

struct ir_report {
	struct ir_facts facts;
	const struct ir_report_opts *opts;
	struct ir_buf subject;		/* decoded */
	struct ir_buf upper;		/* the provider's half, regular */
	struct ir_buf complaint;	/* the quoted half, and attachments */
	struct ir_rec *claim;		/* the form of the complaint; owned */
	struct ir_rec *references;	/* owned; may be NULL */
	char sender[256], reply_to[256], to[256], message_id[1000];
	char key[200];			/* for the id when there is no case */
	const char *authentic;
	char auth_why[400];
	const char *provider;		/* "aws", a profile's, "complaint" */
	const char *channel, *partial;
	char reply_url[300];
	int64_t base;			/* the time limit counts from here */
	int64_t received;
	int64_t date;			/* the notice's own field; 0: none */
	enum ir_fact_source base_source;
	const char *reply_conflict;	/* what Reply-To says instead */
	const char *event;		/* Health: type code, borrowed */
	const char *description;	/* in Japanese, if there is one */
	int64_t page, pages;		/* of an event; 0: not said */
	unsigned depth;
};

void ir_report_init(struct ir_report *r, const struct ir_report_opts *o);
void ir_report_free(struct ir_report *r);
struct ir_rec *ir_report_record(const struct ir_report *r);

#endif
