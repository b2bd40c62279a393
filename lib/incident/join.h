/*
 * join.h - which incident a report belongs to, and which incidents are one.
 *
 * A report belongs to the incident, in this order,
 *
 *	case		that knows the root of its case, or its id when it
 *			has no case;
 *	thread		whose notice or answer it is a reply to (References
 *			and In-Reply-To of the notice itself);
 *	resource	that has the same account and one of its resources,
 *			and whose last report came in the last
 *			IR_JOIN_SECONDS: the mail, the Health event and the
 *			SNS copy of one case.
 *
 * Only what the provider wrote counts: never a word of the complaint that
 * the notice quotes, which strangers wrote.  By thread and resource nothing
 * joins that has another case or account than the incident, that is known to
 * be forged, or that would join one that is; by resource, nothing joins what
 * is closed, nor any of two incidents that both would do.
 *
 * A notice that the incident has adds nothing: the same Message-ID, or the
 * same copy_sha256, what the provider wrote and when, in a copy that a mailing
 * list gave another Message-ID.  A copy of which more is known who wrote it
 * is added ("again" in its line): it starts no clock and reopens nothing.
 *
 * Two incidents can be made one by hand: "incident.merged" in the journal of
 * the one that goes on, "incident.merged-into" in the other's.  Both folders
 * stay as they are.  "incident.unmerged" undoes it, in both.
 */
#ifndef IR_JOIN_H
#define IR_JOIN_H

#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"

#define IR_JOIN_SECONDS (72 * 3600)
#define IR_JOIN_DEPTH 16	/* incidents merged into merged ones */
#define IR_JOIN_FAMILY 256	/* incidents that are one */

/*
 * What an incident is known by, from its journal or, when that is as long as
 * it was then, from incident.json: keys, cases, accounts, resources,
 * message_ids, last, forged, closed, into, merged.  The caller frees it.
 * NULL: 66, 65, also when the folder is not furnished yet.
 */
struct ir_rec *ir_incident_known(const char *dir, struct ir_err *err);

/*
 * The incident below root that a report belongs to: 1 with dir (PATH_MAX) and
 * *by, one of the words above; 0 when there is none; or -1.
 */
int ir_incident_join(const char *root, const struct ir_rec *report,
    int64_t now, char *dir, const char **by, struct ir_err *err);

/* The folders that are one incident, dir first: an array of strings. */
struct ir_rec *ir_incident_family(const char *dir, struct ir_err *err);

/*
 * Make other a part of dir, or no more.  Both are in one folder.  1 done, 0
 * it was so, or -1: 64 the two are the same or other is elsewhere, 65, 66,
 * 74.  Killed half way, the same again goes on.
 */
int ir_incident_merge(const char *dir, const char *other, const char *from,
    struct ir_err *err);
int ir_incident_unmerge(const char *dir, const char *other, const char *from,
    struct ir_err *err);

#endif
