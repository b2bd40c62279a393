/* unpack.c - see unpack.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "log/gunzip.h"
#include "unpack.h"
#include "unxz.h"

#define BLOCK 512		/* of tar */
#define IN_SIZE (64u << 10)
#define OUT_SIZE (128u << 10)
#define NAME_MAX_HERE 4096
#define WINDOW_LOG_MAX 27
#define REACH IR_LEAK_REACH
#define ZIP_HEADER 30
#define DEB_MAGIC 8		/* bytes before the first header */
#define DEB_HEADER 60
#define ZIP_EXTRA 1024

enum kind { SNIFF, PLAIN, GZIP, ZSTD, XZ, ZIP, TAR, DEB, NOTHING };

enum state {
	HEAD,			/* zip: a signature; tar: a block */
	NAME,			/* zip: name and extra field */
	STORED, PACKED, REST,	/* data; REST: until the end */
	LONG,			/* tar: a long name, pax records */
	PASS,			/* data of no interest */
	OVER
};

struct layer {
	enum kind kind;
	enum state state;
	unsigned char head[BLOCK];	/* the first bytes; a header */
	size_t nhead;
	char name[NAME_MAX_HERE + 1];	/* of the member */
	size_t nname, nlong;
	size_t member;			/* where its part of u->member begins */
	uint64_t left, pad;		/* of the member's data */
	char type;			/* tar: of the header */
	unsigned method, flags;		/* zip */
	size_t want;			/* zip: of name and extra field */
	unsigned char extra[ZIP_EXTRA];
	size_t nextra;
	bool child;			/* a layer above is open */
	bool said;			/* damage was reported */
	/* kept from file to file */
	struct ir_gunzip *gz;
	bool inside;			/* of a gzip member or a frame */
	unsigned char *in;		/* IR_GUNZIP_BACK + IN_SIZE */
	size_t at, end;
	z_stream z;
	bool have_z;
	ZSTD_DCtx *zd;
	struct ir_unxz *xz;
	unsigned char *out;		/* OUT_SIZE */
};

struct ir_unpack {
	struct ir_unpack_to to;
	uint64_t limit, made;
	bool full;
	struct layer *layer[IR_UNPACK_DEPTH + 1];
	char member[IR_UNPACK_MEMBER];
	/* the window: what is plain, wherever it came from */
	unsigned char *win;		/* IR_UNPACK_WINDOW + 2 * REACH */
	size_t nwin, shown;
	uint64_t base, line;
};

static void begin(struct ir_unpack *u, unsigned depth);
static void data(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n);
static void end(struct ir_unpack *u, unsigned depth);

/* --- the window ---------------------------------------------------------- */

/* 16 counts at once, of at most 255 each. */
typedef unsigned char counts __attribute__((vector_size(16)));

/* Where there is a newline all bits are set: -1. */
static inline counts
newlines(const unsigned char *p)
{
	const counts newline = { 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10,
	    10, 10, 10, 10, 10 };
	counts v;

	memcpy(&v, p, sizeof v);
	return (counts)(v == newline);
}

uint64_t
ir_leak_lines(const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n;
	counts a, b;
	uint64_t lines = 0;
	size_t k;

	while (end - p >= 64) {
		a = b = (counts){ 0 };
		/* by 64 bytes: twice as fast as by 16 */
		for (k = 0; k < 127 && end - p >= 64; k++, p += 64) {
			a -= newlines(p);
			b -= newlines(p + 16);
			a -= newlines(p + 32);
			b -= newlines(p + 48);
		}
		for (k = 0; k < sizeof a; k++)
			lines += (uint64_t)a[k] + b[k];
	}
	for (; p < end; p++)
		lines += *p == '\n';
	return lines;
}

static void
show(struct ir_unpack *u, size_t to)
{
	if (to > u->shown)
		u->to.window(u->win, u->nwin, u->shown, to, u->base, u->line,
		    u->member, u->to.arg);
	u->shown = to;
}

