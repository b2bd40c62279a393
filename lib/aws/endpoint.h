/*
 * endpoint.h - where a service of AWS is, and under which names calls to it
 * are signed: one table, one look-up.
 *
 * Source: "AWS service endpoints" (AWS General Reference) and the service
 * pages.  A region belongs to a partition by its prefix; the isolated ones
 * (us-iso-, us-isob-, eu-isoe-, us-isof-) are refused.
 */
#ifndef IR_ENDPOINT_H
#define IR_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/err.h"
#include "config.h"

enum ir_aws_protocol {
	IR_AWS_QUERY,		/* form in, XML out */
	IR_AWS_EC2,		/* the same with its own error form */
	IR_AWS_JSON10,		/* JSON 1.0 with X-Amz-Target */
	IR_AWS_REST_JSON,
	IR_AWS_JSON11,		/* JSON 1.1 with X-Amz-Target */
};

struct ir_endpoint {
	char url[512];			/* "https://host[:port]", no path */
	const char *host;		/* "host[:port]": points into url */
	char region[64];		/* of the signature's scope */
	const char *signing;		/* service name of the scope */
	const char *target;		/* prefix of X-Amz-Target; NULL */
	const char *version;		/* API version */
	enum ir_aws_protocol protocol;
};

struct ir_endpoint_opts {
	/*
	 * Instead of AWS's own; NULL: that.  {service} (the endpoint's
	 * prefix, such as "email") and {region} in it are replaced.  A path
	 * is not allowed in it.
	 */
	const char *url;
	bool fips, dualstack;
	/*
	 * What global.health.amazonaws.com is an alias of at the moment:
	 * Health answers in one region at a time.  NULL: where it usually
	 * does.
	 */
	const char *health;
};

/*
 * The look-up.  service: "iam", "sts", "ses", "sesv2", "monitoring", "ec2",
 * "cloudtrail", "health", "support", "mailmanager", "guardduty",
 * "accessanalyzer", "kms", "secretsmanager", "account", "organizations",
 * "sso".  region
 * may be NULL for iam, sts, health, support and organizations.  Pure.  0, or
 * -1: 70 no such service, 78 no or bad region, bad url, one of one's own with
 * fips or dualstack, or a service that the partition does not have.
 */
int ir_endpoint_find(const char *service, const char *region,
    const struct ir_endpoint_opts *o, struct ir_endpoint *e,
    struct ir_err *err);

/*
 * What the environment and the files say about a service's endpoint.  url
 * (--endpoint-url; may be NULL) comes first, then AWS_ENDPOINT_URL_<SERVICE>,
 * AWS_ENDPOINT_URL, the profile's services section, the profile's
 * endpoint_url; AWS_IGNORE_CONFIGURED_ENDPOINT_URLS leaves only the first.
 * AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, or the profile's
 * use_fips_endpoint and use_dualstack_endpoint.  *o borrows from all these.
 * 0, or -1: 70, 78 a switch that is neither true nor false.
 */
int ir_endpoint_options(const char *service, const struct ir_aws_config *c,
    const char *profile, const char *url, struct ir_endpoint_opts *o,
    struct ir_err *err);

/* "aws", "aws-us-gov", "aws-cn", "aws-eusc" */
const char *ir_endpoint_partition(const char *region);
/* Regions of the partition that have SES; NULL-terminated. */
const char *const *ir_endpoint_ses_regions(const char *region);

#endif
