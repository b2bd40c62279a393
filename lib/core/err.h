/*
 * err.h - how a library function says what went wrong, and the exit codes.
 *
 * Library functions return 0, or -1 with *err filled in; they never print and
 * never exit.  main prints the error once, in ir_end().
 *
 * The codes are sysexits(3) where that has one, 1 and 3 for answers, and 79
 * for what sysexits has no word for: sent, and the answer was lost.
 */
#ifndef IR_ERR_H
#define IR_ERR_H

#include <stddef.h>

enum ir_code {
	IR_OK = 0,		/* done, or was so already */
	IR_NO = 1,		/* the answer is no: listed, declined */
	IR_PARTIAL = 3,		/* some records say "ok":false */
	IR_USAGE = 64,
	IR_DATAERR = 65,	/* bad input record, with its line number */
	IR_NOINPUT = 66,	/* cannot open input */
	IR_UNAVAILABLE = 69,	/* remote refused for good */
	IR_SOFTWARE = 70,	/* our bug */
	IR_OSERR = 71,		/* memory, fork, ... */
	IR_CANTCREAT = 73,	/* cannot create an output file */
	IR_IOERR = 74,		/* output not written */
	IR_TEMPFAIL = 75,	/* try again: the only code that is retried */
	IR_PROTOCOL = 76,	/* reply not understood */
	IR_NOPERM = 77,		/* denied */
	IR_CONFIG = 78,		/* unsafe or bad configuration */
	IR_UNKNOWN = 79,	/* outcome unknown: never retried */
};

struct ir_err {
	int code;		/* enum ir_code; 0 while all is well */
	char msg[512];		/* "what: why", no newline, no full stop */
	char hint[256];		/* what to do about it; may be empty */
};

#define IR_ERR_INIT { 0, "", "" }

/*
 * Fill *err (an earlier error is replaced) and return -1.  Foreign text in
 * the arguments is made printable.  err may be NULL: the message is dropped.
 */
int ir_fail(struct ir_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of errno e appended. */
int ir_fail_errno(struct ir_err *err, int code, int e, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Say what to do about the error that is in *err. */
void ir_hint(struct ir_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Put "text: " in front of the message that is in *err. */
void ir_fail_prefix(struct ir_err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The code that an errno value means for a user: EACCES is 77, ... */
int ir_errno_code(int e, int otherwise);

/*
 * The exit code of many results.  All well: 0.  Any unknown outcome: 79.
 * Some failed: 3, unless all failures are of kind 75: then 75.  All failed
 * alike: that code.
 */
struct ir_tally {
	size_t ok, failed, temp, unknown;
	int code;		/* code of the failures while they agree */
	int differ;
};

#define IR_TALLY_INIT { 0, 0, 0, 0, 0, 0 }

void ir_tally_add(struct ir_tally *t, int code);
int ir_tally_code(const struct ir_tally *t);

#endif
