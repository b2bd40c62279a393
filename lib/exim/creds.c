/* creds.c - see creds.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/text.h"
#include "creds.h"

/* --- files, within the root --------------------------------------------- */

/* As for chroot: links in an image are taken from its own root. */
static int
open_in(const struct ir_creds *c, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags |
		O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

	if (!c->root)
		return open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return (int)syscall(SYS_openat2, c->rootfd, path, &how, sizeof how);
}

int
ir_creds_open(const struct ir_creds *c, const char *path, struct stat *st)
{
	int fd = open_in(c, path, O_RDONLY);

	if (fd < 0)
		return -1;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	errno = ENOENT;
	return -1;
}

int
ir_creds_opendir(const struct ir_creds *c, const char *path)
{
	return open_in(c, path, O_RDONLY | O_DIRECTORY);
}

static bool
exists(const struct ir_creds *c, const char *path)
{
	struct stat st;
	int fd = ir_creds_open(c, path, &st);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int
load(void *arg, const char *path, struct ir_buf *b, struct ir_err *err)
{
	const struct ir_creds *c = arg;
	struct stat st;
	int fd, rc;

	fd = ir_creds_open(c, path, &st);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (fd < 0)
		return ir_fail_errno(err, ir_errno_code(errno, IR_NOINPUT),
		    errno, "%s", path);
	rc = ir_buf_read_fd(b, fd, path, err);
	close(fd);
	return rc;
}

static struct ir_conf *
add_conf(struct ir_creds *c, bool live, struct ir_err *err)
{
	struct ir_conf *n;

	if (c->nconf == IR_CREDS_CONFS) {
		ir_fail(err, IR_SOFTWARE, "too many configurations");
		return NULL;
	}
	n = ir_conf_new(err);
	if (!n)
		return NULL;
	n->load = load;
	n->arg = c;
	c->conf_live[c->nconf] = live;
	c->conf[c->nconf++] = n;
	return n;
}

/* --- places ------------------------------------------------------------- */

static struct ir_creds_place *
new_place(struct ir_creds *c)
{
	struct ir_creds_place *p;

	if (c->n == IR_CREDS_PLACES) {
		c->cut = true;
		return NULL;
	}
	p = &c->place[c->n++];
	memset(p, 0, sizeof *p);
	p->managed = true;
	p->why = "";
	return p;
}

static void
word(char *to, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (n >= size)
		n = ir_text_cut(s, n, size - 1);
	memcpy(to, s, n);
	to[n] = '\0';
}

/* Not to be changed; the first reason stays. */
static void
unmanaged(struct ir_creds_place *p, const char *why)
{
	if (p->managed)
		p->why = why;
	p->managed = false;
}

static void
add_auth(struct ir_creds_place *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->nauth; i++)
		if (strcmp(p->auth[i], name) == 0)
			return;
	if (p->nauth < IR_CREDS_AUTHS)
		memcpy(p->auth[p->nauth++], name, IR_CONF_NAME);
}

void
ir_creds_region(const char *text, size_t n, char region[32])
{
	static const char name[] = "email-smtp.";
	const char *p = memmem(text, n, name, sizeof name - 1);
	size_t k = 0;

	region[0] = '\0';
	if (!p) {
		p = memmem(text, n, "email-smtp-fips.", 16);
		if (!p)
			return;
		p += 5;
	}
	p += sizeof name - 1;
	while (p + k < text + n && k < 31 && ((p[k] >= 'a' && p[k] <= 'z') ||
	    (p[k] >= '0' && p[k] <= '9') || p[k] == '-'))
		k++;
	if (k < 6 || p + k >= text + n || p[k] != '.' ||
	    !memchr(p, '-', k))
		return;
	memcpy(region, p, k);
	region[k] = '\0';
}

/* What the reading of one authenticator's parts needs. */
struct finder {
	struct ir_creds *c;
	size_t conf;
	const struct ir_conf_auth *a;
	const struct ir_conf_part *user, *pass;
	char path[PATH_MAX];
	size_t file;			/* of the lookup, in conf[0] */
	const char *form;
	struct ir_err *err;
	const char *keys[256];		/* seen, for what is shadowed */
	char *owned[256];
	size_t nkeys;
};

