/* git_repo.c - a repository: where it is, what is in it; see git.h */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "git_in.h"

void
ir_git_problem(struct ir_git *g, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	pthread_mutex_lock(&g->lock);
	if (g->problems++ < IR_GIT_PROBLEMS_MAX) {
		va_start(ap, fmt);
		vsnprintf(text, sizeof text, fmt, ap);
		va_end(ap);
		ir_text_printable(text);
		if (!g->walk)
			(void)ir_names_add(&g->notes, text);
		else if (g->walk->problem)
			g->walk->problem(g->walk->arg, text);
	}
	pthread_mutex_unlock(&g->lock);
}

static char *
join(const char *dir, const char *name)
{
	char *s;

	if (name[0] == '/')
		return strdup(name);
	return asprintf(&s, "%s/%s", dir, name) < 0 ? NULL : s;
}

static bool
is_dir(const char *dir, const char *name)
{
	char *path = join(dir, name);
	struct stat st;
	bool yes = path && !stat(path, &st) && S_ISDIR(st.st_mode);

	free(path);
	return yes;
}

static bool
is_there(const char *dir, const char *name)
{
	char *path = join(dir, name);
	struct stat st;
	bool yes = path && !lstat(path, &st);

	free(path);
	return yes;
}

static bool
is_gitdir(const char *dir)
{
	return is_there(dir, "HEAD") && (is_there(dir, "commondir") ||
	    (is_dir(dir, "objects") && (is_dir(dir, "refs") ||
	    is_there(dir, "packed-refs"))));
}

bool
ir_git_here(const char *path)
{
	return is_there(path, ".git") || is_gitdir(path);
}

/* A small file's first line, without its end; NULL: none. */
static char *
first_line(const char *dir, const char *name)
{
	struct ir_buf b = IR_BUF(65536);
	char *path = join(dir, name), *s = NULL;
	uint64_t size;
	int fd = path ? ir_git_open_file(path, &size) : -1;

	free(path);
	if (fd >= 0) {
		if (!ir_buf_read_fd(&b, fd, name, NULL) && b.len) {
			b.data[strcspn(b.data, "\r\n")] = '\0';
			s = ir_buf_take(&b);
		}
		close(fd);
	}
	ir_buf_free(&b);
	return s;
}

/* From a .git file, "gitdir: PATH", to the folder it means. */
static char *
gitdir_of(const char *file)
{
	char *line = first_line("", file), *dir = NULL, *real = NULL;
	char *slash, *self = strdup(file);

	slash = self ? strrchr(self, '/') : NULL;
	if (line && self && !strncmp(line, "gitdir: ", 8)) {
		if (slash)
			*slash = '\0';
		dir = join(slash ? self : ".", line + 8);
		real = dir ? realpath(dir, NULL) : NULL;
	}
	free(dir);
	free(self);
	free(line);
	return real;
}

/* The .git folder that a path means; NULL: none. */
static char *
find_gitdir(const char *path)
{
	char *real = realpath(path, NULL), *inner, *found = NULL;
	struct stat st;

	if (!real || stat(real, &st)) {
		free(real);
		return NULL;
	}
	if (S_ISREG(st.st_mode)) {
		found = gitdir_of(real);
	} else if (is_there(real, ".git")) {
		inner = join(real, ".git");
		if (inner && is_dir(real, ".git"))
			found = realpath(inner, NULL);
		else if (inner)
			found = gitdir_of(inner);
		free(inner);
	} else {
		found = real;
		real = NULL;
	}
	free(real);
	if (found && !is_gitdir(found)) {
		free(found);
		found = NULL;
	}
	return found;
}

/* From a work tree's own folder to the one that all of them share. */
static char *
common_of(const char *dir)
{
	char *line = first_line(dir, "commondir");
	char *path = line ? join(dir, line) : NULL;
	char *real = line ? path ? realpath(path, NULL) : NULL : strdup(dir);

	free(path);
	free(line);
	if (real && !is_gitdir(real)) {
		free(real);
		real = NULL;
	}
	return real;
}

char *
ir_git_home(const char *path)
{
	char *dir = find_gitdir(path), *home = dir ? common_of(dir) : NULL;

	free(dir);
	return home;
}

/*
 * What the repository's own config says of its format (git-config(1),
 * "extensions").  0, or -1: one that is not known.
 */
