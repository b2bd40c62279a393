/* creds_put.c - see creds_put.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "creds_put.h"

struct ir_creds_plan *
ir_creds_plan_new(struct ir_err *err)
{
	struct ir_creds_plan *p = calloc(1, sizeof *p);

	if (!p)
		ir_fail(err, IR_OSERR, "no memory");
	return p;
}

void
ir_creds_plan_free(struct ir_creds_plan *plan)
{
	size_t i;

	if (!plan)
		return;
	for (i = 0; i < plan->nedit; i++)
		ir_buf_free(&plan->edit[i].text);
	for (i = 0; i < plan->n; i++) {
		ir_buf_free(&plan->change[i].old);
		ir_buf_free(&plan->change[i].new);
		ir_file_meta_free(&plan->change[i].meta);
	}
	free(plan);
}

/* text is taken over.  The same bytes may be wanted twice, the same way. */
static int
add_edit(struct ir_creds_plan *plan, const struct ir_creds_spot *s,
    struct ir_buf *text, struct ir_err *err)
{
	struct ir_creds_edit *e;
	size_t i;
	int rc = 0;

	for (i = 0; i < plan->nedit; i++) {
		e = &plan->edit[i];
		if (e->conf != s->conf || e->file != s->file ||
		    e->to <= s->from || s->to <= e->from)
			continue;
		if (e->from != s->from || e->to != s->to ||
		    e->text.len != text->len ||
		    memcmp(e->text.data, text->data, text->len) != 0)
			rc = ir_fail(err, IR_CONFIG, "two authenticators "
			    "spell the same text in different ways");
		ir_buf_free(text);
		return rc;
	}
	if (plan->nedit == IR_CREDS_EDITS) {
		ir_buf_free(text);
		return ir_fail(err, IR_DATAERR, "more than %d edits",
		    IR_CREDS_EDITS);
	}
	e = &plan->edit[plan->nedit++];
	e->conf = s->conf;
	e->file = s->file;
	e->from = s->from;
	e->to = s->to;
	e->text = *text;
	return 0;
}

static int
put_spot(struct ir_creds_plan *plan, const struct ir_creds *c,
    const struct ir_creds_spot *s, const char *v, size_t n,
    struct ir_err *err)
{
	struct ir_buf text = IR_BUF_SECRET(8 * IR_SECRET_MAX);

	/* Exim takes one colon behind the key for its end */
	if (s->no_colon && n && v[0] == ':')
		ir_buf_str(&text, ": ");
	if (ir_spell(&text, &s->how, v, n, ir_conf_macro_in,
	    c->conf[s->conf], err)) {
		ir_buf_free(&text);
		return -1;
	}
	return add_edit(plan, s, &text, err);
}

int
ir_creds_put(struct ir_creds_plan *plan, const struct ir_creds *c,
    const struct ir_creds_place *p, const char *user,
    const struct ir_secret *pass, struct ir_err *err)
{
	int rc = 0;

	if (p->mixed && memchr(pass->data, '^', pass->len))
		rc = ir_fail(err, IR_CONFIG, "some authenticators that read "
		    "it double a circumflex and some do not");
	if (rc == 0 && p->user_at.there)
		rc = put_spot(plan, c, &p->user_at, user, strlen(user), err);
	if (rc == 0)
		rc = put_spot(plan, c, &p->pass_at, pass->data, pass->len,
		    err);
	if (rc)
		ir_fail_prefix(err, "%s:%u", p->path, p->line);
	return rc;
}

static int
move_spot(struct ir_creds_plan *plan, const struct ir_creds *c,
    const struct ir_creds_spot *s, const char *key, const char *path,
    struct ir_err *err)
{
	struct ir_buf text = IR_BUF_SECRET(3 * PATH_MAX);
	char expr[2 * PATH_MAX];
	bool carets = s->how.how & IR_SPELL_CARET;

	snprintf(expr, sizeof expr,
	    "%s${lookup{%s}lsearch{%s}{$value}fail}%s",
	    carets ? "${sg{" : "", key, path,
	    carets ? "}{\\N[\\^]\\N}{^^}}" : "");
	if (ir_spell_expression(&text, &s->how, expr, ir_conf_macro_in,
	    c->conf[s->conf], err)) {
		ir_buf_free(&text);
		return -1;
	}
	return add_edit(plan, s, &text, err);
}

