/* log_input.c - logs as they are kept: plain, gzip, Zstandard; lines */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "core/buf.h"
#include "log/input.h"

#define BIG (3u << 20)

static char *
text_of(size_t n)
{
	char *p = malloc(n);
	size_t i;

	assert_non_null(p);
	for (i = 0; i < n; i++)
		p[i] = (char)(i % 97 == 96 ? '\n' : 'a' + (i * i / 7) % 26);
	return p;
}

static void
add_gzip(struct ir_buf *out, const char *p, size_t n)
{
	static unsigned char packed[BIG * 2];
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8,
	    Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = packed;
	z.avail_out = sizeof packed;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	ir_buf_add(out, packed, z.total_out);
	deflateEnd(&z);
}

static void
add_zstd(struct ir_buf *out, const char *p, size_t n)
{
	static unsigned char packed[BIG * 2];
	size_t len = ZSTD_compress(packed, sizeof packed, p, n, 3);

	assert_false(ZSTD_isError(len));
	ir_buf_add(out, packed, len);
}

static struct ir_log_input *
open_bytes(const void *p, size_t n)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct ir_log_input *in;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(ir_log_open_fd(&in, fd, "x", NULL), 0);
	return in;
}

/*
 * All of it must come out; at the end code.  Of what is cut off (min < len)
 * at least so much.
 */
static void
gives_some(const void *p, size_t n, const char *want, size_t min, size_t len,
    int code)
{
	struct ir_log_input *in = open_bytes(p, n);
	struct ir_buf got = IR_BUF(BIG * 4);
	struct ir_err err = IR_ERR_INIT;
	const char *piece;
	ssize_t k;

	while ((k = ir_log_read(in, &piece, &err)) > 0)
		ir_buf_add(&got, piece, (size_t)k);
	assert_int_equal(k, code ? -1 : 0);
	assert_int_equal(err.code, code);
	assert_in_range(got.len, min, len);
	assert_int_equal(memcmp(ir_buf_cstr(&got), want, got.len), 0);
	assert_int_equal(ir_log_bytes_out(in), got.len);
	if (code)	/* it does not go on as if nothing were */
		assert_int_equal(ir_log_read(in, &piece, &err), -1);
	ir_buf_free(&got);
	ir_log_close(in);
}

static void
gives(const void *p, size_t n, const char *want, size_t len, int code)
{
	gives_some(p, n, want, len, len, code);
}

static void
packed(void **state)
{
	char *text = text_of(BIG);
	struct ir_buf b = IR_BUF(BIG * 4);
	size_t half = BIG / 2, n;

	(void)state;
	gives(text, BIG, text, BIG, 0);
	gives("", 0, "", 0, 0);
	gives("\x1f", 1, "\x1f", 1, 0);
	add_gzip(&b, text, BIG);
	gives(b.data, b.len, text, BIG, 0);
	/* zeros or garbage after it are none of it */
	ir_buf_add(&b, "\0\0\0\0", 4);
	gives(b.data, b.len, text, BIG, 0);
	ir_buf_trunc(&b, 0);
	/* members in a row, an empty one among them */
	add_gzip(&b, text, half);
	add_gzip(&b, "", 0);
	add_gzip(&b, text + half, BIG - half);
	gives(b.data, b.len, text, BIG, 0);
	ir_buf_trunc(&b, 0);
	add_zstd(&b, text, half);
	add_zstd(&b, text + half, BIG - half);
	gives(b.data, b.len, text, BIG, 0);
	/* cut off */
	n = b.len - 1;
	ir_buf_trunc(&b, n);
	gives_some(b.data, b.len, text, half, BIG, IR_DATAERR);
	ir_buf_free(&b);
	free(text);
}

/* Members end everywhere, also where what is read at once does. */
static void
many_members(void **state)
{
	char *text = text_of(BIG);
	struct ir_buf b = IR_BUF(BIG * 4);
	size_t at = 0, n, i;

	(void)state;
	for (i = 0; i < 20000; i++, at += n) {
		n = i % 37;
		add_gzip(&b, text + at, n);
	}
	gives(b.data, b.len, text, at, 0);
	ir_buf_free(&b);
	free(text);
}

