/*
 * git_in.h - what the parts of git.h share: an open repository, its packs,
 * and objects unpacked.  For lib/leak/git*.c only.
 */
#ifndef IR_LEAK_GIT_IN_H
#define IR_LEAK_GIT_IN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/names.h"
#include "../log/gunzip.h"
#include "git.h"
#include "git_delta.h"
#include "git_format.h"

#define IR_GIT_NO UINT32_MAX		/* no entry, no object */
#define IR_GIT_OBJECTS_MAX 50000000	/* of a repository: 2 GiB of tables */
#define IR_GIT_PACKS_MAX 10000
#define IR_GIT_BORROWED_MAX 64		/* alternates, over all levels */
#define IR_GIT_CHUNK (256u << 10)	/* bytes read at once */
#define IR_GIT_SMALL 2048		/* packed bytes of an entry that is held */
#define IR_GIT_SMALL_HELD (64u << 20)	/* bytes of those, over all packs */
#define IR_GIT_FILE_MAX (512u << 20)	/* packed-refs, a reflog, the index */
#define IR_GIT_PROBLEMS_MAX 100
#define IR_GIT_HEADS_MAX (64u << 20)	/* bytes of commits' heads kept */
#define IR_GIT_SLACK 64			/* behind each unpacked object */

/*
 * A pack.  Its entries are numbered by where they lie, objects by their
 * names, as the index does.
 */
struct ir_git_pack {
	char *name;		/* "pack-1234.pack" */
	int fd, idx_fd;
	/* small entries, packed as they are: to ask the kernel for one takes
	   longer than to unpack it.  NULL: none are held */
	unsigned char *bytes;
	uint32_t *held;		/* [m] where in bytes; IR_GIT_NO: not there */
	struct ir_git_idx idx;
	uint32_t first;		/* number of its first object */
	uint32_t m;		/* entries: idx.n, without double offsets */
	uint64_t *off;		/* [m + 1], ascending; then the data's end */
	uint32_t *pos;		/* [m] which object it is */
	uint32_t *base;		/* [m] entry that it changes; IR_GIT_NO */
	uint8_t *kind;		/* [m] enum ir_git_kind; 0: base not there */
	uint32_t *kids;		/* [m] entries, those of one base together, */
	uint32_t *kids_at;	/* [m + 1] from here to the next one's; of each
				   the one that most hangs on is the last */
	uint32_t roots, *root;	/* entries that are no deltas */
	unsigned char *names;	/* of all objects; see ir_git_pack_names() */
	uint32_t *entry;	/* [idx.n] object to entry */
};

/* Objects in files of their own: one row per file, by name. */
struct ir_git_loose_object {
	unsigned char name[IR_GIT_HASH_MAX];
	uint16_t dir;		/* in ir_git.dirs */
	uint8_t kind;		/* known when it was walked; 0 */
};

struct ir_git_sight {
	uint32_t what, object;	/* numbers: the caller's, and ours */
	uint64_t offset;
	uint32_t line;		/* that offset is in; 0: not counted */
};

/* Heads of commits that one worker met: kept, because to ask whose a find is,
   all of them are needed once more. */
struct ir_git_heads {
	struct ir_git_head {
		uint32_t object, at;	/* in bytes */
		uint16_t n;
	} *v;				/* by object, once they are sorted */
	size_t n, cap;
	unsigned char *bytes;
	size_t used, size, max;
};

struct ir_git {
	char *dir, *common;	/* .git of this work tree, and of all */
	size_t hash;		/* bytes of a name */
	struct ir_names dirs;	/* object folders, the own one first */
	const char **folders;	/* as ir_git_folders() gives them */
	struct ir_git_pack *packs;
	size_t n_packs;
	uint32_t packed;	/* objects in packs */
	uint64_t held;		/* bytes of entries that are held */
	struct ir_git_loose_object *loose;	/* sorted by name */
	uint32_t n_loose;
	struct ir_git_heads heads[IR_GIT_WORKERS_MAX];
	bool partial;		/* promisor packs, shallow */
	/* problems met while opening; told when the walk begins */
	struct ir_names notes;
	pthread_mutex_t lock;	/* of what follows, while workers run */
	struct ir_git_sight *sights;
	size_t n_sights, cap_sights;
	bool dropped;		/* some sights were too many */
	const struct ir_git_walk *walk;
	size_t problems;
};

