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

#define PARTITIONS 4

/* The first whose prefix fits.  IAM's hosts: [fips + 2 * dualstack] */
static const struct partition {
	const char *prefix, *name, *suffix, *dual;
	const char *iam[4];
	const char *const *ses;
} partitions[PARTITIONS] = {
	{ "us-gov-", "aws-us-gov", "amazonaws.com", "api.aws",
	    { "iam.us-gov.amazonaws.com", "iam.us-gov.amazonaws.com",
	    "iam.us-gov.api.aws", "iam.us-gov.api.aws" }, ses_gov },
	{ "cn-", "aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn",
	    { "iam.cn-north-1.amazonaws.com.cn", "iam-fips.amazonaws.com.cn",
	    "iam.global.api.amazonwebservices.com.cn",
	    "iam-fips.api.amazonwebservices.com.cn" }, ses_none },
	{ "eusc-", "aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu",
	    { "iam.eusc-de-east-1.amazonaws.eu", "iam-fips.amazonaws.eu",
	    "iam.global.api.amazonwebservices.eu",
	    "iam-fips.api.amazonwebservices.eu" }, ses_eusc },
	{ "", "aws", "amazonaws.com", "api.aws",
	    { "iam.amazonaws.com", "iam-fips.amazonaws.com",
	    "iam.global.api.aws", "iam-fips.global.api.aws" }, ses_aws },
};

/* In the order of partitions[]: where a service without regions is. */
#define IN_ITS_REGION { NULL, NULL, NULL, NULL }
#define HOME { "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-east-1" }
#define HOME_HEALTH { "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1", \
	"us-east-1" }
/* Without a region it is asked in HOME. */
#define OPTIONAL true
/* In GovCloud the ordinary host is the FIPS one. */
#define GOV_IS_FIPS true

