/* facts.c - see facts.h */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "facts.h"
#include "mail/date.h"
#include "region.h"
#include "report/text.h"

#define phrase ir_text_phrase
#define NEAR 240		/* bytes within which a label is for an id */

/* Text that is being read, and where what is found there comes from. */
struct place {
	const char *s, *end;
	enum ir_fact_source source;
	const char *counted;	/* up to here, ... */
	unsigned line;		/* ... on this line: counting goes on */
};

void
ir_facts_init(struct ir_facts *f)
{
	memset(f, 0, sizeof *f);
	f->due_seconds = f->due_at = -1;
}

static unsigned
line_of(struct place *t, const char *p)
{
	if (t->source != IR_FROM_BODY || p < t->s || p > t->end)
		return 0;
	if (!t->counted || p < t->counted) {
		t->counted = t->s;
		t->line = 1;
	}
	t->line += ir_text_line(t->counted, p) - 1;
	t->counted = p;
	return t->line;
}

static bool
digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static const char *
skip_blank(const char *p, const char *end)
{
	while (p < end && blank(*p))
		p++;
	return p;
}

static size_t
digits(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && digit(p[n]))
		n++;
	return n;
}

static void
set_fact(struct ir_fact *f, const char *s, size_t n,
    enum ir_fact_source source, unsigned line)
{
	while (n && blank(s[n - 1]))
		n--;
	n = ir_text_cut(s, n, sizeof f->value - 1);
	memcpy(f->value, s, n);
	f->value[n] = '\0';
	f->source = source;
	f->line = line;
}

void
ir_facts_add(struct ir_fact_set *set, const char *value, size_t n,
    enum ir_fact_source source, unsigned line, int rank)
{
	struct ir_fact *f;
	size_t i;

	for (i = 0; i < set->n; i++) {
		f = &set->v[i];
		if (strlen(f->value) == n && memcmp(f->value, value, n) == 0) {
			if (rank > f->rank)
				f->rank = rank;
			return;
		}
	}
	if (set->n == IR_FACT_VALUES || n == 0 || n >= sizeof f->value)
		return;
	f = &set->v[set->n++];
	set_fact(f, value, n, source, line);
	f->rank = rank;
}

/* --- which value ------------------------------------------------------- */

size_t
ir_case_root(const char *id)
{
	const char *dash = strrchr(id, '-');
	size_t n = dash ? strlen(dash + 1) : 0;

	if (dash && dash > id && n >= 1 && n <= 3 &&
	    strspn(dash + 1, "0123456789") == n)
		return (size_t)(dash - id);
	return strlen(id);
}

static const struct ir_fact *
choose(const struct ir_fact_set *set, size_t (*len)(const char *))
{
	const struct ir_fact *best = NULL;
	bool conflict = false;
	size_t i, n;

	for (i = 0; i < set->n; i++) {
		const struct ir_fact *f = &set->v[i];

		if (best && f->rank < best->rank)
			continue;
		if (!best || f->rank > best->rank) {
			best = f;
			conflict = false;
			continue;
		}
		n = len(f->value);
		if (n != len(best->value) ||
		    memcmp(f->value, best->value, n) != 0)
			conflict = true;
	}
	return conflict ? NULL : best;
}

const struct ir_fact *
ir_facts_one(const struct ir_fact_set *set)
{
	return choose(set, strlen);
}

const struct ir_fact *
ir_facts_case(const struct ir_fact_set *set)
{
	return choose(set, ir_case_root);
}

/* --- account ----------------------------------------------------------- */

/*
 * dddd-dddd-dddd at p, the hyphens both there or not (or both a space), as
 * twelve digits; where it ends, or NULL.
 */
static const char *
account_at(const char *p, const char *end, char out[13])
{
	size_t n = 0, seps = 0;
	char sep = '\0';

	while (p < end && n < 12) {
		if (digit(*p)) {
			out[n++] = *p;
		} else if ((*p == '-' || *p == ' ') && (n == 4 || n == 8) &&
		    digit(p[-1]) && (!sep || *p == sep)) {
			sep = *p;
			seps++;
		} else {
			return NULL;
		}
		p++;
	}
	out[12] = '\0';
	if (n < 12 || seps == 1 ||
	    (p < end && (*p == '-' || ir_text_word_char(*p))))
		return NULL;
	return p;
}

/* What may stand between a label and its value: marks, "is", "ID(s)". */
static const char *
to_value(const char *p, const char *end)
{
	static const char *const words[] = { "IDs", "ID", "numbers", "number",
	    "no.", "is", "of", "with" };
	const char *from;
	size_t i;

	do {
		from = p;
		while (p < end && (blank(*p) || strchr(":#([*_=|", *p)))
			p++;
		if (end - p >= 3 && strncasecmp(p, "s)", 2) == 0)
			p += 2;
		for (i = 0; i < sizeof words / sizeof words[0]; i++) {
			size_t n = strlen(words[i]);

			if ((size_t)(end - p) > n &&
			    strncasecmp(p, words[i], n) == 0 &&
			    !ir_text_word_char(p[n])) {
				p += n;
				break;
			}
		}
	} while (p > from && p < end);
	return p;
}

/* "222233334444, 555566667777 and ...": each of them. */
static void
account_list(struct ir_facts *f, struct place *t, const char *p)
{
	const char *q;
	char id[13];

	while (p < t->end && (q = account_at(p, t->end, id)) != NULL) {
		ir_facts_add(&f->accounts, id, 12, t->source, line_of(t, p),
		    1);
		p = skip_blank(q, t->end);
		if (p < t->end && *p == ',')
			p = skip_blank(p + 1, t->end);
		else if (p == q)
			return;
		if (t->end - p > 4 && memcmp(p, "and ", 4) == 0)
			p = skip_blank(p + 4, t->end);
	}
}

static void
accounts(struct ir_facts *f, struct place *t)
{
	static const char *const labels[] = { "AWS ID", "Account",
	    "アカウント" };
	static const char number[] = "番号";
	const char *p, *q;
	size_t i;

	for (i = 0; i < sizeof labels / sizeof labels[0]; i++)
		for (q = t->s; phrase(q, t->end, labels[i], &q); ) {
			if (q < t->end && *q == 's')
				q++;
			if (q < t->end && i < 2 && ir_text_word_char(*q))
				continue;
			p = skip_blank(q, t->end);
			if ((size_t)(t->end - p) >= sizeof number &&
			    memcmp(p, number, sizeof number - 1) == 0)
				p += sizeof number - 1;
			account_list(f, t, to_value(p, t->end));
		}
}

/* --- case -------------------------------------------------------------- */

