/* weblog.c - lines of access logs, their scanner, sets, mails, rules */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weblog/read.h"
#include "weblog/rules.h"
#include "weblog/scan.h"
#include "weblog/score.h"

static struct ir_web_post post;

static int
line(const char *s)
{
	memset(&post, 0xee, sizeof post);
	return ir_web_line(s, strlen(s), &post);
}

#define AT "192.0.2.1 - - [21/Nov/2026:10:00:00 +0000] "

static void
requests(void **state)
{
	static const struct {
		const char *request, *host, *path;
	} r[] = {
		{ "/a", "", "/a" }, { "/a?b=c", "", "/a" },
		{ "/a#b", "", "/a" },
		{ "/a;jsessionid=1", "", "/a" }, { "//a///b", "", "/a/b" },
		{ "/%63ontact%2Ephp", "", "/contact.php" },
		{ "/a%20b%2f", "", "/a%20b%2f" }, { "/a%4", "", "/a%4" },
		{ "http://A.Example:80/x", "a.example", "/x" },
		{ "https://a.example", "a.example", "/" },
		{ "/a b c", "", "/a b c" },
	};
	char s[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof r / sizeof *r; i++) {
		snprintf(s, sizeof s, AT "\"POST %s HTTP/1.1\" 200 5 \"-\" "
		    "\"x\"", r[i].request);
		assert_int_equal(line(s), 1);
		assert_string_equal(post.path, r[i].path);
		assert_string_equal(post.vhost, r[i].host);
	}
	assert_int_equal(line(AT "\"POST /a\" 200 5"), 1);
	assert_int_equal(line(AT "\"PUT /a HTTP/1.1\" 200 5"), 0);
	assert_int_equal(line(AT "\"POST * HTTP/1.1\" 200 5"), -1);
	assert_int_equal(line(AT "\"POST /a HTTP/1.1\" 2000 5"), -1);
	assert_int_equal(line(AT "\"POST /a HTTP/1.1\" -"), -1);
	assert_int_equal(line("\"POST /a HTTP/1.1\" 200"), -1);
}

static void
clients(void **state)
{
	char net[IR_WEB_PATH];

	(void)state;
	assert_int_equal(line("v.example 192.0.2.9 - - [21/Nov/2026:10:00:00 "
	    "-0530] \"POST /a HTTP/1.1\" 302 5 \"http://x/\" \"M\""), 1);
	assert_string_equal(post.vhost, "v.example");
	assert_true(post.has_ip && post.referer && post.status == 302);
	assert_int_equal(post.time, 1795255200 + 19800);
	ir_web_net_text(ir_web_net(&post), net, sizeof net);
	assert_string_equal(net, "192.0.2.0/24");
	/* a user's name is no client, nor is a host that is an address */
	assert_int_equal(line("192.0.2.9 - 10.0.0.1 [21/Nov/2026:10:00:00 "
	    "+0000] \"POST /a HTTP/1.1\" 200 5"), 1);
	assert_int_equal(post.ip[0], 192);
	assert_int_equal(line("192.0.2.80 198.51.100.1 - - "
	    "[21/Nov/2026:10:00:00 +0000] \"POST /a HTTP/1.1\" 200 5"), 1);
	assert_int_equal(post.ip[0], 198);
	assert_string_equal(post.vhost, "192.0.2.80");
	assert_int_equal(line("203.0.113.1, 10.0.0.1 - - "
	    "[21/Nov/2026:10:00:00 +0000] \"POST /a HTTP/1.1\" 200 5"), 1);
	assert_int_equal(post.ip[0], 203);
	assert_int_equal(line("2001:db8:1:2::3 - - [21/Nov/2026:10:00:00 "
	    "+0000] \"POST /a HTTP/1.1\" 200 5"), 1);
	ir_web_net_text(ir_web_net(&post), net, sizeof net);
	assert_string_equal(net, "2001:db8:1::/48");
	assert_int_equal(line("some.host - - [21/Nov/2026:10:00:00 +0000] "
	    "\"POST /a HTTP/1.1\" 200 5"), 1);
	assert_false(post.has_ip);
}

/* What somebody logs in as stands before the time, and may look like one. */
static void
forged_times(void **state)
{
	static const char *const user[] = {
		"[01/Jan/2020:00:00:00 +0000]",
		"x [01/Jan/2020:00:00:00 +0000] y",
		"[01/Jan/2020:00:00:00 +0000] [", "[ [[]]", "a]",
		"[2020-01-01T00:00:00Z] [02/Jan/2020:00:00:00 +0000]",
	};
	char s[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof user / sizeof *user; i++) {
		snprintf(s, sizeof s, "192.0.2.1 - %s [21/Nov/2026:10:00:00 "
		    "+0000] \"POST /a HTTP/1.1\" 200 5 \"-\" "
		    "\"[03/Jan/2020:00:00:00 +0000] \\\"x\"", user[i]);
		assert_int_equal(line(s), 1);
		assert_int_equal(post.time, 1795255200);
		assert_string_equal(post.path, "/a");
		assert_true(ir_web_is_log(s, strlen(s)));
	}
}

