/* compose.c: exact bytes of a message, and nothing slipped in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "incident/courier.h"
#include "incident/letter.h"
#include "mail/compose.h"

static struct ir_mail
plain(void)
{
	return (struct ir_mail){ .from = "a@x.example", .to = "b@y.example",
	    .subject = "Hello", .date = 1795255200,
	    .message_id = "<1@x.example>", .body = "text\n" };
}

static struct ir_buf
made(const struct ir_mail *m)
{
	struct ir_buf b = IR_BUF(8 << 20);
	struct ir_err err = IR_ERR_INIT;
	const char *p, *nl;
	size_t i;

	if (ir_mail_compose(m, &b, &err))
		fail_msg("%s", err.msg);
	for (i = 0; i < b.len; i++) {	/* 7 bits, CRLF only */
		assert_true((unsigned char)b.data[i] < 0x7f);
		if (b.data[i] == '\n')
			assert_true(i && b.data[i - 1] == '\r');
		if (b.data[i] == '\r')
			assert_true(b.data[i + 1] == '\n');
	}
	for (p = b.data; (nl = strchr(p, '\n')); p = nl + 1)
		assert_true(nl - p <= 999);
	return b;
}

/* The folded value of a header. */
static char *
header(const struct ir_buf *b, const char *name)
{
	static char value[8192];
	const char *p = b->data, *end = strstr(b->data, "\r\n\r\n");
	size_t n = 0, len = strlen(name);

	for (; p < end; p = strstr(p, "\r\n") + 2)
		if (strncmp(p, name, len) == 0 && p[len] == ':')
			break;
	if (p >= end)
		return NULL;
	for (p += len + 2; *p; p++) {
		if (*p == '\r' && p[2] != ' ')
			break;
		value[n++] = *p;
	}
	value[n] = '\0';
	return value;
}

static void
subject_is(const char *in, const char *want)
{
	struct ir_mail m = plain();
	struct ir_buf b;

	m.subject = in;
	b = made(&m);
	assert_string_equal(header(&b, "Subject"), want);
	ir_buf_free(&b);
}

static void
exact(void **state)
{
	static const char *const cc[] = { "c@x.example", "d@x.example" };
	static const char *const refs[] = { "<r1@y>", "<n@y>" };
	struct ir_mail m = plain();
	struct ir_buf b;

	(void)state;
	m.cc = cc;
	m.ncc = 2;
	m.reply_to = "r@x.example";
	m.in_reply_to = "<n@y>";
	m.references = refs;
	m.nreferences = 2;
	m.unattended = true;
	m.body = "one\r\n.dot\rthree";
	b = made(&m);
	assert_string_equal(b.data,
	    "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
	    "From: a@x.example\r\n"
	    "To: b@y.example\r\n"
	    "Cc: c@x.example,\r\n d@x.example\r\n"
	    "Reply-To: r@x.example\r\n"
	    "Subject: Hello\r\n"
	    "Message-ID: <1@x.example>\r\n"
	    "In-Reply-To: <n@y>\r\n"
	    "References: <r1@y>\r\n <n@y>\r\n"
	    "Auto-Submitted: auto-replied\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n"
	    "\r\n"
	    "one\r\n.dot\r\nthree\r\n");
	ir_buf_free(&b);
}

static void
subjects(void **state)
{
	(void)state;
	subject_is("Re: Your AWS Abuse Report [10468407181] [AWS ID 1]",
	    "Re: Your AWS Abuse Report [10468407181] [AWS ID 1]");
	/* folded before a bracket, never in it */
	subject_is("Re: a subject of many words that goes on and on until "
	    "the line is full [AWS ID 111111111111]",
	    "Re: a subject of many words that goes on and on until the line "
	    "is\r\n full [AWS ID 111111111111]");
	subject_is("Re: words, and more words, and still some more of these "
	    "12 [AWS ID 111111111111]",
	    "Re: words, and more words, and still some more of these 12\r\n "
	    "[AWS ID 111111111111]");
	/* words that must be encoded go together, with their spaces */
	subject_is("\xe4\xb8\x8d\xe6\xad\xa3 \xe5\x88\xa9 ok [1-1]",
	    "=?UTF-8?B?5LiN5q2jIOWIqQ==?= ok [1-1]");
	subject_is("\xe4\xb8\x8d[12345678901-1]\xe4\xb8\x8d",
	    "=?UTF-8?B?5LiN?= [12345678901-1] =?UTF-8?B?5LiN?=");
	subject_is("Report[1]x", "Report[1]x");
	/* what would be read as an encoded word is encoded */
	subject_is("a =?UTF-8?Q?b?= c", "a =?UTF-8?B?PT9VVEYtOD9RP2I/PQ==?= c");
	subject_is("a\r\nBcc: v@x", "a  Bcc: v@x");
	subject_is("  a  b \t ", "a  b");
}