static struct ir_creds_spot
literal_spot(const struct finder *f, const struct ir_conf_part *p)
{
	return (struct ir_creds_spot){ .there = p->kind == IR_PART_LITERAL &&
		!p->apart, .conf = f->conf, .file = p->file, .from = p->from,
		.to = p->to, .how = p->how, .in_macro = p->in_macro };
}

static bool
plaintext(const struct ir_conf_auth *a)
{
	return a->send.set;
}

/* How an entry of a lookup file must be spelled for this authenticator. */
static unsigned
entry_how(const struct finder *f, const struct ir_conf_part *p)
{
	return (plaintext(f->a) && !p->carets ? IR_SPELL_CARET : 0) |
	    (p->how.how & IR_SPELL_PLAIN);
}

static void
common(struct finder *f, struct ir_creds_place *p)
{
	const struct ir_creds *c = f->c;

	p->auth_conf = f->conf;
	p->auth_index = (size_t)(f->a - c->conf[f->conf]->auth);
	p->live = c->conf_live[f->conf] && !f->a->dead;
	add_auth(p, f->a->name);
}

static bool
generated_file(const struct ir_creds *c, const char *path)
{
	return c->debian && strcmp(path, IR_DEBIAN_CONF) == 0;
}

/* What is sent for the bytes of an entry. */
static void
entry_pass(struct finder *f, struct ir_creds_place *p, const char *s,
    size_t n, unsigned how)
{
	struct ir_buf b = IR_BUF_SECRET(IR_SECRET_MAX);

	if (how & IR_SPELL_CARET)
		ir_uncaret(&b, s, n);
	else
		ir_buf_add(&b, s, n);
	(void)ir_secret_set(&p->pass, ir_buf_cstr(&b), b.len, f->err);
	ir_buf_free(&b);
}

/* A place in the configuration itself. */
static void
literal_place(struct finder *f)
{
	struct ir_creds *c = f->c;
	const struct ir_conf_file *file;
	struct ir_creds_place *p = new_place(c);

	if (!p)
		return;
	common(f, p);
	p->pass_at = literal_spot(f, f->pass);
	p->user_at = literal_spot(f, f->user);
	file = &c->conf[f->conf]->file[f->pass->file];
	word(p->path, sizeof p->path, file->path);
	p->line = ir_conf_line(&file->bytes, f->pass->from);
	word(p->kind, sizeof p->kind, file->cpanel ? "cpanel-section" :
	    f->pass->in_macro ? "macro" : "authenticator");
	word(p->form, sizeof p->form, f->form);
	if (f->user->kind == IR_PART_LITERAL)
		word(p->user, sizeof p->user, ir_buf_cstr(&f->user->value));
	(void)ir_secret_set(&p->pass, ir_buf_cstr(&f->pass->value),
	    f->pass->value.len, f->err);
	if (!p->pass_at.there)
		unmanaged(p, "it is put together of several pieces");
	else if (f->user->kind == IR_PART_LITERAL && !p->user_at.there)
		unmanaged(p, "the user is put together of several pieces");
	else if (f->user->kind != IR_PART_LITERAL)
		unmanaged(p, "the user comes from elsewhere");
	if (generated_file(c, p->path)) {
		p->generated = true;
		unmanaged(p, "generated by update-exim4.conf");
	}
}

static struct ir_creds_place *
place_at(struct ir_creds *c, size_t file, size_t from)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->place[i].pass_at.there &&
		    c->place[i].pass_at.conf == 0 &&
		    c->place[i].pass_at.file == file &&
		    c->place[i].pass_at.from == from)
			return &c->place[i];
	return NULL;
}

/* Another authenticator reads the same entry. */
static void
seen_again(struct finder *f, struct ir_creds_place *p, unsigned how)
{
	if (p->nauth == 0 && p->managed)
		p->why = "";
	add_auth(p, f->a->name);
	if ((p->pass_at.how.how ^ how) & IR_SPELL_CARET)
		p->mixed = true;
	p->pass_at.how.how |= how & IR_SPELL_PLAIN;
	p->live |= f->c->conf_live[f->conf] && !f->a->dead;
}

