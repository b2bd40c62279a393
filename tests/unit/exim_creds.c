/* exim_creds.c - places of credentials: spelling, configuration, files */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "exim/creds.h"
#include "exim/creds_conf.h"
#include "exim/creds_exim.h"
#include "exim/creds_file.h"
#include "exim/creds_text.h"

/* --- spelling ----------------------------------------------------------- */

static long
no_words(const char *text, size_t n, void *arg)
{
	const char *hit = memmem(text, n, arg, strlen(arg));

	return hit ? hit - text : -1;
}

static void
spells(unsigned how, char sep, const char *in, const char *want)
{
	struct ir_spelling e = { how, sep };
	struct ir_buf b = IR_BUF(1000), back = IR_BUF(1000);
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_spell(&b, &e, in, strlen(in), NULL, NULL, &err),
	    0);
	assert_string_equal(ir_buf_cstr(&b), want);
	if (!(how & (IR_SPELL_LIST | IR_SPELL_QUOTED))) {
		assert_int_equal(ir_unspell(&back, &e, b.data, b.len), 0);
		assert_string_equal(ir_buf_cstr(&back), in);
	}
	ir_buf_free(&b);
	ir_buf_free(&back);
}

static void
test_spell(void **state)
{
	const unsigned item = IR_SPELL_EXPAND | IR_SPELL_LIST |
	    IR_SPELL_CARET;

	(void)state;
	spells(0, 0, "a:$\\^b", "a:$\\^b");
	spells(IR_SPELL_CARET, 0, "a^b", "a^^b");
	spells(IR_SPELL_EXPAND, 0, "a$b\\n{}", "a\\$b\\\\n\\{\\}");
	spells(IR_SPELL_EXPAND, 0, "a\\", "a\\x5c");
	spells(IR_SPELL_EXPAND | IR_SPELL_CARET, 0, "a^\\Nb", "a^^\\\\Nb");
	spells(item, ':', "a:b", "a::b");
	spells(item, ':', ":b:", "\\x3ab\\x3a");
	spells(item, ';', "a:b;c", "a:b;;c");
	spells(item, ':', "<a<", "\\x3ca<");
	spells(item | IR_SPELL_QUOTED, ':', "a\"b\\c$",
	    "a\\\\\\\"b\\\\\\\\c\\\\$");
	spells(item, ':', "#x", "\\#x");
	spells(IR_SPELL_LIST, ':', "a:b", "a::b");
}

static void
test_spell_macro(void **state)
{
	static char words[] = "SES";
	struct ir_spelling e = { IR_SPELL_EXPAND, 0 };
	struct ir_buf b = IR_BUF(1000);
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	assert_int_equal(ir_spell(&b, &e, "aSESbSESSES", 11, no_words, words,
	    &err), 0);
	assert_string_equal(ir_buf_cstr(&b),
	    "a\\x53ESb\\x53ES\\x53ES");
	ir_buf_trunc(&b, 0);
	e.how = IR_SPELL_LIST;
	e.separator = ':';
	assert_int_equal(ir_spell_expression(&b, &e, "${x:y}", no_words,
	    words, &err), 0);
	assert_string_equal(ir_buf_cstr(&b), "${x::y}");
	assert_int_equal(ir_spell_expression(&b, &e, "aSES", no_words,
	    words, &err), -1);
	ir_buf_free(&b);
}

static void
refuses(unsigned how, const char *in, int code)
{
	struct ir_spelling e = { how, ':' };
	struct ir_buf b = IR_BUF(1000);
	struct ir_err err = IR_ERR_INIT;

	assert_int_equal(ir_spell(&b, &e, in, strlen(in), NULL, NULL, &err),
	    -1);
	assert_int_equal(err.code, code);
	assert_int_equal(b.len, 0);
	assert_null(strlen(in) > 2 ? strstr(err.msg, in) : NULL);
	ir_buf_free(&b);
}

static void
test_spell_refused(void **state)
{
	(void)state;
	refuses(0, "", IR_DATAERR);
	refuses(0, "a\nb", IR_DATAERR);
	refuses(0, "a\x7f", IR_DATAERR);
	refuses(0, "x y ", IR_CONFIG);
	refuses(0, " x y", IR_CONFIG);
	refuses(IR_SPELL_PLAIN, "^abc", IR_CONFIG);
	refuses(IR_SPELL_FIELD, "abc:d", IR_CONFIG);
}

