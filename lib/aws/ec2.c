/* ec2.c - see ec2.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ec2.h"

#define HEX "0123456789abcdef"
#define TAG_INCIDENT "quell:incident"
#define TAG_INSTANCE "quell:instance"
#define LOOKS 8
/* EC2 takes more in one call; small calls fail small. */
#define RULES_A_CALL 50

/* --- forms ------------------------------------------------------------- */

/* Parameters with their texts, for one call. */
struct form {
	struct ir_aws_param *p;
	size_t n, cap;
	bool bad;
};

static void
put(struct form *f, const char *value, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
put(struct form *f, const char *value, const char *fmt, ...)
{
	size_t cap = f->cap ? f->cap * 2 : 32;
	struct ir_aws_param *p;
	char name[128], *copy[2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof name, fmt, ap);
	va_end(ap);
	if (f->n == f->cap) {
		p = realloc(f->p, cap * sizeof *p);
		if (!p) {
			f->bad = true;
			return;
		}
		f->p = p;
		f->cap = cap;
	}
	copy[0] = strdup(name);
	copy[1] = strdup(value);
	if (!copy[0] || !copy[1]) {
		free(copy[0]);
		free(copy[1]);
		f->bad = true;
		return;
	}
	f->p[f->n++] = (struct ir_aws_param){ copy[0], copy[1] };
}

static void
form_free(struct form *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		free((char *)(uintptr_t)f->p[i].name);
		free((char *)(uintptr_t)f->p[i].value);
	}
	free(f->p);
	*f = (struct form){ NULL, 0, 0, false };
}

/* One call with a form, which is freed. */
static int
call(const struct ir_ec2 *e, const char *operation, struct form *f,
    struct ir_aws_call *c, struct ir_err *err)
{
	int rc;

	*c = (struct ir_aws_call){ .service = "ec2", .operation = operation,
	    .region = e->region, .params = f->p, .nparams = f->n,
	    .not_repeatable = strcmp(operation, "CreateSecurityGroup") == 0 ||
	    strcmp(operation, "CreateSnapshots") == 0 };
	rc = f->bad ? ir_fail(err, IR_OSERR, "no memory") :
	    ir_aws_do(e->aws, c, err);
	form_free(f);
	c->params = NULL;
	return rc;
}

/* The same, and only whether it worked counts. */
static int
call_only(const struct ir_ec2 *e, const char *operation, struct form *f,
    struct ir_err *err)
{
	struct ir_aws_call c = { .service = NULL };
	int rc = call(e, operation, f, &c, err);

	ir_aws_call_free(&c);
	return rc;
}

/* All pages of a list with one filter. */
static int
list(const struct ir_ec2 *e, const char *operation, const char *filter,
    const char *value,
    int (*fn)(const struct ir_rec *, void *, struct ir_err *), void *arg,
    struct ir_err *err)
{
	struct ir_aws_param p[] = { { "Filter.1.Name", filter },
	    { "Filter.1.Value.1", value } };
	struct ir_aws_call c = { .service = "ec2", .operation = operation,
	    .region = e->region, .params = p, .nparams = 2 };

	return ir_aws_pages(e->aws, &c, NULL, NULL, fn, arg, err);
}

static void
pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/* --- reading ----------------------------------------------------------- */

bool
ir_ec2_id_ok(const char *id, const char *kind)
{
	size_t k = strlen(kind), n;

	if (strncmp(id, kind, k) != 0 || id[k] != '-')
		return false;
	n = strspn(id + k + 1, HEX);
	return id[k + 1 + n] == '\0' && (n == 8 || n == 17);
}

static bool
copied(char *out, size_t size, const char *s)
{
	return s && (size_t)snprintf(out, size, "%s", s) < size;
}

static int
read_eni(const struct ir_rec *rec, struct ir_ec2_eni *eni)
{
	const struct ir_rec *groups = ir_rec_at(rec, "groupSet"), *g;
	size_t i;

	if (!copied(eni->id, sizeof eni->id,
	    ir_rec_get(rec, "networkInterfaceId")) || !groups ||
	    ir_rec_len(groups) > IR_EC2_GROUPS)
		return -1;
	for (i = 0; i < ir_rec_len(groups); i++) {
		g = ir_rec_item(groups, i);
		if (!copied(eni->groups[i].id, sizeof eni->groups[i].id,
		    ir_rec_get(g, "groupId")))
			return -1;
		(void)copied(eni->groups[i].name, sizeof eni->groups[i].name,
		    ir_rec_get(g, "groupName"));
	}
	eni->n = i;
	return 0;
}

