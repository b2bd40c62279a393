/*
 * ec2-contain - block a host's mail or all of its network; snapshot, stop
 *
 * Reads instance ids (operands, or records on standard input) and what EC2
 * says of them; writes records of type ec2-instance, the incident's journal,
 * and the state that --undo restores.  Groups that other hosts have are never
 * touched: the host's interfaces get groups of their own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aws/client.h"
#include "aws/ec2.h"
#include "aws/ses.h"
#include "aws/trace.h"
#include "core/cli.h"
#include "core/text.h"
#include "incident/journal.h"

#define MAX_HOSTS 20
#define TAG "quell:contained"
#define DESCRIPTION "made by quell for an incident"

/* One group that an interface is to have. */
struct target {
	char of[IR_EC2_ID];		/* the group that it stands for */
	char name[160];			/* of the copy; "" the group itself */
	char id[IR_EC2_ID];		/* "" while it is not made */
	struct ir_sg_rules rules;
	bool ready;			/* it is there with these rules */
};

struct port {				/* an interface, and what it is to be */
	char id[IR_EC2_ID];
	char before[IR_EC2_GROUPS][IR_EC2_ID], now[IR_EC2_GROUPS][IR_EC2_ID];
	size_t nbefore, nnow;
	struct target t[IR_EC2_GROUPS];
	size_t n;
	char open[IR_EC2_ID];		/* an earlier run's; see untrack() */
	bool change;
};

struct host {
	struct ir_ec2_instance i;
	char region[64];
	struct ir_ec2 e;
	bool knew;			/* the state says contained */
	bool stopped_by_us;
	struct port port[IR_EC2_ENIS];
	size_t n;
	struct ir_rec *plan;		/* the plan that was read, or NULL */
	struct ir_rec *shared, *lost, *snapshots, *denied;
	bool snapshot, stop, start, tag;	/* to be done */
	bool change, begun, changed;
	char why[200];
	struct ir_err err;
};

struct run {
	struct ir_common common;
	struct ir_change change;
	struct ir_aws_opts aws_opts;
	bool smtp_only, isolate, cut, snapshot, stop, start, undo;
	struct ir_list allow;
	long settle, quota;
	const char *action;
	char incident[128];		/* value of the tags */
	char account[13];
	struct ir_aws *aws;
	struct ir_journal *journal;
	struct ir_state state;
	struct host v[MAX_HOSTS];
	size_t n;
	struct ir_err *err;
};

static const struct ir_cmd cmd = {
	"ec2-contain", "block a host's mail or all of its network",
	"[-ny] --smtp-only | --isolate [--snapshot] [--stop] instance ..."
};

static const struct ir_col cols[] = {
	{ "id", "INSTANCE" }, { "name", "NAME" }, { "region", "REGION" },
	{ "instance_state", "STATE" }, { "action", "ACTION" },
	{ "was", "WAS" }, { "contained", "CONTAINED" },
	{ "changed", "CHANGED" }, { "ok", "OK" }, { "why", "WHY" },
	{ NULL, NULL }
};

/* --- which hosts ------------------------------------------------------- */

static int
add(const struct ir_rec *rec, void *arg, struct ir_err *err)
{
	struct run *r = arg;
	const char *type = ir_rec_get(rec, "type");
	const char *id = ir_rec_get(rec, "id");
	const char *region = ir_rec_get(rec, "region");
	const char *account = ir_rec_get(rec, "account");
	const char *action = ir_rec_get(rec, "action");
	struct host *h;
	size_t i;

	if (type && strcmp(type, "ec2-instance") != 0)
		return ir_fail(err, IR_DATAERR, "not an ec2-instance: %s",
		    type);
	if (!id || !ir_ec2_id_ok(id, "i"))
		return ir_fail(err, IR_DATAERR, "not an instance id: %s",
		    id ? id : "");
	if (account && strcmp(account, r->account) != 0)
		return ir_fail(err, IR_DATAERR, "account %s, but the "
		    "credentials are of %s", account, r->account);
	if (ir_rec_get_bool(rec, "dry_run", false) && action &&
	    strcmp(action, r->action) != 0)
		return ir_fail(err, IR_DATAERR, "the plan says %s, the "
		    "options %s", action, r->action);
	if (!region)
		region = ir_rec_get(ir_rec_at(ir_rec_at(r->state.rec,
		    "instances"), id), "region");
	if (!region)
		region = ir_aws_region(r->aws);
	if (!region || !ir_aws_region_ok(region))
		return ir_fail(err, region ? IR_DATAERR : IR_CONFIG,
		    "%s: no region: --region", id);
	for (i = 0; i < r->n; i++)
		if (strcmp(r->v[i].i.id, id) == 0)
			return 0;
	if (r->n == MAX_HOSTS)
		return ir_fail(err, IR_DATAERR, "more than %d instances",
		    MAX_HOSTS);
	h = &r->v[r->n++];
	snprintf(h->i.id, sizeof h->i.id, "%s", id);
	snprintf(h->region, sizeof h->region, "%s", region);
	h->e = (struct ir_ec2){ r->aws, h->region };
	h->plan = ir_rec_get_bool(rec, "dry_run", false) ?
	    ir_rec_copy(rec) : NULL;
	return 0;
}

