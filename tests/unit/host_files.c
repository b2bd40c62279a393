/* host_files.c - rules, what they find, lines of package managers */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/packages.h"
#include "host/rules.h"

struct got {
	char ids[200];
	struct ir_rule_hit last;
	size_t n;
};

static void
take(const struct ir_rule_hit *h, void *arg)
{
	struct got *g = arg;
	size_t n = strlen(g->ids);

	snprintf(g->ids + n, sizeof g->ids - n, "%s:%zu ", h->id, h->line);
	g->last = *h;
	g->n++;
}

static struct got
scan(const struct ir_rules *t, enum ir_rule_kind kind, bool each_line,
    const char *s)
{
	struct got g = { .n = 0 };
	bool gave_up = false;

	ir_rules_scan(t, kind, each_line, s, strlen(s), take, &g, &gave_up);
	assert_false(gave_up);
	return g;
}

static void
rules(void **state)
{
	static const char table[] = "# comment\n\n"
	    "one\tlook\tphp,cron\tx+\t-\twhy one\n"
	    "two\tstrong\tphp\ty\tneeded\twhy two\n";
	struct ir_rules *t = ir_rules_new();
	struct got g;

	(void)state;
	assert_non_null(t);
	assert_int_equal(ir_rules_add(t, table, sizeof table - 1, "t", NULL),
	    0);
	assert_int_equal(ir_rules_count(t), 2);
	g = scan(t, IR_RULE_PHP, false, "a\nb xx\nx y");
	assert_string_equal(g.ids, "one:2 ");
	assert_int_equal(g.last.count, 2);
	assert_string_equal(g.last.text, "b xx");
	g = scan(t, IR_RULE_PHP, false, "y\nNEEDED");
	assert_string_equal(g.ids, "two:1 ");
	assert_int_equal(g.last.level, IR_LEVEL_STRONG);
	g = scan(t, IR_RULE_CRON, true, "x x\n\nx\ny needed");
	assert_string_equal(g.ids, "one:1 one:3 ");
	g = scan(t, IR_RULE_CRON, false, "x mysqldump -psesame1 "
	    "--password=hid1 ftp://u:hid2@h/ curl -u me:hid3 "
	    "API_KEY: 'hid4' end");
	assert_string_equal(g.last.text, "x mysqldump -p*** --password=*** "
	    "ftp://u:***@h/ curl -u me:*** API_KEY: '***' end");
	g = scan(t, IR_RULE_KEYS, true, "x");
	assert_int_equal(g.n, 0);
	assert_int_equal(ir_rules_add(t, "one\toff\t-\t-\t-\t-\n", 16, "t",
	    NULL), 0);
	g = scan(t, IR_RULE_PHP, false, "x");
	assert_int_equal(g.n, 0);
	ir_rules_free(t);
}

static void
bad_rules(void **state)
{
	static const char *const bad[] = { "x", "a\tlook\tphp\tx\t-",
		"a\tlook\tphp\tx\t-\tw\tmore", "a\tno\tphp\tx\t-\tw",
		"a\tlook\t\tx\t-\tw", "\tlook\tphp\tx\t-\tw",
		"a\tlook\tphp\t(\t-\tw", "a\tlook\tphp\tx\t(\tw" };
	struct ir_err err = IR_ERR_INIT;
	struct ir_rules *t = ir_rules_new();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(ir_rules_add(t, bad[i], strlen(bad[i]), "t",
		    &err), -1);
		assert_int_equal(err.code, IR_CONFIG);
		assert_memory_equal(err.msg, "t:1: ", 5);
	}
	assert_int_equal(ir_rules_add(t, "a\0b", 3, "t", &err), -1);
	assert_int_equal(ir_rules_count(t), 0);
	ir_rules_free(t);
}

static void
paths(void **state)
{
	struct ir_paths p = IR_PATHS_INIT;
	static const char *const in[] = { "/bin/ls", "usr/bin/env", "/.",
		"./etc/x", "/lib/libc.so", "/libx/y" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof in / sizeof *in; i++)
		assert_int_equal(ir_paths_add(&p, in[i], strlen(in[i]), NULL),
		    0);
	ir_paths_sort(&p);
	assert_true(ir_paths_have(&p, "/usr/bin/ls"));
	assert_true(ir_paths_have(&p, "/bin/ls"));
	assert_true(ir_paths_have(&p, "/bin/env"));
	assert_true(ir_paths_have(&p, "/etc/x"));
	assert_true(ir_paths_have(&p, "/usr/lib/libc.so"));
	assert_true(ir_paths_have(&p, "/libx/y"));
	assert_false(ir_paths_have(&p, "/usr/libx/y"));
	assert_false(ir_paths_have(&p, "/usr/bin/l"));
	assert_false(ir_paths_have(&p, "/usr/bin/lsx"));
	assert_false(ir_paths_have(&p, ""));
	ir_paths_free(&p);
}

static void
package_lines(void **state)
{
	static const char sum[] = "0123456789abcdef0123456789abcdef  usr/a b";
	struct ir_rpm_line l;
	char hash[33], path[PATH_MAX];

	(void)state;
	assert_int_equal(ir_md5sums_line(sum, sizeof sum - 1, hash, path), 0);
	assert_string_equal(path, "usr/a b");
	assert_int_equal(ir_md5sums_line(sum, 34, hash, path), -1);
	assert_int_equal(ir_md5sums_line("x123456789abcdef0123456789abcdef  a",
	    35, hash, path), -1);
	assert_int_equal(ir_rpm_line("S.5....T.  c /etc/x", 19, &l), 0);
	assert_int_equal(l.attribute, 'c');
	assert_true(l.content);
	assert_false(l.mode);
	assert_string_equal(l.path, "/etc/x");
	assert_int_equal(ir_rpm_line(".M...UG..    /usr/x y", 21, &l), 0);
	assert_int_equal(l.attribute, 0);
	assert_true(l.mode && l.owner && !l.content);
	assert_string_equal(l.path, "/usr/x y");
	assert_int_equal(ir_rpm_line("missing   d /x (Permission denied)", 34,
	    &l), 0);
	assert_true(l.missing);
	assert_string_equal(l.path, "/x");
	assert_int_equal(ir_rpm_line("Unsatisfied /x", 14, &l), -1);
	assert_int_equal(ir_rpm_line("", 0, &l), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rules),
		cmocka_unit_test(bad_rules), cmocka_unit_test(paths),
		cmocka_unit_test(package_lines) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
