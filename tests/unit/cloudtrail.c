/* cloudtrail.c - cutting, choosing and reading CloudTrail's events */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "log/cloudtrail.h"
#include "log/trail_summary.h"

#define EVENT(more) "{\"eventTime\":\"2026-11-21T10:00:00Z\"," \
	"\"eventName\":\"CreateUser\",\"eventSource\":\"iam.amazonaws.com\"" \
	more "}"

struct cut {
	char text[4096];	/* each event, one a line */
	unsigned escapes;
	int stop;		/* fail at this one */
};

static int
take(const char *text, size_t n, bool escapes, void *arg, struct ir_err *err)
{
	struct cut *c = arg;

	assert_true(strlen(c->text) + n + 2 < sizeof c->text);
	strncat(c->text, text, n);
	strncat(c->text, "\n", 2);
	c->escapes += escapes;
	if (c->stop && --c->stop == 0)
		return ir_fail(err, IR_IOERR, "enough");
	return 0;
}

/* The same whole, and in pieces of every size. */
static void
cuts(const char *in, const char *want, int code)
{
	size_t size, at, n = strlen(in);

	for (size = 1; size <= n + 1; size++) {
		struct cut c = { .text = "" };
		struct ir_trail_scan s = { .fn = take, .arg = &c };
		struct ir_err err = IR_ERR_INIT;
		int rc = 0;

		for (at = 0; at < n && rc == 0; at += size) {
			/* a copy of its own, for the sanitizers */
			size_t k = n - at < size ? n - at : size;
			char *piece = malloc(k);

			assert_non_null(piece);
			memcpy(piece, in + at, k);
			rc = ir_trail_feed(&s, piece, k, &err);
			free(piece);
		}
		if (rc == 0)
			rc = ir_trail_end(&s, &err);
		assert_int_equal(err.code, code);
		assert_int_equal(rc, code ? -1 : 0);
		assert_string_equal(c.text, want);
		ir_trail_scan_free(&s);
	}
}

static void
cut_out(void **state)
{
	(void)state;
	cuts("", "", 0);
	cuts(" \n", "", 0);
	cuts("{\"Records\":[{\"a\":1},{\"b\":{\"c\":[{}]}}]}",
	    "{\"a\":1}\n{\"b\":{\"c\":[{}]}}\n", 0);
	cuts("{\"Records\": []}", "", 0);
	cuts("{\"x\":{\"Records\":[{}]},\"Records\":[{\"a\":\"]}\\\"{\"}],"
	    "\"y\":[{}]}\n", "{\"a\":\"]}\\\"{\"}\n", 0);
	cuts("{\"Events\":[{\"a\":1}],\"NextToken\":\"[{\"}", "{\"a\":1}\n",
	    0);
	cuts("[{\"a\":1}, 7, [{}], {\"b\":2}]", "{\"a\":1}\n{\"b\":2}\n", 0);
	cuts("{\"a\":1}\n{\"b\":[1,2]}\n", "{\"a\":1}\n{\"b\":[1,2]}\n", 0);
	/* a name that is escaped, longer, or of a value is none */
	cuts("{\"Record\\u0073\":[{\"a\":1}]}",
	    "{\"Record\\u0073\":[{\"a\":1}]}\n", 0);
	cuts("{\"k\":\"Records\",\"l\":[{}]}",
	    "{\"k\":\"Records\",\"l\":[{}]}\n", 0);
	cuts("{\"Recordsandmore\":[{}]}", "{\"Recordsandmore\":[{}]}\n", 0);
	/* two files in one stream */
	cuts("{\"Records\":[{}]}{\"Records\":[{}]}", "{}\n{}\n", 0);
}

