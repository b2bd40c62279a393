/* file.c - see file.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/*
 * SHA256() and EVP load OpenSSL's providers and its configuration file on
 * first use: a millisecond and 2 MiB, for a command that only hashes.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "file.h"
#include "text.h"

int
ir_write_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;
	ssize_t got;

	while (n) {
		got = write(fd, p, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

int
ir_fsync_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	int fd, rc, e;

	snprintf(dir, sizeof dir, "%.*s",
	    slash ? (int)(slash - path) + (slash == path) : 1,
	    slash ? path : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	e = errno;
	close(fd);
	if (rc && (e == EINVAL || e == ENOTSUP))
		rc = 0;		/* some file systems have no such thing */
	errno = e;
	return rc;
}

/* SELinux label and ACLs live in extended attributes. */
static void
read_xattrs(const char *path, struct ir_buf *b)
{
	char names[4096], value[4096];
	ssize_t len, n;
	uint32_t size;
	char *p;

	len = listxattr(path, names, sizeof names);
	for (p = names; len > 0 && p < names + len; p += strlen(p) + 1) {
		n = getxattr(path, p, value, sizeof value);
		if (n < 0)
			continue;
		size = (uint32_t)n;
		ir_buf_add(b, p, strlen(p) + 1);
		ir_buf_add(b, &size, sizeof size);
		ir_buf_add(b, value, size);
	}
}

static void
write_xattrs(int fd, const struct ir_buf *b)
{
	const char *p = ir_buf_cstr(b), *end = p + b->len, *name;
	uint32_t size;

	while (p < end) {
		name = p;
		p += strnlen(p, (size_t)(end - p)) + 1;
		if ((size_t)(end - name) < strlen(name) + 1 + sizeof size)
			return;
		memcpy(&size, p, sizeof size);
		p += sizeof size;
		if ((size_t)(end - p) < size)
			return;
		(void)fsetxattr(fd, name, p, size, 0);
		p += size;
	}
}

int
ir_file_meta(const char *path, struct ir_file_meta *m, struct ir_err *err)
{
	struct stat st;

	if (stat(path, &st))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return ir_fail(err, IR_CANTCREAT, "%s: not a regular file",
		    path);
	m->uid = st.st_uid;
	m->gid = st.st_gid;
	m->mode = st.st_mode & 07777;
	ir_buf_trunc(&m->xattr, 0);
	read_xattrs(path, &m->xattr);
	return ir_buf_check(&m->xattr, path, err);
}

void
ir_file_meta_free(struct ir_file_meta *m)
{
	ir_buf_free(&m->xattr);
}

bool
ir_file_meta_same(const struct ir_file_meta *a, const struct ir_file_meta *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->mode == b->mode &&
	    a->xattr.len == b->xattr.len && (a->xattr.len == 0 ||
	    memcmp(a->xattr.data, b->xattr.data, a->xattr.len) == 0);
}

/*
 * Fill the open temporary, which is ours alone; what others may do with it
 * is decided last.  0, or -1 and errno.
 */
static int
fill(int fd, const struct ir_file_meta *m, bool owner, const void *bytes,
    size_t n)
{
	if (ir_write_all(fd, bytes, n))
		return -1;
	if (owner && (m->uid != geteuid() || m->gid != getegid()) &&
	    fchown(fd, m->uid, m->gid))
		return -1;
	if (fchmod(fd, m->mode))
		return -1;
	write_xattrs(fd, &m->xattr);
	return fsync(fd);
}

int
ir_file_stage(const char *tmp, const void *bytes, size_t n,
    const struct ir_file_meta *m, struct ir_err *err)
{
	int fd, rc, e;

	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd < 0)
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", tmp);
	rc = fill(fd, m, true, bytes, n);
	e = errno;
	if (close(fd) && rc == 0) {
		rc = -1;
		e = errno;
	}
	if (rc) {
		unlink(tmp);
		return ir_fail_errno(err, IR_IOERR, e, "%s", tmp);
	}
	return 0;
}

int
ir_file_commit(const char *tmp, const char *target, struct ir_err *err)
{
	if (rename(tmp, target) || ir_fsync_dir_of(target))
		return ir_fail_errno(err, IR_IOERR, errno, "%s", target);
	return 0;
}

static int
write_new(const char *target, bool old, const void *bytes,
    size_t n, mode_t mode, int exclusive, struct ir_err *err)
{
	struct ir_file_meta m = IR_FILE_META_INIT;
	char tmp[PATH_MAX];
	int fd, rc, e;
	const char *slash = strrchr(target, '/');
	size_t dirlen = slash ? (size_t)(slash - target) + 1 : 0;

	if ((size_t)snprintf(tmp, sizeof tmp, "%.*s.%s.XXXXXX", (int)dirlen,
	    target, target + dirlen) >= sizeof tmp)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", target);
	m.mode = mode;
	if (old && ir_file_meta(target, &m, err)) {
		ir_file_meta_free(&m);
		return -1;
	}
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		e = errno;
		ir_file_meta_free(&m);
		return ir_fail_errno(err, IR_CANTCREAT, e, "%s", target);
	}
	rc = fill(fd, &m, old, bytes, n);
	e = errno;
	ir_file_meta_free(&m);
	if (close(fd) && rc == 0) {
		rc = -1;
		e = errno;
	}
	if (rc == 0) {
		rc = exclusive ? link(tmp, target) : rename(tmp, target);
		e = errno;
	}
	if (rc || exclusive)
		unlink(tmp);
	if (rc == 0 && ir_fsync_dir_of(target)) {
		rc = -1;
		e = errno;
		if (exclusive)
			unlink(target);
	}
	if (rc)
		return ir_fail_errno(err,
		    exclusive && e == EEXIST ? IR_CANTCREAT : IR_IOERR, e,
		    "%s", target);
	return 0;
}

