/* state.c - the state of a rotation: entry, plan, marks; see step.h */
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/text.h"
#include "step.h"

/* --- entry ------------------------------------------------------------- */

int
ir_rot_save(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_rec *state = r->run->state->rec;
	struct ir_rec *all = ir_rec_copy(ir_rec_at(state, "keys"));

	if (!all)
		all = ir_rec_object();
	ir_rec_set(all, r->old, ir_rec_copy(r->entry));
	ir_rec_str(state, "account", r->run->account);
	ir_rec_set(state, "keys", all);
	return ir_state_save(r->run->state, err);
}

int
ir_rot_note(struct ir_rotate *r, const char *event, const char *phase,
    const char *id, const char *what, struct ir_err *err)
{
	struct ir_rec *data = ir_rec_object();

	ir_rec_str(data, "phase", phase);
	ir_rec_str(data, "id", id);
	ir_rec_str(data, "user", r->user);
	ir_rec_str(data, "what", what);
	return ir_journal_add(r->run->journal, event, data, err);
}

void
ir_rot_warn(struct ir_rotate *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	r->run->warn(r->run->arg, text);
}

const char *
ir_rot_marked(const struct ir_rec *entry, const char *step)
{
	char path[64];

	snprintf(path, sizeof path, "steps.%s.done", step);
	if (ir_rec_get(entry, path))
		return "done";
	snprintf(path, sizeof path, "steps.%s.begun", step);
	return ir_rec_get(entry, path) ? "begun" : NULL;
}

/* "last" is for people, and for tests that kill us right here. */
int
ir_rot_mark(struct ir_rotate *r, const char *step, const char *stage,
    struct ir_err *err)
{
	struct ir_rec *steps = ir_rec_copy(ir_rec_at(r->entry, "steps"));
	struct ir_rec *one = ir_rec_copy(ir_rec_at(steps, step));

	if (!steps)
		steps = ir_rec_object();
	if (!one)
		one = ir_rec_object();
	if (strcmp(stage, "begun") == 0)
		ir_rec_del(one, "done");
	ir_rec_time(one, stage, ir_now());
	ir_rec_set(steps, step, one);
	ir_rec_set(r->entry, "steps", steps);
	ir_rec_fmt(r->entry, "last", "%s.%s", step, stage);
	return ir_rot_save(r, err);
}

void
ir_rot_unmark(struct ir_rotate *r, const char *step)
{
	struct ir_rec *steps = ir_rec_copy(ir_rec_at(r->entry, "steps"));

	if (!steps)
		return;
	ir_rec_del(steps, step);
	ir_rec_set(r->entry, "steps", steps);
}

/* --- plan -------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t at;
} wanted[] = {
	{ "regions", offsetof(struct ir_rotate_want, regions) },
	{ "out", offsetof(struct ir_rotate_want, out) },
	{ "mode", offsetof(struct ir_rotate_want, mode) },
	{ "group", offsetof(struct ir_rotate_want, group) },
	{ "vault", offsetof(struct ir_rotate_want, vault) },
	{ "vault_name", offsetof(struct ir_rotate_want, vault_name) },
	{ "publish", offsetof(struct ir_rotate_want, publish) },
	{ "publish_secret", offsetof(struct ir_rotate_want, publish_secret) },
	{ "verify", offsetof(struct ir_rotate_want, verify) },
	{ "proof_from", offsetof(struct ir_rotate_want, from) },
	{ "smtp_endpoint", offsetof(struct ir_rotate_want, endpoint) },
	{ "host_checked", offsetof(struct ir_rotate_want, host_checked) },
	{ "old_password_file", offsetof(struct ir_rotate_want,
	    password_file) },
	{ "old_secret_file", offsetof(struct ir_rotate_want, secret_file) },
};

#define WANTED (sizeof wanted / sizeof *wanted)

static const char **
slot(struct ir_rotate_want *w, size_t i)
{
	return (const char **)(void *)((char *)w + wanted[i].at);
}

/* What is not said now is as it was said before. */
static void
recall_plan(struct ir_rotate *r, const struct ir_rotate_want *now)
{
	size_t i;

	r->plan = ir_rec_copy(ir_rec_at(r->entry, "plan"));
	for (i = 0; i < WANTED; i++)
		if (!*slot(&r->want, i))
			*slot(&r->want, i) = ir_rec_get(r->plan,
			    wanted[i].name);
	r->use_vault = r->want.vault != NULL;
	/* a proof of a file that is gone by now is not asked for again */
	if (!now->password_file && r->want.password_file &&
	    access(r->want.password_file, F_OK))
		r->want.password_file = NULL;
	if (!now->secret_file && r->want.secret_file &&
	    access(r->want.secret_file, F_OK))
		r->want.secret_file = NULL;
}

