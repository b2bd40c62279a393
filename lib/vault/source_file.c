/* source_file.c - keys in a file, and those that systemd hands over */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/file.h"
#include "seal.h"
#include "source.h"

/* --- file: --------------------------------------------------------------- */

static int
read_key(struct ir_secret *key, int fd, const char *path, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_VAULT_RAW_MAX);
	int rc = ir_buf_read_fd(&b, fd, path, err);

	if (rc == 0)
		rc = ir_secret_set(key, ir_buf_cstr(&b), b.len, err);
	ir_buf_free(&b);
	ir_secret_burn();
	return rc;
}

static int
read_key_file(struct ir_secret *key, const char *path, struct ir_err *err)
{
	int fd = ir_secret_open(path, err), rc;

	if (fd < 0)
		return -1;
	rc = read_key(key, fd, path, err);
	close(fd);
	return rc;
}

/* Whole or not at all, and never over one that is there. */
static int
make_key_file(const char *path, struct ir_err *err)
{
	unsigned char *k = ir_vault_alloc(IR_VAULT_KEY, err);
	int rc = -1;

	if (k && ir_vault_random(k, IR_VAULT_KEY, err) == 0)
		rc = ir_file_create(path, k, IR_VAULT_KEY, 0400, err);
	ir_vault_wipe(k, IR_VAULT_KEY);
	return rc;
}

/* From the root: the vault may be opened from another folder. */
static int
absolute(const char *path, char full[PATH_MAX], struct ir_err *err)
{
	char dir[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 1;

	if (slash && !slash[1])
		return ir_fail(err, IR_USAGE, "file: a folder: %s", path);
	if (snprintf(dir, sizeof dir, "%.*s", n ? (int)n : 1,
	    slash ? path : ".") >= (int)sizeof dir || !realpath(dir, real))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	if ((size_t)snprintf(full, PATH_MAX, "%s/%s",
	    strcmp(real, "/") == 0 ? "" : real,
	    slash ? slash + 1 : path) >= PATH_MAX)
		return ir_fail(err, IR_USAGE, "%s: name too long", path);
	return 0;
}

static int
file_wrap(struct ir_vault_ctx *x, const char *rest,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err)
{
	struct ir_secret key = IR_SECRET_INIT;
	char path[PATH_MAX];
	struct stat st;
	int rc;

	(void)x;
	if (absolute(rest, path, err) ||
	    ir_vault_set_source(head, "file", path, err))
		return -1;
	if (lstat(path, &st) && errno == ENOENT && make_key_file(path, err))
		return -1;
	rc = read_key_file(&key, path, err);
	if (rc == 0)
		rc = ir_vault_raw_wrap(&key, head, data, err);
	ir_secret_free(&key);
	return rc;
}

static int
file_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *rest, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	struct ir_secret key = IR_SECRET_INIT;
	int rc = read_key_file(&key, rest, err);

	(void)x;
	if (rc == 0)
		rc = ir_vault_raw_unwrap(&key, head, data, err);
	ir_secret_free(&key);
	return rc;
}

const struct ir_vault_kind ir_vault_file_kind = { "file", file_wrap,
	file_unwrap };

/* --- systemd: ------------------------------------------------------------ */

/*
 * systemd.exec(5), "Credentials": files in $CREDENTIALS_DIRECTORY.  For a
 * service that is not root's they are root's, readable through an ACL, and
 * then the group bits of the mode are the ACL's mask.
 */
static int
read_credential(struct ir_secret *key, const char *name, struct ir_err *err)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];
	struct stat st;
	int fd, rc;

	if (strchr(name, '/') || *name == '.')
		return ir_fail(err, IR_USAGE,
		    "systemd: not a credential's name: %s", name);
	if (!dir || *dir != '/') {
		ir_fail(err, IR_CONFIG,
		    "systemd:%s: no $CREDENTIALS_DIRECTORY", name);
		ir_hint(err, "LoadCredential= in the unit, or systemd-run -p");
		return -1;
	}
	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >=
	    sizeof path)
		return ir_fail(err, IR_CONFIG, "%s: name too long", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY);
	if (fd < 0)
		return ir_fail_errno(err, IR_CONFIG, errno, "%s", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    (st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & 037))
		rc = ir_fail(err, IR_CONFIG,
		    "%s: owner or mode unsafe (%04o)", path,
		    (unsigned)st.st_mode & 07777);
	else
		rc = read_key(key, fd, path, err);
	close(fd);
	return rc;
}

static int
systemd_wrap(struct ir_vault_ctx *x, const char *rest,
    struct ir_vault_head *head, unsigned char data[IR_VAULT_KEY],
    struct ir_err *err)
{
	struct ir_secret key = IR_SECRET_INIT;
	int rc = ir_vault_set_source(head, "systemd", rest, err);

	(void)x;
	if (rc == 0)
		rc = read_credential(&key, rest, err);
	if (rc == 0)
		rc = ir_vault_raw_wrap(&key, head, data, err);
	ir_secret_free(&key);
	return rc;
}

static int
systemd_unwrap(struct ir_vault_ctx *x, const struct ir_vault_head *head,
    const char *rest, unsigned char data[IR_VAULT_KEY], struct ir_err *err)
{
	struct ir_secret key = IR_SECRET_INIT;
	int rc = read_credential(&key, rest, err);

	(void)x;
	if (rc == 0)
		rc = ir_vault_raw_unwrap(&key, head, data, err);
	ir_secret_free(&key);
	return rc;
}

const struct ir_vault_kind ir_vault_systemd_kind = { "systemd", systemd_wrap,
	systemd_unwrap };
