/*
 * leak-scan - find leaked credentials in files, archives, git and processes
 *
 * Reads the files and folders given, the git repositories among them, what is
 * staged for a commit, and the environments of processes; with --held, the
 * vault.  Writes records of what it found, secrets masked; changes nothing.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/file.h"
#include "core/names.h"
#include "core/proc.h"
#include "core/sandbox.h"
#include "core/text.h"
#include "leak/find.h"
#include "leak/git_leaks.h"
#include "leak/known.h"
#include "leak/sarif.h"
#include "leak/served.h"
#include "leak/staged.h"
#include "leak/tree.h"
#include "leak/unpack.h"
#include "vault/vault.h"

#define ENVIRON_MAX (1u << 20)
#define STAGED_MAX (64u << 20)		/* bytes of a file that is staged */
#define SARIF_MAX (512u << 20)
#define UNREAD_SHOWN 10000
#define HELD_MAX 4096
#define MIB (1024u * 1024u)

static const struct ir_cmd cmd = {
	"leak-scan", "find leaked credentials in files, archives, git and "
	    "processes",
	"[options] [file | folder ...]"
};

static const struct ir_col cols[] = {
	{ "kind", "KIND" }, { "shown", "SHOWN" }, { "account", "ACCOUNT" },
	{ "proven", "PROVEN" }, { "region", "REGION" },
	{ "served", "SERVED" }, { "line", "LINE" }, { "where", "WHERE" },
	{ NULL, NULL }
};

/* Something that was not looked into. */
struct unread {
	char *where, *why;
};

struct run {
	struct ir_common common;
	struct ir_vault_opts vault;
	bool check, staged, procs, held, no_unpack, one_device, no_git;
	const char *key, *baseline, *allow, *sarif, *credential;
	struct ir_list git, webroot, skip, only;
	long threads, unpack_limit;
	struct ir_leak_rules rules;
	struct ir_leak_known known;
	struct ir_leak_finds finds;
	struct ir_tree_count count;
	struct ir_names repos;		/* met on the way, or named */
	struct ir_names homes;		/* of those that were looked through */
	struct ir_leak_held *have;	/* nhave of them */
	size_t nhave, tried;
	pthread_mutex_t lock;		/* of what follows */
	struct unread *unread;
	size_t nunread, more_unread;
	bool cut;
	int64_t deadline;
	/* results */
	size_t listed, fresh, nallowed, nknown;
	struct ir_git_stats gits;
	uint64_t nrepos, nprocs;
	struct ir_out *out;
};

/* --- what was not looked into -------------------------------------------- */

static void
unread(struct run *r, const char *path, const char *member, const char *why)
{
	struct unread u = { malloc(strlen(path) + strlen(member) + 1),
	    strdup(why) }, *v = NULL;

	pthread_mutex_lock(&r->lock);
	if (u.where && u.why && r->nunread < UNREAD_SHOWN)
		v = realloc(r->unread, (r->nunread + 1) * sizeof *v);
	if (v) {
		memcpy(u.where, path, strlen(path));
		memcpy(u.where + strlen(path), member, strlen(member) + 1);
		r->unread = v;
		v[r->nunread++] = u;
	} else {
		free(u.where);
		free(u.why);
		r->more_unread++;
	}
	pthread_mutex_unlock(&r->lock);
}

static bool
over(void *arg)
{
	struct run *r = arg;

	if (!ir_stopped() && (!r->deadline || ir_mono_ms() < r->deadline))
		return false;
	pthread_mutex_lock(&r->lock);
	r->cut = true;
	pthread_mutex_unlock(&r->lock);
	return true;
}

/* --- bytes --------------------------------------------------------------- */

struct window {
	struct run *r;
	const char *path, *member;
	const unsigned char *p;
	uint64_t base, line;
};

