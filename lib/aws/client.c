/* client.c - see client.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/text.h"
#include "job.h"

#define PARALLEL_MAX 64

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static int
find_attempts(struct ir_aws *a, const char *profile, struct ir_err *err)
{
	const char *v = env("AWS_MAX_ATTEMPTS");
	char *end;
	long n;

	a->attempts = IR_RETRY_ATTEMPTS;
	if (!v)
		v = ir_aws_config_get(a->config, IR_AWS_PROFILE, profile,
		    "max_attempts");
	if (!v || !*v)
		return 0;
	n = strtol(v, &end, 10);
	if (*end || n < 1 || n > 100)
		return ir_fail(err, IR_CONFIG, "max_attempts: not 1 to 100: %s",
		    v);
	a->attempts = (int)n;
	return 0;
}

/*
 * "legacy" is the older name of what standard does better.  "adaptive" paces
 * a client that was throttled; here the known limits are kept to from the
 * start (retry.h), and the night is no time to stop at a setting: it is
 * taken as standard, and -v says so.
 */
static int
find_mode(struct ir_aws *a, const char *profile, struct ir_err *err)
{
	const char *v = env("AWS_RETRY_MODE");

	if (!v)
		v = ir_aws_config_get(a->config, IR_AWS_PROFILE, profile,
		    "retry_mode");
	if (!v || !*v || strcmp(v, "standard") == 0 ||
	    strcmp(v, "legacy") == 0)
		return 0;
	a->adaptive = strcmp(v, "adaptive") == 0;
	return a->adaptive ? 0 : ir_fail(err, IR_CONFIG,
	    "retry_mode: not standard, legacy or adaptive: %s", v);
}

static int
set_up(struct ir_aws *a, const struct ir_aws_opts *o, struct ir_err *err)
{
	struct ir_http_opts ho = { .parallel = PARALLEL_MAX };
	struct ir_aws_cred_opts co;
	const char *profile;
	bool named;

	if (ir_aws_config_load(&a->config, err))
		return -1;
	profile = ir_aws_profile(o->profile, &named);
	if (o->endpoint_url && !(a->endpoint_url = strdup(o->endpoint_url)))
		return ir_fail(err, IR_OSERR, "no memory");
	a->profile = strdup(profile);
	if (!a->profile)
		return ir_fail(err, IR_OSERR, "no memory");
	ho.ca_file = env("AWS_CA_BUNDLE");
	if (!ho.ca_file)
		ho.ca_file = ir_aws_config_get(a->config, IR_AWS_PROFILE,
		    profile, "ca_bundle");
	if (ir_aws_find_region(a->config, o->region, profile, a->region,
	    err) || find_attempts(a, profile, err) ||
	    find_mode(a, profile, err))
		return -1;
	co = (struct ir_aws_cred_opts){ a->config, o->profile,
	    ir_aws_region(a), o->endpoint_url, a->ask };
	if (ir_aws_cred_find(&a->cred, &co, err))
		return -1;
	return ir_http_open(&a->http, &ho, err);
}

int
ir_aws_open(struct ir_aws **a, const struct ir_aws_opts *o,
    int (*ask)(const char *prompt, char *buf, size_t size),
    struct ir_err *err)
{
	struct ir_err local = IR_ERR_INIT;

	*a = calloc(1, sizeof **a);
	if (!*a)
		return ir_fail(err, IR_OSERR, "no memory");
	(*a)->ask = ask;
	(*a)->tokens = IR_RETRY_TOKENS;
	if (set_up(*a, o, &local) == 0)
		return 0;
	if (err)
		*err = local;
	ir_aws_close(*a);
	*a = NULL;
	return -1;
}

void
ir_aws_close(struct ir_aws *a)
{
	if (!a)
		return;
	ir_http_close(a->http);
	ir_aws_cred_free(&a->cred);
	ir_aws_config_free(a->config);
	ir_rates_free(&a->rates);
	free(a->endpoint_url);
	free(a->profile);
	free(a);
}

const char *
ir_aws_region(const struct ir_aws *a)
{
	return *a->region ? a->region : NULL;
}

const char *
ir_aws_key_id(const struct ir_aws *a)
{
	return a->cred.key_id;
}

void
ir_aws_set_timeout(struct ir_aws *a, long seconds)
{
	a->deadline = seconds ? ir_mono_ms() + seconds * 1000 : 0;
}

void
ir_aws_set_stop(struct ir_aws *a, const volatile sig_atomic_t *flag)
{
	a->stop = flag;
}

const char *const *
ir_aws_ses_regions(const struct ir_aws *a)
{
	return ir_endpoint_ses_regions(ir_aws_region(a));
}

void
ir_aws_call_free(struct ir_aws_call *call)
{
	ir_rec_free(call->reply);
	call->reply = NULL;
}

bool
ir_aws_skew(const struct ir_aws *a, int64_t *seconds)
{
	*seconds = a->seen_skew;
	return a->seen;
}

const char *
ir_aws_source(const struct ir_aws *a)
{
	return ir_aws_cred_source(&a->cred);
}