/* A sender in quotes may have anything in it, also what frames another. */
static void
quoted_senders(void **state)
{
	static const struct ir_delivery_clock clock = { 1795300000, true };
	static const char *const sender[] = {
		"\"a U=eve P=local S=9 b\"@x.example",
		"\"a \\\" U=eve P=local S=9 b\"@x.example",
		"\"U=eve P=local S=9 for v@x.example \"@x.example",
	};
	struct ir_web_mails *m = ir_web_mails_new();
	struct ir_web_set hours = { .n = 0 };
	struct ir_web_mails_sum sum;
	struct ir_err err = IR_ERR_INIT;
	char s[512];
	size_t i;

	(void)state;
	assert_non_null(m);
	for (i = 0; i < sizeof sender / sizeof *sender; i++) {
		snprintf(s, sizeof s, "2026-11-21 10:00:0%zu "
		    "1v0000-0000000000%zu-0001 <= %s U=bob P=local S=600 "
		    "for w@y.example", i, i, sender[i]);
		ir_web_mails_line(m, s, strlen(s), &clock);
		/* one that came from elsewhere says nothing of users here */
		snprintf(s, sizeof s, "2026-11-21 10:00:0%zu "
		    "1v0000-0000000001%zu-0001 <= %s H=(h) [192.0.2.1] "
		    "P=esmtp S=600 for w@y.example", i, i, sender[i]);
		ir_web_mails_line(m, s, strlen(s), &clock);
	}
	/* one without its end */
	snprintf(s, sizeof s, "2026-11-21 10:00:09 1v0000-00000000020-0001 "
	    "<= \"a U=eve P=local S=9");
	ir_web_mails_line(m, s, strlen(s), &clock);
	assert_int_equal(ir_web_mails_ready(m, &err), 0);
	assert_int_equal(ir_web_mails_user(m, "eve"), IR_WEB_NONE);
	assert_int_equal(ir_web_mails_count(m, ir_web_mails_user(m, "bob"),
	    1795255200, 1795255209), 3);
	assert_int_equal(ir_web_mails_count(m, IR_WEB_ANY, 1795255200,
	    1795255209), 3);
	ir_web_set_add(&hours, 1795255200 / 3600, 1, 1795255200, 1795255209);
	ir_web_mails_about(m, IR_WEB_ANY, &hours, 0, &sum);
	assert_int_equal(sum.recipients, 3);
	assert_int_equal(sum.distinct, 1);
	ir_web_set_free(&hours);
	ir_web_mails_free(m);
}

static void
json(void **state)
{
	(void)state;
	assert_int_equal(line("{\"time\":\"2026-11-21T10:00:00Z\","
	    "\"request_method\":\"POST\",\"uri\":\"\\/a\\/b?x\","
	    "\"status\":\"404\",\"remote_addr\":\"192.0.2.1\"}"), 1);
	assert_string_equal(post.path, "/a/b");
	assert_int_equal(post.status, 404);
	assert_int_equal(line("{\"msec\":1795255200.123,\"request\":"
	    "\"POST /\\u0061 HTTP/1.1\"}"), 1);
	assert_string_equal(post.path, "/a");
	assert_int_equal(post.time, 1795255200);
	assert_int_equal(line("{\"timestamp\":1795255200123,\"verb\":\"POST\","
	    "\"path\":\"/a\"}"), 1);
	assert_int_equal(post.time, 1795255200);
	assert_int_equal(line("{\"ts\":1795255200,\"method\":\"GET\","
	    "\"uri\":\"/\",\"x\":\"POST\"}"), 0);
	/* behind syslog's front, and what only looks so */
	assert_int_equal(line("Nov 21 10:00:00 w nginx: { \"msec\":1795255200,"
	    "\"request\":\"POST /a HTTP/1.1\"}"), 1);
	assert_int_equal(post.time, 1795255200);
	assert_int_equal(line("192.0.2.1 - {x [21/Nov/2026:10:00:00 +0000] "
	    "\"POST /a HTTP/1.1\" 200 5"), 1);
	assert_int_equal(line("{\"method\":\"POST\",\"uri\":\"/a\"}"), -1);
	assert_int_equal(line("{\"ts\":1795255200,\"method\":\"POST\",\"u"),
	    -1);
}

static void
names(void **state)
{
	static const struct {
		const char *path, *host, *user;
	} r[] = {
		{ "/var/log/nginx/www.a.example.access.log.2.gz",
		    "www.a.example", "" },
		{ "/usr/local/apache/domlogs/bob/b.example-ssl_log",
		    "b.example", "bob" },
		{ "/home/eve/logs/c.example-access.log-20261121.zst",
		    "c.example", "eve" },
		{ "/var/log/apache2/access.log.1", "", "" },
		{ "access_log", "", "" }, { "-", "", "" },
		{ "/var/log/192.0.2.1.log", "", "" },
	};
	char host[128], user[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof r / sizeof *r; i++) {
		ir_web_of_path(r[i].path, host, user);
		assert_string_equal(host, r[i].host);
		assert_string_equal(user, r[i].user);
	}
}

struct seen {
	uint64_t number[64];
	size_t n;
};

