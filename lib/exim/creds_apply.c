/* creds_apply.c - see creds_apply.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/proc.h"
#include "creds_apply.h"
#include "hook.h"

#define STAGE "exim-creds.stage"
#define MAX_SENT 256

int
ir_creds_apply_init(struct ir_creds_apply *a, struct ir_err *err)
{
	ir_creds_view_free(&a->before);
	ir_creds_view_init(&a->before);
	a->reload = "";
	return ir_creds_view(a->exim->exim, NULL, a->address, &a->before,
	    err);
}

void
ir_creds_apply_free(struct ir_creds_apply *a)
{
	ir_creds_view_free(&a->before);
	ir_tx_free(&a->tx);
}

/* --- what is sent ------------------------------------------------------- */

/* A host that the pattern of a lookup takes; false when none is known. */
static bool
sample_host(const char *pattern, char host[256])
{
	if (*pattern == '^')
		return false;
	if (!*pattern || strcmp(pattern, "*") == 0)
		snprintf(host, 256, "quell.invalid");
	else if (*pattern == '*')
		snprintf(host, 256, "%s%s", pattern[1] == '.' ? "quell" : "",
		    pattern + 1);
	else
		snprintf(host, 256, "%s", pattern);
	return host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:")] == '\0';
}

static bool
same_sent(const struct ir_creds_sent *s, const struct ir_creds_want *w)
{
	return s->pass.len == w->pass->len && memcmp(s->pass.data,
	    w->pass->data, s->pass.len) == 0 &&
	    s->user.len == strlen(w->user) &&
	    memcmp(ir_buf_cstr(&s->user), w->user, s->user.len) == 0;
}

static int
judge(struct ir_creds_apply *a, const struct ir_creds_sent *s,
    const size_t *of, size_t n, const struct ir_creds_want *want,
    struct ir_err *err)
{
	bool good[IR_CREDS_PLACES] = { false };
	size_t i;

	a->checked = 0;
	a->wrong[0] = '\0';
	for (i = 0; i < n; i++) {
		if (!s[i].known)
			continue;
		if (same_sent(&s[i], &want[of[i]])) {
			good[of[i]] = true;
			a->checked++;
		} else if (!s[i].cram) {
			return ir_fail(err, IR_CONFIG, "%s:%u: the "
			    "authenticator %s would send something else",
			    want[of[i]].place->path, want[of[i]].place->line,
			    s[i].auth);
		}
	}
	/* CRAM-MD5 is no way to a smarthost that also offers the others */
	for (i = 0; i < n; i++) {
		if (!s[i].known || !s[i].cram ||
		    same_sent(&s[i], &want[of[i]]))
			continue;
		if (!good[of[i]])
			return ir_fail(err, IR_CONFIG, "%s:%u: the "
			    "authenticator %s would send something else",
			    want[of[i]].place->path, want[of[i]].place->line,
			    s[i].auth);
		snprintf(a->wrong, sizeof a->wrong, "%s", s[i].auth);
	}
	return 0;
}

int
ir_creds_check_sent(struct ir_creds_apply *a, const char *conf,
    const struct ir_creds_view *v, const struct ir_creds_subst *subst,
    size_t nsubst, const struct ir_creds_want *want, size_t n,
    struct ir_err *err)
{
	struct ir_creds_sent *s = calloc(MAX_SENT, sizeof *s);
	const struct ir_creds_place *p;
	size_t of[MAX_SENT], count = 0, i, k;
	char host[256];
	int rc;

	if (!s)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < n && i < IR_CREDS_PLACES; i++) {
		p = want[i].place;
		/* what another entry hides cannot be seen */
		if (p->shadowed || !sample_host(p->host, host))
			continue;
		for (k = 0; k < p->nauth && count < MAX_SENT; k++) {
			snprintf(s[count].auth, sizeof s->auth, "%s",
			    p->auth[k]);
			memcpy(s[count].host, host, sizeof host);
			of[count++] = i;
		}
	}
	rc = ir_creds_send(a->exim->exim, conf, v, subst, nsubst, s, count,
	    err);
	if (rc == 0)
		rc = judge(a, s, of, count, want, err);
	for (i = 0; i < count; i++) {
		ir_buf_free(&s[i].user);
		ir_buf_free(&s[i].pass);
	}
	free(s);
	return rc;
}

