/* The credential block, and the forms in which programs read one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vault/credential.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static void
take(struct ir_credential *c, const char *text)
{
	struct ir_err err = IR_ERR_INIT;

	if (ir_credential_parse(c, text, strlen(text), NULL, &err))
		fail_msg("%s", err.msg);
}

static void
refuses_n(const char *bytes, size_t n, const char *why)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_credential_parse(&c, bytes, n, NULL, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	if (!strstr(err.msg, why))
		fail_msg("%s: not about %s", err.msg, why);
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(c.n, 0);
}

static void
refuses(const char *text, const char *why)
{
	refuses_n(text, strlen(text), why);
}

static void
prints(const char *block, enum ir_credential_form form, const char *want)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_buf b = IR_BUF_SECRET(IR_CREDENTIAL_MAX);
	struct ir_err err = IR_ERR_INIT;
	int rc;

	take(&c, block);
	rc = ir_credential_print(&c, form, &b, &err);
	if (want && rc)
		fail_msg("%s", err.msg);
	if (want) {
		assert_string_equal(ir_buf_cstr(&b), want);
	} else {
		assert_int_equal(rc, -1);
		assert_int_equal(err.code, IR_DATAERR);
		assert_int_equal(b.len, 0);
	}
	ir_buf_free(&b);
	ir_credential_free(&c);
}

static void
test_parse(void **state)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_err err = IR_ERR_INIT;
	const char text[] = "username=AKIA\npassword=a=b \t\xff\n\nnext=1\n";
	size_t used;

	(void)state;
	assert_int_equal(ir_credential_parse(&c, text, sizeof text - 1, &used,
	    &err), 0);
	assert_int_equal(c.n, 2);
	assert_string_equal(ir_credential_get(&c, "username")->data, "AKIA");
	assert_string_equal(ir_credential_get(&c, "password")->data,
	    "a=b \t\xff");
	assert_null(ir_credential_get(&c, "next"));
	assert_string_equal(text + used, "next=1\n");
	/* the second one takes the place of the first */
	take(&c, "next=");
	assert_int_equal(c.n, 1);
	assert_int_equal(ir_credential_get(&c, "next")->len, 0);
	ir_credential_free(&c);
}

static void
test_refused(void **state)
{
	char long_key[80], *big = malloc(IR_CREDENTIAL_MAX + 1);
	struct ir_buf many = IR_BUF(IR_CREDENTIAL_MAX);
	size_t i;

	(void)state;
	refuses("", "empty");
	refuses("\nusername=a\n", "empty");
	refuses("hunter2\n", "line 1");
	refuses("a=b\nhunter2\n", "line 2");
	refuses("=hunter2\n", "line 1");
	refuses("Password=hunter2\n", "line 1");
	refuses("pass word=hunter2\n", "line 1");
	refuses("a=b\na=hunter2\n", "a second time");
	refuses("a=b\r\n\r\n", "line 2");
	refuses_n("a=hunter2\0x\n", 12, "NUL");
	refuses_n("a\0b=hunter2\n", 12, "line 1");
	memset(long_key, 'k', sizeof long_key);
	memcpy(long_key + 65, "=v", 3);
	refuses(long_key, "line 1");
	memset(big, 'x', IR_CREDENTIAL_MAX + 1);
	big[1] = '=';
	refuses_n(big, IR_CREDENTIAL_MAX + 1, "larger");
	for (i = 0; i <= IR_CREDENTIAL_FIELDS; i++)
		ir_buf_fmt(&many, "k%zu=v\n", i);
	refuses(ir_buf_cstr(&many), "fields");
	ir_buf_free(&many);
	free(big);
}