static int
read_selection(struct run *r, char **operands, size_t n)
{
	int rc = ir_in_each(operands, n, add, r, r->err);

	if (rc == 0 && r->n == 0)
		rc = ir_fail(r->err, IR_USAGE, "no instance given");
	if (rc == 0 && r->stop && r->n > 1)
		rc = ir_fail(r->err, IR_USAGE,
		    "--stop: one instance at a time, not %zu", r->n);
	return rc;
}

/* --- the state --------------------------------------------------------- */

static const struct ir_rec *
entry_of(const struct run *r, const struct host *h)
{
	return ir_rec_at(ir_rec_at(r->state.rec, "instances"), h->i.id);
}

/* What an interface had before the first run; else what it has now. */
static int
set_before(const struct run *r, struct host *h, struct port *p,
    const struct ir_ec2_eni *eni)
{
	const struct ir_rec *saved = ir_rec_at(ir_rec_at(entry_of(r, h),
	    "interfaces"), p->id);
	size_t i, n = ir_rec_len(saved);
	const char *s;

	for (i = 0; i < eni->n; i++)
		memcpy(p->now[i], eni->groups[i].id, IR_EC2_ID);
	p->nnow = eni->n;
	if (h->knew && saved && n && n <= IR_EC2_GROUPS) {
		for (i = 0; i < n; i++) {
			s = ir_rec_cstr(ir_rec_item(saved, i));
			snprintf(p->before[i], IR_EC2_ID, "%s", s ? s : "");
		}
		p->nbefore = n;
		return 0;
	}
	for (i = 0; i < eni->n; i++)
		if (strncmp(eni->groups[i].name, "quell-", 6) == 0) {
			ir_fail(&h->err, IR_UNAVAILABLE, "%s has %s, but "
			    "nothing is saved of it in %s", p->id,
			    eni->groups[i].name, r->state.path);
			ir_hint(&h->err, "is it in another --incident?");
			return -1;
		}
	memcpy(p->before, p->now, sizeof p->before);
	p->nbefore = p->nnow;
	return 0;
}

static int
save(struct run *r, struct host *h, bool contained)
{
	struct ir_rec *all = ir_rec_copy(ir_rec_at(r->state.rec,
	    "instances")), *e = ir_rec_object(), *enis = ir_rec_object();
	const struct ir_rec *old = entry_of(r, h);
	struct ir_rec *groups;
	const char *tag = h->knew ? ir_rec_get(old, "tag") :
	    ir_rec_get(h->i.tags, TAG);
	size_t i, k;

	if (!all)
		all = ir_rec_object();
	for (i = 0; i < h->n; i++) {
		groups = ir_rec_array();
		for (k = 0; k < h->port[i].nbefore; k++)
			ir_rec_push_str(groups, h->port[i].before[k]);
		ir_rec_set(enis, h->port[i].id, groups);
	}
	ir_rec_str(e, "region", h->region);
	ir_rec_bool(e, "contained", contained);
	ir_rec_str(e, "action", r->undo ? ir_rec_get(old, "action") :
	    r->action);
	ir_rec_set(e, "interfaces", enis);
	if (tag)
		ir_rec_str(e, "tag", tag);
	ir_rec_bool(e, "stopped", h->stopped_by_us);
	ir_rec_time(e, "time", ir_now());
	ir_rec_set(all, h->i.id, e);
	ir_rec_str(r->state.rec, "account", r->account);
	ir_rec_set(r->state.rec, "instances", all);
	return ir_state_save(&r->state, r->err);
}

/* --- what is to be ----------------------------------------------------- */

static void
all_traffic(struct ir_sg_rules *r)
{
	static const char *const any[] = { "0.0.0.0/0", "::/0" };
	struct ir_sg_rule one = { .from = -1, .to = -1, .protocol = "-1" };
	int i;

	for (i = 0; i < 4; i++) {
		one.egress = i & 1;
		one.kind = i < 2 ? IR_SG_CIDR4 : IR_SG_CIDR6;
		snprintf(one.peer, sizeof one.peer, "%s", any[i / 2]);
		(void)ir_sg_add(r, &one, NULL);
	}
}

/* Not more than the quota, or AWS would refuse it half-way. */
static int
check_quota(const struct run *r, struct host *h, const struct target *t)
{
	size_t n, most = 0;
	int way;

	for (way = 0; way < 4; way++) {
		n = ir_sg_count(&t->rules, way & 1, way < 2 ? 4 : 6);
		most = n > most ? n : most;
	}
	if (most <= (size_t)r->quota)
		return 0;
	ir_fail(&h->err, IR_UNAVAILABLE, "%s: without mail it takes %zu "
	    "rules, the quota is %ld", t->of, most, r->quota);
	ir_hint(&h->err, "--isolate, or a larger quota and --rules-quota");
	return -1;
}

/* Who else is hurt, and what the host loses, by leaving a group. */
static int
note_group(struct host *h, const char *group)
{
	struct ir_rec *others = ir_rec_array(), *refs = ir_rec_array(), *e;
	int rc = ir_ec2_sharers(&h->e, group, h->i.id, others, &h->err) ||
	    ir_ec2_referrers(&h->e, group, refs, &h->err) ? -1 : 0;

	if (rc == 0 && ir_rec_len(others)) {
		e = ir_rec_object();
		ir_rec_str(e, "group", group);
		ir_rec_set(e, "instances", ir_rec_copy(others));
		ir_rec_push(h->shared, e);
	}
	if (rc == 0 && ir_rec_len(refs)) {
		e = ir_rec_object();
		ir_rec_str(e, "group", group);
		ir_rec_set(e, "named_by", ir_rec_copy(refs));
		ir_rec_push(h->lost, e);
	}
	ir_rec_free(others);
	ir_rec_free(refs);
	return rc;
}

