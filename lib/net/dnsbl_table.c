/* dnsbl_table.c - the table of lists; see dnsbl.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/secret.h"
#include "../core/text.h"
#include "dnsbl.h"

#define KEY_LABEL 20		/* a first label this long is an access key */
#define COLUMNS 12
#define MAX_LIMIT 1000000000L

/* --- reading the table -------------------------------------------------- */

/* Where the parser is, for its messages. */
struct place {
	const char *name;
	size_t line;
	struct ir_err *err;
};

static int
wrong(const struct place *at, const char *what, const char *value)
{
	return ir_fail(at->err, IR_CONFIG, "%s:%zu: %s: %.80s", at->name,
	    at->line, what, value);
}

static uint32_t
ip4_number(const struct ir_ip *ip)
{
	return (uint32_t)ip->b[0] << 24 | (uint32_t)ip->b[1] << 16 |
	    (uint32_t)ip->b[2] << 8 | ip->b[3];
}

/* "127.0.0.2", ".0.2", ".0.0.2" */
static int
read_address(const char *s, uint32_t *out)
{
	char full[32];
	struct ir_ip ip;
	size_t dots = 0, i;

	for (i = 0; s[i]; i++)
		dots += s[i] == '.';
	if (i == 0 || i > 16)
		return -1;
	snprintf(full, sizeof full, "%s%s", *s != '.' ? "" : dots == 3 ?
	    "127" : "127.0", s);
	if (ir_ip_parse(full, true, &ip) || ip.v6)
		return -1;
	*out = ip4_number(&ip);
	return 0;
}

/* "high: ..."; what comes after it. */
static char *
read_severity(char *s, struct ir_dnsbl_code *c)
{
	const char *word;
	size_t n;
	int i;

	for (i = IR_DNSBL_HIGH; i <= (int)IR_DNSBL_POLICY; i++) {
		word = ir_dnsbl_severity_word((enum ir_dnsbl_severity)i);
		n = strlen(word);
		if (strncmp(s, word, n) == 0 && s[n] == ':') {
			c->severity = (enum ir_dnsbl_severity)i;
			return s + n + 1 + strspn(s + n + 1, " ");
		}
	}
	return s;
}

/* "CODE=MEANING"; s is changed. */
static int
read_code(char *s, enum ir_dnsbl_severity usual, struct ir_dnsbl_code *c)
{
	char *eq = strchr(s, '='), *dash, *end;
	long bit;

	memset(c, 0, sizeof *c);
	c->severity = usual;
	if (!eq || !eq[1])
		return -1;
	*eq++ = '\0';
	c->sign = *eq == '+' || *eq == '~' ? *eq++ : '!';
	eq = read_severity(eq, c);
	if (!*eq || strlen(eq) >= sizeof c->meaning)
		return -1;
	memcpy(c->meaning, eq, strlen(eq) + 1);
	if (strcmp(s, "*") == 0) {
		c->any = true;
		return 0;
	}
	if (strncmp(s, "bit:", 4) == 0) {
		bit = strtol(s + 4, &end, 10);
		if (*end || bit < 1 || bit > 128 || (bit & (bit - 1)))
			return -1;
		c->bit = (uint8_t)bit;
		return 0;
	}
	dash = strchr(s, '-');
	if (dash)
		*dash++ = '\0';
	if (read_address(s, &c->low) ||
	    read_address(dash ? dash : s, &c->high))
		return -1;
	return c->low <= c->high ? 0 : -1;
}

static int
read_codes(const struct place *at, char *s, int tier,
    struct ir_dnsbl_code *c, size_t *n)
{
	enum ir_dnsbl_severity usual = tier == 1 ? IR_DNSBL_HIGH :
	    tier == 2 ? IR_DNSBL_MEDIUM : IR_DNSBL_LOW;
	char *next, whole[100];

	*n = 0;
	if (strcmp(s, "-") == 0)
		return 0;
	for (; s; s = next) {
		next = strchr(s, ';');
		if (next)
			*next++ = '\0';
		snprintf(whole, sizeof whole, "%.99s", s);
		if (*n == IR_DNSBL_MAX_CODES)
			return wrong(at, "too many codes", whole);
		if (read_code(s, usual, &c[*n]))
			return wrong(at, "not a code and its meaning", whole);
		++*n;
	}
	return 0;
}