static void
read_tags(const struct ir_rec *rec, struct ir_ec2_instance *i)
{
	const struct ir_rec *tags = ir_rec_at(rec, "tagSet"), *t;
	const char *key, *value;
	size_t k;

	i->tags = ir_rec_object();
	for (k = 0; tags && k < ir_rec_len(tags); k++) {
		t = ir_rec_item(tags, k);
		key = ir_rec_get(t, "key");
		value = ir_rec_get(t, "value");
		if (!key || !value)
			continue;
		ir_rec_str(i->tags, key, value);
		if (strcmp(key, "Name") == 0)
			(void)copied(i->name, sizeof i->name, value);
		if (strcmp(key, "aws:autoscaling:groupName") == 0)
			(void)copied(i->asg, sizeof i->asg, value);
	}
}

static int
read_instance(const struct ir_rec *rec, struct ir_ec2_instance *i)
{
	const struct ir_rec *enis = ir_rec_at(rec, "networkInterfaceSet");
	const struct ir_rec *disks = ir_rec_at(rec, "blockDeviceMapping");
	const char *s;
	size_t k;

	if (!copied(i->vpc, sizeof i->vpc, ir_rec_get(rec, "vpcId")) ||
	    !copied(i->state, sizeof i->state,
	    ir_rec_get(rec, "instanceState.name")) || !enis ||
	    ir_rec_len(enis) > IR_EC2_ENIS)
		return -1;
	(void)copied(i->public_ip, sizeof i->public_ip,
	    ir_rec_get(rec, "ipAddress"));
	s = ir_rec_get(rec, "instanceLifecycle");
	i->spot = s && strcmp(s, "spot") == 0;
	s = ir_rec_get(rec, "rootDeviceType");
	i->ebs_root = s && strcmp(s, "ebs") == 0;
	for (k = 0; disks && k < ir_rec_len(disks); k++)
		i->volumes += ir_rec_at(ir_rec_item(disks, k), "ebs") != NULL;
	for (k = 0; k < ir_rec_len(enis); k++)
		if (read_eni(ir_rec_item(enis, k), &i->eni[k]))
			return -1;
	i->n = k;
	read_tags(rec, i);
	return 0;
}

int
ir_ec2_instance(const struct ir_ec2 *e, struct ir_ec2_instance *i,
    struct ir_err *err)
{
	struct ir_aws_call c;
	struct form f = { NULL, 0, 0, false };
	struct ir_ec2_instance got = { .n = 0 };
	const struct ir_rec *rec;
	int rc;

	put(&f, i->id, "InstanceId.1");
	rc = call(e, "DescribeInstances", &f, &c, err);
	if (rc == 0) {
		memcpy(got.id, i->id, sizeof got.id);
		rec = ir_rec_at(c.reply, "reservationSet.0.instancesSet.0");
		if (!rec || read_instance(rec, &got)) {
			ir_rec_free(got.tags);
			rc = ir_fail(err, IR_PROTOCOL,
			    "%s: not understood", i->id);
		} else {
			ir_ec2_instance_free(i);
			*i = got;
		}
	}
	ir_aws_call_free(&c);
	return rc;
}

void
ir_ec2_instance_free(struct ir_ec2_instance *i)
{
	ir_rec_free(i->tags);
	i->tags = NULL;
}

static int
take_rules(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct ir_rec *all = ir_rec_at(reply, "securityGroupRuleSet");
	struct ir_sg_rule r;
	size_t i;

	for (i = 0; all && i < ir_rec_len(all); i++)
		if (ir_sg_read(ir_rec_item(all, i), &r, err) ||
		    ir_sg_add(arg, &r, err))
			return -1;
	return 0;
}

int
ir_ec2_rules(const struct ir_ec2 *e, const char *group,
    struct ir_sg_rules *out, struct ir_err *err)
{
	ir_sg_free(out);
	return list(e, "DescribeSecurityGroupRules", "group-id", group,
	    take_rules, out, err);
}

static void
push_once(struct ir_rec *ids, const char *id)
{
	size_t i;

	for (i = 0; i < ir_rec_len(ids); i++)
		if (strcmp(ir_rec_cstr(ir_rec_item(ids, i)), id) == 0)
			return;
	ir_rec_push_str(ids, id);
}

