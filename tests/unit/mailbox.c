/* mailbox.c - doveconf's output, names, lines of passwd-files, uapi */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/mailbox.h"

static void
doveconf(void **state)
{
	static const char old[] = "# 2.3.19\nauth_username_format = %Ln\n"
	    "passdb {\n  args = /etc/deny\n  deny = yes\n"
	    "  driver = passwd-file\n}\n"
	    "service auth {\n  unix_listener x {\n    mode = 0\n  }\n}\n"
	    "passdb {\n  args = scheme=CRYPT username_format=%u /etc/users\n"
	    "  driver = passwd-file\n}\npassdb {\n  driver = pam\n}\n";
	static const char new[] = "passdb deny {\n  driver = passwd-file\n"
	    "  deny = yes\n  passwd_file_path = /d\n}\n"
	    "passdb passwd-file {\n  passwd_file_path = /etc/%{user|domain}\n"
	    "  fields {\n    driver = no\n  }\n}\n";
	struct ir_doveconf c;

	(void)state;
	assert_int_equal(ir_doveconf_parse(old, sizeof old - 1, &c, NULL), 0);
	assert_int_equal(c.n, 3);
	assert_string_equal(c.format, "%Ln");
	assert_true(c.db[0].deny);
	assert_string_equal(c.db[0].file, "/etc/deny");
	assert_string_equal(c.db[1].file, "/etc/users");
	assert_string_equal(c.db[1].format, "%u");
	assert_string_equal(c.db[2].driver, "pam");
	assert_int_equal(ir_doveconf_parse(new, sizeof new - 1, &c, NULL), 0);
	assert_int_equal(c.n, 2);
	assert_true(c.db[0].deny);
	assert_string_equal(c.db[0].driver, "passwd-file");
	assert_string_equal(c.db[1].driver, "passwd-file");
	assert_string_equal(c.db[1].file, "/etc/%{user|domain}");
	assert_string_equal(c.format, "%Lu");
	assert_int_equal(ir_doveconf_parse("}\n", 2, &c, NULL), -1);
	assert_int_equal(ir_doveconf_parse("passdb {\n", 9, &c, NULL), -1);
}

static void
names(void **state)
{
	static const char *const good[] = { "a", "a@b.example", "a+b=c%d@x",
		"0", "a.b_c-d@e" };
	static const char *const bad[] = { "", "-a", ".a", "@b", "a@", "a@b@c",
		"a/b", "../x", "a..b", "a:b", "a b", "a\n", "a@.b",
		"\303\244" };
	char out[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(ir_mailbox_name_ok(good[i]));
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ir_mailbox_name_ok(bad[i]));
	assert_int_equal(ir_mailbox_expand("/v/%Ld/%n%%", "A@B.C", out,
	    sizeof out), 0);
	assert_string_equal(out, "/v/b.c/A%");
	assert_int_equal(ir_mailbox_expand("%{ user | username | lower }",
	    "A@B.C", out, sizeof out), 0);
	assert_string_equal(out, "a");
	assert_int_equal(ir_mailbox_expand("%Ud", "abc", out, sizeof out), 0);
	assert_string_equal(out, "");
	assert_int_equal(ir_mailbox_expand("%h", "a", out, 32), -1);
	assert_int_equal(ir_mailbox_expand("%{md5:user}", "a", out, 32), -1);
	assert_int_equal(ir_mailbox_expand("%{user", "a", out, 32), -1);
	assert_int_equal(ir_mailbox_expand("%", "a", out, 32), -1);
	assert_int_equal(ir_mailbox_expand("%u%u", "0123456789abcdefg", out,
	    32), -1);
}

