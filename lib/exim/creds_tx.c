/* creds_tx.c - see creds_tx.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/record.h"
#include "../core/text.h"
#include "creds_tx.h"

#define STATE "exim-creds.json"
#define SAVED "exim-creds.saved-"

static const char *const words[] = { "none", "under-way", "done", "undoing",
	"undone" };

/* --- names -------------------------------------------------------------- */

static void
beside(const char *path, const char *tail, char to[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;

	if ((size_t)snprintf(to, PATH_MAX, "%.*s.%s.%s", (int)n, path,
	    path + n, tail) >= PATH_MAX)
		to[0] = '\0';
}

void
ir_tx_staged(const struct ir_tx *t, size_t n, char path[PATH_MAX])
{
	beside(t->file[n].path, "quell-new", path);
}

static void
kept_name(const struct ir_tx *t, size_t n, char path[PATH_MAX])
{
	beside(t->file[n].path, "quell-old", path);
}

static int
state_name(const struct ir_tx *t, const char *name, char path[PATH_MAX],
    struct ir_err *err)
{
	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", t->dir, name) >=
	    PATH_MAX)
		return ir_fail(err, IR_CANTCREAT, "%s: name too long",
		    t->dir);
	return 0;
}

static int
saved_name(const struct ir_tx *t, size_t n, char path[PATH_MAX],
    struct ir_err *err)
{
	char name[64];

	snprintf(name, sizeof name, SAVED "%ld-%zu", t->generation, n);
	return state_name(t, name, path, err);
}

/* Hash of a file; "" when it is not there. */
static int
sum_of(const char *path, char sum[65], struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CONF_FILE_MAX);
	int rc = 0;

	sum[0] = '\0';
	if (access(path, F_OK) == 0 || errno != ENOENT) {
		rc = ir_buf_read_file(&b, path, err);
		if (rc == 0)
			ir_sha256_hex(ir_buf_cstr(&b), b.len, sum);
	}
	ir_buf_free(&b);
	return rc;
}

/* --- the state file ----------------------------------------------------- */

static void
put_hex(struct ir_rec *r, const char *key, const struct ir_buf *b)
{
	struct ir_buf hex = IR_BUF(2 * b->max + 2);
	size_t i;

	for (i = 0; i < b->len; i++)
		ir_buf_fmt(&hex, "%02x", (unsigned char)b->data[i]);
	ir_rec_str(r, key, ir_buf_cstr(&hex));
	ir_buf_free(&hex);
}

static void
get_hex(const char *s, struct ir_buf *b)
{
	unsigned v;

	for (; s && s[0] && s[1] && sscanf(s, "%2x", &v) == 1; s += 2)
		ir_buf_chr(b, (int)v);
}

static struct ir_rec *
state_record(const struct ir_tx *t)
{
	struct ir_rec *r = ir_rec_new("exim-creds-state", "exim-creds");
	struct ir_rec *files = ir_rec_array(), *f;
	size_t i;

	ir_rec_str(r, "status", words[t->status]);
	ir_rec_time(r, "time", t->time);
	ir_rec_int(r, "generation", t->generation);
	ir_rec_str(r, "user", t->user);
	ir_rec_bool(r, "generate", t->generate);
	ir_rec_bool(r, "config", t->config);
	for (i = 0; i < t->n; i++) {
		f = ir_rec_object();
		ir_rec_str(f, "path", t->file[i].path);
		ir_rec_str(f, "old", t->file[i].old_sum);
		ir_rec_str(f, "new", t->file[i].new_sum);
		ir_rec_int(f, "uid", (int64_t)t->file[i].meta.uid);
		ir_rec_int(f, "gid", (int64_t)t->file[i].meta.gid);
		ir_rec_int(f, "mode", (int64_t)t->file[i].meta.mode);
		ir_rec_bool(f, "config", t->file[i].config);
		put_hex(f, "xattr", &t->file[i].meta.xattr);
		ir_rec_push(files, f);
	}
	ir_rec_set(r, "files", files);
	return r;
}

/* Remove what was kept, of one generation or of all but that one. */
static void
forget(const struct ir_tx *t, long generation, bool others)
{
	struct dirent *e;
	char path[PATH_MAX];
	DIR *d = opendir(t->dir);

	while (d && (e = readdir(d)))
		if (strncmp(e->d_name, SAVED, sizeof SAVED - 1) == 0 &&
		    (strtol(e->d_name + sizeof SAVED - 1, NULL, 10) ==
		    generation) != others &&
		    state_name(t, e->d_name, path, NULL) == 0)
			(void)unlink(path);
	if (d)
		closedir(d);
}

void
ir_tx_tidy(const struct ir_tx *t)
{
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < t->n; i++) {
		kept_name(t, i, path);
		(void)unlink(path);
		ir_tx_staged(t, i, path);
		(void)unlink(path);
	}
	forget(t, t->status == IR_TX_UNDONE || t->status == IR_TX_NONE ? -1 :
	    t->generation, true);
}

