/* sigv4.c - the corners of Signature Version 4, and a documented example */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/sigv4.h"

/* AWS IAM User Guide: the example key of the signing pages */
static char example_secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static struct ir_secret example = { example_secret,
	sizeof example_secret - 1 };

static struct ir_sigv4
sign(const char *path, const char *query, const struct ir_http_header *h,
    size_t nh)
{
	static const struct ir_http_header host = { "Host", "h" };
	struct ir_sigv4_req r = { .method = "GET", .path = path,
	    .query = query, .headers = h ? h : &host, .nheaders = h ? nh : 1,
	    .key_id = "AKIDEXAMPLE", .secret = &example,
	    .region = "us-east-1", .service = "iam", .when = 1440938160 };
	struct ir_sigv4 out;
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_sigv4_sign(&r, &out, &err), 0);
	return out;
}

/* Line n of the canonical request: 0 method, 1 path, 2 query, 3... headers */
static void
line_is(const char *path, const char *query, const struct ir_http_header *h,
    size_t nh, int n, const char *want)
{
	struct ir_sigv4 s = sign(path, query, h, nh);
	char *p = s.canonical.data;

	while (n--)
		p = strchr(p, '\n') + 1;
	p[strcspn(p, "\n")] = '\0';
	assert_string_equal(p, want);
	ir_sigv4_free(&s);
}

static void
documented_example(void **state)
{
	static const struct ir_http_header h[] = {
		{ "Host", "iam.amazonaws.com" },
		{ "Content-Type",
		    "application/x-www-form-urlencoded; charset=utf-8" },
	};
	struct ir_sigv4 s = sign("/", "Action=ListUsers&Version=2010-05-08",
	    h, 2);
	static const unsigned char begin[] = { 0xc4, 0xaf, 0xb1, 0xcc };
	unsigned char key[IR_SIGV4_KEY];

	(void)state;
	assert_string_equal(s.date, "20150830T123600Z");
	assert_non_null(strstr(s.to_sign.data, "AWS4-HMAC-SHA256\n"
	    "20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
	    "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
	    ));
	assert_string_equal(s.authorization.data, "AWS4-HMAC-SHA256 "
	    "Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
	    "SignedHeaders=content-type;host;x-amz-date, Signature="
	    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
	    );
	assert_int_equal(ir_sigv4_key(&example, "20150830", "us-east-1", "iam",
	    key, NULL), 0);
	assert_memory_equal(key, begin, sizeof begin);
	ir_sigv4_free(&s);
}

static void
path_is_normalised_then_encoded_again(void **state)
{
	static const char *const t[][2] = {
		{ "", "/" }, { "/", "/" }, { "//", "/" }, { "/a//b", "/a/b" },
		{ "/a/../b", "/b" }, { "/..", "/" }, { "/a/./b/", "/a/b/" },
		{ "/a/..", "/" }, { "/a/.", "/a" }, { "/a/b/..", "/a" },
		{ "/../../x/", "/x/" }, { "/%2F", "/%252F" },
		{ "/a%2f..", "/a%252f.." }, { "/%2e%2e/a", "/%252e%252e/a" },
		{ "/b%40example.com", "/b%2540example.com" }, { "/@", "/%40" },
		{ "/~-._", "/~-._" }, { "/*", "/%2A" }, { "/...", "/..." },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++)
		line_is(t[i][0], "", NULL, 0, 1, t[i][1]);
}

