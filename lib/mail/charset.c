/* charset.c - see charset.h */
#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "core/buf.h"
#include "core/text.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define LABEL_MAX 40
#define HOLD_MAX 32
#define INVALID ((iconv_t)-1)

/* How a label is converted, beside by iconv under another name. */
#define GUESS "?"
#define LATIN "1252"
#define UTF8 "UTF-8"
#define JIS "2022"
#define EUC "EUC-JP-MS"
#define SJIS "CP932"

static const struct alias {
	const char *label, *means;
} aliases[] = {
	{ "us-ascii", GUESS }, { "ascii", GUESS }, { "unknown-8bit", GUESS },
	{ "x-unknown", GUESS }, { "default", GUESS }, { "binary", GUESS },
	{ "utf-8", UTF8 }, { "utf8", UTF8 },
	{ "iso-8859-1", LATIN }, { "latin1", LATIN }, { "iso8859-1", LATIN },
	{ "windows-1252", LATIN }, { "cp1252", LATIN },
	{ "iso-2022-jp", JIS }, { "iso-2022-jp-ms", JIS },
	{ "iso-2022-jp-1", JIS }, { "iso-2022-jp-3", JIS },
	{ "iso-2022-jp-2004", JIS }, { "csiso2022jp", JIS },
	{ "cp50220", JIS }, { "cp50221", JIS }, { "jis", JIS },
	{ "euc-jp", EUC }, { "x-euc-jp", EUC }, { "eucjp", EUC },
	{ "euc_jp", EUC }, { "eucjp-ms", EUC },
	{ "shift_jis", SJIS }, { "shift-jis", SJIS }, { "sjis", SJIS },
	{ "x-sjis", SJIS }, { "ms_kanji", SJIS }, { "windows-31j", SJIS },
	{ "cp932", SJIS }, { "csshiftjis", SJIS },
	{ "gb2312", "GB18030" }, { "gb_2312-80", "GB18030" },
	{ "gbk", "GB18030" }, { "x-gbk", "GB18030" }, { "cp936", "GB18030" },
	{ "ks_c_5601-1987", "UHC" }, { "euc-kr", "UHC" },
	{ "big5", "BIG5-HKSCS" }, { "unicode-1-1-utf-7", "UTF-7" },
	{ "tis-620", "CP874" },
};

/* A label that hides in base64 is one of these, as a rule. */
static const char *const common[] = {
	EUC, SJIS, "GB18030", "UHC", "BIG5-HKSCS", "ISO-8859-15", "KOI8-R",
	"WINDOWS-1251", "WINDOWS-1250", "ISO-8859-2",
};

/*
 * What mail is written in.  The sender chooses the label, and iconv would
 * load any of its modules for him: of the rest, which no mail needs, some
 * never end or abort on certain bytes (glibc before 2.33: IBM1364 and its
 * kin, ISO-2022-JP-3, UCS4).
 */
static bool
known(const char *name)
{
	static const char *const begin[] = { "iso-8859-", "iso8859-",
	    "iso_8859-", "latin", "windows-125", "cp125", "cp437", "cp85",
	    "cp86", "cp87", "ibm85", "ibm86", "koi8-", "mac", "x-mac-",
	    "utf-16", "utf-32", "utf-7", "gb18030", "uhc", "cp949",
	    "windows-949", "windows-874", "johab", "big5", "cp950", "euc-tw",
	    "euctw", "euc-cn", "euccn", "euckr", "iso-2022-kr", "viscii",
	    "tcvn", "armscii-8", "georgian-" };
	size_t i;

	for (i = 0; i < sizeof begin / sizeof begin[0]; i++)
		if (ir_ascii_starts(name, begin[i]))
			return true;
	return false;
}

