/* volume.c, chart.c, doc.c: counts of evidence, and hostile text in a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/record.h"
#include "core/text.h"
#include "incident/chart.h"
#include "incident/doc.h"
#include "incident/markup.h"
#include "incident/volume.h"

static void
line(struct ir_volumes *vs, const char *s, long zone)
{
	ir_volume_log(vs, s, strlen(s), zone);
}

static int64_t
slot_of(const char *time)
{
	int64_t t;

	assert_int_equal(ir_time_parse(time, &t), 0);
	return t / IR_VOLUME_STEP;
}

static void
main_log(void **state)
{
	struct ir_volumes vs = { 0 };

	(void)state;
	line(&vs, "2026-11-22 09:00:00 Start queue run: pid=1", 32400);
	line(&vs, "2026-11-22 09:01:00 1xUnrx-0003Nz-1E <= a@b U=x", 32400);
	line(&vs, "2026-11-22 09:14:59.123 1xUnrx-0003Nz-1E => c@d R=r",
	    32400);
	line(&vs, "2026-11-22 09:15:00 [42] 1xUnrx-0003Nz-1E -> e@f", 32400);
	/* the long ids of 4.97; a zone of its own; what is none of these */
	line(&vs, "2026-11-22 00:16:00 +0000 1xUnrx-00000003Nz0-1E2a => g@h",
	    32400);
	line(&vs, "2026-11-22 09:17:00 1xUnrx-0003Nz-1E == i@j defer",
	    32400);
	line(&vs, "2026-11-22 09:45:00 1xUnrx-0003Nz-1E Completed", 32400);
	assert_int_equal(vs.n, 2);
	assert_true(ir_volume_at(&vs.v[0],
	    slot_of("2026-11-22T00:00:00Z")) == 1);
	assert_true(ir_volume_at(&vs.v[1],
	    slot_of("2026-11-22T00:00:00Z")) == 1);
	assert_true(ir_volume_at(&vs.v[1],
	    slot_of("2026-11-22T00:15:00Z")) == 2);
	/* covered and quiet is 0, outside of the log is not known */
	assert_true(ir_volume_at(&vs.v[1],
	    slot_of("2026-11-22T00:30:00Z")) == 0);
	assert_true(ir_volume_at(&vs.v[1],
	    slot_of("2026-11-22T01:00:00Z")) == -1);
	assert_true(ir_volume_at(&vs.v[1],
	    slot_of("2026-11-21T23:45:00Z")) == -1);
	ir_volumes_free(&vs);
}

static void
no_log(void **state)
{
	static const char *const bad[] = { "", "x", "2026-11-22",
		"2026-13-22 09:00:00 1xUnrx-0003Nz-1E <= a",
		"2026-11-22 29:00:00 1xUnrx-0003Nz-1E <= a",
		"0000-01-01 00:00:00 1xUnrx-0003Nz-1E <= a",
		"20261122 09:00:00 1xUnrx-0003Nz-1E <= a@b" };
	struct ir_volumes vs = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof bad / sizeof *bad; i++)
		line(&vs, bad[i], 0);
	assert_int_equal(vs.n, 0);
	line(&vs, "2026-11-22 09:00:00 short <= a@b", 0);
	line(&vs, "2026-11-22 09:00:00 1xUnrx-0003Nz-1E <=", 0);
	assert_int_equal(vs.v[0].n, 0);
	ir_volumes_free(&vs);
}

static void
json(struct ir_volumes *vs, const char *s)
{
	struct ir_rec *r = ir_rec_parse(s, strlen(s), NULL);

	assert_non_null(r);
	ir_volume_json(vs, r);
	ir_rec_free(r);
}