/* --- the configuration as it would be ----------------------------------- */

/* Remove a folder of ours and what is in it. */
static void
remove_tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0))
			remove_tree(dirfd(d), e->d_name);
	}
	closedir(d);
	(void)unlinkat(at, name, AT_REMOVEDIR);
}

static void
stage_dir(const struct ir_creds_apply *a, char dir[PATH_MAX])
{
	if ((size_t)snprintf(dir, PATH_MAX, "%s/" STAGE, a->tx.dir) >=
	    PATH_MAX)
		dir[0] = '\0';
}

static int
stage_file(const char *path, const struct ir_buf *b, struct ir_err *err)
{
	struct ir_file_meta own = IR_FILE_META_INIT;

	own.uid = geteuid();
	own.gid = getegid();
	return ir_file_stage(path, ir_buf_cstr(b), b->len, &own, err);
}

/* The bytes that a file of the configuration is to have. */
static const struct ir_buf *
new_bytes(const struct ir_creds_plan *plan, const struct ir_conf_file *f)
{
	size_t i;

	for (i = 0; i < plan->n; i++)
		if (plan->change[i].config &&
		    strcmp(plan->change[i].name, f->path) == 0)
			return &plan->change[i].new;
	return &f->bytes;
}

/* Which of the configurations was read is the one in force. */
static const struct ir_conf *
live_conf(const struct ir_creds *c)
{
	size_t i;

	for (i = 1; i < c->nconf; i++)
		if (c->conf_live[i])
			return c->conf[i];
	return NULL;
}

/* Where the changed file is beside the old one; NULL: it stays as it is. */
static bool
changed_file(const struct ir_creds_apply *a, const struct ir_creds_plan *plan,
    const struct ir_conf_file *f, char path[PATH_MAX])
{
	size_t i;

	for (i = 0; i < plan->n; i++)
		if (plan->change[i].config &&
		    strcmp(plan->change[i].name, f->path) == 0) {
			ir_tx_staged(&a->tx, i, path);
			return true;
		}
	return false;
}

static int
try_name(const struct ir_conf_file *f, char path[PATH_MAX])
{
	char real[PATH_MAX];
	const char *slash;

	if (!realpath(f->path, real))
		return -1;
	slash = strrchr(real, '/');
	return (size_t)snprintf(path, PATH_MAX, "%.*s/.%s.quell-try",
	    (int)(slash - real), real, slash + 1) < PATH_MAX ? 0 : -1;
}

static void
unstage(const struct ir_creds_apply *a)
{
	const struct ir_conf *n = live_conf(a->creds);
	char path[PATH_MAX];
	size_t i;

	stage_dir(a, path);
	remove_tree(AT_FDCWD, path);
	for (i = 0; n && i < n->nfile; i++)
		if (try_name(&n->file[i], path) == 0)
			(void)unlink(path);
}

/*
 * A file that includes others of a changed name: it must name those.  An
 * edit never changes the line of an .include, but it may stand before it.
 */