/* What a label means: one of the words above, or a name for iconv. */
static const char *
meaning(const char *label, size_t len, char name[LABEL_MAX + 1])
{
	size_t i;

	if (!label || len == 0 || len > LABEL_MAX)
		return GUESS;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)label[i];

		/* a '/' would be read as an option by iconv_open */
		if (!((c >= '0' && c <= '9') || c == '-' || c == '_' ||
		    c == '.' || c == ':' || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z')))
			return GUESS;
		name[i] = (char)c;
	}
	name[len] = '\0';
	for (i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (ir_ascii_ieq(aliases[i].label, name))
			return aliases[i].means;
	return known(name) ? name : GUESS;
}

static void
utf8(struct ir_buf *out, const char *s, size_t n)
{
	size_t len, run = 0;

	while (run < n) {
		len = ir_utf8_len(s + run, n - run, NULL);
		if (len) {
			run += len;
			continue;
		}
		ir_buf_add(out, s, run);
		ir_buf_str(out, REPLACEMENT);
		s += run + 1;
		n -= run + 1;
		run = 0;
	}
	ir_buf_add(out, s, n);
}

static void
put_code_point(struct ir_buf *out, unsigned c)
{
	if (c < 0x80) {
		ir_buf_chr(out, (int)c);
	} else if (c < 0x800) {
		ir_buf_chr(out, (int)(0xc0 | c >> 6));
		ir_buf_chr(out, (int)(0x80 | (c & 0x3f)));
	} else {
		ir_buf_chr(out, (int)(0xe0 | c >> 12));
		ir_buf_chr(out, (int)(0x80 | (c >> 6 & 0x3f)));
		ir_buf_chr(out, (int)(0x80 | (c & 0x3f)));
	}
}

/* Own table, so that the most common 8-bit charset needs no module. */
static void
latin(struct ir_buf *out, const char *s, size_t n)
{
	static const unsigned short high[32] = {
		0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
		0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
		0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
		0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
	};
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned c = (unsigned char)s[i];

		put_code_point(out, c >= 0x80 && c < 0xa0 ? high[c - 0x80] : c);
	}
}

/* By iconv; false, with nothing written, when it does not know the name. */
static bool
by_iconv(struct ir_buf *out, const char *name, const char *s, size_t n)
{
	union { const char *in; char *out; } u = { s };
	char *from = u.out;	/* iconv's prototype lacks the const */
	char chunk[4096], *to;
	size_t left = n, room, rc;
	iconv_t cd = iconv_open(UTF8, name);

	if (cd == INVALID)
		return false;
	while (left) {
		to = chunk;
		room = sizeof chunk;
		rc = iconv(cd, &from, &left, &to, &room);
		utf8(out, chunk, (size_t)(to - chunk));
		if (rc != (size_t)-1 || errno == E2BIG)
			continue;
		ir_buf_str(out, REPLACEMENT);
		if (errno == EINVAL || left == 0)
			break;
		from++;
		left--;
	}
	/* what the converter still holds back */
	to = chunk;
	room = sizeof chunk;
	iconv(cd, NULL, NULL, &to, &room);
	utf8(out, chunk, (size_t)(to - chunk));
	iconv_close(cd);
	return true;
}

static void
convert(struct ir_buf *out, const char *name, const char *s, size_t n)
{
	size_t i;

	if (by_iconv(out, name, s, n))
		return;
	for (i = 0; i < n; i++) {	/* no module here: keep the ASCII */
		if ((unsigned char)s[i] < 0x80)
			ir_buf_chr(out, s[i]);
		else
			ir_buf_str(out, REPLACEMENT);
	}
}

/*
 * ISO-2022-JP to EUC by its escapes (RFC 1468, 2237): one converter then
 * does for both, and it knows the NEC and IBM rows and half-width kana.
 */