static void
cloudwatch(void **state)
{
	struct ir_volumes vs = { 0 };

	(void)state;
	json(&vs, "{\"MetricDataResults\":[{\"Label\":\"Send\","
	    "\"Timestamps\":[\"2026-11-22T00:15:00+00:00\","
	    "\"2026-11-22T00:00:00Z\",\"rubbish\"],"
	    "\"Values\":[7,5.0,3]}]}");
	json(&vs, "{\"Label\":\"Bounce\",\"Datapoints\":[{\"Timestamp\":"
	    "\"2026-11-22T00:00:00Z\",\"Sum\":2.0,\"Unit\":\"Count\"},"
	    "{\"Timestamp\":\"2026-11-22T00:15:00Z\",\"Sum\":-1}]}");
	json(&vs, "{\"type\":\"ses-history\",\"region\":\"us-east-1\","
	    "\"start\":\"2026-11-22T00:00:00Z\",\"hours\":[8,0]}");
	json(&vs, "{\"type\":\"ses-history\",\"hours\":[1]}");
	json(&vs, "{\"type\":\"ses-history\",\"region\":\"us-west-2\","
	    "\"start\":\"2026-11-22T00:00:00Z\",\"hours\":[9],"
	    "\"quarters\":[1,6,2]}");
	json(&vs, "{\"MetricDataResults\":{\"a\":1},\"Datapoints\":7}");
	json(&vs, "[]");
	assert_int_equal(vs.n, 4);
	assert_string_equal(vs.v[0].label, "CloudWatch: Send");
	assert_true(ir_volume_at(&vs.v[3],
	    slot_of("2026-11-22T00:15:00Z")) == 6);
	assert_true(ir_volume_at(&vs.v[3],
	    slot_of("2026-11-22T00:45:00Z")) == -1);
	assert_false(vs.v[3].hourly);
	assert_true(ir_volume_at(&vs.v[0],
	    slot_of("2026-11-22T00:00:00Z")) == 5);
	assert_true(ir_volume_at(&vs.v[0],
	    slot_of("2026-11-22T00:15:00Z")) == 7);
	assert_true(ir_volume_at(&vs.v[1],
	    slot_of("2026-11-22T00:00:00Z")) == 2);
	assert_true(ir_volume_at(&vs.v[2],
	    slot_of("2026-11-22T00:45:00Z")) == 2);
	assert_true(ir_volume_at(&vs.v[2],
	    slot_of("2026-11-22T01:45:00Z")) == 0);
	assert_true(vs.v[2].hourly);
	ir_volumes_free(&vs);
}

static void
joined(void **state)
{
	struct ir_volumes a = { 0 }, b = { 0 };

	(void)state;
	line(&a, "2026-11-22 00:01:00 1xUnrx-0003Nz-1E <= a@b", 0);
	line(&b, "2026-11-22 00:01:00 1xUnrx-0003Nz-1E <= a@b", 0);
	line(&b, "2026-11-22 00:02:00 1xUnrx-0003Nz-1F <= a@b", 0);
	line(&b, "2026-11-22 00:31:00 1xUnrx-0003Nz-1F <= a@b", 0);
	ir_volumes_join(&a, &b);	/* the same log, copied twice */
	assert_true(ir_volume_at(&a.v[0],
	    slot_of("2026-11-22T00:00:00Z")) == 2);
	assert_true(ir_volume_at(&a.v[0],
	    slot_of("2026-11-22T00:30:00Z")) == 1);
	ir_volumes_free(&a);
	ir_volumes_free(&b);
}

static void
limits(void **state)
{
	struct ir_volumes vs = { 0 };
	char text[128];
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		snprintf(text, sizeof text, "{\"Label\":\"%d\","
		    "\"Datapoints\":[{\"Timestamp\":"
		    "\"2026-11-22T00:00:00Z\",\"Sum\":1e300}]}", i);
		json(&vs, text);
	}
	assert_int_equal(vs.n, IR_VOLUME_SERIES);
	assert_true(vs.full);
	assert_int_equal(vs.v[0].n, 0);		/* 1e300 is too many */
	ir_volumes_free(&vs);
	for (i = 0; i < IR_VOLUME_SLOTS + 10; i++) {
		snprintf(text, sizeof text, "%d-01-01 00:00:00 "
		    "1xUnrx-0003Nz-1E <= a@b", 1970 + i % 8000);
		line(&vs, text, 0);
	}
	assert_true(vs.full && vs.v[0].n == IR_VOLUME_SLOTS);
	ir_volumes_free(&vs);
}