int
ir_file_replace(const char *path, const void *bytes, size_t n, mode_t mode,
    struct ir_err *err)
{
	char real[PATH_MAX];
	const char *target = path;
	struct stat st;
	bool old = false;

	if (lstat(path, &st) == 0) {
		if (S_ISLNK(st.st_mode)) {
			if (!realpath(path, real) || stat(real, &st))
				return ir_fail_errno(err, IR_CANTCREAT, errno,
				    "%s", path);
			target = real;
		}
		if (!S_ISREG(st.st_mode))
			return ir_fail(err, IR_CANTCREAT,
			    "%s: not a regular file", path);
		old = true;
	} else if (errno != ENOENT) {
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", path);
	}
	return write_new(target, old, bytes, n, mode, 0, err);
}

/* Ours, and a beginning of what is written to such a file? */
static bool
is_left(int dir, const char *name, const void *begin, size_t n)
{
	char head[64] = "";
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	struct stat st;
	ssize_t got = -1;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_uid == geteuid() && st.st_nlink == 1 && n <= sizeof head)
		got = read(fd, head, n);
	close(fd);
	return got == 0 || (got == (ssize_t)n && memcmp(head, begin, n) == 0);
}

void
ir_file_sweep(const char *path, const void *begin, size_t n)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name);
	char folder[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(folder, sizeof folder, "%.*s", slash ?
	    (int)(slash - path) + 1 : 1, slash ? path : ".");
	d = opendir(folder);
	while (d && (e = readdir(d)) != NULL)
		if (e->d_name[0] == '.' &&
		    strncmp(e->d_name + 1, name, len) == 0 &&
		    e->d_name[len + 1] == '.' &&
		    strlen(e->d_name) == len + 8 &&
		    is_left(dirfd(d), e->d_name, begin, n))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

int
ir_file_create(const char *path, const void *bytes, size_t n, mode_t mode,
    struct ir_err *err)
{
	return write_new(path, false, bytes, n, mode, 1, err);
}

/*
 * Ours alone until it is whole.  Owner and mode are changed through the
 * descriptor: by its name, in a folder that another user may write to, it
 * could be another file by then.
 */
static int
fill_secret(int fd, const void *bytes, size_t n, mode_t mode, gid_t group)
{
	if (ir_write_all(fd, bytes, n) ||
	    (group != (gid_t)-1 && fchown(fd, (uid_t)-1, group)) ||
	    fchmod(fd, mode))
		return -1;
	return fsync(fd);
}

int
ir_file_secret(const char *path, const void *bytes, size_t n, mode_t mode,
    gid_t group, struct ir_err *err)
{
	char tmp[PATH_MAX];
	int fd, rc, e;

	if ((size_t)snprintf(tmp, sizeof tmp, "%s.new", path) >= sizeof tmp)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", path);
	(void)unlink(tmp);	/* of a run that was killed */
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd < 0)
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", path);
	rc = fill_secret(fd, bytes, n, mode, group);
	e = errno;
	if (close(fd) && rc == 0) {
		rc = -1;
		e = errno;
	}
	if (rc == 0 && (rename(tmp, path) || ir_fsync_dir_of(path))) {
		rc = -1;
		e = errno;
	}
	if (rc == 0)
		return 0;
	(void)unlink(tmp);
	return ir_fail_errno(err, ir_errno_code(e, IR_IOERR), e, "%s", path);
}

int
ir_mkdirs(const char *path, mode_t mode, struct ir_err *err)
{
	char dir[PATH_MAX];
	struct stat st;
	char *p;
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof dir)
		return ir_fail(err, IR_CANTCREAT, "%s: bad folder name", path);
	memcpy(dir, path, n + 1);
	for (p = dir + 1; ; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		n = (size_t)(p - dir);
		*p = '\0';
		if (mkdir(dir, mode) && (errno != EEXIST || stat(dir, &st) ||
		    !S_ISDIR(st.st_mode)))
			return ir_fail_errno(err, IR_CANTCREAT, errno, "%s",
			    dir);
		if (path[n] == '\0')
			return 0;
		*p = '/';
	}
}

void
ir_sha256_hex(const void *bytes, size_t n, char out[65])
{
	unsigned char md[SHA256_DIGEST_LENGTH];
	SHA256_CTX c;

	SHA256_Init(&c);
	SHA256_Update(&c, bytes, n);
	SHA256_Final(md, &c);
	ir_hex(md, sizeof md, out);
}
