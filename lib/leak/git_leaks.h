/*
 * git_leaks.h - what leak-scan's rules find in a git repository: each value
 * once, with the first commit that has it.
 *
 * A value inside of an archive that is kept in git is one of its own, with
 * the archive's member as part of its place.
 */
#ifndef IR_LEAK_GIT_LEAKS_H
#define IR_LEAK_GIT_LEAKS_H

#include "find.h"
#include "git.h"

/* Beside what is new: far enough for any value and what stands before it. */
#define IR_GIT_LEAKS_MARGIN 256

struct ir_git_leaks {
	const struct ir_leak_rules *rules;	/* NULL: all */
	unsigned threads;
	bool no_unpack;			/* archives as plain bytes */
	uint64_t unpack_limit;		/* bytes out of one archive; 0: none */
	/* What was not looked into; member may be "".  One at a time. */
	void (*problem)(const char *path, const char *member,
	    const char *why, void *arg);
	/* Has the time come to end?  Asked by all threads. */
	bool (*stop)(void *arg);
	void *arg;
};

/*
 * Look through the repository at path (see ir_git_open()) and add what is
 * found: where is "PATH!git!PATH OF THE FILE", or the object's name if it has
 * none.  *stats is filled in.  0, or -1: as ir_git_open() and ir_git_walk().
 */
int ir_git_leaks(const char *path, const struct ir_git_leaks *o,
    struct ir_leak_finds *finds, struct ir_git_stats *stats,
    struct ir_err *err);

#endif
