/* files.c - see files.h */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../log/input.h"
#include "files.h"

#define START 4096		/* bytes of text that have to be equal */

/* What a name says. */
struct name {
	char *path;
	size_t base;		/* bytes of it that all files share */
	size_t group;		/* of the first such file */
	long number;		/* .1, .02; -1 none */
	long date;		/* -20251101; 0 none */
	size_t place;
};

static size_t
trailing_digits(const char *p, size_t n)
{
	size_t d = 0;

	while (d < n && p[n - 1 - d] >= '0' && p[n - 1 - d] <= '9')
		d++;
	return d;
}

static void
read_name(struct name *f)
{
	static const char *const packed[] = { ".gz", ".zst", ".xz", ".bz2" };
	size_t n = strlen(f->path), i, k, d;

	for (i = 0; i < sizeof packed / sizeof *packed; i++) {
		k = strlen(packed[i]);
		if (n > k && memcmp(f->path + n - k, packed[i], k) == 0) {
			n -= k;
			break;
		}
	}
	f->number = -1;
	f->date = 0;
	d = trailing_digits(f->path, n);
	if (d && d < 6 && n > d && f->path[n - d - 1] == '.') {
		f->number = strtol(f->path + n - d, NULL, 10);
		n -= d + 1;
	} else if (d >= 8 && d <= 10 && n > d && (f->path[n - d - 1] == '-' ||
	    f->path[n - d - 1] == '.')) {
		f->date = strtol(f->path + n - d, NULL, 10);
		n -= d + 1;
	}
	f->base = n;
}

static int
by_age(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	/* what has neither is being written to */
	if ((x->date != 0) != (y->date != 0))
		return x->date ? -1 : 1;
	if (x->date != y->date)
		return x->date < y->date ? -1 : 1;
	if (x->number != y->number)
		return x->number > y->number ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

void
ir_mail_files_sort(char **v, size_t n)
{
	struct name *f = calloc(n ? n : 1, sizeof *f);
	size_t i, k;

	if (!f)
		return;		/* then as they came */
	for (i = 0; i < n; i++) {
		f[i].path = v[i];
		f[i].place = f[i].group = i;
		read_name(&f[i]);
		/* folders are in order: the others are near */
		for (k = 0; k < i && k < 1000; k++)
			if (f[k].base == f[i].base &&
			    memcmp(f[k].path, v[i], f[i].base) == 0) {
				f[i].group = f[k].group;
				break;
			}
	}
	if (n)
		qsort(f, n, sizeof *f, by_age);
	for (i = 0; i < n; i++)
		v[i] = f[i].path;
	free(f);
}

/* --- what is given twice ------------------------------------------------ */

struct seen {
	char *path;
	size_t place;
	dev_t dev;
	ino_t ino;
	bool regular;
	const struct seen *same;	/* as which it is given before */
};

static int
by_inode(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->regular != y->regular)
		return x->regular ? -1 : 1;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

static int
by_path(const void *a, const void *b)
{
	const struct seen *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

/* The first bytes of its text: how many, 0 also when it cannot be read. */
static size_t
start(const char *path, char text[START])
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_log_input *in;
	size_t n = 0;
	ssize_t got = 1;

	if (ir_log_open(&in, path, &err))
		return 0;
	while (n < START && got > 0) {
		got = ir_log_read_into(in, text + n, START - n, &err);
		n += got > 0 ? (size_t)got : 0;
	}
	ir_log_close(in);
	return n;
}

/* The plain log that f was made from, if that is given, too. */
static const struct seen *
unpacked(const struct seen *f, struct seen **sorted, size_t n)
{
	struct seen key = { .path = strdup(f->path) }, *k = &key, **found;
	char *dot = key.path ? strrchr(key.path, '.') : NULL;
	char a[START], b[START];
	const struct seen *plain = NULL;
	size_t na;

	if (dot && (strcmp(dot, ".gz") == 0 || strcmp(dot, ".zst") == 0)) {
		*dot = '\0';
		found = bsearch(&k, sorted, n, sizeof *sorted, by_path);
		if (found && (*found)->regular) {
			na = start((*found)->path, a);
			if (na && start(f->path, b) == na &&
			    memcmp(a, b, na) == 0)
				plain = *found;
		}
	}
	free(key.path);
	return plain;
}

static void
find_same(struct seen *f, struct seen **sorted, size_t n)
{
	struct stat st;
	size_t i;

	for (i = 0; i < n; i++)
		if (stat(f[i].path, &st) == 0) {
			f[i].regular = S_ISREG(st.st_mode);
			f[i].dev = st.st_dev;
			f[i].ino = st.st_ino;
		}
	qsort(f, n, sizeof *f, by_inode);
	for (i = 0; i < n; i++) {
		sorted[i] = &f[i];
		if (i && f[i].regular && f[i].dev == f[i - 1].dev &&
		    f[i].ino == f[i - 1].ino)
			f[i].same = f[i - 1].same ? f[i - 1].same :
			    &f[i - 1];
	}
	qsort(sorted, n, sizeof *sorted, by_path);
	for (i = 0; i < n; i++)
		if (f[i].regular && !f[i].same)
			f[i].same = unpacked(&f[i], sorted, n);
}

size_t
ir_mail_files_once(char **v, size_t n, void (*twice)(void *arg,
    const char *path, const char *same), void *arg)
{
	struct seen *f = calloc(n + 1, sizeof *f);
	struct seen **sorted = calloc(n + 1, sizeof *sorted);
	const struct seen **same = calloc(n + 1, sizeof *same);
	size_t i, left = 0;

	for (i = 0; f && i < n; i++)
		f[i] = (struct seen){ .path = v[i], .place = i };
	if (f && sorted && same && n) {
		find_same(f, sorted, n);
		for (i = 0; i < n; i++)
			same[f[i].place] = f[i].same;
		for (i = 0; i < n; i++)
			if (same[i])
				twice(arg, v[i], same[i]->path);
		for (i = 0; i < n; i++) {
			if (same[i])
				free(v[i]);
			else
				v[left++] = v[i];
		}
	} else {
		left = n;	/* without memory: as they came */
	}
	free(f);
	free(sorted);
	free(same);
	return left;
}