/* A group that lets no mail out stays; another is replaced by a copy. */
static int
plan_copy(struct run *r, struct host *h, struct port *p, const char *group)
{
	struct target *t = &p->t[p->n++];
	struct ir_sg_rules now = { NULL, 0, 0 };
	int rc = ir_ec2_rules(&h->e, group, &now, &h->err);

	snprintf(t->of, sizeof t->of, "%s", group);
	if (rc == 0 && !ir_sg_lets_mail(&now)) {
		memcpy(t->id, t->of, sizeof t->id);
		t->ready = true;
	} else if (rc == 0) {
		snprintf(t->name, sizeof t->name, "quell-smtp/%s/%s", group,
		    p->id);
		rc = ir_sg_without_mail(&now, r->allow.v, r->allow.n,
		    &t->rules, &h->err) || check_quota(r, h, t) ||
		    note_group(h, group) ? -1 : 0;
	}
	ir_sg_free(&now);
	return rc;
}

static int
plan_isolation(struct host *h, struct port *p)
{
	struct target *t = &p->t[p->n++];
	size_t i;

	snprintf(t->name, sizeof t->name, "quell-isolated/%s", p->id);
	for (i = 0; i < p->nbefore; i++)
		if (note_group(h, p->before[i]))
			return -1;
	return 0;
}

/* Is the copy there already, and as it is to be? */
static int
look_for(struct host *h, struct target *t)
{
	struct ir_sg_rules now = { NULL, 0, 0 };
	size_t i;
	int rc;

	if (!*t->name)
		return 0;
	rc = ir_ec2_group_find(&h->e, h->i.vpc, t->name, t->id, &h->err);
	if (rc == 0 && *t->id &&
	    (rc = ir_ec2_rules(&h->e, t->id, &now, &h->err)) == 0) {
		t->ready = now.n == t->rules.n;
		for (i = 0; i < now.n && t->ready; i++)
			t->ready = ir_sg_has(&t->rules, &now.v[i]);
	}
	ir_sg_free(&now);
	return rc;
}

/* Two groups may have become one. */
static size_t
wanted_groups(const struct port *p, const char *ids[IR_EC2_GROUPS])
{
	size_t i, k, n = 0;

	for (i = 0; i < p->n; i++) {
		for (k = 0; k < n; k++)
			if (strcmp(ids[k], p->t[i].id) == 0)
				break;
		if (k == n)
			ids[n++] = p->t[i].id;
	}
	return n;
}

static bool
has_now(const struct port *p, const char *const *ids, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < p->nnow; k++)
			if (strcmp(p->now[k], ids[i]) == 0)
				break;
		if (k == p->nnow)
			return false;
	}
	return n == p->nnow;
}

static int
plan_port(struct run *r, struct host *h, struct port *p)
{
	const char *ids[IR_EC2_GROUPS];
	char name[160];
	size_t i;

	if (r->isolate && plan_isolation(h, p))
		return -1;
	for (i = 0; i < p->nbefore && r->smtp_only; i++)
		if (plan_copy(r, h, p, p->before[i]))
			return -1;
	for (i = 0; i < p->n; i++) {
		if (look_for(h, &p->t[i]))
			return -1;
		p->change = p->change || !p->t[i].ready;
	}
	if (p->n && !p->change)
		p->change = !has_now(p, ids, wanted_groups(p, ids));
	if (p->n) {
		snprintf(name, sizeof name, "quell-open/%s", p->id);
		if (ir_ec2_group_find(&h->e, h->i.vpc, name, p->open,
		    &h->err))
			return -1;
		p->change = p->change || *p->open;
	}
	return 0;
}

/* The plan that a person saw is what is done, or nothing. */
static int
check_plan(struct host *h)
{
	const struct ir_rec *all = ir_rec_at(h->plan, "interfaces"), *was;
	size_t i, k, n = ir_rec_len(all);
	const char *id, *s;
	bool same = n == h->n;

	if (!h->plan)
		return 0;
	for (i = 0; i < n && same; i++) {
		id = ir_rec_get(ir_rec_item(all, i), "id");
		was = ir_rec_at(ir_rec_item(all, i), "was");
		same = id && strcmp(id, h->port[i].id) == 0 &&
		    ir_rec_len(was) == h->port[i].nnow;
		for (k = 0; same && k < h->port[i].nnow; k++) {
			s = ir_rec_cstr(ir_rec_item(was, k));
			same = s && strcmp(s, h->port[i].now[k]) == 0;
		}
	}
	return same ? 0 : ir_fail(&h->err, IR_UNAVAILABLE,
	    "its groups are not those of the plan any more: plan again");
}

static void
plan_stop(struct run *r, struct host *h)
{
	h->stop = r->stop && strcmp(h->i.state, "running") == 0;
	if (!h->stop)
		return;
	if (*h->i.asg) {
		ir_fail(&h->err, IR_UNAVAILABLE, "it is of the Auto Scaling "
		    "group %s, which terminates a host that is stopped",
		    h->i.asg);
		ir_hint(&h->err, "aws autoscaling enter-standby first");
	} else if (!h->i.ebs_root) {
		ir_fail(&h->err, IR_UNAVAILABLE, "its root is on instance "
		    "store: it can be terminated, and not stopped");
	}
	ir_warn(&r->common, "%s: a stop loses what is in memory (processes, "
	    "keys, connections), instance-store volumes%s%s", h->i.id,
	    *h->i.public_ip ? ", and unless it is an Elastic IP the address "
	    : "", h->i.public_ip);
}

