/*
 * aws_chain_tool.c - what the credential chain finds and where the services
 * are, for tests/aws-chain.bats.  Not a unit test of its own.
 *
 *	aws_chain_tool creds [profile=P] [region=R] [endpoint_url=U] [mfa=CODE]
 *		one line of JSON, secrets included
 *	aws_chain_tool renew ...	the same, had a second time
 *	aws_chain_tool scan ...
 *		"N": in so many places outside the secure heap is the secret, or
 *		the session token, while the credentials are held
 *	aws_chain_tool endpoints
 *		each line "service region fips dualstack" of standard input
 *		becomes "URL scope-region" or "error"; region "-" is none
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/chain.h"
#include "aws/endpoint.h"
#include "core/record.h"

static const char *mfa;

static int
answer(const char *prompt, char *buf, size_t size)
{
	(void)prompt;
	if (!mfa || (size_t)snprintf(buf, size, "%s", mfa) >= size)
		return -1;
	return 0;
}

static const char *
arg(int argc, char **argv, const char *name)
{
	size_t k = strlen(name);
	int i;

	for (i = 2; i < argc; i++)
		if (strncmp(argv[i], name, k) == 0 && argv[i][k] == '=')
			return argv[i] + k + 1;
	return NULL;
}

static void
show(const struct ir_aws_cred *c, const char *region, const struct ir_err *err)
{
	struct ir_rec *r = ir_rec_object();
	struct ir_buf b = IR_BUF(1 << 20);

	ir_rec_int(r, "code", err->code);
	ir_rec_str(r, "msg", err->msg);
	ir_rec_str(r, "hint", err->hint);
	if (err->code == 0) {
		ir_rec_str(r, "id", c->key_id);
		ir_rec_str(r, "secret", c->secret.data);
		ir_rec_str(r, "token", c->token.len ? c->token.data : "");
		ir_rec_int(r, "expires", c->expires);
		ir_rec_str(r, "source", ir_aws_cred_source(c));
	}
	ir_rec_str(r, "region", region);
	ir_rec_json(r, &b);
	puts(ir_buf_cstr(&b));
	ir_buf_free(&b);
	ir_rec_free(r);
}

/* How often is the secret in this memory? */
static int
found_in(const char *p, const char *end, const struct ir_secret *s)
{
	int n = 0;

	while (s->len && (p = memmem(p, (size_t)(end - p), s->data,
	    s->len))) {
		n++;
		p++;
	}
	return n;
}

/* Looks at the memory itself: a copy of it would be found, too. */
static int
scan(const struct ir_aws_cred *c)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], perm[8], what[256];
	uintptr_t from, to;
	int n = 0, here;

	while (f && fgets(line, sizeof line, f)) {
		*what = '\0';
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR
		    " %7s %*s %*s %*s %255s", &from, &to, perm, what) < 3 ||
		    perm[0] != 'r' || strncmp(what, "[v", 2) == 0)
			continue;
		if ((uintptr_t)c->secret.data >= from &&
		    (uintptr_t)c->secret.data < to)
			continue;
		here = found_in((const char *)from, (const char *)to,
		    &c->secret) + found_in((const char *)from,
		    (const char *)to, &c->token);
		if (here)
			fprintf(stderr, "%d in %s\n", here, what);
		n += here;
	}
	if (f)
		fclose(f);
	return n;
}

static int
creds(int argc, char **argv, bool renew)
{
	struct ir_aws_config *c = NULL;
	struct ir_aws_cred_opts o = { .profile = arg(argc, argv, "profile"),
	    .endpoint_url = arg(argc, argv, "endpoint_url"), .ask = answer };
	struct ir_aws_cred cred;
	struct ir_err err = IR_ERR_INIT;
	char region[64] = "";
	bool named;

	memset(&cred, 0, sizeof cred);
	mfa = arg(argc, argv, "mfa");
	if (ir_aws_config_load(&c, &err) == 0 && ir_aws_find_region(c,
	    arg(argc, argv, "region"), ir_aws_profile(o.profile, &named),
	    region, &err) == 0) {
		o.config = c;
		o.region = *region ? region : NULL;
		if (ir_aws_cred_find(&cred, &o, &err) == 0 && renew)
			ir_aws_cred_renew(&cred, &err);
	}
	if (strcmp(argv[1], "scan") == 0 && err.code == 0)
		printf("%d\n", scan(&cred));
	else
		show(&cred, region, &err);
	ir_aws_cred_free(&cred);
	ir_aws_config_free(c);
	return err.code;
}

static int
endpoints(void)
{
	char service[32], region[64];
	struct ir_endpoint e;
	int fips, dual;

	while (scanf("%31s %63s %d %d", service, region, &fips, &dual) == 4) {
		struct ir_endpoint_opts o = { .fips = fips,
		    .dualstack = dual };

		if (ir_endpoint_find(service, strcmp(region, "-") == 0 ? NULL :
		    region, &o, &e, NULL))
			puts("error");
		else
			printf("%s %s\n", e.url, e.region);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return 64;
	if (strcmp(argv[1], "endpoints") == 0)
		return endpoints();
	return creds(argc, argv, strcmp(argv[1], "renew") == 0);
}