static void
plain(struct ir_unpack *u, const unsigned char *p, size_t n)
{
	const size_t size = IR_UNPACK_WINDOW + 2 * REACH;
	size_t part, gone;

	while (n) {
		part = size - u->nwin < n ? size - u->nwin : n;
		memcpy(u->win + u->nwin, p, part);
		u->nwin += part;
		p += part;
		n -= part;
		if (u->nwin < size)
			return;
		show(u, size - REACH);
		gone = size - 2 * REACH;
		u->line += ir_leak_lines(u->win, gone);
		u->base += gone;
		memmove(u->win, u->win + gone, 2 * REACH);
		u->nwin = 2 * REACH;
		u->shown = REACH;
	}
}

static void
plain_begin(struct ir_unpack *u)
{
	u->nwin = u->shown = 0;
	u->base = 0;
	u->line = 1;
}

/* --- what goes wrong ----------------------------------------------------- */

static void
problem(struct ir_unpack *u, struct layer *l, const char *why)
{
	if (l->said)
		return;
	l->said = true;
	u->to.problem(u->member, why, u->to.arg);
}

/* n bytes more were made; are they still welcome? */
static bool
count(struct ir_unpack *u, struct layer *l, size_t n)
{
	u->made += n;
	if (u->limit && u->made > u->limit && !u->full) {
		u->full = true;
		problem(u, l, "unpacks to more than the limit: the rest was "
		    "not looked at");
	}
	return !u->full;
}

/* --- members ------------------------------------------------------------- */

/* A member with l->name begins. */
static void
member_begin(struct ir_unpack *u, unsigned depth, const char *name)
{
	struct layer *l = u->layer[depth];

	l->member = strlen(u->member);
	if (name)
		snprintf(u->member + l->member,
		    sizeof u->member - l->member, "!%s", name);
	l->child = true;
	l->said = false;
	begin(u, depth + 1);
}

static void
member_end(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];

	if (!l->child)
		return;
	end(u, depth + 1);
	l->child = false;
	u->member[l->member] = '\0';
}

/* --- what kind it is ----------------------------------------------------- */

static bool
octal(const unsigned char *p, size_t n, uint64_t *v)
{
	size_t i = 0;

	*v = 0;
	if (n && p[0] & 0x80) {		/* GNU: base 256 */
		if ((p[0] & 0x7f) != 0)
			return false;
		for (i = 1; i < n; i++) {
			if (*v >> 55)
				return false;
			*v = *v << 8 | p[i];
		}
		return true;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
		if (*v >> 60)
			return false;
		*v = *v << 3 | (unsigned)(p[i] - '0');
	}
	return i == n || p[i] == ' ' || p[i] == '\0';
}