static const struct service {
	const char *name, *prefix, *signing, *env, *version, *target;
	enum ir_aws_protocol protocol;
	const char *home[PARTITIONS];
	bool optional, gov_is_fips;
} services[] = {
	{ "iam", "iam", "iam", "AWS_ENDPOINT_URL_IAM", "2010-05-08", NULL,
	    IR_AWS_QUERY, HOME, OPTIONAL, GOV_IS_FIPS },
	{ "sts", "sts", "sts", "AWS_ENDPOINT_URL_STS", "2011-06-15", NULL,
	    IR_AWS_QUERY, IN_ITS_REGION, OPTIONAL, GOV_IS_FIPS },
	{ "ses", "email", "ses", "AWS_ENDPOINT_URL_SES", "2010-12-01", NULL,
	    IR_AWS_QUERY, IN_ITS_REGION, false, false },
	{ "sesv2", "email", "ses", "AWS_ENDPOINT_URL_SESV2", "2019-09-27",
	    NULL, IR_AWS_REST_JSON, IN_ITS_REGION, false, false },
	{ "monitoring", "monitoring", "monitoring",
	    "AWS_ENDPOINT_URL_CLOUDWATCH", "2010-08-01",
	    "GraniteServiceVersion20100801", IR_AWS_JSON10, IN_ITS_REGION,
	    false, GOV_IS_FIPS },
	{ "ec2", "ec2", "ec2", "AWS_ENDPOINT_URL_EC2", "2016-11-15", NULL,
	    IR_AWS_EC2, IN_ITS_REGION, false, GOV_IS_FIPS },
	{ "cloudtrail", "cloudtrail", "cloudtrail",
	    "AWS_ENDPOINT_URL_CLOUDTRAIL", "2013-11-01",
	    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
	    IR_AWS_JSON11, IN_ITS_REGION, false, GOV_IS_FIPS },
	{ "health", "health", "health", "AWS_ENDPOINT_URL_HEALTH",
	    "2016-08-04", "AWSHealth_20160804", IR_AWS_JSON11, HOME_HEALTH,
	    OPTIONAL, false },
	{ "support", "support", "support", "AWS_ENDPOINT_URL_SUPPORT",
	    "2013-04-15", "AWSSupport_20130415", IR_AWS_JSON11, HOME,
	    OPTIONAL, GOV_IS_FIPS },
	/* the mail gateway of SES, with ways in of its own */
	{ "mailmanager", "mail-manager", "ses", "AWS_ENDPOINT_URL_MAILMANAGER",
	    "2023-10-17", "MailManagerSvc", IR_AWS_JSON10, IN_ITS_REGION,
	    false, false },
	{ "kms", "kms", "kms", "AWS_ENDPOINT_URL_KMS", "2014-11-01",
	    "TrentService", IR_AWS_JSON11, IN_ITS_REGION, false, false },
	{ "secretsmanager", "secretsmanager", "secretsmanager",
	    "AWS_ENDPOINT_URL_SECRETS_MANAGER", "2017-10-17",
	    "secretsmanager", IR_AWS_JSON11, IN_ITS_REGION, false, false },
	{ "guardduty", "guardduty", "guardduty", "AWS_ENDPOINT_URL_GUARDDUTY",
	    "2017-11-28", NULL, IR_AWS_REST_JSON, IN_ITS_REGION, false,
	    GOV_IS_FIPS },
	{ "accessanalyzer", "access-analyzer", "access-analyzer",
	    "AWS_ENDPOINT_URL_ACCESSANALYZER", "2019-11-01", NULL,
	    IR_AWS_REST_JSON, IN_ITS_REGION, false, GOV_IS_FIPS },
	{ "account", "account", "account", "AWS_ENDPOINT_URL_ACCOUNT",
	    "2021-02-01", NULL, IR_AWS_REST_JSON, HOME_HEALTH, OPTIONAL,
	    GOV_IS_FIPS },
	{ "organizations", "organizations", "organizations",
	    "AWS_ENDPOINT_URL_ORGANIZATIONS", "2016-11-28",
	    "AWSOrganizationsV20161128", IR_AWS_JSON11, HOME_HEALTH,
	    OPTIONAL, GOV_IS_FIPS },
	/* where the roles of IAM Identity Center are had; never signed */
	{ "sso", "portal.sso", "awsssoportal", "AWS_ENDPOINT_URL_SSO",
	    "2019-06-10", NULL, IR_AWS_REST_JSON, IN_ITS_REGION, false,
	    GOV_IS_FIPS },
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

/* A switch of the environment, else of the profile. */
static int
flag(const char *var, const char *key, const struct ir_aws_config *c,
    const char *profile, bool *on, struct ir_err *err)
{
	const char *v = getenv(var), *name = var;

	if (!v || !*v) {
		v = ir_aws_config_get(c, IR_AWS_PROFILE, profile, key);
		name = key;
	}
	*on = v && ir_ascii_ieq(v, "true");
	if (!v || !*v || *on || ir_ascii_ieq(v, "false"))
		return 0;
	return ir_fail(err, IR_CONFIG, "%s: neither true nor false: %s", name,
	    v);
}

static const char *
configured(const struct service *s, const struct ir_aws_config *c,
    const char *profile)
{
	const char *v = getenv(s->env);

	if (!v || !*v)
		v = getenv("AWS_ENDPOINT_URL");
	if (!v || !*v)
		v = in_services(s, c, profile);
	if (!v || !*v)
		v = ir_aws_config_get(c, IR_AWS_PROFILE, profile,
		    "endpoint_url");
	return v && *v ? v : NULL;
}

int
ir_endpoint_options(const char *service, const struct ir_aws_config *c,
    const char *profile, const char *url, struct ir_endpoint_opts *o,
    struct ir_err *err)
{
	const struct service *s = service_of(service);
	bool ignore;

	memset(o, 0, sizeof *o);
	if (!s)
		return ir_fail(err, IR_SOFTWARE, "no service %s", service);
	if (flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", c, profile,
	    &o->fips, err) || flag("AWS_USE_DUALSTACK_ENDPOINT",
	    "use_dualstack_endpoint", c, profile, &o->dualstack, err) ||
	    flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
	    "ignore_configured_endpoint_urls", c, profile, &ignore, err))
		return -1;
	o->url = url || ignore ? url : configured(s, c, profile);
	return 0;
}

