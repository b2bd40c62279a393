/* trail_calls.c - the calls that matter; see cloudtrail.h */
#include <stdlib.h>
#include <string.h>

#include "cloudtrail.h"

#define IAM "iam.amazonaws.com"
#define STS "sts.amazonaws.com"
#define SES "ses.amazonaws.com"
#define EC2 "ec2.amazonaws.com"
#define SIGNIN "signin.amazonaws.com"
#define TRAIL "cloudtrail.amazonaws.com"
#define QUOTAS "servicequotas.amazonaws.com"

#define KEY "a new access key: stopping the known one is not enough"
#define WHO "a new principal"
#define MORE "more rights for a principal"
#define UNDO "takes a limit away, perhaps a quarantine"
#define CONSOLE "a way into the console"
#define SESSION "credentials that outlive the key"
#define PROVIDER "another party may sign its own way in"
#define LIMIT "asks for leave to send more"
#define ADDRESS "a new address or domain to send as"
#define OTHERS "lets others send as an identity"
#define SWITCH "switches sending on or off"
#define LOOK "how thieves find out what can be sent"
#define HIDE "takes evidence away"
#define INGRESS "a way to send with a password of its own"
#define HOST "a new machine, or a way to one"
#define SMS "text messages are sent in the same way"
#define CODE "code that runs with a role's rights"