/* A header of tar has a sum of its bytes, its own field taken as blanks. */
static bool
is_tar(const unsigned char *p)
{
	uint64_t want, size, sum = 0;
	size_t i;

	if (p[0] == 0 || (p[148] != ' ' && (p[148] < '0' || p[148] > '7')) ||
	    !octal(p + 148, 8, &want) || want == 0 ||
	    !octal(p + 124, 12, &size))
		return false;
	for (i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	return sum == want;
}

static bool
is_xz(const unsigned char *p, size_t n)
{
	return n >= 6 && memcmp(p, "\xfd" "7zXZ\0", 6) == 0;
}

static enum kind
kind_of(const unsigned char *p, size_t n)
{
	if (n >= 4 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8)
		return GZIP;
	if (n >= 4 && p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f &&
	    p[3] == 0xfd)
		return ZSTD;
	if (ir_unxz_can() && is_xz(p, n))
		return XZ;
	if (n >= 4 && memcmp(p, "PK\3\4", 4) == 0)
		return ZIP;
	if (n >= DEB_MAGIC + DEB_HEADER &&
	    memcmp(p, "!<arch>\ndebian-binary", 21) == 0)
		return DEB;
	return n >= BLOCK && is_tar(p) ? TAR : PLAIN;
}

/* Packed by what is not unpacked here. */
static const char *
foreign(const unsigned char *p, size_t n)
{
	if (!ir_unxz_can() && is_xz(p, n))
		return "xz data is not looked into";
	if (n >= 10 && memcmp(p, "BZh", 3) == 0 &&
	    memcmp(p + 4, "1AY&SY", 6) == 0)
		return "bzip2 data is not looked into";
	if (n >= 6 && memcmp(p, "7z\xbc\xaf\x27\x1c", 6) == 0)
		return "7-Zip data is not looked into";
	if (n >= 6 && memcmp(p, "Rar!\x1a\x07", 6) == 0)
		return "RAR data is not looked into";
	if (n >= 4 && memcmp(p, "\x04\x22\x4d\x18", 4) == 0)
		return "LZ4 data is not looked into";
	return NULL;
}

bool
ir_unpack_is(const unsigned char *p, size_t n)
{
	return kind_of(p, n) != PLAIN || foreign(p, n);
}

/* --- gzip, Zstandard, xz -------------------------------------------------- */

static bool
ready_out(struct layer *l)
{
	if (!l->out)
		l->out = malloc(OUT_SIZE);
	return l->out != NULL;
}

static bool
gzip_begin(struct layer *l)
{
	if (!l->gz)
		l->gz = ir_gunzip_new();
	if (!l->in)
		l->in = malloc(IR_GUNZIP_BACK + IN_SIZE);
	if (!l->gz || !l->in || !ready_out(l))
		return false;
	ir_gunzip_reset(l->gz);
	l->at = l->end = IR_GUNZIP_BACK;
	l->inside = true;
	return true;
}

/* Unpack what is in l->in, as far as it goes. */
static void
gzip_run(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];
	const unsigned char *p;
	size_t left, made;
	int rc;

	while (l->kind == GZIP && !u->full) {
		p = l->in + l->at;
		left = l->end - l->at;
		/* between members: another, or what is no part of it */
		if (!l->inside) {
			if (left < 3)
				return;
			if (p[0] != 0x1f || p[1] != 0x8b || p[2] != 8) {
				l->kind = NOTHING;
				return;
			}
			ir_gunzip_reset(l->gz);
			l->inside = true;
		}
		rc = ir_gunzip_run(l->gz, &p, &left, l->out, OUT_SIZE, &made);
		l->at = l->end - left;
		if (made && count(u, l, made))
			data(u, depth + 1, l->out, made);
		if (rc < 0) {
			problem(u, l, "damaged gzip data");
			l->kind = NOTHING;
		} else if (rc > 0) {
			l->inside = false;
		} else if (made == 0 && left == 0) {
			return;
		} else if (made == 0) {
			problem(u, l, "damaged gzip data");
			l->kind = NOTHING;
		}
	}
}

static void
gzip_data(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n)
{
	struct layer *l = u->layer[depth];
	size_t part, back;

	while (n && l->kind == GZIP && !u->full) {
		/* a few bytes of what was read are kept before the rest */
		back = l->at - IR_GUNZIP_BACK;
		memmove(l->in, l->in + back, l->end - back);
		l->at -= back;
		l->end -= back;
		part = IR_GUNZIP_BACK + IN_SIZE - l->end;
		if (part > n)
			part = n;
		memcpy(l->in + l->end, p, part);
		l->end += part;
		p += part;
		n -= part;
		gzip_run(u, depth);
	}
}

