/* smtp_verdict: what an answer says, as one word; and relay verdicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/smtp_probe.h"
#include "net/smtp_verdict.h"

static struct ir_smtp_judged
judge(const char *stage, int code, const char *text)
{
	struct ir_smtp_reply r = { .code = code, .stage = stage };
	struct ir_smtp_judged j;

	snprintf(r.text, sizeof r.text, "%s", text);
	ir_smtp_judge(&r, IR_SMTP_FINE, &j);
	return j;
}

static void
is(const char *stage, int code, const char *text, enum ir_smtp_verdict v,
    const char *kind)
{
	struct ir_smtp_judged j = judge(stage, code, text);

	if (j.verdict != v)
		print_message("%s %d %s\n", stage, code, text);
	assert_int_equal(j.verdict, v);
	assert_string_equal(j.kind, kind);
}

static void
test_replies(void **state)
{
	(void)state;
	is("auth", 235, "Authentication successful.", IR_SV_OK, "");
	is("message", 250, "Ok 0100", IR_SV_OK, "");
	is("auth", 535, "Authentication Credentials Invalid",
	    IR_SV_BAD_CREDENTIALS, "");
	is("mail", 535, "Authentication Credentials Invalid",
	    IR_SV_BAD_CREDENTIALS, "");
	is("auth", 535, "5.7.8 Error: authentication failed",
	    IR_SV_BAD_CREDENTIALS, "");
	is("auth", 535, "Account not subscribed to SES",
	    IR_SV_NOT_SUBSCRIBED, "");
	is("message", 454, "Throttling failure: Daily message quota exceeded.",
	    IR_SV_THROTTLED, "daily-quota");
	is("message", 454, "Throttling failure: Maximum sending rate exceeded.",
	    IR_SV_THROTTLED, "rate");
	is("auth", 454, "Throttling failure", IR_SV_THROTTLED, "");
	is("auth", 454, "Temporary authentication failure", IR_SV_THROTTLED,
	    "authentication");
	is("message", 454, "Temporary service failure", IR_SV_TEMPORARY, "");
	is("connect", 421, "Too many concurrent SMTP connections; please try "
	    "again later.", IR_SV_THROTTLED, "connections");
	is("connect", 421, "closing", IR_SV_TEMPORARY, "");
	is("rcpt", 451, "4.7.1 greylisted", IR_SV_TEMPORARY, "");
	is("message", 554, "Message rejected: Sending has been disabled for "
	    "this account", IR_SV_PAUSED, "account");
	is("message", 554, "Message rejected: Account's sending is paused",
	    IR_SV_PAUSED, "account");
	is("message", 554, "Message rejected: Sending is paused for "
	    "configuration set news", IR_SV_PAUSED, "configuration-set");
	is("mail", 530, "Authentication required", IR_SV_REJECTED,
	    "not-authenticated");
	is("rcpt", 550, "relay not permitted", IR_SV_REJECTED, "");
	is("rcpt", 550, "this mailbox is disabled", IR_SV_REJECTED, "");
	is("message", 552, "Message is too long.", IR_SV_REJECTED, "");
	is("starttls", 454, "TLS not available due to temporary reason",
	    IR_SV_TLS, "refused");
	is("starttls", 502, "what", IR_SV_TLS, "refused");
}

static void
test_named(void **state)
{
	struct ir_smtp_judged j;
	struct ir_smtp_reply r = { .code = 554, .stage = "message" };

	(void)state;
	j = judge("message", 554, "Access denied: User "
	    "`arn:aws:iam::111122223333:user/ses-smtp' is not authorized to "
	    "perform `ses:SendRawEmail' on resource "
	    "`arn:aws:ses:us-east-1:111122223333:identity/example.net'");
	assert_int_equal(j.verdict, IR_SV_NO_PERMISSION);
	assert_string_equal(j.principal,
	    "arn:aws:iam::111122223333:user/ses-smtp");
	assert_string_equal(j.action, "ses:SendRawEmail");
	assert_string_equal(j.resource,
	    "arn:aws:ses:us-east-1:111122223333:identity/example.net");
	assert_string_equal(j.kind, "");

	/* the other form of IAM's sentences */
	j = judge("message", 554, "Access denied: User: arn:aws:iam::1:user/u "
	    "is not authorized to perform: ses:SendRawEmail on resource: "
	    "arn:aws:ses:x:1:identity/d with an explicit deny in a policy");
	assert_string_equal(j.principal, "arn:aws:iam::1:user/u");
	assert_string_equal(j.action, "ses:SendRawEmail");
	assert_string_equal(j.resource, "arn:aws:ses:x:1:identity/d");
	assert_string_equal(j.kind, "explicit-deny");

	j = judge("message", 554, "Message rejected: Email address is not "
	    "verified. The following identities failed the check in region "
	    "EU-WEST-1: a@b.example, c.example");
	assert_int_equal(j.verdict, IR_SV_NOT_VERIFIED);
	assert_string_equal(j.resource, "a@b.example, c.example");

	/* half a sentence, and no end of it */
	j = judge("message", 554, "Access denied");
	assert_int_equal(j.verdict, IR_SV_NO_PERMISSION);
	assert_string_equal(j.action, "");
	memset(r.text, 'x', sizeof r.text - 1);
	memcpy(r.text, "not authorized to perform ", 26);
	ir_smtp_judge(&r, IR_SMTP_FINE, &j);
	assert_string_equal(j.action, "");
}