static int
stage_including(struct ir_creds_apply *a, const struct ir_creds_plan *plan,
    size_t i, char (*names)[PATH_MAX], struct ir_err *err)
{
	const struct ir_conf *n = live_conf(a->creds);
	const struct ir_buf *bytes = new_bytes(plan, &n->file[i]);
	struct ir_buf b = IR_BUF_SECRET(2 * IR_CONF_FILE_MAX);
	struct ir_file_meta m = IR_FILE_META_INIT;
	const char *line, *hit;
	char path[PATH_MAX];
	size_t k, at = 0;
	int rc;

	for (k = 0; k < n->nfile; k++) {
		if (!n->file[k].included || n->file[k].by != i || !*names[k])
			continue;
		line = n->file[i].bytes.data + n->file[k].by_off;
		hit = memmem(bytes->data + at, bytes->len - at, line,
		    n->file[k].by_len);
		if (!hit)
			continue;
		ir_buf_add(&b, bytes->data + at,
		    (size_t)(hit - bytes->data) - at);
		ir_buf_fmt(&b, ".include %s", names[k]);
		at = (size_t)(hit - bytes->data) + n->file[k].by_len;
	}
	ir_buf_add(&b, bytes->data + at, bytes->len - at);
	rc = ir_buf_check(&b, n->file[i].path, err);
	if (rc == 0 && try_name(&n->file[i], path))
		rc = ir_fail(err, IR_CANTCREAT, "%s: name too long",
		    n->file[i].path);
	/* Exim has become its own user when it reads some of them */
	if (rc == 0)
		rc = ir_file_meta(n->file[i].path, &m, err);
	if (rc == 0) {
		(void)unlink(path);
		rc = ir_file_stage(path, ir_buf_cstr(&b), b.len, &m, err);
	}
	memcpy(names[i], path, sizeof path);
	ir_file_meta_free(&m);
	ir_buf_free(&b);
	return rc;
}

/* Beside each file that changes, or includes one: as it is to be. */
static int
stage_plain(struct ir_creds_apply *a, const struct ir_creds_plan *plan,
    char conf[PATH_MAX], struct ir_err *err)
{
	const struct ir_conf *n = live_conf(a->creds);
	char (*names)[PATH_MAX];
	size_t i, k;
	int rc = 0;
	bool includes;

	if (!n)
		return ir_fail(err, IR_SOFTWARE, "no configuration");
	names = calloc(IR_CONF_FILES, sizeof *names);
	if (!names)
		return ir_fail(err, IR_OSERR, "no memory");
	/* what is included has the higher number */
	for (i = n->nfile; rc == 0 && i-- > 0; ) {
		changed_file(a, plan, &n->file[i], names[i]);
		for (k = 0, includes = false; k < n->nfile; k++)
			includes |= n->file[k].included &&
			    n->file[k].by == i && *names[k];
		if (includes)
			rc = stage_including(a, plan, i, names, err);
	}
	memcpy(conf, *names[0] ? names[0] : n->file[0].path, *names[0] ?
	    PATH_MAX : strlen(n->file[0].path) + 1);
	free(names);
	return rc;
}

static int
generate(const char *dir, const char *out, struct ir_err *err)
{
	const char *const argv[] = { "update-exim4.conf", "-d", dir, "-o",
		out, NULL };
	const char *const real[] = { "update-exim4.conf", NULL };
	struct ir_proc p = { .argv = dir ? argv : real,
		.timeout_ms = 60000 };
	struct ir_proc_result r = { 0, IR_BUF_SECRET(65536),
		IR_BUF_SECRET(65536) };
	mode_t mask = umask(077);
	int rc = ir_proc_run(&p, &r, err);

	umask(mask);
	if (rc == 0 && r.status)
		rc = ir_fail(err, IR_CONFIG, "update-exim4.conf: exit %d",
		    r.status);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
	return rc;
}