static bool
zstd_begin(struct layer *l)
{
	if (!l->zd) {
		l->zd = ZSTD_createDCtx();
		if (l->zd)
			(void)ZSTD_DCtx_setParameter(l->zd,
			    ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	}
	if (!l->zd || !ready_out(l))
		return false;
	(void)ZSTD_DCtx_reset(l->zd, ZSTD_reset_session_only);
	l->inside = true;
	return true;
}

/* How much of p it took; l->inside says whether a frame is open still. */
static size_t
zstd_data(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n, bool one)
{
	struct layer *l = u->layer[depth];
	ZSTD_inBuffer in = { p, n, 0 };
	ZSTD_outBuffer out = { l->out, OUT_SIZE, 0 };
	size_t rc, before;

	do {
		out.pos = 0;
		before = in.pos;
		rc = ZSTD_decompressStream(l->zd, &out, &in);
		if (ZSTD_isError(rc)) {
			problem(u, l, "damaged Zstandard data");
			l->inside = false;
			return n;
		}
		if (out.pos && count(u, l, out.pos))
			data(u, depth + 1, l->out, out.pos);
		l->inside = rc != 0;
		if (one && rc == 0)
			break;
	} while (!u->full && (in.pos < n || out.pos == OUT_SIZE) &&
	    (in.pos != before || out.pos));
	return in.pos;
}

static bool
xz_begin(struct layer *l)
{
	if (!l->xz)
		l->xz = ir_unxz_new();
	else if (ir_unxz_reset(l->xz))
		return false;
	l->inside = true;
	return l->xz && ready_out(l);
}

static void
xz_data(struct ir_unpack *u, unsigned depth, const unsigned char *p, size_t n,
    bool last)
{
	struct layer *l = u->layer[depth];
	size_t made;
	int rc;

	do {
		rc = ir_unxz_run(l->xz, &p, &n, last, l->out, OUT_SIZE,
		    &made);
		if (made && count(u, l, made))
			data(u, depth + 1, l->out, made);
	} while (rc == 0 && !u->full && (n || made == OUT_SIZE || last));
	if (rc == 0 || u->full)
		return;
	if (rc < 0)
		problem(u, l, rc == -1 ? "damaged xz data" : rc == -2 ?
		    "it takes too much memory to unpack: not looked into" :
		    "cut off: its end is missing");
	l->inside = false;
	l->kind = NOTHING;
}

/* --- tar ----------------------------------------------------------------- */

/* "27 path=some/where\n" among the records of a pax header. */
static void
pax_path(struct layer *l)
{
	size_t at = 0, len, i;
	char *eq;

	while (at < l->nlong) {
		len = 0;
		for (i = at; i < l->nlong && l->name[i] >= '0' &&
		    l->name[i] <= '9' && len < 100000; i++)
			len = len * 10 + (size_t)(l->name[i] - '0');
		if (len < 3 || len > l->nlong - at || i >= at + len - 1 ||
		    l->name[i] != ' ')
			break;
		eq = memchr(l->name + i, '=', at + len - 1 - i);
		if (eq && (size_t)(eq - l->name) - i == 5 &&
		    memcmp(l->name + i + 1, "path", 4) == 0) {
			l->nname = at + len - 1 - (size_t)(eq + 1 - l->name);
			memmove(l->name, eq + 1, l->nname);
			l->name[l->nname] = '\0';
			return;
		}
		at += len;
	}
	l->nname = 0;
}

static void
tar_name(struct layer *l, char *name, size_t size)
{
	const char *h = (const char *)l->head;

	if (l->nname)
		snprintf(name, size, "%s", l->name);
	else if (memcmp(h + 257, "ustar", 6) == 0 && h[345])
		snprintf(name, size, "%.155s/%.100s", h + 345, h);
	else
		snprintf(name, size, "%.100s", h);
	l->nname = 0;
}

static void
tar_header(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];
	char name[NAME_MAX_HERE + 1];
	size_t i;

	for (i = 0; i < BLOCK && l->head[i] == 0; i++)
		continue;
	if (i == BLOCK)
		return;
	if (!is_tar(l->head)) {
		problem(u, l, "damaged tar archive");
		return;
	}
	(void)octal(l->head + 124, 12, &l->left);
	l->pad = (BLOCK - l->left % BLOCK) % BLOCK;
	l->type = (char)l->head[156];
	if (l->type == 'L' || l->type == 'x') {
		l->nlong = 0;
		l->state = LONG;
	} else if (l->type == 'g' || l->type == 'K') {
		l->state = PASS;
	} else if (l->type >= '1' && l->type <= '6') {
		/* links, devices, folders have no data, whatever it says */
		l->left = l->pad = 0;
		l->nname = 0;
	} else {
		tar_name(l, name, sizeof name);
		member_begin(u, depth, name);
		l->state = STORED;
	}
	if (l->state != HEAD && l->left == 0 && l->pad == 0) {
		member_end(u, depth);
		l->state = HEAD;
	}
}

static void
tar_long_end(struct layer *l)
{
	l->name[l->nlong] = '\0';
	if (l->type == 'x')
		pax_path(l);
	else
		l->nname = strlen(l->name);
}

/* --- Debian packages ------------------------------------------------------ */

/*
 * An ar(5) archive: of each member a name, 16 characters with blanks behind
 * it, at 48 how long it is, at 58 "`\n"; an odd one is followed by a newline.
 */