/* What the chart says in words, and that it is bounded and closed. */
static void
chart(void **state)
{
	struct ir_volumes vs = { 0 };
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_chart_sums sum;
	struct ir_span s;

	(void)state;
	line(&vs, "2026-11-22 00:01:00 1xUnrx-0003Nz-1E <= a@b", 0);
	line(&vs, "2026-11-22 00:02:00 1xUnrx-0003Nz-1F <= a@b", 0);
	line(&vs, "2026-11-22 01:31:00 1xUnrx-0003Nz-1G <= a@b", 0);
	s.from = slot_of("2026-11-21T23:00:00Z");
	s.to = slot_of("2026-11-22T02:00:00Z");
	s.mark = slot_of("2026-11-22T00:15:00Z") * IR_VOLUME_STEP;
	s.mark_text = "<contained>";
	ir_chart_sum(&vs.v[0], &s, &sum);
	assert_true(sum.peak == 2 && sum.before == 2 && sum.after == 1);
	assert_int_equal(sum.unknown, 4 + 2);
	ir_chart_svg(&vs.v[0], &s, 3, &b);
	assert_false(b.bad);
	assert_non_null(strstr(b.data, "</svg>"));
	assert_non_null(strstr(b.data, "role=\"img\""));
	assert_non_null(strstr(b.data, "<title id=\"chart3-t\">"));
	assert_null(strstr(b.data, "<contained>"));
	ir_buf_free(&b);
	ir_volumes_free(&vs);
}

static const char hostile[] = "<script>alert(1)</script>\" onload='x' "
	"\xe2\x80\xaetxt.exe\xe2\x80\xac \x1b[31m \xff | `a` [b](c) "
	"AKIAIOSFODNN7EXAMPLE &amp;";

static void
is_text(const char *s)
{
	const char *p;

	/* in Markdown it is escaped by a backslash */
	for (p = s; (p = strstr(p, "<script")); p++)
		assert_true(p > s && p[-1] == '\\');
	assert_null(strstr(s, "\xe2\x80\xae"));
	assert_null(strchr(s, '\x1b'));
	assert_null(strchr(s, '\xff'));
	assert_null(strstr(s, "AKIAIO"));
	assert_non_null(strstr(s, "MPLE"));
}

static void
text_stays_text(void **state)
{
	static const char *const heads[] = { "A", "B", "C" };
	struct ir_buf b = IR_BUF(1 << 20);
	struct ir_doc d = { .out = &b };
	int html;

	(void)state;
	for (html = 0; html < 2; html++) {
		ir_buf_trunc(&b, 0);
		d.html = html;
		ir_doc_p(&d, hostile);
		ir_doc_list(&d, "open");
		ir_doc_item(&d, hostile);
		ir_doc_list_end(&d);
		ir_doc_table(&d, hostile, heads, "tsm");
		ir_doc_row(&d, (const char *const[]){ hostile, hostile,
		    NULL });
		ir_doc_table_end(&d);
		is_text(ir_buf_cstr(&b));
		if (html)
			assert_null(strstr(b.data, "\" onload"));
		else
			assert_null(strstr(b.data, " | `"));
	}
	ir_buf_trunc(&b, 0);
	ir_mark_csv(&b, "-1+\"x\"\n");
	assert_string_equal(b.data, "\"'-1+\"\"x\"\" \"");
	ir_buf_trunc(&b, 0);
	ir_mark_time(&b, "2026-11-22T00:24:45.207Z");
	assert_string_equal(b.data, "2026-11-22 00:24:45");
	ir_buf_trunc(&b, 0);
	ir_mark_time(&b, "<b>");
	assert_string_equal(b.data, "<b>");	/* plain: others escape it */
	ir_buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(main_log),
		cmocka_unit_test(no_log),
		cmocka_unit_test(cloudwatch),
		cmocka_unit_test(joined),
		cmocka_unit_test(limits),
		cmocka_unit_test(chart),
		cmocka_unit_test(text_stays_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
