/* files.c - see files.h */
#include <stdlib.h>
#include <string.h>

#include "files.h"

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
