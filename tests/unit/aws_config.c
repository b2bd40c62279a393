/* aws_config.c - the files of the AWS CLI, and the metadata reply */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/config.h"
#include "aws/chain.h"

static struct ir_aws_config *
parsed(const char *config, const char *credentials)
{
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_err err = IR_ERR_INIT;

	assert_non_null(c);
	if (ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "config", config,
	    strlen(config), &err) || ir_aws_config_parse(c,
	    IR_AWS_FILE_CREDENTIALS, "credentials", credentials,
	    strlen(credentials), &err))
		fail_msg("%s", err.msg);
	return c;
}

/* want NULL: it must not be there */
static void
check(const char *config, const char *credentials, const char *profile,
    const char *key, const char *want)
{
	struct ir_aws_config *c = parsed(config, credentials);
	const char *got = ir_aws_config_get(c, IR_AWS_PROFILE, profile, key);

	if (want) {
		assert_non_null(got);
		assert_string_equal(got, want);
	} else {
		assert_null(got);
	}
	ir_aws_config_free(c);
}

static void
bad(const char *text, const char *why)
{
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "f", text,
	    strlen(text), &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	if (!strstr(err.msg, why))
		fail_msg("%s, not %s", err.msg, why);
	ir_aws_config_free(c);
}

static void
values(void **state)
{
	(void)state;
	check("[profile p]\nregion = eu-west-1\n", "", "p", "region",
	    "eu-west-1");
	check("[profile p]\r\nregion=eu-west-1\r\n", "", "p", "region",
	    "eu-west-1");
	check("[profile p]\nregion=x", "", "p", "region", "x");
	check("\xef\xbb\xbf[profile p]\nk = v", "", "p", "k", "v");
	check("[profile p]\nk =\t v\t \n", "", "p", "k", "v");
	check("[profile p]\nK = v\n", "", "p", "k", "v");
	check("", "[p]\ns = a/b+c==\n", "p", "s", "a/b+c==");
	check("[profile p]\nk = a#b;c\n", "", "p", "k", "a#b;c");
	check("[profile p]\nk = v # c\n", "", "p", "k", "v");
	check("[profile p]\nk = v\t;c\n", "", "p", "k", "v");
	check("[profile p]\nk = # c\n", "", "p", "k", "");
	check("[profile p]\n# k = v\n;k = w\n", "", "p", "k", NULL);
	check("[profile p]\nk = v\nk = w\n", "", "p", "k", "w");
	check("[profile p]\nk = v\n  more ; x\n", "", "p", "k",
	    "v\nmore ; x");
	check("[profile p]\n\n   \nk = v\n", "", "p", "k", "v");
	check("[profile p]\nb@d! = 1\nk = v\n", "", "p", "k", "v");
}

static void
sections(void **state)
{
	(void)state;
	check("[default]\nk = v\n", "", "default", "k", "v");
	check("[profile default]\nk = v\n[default]\nk = w\n", "", "default",
	    "k", "v");
	check("[default]\nk = v\n", "[default]\nk = w\n", "default", "k", "w");
	check("", "[default]\nk = w\n", "default", "k", "w");
	/* without the prefix it is not a profile of config */
	check("[p]\nk = v\n", "", "p", "k", NULL);
	check("", "[profile p]\nk = v\n", "p", "k", NULL);
	check("[profile p]\nk = v\n[profile q]\nk = w\n[profile p]\nl = x\n",
	    "", "p", "l", "x");
	check("[profile p] ; c\nk = v\n", "", "p", "k", "v");
	check("[profile p]# c\nk = v\n", "", "p", "k", "v");
	check("[ profile\tp ]\nk = v\n", "", "p", "k", "v");
	check("[profile \"p\"]\nk = v\n", "", "p", "k", "v");
	check("[profile a b]\nk = v\n", "", "a b", "k", NULL);
	check("[profile x/y.z%@:+]\nk = v\n", "", "x/y.z%@:+", "k", "v");
	check("[sso-session p]\nk = v\n", "", "p", "k", NULL);
	/* nothing is inherited from default */
	check("[default]\nk = v\n[profile p]\nl = w\n", "", "p", "k", NULL);
	/* an unknown section may hold anything, indented lines too */
	check("[plugins]\n  x = y\n z\n[profile p]\nk = v\n", "", "p", "k",
	    "v");
}

