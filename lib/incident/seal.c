/* seal.c - see seal.h */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "../core/buf.h"
#include "../core/file.h"
#include "../core/text.h"
#include "bundle.h"
#include "join.h"
#include "journal.h"
#include "seal.h"
#include "view.h"

#define SUMS_MAX (64u << 20)

/* --- the files --------------------------------------------------------- */

/* Derived, locks, secrets; when sealing also the journal and other seals. */
static bool
left_out(const char *name, bool sealing)
{
	static const char *const never[] = { "incident.json", "due", "lock",
		"*.lock", "SHA256SUMS", "SHA256SUMS.new", "secrets",
		"secrets/*", ".*", "*/.*" };
	static const char *const chained[] = { "journal.jsonl", "seal",
		"seal/*" };
	size_t i;

	for (i = 0; i < sizeof never / sizeof *never; i++)
		if (fnmatch(never[i], name, 0) == 0)
			return true;
	for (i = 0; sealing && i < sizeof chained / sizeof *chained; i++)
		if (fnmatch(chained[i], name, 0) == 0)
			return true;
	return false;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/*
 * Call fn with each file that counts, in the order of names; *odd (may be
 * NULL) is how many links, pipes and the like were passed over.
 */
static int
each_file(const char *dir, bool sealing, size_t *odd,
    int (*fn)(const char *name, const char *path, void *arg,
    struct ir_err *err), void *arg, struct ir_err *err)
{
	char root[PATH_MAX], *paths[2] = { root, NULL };
	const char *name;
	size_t n = 0;
	FTSENT *e;
	FTS *fts;
	int rc = 0;

	if (!realpath(dir, root))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", dir);
	fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	if (!fts)
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", dir);
	while (rc == 0 && (e = fts_read(fts))) {
		name = e->fts_level > 0 ? e->fts_path + strlen(root) + 1 : "";
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
			rc = ir_fail_errno(err, IR_NOINPUT, e->fts_errno,
			    "%s", e->fts_path);
		} else if (e->fts_info == FTS_D && *name &&
		    left_out(name, sealing)) {
			fts_set(fts, e, FTS_SKIP);
		} else if (left_out(name, sealing)) {
			continue;
		} else if (e->fts_info != FTS_F) {
			if (odd && e->fts_info != FTS_D &&
			    e->fts_info != FTS_DP)
				++*odd;
		} else if (strpbrk(name, "\n\\")) {
			rc = ir_fail(err, IR_DATAERR,
			    "%s: such a name cannot be sealed", e->fts_path);
		} else if (++n > IR_SEAL_FILES) {
			rc = ir_fail(err, IR_DATAERR, "%s: too many files",
			    dir);
		} else {
			rc = fn(name, e->fts_path, arg, err);
		}
	}
	fts_close(fts);
	return rc;
}

/* Of a file of any size; -1 and errno. */
static int
hash_file(const char *path, char hex[65])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char md[EVP_MAX_MD_SIZE];
	char bytes[65536];
	unsigned int len, i;
	ssize_t n = -1;
	int ok = fd >= 0 && ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);

	while (ok && (n = read(fd, bytes, sizeof bytes)) > 0)
		ok = EVP_DigestUpdate(ctx, bytes, (size_t)n);
	ok = ok && n == 0 && EVP_DigestFinal_ex(ctx, md, &len);
	for (i = 0; ok && i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", md[i]);
	EVP_MD_CTX_free(ctx);
	if (fd >= 0)
		close(fd);
	return ok ? 0 : -1;
}

struct sums {
	struct ir_buf b;
	size_t n, odd;
};

static int
sum_one(const char *name, const char *path, void *arg, struct ir_err *err)
{
	struct sums *s = arg;
	char hex[65];

	if (hash_file(path, hex))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	ir_buf_fmt(&s->b, "%s  %s\n", hex, name);
	s->n++;
	return 0;
}

/* --- seals that are there ---------------------------------------------- */