static int
hit(const struct ir_leak_hit *h, void *arg)
{
	struct window *w = arg;
	uint64_t line = w->line;

	if (line)
		line += ir_leak_lines(w->p, h->offset);
	(void)ir_leak_finds_add(&w->r->finds, w->path, w->member, w->base,
	    line, h);
	return 0;
}

/* A file whose lines are credentials, by its name. */
static bool
is_lines(const char *path, const char *member)
{
	static const char *const name[] = { "passwd.client", "sasl_passwd",
	    "sasl_password", "smtp_auth", "msmtprc", ".msmtprc", ".netrc",
	    "_netrc", ".mailrc", "esmtprc", ".esmtprc", "smtp_passwd" };
	const char *base = strrchr(member[0] ? member : path,
	    member[0] ? '!' : '/');
	size_t i, n;

	base = base ? base + 1 : member[0] ? member : path;
	if (strrchr(base, '/'))
		base = strrchr(base, '/') + 1;
	for (i = 0; i < sizeof name / sizeof *name; i++) {
		if (base[0] != name[i][0])
			continue;
		n = strlen(name[i]);
		/* and its copies: sasl_passwd.bak, passwd.client~ */
		if (strncmp(base, name[i], n) == 0 && (base[n] == '\0' ||
		    base[n] == '.' || base[n] == '~' || base[n] == '-'))
			return true;
	}
	return false;
}

static void
window(const char *path, const unsigned char *p, size_t n, size_t from,
    size_t to, uint64_t base, uint64_t line, const char *member, void *arg)
{
	struct run *r = arg;
	struct window w = { r, path, member, p, base, line };
	struct ir_leak_rules rules = r->rules;

	rules.lines = is_lines(path, member);
	(void)ir_leak_scan(&rules, p, n, from, to, hit, &w);
}

static void
problem(const char *path, const char *member, const char *why, void *arg)
{
	unread(arg, path, member, why);
}

static void
met_git(const char *path, void *arg)
{
	struct run *r = arg;

	pthread_mutex_lock(&r->lock);
	(void)ir_names_add(&r->repos, path);
	pthread_mutex_unlock(&r->lock);
}

static int
scan_trees(struct run *r, char **operands, size_t n, struct ir_err *err)
{
	const struct ir_tree_to to = { window, problem,
	    r->no_git ? NULL : met_git, over, r };
	const struct ir_tree_opts o = {
		.threads = (unsigned)r->threads,
		.unpack_limit = (uint64_t)r->unpack_limit * MIB,
		.one_device = r->one_device, .no_unpack = r->no_unpack,
		.skip = r->skip.v, .nskip = r->skip.n,
	};

	return ir_tree_run(operands, n, &o, &to, &r->count, err);
}

/* --- git's history ------------------------------------------------------- */

static void
add_stats(struct ir_git_stats *to, const struct ir_git_stats *s)
{
	to->objects += s->objects;
	to->commits += s->commits;
	to->bytes += s->bytes;
	to->damaged += s->damaged + s->baseless + s->too_large;
	to->missing += s->missing;
	to->cut |= s->cut;
}

static int
scan_git(struct run *r, const char *path, struct ir_err *err)
{
	const struct ir_git_leaks o = {
		.rules = &r->rules, .threads = (unsigned)r->threads,
		.no_unpack = r->no_unpack,
		.unpack_limit = (uint64_t)r->unpack_limit * MIB,
		.problem = problem, .stop = over, .arg = r,
	};
	struct ir_err why = IR_ERR_INIT;
	struct ir_git_stats stats;
	char *home = ir_git_home(path);
	bool again = home && ir_names_have(&r->homes, home);

	/* one that has two work trees */
	if (home && !again)
		(void)ir_names_add(&r->homes, home);
	free(home);
	if (again)
		return 0;
	if (ir_git_leaks(path, &o, &r->finds, &stats, &why)) {
		unread(r, path, "", why.msg);
		return why.code == IR_OSERR ? ir_fail(err, IR_OSERR, "%s",
		    why.msg) : 0;
	}
	r->nrepos++;
	add_stats(&r->gits, &stats);
	return 0;
}

