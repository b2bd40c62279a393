/* actions.c - see actions.h */
#include <stddef.h>

#include "actions.h"

const struct ir_action ir_actions[] = {
	{ "sts:GetCallerIdentity", "aws-preflight ses-pause ses-rotate "
	    "iam-key-disable", true, false },
	{ "iam:GetAccessKeyLastUsed", "iam-key-disable ses-rotate", true,
	    true },
	{ "iam:ListAccessKeys", "iam-key-disable ses-rotate", true, true },
	{ "iam:UpdateAccessKey", "iam-key-disable ses-rotate", true, true },
	{ "iam:CreateAccessKey", "ses-rotate", true, true },
	{ "ses:GetAccount", "ses-pause ses-rotate", true, false },
	{ "ses:PutAccountSendingAttributes", "ses-pause", true, false },
	/* without these there are other ways, or fewer figures */
	{ "iam:ListUsers", "iam-key-disable ses-rotate", false, false },
	{ "iam:DeleteAccessKey", "ses-rotate", false, true },
	{ "ses:ListIngressPoints", "ses-pause ses-rotate ses-senders "
	    "ses-status", false, false },
	{ "ses:GetIngressPoint", "ses-pause ses-rotate ses-senders", false,
	    false },
	{ "ses:UpdateIngressPoint", "ses-pause", false, false },
	{ "cloudwatch:GetMetricData", "ses-pause", false, false },
	{ "ses:GetSendStatistics", "ses-pause", false, false },
	{ "ec2:DescribeRegions", "ses-pause", false, false },
	{ "iam:GetAccountAuthorizationDetails", "ses-senders", false, false },
	{ "ses:ListEmailIdentities", "ses-senders", false, false },
	{ "ses:GetEmailIdentityPolicies", "ses-senders", false, false },
	{ "iam:GenerateCredentialReport", "iam-keys ses-senders", false,
	    false },
	{ "iam:GetCredentialReport", "iam-keys ses-senders", false, false },
	{ "iam:GetAccountSummary", "iam-keys ses-senders", false, false },
	{ "cloudtrail:LookupEvents", "iam-keys", false, false },
	{ NULL, NULL, false, false }
};
