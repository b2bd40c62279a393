/*
 * git_format.h - the files of a git repository, taken apart: pack entries,
 * pack indexes, loose objects, commits, tags, trees, the index.  Pure: bytes
 * in, a struct with borrowed pieces of those bytes out; any bytes will do.
 *
 * Formats: gitformat-pack(5), gitformat-index(5), and for objects the chapter
 * "Git Objects" of the Pro Git book.  Where a length of `hash` bytes is asked
 * for, that is 20 (SHA-1) or 32 (SHA-256).
 */
#ifndef IR_LEAK_GIT_FORMAT_H
#define IR_LEAK_GIT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "git.h"

/* What an entry of a pack can be beside enum ir_git_kind. */
#define IR_GIT_OFS_DELTA 6
#define IR_GIT_REF_DELTA 7

#define IR_GIT_ENTRY_MAX 64	/* bytes of an entry's head at most */
#define IR_GIT_IDX_HEAD (8 + 256 * 4)	/* bytes that ir_git_idx() wants */

struct ir_git_entry {
	unsigned type;		/* enum ir_git_kind, or a delta */
	uint64_t size;		/* unpacked; of a delta: of its instructions */
	size_t head;		/* bytes before the packed ones */
	uint64_t back;		/* OFS_DELTA: the base is so far before it */
	const unsigned char *base;	/* REF_DELTA: the base's name */
};

/* 0, or -1: damaged. */
int ir_git_entry(const unsigned char *p, size_t n, size_t hash,
    struct ir_git_entry *e);

/* Where in a .idx what stands. */
struct ir_git_idx {
	uint32_t n;		/* objects */
	uint32_t fan[256];	/* names whose first byte is that or less */
	uint64_t names, offsets;	/* where the tables begin */
	size_t name_step, offset_step;	/* from one row to the next */
	uint64_t big, n_big;	/* 64-bit offsets; 0 in version 1 */
};

/* From the first IR_GIT_IDX_HEAD bytes of a file of size; 0, or -1. */
int ir_git_idx(const unsigned char *p, size_t n, uint64_t size, size_t hash,
    struct ir_git_idx *x);

/* "blob 123\0": bytes of it, or -1. */
int ir_git_loose(const unsigned char *p, size_t n, enum ir_git_kind *kind,
    uint64_t *size);

/* Who and when: "Name <mail>", seconds since the epoch. */
struct ir_git_person {
	const char *p;		/* NULL: none */
	size_t n;
	int64_t time;
};

struct ir_git_commit {
	unsigned char tree[IR_GIT_HASH_MAX];
	const char *parents;	/* for ir_git_parent() */
	size_t n_parents;
	struct ir_git_person author, committer;
};

/* 0, or -1: no commit. */
int ir_git_commit(const unsigned char *p, size_t n, size_t hash,
    struct ir_git_commit *c);
void ir_git_parent(const struct ir_git_commit *c, size_t i, size_t hash,
    unsigned char *name);

struct ir_git_tag {
	unsigned char object[IR_GIT_HASH_MAX];
	struct ir_git_person tagger;
};

int ir_git_tag(const unsigned char *p, size_t n, size_t hash,
    struct ir_git_tag *t);

struct ir_git_tree_entry {
	unsigned mode;		/* 040000 a folder, 0160000 a submodule */
	const char *name;
	size_t n;
	const unsigned char *object;
};

/* The entry at *p, which moves on; 1, 0 at the end, -1: damaged. */
int ir_git_tree_next(const unsigned char **p, const unsigned char *end,
    size_t hash, struct ir_git_tree_entry *e);

/* What is staged: the entries of .git/index, versions 2 to 4. */
struct ir_git_index {
	const unsigned char *p, *end;
	size_t hash;
	uint32_t version, left;
	char path[4096];	/* of the entry; NUL-terminated */
	const unsigned char *object;
};

int ir_git_index_open(struct ir_git_index *x, const unsigned char *p,
    size_t n, size_t hash);
/* 1, 0 at the end, -1: damaged. */
int ir_git_index_next(struct ir_git_index *x);

/* 2 * hash digits; 0, or -1. */
int ir_git_unhex(const char *p, size_t n, size_t hash, unsigned char *name);

uint32_t ir_git_be32(const unsigned char *p);
uint64_t ir_git_be64(const unsigned char *p);

#endif
