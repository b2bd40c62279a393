/*
 * endpoint.h - where a service of AWS is, and under which names calls to it
 * are signed: one table, one look-up.
 *
 * Source: "AWS service endpoints" (AWS General Reference) and the service
 * pages.  A region belongs to a partition by its prefix.
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

/*
 * service: "iam", "sts", "ses", "sesv2", "monitoring", "ec2".  region may be
 * NULL for iam and sts.  url (may be NULL) is used instead of AWS's own:
 * {service} (the endpoint's prefix, such as "email") and {region} in it are
 * replaced.  Pure.  0, or -1: 70 no such service, 78 no or bad region, bad
 * url, or a service that the partition does not have.
 */
int ir_endpoint_find(const char *service, const char *region,
    const char *url, struct ir_endpoint *e, struct ir_err *err);

/*
 * The URL that is configured for a service, or NULL:
 * AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's services
 * section, the profile's endpoint_url.
 */
const char *ir_endpoint_configured(const char *service,
    const struct ir_aws_config *c, const char *profile);

/* "aws", "aws-us-gov", "aws-cn", "aws-eusc" */
const char *ir_endpoint_partition(const char *region);
/* Regions of the partition that have SES; NULL-terminated. */
const char *const *ir_endpoint_ses_regions(const char *region);

#endif