static void
long_subjects(void **state)
{
	char s[IR_MAIL_SUBJECT_MAX + 2];
	struct ir_err err = IR_ERR_INIT;
	struct ir_mail m = plain();
	struct ir_buf b;
	size_t i;

	(void)state;
	m.subject = s;
	memset(s, 'x', sizeof s);	/* one word */
	s[IR_MAIL_SUBJECT_MAX] = '\0';
	b = made(&m);
	ir_buf_free(&b);
	for (i = 0; i < IR_MAIL_SUBJECT_MAX; i++)	/* all brackets */
		s[i] = "[123456]"[i % 8];
	b = made(&m);
	ir_buf_free(&b);
	memset(s, ' ', IR_MAIL_SUBJECT_MAX);	/* far apart */
	s[0] = s[IR_MAIL_SUBJECT_MAX - 1] = 'y';
	b = made(&m);
	ir_buf_free(&b);
	for (i = 0; i < IR_MAIL_SUBJECT_MAX; i += 2)
		memcpy(s + i, "\xc3\xa9", 2);
	b = made(&m);
	ir_buf_free(&b);
	memset(s, 'x', sizeof s - 1);
	s[sizeof s - 1] = '\0';
	b = (struct ir_buf)IR_BUF(1 << 20);
	assert_int_equal(ir_mail_compose(&m, &b, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	ir_buf_free(&b);
}

static void
replies(void **state)
{
	static const char *const t[][2] = {
		{ "x", "Re: x" }, { "Re: x", "Re: x" }, { "RE:x", "RE:x" },
		{ " re: x", "re: x" }, { "Report", "Re: Report" },
		{ "", "Re: " },
	};
	struct ir_buf b = IR_BUF(100);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		ir_buf_trunc(&b, 0);
		ir_mail_reply_subject(t[i][0], &b);
		assert_string_equal(ir_buf_cstr(&b), t[i][1]);
	}
	ir_buf_free(&b);
}

static void
bodies(void **state)
{
	struct ir_mail m = plain();
	struct ir_buf b;
	char wide[1200];

	(void)state;
	m.body = "caf\xc3\xa9 = \nend \nx\x01y\n";
	b = made(&m);
	assert_non_null(strstr(b.data, "charset=utf-8\r\nContent-Transfer-"
	    "Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =3D=20\r\nend=20\r\n"
	    "x=EF=BF=BDy\r\n"));
	ir_buf_free(&b);
	memset(wide, 'w', sizeof wide);
	wide[1199] = '\0';
	m.body = wide;
	b = made(&m);
	assert_non_null(strstr(b.data, "www=\r\nwww"));
	ir_buf_free(&b);
	wide[998] = '\0';
	b = made(&m);
	assert_non_null(strstr(b.data, "7bit"));
	ir_buf_free(&b);
	m.body = "";
	b = made(&m);
	ir_buf_free(&b);
}

static void
many_references(void **state)
{
	char ids[60][16];
	const char *refs[60];
	struct ir_mail m = plain();
	struct ir_buf b;
	const char *p;
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < 60; i++) {
		snprintf(ids[i], sizeof ids[i], "<%zu@x>", i);
		refs[i] = ids[i];
	}
	m.references = refs;
	m.nreferences = 60;
	b = made(&m);
	for (p = header(&b, "References"); (p = strchr(p, '<')); p++)
		n++;
	assert_int_equal(n, IR_MAIL_REFERENCES);
	p = header(&b, "References");
	assert_int_equal(strncmp(p, "<0@x>\r\n <41@x>", 14), 0);
	assert_non_null(strstr(p, "<59@x>"));
	ir_buf_free(&b);
}