/* d{lo,hi}(-d{1,3})? or, alnum, [A-Z0-9]{6,16}(-d{1,3})? ; its length. */
static size_t
case_at(const char *p, const char *end, size_t lo, size_t hi, bool alnum)
{
	size_t n = 0, more, nd = 0;

	while (p + n < end && (digit(p[n]) ||
	    (alnum && p[n] >= 'A' && p[n] <= 'Z')))
		nd += digit(p[n++]);
	if (n < lo || n > hi || nd == 0)
		return 0;
	if (p + n < end && p[n] == '-') {
		more = digits(p + n + 1, end);
		if (more < 1 || more > 3)
			return 0;
		n += 1 + more;
	}
	return p + n < end && (ir_text_word_char(p[n]) || p[n] == '-') ? 0 : n;
}

/* A case id at p, and is it in no more than the brackets around it? */
static void
subject_case(struct ir_facts *f, struct place *t, const char *p)
{
	size_t n = case_at(p, t->end, 6, 16, true);

	/* twelve bare digits are an account */
	if (n && !(n == 12 && digits(p, t->end) == 12))
		ir_facts_add(&f->cases, p, n, t->source, 0, 1);
}

static void
subject_cases(struct ir_facts *f, struct place *t)
{
	static const char *const words[] = { "Abuse Report", "Abuse Case",
	    "Abuse Notice", "Abuse Notification", "Abuse Complaint",
	    "不正使用レポート", "不正使用報告" };
	static const char *const plain[] = { "Case ", "Support case: ",
	    "Case ID: ", "Case number: ", "Case #", "ケース " };
	const char *p, *q, *open;
	size_t i, n;

	for (q = t->s; phrase(q, t->end, "[CASE ", &q); ) {
		n = case_at(q, t->end, 9, 20, false);
		if (n) {
			ir_facts_add(&f->cases, q, n, t->source, 0, 1);
			/* Trust & Safety's have eleven digits */
			if (n >= 14 && !memchr(q, '-', n))
				f->support_case = true;
		}
	}
	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!phrase(t->s, t->end, words[i], &q))
			continue;
		open = skip_blank(q, t->end);
		if (open < t->end && (*open == ':' || *open == '#' ||
		    *open == '('))
			subject_case(f, t, skip_blank(open + 1, t->end));
		for (n = f->cases.n; f->cases.n == n && (open = memchr(q, '[',
		    (size_t)(t->end - q))) != NULL; q = open + 1)
			subject_case(f, t, open + 1);
	}
	for (p = t->s; (p = memchr(p, '[', (size_t)(t->end - p))); p++) {
		n = case_at(p + 1, t->end, 9, 14, false);
		if (n && p + 1 + n < t->end && p[1 + n] == ']' &&
		    memchr(p + 1, '-', n))
			ir_facts_add(&f->cases, p + 1, n, t->source, 0, 1);
	}
	/* "Abuse Report 12345678901": eleven digits; twelve are an account */
	for (i = 0; f->cases.n == 0 && i < sizeof words / sizeof words[0]; i++)
		for (p = t->s; phrase(p, t->end, words[i], &p); ) {
			q = skip_blank(p, t->end);
			n = case_at(q, t->end, 11, 11, false);
			if (n)
				ir_facts_add(&f->cases, q, n, t->source, 0, 1);
		}
	for (i = 0; f->cases.n == 0 && i < sizeof plain / sizeof plain[0]; i++)
		for (q = t->s; phrase(q, t->end, plain[i], &q); ) {
			n = case_at(q, t->end, 9, 20, false);
			if (n)
				ir_facts_add(&f->cases, q, n, t->source, 0, 1);
		}
}

/* Is p where a label may stand: at most a few words after a line's begin? */
static bool
label_begins(struct place *t, const char *p)
{
	const char *bol = p;

	while (bol > t->s && bol[-1] != '\n' && p - bol < 24 &&
	    (ir_text_word_char(bol[-1]) || strchr(" \t*-#&(", bol[-1])))
		bol--;
	return bol == t->s || bol[-1] == '\n';
}

static void
body_cases(struct ir_facts *f, struct place *t)
{
	static const char *const labels[] = { "Case number", "Case ID",
	    "Case No.", "Case", "Abuse Report ID", "Reference number",
	    "ケース ID", "ケースID", "ケース番号" };
	const char *p, *q;
	size_t i, n;

	for (i = 0; i < sizeof labels / sizeof labels[0]; i++)
		for (q = t->s; (p = phrase(q, t->end, labels[i], &q)); ) {
			if (!label_begins(t, p))
				continue;
			for (p = q; p < t->end && (*p == ' ' || *p == '*' ||
			    *p == '\t'); p++)
				;
			if (p == t->end || (*p != ':' && *p != '#'))
				continue;
			for (p++; p < t->end && (blank(*p) || *p == '*' ||
			    *p == '[' || *p == '#'); p++)
				;
			n = case_at(p, t->end, 9, 20, true);
			if (n && !(n == 12 && digits(p, t->end) == 12))
				ir_facts_add(&f->cases, p, n, t->source,
				    line_of(t, p), 1);
		}
}

/* --- regions ----------------------------------------------------------- */

enum { MENTIONED = 1, NAMED, LABELLED };

/* Is p inside a URL?  Links to a console name any region. */
static bool
in_url(struct place *t, const char *p)
{
	const char *q = p;

	while (q > t->s && p - q < 400 && !blank(q[-1]) && q[-1] != '<' &&
	    q[-1] != '"' && q[-1] != '(')
		q--;
	return memmem(q, (size_t)(p - q), "://", 3) != NULL;
}

/* Does "Region:" or "Region(s):" stand before p, lists allowed? */
static bool
after_label(struct place *t, const char *p)
{
	const char *bol = p, *q, *last = NULL;
	size_t n;

	while (bol > t->s && bol[-1] != '\n' && p - bol < NEAR)
		bol--;
	for (q = bol; phrase(q, p, "Region", &q); )
		last = q;
	for (q = bol; !last && phrase(q, p, "リージョン", &q); )
		last = q;
	if (!last)
		return false;
	if (p - last >= 3 && strncasecmp(last, "(s)", 3) == 0)
		last += 3;
	last = skip_blank(last, p);
	if (last == p || *last != ':')
		return false;
	/* only a list of regions may stand between */
	for (last++; last < p; last += n) {
		n = ir_region_code(last, (size_t)(t->end - last));
		if (!n && !ir_region_named(last, (size_t)(t->end - last), &n))
			n = blank(*last) || *last == ',' || *last == '/';
		if (n == 0)
			return false;
	}
	return last == p;
}

static void
regions(struct ir_facts *f, struct place *t)
{
	const char *p, *code;
	size_t n, used;
	int rank;

	for (p = t->s; p < t->end; p++) {
		if (p > t->s && ir_text_word_char(p[-1]) &&
		    (unsigned char)*p < 0x80 && *p != '(')
			continue;
		n = ir_region_code(p, (size_t)(t->end - p));
		if (n) {
			char low[32];
			size_t i;

			rank = after_label(t, p) ? LABELLED : MENTIONED;
			if (rank == MENTIONED && in_url(t, p))
				continue;
			for (i = 0; i < n && i < sizeof low; i++)
				low[i] = (char)(p[i] | 0x20);
			/* '-' and digits have that bit set already */
			ir_facts_add(&f->regions, low, i, t->source,
			    line_of(t, p), rank);
			p += n - 1;
			continue;
		}
		code = ir_region_named(p, (size_t)(t->end - p), &used);
		if (code) {
			ir_facts_add(&f->regions, code, strlen(code),
			    t->source, line_of(t, p),
			    after_label(t, p) ? LABELLED : NAMED);
			p += used - 1;
		}
	}
}