struct collect {
	struct ir_rec *ids;
	const char *set, *path, *but;
};

static int
take_ids(const struct ir_rec *reply, void *arg, struct ir_err *err)
{
	const struct collect *c = arg;
	const struct ir_rec *all = ir_rec_at(reply, c->set);
	const char *id;
	size_t i;

	(void)err;
	for (i = 0; all && i < ir_rec_len(all); i++) {
		id = ir_rec_get(ir_rec_item(all, i), c->path);
		if (id && (!c->but || strcmp(id, c->but) != 0))
			push_once(c->ids, id);
	}
	return 0;
}

int
ir_ec2_sharers(const struct ir_ec2 *e, const char *group,
    const char *instance, struct ir_rec *ids, struct ir_err *err)
{
	struct collect c = { ids, "networkInterfaceSet",
	    "attachment.instanceId", instance };

	return list(e, "DescribeNetworkInterfaces", "group-id", group,
	    take_ids, &c, err);
}

int
ir_ec2_referrers(const struct ir_ec2 *e, const char *group,
    struct ir_rec *ids, struct ir_err *err)
{
	struct collect c = { ids, "securityGroupInfo", "groupId", NULL };

	if (list(e, "DescribeSecurityGroups", "ip-permission.group-id", group,
	    take_ids, &c, err))
		return -1;
	return list(e, "DescribeSecurityGroups",
	    "egress.ip-permission.group-id", group, take_ids, &c, err);
}

/* --- groups ------------------------------------------------------------ */

int
ir_ec2_group_find(const struct ir_ec2 *e, const char *vpc, const char *name,
    char id[IR_EC2_ID], struct ir_err *err)
{
	struct ir_aws_call c;
	struct form f = { NULL, 0, 0, false };
	const char *s;
	int rc;

	put(&f, "group-name", "Filter.1.Name");
	put(&f, name, "Filter.1.Value.1");
	put(&f, "vpc-id", "Filter.2.Name");
	put(&f, vpc, "Filter.2.Value.1");
	rc = call(e, "DescribeSecurityGroups", &f, &c, err);
	s = rc ? NULL : ir_rec_get(c.reply, "securityGroupInfo.0.groupId");
	id[0] = '\0';
	if (s && !copied(id, IR_EC2_ID, s))
		rc = ir_fail(err, IR_PROTOCOL, "%s: not understood", name);
	ir_aws_call_free(&c);
	return rc;
}

static int
create(const struct ir_ec2 *e, const struct ir_ec2_want *w,
    char id[IR_EC2_ID], struct ir_err *err)
{
	struct ir_aws_call c;
	struct form f = { NULL, 0, 0, false };
	int rc;

	put(&f, w->name, "GroupName");
	put(&f, w->description, "GroupDescription");
	put(&f, w->vpc, "VpcId");
	put(&f, "security-group", "TagSpecification.1.ResourceType");
	put(&f, TAG_INCIDENT, "TagSpecification.1.Tag.1.Key");
	put(&f, w->incident, "TagSpecification.1.Tag.1.Value");
	rc = call(e, "CreateSecurityGroup", &f, &c, err);
	if (rc == 0 && !copied(id, IR_EC2_ID, ir_rec_get(c.reply, "groupId")))
		rc = ir_fail(err, IR_PROTOCOL, "CreateSecurityGroup: no id");
	ir_aws_call_free(&c);
	return rc;
}

static void
put_rule(struct form *f, size_t n, const struct ir_sg_rule *r,
    const char *account)
{
	static const struct {
		const char *list, *member;
	} names[] = { { "IpRanges", "CidrIp" }, { "Ipv6Ranges", "CidrIpv6" },
		{ "PrefixListIds", "PrefixListId" }, { "Groups", "GroupId" } };
	bool ports = strcmp(r->protocol, "tcp") == 0 ||
	    strcmp(r->protocol, "udp") == 0 ||
	    strncmp(r->protocol, "icmp", 4) == 0;
	const char *list_ = names[r->kind].list;
	char number[16];

	put(f, r->protocol, "IpPermissions.%zu.IpProtocol", n);
	if (ports) {
		snprintf(number, sizeof number, "%d", r->from);
		put(f, number, "IpPermissions.%zu.FromPort", n);
		snprintf(number, sizeof number, "%d", r->to);
		put(f, number, "IpPermissions.%zu.ToPort", n);
	}
	put(f, r->peer, "IpPermissions.%zu.%s.1.%s", n, list_,
	    names[r->kind].member);
	if (r->kind == IR_SG_GROUP && *r->owner && account &&
	    strcmp(r->owner, account) != 0)
		put(f, r->owner, "IpPermissions.%zu.%s.1.UserId", n, list_);
	if (*r->note)
		put(f, r->note, "IpPermissions.%zu.%s.1.Description", n,
		    list_);
}