/* Below dir as it is below /etc/exim4. */
static int
stage_debian(struct ir_creds_apply *a, const struct ir_creds_plan *plan,
    const char *dir, char conf[PATH_MAX], struct ir_err *err)
{
	static const char *const sections[] = { "conf.d", "conf.d/main",
		"conf.d/acl", "conf.d/router", "conf.d/transport",
		"conf.d/retry", "conf.d/rewrite", "conf.d/auth" };
	static const struct ir_buf nothing;
	const struct ir_conf *n = live_conf(a->creds);
	char path[PATH_MAX];
	const char *tail;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < sizeof sections / sizeof *sections; i++) {
		snprintf(path, sizeof path, "%.4000s/%s", dir, sections[i]);
		rc = ir_mkdirs(path, 0700, err);
	}
	for (i = 0; n && rc == 0 && i < n->nfile; i++) {
		tail = n->file[i].path;
		if (strncmp(tail, IR_DEBIAN_DIR "/", 11) != 0 ||
		    n->file[i].included)
			continue;
		if ((size_t)snprintf(path, sizeof path, "%s/%s", dir,
		    tail + 11) >= sizeof path)
			continue;
		rc = stage_file(path, new_bytes(plan, &n->file[i]), err);
		tail = strrchr(path, '.');
		/* FILE.rul stands for FILE, if that is there */
		if (rc == 0 && tail && strcmp(tail, ".rul") == 0) {
			path[tail - path] = '\0';
			rc = stage_file(path, &nothing, err);
		}
	}
	snprintf(conf, PATH_MAX, "%.4000s/out", dir);
	return rc ? rc : generate(dir, conf, err);
}

static int
stage_conf(struct ir_creds_apply *a, const struct ir_creds_plan *plan,
    char conf[PATH_MAX], struct ir_err *err)
{
	char dir[PATH_MAX];

	if (!a->creds->debian)
		return stage_plain(a, plan, conf, err);
	stage_dir(a, dir);
	remove_tree(AT_FDCWD, dir);
	if (mkdir(dir, 0700))
		return ir_fail_errno(err, IR_CANTCREAT, errno, "%s", dir);
	return stage_debian(a, plan, dir, conf, err);
}

/* --- the ladder --------------------------------------------------------- */

/* Exim reads lookup files as its own user. */
static int
readable(struct ir_creds_apply *a, const char *path, const char *name,
    struct ir_err *err)
{
	if (ir_exim_hook_readable(path, a->exim->spool_directory, err) == 0)
		return 0;
	if (err->code != IR_CONFIG)
		return -1;
	ir_fail(err, IR_CONFIG, "%s: the exim user cannot read it", name);
	ir_hint(err, "give it to root and Exim's group, mode 0640");
	return -1;
}

static int
check_view(struct ir_creds_apply *a, const char *conf,
    const struct ir_creds_subst *subst, size_t nsubst,
    const struct ir_creds_want *want, size_t n, struct ir_err *err)
{
	struct ir_creds_view v;
	int rc;

	ir_creds_view_init(&v);
	rc = ir_creds_view(a->exim->exim, conf, a->address, &v, err);
	if (rc == 0)
		rc = ir_creds_view_same(&a->before, &v, err);
	if (rc == 0)
		rc = ir_creds_check_sent(a, conf, &v, subst, nsubst, want, n,
		    err);
	ir_creds_view_free(&v);
	return rc;
}

/* With the new files beside the old ones. */
static int
check_staged(struct ir_creds_apply *a, const struct ir_creds_plan *plan,
    const struct ir_creds_want *want, size_t n, struct ir_err *err)
{
	struct ir_creds_subst subst[2 * IR_CREDS_CHANGES];
	char (*staged)[PATH_MAX] = calloc(IR_CREDS_CHANGES, PATH_MAX);
	char conf[PATH_MAX];
	size_t i, ns = 0;
	int rc = 0;

	if (!staged)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; rc == 0 && i < plan->n; i++) {
		if (plan->change[i].config)
			continue;
		ir_tx_staged(&a->tx, i, staged[i]);
		subst[ns++] = (struct ir_creds_subst){ plan->change[i].name,
			staged[i] };
		rc = readable(a, staged[i], plan->change[i].name, err);
	}
	if (rc == 0 && plan->config)
		rc = stage_conf(a, plan, conf, err);
	if (rc == 0)
		rc = check_view(a, plan->config ? conf : NULL, subst, ns,
		    want, n, err);
	free(staged);
	unstage(a);
	return rc;
}