/* "Region: Tokyo": bare names, only beside the word. */
static void
cities(struct ir_facts *f, struct place *t)
{
	static const char *const labels[] = { "Region:", "Region(s):",
	    "リージョン:" };
	static const char word[] = "リージョン";
	const char *p, *q, *code;
	size_t i, used;

	for (i = 0; i < 3; i++)
		for (q = t->s; phrase(q, t->end, labels[i], &q); ) {
			for (p = q; p < t->end && (*p == ' ' || *p == '*');
			    p++)
				;
			code = ir_region_city(p, (size_t)(t->end - p), &used);
			if (code)
				ir_facts_add(&f->regions, code, strlen(code),
				    t->source, line_of(t, p), LABELLED);
		}
	for (q = t->s; (p = phrase(q, t->end, word, &q)) != NULL; )
		for (i = 6; i <= 33 && i <= (size_t)(p - t->s); i += 3) {
			code = ir_region_city(p - i, i, &used);
			if (code && used == i)
				ir_facts_add(&f->regions, code, strlen(code),
				    t->source, line_of(t, p), NAMED);
		}
}

/* --- resources --------------------------------------------------------- */

static void
add_resource(struct ir_facts *f, struct place *t, const char *kind,
    const char *p, size_t n, const char *region, size_t region_len)
{
	struct ir_resource *r;
	size_t i;

	if (n == 0 || n >= sizeof r->id)
		return;
	for (i = 0; i < f->nresources; i++) {
		r = &f->resources[i];
		if (strlen(r->id) == n && memcmp(r->id, p, n) == 0)
			return;
	}
	if (f->nresources == IR_FACT_RESOURCES) {
		f->truncated = true;
		return;
	}
	r = &f->resources[f->nresources++];
	memset(r, 0, sizeof *r);
	snprintf(r->kind, sizeof r->kind, "%s", kind);
	memcpy(r->id, p, n);
	if (region_len < sizeof r->region)
		memcpy(r->region, region, region_len);
	r->at = (size_t)(p - t->s);
	r->line = line_of(t, p);
}

/* An EC2 id at p ("i-" and 17 or 8 hex digits): its length, or 0. */
static size_t
ec2_id(const char *p, const char *end, const char **kind)
{
	static const struct {
		const char *prefix, *kind;
	} ids[] = {
		{ "i-", "instance" }, { "eni-", "network-interface" },
		{ "eipalloc-", "elastic-ip" }, { "vol-", "volume" },
		{ "sg-", "security-group" }, { "vpc-", "vpc" },
		{ "subnet-", "subnet" }, { "nat-", "nat-gateway" },
	};
	size_t i, n, hex;

	for (i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		n = strlen(ids[i].prefix);
		if ((size_t)(end - p) < n || memcmp(p, ids[i].prefix, n) != 0)
			continue;
		for (hex = 0; p + n + hex < end && hex < 18 &&
		    (digit(p[n + hex]) || (p[n + hex] >= 'a' &&
		    p[n + hex] <= 'f')); hex++)
			;
		if ((hex != 8 && hex != 17) || (p + n + hex < end &&
		    (ir_text_word_char(p[n + hex]) || p[n + hex] == '-')))
			return 0;
		*kind = ids[i].kind;
		return n + hex;
	}
	return 0;
}

/* AKIA or ASIA and sixteen of A-Z0-9. */
static size_t
key_id(const char *p, const char *end)
{
	size_t n = 4;

	if (end - p < 20 || (memcmp(p, "AKIA", 4) != 0 &&
	    memcmp(p, "ASIA", 4) != 0))
		return 0;
	while (n < 20 && (digit(p[n]) || (p[n] >= 'A' && p[n] <= 'Z')))
		n++;
	return n == 20 && (p + n == end || !ir_text_word_char(p[n])) ? n : 0;
}

/* arn:partition:service:region:account:resource at p; its length. */
static size_t
arn(struct ir_facts *f, struct place *t, const char *p)
{
	const char *field[6], *end = p, *q, *kind = "arn";
	size_t n = 0, id;

	while (end < t->end && !blank(*end) && !strchr(",;)\"'<>]", *end))
		end++;
	while (end > p && (end[-1] == '.' || end[-1] == ':'))
		end--;
	for (q = p; n < 6 && q; q = memchr(q, ':', (size_t)(end - q)),
	    q = q ? q + 1 : NULL)
		field[n++] = q;
	if (n < 6)
		return 4;
	/* AWS's own policies are advice, not what is abused */
	if (field[5] - field[4] == 4 && memcmp(field[4], "aws", 3) == 0)
		return (size_t)(end - p);
	for (q = end; q > field[5] && q[-1] != '/' && q[-1] != ':'; q--)
		;
	id = ec2_id(q, end, &kind);
	if (id)
		p = q;
	else
		id = (size_t)(end - p);
	n = f->nresources;
	add_resource(f, t, kind, p, id, field[3],
	    (size_t)(field[4] - field[3] - 1));
	if (f->nresources > n && field[5] - field[4] == 13 &&
	    digits(field[4], end) == 12)
		memcpy(f->resources[n].account, field[4], 12);
	return (size_t)(end - p);
}

static bool
id_char(char c)
{
	return ir_text_word_char(c) || c == '.' || c == '-';
}

static bool
address(const char *p, size_t n)
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN];

	if (n == 0 || n >= sizeof text)
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, bytes) == 1 ||
	    inet_pton(AF_INET6, text, bytes) == 1;
}

