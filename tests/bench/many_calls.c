/*
 * many_calls.c - N PARALLEL: N calls of iam:ListAccessKeys over one client;
 * or "sweep": sesv2:GetAccount in 30 regions.  For bench: prints
 * milliseconds, and the largest resident set in KiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "aws/client.h"
#include "core/text.h"

#define REGIONS 30

struct many {
	size_t left, failed;
};

static struct ir_aws_call *
next(void *arg)
{
	static const struct ir_aws_param user = { "UserName", "x" };
	struct many *m = arg;
	struct ir_aws_call *c = m->left ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return NULL;
	m->left--;
	c->service = "iam";
	c->operation = "ListAccessKeys";
	c->params = &user;
	c->nparams = 1;
	return c;
}

static void
done(struct ir_aws_call *c, void *arg)
{
	((struct many *)arg)->failed += c->err.code != 0;
	ir_aws_call_free(c);
	free(c);
}

static void
ask(struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	(void)i;
	(void)k;
	(void)arg;
	c->service = "sesv2";
	c->operation = "GetAccount";
	c->method = "GET";
	c->path = "/v2/email/account";
}

static void
answer(const struct ir_aws_call *c, size_t i, size_t k, void *arg)
{
	(void)i;
	(void)k;
	((struct many *)arg)->failed += c->err.code != 0;
}

static void
sweep(struct ir_aws *aws, struct many *m)
{
	static char name[REGIONS][24];
	const char *regions[REGIONS];
	const struct ir_aws_sweep s = { .regions = regions, .n = REGIONS,
		.calls = 1, .ask = ask, .answer = answer, .arg = m };
	int i;

	for (i = 0; i < REGIONS; i++) {
		snprintf(name[i], sizeof name[i], "xx-bench-%d", i + 1);
		regions[i] = name[i];
	}
	(void)ir_aws_sweep(aws, &s, NULL);
}

int
main(int argc, char **argv)
{
	struct ir_aws_opts opts = { NULL, NULL, NULL };
	struct many m = { .left = argc > 1 ? strtoul(argv[1], NULL, 10) : 0 };
	struct ir_aws_feed feed = { .next = next, .done = done, .arg = &m,
		.parallel = argc > 2 ? strtoul(argv[2], NULL, 10) : 0 };
	struct ir_err err = IR_ERR_INIT;
	struct ir_aws *aws;
	struct rusage ru;
	int64_t began;

	if (ir_aws_open(&aws, &opts, NULL, &err)) {
		fprintf(stderr, "many_calls: %s\n", err.msg);
		return err.code;
	}
	began = ir_mono_ms();
	if (argc > 1 && strcmp(argv[1], "sweep") == 0)
		sweep(aws, &m);
	else
		ir_aws_run(aws, &feed);
	getrusage(RUSAGE_SELF, &ru);
	printf("%lld %ld\n", (long long)(ir_mono_ms() - began), ru.ru_maxrss);
	ir_aws_close(aws);
	return m.failed ? 75 : 0;
}
