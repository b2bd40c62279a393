/*
 * cred-vault - keep credentials sealed in one file
 *
 * Reads credential blocks (standard input, or old "openssl enc" files) and
 * the vault; writes the vault, credentials to where they are asked for, and
 * records of type vault-item, in which no secret is.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/file.h"
#include "core/secret.h"
#include "core/text.h"
#include "incident/journal.h"
#include "vault/credential.h"
#include "vault/import.h"
#include "vault/vault.h"

static const struct ir_cmd cmd = {
	"cred-vault", "keep credentials sealed in one file",
	"put|get|list|rotate-key|remove|import [options] [name|file ...]"
};

static const struct ir_col cols[] = {
	{ "id", "NAME" }, { "version", "VERSION" }, { "username", "USERNAME" },
	{ "created", "CREATED" }, { "expires", "EXPIRES" },
	{ "changed", "CHANGED" }, { "why", "WHY" }, { NULL, NULL }
};

struct opts {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws;
	struct ir_vault_opts vault;
	const char *expires, *env_file, *env_prefix, *exim_file, *group, *to;
	const char *name, *pass_file, *key_file, *iv, *md;
	long revision, fd, older_than, iter;
	bool reveal, json_aws, expired, all;
	bool found;		/* list: something is too old: exit 1 */
};

struct run {
	struct opts *o;
	struct ir_vault *vault;
	struct ir_journal *journal;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_err *err;
};

/* --- what they share ---------------------------------------------------- */

static bool
dry(const struct run *r)
{
	return r->o->change.dry_run;
}

static int
open_vault(struct run *r, bool write)
{
	r->o->vault.look = dry(r);
	return ir_vault_open(&r->vault, &r->o->vault, write && !dry(r),
	    r->err);
}

static void
add_label(struct ir_rec *rec, const struct ir_vault_item *item)
{
	ir_rec_int(rec, "version", item->version);
	ir_rec_time(rec, "created", item->created);
	if (item->expires)
		ir_rec_time(rec, "expires", item->expires);
	if (item->username[0])
		ir_rec_str(rec, "username", item->username);
}

/* A result: ok, changed, and in a dry run that it is one. */
static struct ir_rec *
result(struct run *r, const char *type, const char *id, bool changed)
{
	struct ir_rec *rec = ir_rec_new(type, id);

	ir_rec_bool(rec, "ok", true);
	ir_rec_bool(rec, "changed", changed);
	if (dry(r))
		ir_rec_bool(rec, "dry_run", true);
	return rec;
}

static int
journal(struct run *r, const char *event, const char *act, const char *id,
    uint32_t version)
{
	struct ir_rec *d;

	if (!r->journal && ir_journal_open(&r->journal, r->o->change.incident,
	    "cred-vault", r->err))
		return -1;
	if (!r->journal)
		return 0;
	d = ir_rec_object();
	ir_rec_str(d, "act", act);
	ir_rec_str(d, "id", id);
	if (version)
		ir_rec_int(d, "version", version);
	if (r->vault) {
		ir_rec_str(d, "vault", ir_vault_path(r->vault));
		ir_rec_str(d, "source", ir_vault_source(r->vault));
	}
	return ir_journal_add(r->journal, event, d, r->err);
}

static void
check_name(const char *name)
{
	if (!ir_vault_name_ok(name))
		ir_die_usage("not a name: %s", name);
}

static int64_t
when(const char *option, const char *text)
{
	int64_t t = 0;

	if (text && (ir_time_parse(text, &t) || t <= 0))
		ir_die_usage("%s: not a time such as "
		    "2027-02-19T00:00:00Z: %s", option, text);
	return t;
}

/* --- put ---------------------------------------------------------------- */

/* Field by field, without echo, until an empty line. */
static int
ask_credential(struct ir_credential *c, struct ir_err *err)
{
	struct ir_buf b = IR_BUF_SECRET(IR_CREDENTIAL_MAX);
	char line[4096];
	int rc;

	while ((rc = ir_ask_tty("field, as key=value (not shown; empty line: "
	    "the end): ", line, sizeof line)) == 0 && *line) {
		ir_buf_str(&b, line);
		ir_buf_chr(&b, '\n');
	}
	ir_secret_wipe(line, sizeof line);
	if (rc)
		ir_fail(err, IR_NOINPUT, "/dev/tty: nothing was typed");
	else
		rc = ir_credential_parse(c, ir_buf_cstr(&b), b.len, NULL,
		    err);
	ir_buf_free(&b);
	return rc;
}

