/* line.c - times, and Exim's main log; see line.h */
#include <arpa/inet.h>
#include <endian.h>
#include <string.h>
#include <time.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "../core/text.h"
#include "line.h"

/* Out of the way of what is frequent, which then needs fewer registers. */
#define RARE __attribute__((noinline))

static inline bool
digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static int
number(const char *p, int n)
{
	int v = 0;

	while (n-- > 0)
		v = v * 10 + (*p++ - '0');
	return v;
}

static bool
digits(const char *p, int n)
{
	while (n-- > 0)
		if (!digit(p[n]))
			return false;
	return true;
}

static inline size_t
left(const struct ir_span *s)
{
	return (size_t)(s->end - s->p);
}

static inline bool
starts(const struct ir_span *s, const char *what, size_t n)
{
	return left(s) >= n && memcmp(s->p, what, n) == 0;
}

#define STARTS(s, lit) starts(s, lit, sizeof(lit) - 1)

/*
 * memchr() for what is near, as the ends of words are: the call would take
 * longer than the search.
 */
static inline const char *
near(const char *p, const char *end, char c)
{
#ifdef __SSE2__
	const __m128i want = _mm_set1_epi8(c);
	int m;

	for (; end - p >= 16; p += 16) {
		m = _mm_movemask_epi8(_mm_cmpeq_epi8(
		    _mm_loadu_si128((const void *)p), want));
		if (m)
			return p + __builtin_ctz((unsigned)m);
	}
#endif
	for (; p < end; p++)
		if (*p == c)
			return p;
	return NULL;
}

/* memmem() for what begins with a character that is rare. */
static const char *
find(const char *p, const char *end, const char *what)
{
	size_t n = strlen(what);

	for (; (p = near(p, end, *what)); p++)
		if ((size_t)(end - p) >= n && memcmp(p, what, n) == 0)
			return p;
	return NULL;
}

/* --- ids ---------------------------------------------------------------- */

static inline size_t
exim_id(const char *p, size_t n)
{
	if (n < 17 || p[6] != '-')
		return 0;
	if (p[13] == '-' && p[16] == ' ')
		return 16;
	if (n > 23 && p[18] == '-' && p[23] == ' ')
		return 23;
	return 0;
}

size_t
ir_mlog_exim_id(const char *p, size_t n)
{
	return exim_id(p, n);
}

static inline uint64_t
hash_16(const char *p)
{
	return ir_mail_mix(ir_mail_load(p), ir_mail_load(p + 8)) | 1;
}

static inline uint64_t
hash_23(const char *p)
{
	return ir_mail_mix(ir_mail_mix(ir_mail_load(p), ir_mail_load(p + 8)),
	    ir_mail_load(p + 15)) | 1;
}

uint64_t
ir_mlog_id_hash(const char *p, size_t n)
{
	char b[24] = { 0 };

	if (n == 16)
		return hash_16(p);
	if (n == 23)
		return hash_23(p);
	memcpy(b, p, n < 24 ? n : 24);
	return ir_mail_mix(ir_mail_mix(ir_mail_load(b), ir_mail_load(b + 8)),
	    ir_mail_load(b + 16) + n) | 1;
}

/* --- addresses ---------------------------------------------------------- */

static bool
addr_4(const char *p, const char *end, unsigned char b[4])
{
	int i, v, d;

	for (i = 0; i < 4; i++) {
		for (v = d = 0; p < end && digit(*p) && d < 3; d++)
			v = v * 10 + (*p++ - '0');
		if (d == 0 || v > 255 || (i < 3 && (p == end || *p++ != '.')))
			return false;
		b[i] = (unsigned char)v;
	}
	return p == end;
}

#ifdef __SSE2__
/*
 * "192.0.2.1]" at p, of which 16 bytes may be looked at: the length before the
 * bracket, 0: it is none.  The lengths of its numbers are anything, so that a
 * loop for each would take longer than all of this.
 */
