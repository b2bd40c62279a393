/*
 * git_delta.h - a git delta (gitformat-pack(5), "Deltified representation")
 * applied to its base: what comes out, which bytes of that are new, and where
 * known places of the base went.  Pure; any instructions will do.
 */
#ifndef IR_LEAK_GIT_DELTA_H
#define IR_LEAK_GIT_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Known places of one object; more are dropped, and said so. */
#define IR_GIT_MARKS_MAX 65536

struct ir_git_spans {
	struct ir_git_span {
		uint32_t from, to;
	} *v;			/* owned; ascending, apart from each other */
	size_t n, cap;
};

struct ir_git_marks {
	struct ir_git_mark {
		uint32_t at, len, what;
	} *v;			/* owned; ascending by at */
	size_t n, cap;
	bool dropped;
};

struct ir_git_delta {
	const unsigned char *base;
	size_t n_base;
	const unsigned char *ops;	/* behind the two sizes */
	size_t n_ops;
	unsigned char *out;
	size_t n_out;
	size_t margin;			/* beside each span */
	struct ir_git_spans *fresh;	/* filled */
	const struct ir_git_marks *had;	/* in the base */
	struct ir_git_marks *has;	/* filled */
};

/* How large base and result are; bytes of that, or -1: damaged. */
int ir_git_delta_sizes(const unsigned char *p, size_t n, uint64_t *base,
    uint64_t *result);

/*
 * 0; -1: damaged, or no memory.  Objects of up to IR_GIT_OBJECT_MAX.
 * fresh: each inserted run, and each place where two copied runs meet that
 * were apart in the base (also: its beginning and end, when they were not the
 * base's), with margin on either side, joined where they touch.
 */
int ir_git_delta_apply(const struct ir_git_delta *d);

/* At its place; the same mark again is passed over.  True: it is new. */
bool ir_git_mark_add(struct ir_git_marks *m, uint32_t at, uint32_t len,
    uint32_t what);
void ir_git_marks_free(struct ir_git_marks *m);
void ir_git_spans_free(struct ir_git_spans *s);

#endif