/* Authorize what is wanted and not there, of one direction. */
static int
authorize(const struct ir_ec2 *e, const char *id,
    const struct ir_ec2_want *w, const struct ir_sg_rules *have, bool egress,
    struct ir_err *err)
{
	struct form f = { NULL, 0, 0, false };
	size_t i, n = 0;

	for (i = 0; i <= w->rules->n; i++) {
		if (i < w->rules->n && (w->rules->v[i].egress != egress ||
		    ir_sg_has(have, &w->rules->v[i])))
			continue;
		if (i < w->rules->n) {
			if (n == 0)
				put(&f, id, "GroupId");
			put_rule(&f, ++n, &w->rules->v[i], w->account);
		}
		if (n && (n == RULES_A_CALL || i == w->rules->n)) {
			n = 0;
			if (call_only(e, egress ?
			    "AuthorizeSecurityGroupEgress" :
			    "AuthorizeSecurityGroupIngress", &f, err))
				return -1;
		}
	}
	form_free(&f);
	return 0;
}

/*
 * Revoke what is there and not wanted.  In a default VPC EC2 says "true" to
 * a rule that it does not find, and lists it: that is no success.
 */
static int
revoke_extra(const struct ir_ec2 *e, const char *id,
    const struct ir_sg_rules *want, const struct ir_sg_rules *have,
    bool egress, struct ir_err *err)
{
	struct ir_aws_call c;
	struct form f = { NULL, 0, 0, false };
	const char *s;
	size_t i, n = 0;
	int rc;

	for (i = 0; i < have->n; i++)
		if (have->v[i].egress == egress &&
		    !ir_sg_has(want, &have->v[i]))
			put(&f, have->v[i].id, "SecurityGroupRuleId.%zu",
			    ++n);
	if (n == 0)
		return 0;
	put(&f, id, "GroupId");
	rc = call(e, egress ? "RevokeSecurityGroupEgress" :
	    "RevokeSecurityGroupIngress", &f, &c, err);
	s = rc ? NULL : ir_rec_get(c.reply, "return");
	if (rc == 0 && (!s || strcmp(s, "true") != 0 || ir_rec_len(ir_rec_at(
	    c.reply, "unknownIpPermissionSet")) > 0))
		rc = ir_fail(err, IR_UNAVAILABLE, "%s: EC2 passed over %zu "
		    "rules that it was to revoke", id, ir_rec_len(ir_rec_at(
		    c.reply, "unknownIpPermissionSet")));
	ir_aws_call_free(&c);
	return rc;
}

static bool
equal(const struct ir_sg_rules *a, const struct ir_sg_rules *b)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (!ir_sg_has(b, &a->v[i]))
			return false;
	for (i = 0; i < b->n; i++)
		if (!ir_sg_has(a, &b->v[i]))
			return false;
	return true;
}

/* Revoke first: the quota must not be full of what is not wanted. */
static int
reconcile(const struct ir_ec2 *e, const char *id,
    const struct ir_ec2_want *w, struct ir_err *err)
{
	struct ir_sg_rules have = { NULL, 0, 0 };
	int rc = ir_ec2_rules(e, id, &have, err), tries;

	if (rc == 0 && !equal(&have, w->rules)) {
		rc = revoke_extra(e, id, w->rules, &have, true, err) ||
		    revoke_extra(e, id, w->rules, &have, false, err) ||
		    authorize(e, id, w, &have, true, err) ||
		    authorize(e, id, w, &have, false, err) ? -1 : 0;
		for (tries = 0; rc == 0 && tries < LOOKS; tries++) {
			rc = ir_ec2_rules(e, id, &have, err);
			if (rc || equal(&have, w->rules))
				break;
			pause_ms(250);
		}
		if (rc == 0 && !equal(&have, w->rules))
			rc = ir_fail(err, IR_TEMPFAIL,
			    "%s: its rules are not yet as wanted", id);
	}
	ir_sg_free(&have);
	return rc;
}

