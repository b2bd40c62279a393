/* pages.c - one paginator for all the ways AWS has of turning a page */
#include <stdlib.h>
#include <string.h>

#include "job.h"

#define PAGES_MAX 1000

/*
 * Source: the API references, by service.  more: the member that says
 * whether the list goes on, where there is one.
 */
static const struct style {
	const char *service, *in, *out, *more;
} styles[] = {
	{ "iam", "Marker", "Marker", "IsTruncated" },
	{ "kms", "Marker", "NextMarker", "Truncated" },
	{ "ec2", "NextToken", "nextToken", NULL },
	{ "health", "nextToken", "nextToken", NULL },
	{ "guardduty", "nextToken", "nextToken", NULL },
	{ "accessanalyzer", "nextToken", "nextToken", NULL },
	{ "support", "nextToken", "nextToken", NULL },
	{ NULL, "NextToken", "NextToken", NULL },
};

static const struct style *
style_of(const struct job *j)
{
	const struct style *s = styles;

	while (s->service && strcmp(s->service, j->call->service) != 0)
		s++;
	return s;
}

const char *
ir_job_token_name(const struct job *j)
{
	const struct ir_aws_paging *p = j->call->pages;

	return p->token_in ? p->token_in : style_of(j)->in;
}

/* XML says "true", JSON true. */
static bool
says_more(const struct ir_rec *reply, const char *name)
{
	const char *s = ir_rec_get(reply, name);

	return s ? strcmp(s, "true") == 0 : ir_rec_get_bool(reply, name, false);
}

int
ir_job_turn(struct job *j, const struct ir_rec *reply, struct ir_err *err)
{
	const struct ir_aws_paging *p = j->call->pages;
	const struct style *s = style_of(j);
	const char *op = j->call->operation;
	const char *next = ir_rec_get(reply, p->token_out ? p->token_out :
	    s->out);

	if (!next || !*next) {
		/* a list that is cut off unseen would be a wrong answer */
		if (s->more && says_more(reply, s->more))
			return ir_fail(err, IR_PROTOCOL,
			    "%s: there is more, but no way to it", op);
		return 0;
	}
	if (j->token && strcmp(next, j->token) == 0)
		return ir_fail(err, IR_PROTOCOL, "%s: the same page again", op);
	if (++j->pages == PAGES_MAX)
		return ir_fail(err, IR_PROTOCOL, "%s: more than %d pages", op,
		    PAGES_MAX);
	free(j->token);
	j->token = strdup(next);
	return j->token ? 1 : ir_fail(err, IR_OSERR, "no memory");
}
