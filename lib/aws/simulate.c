/* simulate.c - what IAM itself says of a sender; see sending.h */
#include <stdio.h>
#include <string.h>

#include "../core/text.h"
#include "sending.h"

static void
add(struct ir_simulation *m, const char *name, const char *value)
{
	m->param[m->call.nparams++] = (struct ir_aws_param){ name, value };
}

static void
add_context(struct ir_simulation *m, size_t *names, size_t entry,
    const char *key, const char *value, const char *type)
{
	static const char *const part[] = { "Name", "Values.member.1",
		"Type" };
	const char *values[] = { key, value, type };
	size_t i;

	for (i = 0; i < 3; i++) {
		snprintf(m->name[*names], sizeof m->name[0],
		    "ContextEntries.member.%zu.ContextKey%s", entry, part[i]);
		add(m, m->name[(*names)++], values[i]);
	}
}

void
ir_simulation_ask(struct ir_simulation *m, const struct ir_sender *s,
    const struct ir_identity *id)
{
	size_t i, names = 0, entry = 0;

	memset(m, 0, sizeof *m);
	m->call.service = "iam";
	m->call.operation = "SimulatePrincipalPolicy";
	m->call.params = m->param;
	add(m, "PolicySourceArn", s->entity->arn);
	for (i = 0; ir_send_actions[i].name; i++) {
		if (!ir_send_actions[i].on_identity)
			continue;
		snprintf(m->name[names], sizeof m->name[0],
		    "ActionNames.member.%zu", i + 1);
		add(m, m->name[names++], ir_send_actions[i].name);
	}
	if (id)
		add(m, "ResourceArns.member.1", id->arn);
	ir_time_rfc3339(s->now, m->now);
	add_context(m, &names, ++entry, "aws:CurrentTime", m->now, "date");
	add_context(m, &names, ++entry, "aws:SecureTransport", "true",
	    "boolean");
	if (s->entity->kind == IR_AUTH_ROLE)
		add_context(m, &names, ++entry, "aws:TokenIssueTime", m->now,
		    "date");
	if (id)
		add_context(m, &names, ++entry, "aws:RequestedRegion",
		    id->region, "string");
}

/* XML's empty list is an empty text. */
static bool
some(const struct ir_rec *r, const char *path)
{
	const struct ir_rec *v = ir_rec_at(r, path);

	return v && ir_rec_kind(v) == IR_REC_ARRAY && ir_rec_len(v);
}

static bool
says_no(const struct ir_rec *r, const char *path)
{
	const char *s = ir_rec_get(r, path);

	return s && strcmp(s, "false") == 0;
}

static void
read_one(struct ir_simulation *m, size_t i, const struct ir_rec *r)
{
	const char *said = ir_rec_get(r, "EvalDecision"), *by;

	if (!said)
		return;
	by = ir_rec_get(r, "MatchedStatements.0.SourcePolicyId");
	m->said[i] = strcmp(said, "allowed") == 0 ? IR_SIM_ALLOWED :
	    some(r, "MissingContextValues") ? IR_SIM_OPEN : IR_SIM_DENIED;
	if (says_no(r, "OrganizationsDecisionDetail.AllowedByOrganizations"))
		by = "the organization";
	else if (says_no(r, "PermissionsBoundaryDecisionDetail."
	    "AllowedByPermissionsBoundary"))
		by = "the boundary";
	snprintf(m->why[i], sizeof m->why[i], "%.79s", by ? by : "");
}

void
ir_simulation_read(struct ir_simulation *m)
{
	const struct ir_rec *all = m->call.err.code ? NULL :
	    ir_rec_at(m->call.reply, "EvaluationResults"), *r;
	const char *name;
	size_t i, k;

	if (!all || ir_rec_kind(all) != IR_REC_ARRAY)
		return;
	for (k = 0; k < ir_rec_len(all); k++) {
		r = ir_rec_item(all, k);
		name = ir_rec_get(r, "EvalActionName");
		for (i = 0; name && ir_send_actions[i].name; i++)
			if (ir_ascii_ieq(ir_send_actions[i].name, name))
				read_one(m, i, r);
	}
}