static unsigned
addr_4_quick(const char *p, unsigned char b[4])
{
	const __m128i v = _mm_loadu_si128((const void *)p);
	const __m128i d = _mm_sub_epi8(v, _mm_set1_epi8('0'));
	const __m128i nine = _mm_set1_epi8(9);
	uint32_t ends, dots, others, x;
	unsigned n, i, from, len;

	ends = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v,
	    _mm_set1_epi8(']')));
	dots = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v,
	    _mm_set1_epi8('.')));
	/* neither digit nor dot */
	others = ~(dots | (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
	    _mm_min_epu8(d, nine), d)));
	n = (unsigned)__builtin_ctz(others);
	if (n < 7 || !(ends >> n & 1))
		return 0;
	dots = (dots & ((1u << n) - 1)) | 1u << n;
	for (i = from = 0; i < 4; i++, from += len + 1, dots &= dots - 1) {
		len = (unsigned)__builtin_ctz(dots) - from;
		if (len - 1 > 2)
			return 0;
		/* hundreds, tens, ones in the bytes 0 to 2 */
		memcpy(&x, p + from, 4);
		x = ((le32toh(x) ^ 0x303030) << (8 * (3 - len))) & 0xffffff;
		if (__builtin_bswap32(x) > 0x02050500)	/* 255 */
			return 0;
		b[i] = (unsigned char)(x * 0x640a01 >> 16);
		if (i < 3 && !(dots & (dots - 1)))
			return 0;
	}
	return dots ? 0 : n;
}
#endif

bool
ir_mlog_addr(const char *p, size_t n, struct ir_mlog_addr *a)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[48];

	a->family = 0;
	if (addr_4(p, p + n, a->b)) {
		a->family = 4;
		return true;
	}
	if (n < 2 || n >= sizeof text || !memchr(p, ':', n))
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	if (inet_pton(AF_INET6, text, a->b) != 1)
		return false;
	a->family = 6;
	if (memcmp(a->b, mapped, 12) == 0) {
		memmove(a->b, a->b + 12, 4);
		a->family = 4;
	}
	return true;
}

bool
ir_mlog_addr_6_inside(const struct ir_mlog_addr *a)
{
	const unsigned char *b = a->b;
	int i;

	if ((b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80))
		return true;
	for (i = 0; i < 15 && b[i] == 0; i++)
		continue;
	return i == 15 && b[15] <= 1;
}

/* --- times -------------------------------------------------------------- */

/* Is that the hour of the line before? */
static inline bool
same_hour(const struct ir_mlog_clock *c, const char *p, size_t n)
{
	return c->nkey == n && memcmp(c->key, p, n) == 0;
}

static void
keep_hour(struct ir_mlog_clock *c, const char *p, size_t n, int64_t civil)
{
	memcpy(c->key, p, n);
	c->nkey = n;
	c->civil = civil;
	c->wall = c->utc ? civil : ir_time_local(civil);
}

/* "HH:MM:SS" at p: the seconds since the hour, -1: it is none. */
static inline int
clock_digits(const char *p)
{
	/* what is right leaves 0 to 9 of a digit and 0 of a colon; else the
	 * sum has its highest bit, or the byte had it */
	uint64_t v = ir_mail_load(p) ^ 0x30303a30303a3030u;

	if (((v + 0x76767f76767f7676u) | v) & 0x8080808080808080u)
		return -1;
	return (int)((v >> 24 & 15) * 600 + (v >> 32 & 15) * 60 +
	    (v >> 48 & 15) * 10 + (v >> 56));
}