static int
read_credential(struct ir_credential *c, struct ir_err *err)
{
	return isatty(STDIN_FILENO) ? ask_credential(c, err) :
	    ir_credential_read_fd(c, STDIN_FILENO, err);
}

/* What a real run would do; a vault that is not there would be made. */
static int
look_put(struct run *r, const char *name, const struct ir_credential *c,
    int64_t expires)
{
	uint32_t version = 0;
	struct ir_rec *rec;
	int same = 0;

	if (!r->vault && open_vault(r, false)) {
		if (r->err->code != IR_NOINPUT || !(r->o->vault.key ||
		    getenv("QUELL_VAULT_KEY")))
			return -1;
		*r->err = (struct ir_err)IR_ERR_INIT;
	}
	if (r->vault)
		same = ir_vault_has(r->vault, name, c, expires, &version,
		    r->err);
	if (same < 0)
		return -1;
	rec = result(r, "vault-item", name, !same);
	ir_rec_int(rec, "version", version + !same);
	ir_out_put(r->out, rec);
	return 0;
}

/* Seal c under name, journalled, and say so. */
static int
seal(struct run *r, const char *act, const char *name,
    const struct ir_credential *c, int64_t expires)
{
	uint64_t before;
	uint32_t version;
	struct ir_rec *rec;

	if (dry(r))
		return look_put(r, name, c, expires);
	if (!r->vault && open_vault(r, true))
		return -1;
	before = ir_vault_generation(r->vault);
	if (journal(r, "cred-vault.begin", act, name, 0) ||
	    ir_vault_put(r->vault, name, c, expires, &version, r->err))
		return -1;
	rec = result(r, "vault-item", name,
	    ir_vault_generation(r->vault) != before);
	add_label(rec, ir_vault_item(r->vault, name, version));
	ir_out_put(r->out, rec);
	return journal(r, "cred-vault.end", act, name, version);
}

static int
do_put(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct ir_credential c = IR_CREDENTIAL_INIT;
	int64_t expires = when("--expires", r->o->expires);
	int rc = -1;

	(void)n;
	check_name(argv[0]);
	if (read_credential(&c, r->err) == 0 && (dry(r) ||
	    ir_confirm(&r->o->change, 1, r->err, "seal %s?", argv[0]) == 0))
		rc = seal(r, "put", argv[0], &c, expires);
	ir_credential_free(&c);
	return rc;
}

/* --- get ---------------------------------------------------------------- */

static gid_t
group_id(const char *name)
{
	struct group *g = name ? getgrnam(name) : NULL;

	if (name && !g)
		ir_die_usage("--group: no such group: %s", name);
	return g ? g->gr_gid : (gid_t)-1;
}

/* Into a file, replaced whole: 1 written, 0 it was so already, or -1. */
static int
to_file(struct run *r, enum ir_credential_form form, const struct ir_buf *b)
{
	return ir_credential_write(r->o->env_file ? r->o->env_file :
	    r->o->exim_file, form, b, r->o->group ? 0640 : 0600,
	    group_id(r->o->group), r->err);
}

static void
report_file(struct run *r, const struct ir_vault_item *item, bool changed)
{
	struct ir_rec *rec = result(r, "vault-item", item->name, changed);

	add_label(rec, item);
	ir_rec_str(rec, "file", r->o->env_file ? r->o->env_file :
	    r->o->exim_file);
	ir_out_put(r->out, rec);
}

static int
where(const struct opts *o)
{
	return o->fd >= 0 ? (int)o->fd : STDOUT_FILENO;
}

static int
not_shown(struct run *r)
{
	const struct opts *o = r->o;

	if (o->env_file || o->exim_file || o->reveal || !isatty(where(o)))
		return 0;
	ir_fail(r->err, IR_USAGE, "the secret would stand on the terminal");
	ir_hint(r->err, "send it into a pipe or a file, or say --reveal");
	return -1;
}