static void
below_a_property(void **state)
{
	struct ir_aws_config *c = parsed("[services s]\nses =\n"
	    "  endpoint_url = http://a\n  # c\n\n  x = 1 ; c\nsts = \n"
	    "\tendpoint_url=http://b\n[profile p]\nservices = s\n", "");

	(void)state;
	assert_string_equal(ir_aws_config_get(c, IR_AWS_SERVICES, "s",
	    "ses.endpoint_url"), "http://a");
	assert_string_equal(ir_aws_config_get(c, IR_AWS_SERVICES, "s",
	    "ses.x"), "1");
	assert_string_equal(ir_aws_config_get(c, IR_AWS_SERVICES, "s",
	    "sts.endpoint_url"), "http://b");
	assert_true(ir_aws_config_has(c, IR_AWS_PROFILE, "p"));
	assert_false(ir_aws_config_has(c, IR_AWS_PROFILE, "s"));
	ir_aws_config_free(c);
}

static void
bad_files(void **state)
{
	static const char nul[] = "[default]\nk = \0v\n";
	struct ir_aws_config *c = ir_aws_config_new();
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	bad("k = v\n", "f:1: property before");
	bad("[profile p\nk = v\n", "f:1: section without");
	bad("[profile p] x\n", "f:1: something after");
	bad("\n[default]\nword\n", "f:3: neither");
	bad("[default]\n= v\n", "f:2: property without");
	bad(" k = v\n", "f:1: indented");
	bad("[default]\n k = v\n", "f:2: indented");
	bad("[default]\ns3 =\n  word\n", "f:3: indented");
	assert_int_equal(ir_aws_config_parse(c, IR_AWS_FILE_CONFIG, "f", nul,
	    sizeof nul - 1, &err), -1);
	assert_int_equal(err.code, IR_CONFIG);
	ir_aws_config_free(c);
}

static int
imds(const char *json, struct ir_aws_cred *cred)
{
	struct ir_err err = IR_ERR_INIT;
	char *copy = strdup(json);
	int rc;

	memset(cred, 0, sizeof *cred);
	rc = ir_cred_parse(cred, IR_CRED_METADATA, copy, strlen(copy), &err);
	assert_null(strstr(copy, "wJal"));
	free(copy);
	return rc ? err.code : 0;
}

static void
metadata_reply(void **state)
{
	struct ir_aws_cred c;

	(void)state;
	assert_int_equal(imds("{\"Code\" : \"Success\", \"AccessKeyId\" : "
	    "\"ASIAX\", \"SecretAccessKey\" :\n \"wJal/+=\", \"Token\":\"t\","
	    "\"Expiration\":\"2026-11-21T18:00:00Z\"}", &c), 0);
	assert_string_equal(c.key_id, "ASIAX");
	assert_string_equal(c.secret.data, "wJal/+=");
	assert_string_equal(c.token.data, "t");
	assert_int_equal(c.expires, 1795284000);
	ir_aws_cred_free(&c);
	assert_int_equal(imds("{\"Code\":\"Failed\"}", &c), IR_NOPERM);
	ir_aws_cred_free(&c);
	assert_int_equal(imds("{}", &c), IR_PROTOCOL);
	assert_int_equal(imds("<html>", &c), IR_PROTOCOL);
	assert_int_equal(imds("{\"SecretAccessKey", &c), IR_PROTOCOL);
	assert_int_equal(imds("{\"SecretAccessKey\":", &c), IR_PROTOCOL);
	assert_int_equal(imds("{\"SecretAccessKey\":\"", &c), IR_PROTOCOL);
	ir_aws_cred_free(&c);
	assert_int_equal(imds("{\"AccessKeyId\":\"A B\",\"SecretAccessKey\":"
	    "\"wJal\",\"Token\":\"t\",\"Expiration\":"
	    "\"2026-11-21T18:00:00Z\"}", &c), IR_CONFIG);
	ir_aws_cred_free(&c);
}

static int
parse(enum ir_cred_form form, const char *json, struct ir_aws_cred *cred)
{
	struct ir_err err = IR_ERR_INIT;
	char *copy = strdup(json);
	int rc;

	memset(cred, 0, sizeof *cred);
	rc = ir_cred_parse(cred, form, copy, strlen(copy), &err);
	assert_null(strstr(copy, "wJal"));
	free(copy);
	return rc ? err.code : 0;
}

