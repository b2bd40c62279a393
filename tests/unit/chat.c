/* chat.c - messages for chats: hostile text, limits, what each one takes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "net/chat.h"

static const enum ir_chat_kind all[] = { IR_CHAT_SLACK, IR_CHAT_TEAMS,
	IR_CHAT_CHATWORK, IR_CHAT_GCHAT, IR_CHAT_DISCORD,
	IR_CHAT_PAGERDUTY, IR_CHAT_JSON };

#define NKINDS (sizeof all / sizeof *all)

static void
defanged(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{ "plain text, 192.0.2.1 and 10.5 %",
		    "plain text, 192.0.2.1 and 10.5 %" },
		{ "HTTPS://Evil.example/a?b", "hxxps://Evil[.]example/a?b" },
		{ "xhttp://a.b", "xhxxp://a[.]b" },
		{ "slack://x ftp://y", "slack[:]//x ftp[:]//y" },
		{ "mail bob@evil.example", "mail bob@evil[.]example" },
		{ "192.0.2.1.evil.example", "192.0.2.1[.]evil[.]example" },
		{ "@everyone @HERE @channel", "@ everyone @ HERE @ channel" },
		{ "AKIAIOSFODNN7EXAMPLE", "AKIA\xe2\x80\xa6MPLE" },
		{ "xASIAIOSFODNN7EXAMPL2,", "xASIA\xe2\x80\xa6MPL2," },
		{ "AKIA is short", "AKIA is short" },
		{ "two\nlines\x1b[31m", "two lines\xef\xbf\xbd[31m" },
		{ "\xe2\x80\xae" "txt\xff", "\xef\xbf\xbdtxt\xef\xbf\xbd" },
		{ "\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9",
		    "\xe4\xbe\x8b\xe3\x81\x88[.]\xe3\x83\x86\xe3\x82\xb9" },
		{ "", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof t / sizeof *t; i++) {
		struct ir_buf b = IR_BUF(1024);

		ir_chat_defang(&b, t[i].in, strlen(t[i].in));
		assert_string_equal(ir_buf_cstr(&b), t[i].out);
		ir_buf_free(&b);
	}
}

static struct ir_chat *
message(const char *const *json, size_t n)
{
	struct ir_chat *m = calloc(1, sizeof *m);
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r;
	size_t i;
	int64_t now;

	assert_non_null(m);
	assert_int_equal(ir_time_parse("2026-11-21T18:00:00Z", &now), 0);
	for (i = 0; i < n; i++) {
		r = ir_rec_parse(json[i], strlen(json[i]), &err);
		assert_non_null(r);
		ir_chat_add(m, r, now);
		ir_rec_free(r);
	}
	return m;
}

/* Reading it back makes spaces of its newlines. */
static struct ir_rec *
rendered(const struct ir_chat *m, enum ir_chat_kind kind)
{
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *r;

	if (ir_chat_render(m, kind, &b, &err))
		fail_msg("%s", err.msg);
	r = ir_rec_parse(b.data, b.len, &err);
	assert_non_null(r);
	ir_buf_free(&b);
	return r;
}

static void
said(const char *json, const char *title, const char *text)
{
	struct ir_chat *m = message(&json, 1);
	struct ir_rec *r = rendered(m, IR_CHAT_JSON);

	assert_string_equal(ir_rec_get(r, "title"), title);
	assert_string_equal(ir_rec_get(r, "text"), text);
	ir_rec_free(r);
	free(m);
}

