/*
 * git.h - every byte that was ever kept in a git repository, each new one
 * once; and who brought it in first.
 *
 * All objects are walked, whether anything leads to them or not: loose ones,
 * packs, those of the repositories that this one borrows from (alternates).
 * The git program is not needed.
 *
 * A pack keeps most objects as a base and what changed.  The whole of a base
 * is given to the caller; of what hangs on it only the bytes that are new and
 * the places where old ones meet that did not before, with a margin on either
 * side.  What the caller found (ir_git_seen()) is followed into the objects
 * that copy it, so that of each finding all objects are known that have it.
 *
 * Not covered: packs without an index, bundles, reftable's refs (objects are
 * walked all the same).  Contents are not compared with their names.
 */
#ifndef IR_LEAK_GIT_H
#define IR_LEAK_GIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/err.h"

#define IR_GIT_HASH_MAX 32
#define IR_GIT_HEX_MAX (2 * IR_GIT_HASH_MAX + 1)

/* An object that is larger is not unpacked if others hang on it. */
#define IR_GIT_OBJECT_MAX (512u << 20)
/* What a walker has unpacked at one time at most, and in all. */
#define IR_GIT_HELD_MAX (1024u << 20)
#define IR_GIT_UNPACKED_MAX (UINT64_C(1) << 41)
/*
 * A few bytes of deltas can be made to mean terabytes.  When so much was
 * unpacked, and so many times what the packs have, a delta that makes a larger
 * object than that is too large; all else goes on.
 */
#define IR_GIT_AMPLE (UINT64_C(32) << 30)
#define IR_GIT_AMPLE_TIMES 1000
#define IR_GIT_MODEST (64u << 10)
/* Objects with a finding, over all findings. */
#define IR_GIT_SEEN_MAX 4000000
#define IR_GIT_WORKERS_MAX 16

enum ir_git_kind {
	IR_GIT_COMMIT = 1,
	IR_GIT_TREE = 2,
	IR_GIT_BLOB = 3,
	IR_GIT_TAG = 4,
};

struct ir_git;

/* Is this folder a repository without work tree, or has it a .git? */
bool ir_git_here(const char *path);

/* The folder with the objects of the repository that path means, which two
   work trees of one have in common: real path, to be freed; NULL: none. */
char *ir_git_home(const char *path);

/*
 * path is a work tree, a bare repository, a .git folder, or a .git file (of a
 * worktree or submodule).  0, or -1: 66 no repository, 77, 65 of a format
 * that is not known, 71.
 */
int ir_git_open(struct ir_git **g, const char *path, struct ir_err *err);
void ir_git_close(struct ir_git *g);

/* The folders that hold it: refs and objects are below the first; the rest
   are object folders that it borrows from.  NULL-terminated. */
const char *const *ir_git_folders(const struct ir_git *g);

/* Bytes to look through.  All of it lives until the callback returns. */
struct ir_git_piece {
	const unsigned char *data;	/* so much of the object is at hand */
	size_t n;
	/* in data: what begins here is to be found, if ir_git_new() */
	size_t from, to;
	uint64_t offset;	/* of data[0] in the object */
	/* All of the object; NULL: it is not held, and comes as a whole, piece
	   by piece, from 0 to its end. */
	const unsigned char *object;
	size_t n_object;
	bool first, last;	/* of this object, one behind the other */
	enum ir_git_kind kind;
	unsigned worker;	/* 0 ... workers - 1: who calls */
	/*
	 * Instructions of a delta whose base is not there: what is in them
	 * was in the object, but nobody knows where.
	 */
	bool torn;
	struct ir_git_at *at;	/* for ir_git_seen() */
};

struct ir_git_walk {
	/* Return non-zero to end the walk. */
	int (*piece)(void *arg, const struct ir_git_piece *p);
	/* "pack-1.pack: entry at 1234: damaged"; the first hundred of them.
	   May be NULL; calls come one after the other. */
	void (*problem)(void *arg, const char *what);
	void *arg;
	unsigned workers;	/* threads; 0 is 1 */
	size_t margin;		/* bytes beside what is new that begin a find */
	size_t reach;		/* and so many more are at hand */
};

struct ir_git_stats {
	uint64_t objects;	/* as they lie there; one in two packs is two */
	uint64_t commits, trees, blobs, tags;
	uint64_t packs, loose;
	uint64_t bytes;		/* of commits, blobs and tags, unpacked */
	uint64_t looked_at;	/* of those, given to the callback */
	uint64_t damaged;	/* cannot be unpacked */
	uint64_t baseless;	/* delta whose base is missing or damaged */
	/* not unpacked: IR_GIT_OBJECT_MAX, _HELD_MAX, _AMPLE */
	uint64_t too_large;
	uint64_t missing;	/* only named; ir_git_origins() counts */
	bool cut;		/* a limit ended it before the end */
	bool partial;		/* a clone that left objects out on purpose */
};

/*
 * Walk over all objects.  0; what the callback returned if that ended it; or
 * -1: 71.  Damage is no error: it is reported, counted and passed over.  w
 * lives as long as g.
 */
int ir_git_walk(struct ir_git *g, const struct ir_git_walk *w,
    struct ir_git_stats *stats, struct ir_err *err);

/*
 * From within the callback: p's object has, in data at offset and len bytes
 * long, what the caller calls number `what` (equal values: equal numbers,
 * counted from 0; below IR_GIT_SEEN_MAX).  The same place again is passed
 * over.  len SIZE_MAX: not to be followed into other objects.
 */
void ir_git_seen(const struct ir_git_piece *p, uint32_t what, size_t offset,
    size_t len);

/*
 * From within the callback: does what begins at offset of p's data belong to
 * it?  Between what is new there may be stretches that an earlier piece had,
 * where leaving them out would take longer than to look through them.
 */
bool ir_git_new(const struct ir_git_piece *p, size_t offset);

/* The name of the object that p is of, in hex; "" if it can't be had. */
void ir_git_piece_name(const struct ir_git_piece *p,
    char hex[IR_GIT_HEX_MAX]);

enum ir_git_reach {
	IR_GIT_REACH_NONE,	/* nothing leads there any more */
	IR_GIT_REACH_INDEX,	/* staged, in no commit */
	IR_GIT_REACH_LOG,	/* only what a ref once was: the reflogs */
	IR_GIT_REACH_REF,	/* a branch, tag, stash, HEAD ... */
};

/* Where something that was seen came in.  Strings live during the call. */
struct ir_git_origin {
	uint32_t what;
	enum ir_git_reach reach;
	enum ir_git_kind kind;	/* of the object */
	const char *object;	/* its name, in hex */
	const char *path;	/* in that commit; "" if kind is no blob */
	const char *commit;	/* in hex; "" when no commit has it */
	const char *author;	/* "Name <mail>", as it stands there; a tag's
				   tagger; may be "" */
	int64_t author_time, commit_time;
	uint64_t offset, line;	/* in the object; line 0: not known */
	uint64_t objects;	/* that have it */
};

/*
 * For each number that was seen, in their order: the first commit that has
 * it, by commit time and never before its own parents; commits that a ref
 * leads to come before those that only a reflog knows, and these before those
 * that nothing leads to.  Adds to stats->missing.
 * 0; what fn returned if not 0; or -1: 71.
 */
int ir_git_origins(struct ir_git *g,
    int (*fn)(void *arg, const struct ir_git_origin *o), void *arg,
    struct ir_git_stats *stats, struct ir_err *err);

/* "ref", "reflog", "index", "none". */
const char *ir_git_reach_name(enum ir_git_reach r);

#endif
