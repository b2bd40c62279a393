/* notice.c - the extraction rules, one by one */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "mail/mime.h"
#include "report/complaint.h"
#include "report/facts.h"
#include "report/region.h"
#include "report/sender.h"
#include "report/text.h"

static const char *
value(const struct ir_fact *f)
{
	return f ? f->value : "";
}

static void
subject(const char *s, const char *id, const char *account)
{
	struct ir_facts f;

	ir_facts_init(&f);
	ir_facts_subject(&f, s, strlen(s));
	assert_string_equal(value(ir_facts_case(&f.cases)), id);
	assert_string_equal(value(ir_facts_one(&f.accounts)), account);
}

static void
subjects(void **state)
{
	(void)state;
	subject("Your Amazon EC2 Abuse Report [20000000001-2]",
	    "20000000001-2", "");
	subject("Your AWS Abuse Report [20000000001]", "20000000001", "");
	subject("Re: [sec 12] Your AWS Abuse Report [P01] [P0123456] "
	    "[AWS ID 222233334444]", "P0123456", "222233334444");
	subject("Your AWS Abuse Report [P0123456] [AWS ID 222233334444]",
	    "P0123456", "222233334444");
	subject("Your AWS Abuse Report from ec2-abuse@amazon.com", "", "");
	subject("Your AWS Abuse Report [222233334444]", "", "222233334444");
	subject("RE:[CASE 170000000000001] [Action Required] Suspicious "
	    "activity in your AWS account [222233334444]", "170000000000001",
	    "222233334444");
	subject("Case 20000000001-1", "20000000001-1", "");
	subject("[Action Required] Irregular activity in your AWS account: "
	    "2222-3333-4444", "", "222233334444");
	subject("Your AWS Abuse Report [SOMETHING]", "", "");
}

static void
account(const char *s, const char *want)
{
	struct ir_facts f;

	ir_facts_init(&f);
	ir_facts_body(&f, s, strlen(s));
	assert_string_equal(value(ir_facts_one(&f.accounts)), want);
}

static void
accounts(void **state)
{
	(void)state;
	account("AWS ID: 222233334444 x", "222233334444");
	account("AWS Account ID:\n 2222-3333-4444", "222233334444");
	account("account id #222233334444", "222233334444");
	account("AWS ID: 2222333344445", "");
	account("AWS ID: 222233334444-1", "");
	account("AWS ID: 2222-33334444", "");
	account("AWS ID: (AWSアカウントID)", "");
	account("AWS ID: (id)", "");
	account("call 222233334444", "");
	account("AWS ID: 222233334444 AWS ID: 555566667777", "");
}

static void
region(const char *s, const char *want)
{
	struct ir_facts f;

	ir_facts_init(&f);
	ir_facts_body(&f, s, strlen(s));
	assert_string_equal(value(ir_facts_one(&f.regions)), want);
}

static void
regions(void **state)
{
	(void)state;
	region("Region: ap-northeast-1", "ap-northeast-1");
	region("in the US West (Oregon) Region", "us-west-2");
	region("Region: Asia Pacific (Tokyo), not eu-west-1 or (London)",
	    "ap-northeast-1");
	region("リージョン: アジアパシフィック (大阪)",
	    "ap-northeast-3");
	region("Region(s): sa-east-1", "sa-east-1");
	region("us-gov-west-1", "us-gov-west-1");
	region("us-east-1a", "");
	region("bus-east-1", "");
	region("https://console.example/?region=us-east-1", "");
	region("the (Central) office", "");
	region("Region: us-east-1, us-east-2", "");
}

static void
resources(void **state)
{
	static const char s[] =
	    "AWS ID: 222233334444 Region: us-east-1 Id: i-0123456789abcdef0\n"
	    "AWS ID: 555566667777 Region: sa-east-1 i-0123abcd [192.0.2.1]\n"
	    "xi-0123abce i-0123abcg i-0123abcdef AKIAABCDEFGHIJKLMNO\n"
	    "AKIAABCDEFGHIJKLMNOP\n"
	    "arn:aws:ec2:eu-west-1:222233334444:instance/i-0fffffff.\n"
	    "arn:aws:s3:::bucket-a, arn:aws:iam::aws:policy/Q\n"
	    "CloudFront Distribution ID: E1ABCDEFGHIJK\n";
	struct ir_facts f;

	(void)state;
	ir_facts_init(&f);
	ir_facts_body(&f, s, strlen(s));
	assert_int_equal(f.nresources, 7);
	assert_string_equal(f.resources[0].id, "i-0123456789abcdef0");
	assert_string_equal(f.resources[0].region, "us-east-1");
	assert_string_equal(f.resources[0].account, "222233334444");
	assert_int_equal(f.resources[0].line, 1);
	assert_string_equal(f.resources[1].id, "i-0123abcd");
	assert_string_equal(f.resources[1].region, "sa-east-1");
	assert_string_equal(f.resources[1].account, "555566667777");
	assert_string_equal(f.resources[2].kind, "ip");
	assert_string_equal(f.resources[3].kind, "access-key");
	assert_string_equal(f.resources[4].id, "i-0fffffff");
	assert_string_equal(f.resources[4].region, "eu-west-1");
	assert_string_equal(f.resources[5].id, "arn:aws:s3:::bucket-a");
	assert_string_equal(f.resources[6].kind, "distribution");
}

