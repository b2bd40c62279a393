/* split.c - streams of JSON cut into documents */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "report/split.h"

static void
note(const char *doc, size_t n, bool whole, void *arg)
{
	struct ir_buf *b = arg;

	ir_buf_fmt(b, "%c<%.*s>", whole ? '+' : '-', (int)n, doc);
}

static void
cut(const char *in, const char *want)
{
	struct ir_split s = IR_SPLIT_INIT;
	struct ir_buf b = IR_BUF(1U << 20);

	ir_split_feed(&s, in, strlen(in), note, &b);
	ir_split_end(&s, note, &b);
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
documents(void **state)
{
	(void)state;
	cut("", "");
	cut(" \n\n", "");
	cut("{}\n[1]\n", "+<{}>+<[1]>");
	cut("{\"a\":1} {\"b\":2}", "+<{\"a\":1}>+<{\"b\":2}>");
	cut("{\n \"a\": [\n1]\n}\n", "+<{\n \"a\": [\n1]\n}>");
	cut("{\"a\":\"}\\\"{\"}\n", "+<{\"a\":\"}\\\"{\"}>");
}

static void
broken(void **state)
{
	(void)state;
	cut("hello\n{}\n", "-<hello>+<{}>");
	cut("}\n{}\n", "-<}>+<{}>");
	/* cut off in a string: the next line is one of its own */
	cut("{\"a\":\"b\n{\"c\":1}\n", "-<{\"a\":\"b>+<{\"c\":1}>");
	/* cut off elsewhere: given in the end, with its lines */
	cut("{\"a\":1\n{\"c\":1}\n", "-<{\"a\":1\n{\"c\":1}\n>");
}

static size_t given;

static void
count(const char *doc, size_t n, bool whole, void *arg)
{
	(void)doc;
	(void)arg;
	given++;
	assert_true(whole ? n == 2 : n <= IR_SPLIT_MAX);
}

static void
too_large(void **state)
{
	struct ir_split s = IR_SPLIT_INIT;
	size_t n = IR_SPLIT_MAX + 1000;
	char *p = malloc(n);

	(void)state;
	assert_non_null(p);
	memset(p, ' ', n);
	p[0] = '{';
	memcpy(p + n - 3, "\n{}", 3);
	ir_split_feed(&s, p, n, count, NULL);
	ir_split_end(&s, count, NULL);
	assert_int_equal(given, 2);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents), cmocka_unit_test(broken),
		cmocka_unit_test(too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