static int
to_fd(struct run *r, const struct ir_buf *b)
{
	int fd = where(r->o);

	if (ir_write_all(fd, b->data, b->len))
		return ir_fail_errno(r->err, IR_IOERR, errno,
		    "descriptor %d", fd);
	return 0;
}

static int
hand_out(struct run *r, const struct ir_credential *c,
    const struct ir_vault_item *item)
{
	const struct opts *o = r->o;
	struct ir_buf b = IR_BUF_SECRET(4 * IR_CREDENTIAL_MAX);
	enum ir_credential_form form = o->env_file ? IR_CREDENTIAL_ENV :
	    o->exim_file ? IR_CREDENTIAL_EXIM :
	    o->json_aws ? IR_CREDENTIAL_AWS : IR_CREDENTIAL_BLOCK;
	bool file = o->env_file || o->exim_file;
	int rc;

	if (form == IR_CREDENTIAL_ENV)
		rc = ir_credential_env(c, o->env_prefix ? o->env_prefix :
		    IR_CREDENTIAL_PREFIX, &b, r->err);
	else
		rc = ir_credential_print(c, form, &b, r->err);
	if (rc == 0)
		rc = file ? to_file(r, form, &b) : to_fd(r, &b);
	ir_buf_free(&b);
	if (rc >= 0 && file)
		report_file(r, item, rc);
	return rc < 0 ? -1 : 0;
}

static int
do_get(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct ir_credential c = IR_CREDENTIAL_INIT;
	const struct opts *o = r->o;
	uint32_t revision = o->revision > 0 ? (uint32_t)o->revision : 0;
	int rc = -1;

	(void)n;
	check_name(argv[0]);
	if ((o->env_file != NULL) + (o->exim_file != NULL) + o->json_aws > 1)
		ir_die_usage("get: one of --env-file, --exim-file and --aws");
	if ((o->fd >= 0 || o->reveal) && (o->env_file || o->exim_file))
		ir_die_usage("get: into a file, or to --fd");
	if (o->group && !o->env_file && !o->exim_file)
		ir_die_usage("get: --group is that of a file");
	(void)group_id(o->group);
	if (o->env_prefix && !o->env_file)
		ir_die_usage("get: --env-prefix goes with --env-file");
	if (not_shown(r) == 0 && open_vault(r, false) == 0 &&
	    ir_vault_get(r->vault, argv[0], revision, &c, r->err) == 0)
		rc = hand_out(r, &c, ir_vault_item(r->vault, argv[0],
		    revision));
	ir_credential_free(&c);
	ir_secret_burn();
	return rc;
}

/* --- list --------------------------------------------------------------- */

struct list {
	struct run *r;
	struct ir_vault_item last;
	uint32_t versions;
	int64_t now;
};

static void
show(struct list *l, const struct ir_vault_item *item, uint32_t versions)
{
	const struct opts *o = l->r->o;
	bool filter = o->older_than >= 0 || o->expired;
	bool over = item->expires && item->expires <= l->now;
	struct ir_rec *rec;

	if (filter && !(o->expired && over) && !(o->older_than >= 0 &&
	    l->now - item->created >= o->older_than))
		return;
	if (filter)
		l->r->o->found = true;
	rec = ir_rec_new("vault-item", item->name);
	add_label(rec, item);
	ir_rec_int(rec, "age", l->now > item->created ?
	    l->now - item->created : 0);
	ir_rec_bool(rec, "expired", over);
	if (versions)
		ir_rec_int(rec, "versions", versions);
	ir_out_put(l->r->out, rec);
}

/* Of each name the newest version: it comes last. */
static int
each(const struct ir_vault_item *item, void *arg)
{
	struct list *l = arg;

	if (l->r->o->all) {
		show(l, item, 0);
		return 0;
	}
	if (l->versions && strcmp(l->last.name, item->name) != 0) {
		show(l, &l->last, l->versions);
		l->versions = 0;
	}
	l->last = *item;
	l->versions++;
	return 0;
}

static int
do_list(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	struct list l = { .r = r, .now = ir_now() };

	(void)argv;
	(void)n;
	if (open_vault(r, false))
		return -1;
	ir_vault_each(r->vault, each, &l);
	if (l.versions)
		show(&l, &l.last, l.versions);
	return 0;
}

/* --- rotate-key, remove ------------------------------------------------- */

