/* host_files.c - any bytes as a file that the rules read, a table of rules,
 * lines of package managers */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "host/packages.h"
#include "host/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
hit(const struct ir_rule_hit *h, void *arg)
{
	size_t *most = arg;

	if (h->at >= *most || h->line == 0 || h->line > *most + 1 ||
	    strlen(h->text) > IR_RULE_TEXT)
		abort();
}

/* The table that ships, from where the fuzzer is run: the top folder. */
static struct ir_rules *
shipped(void)
{
	struct ir_buf b = IR_BUF(IR_RULES_BYTES);
	struct ir_rules *t = ir_rules_new();

	if (ir_buf_read_file(&b, "lib/host/webroot-rules.tsv", NULL) == 0)
		(void)ir_rules_add(t, ir_buf_cstr(&b), b.len, "t", NULL);
	ir_buf_free(&b);
	return t;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct ir_rules *rules;
	const char *s = (const char *)data;
	char hash[33], path[PATH_MAX];
	struct ir_paths p = IR_PATHS_INIT;
	struct ir_rpm_line l;
	struct ir_rules *t;
	bool gave_up;
	int k;

	if (!rules)
		rules = shipped();
	for (k = 0; k < IR_RULE_KINDS_N; k++)
		ir_rules_scan(rules, (enum ir_rule_kind)k, k & 1, s, n, hit,
		    &n, &gave_up);
	t = ir_rules_new();
	(void)ir_rules_add(t, s, n, "t", NULL);
	ir_rules_free(t);
	if (ir_md5sums_line(s, n, hash, path) == 0 && strlen(path) >= n)
		abort();
	if (ir_rpm_line(s, n, &l) == 0 && *l.path != '/')
		abort();
	(void)ir_paths_add(&p, s, n, NULL);
	(void)ir_paths_add(&p, s, n / 2, NULL);
	ir_paths_sort(&p);
	ir_paths_free(&p);
	return 0;
}