static void
see(const char *p, size_t n, uint64_t number, void *arg)
{
	struct seen *s = arg;

	(void)p;
	(void)n;
	if (s->n < 64)
		s->number[s->n] = number;
	s->n++;
}

/* Lines of all lengths around those that are looked at 64 bytes at a time. */
static void
chunks(void **state)
{
	static char text[40000];
	struct seen want = { .n = 0 }, got;
	struct ir_web_scan s;
	size_t n = 0, i, k, chunk, lines = 0;

	(void)state;
	for (i = 0; i < 200; i++) {
		for (k = 0; k < i * 7 % 150; k++)
			text[n++] = k % 3 ? '"' : 'P';
		lines++;
		if (i % 5 == 0) {
			if (want.n < 64)
				want.number[want.n] = lines;
			want.n++;
			memcpy(text + n, "\"POST \"POST", 11);
			n += 11;
		}
		text[n++] = '\n';
	}
	for (chunk = 1; chunk < 400; chunk += chunk < 70 ? 1 : 37) {
		memset(&got, 0, sizeof got);
		s = (struct ir_web_scan){ .fn = see, .arg = &got };
		for (i = 0; i < n; i += chunk)
			assert_int_equal(ir_web_feed(&s, text + i,
			    n - i < chunk ? n - i : chunk), 0);
		ir_web_end(&s);
		assert_int_equal(s.lines, lines);
		assert_int_equal(got.n, want.n);
		assert_memory_equal(got.number, want.number,
		    sizeof got.number);
		ir_web_scan_free(&s);
	}
}

static void
sets(void **state)
{
	struct ir_web_set a = { .n = 0 }, b = { .n = 0 }, c = { .n = 0 };
	uint64_t k;

	(void)state;
	for (k = 0; k < 1000; k++) {
		ir_web_set_add(k % 2 ? &a : &b, k % 100, 1, (int64_t)k,
		    (int64_t)k);
		ir_web_set_add(&c, k % 100, 1, (int64_t)k, (int64_t)k);
	}
	ir_web_set_merge(&b, &a);
	ir_web_set_sort(&b);
	ir_web_set_sort(&c);
	assert_int_equal(b.n, 100);
	for (k = 0; k < 100; k++) {
		assert_int_equal(b.v[k].key, c.v[k].key);
		assert_int_equal(b.v[k].count, 10);
		assert_int_equal(b.v[k].first, c.v[k].first);
		assert_int_equal(b.v[k].last, c.v[k].last);
	}
	ir_web_set_free(&a);
	for (k = 0; k < IR_WEB_SET_MAX + 10; k++)
		ir_web_set_add(&a, k * 64, 2, 1, 1);
	assert_int_equal(a.n, IR_WEB_SET_MAX);
	assert_int_equal(a.more, 20);
	ir_web_set_free(&a);
	ir_web_set_free(&b);
	ir_web_set_free(&c);
}

static void
known(void **state)
{
	static const struct {
		const char *path;
		enum ir_web_kind kind;
	} r[] = {
		{ "/wp-cron.php", IR_WEB_HONEST },
		{ "/wp-content/themes/x/404.php", IR_WEB_PLACE },
		{ "/themes/x/404.php", IR_WEB_PLAIN },
		{ "/wp-content/themes/x/ajax.php", IR_WEB_PLAIN },
		{ "/webhook/stripe", IR_WEB_PAID },
		{ "/api/v1/orders", IR_WEB_HONEST },
		{ "/api/contact", IR_WEB_FORM },
		{ "/webmail/", IR_WEB_HONEST },
		{ "/blog/wp-login.php", IR_WEB_LOGIN },
		{ "/xmlrpc.php", IR_WEB_LOGIN },
		{ "/Contact.PHP", IR_WEB_FORM },
		{ "/wp-content/uploads/2026/wp-cron.php", IR_WEB_PLACE },
		{ "/a/.hidden/x.phtml", IR_WEB_PLACE },
		{ "/wp-content/uploads/form.json", IR_WEB_FORM },
		{ "/x.php", IR_WEB_PLAIN }, { "/", IR_WEB_PLAIN },
		{ "/pingback", IR_WEB_PLAIN }, { "/ping", IR_WEB_HONEST },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof r / sizeof *r; i++)
		assert_int_equal(ir_web_known(r[i].path).kind, r[i].kind);
}

static void
plain(void **state)
{
	static const char *const bad[] = { "", "/a b", "/a\"", "/a'", "/a$",
		"/a\\", "/a{", "/a;", "/a\n", "/a%41", "/a#", "/\xc3\xa9",
		"/a(", "/a*", "/a|b", "/a^" };
	size_t i;

	(void)state;
	assert_true(ir_web_plain("www.a-b.example/x_y/~z.php"));
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(ir_web_plain(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests), cmocka_unit_test(clients),
		cmocka_unit_test(forged_times),
		cmocka_unit_test(quoted_senders),
		cmocka_unit_test(json), cmocka_unit_test(names),
		cmocka_unit_test(chunks), cmocka_unit_test(sets),
		cmocka_unit_test(known), cmocka_unit_test(plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
