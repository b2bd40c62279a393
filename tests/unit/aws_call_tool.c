/*
 * aws_call_tool.c - makes the calls that it reads, for tests/aws-client.bats.
 *
 * Not a unit test of its own: with an empty standard input it does nothing.
 * Each line of input is a call as a JSON object with the names of struct
 * ir_aws_call (params is an object; key_secret is a string); all are made in
 * parallel.  "pages": ["Marker", "Marker", "Users"] asks for all pages and
 * answers with the length of that list.  Output is one line for each call.
 * Arguments: NAME=VALUE for region, profile, endpoint_url, timeout, parallel,
 * verbose; repeat=N makes the first call N times and prints one summary;
 * regions=A,B,... asks it in each of these; hold=FILE makes FILE when all is
 * done and stays until it is gone, with leak=1 with a secret on the heap.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"

#define MAX 1000

struct one {
	struct ir_rec *in;
	struct ir_aws_param param[32];
	struct ir_secret secret, key_secret;
};

static int
add_param(const char *key, const struct ir_rec *val, void *arg)
{
	struct ir_aws_call *c = arg;
	struct ir_aws_param *p = (struct ir_aws_param *)(uintptr_t)c->params;

	p[c->nparams].name = key;
	p[c->nparams++].value = ir_rec_cstr(val);
	return c->nparams == 32;
}

static void
fill(struct ir_aws_call *c, struct one *o)
{
	const struct ir_rec *in = o->in, *params = ir_rec_at(in, "params");
	const char *s = ir_rec_get(in, "key_secret");

	memset(c, 0, sizeof *c);
	c->service = ir_rec_get(in, "service");
	c->operation = ir_rec_get(in, "operation");
	c->region = ir_rec_get(in, "region");
	c->method = ir_rec_get(in, "method");
	c->path = ir_rec_get(in, "path");
	c->params = o->param;
	c->json = ir_rec_at(in, "json");
	c->not_repeatable = ir_rec_get_bool(in, "not_repeatable", false);
	c->secret_name = ir_rec_get(in, "secret_name");
	c->secret = c->secret_name ? &o->secret : NULL;
	c->key_id = ir_rec_get(in, "key_id");
	c->key_secret = &o->key_secret;
	if (s)
		ir_secret_set(&o->key_secret, s, strlen(s), NULL);
	if (params)
		ir_rec_each(params, add_param, c);
}

static void
show(const struct ir_aws_call *c, const struct one *o)
{
	struct ir_rec *r = ir_rec_object();
	struct ir_buf b = IR_BUF(1 << 24);

	ir_rec_int(r, "code", c->err.code);
	ir_rec_str(r, "msg", c->err.msg);
	ir_rec_int(r, "status", c->http_status);
	ir_rec_str(r, "error_code", c->error_code);
	ir_rec_int(r, "attempts", c->attempts);
	ir_rec_bool(r, "request_id", *c->request_id != '\0');
	ir_rec_int(r, "secret_len", (int64_t)o->secret.len);
	if (c->reply)
		ir_rec_set(r, "reply", ir_rec_copy(c->reply));
	ir_rec_json(r, &b);
	puts(ir_buf_cstr(&b));
	ir_buf_free(&b);
	ir_rec_free(r);
}

struct count {
	const char *list;
	size_t pages, items;
};

static int
count_page(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	struct count *n = arg;

	(void)err;
	n->pages++;
	n->items += ir_rec_len(ir_rec_at(reply, n->list));
	return 0;
}

static void
all_pages(struct ir_aws *a, struct ir_aws_call *c, struct one *o)
{
	struct count n = { ir_rec_get(o->in, "pages.2"), 0, 0 };
	struct ir_err err = IR_ERR_INIT;

	ir_aws_pages(a, c, ir_rec_get(o->in, "pages.0"),
	    ir_rec_get(o->in, "pages.1"), count_page, &n, &err);
	printf("{\"code\":%d,\"pages\":%zu,\"items\":%zu}\n", err.code,
	    n.pages, n.items);
}

/* --- the first call, many times ---------------------------------------- */

struct many {
	const struct ir_aws_call *like;
	size_t left, ok, failed;
	int code;		/* of the last that failed */
};

static struct ir_aws_call *
many_next(void *arg)
{
	struct many *m = arg;
	struct ir_aws_call *c;

	if (m->left == 0 || !(c = malloc(sizeof *c)))
		return NULL;
	m->left--;
	*c = *m->like;
	return c;
}

static void
many_done(struct ir_aws_call *c, void *arg)
{
	struct many *m = arg;

	if (c->err.code)
		m->code = c->err.code;
	m->failed += c->err.code != 0;
	m->ok += c->err.code == 0;
	ir_aws_call_free(c);
	free(c);
}