static void
deb_header(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];
	const char *h = (const char *)l->head;
	char name[17];
	size_t i, n;

	l->left = 0;
	for (i = 48; i < 58 && h[i] >= '0' && h[i] <= '9'; i++)
		l->left = l->left * 10 + (unsigned)(h[i] - '0');
	if (i == 48 || (i < 58 && h[i] != ' ') ||
	    memcmp(h + 58, "`\n", 2) != 0) {
		problem(u, l, "damaged Debian package");
		l->kind = NOTHING;
		return;
	}
	l->pad = l->left % 2;
	for (n = 16; n && (h[n - 1] == ' ' || h[n - 1] == '/'); n--)
		continue;
	snprintf(name, sizeof name, "%.*s", (int)n, h);
	member_begin(u, depth, name);
	l->state = STORED;
}

/* --- members, one behind the other ---------------------------------------- */

/* What tar and ar have in common: a header, what it tells of, padding. */
static void
members(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n)
{
	struct layer *l = u->layer[depth];
	const size_t head = l->kind == DEB ? DEB_HEADER : BLOCK;
	size_t part;

	while (n && !u->full && l->kind != NOTHING) {
		if (l->state == HEAD) {
			part = head - l->nhead < n ? head - l->nhead : n;
			memcpy(l->head + l->nhead, p, part);
			l->nhead += part;
			if (l->nhead == head) {
				l->nhead = 0;
				if (l->kind == DEB)
					deb_header(u, depth);
				else
					tar_header(u, depth);
			}
		} else if (l->left) {
			part = l->left < n ? (size_t)l->left : n;
			if (l->state == STORED)
				data(u, depth + 1, p, part);
			else if (l->state == LONG &&
			    l->nlong + part <= NAME_MAX_HERE) {
				memcpy(l->name + l->nlong, p, part);
				l->nlong += part;
			}
			l->left -= part;
		} else {
			part = l->pad < n ? (size_t)l->pad : n;
			l->pad -= part;
		}
		p += part;
		n -= part;
		if (l->state != HEAD && l->left == 0) {
			if (l->state == LONG)
				tar_long_end(l);
			if (l->state == STORED)
				member_end(u, depth);
			l->state = l->pad ? PASS : HEAD;
		}
	}
}

/* --- zip ----------------------------------------------------------------- */

static unsigned
le(const unsigned char *p, size_t n)
{
	unsigned v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

/* The packed size: of the header, or of the extra field 1 (zip64). */
static uint64_t
zip_size(const struct layer *l)
{
	uint64_t size = le(l->head + 18, 4);
	size_t at = 0, len;

	if (size != 0xffffffff)
		return size;
	while (at + 4 <= l->nextra) {
		len = le(l->extra + at + 2, 2);
		if (le(l->extra + at, 2) == 1 && len >= 16 &&
		    at + 20 <= l->nextra)
			return (uint64_t)le(l->extra + at + 16, 4) << 32 |
			    le(l->extra + at + 12, 4);
		at += 4 + len;
	}
	return size;
}

static bool
zip_inflate_begin(struct layer *l)
{
	if (!ready_out(l))
		return false;
	if (l->have_z)
		return inflateReset(&l->z) == Z_OK;
	memset(&l->z, 0, sizeof l->z);
	l->have_z = inflateInit2(&l->z, -MAX_WBITS) == Z_OK;
	return l->have_z;
}

/* Name and extra field are there: the member's data begin. */
static void
zip_member(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];
	bool later;

	l->name[l->nname] = '\0';
	l->flags = le(l->head + 6, 2);
	l->method = le(l->head + 8, 2);
	l->left = zip_size(l);
	later = (l->flags & 8) && l->left == 0;
	member_begin(u, depth, l->name);
	l->state = l->left ? PASS : HEAD;
	if (l->flags & 1)
		problem(u, l, "encrypted: not looked into");
	else if (l->method == 0)
		l->state = later ? REST : l->left ? STORED : HEAD;
	else if (l->method == 8 && zip_inflate_begin(l))
		l->state = PACKED;
	else if (l->method == 93 && zstd_begin(l))
		l->state = PACKED;
	else
		problem(u, l, "packed in a way that is not looked into");
	if (l->state == PASS || l->state == HEAD)
		member_end(u, depth);
}

static size_t
zip_signature(struct layer *l, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (l->nhead == 4) {
			memmove(l->head, l->head + 1, 3);
			l->nhead = 3;
		}
		l->head[l->nhead++] = p[i];
		if (l->nhead < 4 || l->head[0] != 'P' || l->head[1] != 'K')
			continue;
		if (l->head[2] == 3 && l->head[3] == 4) {
			l->state = NAME;
			l->want = 0;
			return i + 1;
		}
		/* the folder at the end has the same names again */
		if ((l->head[2] == 1 && l->head[3] == 2) ||
		    (l->head[2] == 5 && l->head[3] == 6)) {
			l->state = OVER;
			return n;
		}
	}
	return n;
}