static void
stage(const char *s, const char *want_stage, const char *want_urgent,
    int64_t seconds)
{
	struct ir_facts f;

	ir_facts_init(&f);
	ir_facts_body(&f, s, strlen(s));
	assert_string_equal(f.stage.value, want_stage);
	assert_string_equal(f.urgent.value, want_urgent);
	assert_int_equal(f.due_seconds, seconds);
}

static void
stages(void **state)
{
	(void)state;
	stage("We have not\n received a response. reply within 24 hours.",
	    "reminder", "", 86400);
	stage("FINAL NOTIFICATION. We have not received a response",
	    "final", "FINAL NOTIFICATION", -1);
	stage("It was final notice, but investigated and resolved.",
	    "resolved", "final notice", -1);
	stage("If you're unaware, it is possible that your environment has "
	    "been compromised. Your key is exposed.", "", "exposed", -1);
	stage("Respond within five (5) days or within the next 12 hours",
	    "", "", 43200);
	stage("within five (5) business days", "", "", 432000);
	stage("24時間以内にご返信ください", "", "", 86400);
	stage("5 日以内", "", "", 432000);
	stage("within 100 days, within 0 hours, within many hours", "", "",
	    -1);
}

static void
until(const char *s, int64_t at)
{
	struct ir_facts f;

	ir_facts_init(&f);
	ir_facts_body(&f, s, strlen(s));
	assert_int_equal(f.due_at, at);
}

static void
dates(void **state)
{
	const int64_t day = 1790899200;		/* 2026-10-02 */

	(void)state;
	until("Contact AWS by 2026-10-02.", day);
	until("by 2026/10/2", day);
	until("reply by October 2, 2026 or", day);
	until("by Friday, October 2nd, 2026", day);
	until("before 2 Oct 2026", day);
	until("no later than 02-Oct-2026", day);
	until("by the 2nd of October 2026", day);
	until("by 2nd of October 2026", day);
	until("Effective date: 2026-10-02 06:16 (UTC)", day + 22560);
	until("2026年10月2日までに", day);
	until("by 12345-10-02, by March, by 2026-13-01, by 10/02/2026", -1);
	until("by a person who may be in 2026", -1);
}

static void
activities(void **state)
{
	static const struct {
		const char *s, *word;
	} a[] = {
		{ "Reported Activity: Email Spam\n", "spam" },
		{ "Reported Activity: Something New\n", "other" },
		{ "It resembles a Denial of Service attack", "dos" },
		{ "It has been terminated.\n", "" },
		{ "Spam\nand phishing\n", "" },
		{ "It was used for phishing\n", "phishing" },
		{ "For more information on spam read this\n", "" },
		{ "resembles an open proxy", "open-proxy" },
		{ "Reported Activity: Port Scanning", "port-scan" },
		{ "Reported Activity: DMCA", "copyright" },
		{ "resembles botnet control", "botnet" },
	};
	struct ir_facts f;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof a / sizeof a[0]; i++) {
		ir_facts_init(&f);
		ir_facts_body(&f, a[i].s, strlen(a[i].s));
		assert_string_equal(f.activity.value, a[i].word);
	}
}

static void
cuts(void **state)
{
	static const char *const lines[] = {
		"---Beginning of forwarded report(s)---", "Original report:",
		"----- Original Message -----", "  Log Extract  ",
		"[ Offending message ]", "---- attachment 1",
		"* Log Extract:", "<<<",
	};
	char s[256];
	size_t i, body;

	(void)state;
	for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		snprintf(s, sizeof s, "ours\n%s\ntheirs\n", lines[i]);
		assert_int_equal(ir_text_complaint(s, strlen(s), &body), 5);
		assert_string_equal(s + body, "theirs\n");
	}
	/* the line end before it is lost */
	snprintf(s, sizeof s, "ours ---Beginning of forwarded report(s)--- "
	    "theirs");
	assert_int_equal(ir_text_complaint(s, strlen(s), &body), 5);
	assert_int_equal(body, 5);
	strncpy(s, "Original report below\n-- \nDetails of the abusive "
	    "activity\n", sizeof s - 1);
	assert_int_equal(ir_text_complaint(s, strlen(s), &body), strlen(s));
}