static int
read_config(struct ir_git *g, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(4u << 20);
	char *path = join(g->common, "config"), *line, *next;
	bool ours = false;
	uint64_t size;
	int fd = path ? ir_git_open_file(path, &size) : -1, rc = 0;

	free(path);
	g->hash = 20;
	if (fd < 0)
		return 0;
	(void)ir_buf_read_fd(&b, fd, "config", NULL);
	close(fd);
	for (line = b.data; line && *line && !rc; line = next) {
		char value[64];

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		line += strspn(line, " \t");
		if (*line == '[')
			ours = !strncasecmp(line, "[extensions]", 12);
		if (!ours || sscanf(line, "%*[a-zA-Z] = %63[a-zA-Z0-9]",
		    value) != 1)
			continue;
		if (!strncasecmp(line, "objectformat", 12)) {
			if (!strcasecmp(value, "sha256"))
				g->hash = 32;
			else if (strcasecmp(value, "sha1"))
				rc = ir_fail(err, IR_DATAERR,
				    "%s: objects named by %s are not known",
				    g->common, value);
		} else if (!strncasecmp(line, "refstorage", 10) &&
		    strcasecmp(value, "files")) {
			ir_git_problem(g, "refs are kept as %s: what they lead "
			    "to is not known", value);
		} else if (!strncasecmp(line, "partialclone", 12)) {
			g->partial = true;
		}
	}
	ir_buf_free(&b);
	return rc;
}

/* An object folder and those that it names in info/alternates. */
static void
add_objects(struct ir_git *g, const char *dir, int depth)
{
	struct ir_buf b = IR_BUF(1u << 20);
	char *path = realpath(dir, NULL), *list, *line, *next;
	uint64_t size;
	int fd;

	if (!path || ir_names_have(&g->dirs, path) ||
	    g->dirs.n > IR_GIT_BORROWED_MAX || depth > 5) {
		if (!path || !ir_names_have(&g->dirs, path))
			ir_git_problem(g, "%s: borrowed from, and not there, "
			    "or one too many", dir);
		free(path);
		return;
	}
	(void)ir_names_add(&g->dirs, path);
	list = join(path, "info/alternates");
	fd = list ? ir_git_open_file(list, &size) : -1;
	free(list);
	if (fd >= 0) {
		(void)ir_buf_read_fd(&b, fd, "alternates", NULL);
		close(fd);
	}
	for (line = b.data; line && *line; line = next) {
		char *other;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (!*line || *line == '#')
			continue;
		other = join(path, line);
		if (other)
			add_objects(g, other, depth + 1);
		free(other);
	}
	ir_buf_free(&b);
	free(path);
}

static bool
ends(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && !strcmp(s + n - k, end);
}

static int
add_pack(struct ir_git *g, const char *path)
{
	struct ir_git_pack *v, p;
	int rc;

	if (g->n_packs >= IR_GIT_PACKS_MAX) {
		ir_git_problem(g, "%s: more than %d packs", path,
		    IR_GIT_PACKS_MAX);
		return 0;
	}
	rc = ir_git_pack_open(g, &p, path);
	if (rc)
		return rc == -2 ? -1 : 0;
	v = reallocarray(g->packs, g->n_packs + 1, sizeof *v);
	if (!v) {
		ir_git_pack_close(&p);
		return -1;
	}
	g->packs = v;
	p.first = g->packed;
	g->packed += p.idx.n;
	g->packs[g->n_packs++] = p;
	return 0;
}

/* What is in objects/pack. */
static int
add_packs(struct ir_git *g, const char *objects)
{
	char *dir = join(objects, "pack"), *path;
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;
	int rc = 0;

	if (!d && errno != ENOENT)
		ir_git_problem(g, "%s: %s", dir, strerror(errno));
	while (d && !rc && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (ends(e->d_name, ".idx")) {
			path = join(dir, e->d_name);
			rc = path ? add_pack(g, path) : -1;
			free(path);
		} else if (ends(e->d_name, ".promisor")) {
			g->partial = true;
		} else if (ends(e->d_name, ".pack")) {
			char name[NAME_MAX + 1];

			snprintf(name, sizeof name, "%.*s.idx", (int)n - 5,
			    e->d_name);
			if (!is_there(dir, name))
				ir_git_problem(g, "%s: a pack without its "
				    "index is passed over", e->d_name);
		} else if (!strncmp(e->d_name, "tmp_pack_", 9)) {
			ir_git_problem(g, "%s: a pack that was never "
			    "finished is passed over", e->d_name);
		}
	}
	if (d)
		closedir(d);
	free(dir);
	return rc;
}