static int
scan_repos(struct run *r, struct ir_err *err)
{
	size_t i;

	for (i = 0; i < r->git.n; i++)
		if (ir_names_add(&r->repos, r->git.v[i]))
			return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < r->repos.n && !over(r); i++)
		if (scan_git(r, r->repos.v[i], err))
			return -1;
	return 0;
}

/* --- what is staged ------------------------------------------------------ */

struct packed {
	struct run *r;
	const char *path;
};

static void
packed_window(const unsigned char *p, size_t n, size_t from, size_t to,
    uint64_t base, uint64_t line, const char *member, void *arg)
{
	struct packed *k = arg;

	window(k->path, p, n, from, to, base, line, member, k->r);
}

static void
packed_problem(const char *member, const char *why, void *arg)
{
	struct packed *k = arg;

	unread(k->r, k->path, member, why);
}

static int
run_git(const char *const *argv, struct ir_proc_result *res,
    struct ir_err *err)
{
	static const char *const keep[] = { "GIT_DIR", "GIT_INDEX_FILE",
	    "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY",
	    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_PREFIX",
	    "GIT_QUARANTINE_PATH", NULL };
	const struct ir_proc p = { .argv = argv, .keep_env = keep };

	if (ir_proc_run(&p, res, err))
		return -1;
	if (res->status)
		return ir_fail(err, IR_NOINPUT, "git: %.*s",
		    (int)strcspn(ir_buf_cstr(&res->err), "\n"),
		    ir_buf_cstr(&res->err));
	return 0;
}

static int
scan_blob(struct run *r, const struct ir_leak_staged *s, struct ir_err *err)
{
	struct packed k = { r, s->path };
	const struct ir_unpack_to to = { packed_window, packed_problem, &k };
	const char *argv[] = { "git", "cat-file", "blob", s->object, NULL };
	struct ir_proc_result res = IR_PROC_RESULT(STAGED_MAX);
	struct ir_unpack *u = NULL;
	int rc = run_git(argv, &res, err);

	if (rc && err->code == IR_DATAERR) {
		unread(r, s->path, "", "too large to be looked into");
		*err = (struct ir_err)IR_ERR_INIT;
		rc = 0;
	} else if (rc == 0 && res.out.len) {
		u = ir_unpack_new(&to, (uint64_t)r->unpack_limit * MIB);
		if (!u)
			rc = ir_fail(err, IR_OSERR, "no memory");
	}
	if (u) {
		ir_unpack_begin(u, !r->no_unpack);
		ir_unpack_data(u, (const unsigned char *)res.out.data,
		    res.out.len);
		ir_unpack_end(u);
	}
	r->count.files++;
	r->count.bytes += res.out.len;
	ir_unpack_free(u);
	ir_buf_free(&res.out);
	ir_buf_free(&res.err);
	return rc;
}

static int
scan_staged(struct run *r, struct ir_err *err)
{
	static const char *const argv[] = { "git", "diff", "--cached",
	    "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff",
	    "--ignore-submodules", NULL };
	struct ir_proc_result res = IR_PROC_RESULT(64u << 20);
	struct ir_leak_staged s;
	size_t at = 0;
	int rc = run_git(argv, &res, err);

	while (rc == 0 && res.out.len &&
	    (rc = ir_leak_staged_next(res.out.data, res.out.len, &at, &s,
	    err)) == 1)
		rc = scan_blob(r, &s, err);
	ir_buf_free(&res.out);
	ir_buf_free(&res.err);
	return rc < 0 ? -1 : 0;
}

/* --- processes ----------------------------------------------------------- */

