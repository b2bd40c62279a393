/* vault.c - see vault.h; the file's bytes are format.h's */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "../core/file.h"
#include "../core/text.h"
#include "../incident/journal.h"
#include "format.h"
#include "seal.h"
#include "seen.h"
#include "source.h"
#include "vault.h"

#define LOCK_TRIES 50
#define LOCK_PAUSE_MS 100

struct record {
	struct ir_vault_item item;
	unsigned char *bytes;		/* label, then box; owned */
	size_t nlabel, nbox;
};

struct ir_vault {
	char path[PATH_MAX];
	struct ir_vault_opts o;
	struct ir_vault_ctx ctx;
	int lock;			/* -1: opened for reading */
	struct ir_vault_head head;
	struct ir_vault_keys *keys;
	unsigned char mac[IR_VAULT_MAC];
	uint64_t seen;			/* a write goes beyond it */
	struct record *rec;		/* by name, then version */
	size_t n, cap;
};

/* --- records ------------------------------------------------------------ */

static int
by_name(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int d = strcmp(x->item.name, y->item.name);

	return d ? d : (x->item.version > y->item.version) -
	    (x->item.version < y->item.version);
}

static void
sort(struct ir_vault *v)
{
	if (v->n > 1)
		qsort(v->rec, v->n, sizeof *v->rec, by_name);
}

static struct record *
find(const struct ir_vault *v, const char *name, uint32_t version)
{
	struct record *found = NULL;
	size_t i;

	for (i = 0; i < v->n; i++)
		if (strcmp(v->rec[i].item.name, name) == 0 &&
		    (!version || v->rec[i].item.version == version))
			found = &v->rec[i];
	return found;
}

static int
grow(struct ir_vault *v, size_t n, struct ir_err *err)
{
	struct record *p;

	if (n > IR_VAULT_RECORDS)
		return ir_fail(err, IR_DATAERR, "%s: more than %d records",
		    v->path, IR_VAULT_RECORDS);
	if (n <= v->cap)
		return 0;
	p = reallocarray(v->rec, n + 16, sizeof *p);
	if (!p)
		return ir_fail(err, IR_OSERR, "no memory");
	v->rec = p;
	v->cap = n + 16;
	return 0;
}

static struct ir_vault_aad
label_aad(const struct ir_vault *v)
{
	return (struct ir_vault_aad){ { "label", v->head.id },
	    { 5, IR_VAULT_ID } };
}

/* The record's own copy of its sealed bytes, and what its label says. */
static int
open_record(struct ir_vault *v, struct record *r,
    const struct ir_vault_sealed *s, struct ir_err *err)
{
	const struct ir_vault_aad aad = label_aad(v);
	unsigned char label[IR_VAULT_LABEL];

	r->nlabel = s->nlabel;
	r->nbox = s->nbox;
	if (ir_vault_unseal(v->keys->label, &aad, s->label, s->nlabel, label,
	    err) || ir_vault_label_parse(&r->item, label,
	    s->nlabel - IR_VAULT_SEAL, err))
		return -1;
	r->bytes = malloc(r->nlabel + r->nbox);
	if (!r->bytes)
		return ir_fail(err, IR_OSERR, "no memory");
	memcpy(r->bytes, s->label, s->nlabel);
	memcpy(r->bytes + s->nlabel, s->box, s->nbox);
	return 0;
}

static int
seal_record(const struct ir_vault *v, const struct ir_vault_keys *k,
    struct record *r, const void *block, size_t n, struct ir_err *err)
{
	unsigned char label[IR_VAULT_LABEL];
	size_t len = ir_vault_label(&r->item, label);
	const struct ir_vault_aad of_label = label_aad(v), of_box = {
	    { v->head.id, label }, { IR_VAULT_ID, len } };

	r->nlabel = len + IR_VAULT_SEAL;
	r->nbox = n + IR_VAULT_SEAL;
	r->bytes = malloc(r->nlabel + r->nbox);
	if (!r->bytes)
		return ir_fail(err, IR_OSERR, "no memory");
	if (ir_vault_seal(k->label, &of_label, label, len, r->bytes, err) ||
	    ir_vault_seal(k->box, &of_box, block, n, r->bytes + r->nlabel,
	    err)) {
		free(r->bytes);
		r->bytes = NULL;
		return -1;
	}
	return 0;
}