/* What may follow the seconds: ".123", "Z", "+01:00", " +0100". */
static RARE const char *
exim_zone(const char *p, const char *end, const struct ir_mlog_clock *c,
    int sec, int64_t *t)
{
	int64_t zone;

	if (*p == '.' || *p == ',')
		for (p++; p < end && digit(*p); p++)
			continue;
	if (p < end && *p == 'Z') {
		*t = c->civil + sec;
		p++;
	} else if (end - p >= 6 && (p[0] == '+' || p[0] == '-') &&
	    digits(p + 1, 2) && p[3] == ':' && digits(p + 4, 2)) {
		zone = number(p + 1, 2) * 3600 + number(p + 4, 2) * 60;
		*t = c->civil + sec - (p[0] == '-' ? -zone : zone);
		p += 6;
	} else if (end - p > 6 && p[0] == ' ' &&
	    (p[1] == '+' || p[1] == '-') && digits(p + 2, 4)) {
		zone = number(p + 2, 2) * 3600 + number(p + 4, 2) * 60;
		*t = c->civil + sec - (p[1] == '-' ? -zone : zone);
		p += 6;
	}
	return p;
}

/* "2026-11-21 18:00:00[.123][ +0100] ", and moves on. */
static inline bool
exim_time(struct ir_span *s, struct ir_mlog_clock *c, int64_t *t)
{
	const char *p = s->p;
	int sec;

	if (left(s) < 20 || p[4] != '-')
		return false;
	sec = clock_digits(p + 11);
	if (sec < 0)
		return false;
	/* the usual case, in two loads: the hour of the line before */
	if (c->nkey != 13 || ir_mail_load(c->key) != ir_mail_load(p) ||
	    ir_mail_load(c->key + 5) != ir_mail_load(p + 5)) {
		if (!digits(p, 4) || !digits(p + 5, 2) || p[7] != '-' ||
		    !digits(p + 8, 2) || (p[10] != ' ' && p[10] != 'T'))
			return false;
		keep_hour(c, p, 13, ir_time_civil(number(p, 4),
		    number(p + 5, 2), number(p + 8, 2), number(p + 11, 2),
		    0, 0));
	}
	*t = c->wall + sec;
	p += 19;
	if (*p != ' ' || (s->end - p > 1 && (p[1] == '+' || p[1] == '-'))) {
		p = exim_zone(p, s->end, c, sec, t);
		if (p < s->end && *p != ' ')
			return false;
	}
	s->p = p < s->end ? p + 1 : p;
	return true;
}

/* "Nov 21 18:00:00 ", of the last year that is not in the future. */
static RARE bool
syslog_time(struct ir_span *s, struct ir_mlog_clock *c, int64_t *t)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *p = s->p, *q;
	time_t now = (time_t)c->now;
	struct tm tm;
	int mon, day;

	if (left(s) < 16 || p[3] != ' ')
		return false;
	q = p + 4 + (p[4] == ' ');
	day = digits(q, 2) ? 2 : digit(*q) ? 1 : 0;
	if (!day || q[day] != ' ' || s->end - q < day + 10 ||
	    !digits(q + day + 1, 2) || q[day + 3] != ':' ||
	    !digits(q + day + 4, 2) || q[day + 6] != ':' ||
	    !digits(q + day + 7, 2) || q[day + 9] != ' ')
		return false;
	if (!same_hour(c, p, (size_t)(q - p) + (size_t)day + 3)) {
		for (mon = 0; mon < 12 && memcmp(months + mon * 3, p, 3);
		    mon++)
			continue;
		if (mon == 12 || !gmtime_r(&now, &tm))
			return false;
		for (*t = c->now + 2 * 86400; *t > c->now + 86400;
		    tm.tm_year--)
			*t = ir_time_civil(tm.tm_year + 1900, mon + 1,
			    number(q, day), number(q + day + 1, 2), 0, 0);
		keep_hour(c, p, (size_t)(q - p) + (size_t)day + 3, *t);
	}
	*t = c->wall + number(q + day + 4, 2) * 60 + number(q + day + 7, 2);
	s->p = q + day + 10;
	return true;
}

