/* move.c - see move.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "move.h"

#define NAME_MAX_ (IR_SPOOL_ID_MAX + 2)

/* The files of a message in the order in which they leave a queue. */
static const struct {
	enum ir_queue_part part;
	const char *suffix;
} files[] = {
	{ IR_INPUT, "-H" }, { IR_INPUT, "-D" }, { IR_INPUT, "-J" },
	{ IR_MSGLOG, "" },
};

#define NFILES 4

static void
file_name(char name[NAME_MAX_], const char *id, size_t i)
{
	snprintf(name, NAME_MAX_, "%s%s", id, files[i].suffix);
}

/* Like renameat(), but what is there stays. */
static int
rename_new(int from, int to, const char *name)
{
	struct stat st;

	if (renameat2(from, name, to, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, name, to, name);
}

/* One of the files: 1 moved, 0 there was none, -1 and errno. */
static int
move_file(struct ir_queue *from, struct ir_queue *to, const char *id,
    char sub, size_t i)
{
	int src = ir_queue_dir(from, files[i].part, sub, false), dst;
	char name[NAME_MAX_];
	struct stat st;

	file_name(name, id, i);
	if (src < 0)
		return errno == ENOENT ? 0 : -1;
	/* a folder of the split spool is made only for what goes there */
	if (fstatat(src, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -1;
	dst = ir_queue_dir(to, files[i].part, sub, true);
	if (dst < 0)
		return -1;
	if (rename_new(src, dst, name))
		return errno == ENOENT ? 0 : -1;
	return 1;
}

static enum ir_moved
fail(struct ir_err *err, int e, const char *what)
{
	if (e == EXDEV) {
		ir_fail(err, IR_CANTCREAT, "%s: the queues are on different "
		    "file systems", what);
		ir_hint(err, "a message can only be renamed; let input and "
		    "the quarantine lie on one file system");
	} else if (e == EEXIST) {
		ir_fail(err, IR_DATAERR, "a file of that name is in the "
		    "other queue already");
	} else {
		ir_fail_errno(err, ir_errno_code(e, IR_CANTCREAT), e,
		    "move %s", what);
	}
	return IR_MOVE_FAILED;
}

/* All files; what was moved is moved back when one cannot be. */
static enum ir_moved
move_files(struct ir_move *mv, struct ir_err *err)
{
	size_t k, i;
	int rc, e;

	for (k = 0; k < NFILES; k++) {
		i = mv->restore ? NFILES - 1 - k : k;
		rc = move_file(mv->from, mv->to, mv->id, mv->sub, i);
		/* the message log matters to people only: never stop for it */
		if (rc >= 0 || files[i].part == IR_MSGLOG)
			continue;
		e = errno;
		while (k--)
			(void)move_file(mv->to, mv->from, mv->id, mv->sub,
			    mv->restore ? NFILES - 1 - k : k);
		return fail(err, e, mv->id);
	}
	return IR_MOVED;
}

static int
open_data(struct ir_queue *q, const char *id, char sub)
{
	int dir = ir_queue_dir(q, IR_INPUT, sub, false);
	char name[NAME_MAX_];

	if (dir < 0)
		return -1;
	file_name(name, id, 1);
	return openat(dir, name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK | O_NOCTTY);
}

static struct flock
first_line(const char *id)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_len = ir_spool_data_start(strlen(id)) };
}

static pid_t
holder(int fd, const char *id)
{
	struct flock fl = first_line(id);

	return fcntl(fd, F_GETLK, &fl) == 0 && fl.l_type != F_UNLCK ?
	    fl.l_pid : 0;
}

pid_t
ir_message_holder(struct ir_queue *q, const char *id, char sub)
{
	int fd = open_data(q, id, sub);
	pid_t pid;

	if (fd < 0)
		return 0;
	pid = holder(fd, id);
	close(fd);
	return pid;
}

static bool
has_header(struct ir_queue *q, const char *id, char sub)
{
	int dir = ir_queue_dir(q, IR_INPUT, sub, false);
	char name[NAME_MAX_];
	struct stat st;

	file_name(name, id, 0);
	return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* IR_MOVED: it is ours. */
static enum ir_moved
take_lock(struct ir_move *mv, int *fd, struct ir_err *err)
{
	struct flock fl = first_line(mv->id);
	struct stat st;

	*fd = open_data(mv->from, mv->id, mv->sub);
	/* a restore that was cut off has moved -D already */
	if (*fd < 0 && errno == ENOENT && mv->restore)
		*fd = open_data(mv->to, mv->id, mv->sub);
	if (*fd < 0) {
		if (errno != ENOENT)
			return fail(err, errno, mv->id);
		if (!has_header(mv->from, mv->id, mv->sub))
			return IR_MOVE_GONE;
		ir_fail(err, IR_DATAERR, "malformed: no data file");
		return IR_MOVE_FAILED;
	}
	if (fcntl(*fd, F_SETLK, &fl)) {
		if (errno != EAGAIN && errno != EACCES)
			return fail(err, errno, mv->id);
		mv->holder = holder(*fd, mv->id);
		return IR_MOVE_BUSY;
	}
	/* unlinked between open and lock: delivered */
	if (fstat(*fd, &st) || st.st_nlink == 0)
		return IR_MOVE_GONE;
	return IR_MOVED;
}

/* Is it, now that nobody else can change it, what was meant? */
static enum ir_moved
look_again(struct ir_move *mv, struct ir_move_buf *b, struct ir_err *err)
{
	int dir = ir_queue_dir(mv->from, IR_INPUT, mv->sub, false);
	struct ir_span j = { NULL, 0 };
	struct ir_spool_msg m;
	int rc;

	rc = ir_queue_load(dir, mv->id, 'H', &b->h, err);
	if (rc == 0)
		return IR_MOVE_GONE;
	if (rc == 1)
		rc = ir_spool_parse(b->h.data, b->h.len, mv->id, &m, err);
	if (rc)
		return mv->still ? IR_MOVE_FAILED : IR_MOVED;
	if (mv->still && !mv->still(&m, mv->arg))
		return IR_MOVE_CHANGED;
	if (ir_queue_load(dir, mv->id, 'J', &b->j, NULL) == 1)
		j = (struct ir_span){ b->j.data, b->j.len };
	if (ir_spool_delivered(&m, j, &mv->delivered, err))
		return IR_MOVE_FAILED;
	mv->rcpts = m.rcpt_count;
	mv->parsed = true;
	return IR_MOVED;
}

enum ir_moved
ir_message_move(struct ir_move *mv, struct ir_move_buf *b, struct ir_err *err)
{
	enum ir_moved rc;
	int fd = -1;

	mv->holder = 0;
	mv->parsed = false;
	rc = take_lock(mv, &fd, err);
	if (rc == IR_MOVED)
		rc = look_again(mv, b, err);
	if (rc == IR_MOVED)
		rc = move_files(mv, err);
	if (fd >= 0)
		close(fd);
	return rc;
}

int
ir_message_finish(struct ir_queue *from, struct ir_queue *to, const char *id,
    char sub, struct ir_err *err)
{
	int moved = 0, rc;
	size_t i;

	if (has_header(from, id, sub) || !has_header(to, id, sub))
		return 0;
	for (i = 1; i < NFILES; i++) {
		rc = move_file(from, to, id, sub, i);
		if (rc < 0 && files[i].part != IR_MSGLOG) {
			fail(err, errno, id);
			return -1;
		}
		moved += rc > 0;
	}
	return moved;
}
