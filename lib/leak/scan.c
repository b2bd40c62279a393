/*
 * scan.c - see scan.h: what a candidate leads to, and what is unwrapped on
 * the way: JSON and URL escapes in a run, base64, UTF-16.
 */
#include <string.h>

#include "scan_in.h"

#define DEPTH_MAX 3
#define RUN_MIN 31		/* shorter ones are never told for sure */
#define SEGMENT_MAX 4096
#define INSIDE 3072		/* unwrapped at once; a multiple of 3 */
#define OVERLAP 516		/* of two such; a multiple of 3 */
#define WIDE_MAX 4096		/* characters of UTF-16 at once */
#define WIDE_OVER 256
#define B64_LEAST 27		/* characters that hold an access key id */

#define B 3			/* base64 characters */
#define R 2			/* \ and %: in runs only */
const unsigned char ir_leak_class[256] = {
	['A'] = B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	B, B, B, B, B,
	['a'] = B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B,
	B, B, B, B, B,
	['0'] = B, B, B, B, B, B, B, B, B, B,
	['+'] = B, ['/'] = B, ['\\'] = R, ['%'] = R,
};
#undef B
#undef R

static const char *const kinds[IR_LEAK_KINDS] = {
	"aws-access-key-id", "aws-secret-access-key", "ses-smtp-password",
	"mail-password", "private-key", "webhook",
};
static const char *const forms[IR_LEAK_FORMS] = {
	"plain", "json", "url", "base64", "utf-16",
};

const char *
ir_leak_kind_name(enum ir_leak_kind kind)
{
	return kinds[kind];
}

const char *
ir_leak_form_name(enum ir_leak_form form)
{
	return forms[form];
}

/* --- small things that all rules use ------------------------------------- */

bool
ir_leak_alnum(unsigned char c)
{
	return LEAK_B64(c) && c != '+' && c != '/';
}

unsigned char
ir_leak_lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool
ir_leak_word(const struct leak_span *s, size_t at, const char *word)
{
	size_t i;

	for (i = 0; word[i]; i++)
		if (at + i >= s->n || ir_leak_lower(s->p[at + i]) !=
		    (unsigned char)word[i])
			return false;
	return true;
}

bool
ir_leak_near(const struct leak_span *s, size_t from, size_t to,
    const char *word)
{
	size_t i;

	if (to > s->n)
		to = s->n;
	for (i = from; i < to; i++)
		if (ir_leak_lower(s->p[i]) == (unsigned char)word[0] &&
		    ir_leak_word(s, i, word))
			return true;
	return false;
}