int
ir_ec2_group_make(const struct ir_ec2 *e, const struct ir_ec2_want *w,
    char id[IR_EC2_ID], struct ir_err *err)
{
	struct ir_err first = IR_ERR_INIT;

	if (ir_ec2_group_find(e, w->vpc, w->name, id, err))
		return -1;
	if (!*id && create(e, w, id, &first)) {
		/* the answer may be lost and the group there */
		if (first.code != IR_UNKNOWN ||
		    ir_ec2_group_find(e, w->vpc, w->name, id, NULL) || !*id) {
			*err = first;
			return -1;
		}
	}
	return reconcile(e, id, w, err);
}

int
ir_ec2_group_delete(const struct ir_ec2 *e, const char *id,
    struct ir_err *err)
{
	struct ir_aws_call c = { .service = NULL };
	struct form f;
	int rc = 0, tries;

	for (tries = 0; tries < LOOKS; tries++) {
		f = (struct form){ NULL, 0, 0, false };
		put(&f, id, "GroupId");
		rc = call(e, "DeleteSecurityGroup", &f, &c, err);
		if (rc && strcmp(c.error_code, "InvalidGroup.NotFound") == 0) {
			*err = (struct ir_err)IR_ERR_INIT;
			rc = 0;
		}
		if (rc == 0 ||
		    strcmp(c.error_code, "DependencyViolation") != 0)
			break;
		ir_aws_call_free(&c);
		/* the interface has left it, and EC2 does not know yet */
		if (tries + 1 < LOOKS)
			pause_ms(250);
	}
	if (rc && tries == LOOKS)
		err->code = IR_TEMPFAIL;
	ir_aws_call_free(&c);
	return rc;
}

/* --- interfaces -------------------------------------------------------- */

static bool
has_groups(const struct ir_ec2_eni *eni, const char *const *groups, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < eni->n; k++)
			if (strcmp(eni->groups[k].id, groups[i]) == 0)
				break;
		if (k == eni->n)
			return false;
	}
	return eni->n == n;
}

static int
eni_has(const struct ir_ec2 *e, const char *id, const char *const *groups,
    size_t n, struct ir_err *err)
{
	struct ir_aws_call c;
	struct form f = { NULL, 0, 0, false };
	struct ir_ec2_eni eni = { .n = 0 };
	const struct ir_rec *rec;
	int rc;

	put(&f, id, "NetworkInterfaceId.1");
	rc = call(e, "DescribeNetworkInterfaces", &f, &c, err);
	if (rc == 0) {
		rec = ir_rec_at(c.reply, "networkInterfaceSet.0");
		rc = rec && read_eni(rec, &eni) == 0 ?
		    has_groups(&eni, groups, n) :
		    ir_fail(err, IR_PROTOCOL, "%s: not understood", id);
	}
	ir_aws_call_free(&c);
	return rc;
}

int
ir_ec2_eni_groups(const struct ir_ec2 *e, const char *eni,
    const char *const *groups, size_t n, struct ir_err *err)
{
	struct form f = { NULL, 0, 0, false };
	size_t i;
	int rc = 0, tries;

	put(&f, eni, "NetworkInterfaceId");
	for (i = 0; i < n; i++)
		put(&f, groups[i], "SecurityGroupId.%zu", i + 1);
	if (call_only(e, "ModifyNetworkInterfaceAttribute", &f, err))
		return -1;
	for (tries = 0; tries < LOOKS; tries++) {
		rc = eni_has(e, eni, groups, n, err);
		if (rc)
			break;
		pause_ms(250);
	}
	if (rc == 0)
		return ir_fail(err, IR_TEMPFAIL,
		    "%s: does not have its new groups yet", eni);
	return rc < 0 ? -1 : 0;
}

/* --- tags, snapshots, power -------------------------------------------- */

int
ir_ec2_tag(const struct ir_ec2 *e, const char *resource, const char *name,
    const char *value, struct ir_err *err)
{
	struct form f = { NULL, 0, 0, false };

	put(&f, resource, "ResourceId.1");
	put(&f, name, "Tag.1.Key");
	if (value)
		put(&f, value, "Tag.1.Value");
	return call_only(e, value ? "CreateTags" : "DeleteTags", &f, err);
}

