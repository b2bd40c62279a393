/* aws_retry.c - unit tests of lib/aws/retry.c, answer.c and the masking */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/answer.h"
#include "aws/job.h"
#include "aws/retry.h"
#include "aws/trace.h"

static void
delays(void **state)
{
	(void)state;
	/* the whole of the window, and none of it */
	assert_int_equal(ir_retry_delay(1, false, 0, UINT32_MAX), 50);
	assert_int_equal(ir_retry_delay(2, false, 0, UINT32_MAX), 100);
	assert_int_equal(ir_retry_delay(1, true, 0, UINT32_MAX), 1000);
	assert_int_equal(ir_retry_delay(3, true, 0, UINT32_MAX), 4000);
	assert_int_equal(ir_retry_delay(99, true, 0, UINT32_MAX), 20000);
	assert_int_equal(ir_retry_delay(99, false, 0, 0), 0);
	/* what AWS asks for: not less than ours, not 5 s more */
	assert_int_equal(ir_retry_delay(1, true, 500, UINT32_MAX), 1000);
	assert_int_equal(ir_retry_delay(1, true, 1500, UINT32_MAX), 1500);
	assert_int_equal(ir_retry_delay(1, true, 60000, UINT32_MAX), 6000);
	assert_int_equal(ir_retry_delay(1, false, 60000, 0), 5000);
}

static void
tokens(void **state)
{
	int t = IR_RETRY_TOKENS, i;

	(void)state;
	assert_int_equal(ir_retry_pay(&t, false), 14);
	assert_int_equal(ir_retry_pay(&t, true), 5);
	assert_int_equal(t, 481);
	ir_retry_refund(&t, 14);
	assert_int_equal(t, 495);
	ir_retry_refund(&t, 0);
	assert_int_equal(t, 496);
	ir_retry_refund(&t, 14);
	assert_int_equal(t, IR_RETRY_TOKENS);
	for (i = 0; ir_retry_pay(&t, false); i++)
		;
	assert_int_equal(i, 35);
	assert_int_equal(t, 10);
	/* enough for the cheaper ones */
	assert_int_equal(ir_retry_pay(&t, true), 5);
	assert_int_equal(ir_retry_pay(&t, true), 5);
	assert_int_equal(ir_retry_pay(&t, true), 0);
}

static int64_t
at(struct ir_rates *r, const char *service, const char *op, const char *region)
{
	return ir_rate_place(r, service, op, region, 10000);
}

static void
rates(void **state)
{
	struct ir_rates r = { NULL, 0, 0 };
	char region[32];
	int i;

	(void)state;
	/* a region after the other does not wait */
	for (i = 0; i < 100; i++) {
		snprintf(region, sizeof region, "xx-east-%d", i);
		assert_int_equal(at(&r, "sesv2", "GetAccount", region), 10000);
	}
	assert_int_equal(at(&r, "sesv2", "GetAccount", "xx-east-1"), 11050);
	assert_int_equal(at(&r, "sesv2", "GetAccount", "xx-east-1"), 12100);
	/* each operation of SES counts by itself, sending not at all */
	assert_int_equal(at(&r, "sesv2", "PutAccountSendingAttributes",
	    "xx-east-1"), 10000);
	for (i = 0; i < 9; i++)
		assert_int_equal(at(&r, "sesv2", "SendEmail", "xx-east-1"),
		    10000);
	assert_int_equal(at(&r, "ses", "GetSendQuota", "xx-east-1"), 10000);
	assert_int_equal(at(&r, "ses", "GetSendQuota", "xx-east-1"), 11050);
	/* CloudTrail: two a second */
	assert_int_equal(at(&r, "cloudtrail", "LookupEvents", "a-b-1"), 10000);
	assert_int_equal(at(&r, "cloudtrail", "LookupEvents", "a-b-1"), 10525);
	assert_int_equal(at(&r, "cloudtrail", "LookupEvents", "a-b-1"), 11050);
	assert_int_equal(at(&r, "cloudtrail", "DescribeTrails", "a-b-1"),
	    10000);
	assert_int_equal(at(&r, "iam", "ListUsers", "us-east-1"), 10000);
	assert_int_equal(at(&r, "iam", "ListUsers", "us-east-1"), 10000);
	/* later all is free, and the slots are used again */
	i = (int)r.n;
	assert_int_equal(ir_rate_place(&r, "sesv2", "Get", "q", 99999), 99999);
	assert_int_equal(r.n, i);
	ir_rates_free(&r);
}

static int
class_of(int status, const char *code)
{
	struct ir_aws_error e = { "", "" };

	snprintf(e.code, sizeof e.code, "%s", code);
	return (int)ir_aws_error_class(status, &e);
}