/* The rest of a header, the name, the extra field. */
static size_t
zip_header(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n)
{
	struct layer *l = u->layer[depth];
	size_t i, name;

	for (i = 0; i < n && l->nhead < ZIP_HEADER; i++)
		l->head[l->nhead++] = p[i];
	if (l->nhead < ZIP_HEADER)
		return i;
	name = le(l->head + 26, 2);
	if (l->want == 0) {
		l->want = name + le(l->head + 28, 2) + 1;
		l->nname = l->nextra = l->nlong = 0;
	}
	/* nlong counts what of both was read */
	for (; i < n && l->nlong + 1 < l->want; i++, l->nlong++) {
		if (l->nlong < name && l->nname < NAME_MAX_HERE)
			l->name[l->nname++] = (char)p[i];
		else if (l->nlong >= name && l->nextra < ZIP_EXTRA)
			l->extra[l->nextra++] = p[i];
	}
	if (l->nlong + 1 == l->want)
		zip_member(u, depth);
	return i;
}

static size_t
zip_inflate(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n)
{
	struct layer *l = u->layer[depth];
	union { const unsigned char *c; Bytef *p; } in = { p };
	size_t made;
	int rc = Z_OK;

	l->z.next_in = in.p;	/* it only reads there */
	l->z.avail_in = (uInt)n;
	do {
		l->z.next_out = l->out;
		l->z.avail_out = OUT_SIZE;
		rc = inflate(&l->z, Z_NO_FLUSH);
		made = OUT_SIZE - l->z.avail_out;
		if (made && count(u, l, made))
			data(u, depth + 1, l->out, made);
	} while (rc == Z_OK && !u->full && (l->z.avail_in ||
	    l->z.avail_out == 0));
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		problem(u, l, "damaged zip member");
	l->inside = rc == Z_OK || rc == Z_BUF_ERROR;
	return n - l->z.avail_in;
}

static size_t
zip_packed(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n)
{
	struct layer *l = u->layer[depth];
	size_t used = l->method == 8 ? zip_inflate(u, depth, p, n) :
	    zstd_data(u, depth, p, n, true);

	if (!l->inside) {
		member_end(u, depth);
		l->state = HEAD;
		l->nhead = 0;
	}
	return used;
}

static void
zip_data(struct ir_unpack *u, unsigned depth, const unsigned char *p,
    size_t n)
{
	struct layer *l = u->layer[depth];
	size_t part = 0;

	while (n && !u->full && l->state != OVER) {
		switch (l->state) {
		case HEAD:
			part = zip_signature(l, p, n);
			break;
		case NAME:
			part = zip_header(u, depth, p, n);
			if (l->state == HEAD)
				l->nhead = 0;
			break;
		case PACKED:
			part = zip_packed(u, depth, p, n);
			break;
		case REST:
			part = n;
			data(u, depth + 1, p, n);
			break;
		default:
			part = l->left < n ? (size_t)l->left : n;
			if (l->state == STORED)
				data(u, depth + 1, p, part);
			l->left -= part;
			if (l->left == 0) {
				member_end(u, depth);
				l->state = HEAD;
				l->nhead = 0;
			}
		}
		p += part;
		n -= part;
	}
}

/* --- layers -------------------------------------------------------------- */

static void
begin(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];

	if (!l)
		l = u->layer[depth] = calloc(1, sizeof *l);
	if (!l)
		return;
	l->kind = SNIFF;
	l->state = HEAD;
	l->nhead = l->nname = 0;
	l->child = l->said = l->inside = false;
}