static void
scan_environ(struct run *r, const char *pid, unsigned char *buf)
{
	char path[64], comm[64], where[160];
	ssize_t n = -1, k;
	size_t got = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	k = fd < 0 ? 0 : read(fd, comm, sizeof comm - 1);
	if (fd >= 0)
		close(fd);
	comm[k > 0 ? k : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(where, sizeof where, "process:%.20s(%s)", pid, comm);
	snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && got < ENVIRON_MAX &&
	    (n = read(fd, buf + got, ENVIRON_MAX - got)) > 0)
		got += (size_t)n;
	if (fd < 0 || n < 0) {
		/* a process that ends is no secret that was kept from us */
		if (errno != ENOENT && errno != ESRCH)
			unread(r, where, "!environ", "its environment is not "
			    "ours to read");
	} else {
		r->nprocs++;
		window(where, buf, got, 0, got, 0, 0, "!environ", r);
		if (got == ENVIRON_MAX)
			unread(r, where, "!environ", "too large: its end was "
			    "not looked into");
	}
	if (fd >= 0)
		close(fd);
	ir_secret_wipe(buf, got);
}

static int
scan_procs(struct run *r, struct ir_err *err)
{
	unsigned char *buf = malloc(ENVIRON_MAX);
	DIR *d = opendir("/proc");
	struct dirent *e;
	char self[24];

	if (!buf || !d) {
		free(buf);
		if (d)
			closedir(d);
		return ir_fail(err, IR_OSERR, "/proc: cannot be listed");
	}
	snprintf(self, sizeof self, "%d", (int)getpid());
	while ((e = readdir(d)) && !over(r))
		if (isdigit((unsigned char)e->d_name[0]) &&
		    strcmp(e->d_name, self) != 0)
			scan_environ(r, e->d_name, buf);
	closedir(d);
	free(buf);
	return 0;
}

/* --- what we hold -------------------------------------------------------- */

static int
hold(struct run *r, const char *name, const char *field,
    const struct ir_secret *key, const struct ir_secret *secret,
    const struct ir_secret *password, struct ir_err *err)
{
	struct ir_leak_held *h;
	int rc = 0;

	if (r->nhave == HELD_MAX)
		return ir_fail(err, IR_DATAERR, "more than %d credentials",
		    HELD_MAX);
	h = realloc(r->have, (r->nhave + 1) * sizeof *h);
	if (!h)
		return ir_fail(err, IR_OSERR, "no memory");
	r->have = h;
	h += r->nhave++;
	memset(h, 0, sizeof *h);
	snprintf(h->name, sizeof h->name, "%s%s%s", name, field[0] ? " " : "",
	    field);
	if (key && key->len == 20)
		memcpy(h->key, key->data, 20);
	if (secret && secret->len)
		rc = ir_secret_set(&h->secret, secret->data, secret->len,
		    err);
	if (rc == 0 && password && password->len)
		rc = ir_secret_set(&h->password, password->data,
		    password->len, err);
	return rc;
}

/* A credential block: its secret key, and each of its passwords. */
static int
hold_block(struct run *r, const struct ir_credential *c, const char *name,
    struct ir_err *err)
{
	const struct ir_secret *key = ir_credential_get(c, "username");
	size_t i;
	int rc;

	rc = hold(r, name, "", key, ir_credential_get(c,
	    "secret_access_key"), NULL, err);
	for (i = 0; rc == 0 && i < c->n; i++)
		if (strncmp(c->field[i].key, "password", 8) == 0)
			rc = hold(r, name, c->field[i].key, key, NULL,
			    &c->field[i].value, err);
	return rc;
}

struct items {
	struct ir_names names;
	bool failed;
};

static int
item(const struct ir_vault_item *i, void *arg)
{
	struct items *l = arg;

	l->failed = ir_names_add(&l->names, i->name) != 0;
	return l->failed;
}

/* The newest version of each record, and the ones before it. */
static int
hold_versions(struct run *r, struct ir_vault *v, const char *name,
    struct ir_err *err)
{
	static struct ir_credential c;
	const struct ir_vault_item *newest = ir_vault_item(v, name, 0);
	char label[160];
	uint32_t n;
	int rc = 0;