static int
plan_snapshot(struct run *r, struct host *h)
{
	if (!r->snapshot)
		return 0;
	/* without an incident nothing tells an old one from one of tonight */
	if (r->change.incident && ir_ec2_snapshots(&h->e, h->i.id,
	    r->incident, h->snapshots, &h->err))
		return -1;
	h->snapshot = ir_rec_len(h->snapshots) == 0;
	return 0;
}

static void
warn_shared(const struct run *r, const struct host *h)
{
	const struct ir_rec *e;
	size_t i;

	for (i = 0; i < ir_rec_len(h->shared); i++) {
		e = ir_rec_item(h->shared, i);
		ir_warn(&r->common, "%s: %s is shared with %zu other hosts: "
		    "it stays as it is", h->i.id, ir_rec_get(e, "group"),
		    ir_rec_len(ir_rec_at(e, "instances")));
	}
	for (i = 0; i < ir_rec_len(h->lost); i++) {
		e = ir_rec_item(h->lost, i);
		ir_warn(&r->common, "%s: leaves %s, which %s and %zu others "
		    "name in their rules: what those allow it is lost",
		    h->i.id, ir_rec_get(e, "group"),
		    ir_rec_cstr(ir_rec_item(ir_rec_at(e, "named_by"), 0)),
		    ir_rec_len(ir_rec_at(e, "named_by")) - 1);
	}
}

static void
plan_one(struct run *r, struct host *h)
{
	const char *tag = ir_rec_get(h->i.tags, TAG);
	size_t i;

	for (i = 0; i < h->n; i++) {
		if (plan_port(r, h, &h->port[i]))
			return;
		h->change = h->change || h->port[i].change;
	}
	if (check_plan(h) || plan_snapshot(r, h))
		return;
	plan_stop(r, h);
	h->tag = (r->smtp_only || r->isolate) &&
	    (!tag || strcmp(tag, r->action) != 0);
	h->change = h->change || h->snapshot || h->stop || h->tag;
	warn_shared(r, h);
}

static void
plan_undo(struct run *r, struct host *h)
{
	const char *tag = ir_rec_get(h->i.tags, TAG);
	const char *was = ir_rec_get(entry_of(r, h), "tag");
	const char *ids[IR_EC2_GROUPS];
	size_t i, k;

	if (!h->knew) {
		snprintf(h->why, sizeof h->why,
		    "nothing was saved for it: left alone");
		return;
	}
	for (i = 0; i < h->n; i++) {
		struct port *p = &h->port[i];

		for (k = 0; k < p->nbefore; k++)
			ids[k] = p->before[k];
		p->change = !has_now(p, ids, p->nbefore);
	}
	h->tag = was ? !tag || strcmp(tag, was) != 0 : tag != NULL;
	h->start = r->start && h->stopped_by_us &&
	    strncmp(h->i.state, "stopp", 5) == 0;
	h->change = true;
	if (h->stopped_by_us && !r->start)
		snprintf(h->why, sizeof h->why, "it stays stopped: --start, "
		    "or aws ec2 start-instances");
}

static void
look_at(struct run *r, struct host *h)
{
	const struct ir_rec *e;
	size_t i;

	h->shared = ir_rec_array();
	h->lost = ir_rec_array();
	h->snapshots = ir_rec_array();
	h->denied = ir_rec_array();
	if (ir_ec2_instance(&h->e, &h->i, &h->err))
		return;
	if (strcmp(h->i.state, "terminated") == 0 ||
	    strcmp(h->i.state, "shutting-down") == 0) {
		ir_fail(&h->err, IR_UNAVAILABLE, "it is %s", h->i.state);
		return;
	}
	e = entry_of(r, h);
	h->knew = e && ir_rec_get_bool(e, "contained", false);
	h->stopped_by_us = h->knew && ir_rec_get_bool(e, "stopped", false);
	for (i = 0; i < h->i.n; i++) {
		snprintf(h->port[i].id, sizeof h->port[i].id, "%s",
		    h->i.eni[i].id);
		h->n = i + 1;
		if (!(r->undo && !h->knew) &&
		    set_before(r, h, &h->port[i], &h->i.eni[i]))
			return;
	}
	if (r->undo)
		plan_undo(r, h);
	else
		plan_one(r, h);
}

/* --- may it? ----------------------------------------------------------- */

static void
ask(struct host *h, const char *operation, const struct ir_aws_param *p,
    size_t n)
{
	struct ir_err err = IR_ERR_INIT;
	int rc = ir_ec2_may(&h->e, operation, p, n, &err);

	if (rc > 0)
		return;
	if (!h->err.code)
		h->err = err;
	if (rc == 0)
		ir_rec_push_str(h->denied, operation);
}

/* An interface that is to change, if there is one. */
static const struct port *
changing(const struct host *h)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->port[i].change)
			return &h->port[i];
	return &h->port[0];
}