int
ir_tx_mark(struct ir_tx *t, enum ir_tx_status status, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1u << 20);
	char path[PATH_MAX];
	struct ir_rec *r;
	int rc;

	t->status = status;
	r = state_record(t);
	ir_rec_json(r, &b);
	ir_buf_chr(&b, '\n');
	ir_rec_free(r);
	rc = state_name(t, STATE, path, err);
	if (rc == 0)
		rc = ir_buf_check(&b, STATE, err);
	if (rc == 0)
		rc = ir_file_replace(path, b.data, b.len, 0600, err);
	ir_buf_free(&b);
	if (rc)
		return -1;
	if (status == IR_TX_UNDER_WAY)
		forget(t, t->generation, true);
	else
		ir_tx_tidy(t);
	return 0;
}

static int
read_state(struct ir_tx *t, const struct ir_rec *r)
{
	const struct ir_rec *files = ir_rec_at(r, "files"), *f;
	const char *status = ir_rec_get(r, "status"), *s;
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (status && strcmp(status, words[i]) == 0)
			break;
	if (i == sizeof words / sizeof *words || !files ||
	    ir_rec_len(files) > IR_CREDS_CHANGES)
		return -1;
	t->status = (enum ir_tx_status)i;
	t->generate = ir_rec_get_bool(r, "generate", false);
	t->config = ir_rec_get_bool(r, "config", false);
	t->generation = (long)ir_rec_get_int(r, "generation", 0);
	s = ir_rec_get(r, "user");
	snprintf(t->user, sizeof t->user, "%s", s ? s : "");
	s = ir_rec_get(r, "time");
	if (s)
		(void)ir_time_parse(s, &t->time);
	for (t->n = 0; t->n < ir_rec_len(files); t->n++) {
		struct ir_tx_file *x = &t->file[t->n];

		f = ir_rec_item(files, t->n);
		s = ir_rec_get(f, "path");
		if (!s || *s != '/' || strlen(s) >= PATH_MAX)
			return -1;
		snprintf(x->path, sizeof x->path, "%s", s);
		s = ir_rec_get(f, "old");
		snprintf(x->old_sum, sizeof x->old_sum, "%s", s ? s : "");
		s = ir_rec_get(f, "new");
		snprintf(x->new_sum, sizeof x->new_sum, "%s", s ? s : "");
		x->config = ir_rec_get_bool(f, "config", false);
		x->meta = (struct ir_file_meta)IR_FILE_META_INIT;
		x->meta.uid = (uid_t)ir_rec_get_int(f, "uid", 0);
		x->meta.gid = (gid_t)ir_rec_get_int(f, "gid", 0);
		x->meta.mode = (mode_t)ir_rec_get_int(f, "mode", 0600) &
		    07777;
		get_hex(ir_rec_get(f, "xattr"), &x->meta.xattr);
	}
	return 0;
}

int
ir_tx_load(struct ir_tx *t, const char *dir, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(1u << 20);
	char path[PATH_MAX];
	struct ir_rec *r = NULL;
	struct stat st;
	int rc;

	memset(t, 0, sizeof *t);
	snprintf(t->dir, sizeof t->dir, "%s", dir);
	if (state_name(t, STATE, path, err))
		return -1;
	if (lstat(path, &st)) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT),
		    errno, "%s", path);
	}
	/* it says where files are put back to: it must be ours */
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid) ||
	    (st.st_mode & 022))
		return ir_fail(err, IR_CONFIG, "%s: others may change it",
		    path);
	rc = ir_buf_read_file(&b, path, err);
	if (rc == 0 && !(r = ir_rec_parse(ir_buf_cstr(&b), b.len, err)))
		rc = -1;
	if (rc == 0 && read_state(t, r))
		rc = ir_fail(err, IR_DATAERR, "%s: not what exim-creds "
		    "writes", path);
	ir_rec_free(r);
	ir_buf_free(&b);
	return rc;
}

void
ir_tx_free(struct ir_tx *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		ir_file_meta_free(&t->file[i].meta);
	t->n = 0;
}

/* --- going on ----------------------------------------------------------- */

static int
save_one(struct ir_tx *t, const struct ir_creds_change *ch,
    struct ir_err *err)
{
	struct ir_tx_file *f = &t->file[t->n];
	struct ir_file_meta own = IR_FILE_META_INIT;
	char path[PATH_MAX], now[65];
	size_t i;

	memset(f, 0, sizeof *f);
	snprintf(f->path, sizeof f->path, "%s", ch->path);
	f->config = ch->config;
	f->meta = (struct ir_file_meta)IR_FILE_META_INIT;
	f->meta.uid = ch->meta.uid;
	f->meta.gid = ch->meta.gid;
	f->meta.mode = ch->meta.mode;
	ir_buf_add(&f->meta.xattr, ir_buf_cstr(&ch->meta.xattr),
	    ch->meta.xattr.len);
	i = t->n++;
	if (!ch->made)
		ir_sha256_hex(ir_buf_cstr(&ch->old), ch->old.len,
		    f->old_sum);
	ir_sha256_hex(ir_buf_cstr(&ch->new), ch->new.len, f->new_sum);
	if (sum_of(f->path, now, err))
		return -1;
	if (strcmp(now, f->old_sum) != 0)
		return ir_fail(err, IR_TEMPFAIL, "%s: somebody else has "
		    "changed it just now", f->path);
	if (ch->made)
		return 0;
	own.uid = geteuid();
	own.gid = getegid();
	if (saved_name(t, i, path, err))
		return -1;
	return ir_file_stage(path, ir_buf_cstr(&ch->old), ch->old.len, &own,
	    err);
}