static void
test_unspell(void **state)
{
	struct ir_spelling e = { IR_SPELL_EXPAND | IR_SPELL_CARET, 0 };
	struct ir_buf b = IR_BUF(100);

	(void)state;
	assert_int_equal(ir_unspell(&b, &e, "a\\N$x\\N\\x41\\101\\tz", 18),
	    0);
	assert_string_equal(ir_buf_cstr(&b), "a$xAA\tz");
	ir_buf_trunc(&b, 0);
	assert_int_equal(ir_unspell(&b, &e, "a$x", 3), -1);
	assert_int_equal(b.len, 0);
	assert_int_equal(ir_unspell(&b, &e, "a^b", 3), 0);
	assert_memory_equal(b.data, "a\0b", 3);
	ir_buf_free(&b);
}

static void
test_ses(void **state)
{
	(void)state;
	assert_true(ir_ses_user("AKIAIOSFODNN7EXAMPLE", 20));
	assert_false(ir_ses_user("ASIAIOSFODNN7EXAMPLE", 20));
	assert_false(ir_ses_user("AKIAiOSFODNN7EXAMPLE", 20));
	assert_true(ir_ses_password("BAoldoldoldoldoldoldoldoldoldoldoldoldo"
	    "ldo+/", 44));
	assert_true(ir_ses_password("Agoldoldoldoldoldoldoldoldoldoldoldoldo"
	    "ldo+/", 44));
	assert_false(ir_ses_password("BQoldoldoldoldoldoldoldoldoldoldoldold"
	    "oldo+/", 44));
	assert_false(ir_ses_password("BAoldoldoldoldoldoldoldoldoldoldoldold"
	    "oldo+", 43));
}

/* --- configuration ------------------------------------------------------ */

struct source {
	const char *path, *text;
};

static int
load(void *arg, const char *path, struct ir_buf *b, struct ir_err *err)
{
	const struct source *s;

	(void)err;
	for (s = arg; s->path; s++) {
		if (strcmp(s->path, path) != 0)
			continue;
		ir_buf_str(b, s->text);
		return 0;
	}
	return 1;
}

static struct ir_conf *
conf_of(struct source *s, bool cpanel)
{
	const char *const main_file[] = { s->path };
	struct ir_err err = IR_ERR_INIT;
	struct ir_conf *c = ir_conf_new(&err);

	assert_non_null(c);
	c->load = load;
	c->arg = s;
	assert_int_equal(ir_conf_read(c, main_file, 1, cpanel, &err), 0);
	return c;
}

/* What stands at the part's place in its file. */
static void
at(const struct ir_conf *c, const struct ir_conf_part *p, const char *want)
{
	const struct ir_buf *b = &c->file[p->file].bytes;

	assert_int_equal(p->kind, IR_PART_LITERAL);
	assert_false(p->apart);
	assert_int_equal(p->to - p->from, strlen(want));
	assert_memory_equal(b->data + p->from, want, strlen(want));
}

static void
test_login(void **state)
{
	struct source s[] = { { "/c", "A = x\n"
	    "begin authenticators\n"
	    "one:\n"
	    "  driver = plaintext\n"
	    "  public_name = LOGIN\n"
	    "  hide client_send = : me : \\\n"
	    "     # not this\n"
	    "     se::cr\\$et\n"
	    "begin x\n" }, { NULL, NULL } };
	struct ir_conf *c = conf_of(s, false);
	struct ir_conf_part user, pass;

	(void)state;
	assert_int_equal(c->nauth, 1);
	assert_string_equal(c->auth[0].mechanism, "LOGIN");
	assert_true(ir_conf_parts(c, &c->auth[0], &user, &pass));
	at(c, &user, "me");
	at(c, &pass, "se::cr\\$et");
	assert_string_equal(ir_buf_cstr(&pass.value), "se:cr$et");
	assert_int_equal(ir_conf_line(&c->file[0].bytes, pass.from), 8);
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	ir_conf_free(c);
}