static void
classes(void **state)
{
	(void)state;
	assert_int_equal(class_of(400, "Throttling"), IR_AWS_SLOW_DOWN);
	assert_int_equal(class_of(503, "SlowDown"), IR_AWS_SLOW_DOWN);
	assert_int_equal(class_of(400, "LimitExceededException"),
	    IR_AWS_SLOW_DOWN);
	assert_int_equal(class_of(409, "LimitExceeded"), IR_AWS_REFUSED);
	assert_int_equal(class_of(400, "PriorRequestNotComplete"),
	    IR_AWS_BROKEN);
	assert_int_equal(class_of(400, "RequestTimeout"), IR_AWS_BROKEN);
	assert_int_equal(class_of(502, ""), IR_AWS_BROKEN);
	assert_int_equal(class_of(302, ""), IR_AWS_STRANGE);
	assert_int_equal(class_of(403, "ExpiredToken"), IR_AWS_DENIED);
}

static void
masked(const char *in, const char *want)
{
	struct ir_buf b = IR_BUF(100000);

	ir_aws_mask(&b, in, strlen(in));
	assert_string_equal(ir_buf_cstr(&b), want);
	ir_buf_free(&b);
}

static void
masks(void **state)
{
	(void)state;
	masked("", "");
	masked("host:iam.amazonaws.com\nx-amz-security-token:FwoG:/+=\n\n"
	    "host;x-amz-security-token\nabc",
	    "host:iam.amazonaws.com\nx-amz-security-token:***\n\n"
	    "host;x-amz-security-token\nabc");
	masked("Action=UpdateLoginProfile&Password=a%26b&UserName=x",
	    "Action=UpdateLoginProfile&Password=***&UserName=x");
	masked("NewPassword=1&OldPassword=2&TokenCode=123456",
	    "NewPassword=***&OldPassword=***&TokenCode=***");
	masked("Action=ListUsers&Marker=abc&NextToken=t",
	    "Action=ListUsers&Marker=abc&NextToken=t");
	masked("{\"NextToken\":\"t\",\"SecretString\":\"a\\\"b\",\"x\":1}",
	    "{\"NextToken\":\"t\",\"SecretString\":***,\"x\":1}");
	masked("{\"clientSecret\" : {\"a\":[\"}\"]}, \"b\":2}",
	    "{\"clientSecret\" : ***, \"b\":2}");
	masked("{\"SecretBinary\":null,\"b\":2}",
	    "{\"SecretBinary\":***,\"b\":2}");
	masked("{\"Password\":\"never ends", "{\"Password\":***");
	masked("{\"Password\":\"\\", "{\"Password\":***");
	masked("Password", "Password");
	masked("Password=", "Password=***");
}

static int
turn(const char *service, const char *reply, struct job *j,
    const char *want)
{
	const struct ir_aws_paging pages = { NULL, NULL, NULL, NULL };
	struct ir_aws_call call = { .service = service, .operation = "List",
		.pages = &pages };
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r = ir_rec_parse(reply, strlen(reply), &err);
	int rc;

	assert_non_null(r);
	j->call = &call;
	rc = ir_job_turn(j, r, &err);
	if (want)
		assert_string_equal(ir_job_token_name(j), want);
	if (rc < 0)
		assert_int_equal(err.code, IR_PROTOCOL);
	ir_rec_free(r);
	return rc;
}

static void
pages(void **state)
{
	static struct job j;

	(void)state;
	assert_int_equal(turn("iam", "{\"Marker\":\"a\",\"IsTruncated\":"
	    "\"true\"}", &j, "Marker"), 1);
	assert_string_equal(j.token, "a");
	assert_int_equal(turn("iam", "{\"Marker\":\"a\"}", &j, NULL), -1);
	/* there is more, and no way to it */
	assert_int_equal(turn("iam", "{\"IsTruncated\":\"true\"}", &j, NULL),
	    -1);
	assert_int_equal(turn("iam", "{\"IsTruncated\":\"false\"}", &j, NULL),
	    0);
	assert_int_equal(turn("kms", "{\"Truncated\":true}", &j, "Marker"), -1);
	assert_int_equal(turn("kms", "{\"Truncated\":true,\"NextMarker\":"
	    "\"b\"}", &j, "Marker"), 1);
	assert_int_equal(turn("ec2", "{\"nextToken\":\"c\"}", &j,
	    "NextToken"), 1);
	assert_int_equal(turn("ec2", "{\"nextToken\":\"\"}", &j, NULL), 0);
	assert_int_equal(turn("health", "{\"nextToken\":\"d\"}", &j,
	    "nextToken"), 1);
	assert_int_equal(turn("cloudtrail", "{\"NextToken\":\"e\"}", &j,
	    "NextToken"), 1);
	assert_string_equal(j.token, "e");
	free(j.token);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays),
		cmocka_unit_test(tokens),
		cmocka_unit_test(rates),
		cmocka_unit_test(classes),
		cmocka_unit_test(masks),
		cmocka_unit_test(pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
