/* core.c - unit tests of lib/core */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/file.h"
#include "core/names.h"
#include "core/proc.h"
#include "core/record.h"
#include "core/secret.h"
#include "core/text.h"

static void
buffer_stops_at_its_maximum(void **state)
{
	struct ir_buf b = IR_BUF(8);
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	ir_buf_str(&b, "12345678");
	assert_int_equal(ir_buf_check(&b, "x", &err), 0);
	ir_buf_chr(&b, '9');
	assert_int_equal(ir_buf_check(&b, "x", &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	assert_string_equal(ir_buf_cstr(&b), "12345678");
	ir_buf_free(&b);
	assert_string_equal(ir_buf_cstr(&b), "");
}

static void
secret_buffer_moves_whole(void **state)
{
	struct ir_buf b = IR_BUF_SECRET(5000);
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		ir_buf_fmt(&b, "%d", i % 10);
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.data[999], '9');
	ir_buf_trunc(&b, 3);
	assert_string_equal(b.data, "012");
	ir_buf_free(&b);
}

static void
clean(const char *in, size_t n, const char *want)
{
	struct ir_buf b = IR_BUF(1000);

	ir_text_clean(&b, in, n);
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
text_becomes_clean_utf8(void **state)
{
	struct ir_buf b = IR_BUF(100);
	char msg[] = "a\x1b[31m\xff z\xe2\x80\xae";

	(void)state;
	clean("plain", 5, "plain");
	clean("a\tb\r\nc", 6, "a b  c");
	clean("a\x1b[2J", 5, "a\xef\xbf\xbd[2J");
	clean("\xff\xc3", 2, "\xef\xbf\xbd\xef\xbf\xbd");
	clean("\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd");	/* overlong */
	clean("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	clean("\xc2\x9b", 2, "\xef\xbf\xbd");		/* C1 control */
	clean("\x7f", 1, "\xef\xbf\xbd");
	clean("\xe6\x97\xa5", 3, "\xe6\x97\xa5");
	clean("\xe2\x80\xae", 3, "\xe2\x80\xae");	/* kept in records */
	ir_text_term(&b, "\xe2\x80\xae", 3);		/* not on a screen */
	assert_string_equal(ir_buf_cstr(&b), "\xef\xbf\xbd");
	ir_buf_free(&b);
	ir_text_printable(msg);
	assert_string_equal(msg, "a?[31m? z???");
}

static void
text_is_cut_between_characters(void **state)
{
	(void)state;
	assert_int_equal(ir_text_cut("\xe6\x97\xa5\xe6\x97\xa5", 6, 4), 3);
	assert_int_equal(ir_text_cut("abc", 3, 9), 3);
	assert_int_equal(ir_text_width("a\xe6\x97\xa5"), 3);
}

static void
times_go_both_ways(void **state)
{
	char buf[IR_TIME_LEN];
	int64_t t;

	(void)state;
	assert_string_equal(ir_time_rfc3339(1795277193, buf),
	    "2026-11-21T16:06:33Z");
	assert_string_equal(ir_time_rfc3339_ms(1795277193007, buf),
	    "2026-11-21T16:06:33.007Z");
	assert_int_equal(ir_time_parse("2026-11-21T16:06:33Z", &t), 0);
	assert_int_equal(t, 1795277193);
	assert_int_equal(ir_time_parse("2026-11-22T01:06:33.5+09:00", &t), 0);
	assert_int_equal(t, 1795277193);
	assert_int_equal(ir_time_parse("2026-11-21", &t), -1);
	assert_int_equal(ir_time_parse("2026-13-21T16:06:33Z", &t), -1);
	assert_int_equal(ir_time_parse("2026-11-21T16:06:33Zjunk", &t), -1);
	assert_int_equal(ir_time_civil(2000, 2, 29, 0, 0, 0), 951782400);
}

static void
records_keep_what_they_do_not_know(void **state)
{
	static const char in[] =
	    "{\"id\":\"x\",\"new\":{\"a\":[1,2.5,true,null]}}";
	struct ir_buf b = IR_BUF(1000);
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r = ir_rec_parse(in, strlen(in), &err);

	(void)state;
	assert_non_null(r);
	ir_rec_json(r, &b);
	assert_string_equal(ir_buf_cstr(&b), in);
	assert_int_equal(ir_rec_get_int(r, "new.a.0", -1), 1);
	assert_null(ir_rec_get(r, "new.a.9"));
	assert_string_equal(ir_rec_get(r, "id"), "x");
	ir_buf_free(&b);
	ir_rec_free(r);
}

static void
bad_json_is_refused(void **state)
{
	static const char *const bad[] = { "{", "{\"a\":}", "{} x", "{'a':1}",
	    "[1,]", "{\"a\":1}}", "", "NaN",
	    "{\"a\":Infinity}", "{\"a\":1,}", "/**/{}" };
	struct ir_err err = IR_ERR_INIT;
	char deep[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_null(ir_rec_parse(bad[i], strlen(bad[i]), &err));
		assert_int_equal(err.code, IR_DATAERR);
	}
	memset(deep, '[', sizeof deep);
	assert_null(ir_rec_parse(deep, sizeof deep, &err));
}

static void
parsed_strings_are_clean(void **state)
{
	static const char in[] = "{\"a\":\"x\\u001b\\u0000y\"}";
	struct ir_rec *r = ir_rec_parse(in, strlen(in), NULL);

	(void)state;
	assert_string_equal(ir_rec_get(r, "a"),
	    "x\xef\xbf\xbd\xef\xbf\xbdy");
	ir_rec_free(r);
}

static void
tally_says_what_to_do(void **state)
{
	struct ir_tally t = IR_TALLY_INIT;

	(void)state;
	assert_int_equal(ir_tally_code(&t), IR_OK);
	ir_tally_add(&t, IR_TEMPFAIL);
	assert_int_equal(ir_tally_code(&t), IR_TEMPFAIL);
	ir_tally_add(&t, IR_OK);
	assert_int_equal(ir_tally_code(&t), IR_TEMPFAIL);
	ir_tally_add(&t, IR_NOPERM);
	assert_int_equal(ir_tally_code(&t), IR_PARTIAL);
	ir_tally_add(&t, IR_UNKNOWN);
	assert_int_equal(ir_tally_code(&t), IR_UNKNOWN);
	t = (struct ir_tally)IR_TALLY_INIT;
	ir_tally_add(&t, IR_NOPERM);
	ir_tally_add(&t, IR_NOPERM);
	assert_int_equal(ir_tally_code(&t), IR_NOPERM);
}

static void
file_is_replaced_whole(void **state)
{
	char dir[] = "/tmp/quell-core.XXXXXX", path[64], link_[64];
	struct ir_err err = IR_ERR_INIT;
	struct ir_buf b = IR_BUF(100);
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/f", dir);
	snprintf(link_, sizeof link_, "%s/l", dir);
	assert_int_equal(ir_file_replace(path, "one", 3, 0640, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(symlink("f", link_), 0);
	assert_int_equal(ir_file_replace(link_, "two", 3, 0600, &err), 0);
	assert_int_equal(lstat(link_, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(ir_buf_read_file(&b, path, &err), 0);
	assert_string_equal(ir_buf_cstr(&b), "two");
	assert_int_equal(ir_file_create(path, "x", 1, 0600, &err), -1);
	assert_int_equal(err.code, IR_CANTCREAT);
	assert_int_equal(ir_file_replace(dir, "x", 1, 0600, &err), -1);
	assert_int_equal(ir_file_replace("/nonexistent/f", "x", 1, 0600,
	    &err), -1);
	assert_int_equal(err.code, IR_CANTCREAT);
	unlink(link_);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);	/* no litter */
	ir_buf_free(&b);
}

static void
secret_file_must_be_ours_alone(void **state)
{
	char path[] = "/tmp/quell-core.XXXXXX";
	struct ir_secret s = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(ir_write_all(fd, "s3cret\n", 7), 0);
	close(fd);
	assert_int_equal(ir_secret_read_file(&s, path, &err), 0);
	assert_string_equal(s.data, "s3cret");
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(ir_secret_read_file(&s, path, &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	assert_int_equal(ir_secret_read_file(&s, "/nonexistent", &err), -1);
	assert_int_equal(err.code, IR_NOINPUT);
	ir_secret_free(&s);
	unlink(path);
}

static void
child_gets_no_shell_and_no_secrets(void **state)
{
	const char *const echo[] = { "cat", NULL };
	const char *const env[] = { "env", NULL };
	const char *const args[] = { "printf", "%s|", "a b", "$HOME;x", NULL };
	const char *const none[] = { "no-such-program-at-all", NULL };
	const char *const slow[] = { "sleep", "9", NULL };
	const char *const mute[] = { "sh", "-c",
	    "exec sleep 60 >&- 2>&-", NULL };
	struct ir_proc p = { .argv = echo, .in = "hello", .in_len = 5 };
	struct ir_proc_result r = IR_PROC_RESULT(100);
	struct ir_err err = IR_ERR_INIT;
	int64_t before;

	(void)state;
	assert_int_equal(ir_proc_run(&p, &r, &err), 0);
	assert_int_equal(r.status, 0);
	assert_string_equal(ir_buf_cstr(&r.out), "hello");
	ir_buf_trunc(&r.out, 0);
	p = (struct ir_proc){ .argv = args };
	assert_int_equal(ir_proc_run(&p, &r, &err), 0);
	assert_string_equal(ir_buf_cstr(&r.out), "a b|$HOME;x|");
	ir_buf_free(&r.out);
	r.out.max = 100000;
	setenv("AWS_SECRET_ACCESS_KEY", "topsecret", 1);
	p = (struct ir_proc){ .argv = env };
	assert_int_equal(ir_proc_run(&p, &r, &err), 0);
	assert_null(strstr(ir_buf_cstr(&r.out), "topsecret"));
	p = (struct ir_proc){ .argv = none };
	assert_int_equal(ir_proc_run(&p, &r, &err), -1);
	assert_int_equal(err.code, IR_NOINPUT);
	p = (struct ir_proc){ .argv = slow, .timeout_ms = 50 };
	assert_int_equal(ir_proc_run(&p, &r, &err), -1);
	assert_int_equal(err.code, IR_TEMPFAIL);
	/* one that has nothing more to say, and stays */
	p = (struct ir_proc){ .argv = mute, .timeout_ms = 50 };
	before = ir_mono_ms();
	assert_int_equal(ir_proc_run(&p, &r, &err), -1);
	assert_int_equal(err.code, IR_TEMPFAIL);
	assert_true(ir_mono_ms() - before < 10000);
	assert_int_equal(r.status, 128 + 9);
	ir_buf_free(&r.out);
	ir_buf_free(&r.err);
}

static void
a_name_is_listed_once(void **state)
{
	struct ir_names l = { 0 };

	(void)state;
	assert_false(ir_names_have(&l, "a"));
	assert_int_equal(ir_names_add(&l, "a"), 0);
	assert_int_equal(ir_names_add(&l, "b"), 0);
	assert_int_equal(ir_names_add(&l, "a"), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0], "a");
	assert_string_equal(l.v[1], "b");
	assert_true(ir_names_have(&l, "b"));
	assert_false(ir_names_have(&l, "B"));
	ir_names_free(&l);
	assert_int_equal(l.n, 0);
}

static int
take_id(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	const char *id = ir_rec_get(rec, "id");

	if (!id || strcmp(id, "bad") == 0)
		return ir_fail(err, IR_DATAERR, "no good");
	return ir_names_add(arg, id);
}

static void
input_ends_where_a_record_is_refused(void **state)
{
	char a[] = "a", b[] = "{\"type\":\"x\",\"id\":\"b\"}", c[] = "c";
	char bad[] = "bad", e[] = "e";
	char *good[] = { a, b, c }, *mixed[] = { c, bad, e };
	struct ir_names l = { 0 };
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	assert_int_equal(ir_in_each(good, 3, take_id, &l, &err), 0);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.v[1], "b");
	assert_int_equal(ir_in_each(mixed, 3, take_id, &l, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	assert_string_equal(err.msg, "operand 2: no good");
	assert_int_equal(l.n, 3);
	assert_false(ir_names_have(&l, "e"));
	ir_names_free(&l);
}

/* A line that is written as it goes is the record's own. */
static void
lines(void **state)
{
	static const char odd[] = "q\"b\\s/\xc3\xbc\n\x01\xff\x7f tab\t'";
	struct ir_buf a = IR_BUF(4096), b = IR_BUF(4096);
	struct ir_rec *r = ir_rec_new("t", odd);

	(void)state;
	ir_rec_str(r, "plain", "a b");
	ir_rec_str(r, "empty", "");
	ir_rec_strn(r, "odd", odd, sizeof odd - 1);
	ir_rec_int(r, "min", INT64_MIN);
	ir_rec_bool(r, "yes", true);
	ir_rec_bool(r, "no", false);
	ir_rec_time(r, "at", 1795277193);
	ir_rec_json(r, &a);
	ir_rec_free(r);
	ir_line_begin(&b, "t", odd);
	ir_line_str(&b, "plain", "a b");
	ir_line_str(&b, "empty", "");
	ir_line_strn(&b, "odd", odd, sizeof odd - 1);
	ir_line_int(&b, "min", INT64_MIN);
	ir_line_bool(&b, "yes", true);
	ir_line_bool(&b, "no", false);
	ir_line_time(&b, "at", 1795277193);
	ir_line_end(&b);
	assert_string_equal(ir_buf_cstr(&b), ir_buf_cstr(&a));
	ir_buf_free(&a);
	ir_buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(buffer_stops_at_its_maximum),
		cmocka_unit_test(secret_buffer_moves_whole),
		cmocka_unit_test(text_becomes_clean_utf8),
		cmocka_unit_test(text_is_cut_between_characters),
		cmocka_unit_test(times_go_both_ways),
		cmocka_unit_test(records_keep_what_they_do_not_know),
		cmocka_unit_test(bad_json_is_refused),
		cmocka_unit_test(parsed_strings_are_clean),
		cmocka_unit_test(tally_says_what_to_do),
		cmocka_unit_test(file_is_replaced_whole),
		cmocka_unit_test(secret_file_must_be_ours_alone),
		cmocka_unit_test(a_name_is_listed_once),
		cmocka_unit_test(input_ends_where_a_record_is_refused),
		cmocka_unit_test(child_gets_no_shell_and_no_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