/* The block of a record, on the secure heap: *n bytes, or NULL. */
static char *
open_box(const struct ir_vault *v, const struct record *r, size_t *n,
    struct ir_err *err)
{
	unsigned char label[IR_VAULT_LABEL];
	size_t len = ir_vault_label(&r->item, label);
	const struct ir_vault_aad aad = { { v->head.id, label },
	    { IR_VAULT_ID, len } };
	char *block;

	*n = r->nbox - IR_VAULT_SEAL;
	block = ir_vault_alloc(*n + 1, err);
	if (block && ir_vault_unseal(v->keys->box, &aad,
	    r->bytes + r->nlabel, r->nbox, block, err)) {
		ir_fail_prefix(err, "%s: %s", v->path, r->item.name);
		ir_vault_wipe(block, *n + 1);
		block = NULL;
	}
	ir_secret_burn();
	return block;
}

static void
free_records(struct record *rec, size_t n)
{
	while (n)
		free(rec[--n].bytes);
	free(rec);
}

/* --- the file ----------------------------------------------------------- */

static int
read_file(const struct ir_vault *v, struct ir_buf *b, struct ir_err *err)
{
	int fd = ir_secret_open(v->path, err), rc;

	if (fd < 0)
		return -1;
	rc = ir_buf_read_fd(b, fd, v->path, err);
	close(fd);
	return rc;
}

static int
check_mac(struct ir_vault *v, const struct ir_vault_file *f,
    const unsigned char *bytes, struct ir_err *err)
{
	unsigned char mac[IR_VAULT_MAC];

	if (ir_vault_hmac(v->keys->mac, bytes, (size_t)(f->mac - bytes), mac,
	    err))
		return -1;
	if (!ir_vault_same(mac, f->mac, sizeof mac))
		return ir_fail(err, IR_DATAERR,
		    "not authentic: it was changed, or put together from "
		    "others");
	memcpy(v->mac, mac, sizeof mac);
	return 0;
}

/* The option's place of the key goes before the file's, if of that kind. */
static const char *
key_place(const struct ir_vault *v)
{
	const char *key = v->o.key, *colon = key ? strchr(key, ':') : NULL;

	return colon && strncmp(key, v->head.source,
	    (size_t)(colon - key) + 1) == 0 ? key : NULL;
}

static int
load(struct ir_vault *v, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_VAULT_FILE_MAX);
	struct ir_vault_file f = { .n = 0 };
	const unsigned char *bytes;
	size_t i;
	int rc = -1;

	if (read_file(v, &b, err))
		goto out;
	bytes = (const unsigned char *)ir_buf_cstr(&b);
	if (ir_vault_parse(&f, bytes, b.len, err))
		goto named;
	v->head = f.head;
	if (ir_vault_unwrap(&v->ctx, &v->head, key_place(v), v->keys->data,
	    err) || ir_vault_derive(v->keys, v->head.id, err) ||
	    check_mac(v, &f, bytes, err) || grow(v, f.n, err))
		goto named;
	for (i = 0; i < f.n; i++, v->n++) {
		v->rec[v->n].bytes = NULL;
		if (open_record(v, &v->rec[v->n], &f.sealed[i], err))
			goto named;
	}
	rc = 0;
	goto out;
named:
	ir_fail_prefix(err, "%s", v->path);
out:
	ir_vault_file_free(&f);
	ir_buf_free(&b);
	ir_secret_burn();
	return rc;
}

/*
 * Read it, and compare it with what was seen.  A reader has no lock: between
 * the two another run may have changed it, and then it is read again.
 */
static int
load_newest(struct ir_vault *v, struct ir_err *err)
{
	struct ir_vault_seen seen;
	uint64_t last;
	int tries;

	for (tries = 0, last = 0; ; tries++, last = v->head.generation) {
		if (load(v, err))
			return -1;
		if (ir_vault_seen_check(v->path, &v->head, v->mac, &seen,
		    err) == 0)
			break;
		if (err->code == IR_CONFIG && v->o.old_copy) {
			*err = (struct ir_err)IR_ERR_INIT;
			break;
		}
		if (v->lock >= 0 || v->head.generation == last || tries == 5)
			return -1;
		*err = (struct ir_err)IR_ERR_INIT;
		free_records(v->rec, v->n);
		v->rec = NULL;
		v->n = v->cap = 0;
	}
	v->seen = seen.generation;
	return 0;
}

static void
serialize(const struct ir_vault *v, const struct ir_vault_head *head,
    struct ir_buf *b)
{
	struct ir_vault_sealed s;
	size_t i;