static int
count(const struct ir_vault_item *item, void *arg)
{
	(void)item;
	++*(size_t *)arg;
	return 0;
}

static int
do_rotate(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	char was[1100];
	struct ir_rec *rec;
	size_t records = 0;

	(void)argv;
	(void)n;
	if (!r->o->to)
		ir_die_usage("rotate-key: --to=SOURCE is needed");
	if (ir_vault_source_check(r->o->to, r->err) ||
	    (!dry(r) && ir_confirm(&r->o->change, 1, r->err,
	    "seal the vault anew, under %s?", r->o->to)) ||
	    open_vault(r, true))
		return -1;
	snprintf(was, sizeof was, "%s", ir_vault_source(r->vault));
	ir_vault_each(r->vault, count, &records);
	if (!dry(r) && (journal(r, "cred-vault.begin", "rotate-key",
	    ir_vault_path(r->vault), 0) ||
	    ir_vault_rekey(r->vault, r->o->to, r->err)))
		return -1;
	rec = result(r, "vault", ir_vault_path(r->vault), true);
	ir_rec_str(rec, "was", was);
	ir_rec_str(rec, "source", dry(r) ? r->o->to :
	    ir_vault_source(r->vault));
	ir_rec_int(rec, "generation", (int64_t)ir_vault_generation(r->vault) +
	    dry(r));
	ir_rec_int(rec, "records", (int64_t)records);
	ir_out_put(r->out, rec);
	return dry(r) ? 0 : journal(r, "cred-vault.end", "rotate-key",
	    ir_vault_path(r->vault), 0);
}

static int
remove_it(struct run *r, const char *name, uint32_t revision)
{
	int gone = 0;
	struct ir_rec *rec;

	if (!dry(r) && (journal(r, "cred-vault.begin", "remove", name,
	    revision) || (gone = ir_vault_remove(r->vault, name, revision,
	    r->err)) < 0))
		return -1;
	rec = result(r, "vault-item", name, dry(r) || gone);
	if (revision)
		ir_rec_int(rec, "version", revision);
	if (gone)
		ir_rec_fmt(rec, "kept", "%s~", ir_vault_path(r->vault));
	ir_out_put(r->out, rec);
	return dry(r) ? 0 : journal(r, "cred-vault.end", "remove", name,
	    revision);
}

static int
do_remove(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	uint32_t revision = r->o->revision > 0 ? (uint32_t)r->o->revision : 0;

	(void)n;
	check_name(argv[0]);
	if (!dry(r) && ir_confirm_name(&r->o->change, argv[0],
	    "credential's name", r->err, "%s %s goes from the vault",
	    revision ? "one version of" : "every version of", argv[0]))
		return -1;
	if (open_vault(r, true))
		return -1;
	if (!ir_vault_item(r->vault, argv[0], revision)) {
		ir_out_put(r->out, result(r, "vault-item", argv[0], false));
		return 0;
	}
	return remove_it(r, argv[0], revision);
}

/* --- import ------------------------------------------------------------- */

/* The passphrase, or the key, from a file; else the person is asked. */
static int
read_pass(const struct opts *o, struct ir_secret *s, struct ir_err *err)
{
	const char *path = o->key_file ? o->key_file : o->pass_file;
	char typed[1024];
	int rc;

	if (path) {
		rc = ir_secret_read_file(s, path, err);
		/* openssl's -pass file: takes the first line, too */
		if (rc == 0 && memchr(s->data, '\n', s->len))
			rc = ir_secret_set(s, s->data,
			    strcspn(s->data, "\n"), err);
		return rc;
	}
	if (ir_ask_tty("passphrase of the files: ", typed, sizeof typed)) {
		ir_fail(err, IR_USAGE, "no terminal to ask on for the "
		    "passphrase");
		ir_hint(err, "--pass-file=FILE");
		return -1;
	}
	rc = ir_secret_set(s, typed, strlen(typed), err);
	ir_secret_wipe(typed, sizeof typed);
	return rc;
}

/* "etc/ses-smtp.conf.enc" becomes "ses-smtp". */
static void
name_of_file(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 :
	    path;
	size_t n = *base ? 1 + strcspn(base + 1, ".") : 0;

	snprintf(name, size, "%.*s", (int)n, base);
}