/*
 * EC2's own DryRun.  Each request is one that would do no harm were DryRun
 * passed over: an interface gets the groups that it has, a rule is about an
 * address that nobody has (RFC 5737).  Stopping has no such form.
 */
static void
ask_all(struct run *r, struct host *h)
{
	const struct port *p = changing(h);
	const struct ir_aws_param make[] = {
		{ "GroupName", "quell-dry-run" },
		{ "GroupDescription", DESCRIPTION }, { "VpcId", h->i.vpc } };
	const struct ir_aws_param rule[] = { { "GroupId", p->before[0] },
		{ "IpPermissions.1.IpProtocol", "tcp" },
		{ "IpPermissions.1.FromPort", "9" },
		{ "IpPermissions.1.ToPort", "9" },
		{ "IpPermissions.1.IpRanges.1.CidrIp", "192.0.2.1/32" } };
	struct ir_aws_param groups[IR_EC2_GROUPS + 1] = {
		{ "NetworkInterfaceId", p->id } };
	const struct ir_aws_param tag[] = { { "ResourceId.1", h->i.id },
		{ "Tag.1.Key", TAG }, { "Tag.1.Value", r->action } };
	const struct ir_aws_param disks[] = {
		{ "InstanceSpecification.InstanceId", h->i.id } };
	const struct ir_aws_param one[] = { { "InstanceId.1", h->i.id } };
	char names[IR_EC2_GROUPS][40];
	size_t i;

	for (i = 0; i < p->nnow; i++) {
		snprintf(names[i], sizeof names[i], "SecurityGroupId.%zu",
		    i + 1);
		groups[i + 1] = (struct ir_aws_param){ names[i], p->now[i] };
	}
	if (!r->undo && p->n && p->change) {
		ask(h, "CreateSecurityGroup", make, 3);
		ask(h, "AuthorizeSecurityGroupEgress", rule, 5);
		ask(h, "RevokeSecurityGroupEgress", rule, 5);
	}
	if (p->nnow && p->change)
		ask(h, "ModifyNetworkInterfaceAttribute", groups, i + 1);
	if (h->tag)
		ask(h, r->undo ? "DeleteTags" : "CreateTags", tag, 3);
	if (h->snapshot)
		ask(h, "CreateSnapshots", disks, 1);
	if (h->stop)
		ask(h, "StopInstances", one, 1);
	if (h->start)
		ask(h, "StartInstances", one, 1);
}

static void
look(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		struct host *h = &r->v[i];

		look_at(r, h);
		if (r->change.dry_run && h->change && !h->err.code)
			ask_all(r, h);
	}
}

static int
confirm(struct run *r)
{
	const struct host *h = NULL;
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		if (r->v[i].change && !r->v[i].err.code) {
			h = &r->v[i];
			n++;
		}
	if (n == 0)
		return 0;
	if (h->stop)
		return ir_confirm_name(&r->change, h->i.id, "instance id",
		    r->err, "this stops %s (%s): what is in its memory is "
		    "lost", h->i.id, h->i.name);
	if (n > 1)
		return ir_confirm(&r->change, 1, r->err,
		    "%s: %zu instances?", r->action, n);
	return ir_confirm(&r->change, 1, r->err, "%s: %s (%s) in %s?",
	    r->action, h->i.id, h->i.name, h->region);
}

/* --- acting ------------------------------------------------------------ */

static void
settle(const struct run *r)
{
	const struct timespec t = { r->settle, 0 };

	nanosleep(&t, NULL);
}

static struct ir_ec2_want
want(const struct run *r, const struct host *h, const char *name,
    const struct ir_sg_rules *rules)
{
	return (struct ir_ec2_want){ .vpc = h->i.vpc, .name = name,
	    .description = DESCRIPTION, .incident = r->incident,
	    .rules = rules, .account = r->account };
}

/*
 * EC2 does not cut a connection that it tracks when an interface changes its
 * groups.  While everything is allowed both ways it stops tracking; then the
 * next groups cut it.
 */
static int
untrack(struct run *r, struct host *h, struct port *p)
{
	struct ir_sg_rules all = { NULL, 0, 0 };
	const char *ids[1] = { p->open };
	struct ir_ec2_want w;
	char name[160];
	int rc;

	snprintf(name, sizeof name, "quell-open/%s", p->id);
	all_traffic(&all);
	w = want(r, h, name, &all);
	rc = ir_ec2_group_make(&h->e, &w, p->open, &h->err);
	if (rc == 0 && (rc = ir_ec2_eni_groups(&h->e, p->id, ids, 1,
	    &h->err)) == 0)
		settle(r);
	ir_sg_free(&all);
	return rc;
}

/* The copies of an interface, where they are not there yet. */
static int
make_groups(struct run *r, struct host *h, struct port *p)
{
	struct ir_ec2_want w;
	size_t i;

	for (i = 0; i < p->n; i++) {
		if (p->t[i].ready)
			continue;
		w = want(r, h, p->t[i].name, &p->t[i].rules);
		if (ir_ec2_group_make(&h->e, &w, p->t[i].id, &h->err))
			return -1;
		p->t[i].ready = true;
		h->changed = true;
	}
	return 0;
}