static void
one_record(void **state)
{
	(void)state;
	said("{\"type\":\"aws-key\",\"id\":\"AKIAIOSFODNN7EXAMPLE\","
	    "\"status\":\"Active\",\"ok\":false,\"why\":\"denied\","
	    "\"account\":\"111122223333\",\"n\":3}",
	    "AWS access key: AKIA\xe2\x80\xa6MPLE: Active: failed",
	    "account: 111122223333 why: denied");
	said("{\"type\":\"ses-account\",\"id\":\"us-east-1\","
	    "\"sending\":false,\"changed\":false,\"dry_run\":true}",
	    "SES sending: us-east-1: off: was so already (dry run)",
	    "nothing more to say");
	said("{\"type\":\"report\",\"id\":\"x\",\"case\":\"77-1\","
	    "\"due\":\"2026-11-22T18:30:00Z\",\"stage\":\"new\","
	    "\"resources\":[{\"id\":\"i-1\"},{\"id\":\"i-2\"}]}",
	    "Abuse report: case 77-1", "stage: new due: 2026-11-22T18:30:00Z "
	    "(24 h 30 min left) resources: i-1, i-2");
	/* of a type that nobody knows, everything */
	said("{\"type\":\"new.thing\",\"id\":5,\"a_b\":true,\"n\":3,"
	    "\"due\":\"2026-11-21T17:30:00Z\",\"deep\":{\"a\":1}}",
	    "new[.]thing: 5", "a b: yes n: 3 due: 2026-11-21T17:30:00Z "
	    "(30 min overdue)");
}

static void
many_records(void **state)
{
	static const char *const rec[] = {
		"{\"type\":\"listing\",\"id\":\"192.0.2.1\",\"zone\":\"bl\","
		"\"verdict\":\"listed\"}",
		"{\"type\":\"listing\",\"id\":\"192.0.2.1\",\"zone\":\"b2\","
		"\"verdict\":\"clean\"}",
		"{\"type\":\"listing\",\"id\":\"192.0.2.2\",\"zone\":\"bl\","
		"\"verdict\":\"unknown\",\"why\":\"timeout\"}",
	};
	static const char *const mixed[] = { "{\"id\":\"x\"}",
		"{\"type\":\"ack\",\"id\":\"y\",\"ok\":false}" };
	struct ir_chat *m = message(rec, 3);
	struct ir_rec *r = rendered(m, IR_CHAT_JSON);

	(void)state;
	assert_string_equal(ir_rec_get(r, "title"),
	    "Blocklist: 1 listed, 1 unknown, 1 others");
	assert_string_equal(ir_rec_get(r, "text"),
	    "Blocklist: 192.0.2.1 listed, bl "
	    "Blocklist: 192.0.2.2 unknown, bl: timeout");
	ir_rec_free(r);
	free(m);
	m = message(mixed, 2);
	r = rendered(m, IR_CHAT_JSON);
	assert_string_equal(ir_rec_get(r, "title"),
	    "quell: 2 records, 1 failed");
	assert_string_equal(ir_rec_get(r, "text"),
	    "Record: x Acknowledgement: y: failed");
	ir_rec_free(r);
	free(m);
}

static void
escapes(void **state)
{
	static const char *const rec[] = { "{\"type\":\"note\",\"id\":\"n\","
	    "\"text\":\"<!channel> & [toall] *b* <@U1> `x`\"}" };
	struct ir_chat *m = message(rec, 1);
	struct ir_rec *r = rendered(m, IR_CHAT_SLACK);
	struct ir_buf b = IR_BUF(IR_CHAT_MAX);
	struct ir_err err = IR_ERR_INIT;

	(void)state;
	assert_string_equal(ir_rec_get(r, "blocks.1.text.text"),
	    "text: &lt;!channel&gt; &amp; [toall] *b* &lt;@U1&gt; `x`");
	assert_string_equal(ir_rec_get(r, "blocks.1.text.type"),
	    "plain_text");
	ir_rec_free(r);
	r = rendered(m, IR_CHAT_DISCORD);
	assert_non_null(strstr(ir_rec_get(r, "content"),
	    "\\<!channel\\> & \\[toall\\] \\*b\\* \\<@U1\\> \\`x\\`"));
	assert_int_equal(ir_rec_len(ir_rec_at(r, "allowed_mentions.parse")),
	    0);
	ir_rec_free(r);
	r = rendered(m, IR_CHAT_GCHAT);
	assert_null(strpbrk(ir_rec_get(r, "text") + 10, "<>`"));
	ir_rec_free(r);
	assert_int_equal(ir_chat_render(m, IR_CHAT_CHATWORK, &b, &err), 0);
	assert_null(strstr(b.data, "%5Btoall"));
	assert_non_null(strstr(b.data, "%EF%BC%BBtoall%EF%BC%BD"));
	assert_memory_equal(b.data, "body=%5Binfo%5D%5Btitle%5D", 26);
	ir_buf_free(&b);
	free(m);
}

