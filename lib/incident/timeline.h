/*
 * timeline.h - the journals of an incident as one table, in the order of
 * time: its own, and those of incidents that were merged into it.
 */
#ifndef IR_TIMELINE_H
#define IR_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/err.h"
#include "../core/record.h"

struct ir_event {
	struct ir_rec *line;	/* owned */
	const char *incident;	/* name of the folder that it is from */
	size_t at;		/* order in which it was read */
};

struct ir_timeline {
	struct ir_event *v;
	size_t n, cap;
	struct ir_rec *family;	/* the folders: join.h */
	long zone;		/* seconds east of UTC, as of the first line */
	char zone_name[16];	/* "UTC" when nothing is known */
};

/* 0, or -1: 65, 66.  Free it in any case. */
int ir_timeline_read(struct ir_timeline *t, const char *dir,
    struct ir_err *err);
void ir_timeline_free(struct ir_timeline *t);

/* "09:24:45 JST" of an RFC 3339 time. */
void ir_timeline_local(const struct ir_timeline *t, const char *time,
    struct ir_buf *out);

/*
 * A Markdown table: time (UTC), local time, event, who, from, what, evidence
 * with the beginning of its hash.
 */
void ir_timeline_md(const struct ir_timeline *t, struct ir_buf *out);

/*
 * CSV (RFC 4180) as Timesketch imports it: message, datetime and
 * timestamp_desc come first; then event, user, host, source, incident, line,
 * evidence, sha256.
 */
void ir_timeline_csv(const struct ir_timeline *t, struct ir_buf *out);

#endif
