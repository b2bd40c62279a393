/*
 * casefile.h - all that is known of an incident, gathered from its folder,
 * and those of incidents that were merged into it: for a report.
 *
 * Read are the journals, report records, and the files below evidence and
 * steps: records of quell's commands, main logs, CloudWatch's figures.
 */
#ifndef IR_CASEFILE_H
#define IR_CASEFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"
#include "journal.h"
#include "timeline.h"
#include "volume.h"

#define IR_CASE_FILE_MAX (256u << 20)	/* bytes read of one file, unpacked */
#define IR_CASE_ROWS 400		/* of each list */

struct ir_case {
	const char *dir;
	int64_t now;
	struct ir_rec *incident;	/* incident.h */
	struct ir_timeline timeline;
	struct ir_journal_check check;
	struct ir_rec *reports;		/* array of report records */
	struct ir_volumes volumes;
	int64_t contained;		/* 0: not yet */
	const char *contained_by;	/* the event, borrowed; or NULL */
	/* arrays of objects, in the order of time */
	struct ir_rec *affected;	/* kind, id, detail */
	struct ir_rec *queue;		/* time, what, count */
	struct ir_rec *listings;	/* ip, zone, first, last, when, why */
	struct ir_rec *actions;		/* time, command, what, before, after,
					   undo, state, ref (journal line) */
	struct ir_rec *open;		/* array of strings */
	struct ir_rec *files;		/* evidence: file, size, sha256, time */
	size_t unread;			/* files that could not be read whole */
};

/* 0, or -1: 65, 66.  Free it in any case. */
int ir_case_read(struct ir_case *c, const char *dir, int64_t now,
    struct ir_err *err);
void ir_case_free(struct ir_case *c);

/* --- its parts ------------------------------------------------------------ */

/* From the journal: actions and what is open (actions.c). */
void ir_case_actions(struct ir_case *c);
void ir_case_open_points(struct ir_case *c);

#endif