static void
entry_kind(struct finder *f, struct ir_creds_place *p, const char *form)
{
	const char *name = strrchr(f->path, '/');

	word(p->path, sizeof p->path, f->path);
	word(p->kind, sizeof p->kind, name && strcmp(name,
	    "/passwd.client") == 0 ? "passwd.client" : "lookup-file");
	word(p->form, sizeof p->form, form);
}

/* An entry "user:password". */
static void
pair_entry(struct finder *f, const struct ir_lsearch *e)
{
	const char *colon = memchr(e->value, ':', e->value_len);
	unsigned how = entry_how(f, f->pass);
	struct ir_creds_place *p;
	size_t k;

	if (!colon)
		return;
	k = (size_t)(colon - e->value);
	p = place_at(f->c, f->file, e->from + k + 1);
	if (p) {
		seen_again(f, p, how);
		return;
	}
	p = new_place(f->c);
	if (!p)
		return;
	common(f, p);
	entry_kind(f, p, f->pass->type);
	p->line = e->line;
	word(p->host, sizeof p->host, e->key);
	word(p->key, sizeof p->key, e->key);
	snprintf(p->user, sizeof p->user, "%.*s", (int)k, e->value);
	entry_pass(f, p, colon + 1, e->value_len - k - 1, how);
	p->user_at = (struct ir_creds_spot){ .there = true, .file = f->file,
		.from = e->from, .to = e->from + k, .no_colon = !e->colon,
		.how.how = IR_SPELL_FIELD | entry_how(f, f->user) };
	p->pass_at = (struct ir_creds_spot){ .there = true, .file = f->file,
		.from = e->from + k + 1, .to = e->to, .how.how = how };
	if (e->joined)
		unmanaged(p, "the entry goes over several lines");
}

static bool
variable(const char *key)
{
	return strchr(key, '$') != NULL;
}

/* An entry that is the password; the user is in another one, or fixed. */
static void
single_entry(struct finder *f, const struct ir_lsearch *e)
{
	unsigned how = entry_how(f, f->pass);
	struct ir_creds_place *p = place_at(f->c, f->file, e->from);
	bool asked = variable(f->pass->key) || ir_ascii_ieq(e->key,
	    f->pass->key);

	if (p) {
		if (asked)
			seen_again(f, p, how);
		return;
	}
	p = new_place(f->c);
	if (!p)
		return;
	common(f, p);
	entry_kind(f, p, f->pass->type);
	p->line = e->line;
	word(p->key, sizeof p->key, e->key);
	if (strncmp(e->key, "pass.", 5) == 0)
		word(p->region, sizeof p->region, e->key + 5);
	if (!asked) {
		p->live = false;
		p->nauth = 0;
		p->why = "no authenticator here reads this entry";
	}
	entry_pass(f, p, e->value, e->value_len, how);
	p->pass_at = (struct ir_creds_spot){ .there = true, .file = f->file,
		.from = e->from, .to = e->to, .how.how = how,
		.no_colon = !e->colon };
	if (e->joined)
		unmanaged(p, "the entry goes over several lines");
	if (f->user->kind == IR_PART_LITERAL) {
		p->user_at = literal_spot(f, f->user);
		word(p->user, sizeof p->user, ir_buf_cstr(&f->user->value));
	}
}

static bool
was_seen(struct finder *f, const char *key)
{
	size_t i;

	for (i = 0; i < f->nkeys; i++)
		if (ir_lsearch_wild(f->keys[i], key))
			return true;
	if (f->nkeys < 256 && (f->owned[f->nkeys] = strdup(key))) {
		f->keys[f->nkeys] = f->owned[f->nkeys];
		f->nkeys++;
	}
	return false;
}

static int
one_entry(const struct ir_lsearch *e, void *arg)
{
	struct finder *f = arg;
	const char *key = f->pass->key;
	size_t before = f->c->n, k = strlen(key);
	bool seen;

	/* "pass" has sisters: "pass.eu-west-1" */
	if (!variable(key) && !ir_ascii_ieq(e->key, key) &&
	    !(strncmp(e->key, key, k) == 0 && e->key[k] == '.'))
		return 0;
	seen = was_seen(f, e->key);
	if (e->value_len == 0)
		return 0;
	if (f->pass->field || (variable(key) && memchr(e->value, ':',
	    e->value_len)))
		pair_entry(f, e);
	else
		single_entry(f, e);
	if (f->c->n > before && seen) {
		f->c->place[f->c->n - 1].shadowed = true;
		f->c->place[f->c->n - 1].why =
		    "an entry before it is found first";
	}
	return 0;
}

