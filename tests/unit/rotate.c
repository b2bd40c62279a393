/* What ses-rotate works out without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "aws/keys.h"
#include "rotate/rotate.h"

static void
words(void **state)
{
	struct ir_rotate_words w;
	struct ir_err err = IR_ERR_INIT;
	char many[IR_ROTATE_WORDS * 2 + 3], longest[sizeof w.text + 1];
	size_t i;

	(void)state;
	assert_int_equal(ir_rotate_words("  ssh mail1\tsudo  x 'y z' ", &w,
	    &err), 0);
	assert_int_equal(w.n, 6);
	assert_string_equal(w.argv[0], "ssh");
	assert_string_equal(w.argv[4], "'y");	/* no shell, no quotes */
	assert_string_equal(w.argv[5], "z'");
	assert_null(w.argv[6]);
	assert_int_equal(ir_rotate_words("", &w, &err), -1);
	assert_int_equal(err.code, IR_USAGE);
	assert_int_equal(ir_rotate_words(" \t ", &w, &err), -1);
	for (i = 0; i <= IR_ROTATE_WORDS; i++)
		memcpy(many + 2 * i, "a ", 3);
	assert_int_equal(ir_rotate_words(many, &w, &err), -1);
	many[2 * IR_ROTATE_WORDS] = '\0';
	assert_int_equal(ir_rotate_words(many, &w, &err), 0);
	assert_int_equal(w.n, IR_ROTATE_WORDS);
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(ir_rotate_words(longest, &w, &err), -1);
	longest[sizeof w.text - 1] = '\0';
	assert_int_equal(ir_rotate_words(longest, &w, &err), 0);
}

static void
stands_at(const char *entry, const char *done, const char *next)
{
	struct ir_rec *r = ir_rec_parse(entry, strlen(entry), NULL);
	const char *d, *n;

	assert_non_null(r);
	ir_rotate_stands(r, &d, &n);
	if (done)
		assert_string_equal(d, done);
	else
		assert_null(d);
	if (next)
		assert_string_equal(n, next);
	else
		assert_null(n);
	ir_rec_free(r);
}

#define D(step) "\"" step "\":{\"done\":\"T\"},"
#define END "\"x\":{}}}"

static void
stands(void **state)
{
	(void)state;
	stands_at("{}", NULL, "plan");
	stands_at("{\"steps\":{\"plan\":{\"begun\":\"T\"}}}", NULL, "plan");
	stands_at("{\"steps\":{" D("plan") END, "plan", "deactivate");
	stands_at("{\"routine\":true,\"steps\":{" D("plan") END, "plan",
	    "check");
	/* only what is planned is waited for */
	stands_at("{\"steps\":{" D("plan") D("deactivate") D("prove-dead")
	    D("check") D("create") D("seal") D("prove-alive") END,
	    "prove-alive", "finish");
	stands_at("{\"plan\":{\"verify\":\"x\"},\"steps\":{" D("plan")
	    D("deactivate") D("prove-dead") D("check") D("create") D("seal")
	    D("prove-alive") END, "prove-alive", "verify");
	stands_at("{\"plan\":{\"out\":\"x\",\"vault\":\"v\"},\"steps\":{"
	    D("plan") D("deactivate") D("prove-dead") D("check") D("create")
	    D("seal") D("prove-alive") END, "prove-alive", "publish");
	stands_at("{\"steps\":{" D("plan") D("deactivate") D("prove-dead")
	    D("check") D("create") D("seal") D("prove-alive") D("finish") END,
	    "finish", NULL);
	/* back: begun and not allowed is nothing */
	stands_at("{\"steps\":{" D("plan") "\"back\":{\"begun\":\"T\"}}}",
	    "plan", "deactivate");
	stands_at("{\"steps\":{" D("plan") D("back") END, "back", "revive");
	stands_at("{\"steps\":{" D("back") D("revive") D("disable-new")
	    D("rolled-back") END, "rolled-back", NULL);
}

static void
tables(void **state)
{
	const struct ir_rotate_step *s;

	(void)state;
	for (s = ir_rotate_steps; s->name; s++) {
		assert_non_null(s->act);
		assert_true(s->phase != 0);
		/* something follows what is joined to it, in every order */
		if (s->joined)
			assert_true(s[1].name && s[1].order == IR_ROTATE_ANY &&
			    !s[1].applies);
	}
}

static void
read_list(const char *json, size_t n, int code)
{
	struct ir_rec *r = ir_rec_parse(json, strlen(json), NULL);
	struct ir_err err = IR_ERR_INIT;
	struct ir_keys keys = { .n = 0 };

	assert_int_equal(ir_keys_read(r, &keys, &err), code ? -1 : 0);
	assert_int_equal(err.code, code);
	if (!code)
		assert_int_equal(keys.n, n);
	ir_rec_free(r);
}

#define KEY "{\"AccessKeyId\":\"AKIA0000000000000001\"," \
	"\"Status\":\"Active\",\"CreateDate\":\"2026-11-21T18:00:00Z\"}"

static void
lists(void **state)
{
	(void)state;
	read_list("{\"AccessKeyMetadata\":[" KEY "," KEY "]}", 2, 0);
	read_list("{\"AccessKeyMetadata\":\"\"}", 0, 0);	/* XML: none */
	read_list("{}", 0, 0);
	read_list("{\"AccessKeyMetadata\":[{\"Status\":\"Active\"}]}", 0,
	    IR_PROTOCOL);
	read_list("{\"AccessKeyMetadata\":[1]}", 0, IR_PROTOCOL);
	read_list("{\"AccessKeyMetadata\":[" KEY "," KEY "," KEY "," KEY ","
	    KEY "," KEY "," KEY "," KEY "," KEY "]}", 0, IR_PROTOCOL);
}

static void
ids(void **state)
{
	(void)state;
	assert_true(ir_key_id_ok("AKIA0000000000000001"));
	assert_false(ir_key_id_ok("ASIA0000000000000001"));
	assert_false(ir_key_id_ok("AKIA00000000"));
	assert_false(ir_key_id_ok("AKIA000000000000000a"));
	assert_false(ir_key_id_ok(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words), cmocka_unit_test(stands),
		cmocka_unit_test(tables), cmocka_unit_test(lists),
		cmocka_unit_test(ids)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
