/* secret.c - see secret.h */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "buf.h"
#include "secret.h"

#define HEAP_BYTES (256 * 1024)
#define HEAP_MIN 32

void *
ir_secret_alloc(size_t n)
{
	/*
	 * 2 means that memory could not be locked (RLIMIT_MEMLOCK): it is
	 * still cleansed and apart, so go on.
	 */
	if (!CRYPTO_secure_malloc_initialized())
		(void)CRYPTO_secure_malloc_init(HEAP_BYTES, HEAP_MIN);
	return OPENSSL_secure_zalloc(n);
}

int
ir_secret_set(struct ir_secret *s, const char *bytes, size_t n,
    struct ir_err *err)
{
	char *p;

	if (n > IR_SECRET_MAX)
		return ir_fail(err, IR_DATAERR,
		    "secret: longer than %d bytes", IR_SECRET_MAX);
	p = ir_secret_alloc(n + 1);
	if (!p)
		return ir_fail(err, IR_OSERR, "no memory for a secret");
	memcpy(p, bytes, n);
	ir_secret_free(s);
	s->data = p;
	s->len = n;
	return 0;
}

void
ir_secret_free(struct ir_secret *s)
{
	if (s->data)
		OPENSSL_secure_clear_free(s->data, s->len + 1);
	s->data = NULL;
	s->len = 0;
}

int
ir_secret_read_fd(struct ir_secret *s, int fd, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SECRET_MAX);
	int rc = ir_buf_read_fd(&b, fd, "secret", err);

	if (rc == 0) {
		if (b.len && b.data[b.len - 1] == '\n')
			ir_buf_trunc(&b, b.len - 1);
		rc = ir_secret_set(s, ir_buf_cstr(&b), b.len, err);
	}
	ir_buf_free(&b);
	return rc;
}

int
ir_secret_open(const char *path, struct ir_err *err)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY);
	if (fd < 0)
		return ir_fail_errno(err,
		    errno == ELOOP ? IR_CONFIG : IR_NOINPUT, errno, "%s",
		    path);
	if (fstat(fd, &st)) {
		ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	} else if (!S_ISREG(st.st_mode)) {
		ir_fail(err, IR_CONFIG, "%s: not a regular file", path);
	} else if (st.st_uid != geteuid() && st.st_uid != 0) {
		ir_fail(err, IR_CONFIG, "%s: owned by user %u", path,
		    (unsigned)st.st_uid);
	} else if (st.st_mode & 077) {
		ir_fail(err, IR_CONFIG, "%s: open to others (mode %04o)",
		    path, (unsigned)st.st_mode & 07777);
		ir_hint(err, "chmod 600 %s", path);
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

int
ir_secret_read_file(struct ir_secret *s, const char *path, struct ir_err *err)
{
	int fd = ir_secret_open(path, err), rc;

	if (fd < 0)
		return -1;
	rc = ir_secret_read_fd(s, fd, err);
	if (rc)
		ir_fail_prefix(err, "%s", path);
	close(fd);
	return rc;
}

int
ir_secret_take_env(struct ir_secret *s, const char *name, struct ir_err *err)
{
	char *v = getenv(name);
	int rc;

	if (!v || !*v)
		return 0;
	rc = ir_secret_set(s, v, strlen(v), err);
	OPENSSL_cleanse(v, strlen(v));
	unsetenv(name);
	return rc;
}

void
ir_secret_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}

__attribute__((noinline)) void
ir_secret_burn(void)
{
	char below[65536];

	OPENSSL_cleanse(below, sizeof below);
}