static void
test_plain_macros_quotes(void **state)
{
	struct source s[] = { { "/c", "USER = me\nPASS = a^^b\n"
	    ".include_if_exists /missing\n"
	    "begin authenticators\n"
	    ".include /d\n" }, { "/d", "p:\n  driver=plaintext\n"
	    "  public_name = PLAIN\n"
	    "  client_send = \"<; ^USER^PASS\"\n"
	    "q:\n  public_name = PLAIN\n"
	    "  client_send = \"${if x{y}{^m\\\\$e^q\\\"w}fail}\"\n" },
	    { NULL, NULL } };
	struct ir_conf *c = conf_of(s, false);
	struct ir_conf_part user, pass;

	(void)state;
	assert_int_equal(c->nauth, 2);
	assert_true(ir_conf_parts(c, &c->auth[0], &user, &pass));
	at(c, &user, "me");
	at(c, &pass, "a^^b");
	assert_true(pass.in_macro);
	assert_string_equal(ir_buf_cstr(&pass.value), "a^b");
	assert_int_equal(pass.how.separator, ';');
	assert_true(pass.how.how & IR_SPELL_QUOTED);
	assert_true(pass.how.how & IR_SPELL_PLAIN);
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	assert_true(ir_conf_parts(c, &c->auth[1], &user, &pass));
	at(c, &user, "m\\\\$e");
	at(c, &pass, "q\\\"w");
	assert_string_equal(ir_buf_cstr(&user.value), "m$e");
	assert_string_equal(ir_buf_cstr(&pass.value), "q\"w");
	assert_true(c->file[1].included);
	assert_int_equal(c->file[1].by, 0);
	assert_memory_equal(c->file[0].bytes.data + c->file[1].by_off,
	    ".include /d\n", c->file[1].by_len + 1);
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	ir_conf_free(c);
}

static void
test_lookups(void **state)
{
	struct source s[] = { { "/c", "begin authenticators\n"
	    "LINE = ${sg{${lookup{$host}nwildlsearch{/pw}{$value}fail}}"
	    "{\\\\N[\\\\^]\\\\N}{^^}}\n"
	    "a:\n  public_name = LOGIN\n"
	    "  client_send = \"<; ; ${extract{1}{::}{LINE}} \\\n"
	    "   ; ${sg{LINE}{\\\\N([^:]+:)(.*)\\\\N}{\\\\$2}}\"\n"
	    "b:\n  public_name = CRAM-MD5\n"
	    "  client_name = me\n"
	    "  client_secret = ${readfile{/s}{}}\n"
	    "c:\n  public_name = LOGIN\n"
	    "  client_send = : x : ${run{/bin/pw}}\n"
	    "d:\n  public_name = LOGIN\n  server_prompts = :\n" },
	    { NULL, NULL } };
	struct ir_conf *c = conf_of(s, false);
	struct ir_conf_part user, pass;

	(void)state;
	assert_int_equal(c->nauth, 4);
	assert_true(ir_conf_parts(c, &c->auth[0], &user, &pass));
	assert_int_equal(user.kind, IR_PART_LOOKUP);
	assert_int_equal(user.field, 1);
	assert_int_equal(pass.field, 2);
	assert_string_equal(pass.path, "/pw");
	assert_string_equal(pass.key, "$host");
	assert_string_equal(pass.type, "nwildlsearch");
	assert_true(pass.carets);
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	assert_true(ir_conf_parts(c, &c->auth[1], &user, &pass));
	at(c, &user, "me");
	assert_int_equal(pass.kind, IR_PART_FILE);
	assert_string_equal(pass.path, "/s");
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	assert_true(ir_conf_parts(c, &c->auth[2], &user, &pass));
	assert_int_equal(pass.kind, IR_PART_OTHER);
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	assert_false(ir_conf_parts(c, &c->auth[3], &user, &pass));
	ir_conf_free(c);
}

static void
test_branches(void **state)
{
	struct source s[] = { { "/c", "ON = 1\nP = first\n"
	    ".ifndef P\nP = second\n.endif\n"
	    ".ifdef OFF\nP = third\n.endif\n"
	    "begin authenticators\n"
	    "a:\n  driver = plaintext\n"
	    ".ifdef OFF\n  client_send = : u : \\\n     old\n"
	    ".else\n  client_send = : u : P\n.endif\n"
	    "  public_name = LOGIN\n"
	    ".ifdef _HAVE_SOMETHING\n"
	    "b:\n  client_send = : u : bb\n"
	    ".else\nc:\n  client_send = : u : cc\n.endif\n" },
	    { NULL, NULL } };
	struct ir_conf *c = conf_of(s, false);
	struct ir_conf_part user, pass;
	size_t i;

	(void)state;
	assert_int_equal(c->nauth, 4);
	for (i = 0; i < 4; i++) {
		assert_true(ir_conf_parts(c, &c->auth[i], &user, &pass));
		assert_string_equal(ir_buf_cstr(&pass.value),
		    i == 0 ? "first" : i == 1 ? "old" : i == 2 ? "bb" : "cc");
		assert_int_equal(c->auth[i].dead, i == 1);
		ir_conf_part_free(&user);
		ir_conf_part_free(&pass);
	}
	assert_string_equal(c->auth[1].mechanism, "LOGIN");
	ir_conf_free(c);
}

