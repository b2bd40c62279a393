/* feed.c - see feed.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../core/record.h"
#include "../core/text.h"
#include "feed.h"

#define NOTHING 0		/* value of what is not listed */
#define MAX_TEXT 1000		/* of one entry */
#define DEFAULT_A 0x7f000002	/* 127.0.0.2, as rbldnsd */
#define TOP_LEAST 16		/* the index has an entry for each /16 ... */
#define TOP_MOST 24		/* to each /24, as many as there are steps */
#define LARGE_PAGE (2u << 20)
#define V4_LOW 0xffff00000000ull	/* ::ffff:0.0.0.0 */

/* An address as a number; IPv4 is where IPv6 maps it. */
struct key {
	uint64_t hi, lo;
};

struct entry {
	struct key first;
	uint32_t value;
	uint8_t bits;		/* of 128 */
	uint8_t level;		/* entries of a level are equals */
	bool out;		/* "!": an exclusion */
};

/* From this address on, until the next step. */
struct step {
	struct key from;
	uint32_t value;
};

struct step4 {
	uint32_t from, value;
};

struct name {
	uint32_t text, value;
	bool out, self, below;	/* the name itself; what is below it */
};

struct value {
	uint32_t a, text;
};

struct ir_feed {
	struct entry *entry;	/* only while it is read */
	size_t nentries, centries;
	struct step *step;
	size_t nsteps;
	/* the IPv4 ones again, close together: what most lookups want */
	struct step4 *from4;
	size_t nfrom4, first4;		/* step[first4] is from4[0] */
	unsigned top_bits;
	uint32_t *top4;		/* where such a network begins there */
	struct name *name;
	size_t nnames, cnames;
	struct value *value;
	size_t nvalues, cvalues;
	char *pool;		/* of texts and names; NUL after each */
	size_t npool, cpool;
	uint32_t var[10];	/* $0 to $9: texts in the pool, 0: none */
};

struct reading {
	struct ir_feed *f;
	struct ir_feed_info *info;
	enum ir_feed_type type;
	uint32_t usual_a, usual_text;	/* ":127.0.0.2:text" on its own */
	bool have_usual;
	char sep;			/* of a CSV; 0: not known yet */
	size_t key_col, why_col;
	bool failed;			/* no memory, or too much */
};

/* --- keys --------------------------------------------------------------- */