/* The user of entries whose user is an entry of its own. */
struct user_finder {
	struct finder *f;
	size_t first;			/* of the places to fill in */
};

static int
user_entry(const struct ir_lsearch *e, void *arg)
{
	struct user_finder *u = arg;
	struct finder *f = u->f;
	struct ir_creds_place *p;
	size_t i;

	if (!ir_ascii_ieq(e->key, f->user->key) || e->value_len == 0)
		return 0;
	for (i = u->first; i < f->c->n; i++) {
		p = &f->c->place[i];
		if (p->user_at.there)
			continue;
		word(p->user, sizeof p->user, e->value);
		p->user_at = (struct ir_creds_spot){ .there = true,
			.file = f->file, .from = e->from, .to = e->to,
			.how.how = entry_how(f, f->user),
			.no_colon = !e->colon };
	}
	return 1;
}

static bool
linear(const char *type)
{
	if (strncmp(type, "partial", 7) == 0)
		type += strcspn(type, "-") + (strchr(type, '-') != NULL);
	return strncmp(type, "lsearch", 7) == 0 ||
	    strncmp(type, "wildlsearch", 11) == 0 ||
	    strncmp(type, "nwildlsearch", 12) == 0;
}

/* What is there to say of a place that cannot be taken apart. */
static void
opaque_place(struct finder *f, const char *path, const char *form,
    const char *why)
{
	struct ir_creds *c = f->c;
	const struct ir_conf_file *file;
	struct ir_creds_place *p = new_place(c);

	if (!p)
		return;
	common(f, p);
	file = &c->conf[f->conf]->file[f->a->file];
	word(p->path, sizeof p->path, path ? path : file->path);
	p->line = path ? 1 : ir_conf_line(&file->bytes, f->a->off);
	word(p->kind, sizeof p->kind, path ? "lookup-file" :
	    file->cpanel ? "cpanel-section" : "authenticator");
	word(p->form, sizeof p->form, form);
	if (f->user->kind == IR_PART_LITERAL)
		word(p->user, sizeof p->user, ir_buf_cstr(&f->user->value));
	p->generated = !path && generated_file(c, p->path);
	unmanaged(p, why);
}

/* The file of a lookup, loaded.  0, 1 not there, -1. */
static int
lookup_file(struct finder *f, const char *path)
{
	memcpy(f->path, path, sizeof f->path);
	return ir_conf_file(f->c->conf[0], path, false, &f->file, f->err);
}

static int
lookup_places(struct finder *f)
{
	struct user_finder u = { f, f->c->n };
	const struct ir_conf_part *user = f->user, *pass = f->pass;
	const struct ir_buf *b;
	int rc;

	if (!linear(pass->type)) {
		opaque_place(f, pass->path, pass->type,
		    "a lookup of this type is not a plain file");
		return 0;
	}
	rc = lookup_file(f, pass->path);
	if (rc > 0) {
		opaque_place(f, pass->path, pass->type, "no such file");
		return 0;
	}
	if (rc)
		return -1;
	b = &f->c->conf[0]->file[f->file].bytes;
	ir_lsearch_each(ir_buf_cstr(b), b->len, one_entry, f);
	if (user->kind != IR_PART_LOOKUP || variable(user->key))
		return 0;
	rc = lookup_file(f, user->path);
	if (rc == 0) {
		b = &f->c->conf[0]->file[f->file].bytes;
		ir_lsearch_each(ir_buf_cstr(b), b->len, user_entry, &u);
	}
	return rc < 0 ? -1 : 0;
}

