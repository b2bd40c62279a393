/* move.c - see move.h */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* as lib/core/file.c: no providers, no configuration to be read */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "../core/file.h"
#include "../core/text.h"
#include "move.h"

#define NAME_MAX_ (IR_SPOOL_ID_MAX + 16)
#define CHUNK 131072

/* The files of a message in the order in which they leave a queue. */
static const struct {
	enum ir_queue_part part;
	const char *suffix;
} files[] = {
	{ IR_INPUT, "-H" }, { IR_INPUT, "-D" }, { IR_INPUT, "-J" },
	{ IR_MSGLOG, "" },
};

#define NFILES 4
#define STAGED "-H.quell"

static void
file_name(char name[NAME_MAX_], const char *id, size_t i)
{
	size_t n = strlen(id), k = strlen(files[i].suffix);

	memcpy(name, id, n);
	memcpy(name + n, files[i].suffix, k + 1);
}

void
ir_move_buf_free(struct ir_move_buf *b)
{
	ir_file_buf_free(&b->h);
	ir_file_buf_free(&b->j);
	ir_file_buf_free(&b->d);
}

/* Is that file there?  suffix of the part. */
static bool
there(struct ir_queue *q, enum ir_queue_part part, const char *id, char sub,
    const char *suffix)
{
	int dir = ir_queue_dir(q, part, sub, false);
	char name[NAME_MAX_];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", id, suffix);
	return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
ir_queue_same_fs(struct ir_queue *a, struct ir_queue *b)
{
	struct stat x, y;
	int i = ir_queue_dir(a, IR_INPUT, 0, false);
	int k = ir_queue_dir(b, IR_INPUT, 0, false);

	return i >= 0 && k >= 0 && fstat(i, &x) == 0 && fstat(k, &y) == 0 &&
	    x.st_dev == y.st_dev;
}

static enum ir_moved
fail(struct ir_err *err, int e, const char *what)
{
	if (e == EXDEV) {
		ir_fail(err, IR_CANTCREAT, "%s: the queues are on different "
		    "file systems", what);
		ir_hint(err, "--quarantine DIR copies to another one");
	} else if (e == EEXIST) {
		ir_fail(err, IR_DATAERR, "a file of that name is in the "
		    "other queue already");
	} else {
		ir_fail_errno(err, ir_errno_code(e, IR_CANTCREAT), e,
		    "move %s", what);
	}
	return IR_MOVE_FAILED;
}

/* --- the lock ----------------------------------------------------------- */

static int
open_data(struct ir_queue *q, const char *id, char sub)
{
	const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
	    O_NONBLOCK | O_NOCTTY;
	int dir = ir_queue_dir(q, IR_INPUT, sub, false), fd;
	char name[NAME_MAX_];

	if (dir < 0)
		return -1;
	file_name(name, id, 1);
	/* the time of access is evidence, and a write: see ir_queue_load() */
	fd = openat(dir, name, flags | O_NOATIME);
	return fd < 0 && errno == EPERM ? openat(dir, name, flags) : fd;
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

/* IR_MOVED: it is ours. */
static enum ir_moved
take_lock(struct ir_held *h, struct ir_err *err)
{
	struct flock fl = first_line(h->id);
	struct stat st;

	h->fd = open_data(h->from, h->id, h->sub);
	/* a restore that was cut off has moved -D already */
	if (h->fd < 0 && errno == ENOENT && h->restore && h->to) {
		h->fd = open_data(h->to, h->id, h->sub);
		h->at_goal = h->fd >= 0;
	}
	if (h->fd < 0) {
		if (errno != ENOENT)
			return fail(err, errno, h->id);
		if (!there(h->from, IR_INPUT, h->id, h->sub, "-H"))
			return IR_MOVE_GONE;
		ir_fail(err, IR_DATAERR, "malformed: no data file");
		return IR_MOVE_FAILED;
	}
	if (fcntl(h->fd, F_SETLK, &fl)) {
		if (errno != EAGAIN && errno != EACCES)
			return fail(err, errno, h->id);
		h->holder = holder(h->fd, h->id);
		return IR_MOVE_BUSY;
	}
	/* unlinked between open and lock: delivered */
	if (fstat(h->fd, &st) || st.st_nlink == 0)
		return IR_MOVE_GONE;
	if (!S_ISREG(st.st_mode)) {
		ir_fail(err, IR_DATAERR, "malformed: not a plain file");
		return IR_MOVE_FAILED;
	}
	h->size_d = st.st_size;
	return IR_MOVED;
}

/* --- looking again ------------------------------------------------------ */

static int
grow_chunk(struct ir_file_buf *b, struct ir_err *err)
{
	if (b->data)
		return 0;
	b->data = malloc(CHUNK);
	b->cap = b->data ? CHUNK : 0;
	return b->data ? 0 : ir_fail(err, IR_OSERR, "no memory");
}

/* Of a whole file by its descriptor, wherever that stands. */
int
ir_hash_fd(int fd, struct ir_file_buf *b, char out[65], struct ir_err *err)
{
	unsigned char md[SHA256_DIGEST_LENGTH];
	SHA256_CTX ctx;
	off_t at = 0;
	ssize_t n;

	if (grow_chunk(b, err))
		return -1;
	SHA256_Init(&ctx);
	do {
		n = pread(fd, b->data, CHUNK, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ir_fail_errno(err, IR_IOERR, errno, "read");
		SHA256_Update(&ctx, b->data, (size_t)n);
		at += n;
		/* a plain file gives less than asked for only at its end */
	} while (n < 0 || n == CHUNK);
	SHA256_Final(md, &ctx);
	ir_hex(md, sizeof md, out);
	return 0;
}

/* Is it, now that nobody else can change it, what was meant? */
static enum ir_moved
look_again(struct ir_held *h, struct ir_move_buf *b, struct ir_err *err)
{
	int dir = ir_queue_dir(h->from, IR_INPUT, h->sub, false);
	struct ir_queue_item at = { h->from, dir, h->sub, "" };
	struct ir_select_msg judged = { &h->msg, &at, h->fd, h->now };
	struct ir_span j = { NULL, 0 };
	int rc;

	memcpy(at.id, h->id, sizeof at.id);
	rc = ir_queue_load(dir, h->id, 'H', &b->h, err);
	if (rc == 0)
		return IR_MOVE_GONE;
	if (rc == 1) {
		ir_sha256_hex(b->h.data, b->h.len, h->sha_h);
		rc = ir_spool_parse(b->h.data, b->h.len, h->id, &h->msg, err);
	}
	if (rc)
		return h->still ? IR_MOVE_FAILED : IR_MOVED;
	if (h->still && !h->still(&judged, h->arg))
		return IR_MOVE_CHANGED;
	rc = ir_queue_load(dir, h->id, 'J', &b->j, err);
	if (rc < 0)
		return IR_MOVE_FAILED;
	if (rc == 1)
		j = (struct ir_span){ b->j.data, b->j.len };
	if (ir_spool_delivered(&h->msg, j, &h->delivered, err))
		return IR_MOVE_FAILED;
	h->rcpts = h->msg.rcpt_count;
	h->partly = rc == 1 || h->msg.done_count > 0;
	h->parsed = true;
	return h->partly && h->leave_partly ? IR_MOVE_PARTLY : IR_MOVED;
}

enum ir_moved
ir_message_hold(struct ir_held *h, struct ir_move_buf *b, struct ir_err *err)
{
	enum ir_moved rc;

	h->fd = -1;
	h->holder = 0;
	h->at_goal = h->parsed = h->partly = false;
	h->sha_h[0] = h->sha_d[0] = '\0';
	rc = take_lock(h, err);
	if (rc == IR_MOVED)
		rc = look_again(h, b, err);
	if (rc == IR_MOVED && ir_hash_fd(h->fd, &b->d, h->sha_d, err))
		rc = IR_MOVE_FAILED;
	if (rc != IR_MOVED)
		ir_message_release(h);
	return rc;
}

void
ir_message_release(struct ir_held *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

/* --- on one file system ------------------------------------------------- */

/* Like renameat(), but what is there stays. */
static int
rename_new(int from, const char *old, int to, const char *new)
{
	struct stat st;

	if (renameat2(from, old, to, new, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to, new, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, old, to, new);
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
	dst = ir_queue_dir(to, files[i].part, sub, false);
	if (dst < 0) {
		if (fstatat(src, name, &st, AT_SYMLINK_NOFOLLOW))
			return errno == ENOENT ? 0 : -1;
		dst = ir_queue_dir(to, files[i].part, sub, true);
	}
	if (dst < 0)
		return -1;
	if (rename_new(src, name, dst, name))
		return errno == ENOENT ? 0 : -1;
	return 1;
}

/* All files; what was moved is moved back when one cannot be. */
enum ir_moved
ir_message_rename(struct ir_held *h, struct ir_err *err)
{
	size_t k, i;
	int rc, e;

	for (k = 0; k < NFILES; k++) {
		i = h->restore ? NFILES - 1 - k : k;
		/* most messages have none; under the lock none can come */
		if (i == 2 && h->parsed && !h->partly)
			continue;
		rc = move_file(h->from, h->to, h->id, h->sub, i);
		/* the message log matters to people only: never stop for it */
		if (rc >= 0 || files[i].part == IR_MSGLOG)
			continue;
		e = errno;
		while (k--)
			(void)move_file(h->to, h->from, h->id, h->sub,
			    h->restore ? NFILES - 1 - k : k);
		return fail(err, e, h->id);
	}
	return IR_MOVED;
}

/* --- between file systems ----------------------------------------------- */

static int
drop(struct ir_queue *q, enum ir_queue_part part, const char *id, char sub,
    const char *suffix)
{
	int dir = ir_queue_dir(q, part, sub, false);
	char name[NAME_MAX_];

	snprintf(name, sizeof name, "%s%s", id, suffix);
	return dir >= 0 && unlinkat(dir, name, 0) == 0;
}

static int
drop_all(struct ir_queue *q, const char *id, char sub)
{
	return drop(q, IR_MSGLOG, id, sub, "") +
	    drop(q, IR_INPUT, id, sub, "-D") +
	    drop(q, IR_INPUT, id, sub, "-J") +
	    drop(q, IR_INPUT, id, sub, STAGED);
}

static int
copy_bytes(int from, int to, struct ir_file_buf *b)
{
	off_t at = 0;
	ssize_t n;

	while ((n = pread(from, b->data, CHUNK, at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || ir_write_all(to, b->data, (size_t)n))
			return -1;
		at += n;
	}
	return 0;
}

/* fd < 0: open it.  0, 1 there is none, or -1 and *err. */
static int
copy_file(struct ir_held *h, size_t i, int fd, struct ir_file_buf *b,
    struct ir_err *err)
{
	int src = ir_queue_dir(h->from, files[i].part, h->sub, false), dst;
	char name[NAME_MAX_], want[65], got[65];
	int in = fd, out = -1, rc = -1, e;
	struct stat st;

	file_name(name, h->id, i);
	if (in < 0)
		in = src < 0 ? -1 : openat(src, name, O_RDONLY | O_NOFOLLOW |
		    O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (in < 0 && errno == ENOENT)
		return 1;
	if (in < 0) {
		fail(err, errno, name);
		return -1;
	}
	dst = ir_queue_dir(h->to, files[i].part, h->sub, true);
	if (i == 0)
		snprintf(name, sizeof name, "%s" STAGED, h->id);
	if (dst >= 0)
		out = openat(dst, name, O_RDWR | O_CREAT | O_EXCL |
		    O_NOFOLLOW | O_CLOEXEC, 0640);
	/* the umask is the caller's, the mode is Exim's; a failed disk shows
	   itself when what was written is read back */
	if (out >= 0 && fstat(in, &st) == 0 && S_ISREG(st.st_mode) &&
	    grow_chunk(b, err) == 0 && fchmod(out, st.st_mode & 0660) == 0 &&
	    copy_bytes(in, out, b) == 0 && fsync(out) == 0 &&
	    ir_hash_fd(in, b, want, err) == 0 &&
	    ir_hash_fd(out, b, got, err) == 0)
		rc = strcmp(want, got) == 0 ? 0 : (errno = EIO, -1);
	e = errno;
	if (out >= 0)
		close(out);
	if (in != fd)
		close(in);
	if (rc)
		fail(err, e, name);
	return rc;
}

enum ir_moved
ir_message_copy(struct ir_held *h, struct ir_move_buf *b, struct ir_err *err)
{
	size_t k, i;
	int rc;

	if (there(h->to, IR_INPUT, h->id, h->sub, "-H"))
		return fail(err, EEXIST, h->id);
	/* what a former run may have left of it */
	drop_all(h->to, h->id, h->sub);
	for (k = 0; k < NFILES; k++) {
		i = NFILES - 1 - k;
		rc = copy_file(h, i, i == 1 ? h->fd : -1, &b->d, err);
		if (rc == 0 || (rc == 1 && i != 0) ||
		    files[i].part == IR_MSGLOG)
			continue;
		if (rc == 1)
			fail(err, ENOENT, h->id);
		drop_all(h->to, h->id, h->sub);
		return IR_MOVE_FAILED;
	}
	return IR_MOVED;
}

void
ir_message_uncopy(struct ir_held *h)
{
	drop_all(h->to, h->id, h->sub);
}

static int
stage(struct ir_queue *q, const char *id, char sub, bool back)
{
	int dir = ir_queue_dir(q, IR_INPUT, sub, false);
	char plain[NAME_MAX_], staged[NAME_MAX_];

	snprintf(plain, sizeof plain, "%s-H", id);
	snprintf(staged, sizeof staged, "%s" STAGED, id);
	return back ? rename_new(dir, staged, dir, plain) :
	    rename_new(dir, plain, dir, staged);
}

int
ir_message_leave(struct ir_held *h, struct ir_err *err)
{
	if (stage(h->from, h->id, h->sub, false) == 0)
		return 0;
	fail(err, errno, h->id);
	return -1;
}

int
ir_message_arrive(struct ir_held *h, struct ir_err *err)
{
	if (stage(h->to, h->id, h->sub, true) == 0)
		return 0;
	fail(err, errno, h->id);
	return -1;
}

void
ir_message_clear(struct ir_held *h)
{
	drop_all(h->from, h->id, h->sub);
}

/* --- the end ------------------------------------------------------------ */

int
ir_message_remove(struct ir_held *h, struct ir_err *err)
{
	drop(h->from, IR_MSGLOG, h->id, h->sub, "");
	drop(h->from, IR_INPUT, h->id, h->sub, "-J");
	drop(h->from, IR_INPUT, h->id, h->sub, "-D");
	if (drop(h->from, IR_INPUT, h->id, h->sub, "-H"))
		return 0;
	return ir_fail_errno(err, ir_errno_code(errno, IR_IOERR), errno,
	    "remove %s", h->id);
}

/* Renamed, and cut off: what stayed behind follows -H. */
static int
bring_rest(struct ir_queue *from, struct ir_queue *to, const char *id,
    char sub, struct ir_err *err)
{
	int moved = 0, rc;
	size_t i;

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

int
ir_message_settle(struct ir_queue *from, struct ir_queue *to, const char *id,
    char sub, struct ir_err *err)
{
	bool from_h = there(from, IR_INPUT, id, sub, "-H");
	bool to_h = there(to, IR_INPUT, id, sub, "-H");
	bool from_staged = there(from, IR_INPUT, id, sub, STAGED);
	bool to_staged = there(to, IR_INPUT, id, sub, STAGED);

	if (from_h)
		/* it never left: a copy is of no use */
		return to_h || ir_queue_same_fs(from, to) ? 0 :
		    drop_all(to, id, sub);
	if (from_staged && !to_h) {
		/* it left, and has not arrived */
		if (stage(to_staged ? to : from, id, sub, true)) {
			fail(err, errno, id);
			return -1;
		}
		to_h = to_staged;
		if (!to_h)
			return 1;
	}
	if (from_staged)
		return 1 + drop_all(from, id, sub);
	return to_h && ir_queue_same_fs(from, to) ?
	    bring_rest(from, to, id, sub, err) : 0;
}
