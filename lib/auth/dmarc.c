/* dmarc.c - see dmarc.h */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dmarc.h"

#define WALK_LABELS 7		/* what is left of a long name */

const char *
ir_dmarc_policy_word(enum ir_dmarc_policy p)
{
	static const char *const words[] = { "none", "none", "quarantine",
		"reject", "none" };

	return words[p];
}

/* --- the record --------------------------------------------------------- */

bool
ir_dmarc_is_record(const char *s, size_t n)
{
	struct ir_tags t;
	const char *semi = memchr(s, ';', n);

	/* the first tag alone, so that later mistakes do not count */
	ir_tags_parse(s, semi ? (size_t)(semi - s) : n, &t);
	return t.n == 1 && t.bad == 0 && t.tag[0].name_len == 1 &&
	    t.tag[0].name[0] == 'v' && t.tag[0].value_len == 6 &&
	    memcmp(t.tag[0].value, "DMARC1", 6) == 0;
}

static enum ir_dmarc_policy
policy(const struct ir_tags *t, const char *name)
{
	const struct ir_tag *tag = ir_tags_find(t, name);

	return !tag ? IR_DMARC_UNSET : ir_tag_is(tag, "none") ?
	    IR_DMARC_NONE : ir_tag_is(tag, "quarantine") ?
	    IR_DMARC_QUARANTINE : ir_tag_is(tag, "reject") ?
	    IR_DMARC_REJECT : IR_DMARC_BAD;
}

/* One of two letters; what is neither is ignored. */
static bool
flag(const struct ir_tags *t, const char *name, const char *yes,
    const char *no, size_t *ignored)
{
	const struct ir_tag *tag = ir_tags_find(t, name);

	if (tag && !ir_tag_is(tag, yes) && !ir_tag_is(tag, no))
		(*ignored)++;
	return ir_tag_is(tag, yes);
}

/* scheme ":" something, with nothing in it that a URI cannot have. */
static bool
uri_ok(const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n);
	size_t i;

	if (!colon || colon == s || colon == s + n - 1)
		return false;
	for (i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~' || strchr("\"<>\\^`{|}", s[i]))
			return false;
	if (n > 7 && strncasecmp(s, "mailto:", 7) == 0)
		return memchr(s, '@', n) != NULL;
	return true;
}

static size_t
uris(const struct ir_tags *t, const char *name, size_t *ignored)
{
	const struct ir_tag *tag = ir_tags_find(t, name);
	const char *item;
	size_t at = 0, n, ok = 0;

	while (tag && ir_tag_item(tag, ',', &at, &item, &n)) {
		if (uri_ok(item, n))
			ok++;
		else
			(*ignored)++;
	}
	return ok;
}

static int
number(const struct ir_tag *t)
{
	int v = 0;
	size_t i;

	if (!t)
		return -1;
	for (i = 0; i < t->value_len && v < 10000; i++) {
		if (t->value[i] < '0' || t->value[i] > '9')
			return -1;
		v = v * 10 + (t->value[i] - '0');
	}
	return t->value_len ? v : -1;
}

void
ir_dmarc_parse(const char *s, size_t n, struct ir_dmarc_record *r)
{
	const struct ir_tag *psd;
	struct ir_tags t;

	memset(r, 0, sizeof *r);
	ir_tags_parse(s, n, &t);
	r->ignored = t.bad;
	r->p = policy(&t, "p");
	r->sp = policy(&t, "sp");
	r->np = policy(&t, "np");
	psd = ir_tags_find(&t, "psd");
	r->psd = ir_tag_is(psd, "y") ? 'y' : ir_tag_is(psd, "n") ? 'n' : 'u';
	if (psd && r->psd == 'u' && !ir_tag_is(psd, "u"))
		r->ignored++;
	r->testing = flag(&t, "t", "y", "n", &r->ignored);
	r->adkim_strict = flag(&t, "adkim", "s", "r", &r->ignored);
	r->aspf_strict = flag(&t, "aspf", "s", "r", &r->ignored);
	r->has_rua = ir_tags_find(&t, "rua") != NULL;
	r->rua = uris(&t, "rua", &r->ignored);
	r->ruf = uris(&t, "ruf", &r->ignored);
	r->pct = number(ir_tags_find(&t, "pct"));
	r->old_tags = ir_tags_find(&t, "pct") || ir_tags_find(&t, "rf") ||
	    ir_tags_find(&t, "ri");
}

size_t
ir_dmarc_rua_domains(const char *s, size_t n, char out[IR_DMARC_URIS][256])
{
	const struct ir_tag *tag;
	struct ir_tags t;
	const char *item, *host;
	size_t at = 0, len, count = 0, i;

	ir_tags_parse(s, n, &t);
	tag = ir_tags_find(&t, "rua");
	while (tag && count < IR_DMARC_URIS &&
	    ir_tag_item(tag, ',', &at, &item, &len)) {
		if (!uri_ok(item, len) || len < 8 ||
		    strncasecmp(item, "mailto:", 7))
			continue;
		for (host = item + len; host[-1] != '@'; host--)
			continue;
		len = (size_t)(item + len - host);
		for (i = 0; i < len && !strchr("!?;", host[i]) && i < 254; i++)
			out[count][i] = host[i] >= 'A' && host[i] <= 'Z' ?
			    (char)(host[i] | 0x20) : host[i];
		out[count][i] = '\0';
		count += i > 0;
	}
	return count;
}

