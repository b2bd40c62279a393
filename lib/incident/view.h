/*
 * view.h - what is derived from a journal and kept beside it for others:
 *
 *	DIR/incident.json	the record of the incident (incident.h), and
 *				what it is known by (join.h)
 *	DIR/due			the deadline in seconds since the epoch, while
 *				it is unanswered; for find(1) and monitoring
 *
 * Both can be removed at any time: nothing is lost.  incident.json says how
 * long the journal was; when that has changed, it is not believed.
 */
#ifndef IR_VIEW_H
#define IR_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/err.h"
#include "../core/record.h"

/*
 * One at a time works on what is derived, or decides by it: the lock's
 * descriptor, which close() gives back, or -1 and 66.  Taken before the
 * journal's own lock.
 */
int ir_view_lock(const char *dir, struct ir_err *err);

/* Are both as the journal is now? */
bool ir_view_fresh(const char *dir);

/* Write both anew.  0, or -1: 65, 66, 73, 74. */
int ir_view_write(const char *dir, int64_t now, struct ir_err *err);

/* What incident.json says that it is known by; NULL when it is outdated. */
struct ir_rec *ir_view_known(const char *dir);

#endif
