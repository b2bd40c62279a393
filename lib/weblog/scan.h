/*
 * scan.h - the lines of an access log in which there may be a POST, out of
 * chunks of any size, with their numbers.  All others are only counted: nine
 * of ten lines, and nearly all of the time.
 */
#ifndef IR_WEBLOG_SCAN_H
#define IR_WEBLOG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IR_WEB_LINE 65536	/* bytes of a line; more is passed over */

/* line is not NUL-terminated; the first one is number 1. */
typedef void ir_web_line_fn(const char *line, size_t n, uint64_t number,
    void *arg);

struct ir_web_scan {
	ir_web_line_fn *fn;
	void *arg;
	uint64_t lines;		/* that have ended */
	uint64_t cut;		/* of those, that were longer than that */
	char *part;		/* a line's beginning; owned */
	size_t npart;
};

/* 0, or -1: no memory. */
int ir_web_feed(struct ir_web_scan *s, const char *p, size_t n);
/* That was all: a last line without an end counts, too. */
void ir_web_end(struct ir_web_scan *s);
void ir_web_scan_free(struct ir_web_scan *s);

#endif