static void
test_cpanel(void **state)
{
	struct source s[] = { { "/c", "@CONFIG@\nPW = x\n@AUTH@\n"
	    "a:\n  driver = plaintext\n  public_name = LOGIN\n"
	    "  client_send = : u : PW\n@BEGINACL@\n"
	    "  client_send = : u : no\n@ROUTERSTART@\n" },
	    { NULL, NULL } };
	struct ir_conf *c = conf_of(s, true);
	struct ir_conf_part user, pass;

	(void)state;
	assert_int_equal(c->nauth, 1);
	assert_true(ir_conf_parts(c, &c->auth[0], &user, &pass));
	at(c, &pass, "x");
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	ir_conf_free(c);
}

/* One that is put together of two macros cannot be replaced. */
static void
test_apart(void **state)
{
	struct source s[] = { { "/c", "AA = x\nBB = y\n"
	    "begin authenticators\na:\n  public_name = LOGIN\n"
	    "  client_send = : u : AABB\n" }, { NULL, NULL } };
	struct ir_conf *c = conf_of(s, false);
	struct ir_conf_part user, pass;

	(void)state;
	assert_true(ir_conf_parts(c, &c->auth[0], &user, &pass));
	assert_string_equal(ir_buf_cstr(&pass.value), "xy");
	assert_true(pass.apart);
	ir_conf_part_free(&user);
	ir_conf_part_free(&pass);
	ir_conf_free(c);
}

static void
test_limits(void **state)
{
	struct source s[] = { { "/c", ".include /c\n.include /c\n"
	    "A = AA\nAB = A\nbegin authenticators\n" }, { NULL, NULL } };
	struct ir_conf *c = conf_of(s, false);

	(void)state;
	assert_true(c->cut);
	assert_int_equal(c->nfile, 1);
	ir_conf_free(c);
}

static void
test_items(void **state)
{
	struct ir_buf b = IR_BUF(100);
	static const char list[] = "<| |a||b | c ";

	(void)state;
	assert_true(ir_conf_item(list, sizeof list - 1, 0, &b));
	assert_int_equal(b.len, 0);
	assert_true(ir_conf_item(list, sizeof list - 1, 1, &b));
	assert_string_equal(ir_buf_cstr(&b), "a|b");
	ir_buf_trunc(&b, 0);
	assert_true(ir_conf_item(list, sizeof list - 1, 2, &b));
	assert_string_equal(ir_buf_cstr(&b), "c");
	assert_false(ir_conf_item(list, sizeof list - 1, 3, &b));
	ir_buf_free(&b);
}

/* --- files -------------------------------------------------------------- */

struct seen {
	char text[1000];
};

static int
see_entry(const struct ir_lsearch *e, void *arg)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof s->text - n, "%u %s=%s%s%s;", e->line,
	    e->key, e->value, e->joined ? " joined" : "",
	    e->colon ? "" : " bare");
	return 0;
}

static void
test_lsearch(void **state)
{
	static const char text[] = "# c\nuser: me\n\"a \\\"b\":x:y  \n"
	    "bare value\npass: one\n   two\n# no\n\nempty:\nlast:z";
	struct seen s = { "" };

	(void)state;
	ir_lsearch_each(text, sizeof text - 1, see_entry, &s);
	assert_string_equal(s.text, "2 user=me;3 a \"b=x:y;4 bare=value bare;"
	    "5 pass=one two joined;9 empty=;10 last=z;");
	assert_true(ir_lsearch_wild("*.a.example", "b.A.example"));
	assert_true(ir_lsearch_wild("*", "x"));
	assert_false(ir_lsearch_wild("a.example", "b.example"));
	assert_false(ir_lsearch_wild("^.*", "x"));
}

static int
see_foreign(const struct ir_foreign_found *f, void *arg)
{
	struct seen *s = arg;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof s->text - n, "%u %s/%.*s@%s%s%s;",
	    f->line, f->user, (int)f->pass_len, f->pass, f->host,
	    *f->why ? " " : "", f->why);
	return 0;
}

static void
foreign(enum ir_foreign kind, const char *text, const char *want)
{
	struct seen s = { "" };

	ir_foreign_each(kind, text, strlen(text), see_foreign, &s);
	assert_string_equal(s.text, want);
}

