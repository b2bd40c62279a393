/* The credential file: what is found in it, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "aws/smtp_file.h"

static void
finds(const char *text, const char *name, const char *want)
{
	const char *v = NULL;
	size_t n = 0;
	bool found = ir_smtp_file_find(text, strlen(text), name, &v, &n);

	assert_int_equal(found, want != NULL);
	if (want) {
		assert_int_equal(n, strlen(want));
		assert_memory_equal(v, want, n);
	}
}

static void
test_find(void **state)
{
	(void)state;
	finds("user: A\npass: b=\n", "user", "A");
	finds("user: A\npass: b=\n", "pass", "b=");
	finds("user:A\r\npass:\tb \r\n", "pass", "b");
	finds("  pass: x", "pass", "x");
	finds("pass.eu-west-1: no\npass: y\n", "pass", "y");
	finds("pass.eu-west-1: z\n", "pass.eu-west-1", "z");
	finds("# pass: x\n", "pass", NULL);
	finds("password: x\n", "pass", NULL);
	finds("pass:\n", "pass", NULL);
	finds("pass", "pass", NULL);
	finds("", "pass", NULL);
}

static void
password(const char *text, const char *region, const char *want)
{
	struct ir_buf b = IR_BUF_SECRET(4096);
	struct ir_secret s = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;

	ir_buf_str(&b, text);
	assert_int_equal(ir_smtp_file_password(&b, region, &s, &err),
	    want ? 0 : -1);
	if (want)
		assert_string_equal(s.data, want);
	else
		assert_int_equal(err.code, IR_DATAERR);
	ir_secret_free(&s);
	ir_buf_free(&b);
}

static void
test_password(void **state)
{
	(void)state;
	password("pass: a\npass.eu-west-1: b\n", "eu-west-1", "b");
	password("pass: a\npass.eu-west-1: b\n", "us-east-1", "a");
	password("Babc+/=\n", "us-east-1", "Babc+/=");
	password("Babc", "us-east-1", "Babc");
	password("two words\n", "us-east-1", NULL);
	password("one\ntwo\n", "us-east-1", NULL);
	password("user: A\n", "us-east-1", NULL);
	password("\n", "us-east-1", NULL);
	password("", "us-east-1", NULL);
}

static void
test_write(void **state)
{
	char dir[] = "/tmp/smtp_file.XXXXXX", path[64];
	const char *const regions[] = { "us-east-1", "eu-west-1" };
	struct ir_secret pass[2] = { IR_SECRET_INIT, IR_SECRET_INIT };
	struct ir_buf b = IR_BUF_SECRET(4096);
	struct ir_err err = IR_ERR_INIT;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/f", dir);
	ir_secret_set(&pass[0], "p0", 2, NULL);
	ir_secret_set(&pass[1], "p1", 2, NULL);
	assert_int_equal(ir_smtp_file_check(path, &err), 0);
	assert_int_equal(ir_smtp_file_write(path, 0640, getgid(), "AKIA",
	    regions, pass, 2, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* again over it, for one region, tighter */
	assert_int_equal(ir_smtp_file_check(path, &err), 0);
	assert_int_equal(ir_smtp_file_write(path, 0600, (gid_t)-1, "AKIB",
	    regions, pass, 1, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(ir_smtp_file_read(path, &b, &err), 0);
	finds(ir_buf_cstr(&b), "user", "AKIB");
	finds(ir_buf_cstr(&b), "pass", "p0");
	finds(ir_buf_cstr(&b), "pass.us-east-1", NULL);
	ir_buf_free(&b);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(ir_smtp_file_read(path, &b, &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	ir_secret_free(&pass[0]);
	ir_secret_free(&pass[1]);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);	/* no litter */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