int
ir_ec2_snapshots(const struct ir_ec2 *e, const char *instance,
    const char *incident, struct ir_rec *ids, struct ir_err *err)
{
	struct ir_aws_param p[] = {
		{ "Filter.1.Name", "tag:" TAG_INSTANCE },
		{ "Filter.1.Value.1", instance },
		{ "Filter.2.Name", "tag:" TAG_INCIDENT },
		{ "Filter.2.Value.1", incident },
		{ "Owner.1", "self" } };
	struct ir_aws_call c = { .service = "ec2", .region = e->region,
	    .operation = "DescribeSnapshots", .params = p, .nparams = 5 };
	struct collect all = { ids, "snapshotSet", "snapshotId", NULL };

	return ir_aws_pages(e->aws, &c, NULL, NULL, take_ids, &all, err);
}

int
ir_ec2_snapshot(const struct ir_ec2 *e, const char *instance,
    const char *incident, struct ir_rec *ids, struct ir_err *err)
{
	struct collect all = { ids, "snapshotSet", "snapshotId", NULL };
	struct ir_aws_call c;
	struct form f = { NULL, 0, 0, false };
	int rc;

	put(&f, instance, "InstanceSpecification.InstanceId");
	put(&f, "evidence kept by quell", "Description");
	put(&f, "snapshot", "TagSpecification.1.ResourceType");
	put(&f, TAG_INSTANCE, "TagSpecification.1.Tag.1.Key");
	put(&f, instance, "TagSpecification.1.Tag.1.Value");
	put(&f, TAG_INCIDENT, "TagSpecification.1.Tag.2.Key");
	put(&f, incident, "TagSpecification.1.Tag.2.Value");
	rc = call(e, "CreateSnapshots", &f, &c, err);
	if (rc == 0)
		rc = take_ids(c.reply, &all, err);
	ir_aws_call_free(&c);
	if (rc && err->code == IR_UNKNOWN && strcmp(incident, IR_EC2_NONE) &&
	    ir_ec2_snapshots(e, instance, incident, ids, NULL) == 0 &&
	    ir_rec_len(ids)) {
		*err = (struct ir_err)IR_ERR_INIT;
		rc = 0;
	}
	if (rc == 0 && ir_rec_len(ids) == 0)
		rc = ir_fail(err, IR_UNAVAILABLE,
		    "%s: no volume to make a snapshot of", instance);
	return rc;
}

int
ir_ec2_power(const struct ir_ec2 *e, const char *instance, bool on,
    struct ir_err *err)
{
	struct ir_ec2_instance i = { .n = 0 };
	struct form f = { NULL, 0, 0, false };
	bool so = false;
	int rc, tries;

	snprintf(i.id, sizeof i.id, "%s", instance);
	put(&f, instance, "InstanceId.1");
	rc = call_only(e, on ? "StartInstances" : "StopInstances", &f, err);
	for (tries = 0; rc == 0 && !so && tries < LOOKS; tries++) {
		if (tries)
			pause_ms(250);
		rc = ir_ec2_instance(e, &i, err);
		so = rc == 0 && (on ? strcmp(i.state, "running") == 0 ||
		    strcmp(i.state, "pending") == 0 :
		    strncmp(i.state, "stopp", 5) == 0);
	}
	if (rc == 0 && !so)
		rc = ir_fail(err, IR_TEMPFAIL, "%s: is %s", instance,
		    i.state);
	ir_ec2_instance_free(&i);
	return rc;
}

int
ir_ec2_may(const struct ir_ec2 *e, const char *operation,
    const struct ir_aws_param *p, size_t n, struct ir_err *err)
{
	struct ir_aws_call c;
	struct form f = { NULL, 0, 0, false };
	size_t i;
	int rc;

	put(&f, "true", "DryRun");
	for (i = 0; i < n; i++)
		put(&f, p[i].value, "%s", p[i].name);
	rc = call(e, operation, &f, &c, err);
	if (rc == 0)
		rc = ir_fail(err, IR_SOFTWARE, "%s: DryRun was not heeded",
		    operation);
	else if (strcmp(c.error_code, "DryRunOperation") == 0) {
		*err = (struct ir_err)IR_ERR_INIT;
		rc = 1;
	} else if (err->code == IR_NOPERM) {
		rc = 0;
	}
	ir_aws_call_free(&c);
	return rc;
}
