/* smtp_file.c - see smtp_file.h */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/file.h"
#include "smtp_file.h"

#define HEAD "# SES SMTP credentials, written by ses-rotate\n"

/* The line at *at without its end and the white space around it. */
static bool
next_line(const char **at, const char *end, const char **line, size_t *len)
{
	const char *nl, *p = *at, *e;

	if (p >= end)
		return false;
	nl = memchr(p, '\n', (size_t)(end - p));
	e = nl ? nl : end;
	*at = nl ? nl + 1 : end;
	while (p < e && (*p == ' ' || *p == '\t'))
		p++;
	while (e > p && (e[-1] == ' ' || e[-1] == '\t' || e[-1] == '\r'))
		e--;
	*line = p;
	*len = (size_t)(e - p);
	return true;
}

bool
ir_smtp_file_find(const char *p, size_t n, const char *name,
    const char **value, size_t *len)
{
	const char *at = p, *line;
	size_t k = strlen(name);

	while (next_line(&at, p + n, &line, len)) {
		if (*len <= k || memcmp(line, name, k) != 0 || line[k] != ':')
			continue;
		for (k++; k < *len && (line[k] == ' ' || line[k] == '\t'); k++)
			;
		*value = line + k;
		*len -= k;
		return *len > 0;
	}
	return false;
}

/* No link is followed, no pipe waited for. */
static int
open_plain(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY);
}

int
ir_smtp_file_read(const char *path, struct ir_buf *b, struct ir_err *err)
{
	struct stat st;
	int rc, fd = open_plain(path);

	if (fd < 0)
		return ir_fail_errno(err, errno == ELOOP ? IR_CONFIG :
		    IR_NOINPUT, errno, "%s", path);
	if (fstat(fd, &st)) {
		rc = ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	} else if (!S_ISREG(st.st_mode)) {
		rc = ir_fail(err, IR_CONFIG, "%s: not a regular file", path);
	} else if ((st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & 037)) {
		rc = ir_fail(err, IR_CONFIG,
		    "%s: others may read or change it (mode %04o)", path,
		    (unsigned)st.st_mode & 07777);
		ir_hint(err, "chmod 600 %s", path);
	} else {
		rc = ir_buf_read_fd(b, fd, path, err);
	}
	close(fd);
	return rc;
}

int
ir_smtp_file_password(const struct ir_buf *b, const char *region,
    struct ir_secret *out, struct ir_err *err)
{
	const char *p = ir_buf_cstr(b), *at = p, *v;
	char name[64];
	size_t n;

	snprintf(name, sizeof name, "pass.%s", region);
	if (ir_smtp_file_find(p, b->len, name, &v, &n) ||
	    ir_smtp_file_find(p, b->len, "pass", &v, &n))
		return ir_secret_set(out, v, n, err);
	/* a bare password, alone in its file */
	if (next_line(&at, p + b->len, &v, &n) && at == p + b->len && n &&
	    !memchr(v, ' ', n) && !memchr(v, ':', n))
		return ir_secret_set(out, v, n, err);
	return ir_fail(err, IR_DATAERR, "no password for %s in it", region);
}

int
ir_smtp_file_check(const char *path, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	char probe[PATH_MAX];
	const char *v;
	struct stat st;
	size_t n;
	int rc = 0, fd = open_plain(path);

	if (fd < 0 && errno != ENOENT)
		return errno == ELOOP || errno == ENXIO ?
		    ir_fail(err, IR_CONFIG,
		    "%s: a link, or not a regular file", path) :
		    ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	if (fd >= 0) {
		if (fstat(fd, &st) || !S_ISREG(st.st_mode))
			rc = ir_fail(err, IR_CONFIG,
			    "%s: a link, or not a regular file", path);
		if (rc == 0)
			rc = ir_buf_read_fd(&b, fd, path, err);
		if (rc == 0 && b.len &&
		    !ir_smtp_file_find(b.data, b.len, "user", &v, &n))
			rc = ir_fail(err, IR_CANTCREAT,
			    "%s: holds something else: not replaced", path);
		ir_buf_free(&b);
		close(fd);
	}
	if (rc)
		return -1;
	/* the secret is shown once: find out now that it has no place */
	if ((size_t)snprintf(probe, sizeof probe, "%s.probe", path) >=
	    sizeof probe)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", path);
	(void)unlink(probe);
	rc = ir_file_create(probe, HEAD, sizeof HEAD - 1, 0600, err);
	(void)unlink(probe);
	return rc;
}

int
ir_smtp_file_write(const char *path, mode_t mode, gid_t group,
    const char *user, const char *const *regions,
    const struct ir_secret *pass, size_t n, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SMTP_FILE_MAX);
	size_t i;
	int rc;

	ir_buf_fmt(&b, HEAD "user: %s\npass: ", user);
	ir_buf_add(&b, pass[0].data, pass[0].len);
	ir_buf_chr(&b, '\n');
	for (i = 0; n > 1 && i < n; i++) {
		ir_buf_fmt(&b, "pass.%s: ", regions[i]);
		ir_buf_add(&b, pass[i].data, pass[i].len);
		ir_buf_chr(&b, '\n');
	}
	rc = ir_buf_check(&b, path, err);
	if (rc == 0)
		rc = ir_file_secret(path, b.data, b.len, mode, group, err);
	ir_buf_free(&b);
	return rc;
}
