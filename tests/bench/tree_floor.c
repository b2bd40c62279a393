/*
 * tree_floor - DIR ...: getdents, openat, read to the end and close of every
 * regular file below, and nothing else: what no scanner can do without
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char buf[256 << 10];

static void
folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int f;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		if (e->d_type == DT_DIR)
			folder(dirfd(d), e->d_name);
		if (e->d_type != DT_REG)
			continue;
		f = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC |
		    O_NOFOLLOW | O_NOATIME);
		if (f < 0)
			continue;
		while (read(f, buf, sizeof buf) > 0)
			continue;
		close(f);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		folder(AT_FDCWD, argv[i]);
	return 0;
}