/* "S3 Bucket: name" and its like. */
static void
labelled(struct ir_facts *f, struct place *t)
{
	static const struct {
		const char *label, *kind;
		size_t min;
		bool colon;
	} labels[] = {
		{ "S3 Bucket", "bucket", 3, true },
		{ "Bucket name", "bucket", 3, true },
		{ "CloudFront Distribution", "distribution", 10, true },
		{ "S3 バケット", "bucket", 3, true },
		{ "バケット名", "bucket", 3, true },
		{ "IP Address", "ip", 3, true },
		{ "Public IP", "ip", 3, true },
		{ "Source IP", "ip", 3, true },
		{ "Elastic IP", "ip", 3, true },
		{ "IP アドレス", "ip", 3, true },
		{ "IPアドレス", "ip", 3, true },
		{ "belonging to IAM User", "iam-user", 1, false },
		{ "belonging to user", "iam-user", 1, false },
		{ "IAM User", "iam-user", 1, true },
	};
	const char *p, *q;
	size_t i, n;
	bool ip;

	for (i = 0; i < sizeof labels / sizeof labels[0]; i++)
		for (q = t->s; phrase(q, t->end, labels[i].label, &q); ) {
			p = skip_blank(q, t->end);
			if (t->end - p > 2 && memcmp(p, "ID", 2) == 0)
				p = skip_blank(p + 2, t->end);
			if (t->end - p > 7 && labels[i].kind[0] == 'i' &&
			    strncasecmp(p, "address", 7) == 0)
				p = skip_blank(p + 7, t->end);
			while (p < t->end && *p == '*')
				p++;
			if (p < t->end && *p == ':')
				p = skip_blank(p + 1, t->end);
			else if (labels[i].colon)
				continue;
			ip = strcmp(labels[i].kind, "ip") == 0;
			while (p < t->end && (*p == '*' || (ip && *p == '[')))
				p = skip_blank(p + 1, t->end);
			for (n = 0; p + n < t->end && (id_char(p[n]) ||
			    (ip && p[n] == ':')); n++)
				;
			while (n && (p[n - 1] == '.' || p[n - 1] == ':'))
				n--;
			if (ip && !address(p, n))
				continue;
			if (n >= labels[i].min && n < 128)
				add_resource(f, t, labels[i].kind, p, n, "",
				    0);
		}
}

static void
resource_ids(struct ir_facts *f, struct place *t)
{
	const char *p, *q, *kind;
	size_t n, before;

	for (p = t->s; p < t->end; p++) {
		if (*p != 'a' && *p != 'A' && *p != 'i' && *p != 'e' &&
		    *p != 'v' && *p != 's' && *p != 'n')
			continue;
		if (p > t->s && (ir_text_word_char(p[-1]) || p[-1] == '-'))
			continue;
		n = key_id(p, t->end);
		if (n) {
			add_resource(f, t, "access-key", p, n, "", 0);
		} else if ((n = ec2_id(p, t->end, &kind)) != 0) {
			before = f->nresources;
			add_resource(f, t, kind, p, n, "", 0);
			/* "i-... [192.0.2.1]", "i-... (terminated)" */
			q = skip_blank(p + n, t->end);
			if (f->nresources > before && t->end - q > 11 &&
			    (*q == '[' || *q == '(') &&
			    strncasecmp(q + 1, "terminated", 10) == 0)
				f->resources[before].gone = true;
			if (q < t->end && *q == '[') {
				const char *ip = q + 1;

				for (q = ip; q < t->end && (digit(*q) ||
				    *q == '.'); q++)
					;
				if (q < t->end && *q == ']' && q - ip > 6)
					add_resource(f, t, "ip", ip,
					    (size_t)(q - ip), "", 0);
			}
		} else if (t->end - p > 8 && memcmp(p, "arn:aws", 7) == 0) {
			n = arn(f, t, p);
		}
		if (n)
			p += n - 1;
	}
}

/* The account and region that stand nearest before an id are its own. */
static void
pair(struct ir_facts *f, struct place *t)
{
	const char *at, *from, *q, *hit;
	char id[13];
	size_t i, n;

	for (i = 0; i < f->nresources; i++) {
		struct ir_resource *r = &f->resources[i];

		at = t->s + r->at;
		from = at - t->s > NEAR ? at - NEAR : t->s;
		for (q = from; !r->region[0] &&
		    phrase(q, at, "Region", &q); ) {
			hit = q;
			if (at - hit > 3 && memcmp(hit, "(s)", 3) == 0)
				hit += 3;
			while (hit < at && (*hit == ':' || blank(*hit)))
				hit++;
			n = ir_region_code(hit, (size_t)(t->end - hit));
			/* the last of several wins: look for one nearer */
			if (n && n < sizeof r->region &&
			    !phrase(q, at, "Region:", NULL)) {
				memcpy(r->region, hit, n);
				r->region[n] = '\0';
			}
		}
		for (q = from; phrase(q, at, "AWS ID", &q); ) {
			for (hit = q; hit < at && (*hit == ':' ||
			    blank(*hit)); hit++)
				;
			if (account_at(hit, t->end, id))
				memcpy(r->account, id, 13);
		}
	}
}

/* "We see the instance has been terminated": the id before that. */
static void
terminated(struct ir_facts *f, struct place *t)
{
	static const char *const words[] = { "has been terminated",
	    "has been stopped and terminated", "was terminated" };
	struct ir_resource *last;
	const char *p;
	size_t i, j;

	for (i = 0; i < 3; i++) {
		p = phrase(t->s, t->end, words[i], NULL);
		last = NULL;
		for (j = 0; p && j < f->nresources; j++)
			if (strcmp(f->resources[j].kind, "instance") == 0 &&
			    t->s + f->resources[j].at < p && (!last ||
			    f->resources[j].at > last->at))
				last = &f->resources[j];
		if (last)
			last->gone = true;
	}
}

void
ir_facts_resource(struct ir_facts *f, const char *kind, const char *id,
    unsigned line)
{
	struct place t = { id, id + strlen(id), IR_FROM_HEALTH, NULL, 0 };
	size_t n = f->nresources;

	add_resource(f, &t, kind, id, strlen(id), "", 0);
	if (f->nresources > n)
		f->resources[n].line = line;
}

void
ir_facts_resources(struct ir_facts *f, const char *s, size_t n)
{
	struct place t = { s, s + n, IR_FROM_HEALTH, NULL, 0 };

	resource_ids(f, &t);
}

/* --- activity ---------------------------------------------------------- */