	for (n = newest ? newest->version : 0; rc == 0 && n > 0; n--) {
		if (!ir_vault_item(v, name, n))
			continue;
		snprintf(label, sizeof label, "%.140s:%u", name, (unsigned)n);
		rc = ir_vault_get(v, name, n, &c, err);
		if (rc == 0)
			rc = hold_block(r, &c, label, err);
		ir_credential_free(&c);
	}
	return rc;
}

static int
hold_vault(struct run *r, struct ir_err *err)
{
	struct items l = { .failed = false };
	struct ir_vault *v;
	size_t i;
	int rc = 0;

	r->vault.common = &r->common;
	r->vault.ask = ir_ask_tty;
	r->vault.look = true;
	if (ir_vault_open(&v, &r->vault, false, err))
		return -1;
	(void)ir_vault_each(v, item, &l);
	if (l.failed)
		rc = ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; rc == 0 && i < l.names.n; i++)
		rc = hold_versions(r, v, l.names.v[i], err);
	ir_names_free(&l.names);
	ir_vault_close(v);
	return rc;
}

static int
hold_all(struct run *r, struct ir_err *err)
{
	static struct ir_credential c;
	const struct ir_secret *name;
	int rc;

	if (r->credential) {
		rc = ir_credential_read_file(&c, r->credential, err);
		name = rc ? NULL : ir_credential_get(&c, "name");
		if (rc == 0)
			rc = hold_block(r, &c, name ? name->data :
			    "credential", err);
		ir_credential_free(&c);
		if (rc)
			return -1;
	}
	return r->held ? hold_vault(r, err) : 0;
}

/* --- the report ---------------------------------------------------------- */

static const char *
or_null(const char *s)
{
	return s && s[0] ? s : NULL;
}

static void
put_served(struct run *r, struct ir_rec *rec, const struct ir_leak_find *v)
{
	const char *path = v->where, *url = NULL;
	enum ir_leak_served s;
	char *file = NULL, *real;

	if (v->git || strncmp(path, "process:", 8) == 0 || r->staged)
		return;
	/* of a member, the container is what would be served */
	file = strndup(path, strcspn(path, "!"));
	real = file ? realpath(file, NULL) : NULL;
	s = ir_leak_served(real ? real : path, r->webroot.v, r->webroot.n,
	    &url);
	ir_rec_str(rec, "served", ir_leak_served_name(s));
	if (url)
		ir_rec_str(rec, "url_path", url);
	free(real);
	free(file);
}

static void
put_git(struct ir_rec *rec, const struct ir_leak_commit *c)
{
	struct ir_rec *g = ir_rec_object();

	ir_rec_str(g, "object", or_null(c->object));
	ir_rec_str(g, "commit", or_null(c->commit));
	ir_rec_str(g, "author", or_null(c->author));
	if (c->commit && c->commit[0])
		ir_rec_time(g, "committed", c->time);
	ir_rec_str(g, "path", or_null(c->path));
	ir_rec_str(g, "reach", c->reach);
	ir_rec_int(g, "objects", (int64_t)c->objects);
	ir_rec_set(rec, "git", g);
}

