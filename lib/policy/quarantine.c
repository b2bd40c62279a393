/* quarantine.c - see quarantine.h */
#include <string.h>

#include "../core/text.h"
#include "policy.h"
#include "quarantine.h"

/*
 * What a stolen principal is denied.  Whole services where a reader of mail
 * or rights has no business either; elsewhere the calls that start code
 * under another role, or change what runs under one.
 */
static const char *const denied[] = {
	/* sending by every API, and switching it on again; Mail Manager, too */
	"ses:*",
	/* other credentials and rights; taking this very policy away */
	"iam:*", "sts:*", "organizations:*", "account:*", "sso:*",
	"rolesanywhere:*",
	/* the evidence, and who watches */
	"cloudtrail:*", "guardduty:*",
	/* machines and code with a role of their own */
	"ec2:RunInstances", "ec2:RequestSpot*", "ec2:*LaunchTemplate*",
	"ec2:*IamInstanceProfile*", "ec2:ModifyInstanceAttribute",
	"ec2-instance-connect:*", "ssm:Send*", "ssm:Start*",
	"lambda:Create*", "lambda:Update*", "lambda:Add*", "ecs:RunTask",
	"ecs:StartTask", "ecs:ExecuteCommand", "ecs:Create*", "ecs:Update*",
	"ecs:Register*", "cloudformation:Create*", "cloudformation:Update*",
	"cloudformation:Execute*", "codebuild:*", "glue:Create*",
	"sagemaker:Create*", "states:Create*", "states:Update*", NULL
};

const char *const ir_quarantine_actions[] = {
	"ses:SendEmail", "ses:SendRawEmail", "ses:SendTemplatedEmail",
	"ses:SendBulkEmail", "ses:SendBulkTemplatedEmail",
	"ses:CreateEmailIdentity", "ses:PutAccountSendingAttributes",
	"ses:UpdateAccountSendingEnabled", "iam:CreateAccessKey",
	"iam:UpdateAccessKey", "iam:CreateUser", "iam:CreateLoginProfile",
	"iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:DeleteUserPolicy",
	"iam:DetachUserPolicy", "iam:AttachRolePolicy", "iam:PutRolePolicy",
	"iam:DeleteRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:PassRole",
	"sts:AssumeRole", "sts:GetSessionToken", "sts:GetFederationToken",
	"ec2:RunInstances", "lambda:CreateFunction", NULL
};

static struct ir_rec *
statement(const char *sid, bool all)
{
	struct ir_rec *s = ir_rec_object(), *list;
	size_t i;

	ir_rec_str(s, "Sid", sid);
	ir_rec_str(s, "Effect", "Deny");
	if (all) {
		ir_rec_str(s, "Action", "*");
	} else {
		list = ir_rec_array();
		for (i = 0; denied[i]; i++)
			ir_rec_push_str(list, denied[i]);
		ir_rec_set(s, "Action", list);
	}
	ir_rec_str(s, "Resource", "*");
	return s;
}

static void
condition(struct ir_rec *s, const char *operator, const char *key,
    const char *value)
{
	struct ir_rec *c = ir_rec_object(), *k = ir_rec_object();

	ir_rec_str(k, key, value);
	ir_rec_set(c, operator, k);
	ir_rec_set(s, "Condition", c);
}

/* Takes both; b may be NULL. */
static void
document(struct ir_buf *out, struct ir_rec *a, struct ir_rec *b)
{
	struct ir_rec *doc = ir_rec_object(), *all = ir_rec_array();

	ir_rec_push(all, a);
	if (b)
		ir_rec_push(all, b);
	ir_rec_str(doc, "Version", "2012-10-17");
	ir_rec_set(doc, "Statement", all);
	ir_rec_json(doc, out);
	ir_rec_free(doc);
}

void
ir_quarantine_document(struct ir_buf *out, bool all, int64_t since)
{
	struct ir_rec *older = statement("QuellOlderSessions", true);
	char when[IR_TIME_LEN];

	condition(older, "DateLessThan", "aws:TokenIssueTime",
	    ir_time_rfc3339(since, when));
	document(out, statement("QuellQuarantine", all), older);
}

void
ir_quarantine_scp(struct ir_buf *out, bool all, const char *arn)
{
	struct ir_rec *s = statement("QuellQuarantine", all);

	condition(s, "ArnEquals", "aws:PrincipalArn", arn);
	document(out, s, NULL);
}

bool
ir_quarantine_same(const char *a, size_t na, const char *b, size_t nb)
{
	struct ir_buf x = IR_BUF(IR_POLICY_MAX), y = IR_BUF(IR_POLICY_MAX);
	struct ir_rec *p = na ? ir_rec_parse_raw(a, na, NULL) : NULL;
	struct ir_rec *q = nb ? ir_rec_parse_raw(b, nb, NULL) : NULL;
	bool same = false;

	if (p && q) {
		ir_rec_json(p, &x);
		ir_rec_json(q, &y);
		same = !x.bad && !y.bad &&
		    strcmp(ir_buf_cstr(&x), ir_buf_cstr(&y)) == 0;
	}
	ir_rec_free(p);
	ir_rec_free(q);
	ir_buf_free(&x);
	ir_buf_free(&y);
	return same;
}

/* A path of ir_rec_at() cannot have the colon's key safely: step by step. */
static const char *
issue_time(const struct ir_rec *doc)
{
	return ir_rec_get(ir_rec_at(doc,
	    "Statement.1.Condition.DateLessThan"), "aws:TokenIssueTime");
}

bool
ir_quarantine_is(const char *text, size_t n, bool all, int64_t *since)
{
	struct ir_rec *doc = n ? ir_rec_parse_raw(text, n, NULL) : NULL;
	struct ir_buf b = IR_BUF(IR_QUARANTINE_MAX);
	const char *when = doc ? issue_time(doc) : NULL;
	bool is = false;

	*since = 0;
	if (when && ir_time_parse(when, since) == 0) {
		ir_quarantine_document(&b, all, *since);
		is = !b.bad && ir_quarantine_same(text, n, b.data, b.len);
	}
	ir_buf_free(&b);
	ir_rec_free(doc);
	return is;
}

struct ir_rec *
ir_quarantine_gaps(const char *text, size_t n, struct ir_err *err)
{
	struct ir_policy_request r = { .resource = NULL };
	struct ir_policy_set set = { .n = 1 };
	char why[IR_POLICY_WHY];
	struct ir_policy *p;
	struct ir_rec *gaps;
	size_t i;

	if (ir_policy_parse(&p, "quarantine", text, n, err))
		return NULL;
	set.identity = &p;
	gaps = ir_rec_array();
	for (i = 0; ir_quarantine_actions[i]; i++) {
		r.action = ir_quarantine_actions[i];
		if (ir_policy_decide(&set, &r, why) != IR_POLICY_DENIED)
			ir_rec_push_str(gaps, r.action);
	}
	ir_policy_free(p);
	return gaps;
}