/* n first bytes are in l->head: what is it? */
static void
decide(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];
	unsigned char first[BLOCK];
	const char *why = foreign(l->head, l->nhead);
	size_t n = l->nhead;
	bool ok = true;

	memcpy(first, l->head, n);
	l->nhead = 0;
	l->kind = kind_of(first, n);
	if (l->kind != PLAIN && depth == IR_UNPACK_DEPTH) {
		problem(u, l, "packed too deeply: not looked into");
		l->kind = PLAIN;
	}
	if (why)
		problem(u, l, why);
	if (l->kind == GZIP)
		ok = gzip_begin(l);
	else if (l->kind == ZSTD)
		ok = zstd_begin(l);
	else if (l->kind == XZ)
		ok = xz_begin(l);
	if (!ok) {
		problem(u, l, "no memory to unpack it");
		l->kind = PLAIN;
	}
	if (l->kind == DEB) {
		l->state = PASS;
		l->left = DEB_MAGIC;
		l->pad = 0;
	}
	if (l->kind == PLAIN)
		plain_begin(u);
	else if (l->kind == GZIP || l->kind == ZSTD || l->kind == XZ)
		member_begin(u, depth, NULL);
	data(u, depth, first, n);
}

static void
data(struct ir_unpack *u, unsigned depth, const unsigned char *p, size_t n)
{
	struct layer *l = u->layer[depth];
	size_t part;

	if (!l || u->full || n == 0)
		return;
	if (l->kind == SNIFF) {
		part = BLOCK - l->nhead < n ? BLOCK - l->nhead : n;
		memcpy(l->head + l->nhead, p, part);
		l->nhead += part;
		p += part;
		n -= part;
		if (l->nhead < BLOCK)
			return;
		decide(u, depth);
		if (n == 0 || u->full)
			return;
	}
	if (l->kind == PLAIN)
		plain(u, p, n);
	else if (l->kind == GZIP)
		gzip_data(u, depth, p, n);
	else if (l->kind == ZSTD && (l->inside || p[0]))
		(void)zstd_data(u, depth, p, n, false);
	else if (l->kind == XZ)
		xz_data(u, depth, p, n, false);
	else if (l->kind == ZIP)
		zip_data(u, depth, p, n);
	else if (l->kind == TAR || l->kind == DEB)
		members(u, depth, p, n);
}

static void
end(struct ir_unpack *u, unsigned depth)
{
	struct layer *l = u->layer[depth];

	if (!l)
		return;
	if (l->kind == SNIFF && l->nhead)
		decide(u, depth);
	if (l->kind == PLAIN)
		show(u, u->nwin);
	if (l->kind == XZ && !u->full)
		xz_data(u, depth, NULL, 0, true);
	if (!u->full && ((l->kind == GZIP && l->inside) ||
	    (l->kind == ZSTD && l->inside) ||
	    ((l->kind == TAR || l->kind == ZIP || l->kind == DEB) &&
	    l->child && l->state != REST) || (l->kind == DEB && l->nhead)))
		problem(u, l, "cut off: its end is missing");
	member_end(u, depth);
	l->kind = NOTHING;
}

struct ir_unpack *
ir_unpack_new(const struct ir_unpack_to *to, uint64_t limit)
{
	struct ir_unpack *u = calloc(1, sizeof *u);

	if (!u)
		return NULL;
	u->to = *to;
	u->limit = limit;
	u->win = malloc(IR_UNPACK_WINDOW + 2 * REACH);
	if (!u->win) {
		free(u);
		return NULL;
	}
	return u;
}

void
ir_unpack_free(struct ir_unpack *u)
{
	struct layer *l;
	size_t i;

	if (!u)
		return;
	for (i = 0; i <= IR_UNPACK_DEPTH; i++) {
		l = u->layer[i];
		if (!l)
			continue;
		ir_gunzip_free(l->gz);
		if (l->have_z)
			inflateEnd(&l->z);
		ZSTD_freeDCtx(l->zd);
		ir_unxz_free(l->xz);
		free(l->in);
		free(l->out);
		free(l);
	}
	free(u->win);
	free(u);
}

void
ir_unpack_begin(struct ir_unpack *u, bool packed)
{
	u->member[0] = '\0';
	u->made = 0;
	u->full = false;
	begin(u, 0);
	if (!packed && u->layer[0]) {
		u->layer[0]->kind = PLAIN;
		plain_begin(u);
	}
}

void
ir_unpack_data(struct ir_unpack *u, const unsigned char *p, size_t n)
{
	data(u, 0, p, n);
}

void
ir_unpack_end(struct ir_unpack *u)
{
	end(u, 0);
}

bool
ir_unpack_full(const struct ir_unpack *u)
{
	return u->full;
}