/* ${readfile{PATH}}: all of it is the password. */
static int
readfile_place(struct finder *f)
{
	struct ir_creds_place *p;
	const struct ir_buf *b;
	size_t n;
	int rc = lookup_file(f, f->pass->path);

	if (rc) {
		if (rc > 0)
			opaque_place(f, f->pass->path, "readfile",
			    "no such file");
		return rc < 0 ? -1 : 0;
	}
	b = &f->c->conf[0]->file[f->file].bytes;
	for (n = b->len; n && b->data[n - 1] == '\n'; n--)
		;
	p = place_at(f->c, f->file, 0);
	if (p) {
		seen_again(f, p, entry_how(f, f->pass));
		return 0;
	}
	p = new_place(f->c);
	if (!p)
		return 0;
	common(f, p);
	entry_kind(f, p, "readfile");
	p->line = 1;
	entry_pass(f, p, ir_buf_cstr(b), n, entry_how(f, f->pass));
	p->pass_at = (struct ir_creds_spot){ .there = true, .file = f->file,
		.to = n, .how.how = entry_how(f, f->pass) };
	if (f->user->kind == IR_PART_LITERAL) {
		p->user_at = literal_spot(f, f->user);
		word(p->user, sizeof p->user, ir_buf_cstr(&f->user->value));
	} else {
		unmanaged(p, "the user comes from elsewhere");
	}
	return 0;
}

static int
auth_places(struct ir_creds *c, size_t conf, const struct ir_conf_auth *a,
    struct ir_err *err)
{
	struct ir_conf_part user, pass;
	struct finder f = { .c = c, .conf = conf, .a = a, .user = &user,
		.pass = &pass, .form = a->send.set ? "client_send" :
		ir_ascii_ieq(a->driver, "cram_md5") ? "client_secret" :
		"client_password", .err = err };
	int rc = 0;

	if (!ir_conf_parts(c->conf[conf], a, &user, &pass))
		return 0;
	switch (pass.kind) {
	case IR_PART_LITERAL:
		literal_place(&f);
		break;
	case IR_PART_LOOKUP:
		rc = lookup_places(&f);
		break;
	case IR_PART_FILE:
		rc = readfile_place(&f);
		break;
	case IR_PART_OTHER:
		opaque_place(&f, NULL, f.form,
		    "an expression that is not understood");
		break;
	case IR_PART_NONE:
		break;
	}
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	while (f.nkeys)
		free(f.owned[--f.nkeys]);
	return rc;
}

/* The one region that a configuration speaks of. */
static void
conf_region(const struct ir_conf *n, char region[32])
{
	char got[32];
	size_t i;

	for (i = 0; i < n->nfile && !*region; i++) {
		ir_creds_region(ir_buf_cstr(&n->file[i].bytes),
		    n->file[i].bytes.len, got);
		memcpy(region, got, sizeof got);
	}
}

static int
conf_places(struct ir_creds *c, size_t conf, struct ir_err *err)
{
	const struct ir_conf *n = c->conf[conf];
	char region[32] = "", own[32];
	size_t i, first = c->n;

	for (i = 0; i < n->nauth; i++)
		if (auth_places(c, conf, &n->auth[i], err))
			return -1;
	c->cut |= n->cut;
	conf_region(n, region);
	for (i = first; i < c->n; i++) {
		ir_creds_region(c->place[i].host, strlen(c->place[i].host),
		    own);
		if (!*c->place[i].region)
			memcpy(c->place[i].region, *own ? own : region,
			    sizeof own);
	}
	return 0;
}

static int
read_conf(struct ir_creds *c, const char *const *paths, size_t n, bool cpanel,
    bool live, struct ir_err *err)
{
	struct ir_conf *conf = add_conf(c, live, err);

	if (!conf || ir_conf_read(conf, paths, n, cpanel, err))
		return -1;
	return conf_places(c, c->nconf - 1, err);
}

/* --- Debian ------------------------------------------------------------- */

#define PARTS 200

struct parts {
	char *path[PARTS];
	size_t n;
};

static int
by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* The files of a folder that update-exim4.conf takes, in its order. */
static void
run_parts(struct ir_creds *c, const char *dir, struct parts *p)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t first = p->n, i;
	struct dirent *e;
	char path[PATH_MAX], rul[PATH_MAX + 4];
	int fd = open_in(c, dir, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)) && p->n < PARTS) {
		if (e->d_name[strspn(e->d_name, letters)] ||
		    (size_t)snprintf(path, sizeof path, "%s/%s", dir,
		    e->d_name) >= sizeof path)
			continue;
		p->path[p->n] = strdup(path);
		p->n += p->path[p->n] != NULL;
	}
	closedir(d);
	if (p->n > first)
		qsort(p->path + first, p->n - first, sizeof *p->path,
		    by_name);
	for (i = first; i < p->n; i++) {
		snprintf(rul, sizeof rul, "%s.rul", p->path[i]);
		if (!exists(c, rul))
			continue;
		free(p->path[i]);
		p->path[i] = strdup(rul);
	}
}

