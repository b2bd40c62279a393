/*
 * exim-quarantine - list, restore, export or delete what was taken
 *
 * Reads the quarantines of exim-queue-purge, in Exim's spool or elsewhere,
 * and their manifests; message ids from operands or standard input.  restore
 * moves messages back into Exim's queue, export writes an evidence bundle,
 * delete removes messages for good.  Writes queue-quarantine and queue-msg
 * records, lines to Exim's main log, and the incident's journal.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/cli.h"
#include "core/file.h"
#include "core/text.h"
#include "exim/instance.h"
#include "exim/pace.h"
#include "exim/select.h"
#include "exim/subject.h"
#include "exim/transfer.h"
#include "incident/bundle.h"
#include "incident/journal.h"

#define REMOVE_BATCH 1024

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_instance exim;
	struct ir_select sel;		/* only --where */
	const char *elsewhere;
	bool bodies;
	long batch;
	const struct verb *verb;

	struct ir_spool *other;		/* of --quarantine DIR */
	struct ir_spool *home;		/* the one the quarantine is in */
	struct ir_queue *q;
	const char *name;
	struct ir_items items;
	struct ir_transfer move;
	struct ir_move_buf bufs;	/* for files that are only read */
	struct ir_journal *journal;
	struct ir_bundle *bundle;
	struct ir_out *out;
	struct ir_tally tally;
	struct ir_buf line;
	struct ir_err *err;
	size_t moved, gone, finished;
	struct ir_pace pace;
	int64_t now;
	bool by_filter;
};

struct verb {
	const char *name;
	const char *options;	/* own options that it knows, "," around */
	size_t min, max;	/* operands after the verb */
	const char *operands;
	bool changes, needs_exim, needs_name;
	int (*run)(struct run *x, char **argv, size_t n);
};

/* --- messages of the quarantine ----------------------------------------- */

/* fn for each that is meant; its m is NULL when it is malformed. */
struct each {
	struct run *x;
	int (*fn)(struct run *x, const struct ir_queue_item *at,
	    const struct ir_spool_msg *m);
};

static int
each_one(const struct ir_queue_item *at, void *arg)
{
	struct each *e = arg;
	struct ir_spool_msg m;
	int rc = ir_queue_read(at, &e->x->bufs.h, &m, NULL);

	if (rc == 0)
		return 0;
	if (e->x->pace.deadline && ir_mono_ms() > e->x->pace.deadline)
		return ir_fail(e->x->err, IR_TEMPFAIL, "time is up");
	if (e->x->sel.where && (rc < 0 || !ir_select_match(&e->x->sel,
	    &(struct ir_select_msg){ &m, at, -1, e->x->now })))
		return 0;
	return e->fn(e->x, at, rc > 0 ? &m : NULL);
}

static void
not_there(struct run *x, const char *id)
{
	struct ir_rec *r = ir_rec_new("queue-msg", id);

	ir_rec_bool(r, "ok", true);
	ir_rec_bool(r, "changed", false);
	ir_rec_str(r, "why", "not in this quarantine");
	ir_out_put(x->out, r);
	ir_tally_add(&x->tally, 0);
	x->gone++;
}

/* Ids that were named, or all of the quarantine. */
static int
each_message(struct run *x, char **ids, size_t n,
    int (*fn)(struct run *, const struct ir_queue_item *,
    const struct ir_spool_msg *))
{
	struct each e = { x, fn };
	struct ir_queue_item at;
	struct ir_rec *rec;
	struct ir_in *in;
	const char *id;
	size_t any = 0;
	int rc;

	if (n == 0)
		return ir_queue_walk(x->q, each_one, &e, x->err);
	in = ir_in_open(ids, n, x->err);
	rc = in ? 0 : -1;
	while (rc == 0 && (rc = ir_in_next(in, &rec, x->err)) == 1) {
		id = ir_rec_get(rec, "id");
		any++;
		rc = 0;
		if (!id || !*id ||
		    ir_spool_id_len(id, strlen(id)) != strlen(id))
			rc = ir_fail(x->err, IR_DATAERR,
			    "%s: not a message id", ir_in_where(in));
		else if (ir_queue_find(x->q, id, &at))
			rc = each_one(&at, &e);
		else
			not_there(x, id);
		ir_rec_free(rec);
	}
	ir_in_close(in);
	if (rc == 0 && any == 0)
		rc = ir_fail(x->err, IR_USAGE, "no message ids: nothing "
		    "changed");
	return rc;
}

