/* mbox.c - see mbox.h */
#include <stdbool.h>
#include <string.h>

#include "core/buf.h"
#include "log/input.h"
#include "mbox.h"

int
ir_mbox_each(const char *path, size_t max,
    int (*fn)(const char *, size_t, void *), void *arg, struct ir_err *err)
{
	struct ir_buf b = IR_BUF(max);
	struct ir_log_input *in;
	bool blank = true, cut;
	const char *s;
	size_t n;
	int rc, done = 0;

	if (ir_log_open(&in, path, err))
		return -1;
	while (done == 0 && (rc = ir_log_line(in, &s, &n, &cut, err)) == 1) {
		if (blank && n > 5 && memcmp(s, "From ", 5) == 0) {
			if (b.len)
				done = fn(ir_buf_cstr(&b), b.len, arg);
			ir_buf_trunc(&b, 0);
			b.bad = false;
			blank = false;
			continue;
		}
		blank = n == 0;
		ir_buf_add(&b, s, n);
		ir_buf_chr(&b, '\n');
	}
	if (done == 0 && rc == 0 && b.len)
		done = fn(ir_buf_cstr(&b), b.len, arg);
	ir_buf_free(&b);
	ir_log_close(in);
	return done ? done : rc;
}