/* The groups first, then the swap: one call an interface. */
static int
swap(struct run *r, struct host *h, struct port *p)
{
	const char *ids[IR_EC2_GROUPS];
	size_t i, n;

	if (make_groups(r, h, p))
		return -1;
	n = wanted_groups(p, ids);
	if (!has_now(p, ids, n)) {
		if ((r->isolate || r->cut) && untrack(r, h, p))
			return -1;
		if (ir_ec2_eni_groups(&h->e, p->id, ids, n, &h->err))
			return -1;
		h->changed = true;
		for (i = 0; i < n; i++)
			snprintf(p->now[i], IR_EC2_ID, "%s", ids[i]);
		p->nnow = n;
	}
	/* it lets everything in: it must not lie about */
	return *p->open ? ir_ec2_group_delete(&h->e, p->open, &h->err) : 0;
}

/* All of it; the first error is kept, and what can go on does. */
static void
contain(struct run *r, struct host *h)
{
	struct ir_err shot = IR_ERR_INIT;
	size_t i;

	if (h->tag && ir_ec2_tag(&h->e, h->i.id, TAG, r->action, &h->err))
		ir_warn(&r->common, "%s: not tagged: %s", h->i.id,
		    h->err.msg);
	h->changed = h->tag && !h->err.code;
	h->err = (struct ir_err)IR_ERR_INIT;
	if (h->snapshot) {
		if (ir_ec2_snapshot(&h->e, h->i.id, r->incident,
		    h->snapshots, &shot))
			ir_warn(&r->common, "%s: no snapshot: %s", h->i.id,
			    shot.msg);
		else
			h->changed = true;
	}
	for (i = 0; i < h->n && !h->err.code; i++)
		if (h->port[i].change)
			(void)swap(r, h, &h->port[i]);
	/* nothing is destroyed before it is preserved */
	if (h->stop && !h->err.code && !shot.code) {
		h->stopped_by_us = true;
		if (save(r, h, true) == 0 &&
		    ir_ec2_power(&h->e, h->i.id, false, &h->err) == 0) {
			h->changed = true;
			snprintf(h->i.state, sizeof h->i.state, "stopping");
		}
	}
	if (!h->err.code)
		h->err = shot;
}

/* Groups that were made for an interface, whatever run made them. */
static int
delete_groups(struct host *h, const struct port *p)
{
	char name[160], id[IR_EC2_ID];
	size_t i, n = p->nbefore + 2;

	for (i = 0; i < n; i++) {
		if (i < p->nbefore)
			snprintf(name, sizeof name, "quell-smtp/%s/%s",
			    p->before[i], p->id);
		else
			snprintf(name, sizeof name, "quell-%s/%s",
			    i == p->nbefore ? "isolated" : "open", p->id);
		if (ir_ec2_group_find(&h->e, h->i.vpc, name, id, &h->err))
			return -1;
		if (!*id)
			continue;
		if (ir_ec2_group_delete(&h->e, id, &h->err))
			return -1;
		h->changed = true;
	}
	return 0;
}

static void
restore(struct run *r, struct host *h)
{
	const char *ids[IR_EC2_GROUPS];
	size_t i, k;

	for (i = 0; i < h->n && !h->err.code; i++) {
		struct port *p = &h->port[i];

		for (k = 0; k < p->nbefore; k++)
			ids[k] = p->before[k];
		if (p->change) {
			if (ir_ec2_eni_groups(&h->e, p->id, ids, p->nbefore,
			    &h->err))
				return;
			h->changed = true;
			memcpy(p->now, p->before, sizeof p->now);
			p->nnow = p->nbefore;
		}
		if (delete_groups(h, p))
			return;
	}
	if (h->tag) {
		if (ir_ec2_tag(&h->e, h->i.id, TAG, ir_rec_get(entry_of(r, h),
		    "tag"), &h->err))
			return;
		h->changed = true;
	}
	if (h->start && ir_ec2_power(&h->e, h->i.id, true, &h->err) == 0) {
		h->changed = true;
		h->stopped_by_us = false;
		snprintf(h->i.state, sizeof h->i.state, "pending");
	}
}

/* --- saying ------------------------------------------------------------ */

static struct ir_rec *
target_record(const struct target *t)
{
	struct ir_rec *e = ir_rec_object();

	if (*t->of)
		ir_rec_str(e, "of", t->of);
	ir_rec_str(e, "name", t->name);
	if (*t->id)
		ir_rec_str(e, "id", t->id);
	ir_rec_int(e, "egress_ipv4", (int64_t)ir_sg_count(&t->rules, true,
	    4));
	ir_rec_int(e, "egress_ipv6", (int64_t)ir_sg_count(&t->rules, true,
	    6));
	return e;
}

static struct ir_rec *
port_record(const struct run *r, const struct port *p)
{
	struct ir_rec *e = ir_rec_object(), *was = ir_rec_array(), *copies;
	size_t i;

	ir_rec_str(e, "id", p->id);
	for (i = 0; i < p->nbefore; i++)
		ir_rec_push_str(was, p->before[i]);
	if (r->change.dry_run) {
		/* what the real run compares with */
		ir_rec_free(was);
		was = ir_rec_array();
		for (i = 0; i < p->nnow; i++)
			ir_rec_push_str(was, p->now[i]);
	}
	ir_rec_set(e, "was", was);
	if (!r->change.dry_run) {
		was = ir_rec_array();
		for (i = 0; i < p->nnow; i++)
			ir_rec_push_str(was, p->now[i]);
		ir_rec_set(e, "groups", was);
	}
	copies = ir_rec_array();
	for (i = 0; i < p->n; i++)
		if (*p->t[i].name)
			ir_rec_push(copies, target_record(&p->t[i]));
	if (ir_rec_len(copies))
		ir_rec_set(e, "copies", copies);
	else
		ir_rec_free(copies);
	return e;
}

