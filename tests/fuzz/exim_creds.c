/*
 * exim_creds.c - fuzz target: Exim's configuration, lookup files and other
 * programs' files.  The first byte says which; what a configuration includes
 * is the rest of the input again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "exim/creds_conf.h"
#include "exim/creds_exim.h"
#include "exim/creds_file.h"
#include "exim/creds_text.h"

struct input {
	const char *p;
	size_t n;
};

static int
load(void *arg, const char *path, struct ir_buf *b, struct ir_err *err)
{
	const struct input *in = arg;

	(void)err;
	if (strcmp(path, "/c") == 0)
		ir_buf_add(b, in->p, in->n);
	else if (in->n > 8)
		ir_buf_add(b, in->p + in->n / 2, in->n - in->n / 2);
	return strlen(path) > 20;
}

/* What is found can be replaced, and then it is what it was replaced by. */
static void
part(const struct ir_conf *c, const struct ir_conf_part *p)
{
	const struct ir_buf *b;

	if (p->kind != IR_PART_LITERAL || p->apart)
		return;
	b = &c->file[p->file].bytes;
	if (p->from > p->to || p->to > b->len)
		abort();
}

static void
conf(const struct input *in, bool cpanel)
{
	static const char *const path[] = { "/c" };
	struct ir_conf_part user, pass;
	struct ir_conf *c = ir_conf_new(NULL);
	size_t i;

	if (!c)
		return;
	c->load = load;
	c->arg = (void *)(uintptr_t)in;
	if (ir_conf_read(c, path, 1, cpanel, NULL) == 0)
		for (i = 0; i < c->nauth; i++) {
			if (!ir_conf_parts(c, &c->auth[i], &user, &pass))
				continue;
			part(c, &user);
			part(c, &pass);
			ir_conf_part_free(&user);
			ir_conf_part_free(&pass);
		}
	(void)ir_conf_macro_in(in->p, in->n, c);
	ir_conf_free(c);
}

static int
entry(const struct ir_lsearch *e, void *arg)
{
	const struct input *in = arg;

	if (e->from > e->to || e->to > in->n ||
	    strlen(e->key) > e->key_len)
		abort();
	return ir_lsearch_wild(e->key, "host.example") && 0;
}

static int
found(const struct ir_foreign_found *f, void *arg)
{
	size_t *n = arg;

	*n += strlen(f->user) + strlen(f->host) + f->pass_len + f->line;
	return 0;
}

/* What is spelled is read back as it was. */
static void
spell(const struct input *in, uint8_t how)
{
	struct ir_spelling e = { how & (IR_SPELL_EXPAND | IR_SPELL_CARET),
		':' };
	struct ir_buf b = IR_BUF(1u << 20), back = IR_BUF(1u << 20);

	if (!(e.how & IR_SPELL_EXPAND))
		e.how &= IR_SPELL_CARET;
	if (in->n < 4096 && ir_spell(&b, &e, in->p, in->n, NULL, NULL,
	    NULL) == 0 && (ir_unspell(&back, &e, b.data, b.len) ||
	    back.len != in->n || memcmp(back.data, in->p, in->n) != 0))
		abort();
	ir_buf_free(&b);
	ir_buf_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct input in = { (const char *)data + 1, n - 1 };
	struct ir_buf item = IR_BUF(1u << 20);
	const char *v;
	size_t k, total = 0;

	if (n < 1)
		return 0;
	switch (data[0] % 8) {
	case 0:
		conf(&in, false);
		break;
	case 1:
		conf(&in, true);
		break;
	case 2:
		ir_lsearch_each(in.p, in.n, entry, &in);
		break;
	case 3:
		spell(&in, data[0] >> 3);
		break;
	case 4:
		for (k = 0; k < 8; k++)
			(void)ir_conf_item(in.p, in.n, k, &item);
		ir_buf_trunc(&item, 0);
		ir_buf_add(&item, in.p, in.n);
		(void)ir_creds_view_option(&item, "a", "client_send", &v,
		    &k);
		break;
	default:
		for (k = IR_FOREIGN_POSTFIX; k <= IR_FOREIGN_ENV; k++)
			ir_foreign_each((enum ir_foreign)k, in.p, in.n,
			    found, &total);
	}
	ir_buf_free(&item);
	return 0;
}