/* "@400000004c91b044077a9e94 ": TAI64N, ten seconds ahead of the epoch. */
static RARE bool
tai_time(struct ir_span *s, int64_t *t)
{
	uint64_t v = 0;
	int i, d;

	if (left(s) < 26 || s->p[0] != '@' || s->p[25] != ' ')
		return false;
	for (i = 1; i <= 16; i++) {
		d = ir_hex_digit(s->p[i]);
		if (d < 0)
			return false;
		v = v << 4 | (uint64_t)d;
	}
	if (v < 0x4000000000000000u || v > 0x4000000fffffffffu)
		return false;
	*t = (int64_t)(v - 0x400000000000000au);
	s->p += 26;
	return true;
}

/* --- Exim: who ---------------------------------------------------------- */

/* HELO names that mass mailers bring, and people's programs do not. */
static bool
robot(const char *p, size_t n)
{
	return (n == 4 && memcmp(p, "User", 4) == 0) ||
	    (n == 7 && memcmp(p, "ylmf-pc", 7) == 0) ||
	    (n == 11 && memcmp(p, "[127.0.0.1]", 11) == 0) ||
	    (n > 4 && memcmp(p, "WIN-", 4) == 0);
}

static void
set_account(struct ir_mlog_line *l, const char *p, size_t n)
{
	const char *end = p + n, *colon = near(p, end, ':');

	if (!colon)
		return;
	p = colon + 1;
	colon = near(p, end, ':');
	if (colon)
		end = colon;
	/* cPanel's own services log in as these */
	if (p == end || (end - p > 17 && memcmp(p, "__cpanel__service", 17) ==
	    0))
		return;
	l->who = IR_MLOG_ACCOUNT;
	l->name = p;
	l->nname = (size_t)(end - p);
}

/* Over digits and colons; the colon follows the digits in ASCII. */
static inline const char *
past_port(const char *p, const char *end)
{
#ifdef __SSE2__
	__m128i v;
	unsigned others;

	if (end - p >= 16) {
		v = _mm_sub_epi8(_mm_loadu_si128((const void *)p),
		    _mm_set1_epi8('0'));
		others = ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
		    _mm_min_epu8(v, _mm_set1_epi8(10)), v));
		p += __builtin_ctz(others);	/* 16 when there are none */
	}
#endif
	while (p < end && (unsigned char)(*p - '0') <= 10)
		p++;
	return p;
}

/* "[ADDRESS]" and what follows it up to a blank: where that is; NULL: none */
static const char *
bracket(const char *p, const char *end, struct ir_mlog_addr *a)
{
	const char *q;
	unsigned n = 0;

	if (p == end || *p != '[')
		return NULL;
#ifdef __SSE2__
	if (end - p > 16)
		n = addr_4_quick(p + 1, a->b);
#endif
	if (n) {
		a->family = 4;
		q = p + 1 + n;
	} else {
		q = near(p, end - p > 48 ? p + 48 : end, ']');
		if (!q || !ir_mlog_addr(p + 1, (size_t)(q - p) - 1, a))
			return NULL;
	}
	q = past_port(q + 1, end);
	return q == end || *q == ' ' ? q : NULL;
}

/*
 * "host (helo) [address]:port": where it ends.  A HELO may be anything, so
 * that the last address in question is the one that Exim wrote.
 */
static const char *
host(struct ir_mlog_line *l, const char *p, const char *end)
{
	struct ir_mlog_addr a;
	const char *q, *open, *last = NULL, *stop;

	if (p == end)
		return NULL;
	/* a name, without blanks */
	q = near(p, end, ' ');
	if (*p != '(' && *p != '[') {
		if (!q)
			return NULL;
		p = q + 1;
	}
	if (p < end && *p == '(') {
		open = p + 1;
		/* nearly always there is but one parenthesis */
		q = near(p, end, ')');
		if (q && end - q > 2 && !memchr(q + 1, ')',
		    (size_t)(end - q - 1)) && q[1] == ' ') {
			last = bracket(q + 2, end, &l->ip);
			l->robot = last && robot(open, (size_t)(q - open));
			return last;
		}
		stop = find(p, end, " T=\"");
		if (!stop)
			stop = end;
		for (q = p; (q = find(q, stop, ") [")); q += 3) {
			const char *r = bracket(q + 2, end, &a);

			if (!r)
				continue;
			l->forged |= last != NULL;
			l->robot = robot(open, (size_t)(q - open));
			l->ip = a;
			last = r;
		}
		return last;
	}
	q = bracket(p, end, &a);
	if (q)
		l->ip = a;
	return q;
}