/* Of the list of merged incidents as it stands in the line. */
static void
hash_list(const struct ir_rec *list, char hex[65])
{
	struct ir_buf b = IR_BUF(IR_REC_MAX);

	hex[0] = '\0';
	if (ir_rec_len(list)) {
		ir_rec_json(list, &b);
		ir_sha256_hex(ir_buf_cstr(&b), b.len, hex);
	}
	ir_buf_free(&b);
}

struct finding {
	struct ir_seal *s;
	bool pending;		/* its hash comes with the next line */
};

static int
find_seal(const struct ir_journal_line *l, void *arg)
{
	struct finding *f = arg;
	struct ir_seal *s = f->s;
	const char *event = ir_rec_get(l->rec, "event");
	const char *file = ir_rec_get(l->rec, "data.file");
	const char *sum = ir_rec_get(l->rec, "data.sha256");
	const char *time = ir_rec_get(l->rec, "time");

	if (f->pending)
		memcpy(s->head, l->tail->head, sizeof s->head);
	f->pending = false;
	if (event && strcmp(event, "incident.sealed") == 0) {
		s->number++;
		s->line = l->number;
		s->files = (size_t)ir_rec_get_int(l->rec, "data.files", 0);
		s->odd = (size_t)ir_rec_get_int(l->rec, "data.left_out", 0);
		snprintf(s->file, sizeof s->file, "%s", file ? file : "");
		snprintf(s->sha256, sizeof s->sha256, "%s", sum ? sum : "");
		snprintf(s->time, sizeof s->time, "%s", time ? time : "");
		hash_list(ir_rec_at(l->rec, "data.merged"), s->merged);
		s->stamped = false;
		s->fresh = f->pending = true;
	} else if (event && strcmp(event, "seal.stamped") == 0) {
		s->stamped = true;
	} else {
		s->fresh = false;
	}
	return 0;
}

int
ir_seal_last(const char *dir, struct ir_seal *s, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	struct finding f = { s, false };
	struct ir_journal_tail t;
	char path[PATH_MAX];
	int rc;

	memset(s, 0, sizeof *s);
	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	rc = ir_buf_read_kept(&b, path, err);
	if (rc == 0) {
		ir_journal_scan(ir_buf_cstr(&b), b.len, &t, find_seal, &f);
		if (f.pending)
			memcpy(s->head, t.head, sizeof s->head);
	}
	ir_buf_free(&b);
	return rc;
}

/* --- sealing ----------------------------------------------------------- */

static int
verified(const char *dir, struct ir_err *err)
{
	struct ir_journal_check c;

	if (ir_journal_verify(dir, &c, err))
		return -1;
	if (c.bad_line)
		return ir_fail(err, IR_DATAERR,
		    "%s: does not verify: line %zu: %s", dir, c.bad_line,
		    c.why);
	return 0;
}

static int
write_seal(struct ir_journal *j, const struct sums *sums, unsigned number,
    const struct ir_rec *merged, struct ir_err *err)
{
	struct ir_rec *data;
	char name[64], path[PATH_MAX], hex[65];

	snprintf(name, sizeof name, "seal/%04u.SHA256SUMS", number);
	ir_sha256_hex(ir_buf_cstr(&sums->b), sums->b.len, hex);
	/* what a killed run left of that number is in no journal: replaced */
	if (ir_journal_path(j, name, path, err) ||
	    ir_file_replace(path, ir_buf_cstr(&sums->b), sums->b.len, 0400,
	    err))
		return -1;
	data = ir_rec_object();
	ir_rec_str(data, "file", name);
	ir_rec_str(data, "sha256", hex);
	ir_rec_int(data, "files", (int64_t)sums->n);
	if (sums->odd)
		ir_rec_int(data, "left_out", (int64_t)sums->odd);
	if (ir_rec_len(merged))
		ir_rec_set(data, "merged", ir_rec_copy(merged));
	return ir_journal_add(j, "incident.sealed", data, err);
}