static bool
is_split(struct ir_creds *c, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CONF_FILE_MAX);
	const char *p = NULL;
	bool yes = false;

	if (load(c, IR_DEBIAN_DIR "/update-exim4.conf.conf", &b, err) == 0)
		p = strstr(ir_buf_cstr(&b), "\ndc_use_split_config=");
	if (p) {
		p += strlen("\ndc_use_split_config=");
		yes = ir_ascii_starts(p + strspn(p, "'\""), "true");
	}
	ir_buf_free(&b);
	return yes;
}

static int
read_debian(struct ir_creds *c, bool live, struct ir_err *err)
{
	static const char *const sections[] = { "main", "acl", "router",
		"transport", "retry", "rewrite", "auth" };
	char dir[PATH_MAX];
	struct parts p = { .n = 0 };
	size_t i;
	int rc;

	c->debian = true;
	c->split = is_split(c, err);
	/* words in capitals there become macros */
	p.path[p.n++] = strdup(IR_DEBIAN_DIR "/update-exim4.conf.conf");
	if (!c->split) {
		p.path[p.n++] = strdup(IR_DEBIAN_DIR
		    "/exim4.conf.localmacros");
		p.path[p.n++] = strdup(IR_DEBIAN_DIR "/exim4.conf.template");
	}
	for (i = 0; c->split && i < sizeof sections / sizeof *sections; i++) {
		snprintf(dir, sizeof dir, IR_DEBIAN_DIR "/conf.d/%s",
		    sections[i]);
		run_parts(c, dir, &p);
	}
	for (i = 0, rc = 0; i < p.n; i++)
		if (!p.path[i])
			rc = ir_fail(err, IR_OSERR, "no memory");
	if (rc == 0)
		rc = read_conf(c, (const char *const *)p.path, p.n, false,
		    live, err);
	while (p.n)
		free(p.path[--p.n]);
	return rc;
}

/* --- which configuration ------------------------------------------------ */

/* passwd.client is read by Debian's configuration even if that is not here. */
static int
lone_passwd_client(struct ir_creds *c, struct ir_err *err)
{
	static const char path[] = IR_DEBIAN_DIR "/passwd.client";
	struct ir_conf_part user = { .kind = IR_PART_LOOKUP };
	struct ir_conf_part pass = { .kind = IR_PART_LOOKUP, .field = 2,
		.carets = true, .key = "$host", .type = "nwildlsearch" };
	struct finder f = { .c = c, .a = &c->conf[0]->auth[0], .user = &user,
		.pass = &pass, .err = err };
	const struct ir_buf *b;
	size_t i, first = c->n;
	int rc;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->place[i].path, path) == 0)
			return 0;
	memcpy(f.path, path, sizeof path);
	rc = ir_conf_file(c->conf[0], path, false, &f.file, err);
	if (rc)
		return rc < 0 ? -1 : 0;
	/* no configuration names it: nobody can say how it is read */
	b = &c->conf[0]->file[f.file].bytes;
	ir_lsearch_each(ir_buf_cstr(b), b->len, one_entry, &f);
	while (f.nkeys)
		free(f.owned[--f.nkeys]);
	for (i = first; i < c->n; i++) {
		c->place[i].nauth = 0;
		unmanaged(&c->place[i], "no configuration here reads it");
	}
	return 0;
}

static int
read_one(struct ir_creds *c, const char *path, bool live, struct ir_err *err)
{
	const char *const local[] = { IR_CPANEL_LOCAL };

	if (strcmp(path, IR_DEBIAN_CONF) == 0 &&
	    exists(c, IR_DEBIAN_DIR "/update-exim4.conf.conf")) {
		if (read_debian(c, live, err))
			return -1;
		/* what it was made into is of interest for who may read it */
		return read_conf(c, &path, 1, false, live, err);
	}
	if (strcmp(path, IR_CPANEL_CONF) == 0 && exists(c, IR_CPANEL_LOCAL)) {
		c->cpanel = true;
		if (read_conf(c, local, 1, true, false, err))
			return -1;
	}
	return read_conf(c, &path, 1, false, live, err);
}