static void
test_foreign(void **state)
{
	(void)state;
	foreign(IR_FOREIGN_POSTFIX, "# x\n[h]:587  me:pa:ss\nbad\n",
	    "2 me/pa:ss@[h]:587;");
	foreign(IR_FOREIGN_MSMTP, "defaults\naccount a\nhost h\nuser u\n"
	    "password \"p w\"\naccount b\nhost g\nuser v\n"
	    "passwordeval cat x\n", "5 u/p w@h;9 v/@g a command gives the "
	    "password;");
	foreign(IR_FOREIGN_SSMTP, "root=me\nmailhub=h:587\nAuthUser=u\n"
	    "AuthPass=p=q\n", "4 u/p=q@h:587;");
	foreign(IR_FOREIGN_INI, "[mysql]\nmysql.default_password = no\n"
	    "[mail]\nsendmail_path = \"/usr/sbin/ssmtp -t -auu -app1\"\n"
	    "auth_username=v\nauth_password='x y'\n",
	    "4 u/p1@;6 v/x y@;");
	foreign(IR_FOREIGN_PHP, "<?php\n$mail->Host = 'h';\n"
	    "$mail->Username='u';\n$mail->Password = \"p\\\"q\";\n"
	    "// $mail->Password = 'old';\n"
	    "define('SMTP_USER', 'v'); define('SMTP_PASS', 'w');\n"
	    "$db->Password = $x;\n", "4 u/p\"q@h;6 v/w@;");
	foreign(IR_FOREIGN_ENV, "MAIL_HOST=h\nMAIL_USERNAME=u\n"
	    "MAIL_PASSWORD='p'\nDB_PASSWORD=no\n"
	    "MAILER_DSN=smtp://a:b%2Fc@x.example:587\n",
	    "3 u/p@h;5 a/b/c@x.example;");
	assert_int_equal(ir_foreign_kind("/a/.env.local"), IR_FOREIGN_ENV);
	assert_int_equal(ir_foreign_kind("/etc/postfix/sasl/passwd"),
	    IR_FOREIGN_POSTFIX);
	assert_int_equal(ir_foreign_kind("/etc/passwd"), IR_FOREIGN_NONE);
}

/* --- what Exim says ----------------------------------------------------- */

static void
view(struct ir_creds_view *v, const char *config)
{
	ir_creds_view_init(v);
	ir_buf_str(&v->config, config);
}

static int
compared(const char *a, const char *b)
{
	struct ir_creds_view x, y;
	struct ir_err err = IR_ERR_INIT;
	int rc;

	view(&x, a);
	view(&y, b);
	rc = ir_creds_view_same(&x, &y, &err);
	ir_creds_view_free(&x);
	ir_creds_view_free(&y);
	return rc;
}

static void
test_view(void **state)
{
	struct ir_buf b = IR_BUF(1000);
	const char *v;
	size_t n;

	(void)state;
	assert_int_equal(compared("a = 1\n  client_send = x\nM = 1\n",
	    "a = 1\n  client_send = y\nM = 2\n"), 0);
	assert_int_equal(compared("a = 1\n", "a = 2\n"), -1);
	assert_int_equal(compared("a = 1\n", "a = 1\nb = 2\n"), -1);
	assert_int_equal(compared("hide client_secret = 1\n",
	    "hide client_secret = 2\n"), 0);
	assert_int_equal(compared("server_secret = 1\n",
	    "server_secret = 2\n"), -1);
	ir_buf_str(&b, "\na authenticator:\nclient_send = : x : y\n\n"
	    "b authenticator:\nclient_send = \nclient_secret = z\n");
	assert_true(ir_creds_view_option(&b, "a", "client_send", &v, &n));
	assert_int_equal(n, 7);
	assert_memory_equal(v, ": x : y", 7);
	assert_false(ir_creds_view_option(&b, "b", "client_send", &v, &n));
	assert_true(ir_creds_view_option(&b, "b", "client_secret", &v, &n));
	assert_false(ir_creds_view_option(&b, "c", "client_send", &v, &n));
	ir_buf_free(&b);
}

static void
test_region(void **state)
{
	static const char text[] = "route = email-smtp.eu-west-1.amazonaws.com";
	char region[32];

	(void)state;
	ir_creds_region(text, sizeof text - 1, region);
	assert_string_equal(region, "eu-west-1");
	ir_creds_region("*.amazonaws.com", 15, region);
	assert_string_equal(region, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spell),
		cmocka_unit_test(test_spell_macro),
		cmocka_unit_test(test_spell_refused),
		cmocka_unit_test(test_unspell),
		cmocka_unit_test(test_ses),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_plain_macros_quotes),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_cpanel),
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_lsearch),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_view),
		cmocka_unit_test(test_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