/* One folder; merged NULL: that of an incident that is a part of another. */
static int
seal_one(const char *dir, const char *from, const struct ir_rec *merged,
    struct ir_seal *s, struct ir_err *err)
{
	struct sums sums = { IR_BUF(SUMS_MAX), 0, 0 };
	struct ir_journal *j = NULL;
	int lock = ir_view_lock(dir, err), rc = -1;
	char hex[65];

	if (lock < 0)
		return -1;
	hash_list(merged, hex);
	if (verified(dir, err) || ir_seal_last(dir, s, err))
		goto out;
	if (s->number && s->fresh && (!merged || !strcmp(hex, s->merged))) {
		rc = 0;
		goto out;
	}
	if (each_file(dir, true, &sums.odd, sum_one, &sums, err) == 0 &&
	    ir_buf_check(&sums.b, "SHA256SUMS", err) == 0 &&
	    ir_journal_open(&j, dir, from, err) == 0 &&
	    write_seal(j, &sums, s->number + 1, merged, err) == 0 &&
	    ir_seal_last(dir, s, err) == 0)
		rc = 1;
out:
	ir_journal_close(j);
	ir_buf_free(&sums.b);
	close(lock);
	return rc;
}

int
ir_seal_make(const char *dir, const char *from, struct ir_seal *s,
    struct ir_err *err)
{
	struct ir_rec *family = ir_incident_family(dir, err), *o;
	struct ir_rec *merged = ir_rec_array();
	const char *part;
	size_t i;
	int rc = family ? 0 : -1;

	for (i = 1; rc >= 0 && i < ir_rec_len(family); i++) {
		part = ir_rec_cstr(ir_rec_item(family, i));
		rc = seal_one(part, from, NULL, s, err);
		o = ir_rec_object();
		ir_rec_str(o, "incident", strrchr(part, '/') ?
		    strrchr(part, '/') + 1 : part);
		ir_rec_str(o, "head", s->head);
		ir_rec_push(merged, o);
	}
	if (rc >= 0)
		rc = seal_one(dir, from, merged, s, err);
	ir_rec_free(merged);
	ir_rec_free(family);
	return rc;
}

/* --- stamps ------------------------------------------------------------ */

static int
stamp_path(const char *dir, const struct ir_seal *s, const char *ext,
    char path[PATH_MAX], struct ir_err *err)
{
	if ((size_t)snprintf(path, PATH_MAX, "%s/seal/%04u.%s", dir,
	    s->number, ext) >= PATH_MAX)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", dir);
	return 0;
}

int
ir_seal_query(const char *dir, const struct ir_seal *s, struct ir_buf *der,
    struct ir_err *err)
{
	char path[PATH_MAX];

	if (stamp_path(dir, s, "tsq", path, err))
		return -1;
	if (access(path, F_OK) == 0)
		return ir_buf_read_kept(der, path, err);
	return ir_stamp_request(s->head, der, err) ||
	    ir_file_create(path, der->data, der->len, 0400, err) ? -1 : 0;
}

static int
check_reply(const char *dir, const struct ir_seal *s, const void *reply,
    size_t n, const char *ca_file, int64_t at, struct ir_stamp *stamp,
    struct ir_err *err)
{
	struct ir_buf req = IR_BUF(IR_STAMP_MAX);
	char path[PATH_MAX];
	int rc = -1;

	if (stamp_path(dir, s, "tsq", path, err)) {
		/* said */
	} else if (access(path, F_OK)) {
		ir_fail(err, IR_USAGE, "seal %u: nothing was asked yet",
		    s->number);
	} else if (ir_buf_read_kept(&req, path, err) == 0) {
		rc = ir_stamp_verify(reply, n, ir_buf_cstr(&req), req.len,
		    s->head, ca_file, at, stamp, err);
	}
	ir_buf_free(&req);
	return rc;
}

int
ir_seal_stamp(const char *dir, const struct ir_seal *s, const char *from,
    const void *reply, size_t n, const char *ca_file, struct ir_stamp *stamp,
    struct ir_err *err)
{
	char path[PATH_MAX], name[64], hex[65];
	struct ir_journal *j = NULL;
	struct ir_rec *data;
	int rc = -1;

