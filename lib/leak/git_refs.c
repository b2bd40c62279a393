/* git_refs.c - what refs and reflogs name; see git_in.h */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/buf.h"
#include "git_in.h"

#define DEPTH_MAX 32
#define FILES_MAX 1000000

struct refs {
	struct ir_git *g;
	ir_git_tip_fn *fn;
	void *arg;
	size_t files;
	int rc;
};

/* The names at the beginning of each line: one, or two with a space. */
static void
names_in(struct refs *r, const char *path)
{
	struct ir_buf b = IR_BUF(IR_GIT_FILE_MAX);
	size_t hex = 2 * r->g->hash;
	unsigned char name[IR_GIT_HASH_MAX];
	const char *line, *end, *nl;
	uint64_t size;
	int fd = ir_git_open_file(path, &size);

	if (fd < 0)
		return;
	if (ir_buf_read_fd(&b, fd, path, NULL))
		ir_git_problem(r->g, "%s: cannot be read", path);
	close(fd);
	end = b.data ? b.data + b.len : NULL;	/* an empty file */
	for (line = b.data; line && line < end && !r->rc; line = nl + 1) {
		size_t n;

		nl = memchr(line, '\n', (size_t)(end - line));
		if (!nl)
			nl = end;
		/* packed-refs: what a tag leads to */
		if (*line == '^')
			line++;
		n = (size_t)(nl - line);
		if (ir_git_unhex(line, n, r->g->hash, name))
			continue;
		r->rc = r->fn(r->arg, name);
		if (!r->rc && n > hex && line[hex] == ' ' &&
		    !ir_git_unhex(line + hex + 1, n - hex - 1, r->g->hash,
		    name))
			r->rc = r->fn(r->arg, name);
	}
	ir_buf_free(&b);
}

/* All files below; links are followed to files only. */
static void
below(struct refs *r, const char *dir, int depth)
{
	DIR *d = depth < DEPTH_MAX ? opendir(dir) : NULL;
	struct dirent *e;

	while (d && !r->rc && r->files < FILES_MAX && (e = readdir(d))) {
		struct stat st;
		char *path;

		if (e->d_name[0] == '.' ||
		    asprintf(&path, "%s/%s", dir, e->d_name) < 0)
			continue;
		r->files++;
		if (!lstat(path, &st) && S_ISDIR(st.st_mode))
			below(r, path, depth + 1);
		else
			names_in(r, path);
		free(path);
	}
	if (d)
		closedir(d);
}

static void
one(struct refs *r, const char *dir, const char *name, bool folder)
{
	char *path;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return;
	if (folder)
		below(r, path, 0);
	else
		names_in(r, path);
	free(path);
}

/* Of one work tree, or what all share. */
static void
refs_of(struct refs *r, const char *dir, bool logs)
{
	if (!logs) {
		one(r, dir, "HEAD", false);
		one(r, dir, "packed-refs", false);
		one(r, dir, "refs", true);
		return;
	}
	one(r, dir, "logs", true);
	one(r, dir, "ORIG_HEAD", false);
	one(r, dir, "FETCH_HEAD", false);
	one(r, dir, "MERGE_HEAD", false);
	one(r, dir, "CHERRY_PICK_HEAD", false);
}

int
ir_git_refs(struct ir_git *g, bool logs, ir_git_tip_fn *fn, void *arg)
{
	struct refs r = { g, fn, arg, 0, 0 };
	struct dirent *e;
	char *trees;
	DIR *d;

	refs_of(&r, g->common, logs);
	if (strcmp(g->dir, g->common))
		refs_of(&r, g->dir, logs);
	if (asprintf(&trees, "%s/worktrees", g->common) < 0)
		return r.rc;
	d = opendir(trees);
	while (d && !r.rc && (e = readdir(d))) {
		char *dir;

		if (e->d_name[0] == '.' ||
		    asprintf(&dir, "%s/%s", trees, e->d_name) < 0)
			continue;
		refs_of(&r, dir, logs);
		free(dir);
	}
	if (d)
		closedir(d);
	free(trees);
	return r.rc;
}