/* What RFC 5782, 5 asks of every list. */
static void
standard_tests(struct ir_dnsbl_zone *z)
{
	static const char *const v6 = "0.0.0.0.0.0.f.7.f.f.f.f."
	    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0";
	struct ir_dnsbl_point *p = z->listed;
	int i;

	for (i = 0; i < 2; i++, p = z->unlisted) {
		snprintf(p[IR_DNSBL_IP4].label, sizeof p->label, "%d.0.0.127",
		    2 - i);
		snprintf(p[IR_DNSBL_IP6].label, sizeof p->label, "%d.%s",
		    2 - i, v6 + 2);
		snprintf(p[IR_DNSBL_DOMAIN].label, sizeof p->label, "%s",
		    i ? "invalid" : "test");
	}
}

static bool name_ok(const char *s, size_t n);

/* "127.0.0.2", "::ffff:7f00:2", "test", "me@example.com": its label. */
static int
read_point(char *s, struct ir_dnsbl_zone *z, struct ir_dnsbl_point *p)
{
	struct ir_dnsbl_target t = { .kind = IR_DNSBL_DOMAIN };
	const struct ir_dnsbl_zone none = { .name = "z" };
	char name[256];
	const char *why;

	if (ir_ip_parse(s, true, &t.ip) == 0) {
		t.kind = t.ip.v6 ? IR_DNSBL_IP6 : IR_DNSBL_IP4;
	} else if (strchr(s, '@') && strlen(s) < 200) {
		t.kind = IR_DNSBL_MAIL;
		t.name = s;
	} else if (name_ok(s, strlen(s)) && (z->kinds &
	    (1u << IR_DNSBL_DOMAIN | 1u << IR_DNSBL_MAIL))) {
		t.name = s;
		if (!(z->kinds & 1u << IR_DNSBL_DOMAIN))
			t.kind = IR_DNSBL_MAIL;	/* a hash as it is */
	} else {
		return -1;
	}
	if (t.kind == IR_DNSBL_MAIL && !strchr(s, '@'))
		snprintf(name, sizeof name, "%.200s.z", s);
	else if (ir_dnsbl_question(&t, &none, name, &why))
		return -1;
	name[strlen(name) - 2] = '\0';	/* the zone again */
	if (strlen(name) >= sizeof p->label)
		return -1;
	snprintf(p[t.kind].label, sizeof p->label, "%.79s", name);
	return 0;
}