static void
refused(void **state)
{
	static const char *const bad[] = { "", "a", "@x", "a@", "a b@x",
	    "a@x\r\nBcc: v@y", "<a@x>", "a@x>", "a@-x", "a@x..y", ".a@x",
	    "a.@x", "a..b@x", "\"a\"@x", "a@x,b@y", "a@\xc3\xa9", "a@[1.2.3.4]",
	    "a@x." };
	static const char *const ids[] = { "", "<>", "<@>", "a@x", "<a@x",
	    "<a x@y>", "<a@x>\r\nX: y", "<a\r\n@x>", "<a>@<x>", "<a@>",
	    "<@a>", "<abc>", "<a@\xc3\xa9>" };
	struct ir_mail m = plain();
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_err err = IR_ERR_INIT;
	const char *one[1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(ir_mail_address_ok(bad[i]));
		m = plain();
		m.to = bad[i];
		assert_int_equal(ir_mail_compose(&m, &b, &err), -1);
		m = plain();
		m.cc = one;
		m.ncc = 1;
		one[0] = bad[i];
		assert_int_equal(ir_mail_compose(&m, &b, &err), -1);
	}
	for (i = 0; i < sizeof ids / sizeof *ids; i++) {
		assert_false(ir_mail_id_ok(ids[i]));
		m = plain();
		m.in_reply_to = ids[i];
		assert_int_equal(ir_mail_compose(&m, &b, &err), -1);
		m = plain();
		m.references = one;
		m.nreferences = 1;
		one[0] = ids[i];
		assert_int_equal(ir_mail_compose(&m, &b, &err), -1);
	}
	assert_int_equal(err.code, IR_DATAERR);
	assert_true(ir_mail_address_ok("a.b+c=d@x-y.example"));
	assert_true(ir_mail_id_ok("<0100@email.amazonses.com>"));
	ir_buf_free(&b);
}

static void
fill(const char *template, int code, const char *want)
{
	static const struct ir_letter_value v[] = { { "case", "1-1", false },
	    { "none", "", false }, { "null", NULL, false },
	    { "evil", "a\r\nb {{case}}", false } };
	struct ir_buf b = IR_BUF(4096);
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_letter_fill(template, strlen(template), v, 4, &b,
	    &err), code ? -1 : 0);
	assert_int_equal(err.code, code);
	if (want)
		assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
letters(void **state)
{
	(void)state;
	fill("case {{case}}, {{case?}}!\nend", 0, "case 1-1, 1-1!\nend\n");
	fill("a\nb {{none?}}\nc {{null?}} {{case}}\nd\n", 0, "a\nd\n");
	fill("{{none}}", 78, NULL);
	fill("{{null}}", 78, NULL);
	fill("{{other}}", 78, NULL);
	fill("{{other?}}", 78, NULL);
	fill("{{", 78, NULL);
	fill("a {{case", 78, NULL);
	fill("}}", 78, NULL);
	fill("{{evil}}", 78, NULL);	/* a value is not a template */
	fill("TODO: say what", 78, NULL);
	fill("(XXXX)", 78, NULL);
	fill("AKIAXXXX1 TODOS", 0, NULL);
	fill("(AWS\xe3\x82\xa2\xe3\x82\xab\xe3\x82\xa6\xe3\x83\xb3\xe3\x83\x88"
	    "ID)", 78, NULL);
	fill("", 0, "");
}

static void
patients(void **state)
{
	(void)state;
	assert_true(ir_courier_is_ses("email-smtp.us-east-1.amazonaws.com"));
	assert_true(ir_courier_is_ses("EMAIL-SMTP.us-east-1.AmazonAWS.com."));
	assert_true(ir_courier_is_ses(
	    "email-smtp-fips.us-gov-west-1.amazonaws.com"));
	assert_true(ir_courier_is_ses(
	    "email-smtp.cn-north-1.amazonaws.com.cn"));
	assert_true(ir_courier_is_ses("email-smtp.eu-west-1.api.aws"));
	assert_false(ir_courier_is_ses("email-smtp.eu-west-1.notaws"));
	assert_false(ir_courier_is_ses("email-smtp.example"));
	assert_false(ir_courier_is_ses("smtp.example.amazonaws.com"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact), cmocka_unit_test(subjects),
		cmocka_unit_test(long_subjects), cmocka_unit_test(replies),
		cmocka_unit_test(bodies), cmocka_unit_test(many_references),
		cmocka_unit_test(refused), cmocka_unit_test(letters),
		cmocka_unit_test(patients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