static void
test_trouble(void **state)
{
	static const struct {
		enum ir_smtp_trouble t;
		enum ir_smtp_verdict v;
		const char *kind;
	} all[] = {
		{ IR_SMTP_NO_HOST, IR_SV_UNREACHABLE, "no-such-host" },
		{ IR_SMTP_NO_ANSWER, IR_SV_UNREACHABLE, "timeout" },
		{ IR_SMTP_NO_LISTENER, IR_SV_UNREACHABLE, "refused" },
		{ IR_SMTP_NO_WAY, IR_SV_UNREACHABLE, "no-route" },
		{ IR_SMTP_SILENT, IR_SV_UNREACHABLE, "silent" },
		{ IR_SMTP_CLOSED, IR_SV_UNREACHABLE, "closed" },
		{ IR_SMTP_GARBLED, IR_SV_NOT_SMTP, "" },
		{ IR_SMTP_TLS_EXPIRED, IR_SV_TLS, "expired" },
		{ IR_SMTP_TLS_EARLY, IR_SV_TLS, "not-yet-valid" },
		{ IR_SMTP_TLS_NAME, IR_SV_TLS, "name" },
		{ IR_SMTP_TLS_CA, IR_SV_TLS, "ca" },
		{ IR_SMTP_TLS_VERSION, IR_SV_TLS, "version" },
		{ IR_SMTP_TLS_ABSENT, IR_SV_TLS, "none-offered" },
		{ IR_SMTP_TLS_FAILED, IR_SV_TLS, "handshake" },
		{ IR_SMTP_LOST, IR_SV_UNKNOWN, "lost" },
	};
	struct ir_smtp_reply r = { .stage = "connect" };
	struct ir_smtp_judged j;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		ir_smtp_judge(&r, all[i].t, &j);
		assert_int_equal(j.verdict, all[i].v);
		assert_string_equal(j.kind, all[i].kind);
	}
	/* 354 a second time is no answer to the dot */
	r.code = 354;
	ir_smtp_judge(&r, IR_SMTP_LOST, &j);
	assert_int_equal(j.verdict, IR_SV_UNKNOWN);
}

static void
test_sum(void **state)
{
	const enum ir_smtp_verdict ok = IR_SV_OK, no = IR_SV_BAD_CREDENTIALS,
	    later = IR_SV_THROTTLED, far = IR_SV_UNREACHABLE;
#define SUM(...) ir_smtp_verdict_sum((enum ir_smtp_verdict[]){__VA_ARGS__}, \
	sizeof (enum ir_smtp_verdict[]){__VA_ARGS__} / \
	sizeof (enum ir_smtp_verdict))

	(void)state;
	assert_int_equal(SUM(ok), ok);
	assert_int_equal(SUM(ok, ok, ok), ok);
	assert_int_equal(SUM(no, no), no);
	assert_int_equal(SUM(ok, no), IR_SV_NOT_PROPAGATED);
	assert_int_equal(SUM(no, ok, ok), IR_SV_NOT_PROPAGATED);
	assert_int_equal(SUM(no, IR_SV_PAUSED), IR_SV_NOT_PROPAGATED);
	assert_int_equal(SUM(no, later), no);
	assert_int_equal(SUM(later, no, far), no);
	assert_int_equal(SUM(later, far), far);
	assert_int_equal(SUM(ok, IR_SV_TLS), IR_SV_TLS);
	assert_int_equal(SUM(ok, IR_SV_UNKNOWN, no), IR_SV_UNKNOWN);
#undef SUM
}

static void
test_words(void **state)
{
	enum ir_smtp_verdict v;

	(void)state;
	for (v = 0; v < IR_SV_COUNT; v++)
		assert_int_equal(ir_smtp_verdict_find(
		    ir_smtp_verdict_name(v)), v);
	assert_int_equal(ir_smtp_verdict_find("refused"), IR_SV_COUNT);
}

static enum ir_smtp_relay_verdict
relay(const char *answers, bool known)
{
	struct ir_smtp_relay_test t[IR_RELAY_TESTS] = { 0 };
	const char *why = NULL;
	enum ir_smtp_relay_verdict v;
	size_t i;

	for (i = 0; i < IR_RELAY_TESTS; i++)
		t[i].answer = answers[i] == '+' ? IR_RELAY_ACCEPTED :
		    answers[i] == '-' ? IR_RELAY_REFUSED : IR_RELAY_LATER;
	v = ir_smtp_relay_judge(t, known, &why);
	assert_non_null(why);
	return v;
}

static void
test_relay(void **state)
{
	(void)state;
	/* foreign local empty percent quoted route own */
	assert_int_equal(relay("------+", true), IR_RELAY_CLOSED);
	assert_int_equal(relay("------+", false), IR_RELAY_CLOSED);
	assert_int_equal(relay("-------", false), IR_RELAY_CLOSED);
	assert_int_equal(relay("-------", true), IR_RELAY_UNDECIDED);
	assert_int_equal(relay("+------", true), IR_RELAY_OPEN);
	assert_int_equal(relay("-+-----", true), IR_RELAY_OPEN);
	assert_int_equal(relay("--+---+", true), IR_RELAY_OPEN);
	assert_int_equal(relay("-----++", true), IR_RELAY_OPEN);
	assert_int_equal(relay("---+--+", true), IR_RELAY_UNDECIDED);
	assert_int_equal(relay("----+-+", true), IR_RELAY_UNDECIDED);
	assert_int_equal(relay("?-----+", true), IR_RELAY_UNDECIDED);
	assert_int_equal(relay("------?", false), IR_RELAY_CLOSED);
	/* what is proven stays proven */
	assert_int_equal(relay("?????+?", true), IR_RELAY_OPEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_named),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
