/* leak_git.c - git's formats and deltas, taken apart */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "leak/git_delta.h"
#include "leak/git_format.h"
#include "log/gunzip.h"

#define B(s) ((const unsigned char *)(s)), sizeof(s) - 1
#define HEX "0123456789abcdef0123456789abcdef01234567"
#define NAME "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab" \
	"\xcd\xef\x01\x23\x45\x67"

static void
entries(void **state)
{
	struct ir_git_entry e;

	(void)state;
	/* a blob of 5; of 300: 12 and 18 << 4 */
	assert_int_equal(ir_git_entry(B("\x35x"), 20, &e), 0);
	assert_int_equal(e.type, IR_GIT_BLOB);
	assert_int_equal(e.size, 5);
	assert_int_equal(e.head, 1);
	assert_int_equal(ir_git_entry(B("\xbc\x12"), 20, &e), 0);
	assert_int_equal(e.size, 300);
	/* 127 back is a byte, 128 two */
	assert_int_equal(ir_git_entry(B("\x61\x7f"), 20, &e), 0);
	assert_int_equal(e.back, 127);
	assert_int_equal(ir_git_entry(B("\x61\x80\x00"), 20, &e), 0);
	assert_int_equal(e.back, 128);
	assert_int_equal(e.head, 3);
	assert_int_equal(ir_git_entry(B("\x71" NAME), 20, &e), 0);
	assert_memory_equal(e.base, NAME, 20);
	/* cut off, no such type, a base of its own, endless */
	assert_int_equal(ir_git_entry(B(""), 20, &e), -1);
	assert_int_equal(ir_git_entry(B("\xbc"), 20, &e), -1);
	assert_int_equal(ir_git_entry(B("\x51"), 20, &e), -1);
	assert_int_equal(ir_git_entry(B("\x01"), 20, &e), -1);
	assert_int_equal(ir_git_entry(B("\x61\x00"), 20, &e), -1);
	assert_int_equal(ir_git_entry(B("\x71" "short"), 20, &e), -1);
	assert_int_equal(ir_git_entry(B("\xbf\xff\xff\xff\xff\xff\xff\xff"
	    "\xff\xff\xff\x01"), 20, &e), -1);
}

static void
loose(void **state)
{
	enum ir_git_kind kind;
	uint64_t size;

	(void)state;
	assert_int_equal(ir_git_loose(B("blob 12\0x"), &kind, &size), 8);
	assert_int_equal(kind, IR_GIT_BLOB);
	assert_int_equal(size, 12);
	assert_int_equal(ir_git_loose(B("commit 0\0"), &kind, &size), 9);
	assert_int_equal(ir_git_loose(B("blob 12"), &kind, &size), -1);
	assert_int_equal(ir_git_loose(B("blob \0"), &kind, &size), -1);
	assert_int_equal(ir_git_loose(B("blob -1\0"), &kind, &size), -1);
	assert_int_equal(ir_git_loose(B("blub 1\0"), &kind, &size), -1);
	assert_int_equal(ir_git_loose(B("blob 9999999999999999999\0"), &kind,
	    &size), -1);
}

static void
commits(void **state)
{
	static const char text[] = "tree " HEX "\nparent " HEX "\nparent " HEX
	    "\nauthor A <a@b> U Thor <x@y> 1700000000 +0900\n"
	    "committer C <c@d> -5 +0000\ngpgsig x\n\nauthor no\n";
	struct ir_git_commit c;
	struct ir_git_tag t;
	unsigned char name[IR_GIT_HASH_MAX];

	(void)state;
	assert_int_equal(ir_git_commit(B(text), 20, &c), 0);
	assert_memory_equal(c.tree, NAME, 20);
	assert_int_equal(c.n_parents, 2);
	ir_git_parent(&c, 1, 20, name);
	assert_memory_equal(name, NAME, 20);
	assert_int_equal(c.author.n, 20);
	assert_int_equal(c.author.time, 1700000000);
	assert_int_equal(c.committer.time, -5);
	assert_int_equal(ir_git_commit(B(text), 32, &c), -1);
	assert_int_equal(ir_git_commit(B("tree x\n"), 20, &c), -1);
	assert_int_equal(ir_git_commit(B("tree " HEX "\nparent " HEX), 20, &c),
	    -1);
	/* no author: still a commit */
	assert_int_equal(ir_git_commit(B("tree " HEX), 20, &c), 0);
	assert_null(c.author.p);
	assert_int_equal(ir_git_tag(B("object " HEX "\ntype commit\ntag v\n"
	    "tagger T <t@x> 7 +0000\n\ntagger no\n"), 20, &t), 0);
	assert_int_equal(t.tagger.time, 7);
	assert_int_equal(t.tagger.n, 7);
	assert_int_equal(ir_git_tag(B("object 12\n"), 20, &t), -1);
}