static void
query_is_encoded_then_sorted_as_pairs(void **state)
{
	static const char *const t[][2] = {
		{ "", "" }, { "&&", "" }, { "k", "k=" }, { "k=", "k=" },
		{ "b=1&a=2", "a=2&b=1" }, { "a=2&a=1&a=10", "a=1&a=10&a=2" },
		{ "k-2=1&k=2", "k=2&k-2=1" }, { "a+b=c+d", "a%2Bb=c%2Bd" },
		{ "a=%2f%2F/", "a=%2F%2F%2F" }, { "a=b=c", "a=b%3Dc" },
		{ "a=%7E%41", "a=~A" }, { "a=%zz%", "a=%25zz%25" },
		{ "a=%2", "a=%252" }, { "B=1&a=1", "B=1&a=1" },
		{ "=v", "=v" }, { "%C3%BC=1&z=1", "%C3%BC=1&z=1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++)
		line_is("/", t[i][0], NULL, 0, 2, t[i][1]);
	line_is("/", NULL, NULL, 0, 2, "");
}

static void
headers_are_trimmed_joined_and_sorted_by_name(void **state)
{
	static const struct ir_http_header h[] = {
		{ "X-Amz-B", "  a \t b\r\n  folded  \"x   y\" \t" },
		{ "X-Amz-A-B", "2" }, { "Host", "h" }, { "x-amz-a", "z" },
		{ "X-AMZ-A", "a" }, { "X-Amz-E", "" },
	};

	(void)state;
	line_is("/", "", h, 6, 3, "host:h");
	line_is("/", "", h, 6, 4, "x-amz-a:z,a");
	line_is("/", "", h, 6, 5, "x-amz-a-b:2");
	line_is("/", "", h, 6, 6, "x-amz-b:a b folded \"x y\"");
	line_is("/", "", h, 6, 7, "x-amz-date:20150830T123600Z");
	line_is("/", "", h, 6, 8, "x-amz-e:");
	line_is("/", "", h, 6, 9, "");
	line_is("/", "", h, 6, 10,
	    "host;x-amz-a;x-amz-a-b;x-amz-b;x-amz-date;x-amz-e");
}

static int
code_with(const char *name, bool host)
{
	struct ir_http_header h[] = { { name, "v" }, { "Host", "h" } };
	struct ir_sigv4_req r = { .method = "GET", .path = "/", .headers = h,
	    .nheaders = host ? 2 : 1, .key_id = "k", .secret = &example,
	    .region = "r", .service = "s" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_sigv4 out;

	ir_sigv4_sign(&r, &out, &err);
	ir_sigv4_free(&out);
	return err.code;
}

static void
other_headers_are_refused(void **state)
{
	static const char *const bad[] = { "Connection", "Expect",
		"User-Agent", "Authorization", "X-Amzn-Trace-Id", "Accept",
		"X-Amz-Date", "X-Amz-Security-Token" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(code_with(bad[i], true), IR_SOFTWARE);
	assert_int_equal(code_with("X-Amz-Target", true), 0);
	assert_int_equal(code_with("content-type", true), 0);
	assert_int_equal(code_with("X-Amz-Target", false), IR_SOFTWARE);
}

static void
limits_hold(void **state)
{
	struct ir_http_header h[IR_SIGV4_HEADERS + 1];
	struct ir_sigv4_req r = { .method = "GET", .path = "/", .headers = h,
	    .key_id = "k", .secret = &example, .region = "r",
	    .service = "s" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_sigv4 out;
	struct ir_buf q = IR_BUF(1 << 20);
	size_t i;

	(void)state;
	for (i = 0; i < IR_SIGV4_HEADERS + 1; i++)
		h[i] = (struct ir_http_header){ "Host", "h" };
	r.nheaders = IR_SIGV4_HEADERS;
	assert_int_equal(ir_sigv4_sign(&r, &out, &err), 0);
	ir_sigv4_free(&out);
	r.nheaders++;
	assert_int_equal(ir_sigv4_sign(&r, &out, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	ir_sigv4_free(&out);
	r.nheaders = 1;
	for (i = 0; i < IR_SIGV4_PARAMS + 1; i++)
		ir_buf_str(&q, "a=1&");
	r.query = q.data;
	assert_int_equal(ir_sigv4_sign(&r, &out, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	ir_sigv4_free(&out);
	ir_buf_free(&q);
}

static void
date_and_scope_come_from_one_time(void **state)
{
	static const struct ir_http_header host = { "Host", "h" };
	struct ir_sigv4_req r = { .method = "GET", .path = "/",
	    .headers = &host, .nheaders = 1, .key_id = "k",
	    .secret = &example, .region = "r", .service = "s" };
	struct ir_sigv4 out;
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	r.when = 1767225599;	/* 2025-12-31T23:59:59Z */
	assert_int_equal(ir_sigv4_sign(&r, &out, &err), 0);
	assert_non_null(strstr(out.to_sign.data,
	    "\n20251231T235959Z\n20251231/r/s/"));
	ir_sigv4_free(&out);
	r.when++;
	assert_int_equal(ir_sigv4_sign(&r, &out, &err), 0);
	assert_non_null(strstr(out.to_sign.data,
	    "\n20260101T000000Z\n20260101/r/s/"));
	ir_sigv4_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documented_example),
		cmocka_unit_test(path_is_normalised_then_encoded_again),
		cmocka_unit_test(query_is_encoded_then_sorted_as_pairs),
		cmocka_unit_test(headers_are_trimmed_joined_and_sorted_by_name),
		cmocka_unit_test(other_headers_are_refused),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(date_and_scope_come_from_one_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