int
ir_creds_move(struct ir_creds_plan *plan, const struct ir_creds *c,
    const struct ir_creds_place *p, const char *path, struct ir_err *err)
{
	struct ir_creds_spot user = p->user_at, pass = p->pass_at;

	if (path[0] != '/' || path[strspn(path, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+@-")])
		return ir_fail(err, IR_USAGE, "%s: not an absolute path of "
		    "plain characters", path);
	if (move_spot(plan, c, &user, "user", path, err) ||
	    move_spot(plan, c, &pass, "pass", path, err)) {
		ir_fail_prefix(err, "%s:%u", p->path, p->line);
		return -1;
	}
	return 0;
}

static struct ir_creds_change *
new_change(struct ir_creds_plan *plan, const char *name, struct ir_err *err)
{
	struct ir_creds_change *ch;

	if (plan->n == IR_CREDS_CHANGES) {
		ir_fail(err, IR_DATAERR, "more than %d files",
		    IR_CREDS_CHANGES);
		return NULL;
	}
	ch = &plan->change[plan->n++];
	memset(ch, 0, sizeof *ch);
	ch->old = (struct ir_buf)IR_BUF_SECRET(IR_CONF_FILE_MAX);
	ch->new = (struct ir_buf)IR_BUF_SECRET(IR_CONF_FILE_MAX);
	ch->meta = (struct ir_file_meta)IR_FILE_META_INIT;
	snprintf(ch->name, sizeof ch->name, "%s", name);
	return ch;
}

int
ir_creds_move_file(struct ir_creds_plan *plan, const char *path,
    const char *user, const struct ir_secret *pass, gid_t group,
    struct ir_err *err)
{
	static const struct ir_spelling raw;
	struct ir_creds_change *ch = new_change(plan, path, err);
	struct ir_buf b = IR_BUF_SECRET(IR_CONF_FILE_MAX);
	bool there = access(path, F_OK) == 0;
	int rc;

	if (!ch)
		return -1;
	snprintf(ch->path, sizeof ch->path, "%s", path);
	ch->made = true;
	ch->meta.uid = geteuid();
	ch->meta.gid = group;
	ch->meta.mode = 0640;
	ir_buf_str(&ch->new, "user: ");
	rc = ir_spell(&ch->new, &raw, user, strlen(user), NULL, NULL, err);
	ir_buf_str(&ch->new, "\npass: ");
	if (rc == 0)
		rc = ir_spell(&ch->new, &raw, pass->data, pass->len, NULL,
		    NULL, err);
	ir_buf_chr(&ch->new, '\n');
	if (rc == 0 && there) {
		rc = ir_buf_read_file(&b, path, err);
		if (rc == 0 && (b.len != ch->new.len ||
		    memcmp(b.data, ch->new.data, b.len) != 0))
			rc = ir_fail(err, IR_CANTCREAT, "%s: is there "
			    "already, with something else in it", path);
		ir_buf_free(&ch->old);
		ir_buf_free(&ch->new);
		ir_file_meta_free(&ch->meta);
		plan->n--;
	}
	ir_buf_free(&b);
	return rc;
}

static int
by_place(const void *a, const void *b)
{
	const struct ir_creds_edit *x = a, *y = b;

	if (x->conf != y->conf)
		return x->conf < y->conf ? -1 : 1;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* The edits of one file, from `first` on: how many they were, or -1. */
static int
one_file(struct ir_creds_plan *plan, const struct ir_creds *c, size_t first,
    struct ir_err *err)
{
	const struct ir_creds_edit *e = &plan->edit[first];
	const struct ir_conf_file *f = &c->conf[e->conf]->file[e->file];
	struct ir_creds_change *ch = new_change(plan, f->path, err);
	size_t at = 0, i;

	if (!ch)
		return -1;
	ch->config = e->conf > 0;
	ir_buf_add(&ch->old, ir_buf_cstr(&f->bytes), f->bytes.len);
	for (i = first; i < plan->nedit && plan->edit[i].conf == e->conf &&
	    plan->edit[i].file == e->file; i++) {
		ir_buf_add(&ch->new, ch->old.data + at,
		    plan->edit[i].from - at);
		ir_buf_add(&ch->new, plan->edit[i].text.data,
		    plan->edit[i].text.len);
		at = plan->edit[i].to;
	}
	ir_buf_add(&ch->new, ch->old.data + at, ch->old.len - at);
	if (!realpath(f->path, ch->path))
		return ir_fail_errno(err, IR_NOINPUT, errno, "%s", f->path);
	if (ir_buf_check(&ch->new, f->path, err) ||
	    ir_file_meta(ch->path, &ch->meta, err))
		return -1;
	if (ch->new.len == ch->old.len &&
	    memcmp(ch->new.data, ch->old.data, ch->old.len) == 0) {
		ir_buf_free(&ch->old);
		ir_buf_free(&ch->new);
		ir_file_meta_free(&ch->meta);
		plan->n--;
	}
	return (int)(i - first);
}

int
ir_creds_plan_end(struct ir_creds_plan *plan, const struct ir_creds *c,
    struct ir_err *err)
{
	size_t i;
	int n;

	qsort(plan->edit, plan->nedit, sizeof *plan->edit, by_place);
	for (i = 0; i < plan->nedit; i += (size_t)n) {
		n = one_file(plan, c, i, err);
		if (n < 0)
			return -1;
	}
	for (i = 0; i < plan->n; i++)
		plan->config |= plan->change[i].config;
	return 0;
}
