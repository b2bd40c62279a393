/* credreport.c - IAM's credential report */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aws/credreport.h"
#include "aws/userkeys.h"

#define HEAD "user,arn,user_creation_time,password_enabled," \
	"password_last_used,password_last_changed,password_next_rotation," \
	"mfa_active,access_key_1_active,access_key_1_last_rotated," \
	"access_key_1_last_used_date,access_key_1_last_used_region," \
	"access_key_1_last_used_service,access_key_2_active," \
	"access_key_2_last_rotated,access_key_2_last_used_date," \
	"access_key_2_last_used_region,access_key_2_last_used_service," \
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n"
#define ROOT "<root_account>,arn:aws:iam::1:root,2020-01-01T00:00:00+00:00," \
	"not_supported,no_information,not_supported,not_supported,true,true," \
	"2020-01-02T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false," \
	"N/A,false,N/A\n"
#define BOB "\"b,\"\"ob\",arn:aws:iam::1:user/bob,2026-01-01T00:00:00Z," \
	"false,N/A,N/A,N/A,false,false,2026-02-01T00:00:00Z," \
	"2026-03-01T00:00:00Z,us-east-1,ses,true,2026-04-01T00:00:00Z,N/A," \
	"N/A,N/A,false,N/A,false,N/A\r\n"

static int
parse(struct ir_credreport *c, const char *s, struct ir_err *err)
{
	return ir_credreport_parse(c, s, strlen(s), err);
}

static void
rows(void **state)
{
	const struct ir_credreport_row *r;
	struct ir_credreport c;

	(void)state;
	assert_int_equal(parse(&c, HEAD ROOT BOB, NULL), 0);
	assert_int_equal(c.n, 2);
	r = ir_credreport_find(&c, "arn:aws:iam::1:root");
	assert_true(r->root && r->mfa && r->key[0].active);
	assert_false(r->password || r->key[1].there);
	r = ir_credreport_find(&c, "arn:aws:iam::1:user/bob");
	assert_string_equal(r->name, "b,\"ob");
	assert_true(r->key[0].there && !r->key[0].active);
	assert_int_equal(r->key[0].used, 1772323200);
	assert_string_equal(r->key[0].service, "ses");
	assert_true(r->key[1].there && r->key[1].active);
	assert_int_equal(r->key[1].used, 0);
	assert_string_equal(r->key[1].region, "");
	assert_null(ir_credreport_find(&c, "arn:aws:iam::1:user/al"));
	assert_null(ir_credreport_find(&c, ""));
	ir_credreport_free(&c);
	/* columns by their names, without a last newline, short lines */
	assert_int_equal(parse(&c, "arn,x,access_key_1_active,user\n"
	    "a,1,TRUE,u\nb", NULL), 0);
	assert_int_equal(c.n, 2);
	assert_true(c.row[0].key[0].active);
	assert_string_equal(c.row[1].name, "");
	ir_credreport_free(&c);
	assert_int_equal(parse(&c, HEAD, NULL), 0);
	assert_null(ir_credreport_find(&c, "x"));
	ir_credreport_free(&c);
}

static void
refused(void **state)
{
	struct ir_err err = IR_ERR_INIT;
	struct ir_credreport c;
	char many[256];

	(void)state;
	assert_int_equal(parse(&c, "", &err), -1);
	assert_int_equal(err.code, IR_PROTOCOL);
	assert_int_equal(parse(&c, "user,arn\nx,y\n", &err), -1);
	memset(many, ',', sizeof many - 1);
	many[sizeof many - 1] = '\0';
	assert_int_equal(parse(&c, many, &err), -1);
}

static void
root(void **state)
{
	static const char good[] = "{\"SummaryMap\":[{\"key\":\"Users\","
	    "\"value\":\"3\"},{\"key\":\"AccountAccessKeysPresent\","
	    "\"value\":\"1\"},{\"key\":\"AccountMFAEnabled\",\"value\":"
	    "\"x\"}]}";
	struct ir_rec *r = ir_rec_parse(good, sizeof good - 1, NULL);
	int keys, mfa;

	(void)state;
	ir_root_read(r, &keys, &mfa);
	assert_int_equal(keys, 1);
	assert_int_equal(mfa, -1);
	ir_root_read(NULL, &keys, &mfa);
	assert_int_equal(keys, -1);
	ir_rec_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows), cmocka_unit_test(refused),
		cmocka_unit_test(root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