static void
trees(void **state)
{
	static const char text[] = "100644 a b\0" NAME "40000 d\0" NAME;
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + sizeof text - 1;
	struct ir_git_tree_entry e;

	(void)state;
	assert_int_equal(ir_git_tree_next(&p, end, 20, &e), 1);
	assert_int_equal(e.mode, 0100644);
	assert_int_equal(e.n, 3);
	assert_int_equal(ir_git_tree_next(&p, end, 20, &e), 1);
	assert_int_equal(e.mode, 040000);
	assert_int_equal(ir_git_tree_next(&p, end, 20, &e), 0);
	p = (const unsigned char *)text;
	assert_int_equal(ir_git_tree_next(&p, p + 30, 20, &e), -1);
	p = (const unsigned char *)"100644 \0" NAME;
	assert_int_equal(ir_git_tree_next(&p, p + 28, 20, &e), -1);
}

static void
indexes(void **state)
{
	unsigned char h[IR_GIT_IDX_HEAD] = "\377tOc\0\0\0\2";
	struct ir_git_idx x;
	uint64_t size = 8 + 1024 + 3 * 28 + 40;

	(void)state;
	for (int i = 0; i < 256; i++)
		h[8 + 4 * i + 3] = i < 100 ? 1 : 3;
	assert_int_equal(ir_git_idx(h, sizeof h, size, 20, &x), 0);
	assert_int_equal(x.n, 3);
	assert_int_equal(x.names, 1032);
	assert_int_equal(x.offsets, 1032 + 3 * 24);
	assert_int_equal(x.n_big, 0);
	assert_int_equal(ir_git_idx(h, sizeof h, size + 16, 20, &x), 0);
	assert_int_equal(x.n_big, 2);
	assert_int_equal(ir_git_idx(h, sizeof h, size - 1, 20, &x), -1);
	assert_int_equal(ir_git_idx(h, sizeof h - 1, size, 20, &x), -1);
	h[8 + 4 * 255 + 3] = 2;		/* it falls */
	assert_int_equal(ir_git_idx(h, sizeof h, size, 20, &x), -1);
	h[7] = 3;
	assert_int_equal(ir_git_idx(h, sizeof h, size, 20, &x), -1);
}

static void
staged(void **state)
{
	static const char zeros[40] = { 0 };
	unsigned char b[300] = "DIRC\0\0\0\4\0\0\0\2";
	struct ir_git_index x;
	size_t n = 12;

	(void)state;
	/* "dir/one", then three bytes less and "two" */
	for (int i = 0; i < 2; i++) {
		memcpy(b + n, zeros, 40);
		memcpy(b + n + 40, NAME "\0\7", 22);
		b[n + 62] = i ? 3 : 0;
		memcpy(b + n + 63, i ? "two" : "dir/one", i ? 4 : 8);
		n += i ? 67 : 71;
	}
	assert_int_equal(ir_git_index_open(&x, b, n, 20), 0);
	assert_int_equal(ir_git_index_next(&x), 1);
	assert_string_equal(x.path, "dir/one");
	assert_int_equal(ir_git_index_next(&x), 1);
	assert_string_equal(x.path, "dir/two");
	assert_memory_equal(x.object, NAME, 20);
	assert_int_equal(ir_git_index_next(&x), 0);
	b[12 + 71 + 62] = 9;		/* more than there are */
	ir_git_index_open(&x, b, n, 20);
	assert_int_equal(ir_git_index_next(&x), 1);
	assert_int_equal(ir_git_index_next(&x), -1);
	assert_int_equal(ir_git_index_open(&x, B("DIRC\0\0\0\5\0\0\0\0"), 20),
	    -1);
}

/* Two halves of a word that a delta brings together, and a mark that goes
   with a copy of two instructions. */