/* "health.us-east-2.amazonaws.com[.]": the region in it. */
static int
region_in(const char *host, char region[64])
{
	const char *dot = strchr(host, '.');
	size_t n = dot ? strcspn(dot + 1, ".") : 0;

	if (n == 0 || n >= 64)
		return -1;
	memcpy(region, dot + 1, n);
	region[n] = '\0';
	return ir_aws_region_ok(region) ? 0 : -1;
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

static void
own_host(const struct service *s, const struct partition *p,
    const struct ir_endpoint_opts *o, struct ir_endpoint *e)
{
	bool dual = o->dualstack, fips = o->fips;

	if (strcmp(s->name, "iam") == 0) {
		snprintf(e->url, sizeof e->url, "https://%s",
		    p->iam[fips + 2 * dual]);
		return;
	}
	if (s->gov_is_fips && *p->prefix == 'u' && (!dual ||
	    strcmp(s->name, "monitoring") == 0))
		fips = false;
	/* newer than the others, Health there has but one kind of name */
	if (strcmp(s->name, "health") == 0 && *p->prefix == 'e')
		dual = true;
	/* one name for both, but not in the newest partition */
	if (strcmp(s->name, "secretsmanager") == 0 && *p->prefix != 'e' &&
	    !(fips && *p->prefix == 'c'))
		dual = false;
	snprintf(e->url, sizeof e->url, "https://%s%s.%s.%s", s->prefix,
	    fips ? "-fips" : "", e->region, dual ? p->dual : p->suffix);
}

/* The region that is asked, which is that of the scope, too. */
static int
scope(const struct service *s, const struct partition *p, const char *region,
    const struct ir_endpoint_opts *o, struct ir_endpoint *e,
    struct ir_err *err)
{
	const char *home = s->home[p - partitions];

	if (!region && !s->optional) {
		ir_fail(err, IR_CONFIG, "no AWS region");
		ir_hint(err, "--region, AWS_REGION, or region in the profile");
		return -1;
	}
	if (region && !ir_aws_region_ok(region))
		return ir_fail(err, IR_CONFIG, "not a region: %s", region);
	/* the isolated partitions have domains of their own */
	if (region && strstr(region, "-iso"))
		return ir_fail(err, IR_CONFIG, "%s: a partition that is not "
		    "supported", region);
	if (strcmp(s->signing, "ses") == 0 && !*p->ses)
		return ir_fail(err, IR_CONFIG, "%s: no SES in %s", region,
		    p->name);
	if (strcmp(s->name, "health") == 0 && o->health) {
		if (region_in(o->health, e->region) ||
		    partition_of(e->region) != p)
			return ir_fail(err, IR_CONFIG,
			    "no region of Health: %s", o->health);
		return 0;
	}
	if (!home && !region)
		home = services[0].home[p - partitions];
	snprintf(e->region, sizeof e->region, "%s", home ? home : region);
	return 0;
}

int
ir_endpoint_find(const char *service, const char *region,
    const struct ir_endpoint_opts *o, struct ir_endpoint *e,
    struct ir_err *err)
{
	const struct service *s = service_of(service);
	const struct partition *p = partition_of(region);

	memset(e, 0, sizeof *e);
	if (!s)
		return ir_fail(err, IR_SOFTWARE, "no service %s", service);
	if (scope(s, p, region, o, e, err))
		return -1;
	e->signing = s->signing;
	e->target = s->target;
	e->version = s->version;
	e->protocol = s->protocol;
	if (!o->url)
		own_host(s, p, o, e);
	else if (o->fips || o->dualstack)
		return ir_fail(err, IR_CONFIG, "endpoint %s: a URL of one's "
		    "own, but a %s endpoint is asked for, too", o->url,
		    o->fips ? "FIPS" : "dual-stack");
	else if (expand(o->url, s->prefix, e->region, e))
		return ir_fail(err, IR_CONFIG, "endpoint: URL too long");
	return check_url(e, o->url ? o->url : e->url, err);
}