const char *
ir_activity_word(const char *s, size_t n)
{
	static const struct {
		const char *phrase, *word;
		bool whole;
	} words[] = {
		{ "open proxy", "open-proxy", false },
		{ "open relay", "spam", false },
		{ "open_proxy", "open-proxy", false },
		{ "オープンプロキシ", "open-proxy", false },
		{ "phish", "phishing", false },
		{ "credential harvesting", "phishing", false },
		{ "open resolver", "dos", false },
		{ "フィッシング", "phishing", false },
		{ "port scan", "port-scan", false },
		{ "port-scan", "port-scan", false },
		{ "port_scan", "port-scan", false },
		{ "portscan", "port-scan", false },
		{ "ポートスキャン", "port-scan", false },
		{ "denial of service", "dos", false },
		{ "denial-of-service", "dos", false },
		{ "dos", "dos", true }, { "ddos", "dos", true },
		{ "amplification", "dos", false },
		{ "reflection attack", "dos", false },
		{ "udp flood", "dos", false }, { "syn flood", "dos", false },
		{ "サービス拒否", "dos", false },
		{ "botnet", "botnet", false },
		{ "ボットネット", "botnet", false },
		{ "command and control", "botnet", false },
		{ "command & control", "botnet", false },
		{ "c&c", "botnet", true }, { "c2 server", "botnet", false },
		{ "forum spam", "spam", false },
		{ "malware", "malware", false }, { "virus", "malware", true },
		{ "マルウェア", "malware", false },
		{ "ransomware", "malware", false },
		{ "trojan", "malware", false },
		{ "security vulnerabilities", "port-scan", false },
		{ "scanning", "port-scan", false },
		{ "intrusion", "intrusion", false },
		{ "brute force", "intrusion", false },
		{ "exploit", "intrusion", false },
		{ "hacking", "intrusion", false },
		{ "without authorization", "intrusion", false },
		{ "unauthorized access", "intrusion", false },
		{ "login attempts", "intrusion", false },
		{ "sql injection", "intrusion", false },
		{ "web application attack", "intrusion", false },
		{ "総当たり", "intrusion", false },
		{ "ブルートフォース", "intrusion", false },
		{ "不正アクセス", "intrusion", false },
		{ "crawling", "crawling", false },
		{ "scraping", "crawling", false },
		{ "クローリング", "crawling", false },
		{ "credit card", "fraud", false }, { "fraud", "fraud", false },
		{ "trademark", "copyright", false },
		{ "侵入", "intrusion", false },
		{ "copyright", "copyright", false },
		{ "dmca", "copyright", true },
		{ "著作権", "copyright", false },
		{ "spam", "spam", false }, { "unsolicited", "spam", false },
		{ "スパム", "spam", false },
		{ "迷惑メール", "spam", false },
		{ "bulk e-mail", "spam", false },
		{ "bulk email", "spam", false },
		{ "bulk mail", "spam", false },
		{ "credentials", "credentials-exposed", false },
		{ "access key", "credentials-exposed", false },
		{ "account compromise", "credentials-exposed", false },
	};
	const char *end = s + n, *p, *after;
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		p = phrase(s, end, words[i].phrase, &after);
		if (!p || (words[i].whole && ((p > s &&
		    ir_text_word_char(p[-1])) || (after < end &&
		    ir_text_word_char(*after)))))
			continue;
		return words[i].word;
	}
	return NULL;
}

/* The rest of the line that begins with label: false when there is none. */
static bool
labelled_line(struct place *t, const char *label, struct ir_fact *f)
{
	const char *p, *q = t->s, *eol;

	while ((p = phrase(q, t->end, label, &q)) != NULL) {
		while (p > t->s && strchr(" \t*-#", p[-1]))
			p--;
		if (p > t->s && p[-1] != '\n' && (unsigned char)p[-1] < 0x80)
			continue;
		for (p = q; p < t->end && (blank(*p) || *p == '*'); p++)
			;
		for (eol = p; eol < t->end && *eol != '\n'; eol++)
			;
		while (eol > p && (eol[-1] == '*' || blank(eol[-1])))
			eol--;
		if (eol > p)
			set_fact(f, p, (size_t)(eol - p), t->source,
			    line_of(t, p));
		return eol > p;
	}
	return false;
}

static void
set_activity(struct ir_facts *f, struct place *t, const char *p,
    size_t n, bool other)
{
	const char *word = ir_activity_word(p, n);

	if (!word && !other)
		return;
	if (!word)
		word = "other";
	if (!f->activity.value[0] || strcmp(f->activity.value, "other") == 0)
		set_fact(&f->activity, word, strlen(word), t->source,
		    line_of(t, p));
}

static void
activity(struct ir_facts *f, struct place *t)
{
	static const char *const labels[] = { "Reported Activity:",
	    "Abuse Type:", "Type of abuse:", "Activity Type:", "Report Type:",
	    "Activity:", "報告されたアクティビティ:",
	    "報告された活動:", "アクティビティ:" };
	/* what it is stands before these */
	static const char *const leads_ja[] = { "関与", "の報告",
	    "行為", "に該当" };
	static const char *const leads[] = { "resembles", "resemble",
	    "abuse report for", "appears to be", "implicated in",
	    "participating in", "engaged in", "report of", "reports of",
	    "is being used for", "being used to", "involved in",
	    "AWS_ABUSE_", "has been", "have been", "observed" };
	static const struct {
		const char *phrase, *word;
	} told[] = {
		{ "is publicly available", "credentials-exposed" },
		{ "Access Key is Exposed", "credentials-exposed" },
		{ "exposed access key", "credentials-exposed" },
		{ "accessed by a third party", "credentials-exposed" },
		{ "AWSCompromisedKeyQuarantine", "credentials-exposed" },
		{ "Account may be compromised", "credentials-exposed" },
		{ "review your AWS Account and credentials",
		    "credentials-exposed" },
		{ "Suspicious activity in your AWS account",
		    "credentials-exposed" },
		{ "Irregular activity in your AWS account",
		    "credentials-exposed" },
		{ "exposed publicly", "credentials-exposed" },
		{ "publicly exposed", "credentials-exposed" },
		{ "publicly accessible", "credentials-exposed" },
		{ "公開されて", "credentials-exposed" },
		{ "third party without permission", "credentials-exposed" },
		{ "SES account", "account-review" },
		{ "レビュー中", "account-review" },
		{ "レビュー対象", "account-review" },
		{ "under review", "account-review" },
		{ "sending paused", "account-review" },
		{ "Acceptable Use Policy", "account-review" },
		{ "Usage Policy", "account-review" },
		{ "Amazon Bedrock", "account-review" },
	};
	const char *p, *q;
	size_t i, n;

	for (i = 0; i < sizeof labels / sizeof labels[0] &&
	    !f->activity_text.value[0]; i++)
		if (labelled_line(t, labels[i], &f->activity_text)) {
			set_activity(f, t, f->activity_text.value,
			    strlen(f->activity_text.value), true);
			f->activity.line = f->activity_text.line;
		}
	for (i = 0; i < sizeof leads / sizeof leads[0] &&
	    !f->activity.value[0]; i++)
		for (q = t->s; phrase(q, t->end, leads[i], &q); ) {
			n = (size_t)(t->end - q) < 160 ?
			    (size_t)(t->end - q) : 160;
			p = memmem(q, n, ". ", 2);
			set_activity(f, t, q, p ? (size_t)(p - q) : n, false);
		}
	for (i = 0; i < 4 && !f->activity.value[0]; i++)
		for (q = t->s; (p = phrase(q, t->end, leads_ja[i], &q)); ) {
			n = p - t->s < 90 ? (size_t)(p - t->s) : 90;
			set_activity(f, t, p - n, n, false);
		}
	for (i = 0; i < sizeof told / sizeof told[0] &&
	    !f->activity.value[0]; i++)
		if ((p = phrase(t->s, t->end, told[i].phrase, NULL)) &&
		    (t->source == IR_FROM_BODY || i < 14))
			set_fact(&f->activity, told[i].word,
			    strlen(told[i].word), t->source, line_of(t, p));
}

/* --- stage, urgency, time limit ----------------------------------------- */

/* U+3002, the full stop of Japanese, before which no blank follows. */
static bool
maru(const char *p, const char *end)
{
	return end - p >= 3 && memcmp(p, "\xe3\x80\x82", 3) == 0;
}

