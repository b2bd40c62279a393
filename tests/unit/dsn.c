/* dsn.c: delivery status notifications, and what a relay's log says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "incident/receipt.h"
#include "mail/dsn.h"

#define HEAD "Message-ID: <own@r.example>\r\n" \
	"Content-Type: multipart/report; report-type=\"Delivery-Status\"; " \
	"boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n" \
	"--b\r\nContent-Type: message/delivery-status\r\n\r\n"

static int
parse(struct ir_dsn *d, const char *s)
{
	struct ir_err err = IR_ERR_INIT;

	return ir_dsn_parse(d, s, strlen(s), &err) ? err.code : 0;
}

static void
test_fields(void **state)
{
	static struct ir_dsn d;

	(void)state;
	assert_int_equal(parse(&d, HEAD
	    "Reporting-MTA: dns; mx.example\r\n"
	    "\r\n"
	    "Original-Recipient: rfc822;<a@b.example>\r\n"
	    "final-recipient : RFC822; c@d.example\r\n"
	    "Action: failed (permanent)\r\n"
	    "Status: 5.1.1\r\n"
	    "Diagnostic-Code: smtp;\r\n"
	    "\t550-5.1.1 first\r\n"
	    " 550 second\x1b[31m\r\n"
	    "\r\n"
	    "Final-Recipient: rfc822; e@f.example\r\n"
	    "Action: delayed\r\n"
	    "\r\n"
	    "Final-Recipient: rfc822; g@h.example\r\n"
	    "Action: unheard-of\r\n"
	    "\r\n"
	    "Action: failed\r\n"
	    "--b\r\n"
	    "Content-Type: message/rfc822\r\n\r\n"
	    "Message-ID: <1@x>\r\nReferences: <2@x>\r\n <3@x> junk <4\r\n"
	    "\r\nbody\r\n--b--\r\n"), 0);
	assert_string_equal(d.own_id, "<own@r.example>");
	assert_string_equal(d.from, "mx.example");
	assert_int_equal(d.n, 2);
	assert_string_equal(d.rcpt[0].original, "a@b.example");
	assert_string_equal(d.rcpt[0].final, "c@d.example");
	assert_int_equal(d.rcpt[0].action, IR_DSN_FAILED);
	assert_string_equal(d.rcpt[0].status, "5.1.1");
	assert_non_null(strstr(d.rcpt[0].text, "550-5.1.1 first 550 second"));
	assert_null(strchr(d.rcpt[0].text, 27));
	assert_int_equal(d.rcpt[1].action, IR_DSN_DELAYED);
	assert_int_equal(d.nids, 3);
	assert_string_equal(d.id[0], "<1@x>");
	assert_string_equal(d.id[1], "<2@x>");
	assert_string_equal(d.id[2], "<3@x>");
	assert_string_equal(ir_dsn_word(IR_DSN_EXPANDED), "expanded");
}

static void
test_none(void **state)
{
	static struct ir_dsn d;

	(void)state;
	assert_int_equal(parse(&d, ""), 65);
	assert_int_equal(parse(&d, "Subject: x\n\nFinal-Recipient: rfc822;a@b\n"
	    "Action: failed\n"), 65);
	/* a report of another kind, and one without a recipient */
	assert_int_equal(parse(&d, "Content-Type: multipart/report; "
	    "report-type=feedback-report; boundary=b\n\n--b\nContent-Type: "
	    "message/delivery-status\n\nFinal-Recipient: rfc822;a@b\n"
	    "Action: failed\n\n--b--\n"), 65);
	assert_int_equal(parse(&d, HEAD "Reporting-MTA: dns; x\n\n--b--\n"),
	    65);
	/* headers only; no id of its own: its place stays empty */
	assert_int_equal(parse(&d, HEAD "Final-Recipient: rfc822;a@b\n"
	    "Action: failed\n\n--b\nContent-Type: text/rfc822-headers\n\n"
	    "References: <1@x>\n\n--b--\n"), 0);
	assert_int_equal(d.nids, 2);
	assert_string_equal(d.id[0], "");
	assert_string_equal(d.id[1], "<1@x>");
}