static bool
local_user(const char *p, size_t n)
{
	static const char *const mta[] = { "Debian-exim", "mailnull", "exim",
		"mail", "Mailnull" };
	size_t i;

	for (i = 0; i < sizeof mta / sizeof *mta; i++)
		if (strlen(mta[i]) == n && memcmp(mta[i], p, n) == 0)
			return false;
	return true;
}

/* What follows "<= sender ". */
struct fields {
	const char *user, *proto, *own;
	size_t nuser, nproto, nown;
	bool host;
};

/* Where a token ends, of which q is the first blank; NULL: there is none. */
static inline const char *
past_quotes(const char *p, const char *q, const char *end)
{
	if (q && q - p >= 4 && p[3] == '"' && p[2] == '=') {
		/* DN="..." */
		q = memchr(p + 4, '"', (size_t)(end - p - 4));
		if (q)
			q = memchr(q, ' ', (size_t)(end - q));
	}
	return q ? q : end;
}

static const char *
token_end(const char *p, const char *end)
{
	return past_quotes(p, near(p, end, ' '), end);
}

static void
set_title(struct ir_mlog_line *l, const char *p, const char *end)
{
	const char *q = p;

	while ((q = memchr(q, '"', (size_t)(end - q))) && q > p &&
	    q[-1] == '\\')
		q++;
	l->title = p;
	l->ntitle = (size_t)((q ? q : end) - p);
}

/* One field "X=value" before S=, from p to end. */
static inline void
take_field(struct ir_mlog_line *l, struct fields *f, const char *p,
    const char *end)
{
	const char *v = p + 2;

	switch (*p) {
	case 'A':
		set_account(l, v, (size_t)(end - v));
		break;
	case 'I':
		f->own = v;
		f->nown = (size_t)(end - v);
		break;
	case 'P':
		if (f->proto)
			break;
		f->proto = v;
		f->nproto = (size_t)(end - v);
		break;
	case 'U':
		if (f->user)
			break;
		f->user = v;
		f->nuser = (size_t)(end - v);
		break;
	default:
		break;
	}
}

static void
arrival_fields(struct ir_mlog_line *l, struct fields *f, const char *p,
    const char *end)
{
	const char *q;
	bool after = false;	/* S=: what follows is the sender's choice */

	for (; end - p > 3; p = q < end ? q + 1 : end) {
		if (p[1] != '=') {
			if (end - p > 5 && memcmp(p, "from <", 6) == 0)
				return;
			q = token_end(p, end);
		} else if (*p == 'H' && !f->host && !after) {
			f->host = true;
			q = host(l, p + 2, end);
			if (!q)
				return;
		} else if (*p == 'T' && p[2] == '"') {
			set_title(l, p + 3, end);
			return;
		} else {
			q = token_end(p, end);
			if (*p == 'S')
				after = true;
			else if (!after)
				take_field(l, f, p, q);
		}
	}
}

/* A message without a login: this host's, or from outside. */
static void
find_sender(struct ir_mlog_line *l, const struct fields *f)
{
	struct ir_mlog_addr own;

	if (!f->host && f->user && f->nproto >= 5 &&
	    memcmp(f->proto, "local", 5) == 0) {
		if (l->nsender && local_user(f->user, f->nuser)) {
			l->who = IR_MLOG_USER;
			l->name = f->user;
			l->nname = f->nuser;
		}
		return;
	}
	if (!l->ip.family || !l->nsender)
		return;
	if (ir_mlog_addr_inside(&l->ip) || (f->own &&
	    bracket(f->own, f->own + f->nown, &own) &&
	    own.family == l->ip.family && memcmp(own.b, l->ip.b,
	    own.family == 4 ? 4 : 16) == 0)) {
		l->who = IR_MLOG_PEER;
		inet_ntop(l->ip.family == 4 ? AF_INET : AF_INET6, l->ip.b,
		    l->store, sizeof l->store);
		l->name = l->store;
		l->nname = strlen(l->store);
	}
}

