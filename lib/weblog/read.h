/*
 * read.h - access logs, as many files as there are, into counts: one thread a
 * file, and the counts of the files merged in their order, so that the result
 * is the same with any number of threads.
 */
#ifndef IR_WEBLOG_READ_H
#define IR_WEBLOG_READ_H

#include "../log/input.h"
#include "counts.h"

#define IR_WEB_THREADS 16

struct ir_web_read {
	const struct ir_log_files *files;
	size_t threads;			/* at least 1 */
	const struct ir_web_mails *mails;	/* or NULL */
	int64_t since, until;		/* 0: none; until is not included */
	const char *vhost;		/* of lines that name none; or NULL */
	/* is time over?  Asked by all threads. */
	bool (*over)(void *arg);
	/* whose mail is to be looked at for these; path: of the log */
	int (*user)(const struct ir_web_post *p, const char *path, void *arg);
	/* what was wrong with a file, in their order; code 0: nothing */
	void (*done)(size_t file, const struct ir_err *e, void *arg);
	void *arg;
	/* what was found */
	struct ir_web_counts *counts;
	uint64_t lines, unread, cut, outside;
	size_t odd;			/* files with no line of such a log */
	size_t ended;			/* files that were read to their end */
};

/* 0; 1: over before the end; -1: 71.  r->counts is the caller's to free. */
int ir_web_read(struct ir_web_read *r, struct ir_err *err);

/*
 * What the path of a log says: .../example.com.access.log.1.gz is of
 * example.com, .../domlogs/USER/example.com and /home/USER/... are USER's.
 * "" where it says nothing.
 */
void ir_web_of_path(const char *path, char host[128], char user[64]);

#endif