static bool
in_name(unsigned char c)
{
	return ir_leak_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* PHP's serialize() puts s:40: before a string: go back over that. */
static size_t
before_length(const struct leak_span *s, size_t at)
{
	size_t i = at;

	if (i == 0 || s->p[i - 1] != ':')
		return at;
	for (i--; i && s->p[i - 1] >= '0' && s->p[i - 1] <= '9'; i--)
		continue;
	return i >= 3 && s->p[i - 1] == ':' && s->p[i - 2] == 's' ? i - 2 : at;
}

static int
class_of(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? 1 : c >= 'a' && c <= 'z' ? 2 :
	    c >= '0' && c <= '9' ? 3 : 4;
}

void
ir_leak_assigned(const struct leak_span *s, size_t at,
    char name[IR_LEAK_NAME + 1])
{
	size_t end, i, left = 16, changes = 0;
	bool sign = false;

	while (at && left && strchr(" \t\"'`\\=:>,;({[", s->p[at - 1]) &&
	    s->p[at - 1]) {
		sign |= strchr("=>:\"'", s->p[at - 1]) != NULL;
		i = before_length(s, at);
		at = i < at ? i : at - 1;
		left--;
	}
	end = at;
	while (at && end - at < IR_LEAK_NAME && in_name(s->p[at - 1]))
		at--;
	memcpy(name, s->p + at, end - at);
	name[end - at] = '\0';
	/* a name is shown: "PASSWORD,AKIA..." names nothing, nor does what
	 * changes between letters and digits as only random text does */
	for (i = at + 1; i < end; i++)
		changes += class_of(s->p[i]) != class_of(s->p[i - 1]);
	if (!sign || (end - at >= 16 && changes * 5 >= (end - at) * 2))
		name[0] = '\0';
}

/* --- hits ---------------------------------------------------------------- */

/* Where in o the byte `at` of base64 text that begins at base comes from. */
static size_t
outside_base64(const struct leak_span *o, size_t base, size_t at)
{
	size_t want = at / 3 * 4 + at % 3, i;

	for (i = base; i < o->n && want; i++)
		if (LEAK_B64(o->p[i]))
			want--;
	while (i < o->n && o->p[i] && strchr(" \t\r\n", o->p[i]))
		i++;
	return i;
}

size_t
ir_leak_outside(const struct leak_span *s, size_t at)
{
	for (; s->outer; s = s->outer)
		at = s->form == IR_LEAK_UTF16 ? s->base + 2 * at :
		    outside_base64(s->outer, s->base, at);
	return at;
}

void
ir_leak_emit(struct leak_span *s, struct ir_leak_hit *hit)
{
	struct leak_root *root = s->root;
	const struct leak_span *top = s;
	size_t end = hit->offset + hit->len;

	if (hit->offset < s->lo || hit->offset >= s->hi || root->stop)
		return;
	if (s->rules && s->rules->kinds &&
	    !(s->rules->kinds & 1u << hit->kind))
		return;
	if (s->outer) {
		hit->form = s->form;
		hit->offset = ir_leak_outside(s, hit->offset);
		end = ir_leak_outside(s, end);
		while (top->outer)
			top = top->outer;
		if (hit->offset < top->lo || hit->offset >= top->hi)
			return;
		hit->len = (end < top->n ? end : top->n) - hit->offset;
	}
	root->stop = root->fn(hit, root->arg);
}

/* --- what is wrapped ----------------------------------------------------- */

static void look(struct leak_span *s);

/* Only hits of [lo, hi) of the n bytes count. */
static void
inside(struct leak_span *s, const unsigned char *p, size_t n, size_t base,
    enum ir_leak_form form, size_t lo, size_t hi)
{
	struct leak_span in = {
		.p = p, .n = n, .rules = s->rules, .root = s->root,
		.outer = s, .base = base, .form = form,
		.depth = s->depth + 1, .lo = lo, .hi = hi,
	};

	if (in.depth <= DEPTH_MAX)
		look(&in);
}

#define TEN(n) n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9
#define LETTERS(n) TEN(n), TEN(n + 10), n + 20, n + 21, n + 22, n + 23, \
	n + 24, n + 25
/* What a character of base64 is worth, and one more; 0: it is none. */
static const unsigned char worth[256] = {
	['A'] = LETTERS(1), ['a'] = LETTERS(27), ['0'] = TEN(53),
	['+'] = 63, ['/'] = 64,
};
#undef LETTERS
#undef TEN

/* A line of base64 may end here, and go on in the next: where that begins. */
static size_t
next_line(const struct leak_span *s, size_t at)
{
	size_t i = at, width = 0;

	if (i < s->n && s->p[i] == '\r')
		i++;
	if (i >= s->n || s->p[i] != '\n')
		return at;
	while (width < 40 && width < at && LEAK_B64(s->p[at - width - 1]))
		width++;
	if (width < 40)
		return at;
	for (i++; i < s->n && i - at < 20 && (s->p[i] == ' ' ||
	    s->p[i] == '\t'); i++)
		continue;
	return i < s->n && LEAK_B64(s->p[i]) ? i : at;
}

/*
 * Decode from *at, over the ends of lines, at most size bytes (a multiple of
 * 3); *at is behind what was decoded then.
 */
static size_t
decode(const struct leak_span *s, size_t *at, unsigned char *out, size_t size)
{
	size_t i = *at, n = 0, next;
	unsigned v = 0, got = 0, d;

	while (i < s->n && n + 3 <= size) {
		d = worth[s->p[i]];
		if (d == 0) {
			next = next_line(s, i);
			if (next == i)
				break;
			i = next;
			continue;
		}
		i++;
		v = v << 6 | (d - 1);
		if (++got == 4) {
			out[n++] = (unsigned char)(v >> 16);
			out[n++] = (unsigned char)(v >> 8);
			out[n++] = (unsigned char)v;
			v = got = 0;
		}
	}
	if (got >= 2 && n < size)
		out[n++] = (unsigned char)(v >> (6 * got - 8));
	if (got == 3 && n < size)
		out[n++] = (unsigned char)(v >> 2);
	*at = i;
	return n;
}

/* Is it text?  A byte order mark may be first, UTF-16 and SASL have NULs. */
static bool
is_text(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = n > 12 ? 3 : 0; i < n; i++)
		if (p[i] >= 0x7f || (p[i] < 0x20 && !strchr("\t\r\n", p[i])))
			return false;
	return n > 0;
}