static int
reload(struct ir_creds_apply *a, bool needed, struct ir_err *err)
{
	struct ir_exim_daemon d;

	a->reload = "not needed";
	if (!needed)
		return 0;
	ir_exim_daemon(a->exim->pid_file_path, &d);
	a->reload = "no daemon";
	if (!d.pid)
		return 0;
	a->reload = "done";
	return ir_exim_reload(a->exim->pid_file_path, &d, a->reload_ms, err);
}

/* All back as it was.  The first error stays; what more goes wrong is added. */
static void
roll_back(struct ir_creds_apply *a, const struct ir_exim_daemon *d,
    bool generated, bool reloaded, struct ir_err *err)
{
	struct ir_err more = IR_ERR_INIT;
	struct ir_exim_daemon now;
	int rc;

	unstage(a);
	rc = ir_tx_restore(&a->tx, &more);
	if (rc == 0 && generated)
		rc = generate(NULL, NULL, &more);
	if (rc == 0 && reloaded && d->pid) {
		ir_exim_daemon(a->exim->pid_file_path, &now);
		rc = now.pid ? ir_exim_reload(a->exim->pid_file_path, &now,
		    a->reload_ms, &more) :
		    ir_exim_revive(a->exim->exim, d, &more);
	}
	/* what is there already can be said again by the next run */
	if (rc == 0)
		(void)ir_tx_mark(&a->tx, IR_TX_UNDONE, NULL);
	if (rc)
		ir_hint(err, "and putting back failed: %s", more.msg);
	else if (!*err->hint)
		ir_hint(err, "the old credential is in place");
}

int
ir_creds_apply(struct ir_creds_apply *a, const struct ir_creds_plan *plan,
    const struct ir_creds_want *want, size_t n, const char *user,
    struct ir_err *err)
{
	bool made = plan->config && a->creds->debian, generated = false;
	bool reloaded = false;
	struct ir_exim_daemon d;
	int rc;

	ir_exim_daemon(a->exim->pid_file_path, &d);
	if (ir_tx_begin(&a->tx, plan, user, made, err))
		return -1;
	rc = ir_tx_stage(&a->tx, plan, err);
	if (rc == 0)
		rc = check_staged(a, plan, want, n, err);
	if (rc == 0)
		rc = ir_tx_commit(&a->tx, err);
	if (rc == 0 && made) {
		generated = true;
		rc = generate(NULL, NULL, err);
	}
	if (rc == 0)
		rc = check_view(a, NULL, NULL, 0, want, n, err);
	if (rc == 0) {
		reloaded = plan->config;
		rc = reload(a, plan->config, err);
	}
	if (rc == 0)
		rc = ir_tx_mark(&a->tx, IR_TX_DONE, err);
	if (rc)
		roll_back(a, &d, generated, reloaded, err);
	return rc;
}

/* Put back, generate, reload, say so. */
static int
put_back(struct ir_creds_apply *a, struct ir_err *err)
{
	bool config = a->tx.config;

	if (ir_tx_restore(&a->tx, err))
		return -1;
	if (a->tx.generate && generate(NULL, NULL, err))
		return -1;
	if (reload(a, config, err))
		return -1;
	return ir_tx_mark(&a->tx, IR_TX_UNDONE, err);
}

int
ir_creds_recover(struct ir_creds_apply *a, struct ir_err *err)
{
	unstage(a);
	if (a->tx.status != IR_TX_UNDER_WAY &&
	    a->tx.status != IR_TX_UNDOING) {
		ir_tx_tidy(&a->tx);
		return 0;
	}
	return put_back(a, err) ? -1 : 1;
}

int
ir_creds_undo(struct ir_creds_apply *a, struct ir_err *err)
{
	if (ir_tx_mark(&a->tx, IR_TX_UNDOING, err))
		return -1;
	return put_back(a, err);
}