static int
compare(struct key a, struct key b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

static struct key
key_of(const struct ir_ip *ip)
{
	struct key k = { 0, V4_LOW };
	int i;

	if (!ip->v6) {
		for (i = 0; i < 4; i++)
			k.lo |= (uint64_t)ip->b[i] << (24 - 8 * i);
		return k;
	}
	k.lo = 0;
	for (i = 0; i < 8; i++) {
		k.hi = k.hi << 8 | ip->b[i];
		k.lo = k.lo << 8 | ip->b[i + 8];
	}
	return k;
}

static struct ir_ip
ip_of(struct key k)
{
	struct ir_ip ip = { .v6 = false };
	int i;

	if (k.hi == 0 && k.lo >> 32 == 0xffff) {
		for (i = 0; i < 4; i++)
			ip.b[i] = (uint8_t)(k.lo >> (24 - 8 * i));
		return ip;
	}
	ip.v6 = true;
	for (i = 0; i < 8; i++) {
		ip.b[i] = (uint8_t)(k.hi >> (56 - 8 * i));
		ip.b[i + 8] = (uint8_t)(k.lo >> (56 - 8 * i));
	}
	return ip;
}

/* The last address of a block. */
static struct key
last_of(struct key k, unsigned bits)
{
	if (bits < 64)
		k.hi |= UINT64_MAX >> bits;
	if (bits <= 64)
		k.lo = UINT64_MAX;
	else if (bits < 128)
		k.lo |= UINT64_MAX >> (bits - 64);
	return k;
}

static bool
is_last(struct key k)
{
	return k.hi == UINT64_MAX && k.lo == UINT64_MAX;
}

static struct key
next_of(struct key k)
{
	if (++k.lo == 0)
		k.hi++;
	return k;
}

static struct key
before(struct key k)
{
	if (k.lo-- == 0)
		k.hi--;
	return k;
}

/* Bits of the largest block that begins at a and ends by b. */
static unsigned
block(struct key a, struct key b)
{
	unsigned zeros = a.lo ? (unsigned)__builtin_ctzll(a.lo) :
	    a.hi ? 64 + (unsigned)__builtin_ctzll(a.hi) : 128;
	unsigned bits = 128 - zeros;

	while (compare(last_of(a, bits), b) > 0)
		bits++;
	return bits;
}

/* --- memory ------------------------------------------------------------- */

/* Room for one more of size bytes at *p; false: no memory or too many. */
static bool
room(struct reading *r, void **p, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;
	void *q;

	if (n < *cap)
		return true;
	q = n < IR_FEED_MAX_ENTRIES ? realloc(*p, more * size) : NULL;
	if (!q) {
		r->failed = true;
		return false;
	}
	*p = q;
	*cap = more;
	return true;
}

/* Where the text is now, in the pool; 0 is "". */
static uint32_t
keep_text(struct reading *r, const char *s, size_t n)
{
	struct ir_feed *f = r->f;
	size_t more;
	char *p;

	if (n == 0 || r->failed)
		return 0;
	if (f->npool + n + 1 > f->cpool) {
		more = (f->cpool ? f->cpool * 2 : 4096) + n;
		p = more < UINT32_MAX ? realloc(f->pool, more) : NULL;
		if (!p) {
			r->failed = true;
			return 0;
		}
		if (f->npool == 0)
			p[f->npool++] = '\0';
		f->pool = p;
		f->cpool = more;
	}
	memcpy(f->pool + f->npool, s, n);
	f->pool[f->npool + n] = '\0';
	f->npool += n + 1;
	return (uint32_t)(f->npool - n - 1);
}

static const char *
text_at(const struct ir_feed *f, uint32_t at)
{
	return at ? f->pool + at : "";
}

/* A value; the one before is used again when it is the same. */
static uint32_t
keep_value(struct reading *r, uint32_t a, uint32_t usual, const char *s,
    size_t n)
{
	struct ir_feed *f = r->f;
	struct value *v = f->nvalues ? &f->value[f->nvalues - 1] : NULL;
	void *p = f->value;

	if (v && f->nvalues > 1 && v->a == a && (s ?
	    strlen(text_at(f, v->text)) == n &&
	    memcmp(text_at(f, v->text), s, n) == 0 : v->text == usual))
		return (uint32_t)(f->nvalues - 1);
	if (!room(r, &p, f->nvalues + 1, &f->cvalues, sizeof *f->value))
		return NOTHING;
	f->value = p;
	if (f->nvalues == 0)
		f->value[f->nvalues++] = (struct value){ 0, 0 };
	f->value[f->nvalues].a = a;
	f->value[f->nvalues].text = s ? keep_text(r, s, n) : usual;
	return (uint32_t)f->nvalues++;
}

/* --- entries ------------------------------------------------------------ */

static void
add_block(struct reading *r, struct key first, unsigned bits, bool out,
    uint32_t value)
{
	struct ir_feed *f = r->f;
	void *p = f->entry;
	struct entry *e;
	bool v4 = bits >= 96 && first.hi == 0 && first.lo >> 32 == 0xffff;

	if (!room(r, &p, f->nentries, &f->centries, sizeof *f->entry))
		return;
	f->entry = p;
	e = &f->entry[f->nentries++];
	memset(e, 0, sizeof *e);
	e->first = first;
	e->bits = (uint8_t)bits;
	e->level = r->type == IR_FEED_IP4SET && v4 ?
	    (uint8_t)((bits + 7) / 8 * 8) : (uint8_t)bits;
	e->out = out;
	e->value = value;
	if (!out)
		r->info->kinds |= 1u << (v4 ? IR_DNSBL_IP4 : IR_DNSBL_IP6);
}

static void
add_range(struct reading *r, struct key a, struct key b, bool out,
    uint32_t value)
{
	unsigned bits;
	struct key end;

	for (;;) {
		bits = block(a, b);
		add_block(r, a, bits, out, value);
		end = last_of(a, bits);
		if (r->failed || compare(end, b) >= 0)
			return;
		a = next_of(end);
	}
}

static void
add_name(struct reading *r, const char *s, size_t n, bool self, bool below,
    bool out, uint32_t value)
{
	struct ir_feed *f = r->f;
	void *p = f->name;
	char low[256];
	size_t i;

	if (!room(r, &p, f->nnames, &f->cnames, sizeof *f->name))
		return;
	f->name = p;
	for (i = 0; i < n; i++)
		low[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' +
		    'a') : s[i];
	f->name[f->nnames].text = keep_text(r, low, n);
	f->name[f->nnames].value = value;
	f->name[f->nnames].out = out;
	f->name[f->nnames].self = self;
	f->name[f->nnames++].below = below;
	r->info->kinds |= 1u << IR_DNSBL_DOMAIN;
}

/* Up to four octets; how many, *n the bytes that they took. */
static int
read_octets(const char *s, size_t len, uint32_t *a, size_t *n)
{
	int octets = 0;
	unsigned v;
	size_t i = 0, digits;

	*a = 0;
	while (octets < 4) {
		v = 0;
		for (digits = 0; i < len && digits < 4 && s[i] >= '0' &&
		    s[i] <= '9'; digits++)
			v = v * 10 + (unsigned)(s[i++] - '0');
		if (digits == 0 || digits > 3 || v > 255)
			return 0;
		*a = *a << 8 | v;
		octets++;
		if (i == len || s[i] != '.' || octets == 4)
			break;
		i++;
	}
	*a <<= 8 * (4 - octets);
	*n = i;
	return octets;
}

static int
read_bits(const char *s, size_t n)
{
	int v = 0;
	size_t i;

	if (n == 0 || n > 3)
		return -1;
	for (i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

/* rbldnsd's forms of IPv4: whole, prefix, /N, range. */
static bool
read_ip4(const char *s, size_t n, struct key *a, struct key *b)
{
	uint32_t first, last, mask;
	size_t used, used2;
	int octets = read_octets(s, n, &first, &used), octets2, bits;

	if (!octets)
		return false;
	bits = octets * 8;
	last = first | (bits == 32 ? 0 : UINT32_MAX >> bits);
	if (used < n && s[used] == '/') {
		bits = read_bits(s + used + 1, n - used - 1);
		if (bits < 0 || bits > 32)
			return false;
		mask = bits ? UINT32_MAX << (32 - bits) : 0;
		first &= mask;
		last = first | ~mask;
	} else if (used < n && s[used] == '-') {
		octets2 = read_octets(s + used + 1, n - used - 1, &last,
		    &used2);
		if (!octets2 || used + 1 + used2 != n)
			return false;
		if (octets2 == 1 && octets > 1)	/* the last octet given */
			last = (first & ~(0xffu << (32 - bits))) |
			    last >> (bits - 8);
		else if (octets2 != octets)
			return false;
		last |= bits == 32 ? 0 : UINT32_MAX >> bits;
		if (last < first)
			return false;
	} else if (used != n) {
		return false;
	}
	*a = (struct key){ 0, V4_LOW | first };
	*b = (struct key){ 0, V4_LOW | last };
	return true;
}

static bool
read_ip6(const char *s, size_t n, struct key *a, struct key *b)
{
	const char *slash = memchr(s, '/', n);
	size_t len = slash ? (size_t)(slash - s) : n;
	struct ir_ip ip;
	char text[64];
	int bits = 128;

	if (len >= sizeof text || !memchr(s, ':', len))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (ir_ip_parse(text, true, &ip))
		return false;
	if (slash)
		bits = read_bits(slash + 1, n - len - 1);
	if (bits < 0 || bits > 128)
		return false;
	*a = key_of(&ip);
	if (bits <= 64) {
		a->lo = 0;
		a->hi &= bits ? UINT64_MAX << (64 - bits) : 0;
	} else if (bits < 128) {
		a->lo &= UINT64_MAX << (128 - bits);
	}
	*b = last_of(*a, (unsigned)bits);
	return true;
}

static bool
name_ok(const char *s, size_t n)
{
	size_t i, label = 0;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (c <= ' ' || c == 127 || strchr("/:@\"',", c) ||
		    ++label > 63) {
			return false;
		}
	}
	return label > 0 && n <= 253;
}

/* One address, network, range or domain; false when it is none. */
static bool
add_item(struct reading *r, const char *s, size_t n, bool out, uint32_t value)
{
	struct key a, b;
	bool self = true, below = false;

	if (r->type != IR_FEED_DNSET && n && (read_ip4(s, n, &a, &b) ||
	    read_ip6(s, n, &a, &b))) {
		add_range(r, a, b, out, value);
		r->info->entries++;
		return true;
	}
	if (r->type == IR_FEED_IP4SET || r->type == IR_FEED_IP4TRIE ||
	    r->type == IR_FEED_IP6TRIE)
		return false;
	if (n > 2 && s[0] == '*' && s[1] == '.') {
		self = false;
		below = true;
		s += 2;
		n -= 2;
	} else if (n > 1 && s[0] == '.') {
		below = true;
		s++;
		n--;
	}
	if (n && s[n - 1] == '.')
		n--;
	if (!name_ok(s, n) || (r->type != IR_FEED_DNSET &&
	    !memchr(s, '.', n)))
		return false;
	add_name(r, s, n, self, below, out, value);
	r->info->entries++;
	return true;
}

/* --- rbldnsd, DROP ------------------------------------------------------ */

static size_t
blanks(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (s[i] == ' ' || s[i] == '\t'))
		i++;
	return i;
}

/* ":127.0.0.3:text", ":3:text", ":3", "text"; false when it is none. */
static bool
read_value(struct reading *r, const char *s, size_t n, uint32_t *a,
    const char **text, size_t *len)
{
	const char *colon;
	uint32_t got;
	size_t used = 0;
	int octets;

	*a = r->usual_a;
	*text = s;
	*len = n;
	if (n == 0 || *s != ':')
		return true;
	s++;
	n--;
	colon = memchr(s, ':', n);
	*text = colon ? colon + 1 : NULL;	/* NULL: as usual */
	*len = colon ? n - (size_t)(colon + 1 - s) : 0;
	if (colon)
		n = (size_t)(colon - s);
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	if (n == 0)
		return true;
	octets = read_octets(s, n, &got, &used);
	if (used != n || (octets != 1 && octets != 4))
		return false;
	*a = octets == 1 ? 0x7f000000 | got >> 24 : got;
	return true;
}

/* "$SOA ...", "$1 text" */
static bool
read_dollar(struct reading *r, const char *s, size_t n)
{
	size_t at;

	if (n > 2 && s[1] >= '0' && s[1] <= '9') {
		at = 2 + blanks(s + 2, n - 2);
		r->f->var[s[1] - '0'] = keep_text(r, s + at, n - at);
	}
	return true;
}

static bool
read_plain(struct reading *r, const char *s, size_t n)
{
	const char *text;
	size_t len, word, at;
	uint32_t a, value;
	bool out = *s == '!';

	if (*s == '#' || *s == ';')
		return true;
	if (*s == '$')
		return read_dollar(r, s, n);
	if (*s == ':' && (n == 1 || s[1] != ':')) {
		if (!read_value(r, s, n, &a, &text, &len))
			return false;
		r->usual_a = a;
		r->usual_text = keep_text(r, text, text ? len : 0);
		r->have_usual = true;
		return true;
	}
	at = out ? 1 + blanks(s + 1, n - 1) : 0;
	s += at;
	n -= at;
	for (word = 0; word < n && !strchr(" \t;#", s[word]); word++)
		continue;
	at = word + blanks(s + word, n - word);
	text = s + at;
	len = n - at;
	a = r->usual_a;
	if (len && *text == ';' && !r->have_usual) {	/* DROP */
		at = 1 + blanks(text + 1, len - 1);
		text += at;
		len -= at;
	} else if (len && (*text == ';' || *text == '#')) {
		len = 0;
	} else if (!read_value(r, text, len, &a, &text, &len)) {
		return false;
	}
	if (len > MAX_TEXT)
		len = ir_text_cut(text, len, MAX_TEXT);
	value = keep_value(r, a, r->usual_text, text && len ? text : NULL,
	    len);
	return add_item(r, s, word, out, value);
}

/* --- JSON Lines --------------------------------------------------------- */

static bool
read_json(struct reading *r, const char *s, size_t n)
{
	static const char *const keys[] = { "cidr", "prefix", "network",
		"ip", "domain", "name", "id" };
	static const char *const whys[] = { "sblid", "reason", "comment" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *rec = ir_rec_parse(s, n, &err);
	const char *key = NULL, *why = NULL, *type;
	uint32_t value;
	bool ok;
	size_t i;

	if (!rec)
		return false;
	type = ir_rec_get(rec, "type");
	if (type && strcmp(type, "metadata") == 0) {
		ir_rec_free(rec);
		return true;
	}
	for (i = 0; !key && i < sizeof keys / sizeof *keys; i++)
		key = ir_rec_get(rec, keys[i]);
	for (i = 0; !why && i < sizeof whys / sizeof *whys; i++)
		why = ir_rec_get(rec, whys[i]);
	value = keep_value(r, DEFAULT_A, 0, why, why ? strlen(why) : 0);
	ok = key && add_item(r, key, strlen(key), false, value);
	ir_rec_free(rec);
	return ok;
}

/* --- CSV (RFC 4180, a record a line) ------------------------------------ */

/* The field at *at, unquoted into out; false when there is none. */
static bool
csv_field(const char *s, size_t n, char sep, size_t *at, char *out,
    size_t size, size_t *len)
{
	size_t i = *at;
	bool quoted;

	*len = 0;
	if (i > n)
		return false;
	i += blanks(s + i, sep == '\t' ? 0 : n - i);
	quoted = i < n && s[i] == '"';
	i += quoted;
	for (; i < n; i++) {
		if (quoted && s[i] == '"') {
			if (i + 1 == n || s[i + 1] != '"') {
				quoted = false;
				continue;
			}
			i++;
		} else if (!quoted && s[i] == sep) {
			break;
		}
		if (*len + 1 < size)
			out[(*len)++] = s[i];
	}
	*at = i + 1;
	while (*len && (out[*len - 1] == ' ' || out[*len - 1] == '\t'))
		--*len;
	out[*len] = '\0';
	return true;
}

static bool
one_of(const char *const *words, const char *s)
{
	for (; *words; words++)
		if (ir_ascii_ieq(*words, s))
			return true;
	return false;
}

/* Does the line look like headings?  Then they say where the columns are. */
static bool
csv_heading(struct reading *r, const char *s, size_t n)
{
	static const char *const keys[] = { "ip", "ip_address", "ipaddress",
		"address", "addr", "cidr", "network", "prefix", "netblock",
		"subnet", "domain", "host", "hostname", "dst_ip", NULL };
	static const char *const whys[] = { "reason", "comment", "sbl",
		"sblid", "list", "description", "threat", "category",
		"malware", NULL };
	size_t at = 0, col, len;
	bool found = false;
	char field[256];

	r->why_col = SIZE_MAX;
	for (col = 0; csv_field(s, n, r->sep, &at, field, sizeof field,
	    &len); col++) {
		if (!found && one_of(keys, field)) {
			r->key_col = col;
			found = true;
		} else if (r->why_col == SIZE_MAX && one_of(whys, field)) {
			r->why_col = col;
		}
	}
	return found;
}

static bool
read_csv(struct reading *r, const char *s, size_t n)
{
	char field[1024], key[300] = "", why[MAX_TEXT] = "";
	size_t at = 0, col, len, before_it = r->info->entries;
	bool found = false;

	if (*s == '#')
		return true;
	if (!r->sep) {
		r->sep = memchr(s, ',', n) ? ',' : memchr(s, ';', n) ? ';' :
		    memchr(s, '\t', n) ? '\t' : ',';
		r->key_col = r->why_col = SIZE_MAX;
		if (csv_heading(r, s, n))
			return true;
	}
	for (col = 0; csv_field(s, n, r->sep, &at, field, sizeof field,
	    &len); col++) {
		struct key a, b;

		if (!found && (r->key_col == SIZE_MAX ?
		    read_ip4(field, len, &a, &b) ||
		    read_ip6(field, len, &a, &b) ||
		    (memchr(field, '.', len) && name_ok(field, len)) :
		    col == r->key_col)) {
			snprintf(key, sizeof key, "%.299s", field);
			found = true;
			if (r->why_col == SIZE_MAX && r->key_col == SIZE_MAX)
				r->why_col = col + 1;
		} else if (col == r->why_col) {
			snprintf(why, sizeof why, "%.999s", field);
		}
	}
	if (!found)
		return false;
	return add_item(r, key, strlen(key), false, keep_value(r, DEFAULT_A,
	    0, why[0] ? why : NULL, strlen(why))) &&
	    r->info->entries > before_it;
}

/* --- all of it ---------------------------------------------------------- */

static int
by_place(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int c = compare(a->first, b->first);

	if (c == 0)
		c = (int)a->bits - (int)b->bits;
	return c ? c : (int)a->level - (int)b->level;
}

static bool
in_order(const struct ir_feed *f)
{
	size_t i;

	for (i = 1; i < f->nentries; i++)
		if (by_place(&f->entry[i - 1], &f->entry[i]) > 0)
			return false;
	return true;
}

/* What holds from here on. */
static void
put_step(struct ir_feed *f, struct key from, uint32_t value)
{
	if (f->nsteps && compare(f->step[f->nsteps - 1].from, from) == 0)
		f->nsteps--;
	if ((f->nsteps ? f->step[f->nsteps - 1].value : NOTHING) == value)
		return;
	f->step[f->nsteps].from = from;
	f->step[f->nsteps++].value = value;
}

struct open_block {
	struct key last;
	uint32_t value;		/* NOTHING when excluded */
	uint8_t bits, level;
};

/* Blocks lie in each other or apart: one pass over them in order. */
static int
flatten(struct ir_feed *f)
{
	struct open_block stack[130];
	size_t depth = 0, i;
	uint32_t value;

	f->step = calloc(f->nentries * 2 + 1, sizeof *f->step);
	if (!f->step)
		return -1;
	if (!in_order(f))
		qsort(f->entry, f->nentries, sizeof *f->entry, by_place);
	for (i = 0; i <= f->nentries; i++) {
		const struct entry *e = i < f->nentries ? &f->entry[i] : NULL;

		for (; depth && (!e || compare(stack[depth - 1].last,
		    e->first) < 0); depth--)
			if (!is_last(stack[depth - 1].last))
				put_step(f, next_of(stack[depth - 1].last),
				    depth > 1 ? stack[depth - 2].value :
				    NOTHING);
		if (!e)
			break;
		value = e->out ? NOTHING : e->value;
		if (depth && stack[depth - 1].level == e->level &&
		    stack[depth - 1].value == NOTHING)
			value = NOTHING;
		if (!depth || stack[depth - 1].bits != e->bits)
			depth++;
		stack[depth - 1] = (struct open_block){ last_of(e->first,
		    e->bits), value, e->bits, e->level };
		put_step(f, e->first, value);
	}
	free(f->entry);
	f->entry = NULL;
	f->nentries = 0;
	return 0;
}

/* Memory in which the way to each place is short, when there is much of it. */
static void *
large_pages(size_t size)
{
	void *p;

	if (size < LARGE_PAGE)
		return malloc(size);
	size = (size + LARGE_PAGE - 1) & ~(size_t)(LARGE_PAGE - 1);
	p = aligned_alloc(LARGE_PAGE, size);
	if (p)
		(void)madvise(p, size, MADV_HUGEPAGE);	/* or small ones */
	return p;
}

/* Index of the steps of IPv4. */
static int
index_steps(struct ir_feed *f)
{
	size_t i, top = 0, end, tops;

	for (i = 0; i < f->nsteps && (f->step[i].from.hi ? false :
	    f->step[i].from.lo < V4_LOW); i++)
		continue;
	f->first4 = i;
	for (end = i; end < f->nsteps && f->step[end].from.hi == 0 &&
	    f->step[end].from.lo >> 32 == 0xffff; end++)
		continue;
	f->nfrom4 = end - i;
	f->from4 = large_pages((f->nfrom4 + 1) * sizeof *f->from4);
	for (f->top_bits = TOP_LEAST; f->top_bits < TOP_MOST &&
	    f->nfrom4 >> f->top_bits; f->top_bits++)
		continue;
	tops = (size_t)1 << f->top_bits;
	f->top4 = calloc(tops + 1, sizeof *f->top4);
	if (!f->from4 || !f->top4)
		return -1;
	for (i = 0; i < f->nfrom4; i++) {
		f->from4[i].from = (uint32_t)f->step[f->first4 + i].from.lo;
		f->from4[i].value = f->step[f->first4 + i].value;
		for (; top <= f->from4[i].from >> (32 - f->top_bits); top++)
			f->top4[top] = (uint32_t)i;
	}
	for (; top <= tops; top++)
		f->top4[top] = (uint32_t)f->nfrom4;
	return 0;
}

static int
by_name(const void *pa, const void *pb, void *arg)
{
	const struct name *a = pa, *b = pb;
	const char *pool = arg;
	int c = strcmp(pool + a->text, pool + b->text);

	return c ? c : (int)b->out - (int)a->out;	/* "!" first */
}

static bool
read_line(struct reading *r, const char *s, size_t n)
{
	enum ir_feed_type type = r->type;

	if (type == IR_FEED_AUTO && *s == '{')
		type = IR_FEED_JSON;
	else if (type == IR_FEED_AUTO && (r->sep || (!r->info->entries &&
	    (memchr(s, ',', n) || *s == '"') && !strchr("#;:$!", *s))))
		type = IR_FEED_CSV;
	if (type == IR_FEED_JSON)
		return read_json(r, s, n);
	if (type == IR_FEED_CSV)
		return read_csv(r, s, n);
	return read_plain(r, s, n);
}

static void
read_lines(struct reading *r, const char *s, size_t n)
{
	size_t line = 0, len, at;
	const char *nl;

	for (; n && !r->failed; s += len + (nl != NULL),
	    n -= len + (nl != NULL)) {
		line++;
		nl = memchr(s, '\n', n);
		len = nl ? (size_t)(nl - s) : n;
		at = blanks(s, len);
		size_t used = len;
		while (used > at && strchr(" \t\r", s[used - 1]) &&
		    s[used - 1])
			used--;
		if (used == at)
			continue;
		if (used - at <= IR_FEED_MAX_LINE &&
		    !memchr(s + at, '\0', used - at) &&
		    read_line(r, s + at, used - at))
			continue;
		if (r->info->bad++ == 0)
			r->info->first_bad = line;
	}
}

int
ir_feed_read(struct ir_feed **out, const char *bytes, size_t n,
    enum ir_feed_type type, struct ir_feed_info *info, struct ir_err *err)
{
	struct ir_feed *f = calloc(1, sizeof *f);
	struct reading r = { .f = f, .info = info, .type = type,
		.usual_a = DEFAULT_A };
	int rc = -1;

	*out = NULL;
	memset(info, 0, sizeof *info);
	if (!f)
		return ir_fail(err, IR_OSERR, "no memory");
	if (n > IR_FEED_MAX_BYTES) {
		ir_fail(err, IR_DATAERR, "too large for a feed");
		goto out;
	}
	read_lines(&r, bytes, n);
	/* what is said of all IPv6 is not said of IPv4 in the midst of it */
	add_block(&r, (struct key){ 0, V4_LOW }, 96, true, NOTHING);
	if (r.failed) {
		ir_fail(err, IR_OSERR, "no memory, or too many entries");
		goto out;
	}
	f->entry[f->nentries - 1].level = 0;
	if (!info->entries && info->bad) {
		ir_fail(err, IR_DATAERR,
		    "line %zu: not an entry, and nor is any other line",
		    info->first_bad);
		goto out;
	}
	if (flatten(f) || index_steps(f)) {
		ir_fail(err, IR_OSERR, "no memory");
		goto out;
	}
	if (f->nnames)
		qsort_r(f->name, f->nnames, sizeof *f->name, by_name, f->pool);
	info->ranges = f->nsteps;
	info->names = f->nnames;
	*out = f;
	rc = 0;
out:
	if (rc)
		ir_feed_free(f);
	return rc;
}

void
ir_feed_free(struct ir_feed *f)
{
	if (!f)
		return;
	free(f->entry);
	free(f->step);
	free(f->from4);
	free(f->top4);
	free(f->name);
	free(f->value);
	free(f->pool);
	free(f);
}

int
ir_feed_type(const char *word, size_t n)
{
	static const char *const words[] = { "auto", "ip4set", "ip4trie",
		"ip6trie", "dnset", "drop", "json", "csv" };
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == n && memcmp(words[i], word, n) == 0)
			return (int)i;
	return -1;
}

/* --- looking up --------------------------------------------------------- */

static void
set_hit(const struct ir_feed *f, uint32_t value, struct ir_feed_hit *hit)
{
	hit->a = f->value[value].a;
	hit->text = text_at(f, f->value[value].text);
}

/*
 * How many steps of IPv4 begin at a or before.  Within its network of the
 * index the search begins where the step would be if they lay evenly: each
 * place looked at costs a trip to memory.
 */
static size_t
steps_until4(const struct ir_feed *f, uint32_t a)
{
	unsigned rest = 32 - f->top_bits;
	uint32_t top = a >> rest;
	size_t low = f->top4[top], high = f->top4[top + 1], near = 16;
	size_t mid = low + ((high - low) * (a - (top << rest)) >> rest);

	if (mid < high && f->from4[mid].from <= a) {	/* go up */
		for (low = mid + 1; near && low < high &&
		    f->from4[low].from <= a; near--)
			low++;
		if (near)
			return low;
	} else {					/* go down */
		for (high = mid; near && high > low &&
		    f->from4[high - 1].from > a; near--)
			high--;
		if (near)
			return high;
	}
	while (low < high) {
		mid = low + (high - low) / 2;
		if (f->from4[mid].from <= a)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* How many steps begin at k or before. */
static size_t
steps_until(const struct ir_feed *f, struct key k)
{
	size_t low = 0, high = f->nsteps, mid;

	if (k.hi == 0 && k.lo >> 32 == 0xffff)
		return f->first4 + steps_until4(f, (uint32_t)k.lo);
	while (low < high) {
		mid = low + (high - low) / 2;
		if (compare(f->step[mid].from, k) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
ir_feed_ip(const struct ir_feed *f, const struct ir_ip *ip,
    struct ir_feed_hit *hit)
{
	struct key k = key_of(ip);
	size_t n;

	if (k.hi == 0 && k.lo >> 32 == 0xffff) {
		n = steps_until4(f, (uint32_t)k.lo);
		if (n == 0 || f->from4[n - 1].value == NOTHING)
			return false;
		set_hit(f, f->from4[n - 1].value, hit);
		return true;
	}
	n = steps_until(f, k);
	if (n == 0 || f->step[n - 1].value == NOTHING)
		return false;
	set_hit(f, f->step[n - 1].value, hit);
	return true;
}

int
ir_feed_net(const struct ir_feed *f, const struct ir_prefix *net,
    int (*fn)(const struct ir_prefix *part, const struct ir_feed_hit *hit,
    void *arg), void *arg, uint64_t *count)
{
	struct key a = key_of(&net->ip), end, b;
	struct ir_feed_hit hit;
	struct ir_prefix part;
	unsigned bits;
	size_t i;
	int rc = 0;

	end = last_of(a, (unsigned)(net->bits + (net->ip.v6 ? 0 : 96)));
	if (count)
		*count = 0;
	i = steps_until(f, a);
	for (i = i ? i - 1 : 0; rc == 0 && i < f->nsteps; i++) {
		if (compare(f->step[i].from, end) > 0)
			break;
		if (f->step[i].value == NOTHING)
			continue;
		if (compare(f->step[i].from, a) > 0)
			a = f->step[i].from;
		b = i + 1 < f->nsteps && compare(f->step[i + 1].from, end) <=
		    0 ? before(f->step[i + 1].from) : end;
		set_hit(f, f->step[i].value, &hit);
		for (;; a = next_of(last_of(a, bits))) {
			bits = block(a, b);
			part.ip = ip_of(a);
			/* what holds more than IPv4 is IPv6 */
			part.ip.v6 = part.ip.v6 || bits < 96;
			part.bits = (int)bits - (part.ip.v6 ? 0 : 96);
			if (count)
				*count += ir_net_size(&part);
			rc = fn ? fn(&part, &hit, arg) : 0;
			if (rc || compare(last_of(a, bits), b) >= 0)
				break;
		}
	}
	return rc;
}

static const struct name *
find_name(const struct ir_feed *f, const char *s)
{
	size_t low = 0, high = f->nnames, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(f->pool + f->name[mid].text, s) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->nnames && strcmp(f->pool + f->name[low].text, s) == 0 ?
	    &f->name[low] : NULL;
}

bool
ir_feed_name(const struct ir_feed *f, const char *name,
    struct ir_feed_hit *hit)
{
	const struct name *n;
	const char *s = name, *dot;

	for (; s; dot = strchr(s, '.'), s = dot ? dot + 1 : NULL) {
		for (n = find_name(f, s); n && n < f->name + f->nnames &&
		    strcmp(f->pool + n->text, s) == 0; n++) {
			if (s == name ? !n->self : !n->below)
				continue;
			if (n->out)
				return false;
			set_hit(f, n->value, hit);
			return true;
		}
	}
	return false;
}

char *
ir_feed_text(const struct ir_feed *f, const struct ir_feed_hit *hit,
    const char *key, char *buf, size_t size)
{
	struct ir_buf b = IR_BUF(4096), clean = IR_BUF(16384);
	const char *s;
	size_t n;

	for (s = hit->text; *s; s++) {
		if (*s != '$')
			ir_buf_chr(&b, *s);
		else if (s[1] == '$')
			ir_buf_chr(&b, *s++);
		else if (s[1] >= '0' && s[1] <= '9' && f->var[s[1] - '0'])
			ir_buf_str(&b, text_at(f, f->var[*++s - '0']));
		else
			ir_buf_str(&b, key);
	}
	ir_text_clean(&clean, ir_buf_cstr(&b), b.len);
	n = ir_text_cut(ir_buf_cstr(&clean), clean.len, size - 1);
	memcpy(buf, ir_buf_cstr(&clean), n);
	buf[n] = '\0';
	ir_buf_free(&b);
	ir_buf_free(&clean);
	return buf;
}
