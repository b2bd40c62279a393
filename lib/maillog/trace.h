/*
 * trace.h - all lines of a log that name one of a few ids, in their order.
 */
#ifndef IR_MAILLOG_TRACE_H
#define IR_MAILLOG_TRACE_H

#include "../core/err.h"
#include "state.h"

#define IR_MAIL_TRACE_IDS 64
#define IR_MAIL_TRACE_LINE 16384	/* bytes of a line; more is cut */

struct ir_mail_trace {
	char id[IR_MAIL_TRACE_IDS][128];	/* what is looked for */
	size_t n;
	uint64_t lines;		/* that fitted */
	/* t lives until it returns; false: enough */
	bool (*put)(const struct ir_mail_text *t, void *arg);
	bool (*over)(void *arg);
	void *arg;
};

/* 0, or -1 and 64: too short, too long, too many. */
int ir_mail_trace_add(struct ir_mail_trace *t, const char *id, size_t n,
    struct ir_err *err);
/* Is it the Message-ID of a header, not the id of a queue? */
bool ir_mail_trace_header(const char *id);

/*
 * Read a log to its end.  A line with a Message-ID that is looked for adds
 * the id of its queue, for the lines that follow; learn: that is all it does,
 * nothing is put.  0, 1: over() or put() said so, or -1: 66, 77, 65, 74, 71.
 */
int ir_mail_trace_file(struct ir_mail_trace *t, const char *path, bool learn,
    struct ir_err *err);

#endif