int
ir_rot_plan(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_rec *plan = ir_rec_object();
	size_t i;

	(void)err;
	for (i = 0; i < WANTED; i++)
		if (*slot(&r->want, i))
			ir_rec_str(plan, wanted[i].name, *slot(&r->want, i));
	ir_rec_set(r->entry, "plan", plan);
	ir_rec_bool(r->entry, "routine", r->routine);
	ir_rec_str(r->entry, "user", r->user);
	if (!ir_rec_get(r->entry, "started"))
		ir_rec_time(r->entry, "started", ir_now());
	return 0;	/* it is written as the step's mark is */
}

int
ir_rotate_mode(const struct ir_rotate_want *w, mode_t *mode, gid_t *gid,
    struct ir_err *err)
{
	const char *const modes[] = { "0400", "0440", "0600", "0640" };
	const char *m = w->mode ? w->mode : w->group ? "0640" : "0600";
	struct group *g;
	size_t i;

	for (i = 0; i < 4 && strcmp(m, modes[i]) != 0; i++)
		;
	if (i == 4)
		return ir_fail(err, IR_USAGE,
		    "--mode: not 0400, 0440, 0600 or 0640: %s", m);
	*mode = (mode_t)strtoul(m, NULL, 8);
	if ((*mode & 040) && !w->group)
		return ir_fail(err, IR_USAGE, "--mode=%s needs --group", m);
	g = w->group ? getgrnam(w->group) : NULL;
	if (w->group && !g)
		return ir_fail(err, IR_USAGE, "--group: no such group: %s",
		    w->group);
	*gid = g ? g->gr_gid : (gid_t)-1;
	return 0;
}

int
ir_rotate_words(const char *line, struct ir_rotate_words *w,
    struct ir_err *err)
{
	size_t n = strlen(line);
	char *p;

	w->n = 0;
	if (n >= sizeof w->text)
		return ir_fail(err, IR_USAGE, "the command is too long");
	memcpy(w->text, line, n + 1);
	for (p = w->text; *p; ) {
		if (*p == ' ' || *p == '\t') {
			*p++ = '\0';
			continue;
		}
		if (w->n == IR_ROTATE_WORDS)
			return ir_fail(err, IR_USAGE,
			    "the command has more than %d words",
			    IR_ROTATE_WORDS);
		w->argv[w->n++] = p;
		p += strcspn(p, " \t");
	}
	w->argv[w->n] = NULL;
	return w->n ? 0 : ir_fail(err, IR_USAGE, "the command is empty");
}

/* --- opening ----------------------------------------------------------- */

/* --regions, else what the key was made for, else the client's region. */
static int
find_regions(struct ir_rotate *r, struct ir_err *err)
{
	const struct ir_rec *saved = ir_rec_at(r->entry, "regions");
	const char *home = ir_aws_region(r->run->aws), *s, *p;
	struct ir_buf b = IR_BUF(1024);
	size_t n, i;

	for (i = 0; !r->want.regions && i < ir_rec_len(saved); i++) {
		s = ir_rec_cstr(ir_rec_item(saved, i));
		ir_buf_fmt(&b, "%s%s", i ? "," : "", s ? s : "");
	}
	p = r->want.regions ? r->want.regions :
	    b.len ? ir_buf_cstr(&b) : home ? home : "";
	for (; *p && r->nregions < IR_ROTATE_REGIONS; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		snprintf(r->names[r->nregions], sizeof r->names[0], "%.*s",
		    (int)n, p);
		if (!ir_aws_region_ok(r->names[r->nregions]))
			break;
		r->regions[r->nregions] = r->names[r->nregions];
		r->nregions++;
	}
	n = strlen(p);
	ir_buf_free(&b);
	if (n || !r->nregions)
		return ir_fail(err, IR_USAGE, r->want.regions ?
		    "--regions: not a list of regions: %s" :
		    "no region given: use --regions%s",
		    r->want.regions ? r->want.regions : "");
	return 0;
}