	ir_vault_add_head(b, head, v->n);
	for (i = 0; i < v->n; i++) {
		s = (struct ir_vault_sealed){ v->rec[i].bytes,
		    v->rec[i].bytes + v->rec[i].nlabel, v->rec[i].nlabel,
		    v->rec[i].nbox };
		ir_vault_add_sealed(b, &s);
	}
}

/* Replace the file by what is in memory, as a newer generation. */
static int
save(struct ir_vault *v, const struct ir_vault_head *head,
    const struct ir_vault_keys *keys, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_VAULT_FILE_MAX);
	struct ir_vault_head next = *head;
	unsigned char mac[IR_VAULT_MAC];
	int rc;

	next.generation = (v->seen > v->head.generation ? v->seen :
	    v->head.generation) + 1;
	serialize(v, &next, &b);
	rc = ir_buf_check(&b, v->path, err);
	if (rc == 0)
		rc = ir_vault_hmac(keys->mac, b.data, b.len, mac, err);
	if (rc == 0) {
		ir_buf_add(&b, mac, sizeof mac);
		rc = ir_buf_check(&b, v->path, err);
	}
	if (rc == 0)
		rc = ir_file_replace(v->path, b.data, b.len, 0600, err);
	if (rc == 0) {
		v->head = next;
		memcpy(v->mac, mac, sizeof mac);
		ir_vault_seen_note(v->path, &v->head, v->mac);
	}
	ir_buf_free(&b);
	return rc;
}

/* --- open and close ----------------------------------------------------- */

static int
default_path(char *path, size_t size, struct ir_err *err)
{
	const char *env = getenv("QUELL_VAULT");
	size_t n;

	if (env && *env) {
		n = (size_t)snprintf(path, size, "%s", env);
		return n < size ? 0 : ir_fail(err, IR_CONFIG,
		    "$QUELL_VAULT: name too long");
	}
	if (ir_state_name(path, size, err))
		return -1;
	n = strlen(path);
	return (size_t)snprintf(path + n, size - n, "/vault") < size - n ? 0 :
	    ir_fail(err, IR_CONFIG, "state folder: name too long");
}