static void
repeat(struct ir_aws *a, const struct ir_aws_call *like, size_t n,
    size_t parallel)
{
	struct many m = { .like = like, .left = n };
	const struct ir_aws_feed feed = { .next = many_next,
		.done = many_done, .arg = &m, .total = n,
		.parallel = parallel };
	int64_t began = ir_mono_ms();
	struct rusage ru;

	ir_aws_run(a, &feed);
	getrusage(RUSAGE_SELF, &ru);
	printf("{\"ok\":%zu,\"failed\":%zu,\"code\":%d,\"ms\":%lld,"
	    "\"kib\":%ld}\n", m.ok, m.failed, m.code,
	    (long long)(ir_mono_ms() - began), ru.ru_maxrss);
}

struct swept {
	const struct ir_aws_call *like;
	const char *name[64];
};

static void
sweep_ask(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	(void)i;
	(void)k;
	*c = *((struct swept *)arg)->like;
}

static void
sweep_answer(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	struct swept *s = arg;

	(void)k;
	printf("{\"region\":\"%s\",\"code\":%d,\"disabled\":%s}\n",
	    s->name[i], c->err.code, c->disabled ? "true" : "false");
}

static void
sweep(struct ir_aws *a, const struct ir_aws_call *like, const char *list)
{
	struct swept s = { .like = like };
	struct ir_aws_sweep w = { .regions = s.name, .calls = 1,
		.ask = sweep_ask, .answer = sweep_answer, .arg = &s };
	char *copy = strdup(list), *save = NULL, *p;
	int64_t began = ir_mono_ms();

	for (p = strtok_r(copy, ",", &save); p && w.n < 64;
	    p = strtok_r(NULL, ",", &save))
		s.name[w.n++] = p;
	ir_aws_sweep(a, &w, NULL);
	fprintf(stderr, "%lld ms\n", (long long)(ir_mono_ms() - began));
	free(copy);
}

static void
hold(const char *file, const char *leak)
{
	const char *secret = getenv("LEAK");
	char *copy = leak && secret ? strdup(secret) : NULL;
	FILE *f = fopen(file, "w");

	fflush(stdout);
	if (f)
		fclose(f);
	while (f && access(file, F_OK) == 0)
		usleep(20000);
	free(copy);
}

static size_t
read_all(struct one *o)
{
	struct ir_in *in = ir_in_open(NULL, 0, NULL);
	size_t n = 0;

	while (in && n < MAX && ir_in_next(in, &o[n].in, NULL) > 0)
		n++;
	ir_in_close(in);
	return n;
}

static const char *
arg(int argc, char **argv, const char *name)
{
	size_t k = strlen(name);
	int i;

	for (i = 1; i < argc; i++)
		if (strncmp(argv[i], name, k) == 0 && argv[i][k] == '=')
			return argv[i] + k + 1;
	return NULL;
}

int
main(int argc, char **argv)
{
	struct ir_aws_opts opts = { arg(argc, argv, "region"),
		arg(argc, argv, "profile"), arg(argc, argv, "endpoint_url") };
	const char *timeout = arg(argc, argv, "timeout");
	const char *parallel = arg(argc, argv, "parallel");
	const char *times = arg(argc, argv, "repeat");
	const char *regions = arg(argc, argv, "regions");
	const char *file = arg(argc, argv, "hold");
	const char *verbose = arg(argc, argv, "verbose");
	struct ir_common common = { .verbose = verbose ? atoi(verbose) : 0,
		.timeout = timeout ? atol(timeout) : 0 };
	struct one *o = calloc(MAX, sizeof *o);
	struct ir_aws_call *c = calloc(MAX, sizeof *c);
	struct ir_err err = IR_ERR_INIT;
	struct ir_aws *a = NULL;
	static const struct ir_cmd cmd = { "aws_call_tool", "", "" };
	size_t i, n;

	ir_begin(&cmd);
	n = o && c ? read_all(o) : 0;
	if (n == 0)
		goto out;
	if (ir_aws_open(&a, &opts, NULL, &err)) {
		printf("{\"open\":%d}\n", err.code);
		fprintf(stderr, "%s\n%s\n", err.msg, err.hint);
		goto out;
	}
	ir_aws_follow(a, &common);
	for (i = 0; i < n; i++)
		fill(&c[i], &o[i]);
	if (ir_rec_has(o[0].in, "pages"))
		all_pages(a, c, o);
	else if (times)
		repeat(a, &c[0], (size_t)atol(times),
		    parallel ? (size_t)atol(parallel) : 0);
	else if (regions)
		sweep(a, &c[0], regions);
	else
		ir_aws_do_many(a, c, n, parallel ? (size_t)atol(parallel) : 0);
	for (i = 0; i < n; i++) {
		if (!ir_rec_has(o[0].in, "pages") && !times && !regions)
			show(&c[i], &o[i]);
		ir_aws_call_free(&c[i]);
	}
	if (file)
		hold(file, arg(argc, argv, "leak"));
out:
	for (i = 0; i < n; i++) {
		ir_rec_free(o[i].in);
		ir_secret_free(&o[i].secret);
		ir_secret_free(&o[i].key_secret);
	}
	ir_aws_close(a);
	free(o);
	free(c);
	return err.code;
}