static void
test_set(void **state)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	assert_int_equal(ir_credential_set(&c, "a", "1", 1, &err), 0);
	assert_int_equal(ir_credential_set(&c, "b", "2", 1, &err), 0);
	assert_int_equal(ir_credential_set(&c, "a", "33", 2, &err), 0);
	assert_int_equal(c.n, 2);
	assert_string_equal(ir_credential_get(&c, "a")->data, "33");
	assert_int_equal(ir_credential_set(&c, "A", "1", 1, &err), -1);
	assert_int_equal(ir_credential_set(&c, "", "1", 1, &err), -1);
	assert_int_equal(ir_credential_set(&c, "c", "1\n2", 3, &err), -1);
	assert_int_equal(err.code, IR_DATAERR);
	ir_credential_unset(&c, "none");
	ir_credential_unset(&c, "a");
	assert_int_equal(c.n, 1);
	assert_string_equal(ir_credential_get(&c, "b")->data, "2");
	ir_credential_free(&c);
}

static void
password(const char *block, const char *region, const char *want)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_secret s = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;
	int rc;

	take(&c, block);
	rc = ir_credential_password(&c, region, &s, &err);
	assert_int_equal(rc, want ? 0 : -1);
	if (want)
		assert_string_equal(s.data, want);
	else
		assert_int_equal(err.code, IR_DATAERR);
	ir_secret_free(&s);
	ir_credential_free(&c);
}

static void
test_password(void **state)
{
	(void)state;
	password("password=p\n", NULL, "p");
	password("password=p\n", "eu-west-1", "p");
	password("password=p\nregion=eu-west-1\n", "eu-west-1", "p");
	password("password=p\nregion=us-east-1\n", "eu-west-1", NULL);
	password("password.eu-west-1=e\npassword=p\n", "eu-west-1", "e");
	password("password.eu-west-1=e\npassword=p\n", "us-east-1", "p");
	password("password.eu-west-1=e\nregion=eu-west-1\n", NULL, "e");
	password("password.eu-west-1=e\n", NULL, NULL);
	password("username=u\n", NULL, NULL);
	password("username=AKIAIOSFODNN7EXAMPLE\nsecret_access_key=" SECRET
	    "\n", NULL, NULL);
	password("username=ASIAIOSFODNN7EXAMPLE\nsecret_access_key=" SECRET
	    "\n", "us-east-1", NULL);
	password("username=AKIAIOSFODNN7EXAMPLE\nsecret_access_key=" SECRET
	    "\nsession_token=t\n", "us-east-1", NULL);
}

static void
test_derived(void **state)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_secret a = IR_SECRET_INIT, b = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	take(&c, "username=AKIAIOSFODNN7EXAMPLE\nregion=eu-west-1\n"
	    "secret_access_key=" SECRET "\n");
	assert_int_equal(ir_credential_password(&c, NULL, &a, &err), 0);
	assert_int_equal(a.len, 44);
	assert_int_equal(a.data[0], 'B');
	assert_int_equal(ir_credential_password(&c, "us-east-1", &b, &err),
	    0);
	assert_string_not_equal(a.data, b.data);
	ir_secret_free(&a);
	ir_secret_free(&b);
	ir_credential_free(&c);
}

static void
test_block(void **state)
{
	(void)state;
	prints("username=u\nx.y-z=\npassword= p=\n", IR_CREDENTIAL_BLOCK,
	    "username=u\nx.y-z=\npassword= p=\n");
}

static void
test_env(void **state)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_buf b = IR_BUF_SECRET(1024);
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	prints("name=n\nusername=u\npassword=$a\\`\"b\nexpires=x\n",
	    IR_CREDENTIAL_ENV,
	    "SMTP_USERNAME='u'\nSMTP_PASSWORD='$a\\`\"b'\n");
	prints("password=it's $a\\`\"\n", IR_CREDENTIAL_ENV,
	    "SMTP_PASSWORD=\"it's \\$a\\\\\\`\\\"\"\n");
	prints("username=AKIA\nsecret_access_key=s\nsession_token=t\n"
	    "password.eu-west-1=p\n", IR_CREDENTIAL_ENV,
	    "SMTP_USERNAME='AKIA'\nAWS_ACCESS_KEY_ID='AKIA'\n"
	    "AWS_SECRET_ACCESS_KEY='s'\nAWS_SESSION_TOKEN='t'\n"
	    "SMTP_PASSWORD_EU_WEST_1='p'\n");
	prints("a.b=1\na-b=2\n", IR_CREDENTIAL_ENV, NULL);
	prints("password=a\001b\n", IR_CREDENTIAL_ENV, NULL);
	prints("password=a\r\n", IR_CREDENTIAL_ENV, NULL);
	take(&c, "username=u\n");
	assert_int_equal(ir_credential_env(&c, "MAIL_", &b, &err), 0);
	assert_string_equal(ir_buf_cstr(&b), "MAIL_USERNAME='u'\n");
	assert_int_equal(ir_credential_env(&c, "A=b;", &b, &err), -1);
	assert_int_equal(err.code, IR_USAGE);
	assert_int_equal(ir_credential_env(&c, "1", &b, &err), -1);
	ir_buf_free(&b);
	ir_credential_free(&c);
	prints("1a=x\n", IR_CREDENTIAL_ENV, "SMTP_1A='x'\n");
}

