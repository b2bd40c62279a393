/*
 * finding.h - one thing that a check of a sender has found.
 */
#ifndef IR_AUTH_FINDING_H
#define IR_AUTH_FINDING_H

#include "../core/buf.h"
#include "spf.h"

enum ir_verdict {
	IR_V_PASS, IR_V_WARN, IR_V_FAIL,
	IR_V_UNKNOWN,		/* could not be asked: reason says why */
	IR_V_NONE,		/* not there, and need not be; or for
				   information */
};

#define IR_FINDING_TEXT 8192	/* bytes of seen, of publish */

struct ir_finding {
	const char *subject;	/* domain, host or address */
	const char *check;	/* "spf", "dkim", ... */
	enum ir_verdict verdict;
	const char *reason;	/* of unknown: "timeout", "servfail", ... */
	char name[320];		/* the name that was asked for, or a URL */
	struct ir_buf seen;	/* the records there, one a line */
	struct ir_buf publish;	/* lines of a zone file that would be well */
	struct ir_buf why;
	const char *source;	/* "RFC 7208", ... */
	const struct ir_spf_answer *spf;	/* its trace; NULL: none */
};

/* "pass", "warn", "fail", "unknown", "none". */
const char *ir_verdict_word(enum ir_verdict v);

#endif
