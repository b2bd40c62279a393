/* mailbox_state.c - see mailbox_state.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/file.h"
#include "../core/record.h"
#include "../core/text.h"
#include "mailbox_state.h"

#define STATE_MAX (8u << 20)

/* A password field may be any bytes: kept as hex digits. */
static int
unhex(const char *hex, char *out, size_t size)
{
	size_t i, n = strlen(hex) / 2;
	int a, b;

	if (n >= size || strlen(hex) % 2)
		return -1;
	for (i = 0; i < n; i++) {
		a = ir_hex_digit(hex[2 * i]);
		b = ir_hex_digit(hex[2 * i + 1]);
		if (a < 0 || b < 0)
			return -1;
		out[i] = (char)(a << 4 | b);
	}
	out[n] = '\0';
	return 0;
}

static int
take(const struct ir_rec *r, struct ir_mailbox_entry *e)
{
	const char *name = ir_rec_get(r, "id"), *file = ir_rec_get(r, "file");
	const char *was = ir_rec_get(r, "was"), *lock = ir_rec_get(r, "lock");
	const char *next = ir_rec_get(r, "next");
	const char *backend = ir_rec_get(r, "backend");

	if (!name || !ir_mailbox_name_ok(name) || !backend || !file || !was ||
	    !lock || !next || (*lock && !ir_mailbox_hash_ok(lock)) ||
	    (*next && !ir_mailbox_hash_ok(next)) || strlen(file) >= PATH_MAX ||
	    unhex(was, e->was, sizeof e->was))
		return -1;
	snprintf(e->name, sizeof e->name, "%s", name);
	snprintf(e->backend, sizeof e->backend, "%s", backend);
	snprintf(e->file, sizeof e->file, "%s", file);
	snprintf(e->lock, sizeof e->lock, "%s", lock);
	snprintf(e->next, sizeof e->next, "%s", next);
	e->login_was = ir_rec_get_bool(r, "login_was", false);
	e->outgoing_was = ir_rec_get_bool(r, "outgoing_was", false);
	return 0;
}

int
ir_mailbox_state_load(struct ir_mailbox_state *s, const char *dir,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(STATE_MAX);
	const struct ir_rec *list;
	struct ir_rec *r = NULL;
	size_t i;
	int rc = 0;

	if (snprintf(s->path, sizeof s->path, "%s/mailbox-lock.json", dir) >=
	    (int)sizeof s->path)
		return ir_fail(err, IR_USAGE, "%s: too long", dir);
	s->v = calloc(IR_MAILBOXES, sizeof *s->v);
	s->n = 0;
	if (!s->v)
		return ir_fail_errno(err, IR_OSERR, ENOMEM, "mailboxes");
	if (access(s->path, F_OK) && errno == ENOENT)
		return 0;
	if (ir_buf_read_file(&b, s->path, err) ||
	    !(r = ir_rec_parse(ir_buf_cstr(&b), b.len, err)))
		rc = -1;
	list = ir_rec_at(r, "mailboxes");
	for (i = 0; rc == 0 && i < ir_rec_len(list); i++) {
		if (s->n == IR_MAILBOXES || take(ir_rec_item(list, i),
		    &s->v[s->n++]))
			rc = ir_fail(err, IR_DATAERR, "not a state of this "
			    "command");
	}
	if (rc)
		ir_fail_prefix(err, "%s", s->path);
	ir_rec_free(r);
	ir_buf_free(&b);
	return rc;
}

static struct ir_rec *
entry(const struct ir_mailbox_entry *e)
{
	char hex[2 * sizeof e->was];
	struct ir_rec *r = ir_rec_object();

	ir_hex((const unsigned char *)e->was, strlen(e->was), hex);
	ir_rec_str(r, "id", e->name);
	ir_rec_str(r, "backend", e->backend);
	ir_rec_str(r, "file", e->file);
	ir_rec_str(r, "was", hex);
	ir_rec_str(r, "lock", e->lock);
	ir_rec_str(r, "next", e->next);
	ir_rec_bool(r, "login_was", e->login_was);
	ir_rec_bool(r, "outgoing_was", e->outgoing_was);
	return r;
}

int
ir_mailbox_state_save(const struct ir_mailbox_state *s, struct ir_err *err)
{
	struct ir_rec *r = ir_rec_object(), *list = ir_rec_array();
	struct ir_buf b = IR_BUF(STATE_MAX);
	size_t i;
	int rc;

	for (i = 0; i < s->n; i++)
		ir_rec_push(list, entry(&s->v[i]));
	ir_rec_set(r, "mailboxes", list);
	ir_rec_json(r, &b);
	ir_buf_chr(&b, '\n');
	ir_rec_free(r);
	rc = ir_buf_check(&b, s->path, err);
	if (rc == 0)
		rc = ir_file_replace(s->path, b.data, b.len, 0600, err);
	ir_buf_free(&b);
	return rc;
}

void
ir_mailbox_state_free(struct ir_mailbox_state *s)
{
	free(s->v);
	s->v = NULL;
	s->n = 0;
}

struct ir_mailbox_entry *
ir_mailbox_state_find(const struct ir_mailbox_state *s, const char *name,
    const char *file)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (ir_ascii_ieq(s->v[i].name, name) &&
		    (!file || strcmp(s->v[i].file, file) == 0))
			return &s->v[i];
	return NULL;
}

struct ir_mailbox_entry *
ir_mailbox_state_add(struct ir_mailbox_state *s, const char *name,
    const char *backend)
{
	struct ir_mailbox_entry *e;

	if (s->n == IR_MAILBOXES)
		return NULL;
	e = &s->v[s->n++];
	memset(e, 0, sizeof *e);
	snprintf(e->name, sizeof e->name, "%s", name);
	snprintf(e->backend, sizeof e->backend, "%s", backend);
	return e;
}

void
ir_mailbox_state_drop(struct ir_mailbox_state *s, struct ir_mailbox_entry *e)
{
	size_t i = (size_t)(e - s->v);

	memmove(e, e + 1, (s->n - i - 1) * sizeof *e);
	s->n--;
}
