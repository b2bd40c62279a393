/* file.c - see file.h */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
copy_xattrs(const char *from, int to)
{
	char names[4096], value[4096];
	ssize_t len, n;
	char *p;

	len = listxattr(from, names, sizeof names);
	for (p = names; len > 0 && p < names + len; p += strlen(p) + 1) {
		n = getxattr(from, p, value, sizeof value);
		if (n >= 0)
			(void)fsetxattr(to, p, value, (size_t)n, 0);
	}
}

/* Fill the open temporary; 0, or -1 and errno. */
static int
fill(int fd, const char *target, const struct stat *old, mode_t mode,
    const void *bytes, size_t n)
{
	if (old && (old->st_uid != geteuid() || old->st_gid != getegid()) &&
	    fchown(fd, old->st_uid, old->st_gid))
		return -1;
	if (fchmod(fd, old ? old->st_mode & 07777 : mode))
		return -1;
	if (old)
		copy_xattrs(target, fd);
	if (ir_write_all(fd, bytes, n))
		return -1;
	return fsync(fd);
}

static int
write_new(const char *target, const struct stat *old, const void *bytes,
    size_t n, mode_t mode, int exclusive, struct ir_err *err)
{
	char tmp[PATH_MAX];
	int fd, rc, e;
	const char *slash = strrchr(target, '/');
	size_t dirlen = slash ? (size_t)(slash - target) + 1 : 0;

	if ((size_t)snprintf(tmp, sizeof tmp, "%.*s.%s.XXXXXX", (int)dirlen,
	    target, target + dirlen) >= sizeof tmp)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", target);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", target);
	rc = fill(fd, target, old, mode, bytes, n);
	e = errno;
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
	struct stat st, *old = NULL;

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
		old = &st;
	} else if (errno != ENOENT) {
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", path);
	}
	return write_new(target, old, bytes, n, mode, 0, err);
}

int
ir_file_create(const char *path, const void *bytes, size_t n, mode_t mode,
    struct ir_err *err)
{
	return write_new(path, NULL, bytes, n, mode, 1, err);
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
	size_t i;

	SHA256_Init(&c);
	SHA256_Update(&c, bytes, n);
	SHA256_Final(md, &c);
	for (i = 0; i < sizeof md; i++)
		snprintf(out + 2 * i, 3, "%02x", md[i]);
}