	if (check_reply(dir, s, reply, n, ca_file, 0, stamp, err))
		return -1;
	if (s->stamped)
		return 0;
	if (stamp_path(dir, s, "tsr", path, err) ||
	    ir_journal_open(&j, dir, from, err) ||
	    ir_file_replace(path, reply, n, 0400, err))
		goto out;
	snprintf(name, sizeof name, "seal/%04u.tsr", s->number);
	ir_sha256_hex(reply, n, hex);
	data = ir_rec_object();
	ir_rec_str(data, "file", name);
	ir_rec_str(data, "sha256", hex);
	ir_rec_str(data, "sealed", s->head);
	ir_rec_time(data, "stamped", stamp->time);
	ir_rec_str(data, "tsa", stamp->tsa);
	ir_rec_str(data, "policy", stamp->policy);
	ir_rec_str(data, "serial", stamp->serial);
	rc = ir_journal_add(j, "seal.stamped", data, err) ? -1 : 1;
out:
	ir_journal_close(j);
	return rc;
}

int
ir_seal_stamp_check(const char *dir, const struct ir_seal *s,
    const char *ca_file, struct ir_stamp *stamp, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_STAMP_MAX);
	char path[PATH_MAX];
	int rc = -1;

	if (stamp_path(dir, s, "tsr", path, err) == 0 &&
	    ir_buf_read_kept(&b, path, err) == 0)
		rc = check_reply(dir, s, ir_buf_cstr(&b), b.len, ca_file, -1,
		    stamp, err);
	ir_buf_free(&b);
	return rc;
}

/* --- what changed ------------------------------------------------------ */

struct ir_rec *
ir_seal_changed(const char *dir, const struct ir_seal *s, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(SUMS_MAX);
	struct ir_rec *list = NULL;
	char path[PATH_MAX], hex[65], name[PATH_MAX];
	const char *p, *nl;

	snprintf(path, sizeof path, "%s/%s", dir, s->file);
	if (ir_buf_read_kept(&b, path, err))
		goto out;
	list = ir_rec_array();
	for (p = ir_buf_cstr(&b); (nl = strchr(p, '\n')); p = nl + 1) {
		if (nl - p < 67 || nl - p > PATH_MAX)
			continue;
		snprintf(name, sizeof name, "%.*s", (int)(nl - p - 66),
		    p + 66);
		if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >=
		    sizeof path || hash_file(path, hex) ||
		    strncmp(hex, p, 64) != 0)
			ir_rec_push_str(list, name);
	}
out:
	ir_buf_free(&b);
	return list;
}

/* --- what was merged ---------------------------------------------------- */

struct seek {
	const char *head;	/* hash of the line that is looked for */
	size_t line;		/* of the list that is looked for */
	bool found;
	struct ir_rec *list;
};

static int
seek_list(const struct ir_journal_line *l, void *arg)
{
	struct seek *k = arg;

	if (l->number == k->line && ir_rec_at(l->rec, "data.merged"))
		k->list = ir_rec_copy(ir_rec_at(l->rec, "data.merged"));
	return k->list != NULL;
}

static int
seek_head(const struct ir_journal_line *l, void *arg)
{
	struct seek *k = arg;

	k->found = k->found || strcmp(l->tail->head, k->head) == 0;
	return 0;
}

static int
scan(const char *dir, int (*fn)(const struct ir_journal_line *, void *),
    struct seek *k, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_JOURNAL_MAX);
	struct ir_journal_tail t;
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof path, "%s/journal.jsonl", dir);
	rc = ir_buf_read_kept(&b, path, err);
	if (rc == 0)
		ir_journal_scan(ir_buf_cstr(&b), b.len, &t, fn, k);
	if (rc == 0 && k->head)		/* that of the last line, too */
		k->found = k->found || strcmp(t.head, k->head) == 0;
	ir_buf_free(&b);
	return rc;
}