static void
put(struct run *r, const struct ir_leak_find *v, bool known)
{
	char id[IR_LEAK_PRINT + 1];
	struct ir_rec *rec;

	ir_leak_find_id(v, id);
	rec = ir_rec_new("leak", id);
	ir_rec_str(rec, "kind", ir_leak_kind_name(v->kind));
	ir_rec_str(rec, "rule", v->rule);
	ir_rec_str(rec, "where", v->where);
	if (v->line)
		ir_rec_int(rec, "line", (int64_t)v->line);
	ir_rec_int(rec, "offset", (int64_t)v->offset);
	ir_rec_str(rec, "form", ir_leak_form_name(v->form));
	ir_rec_str(rec, "name", or_null(v->name));
	ir_rec_str(rec, "shown", v->shown);
	ir_rec_int(rec, "length", (int64_t)v->len);
	ir_rec_str(rec, "fingerprint", v->print);
	if (v->account >= 0)
		ir_rec_fmt(rec, "account", "%012lld", (long long)v->account);
	ir_rec_str(rec, "key", or_null(v->of_key[0] ? v->of_key : v->key));
	ir_rec_bool(rec, "proven", v->proven);
	if (v->proven)
		ir_rec_str(rec, "region", v->region);
	ir_rec_str(rec, "held", or_null(v->held));
	put_served(r, rec, v);
	if (v->git)
		put_git(rec, v->git);
	ir_rec_bool(rec, "known", known);
	ir_out_put(r->out, rec);
}

static void
put_scope(struct run *r)
{
	struct ir_rec *rec = ir_rec_new("leak-scope", "scan");
	uint64_t lost = r->nunread + r->more_unread;

	ir_rec_bool(rec, "complete", !lost && !r->cut && !r->finds.dropped &&
	    !r->gits.cut);
	ir_rec_int(rec, "leaks", (int64_t)r->listed);
	ir_rec_int(rec, "new", (int64_t)r->fresh);
	ir_rec_int(rec, "known", (int64_t)r->nknown);
	ir_rec_int(rec, "allowed", (int64_t)r->nallowed);
	ir_rec_int(rec, "files", (int64_t)r->count.files);
	ir_rec_int(rec, "bytes", (int64_t)r->count.bytes);
	ir_rec_int(rec, "folders", (int64_t)r->count.folders);
	ir_rec_int(rec, "links", (int64_t)r->count.links);
	ir_rec_int(rec, "special", (int64_t)r->count.special);
	ir_rec_int(rec, "skipped", (int64_t)r->count.skipped);
	ir_rec_int(rec, "unread", (int64_t)lost);
	ir_rec_int(rec, "repositories", (int64_t)r->nrepos);
	ir_rec_int(rec, "objects", (int64_t)r->gits.objects);
	ir_rec_int(rec, "processes", (int64_t)r->nprocs);
	ir_rec_int(rec, "secrets_tried", (int64_t)r->tried);
	ir_out_put(r->out, rec);
}

static void
put_unread(struct run *r)
{
	struct ir_rec *rec;
	size_t i;

	for (i = 0; i < r->nunread; i++) {
		rec = ir_rec_new("leak-unread", r->unread[i].where);
		ir_rec_str(rec, "where", r->unread[i].where);
		ir_rec_str(rec, "why", r->unread[i].why);
		ir_out_put(r->out, rec);
	}
	if (r->nunread + r->more_unread)
		ir_warn(&r->common, "%zu places were not looked into, or not "
		    "wholly", r->nunread + r->more_unread);
	if (r->cut)
		ir_warn(&r->common, "ended before all was looked at");
	if (r->finds.dropped)
		ir_warn(&r->common, "%llu findings more than can be kept",
		    (unsigned long long)r->finds.dropped);
}

static int
write_sarif(struct run *r, const bool *skip, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(SARIF_MAX);
	int rc;

	ir_leak_sarif(&r->finds, skip, ir_version(), &b);
	rc = ir_buf_check(&b, "SARIF", err);
	if (rc == 0)
		rc = ir_file_replace(r->sarif, b.data, b.len, 0644, err);
	ir_buf_free(&b);
	return rc;
}

/*
 * Prove, sort, write.  0 or -1; with --check the answer: 1 something new,
 * else 75 when not all was seen.
 */