/* Tell it, if there were not too many; safe from all workers. */
void ir_git_problem(struct ir_git *g, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A regular file, without waiting for a FIFO's writer; -1 and errno. */
int ir_git_open_file(const char *path, uint64_t *size);
/* n bytes at an offset; 0, or -1. */
int ir_git_pread(int fd, void *to, size_t n, uint64_t at);

/* git_pack.c */

/* The pack whose index is at path; 0, or -1: damaged (it was told), -2: no
   memory. */
int ir_git_pack_open(struct ir_git *g, struct ir_git_pack *p,
    const char *idx_path);
/* Whose delta is what; 0, or -1: no memory. */
int ir_git_pack_load(struct ir_git *g, struct ir_git_pack *p);
void ir_git_pack_close(struct ir_git_pack *p);
/* p->names, and p->entry once it is loaded; 0, or -1. */
int ir_git_pack_names(const struct ir_git *g, struct ir_git_pack *p);
/* The object of that name in the pack, by ->names; IR_GIT_NO. */
uint32_t ir_git_pack_find(const struct ir_git *g, const struct ir_git_pack *p,
    const unsigned char *name);

/* git_unpack.c */

/* What one thread needs to unpack. */
struct ir_git_unpack {
	struct ir_gunzip *z;
	unsigned char *in;	/* IR_GIT_CHUNK */
	unsigned char *delta;	/* instructions, of cap_delta */
	size_t cap_delta;
};

int ir_git_unpack_new(struct ir_git_unpack *u);
void ir_git_unpack_free(struct ir_git_unpack *u);

/* Packed bytes of a file, from one place to another. */
struct ir_git_stream {
	struct ir_git_unpack *u;
	int fd;
	uint64_t at, end;
	const unsigned char *p;
	size_t n;
	bool done, bad;
};

void ir_git_stream_open(struct ir_git_stream *s, struct ir_git_unpack *u,
    int fd, uint64_t at, uint64_t end);
/* As much as there is, at most n bytes; look at done and bad. */
size_t ir_git_stream_read(struct ir_git_stream *s, unsigned char *out,
    size_t n);

/* Begin to unpack entry i: what its head says.  0, or -1: damaged, or more
   than so few packed bytes can become. */
int ir_git_entry_open(const struct ir_git *g, const struct ir_git_pack *p,
    uint32_t i, struct ir_git_unpack *u, struct ir_git_entry *e,
    struct ir_git_stream *s);
/*
 * All of it into out, which has room for size and IR_GIT_SLACK bytes: how many
 * came out; whole if that was all and the check sum is right.
 */
size_t ir_git_stream_all(struct ir_git_stream *s, unsigned char *out,
    size_t size, bool *whole);
/*
 * A delta's instructions into u->delta, and its sizes: bytes before the first
 * instruction, or -1.  *n is how many bytes there are, in either case.
 */
int ir_git_pack_delta(const struct ir_git *g, const struct ir_git_pack *p,
    uint32_t i, struct ir_git_unpack *u, size_t *n, uint64_t *base,
    uint64_t *result);

/* git_head.c */

/* From p on is a commit; it may also be forgotten. */
void ir_git_heads_add(struct ir_git_heads *h, uint32_t object,
    const unsigned char *p, size_t n);
void ir_git_heads_sort(struct ir_git_heads *h);
/* The commit up to its committer, if it was kept, or NULL.  Borrowed. */
const unsigned char *ir_git_head(const struct ir_git *g, uint32_t object,
    size_t *n);
void ir_git_heads_free(struct ir_git_heads *h);

/* git_repo.c */

/* The path of a loose object; free() it. */
char *ir_git_loose_path(const struct ir_git *g,
    const struct ir_git_loose_object *o);

/* git_read.c: any object by number, all of it, with a cache of bases */

struct ir_git_reader;

/* Loads all names.  NULL: no memory. */
struct ir_git_reader *ir_git_reader_new(struct ir_git *g);
void ir_git_reader_free(struct ir_git_reader *r);
/* An object's number by its name; IR_GIT_NO. */
uint32_t ir_git_find(const struct ir_git *g, const unsigned char *name);
const unsigned char *ir_git_name(const struct ir_git *g, uint32_t object);
/* 0 when it is damaged. */
enum ir_git_kind ir_git_kind_of(const struct ir_git *g, uint32_t object);
/*
 * Its bytes, at most IR_GIT_OBJECT_MAX, which the caller gives back, so that
 * what is like it is had sooner.  0, or -1: damaged, too large, no memory.
 */
int ir_git_read(struct ir_git_reader *r, uint32_t object,
    unsigned char **data, size_t *n);
void ir_git_give_back(struct ir_git_reader *r, uint32_t object,
    unsigned char *data, size_t n);

/* git_refs.c */

/* What a ref or a reflog names. */
typedef int ir_git_tip_fn(void *arg, const unsigned char *name);

/* Every ref (or, logs, every line of every reflog); what fn returned, or 0. */
int ir_git_refs(struct ir_git *g, bool logs, ir_git_tip_fn *fn, void *arg);

#endif
