/* exim_hook.c - the hook's lines in Exim's answer; the deny files */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "exim/hook.h"

static void
parse(const char *s, struct ir_exim_hook *h)
{
	ir_exim_hook_parse(s, strlen(s), "/q", h);
}

#define WHOLE \
	"# Exim Configuration\n" \
	"acl_smtp_mail = am\nacl_not_smtp = an\n" \
	"queue_only_file = /q/queue_only\n" \
	"hold_domains = ${if exists{/q/hold}{! +local_domains}}\n" \
	"\nbegin acl\n\n  am:\n# 3 \"x\"\n    deny authenticated = *\n" \
	"    condition = ${if exists{/q/deny_accounts}{yes}}\n    accept\n" \
	"\n  an:\n    deny condition = ${if exists{/q/deny_users}{yes}}\n" \
	"begin routers\n  quell_hold:\n" \
	"    condition = ${if exists{/q/hold}}\n" \
	"begin retry\n# c\n  \"${if exists{/q/hold}{*}{}}\" * F,52w,5m\n" \
	"  * * F,1h,5m\n"

static void
whole(void **state)
{
	struct ir_buf missing = IR_BUF(256);
	struct ir_exim_hook h;

	(void)state;
	parse(WHOLE, &h);
	assert_true(h.queue_only_file && h.hold_domains && h.router &&
	    h.retry && h.mail_acl && h.not_smtp_acl);
	ir_exim_hook_missing(&h, &missing);
	assert_int_equal(missing.len, 0);
	/* another folder: nothing of it counts */
	ir_exim_hook_parse(WHOLE, strlen(WHOLE), "/r", &h);
	assert_false(h.queue_only_file || h.hold_domains || h.router ||
	    h.retry || h.mail_acl || h.not_smtp_acl);
	ir_exim_hook_missing(&h, &missing);
	assert_string_equal(ir_buf_cstr(&missing), "queue_only_file, "
	    "hold_domains, the router, the first retry rule");
	ir_buf_free(&missing);
}

static void
misplaced(void **state)
{
	struct ir_exim_hook h;

	(void)state;
	parse("begin retry\n* * F,1h,5m\n\"${if exists{/q/hold}}\" * F,9w,5m",
	    &h);
	assert_false(h.retry);
	parse("begin routers\nx = /q/hold_accounts /q/hold.d /q/holds", &h);
	assert_false(h.router);
	parse("begin routers\nx = /q/holds /q/hold", &h);
	assert_true(h.router);
	parse("hold_domains = *\nbegin transports\nx = /q/hold\n", &h);
	assert_false(h.hold_domains || h.router);
	/* behind an accept, in another ACL, in one that nobody names */
	parse("acl_smtp_mail = am\nbegin acl\nam:\naccept hosts = *\n"
	    "deny condition = /q/deny_accounts\n", &h);
	assert_false(h.mail_acl);
	parse("acl_smtp_mail = am\nbegin acl\nar:\n"
	    "deny condition = /q/deny_accounts\n", &h);
	assert_false(h.mail_acl);
	parse("begin acl\nam:\ndeny condition = /q/deny_accounts\n", &h);
	assert_false(h.mail_acl);
	parse("", &h);
	parse("\n\n:\nbegin \nbegin acl\n:\n", &h);
	assert_false(h.mail_acl);
}

static void
printed_is_found(void **state)
{
	struct ir_buf b = IR_BUF(65536);

	(void)state;
	ir_exim_hook_print(&b, "/q");
	assert_int_equal(ir_buf_check(&b, "hook", NULL), 0);
	assert_non_null(strstr(ir_buf_cstr(&b),
	    "\nqueue_only_file = /q/queue_only\n"));
	assert_non_null(strstr(ir_buf_cstr(&b), IR_HOOK_HELD));
	ir_buf_free(&b);
}

static void
dir(const char *only, const char *given, const char *want)
{
	struct ir_exim_config c = { .exim = "" };
	char got[PATH_MAX];

	memcpy(c.queue_only_file, only, strlen(only) + 1);
	if (want) {
		assert_int_equal(ir_exim_hook_dir(&c, given, got, NULL), 0);
		assert_string_equal(got, want);
	} else {
		assert_int_equal(ir_exim_hook_dir(&c, given, got, NULL), -1);
	}
}

