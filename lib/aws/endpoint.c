/* endpoint.c - see endpoint.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/buf.h"
#include "../core/text.h"
#include "client.h"
#include "endpoint.h"

static const char *const ses_aws[] = {
	"af-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
	"ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2",
	"ap-southeast-3", "ap-southeast-5", "ca-central-1", "ca-west-1",
	"eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1",
	"eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1",
	"me-south-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1",
	"us-west-2", NULL
};
static const char *const ses_gov[] = { "us-gov-east-1", "us-gov-west-1",
	NULL };
static const char *const ses_eusc[] = { "eusc-de-east-1", NULL };
static const char *const ses_none[] = { NULL };

/* The first whose prefix fits; IAM is one place in each. */
static const struct partition {
	const char *prefix, *name, *suffix, *iam_host, *iam_region;
	const char *const *ses;
} partitions[] = {
	{ "us-gov-", "aws-us-gov", "amazonaws.com", "iam.us-gov.amazonaws.com",
	    "us-gov-west-1", ses_gov },
	{ "cn-", "aws-cn", "amazonaws.com.cn",
	    "iam.cn-north-1.amazonaws.com.cn", "cn-north-1", ses_none },
	{ "eusc-", "aws-eusc", "amazonaws.eu",
	    "iam.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", ses_eusc },
	{ "", "aws", "amazonaws.com", "iam.amazonaws.com", "us-east-1",
	    ses_aws },
};

static const struct service {
	const char *name, *prefix, *signing, *env, *version, *target;
	enum ir_aws_protocol protocol;
	bool global;		/* one endpoint for the partition */
	bool optional;		/* works without a region */
} services[] = {
	{ "iam", "iam", "iam", "AWS_ENDPOINT_URL_IAM", "2010-05-08", NULL,
	    IR_AWS_QUERY, true, true },
	{ "sts", "sts", "sts", "AWS_ENDPOINT_URL_STS", "2011-06-15", NULL,
	    IR_AWS_QUERY, false, true },
	{ "ses", "email", "ses", "AWS_ENDPOINT_URL_SES", "2010-12-01", NULL,
	    IR_AWS_QUERY, false, false },
	{ "sesv2", "email", "ses", "AWS_ENDPOINT_URL_SESV2", "2019-09-27",
	    NULL, IR_AWS_REST_JSON, false, false },
	{ "monitoring", "monitoring", "monitoring",
	    "AWS_ENDPOINT_URL_CLOUDWATCH", "2010-08-01",
	    "GraniteServiceVersion20100801", IR_AWS_JSON10, false, false },
	{ "ec2", "ec2", "ec2", "AWS_ENDPOINT_URL_EC2", "2016-11-15", NULL,
	    IR_AWS_EC2, false, false },
};

static const struct partition *
partition_of(const char *region)
{
	const struct partition *p = partitions;

	while (*p->prefix &&
	    (!region || strncmp(region, p->prefix, strlen(p->prefix)) != 0))
		p++;
	return p;
}

static const struct service *
service_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(services[i].name, name) == 0)
			return &services[i];
	return NULL;
}

const char *
ir_endpoint_partition(const char *region)
{
	return partition_of(region)->name;
}

const char *const *
ir_endpoint_ses_regions(const char *region)
{
	return partition_of(region)->ses;
}

/* aa-bbbb[-cccc]-n: letters in parts, then a number. */
bool
ir_aws_region_ok(const char *region)
{
	size_t parts = 0, n;
	const char *p = region;

	for (;; p += n + 1) {
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
		if (n == 0 || p[n] != '-')
			break;
		parts++;
	}
	if (n || parts < 2 || p - region > 30)
		return false;
	n = strspn(p, "0123456789");
	return n >= 1 && n <= 2 && p[n] == '\0';
}

/* "<service>.endpoint_url" in the section that the profile names. */
static const char *
in_services(const struct service *s, const struct ir_aws_config *c,
    const char *profile)
{
	const char *name = ir_aws_config_get(c, IR_AWS_PROFILE, profile,
	    "services");
	char key[64];

	if (!name)
		return NULL;
	snprintf(key, sizeof key, "%s.endpoint_url",
	    s->env + strlen("AWS_ENDPOINT_URL_"));
	return ir_aws_config_get(c, IR_AWS_SERVICES, name, key);
}