static void
set_list(struct ir_rec *rec, const char *key, const struct ir_rec *list)
{
	if (ir_rec_len(list))
		ir_rec_set(rec, key, ir_rec_copy(list));
}

/* Contained: every interface has groups that let no mail (nothing) out. */
static bool
contained(const struct run *r, const struct host *h)
{
	const char *ids[IR_EC2_GROUPS];
	size_t i, k;

	if (r->undo || !(r->smtp_only || r->isolate))
		return !r->undo && h->knew;
	for (i = 0; i < h->n; i++) {
		for (k = 0; k < h->port[i].n; k++)
			if (!h->port[i].t[k].ready)
				return false;
		if (!has_now(&h->port[i], ids,
		    wanted_groups(&h->port[i], ids)))
			return false;
	}
	return h->n > 0;
}

static struct ir_rec *
record(const struct run *r, const struct host *h)
{
	struct ir_rec *rec = ir_rec_new("ec2-instance", h->i.id);
	struct ir_rec *ports = ir_rec_array();
	bool dry = r->change.dry_run;
	size_t i;

	ir_rec_str(rec, "region", h->region);
	ir_rec_str(rec, "account", r->account);
	if (*h->i.name)
		ir_rec_str(rec, "name", h->i.name);
	if (*h->i.public_ip)
		ir_rec_str(rec, "public_ip", h->i.public_ip);
	if (*h->i.state)
		ir_rec_str(rec, "instance_state", h->i.state);
	ir_rec_str(rec, "action", r->action);
	ir_rec_bool(rec, "was", h->knew);
	ir_rec_bool(rec, "contained", dry && !h->err.code ?
	    !r->undo && (h->knew || r->smtp_only || r->isolate) :
	    contained(r, h));
	for (i = 0; i < h->n; i++)
		ir_rec_push(ports, port_record(r, &h->port[i]));
	ir_rec_set(rec, "interfaces", ports);
	set_list(rec, "shared", h->shared);
	set_list(rec, "lost", h->lost);
	set_list(rec, "snapshots", h->snapshots);
	set_list(rec, "denied", h->denied);
	ir_rec_bool(rec, "ok", h->err.code == 0);
	ir_rec_bool(rec, "changed", dry ? !h->err.code && (r->undo ?
	    h->tag || h->start || changing(h)->change : h->change) :
	    h->changed);
	ir_rec_bool(rec, "dry_run", dry);
	if (h->err.code)
		ir_rec_str(rec, "why", h->err.msg);
	else if (*h->why)
		ir_rec_str(rec, "why", h->why);
	if (!dry && !h->err.code)
		ir_rec_str(rec, "state", r->state.path);
	return rec;
}

/* 0 also when AWS refused: that is in h->err.  -1: stop. */
static int
change_one(struct run *r, struct host *h)
{
	int rc = 0;

	/* what is there is on disk before anything is touched */
	if (!r->undo && save(r, h, h->knew || r->smtp_only || r->isolate))
		return -1;
	if (ir_journal_add(r->journal, "ec2-contain.begin", record(r, h),
	    r->err))
		return -1;
	h->begun = true;
	if (r->undo)
		restore(r, h);
	else
		contain(r, h);
	if (r->undo && !h->err.code)
		rc = save(r, h, false);
	if (ir_journal_add(r->journal, "ec2-contain.end", record(r, h),
	    r->err))
		rc = -1;
	return rc;
}

static void
act(struct run *r)
{
	size_t i;

	for (i = 0; i < r->n && !ir_stopped(); i++)
		if (r->v[i].change && !r->v[i].err.code &&
		    change_one(r, &r->v[i]))
			return;
}

static void
report(struct run *r, struct ir_out *out, struct ir_tally *tally)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		const struct host *h = &r->v[i];

		if (h->err.code) {
			ir_warn(&r->common, "%s: %s", h->i.id, h->err.msg);
			if (*h->err.hint)
				ir_warn(&r->common, "hint: %s", h->err.hint);
		}
		ir_tally_add(tally, h->err.code);
		ir_out_put(out, record(r, h));
	}
}

/* --- opening ----------------------------------------------------------- */

static void
check_usage(struct run *r, int operands)
{
	size_t i;

	if (r->allow.n)
		r->smtp_only = true;
	if (r->smtp_only && r->isolate)
		ir_die_usage("--smtp-only and --isolate: one of them");
	if (r->undo && (r->smtp_only || r->isolate || r->snapshot || r->stop))
		ir_die_usage("--undo: alone, or with --start");
	if (r->start && !r->undo)
		ir_die_usage("--start: with --undo");
	if (r->cut && !r->smtp_only)
		ir_die_usage("--cut: with --smtp-only");
	if (!r->undo && !r->smtp_only && !r->isolate && !r->snapshot &&
	    !r->stop)
		ir_die_usage("what is to be done? --smtp-only, --isolate, "
		    "--snapshot, --stop or --undo");
	for (i = 0; i < r->allow.n; i++)
		if (!ir_cidr_ok(r->allow.v[i]))
			ir_die_usage("--smtp-allow: not a network: %s",
			    r->allow.v[i]);
	if (r->settle > 600 || r->quota < 1 || r->quota > 1000)
		ir_die_usage("--settle or --rules-quota: out of range");
	if (!operands && isatty(STDIN_FILENO))
		ir_die_usage("no instance, and standard input is a terminal");
	r->action = r->undo ? "undo" : r->isolate ? "isolate" :
	    r->smtp_only ? "smtp-only" : r->stop ? "stop" : "snapshot";
}