/* A file of its own: the vault's is another one after each change. */
static int
take_lock(struct ir_vault *v, struct ir_err *err)
{
	const struct timespec pause = { 0, LOCK_PAUSE_MS * 1000000L };
	char path[PATH_MAX + 8];
	int tries = LOCK_TRIES;

	snprintf(path, sizeof path, "%s.lock", v->path);
	v->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY, 0600);
	if (v->lock < 0)
		return ir_fail_errno(err, errno == ELOOP ? IR_CONFIG :
		    ir_errno_code(errno, IR_CANTCREAT), errno, "%s", path);
	while (flock(v->lock, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ir_fail_errno(err, IR_OSERR, errno, "%s", path);
		if (!tries--)
			return ir_fail(err, IR_TEMPFAIL,
			    "%s: another run is changing it", v->path);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* An empty one, at once: who asked for it learns now that it works. */
static int
make(struct ir_vault *v, const char *key, struct ir_err *err)
{
	if (ir_vault_random(v->head.id, IR_VAULT_ID, err) ||
	    ir_vault_wrap(&v->ctx, key, &v->head, v->keys->data, err) ||
	    ir_vault_derive(v->keys, v->head.id, err))
		return -1;
	return save(v, &v->head, v->keys, err);
}

/* What runs left that were killed: sealed, and in nobody's way. */
static void
sweep(const struct ir_vault *v)
{
	char copy[PATH_MAX + 2];

	snprintf(copy, sizeof copy, "%s~", v->path);
	ir_file_sweep(v->path, IR_VAULT_MAGIC, IR_VAULT_MAGIC_LEN);
	ir_file_sweep(copy, IR_VAULT_MAGIC, IR_VAULT_MAGIC_LEN);
}

static int
make_folder(const struct ir_vault *v, struct ir_err *err)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(v->path, '/');

	if (!slash || slash == v->path)
		return 0;
	snprintf(dir, sizeof dir, "%.*s", (int)(slash - v->path), v->path);
	return ir_mkdirs(dir, 0700, err);
}

static int
open_it(struct ir_vault *v, bool write, struct ir_err *err)
{
	const char *key = v->o.key ? v->o.key : getenv("QUELL_VAULT_KEY");
	bool there = access(v->path, F_OK) == 0 || errno != ENOENT;

	if (key && !*key)
		key = NULL;
	if (v->o.key && ir_vault_source_check(v->o.key, err))
		return -1;
	if (!there && (!write || !key)) {
		ir_fail(err, IR_NOINPUT, "%s: there is no vault", v->path);
		ir_hint(err, "put with --vault-key=SOURCE makes one");
		return -1;
	}
	if (!there && make_folder(v, err))
		return -1;
	if (write && take_lock(v, err))
		return -1;
	if (write)
		sweep(v);
	/* another run may have made it while this one waited */
	if (!there && access(v->path, F_OK) && errno == ENOENT)
		return make(v, key, err);
	return load_newest(v, err);
}

int
ir_vault_open(struct ir_vault **vp, const struct ir_vault_opts *o, bool write,
    struct ir_err *err)
{
	struct ir_vault *v = calloc(1, sizeof *v);
	size_t n = 0;

	*vp = NULL;
	if (!v)
		return ir_fail(err, IR_OSERR, "no memory");
	v->lock = -1;
	v->o = *o;
	v->ctx.o = &v->o;
	v->ctx.aws = o->client;
	v->keys = ir_vault_alloc(sizeof *v->keys, err);
	if (!v->keys)
		goto bad;
	if (o->path)
		n = (size_t)snprintf(v->path, sizeof v->path, "%s", o->path);
	if (n >= sizeof v->path) {
		ir_fail(err, IR_USAGE, "--vault: name too long");
		goto bad;
	}
	if ((!o->path && default_path(v->path, sizeof v->path, err)) ||
	    open_it(v, write, err))
		goto bad;
	if (!o->look)
		ir_vault_seen_note(v->path, &v->head, v->mac);
	sort(v);
	*vp = v;
	return 0;
bad:
	ir_vault_close(v);
	return -1;
}

void
ir_vault_close(struct ir_vault *v)
{
	if (!v)
		return;
	free_records(v->rec, v->n);
	ir_vault_wipe(v->keys, sizeof *v->keys);
	ir_vault_ctx_free(&v->ctx);
	if (v->lock >= 0)
		close(v->lock);
	free(v);
	ir_secret_burn();
}

/* --- put ---------------------------------------------------------------- */

static int
must_write(const struct ir_vault *v, struct ir_err *err)
{
	return v->lock >= 0 ? 0 : ir_fail(err, IR_SOFTWARE,
	    "%s: not opened for writing", v->path);
}

/* The block as it is sealed: without what the label says. */
static int
print_block(const struct ir_credential *c, struct ir_buf *b,
    struct ir_err *err)
{
	struct ir_credential rest = *c;	/* borrows the values */
	size_t i;

	for (i = rest.n = 0; i < c->n; i++)
		if (strcmp(c->field[i].key, "name") != 0 &&
		    strcmp(c->field[i].key, "expires") != 0)
			rest.field[rest.n++] = c->field[i];
	if (rest.n == 0)
		return ir_fail(err, IR_DATAERR, "credential: empty");
	return ir_credential_print(&rest, IR_CREDENTIAL_BLOCK, b, err);
}

static int
label_of(struct ir_vault_item *item, const char *name,
    const struct ir_credential *c, int64_t expires, struct ir_err *err)
{
	const struct ir_secret *s = ir_credential_get(c, "expires");

	if (!ir_vault_name_ok(name))
		return ir_fail(err, IR_DATAERR, "not a name: %s", name);
	memset(item, 0, sizeof *item);
	snprintf(item->name, sizeof item->name, "%s", name);
	item->created = ir_now();
	item->expires = expires;
	if (!expires && s && s->len && ir_time_parse(s->data, &item->expires))
		return ir_fail(err, IR_DATAERR,
		    "credential: expires: not a time (RFC 3339)");
	if (item->expires < 0)
		return ir_fail(err, IR_DATAERR, "expires: before 1970");
	s = ir_credential_get(c, "username");
	if (s && s->len >= sizeof item->username)
		return ir_fail(err, IR_DATAERR,
		    "credential: username: longer than %zu bytes",
		    sizeof item->username - 1);
	if (s)
		memcpy(item->username, s->data, s->len + 1);
	return 0;
}

/* Is the newest of that name the same already? */
static int
is_same(const struct ir_vault *v, const struct record *old,
    const struct record *new, const struct ir_buf *b, struct ir_err *err)
{
	char *block;
	size_t n;
	int rc;

	if (!old || old->item.expires != new->item.expires)
		return 0;
	block = open_box(v, old, &n, err);
	if (!block)
		return -1;
	rc = n == b->len && ir_vault_same(block, b->data, n);
	ir_vault_wipe(block, n + 1);
	return rc;
}

static int
add(struct ir_vault *v, struct record *r, const struct ir_buf *b,
    struct ir_err *err)
{
	if (grow(v, v->n + 1, err) ||
	    seal_record(v, v->keys, r, b->data, b->len, err))
		return -1;
	v->rec[v->n++] = *r;
	if (save(v, &v->head, v->keys, err)) {
		free(v->rec[--v->n].bytes);
		return -1;
	}
	sort(v);
	return 0;
}

/* r and b become what put would seal; 1 the newest is the same, 0, or -1. */
static int
prepare(const struct ir_vault *v, const char *name,
    const struct ir_credential *c, int64_t expires, struct record *r,
    struct ir_buf *b, struct ir_err *err)
{
	const struct record *old;

	if (label_of(&r->item, name, c, expires, err) ||
	    print_block(c, b, err))
		return -1;
	old = find(v, name, 0);
	r->item.version = old ? old->item.version : 0;
	return is_same(v, old, r, b, err);
}

int
ir_vault_has(struct ir_vault *v, const char *name,
    const struct ir_credential *c, int64_t expires, uint32_t *version,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CREDENTIAL_MAX);
	struct record r = { .bytes = NULL };
	int rc = prepare(v, name, c, expires, &r, &b, err);

	*version = r.item.version;
	ir_buf_free(&b);
	ir_secret_burn();
	return rc;
}