/* P=esmtpa, esmtpsa, asmtp, smtpa: with a login; local: by whom U= says */
static bool
authenticated(const struct fields *f)
{
	size_t n = f->nproto;

	return (n && f->proto[n - 1] == 'a') || (n > 4 &&
	    memcmp(f->proto, "asmtp", 5) == 0) || (n > 4 &&
	    memcmp(f->proto, "local", 5) == 0);
}

static RARE void
arrival(struct ir_mlog_line *l, const char *p, const char *end)
{
	struct fields f = { 0 };
	const char *q = p;

	l->kind = IR_MLOG_ARRIVE;
	/* "a b"@example.com: blanks in quotes end nothing */
	if (p < end && *p == '"')
		for (q++; q < end && *q != '"'; q++)
			q += *q == '\\' && end - q > 1;
	q = near(q, end, ' ');
	if (!q)
		q = end;
	l->sender = p;
	l->nsender = (size_t)(q - p);
	if (l->nsender == 2 && memcmp(p, "<>", 2) == 0)
		l->nsender = 0;
	arrival_fields(l, &f, q < end ? q + 1 : q, end);
	/* who logged in has it in P=, too, which no text of others precedes */
	if (l->who == IR_MLOG_ACCOUNT && f.proto && !authenticated(&f))
		l->who = IR_MLOG_NOBODY;
	if (l->who == IR_MLOG_NOBODY)
		find_sender(l, &f);
}

/* --- Exim: lines without an id ------------------------------------------ */

/* "X authenticator failed for HOST [IP]:PORT: 535 ... (set_id=NAME)" */
static void
failed(struct ir_mlog_line *l, const char *p, const char *end)
{
	const char *q, *code = find(p, end, ": 535"), *set;

	l->kind = IR_MLOG_FAIL;
	l->n = 1;
	/* before the reply: no one but Exim writes after it */
	for (q = code; q && code && (q = find(code + 1, end, ": 535")); )
		code = q;
	if (p < end && (*p == '(' || *p == '[' ||
	    memchr(p, ' ', (size_t)(end - p))))
		(void)host(l, p, code ? code : end);
	set = code ? find(code, end, "(set_id=") : NULL;
	q = set ? memchr(set, ')', (size_t)(end - set)) : NULL;
	if (!q || q == set + 8)
		return;
	l->who = IR_MLOG_ACCOUNT;
	l->name = set + 8;
	l->nname = (size_t)(q - set) - 8;
}

/* "no MAIL in SMTP connection from H [IP] ... A=plain:NAME ... C=..." */
static void
no_mail(struct ir_mlog_line *l, const char *p, const char *end)
{
	const char *q = host(l, p, end);

	for (; q && q + 3 < end; q = token_end(q + 1, end))
		if (q[0] == ' ' && q[1] == 'A' && q[2] == '=')
			set_account(l, q + 3,
			    (size_t)(token_end(q + 3, end) - q) - 3);
	if (l->who == IR_MLOG_ACCOUNT)
		l->kind = IR_MLOG_CHECK;
}

