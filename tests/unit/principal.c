/* principal.c - ARNs of callers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aws/principal.h"

static void
is(const char *arn, enum ir_principal_kind kind, const char *name,
    const char *session, const char *in_iam)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_principal p;

	assert_int_equal(ir_principal_parse(arn, &p, &err), 0);
	assert_int_equal(p.kind, kind);
	assert_string_equal(p.account, "111122223333");
	assert_string_equal(p.name, name);
	assert_string_equal(p.session, session);
	assert_string_equal(p.arn, in_iam ? in_iam : arn);
}

static void
kinds(void **state)
{
	struct ir_principal p;

	(void)state;
	is("arn:aws:iam::111122223333:user/bob", IR_PRINCIPAL_USER, "bob", "",
	    NULL);
	is("arn:aws:iam::111122223333:user/a/b/bob", IR_PRINCIPAL_USER, "bob",
	    "", NULL);
	is("arn:aws:iam::111122223333:role/x/lead", IR_PRINCIPAL_ROLE, "lead",
	    "", NULL);
	is("arn:aws-us-gov:sts::111122223333:assumed-role/lead/i-1",
	    IR_PRINCIPAL_ROLE, "lead", "i-1",
	    "arn:aws-us-gov:iam::111122223333:role/lead");
	is("arn:aws:iam::111122223333:root", IR_PRINCIPAL_ROOT, "root", "",
	    NULL);
	is("arn:aws:sts::111122223333:federated-user/bob",
	    IR_PRINCIPAL_OTHER, "bob", "", NULL);
	assert_int_equal(ir_principal_parse(
	    "arn:aws-cn:iam::111122223333:user/bob", &p, NULL), 0);
	assert_string_equal(p.partition, "aws-cn");
}

static void
refused(void **state)
{
	static const char *const bad[] = { "", "arn:", "bob",
		"arn:aws:iam::111122223333:", "arn:aws:iam::111122223333:user/",
		"arn:aws:iam::111122223333:user", "arn:aws:s3:::bucket",
		"arn:aws:iam::1111222233334:user/bob",
		"arn:aws:sts::111122223333:assumed-role/lead",
		"arn:aws:sts::111122223333:assumed-role//x",
		"arn:aws:sts::111122223333:assumed-role/lead/",
		"arn:aws:iam:user/bob" };
	char longer[1000] = "arn:aws:iam::111122223333:user/";
	struct ir_principal p;
	struct ir_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		err = (struct ir_err)IR_ERR_INIT;
		assert_int_equal(ir_principal_parse(bad[i], &p, &err), -1);
		assert_int_equal(err.code, IR_PROTOCOL);
	}
	memset(longer + 31, 'x', sizeof longer - 32);
	assert_int_equal(ir_principal_parse(longer, &p, NULL), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