int
ir_vault_put(struct ir_vault *v, const char *name,
    const struct ir_credential *c, int64_t expires, uint32_t *version,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CREDENTIAL_MAX);
	struct record r = { .bytes = NULL };
	int rc;

	if (must_write(v, err))
		return -1;
	rc = prepare(v, name, c, expires, &r, &b, err);
	if (rc == 0 && r.item.version == UINT32_MAX)
		rc = ir_fail(err, IR_DATAERR, "%s: no more versions", name);
	if (rc == 0) {
		r.item.version++;
		rc = add(v, &r, &b, err);
	}
	if (rc >= 0 && version)
		*version = r.item.version;
	ir_buf_free(&b);
	ir_secret_burn();
	return rc < 0 ? -1 : 0;
}

int
ir_vault_try(struct ir_vault *v, size_t n, struct ir_err *err)
{
	struct ir_file_meta meta = IR_FILE_META_INIT;
	struct ir_buf b = IR_BUF(IR_VAULT_FILE_MAX);
	char path[PATH_MAX + 8];
	int rc;

	if (must_write(v, err) || grow(v, v->n + 1, err))
		return -1;
	snprintf(path, sizeof path, "%s.try", v->path);
	serialize(v, &v->head, &b);
	for (n += IR_VAULT_LABEL + 2 * IR_VAULT_SEAL + IR_VAULT_MAC; n; n--)
		ir_buf_chr(&b, '\0');
	rc = ir_buf_check(&b, v->path, err);
	(void)unlink(path);	/* of a run that was killed */
	meta.uid = geteuid();
	meta.gid = getegid();
	if (rc == 0)
		rc = ir_file_stage(path, b.data, b.len, &meta, err);
	(void)unlink(path);
	ir_buf_free(&b);
	return rc;
}

/* --- get, remove, each -------------------------------------------------- */

static int
set_label(const struct record *r, struct ir_credential *c,
    struct ir_err *err)
{
	char when[IR_TIME_LEN];

	if (ir_credential_set(c, "name", r->item.name, strlen(r->item.name),
	    err))
		return -1;
	if (!r->item.expires)
		return 0;
	ir_time_rfc3339(r->item.expires, when);
	return ir_credential_set(c, "expires", when, strlen(when), err);
}

int
ir_vault_get(struct ir_vault *v, const char *name, uint32_t version,
    struct ir_credential *c, struct ir_err *err)
{
	const struct record *r = find(v, name, version);
	char *block;
	size_t n;
	int rc;