int
ir_tx_begin(struct ir_tx *t, const struct ir_creds_plan *plan,
    const char *user, bool generate, struct ir_err *err)
{
	size_t i;
	int rc = 0;

	ir_tx_free(t);
	t->generation++;
	forget(t, t->generation, false);
	t->generate = generate;
	t->config = plan->config;
	t->time = ir_now();
	snprintf(t->user, sizeof t->user, "%s", user);
	for (i = 0; rc == 0 && i < plan->n; i++)
		rc = save_one(t, &plan->change[i], err);
	if (rc == 0)
		rc = ir_tx_mark(t, IR_TX_UNDER_WAY, err);
	if (rc)
		forget(t, t->generation, false);
	return rc;
}

int
ir_tx_stage(struct ir_tx *t, const struct ir_creds_plan *plan,
    struct ir_err *err)
{
	struct ir_file_meta got = IR_FILE_META_INIT;
	const struct ir_creds_change *ch;
	char path[PATH_MAX];
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < plan->n; i++) {
		ch = &plan->change[i];
		ir_tx_staged(t, i, path);
		(void)unlink(path);	/* of a run that was killed */
		rc = ir_file_stage(path, ir_buf_cstr(&ch->new), ch->new.len,
		    &ch->meta, err);
		if (rc == 0)
			rc = ir_file_meta(path, &got, err);
		if (rc == 0 && !ch->made &&
		    !ir_file_meta_same(&got, &ch->meta))
			rc = ir_fail(err, IR_CONFIG, "%s: its owner, mode or "
			    "extended attributes cannot be kept", ch->path);
	}
	ir_file_meta_free(&got);
	return rc;
}

int
ir_tx_commit(struct ir_tx *t, struct ir_err *err)
{
	char staged[PATH_MAX], kept[PATH_MAX];
	size_t i;

	for (i = 0; i < t->n; i++) {
		ir_tx_staged(t, i, staged);
		kept_name(t, i, kept);
		(void)unlink(kept);
		/* so that it can come back on a full disk as well */
		(void)!link(t->file[i].path, kept);
		if (ir_file_commit(staged, t->file[i].path, err))
			return -1;
	}
	return 0;
}

static int
restore_one(struct ir_tx *t, size_t n, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CONF_FILE_MAX);
	struct ir_tx_file *f = &t->file[n];
	char kept[PATH_MAX], saved[PATH_MAX], sum[65];
	int rc;

	kept_name(t, n, kept);
	if (sum_of(kept, sum, NULL) == 0 && *sum &&
	    strcmp(sum, f->old_sum) == 0)
		return ir_file_commit(kept, f->path, err);
	rc = saved_name(t, n, saved, err);
	if (rc == 0)
		rc = ir_buf_read_file(&b, saved, err);
	if (rc == 0) {
		ir_sha256_hex(ir_buf_cstr(&b), b.len, sum);
		if (strcmp(sum, f->old_sum) != 0)
			rc = ir_fail(err, IR_DATAERR, "%s: not what was kept",
			    saved);
	}
	if (rc == 0) {
		ir_tx_staged(t, n, kept);
		(void)unlink(kept);
		rc = ir_file_stage(kept, ir_buf_cstr(&b), b.len, &f->meta,
		    err);
	}
	if (rc == 0)
		rc = ir_file_commit(kept, f->path, err);
	ir_buf_free(&b);
	return rc;
}

int
ir_tx_restore(struct ir_tx *t, struct ir_err *err)
{
	char now[IR_CREDS_CHANGES][65], path[PATH_MAX];
	const struct ir_tx_file *f;
	size_t i;
	int rc = 0;

	for (i = 0; i < t->n; i++) {
		f = &t->file[i];
		if (sum_of(f->path, now[i], err))
			return -1;
		if (strcmp(now[i], f->old_sum) != 0 &&
		    strcmp(now[i], f->new_sum) != 0) {
			ir_fail(err, IR_CONFIG, "%s: changed by somebody "
			    "else since: nothing is put back", f->path);
			ir_hint(err, "what it was is kept in %s", t->dir);
			return -1;
		}
	}
	for (i = 0; i < t->n; i++) {
		f = &t->file[i];
		ir_tx_staged(t, i, path);
		(void)unlink(path);
		if (strcmp(now[i], f->old_sum) == 0)
			continue;
		if (*f->old_sum == '\0') {
			if (unlink(f->path) || ir_fsync_dir_of(f->path))
				rc = ir_fail_errno(err, IR_IOERR, errno,
				    "%s", f->path);
		} else if (restore_one(t, i, err)) {
			rc = -1;
		}
	}
	return rc;
}