static void
process_output(void **state)
{
	struct ir_aws_cred c;

	(void)state;
	assert_int_equal(parse(IR_CRED_PROCESS, "{\"Version\":1,"
	    "\"AccessKeyId\":\"A1\",\"SecretAccessKey\":\"wJal\\/x\\\\\"}",
	    &c), 0);
	assert_string_equal(c.secret.data, "wJal/x\\");
	assert_null(c.token.data);
	assert_int_equal(c.expires, 0);
	ir_aws_cred_free(&c);
	/* a value of the member's name is not the member */
	assert_int_equal(parse(IR_CRED_PROCESS, "{\"x\":\"SecretAccessKey\","
	    "\"Version\":1,\"AccessKeyId\":\"A1\",\"SessionToken\":null,"
	    "\"SecretAccessKey\":\"wJal\",\"Expiration\":null}", &c), 0);
	assert_string_equal(c.secret.data, "wJal");
	ir_aws_cred_free(&c);
#define BAD(json) do { \
	assert_int_equal(parse(IR_CRED_PROCESS, json, &c), IR_PROTOCOL); \
	ir_aws_cred_free(&c); \
} while (0)
	BAD("{\"AccessKeyId\":\"A1\",\"SecretAccessKey\":\"wJal\"}");
	BAD("{\"Version\":2,\"AccessKeyId\":\"A1\",\"SecretAccessKey\":"
	    "\"wJal\"}");
	BAD("{\"Version\":1,\"AccessKeyId\":\"A1\"}");
	BAD("{\"Version\":1,\"AccessKeyId\":\"A1\",\"SecretAccessKey\":\"\"}");
	BAD("{\"Version\":1,\"AccessKeyId\":\"A1\",\"SecretAccessKey\":7}");
	BAD("{\"Version\":1,\"AccessKeyId\":\"A1\",\"SecretAccessKey\":"
	    "\"wJal\",\"Expiration\":\"soon\"}");
	/* an escape that no token needs: said, not passed over */
	BAD("{\"Version\":1,\"AccessKeyId\":\"A1\",\"SecretAccessKey\":"
	    "\"wJal\",\"SessionToken\":\"\\u0041\"}");
	BAD("");
}

static void
portal_reply(void **state)
{
	struct ir_aws_cred c;

	(void)state;
	assert_int_equal(parse(IR_CRED_SSO, "{\"roleCredentials\":{"
	    "\"accessKeyId\":\"A1\",\"secretAccessKey\":\"wJal\","
	    "\"sessionToken\":\"t\",\"expiration\":1795284000999}}", &c), 0);
	assert_int_equal(c.expires, 1795284000);
	ir_aws_cred_free(&c);
	assert_int_equal(parse(IR_CRED_SSO, "{\"roleCredentials\":{"
	    "\"accessKeyId\":\"A1\",\"secretAccessKey\":\"wJal\","
	    "\"sessionToken\":\"t\"}}", &c), IR_PROTOCOL);
	ir_aws_cred_free(&c);
	assert_int_equal(parse(IR_CRED_SSO, "{\"accessKeyId\":\"A1\","
	    "\"secretAccessKey\":\"wJal\",\"sessionToken\":\"t\","
	    "\"expiration\":1795284000999}", &c), IR_PROTOCOL);
	ir_aws_cred_free(&c);
}

#define STS(inner) "<AssumeRoleResponse xmlns=\"x\"><AssumeRoleResult>" \
	"<Credentials>" inner "</Credentials></AssumeRoleResult>" \
	"</AssumeRoleResponse>"

static int
sts(const char *xml, struct ir_aws_cred *cred)
{
	struct ir_err err = IR_ERR_INIT;
	char *copy = strdup(xml);
	int rc;

	memset(cred, 0, sizeof *cred);
	rc = ir_cred_parse_sts(cred, copy, strlen(copy), &err);
	assert_null(strstr(copy, "wJal"));
	assert_null(strstr(copy, "token"));
	free(copy);
	return rc ? err.code : 0;
}

static void
sts_reply(void **state)
{
	struct ir_aws_cred c;

	(void)state;
	assert_int_equal(sts(STS("<AccessKeyId>ASIAX</AccessKeyId>"
	    "<SecretAccessKey>wJal/+=</SecretAccessKey>"
	    "<SessionToken>token==</SessionToken>"
	    "<Expiration>2026-11-21T18:00:00Z</Expiration>"), &c), 0);
	assert_string_equal(c.secret.data, "wJal/+=");
	assert_string_equal(c.token.data, "token==");
	assert_int_equal(c.expires, 1795284000);
	ir_aws_cred_free(&c);
	assert_int_equal(sts(STS("<AccessKeyId>ASIAX</AccessKeyId>"
	    "<SecretAccessKey>wJal/+=</SecretAccessKey>"
	    "<Expiration>2026-11-21T18:00:00Z</Expiration>"), &c),
	    IR_PROTOCOL);
	ir_aws_cred_free(&c);
	assert_int_equal(sts(STS("<SecretAccessKey>wJal"), &c) != 0, 1);
	ir_aws_cred_free(&c);
	assert_int_equal(sts("<html/>", &c), IR_PROTOCOL);
}