	ir_credential_free(c);
	if (!r && version && find(v, name, 0))
		return ir_fail(err, IR_NO, "%s: no version %u in the vault",
		    name, (unsigned)version);
	if (!r)
		return ir_fail(err, IR_NO, "%s: not in the vault", name);
	block = open_box(v, r, &n, err);
	if (!block)
		return -1;
	rc = ir_credential_parse(c, block, n, NULL, err);
	if (rc == 0)
		rc = set_label(r, c, err);
	ir_vault_wipe(block, n + 1);
	if (rc)
		ir_credential_free(c);
	return rc;
}

/* What is destroyed is preserved first: sealed, under the same key. */
static int
keep_old(const struct ir_vault *v, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_VAULT_FILE_MAX);
	char path[PATH_MAX + 2];
	int rc = read_file(v, &b, err);

	snprintf(path, sizeof path, "%s~", v->path);
	if (rc == 0)
		rc = ir_file_replace(path, b.data, b.len, 0600, err);
	ir_buf_free(&b);
	return rc;
}

int
ir_vault_remove(struct ir_vault *v, const char *name, uint32_t version,
    struct ir_err *err)
{
	struct record *old = v->rec;
	size_t i, n = v->n, gone;

	if (must_write(v, err))
		return -1;
	if (!find(v, name, version))
		return 0;
	if (keep_old(v, err))
		return -1;
	v->rec = NULL;
	v->n = v->cap = 0;
	if (grow(v, n, err)) {
		v->rec = old;
		v->n = v->cap = n;
		return -1;
	}
	for (i = 0; i < n; i++)
		if (strcmp(old[i].item.name, name) != 0 ||
		    (version && old[i].item.version != version))
			v->rec[v->n++] = old[i];
	gone = n - v->n;
	if (save(v, &v->head, v->keys, err)) {
		free(v->rec);
		v->rec = old;
		v->n = v->cap = n;
		return -1;
	}
	for (i = 0; i < n; i++)
		if (strcmp(old[i].item.name, name) == 0 &&
		    (!version || old[i].item.version == version))
			free(old[i].bytes);
	free(old);
	return (int)gone;
}

const struct ir_vault_item *
ir_vault_item(const struct ir_vault *v, const char *name, uint32_t version)
{
	const struct record *r = find(v, name, version);

	return r ? &r->item : NULL;
}

int
ir_vault_each(struct ir_vault *v,
    int (*fn)(const struct ir_vault_item *item, void *arg), void *arg)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < v->n && rc == 0; i++)
		rc = fn(&v->rec[i].item, arg);
	return rc;
}

/* --- another key -------------------------------------------------------- */

static int
seal_again(const struct ir_vault *v, const struct ir_vault_keys *k,
    const struct record *old, struct record *new, struct ir_err *err)
{
	char *block;
	size_t n;
	int rc;

	new->item = old->item;
	block = open_box(v, old, &n, err);
	if (!block)
		return -1;
	rc = seal_record(v, k, new, block, n, err);
	ir_vault_wipe(block, n + 1);
	return rc;
}

static int
rekey(struct ir_vault *v, const struct ir_vault_head *head,
    struct ir_vault_keys *k, struct ir_err *err)
{
	struct record *old = v->rec, *new;
	size_t i, n = v->n;

	if (ir_vault_derive(k, head->id, err))
		return -1;
	new = calloc(n + 1, sizeof *new);
	if (!new)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < n; i++)
		if (seal_again(v, k, &old[i], &new[i], err))
			goto bad;
	v->rec = new;
	if (save(v, head, k, err) == 0) {
		v->cap = n;
		free_records(old, n);
		return 0;
	}
	v->rec = old;
bad:
	free_records(new, n);
	return -1;
}

int
ir_vault_rekey(struct ir_vault *v, const char *source, struct ir_err *err)
{
	struct ir_vault_head head = v->head;
	struct ir_vault_keys *k;
	int rc = -1;

	if (must_write(v, err))
		return -1;
	k = ir_vault_alloc(sizeof *k, err);
	if (k && ir_vault_wrap(&v->ctx, source, &head, k->data, err) == 0)
		rc = rekey(v, &head, k, err);
	if (rc == 0)
		memcpy(v->keys, k, sizeof *k);
	ir_vault_wipe(k, sizeof *k);
	ir_secret_burn();
	return rc;
}

const char *
ir_vault_path(const struct ir_vault *v)
{
	return v->path;
}

const char *
ir_vault_source(const struct ir_vault *v)
{
	return v->head.source;
}

uint64_t
ir_vault_generation(const struct ir_vault *v)
{
	return v->head.generation;
}