/* Does its journal still hold what the seal stands for? */
static void
check_part(struct ir_rec *o, const char *dir, const char *head)
{
	struct ir_err err = IR_ERR_INIT;
	struct seek k = { .head = head };
	struct ir_rec *changed = NULL;
	struct ir_seal s;

	if (verified(dir, &err) == 0 && scan(dir, seek_head, &k, &err) == 0 &&
	    !k.found)
		ir_fail(&err, IR_DATAERR, "%s: the line that was sealed is "
		    "gone", dir);
	if (!err.code && ir_seal_last(dir, &s, &err) == 0 && s.number)
		changed = ir_seal_changed(dir, &s, &err);
	ir_rec_bool(o, "ok", err.code == 0);
	if (err.code)
		ir_rec_str(o, "why", err.msg);
	if (changed)
		ir_rec_set(o, "changed_since", changed);
}

struct ir_rec *
ir_seal_merged(const char *dir, const struct ir_seal *s, struct ir_err *err)
{
	struct seek k = { .line = s->line };
	struct ir_rec *out = ir_rec_array(), *o;
	const char *id, *head;
	char path[PATH_MAX];
	size_t i;

	if (s->merged[0] && scan(dir, seek_list, &k, err)) {
		ir_rec_free(out);
		return NULL;
	}
	for (i = 0; i < ir_rec_len(k.list); i++) {
		id = ir_rec_get(ir_rec_item(k.list, i), "incident");
		head = ir_rec_get(ir_rec_item(k.list, i), "head");
		o = ir_rec_object();
		ir_rec_str(o, "incident", id);
		if (!id || !head || strchr(id, '/') || *id == '.' ||
		    (size_t)snprintf(path, sizeof path, "%s/../%s", dir, id) >=
		    sizeof path)
			ir_rec_bool(o, "ok", false);
		else
			check_part(o, path, head);
		ir_rec_push(out, o);
	}
	ir_rec_free(k.list);
	return out;
}

/* --- the archive ------------------------------------------------------- */

struct archive {
	struct ir_bundle *b;
	const char *top;	/* name of the folder in it */
};

static int
add_one(const char *name, const char *path, void *arg, struct ir_err *err)
{
	struct archive *a = arg;
	char member[PATH_MAX];
	struct stat st;
	int fd, rc = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	snprintf(member, sizeof member, "%s/%s", a->top, name);
	if (fd < 0 || fstat(fd, &st))
		ir_fail_errno(err, IR_NOINPUT, errno, "%s", path);
	else
		rc = ir_bundle_add_fd(a->b, member, fd, st.st_size,
		    (int64_t)st.st_mtime, err);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
add_folder(struct archive *a, const char *dir, struct ir_err *err)
{
	char real[PATH_MAX];

	if (!realpath(dir, real))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", dir);
	a->top = strrchr(real, '/') + 1;
	return each_file(real, false, NULL, add_one, a, err);
}

int
ir_seal_tar(const char *dir, const char *path, struct ir_err *err)
{
	struct ir_rec *family;
	char part[PATH_MAX];
	struct archive a;
	size_t i;
	int rc;

	if (access(path, F_OK) == 0)
		return ir_fail_errno(err, IR_CANTCREAT, EEXIST, "%s", path);
	if ((size_t)snprintf(part, sizeof part, "%s.part", path) >=
	    sizeof part)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long", path);
	family = ir_incident_family(dir, err);
	if (!family)
		return -1;
	(void)unlink(part);	/* of a run that was killed */
	if (ir_bundle_open(&a.b, part, err)) {
		ir_rec_free(family);
		return -1;
	}
	ir_bundle_plain(a.b);
	rc = 0;
	for (i = 0; rc == 0 && i < ir_rec_len(family); i++)
		rc = add_folder(&a, ir_rec_cstr(ir_rec_item(family, i)), err);
	ir_rec_free(family);
	if (rc)
		ir_bundle_abort(a.b);
	else
		rc = ir_bundle_close(a.b, err);
	if (rc == 0)
		rc = ir_file_commit(part, path, err);
	if (rc)
		(void)unlink(part);
	return rc;
}
