/*
 * run.h - logs of any size through line.h into state.h: in parts of a quarter
 * of a megabyte, read one after the other, parsed by several threads, taken in
 * in their order; so that the result does not depend on how many there are,
 * nor on whether a log comes as a file, packed or by a pipe.
 *
 * Evidence is kept as the place of a line.  From plain files the line is read
 * again when it is asked for; of what cannot be read again, lines that might
 * become evidence go to a temporary file without a name.
 */
#ifndef IR_MAILLOG_RUN_H
#define IR_MAILLOG_RUN_H

#include "../core/err.h"
#include "../log/ends.h"
#include "../log/input.h"
#include "../net/prefix.h"
#include "state.h"

#define IR_MAIL_PART (256u << 10)
#define IR_MAIL_LONG 16384	/* a line from here on is counted as long */
#define IR_MAIL_THREADS 16

struct ir_mail_run;

struct ir_mail_opts {
	int64_t now, since, until;	/* 0: no bound */
	bool utc;
	const struct ir_prefix *net;	/* only what comes from these */
	size_t nnet;
	unsigned threads;		/* 0: as many as there are cores */
	bool follow;			/* parse in the calling thread */
	/* asked now and then; true: end */
	bool (*over)(void *arg);
	void *arg;
};

/* Before rights are given up: the temporary file.  NULL and 71. */
struct ir_mail_run *ir_mail_run_new(struct ir_mail_state *s,
    const struct ir_mail_opts *o, struct ir_err *err);
void ir_mail_run_free(struct ir_mail_run *r);
/* There is no room for a temporary file: evidence may lack its text. */
bool ir_mail_run_poor(const struct ir_mail_run *r);

/*
 * Read a log to its end; it stays open for evidence.  mtime: when it was
 * written last, for the year that syslog leaves out.  0, 1: over() said so,
 * or -1: 66, 77, 65 damaged (what came before counts), 74, 71.
 */
int ir_mail_run_file(struct ir_mail_run *r, const char *path, int64_t mtime,
    struct ir_err *err);

/* A look at a line of evidence; ir_mail_look of state.h, arg is the run. */
bool ir_mail_run_look(void *arg, uint64_t where, struct ir_mail_text *t);

/*
 * The same for one log that grows: what there is now, up to its last whole
 * line.  How many bytes came, or -1.
 */
int64_t ir_mail_run_more(struct ir_mail_run *r, struct ir_err *err);
/* Open it first; the one before is done with. */
int ir_mail_run_open(struct ir_mail_run *r, const char *path, int64_t mtime,
    struct ir_err *err);

/* Events of a part, pure; for tests and fuzzing. */
struct ir_mail_events {
	struct ir_mail_event *v;
	size_t n, cap;
	struct ir_mail_sums sums;
	int64_t begin, time;	/* of the first and the last line */
	uint32_t *mark;		/* where every 64th line begins */
	size_t nmark, mark_cap;
	struct ir_mail_slot *slot;
	struct ir_log_ends ends;
	uint16_t stamp;
	char *names;		/* of those that are not in the text */
	size_t names_used;
};

int ir_mail_parse_part(struct ir_mail_events *e, const char *text, size_t n,
    const struct ir_mail_opts *o, struct ir_mlog_clock *c);
void ir_mail_events_free(struct ir_mail_events *e);

#endif
