/* format.c - see format.h */
#include <stdlib.h>
#include <string.h>

#include "format.h"

/* of a record: both lengths, a label of the shortest name, an empty box */
#define RECORD_MIN (2 + 4 + 2 * IR_VAULT_SEAL + 4 + 8 + 8 + 1 + 1 + 1)

/* --- numbers ------------------------------------------------------------ */

struct reader {
	const unsigned char *p, *end;
	bool bad;
};

static const unsigned char *
take(struct reader *r, size_t n)
{
	const unsigned char *p = r->p;

	if (r->bad || (size_t)(r->end - p) < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return p;
}

static uint64_t
number(struct reader *r, size_t n)
{
	const unsigned char *p = take(r, n);
	uint64_t v = 0;

	while (p && n--)
		v = v << 8 | *p++;
	return v;
}

static unsigned char *
put_number(unsigned char *p, uint64_t v, size_t n)
{
	while (n--)
		*p++ = (unsigned char)(v >> 8 * n);
	return p;
}

static void
add_number(struct ir_buf *b, uint64_t v, size_t n)
{
	unsigned char bytes[8];

	put_number(bytes, v, n);
	ir_buf_add(b, bytes, n);
}

/* --- the file ----------------------------------------------------------- */

static int
damaged(struct ir_err *err, const char *why)
{
	return ir_fail(err, IR_DATAERR, "damaged, or not a vault: %s", why);
}

static bool
is_text(const unsigned char *p, size_t n)
{
	while (n && *p > ' ' && *p < 0x7f) {
		p++;
		n--;
	}
	return n == 0;
}

static int
parse_head(struct reader *r, struct ir_vault_head *h, struct ir_err *err)
{
	const unsigned char *p = take(r, IR_VAULT_MAGIC_LEN);
	size_t n;

	if (!p || memcmp(p, IR_VAULT_MAGIC, IR_VAULT_MAGIC_LEN) != 0)
		return damaged(err, "how it begins");
	p = take(r, IR_VAULT_ID);
	if (p)
		memcpy(h->id, p, IR_VAULT_ID);
	h->generation = number(r, 8);
	n = number(r, 2);
	p = n <= IR_VAULT_SOURCE ? take(r, n) : NULL;
	if (!p || n == 0 || !is_text(p, n))
		return damaged(err, "the source of its key");
	memcpy(h->source, p, n);
	h->source[n] = '\0';
	n = number(r, 2);
	p = n <= IR_VAULT_WRAPPED ? take(r, n) : NULL;
	if (!p || n == 0)
		return damaged(err, "its wrapped key");
	memcpy(h->wrapped, p, n);
	h->nwrapped = n;
	return 0;
}

static int
parse_record(struct reader *r, struct ir_vault_sealed *s, struct ir_err *err)
{
	s->nlabel = number(r, 2);
	s->nbox = number(r, 4);
	if (r->bad || s->nlabel < IR_VAULT_SEAL + 1 ||
	    s->nlabel > IR_VAULT_SEAL + IR_VAULT_LABEL ||
	    s->nbox < IR_VAULT_SEAL ||
	    s->nbox > IR_VAULT_SEAL + IR_CREDENTIAL_MAX)
		return damaged(err, "the size of a record");
	s->label = take(r, s->nlabel);
	s->box = take(r, s->nbox);
	return r->bad ? damaged(err, "it is cut off") : 0;
}

int
ir_vault_parse(struct ir_vault_file *f, const unsigned char *bytes, size_t n,
    struct ir_err *err)
{
	struct reader r = { bytes, bytes + n, false };
	size_t i;

	f->sealed = NULL;
	f->n = 0;
	f->mac = NULL;
	if (n > IR_VAULT_FILE_MAX)
		return damaged(err, "its size");
	if (parse_head(&r, &f->head, err))
		return -1;
	f->n = number(&r, 4);
	/* so that a count costs no more memory than the file has bytes */
	if (r.bad || f->n > IR_VAULT_RECORDS ||
	    f->n > (size_t)(r.end - r.p) / RECORD_MIN) {
		f->n = 0;
		return damaged(err, "the number of records");
	}
	f->sealed = calloc(f->n + 1, sizeof *f->sealed);
	if (!f->sealed)
		return ir_fail(err, IR_OSERR, "no memory");
	for (i = 0; i < f->n; i++)
		if (parse_record(&r, &f->sealed[i], err))
			goto bad;
	f->mac = take(&r, IR_VAULT_MAC);
	if (!r.bad && r.p == r.end)
		return 0;
	damaged(err, r.bad ? "it is cut off" : "something after its end");
bad:
	ir_vault_file_free(f);
	return -1;
}

void
ir_vault_file_free(struct ir_vault_file *f)
{
	free(f->sealed);
	f->sealed = NULL;
	f->n = 0;
	f->mac = NULL;
}

void
ir_vault_add_head(struct ir_buf *b, const struct ir_vault_head *h,
    size_t records)
{
	size_t n = strlen(h->source);

	ir_buf_add(b, IR_VAULT_MAGIC, IR_VAULT_MAGIC_LEN);
	ir_buf_add(b, h->id, IR_VAULT_ID);
	add_number(b, h->generation, 8);
	add_number(b, n, 2);
	ir_buf_add(b, h->source, n);
	add_number(b, h->nwrapped, 2);
	ir_buf_add(b, h->wrapped, h->nwrapped);
	add_number(b, records, 4);
}

void
ir_vault_add_sealed(struct ir_buf *b, const struct ir_vault_sealed *s)
{
	add_number(b, s->nlabel, 2);
	add_number(b, s->nbox, 4);
	ir_buf_add(b, s->label, s->nlabel);
	ir_buf_add(b, s->box, s->nbox);
}

/* --- a label ------------------------------------------------------------ */

static unsigned char *
put_text(unsigned char *p, const char *s)
{
	size_t n = strlen(s);

	*p++ = (unsigned char)n;
	memcpy(p, s, n);
	return p + n;
}

size_t
ir_vault_label(const struct ir_vault_item *item, unsigned char *label)
{
	unsigned char *p = label;

	p = put_number(p, item->version, 4);
	p = put_number(p, (uint64_t)item->created, 8);
	p = put_number(p, (uint64_t)item->expires, 8);
	p = put_text(p, item->name);
	p = put_text(p, item->username);
	return (size_t)(p - label);
}

static bool
take_text(struct reader *r, char *s, size_t size)
{
	size_t n = number(r, 1);
	const unsigned char *p = n < size ? take(r, n) : NULL;

	if (!p || memchr(p, '\0', n))
		return false;
	memcpy(s, p, n);
	s[n] = '\0';
	return true;
}

int
ir_vault_label_parse(struct ir_vault_item *item, const unsigned char *label,
    size_t n, struct ir_err *err)
{
	struct reader r = { label, label + n, false };

	item->version = (uint32_t)number(&r, 4);
	item->created = (int64_t)number(&r, 8);
	item->expires = (int64_t)number(&r, 8);
	if (!take_text(&r, item->name, sizeof item->name) ||
	    !take_text(&r, item->username, sizeof item->username) ||
	    r.p != r.end || !item->version ||
	    !ir_vault_name_ok(item->name))
		return damaged(err, "the label of a record");
	return 0;
}

bool
ir_vault_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n && n <= IR_VAULT_NAME && *name != '-' &&
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789._@/+-") == n;
}