static int
report(struct run *r, struct ir_err *err)
{
	const struct ir_leak_find *v;
	bool *skip, known;
	size_t i;
	int rc = 0;

	if (ir_leak_prove(&r->finds, r->have, r->nhave, &r->tried, err))
		return -1;
	ir_leak_finds_settle(&r->finds);
	skip = calloc(r->finds.n + 1, sizeof *skip);
	if (!skip)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < r->finds.n; i++) {
		v = &r->finds.v[i];
		skip[i] = true;
		if (r->key && !ir_leak_find_of(v, r->key))
			continue;
		if (ir_leak_is_allowed(&r->known, v)) {
			r->nallowed++;
			continue;
		}
		known = ir_leak_is_known(&r->known, v);
		skip[i] = known;
		r->listed++;
		r->nknown += known;
		r->fresh += !known;
		put(r, v, known);
	}
	put_unread(r);
	put_scope(r);
	if (r->sarif)
		rc = write_sarif(r, skip, err);
	free(skip);
	if (rc || !r->check)
		return rc;
	if (r->fresh)
		return ir_fail(err, IR_NO, "%zu leaked credentials", r->fresh);
	if (r->nunread + r->more_unread || r->cut || r->finds.dropped ||
	    r->gits.cut)
		return ir_fail(err, IR_TEMPFAIL, "nothing found, but not all "
		    "was looked at");
	return 0;
}

/* --- the whole ----------------------------------------------------------- */

/* Its bit; 0: there is no such kind. */
static unsigned
kind_of(const char *name)
{
	unsigned k;

	for (k = 0; k < IR_LEAK_KINDS; k++)
		if (strcmp(name, ir_leak_kind_name((enum ir_leak_kind)k)) == 0)
			return 1u << k;
	return 0;
}

static void
check_usage(struct run *r, char **operands, int n)
{
	unsigned kind;
	size_t i;
	int k;

	if (n == 0 && !r->staged && !r->procs && r->git.n == 0)
		ir_die_usage("which files or folders?");
	for (k = 0; k < n; k++)
		if (!operands[k][0])
			ir_die_usage("a file or folder without a name");
	if (r->staged && (n || r->git.n || r->procs))
		ir_die_usage("--staged looks at nothing else");
	if (r->threads < 1 || r->threads > IR_TREE_THREADS)
		ir_die_usage("--threads: 1 to %d", IR_TREE_THREADS);
	if (r->unpack_limit > 1000000000)
		ir_die_usage("--unpack-limit: that is no limit");
	if (r->key && (strlen(r->key) != 20 || ir_leak_account(r->key) == -2))
		ir_die_usage("--key=%s: not an access key id", r->key);
	if (r->vault.path && !r->held)
		ir_die_usage("--vault goes with --held");
	for (i = 0; i < r->only.n; i++) {
		kind = kind_of(r->only.v[i]);
		if (!kind)
			ir_die_usage("--kind=%s: no such kind", r->only.v[i]);
		r->rules.kinds |= kind;
	}
	r->check = r->check || r->staged;
}

/* A name that was mistyped is not to look like a clean answer. */
static int
are_there(char **operands, size_t n, struct ir_err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(operands[i], "-") != 0 &&
		    faccessat(AT_FDCWD, operands[i], F_OK, AT_EACCESS) &&
		    (errno == ENOENT || errno == ENOTDIR))
			return ir_fail_errno(err, IR_NOINPUT, errno, "%s",
			    operands[i]);
	return 0;
}

static int
prepare(struct run *r, char **operands, size_t n, struct ir_err *err)
{
	pthread_mutex_init(&r->lock, NULL);
	ir_leak_finds_init(&r->finds);
	if (r->common.timeout)
		r->deadline = ir_mono_ms() + r->common.timeout * 1000;
	if (r->baseline && ir_leak_baseline(&r->known, r->baseline, err))
		return -1;
	if (r->allow && ir_leak_allow(&r->known, r->allow, err))
		return -1;
	return are_there(operands, n, err) ? -1 : hold_all(r, err);
}

/*
 * What is read was made by others: from now on nothing can be written and
 * nobody reached.  Landlock keeps from looking into other processes, too, so
 * not with --procs; git has to be run, and SARIF's file to be made.
 */
