/*
 * incident.h - one folder for each abuse case: found, opened, summed up.
 *
 * An incident belongs to a case root: AWS numbers the mails of one case
 * "12345678901-1", "-2", ..., and the root is the part before the hyphen.  A
 * report without a case id (that is legal) is its own case, by its id, unless
 * join.h finds the incident that it belongs to.
 *
 * The state of an incident is not stored: it is read from the journal.
 *
 *	incident.opened			the clock starts
 *	report.merged			another report of the same case
 *	ack.sent .delivered .settled .posted	answered (see ack.h)
 *	incident.answered		answered by other means (Support Center)
 *	incident.contained .eradicated .recovered .closed   logged by people
 *	incident.bounced		the answer came back
 *	incident.merged .merged-into .unmerged	see join.h
 *
 * A report that comes after it was closed or resolved opens it again.
 * A reminder or final notice that comes after the answer, and a bounce of
 * the answer (ack.bounced, too), make the incident unanswered again.  That a
 * relay has the answer (ack.relayed, ack.handed-over) does not stop the clock.
 */
#ifndef IR_INCIDENT_H
#define IR_INCIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"

/* Without a deadline in the notice AWS's general one holds. */
#define IR_INCIDENT_HOURS 24

/*
 * A field of a report record as a string: plain, or the "value" of an
 * object that says where the value came from.  NULL when there is none.
 */
const char *ir_report_str(const struct ir_rec *report, const char *path);

/*
 * The next report record; records of other types are passed over.  1 and
 * *report (the caller frees it), 0 at the end, or -1 and 65.
 */
struct ir_in;
int ir_report_next(struct ir_in *in, struct ir_rec **report,
    struct ir_err *err);

/*
 * The one report record on standard input.  NULL: 65, also when there is none
 * or a second one.
 */
struct ir_rec *ir_report_read(struct ir_err *err);

/*
 * What makes two reports one incident: the case root, else the report's id.
 * 0, or -1 and 65 when there is neither.
 */
int ir_incident_key(const struct ir_rec *report, char key[96],
    struct ir_err *err);

/* "instance i-0123...", of an item of "resources"; false: it has no id. */
bool ir_resource_word(const struct ir_rec *resource, char word[256]);

/*
 * Which notice of its case a report is: a hash of the Message-ID, or of what
 * tells it apart when it did not come by mail.
 */
void ir_report_notice(const struct ir_rec *report, char notice[65]);

/* $QUELL_INCIDENTS, else "incidents" in the default state folder. */
int ir_incident_root(char *path, size_t size, struct ir_err *err);

/*
 * Call fn with each incident folder below root, in order of name; it may
 * return non-zero to stop.  0, that value, or -1 and 66.  No root: 0.
 */
int ir_incident_each(const char *root, int (*fn)(const char *dir, void *arg),
    void *arg, struct ir_err *err);

/* The incident of that key below root: 1 and dir (PATH_MAX), 0, or -1. */
int ir_incident_find(const char *root, const char *key, char *dir,
    struct ir_err *err);

struct ir_incident_new {
	const char *dir;	/* NULL: named by time and case, in the root */
	const char *from;	/* name of the command */
	int64_t now;
	const char *evidence_name;	/* NULL: no evidence */
	const void *evidence;		/* the notice as it came */
	size_t evidence_len;
	/* what came of it */
	const char *by;			/* it joined: see join.h; else NULL */
	bool merged;			/* a report was added to it */
};

/*
 * Open the incident of a report, or merge the report into the one that is
 * there; dir is PATH_MAX bytes.  The folder appears whole or not at all, and
 * of many that open the same case at once, one makes it.  1 opened, 0 it was
 * there, or -1: 65, 73, 74.
 */
int ir_incident_open(struct ir_incident_new *n, const struct ir_rec *report,
    char *dir, struct ir_err *err);

/*
 * The incident as a record of type "incident": id, dir, case, account,
 * region, stage, urgent, state, opened, due, overdue, seconds_left (while
 * unanswered), answered, ack, accepted_by and why (it does not count: see
 * ack.h), acknowledged ... closed (times), reopened, merged
 * (other incidents, whose lines count here, too), into, events, evidence,
 * last, head.  The caller frees it.  NULL: 66 or 65.
 */
struct ir_rec *ir_incident_record(const char *dir, int64_t now,
    struct ir_err *err);

/* DIR/report.json.  NULL and 66 or 65; the caller frees it. */
struct ir_rec *ir_incident_report(const char *dir, struct ir_err *err);

/*
 * One of the reports that the incident in dir was opened with and heard of
 * since: by its number (1: the first), or the last one of a case, a case
 * root or a Message-ID; which NULL: the first.  *number says which it is.
 * NULL: 66 there is none such, 65 what is there is not what the journal says.
 */
struct ir_rec *ir_incident_report_of(const char *dir, const char *which,
    size_t *number, struct ir_err *err);

#endif
