/*
 * smtp: the SMTP client's pure half by cmocka; with arguments it is a client
 * that tests/smtp-client.bats leads against a server:
 *
 *	smtp HOST PORT none|may|must|wrap TIMEOUT_MS [USER PASSWORDFILE|-
 *	    [FROM TO MESSAGEFILE]]
 *
 * It prints "STAGE CODE TEXT" of the last reply and "exit N MESSAGE".
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "net/smtp.h"
#include "net/smtp_reply.h"

static long
parse(const char *s, struct ir_smtp_parsed *r)
{
	return ir_smtp_reply_parse(s, strlen(s), r);
}

static void
test_reply(void **state)
{
	struct ir_smtp_parsed r;

	(void)state;
	assert_int_equal(parse("250 ok\r\nrest", &r), 8);
	assert_int_equal(r.code, 250);
	assert_string_equal(r.text, "ok");
	assert_int_equal(parse("250 ok\n", &r), 7);
	assert_int_equal(parse("354\r\n", &r), 5);
	assert_string_equal(r.text, "");
	assert_int_equal(parse("250-a\r\n250-b\r\n250 last\r\n", &r), 24);
	assert_int_equal(r.lines, 3);
	assert_string_equal(r.text, "last");
	/* not yet whole */
	assert_int_equal(parse("", &r), 0);
	assert_int_equal(parse("2", &r), 0);
	assert_int_equal(parse("250 ok\r", &r), 0);
	assert_int_equal(parse("250-a\r\n250", &r), 0);
	/* not SMTP */
	assert_int_equal(parse("HTTP/1.1 400\r\n", &r), -1);
	assert_int_equal(parse("\r\n", &r), -1);
	assert_int_equal(parse("25 ok\r\n", &r), -1);
	assert_int_equal(parse("150 ok\r\n", &r), -1);
	assert_int_equal(parse("650 ok\r\n", &r), -1);
	assert_int_equal(parse("250ok\r\n", &r), -1);
	assert_int_equal(parse("250-a\r\n550 b\r\n", &r), -1);
}

static void
test_reply_printable(void **state)
{
	const char raw[] = "550 a\0b\033[2J\377\r\n";
	struct ir_smtp_parsed r;
	const char *p;

	(void)state;
	assert_true(ir_smtp_reply_parse(raw, sizeof raw - 1, &r) > 0);
	assert_int_equal(r.text[0], 'a');
	for (p = r.text; *p; p++)
		assert_true((unsigned char)*p >= ' ');
}

static void
test_reply_limits(void **state)
{
	static char big[IR_SMTP_LINE_MAX + 64];
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_smtp_parsed r;
	int i;

	(void)state;
	memset(big, 'x', sizeof big);
	memcpy(big, "250 ", 4);
	assert_int_equal(ir_smtp_reply_parse(big, IR_SMTP_LINE_MAX, &r), 0);
	assert_int_equal(ir_smtp_reply_parse(big, sizeof big, &r), -1);
	big[IR_SMTP_LINE_MAX] = '\n';
	assert_int_equal(ir_smtp_reply_parse(big, sizeof big, &r),
	    IR_SMTP_LINE_MAX + 1);
	assert_int_equal(strlen(r.text), sizeof r.text - 1);
	for (i = 1; i < IR_SMTP_LINES_MAX; i++)
		ir_buf_str(&b, "250-x\r\n");
	assert_int_equal(ir_smtp_reply_parse(b.data, b.len, &r), 0);
	ir_buf_str(&b, "250 y\r\n");
	assert_int_equal(ir_smtp_reply_parse(b.data, b.len, &r), b.len);
	ir_buf_trunc(&b, b.len - 7);
	ir_buf_str(&b, "250-x\r\n250 y\r\n");
	assert_int_equal(ir_smtp_reply_parse(b.data, b.len, &r), -1);
	ir_buf_free(&b);
}

static void
test_offers(void **state)
{
	struct ir_smtp_parsed r;

	(void)state;
	parse("250-AUTH PLAIN\r\n250-starttls\r\n250-auth Login\r\n250 x\r\n",
	    &r);
	assert_true(r.offers.starttls);
	assert_true(r.offers.auth_login);
	/* the first line is the server's name, not an offer */
	assert_false(r.offers.auth_plain);
	parse("250-x\r\n250-STARTTLSX\r\n250 AUTH=PLAIN\r\n", &r);
	assert_false(r.offers.starttls);
	assert_true(r.offers.auth_plain);
	parse("250-x\r\n250 XAUTH PLAIN LOGIN\r\n", &r);
	assert_false(r.offers.auth_plain);
}

