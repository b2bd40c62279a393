/* cred_imds.c - the instance's role, by IMDSv2; see chain.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "chain.h"

#define IMDS "http://169.254.169.254"
#define IMDS_IPV6 "http://[fd00:ec2::254]"
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define TTL "21600"
/*
 * When the service itself hands out what has expired (it is overloaded),
 * that works for a while longer and asking again makes it worse.
 */
#define EXTEND 900

struct imds {
	const struct ir_chain *ch;
	struct ir_http *http;
	char base[512];
	long attempts;
};

static int
find_base(struct imds *m, struct ir_err *err)
{
	const char *base, *mode;
	size_t n;

	base = ir_chain_setting(m->ch, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
	    "ec2_metadata_service_endpoint");
	mode = ir_chain_setting(m->ch,
	    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
	    "ec2_metadata_service_endpoint_mode");
	if (mode && !ir_ascii_ieq(mode, "ipv4") && !ir_ascii_ieq(mode, "ipv6"))
		return ir_fail(err, IR_CONFIG,
		    "ec2_metadata_service_endpoint_mode: neither IPv4 nor "
		    "IPv6: %s", mode);
	if (!base)
		base = mode && ir_ascii_ieq(mode, "ipv6") ? IMDS_IPV6 : IMDS;
	n = strlen(base);
	if (n && base[n - 1] == '/')
		n--;
	if (n >= sizeof m->base)
		return ir_fail(err, IR_CONFIG,
		    "ec2_metadata_service_endpoint: too long");
	memcpy(m->base, base, n);
	m->base[n] = '\0';
	return 0;
}

/* A whole number of the environment or the profile. */
static int
number(const struct ir_chain *ch, const char *var, const char *key, long most,
    long *n, struct ir_err *err)
{
	const char *v = ir_chain_setting(ch, var, key);
	char *end;

	*n = 1;
	if (!v)
		return 0;
	*n = strtol(v, &end, 10);
	if (*end || *n < 1 || *n > most)
		return ir_fail(err, IR_CONFIG, "%s: not 1 to %ld: %s", key,
		    most, v);
	return 0;
}

static int
set_up(struct imds *m, struct ir_err *err)
{
	struct ir_http_opts o = { .parallel = 1, .no_proxy = true };
	long seconds;

	if (find_base(m, err) || number(m->ch, "AWS_METADATA_SERVICE_TIMEOUT",
	    "metadata_service_timeout", 60, &seconds, err) ||
	    number(m->ch, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
	    "metadata_service_num_attempts", 10, &m->attempts, err))
		return -1;
	o.connect_ms = o.total_ms = seconds * 1000;
	return ir_http_open(&m->http, &o, err);
}

static void
explain(const struct ir_http_req *r, struct ir_err *err)
{
	if (r->err.code == IR_CONFIG || r->err.code == IR_OSERR) {
		*err = r->err;
	} else if (!r->sent) {
		/* nobody there: this is no EC2 instance */
		ir_fail(err, IR_NOPERM, "no AWS credentials");
		ir_hint(err, "set AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, or use --profile");
	} else {
		ir_fail(err, IR_TEMPFAIL, "metadata service: %s", r->err.msg);
		ir_hint(err, "in a container, the instance's metadata hop "
		    "limit must be 2 or more");
	}
}

/* One request; 0 when it was answered at all. */
static int
request(struct imds *m, const char *method, const char *path,
    const struct ir_http_header *header, struct ir_http_req *r,
    struct ir_err *err)
{
	char url[1024];
	long i;

	snprintf(url, sizeof url, "%s%s", m->base, path);
	memset(r, 0, sizeof *r);
	for (i = 0; i < m->attempts; i++) {
		ir_buf_free(&r->reply);
		memset(r, 0, sizeof *r);
		r->method = method;
		r->url = url;
		r->headers = header;
		r->nheaders = 1;
		r->max = 16384;
		r->secret = true;
		ir_http_run(m->http, r, 1, 1);
		if (r->err.code == 0 && r->status < 500)
			break;
	}
	r->url = NULL;
	if (r->status && r->err.code == 0)
		return 0;
	explain(r, err);
	return -1;
}

