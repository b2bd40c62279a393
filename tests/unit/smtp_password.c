/* smtp_password.c - SES SMTP passwords that others have published */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/smtp_password.h"

static void
known_passwords(void **state)
{
	static const char *const t[][3] = {
		{ "some+secret+key", "eu-central-1",
		    "BMXhUYlu5Z3gSXVQORxlVa7XPaz91aGWdfHxvkOZdWZ2" },
		{ "another+secret+key", "eu-central-1",
		    "BBbphbrQmrKMx42d1N6+C7VINYEBGI5v9VsZeTxwskfh" },
		{ "some+secret+key", "us-west-1",
		    "BH+jbMzper5WwlwUar9E1ySBqHa9whi0GPo+sJ0mVYJj" },
		{ "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1",
		    "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9" },
		{ "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-2",
		    "BMPPgbAHoFVbze1Ud0oA5uNdXRwUXUZ+qOwphGJbl/cS" },
		{ "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-gov-west-1",
		    "BHW/eHvx1MM9YwW4wrJG6MGVQmLDCAM99G9YiSdGEIAw" },
	};
	struct ir_secret in = IR_SECRET_INIT, out = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		assert_int_equal(ir_secret_set(&in, t[i][0], strlen(t[i][0]),
		    &err), 0);
		assert_int_equal(ir_ses_smtp_password(&in, t[i][1], &out,
		    &err), 0);
		assert_int_equal(out.len, IR_SES_PASSWORD_LEN);
		assert_string_equal(out.data, t[i][2]);
	}
	ir_secret_free(&in);
	ir_secret_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