static void
no_json(void **state)
{
	char deep[200];

	(void)state;
	cuts("hello", "", IR_DATAERR);
	cuts("\"a\"", "", IR_DATAERR);
	cuts("{\"a\":1}}", "{\"a\":1}\n", IR_DATAERR);
	cuts("{\"Records\":[{\"a\":1},{\"b\"", "{\"a\":1}\n", IR_DATAERR);
	cuts("{\"Records\":[{\"a\":1}]", "{\"a\":1}\n", IR_DATAERR);
	cuts("{\"a\":\"\\", "", IR_DATAERR);
	memset(deep, '[', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	cuts(deep, "", IR_DATAERR);
}

static void
escapes_are_told(void **state)
{
	static const char in[] = "[{\"a\":\"\\n\"},{\"a\":\"\\u0041\"},{}]";
	struct cut c = { .text = "" };
	struct ir_trail_scan s = { .fn = take, .arg = &c };

	(void)state;
	assert_int_equal(ir_trail_feed(&s, in, sizeof in - 1, NULL), 0);
	assert_int_equal(s.events, 3);
	assert_int_equal(c.escapes, 1);
	ir_trail_scan_free(&s);
}

static void
too_long(void **state)
{
	size_t n = IR_TRAIL_EVENT_MAX + 100, i;
	char *long_one = malloc(n);
	struct cut c = { .text = "" };
	struct ir_trail_scan s = { .fn = take, .arg = &c };

	(void)state;
	assert_non_null(long_one);
	memset(long_one, 'x', n);
	memcpy(long_one, "[{\"a\":\"", 7);
	assert_int_equal(ir_trail_feed(&s, long_one, n, NULL), 0);
	assert_int_equal(ir_trail_feed(&s, "\"},{}", 5, NULL), 0);
	assert_int_equal(s.too_long, 1);
	/* and in one piece */
	memcpy(long_one + n - 4, "\"},7", 4);
	assert_int_equal(ir_trail_feed(&s, ",", 1, NULL), 0);
	assert_int_equal(ir_trail_feed(&s, long_one + 1, n - 1, NULL), 0);
	assert_int_equal(s.too_long, 2);
	assert_string_equal(c.text, "{}\n");
	/* fn's no ends it */
	c.stop = 1;
	i = (size_t)ir_trail_feed(&s, ",{}", 3, NULL);
	assert_int_equal((int)i, -1);
	ir_trail_scan_free(&s);
	free(long_one);
}

static bool
fits(const struct ir_trail_query *q, const char *text)
{
	struct ir_trail_fields quick, f;
	struct ir_rec *ev = ir_trail_parse(text, strlen(text), NULL);
	bool yes;

	assert_non_null(ev);
	ir_trail_fields_of(ev, &f);
	yes = ir_trail_match(q, &f);
	if (yes)	/* the quick look never says no to what fits */
		assert_true(ir_trail_maybe(q, text, strlen(text),
		    strstr(text, "\\u") != NULL));
	if (ir_trail_fields_quick(text, strlen(text), &quick))
		assert_int_equal(ir_trail_match(q, &quick), yes);
	ir_rec_free(ev);
	return yes;
}

#define USER ",\"sourceIPAddress\":\"192.0.2.7\",\"userIdentity\":{" \
	"\"type\":\"IAMUser\",\"userName\":\"bob\",\"accessKeyId\":\"AKIA1\"}"
#define SESSION ",\"sourceIPAddress\":\"2001:db8::1\",\"userIdentity\":{" \
	"\"type\":\"AssumedRole\"," \
	"\"arn\":\"arn:aws:sts::1:assumed-role/r/i-1\"," \
	"\"accessKeyId\":\"ASIA1\",\"sessionContext\":{\"sessionIssuer\":{" \
	"\"type\":\"Role\",\"userName\":\"r\"}}}"
#define ROOT ",\"userIdentity\":{\"type\":\"Root\"}"

static void
chosen(void **state)
{
	const struct { struct ir_trail_query q; bool user, session, root; }
	    v[] = {
		{ { .keys = { { "AKIA1" }, 1 } }, true, false, false },
		{ { .keys = { { "AKIA1", "ASIA1" }, 2 } }, true, true,
		    false },
		{ { .users = { { "bob" }, 1 } }, true, false, false },
		{ { .users = { { "root" }, 1 } }, false, false, true },
		{ { .sessions = { { "i-1" }, 1 } }, false, true, false },
		{ { .names = { { "i-1", "bob" }, 2 } }, true, true, false },
		{ { .roles = { { "r" }, 1 } }, false, true, false },
		{ { .ips = { { "192.0.2.7" }, 1 } }, true, false, false },
		{ { .ips = { { "192.0.2.0/29" }, 1 } }, true, false, false },
		{ { .ips = { { "192.0.2.8/29" }, 1 } }, false, false, false },
		{ { .ips = { { "::ffff:192.0.2.7" }, 1 } }, true, false,
		    false },
		{ { .ips = { { "2001:db8::/32" }, 1 } }, false, true, false },
		{ { .ips = { { "2001:0db8:0::1" }, 1 } }, false, true,
		    false },
		{ { .ips = { { "0.0.0.0/0" }, 1 } }, true, false, false },
		{ { .events = { { "CreateUser" }, 1 } }, true, true, true },
		{ { .events = { { "createuser" }, 1 } }, false, false,
		    false },
		{ { .flagged = true }, true, true, true },
		{ { .keys = { { "AKIA1" }, 1 }, .users = { { "eve" }, 1 } },
		    false, false, false },
		{ { .since = 1795255200 }, true, true, true },
		{ { .since = 1795255201 }, false, false, false },
		{ { .until = 1795255200 }, false, false, false },
		{ { .until = 1795255201 }, true, true, true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++) {
		assert_int_equal(ir_trail_check(&v[i].q, NULL), 0);
		assert_int_equal(fits(&v[i].q, EVENT(USER)), v[i].user);
		assert_int_equal(fits(&v[i].q, EVENT(SESSION)),
		    v[i].session);
		assert_int_equal(fits(&v[i].q, EVENT(ROOT)), v[i].root);
	}
}

static void
spelled_otherwise(void **state)
{
	const struct ir_trail_query bob = { .users = { { "bob" }, 1 } };
	const struct ir_trail_query made = { .events = { { "CreateUser" },
		1 } };

	(void)state;
	assert_true(fits(&bob, EVENT(",\"userIdentity\":{\"userName\":"
	    "\"\\u0062ob\"}")));
	assert_true(fits(&made, "{\"eventTime\":\"2026-11-21T10:00:00Z\","
	    "\"eventName\" : \"\\u0043reateUser\"}"));
	/* a name within the request does not hide the event's own */
	assert_true(fits(&made, "{\"requestParameters\":{\"eventName\":\"x\"},"
	    "\"eventTime\":\"2026-11-21T10:00:00Z\","
	    "\"eventName\":\"CreateUser\"}"));
	assert_false(ir_trail_maybe(&made, "{\"eventName\":\"x\"}", 17,
	    false));
	assert_true(ir_trail_maybe(&made, "{\"eventName\":\"x\"}", 17, true));
	/* the last of two counts, here as there */
	assert_false(fits(&bob, EVENT(",\"userIdentity\":{\"userName\":\"bob\"}"
	    ",\"userIdentity\":{\"type\":\"x\"}")));
	assert_false(fits(&bob, EVENT(",\"userIdentity\":{\"userName\":\"bob\"}"
	    ",\"userIdentity\":7")));
}

static void
refused(void **state)
{
	const struct ir_trail_query v[] = {
		{ .ips = { { "192.0.2" }, 1 } },
		{ .ips = { { "192.0.2.1/33" }, 1 } },
		{ .ips = { { "192.0.2.1/" }, 1 } },
		{ .ips = { { "ses.amazonaws.com/8" }, 1 } },
		{ .keys = { { "akia" }, 1 } },
		{ .events = { { "Create User" }, 1 } },
		{ .since = 2, .until = 2 },
	};
	struct ir_err err = IR_ERR_INIT;
	const struct ir_trail_query host = { .ips = { {
		"ses.amazonaws.com", "AWS Internal" }, 2 } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof *v; i++) {
		assert_int_equal(ir_trail_check(&v[i], &err), -1);
		assert_int_equal(err.code, IR_USAGE);
	}
	assert_int_equal(ir_trail_check(&host, NULL), 0);
}

static void
parsed(void **state)
{
	static const char wrapped[] = "{\"EventId\":\"1\",\"CloudTrailEvent\":"
	    "\"{\\\"eventTime\\\":\\\"2026-11-21T10:00:00Z\\\","
	    "\\\"eventName\\\":\\\"X\\\"}\"}";
	struct ir_trail_fields f;
	struct ir_err err = IR_ERR_INIT;
	struct ir_rec *ev;

	(void)state;
	ev = ir_trail_parse(wrapped, strlen(wrapped), &err);
	assert_non_null(ev);
	assert_string_equal(ir_rec_get(ev, "eventName"), "X");
	ir_rec_free(ev);
	assert_false(ir_trail_fields_quick(wrapped, strlen(wrapped), &f));
	assert_null(ir_trail_parse("{\"a\":1}", 7, &err));
	assert_int_equal(err.code, IR_NO);
	assert_null(ir_trail_parse("{\"a\":}", 6, &err));
	assert_int_equal(err.code, IR_DATAERR);
}

static void
recorded(void **state)
{
	static const char text[] = EVENT(USER ",\"errorCode\":\"AccessDenied\","
	    "\"eventID\":\"e-1\",\"requestParameters\":{\"userName\":\"eve\","
	    "\"password\":\"hunter2\"},\"responseElements\":{\"accessKey\":{"
	    "\"accessKeyId\":\"AKIA2\"}}");
	struct ir_rec *ev = ir_trail_parse(text, strlen(text), NULL), *r;

	(void)state;
	assert_non_null(ev);
	r = ir_trail_record(ev);
	assert_string_equal(ir_rec_get(r, "id"), "e-1");
	assert_string_equal(ir_rec_get(r, "key"), "AKIA1");
	assert_string_equal(ir_rec_get(r, "target"), "eve");
	assert_string_equal(ir_rec_get(r, "made_key"), "AKIA2");
	assert_string_equal(ir_rec_get(r, "flag"), "persistence");
	assert_non_null(strstr(ir_rec_get(r, "why"), "failed: AccessDenied"));
	assert_string_equal(ir_rec_get(r, "request.password"), "***");
	ir_rec_free(r);
	ir_rec_free(ev);
}

static void
put(struct ir_rec *r, void *arg)
{
	struct ir_rec *all = arg;

	ir_rec_push(all, r);
}

static void
summed_up(void **state)
{
	struct ir_trail_summary *s = ir_trail_summary_new(NULL);
	struct ir_trail_fields f = { .event = "CreateUser", .ip = "192.0.2.1",
		.source = "iam.amazonaws.com", .when = 100 };
	struct ir_rec *all = ir_rec_array();
	char ip[32];
	int i;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < 500; i++) {
		snprintf(ip, sizeof ip, "192.0.2.%d", i % 250);
		f.ip = i < 450 ? ip : "192.0.2.7";
		f.when = 1000 - i;
		f.error = i % 2 ? "AccessDenied" : NULL;
		assert_int_equal(ir_trail_summary_add(s, &f, NULL), 0);
	}
	ir_trail_summary_report(s, put, all);
	assert_int_equal(ir_rec_len(all), 1 + 250 + 1 + 1);
	assert_int_equal(ir_rec_get_int(ir_rec_item(all, 0), "events", 0),
	    500);
	assert_int_equal(ir_rec_get_int(ir_rec_item(all, 0), "errors", 0),
	    250);
	assert_int_equal(ir_rec_get_int(ir_rec_item(all, 0), "flagged", 0),
	    500);
	assert_string_equal(ir_rec_get(ir_rec_item(all, 0), "first"),
	    "1970-01-01T00:08:21Z");
	assert_string_equal(ir_rec_get(ir_rec_item(all, 1), "id"),
	    "ip:192.0.2.7");
	assert_int_equal(ir_rec_get_int(ir_rec_item(all, 1), "events", 0),
	    52);
	ir_trail_summary_free(s);
	ir_rec_free(all);
}

static void
table_is_sorted(void **state)
{
	const struct ir_trail_call *c = ir_trail_calls();

	(void)state;
	for (; c->event; c++) {
		assert_ptr_equal(ir_trail_call_find(c->event, c->source), c);
		assert_ptr_equal(ir_trail_call_find(c->event, NULL), c);
		assert_null(ir_trail_call_find(c->event, "other"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_out),
		cmocka_unit_test(no_json),
		cmocka_unit_test(escapes_are_told),
		cmocka_unit_test(too_long),
		cmocka_unit_test(chosen),
		cmocka_unit_test(spelled_otherwise),
		cmocka_unit_test(refused),
		cmocka_unit_test(parsed),
		cmocka_unit_test(recorded),
		cmocka_unit_test(summed_up),
		cmocka_unit_test(table_is_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