static void
stuffs(const char *in, const char *want)
{
	struct ir_buf b = IR_BUF(4096);

	ir_smtp_stuff(in, strlen(in), &b);
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
test_stuff(void **state)
{
	(void)state;
	stuffs("", "");
	stuffs("a", "a\r\n");
	stuffs("a\n", "a\r\n");
	stuffs("a\r\n", "a\r\n");
	stuffs("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n");
	stuffs("a\n\nb", "a\r\n\r\nb\r\n");
	stuffs(".", "..\r\n");
	stuffs(".\r\n.\n..\n.x", "..\r\n..\r\n...\r\n..x\r\n");
	stuffs("a.b\n x.\n", "a.b\r\n x.\r\n");
	/* lone CRs must not hide an end of the mail */
	stuffs("a\r.\rb", "a\r\n..\r\nb\r\n");
	stuffs("a\n.\r", "a\r\n..\r\n");
	stuffs("a\r\r\n", "a\r\n\r\n");
	stuffs("\n", "\r\n");
}

static void
test_address(void **state)
{
	const char *const good[] = { "a@b", "a.b+c@example.net",
		"\"a b\"@example.net", "\"a@b\"@example.net",
		"\"a\\\"b\"@example.net", "x@[192.0.2.1]",
		"x@[IPv6:2001:db8::1]" };
	const char *const bad[] = { "", "a", "@b", "a@", "a b@c", "a@b c",
		"a@b\r\nRCPT TO:<x@y>", "a\n@b", "a\r@b", "<a@b>", "a@b>",
		"a\"@b", "\"a@b", "a@.b", "a@b,c@d", "\"\\\n\"@b",
		"\"a<\"@b", "\"\\>\"@b", "\303\244@b", "a\177@b", "a@b@c" };
	char big[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(ir_smtp_address_ok(good[i]));
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ir_smtp_address_ok(bad[i]));
	memset(big, 'a', sizeof big);
	memcpy(big + 250, "@b.c", 5);
	assert_true(ir_smtp_address_ok(big));
	memcpy(big + 250, "@b.cd", 6);
	assert_false(ir_smtp_address_ok(big));
}

static void
endpoint(const char *t, const char *region, const char *host, int port)
{
	struct ir_err err = IR_ERR_INIT;
	char got[256] = "untouched";
	int p = 587;

	assert_int_equal(ir_smtp_endpoint(t, region, got, sizeof got, &p,
	    &err), host ? 0 : -1);
	assert_string_equal(got, host ? host : "untouched");
	assert_int_equal(p, port);
	assert_int_equal(err.code, host ? 0 : IR_USAGE);
}

static void
test_endpoint(void **state)
{
	(void)state;
	endpoint("email-smtp.{region}.amazonaws.com:2587", "us-east-1",
	    "email-smtp.us-east-1.amazonaws.com", 2587);
	endpoint("mx.example.net", NULL, "mx.example.net", 587);
	endpoint("{region}.{region}:1", "x", "x.x", 1);
	endpoint("[::1]:25", NULL, "::1", 25);
	endpoint("[::1]", NULL, "::1", 587);
	endpoint("2001:db8::1", NULL, "2001:db8::1", 587);
	endpoint("{region}:1", NULL, NULL, 587);
	endpoint("{regio}:1", "x", NULL, 587);
	endpoint("", NULL, NULL, 587);
	endpoint(":25", NULL, NULL, 587);
	endpoint("h:", NULL, NULL, 587);
	endpoint("h:0", NULL, NULL, 587);
	endpoint("h:65536", NULL, NULL, 587);
	endpoint("h:25x", NULL, NULL, 587);
	endpoint("h: 25", NULL, NULL, 587);
	endpoint("a b", NULL, NULL, 587);
	endpoint("[::1]x", NULL, NULL, 587);
	endpoint("[::1", NULL, NULL, 587);
}

/* --- the client -------------------------------------------------------- */

static int
mail(struct ir_smtp *s, char **v, struct ir_err *err)
{
	struct ir_buf msg = IR_BUF(64 << 20);
	int rc = ir_buf_read_file(&msg, v[2], err);

	if (rc == 0)
		rc = ir_smtp_mail(s, v[0], err);
	if (rc == 0)
		rc = ir_smtp_rcpt(s, v[1], err);
	if (rc == 0)
		rc = ir_smtp_data(s, ir_buf_cstr(&msg), msg.len, err);
	ir_buf_free(&msg);
	return rc;
}

static int
drive(int n, char **v)
{
	const char *const kinds[] = { "none", "may", "must", "wrap" };
	struct ir_smtp_opts o = { .host = v[0], .port = atoi(v[1]),
		.timeout_ms = atoi(v[3]), .address = getenv("SMTP_ADDRESS") };
	struct ir_secret pw = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;
	struct ir_smtp *s = NULL;
	int i, rc;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < 4; i++)
		if (strcmp(v[2], kinds[i]) == 0)
			o.tls = (enum ir_smtp_tls)i;
	rc = ir_smtp_open(&s, &o, &err);
	if (rc == 0 && n > 5 && strcmp(v[5], "-") != 0 &&
	    (rc = ir_secret_read_file(&pw, v[5], &err)) == 0)
		rc = ir_smtp_auth(s, v[4], &pw, &err);
	if (rc == 0 && n > 8)
		rc = mail(s, v + 6, &err);
	if (s)
		printf("%s %d %s\n", ir_smtp_last(s)->stage,
		    ir_smtp_last(s)->code, ir_smtp_last(s)->text);
	printf("exit %d %s\n", err.code, err.msg);
	ir_smtp_close(s);
	ir_secret_free(&pw);
	return err.code;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_printable),
		cmocka_unit_test(test_reply_limits),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_stuff),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_endpoint),
	};

	if (argc > 4)
		return drive(argc - 1, argv + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