/* "cwd=DIR N args: /usr/sbin/sendmail -t -i": somebody's script */
static void
script(struct ir_mlog_line *l, const char *p, const char *end)
{
	static const char *const noise[] = { " -Mc ", " -q", " -bd", " -bp",
		" -bt", " -bV", " -bP", " -MC ", " -FCronDaemon", " -bs",
		" -E", " -bpc", " -v -M" };
	const char *args = find(p, end, " args: "), *q = args;
	size_t i;

	if (!args)
		return;
	for (i = 0; i < sizeof noise / sizeof *noise; i++)
		if (find(args, end, noise[i]))
			return;
	while (q > p && digit(q[-1]))
		q--;
	if (q <= p + 1 || q[-1] != ' ' ||
	    (q - 1 - p >= 10 && memcmp(p, "/var/spool", 10) == 0))
		return;
	l->kind = IR_MLOG_SCRIPT;
	l->who = IR_MLOG_PATH;
	l->name = p;
	l->nname = (size_t)(q - 1 - p);
}

/* A line that begins with no id; false: none of Exim's that matter. */
static RARE bool
without_id(struct ir_span s, struct ir_mlog_line *l)
{
	const char *p = s.p, *q;

	if (STARTS(&s, "cwd=")) {
		script(l, p + 4, s.end);
		return true;
	}
	if (STARTS(&s, "no MAIL in SMTP connection from ")) {
		no_mail(l, p + 32, s.end);
		return true;
	}
	if (STARTS(&s, "H=") || STARTS(&s, "SMTP ") || STARTS(&s, "TLS ") ||
	    left(&s) < 30)
		return false;
	q = find(p, p + 60 < s.end ? p + 60 : s.end,
	    " authenticator failed for ");
	if (q) {
		failed(l, q + 26, s.end);
		return true;
	}
	return false;
}

/* What follows the time. */
static inline bool
exim(struct ir_span s, struct ir_mlog_line *l)
{
	const char *p = s.p, *q;
	size_t n;

	if (left(&s) > 1 && *p == '[' && digit(p[1])) {	/* [pid] */
		q = memchr(p, ']', left(&s) > 12 ? 12 : left(&s));
		if (q && q + 1 < s.end && q[1] == ' ')
			p = s.p = q + 2;
	}
	n = exim_id(p, left(&s));
	if (n && s.end - (p + n) >= 3) {
		q = p + n + 1;
		l->id = n == 16 ? hash_16(p) : hash_23(p);
		if (q[0] == '<' && q[1] == '=') {
			if (s.end - q > 3)
				arrival(l, q + 3, s.end);
		} else if (q[1] == '>' && (q[0] == '=' || q[0] == '-' ||
		    q[0] == '>')) {
			l->kind = IR_MLOG_SENT;
		} else if (q[0] == '*' && q[1] == '*') {
			l->kind = IR_MLOG_BOUNCE;
		} else if (q[0] == '=' && q[1] == '=') {
			l->kind = IR_MLOG_DEFER;
		} else if (s.end - q >= 9 && memcmp(q, "Completed", 9) == 0) {
			l->kind = IR_MLOG_DONE;
		}
		return true;
	}
	return without_id(s, l);
}

bool
ir_mlog_exim(struct ir_span s, struct ir_mlog_line *l)
{
	return exim(s, l);
}

/* --- all ---------------------------------------------------------------- */

void
ir_mlog_parse(const char *line, size_t n, struct ir_mlog_clock *c,
    struct ir_mlog_line *l)
{
	struct ir_span s = { line, line + n };

	l->kind = IR_MLOG_NONE;
	l->who = IR_MLOG_NOBODY;
	l->id = 0;
	l->time = 0;
	l->nname = l->nsender = l->ntitle = 0;
	l->ip.family = 0;
	l->n = 0;
	l->robot = l->forged = false;
	if (exim_time(&s, c, &l->time)) {
		/* the form of files comes without a host in front */
		if (!exim(s, l))
			ir_mlog_syslog(s, l);
	} else if (syslog_time(&s, c, &l->time) || tai_time(&s, &l->time)) {
		ir_mlog_syslog(s, l);
	} else if (n && *line != ' ' && *line != '\t' && *line != '-') {
		/* rejectlog's headers are indented, or after its ----- */
		l->kind = IR_MLOG_JUNK;
	}
}