/* --- list --------------------------------------------------------------- */

static int
count_one(const struct ir_queue_item *at, void *arg)
{
	size_t *n = arg;

	(void)at;
	(*n)++;
	return 0;
}

static int
list_quarantines(struct run *x)
{
	struct ir_queue *q;
	struct ir_rec *r;
	size_t i, n;

	for (i = 0; (q = ir_spool_queue(x->home, i)); i++) {
		if (!ir_queue_quarantine(q))
			continue;
		n = 0;
		if (ir_queue_walk(q, count_one, &n, x->err) < 0)
			return -1;
		r = ir_rec_new("queue-quarantine", ir_queue_name(q));
		ir_rec_int(r, "messages", (int64_t)n);
		if (x->elsewhere)
			ir_rec_str(r, "folder", x->elsewhere);
		ir_out_put(x->out, r);
	}
	return 0;
}

/* What the manifest says of it. */
static void
copy_texts(struct ir_rec *to, const struct ir_rec *line)
{
	static const char *const keys[] = { "source", "sha256_h",
		"sha256_d" };
	size_t i;

	for (i = 0; i < sizeof keys / sizeof *keys; i++)
		if (ir_rec_get(line, keys[i]))
			ir_rec_str(to, keys[i], ir_rec_get(line, keys[i]));
	if (ir_rec_get(line, "time"))
		ir_rec_str(to, "taken", ir_rec_get(line, "time"));
}

static struct ir_rec *
message_record(struct run *x, const struct ir_queue_item *at,
    const struct ir_spool_msg *m)
{
	struct ir_rec *r = ir_rec_new("queue-msg", at->id), *line;
	struct ir_buf b = IR_BUF(IR_SUBJECT_MAX);

	ir_rec_str(r, "queue", x->name);
	if (m) {
		ir_rec_time(r, "received", m->received);
		ir_spool_text(r, "sender", ir_spool_sender(m));
		ir_spool_text(r, "auth_user", m->auth_user);
		ir_spool_text(r, "host", m->host);
		ir_spool_subject(m, &b);
		ir_spool_text(r, "subject", (struct ir_span){ ir_buf_cstr(&b),
		    b.len });
		ir_rec_int(r, "size", ir_queue_size(at->dirfd, at->id, m));
		ir_rec_int(r, "recipient_count", (int64_t)m->rcpt_count);
	} else {
		ir_rec_bool(r, "ok", false);
		ir_rec_str(r, "why", "malformed");
	}
	line = x->move.manifest ?
	    ir_manifest_find(x->move.manifest, at->id) : NULL;
	if (line)
		copy_texts(r, line);
	ir_rec_free(line);
	ir_buf_free(&b);
	return r;
}

static int
list_one(struct run *x, const struct ir_queue_item *at,
    const struct ir_spool_msg *m)
{
	ir_out_put(x->out, message_record(x, at, m));
	return 0;
}

static int
do_list(struct run *x, char **argv, size_t n)
{
	return n ? each_message(x, argv + 1, n - 1, list_one) :
	    list_quarantines(x);
}

/* --- verify ------------------------------------------------------------- */