/* Objects of one of the 256 folders, whose name is two digits. */
static int
add_loose(struct ir_git *g, uint16_t objects, const char *digits,
    size_t *cap)
{
	char *dir = join(g->dirs.v[objects], digits), hex[IR_GIT_HEX_MAX];
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;

	if (!d)
		ir_git_problem(g, "%s: %s", dir ? dir : digits,
		    strerror(errno));
	free(dir);
	while (d && (e = readdir(d))) {
		struct ir_git_loose_object *o;

		if (strlen(e->d_name) != 2 * g->hash - 2)
			continue;
		if (g->n_loose == *cap) {
			*cap = *cap ? 2 * *cap : 1024;
			o = *cap > IR_GIT_OBJECTS_MAX ? NULL :
			    reallocarray(g->loose, *cap, sizeof *o);
			if (!o) {
				closedir(d);
				return -1;
			}
			g->loose = o;
		}
		o = g->loose + g->n_loose;
		snprintf(hex, sizeof hex, "%.2s%.62s", digits, e->d_name);
		memset(o, 0, sizeof *o);
		o->dir = objects;
		if (!ir_git_unhex(hex, strlen(hex), g->hash, o->name))
			g->n_loose++;
	}
	if (d)
		closedir(d);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return memcmp(a, b, IR_GIT_HASH_MAX);
}

/* Those of the 256 folders that are there. */
static int
add_folders(struct ir_git *g, uint16_t objects, size_t *cap)
{
	DIR *d = opendir(g->dirs.v[objects]);
	struct dirent *e;
	int rc = 0;

	if (!d)
		ir_git_problem(g, "%s: %s", g->dirs.v[objects],
		    strerror(errno));
	while (d && !rc && (e = readdir(d)))
		if (strlen(e->d_name) == 2 &&
		    strspn(e->d_name, "0123456789abcdef") == 2)
			rc = add_loose(g, objects, e->d_name, cap);
	if (d)
		closedir(d);
	return rc;
}

static int
add_all(struct ir_git *g, struct ir_err *err)
{
	size_t cap = 0;

	for (size_t i = 0; i < g->dirs.n; i++)
		if (add_packs(g, g->dirs.v[i]) ||
		    add_folders(g, (uint16_t)i, &cap))
			return ir_fail(err, IR_OSERR, "no memory");
	if (g->n_loose)
		qsort(g->loose, g->n_loose, sizeof *g->loose, by_name);
	return 0;
}

static int
open_dirs(struct ir_git *g, const char *path, struct ir_err *err)
{
	char *objects;

	g->dir = find_gitdir(path);
	if (!g->dir) {
		int e = access(path, R_OK | X_OK) ? errno : 0;

		return e && e != ENOTDIR ?
		    ir_fail_errno(err, ir_errno_code(e, IR_NOINPUT), e, "%s",
		    path) :
		    ir_fail(err, IR_NOINPUT, "%s: no git repository", path);
	}
	g->common = common_of(g->dir);
	if (!g->common)
		return ir_fail(err, IR_NOINPUT,
		    "%s: the repository of this work tree is not there", path);
	if (read_config(g, err))
		return -1;
	if (is_there(g->common, "shallow"))
		g->partial = true;
	objects = join(g->common, "objects");
	if (objects)
		add_objects(g, objects, 0);
	free(objects);
	g->folders = calloc(g->dirs.n + 2, sizeof *g->folders);
	if (!g->folders)
		return ir_fail(err, IR_OSERR, "no memory");
	g->folders[0] = g->common;
	for (size_t i = 1; i < g->dirs.n; i++)
		g->folders[i] = g->dirs.v[i];
	return 0;
}

int
ir_git_open(struct ir_git **out, const char *path, struct ir_err *err)
{
	struct ir_git *g = calloc(1, sizeof *g);

	*out = NULL;
	if (!g)
		return ir_fail(err, IR_OSERR, "no memory");
	pthread_mutex_init(&g->lock, NULL);
	if (open_dirs(g, path, err) || add_all(g, err)) {
		ir_git_close(g);
		return -1;
	}
	*out = g;
	return 0;
}

void
ir_git_close(struct ir_git *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n_packs; i++)
		ir_git_pack_close(&g->packs[i]);
	for (size_t i = 0; i < IR_GIT_WORKERS_MAX; i++)
		ir_git_heads_free(&g->heads[i]);
	free(g->packs);
	free(g->loose);
	free(g->sights);
	free(g->folders);
	ir_names_free(&g->dirs);
	ir_names_free(&g->notes);
	free(g->common);
	free(g->dir);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

const char *const *
ir_git_folders(const struct ir_git *g)
{
	return g->folders;
}

char *
ir_git_loose_path(const struct ir_git *g, const struct ir_git_loose_object *o)
{
	char hex[IR_GIT_HEX_MAX], *s;

	ir_hex(o->name, g->hash, hex);
	return asprintf(&s, "%s/%.2s/%s", g->dirs.v[o->dir], hex, hex + 2) < 0 ?
	    NULL : s;
}