/* Whose key is it?  Answered without any right on the user. */
static int
find_user(struct ir_rotate *r, struct ir_err *err)
{
	struct ir_key_use use;

	if (ir_key_last_used(r->run->aws, r->old, &use, err)) {
		ir_hint(err, "--user says whose key it is");
		return -1;
	}
	if (!*use.user)
		return ir_fail(err, IR_UNAVAILABLE, "%s: no user has it",
		    r->old);
	snprintf(r->user, sizeof r->user, "%s", use.user);
	return 0;
}

static int
look_up(struct ir_rotate *r, struct ir_err *err)
{
	if (strcmp(ir_aws_key_id(r->run->aws), r->old) == 0) {
		ir_fail(err, IR_UNAVAILABLE,
		    "%s: is the key of this very run: nothing changed",
		    r->old);
		ir_hint(err, "use credentials that are not the stolen ones");
		return -1;
	}
	if (find_regions(r, err) || (!*r->user && find_user(r, err)) ||
	    ir_keys_list(r->run->aws, r->user, &r->keys, err))
		return -1;
	if (!ir_keys_find(&r->keys, r->old) &&
	    !ir_rec_get_bool(r->entry, "contained", false))
		return ir_fail(err, IR_UNAVAILABLE, "%s: has no key %s",
		    r->user, r->old);
	return 0;
}

int
ir_rotate_open(struct ir_rotate *r, struct ir_rotate_run *run,
    const struct ir_rotate_want *want, bool routine, bool keep)
{
	const char *of;

	r->run = run;
	r->want = *want;
	r->entry = ir_rec_copy(ir_rec_at(ir_rec_at(run->state->rec, "keys"),
	    r->old));
	if (!r->entry || (!keep && ir_rot_marked(r->entry, "rolled-back"))) {
		ir_rec_free(r->entry);	/* that one is over: begin anew */
		r->entry = ir_rec_object();
	}
	recall_plan(r, want);
	r->routine = keep ? ir_rec_get_bool(r->entry, "routine", routine) :
	    routine;
	of = ir_rec_get(r->entry, "user");
	if (!*r->user && of)
		snprintf(r->user, sizeof r->user, "%s", of);
	return look_up(r, &r->err);
}

void
ir_rotate_close(struct ir_rotate *r)
{
	ir_vault_close(r->sealing);
	ir_secret_free(&r->secret);
	ir_rec_free(r->entry);
	ir_rec_free(r->plan);
	ir_rec_free(r->may_send);
	memset(r, 0, sizeof *r);
}

/* --- what steps ask ---------------------------------------------------- */

bool
ir_rot_active(struct ir_rotate *r, const char *id)
{
	struct ir_key *k = ir_keys_find(&r->keys, id);

	return k && strcmp(k->status, "Active") == 0;
}

const char *
ir_rot_vault_name(const struct ir_rotate *r)
{
	return r->want.vault_name ? r->want.vault_name : r->user;
}

int
ir_rot_vault(struct ir_rotate *r, struct ir_vault **v, bool write,
    struct ir_err *err)
{
	const struct ir_vault_opts o = { .path = r->want.vault,
		.key = r->run->vault_key, .client = r->run->aws };

	return ir_vault_open(v, &o, write, err);
}

const char *
ir_rot_path(const struct ir_rotate *r)
{
	const char *path = ir_rec_get(r->entry, "file");

	if (!path)
		path = ir_rec_get(r->entry, "out");
	return path ? path : r->want.out;
}

bool
ir_rotate_made(const struct ir_rotate *r)
{
	return ir_rec_get(r->entry, "new") && (ir_rec_get(r->entry, "file") ||
	    ir_rec_has(r->entry, "sealed"));
}

int64_t
ir_rot_now(const struct ir_rotate *r)
{
	int64_t skew = 0;

	(void)ir_aws_skew(r->run->aws, &skew);
	return ir_now() + skew;
}

int
ir_rot_switch(struct ir_rotate *r, const char *id, const char *status,
    const char *phase, const char *what, struct ir_err *err)
{
	bool on = strcmp(status, "Active") == 0;
	struct ir_key *k = ir_keys_find(&r->keys, id);

	if (ir_rot_note(r, "ses-rotate.begin", phase, id, what, err) ||
	    ir_key_set(r->run->aws, r->user, id, status, err))
		return -1;
	if (k)
		snprintf(k->status, sizeof k->status, "%s", status);
	return ir_rot_note(r, "ses-rotate.end", phase, id,
	    on ? "active" : "inactive", err);
}