/* The base64 that begins at `at`, as far as it goes. */
static void
base64(struct leak_span *s, size_t at)
{
	unsigned char text[INSIDE];
	size_t n, next, lo = 0;

	for (;;) {
		next = at;
		n = decode(s, &next, text, sizeof text);
		if (next > s->b64_done)
			s->b64_done = next;
		if (n < sizeof text || next >= s->n) {
			inside(s, text, n, at, IR_LEAK_BASE64, lo, n);
			return;
		}
		inside(s, text, n, at, IR_LEAK_BASE64, lo,
		    n - OVERLAP / 2);
		if (s->root->stop)
			return;
		lo = OVERLAP / 2;
		at = outside_base64(s, at, n - OVERLAP);
	}
}

/* Does text begin at `at`, or up to three characters later? */
static void
base64_run(struct leak_span *s, size_t at, size_t end)
{
	unsigned char head[18];
	const unsigned char *p;
	size_t k, i, n;
	unsigned c;

	if (at < s->b64_done)
		return;
	for (k = 0; k < 4 && end - at >= k + 24; k++) {
		i = at + k;
		/* most are told by the sixth byte: characters 6 and 7 */
		p = s->p + i + 6;
		c = ((worth[p[0]] - 1u) << 6 | (worth[p[1]] - 1u)) & 0xff;
		if (c >= 0x7f || (c && c < 9))
			continue;
		n = decode(s, &i, head, sizeof head);
		if (is_text(head, n)) {
			base64(s, at + k);
			return;
		}
	}
}

/* Part of base64 was seen whose first of four characters is at `at`. */
static void
base64_anchor(struct leak_span *s, size_t at)
{
	unsigned char head[3];
	size_t i, k, end;

	if (at < s->b64_done)
		return;
	for (end = at; end < s->n && end - at < B64_LEAST &&
	    LEAK_B64(s->p[end]); end++)
		continue;
	if (end - at < B64_LEAST)
		return;
	while (at >= 4 && at - 4 >= s->b64_done) {
		for (k = 1; k <= 4 && LEAK_B64(s->p[at - k]); k++)
			continue;
		i = at - 4;
		if (k <= 4 || decode(s, &i, head, 3) != 3 ||
		    !is_text(head, 3))
			break;
		at -= 4;
	}
	base64(s, at);
}

static bool
wide_text(const struct leak_span *s, size_t at)
{
	return at + 1 < s->n && s->p[at + 1] == 0 && (s->p[at] == '\t' ||
	    s->p[at] == '\r' || s->p[at] == '\n' ||
	    (s->p[at] >= 0x20 && s->p[at] < 0x7f));
}

/* ASCII as UTF-16; of big-endian, the byte after is the next one's first. */
static void
wide(struct leak_span *s, size_t at)
{
	unsigned char text[WIDE_MAX];
	size_t a = at, n = 0, lo;

	if (at < s->wide_done || !wide_text(s, at))
		return;
	while (a >= 2 && wide_text(s, a - 2) && at - a < WIDE_MAX / 2 &&
	    a + WIDE_OVER * 2 > s->wide_done)
		a -= 2;
	lo = a < s->wide_done ? (s->wide_done - a + 1) / 2 : 0;
	while (n < sizeof text && wide_text(s, a + 2 * n)) {
		text[n] = s->p[a + 2 * n];
		n++;
	}
	/* a last one, whose zero is not there in big-endian */
	if (n == sizeof text) {
		s->wide_done = a + 2 * (n - WIDE_OVER);
		inside(s, text, n, a, IR_LEAK_UTF16, lo, n - WIDE_OVER);
	} else {
		if (a + 2 * n < s->n && s->p[a + 2 * n] >= 0x20 &&
		    s->p[a + 2 * n] < 0x7f)
			text[n] = s->p[a + 2 * n], n++;
		s->wide_done = a + 2 * n;
		inside(s, text, n, a, IR_LEAK_UTF16, lo, n);
	}
}

/* --- runs ---------------------------------------------------------------- */

static int
hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ir_leak_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * The escape at `at` (of a run that ends at end): how many bytes it takes;
 * *c is the + or / that it stands for, or 0.
 */
static size_t
escape(const struct leak_span *s, size_t at, size_t end, unsigned char *c,
    enum ir_leak_form *form)
{
	const unsigned char *p = s->p + at;
	size_t left = end - at;