static void
give_up_rights(const struct run *r)
{
	if (!r->procs && !r->staged && !r->sarif)
		(void)ir_sandbox_no_write();
}

static int
scan(struct run *r, char **operands, size_t n, struct ir_err *err)
{
	if (r->staged)
		return scan_staged(r, err);
	if (n && scan_trees(r, operands, n, err))
		return -1;
	if (scan_repos(r, err))
		return -1;
	return r->procs && !over(r) ? scan_procs(r, err) : 0;
}

static void
clean_up(struct run *r)
{
	size_t i;

	for (i = 0; i < r->nunread; i++) {
		free(r->unread[i].where);
		free(r->unread[i].why);
	}
	free(r->unread);
	for (i = 0; i < r->nhave; i++) {
		ir_secret_free(&r->have[i].secret);
		ir_secret_free(&r->have[i].password);
	}
	free(r->have);
	ir_names_free(&r->repos);
	ir_names_free(&r->homes);
	ir_leak_known_free(&r->known);
	ir_leak_finds_free(&r->finds);
}

int
main(int argc, char **argv)
{
	static struct run r = { .threads = 2, .unpack_limit = 8192 };
	const struct ir_opt opts[] = {
		{ 0, "check", NULL, IR_BOOL, &r.check,
		    "exit 1 when something is found" },
		{ 0, "staged", NULL, IR_BOOL, &r.staged,
		    "what git is about to commit; with --check's answer" },
		{ 0, "git", "DIR", IR_LIST, &r.git,
		    "all objects of this repository; may be repeated" },
		{ 0, "no-git", NULL, IR_BOOL, &r.no_git,
		    "not the objects of repositories among the files" },
		{ 0, "procs", NULL, IR_BOOL, &r.procs,
		    "the environments of processes" },
		{ 0, "key", "ID", IR_STR, &r.key,
		    "only this access key, and what belongs to it" },
		{ 0, "kind", "KIND", IR_LIST, &r.only,
		    "only what is of this kind; may be repeated" },
		{ 0, "held", NULL, IR_BOOL, &r.held,
		    "compare with what the vault holds" },
		IR_OPTS_VAULT(&r.vault),
		{ 0, "credential", "FILE", IR_STR, &r.credential,
		    "compare with a credential block; - is standard input" },
		{ 0, "webroot", "DIR", IR_LIST, &r.webroot,
		    "a web server serves this folder; may be repeated" },
		{ 0, "allow", "FILE", IR_STR, &r.allow,
		    "what is no leak: fingerprints, key ids, patterns" },
		{ 0, "baseline", "FILE", IR_STR, &r.baseline,
		    "records of an earlier run: those are known" },
		{ 0, "sarif", "FILE", IR_STR, &r.sarif,
		    "write what is new as SARIF 2.1.0, too" },
		{ 0, "skip", "PATTERN", IR_LIST, &r.skip,
		    "names of files and folders to pass over" },
		{ 0, "no-unpack", NULL, IR_BOOL, &r.no_unpack,
		    "archives as they are" },
		{ 0, "unpack-limit", "MIB", IR_INT, &r.unpack_limit,
		    "out of one file at most; default 8192; 0: any" },
		{ 0, "one-file-system", NULL, IR_BOOL, &r.one_device,
		    "stay on the file systems of the folders given" },
		{ 0, "threads", "N", IR_INT, &r.threads, "default: 2" },
		IR_OPTS_COMMON(&r.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	size_t n;

	ir_begin(&cmd);
	n = (size_t)ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, argv + 1, (int)n);
	if (prepare(&r, argv + 1, n, &err))
		goto out;
	ir_catch_stop();
	r.out = ir_open_output(&r.common, cols);
	give_up_rights(&r);
	if (scan(&r, argv + 1, n, &err) == 0)
		(void)report(&r, &err);
out:
	clean_up(&r);
	return ir_end(&err, r.out, NULL);
}
