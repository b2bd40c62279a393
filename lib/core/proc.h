/*
 * proc.h - run a child: an argv array, no shell, a fresh environment, a
 * time limit, bounded output.
 */
#ifndef IR_PROC_H
#define IR_PROC_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"

struct ir_proc {
	const char *const *argv;	/* argv[0] without '/': see PATH */
	const char *const *keep_env;	/* NULL-terminated names to hand on
					   beside PATH LANG LC_ALL TZ HOME;
					   may be NULL */
	bool whole_env;			/* hand on all of ours instead */
	const void *in;			/* its standard input; may be NULL */
	size_t in_len;
	int timeout_ms;			/* 0: 60 s; then SIGKILL */
	bool inherit_stderr;		/* else it is collected too */
};

struct ir_proc_result {
	int status;			/* exit code; 128+n: signal n */
	struct ir_buf out, err;		/* the caller sets max, and frees */
};

#define IR_PROC_RESULT(max) { 0, IR_BUF(max), IR_BUF(65536) }

/*
 * 0 when the child was run, whatever its status.  -1: 66 program not found,
 * 71 fork, 75 timed out, 65 it wrote more than the limit (it was killed).
 */
int ir_proc_run(const struct ir_proc *p, struct ir_proc_result *r,
    struct ir_err *err);

/* Find a program as execvp would; 0, or -1 and 66. */
int ir_proc_find(const char *name, char *path, size_t size,
    struct ir_err *err);

#endif