/* Whatever comes in, every service's limit holds and no character is cut. */
static void
limits(void **state)
{
	struct ir_chat *m = calloc(1, sizeof *m);
	struct ir_rec *r = ir_rec_new("x", "x"), *out;
	char key[16], value[1501];
	size_t i;
	int k;

	(void)state;
	for (i = 0; i + 3 <= 1500; i += 3)
		memcpy(value + i, "\xe3\x81\x82", 4);
	for (k = 0; k < 60; k++) {
		snprintf(key, sizeof key, "k%d", k);
		ir_rec_str(r, key, k % 2 ? value : "<<<<[[[[\"\"\"\"\\\\\\\\"
		    "<<<<[[[[\"\"\"\"\\\\\\\\<<<<[[[[\"\"\"\"\\\\\\\\");
	}
	ir_chat_add(m, r, 0);
	for (i = 0; i < NKINDS; i++) {
		struct ir_buf b = IR_BUF(IR_CHAT_MAX);
		struct ir_err err = IR_ERR_INIT;

		assert_int_equal(ir_chat_render(m, all[i], &b, &err), 0);
		assert_true(b.len <= 28000);
		for (size_t at = 0, n; at < b.len; at += n) {
			n = ir_utf8_len(b.data + at, b.len - at, NULL);
			assert_true(n > 0);
		}
		ir_buf_free(&b);
	}
	out = rendered(m, IR_CHAT_SLACK);
	assert_true(strlen(ir_rec_get(out, "blocks.1.text.text")) <= 3000);
	assert_non_null(strstr(ir_rec_get(out, "blocks.1.text.text"),
	    "bytes more)"));
	ir_rec_free(out);
	out = rendered(m, IR_CHAT_DISCORD);
	assert_true(strlen(ir_rec_get(out, "content")) <= 2000);
	ir_rec_free(out);
	ir_rec_free(r);
	free(m);
}

static void
more_than_fit(void **state)
{
	const char *rec[100];
	struct ir_chat *m;
	struct ir_rec *r;
	size_t i;

	(void)state;
	for (i = 0; i < 100; i++)
		rec[i] = "{\"type\":\"queue-msg\",\"id\":\"1\"}";
	m = message(rec, 100);
	r = rendered(m, IR_CHAT_TEAMS);
	assert_string_equal(ir_rec_get(r, "attachments.0.content.body.0."
	    "inlines.0.text"), "Queued message: 100 records");
	assert_string_equal(ir_rec_get(r, "attachments.0.content.body.31."
	    "inlines.0.text"), "\xe2\x80\xa6 and 70 more");
	ir_rec_free(r);
	free(m);
}

static void
waiting(void **state)
{
	(void)state;
	assert_int_equal(ir_chat_retry_after("{\"retry_after\":0.5}", 19),
	    501);
	assert_int_equal(ir_chat_retry_after("slow down", 9), 0);
	assert_int_equal(ir_chat_retry_after("{\"retry_after\":-1}", 18), 0);
	assert_int_equal(ir_chat_retry_after("", 0), 0);
}

static void
words(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NKINDS; i++) {
		const char *w = ir_chat_kind_word(all[i]);

		assert_int_equal(ir_chat_kind(w, strlen(w)), (int)all[i]);
	}
	assert_int_equal(ir_chat_kind("slac", 4), -1);
	assert_int_equal(ir_chat_kind("", 0), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defanged),
		cmocka_unit_test(one_record),
		cmocka_unit_test(many_records),
		cmocka_unit_test(escapes),
		cmocka_unit_test(limits),
		cmocka_unit_test(more_than_fit),
		cmocka_unit_test(waiting),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