/* The sentence around p: between full stops or blank lines. */
static void
sentence(struct place *t, const char *p, const char **from,
    const char **to)
{
	*from = *to = p;
	while (*from > t->s && p - *from < 600 && !((*from)[-1] == '.' &&
	    blank(**from)) && !(*from - t->s >= 3 && maru(*from - 3, *from)) &&
	    !((*from)[-1] == '\n' && **from == '\n'))
		(*from)--;
	while (*to < t->end && *to - p < 600 && !maru(*to, t->end) &&
	    !(**to == '.' && (*to + 1 == t->end || blank((*to)[1]))) &&
	    !(**to == '\n' && *to + 1 < t->end && (*to)[1] == '\n'))
		(*to)++;
}

/* Is it said of what may be, or is asked for?  "Once it is resolved, ..." */
static bool
supposed(const char *s, const char *end)
{
	static const char *const said[] = { "please", "once", "when", "if",
	    "until", "unless", "let us know", "confirm", "verify", "ensure",
	    "should", "may", "might", "can", "could", "will", "not been",
	    "failure", "to prevent", "to avoid" };
	static const char *const ja[] = { "場合",
	    "まで", "ください", "次第",
	    "可能性" };
	const char *p, *q;
	size_t i;

	for (i = 0; i < sizeof said / sizeof said[0]; i++)
		for (q = s; (p = phrase(q, end, said[i], &q)) != NULL; )
			if ((p == s || !ir_text_word_char(p[-1])) &&
			    (q == end || !ir_text_word_char(*q)))
				return true;
	for (i = 0; i < sizeof ja / sizeof ja[0]; i++)
		if (phrase(s, end, ja[i], NULL))
			return true;
	return false;
}

static void
stage(struct ir_facts *f, struct place *t)
{
	static const struct {
		const char *phrase, *stage;
		int rank;
		bool plain;	/* it cannot be said of what may be */
	} told[] = {
		{ "investigated and resolved", "resolved", 3, false },
		{ "has been closed", "resolved", 3, false },
		{ "is now closed", "resolved", 3, false },
		{ "closed this case", "resolved", 3, false },
		{ "closed the case", "resolved", 3, false },
		{ "closed this report", "resolved", 3, false },
		{ "closing this case", "resolved", 3, false },
		{ "closing this report", "resolved", 3, false },
		{ "as resolved", "resolved", 3, false },
		{ "has been resolved", "resolved", 3, false },
		{ "have resolved", "resolved", 3, false },
		{ "is now resolved", "resolved", 3, false },
		{ "case is resolved", "resolved", 3, false },
		{ "matter resolved", "resolved", 3, false },
		{ "case resolved", "resolved", 3, false },
		{ "matter is closed", "resolved", 3, false },
		{ "no further action is required", "resolved", 3, false },
		{ "no further action is needed", "resolved", 3, false },
		{ "解決済み", "resolved", 3, false },
		{ "解決しました", "resolved", 3, false },
		{ "解決いたしました", "resolved", 3,
		    false },
		{ "解決されました", "resolved", 3, false },
		{ "クローズしました", "resolved", 3,
		    false },
		{ "クローズいたしました", "resolved",
		    3, false },
		{ "FINAL NOTIFICATION", "final", 2, true },
		{ "final notice", "final", 2, true },
		{ "final warning", "final", 2, true },
		{ "final reminder", "final", 2, true },
		{ "final attempt", "final", 2, true },
		{ "last warning", "final", 2, true },
		{ "taken the following step", "final", 2, false },
		{ "taken the following action", "final", 2, false },
		{ "have suspended", "final", 2, false },
		{ "has been suspended", "final", 2, false },
		{ "have isolated", "final", 2, false },
		{ "have been isolated", "final", 2, false },
		{ "has been isolated", "final", 2, false },
		{ "have blocked", "final", 2, false },
		{ "最終通知", "final", 2, true },
		{ "最終警告", "final", 2, true },
		{ "最後の通知", "final", 2, true },
		{ "以下の措置を講じ", "final", 2,
		    false },
		{ "以下の措置を実施しました",
		    "final", 2, false },
		{ "not received a response", "reminder", 1, false },
		{ "n't received a response", "reminder", 1, false },
		{ "not received any response", "reminder", 1, false },
		{ "n't received any response", "reminder", 1, false },
		{ "not received your response", "reminder", 1, false },
		{ "not received a reply", "reminder", 1, false },
		{ "n't received a reply", "reminder", 1, false },
		{ "not yet received", "reminder", 1, false },
		{ "yet to receive", "reminder", 1, false },
		{ "not heard back", "reminder", 1, false },
		{ "n't heard back", "reminder", 1, false },
		{ "not heard from you", "reminder", 1, false },
		{ "n't heard from you", "reminder", 1, false },
		{ "still awaiting", "reminder", 1, false },
		{ "still waiting for", "reminder", 1, false },
		{ "not responded", "reminder", 1, false },
		{ "this is a reminder", "reminder", 1, true },
		{ "friendly reminder", "reminder", 1, true },
		{ "second notice", "reminder", 1, true },
		{ "second notification", "reminder", 1, true },
		{ "[reminder]", "reminder", 1, true },
		{ "reminder:", "reminder", 1, true },
		{ "回答をいただいておりません",
		    "reminder", 1, false },
		{ "返信をいただいておりません",
		    "reminder", 1, false },
		{ "回答がありません", "reminder", 1,
		    false },
		{ "返信がありません", "reminder", 1,
		    false },
		{ "回答をいただけておりません",
		    "reminder", 1, false },
		{ "返信をいただけておりません",
		    "reminder", 1, false },
		{ "リマインダー", "reminder", 1, true },
		{ "再通知", "reminder", 1, true },
	};
	const char *p, *q, *from, *to;
	size_t i, tries;

	for (i = 0; i < sizeof told / sizeof told[0]; i++) {
		if (f->stage.value[0] && f->stage.rank >= told[i].rank)
			continue;
		for (q = t->s, tries = 0; tries < 50 && (p = phrase(q, t->end,
		    told[i].phrase, &q)); tries++) {
			sentence(t, p, &from, &to);
			if (!told[i].plain && supposed(from, to))
				continue;
			set_fact(&f->stage, told[i].stage,
			    strlen(told[i].stage), t->source, line_of(t, p));
			f->stage.rank = told[i].rank;
			break;
		}
	}
}

/* AWS says these in every notice: they mean nothing about this one. */
static bool
boilerplate(const char *s, const char *end)
{
	static const char *const said[] = { "possible that your",
	    "if you're unaware", "if you are unaware", "best practices",
	    "for more information", "to learn more",
	    "if you suspect", "if you believe",
	    "security vulnerabilities", "お気づきでない",
	    "可能性があります" };
	size_t i;

	for (i = 0; i < sizeof said / sizeof said[0]; i++)
		if (phrase(s, end, said[i], NULL))
			return true;
	return false;
}

/*
 * No words lead to what it is about: then the one kind of abuse that is
 * spoken of at all.  Of two lines with two kinds neither.
 */