/*
 * The incident's name and the time of the first run there mark what was made
 * for it: a name alone may come again.
 */
static void
name_incident(struct run *r)
{
	const char *dir = r->change.incident, *slash;
	size_t n = dir ? strlen(dir) : 0;
	char now[IR_TIME_LEN];

	if (!ir_rec_get(r->state.rec, "begun"))
		ir_rec_str(r->state.rec, "begun",
		    ir_time_rfc3339_ms(ir_now_ms(), now));

	while (n > 1 && dir[n - 1] == '/')
		n--;
	slash = n ? memrchr(dir, '/', n) : NULL;
	if (slash && slash + 1 < dir + n) {
		n -= (size_t)(slash + 1 - dir);
		dir = slash + 1;
	}
	snprintf(r->incident, sizeof r->incident, "%.*s %s", (int)(n > 80 ?
	    80 : n), dir ? dir : "", ir_rec_get(r->state.rec, "begun"));
	if (!n)
		snprintf(r->incident, sizeof r->incident, IR_EC2_NONE);
	ir_text_printable(r->incident);
}

static int
open_all(struct run *r)
{
	const char *of;

	if (ir_aws_open(&r->aws, &r->aws_opts, ir_ask_tty, r->err))
		return -1;
	ir_aws_follow(r->aws, &r->common);
	if (ir_aws_account(r->aws, r->account, NULL, r->err) ||
	    (!r->change.dry_run && ir_journal_open(&r->journal,
	    r->change.incident, cmd.name, r->err)) ||
	    ir_state_open(&r->state, r->change.incident, cmd.name, r->account,
	    !r->change.dry_run, r->err))
		return -1;
	name_incident(r);
	of = ir_rec_get(r->state.rec, "account");
	if (of && strcmp(of, r->account) != 0)
		return ir_fail(r->err, IR_CONFIG, "%s: is of account %s, the "
		    "credentials are of %s", r->state.path, of, r->account);
	return 0;
}

static void
close_all(struct run *r)
{
	size_t i, k, m;

	for (i = 0; i < r->n; i++) {
		struct host *h = &r->v[i];

		for (k = 0; k < h->n; k++)
			for (m = 0; m < h->port[k].n; m++)
				ir_sg_free(&h->port[k].t[m].rules);
		ir_ec2_instance_free(&h->i);
		ir_rec_free(h->plan);
		ir_rec_free(h->shared);
		ir_rec_free(h->lost);
		ir_rec_free(h->snapshots);
		ir_rec_free(h->denied);
	}
	ir_state_close(&r->state);
	ir_journal_close(r->journal);
	ir_aws_close(r->aws);
}

int
main(int argc, char **argv)
{
	static struct run r = { .state = { .lock = -1 }, .settle = 5,
	    .quota = 60 };
	const struct ir_opt opts[] = {
		{ 0, "smtp-only", NULL, IR_BOOL, &r.smtp_only,
		    "no mail leaves the host; all else goes on" },
		{ 0, "smtp-allow", "CIDR", IR_LIST, &r.allow,
		    "the same, but mail to that network; several" },
		{ 0, "isolate", NULL, IR_BOOL, &r.isolate,
		    "nothing gets in or out; open connections are cut" },
		{ 0, "cut", NULL, IR_BOOL, &r.cut,
		    "with --smtp-only: cut what is open, of every kind" },
		{ 0, "snapshot", NULL, IR_BOOL, &r.snapshot,
		    "keep its volumes as snapshots, first" },
		{ 0, "stop", NULL, IR_BOOL, &r.stop,
		    "stop it, last; needs --confirm" },
		{ 0, "undo", NULL, IR_BOOL, &r.undo,
		    "give the interfaces their groups back" },
		{ 0, "start", NULL, IR_BOOL, &r.start,
		    "with --undo: start it, too, if this stopped it" },
		{ 0, "settle", "SECONDS", IR_SECONDS, &r.settle,
		    "between the two swaps that cut; default: 5" },
		{ 0, "rules-quota", "N", IR_INT, &r.quota,
		    "rules a group may have; default: 60" },
		IR_OPTS_CHANGE(&r.change), IR_OPTS_AWS(&r.aws_opts),
		IR_OPTS_COMMON(&r.common), IR_OPT_END
	};
	struct ir_err err = IR_ERR_INIT;
	struct ir_tally tally = IR_TALLY_INIT;
	struct ir_out *out = NULL;
	int n;

	ir_begin(&cmd);
	n = ir_parse(argc, argv, opts, &r.common);
	check_usage(&r, n);
	r.err = &err;
	if (open_all(&r) || read_selection(&r, argv + 1, (size_t)n))
		goto out;
	look(&r);
	if (!r.change.dry_run) {
		if (confirm(&r))
			goto out;
		act(&r);
	}
	out = ir_open_output(&r.common, cols);
	report(&r, out, &tally);
out:
	close_all(&r);
	return ir_end(&err, out, &tally);
}