static void
regular(void **state)
{
	static const char in[] = "a\r\nb\rc\xc2\xa0" "d\xe3\x80\x80" "e"
	    "\xef\xbc\x9a\xef\xbc\x91 we\xe2\x80\x99ve us\xe2\x80\x91" "x"
	    "z\xe2\x80\x8bz\xff";
	struct ir_buf b = IR_BUF(256);

	(void)state;
	ir_text_regular(&b, in, sizeof in - 1);
	assert_string_equal(ir_buf_cstr(&b), "a\nb\nc d e:1 we've us-xzz?");
	ir_buf_free(&b);
}

static void
addr(const char *s, const char *want, bool aws)
{
	char a[256];

	ir_sender_address(s, strlen(s), a, sizeof a);
	assert_string_equal(a, want);
	assert_int_equal(ir_sender_aws(a), aws);
}

static void
senders(void **state)
{
	(void)state;
	addr("AWS <trustandsafety@support.aws.com>",
	    "trustandsafety@support.aws.com", true);
	addr("x@AMAZON.com (c <y@z>)", "x@amazon.com", true);
	addr("\"a@aws.com\" <e@evil.example>", "e@evil.example", false);
	addr("a@aws.com, e@evil.example", "", false);
	addr("<a@aws.com> <e@evil.example>", "", false);
	addr("a@aws.com@evil.example", "", false);
	addr("a@notamazon.com", "a@notamazon.com", false);
	addr("a@amazon.com.evil.example", "a@amazon.com.evil.example", false);
	addr("a@x.compute.amazonaws.com", "a@x.compute.amazonaws.com", false);
	addr("a@x.on.aws", "a@x.on.aws", false);
	addr("a@amazonaws.com", "a@amazonaws.com", true);
	addr("a@signin.aws", "a@signin.aws", true);
	addr("", "", false);
}

static void
auth(const char *fields, const char *id, const char *want)
{
	char mail[2048], why[256];
	struct ir_mime m;

	snprintf(mail, sizeof mail, "%sFrom: a@amazon.com\n\nx\n", fields);
	assert_int_equal(ir_mime_parse(&m, mail, strlen(mail)), 0);
	assert_string_equal(ir_sender_authentic(&m, "a@amazon.com", NULL, id,
	    why, sizeof why), want);
	assert_true(why[0] != '\0');
	ir_mime_free(&m);
}

#define AR "Authentication-Results: "

static void
authenticity(void **state)
{
	(void)state;
	auth("", NULL, "unverified");
	auth(AR "mx; dmarc=pass header.from=amazon.com\n", NULL, "pass");
	auth(AR "mx 1; dmarc=fail header.from=amazon.com\n", NULL, "fail");
	auth(AR "mx; dkim=pass header.d=amazon.com\n", NULL, "pass");
	auth(AR "mx; dkim=pass header.d=amazonses.com; spf=fail\n", NULL,
	    "fail");
	auth(AR "mx; none\n", NULL, "unverified");
	/* a field of another server, and one below a foreign hop */
	auth(AR "evil; dmarc=pass header.from=amazon.com\n", "mx",
	    "unverified");
	auth(AR "mx; dkim=none\nReceived: x\n" AR
	    "mx; dmarc=pass header.from=amazon.com\n", NULL, "unverified");
	auth(AR "mx; dkim=none\n" AR "mx; dmarc=pass header.from=amazon.com\n"
	    "Received: x\n", NULL, "pass");
	/* what a stranger can put into a comment or a quoted string */
	auth(AR "mx (; dmarc=pass header.from=amazon.com); dmarc=fail\n",
	    NULL, "fail");
	auth(AR "mx; spf=none smtp.mailfrom=\"x; dmarc=pass "
	    "header.from=amazon.com\"@evil.example\n", NULL, "unverified");
	auth(AR "mx; dmarc=pass header.from=notamazon.com\n", NULL,
	    "unverified");
	auth(AR "mx; dmarc=pass header.from=amazon.com\nFrom: b@evil\n",
	    NULL, "fail");
}

static void
exim_ids(void **state)
{
	(void)state;
	assert_int_equal(ir_exim_id_time("1uABCd-0001Xy-2Z", 16), 1746033995);
	assert_int_equal(ir_exim_id_time("1uABCa-00000002Abc-1fGh", 23),
	    1746033992);
	assert_int_equal(ir_exim_id_time("1uABCd_0001Xy-2Z", 16), -1);
	assert_int_equal(ir_exim_id_time("1uABCd-0001Xy-2", 15), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects),
		cmocka_unit_test(accounts),
		cmocka_unit_test(regions),
		cmocka_unit_test(resources),
		cmocka_unit_test(stages),
		cmocka_unit_test(dates),
		cmocka_unit_test(activities),
		cmocka_unit_test(cuts),
		cmocka_unit_test(regular),
		cmocka_unit_test(senders),
		cmocka_unit_test(authenticity),
		cmocka_unit_test(exim_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