static void
jis(struct ir_buf *out, const char *s, size_t n)
{
	enum { ASCII, KANA, TWO, SUPPLEMENT } mode = ASCII;
	struct ir_buf euc = IR_BUF(n * 3 + 1);
	size_t i = 0;

	while (i < n) {
		unsigned char c = (unsigned char)s[i];

		if (c == 0x1b && i + 2 < n && s[i + 1] == '(') {
			mode = s[i + 2] == 'I' ? KANA : ASCII;
			i += 3;
		} else if (c == 0x1b && i + 3 < n && s[i + 1] == '$' &&
		    s[i + 2] == '(') {
			mode = s[i + 3] == 'D' ? SUPPLEMENT : TWO;
			i += 4;
		} else if (c == 0x1b && i + 2 < n && s[i + 1] == '$') {
			mode = TWO;
			i += 3;
		} else if (c == 0x1b && i + 4 > n) {
			break;		/* an escape that is cut off */
		} else if (c == '\n') {
			mode = ASCII;	/* each line begins anew */
			ir_buf_chr(&euc, '\n');
			i++;
		} else if (mode == KANA && c > 0x20 && c < 0x60) {
			ir_buf_chr(&euc, 0x8e);
			ir_buf_chr(&euc, c | 0x80);
			i++;
		} else if (mode >= TWO && c > 0x20 && c < 0x7f) {
			if (i + 1 == n || s[i + 1] <= 0x20 ||
			    s[i + 1] == 0x7f) {
				ir_buf_chr(&euc, 0xff);
				i++;
				continue;
			}
			if (mode == SUPPLEMENT)
				ir_buf_chr(&euc, 0x8f);
			ir_buf_chr(&euc, c | 0x80);
			ir_buf_chr(&euc, s[i + 1] | 0x80);
			i += 2;
		} else {
			ir_buf_chr(&euc, c);
			i++;
		}
	}
	convert(out, EUC, ir_buf_cstr(&euc), euc.len);
	ir_buf_free(&euc);
}

static bool
has_jis_escape(const char *s, size_t n)
{
	const char *p = s, *end = s + n;

	while ((p = memchr(p, 0x1b, (size_t)(end - p))) != NULL) {
		p++;
		if (end - p >= 2 && (*p == '$' || (*p == '(' && p[1] == 'I')))
			return true;
	}
	return false;
}

/* Would this be Japanese EUC?  Kana, or a run of two kanji, must be in it. */
static bool
like_euc(const unsigned char *s, size_t n)
{
	size_t i, run = 0;
	bool sure = false;

	for (i = 0; i < n; i++) {
		if (s[i] < 0x80) {
			run = 0;
			continue;
		}
		if (i + 1 == n || s[i + 1] < 0xa1 || s[i + 1] == 0xff ||
		    (s[i] < 0xa1 && s[i] != 0x8e) || s[i] == 0xff)
			return false;
		if (s[i] == 0xa4 || s[i] == 0xa5 || ++run >= 2)
			sure = true;
		i++;
	}
	return sure;
}

static bool
like_sjis(const unsigned char *s, size_t n)
{
	size_t i, run = 0;
	bool sure = false;

	for (i = 0; i < n; i++) {
		unsigned char c = s[i], d;

		if (c < 0x80) {
			run = 0;
			continue;
		}
		if (c >= 0xa1 && c <= 0xdf) {	/* half-width kana */
			sure = sure || ++run >= 3;
			continue;
		}
		if (c == 0x80 || c == 0xa0 || c > 0xfc || i + 1 == n)
			return false;
		d = s[++i];
		if (d < 0x40 || d == 0x7f || d > 0xfc)
			return false;
		if (((c == 0x82 || c == 0x83) && d >= 0x40) || ++run >= 2)
			sure = true;
	}
	return sure;
}

static bool
is_utf8(const char *s, size_t n)
{
	size_t len;

	for (; n; s += len, n -= len) {
		len = ir_utf8_len(s, n, NULL);
		if (len == 0)
			return false;
	}
	return true;
}

/* Some valid sequence of several bytes: then the label UTF-8 is no lie. */
static bool
some_utf8(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (ir_utf8_len(s + i, n - i, NULL) > 1)
			return true;
	return false;
}

static const char *
guess(const char *s, size_t n)
{
	union { const char *c; const unsigned char *u; } v = { s };

	if (has_jis_escape(s, n))
		return JIS;
	if (is_utf8(s, n))
		return UTF8;
	if (like_euc(v.u, n))
		return EUC;
	if (like_sjis(v.u, n))
		return SJIS;
	return some_utf8(s, n) ? UTF8 : LATIN;
}

