/* known.c - see known.h */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/record.h"
#include "known.h"

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
take(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct ir_leak_known *k = arg;
	const char *type = ir_rec_get(rec, "type"), *id = ir_rec_get(rec,
	    "id");
	void *v;

	if (!type || strcmp(type, "leak") != 0)
		return 0;
	if (!id || strlen(id) != IR_LEAK_PRINT)
		return ir_fail(err, IR_DATAERR, "a leak without its id");
	if ((k->nid & (k->nid + 1)) == 0) {
		/* at 0, 1, 3, 7 ...: twice as many */
		v = realloc(k->id, (k->nid + 1) * 2 * sizeof *k->id);
		if (!v)
			return ir_fail(err, IR_OSERR, "no memory");
		k->id = v;
	}
	memcpy(k->id[k->nid++], id, IR_LEAK_PRINT + 1);
	return 0;
}

/* The lines of text: each one a record. */
static int
each_line(struct ir_leak_known *k, const char *path, char *text,
    struct ir_err *err)
{
	struct ir_rec *rec;
	char *line, *next;
	size_t n = 0;
	int rc = 0;

	for (line = text; rc == 0 && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		n++;
		if (line[strspn(line, " \t\r")] == '\0')
			continue;
		rec = ir_rec_parse(line, strlen(line), err);
		rc = rec ? take(rec, k, err) : -1;
		ir_rec_free(rec);
		if (rc)
			ir_fail_prefix(err, "%s:%zu", path, n);
	}
	return rc;
}

int
ir_leak_baseline(struct ir_leak_known *k, const char *path,
    struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_LEAK_KNOWN_FILE);
	int rc = ir_buf_read_file(&b, path, err);

	if (rc == 0 && b.len)
		rc = each_line(k, path, b.data, err);
	if (rc == 0 && k->nid)
		qsort(k->id, k->nid, sizeof *k->id, by_text);
	ir_buf_free(&b);
	return rc;
}

static bool
is_name(const char *s)
{
	int k;

	for (k = 0; k < IR_LEAK_KINDS; k++)
		if (strcmp(s, ir_leak_kind_name((enum ir_leak_kind)k)) == 0)
			return true;
	return false;
}

static bool
is_entry(const char *s)
{
	size_t n = strlen(s);

	return strpbrk(s, "/*?") || is_name(s) ||
	    (n == 20 && ir_leak_account(s) != -2) ||
	    (n == IR_LEAK_PRINT && strspn(s, "0123456789abcdef") == n);
}

int
ir_leak_allow(struct ir_leak_known *k, const char *path, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(IR_LEAK_KNOWN_FILE);
	char *line, *next;
	size_t n = 0, i;

	if (ir_buf_read_file(&b, path, err)) {
		ir_buf_free(&b);
		return -1;
	}
	k->text = b.data ? ir_buf_take(&b) : NULL;
	for (i = 0; k->text && k->text[i]; i++)
		n += k->text[i] == '\n';
	k->allow = calloc(n + 1, sizeof *k->allow);
	if (!k->allow)
		return ir_fail(err, IR_OSERR, "no memory");
	n = 0;
	for (line = k->text; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		n++;
		line[strcspn(line, "#\r")] = '\0';
		line += strspn(line, " \t");
		for (i = strlen(line); i && (line[i - 1] == ' ' ||
		    line[i - 1] == '\t'); i--)
			line[i - 1] = '\0';
		if (!*line)
			continue;
		if (!is_entry(line))
			return ir_fail(err, IR_DATAERR, "%s:%zu: neither a "
			    "fingerprint, a key id, a kind nor a pattern",
			    path, n);
		k->allow[k->nallow++] = line;
	}
	return 0;
}

void
ir_leak_known_free(struct ir_leak_known *k)
{
	free(k->id);
	free(k->text);
	free(k->allow);
	memset(k, 0, sizeof *k);
}

bool
ir_leak_is_known(const struct ir_leak_known *k, const struct ir_leak_find *v)
{
	char id[IR_LEAK_PRINT + 1];

	ir_leak_find_id(v, id);
	return k->nid && bsearch(id, k->id, k->nid, sizeof *k->id, by_text);
}

bool
ir_leak_is_allowed(const struct ir_leak_known *k,
    const struct ir_leak_find *v)
{
	const char *s;
	size_t i;

	for (i = 0; i < k->nallow; i++) {
		s = k->allow[i];
		if (strcmp(s, v->print) == 0 ||
		    strcmp(s, ir_leak_kind_name(v->kind)) == 0 ||
		    (v->kind == IR_LEAK_AWS_KEY && strcmp(s, v->value) == 0) ||
		    (strpbrk(s, "/*?") && fnmatch(s, v->where, 0) == 0))
			return true;
	}
	return false;
}