/* Sorted by name: looked up by bisection. */
static const struct ir_trail_call calls[] = {
	{ "AddRoleToInstanceProfile", IAM, "escalation", MORE },
	{ "AddUserToGroup", IAM, "escalation", MORE },
	{ "AssumeRoot", STS, "escalation", SESSION },
	{ "AttachGroupPolicy", IAM, "escalation", MORE },
	{ "AttachRolePolicy", IAM, "escalation", MORE },
	{ "AttachUserPolicy", IAM, "escalation", MORE },
	{ "AuthorizeSecurityGroupEgress", EC2, "resource", HOST },
	{ "AuthorizeSecurityGroupIngress", EC2, "resource", HOST },
	{ "ConsoleLogin", SIGNIN, "access", CONSOLE },
	{ "CreateAccessKey", IAM, "persistence", KEY },
	{ "CreateCase", "support.amazonaws.com", "sending", LIMIT },
	{ "CreateEmailIdentity", SES, "sending", ADDRESS },
	{ "CreateEmailIdentityPolicy", SES, "sending", OTHERS },
	{ "CreateFunction20150331", "lambda.amazonaws.com", "persistence",
	    CODE },
	{ "CreateIngressPoint", SES, "persistence", INGRESS },
	{ "CreateKeyPair", EC2, "resource", HOST },
	{ "CreateLoginProfile", IAM, "persistence", CONSOLE },
	{ "CreateOpenIDConnectProvider", IAM, "persistence", PROVIDER },
	{ "CreatePolicyVersion", IAM, "escalation", MORE },
	{ "CreateRole", IAM, "persistence", WHO },
	{ "CreateSAMLProvider", IAM, "persistence", PROVIDER },
	{ "CreateServiceSpecificCredential", IAM, "persistence", KEY },
	{ "CreateUser", IAM, "persistence", WHO },
	{ "DeactivateMFADevice", IAM, "escalation", UNDO },
	{ "DeleteAlarms", "monitoring.amazonaws.com", "cover", HIDE },
	{ "DeleteConfigurationSetEventDestination", SES, "cover", HIDE },
	{ "DeleteDetector", "guardduty.amazonaws.com", "cover", HIDE },
	{ "DeleteRolePermissionsBoundary", IAM, "escalation", UNDO },
	{ "DeleteRolePolicy", IAM, "escalation", UNDO },
	{ "DeleteTrail", TRAIL, "cover", HIDE },
	{ "DeleteUserPermissionsBoundary", IAM, "escalation", UNDO },
	{ "DeleteUserPolicy", IAM, "escalation", UNDO },
	{ "DetachGroupPolicy", IAM, "escalation", UNDO },
	{ "DetachRolePolicy", IAM, "escalation", UNDO },
	{ "DetachUserPolicy", IAM, "escalation", UNDO },
	{ "DisableAlarmActions", "monitoring.amazonaws.com", "cover", HIDE },
	{ "EnableRegion", "account.amazonaws.com", "resource",
	    "a region that nobody watches" },
	{ "GetAccount", SES, "recon", LOOK },
	{ "GetAccountSendingEnabled", SES, "recon", LOOK },
	{ "GetFederationToken", STS, "persistence", SESSION },
	{ "GetSendQuota", SES, "recon", LOOK },
	{ "GetSendStatistics", SES, "recon", LOOK },
	{ "GetSessionToken", STS, "persistence", SESSION },
	{ "GetSigninToken", SIGNIN, "access", CONSOLE },
	{ "ImportKeyPair", EC2, "resource", HOST },
	{ "LeaveOrganization", "organizations.amazonaws.com", "escalation",
	    UNDO },
	{ "ListEmailIdentities", SES, "recon", LOOK },
	{ "ListIdentities", SES, "recon", LOOK },
	{ "ListServiceQuotas", QUOTAS, "recon", LOOK },
	{ "PutAccountDetails", SES, "sending", LIMIT },
	{ "PutAccountSendingAttributes", SES, "sending", SWITCH },
	{ "PutAccountSuppressionAttributes", SES, "sending",
	    "mail to addresses that complained" },
	{ "PutConfigurationSetSendingOptions", SES, "sending", SWITCH },
	{ "PutEventSelectors", TRAIL, "cover", HIDE },
	{ "PutGroupPolicy", IAM, "escalation", MORE },
	{ "PutIdentityPolicy", SES, "sending", OTHERS },
	{ "PutRolePolicy", IAM, "escalation", MORE },
	{ "PutUserPolicy", IAM, "escalation", MORE },
	{ "RequestServiceQuotaIncrease", QUOTAS, "sending", LIMIT },
	{ "RequestSpotInstances", EC2, "resource", HOST },
	{ "RunInstances", EC2, "resource", HOST },
	{ "SetDefaultPolicyVersion", IAM, "escalation", MORE },
	{ "SetSMSAttributes", "sns.amazonaws.com", "sending", SMS },
	{ "StopLogging", TRAIL, "cover", HIDE },
	{ "UpdateAccessKey", IAM, "persistence",
	    "a key switched on again, or off" },
	{ "UpdateAccountSendingEnabled", SES, "sending", SWITCH },
	{ "UpdateAssumeRolePolicy", IAM, "persistence",
	    "another party may assume a role" },
	{ "UpdateConfigurationSetSendingEnabled", SES, "sending", SWITCH },
	{ "UpdateDetector", "guardduty.amazonaws.com", "cover", HIDE },
	{ "UpdateEmailIdentityPolicy", SES, "sending", OTHERS },
	{ "UpdateIngressPoint", SES, "persistence", INGRESS },
	{ "UpdateLoginProfile", IAM, "persistence", CONSOLE },
	{ "UpdateTrail", TRAIL, "cover", HIDE },
	{ "VerifyDomainDkim", SES, "sending", ADDRESS },
	{ "VerifyDomainIdentity", SES, "sending", ADDRESS },
	{ "VerifyEmailAddress", SES, "sending", ADDRESS },
	{ "VerifyEmailIdentity", SES, "sending", ADDRESS },
	{ NULL, NULL, NULL, NULL }
};

#define N (sizeof calls / sizeof *calls - 1)

static int
by_name(const void *name, const void *call)
{
	const struct ir_trail_call *c = call;

	return strcmp(name, c->event);
}

/* Is source that of the service, or one that it also signs with? */
static bool
same_source(const char *want, const char *source)
{
	if (strcmp(want, source) == 0)
		return true;
	return strcmp(want, SES) == 0 &&
	    (strcmp(source, "email.amazonaws.com") == 0 ||
	    strcmp(source, "mail-manager.amazonaws.com") == 0);
}

const struct ir_trail_call *
ir_trail_call_find(const char *event, const char *source)
{
	const struct ir_trail_call *c = bsearch(event, calls, N,
	    sizeof *calls, by_name);

	return c && (!source || same_source(c->source, source)) ? c : NULL;
}

const struct ir_trail_call *
ir_trail_calls(void)
{
	return calls;
}