void
ir_charset_utf8(struct ir_buf *out, const char *charset, size_t len,
    const char *s, size_t n)
{
	char name[LABEL_MAX + 1];
	const char *how = meaning(charset, len, name);

	if (strcmp(how, GUESS) == 0 ||
	    (strcmp(how, UTF8) == 0 && !some_utf8(s, n)))
		how = guess(s, n);
	if (strcmp(how, UTF8) == 0)
		utf8(out, s, n);
	else if (strcmp(how, LATIN) == 0)
		latin(out, s, n);
	else if (strcmp(how, JIS) == 0)
		jis(out, s, n);
	else if (how != name)
		convert(out, how, s, n);
	else if (!by_iconv(out, how, s, n))
		ir_charset_utf8(out, NULL, 0, s, n);
}

/* --- loading ahead ------------------------------------------------------ */

struct ir_charset_hold {
	iconv_t cd[HOLD_MAX];
	char named[HOLD_MAX][LABEL_MAX + 1];
	size_t n;
};

static void
hold_one(struct ir_charset_hold *h, const char *label, size_t len)
{
	char name[LABEL_MAX + 1];
	const char *how = meaning(label, len, name);
	iconv_t cd;
	size_t i;

	if (strcmp(how, GUESS) == 0 || strcmp(how, UTF8) == 0 ||
	    strcmp(how, LATIN) == 0 || h->n == HOLD_MAX)
		return;
	if (strcmp(how, JIS) == 0)
		how = EUC;
	for (i = 0; i < h->n; i++)
		if (ir_ascii_ieq(h->named[i], how))
			return;
	/* an unknown one is kept too: it is not asked for again */
	cd = iconv_open(UTF8, how);
	memcpy(h->named[h->n], how, strlen(how) + 1);
	h->cd[h->n++] = cd;
}

static bool
label_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' ||
	    c == ':';
}

static void
hold_after(struct ir_charset_hold *h, const char *p, const char *end)
{
	const char *from;

	while (p < end && (*p == '"' || *p == ' ' || *p == '\t' ||
	    *p == '\r' || *p == '\n' || *p == '\''))
		p++;
	for (from = p; p < end && label_char(*p); p++)
		;
	hold_one(h, from, (size_t)(p - from));
}

struct ir_charset_hold *
ir_charset_hold(const char *raw, size_t n)
{
	struct ir_charset_hold *h = calloc(1, sizeof *h);
	const char *p, *end = raw + n;
	bool high = false, equal = false;
	size_t i;

	if (!h)
		return NULL;
	for (p = raw; (p = memchr(p, '=', (size_t)(end - p))) != NULL; ) {
		p++;
		if (p < end && *p == '?')
			hold_after(h, p + 1, end);
		else if (p - raw >= 8 && strncasecmp(p - 8, "charset=", 8) == 0)
			hold_after(h, p, end);
		else if (p - raw >= 9 && memchr(p - 9, '*', 9))
			equal = true;	/* RFC 2231: charset*0*=... */
	}
	for (i = 0; i < n && !high; i++)
		high = (unsigned char)raw[i] >= 0x80;
	if (has_jis_escape(raw, n) || high)
		hold_one(h, EUC, strlen(EUC));
	if (high)
		hold_one(h, SJIS, strlen(SJIS));
	/* labels inside what is encoded are not seen from here */
	if (equal || memmem(raw, n, "base64", 6) ||
	    memmem(raw, n, "BASE64", 6) || memmem(raw, n, "Base64", 6) ||
	    memmem(raw, n, "quoted-printable", 16)) {
		hold_one(h, EUC, strlen(EUC));
		hold_one(h, SJIS, strlen(SJIS));
	}
	if (memmem(raw, n, "message/", 8) && memmem(raw, n, "base64", 6))
		for (i = 0; i < sizeof common / sizeof common[0]; i++)
			hold_one(h, common[i], strlen(common[i]));
	return h;
}

void
ir_charset_release(struct ir_charset_hold *h)
{
	size_t i;

	for (i = 0; h && i < h->n; i++)
		if (h->cd[i] != INVALID)
			iconv_close(h->cd[i]);
	free(h);
}