static int
check_status(const struct ir_http_req *r, const char *what,
    struct ir_err *err)
{
	if (r->status == 200)
		return 0;
	if (r->status == 404) {
		ir_fail(err, IR_NOPERM,
		    "no AWS credentials: the instance has no role");
		ir_hint(err, "set AWS_ACCESS_KEY_ID and "
		    "AWS_SECRET_ACCESS_KEY, or use --profile");
		return -1;
	}
	return ir_fail(err, r->status >= 500 ? IR_TEMPFAIL : IR_NOPERM,
	    "metadata service: %s: status %d", what, r->status);
}

static int
find_role(struct imds *m, const struct ir_http_header *token, char path[512],
    struct ir_err *err)
{
	struct ir_http_req r;
	size_t n;
	int rc = -1;

	if (request(m, "GET", ROLES, token, &r, err) ||
	    check_status(&r, "role", err))
		goto out;
	n = strcspn(ir_buf_cstr(&r.reply), " \t\r\n");
	snprintf(path, 512, ROLES "%.*s", (int)(n < 256 ? n : 0),
	    ir_buf_cstr(&r.reply));
	rc = n && n < 256 && !strpbrk(path, "?#%\\\"") ? 0 :
	    ir_fail(err, IR_PROTOCOL, "metadata service: role not understood");
out:
	ir_buf_free(&r.reply);
	return rc;
}

static int
role_credentials(struct imds *m, struct ir_aws_cred *cred,
    const struct ir_http_header *token, struct ir_err *err)
{
	struct ir_http_req r;
	char path[512];
	int rc;

	if (find_role(m, token, path, err))
		return -1;
	rc = request(m, "GET", path, token, &r, err);
	if (rc == 0)
		rc = check_status(&r, "credentials", err);
	if (rc == 0)
		rc = r.reply.data ? ir_cred_parse(cred, IR_CRED_METADATA,
		    r.reply.data, r.reply.len, err) :
		    ir_fail(err, IR_PROTOCOL, "metadata service: no answer");
	if (rc == 0 && cred->expires < ir_now() + EXTEND / 3)
		cred->expires = ir_now() + EXTEND;
	snprintf(cred->source, sizeof cred->source, "instance role %s",
	    path + sizeof ROLES - 1);
	ir_buf_free(&r.reply);
	return rc;
}

int
ir_cred_instance(const struct ir_chain *ch, struct ir_aws_cred *cred,
    struct ir_err *err)
{
	static const struct ir_http_header ttl = {
		"X-aws-ec2-metadata-token-ttl-seconds", TTL };
	struct ir_http_header token = { "X-aws-ec2-metadata-token", NULL };
	const char *off = ir_chain_env("AWS_EC2_METADATA_DISABLED");
	struct imds m = { .ch = ch };
	struct ir_http_req r;
	int rc;

	if (off && ir_ascii_ieq(off, "true"))
		return 0;
	if (set_up(&m, err))
		return -1;
	rc = request(&m, "PUT", "/latest/api/token", &ttl, &r, err);
	if (rc == 0 && r.status != 200)
		rc = ir_fail(err, IR_NOPERM, "metadata service: no token "
		    "(status %d); only IMDSv2 is used", r.status);
	token.value = ir_buf_cstr(&r.reply);
	if (rc == 0 && (r.reply.len == 0 || strpbrk(token.value, "\r\n")))
		rc = ir_fail(err, IR_PROTOCOL,
		    "metadata service: token not understood");
	if (rc == 0)
		rc = role_credentials(&m, cred, &token, err);
	ir_buf_free(&r.reply);
	ir_http_close(m.http);
	return rc ? -1 : 1;
}
