/*
 * scan_in.h - between the parts of the scanner: what a span is while it is
 * looked through.
 */
#ifndef IR_LEAK_SCAN_IN_H
#define IR_LEAK_SCAN_IN_H

#include "scan.h"

/* What a candidate may be the beginning of; bits. */
enum {
	LEAK_AT_KEY = 1,	/* A[KSBC][IC]A */
	LEAK_AT_PASS = 2,	/* "pass", any case */
	LEAK_AT_BEGIN = 4,	/* "-BEG" of an armour */
	LEAK_AT_HOOK = 8,	/* "hook", "/bot" */
	LEAK_AT_OTHER = 16,	/* "at.g", "t_se" */
	LEAK_AT_B64 = 32,	/* a key id in base64, first byte of three */
	LEAK_AT_B64_2 = 64,	/* second */
	LEAK_AT_B64_3 = 128	/* third */
};

/*
 * A span, or what was unwrapped out of one.  Offsets of what was unwrapped
 * are taken back by `outside`.
 */
struct leak_span {
	const unsigned char *p;
	size_t n;
	const struct ir_leak_rules *rules;
	struct leak_root *root;
	const struct leak_span *outer;	/* NULL: the span itself */
	size_t base;			/* where it begins in outer */
	enum ir_leak_form form;		/* how it was wrapped */
	int depth;
	size_t lo, hi;			/* hits that begin there count */
	/* up to where runs, wide text and base64 are done */
	size_t run_done, wide_done, b64_done;
};

struct leak_root {
	ir_leak_hit_fn *fn;
	void *arg;
	int stop;			/* what fn returned */
	/* the access key id met last, and where (offset in the span) */
	char key[21];
	size_t key_at;
};

/* --- sweep.c ------------------------------------------------------------- */

/*
 * Look through all of s.  anchor: a candidate at `at` (one of the bits
 * above, or several; not verified); run: 16 bytes of letters, digits and
 * + / \ % at `at`; wide: such bytes there with one byte after or before
 * each.  The same calls in the same order, whichever way it looks.
 */
struct leak_sweep {
	void (*anchor)(struct leak_span *s, size_t at);
	void (*run)(struct leak_span *s, size_t at);
	void (*wide)(struct leak_span *s, size_t at);
};

void ir_leak_sweep(struct leak_span *s, const struct leak_sweep *to,
    enum ir_leak_way way);
/* The bits of the candidate at p, which has n bytes. */
unsigned ir_leak_anchor(const unsigned char *p, size_t n);

/* --- scan.c -------------------------------------------------------------- */

/* Report a hit at s's offsets [at, at + len); form PLAIN: as s itself. */
void ir_leak_emit(struct leak_span *s, struct ir_leak_hit *hit);
/* The offset in the span that `at` of s comes from. */
size_t ir_leak_outside(const struct leak_span *s, size_t at);

/* Letters, digits, + and /: bit 0; the same and \ %: bit 1. */
extern const unsigned char ir_leak_class[256];
#define LEAK_B64(c) (ir_leak_class[c] & 1)
#define LEAK_RUN(c) (ir_leak_class[c] & 2)

bool ir_leak_alnum(unsigned char c);
unsigned char ir_leak_lower(unsigned char c);
/* Does [from, to) of s have this lower-case word, in any case? */
bool ir_leak_near(const struct leak_span *s, size_t from, size_t to,
    const char *word);
/* The same at one place. */
bool ir_leak_word(const struct leak_span *s, size_t at, const char *word);
/* Put the name that the value at `at` is assigned to into name. */
void ir_leak_assigned(const struct leak_span *s, size_t at,
    char name[IR_LEAK_NAME + 1]);

/* --- rules --------------------------------------------------------------- */

/* An access key id at `at`? */
bool ir_leak_key_id(const struct leak_span *s, size_t at);
void ir_leak_rule_key(struct leak_span *s, size_t at);
/*
 * A value of exactly 40 or 44 characters that stands at [at, at + len).
 */
void ir_leak_rule_run(struct leak_span *s, size_t at, size_t len,
    const char *value, size_t nvalue, enum ir_leak_form form);
void ir_leak_rule_pass(struct leak_span *s, size_t at);
void ir_leak_rule_client_send(struct leak_span *s, size_t at);
void ir_leak_rule_lines(struct leak_span *s);
void ir_leak_rule_armour(struct leak_span *s, size_t at);
void ir_leak_rule_hook(struct leak_span *s, size_t at);

#endif
