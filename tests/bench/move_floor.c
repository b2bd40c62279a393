/*
 * move_floor - SPOOL FROM TO: what no mover can do without, in the order of
 * the ids on standard input: lock each -D, read and hash it and the -H,
 * rename -H, -D and message log.  No search, no second look, no list of what
 * was moved, no sync.  FROM and TO are folders below SPOOL ("" is the default
 * queue, as "."), split.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"

static int in[2][128], log_[2][128];
static char buf[65536];

static int
folder(int at, const char *name)
{
	(void)mkdirat(at, name, 0750);
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
open_queue(const char *spool, const char *queue, int side)
{
	int root = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int q = folder(root, queue), i = folder(q, "input");
	int l = folder(q, "msglog"), c;
	char name[2] = "";

	for (c = '0'; c <= 'z'; c++) {
		name[0] = (char)c;
		if ((c > '9' && c < 'A') || (c > 'Z' && c < 'a'))
			continue;
		in[side][c] = folder(i, name);
		log_[side][c] = folder(l, name);
	}
}

static void
hash(int fd)
{
	char hex[65];
	ssize_t n = pread(fd, buf, sizeof buf, 0);

	ir_sha256_hex(buf, n > 0 ? (size_t)n : 0, hex);
}

static void
move(const char *id)
{
	int c = (unsigned char)id[5] & 127, data, fd;
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_len = 19 };
	char h[40], d[40];

	snprintf(h, sizeof h, "%s-H", id);
	snprintf(d, sizeof d, "%s-D", id);
	data = openat(in[0][c], d, O_RDWR | O_APPEND | O_CLOEXEC);
	fd = openat(in[0][c], h, O_RDONLY | O_CLOEXEC);
	if (data < 0 || fd < 0 || fcntl(data, F_SETLK, &fl)) {
		perror(id);
		exit(1);
	}
	hash(fd);
	hash(data);
	close(fd);
	if (renameat(in[0][c], h, in[1][c], h) ||
	    renameat(in[0][c], d, in[1][c], d) ||
	    renameat(log_[0][c], id, log_[1][c], id)) {
		perror(id);
		exit(1);
	}
	close(data);
}

int
main(int argc, char **argv)
{
	char id[32];

	if (argc != 4)
		return 64;
	open_queue(argv[1], argv[2], 0);
	open_queue(argv[1], argv[3], 1);
	while (fgets(id, sizeof id, stdin)) {
		id[strcspn(id, "\n")] = '\0';
		move(id);
	}
	return 0;
}