static void
test_exim(void **state)
{
	(void)state;
	prints("username=u\npassword=p:/+= ^$\n", IR_CREDENTIAL_EXIM,
	    "user: u\npass: p:/+= ^$\n");
	prints("username=u\npassword.eu-west-1=e\npassword.us-east-1=s\n",
	    IR_CREDENTIAL_EXIM,
	    "user: u\npass: e\npass.eu-west-1: e\npass.us-east-1: s\n");
	prints("username=u\npassword.eu-west-1=e\npassword.us-east-1=s\n"
	    "region=us-east-1\n", IR_CREDENTIAL_EXIM,
	    "user: u\npass: s\npass.eu-west-1: e\npass.us-east-1: s\n");
	prints("password=p\n", IR_CREDENTIAL_EXIM, NULL);
	prints("username=u\n", IR_CREDENTIAL_EXIM, NULL);
	prints("username=u\npassword=\n", IR_CREDENTIAL_EXIM, NULL);
	prints("username=u\npassword= p\n", IR_CREDENTIAL_EXIM, NULL);
	prints("username=u\npassword=p \n", IR_CREDENTIAL_EXIM, NULL);
	prints("username=u\npassword=p\tq\n", IR_CREDENTIAL_EXIM, NULL);
}

static void
test_aws(void **state)
{
	(void)state;
	prints("username=AKIA\nsecret_access_key=a/b\"\\\xc3\xa4\n",
	    IR_CREDENTIAL_AWS, "{\"Version\":1,\"AccessKeyId\":\"AKIA\","
	    "\"SecretAccessKey\":\"a/b\\\"\\\\\xc3\xa4\"}\n");
	prints("username=ASIA\nsecret_access_key=s\nsession_token=t\n"
	    "expires=2026-11-21T18:00:00Z\n", IR_CREDENTIAL_AWS,
	    "{\"Version\":1,\"AccessKeyId\":\"ASIA\","
	    "\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\","
	    "\"Expiration\":\"2026-11-21T18:00:00Z\"}\n");
	prints("username=AKIA\npassword=p\n", IR_CREDENTIAL_AWS, NULL);
	prints("secret_access_key=p\n", IR_CREDENTIAL_AWS, NULL);
	prints("username=A\nsecret_access_key=\xff\n", IR_CREDENTIAL_AWS,
	    NULL);
	prints("username=A\nsecret_access_key=\x01\n", IR_CREDENTIAL_AWS,
	    NULL);
}

static void
test_file(void **state)
{
	struct ir_credential c = IR_CREDENTIAL_INIT;
	struct ir_err err = IR_ERR_INIT;
	char path[] = "/tmp/quell-credential-XXXXXX", link[64];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a=b\n", 4), 4);
	close(fd);
	assert_int_equal(ir_credential_read_file(&c, path, &err), 0);
	assert_string_equal(ir_credential_get(&c, "a")->data, "b");
	chmod(path, 0640);
	assert_int_equal(ir_credential_read_file(&c, path, &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	chmod(path, 0400);
	snprintf(link, sizeof link, "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(ir_credential_read_file(&c, link, &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	unlink(link);
	unlink(path);
	assert_int_equal(ir_credential_read_file(&c, path, &err), -1);
	assert_int_equal(err.code, IR_NOINPUT);
	ir_credential_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_exim),
		cmocka_unit_test(test_aws),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
