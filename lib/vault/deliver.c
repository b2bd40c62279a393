/* deliver.c - a credential into the file that a program reads; credential.h */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../aws/smtp_file.h"
#include "../core/file.h"
#include "credential.h"

#define HEAD "# written by quell\n"
#define FILE_MAX (4 * IR_CREDENTIAL_MAX)

/* Only lines NAME=..., comments and empty ones? */
static bool
is_env(const char *p, size_t n)
{
	const char *end = p + n, *nl;
	size_t k;

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (!nl)
			nl = end;
		for (k = 0; p + k < nl && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "abcdefghijklmnopqrstuvwxyz0123456789_", p[k]) && p[k]; )
			k++;
		if (p < nl && *p != '#' && (k == 0 || p + k == nl ||
		    p[k] != '='))
			return false;
	}
	return true;
}

static bool
is_ours(enum ir_credential_form form, const struct ir_buf *b)
{
	const char *v;
	size_t n;

	if (b->len == 0)
		return true;
	return form == IR_CREDENTIAL_EXIM ?
	    ir_smtp_file_find(b->data, b->len, "user", &v, &n) :
	    is_env(b->data, b->len);
}

/* 1 it is that already, 0 it may be replaced, or -1. */
static int
compare(const char *path, enum ir_credential_form form,
    const struct ir_buf *want, mode_t mode, gid_t group, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(FILE_MAX);
	struct stat st;
	int rc = 0, fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return errno == ELOOP || errno == ENXIO ?
		    ir_fail(err, IR_CONFIG,
		    "%s: a link, or not a regular file", path) :
		    ir_fail_errno(err, ir_errno_code(errno, IR_CANTCREAT),
		    errno, "%s", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		rc = ir_fail(err, IR_CONFIG,
		    "%s: a link, or not a regular file", path);
	else
		rc = ir_buf_read_fd(&b, fd, path, err);
	if (rc == 0 && !is_ours(form, &b))
		rc = ir_fail(err, IR_CANTCREAT,
		    "%s: holds something else: not replaced", path);
	if (rc == 0)
		rc = b.len == want->len && (st.st_mode & 07777) == mode &&
		    (group == (gid_t)-1 || st.st_gid == group) &&
		    memcmp(ir_buf_cstr(&b), ir_buf_cstr(want), b.len) == 0;
	ir_buf_free(&b);
	close(fd);
	return rc;
}

int
ir_credential_write(const char *path, enum ir_credential_form form,
    const struct ir_buf *b, mode_t mode, gid_t group, struct ir_err *err)
{
	struct ir_buf whole = IR_BUF_SECRET(FILE_MAX + sizeof HEAD);
	int rc;

	ir_buf_str(&whole, HEAD);
	ir_buf_add(&whole, b->data, b->len);
	rc = ir_buf_check(&whole, path, err);
	if (rc == 0)
		rc = compare(path, form, &whole, mode, group, err);
	if (rc == 0)
		rc = ir_file_secret(path, whole.data, whole.len, mode, group,
		    err) ? -1 : 1;
	else if (rc > 0)
		rc = 0;
	ir_buf_free(&whole);
	return rc;
}