static int
read_tests(const struct place *at, char *s, struct ir_dnsbl_zone *z)
{
	char *next, *c;

	if (strcmp(s, "std") == 0)
		standard_tests(z);
	if (strcmp(s, "std") == 0 || strcmp(s, "none") == 0)
		return 0;
	for (; s; s = next) {
		next = strchr(s, ';');
		if (next)
			*next++ = '\0';
		for (c = s; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		if ((*s != '+' && *s != '-') || read_point(s + 1, z,
		    *s == '+' ? z->listed : z->unlisted))
			return wrong(at, "not a test point", s);
	}
	return 0;
}

/* "5/s;100000/d" */
static int
read_limits(const struct place *at, char *s, struct ir_dnsbl_zone *z)
{
	char *next, *end;
	long n;

	for (; s && strcmp(s, "-"); s = next) {
		next = strchr(s, ';');
		if (next)
			*next++ = '\0';
		n = strtol(s, &end, 10);
		if (n < 1 || n > MAX_LIMIT || (strcmp(end, "/s") &&
		    strcmp(end, "/d")))
			return wrong(at, "not a limit", s);
		*(end[1] == 's' ? &z->per_second : &z->per_day) = n;
	}
	return 0;
}

static int
read_options(const struct place *at, char *s, struct ir_dnsbl_zone *z)
{
	char *next;

	for (; s && strcmp(s, "-"); s = next) {
		next = strchr(s, ';');
		if (next)
			*next++ = '\0';
		if (strcmp(s, "registered") == 0)
			z->registered = true;
		else if (strncmp(s, "part-of=", 8) == 0 &&
		    name_ok(s + 8, strlen(s + 8)))
			snprintf(z->part_of, sizeof z->part_of, "%.255s",
			    s + 8);
		else if (strncmp(s, "key=", 4) == 0 && s[4] &&
		    z->key_name[0] && strlen(s) < sizeof z->key_name)
			snprintf(z->key_name, sizeof z->key_name, "%s", s + 4);
		else
			return wrong(at, "not an option", s);
	}
	return 0;
}

/* Letters, digits, '-' and '_' in labels of 1 to 63. */
static bool
name_ok(const char *s, size_t n)
{
	size_t i, label = 0;

	for (i = 0; i < n; i++) {
		if (s[i] == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (!((s[i] >= 'a' && s[i] <= 'z') || s[i] == '-' ||
		    (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_' ||
		    (s[i] >= '0' && s[i] <= '9')) || ++label > 63)
			return false;
	}
	return label > 0;
}

static int
read_zone(const struct place *at, char *s, struct ir_dnsbl_zone *z)
{
	size_t n = strlen(s), i, key, star;
	bool slot = strncmp(s, "KEY.", 4) == 0;

	if (n && s[n - 1] == '.')
		s[--n] = '\0';
	for (i = 0; i < n; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] - 'A' + 'a');
	star = s[0] == '*' && s[1] == '.' ? 2 : 0;
	/* 189: room for 32 nibbles in front of it */
	if (n > (slot ? 125 : 189) || !name_ok(s + star, n - star))
		return wrong(at, "not the name of a zone", s);
	memcpy(z->name, s, n + 1);
	memcpy(z->shown, s, n + 1);
	key = strcspn(s, ".");
	if (slot) {
		memcpy(z->shown, "KEY", 3);
		snprintf(z->key_name, sizeof z->key_name, "%s", s + 4);
	} else if (key >= KEY_LABEL && strchr(s + key + 1, '.')) {
		snprintf(z->shown, sizeof z->shown, "KEY%s", s + key);
		memcpy(z->key, s, key);	/* at most 63 */
	}
	return 0;
}

static int
read_words(const struct place *at, char *const *col, struct ir_dnsbl_zone *z)
{
	static const char letters[] = "46dh";
	const char *l;
	size_t i;

	if (strcmp(col[2], "black") == 0)
		z->class = IR_DNSBL_BLACK;
	else if (strcmp(col[2], "white") == 0)
		z->class = IR_DNSBL_WHITE;
	else if (strcmp(col[2], "dead") == 0)
		z->class = IR_DNSBL_DEAD;
	else
		return wrong(at, "class is not black, white or dead", col[2]);
	if (z->class != IR_DNSBL_DEAD) {
		for (i = 0; col[1][i]; i++) {
			l = strchr(letters, col[1][i]);
			if (!l)
				return wrong(at, "kind is not of 4, 6, d, h",
				    col[1]);
			z->kinds |= 1u << (l - letters);
		}
		if (z->name[0] == '*')
			return wrong(at, "only a dead zone may begin with *",
			    z->name);
		if (strlen(col[3]) != 1 || !strchr("123", col[3][0]))
			return wrong(at, "tier is not 1, 2 or 3", col[3]);
	}
	z->tier = col[3][0] - '0';
	snprintf(z->delist, sizeof z->delist, "%s",
	    strcmp(col[7], "-") ? col[7] : "");
	snprintf(z->status, sizeof z->status, "%s",
	    strcmp(col[8], "-") ? col[8] : "");
	snprintf(z->steps, sizeof z->steps, "%s",
	    strcmp(col[11], "-") ? col[11] : "");
	return 0;
}

/* One line that is neither empty nor a comment; it is changed. */
static int
read_line(const struct place *at, char *line, struct ir_dnsbl_zone *z)
{
	char kind[] = "4", class[] = "black", tier[] = "1", codes[] =
	    "*=listed", none[] = "-", std[] = "std";
	char *col[COLUMNS] = { line, kind, class, tier, codes, none, std,
		none, none, none, none, none };
	size_t n;

	memset(z, 0, sizeof *z);
	for (n = 0; line; n++) {
		char *tab = strchr(line, '\t');

		if (n == COLUMNS)
			return wrong(at, "more than 12 columns", col[0]);
		if (tab)
			*tab++ = '\0';
		if (*line)
			col[n] = line;
		else if (n == 0)
			return wrong(at, "the zone is missing", "");
		line = tab;
	}
	if (read_zone(at, col[0], z) || read_words(at, col, z) ||
	    read_codes(at, col[5], z->tier, z->error, &z->nerrors) ||
	    read_tests(at, col[6], z) || read_limits(at, col[9], z) ||
	    read_options(at, col[10], z) ||
	    read_codes(at, col[4], z->tier, z->code, &z->ncodes))
		return -1;
	if (z->ncodes == 0 && z->class != IR_DNSBL_DEAD)
		return wrong(at, "no codes", z->name);
	return 0;
}

static int
grow(struct ir_dnsbl_table *t, struct ir_err *err)
{
	struct ir_dnsbl_zone *z;
	size_t cap = t->cap ? t->cap * 2 : 32;

	if (t->n < t->cap)
		return 0;
	z = calloc(cap, sizeof *z);	/* not realloc: keys stand there */
	if (!z)
		return ir_fail(err, IR_OSERR, "no memory");
	if (t->n) {
		memcpy(z, t->zone, t->n * sizeof *z);
		ir_secret_wipe(t->zone, t->n * sizeof *z);
	}
	free(t->zone);
	t->zone = z;
	t->cap = cap;
	return 0;
}

int
ir_dnsbl_parse(struct ir_dnsbl_table *t, const char *text, size_t n,
    const char *name, struct ir_err *err)
{
	struct place at = { name, 0, err };
	const char *nl;
	char line[4096];
	size_t len, i;

	for (; n; text += len + (nl != NULL), n -= len + (nl != NULL)) {
		at.line++;
		nl = memchr(text, '\n', n);
		len = nl ? (size_t)(nl - text) : n;
		if (len >= sizeof line || memchr(text, '\0', len))
			return wrong(&at, "not a line of text", "");
		memcpy(line, text, len);
		line[len] = '\0';
		ir_text_printable(line);
		for (i = 0; i < len; i++)	/* that took the tabs too */
			if (text[i] == '\t')
				line[i] = '\t';
		while (i && strchr(" \t\r", text[i - 1]))
			line[--i] = '\0';
		if (i == 0 || line[0] == '#')
			continue;
		if (t->n == IR_DNSBL_MAX_ZONES)
			return wrong(&at, "too many zones", line);
		if (grow(t, err) || read_line(&at, line, &t->zone[t->n]))
			return -1;
		if (ir_dnsbl_find(t, t->zone[t->n].name))
			return wrong(&at, "here for the second time",
			    t->zone[t->n].shown);
		t->n++;
	}
	return 0;
}

void
ir_dnsbl_free(struct ir_dnsbl_table *t)
{
	if (t->zone)
		ir_secret_wipe(t->zone, t->n * sizeof *t->zone);
	free(t->zone);
	memset(t, 0, sizeof *t);
}

struct ir_dnsbl_zone *
ir_dnsbl_find(const struct ir_dnsbl_table *t, const char *name)
{
	size_t i, n = strlen(name);
	char plain[256];

	if (n >= sizeof plain)
		return NULL;
	memcpy(plain, name, n + 1);
	if (n && plain[n - 1] == '.')
		plain[n - 1] = '\0';
	for (i = 0; i < t->n; i++)
		if (ir_ascii_ieq(t->zone[i].name, plain) ||
		    ir_ascii_ieq(t->zone[i].shown, plain))
			return &t->zone[i];
	return NULL;
}

const struct ir_dnsbl_zone *
ir_dnsbl_dead(const struct ir_dnsbl_table *t, const char *name)
{
	const struct ir_dnsbl_zone *z;
	size_t i, n = strlen(name), len;

	for (i = 0; i < t->n; i++) {
		z = &t->zone[i];
		if (z->class != IR_DNSBL_DEAD)
			continue;
		len = strlen(z->name) - 1;
		if (z->name[0] == '*' ? n > len &&
		    ir_ascii_ieq(name + n - len, z->name + 1) :
		    ir_ascii_ieq(name, z->name))
			return z;
	}
	return NULL;
}

int
ir_dnsbl_merge(struct ir_dnsbl_table *t, const struct ir_dnsbl_table *from,
    struct ir_err *err)
{
	struct ir_dnsbl_zone *z;
	size_t i;

	for (i = 0; i < from->n; i++) {
		z = ir_dnsbl_find(t, from->zone[i].name);
		if (z) {
			*z = from->zone[i];
			continue;
		}
		if (t->n == 2 * IR_DNSBL_MAX_ZONES)
			return ir_fail(err, IR_CONFIG, "too many zones");
		if (grow(t, err))
			return -1;
		t->zone[t->n++] = from->zone[i];
	}
	return 0;
}

int
ir_dnsbl_set_key(struct ir_dnsbl_zone *z, const char *key, struct ir_err *err)
{
	size_t n = strlen(key), i;
	char rest[256];

	/* one label, and no word of it in the message */
	if (!z->key_name[0] || n < 1 || n > 63 || !name_ok(key, n) ||
	    strchr(key, '.'))
		return ir_fail(err, IR_CONFIG, "%s: what is there for it is "
		    "no access key", z->shown);
	for (i = 0; i < n; i++)
		z->key[i] = key[i] >= 'A' && key[i] <= 'Z' ?
		    (char)(key[i] - 'A' + 'a') : key[i];
	z->key[n] = '\0';
	snprintf(rest, sizeof rest, "%s", strchr(z->shown, '.'));
	snprintf(z->name, sizeof z->name, "%s%.190s", z->key, rest);
	return 0;
}

bool
ir_dnsbl_keyless(const struct ir_dnsbl_zone *z)
{
	return z->key_name[0] && !z->key[0];
}

void
ir_dnsbl_mask(const struct ir_dnsbl_zone *z, char *s)
{
	size_t n = strlen(z->key), i;

	for (; n && *s; s++) {
		if (strncasecmp(s, z->key, n))
			continue;
		for (i = 0; i < n; i++)
			s[i] = '*';
		s += n - 1;
	}
}