static void
deltas(void **state)
{
	static const unsigned char base[] = "xxAKIA..WORD..yyMARKyy";
	/* copy 0-6, copy 8-12, insert "!", copy 14-18 and 18-22 */
	static const unsigned char ops[] = "\x90\x06\x91\x08\x04\x01!"
	    "\x91\x0e\x04\x91\x12\x04";
	struct ir_git_spans fresh = { NULL, 0, 0 };
	struct ir_git_marks had = { NULL, 0, 0, false };
	struct ir_git_marks has = { NULL, 0, 0, false };
	unsigned char out[19];
	struct ir_git_delta d = { base, sizeof base - 1, ops, sizeof ops - 1,
		out, sizeof out, 1, &fresh, &had, &has };

	(void)state;
	assert_true(ir_git_mark_add(&had, 16, 4, 7));
	assert_false(ir_git_mark_add(&had, 16, 4, 7));
	assert_true(ir_git_mark_add(&had, 4, 6, 8));
	assert_int_equal(ir_git_delta_apply(&d), 0);
	assert_memory_equal(out, "xxAKIAWORD!yyMARKyy", 19);
	/* where they meet; what is new */
	assert_int_equal(fresh.n, 2);
	assert_int_equal(fresh.v[0].from, 5);
	assert_int_equal(fresh.v[0].to, 7);
	assert_int_equal(fresh.v[1].from, 9);
	assert_int_equal(fresh.v[1].to, 12);
	assert_int_equal(has.n, 1);
	assert_int_equal(has.v[0].at, 13);
	assert_int_equal(has.v[0].what, 7);
	/* too short, too long, beyond the base */
	d.n_out = 18;
	assert_int_equal(ir_git_delta_apply(&d), -1);
	d.n_out = 19;
	d.n_ops--;
	assert_int_equal(ir_git_delta_apply(&d), -1);
	d.n_ops++;
	d.n_base = 21;
	assert_int_equal(ir_git_delta_apply(&d), -1);
	ir_git_spans_free(&fresh);
	ir_git_marks_free(&had);
	ir_git_marks_free(&has);
}

/* At once: all of it, and nothing but all of it; between members of another
   wrapping. */
static void
small(void **state)
{
	struct ir_gunzip *g = ir_gunzip_new();
	unsigned char text[] = "text text text text", packed[64], out[64];
	unsigned char gz[64];
	const unsigned char *p = gz;
	uLongf n = sizeof packed;
	z_stream z;
	size_t made, left;

	(void)state;
	assert_int_equal(compress2(packed, &n, text, sizeof text, 6), Z_OK);
	memset(&z, 0, sizeof z);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = text;
	z.avail_in = sizeof text;
	z.next_out = gz;
	z.avail_out = sizeof gz;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	left = z.total_out;
	deflateEnd(&z);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ir_gunzip_small(g, packed, n, out,
		    sizeof out, &made), 0);
		assert_int_equal(made, sizeof text);
		assert_memory_equal(out, text, sizeof text);
	}
	assert_int_equal(ir_gunzip_small(g, packed, n, out, sizeof text - 1,
	    &made), -1);
	assert_int_equal(made, sizeof text - 1);
	assert_int_equal(ir_gunzip_small(g, packed, n - 1, out, sizeof out,
	    &made), -1);
	packed[n - 1] ^= 1;
	assert_int_equal(ir_gunzip_small(g, packed, n, out, sizeof out,
	    &made), -1);
	assert_int_equal(ir_gunzip_small(g, packed, 0, out, sizeof out,
	    &made), -1);
	assert_int_equal(ir_gunzip_run(g, &p, &left, out, sizeof out, &made),
	    1);
	assert_int_equal(made, sizeof text);
	ir_gunzip_free(g);
}

/* The three wrappings of deflated bytes, one reader after the other. */
static void
wrappings(void **state)
{
	static const int bits[] = { 31, 15, -15 };
	struct ir_gunzip *g = ir_gunzip_new();
	unsigned char out[64];

	(void)state;
	assert_non_null(g);
	for (int i = 0; i < 6; i++) {
		unsigned char packed[128], text[] = "text text text text";
		const unsigned char *p = packed;
		z_stream z;
		size_t n, made;

		memset(&z, 0, sizeof z);
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits[i % 3],
		    8, Z_DEFAULT_STRATEGY), Z_OK);
		z.next_in = text;
		z.avail_in = sizeof text;
		z.next_out = packed;
		z.avail_out = sizeof packed;
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		n = z.total_out;
		deflateEnd(&z);
		ir_gunzip_wrapped(g, (enum ir_gunzip_wrap)(i % 3));
		if (i > 2)
			ir_gunzip_reset(g);
		assert_int_equal(ir_gunzip_run(g, &p, &n, out, sizeof out,
		    &made), 1);
		assert_int_equal(made, sizeof text);
		assert_memory_equal(out, text, sizeof text);
	}
	ir_gunzip_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),
		cmocka_unit_test(loose),
		cmocka_unit_test(commits),
		cmocka_unit_test(trees),
		cmocka_unit_test(indexes),
		cmocka_unit_test(staged),
		cmocka_unit_test(deltas),
		cmocka_unit_test(wrappings),
		cmocka_unit_test(small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