const char *
ir_endpoint_configured(const char *service, const struct ir_aws_config *c,
    const char *profile)
{
	const struct service *s = service_of(service);
	const char *v = getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

	if (!s || (v && ir_ascii_ieq(v, "true")))
		return NULL;
	v = getenv(s->env);
	if (!v || !*v)
		v = getenv("AWS_ENDPOINT_URL");
	if (!v || !*v)
		v = in_services(s, c, profile);
	if (!v || !*v)
		v = ir_aws_config_get(c, IR_AWS_PROFILE, profile,
		    "endpoint_url");
	return v && *v ? v : NULL;
}

/* Replace {service} and {region}. */
static int
expand(const char *url, const char *service, const char *region,
    struct ir_endpoint *e)
{
	struct ir_buf b = IR_BUF(sizeof e->url - 1);
	int rc = 0;

	while (*url) {
		if (strncmp(url, "{service}", 9) == 0) {
			ir_buf_str(&b, service);
			url += 9;
		} else if (strncmp(url, "{region}", 8) == 0) {
			ir_buf_str(&b, region);
			url += 8;
		} else {
			ir_buf_chr(&b, *url++);
		}
	}
	if (b.len && b.data[b.len - 1] == '/')
		ir_buf_trunc(&b, b.len - 1);
	if (b.bad)
		rc = -1;
	else
		snprintf(e->url, sizeof e->url, "%s", ir_buf_cstr(&b));
	ir_buf_free(&b);
	return rc;
}

/*
 * The Host header is what is signed, so it must be what libcurl would send:
 * lower case, and a port only if it is not the scheme's own.
 */
static int
check_url(struct ir_endpoint *e, const char *url, struct ir_err *err)
{
	char *host = strstr(e->url, "://"), *p;
	bool tls = strncmp(e->url, "https://", 8) == 0;
	const char *own = tls ? ":443" : ":80";
	size_t n;

	if (!host || (!tls && strncmp(e->url, "http://", 7) != 0))
		return ir_fail(err, IR_CONFIG,
		    "endpoint %s: neither https:// nor http://", url);
	host += 3;
	for (p = host; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-:[]_", *p))
			return ir_fail(err, IR_CONFIG,
			    "endpoint %s: not a host and port", url);
	}
	n = strlen(host);
	if (n == 0)
		return ir_fail(err, IR_CONFIG, "endpoint %s: no host", url);
	if (n > strlen(own) && strcmp(host + n - strlen(own), own) == 0 &&
	    !(host[0] == '[' && host[n - 1] == ']'))
		host[n - strlen(own)] = '\0';
	e->host = host;
	return 0;
}

int
ir_endpoint_find(const char *service, const char *region, const char *url,
    struct ir_endpoint *e, struct ir_err *err)
{
	const struct service *s = service_of(service);
	const struct partition *p = partition_of(region);

	memset(e, 0, sizeof *e);
	if (!s)
		return ir_fail(err, IR_SOFTWARE, "no service %s", service);
	if (!region && !s->optional) {
		ir_fail(err, IR_CONFIG, "no AWS region");
		ir_hint(err, "--region, AWS_REGION, or region in the profile");
		return -1;
	}
	if (region && !ir_aws_region_ok(region))
		return ir_fail(err, IR_CONFIG, "not a region: %s", region);
	if (strcmp(s->signing, "ses") == 0 && !*p->ses)
		return ir_fail(err, IR_CONFIG, "%s: no SES in %s", region,
		    p->name);
	snprintf(e->region, sizeof e->region, "%s",
	    s->global || !region ? p->iam_region : region);
	e->signing = s->signing;
	e->target = s->target;
	e->version = s->version;
	e->protocol = s->protocol;
	if (url) {
		if (expand(url, s->prefix, e->region, e))
			return ir_fail(err, IR_CONFIG,
			    "endpoint: URL too long");
	} else {
		if (s->global)
			snprintf(e->url, sizeof e->url, "https://%s",
			    p->iam_host);
		else
			snprintf(e->url, sizeof e->url, "https://%s.%s.%s",
			    s->prefix, e->region, p->suffix);
		url = e->url;
	}
	return check_url(e, url, err);
}