static void
test_limits(void **state)
{
	static char big[400000];
	static struct ir_dsn d;
	size_t n;
	int i;

	(void)state;
	n = (size_t)snprintf(big, sizeof big, "%s", HEAD);
	for (i = 0; i < 200; i++)
		n += (size_t)snprintf(big + n, sizeof big - n,
		    "Final-Recipient: rfc822; %d@x\nAction: failed\n"
		    "Diagnostic-Code: %01000d\n\n", i, i);
	n += (size_t)snprintf(big + n, sizeof big - n, "--b\nContent-Type: "
	    "text/rfc822-headers\n\nMessage-ID: <%0300d@x>\nReferences:", 1);
	for (i = 0; i < 100; i++)
		n += (size_t)snprintf(big + n, sizeof big - n, " <%d@x>", i);
	snprintf(big + n, sizeof big - n, "\n\n--b--\n");
	assert_int_equal(parse(&d, big), 0);
	assert_int_equal(d.n, IR_DSN_RECIPIENTS);
	assert_int_equal(strlen(d.rcpt[0].text), sizeof d.rcpt[0].text - 1);
	assert_int_equal(d.nids, IR_DSN_IDS);
	assert_string_equal(d.id[0], "");
}

static void
line(struct ir_receipt_look *l, const char *s)
{
	ir_receipt_line(l, s, strlen(s));
}

#define AT "2026-11-22 10:00:00 +0000 "
#define ID "1vMAaa-00000000002-0002"

static void
test_log(void **state)
{
	struct ir_ack a = { .message_id = "<k@x.example>", .to = "t@aws.test" };
	struct ir_receipt_look l = { .ack = &a, .now = 1795341600 };

	(void)state;
	/* before the relay had it, and another's id that ends like ours */
	line(&l, AT ID " => t@aws.test R=d T=s H=mx.aws.test [192.0.2.1]");
	line(&l, AT ID " <= a@b H=c [192.0.2.1] id=k@x.example.org");
	line(&l, AT ID " <= a@b H=c [192.0.2.1] T=\"id=k@x.example\"");
	assert_int_equal(l.word, IR_RECEIPT_NONE);
	line(&l, AT "[77] " ID " <= a@b H=c [192.0.2.1] id=k@x.example");
	assert_int_equal(l.word, IR_RECEIPT_QUEUED);
	line(&l, AT ID " => not@aws.test R=d T=s H=mx.aws.test [192.0.2.1]");
	assert_int_equal(l.word, IR_RECEIPT_QUEUED);
	line(&l, AT ID " => x@y <t@aws.test> R=d T=s H=mx.evil.test "
	    "[192.0.2.1]");
	assert_int_equal(l.word, IR_RECEIPT_ELSEWHERE);
	line(&l, AT "[78] " ID " => T@aws.test R=d T=s H=mx.aws.test "
	    "[192.0.2.1] C=\"250 ok\"");
	assert_int_equal(l.word, IR_RECEIPT_DELIVERED);
	/* a weaker word does not take it away */
	line(&l, AT ID " ** t@aws.test R=d T=s H=mx.aws.test [192.0.2.1]: SMTP "
	    "error from remote mail server after RCPT TO:<t@aws.test>: 550 no");
	assert_int_equal(l.word, IR_RECEIPT_DELIVERED);
	assert_non_null(strstr(l.line, "250 ok"));
	/* what was before it came back does not count */
	a.bounced = 1795341601;
	l = (struct ir_receipt_look){ .ack = &a, .now = 1795341700 };
	line(&l, AT ID " <= a@b H=c [192.0.2.1] id=k@x.example");
	line(&l, AT ID " => t@aws.test R=d T=s H=mx.aws.test [192.0.2.1]");
	assert_int_equal(l.word, IR_RECEIPT_QUEUED);
	line(&l, "2026-11-22 10:00:02 +0000 " ID " => t@aws.test R=d T=s "
	    "H=mx.aws.test [192.0.2.1]");
	assert_int_equal(l.word, IR_RECEIPT_DELIVERED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields), cmocka_unit_test(test_none),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