static void
folders(void **state)
{
	(void)state;
	dir("", NULL, IR_HOOK_DIR);
	dir("/a/b/queue_only", NULL, "/a/b");
	dir("/a/b/queue_only:/c/d", NULL, "/a/b");
	dir("smtp/a/b", NULL, IR_HOOK_DIR);
	dir("/queue_only", NULL, IR_HOOK_DIR);
	dir("/a/b", "/x/y//", "/x/y");
	dir("", "relative", NULL);
	dir("", "/", NULL);
	dir("", "/a b", NULL);
	dir("", "/a${run{x}}", NULL);
	dir("", "/a:b", NULL);
	dir("", "/a\nb", NULL);
}

static bool
has(const char *file, const char *key)
{
	return ir_deny_has(file, strlen(file), key);
}

static void
lookups(void **state)
{
	(void)state;
	assert_true(has("a@b: x", "A@B"));
	assert_true(has("a@b x", "a@b"));
	assert_true(has("a@b", "a@b"));
	assert_true(has("#c\n\n  z\na@b:x\n", "a@b"));
	assert_false(has("#a@b: x\n a@b\n", "a@b"));
	assert_false(has("a@bc: x", "a@b"));
	assert_false(has("a: b", "b"));
	assert_true(has("\"a b\": x", "a b"));
	assert_true(has("\"a\\\"\\\\b\": x", "a\"\\b"));
	assert_true(has("\"\\x41\\102C\\n\": x", "abc\n"));
	assert_true(has("\"unended", "unended"));
	assert_true(has("a\\b: x", "a\\b"));
	assert_true(has("a\"b: x", "a\"b"));
	assert_false(has("\"\\000\": x", ""));
	assert_false(ir_deny_has("a\0b: x", 6, "b"));
	assert_true(ir_deny_has("a\0b: x", 6, "a"));
}

static void
round_trips(void **state)
{
	static const char *const keys[] = { "a@b.example", "od d", "c:d",
	    "#x", "\"", "\\", "${run{x}}", "-y", "*", "a\\", "\\303\\274" };
	struct ir_buf b = IR_BUF(65536), out = IR_BUF(65536);
	size_t i;

	(void)state;
	ir_buf_str(&b, "# c\nfirst");
	for (i = 0; i < sizeof keys / sizeof *keys; i++) {
		assert_null(ir_deny_bad_key(keys[i]));
		ir_deny_add(&b, keys[i], "note");
		assert_true(has(ir_buf_cstr(&b), keys[i]));
	}
	assert_true(has(ir_buf_cstr(&b), "first"));
	for (i = 0; i < sizeof keys / sizeof *keys; i++) {
		ir_buf_trunc(&out, 0);
		assert_int_equal(ir_deny_without(ir_buf_cstr(&b), b.len,
		    keys[i], &out), 1);
		assert_false(has(ir_buf_cstr(&out), keys[i]));
		ir_buf_trunc(&b, 0);
		ir_buf_add(&b, ir_buf_cstr(&out), out.len);
	}
	assert_string_equal(ir_buf_cstr(&b), "# c\nfirst\n");
	ir_buf_free(&b);
	ir_buf_free(&out);
}

static void
without(const char *in, const char *want, size_t count)
{
	struct ir_buf out = IR_BUF(4096);

	assert_int_equal(ir_deny_without(in, strlen(in), "k", &out), count);
	assert_string_equal(ir_buf_cstr(&out), want);
	ir_buf_free(&out);
}

static void
taking_out(void **state)
{
	(void)state;
	without("", "", 0);
	without("a\nk\nb", "a\nb", 1);
	without("a\n x\nk: 1\n 2\n# c\n\n 3\nb\n 4\n", "a\n x\n# c\n\nb\n 4\n",
	    1);
	without("K\n\"k\": x\nk y", "", 3);
	without("kk\n k\n#k\n", "kk\n k\n#k\n", 0);
}

static void
bad_keys(void **state)
{
	char lots[IR_DENY_KEY_MAX + 2];

	(void)state;
	memset(lots, 'x', sizeof lots);
	lots[sizeof lots - 1] = '\0';
	assert_non_null(ir_deny_bad_key(lots));
	lots[sizeof lots - 2] = '\0';
	assert_null(ir_deny_bad_key(lots));
	assert_non_null(ir_deny_bad_key(""));
	assert_non_null(ir_deny_bad_key("a\nb"));
	assert_non_null(ir_deny_bad_key("a\x7f"));
	assert_non_null(ir_deny_bad_key("\xc3\xa9"));
	assert_non_null(ir_deny_bad_key("\xef\xbf\xbd"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(misplaced),
		cmocka_unit_test(printed_is_found), cmocka_unit_test(folders),
		cmocka_unit_test(lookups), cmocka_unit_test(round_trips),
		cmocka_unit_test(taking_out), cmocka_unit_test(bad_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
