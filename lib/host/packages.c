/* packages.c - see packages.h */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/text.h"
#include "packages.h"

#define PIECE (256u << 10)

/* --- paths --------------------------------------------------------------- */

/* "bin/ls" is "usr/bin/ls" */
static bool
of_usr(const char *s, size_t n)
{
	static const char *const d[] = { "bin/", "sbin/", "lib/", "lib64/",
		"lib32/" };
	size_t i, k;

	for (i = 0; i < sizeof d / sizeof *d; i++) {
		k = strlen(d[i]);
		if (n > k && memcmp(s, d[i], k) == 0)
			return true;
	}
	return false;
}

static const char *
plain(const char *s, size_t *n)
{
	for (; *n && (*s == '/' || (*n > 1 && *s == '.' && s[1] == '/'));
	    (*n)--)
		s++;
	return s;
}

int
ir_paths_add(struct ir_paths *p, const char *path, size_t n,
    struct ir_err *err)
{
	size_t *more, want;

	path = plain(path, &n);
	if (n == 0 || memchr(path, '\0', n))
		return 0;
	if (p->n == IR_PATHS_MAX)
		return ir_fail(err, IR_DATAERR, "more than %d files of "
		    "packages", IR_PATHS_MAX);
	if (p->n == p->cap) {
		want = p->cap ? 2 * p->cap : 4096;
		more = realloc(p->at, want * sizeof *more);
		if (!more)
			return ir_fail_errno(err, IR_OSERR, ENOMEM, "paths");
		p->at = more;
		p->cap = want;
	}
	p->at[p->n++] = p->text.len;
	p->sorted = false;
	if (of_usr(path, n))
		ir_buf_str(&p->text, "usr/");
	ir_buf_add(&p->text, path, n);
	ir_buf_add(&p->text, "", 1);
	return ir_buf_check(&p->text, "files of packages", err);
}

static int
compare(const void *a, const void *b, void *text)
{
	const char *t = text;

	return strcmp(t + *(const size_t *)a, t + *(const size_t *)b);
}

void
ir_paths_sort(struct ir_paths *p)
{
	if (!p->sorted && p->n)
		qsort_r(p->at, p->n, sizeof *p->at, compare, p->text.data);
	p->sorted = true;
}

bool
ir_paths_have(const struct ir_paths *p, const char *path)
{
	size_t lo = 0, hi = p->n, mid, n = strlen(path);
	const char *have, *usr;
	int c;

	path = plain(path, &n);
	usr = of_usr(path, n) ? "usr/" : "";
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		have = p->text.data + p->at[mid];
		c = strncmp(usr, have, strlen(usr));
		if (c == 0)
			c = strcmp(path, have + strlen(usr));
		if (c == 0)
			return true;
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

void
ir_paths_free(struct ir_paths *p)
{
	ir_buf_free(&p->text);
	free(p->at);
	p->at = NULL;
	p->n = p->cap = 0;
}

/* --- lines --------------------------------------------------------------- */

int
ir_md5sums_line(const char *s, size_t n, char hash[33], char path[PATH_MAX])
{
	size_t i;

	if (n < 35 || s[32] != ' ' || s[33] != ' ' || n - 34 >= PATH_MAX ||
	    memchr(s, '\0', n))
		return -1;
	for (i = 0; i < 32; i++)
		if (ir_hex_digit(s[i]) < 0)
			return -1;
	memcpy(hash, s, 32);
	hash[32] = '\0';
	memcpy(path, s + 34, n - 34);
	path[n - 34] = '\0';
	return 0;
}

int
ir_rpm_line(const char *s, size_t n, struct ir_rpm_line *out)
{
	const char *slash = memchr(s, '/', n);
	size_t head, k;

	memset(out, 0, sizeof *out);
	if (!slash || memchr(s, '\0', n))
		return -1;
	head = (size_t)(slash - s);
	if (n - head >= PATH_MAX || head < 9)
		return -1;
	out->missing = memcmp(s, "missing", 7) == 0;
	for (k = 0; !out->missing && k < head && s[k] != ' '; k++)
		if (k > 9 || !strchr(".?SM5DLUGTP", s[k]))
			return -1;
	if (!out->missing && k < 8)
		return -1;
	memcpy(out->flags, s, out->missing ? 7 : k);
	/* what stands alone between blanks is the attribute */
	if (head >= 3 && s[head - 1] == ' ' && s[head - 3] == ' ' &&
	    strchr("cdglr", s[head - 2]) && s[head - 2] != '\0')
		out->attribute = s[head - 2];
	out->content = !out->missing && strchr(out->flags, '5');
	out->mode = !out->missing && strchr(out->flags, 'M');
	out->owner = !out->missing && (strchr(out->flags, 'U') ||
	    strchr(out->flags, 'G'));
	memcpy(out->path, slash, n - head);
	/* "missing /x (Permission denied)" */
	if (out->missing && strstr(out->path, " (")) {
		*strstr(out->path, " (") = '\0';
	}
	return 0;
}

/* --- hashes -------------------------------------------------------------- */

static int
hash_fd(int fd, const EVP_MD *md, size_t max, char *out)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	char *piece = malloc(PIECE);
	unsigned n = 0;
	ssize_t got = -1;
	int rc = -1;

	errno = ENOMEM;
	if (!c || !piece || !EVP_DigestInit_ex(c, md, NULL))
		goto out;
	while ((got = read(fd, piece, PIECE)) > 0 || (got < 0 &&
	    errno == EINTR)) {
		if (got < 0)
			continue;
		if ((size_t)got > max) {
			rc = 1;
			goto out;
		}
		max -= (size_t)got;
		if (!EVP_DigestUpdate(c, piece, (size_t)got))
			goto out;
	}
	if (got == 0 && EVP_DigestFinal_ex(c, sum, &n)) {
		ir_hex(sum, n, out);
		rc = 0;
	}
out:
	EVP_MD_CTX_free(c);
	free(piece);
	return rc;
}

int
ir_md5_fd(int fd, char hash[33])
{
	return hash_fd(fd, EVP_md5(), (size_t)-1, hash);
}

int
ir_sha256_fd(int fd, size_t max, char hash[65])
{
	return hash_fd(fd, EVP_sha256(), max, hash);
}