static int
import_one(struct run *r, const char *path, const struct ir_import_how *how)
{
	struct ir_buf b = IR_BUF(IR_IMPORT_MAX);
	struct ir_buf text = IR_BUF_SECRET(IR_IMPORT_MAX);
	struct ir_credential c = IR_CREDENTIAL_INIT;
	char name[512];
	int rc;

	name_of_file(path, name, sizeof name);
	if (r->o->name)
		snprintf(name, sizeof name, "%s", r->o->name);
	rc = ir_buf_read_file(&b, path, r->err);
	if (rc == 0 && (ir_import_decrypt(ir_buf_cstr(&b), b.len, how, &text,
	    r->err) || ir_import_text(&c, ir_buf_cstr(&text), text.len,
	    r->err))) {
		ir_fail_prefix(r->err, "%s", path);
		rc = -1;
	}
	ir_buf_free(&text);
	if (rc == 0 && !ir_vault_name_ok(name)) {
		rc = ir_fail(r->err, IR_USAGE, "%s: not a name: %s", path,
		    name);
		ir_hint(r->err, "--name=NAME");
	}
	if (rc == 0)
		rc = seal(r, "import", name, &c, when("--expires",
		    r->o->expires));
	ir_credential_free(&c);
	ir_buf_free(&b);
	ir_secret_burn();
	return rc;
}

/* The other files go on. */
static void
report_failed(struct run *r, const char *path)
{
	char name[512];
	struct ir_rec *rec;

	name_of_file(path, name, sizeof name);
	rec = ir_rec_new("vault-item", r->o->name ? r->o->name : name);
	ir_rec_bool(rec, "ok", false);
	ir_rec_bool(rec, "changed", false);
	ir_rec_str(rec, "file", path);
	ir_rec_str(rec, "why", r->err->msg);
	ir_out_put(r->out, rec);
	ir_warn(&r->o->common, "%s", r->err->msg);
	ir_tally_add(&r->tally, r->err->code);
	*r->err = (struct ir_err)IR_ERR_INIT;
}

static int
do_import(void *arg, char **argv, size_t n)
{
	struct run *r = arg;
	const struct opts *o = r->o;
	struct ir_secret pass = IR_SECRET_INIT;
	const struct ir_import_how how = { o->key_file ? NULL : &pass,
	    o->iter > 0 ? o->iter : 0, o->md, o->key_file ? &pass : NULL,
	    o->iv };
	size_t i;
	int rc;

	if (o->name)
		check_name(o->name);
	if (o->name && n > 1)
		ir_die_usage("import: --name is that of one file");
	if (o->iter == 0 || o->iter > 10000000)
		ir_die_usage("--iter: 1 to 10000000");
	if (o->key_file && (o->pass_file || o->md || o->iter > 0))
		ir_die_usage("import: with --key-file there is no passphrase");
	if (o->iv && !o->key_file)
		ir_die_usage("import: --iv goes with --key-file");
	rc = read_pass(o, &pass, r->err);
	if (rc == 0 && !dry(r))
		rc = ir_confirm(&o->change, 1, r->err,
		    "seal what is in %zu file%s?", n, n == 1 ? "" : "s");
	if (rc == 0 && !dry(r))
		rc = open_vault(r, true);
	for (i = 0; rc == 0 && i < n; i++)
		if (import_one(r, argv[i], &how))
			report_failed(r, argv[i]);
		else
			ir_tally_add(&r->tally, 0);
	ir_secret_free(&pass);
	return rc;
}

/* --- main --------------------------------------------------------------- */

/* of those that change the vault */
#define CHANGE "dry-run,yes,incident,"

static const struct ir_verb verbs[] = {
	{ "put", ",expires,create-key," CHANGE, 1, 1, "a name", do_put },
	{ "get", ",revision,fd,env-file,env-prefix,exim-file,group,aws,reveal,",
	    1, 1, "a name", do_get },
	{ "list", ",older-than,expired,all,", 0, 0, "", do_list },
	{ "rotate-key", ",to,create-key," CHANGE, 0, 0, "", do_rotate },
	{ "remove", ",revision,confirm," CHANGE, 1, 1, "a name", do_remove },
	{ "import", ",name,expires,pass-file,key-file,iv,iter,md,create-key,"
	    CHANGE, 1, SIZE_MAX, "files", do_import },
};