/* --- the walk ----------------------------------------------------------- */

static size_t
labels(const char *s)
{
	size_t n = 1;

	for (; *s; s++)
		n += *s == '.';
	return n;
}

/* Ask for the record at one name; false: the walk ends here. */
static bool
look(struct ir_resolver *res, const char *domain, struct ir_dmarc_walk *w)
{
	struct ir_dmarc_found *f = &w->found[w->n];
	const struct ir_rrset *s;
	char name[300];
	size_t i, count = 0;

	w->queries++;
	snprintf(name, sizeof name, "_dmarc.%s", domain);
	if (strlen(name) > 253)
		return true;
	s = res->ask(res, name, IR_DNS_TXT);
	if (ir_rrset_failed(s)) {
		if (w->failed == IR_DNS_OK)
			w->failed = s ? s->status : IR_DNS_TIMEOUT;
		return true;
	}
	for (i = 0; s->status == IR_DNS_OK && i < s->n; i++)
		if (ir_dmarc_is_record(s->rr[i].data, s->rr[i].len)) {
			f->txt = &s->rr[i];
			count++;
		}
	w->several += count > 1;
	if (count != 1)
		return true;
	snprintf(f->domain, sizeof f->domain, "%s", domain);
	ir_dmarc_parse(f->txt->data, f->txt->len, &f->rec);
	w->n++;
	return f->rec.psd == 'u';
}

void
ir_dmarc_walk(struct ir_resolver *res, const char *domain,
    struct ir_dmarc_walk *w)
{
	const char *at = w->start;
	size_t x;

	memset(w, 0, sizeof *w);
	snprintf(w->start, sizeof w->start, "%s", domain);
	for (x = strlen(w->start); x && w->start[x - 1] == '.'; )
		w->start[--x] = '\0';
	if (!look(res, at, w))
		return;
	for (x = labels(at); x > WALK_LABELS + 1; x--)
		at = strchr(at, '.') + 1;
	while ((at = strchr(at, '.')))
		if (!look(res, ++at, w))
			return;
}

/* What is one label longer than `above` at the end of `start`. */
static const char *
one_below(const char *start, const char *above)
{
	const char *s = start + strlen(start) - strlen(above);

	if (s <= start + 1)
		return start;
	for (s--; s > start && s[-1] != '.'; s--)
		continue;
	return s;
}

void
ir_dmarc_org(const struct ir_dmarc_walk *w, char out[256])
{
	const char *org = w->start;
	size_t i;

	for (i = 0; i < w->n; i++) {
		const struct ir_dmarc_found *f = &w->found[i];

		org = f->domain;
		if (f->rec.psd == 'n')
			break;
		if (f->rec.psd == 'y' && strcasecmp(f->domain, w->start)) {
			org = one_below(w->start, f->domain);
			break;
		}
	}
	snprintf(out, 256, "%s", org);
}

const struct ir_dmarc_found *
ir_dmarc_applies(const struct ir_dmarc_walk *w)
{
	const struct ir_dmarc_found *psd = NULL;
	char org[256];
	size_t i;

	if (w->n && strcasecmp(w->found[0].domain, w->start) == 0)
		return &w->found[0];
	ir_dmarc_org(w, org);
	for (i = 0; i < w->n; i++) {
		if (strcasecmp(w->found[i].domain, org) == 0)
			return &w->found[i];
		if (w->found[i].rec.psd == 'y')
			psd = &w->found[i];
	}
	return psd;
}

enum ir_dmarc_policy
ir_dmarc_effective(const struct ir_dmarc_walk *w,
    const struct ir_dmarc_found *f, bool exists)
{
	const struct ir_dmarc_record *r = &f->rec;
	bool own = strcasecmp(f->domain, w->start) == 0;

	if (r->p == IR_DMARC_UNSET || r->p == IR_DMARC_BAD ||
	    r->sp == IR_DMARC_BAD || r->np == IR_DMARC_BAD)
		return IR_DMARC_NONE;
	if (own)
		return r->p;
	if (!exists && r->np != IR_DMARC_UNSET)
		return r->np;
	return r->sp != IR_DMARC_UNSET ? r->sp : r->p;
}

int
ir_dmarc_aligned(struct ir_resolver *res, const struct ir_dmarc_walk *w,
    const char *identifier, bool strict)
{
	struct ir_dmarc_walk other;
	char a[256], b[256];

	if (strcasecmp(w->start, identifier) == 0)
		return 1;
	if (strict)
		return 0;
	ir_dmarc_walk(res, identifier, &other);
	if (w->failed != IR_DNS_OK || other.failed != IR_DNS_OK)
		return -1;
	ir_dmarc_org(w, a);
	ir_dmarc_org(&other, b);
	return strcasecmp(a, b) == 0;
}