static void
broken(void **state)
{
	static const char text[] = "some text that is packed";
	struct ir_buf b = IR_BUF(4096);
	size_t n;

	(void)state;
	add_gzip(&b, text, sizeof text);
	/* without its check sum, all the text is there; the end is not */
	gives(b.data, b.len - 8, text, sizeof text, IR_DATAERR);
	gives(b.data, 10, "", 0, IR_DATAERR);
	b.data[b.len - 6] ^= 1;
	gives(b.data, b.len, text, sizeof text, IR_DATAERR);
	ir_buf_trunc(&b, 0);
	add_zstd(&b, text, sizeof text);
	n = b.len;
	gives(b.data, 5, "", 0, IR_DATAERR);
	b.data[5] ^= 0x7f;
	b.data[6] ^= 0x7f;
	(void)n;
	{
		struct ir_log_input *in = open_bytes(b.data, n);
		const char *p;
		ssize_t k;

		while ((k = ir_log_read(in, &p, NULL)) > 0)
			;
		assert_int_equal(k, -1);
		ir_log_close(in);
	}
	ir_buf_free(&b);
}

static void
line_is(struct ir_log_input *in, const char *want, size_t len, bool want_cut)
{
	const char *p;
	size_t n;
	bool cut;

	assert_int_equal(ir_log_line(in, &p, &n, &cut, NULL), 1);
	assert_int_equal(n, len);
	assert_int_equal(memcmp(p, want, len), 0);
	assert_int_equal(cut, want_cut);
}

static void
lines(void **state)
{
	static char big[IR_LOG_LINE_MAX + 100];
	struct ir_log_input *in;
	struct ir_buf b = IR_BUF(BIG);
	const char *p;
	char *text = text_of(BIG);
	size_t n, total = 0;

	(void)state;
	memset(big, 'x', sizeof big);
	ir_buf_str(&b, "one\r\n\ntwo\n");
	ir_buf_add(&b, big, sizeof big);
	ir_buf_str(&b, "\nlast");
	in = open_bytes(b.data, b.len);
	line_is(in, "one", 3, false);
	line_is(in, "", 0, false);
	line_is(in, "two", 3, false);
	line_is(in, big, IR_LOG_LINE_MAX, true);
	line_is(in, "last", 4, false);
	assert_int_equal(ir_log_line(in, &p, &n, NULL, NULL), 0);
	ir_log_close(in);
	ir_buf_free(&b);
	/* across what is read at once */
	in = open_bytes(text, BIG);
	while (ir_log_line(in, &p, &n, NULL, NULL) == 1) {
		assert_int_equal(memcmp(p, text + total, n), 0);
		total += n + 1;
	}
	assert_true(total >= BIG);
	ir_log_close(in);
	free(text);
}

static void
folders(void **state)
{
	char dir[] = "/tmp/quell-input.XXXXXX", path[64];
	static const char *const names[] = { "b/2", "b/1", "a", ".hidden" };
	struct ir_log_files f = { NULL, 0, 0 };
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/b", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)),
		    0);
	}
	snprintf(path, sizeof path, "%s/c", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(ir_log_files_add(&f, dir, &err), 0);
	assert_int_equal(ir_log_files_add(&f, "-", &err), 0);
	assert_int_equal(f.n, 4);
	assert_string_equal(f.v[0] + strlen(dir), "/a");
	assert_string_equal(f.v[1] + strlen(dir), "/b/1");
	assert_string_equal(f.v[2] + strlen(dir), "/b/2");
	assert_string_equal(f.v[3], "-");
	assert_int_equal(ir_log_files_add(&f, "/nonexistent", &err), -1);
	assert_int_equal(err.code, IR_NOINPUT);
	ir_log_files_free(&f);
	unlink(path);
	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/b", dir);
	rmdir(path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed),
		cmocka_unit_test(many_members),
		cmocka_unit_test(broken),
		cmocka_unit_test(lines),
		cmocka_unit_test(folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