static void
lines(void **state)
{
	static const char text[] = "ab:x:1\na:old:2\nc\nd:\na:second:3";
	struct ir_buf b = IR_BUF(1000);
	struct ir_passwd_line l;

	(void)state;
	assert_true(ir_passwd_find(text, sizeof text - 1, "a", &l));
	assert_int_equal(l.len, 3);
	ir_passwd_put(text, sizeof text - 1, &l, "new", &b);
	assert_string_equal(b.data, "ab:x:1\na:new:2\nc\nd:\na:second:3");
	ir_buf_trunc(&b, 0);
	assert_true(ir_passwd_find(text, sizeof text - 1, "c", &l));
	assert_false(l.has_field);
	ir_passwd_put(text, sizeof text - 1, &l, "n", &b);
	assert_string_equal(b.data, "ab:x:1\na:old:2\nc:n\nd:\na:second:3");
	ir_buf_trunc(&b, 0);
	assert_true(ir_passwd_find(text, sizeof text - 1, "d", &l));
	assert_int_equal(l.len, 0);
	assert_false(ir_passwd_find(text, sizeof text - 1, "e", &l));
	ir_passwd_without(text, sizeof text - 1, "a", &b);
	assert_string_equal(b.data, "ab:x:1\nc\nd:\n");
	ir_buf_trunc(&b, 0);
	ir_passwd_add("x", 1, "y", &b);
	assert_string_equal(b.data, "x\ny\n");
	ir_buf_free(&b);
}

static void
passwords(void **state)
{
	struct ir_secret s = IR_SECRET_INIT, t = IR_SECRET_INIT;
	char hash[IR_MAILBOX_HASH], other[IR_MAILBOX_HASH];

	(void)state;
	assert_int_equal(ir_mailbox_password(&s, NULL), 0);
	assert_int_equal(ir_mailbox_password(&t, NULL), 0);
	assert_int_equal(s.len, 24);
	assert_string_not_equal(s.data, t.data);
	assert_int_equal(ir_mailbox_hash(&s, hash, NULL), 0);
	assert_int_equal(ir_mailbox_hash(&s, other, NULL), 0);
	assert_true(ir_mailbox_hash_ok(hash));
	assert_string_not_equal(hash, other);
	hash[40] = ':';
	assert_false(ir_mailbox_hash_ok(hash));
	assert_false(ir_mailbox_hash_ok(""));
	assert_false(ir_mailbox_hash_ok("{SHA512-CRYPT}$6$rounds=5$a$"));
	ir_secret_free(&s);
	ir_secret_free(&t);
}

static void
cpanel(void **state)
{
	static const char owners[] = "*: nobody\nshop.example: shop\nx: -y\n";
	static const char is[] = "{\"result\":{\"status\":1,\"data\":[{"
	    "\"suspended_login\":\"1\",\"suspended_outgoing\":0}]}}";
	static const char no[] = "{\"result\":{\"status\":0,\"errors\":"
	    "[\"not you\"]}}";
	struct ir_err err = IR_ERR_INIT;
	char owner[8];
	int r[2];

	(void)state;
	assert_int_equal(ir_cpanel_owner(owners, sizeof owners - 1,
	    "shop.example", owner, sizeof owner), 0);
	assert_string_equal(owner, "shop");
	assert_int_equal(ir_cpanel_owner(owners, sizeof owners - 1, "x", owner,
	    sizeof owner), -1);
	assert_int_equal(ir_uapi_answer(is, sizeof is - 1, r, &err), 0);
	assert_int_equal(r[0], 1);
	assert_int_equal(r[1], 0);
	assert_int_equal(ir_uapi_answer(no, sizeof no - 1, NULL, &err), -1);
	assert_int_equal(err.code, IR_UNAVAILABLE);
	assert_string_equal(err.msg, "uapi: not you");
	assert_int_equal(ir_uapi_answer("x", 1, NULL, &err), -1);
	assert_int_equal(err.code, IR_PROTOCOL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(doveconf),
		cmocka_unit_test(names), cmocka_unit_test(lines),
		cmocka_unit_test(passwords), cmocka_unit_test(cpanel) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