static void
only_activity(struct ir_facts *f, struct place *t)
{
	const char *p, *eol, *word, *found = NULL, *at = NULL;

	for (p = t->s; p < t->end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(t->end - p));
		if (!eol)
			eol = t->end;
		word = boilerplate(p, eol) ? NULL :
		    ir_activity_word(p, (size_t)(eol - p));
		/* advice and questions speak of keys, too */
		if (!word || strcmp(word, "credentials-exposed") == 0)
			continue;
		if (found && strcmp(found, word) != 0)
			return;
		found = word;
		at = at ? at : p;
	}
	if (found)
		set_fact(&f->activity, found, strlen(found), t->source,
		    line_of(t, at));
}

static void
urgent(struct ir_facts *f, struct place *t)
{
	static const char *const words[] = { "vulnerab", "compromis", "phish",
	    "unauthorized", "unauthorised", "exposed", "suspicious",
	    "irregular", "without permission", "FINAL NOTIFICATION",
	    "final notice", "final warning", "最終通知",
	    "侵害", "漏洩", "不正", "フィッシング" };
	const char *p, *q, *from, *to;
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0] &&
	    !f->urgent.value[0]; i++)
		for (q = t->s; (p = phrase(q, t->end, words[i], &q)); ) {
			sentence(t, p, &from, &to);
			if (boilerplate(from, to))
				continue;
			set_fact(&f->urgent, words[i], strlen(words[i]),
			    t->source, line_of(t, p));
			break;
		}
}

static void
due_in(struct ir_facts *f, struct place *t, const char *p,
    const char *end, int64_t seconds)
{
	if (seconds <= 0 || seconds > 90 * 86400 || (f->due_seconds >= 0 &&
	    f->due_seconds <= seconds))
		return;
	f->due_seconds = seconds;
	set_fact(&f->due, p, (size_t)(end - p), t->source, line_of(t, p));
}

/* "24", "five (5)", "twenty-four": its value, or -1. */
static int64_t
amount(const char **p, const char *end)
{
	static const char *const words[] = { "one", "two", "three", "four",
	    "five", "six", "seven", "eight", "nine", "ten", "eleven",
	    "twelve" };
	static const struct {
		const char *word;
		int value;
	} more[] = { { "twenty-four", 24 }, { "twenty four", 24 },
	    { "thirty-six", 36 }, { "forty-eight", 48 },
	    { "seventy-two", 72 } };
	const char *q = *p;
	int64_t v = -1;
	size_t i, n;

	n = digits(q, end);
	if (n >= 1 && n <= 4) {
		for (v = 0; n; n--)
			v = v * 10 + (*q++ - '0');
	}
	for (i = 0; v < 0 && i < sizeof more / sizeof more[0]; i++) {
		n = strlen(more[i].word);
		if ((size_t)(end - q) > n &&
		    strncasecmp(q, more[i].word, n) == 0) {
			v = more[i].value;
			q += n;
		}
	}
	for (i = 0; v < 0 && i < 12; i++) {
		n = strlen(words[i]);
		if ((size_t)(end - q) > n && strncasecmp(q, words[i], n) == 0) {
			v = (int64_t)i + 1;
			q += n;
		}
	}
	q = skip_blank(q, end);
	if (v >= 0 && q < end && *q == '(') {
		n = digits(q + 1, end);
		if (q + 1 + n < end && q[1 + n] == ')')
			q = skip_blank(q + n + 2, end);
	}
	*p = q;
	return v;
}

/* The unit at p, in seconds, and where it ends; 0: none. */
static int64_t
unit(const char **p, const char *end)
{
	static const struct {
		const char *word;
		int64_t seconds;
	} units[] = {
		{ "hours", 3600 }, { "hour", 3600 }, { "hrs", 3600 },
		{ "hr", 3600 }, { "h", 3600 },
		{ "days", 86400 }, { "day", 86400 },
		{ "weeks", 604800 }, { "week", 604800 },
	};
	const char *q = *p;
	size_t i, n;

	if (q < end && *q == '-')
		q++;
	for (i = 0; i < 2; i++) {
		static const char *const kind[] = { "business", "calendar" };

		n = strlen(kind[i]);
		if ((size_t)(end - q) > n && strncasecmp(q, kind[i], n) == 0)
			q = skip_blank(q + n, end);
	}
	for (i = 0; i < sizeof units / sizeof units[0]; i++) {
		n = strlen(units[i].word);
		if ((size_t)(end - q) < n ||
		    strncasecmp(q, units[i].word, n) != 0 ||
		    ((size_t)(end - q) > n && ir_text_word_char(q[n])))
			continue;
		*p = q + n;
		return units[i].seconds;
	}
	return 0;
}

static void
within(struct ir_facts *f, struct place *t)
{
	static const char *const leads[] = { "within ", "in the next " };
	const char *p, *q, *after;
	int64_t v, u;
	size_t i;

	for (i = 0; i < 2; i++)
		for (q = t->s; (p = phrase(q, t->end, leads[i], &q)); ) {
			after = q;
			if (phrase(q, q + 9 < t->end ? q + 9 : t->end,
			    "the next ", &after) != q)
				after = q;
			v = amount(&after, t->end);
			u = v < 0 ? 0 : unit(&after, t->end);
			if (u)
				due_in(f, t, p, after, v * u);
		}
}

/* 24時間以内, 5日以内: the number stands before. */
static void
within_ja(struct ir_facts *f, struct place *t, const char *unit,
    int64_t seconds)
{
	const char *p, *q, *from;
	int64_t v;

	for (q = t->s; (p = phrase(q, t->end, unit, &q)); ) {
		for (from = p; from > t->s && from[-1] == ' '; from--)
			;
		while (from > t->s && digit(from[-1]) && p - from < 8)
			from--;
		v = amount(&from, p);
		if (v > 0)
			due_in(f, t, p, q, v * seconds);
	}
}

/* 1 to 12, or 0. */
static int
month(const char *name)
{
	static const char *const names[] = { "jan", "feb", "mar", "apr",
	    "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" };
	int i;

	for (i = 0; i < 12; i++)
		if (strncasecmp(name, names[i], 3) == 0)
			return i + 1;
	return 0;
}

/* A part of a date: a number, or the name of a month. */
struct piece {
	int value, digits;	/* digits 0: a month */
};

/* What stands between the parts of a date, "nd" and "of" as well. */
static const char *
between(const char *p)
{
	static const char *const words[] = { "st", "nd", "rd", "th", "of ",
	    "年", "月", "日" };
	const char *from;
	size_t i;

	do {
		from = p;
		p += strspn(p, " -/,.");
		for (i = 0; i < sizeof words / sizeof words[0]; i++)
			if (strncmp(p, words[i], strlen(words[i])) == 0)
				p += strlen(words[i]);
	} while (p > from);
	return p;
}

/*
 * "2026-10-02", "2026/10/2", "2026年10月2日"; "October 2, 2026", "2nd Oct
 * 2026", "02-Oct-2026", a day of the week before it.  *len is its length.
 */
