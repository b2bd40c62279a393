/*
 * tree.h - all files below some folders, read once, by several threads.
 *
 * Nothing is written, links are not followed (operands are), what is no
 * regular file is not opened, and pseudo file systems (proc, sysfs, cgroup
 * ...) are not entered.  Reading never waits: a file that was replaced by a
 * FIFO under way is opened without blocking.  Containers are unpacked
 * (unpack.h).
 */
#ifndef IR_LEAK_TREE_H
#define IR_LEAK_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"
#include "scan.h"

#define IR_TREE_THREADS 16

struct ir_tree_to {
	/* As of unpack.h, of the file at path.  Called by all threads. */
	void (*window)(const char *path, const unsigned char *p, size_t n,
	    size_t from, size_t to, uint64_t base, uint64_t line,
	    const char *member, void *arg);
	/* What was not, or not wholly, looked into; member may be "". */
	void (*problem)(const char *path, const char *member,
	    const char *why, void *arg);
	/*
	 * A git repository: its folder (a work tree's, or a bare one's).
	 * Its objects are not read here.  May be NULL: nobody cares, then
	 * they are a problem.
	 */
	void (*git)(const char *path, void *arg);
	/* Has the time come to end?  Asked for each file. */
	bool (*stop)(void *arg);
	void *arg;
};

struct ir_tree_opts {
	unsigned threads;		/* 0: one */
	uint64_t unpack_limit;		/* bytes out of one file; 0: none */
	bool one_device;		/* stay on the operands' devices */
	bool no_unpack;			/* containers as plain bytes */
	/* names that are passed over, files and folders: fnmatch(3) */
	const char *const *skip;
	size_t nskip;
};

struct ir_tree_count {
	uint64_t files, bytes, folders, links, special, unread, skipped;
};

/*
 * Operands are folders and files; "-" is standard input.  What cannot be
 * read is a problem, not an error.  0, or -1: 71 no memory or thread.
 */
int ir_tree_run(char *const *operands, size_t n,
    const struct ir_tree_opts *o, const struct ir_tree_to *to,
    struct ir_tree_count *count, struct ir_err *err);

#endif