	*c = 0;
	if (p[0] == '%' && left >= 3 && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
		if (p[1] == '2' && (hex(p[2]) == 11 || hex(p[2]) == 15)) {
			*c = hex(p[2]) == 11 ? '+' : '/';
			*form = IR_LEAK_URL;
		}
		return 3;
	}
	if (p[0] != '\\' || left < 2)
		return 1;
	if (p[1] == '/') {
		*c = '/';
		*form = IR_LEAK_JSON;
	} else if (p[1] == 'u' && left >= 6) {
		if (memcmp(p + 2, "002", 3) == 0 &&
		    (hex(p[5]) == 11 || hex(p[5]) == 15)) {
			*c = hex(p[5]) == 11 ? '+' : '/';
			*form = IR_LEAK_JSON;
		}
		return 6;
	}
	return 2;
}

/* Characters of base64 only, by now: they stand at [at, end). */
static void
segment(struct leak_span *s, size_t at, size_t end, const char *v, size_t n,
    enum ir_leak_form form)
{
	if (n == 40 || n == 44)
		ir_leak_rule_run(s, at, end - at, v, n, form);
	if (n >= 40)
		base64_run(s, at, end);
}

/* A run with escapes: what they stand for, cut at those of other bytes. */
static void
escaped(struct leak_span *s, size_t at, size_t end)
{
	enum ir_leak_form form = IR_LEAK_PLAIN;
	char v[SEGMENT_MAX];
	size_t n = 0, i = at, from = at, used;
	unsigned char c;

	while (i < end && !s->root->stop) {
		c = s->p[i];
		used = LEAK_B64(c) ? 1 : escape(s, i, end, &c, &form);
		if (c && LEAK_B64(c)) {
			if (n < sizeof v)
				v[n++] = (char)c;
			i += used;
			continue;
		}
		segment(s, from, i, v, n, form);
		i += used;
		n = 0;
		from = i;
		form = IR_LEAK_PLAIN;
	}
	segment(s, from, end, v, n, form);
}

static void
run(struct leak_span *s, size_t at)
{
	size_t a = at, e = at + 16;

	if (at < s->run_done)
		return;
	while (a > s->run_done && LEAK_RUN(s->p[a - 1]))
		a--;
	while (e < s->n && LEAK_RUN(s->p[e]))
		e++;
	s->run_done = e;
	if (e - a < RUN_MIN)
		return;
	if (memchr(s->p + a, '\\', e - a) || memchr(s->p + a, '%', e - a))
		escaped(s, a, e);
	else
		segment(s, a, e, (const char *)s->p + a, e - a,
		    IR_LEAK_PLAIN);
}

/* --- candidates ---------------------------------------------------------- */

static void
anchor(struct leak_span *s, size_t at)
{
	switch (ir_leak_anchor(s->p + at, s->n - at)) {
	case LEAK_AT_KEY:
		ir_leak_rule_key(s, at);
		break;
	case LEAK_AT_PASS:
		ir_leak_rule_pass(s, at);
		break;
	case LEAK_AT_BEGIN:
		ir_leak_rule_armour(s, at);
		break;
	case LEAK_AT_HOOK:
	case LEAK_AT_OTHER:
		if (ir_leak_word(s, at, "t_se"))
			ir_leak_rule_client_send(s, at);
		else
			ir_leak_rule_hook(s, at);
		break;
	case LEAK_AT_B64:
		base64_anchor(s, at);
		break;
	case LEAK_AT_B64_2:
		if (at >= 2)
			base64_anchor(s, at - 2);
		break;
	case LEAK_AT_B64_3:
		if (at >= 3)
			base64_anchor(s, at - 3);
		break;
	}
}

static void
look(struct leak_span *s)
{
	static const struct leak_sweep to = { anchor, run, wide };

	ir_leak_sweep(s, &to, s->rules ? s->rules->way : IR_LEAK_FASTEST);
}

int
ir_leak_scan(const struct ir_leak_rules *rules, const unsigned char *data,
    size_t n, size_t from, size_t to, ir_leak_hit_fn *fn, void *arg)
{
	struct leak_root root = { .fn = fn, .arg = arg };
	struct leak_span s = {
		.p = data, .n = n, .rules = rules, .root = &root,
		.lo = from, .hi = to,
	};

	if (n == 0)
		return 0;
	look(&s);
	if (rules && rules->lines && !root.stop)
		ir_leak_rule_lines(&s);
	return root.stop;
}