static bool
calendar(const char *s, int *y, int *m, int *d, int *len)
{
	struct piece c[3] = { { 0, 0 } };
	const char *p = s;
	size_t n, k;
	bool weekday = false;

	for (k = 0; k < 3; ) {
		n = strspn(p, "0123456789");
		if (n > 4 || (n == 0 && !ir_text_word_char(*p)))
			return false;
		c[k].digits = (int)n;
		for (c[k].value = 0; n; n--)
			c[k].value = c[k].value * 10 + (*p++ - '0');
		if (c[k].digits == 0) {
			c[k].value = month(p);
			while (ir_text_word_char(*p))
				p++;
		}
		if (c[k].digits || c[k].value)
			k++;
		else if (k || weekday)
			return false;
		else
			weekday = true;
		if (k < 3)
			p = between(p);
	}
	*len = (int)(p - s);
	k = c[0].digits == 4 ? 0 : 2;
	*y = c[k].value;
	*m = c[0].digits == 0 ? c[0].value : c[1].value;
	*d = c[0].digits == 4 ? c[2].value : c[0].digits == 0 ? c[1].value :
	    c[0].value;
	return c[k].digits == 4 && (c[0].digits == 4 || c[0].digits == 0 ||
	    c[1].digits == 0) && *y >= 2000 && *m >= 1 && *m <= 12 &&
	    *d >= 1 && *d <= 31;
}

/* The time of day that may follow a date: "06:16", " at 06:16 (UTC)". */
static int64_t
clock_at(const char *s)
{
	int h, m, n = 0;

	s += strspn(s, " T,");
	if (strncmp(s, "at ", 3) == 0)
		s += 3;
	if (sscanf(s, "%2d:%2d%n", &h, &m, &n) != 2 || n == 0 || h < 0 ||
	    h > 23 || m < 0 || m > 59)
		return 0;
	return h * 3600 + m * 60;
}

static void
due_date(struct ir_facts *f, struct place *t, const char *lead,
    const char *date)
{
	char text[60];
	int64_t at;
	size_t n = (size_t)(t->end - date) < sizeof text - 1 ?
	    (size_t)(t->end - date) : sizeof text - 1;
	int y, m, d, len;

	memcpy(text, date, n);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (!calendar(text, &y, &m, &d, &len))
		return;
	at = ir_time_civil(y, m, d, 0, 0, 0) + clock_at(text + len);
	if (f->due_at >= 0 && f->due_at <= at)
		return;
	f->due_at = at;
	set_fact(&f->due_on, lead, (size_t)(date - lead) + strcspn(text, ".;") <
	    120 ? (size_t)(date - lead) + strcspn(text, ".;") : 120,
	    t->source, line_of(t, lead));
}

/* "by 2026-10-02", "Effective date: 2026-09-27 06:16 (UTC)". */
static void
until(struct ir_facts *f, struct place *t)
{
	static const char *const leads[] = { "by ", "Effective date: ",
	    "before ", "until ", "no later than ", "deadline: ",
	    "due date: ", "due: ", "end of day ", "期限: ",
	    "期限:" };
	static const char by_ja[] = "までに";
	const char *p, *q;
	size_t i;

	for (i = 0; i < sizeof leads / sizeof leads[0]; i++)
		for (q = t->s; (p = phrase(q, t->end, leads[i], &q)); )
			if (p == t->s || !ir_text_word_char(p[-1]))
				due_date(f, t, p, q);
	/* 2026年10月2日までに: the date stands before */
	for (q = t->s; (p = phrase(q, t->end, by_ja, &q)); ) {
		const char *from = p;

		while (from > t->s && p - from < 40 && from[-1] != '\n')
			from--;
		for (; from < p; from++)
			if (digit(*from) && (from == t->s ||
			    !digit(from[-1]))) {
				due_date(f, t, from, from);
				break;
			}
	}
}

/* Words by which a notice that came a strange way is still known. */
static bool
speaks_of_abuse(struct place *t)
{
	static const char *const said[] = { "abuse", "Acceptable Use Policy",
	    "implicated", "compromis", "Access Key is Exposed",
	    "Trust & Safety", "under review", "Suspicious activity",
	    "Irregular activity", "third party without permission",
	    "不正使用", "不正利用" };
	size_t i;

	for (i = 0; i < sizeof said / sizeof said[0]; i++)
		if (phrase(t->s, t->end, said[i], NULL))
			return true;
	return false;
}

void
ir_facts_subject(struct ir_facts *f, const char *s, size_t n)
{
	struct place t = { s, s + n, IR_FROM_SUBJECT, NULL, 0 };
	const char *p;
	char id[13];

	subject_cases(f, &t);
	accounts(f, &t);
	for (p = s; (p = memchr(p, '[', (size_t)(t.end - p))); ) {
		const char *end = account_at(++p, t.end, id);

		if (end && end < t.end && *end == ']')
			ir_facts_add(&f->accounts, id, 12, t.source, 0, 1);
	}
	regions(f, &t);
	stage(f, &t);
	urgent(f, &t);
	activity(f, &t);
	if (phrase(s, t.end, "Support case", NULL))
		f->support_case = true;
	f->about_aws = f->about_aws || speaks_of_abuse(&t);
}

void
ir_facts_body(struct ir_facts *f, const char *s, size_t n)
{
	struct place t = { s, s + n, IR_FROM_BODY, NULL, 0 };
	static const char *const times[] = { "Abuse Time:",
	    "Report begin time:", "Time of abuse:", "Activity time:",
	    "Time of activity:", "First seen:", "発生日時:",
	    "検知日時:", "不正使用の時刻:" };
	struct ir_fact from_subject = f->activity;
	size_t i;

	if (n > IR_FACT_TEXT) {
		t.end = s + ir_text_cut(s, n, IR_FACT_TEXT);
		f->truncated = true;
	}
	body_cases(f, &t);
	accounts(f, &t);
	regions(f, &t);
	cities(f, &t);
	resource_ids(f, &t);
	labelled(f, &t);
	pair(f, &t);
	terminated(f, &t);
	/* the body says more exactly what it is about than the subject */
	memset(&f->activity, 0, sizeof f->activity);
	activity(f, &t);
	if (!f->activity.value[0])
		f->activity = from_subject;
	for (i = 0; i < sizeof times / sizeof times[0] && !f->when.value[0];
	    i++)
		labelled_line(&t, times[i], &f->when);
	stage(f, &t);
	if (!f->activity.value[0] && !f->support_case)
		only_activity(f, &t);
	urgent(f, &t);
	within(f, &t);
	within_ja(f, &t, "時間以内", 3600);
	within_ja(f, &t, "時間内", 3600);
	within_ja(f, &t, "日以内", 86400);
	within_ja(f, &t, "営業日以内", 86400);
	until(f, &t);
	f->about_aws = f->about_aws || speaks_of_abuse(&t);
}
