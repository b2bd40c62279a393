/*
 * spool_floor - DIR ...: getdents, open, read and close of every -H in those
 * folders, in the order of inodes, and nothing else: what no reader of a
 * spool can do without
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
	ino_t ino;
	char name[32];
};

static struct entry *v;
static size_t n, cap;
static char buf[65536];

static int
by_inode(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static void
one_folder(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t i, len;
	int fd;

	if (!d)
		return;
	for (n = 0; (e = readdir(d)); ) {
		len = strlen(e->d_name);
		if (len < 18 || len > 25 || strcmp(e->d_name + len - 2, "-H"))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 1024;
			v = realloc(v, cap * sizeof *v);
			if (!v)
				exit(71);
		}
		v[n].ino = e->d_ino;
		memcpy(v[n++].name, e->d_name, len + 1);
	}
	qsort(v, n, sizeof *v, by_inode);
	for (i = 0; i < n; i++) {
		fd = openat(dirfd(d), v[i].name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, buf, sizeof buf) < 0)
			perror(v[i].name);
		close(fd);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		one_folder(argv[i]);
	return 0;
}