int
ir_creds_find(struct ir_creds *c, const char *root, const char *live,
    struct ir_err *err)
{
	static const char *const usual[] = { "/etc/exim4/exim4.conf",
		IR_DEBIAN_CONF, "/etc/exim/exim.conf", IR_CPANEL_CONF,
		"/usr/local/etc/exim/configure", "/usr/exim/configure" };
	size_t i;

	memset(c, 0, sizeof *c);
	c->root = root;
	c->rootfd = -1;
	c->place = calloc(IR_CREDS_PLACES, sizeof *c->place);
	if (!c->place)
		return ir_fail(err, IR_OSERR, "no memory");
	if (root && (c->rootfd = open(root, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) < 0)
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", root);
	if (!add_conf(c, false, err))
		return -1;
	if (live) {
		word(c->live, sizeof c->live, live);
		if (read_one(c, live, true, err))
			return -1;
		return lone_passwd_client(c, err);
	}
	for (i = 0; i < sizeof usual / sizeof *usual; i++) {
		if (!exists(c, usual[i]) && !(i == 1 &&
		    exists(c, IR_DEBIAN_DIR "/update-exim4.conf.conf")))
			continue;
		word(c->live, sizeof c->live, usual[i]);
		/* a hand-made exim4.conf stands in the way of the rest */
		if (read_one(c, usual[i], true, err))
			return -1;
		break;
	}
	return lone_passwd_client(c, err);
}

void
ir_creds_free(struct ir_creds *c)
{
	size_t i;

	for (i = 0; i < c->nconf; i++)
		ir_conf_free(c->conf[i]);
	for (i = 0; c->place && i < c->n; i++)
		ir_secret_free(&c->place[i].pass);
	free(c->place);
	if (c->root && c->rootfd >= 0)
		close(c->rootfd);
	c->place = NULL;
	c->n = c->nconf = 0;
}

/* --- records ------------------------------------------------------------ */

/* In an image the names of users are not this host's. */
static void
owner_names(const struct ir_creds *c, const struct stat *st,
    struct ir_rec *r)
{
	const struct passwd *pw = c->root ? NULL : getpwuid(st->st_uid);
	const struct group *gr = c->root ? NULL : getgrgid(st->st_gid);

	if (pw)
		ir_rec_str(r, "owner", pw->pw_name);
	else
		ir_rec_fmt(r, "owner", "%u", (unsigned)st->st_uid);
	if (gr)
		ir_rec_str(r, "group", gr->gr_name);
	else
		ir_rec_fmt(r, "group", "%u", (unsigned)st->st_gid);
}

struct ir_rec *
ir_creds_record(const struct ir_creds *c, const struct ir_creds_place *p)
{
	struct ir_rec *r = ir_rec_new("smtp-credential", NULL), *o, *a;
	struct stat st;
	size_t i;
	int fd = ir_creds_open(c, p->path, &st);

	ir_rec_fmt(r, "id", "%s:%u", p->path, p->line);
	ir_rec_str(r, "kind", p->kind);
	if (*p->user)
		ir_rec_str(r, "user", p->user);
	if (*p->host)
		ir_rec_str(r, "host", p->host);
	if (*p->region)
		ir_rec_str(r, "region", p->region);
	ir_rec_str(r, "form", p->form);
	if (p->nauth) {
		a = ir_rec_array();
		for (i = 0; i < p->nauth; i++)
			ir_rec_push_str(a, p->auth[i]);
		ir_rec_set(r, "authenticators", a);
	}
	if (fd >= 0) {
		o = ir_rec_object();
		owner_names(c, &st, o);
		ir_rec_fmt(o, "mode", "%04o", (unsigned)st.st_mode & 07777);
		ir_rec_bool(o, "world", st.st_mode & 04);
		ir_rec_set(r, "readable_by", o);
		close(fd);
	}
	ir_rec_bool(r, "live", p->live);
	ir_rec_bool(r, "managed", p->managed);
	if (*p->why)
		ir_rec_str(r, "why", p->why);
	return r;
}