#define OPTS_GET(o) \
	{ 0, "revision", "N", IR_INT, &(o)->revision, \
	    "get, remove: that version; default: newest, all" }, \
	{ 0, "fd", "N", IR_INT, &(o)->fd, "get: write to descriptor N" }, \
	{ 0, "env-file", "FILE", IR_STR, &(o)->env_file, \
	    "get: into a file of NAME='value' lines" }, \
	{ 0, "env-prefix", "PREFIX", IR_STR, &(o)->env_prefix, \
	    "get: before each name; default: SMTP_" }, \
	{ 0, "exim-file", "FILE", IR_STR, &(o)->exim_file, \
	    "get: into a file for Exim's lsearch" }, \
	{ 0, "group", "NAME", IR_STR, &(o)->group, \
	    "get: that file is 0640 and of this group" }, \
	{ 0, "aws", NULL, IR_BOOL, &(o)->json_aws, \
	    "get: as AWS's credential_process prints it" }, \
	{ 0, "reveal", NULL, IR_BOOL, &(o)->reveal, \
	    "get: on a terminal, too" }

#define OPTS_LIST(o) \
	{ 0, "older-than", "SECONDS", IR_SECONDS, &(o)->older_than, \
	    "list: only these; exit 1 if there are any" }, \
	{ 0, "expired", NULL, IR_BOOL, &(o)->expired, \
	    "list: only these; exit 1 if there are any" }, \
	{ 0, "all", NULL, IR_BOOL, &(o)->all, "list: older versions, too" }

#define OPTS_IMPORT(o) \
	{ 0, "name", "NAME", IR_STR, &(o)->name, \
	    "import: what to call it; default: by the file" }, \
	{ 0, "pass-file", "FILE", IR_STR, &(o)->pass_file, \
	    "import: passphrase; default: ask" }, \
	{ 0, "key-file", "FILE", IR_STR, &(o)->key_file, \
	    "import: key in hex, for files made with -K" }, \
	{ 0, "iv", "HEX", IR_STR, &(o)->iv, \
	    "import: the IV of such a file; default: zeros" }, \
	{ 0, "iter", "N", IR_INT, &(o)->iter, \
	    "import: of files made with -pbkdf2 -iter N" }, \
	{ 0, "md", "DIGEST", IR_STR, &(o)->md, \
	    "import: of files made with -md; default: try" }

int
main(int argc, char **argv)
{
	struct opts o = { .revision = -1, .fd = -1, .older_than = -1,
		.iter = -1 };
	const struct ir_opt opts[] = {
		{ 0, "expires", "TIME", IR_STR, &o.expires,
		    "put: when it expires (RFC 3339)" },
		{ 0, "to", "SOURCE", IR_STR, &o.to,
		    "rotate-key: where the key comes from now" },
		{ 0, "create-key", NULL, IR_BOOL, &o.vault.create_key,
		    "make the secret that secretsmanager:NAME names" },
		{ 0, "old-copy", NULL, IR_BOOL, &o.vault.old_copy,
		    "take a vault that is older than one seen before" },
		OPTS_GET(&o), OPTS_LIST(&o), OPTS_IMPORT(&o),
		IR_OPTS_VAULT(&o.vault), IR_OPTS_CHANGE(&o.change),
		IR_OPTS_AWS(&o.aws), IR_OPTS_COMMON(&o.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct run r = { .o = &o, .err = &err, .tally = IR_TALLY_INIT };
	const struct ir_verb *v;
	size_t n;
	int code;

	ir_begin(&cmd);
	v = ir_parse_verb(argc, argv, opts, &o.common, verbs,
	    sizeof verbs / sizeof *verbs, &n);
	o.vault.aws = &o.aws;
	o.vault.common = &o.common;
	o.vault.ask = ir_ask_tty;
	r.out = ir_open_output(&o.common, cols);
	if (v->run(&r, argv + 2, n) && !err.code)
		ir_fail(&err, IR_SOFTWARE, "%s: no reason given", v->name);
	ir_journal_close(r.journal);
	ir_vault_close(r.vault);
	code = ir_end(&err, r.out, &r.tally);
	return code ? code : o.found;
}