static void
sso_token(void **state)
{
	char ok[] = "{\"accessToken\":\"wJal\",\"expiresAt\":"
	    "\"2026-11-21T18:00:00UTC\",\"refreshToken\":\"secret\","
	    "\"clientSecret\":\"secret\"}";
	char none[] = "{\"expiresAt\":\"2026-11-21T18:00:00Z\"}";
	char split_header[] = "{\"accessToken\":\"a\\nb\",\"expiresAt\":"
	    "\"2026-11-21T18:00:00Z\"}";
	struct ir_secret t = IR_SECRET_INIT;
	struct ir_err err = IR_ERR_INIT;
	int64_t when;

	(void)state;
	assert_int_equal(ir_sso_parse_token(&t, &when, ok, sizeof ok - 1,
	    &err), 0);
	assert_string_equal(t.data, "wJal");
	assert_int_equal(when, 1795284000);
	assert_null(strstr(ok, "wJal"));
	assert_null(strstr(ok, "secret"));
	ir_secret_free(&t);
	assert_int_equal(ir_sso_parse_token(&t, &when, none, sizeof none - 1,
	    &err), -1);
	assert_int_equal(ir_sso_parse_token(&t, &when, split_header,
	    sizeof split_header - 1, &err), -1);
	ir_secret_free(&t);
}

/* want: words, each with a '|' behind it; NULL: it cannot be split */
static void
words(const char *line, const char *want)
{
	char *copy = strdup(line), *w[8], got[256] = "";
	int n = ir_shell_split(copy, w, 8), i;

	for (i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s|",
		    w[i]);
	if (want) {
		assert_string_equal(got, want);
		assert_null(w[n]);
	} else {
		assert_int_equal(n, -1);
	}
	free(copy);
}

static void
shell_words(void **state)
{
	(void)state;
	words("", "");
	words(" \t\n", "");
	words("a", "a|");
	words("  a  b\tc\n", "a|b|c|");
	words("'a b' \"c d\"", "a b|c d|");
	words("a'b'\"c\"d", "abcd|");
	words("'' \"\" x", "||x|");
	words("a\\ b \\'", "a b|'|");
	words("\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d|");
	words("'a\\b\"'", "a\\b\"|");
	words("$HOME `x` ~;* #c", "$HOME|`x`|~;*|#c|");
	words("a 'b", NULL);
	words("a \"b", NULL);
	words("a \\", NULL);
	words("1 2 3 4 5 6 7", "1|2|3|4|5|6|7|");
	words("1 2 3 4 5 6 7 8", NULL);
}

static void
container_urls(void **state)
{
	static const char *const good[] = { "https://any.example/x",
	    "http://127.0.0.1/x", "http://127.8.9.1:80/x", "http://localhost",
	    "http://LOCALHOST:1", "http://[::1]:1/x", "http://169.254.170.2/x",
	    "http://169.254.170.23:80/x", "http://[fd00:ec2::23]/x" };
	static const char *const bad[] = { "", "ftp://127.0.0.1/",
	    "http://169.254.169.254/", "http://169.254.170.20/",
	    "http://127.0.0.1.evil.example/", "http://127.evil.example/",
	    "http://127.0.0.1@evil.example/", "http://localhost.evil.example/",
	    "http://evil.example/127.0.0.1", "http://[::1", "http://[::2]/",
	    "http://evil.example#@127.0.0.1", "http://127.0.0.1\r\nX: y",
	    "http://0x7f.1/", "HTTP://evil.example/" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof *good; i++)
		if (!ir_container_url_ok(good[i]))
			fail_msg("%s", good[i]);
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		if (ir_container_url_ok(bad[i]))
			fail_msg("%s", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(sections),
		cmocka_unit_test(below_a_property),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(metadata_reply),
		cmocka_unit_test(process_output),
		cmocka_unit_test(portal_reply),
		cmocka_unit_test(sts_reply),
		cmocka_unit_test(sso_token),
		cmocka_unit_test(shell_words),
		cmocka_unit_test(container_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