static int
hash_file(struct run *x, const struct ir_queue_item *at, char kind,
    char out[65])
{
	char name[IR_SPOOL_ID_MAX + 2];
	struct stat st;
	int fd, rc = -1;

	snprintf(name, sizeof name, "%s-%c", at->id, kind);
	fd = openat(at->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC | O_NOCTTY);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rc = ir_hash_fd(fd, &x->bufs.d, out, NULL);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
verify_one(struct run *x, const struct ir_queue_item *at,
    const struct ir_spool_msg *m)
{
	static const char kinds[] = { 'H', 'D' };
	static const char *const keys[] = { "sha256_h", "sha256_d" };
	struct ir_rec *r = message_record(x, at, m);
	const char *why = NULL, *want;
	char got[65];
	size_t i;

	for (i = 0; !why && i < 2; i++) {
		want = ir_rec_get(r, keys[i]);
		if (!want)
			why = "no hash of it in the manifest";
		else if (hash_file(x, at, kinds[i], got))
			why = kinds[i] == 'H' ? "-H cannot be read" :
			    "-D cannot be read";
		else if (strcmp(want, got) != 0)
			why = kinds[i] == 'H' ? "-H is not what was taken" :
			    "-D is not what was taken";
	}
	ir_rec_bool(r, "ok", !why);
	if (why)
		ir_rec_str(r, "why", why);
	ir_out_put(x->out, r);
	ir_tally_add(&x->tally, why ? IR_DATAERR : 0);
	return 0;
}

static int
do_verify(struct run *x, char **argv, size_t n)
{
	return each_message(x, argv + 1, n - 1, verify_one);
}

/* --- choosing for a change ---------------------------------------------- */

static int
gather_one(struct run *x, const struct ir_queue_item *at,
    const struct ir_spool_msg *m)
{
	struct ir_item *it = ir_items_add(&x->items, at->id, x->err);

	(void)m;
	if (!it)
		return -1;
	it->queue = (uint16_t)(ir_queue_index(at->queue) + 1);
	it->sub = at->sub;
	return 0;
}

static int
note(struct run *x, const char *what)
{
	struct ir_rec *d = ir_rec_object();
	char event[64];

	snprintf(event, sizeof event, "exim-quarantine.%s", what);
	ir_rec_str(d, "verb", x->verb->name);
	ir_rec_str(d, "queue", x->name);
	if (x->elsewhere)
		ir_rec_str(d, "folder", x->elsewhere);
	ir_rec_int(d, "selected", (int64_t)x->items.n);
	ir_rec_int(d, "moved", (int64_t)x->moved);
	ir_rec_int(d, "failed", (int64_t)x->tally.failed);
	return ir_journal_add(x->journal, event, d, x->err);
}

static void
put_result(struct run *x, const struct ir_item *it, const struct ir_queue *at,
    const char *action, const char *why, int code)
{
	struct ir_buf *line = &x->line;

	ir_line_begin(line, "queue-msg", it->id);
	if (x->change.dry_run)
		ir_line_bool(line, "dry_run", true);
	ir_line_bool(line, "ok", code == 0);
	ir_line_bool(line, "changed", !why && !x->change.dry_run);
	ir_line_str(line, "action", action);
	ir_line_str(line, "queue", at ? ir_queue_name(at) : "");
	if (why)
		ir_line_str(line, "why", why);
	ir_out_line(x->out, line);
	ir_tally_add(&x->tally, code);
	x->moved += code == 0 && !why;
}

static void
put_plan(struct run *x)
{
	size_t i;

	for (i = 0; i < x->items.n; i++)
		put_result(x, &x->items.v[i], x->q, x->verb->name, NULL, 0);
}

static void
settled(void *arg)
{
	struct run *x = arg;

	ir_out_flush(x->out);
}

/* Before each batch. */
static int
next(size_t done, void *arg)
{
	struct run *x = arg;

	return ir_pace(&x->pace, done, x->items.n, x->err);
}

static void
open_log(struct run *x)
{
	struct ir_err why = IR_ERR_INIT;

	x->move.log = ir_instance_log(&x->exim, &why);
	if (why.msg[0])
		ir_warn(&x->common, "no lines in exim's main log: %s",
		    why.msg);
}

/* --- restore ------------------------------------------------------------ */

/* Where it belongs: the default queue unless the manifest names another. */
static struct ir_queue *
home_of(const char *id, void *arg)
{
	struct run *x = arg;
	struct ir_rec *line = x->move.manifest ?
	    ir_manifest_find(x->move.manifest, id) : NULL;
	const char *name = line ? ir_rec_get(line, "source") : NULL;
	struct ir_queue *q = NULL;

	if (!name || !*name || !ir_queue_name_ok(name))
		(void)ir_queue_open(x->exim.spool, "", &q, NULL);
	else if (ir_queue_open(x->exim.spool, name, &q, NULL))
		(void)ir_queue_make(x->exim.spool, name, &q, NULL);
	ir_rec_free(line);
	return q;
}

static int
restored(struct ir_item *it, const struct ir_held *h, enum ir_moved got,
    const struct ir_err *why, void *arg)
{
	struct run *x = arg;

	if (got == IR_MOVED)
		put_result(x, it, h->to, "restored", NULL, 0);
	else if (got == IR_MOVE_BUSY)
		put_result(x, it, x->q, "restored", "locked", IR_TEMPFAIL);
	else if (got == IR_MOVE_FAILED)
		put_result(x, it, x->q, "restored", why->msg, why->code);
	else
		put_result(x, it, x->q, "restored", why->msg[0] ? why->msg :
		    "gone", 0);
	return 0;
}

static void
warn_doubt(const char *id, const char *why, void *arg)
{
	const struct run *x = arg;

	ir_warn(&x->common, "%s: cut off before, and not to be finished: %s",
	    id, why);
}

static int
do_restore(struct run *x, char **argv, size_t n)
{
	struct ir_transfer *t = &x->move;
	int rc;

	if (each_message(x, argv + 1, n - 1, gather_one))
		return -1;
	if (x->change.dry_run) {
		put_plan(x);
		return 0;
	}
	if (x->items.n && ir_confirm(&x->change, x->by_filter ? x->items.n :
	    1, x->err, "move %zu messages of quarantine %s back into the "
	    "queue, to be delivered?", x->items.n, x->name))
		return -1;
	if (note(x, "begin"))
		return -1;
	open_log(x);
	t->spool = x->home;
	t->from_folder = x->elsewhere;
	t->restore = true;
	t->located = x->by_filter;
	t->batch = (size_t)x->batch;
	t->now = x->now;
	t->arg = x;
	t->home = home_of;
	t->done = restored;
	t->next = next;
	t->settled = settled;
	ir_catch_stop();
	ir_out_hold(x->out);
	rc = ir_transfer_run(t, x->items.v, x->items.n, x->err);
	ir_progress_end();
	return note(x, "end") ? -1 : rc;
}

/* --- delete ------------------------------------------------------------- */

static const char *
our_name(char *buf, size_t size)
{
	struct passwd *pw = getpwuid(geteuid());

	snprintf(buf, size, "%s", pw ? pw->pw_name : "quell");
	return buf;
}

static void
manifest_line(struct run *x, const char *type, const char *id)
{
	ir_line_begin(&x->line, type, id);
	ir_line_end(&x->line);
	ir_buf_chr(&x->line, '\n');
	ir_manifest_add(x->move.manifest, &x->line);
}

static int
delete_batch(struct run *x, struct ir_item *v, size_t n)
{
	struct ir_queue_item at;
	struct ir_err why;
	char user[64], count[24];
	size_t i;

	our_name(user, sizeof user);
	for (i = 0; i < n; i++) {
		manifest_line(x, "queue-delete", v[i].id);
	}
	if (ir_manifest_commit(x->move.manifest, true, x->err))
		return -1;
	for (i = 0; i < n; i++) {
		struct ir_held h = { .from = x->q, .sub = v[i].sub,
		    .fd = -1 };

		memcpy(h.id, v[i].id, sizeof h.id);
		why = (struct ir_err)IR_ERR_INIT;
		if (ir_message_holder(x->q, v[i].id, v[i].sub)) {
			put_result(x, &v[i], x->q, "deleted", "locked",
			    IR_TEMPFAIL);
			continue;
		}
		if (!ir_queue_find(x->q, v[i].id, &at)) {
			put_result(x, &v[i], x->q, "deleted", "gone", 0);
			continue;
		}
		if (ir_message_remove(&h, &why)) {
			put_result(x, &v[i], x->q, "deleted", why.msg,
			    why.code);
			continue;
		}
		ir_mainlog_removed(x->move.log, v[i].id, user);
		put_result(x, &v[i], x->q, "deleted", NULL, 0);
	}
	(void)ir_mainlog_flush(x->move.log);
	snprintf(count, sizeof count, "%zu", n);
	manifest_line(x, "queue-deleted", count);
	return ir_manifest_commit(x->move.manifest, false, x->err);
}

static int
do_delete(struct run *x, char **argv, size_t n)
{
	size_t i, k;
	int rc = 0;

	if (!x->move.manifest)
		return ir_fail(x->err, IR_CONFIG, "queue %s is no quarantine "
		    "of quell's: nothing is deleted in it", x->name);
	if (each_message(x, argv + 1, n - 1, gather_one))
		return -1;
	if (x->change.dry_run) {
		put_plan(x);
		return 0;
	}
	if (ir_confirm_name(&x->change, x->name, "quarantine",
	    x->err, "delete %zu messages of quarantine %s for good?",
	    x->items.n, x->name))
		return -1;
	if (note(x, "begin"))
		return -1;
	open_log(x);
	ir_catch_stop();
	for (i = 0; rc == 0 && i < x->items.n; i += k) {
		k = x->items.n - i < REMOVE_BATCH ? x->items.n - i :
		    REMOVE_BATCH;
		rc = next(i, x) ? -1 : delete_batch(x, x->items.v + i, k);
	}
	ir_progress_end();
	return note(x, "end") ? -1 : rc;
}

/* --- export ------------------------------------------------------------- */

/* A file of the message as a member of the bundle; none is no failure. */
static int
export_file(struct run *x, int dirfd, const char *file, const char *as,
    int64_t mtime)
{
	char name[IR_BUNDLE_NAME_MAX];
	struct stat st;
	int fd, rc = 0;

	fd = openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return 0;
	snprintf(name, sizeof name, "%s/%s", x->name, as);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		rc = ir_bundle_add_fd(x->bundle, name, fd, st.st_size, mtime,
		    x->err);
	close(fd);
	return rc;
}

static int
export_one(struct run *x, const struct ir_queue_item *at,
    const struct ir_spool_msg *m)
{
	struct ir_rec *r = message_record(x, at, m);
	int log = ir_queue_dir(x->q, IR_MSGLOG, at->sub, false);
	char file[64], sha256[65], body[IR_BUNDLE_NAME_MAX];
	struct ir_buf b = IR_BUF(IR_REC_MAX);
	int64_t mtime = m ? m->received : 0;
	int rc;

	snprintf(file, sizeof file, "%s-H", at->id);
	rc = export_file(x, at->dirfd, file, file, mtime);
	snprintf(file, sizeof file, "%s-J", at->id);
	rc = rc ? rc : export_file(x, at->dirfd, file, file, mtime);
	snprintf(file, sizeof file, "%s.log", at->id);
	if (rc == 0 && log >= 0)
		rc = export_file(x, log, at->id, file, mtime);
	snprintf(file, sizeof file, "%s-D", at->id);
	snprintf(body, sizeof body, "%s/%s", x->name, file);
	if (rc == 0 && x->bodies)
		rc = export_file(x, at->dirfd, file, file, mtime);
	else if (rc == 0 && hash_file(x, at, 'D', sha256) == 0) {
		ir_rec_str(r, "sha256_d", sha256);
		rc = ir_bundle_absent(x->bundle, body, sha256, x->err);
	}
	ir_rec_json(r, &b);
	if (rc == 0)
		rc = ir_bundle_message(x->bundle, ir_buf_cstr(&b), b.len,
		    x->err);
	ir_buf_free(&b);
	x->moved++;
	ir_out_put(x->out, r);
	return rc;
}

static int
do_export(struct run *x, char **argv, size_t n)
{
	struct ir_bundle *b;
	int rc = each_message(x, argv + 2, n - 2, export_one);

	b = x->bundle;
	x->bundle = NULL;
	if (rc) {
		ir_bundle_abort(b);
		return rc;
	}
	return ir_bundle_close(b, x->err);
}

/* --- beginning ---------------------------------------------------------- */

static const struct verb verbs[] = {
	{ "list", ",where,", 0, SIZE_MAX, "[name [id ... | -]]", false, false,
	    false, do_list },
	{ "restore", ",where,batch,rate,change,", 1, SIZE_MAX,
	    "name [id ... | -]", true, true, true, do_restore },
	{ "export", ",where,bodies,", 2, SIZE_MAX,
	    "name file.tar.zst [id ... | -]", false, false, true, do_export },
	{ "verify", ",where,", 1, SIZE_MAX, "name [id ... | -]", false, false,
	    true, do_verify },
	{ "delete", ",where,rate,change,", 1, SIZE_MAX, "name [id ... | -]",
	    true, false, true, do_delete },
};

static void
check_usage(struct run *x, char **argv, size_t n)
{
	const struct { const char *name; bool given; } own[] = {
		{ "where", x->sel.where }, { "bodies", x->bodies },
		{ "batch", x->batch > 0 }, { "rate", x->pace.rate > 0 },
		{ "change", x->change.yes.given || x->change.dry_run ||
		    x->change.incident || x->change.confirm },
	};
	char word[32];
	size_t i;

	if (n == 0)
		ir_die_usage("a verb is needed");
	for (i = 0; i < sizeof verbs / sizeof *verbs && !x->verb; i++)
		if (strcmp(argv[0], verbs[i].name) == 0)
			x->verb = &verbs[i];
	if (!x->verb)
		ir_die_usage("no such verb: %s", argv[0]);
	x->pace.common = &x->common;
	x->pace.what = x->verb->name;
	for (i = 0; i < sizeof own / sizeof *own; i++) {
		snprintf(word, sizeof word, ",%s,", own[i].name);
		if (own[i].given && !strstr(x->verb->options, word))
			ir_die_usage("%s: takes no %s%s", x->verb->name,
			    strcmp(own[i].name, "change") ? "--" : "",
			    strcmp(own[i].name, "change") ? own[i].name :
			    "options of a change");
	}
	if (n - 1 < x->verb->min)
		ir_die_usage("%s takes %s", x->verb->name, x->verb->operands);
	for (i = 1; i < n && i <= x->verb->min; i++)
		if (!argv[i][0])
			ir_die_usage("%s: an operand is empty",
			    x->verb->name);
	/* a name may be left out, and comes before ids */
	x->by_filter = n - 1 <= (x->verb->min ? x->verb->min : 1);
	if (!x->by_filter && x->sel.where)
		ir_die_usage("ids, or --where: not both");
	if (x->batch > IR_MANIFEST_BATCH)
		ir_die_usage("--batch: at most %d", IR_MANIFEST_BATCH);
	if (n > 1)
		x->name = argv[1];
}

static int
open_elsewhere(struct run *x)
{
	struct stat st;

	if (ir_spool_open(&x->other, x->elsewhere, x->err))
		return -1;
	ir_spool_unused_ok(x->other);
	if (ir_spool_choose(x->other, NULL, x->err))
		return -1;
	x->home = x->other;
	if (!x->name || !ir_queue_name_ok(x->name))
		return 0;
	/* what is in it is Exim's user's */
	if (fstatat(ir_spool_fd(x->other), x->name, &st,
	    AT_SYMLINK_NOFOLLOW) == 0)
		ir_spool_set_owner(x->other, st.st_uid, st.st_gid);
	return 0;
}

static int
open_queue(struct run *x)
{
	if (!x->name)
		return 0;
	if (!ir_queue_name_ok(x->name))
		return ir_fail(x->err, IR_USAGE, "not a quarantine's name: "
		    "%s", x->name);
	if (ir_queue_open(x->home, x->name, &x->q, x->err) ||
	    (x->verb->changes && !x->change.dry_run && x->exim.spool &&
	    ir_transfer_settle(x->exim.spool, x->q, &x->finished, warn_doubt,
	    x, x->err)))
		return -1;
	if (x->finished)
		ir_warn(&x->common, "finished %zu messages that a former run "
		    "had left half moved", x->finished);
	if (ir_manifest_open(&x->move.manifest, x->q, false, x->err))
		return -1;
	return x->move.manifest ? ir_manifest_index(x->move.manifest,
	    x->err) : 0;
}

static int
open_all(struct run *x, char **argv)
{
	if (ir_select_begin(&x->sel, x->err) || ir_journal_open(&x->journal,
	    x->change.dry_run ? NULL : x->change.incident, ir_prog(), x->err))
		return -1;
	if (!x->elsewhere || x->verb->needs_exim) {
		if (ir_instance_open(&x->exim, NULL, x->err))
			return -1;
		x->home = x->exim.spool;
	}
	if (x->elsewhere && open_elsewhere(x))
		return -1;
	/* the bundle is the caller's, and made while we are he */
	if (x->verb->run == do_export &&
	    ir_bundle_open(&x->bundle, argv[2], x->err))
		return -1;
	if (ir_spool_give_up_rights(x->exim.spool ? x->exim.spool :
	    x->other, x->err))
		return -1;
	return open_queue(x);
}

static void
close_all(struct run *x)
{
	ir_bundle_abort(x->bundle);
	ir_buf_free(&x->line);
	ir_items_free(&x->items);
	ir_select_end(&x->sel);
	ir_manifest_close(x->move.manifest);
	ir_mainlog_close(x->move.log);
	ir_transfer_free(&x->move);
	ir_move_buf_free(&x->bufs);
	ir_spool_close(x->other);
	ir_instance_close(&x->exim);
	ir_journal_close(x->journal);
}

static const struct ir_col cols[] = {
	{ "id", "ID" }, { "messages", "MESSAGES" }, { "ok", "OK" },
	{ "changed", "CHANGED" }, { "queue", "QUEUE" },
	{ "auth_user", "AUTH USER" }, { "sender", "SENDER" },
	{ "subject", "SUBJECT" }, { "why", "WHY" }, { NULL, NULL }
};

static const struct ir_cmd cmd = {
	"exim-quarantine",
	"list, restore, export or delete what was taken out of Exim's queue",
	"list|restore|export|verify|delete [options] [name] [id ... | -]"
};

int
main(int argc, char **argv)
{
	struct ir_err err = IR_ERR_INIT;
	struct run x = { .sel = IR_SELECT_INIT, .err = &err,
	    .line = IR_BUF(IR_REC_MAX),
	    .now = ir_now(), .pace.since = ir_mono_ms() };
	const struct ir_opt opts[] = {
		{ 0, "quarantine", "DIR", IR_STR, &x.elsewhere,
		    "where it lies, if not in Exim's spool" },
		{ 0, "where", "EXPR", IR_STR, &x.sel.where,
		    "only those messages; see exim-queue(1)" },
		{ 0, "bodies", NULL, IR_BOOL, &x.bodies,
		    "export: with the bodies, not only their hashes" },
		{ 0, "batch", "N", IR_INT, &x.batch,
		    "restore: messages that are synced together (2048)" },
		{ 0, "rate", "N", IR_INT, &x.pace.rate,
		    "messages a second, at most" },
		IR_OPTS_INSTANCE(&x.exim),
		IR_OPTS_CHANGE(&x.change),
		IR_OPTS_COMMON(&x.common),
		IR_OPT_END
	};
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &x.common);
	check_usage(&x, argv + 1, (size_t)n);
	if (x.common.timeout)
		x.pace.deadline = ir_mono_ms() + x.common.timeout * 1000;
	if (open_all(&x, argv + 1))
		goto out;
	x.out = ir_open_output(&x.common, cols);
	if (x.verb->run(&x, argv + 2, (size_t)n - 1) == 0 && x.verb->changes)
		ir_warn(&x.common, "%zu messages%s, %zu not there, %zu "
		    "failed", x.moved, x.change.dry_run ? " would be" : "",
		    x.gone, x.tally.failed);
out:
	close_all(&x);
	return ir_end(&err, x.out, &x.tally);
}
